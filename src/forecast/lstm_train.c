/*
 * lstm_train.c
 *		Learning: which windows, in which order, how the weights move, and when it ends.
 *
 * Series stand in the order of a hash of key and content. An epoch draws from each series as many windows as it takes to cover its days
 * once, with ends drawn evenly, and goes through all of them in a drawn order; draws come from streams named by seed and epoch. Each day
 * of a window (after those that warm it up) is asked for the 7 days after it, which lie before the days that are held out. After each epoch the
 * held days are told from windows that end 8 days before the end. The weights that told them best are the result; when nothing was gained
 * for `patience` epochs, learning goes back to them with a third of the rate, and after the third such rate it ends.
 *
 * Adam is algorithm 1 of Kingma and Ba (2015): decay 0.9 and 0.999, epsilon 1e-8.
 */
#include <math.h>
#include <string.h>

#include "forecast/lstm_private.h"
#include "forecast/random.h"

#define RATES 3
#define DECAY_1 0.9f
#define DECAY_2 0.999f
#define JUDGED_WINDOWS 4096		/* held days of so many series, evenly taken, judge an epoch */

typedef struct Place
{
	uint64_t	hash;
	uint32_t	series;
} Place;

typedef struct Window
{
	uint64_t	order;
	uint32_t	series;			/* as given */
	int			end;
} Window;

typedef struct Learner
{
	const CfLstmParams *params;
	const CfLstmSeries *series;
	const CfInterrupt *interrupt;
	CfError    *err;
	CfRandom	random;
	Place	   *place;			/* of each series, in order */
	size_t		series_count;
	Window	   *window;
	size_t		window_count;	/* of an epoch */
	LstmBatch	batch;
	size_t		weight_count;
	float	   *weights;
	float	   *best;
	float	   *slopes;
	float	   *mean;			/* of slopes, and of their squares */
	float	   *square;
	double		power_1;		/* DECAY_1 and DECAY_2 to the number of steps */
	double		power_2;
	double		rate;
} Learner;

static bool
params_valid(const CfLstmParams *params)
{
	return params->hidden >= 8 && params->hidden <= CF_LSTM_HIDDEN_MAX && params->hidden % 8 == 0 &&
		params->context >= 14 && params->context <= CF_LSTM_CONTEXT_MAX && params->warm >= 0 && params->warm < params->context &&
		params->batch >= 1 && params->batch <= CF_LSTM_BATCH_MAX && params->context * params->batch <= CF_LSTM_CELLS_MAX &&
		params->epochs >= 1 && params->epochs <= 1000 && params->patience >= 1 && params->held_days >= CF_LSTM_HORIZON &&
		params->held_days <= 365 && params->rate > 0 && params->rate < 1 && params->clip > 0 && params->clip <= 1e30;
}

/* last_fork is the last day of a series that is learned from: its 7 days lie before the held ones. Below 0 = none. */
static int
last_fork(const CfLstmParams *params, const CfLstmSeries *series)
{
	return series->count - 1 - params->held_days - CF_LSTM_HORIZON;
}

/* windows_of tells how many windows an epoch draws from a series. */
static size_t
windows_of(const CfLstmParams *params, const CfLstmSeries *series)
{
	int			last = last_fork(params, series);
	int			step = params->context - params->warm;

	return last < CF_LSTM_HORIZON ? 0 : (size_t) (1 + last / step);
}

size_t
cf_lstm_workspace_bytes(const CfLstmParams *params, size_t series_count)
{
	if (!params_valid(params) || series_count < 1 || series_count > CF_LSTM_SERIES_MAX)
		return 0;
	return series_count * (sizeof(Place) + sizeof(Window)) +
		CF_LSTM_DAYS_MAX / (size_t) (params->context - params->warm) * sizeof(Window) +
		4 * cf_lstm_weight_count(params->hidden) * sizeof(float) +
		cf_lstm_batch_bytes(params->hidden, params->context, params->batch, true) + 4096;
}

