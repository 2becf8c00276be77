/*
 * interval.c
 *		Rolling origins, and intervals from the errors that were made from them.
 *
 * The interval of a step ahead is what the errors of that step did in the past: split conformal prediction (V. Vovk, A.
 * Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005; for forecasts K. Stankeviciute et al., "Conformal time-series
 * forecasting", NeurIPS 2021), with signed errors, so that it may be lopsided, and the order statistic (m + 1) p of m errors, which
 * is what makes the coverage hold for few errors. No distribution is assumed. Where the statistic lies beyond the errors there
 * are, the tail is that of a normal distribution with their spread; where a step has few errors, those of its neighbours help.
 * A step so far ahead that no origin saw it has the errors of the farthest one that did, growing with the square root of
 * the distance, as they do for a random walk.
 */
#include <math.h>
#include <string.h>

#include "forecast/fit.h"
#include "forecast/stat.h"

#define ENOUGH 40				/* errors that a step should have */

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

/* errors_of_step collects the errors of one step ahead behind those that are there already. */
static int
errors_of_step(const CfFit *fit, const double *paths, int h, double *errors)
{
	int			n = 0;

	for (int o = 0; o < fit->n_origins; o++)
	{
		int			at = fit->origins[o] + h;

		if (at < fit->count && fit->seen[at])
			errors[n++] = fit->values[at] - paths[(size_t) o * fit->horizon + h];
	}
	return n;
}

/* bound is the p-quantile of the next error, given m of them. */
static double
bound(double *errors, int m, double p)
{
	double		rank = p * (m + 1) - 1;
	double		sum = 0;
	double		spread = 0;
	double		tail;
	double		edge;

	if (rank >= 0 && rank <= m - 1)
		return cf_stat_quantile(errors, m, m == 1 ? 0 : rank / (m - 1));
	for (int i = 0; i < m; i++)
		sum += errors[i];
	for (int i = 0; i < m; i++)
		spread += (errors[i] - sum / m) * (errors[i] - sum / m);
	spread = m > 1 ? sqrt(spread / (m - 1)) : fabs(sum);
	tail = sum / m + cf_stat_normal_quantile(p) * spread;
	edge = cf_stat_quantile(errors, m, p < 0.5 ? 0 : 1);
	return p < 0.5 ? fmin(tail, edge) : fmax(tail, edge);
}

bool
cf_fit_interval(CfFit *fit, const double *paths, const double *middle, double level, double *lower, double *upper)
{
	double	   *errors = cf_fit_numbers(fit, (size_t) fit->n_origins * 3 + ENOUGH * 4);
	int			known = 0;		/* steps that have errors */
	double		low = NAN;
	double		high = NAN;

	if (errors == NULL)
		return false;
	for (int h = 0; h < fit->horizon; h++)
	{
		int			m = errors_of_step(fit, paths, h, errors);

		if (!cf_fit_go_on(fit))
			return false;
		if (m > 0)
		{
			for (int near = 1; near <= 3 && m < ENOUGH && h >= near; near++)
				m += errors_of_step(fit, paths, h - near, errors + m);
			low = bound(errors, m, (1 - level) / 2);
			high = bound(errors, m, (1 + level) / 2);
			known = h + 1;
		}
		/* Errors that all had one sign would leave the forecast outside. */
		lower[h] = middle[h] + (low > 0 ? 0 : low) * (known > 0 ? sqrt((h + 1.0) / known) : 1);
		upper[h] = middle[h] + (high < 0 ? 0 : high) * (known > 0 ? sqrt((h + 1.0) / known) : 1);
		if (fit->positive)
		{
			lower[h] = lower[h] < 0 ? 0 : lower[h];
			upper[h] = upper[h] < 0 ? 0 : upper[h];
		}
	}
	return true;
}
