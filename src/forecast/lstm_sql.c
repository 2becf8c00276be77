/*
 * lstm_sql.c
 *		The SQL functions over the network's kernel: the aggregate grow_lstm(), lstm_facts() and lstm_tells().
 *
 * An object comes as an array of reals (lstm_inputs() in sql/forecast/lstm.sql makes it):
 *
 *		weekday of the last day (0 .. 6), number of days, number n of steps, n times from how many reads on, n times the tier from there on,
 *		then for the days with a read how many days before the last one they lie, and then as often the reads
 *
 * so an object that is not read takes a few bytes. A step says which tier tier_rules give from so many reads on; what the network
 * says of the tiers is the sum of the probabilities between the steps.
 *
 * Memory of growing: four bytes per object and day while they come, and what cf_lstm_workspace_bytes() tells. lstm_tells() keeps the network at its
 * call site, and what it told of objects without any read: they differ by their number of days only.
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
#include "forecast/lstm.h"
#include "forecast/model.h"
#include "forecast/model_sql.h"
#include "forecast/training_sql.h"

#define OBJECT_DAYS 1000		/* of an object, at most */
#define OBJECT_STEPS 64
#define TIERS 3
#define HEAD 3
#define TOLD_READS 6			/* the mean, and five quantiles of the total: */

static const int told_quantile[TOLD_READS - 1] = {0, 1, 5, 9, 10};

/* An object as it came. */
typedef struct Object
{
	int			weekday;
	int			days;
	int			step_count;
	const float *from;			/* reads, per step */
	const float *tier;
	int			read_days;
	const float *ago;
	const float *reads;
} Object;

/* The series of an aggregate so far. */
typedef struct Collected
{
	CfLstmParams params;
	Size		count;
	Size		room;
	CfLstmSeries *series;		/* values are set at the end: the array moves */
	Size		used;
	Size		value_room;
	float	   *values;
} Collected;

/* What the kernel that learns is asked about. */
typedef struct Learning
{
	const CfLstm *net;
	const CfLstmParams *params;
} Learning;

/* A network at a call site of lstm_tells(). */
typedef struct Loaded
{
	CfModelSite site;
	MemoryContext scratch;
	CfLstm		net;
	int			weekday;		/* that idle is of */
	bool		known[OBJECT_DAYS + 1];
	CfLstmTold	idle[OBJECT_DAYS + 1];
} Loaded;

/* Arguments of the transition function. */
enum
{
	STATE, INPUTS, KEY, CELLS, CONTEXT, HELD_DAYS, EPOCHS, SEED
};

PG_FUNCTION_INFO_V1(cloudflux_grow_lstm_row);
PG_FUNCTION_INFO_V1(cloudflux_grow_lstm_end);
PG_FUNCTION_INFO_V1(cloudflux_lstm_facts);
PG_FUNCTION_INFO_V1(cloudflux_lstm_tells);

static void
refuse_object(const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("inputs of a network are out of range"), errdetail("%s", what),
					errhint("cloudflux.lstm_inputs() makes them.")));
}

/* whole takes a number from..until out of an array; NaN is none. */
static int
whole(float value, int from, int until, const char *what)
{
	if (!(value >= from && value <= until))
		refuse_object(what);
	return (int) value;
}

/* take_object reads and checks the inputs of an object. */
static void
take_object(ArrayType *array, Object *object)
{
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const float *value = (const float *) ARR_DATA_PTR(array);
	int			rest;
	int			i;

	if (ARR_HASNULL(array) || ARR_NDIM(array) != 1 || n < HEAD)
		refuse_object("They are too few, or NULL.");
	object->weekday = whole(value[0], 0, 6, "The weekday is not 0 to 6.");
	object->days = whole(value[1], 0, OBJECT_DAYS, "The number of days is not 0 to 1000.");
	object->step_count = whole(value[2], 0, OBJECT_STEPS, "The number of steps is not 0 to 64.");
	rest = n - HEAD - 2 * object->step_count;
	if (rest < 0 || rest % 2 != 0)
		refuse_object("Days and reads are not as many.");
	object->from = value + HEAD;
	object->tier = object->from + object->step_count;
	object->read_days = rest / 2;
	object->ago = object->tier + object->step_count;
	object->reads = object->ago + object->read_days;
	for (i = 0; i < object->step_count; i++)
	{
		(void) whole(object->tier[i], 0, TIERS - 1, "A tier is not 0 to 2.");
		if (!(object->from[i] >= 0) || (i > 0 && !(object->from[i] > object->from[i - 1])))
			refuse_object("Steps do not rise.");
	}
	for (i = 0; i < object->read_days; i++)
		(void) whole(object->ago[i], 0, object->days - 1, "A day with a read is not one of the days.");
}

/* fill_days writes the reads of each day. */
static void
fill_days(const Object *object, float *values)
{
	int			i;

	memset(values, 0, object->days * sizeof(float));
	for (i = 0; i < object->read_days; i++)
		values[object->days - 1 - (int) object->ago[i]] = object->reads[i];
}

