/*
 * hindsight.c
 *		The cheapest plan of classes for one object whose reads are all known: an exact dynamic programme.
 *
 * A plan is a row of stays: class c from day a to before day b. Its cost is the sum of what stays and moves cost. A stay costs
 * storage and reads, by day; early deletion when it is shorter than the class's minimum; in a class that tiers by itself, storage
 * depends on the days since the last read or since a. The programme goes through the days and keeps for each class the
 * *entries* that may still be the best: (a, cost so far). Lists are short, since most entries are out of the race:
 *	 - a younger one that is not cheaper than an older one, which has its minimum duration behind it sooner and sinks deeper,
 *	 - an older one that is dearer than a younger one by more than those days can be worth.
 * (Sinking is not always cheaper: the overheads of small objects in archive states. `excess` bounds what an older entry can lose by it,
 * and entries are kept within that bound.)
 *
 * Not every day needs to be looked at. Between two reads (in a *gap*), and as long as no stay crosses its minimum duration, a plan's
 * cost is a concave function of its days of moving: storage is linear in them, and concave where it gets cheaper with the
 * idle days. A concave function over a polytope has a minimum at a vertex, where each day of moving
 *	 - is at an end of its gap: a day r with reads, or r + 1 (a *bound*), or
 *	 - ends a stay of exactly the minimum duration (*forward*), or
 *	 - begins one, which ends at a bound, or is followed by another such stay, up to one that ends at a bound (*backward*).
 * Of the last kind only the first of such a row needs a look of its own, the others are of the second; and only where the
 * class before is no dearer per day than the last of the row, else the row were better begun earlier. The test of a day that
 * is not a bound is thus a few comparisons, and nothing is charged before something can happen.
 *
 * Where a state is dearer than one before it, or costs to wake from, its idle days are durations of that kind too; then (*thorough*)
 * all days that are a bound plus or minus a sum of durations are candidates for every move. Stays of no days would be vertices as well; they
 * never help where moving directly is not dearer than moving by way of a third class, and where it is (no real tariff), all
 * days are candidates.
 *
 * test/tiering/unit/tiering_hindsight.c compares it with a programme over all days and all (class, day of entry), and that with the
 * cost of every possible plan.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tiering/hindsight.h"

#define LENGTHS (CF_TARIFF_CLASSES * (1 + 2 * CF_TARIFF_STATES))

/* A stay that may still be the best one: how it began, and what was paid by now. */
typedef struct Entry
{
	double		usd;
	int32_t		entered;
	int32_t		idle_from;
	int32_t		record;
} Entry;

/* How a stay began; records lead back to the first day. */
typedef struct Record
{
	int32_t		previous;		/* -1 = the first */
	int32_t		day;
	int32_t		cls;
} Record;

/* A class for an object of one size. */
typedef struct Terms
{
	int			states;			/* that this object can be in */
	int32_t		min_days;
	int32_t		idle_days[CF_TARIFF_STATES];
	double		day_usd[CF_TARIFF_STATES];
	double		out_usd[CF_TARIFF_STATES];	/* a copy out of it */
	double		get_usd[CF_TARIFF_STATES];
	double		byte_usd[CF_TARIFF_STATES];
	double		read_usd[CF_TARIFF_STATES];	/* of a day with reads, whatever is read */
	double		early_day_usd;
	double		excess_usd;		/* what an older entry may lose against a younger one; 0 = nothing */
	double		lead_day_usd;	/* what it may gain, per day that it is older */
	int32_t		wait_days;		/* so old is a stay that a row timed by its end may follow */
	Entry	   *entries;
	int			entry_count;
	double		copy_usd;		/* the best stay that can be left today: by a copy, … */
	double		lifecycle_usd;	/* … by a transition */
	int32_t		copy_record;
	int32_t		lifecycle_record;
} Terms;

