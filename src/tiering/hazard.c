/*
 * hazard.c
 *		Occurrences and exposures by idle days and frequency, period by period, and what they say of one object.
 */
#include <math.h>
#include <string.h>

#include "tiering/hazard.h"

#define LOOKS 8					/* while the number of periods doubles, so often what is known is looked at anew; 2^3, as grain_of() knows */

/* idle_class is the class of idle days at the beginning of a day: 0 and 1, 2 to 3, 4 to 7, … */
static inline int
idle_class(int32_t idle)
{
	int			class = idle < 2 ? 0 : 31 - __builtin_clz((unsigned) idle);

	return class < CF_HAZARD_IDLE ? class : CF_HAZARD_IDLE - 1;
}

/* idle_end is the first idle day behind a class. */
static inline int32_t
idle_end(int class)
{
	return class == CF_HAZARD_IDLE - 1 ? INT32_MAX : (int32_t) 2 << class;
}

/* often_class is the class of a frequency. */
static inline int
often_class(double often)
{
	int			class = 0;

	for (double limit = 1.5; class < CF_HAZARD_OFTEN - 1 && often >= limit; limit *= 2)
		class++;
	return class;
}

int
cf_hazard_idle(int32_t idle_days)
{
	return idle_class(idle_days);
}

int
cf_hazard_often(double often)
{
	return often_class(often);
}

int32_t
cf_hazard_idle_from(int class)
{
	return class == 0 ? 0 : (int32_t) 1 << class;
}

double
cf_hazard_often_in(int class)
{
	return class == 0 ? 1 : 2 * (1 << (class - 1));
}

/* grain_of is how many of the last bits of a number of periods nobody asks for: what is known grows by a few percent from look to look. */
static inline int
grain_of(int32_t ended)
{
	int			grain = 28 - __builtin_clz((unsigned) ended);

	return grain > 0 ? grain : 0;
}

/* look_at is the table of what is known when so many periods have ended, a number without bits below its grain. */
static inline int
look_at(int32_t ended)
{
	int			grain = grain_of(ended);

	return LOOKS * grain + (ended >> grain) - 1;
}

/* ended_at is how many periods have ended when a table is complete. */
static inline int32_t
ended_at(int look)
{
	int			grain = (look + 1) / LOOKS - 1;

	return grain < 1 ? look + 1 : (look + 1 - LOOKS * grain) << grain;
}

/* look_of is the first table that knows of a period. */
static inline int
look_of(int32_t period)
{
	int			grain = grain_of(period + 1);

	return look_at((period + (1 << grain)) >> grain << grain);
}

CfHazards *
cf_hazards_make(CfArena *arena, int32_t first_day, int32_t last_day, int32_t step_days, int datasets)
{
	CfHazards  *hazards = cf_arena_zalloc(arena, sizeof(*hazards));
	size_t		tables;

	if (hazards == NULL)
		return NULL;
	hazards->first_day = first_day;
	hazards->step_days = step_days;
	hazards->periods = last_day < first_day ? 1 : (int) ((last_day - first_day) / step_days) + 1;
	hazards->datasets = datasets;
	hazards->looks = look_of(hazards->periods - 1) + 1;
	tables = (size_t) (datasets + 1) * (size_t) hazards->looks;
	hazards->tables = cf_arena_zalloc(arena, tables * sizeof(CfHazardTable));
	hazards->since = cf_arena_alloc(arena, (size_t) (datasets + 1) * sizeof(*hazards->since));
	if (hazards->tables == NULL || hazards->since == NULL)
		return NULL;
	for (int d = 0; d <= datasets; d++)
	{
		for (int i = 0; i < CF_HAZARD_IDLE; i++)
			hazards->since[d][i] = INT32_MAX;
	}
	return hazards;
}

/* period_of is the period of a day. */
static inline int
period_of(const CfHazards *hazards, int32_t day)
{
	int			period = (int) ((day - hazards->first_day) / hazards->step_days);

	return day < hazards->first_day ? 0 : period < hazards->periods ? period : hazards->periods - 1;
}

