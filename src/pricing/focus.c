/*
 * focus.c
 *		The columns of a FOCUS bill as a table: name, kind, whether every bill must have it.
 *
 * Numbers keep the digits that the bill has: nothing is computed here. A time is checked as a day of the calendar and a time of day, so
 * that what is stored later cannot fail.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "pricing/focus.h"

#define DIGITS_MAX 40
#define EXPONENT_MAX 30

typedef enum Kind
{
	KIND_TEXT,
	KIND_NUMBER,
	KIND_TIME,
	KIND_CURRENCY,
	KIND_CATEGORY
} Kind;

static const struct
{
	const char *name;
	Kind		kind;
	bool		required;
}			columns[CF_FOCUS_COLUMNS] = {
	[CF_FOCUS_BILLED_COST] = {"BilledCost", KIND_NUMBER, true},
	[CF_FOCUS_EFFECTIVE_COST] = {"EffectiveCost", KIND_NUMBER, false},
	[CF_FOCUS_LIST_COST] = {"ListCost", KIND_NUMBER, false},
	[CF_FOCUS_CONTRACTED_COST] = {"ContractedCost", KIND_NUMBER, false},
	[CF_FOCUS_LIST_UNIT_PRICE] = {"ListUnitPrice", KIND_NUMBER, false},
	[CF_FOCUS_CONTRACTED_UNIT_PRICE] = {"ContractedUnitPrice", KIND_NUMBER, false},
	[CF_FOCUS_CONSUMED_QUANTITY] = {"ConsumedQuantity", KIND_NUMBER, false},
	[CF_FOCUS_PRICING_QUANTITY] = {"PricingQuantity", KIND_NUMBER, false},
	[CF_FOCUS_BILLING_PERIOD_START] = {"BillingPeriodStart", KIND_TIME, true},
	[CF_FOCUS_BILLING_PERIOD_END] = {"BillingPeriodEnd", KIND_TIME, true},
	[CF_FOCUS_CHARGE_PERIOD_START] = {"ChargePeriodStart", KIND_TIME, true},
	[CF_FOCUS_CHARGE_PERIOD_END] = {"ChargePeriodEnd", KIND_TIME, true},
	[CF_FOCUS_BILLING_CURRENCY] = {"BillingCurrency", KIND_CURRENCY, true},
	[CF_FOCUS_CHARGE_CATEGORY] = {"ChargeCategory", KIND_CATEGORY, true},
	[CF_FOCUS_PROVIDER_NAME] = {"ProviderName", KIND_TEXT, true},
	[CF_FOCUS_SERVICE_NAME] = {"ServiceName", KIND_TEXT, true},
	[CF_FOCUS_SERVICE_CATEGORY] = {"ServiceCategory", KIND_TEXT, false},
	[CF_FOCUS_BILLING_ACCOUNT_ID] = {"BillingAccountId", KIND_TEXT, true},
	[CF_FOCUS_SUB_ACCOUNT_ID] = {"SubAccountId", KIND_TEXT, false},
	[CF_FOCUS_CHARGE_DESCRIPTION] = {"ChargeDescription", KIND_TEXT, false},
	[CF_FOCUS_CONSUMED_UNIT] = {"ConsumedUnit", KIND_TEXT, false},
	[CF_FOCUS_PRICING_UNIT] = {"PricingUnit", KIND_TEXT, false},
	[CF_FOCUS_REGION_ID] = {"RegionId", KIND_TEXT, false},
	[CF_FOCUS_RESOURCE_ID] = {"ResourceId", KIND_TEXT, false},
	[CF_FOCUS_SKU_ID] = {"SkuId", KIND_TEXT, false},
};

static const char *check_number(const char *text);
static const char *read_time(const char *text, char out[CF_FOCUS_VALUE_BYTES]);
static const char *check_currency(const char *text);
static const char *check_category(const char *text);
static bool read_value(CfArena *arena, Kind kind, const char *text, const char **value, const char **why);

const char *
cf_pricing_focus_name(CfFocusColumn column)
{
	return columns[column].name;
}

bool
cf_pricing_focus_null(const char *field)
{
	return field[0] == '\0' || strcasecmp(field, "null") == 0;
}

bool
cf_pricing_focus_header(CfPricingFocus *focus, const char *const *names, int width, CfError *err)
{
	memset(focus, 0, sizeof(*focus));
	focus->width = width;
	for (int i = 0; i < width; i++)
	{
		focus->names[i] = names[i];
		for (int k = 0; k < i; k++)
		{
			if (strcasecmp(names[i], names[k]) == 0)
				return cf_error_set(err, CF_ERR_INPUT, "column \"%.60s\" stands twice in the header of the bill", names[i]);
		}
	}
	for (int column = 0; column < CF_FOCUS_COLUMNS; column++)
	{
		focus->field[column] = -1;
		for (int i = 0; i < width; i++)
		{
			if (strcasecmp(names[i], columns[column].name) != 0)
				continue;
			focus->field[column] = i;
			focus->known[i] = true;
		}
		if (focus->field[column] < 0 && columns[column].required)
		{
			cf_error_set(err, CF_ERR_INPUT, "the bill has no column \"%s\"", columns[column].name);
			return cf_error_hint(err, "A bill in FOCUS 1.0 begins with a header line that names its columns.");
		}
	}
	return true;
}

bool
cf_pricing_focus_read(const CfPricingFocus *focus, const CfPricingCsvRecord *record, CfArena *arena,
					  CfPricingFocusLine *line, CfError *err)
{
	memset(line, 0, sizeof(*line));
	line->line = record->line;
	if (record->count != focus->width)
	{
		cf_error_set(err, CF_ERR_INPUT, "malformed CSV at line %ld", record->line);
		return cf_error_detail(err, "The record has %d fields, the header has %d.", record->count, focus->width);
	}
	for (int column = 0; column < CF_FOCUS_COLUMNS; column++)
	{
		const char *text = focus->field[column] < 0 ? "" : record->fields[focus->field[column]];
		const char *why = NULL;

		if (!cf_pricing_focus_null(text))
		{
			if (!read_value(arena, columns[column].kind, text, &line->values[column], &why))
				return cf_error_set(err, CF_ERR_MEMORY, "out of memory for a bill");
		}
		else if (columns[column].required)
			why = "A value is needed.";
		if (why == NULL)
			continue;
		cf_error_set(err, CF_ERR_INPUT, "cannot read the bill: line %ld, column \"%s\"", record->line, columns[column].name);
		return cf_error_detail(err, "%s", why);
	}
	/* In their one spelling times compare as texts. */
	if (strcmp(line->values[CF_FOCUS_BILLING_PERIOD_START], line->values[CF_FOCUS_BILLING_PERIOD_END]) >= 0 ||
		strcmp(line->values[CF_FOCUS_CHARGE_PERIOD_START], line->values[CF_FOCUS_CHARGE_PERIOD_END]) > 0)
	{
		cf_error_set(err, CF_ERR_INPUT, "cannot read the bill: line %ld, a period ends before it begins", record->line);
		return cf_error_detail(err, "The charge is for %s to %s, the billing period is %s to %s.",
							   line->values[CF_FOCUS_CHARGE_PERIOD_START], line->values[CF_FOCUS_CHARGE_PERIOD_END],
							   line->values[CF_FOCUS_BILLING_PERIOD_START], line->values[CF_FOCUS_BILLING_PERIOD_END]);
	}
	return true;
}

