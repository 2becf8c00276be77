/*
 * choice.c
 *		The method auto: a combination of methods, weighted by what each did from rolling origins in the past of the series itself.
 *
 * No single method serves all series, and which one would be best is known too badly to bet on it: a combination loses less
 * (J. M. Bates and C. W. J. Granger, "The combination of forecasts", Operational Research Quarterly 20, 1969: weights by past errors). What is
 * combined are medians, not means: a candidate that goes astray after a burst pulls a mean with it, not a median with weights.
 *
 * - median: at each step the weighted median of the candidates, weights 1 / (mean absolute error)^2;
 * - mean: the weighted median of their totals over the horizon, weights 1 / (mean absolute error of totals)^2, laid over the
 *   steps in the shape of the median path. It is a figure to plan quantities with, judged by the error of totals.
 *
 * Short series that are positive throughout get models with few parameters: without a season the trends and the theta methods alone, with one
 * that shows also the family of exponential smoothing. On daily counts those did not help, and on sparse ones they harmed.
 *
 * When the errors of the last horizon are many times the usual ones (by the median over the candidates, so that it is not one
 * candidate's fault), the level has shifted, and what was good before says nothing: the newest errors alone decide.
 *
 * The powers, the list and that threshold were chosen by origins inside the training data of hourly, daily, dense and sparse series; docs/forecast.md
 * has the scores.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "forecast/fit.h"

#define SHORT 60				/* values of a series without a season up to which only trends are looked at */
#define SHORT_SEASONAL 400		/* and of one with a season up to which the families of smoothing and theta are */
#define SHIFTED 8				/* newest errors are so many times the usual ones: another regime */

/* What auto looks at. Those that do not weigh in on totals are there for the median alone. */
static const struct
{
	const char *name;
	bool		totals;
}			candidates[] = {
	{"naive", true}, {"seasonal_naive", false}, {"seasonal_naive_short", false}, {"median_3", true}, {"median_7", true}, {"median_28", true},
	{"zero", false}, {"ses", true}, {"lags", true}, {"lags_log", true}, {"seasons", true}, {"seasons_log", true},
	{"theta", true}, {"damped", true}, {"drift", true}, {"theta_optimised", true}, {"ets", true},
};

#define CANDIDATES ((int) (sizeof(candidates) / sizeof(candidates[0])))

_Static_assert(CANDIDATES <= CF_FIT_CANDIDATES, "memory is counted for the candidates");

/* The candidates of one series. */
typedef struct Choice
{
	int			n;
	const char *names[CANDIDATES];
	double	   *paths[CANDIDATES];
	double		by_step[CANDIDATES];	/* mean absolute errors, then weights */
	double		by_total[CANDIDATES];
	double		newest[CANDIDATES];	/* mean absolute errors from the origins of the last horizon */
	bool		totals[CANDIDATES];
} Choice;

/* among tells whether a name is in a list of words. */
static bool
among(const char *name, const char *words)
{
	const char *at = strstr(words, name);
	size_t		n = strlen(name);

	return at != NULL && (at == words || at[-1] == ' ') && (at[n] == '\0' || at[n] == ' ');
}

/*
 * is_short tells whether a series is what smoothing with few parameters was made for: positive throughout, and either a few dozen values
 * without a season, or a few hundred whose season shows.
 */
static bool
is_short(const CfFit *fit)
{
	for (int i = 0; i < fit->count; i++)
	{
		if (!(fit->values[i] > 0))
			return false;
	}
	if (fit->n_seasons == 0)
		return fit->count <= SHORT;
	return fit->count <= SHORT_SEASONAL && cf_fit_is_seasonal(fit, fit->seasons[0]);
}

/* fits tells whether a candidate can help with this series. */
static bool
fits(const CfFit *fit, bool brief, const char *name)
{
	if (brief && fit->n_seasons == 0)
		return among(name, "naive theta theta_optimised damped drift");
	if (among(name, "zero lags_log seasons_log"))
		return fit->positive;
	if (among(name, "theta theta_optimised ets"))
		return brief || (fit->n_seasons == 0 && strcmp(name, "theta") == 0);
	if (among(name, "damped drift"))
		return fit->n_seasons == 0;
	if (strcmp(name, "seasonal_naive") == 0)
		return fit->n_seasons > 0;
	return strcmp(name, "seasonal_naive_short") != 0 || fit->n_seasons > 1;
}

/* judge measures a candidate's paths against what happened. A value that was missing judges nobody. */
static void
judge(const CfFit *fit, Choice *choice, int candidate)
{
	const double *paths = choice->paths[candidate];
	double		newest = 0;
	int			n_newest = 0;
	double		steps = 0;
	double		totals = 0;
	int			n_steps = 0;
	int			n_totals = 0;

	for (int o = 0; o < fit->n_origins - 1; o++)
	{
		double		sum = 0;
		int			h = 0;

		for (; h < fit->horizon && fit->origins[o] + h < fit->count; h++)
		{
			int			at = fit->origins[o] + h;
			double		e = fit->values[at] - paths[(size_t) o * fit->horizon + h];

			if (!fit->seen[at])
				continue;
			steps += fabs(e);
			sum += e;
			n_steps++;
			if (fit->origins[o] > fit->count - fit->horizon)
			{
				newest += fabs(e);
				n_newest++;
			}
		}
		if (h == fit->horizon)
		{
			totals += fabs(sum) / h;
			n_totals++;
		}
	}
	choice->by_step[candidate] = n_steps > 0 ? steps / n_steps : 0;
	choice->by_total[candidate] = n_totals > 0 ? totals / n_totals : choice->by_step[candidate];
	choice->newest[candidate] = n_newest > 0 ? newest / n_newest : choice->by_step[candidate];
}

