/*
 * interval.c
 *		Rolling origins, and intervals from the errors that were made from them.
 *
 * The interval of a step ahead is what the errors of that step did in the past: split conformal prediction (V. Vovk, A.
 * Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005; for forecasts K. Stankeviciute et al., "Conformal time-series
 * forecasting", NeurIPS 2021), with signed errors, so that it may be lopsided, and the order statistic (m + 1) p of m errors, which
 * is what makes the coverage hold for few errors. No distribution is assumed.
 *
 * - Errors of paths that overlap are not independent: a step far ahead has seen few of its kind however many origins there are, and m is
 *   what they are worth.
 * - New errors say more of the next one than old ones, by weights that halve with age (R. F. Barber, E. J. Candes, A. Ramdas and R. J.
 *   Tibshirani, "Conformal prediction beyond exchangeability", Annals of Statistics 51, 2023): what fades, grows or moved has other errors
 *   now. The half-life was chosen by origins before the test windows, of a few values of which test scores had been seen.
 *
 * Where the statistic lies beyond the errors there are, the tail is that of a normal distribution with their spread; where a step has few
 * errors, those of its neighbours help.
 * A step so far ahead that no origin saw it has the errors of the farthest one that did, growing with the square root of
 * the distance, as they do for a random walk.
 */
#include <math.h>
#include <string.h>

#include "forecast/fit.h"
#include "forecast/stat.h"

#define ENOUGH 40				/* errors that a step should have */
#define HALF 0.15				/* of all origins: an error that many origins old counts half */

bool
cf_fit_rolling(CfFit *fit, int most)
{
	int			longest = fit->n_seasons == 0 ? 1 : fit->seasons[fit->n_seasons - 1];
	int			span = 10 * fit->horizon;
	int		   *origins = cf_arena_alloc(fit->arena, sizeof(int) * (most + 1));
	int			step;
	int			n = 0;

	if (origins == NULL)
		return cf_error_set(fit->err, CF_ERR_MEMORY, "out of memory in a forecast");
	span = span < 3 * longest ? 3 * longest : span;
	span = span < 200 ? 200 : span;
	span = span > fit->count - 1 ? fit->count - 1 : span;
	if (fit->count - span < fit->count / 4)
		span = fit->count - fit->count / 4;
	step = (span + most - 1) / most;
	step = step < 1 ? 1 : step;
	for (int i = (span - 1) / step; i >= 0 && span > 0; i--)
		origins[n++] = fit->count - 1 - i * step;
	while (n > 0 && origins[0] < 1)
		memmove(origins, origins + 1, sizeof(int) * --n);
	origins[n++] = fit->count;
	fit->origins = origins;
	fit->n_origins = n;
	return true;
}

/* What a path missed by, and how much that says of the next one. */
typedef struct Miss
{
	double		error;
	double		weight;
} Miss;

/* misses_of_step puts the errors of one step ahead among those that are there already, in order. */
static int
misses_of_step(const CfFit *fit, const double *paths, int h, Miss *misses, int n)
{
	for (int o = 0; o < fit->n_origins; o++)
	{
		int			at = fit->origins[o] + h;
		Miss		miss;
		int			i = n;

		if (at >= fit->count || !fit->seen[at])
			continue;
		miss.error = fit->values[at] - paths[(size_t) o * fit->horizon + h];
		miss.weight = pow(0.5, (double) (fit->n_origins - 1 - o) / (HALF * fit->n_origins));
		for (; i > 0 && misses[i - 1].error > miss.error; i--)
			misses[i] = misses[i - 1];
		misses[i] = miss;
		n++;
	}
	return n;
}

/*
 * bound is the p-quantile of the next error, given m in order that tell as much as `most` independent ones: a probability moves outwards
 * as (m + 1) p does among so few.
 */
