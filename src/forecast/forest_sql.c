/*
 * forest_sql.c
 *		The SQL functions over the forest kernel: the aggregate grow_forest(), forest_facts() and model_tells().
 *
 * Growing is an aggregate, so rows stream from any query into one array of floats, and no query is glued together here. Memory: four
 * bytes per feature and 16 per row while they come, and beside that what cf_forest_workspace_bytes() tells while the forest grows.
 *
 * model_tells() is called once per row: the forest is read from model_parts at the first call and lives as long as the call
 * site, since a stored part never changes.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "forecast/forest.h"
#include "forecast/model.h"
#include "forecast/model_sql.h"
#include "forecast/training_sql.h"

/* The rows of an aggregate so far. */
typedef struct Collected
{
	CfForestParams params;
	int			features;
	bool		categorical[CF_FOREST_FEATURES_MAX];
	Size		count;
	Size		room;
	float	   *values;
	double	   *targets;
	uint64	   *keys;
} Collected;

/* A forest at a call site of model_tells(). */
typedef struct Loaded
{
	CfModelSite site;
	CfForest	forest;
} Loaded;

/* Arguments of the transition function. */
enum
{
	STATE, TARGET, FEATURES, KEY, CLASSES, CATEGORICAL, TREES, MAX_DEPTH, MIN_LEAF_ROWS, SEED, BALANCED
};

PG_FUNCTION_INFO_V1(cloudflux_grow_forest_row);
PG_FUNCTION_INFO_V1(cloudflux_grow_forest_end);
PG_FUNCTION_INFO_V1(cloudflux_forest_facts);
PG_FUNCTION_INFO_V1(cloudflux_model_tells);

/* What a kernel that grows a forest is asked about. */
typedef struct Growing
{
	const CfForest *forest;
	const CfForestParams *params;
} Growing;

/* ended tells a kernel that the statement ends, and others how far it is. */
static bool
ended(void *ctx)
{
	const Growing *growing = ctx;

	cf_training_report(growing->params->classes > 0 ? "growing tier" : "growing reads", growing->forest->tree_count, growing->params->trees);
	return cf_forecast_ended(NULL);
}

/* take_features copies an array of real into floats, NULL as missing. */
static void
take_features(ArrayType *array, float *values)
{
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const char *data = ARR_DATA_PTR(array);
	const bits8 *bitmap = ARR_NULLBITMAP(array);
	int			i;

	if (bitmap == NULL)
	{
		memcpy(values, data, sizeof(float) * n);
		return;
	}
	for (i = 0; i < n; i++)
	{
		if (bitmap[i / 8] & (1 << (i % 8)))
		{
			memcpy(&values[i], data, sizeof(float));
			data += sizeof(float);
		}
		else
			values[i] = NAN;
	}
}

/* begin_rows makes the state of an aggregate of its first row. */
static Collected *
begin_rows(FunctionCallInfo fcinfo, MemoryContext context, int features)
{
	Collected  *rows = MemoryContextAllocZero(context, sizeof(Collected));
	Datum	   *items;
	bool	   *nulls;
	int			n;
	int			i;

	for (i = CLASSES; i <= BALANCED; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("parameters of a forest cannot be NULL")));
	}
	if (features < 1 || features > CF_FOREST_FEATURES_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a forest cannot learn from %d features, at most from %d", features, CF_FOREST_FEATURES_MAX)));
	rows->features = features;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(CATEGORICAL), INT4OID, sizeof(int32), true, TYPALIGN_INT, &items, &nulls, &n);
	for (i = 0; i < n; i++)
	{
		if (nulls[i] || DatumGetInt32(items[i]) < 1 || DatumGetInt32(items[i]) > features)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a categorical feature is not one of %d", features)));
		rows->categorical[DatumGetInt32(items[i]) - 1] = true;
	}
	rows->params.classes = PG_GETARG_INT32(CLASSES);
	rows->params.log_target = rows->params.classes == 0;
	rows->params.trees = PG_GETARG_INT32(TREES);
	rows->params.max_depth = PG_GETARG_INT32(MAX_DEPTH);
	rows->params.min_leaf_rows = PG_GETARG_INT32(MIN_LEAF_ROWS);
	rows->params.seed = (uint64) PG_GETARG_INT64(SEED);
	rows->params.balanced = PG_GETARG_BOOL(BALANCED);
	rows->params.bins = CF_FOREST_BINS_MAX;
	return rows;
}

