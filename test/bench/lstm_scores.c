/*
 * lstm_scores.c
 *		Scores and speed of the network; bench_lstm builds and runs it.
 *
 *	lstm_scores FOLDER SET [BACK [NAME=NUMBER…]]	FOLDER, SET and BACK as of forecast_scores (whose loading and scoring this is); the network is trained
 *						once, on the days up to the first origin, and tells all origins. NAME is a parameter of the network, or unit (below 0: that part of
 *						the mean of the days above 0)
 *	lstm_scores FOLDER SET BACK auto	forecast() with `auto` on the same
 *	lstm_scores epoch SERIES DAYS	CPU seconds of an epoch
 *
 * MASE is of the daily medians, W7 of the median of the total.
 */
#define main forecast_scores_main
#include "forecast_scores.c"
#undef main

#include "forecast/lstm.h"

static CfLstmSeries series[SERIES * ORIGINS];
static CfLstmTold told[SERIES * ORIGINS];
static int	known_of[SERIES * ORIGINS];
static Data *data_of[SERIES * ORIGINS];
static CfError err;

static CfLstmParams params = {.seed = 1, .hidden = 40, .context = 56, .warm = 14, .batch = 64, .epochs = 60, .patience = 3, .held_days = 28,
.rate = 0.003, .clip = 1, .calendar = true};
static double unit;

static void
option(const char *text)
{
	double		number = atof(strchr(text, '=') + 1);

	if (strncmp(text, "seed=", 5) == 0)
		params.seed = (uint64_t) number;
	else if (strncmp(text, "cells=", 6) == 0)
		params.hidden = (int) number;
	else if (strncmp(text, "context=", 8) == 0)
		params.context = (int) number;
	else if (strncmp(text, "warm=", 5) == 0)
		params.warm = (int) number;
	else if (strncmp(text, "batch=", 6) == 0)
		params.batch = (int) number;
	else if (strncmp(text, "epochs=", 7) == 0)
		params.epochs = (int) number;
	else if (strncmp(text, "patience=", 9) == 0)
		params.patience = (int) number;
	else if (strncmp(text, "held=", 5) == 0)
		params.held_days = (int) number;
	else if (strncmp(text, "rate=", 5) == 0)
		params.rate = number;
	else if (strncmp(text, "unit=", 5) == 0)
		unit = number;
	else
	{
		fprintf(stderr, "%s: not a parameter\n", text);
		exit(1);
	}
}

/* add_series gives what is known of a series at an origin; false = too little. */
static bool
add_series(const Set *set, Data *d, int known, CfLstmSeries *to)
{
	static float *floats[SERIES];
	int			first = 0;
	double		sum = 0;
	int			above = 0;

	if (floats[d - data] == NULL)
	{
		floats[d - data] = malloc(sizeof(float) * (size_t) d->count);
		for (int i = 0; i < d->count; i++)
			floats[d - data][i] = (float) (d->values[i] < 0 ? 0 : d->values[i]);
	}
	while (first < known && (isnan(d->values[first]) || (strcmp(set->name, "m5") != 0 && d->values[first] == 0)))
		first++;
	if (known - first < set->least)
		return false;
	/* Volumes have no natural unit: a part of what is usual where there is anything. */
	for (int i = first; i < known; i++)
		if (d->values[i] > 0)
		{
			sum += d->values[i];
			above++;
		}
	*to = (CfLstmSeries) {floats[d - data] + first, known - first, first, (float) (unit > 0 ? unit : above > 0 ? -unit * sum / above : 1), (uint64_t) (d - data)};
	return true;
}

static int
origin(const Set *set, const Data *d, int back, int o)
{
	return d->count - set->horizon - back - set->until - o * set->step;
}

/*
 * pit is the randomised probability integral transform of a value under quantiles: anywhere between the last level below it and the first above
 * it. A quantile closer than half a unit is at it: counts are whole.
 */
static double
pit(const double *quantile, const double *level, int count, double y, double width)
{
	double		low = 0;
	double		high = 1;

	for (int q = 0; q < count; q++)
	{
		if (quantile[q] < y - width / 2)
			low = level[q];
		if (quantile[q] > y + width / 2 && high == 1)
			high = level[q];
	}
	return low + chance() * (high - low);
}

/* inside counts a transform that lies in the middle 80 and 95 %. */
static void
inside(double u, long *count)
{
	count[0]++;
	count[1] += u > 0.1 && u < 0.9;
	count[2] += u > 0.025 && u < 0.975;
}

