/*
 * tiering_hazard: tables count every day of every object once, in its class and period; they say what the counts say, of a dataset with few
 * reads what its place says; and the policy that leans on them leaves or keeps objects of datasets that behave alike.
 */
#include "tap.h"
#include "tiering/decide.h"
#include "tiering/hazard.h"
#include "tiering_menus.h"
#include "tiering_worlds.h"

#define GIB ((int64_t) 1 << 30)
#define OBJECTS 400
#define DAYS 400

static CfArena arena;

/* sum_of adds up all cells of a table. */
static CfHazardCell
sum_of(const CfHazardTable *table)
{
	CfHazardCell sum = {0};

	for (int o = 0; o < CF_HAZARD_OFTEN; o++)
	{
		for (int i = 0; i < CF_HAZARD_IDLE; i++)
		{
			sum.at_risk += table->cells[o][i].at_risk;
			sum.wakes += table->cells[o][i].wakes;
			sum.reads += table->cells[o][i].reads;
			sum.sizes += table->cells[o][i].sizes;
			sum.followed += table->cells[o][i].followed;
		}
	}
	return sum;
}

static void
test_counts(void)
{
	CfHazards  *hazards = cf_hazards_make(&arena, 0, 199, 10, 1);
	const CfReplayAccess reads[] = {{5, 2, 300}, {6, 1, 100}, {150, 1, 50}};
	CfHazardKnown known;
	CfHazardCell sum;

	cf_hazards_learn(hazards, 0, 100, 0, 0, 199, reads, 3);
	cf_hazards_close(hazards);
	cf_hazards_on(hazards, 0, 8, &known);
	ok(known.own == NULL && cf_hazard_days(&known, 0) == 0 && cf_hazard_burst(&known) == 0, "before a period has ended nothing is known");
	cf_hazards_on(hazards, 0, 9, &known);
	sum = sum_of(known.own);
	is_dbl(sum.at_risk, 10, 0, "after ten days, ten object-days");
	is_dbl(sum.wakes, 2, 0, "and two days with reads");
	is_dbl(sum.reads, 3, 0, "three reads");
	is_dbl(sum.sizes, 4, 1e-12, "of four times its size");
	cf_hazards_on(hazards, 0, 5000, &known);
	sum = sum_of(known.own);
	is_dbl(sum.at_risk, 200, 0, "in the end every day is counted, the last quiet ones too");
	is_dbl(sum.wakes, 3, 0, "and every wake");
	is_dbl(sum.followed, 2, 0, "the days behind the last one are not all known");
	is_dbl(known.own->cells[0][2].wakes, 1, 0, "the first came after five days");
	is_dbl(known.own->cells[0][2].further, 1, 0, "and was followed by one more");
	is_dbl(known.own->cells[1][7].wakes, 1, 0, "the last of an object that was read thrice, after 144 days");
	is_int(cf_hazard_days(&known, 144), 200 - (6 + 128), "objects were so long idle since day 134");
}

/* add counts in objects of which one in n is read, on the day that is told, days after upload. */
static void
add_objects(CfHazards *hazards, int dataset, int count, int n, int32_t day)
{
	for (int i = 0; i < count; i++)
	{
		CfReplayAccess read = {day, 1, GIB};

		cf_hazards_learn(hazards, dataset, GIB, 0, 0, 199, &read, n > 0 && i % n == 0);
	}
}

static void
test_outlook(void)
{
	CfHazards  *hazards = cf_hazards_make(&arena, 0, 199, 200, 3);
	CfHazardObject object = {GIB, 20, 1};
	CfHazardKnown known;
	CfOutlook	quiet,
				busy,
				small;
	double		weight = 0;

	add_objects(hazards, 0, 1000, 100, 40);
	add_objects(hazards, 1, 1000, 2, 40);
	cf_hazards_close(hazards);
	cf_hazards_on(hazards, 0, 199, &known);
	ok(cf_hazard_outlook(&known, &object, 90, false, &quiet) > 1000, "many object-days are known");
	is_dbl(1 - cf_outlook_unread(&quiet), 0.01, 0.006, "one in a hundred wakes up");
	cf_hazard_outlook(&known, &object, 90, true, &small);
	ok(cf_outlook_unread(&small) < cf_outlook_unread(&quiet), "a careful outlook expects a little more");
	for (int i = 0; i < quiet.count; i++)
		weight += quiet.scenarios[i].weight;
	is_dbl(weight, 1, 1e-9, "weights add up");
	cf_hazards_on(hazards, 1, 199, &known);
	cf_hazard_outlook(&known, &object, 90, false, &busy);
	ok(cf_outlook_unread(&busy) < 0.7, "in the other dataset every second does");
	cf_hazards_on(hazards, 2, 199, &known);
	cf_hazard_outlook(&known, &object, 90, false, &small);
	ok(cf_outlook_unread(&small) > cf_outlook_unread(&busy) && cf_outlook_unread(&small) < cf_outlook_unread(&quiet),
	   "a dataset of which nothing is known is taken for the mean of its place");
	object.idle_days = 3000;
	is_dbl(cf_hazard_outlook(&known, &object, 90, false, &small), 0, 0, "of objects idle for years nothing is known");
	is_int(cf_hazard_days(&known, 3000), 0, "they were never watched");
}

