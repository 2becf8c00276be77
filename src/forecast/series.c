/*
 * series.c
 *		From a caller's series to its forecast: cleaning, scaling, the table of methods, and back.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "forecast/fit.h"
#include "forecast/stat.h"

#define ORIGINS 128				/* rolling origins behind an interval and a choice, at most */
#define FEWEST_ORIGINS 16
#define PATHS 12288				/* of all origins together this many steps, unless that makes too few origins */

static const CfMethod methods[] = {
	{"auto", "the method, or the combination of methods, that did best from rolling origins in the series' own past", NULL, 0},
	{"zero", "nothing", cf_fit_zero, 0},
	{"naive", "the last value", cf_fit_naive, 0},
	{"seasonal_naive", "the last season (the longest) again", cf_fit_seasonal_naive, CF_SERIES_SEASONS},
	{"seasonal_naive_short", "the last one of the shortest season again", cf_fit_seasonal_naive, 0},
	{"drift", "the line through the first and the last value", cf_fit_drift, 0},
	{"mean", "the mean of all values", cf_fit_mean, 0},
	{"mean_7", "the mean of the last 7 values", cf_fit_mean, 7},
	{"mean_28", "the mean of the last 28 values", cf_fit_mean, 28},
	{"median", "the median of all values", cf_fit_median, 0},
	{"median_3", "the median of the last 3 values", cf_fit_median, 3},
	{"median_7", "the median of the last 7 values", cf_fit_median, 7},
	{"median_28", "the median of the last 28 values", cf_fit_median, 28},
	{"profile", "the mean of the last four values at the same place of the shortest season (the same weekday)", cf_fit_profile, 4},
	{"ses", "simple exponential smoothing", cf_fit_ses, 0},
	{"holt", "smoothing of a level and a trend (Holt)", cf_fit_holt, 0},
	{"damped", "the same with a trend that fades (Gardner and McKenzie)", cf_fit_holt, 1},
	{"ets", "exponential smoothing with error, trend and season added or multiplied, chosen by AICc; ets_MAdM and the like name one", cf_fit_ets, CF_ETS_CHOOSE},
	{"holt_winters", "smoothing of a level, a trend and a season that is added (Holt and Winters)", cf_fit_ets, 11},
	{"holt_winters_times", "the same with a season that is multiplied", cf_fit_ets, 12},
	{"theta", "the theta method: smoothing with half the drift of a line, of a series adjusted for its season", cf_fit_theta, CF_THETA_CLASSIC},
	{"theta_optimised", "the same with the weight of the line fitted (Fiorucci and others)", cf_fit_theta, CF_THETA_OPTIMISED},
	{"theta_dynamic", "the same with a line that moves with the series", cf_fit_theta, CF_THETA_DYNAMIC},
	{"seasons", "Taylor's smoothing of several seasons at once, with an autoregressive remainder", cf_fit_seasons, 0},
	{"seasons_log", "the same on logarithms", cf_fit_seasons, 1},
	{"lags", "regression on the last values and on those one and two seasons ago", cf_fit_lags, 0},
	{"lags_log", "the same on logarithms", cf_fit_lags, 1},
	{"mstl(ets)", "seasons by decomposition (MSTL), and what they leave by the method named: mstl(theta), mstl(naive), …", NULL, 0},
	{"mean(ets, theta, seasonal_naive)", "the mean of the methods named, up to eight of any of these, mstl() included", NULL, 0},
	{"median(ets, theta, seasonal_naive)", "the median of the methods named", NULL, 0},
	{"weighted(ets, theta, seasonal_naive)", "the mean of the methods named with weights by their errors from rolling origins", NULL, 0},
	{"croston", "Croston's sizes and gaps, for demand that comes now and then", cf_fit_croston, CF_CROSTON_CLASSIC},
	{"sba", "Croston's method as corrected by Syntetos and Boylan", cf_fit_croston, CF_CROSTON_SBA},
	{"tsb", "the method of Teunter, Syntetos and Babai: sizes, and the probability of a demand", cf_fit_tsb, 0},
	{"adida", "sums over blocks as long as the mean gap between demands, smoothed", cf_fit_adida, 0},
	{"imapa", "the mean of such forecasts over blocks of all lengths up to the mean gap", cf_fit_imapa, 0},
};

#define METHODS ((int) (sizeof(methods) / sizeof(methods[0])))