/* read_value checks a field and gives its value; false = out of memory, *why = what is wrong with it. */
static bool
read_value(CfArena *arena, Kind kind, const char *text, const char **value, const char **why)
{
	char		normal[CF_FOCUS_VALUE_BYTES];

	*value = text;
	switch (kind)
	{
		case KIND_TEXT:
			break;
		case KIND_NUMBER:
			*why = check_number(text);
			break;
		case KIND_CURRENCY:
			*why = check_currency(text);
			break;
		case KIND_CATEGORY:
			*why = check_category(text);
			break;
		case KIND_TIME:
			*why = read_time(text, normal);
			if (*why != NULL)
				break;
			*value = cf_arena_strdup(arena, normal);
			return *value != NULL;
	}
	return true;
}

/* digits_of counts the digits that a text begins with. */
static size_t
digits_of(const char *text)
{
	return strspn(text, "0123456789");
}

/* check_number takes [+-]digits[.digits][E[+-]digits]. */
static const char *
check_number(const char *text)
{
	size_t		whole;
	size_t		parts = 0;
	int			exponent = 0;

	if (*text == '-' || *text == '+')
		text++;
	whole = digits_of(text);
	text += whole;
	if (*text == '.')
	{
		parts = digits_of(++text);
		text += parts;
	}
	if (whole + parts == 0)
		return "That is no number.";
	if (whole + parts > DIGITS_MAX)
		return "The number has more than 40 digits.";
	if (*text == 'e' || *text == 'E')
	{
		text++;
		if (*text == '-' || *text == '+')
			text++;
		if (digits_of(text) == 0 || digits_of(text) > 3)
			return "That is no number.";
		for (; *text >= '0' && *text <= '9'; text++)
			exponent = 10 * exponent + (*text - '0');
	}
	if (*text != '\0')
		return "That is no number.";
	return exponent > EXPONENT_MAX ? "The exponent is out of range." : NULL;
}