/* learn_until counts objects that are uploaded every third day and read every so often, up to a day. */
static void
learn_until(CfHazards *hazards, int32_t last_day)
{
	for (int i = 0; i < 400; i++)
	{
		CfReplayAccess some[100];
		uint32_t	count = 0;
		int32_t		begun = i * 3;
		int32_t		rare = 1 + i * 37 % 90;

		if (begun > last_day)
			break;
		for (int32_t day = begun + 1; day <= last_day && count < 100; day += rare)
			some[count++] = (CfReplayAccess) {day, 2, GIB / 2};
		cf_hazards_learn(hazards, i % 3, GIB, begun, begun, last_day, some, count);
	}
	cf_hazards_close(hazards);
}

static void
test_looks(void)
{
	CfHazards  *all = cf_hazards_make(&arena, 0, 1999, 4, 3);
	int			differ = 0;
	int			seen = 0;
	int32_t		before = -1;

	learn_until(all, 1999);
	for (int32_t day = 0; day < 2000; day++)
	{
		CfHazardKnown known;
		CfHazards  *then;

		cf_hazards_on(all, 1, day, &known);
		if (known.own == NULL || known.day == before)
			continue;
		before = known.day;
		seen++;
		then = cf_hazards_make(&arena, 0, -1, 1, 3);
		learn_until(then, known.day);
		differ += memcmp(known.own, &then->tables[1], sizeof(CfHazardTable)) != 0;
		differ += memcmp(known.place, &then->tables[3], sizeof(CfHazardTable)) != 0;
		differ += known.day > day || known.day + 1 < (day + 1) * 14 / 16 - 4;
	}
	is_int(differ, 0, "what is known at %d times is what had been learned if nothing had come after", seen);
	ok(seen > 50 && all->looks < 70, "and %d tables are enough for 500 periods", all->looks);
}

/* A world in which all objects do the same. */
static CfReplayObject objects[OBJECTS];
static CfReplayAccess reads[OBJECTS * 8];
static int32_t left[OBJECTS];	/* first day out of STANDARD */

static void
told(void *arg, const CfReplayPolicy *policy, uint32_t object, int32_t day, int cls)
{
	(void) arg;
	(void) policy;
	if (cls != 0 && left[object] == 0)
		left[object] = day;
}

/* live uploads two objects a day, reads each burst times on the days after upload that are told, and says how long the last hundred stay. */
static double
live(const int32_t *days, int count, uint32_t burst, double *usd)
{
	CfTariffMenu menu = menu_s3(true, false);
	CfReplayHistory history = {objects, OBJECTS, reads, 0, 1};
	CfReplayOptions options = {.told = told};
	CfReplayPolicy policy;
	CfReplayResult result;
	CfError		err;
	double		stay = 0;

	memset(left, 0, sizeof(left));
	for (int i = 0; i < OBJECTS; i++)
	{
		CfReplayObject *object = &objects[i];

		*object = (CfReplayObject) {.size_bytes = GIB,.created_day = i / 2,.first_day = i / 2,.last_day = DAYS - 1,
			.last_read_day = CF_REPLAY_NO_DAY,.entered_day = i / 2,.start_class = CF_TARIFF_NONE,.first_access = history.access_count
		};
		for (int r = 0; r < count && i / 2 + days[r] < DAYS; r++)
			reads[history.access_count++] = (CfReplayAccess) {i / 2 + days[r], burst, burst * GIB};
		object->access_count = (uint32_t) (history.access_count - object->first_access);
	}
	cf_decide_make(&menu, &arena, &policy);
	if (!cf_replay_check(&menu, &history, &err) || !cf_replay_run(&menu, &history, &policy, &options, &arena, &result, &err))
		bail("%s", err.message);
	for (int i = OBJECTS - 100; i < OBJECTS; i++)
		stay += (left[i] == 0 ? DAYS : left[i] - objects[i].first_day) / 100.0;
	*usd = cf_replay_total_usd(&menu, &result.total);
	return stay;
}

