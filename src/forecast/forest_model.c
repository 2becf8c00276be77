/*
 * forest_model.c
 *		A forest as bytes, inside the envelope of model.h.
 *
 *		classes 1, logarithm 1, features 2, columns 2, trees 2, max_depth 1, min_leaf_rows 4, seed 8, rows 8, fingerprint 8,
 *		rows out of bag 8, error 8, log loss 8, a share of 8 per class (numbers: mean and variance)
 *		per feature: importance 8, categorical 1, middle 1, left column + 1 2, edges 2, each 4, and for categories their ranks, 1 each
 *		per curve (one per class; numbers: mean and quantiles): knots 1, x and y 4 each
 *		per tree: nodes 4, each child 4, column 2, threshold 1; then the values 4 of the leaves in the order of the nodes
 *
 * The reader takes nothing for granted: whatever passes it can be predicted with and written again. A child stands after its parent, so
 * a walk ends; each inner node has two children and nobody else's, since the children of the n-th inner node are checked to be
 * new. Sizes are compared with the bytes that are left before memory is taken.
 */
#include <math.h>
#include <string.h>

#include "forecast/forest_private.h"
#include "forecast/model.h"

#define NODE_BYTES 7

static int
shares_of(const CfForest *forest)
{
	return forest->classes > 0 ? forest->classes : 2;
}

static int
curves_of(const CfForest *forest)
{
	return forest->classes > 0 ? forest->classes : 1 + CF_FOREST_QUANTILES;
}

static void
put_feature(CfModelWriter *writer, const CfForestFeature *feature, double importance)
{
	cf_model_put_double(writer, importance);
	cf_model_put(writer, feature->categorical, 1);
	cf_model_put(writer, feature->middle, 1);
	cf_model_put(writer, (uint64_t) (feature->left_column + 1), 2);
	cf_model_put(writer, (uint64_t) feature->edge_count, 2);
	for (int e = 0; e < feature->edge_count; e++)
		cf_model_put_float(writer, feature->edges[e]);
	for (int e = 0; e < feature->edge_count && feature->categorical; e++)
		cf_model_put(writer, feature->rank[e], 1);
}

static void
put_tree(CfModelWriter *writer, const CfForestTree *tree, int outputs)
{
	cf_model_put(writer, tree->node_count, 4);
	for (uint32_t n = 0; n < tree->node_count; n++)
	{
		cf_model_put(writer, tree->nodes[n].child, 4);
		cf_model_put(writer, tree->nodes[n].column, 2);
		cf_model_put(writer, tree->nodes[n].threshold, 1);
	}
	for (uint32_t n = 0; n < tree->node_count; n++)
		for (int c = 0; c < outputs && tree->nodes[n].child == n; c++)
			cf_model_put_float(writer, tree->values[(size_t) tree->leaf_of[n] * (size_t) outputs + (size_t) c]);
}

/* put_forest writes everything, or counts it. */
static void
put_forest(CfModelWriter *writer, unsigned char *bytes, const CfForest *forest)
{
	cf_model_begin(writer, bytes, CF_MODEL_FOREST);
	cf_model_put(writer, (uint64_t) forest->classes, 1);
	cf_model_put(writer, forest->log_target, 1);
	cf_model_put(writer, (uint64_t) forest->features, 2);
	cf_model_put(writer, (uint64_t) forest->columns, 2);
	cf_model_put(writer, (uint64_t) forest->tree_count, 2);
	cf_model_put(writer, (uint64_t) forest->max_depth, 1);
	cf_model_put(writer, (uint64_t) forest->min_leaf_rows, 4);
	cf_model_put(writer, forest->seed, 8);
	cf_model_put(writer, forest->row_count, 8);
	cf_model_put(writer, forest->fingerprint, 8);
	cf_model_put(writer, forest->oob_rows, 8);
	cf_model_put_double(writer, forest->oob_error);
	cf_model_put_double(writer, forest->oob_log_loss);
	for (int c = 0; c < shares_of(forest); c++)
		cf_model_put_double(writer, forest->share[c]);
	for (int f = 0; f < forest->features; f++)
		put_feature(writer, &forest->feature[f], forest->importance[f]);
	for (int c = 0; c < curves_of(forest); c++)
	{
		const CfForestCurve *curve = &forest->curve[c];

		cf_model_put(writer, (uint64_t) curve->knots, 1);
		for (int k = 0; k < curve->knots; k++)
		{
			cf_model_put_float(writer, curve->x[k]);
			cf_model_put_float(writer, curve->y[k]);
		}
	}
	for (int t = 0; t < forest->tree_count; t++)
		put_tree(writer, &forest->tree[t], forest->outputs);
	cf_model_end(writer);
}

unsigned char *
cf_forest_write(const CfForest *forest, CfArena *arena, size_t *length)
{
	CfModelWriter writer;
	unsigned char *bytes;

	put_forest(&writer, NULL, forest);
	*length = writer.length;
	bytes = cf_arena_alloc(arena, writer.length);
	if (bytes != NULL)
		put_forest(&writer, bytes, forest);
	return bytes;
}

