/*
 * forest_grow.c
 *		Growing the trees, and what the rows that a tree has not seen tell about it.
 *
 * Each tree draws as many rows as there are, with replacement, and splits nodes, left before right, until a node is pure, too
 * small or too deep. At each node features_per_split features that are not constant there are drawn, and the cut with
 * the largest decrease of Gini impurity (classes) or of the sum of squares (numbers) is made; of equal ones the first. Counts
 * per bin replace sorting; where a node has few rows only the bins that they touch are looked at.
 *
 * After each tree the rows out of its bag vote, and on at most IMPORTANCE_ROWS of them every feature that the tree uses is shuffled
 * once, to see how much worse the tree becomes. Bags, features and shuffles come from streams named by seed and tree.
 */
#include <math.h>
#include <string.h>

#include "forecast/forest_private.h"
#include "forecast/random.h"

#define BATCH 4					/* features whose counts are made in one pass over the rows */
#define FEW_ROWS 512			/* below: remember which bins are touched */
#define IMPORTANCE_ROWS 1000
#define WORK_PER_LOOK 200000	/* row-features between two looks at the interrupt: about a millisecond */
#define WALK 256

/* What a bin holds. Classes: per class, different rows in the upper half, draws in the lower. Numbers: the first, and the sum. */
typedef uint64_t Lane;

#define LANE_ROWS(lane) ((uint32_t) ((lane) >> 32))
#define LANE_DRAWS(lane) ((uint32_t) (lane))

typedef struct Task
{
	uint32_t	begin;			/* rows of the node: rows[begin .. end) */
	uint32_t	end;
	uint32_t	node;
	int			depth;
	Lane		lane[CF_FOREST_CLASSES_MAX];	/* totals */
	double		sum;
} Task;

typedef struct Split
{
	double		score;
	int			column;			/* -1 = none found */
	uint8_t		threshold;
	Lane		lane[CF_FOREST_CLASSES_MAX];	/* of the left side */
	double		sum;
} Split;

typedef struct Grower
{
	const CfForestParams *params;
	const CfForest *forest;
	const ForestTable *table;
	const CfInterrupt *interrupt;
	CfArena    *keep;
	CfError    *err;
	int			lanes;			/* classes, or 1 */
	double		weight[CF_FOREST_CLASSES_MAX];
	int			per_split;
	size_t		work_left;		/* until the next look at the interrupt */
	CfRandom	random;
	uint32_t   *rows;			/* in the bag, ordered by node */
	uint32_t   *moved;
	int			drawn[CF_FOREST_FEATURES_MAX];	/* features, those tried at this node in front */
	Lane	   *hist;			/* BATCH x 256 x lanes */
	double	   *sums;			/* BATCH x 256 */
	CfForestNode *nodes;
	uint32_t   *leaf_of;
	float	   *values;
	uint32_t	node_count;
	uint32_t	leaf_count;
	int			depth;
	Task		stack[CF_FOREST_DEPTH_MAX + 2];
	float	   *votes;			/* rows x outputs */
	uint16_t   *out;			/* trees that left the row out */
} Grower;

const double cf_forest_levels[CF_FOREST_QUANTILES] = {0.025, 0.1, 0.5, 0.9, 0.975};

/* leaves_at_most bounds the leaves of one tree. */
static size_t
leaves_at_most(const CfForestParams *params, size_t count)
{
	size_t		leaves = count / (size_t) params->min_leaf_rows;

	if (params->max_depth < 40 && leaves > (size_t) 1 << params->max_depth)
		leaves = (size_t) 1 << params->max_depth;
	return leaves > 0 ? leaves : 1;
}

static bool
sizes_valid(const CfForestParams *params, size_t count, int features)
{
	return params->trees >= 1 && params->trees <= CF_FOREST_TREES_MAX &&
		params->max_depth >= 1 && params->max_depth <= CF_FOREST_DEPTH_MAX && params->min_leaf_rows >= 1 &&
		params->features_per_split >= 0 && params->features_per_split <= features &&
		params->bins >= 2 && params->bins <= CF_FOREST_BINS_MAX &&
		(params->classes == 0 || (params->classes >= 2 && params->classes <= CF_FOREST_CLASSES_MAX)) &&
		count >= 1 && count <= CF_FOREST_ROWS_MAX && features >= 1 && features <= CF_FOREST_FEATURES_MAX;
}