static uint64_t
hash_series(const CfLstmSeries *series)
{
	uint64_t	hash = cf_random_hash(series->key, (uint64_t) series->count);
	uint32_t	bits;

	hash = cf_random_hash(hash, (uint64_t) (uint32_t) series->first_day);
	memcpy(&bits, &series->unit, sizeof(bits));
	hash = cf_random_hash(hash, bits);
	for (int i = 0; i < series->count; i++)
	{
		float		value = series->values[i] == 0 ? 0 : series->values[i];

		memcpy(&bits, &value, sizeof(bits));
		hash = cf_random_hash(hash, isnan(value) ? 0x7fc00000 : bits);
	}
	return hash;
}

/* A heap needs no memory, and its order depends on the numbers alone where they differ. */
#define SORT_BY(name, Type, number) \
	static void \
	name(Type *item, size_t count) \
	{ \
		for (size_t end = count, root = count / 2; end > 1;) \
		{ \
			Type		moved; \
			size_t		at; \
			if (root > 0) \
				moved = item[at = --root]; \
			else \
			{ \
				moved = item[--end]; \
				item[end] = item[at = 0]; \
			} \
			for (size_t child; (child = 2 * at + 1) < end; at = child) \
			{ \
				if (child + 1 < end && item[child + 1].number > item[child].number) \
					child++; \
				if (item[child].number <= moved.number) \
					break; \
				item[at] = item[child]; \
			} \
			item[at] = moved; \
		} \
	}

SORT_BY(sort_places, Place, hash)
SORT_BY(sort_windows, Window, order)

/* cancelled is how a learner stops. */
static bool
cancelled(Learner *learner)
{
	return cf_error_set(learner->err, CF_ERR_CANCELLED, "learning of a network was cancelled");
}

/* take_series checks the series, counts their windows and puts them in order. */
static bool
take_series(Learner *learner, CfLstm *net, CfArena *work)
{
	learner->place = cf_arena_alloc(work, learner->series_count * sizeof(Place));
	if (learner->place == NULL)
		return cf_error_set(learner->err, CF_ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < learner->series_count; i++)
	{
		const CfLstmSeries *series = &learner->series[i];

		if (cf_interrupt_wanted(learner->interrupt))
			return cancelled(learner);
		if (!cf_lstm_series_valid(series, learner->err))
			return false;
		net->day_count += (uint64_t) series->count;
		if (net->day_count > CF_LSTM_DAYS_MAX)
			return cf_error_set(learner->err, CF_ERR_RANGE, "a network cannot learn from more than %d days", CF_LSTM_DAYS_MAX);
		learner->window_count += windows_of(learner->params, series);
		learner->place[i] = (Place) {hash_series(series), (uint32_t) i};
	}
	if (learner->window_count == 0)
	{
		cf_error_set(learner->err, CF_ERR_INPUT, "no series is long enough to learn from");
		return cf_error_detail(learner->err, "It takes %d days, of which the last %d are held out.",
							   2 * CF_LSTM_HORIZON + 1 + learner->params->held_days, learner->params->held_days);
	}
	sort_places(learner->place, learner->series_count);
	for (size_t i = 0; i < learner->series_count; i++)
		net->fingerprint = cf_random_hash(net->fingerprint, learner->place[i].hash);
	net->series_count = learner->series_count;
	return true;
}

/* take_memory makes all arrays. */
static bool
take_memory(Learner *learner, CfLstm *net, CfArena *keep, CfArena *work)
{
	const CfLstmParams *params = learner->params;
	size_t		bytes = learner->weight_count * sizeof(float);

	learner->window = cf_arena_alloc(work, learner->window_count * sizeof(Window));
	learner->best = net->weights = cf_arena_alloc(keep, bytes);
	learner->weights = cf_arena_zalloc(work, bytes);
	learner->slopes = cf_arena_alloc(work, bytes);
	learner->mean = cf_arena_zalloc(work, bytes);
	learner->square = cf_arena_zalloc(work, bytes);
	if (learner->window == NULL || learner->best == NULL || learner->weights == NULL || learner->slopes == NULL || learner->mean == NULL ||
		learner->square == NULL || !cf_lstm_batch_make(&learner->batch, params->hidden, params->context, params->batch, true, work))
		return cf_error_set(learner->err, CF_ERR_MEMORY, "out of memory");
	return true;
}

