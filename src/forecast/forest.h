/*
 * forest.h
 *		Random forests: classes or numbers out of rows of features (Breiman, "Random Forests", Machine Learning 45, 2001).
 *
 * Features are floats; NaN is a missing value, and each split learns on which side missing values go. A feature may be
 * categorical: its values are then codes, compared for equality only. Values are cut into at most 255 bins of about equal
 * mass before any tree grows, so a split looks at counts per bin and never sorts rows.
 *
 * The same seed, parameters and set of rows give the same forest, bit for bit, in whatever order the rows come: they are put in
 * the order of a hash of their key and content first. Nothing reads a clock or a global.
 *
 * Memory: cf_forest_workspace_bytes() tells beforehand what growing takes at most beside the forest itself; both come from the
 * caller's arenas, whose max_bytes hold. A failed call leaves nothing behind but what those arenas have handed out.
 */
#ifndef CF_FORECAST_FOREST_H
#define CF_FORECAST_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/interrupt.h"

#define CF_FOREST_ROWS_MAX 4000000
#define CF_FOREST_FEATURES_MAX 256
#define CF_FOREST_CLASSES_MAX 16
#define CF_FOREST_TREES_MAX 2000
#define CF_FOREST_DEPTH_MAX 64
#define CF_FOREST_BINS_MAX 255	/* of values that are there; code 255 is "missing" */
#define CF_FOREST_NODES_MAX 40000000	/* of all trees together */
#define CF_FOREST_QUANTILES 5
#define CF_FOREST_KNOTS 64		/* of a calibration curve */

/* The quantiles that a forest of numbers tells: 0.025, 0.1, 0.5, 0.9, 0.975. */
extern const double cf_forest_levels[CF_FOREST_QUANTILES];

typedef struct CfForestParams
{
	uint64_t	seed;
	int			trees;			/* 1 .. CF_FOREST_TREES_MAX */
	int			max_depth;		/* 1 .. CF_FOREST_DEPTH_MAX */
	int			min_leaf_rows;	/* different rows in a leaf, 1 or more */
	int			features_per_split; /* 0 = the root of their number for classes, a third for numbers */
	int			bins;			/* 2 .. CF_FOREST_BINS_MAX */
	int			classes;		/* 2 .. CF_FOREST_CLASSES_MAX; 0 = the target is a number */
	bool		log_target;		/* numbers of 0 or more: trees learn their logarithm (of 1 + number), curves tell the number itself */
	bool		balanced;		/* weigh classes by the inverse of their share; the calibration undoes it in probabilities */
	const double *class_weights;	/* classes of them, > 0; NULL = 1 each; times what balanced gives */
} CfForestParams;

typedef struct CfForestRows
{
	size_t		count;
	int			features;
	const float *values;		/* count rows of features values; NaN = missing, infinities are in order */
	const bool *categorical;	/* per feature; NULL = none */
	const double *targets;		/* count: class number 0 .. classes - 1, or the number; finite. Not read by predictions */
	const uint64_t *keys;		/* count: what names a row (a hash of its id); NULL = its content does */
} CfForestRows;

/* A node: eight bytes, so that a tree of 4,000 fits the first cache. A leaf points at itself and never goes right. */
typedef struct CfForestNode
{
	uint32_t	child;			/* left child; the right one is next to it */
	uint16_t	column;			/* of the row of bins, see CfForestFeature */
	uint8_t		threshold;		/* right when the bin is greater */
	uint8_t		spare;
} CfForestNode;

typedef struct CfForestTree
{
	uint32_t	node_count;
	uint32_t	leaf_count;
	int			depth;			/* splits on the longest way */
	const CfForestNode *nodes;	/* root first; a child stands after its parent */
	const uint32_t *leaf_of;	/* per node: number of its leaf, 0 for inner nodes */
	const float *values;		/* per leaf: share of each class, or the mean */
} CfForestTree;

/*
 * How a feature becomes a bin. Numeric: the number of edges below the value. Categorical: values are found among edges (sorted),
 * rank[] is the bin; others are missing. Column f of a row of bins holds feature f with missing = 255 (right of every split); where
 * training saw missing values, column left_column holds it with missing = 0 (left of every split); where not, missing is `middle`.
 */
