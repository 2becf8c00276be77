/*
 * workfn.c
 *		The work function of one object, jumping from read to read.
 *
 * With w(k) the work function, t days at rates a(k) without a read, and the distance d, which meets the triangle inequality:
 *
 *		w'(k) = min over j of  w(j) + a(j) t + d(j, k)
 *
 * A plan that moves later than at the beginning or earlier than at the end of such a stretch is no better than one of the two, since its
 * cost is linear in the day of the move. The catch-up that d has into a class that tiers by itself grows linearly too while
 * its states stay what they are, so the same holds.
 */
#include <math.h>
#include <string.h>

#include "tiering/workfn.h"

#define SLACK 1e-9				/* of the distance, against rounding */
#define DAYS_MAX 1000000.0		/* a choice that lies further away does not come */

void
cf_workfn_price(const CfTariffMenu *menu, int64_t size_bytes, CfWorkPrices *prices)
{
	prices->menu = menu;
	prices->size_bytes = size_bytes;
	for (int j = 0; j < menu->count; j++)
	{
		const CfTariffClass *cls = &menu->classes[j];

		prices->states[j] = size_bytes >= cls->monitor_min_bytes ? cls->state_count : 1;
		for (int s = 0; s < prices->states[j]; s++)
		{
			prices->day_usd[j][s] = cf_tariff_day_usd(menu, j, s, size_bytes);
			prices->wake_usd[j][s] = cf_tariff_read_usd(menu, j, s, size_bytes, 0, 0);
			for (int k = 0; k < menu->count; k++)
				prices->move_usd[j][s][k] = cf_tariff_move_usd(menu, j, s, 0, k, size_bytes);
		}
	}
}

/* unread_usd is what a day costs in the end if nobody ever reads the object. */
static double
unread_usd(const CfWorkPrices *prices, int k)
{
	return prices->day_usd[k][prices->states[k] - 1];
}

int
cf_workfn_start(const CfWorkPrices *prices)
{
	const CfTariffMenu *menu = prices->menu;
	double		read[CF_TARIFF_CLASSES];
	double		best_read = HUGE_VAL;
	int			start = CF_TARIFF_NONE;

	for (int k = 0; k < menu->count; k++)
	{
		read[k] = cf_tariff_read_usd(menu, k, 0, prices->size_bytes, 1, prices->size_bytes);
		best_read = fmin(best_read, read[k]);
	}
	for (int k = 0; k < menu->count; k++)
	{
		if (read[k] > best_read * (1 + SLACK))
			continue;
		if (start == CF_TARIFF_NONE || unread_usd(prices, k) < unread_usd(prices, start))
			start = k;
	}
	return start;
}

/* tomorrow is how long the object will have been idle when the next day starts. */
static inline int32_t
tomorrow(const CfWork *work)
{
	return work->day + 1 - work->idle_from;
}

/* state_of is the state in which a class holds the object on a day that starts so many days after the last read. */
static inline int
state_of(const CfWorkPrices *prices, int k, int32_t idle)
{
	const CfTariffClass *cls = &prices->menu->classes[k];
	int			state = 0;

	while (state + 1 < prices->states[k] && idle >= cls->states[state + 1].idle_days)
		state++;
	return state;
}

/* catch_up is what a newcomer to class k pays more than an object that was idle there so long, if nobody reads it. */
static inline double
catch_up(const CfWorkPrices *prices, int k, int32_t idle)
{
	const CfTariffClass *cls = &prices->menu->classes[k];
	double		usd = 0;

	for (int s = 1; s < prices->states[k]; s++)
	{
		int32_t		days = idle < cls->states[s].idle_days ? idle : cls->states[s].idle_days;

		usd += days * (prices->day_usd[k][s - 1] - prices->day_usd[k][s]);
	}
	return usd;
}

/* catch_up_slope is by how much the catch-up grows with one more idle day. */
static inline double
catch_up_slope(const CfWorkPrices *prices, int k, int32_t idle)
{
	const CfTariffClass *cls = &prices->menu->classes[k];
	double		usd = 0;

	for (int s = 1; s < prices->states[k]; s++)
	{
		if (idle < cls->states[s].idle_days)
			usd += prices->day_usd[k][s - 1] - prices->day_usd[k][s];
	}
	return usd;
}

