/*
 * book_sql.c
 *		Reads the tables of the price book into the kernel's arrays, once per statement.
 *
 * A book has hundreds of rows and a statement may price millions of objects, so the book is kept for as long as
 * nothing can have changed it for this caller: same statement, same command counter, same subtransaction,
 * same user. Reads run under the caller's snapshot (cf_spi_read), which also keeps them allowed in parallel
 * workers and on a standby. The statements are prepared once: to plan them costs as much as to read some hundred rows.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "pricing/book_sql.h"

typedef struct BookKey
{
	TimestampTz transaction_start;
	TimestampTz statement_start;
	CommandId	command;
	SubTransactionId subtransaction;
	Oid			user;
} BookKey;

/* The row that is being read. */
typedef struct Row
{
	HeapTuple	tuple;
	TupleDesc	desc;
	CfArena    *arena;
} Row;

static MemoryContext book_context = NULL;
static CfPricingBook *current = NULL;
static CfArena book_arena;
static BookKey current_key;

static CfSpiPlan class_rows = {
	"SELECT id, provider, region, storage_class, '', effective_from, effective_to, builtin, 0::bigint, NULL::bigint,"
	" tier, redundancy, storage_usd_gb_month, put_usd_per_1000, get_usd_per_1000, list_usd_per_1000,"
	" transition_usd_per_1000, retrieval_usd_gb, upload_usd_gb, early_delete_usd_gb_month,"
	" monitoring_usd_per_1000_objects, min_object_bytes, overhead_bytes, overhead_standard_bytes,"
	" min_storage_days::bigint, restore_seconds::bigint, other_usd_per_1000 FROM cloudflux.prices", 0
};
static CfSpiPlan band_rows = {
	"SELECT id, provider, region, storage_class, '', effective_from, effective_to, builtin,"
	" (from_gb OPERATOR(pg_catalog.*) 1073741824::numeric)::bigint,"
	" (to_gb OPERATOR(pg_catalog.*) 1073741824::numeric)::bigint, usd_gb_month"
	" FROM cloudflux.price_bands", 0
};
static CfSpiPlan egress_rows = {
	"SELECT id, provider, region, destination, peer, effective_from, effective_to, builtin,"
	" (tier_from_gb OPERATOR(pg_catalog.*) 1073741824::numeric)::bigint,"
	" (tier_to_gb OPERATOR(pg_catalog.*) 1073741824::numeric)::bigint, usd_per_gb"
	" FROM cloudflux.egress_prices", 0
};
static CfSpiPlan restore_rows = {
	"SELECT id, provider, region, storage_class, option, effective_from, effective_to, builtin, 0::bigint, NULL::bigint,"
	" restore_seconds_max::bigint, request_usd_per_1000, retrieval_usd_gb FROM cloudflux.restore_prices", 0
};

static CfSpiPlan discount_rows = {
	"SELECT id, provider, region, storage_class, price, effective_from, effective_to, false, 0::bigint, NULL::bigint,"
	" percent, usd FROM cloudflux.price_discounts", 0
};

static void read_classes(CfPricingBook *book);
static void read_discounts(CfPricingBook *book);
static void read_bands(CfPricingBook *book, CfSpiPlan *rows, bool egress);
static void read_restores(CfPricingBook *book);
static void row_key(Row *row, CfPricingRow *key);
static Datum row_datum(Row *row, int col, bool *isnull);
static const char *row_text(Row *row, int col);
static int64 row_int64(Row *row, int col, int64 otherwise);
static CfMoney row_money(Row *row, int col);