struct CfHindsight
{
	const CfTariffMenu *menu;
	const CfReplayHistory *history;
	bool		every_day;		/* the tariff has detours that pay */
	double		in_usd[CF_TARIFF_CLASSES][CF_TARIFF_CLASSES];	/* to, from: without what leaving costs */
	bool		lifecycle[CF_TARIFF_CLASSES][CF_TARIFF_CLASSES];	/* to, from */
	Terms		terms[CF_TARIFF_CLASSES];

	/* Of the object at hand. */
	bool		thorough;
	bool		fair;			/* early deletion costs what staying would */
	double		top_day_usd;	/* the dearest class with a minimum duration */
	const CfReplayObject *object;
	const CfReplayAccess *reads;
	int32_t		days;			/* of its life */
	int32_t		lengths[LENGTHS];
	int			length_count;
	int32_t		charged;		/* entries are charged up to before this day */
	uint32_t	at;				/* reads behind it */
	uint64_t   *marks;			/* days to look at: bounds, forward; bit 0 = first_day */
	uint64_t   *back;			/* bounds, and what precedes them by sums of durations */
	size_t		words;
	Record	   *records;
	int32_t		record_count;
	int32_t		record;			/* of the best plan's last stay */
	double		usd;

	Record	   *plan;			/* in order of days */
	int32_t		plan_count;
	int32_t		plan_at;
};

/*
 * detours_pay tells whether going by way of a third class, left at once, may be cheaper than going directly, for some size. Early
 * deletion in the class between only makes it dearer.
 */
static bool
detours_pay(const CfTariffMenu *menu, int from, int via, int to)
{
	const double direct[2] = {cf_tariff_move_usd(menu, from, 0, CF_TARIFF_DAYS_MAX, to, 0),
	cf_tariff_move_usd(menu, from, 0, CF_TARIFF_DAYS_MAX, to, INT64_C(1) << 50)};
	const double first[2] = {cf_tariff_move_usd(menu, from, 0, CF_TARIFF_DAYS_MAX, via, 0),
	cf_tariff_move_usd(menu, from, 0, CF_TARIFF_DAYS_MAX, via, INT64_C(1) << 50)};
	const double second[2] = {cf_tariff_move_usd(menu, via, 0, CF_TARIFF_DAYS_MAX, to, 0),
	cf_tariff_move_usd(menu, via, 0, CF_TARIFF_DAYS_MAX, to, INT64_C(1) << 50)};

	return direct[0] > first[0] + second[0] || direct[1] - direct[0] > first[1] - first[0] + second[1] - second[0];
}

/* any_detour_pays looks at all of them. Early deletion at the source is the same both ways, unless transitions are free of it. */
static bool
any_detour_pays(const CfTariffMenu *menu)
{
	for (int from = 0; from < menu->count; from++)
	{
		for (int via = 0; via < menu->count; via++)
		{
			for (int to = 0; to < menu->count; to++)
			{
				if (from == via || via == to || from == to)
					continue;
				if (detours_pay(menu, from, via, to) ||
					(!menu->lifecycle_pays_early && menu->classes[from].min_days > 0 &&
					 cf_tariff_lifecycle(menu, from, via) && !cf_tariff_lifecycle(menu, from, to)))
					return true;
			}
		}
	}
	return false;
}

