/*
 * forecast_sql.c
 *		The SQL functions over the series kernels: forecast(), the aggregate forecast_agg() and forecast_methods().
 *
 * The aggregate gathers 16 bytes per row, in any order, and makes a series of them when all are there: rows are put on a grid that ends
 * with the newest row, each on the nearest place. The step of the grid is given or found: the median distance between times, which gaps
 * leave alone; times that are months or years apart are counted by the calendar of the session's time zone, as are days in the answer.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "forecast/series.h"

PG_FUNCTION_INFO_V1(cloudflux_forecast);
PG_FUNCTION_INFO_V1(cloudflux_forecast_agg_add);
PG_FUNCTION_INFO_V1(cloudflux_forecast_agg_tell);
PG_FUNCTION_INFO_V1(cloudflux_forecast_methods);

/* wanted tells a kernel that something wants the session; what it is, and whether it ends the statement, is seen afterwards. */
static bool
wanted(void *ctx)
{
	return InterruptPending;
}

/* series_values takes the newest values of an array, NULL as missing. */
static double *
series_values(ArrayType *array, size_t *count)
{
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const char *data = ARR_DATA_PTR(array);
	const bits8 *bitmap = ARR_NULLBITMAP(array);
	int			first = n > CF_SERIES_WINDOW ? n - CF_SERIES_WINDOW : 0;
	int			i;
	double	   *values = palloc(sizeof(double) * (n - first + 1));

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("a series is an array of one dimension, not %d", ARR_NDIM(array))));
	*count = n - first;
	if (bitmap == NULL)
	{
		memcpy(values, data + (Size) first * sizeof(double), sizeof(double) * *count);
		return values;
	}
	for (i = 0; i < n; i++)
	{
		bool		known = (bitmap[i / 8] & (1 << (i % 8))) != 0;

		if (i >= first)
		{
			if (known)
				memcpy(&values[i - first], data, sizeof(double));
			else
				values[i - first] = NAN;
		}
		if (known)
			data += sizeof(double);
	}
	return values;
}

/* take_seasons reads a season, or an array of them; as text either, so that a literal needs no cast. */
static void
take_seasons(Datum value, Oid type, CfSeries *series)
{
	Datum	   *items;
	bool	   *nulls;
	int			n;
	int			i;

	if (type == TEXTOID)
	{
		char	   *word = text_to_cstring(DatumGetTextPP(value));

		if (word[0] != '{')
			value = Int32GetDatum(pg_strtoint32(word));
		else
			value = OidFunctionCall3(F_ARRAY_IN, CStringGetDatum(word), ObjectIdGetDatum(INT4OID), Int32GetDatum(-1));
		type = word[0] == '{' ? INT4ARRAYOID : INT4OID;
	}
	if (type == INT4OID)
	{
		series->seasons[0] = DatumGetInt32(value);
		series->n_seasons = 1;
		return;
	}
	deconstruct_array(DatumGetArrayTypeP(value), INT4OID, sizeof(int32), true, TYPALIGN_INT, &items, &nulls, &n);
	series->n_seasons = n;
	for (i = 0; i < n && i < CF_SERIES_SEASONS; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a season cannot be NULL")));
		series->seasons[i] = DatumGetInt32(items[i]);
	}
}

/*
 * run forecasts. An interrupt that turns out not to end the statement (a signal that only wants to be told something) makes the
 * kernel begin again: it is deterministic.
 */
static void
run(const CfSeries *series, const char *method, CfForecast *out)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "cloudflux forecast", ALLOCSET_DEFAULT_SIZES);
	CfAllocator allocator = cf_arena_context(work);
	CfInterrupt interrupt = {wanted, NULL};
	bool		done;

	do
	{
		CfArena		arena;
		CfError		err;

		CHECK_FOR_INTERRUPTS();
		cf_arena_init(&arena, &allocator, 64 * 1024, cf_forecast_bytes(series->count, series->horizon));
		done = cf_forecast_series(series, method, &arena, &interrupt, out, &err);
		cf_arena_free(&arena);
		if (!done && err.kind != CF_ERR_CANCELLED)
			cf_error_raise(&err);
	} while (!done);
	MemoryContextDelete(work);
}

