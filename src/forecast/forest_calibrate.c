/*
 * forest_calibrate.c
 *		From what trees say to what is: curves fitted to rows out of bag, and the figures that those rows give.
 *
 * Shares of votes are no probabilities (a forest of weighted classes least of all). Rows are ordered by the share of a class and cut
 * into blocks, small ones at both ends, where rare classes live; the share of the class in a block, made monotone by pooling
 * adjacent violators (Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002), is
 * the curve. A row out of bag has seen a third of the trees, so its votes are a little noisier than those of a new row.
 *
 * For numbers the blocks are of predicted means, and a block's own quantiles of what happened are the curves of the quantiles:
 * intervals that hold on rows that the trees have not seen, wherever the mean comes to lie, and never outside of what was seen.
 */
#include <math.h>
#include <string.h>

#include "forecast/forest_private.h"

#define FEWEST_ROWS 200			/* below: no calibration, the curve is the identity */
#define END_ROWS 50				/* of the block at each end; the next is half as large again … */
#define SHARE_MAX 24			/* … until a block holds this part of the rows */

typedef struct Pair
{
	float		said;			/* by the trees */
	float		was;			/* 1 or 0, or the number */
} Pair;

/* sort_pairs sorts by what was said, through the bits; values are finite. */
static bool
sort_pairs(Pair *pairs, Pair *spare, size_t count, const CfInterrupt *interrupt)
{
	for (int shift = 0; shift < 32; shift += 8)
	{
		size_t		at[256] = {0};
		size_t		sum = 0;

		if (cf_interrupt_wanted(interrupt))
			return false;
		for (int pass = 0; pass < 2; pass++)
		{
			for (size_t i = 0; i < count; i++)
			{
				uint32_t	bits;

				memcpy(&bits, &pairs[i].said, sizeof(bits));
				bits = bits & 0x80000000 ? ~bits : bits | 0x80000000;
				if (pass == 0)
					at[(bits >> shift) & 255]++;
				else
					spare[at[(bits >> shift) & 255]++] = pairs[i];
			}
			for (int b = 0; b < 256 && pass == 0; b++)
			{
				size_t		n = at[b];

				at[b] = sum;
				sum += n;
			}
		}

		Pair	   *swap = pairs;

		pairs = spare;
		spare = swap;
	}
	return true;					/* four passes: back where they were */
}

/* cut_blocks says where blocks end; returns their number. */
static int
cut_blocks(size_t count, size_t *end)
{
	size_t		most = count / SHARE_MAX > END_ROWS ? count / SHARE_MAX : END_ROWS;
	size_t		size = END_ROWS;
	size_t		low = 0;
	size_t		high = count;
	size_t		tail[CF_FOREST_KNOTS];
	int			blocks = 0;
	int			tails = 0;

	while (size < most && high - low > 4 * size)
	{
		end[blocks++] = low += size;
		tail[tails++] = high;
		high -= size;
		size += size / 2;
	}

	size_t		middle = (high - low) / most;

	middle = middle > 0 ? middle : 1;
	for (size_t m = 1; m <= middle; m++)
		end[blocks++] = low + (high - low) * m / middle;
	while (tails > 0)
		end[blocks++] = tail[--tails];
	return blocks;
}

/* make_monotone pools adjacent blocks that descend, by weight. */
static void
make_monotone(double *y, const double *weight, int count)
{
	double		mean[CF_FOREST_KNOTS];
	double		mass[CF_FOREST_KNOTS];
	int			length[CF_FOREST_KNOTS];
	int			pools = 0;
	int			at = 0;

	for (int i = 0; i < count; i++)
	{
		mean[pools] = y[i];
		mass[pools] = weight[i];
		length[pools++] = 1;
		while (pools > 1 && mean[pools - 2] >= mean[pools - 1])
		{
			double		both = mass[pools - 2] + mass[pools - 1];

			mean[pools - 2] = (mean[pools - 2] * mass[pools - 2] + mean[pools - 1] * mass[pools - 1]) / both;
			mass[pools - 2] = both;
			length[pools - 2] += length[pools - 1];
			pools--;
		}
	}
	for (int p = 0; p < pools; p++)
		for (int k = 0; k < length[p]; k++)
			y[at++] = mean[p];
}

/* add_knot appends a point to a curve; of points with one x the last counts. */
static void
add_knot(CfForestCurve *curve, double x, double y)
{
	if (curve->knots > 0 && (float) x <= curve->x[curve->knots - 1])
		curve->knots--;
	curve->x[curve->knots] = (float) x;
	curve->y[curve->knots++] = (float) y;
}

/* fit_curve fits the mean of what was to what was said. prior, if above 0, is worth one row, so that nothing is certain. */
static void
fit_curve(const Pair *pairs, size_t count, double prior, CfForestCurve *curve)
{
	size_t		end[CF_FOREST_KNOTS];
	double		x[CF_FOREST_KNOTS];
	double		y[CF_FOREST_KNOTS];
	double		weight[CF_FOREST_KNOTS] = {0};
	int			blocks = cut_blocks(count, end);
	size_t		i = 0;

	for (int b = 0; b < blocks; b++)
	{
		double		rows = (double) (end[b] - i);

		x[b] = y[b] = 0;
		for (; i < end[b]; i++)
		{
			x[b] += pairs[i].said / rows;
			y[b] += pairs[i].was / rows;
		}
		weight[b] = rows;
		if (prior > 0)
			y[b] = (y[b] * rows + prior) / (rows + 1);
	}
	make_monotone(y, weight, blocks);
	curve->knots = 0;
	for (int b = 0; b < blocks; b++)
		add_knot(curve, x[b], y[b]);
}

