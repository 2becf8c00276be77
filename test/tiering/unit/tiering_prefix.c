/*
 * tiering_prefix: no policy of the roster looks ahead. Everything after a sampled day is replaced by noise (reads, last days, uploads
 * to come); what was decided up to that day must not change by a bit.
 */
#include "tap.h"
#include "tiering/roster.h"
#include "tiering_menus.h"
#include "tiering_worlds.h"

#define OBJECTS 150
#define DAYS 240

/* What a policy decided up to a day, in one number that does not depend on the order. */
typedef struct Heard
{
	int32_t		until;			/* decisions that take effect on the day after it are still the past's */
	uint64_t	sum;
	int			count;
} Heard;

static void
hear(void *arg, const CfReplayPolicy *policy, uint32_t object, int32_t day, int cls)
{
	Heard	   *heard = arg;
	uint64_t	x = ((uint64_t) object << 32 | (uint32_t) day) * 16 + (uint64_t) cls;

	(void) policy;
	if (day > heard->until + 1)
		return;
	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
	x = (x ^ x >> 27) * 0x94D049BB133111EBu;
	heard->sum += x ^ x >> 31;
	heard->count++;
}

typedef struct World
{
	CfReplayObject objects[OBJECTS];
	CfReplayAccess reads[OBJECTS][DAYS];
	CfReplayAccess packed[OBJECTS * DAYS];
	CfReplayHistory history;
} World;

static World first_world,
			other_world;

/* read_on gives an object reads from a day to its end. */
static void
read_on(World *world, int i, int32_t from)
{
	CfReplayObject *object = &world->objects[i];
	uint32_t	rarity = 1 + world_random(40);

	for (int32_t day = from < object->first_day ? object->first_day : from; day <= object->last_day; day++)
	{
		if (world_random(rarity) == 0)
			world->reads[i][object->access_count++] = (CfReplayAccess) {day, 1 + world_random(3), object->size_bytes};
	}
}

/* live_from gives an object its days; it was there before, or is uploaded at from or later. */
static void
live_from(CfReplayObject *object, int32_t from)
{
	object->first_day = from + (int32_t) world_random((uint32_t) (DAYS - from));
	object->created_day = object->entered_day = object->first_day;
	object->last_day = object->first_day + (int32_t) world_random((uint32_t) (DAYS - object->first_day));
	object->last_read_day = CF_REPLAY_NO_DAY;
	object->start_class = CF_TARIFF_NONE;
	if (world_random(4) > 0)
		return;
	/* Comes from elsewhere, long after its upload. */
	object->start_class = 0;
	object->created_day -= (int32_t) world_random(600);
	object->entered_day = object->created_day;
	object->watched_from = from - (int32_t) world_random(300);
}

/* pack lays the reads of all objects one after the other. */
static void
pack(World *world)
{
	uint64_t	count = 0;

	for (int i = 0; i < OBJECTS; i++)
	{
		CfReplayObject *object = &world->objects[i];

		object->first_access = count;
		memcpy(&world->packed[count], world->reads[i], object->access_count * sizeof(CfReplayAccess));
		count += object->access_count;
	}
	world->history = (CfReplayHistory) {world->objects, OBJECTS, world->packed, count, 3};
}

/* make makes a world. */
static void
make(World *world)
{
	memset(world, 0, sizeof(*world));
	for (int i = 0; i < OBJECTS; i++)
	{
		CfReplayObject *object = &world->objects[i];

		object->size_bytes = INT64_C(1000) << world_random(22);
		object->group = i % 3;
		object->dataset = i % 4;
		live_from(object, 0);
		if (i % 4 == 0)
		{
			object->first_day = 0;
			object->entered_day = -10;
			object->created_day = -100;
			object->watched_from = -(int32_t) world_random(150);
			object->start_class = 0;
		}
		read_on(world, i, 0);
	}
	pack(world);
}

/* change_after copies a world and replaces all that lies behind a day. */
static void
change_after(World *to, const World *from, int32_t day)
{
	*to = *from;
	for (int i = 0; i < OBJECTS; i++)
	{
		CfReplayObject *object = &to->objects[i];

		if (object->last_day <= day)
			continue;
		/* An upload that takes effect tomorrow was decided today. */
		if (object->first_day > day + 1)
		{
			object->size_bytes = INT64_C(1000) << world_random(22);
			object->group = (int32_t) world_random(3);
			object->dataset = (int32_t) world_random(5);
			live_from(object, day + 2 < DAYS ? day + 2 : DAYS - 1);
			object->access_count = 0;
		}
		else
		{
			while (object->access_count > 0 && to->reads[i][object->access_count - 1].day > day)
				object->access_count--;
			object->last_day = day + 1 + (int32_t) world_random((uint32_t) (DAYS - day));
		}
		read_on(to, i, day + 1);
	}
	pack(to);
}

/* decided replays a policy and hashes what it decided up to a day. */
static uint64_t
decided(const CfTariffMenu *menu, const CfReplayPolicy *policy, const CfReplayHistory *history, int32_t until, int *count)
{
	Heard		heard = {.until = until};
	CfReplayOptions options = {.told = hear,.told_arg = &heard};
	CfReplayResult result;
	CfArena		arena;
	CfError		err;

	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	if (!cf_replay_check(menu, history, &err) || !cf_replay_run(menu, history, policy, &options, &arena, &result, &err))
		bail("%s: %s", policy->name, err.message);
	cf_arena_free(&arena);
	*count = heard.count;
	return heard.sum;
}

/* try_menu tries all policies of a menu. */
static void
try_menu(const CfTariffMenu *menu)
{
	CfReplayPolicy policies[CF_REPLAY_POLICIES];
	CfArena		arena;
	int			count;

	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	count = cf_replay_roster(menu, &arena, policies);
	for (int p = 0; p < count; p++)
	{
		int			looked = 0,
					decisions = 0;

		world_state = 88172645463325252u + (uint64_t) p;
		for (int sample = 0; sample < 6; sample++)
		{
			int32_t		day = (int32_t) world_random(DAYS - 2);
			int			before,
						after;

			make(&first_world);
			change_after(&other_world, &first_world, day);
			looked += decided(menu, &policies[p], &first_world.history, day, &before) !=
				decided(menu, &policies[p], &other_world.history, day, &after) || before != after;
			decisions += before;
		}
		if (policies[p].hindsight)
			ok(looked > 0, "%s: hindsight does look ahead, so the test would notice", menu->name);
		else
			is_int(looked, 0, "%s: %s decides %d times by the past alone", menu->name, policies[p].name, decisions);
	}
	cf_arena_free(&arena);
}

int
main(void)
{
	for (int i = 0; i < MENUS; i++)
	{
		CfTariffMenu menu = menu_number(i);

		try_menu(&menu);
	}
	return done_testing();
}
