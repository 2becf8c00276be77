/*
 * recommend.c
 *		The cheapest class for one object: looking back by the rule of decide.c, looking ahead by its expected cost.
 *
 * Looking back, the object's reads are told to the policy "cloudflux" itself, as a replay does: it is uploaded in any class at no cost, lies where
 * its user has put it, and what the policy says from then on is its judgement. Its regret is told with it, so
 * that a person sees how far a class is from being chosen; of a judgement that nobody has followed for some days it may have gone again.
 *
 * Looking ahead, outlook.h prices what may be read over the horizon, a distribution made of the object's own rates and of what happened to others
 * that were as it is now (hazard.h). Whoever enters a class with a minimum
 * duration beyond the horizon is charged on top what leaving at its end would cost, and so is who stays in one.
 *
 * An object costs some µs, and 0.2 µs a day with reads.
 */
#include <math.h>
#include <string.h>

#include "tiering/recommend.h"

#define SUBS 16					/* menus without what is barred, kept at a time */
#define PAYBACK_HORIZONS 10
#define REVIEW_DAYS 7			/* a move that nobody makes, or that the days to come do not pay for, is looked at again so soon */
#define PENNY 1e-12				/* of the cost of staying: less is no saving */

/* A menu without the classes that are barred, and the policy on it. */
typedef struct Sub
{
	uint32_t	kept;			/* bit per class of the whole menu; 0 = unused */
	CfTariffMenu menu;
	int			whole[CF_TARIFF_CLASSES];	/* class of the whole menu */
	int			part[CF_TARIFF_CLASSES];	/* and back, CF_TARIFF_NONE = barred */
	CfReplayPolicy policy;
	void	   *self;
	bool		decides;		/* false = there is nothing to choose from */
	CfArena		arena;			/* of the policy */
} Sub;

struct CfRecommender
{
	const CfTariffMenu *menu;
	CfArena    *arena;
	Sub		   *subs[SUBS];
	int			next;			/* whose turn it is to be replaced */
	void	   *mine;			/* what the policy keeps of the object at hand */
	void	   *spare;			/* a copy */
	size_t		mine_bytes;
	CfWorkPrices part;			/* of the object at hand, without what is barred */
};

const char *
cf_recommend_reason_name(CfRecommendReason reason, CfRecommendBar bar)
{
	static const char *const names[] = {
		"here", "recommended", NULL, "dearer", "minimum duration", "regret", "another is cheaper", "thin evidence"
	};
	static const char *const bars[] = {"free", "held", "not allowed", "too slow", "too slow", "bucket setting"};

	return reason == CF_RECOMMEND_BARRED ? bars[bar] : names[reason];
}

const char *
cf_recommend_verdict_name(CfRecommendVerdict verdict)
{
	static const char *const names[] = {"move", "stay", "wait", "blocked", "thin evidence"};

	return names[verdict];
}

CfRecommender *
cf_recommender_make(const CfTariffMenu *menu, CfArena *arena)
{
	CfRecommender *recommender = cf_arena_zalloc(arena, sizeof(*recommender));

	if (recommender == NULL)
		return NULL;
	recommender->menu = menu;
	recommender->arena = arena;
	recommender->part.size_bytes = -1;
	return recommender;
}

/* moved is where a class of the whole menu, or none, is in a part of it. */
static int
moved(const Sub *sub, int cls)
{
	return cls == CF_TARIFF_NONE ? CF_TARIFF_NONE : sub->part[cls];
}

/* cut fills a part of a menu: the classes of kept, in their order. */
static void
cut(const CfTariffMenu *menu, uint32_t kept, Sub *sub)
{
	sub->kept = kept;
	sub->menu = *menu;
	sub->menu.count = 0;
	for (int c = 0; c < menu->count; c++)
	{
		sub->part[c] = (kept >> c & 1) != 0 ? sub->menu.count : CF_TARIFF_NONE;
		if (sub->part[c] == CF_TARIFF_NONE)
			continue;
		sub->whole[sub->menu.count] = c;
		sub->menu.classes[sub->menu.count++] = menu->classes[c];
	}
	for (int p = 0; p < sub->menu.count; p++)
	{
		uint32_t	from = menu->classes[sub->whole[p]].lifecycle_from;

		sub->menu.classes[p].lifecycle_from = 0;
		for (int c = 0; c < menu->count; c++)
		{
			if ((from >> c & 1) != 0 && sub->part[c] != CF_TARIFF_NONE)
				sub->menu.classes[p].lifecycle_from |= 1u << sub->part[c];
		}
	}
	sub->menu.hot = moved(sub, menu->hot) == CF_TARIFF_NONE ? 0 : moved(sub, menu->hot);
	sub->menu.warm = moved(sub, menu->warm);
	sub->menu.cold = moved(sub, menu->cold);
	sub->menu.frozen = moved(sub, menu->frozen);
	sub->menu.automatic = moved(sub, menu->automatic);
	sub->menu.automatic_archive = moved(sub, menu->automatic_archive);
}

