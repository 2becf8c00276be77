/*
 * pricing_focus: whatever the bytes are, a bill ends or is refused; what is read is a number, a time or a word that the database takes; and
 * read in two pieces it says the same.
 */
#include "pricing/focus.h"

#include <stdlib.h>
#include <string.h>

extern int	LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* check_line makes sure that what was accepted is accepted again, and fits. */
static void
check_line(const CfPricingFocusLine *line)
{
	for (int column = CF_FOCUS_BILLED_COST; column <= CF_FOCUS_CHARGE_PERIOD_END; column++)
	{
		const char *value = line->values[column];

		if (value == NULL)
			continue;
		if (strlen(value) >= CF_FOCUS_VALUE_BYTES || value[0] == '\0' || strspn(value, "0123456789+-.eE: ") != strlen(value))
			abort();
		if (column >= CF_FOCUS_BILLING_PERIOD_START && strlen(value) != strlen("2026-11-01 00:00:00+00"))
			abort();
	}
	if (line->values[CF_FOCUS_BILLED_COST] == NULL || line->values[CF_FOCUS_SERVICE_NAME] == NULL)
		abort();
}

/* read_bill reads charges until the end or an error; a header may have come with another piece. Returns how many. */
static long
read_bill(CfArena *arena, CfPricingFocus *focus, bool has_header, const char *data, size_t length, bool *whole)
{
	CfPricingCsv csv;
	CfPricingCsvRecord record;
	CfPricingFocusLine line;
	CfError		err;
	bool		end = false;
	long		count = 0;

	cf_pricing_csv_init(&csv, data, length);
	csv.at = has_header ? 0 : csv.at;
	*whole = false;
	while (cf_pricing_csv_next(&csv, arena, &record, &end, &err) && !end)
	{
		if (!has_header)
		{
			if (!cf_pricing_focus_header(focus, record.fields, record.count, &err))
				return count;
			has_header = true;
			continue;
		}
		if (!cf_pricing_focus_read(focus, &record, arena, &line, &err))
			return count;
		check_line(&line);
		count++;
	}
	*whole = end;
	return count;
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char	   *text = malloc(size + 1);
	CfArena		arena;
	CfPricingFocus focus;
	bool		whole;
	bool		first_whole;
	bool		rest_whole;
	long		count;
	long		lines;
	size_t		cut;

	memcpy(text, data, size);
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	count = read_bill(&arena, &focus, false, text, size, &whole);
	cut = cf_pricing_csv_whole(text, size / 2, &lines);
	if (cut > size / 2)
		abort();
	if (whole && cut > 0)
	{
		long		parts = read_bill(&arena, &focus, false, text, cut, &first_whole);

		parts += read_bill(&arena, &focus, true, text + cut, size - cut, &rest_whole);
		if (!first_whole || !rest_whole || parts != count)
			abort();
	}
	cf_arena_free(&arena);
	free(text);
	return 0;
}
