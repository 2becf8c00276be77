/*
 * forecast_scores.c
 *		Scores of the forecasting kernels on public data; bench_forecast builds and runs it.
 *
 *	forecast_scores FOLDER SET METHOD [BACK]	FOLDER has access/ and forecast/; SET is a name below; BACK drops the last so many
 *						values first, so that structure and defaults can be chosen without looking at the test window
 *
 * One line per call: sMAPE (M4, percent), MASE, and per set OWA (M4, with the published Naive2) or WAPE and W7 (error of the totals over the
 * horizon); coverage of 80 % and 95 % by the randomised PIT of the quantiles (where many values are equal, as zeros are, an interval holds
 * more than it says, whoever makes it; the PIT does not), the interval score at 95 % over the MASE scale, and CPU per series. MASE is of the median, W7 of the mean.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "forecast/series.h"

#define SERIES 9000
#define ORIGINS 32
#define LINE (1 << 20)
#define QUANTILES 39

typedef struct Data
{
	char		name[64];
	double	   *values;
	int			count;
	int			test;			/* the last so many are the test window; 0 = origins count */
} Data;

typedef struct Set
{
	const char *name;
	int			horizon;
	int			seasons[2];
	int			scale;			/* lag of the MASE */
	int			least;			/* shortest history */
	int			step;			/* between origins */
	int			origins;		/* 0 = one, the end of the training part */
	int			until;			/* the last origin's horizon ends so many values before the end */
} Set;

static const Set sets[] = {
	{"m4_hourly", 48, {24, 168}, 24, 1, 0, 0, 0},
	{"tourism_monthly", 24, {12, 0}, 12, 1, 0, 0, 0},
	{"tourism_quarterly", 8, {4, 0}, 4, 1, 0, 0, 0},
	{"tourism_yearly", 4, {0, 0}, 1, 1, 0, 0, 0},
	{"carparts", 12, {12, 0}, 12, 13, 0, 0, 0},
	{"wikipedia", 7, {7, 0}, 7, 35, 7, 4, 0},
	{"youtube", 7, {7, 0}, 7, 35, 7, 4, 2},
	{"dandi_calm", 7, {7, 0}, 7, 35, 28, 13, 40},
	{"dandi_wave", 7, {7, 0}, 7, 35, 7, 4, 0},
	{"m5", 7, {7, 0}, 7, 35, 7, 26, 0},
};

static Data data[SERIES];
static int	n_data;
static char line[LINE];
static unsigned long long seed = 1;

