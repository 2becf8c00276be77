/*
 * tiering_recommend: the judgement is that of the policy "cloudflux", what is expected agrees with a plain count of days, every class that is not
 * recommended has its reason, and no recommendation loses money. What is known of the others brings a move forward, as it does in a replay.
 */
#include "tap.h"
#include "tiering/recommend.h"
#include "tiering_menus.h"
#include "tiering_worlds.h"

#define GIB ((int64_t) 1 << 30)
#define DAYS 300

static CfRecommendBar bars[CF_TARIFF_CLASSES];

/* ask_of is the question about an object without reads. */
static CfRecommendAsk
ask_of(int64_t size_bytes, int cls, int32_t age_days)
{
	return (CfRecommendAsk) {.size_bytes = size_bytes,.cls = cls,.begun_day = 1 - age_days,.entered_day = 1 - age_days,.horizon_days = 180,.bars = bars};
}

/* answered asks once, with a recommender of its own. */
static CfRecommendAnswer
answered(const CfTariffMenu *menu, const CfRecommendAsk *ask)
{
	CfRecommendAnswer answer;
	CfRecommender *recommender;
	CfArena		arena;
	CfError		err;

	cf_arena_init(&arena, &cf_arena_malloc, 8192, 0);
	recommender = cf_recommender_make(menu, &arena);
	if (recommender == NULL || !cf_recommend(recommender, ask, &answer, &err))
		bail("no answer: %s", recommender == NULL ? "memory" : err.message);
	cf_arena_free(&arena);
	return answer;
}

/* Where the policy was asked, and what it said: the policy under test, watched. */
static CfReplayPolicy watched;
static int	said[DAYS + 1];		/* class per day, -1 = was not asked */
static int	was[DAYS + 1];
static int32_t entered[DAYS + 1];
static const CfHazardKnown *others; /* that it is told of; NULL = nothing */

static int
watch(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	CfReplayView told = *view;
	int			cls;

	told.known = others;
	cls = watched.decide(policy, self, mine, &told, again);
	if (view->day >= 0)
	{
		said[view->day] = cls;
		was[view->day] = view->cls;
		entered[view->day] = view->entered_day;
	}
	return cls;
}

/* same_as_replay compares what is recommended with what the policy decides, wherever a replay asks it; gives the number of differences. */
static int
same_as_replay(const CfTariffMenu *menu, int64_t scale, int *moves, int *asked)
{
	CfReplayAccess reads[DAYS];
	CfReplayObject object = world_object(menu, DAYS, reads);
	CfReplayHistory history = {&object, 1, reads, 0, 1};
	CfReplayOptions options = {0};
	CfReplayPolicy policy;
	CfReplayResult result;
	CfRecommender *recommender;
	CfArena		arena;
	CfError		err;
	int			differ = 0;

	/* An upload on day 0. */
	object.start_class = CF_TARIFF_NONE;
	object.size_bytes *= scale;
	for (uint32_t r = 0; r < object.access_count; r++)
	{
		reads[r].day -= object.first_day;
		reads[r].bytes *= scale;
	}
	object.first_day = object.created_day = object.entered_day = 0;
	object.last_day = DAYS - 1;
	object.last_read_day = CF_REPLAY_NO_DAY;
	history.access_count = object.access_count;
	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	if (!cf_decide_make(menu, &arena, &watched))
		bail("no policy");
	/* What the policy knows of other objects is told by who watches it: the same on all days. */
	policy = (CfReplayPolicy) {.name = watched.name,.object_bytes = watched.object_bytes,.options = watched.options,.begin = watched.begin,.decide = watch};
	for (int d = 0; d <= DAYS; d++)
		said[d] = -1;
	if (!cf_replay_check(menu, &history, &err) || !cf_replay_run(menu, &history, &policy, &options, &arena, &result, &err))
		bail("%s", err.message);
	recommender = cf_recommender_make(menu, &arena);
	for (int d = 0; d < DAYS; d++)
	{
		CfRecommendAsk ask = {.size_bytes = object.size_bytes,.cls = was[d],.entered_day = entered[d],.today = d,.horizon_days = 90,
			.reads = reads,.bars = bars,.known = others
		};
		CfRecommendAnswer answer;

		if (said[d] < 0)
			continue;
		while (ask.read_count < object.access_count && reads[ask.read_count].day <= d)
			ask.read_count++;
		if (!cf_recommend(recommender, &ask, &answer, &err))
			bail("%s", err.message);
		(*asked)++;
		*moves += said[d] != was[d];
		if (answer.judged != said[d])
			differ++;
		/* What is recommended is what was judged, unless the days to come do not pay for it, or more for what its own past says. */
		if (answer.cls != answer.judged &&
			(others == NULL || answer.classes[answer.cls].total_usd > answer.classes[answer.judged].total_usd) && (answer.cls != ask.cls || answer.classes[answer.judged].total_usd < answer.classes[ask.cls].total_usd * (1 - 1e-9)))
			differ++;
		if (answer.saving_usd < 0 || (answer.cls != ask.cls && answer.saving_usd <= 0))
			differ++;
	}
	cf_arena_free(&arena);
	return differ;
}

