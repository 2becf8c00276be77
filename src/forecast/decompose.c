/*
 * decompose.c
 *		Several seasons by decomposition (MSTL), and what is left of the series by any other method.
 *
 * - R. B. Cleveland, W. S. Cleveland, J. E. McRae and I. Terpenning, "STL: a seasonal-trend decomposition procedure based on loess", J. of
 *   Official Statistics 6 (1990), section 2: the inner loop of detrending, smoothing of the cycle-subseries, low-pass filtering (moving
 *   averages of m, m and 3, then loess) of what came out, and smoothing of the deseasonalised series for the trend. Local lines, and local levels
 *   for the cycle-subseries, as R's stl() has them, with tricube weights; two passes, not the robust ones; as in their section 2.6 loess is computed at every tenth of its span and interpolated between.
 * - K. Bandara, R. J. Hyndman and C. Bergmeir, "MSTL: a seasonal-trend decomposition algorithm for time series with multiple seasonal
 *   patterns", Int. J. of Operational Research 52 (2025; arXiv 2107.13462), algorithm 1: the seasons one after the other, the shortest first, each from
 *   the series without the others, twice; their spans 11, 15, 19, …; the trend's span by equation 4 of section 3 there (1990: 1.5 m / (1 - 1.5 / span)).
 *
 * The seasons go on as they were in their last cycle; the series without them is forecast by the method named, and both are added.
 *
 * A decomposition knows the end of the series, and a forecast from an origin before it must not: there are a few decompositions, each of
 * the values up to one of the origins, and an origin takes the newest of those that do not look beyond it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "forecast/fit.h"

#define PASSES 2				/* of the inner loop, and over the seasons */
#define DECOMPOSITIONS 6		/* at most, for one forecast */
#define SPAN 7					/* the i-th season's span is SPAN + 4 i */
#define JUMPS 10				/* loess is computed so many times per span */

/* Room for work, and the parts of a series. */
typedef struct Parts
{
	CfFit	   *fit;
	int			n;				/* values that are decomposed */
	double	   *season[CF_SERIES_SEASONS];
	double	   *trend;
	double	   *rest;			/* the values without the other seasons */
	double	   *cycle;			/* the season as smoothed, one season longer on both sides */
	double	   *low;
	double	   *work;
} Parts;

/* odd is the next odd number that is not smaller. */
static int
odd(double v)
{
	int			n = (int) ceil(v);

	return n % 2 == 0 ? n + 1 : n;
}

/* loess_at fits a line around x (1990, section 2.1), or a level, to n values that lie `apart` from one another, and gives its height there. */
static double
loess_at(const double *y, int n, int apart, int span, bool level, double x)
{
	int			near = span < n ? span : n;
	int			first = (int) floor(x + 0.5) - near / 2;
	double		far;
	double		sum = 0;
	double		mean_x = 0;
	double		mean_y = 0;
	double		square = 0;
	double		product = 0;

	first = first > n - near ? n - near : first;
	first = first < 0 ? 0 : first;
	far = fmax(x - first, first + near - 1 - x);
	far += span > n ? (span - n) / 2.0 : 0;
	far = far * 0.999 + 1e-9 > 0.5 ? far * 1.001 : 1;
	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = first; i < first + near; i++)
		{
			double		d = fabs(i - x) / far;
			double		c = d < 1 ? 1 - d * d * d : 0;
			double		w = c * c * c;
			double		v = y[(size_t) i * (size_t) apart];

			if (pass == 0)
			{
				sum += w;
				mean_x += w * i;
				mean_y += w * v;
			}
			else
			{
				square += w * (i - mean_x) * (i - mean_x);
				product += w * (i - mean_x) * (v - mean_y);
			}
		}
		if (pass == 0)
		{
			if (!(sum > 0))
				return y[(size_t) first * (size_t) apart];
			mean_x /= sum;
			mean_y /= sum;
			if (level)
				return mean_y;
		}
	}
	/* Where all weight is on one value there is no line. */
	return square > 1e-6 * sum ? mean_y + product / square * (x - mean_x) : mean_y;
}

/* loess smooths n values into out, at places first … first + count - 1 of theirs. */
static bool
loess(CfFit *fit, const double *y, int n, int apart, int span, int first, int count, double *out)
{
	int			jump = span / JUMPS < 1 ? 1 : span / JUMPS;
	bool		level = apart > 1;	/* of cycle-subseries */
	double		last = loess_at(y, n, apart, span, level, first);

	out[0] = last;
	for (int at = 0; at < count - 1;)
	{
		int			to = at + jump > count - 1 ? count - 1 : at + jump;
		double		v = loess_at(y, n, apart, span, level, first + to);

		for (int i = at + 1; i <= to; i++)
			out[(size_t) i * (size_t) apart] = last + (v - last) * (i - at) / (to - at);
		last = v;
		at = to;
		if (!cf_fit_go_on(fit))
			return false;
	}
	return true;
}

/* average is the moving average over m of n values; it gives how many there are. */
static int
average(const double *y, int n, int m, double *out)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
	{
		sum += y[i];
		if (i >= m)
			sum -= y[i - m];
		if (i >= m - 1)
			out[i - m + 1] = sum / m;
	}
	return n - m + 1;
}

