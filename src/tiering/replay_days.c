/*
 * replay_days.c
 *		A history run again day by day, for policies that learn from all objects.
 *
 * Each day touches only the objects that are read, begin, end, or that the policy wanted to be asked about. Reads are put in order of
 * days once (a counting sort, which keeps the order of objects); who wants to be asked is in a calendar of linked lists, one per
 * day; who is to be asked today is a bit per object, so that the questions come in the order of objects and therefore depend on
 * nothing but the past.
 */
#include <string.h>

#include "tiering/replay_life.h"

#define NOBODY UINT32_MAX

/* Objects sorted by a day: those of day d are items[first[d]] … items[first[d + 1] - 1]. */
typedef struct Order
{
	uint64_t   *first;
	uint32_t   *items;
} Order;

typedef struct Days
{
	CfReplayRun *run;
	const CfReplayHistory *history;
	int32_t		first_day;
	size_t		count;
	Order		begins;
	Order		ends;
	Order		reads;
	CfReplayLife *lives;
	char	   *mine;
	size_t		mine_bytes;
	uint32_t   *asked;			/* heads of the calendar, by day */
	uint32_t   *next;			/* by object */
	uint32_t   *previous;
	uint64_t   *today;			/* bit per object */
} Days;

/* span finds the first day and the number of days of a history. */
static void
span(Days *days)
{
	int32_t		last;

	days->first_day = days->history->objects[0].first_day;
	last = days->history->objects[0].last_day;
	for (uint32_t i = 1; i < days->history->object_count; i++)
	{
		const CfReplayObject *object = &days->history->objects[i];

		days->first_day = object->first_day < days->first_day ? object->first_day : days->first_day;
		last = object->last_day > last ? object->last_day : last;
	}
	days->count = (size_t) (last - days->first_day) + 1;
}

/* make_order reserves an order of so many items. */
static bool
make_order(Days *days, Order *order, uint64_t items)
{
	order->first = cf_arena_zalloc(days->run->arena, (days->count + 2) * sizeof(uint64_t));
	order->items = cf_arena_alloc(days->run->arena, (size_t) (items + 1) * sizeof(uint32_t));
	return order->first != NULL && order->items != NULL;
}

/* add_up turns counts per day (one place further on) into where each day begins (again one place further on). */
static void
add_up(const Days *days, Order *order)
{
	for (size_t i = 1; i < days->count + 2; i++)
		order->first[i] += order->first[i - 1];
}

/* put adds an item to its day; the day's begin thereby moves to where it belongs. */
static inline void
put(const Days *days, Order *order, int32_t day, uint32_t item)
{
	order->items[order->first[day - days->first_day + 1]++] = item;
}

/* known_of is how many reads of an object lie before its first day. */
static inline uint32_t
known_of(const CfReplayObject *object, const CfReplayAccess *reads)
{
	uint32_t	n = 0;

	while (n < object->access_count && reads[n].day < object->first_day)
		n++;
	return n;
}

/* sort_days puts begins, ends and reads in order. */
static void
sort_days(Days *days)
{
	const CfReplayHistory *history = days->history;

	for (int pass = 0; pass < 2; pass++)
	{
		for (uint32_t i = 0; i < history->object_count; i++)
		{
			const CfReplayObject *object = &history->objects[i];
			const CfReplayAccess *reads = history->accesses + object->first_access;

			if (pass == 0)
			{
				days->begins.first[object->first_day - days->first_day + 2]++;
				days->ends.first[object->last_day - days->first_day + 2]++;
				for (uint32_t n = known_of(object, reads); n < object->access_count; n++)
					days->reads.first[reads[n].day - days->first_day + 2]++;
				continue;
			}
			put(days, &days->begins, object->first_day, i);
			put(days, &days->ends, object->last_day, i);
			for (uint32_t n = known_of(object, reads); n < object->access_count; n++)
				put(days, &days->reads, reads[n].day, i);
		}
		if (pass == 0)
		{
			add_up(days, &days->begins);
			add_up(days, &days->ends);
			add_up(days, &days->reads);
		}
	}
}

/* reserve takes all memory that the run needs. */
static bool
reserve(Days *days)
{
	CfArena    *arena = days->run->arena;
	uint32_t	objects = days->history->object_count;
	uint64_t	reads = 0;

	for (uint32_t i = 0; i < objects; i++)
		reads += days->history->objects[i].access_count;
	days->mine_bytes = (days->run->policy->object_bytes + 7) / 8 * 8;
	days->lives = cf_arena_alloc(arena, objects * sizeof(CfReplayLife));
	days->mine = cf_arena_zalloc(arena, (size_t) objects * days->mine_bytes + 1);
	days->asked = cf_arena_alloc(arena, days->count * sizeof(uint32_t));
	days->next = cf_arena_alloc(arena, objects * sizeof(uint32_t));
	days->previous = cf_arena_alloc(arena, objects * sizeof(uint32_t));
	days->today = cf_arena_zalloc(arena, (objects / 64 + (size_t) 1) * sizeof(uint64_t));
	if (days->lives == NULL || days->mine == NULL || days->asked == NULL || days->next == NULL ||
		days->previous == NULL || days->today == NULL || !make_order(days, &days->begins, objects) ||
		!make_order(days, &days->ends, objects) || !make_order(days, &days->reads, reads))
		return cf_error_set(days->run->err, CF_ERR_MEMORY, "out of memory");
	memset(days->asked, 0xff, days->count * sizeof(uint32_t));
	return true;
}

/* calendar_of is the place in the calendar of the day that an object's policy named; NULL = none that matters. */
static inline uint32_t *
calendar_of(Days *days, uint32_t object)
{
	int32_t		day = days->lives[object].ask;

	return day >= days->history->objects[object].last_day ? NULL : &days->asked[day - days->first_day];
}