/* free_policy gives back what the policy of a part has taken. */
static void
free_policy(void *arg)
{
	cf_arena_free(&((Sub *) arg)->arena);
}

/* slot_of is where a new part goes, in place of the oldest; NULL = out of memory. */
static Sub *
slot_of(CfRecommender *recommender)
{
	Sub		  **slot = &recommender->subs[recommender->next];

	recommender->next = (recommender->next + 1) % SUBS;
	if (*slot != NULL)
	{
		cf_arena_reset(&(*slot)->arena);
		return *slot;
	}
	*slot = cf_arena_zalloc(recommender->arena, sizeof(Sub));
	if (*slot == NULL)
		return NULL;
	cf_arena_init(&(*slot)->arena, &recommender->arena->allocator, 2048, 0);
	return cf_arena_on_reset(recommender->arena, free_policy, *slot) ? *slot : NULL;
}

/* sub_of finds or makes the part of the menu that is not barred; NULL = out of memory (err is filled). */
static Sub *
sub_of(CfRecommender *recommender, uint32_t kept, CfError *err)
{
	CfReplaySetting setting = {.object_count = 1,.group_count = 1};
	Sub		   *sub;

	for (int i = 0; i < SUBS; i++)
	{
		if (recommender->subs[i] != NULL && recommender->subs[i]->kept == kept)
			return recommender->subs[i];
	}
	sub = slot_of(recommender);
	if (sub != NULL)
	{
		cut(recommender->menu, kept, sub);
		setting.menu = &sub->menu;
		sub->decides = cf_decide_make(&sub->menu, &sub->arena, &sub->policy);
		if (!sub->decides)
			return sub;
		if (sub->policy.object_bytes > recommender->mine_bytes)
		{
			recommender->mine = cf_arena_alloc(recommender->arena, sub->policy.object_bytes);
			recommender->spare = cf_arena_alloc(recommender->arena, sub->policy.object_bytes);
			recommender->mine_bytes = recommender->mine != NULL && recommender->spare != NULL ? sub->policy.object_bytes : 0;
		}
		if (recommender->mine_bytes > 0 && sub->policy.begin(&sub->policy, &setting, &sub->arena, &sub->self, err))
			return sub;
		sub->kept = 0;
	}
	cf_error_set(err, CF_ERR_FULL, "out of memory for a recommendation");
	return NULL;
}

/*
 * judge tells the policy all that was read and asks it on the days on which a replay would. From the day on which the object came to its class
 * the policy is followed, as if all that it says had been done: where that leads by today is its judgement, which so
 * stands until something happens, and not only on the day on which it was made. direct is what it says today of the object where it
 * really is, if that is another class to go to. What the policy keeps is left in recommender->mine.
 */
static int
judge(CfRecommender *recommender, const Sub *sub, const CfRecommendAsk *ask, int32_t *again, int *direct)
{
	CfReplayView view = {.size_bytes = ask->size_bytes,.created_day = ask->begun_day,.day = ask->begun_day - 1,
		.cls = CF_TARIFF_NONE,.entered_day = ask->entered_day,.last_read_day = CF_REPLAY_NO_DAY,.past = ask->reads,
		.known = ask->known
	};

	memset(recommender->mine, 0, sub->policy.object_bytes);
	*again = CF_REPLAY_NEVER;
	(void) sub->policy.decide(&sub->policy, sub->self, recommender->mine, &view, again);
	*direct = view.cls = sub->part[ask->cls];
	while (view.day < ask->today)
	{
		int32_t		next = *again > view.day ? *again : view.day + 1;
		int			to;

		if (next > ask->today)
			next = ask->today;
		view.read_today = view.past_count < ask->read_count && ask->reads[view.past_count].day <= next;
		if (view.read_today)
			next = view.last_read_day = ask->reads[view.past_count++].day;
		view.day = next;
		*again = CF_REPLAY_NEVER;
		if (next == ask->today && view.cls != *direct)
		{
			CfReplayView real = view;

			real.cls = *direct;
			real.entered_day = ask->entered_day;
			memcpy(recommender->spare, recommender->mine, sub->policy.object_bytes);
			*direct = sub->policy.decide(&sub->policy, sub->self, recommender->spare, &real, again);
			*again = CF_REPLAY_NEVER;
		}
		to = sub->policy.decide(&sub->policy, sub->self, recommender->mine, &view, again);
		if (to != view.cls && view.day + 1 >= ask->entered_day)
		{
			view.cls = to;
			view.entered_day = view.day + 1;
		}
	}
	if (view.cls == sub->part[ask->cls] || *direct == sub->part[ask->cls])
		*direct = view.cls;
	return view.cls;
}

