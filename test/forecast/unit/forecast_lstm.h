/*
 * forecast_lstm.h: series to learn a network from, and arenas whose n-th allocation fails.
 */
#ifndef CF_TEST_FORECAST_LSTM_H
#define CF_TEST_FORECAST_LSTM_H

#include "forecast/lstm_private.h"
#include "forecast/random.h"
#include "tap.h"

#define SERIES 64
#define DAYS 200

static CfError err;
static CfArena keep;
static CfArena work;
static float values[SERIES][DAYS];
static CfLstmSeries series[SERIES];
static TAP_UNUSED CfLstmTold told[SERIES];

static int	calls;
static int	fail_at;			/* 0 = never */
static int	alive;

static void *
failing_alloc(void *ctx, size_t size)
{
	(void) ctx;
	if (++calls == fail_at)
		return NULL;
	alive++;
	return malloc(size);
}

static void
failing_free(void *ctx, void *block)
{
	(void) ctx;
	alive--;
	free(block);
}

static const CfAllocator failing = {failing_alloc, failing_free, NULL};

/* make_series makes series of several sizes with a week and some noise. */
static TAP_UNUSED void
make_series(int count, int days, uint64_t seed)
{
	CfRandom	random = cf_random_stream(seed, 99);

	for (int i = 0; i < count; i++)
	{
		double		level = 2 << (i % 8);

		for (int d = 0; d < days; d++)
			values[i][d] = (float) floor(level * (1 + 0.6 * sin(2 * 3.14159265 * d / 7)) * (0.9 + 0.2 * cf_random_uniform(&random)) + 0.5);
		series[i] = (CfLstmSeries) {values[i], days, 0, 1, (uint64_t) i};
	}
}

static TAP_UNUSED CfLstmParams
params_of(void)
{
	return (CfLstmParams) {.seed = 42, .hidden = 16, .context = 28, .warm = 7, .batch = 16, .epochs = 8, .patience = 2, .held_days = 14, .rate = 0.01,
		.clip = 1, .calendar = true};
}

static TAP_UNUSED void
reset(void)
{
	cf_arena_free(&keep);
	cf_arena_free(&work);
	cf_arena_init(&keep, &failing, 4096, 0);
	cf_arena_init(&work, &failing, 4096, 0);
}

/* train learns a network in fresh arenas. */
static TAP_UNUSED bool
train(const CfLstmParams *params, int count, CfLstm *net)
{
	reset();
	err = (CfError) {0};
	return cf_lstm_train(params, series, (size_t) count, &keep, &work, NULL, net, &err);
}

static TAP_UNUSED void
tell(const CfLstm *net, int count)
{
	cf_arena_reset(&work);
	if (!cf_lstm_predict(net, series, (size_t) count, &work, NULL, told, &err))
		bail("%s", err.message);
}

static TAP_UNUSED void
give_back(void)
{
	cf_arena_free(&keep);
	cf_arena_free(&work);
}

#endif
