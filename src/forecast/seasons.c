/*
 * seasons.c
 *		Exponential smoothing with several seasons at once, and an autoregressive remainder.
 *
 * J. W. Taylor, "Short-term electricity demand forecasting using double seasonal exponential smoothing", J. of the Operational Research
 * Society 54 (2003), in error correction form and without a trend:
 *
 *		f_t = l + s1[t mod m1] + s2[t mod m2] + …		u_t = y_t - f_t			e_t = u_t - phi u_(t-1)
 *		l += alpha e_t			s_i[t mod m_i] += gamma_i e_t
 *		h steps ahead: l + s1[…] + s2[…] + phi^h u_t
 *
 * on the values or on their logarithms. Level and seasons start with the means of the first two longest seasons. The
 * parameters are those with the smallest mean absolute error of whole paths (not of one step ahead) from a few origins in the
 * past: the best of a low-discrepancy grid (J. H. Halton, 1960), then a simplex from there. Without a season it is simple smoothing
 * with that remainder.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "forecast/fit.h"
#include "forecast/stat.h"

#define PARAMETERS (CF_SERIES_SEASONS + 2)
#define JUDGED 6				/* origins by which parameters are chosen */
#define STARTS 40				/* points of the grid */
#define CALLS 150				/* of the simplex */
#define PHI_LOW (-0.2)
#define PHI_HIGH 0.995

typedef struct Smoother
{
	CfFit	   *fit;
	const double *values;		/* what is smoothed: the values, or their logarithms */
	bool		logs;
	double		shift;			/* added before the logarithm */
	double		level;			/* where it starts */
	double	   *start[CF_SERIES_SEASONS];	/* where the seasons start */
	double	   *state[CF_SERIES_SEASONS];
	double	   *path;			/* room for one */
	int			judged[JUDGED];
	int			n_judged;
	bool		stopped;
} Smoother;

/* begin sets level and seasons to the means of the first two longest seasons: each season to what those before it leave. */
static void
begin(Smoother *s)
{
	const CfFit *fit = s->fit;
	int			n = fit->n_seasons == 0 ? 4 : 2 * fit->seasons[fit->n_seasons - 1];

	n = n > fit->count ? fit->count : n;
	s->level = 0;
	for (int i = 0; i < n; i++)
		s->level += s->values[i] / n;
	for (int c = 0; c < fit->n_seasons; c++)
	{
		for (int k = 0; k < fit->seasons[c]; k++)
		{
			int			times = 0;

			s->start[c][k] = 0;
			for (int i = k; i < n; i += fit->seasons[c], times++)
			{
				s->start[c][k] += s->values[i] - s->level;
				for (int b = 0; b < c; b++)
					s->start[c][k] -= s->start[b][i % fit->seasons[b]];
			}
			s->start[c][k] /= times;
		}
	}
}

/* ahead writes the path from origin t, and gives the mean absolute error of what of it has happened. */
static double
ahead(const Smoother *s, double level, double remainder, double phi, int t, double *path)
{
	const CfFit *fit = s->fit;
	double		error = 0;
	int			known = fit->count - t < fit->horizon ? fit->count - t : fit->horizon;
	int			at[CF_SERIES_SEASONS];

	for (int c = 0; c < fit->n_seasons; c++)
		at[c] = t % fit->seasons[c];
	for (int h = 0; h < fit->horizon; h++)
	{
		double		z = level;

		remainder *= phi;
		for (int c = 0; c < fit->n_seasons; c++)
		{
			z += s->state[c][at[c]];
			at[c] = at[c] + 1 == fit->seasons[c] ? 0 : at[c] + 1;
		}
		z += remainder;
		path[h] = s->logs ? exp(z > 3 ? 3 : z) - s->shift : z;
		if (fit->positive && path[h] < 0)
			path[h] = 0;
		if (h < known)
			error += fabs(path[h] - fit->values[t + h]);
	}
	return known > 0 ? error / known : 0;
}

/* pass smooths once over the series with parameters x (alpha, phi, gammas), and gives the error of the paths from the origins. */
static double
pass(Smoother *s, const double *x, const int *origins, int n_origins, double *paths)
{
	const CfFit *fit = s->fit;
	int			at[CF_SERIES_SEASONS] = {0};
	double		level = s->level;
	double		u = 0;
	double		error = 0;

	for (int c = 0; c < fit->n_seasons; c++)
		memcpy(s->state[c], s->start[c], sizeof(double) * fit->seasons[c]);
	for (int t = 0, o = 0;; t++)
	{
		double		f = level;
		double		e;

		if (t == origins[o])
		{
			error += ahead(s, level, u, x[1], t, paths == NULL ? s->path : paths + (size_t) o * fit->horizon);
			if (++o == n_origins)
				return error;
		}
		for (int c = 0; c < fit->n_seasons; c++)
			f += s->state[c][at[c]];
		e = s->values[t] - f - x[1] * u;
		u = s->values[t] - f;
		level += x[0] * e;
		for (int c = 0; c < fit->n_seasons; c++)
		{
			s->state[c][at[c]] += x[2 + c] * e;
			at[c] = at[c] + 1 == fit->seasons[c] ? 0 : at[c] + 1;
		}
	}
}

