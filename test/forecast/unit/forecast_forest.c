/*
 * forecast_forest: what a forest learns, that it is the same for a seed in whatever order rows come, that its probabilities and
 * intervals hold on new rows, and that it ends when it is told to or memory is short.
 */
#include "forecast_forest.h"

static CfForest forest;
static double out[MANY * CF_FOREST_CLASSES_MAX];
static double quantiles[MANY * CF_FOREST_QUANTILES];

/* right tells for how many rows the likeliest class is the right one. */
static double
right(const CfForestRows *rows)
{
	size_t		good = 0;

	if (!cf_forest_predict(&forest, rows, false, NULL, out, NULL, &err))
		return -1;
	for (size_t i = 0; i < rows->count; i++)
	{
		int			most = 0;

		for (int c = 1; c < forest.classes; c++)
			if (out[i * (size_t) forest.classes + (size_t) c] > out[i * (size_t) forest.classes + (size_t) most])
				most = c;
		good += most == rows->targets[i];
	}
	return (double) good / (double) rows->count;
}

static void
learns(void)
{
	CfForestParams params = params_of(2);
	double		share;

	ok(grow(&params, make_rows(&learned, 0, MANY, 1), &forest), "an exclusive or is learned");
	share = right(make_rows(&fresh, 0, MANY, 2));
	ok(share > 0.87, "nearly all of what noise leaves is told of new rows (%.3f of 0.9)", share);
	is_dbl(forest.oob_error, 1 - share, 0.02, "the error out of bag is that of new rows");
	is_int(forest.oob_rows, MANY, "thirty trees leave every row out once");
	ok(forest.importance[0] > 0.1 && forest.importance[1] > 0.1, "both features are important");
	ok(fabs(forest.importance[2]) < 0.02 && fabs(forest.importance[4]) < 0.02, "those that say nothing are not");
	is_dbl(forest.share[0] + forest.share[1], 1, 1e-9, "the shares of the classes add up to 1");
	ok(forest.oob_log_loss > 0.3 && forest.oob_log_loss < 0.45, "the log loss is near that of the noise, 0.325 (%.3f)", forest.oob_log_loss);

	params.classes = 3;
	params.max_depth = 3;
	params.features_per_split = FEATURES;
	ok(grow(&params, make_rows(&learned, 3, 2000, 1), &forest) && right(make_rows(&fresh, 3, 2000, 2)) == 1,
	   "categories in no order are told apart by three splits");
	fresh.values[3] = 99;
	fresh.rows.count = 1;
	ok(right(&fresh.rows) >= 0, "a category that training never saw is no error");

	params.classes = 2;
	params.max_depth = 1;
	ok(grow(&params, make_rows(&learned, 2, 2000, 1), &forest) && right(make_rows(&fresh, 2, 2000, 2)) == 1,
	   "one split tells by a value that is missing");
	ok(grow(&params, make_rows(&learned, 0, 400, 1), &forest), "a forest of rows without missing values");
	make_rows(&fresh, 0, 1, 2);
	for (int f = 0; f < FEATURES; f++)
		fresh.values[f] = NAN;
	ok(right(&fresh.rows) >= 0 && fabs(out[0] + out[1] - 1) < 1e-9, "tells of rows that are nothing but missing values");
	give_back();
}

