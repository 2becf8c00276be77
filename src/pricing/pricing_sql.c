/*
 * pricing_sql.c
 *		The SQL functions over the pricing kernels: quotes of usages, objects and moves, and the CSV reader.
 *
 * All of them are STABLE and work set-based: arguments in, one call of a kernel, numerics out. A numeric is made from
 * the kernel's decimal text, so what SQL sees is exact.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "core/error_sql.h"
#include "pricing/book_sql.h"
#include "pricing/csv.h"
#include "pricing/move.h"

/* How a key of the usage document fills a field of CfPricingUsage. */
typedef enum FieldType
{
	FIELD_INT128,
	FIELD_INT64,
	FIELD_INT32,
	FIELD_TEXT
} FieldType;

typedef struct UsageDocument
{
	CfPricingUsage usage;
	int64		bytes;			/* held for `hours`, instead of byte_hours and object_hours */
	int64		objects;
	int64		hours;			/* -1 = the whole month */
} UsageDocument;

#define USAGE_FIELD(name, type) {#name, type, offsetof(UsageDocument, usage.name)}

static const struct
{
	const char *name;
	FieldType	type;
	size_t		offset;
}			usage_fields[] = {
	{"bytes", FIELD_INT64, offsetof(UsageDocument, bytes)},
	{"objects", FIELD_INT64, offsetof(UsageDocument, objects)},
	{"hours", FIELD_INT64, offsetof(UsageDocument, hours)},
	USAGE_FIELD(month_hours, FIELD_INT32),
	USAGE_FIELD(band_hours, FIELD_INT32),
	USAGE_FIELD(byte_hours, FIELD_INT128),
	USAGE_FIELD(object_hours, FIELD_INT128),
	USAGE_FIELD(padding_byte_hours, FIELD_INT128),
	USAGE_FIELD(monitored_object_hours, FIELD_INT128),
	USAGE_FIELD(byte_hours_before, FIELD_INT128),
	USAGE_FIELD(puts, FIELD_INT64),
	USAGE_FIELD(gets, FIELD_INT64),
	USAGE_FIELD(lists, FIELD_INT64),
	USAGE_FIELD(others, FIELD_INT64),
	USAGE_FIELD(transitions, FIELD_INT64),
	USAGE_FIELD(written_bytes, FIELD_INT64),
	USAGE_FIELD(read_bytes, FIELD_INT64),
	USAGE_FIELD(restore_option, FIELD_TEXT),
	USAGE_FIELD(restores, FIELD_INT64),
	USAGE_FIELD(restored_bytes, FIELD_INT64),
	USAGE_FIELD(restore_copy_byte_hours, FIELD_INT128),
	USAGE_FIELD(deleted_bytes, FIELD_INT64),
	USAGE_FIELD(deleted_objects, FIELD_INT64),
	USAGE_FIELD(stored_days, FIELD_INT32),
	USAGE_FIELD(egress_destination, FIELD_TEXT),
	USAGE_FIELD(egress_peer, FIELD_TEXT),
	USAGE_FIELD(egress_bytes, FIELD_INT64),
	USAGE_FIELD(egress_bytes_before, FIELD_INT64),
};

PG_FUNCTION_INFO_V1(cloudflux_quote_usage);
PG_FUNCTION_INFO_V1(cloudflux_object_monthly_cost);
PG_FUNCTION_INFO_V1(cloudflux_quote_move);
PG_FUNCTION_INFO_V1(cloudflux_quote_cheapest);
PG_FUNCTION_INFO_V1(cloudflux_price_month_hours);
PG_FUNCTION_INFO_V1(cloudflux_class_minimum_bytes);
PG_FUNCTION_INFO_V1(cloudflux_csv_rows);

static int32 month_hours_on(const char *provider, DateADT day);
static char *text_arg(FunctionCallInfo fcinfo, int n);
static int64 int64_arg(FunctionCallInfo fcinfo, int n, int64 otherwise);
static int32 int32_arg(FunctionCallInfo fcinfo, int n, int32 otherwise);
static DateADT day_arg(FunctionCallInfo fcinfo, int n);
static void read_usage(Jsonb *document, UsageDocument *into);
static void read_usage_field(UsageDocument *into, const char *name, const JsonbValue *value);
static void set_usage_number(UsageDocument *into, FieldType type, size_t offset, const char *name,
							 CfInt128 number);
