/*
 * simple.c
 *		The methods that every other one has to beat: last value, last season, line, means, medians, profile.
 *
 * Hyndman and Athanasopoulos, "Forecasting: principles and practice" (3rd edition), section 5.2 has naive, seasonal naive,
 * drift and mean. The medians and the profile are robust forms for counts: half of the days of a sparse series are below
 * its median, whatever the size of its bursts.
 */
#include <string.h>

#include "forecast/fit.h"
#include "forecast/stat.h"

/* cf_fit_zero forecasts nothing at all: the best median of a series that is asleep. */
bool
cf_fit_zero(CfFit *fit, int arg)
{
	(void) arg;
	for (int o = 0; o < fit->n_origins; o++)
		cf_fit_constant(fit, o, 0);
	return true;
}

/* cf_fit_naive repeats the last value. */
bool
cf_fit_naive(CfFit *fit, int arg)
{
	(void) arg;
	for (int o = 0; o < fit->n_origins; o++)
		cf_fit_constant(fit, o, fit->values[fit->origins[o] - 1]);
	return true;
}

/* cf_fit_seasonal_naive repeats the last season (the arg-th, the longest there is); before its end it repeats what there is. */
bool
cf_fit_seasonal_naive(CfFit *fit, int arg)
{
	int			season = fit->n_seasons == 0 ? 1 : fit->seasons[arg < fit->n_seasons ? arg : fit->n_seasons - 1];

	for (int o = 0; o < fit->n_origins; o++)
	{
		int			known = fit->origins[o];
		int			cycle = season < known ? season : known;
		double	   *path = cf_fit_path(fit, o);

		for (int h = 0; h < fit->horizon; h++)
			path[h] = fit->values[known - cycle + h % cycle];
	}
	return true;
}

/* cf_fit_drift goes on along the line through the first and the last value. */
bool
cf_fit_drift(CfFit *fit, int arg)
{
	(void) arg;
	for (int o = 0; o < fit->n_origins; o++)
	{
		int			known = fit->origins[o];
		double		last = fit->values[known - 1];
		double		slope = known > 1 ? (last - fit->values[0]) / (known - 1) : 0;
		double	   *path = cf_fit_path(fit, o);

		for (int h = 0; h < fit->horizon; h++)
			path[h] = last + slope * (h + 1);
	}
	return true;
}

/* cf_fit_mean forecasts the mean of the last `window` values. */
bool
cf_fit_mean(CfFit *fit, int window)
{
	for (int o = 0; o < fit->n_origins; o++)
	{
		int			known = fit->origins[o];
		int			n = window > 0 && window < known ? window : known;
		double		sum = 0;

		for (int i = known - n; i < known; i++)
			sum += fit->values[i];
		cf_fit_constant(fit, o, sum / n);
	}
	return cf_fit_go_on(fit);
}

/* cf_fit_median forecasts the median of the last `window` values. */
bool
cf_fit_median(CfFit *fit, int window)
{
	int			most = window > 0 && window < fit->count ? window : fit->count;
	double	   *sorted = cf_fit_numbers(fit, most);

	if (sorted == NULL)
		return false;
	for (int o = 0; o < fit->n_origins; o++)
	{
		int			known = fit->origins[o];
		int			n = most < known ? most : known;

		memcpy(sorted, fit->values + known - n, sizeof(double) * n);
		cf_fit_constant(fit, o, cf_stat_median(sorted, n));
	}
	return cf_fit_go_on(fit);
}

/* cf_fit_profile forecasts the mean of the last `cycles` values at the same place of the shortest season. */
bool
cf_fit_profile(CfFit *fit, int cycles)
{
	int			season = fit->n_seasons == 0 ? 1 : fit->seasons[0];

	for (int o = 0; o < fit->n_origins; o++)
	{
		int			known = fit->origins[o];
		int			cycle = season < known ? season : known;
		double	   *path = cf_fit_path(fit, o);

		for (int h = 0; h < fit->horizon; h++)
		{
			double		sum = 0;
			int			n = 0;

			if (h >= cycle)
			{
				path[h] = path[h - cycle];
				continue;
			}
			for (int i = known - cycle + h; i >= 0 && n < cycles; i -= cycle, n++)
				sum += fit->values[i];
			path[h] = sum / n;
		}
	}
	return cf_fit_go_on(fit);
}