/* make_room grows the arrays of an aggregate by half. */
static void
make_room(Collected *rows, MemoryContext context)
{
	Size		room = rows->room ? rows->room + rows->room / 2 : 1024;
	MemoryContext old = MemoryContextSwitchTo(context);

	if (rows->count >= CF_FOREST_ROWS_MAX)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("a forest cannot be grown from more than %d rows", CF_FOREST_ROWS_MAX), errhint("Let it see a sample.")));
	if (rows->room == 0)
	{
		rows->values = MemoryContextAllocHuge(context, room * rows->features * sizeof(float));
		rows->targets = palloc(room * sizeof(double));
		rows->keys = palloc(room * sizeof(uint64));
	}
	else
	{
		rows->values = repalloc_huge(rows->values, room * rows->features * sizeof(float));
		rows->targets = repalloc_huge(rows->targets, room * sizeof(double));
		rows->keys = repalloc_huge(rows->keys, room * sizeof(uint64));
	}
	rows->room = room;
	MemoryContextSwitchTo(old);
}

/* cloudflux_grow_forest_row adds a row; one without a target says nothing. */
Datum
cloudflux_grow_forest_row(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Collected  *rows = PG_ARGISNULL(STATE) ? NULL : (Collected *) PG_GETARG_POINTER(STATE);
	ArrayType  *features;
	int			n;

	CF_ABI_CHECK();
	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "grow_forest_row is called as no aggregate");
	if (PG_ARGISNULL(TARGET) || PG_ARGISNULL(FEATURES) || PG_ARGISNULL(KEY))
	{
		if (rows == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(rows);
	}
	features = PG_GETARG_ARRAYTYPE_P(FEATURES);
	n = ArrayGetNItems(ARR_NDIM(features), ARR_DIMS(features));
	if (rows == NULL)
		rows = begin_rows(fcinfo, context, n);
	if (n != rows->features)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("a row has %d features, those before it %d", n, rows->features)));
	if (rows->count == rows->room)
		make_room(rows, context);
	take_features(features, rows->values + rows->count * rows->features);
	rows->targets[rows->count] = PG_GETARG_FLOAT8(TARGET);
	rows->keys[rows->count++] = (uint64) PG_GETARG_INT64(KEY);
	PG_RETURN_POINTER(rows);
}

/* cloudflux_grow_forest_end grows the forest of the rows and gives its bytes; NULL = no rows. */
Datum
cloudflux_grow_forest_end(PG_FUNCTION_ARGS)
{
	Collected  *given = PG_ARGISNULL(STATE) ? NULL : (Collected *) PG_GETARG_POINTER(STATE);
	MemoryContext context;
	CfAllocator allocator;
	CfForestRows rows;
	CfForest	forest = {0};
	Growing		growing = {&forest, NULL};
	CfInterrupt interrupt = {ended, &growing};
	CfArena		keep;
	CfArena		work;
	CfError		err;
	Size		workspace;
	bytea	   *stored = NULL;
	size_t		length = 0;
	unsigned char *bytes;

	CF_ABI_CHECK();
	if (given == NULL)
		PG_RETURN_NULL();
	context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux forest", ALLOCSET_DEFAULT_SIZES);
	allocator = cf_arena_context(context);
	rows = (CfForestRows) {.count = given->count, .features = given->features, .values = given->values,
		.categorical = given->categorical, .targets = given->targets, .keys = given->keys};
	growing.params = &given->params;
	workspace = cf_forest_workspace_bytes(&given->params, given->count, given->features);
	cf_arena_init(&work, &allocator, 64 * 1024, workspace);
	cf_arena_init(&keep, &allocator, 1024 * 1024, 2 * CF_MODEL_BYTES_MAX);
	if (!cf_forest_grow(&given->params, &rows, &keep, &work, &interrupt, &forest, &err))
	{
		CHECK_FOR_INTERRUPTS();
		cf_error_raise(&err);
	}
	cf_arena_free(&work);
	bytes = cf_forest_write(&forest, &keep, &length);
	if (bytes == NULL || length > CF_MODEL_BYTES_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a forest of %zu bytes is too large to be stored", length),
						errhint("Grow fewer trees, or raise min_leaf_rows.")));
	stored = palloc(VARHDRSZ + length);
	SET_VARSIZE(stored, VARHDRSZ + length);
	memcpy(VARDATA(stored), bytes, length);
	MemoryContextDelete(context);
	PG_RETURN_BYTEA_P(stored);
}