/* figure is a number of the answer, NULL when there is none. */
static void
figure(Datum *value, bool *null, double number)
{
	*null = isnan(number);
	*value = Float8GetDatum(number);
}

/* cloudflux_forecast gives a row per step ahead. */
Datum
cloudflux_forecast(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CfSeries	series = {0};
	CfForecast	out = {0};
	text	   *model;
	double	   *figures;
	int			i;

	CF_ABI_CHECK();
	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < 5; i++)
	{
		if (PG_ARGISNULL(i))
			return (Datum) 0;
	}
	series.values = series_values(PG_GETARG_ARRAYTYPE_P(0), &series.count);
	series.horizon = PG_GETARG_INT32(1);
	take_seasons(PG_GETARG_DATUM(2), get_fn_expr_argtype(fcinfo->flinfo, 2), &series);
	series.level = PG_GETARG_FLOAT8(4);
	figures = palloc(sizeof(double) * 4 * (series.horizon < 1 || series.horizon > CF_SERIES_HORIZON ? 1 : series.horizon));
	out.mean = figures;
	out.median = out.mean + series.horizon;
	out.lower = out.median + series.horizon;
	out.upper = out.lower + series.horizon;
	run(&series, text_to_cstring(PG_GETARG_TEXT_PP(3)), &out);
	model = cstring_to_text(out.model);
	for (i = 0; i < series.horizon; i++)
	{
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = Int32GetDatum(i + 1);
		figure(&values[1], &nulls[1], out.mean[i]);
		figure(&values[2], &nulls[2], out.median[i]);
		figure(&values[3], &nulls[3], out.lower[i]);
		figure(&values[4], &nulls[4], out.upper[i]);
		values[5] = PointerGetDatum(model);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* A row of the aggregate. */
typedef struct Point
{
	TimestampTz at;
	double		value;			/* NaN = missing */
} Point;

/* What the aggregate has gathered; arguments that are no values are those of the first row. */
typedef struct Gathered
{
	Point	   *points;
	Size		count;
	Size		room;
	CfSeries	series;
	Interval	step;
	bool		step_given;
	char	   *method;
} Gathered;

/* take_step takes a step, which is months, or days and time, and goes forward. */
static void
take_step(Gathered *g, const Interval *step)
{
	if (step->month < 0 || step->day < 0 || step->time < 0 || (step->month == 0 && step->day == 0 && step->time == 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the step of a series must be greater than zero")));
	if (step->month > 0 && (step->day > 0 || step->time > 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the step of a series is months, or days and time, not both")));
	if (step->month > 12 * 1000 || step->day > 366 * 1000 || step->time > USECS_PER_DAY * 366)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the step of a series is too long")));
	g->step = *step;
	g->step_given = true;
}

/* gather_begin takes what the first row says. */
static Gathered *
gather_begin(FunctionCallInfo fcinfo)
{
	Gathered   *g = palloc0(sizeof(Gathered));

	if (PG_ARGISNULL(3))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the horizon of a forecast cannot be NULL")));
	g->series.horizon = PG_GETARG_INT32(3);
	g->series.level = 0.95;
	g->method = "auto";
	if (PG_NARGS() > 4 && !PG_ARGISNULL(4))
		take_seasons(PG_GETARG_DATUM(4), INT4ARRAYOID, &g->series);
	if (PG_NARGS() > 5 && !PG_ARGISNULL(5))
		take_step(g, PG_GETARG_INTERVAL_P(5));
	if (PG_NARGS() > 6 && !PG_ARGISNULL(6))
		g->method = text_to_cstring(PG_GETARG_TEXT_PP(6));
	if (PG_NARGS() > 7 && !PG_ARGISNULL(7))
		g->series.level = PG_GETARG_FLOAT8(7);
	g->room = 64;
	g->points = palloc(sizeof(Point) * g->room);
	return g;
}

/* cloudflux_forecast_agg_add takes a row in; one without a time is none. */
Datum
cloudflux_forecast_agg_add(PG_FUNCTION_ARGS)
{
	Gathered   *g = PG_ARGISNULL(0) ? NULL : (Gathered *) PG_GETARG_POINTER(0);
	MemoryContext aggregate;
	MemoryContext before;

	CF_ABI_CHECK();
	if (!AggCheckCallContext(fcinfo, &aggregate))
		elog(ERROR, "forecast_agg_add called outside of an aggregate");
	if (PG_ARGISNULL(1))
	{
		if (g == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(g);
	}
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1)))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("a series cannot have a value at an infinite time")));
	before = MemoryContextSwitchTo(aggregate);
	if (g == NULL)
		g = gather_begin(fcinfo);
	if (g->count == g->room)
	{
		g->room *= 2;
		g->points = repalloc_huge(g->points, sizeof(Point) * g->room);
	}
	MemoryContextSwitchTo(before);
	g->points[g->count].at = PG_GETARG_TIMESTAMPTZ(1);
	g->points[g->count++].value = PG_ARGISNULL(2) ? NAN : PG_GETARG_FLOAT8(2);
	PG_RETURN_POINTER(g);
}

/* by_time orders rows, and equal times by value, so that the sum of equal ones does not depend on their order. */
static int
by_time(const void *a, const void *b)
{
	const Point *x = a;
	const Point *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (isnan(x->value) || isnan(y->value))
		return isnan(x->value) - isnan(y->value);
	return (x->value > y->value) - (x->value < y->value);
}

/* by_distance orders distances of times. */
static int
by_distance(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* find_step takes the median distance between the newest times; false when there is only one time. */
static bool
find_step(Gathered *g)
{
	int64	   *apart = palloc(sizeof(int64) * CF_SERIES_WINDOW);
	int64		middle;
	int64		days;
	int			n = 0;
	Size		i;

	for (i = g->count - 1; i > 0 && n < CF_SERIES_WINDOW; i--)
	{
		if (g->points[i].at != g->points[i - 1].at)
			apart[n++] = g->points[i].at - g->points[i - 1].at;
	}
	if (n == 0)
		return false;
	qsort(apart, n, sizeof(int64), by_distance);
	middle = apart[n / 2];
	pfree(apart);
	days = (middle + USECS_PER_DAY / 2) / USECS_PER_DAY;
	if (days >= 28 && days <= 31)
		g->step.month = 1;
	else if (days >= 89 && days <= 92)
		g->step.month = 3;
	else if (days >= 365 && days <= 366)
		g->step.month = 12;
	else if (middle % USECS_PER_DAY == 0)
		g->step.day = (int32) days;
	else
		g->step.time = middle;
	return true;
}

/* month_of numbers the month of a time in the session's time zone. */
static int64
month_of(TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			zone;

	if (timestamp2tm(at, &zone, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	return (int64) tm.tm_year * MONTHS_PER_YEAR + tm.tm_mon;
}

/* steps_before tells how many steps before the last time another one is. */
static int64
steps_before(const Interval *step, TimestampTz last, TimestampTz at)
{
	int64		length = step->day * USECS_PER_DAY + step->time;

	if (step->month > 0)
		return (month_of(last) - month_of(at) + step->month / 2) / step->month;
	return (last - at) / length + ((last - at) % length >= length - length / 2);
}

/* lay_out puts the rows on the grid: the mean of those on one place, NaN where there is none. */
static void
lay_out(Gathered *g, bool alone)
{
	TimestampTz last = g->points[g->count - 1].at;
	double	   *values = palloc(sizeof(double) * CF_SERIES_WINDOW);
	int		   *rows = palloc0(sizeof(int) * CF_SERIES_WINDOW);
	int64		longest = 0;
	int			i;
	Size		k;

	for (k = g->count; k-- > 0;)
	{
		int64		before = alone ? 0 : steps_before(&g->step, last, g->points[k].at);
		int			place;

		CHECK_FOR_INTERRUPTS();
		if (before >= CF_SERIES_WINDOW)
			break;
		longest = before;
		place = CF_SERIES_WINDOW - 1 - (int) before;
		if (isnan(g->points[k].value))
			continue;
		values[place] = rows[place] == 0 ? g->points[k].value : values[place] + g->points[k].value;
		rows[place]++;
	}
	for (i = CF_SERIES_WINDOW - 1 - (int) longest; i < CF_SERIES_WINDOW; i++)
		values[i] = rows[i] == 0 ? NAN : values[i] / rows[i];
	g->series.values = values + CF_SERIES_WINDOW - 1 - longest;
	g->series.count = longest + 1;
}

/* step_of_answer makes the i-th element of what the aggregate gives. */
static Datum
step_of_answer(TupleDesc desc, const Gathered *g, bool alone, TimestampTz last, int i, const CfForecast *out, Datum model)
{
	Interval	ahead;
	Datum		values[6];
	bool		nulls[6] = {alone, false};

	ahead.month = g->step.month * (i + 1);
	ahead.day = g->step.day * (i + 1);
	ahead.time = g->step.time * (i + 1);
	values[0] = alone ? (Datum) 0 : DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(last), IntervalPGetDatum(&ahead));
	figure(&values[1], &nulls[1], out->mean[i]);
	figure(&values[2], &nulls[2], out->median[i]);
	figure(&values[3], &nulls[3], out->lower[i]);
	figure(&values[4], &nulls[4], out->upper[i]);
	values[5] = model;
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* cloudflux_forecast_agg_tell forecasts what was gathered: an array of forecast_step. */
Datum
cloudflux_forecast_agg_tell(PG_FUNCTION_ARGS)
{
	Gathered   *g = PG_ARGISNULL(0) ? NULL : (Gathered *) PG_GETARG_POINTER(0);
	Gathered	mine;
	CfForecast	out = {0};
	TupleDesc	desc;
	Oid			type;
	Datum	   *steps;
	Datum		model;
	bool		alone;
	int			most;
	int			i;

	CF_ABI_CHECK();
	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "forecast_agg_tell called outside of an aggregate");
	if (g == NULL)
		PG_RETURN_NULL();
	type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	desc = lookup_rowtype_tupdesc_copy(type, -1);
	/* Rows are put in order, which harms nobody; what else is found out here is not kept, for a window may go on. */
	qsort(g->points, g->count, sizeof(Point), by_time);
	mine = *g;
	alone = !mine.step_given && !find_step(&mine);
	lay_out(&mine, alone);
	most = mine.series.horizon < 1 || mine.series.horizon > CF_SERIES_HORIZON ? 1 : mine.series.horizon;
	out.mean = palloc(sizeof(double) * 4 * most);
	out.median = out.mean + most;
	out.lower = out.median + most;
	out.upper = out.lower + most;
	run(&mine.series, mine.method, &out);
	model = CStringGetTextDatum(out.model);
	steps = palloc(sizeof(Datum) * most);
	for (i = 0; i < most; i++)
		steps[i] = step_of_answer(desc, &mine, alone, g->points[g->count - 1].at, i, &out, model);
	PG_RETURN_ARRAYTYPE_P(construct_array(steps, most, type, -1, false, TYPALIGN_DOUBLE));
}

/* cloudflux_forecast_methods lists what can be asked for. */
Datum
cloudflux_forecast_methods(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			i;

	CF_ABI_CHECK();
	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; cf_forecast_method_name(i) != NULL; i++)
	{
		Datum		values[2];
		bool		nulls[2] = {false};

		values[0] = CStringGetTextDatum(cf_forecast_method_name(i));
		values[1] = CStringGetTextDatum(cf_forecast_method_words(i));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