/* known_of is what is known of so many objects that are read for a week after upload and then one in back of them once more, after 40 days. */
static const CfHazardKnown *
known_of(int count, int back)
{
	static CfHazardTable table;
	static int32_t since[CF_HAZARD_IDLE];
	static CfHazardKnown known;
	CfHazards  *hazards;
	CfArena		arena;

	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	hazards = cf_hazards_make(&arena, 0, -1, 1, 1);
	if (hazards == NULL)
		bail("memory");
	for (int i = 0; i < count; i++)
	{
		CfReplayAccess reads[8];
		uint32_t	read_count = 0;

		for (int32_t day = 1; day < 8; day += 2)
			reads[read_count++] = (CfReplayAccess) {day, 1, GIB};
		if (back > 0 && i % back == 0)
			reads[read_count++] = (CfReplayAccess) {40, 1, GIB};
		cf_hazards_learn(hazards, 0, GIB, 0, 0, DAYS, reads, read_count);
	}
	table = hazards->tables[0];
	memcpy(since, hazards->since[0], sizeof(since));
	cf_arena_free(&arena);
	cf_hazard_restore(&table, since, DAYS, &known);
	return &known;
}

static void
judges_as_replay(const CfHazardKnown *known, const char *whom)
{
	int			differ = 0;
	int			moves = 0;
	int			asked = 0;

	others = known;
	for (int i = 0; i < 800; i++)
	{
		/* Real stores, and random ones whose classes do not tier by themselves in ways that no store has. */
		CfTariffMenu menu = i % 2 == 0 ? world_menu(40) : menu_s3(i % 4 == 1, i % 8 == 3);

		if (i % 2 != 0 || menu.count == 3)
			differ += same_as_replay(&menu, i % 2 == 0 ? 1 : 1 << (10 + i % 16), &moves, &asked);
	}
	others = NULL;
	ok(asked > 3000 && moves > 300, "random histories ask often and move (%s known; %d questions, %d moves)", whom, asked, moves);
	/* Others speak for days only, and on which of them somebody asks differs a little: who looks back from the present class asks on other days. */
	ok(known == NULL ? differ == 0 : differ * 1000 <= asked,
	   "the judgement is that of the policy in a replay, on every day on which it is asked; nothing that loses is recommended (%d differ)", differ);
}

/* waits_for is on which day after its last read an object is told to leave STANDARD. */
static int32_t
waits_for(const CfTariffMenu *menu, const CfHazardKnown *known, CfRecommendAnswer *answer)
{
	CfReplayAccess reads[4];
	CfRecommendAsk ask = ask_of(GIB, 0, 1);

	for (int i = 0; i < 4; i++)
		reads[i] = (CfReplayAccess) {.day = 1 + 2 * i,.reads = 1,.bytes = GIB};
	ask.reads = reads;
	ask.read_count = 4;
	ask.known = known;
	for (ask.today = 7; ask.today < 2 * DAYS; ask.today++)
	{
		*answer = answered(menu, &ask);
		if (answer->cls != 0)
			break;
	}
	return ask.today - 7;
}

