/*
 * series.h
 *		Forecasts of one series: what other rooms and the doorway may call. Plain C types, no server.
 *
 * A series is its values, oldest first and evenly spaced in time; NaN is a missing value. Its seasons are the numbers of
 * steps after which it repeats itself (24 and 168 for hours). A method sees the past and tells, for each of the next
 * `horizon` steps, a mean (what sums are made of), a median (what is nearest on most days) and an interval that the value
 * falls into with probability `level`.
 *
 * What is defined for every input:
 * - missing values at the ends are cut off at the front and forecast at the back; those inside are filled from the season
 *   before, or from the line between their neighbours, and are never used to judge a method;
 * - a series without any value has no forecast: `model` is "none" and every figure NaN; an infinite value is an error;
 * - one value, or a constant: that value, with an interval of no width;
 * - a series that never was negative has no negative forecast, and no interval below zero; one of whole numbers has bounds and quantiles
 *   that are whole;
 * - only the newest CF_SERIES_WINDOW values are looked at, so time and memory are bounded whatever the length:
 *   cf_forecast_bytes() tells the memory, which all comes from the caller's arena;
 * - the same input gives the same output: there is no chance in it.
 *
 * Values are scaled by a power of two before anything else, so that no square overflows and a change of unit by a power
 * of two changes nothing but the unit.
 */
#ifndef CF_FORECAST_SERIES_H
#define CF_FORECAST_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/interrupt.h"

#define CF_SERIES_SEASONS 4
#define CF_SERIES_WINDOW 16384	/* values that a method looks back */
#define CF_SERIES_HORIZON 4096	/* steps that it looks forward, at most */
#define CF_SERIES_MODEL 160		/* length of a model's description, its NUL included */

typedef struct CfSeries
{
	const double *values;		/* oldest first; NaN = missing */
	size_t		count;
	int			seasons[CF_SERIES_SEASONS]; /* lengths > 1, in any order; those that do not fit twice into the past are not used */
	int			n_seasons;
	int			horizon;		/* 1 … CF_SERIES_HORIZON */
	double		level;			/* of the interval, between 0 and 1 */
	const double *probabilities;	/* of the quantiles that are wanted, each between 0 and 1 */
	int			n_probabilities;
} CfSeries;

/* Each array has `horizon` values, quantiles so many for each of the probabilities; the caller's. */
typedef struct CfForecast
{
	double	   *mean;
	double	   *median;
	double	   *lower;
	double	   *upper;
	double	   *quantiles;		/* NULL when none are wanted */
	char		model[CF_SERIES_MODEL]; /* which method served, and what it chose */
} CfForecast;

/*
 * cf_forecast_series forecasts a series with a method of cf_forecast_method_name(), or "auto". Fails with CF_ERR_INPUT for
 * an argument that makes no sense, CF_ERR_CANCELLED, or CF_ERR_MEMORY when the arena is short. What it takes from the
 * arena it leaves there: the caller resets it.
 */
extern bool cf_forecast_series(const CfSeries *series, const char *method, CfArena *arena,
							   const CfInterrupt *interrupt, CfForecast *out, CfError *err);

/* cf_forecast_bytes is the most that a forecast of so many values takes from its arena. */
extern size_t cf_forecast_bytes(size_t count, int horizon);

/* cf_forecast_method_name is the name of the n-th method, NULL after the last; cf_forecast_method_words describes it. */
extern const char *cf_forecast_method_name(int n);
extern const char *cf_forecast_method_words(int n);

#endif							/* CF_FORECAST_SERIES_H */