/* risk counts in days without a read, from..to - 1. */
static void
risk(CfHazards *hazards, int dataset, int often, int32_t idle_from, int32_t from, int32_t to)
{
	CfHazardTable *tables = hazards->tables + (size_t) dataset * (size_t) hazards->looks;
	int32_t    *since = hazards->since[dataset];
	int			look = look_of(period_of(hazards, from));
	int32_t		look_end = hazards->first_day + ended_at(look) * hazards->step_days;

	for (int class = idle_class(from - idle_from); from < to; class++)
	{
		int32_t		end = class == CF_HAZARD_IDLE - 1 || to - idle_from < idle_end(class) ? to : idle_from + idle_end(class);

		if (from < since[class])
			since[class] = from;
		while (from < end)
		{
			int32_t		stop = look == hazards->looks - 1 || end < look_end ? end : look_end;

			tables[look].cells[often][class].at_risk += stop - from;
			from = stop;
			if (from == look_end && look < hazards->looks - 1)
				look_end = hazards->first_day + ended_at(++look) * hazards->step_days;
		}
	}
}

/*
 * found counts, for how long objects have been so idle, the days before the record: those of an object that lay there when the record began. One
 * that turns up later must not tell of them, since it was not known before.
 */
static void
found(CfHazards *hazards, int dataset, int32_t idle_from, int32_t from_day)
{
	int32_t    *since = hazards->since[dataset];

	if (from_day > hazards->first_day)
		return;
	for (int class = 0; class < CF_HAZARD_IDLE && idle_from + cf_hazard_idle_from(class) < from_day; class++)
	{
		if (idle_from + cf_hazard_idle_from(class) < since[class])
			since[class] = idle_from + cf_hazard_idle_from(class);
	}
}

void
cf_hazards_learn(CfHazards *hazards, int dataset, int64_t size_bytes, int32_t idle_from, int32_t from_day, int32_t to_day,
				 const CfReplayAccess *reads, uint32_t read_count)
{
	CfHazardTable *tables = hazards->tables + (size_t) dataset * (size_t) hazards->looks;
	double		size = size_bytes > 0 ? (double) size_bytes : 1;
	double		often = 1;
	uint32_t	last = 0;		/* first read that does not follow this one any more */

	found(hazards, dataset, idle_from, from_day);
	for (uint32_t i = 0; i < read_count; i++)
	{
		int32_t		day = reads[i].day;
		int32_t		known = day + CF_HAZARD_FOLLOW_DAYS;
		int			of = often_class(often);
		int			class = idle_class(day - idle_from);
		CfHazardCell *cell = &tables[look_of(period_of(hazards, day))].cells[of][class];

		risk(hazards, dataset, of, idle_from, from_day, day + 1);
		cell->wakes++;
		cell->reads += reads[i].reads;
		cell->sizes += (double) reads[i].bytes / size;
		if (known <= to_day)
		{
			while (last < read_count && reads[last].day <= known)
				last++;
			cell = &tables[look_of(period_of(hazards, known))].cells[of][class];
			cell->followed++;
			cell->further += last - i - 1;
		}
		often = often * exp2(-(double) (day - idle_from) / CF_RATES_HALF_LIFE) + 1;
		idle_from = day;
		from_day = day + 1;
	}
	risk(hazards, dataset, often_class(often), idle_from, from_day, to_day + 1);
}

/* sum_up adds one table to another. */
static void
sum_up(CfHazardTable *to, const CfHazardTable *from)
{
	double	   *sum = &to->cells[0][0].at_risk;
	const double *more = &from->cells[0][0].at_risk;

	for (size_t i = 0; i < sizeof(to->cells) / sizeof(*sum); i++)
		sum[i] += more[i];
}

/* burst_of is what cf_hazard_burst says of a table. */
static double
burst_of(const CfHazardTable *table)
{
	double		wakes = CF_HAZARD_PRIOR;
	double		sizes = 0;

	for (int o = 0; o < CF_HAZARD_OFTEN; o++)
	{
		for (int i = idle_class(CF_HAZARD_QUIET_DAYS); i < CF_HAZARD_IDLE; i++)
		{
			wakes += table->cells[o][i].wakes;
			sizes += table->cells[o][i].sizes;
		}
	}
	return sizes / wakes;
}