static void
the_others_speak(void)
{
	CfTariffMenu menu = menu_s3(true, false);
	CfRecommendAnswer answer;
	int32_t		alone = waits_for(&menu, NULL, &answer);
	int32_t		quiet;

	is_dbl(answer.others_days, 0, 0, "where nothing is known of others, nothing is told of them");
	is_int(waits_for(&menu, known_of(1, 0), &answer), alone, "one other object is no evidence");
	quiet = waits_for(&menu, known_of(1000, 0), &answer);
	ok(quiet < alone, "where nobody comes back after a week, an object moves after %d days instead of %d", quiet, alone);
	ok(answer.others_days >= 1000 && answer.others_reads == 0, "… since the others were so idle for %.0f days, and never read", answer.others_days);
	ok(answer.saving_usd > 0, "… and the days to come pay for it");
	ok(waits_for(&menu, known_of(1000, 1), &answer) > quiet, "where all come back after 40 days, it does not");
	menu = menu_s3(false, false);
	alone = waits_for(&menu, NULL, &answer);
	for (int back = 0; back < 3; back++)
		ok(waits_for(&menu, known_of(1000, back), &answer) <= alone, "where its own past speaks for a move, no others hold it back (%d)", back);
}

static void
expects_what_it_should(void)
{
	CfTariffMenu menu = menu_s3(false, false);
	CfReplayAccess reads[8];
	CfRecommendAsk ask = ask_of(10 * GIB, 1, 200);
	CfOutlookObject object = {.size_bytes = 10 * GIB,.cls = 1,.entered_day = -20,.last_read_day = -50};
	CfOutlookCost costs[CF_TARIFF_CLASSES];
	CfOutlook	outlook;
	CfRates		rates;
	CfRecommendAnswer answer;
	int			differ = 0;

	cf_rates_begin(&rates, 10 * GIB, -200);
	for (int r = 0; r < 8; r++)
	{
		reads[r] = (CfReplayAccess) {.day = -190 + 20 * r,.reads = 2,.bytes = 3 * GIB};
		cf_rates_until(&rates, reads[r].day, reads[r].reads, reads[r].bytes);
	}
	cf_rates_until(&rates, 0, 0, 0);
	ask.reads = reads;
	ask.read_count = 8;
	ask.entered_day = -20;
	answer = answered(&menu, &ask);
	cf_outlook_rates(&rates, 10 * GIB, 180, &outlook);
	cf_outlook_costs(&menu, &object, &outlook, CF_RECOMMEND_QUANTILE, costs);
	for (int c = 0; c < menu.count; c++)
	{
		double		sum = 0;

		for (int t = 0; t < CF_OUTLOOK_TERMS; t++)
			sum += answer.classes[c].usd[t];
		differ += sum > answer.classes[c].total_usd * (1 + 1e-9) || sum < answer.classes[c].total_usd * (1 - 1e-9);
		differ += costs[c].total_usd > answer.classes[c].total_usd * (1 + 1e-9) || costs[c].total_usd < answer.classes[c].total_usd * (1 - 1e-9);
	}
	is_int(differ, 0, "the costs are those of the outlook on the object's own rates, and their terms add up");
	ok(answer.classes[1].usd[CF_OUTLOOK_EARLY] == 0 && answer.classes[0].usd[CF_OUTLOOK_EARLY] > 0, "9 days are missing where it lies: that is charged to who leaves");
	ok(answer.reads > 1 && answer.unread > 0 && answer.unread < 0.5 && answer.classes[2].high_usd > answer.classes[2].total_usd, "what may be read is a distribution");
}