CfHindsight *
cf_hindsight_make(const CfTariffMenu *menu, const CfReplayHistory *history, CfArena *arena)
{
	CfHindsight *h = cf_arena_zalloc(arena, sizeof(*h));
	size_t		days = 1;

	for (uint32_t i = 0; i < history->object_count; i++)
	{
		size_t		life = (size_t) (history->objects[i].last_day - history->objects[i].first_day) + 1;

		days = life > days ? life : days;
	}
	if (h == NULL)
		return NULL;
	h->menu = menu;
	h->history = history;
	h->words = days / 64 + 2;
	h->marks = cf_arena_alloc(arena, h->words * sizeof(uint64_t));
	h->back = cf_arena_alloc(arena, h->words * sizeof(uint64_t));
	h->records = cf_arena_alloc(arena, (days + 2) * (size_t) menu->count * sizeof(Record));
	h->plan = cf_arena_alloc(arena, (days + 2) * sizeof(Record));
	if (h->marks == NULL || h->back == NULL || h->records == NULL || h->plan == NULL)
		return NULL;
	for (int c = 0; c < menu->count; c++)
	{
		h->terms[c].entries = cf_arena_alloc(arena, (days + 2) * sizeof(Entry));
		if (h->terms[c].entries == NULL)
			return NULL;
		for (int from = 0; from < menu->count; from++)
		{
			const CfTariffClass *to = &menu->classes[c];

			h->lifecycle[c][from] = cf_tariff_lifecycle(menu, from, c);
			h->in_usd[c][from] = to->enter_usd +
				(h->lifecycle[c][from] ? to->transition_usd : menu->copy_pays_put ? to->put_usd : 0);
		}
	}
	h->every_day = any_detour_pays(menu);
	return h;
}

/* add_length adds a duration to those by which candidates follow each other. */
static void
add_length(CfHindsight *h, int32_t length)
{
	if (length <= 0 || length >= h->days)
		return;
	for (int i = 0; i < h->length_count; i++)
	{
		if (length % h->lengths[i] == 0)
			return;
	}
	h->lengths[h->length_count++] = length;
}

/*
 * weigh_states finds what a class's states cost, and by how much an older entry may be worse than a younger one: where a
 * state is dearer than one before it for so many days, and where it costs to wake from. Reads or copies at different prices: no bound.
 */
static void
weigh_states(CfHindsight *h, int c)
{
	const CfTariffClass *cls = &h->menu->classes[c];
	Terms	   *terms = &h->terms[c];
	double		cheapest = INFINITY;

	terms->excess_usd = 0;
	for (int s = 0; s < terms->states; s++)
	{
		const CfTariffState *state = &cls->states[s];
		const CfTariffState *first = &cls->states[0];
		double		excess = 0;

		terms->day_usd[s] = cf_tariff_day_usd(h->menu, c, s, h->object->size_bytes);
		terms->idle_days[s] = state->idle_days;
		terms->out_usd[s] = (h->menu->copy_pays_get ? state->get_usd : 0) +
			(double) cf_tariff_size(cls, h->object->size_bytes) * state->retrieval_usd +
			(state->restores ? state->restore_usd +
			 (double) h->object->size_bytes * h->menu->restore_days * h->menu->standard_usd : 0);
		terms->get_usd[s] = state->get_usd;
		terms->byte_usd[s] = state->restores ? 0 : state->retrieval_usd;
		terms->read_usd[s] = cf_tariff_read_usd(h->menu, c, s, h->object->size_bytes, 0, 0);
		cheapest = terms->day_usd[s] < cheapest ? terms->day_usd[s] : cheapest;
		if (terms->day_usd[s] > cheapest)
			excess = s + 1 < terms->states ?
				(terms->day_usd[s] - cheapest) * (cls->states[s + 1].idle_days - state->idle_days) : INFINITY;
		if (state->wake_usd > 0)
			excess += state->wake_usd;
		if (state->get_usd != first->get_usd || state->retrieval_usd != first->retrieval_usd ||
			state->restores != first->restores || state->restore_usd != first->restore_usd)
			excess = INFINITY;
		if (excess > 0)
		{
			terms->excess_usd += excess;
			add_length(h, state->idle_days);
			add_length(h, state->idle_days + 1);
		}
	}
}

/* weigh_waiting finds how old a stay must be for a row of stays to follow that is timed by its end. */
static void
weigh_waiting(const CfHindsight *h, Terms *terms)
{
	terms->wait_days = CF_REPLAY_NEVER;
	if (terms->min_days > 0 && !h->fair)
		terms->wait_days = 1;
	else
	{
		for (int s = terms->states - 1; s >= 0 && terms->day_usd[s] <= h->top_day_usd; s--)
			terms->wait_days = terms->min_days > 0 ? terms->min_days + 1 : terms->idle_days[s] + 1;
	}
}