/* A forest with classes that every branch of the scan knows: 5 of them, and weights. */
static void
weighs(void)
{
	static const double weights[] = {1, 9};
	CfForestParams params = params_of(2);
	double		sum = 0;
	double		raw = 0;
	int			told = 0;

	params.min_leaf_rows = 20;
	params.balanced = true;
	ok(grow(&params, make_rows(&learned, 4, MANY, 1), &forest), "a rare class is balanced");
	make_rows(&fresh, 4, MANY, 2);
	cf_forest_predict(&forest, &fresh.rows, true, NULL, out, NULL, &err);
	for (int i = 0; i < MANY; i++)
	{
		raw += out[2 * i + 1] / MANY;
		told += out[2 * i + 1] > 0.5;
	}
	ok(raw > 0.2 && told > 100, "the trees then vote for it far more often than it comes (%.3f)", raw);
	cf_forest_predict(&forest, &fresh.rows, false, NULL, out, NULL, &err);
	for (int i = 0; i < MANY; i++)
		sum += out[2 * i + 1] / MANY;
	is_dbl(sum, 0.0333, 0.01, "calibrated probabilities are as often as it comes");
	params.balanced = false;
	params.class_weights = weights;
	ok(grow(&params, &learned.rows, &forest), "weights may be given");
	cf_forest_predict(&forest, &fresh.rows, true, NULL, out, NULL, &err);
	raw = 0;
	for (int i = 0; i < MANY; i++)
		raw += out[2 * i + 1] / MANY;
	ok(raw > 0.1, "and count (%.3f)", raw);

	params = params_of(5);
	make_rows(&learned, 0, 1000, 1);
	for (int i = 0; i < 1000; i++)
		learned.targets[i] = (int) (learned.values[i * FEATURES] * 5);
	ok(grow(&params, &learned.rows, &forest) && right(&learned.rows) > 0.97, "five classes are learned");
	give_back();
}

/* In ten bins of equal mass the share of right answers is near the confidence, on rows that training has not seen. */
static void
is_calibrated(void)
{
	CfForestParams params = params_of(2);
	static struct
	{
		double		confidence;
		bool		right;
	}			told[MANY], swap;
	double		worst = 0;

	params.min_leaf_rows = 1;
	params.max_depth = 64;
	grow(&params, make_rows(&learned, 0, MANY, 1), &forest);
	make_rows(&fresh, 0, MANY, 2);
	cf_forest_predict(&forest, &fresh.rows, false, NULL, out, NULL, &err);
	for (int i = 0; i < MANY; i++)
	{
		int			most = out[2 * i + 1] > out[2 * i];

		told[i].confidence = out[2 * i + most];
		told[i].right = most == fresh.targets[i];
	}
	for (int gap = MANY / 2; gap > 0; gap /= 2)
		for (int i = gap; i < MANY; i++)
			for (int j = i; j >= gap && told[j].confidence < told[j - gap].confidence; j -= gap)
			{
				swap = told[j];
				told[j] = told[j - gap];
				told[j - gap] = swap;
			}
	for (int b = 0; b < 10; b++)
	{
		double		off = 0;

		for (int i = b * MANY / 10; i < (b + 1) * MANY / 10; i++)
			off += (told[i].confidence - told[i].right) / (MANY / 10.0);
		worst = fmax(worst, fabs(off));
	}
	ok(worst < 0.06, "fully grown trees, calibrated: no bin of confidence is further than 0.06 off (%.3f)", worst);
	give_back();
}

