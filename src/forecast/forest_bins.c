/*
 * forest_bins.c
 *		From rows of values to rows of bins: the canonical order of rows, edges of numeric features, order of categories.
 *
 * Rows are ordered by a hash of key, content and target (a radix sort), so that whatever follows sees the same sequence however
 * the rows came, and so that the first rows are a random sample: edges are quantiles of the first SAMPLE_ROWS rows.
 *
 * Numeric: with at most `bins` distinct values each has its bin, the edge halfway to the next; otherwise edges are put where the
 * mass of a bin is full. Categorical: the categories are ordered once, before the trees grow (Wright and König, "Splitting on
 * categorical predictors in random forests", PeerJ 7, 2019): by mean target for numbers and two classes; for more classes by
 * the first principal component of the categories' class shares, weighted by their rows (Coppersmith, Hong, Hosking, "Partitioning nominal
 * attributes in decision trees", 1999). A category beyond the 255 most frequent ones counts as missing, as one that is new later.
 */
#include <math.h>
#include <string.h>

#include "forecast/forest_private.h"
#include "forecast/random.h"

#define SAMPLE_ROWS 200000
#define ROWS_PER_LOOK 16384		/* between two looks at the interrupt */

typedef struct Category
{
	float		value;
	size_t		count;			/* in the sample */
	double		score;			/* what it is ordered by */
	double		weight;
	double		shares[CF_FOREST_CLASSES_MAX];
} Category;

typedef struct Cut
{
	const CfForestParams *params;
	const CfForestRows *rows;
	CfArena    *keep;
	const uint32_t *order;
	size_t		sampled;
	float	   *sample;			/* sampled values, and as many to sort them with */
	float	   *spare;
	Category   *category;	/* room for those of one feature */
} Cut;

static bool
stopped(const CfInterrupt *interrupt, size_t i, CfError *err)
{
	if (i % ROWS_PER_LOOK == 0 && cf_interrupt_wanted(interrupt))
	{
		cf_error_set(err, CF_ERR_CANCELLED, "growing of a forest was cancelled");
		return true;
	}
	return false;
}

size_t
cf_forest_table_bytes(size_t count, int features)
{
	size_t		sampled = count < SAMPLE_ROWS ? count : SAMPLE_ROWS;

	/* Hashes and rows twice; per row its columns, label, count in the bag, and target. */
	return count * (24 + 2 * (size_t) features + 2 + sizeof(double)) + sampled * 2 * sizeof(float) +
		CF_FOREST_BINS_MAX * sizeof(Category) + 1024;
}