/* fit_quantiles fits the quantiles of what was to what was said; spare is as large as pairs. */
static bool
fit_quantiles(const Pair *pairs, Pair *block, Pair *spare, size_t count, const CfInterrupt *interrupt, CfForestCurve *curve)
{
	size_t		end[CF_FOREST_KNOTS];
	double		x[CF_FOREST_KNOTS];
	double		y[CF_FOREST_QUANTILES][CF_FOREST_KNOTS];
	double		weight[CF_FOREST_KNOTS] = {0};
	int			blocks = cut_blocks(count, end);
	size_t		begin = 0;

	for (int b = 0; b < blocks; b++)
	{
		size_t		rows = end[b] - begin;

		x[b] = 0;
		weight[b] = (double) rows;
		for (size_t i = 0; i < rows; i++)
		{
			x[b] += pairs[begin + i].said / (double) rows;
			block[i] = (Pair) {.said = pairs[begin + i].was};
		}
		if (!sort_pairs(block, spare, rows, interrupt))
			return false;
		for (int q = 0; q < CF_FOREST_QUANTILES; q++)
		{
			/* The conformal rank: ceil(level * (rows + 1)), so that a new row lies below with at least that probability. */
			double		rank = ceil(cf_forest_levels[q] * (double) (rows + 1));

			if (cf_forest_levels[q] < 0.5)
				rank = floor(cf_forest_levels[q] * (double) (rows + 1));
			rank = fmin(fmax(rank, 1), (double) rows);
			y[q][b] = block[(size_t) rank - 1].said;
		}
		begin = end[b];
	}
	for (int q = 0; q < CF_FOREST_QUANTILES; q++)
	{
		make_monotone(y[q], weight, blocks);
		curve[q].knots = 0;
		for (int b = 0; b < blocks; b++)
			add_knot(&curve[q], x[b], y[q][b]);
	}
	return true;
}

/* tell_classes computes the out-of-bag figures of calibrated probabilities. */
static void
tell_classes(CfForest *forest, const ForestTable *table, const float *votes, const uint16_t *trees)
{
	int			classes = forest->classes;
	double		loss = 0;
	uint64_t	errors = 0;

	for (size_t i = 0; i < table->count; i++)
	{
		double		share[CF_FOREST_CLASSES_MAX];
		int			label = table->bins[i * table->stride + (size_t) table->columns];
		int			most = 0;

		if (trees[i] == 0)
			continue;
		for (int c = 0; c < classes; c++)
			share[c] = votes[i * (size_t) classes + (size_t) c] / trees[i];
		cf_forest_probabilities(forest, share);
		for (int c = 1; c < classes; c++)
			if (share[c] > share[most])
				most = c;
		errors += most != label;
		loss -= log(fmax(share[label], 1e-15));
	}
	forest->oob_error = (double) errors / (double) forest->oob_rows;
	forest->oob_log_loss = loss / (double) forest->oob_rows;
}

/* gather makes pairs of what was said of one output and what was; numbers are summed up into the error on the way. */
static void
gather(CfForest *forest, const ForestTable *table, const float *votes, const uint16_t *trees, int output, Pair *pairs)
{
	size_t		n = 0;
	double		square = 0;

	for (size_t i = 0; i < table->count; i++)
	{
		float		said = votes[i * (size_t) forest->outputs + (size_t) output] / (float) (trees[i] ? trees[i] : 1);

		if (trees[i] == 0)
			continue;
		if (table->target == NULL)
			pairs[n++] = (Pair) {said, table->bins[i * table->stride + (size_t) table->columns] == output};
		else
		{
			double		off = said - forest->share[0] - table->target[i];
			double		was = table->target[i] + forest->share[0];

			square += off * off;
			pairs[n++] = (Pair) {said, (float) (forest->log_target ? fmax(expm1(was), 0) : was)};
		}
	}
	if (table->target && n > 0)
		forest->oob_error = square / (double) n;
}

bool
cf_forest_calibrate(CfForest *forest, const ForestTable *table, const float *votes, const uint16_t *trees,
					CfArena *keep, CfArena *work, const CfInterrupt *interrupt, CfError *err)
{
	Pair	   *pairs = cf_arena_alloc(work, table->count * 4 * sizeof(Pair));
	Pair	   *spare = pairs + table->count;
	size_t		curves = (size_t) forest->outputs + (forest->classes == 0 ? CF_FOREST_QUANTILES : 0);
	bool		done = true;

	forest->curve = cf_arena_zalloc(keep, curves * sizeof(CfForestCurve));
	if (pairs == NULL || forest->curve == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	forest->quantile = forest->classes == 0 ? forest->curve + 1 : NULL;
	forest->oob_error = forest->oob_log_loss = NAN;
	for (size_t i = 0; i < table->count; i++)
		forest->oob_rows += trees[i] > 0;
	for (int c = 0; c < forest->outputs && done; c++)
	{
		gather(forest, table, votes, trees, c, pairs);
		if (forest->oob_rows < (forest->log_target ? 1 : FEWEST_ROWS))
			continue;
		done = sort_pairs(pairs, spare, forest->oob_rows, interrupt);
		if (done)
			fit_curve(pairs, forest->oob_rows, forest->classes > 0 ? fmax(forest->share[c], 1e-6) : 0, &forest->curve[c]);
	}
	if (done && forest->classes == 0 && forest->oob_rows > 0)
		done = fit_quantiles(pairs, spare, spare + table->count, forest->oob_rows, interrupt, forest->quantile);
	if (!done)
		return cf_error_set(err, CF_ERR_CANCELLED, "growing of a forest was cancelled");
	if (forest->classes > 0 && forest->oob_rows > 0)
		tell_classes(forest, table, votes, trees);
	return true;
}