/* forget takes an object out of the calendar. */
static void
forget(Days *days, uint32_t object)
{
	uint32_t   *head = calendar_of(days, object);

	if (head == NULL)
		return;
	if (days->previous[object] == NOBODY)
		*head = days->next[object];
	else
		days->next[days->previous[object]] = days->next[object];
	if (days->next[object] != NOBODY)
		days->previous[days->next[object]] = days->previous[object];
}

/* remember puts an object into the calendar. */
static void
remember(Days *days, uint32_t object)
{
	CfReplayLife *life = &days->lives[object];
	uint32_t   *head;

	if (life->ask < life->since)
		life->ask = life->since;
	head = calendar_of(days, object);
	if (head == NULL)
		return;
	days->previous[object] = NOBODY;
	days->next[object] = *head;
	if (*head != NOBODY)
		days->previous[*head] = object;
	*head = object;
}

/* mine_of is the policy's memory of an object. */
static inline void *
mine_of(Days *days, uint32_t object)
{
	return days->mine + object * days->mine_bytes;
}

/* ask lets the policy decide about an object, which is not in the calendar. */
static bool
ask(Days *days, uint32_t object)
{
	if (!cf_replay_life_decide(days->run, &days->lives[object], object, mine_of(days, object)))
		return false;
	remember(days, object);
	return !cf_replay_stopped(days->run, 4);
}

/* read_all charges the reads of a day and tells of them. */
static bool
read_all(Days *days, size_t at)
{
	const CfReplayPolicy *policy = days->run->policy;

	for (uint64_t i = days->reads.first[at]; i < days->reads.first[at + 1]; i++)
	{
		uint32_t	number = days->reads.items[i];
		const CfReplayObject *object = &days->history->objects[number];
		CfReplayLife *life = &days->lives[number];
		const CfReplayAccess *access = &days->history->accesses[object->first_access + life->at];

		cf_replay_life_idle(days->run, life, object, access->day);
		cf_replay_life_read(days->run, life, object, access);
		days->today[number / 64] |= UINT64_C(1) << number % 64;
		if (policy->read != NULL)
		{
			CfReplayView view;

			cf_replay_life_view(days->run, life, number, &view);
			policy->read(policy, days->run->self, mine_of(days, number), &view);
		}
		if (cf_replay_stopped(days->run, 4))
			return false;
	}
	return true;
}

/* end_all charges those whose last day this is to the end. */
static bool
end_all(Days *days, size_t at)
{
	const CfReplayPolicy *policy = days->run->policy;

	for (uint64_t i = days->ends.first[at]; i < days->ends.first[at + 1]; i++)
	{
		uint32_t	number = days->ends.items[i];
		const CfReplayObject *object = &days->history->objects[number];
		CfReplayLife *life = &days->lives[number];

		cf_replay_life_idle(days->run, life, object, object->last_day + 1);
		forget(days, number);
		days->today[number / 64] &= ~(UINT64_C(1) << number % 64);
		if (days->run->result->object_usd != NULL)
			days->run->result->object_usd[number] = life->usd;
		if (policy->gone != NULL)
		{
			CfReplayView view;

			cf_replay_life_view(days->run, life, number, &view);
			policy->gone(policy, days->run->self, mine_of(days, number), &view);
		}
		if (cf_replay_stopped(days->run, 4))
			return false;
	}
	return true;
}

/* call_up marks those for today that the policy wanted to be asked about. */
static void
call_up(Days *days, size_t at)
{
	uint32_t	next;

	for (uint32_t object = days->asked[at]; object != NOBODY; object = next)
	{
		next = days->next[object];
		days->today[object / 64] |= UINT64_C(1) << object % 64;
	}
}

/* decide_all asks about those who are marked for today, in the order of objects. */
static bool
decide_all(Days *days, size_t at)
{
	for (size_t word = 0; word <= days->history->object_count / 64; word++)
	{
		while (days->today[word] != 0)
		{
			uint32_t	number = (uint32_t) (word * 64) + (uint32_t) __builtin_ctzll(days->today[word]);

			days->today[word] &= days->today[word] - 1;
			forget(days, number);
			cf_replay_life_idle(days->run, &days->lives[number], &days->history->objects[number],
								days->first_day + (int32_t) at + 1);
			if (!ask(days, number))
				return false;
		}
	}
	return true;
}

/* begin_all places those whose first day comes next, and asks about them. */
static bool
begin_all(Days *days, size_t at)
{
	for (uint64_t i = days->begins.first[at]; i < days->begins.first[at + 1]; i++)
	{
		uint32_t	number = days->begins.items[i];

		const CfReplayObject *object = &days->history->objects[number];

		cf_replay_life_begin(&days->lives[number], object, days->history->accesses + object->first_access);
		if (!ask(days, number))
			return false;
	}
	return true;
}

bool
cf_replay_by_day(CfReplayRun *run)
{
	Days		days = {.run = run,.history = run->history};

	if (run->history->object_count == 0)
		return true;
	span(&days);
	if (!reserve(&days))
		return false;
	sort_days(&days);
	if (!begin_all(&days, 0))
		return false;
	for (size_t at = 0; at < days.count; at++)
	{
		if (!read_all(&days, at) || !end_all(&days, at))
			return false;
		if (run->policy->day_end != NULL)
			run->policy->day_end(run->policy, run->self, days.first_day + (int32_t) at);
		call_up(&days, at);
		if (!decide_all(&days, at) || (at + 1 < days.count && !begin_all(&days, at + 1)))
			return false;
	}
	return true;
}