/* begin_weights draws the weights of the gates evenly around 0, opens the forget gates (Gers et al. 2000) and leaves what is told at 0. */
static void
begin_weights(Learner *learner)
{
	int			hidden = learner->params->hidden;
	LstmWeights weights = cf_lstm_weights(learner->weights, hidden);
	size_t		inner = (size_t) (LSTM_INPUTS + hidden) * 4 * (size_t) hidden;
	double		width = 1 / sqrt(LSTM_INPUTS + hidden);

	learner->random = cf_random_stream(learner->params->seed, 0);
	for (size_t i = 0; i < inner; i++)
		learner->weights[i] = (float) ((2 * cf_random_uniform(&learner->random) - 1) * width);
	for (int j = 0; j < hidden; j++)
		weights.bias[hidden + j] = 1;
}

/* draw_windows draws the windows of an epoch. */
static void
draw_windows(Learner *learner, int epoch)
{
	size_t		count = 0;

	learner->random = cf_random_stream(learner->params->seed, (uint64_t) epoch);
	for (size_t i = 0; i < learner->series_count; i++)
	{
		uint32_t	number = learner->place[i].series;
		const CfLstmSeries *series = &learner->series[number];
		size_t		windows = windows_of(learner->params, series);
		int			last = last_fork(learner->params, series);
		int			first = last < learner->params->context - 1 ? last : learner->params->context - 1;

		for (size_t k = 0; k < windows; k++)
		{
			learner->window[count].series = number;
			learner->window[count].end = first + (int) cf_random_below(&learner->random, (uint32_t) (last - first + 1));
			learner->window[count++].order = cf_random_next(&learner->random);
		}
	}
	sort_windows(learner->window, count);
}

/* move_weights is a step of Adam along slopes whose norm is clipped. */
static void
move_weights(Learner *learner)
{
	double		norm = 0;
	float		shrink = 1;
	float		rate;
	float		root;

	for (size_t i = 0; i < learner->weight_count; i++)
		norm += (double) learner->slopes[i] * (double) learner->slopes[i];
	norm = sqrt(norm);
	if (norm > learner->params->clip)
		shrink = (float) (learner->params->clip / norm);
	learner->power_1 *= (double) DECAY_1;
	learner->power_2 *= (double) DECAY_2;
	rate = (float) (learner->rate / (1 - learner->power_1));
	root = (float) (1 / sqrt(1 - learner->power_2));
	for (size_t i = 0; i < learner->weight_count; i++)
	{
		float		slope = shrink * learner->slopes[i];

		learner->mean[i] = DECAY_1 * learner->mean[i] + (1 - DECAY_1) * slope;
		learner->square[i] = DECAY_2 * learner->square[i] + (1 - DECAY_2) * slope * slope;
		learner->weights[i] -= rate * learner->mean[i] / (root * sqrtf(learner->square[i]) + 1e-8f);
	}
}

/* learn_epoch goes through the windows once; loss gets the mean pinball loss. */
static bool
learn_epoch(Learner *learner, double *loss)
{
	const CfLstmParams *params = learner->params;
	LstmWeights weights = cf_lstm_weights(learner->weights, params->hidden);
	LstmWeights slopes = cf_lstm_weights(learner->slopes, params->hidden);
	LstmBatch  *batch = &learner->batch;
	double		sum = 0;
	size_t		forks = 0;

	for (size_t begin = 0; begin < learner->window_count; begin += (size_t) params->batch)
	{
		size_t		left = learner->window_count - begin;
		size_t		here;

		batch->windows = left < (size_t) params->batch ? (int) left : params->batch;
		for (int w = 0; w < batch->windows; w++)
		{
			const Window *window = &learner->window[begin + (size_t) w];
			const CfLstmSeries *series = &learner->series[window->series];
			int			from = window->end - params->context + 1 + params->warm;

			/* The young are told from the seventh day on. */
			cf_lstm_window(batch, w, series, params->calendar, window->end, window->end < params->context ? CF_LSTM_HORIZON : from,
						   series->count - params->held_days);
		}
		if (!cf_lstm_forward(batch, &weights, false, learner->interrupt))
			return cancelled(learner);
		sum += cf_lstm_loss(batch, true, &here);
		if (here == 0)
			continue;			/* all days to tell were missing */
		forks += here;
		if (!cf_lstm_backward(batch, &weights, &slopes, learner->interrupt))
			return cancelled(learner);
		move_weights(learner);
	}
	*loss = forks > 0 ? sum / (double) forks : 0;
	return true;
}

