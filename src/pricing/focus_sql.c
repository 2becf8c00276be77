/*
 * focus_sql.c
 *		The SQL functions that read a FOCUS bill piece by piece: where records end, and what a piece of them says.
 *
 * A piece is as long as whoever calls wants it; memory is that piece and one record.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/error_sql.h"
#include "pricing/focus.h"

PG_FUNCTION_INFO_V1(cloudflux_csv_whole);
PG_FUNCTION_INFO_V1(cloudflux_focus_header);
PG_FUNCTION_INFO_V1(cloudflux_focus_rows);

static int	read_header(ArrayType *header, const char **names);
static Datum text_datum(const char *value, long line);
static void put_line(ReturnSetInfo *rsinfo, const CfPricingFocus *focus, const CfPricingCsvRecord *record,
					 const CfPricingFocusLine *line, MemoryContext context);

/* csv_whole(bytes) tells how many of the bytes are whole records, and how many line ends those have. */
Datum
cloudflux_csv_whole(PG_FUNCTION_ARGS)
{
	bytea	   *data = PG_GETARG_BYTEA_PP(0);
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	long		lines;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "csv_whole must return a row");
	values[0] = Int32GetDatum((int32) cf_pricing_csv_whole(VARDATA_ANY(data), VARSIZE_ANY_EXHDR(data), &lines));
	values[1] = Int64GetDatum(lines);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* focus_header(bytes) gives the names of the columns, which the first record of a bill tells. */
Datum
cloudflux_focus_header(PG_FUNCTION_ARGS)
{
	bytea	   *data = PG_GETARG_BYTEA_PP(0);
	CfAllocator allocator = cf_arena_context(CurrentMemoryContext);
	Datum		names[CF_PRICING_CSV_FIELDS];
	CfPricingCsvRecord record;
	CfPricingFocus focus;
	CfPricingCsv csv;
	CfArena		arena;
	CfError		err;
	bool		end;

	cf_arena_init(&arena, &allocator, 16384, 0);
	cf_pricing_csv_init(&csv, VARDATA_ANY(data), VARSIZE_ANY_EXHDR(data));
	if (!cf_pricing_csv_next(&csv, &arena, &record, &end, &err) ||
		(!end && !cf_pricing_focus_header(&focus, record.fields, record.count, &err)))
		cf_error_raise(&err);
	for (int i = 0; i < record.count; i++)
		names[i] = text_datum(record.fields[i], 1);
	PG_RETURN_ARRAYTYPE_P(construct_array(names, record.count, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * focus_rows(bytes, header, line) reads the records of a piece; the first one stands on that line of the bill. On line 1 stands the
 * header.
 */
Datum
cloudflux_focus_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea	   *data = PG_GETARG_BYTEA_PP(0);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux bill record", ALLOCSET_DEFAULT_SIZES);
	CfAllocator allocator = cf_arena_context(context);
	const char *names[CF_PRICING_CSV_FIELDS];
	CfPricingFocus focus;
	CfPricingCsv csv;
	CfArena		arena;
	CfError		err;

	if (!cf_pricing_focus_header(&focus, names, read_header(PG_GETARG_ARRAYTYPE_P(1), names), &err))
		cf_error_raise(&err);
	InitMaterializedSRF(fcinfo, 0);
	cf_pricing_csv_init(&csv, VARDATA_ANY(data), VARSIZE_ANY_EXHDR(data));
	csv.line = (long) PG_GETARG_INT64(2);
	if (csv.line > 1)
		csv.at = 0;				/* what looks like a byte order mark there is content */
	cf_arena_init(&arena, &allocator, 16384, 0);
	for (;;)
	{
		CfPricingCsvRecord record;
		CfPricingFocusLine line;
		bool		end;

		CHECK_FOR_INTERRUPTS();
		if (!cf_pricing_csv_next(&csv, &arena, &record, &end, &err))
			cf_error_raise(&err);
		if (end)
			break;
		if (record.line > 1)
		{
			if (!cf_pricing_focus_read(&focus, &record, &arena, &line, &err))
				cf_error_raise(&err);
			put_line(rsinfo, &focus, &record, &line, context);
		}
		cf_arena_free(&arena);
		MemoryContextReset(context);
		cf_arena_init(&arena, &allocator, 16384, 0);
	}
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* read_header takes the names of the columns from an array. */
static int
read_header(ArrayType *header, const char **names)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;

	deconstruct_array(header, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	if (count > CF_PRICING_CSV_FIELDS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a bill has at most %d columns", CF_PRICING_CSV_FIELDS)));
	for (int i = 0; i < count; i++)
		names[i] = nulls[i] ? "" : TextDatumGetCString(values[i]);
	return count;
}

/* text_datum makes a text of this database of UTF-8. */
static Datum
text_datum(const char *value, long line)
{
	if (pg_encoding_verifymbstr(PG_UTF8, value, (int) strlen(value)) != (int) strlen(value))
		ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
						errmsg("cannot read the bill: line %ld is not UTF-8", line)));
	return CStringGetTextDatum(pg_any_to_server(value, (int) strlen(value), PG_UTF8));
}

/* put_line returns one charge: the columns that are compared, and what else its record says. */
static void
put_line(ReturnSetInfo *rsinfo, const CfPricingFocus *focus, const CfPricingCsvRecord *record,
		 const CfPricingFocusLine *line, MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	Datum		columns[CF_FOCUS_COLUMNS];
	bool		column_nulls[CF_FOCUS_COLUMNS];
	Datum		others[2 * CF_PRICING_CSV_FIELDS];
	int			count = 0;
	int			dims[1] = {CF_FOCUS_COLUMNS};
	int			lbs[1] = {1};
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	for (int column = 0; column < CF_FOCUS_COLUMNS; column++)
	{
		column_nulls[column] = line->values[column] == NULL;
		columns[column] = column_nulls[column] ? (Datum) 0 : text_datum(line->values[column], line->line);
	}
	for (int i = 0; i < record->count; i++)
	{
		if (focus->known[i] || cf_pricing_focus_null(record->fields[i]))
			continue;
		others[count++] = CStringGetTextDatum(focus->names[i]);
		others[count++] = text_datum(record->fields[i], line->line);
	}
	values[0] = Int64GetDatum(line->line);
	values[1] = PointerGetDatum(construct_md_array(columns, column_nulls, 1, dims, lbs, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(others, count, TEXTOID, -1, false, TYPALIGN_INT));
	MemoryContextSwitchTo(caller);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}