void
cf_hazards_close(CfHazards *hazards)
{
	const size_t looks = (size_t) hazards->looks;
	CfHazardTable *place = hazards->tables + (size_t) hazards->datasets * looks;

	for (int d = 0; d < hazards->datasets; d++)
	{
		CfHazardTable *own = hazards->tables + (size_t) d * looks;

		for (size_t p = 0; p < looks; p++)
		{
			if (p > 0)
				sum_up(&own[p], &own[p - 1]);
			sum_up(&place[p], &own[p]);
			own[p].burst = burst_of(&own[p]);
		}
		for (int i = 0; i < CF_HAZARD_IDLE; i++)
		{
			if (hazards->since[d][i] < hazards->since[hazards->datasets][i])
				hazards->since[hazards->datasets][i] = hazards->since[d][i];
		}
	}
	hazards->closed = true;
}

void
cf_hazard_restore(CfHazardTable *table, const int32_t *since, int32_t day, CfHazardKnown *known)
{
	table->burst = burst_of(table);
	*known = (CfHazardKnown) {.own = table,.place = table,.since = since,.day = day};
}

void
cf_hazards_on(const CfHazards *hazards, int dataset, int32_t day, CfHazardKnown *known)
{
	int32_t		ended = day + 1 < hazards->first_day ? 0 : (day + 1 - hazards->first_day) / hazards->step_days;
	const size_t looks = (size_t) hazards->looks;
	size_t		look;

	*known = (CfHazardKnown) {.day = day};
	if (ended > hazards->periods)
		ended = hazards->periods;
	if (ended < 1)
		return;
	ended = ended >> grain_of(ended) << grain_of(ended);
	look = (size_t) look_at(ended);
	known->own = &hazards->tables[(size_t) dataset * looks + look];
	known->place = &hazards->tables[(size_t) hazards->datasets * looks + look];
	known->since = hazards->since[dataset];
	for (int i = 0; i < CF_HAZARD_IDLE; i++)
		known->found |= known->since[i] < hazards->first_day;
	known->day = hazards->first_day + ended * hazards->step_days - 1;
}

/* What is known of one class of idle days. */
typedef struct Estimate
{
	double		at_risk;
	double		hazard;			/* per day */
	double		reads;			/* on the day of the wake */
	double		sizes;
	double		further;		/* days with reads in CF_HAZARD_FOLLOW_DAYS days after it */
} Estimate;

/* estimate puts a dataset and its place together. */
static Estimate
estimate(const CfHazardKnown *known, int often, int class, bool careful)
{
	const CfHazardCell *own = &known->own->cells[often][class];
	const CfHazardCell *place = &known->place->cells[often][class];
	double		prior = place->wakes > 0 ? CF_HAZARD_PRIOR : 0;
	double		wakes = own->wakes;
	double		at_risk = own->at_risk;
	Estimate	e = {.at_risk = place->at_risk,.reads = 1,.sizes = 1,.further = 0};

	/* The place's hazard as some reads that were seen in as many days as it takes for them. */
	if (prior > place->wakes)
		prior = place->wakes;
	if (prior > 0)
	{
		wakes += prior;
		at_risk += prior * place->at_risk / place->wakes;
	}
	if (careful)
		wakes += 0.5 + sqrt(wakes + 0.5);
	else
		wakes += 0.5;
	e.hazard = at_risk > 0 ? fmin(1, wakes / (at_risk + 1)) : 0;
	if (own->wakes + prior > 0)
	{
		double		w = place->wakes > 0 ? prior / place->wakes : 0;

		e.reads = fmax(1, (own->reads + w * place->reads) / (own->wakes + prior));
		e.sizes = (own->sizes + w * place->sizes) / (own->wakes + prior);
	}
	if (own->followed + place->followed > 0)
	{
		double		w = place->followed > 0 ? fmin(CF_HAZARD_PRIOR, place->followed) / place->followed : 0;

		e.further = (own->further + w * place->further) / (own->followed + w * place->followed);
	}
	else if (known->found)
		e.further = e.hazard * CF_HAZARD_FOLLOW_DAYS;	/* nobody knows yet; the horizon is longer than the record, so: as before */
	return e;
}