/* gather finds the next series whose held days can be told, a batch at most. */
static int
gather(const Learner *learner, size_t *at, const CfLstmSeries **found)
{
	size_t		every = 1 + (learner->series_count - 1) / JUDGED_WINDOWS;
	int			count = 0;

	for (; *at < learner->series_count && count < learner->params->batch; *at += every)
	{
		const CfLstmSeries *series = &learner->series[learner->place[*at].series];

		if (series->count >= 2 * CF_LSTM_HORIZON + 1)
			found[count++] = series;
	}
	return count;
}

/* judge tells the held days; loss is infinite when all of them are missing. */
static bool
judge(Learner *learner, double *loss)
{
	const CfLstmParams *params = learner->params;
	LstmWeights weights = cf_lstm_weights(learner->weights, params->hidden);
	LstmBatch  *batch = &learner->batch;
	const CfLstmSeries *series[CF_LSTM_BATCH_MAX];
	size_t		at = 0;
	double		sum = 0;
	size_t		forks = 0;

	while ((batch->windows = gather(learner, &at, series)) > 0)
	{
		size_t		here;

		for (int w = 0; w < batch->windows; w++)
			cf_lstm_window(batch, w, series[w], params->calendar, series[w]->count - 1 - CF_LSTM_HORIZON,
						   series[w]->count - 1 - params->held_days, series[w]->count);
		if (!cf_lstm_forward(batch, &weights, false, learner->interrupt))
			return cancelled(learner);
		sum += cf_lstm_loss(batch, false, &here);
		forks += here;
	}
	*loss = forks > 0 ? sum / (double) forks : INFINITY;
	return true;
}

/* return_to_best begins again from the best weights, with a smaller rate and no memory of slopes. */
static void
return_to_best(Learner *learner)
{
	size_t		bytes = learner->weight_count * sizeof(float);

	memcpy(learner->weights, learner->best, bytes);
	memset(learner->mean, 0, bytes);
	memset(learner->square, 0, bytes);
	learner->power_1 = learner->power_2 = 1;
	learner->rate /= 3;
}

/* learn goes through epochs until nothing is gained. */
static bool
learn(Learner *learner, CfLstm *net)
{
	int			rates = 1;
	int			idle = 0;

	net->held_loss = INFINITY;
	while (net->epochs < learner->params->epochs)
	{
		double		held = INFINITY;

		draw_windows(learner, ++net->epochs);
		if (!learn_epoch(learner, &net->loss) || !judge(learner, &held))
			return false;
		if (held < net->held_loss || net->epochs == 1)
		{
			memcpy(learner->best, learner->weights, learner->weight_count * sizeof(float));
			net->held_loss = held;
			idle = 0;
		}
		else if (++idle >= learner->params->patience)
		{
			if (++rates > RATES)
				break;
			return_to_best(learner);
			idle = 0;
		}
	}
	if (!isfinite(net->held_loss))
		return cf_error_set(learner->err, CF_ERR_INPUT, "the days that are held out are all missing");
	return true;
}

bool
cf_lstm_train(const CfLstmParams *params, const CfLstmSeries *series, size_t count, CfArena *keep, CfArena *work,
			  const CfInterrupt *interrupt, CfLstm *net, CfError *err)
{
	Learner		learner = {.params = params, .series = series, .series_count = count, .interrupt = interrupt, .err = err,
		.power_1 = 1, .power_2 = 1, .rate = params->rate, .weight_count = 0};

	*net = (CfLstm) {.hidden = params->hidden, .context = params->context, .calendar = params->calendar, .seed = params->seed};
	if (cf_lstm_workspace_bytes(params, count) == 0)
		return cf_error_set(err, CF_ERR_INPUT, "parameters of a network, or the number of series, are out of range");
	learner.weight_count = cf_lstm_weight_count(params->hidden);
	if (!take_series(&learner, net, work) || !take_memory(&learner, net, keep, work))
		return false;
	begin_weights(&learner);
	return learn(&learner, net);
}