static int
scores(const char *folder, const Set *set, int back)
{
	static double figures[8][7];
	CfForecast	wide = {figures[0], figures[1], figures[2], figures[3], ""};
	CfForecast	narrow = {figures[4], figures[5], figures[6], figures[7], ""};
	Tally		t = {0};
	CfArena		keep;
	CfArena		work;
	CfLstm		net;
	size_t		count = 0;
	clock_t		begin;
	double		trained;
	double		means = 0;
	long		days[3] = {0};
	long		totals[3] = {0};

	load(folder, set->name);
	params.calendar = strcmp(set->name, "youtube") != 0;
	for (int i = 0; i < n_data; i++)
		count += add_series(set, &data[i], origin(set, &data[i], back, set->origins - 1), &series[count]);
	cf_arena_init(&keep, &cf_arena_malloc, 4096, 0);
	cf_arena_init(&work, &cf_arena_malloc, 4096, cf_lstm_workspace_bytes(&params, count));
	begin = clock();
	if (!cf_lstm_train(&params, series, count, &keep, &work, NULL, &net, &err))
	{
		fprintf(stderr, "%s %s\n", err.message, err.detail);
		return 1;
	}
	trained = (double) (clock() - begin) / CLOCKS_PER_SEC;
	printf("%-12s lstm  %zu series, %d epochs, loss %.4f, held %.4f, %.1f s; ", set->name, count, net.epochs, net.loss, net.held_loss, trained);
	fflush(stdout);
	cf_arena_reset(&work);
	count = 0;
	for (int i = 0; i < n_data; i++)
		for (int o = 0; o < set->origins; o++)
		{
			known_of[count] = origin(set, &data[i], back, o);
			data_of[count] = &data[i];
			count += add_series(set, &data[i], known_of[count], &series[count]);
		}
	work.max_bytes = 0;
	if (!cf_lstm_predict(&net, series, count, &work, NULL, told, &err))
		return 1;
	for (size_t i = 0; i < count; i++)
	{
		double		total = 0;

		for (int h = 0; h < 7; h++)
		{
			wide.mean[h] = told[i].total[5] / 7;
			wide.median[h] = told[i].day[h][2];
			wide.lower[h] = told[i].day[h][0];
			wide.upper[h] = told[i].day[h][4];
			narrow.lower[h] = told[i].day[h][1];
			narrow.upper[h] = told[i].day[h][3];
			total += data_of[i]->values[known_of[i] + h];
			inside(pit(told[i].day[h], cf_lstm_levels, CF_LSTM_LEVELS, data_of[i]->values[known_of[i] + h], (double) series[i].unit), days);
		}
		inside(pit(told[i].total, cf_lstm_totals, CF_LSTM_TOTALS, total, (double) series[i].unit), totals);
		means += fabs(total - told[i].mean);
		tell(&t, set, data_of[i]->values + (known_of[i] - series[i].count), series[i].count, data_of[i]->values + known_of[i], &wide, &narrow, 0.95);
	}
	printf("randomised PIT inside 80 and 95 %%: days %.1f, %.1f, totals %.1f, %.1f; ", 100.0 * days[1] / days[0], 100.0 * days[2] / days[0],
		   100.0 * totals[1] / totals[0], 100.0 * totals[2] / totals[0]);
	printf("%ld forecasts, MASE %.3f, WAPE %.3f, W7 %.3f (of the mean %.3f), inside 80 %%: %.1f, 95 %%: %.1f, interval score %.2f\n", t.n, t.mase / t.scaled,
		   t.absolute / t.actual, t.totals / t.actual, means / t.actual, 100 * t.inside[0] / t.points, 100 * t.inside[1] / t.points, t.interval / t.scaled);
	return 0;
}

/* epoch times an epoch of series as they come: weeks, and a Poisson-like noise. */
static int
epoch(int count, int days)
{
	static float values[4000000];
	CfArena		keep;
	CfArena		work;
	CfLstm		net;
	double		seconds[2];

	for (int i = 0; i < count; i++)
	{
		for (int d = 0; d < days; d++)
			values[i * days + d] = (float) floor((i % 40) * (1 + 0.5 * sin(d * 0.8976)) * (chance() + chance()));
		series[i] = (CfLstmSeries) {values + i * days, days, 0, 1, (uint64_t) i};
	}
	for (int k = 0; k < 2; k++)
	{
		clock_t		begin = clock();

		params.epochs = 1 + 2 * k;
		cf_arena_init(&keep, &cf_arena_malloc, 4096, 0);
		cf_arena_init(&work, &cf_arena_malloc, 4096, cf_lstm_workspace_bytes(&params, (size_t) count));
		if (!cf_lstm_train(&params, series, (size_t) count, &keep, &work, NULL, &net, &err))
			return 1;
		seconds[k] = (double) (clock() - begin) / CLOCKS_PER_SEC;
		cf_arena_free(&work);
		cf_arena_free(&keep);
	}
	printf("%d series x %d days, %d cells, context %d, batch %d: %.2f CPU s per epoch, held days included\n", count, days, params.hidden, params.context,
		   params.batch, (seconds[1] - seconds[0]) / 2);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "epoch") == 0)
	{
		for (int i = 4; i < argc; i++)
			option(argv[i]);
		return epoch(atoi(argv[2]), atoi(argv[3]));
	}
	for (size_t i = 0; argc > 2 && i < sizeof(sets) / sizeof(sets[0]); i++)
		if (strcmp(sets[i].name, argv[2]) == 0 && sets[i].origins > 0)
		{
			if (argc > 4 && strcmp(argv[4], "auto") == 0)
				return forecast_scores_main(5, (char *[]) {argv[0], argv[1], argv[2], argv[4], argv[3], NULL});
			unit = strncmp(argv[2], "dandi", 5) == 0 ? -0.1 : 1;
			for (int k = 4; k < argc; k++)
				option(argv[k]);
			return scores(argv[1], &sets[i], argc > 3 ? atoi(argv[3]) : 0);
		}
	fprintf(stderr, "usage: lstm_scores FOLDER SET [BACK [NAME=NUMBER...|auto]] | lstm_scores epoch SERIES DAYS\n");
	return 1;
}
