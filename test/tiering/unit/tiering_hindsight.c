/*
 * tiering_hindsight: nothing is cheaper than hindsight: every possible plan of short lives, a plain programme over
 * all days and all states of long ones, on random tariffs.
 */
#include "tap.h"
#include "tiering/hindsight.h"
#include "tiering/roster.h"
#include "tiering_menus.h"
#include "tiering_worlds.h"

#define LONG 130

/* same tells whether two amounts are one, but for the rounding of doubles. */
static bool
same(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b));
}

/* one makes a history of one object. */
static CfReplayHistory
one(const CfReplayObject *object, const CfReplayAccess *reads)
{
	return (CfReplayHistory) {object, 1, reads, object->access_count, 1};
}

/* hindsight_usd is what the kernel says; it is also what living the plan costs, or the test ends here. */
static double
hindsight_usd(const CfTariffMenu *menu, const CfReplayHistory *history)
{
	CfReplayPolicy policy = {.name = "hindsight",.hindsight = true};
	CfReplayOptions options = {.per_object = true};
	CfReplayResult result;
	CfHindsight *hindsight;
	CfArena		arena;
	CfError		err;
	double		usd;

	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	if (!cf_replay_check(menu, history, &err) || !cf_replay_run(menu, history, &policy, &options, &arena, &result, &err))
		bail("%s", err.message);
	hindsight = cf_hindsight_make(menu, history, &arena);
	cf_hindsight_plan(hindsight, 0);
	usd = cf_hindsight_usd(hindsight);
	if (!same(usd, result.object_usd[0]) || !same(usd, cf_replay_total_usd(menu, &result.total)))
		bail("planned for %.12g, lived for %.12g, billed for %.12g", usd, result.object_usd[0],
			 cf_replay_total_usd(menu, &result.total));
	cf_arena_free(&arena);
	return usd;
}

/* cheapest_plan tries them all. */
static double
cheapest_plan(const CfTariffMenu *menu, const CfReplayObject *object, const CfReplayAccess *reads, int days)
{
	double		best = INFINITY;
	int			cls[16] = {0};

	for (;;)
	{
		double		usd = world_plan_usd(menu, object, reads, cls);
		int			digit = 0;

		best = usd < best ? usd : best;
		while (digit < days && ++cls[digit] == menu->count)
			cls[digit++] = 0;
		if (digit == days)
			return best;
	}
}

/* What the plain programme knows of an object at the start of a day: costs so far by class and day of entry. */
typedef struct Table
{
	double		usd[CF_TARIFF_CLASSES][LONG + 1];	/* [LONG]: the stay that began before */
} Table;

static Table now_table,
			next_table;

/* cheapest_by_table goes through all days and all states. */
static double
cheapest_by_table(const CfTariffMenu *menu, const CfReplayObject *object, const CfReplayAccess *reads)
{
	uint32_t	at = 0;
	double		best = INFINITY;

	for (int c = 0; c < menu->count; c++)
	{
		for (int e = 0; e <= LONG; e++)
			now_table.usd[c][e] = INFINITY;
		if (object->start_class == CF_TARIFF_NONE)
			now_table.usd[c][0] = 0;
	}
	if (object->start_class != CF_TARIFF_NONE)
		now_table.usd[object->start_class][LONG] = 0;
	for (int32_t day = object->first_day; day <= object->last_day; day++)
	{
		int32_t		last_read = at > 0 ? reads[at - 1].day : object->last_read_day;
		bool		read = at < object->access_count && reads[at].day == day;
		bool		uploaded = day == object->first_day && object->start_class == CF_TARIFF_NONE;

		/* Moves before the day. */
		next_table = now_table;
		for (int c = 0; c < menu->count && !uploaded; c++)
		{
			for (int e = 0; e <= LONG; e++)
			{
				int32_t		entered = e == LONG ? object->entered_day : object->first_day + e;
				int32_t		idle = day - 1 - (last_read > entered ? last_read : entered);
				int			state = idle < 0 ? 0 : cf_tariff_state(&menu->classes[c], object->size_bytes, idle);

				if (now_table.usd[c][e] == INFINITY)
					continue;
				for (int to = 0; to < menu->count; to++)
				{
					double		usd = now_table.usd[c][e] +
						cf_tariff_move_usd(menu, c, state, day - entered, to, object->size_bytes);

					if (to != c && usd < next_table.usd[to][day - object->first_day])
						next_table.usd[to][day - object->first_day] = usd;
				}
			}
		}
		now_table = next_table;
		/* The day itself. */
		for (int c = 0; c < menu->count; c++)
		{
			for (int e = 0; e <= LONG; e++)
			{
				int32_t		entered = e == LONG ? object->entered_day : object->first_day + e;
				int			state = cf_tariff_state(&menu->classes[c], object->size_bytes,
												day - (last_read > entered ? last_read : entered));

				now_table.usd[c][e] += cf_tariff_day_usd(menu, c, state, object->size_bytes);
				if (read)
					now_table.usd[c][e] += cf_tariff_read_usd(menu, c, state, object->size_bytes, reads[at].reads,
															  reads[at].bytes);
			}
		}
		at += read;
	}
	for (int c = 0; c < menu->count; c++)
	{
		for (int e = 0; e <= LONG; e++)
			best = now_table.usd[c][e] < best ? now_table.usd[c][e] : best;
	}
	return best;
}