const char *
cf_forecast_method_name(int n)
{
	return n >= 0 && n < METHODS ? methods[n].name : NULL;
}

const char *
cf_forecast_method_words(int n)
{
	return n >= 0 && n < METHODS ? methods[n].words : NULL;
}

#define ETS(error, trend, season, model) \
	{"ets_" error trend season, "", cf_fit_ets, model}
#define ETS_SEASONS(error, trend, model) \
	ETS(error, trend, "N", model), ETS(error, trend, "A", (model) + 1), ETS(error, trend, "M", (model) + 2)
#define ETS_TRENDS(error, model) \
	ETS_SEASONS(error, "N", model), ETS_SEASONS(error, "A", (model) + 10), ETS_SEASONS(error, "Ad", (model) + 20), \
	ETS_SEASONS(error, "M", (model) + 30), ETS_SEASONS(error, "Md", (model) + 40)

/* Single models of the family, which need not be listed one by one. */
static const CfMethod ets_models[] = {ETS_TRENDS("A", 0), ETS_TRENDS("M", 100)};

const CfMethod *
cf_fit_method(const char *name)
{
	for (size_t i = 0; i < sizeof(ets_models) / sizeof(ets_models[0]); i++)
	{
		if (strcmp(ets_models[i].name, name) == 0)
			return &ets_models[i];
	}
	for (int i = 0; i < METHODS; i++)
	{
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	}
	return NULL;
}

/* most_origins is how many rolling origins a horizon allows. */
static int
most_origins(int horizon)
{
	int			most = PATHS / (horizon > 0 ? horizon : 1);

	return most > ORIGINS ? ORIGINS : most < FEWEST_ORIGINS ? FEWEST_ORIGINS : most;
}

/* cf_forecast_bytes counts what cleaning, the paths of all candidates from all origins, and the methods' own work take. */
size_t
cf_forecast_bytes(size_t count, int horizon)
{
	size_t		n = count < CF_SERIES_WINDOW ? count : CF_SERIES_WINDOW;
	size_t		paths = (size_t) (most_origins(horizon) + 1) * (size_t) horizon;

	return 256 * 1024 + (n * 32 + paths * (CF_FIT_CANDIDATES + 1) + (size_t) horizon * 8) * sizeof(double);
}

bool
cf_fit_go_on(CfFit *fit)
{
	if (!cf_interrupt_wanted(fit->interrupt))
		return true;
	return cf_error_set(fit->err, CF_ERR_CANCELLED, "forecast was cancelled");
}

double *
cf_fit_numbers(CfFit *fit, size_t n)
{
	double	   *numbers = cf_arena_alloc(fit->arena, (n == 0 ? 1 : n) * sizeof(double));

	if (numbers == NULL)
		cf_error_set(fit->err, CF_ERR_MEMORY, "out of memory in a forecast");
	return numbers;
}

/* check refuses arguments that make no sense. */
static bool
check(const CfSeries *series, CfError *err)
{
	if (series->horizon < 1 || series->horizon > CF_SERIES_HORIZON)
		return cf_error_set(err, CF_ERR_INPUT, "horizon must be between 1 and %d, not %d", CF_SERIES_HORIZON, series->horizon);
	if (!(series->level > 0 && series->level < 1))
		return cf_error_set(err, CF_ERR_INPUT, "level must be between 0 and 1, not %g", series->level);
	for (int k = 0; k < series->n_probabilities; k++)
	{
		if (!(series->probabilities[k] > 0 && series->probabilities[k] < 1))
			return cf_error_set(err, CF_ERR_INPUT, "a probability must be between 0 and 1, not %g", series->probabilities[k]);
	}
	if (series->n_seasons < 0 || series->n_seasons > CF_SERIES_SEASONS)
		return cf_error_set(err, CF_ERR_INPUT, "a series has at most %d seasons, not %d", CF_SERIES_SEASONS, series->n_seasons);
	for (int i = 0; i < series->n_seasons; i++)
	{
		if (series->seasons[i] < 1)
			return cf_error_set(err, CF_ERR_INPUT, "season must be at least 1, not %d", series->seasons[i]);
	}
	return true;
}