static void
the_worked_decision(void)
{
	CfTariffMenu plain = menu_s3(true, false);
	CfTariffMenu menu = menu_s3(false, false);
	CfRecommendAsk ask = ask_of(1000 * GIB, 0, 100);
	CfReplayAccess burst = {.day = -98,.reads = 20,.bytes = 10000 * GIB};
	CfRecommendAnswer answer;

	ask.reads = &burst;
	ask.read_count = 1;
	ask.horizon_days = 1000;
	for (ask.today = -97; (answer = answered(&plain, &ask)).verdict == CF_RECOMMEND_STAYS; ask.today++)
		;
	is_int(answer.verdict, CF_RECOMMEND_WAITS, "1 TB that was read ten times over on one day: when cheaper classes come they have to wait");
	is_int(answer.cls, 0, "… it stays");
	ok(answer.cheaper > 0 && answer.classes[answer.cheaper].reason == CF_RECOMMEND_REGRET, "… for want of regret");
	ok(answer.classes[answer.cheaper].regret_usd < answer.classes[answer.cheaper].needed_usd, "… of which it has %.2f of %.2f",
	   answer.classes[answer.cheaper].regret_usd, answer.classes[answer.cheaper].needed_usd);
	ask = ask_of(1000 * GIB, 0, 100);
	answer = answered(&plain, &ask);
	is_int(answer.verdict, CF_RECOMMEND_MOVES, "after 100 days it goes");
	ok(answer.saving_usd > 0 && answer.payback_days >= 0 && answer.payback_days < 1, "… and is paid back within a day");
	ok(answer.classes[answer.cls].usd[CF_OUTLOOK_MOVE] > 0 && answer.classes[0].usd[CF_OUTLOOK_MOVE] == 0, "… its move is part of the cost");
	ask.thin = true;
	answer = answered(&plain, &ask);
	is_int(answer.verdict, CF_RECOMMEND_THIN, "where reads may have gone unnoticed nothing is recommended");
	ok(answer.cls == 0 && answer.classes[1].reason == CF_RECOMMEND_UNPROVED, "… and every cheaper class says so");
	ask = ask_of(4096, 0, 400);
	answer = answered(&menu, &ask);
	is_int(answer.verdict, CF_RECOMMEND_STAYS, "4 KB is billed as 128 KB elsewhere: it stays");
	ok(answer.classes[1].total_usd > 10 * answer.classes[0].total_usd && answer.classes[2].reason == CF_RECOMMEND_DEARER, "… and the loss is told");
}

static void
a_scan_re_heats_nothing(void)
{
	CfTariffMenu plain = menu_s3(true, false);
	CfTariffMenu menu = menu_s3(false, true);
	CfReplayAccess scan = {.day = -1,.reads = 1,.bytes = 1000 * GIB};
	int			moved = 0;

	for (int i = 0; i < 2; i++)
	{
		for (int cls = 1; cls < 3; cls++)
		{
			CfRecommendAsk ask = ask_of(1000 * GIB, cls, 500);

			ask.reads = &scan;
			ask.read_count = 1;
			moved += answered(i == 0 ? &menu : &plain, &ask).cls == 0;
		}
	}
	is_int(moved, 0, "one scan of everything brings nothing back to STANDARD");
}

static void
fees_and_limits(void)
{
	CfTariffMenu menu = menu_s3(false, true);
	CfRecommendBar closed[CF_TARIFF_CLASSES] = {[1] = CF_RECOMMEND_FORBIDDEN,[2] = CF_RECOMMEND_SLOW,[3] = CF_RECOMMEND_FORBIDDEN,
	[4] = CF_RECOMMEND_UNWANTED,[5] = CF_RECOMMEND_BUCKET,[6] = CF_RECOMMEND_UNWANTED};
	CfRecommendAsk ask = ask_of(1000 * GIB, 2, 300);
	CfReplayAccess reads[30];
	CfRecommendAnswer answer;

	/* In GLACIER_IR for two days, and read every day: back costs 88 days of it. */
	for (int r = 0; r < 30; r++)
		reads[r] = (CfReplayAccess) {.day = r - 29,.reads = 1,.bytes = GIB};
	ask.reads = reads;
	ask.read_count = 30;
	ask.entered_day = -1;
	answer = answered(&menu, &ask);
	ok(answer.classes[0].usd[CF_OUTLOOK_EARLY] > 11 && answer.classes[0].usd[CF_OUTLOOK_EARLY] < 12, "leaving early is charged: %.2f USD",
	   answer.classes[0].usd[CF_OUTLOOK_EARLY]);
	ask.horizon_days = 60;
	ask.cls = 0;
	ask.read_count = 0;
	answer = answered(&menu, &ask);
	ok(answer.classes[2].usd[CF_OUTLOOK_EARLY] > 3.9 && answer.classes[2].usd[CF_OUTLOOK_EARLY] < 4.1, "a minimum duration beyond the horizon is promised: %.2f USD",
	   answer.classes[2].usd[CF_OUTLOOK_EARLY]);
	ask = ask_of(1000 * GIB, 0, 300);
	ask.bars = closed;
	answer = answered(&menu, &ask);
	is_int(answer.verdict, CF_RECOMMEND_BLOCKED, "what only a policy keeps from moving is blocked");
	is_int(answer.classes[answer.cheaper].bar, CF_RECOMMEND_SLOW, "… and the cheapest that a policy closes is named");
	is_str(cf_recommend_reason_name(answer.classes[2].reason, answer.classes[2].bar), "too slow", "… with its reason");
	is_str(cf_recommend_verdict_name(answer.verdict), "blocked", "… and a word");
	closed[1] = closed[2] = closed[3] = CF_RECOMMEND_UNWANTED;
	is_int(answered(&menu, &ask).verdict, CF_RECOMMEND_STAYS, "what is slow by nature blocks nothing");
	closed[2] = CF_RECOMMEND_FREE;
	answer = answered(&menu, &ask);
	is_int(answer.cls, 2, "what is left may be chosen");
	closed[0] = CF_RECOMMEND_HELD;
	ask.cls = 2;
	is_int(answered(&menu, &ask).cls, 2, "where an object lies it may stay, whatever is closed");
	/* More combinations than are kept: each gives what it gave before. */
	{
		CfRecommender *recommender;
		CfArena		arena;
		CfError		err;
		int			differ = 0;
		int			first[40];

		cf_arena_init(&arena, &cf_arena_malloc, 8192, 0);
		recommender = cf_recommender_make(&menu, &arena);
		ask.cls = 0;
		for (int round = 0; round < 3; round++)
		{
			for (int m = 0; m < 40; m++)
			{
				for (int c = 0; c < menu.count; c++)
					closed[c] = m >> c & 1 ? CF_RECOMMEND_FORBIDDEN : CF_RECOMMEND_FREE;
				if (!cf_recommend(recommender, &ask, &answer, &err))
					bail("%s", err.message);
				if (round == 0)
					first[m] = answer.cls;
				differ += answer.cls != first[m];
			}
		}
		is_int(differ, 0, "any number of limits: the same answer each time");
		cf_arena_free(&arena);
	}
}

