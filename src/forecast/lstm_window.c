/*
 * lstm_window.c
 *		What the network sees of a day, and what it is asked to tell.
 *
 * Day t is seen in units of s(t) = unit + mean of the 28 days up to t (missing ones left out), as the logarithm of 1 + value / s(t). Inputs:
 *
 *		0 .. 6		the days t - 6 .. t: the weekdays that the 7 days to tell repeat; a missing one is the mean
 *		7			1 where t is missing
 *		8			the mean of 7 days
 *		9			the largest of 28 days
 *		10			the logarithm of (mean of 7 days + unit) / s(t)
 *		11			the logarithm of s(t) / unit, over 8
 *		12			the logarithm of the days since the last one above 0 (28 at most), over 4
 *		13			the logarithm of the days since the series began (28 at most), over 4
 *		14 .. 19	weekday of t + 1 as sines and cosines of three frequencies; 0 without a calendar
 *
 * Targets are the days t + 1 .. t + 7 and their mean, in the same units. Nothing after t reaches an input of t, nor does anything
 * more than 28 days before it: what it is told by does not depend on how much of a series is kept beyond the window and those days.
 */
#include <math.h>
#include <string.h>

#include "forecast/lstm_private.h"

#define VALUE_MAX 1e30f
#define UNIT_MIN 1e-30f

bool
cf_lstm_series_valid(const CfLstmSeries *series, CfError *err)
{
	if (series->count < 0 || !(series->unit >= UNIT_MIN && series->unit <= VALUE_MAX))
		return cf_error_set(err, CF_ERR_INPUT, "the unit of a series cannot be %g", (double) series->unit);
	for (int i = 0; i < series->count; i++)
		if (!isnan(series->values[i]) && !(series->values[i] >= 0 && series->values[i] <= VALUE_MAX))
			return cf_error_set(err, CF_ERR_INPUT, "a day of a series cannot be %g", (double) series->values[i]);
	return true;
}

/* mean_of is the mean of the known days from..until, 0 when there is none. */
static double
mean_of(const CfLstmSeries *series, int from, int until)
{
	double		sum = 0;
	int			known = 0;

	for (int i = from < 0 ? 0 : from; i <= until; i++)
		if (!isnan(series->values[i]))
		{
			sum += (double) series->values[i];
			known++;
		}
	return known > 0 ? sum / known : 0;
}

double
cf_lstm_scale(const CfLstmSeries *series, int t)
{
	return (double) series->unit + mean_of(series, t - CF_LSTM_LOOKBACK + 1, t);
}

static float
seen(double value, double scale)
{
	return log1pf((float) (value / scale));
}

/* weekday fills the six inputs of the day after number `day`. */
static void
weekday(int day, float *input)
{
	static const float sine[7] = {0, 0.78183148f, 0.97492791f, 0.43388374f, -0.43388374f, -0.97492791f, -0.78183148f};
	static const float cosine[7] = {1, 0.6234898f, -0.22252093f, -0.90096887f, -0.90096887f, -0.22252093f, 0.6234898f};
	int			next = ((day % 7) + 8) % 7;

	for (int k = 1; k <= 3; k++)
	{
		input[2 * k - 2] = sine[k * next % 7];
		input[2 * k - 1] = cosine[k * next % 7];
	}
}

/* see_day fills the inputs of day t. */
static void
see_day(const CfLstmSeries *series, bool calendar, int t, double scale, float *input)
{
	double		unit = (double) series->unit;
	double		mean_7 = mean_of(series, t - 6, t);
	double		largest = 0;
	int			gap = 0;

	for (int k = 0; k < 7; k++)
	{
		int			at = t - 6 + k;
		bool		known = at >= 0 && !isnan(series->values[at]);

		input[k] = seen(known ? (double) series->values[at] : scale - unit, scale);
	}
	for (int i = t < CF_LSTM_LOOKBACK ? 0 : t - CF_LSTM_LOOKBACK + 1; i <= t; i++)
		if ((double) series->values[i] > largest)
			largest = (double) series->values[i];
	while (gap < CF_LSTM_LOOKBACK && t - gap >= 0 && !(series->values[t - gap] > 0))
		gap++;
	input[7] = isnan(series->values[t]);
	input[8] = seen(mean_7, scale);
	input[9] = seen(largest, scale);
	input[10] = logf((float) ((mean_7 + unit) / scale));
	input[11] = logf((float) (scale / unit)) / 8;
	input[12] = log1pf((float) gap) / 4;
	input[13] = log1pf((float) (t < CF_LSTM_LOOKBACK ? t + 1 : CF_LSTM_LOOKBACK)) / 4;
	if (calendar)
		weekday(series->first_day % 7 + t % 7, input + 14);
	else
		memset(input + 14, 0, 6 * sizeof(float));
}

/* ask fills the targets of day t. */
static void
ask(const CfLstmSeries *series, int t, double scale, float *target)
{
	double		sum = 0;

	for (int h = 0; h < CF_LSTM_HORIZON; h++)
	{
		float		value = series->values[t + 1 + h];

		target[h] = isnan(value) ? NAN : seen((double) value, scale);
		sum += (double) value;
	}
	target[CF_LSTM_HORIZON] = isnan(sum) ? NAN : seen(sum / CF_LSTM_HORIZON, scale);
}

void
cf_lstm_window(LstmBatch *batch, int w, const CfLstmSeries *series, bool calendar, int end, int from, int until)
{
	int			begin = end - batch->steps + 1;

	batch->first[w] = begin < 0 ? -begin : 0;
	for (int step = 0; step < batch->steps; step++)
	{
		size_t		at = (size_t) step * (size_t) batch->windows + (size_t) w;
		int			t = begin + step;
		double		scale;

		for (int h = 0; h < LSTM_TARGETS && batch->target != NULL; h++)
			batch->target[at * LSTM_TARGETS + (size_t) h] = NAN;
		if (t < 0)
		{
			memset(batch->input + at * LSTM_INPUTS, 0, LSTM_INPUTS * sizeof(float));
			continue;
		}
		scale = cf_lstm_scale(series, t);
		see_day(series, calendar, t, scale, batch->input + at * LSTM_INPUTS);
		if (until > 0 && t >= from && t + CF_LSTM_HORIZON < until)
			ask(series, t, scale, batch->target + at * LSTM_TARGETS);
	}
}
