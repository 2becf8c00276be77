/*
 * choice.c
 *		The method auto: what did best from rolling origins in the past of the series itself.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "forecast/fit.h"

/* What auto looks at. */
static const char *const candidates[] = {"naive", "seasonal_naive", "mean_7", "mean_28", "median_7", "median_28", "profile", "ses", "tsb"};

/* Errors of a candidate over all origins. */
typedef struct Score
{
	double		absolute;		/* of the steps */
	double		total;			/* of the sums over the horizon */
	int			n;
} Score;

/* judge measures paths against what happened. */
static Score
judge(const CfFit *fit, const double *paths)
{
	Score		score = {0, 0, 0};

	for (int o = 0; o < fit->n_origins - 1; o++)
	{
		double		sum = 0;

		for (int h = 0; h < fit->horizon && fit->origins[o] + h < fit->count; h++)
		{
			int			at = fit->origins[o] + h;
			double		e = fit->values[at] - paths[(size_t) o * fit->horizon + h];

			if (!fit->seen[at])
				continue;
			score.absolute += fabs(e);
			sum += e;
			score.n++;
		}
		score.total += fabs(sum);
	}
	return score;
}

/* cf_fit_choose serves the candidate with the smallest absolute errors as median, the one with the smallest error of totals as mean. */
bool
cf_fit_choose(CfFit *fit, double *mean, double *median, double *paths)
{
	size_t		n = (size_t) fit->n_origins * fit->horizon;
	size_t		last = (size_t) (fit->n_origins - 1) * fit->horizon;
	size_t		bytes = sizeof(double) * fit->horizon;
	double	   *tried = cf_fit_numbers(fit, n);
	Score		best = {INFINITY, INFINITY, 0};
	const char *names[2] = {"naive", "naive"};

	if (tried == NULL)
		return false;
	for (int i = 0; i < (int) (sizeof(candidates) / sizeof(candidates[0])); i++)
	{
		Score		score;

		if (!cf_fit_run(fit, cf_fit_method(candidates[i]), tried))
			return false;
		score = judge(fit, tried);
		if (score.absolute < best.absolute)
		{
			best.absolute = score.absolute;
			memcpy(paths, tried, sizeof(double) * n);
			memcpy(median, tried + last, bytes);
			names[0] = candidates[i];
		}
		if (score.total < best.total)
		{
			best.total = score.total;
			memcpy(mean, tried + last, bytes);
			names[1] = candidates[i];
		}
	}
	snprintf(fit->note, sizeof(fit->note), strcmp(names[0], names[1]) == 0 ? "%s" : "%s, mean by %s", names[0], names[1]);
	return true;
}
