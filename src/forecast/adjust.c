/*
 * adjust.c
 *		Seasonal adjustment: is there a season, what are its indices.
 *
 * - Classical decomposition (M. G. Kendall and A. Stuart, "The Advanced Theory of Statistics", vol. 3, 1983, pp. 410-414): the trend is the
 *   centred moving average over one season (over m + 1 values with halved ends when m is even), an index is the mean of what
 *   values at the same place of the season differ from it, or are in relation to it; differences have mean 0, ratios mean 1.
 * - The test before it is that of V. Assimakopoulos and K. Nikolopoulos, "The theta model", Int. J. of Forecasting 16 (2000), and of the
 *   M competitions: the autocorrelation at lag m is beyond its 90 % bound, |r_m| > 1.645 sqrt((1 + 2 (r_1^2 + … + r_(m-1)^2)) / n).
 */
#include <math.h>

#include "forecast/fit.h"

#define NINETY 1.645			/* the normal quantile behind a two-sided bound of 90 % */
#define LEAST 1e-3				/* an index is never smaller: values are divided by it */

bool
cf_fit_is_seasonal(const CfFit *fit, int season)
{
	const double *y = fit->values;
	int			n = fit->learn;
	double		mean = 0;
	double		squares = 0;
	double		sum = 0;
	double		r = 0;

	if (n < 2 * season)
		return false;
	for (int i = 0; i < n; i++)
		mean += y[i] / n;
	for (int i = 0; i < n; i++)
		squares += (y[i] - mean) * (y[i] - mean);
	if (squares <= 0)
		return false;
	for (int lag = 1; lag <= season; lag++)
	{
		double		product = 0;

		for (int i = lag; i < n; i++)
			product += (y[i] - mean) * (y[i - lag] - mean);
		r = product / squares;
		if (lag < season)
			sum += r * r;
	}
	return fabs(r) > NINETY * sqrt((1 + 2 * sum) / n);
}

/* smooth_at is the centred moving average over one season, from the sum of the m values that begin at i - m / 2. */
static double
smooth_at(const double *y, int i, int m, double sum)
{
	if (m % 2 == 1)
		return sum / m;
	return (sum + (y[i + m / 2] - y[i - m / 2]) / 2) / m;
}

void
cf_fit_indices(const CfFit *fit, int season, bool ratios, double *indices)
{
	const double *y = fit->values;
	int			half = season / 2;
	double		sum = 0;
	double		mean = 0;

	for (int k = 0; k < season; k++)
		indices[k] = 0;
	for (int i = 0; i < season; i++)
		sum += y[i];
	for (int i = half; i + half < fit->learn; i++)
	{
		double		trend = smooth_at(y, i, season, sum);

		/* How often a place came up is known from where the window begins. */
		int			times = (fit->learn - 1 - half - i % season) / season + (i % season >= half);

		indices[i % season] += (ratios ? y[i] / trend : y[i] - trend) / times;
		if (i - half + season < fit->learn)
			sum += y[i - half + season] - y[i - half];
	}
	for (int k = 0; k < season; k++)
		mean += indices[k] / season;
	for (int k = 0; k < season; k++)
	{
		indices[k] = ratios ? indices[k] / mean : indices[k] - mean;
		if (ratios && !(indices[k] >= LEAST))
			indices[k] = LEAST;
	}
}

bool
cf_fit_take_season(const CfFit *fit, CfFit *inner, int season, double *indices, bool *ratios)
{
	double	   *values = cf_fit_numbers(inner, fit->count);

	if (values == NULL)
		return false;
	*ratios = true;
	for (int i = 0; i < fit->count; i++)
		*ratios = *ratios && fit->values[i] > 0;
	cf_fit_indices(fit, season, *ratios, indices);
	inner->positive = *ratios;
	inner->n_seasons = 0;
	inner->values = values;
	for (int i = 0; i < fit->count; i++)
		values[i] = *ratios ? fit->values[i] / indices[i % season] : fit->values[i] - indices[i % season];
	return true;
}

void
cf_fit_give_season(CfFit *fit, int season, const double *indices, bool ratios)
{
	for (int o = 0; o < fit->n_origins; o++)
	{
		double	   *path = cf_fit_path(fit, o);

		for (int h = 0; h < fit->horizon; h++)
		{
			double		index = indices[(fit->origins[o] + h) % season];

			path[h] = ratios ? path[h] * index : path[h] + index;
		}
	}
}
