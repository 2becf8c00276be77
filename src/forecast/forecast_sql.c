/*
 * forecast_sql.c
 *		The SQL functions over the series kernels: forecast(), forecast_series() and forecast_methods().
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
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "forecast/series.h"

PG_FUNCTION_INFO_V1(cloudflux_forecast);
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

/* take_seasons reads a season, or an array of them. */
static void
take_seasons(Datum value, Oid type, CfSeries *series)
{
	Datum	   *items;
	bool	   *nulls;
	int			n;
	int			i;

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
	CfForecast	out;
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
