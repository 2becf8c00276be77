/*
 * fit.h
 *		What a method is given and what it gives back; private to the room.
 *
 * A method forecasts from many origins at once. An origin t is a moment at which values[0 .. t-1] are known; its path is
 * the forecast of steps t .. t+horizon-1 made then. A recursive method passes once over the series and writes a path
 * whenever it comes to an origin, so that judging a method by fifty rolling origins costs one pass rather than fifty. State
 * and forecasts never look beyond the origin; parameters may be fitted on values[0 .. learn-1] only.
 */
#ifndef CF_FORECAST_FIT_H
#define CF_FORECAST_FIT_H

#include <stdint.h>

#include "forecast/series.h"

typedef struct CfFit
{
	const double *values;		/* finite: missing ones are filled */
	const bool *seen;			/* false where a value was missing */
	int			count;
	int			seasons[CF_SERIES_SEASONS]; /* ascending; each fits twice into the past */
	int			n_seasons;
	int			horizon;
	int			learn;			/* parameters are fitted on the first so many values; 1 … count */
	const int  *origins;		/* ascending, 1 … count */
	int			n_origins;
	double	   *paths;			/* n_origins × horizon, written by the method */
	bool		positive;		/* no value is negative */
	int			exponent;		/* values are the caller's times 2^-exponent */
	CfArena    *arena;
	const CfInterrupt *interrupt;
	CfError    *err;
	char		note[CF_SERIES_MODEL - 32]; /* what was chosen, for the reader; may stay empty */
} CfFit;

/* A method writes all paths, or fails with fit->err. `arg` is that of its row in the table of methods. */
typedef bool (*CfFitMethod) (CfFit *fit, int arg);

/* cf_fit_go_on is false, with the error set, once the caller wants the kernel to stop. */
extern bool cf_fit_go_on(CfFit *fit);

/* cf_fit_numbers takes n doubles from the arena; NULL with the error set when it is short. */
extern double *cf_fit_numbers(CfFit *fit, size_t n);

/* cf_fit_path is where the path of an origin goes. */
static inline double *
cf_fit_path(CfFit *fit, int origin)
{
	return fit->paths + (size_t) origin * (size_t) fit->horizon;
}

/* cf_fit_constant writes the same value at all steps of an origin's path. */
static inline void
cf_fit_constant(CfFit *fit, int origin, double value)
{
	double	   *path = cf_fit_path(fit, origin);

	for (int h = 0; h < fit->horizon; h++)
		path[h] = value;
}

#define CF_FIT_CANDIDATES 18		/* that auto may look at */

/* A method by its name; the table is in series.c. */
typedef struct CfMethod
{
	const char *name;
	const char *words;			/* for the reader */
	CfFitMethod run;			/* NULL = auto */
	int			arg;
} CfMethod;

/* cf_fit_method finds a method; NULL when there is none of that name. */
extern const CfMethod *cf_fit_method(const char *name);

/*
 * cf_fit_prepare takes a series into a fit: its newest values, missing ones filled, scaled by 2^-exponent, with the seasons
 * that fit. count is 0 when there is no value. Origins and paths are the caller's to set.
 */
extern bool cf_fit_prepare(const CfSeries *series, CfArena *arena, const CfInterrupt *interrupt, CfFit *fit,
						   int *exponent, CfError *err);

/* cf_fit_run runs a method on the fit's origins into paths, and clips what cannot be negative. */
extern bool cf_fit_run(CfFit *fit, const CfMethod *method, double *paths);

/* cf_fit_clip mends the fit's paths: what is no number becomes the last value, and nothing is negative that cannot be. */
extern void cf_fit_clip(CfFit *fit);

/*
 * cf_fit_guard keeps the fit's paths within the range of what was seen lately (the last four longest seasons), and half of its
 * width beyond: for methods that can explode.
 */
extern void cf_fit_guard(CfFit *fit);

/* interval.c */

/* cf_fit_rolling sets origins for judging: evenly spaced in the recent past, and last the end of the series itself. */
extern bool cf_fit_rolling(CfFit *fit, int most);

/*
 * cf_fit_quantiles writes the quantiles of what will happen around a path, for each of n probabilities a row of `horizon` values, from the
 * errors of the paths of earlier origins.
 */
extern bool cf_fit_quantiles(CfFit *fit, const double *paths, const double *middle, const double *probabilities, int n, double *const *rows);

/* choice.c: cf_fit_choose is the method auto; it writes the two paths that it serves and the paths that stand behind them. */
extern bool cf_fit_choose(CfFit *fit, double *mean, double *median, double *paths);

/* combine.c: cf_fit_made runs a method that is made of others, as "mean(ets, theta)"; CF_ERR_INPUT when its name cannot be read. */
extern bool cf_fit_made(CfFit *fit, const char *name, double *paths);

/* decompose.c: cf_fit_mstl writes the paths of a method over the series without its seasons, and of those. */
extern bool cf_fit_mstl(CfFit *fit, const CfMethod *method);

/* simple.c */
extern bool cf_fit_zero(CfFit *fit, int arg);
extern bool cf_fit_naive(CfFit *fit, int arg);
extern bool cf_fit_seasonal_naive(CfFit *fit, int arg);
extern bool cf_fit_drift(CfFit *fit, int arg);
extern bool cf_fit_mean(CfFit *fit, int window);	/* 0 = of all */
extern bool cf_fit_median(CfFit *fit, int window);
extern bool cf_fit_profile(CfFit *fit, int cycles);

/* smoothing.c */
extern bool cf_fit_ses(CfFit *fit, int arg);
extern double cf_fit_best_alpha(CfFit *fit);

/* trend.c */
extern bool cf_fit_holt(CfFit *fit, int damped);

/* ets.c: a model is 100 for multiplicative errors, 10 times its trend (0 none, 1 added, 2 damped, 3 multiplied, 4 that damped), its season (0, 1, 2) */
extern bool cf_fit_ets(CfFit *fit, int model);

#define CF_ETS_CHOOSE (-1)

/* theta.c */
extern bool cf_fit_theta(CfFit *fit, int kind);

enum
{
	CF_THETA_CLASSIC, CF_THETA_OPTIMISED, CF_THETA_DYNAMIC
};

/*
 * adjust.c: cf_fit_is_seasonal tells whether the first `learn` values repeat themselves; cf_fit_indices takes the indices of that
 * season, one per place in it: ratios or differences. Both need learn >= 2 * season.
 */
extern bool cf_fit_is_seasonal(const CfFit *fit, int season);
extern void cf_fit_indices(const CfFit *fit, int season, bool ratios, double *indices);

/* cf_fit_take_season makes inner the fit of the series without that season, in new values; cf_fit_give_season puts it back into the paths. */
extern bool cf_fit_take_season(const CfFit *fit, CfFit *inner, int season, double *indices, bool *ratios);
extern void cf_fit_give_season(CfFit *fit, int season, const double *indices, bool ratios);

/* seasons.c, lags.c */
extern bool cf_fit_seasons(CfFit *fit, int logs);
extern bool cf_fit_lags(CfFit *fit, int logs);

/* intermittent.c */
extern bool cf_fit_croston(CfFit *fit, int kind);
extern bool cf_fit_tsb(CfFit *fit, int arg);
extern bool cf_fit_adida(CfFit *fit, int arg);
extern bool cf_fit_imapa(CfFit *fit, int arg);

enum
{
	CF_CROSTON_CLASSIC, CF_CROSTON_SBA
};

#endif							/* CF_FORECAST_FIT_H */
