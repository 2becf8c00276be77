/*
 * decide.c
 *		cloudflux as it would have decided day by day, with only the past visible: the policy of that name in a replay.
 *
 * Nothing in it is fitted to a history. At upload an object gets the class that is safe when nothing is known (cf_workfn_start). After
 * that it stays where it is until the regret for not being elsewhere, counted in money over its own reads, has grown to
 * what coming back from there would cost (workfn.h). That alone has a bound, whatever comes.
 *
 * Advice shortens the wait. If the object's own rates (rates.h), going on for HORIZON_DAYS, would earn at least TRUST of the way there and
 * back, then TRUST of the regret is enough. If what happened to the others of its dataset (hazard.h) makes a class cheaper by at
 * least TRUST of the way back from there, then TRUST_KNOWN is; the horizon of that is no longer than the dataset has been watched. Advice never makes a
 * move without regret and never prevents one, so there still is a bound (bound.h), with the least of all trusts; that is the robustness
 * of an online algorithm with predictions of trust (Antoniadis et al., ICML 2020; Purohit, Svitkina and Kumar, NeurIPS 2018).
 *
 * The dataset also says what a day is like that ends a quiet time. Where such days read an object many times over, the worst day of
 * the work function (workfn.h) is such a day, for objects too that had none yet.
 *
 * Per object it needs CfDecideObject, 208 bytes; and the prices of the object at hand, once.
 */
#include <string.h>

#include "tiering/decide.h"
#include "tiering/hazard.h"

#define TRUST 0.5				/* where the object's own rates speak for a move */
#define TRUST_KNOWN CF_DECIDE_TRUST /* where the dataset does */
#define HORIZON_DAYS 180		/* what a minimum duration can be at most, and about twice the memory of the rates */
#define REVIEW_DAYS 7			/* advice is asked for again so soon, then ever more rarely */

#define VERDICTS 32768			/* remembered at a time */
#define VERDICTS_FEW 4096		/* … for who asks about objects one by one, with what is known today */
#define WAYS 4					/* places for one hash */
#define SIZE_LEAST 14			/* sizes are rounded down to powers of two, of four from SIZE_FINE on */
#define SIZE_FINE 20
#define SIZE_MOST 28			/* fees per object decide nothing any more */

/* What the dataset says to objects that are alike: a pure function of the key, so that it does not matter who asked first. */
typedef struct Verdict
{
	const CfHazardTable *table;
	uint32_t	key;			/* frequency, size, present class, and whether its minimum duration is still to be paid */
	uint32_t	classes[CF_HAZARD_IDLE];	/* after so many idle days, for which classes it speaks: bit k = class k */
} Verdict;

typedef struct Decider
{
	CfWorkPrices prices;		/* of the object at hand */
	CfArena    *arena;
	Verdict    *verdicts;		/* NULL until one is asked for */
	uint32_t	verdict_count;
} Decider;

/* prices_of are the prices of an object's size, computed anew only where another size comes along. */
static const CfWorkPrices *
prices_of(Decider *decider, int64_t size_bytes)
{
	if (decider->prices.size_bytes != size_bytes)
		cf_workfn_price(decider->prices.menu, size_bytes, &decider->prices);
	return &decider->prices;
}

static bool
begin(const CfReplayPolicy *policy, const CfReplaySetting *setting, CfArena *arena, void **self, CfError *err)
{
	Decider    *decider = cf_arena_zalloc(arena, sizeof(*decider));

	if (decider == NULL)
		return cf_error_set(err, CF_ERR_FULL, "out of memory for policy %s", policy->name);
	decider->prices.menu = setting->menu;
	decider->prices.size_bytes = -1;
	decider->arena = arena;
	decider->verdict_count = setting->object_count > 1 ? VERDICTS : VERDICTS_FEW;
	*self = decider;
	return true;
}

/*
 * found begins what is kept of an object that was there before, as if it had been watched since it was last in somebody's hands as far as
 * is known: since its last read or its upload, but not longer than reads are on record, nor than it lay in its class. What
 * those days cost more than elsewhere is regret already. Advice looks further back, to the last read or upload that is known: it may be
 * wrong, and makes no move without regret.
 */
