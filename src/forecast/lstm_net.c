/*
 * lstm_net.c
 *		The network itself: a batch of windows forward, the loss, and its slopes back through time.
 *
 * With x the inputs and h, c the state before a day, s() the logistic function and * by elements:
 *
 *		i = s(x Wi + h Ui + bi)		input gate			c' = f * c + i * g
 *		f = s(x Wf + h Uf + bf)		forget gate			h' = o * tanh(c')
 *		g = tanh(x Wg + h Ug + bg)	what is new			told = h' V + x S + b
 *		o = s(x Wo + h Uo + bo)		output gate
 *
 * (Hochreiter and Schmidhuber 1997; the forget gate of Gers et al. 2000.) S leads from the inputs straight to what is told, so that simple
 * rules need no cells. Slopes come back by the chain rule through every step of the window.
 *
 * Products with inputs, and all slopes of weights, are made for all steps at once; only h U goes step by step. exp() is a polynomial of
 * this file (Cephes' expf, within 2e-7): four values at a time, and the same on every machine.
 */
#include <math.h>
#include <string.h>

#include "forecast/lstm_private.h"

const double cf_lstm_levels[CF_LSTM_LEVELS] = {0.025, 0.1, 0.5, 0.9, 0.975};
const double cf_lstm_totals[CF_LSTM_TOTALS] = {0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975, 0.995, 0.999};

typedef float Four __attribute__((vector_size(16), aligned(4), may_alias));
typedef int FourInts __attribute__((vector_size(16)));

static inline size_t
product_of(int a, int b, int c)
{
	return (size_t) a * (size_t) b * (size_t) c;
}

size_t
cf_lstm_weight_count(int hidden)
{
	return product_of(LSTM_INPUTS + hidden + 1, 4 * hidden, 1) + product_of(hidden + LSTM_INPUTS + 1, LSTM_OUTPUTS, 1);
}

LstmWeights
cf_lstm_weights(float *flat, int hidden)
{
	LstmWeights weights;

	weights.from_input = flat;
	weights.from_state = weights.from_input + product_of(LSTM_INPUTS, 4, hidden);
	weights.bias = weights.from_state + product_of(hidden, 4, hidden);
	weights.told_state = weights.bias + 4 * (size_t) hidden;
	weights.told_input = weights.told_state + product_of(hidden, LSTM_OUTPUTS, 1);
	weights.told_bias = weights.told_input + product_of(LSTM_INPUTS, LSTM_OUTPUTS, 1);
	return weights;
}

/* sizes tells the floats of each array of a batch; those after `out` are of learning only. */
static void
sizes(int hidden, int steps, int windows, bool learning, size_t size[9])
{
	size_t		cells = product_of(steps, windows, 1);

	size[0] = cells * LSTM_INPUTS;
	size[1] = cells * 4 * (size_t) hidden;
	size[2] = size[3] = (cells + (size_t) windows) * (size_t) hidden;
	size[4] = cells * LSTM_OUTPUTS;
	size[5] = learning ? cells * LSTM_TARGETS : 0;
	size[6] = learning ? cells * (size_t) hidden : 0;
	size[7] = learning ? product_of(windows, hidden, 1) : 0;
	size[8] = learning ? product_of(LSTM_OUTPUTS + 4 * hidden, hidden, 1) : 0;
}

size_t
cf_lstm_batch_bytes(int hidden, int steps, int windows, bool learning)
{
	size_t		size[9];
	size_t		sum = (size_t) windows * sizeof(int) + 8;

	sizes(hidden, steps, windows, learning, size);
	for (int i = 0; i < 9; i++)
		sum += size[i] * sizeof(float) + 8;
	return sum;
}