size_t
cf_forest_workspace_bytes(const CfForestParams *params, size_t count, int features)
{
	size_t		outputs = params->classes > 0 ? (size_t) params->classes : 1;

	if (!sizes_valid(params, count, features))
		return 0;

	size_t		leaves = leaves_at_most(params, count);

	return cf_forest_table_bytes(count, features) + sizeof(Grower) +
		count * (2 * sizeof(uint32_t) + outputs * sizeof(float) + sizeof(uint16_t)) + 32 * count +
		leaves * (2 * (sizeof(CfForestNode) + sizeof(uint32_t)) + outputs * sizeof(float)) +
		BATCH * 256 * (outputs * sizeof(Lane) + sizeof(double)) + 65536;
}

/* out_of_time looks at the interrupt when enough work has been done. */
static bool
out_of_time(Grower *grower, size_t work)
{
	if (work < grower->work_left)
	{
		grower->work_left -= work;
		return false;
	}
	grower->work_left = WORK_PER_LOOK;
	if (!cf_interrupt_wanted(grower->interrupt))
		return false;
	cf_error_set(grower->err, CF_ERR_CANCELLED, "growing of a forest was cancelled");
	return true;
}

/* draw_bag chooses the rows of a tree and makes the root's task of them. */
static void
draw_bag(Grower *grower, Task *root)
{
	const ForestTable *table = grower->table;
	uint8_t    *bag = table->bins + table->columns + 1;

	memset(root, 0, sizeof(*root));
	for (size_t i = 0; i < table->count; i++)
		bag[i * table->stride] = 0;
	for (size_t i = 0; i < table->count; i++)
	{
		uint8_t    *times = bag + cf_random_below(&grower->random, (uint32_t) table->count) * table->stride;

		*times += *times < 255;
	}
	for (size_t i = 0; i < table->count; i++)
	{
		uint8_t		times = bag[i * table->stride];

		if (times == 0)
			continue;
		grower->rows[root->end++] = (uint32_t) i;
		root->lane[table->target ? 0 : bag[i * table->stride - 1]] += (UINT64_C(1) << 32) | times;
		if (table->target)
			root->sum += times * table->target[i];
	}
}

/* count_bins adds the rows of a node to the counts of `batch` features; touched gets their bins when there are few rows. */
static void
count_bins(Grower *grower, const Task *task, const int *features, int batch, uint64_t touched[BATCH][4])
{
	const ForestTable *table = grower->table;
	int			lanes = grower->lanes;
	bool		few = task->end - task->begin < FEW_ROWS;
	size_t		hist_of[BATCH];

	for (int b = 0; b < BATCH; b++)
		hist_of[b] = (size_t) b * 256 * (size_t) lanes;
	for (uint32_t i = task->begin; i < task->end; i++)
	{
		const uint8_t *row = table->bins + grower->rows[i] * table->stride;
		uint64_t	times = row[table->columns + 1];

		__builtin_prefetch(table->bins + grower->rows[i + 8 < task->end ? i + 8 : i] * table->stride);
		if (table->target == NULL)
		{
			Lane	   *hist = grower->hist + row[table->columns];

			for (int b = 0; b < batch; b++)
				hist[hist_of[b] + row[features[b]] * (size_t) lanes] += (UINT64_C(1) << 32) | times;
		}
		else
		{
			double		sum = (double) times * table->target[grower->rows[i]];

			for (int b = 0; b < batch; b++)
			{
				grower->hist[hist_of[b] + row[features[b]]] += (UINT64_C(1) << 32) | times;
				grower->sums[b * 256 + row[features[b]]] += sum;
			}
		}
		if (few)
			for (int b = 0; b < batch; b++)
				touched[b][row[features[b]] >> 6] |= UINT64_C(1) << (row[features[b]] & 63);
	}
}