static void
numbers(void)
{
	CfForestParams params = params_of(0);
	double		square = 0;
	double		first;
	int			within80 = 0;
	int			within95 = 0;
	bool		ascend = true;

	params.min_leaf_rows = 10;
	ok(grow(&params, make_rows(&learned, 1, MANY, 1), &forest), "a number is learned");
	make_rows(&fresh, 1, MANY, 2);
	ok(cf_forest_predict(&forest, &fresh.rows, false, NULL, out, quantiles, &err), "and told with its quantiles");
	for (int i = 0; i < MANY; i++)
	{
		double	   *q = quantiles + i * CF_FOREST_QUANTILES;

		square += (out[i] - fresh.targets[i]) * (out[i] - fresh.targets[i]) / MANY;
		within80 += fresh.targets[i] >= q[1] && fresh.targets[i] <= q[3];
		within95 += fresh.targets[i] >= q[0] && fresh.targets[i] <= q[4];
		for (int k = 1; k < CF_FOREST_QUANTILES; k++)
			ascend = ascend && q[k] >= q[k - 1];
	}
	ok(square < 1.33 * 1.2, "the error is near the noise, 1.33 (%.3f)", square);
	is_dbl(forest.oob_error, square, 0.15, "so is the one out of bag");
	ok(isnan(forest.oob_log_loss), "numbers have no log loss");
	ok(ascend, "quantiles do not descend");
	is_dbl(within80 / (double) MANY, 0.8, 0.03, "80 %% intervals hold on new rows");
	is_dbl(within95 / (double) MANY, 0.95, 0.03, "95 %% intervals do");
	is_dbl(forest.share[1], 100 / 12.0 + 16 / 12.0, 0.4, "the variance of the targets is told");
	ok(forest.importance[0] > 1, "importance is in squares of the target");

	first = out[7];
	for (int i = 0; i < MANY; i++)
		learned.targets[i] = 4 * learned.targets[i] + 100000;
	ok(grow(&params, &learned.rows, &forest), "the same, larger and shifted far");
	cf_forest_predict(&forest, &fresh.rows, false, NULL, out, NULL, &err);
	is_dbl(out[7], 4 * first + 100000, 0.05, "is told larger and shifted");
	for (int i = 0; i < MANY; i++)
		learned.targets[i] = 3;
	ok(grow(&params, &learned.rows, &forest), "a constant is learned");
	is_int(forest.tree[0].node_count, 1, "by a tree that is a leaf");
	cf_forest_predict(&forest, &fresh.rows, false, NULL, out, quantiles, &err);
	ok(out[0] == 3 && quantiles[0] == 3 && quantiles[4] == 3, "and told with certainty");
	for (int i = 0; i < MANY; i++)
		learned.targets[i] = expm1(learned.values[i * FEATURES] * 5);
	params.log_target = true;
	ok(grow(&params, &learned.rows, &forest), "numbers of many sizes are learned by their logarithms");
	for (int i = 0; i < MANY; i++)
		fresh.targets[i] = expm1(fresh.values[i * FEATURES] * 5);
	cf_forest_predict(&forest, &fresh.rows, false, NULL, out, quantiles, &err);
	square = 0;
	within80 = 0;
	for (int i = 0; i < MANY; i++)
	{
		square += (out[i] - fresh.targets[i]) / MANY;
		within80 += quantiles[i * CF_FOREST_QUANTILES] >= 0 && out[i] >= 0 && out[i] < 160;
	}
	is_dbl(square, 0, 0.5, "and told as themselves, on the mean");
	is_int(within80, MANY, "never below 0");
	learned.rows.count = 1;
	params.trees = 1;
	ok(grow(&params, &learned.rows, &forest) && cf_forest_predict(&forest, &learned.rows, false, NULL, out, quantiles, &err), "from one row too");
	is_dbl(out[0], learned.targets[0], 1e-3, "which is told as it was");
	is_dbl(quantiles[4], learned.targets[0], 1e-3, "without an interval");
	learned.targets[0] = -1;
	ok(!grow(&params, &learned.rows, &forest) && err.kind == CF_ERR_INPUT, "a number below 0 has no such logarithm: %s", err.message);
	params = params_of(0);
	for (int i = 0; i < 500; i++)
		learned.targets[i] = ((int) learned.values[i * FEATURES + 3] * 7) % 5;
	learned.rows.count = 500;
	ok(grow(&params, &learned.rows, &forest) && forest.importance[3] > 1, "categories tell numbers");
	give_back();
}

/* same_bytes tells whether rows give the forest whose bytes these are. */
static bool
same_bytes(const CfForestParams *params, const CfForestRows *rows, const unsigned char *bytes, size_t length)
{
	CfArena		copy;
	size_t		other_length;
	unsigned char *other;
	bool		same;

	cf_arena_init(&copy, &cf_arena_malloc, 4096, 0);
	same = grow(params, rows, &forest) && (other = cf_forest_write(&forest, &copy, &other_length)) != NULL &&
		other_length == length && memcmp(other, bytes, length) == 0;
	cf_arena_free(&copy);
	return same;
}

