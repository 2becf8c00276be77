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

	for (int i = 0; i < 300; i++)
	{
		CfTariffMenu menu = menu_s3(i % 3 == 1, i % 3 == 2);
		CfReplayAccess reads[LONG];
		CfReplayObject object = world_object(&menu, 100 + (int32_t) world_random(LONG - 100), reads);
		CfReplayHistory history = one(&object, reads);

		object.size_bytes = INT64_C(1000) << world_random(22);
		for (uint32_t n = 0; n < object.access_count; n++)
			reads[n].bytes = object.size_bytes / (1 + world_random(3));
		wrong += !same(hindsight_usd(&menu, &history), cheapest_by_table(&menu, &object, reads));
	}
	is_int(wrong, 0, "nor with the prices of S3, in the plain, the instant and the archive menu");
}

/* beats_policies compares hindsight with every policy of the roster, object by object. */
static void
beats_policies(void)
{
	int			beaten = 0,
				compared = 0;

	for (int i = 0; i < 60; i++)
	{
		CfTariffMenu menu = menu_s3(i % 3 == 1, i % 3 == 2);
		CfReplayAccess reads[LONG];
		CfReplayObject object = world_object(&menu, 100 + (int32_t) world_random(LONG - 100), reads);
		CfReplayHistory history = one(&object, reads);
		CfReplayPolicy policies[CF_REPLAY_POLICIES];
		CfReplayOptions options = {0};
		CfArena		arena;
		CfError		err;
		double		best;
		int			count;

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
	is_int(beaten, 0, "no policy of the roster is cheaper than hindsight");
}

int
main(void)
{
	against_all_plans();
	against_table();
	against_stores();
	beats_policies();
	return done_testing();
}