typedef struct CfForestFeature
{
	bool		categorical;
	uint8_t		middle;
	int			left_column;	/* -1 = none */
	int			edge_count;		/* numeric: bins - 1; categorical: categories */
	const float *edges;
	const uint8_t *rank;		/* categorical only */
} CfForestFeature;

/* A monotone curve from what the trees say to what was seen. */
typedef struct CfForestCurve
{
	int			knots;			/* 0 = the identity */
	float		x[CF_FOREST_KNOTS];
	float		y[CF_FOREST_KNOTS];
} CfForestCurve;

typedef struct CfForest
{
	int			classes;		/* 0 = numbers */
	bool		log_target;
	int			outputs;		/* classes, or 1 */
	int			features;
	int			columns;		/* of a row of bins */
	int			tree_count;
	int			max_depth;		/* what it was grown with, as are the following */
	int			min_leaf_rows;
	uint64_t	seed;
	uint64_t	row_count;
	uint64_t	fingerprint;	/* of the rows: the same set has the same */
	CfForestFeature *feature;
	CfForestTree *tree;
	CfForestCurve *curve;		/* outputs of them: calibrated by rows out of bag */
	CfForestCurve *quantile;	/* numbers: CF_FOREST_QUANTILES of them, by predicted mean; else NULL */
	double		share[CF_FOREST_CLASSES_MAX];	/* of classes among the rows; numbers: mean and variance */

	/* Seen on rows out of bag (Breiman 2001, section 3.1); NaN when too few trees left a row out. */
	double		oob_error;		/* share of wrong classes, or mean squared error */
	double		oob_log_loss;	/* of calibrated probabilities; numbers: NaN */
	uint64_t	oob_rows;
	double	   *importance;		/* per feature: how much the error of a tree grows when the feature is shuffled, mean over trees */
} CfForest;

/* cf_forest_workspace_bytes tells how much cf_forest_grow takes from `work` at most; 0 = the sizes are out of range. */
extern size_t cf_forest_workspace_bytes(const CfForestParams *params, size_t count, int features);

/*
 * cf_forest_grow grows a forest: what it consists of comes from `keep`, what it needs meanwhile from `work`, which the caller
 * resets. Fails with CF_ERR_INPUT (parameters, targets), CF_ERR_RANGE (too large), CF_ERR_MEMORY, CF_ERR_CANCELLED.
 */
extern bool cf_forest_grow(const CfForestParams *params, const CfForestRows *rows, CfArena *keep, CfArena *work,
						   const CfInterrupt *interrupt, CfForest *forest, CfError *err);

/*
 * cf_forest_predict fills out[count][outputs] with calibrated probabilities that add up to 1, or with means; raw: with what the trees
 * say, before any calibration. Only count, features and values of rows are read. quantiles, if not NULL, gets
 * count x CF_FOREST_QUANTILES numbers that do not descend (calibrated forests of numbers only). Fails with CF_ERR_INPUT (another number of
 * features), CF_ERR_CANCELLED. Takes no memory but 80 kB of stack.
 */
extern bool cf_forest_predict(const CfForest *forest, const CfForestRows *rows, bool raw, const CfInterrupt *interrupt,
							  double *out, double *quantiles, CfError *err);

/* cf_forest_write puts the forest's bytes into arena (see forest_model.c); NULL = out of memory. */
extern unsigned char *cf_forest_write(const CfForest *forest, CfArena *arena, size_t *length);

/*
 * cf_forest_read makes a forest of such bytes, hostile ones included; what it consists of comes from arena, at most some eight
 * times the length. Fails with CF_ERR_INPUT (damaged), CF_ERR_UNSUPPORTED (a newer format, another kind), CF_ERR_MEMORY.
 */
extern bool cf_forest_read(const unsigned char *bytes, size_t length, CfArena *arena, CfForest *forest, CfError *err);

#endif							/* CF_FORECAST_FOREST_H */
