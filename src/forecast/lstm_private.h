/*
 * lstm_private.h
 *		What the files of the network share: its weights, a batch of windows, and matrix products.
 */
#ifndef CF_FORECAST_LSTM_PRIVATE_H
#define CF_FORECAST_LSTM_PRIVATE_H

#include "forecast/lstm.h"

#define LSTM_INPUTS 20
#define LSTM_OUTPUTS (CF_LSTM_HORIZON * CF_LSTM_LEVELS + CF_LSTM_TOTALS)
#define LSTM_TARGETS (CF_LSTM_HORIZON + 1)	/* the days, and the mean of all */

/* Where the matrices begin in the one array of weights; all row by row. */
typedef struct LstmWeights
{
	float	   *from_input;		/* inputs x 4 hidden: input, forget, new, output gate */
	float	   *from_state;		/* hidden x 4 hidden */
	float	   *bias;			/* 4 hidden */
	float	   *told_state;		/* hidden x outputs */
	float	   *told_input;		/* inputs x outputs */
	float	   *told_bias;		/* outputs */
} LstmWeights;

extern LstmWeights cf_lstm_weights(float *flat, int hidden);

/*
 * A batch of windows, a step of all windows after the other. A window that is shorter than the others ends with them; before its first
 * step its state is 0.
 */
typedef struct LstmBatch
{
	int			hidden;
	int			steps;
	int			windows;		/* in use */
	int		   *first;			/* per window: its first step */
	float	   *input;			/* steps x windows x inputs */
	float	   *target;			/* steps x windows x targets, logarithms; NaN = none */
	float	   *gates;			/* steps x windows x 4 hidden; after cf_lstm_backward the slopes before the gates */
	float	   *cell;			/* (1 + steps) x windows x hidden, the first zero */
	float	   *state;			/* the same */
	float	   *out;			/* steps x windows x outputs; after cf_lstm_loss its slopes */
	float	   *d_state;		/* steps x windows x hidden */
	float	   *d_cell;			/* windows x hidden */
	float	   *turned;			/* told_state and from_state, transposed */
} LstmBatch;

extern size_t cf_lstm_batch_bytes(int hidden, int steps, int windows, bool learning);
extern bool cf_lstm_batch_make(LstmBatch *batch, int hidden, int steps, int windows, bool learning, CfArena *arena);

/* cf_lstm_forward walks the batch; last: only the last step is told. False = cancelled. */
extern bool cf_lstm_forward(LstmBatch *batch, const LstmWeights *weights, bool last, const CfInterrupt *interrupt);

/*
 * cf_lstm_loss adds up the pinball loss over the steps that have a target, tells how many they are, and with slopes turns what was told into its
 * slopes (of the mean over those steps).
 */
extern double cf_lstm_loss(LstmBatch *batch, bool slopes, size_t *forks);

/* cf_lstm_backward fills the slopes of the weights. False = cancelled. */
extern bool cf_lstm_backward(LstmBatch *batch, const LstmWeights *weights, LstmWeights *slopes, const CfInterrupt *interrupt);

/* cf_lstm_series_valid tells whether a series is within bounds. */
extern bool cf_lstm_series_valid(const CfLstmSeries *series, CfError *err);

/*
 * cf_lstm_window fills window w of the batch with the days of a series up to `end`, which is one of them. Targets are given from day number `from` on, and only
 * where all 7 days lie before day number `until`; until = 0: none at all.
 */
extern void cf_lstm_window(LstmBatch *batch, int w, const CfLstmSeries *series, bool calendar, int end, int from, int until);

/* cf_lstm_scale is the unit in which day number t of a series is seen. */
extern double cf_lstm_scale(const CfLstmSeries *series, int t);

/*
 * cf_lstm_product adds the product of a (m x k; element (i, j) at a[i * row + j * column]) and b (k x n, row by row) to c (m x n, row by row).
 * cf_lstm_product_own does so in any case without a library.
 */
extern void cf_lstm_product(int m, int n, int k, const float *a, int row, int column, const float *b, float *c);
extern void cf_lstm_product_own(int m, int n, int k, const float *a, int row, int column, const float *b, float *c);

#endif							/* CF_FORECAST_LSTM_PRIVATE_H */