/* weigh prepares the terms of all classes for the object at hand. */
static void
weigh(CfHindsight *h)
{
	h->length_count = 0;
	h->thorough = h->every_day;
	h->fair = true;
	h->top_day_usd = 0;
	for (int c = 0; c < h->menu->count; c++)
	{
		const CfTariffClass *cls = &h->menu->classes[c];
		Terms	   *terms = &h->terms[c];

		terms->states = h->object->size_bytes >= cls->monitor_min_bytes ? cls->state_count : 1;
		terms->min_days = cls->min_days;
		terms->early_day_usd = (double) cf_tariff_billed_bytes(cls, 0, h->object->size_bytes) * cls->early_usd;
		terms->entry_count = 0;
		weigh_states(h, c);
		terms->lead_day_usd = terms->min_days > 0 ? terms->early_day_usd :
			terms->day_usd[0] - terms->day_usd[terms->states - 1];
		h->thorough |= terms->excess_usd > 0;
		if (cls->min_days == 0)
			continue;
		add_length(h, cls->min_days);
		h->fair &= fabs(terms->early_day_usd - terms->day_usd[0]) <= 1e-13 * terms->day_usd[0];
		h->top_day_usd = terms->day_usd[0] > h->top_day_usd ? terms->day_usd[0] : h->top_day_usd;
	}
	if (h->every_day)
		add_length(h, 1);
	for (int c = 0; c < h->menu->count; c++)
		weigh_waiting(h, &h->terms[c]);
}

/* mark adds a day to a set, if it lies in the object's life. */
static inline void
mark(uint64_t *bits, const CfHindsight *h, int64_t day)
{
	int64_t		at = day - h->object->first_day;

	if (at >= 0 && at < h->days)
		bits[at / 64] |= UINT64_C(1) << at % 64;
}

/* spread adds to a set of days all that lie a multiple of length later; with back, earlier. */
static void
spread(uint64_t *bits, size_t words, int32_t length, bool back)
{
	for (size_t step = (size_t) length; step < words * 64; step *= 2)
	{
		size_t		skip = step / 64;
		unsigned	shift = step % 64;

		/* Words are taken so that none is read after it was written. */
		for (size_t i = 0; i + skip < words; i++)
		{
			size_t		to = back ? i : words - 1 - i;
			size_t		from = back ? to + skip : to - skip;
			uint64_t	word = back ? bits[from] >> shift : bits[from] << shift;

			if (shift > 0 && back && from + 1 < words)
				word |= bits[from + 1] << (64 - shift);
			if (shift > 0 && !back && from > 0)
				word |= bits[from - 1] >> (64 - shift);
			bits[to] |= word;
		}
	}
}

/* mark_begun marks what follows from a stay that was begun before: its minimum duration and its states go on. */
static void
mark_begun(CfHindsight *h)
{
	const CfReplayObject *object = h->object;

	for (int i = 0; i < h->length_count; i++)
	{
		int64_t		length = h->lengths[i];

		for (int64_t n = length; n <= object->first_day - (int64_t) object->entered_day + length; n += length)
			mark(h->marks, h, object->entered_day + n);
		if (object->last_read_day == CF_REPLAY_NO_DAY)
			continue;
		for (int64_t n = length; n <= object->first_day - (int64_t) object->last_read_day + length; n += length)
			mark(h->marks, h, object->last_read_day + n);
	}
}

