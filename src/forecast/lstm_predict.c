/*
 * lstm_predict.c
 *		What the network tells of series: windows that end with each series' last day, 64 at a time.
 *
 * Quantiles that cross are put in order (Chernozhukov et al., "Quantile and Probability Curves Without Crossing", Econometrica 78, 2010).
 * The mean of the total is the area under its quantile function, taken as straight between the quantiles that are told: below the first one
 * constant, above the last one as steep as just below it.
 */
#include <math.h>

#include "forecast/lstm_private.h"

#define ABREAST 64

size_t
cf_lstm_predict_bytes(const CfLstm *net)
{
	return cf_lstm_batch_bytes(net->hidden, net->context, ABREAST, false) + 4096;
}

/* settle turns quantiles of logarithms into values that do not descend. */
static void
settle(const float *told, int count, double scale, double *value)
{
	for (int q = 0; q < count; q++)
	{
		double		now = scale * expm1(fmin((double) told[q], 80));
		int			at = q;

		now = now > 0 ? now : 0;
		for (; at > 0 && value[at - 1] > now; at--)
			value[at] = value[at - 1];
		value[at] = now;
	}
}

static double
mean_of_total(const double *total)
{
	const double *level = cf_lstm_totals;
	int			last = CF_LSTM_TOTALS - 1;
	double		sum = total[0] * level[0];
	double		rest = 1 - level[last];

	for (int q = 1; q <= last; q++)
		sum += (total[q] + total[q - 1]) / 2 * (level[q] - level[q - 1]);
	return sum + rest * (total[last] + (total[last] - total[last - 1]) / (level[last] - level[last - 1]) * rest / 2);
}

double
cf_lstm_below(const CfLstmTold *told, double count)
{
	const double *level = cf_lstm_totals;
	int			last = CF_LSTM_TOTALS - 1;
	double		at = log1p(count > 0.5 ? count - 0.5 : 0);	/* between two whole numbers */
	int			q = 0;
	double		low;
	double		high;

	if (!(count > 0))
		return 1e-6;
	while (q <= last && log1p(told->total[q]) <= at)
		q++;
	if (q > last)
		return 1 - fmax((1 - level[last]) * exp(log1p(told->total[last]) - at), 1e-6);
	if (q == 0)
		return fmax(level[0] * at / log1p(told->total[0]), 1e-6);
	low = log1p(told->total[q - 1]);
	high = log1p(told->total[q]);
	return level[q - 1] + (level[q] - level[q - 1]) * (at - low) / (high - low);
}

bool
cf_lstm_predict(const CfLstm *net, const CfLstmSeries *series, size_t count, CfArena *work, const CfInterrupt *interrupt,
				CfLstmTold *told, CfError *err)
{
	static const float nothing[1] = {0};
	int			abreast = count < ABREAST ? (int) count : ABREAST;
	LstmWeights weights = cf_lstm_weights(net->weights, net->hidden);
	LstmBatch	batch;

	for (size_t i = 0; i < count; i++)
		if (!cf_lstm_series_valid(&series[i], err))
			return false;
	if (count == 0)
		return true;
	if (!cf_lstm_batch_make(&batch, net->hidden, net->context, abreast, false, work))
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	for (size_t begin = 0; begin < count; begin += ABREAST)
	{
		const float *out;

		batch.windows = count - begin < ABREAST ? (int) (count - begin) : ABREAST;
		out = batch.out + (size_t) (net->context - 1) * (size_t) batch.windows * LSTM_OUTPUTS;
		for (int w = 0; w < batch.windows; w++)
		{
			CfLstmSeries one = series[begin + (size_t) w];

			if (one.count == 0)
			{
				one.values = nothing;
				one.count = 1;
				one.first_day--;
			}
			cf_lstm_window(&batch, w, &one, net->calendar, one.count - 1, 0, 0);
		}
		if (!cf_lstm_forward(&batch, &weights, true, interrupt))
			return cf_error_set(err, CF_ERR_CANCELLED, "prediction of a network was cancelled");
		for (int w = 0; w < batch.windows; w++, out += LSTM_OUTPUTS)
		{
			const CfLstmSeries *one = &series[begin + (size_t) w];
			double		scale = one->count > 0 ? cf_lstm_scale(one, one->count - 1) : (double) one->unit;
			CfLstmTold *to = &told[begin + (size_t) w];

			for (int h = 0; h < CF_LSTM_HORIZON; h++)
				settle(out + h * CF_LSTM_LEVELS, CF_LSTM_LEVELS, scale, to->day[h]);
			settle(out + CF_LSTM_HORIZON * CF_LSTM_LEVELS, CF_LSTM_TOTALS, CF_LSTM_HORIZON * scale, to->total);
			to->mean = mean_of_total(to->total);
		}
	}
	return true;
}
