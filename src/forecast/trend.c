/*
 * trend.c
 *		Holt's trend, and the damped one.
 *
 * C. C. Holt (1957) and E. S. Gardner and E. McKenzie, "Forecasting trends in time series", Management Science 31 (1985), in the error
 * correction form of Hyndman, Koehler, Ord and Snyder, "Forecasting with Exponential Smoothing" (2008), table 2.2, models (A, A, N) and
 * (A, Ad, N): e = y - (l + phi b), l = l + phi b + alpha e, b = phi b + beta e; h steps ahead l + (phi + … + phi^h) b. alpha is in
 * (0, 1), beta in (0, alpha), phi in (0.8, 0.98), or 1 for Holt's: the usual region, inside the admissible one.
 *
 * Parameters have the smallest sum of squared errors one step ahead; the states at the start are taken from the first values, so that two or
 * three numbers are fitted, where ets.c fits those as well. Seasons are not looked at.
 */
#include <math.h>
#include <stdio.h>

#include "forecast/fit.h"
#include "forecast/stat.h"

#define CALLS 200				/* of the simplex */

typedef struct Trend
{
	CfFit	   *fit;
	bool		damped;
	bool		stopped;
	double		level;			/* where it starts */
	double		slope;
} Trend;

/* inside maps any number into (low, high). */
static double
inside(double v, double low, double high)
{
	return low + (high - low) / (1 + exp(-v));
}

/* natural gives alpha, beta and phi at a point of the simplex. */
static void
natural(const Trend *trend, const double *v, double *x)
{
	x[0] = inside(v[0], 1e-4, 0.9999);
	x[1] = inside(v[1], 1e-4, 1) * x[0];
	x[2] = trend->damped ? inside(v[2], 0.8, 0.98) : 1;
}

/* step takes one value in, and gives the error of its forecast. */
static double
step(const double *x, double y, double *level, double *slope)
{
	double		next = x[2] * *slope;
	double		e = y - (*level + next);

	*level += next + x[0] * e;
	*slope = next + x[1] * e;
	return e;
}

/* squares is what is made small. */
static double
squares(void *ctx, const double *v)
{
	Trend	   *trend = ctx;
	double		level = trend->level;
	double		slope = trend->slope;
	double		sum = 0;
	double		x[3];

	trend->stopped = trend->stopped || !cf_fit_go_on(trend->fit);
	if (trend->stopped)
		return INFINITY;
	natural(trend, v, x);
	for (int i = 0; i < trend->fit->learn; i++)
	{
		double		e = step(x, trend->fit->values[i], &level, &slope);

		sum += e * e;
	}
	return sum;
}

/* cf_fit_holt smooths a level and a trend; the trend fades when damped. */
bool
cf_fit_holt(CfFit *fit, int damped)
{
	static const double steps[3] = {1, 1, 1};
	Trend		trend = {.fit = fit, .damped = damped};
	int			first = fit->learn < 5 ? fit->learn - 1 : 4;
	double		v[3] = {0, -1.5, 2};
	double		x[3];
	double		level;
	double		slope;

	trend.slope = slope = first > 0 ? (fit->values[first] - fit->values[0]) / first : 0;
	trend.level = level = fit->values[0] - slope;
	cf_stat_simplex(squares, &trend, v, steps, damped ? 3 : 2, 1e-6, CALLS);
	if (trend.stopped)
		return false;
	natural(&trend, v, x);
	for (int i = 0, o = 0; o < fit->n_origins; i++)
	{
		double	   *path = cf_fit_path(fit, o);
		double		sum = 0;
		double		fade = 1;

		step(x, fit->values[i], &level, &slope);
		if (fit->origins[o] != i + 1)
			continue;
		for (int h = 0; h < fit->horizon; h++)
		{
			fade *= x[2];
			sum += fade;
			path[h] = level + sum * slope;
		}
		o++;
	}
	snprintf(fit->note, sizeof(fit->note), "alpha %.3f, beta %.3f, phi %.3f", x[0], x[1], x[2]);
	return true;
}