/* inner takes the season of length m out of rest: the inner loop (1990, section 2.2), steps 1 to 6. */
static bool
inner(Parts *p, int m, int span, double *season)
{
	int			n = p->n;
	int			trend_span = odd(1.5 * m / (1 - 1.5 / span));

	for (int pass = 0; pass < PASSES; pass++)
	{
		for (int i = 0; i < n; i++)
			p->work[i] = p->rest[i] - p->trend[i];
		for (int k = 0; k < m; k++)
		{
			int			cycles = (n - 1 - k) / m + 1;

			if (!loess(p->fit, p->work + k, cycles, m, span, -1, cycles + 2, p->cycle + k))
				return false;
		}
		average(p->cycle, n + 2 * m, m, p->low);
		average(p->low, n + m + 1, m, p->work);
		average(p->work, n + 2, 3, p->low);
		if (!loess(p->fit, p->low, n, 1, odd(m), 0, n, p->work))
			return false;
		for (int i = 0; i < n; i++)
		{
			season[i] = p->cycle[m + i] - p->work[i];
			p->low[i] = p->rest[i] - season[i];
		}
		if (!loess(p->fit, p->low, n, 1, trend_span, 0, n, p->trend))
			return false;
	}
	return true;
}

/* decompose takes all seasons out of the first n values. */
static bool
decompose(Parts *p, int n)
{
	const CfFit *fit = p->fit;

	p->n = n;
	for (int c = 0; c < fit->n_seasons; c++)
		memset(p->season[c], 0, sizeof(double) * n);
	memset(p->trend, 0, sizeof(double) * n);
	for (int pass = 0; pass < PASSES; pass++)
	{
		for (int c = 0; c < fit->n_seasons; c++)
		{
			if (fit->seasons[c] > n / 2)
				continue;
			for (int i = 0; i < n; i++)
			{
				p->rest[i] = fit->values[i];
				for (int b = 0; b < fit->n_seasons; b++)
					p->rest[i] -= b == c ? 0 : p->season[b][i];
			}
			if (!inner(p, fit->seasons[c], SPAN + 4 * (c + 1), p->season[c]))
				return false;
		}
	}
	return true;
}

/* season_at is what all seasons add at a place: as decomposed, or after the end as a cycle before it. */
static double
season_at(const Parts *p, int at)
{
	double		sum = 0;

	for (int c = 0; c < p->fit->n_seasons; c++)
	{
		int			m = p->fit->seasons[c];

		if (m > p->n / 2)
			continue;
		sum += p->season[c][at < p->n ? at : p->n - m + (at - p->n) % m];
	}
	return sum;
}

/* make_room takes what a decomposition needs from the arena. */
static bool
make_room(Parts *p, CfFit *fit)
{
	size_t		n = (size_t) fit->count;
	size_t		more = n + 2 * (size_t) fit->seasons[fit->n_seasons - 1] + 2;

	p->fit = fit;
	for (int c = 0; c < fit->n_seasons; c++)
	{
		if ((p->season[c] = cf_fit_numbers(fit, n)) == NULL)
			return false;
	}
	return (p->trend = cf_fit_numbers(fit, n)) != NULL && (p->rest = cf_fit_numbers(fit, n)) != NULL &&
		(p->cycle = cf_fit_numbers(fit, more)) != NULL && (p->low = cf_fit_numbers(fit, more)) != NULL &&
		(p->work = cf_fit_numbers(fit, more)) != NULL;
}

bool
cf_fit_mstl(CfFit *fit, const CfMethod *method)
{
	CfFit		left = *fit;	/* what the seasons leave */
	Parts		p = {0};
	double	   *values;
	int			each = (fit->n_origins + DECOMPOSITIONS - 1) / DECOMPOSITIONS;

	if (fit->n_seasons == 0)
		return method->run(fit, method->arg);
	values = cf_fit_numbers(fit, fit->count);
	if (values == NULL || !make_room(&p, fit))
		return false;
	left.values = values;
	left.n_seasons = 0;
	left.positive = false;
	/* The last origin is the end of the series, with a decomposition of its own. */
	for (int o = 0; o < fit->n_origins;)
	{
		int			to = o == fit->n_origins - 1 ? fit->n_origins : o + each > fit->n_origins - 1 ? fit->n_origins - 1 : o + each;

		if (!decompose(&p, fit->origins[o]))
			return false;
		for (int i = 0; i < fit->count; i++)
			values[i] = fit->values[i] - season_at(&p, i);
		left.origins = fit->origins + o;
		left.n_origins = to - o;
		left.paths = fit->paths + (size_t) o * (size_t) fit->horizon;
		left.note[0] = '\0';
		if (!method->run(&left, method->arg))
			return false;
		for (; o < to; o++)
		{
			for (int h = 0; h < fit->horizon; h++)
				cf_fit_path(fit, o)[h] += season_at(&p, fit->origins[o] + h);
		}
	}
	snprintf(fit->note, sizeof(fit->note), "%s%s%.90s%s", method->name, left.note[0] == '\0' ? "" : " (", left.note, left.note[0] == '\0' ? "" : ")");
	return true;
}
