/*
 * tiering_worlds.h
 *		Random menus and histories for tests of replays, and the cost of a plan by the plainest means: day by day.
 */
#ifndef TIERING_WORLDS_H
#define TIERING_WORLDS_H

#include <stdlib.h>
#include <string.h>

#include "tiering/replay.h"
#include "tiering/tariff.h"

static uint64_t world_state = 88172645463325252u;

/* world_random is a number from 0 to before n. */
static inline uint32_t
world_random(uint32_t n)
{
	world_state ^= world_state << 13;
	world_state ^= world_state >> 7;
	world_state ^= world_state << 17;
	return (uint32_t) (world_state >> 33) % n;
}

/* world_usd is a random price around usd. */
static inline double
world_usd(double usd)
{
	return usd * (world_random(1000) + 1) / 500;
}

/* world_state_of makes a random state of a class whose storage costs about usd. */
static inline CfTariffState
world_state_of(double usd, int32_t idle_days, bool restores)
{
	CfTariffState state = {.name = "",.idle_days = idle_days,.storage_usd = world_usd(usd),
		.get_usd = world_usd(1),.retrieval_usd = world_random(2) ? world_usd(0.05) : 0,.restores = restores,
		.restore_usd = restores ? world_usd(10) : 0,.first_byte_s = restores ? 3600 : 0.2,
		.overhead_bytes = restores ? world_random(50) : 0,.overhead_standard_bytes = restores ? world_random(20) : 0
	};

	return state;
}

/*
 * world_automatic makes a class that tiers by itself; tame = its states get cheaper and differ in nothing else, as the real
 * ones do but for small objects in archive states.
 */
static inline CfTariffClass
world_automatic(int32_t step, bool tame)
{
	CfTariffClass cls = {.name = "automatic",.state_count = 2 + (int) world_random(3),.monitor_usd = world_usd(0.2),
		.monitor_min_bytes = 50,.put_usd = world_usd(3),.lifecycle_from = 1,.transition_usd = world_usd(3)
	};

	cls.states[0] = world_state_of(0.08, 0, false);
	for (int s = 1; s < cls.state_count; s++)
	{
		CfTariffState *state = &cls.states[s];

		*state = cls.states[0];
		state->idle_days = cls.states[s - 1].idle_days + 1 + (int32_t) world_random((uint32_t) step);
		state->storage_usd = cls.states[s - 1].storage_usd * (world_random(1000) + (tame ? 0 : 500)) / 1000;
		if (!tame && world_random(3) == 0)
			state->wake_usd = world_usd(4);
		if (!tame && world_random(3) == 0)
			*state = world_state_of(0.02, state->idle_days, world_random(2));
	}
	return cls;
}

/* world_menu makes a random menu; step is the scale of its durations in days. */
static inline CfTariffMenu
world_menu(int32_t step)
{
	CfTariffMenu menu = {.name = "random",.count = 3 + (int) world_random(2),.standard_usd = 0.08,
		.restore_days = 1 + (int32_t) world_random(3),.copy_pays_get = world_random(2),.copy_pays_put = world_random(2),
		.lifecycle_pays_early = world_random(3) > 0,.hot = 0,.warm = 1,.cold = 2,.frozen = CF_TARIFF_NONE,
		.automatic = CF_TARIFF_NONE,.automatic_archive = CF_TARIFF_NONE
	};
	bool		strange = world_random(4) == 0;

	for (int c = 0; c < menu.count; c++)
	{
		CfTariffClass *cls = &menu.classes[c];

		*cls = (CfTariffClass) {.name = c == 0 ? "hot" : c == 1 ? "warm" : "cold",.state_count = 1,
			.put_usd = world_usd(3),.transition_usd = world_usd(3)
		};
		cls->states[0] = world_state_of(0.08 / (1 << c), 0, c == 2 && world_random(4) == 0);
		cls->lifecycle_from = strange ? world_random(1u << menu.count) : (1u << c) - 1;
		if (c == 0)
			continue;
		cls->min_days = (int32_t) world_random((uint32_t) step * (uint32_t) c + 1);
		cls->early_usd = world_random(3) ? cls->states[0].storage_usd : world_usd(0.03);
		cls->min_object_bytes = world_random(2) ? 40 : 0;
		cls->enter_usd = world_random(5) == 0 ? world_usd(2) : 0;
	}
	if (menu.count == 4)
	{
		menu.classes[3] = world_automatic(step, world_random(3) > 0);
		menu.automatic = 3;
	}
	return menu;
}

/* world_object makes a random object that lives for days, and its reads (room for days of them). */
static inline CfReplayObject
world_object(const CfTariffMenu *menu, int32_t days, CfReplayAccess *reads)
{
	CfReplayObject object = {.size_bytes = 1 + world_random(150),.first_day = (int32_t) world_random(20) - 10,
		.last_read_day = CF_REPLAY_NO_DAY,.start_class = CF_TARIFF_NONE
	};
	uint32_t	rarity = 1 + world_random((uint32_t) days);
	bool		burst = world_random(3) == 0;

	object.created_day = object.first_day;
	object.last_day = object.first_day + days - 1;
	object.entered_day = object.first_day;
	if (world_random(2))
	{
		object.start_class = (int16_t) world_random((uint32_t) menu->count);
		object.created_day -= (int32_t) world_random(40);
		object.entered_day -= (int32_t) world_random((uint32_t) (object.first_day - object.created_day) + 1);
		if (world_random(2))
			object.last_read_day = object.first_day - 1 - (int32_t) world_random(20);
	}
	for (int32_t day = object.first_day; day <= object.last_day; day++)
	{
		if (burst && day % 17 > 4)
			continue;
		if (world_random(rarity) == 0)
			reads[object.access_count++] = (CfReplayAccess) {day, 1 + world_random(3), world_random(300)};
	}
	return object;
}

/* world_plan_usd is what a plan costs: cls has the class of each day of the object's life. */
static inline double
world_plan_usd(const CfTariffMenu *menu, const CfReplayObject *object, const CfReplayAccess *reads, const int *cls)
{
	int			at = object->start_class;
	int32_t		entered = object->entered_day;
	int32_t		idle_from = object->last_read_day > entered ? object->last_read_day : entered;
	int32_t		last_read = CF_REPLAY_NO_DAY;
	uint32_t	next = 0;
	double		usd = 0;

	for (int32_t day = object->first_day; day <= object->last_day; day++)
	{
		int			to = cls[day - object->first_day];
		int			state;

		if (to != at)
		{
			int32_t		idle = day - 1 - idle_from;

			if (at != CF_TARIFF_NONE)
			{
				state = last_read == day - 1 || idle < 0 ? 0 :
					cf_tariff_state(&menu->classes[at], object->size_bytes, idle);
				usd += cf_tariff_move_usd(menu, at, state, day - entered, to, object->size_bytes);
			}
			at = to;
			entered = idle_from = day;
		}
		state = cf_tariff_state(&menu->classes[at], object->size_bytes, day - idle_from);
		usd += cf_tariff_day_usd(menu, at, state, object->size_bytes);
		if (next < object->access_count && reads[next].day == day)
		{
			usd += cf_tariff_read_usd(menu, at, state, object->size_bytes, reads[next].reads, reads[next].bytes);
			idle_from = last_read = day;
			next++;
		}
	}
	return usd;
}

#endif							/* TIERING_WORLDS_H */
