/*
 * lstm.h
 *		One recurrent network for many series of counts per day: what will be read in each of the next 7 days, and in all of them.
 *
 * A long short-term memory (Hochreiter, Schmidhuber, Neural Computation 9, 1997) with a forget gate (Gers, Schmidhuber, Cummins,
 * Neural Computation 12, 2000) walks over the days of a series. After each day a linear layer tells quantiles: of each of the next 7 days,
 * and of their total. It learns by the pinball loss (Koenker, Bassett, Econometrica 46, 1978) at every day at once (the "forking
 * sequences" of Wen et al., "A Multi-Horizon Quantile Recurrent Forecaster", 2017), with Adam (Kingma, Ba, ICLR 2015) and gradients whose norm is
 * clipped (Pascanu et al., ICML 2013). The last days of each series are held out: when they are told no better any more, learning ends.
 *
 * Each day is seen in units of its own series, as in DeepAR (Salinas et al., International Journal of Forecasting 36, 2020): the mean of
 * the 28 days up to it, plus `unit` (1 for counts). So a series times a power of two, with its unit, gives that power times the
 * forecast, bit for bit.
 *
 * The same seed, parameters and set of series give the same network, bit for bit, on one kind of processor, in whatever order the series
 * come: they are put in the order of a hash of key and content first. Nothing reads a clock or a global. Other processors, and
 * OpenBLAS, round sums differently; what is told then differs by little, as long as the same network is asked.
 *
 * Memory: cf_lstm_workspace_bytes() tells beforehand what learning takes at most from `work`, cf_lstm_predict_bytes() what telling takes.
 */
#ifndef CF_FORECAST_LSTM_H
#define CF_FORECAST_LSTM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/interrupt.h"

#define CF_LSTM_HORIZON 7
#define CF_LSTM_LEVELS 5		/* quantiles of a day */
#define CF_LSTM_TOTALS 13		/* quantiles of the total */
#define CF_LSTM_LOOKBACK 28		/* days that an input looks back beyond the window */
#define CF_LSTM_SERIES_MAX 200000
#define CF_LSTM_DAYS_MAX 10000000	/* of all series together; both bound the time of a sort, which does not look at the interrupt */
#define CF_LSTM_HIDDEN_MAX 128
#define CF_LSTM_CONTEXT_MAX 365
#define CF_LSTM_BATCH_MAX 256
#define CF_LSTM_CELLS_MAX 16384 /* context x batch: bounds memory, and the time between two looks at the interrupt */

/* The quantiles that are told: of a day 0.025, 0.1, 0.5, 0.9, 0.975; of the total 0.025, 0.1, 0.2 … 0.9, 0.975, 0.995, 0.999. */
extern const double cf_lstm_levels[CF_LSTM_LEVELS];
extern const double cf_lstm_totals[CF_LSTM_TOTALS];

typedef struct CfLstmParams
{
	uint64_t	seed;
	int			hidden;			/* cells, a multiple of 8, 8 .. CF_LSTM_HIDDEN_MAX */
	int			context;		/* days that it walks over, 14 .. CF_LSTM_CONTEXT_MAX */
	int			warm;			/* of them so many at the front are not learned from, 0 .. context - 1 */
	int			batch;			/* windows per step, 1 .. CF_LSTM_BATCH_MAX */
	int			epochs;			/* at most, 1 .. 1000 */
	int			patience;		/* epochs without gain before the rate is divided by 3; the third time ends it. 1 or more */
	int			held_days;		/* at the end of each series, 7 .. 365 */
	double		rate;			/* of Adam, in (0, 1) */
	double		clip;			/* largest norm of a gradient, > 0 */
	bool		calendar;		/* day numbers are known, so weekdays are inputs */
} CfLstmParams;

typedef struct CfLstmSeries
{
	const float *values;		/* oldest first, one a day; 0 .. 1e30, NaN = missing */
	int			count;
	int			first_day;		/* number of the first day; weekday = number modulo 7 */
	float		unit;			/* 1e-30 .. 1e30; see above */
	uint64_t	key;			/* what names the series (a hash of its id), 0 = its content does */
} CfLstmSeries;

typedef struct CfLstm
{
	int			hidden;
	int			context;
	bool		calendar;
	uint64_t	seed;
	uint64_t	series_count;	/* that it learned from, as are the following */
	uint64_t	day_count;
	uint64_t	fingerprint;	/* of the series: the same set has the same */
	int			epochs;			/* that it took */
	double		loss;			/* pinball loss of the last epoch */
	double		held_loss;		/* best one of the days that were held out; its weights are these */
	float	   *weights;		/* cf_lstm_weight_count() of them, see lstm_net.c */
} CfLstm;

/* What is told of a series. Quantiles do not descend, and are 0 or more. */
typedef struct CfLstmTold
{
	double		day[CF_LSTM_HORIZON][CF_LSTM_LEVELS];
	double		total[CF_LSTM_TOTALS];
	double		mean;			/* of the total, from its quantiles */
} CfLstmTold;

extern size_t cf_lstm_weight_count(int hidden);

/* cf_lstm_workspace_bytes tells how much cf_lstm_train takes from `work` at most; 0 = parameters or sizes are out of range. */
extern size_t cf_lstm_workspace_bytes(const CfLstmParams *params, size_t series_count);

/*
 * cf_lstm_train learns a network: its weights come from `keep`, what it needs meanwhile from `work`, which the caller resets. Series too
 * short for one window before the days that are held out only help to judge. Fails with CF_ERR_INPUT (parameters, values, no series that is long
 * enough), CF_ERR_RANGE (too large), CF_ERR_MEMORY, CF_ERR_CANCELLED.
 */
extern bool cf_lstm_train(const CfLstmParams *params, const CfLstmSeries *series, size_t count, CfArena *keep, CfArena *work,
						  const CfInterrupt *interrupt, CfLstm *net, CfError *err);

/* cf_lstm_predict_bytes is what cf_lstm_predict takes from `work`, which it leaves there. */
extern size_t cf_lstm_predict_bytes(const CfLstm *net);

/*
 * cf_lstm_predict tells the 7 days after the last one of each series. Only the last context + CF_LSTM_LOOKBACK days are looked at; a series
 * without a day tells what its unit does. Fails with CF_ERR_INPUT (values), CF_ERR_MEMORY, CF_ERR_CANCELLED.
 */
extern bool cf_lstm_predict(const CfLstm *net, const CfLstmSeries *series, size_t count, CfArena *work,
							const CfInterrupt *interrupt, CfLstmTold *told, CfError *err);

/*
 * cf_lstm_below is the probability that the total is a smaller whole number than count. Between quantiles the logarithm is taken as spread evenly;
 * it is never 0 or 1.
 */
extern double cf_lstm_below(const CfLstmTold *told, double count);

/* cf_lstm_write puts the network's bytes into arena (see lstm_model.c); NULL = out of memory. */
extern unsigned char *cf_lstm_write(const CfLstm *net, CfArena *arena, size_t *length);

/*
 * cf_lstm_read makes a network of such bytes, hostile ones included; its weights come from arena, at most as many bytes. Fails with
 * CF_ERR_INPUT (damaged), CF_ERR_UNSUPPORTED (a newer format, another kind), CF_ERR_MEMORY.
 */
extern bool cf_lstm_read(const unsigned char *bytes, size_t length, CfArena *arena, CfLstm *net, CfError *err);

#endif							/* CF_FORECAST_LSTM_H */