static int
found(const CfWorkPrices *prices, CfDecideObject *object, const CfReplayView *view)
{
	bool		read = view->last_read_day != CF_REPLAY_NO_DAY && view->last_read_day > view->created_day;
	int32_t		known = read ? view->last_read_day : view->created_day;
	int32_t		from = known > view->watched_from ? known : view->watched_from;
	int32_t		idle_from = from;

	object->found = true;
	object->found_day = view->day;
	object->quiet_from = known < view->day ? known : view->day;

	if (prices->menu->classes[view->cls].state_count > 1)
		idle_from = view->entered_day > view->last_read_day ? view->entered_day : view->last_read_day;
	if (from < view->entered_day - 1)
		from = view->entered_day - 1;
	if (from > view->day)
		from = view->day;
	if (idle_from > from + 1)
		idle_from = from + 1;
	cf_workfn_begin(prices, &object->work, view->cls, from, idle_from);
	cf_workfn_idle(prices, &object->work, view->day);
	if (object->quiet_from > from)
		object->quiet_from = from;
	cf_rates_begin(&object->rates, view->size_bytes, object->quiet_from);
	cf_rates_until(&object->rates, view->day, 0, 0);
	return view->cls;
}

/* first_sight begins what is kept of an object that is uploaded tomorrow, or that was there before the replay. */
static int
first_sight(const CfWorkPrices *prices, CfDecideObject *object, const CfReplayView *view)
{
	object->begun = true;
	if (view->cls != CF_TARIFF_NONE)
		return found(prices, object, view);
	cf_workfn_begin(prices, &object->work, CF_TARIFF_NONE, view->day, view->day + 1);
	cf_rates_begin(&object->rates, view->size_bytes, view->day);
	object->quiet_from = view->day + 1;
	return cf_workfn_start(prices);
}

/*
 * learn says for which classes the dataset speaks: those that save at least TRUST of the way back over the horizon, at the careful end of the
 * counts. What reads everything at once shows in no count of objects until it came; so long as objects so idle were watched
 * for d days without it, its rate may be half a time in d days (Jeffreys' prior of a rate).
 */
static uint32_t
learn(const CfTariffMenu *menu, const CfHazardKnown *known, const CfHazardObject *like, int cls, bool fresh)
{
	const int64_t size = like->size_bytes;
	const double read_here = cf_tariff_read_usd(menu, cls, 0, size, 1, size);
	CfOutlookObject where = {.size_bytes = size,.cls = cls,.day = like->idle_days - 1,.may_return = true};
	CfOutlookCost here;
	CfOutlook	outlook;
	int32_t		watched = cf_hazard_days(known, like->idle_days);
	int32_t		horizon = cf_hazard_days(known, -1);
	uint32_t	classes = 0;

	if (horizon > HORIZON_DAYS)
		horizon = HORIZON_DAYS;
	if (watched < 1 || cf_hazard_outlook(known, like, horizon, true, &outlook) < CF_DECIDE_EVIDENCE)
		return 0;
	/* In the middle of the minimum duration, or long there; idle days count since the last read. */
	where.entered_day = fresh ? where.day + 1 - menu->classes[cls].min_days / 2 : -CF_TARIFF_DAYS_MAX;
	where.last_read_day = where.day + 1 - like->idle_days;
	cf_outlook_cost(menu, &where, &outlook, cls, 1, &here);
	for (int k = 0; k < menu->count; k++)
	{
		CfOutlookCost there;

		if (k == cls)
			continue;
		cf_outlook_cost(menu, &where, &outlook, k, 1, &there);
		there.total_usd += 0.5 * horizon / watched * (cf_tariff_read_usd(menu, k, 0, size, 1, size) - read_here);
		if (here.total_usd - there.total_usd >= TRUST * cf_tariff_move_usd(menu, k, 0, 0, cls, size))
			classes |= 1u << k;
	}
	return classes;
}