/* mark_days finds the days that are worth a look; those of the kind forward are added as entries are made. */
static void
mark_days(CfHindsight *h)
{
	const CfReplayObject *object = h->object;
	size_t		words = (size_t) h->days / 64 + 1;

	memset(h->marks, 0, words * sizeof(uint64_t));
	mark(h->marks, h, object->first_day);
	for (uint32_t i = h->at; i < object->access_count; i++)
	{
		mark(h->marks, h, h->reads[i].day);
		mark(h->marks, h, h->reads[i].day + 1);
	}
	memcpy(h->back, h->marks, words * sizeof(uint64_t));
	if (h->thorough && object->start_class != CF_TARIFF_NONE)
		mark_begun(h);
	for (int i = 0; i < h->length_count; i++)
	{
		spread(h->back, words, h->lengths[i], true);
		if (h->thorough)
			spread(h->marks, words, h->lengths[i], false);
	}
	for (size_t i = 0; h->thorough && i < words; i++)
		h->marks[i] |= h->back[i];
	h->marks[words - 1] &= (UINT64_C(1) << h->days % 64) - 1;
	h->back[words - 1] &= (UINT64_C(1) << h->days % 64) - 1;
}

/* next_marked is the first day of a set after a day, or the day after the last. */
static int32_t
next_marked(const CfHindsight *h, const uint64_t *set, int32_t day)
{
	int32_t		at = day - h->object->first_day + 1;
	size_t		word = (size_t) at / 64;
	uint64_t	bits;

	if (at >= h->days)
		return h->object->last_day + 1;
	bits = set[word] >> at % 64;
	if (bits != 0)
		return h->object->first_day + at + __builtin_ctzll(bits);
	for (word++; word < (size_t) h->days / 64 + 1; word++)
	{
		if (set[word] != 0)
			return h->object->first_day + (int32_t) word * 64 + __builtin_ctzll(set[word]);
	}
	return h->object->last_day + 1;
}

/* state_of is the state of a stay at the start of a day. */
static inline int
state_of(const Terms *terms, const Entry *entry, int32_t day)
{
	int			state = 0;

	while (state + 1 < terms->states && day - entry->idle_from >= terms->idle_days[state + 1])
		state++;
	return state;
}

/* offer makes a stay that can be left before day the best of its class, if it is. */
static void
offer(const CfHindsight *h, Terms *terms, const Entry *entry, int32_t day)
{
	int32_t		missing = terms->min_days - (day - entry->entered);
	double		early = missing > 0 ? missing * terms->early_day_usd : 0;
	double		copy = entry->usd + early +
		terms->out_usd[terms->states > 1 && day - 1 > entry->idle_from ? state_of(terms, entry, day - 1) : 0];
	double		lifecycle = entry->usd + (h->menu->lifecycle_pays_early ? early : 0);

	if (copy < terms->copy_usd)
	{
		terms->copy_usd = copy;
		terms->copy_record = entry->record;
	}
	if (lifecycle < terms->lifecycle_usd)
	{
		terms->lifecycle_usd = lifecycle;
		terms->lifecycle_record = entry->record;
	}
}

/* offer_none begins anew. */
static void
offer_none(CfHindsight *h)
{
	for (int c = 0; c < h->menu->count; c++)
		h->terms[c].copy_usd = h->terms[c].lifecycle_usd = INFINITY;
}

/* offer_all offers all stays. */
static void
offer_all(CfHindsight *h, int32_t day)
{
	offer_none(h);
	for (int c = 0; c < h->menu->count; c++)
	{
		for (int i = 0; i < h->terms[c].entry_count; i++)
			offer(h, &h->terms[c], &h->terms[c].entries[i], day);
	}
}

/* add_entry begins a stay, unless one that is older is as good. */
static void
add_entry(CfHindsight *h, int c, double usd, int32_t entered, int32_t idle_from, int32_t day, int32_t previous)
{
	Terms	   *terms = &h->terms[c];
	Record	   *record = &h->records[h->record_count];

	/* The younger, the cheaper (prune), but for an excess. */
	for (int i = terms->excess_usd > 0 || terms->entry_count == 0 ? 0 : terms->entry_count - 1; i < terms->entry_count; i++)
	{
		if (usd >= terms->entries[i].usd + terms->excess_usd)
			return;
	}
	if (terms->min_days == 0 && terms->states == 1)
		terms->entry_count = 0;
	if (terms->min_days > 0)
		mark(h->marks, h, (int64_t) entered + terms->min_days);
	*record = (Record) {previous, day, c};
	terms->entries[terms->entry_count++] = (Entry) {usd, entered, idle_from, h->record_count++};
}