/* score_classes is the sum of squares over the weight of both sides: largest where Gini impurity is least. */
static inline __attribute__((always_inline)) double
score_classes(const Grower *grower, const Lane *left, const Lane *total, int classes)
{
	double		left_weight = 0;
	double		left_square = 0;
	double		right_weight = 0;
	double		right_square = 0;

	for (int c = 0; c < classes; c++)
	{
		double		l = grower->weight[c] * LANE_DRAWS(left[c]);
		double		r = grower->weight[c] * (LANE_DRAWS(total[c]) - LANE_DRAWS(left[c]));

		left_weight += l;
		left_square += l * l;
		right_weight += r;
		right_square += r * r;
	}
	return (left_square * right_weight + right_square * left_weight) / (left_weight * right_weight);
}

/* rows_of counts the different rows of some lanes. */
static inline __attribute__((always_inline)) uint32_t
rows_of(const Lane *lane, int lanes)
{
	uint32_t	rows = 0;

	for (int c = 0; c < lanes; c++)
		rows += LANE_ROWS(lane[c]);
	return rows;
}

/* try_cut keeps the cut after a bin when it is better than what was found, and both sides are large enough. */
static inline __attribute__((always_inline)) void
try_cut(const Grower *grower, const Task *task, const Lane *left, double left_sum, int column, int threshold, int lanes,
		Split *best)
{
	uint32_t	rows = rows_of(left, lanes);
	uint32_t	least = (uint32_t) grower->params->min_leaf_rows;
	double		score;

	if (rows < least || task->end - task->begin - rows < least)
		return;
	if (grower->table->target == NULL)
		score = score_classes(grower, left, task->lane, lanes);
	else
	{
		double		right_sum = task->sum - left_sum;

		score = left_sum * left_sum / LANE_DRAWS(left[0]) +
			right_sum * right_sum / (LANE_DRAWS(task->lane[0]) - LANE_DRAWS(left[0]));
	}
	if (score <= best->score)
		return;
	best->score = score;
	best->column = column;
	best->threshold = (uint8_t) threshold;
	for (int c = 0; c < lanes; c++)
		best->lane[c] = left[c];
	best->sum = left_sum;
}

/*
 * scan_bins looks at every cut of one feature: missing values go right, and, where there are some, once more with them on the left.
 * `lanes` is a constant where it is called, so that loops over classes unroll.
 */
static inline __attribute__((always_inline)) void
scan_bins(const Grower *grower, const Task *task, int feature, const Lane *hist, const double *sums,
		  const uint64_t touched[4], int lanes, Split *best)
{
	int			left_column = grower->forest->feature[feature].left_column;
	const Lane *missing = hist + FOREST_MISSING * lanes;
	bool		some_missing = left_column >= 0 && rows_of(missing, lanes) > 0;
	Lane		left[CF_FOREST_CLASSES_MAX] = {0};
	Lane		with[CF_FOREST_CLASSES_MAX];
	double		left_sum = 0;
	int			last = -1;

	for (int word = 0; word < 4; word++)
	{
		uint64_t	bits = touched[word];

		while (bits != 0)
		{
			int			bin = word * 64 + __builtin_ctzll(bits);

			bits &= bits - 1;
			if (bin == FOREST_MISSING || rows_of(hist + bin * lanes, lanes) == 0)
				continue;
			/* The cut lies halfway between the last bin that is there and this one. */
			if (last >= 0)
			{
				try_cut(grower, task, left, left_sum, feature, (last + bin - 1) / 2, lanes, best);
				if (some_missing)
				{
					for (int c = 0; c < lanes; c++)
						with[c] = left[c] + missing[c];
					try_cut(grower, task, with, sums ? left_sum + sums[FOREST_MISSING] : 0, left_column, (last + bin - 1) / 2,
							lanes, best);
				}
			}
			for (int c = 0; c < lanes; c++)
				left[c] += hist[bin * lanes + c];
			if (sums)
				left_sum += sums[bin];
			last = bin;
		}
	}
	if (some_missing && last >= 0)
		try_cut(grower, task, left, left_sum, feature, FOREST_MISSING - 1, lanes, best);
}