static Datum money_datum(CfMoney money, bool *isnull);
static void put_term(ReturnSetInfo *rsinfo, const CfPricingTerm *term);
static ArrayType *risk_array(unsigned risks);

/* quote_usage(cloud, region, class, usage, day) prices a usage document term by term. */
Datum
cloudflux_quote_usage(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *provider = text_arg(fcinfo, 0);
	char	   *region = text_arg(fcinfo, 1);
	char	   *storage_class = text_arg(fcinfo, 2);
	DateADT		day = day_arg(fcinfo, 4);
	const CfPricingBook *book = cf_pricing_book_current();
	const CfPricingClass *cls;
	UsageDocument document;
	CfPricingUsage *usage = &document.usage;
	CfPricingQuote quote;
	CfError		err;
	int			i;

	if (provider == NULL || region == NULL || storage_class == NULL || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cloud, region, storage class and usage are needed to price something")));
	InitMaterializedSRF(fcinfo, 0);
	cls = cf_pricing_book_need(book, provider, region, storage_class, day, &err);
	if (cls == NULL)
		cf_error_raise(&err);

	memset(&document, 0, sizeof(document));
	document.hours = -1;
	cf_pricing_usage_init(usage, day, month_hours_on(provider, day));
	read_usage(PG_GETARG_JSONB_P(3), &document);
	if (document.hours < 0)
		document.hours = usage->month_hours;
	if (document.bytes < 0 || document.objects < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("usage has a negative quantity: bytes or objects")));
	if (document.bytes > 0)
		usage->byte_hours = (CfInt128) document.bytes * document.hours;
	if (document.objects > 0)
		usage->object_hours = (CfInt128) document.objects * document.hours;

	if (!cf_pricing_quote(book, cls, usage, &quote, &err))
		cf_error_raise(&err);
	for (i = 0; i < quote.count; i++)
		put_term(rsinfo, &quote.terms[i]);
	return (Datum) 0;
}