bool
cf_lstm_batch_make(LstmBatch *batch, int hidden, int steps, int windows, bool learning, CfArena *arena)
{
	size_t		size[9];
	float	  **array[9] = {&batch->input, &batch->gates, &batch->cell, &batch->state, &batch->out, &batch->target, &batch->d_state,
		&batch->d_cell, &batch->turned};

	*batch = (LstmBatch) {.hidden = hidden, .steps = steps, .windows = windows};
	sizes(hidden, steps, windows, learning, size);
	batch->first = cf_arena_alloc(arena, (size_t) windows * sizeof(int));
	if (batch->first == NULL)
		return false;
	for (int i = 0; i < 9; i++)
	{
		if (size[i] == 0)
			continue;
		*array[i] = cf_arena_alloc(arena, size[i] * sizeof(float));
		if (*array[i] == NULL)
			return false;
	}
	return true;
}

/* exp4 is e to the power of four numbers. */
static inline Four
exp4(Four x)
{
	const Four	low = {-87, -87, -87, -87};
	const Four	high = {88, 88, 88, 88};
	const float shift = 12582912;	/* 1.5 * 2^23: adding it rounds to a whole number */
	Four		n;
	Four		p;

	x = (Four) (((FourInts) x & (x > low)) | ((FourInts) low & ~(x > low)));
	x = (Four) (((FourInts) x & (x < high)) | ((FourInts) high & ~(x < high)));
	n = (x * 1.44269504088896341f + shift) - shift;
	x = x - n * 0.693359375f + n * 2.12194440e-4f;
	p = x * 1.9875691500e-4f + 1.3981999507e-3f;
	p = p * x + 8.3334519073e-3f;
	p = p * x + 4.1665795894e-2f;
	p = p * x + 1.6666665459e-1f;
	p = p * x + 5.0000001201e-1f;
	p = p * x * x + x + 1;
	return p * (Four) ((__builtin_convertvector(n, FourInts) + 127) << 23);
}

static inline Four
logistic(Four x)
{
	return 1 / (1 + exp4(-x));
}

static inline Four
tanh4(Four x)
{
	return 2 * logistic(2 * x) - 1;
}

/* walk_cells does one step of one window: sums before the gates become gates, and with them the state. */
static void
walk_cells(int hidden, float *gates, const float *cell_before, float *cell, float *state)
{
	for (int j = 0; j < hidden; j += 4)
	{
		Four	   *in = (Four *) (gates + j);
		Four	   *forget = (Four *) (gates + hidden + j);
		Four	   *new = (Four *) (gates + 2 * hidden + j);
		Four	   *out = (Four *) (gates + 3 * hidden + j);
		Four		now;

		*in = logistic(*in);
		*forget = logistic(*forget);
		*new = tanh4(*new);
		*out = logistic(*out);
		now = *forget * *(const Four *) (cell_before + j) + *in * *new;
		*(Four *) (cell + j) = now;
		*(Four *) (state + j) = *out * tanh4(now);
	}
}

/* fill_rows writes the same row so many times. */
static void
fill_rows(float *rows, size_t count, const float *row, int width)
{
	for (size_t i = 0; i < count; i++)
		memcpy(rows + i * (size_t) width, row, (size_t) width * sizeof(float));
}

bool
cf_lstm_forward(LstmBatch *batch, const LstmWeights *weights, bool last, const CfInterrupt *interrupt)
{
	int			hidden = batch->hidden;
	int			windows = batch->windows;
	int			cells = batch->steps * windows;
	size_t		step_state = product_of(windows, hidden, 1);
	int			skipped = last ? cells - windows : 0;
	float	   *out = batch->out + product_of(skipped, LSTM_OUTPUTS, 1);

	fill_rows(batch->gates, (size_t) cells, weights->bias, 4 * hidden);
	cf_lstm_product(cells, 4 * hidden, LSTM_INPUTS, batch->input, LSTM_INPUTS, 1, weights->from_input, batch->gates);
	memset(batch->cell, 0, step_state * sizeof(float));
	memset(batch->state, 0, step_state * sizeof(float));
	for (int t = 0; t < batch->steps; t++)
	{
		float	   *before = batch->state + (size_t) t * step_state;
		float	   *gates = batch->gates + 4 * (size_t) t * step_state;

		if (cf_interrupt_wanted(interrupt))
			return false;
		cf_lstm_product(windows, 4 * hidden, hidden, before, hidden, 1, weights->from_state, gates);
		for (int w = 0; w < windows; w++)
		{
			size_t		at = (size_t) t * step_state + product_of(w, hidden, 1);

			walk_cells(hidden, batch->gates + 4 * at, batch->cell + at, batch->cell + at + step_state, batch->state + at + step_state);
			if (t < batch->first[w])
			{
				memset(batch->cell + at + step_state, 0, (size_t) hidden * sizeof(float));
				memset(batch->state + at + step_state, 0, (size_t) hidden * sizeof(float));
			}
		}
	}
	fill_rows(out, (size_t) (cells - skipped), weights->told_bias, LSTM_OUTPUTS);
	cf_lstm_product(cells - skipped, LSTM_OUTPUTS, hidden, batch->state + step_state + product_of(skipped, hidden, 1), hidden, 1,
					weights->told_state, out);
	cf_lstm_product(cells - skipped, LSTM_OUTPUTS, LSTM_INPUTS, batch->input + product_of(skipped, LSTM_INPUTS, 1), LSTM_INPUTS, 1,
					weights->told_input, out);
	return true;
}

