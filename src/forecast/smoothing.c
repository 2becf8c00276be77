/*
 * smoothing.c
 *		Simple exponential smoothing.
 *
 * R. G. Brown (1959); in the error correction form of Hyndman, Koehler, Ord and Snyder, "Forecasting with Exponential
 * Smoothing" (2008), equation 1.2: e_t = y_t - l_(t-1), l_t = l_(t-1) + alpha e_t, and every step ahead is l_t. The level
 * starts at the first value; alpha is the one of (0, 1) with the smallest sum of squared errors one step ahead: the best of
 * a grid, then golden section around it, because that sum may have more than one valley.
 */
#include <math.h>
#include <stdio.h>

#include "forecast/fit.h"
#include "forecast/stat.h"

#define GRID 10

/* squares is the sum of squared errors one step ahead with this alpha. */
static double
squares(void *ctx, double alpha)
{
	const CfFit *fit = ctx;
	double		level = fit->values[0];
	double		sum = 0;

	for (int i = 1; i < fit->learn; i++)
	{
		double		e = fit->values[i] - level;

		sum += e * e;
		level += alpha * e;
	}
	return sum;
}

/* cf_fit_best_alpha fits the smoothing parameter. */
double
cf_fit_best_alpha(CfFit *fit)
{
	double		best = INFINITY;
	int			at = 0;

	for (int i = 0; i < GRID; i++)
	{
		double		sum = squares(fit, (i + 0.5) / GRID);

		if (sum < best)
		{
			best = sum;
			at = i;
		}
	}
	return cf_stat_golden(squares, fit, at == 0 ? 1e-4 : (at - 0.5) / GRID, at == GRID - 1 ? 0.9999 : (at + 1.5) / GRID, 1e-4);
}

/* cf_fit_ses smooths once over the series. */
bool
cf_fit_ses(CfFit *fit, int arg)
{
	double		level = fit->values[0];
	double		alpha = cf_fit_best_alpha(fit);

	(void) arg;
	for (int i = 0, o = 0; o < fit->n_origins; i++)
	{
		level += alpha * (fit->values[i] - level);
		if (fit->origins[o] == i + 1)
			cf_fit_constant(fit, o++, level);
	}
	snprintf(fit->note, sizeof(fit->note), "alpha %.3f", alpha);
	return cf_fit_go_on(fit);
}