static double
chance(void)
{
	unsigned long long z = (seed += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (double) ((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static gzFile
file(const char *folder, const char *kind, const char *name)
{
	char		path[1024];
	gzFile		in;

	snprintf(path, sizeof(path), "%s/%s/%s.csv.gz", folder, kind, name);
	in = gzopen(path, "r");
	if (in == NULL)
	{
		fprintf(stderr, "%s: not there\n", path);
		exit(2);
	}
	return in;
}

static Data *
add(const char *name, size_t length)
{
	Data	   *d = &data[n_data++];

	snprintf(d->name, sizeof(d->name), "%.*s", (int) length, name);
	d->values = malloc(sizeof(double) * 4096);
	d->count = d->test = 0;
	return d;
}

/* rows reads a series per line: skip words, then values; an empty one is missing (NaN), or 0. */
static void
rows(gzFile in, int skip, double missing, bool append)
{
	int			n = 0;

	gzgets(in, line, LINE);
	while (gzgets(in, line, LINE) != NULL)
	{
		char	   *p = strchr(line, ',');
		Data	   *d = append ? &data[n++] : add(line, (size_t) (p - line));
		int			before = d->count;

		for (int k = 1; k < skip; k++)
			p = strchr(p + 1, ',');
		while (p != NULL && *p == ',' && d->count < 4096)
		{
			char	   *end;
			double		y = strtod(p + 1, &end);

			d->values[d->count++] = end == p + 1 ? missing : y;
			p = end;
		}
		/* Commas at the end of a line are no values in files of unequal lengths. */
		while (isnan(missing) && d->count > before && isnan(d->values[d->count - 1]))
			d->count--;
		d->test = append ? d->count - before : 0;
	}
	gzclose(in);
}

/* columns reads a series per column, whose first lines are its length and its start. */
static void
columns(gzFile in, int heads, int append)
{
	int			at = 0;

	for (int row = -1; gzgets(in, line, LINE) != NULL; row++)
	{
		char	   *p = line;

		for (at = 0; p != NULL; at++, p = strchr(p, ','), p = p == NULL ? NULL : p + 1)
		{
			char	   *end;
			double		y = strtod(p, &end);

			if (row < 0 && !append)
				add(p, strcspn(p, ",\n"));
			else if (row >= heads && end != p)
			{
				data[at].values[data[at].count++] = y;
				data[at].test += append;
			}
		}
	}
	gzclose(in);
}

/* day is the number of a date. */
static int
day(const char *s)
{
	struct tm	tm = {0};

	sscanf(s, "%d-%d-%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (int) (timegm(&tm) / 86400);
}

/* days reads "name,date,value" rows; a day without one is 0. */
static void
days(gzFile in, const char *first, const char *last, double unit)
{
	int			from = day(first);
	int			to = day(last);

	gzgets(in, line, LINE);
	while (gzgets(in, line, LINE) != NULL)
	{
		char		name[64];
		char		date[32];
		double		y;
		int			at;

		if (sscanf(line, "%63[^,],%31[^,],%lf", name, date, &y) != 3)
			continue;
		at = day(date) - from;
		if (n_data == 0 || strcmp(data[n_data - 1].name, name) != 0)
		{
			Data	   *d = add(name, strlen(name));

			d->count = to - from + 1;
			memset(d->values, 0, sizeof(double) * d->count);
		}
		if (at >= 0 && at <= to - from)
			data[n_data - 1].values[at] += y / unit;
	}
	gzclose(in);
}

static void
load(const char *folder, const char *set)
{
	if (strcmp(set, "m4_hourly") == 0)
	{
		rows(file(folder, "forecast", "m4_hourly_train"), 1, NAN, false);
		rows(file(folder, "forecast", "m4_hourly_test"), 1, NAN, true);
	}
	else if (strncmp(set, "tourism_", 8) == 0)
	{
		char		name[64];
		int			heads = strcmp(set, "tourism_yearly") == 0 ? 2 : 3;

		snprintf(name, sizeof(name), "%s_in", set);
		columns(file(folder, "forecast", name), heads, 0);
		snprintf(name, sizeof(name), "%s_oos", set);
		columns(file(folder, "forecast", name), heads, 1);
	}
	else if (strcmp(set, "carparts") == 0)
		rows(file(folder, "forecast", "carparts_monthly"), 1, 0, false);	/* as the published scores: missing months are empty ones */
	else if (strcmp(set, "wikipedia") == 0)
		rows(file(folder, "access", "wikipedia_es_crawler_daily"), 1, 0, false);
	else if (strcmp(set, "youtube") == 0)
		rows(file(folder, "access", "youtube_active_daily"), 2, 0, false);
	else if (strcmp(set, "m5") == 0)
		days(file(folder, "access", "m5_food_items_daily"), "2011-01-29", "2016-06-19", 1);
	else
		days(file(folder, "access", "dandi_s3_by_day"), "2021-04-08", "2025-08-09", 1e9);
}

/* Sums of what is told. */
typedef struct Tally
{
	double		smape;
	double		mase;
	double		absolute;
	double		actual;
	double		totals;
	double		interval;
	double		inside[2];
	long		n;				/* forecasts */
	long		scaled;			/* those with a scale */
	long		points;
} Tally;

/*
 * place is the probability integral transform of a value, by the quantiles at 1/40 … 39/40: by chance between the last that is below it
 * and the first that is above (C. Czado, T. Gneiting and L. Held, "Predictive model assessment for count data", Biometrics 65, 2009).
 */
static double
place(double y, const double *quantiles, int horizon)
{
	int			below = 0;
	int			reached = 0;

	for (int k = 0; k < QUANTILES; k++)
	{
		below += quantiles[k * horizon] < y;
		reached += quantiles[k * horizon] <= y;
	}
	return (below + chance() * (reached - below + 1)) / (QUANTILES + 1);
}

static void
tell(Tally *t, const Set *set, const double *past, int known, const double *actual, const CfForecast *wide, double level)
{
	double		scale = 0;
	double		absolute = 0;
	double		score = 0;
	double		total = 0;
	double		expected = 0;
	int			n = 0;
	int			points = 0;

	for (int i = set->scale; i < known; i++)
	{
		if (!isnan(past[i]) && !isnan(past[i - set->scale]))
		{
			scale += fabs(past[i] - past[i - set->scale]);
			n++;
		}
	}
	scale = n > 0 ? scale / n : 0;
	for (int h = 0; h < set->horizon; h++)
	{
		double		y = actual[h];
		double		e = fabs(y - wide->median[h]);
		double		in;

		if (isnan(y))
			continue;
		points++;
		absolute += e;
		total += y;
		expected += wide->mean[h];
		t->smape += e == 0 ? 0 : 200 * e / (fabs(y) + fabs(wide->median[h])) / set->horizon;
		t->actual += fabs(y);
		if (isnan(wide->lower[h]))
			continue;
		in = place(y, wide->quantiles + h, set->horizon);
		t->inside[0] += in >= 0.1 && in < 0.9;
		t->inside[1] += in >= 0.025 && in < 0.975;
		t->points++;
		score += wide->upper[h] - wide->lower[h];
		score += y < wide->lower[h] ? 2 / (1 - level) * (wide->lower[h] - y) : y > wide->upper[h] ? 2 / (1 - level) * (y - wide->upper[h]) : 0;
	}
	t->absolute += absolute;
	t->totals += fabs(total - expected);
	t->n++;
	if (scale > 0 && points > 0)
	{
		t->mase += absolute / points / scale;
		t->interval += score / points / scale;
		t->scaled++;
	}
}

int
main(int argc, char **argv)
{
	const Set  *set = NULL;
	static double figures[4][CF_SERIES_HORIZON];
	static double quantiles[QUANTILES][64];
	double		probabilities[QUANTILES];
	CfForecast	wide = {figures[0], figures[1], figures[2], figures[3], quantiles[0], ""};
	Tally		t = {0};
	int			back = argc > 4 ? atoi(argv[4]) : 0;
	clock_t		cpu = 0;

	for (size_t i = 0; argc > 3 && i < sizeof(sets) / sizeof(sets[0]); i++)
		set = strcmp(sets[i].name, argv[2]) == 0 ? &sets[i] : set;
	if (set == NULL)
	{
		fprintf(stderr, "usage: forecast_scores FOLDER SET METHOD [BACK]\n");
		return 1;
	}
	for (int k = 0; k < QUANTILES; k++)
		probabilities[k] = (k + 1.0) / (QUANTILES + 1);
	load(argv[1], set->name);
	for (int i = 0; i < n_data; i++)
	{
		for (int o = 0; o < (set->origins == 0 ? 1 : set->origins); o++)
		{
			Data	   *d = &data[i];
			int			known = d->count - set->horizon - back - (set->origins == 0 ? (back > 0 ? d->test : 0)
																			  : set->until + o * set->step);
			int			first = 0;
			CfSeries	series = {0};
			CfArena		arena;
			CfError		err;
			clock_t		begin;

			/* What is not there yet is no history. */
			while (first < known && (isnan(d->values[first]) || (set->origins > 0 && strcmp(set->name, "m5") != 0 && d->values[first] == 0)))
				first++;
			if (known - first < set->least || known < 1)
				continue;
			series.values = d->values + first;
			series.count = (size_t) (known - first);
			series.horizon = set->horizon;
			series.seasons[0] = set->seasons[0];
			series.seasons[1] = set->seasons[1];
			series.n_seasons = set->seasons[1] > 0 ? 2 : set->seasons[0] > 0;
			series.level = 0.95;
			series.probabilities = probabilities;
			/* Quantiles take time that no interval takes: it is measured without them. */
			for (int pass = 0; pass < 2; pass++)
			{
				series.n_probabilities = pass == 0 ? 0 : QUANTILES;
				begin = clock();
				cf_arena_init(&arena, &cf_arena_malloc, 1 << 18, cf_forecast_bytes(series.count, series.horizon));
				if (!cf_forecast_series(&series, argv[3], &arena, NULL, &wide, &err))
				{
					fprintf(stderr, "%s: %s\n", d->name, err.message);
					return 1;
				}
				cf_arena_free(&arena);
				cpu += pass == 0 ? clock() - begin : 0;
			}
			if (getenv("CF_SHOW") != NULL)
				printf("%s %s\n", d->name, wide.model);
			tell(&t, set, series.values, (int) series.count, d->values + known, &wide, 0.95);
		}
	}
	printf("%-18s %-20s %6ld forecasts, MASE %.3f", set->name, argv[3], t.n, t.mase / t.scaled);
	if (set->origins == 0)
		printf(", sMAPE %.3f", t.smape / t.n);
	else
		printf(", WAPE %.3f, W7 %.3f", t.absolute / t.actual, t.totals / t.actual);
	if (strcmp(set->name, "m4_hourly") == 0)
		printf(", OWA %.4f", (t.smape / t.n / 18.383 + t.mase / t.scaled / 2.395) / 2);
	printf("; inside 80 %%: %.1f, 95 %%: %.1f, interval score %.2f; %.2f ms\n", 100 * t.inside[0] / t.points, 100 * t.inside[1] / t.points, t.interval / t.scaled,
		   1000.0 * cpu / CLOCKS_PER_SEC / t.n);
	return 0;
}
