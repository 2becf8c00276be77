/*
 * spi_sql.c
 *		Constant statements, prepared once per process and run with typed arguments.
 *
 * A plan outlives the transaction that made it (SPI_keepplan); the server's plan cache replans it when a table
 * changes, the user changes under row-level security, or the extension is dropped and created again.
 *
 * A plan made while a table is empty reads it whole, for as long as nobody analyzes it: asked for each of 20,000 rows that one
 * statement inserts, that is the square of them. A plan by_key is therefore made with whole reads switched off.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/spi_sql.h"

void
cf_spi_begin(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
}

void
cf_spi_end(void)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}

/* prepare makes the plan on its first use and keeps it; an ERROR in between keeps nothing. */
static void
prepare(CfSpiPlan *plan)
{
	SPIPlanPtr	prepared;

	Assert(plan->nargs <= CF_SPI_ARGS);
	prepared = SPI_prepare_cursor(plan->sql, plan->nargs, plan->types, plan->by_key ? CURSOR_OPT_GENERIC_PLAN : 0);
	if (prepared == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", plan->sql, SPI_result_code_string(SPI_result));
	if (SPI_keepplan(prepared) != 0)
		elog(ERROR, "could not keep the plan of \"%s\"", plan->sql);
	plan->plan = prepared;
	plan->ran = false;
}

/* read_by_index makes what is planned until AtEOXact_GUC(true, level) reach rows by their keys; returns the level. */
static int
read_by_index(void)
{
	static const char *const off[] = {"enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"};
	int			level = NewGUCNestLevel();

	for (size_t i = 0; i < lengthof(off); i++)
		(void) set_config_option(off[i], "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/* execute runs a plan, under a snapshot of its own or the caller's. */
static uint64
execute(CfSpiPlan *plan, const Datum *values, const bool *nulls, bool read_only)
{
	char		null_flags[CF_SPI_ARGS];
	int			level = 0;
	int			code;
	int			i;

	if (plan->plan == NULL)
		prepare(plan);
	if (plan->by_key && !(plan->ran && SPI_plan_is_valid(plan->plan)))
		level = read_by_index();
	for (i = 0; i < plan->nargs; i++)
		null_flags[i] = nulls != NULL && nulls[i] ? 'n' : ' ';
	code = SPI_execute_plan(plan->plan, unconstify(Datum *, values), null_flags, read_only, 0);
	if (code < 0)
		elog(ERROR, "could not execute \"%s\": %s", plan->sql, SPI_result_code_string(code));
	if (level > 0)
		AtEOXact_GUC(true, level);
	plan->ran = true;
	return SPI_processed;
}

uint64
cf_spi_run(CfSpiPlan *plan, const Datum *values, const bool *nulls)
{
	return execute(plan, values, nulls, false);
}

uint64
cf_spi_read(CfSpiPlan *plan, const Datum *values, const bool *nulls)
{
	return execute(plan, values, nulls, true);
}

/* value_of fetches one value of the last result and tells its type. */
static Datum
value_of(uint64 row, int col, bool *isnull, Oid *type)
{
	if (SPI_tuptable == NULL || row >= SPI_tuptable->numvals || col < 1 ||
		col > SPI_tuptable->tupdesc->natts)
		elog(ERROR, "there is no column %d in row " UINT64_FORMAT " of the result", col, row);
	*type = SPI_gettypeid(SPI_tuptable->tupdesc, col);
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, isnull);
}

/* note_null passes on whether the value is null, and stands in for it where it must not be. */
static bool
note_null(bool is_null, bool *isnull)
{
	if (isnull != NULL)
		*isnull = is_null;
	return is_null;
}

int64
cf_spi_int64(uint64 row, int col, bool *isnull)
{
	bool		is_null;
	Oid			type;
	Datum		value = value_of(row, col, &is_null, &type);

	if (note_null(is_null, isnull))
		return 0;
	switch (type)
	{
		case INT8OID:
			return DatumGetInt64(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT2OID:
			return DatumGetInt16(value);
		case OIDOID:
			return DatumGetObjectId(value);
		default:
			elog(ERROR, "column %d has type %u, not an integer", col, type);
	}
	return 0;
}

double
cf_spi_float8(uint64 row, int col, bool *isnull)
{
	bool		is_null;
	Oid			type;
	Datum		value = value_of(row, col, &is_null, &type);

	if (note_null(is_null, isnull))
		return 0;
	if (type == FLOAT8OID)
		return DatumGetFloat8(value);
	if (type == FLOAT4OID)
		return DatumGetFloat4(value);
	elog(ERROR, "column %d has type %u, not a floating-point number", col, type);
	return 0;
}

bool
cf_spi_bool(uint64 row, int col, bool *isnull)
{
	bool		is_null;
	Oid			type;
	Datum		value = value_of(row, col, &is_null, &type);

	if (note_null(is_null, isnull))
		return false;
	if (type != BOOLOID)
		elog(ERROR, "column %d has type %u, not boolean", col, type);
	return DatumGetBool(value);
}

char *
cf_spi_text(uint64 row, int col)
{
	bool		is_null;
	Oid			type;
	char	   *text;
	char	   *copy;
	Size		size;

	(void) value_of(row, col, &is_null, &type);
	if (is_null)
		return NULL;
	text = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col);
	size = strlen(text) + 1;
	copy = SPI_palloc(size);
	memcpy(copy, text, size);
	pfree(text);
	return copy;
}

Datum
cf_spi_datum(uint64 row, int col, bool *isnull)
{
	bool		is_null;
	Oid			type;
	int16		typlen;
	bool		typbyval;
	Datum		value = value_of(row, col, &is_null, &type);

	if (note_null(is_null, isnull))
		return (Datum) 0;
	get_typlenbyval(type, &typlen, &typbyval);
	return SPI_datumTransfer(value, typbyval, typlen);
}