/*
 * cheaper_alone is a class that the object's own past speaks for, where the days to come pay more for it than for the judged one: what is known of the others
 * sends it too early to a class that does not suit this object, or to a worse one, and so would keep it from a good move.
 */
static int
cheaper_alone(CfRecommender *recommender, const Sub *sub, const CfRecommendAsk *ask, CfRecommendAnswer *answer)
{
	CfRecommendAsk own = *ask;
	int			cls = answer->judged;
	int			said[2];
	int32_t		again = CF_REPLAY_NEVER;

	own.known = NULL;
	said[0] = judge(recommender, sub, &own, &again, &said[1]);
	if (again < answer->recheck_day)
		answer->recheck_day = again;
	for (int i = 0; i < 2; i++)
	{
		if (answer->classes[sub->whole[said[i]]].total_usd < answer->classes[cls].total_usd)
			cls = sub->whole[said[i]];
	}
	return cls;
}

/* promised is what leaving at the end of the horizon would cost an object that has been in a class for so many days by now. */
static double
promised(const CfTariffMenu *menu, const CfRecommendAsk *ask, int cls, int32_t held_days)
{
	const CfTariffClass *c = &menu->classes[cls];
	int32_t		missing = c->min_days - held_days - ask->horizon_days;

	return missing > 0 ? (double) cf_tariff_billed_bytes(c, 0, ask->size_bytes) * missing * c->early_usd : 0;
}

/*
 * expect makes the outlook: of the object's own rates, and of what happened to the others, the more of it the more object-days of them are evidence and the
 * longer they were watched (by Laplace's rule: half a horizon ago something came that no count shows yet).
 */
static void
expect(const CfRecommendAsk *ask, const CfDecideObject *mine, CfOutlook *outlook)
{
	CfHazardObject like = {ask->size_bytes, ask->today + 1 - mine->work.idle_from, mine->often};
	CfOutlook	theirs;
	double		object_days;
	double		watched;

	cf_outlook_rates(&mine->rates, ask->size_bytes, ask->horizon_days, outlook);
	if (ask->known == NULL || !mine->begun)
		return;
	object_days = cf_hazard_outlook(ask->known, &like, ask->horizon_days, false, &theirs);
	if (object_days < CF_DECIDE_EVIDENCE)
		return;
	watched = cf_hazard_days(ask->known, like.idle_days);
	cf_outlook_blend(outlook, &theirs, object_days / (object_days + CF_DECIDE_EVIDENCE) * watched / (watched + ask->horizon_days / 2.0));
}

/* price fills what each class costs over the horizon. */
static void
price(const CfRecommender *recommender, const CfRecommendAsk *ask, const CfDecideObject *mine, CfRecommendAnswer *answer)
{
	const CfTariffMenu *menu = recommender->menu;
	CfOutlookObject object = {.size_bytes = ask->size_bytes,.cls = ask->cls,.day = ask->today,.entered_day = ask->entered_day,
		.last_read_day = ask->read_count > 0 ? ask->reads[ask->read_count - 1].day : CF_REPLAY_NO_DAY
	};
	CfOutlookCost costs[CF_TARIFF_CLASSES];
	CfOutlook	outlook;

	expect(ask, mine, &outlook);
	cf_outlook_costs(menu, &object, &outlook, CF_RECOMMEND_QUANTILE, costs);
	answer->unread = cf_outlook_unread(&outlook);
	answer->reads = cf_outlook_mean_reads(&outlook);
	for (int c = 0; c < menu->count; c++)
	{
		CfRecommendClass *to = &answer->classes[c];
		double		owed = promised(menu, ask, c, c == ask->cls ? ask->today + 1 - ask->entered_day : 0);
		int			last = ask->size_bytes >= menu->classes[c].monitor_min_bytes ? menu->classes[c].state_count - 1 : 0;

		memcpy(to->usd, costs[c].usd, sizeof(to->usd));
		to->usd[CF_OUTLOOK_EARLY] += owed;
		to->total_usd = costs[c].total_usd + owed;
		to->high_usd = costs[c].high_usd + owed;
		to->first_byte_s = menu->classes[c].states[last].first_byte_s;
	}
}

