/*
 * Series: simple methods against values worked out by hand, what is defined for odd input, and properties that hold for all methods.
 */
#include "tap.h"

#include "core/arena.h"
#include "forecast/fit.h"
#include "forecast/series.h"
#include "forecast/stat.h"

#define MOST 512

static double mean[MOST], median[MOST], lower[MOST], upper[MOST];
static CfForecast out = {mean, median, lower, upper, NULL, ""};
static CfError err;
static uint64_t seed = 1;

/* chance is a number in [0, 1) (splitmix64). */
static double
chance(void)
{
	uint64_t	z = (seed += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (double) ((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* run forecasts with all that can be said, within the memory that was promised. */
static bool
run_all(const double *values, size_t count, int horizon, int season, const char *method, double level, const CfInterrupt *interrupt)
{
	CfSeries	series = {values, count, {season}, season != 0, horizon, level, NULL, 0};
	CfArena		arena;
	bool		done;

	memset(&err, 0, sizeof(err));
	cf_arena_init(&arena, &cf_arena_malloc, 4096, cf_forecast_bytes(count, horizon > 0 ? horizon : 1));
	done = cf_forecast_series(&series, method, &arena, interrupt, &out, &err);
	cf_arena_free(&arena);
	return done;
}

static bool
run(const double *values, size_t count, int horizon, int season, const char *method)
{
	return run_all(values, count, horizon, season, method, 0.9, NULL);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define first_is(values, season, method, want, title) \
	do { \
		ok(run(values, COUNT(values), 3, season, method), "%s: %s", method, title); \
		is_dbl(out.mean[0], want, 1e-9, "%s: its value", title); \
	} while (0)

static void
test_simple(void)
{
	static const double y[] = {3, 5, 9, 1, 4, 12, 2, 6, 15};

	first_is(y, 0, "zero", 0, "nothing");
	first_is(y, 0, "naive", 15, "the last value");
	first_is(y, 3, "seasonal_naive", 2, "the value a season ago");
	is_dbl(out.mean[2], 15, 0, "and its last step");
	first_is(y, 0, "seasonal_naive", 15, "without a season the last value");
	first_is(y, 0, "drift", 16.5, "the line from 3 to 15 over 8 steps");
	is_dbl(out.mean[2], 19.5, 1e-9, "and it goes on");
	first_is(y, 0, "mean", 57.0 / 9, "the mean of all");
	first_is(y, 0, "mean_7", 49.0 / 7, "the mean of seven");
	first_is(y, 0, "mean_28", 57.0 / 9, "the mean of 28 when there are 9");
	first_is(y, 0, "median", 5, "the middle of nine");
	first_is(y, 0, "median_7", 6, "the middle of the last seven");
	first_is(y, 0, "median_28", 5, "the middle of 28 when there are 9");
	first_is(y, 3, "profile", 2, "the mean of 2, 1 and 3");
	is_dbl(out.mean[1], 5, 1e-9, "then of 6, 4 and 5");
	ok(run(y, 1, 2, 7, "seasonal_naive"), "a season that does not fit is not used");
	is_dbl(out.mean[1], 3, 0, "one value is repeated");
}

static void
test_smoothing(void)
{
	/* A level that jumps once: the best alpha is nearly 1. One that only shakes: nearly 0. */
	static const double jump[] = {1, 1, 1, 1, 1, 9, 9, 9, 9, 9};
	static const double shake[] = {4, 6, 4, 6, 4, 6, 4, 6, 4, 6};

	run(jump, COUNT(jump), 2, 0, "ses");
	is_dbl(out.mean[0], 9, 1e-2, "smoothing follows a jump");
	is_dbl(out.mean[1], out.mean[0], 0, "and is flat");
	ok(strncmp(out.model, "ses (alpha 0.99", 15) == 0 || strcmp(out.model, "ses (alpha 1.000)") == 0, "its alpha is told: %s", out.model);
	run(shake, COUNT(shake), 2, 0, "ses");
	ok(out.mean[0] > 4 && out.mean[0] < 5.5, "smoothing ignores a shake: %g", out.mean[0]);
}

static void
test_intermittent(void)
{
	/* Sizes 2 and 4, gaps 2 and 3: z = 2 + 0.1 * 2 = 2.2, p = 2 + 0.1 * 1 = 2.1. */
	static const double y[] = {0, 2, 0, 0, 4, 0};
	static const double nothing[] = {0, 0, 0, 0};
	static const double blocks[] = {0, 6, 0, 6, 0, 6, 0, 6};

	first_is(y, 0, "croston", 2.2 / 2.1, "size over gap");
	first_is(y, 0, "sba", 0.95 * 2.2 / 2.1, "less half of alpha");
	/* 0, then 0.1, 0.09, 0.081, 0.1729, 0.15561 */
	first_is(y, 0, "tsb", 0.15561 * 2.2, "chance times size");
	first_is(blocks, 0, "adida", 3, "blocks of two hold 6 each");
	first_is(nothing, 0, "adida", 0, "no demand, no gap");
	for (int i = 0; i < 5; i++)
	{
		static const char *const names[] = {"croston", "sba", "tsb", "adida", "imapa"};

		ok(run(nothing, COUNT(nothing), 2, 0, names[i]), "%s without demand", names[i]);
		is_dbl(out.mean[0], 0, 0, "forecasts none");
	}
	run(blocks, COUNT(blocks), 1, 0, "imapa");
	ok(out.mean[0] > 2 && out.mean[0] < 4.5, "imapa is between what single steps and blocks of two say: %g", out.mean[0]);
}

/* hours is a fortnight of hours and more: days and weeks, and a little noise. */
static void
hours(double *y, int n, double noise)
{
	for (int i = 0; i < n; i++)
		y[i] = 100 + 20 * sin(i * 6.283185307179586 / 24) + (i / 24 % 7 >= 5 ? -40 : 0) + noise * (chance() - 0.5);
}

static void
test_seasons(void)
{
	static double y[900];
	static const char *const names[] = {"seasons", "seasons_log", "lags", "lags_log", "auto"};
	CfSeries	series = {y, 850, {24, 168}, 2, 48, 0.9, NULL, 0};
	CfArena		arena;

	hours(y, 900, 4);
	for (int i = 0; i < 5; i++)
	{
		double		worst = 0;

		cf_arena_init(&arena, &cf_arena_malloc, 4096, cf_forecast_bytes(850, 48));
		ok(cf_forecast_series(&series, names[i], &arena, NULL, &out, &err), "%s knows days and weeks: %s", names[i], out.model);
		cf_arena_free(&arena);
		for (int h = 0; h < 48; h++)
			worst = fmax(worst, fabs(median[h] - y[850 + h]));
		ok(worst < 8, "and is never far off: %g", worst);
	}
	ok(strncmp(out.model, "auto: ", 6) == 0 && strstr(out.model, "%") != NULL, "the choice is explained: %s", out.model);
	for (int i = 0; i < 5; i++)
	{
		ok(run(y, 5, 40, 2, names[i]) && isfinite(out.mean[39]), "%s: five values are too few for much, and enough to answer", names[i]);
		ok(run(y, 2, 3, 2, names[i]) && isfinite(out.mean[2]), "%s: so are two", names[i]);
	}
}

static void
test_lags(void)
{
	static double y[400];

	/* y_t = 0.9 y_(t-1) about 50, without noise but for its start: the path must go the same way. */
	y[0] = 90;
	for (int i = 1; i < 400; i++)
		y[i] = 50 + 0.9 * (y[i - 1] - 50) + (i % 50 == 0 ? 40 : 0);
	run(y, 352, 10, 0, "lags");
	is_dbl(mean[9], y[361], 3, "a regression finds what a series does by itself: %s", out.model);
	for (int i = 0; i < 400; i++)
		y[i] = pow(1.2, i);
	ok(run(y, 100, 20, 0, "lags") && mean[19] <= 1.5 * y[99] * 1.0001, "an explosion is held back: %g", mean[19] / y[99]);
}

static void
test_trend(void)
{
	static double y[60];
	static const double few[] = {1, 2, 4};

	for (int i = 0; i < 60; i++)
		y[i] = 10 + 3 * i;
	run(y, 60, 4, 0, "holt");
	is_dbl(mean[3], 10 + 3 * 63, 0.05, "Holt goes on along a line: %s", out.model);
	run(y, 60, 4, 0, "damped");
	ok(mean[3] > y[59] && mean[3] < 10 + 3 * 63 + 0.01 && mean[3] - mean[2] < mean[1] - mean[0], "a damped trend bends: %g", mean[3]);
	run(y, 60, 4, 0, "theta");
	is_dbl(mean[3] - mean[2], 1.5, 1e-9, "theta has half the slope of the line");
	is_dbl(mean[0], y[59] + 1.5, 0.1, "from where the series is");
	ok(run(few, 3, 2, 0, "holt") && isfinite(mean[1]) && run(few, 3, 2, 0, "theta") && isfinite(mean[1]), "three values do");
}

/* aicc is what the model's description says of it. */
static double
aicc(void)
{
	const char *at = strstr(out.model, "AICc ");

	return at == NULL ? NAN : strtod(at + 5, NULL);
}

/*
 * Published examples. Oil, air and tourists: R. J. Hyndman and G. Athanasopoulos, "Forecasting: principles and practice" (2nd edition),
 * sections 7.1, 7.2 and 7.6; passengers: G. E. P. Box and G. M. Jenkins (1970), series G, with R's ets() and forecTheta's dotm().
 * A likelihood may be larger than the published one, not smaller.
 */
static const double oil[] = {445.36, 453.20, 454.41, 422.38, 456.04, 440.39, 425.19, 486.21, 500.43, 521.28, 508.95, 488.89, 509.87, 456.72,
	473.82, 525.95, 549.83, 542.34};
static const double air[] = {17.55, 21.86, 23.89, 26.93, 26.89, 28.83, 30.08, 30.95, 30.19, 31.58, 32.58, 33.48, 39.02, 41.39, 41.60, 44.66,
	46.95, 48.73, 51.49, 50.03, 60.64, 63.36, 66.36, 68.20, 68.12, 69.78, 72.60};
static const double tourists[] = {42.20566386, 24.64917133, 32.66733514, 37.25735401, 45.24246027, 29.35048127, 36.34420728, 41.78208136,
	49.27659843, 31.27540139, 37.85062549, 38.83704413, 51.23690034, 31.83855162, 41.32342126, 42.79900337, 55.70835836, 33.40714492,
	42.31663797, 45.15712257, 59.57607996, 34.83733016, 44.84168072, 46.97124960, 60.01903094, 38.37117851, 46.97586413, 50.73379646,
	61.64687319, 39.29956937, 52.67120908, 54.33231689, 66.83435838, 40.87118847, 51.82853579, 57.49190993, 65.25146985, 43.06120822,
	54.76075713, 59.83447494, 73.25702747, 47.69662373, 61.09776802, 66.05576122};
static const double passengers[] = {112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118, 115, 126, 141, 135, 125, 149, 170, 170, 158,
	133, 114, 140, 145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166, 171, 180, 193, 181, 183, 218, 230, 242, 209, 191, 172, 194,
	196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201, 204, 188, 235, 227, 234, 264, 302, 293, 259, 229, 203, 229, 242, 233, 267,
	269, 270, 315, 364, 347, 312, 274, 237, 278, 284, 277, 317, 313, 318, 374, 413, 405, 355, 306, 271, 306, 315, 301, 356, 348, 355, 422,
	465, 467, 404, 347, 305, 336, 340, 318, 362, 348, 363, 435, 491, 505, 404, 359, 310, 337, 360, 342, 406, 396, 420, 472, 548, 559, 463,
	407, 362, 405, 417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432};

static void
test_ets(void)
{
	static const double want[] = {74.60, 76.70, 78.80, 80.91, 83.01};
	static const char *const errors[] = {"A", "M"};
	static const char *const trends[] = {"N", "A", "Ad", "M", "Md"};

	run(oil, COUNT(oil), 2, 0, "ets_ANN");
	ok(strncmp(out.model, "ets_ANN (A,N,N: alpha 0.834", 27) == 0, "oil: alpha as published: %s", out.model);
	is_dbl(mean[1], 542.68, 0.01, "and its forecast");
	run(air, COUNT(air), 5, 0, "ets_AAN");
	for (int h = 0; h < 5; h++)
		is_dbl(mean[h], want[h], 0.03, "passengers by air, a trend: year %d", h + 1);
	run(tourists, COUNT(tourists), 4, 4, "ets");
	ok(strncmp(out.model, "ets (M,A,M: ", 12) == 0, "tourists: the model chosen as published: %s", out.model);
	ok(aicc() < 230.16, "with a likelihood no smaller: %g", aicc());
	is_dbl(mean[0], 79.593, 0.1, "and the forecast of another implementation");
	run(tourists, COUNT(tourists), 4, 4, "holt_winters");
	ok(aicc() < 242.2 && fabs(mean[0] - 76.1) < 0.3, "a season that is added: %g, %s", mean[0], out.model);
	run(passengers, COUNT(passengers), 12, 12, "ets_MAdM");
	ok(aicc() < 1400.64, "Box and Jenkins's passengers: a likelihood no smaller than published: %s", out.model);
	is_dbl(mean[0], 441.8, 1, "and the forecast");
	for (int i = 0; i < 2 * 5 * 3; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "ets_%s%s%c", errors[i / 15], trends[i / 3 % 5], "NAM"[i % 3]);
		ok(run(tourists, COUNT(tourists), 8, 4, name) && mean[4] > 40 && mean[4] < 110, "%s", name);
		ok(run(tourists, 5, 8, 4, name) && isfinite(mean[7]) && run(tourists, 2, 2, 0, name) && isfinite(mean[1]), "%s of five, and of two", name);
	}
}

static void
test_theta(void)
{
	run(passengers, COUNT(passengers), 6, 12, "theta");
	ok(strstr(out.model, "season 12 multiplied") != NULL, "passengers have a season: %s", out.model);
	is_dbl(mean[0], 440.97, 1.5, "theta is where another implementation is");
	is_dbl(mean[5], 546.46, 1.5, "half a year on as well");
	run(passengers, COUNT(passengers), 6, 12, "theta_optimised");
	is_dbl(mean[0], 442.94, 0.3, "so is the optimised one: %s", out.model);
	is_dbl(mean[5], 555.58, 0.5, "and later");
	run(passengers, COUNT(passengers), 6, 12, "theta_dynamic");
	is_dbl(mean[0], 442.93, 0.3, "and the dynamic one: %s", out.model);
	is_dbl(mean[5], 556.12, 0.5, "and later");
	run(tourists, COUNT(tourists), 6, 4, "theta_dynamic");
	is_dbl(mean[0], 80.57, 0.3, "tourists: %s", out.model);
	run(oil, COUNT(oil), 3, 5, "theta_dynamic");
	ok(strstr(out.model, "season") == NULL, "oil has none: %s", out.model);
}

static void
test_made(void)
{
	static double y[900];
	static double said[3][MOST];
	CfSeries	series = {y, 850, {24, 168}, 2, 48, 0.9, NULL, 0};
	CfArena		arena;
	double		worst = 0;

	run(passengers, COUNT(passengers), 6, 12, "mstl(naive)");
	is_dbl(mean[0], 444.78, 0.5, "passengers: where another implementation is");
	is_dbl(mean[5], 523.177, 0.5, "half a year on as well");
	hours(y, 900, 0);
	cf_arena_init(&arena, &cf_arena_malloc, 4096, cf_forecast_bytes(850, 48));
	ok(cf_forecast_series(&series, "mstl(naive)", &arena, NULL, &out, &err), "days and weeks are taken apart: %s", out.model);
	cf_arena_free(&arena);
	for (int h = 0; h < 48; h++)
		worst = fmax(worst, fabs(mean[h] - y[850 + h]));
	ok(worst < 6, "and put together: %g", worst);
	ok(run(oil, COUNT(oil), 3, 0, "mstl(naive)") && mean[1] == 542.34, "without a season it is the method alone");

	for (int i = 0; i < 3; i++)
	{
		run(tourists, COUNT(tourists), 5, 4, (const char *const[]) {"naive", "theta", "seasonal_naive"}[i]);
		memcpy(said[i], mean, sizeof(said[i]));
	}
	run(tourists, COUNT(tourists), 5, 4, "mean(naive,theta, seasonal_naive )");
	is_dbl(mean[2], (said[0][2] + said[1][2] + said[2][2]) / 3, 1e-9, "the mean of three: %s", out.model);
	run(tourists, COUNT(tourists), 5, 4, "median(naive,theta,seasonal_naive)");
	is_dbl(mean[2], fmax(fmin(said[0][2], said[1][2]), fmin(fmax(said[0][2], said[1][2]), said[2][2])), 1e-9, "their median");
	run(tourists, COUNT(tourists), 5, 4, "weighted(theta,zero)");
	ok(strncmp(out.model, "weighted: theta ", 16) == 0 && strtod(out.model + 16, NULL) > 90 && fabs(mean[2] - said[1][2]) < 3, "weights go to what was right: %s", out.model);
	for (int i = 0; i < 8; i++)
	{
		const char *name = (const char *const[]) {"mean(naive", "mean()", "sum(naive)", "mean(naive,)", "mstl(naive,theta)", "mean(auto)",
			"mean(mean(naive))", "mstl(oracle)"}[i];

		ok(!run(tourists, COUNT(tourists), 5, 4, name) && err.kind == CF_ERR_INPUT && err.hint[0] != '\0', "%s: %s", name, err.message);
	}
	ok(!run(tourists, COUNT(tourists), 5, 4, "mean(naive)x)") && !run(tourists, COUNT(tourists), 5, 4, "mean(a)b(c)"), "what cannot be read is no method");
	ok(!run(tourists, COUNT(tourists), 5, 4, "mean(zero,zero,zero,zero,zero,zero,zero,zero,zero)"), "nine are too many");
}

static void
test_short(void)
{
	static const char *const trends[] = {"naive ", "theta ", "theta_optimised ", "damped ", "drift "};
	double		ours[COUNT(passengers)];
	bool		any = false;

	run(air, COUNT(air), 4, 0, "auto");
	for (int i = 0; i < 5; i++)
		any = any || strncmp(out.model + 6, trends[i], strlen(trends[i])) == 0;
	ok(any && mean[3] > air[COUNT(air) - 1], "a short series without a season goes on along its trend: %s", out.model);
	run(passengers, COUNT(passengers), 12, 12, "auto");
	ok(strstr(out.model, "ets") != NULL || strstr(out.model, "theta") != NULL, "a short one with a season is smoothed: %s", out.model);
	ok(mean[7] > 600 && mean[10] < 480, "with its season: %g, %g", mean[7], mean[10]);
	memcpy(ours, passengers, sizeof(ours));
	ours[3] = 0;
	run(ours, COUNT(passengers), 12, 12, "auto");
	ok(strstr(out.model, "ets") == NULL && strstr(out.model, "theta") == NULL, "one that falls to zero is not: %s", out.model);
}

static void
test_shift(void)
{
	static double y[200];

	for (int i = 0; i < 200; i++)
		y[i] = floor(3 * chance()) + (i >= 195 ? 3000 : 0);
	run(y, 200, 7, 7, "auto");
	ok(strncmp(out.model, "auto after a shift: ", 20) == 0, "a shift of the level is noticed: %s", out.model);
	ok(mean[0] > 1500, "and believed: %g", mean[0]);
	for (int i = 195; i < 200; i++)
		y[i] -= 3000;
	run(y, 200, 7, 7, "auto");
	ok(mean[0] < 10 && strncmp(out.model, "auto: ", 6) == 0, "without it there is none: %s", out.model);
}

static void
test_odd_input(void)
{
	static const double missing[] = {NAN, NAN, 1, NAN, 3, NAN, NAN, 6, NAN};
	static const double seasonal[] = {1, 2, 3, 1, NAN, 3, 1, 2, NAN};
	static const double none[] = {NAN, NAN};
	static const double infinite[] = {1, INFINITY, 2};
	static const double huge[] = {1.7e308, -1.7e308, 1.7e308, 1.6e308};
	static const double tiny[] = {5e-324, 0, 5e-324};
	static const double constant[] = {7, 7, 7, 7, 7, 7};

	first_is(missing, 0, "mean", (1 + 2 + 3 + 4 + 5 + 6 + 6) / 7.0, "gaps are filled by lines, the end by the last value");
	first_is(seasonal, 3, "seasonal_naive", 1, "with a season gaps are filled");
	is_dbl(out.mean[1], 2, 0, "from the season before");
	is_dbl(out.mean[2], 3, 0, "at the end as well");
	for (int i = 0; cf_forecast_method_name(i) != NULL; i++)
	{
		const char *method = cf_forecast_method_name(i);

		ok(run(none, 2, 3, 0, method) && isnan(out.mean[0]) && isnan(out.lower[2]) && strcmp(out.model, "none") == 0,
		   "%s: no value, no forecast", method);
		ok(run(none, 0, 3, 0, method) && isnan(out.median[0]), "%s: no array either", method);
		ok(!run(infinite, 3, 3, 0, method) && err.kind == CF_ERR_INPUT, "%s: infinity is refused", method);
		ok(run(huge, 4, 3, 0, method) && isfinite(out.mean[2]) && isfinite(out.upper[2]), "%s: what is huge stays finite", method);
		ok(run(tiny, 3, 3, 0, method) && isfinite(out.mean[2]), "%s: and what is tiny", method);
		ok(run(constant, 6, 3, 2, method), "%s: a constant", method);
		if (strcmp(method, "zero") != 0)
		{
			ok(fabs(out.mean[2] - 7) < 0.9 && fabs(out.median[0] - 7) < 0.8, "%s: goes on: %g", method, out.mean[2]);
		}
		ok(run(constant, 1, 3, 2, method) && isnan(out.lower[0]), "%s: one value says nothing of its spread", method);
	}
	run(constant, 6, 3, 0, "naive");
	ok(out.lower[0] == 7 && out.upper[2] == 7, "a constant has an interval of no width");
	ok(strcmp(cf_forecast_method_words(0), "") != 0 && cf_forecast_method_words(-1) == NULL && cf_forecast_method_words(99) == NULL,
	   "methods are described");
}

/* hurried counts how often a kernel asks, and says stop at a given time. */
static bool
hurried(void *ctx)
{
	return --*(int *) ctx < 0;
}

static void
test_refusals(void)
{
	static const double y[] = {1, 2, 3, 4, 5, 6, 7, 8};
	CfSeries	series = {y, 8, {2, 3, 2, 9}, 4, 2, 0.5, NULL, 0};
	CfArena		arena;
	CfFit		fit;
	int			exponent;
	int			asked = 0;

	ok(!run(y, 8, 2, 0, "oracle") && err.kind == CF_ERR_INPUT && err.hint[0] != '\0', "an unknown method: %s", err.message);
	ok(!run(y, 8, 0, 0, "naive") && err.kind == CF_ERR_INPUT, "no horizon: %s", err.message);
	ok(!run(y, 8, CF_SERIES_HORIZON + 1, 0, "naive") && err.kind == CF_ERR_INPUT, "too long a horizon");
	ok(!run(y, 8, 2, -1, "naive") && err.kind == CF_ERR_INPUT, "a negative season: %s", err.message);
	ok(!run_all(y, 8, 2, 0, "naive", 1, NULL) && err.kind == CF_ERR_INPUT, "a level of one: %s", err.message);
	ok(!run_all(y, 8, 2, 0, "naive", NAN, NULL) && err.kind == CF_ERR_INPUT, "a level that is none");
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	ok(cf_fit_prepare(&series, &arena, NULL, &fit, &exponent, &err), "four seasons");
	ok(fit.n_seasons == 2 && fit.seasons[0] == 2 && fit.seasons[1] == 3, "those that fit twice are kept, once, in order");
	series.n_seasons = 5;
	ok(!cf_fit_prepare(&series, &arena, NULL, &fit, &exponent, &err), "five seasons: %s", err.message);
	cf_arena_free(&arena);
	for (int i = 0; cf_forecast_method_name(i) != NULL; i++)
	{
		const char *method = cf_forecast_method_name(i);
		int			calls = 1000000;
		CfInterrupt interrupt = {hurried, &calls};

		run_all(y, 8, 2, 0, method, 0.9, &interrupt);
		asked = 1000000 - calls;
		ok(asked > 0, "%s asks whether to go on", method);
		for (int stop = 0; stop < asked; stop += 1 + asked / 40)
		{
			calls = stop;
			if (run_all(y, 8, 2, 0, method, 0.9, &interrupt) || err.kind != CF_ERR_CANCELLED)
				break;
			if (stop + 1 + asked / 40 >= asked)
				ok(true, "%s stops wherever it is told to", method);
		}
	}
}

/* lend gives memory until it is told not to. */
static void *
lend(void *ctx, size_t size)
{
	return --*(int *) ctx < 0 ? NULL : malloc(size);
}

static void
take_back(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

static void
test_memory(void)
{
	double		y[200];
	CfSeries	series = {y, 200, {7}, 1, 7, 0.8, NULL, 0};

	for (int i = 0; i < 200; i++)
		y[i] = floor(chance() * 10);
	for (int i = 0; cf_forecast_method_name(i) != NULL; i++)
	{
		int			n = 0;
		bool		done = false;

		for (; !done && n < 1000; n++)
		{
			int			left = n;
			CfAllocator allocator = {lend, take_back, &left};
			CfArena		arena;

			cf_arena_init(&arena, &allocator, 1024, 0);
			done = cf_forecast_series(&series, cf_forecast_method_name(i), &arena, NULL, &out, &err);
			cf_arena_free(&arena);
			if (!done && err.kind != CF_ERR_MEMORY)
				break;
		}
		ok(done, "%s: memory that ends at the n-th piece is an error until it suffices (%d)", cf_forecast_method_name(i), n);
	}
}

static void
test_properties(void)
{
	static double y[400], shifted[400], scaled[400];
	static double kept[MOST];
	static const double rising[] = {1, 2, 3, 5, 9};
	static const double falling[] = {8, 4, 2, 1, 0.5};

	for (int i = 0; i < 400; i++)
	{
		y[i] = floor((20 + 10 * sin(i * 6.283185307179586 / 7)) * chance() * 4) / 4;
		shifted[i] = y[i] + 1024;
		scaled[i] = y[i] * 0x1p20;
	}
	for (int i = 0; cf_forecast_method_name(i) != NULL; i++)
	{
		const char *method = cf_forecast_method_name(i);
		bool		same = true;
		bool		ordered = true;
		double		far = 0;

		run(y, 400, 14, 7, method);
		memcpy(kept, mean, sizeof(kept));
		for (int h = 0; h < 14; h++)
			ordered = ordered && lower[h] <= median[h] && median[h] <= upper[h] && lower[h] >= 0 && mean[h] >= 0;
		ok(ordered, "%s: lower <= median <= upper, none below zero", method);
		for (int n = 3; n <= 5; n++)
		{
			run(rising, n, 3, 0, method);
			ordered = ordered && !(median[0] < lower[0]) && !(median[2] > upper[2]);
			run(falling, n, 3, 0, method);
			ordered = ordered && !(median[0] < lower[0]) && !(median[2] > upper[2]);
		}
		ok(ordered, "%s: also where all errors have one sign", method);
		run(scaled, 400, 14, 7, method);
		for (int h = 0; h < 14; h++)
			same = same && mean[h] == kept[h] * 0x1p20;
		ok(same, "%s: another unit, the same forecast", method);
		run(shifted, 400, 14, 7, method);
		for (int h = 0; h < 14; h++)
			far = fmax(far, fabs(mean[h] - 1024 - kept[h]));
		if (strcmp(method, "zero") == 0 || strcmp(method, "croston") == 0 || strcmp(method, "sba") == 0 || strcmp(method, "tsb") == 0 ||
			strcmp(method, "auto") == 0 || strstr(method, "ets") != NULL || strcmp(method, "holt_winters_times") == 0 || strstr(method, "theta") != NULL || strcmp(method, "adida") == 0 || strcmp(method, "imapa") == 0 || strstr(method, "_log") != NULL)
			continue;			/* zero means something to them */
		ok(far < 2e-2, "%s: another origin of the scale, the same forecast (%g)", method, far);
	}
}

static void
test_coverage(void)
{
	static double y[600];
	int			inside = 0;
	int			n = 0;

	for (int trial = 0; trial < 120; trial++)
	{
		for (int i = 0; i < 260; i++)
			y[i] = 50 + 10 * cf_stat_normal_quantile(0.0005 + 0.999 * chance());
		run_all(y, 250, 10, 0, "mean", 0.8, NULL);
		for (int h = 0; h < 10; h++, n++)
			inside += y[250 + h] >= lower[h] && y[250 + h] <= upper[h];
	}
	ok(fabs((double) inside / n - 0.8) < 0.03, "an interval of 80 %% holds %.1f %% of what comes", 100.0 * inside / n);
}

static void
test_quantiles(void)
{
	static const double probabilities[] = {0.1, 0.5, 0.9};
	static double quantiles[3 * 10];
	static double y[300];
	CfSeries	series = {y, 290, {7}, 1, 10, 0.8, probabilities, 3};
	CfForecast	told = {mean, median, lower, upper, quantiles, ""};
	CfArena		arena;
	bool		whole = true;
	bool		ordered = true;
	double		wrong[] = {0.5, 1};

	for (int i = 0; i < 300; i++)
		y[i] = chance() < 0.6 ? 0 : floor(1 + 6 * chance());
	cf_arena_init(&arena, &cf_arena_malloc, 4096, cf_forecast_bytes(290, 10));
	ok(cf_forecast_series(&series, "mean_28", &arena, NULL, &told, &err), "quantiles are told with a forecast");
	for (int h = 0; h < 10; h++)
	{
		for (int k = 0; k < 3; k++)
			whole = whole && quantiles[10 * k + h] == floor(quantiles[10 * k + h]);
		ordered = ordered && quantiles[h] <= quantiles[10 + h] && quantiles[10 + h] <= quantiles[20 + h];
		ordered = ordered && quantiles[h] == lower[h] && quantiles[20 + h] == upper[h];
	}
	ok(whole, "of counts they are whole");
	ok(ordered, "they grow with the probability, and the interval is made of them");
	ok(quantiles[0] == 0 && quantiles[20] >= 3, "a tenth is zero, nine tenths are less than some: %g", quantiles[20]);
	series.count = 0;
	ok(cf_forecast_series(&series, "auto", &arena, NULL, &told, &err) && isnan(quantiles[29]), "of nothing there are none");
	series.probabilities = wrong;
	ok(!cf_forecast_series(&series, "auto", &arena, NULL, &told, &err) && err.kind == CF_ERR_INPUT, "a probability of one: %s", err.message);
	cf_arena_free(&arena);
}

static void
test_long(void)
{
	size_t		count = 10 * 1000 * 1000;
	double	   *y = malloc(count * sizeof(double));

	for (size_t i = 0; i < count; i++)
		y[i] = (double) (i % 24);
	ok(run(y, count, 24, 24, "seasonal_naive"), "ten million values");
	is_dbl(out.mean[3], y[count - 21], 0, "are forecast from the newest");
	ok(cf_forecast_bytes(count, 24) < 32 << 20, "in bounded memory: %zu", cf_forecast_bytes(count, 24));
	free(y);
}

/* valley is Rosenbrock's. */
static double
valley(void *ctx, const double *x)
{
	(void) ctx;
	return x[0] > 3 ? NAN : 100 * pow(x[1] - x[0] * x[0], 2) + pow(1 - x[0], 2);
}

static double
bowl(void *ctx, double x)
{
	return (x - *(double *) ctx) * (x - *(double *) ctx);
}

static void
test_stat(void)
{
	double		x[2] = {-1.2, 1};
	double		step[2] = {0.5, 0.5};
	double		v[] = {5, 1, 4, 2, 3, 3, 9, 0};
	double		place = 0.3;

	is_dbl(cf_stat_quantile(v, 8, 0.5), 3, 0, "the median of eight");
	is_dbl(cf_stat_quantile(v, 8, 0.25), 1.75, 1e-12, "a quartile lies between");
	is_dbl(cf_stat_quantile(v, 8, 1), 9, 0, "the last is the largest");
	is_dbl(cf_stat_quantile(v, 8, 0), 0, 0, "the first is the smallest");
	ok(isnan(cf_stat_quantile(v, 0, 0.5)), "of nothing there is no quantile");
	is_dbl(cf_stat_normal_quantile(0.975), 1.959963984540054, 1e-9, "1.96");
	is_dbl(cf_stat_golden(bowl, &place, 0, 1, 1e-8), 0.3, 1e-6, "golden section finds the bottom");
	place = 0.9;
	is_dbl(cf_stat_golden(bowl, &place, 0, 1, 1e-8), 0.9, 1e-6, "on the other side too");
	ok(cf_stat_simplex(valley, NULL, x, step, 2, 1e-12, 2000) < 1e-6, "the simplex walks down Rosenbrock's valley");
	is_dbl(x[0], 1, 1e-2, "to its bottom");
}

int
main(void)
{
	test_stat();
	test_simple();
	test_smoothing();
	test_intermittent();
	test_seasons();
	test_lags();
	test_trend();
	test_ets();
	test_theta();
	test_made();
	test_short();
	test_shift();
	test_odd_input();
	test_refusals();
	test_memory();
	test_properties();
	test_coverage();
	test_quantiles();
	test_long();
	return done_testing();
}