static CfLstmSeries
series_of(const Object *object, const float *values, uint64 key)
{
	CfLstmSeries series = {.values = values, .count = object->days, .unit = 1, .key = key};

	series.first_day = ((object->weekday - object->days + 1) % 7 + 7) % 7;
	return series;
}

/* begin_series makes the state of an aggregate. */
static Collected *
begin_series(FunctionCallInfo fcinfo, MemoryContext context)
{
	Collected  *all = MemoryContextAllocZero(context, sizeof(Collected));
	int			i;

	for (i = CELLS; i <= SEED; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("parameters of a network cannot be NULL")));
	}
	all->params = (CfLstmParams) {.seed = (uint64) PG_GETARG_INT64(SEED), .hidden = PG_GETARG_INT32(CELLS), .context = PG_GETARG_INT32(CONTEXT),
		.warm = PG_GETARG_INT32(CONTEXT) / 4, .batch = 64, .epochs = PG_GETARG_INT32(EPOCHS), .patience = 3, .held_days = PG_GETARG_INT32(HELD_DAYS),
		.rate = 0.003, .clip = 1, .calendar = true};
	return all;
}

/* ended tells the kernel that the statement ends, and others how far it is. */
static bool
ended(void *ctx)
{
	const Learning *learning = ctx;

	cf_training_report("learning network", learning->net->epochs, learning->params->epochs);
	return cf_forecast_ended(NULL);
}

/* make_room lets one more object in. */
static void
make_room(Collected *all, MemoryContext context)
{
	if (all->count >= CF_LSTM_SERIES_MAX || all->used + OBJECT_DAYS > CF_LSTM_DAYS_MAX)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("a network cannot be grown from more than %d objects or %d days", CF_LSTM_SERIES_MAX, CF_LSTM_DAYS_MAX),
						errhint("Let it see a sample.")));
	if (all->values == NULL)
	{
		all->room = 1024;
		all->value_room = 64 * OBJECT_DAYS;
		all->series = MemoryContextAllocHuge(context, all->room * sizeof(CfLstmSeries));
		all->values = MemoryContextAllocHuge(context, all->value_room * sizeof(float));
	}
	if (all->count == all->room)
	{
		all->room += all->room / 2;
		all->series = repalloc_huge(all->series, all->room * sizeof(CfLstmSeries));
	}
	if (all->used + OBJECT_DAYS > all->value_room)
	{
		all->value_room += all->value_room / 2;
		all->values = repalloc_huge(all->values, all->value_room * sizeof(float));
	}
}

/* cloudflux_grow_lstm_row adds an object. */
Datum
cloudflux_grow_lstm_row(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Collected  *all = PG_ARGISNULL(STATE) ? NULL : (Collected *) PG_GETARG_POINTER(STATE);
	Object		object;

	CF_ABI_CHECK();
	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "grow_lstm_row is called as no aggregate");
	if (PG_ARGISNULL(INPUTS) || PG_ARGISNULL(KEY))
	{
		if (all == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(all);
	}
	if (all == NULL)
		all = begin_series(fcinfo, context);
	take_object(PG_GETARG_ARRAYTYPE_P(INPUTS), &object);
	make_room(all, context);
	fill_days(&object, all->values + all->used);
	all->series[all->count++] = series_of(&object, NULL, (uint64) PG_GETARG_INT64(KEY));
	all->used += object.days;
	PG_RETURN_POINTER(all);
}

/* cloudflux_grow_lstm_end learns the network and gives its bytes; NULL = no objects. */
Datum
cloudflux_grow_lstm_end(PG_FUNCTION_ARGS)
{
	Collected  *all = PG_ARGISNULL(STATE) ? NULL : (Collected *) PG_GETARG_POINTER(STATE);
	MemoryContext context;
	CfAllocator allocator;
	CfLstm		net = {0};
	Learning	learning = {&net, NULL};
	CfInterrupt interrupt = {ended, &learning};
	CfArena		keep;
	CfArena		work;
	CfError		err;
	bytea	   *stored;
	size_t		length = 0;
	unsigned char *bytes;
	const float *values;
	Size		i;

	CF_ABI_CHECK();
	if (all == NULL)
		PG_RETURN_NULL();
	learning.params = &all->params;
	for (i = 0, values = all->values; i < all->count; values += all->series[i++].count)
		all->series[i].values = values;
	context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux network", ALLOCSET_DEFAULT_SIZES);
	allocator = cf_arena_context(context);
	cf_arena_init(&work, &allocator, 64 * 1024, cf_lstm_workspace_bytes(&all->params, all->count));
	cf_arena_init(&keep, &allocator, 64 * 1024, 0);
	if (!cf_lstm_train(&all->params, all->series, all->count, &keep, &work, &interrupt, &net, &err))
	{
		CHECK_FOR_INTERRUPTS();
		cf_error_raise(&err);
	}
	cf_arena_free(&work);
	bytes = cf_lstm_write(&net, &keep, &length);
	if (bytes == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	stored = palloc(VARHDRSZ + length);
	SET_VARSIZE(stored, VARHDRSZ + length);
	memcpy(VARDATA(stored), bytes, length);
	MemoryContextDelete(context);
	PG_RETURN_BYTEA_P(stored);
}

/* read_lstm reads a stored network into a context. */
static void
read_lstm(bytea *stored, MemoryContext context, CfLstm *net)
{
	CfAllocator allocator = cf_arena_context(context);
	CfArena		arena;
	CfError		err;

	cf_arena_init(&arena, &allocator, 4096, 0);
	if (!cf_lstm_read((const unsigned char *) VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored), &arena, net, &err))
		cf_error_raise(&err);
}