/* enter begins in a class the best stay that comes from one of those on offer. */
static void
enter(CfHindsight *h, int to, int32_t day)
{
	const int	count = h->menu->count;
	const double *in_usd = h->in_usd[to];
	const bool *lifecycle = h->lifecycle[to];
	double		usd = INFINITY;
	int			best = CF_TARIFF_NONE;

	for (int from = 0; from < count; from++)
	{
		const Terms *terms = &h->terms[from];
		double		sum = (lifecycle[from] ? terms->lifecycle_usd : terms->copy_usd) + in_usd[from];

		if (sum < usd && from != to)
		{
			usd = sum;
			best = from;
		}
	}
	if (best != CF_TARIFF_NONE)
		add_entry(h, to, usd, day, day, day, lifecycle[best] ? h->terms[best].lifecycle_record : h->terms[best].copy_record);
}

/* held is what the days from day to before until cost a stay. */
static double
held(const Terms *terms, const Entry *entry, int32_t day, int32_t until)
{
	int			state = state_of(terms, entry, day);
	double		usd = 0;

	while (state + 1 < terms->states && entry->idle_from + terms->idle_days[state + 1] < until)
	{
		int32_t		next = entry->idle_from + terms->idle_days[state + 1];

		usd += (next - day) * terms->day_usd[state];
		day = next;
		state++;
	}
	return usd + (until - day) * terms->day_usd[state];
}

/* prune drops the stays of a class that are out of the race; they are in order of age, the oldest first. */
static void
prune(Terms *terms, int32_t day)
{
	double		best = INFINITY;
	int			kept = 0;

	for (int i = 0; i < terms->entry_count; i++)
	{
		if (terms->entries[i].usd >= best + terms->excess_usd)
			continue;
		best = terms->entries[i].usd < best ? terms->entries[i].usd : best;
		if (kept++ != i)
			terms->entries[kept - 1] = terms->entries[i];
	}
	terms->entry_count = kept;
	if (terms->excess_usd > 0 || terms->entry_count < 2)
		return;
	/* From the youngest back; what is left stands at the end, and moves to the front. */
	kept = terms->entry_count - 1;
	for (int i = kept - 1; i >= 0; i--)
	{
		const Entry *younger = &terms->entries[kept];
		const Entry *entry = &terms->entries[i];

		int32_t		lead = terms->min_days > 0 ? younger->entered - entry->entered : younger->idle_from - entry->idle_from;

		/* No longer than until the younger one has its minimum duration behind it as well. */
		if (terms->min_days > 0 && younger->entered + terms->min_days - day < lead)
			lead = younger->entered + terms->min_days - day;
		if (entry->usd < younger->usd + lead * terms->lead_day_usd && --kept != i)
			terms->entries[kept] = *entry;
	}
	if (kept == 0)
		return;
	terms->entry_count -= kept;
	memmove(terms->entries, terms->entries + kept, (size_t) terms->entry_count * sizeof(Entry));
}

/* unite leaves of the stays in a class that tiers by itself the cheapest: after a read they are all the same. */
static void
unite(Terms *terms, int32_t read_day)
{
	int			best = 0;

	for (int i = 1; i < terms->entry_count; i++)
	{
		if (terms->entries[i].usd < terms->entries[best].usd)
			best = i;
	}
	if (terms->entry_count > 0)
	{
		terms->entries[0] = terms->entries[best];
		terms->entries[0].idle_from = read_day;
		terms->entry_count = 1;
	}
}

/* read_usd is what a day's reads cost in a state. */
static inline double
read_usd(const Terms *terms, int state, const CfReplayAccess *read)
{
	return terms->read_usd[state] + read->reads * terms->get_usd[state] + (double) read->bytes * terms->byte_usd[state];
}

