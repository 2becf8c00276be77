/*
 * forest_predict.c
 *		What a forest says about rows: blocks of rows go through one tree after the other.
 *
 * A tree of some thousand nodes fits the first cache, so it is walked by a whole block before the next one. Eight rows go down
 * together: each step waits for memory, and eight waits overlap. A row that has come to its leaf stays there, since a leaf points
 * at itself; so no step asks where it is, only every fourth whether all have come.
 */
#include <math.h>
#include <string.h>

#include "forecast/forest_private.h"

#define BLOCK_FEW 128
#define BLOCK_MANY 1024
#define BLOCK_BYTES 65536		/* of bins */
#define LARGE_TREE 8192			/* nodes: beyond the first cache, so more rows share the way to the second */
#define ABREAST 8

/* step takes a row one split down. */
static inline uint32_t
step(const CfForestNode *nodes, uint32_t at, const uint8_t *row)
{
	CfForestNode node = nodes[at];

	return node.child + (row[node.column] > node.threshold);
}

void
cf_forest_walk(const CfForestTree *tree, const uint8_t *const *rows, int count, uint32_t *leaf)
{
	const CfForestNode *nodes = tree->nodes;
	int			i = 0;

	for (; i + ABREAST <= count; i += ABREAST)
	{
		uint32_t	at[ABREAST] = {0};
		uint32_t	moved = 1;

		for (int depth = 0; depth < tree->depth && moved; depth += 4)
		{
			moved = 0;
			for (int s = 0; s < 3; s++)
				for (int k = 0; k < ABREAST; k++)
					at[k] = step(nodes, at[k], rows[i + k]);
			for (int k = 0; k < ABREAST; k++)
			{
				uint32_t	next = step(nodes, at[k], rows[i + k]);

				moved |= next ^ at[k];
				at[k] = next;
			}
		}
		for (int k = 0; k < ABREAST; k++)
			leaf[i + k] = tree->leaf_of[at[k]];
	}
	for (; i < count; i++)
	{
		uint32_t	at = 0;

		for (int depth = 0; depth < tree->depth; depth++)
			at = step(nodes, at, rows[i]);
		leaf[i] = tree->leaf_of[at];
	}
}

double
cf_forest_curve_at(const CfForestCurve *curve, double x)
{
	int			low = 0;
	int			high = curve->knots - 1;

	if (curve->knots == 0)
		return x;
	if (!(x > curve->x[0]))
		return curve->y[0];
	if (x >= curve->x[high])
		return curve->y[high];
	while (high - low > 1)
	{
		int			middle = (low + high) / 2;

		if (curve->x[middle] <= x)
			low = middle;
		else
			high = middle;
	}
	return curve->y[low] + (curve->y[high] - curve->y[low]) * (x - curve->x[low]) / ((double) curve->x[high] - curve->x[low]);
}

void
cf_forest_probabilities(const CfForest *forest, double *shares)
{
	double		sum = 0;

	for (int c = 0; c < forest->classes; c++)
	{
		shares[c] = cf_forest_curve_at(&forest->curve[c], shares[c]);
		sum += shares[c];
	}
	for (int c = 0; c < forest->classes; c++)
		shares[c] = sum > 0 ? shares[c] / sum : 1.0 / forest->classes;
}

/* finish turns the sums of the trees over one row into what is told. */
static void
finish(const CfForest *forest, bool raw, double *out, double *quantiles)
{
	double		above = -INFINITY;

	for (int c = 0; c < forest->outputs; c++)
		out[c] /= forest->tree_count;
	if (raw)
		return;
	if (forest->classes > 0)
	{
		cf_forest_probabilities(forest, out);
		return;
	}
	if (forest->log_target && forest->curve[0].knots == 0)
	{
		out[0] = fmax(expm1(out[0]), 0);	/* no row out of bag has told the curves */
		for (int q = 0; quantiles != NULL && q < CF_FOREST_QUANTILES; q++)
			quantiles[q] = out[0];
		return;
	}
	for (int q = 0; quantiles != NULL && q < CF_FOREST_QUANTILES; q++)
	{
		quantiles[q] = cf_forest_curve_at(&forest->quantile[q], out[0]);
		quantiles[q] = above = fmax(above, quantiles[q]);
	}
	out[0] = cf_forest_curve_at(&forest->curve[0], out[0]);
}

/* block_rows tells how many rows go through the trees together. */
static size_t
block_rows(const CfForest *forest)
{
	size_t		rows = BLOCK_BYTES / (size_t) forest->columns;
	size_t		nodes = 0;

	for (int t = 0; t < forest->tree_count; t++)
		nodes += forest->tree[t].node_count;

	size_t		most = nodes / (size_t) forest->tree_count < LARGE_TREE ? BLOCK_FEW : BLOCK_MANY;

	return rows < most ? rows : most;
}

/* predict_block takes a block of rows through all trees. */
static void
predict_block(const CfForest *forest, const float *values, int count, double *out)
{
	uint8_t		bins[BLOCK_BYTES];
	const uint8_t *rows[BLOCK_MANY];
	uint32_t	leaf[BLOCK_MANY];
	int			outputs = forest->outputs;

	for (int i = 0; i < count; i++)
	{
		rows[i] = bins + i * forest->columns;
		cf_forest_bin_row(forest, values + (size_t) i * (size_t) forest->features, bins + i * forest->columns);
	}
	for (int t = 0; t < forest->tree_count; t++)
	{
		const CfForestTree *tree = &forest->tree[t];

		cf_forest_walk(tree, rows, count, leaf);
		for (int i = 0; i < count; i++)
			for (int c = 0; c < outputs; c++)
				out[i * outputs + c] += tree->values[(size_t) leaf[i] * (size_t) outputs + (size_t) c];
	}
}

bool
cf_forest_predict(const CfForest *forest, const CfForestRows *rows, bool raw, const CfInterrupt *interrupt, double *out,
				  double *quantiles, CfError *err)
{
	size_t		outputs = (size_t) forest->outputs;
	size_t		block = block_rows(forest);

	if (rows->features != forest->features)
		return cf_error_set(err, CF_ERR_INPUT, "the forest knows %d features, not %d", forest->features, rows->features);
	if (quantiles != NULL && (raw || forest->classes > 0))
		return cf_error_set(err, CF_ERR_INPUT, "a forest of classes, or one asked for its votes, has no quantiles");
	memset(out, 0, rows->count * outputs * sizeof(double));
	for (size_t begin = 0; begin < rows->count; begin += block)
	{
		size_t		left = rows->count - begin;
		int			count = (int) (left < block ? left : block);

		if (cf_interrupt_wanted(interrupt))
			return cf_error_set(err, CF_ERR_CANCELLED, "prediction of a forest was cancelled");
		predict_block(forest, rows->values + begin * (size_t) rows->features, count, out + begin * outputs);
		for (int i = 0; i < count; i++)
			finish(forest, raw, out + (begin + (size_t) i) * outputs,
				   quantiles ? quantiles + (begin + (size_t) i) * CF_FOREST_QUANTILES : NULL);
	}
	return true;
}