/* against_all_plans compares hindsight and the plain programme with every possible plan. */
static void
against_all_plans(void)
{
	int			wrong = 0,
				wrong_table = 0;

	for (int i = 0; i < 600; i++)
	{
		CfTariffMenu menu = world_menu(3);
		int			days = menu.count == 3 ? 1 + (int) world_random(8) : 1 + (int) world_random(6);
		CfReplayAccess reads[16];
		CfReplayObject object = world_object(&menu, days, reads);
		CfReplayHistory history = one(&object, reads);
		double		best = cheapest_plan(&menu, &object, reads, days);

		wrong += !same(hindsight_usd(&menu, &history), best);
		wrong_table += !same(cheapest_by_table(&menu, &object, reads), best);
	}
	is_int(wrong, 0, "hindsight is the cheapest of all possible plans: 600 random tariffs and short lives");
	is_int(wrong_table, 0, "so is the plain programme that longer lives are compared with");
}

/* against_table compares hindsight with the plain programme on longer lives. */
static void
against_table(void)
{
	int			wrong = 0;

	for (int i = 0; i < 1200; i++)
	{
		CfTariffMenu menu = world_menu(3 + (int32_t) world_random(30));
		CfReplayAccess reads[LONG];
		CfReplayObject object = world_object(&menu, 20 + (int32_t) world_random(LONG - 20), reads);
		CfReplayHistory history = one(&object, reads);
		double		want = cheapest_by_table(&menu, &object, reads);
		double		got = hindsight_usd(&menu, &history);

		if (!same(want, got))
		{
			wrong++;
			note("case %d: %.12g instead of %.12g", i, got, want);
		}
	}
	is_int(wrong, 0, "it looks at candidate days only and misses nothing: 1200 random tariffs and lives");
}

/* against_stores does the same with real prices, where early deletion, minimum sizes and archive overheads matter. */
static void
against_stores(void)
{
	int			wrong = 0;

	for (int i = 0; i < 100 * MENUS; i++)
	{
		CfTariffMenu menu = menu_number(i % MENUS);
		CfReplayAccess reads[LONG];
		CfReplayObject object = world_object(&menu, 100 + (int32_t) world_random(LONG - 100), reads);
		CfReplayHistory history = one(&object, reads);

		object.size_bytes = INT64_C(1000) << world_random(22);
		for (uint32_t n = 0; n < object.access_count; n++)
			reads[n].bytes = object.size_bytes / (1 + world_random(3));
		wrong += !same(hindsight_usd(&menu, &history), cheapest_by_table(&menu, &object, reads));
	}
	is_int(wrong, 0, "nor with the prices of S3, Google and Azure, with and without classes that tier by themselves, with and without archives");
}

/* Days on which a plan puts an object into classes. */
typedef struct Diary
{
	int32_t		day[8];
	int			cls[8];
	int			count;
} Diary;

static void
note_move(void *arg, const CfReplayPolicy *policy, uint32_t object, int32_t day, int cls)
{
	Diary	   *diary = arg;

	(void) policy;
	(void) object;
	if (diary->count < 8)
	{
		diary->day[diary->count] = day;
		diary->cls[diary->count++] = cls;
	}
}