/* settle charges all stays up to before a day. Reads can only be on the first of the days: the day after is a bound. */
static void
settle(CfHindsight *h, int32_t until)
{
	int32_t		day = h->charged;
	const CfReplayAccess *read = h->at < h->object->access_count && h->reads[h->at].day == day ? &h->reads[h->at] : NULL;

	if (day == until)
		return;
	for (int c = 0; c < h->menu->count; c++)
	{
		Terms	   *terms = &h->terms[c];
		Entry	   *end = terms->entries + terms->entry_count;

		if (terms->states == 1)
		{
			const double same = (until - day) * terms->day_usd[0] + (read == NULL ? 0 : read_usd(terms, 0, read));

			for (Entry *entry = terms->entries; entry < end; entry++)
				entry->usd += same;
		}
		else
		{
			for (Entry *entry = terms->entries; entry < end; entry++)
				entry->usd += held(terms, entry, day, until) +
					(read == NULL ? 0 : read_usd(terms, state_of(terms, entry, day), read));
		}
		if (terms->entry_count > 1)
			prune(terms, until);
		if (read != NULL && terms->states > 1)
			unite(terms, day);
	}
	h->charged = until;
	h->at += read != NULL;
}

/* offer_forward offers the stays that have lasted for exactly their minimum duration; tells whether there are any. */
static bool
offer_forward(CfHindsight *h, int32_t day)
{
	bool		any = false;

	offer_none(h);
	for (int c = 0; c < h->menu->count; c++)
	{
		Terms	   *terms = &h->terms[c];

		/* In order of age, the oldest first. */
		for (int i = 0; terms->min_days > 0 && i < terms->entry_count && terms->entries[i].entered + terms->min_days <= day; i++)
		{
			if (terms->entries[i].entered + terms->min_days < day)
				continue;
			offer(h, terms, &terms->entries[i], day);
			any = true;
		}
	}
	return any;
}

/* waits_from is the first day on which a stay may be followed by a row of stays that is timed by its end. */
static inline int32_t
waits_from(const Terms *terms, const Entry *entry)
{
	return terms->wait_days == CF_REPLAY_NEVER ? CF_REPLAY_NEVER :
		terms->wait_days + (terms->min_days > 0 ? entry->entered : entry->idle_from);
}

/* offer_backward offers the stays that may be followed by such a row. */
static void
offer_backward(CfHindsight *h, int32_t day)
{
	offer_none(h);
	for (int c = 0; c < h->menu->count; c++)
	{
		Terms	   *terms = &h->terms[c];

		for (int i = 0; i < terms->entry_count && waits_from(terms, &terms->entries[i]) <= day; i++)
			offer(h, terms, &terms->entries[i], day);
	}
}

/* marked tells whether a day is in a set. */
static inline bool
marked(const uint64_t *bits, const CfHindsight *h, int64_t day)
{
	int64_t		at = day - h->object->first_day;

	return at >= 0 && at < h->days && (bits[at / 64] >> at % 64 & 1) != 0;
}

/* look_between considers the moves that a day allows which is not a bound. */
static void
look_between(CfHindsight *h, int32_t day)
{
	if (marked(h->marks, h, day) && offer_forward(h, day))
	{
		/* Once more, now that everything is charged. */
		settle(h, day);
		offer_forward(h, day);
		for (int to = 0; to < h->menu->count; to++)
			enter(h, to, day);
	}
	if (!marked(h->back, h, day))
		return;
	settle(h, day);
	offer_backward(h, day);
	for (int to = 0; to < h->menu->count; to++)
	{
		if (h->terms[to].min_days > 0 && marked(h->back, h, (int64_t) day + h->terms[to].min_days))
			enter(h, to, day);
	}
}

/* look considers all moves before a day. */
static void
look(CfHindsight *h, int32_t day)
{
	settle(h, day);
	offer_all(h, day);
	for (int to = 0; to < h->menu->count; to++)
		enter(h, to, day);
}