/* steady_days is how many idle days from now on see all classes in the states of the first of them. */
static int32_t
steady_days(const CfWorkPrices *prices, int32_t idle)
{
	int32_t		days = CF_WORKFN_NEVER;

	for (int k = 0; k < prices->menu->count; k++)
	{
		const CfTariffClass *cls = &prices->menu->classes[k];

		for (int s = 1; s < prices->states[k]; s++)
		{
			if (cls->states[s].idle_days > idle && cls->states[s].idle_days - idle < days)
				days = cls->states[s].idle_days - idle;
		}
	}
	return days;
}

/* worst_usd is what the worst day costs in bytes read in each class, in the first state. */
static void
worst_usd(const CfWorkPrices *prices, const CfWork *work, double *usd)
{
	for (int k = 0; k < prices->menu->count; k++)
	{
		const CfTariffState *state = &prices->menu->classes[k].states[0];
		double		bytes = state->restores && work->worst_bytes > 0 ? (double) prices->size_bytes : work->worst_bytes;

		usd[k] = bytes * state->retrieval_usd;
	}
}

/* more is by how much a worst day costs more in j than in k, if it does. */
static inline double
more(const double *worst, int j, int k)
{
	return worst[j] > worst[k] ? worst[j] - worst[k] : 0;
}

/* relax lets every class be reached from every other; idle is what the object will have been when tomorrow starts. */
static void
relax(const CfWorkPrices *prices, CfWork *work, int32_t idle, int32_t idle_today)
{
	const int	n = prices->menu->count;
	double		reached[CF_TARIFF_CLASSES];
	double		worst[CF_TARIFF_CLASSES];
	double		least = HUGE_VAL;

	worst_usd(prices, work, worst);
	for (int k = 0; k < n; k++)
		reached[k] = HUGE_VAL;
	for (int j = 0; j < n; j++)
	{
		const double *move = prices->move_usd[j][state_of(prices, j, idle_today)];

		for (int k = 0; k < n; k++)
		{
			double		from = work->usd[j] + move[k] + more(worst, j, k);

			reached[k] = j != k && from < reached[k] ? from : reached[k];
		}
	}
	for (int k = 0; k < n; k++)
	{
		double		usd = prices->states[k] > 1 ? reached[k] + catch_up(prices, k, idle) : reached[k];

		reached[k] = usd < work->usd[k] ? usd : work->usd[k];
		least = reached[k] < least ? reached[k] : least;
	}
	for (int k = 0; k < n; k++)
		work->usd[k] = reached[k] - least;
}

void
cf_workfn_begin(const CfWorkPrices *prices, CfWork *work, int cls, int32_t day, int32_t idle_from)
{
	int32_t		idle = day + 1 - idle_from;

	memset(work, 0, sizeof(*work));
	work->day = day;
	work->idle_from = idle_from;
	if (cls == CF_TARIFF_NONE)
		return;
	for (int k = 0; k < prices->menu->count; k++)
		work->usd[k] = prices->move_usd[cls][state_of(prices, cls, idle > 0 ? idle - 1 : 0)][k] +
			(k == cls ? 0 : catch_up(prices, k, idle));
}

/* hold counts in days on which all classes keep their states. */
static void
hold(const CfWorkPrices *prices, CfWork *work, int32_t days)
{
	int32_t		idle = tomorrow(work);

	for (int k = 0; k < prices->menu->count; k++)
		work->usd[k] += days * prices->day_usd[k][state_of(prices, k, idle)];
	work->day += days;
}

void
cf_workfn_idle(const CfWorkPrices *prices, CfWork *work, int32_t day)
{
	while (work->day < day)
	{
		int32_t		idle = tomorrow(work);
		int32_t		days = steady_days(prices, idle);

		if (days > day - work->day)
			days = day - work->day;
		hold(prices, work, days);
		relax(prices, work, idle + days, idle + days - 1);
	}
}

void
cf_workfn_read(const CfWorkPrices *prices, CfWork *work, int64_t reads, int64_t bytes)
{
	int32_t		idle = tomorrow(work);

	for (int k = 0; k < prices->menu->count; k++)
	{
		int			state = state_of(prices, k, idle);

		work->usd[k] += prices->day_usd[k][state] +
			cf_tariff_read_usd(prices->menu, k, state, prices->size_bytes, reads, bytes);
	}
	work->day++;
	work->worst_bytes *= exp2(-(double) (work->day - work->idle_from) / CF_WORKFN_FADE_DAYS);
	work->worst_bytes = fmax(work->worst_bytes, (double) bytes);
	work->idle_from = work->day;
}