/* bits_of gives the bits of a float such that equal values have equal bits. */
static uint32_t
bits_of(float value)
{
	uint32_t	bits;

	if (isnan(value))
		return 0x7fc00000;
	if (value == 0)
		return 0;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/*
 * row_hash is what a row is ordered by: its key and features, then its target, so that other targets (larger ones, say) leave
 * the order, and with it the bags, as they are. whole gets the hash of all three.
 */
static uint64_t
row_hash(const CfForestRows *rows, size_t i, uint64_t *whole)
{
	const float *values = rows->values + i * (size_t) rows->features;
	uint64_t	hash = rows->keys ? rows->keys[i] : 0;
	uint64_t	target;

	memcpy(&target, &rows->targets[i], sizeof(target));
	for (int f = 0; f < rows->features; f += 2)
	{
		uint64_t	pair = bits_of(values[f]);

		if (f + 1 < rows->features)
			pair |= (uint64_t) bits_of(values[f + 1]) << 32;
		hash = cf_random_hash(hash, pair);
	}
	*whole = cf_random_hash(hash, target);
	return (hash & ~UINT64_C(0xffffffff)) | (*whole >> 32);
}

/* sort_by_hash sorts hashes and the rows that they belong to, eight bits at a time; the result is in the first two arrays. */
static bool
sort_by_hash(uint64_t *hash, uint32_t *row, uint64_t *hash2, uint32_t *row2, size_t count,
			 const CfInterrupt *interrupt, CfError *err)
{
	for (int shift = 0; shift < 64; shift += 8)
	{
		size_t		at[256] = {0};
		size_t		sum = 0;

		if (stopped(interrupt, 0, err))
			return false;
		for (size_t i = 0; i < count; i++)
			at[(hash[i] >> shift) & 255]++;
		for (int b = 0; b < 256; b++)
		{
			size_t		n = at[b];

			at[b] = sum;
			sum += n;
		}
		for (size_t i = 0; i < count; i++)
		{
			size_t		to = at[(hash[i] >> shift) & 255]++;

			hash2[to] = hash[i];
			row2[to] = row[i];
		}

		uint64_t   *h = hash;
		uint32_t   *r = row;

		hash = hash2;
		row = row2;
		hash2 = h;
		row2 = r;
	}
	return true;
}

/* sort_floats sorts numbers, none of them NaN, through their bits. */
static void
sort_floats(float *values, float *spare, size_t count)
{
	for (int shift = 0; shift < 33; shift += 11)
	{
		size_t		at[2048] = {0};
		size_t		sum = 0;

		for (int pass = 0; pass < 2; pass++)
		{
			for (size_t i = 0; i < count; i++)
			{
				uint32_t	bits = bits_of(values[i]);

				bits = bits & 0x80000000 ? ~bits : bits | 0x80000000;
				if (pass == 0)
					at[(bits >> shift) & 2047]++;
				else
					spare[at[(bits >> shift) & 2047]++] = values[i];
			}
			for (int b = 0; b < 2048 && pass == 0; b++)
			{
				size_t		n = at[b];

				at[b] = sum;
				sum += n;
			}
		}
		memcpy(values, spare, count * sizeof(float));
	}
}

/* edge_between is a number e with a <= e < b, halfway if there is one. */
static float
edge_between(float a, float b)
{
	float		half = a / 2 + b / 2;

	return half >= a && half < b ? half : a;
}

/* cut_numeric finds the edges of a feature in its sorted sample. */
static bool
cut_numeric(Cut *cut, size_t count, CfForestFeature *feature)
{
	int			bins = cut->params->bins;
	float	   *edges = cf_arena_alloc(cut->keep, (size_t) bins * sizeof(float));
	size_t		distinct = count > 0;
	size_t		begun = 0;		/* first row of the bin that is being filled */

	if (edges == NULL)
		return false;
	for (size_t i = 1; i < count; i++)
		distinct += cut->sample[i] != cut->sample[i - 1];
	feature->edges = edges;
	for (size_t i = 1; i < count && feature->edge_count < bins - 1; i++)
	{
		if (cut->sample[i] == cut->sample[i - 1])
			continue;
		/* What is left is spread over the bins that are left. */
		if (distinct <= (size_t) bins ||
			(i - begun) * (size_t) (bins - feature->edge_count) >= count - begun)
		{
			edges[feature->edge_count++] = edge_between(cut->sample[i - 1], cut->sample[i]);
			begun = i;
		}
	}
	return true;
}

/* find_category gives the place of a value among the sorted categories, -1 = none. */
static int
find_category(const float *edges, int count, float value)
{
	int			low = 0;
	int			high = count;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (edges[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && edges[low] == value ? low : -1;
}

/* main_direction finds the direction in which the shares of categories differ most, by power iteration. */
static void
main_direction(const Category *category, int count, int classes, double *direction)
{
	double		mean[CF_FOREST_CLASSES_MAX] = {0};
	double		weight = 0;

	for (int i = 0; i < count; i++)
	{
		weight += category[i].weight;
		for (int c = 0; c < classes; c++)
			mean[c] += category[i].weight * category[i].shares[c];
	}
	for (int c = 0; c < classes; c++)
	{
		mean[c] /= weight > 0 ? weight : 1;
		direction[c] = c;		/* where nothing differs, and for two classes, the order of their numbers */
	}
	for (int round = 0; round < 40 && classes > 2; round++)
	{
		double		next[CF_FOREST_CLASSES_MAX] = {0};
		double		norm = 0;

		for (int i = 0; i < count; i++)
		{
			double		along = 0;

			for (int c = 0; c < classes; c++)
				along += (category[i].shares[c] - mean[c]) * direction[c];
			for (int c = 0; c < classes; c++)
				next[c] += category[i].weight * along * (category[i].shares[c] - mean[c]);
		}
		for (int c = 0; c < classes; c++)
			norm += next[c] * next[c];
		if (!(norm > 0))
			return;
		for (int c = 0; c < classes; c++)
			direction[c] = next[c] / sqrt(norm);
	}
}

/* score_categories computes what each category is ordered by, from all rows. */
static void
score_categories(Cut *cut, int f, const CfForestFeature *feature)
{
	Category   *category = cut->category;
	const CfForestRows *rows = cut->rows;
	int			classes = cut->params->classes;
	double		direction[CF_FOREST_CLASSES_MAX];

	for (size_t i = 0; i < rows->count; i++)
	{
		size_t		row = cut->order[i];
		int			k = find_category(feature->edges, feature->edge_count,
									  rows->values[row * (size_t) rows->features + (size_t) f]);

		if (k < 0)
			continue;
		category[k].weight += 1;
		if (classes > 0)
			category[k].shares[(int) rows->targets[row]] += 1;
		else
			category[k].score += rows->targets[row];
	}
	for (int k = 0; k < feature->edge_count; k++)
	{
		category[k].score /= category[k].weight;
		for (int c = 0; c < classes; c++)
			category[k].shares[c] /= category[k].weight;
	}
	if (classes == 0)
		return;
	main_direction(category, feature->edge_count, classes, direction);
	for (int k = 0; k < feature->edge_count; k++)
	{
		category[k].score = 0;
		for (int c = 0; c < classes; c++)
			category[k].score += category[k].shares[c] * direction[c];
	}
}

/* cut_categories finds the categories of a feature in its sorted sample, and their order. */
static bool
cut_categories(Cut *cut, int f, size_t count, CfForestFeature *feature)
{
	int			most = cut->params->bins;
	Category   *category = cut->category;
	float	   *edges = cf_arena_alloc(cut->keep, (size_t) most * sizeof(float));
	uint8_t    *rank = cf_arena_alloc(cut->keep, (size_t) most);
	int			found = 0;

	if (edges == NULL || rank == NULL)
		return false;
	for (size_t i = 0; i < count;)
	{
		Category	next = {.value = cut->sample[i]};
		int			rarest = 0;

		while (i < count && cut->sample[i] == next.value)
		{
			next.count++;
			i++;
		}
		if (found < most)
		{
			category[found++] = next;
			continue;
		}
		for (int k = 1; k < found; k++)
			if (category[k].count < category[rarest].count)
				rarest = k;
		if (category[rarest].count >= next.count)
			continue;
		memmove(&category[rarest], &category[rarest + 1], (size_t) (found - rarest - 1) * sizeof(Category));
		category[found - 1] = next;	/* values ascend, so the newest stands last */
	}
	for (int k = 0; k < found; k++)
		edges[k] = category[k].value;
	feature->edges = edges;
	feature->rank = rank;
	feature->edge_count = found;
	score_categories(cut, f, feature);
	for (int k = 0; k < found; k++)
	{
		int			below = 0;

		for (int j = 0; j < found; j++)
			below += category[j].score < category[k].score || (category[j].score == category[k].score && j < k);
		rank[k] = (uint8_t) below;
	}
	return true;
}

/* bin_of gives the bin of a value, FOREST_MISSING for none. */
static inline uint8_t
bin_of(const CfForestFeature *feature, float value)
{
	if (isnan(value))
		return FOREST_MISSING;
	if (feature->categorical)
	{
		int			k = find_category(feature->edges, feature->edge_count, value);

		return k < 0 ? FOREST_MISSING : feature->rank[k];
	}

	/* The number of edges below the value, without a branch that the processor would have to guess. */
	const float *base = feature->edges;
	int			n = feature->edge_count;

	if (n == 0)
		return 0;
	while (n > 1)
	{
		int			half = n / 2;

		base += base[half - 1] < value ? half : 0;
		n -= half;
	}
	return (uint8_t) (base - feature->edges + (*base < value));
}

void
cf_forest_bin_row(const CfForest *forest, const float *values, uint8_t *bins)
{
	for (int f = 0; f < forest->features; f++)
	{
		const CfForestFeature *feature = &forest->feature[f];
		uint8_t		bin = bin_of(feature, values[f]);

		if (feature->left_column >= 0)
			bins[feature->left_column] = bin == FOREST_MISSING ? 0 : bin;
		else if (bin == FOREST_MISSING)
			bin = feature->middle;
		bins[f] = bin;
	}
}

/* cut_feature decides everything about how one feature becomes bins. */
static bool
cut_feature(Cut *cut, int f, CfForest *forest)
{
	CfForestFeature *feature = &forest->feature[f];
	const CfForestRows *rows = cut->rows;
	size_t		features = (size_t) rows->features;
	size_t		count = 0;
	bool		missing = false;

	memset(feature, 0, sizeof(*feature));
	feature->categorical = rows->categorical != NULL && rows->categorical[f];
	feature->left_column = -1;
	for (size_t i = 0; i < cut->sampled; i++)
	{
		float		value = rows->values[cut->order[i] * features + (size_t) f];

		if (!isnan(value))
			cut->sample[count++] = value;
	}
	sort_floats(cut->sample, cut->spare, count);
	if (!(feature->categorical ? cut_categories(cut, f, count, feature) : cut_numeric(cut, count, feature)))
		return false;
	feature->middle = count > 0 ? bin_of(feature, cut->sample[count / 2]) : 0;
	if (feature->middle == FOREST_MISSING)
		feature->middle = 0;
	for (size_t i = 0; i < rows->count && !missing; i++)
		missing = bin_of(feature, rows->values[i * features + (size_t) f]) == FOREST_MISSING;
	if (missing)
		feature->left_column = forest->columns++;
	return true;
}

/* fill_table writes targets and bins in canonical order. */
static bool
fill_table(const CfForest *forest, const CfForestRows *rows, const uint32_t *order, const CfInterrupt *interrupt,
		   ForestTable *table, CfError *err)
{
	for (size_t i = 0; i < rows->count; i++)
	{
		size_t		row = order[i];

		if (stopped(interrupt, i, err))
			return false;
		cf_forest_bin_row(forest, rows->values + row * (size_t) rows->features, table->bins + i * table->stride);
		if (table->target == NULL)
			table->bins[i * table->stride + (size_t) table->columns] = (uint8_t) rows->targets[row];
		else
			table->target[i] = forest->log_target ? log1p(rows->targets[row]) : rows->targets[row];
	}
	return true;
}

bool
cf_forest_table_make(const CfForestParams *params, const CfForestRows *rows, CfArena *keep, CfArena *work,
					 const CfInterrupt *interrupt, CfForest *forest, ForestTable *table, CfError *err)
{
	size_t		count = rows->count;
	size_t		sampled = count < SAMPLE_ROWS ? count : SAMPLE_ROWS;
	uint64_t   *hash = cf_arena_alloc(work, 2 * count * sizeof(uint64_t));
	uint32_t   *order = cf_arena_alloc(work, 2 * count * sizeof(uint32_t));
	float	   *sample = cf_arena_alloc(work, 2 * sampled * sizeof(float));
	Category   *category = cf_arena_alloc(work, (size_t) params->bins * sizeof(Category));
	Cut			cut = {params, rows, keep, order, sampled, sample, sample + sampled, category};

	forest->feature = cf_arena_alloc(keep, (size_t) rows->features * sizeof(CfForestFeature));
	if (hash == NULL || order == NULL || sample == NULL || category == NULL || forest->feature == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	forest->fingerprint = count;
	for (size_t i = 0; i < count; i++)
	{
		uint64_t	whole;

		if (stopped(interrupt, i, err))
			return false;
		hash[i] = row_hash(rows, i, &whole);
		order[i] = (uint32_t) i;
		forest->fingerprint += whole;	/* a sum does not ask for the order */
	}
	if (!sort_by_hash(hash, order, hash + count, order + count, count, interrupt, err))
		return false;

	forest->features = rows->features;
	forest->columns = rows->features;
	for (int f = 0; f < rows->features; f++)
	{
		if (stopped(interrupt, 0, err))
			return false;
		if (!cut_feature(&cut, f, forest))
			return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	}
	*table = (ForestTable) {.count = count, .features = rows->features, .columns = forest->columns,
		.stride = (size_t) forest->columns + 2};
	table->bins = cf_arena_zalloc(work, count * table->stride);
	if (params->classes == 0)
		table->target = cf_arena_alloc(work, count * sizeof(double));
	if (table->bins == NULL || (params->classes == 0 && table->target == NULL))
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	return fill_table(forest, rows, order, interrupt, table, err);
}