static double
bound(const Miss *misses, int m, double most, double p)
{
	double		weight = 0;
	double		squares = 0;
	double		mean = 0;
	double		spread = 0;
	double		below = 0;
	double		place;
	double		tail;
	double		edge;

	for (int i = 0; i < m; i++)
	{
		weight += misses[i].weight;
		squares += misses[i].weight * misses[i].weight;
		mean += misses[i].weight * misses[i].error;
	}
	mean /= weight;
	most = fmin(most, weight * weight / squares);
	place = (0.5 + (p - 0.5) * (most + 1) / most) * weight;
	for (int i = 0; i < m; i++)
	{
		double		centre = below + misses[i].weight / 2;

		if (place <= centre && i > 0)
		{
			double		before = below - misses[i - 1].weight / 2;

			return misses[i - 1].error + (place - before) / (centre - before) * (misses[i].error - misses[i - 1].error);
		}
		if (place < centre)
			break;
		below += misses[i].weight;
	}
	for (int i = 0; i < m; i++)
		spread += misses[i].weight * (misses[i].error - mean) * (misses[i].error - mean);
	spread = m > 1 ? sqrt(spread / weight * most / fmax(most - 1, 0.5)) : fabs(mean);
	tail = mean + cf_stat_normal_quantile(p) * spread;
	edge = misses[p < 0.5 ? 0 : m - 1].error;
	return p < 0.5 ? fmin(tail, edge) : fmax(tail, edge);
}

/* whole tells whether all values are whole numbers of the caller's, and not so large that it is no matter. */
static bool
whole(const CfFit *fit)
{
	for (int i = 0; i < fit->count; i++)
	{
		double		y = ldexp(fit->values[i], fit->exponent);

		if (fit->seen[i] && !(fabs(y) < 1e9 && y == floor(y)))
			return false;
	}
	return true;
}

/* settle brings a quantile to where values can be, on its own side of the middle. */
static double
settle(const CfFit *fit, bool counts, double p, double middle, double y)
{
	double		number = ldexp(middle, fit->exponent);

	if (fit->positive && y < 0)
		return 0;
	if (!counts)
		return y;
	y = floor(ldexp(y, fit->exponent) + 0.5);
	y = p < 0.5 && y > number ? floor(number) : p > 0.5 && y < number ? ceil(number) : y;
	return ldexp(y, -fit->exponent);
}

/* effective is how many of m errors of a step count: paths from origins nearer to each other than the step repeat each other's errors. */
static double
effective(const CfFit *fit, int h, int m)
{
	double		apart = (double) (fit->count - fit->origins[0]) / (h + 1);

	return m < apart ? m : apart < 1 ? 1 : apart;
}

bool
cf_fit_quantiles(CfFit *fit, const double *paths, const double *middle, const double *probabilities, int n, double *const *rows)
{
	Miss	   *misses = cf_arena_alloc(fit->arena, sizeof(Miss) * ((size_t) fit->n_origins + ENOUGH));
	double	   *says = cf_fit_numbers(fit, (size_t) n);
	bool		counts = whole(fit);
	int			known = 0;		/* steps that have errors */

	if (misses == NULL || says == NULL)
		return cf_error_set(fit->err, CF_ERR_MEMORY, "out of memory in a forecast");
	for (int k = 0; k < n; k++)
		says[k] = NAN;
	for (int h = 0; h < fit->horizon; h++)
	{
		int			m = misses_of_step(fit, paths, h, misses, 0);

		if (!cf_fit_go_on(fit))
			return false;
		if (m > 0)
		{
			double		most = effective(fit, h, m);

			for (int near = 1; near <= 3 && m < ENOUGH && h >= near; near++)
				m = misses_of_step(fit, paths, h - near, misses, m);
			for (int k = 0; k < n; k++)
				says[k] = bound(misses, m, most, probabilities[k]);
			known = h + 1;
		}
		for (int k = 0; k < n; k++)
		{
			double		p = probabilities[k];
			/* Errors that all had one sign would leave the forecast outside. */
			double		e = (p < 0.5 && says[k] > 0) || (p > 0.5 && says[k] < 0) ? 0 : says[k];

			rows[k][h] = settle(fit, counts, p, middle[h], middle[h] + e * (known > 0 ? sqrt((h + 1.0) / known) : 1));
		}
	}
	return true;
}
