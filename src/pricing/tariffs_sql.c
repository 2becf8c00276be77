/*
 * tariffs_sql.c
 *		class_tariffs(): all classes of a region with their prices on a day, for those who compare classes rather than price a usage.
 *
 * The book decides what holds (a user's row over a builtin one, discounts, the first volume band); it is only read out here. A class
 * that is restored before it is read comes once for each option.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "pricing/book_sql.h"

#define COLUMNS 20

PG_FUNCTION_INFO_V1(cloudflux_class_tariffs);

static void put_rows(ReturnSetInfo *rsinfo, const CfPricingBook *book, const CfPricingClass *cls, int32_t day);

/* class_tariffs(cloud, region, on) is the SQL function. */
Datum
cloudflux_class_tariffs(PG_FUNCTION_ARGS)
{
	char	   *provider = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *region = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int32_t		day = PG_GETARG_DATEADT(2);
	const CfPricingBook *book = cf_pricing_book_current();
	const CfPricingClass *cls;
	int			at = 0;
	int			count = 0;
	CfError		err;

	InitMaterializedSRF(fcinfo, 0);
	while ((cls = cf_pricing_book_next(book, provider, region, day, &at)) != NULL)
	{
		put_rows((ReturnSetInfo *) fcinfo->resultinfo, book, cls, day);
		count++;
	}
	/* A region that the book does not know is an error that lists those that it does. */
	if (count == 0 && cf_pricing_book_need(book, provider, region, "STANDARD", day, &err) == NULL)
		cf_error_raise(&err);
	return (Datum) 0;
}

/* money makes the numeric of a price; an unknown one is NULL. */
static void
money(Datum *value, bool *isnull, CfMoney usd)
{
	char		text[CF_MONEY_TEXT];

	*isnull = !cf_money_known(usd);
	if (*isnull)
		return;
	cf_money_format(usd, text);
	*value = DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/* put_row writes one row: a class, with one of its restore options or none. */
static void
put_row(ReturnSetInfo *rsinfo, const CfPricingBook *book, const CfPricingClass *cls, const CfPricingRestore *restore,
		int32_t day)
{
	Datum		values[COLUMNS] = {0};
	bool		nulls[COLUMNS] = {false};
	CfPricingLadder ladder = cf_pricing_book_ladder(book, cls, day);
	const CfMoney prices[] = {
		ladder.count > 0 ? ladder.bands[0].usd : cls->storage_usd, cls->put_usd, cls->get_usd, cls->transition_usd,
		cls->retrieval_usd, cls->upload_usd, cls->early_delete_usd, cls->monitoring_usd
	};
	int			at = 0;

	values[at++] = CStringGetTextDatum(cls->row.name);
	values[at++] = CStringGetTextDatum(cls->tier);
	values[at++] = CStringGetTextDatum(cls->redundancy);
	for (int i = 0; i < (int) lengthof(prices); i++, at++)
		money(&values[at], &nulls[at], prices[i]);
	values[at++] = Int32GetDatum(cls->min_days);
	values[at++] = Int64GetDatum(cls->min_object_bytes);
	values[at++] = Int64GetDatum(cls->overhead_bytes);
	values[at++] = Int64GetDatum(cls->overhead_standard_bytes);
	values[at++] = Int32GetDatum(restore != NULL ? restore->seconds_max : cls->restore_seconds);
	nulls[at] = restore == NULL;
	values[at++] = restore != NULL ? CStringGetTextDatum(restore->row.option) : (Datum) 0;
	money(&values[at], &nulls[at], restore != NULL ? restore->request_usd : CF_MONEY_UNKNOWN);
	at++;
	money(&values[at], &nulls[at], restore != NULL ? restore->retrieval_usd : CF_MONEY_UNKNOWN);
	at++;
	values[at++] = Int64GetDatum(cls->row.id);
	Assert(at == COLUMNS);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* put_rows writes a class: once, or once for each of the restore options that hold. */
static void
put_rows(ReturnSetInfo *rsinfo, const CfPricingBook *book, const CfPricingClass *cls, int32_t day)
{
	const CfPricingRestore *rows = book->restores.items;
	bool		any = false;

	for (int i = 0; i < book->restores.count; i++)
	{
		if (strcmp(rows[i].row.provider, cls->row.provider) != 0 || strcmp(rows[i].row.region, cls->row.region) != 0 ||
			strcmp(rows[i].row.name, cls->row.name) != 0 ||
			cf_pricing_book_restore(book, cls, rows[i].row.option, day) != &rows[i])
			continue;
		put_row(rsinfo, book, cls, &rows[i], day);
		any = true;
	}
	if (!any)
		put_row(rsinfo, book, cls, NULL, day);
}
