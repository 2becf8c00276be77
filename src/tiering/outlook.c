/*
 * outlook.c
 *		Scenarios of what may be read, and what they cost in each class.
 *
 * The object's own rates say: in W days (old ones counting less) it was read on a of them. With the prior that goes with it, the number n of
 * read days in the next H is beta-binomial: mean m = H a / W, variance m (1 - a/W) (W + H) / (W + 1); none at all with
 * probability about (b / (b + H))^a, b = W - a, which is exact for a = 1. What is left of the weight goes to two numbers of days that
 * keep mean and variance (the lower one is 1 where the spread asks for less). n days lie evenly in the horizon: H / (n + 1) apart.
 *
 * Days are priced as the replay does it: by the state in which the object begins them, which in a class that tiers by itself
 * depends on how long it was idle. Between two reads that are d days apart the object is idle 1, 2, … d days at the beginning of each.
 */
#include <math.h>
#include <string.h>

#include "tiering/outlook.h"

/* between keeps a number within limits. */
static inline double
between(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

/* horizon_of keeps a horizon within limits. */
static int32_t
horizon_of(int32_t days)
{
	return days < 1 ? 1 : days > CF_OUTLOOK_DAYS_MAX ? CF_OUTLOOK_DAYS_MAX : days;
}

/* What a day with reads is like. */
typedef struct ReadDay
{
	double		reads;
	double		bytes;
} ReadDay;

/* read_day_of is the mean of the object's own. */
static ReadDay
read_day_of(const CfRates *rates, int64_t size_bytes)
{
	ReadDay		day = {1, (double) size_bytes};

	if (rates->read_days > 1e-6)
	{
		day.reads = fmax(1, rates->reads / rates->read_days);
		day.bytes = rates->bytes / rates->read_days;
	}
	return day;
}

/* add appends a scenario of so many read days, evenly spread over the days from..to; a number below 1 is a chance of one. */
static void
add(CfOutlook *outlook, double weight, double read_days, double from, double to, ReadDay day)
{
	CfOutlookScenario *s = &outlook->scenarios[outlook->count];
	double		apart;

	if (weight <= 0 || outlook->count == CF_OUTLOOK_SCENARIOS)
		return;
	outlook->count++;
	*s = (CfOutlookScenario) {.weight = weight};
	if (read_days <= 0 || to - from < 1)
		return;
	s->read_days = between(read_days, 1, to - from);
	apart = (to - from) / (s->read_days + 1);
	s->gap = between(from + apart - 0.5, from, to - 1);
	s->span = between(apart * (s->read_days - 1), s->read_days - 1, to - 1 - from);
	s->gap = fmin(s->gap, to - 1 - s->span);
	s->reads = day.reads;
	s->bytes = day.bytes;
}

/* spread appends what a beta-binomial of so many seen days (seen, of which with reads) says of the days from..to, in all weight. */
static void
spread(CfOutlook *outlook, double weight, double seen, double with_reads, double from, double to, double already, ReadDay day)
{
	const double days = to - from;
	double		w = fmax(seen, 1);
	double		a = between(with_reads, 0, w);
	double		mean = days * a / w;
	double		variance = mean * (1 - a / w) * (w + days) / (w + 1);
	double		none = a > 0 ? pow((w - a) / (w - a + days), a) : 1;
	double		high;
	double		low;
	double		q = 0.5;

	none = fmin(none, fmax(0, 1 - mean / days));
	add(outlook, weight * none, already, 0, from, day);
	if (none >= 1)
		return;
	variance = fmax(0, (variance + mean * mean) / (1 - none));
	mean = between(mean / (1 - none), 1, days);
	variance = fmax(0, variance - mean * mean);
	low = mean - sqrt(variance);
	high = fmin(mean + sqrt(variance), days);
	if (low < 1 && mean > 1)
	{
		low = 1;
		high = fmin(mean + variance / (mean - 1), days);
		q = (mean - 1) / (high - 1);
	}
	else
		low = fmax(1, 2 * mean - high);
	if (already > 0)
	{
		/* Reads before and after: one even stretch over all of it. */
		add(outlook, weight * (1 - none) * (1 - q), already + low, 0, to, day);
		add(outlook, weight * (1 - none) * q, already + high, 0, to, day);
		return;
	}
	add(outlook, weight * (1 - none) * (1 - q), low, from, to, day);
	add(outlook, weight * (1 - none) * q, high, from, to, day);
}

void
cf_outlook_rates(const CfRates *rates, int64_t size_bytes, int32_t horizon_days, CfOutlook *outlook)
{
	outlook->horizon_days = horizon_of(horizon_days);
	outlook->count = 0;
	spread(outlook, 1, rates->weight, rates->read_days, 0, outlook->horizon_days, 0, read_day_of(rates, size_bytes));
}

#define POINTS 4

static const double point_weights[POINTS] = {0.1, 0.4, 0.4, 0.1};

/* points turns mean and quantiles into a few numbers of reads with that mean. */
static void
points(const CfOutlookForecast *forecast, double reads[POINTS])
{
	double		q10 = between(forecast->q10, 0, HUGE_VAL);
	double		q50 = fmax(q10, forecast->q50);
	double		q90 = fmax(q50, forecast->q90);
	double		sum = 0;

	if (!isfinite(forecast->q10) || !isfinite(forecast->q50) || !isfinite(forecast->q90))
		q10 = q50 = q90 = forecast->mean;
	reads[0] = q10;
	reads[1] = (q10 + q50) / 2;
	reads[2] = (q50 + q90) / 2;
	for (int i = 0; i < POINTS - 1; i++)
		sum += point_weights[i] * reads[i];
	reads[3] = fmax(q90, (forecast->mean - sum) / point_weights[3]);
	sum += point_weights[3] * reads[3];
	for (int i = 0; i < POINTS; i++)
		reads[i] = sum > 0 ? reads[i] * forecast->mean / sum : forecast->mean;
}

/* after appends what comes when the forecast's days have gone by with so many days of reads in them: the rates, which saw that. */
static void
after(CfOutlook *outlook, double weight, const CfRates *rates, double ahead, double days, ReadDay day)
{
	const double kept = exp2(-ahead / CF_RATES_HALF_LIFE);
	double		horizon = outlook->horizon_days;

	if (horizon - ahead < 1)
		add(outlook, weight, days, 0, horizon, day);
	else
		spread(outlook, weight, rates->weight * kept + ahead, rates->read_days * kept + days, ahead, horizon, days, day);
}

void
cf_outlook_forecast(const CfOutlookForecast *forecast, const CfRates *rates, int64_t size_bytes, int32_t horizon_days,
					CfOutlook *outlook)
{
	const ReadDay day = read_day_of(rates, size_bytes);
	double		reads[POINTS];
	double		none = 0;
	double		ahead;

	if (forecast == NULL || !isfinite(forecast->mean) || forecast->mean < 0 || forecast->horizon_days < 1)
	{
		cf_outlook_rates(rates, size_bytes, horizon_days, outlook);
		return;
	}
	outlook->horizon_days = horizon_of(horizon_days);
	outlook->count = 0;
	ahead = fmin(forecast->horizon_days, outlook->horizon_days);
	points(forecast, reads);
	for (int i = 0; i < POINTS; i++)
	{
		double		per_day = reads[i] / forecast->horizon_days;
		double		days = fmin(per_day * ahead / day.reads, ahead);
		double		chance = fmin(days, 1);
		ReadDay		then = day;

		/* More reads than days hold: fuller days. */
		if (per_day > day.reads)
			then = (ReadDay) {per_day, day.bytes / day.reads * per_day};
		none += point_weights[i] * (1 - chance);
		if (chance > 0)
			after(outlook, point_weights[i] * chance, rates, ahead, fmax(days, 1), then);
	}
	if (none > 0)
		after(outlook, none, rates, ahead, 0, day);
}

/* lightest is the lightest scenario with (or without) reads but for one; -1 = there is none. */
static int
lightest(const CfOutlook *outlook, int but, bool read)
{
	int			found = -1;

	for (int i = 0; i < outlook->count; i++)
	{
		if (i != but && (outlook->scenarios[i].read_days > 0) == read &&
			(found < 0 || outlook->scenarios[i].weight < outlook->scenarios[found].weight))
			found = i;
	}
	return found;
}

/* mix is the mean of two figures in proportion to their weights. */
static double
mix(double a, double b, const CfOutlookScenario *x, const CfOutlookScenario *y)
{
	return (a * x->weight + b * y->weight) / (x->weight + y->weight);
}

/* merge_one makes one scenario of the two lightest that have reads, or that have none, keeping the mean of reads and bytes. */
static void
merge_one(CfOutlook *outlook)
{
	bool		read = lightest(outlook, lightest(outlook, -1, false), false) < 0;
	int			i = lightest(outlook, -1, read);
	int			j = lightest(outlook, i, read);
	CfOutlookScenario *x = &outlook->scenarios[i];
	const CfOutlookScenario *y = &outlook->scenarios[j];
	CfOutlookScenario sum = {.weight = x->weight + y->weight};

	if (read)
	{
		sum.read_days = mix(x->read_days, y->read_days, x, y);
		sum.gap = mix(x->gap, y->gap, x, y);
		sum.span = mix(x->span, y->span, x, y);
		sum.reads = mix(x->read_days * x->reads, y->read_days * y->reads, x, y) / sum.read_days;
		sum.bytes = mix(x->read_days * x->bytes, y->read_days * y->bytes, x, y) / sum.read_days;
	}
	*x = sum;
	outlook->scenarios[j] = outlook->scenarios[--outlook->count];
}

void
cf_outlook_blend(CfOutlook *outlook, const CfOutlook *other, double share)
{
	share = between(share, 0, 1);
	for (int i = 0; i < outlook->count; i++)
		outlook->scenarios[i].weight *= 1 - share;
	for (int i = 0; i < other->count; i++)
	{
		if (other->scenarios[i].weight * share <= 0)
			continue;
		if (outlook->count == CF_OUTLOOK_SCENARIOS)
			merge_one(outlook);
		outlook->scenarios[outlook->count] = other->scenarios[i];
		outlook->scenarios[outlook->count++].weight *= share;
	}
}

double
cf_outlook_mean_reads(const CfOutlook *outlook)
{
	double		reads = 0;

	for (int i = 0; i < outlook->count; i++)
		reads += outlook->scenarios[i].weight * outlook->scenarios[i].read_days * outlook->scenarios[i].reads;
	return reads;
}

double
cf_outlook_unread(const CfOutlook *outlook)
{
	double		weight = 0;

	for (int i = 0; i < outlook->count; i++)
		weight += outlook->scenarios[i].read_days > 0 ? 0 : outlook->scenarios[i].weight;
	return weight;
}

/* One class as an object meets it. */
typedef struct Place
{
	int			no;
	const CfTariffClass *cls;
	int			states;
	double		first_idle;		/* at the beginning of tomorrow */
	double		monitor_usd;	/* per day */
	double		day_usd[CF_TARIFF_STATES];	/* without monitoring */
	double		restore_usd[CF_TARIFF_STATES];	/* requests of a day with reads beside the reads */
	double		wake_usd[CF_TARIFF_STATES];	/* retrieval of a day with reads beside its bytes */
} Place;

/* place_of prepares a class for an object. */
static void
place_of(const CfTariffMenu *menu, int cls, const CfOutlookObject *object, Place *place)
{
	const CfTariffClass *c = &menu->classes[cls];
	int64_t		size = object->size_bytes;
	int32_t		idle_from = object->last_read_day > object->entered_day ? object->last_read_day : object->entered_day;

	place->no = cls;
	place->cls = c;
	place->states = size >= c->monitor_min_bytes ? c->state_count : 1;
	place->first_idle = cls == object->cls ? fmax(0, (double) object->day + 1 - idle_from) : 0;
	place->monitor_usd = cf_tariff_monitored(c, size) ? c->monitor_usd : 0;
	for (int s = 0; s < place->states; s++)
	{
		const CfTariffState *state = &c->states[s];

		place->day_usd[s] = cf_tariff_day_usd(menu, cls, s, size) - place->monitor_usd;
		place->restore_usd[s] = state->restores ? state->restore_usd : 0;
		place->wake_usd[s] = cf_tariff_read_usd(menu, cls, s, size, 0, 0) - place->restore_usd[s];
	}
}

/* stored_usd is what days cost, idle so long at the beginning of the first of them. */
static double
stored_usd(const Place *place, double idle, double days)
{
	double		usd = 0;

	for (int s = 0; s < place->states && days > 0; s++)
	{
		double		here = days;

		if (s + 1 < place->states)
			here = between(place->cls->states[s + 1].idle_days - idle, 0, days);
		usd += here * place->day_usd[s];
		idle += here;
		days -= here;
	}
	return usd;
}

/* state_at is the state of a day that begins after so many idle days. */
static int
state_at(const Place *place, double idle)
{
	int			state = 0;

	while (state + 1 < place->states && idle >= place->cls->states[state + 1].idle_days)
		state++;
	return state;
}

/* read_in adds what so many days with reads cost in a state. */
static void
read_in(const Place *place, int state, const CfOutlookScenario *s, double days, double usd[CF_OUTLOOK_TERMS])
{
	const CfTariffState *st = &place->cls->states[state];

	usd[CF_OUTLOOK_REQUESTS] += days * (s->reads * st->get_usd + place->restore_usd[state]);
	usd[CF_OUTLOOK_RETRIEVAL] += days * (place->wake_usd[state] + (st->restores ? 0 : s->bytes * st->retrieval_usd));
}

/* hold_in adds what days without reads cost. */
static void
hold_in(const Place *place, double idle, double days, double usd[CF_OUTLOOK_TERMS])
{
	usd[CF_OUTLOOK_STORAGE] += place->states == 1 ? days * place->day_usd[0] : stored_usd(place, idle, days);
	usd[CF_OUTLOOK_MONITORING] += days * place->monitor_usd;
}

/* follow adds what comes after the first day with reads, on which the object was idle so long as it says, to the horizon. */
static void
follow(const Place *place, const CfOutlookScenario *s, double idle, double left, double usd[CF_OUTLOOK_TERMS])
{
	double		more = s->read_days - 1;
	double		apart = more > 0 ? fmax(1, s->span / more) : 0;

	if (place->states == 1)
	{
		hold_in(place, 0, left, usd);
		read_in(place, 0, s, more, usd);
		return;
	}
	if (more > 0)
	{
		double		first = fmin(more, 1);

		hold_in(place, idle, first * apart, usd);
		read_in(place, state_at(place, idle + apart - 1), s, first, usd);
		if (more > 1)
		{
			usd[CF_OUTLOOK_STORAGE] += (more - 1) * stored_usd(place, 1, apart);
			usd[CF_OUTLOOK_MONITORING] += (more - 1) * apart * place->monitor_usd;
			read_in(place, state_at(place, apart), s, more - 1, usd);
		}
		idle = 1;
	}
	hold_in(place, idle, left - more * apart, usd);
}

/* total adds terms up. */
static double
total(const double usd[CF_OUTLOOK_TERMS])
{
	double		sum = 0;

	for (int term = 0; term < CF_OUTLOOK_TERMS; term++)
		sum += usd[term];
	return sum;
}

/* scenario_usd is what a scenario costs in a class, by term; home, where given, is where the object may return to when it was read. */
static void
scenario_usd(const CfTariffMenu *menu, const Place *place, const Place *home, const CfOutlookObject *object, double horizon,
			 const CfOutlookScenario *s, double usd[CF_OUTLOOK_TERMS])
{
	double		left = horizon - s->gap - 1;
	double		back[CF_OUTLOOK_TERMS];
	int			state;

	memset(usd, 0, CF_OUTLOOK_TERMS * sizeof(double));
	if (s->read_days <= 0)
	{
		hold_in(place, place->first_idle, horizon, usd);
		return;
	}
	state = state_at(place, place->first_idle + s->gap);
	hold_in(place, place->first_idle, s->gap + 1, usd);
	read_in(place, state, s, 1, usd);
	memcpy(back, usd, sizeof(back));
	follow(place, s, 1, left, usd);
	if (home == NULL)
		return;
	back[CF_OUTLOOK_EARLY] += cf_tariff_early_usd(menu, place->no, (int32_t) s->gap + 1, home->no, object->size_bytes);
	back[CF_OUTLOOK_MOVE] += cf_tariff_move_usd(menu, place->no, state, CF_TARIFF_DAYS_MAX, home->no, object->size_bytes);
	follow(home, s, 0, left, back);
	if (total(back) < total(usd))
		memcpy(usd, back, sizeof(back));
}

/* high_of is the cost that is not exceeded with such a probability: from the dearest down. */
static double
high_of(const CfOutlook *outlook, double *usd, double quantile)
{
	double		above = 0;

	for (;;)
	{
		int			dearest = 0;

		for (int i = 1; i < outlook->count; i++)
		{
			if (usd[i] > usd[dearest])
				dearest = i;
		}
		above += outlook->scenarios[dearest].weight;
		if (above > 1 - quantile + 1e-9)
			return usd[dearest];
		if (usd[dearest] < 0)
			return 0;
		usd[dearest] = -1;
	}
}

/* leave fills what leaving the present class for another costs. */
static void
leave(const CfTariffMenu *menu, const CfOutlookObject *object, int to, double usd[CF_OUTLOOK_TERMS])
{
	int32_t		held = object->day + 1 - object->entered_day;
	int32_t		idle_from = object->last_read_day > object->entered_day ? object->last_read_day : object->entered_day;
	int			state = cf_tariff_state(&menu->classes[object->cls], object->size_bytes, object->day - idle_from);

	usd[CF_OUTLOOK_EARLY] = cf_tariff_early_usd(menu, object->cls, held, to, object->size_bytes);
	usd[CF_OUTLOOK_MOVE] = cf_tariff_move_usd(menu, object->cls, state, held, to, object->size_bytes) - usd[CF_OUTLOOK_EARLY];
}

void
cf_outlook_cost(const CfTariffMenu *menu, const CfOutlookObject *object, const CfOutlook *outlook, int cls, double quantile,
				CfOutlookCost *cost)
{
	const bool	moves = object->cls != CF_TARIFF_NONE && object->cls != cls;
	const bool	returns = moves && object->may_return;
	double		each[CF_OUTLOOK_SCENARIOS];
	double		fixed;
	Place		place;
	Place		home;

	memset(cost, 0, sizeof(*cost));
	place_of(menu, cls, object, &place);
	if (returns)
		place_of(menu, object->cls, object, &home);
	if (moves)
		leave(menu, object, cls, cost->usd);
	fixed = total(cost->usd);
	for (int i = 0; i < outlook->count; i++)
	{
		double		usd[CF_OUTLOOK_TERMS];

		scenario_usd(menu, &place, returns ? &home : NULL, object, outlook->horizon_days, &outlook->scenarios[i], usd);
		for (int term = 0; term < CF_OUTLOOK_TERMS; term++)
			cost->usd[term] += outlook->scenarios[i].weight * usd[term];
		each[i] = fixed + total(usd);
	}
	cost->total_usd = total(cost->usd);
	cost->high_usd = outlook->count > 0 ? high_of(outlook, each, quantile) : cost->total_usd;
}

void
cf_outlook_costs(const CfTariffMenu *menu, const CfOutlookObject *object, const CfOutlook *outlook, double quantile,
				 CfOutlookCost *costs)
{
	for (int k = 0; k < menu->count; k++)
		cf_outlook_cost(menu, object, outlook, k, quantile, &costs[k]);
}