/* verdict_of finds what the dataset says to an object in cls, or asks it; NULL = nothing. */
static const uint32_t *
verdict_of(Decider *decider, const CfDecideObject *object, const CfReplayView *view, int cls)
{
	const CfHazardKnown *known = view->known;
	const CfTariffMenu *menu = decider->prices.menu;
	int			often = cf_hazard_often(object->often);
	bool		fresh = cls != view->cls ? menu->classes[cls].min_days > 0 :
		view->day + 1 - view->entered_day < menu->classes[cls].min_days;
	int			size = view->size_bytes > 0 ? 63 - __builtin_clzll((unsigned long long) view->size_bytes) : 0;
	uint32_t	key;
	uint64_t	hash;
	Verdict    *verdict;

	if (known == NULL || known->own == NULL)
		return NULL;
	if (decider->verdicts == NULL && (decider->verdicts = cf_arena_zalloc(decider->arena, decider->verdict_count * sizeof(Verdict))) == NULL)
		return NULL;
	size = size < SIZE_LEAST ? SIZE_LEAST : size < SIZE_FINE ? size : size > SIZE_MOST ? SIZE_MOST : size & ~1;
	key = (uint32_t) (((often * 64 + size) * CF_TARIFF_CLASSES + cls) * 2 + fresh);
	hash = (key ^ (uint64_t) (uintptr_t) known->own * 0x9E3779B97F4A7C15u) * 0xBF58476D1CE4E5B9u;
	verdict = &decider->verdicts[(hash >> 32) % (decider->verdict_count / WAYS) * WAYS];
	for (int way = 0; way < WAYS; way++, verdict++)
	{
		if (verdict->table == known->own && verdict->key == key)
			return verdict->classes;
		if (verdict->table == NULL)
			break;
	}
	/* No place left: the first makes room. */
	if (verdict == &decider->verdicts[((hash >> 32) % (decider->verdict_count / WAYS) + 1) * WAYS])
		verdict -= WAYS;
	verdict->table = known->own;
	verdict->key = key;
	for (int idle = 0; idle < CF_HAZARD_IDLE; idle++)
	{
		CfHazardObject like = {(int64_t) 1 << size, cf_hazard_idle_from(idle), cf_hazard_often_in(often)};

		verdict->classes[idle] = learn(menu, known, &like, cls, fresh);
	}
	return verdict->classes;
}

/* advise fills how much regret is enough for each class: all, TRUST where the rates speak for it, TRUST_KNOWN where the dataset does. */
static void
advise(const CfWorkPrices *prices, const CfDecideObject *object, const CfReplayView *view, uint32_t known, double *trust)
{
	const CfTariffMenu *menu = prices->menu;
	int			cls = view->cls;
	int			state = cf_tariff_state(&menu->classes[cls], view->size_bytes, view->day - object->work.idle_from);
	double		here = cf_rates_day_usd(&object->rates, prices, cls);

	for (int k = 0; k < menu->count; k++)
	{
		double		there;
		double		ways;

		if ((known >> k & 1) != 0)
			continue;
		there = cf_rates_day_usd(&object->rates, prices, k);
		ways = prices->move_usd[k][0][cls] +
			cf_tariff_move_usd(menu, cls, state, view->day + 1 - view->entered_day, k, view->size_bytes);
		trust[k] = HORIZON_DAYS * (here - there) >= TRUST * ways ? TRUST : 1;
	}
}

/* choose says where the object should be tomorrow; the rates are only asked where some regret would be enough with them. */
static int
choose(const CfWorkPrices *prices, const CfDecideObject *object, const CfReplayView *view, const uint32_t *verdict)
{
	uint32_t	known = verdict == NULL ? 0 : verdict[cf_hazard_idle(view->day + 1 - object->quiet_from)];
	double		trust[CF_TARIFF_CLASSES];

	for (int k = 0; k < prices->menu->count; k++)
		trust[k] = known >> k & 1 ? TRUST_KNOWN : TRUST;
	if (cf_workfn_choose(prices, &object->work, view->cls, trust) == view->cls)
		return view->cls;
	advise(prices, object, view, known, trust);
	return cf_workfn_choose(prices, &object->work, view->cls, trust);
}

/*
 * spoken_next is the first day, before until, on which the dataset will speak for a class for which a little regret is there then, as far as is
 * known today.
 */