const CfPricingBook *
cf_pricing_book_current(void)
{
	BookKey		key;
	CfAllocator allocator;

	memset(&key, 0, sizeof(key));
	key.transaction_start = GetCurrentTransactionStartTimestamp();
	key.statement_start = GetCurrentStatementStartTimestamp();
	key.command = GetCurrentCommandId(false);
	key.subtransaction = GetCurrentSubTransactionId();
	key.user = GetUserId();
	if (current != NULL && memcmp(&key, &current_key, sizeof(key)) == 0)
		return current;

	current = NULL;
	if (book_context == NULL)
		book_context = AllocSetContextCreate(TopMemoryContext, "cloudflux price book",
											 ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(book_context);
	allocator = cf_arena_context(book_context);
	cf_arena_init(&book_arena, &allocator, 32768, 0);

	cf_spi_begin();
	{
		CfPricingBook *book = MemoryContextAlloc(book_context, sizeof(CfPricingBook));

		cf_pricing_book_init(book, &book_arena);
		read_classes(book);
		read_bands(book, &band_rows, false);
		read_bands(book, &egress_rows, true);
		read_restores(book);
		read_discounts(book);
		cf_pricing_book_seal(book);
		cf_spi_end();
		current_key = key;
		current = book;
	}
	return current;
}

static void
read_classes(CfPricingBook *book)
{
	uint64		i;

	(void) cf_spi_read(&class_rows, NULL, NULL);
	for (i = 0; i < SPI_processed; i++)
	{
		Row			row = {SPI_tuptable->vals[i], SPI_tuptable->tupdesc, book->arena};
		CfPricingClass cls;
		CfError		err;

		memset(&cls, 0, sizeof(cls));
		row_key(&row, &cls.row);
		cls.tier = row_text(&row, 11);
		cls.redundancy = row_text(&row, 12);
		cls.storage_usd = row_money(&row, 13);
		cls.put_usd = row_money(&row, 14);
		cls.get_usd = row_money(&row, 15);
		cls.list_usd = row_money(&row, 16);
		cls.transition_usd = row_money(&row, 17);
		cls.retrieval_usd = row_money(&row, 18);
		cls.upload_usd = row_money(&row, 19);
		cls.early_delete_usd = row_money(&row, 20);
		cls.monitoring_usd = row_money(&row, 21);
		cls.min_object_bytes = row_int64(&row, 22, 0);
		cls.overhead_bytes = row_int64(&row, 23, 0);
		cls.overhead_standard_bytes = row_int64(&row, 24, 0);
		cls.min_days = (int32) row_int64(&row, 25, 0);
		cls.restore_seconds = (int32) row_int64(&row, 26, 0);
		cls.other_usd = row_money(&row, 27);
		if (!cf_pricing_book_add_class(book, &cls, &err))
			cf_error_raise(&err);
	}
}

static void
read_bands(CfPricingBook *book, CfSpiPlan *rows, bool egress)
{
	uint64		i;

	(void) cf_spi_read(rows, NULL, NULL);
	for (i = 0; i < SPI_processed; i++)
	{
		Row			row = {SPI_tuptable->vals[i], SPI_tuptable->tupdesc, book->arena};
		CfPricingBand band;
		CfError		err;

		memset(&band, 0, sizeof(band));
		row_key(&row, &band.row);
		band.usd = row_money(&row, 11);
		if (!(egress ? cf_pricing_book_add_egress(book, &band, &err)
			  : cf_pricing_book_add_band(book, &band, &err)))
			cf_error_raise(&err);
	}
}

static void
read_restores(CfPricingBook *book)
{
	uint64		i;

	(void) cf_spi_read(&restore_rows, NULL, NULL);
	for (i = 0; i < SPI_processed; i++)
	{
		Row			row = {SPI_tuptable->vals[i], SPI_tuptable->tupdesc, book->arena};
		CfPricingRestore restore;
		CfError		err;

		memset(&restore, 0, sizeof(restore));
		row_key(&row, &restore.row);
		restore.seconds_max = (int32) row_int64(&row, 11, 0);
		restore.request_usd = row_money(&row, 12);
		restore.retrieval_usd = row_money(&row, 13);
		if (!cf_pricing_book_add_restore(book, &restore, &err))
			cf_error_raise(&err);
	}
}

/* read_discounts lays the contracts over what was read; NULL means all (row_text makes it ""). */
static void
read_discounts(CfPricingBook *book)
{
	CfError		err;
	uint64		i;

	(void) cf_spi_read(&discount_rows, NULL, NULL);
	for (i = 0; i < SPI_processed; i++)
	{
		Row			row = {SPI_tuptable->vals[i], SPI_tuptable->tupdesc, book->arena};
		CfPricingDiscount discount;

		memset(&discount, 0, sizeof(discount));
		row_key(&row, &discount.row);
		discount.percent = row_money(&row, 11);
		discount.usd = row_money(&row, 12);
		if (!cf_pricing_book_add_discount(book, &discount, &err))
			cf_error_raise(&err);
	}
	if (!cf_pricing_book_discount(book, &err))
		cf_error_raise(&err);
}

/* row_key fills what the first ten columns of every query say. */
static void
row_key(Row *row, CfPricingRow *key)
{
	bool		isnull;
	Datum		from = row_datum(row, 6, &isnull);
	Datum		until;

	key->id = row_int64(row, 1, 0);
	key->provider = row_text(row, 2);
	key->region = row_text(row, 3);
	key->name = row_text(row, 4);
	key->option = row_text(row, 5);
	key->from_day = DatumGetDateADT(from);	/* -infinity is the smallest integer */
	until = row_datum(row, 7, &isnull);
	key->to_day = isnull ? CF_PRICING_DAY_MAX : DatumGetDateADT(until);
	key->builtin = DatumGetBool(row_datum(row, 8, &isnull));
	key->from_bytes = row_int64(row, 9, 0);
	key->to_bytes = row_int64(row, 10, CF_PRICING_BYTES_MAX);
}

static Datum
row_datum(Row *row, int col, bool *isnull)
{
	return SPI_getbinval(row->tuple, row->desc, col, isnull);
}

/* row_text copies a text into the book; NULL becomes "". */
static const char *
row_text(Row *row, int col)
{
	char	   *value = SPI_getvalue(row->tuple, row->desc, col);
	const char *copy;

	if (value == NULL)
		return "";
	copy = cf_arena_strdup(row->arena, value);
	if (copy == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory for the price book")));
	pfree(value);
	return copy;
}

static int64
row_int64(Row *row, int col, int64 otherwise)
{
	bool		isnull;
	Datum		value = row_datum(row, col, &isnull);

	return isnull ? otherwise : DatumGetInt64(value);
}

/* row_money reads a numeric; NULL is an unknown price. */
static CfMoney
row_money(Row *row, int col)
{
	bool		isnull;
	Datum		value = row_datum(row, col, &isnull);
	char	   *text;
	CfMoney		money;
	CfError		err;

	if (isnull)
		return CF_MONEY_UNKNOWN;
	text = DatumGetCString(DirectFunctionCall1(numeric_out, value));
	if (!cf_money_parse(text, strlen(text), &money, &err))
		cf_error_raise(&err);
	pfree(text);
	return money;
}