/* cloudflux_lstm_facts tells what a stored network knows of itself. */
Datum
cloudflux_lstm_facts(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux network", ALLOCSET_DEFAULT_SIZES);
	CfLstm		net;
	Datum		values[9];
	bool		nulls[9] = {false};
	TupleDesc	desc;

	CF_ABI_CHECK();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "lstm_facts returns no row");
	read_lstm(PG_GETARG_BYTEA_PP(0), context, &net);
	values[0] = Int32GetDatum(net.hidden);
	values[1] = Int32GetDatum(net.context);
	values[2] = Int64GetDatum((int64) cf_lstm_weight_count(net.hidden));
	values[3] = Int64GetDatum((int64) net.series_count);
	values[4] = Int64GetDatum((int64) net.fingerprint);
	values[5] = Int32GetDatum(net.epochs);
	values[6] = Float8GetDatum(net.loss);
	values[7] = Float8GetDatum(net.held_loss);
	values[8] = Int64GetDatum((int64) net.seed);
	MemoryContextDelete(context);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* load reads a part into what is kept of it. */
static void
load(bytea *stored, MemoryContext context, CfModelSite *site)
{
	Loaded	   *loaded = (Loaded *) site;

	read_lstm(stored, context, &loaded->net);
	loaded->scratch = AllocSetContextCreate(context, "cloudflux network", ALLOCSET_DEFAULT_SIZES);
}

/* ask tells the 7 days after the last one of an object. */
static CfLstmTold
ask(Loaded *loaded, const Object *object)
{
	float		values[OBJECT_DAYS];
	CfLstmSeries series = series_of(object, values, 0);
	CfInterrupt interrupt = {cf_forecast_ended, NULL};
	CfAllocator allocator = cf_arena_context(loaded->scratch);
	CfLstmTold	told;
	CfArena		work;
	CfError		err;

	if (object->read_days == 0 && loaded->weekday == object->weekday && loaded->known[object->days])
		return loaded->idle[object->days];
	fill_days(object, values);
	cf_arena_init(&work, &allocator, 128 * 1024, cf_lstm_predict_bytes(&loaded->net));
	if (!cf_lstm_predict(&loaded->net, &series, 1, &work, &interrupt, &told, &err))
	{
		CHECK_FOR_INTERRUPTS();
		cf_error_raise(&err);
	}
	MemoryContextReset(loaded->scratch);
	if (object->read_days == 0)
	{
		if (loaded->weekday != object->weekday)
			memset(loaded->known, 0, sizeof(loaded->known));
		loaded->weekday = object->weekday;
		loaded->known[object->days] = true;
		loaded->idle[object->days] = told;
	}
	return told;
}

/* cloudflux_lstm_tells gives the mean and quantiles of the reads of 7 days, or the probabilities of the tiers. */
Datum
cloudflux_lstm_tells(PG_FUNCTION_ARGS)
{
	char	   *part = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bool		tiers = strcmp(part, "tier") == 0;
	Object		object;
	CfLstmTold	told;
	double		out[TOLD_READS] = {0};
	Datum		items[TOLD_READS];
	int			count = tiers ? TIERS : TOLD_READS;
	int			i;

	CF_ABI_CHECK();
	take_object(PG_GETARG_ARRAYTYPE_P(2), &object);
	if (tiers && (object.step_count == 0 || object.from[0] > 0))
		refuse_object("They say nothing of the tiers.");
	told = ask((Loaded *) cf_forecast_site(fcinfo, PG_GETARG_INT64(0), part, sizeof(Loaded), load), &object);
	if (tiers)
	{
		double		before = 0;

		for (i = 0; i < object.step_count; i++)
		{
			double		below = i + 1 < object.step_count ? cf_lstm_below(&told, object.from[i + 1]) : 1;

			out[(int) object.tier[i]] += Max(below - before, 0);
			before = Max(below, before);
		}
	}
	else
	{
		out[0] = told.mean;
		for (i = 1; i < TOLD_READS; i++)
			out[i] = told.total[told_quantile[i - 1]];
	}
	for (i = 0; i < count; i++)
		items[i] = Float8GetDatum(out[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(items, count, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