/* object_monthly_cost(cloud, region, class, bytes, reads, day) is NULL where the book has no price. */
Datum
cloudflux_object_monthly_cost(PG_FUNCTION_ARGS)
{
	char	   *provider = text_arg(fcinfo, 0);
	char	   *region = text_arg(fcinfo, 1);
	char	   *storage_class = text_arg(fcinfo, 2);
	DateADT		day = day_arg(fcinfo, 5);
	const CfPricingBook *book;
	const CfPricingClass *cls;
	CfPricingQuote terms;
	CfMoney		total;
	CfError		err;
	bool		isnull;
	Datum		result;

	if (provider == NULL || region == NULL || storage_class == NULL || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	book = cf_pricing_book_current();
	cls = cf_pricing_book_class(book, provider, region, storage_class, day);
	if (cls == NULL)
		PG_RETURN_NULL();
	if (!cf_pricing_month(book, cls, day, month_hours_on(provider, day), PG_GETARG_INT64(3),
						  int64_arg(fcinfo, 4, 0), &terms, &total, &err))
		cf_error_raise(&err);
	result = money_datum(total, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

/* read_move fills what quote_move and quote_cheapest have in common; arguments are numbered from first. */
static void
read_move(FunctionCallInfo fcinfo, int first, CfPricingMove *move)
{
	if (PG_ARGISNULL(first))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the size of a move cannot be null")));
	move->size_bytes = PG_GETARG_INT64(first);
	move->stored_days = int32_arg(fcinfo, first + 1, 0);
	move->reads_month = int64_arg(fcinfo, first + 2, 0);
}

/* quote_move(source cloud, region, class, dest cloud, region, class, bytes, days stored, reads, same_place, keep_source, part_bytes, restore_option, day, by_store, looks). */
Datum
cloudflux_quote_move(PG_FUNCTION_ARGS)
{
	CfPricingMove move;
	CfPricingMoveQuote quote;
	CfError		err;
	TupleDesc	desc;
	Datum		values[15];
	bool		nulls[15] = {false};
	Datum		ids[CF_PRICING_MOVE_IDS];
	const CfMoney *amounts[] = {&quote.request_usd, &quote.transition_usd, &quote.retrieval_usd,
		&quote.restore_usd, &quote.egress_usd, &quote.early_delete_usd, &quote.upload_usd,
	&quote.move_usd, &quote.before_usd, &quote.after_usd};
	int			i;

	desc = cf_pricing_result_desc(fcinfo, lengthof(values));
	memset(&move, 0, sizeof(move));
	move.source = (CfPricingSpot) {text_arg(fcinfo, 0), text_arg(fcinfo, 1), text_arg(fcinfo, 2)};
	move.dest = (CfPricingSpot) {text_arg(fcinfo, 3), text_arg(fcinfo, 4), text_arg(fcinfo, 5)};
	read_move(fcinfo, 6, &move);
	move.same_place = !PG_ARGISNULL(9) && PG_GETARG_BOOL(9);
	move.keep_source = !PG_ARGISNULL(10) && PG_GETARG_BOOL(10);
	move.part_bytes = int64_arg(fcinfo, 11, 0);
	move.restore_option = text_arg(fcinfo, 12);
	move.day = day_arg(fcinfo, 13);
	move.streamed = !PG_ARGISNULL(14) && !PG_GETARG_BOOL(14);
	move.source_looks = int32_arg(fcinfo, 15, 0);
	move.dest_looks = int32_arg(fcinfo, 16, 0);
	move.source_month_hours = move.source.provider ? month_hours_on(move.source.provider, move.day) : 730;
	move.dest_month_hours = move.dest.provider ? month_hours_on(move.dest.provider, move.day) : 730;
	if (!cf_pricing_move(cf_pricing_book_current(), &move, &quote, &err))
		cf_error_raise(&err);

	values[0] = Int64GetDatum(quote.requests);
	nulls[0] = quote.requests < 0;
	for (i = 0; i < lengthof(amounts); i++)
		values[1 + i] = money_datum(*amounts[i], &nulls[1 + i]);
	values[11] = money_datum(cf_money_round(quote.payback_days, 4), &nulls[11]);
	values[12] = Int32GetDatum(quote.restore_seconds);
	values[13] = PointerGetDatum(risk_array(quote.risks));
	for (i = 0; i < quote.price_count; i++)
		ids[i] = Int64GetDatum(quote.price_ids[i]);
	values[14] = PointerGetDatum(construct_array(ids, quote.price_count, INT8OID, 8, FLOAT8PASSBYVAL, 'd'));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* quote_cheapest(cloud, region, class, bytes, days stored, reads, max_payback_days, allow_restore, day); NULLs = stay. */
Datum
cloudflux_quote_cheapest(PG_FUNCTION_ARGS)
{
	CfPricingMove move;
	CfPricingMoveQuote quote;
	const CfPricingClass *cls;
	CfError		err;
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {false};

	desc = cf_pricing_result_desc(fcinfo, lengthof(values));
	memset(&move, 0, sizeof(move));
	move.source = (CfPricingSpot) {text_arg(fcinfo, 0), text_arg(fcinfo, 1), text_arg(fcinfo, 2)};
	read_move(fcinfo, 3, &move);
	move.day = day_arg(fcinfo, 8);
	move.source_month_hours = move.source.provider ? month_hours_on(move.source.provider, move.day) : 730;
	if (!cf_pricing_cheapest(cf_pricing_book_current(), &move, int32_arg(fcinfo, 6, 365),
							 !PG_ARGISNULL(7) && PG_GETARG_BOOL(7), &cls, &quote, &err))
		cf_error_raise(&err);
	if (cls == NULL)
		PG_RETURN_NULL();
	values[0] = CStringGetTextDatum(cls->row.name);
	values[1] = money_datum(quote.before_usd, &nulls[1]);
	values[2] = money_datum(quote.after_usd, &nulls[2]);
	values[3] = money_datum(quote.move_usd, &nulls[3]);
	values[4] = money_datum(cf_money_round(quote.payback_days, 4), &nulls[4]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* price_month_hours(cloud, day) is what one GB-month is there. */
Datum
cloudflux_price_month_hours(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(month_hours_on(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_DATEADT(1)));
}

/* class_minimum_bytes(cloud, region, class, day) is the smallest size that the class bills; NULL = no price. */
Datum
cloudflux_class_minimum_bytes(PG_FUNCTION_ARGS)
{
	const CfPricingClass *cls;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	cls = cf_pricing_book_class(cf_pricing_book_current(), text_arg(fcinfo, 0), text_arg(fcinfo, 1),
								text_arg(fcinfo, 2), day_arg(fcinfo, 3));
	if (cls == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64(cls->min_object_bytes);
}

/* csv_rows(text) gives the records of a CSV text with the line on which each begins. */
Datum
cloudflux_csv_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	text	   *data = PG_GETARG_TEXT_PP(0);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux CSV record",
												  ALLOCSET_DEFAULT_SIZES);
	CfAllocator allocator = cf_arena_context(context);
	CfArena		arena;
	CfPricingCsv csv;
	CfError		err;

	InitMaterializedSRF(fcinfo, 0);
	cf_arena_init(&arena, &allocator, 8192, 0);
	cf_pricing_csv_init(&csv, VARDATA_ANY(data), VARSIZE_ANY_EXHDR(data));
	for (;;)
	{
		CfPricingCsvRecord record;
		Datum		fields[CF_PRICING_CSV_FIELDS];
		Datum		values[2];
		bool		nulls[2] = {false, false};
		MemoryContext caller;
		bool		end;
		int			i;

		CHECK_FOR_INTERRUPTS();
		if (!cf_pricing_csv_next(&csv, &arena, &record, &end, &err))
			cf_error_raise(&err);
		if (end)
			break;
		caller = MemoryContextSwitchTo(context);
		for (i = 0; i < record.count; i++)
			fields[i] = CStringGetTextDatum(record.fields[i]);
		values[0] = Int64GetDatum(record.line);
		values[1] = PointerGetDatum(construct_array(fields, record.count, TEXTOID, -1, false, 'i'));
		MemoryContextSwitchTo(caller);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		cf_arena_free(&arena);
		MemoryContextReset(context);
		cf_arena_init(&arena, &allocator, 8192, 0);
	}
	MemoryContextDelete(context);
	return (Datum) 0;
}

TupleDesc
cf_pricing_result_desc(FunctionCallInfo fcinfo, int natts)
{
	TupleDesc	desc = fcinfo->flinfo->fn_extra;
	MemoryContext caller;

	if (desc != NULL)
		return desc;
	caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != natts)
		elog(ERROR, "function %u must return its %d columns", fcinfo->flinfo->fn_oid, natts);
	desc = BlessTupleDesc(desc);
	MemoryContextSwitchTo(caller);
	fcinfo->flinfo->fn_extra = desc;
	return desc;
}

/* month_hours_on asks the kernel with the day's year and month. */
static int32
month_hours_on(const char *provider, DateADT day)
{
	int			year;
	int			month;
	int			mday;

	if (DATE_NOT_FINITE(day))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the day of a price must be finite")));
	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	return cf_pricing_month_hours(provider, year, month);
}

static char *
text_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static int64
int64_arg(FunctionCallInfo fcinfo, int n, int64 otherwise)
{
	return PG_ARGISNULL(n) ? otherwise : PG_GETARG_INT64(n);
}

static int32
int32_arg(FunctionCallInfo fcinfo, int n, int32 otherwise)
{
	return PG_ARGISNULL(n) ? otherwise : PG_GETARG_INT32(n);
}

/* day_arg is a date, NULL = today. */
static DateADT
day_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? GetSQLCurrentDate() : PG_GETARG_DATEADT(n);
}

/* read_usage walks the document; a key that no field has is an error, so that nothing is left unpriced by a typo. */
static void
read_usage(Jsonb *document, UsageDocument *into)
{
	JsonbIterator *it = JsonbIteratorInit(&document->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = NULL;

	if (!JB_ROOT_IS_OBJECT(document))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a usage must be a JSON object")));
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			read_usage_field(into, name, &value);
	}
}

static void
read_usage_field(UsageDocument *into, const char *name, const JsonbValue *value)
{
	int			at = 0;
	char	   *digits;
	CfInt128	number;
	CfError		err;

	while (at < lengthof(usage_fields) && strcmp(usage_fields[at].name, name) != 0)
		at++;
	if (at == lengthof(usage_fields))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown quantity in usage: \"%s\"", name),
				 errhint("The comment of function quote_usage lists them.")));
	if (value->type == jbvNull)
		return;
	if (usage_fields[at].type == FIELD_TEXT && value->type == jbvString)
	{
		*(char **) ((char *) into + usage_fields[at].offset) =
			pnstrdup(value->val.string.val, value->val.string.len);
		return;
	}
	if (usage_fields[at].type == FIELD_TEXT || value->type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("wrong type of \"%s\" in usage", name)));
	digits = numeric_normalize(value->val.numeric);
	if (!cf_int128_parse(digits, strlen(digits), &number, &err))
		ereport(ERROR,
				(errcode(cf_error_sqlstate(err.kind)),
				 errmsg("\"%s\" in usage is not a whole number in range", name)));
	set_usage_number(into, usage_fields[at].type, usage_fields[at].offset, name, number);
}