/* constant tells whether all rows of a node are in one bin of a feature. */
static bool
constant(const Lane *hist, const uint64_t touched[4], int lanes, uint32_t rows)
{
	for (int word = 0; word < 4; word++)
		for (uint64_t bits = touched[word]; bits != 0; bits &= bits - 1)
		{
			uint32_t	here = rows_of(hist + (word * 64 + __builtin_ctzll(bits)) * lanes, lanes);

			if (here > 0)
				return here == rows;
		}
	return true;
}

/* scan chooses the loop made for this number of classes. */
static void
scan(const Grower *grower, const Task *task, int feature, const Lane *hist, const double *sums,
	 const uint64_t touched[4], Split *best)
{
	if (sums)
		scan_bins(grower, task, feature, hist, sums, touched, 1, best);
	else if (grower->lanes == 2)
		scan_bins(grower, task, feature, hist, NULL, touched, 2, best);
	else if (grower->lanes == 3)
		scan_bins(grower, task, feature, hist, NULL, touched, 3, best);
	else
		scan_bins(grower, task, feature, hist, NULL, touched, grower->lanes, best);
}

/* forget clears the counts of a feature again. */
static void
forget(Lane *hist, double *sums, const uint64_t touched[4], int lanes)
{
	for (int word = 0; word < 4; word++)
		for (uint64_t bits = touched[word]; bits != 0; bits &= bits - 1)
		{
			int			bin = word * 64 + __builtin_ctzll(bits);

			memset(hist + bin * lanes, 0, (size_t) lanes * sizeof(Lane));
			if (sums)
				sums[bin] = 0;
		}
}

/* find_split draws features until enough that vary here have been looked at; false = cancelled. */
static bool
find_split(Grower *grower, const Task *task, Split *best)
{
	int			features = grower->table->features;
	uint32_t	rows = task->end - task->begin;
	int			tried = 0;
	int			varied = 0;

	best->column = -1;
	best->score = -1;
	/* Classes go on until a node is pure; numbers have no pure, only what rounding leaves of a decrease. */
	if (grower->table->target)
		best->score = task->sum * task->sum / LANE_DRAWS(task->lane[0]) * (1 + 1e-9) + 1e-9 * grower->forest->share[1];
	while (varied < grower->per_split && tried < features)
	{
		uint64_t	touched[BATCH][4] = {0};
		int			batch = 0;

		while (batch < BATCH && varied + batch < grower->per_split && tried < features)
		{
			int			other = tried + (int) cf_random_below(&grower->random, (uint32_t) (features - tried));
			int			feature = grower->drawn[other];

			grower->drawn[other] = grower->drawn[tried];
			grower->drawn[tried++] = feature;
			batch++;
		}
		if (rows >= FEW_ROWS)
			memset(touched, 0xff, sizeof(touched));
		count_bins(grower, task, &grower->drawn[tried - batch], batch, touched);
		for (int b = 0; b < batch; b++)
		{
			Lane	   *hist = grower->hist + b * 256 * grower->lanes;
			double	   *sums = grower->sums ? grower->sums + b * 256 : NULL;

			if (!constant(hist, touched[b], grower->lanes, rows))
			{
				varied++;
				scan(grower, task, grower->drawn[tried - batch + b], hist, sums, touched[b], best);
			}
			forget(hist, sums, touched[b], grower->lanes);
		}
		if (out_of_time(grower, (size_t) batch * (rows + 64)))
			return false;
	}
	return true;
}

/* pure tells whether nothing is left to tell apart. */
static bool
pure(const Grower *grower, const Task *task)
{
	int			present = 0;

	if (grower->table->target)
		return false;
	for (int c = 0; c < grower->lanes; c++)
		present += task->lane[c] != 0;
	return present <= 1;
}