/* read_forest reads a stored forest into a context. */
static void
read_forest(bytea *stored, MemoryContext context, CfForest *forest)
{
	CfAllocator allocator = cf_arena_context(context);
	CfArena		arena;
	CfError		err;

	cf_arena_init(&arena, &allocator, 64 * 1024, 0);
	if (!cf_forest_read((const unsigned char *) VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored), &arena, forest, &err))
		cf_error_raise(&err);
}

/* cloudflux_forest_facts tells what a stored forest knows of itself. */
Datum
cloudflux_forest_facts(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux forest", ALLOCSET_DEFAULT_SIZES);
	CfForest	forest;
	Datum		values[9];
	bool		nulls[9] = {false};
	Datum	   *importance;
	TupleDesc	desc;
	int64		nodes = 0;
	int			i;

	CF_ABI_CHECK();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "forest_facts returns no row");
	read_forest(PG_GETARG_BYTEA_PP(0), context, &forest);
	for (i = 0; i < forest.tree_count; i++)
		nodes += forest.tree[i].node_count;
	importance = palloc(sizeof(Datum) * forest.features);
	for (i = 0; i < forest.features; i++)
		importance[i] = Float8GetDatum(forest.importance[i]);
	values[0] = Int32GetDatum(forest.classes);
	values[1] = Int32GetDatum(forest.tree_count);
	values[2] = Int64GetDatum(nodes);
	values[3] = Int64GetDatum((int64) forest.row_count);
	values[4] = Int64GetDatum((int64) forest.fingerprint);
	values[5] = Float8GetDatum(forest.oob_error);
	nulls[5] = isnan(forest.oob_error);
	values[6] = Float8GetDatum(forest.oob_log_loss);
	nulls[6] = isnan(forest.oob_log_loss);
	values[7] = PointerGetDatum(construct_array(importance, forest.features, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[8] = Int64GetDatum((int64) forest.seed);
	MemoryContextDelete(context);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* load reads a part into what is kept of it. */
static void
load(bytea *stored, MemoryContext context, CfModelSite *site)
{
	read_forest(stored, context, &((Loaded *) site)->forest);
}

/* cloudflux_model_tells gives the probabilities of the classes, or the mean and the quantiles. */
Datum
cloudflux_model_tells(PG_FUNCTION_ARGS)
{
	ArrayType  *features = PG_GETARG_ARRAYTYPE_P(2);
	int			n = ArrayGetNItems(ARR_NDIM(features), ARR_DIMS(features));
	CfForest   *forest;
	float		values[CF_FOREST_FEATURES_MAX];
	double		told[CF_FOREST_CLASSES_MAX + CF_FOREST_QUANTILES];
	Datum		items[CF_FOREST_CLASSES_MAX + CF_FOREST_QUANTILES];
	CfForestRows rows = {.count = 1, .features = n, .values = values};
	int			count;
	CfError		err;
	int			i;

	CF_ABI_CHECK();
	forest = &((Loaded *) cf_forecast_site(fcinfo, PG_GETARG_INT64(0), text_to_cstring(PG_GETARG_TEXT_PP(1)), sizeof(Loaded), load))->forest;
	count = forest->classes > 0 ? forest->classes : 1 + CF_FOREST_QUANTILES;
	/* What a newer version knows beyond the features of the model is appended, and of no use to it. */
	if (n > forest->features && n <= CF_FOREST_FEATURES_MAX)
		rows.features = forest->features;
	if (n <= CF_FOREST_FEATURES_MAX)
		take_features(features, values);
	if (!cf_forest_predict(forest, &rows, false, NULL, told, forest->classes > 0 ? NULL : told + 1, &err))
		cf_error_raise(&err);
	for (i = 0; i < count; i++)
		items[i] = Float8GetDatum(told[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(items, count, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