/* An allocator that has so many pieces and no more. */
static int	pieces;

static void *
scarce(void *ctx, size_t size)
{
	(void) ctx;
	return pieces-- > 0 ? malloc(size) : NULL;
}

static void
given_back(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

static void
what_is_refused(void)
{
	CfTariffMenu menu = menu_s3(false, false);
	CfAllocator allocator = {scarce, given_back, NULL};
	CfReplayAccess reads[2] = {{.day = -3,.reads = 1,.bytes = 1}, {.day = -3,.reads = 1,.bytes = 1}};
	CfRecommendAsk good = ask_of(GIB, 0, 10);
	CfRecommendAsk bad[] = {good, good, good, good, good, good};
	CfRecommendAnswer answer;
	CfRecommender *recommender;
	CfArena		arena;
	CfError		err;
	int			refused = 0;
	int			short_of = 0;

	bad[0].cls = 4;
	bad[1].size_bytes = -1;
	bad[2].horizon_days = 0;
	bad[3].begun_day = 1;
	bad[4].entered_day = 5;
	bad[5].reads = reads;
	bad[5].read_count = 2;
	cf_arena_init(&arena, &cf_arena_malloc, 8192, 0);
	recommender = cf_recommender_make(&menu, &arena);
	for (int i = 0; i < 6; i++)
		refused += !cf_recommend(recommender, &bad[i], &answer, &err) && err.kind == CF_ERR_INPUT;
	is_int(refused, 6, "classes, sizes, days and horizons that make no sense are refused");
	cf_arena_free(&arena);
	for (pieces = 0;; short_of++)
	{
		int			n = pieces = short_of;

		cf_arena_init(&arena, &allocator, 64, 0);
		recommender = cf_recommender_make(&menu, &arena);
		if (recommender != NULL && cf_recommend(recommender, &good, &answer, &err))
		{
			cf_arena_free(&arena);
			break;
		}
		cf_arena_free(&arena);
		if (n > 50)
			bail("never enough");
	}
	ok(short_of > 2, "short of memory it says so, and leaks nothing (%d times)", short_of);
}

int
main(void)
{
	judges_as_replay(NULL, "nobody");
	judges_as_replay(known_of(1000, 0), "objects that are never read again");
	judges_as_replay(known_of(1000, 2), "objects of which half come back");
	the_others_speak();
	expects_what_it_should();
	the_worked_decision();
	a_scan_re_heats_nothing();
	fees_and_limits();
	what_is_refused();
	done_testing();
}