/* end_in_leaf makes a node a leaf: it points at itself, and its value is what its rows are. */
static void
end_in_leaf(Grower *grower, const Task *task)
{
	float	   *value = grower->values + (size_t) grower->leaf_count * (size_t) grower->lanes;
	double		weight = 0;

	grower->nodes[task->node] = (CfForestNode) {.child = task->node, .threshold = 255};
	grower->leaf_of[task->node] = grower->leaf_count++;
	if (grower->table->target)
	{
		value[0] = (float) (grower->forest->share[0] + task->sum / LANE_DRAWS(task->lane[0]));
		return;
	}
	for (int c = 0; c < grower->lanes; c++)
		weight += grower->weight[c] * LANE_DRAWS(task->lane[c]);
	for (int c = 0; c < grower->lanes; c++)
		value[c] = (float) (grower->weight[c] * LANE_DRAWS(task->lane[c]) / weight);
}

/* divide orders the rows of a node by side; returns the first of the right side. */
static uint32_t
divide(Grower *grower, const Task *task, const Split *split)
{
	const ForestTable *table = grower->table;
	const uint8_t *column = table->bins + split->column;
	uint32_t	left = task->begin;
	uint32_t	right = 0;

	for (uint32_t i = task->begin; i < task->end; i++)
	{
		uint32_t	row = grower->rows[i];
		bool		goes_right = column[row * table->stride] > split->threshold;

		grower->rows[left] = row;
		grower->moved[right] = row;
		left += !goes_right;
		right += goes_right;
	}
	memcpy(grower->rows + left, grower->moved, right * sizeof(uint32_t));
	return left;
}

/* grow_node ends a node in a leaf or puts its two children on the stack; returns the new height of the stack, -1 = cancelled. */
static int
grow_node(Grower *grower, int height)
{
	Task		task = grower->stack[height];
	Split		split = {.column = -1};

	if (task.depth > grower->depth)
		grower->depth = task.depth;
	if (task.depth < grower->params->max_depth && !pure(grower, &task) &&
		task.end - task.begin >= 2 * (uint64_t) grower->params->min_leaf_rows && !find_split(grower, &task, &split))
		return -1;
	if (split.column < 0)
	{
		end_in_leaf(grower, &task);
		return height;
	}

	Task	   *right = &grower->stack[height];
	Task	   *left = &grower->stack[height + 1];
	uint32_t	middle = divide(grower, &task, &split);
	uint32_t	child = grower->node_count;

	grower->node_count += 2;
	grower->nodes[task.node] = (CfForestNode) {.child = child, .column = (uint16_t) split.column, .threshold = split.threshold};
	grower->leaf_of[task.node] = 0;
	right->begin = middle;
	right->end = task.end;
	left->begin = task.begin;
	left->end = middle;
	left->node = child;
	right->node = child + 1;
	left->depth = right->depth = task.depth + 1;
	for (int c = 0; c < grower->lanes; c++)
	{
		left->lane[c] = split.lane[c];
		right->lane[c] = task.lane[c] - split.lane[c];
	}
	left->sum = split.sum;
	right->sum = task.sum - split.sum;
	return height + 2;
}

/* keep_tree copies the tree that has been grown. */
static bool
keep_tree(Grower *grower, CfForestTree *tree)
{
	size_t		values = (size_t) grower->leaf_count * (size_t) grower->lanes;
	CfForestNode *nodes = cf_arena_alloc(grower->keep, grower->node_count * sizeof(CfForestNode));
	uint32_t   *leaf_of = cf_arena_alloc(grower->keep, grower->node_count * sizeof(uint32_t));
	float	   *value = cf_arena_alloc(grower->keep, values * sizeof(float));

	if (nodes == NULL || leaf_of == NULL || value == NULL)
		return cf_error_set(grower->err, CF_ERR_MEMORY, "out of memory");
	memcpy(nodes, grower->nodes, grower->node_count * sizeof(CfForestNode));
	memcpy(leaf_of, grower->leaf_of, grower->node_count * sizeof(uint32_t));
	memcpy(value, grower->values, values * sizeof(float));
	*tree = (CfForestTree) {grower->node_count, grower->leaf_count, grower->depth, nodes, leaf_of, value};
	return true;
}