/* keep_seasons takes the seasons that fit twice, once each, shortest first. */
static void
keep_seasons(const CfSeries *series, CfFit *fit)
{
	fit->n_seasons = 0;
	for (int i = 0; i < series->n_seasons; i++)
	{
		int			season = series->seasons[i];
		int			at = 0;

		if (season < 2 || season > fit->count / 2)
			continue;
		while (at < fit->n_seasons && fit->seasons[at] < season)
			at++;
		if (at < fit->n_seasons && fit->seasons[at] == season)
			continue;
		memmove(&fit->seasons[at + 1], &fit->seasons[at], sizeof(int) * (fit->n_seasons - at));
		fit->seasons[at] = season;
		fit->n_seasons++;
	}
}

/* fill gives missing values the value of a season before, or one on the line between their neighbours. */
static void
fill(CfFit *fit, double *values, const bool *seen)
{
	int			season = fit->n_seasons == 0 ? 0 : fit->seasons[0];
	int			last = 0;		/* the value before is known: the first one is */

	for (int i = 1; i < fit->count; i++)
	{
		int			next = i;

		if (seen[i])
		{
			last = i;
			continue;
		}
		if (season > 0 && i >= season)
		{
			values[i] = values[i - season];
			continue;
		}
		while (next < fit->count && !seen[next])
			next++;
		values[i] = next == fit->count ? values[last]
			: values[last] + (values[next] - values[last]) * (i - last) / (next - last);
		/* The line goes on from here, so the search for its end is not repeated from far away. */
		for (int j = i + 1; j < next && (season == 0 || j < season); j++, i++)
			values[j] = next == fit->count ? values[last] : values[last] + (values[next] - values[last]) * (j - last) / (next - last);
	}
}

