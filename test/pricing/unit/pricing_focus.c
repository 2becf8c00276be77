/*
 * pricing_focus: which bills are read, what of them, and how what is wrong with one is told.
 */
#include "pricing/focus.h"
#include "tap.h"

#include <string.h>

#define HEADER "BilledCost,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory," \
	"ProviderName,ServiceName,BillingAccountId,ConsumedQuantity,x_UsageType\n"
#define LINE(cost, from, currency, category, quantity) cost "," currency ",2026-10-01 00:00:00,2026-11-01T00:00:00Z," from \
	",2026-10-05 01:00:00.000Z," category ",AWS,Amazon Simple Storage Service,123," quantity ",TimedStorage-ByteHrs\n"

static CfArena arena;
static CfError err;
static CfPricingFocus focus;
static CfPricingFocusLine line;

/* read_bill reads a header and the first record behind it; "" or what is wrong. */
static const char *
read_bill(const char *text)
{
	static char why[4096];
	CfPricingCsv csv;
	CfPricingCsvRecord header;
	CfPricingCsvRecord record;
	bool		end;

	cf_pricing_csv_init(&csv, text, strlen(text));
	why[0] = '\0';
	memset(&err, 0, sizeof(err));
	if (!cf_pricing_csv_next(&csv, &arena, &header, &end, &err) ||
		!cf_pricing_focus_header(&focus, header.fields, header.count, &err) ||
		!cf_pricing_csv_next(&csv, &arena, &record, &end, &err) ||
		!cf_pricing_focus_read(&focus, &record, &arena, &line, &err))
		snprintf(why, sizeof(why), "%s%s%s", err.message, err.detail[0] ? ": " : "", err.detail);
	return why;
}

static void
wrong(const char *text, const char *why)
{
	is_str(read_bill(text), why, "refused: %s", why);
	is_int(err.kind, CF_ERR_INPUT, "as bad input");
}

static void
test_good(void)
{
	is_str(read_bill(HEADER LINE("0.0000008", "2026-10-05T00:00", "USD", "Usage", "NULL")), "", "a bill is read");
	is_str(line.values[CF_FOCUS_BILLED_COST], "0.0000008", "numbers keep their digits");
	is_str(line.values[CF_FOCUS_CHARGE_PERIOD_START], "2026-10-05 00:00:00+00", "times have one spelling");
	is_str(line.values[CF_FOCUS_CHARGE_PERIOD_END], "2026-10-05 01:00:00+00", "whichever they came in");
	is_str(line.values[CF_FOCUS_BILLING_PERIOD_END], "2026-11-01 00:00:00+00", "with a zone or without");
	ok(line.values[CF_FOCUS_CONSUMED_QUANTITY] == NULL, "the word NULL is null");
	ok(line.values[CF_FOCUS_LIST_COST] == NULL, "and so is a column that the bill does not have");
	is_int(line.line, 2, "a line knows its number");
	ok(!focus.known[11] && focus.known[0], "a column of the provider's own is passed on");
	is_str(read_bill(HEADER LINE("-3.5E-7", "2026-10-05", "EUR", "Credit", "1.5e+3")), "", "numbers may have an exponent, days no time");
	is_str(line.values[CF_FOCUS_BILLED_COST], "-3.5E-7", "also negative ones");
	is_str(line.values[CF_FOCUS_CHARGE_PERIOD_START], "2026-10-05 00:00:00+00", "a day begins at midnight");
	is_str(read_bill("billedcost,BILLINGCURRENCY,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ProviderName,ServiceName,BillingAccountId\n"
					 "+.5,USD,2028-02-01,2028-03-01,2028-02-29 00:00:00 UTC,2028-02-29 23:59:59+00:00,Tax,AWS,S3,1\n"), "", "names of columns in any case, a leap day");
	for (int column = 0; column < CF_FOCUS_COLUMNS; column++)
		ok(cf_pricing_focus_name((CfFocusColumn) column)[0] != '\0', "column %s", cf_pricing_focus_name((CfFocusColumn) column));
}