static void
set_usage_number(UsageDocument *into, FieldType type, size_t offset, const char *name,
				 CfInt128 number)
{
	char	   *field = (char *) into + offset;

	if ((type == FIELD_INT32 && (number < 0 || number > PG_INT32_MAX)) ||
		(type == FIELD_INT64 && (number < PG_INT64_MIN || number > PG_INT64_MAX)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" in usage is out of range", name)));
	if (type == FIELD_INT32)
		*(int32 *) field = (int32) number;
	else if (type == FIELD_INT64)
		*(int64 *) field = (int64) number;
	else
		memcpy(field, &number, sizeof(number));
}

/* money_datum makes the numeric of an amount; an unknown one is NULL. */
static Datum
money_datum(CfMoney money, bool *isnull)
{
	char		text[CF_MONEY_TEXT];

	*isnull = !cf_money_known(money);
	if (*isnull)
		return (Datum) 0;
	cf_money_format(money, text);
	return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

/* put_term returns one priced term as a row. */
static void
put_term(ReturnSetInfo *rsinfo, const CfPricingTerm *term)
{
	Datum		values[7];
	bool		nulls[7] = {false};
	CfMoney		quantity;
	CfError		err;

	if (!cf_money_mul_ratio(CF_MONEY_ONE, term->num, term->den, &quantity, &err))
		cf_error_raise(&err);
	values[0] = CStringGetTextDatum(cf_pricing_kind_name(term->kind));
	values[1] = money_datum(quantity, &nulls[1]);
	values[2] = CStringGetTextDatum(cf_pricing_kind_unit(term->kind));
	values[3] = money_datum(term->unit_usd, &nulls[3]);
	values[4] = money_datum(term->amount_usd, &nulls[4]);
	values[5] = Int64GetDatum(term->price_id);
	nulls[5] = term->price_id == 0;
	values[6] = Int64GetDatum(term->discount_id);
	nulls[6] = term->discount_id == 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* risk_array names the risks of a move, in the order of their bits. */
static ArrayType *
risk_array(unsigned risks)
{
	Datum		names[CF_PRICING_RISKS];
	int			count = 0;
	int			bit;

	for (bit = 0; bit < CF_PRICING_RISKS; bit++)
	{
		if (risks & (1u << bit))
			names[count++] = CStringGetTextDatum(cf_pricing_risk_name((CfPricingRisk) (1u << bit)));
	}
	return construct_array(names, count, TEXTOID, -1, false, 'i');
}