/* add appends a scenario: so many idle days more, then a wake and what follows it. */
static void
add(CfOutlook *outlook, double weight, double gap, const Estimate *e, int64_t size_bytes)
{
	CfOutlookScenario *s = &outlook->scenarios[outlook->count++];
	double		left = outlook->horizon_days - gap - 1;

	*s = (CfOutlookScenario) {.weight = weight,.gap = gap,.reads = e->reads,.bytes = e->sizes * (double) size_bytes};
	s->read_days = 1 + fmin(e->further * left / CF_HAZARD_FOLLOW_DAYS, left);
	s->span = left < 1 ? 0 : fmax(s->read_days - 1, fmin(left, CF_HAZARD_FOLLOW_DAYS));
	if (left < 1 || s->read_days < 1 + 1e-9)
		s->span = s->read_days - 1;
	if (s->gap + s->span > outlook->horizon_days - 1)
		s->span = fmax(s->read_days - 1, outlook->horizon_days - 1 - s->gap);
}

double
cf_hazard_outlook(const CfHazardKnown *known, const CfHazardObject *object, int32_t horizon_days, bool careful,
				  CfOutlook *outlook)
{
	const int	often = often_class(object->often);
	int32_t		idle = object->idle_days > 0 ? object->idle_days : 0;
	int			class = idle_class(idle);
	double		unread = 1;
	double		gap = 0;
	double		at_risk;
	Estimate	e;

	outlook->horizon_days = horizon_days;
	outlook->count = 0;
	if (known->own == NULL)
		return 0;
	e = estimate(known, often, class, careful);
	at_risk = e.at_risk;
	if (at_risk <= 0)
		return 0;
	while (gap < horizon_days && unread > 1e-4)
	{
		double		days = class == CF_HAZARD_IDLE - 1 ? horizon_days - gap : fmin(idle_end(class) - idle, horizon_days - gap);
		double		left = pow(1 - e.hazard, days);
		double		woken = unread * (1 - left);
		/* Of those that wake in these days, the mean day: exact for a small hazard, and near for a large one. */
		double		mean = e.hazard * days > 0.1 ? 1 / e.hazard - 1 - days * left / fmax(1e-12, 1 - left) :
			(days - 1) / 2;

		if (woken > 0)
			add(outlook, woken, gap + fmin(fmax(0, mean), days - 1), &e, object->size_bytes);
		unread -= woken;
		gap += days;
		idle += (int32_t) days;
		if (class < CF_HAZARD_IDLE - 1)
		{
			Estimate	next = estimate(known, often, ++class, careful);

			/* Longer than anybody was watched: as it was before. */
			if (next.at_risk > 0)
				e = next;
		}
	}
	if (unread > 0)
		outlook->scenarios[outlook->count++] = (CfOutlookScenario) {.weight = unread};
	return at_risk;
}

int32_t
cf_hazard_days(const CfHazardKnown *known, int32_t idle_days)
{
	int32_t		since = INT32_MAX;

	for (int i = 0; known->own != NULL && i < CF_HAZARD_IDLE; i++)
	{
		if ((idle_days < 0 || i == idle_class(idle_days)) && known->since[i] < since)
			since = known->since[i];
	}
	return since > known->day ? 0 : known->day + 1 - since;
}

const CfHazardCell *
cf_hazard_cell(const CfHazardKnown *known, const CfHazardObject *object)
{
	return known->own == NULL ? NULL : &known->own->cells[often_class(object->often)][idle_class(object->idle_days)];
}

double
cf_hazard_burst(const CfHazardKnown *known)
{
	return known->own == NULL ? 0 : known->own->burst;
}
