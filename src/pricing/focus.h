/*
 * focus.h
 *		Reads a bill in the FinOps Open Cost and Usage Specification (FOCUS 1.0): a CSV with a header, one charge per record.
 *
 * Columns may stand in any order. Those that cloudflux compares are checked and normalised: numbers are decimals (with an
 * exponent where the bill has one), times are UTC in one spelling. Empty fields and the word NULL mean null. Columns that FOCUS
 * does not know (x_…) or that nobody here needs are passed on as they are.
 */
#ifndef CF_PRICING_FOCUS_H
#define CF_PRICING_FOCUS_H

#include "pricing/csv.h"

typedef enum CfFocusColumn
{
	CF_FOCUS_BILLED_COST,
	CF_FOCUS_EFFECTIVE_COST,
	CF_FOCUS_LIST_COST,
	CF_FOCUS_CONTRACTED_COST,
	CF_FOCUS_LIST_UNIT_PRICE,
	CF_FOCUS_CONTRACTED_UNIT_PRICE,
	CF_FOCUS_CONSUMED_QUANTITY,
	CF_FOCUS_PRICING_QUANTITY,
	CF_FOCUS_BILLING_PERIOD_START,
	CF_FOCUS_BILLING_PERIOD_END,
	CF_FOCUS_CHARGE_PERIOD_START,
	CF_FOCUS_CHARGE_PERIOD_END,
	CF_FOCUS_BILLING_CURRENCY,
	CF_FOCUS_CHARGE_CATEGORY,
	CF_FOCUS_PROVIDER_NAME,
	CF_FOCUS_SERVICE_NAME,
	CF_FOCUS_SERVICE_CATEGORY,
	CF_FOCUS_BILLING_ACCOUNT_ID,
	CF_FOCUS_SUB_ACCOUNT_ID,
	CF_FOCUS_CHARGE_DESCRIPTION,
	CF_FOCUS_CONSUMED_UNIT,
	CF_FOCUS_PRICING_UNIT,
	CF_FOCUS_REGION_ID,
	CF_FOCUS_RESOURCE_ID,
	CF_FOCUS_SKU_ID,
	CF_FOCUS_COLUMNS
} CfFocusColumn;

#define CF_FOCUS_VALUE_BYTES 64 /* any normalised number or time fits in, with its NUL */

/* Which field of a record is which column. */
typedef struct CfPricingFocus
{
	int			field[CF_FOCUS_COLUMNS];	/* -1 = the bill has no such column */
	bool		known[CF_PRICING_CSV_FIELDS];	/* the field is one of them */
	const char *names[CF_PRICING_CSV_FIELDS];	/* of all fields; point into the header */
	int			width;
} CfPricingFocus;

typedef struct CfPricingFocusLine
{
	long		line;
	const char *values[CF_FOCUS_COLUMNS];	/* NULL = null; in the arena, or in the record */
} CfPricingFocusLine;

/*
 * cf_pricing_focus_header reads the header, whose texts must live as long as *focus. CF_ERR_INPUT: a column stands twice, or one that
 * every bill must have is missing.
 */
extern bool cf_pricing_focus_header(CfPricingFocus *focus, const char *const *names, int width, CfError *err);

/* cf_pricing_focus_read checks one record; CF_ERR_INPUT tells line and column of what is wrong. */
extern bool cf_pricing_focus_read(const CfPricingFocus *focus, const CfPricingCsvRecord *record, CfArena *arena,
								  CfPricingFocusLine *line, CfError *err);

/* cf_pricing_focus_null tells whether a field means null. */
extern bool cf_pricing_focus_null(const char *field);

extern const char *cf_pricing_focus_name(CfFocusColumn column);	/* "BilledCost", … */

#endif							/* CF_PRICING_FOCUS_H */