/* grow_tree grows one tree. */
static bool
grow_tree(Grower *grower, CfForestTree *tree)
{
	int			height = 1;

	for (int f = 0; f < grower->table->features; f++)
		grower->drawn[f] = f;
	grower->node_count = 1;
	grower->leaf_count = 0;
	grower->depth = 0;
	draw_bag(grower, &grower->stack[0]);
	if (out_of_time(grower, 4 * grower->table->count))
		return false;
	while (height > 0)
	{
		height = grow_node(grower, height - 1);
		if (height < 0)
			return false;
	}
	return keep_tree(grower, tree);
}

/* wrong tells how wrong a leaf's value is for a row: 1 for another class, the square for numbers. */
static double
wrong(const Grower *grower, const CfForestTree *tree, uint32_t leaf, size_t row)
{
	const ForestTable *table = grower->table;
	const float *value = tree->values + (size_t) leaf * (size_t) grower->lanes;
	int			most = 0;

	if (table->target)
	{
		double		off = value[0] - grower->forest->share[0] - table->target[row];

		return off * off;
	}
	for (int c = 1; c < grower->lanes; c++)
		if (value[c] > value[most])
			most = c;
	return most != table->bins[row * table->stride + (size_t) table->columns];
}

/* vote lets a tree tell about the rows out of its bag. */
static bool
vote(Grower *grower, const CfForestTree *tree)
{
	const ForestTable *table = grower->table;
	const uint8_t *rows[WALK];
	uint32_t	number[WALK];
	uint32_t	leaf[WALK];
	int			many = 0;

	for (size_t i = 0; i < table->count; i++)
	{
		const uint8_t *row = table->bins + i * table->stride;

		if (row[table->columns + 1] == 0)
		{
			rows[many] = row;
			number[many++] = (uint32_t) i;
		}
		if (many < WALK && i + 1 < table->count)
			continue;
		cf_forest_walk(tree, rows, many, leaf);
		for (int k = 0; k < many; k++)
		{
			const float *value = tree->values + (size_t) leaf[k] * (size_t) grower->lanes;

			for (int c = 0; c < grower->lanes; c++)
				grower->votes[(size_t) number[k] * (size_t) grower->lanes + (size_t) c] += value[c];
			grower->out[number[k]]++;
		}
		if (out_of_time(grower, (size_t) many * 8))
			return false;
		many = 0;
	}
	return true;
}

/* shuffled_error is the error of a tree when a feature of its rows is dealt out again among them. */
static double
shuffled_error(Grower *grower, const CfForestTree *tree, int feature, const uint32_t *rows, int many)
{
	const ForestTable *table = grower->table;
	int			left_column = grower->forest->feature[feature].left_column;
	uint8_t		changed[2 * CF_FOREST_FEATURES_MAX];
	const uint8_t *one = changed;
	uint32_t	from[IMPORTANCE_ROWS];
	uint32_t	leaf;
	double		error = 0;

	memcpy(from, rows, (size_t) many * sizeof(uint32_t));
	for (int i = many - 1; i > 0; i--)
	{
		uint32_t	other = cf_random_below(&grower->random, (uint32_t) i + 1);
		uint32_t	row = from[i];

		from[i] = from[other];
		from[other] = row;
	}
	for (int i = 0; i < many; i++)
	{
		const uint8_t *giver = table->bins + from[i] * table->stride;

		memcpy(changed, table->bins + rows[i] * table->stride, (size_t) table->columns);
		changed[feature] = giver[feature];
		if (left_column >= 0)
			changed[left_column] = giver[left_column];
		cf_forest_walk(tree, &one, 1, &leaf);
		error += wrong(grower, tree, leaf, rows[i]);
	}
	return error;
}