/* bounded maps any number into (low, high), so that the simplex knows no bounds; unbounded is its inverse. */
static double
bounded(double v, double low, double high)
{
	return low + (high - low) / (1 + exp(-v));
}

static double
unbounded(double x, double low, double high)
{
	double		p = (x - low) / (high - low);

	p = p < 1e-6 ? 1e-6 : p > 1 - 1e-6 ? 1 - 1e-6 : p;
	return log(p / (1 - p));
}

/* natural gives the parameters at a point of the simplex. */
static void
natural(const Smoother *s, const double *v, double *x)
{
	x[0] = bounded(v[0], 0, 1);
	x[1] = bounded(v[1], PHI_LOW, PHI_HIGH);
	for (int c = 0; c < s->fit->n_seasons; c++)
		x[2 + c] = bounded(v[2 + c], 0, 1);
}

/* error_at is what is made small. */
static double
error_at(void *ctx, const double *v)
{
	Smoother   *s = ctx;
	double		x[PARAMETERS];

	s->stopped = s->stopped || !cf_fit_go_on(s->fit);
	if (s->stopped)
		return INFINITY;
	natural(s, v, x);
	return pass(s, x, s->judged, s->n_judged, NULL);
}

/* halton is the n-th number of the low-discrepancy sequence to a base. */
static double
halton(int n, int base)
{
	double		digit = 1;
	double		sum = 0;

	for (; n > 0; n /= base)
	{
		digit /= base;
		sum += digit * (n % base);
	}
	return sum;
}

/* search finds parameters: gains are tried evenly in their logarithms, because 0.01 and 0.02 differ as 0.1 and 0.2 do. */
static void
search(Smoother *s, double *x)
{
	static const int bases[PARAMETERS] = {2, 7, 3, 5, 11, 13};
	static const double phis[] = {0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98};
	static const double steps[PARAMETERS] = {0.8, 0.8, 0.8, 0.8, 0.8, 0.8};
	double		best[PARAMETERS] = {0};
	double		least = INFINITY;

	for (int i = 0; i < STARTS && !s->stopped; i++)
	{
		double		v[PARAMETERS] = {0};
		double		error;

		v[0] = unbounded(pow(10, -4 + 3.9 * halton(i + 1, bases[0])), 0, 1);
		v[1] = unbounded(phis[i % 7], PHI_LOW, PHI_HIGH);
		for (int c = 0; c < s->fit->n_seasons; c++)
			v[2 + c] = unbounded(pow(10, -3 + 2.8 * halton(i + 1, bases[2 + c])), 0, 1);
		error = error_at(s, v);
		if (error < least)
		{
			least = error;
			memcpy(best, v, sizeof(best));
		}
	}
	if (!s->stopped)
		cf_stat_simplex(error_at, s, best, steps, 2 + s->fit->n_seasons, 1e-4, CALLS);
	natural(s, best, x);
}

/* judged_origins takes a few origins before the end of what may be learned from, a horizon apart where the past is long enough. */
static void
judged_origins(Smoother *s)
{
	const CfFit *fit = s->fit;
	int			first = fit->n_seasons == 0 ? 1 : fit->seasons[fit->n_seasons - 1] + 1;
	int			step = (fit->learn - first) / JUDGED;

	step = step > fit->horizon ? fit->horizon : step < 1 ? 1 : step;
	for (int k = JUDGED; k >= 1; k--)
	{
		if (fit->learn - k * step >= first)
			s->judged[s->n_judged++] = fit->learn - k * step;
	}
	if (s->n_judged == 0)
		s->judged[s->n_judged++] = fit->learn;
}

/* cf_fit_seasons smooths the values (logs = 0) or their logarithms (1). */
bool
cf_fit_seasons(CfFit *fit, int logs)
{
	Smoother	s = {.fit = fit, .logs = logs && fit->positive};
	double	   *values = cf_fit_numbers(fit, fit->count);
	double		mean = 0;
	double		x[PARAMETERS];
	int			length;

	s.values = values;
	s.path = cf_fit_numbers(fit, fit->horizon);
	if (values == NULL || s.path == NULL)
		return false;
	for (int c = 0; c < fit->n_seasons; c++)
	{
		s.start[c] = cf_fit_numbers(fit, 2 * (size_t) fit->seasons[c]);
		if (s.start[c] == NULL)
			return false;
		s.state[c] = s.start[c] + fit->seasons[c];
	}
	for (int i = 0; i < fit->count; i++)
		mean += fabs(fit->values[i]) / fit->count;
	s.shift = mean * 1e-2 + 1e-12;
	for (int i = 0; i < fit->count; i++)
		values[i] = s.logs ? log(fit->values[i] + s.shift) : fit->values[i];
	begin(&s);
	judged_origins(&s);
	search(&s, x);
	if (s.stopped)
		return false;
	pass(&s, x, fit->origins, fit->n_origins, fit->paths);
	cf_fit_guard(fit);
	length = snprintf(fit->note, sizeof(fit->note), "alpha %.3f, phi %.2f", x[0], x[1]);
	for (int c = 0; c < fit->n_seasons; c++)
		length += snprintf(fit->note + length, sizeof(fit->note) - length, ", gamma_%d %.3f", fit->seasons[c], x[2 + c]);
	return true;
}