static void
test_bad(void)
{
	static const char *const numbers[] = {"x", "1,5", "1.2.3", ".", "-", "1e", "1e5x", "1e9999", "0x10", "1 ", "Infinity", "NaN"};
	static const char *const times[] = {"2026-13-01", "2026-02-29", "1969-12-31", "26-01-01", "2026/01/01", "2026-10-32", "today"};
	char		text[2048];

	wrong("a,b\n1,2\n", "the bill has no column \"BilledCost\"");
	wrong("BilledCost,billedcost\n1,2\n", "column \"billedcost\" stands twice in the header of the bill");
	wrong(HEADER "1,2\n", "malformed CSV at line 2: The record has 2 fields, the first one has 12.");
	wrong(HEADER LINE("", "2026-10-05", "USD", "Usage", ""), "cannot read the bill: line 2, column \"BilledCost\": A value is needed.");
	wrong(HEADER LINE("1", "2026-10-05", "usd", "Usage", ""), "cannot read the bill: line 2, column \"BillingCurrency\": That is no currency, as USD is one.");
	wrong(HEADER LINE("1", "2026-10-05", "USD", "usage", ""),
		  "cannot read the bill: line 2, column \"ChargeCategory\": Categories are Usage, Purchase, Tax, Credit and Adjustment.");
	wrong(HEADER LINE("1", "2026-10-05T25:00", "USD", "Usage", ""), "cannot read the bill: line 2, column \"ChargePeriodStart\": That is no time of day.");
	wrong(HEADER LINE("1", "2026-10-05T23:00:61", "USD", "Usage", ""), "cannot read the bill: line 2, column \"ChargePeriodStart\": That is no time of day.");
	wrong(HEADER LINE("1", "2026-10-05T23:00+02:00", "USD", "Usage", ""), "cannot read the bill: line 2, column \"ChargePeriodStart\": Times of a bill are in UTC.");
	wrong(HEADER LINE("1", "2026-10-06", "USD", "Usage", ""), "cannot read the bill: line 2, a period ends before it begins: "
		  "The charge is for 2026-10-06 00:00:00+00 to 2026-10-05 01:00:00+00, the billing period is 2026-10-01 00:00:00+00 to 2026-11-01 00:00:00+00.");
	wrong(HEADER LINE("11111111111111111111111111111111111111111", "2026-10-05", "USD", "Usage", ""),
		  "cannot read the bill: line 2, column \"BilledCost\": The number has more than 40 digits.");
	wrong(HEADER LINE("1e31", "2026-10-05", "USD", "Usage", ""), "cannot read the bill: line 2, column \"BilledCost\": The exponent is out of range.");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
	{
		snprintf(text, sizeof(text), HEADER LINE("1", "2026-10-05", "USD", "Usage", "\"%s\""), numbers[i]);
		ok(strstr(read_bill(text), "column \"ConsumedQuantity\"") != NULL, "no number: %s", numbers[i]);
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		snprintf(text, sizeof(text), HEADER LINE("1", "%s", "USD", "Usage", ""), times[i]);
		ok(strstr(read_bill(text), "That is no day") != NULL, "no day: %s", times[i]);
	}
}

/* A record that is wider than the header of another piece of the bill. */
static void
test_width(void)
{
	CfPricingCsvRecord record = {7, 1, {"1"}};

	read_bill(HEADER LINE("1", "2026-10-05", "USD", "Usage", ""));
	ok(!cf_pricing_focus_read(&focus, &record, &arena, &line, &err), "a piece of another width is refused");
	is_str(err.message, "malformed CSV at line 7", "with its line");
}

static void
test_memory(void)
{
	CfArena		tight;
	CfPricingCsvRecord record = {2, 12, {"1", "USD", "2026-10-01", "2026-11-01", "2026-10-01", "2026-10-02", "Usage", "AWS", "S3", "1", "1", ""}};

	read_bill(HEADER LINE("1", "2026-10-05", "USD", "Usage", ""));
	cf_arena_init(&tight, &cf_arena_malloc, 64, 1);
	ok(!cf_pricing_focus_read(&focus, &record, &tight, &line, &err) && err.kind == CF_ERR_MEMORY, "out of memory is told");
	cf_arena_free(&tight);
}

int
main(void)
{
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	test_good();
	test_bad();
	test_width();
	test_memory();
	cf_arena_free(&arena);
	return done_testing();
}