/* pinball adds up the loss of the quantiles of one value, and turns them into slopes. */
static double
pinball(float target, float *told, const double *levels, int count, float weight, bool slopes)
{
	double		sum = 0;

	for (int q = 0; q < count; q++)
	{
		float		level = (float) levels[q];
		float		error = target - told[q];

		sum += weight * (error > 0 ? level * error : (level - 1) * error);
		if (slopes)
			told[q] = weight * (error > 0 ? -level : 1 - level);
	}
	return sum;
}

/* fork_loss is the loss of one step of one window. A value that is missing has none. */
static double
fork_loss(const float *target, float *told, bool slopes)
{
	double		sum = 0;

	for (int h = 0; h < LSTM_TARGETS; h++)
	{
		bool		total = h == CF_LSTM_HORIZON;
		int			count = total ? CF_LSTM_TOTALS : CF_LSTM_LEVELS;
		float		weight = total ? 1.0f / CF_LSTM_TOTALS : 1.0f / (CF_LSTM_HORIZON * CF_LSTM_LEVELS);

		if (!isnan(target[h]))
			sum += pinball(target[h], told, total ? cf_lstm_totals : cf_lstm_levels, count, weight, slopes);
		else if (slopes)
			memset(told, 0, (size_t) count * sizeof(float));
		told += count;
	}
	return sum;
}

double
cf_lstm_loss(LstmBatch *batch, bool slopes, size_t *forks)
{
	size_t		cells = product_of(batch->steps, batch->windows, 1);
	size_t		count = 0;
	double		sum = 0;

	for (size_t i = 0; i < cells; i++)
	{
		const float *target = batch->target + i * LSTM_TARGETS;
		bool		any = false;

		for (int h = 0; h < LSTM_TARGETS; h++)
			any |= !isnan(target[h]);
		if (any)
			sum += fork_loss(target, batch->out + i * LSTM_OUTPUTS, slopes);
		else if (slopes)
			memset(batch->out + i * LSTM_OUTPUTS, 0, LSTM_OUTPUTS * sizeof(float));
		count += any;
	}
	for (size_t i = 0; i < cells * LSTM_OUTPUTS && slopes && count > 0; i++)
		batch->out[i] /= (float) count;
	*forks = count;
	return sum;
}

/* return_cells goes one step of one window back: gates become slopes before the gates, d_state and d_cell those one step earlier. */
static void
return_cells(int hidden, float *gates, const float *cell_before, const float *cell, const float *d_state, float *d_cell)
{
	for (int j = 0; j < hidden; j += 4)
	{
		Four	   *in = (Four *) (gates + j);
		Four	   *forget = (Four *) (gates + hidden + j);
		Four	   *new = (Four *) (gates + 2 * hidden + j);
		Four	   *out = (Four *) (gates + 3 * hidden + j);
		Four		shown = tanh4(*(const Four *) (cell + j));
		Four		slope = *(const Four *) (d_state + j);
		Four		inner = *(Four *) (d_cell + j) + slope * *out * (1 - shown * shown);
		Four		i = *in;

		*(Four *) (d_cell + j) = inner * *forget;
		*out = slope * shown * *out * (1 - *out);
		*in = inner * *new * i * (1 - i);
		*forget = inner * *(const Four *) (cell_before + j) * *forget * (1 - *forget);
		*new = inner * i * (1 - *new * *new);
	}
}