/*
 * timed_by_end shows a stay that begins on a day on which nothing happens, so that its minimum duration is full when the reads are over: its
 * days are paid in any case, and the class before is the cheaper the earlier it is left.
 */
static void
timed_by_end(void)
{
	CfTariffMenu menu = {.name = "timed",.count = 3,.restore_days = 1,.copy_pays_put = true,.lifecycle_pays_early = true,.warm = 1,.cold = 2,
		.frozen = CF_TARIFF_NONE,.automatic = CF_TARIFF_NONE,.automatic_archive = CF_TARIFF_NONE
	};
	const double storage[] = {20, 1, 0.1};
	const double get[] = {0, 0, 5};
	CfReplayAccess reads[11] = {{0}};
	CfReplayObject object = {.size_bytes = 1,.last_day = 119,.last_read_day = CF_REPLAY_NO_DAY,.start_class = CF_TARIFF_NONE,.access_count = 11};
	CfReplayHistory history = one(&object, reads);
	const CfReplayPolicy policy = {.name = "hindsight",.hindsight = true};
	Diary		diary = {.count = 0};
	CfReplayOptions options = {.told = note_move,.told_arg = &diary};
	CfReplayResult result;
	CfArena		arena;
	CfError		err;

	for (int c = 0; c < 3; c++)
	{
		menu.classes[c] = (CfTariffClass) {.name = "class",.state_count = 1,.put_usd = 1};
		menu.classes[c].states[0] = (CfTariffState) {.name = "",.storage_usd = storage[c],.get_usd = get[c],.first_byte_s = 0.1};
	}
	menu.classes[1].min_days = 30;
	menu.classes[1].early_usd = storage[1];
	for (int i = 0; i < 11; i++)
		reads[i] = (CfReplayAccess) {60 + i, 1, 1};
	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	if (!cf_replay_check(&menu, &history, &err) || !cf_replay_run(&menu, &history, &policy, &options, &arena, &result, &err))
		bail("%s", err.message);
	ok(diary.count == 3 && diary.cls[1] == 1 && diary.cls[2] == 2, "a plan goes up for the reads and down again");
	is_int(diary.day[1], 41, "… so early that the minimum duration is full when they are over");
	is_int(diary.day[2], 71, "… which is the day after the last of them");
	ok(same(cf_replay_total_usd(&menu, &result.total), cheapest_by_table(&menu, &object, reads)), "… and nothing is cheaper");
	cf_arena_free(&arena);
}

/* beats_policies compares hindsight with every policy of the roster, object by object. */
static void
beats_policies(void)
{
	int			beaten = 0,
				compared = 0;

	for (int i = 0; i < 40 * MENUS; i++)
	{
		CfTariffMenu menu = i % 2 == 0 ? menu_number(i / 2 % MENUS) : world_menu(30);
		CfReplayAccess reads[LONG];
		CfReplayObject object = world_object(&menu, 100 + (int32_t) world_random(LONG - 100), reads);
		CfReplayHistory history = one(&object, reads);
		CfReplayPolicy policies[CF_REPLAY_POLICIES];
		CfReplayOptions options = {0};
		CfArena		arena;
		CfError		err;
		double		best;
		int			count;

		if (i % 2 == 0)
			object.size_bytes = INT64_C(1000) << world_random(22);
		best = hindsight_usd(&menu, &history);
		cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
		count = cf_replay_roster(&menu, &arena, policies);
		for (int p = 0; p < count; p++)
		{
			CfReplayResult result;

			if (!cf_replay_run(&menu, &history, &policies[p], &options, &arena, &result, &err))
				bail("%s", err.message);
			compared++;
			beaten += best > cf_replay_total_usd(&menu, &result.total) * (1 + 1e-9);
		}
		cf_arena_free(&arena);
	}
	note("%d comparisons", compared);
	is_int(beaten, 0, "no policy of the roster is cheaper than hindsight, at the stores and at random ones");
}

int
main(void)
{
	against_all_plans();
	against_table();
	against_stores();
	timed_by_end();
	beats_policies();
	return done_testing();
}
