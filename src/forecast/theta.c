/*
 * theta.c
 *		The theta method, its optimised and its dynamic optimised form, with seasonal adjustment.
 *
 * - V. Assimakopoulos and K. Nikolopoulos, "The theta model", Int. J. of Forecasting 16 (2000), by R. J. Hyndman and B. Billah, "Unmasking the
 *   Theta method", IJF 19 (2003), equation 9: simple smoothing with drift, half the slope b of the regression on time:
 *   l + b / 2 (h - 1 + (1 - (1 - alpha)^n) / alpha).
 * - J. A. Fiorucci, T. R. Pellegrini, F. Louzada, F. Petropoulos and A. B. Koehler, "Models for optimising the theta method and their
 *   relationship to state space models", IJF 32 (2016), equations 12 to 17: with A + B t the line through the first t values and w = 1 - 1 / theta,
 *
 *		y'_(t+1) = l_t + w ((1 - alpha)^t A + (1 - (1 - alpha)^(t+1)) / alpha B)		l_t = alpha y_t + (1 - alpha) l_(t-1)
 *
 *   where the line is that of all values (optimised) or of those so far (dynamic); alpha in (0.1, 0.99), theta >= 1 and l_0 have the
 *   least sum of squared errors from the third value on. Further steps take the forecasts before them for values.
 *
 * A series that is seasonal by the test at 90 % is divided by its indices before and multiplied after (2000, section 3.1); where a
 * value is not positive they are subtracted and added. The season is the shortest.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "forecast/fit.h"
#include "forecast/stat.h"

#define CALLS 300				/* of the simplex */

typedef struct Theta
{
	CfFit	   *fit;			/* of the adjusted series */
	bool		dynamic;
	double		sum;			/* of what is learned from, and weighted with time */
	double		weighted;
	bool		stopped;
} Theta;

/* Where smoothing stands after t values. */
typedef struct State
{
	int			t;
	double		level;
	double		sum;			/* of the values so far, and weighted with time (from 0) */
	double		weighted;
	double		fade;			/* (1 - alpha)^t */
} State;

/* line is the slope of the regression of the first n values on time, by their sum and their sum weighted with time (from 0). */
static double
line(int n, double sum, double weighted)
{
	double		middle = (n - 1) / 2.0;

	return n < 2 ? 0 : (weighted - middle * sum) / (n * ((double) n * n - 1) / 12);
}

/* classic is smoothing with half the drift of a line. */
static bool
classic(CfFit *fit)
{
	double		alpha = cf_fit_best_alpha(fit);
	double		level = fit->values[0];
	double		sum = 0;
	double		weighted = 0;

	for (int i = 0, o = 0; o < fit->n_origins; i++)
	{
		double	   *path = cf_fit_path(fit, o);
		double		slope;

		level += alpha * (fit->values[i] - level);
		sum += fit->values[i];
		weighted += fit->values[i] * i;
		if (fit->origins[o] != i + 1)
			continue;
		slope = line(i + 1, sum, weighted);
		for (int h = 0; h < fit->horizon; h++)
			path[h] = level + slope / 2 * (h + (1 - pow(1 - alpha, i + 1)) / alpha);
		o++;
	}
	snprintf(fit->note, sizeof(fit->note), "alpha %.3f", alpha);
	return cf_fit_go_on(fit);
}

/* next forecasts the value after t, along the line of n values with these sums. */
static inline double
next(const State *s, double alpha, double w, int n, double sum, double weighted)
{
	double		b = line(n, sum, weighted);
	double		a = n == 0 ? 0 : sum / n - b * (n + 1) / 2.0;

	return s->level + w * (s->fade * a + (1 - s->fade * (1 - alpha)) / alpha * b);
}

/* take smooths a value in. */
static inline void
take(State *s, double alpha, double y)
{
	s->level = alpha * y + (1 - alpha) * s->level;
	s->sum += y;
	s->weighted += y * s->t;
	s->fade *= 1 - alpha;
	s->t++;
}