/* regrets fills how far each class that is not barred is from being judged better. */
static void
regrets(CfRecommender *recommender, const Sub *sub, const CfRecommendAsk *ask, const CfWork *work, CfRecommendAnswer *answer)
{
	double		needed[CF_TARIFF_CLASSES];
	int			cls = sub->part[ask->cls];

	recommender->part.menu = &sub->menu;
	cf_workfn_price(&sub->menu, ask->size_bytes, &recommender->part);
	cf_workfn_needed(&recommender->part, work, cls, needed);
	for (int p = 0; p < sub->menu.count; p++)
	{
		CfRecommendClass *to = &answer->classes[sub->whole[p]];

		to->regret_usd = work->usd[cls] - work->usd[p];
		to->needed_usd = p == cls ? 0 : needed[p];
	}
}

/* compare fills what happened to others that were as the object is now. */
static void
compare(const CfRecommendAsk *ask, const CfDecideObject *mine, CfRecommendAnswer *answer)
{
	CfHazardObject like = {ask->size_bytes, ask->today + 1 - mine->work.idle_from, mine->often};
	const CfHazardCell *cell = ask->known == NULL ? NULL : cf_hazard_cell(ask->known, &like);

	if (cell == NULL)
		return;
	answer->others_days = cell->at_risk;
	answer->others_reads = cell->wakes;
}

/* reason_of says why a class is not chosen, or that it is. */
static CfRecommendReason
reason_of(const CfRecommendAsk *ask, const CfRecommendAnswer *answer, int cls)
{
	const CfRecommendClass *to = &answer->classes[cls];
	double		stay = answer->classes[ask->cls].total_usd;

	if (cls == ask->cls)
		return CF_RECOMMEND_HERE;
	if (cls == answer->cls)
		return CF_RECOMMEND_MOVE_THERE;
	if (to->bar != CF_RECOMMEND_FREE)
		return CF_RECOMMEND_BARRED;
	if (to->total_usd >= stay * (1 - PENNY))
		return to->total_usd - to->usd[CF_OUTLOOK_EARLY] < stay * (1 - PENNY) ? CF_RECOMMEND_MINIMUM : CF_RECOMMEND_DEARER;
	if (ask->thin)
		return CF_RECOMMEND_UNPROVED;
	return answer->cls != ask->cls ? CF_RECOMMEND_ANOTHER : CF_RECOMMEND_REGRET;
}

/* weight_of is how much a cheaper class matters to who wants to know why it is not chosen. */
static int
weight_of(const CfRecommendClass *other)
{
	return other->reason != CF_RECOMMEND_BARRED ? 2 : other->bar < CF_RECOMMEND_UNWANTED;
}

/* conclude fills verdict, reasons, saving and pay-back from what the classes cost and to which one the past speaks for going. */
static void
conclude(const CfTariffMenu *menu, const CfRecommendAsk *ask, int spoken, CfRecommendAnswer *answer)
{
	const CfRecommendClass *stay = &answer->classes[ask->cls];
	const CfRecommendClass *to = &answer->classes[spoken];
	bool		waits = false;
	bool		blocked = false;

	answer->cls = spoken != ask->cls && !ask->thin && to->total_usd < stay->total_usd * (1 - PENNY) ? spoken : ask->cls;
	answer->cheaper = CF_TARIFF_NONE;
	for (int c = 0; c < menu->count; c++)
	{
		CfRecommendClass *other = &answer->classes[c];

		other->reason = reason_of(ask, answer, c);
		if (c == answer->cls || other->total_usd >= answer->classes[answer->cls].total_usd * (1 - PENNY))
			continue;
		waits = waits || other->reason == CF_RECOMMEND_REGRET;
		blocked = blocked || (other->reason == CF_RECOMMEND_BARRED && other->bar < CF_RECOMMEND_UNWANTED);
		if (answer->cheaper == CF_TARIFF_NONE || weight_of(other) > weight_of(&answer->classes[answer->cheaper]) ||
			(weight_of(other) == weight_of(&answer->classes[answer->cheaper]) &&
			 other->total_usd < answer->classes[answer->cheaper].total_usd))
			answer->cheaper = c;
	}
	answer->verdict = answer->cls != ask->cls ? CF_RECOMMEND_MOVES : ask->thin ? CF_RECOMMEND_THIN :
		waits ? CF_RECOMMEND_WAITS : blocked ? CF_RECOMMEND_BLOCKED : CF_RECOMMEND_STAYS;
	to = &answer->classes[answer->cls];
	answer->saving_usd = stay->total_usd - to->total_usd;
	if (answer->cls != ask->cls)
	{
		double		way = to->usd[CF_OUTLOOK_MOVE] + to->usd[CF_OUTLOOK_EARLY];
		double		daily = (answer->saving_usd + way) / ask->horizon_days;

		answer->payback_days = daily > 0 && way / daily <= (double) PAYBACK_HORIZONS * ask->horizon_days ? way / daily : -1;
	}
}

