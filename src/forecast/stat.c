/*
 * stat.c
 *		Order statistics, and the smallest of a function of one or of several variables.
 *
 * Quantiles by selection (Hoare's quickselect with the median of three, O(n) on average), not by sorting: they are asked
 * for per step of the horizon. The simplex is that of J. A. Nelder and R. Mead, "A simplex method for function minimization",
 * The Computer Journal 7 (1965), with their coefficients 1, 2, 1/2, 1/2.
 */
#include <math.h>
#include <string.h>

#include "forecast/stat.h"

/* swap exchanges two values. */
static inline void
swap(double *a, double *b)
{
	double		c = *a;

	*a = *b;
	*b = c;
}

/* pick brings the k-th smallest of n values to place k, no larger ones before it and no smaller ones behind it. */
static double
pick(double *v, int n, int k)
{
	int			low = 0;
	int			high = n - 1;

	while (low < high)
	{
		int			mid = low + (high - low) / 2;
		int			i = low;
		int			j = high;
		double		pivot;

		if (v[mid] < v[low])
			swap(&v[mid], &v[low]);
		if (v[high] < v[low])
			swap(&v[high], &v[low]);
		if (v[high] < v[mid])
			swap(&v[high], &v[mid]);
		pivot = v[mid];
		while (i <= j)
		{
			while (v[i] < pivot)
				i++;
			while (pivot < v[j])
				j--;
			if (i <= j)
				swap(&v[i++], &v[j--]);
		}
		if (k <= j)
			high = j;
		else if (k >= i)
			low = i;
		else
			break;
	}
	return v[k];
}

double
cf_stat_quantile(double *values, int n, double p)
{
	double		place = p * (n - 1);
	int			k = (int) place;
	double		low;
	double		high;

	if (n <= 0)
		return NAN;
	if (k >= n - 1)
		return pick(values, n, n - 1);
	low = pick(values, n, k);
	if (place == k)
		return low;
	high = values[k + 1];
	for (int i = k + 2; i < n; i++)
		high = values[i] < high ? values[i] : high;
	return low + (place - k) * (high - low);
}

double
cf_stat_median(double *values, int n)
{
	return cf_stat_quantile(values, n, 0.5);
}

/* cf_stat_normal_quantile halves an interval until erfc() agrees: no table of coefficients to get wrong. */
double
cf_stat_normal_quantile(double p)
{
	double		low = -40;
	double		high = 40;

	for (int i = 0; i < 60; i++)
	{
		double		mid = (low + high) / 2;

		if (erfc(-mid / sqrt(2.0)) / 2 < p)
			low = mid;
		else
			high = mid;
	}
	return (low + high) / 2;
}

double
cf_stat_golden(double (*f) (void *ctx, double x), void *ctx, double low, double high, double tolerance)
{
	const double ratio = (sqrt(5.0) - 1) / 2;
	double		a = high - ratio * (high - low);
	double		b = low + ratio * (high - low);
	double		fa = f(ctx, a);
	double		fb = f(ctx, b);

	while (high - low > tolerance)
	{
		if (fa <= fb)
		{
			high = b;
			b = a;
			fb = fa;
			a = high - ratio * (high - low);
			fa = f(ctx, a);
		}
		else
		{
			low = a;
			a = b;
			fa = fb;
			b = low + ratio * (high - low);
			fb = f(ctx, b);
		}
	}
	return fa <= fb ? a : b;
}

/* A simplex: n + 1 corners and what f is there. */
typedef struct Simplex
{
	double		(*f) (void *ctx, const double *x);
	void	   *ctx;
	int			n;
	int			calls;
	double		x[CF_STAT_DIMENSIONS + 1][CF_STAT_DIMENSIONS];
	double		y[CF_STAT_DIMENSIONS + 1];
} Simplex;

/* measure calls f, and counts; what is no number is worst. */
static double
measure(Simplex *s, const double *x)
{
	double		y = s->f(s->ctx, x);

	s->calls++;
	return isnan(y) ? INFINITY : y;
}

/* sort_corners orders the corners from best to worst by insertion: all but one are in order already. */
static void
sort_corners(Simplex *s)
{
	for (int i = 1; i <= s->n; i++)
	{
		double		x[CF_STAT_DIMENSIONS];
		double		y = s->y[i];
		int			j = i;

		memcpy(x, s->x[i], sizeof(x));
		for (; j > 0 && s->y[j - 1] > y; j--)
		{
			memcpy(s->x[j], s->x[j - 1], sizeof(x));
			s->y[j] = s->y[j - 1];
		}
		memcpy(s->x[j], x, sizeof(x));
		s->y[j] = y;
	}
}

/* try_at measures the point that lies `far` times the worst corner's distance from the centre, on the worst one's side. */
static double
try_at(Simplex *s, const double *centre, double far, double *x)
{
	for (int j = 0; j < s->n; j++)
		x[j] = centre[j] + far * (s->x[s->n][j] - centre[j]);
	return measure(s, x);
}

/* shrink halves the distance of all corners to the best one. */
static void
shrink(Simplex *s)
{
	for (int i = 1; i <= s->n; i++)
	{
		for (int j = 0; j < s->n; j++)
			s->x[i][j] = (s->x[0][j] + s->x[i][j]) / 2;
		s->y[i] = measure(s, s->x[i]);
	}
}

/* improve replaces the worst corner once, by reflection, expansion or contraction, or shrinks. */
static void
improve(Simplex *s)
{
	double		centre[CF_STAT_DIMENSIONS] = {0};
	double		x[CF_STAT_DIMENSIONS];
	double		x2[CF_STAT_DIMENSIONS];
	double		y;
	double		y2;

	for (int j = 0; j < s->n; j++)
	{
		for (int i = 0; i < s->n; i++)
			centre[j] += s->x[i][j];
		centre[j] /= s->n;
	}
	y = try_at(s, centre, -1, x);
	if (y < s->y[0])
	{
		y2 = try_at(s, centre, -2, x2);
		memcpy(s->x[s->n], y2 < y ? x2 : x, sizeof(x));
		s->y[s->n] = y2 < y ? y2 : y;
		return;
	}
	if (y < s->y[s->n - 1])
	{
		memcpy(s->x[s->n], x, sizeof(x));
		s->y[s->n] = y;
		return;
	}
	y2 = try_at(s, centre, y < s->y[s->n] ? -0.5 : 0.5, x2);
	if (y2 < (y < s->y[s->n] ? y : s->y[s->n]))
	{
		memcpy(s->x[s->n], x2, sizeof(x2));
		s->y[s->n] = y2;
		return;
	}
	shrink(s);
}

double
cf_stat_simplex(double (*f) (void *ctx, const double *x), void *ctx, double *x, const double *step, int n,
				double tolerance, int calls)
{
	Simplex		s = {.f = f, .ctx = ctx, .n = n};

	for (int i = 0; i <= n; i++)
	{
		memcpy(s.x[i], x, sizeof(double) * n);
		if (i > 0)
			s.x[i][i - 1] += step[i - 1];
		s.y[i] = measure(&s, s.x[i]);
	}
	sort_corners(&s);
	while (s.calls < calls && s.y[n] - s.y[0] > tolerance * (fabs(s.y[0]) + 1e-300))
	{
		improve(&s);
		sort_corners(&s);
	}
	memcpy(x, s.x[0], sizeof(double) * n);
	return s.y[0];
}