/* weigh_features adds to the importance of each feature what this tree loses without it. */
static bool
weigh_features(Grower *grower, const CfForestTree *tree, double *importance)
{
	const ForestTable *table = grower->table;
	uint32_t	rows[IMPORTANCE_ROWS];
	bool		used[2 * CF_FOREST_FEATURES_MAX] = {false};
	double		error = 0;
	int			many = 0;

	for (size_t i = 0; i < table->count && many < IMPORTANCE_ROWS; i++)
	{
		const uint8_t *row = table->bins + i * table->stride;
		uint32_t	leaf;

		if (row[table->columns + 1] > 0)
			continue;
		cf_forest_walk(tree, &row, 1, &leaf);
		error += wrong(grower, tree, leaf, i);
		rows[many++] = (uint32_t) i;
	}
	for (uint32_t n = 0; n < tree->node_count; n++)
		if (tree->nodes[n].child != n)
			used[tree->nodes[n].column] = true;
	for (int f = 0; f < table->features && many > 1; f++)
	{
		int			left_column = grower->forest->feature[f].left_column;

		if (!used[f] && (left_column < 0 || !used[left_column]))
			continue;
		importance[f] += (shuffled_error(grower, tree, f, rows, many) - error) / many / grower->params->trees;
		if (out_of_time(grower, (size_t) many * 32))
			return false;
	}
	return true;
}

/* check_rows refuses parameters and targets that mean nothing, and counts the classes. */
static bool
check_rows(const CfForestParams *params, const CfForestRows *rows, CfForest *forest, CfError *err)
{
	if (rows->count > CF_FOREST_ROWS_MAX)
		return cf_error_set(err, CF_ERR_RANGE, "a forest cannot be grown from %zu rows, at most from %d", rows->count,
							CF_FOREST_ROWS_MAX);
	if (!sizes_valid(params, rows->count, rows->features))
		return cf_error_set(err, CF_ERR_INPUT, "parameters of a forest are out of range");
	for (int c = 0; c < params->classes; c++)
		if (params->class_weights && !(params->class_weights[c] > 0 && params->class_weights[c] <= 1e6))
			return cf_error_set(err, CF_ERR_INPUT, "weight of class %d is not between 0 and a million", c);
	for (size_t i = 0; i < rows->count; i++)
	{
		double		target = rows->targets[i];

		if (params->classes > 0)
		{
			if (!(target >= 0 && target < params->classes) || target != floor(target))
				return cf_error_set(err, CF_ERR_INPUT, "class %g of row %zu is not one of %d", target, i + 1, params->classes);
			forest->share[(int) target] += 1.0 / (double) rows->count;
		}
		else if (!(fabs(target) <= 1e30) || (params->log_target && target < 0))
			return cf_error_set(err, CF_ERR_INPUT, "target %g of row %zu is not a number to learn from", target, i + 1);
	}
	return true;
}

/* centre_targets takes the mean out of numbers, so that sums of squares do not drown in it. */
static void
centre_targets(CfForest *forest, ForestTable *table)
{
	double		mean = 0;
	double		variance = 0;

	for (size_t i = 0; i < table->count; i++)
		mean += (table->target[i] - mean) / (double) (i + 1);
	for (size_t i = 0; i < table->count; i++)
	{
		table->target[i] -= mean;
		variance += table->target[i] * table->target[i] / (double) table->count;
	}
	forest->share[0] = mean;
	forest->share[1] = variance;
}