/* get_head reads the figures of the whole, and takes memory for the lists. */
static bool
get_head(CfModelReader *reader, CfArena *arena, CfForest *forest, CfError *err)
{
	size_t		curves;

	forest->classes = (int) cf_model_get(reader, 1);
	forest->log_target = cf_model_get(reader, 1) != 0;
	forest->features = (int) cf_model_get(reader, 2);
	forest->columns = (int) cf_model_get(reader, 2);
	forest->tree_count = (int) cf_model_get(reader, 2);
	forest->max_depth = (int) cf_model_get(reader, 1);
	forest->min_leaf_rows = (int) cf_model_get(reader, 4);
	forest->seed = cf_model_get(reader, 8);
	forest->row_count = cf_model_get(reader, 8);
	forest->fingerprint = cf_model_get(reader, 8);
	forest->oob_rows = cf_model_get(reader, 8);
	forest->oob_error = cf_model_get_double(reader);
	forest->oob_log_loss = cf_model_get_double(reader);
	if (reader->bad || forest->classes == 1 || (forest->log_target && forest->classes > 0) || forest->classes > CF_FOREST_CLASSES_MAX || forest->features < 1 ||
		forest->features > CF_FOREST_FEATURES_MAX || forest->columns < forest->features ||
		forest->columns > 2 * forest->features || forest->tree_count < 1 || forest->tree_count > CF_FOREST_TREES_MAX ||
		forest->max_depth < 1 || forest->max_depth > CF_FOREST_DEPTH_MAX || forest->min_leaf_rows < 1)
		return cf_model_damaged(err, "A size of the forest is out of range.");
	forest->outputs = forest->classes > 0 ? forest->classes : 1;
	for (int c = 0; c < shares_of(forest); c++)
	{
		forest->share[c] = cf_model_get_double(reader);
		if (!isfinite(forest->share[c]))
			return cf_model_damaged(err, "A share is not a number.");
	}
	curves = (size_t) curves_of(forest);
	forest->feature = cf_arena_zalloc(arena, (size_t) forest->features * sizeof(CfForestFeature));
	forest->importance = cf_arena_zalloc(arena, (size_t) forest->features * sizeof(double));
	forest->curve = cf_arena_zalloc(arena, curves * sizeof(CfForestCurve));
	forest->tree = cf_arena_zalloc(arena, (size_t) forest->tree_count * sizeof(CfForestTree));
	if (!forest->feature || !forest->importance || !forest->curve || !forest->tree)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	forest->quantile = forest->classes == 0 ? forest->curve + 1 : NULL;
	return true;
}

