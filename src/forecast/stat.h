/*
 * stat.h
 *		Order statistics, and the smallest of a function of one or of several variables.
 */
#ifndef CF_FORECAST_STAT_H
#define CF_FORECAST_STAT_H

#include <stdbool.h>

/* cf_stat_quantile gives the p-quantile (type 7) of n finite values, whose order it changes; NaN when n is 0. */
extern double cf_stat_quantile(double *values, int n, double p);

/* cf_stat_median is the half-quantile. */
extern double cf_stat_median(double *values, int n);

/* cf_stat_normal_quantile is the inverse of the normal distribution function, to 1e-9; p is inside (0, 1). */
extern double cf_stat_normal_quantile(double p);

/* cf_stat_golden gives the place in [low, high] of the smallest f, found by golden section to tolerance. */
extern double cf_stat_golden(double (*f) (void *ctx, double x), void *ctx, double low, double high, double tolerance);

#define CF_STAT_DIMENSIONS 18

/*
 * cf_stat_simplex makes f smaller by the method of Nelder and Mead (1965), from x with first steps of size step, until the
 * values of the simplex differ by less than a relative tolerance or f was called so many times; x is then the best place and
 * the result f there. f may give INFINITY outside of what is allowed. n is at most CF_STAT_DIMENSIONS.
 */
extern double cf_stat_simplex(double (*f) (void *ctx, const double *x), void *ctx, double *x, const double *step, int n,
							  double tolerance, int calls);

#endif							/* CF_FORECAST_STAT_H */