/* next_day is the next day to look at, or the day after the last. */
static int32_t
next_day(const CfHindsight *h, int32_t day)
{
	int32_t		next = next_marked(h, h->marks, day);
	int32_t		wait = CF_REPLAY_NEVER;

	if (next <= day + 1 || h->thorough)
		return next;
	for (int c = 0; c < h->menu->count; c++)
	{
		/* The oldest comes first. */
		int32_t		from = h->terms[c].entry_count > 0 ? waits_from(&h->terms[c], &h->terms[c].entries[0]) : CF_REPLAY_NEVER;

		wait = from < wait ? from : wait;
	}
	if (wait < next)
	{
		int32_t		back = next_marked(h, h->back, wait > day ? wait - 1 : day);

		next = back < next ? back : next;
	}
	return next;
}

/* begin puts the first stays in place: in every class for an upload, else in the one where the object lies. */
static void
begin(CfHindsight *h)
{
	const CfReplayObject *object = h->object;
	int32_t		first = object->first_day;
	int32_t		idle_from = object->entered_day;

	if (object->start_class == CF_TARIFF_NONE)
	{
		for (int c = 0; c < h->menu->count; c++)
			add_entry(h, c, 0, first, first, first, -1);
		return;
	}
	if (object->last_read_day > idle_from)
		idle_from = object->last_read_day;
	add_entry(h, object->start_class, 0, object->entered_day, idle_from, first, -1);
}

/* trace_back turns the records of the best plan into an order of days. */
static void
trace_back(CfHindsight *h)
{
	int32_t		best = -1;
	int32_t		count = 0;

	h->usd = INFINITY;
	for (int c = 0; c < h->menu->count; c++)
	{
		for (int i = 0; i < h->terms[c].entry_count; i++)
		{
			if (h->terms[c].entries[i].usd < h->usd)
			{
				h->usd = h->terms[c].entries[i].usd;
				best = h->terms[c].entries[i].record;
			}
		}
	}
	for (int32_t at = best; at >= 0; at = h->records[at].previous)
		count++;
	h->plan_count = count;
	h->plan_at = 0;
	for (int32_t at = best; at >= 0; at = h->records[at].previous)
		h->plan[--count] = h->records[at];
}

unsigned
cf_hindsight_plan(CfHindsight *h, uint32_t number)
{
	const CfReplayObject *object = &h->history->objects[number];
	unsigned	work = 8;

	h->object = object;
	h->reads = h->history->accesses + object->first_access;
	h->days = object->last_day - object->first_day + 1;
	h->record_count = 0;
	h->charged = object->first_day;
	h->at = 0;
	while (h->at < object->access_count && h->reads[h->at].day < object->first_day)
		h->at++;
	weigh(h);
	mark_days(h);
	begin(h);
	for (int32_t day = object->first_day; day <= object->last_day; day = next_day(h, day))
	{
		/* Reads are settled at the bound behind them: the next one to settle tells whether this is a bound. */
		bool		bound = h->at < object->access_count && h->reads[h->at].day + 1 >= day && h->reads[h->at].day <= day;

		if (day == object->first_day)
		{
			if (object->start_class != CF_TARIFF_NONE)
				look(h, day);
		}
		else if (h->thorough || bound)
			look(h, day);
		else
			look_between(h, day);
		work += 2;
	}
	settle(h, object->last_day + 1);
	trace_back(h);
	return work;
}

double
cf_hindsight_usd(const CfHindsight *h)
{
	return h->usd;
}

int
cf_hindsight_follow(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	CfHindsight *h = self;
	int			cls = view->cls;

	(void) policy;
	(void) mine;
	/* An object that was there before may leave at once: two stays then begin on its first day. */
	while (h->plan_at < h->plan_count && h->plan[h->plan_at].day == view->day + 1)
		cls = h->plan[h->plan_at++].cls;
	if (h->plan_at < h->plan_count)
		*again = h->plan[h->plan_at].day - 1;
	return cls;
}