/* turn writes a matrix (rows x columns) transposed. */
static void
turn(const float *from, int rows, int columns, float *to)
{
	for (int r = 0; r < rows; r++)
		for (int c = 0; c < columns; c++)
			to[c * rows + r] = from[r * columns + c];
}

static void
add_rows(const float *rows, int count, int width, float *sum)
{
	for (int i = 0; i < count; i++)
		for (int j = 0; j < width; j++)
			sum[j] += rows[product_of(i, width, 1) + (size_t) j];
}

/* return_steps goes back through all steps. */
static bool
return_steps(LstmBatch *batch, const float *state_turned, const CfInterrupt *interrupt)
{
	int			hidden = batch->hidden;
	size_t		step_state = product_of(batch->windows, hidden, 1);

	memset(batch->d_cell, 0, step_state * sizeof(float));
	for (int t = batch->steps - 1; t >= 0; t--)
	{
		float	   *gates = batch->gates + 4 * (size_t) t * step_state;

		if (cf_interrupt_wanted(interrupt))
			return false;
		for (int w = 0; w < batch->windows; w++)
		{
			size_t		at = (size_t) t * step_state + product_of(w, hidden, 1);

			if (t >= batch->first[w])
				return_cells(hidden, batch->gates + 4 * at, batch->cell + at, batch->cell + at + step_state, batch->d_state + at,
							 batch->d_cell + product_of(w, hidden, 1));
			else
				memset(batch->gates + 4 * at, 0, 4 * (size_t) hidden * sizeof(float));
		}
		if (t > 0)
			cf_lstm_product(batch->windows, hidden, 4 * hidden, gates, 4 * hidden, 1, state_turned, batch->d_state + (size_t) (t - 1) * step_state);
	}
	return true;
}

bool
cf_lstm_backward(LstmBatch *batch, const LstmWeights *weights, LstmWeights *slopes, const CfInterrupt *interrupt)
{
	int			hidden = batch->hidden;
	int			cells = batch->steps * batch->windows;
	const float *state = batch->state + product_of(batch->windows, hidden, 1);
	float	   *told_turned = batch->turned;
	float	   *state_turned = batch->turned + product_of(LSTM_OUTPUTS, hidden, 1);

	memset(slopes->from_input, 0, cf_lstm_weight_count(hidden) * sizeof(float));
	turn(weights->told_state, hidden, LSTM_OUTPUTS, told_turned);
	turn(weights->from_state, hidden, 4 * hidden, state_turned);
	memset(batch->d_state, 0, product_of(cells, hidden, 1) * sizeof(float));
	cf_lstm_product(cells, hidden, LSTM_OUTPUTS, batch->out, LSTM_OUTPUTS, 1, told_turned, batch->d_state);
	if (!return_steps(batch, state_turned, interrupt))
		return false;
	cf_lstm_product(hidden, LSTM_OUTPUTS, cells, state, 1, hidden, batch->out, slopes->told_state);
	cf_lstm_product(LSTM_INPUTS, LSTM_OUTPUTS, cells, batch->input, 1, LSTM_INPUTS, batch->out, slopes->told_input);
	add_rows(batch->out, cells, LSTM_OUTPUTS, slopes->told_bias);
	cf_lstm_product(LSTM_INPUTS, 4 * hidden, cells, batch->input, 1, LSTM_INPUTS, batch->gates, slopes->from_input);
	cf_lstm_product(hidden, 4 * hidden, cells, batch->state, 1, hidden, batch->gates, slopes->from_state);
	add_rows(batch->gates, cells, 4 * hidden, slopes->bias);
	return true;
}