/* natural gives alpha and w at a place of the simplex, and the state before the first value. */
static void
natural(const Theta *theta, const double *v, double *alpha, double *w, State *s)
{
	*alpha = 0.1 + 0.89 / (1 + exp(-v[0]));
	*w = 0.9999 / (1 + exp(-v[1]));
	*s = (State) {.level = theta->fit->values[0] / 2 + v[2], .fade = 1};
}

/* squares is what is made small. */
static double
squares(void *ctx, const double *v)
{
	Theta	   *theta = ctx;
	const CfFit *fit = theta->fit;
	double		alpha;
	double		w;
	double		total = 0;
	State		s;

	theta->stopped = theta->stopped || !cf_fit_go_on(theta->fit);
	if (theta->stopped)
		return INFINITY;
	natural(theta, v, &alpha, &w, &s);
	while (s.t < fit->learn)
	{
		double		y = fit->values[s.t];
		double		e = y - (theta->dynamic ? next(&s, alpha, w, s.t, s.sum, s.weighted)
							 : next(&s, alpha, w, fit->learn, theta->sum, theta->weighted));

		total += s.t >= 2 ? e * e : 0;
		take(&s, alpha, y);
	}
	return total;
}

/* go_on writes the path from where smoothing stands. */
static void
go_on(const CfFit *fit, bool dynamic, State s, double alpha, double w, double *path)
{
	int			n = s.t;
	double		sum = s.sum;
	double		weighted = s.weighted;

	for (int h = 0; h < fit->horizon; h++)
	{
		path[h] = dynamic ? next(&s, alpha, w, s.t, s.sum, s.weighted) : next(&s, alpha, w, n, sum, weighted);
		take(&s, alpha, path[h]);
	}
}

/* optimised fits alpha, theta and the level at the start. */
static bool
optimised(CfFit *fit, bool dynamic)
{
	Theta		theta = {.fit = fit, .dynamic = dynamic};
	double		v[3] = {0, 0, 0};
	double		steps[3] = {1, 1, 0.1};
	double		alpha;
	double		w;
	State		s;

	for (int i = 0; i < fit->learn; i++)
	{
		theta.sum += fit->values[i];
		theta.weighted += fit->values[i] * i;
	}
	for (int round = 0; round < 2; round++)
		cf_stat_simplex(squares, &theta, v, steps, 3, 1e-7, CALLS);
	if (theta.stopped)
		return false;
	natural(&theta, v, &alpha, &w, &s);
	for (int o = 0; o < fit->n_origins; o++)
	{
		while (s.t < fit->origins[o])
			take(&s, alpha, fit->values[s.t]);
		go_on(fit, dynamic, s, alpha, w, cf_fit_path(fit, o));
	}
	snprintf(fit->note, sizeof(fit->note), "alpha %.3f, theta %.2f", alpha, 1 / (1 - w));
	return true;
}

bool
cf_fit_theta(CfFit *fit, int kind)
{
	CfFit		inner = *fit;
	int			season = fit->n_seasons == 0 ? 0 : fit->seasons[0];
	double	   *indices = NULL;
	bool		ratios = false;

	if (season > 0 && !cf_fit_is_seasonal(fit, season))
		season = 0;
	if (season > 0 && ((indices = cf_fit_numbers(fit, season)) == NULL || !cf_fit_take_season(fit, &inner, season, indices, &ratios)))
		return false;
	if (!(kind == CF_THETA_CLASSIC ? classic(&inner) : optimised(&inner, kind == CF_THETA_DYNAMIC)))
		return false;
	if (season > 0)
		cf_fit_give_season(fit, season, indices, ratios);
	if (season > 0)
		snprintf(fit->note, sizeof(fit->note), "%.90s, season %d %s", inner.note, season, ratios ? "multiplied" : "added");
	else
		snprintf(fit->note, sizeof(fit->note), "%s", inner.note);
	return true;
}