static void
test_alike(void)
{
	const int32_t once[] = {1};
	const int32_t bursts[] = {100, 190};
	double		usd;
	double		stay = live(once, 1, 1, &usd);

	ok(stay < 15, "where nobody ever comes back to an object, later ones leave STANDARD after %.0f days, not after 33", stay);
	stay = live(bursts, 2, 40, &usd);
	ok(stay > 90, "where quiet objects are read forty times in a day, later ones stay for %.0f days", stay);
	ok(usd < 2.5 * OBJECTS * 0.023 * 10, "and all together cost less than %.2f", usd);
}

/* told_day counts objects by the day on which they first go elsewhere. */
static bool moved[OBJECTS];
static int	moved_on[DAYS];

static void
told_day(void *arg, const CfReplayPolicy *policy, uint32_t object, int32_t day, int cls)
{
	(void) arg;
	(void) policy;
	(void) cls;
	moved_on[day] += !moved[object];
	moved[object] = true;
}

/* find_old has all objects in STANDARD since long ago, each read every so many days (0: never), and gives the day by which half of them were moved. */
static int32_t
find_old(int32_t every, int32_t watched_from, int32_t late)
{
	CfTariffMenu menu = menu_s3(true, false);
	CfReplayHistory history = {objects, OBJECTS, reads, 0, 1};
	CfReplayOptions options = {.told = told_day};
	CfReplayPolicy policy;
	CfReplayResult result;
	CfError		err;
	int			gone = 0;

	memset(moved, 0, sizeof(moved));
	memset(moved_on, 0, sizeof(moved_on));
	for (int i = 0; i < OBJECTS; i++)
	{
		CfReplayObject *object = &objects[i];

		*object = (CfReplayObject) {.size_bytes = GIB,.created_day = -400,.first_day = late,.last_day = DAYS - 1,.last_read_day = CF_REPLAY_NO_DAY,
			.entered_day = -400,.watched_from = watched_from,.first_access = history.access_count
		};
		for (int32_t day = late + i % (every + 1); every > 0 && day < DAYS && day < late + 100; day += every)
			reads[history.access_count++] = (CfReplayAccess) {day, 1, GIB};
		object->access_count = (uint32_t) (history.access_count - object->first_access);
	}
	/* The first of those that turn up late was there from the beginning, uploaded then. */
	objects[0].first_day = 0;
	if (late > 0)
		objects[0].created_day = objects[0].entered_day = 0;
	cf_decide_make(&menu, &arena, &policy);
	if (!cf_replay_check(&menu, &history, &err) || !cf_replay_run(&menu, &history, &policy, &options, &arena, &result, &err))
		bail("%s", err.message);
	for (int32_t day = 0; day < DAYS; day++)
	{
		gone += moved_on[day];
		if (2 * gone >= OBJECTS)
			return day - late;
	}
	return DAYS;
}

static void
test_found(void)
{
	int32_t		days = find_old(0, -300, 0);

	is_int(days, 1, "old objects that were watched for 300 days leave after the first day");
	days = find_old(0, 0, 0);
	ok(days < 16, "of those that nobody watched before half have left on day %d, when the first days agree with their age", days);
	days = find_old(20, 0, 0);
	ok(days > 60, "where they are read every 20 days it is day %d", days);
	days = find_old(0, 50, 50);
	ok(days > 15, "and day %d where they only turn up later", days);
}

/* fails gives no memory from the n-th question on. */
static int	left_allocations;

static void *
fails(void *ctx, size_t size)
{
	(void) ctx;
	return left_allocations-- > 0 ? malloc(size) : NULL;
}

static void
release(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

static void
test_memory(void)
{
	const CfAllocator allocator = {fails, release, NULL};
	bool		short_once = false;

	for (int n = 0; n < 10; n++)
	{
		CfArena		own;

		left_allocations = n;
		cf_arena_init(&own, &allocator, 64, 0);
		short_once |= cf_hazards_make(&own, 0, 1000, 4, 2) == NULL;
		cf_arena_free(&own);
	}
	ok(short_once, "short memory gives no tables");
}

int
main(void)
{
	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	test_counts();
	test_outlook();
	test_looks();
	test_alike();
	test_found();
	test_memory();
	cf_arena_free(&arena);
	return done_testing();
}