/* deal swaps rows, keys and targets with them. */
static void
deal(Rows *rows, size_t count, bool with_keys)
{
	CfRandom	random = cf_random_stream(5, 5);

	for (size_t i = count - 1; i > 0; i--)
	{
		size_t		j = cf_random_below(&random, (uint32_t) i + 1);
		float		values[FEATURES];
		double		target = rows->targets[i];
		uint64_t	key = rows->keys[i];

		memcpy(values, rows->values + i * FEATURES, sizeof(values));
		memcpy(rows->values + i * FEATURES, rows->values + j * FEATURES, sizeof(values));
		memcpy(rows->values + j * FEATURES, values, sizeof(values));
		rows->targets[i] = rows->targets[j];
		rows->targets[j] = target;
		if (with_keys)
		{
			rows->keys[i] = rows->keys[j];
			rows->keys[j] = key;
		}
	}
}

static void
repeats(int rule, int classes, bool keyed)
{
	CfForestParams params = params_of(classes);
	CfArena		copy;
	unsigned char *bytes;
	size_t		length;

	cf_arena_init(&copy, &cf_arena_malloc, 4096, 0);
	make_rows(&learned, rule, 1500, 1);
	learned.rows.keys = keyed ? learned.keys : NULL;
	grow(&params, &learned.rows, &forest);
	bytes = cf_forest_write(&forest, &copy, &length);
	ok(bytes != NULL && same_bytes(&params, &learned.rows, bytes, length), "rule %d: the same seed and rows, the same bytes", rule);
	deal(&learned, 1500, keyed);
	ok(same_bytes(&params, &learned.rows, bytes, length), "rule %d: rows in another order, the same bytes", rule);
	params.seed++;
	ok(!same_bytes(&params, &learned.rows, bytes, length), "rule %d: another seed, another forest", rule);
	params.seed--;
	learned.targets[3] = classes ? 1 - (learned.targets[3] > 0) : 1e6;
	ok(!same_bytes(&params, &learned.rows, bytes, length), "rule %d: another row, another forest", rule);
	cf_arena_free(&copy);
	give_back();
}

/* Values at the edge of what floats can say. */
static void
extremes(void)
{
	CfForestParams params = params_of(2);
	CfForestRows rows = {.count = 1000, .features = 1, .values = learned.values, .targets = learned.targets};
	static const bool categorical[1] = {true};

	params.min_leaf_rows = 1;
	for (int i = 0; i < 1000; i++)
	{
		static const float values[] = {-INFINITY, -3e38f, -0.0f, 0.0f, 1e-45f, 3e38f, INFINITY, NAN};

		learned.values[i] = values[i % 8];
		learned.targets[i] = i % 8 == 1 || i % 8 == 4 || i % 8 == 6;
	}
	ok(grow(&params, &rows, &forest) && right(&rows) == 1, "infinite, huge, tiny and missing values are told apart");
	is_int(forest.feature[0].edge_count, 5, "zero with and without a sign is one value");
	for (int i = 0; i < 1000; i++)
	{
		learned.values[i] = (float) (i < 500 ? i % 20 : i);
		learned.targets[i] = i < 500 && i % 2;
	}
	rows.categorical = categorical;
	ok(grow(&params, &rows, &forest), "more categories than bins");
	is_int(forest.feature[0].edge_count, 255, "the most frequent ones have a bin");
	ok(right(&rows) == 1, "and are told apart");
	rows.count = 1;
	ok(grow(&params, &rows, &forest) && right(&rows) == 1, "one row is enough");
	for (int i = 0; i < 300; i++)
		learned.values[i] = NAN;
	rows.count = 300;
	ok(grow(&params, &rows, &forest), "nothing but missing categories");
	rows.categorical = NULL;
	ok(grow(&params, &rows, &forest), "nothing but missing numbers");
	is_int(forest.tree[0].node_count, 1, "leaves nothing to split");
	give_back();
}

/* refused grows with something changed, and wants that error. */
static void
refused(const CfForestParams *params, const CfForestRows *rows, CfErrorKind kind, const char *title)
{
	ok(!grow(params, rows, &forest) && err.kind == kind, "%s: %s", title, err.message);
	if (kind == CF_ERR_INPUT && params->classes == 2 && rows->count == 100 && params->class_weights == NULL && rows->targets == learned.targets)
		ok(cf_forest_workspace_bytes(params, rows->count, rows->features) == 0 || strstr(err.message, "row"), "no workspace for it");
}