bool
cf_fit_prepare(const CfSeries *series, CfArena *arena, const CfInterrupt *interrupt, CfFit *fit, int *exponent, CfError *err)
{
	size_t		first = series->count > CF_SERIES_WINDOW ? series->count - CF_SERIES_WINDOW : 0;
	double		largest = 0;
	double	   *values;
	bool	   *seen;

	memset(fit, 0, sizeof(*fit));
	fit->arena = arena;
	fit->interrupt = interrupt;
	fit->err = err;
	fit->horizon = series->horizon;
	fit->positive = true;
	*exponent = 0;
	if (!check(series, err))
		return false;
	while (first < series->count && isnan(series->values[first]))
		first++;
	fit->count = fit->learn = (int) (series->count - first);
	keep_seasons(series, fit);
	values = cf_fit_numbers(fit, fit->count);
	seen = cf_arena_alloc(arena, fit->count + 1);
	if (values == NULL || seen == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory in a forecast");
	for (int i = 0; i < fit->count; i++)
	{
		double		y = series->values[first + i];

		if (isinf(y))
			return cf_error_set(err, CF_ERR_INPUT, "a series cannot have an infinite value");
		seen[i] = !isnan(y);
		largest = seen[i] && fabs(y) > largest ? fabs(y) : largest;
		fit->positive = fit->positive && !(y < 0);
	}
	frexp(largest, exponent);
	fit->exponent = *exponent;
	for (int i = 0; i < fit->count; i++)
		values[i] = seen[i] ? ldexp(series->values[first + i], -*exponent) : 0;
	fill(fit, values, seen);
	fit->values = values;
	fit->seen = seen;
	return true;
}

bool
cf_fit_run(CfFit *fit, const CfMethod *method, double *paths)
{
	fit->note[0] = '\0';
	fit->paths = paths;
	if (!cf_fit_go_on(fit) || !method->run(fit, method->arg))
		return false;
	cf_fit_clip(fit);
	return true;
}

void
cf_fit_clip(CfFit *fit)
{
	size_t		n = (size_t) fit->n_origins * (size_t) fit->horizon;

	for (size_t i = 0; i < n; i++)
	{
		if (!isfinite(fit->paths[i]))
			fit->paths[i] = fit->values[fit->origins[i / fit->horizon] - 1];
		if (fit->positive && fit->paths[i] < 0)
			fit->paths[i] = 0;
	}
}

void
cf_fit_guard(CfFit *fit)
{
	int			window = fit->n_seasons == 0 ? 0 : 4 * fit->seasons[fit->n_seasons - 1];

	window = window < 28 ? 28 : window;
	for (int o = 0; o < fit->n_origins; o++)
	{
		int			known = fit->origins[o];
		double	   *path = cf_fit_path(fit, o);
		double		low = fit->values[known - 1];
		double		high = low;
		double		margin;

		for (int i = known > window ? known - window : 0; i < known; i++)
		{
			low = fit->values[i] < low ? fit->values[i] : low;
			high = fit->values[i] > high ? fit->values[i] : high;
		}
		margin = (high - low) / 2;
		for (int h = 0; h < fit->horizon; h++)
			path[h] = path[h] > high + margin ? high + margin : path[h] < low - margin ? low - margin : path[h];
	}
}

/* unknown makes the forecast of nothing. */
static void
unknown(const CfSeries *series, CfForecast *out)
{
	for (int h = 0; h < series->horizon; h++)
		out->mean[h] = out->median[h] = out->lower[h] = out->upper[h] = NAN;
	for (int i = 0; i < series->n_probabilities * series->horizon; i++)
		out->quantiles[i] = NAN;
	snprintf(out->model, sizeof(out->model), "none");
}

/* unscale brings figures back to the caller's unit; what does not fit becomes the largest number that does. */
static void
unscale(double *figures, int n, int exponent)
{
	for (int i = 0; i < n; i++)
	{
		double		y = ldexp(figures[i], exponent);

		figures[i] = isinf(y) ? (y < 0 ? -DBL_MAX : DBL_MAX) : y;
	}
}

/* tell_quantiles writes the interval and the quantiles that are wanted. */
static bool
tell_quantiles(CfFit *fit, const CfSeries *series, const double *paths, CfForecast *out)
{
	int			n = series->n_probabilities + 2;
	double	   *probabilities = cf_fit_numbers(fit, (size_t) n);
	double	  **rows = cf_arena_alloc(fit->arena, sizeof(double *) * (size_t) n);

	if (probabilities == NULL || rows == NULL)
		return cf_error_set(fit->err, CF_ERR_MEMORY, "out of memory in a forecast");
	probabilities[0] = (1 - series->level) / 2;
	rows[0] = out->lower;
	probabilities[1] = (1 + series->level) / 2;
	rows[1] = out->upper;
	for (int k = 2; k < n; k++)
	{
		probabilities[k] = series->probabilities[k - 2];
		rows[k] = out->quantiles + (size_t) (k - 2) * (size_t) fit->horizon;
	}
	return cf_fit_quantiles(fit, paths, out->median, probabilities, n, rows);
}

bool
cf_forecast_series(const CfSeries *series, const char *name, CfArena *arena, const CfInterrupt *interrupt, CfForecast *out,
				   CfError *err)
{
	bool		made = strchr(name, '(') != NULL;	/* of other methods */
	const CfMethod *method = made ? NULL : cf_fit_method(name);
	size_t		bytes = sizeof(double) * (series->horizon > 0 ? series->horizon : 0);
	int			exponent;
	double	   *paths;
	CfFit		fit;

	if (method == NULL && !made)
	{
		cf_error_set(err, CF_ERR_INPUT, "there is no forecasting method \"%.64s\"", name);
		return cf_error_hint(err, "SELECT * FROM cloudflux.forecast_methods() lists them.");
	}
	if (!cf_fit_prepare(series, arena, interrupt, &fit, &exponent, err))
		return false;
	if (fit.count == 0)
	{
		unknown(series, out);
		return true;
	}
	if (!cf_fit_rolling(&fit, most_origins(fit.horizon)))
		return false;
	paths = cf_fit_numbers(&fit, (size_t) fit.n_origins * fit.horizon);
	if (paths == NULL)
		return false;
	if (!made && method->run == NULL)
	{
		if (!cf_fit_choose(&fit, out->mean, out->median, paths))
			return false;
	}
	else
	{
		if (!(made ? cf_fit_made(&fit, name, paths) : cf_fit_run(&fit, method, paths)))
			return false;
		memcpy(out->mean, paths + (size_t) (fit.n_origins - 1) * fit.horizon, bytes);
		memcpy(out->median, out->mean, bytes);
	}
	if (!tell_quantiles(&fit, series, paths, out))
		return false;
	unscale(out->mean, fit.horizon, exponent);
	unscale(out->median, fit.horizon, exponent);
	unscale(out->lower, fit.horizon, exponent);
	unscale(out->upper, fit.horizon, exponent);
	for (int k = 0; k < series->n_probabilities; k++)
		unscale(out->quantiles + (size_t) k * (size_t) fit.horizon, fit.horizon, exponent);
	if (!made && method->run != NULL)
		snprintf(out->model, sizeof(out->model), fit.note[0] == '\0' ? "%s" : "%s (%s)", method->name, fit.note);
	else
		snprintf(out->model, sizeof(out->model), "%s", fit.note);
	return true;
}