/* get_edges reads the edges of a feature, which ascend, and the ranks of categories, each of which is there once. */
static bool
get_edges(CfModelReader *reader, CfArena *arena, CfForestFeature *feature, CfError *err)
{
	float	   *edges;
	uint8_t    *rank;
	bool		seen[256] = {false};

	if (!cf_model_enough(reader, (uint64_t) feature->edge_count, feature->categorical ? 5 : 4))
		return cf_model_damaged(err, "It ends too early.");
	edges = cf_arena_alloc(arena, (size_t) feature->edge_count * sizeof(float) + 1);
	rank = cf_arena_alloc(arena, (size_t) feature->edge_count + 1);
	if (edges == NULL || rank == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	for (int e = 0; e < feature->edge_count; e++)
	{
		edges[e] = cf_model_get_float(reader);
		if (isnan(edges[e]) || (e > 0 && !(edges[e] > edges[e - 1])))
			return cf_model_damaged(err, "Edges of a feature do not ascend.");
	}
	for (int e = 0; e < feature->edge_count && feature->categorical; e++)
	{
		rank[e] = (uint8_t) cf_model_get(reader, 1);
		if (rank[e] >= feature->edge_count || seen[rank[e]])
			return cf_model_damaged(err, "Categories of a feature have no order.");
		seen[rank[e]] = true;
	}
	feature->edges = edges;
	feature->rank = rank;
	return true;
}

static bool
get_feature(CfModelReader *reader, CfArena *arena, CfForest *forest, int f, int *columns, CfError *err)
{
	CfForestFeature *feature = &forest->feature[f];

	forest->importance[f] = cf_model_get_double(reader);
	feature->categorical = cf_model_get(reader, 1) != 0;
	feature->middle = (uint8_t) cf_model_get(reader, 1);
	feature->left_column = (int) cf_model_get(reader, 2) - 1;
	feature->edge_count = (int) cf_model_get(reader, 2);
	if (!isfinite(forest->importance[f]) || feature->middle == FOREST_MISSING ||
		feature->edge_count > CF_FOREST_BINS_MAX - !feature->categorical ||
		(feature->left_column >= 0 && feature->left_column != *columns))
		return cf_model_damaged(err, "A feature is out of range.");
	*columns += feature->left_column >= 0;
	return get_edges(reader, arena, feature, err);
}

/* get_curve reads a curve, which rises; a share lies between 0 and 1. */
static bool
get_curve(CfModelReader *reader, CfForestCurve *curve, bool share, CfError *err)
{
	curve->knots = (int) cf_model_get(reader, 1);
	if (curve->knots > CF_FOREST_KNOTS)
		return cf_model_damaged(err, "A curve has too many knots.");
	for (int k = 0; k < curve->knots; k++)
	{
		curve->x[k] = cf_model_get_float(reader);
		curve->y[k] = cf_model_get_float(reader);
		if (!isfinite(curve->x[k]) || !isfinite(curve->y[k]) || (share && !(curve->y[k] >= 0 && curve->y[k] <= 1)) ||
			(k > 0 && (!(curve->x[k] > curve->x[k - 1]) || !(curve->y[k] >= curve->y[k - 1]))))
			return cf_model_damaged(err, "A curve does not rise.");
	}
	return true;
}

/* get_nodes reads the nodes of a tree: children come in pairs, each pair after its parent and of one parent only. */
static bool
get_nodes(CfModelReader *reader, const CfForest *forest, CfForestTree *tree, CfForestNode *nodes, uint32_t *leaf_of,
		  uint8_t *depth, CfError *err)
{
	memset(depth, 0, tree->node_count);
	for (uint32_t n = 0; n < tree->node_count; n++)
	{
		uint32_t	child = (uint32_t) cf_model_get(reader, 4);

		nodes[n] = (CfForestNode) {.child = child};
		nodes[n].column = (uint16_t) cf_model_get(reader, 2);
		nodes[n].threshold = (uint8_t) cf_model_get(reader, 1);
		leaf_of[n] = 0;
		if (n > 0 && depth[n] == 0)
			return cf_model_damaged(err, "A node has no parent.");
		if (child == n)
		{
			if (nodes[n].threshold != 255 || nodes[n].column != 0)
				return cf_model_damaged(err, "A leaf is none.");
			leaf_of[n] = tree->leaf_count++;
			continue;
		}
		if (child <= n || child >= tree->node_count - 1 || depth[child] != 0 || depth[child + 1] != 0 ||
			nodes[n].column >= forest->columns || nodes[n].threshold == 255 || depth[n] >= CF_FOREST_DEPTH_MAX)
			return cf_model_damaged(err, "A node is out of range.");
		depth[child] = depth[child + 1] = (uint8_t) (depth[n] + 1);
		if (depth[child] > tree->depth)
			tree->depth = depth[child];
	}
	return true;
}

static bool
get_tree(CfModelReader *reader, CfArena *arena, const CfForest *forest, CfForestTree *tree, CfError *err)
{
	CfForestNode *nodes;
	uint32_t   *leaf_of;
	uint8_t    *depth;
	float	   *values;
	size_t		value_count;

	tree->node_count = (uint32_t) cf_model_get(reader, 4);
	if (tree->node_count == 0 || !cf_model_enough(reader, tree->node_count, NODE_BYTES))
		return cf_model_damaged(err, "It ends too early.");
	nodes = cf_arena_alloc(arena, tree->node_count * sizeof(CfForestNode));
	leaf_of = cf_arena_alloc(arena, tree->node_count * sizeof(uint32_t));
	depth = cf_arena_alloc(arena, tree->node_count);
	if (nodes == NULL || leaf_of == NULL || depth == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	if (!get_nodes(reader, forest, tree, nodes, leaf_of, depth, err))
		return false;
	value_count = (size_t) tree->leaf_count * (size_t) forest->outputs;
	if (!cf_model_enough(reader, value_count, 4))
		return cf_model_damaged(err, "It ends too early.");
	values = cf_arena_alloc(arena, value_count * sizeof(float));
	if (values == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	for (size_t v = 0; v < value_count; v++)
	{
		values[v] = cf_model_get_float(reader);
		if (!isfinite(values[v]) || (forest->classes > 0 && !(values[v] >= 0 && values[v] <= 1)))
			return cf_model_damaged(err, "The value of a leaf is out of range.");
	}
	tree->nodes = nodes;
	tree->leaf_of = leaf_of;
	tree->values = values;
	return true;
}

bool
cf_forest_read(const unsigned char *bytes, size_t length, CfArena *arena, CfForest *forest, CfError *err)
{
	CfModelReader reader;
	int			columns;

	memset(forest, 0, sizeof(*forest));
	if (!cf_model_open(&reader, bytes, length, CF_MODEL_FOREST, err) || !get_head(&reader, arena, forest, err))
		return false;
	columns = forest->features;
	for (int f = 0; f < forest->features; f++)
		if (!get_feature(&reader, arena, forest, f, &columns, err))
			return false;
	if (columns != forest->columns)
		return cf_model_damaged(err, "Features and columns do not fit.");
	for (int c = 0; c < curves_of(forest); c++)
		if (!get_curve(&reader, &forest->curve[c], forest->classes > 0, err))
			return false;
	for (int t = 0; t < forest->tree_count; t++)
		if (!get_tree(&reader, arena, forest, &forest->tree[t], err))
			return false;
	if (reader.bad || reader.left > 0)
		return cf_model_damaged(err, reader.bad ? "It ends too early." : "Something follows the last tree.");
	return true;
}