/* number_of reads exactly so many digits; -1 = there are others. */
static int
number_of(const char *text, int count)
{
	int			number = 0;

	for (int i = 0; i < count; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = 10 * number + (text[i] - '0');
	}
	return number;
}

/* read_time takes YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]][Z|+00:00| UTC]] and writes YYYY-MM-DD HH:MM:SS+00. */
static const char *
read_time(const char *text, char out[CF_FOCUS_VALUE_BYTES])
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	static const char *const zones[] = {"", "Z", "+00", "+00:00", "+0000", " UTC", " +0000 UTC"};
	int			year = number_of(text, 4);
	int			month = year < 0 || text[4] != '-' ? -1 : number_of(text + 5, 2);
	int			day = month < 0 || text[7] != '-' ? -1 : number_of(text + 8, 2);
	int			hour = 0;
	int			minute = 0;
	int			second = 0;
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (day < 1 || year < 1970 || month < 1 || month > 12 || day > days[month - 1] + (month == 2 && leap ? 1 : 0))
		return "That is no day, as 2026-11-01 is one.";
	text += 10;
	if (*text == 'T' || (*text == ' ' && text[1] >= '0' && text[1] <= '9'))
	{
		hour = number_of(++text, 2);
		minute = hour < 0 || text[2] != ':' ? -1 : number_of(text + 3, 2);
		if (minute < 0 || hour > 23 || minute > 59)
			return "That is no time of day.";
		text += 5;
		if (*text == ':')
		{
			second = number_of(++text, 2);
			if (second < 0 || second > 59)
				return "That is no time of day.";
			text += 2;
			if (*text == '.')
				text += 1 + digits_of(text + 1);
		}
	}
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
	{
		if (strcmp(text, zones[i]) != 0)
			continue;
		snprintf(out, CF_FOCUS_VALUE_BYTES, "%04d-%02d-%02d %02d:%02d:%02d+00", year, month, day, hour, minute, second);
		return NULL;
	}
	return "Times of a bill are in UTC.";
}

static const char *
check_currency(const char *text)
{
	return strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3 ? NULL : "That is no currency, as USD is one.";
}

static const char *
check_category(const char *text)
{
	static const char *const categories[] = {"Usage", "Purchase", "Tax", "Credit", "Adjustment"};

	for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++)
	{
		if (strcmp(text, categories[i]) == 0)
			return NULL;
	}
	return "Categories are Usage, Purchase, Tax, Credit and Adjustment.";
}