static void
refuses(void)
{
	CfForestParams good = params_of(2);
	CfForestParams bad;
	CfForestRows rows = *make_rows(&learned, 0, 100, 1);
	static const double weights[] = {1, 0};
	static const double odd[] = {0.5, 2, -1, NAN, INFINITY};

#define BAD(field, value) bad = good, bad.field = value, refused(&bad, &rows, CF_ERR_INPUT, #field " = " #value)
	BAD(trees, 0);
	BAD(trees, CF_FOREST_TREES_MAX + 1);
	BAD(max_depth, 0);
	BAD(max_depth, 65);
	BAD(min_leaf_rows, 0);
	BAD(features_per_split, FEATURES + 1);
	BAD(bins, 1);
	BAD(bins, 256);
	BAD(classes, 1);
	BAD(classes, 17);
	BAD(class_weights, weights);
	for (int i = 0; i < 5; i++)
	{
		learned.targets[50] = odd[i];
		refused(&good, &rows, CF_ERR_INPUT, "a class");
	}
	bad = good;
	bad.classes = 0;
	refused(&bad, &rows, CF_ERR_INPUT, "a number");
	learned.targets[50] = 0;
	rows.count = CF_FOREST_ROWS_MAX + 1;
	refused(&good, &rows, CF_ERR_RANGE, "too many rows");
	rows.count = 0;
	refused(&good, &rows, CF_ERR_INPUT, "no rows");
	rows.count = 100;
	grow(&good, &rows, &forest);
	ok(!cf_forest_predict(&forest, &rows, false, NULL, out, quantiles, &err) && err.kind == CF_ERR_INPUT, "classes have no quantiles");
	rows.features = 4;
	ok(!cf_forest_predict(&forest, &rows, false, NULL, out, NULL, &err) && err.kind == CF_ERR_INPUT, "%s", err.message);
	give_back();
}

static int	looks;
static int	stop_at;

static bool
wants(void *ctx)
{
	(void) ctx;
	return ++looks == stop_at;
}

/* Every look at the interrupt stops the work, and every allocation fails, once. */
static void
stops(int classes)
{
	CfForestParams params = params_of(classes);
	CfInterrupt interrupt = {wants, NULL};
	CfForestRows *rows = make_rows(&learned, classes ? 0 : 1, 1000, 1);
	int			stopped = 0;
	int			failed = 0;
	bool		done = false;

	params.trees = 3;
	for (stop_at = 1; !done && stop_at < 500; stop_at++)
	{
		looks = 0;
		give_back();
		cf_arena_init(&keep, &failing, 4096, 0);
		cf_arena_init(&work, &failing, 4096, 0);
		done = cf_forest_grow(&params, rows, &keep, &work, &interrupt, &forest, &err);
		stopped += !done && err.kind == CF_ERR_CANCELLED;
	}
	ok(done && stopped == stop_at - 2 && stopped > 10, "growing stops at each of %d looks", stopped);
	looks = 0;
	stop_at = 2;
	ok(!cf_forest_predict(&forest, rows, false, &interrupt, out, NULL, &err) && err.kind == CF_ERR_CANCELLED, "telling stops");
	done = false;
	for (fail_at = 1; !done && fail_at < 500; fail_at++)
	{
		give_back();
		calls = 0;
		done = grow(&params, rows, &forest);
		failed += !done && err.kind == CF_ERR_MEMORY;
	}
	fail_at = 0;
	ok(done && failed > 5, "each of %d allocations fails once, and is told as memory", failed);
	ok(cf_forest_workspace_bytes(&params, 1000, FEATURES) >= work.used_bytes, "the workspace is not larger than told (%zu of %zu)",
	   work.used_bytes, cf_forest_workspace_bytes(&params, 1000, FEATURES));
	give_back();
	is_int(alive, 0, "nothing is left behind");
}

int
main(void)
{
	learns();
	weighs();
	is_calibrated();
	numbers();
	repeats(0, 2, false);
	repeats(1, 0, false);
	repeats(2, 2, true);
	repeats(3, 3, true);
	extremes();
	refuses();
	stops(2);
	stops(0);
	return done_testing();
}