/* take_workspace gets all that growing needs beside the table. */
static Grower *
take_workspace(const CfForestParams *params, const ForestTable *table, CfArena *work)
{
	Grower	   *grower = cf_arena_zalloc(work, sizeof(Grower));
	size_t		lanes = params->classes > 0 ? (size_t) params->classes : 1;
	size_t		leaves = leaves_at_most(params, table->count);

	if (grower == NULL)
		return NULL;
	grower->lanes = (int) lanes;
	grower->rows = cf_arena_alloc(work, table->count * sizeof(uint32_t));
	grower->moved = cf_arena_alloc(work, table->count * sizeof(uint32_t));
	grower->hist = cf_arena_zalloc(work, BATCH * 256 * lanes * sizeof(Lane));
	grower->nodes = cf_arena_alloc(work, 2 * leaves * sizeof(CfForestNode));
	grower->leaf_of = cf_arena_alloc(work, 2 * leaves * sizeof(uint32_t));
	grower->values = cf_arena_alloc(work, leaves * lanes * sizeof(float));
	grower->votes = cf_arena_zalloc(work, table->count * lanes * sizeof(float));
	grower->out = cf_arena_zalloc(work, table->count * sizeof(uint16_t));
	if (table->target)
		grower->sums = cf_arena_zalloc(work, BATCH * 256 * sizeof(double));
	if (grower->rows == NULL || grower->moved == NULL || grower->hist == NULL || grower->nodes == NULL ||
		grower->leaf_of == NULL || grower->values == NULL || grower->votes == NULL || grower->out == NULL ||
		(table->target && grower->sums == NULL))
		return NULL;
	return grower;
}

/* set_weights decides what a row of each class weighs. */
static void
set_weights(const CfForestParams *params, const CfForest *forest, double *weight)
{
	for (int c = 0; c < params->classes; c++)
	{
		weight[c] = params->class_weights ? params->class_weights[c] : 1;
		if (params->balanced && forest->share[c] > 0)
			weight[c] /= forest->share[c] * params->classes;
	}
}

/* grow_trees grows tree after tree and lets each tell about the rows that it has not seen. */
static bool
grow_trees(Grower *grower, CfForest *forest)
{
	size_t		nodes = 0;

	for (int t = 0; t < grower->params->trees; t++)
	{
		grower->random = cf_random_stream(grower->params->seed, (uint64_t) t);
		if (!grow_tree(grower, &forest->tree[t]))
			return false;
		forest->tree_count = t + 1;
		nodes += forest->tree[t].node_count;
		if (nodes > CF_FOREST_NODES_MAX)
		{
			cf_error_set(grower->err, CF_ERR_RANGE, "a forest of more than %d nodes is too large", CF_FOREST_NODES_MAX);
			return cf_error_hint(grower->err, "Grow fewer trees, or raise the least number of rows in a leaf.");
		}
		if (!vote(grower, &forest->tree[t]) || !weigh_features(grower, &forest->tree[t], forest->importance))
			return false;
	}
	return true;
}

bool
cf_forest_grow(const CfForestParams *params, const CfForestRows *rows, CfArena *keep, CfArena *work,
			   const CfInterrupt *interrupt, CfForest *forest, CfError *err)
{
	ForestTable table;
	Grower	   *grower;

	memset(forest, 0, sizeof(*forest));
	forest->log_target = params->log_target && params->classes == 0;
	if (!check_rows(params, rows, forest, err) ||
		!cf_forest_table_make(params, rows, keep, work, interrupt, forest, &table, err))
		return false;
	if (table.target)
		centre_targets(forest, &table);
	forest->classes = params->classes;
	forest->outputs = params->classes > 0 ? params->classes : 1;
	forest->max_depth = params->max_depth;
	forest->min_leaf_rows = params->min_leaf_rows;
	forest->seed = params->seed;
	forest->row_count = rows->count;
	forest->tree = cf_arena_zalloc(keep, (size_t) params->trees * sizeof(CfForestTree));
	forest->importance = cf_arena_zalloc(keep, (size_t) rows->features * sizeof(double));
	grower = take_workspace(params, &table, work);
	if (grower == NULL || forest->tree == NULL || forest->importance == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	grower->params = params;
	grower->forest = forest;
	grower->table = &table;
	grower->interrupt = interrupt;
	grower->keep = keep;
	grower->err = err;
	grower->per_split = params->features_per_split;
	if (grower->per_split == 0)
		grower->per_split = params->classes > 0 ? (int) sqrt(rows->features) : (rows->features + 2) / 3;
	set_weights(params, forest, grower->weight);
	return grow_trees(grower, forest) &&
		cf_forest_calibrate(forest, &table, grower->votes, grower->out, keep, work, interrupt, err);
}