/* weighted_median is the value up to which half of the weight lies; it changes the order of both. */
static double
weighted_median(double *values, double *weights, int n)
{
	double		half = 0;
	int			i;

	for (i = 1; i < n; i++)
	{
		double		value = values[i];
		double		weight = weights[i];
		int			j = i;

		for (; j > 0 && values[j - 1] > value; j--)
		{
			values[j] = values[j - 1];
			weights[j] = weights[j - 1];
		}
		values[j] = value;
		weights[j] = weight;
	}
	for (i = 0; i < n; i++)
		half += weights[i] / 2;
	for (i = 0; i < n - 1 && weights[i] < half; i++)
		half -= weights[i];
	return values[i];
}

/* shifted tells whether the candidates' newest errors say that what held before does not hold any more. */
static bool
shifted(const Choice *choice)
{
	double		ratios[CANDIDATES];
	double		same[CANDIDATES];

	for (int i = 0; i < choice->n; i++)
	{
		ratios[i] = (choice->newest[i] + 1e-9) / (choice->by_step[i] + 1e-9);
		same[i] = 1;
	}
	return weighted_median(ratios, same, choice->n) > SHIFTED;
}

/* weigh turns errors into weights. Values are of the order of 1, so an error of 1e-9 is none. */
static void
weigh(double *errors, int n, double power)
{
	for (int i = 0; i < n; i++)
		errors[i] = pow(errors[i] + 1e-9, -power);
}

/* combine writes the weighted medians of all origins and steps. */
static bool
combine(CfFit *fit, const Choice *choice, double *paths)
{
	double		values[CANDIDATES];
	double		weights[CANDIDATES];

	for (int o = 0; o < fit->n_origins; o++)
	{
		if (!cf_fit_go_on(fit))
			return false;
		for (size_t at = (size_t) o * fit->horizon; at < (size_t) (o + 1) * fit->horizon; at++)
		{
			for (int i = 0; i < choice->n; i++)
				values[i] = choice->paths[i][at];
			memcpy(weights, choice->by_step, sizeof(weights));
			paths[at] = weighted_median(values, weights, choice->n);
		}
	}
	return true;
}

/* lay gives a path the total that the candidates' totals say, in the shape that it has. */
static void
lay(const CfFit *fit, Choice *choice, const double *median, double *mean)
{
	size_t		last = (size_t) (fit->n_origins - 1) * fit->horizon;
	double		totals[CANDIDATES] = {0};
	double		weights[CANDIDATES];
	double		shape = 0;
	double		total;

	memcpy(weights, choice->by_total, sizeof(weights));
	for (int i = 0; i < choice->n; i++)
	{
		for (int h = 0; h < fit->horizon; h++)
			totals[i] += choice->paths[i][last + h];
	}
	total = weighted_median(totals, weights, choice->n);
	for (int h = 0; h < fit->horizon; h++)
		shape += median[h];
	for (int h = 0; h < fit->horizon; h++)
		mean[h] = fit->positive && shape > 0 ? median[h] * (total / shape) : median[h] + (total - shape) / fit->horizon;
}

/* describe names the candidates with the largest weights. */
static void
describe(CfFit *fit, const Choice *choice, bool moved)
{
	double		sum = 0;
	bool		told[CANDIDATES] = {false};
	int			length = snprintf(fit->note, sizeof(fit->note), moved ? "auto after a shift:" : "auto:");

	for (int i = 0; i < choice->n; i++)
		sum += choice->by_step[i];
	for (int k = 0; k < 3; k++)
	{
		int			best = -1;

		for (int i = 0; i < choice->n; i++)
		{
			if (!told[i] && (best < 0 || choice->by_step[i] > choice->by_step[best]))
				best = i;
		}
		if (best < 0 || choice->by_step[best] < 0.05 * sum)
			return;
		told[best] = true;
		length += snprintf(fit->note + length, sizeof(fit->note) - length, "%s %s %.0f %%", k > 0 ? "," : "", choice->names[best],
						   100 * choice->by_step[best] / sum);
	}
}

bool
cf_fit_choose(CfFit *fit, double *mean, double *median, double *paths)
{
	size_t		n = (size_t) fit->n_origins * fit->horizon;
	Choice		choice = {0};
	bool		brief = is_short(fit);
	bool		moved = false;

	for (int i = 0; i < CANDIDATES; i++)
	{
		int			at = choice.n;

		/* Before there is any error to judge by, the last value it is. */
		if (!fits(fit, brief, candidates[i].name) || (fit->n_origins == 1 && i > 0))
			continue;
		choice.names[at] = candidates[i].name;
		choice.totals[at] = candidates[i].totals;
		choice.paths[at] = cf_fit_numbers(fit, n);
		if (choice.paths[at] == NULL || !cf_fit_run(fit, cf_fit_method(candidates[i].name), choice.paths[at]))
			return false;
		judge(fit, &choice, at);
		choice.n++;
	}
	if (shifted(&choice))
	{
		moved = true;
		memcpy(choice.by_step, choice.newest, sizeof(choice.newest));
		memcpy(choice.by_total, choice.newest, sizeof(choice.newest));
	}
	weigh(choice.by_step, choice.n, 2);
	weigh(choice.by_total, choice.n, 2);
	for (int i = 0; i < choice.n; i++)
		choice.by_total[i] *= choice.totals[i];
	if (!combine(fit, &choice, paths))
		return false;
	memcpy(median, paths + n - fit->horizon, sizeof(double) * fit->horizon);
	lay(fit, &choice, median, mean);
	describe(fit, &choice, moved);
	return true;
}
