/*
 * forecast_forest.h: rows to grow forests from, and arenas whose n-th allocation fails.
 */
#ifndef CF_TEST_FORECAST_FOREST_H
#define CF_TEST_FORECAST_FOREST_H

#include "forecast/forest.h"
#include "forecast/random.h"
#include "tap.h"

#define FEATURES 5
#define MANY 4000

static CfError err;
static CfArena keep;
static CfArena work;

static int calls;
static int fail_at;				/* 0 = never */
static int alive;

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

/* A set of rows that lives as long as the program. */
typedef struct Rows
{
	float		values[MANY * FEATURES];
	double		targets[MANY];
	uint64_t	keys[MANY];
	CfForestRows rows;
} Rows;

static TAP_UNUSED Rows learned;
static TAP_UNUSED Rows fresh;

/*
 * make_rows fills rows by rule: 0 = class by features 0 and 1 (an exclusive or) with a tenth of noise, 1 = number 10 * f0 + noise,
 * 2 = class by whether feature 2 is missing, 3 = three classes by category in feature 3, 4 = a rare class, likelier with f0.
 */
static TAP_UNUSED CfForestRows *
make_rows(Rows *rows, int rule, size_t count, uint64_t seed)
{
	static const bool categorical[FEATURES] = {false, false, false, true, false};
	CfRandom	random = cf_random_stream(seed, 77);

	for (size_t i = 0; i < count; i++)
	{
		float	   *f = rows->values + i * FEATURES;
		double		noise = cf_random_uniform(&random);

		for (int k = 0; k < FEATURES; k++)
			f[k] = (float) cf_random_uniform(&random);
		f[3] = (float) cf_random_below(&random, 12);
		f[4] = (float) cf_random_below(&random, 3);
		if (rule == 2 && cf_random_below(&random, 3) == 0)
			f[2] = NAN;
		rows->keys[i] = cf_random_mix(seed * MANY + i);
		rows->targets[i] =
			rule == 0 ? ((f[0] > 0.5f) != (f[1] > 0.5f)) != (noise < 0.1) :
			rule == 1 ? 10.0 * f[0] + (noise - 0.5) * 4 :
			rule == 2 ? isnan(f[2]) :
			rule == 3 ? ((int) f[3] * 7) % 3 :
			noise < 0.1 * f[0] * f[0];
	}
	rows->rows = (CfForestRows) {count, FEATURES, rows->values, categorical, rows->targets, NULL};
	return &rows->rows;
}

static TAP_UNUSED CfForestParams
params_of(int classes)
{
	return (CfForestParams) {.seed = 42, .trees = 30, .max_depth = 10, .min_leaf_rows = 5, .bins = 255, .classes = classes};
}

/* grow grows a forest into fresh arenas. */
static TAP_UNUSED bool
grow(const CfForestParams *params, const CfForestRows *rows, CfForest *forest)
{
	cf_arena_free(&keep);
	cf_arena_free(&work);
	cf_arena_init(&keep, &failing, 4096, 0);
	cf_arena_init(&work, &failing, 4096, 0);
	return cf_forest_grow(params, rows, &keep, &work, NULL, forest, &err);
}

static TAP_UNUSED void
give_back(void)
{
	cf_arena_free(&keep);
	cf_arena_free(&work);
}

#endif