/* ask_ok refuses what cannot be answered. */
static bool
ask_ok(const CfTariffMenu *menu, const CfRecommendAsk *ask, CfError *err)
{
	int32_t		before = ask->begun_day - 1;

	if (ask->cls < 0 || ask->cls >= menu->count || ask->size_bytes < 0 || ask->size_bytes > CF_REPLAY_BYTES_MAX ||
		ask->horizon_days < 1 || ask->horizon_days > CF_OUTLOOK_DAYS_MAX || ask->begun_day > ask->today ||
		ask->entered_day > ask->today + 1)
		return cf_error_set(err, CF_ERR_INPUT, "class, size, days or horizon of an object make no sense");
	for (uint32_t r = 0; r < ask->read_count; r++)
	{
		if (ask->reads[r].day <= before || ask->reads[r].day > ask->today || ask->reads[r].bytes < 0 ||
			ask->reads[r].bytes > CF_REPLAY_BYTES_MAX)
			return cf_error_set(err, CF_ERR_INPUT, "reads of an object are out of order");
		before = ask->reads[r].day;
	}
	return true;
}

bool
cf_recommend(CfRecommender *recommender, const CfRecommendAsk *ask, CfRecommendAnswer *answer, CfError *err)
{
	const CfTariffMenu *menu = recommender->menu;
	const CfDecideObject *mine;
	CfDecideObject alone = {0};
	uint32_t	kept = 0;
	Sub		   *sub;
	int			direct;
	int			spoken;

	if (!ask_ok(menu, ask, err))
		return false;
	memset(answer, 0, sizeof(*answer));
	for (int c = 0; c < menu->count; c++)
	{
		answer->classes[c].bar = c == ask->cls ? CF_RECOMMEND_FREE : ask->bars[c];
		kept |= (uint32_t) (answer->classes[c].bar == CF_RECOMMEND_FREE) << c;
	}
	sub = sub_of(recommender, kept, err);
	if (sub == NULL)
		return false;
	if (sub->decides)
	{
		answer->judged = sub->whole[judge(recommender, sub, ask, &answer->recheck_day, &direct)];
		direct = sub->whole[direct];
		mine = recommender->mine;
		regrets(recommender, sub, ask, &mine->work, answer);
		compare(ask, mine, answer);
	}
	else
	{
		/* Nothing to choose from; what the others would cost is told all the same. */
		cf_rates_begin(&alone.rates, ask->size_bytes, ask->begun_day - 1);
		for (uint32_t r = 0; r < ask->read_count; r++)
			cf_rates_until(&alone.rates, ask->reads[r].day, ask->reads[r].reads, ask->reads[r].bytes);
		cf_rates_until(&alone.rates, ask->today, 0, 0);
		direct = answer->judged = ask->cls;
		answer->recheck_day = CF_REPLAY_NEVER;
		mine = &alone;
	}
	price(recommender, ask, mine, answer);
	if (answer->classes[direct].total_usd < answer->classes[answer->judged].total_usd)
		answer->judged = direct;
	spoken = ask->known != NULL && answer->judged != ask->cls ? cheaper_alone(recommender, sub, ask, answer) : answer->judged;
	conclude(menu, ask, spoken, answer);
	if (answer->judged != ask->cls && answer->recheck_day > ask->today + REVIEW_DAYS)
		answer->recheck_day = ask->today + REVIEW_DAYS;
	return true;
}