static int32_t
spoken_next(const CfWorkPrices *prices, const CfDecideObject *object, int cls, const uint32_t *verdict, int32_t until)
{
	const CfWork *work = &object->work;

	for (int class = cf_hazard_idle(work->day + 2 - object->quiet_from); class < CF_HAZARD_IDLE; class++)
	{
		int32_t		from = object->quiet_from + cf_hazard_idle_from(class) - 1;
		int32_t		to = class + 1 < CF_HAZARD_IDLE ? object->quiet_from + cf_hazard_idle_from(class + 1) - 1 : until;
		int32_t		next;

		if (from <= work->day)
			from = work->day + 1;
		if (from >= until)
			break;
		if (verdict[class] == 0)
			continue;
		next = cf_workfn_next_among(prices, work, cls, TRUST_KNOWN, verdict[class]);
		if (next < to && next < until)
			return next > from ? next : from;
	}
	return until;
}

/* review is when to look again at an object that nobody reads. */
static int32_t
review(const CfWorkPrices *prices, const CfDecideObject *object, int cls, const uint32_t *verdict)
{
	const CfWork *work = &object->work;
	int32_t		idle = work->day - work->idle_from;
	int32_t		soon = work->day + REVIEW_DAYS + (idle > 0 ? idle / 4 : 0);
	int32_t		next = cf_workfn_glance(prices, work, cls, TRUST);

	if (next <= work->day + 1)
	{
		next = cf_workfn_next(prices, work, cls, 1);
		next = next < soon ? next : soon;
	}
	/* What is known of those that were there before grows from nothing. */
	if (object->found)
	{
		soon = work->day + REVIEW_DAYS + (work->day - object->found_day) / 4;
		next = next < soon ? next : soon;
	}
	return verdict == NULL ? next : spoken_next(prices, object, cls, verdict, next);
}

/*
 * expect_bursts lets the worst day be what a day that ends a quiet time reads of the dataset's objects on the mean, and of this one, each day
 * that it had itself counting as one of theirs. Two whole reads are no burst: the way back pays for one, and one may come anyway.
 */
static void
expect_bursts(CfDecideObject *object, const CfReplayView *view)
{
	const double size = (double) view->size_bytes;
	double		bytes;

	if (view->read_today)
	{
		int32_t		before = view->past_count > 1 ? view->past[view->past_count - 2].day : view->created_day;

		if (view->day - before >= CF_HAZARD_QUIET_DAYS)
		{
			object->wakes++;
			object->woken_bytes += (double) view->past[view->past_count - 1].bytes;
		}
	}
	if (view->known == NULL)
		return;
	bytes = (object->woken_bytes + cf_hazard_burst(view->known) * size) / (object->wakes + 1) - 2 * size;
	if (bytes > object->work.worst_bytes)
		object->work.worst_bytes = bytes;
}

static int
decide(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	const CfWorkPrices *prices = prices_of(self, view->size_bytes);
	CfDecideObject *object = mine;
	const uint32_t *verdict = NULL;
	int			cls;

	(void) policy;
	if (!object->begun)
	{
		cls = first_sight(prices, object, view);
		object->often = 1;
	}
	else
	{
		CfReplayAccess today = {0};

		if (view->read_today)
			today = view->past[view->past_count - 1];
		cf_workfn_idle(prices, &object->work, view->read_today ? view->day - 1 : view->day);
		if (view->read_today)
			cf_workfn_read(prices, &object->work, today.reads, today.bytes);
		cf_rates_until(&object->rates, view->day, today.reads, today.bytes);
		expect_bursts(object, view);
		if (view->read_today)
		{
			object->often = object->rates.read_days;
			object->quiet_from = view->day;
			object->found = false;
		}
		verdict = verdict_of(self, object, view, view->cls);
		cls = choose(prices, object, view, verdict);
		if (view->read_today)
			cf_workfn_settle(prices, &object->work);
	}
	if (verdict == NULL || cls != view->cls)
		verdict = verdict_of(self, object, view, cls);
	*again = review(prices, object, cls, verdict);
	return cls;
}

bool
cf_decide_make(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy)
{
	(void) arena;
	if (menu->count < 2)
		return false;
	*policy = (CfReplayPolicy) {.name = "cloudflux",.about = "stay until the regret is worth the way back",.learns = true,
		.object_bytes = sizeof(CfDecideObject),.begin = begin,.decide = decide};
	return true;
}