void
cf_workfn_needed(const CfWorkPrices *prices, const CfWork *work, int cls, double needed[CF_TARIFF_CLASSES])
{
	int32_t		idle = tomorrow(work);
	double		catching = catch_up(prices, cls, idle);
	double		worst[CF_TARIFF_CLASSES];

	worst_usd(prices, work, worst);
	for (int k = 0; k < prices->menu->count; k++)
		needed[k] = prices->move_usd[k][state_of(prices, k, idle > 0 ? idle - 1 : 0)][cls] + catching + more(worst, k, cls);
}

int
cf_workfn_choose(const CfWorkPrices *prices, const CfWork *work, int cls, const double *trust)
{
	double		needed[CF_TARIFF_CLASSES];
	int			choice = cls;

	cf_workfn_needed(prices, work, cls, needed);
	for (int k = 0; k < prices->menu->count; k++)
	{
		double		enough = needed[k] * (trust == NULL ? 1 : trust[k]) * (1 - SLACK);

		if (k != cls && work->usd[cls] - work->usd[k] >= enough &&
			(choice == cls || work->usd[k] < work->usd[choice]))
			choice = k;
	}
	return choice;
}

void
cf_workfn_settle(const CfWorkPrices *prices, CfWork *work)
{
	int32_t		idle = tomorrow(work);

	relax(prices, work, idle, idle > 0 ? idle - 1 : 0);
}

/* crossing is after how many days, up to days, an object in cls is told to move; 0 = not within them. */
static int32_t
crossing(const CfWorkPrices *prices, const CfWork *work, int cls, double trust, uint32_t among, int32_t days)
{
	int32_t		idle = tomorrow(work);
	double		slope = prices->day_usd[cls][state_of(prices, cls, idle)] - trust * catch_up_slope(prices, cls, idle);
	double		catching = catch_up(prices, cls, idle);
	double		worst[CF_TARIFF_CLASSES];
	double		first = DAYS_MAX;

	worst_usd(prices, work, worst);
	for (int k = 0; k < prices->menu->count; k++)
	{
		int			state = state_of(prices, k, idle);
		double		faster = slope - prices->day_usd[k][state];
		double		back = prices->move_usd[k][state][cls] + catching + more(worst, k, cls);
		double		gap = work->usd[k] + back * trust * (1 - SLACK / 2) - work->usd[cls];

		if (k == cls || (among >> k & 1) == 0)
			continue;
		if (gap <= faster)
			return 1;
		if (faster > 0)
			first = fmin(first, ceil(gap / faster));
	}
	return first < DAYS_MAX && first <= days ? (int32_t) first : 0;
}

int32_t
cf_workfn_next(const CfWorkPrices *prices, const CfWork *work, int cls, double trust)
{
	return cf_workfn_next_among(prices, work, cls, trust, UINT32_MAX);
}

int32_t
cf_workfn_next_among(const CfWorkPrices *prices, const CfWork *work, int cls, double trust, uint32_t among)
{
	CfWork		ahead = *work;

	for (;;)
	{
		int32_t		idle = tomorrow(&ahead);
		int32_t		days = steady_days(prices, idle);
		int32_t		cross = crossing(prices, &ahead, cls, trust, among, days);

		if (cross > 0)
			return ahead.day > CF_WORKFN_NEVER - cross ? CF_WORKFN_NEVER : ahead.day + cross;
		if (days == CF_WORKFN_NEVER || ahead.day > CF_WORKFN_NEVER - days)
			return CF_WORKFN_NEVER;
		hold(prices, &ahead, days);
		relax(prices, &ahead, idle + days, idle + days - 1);
	}
}

int32_t
cf_workfn_glance(const CfWorkPrices *prices, const CfWork *work, int cls, double trust)
{
	int32_t		days = steady_days(prices, tomorrow(work));
	int32_t		cross = crossing(prices, work, cls, trust, UINT32_MAX, days);

	if (cross > 0)
		return work->day > CF_WORKFN_NEVER - cross ? CF_WORKFN_NEVER : work->day + cross;
	if (days == 1)
		return cf_workfn_next(prices, work, cls, trust);
	return days == CF_WORKFN_NEVER || work->day > CF_WORKFN_NEVER - days ? CF_WORKFN_NEVER : work->day + days;
}
