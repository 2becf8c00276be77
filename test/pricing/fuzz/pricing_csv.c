/*
 * pricing_csv: whatever the bytes are, the reader ends, stays inside them, and gives records of one width whose fields,
 * quoted again, read the same.
 */
#include "pricing/csv.h"

#include <stdlib.h>
#include <string.h>

extern int	LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* requote writes a record as CSV with every field in quotes; room is twice the text and some. */
static size_t
requote(const CfPricingCsvRecord *record, char *out)
{
	size_t		used = 0;

	for (int i = 0; i < record->count; i++)
	{
		if (i > 0)
			out[used++] = ',';
		out[used++] = '"';
		for (const char *c = record->fields[i]; *c; c++)
		{
			if (*c == '"')
				out[used++] = '"';
			out[used++] = *c;
		}
		out[used++] = '"';
	}
	return used;
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char	   *text = malloc(size + 1);
	char	   *again = malloc(4 * size + 4 * CF_PRICING_CSV_FIELDS + 16);
	CfArena		arena;
	CfPricingCsv csv;
	CfPricingCsvRecord record;
	CfError		err;
	bool		end = false;
	int			width = 0;

	memcpy(text, data, size);
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	cf_pricing_csv_init(&csv, text, size);
	while (cf_pricing_csv_next(&csv, &arena, &record, &end, &err) && !end)
	{
		CfPricingCsv copy;
		CfPricingCsvRecord same;
		bool		empty = record.count == 1 && record.fields[0][0] == '\0';
		size_t		length = requote(&record, again);

		if (record.count < 1 || record.count > CF_PRICING_CSV_FIELDS || empty || (width != 0 && record.count != width))
			abort();
		width = record.count;
		cf_pricing_csv_init(&copy, again, length);
		if (!cf_pricing_csv_next(&copy, &arena, &same, &end, &err) || end || same.count != record.count)
			abort();
		for (int i = 0; i < same.count; i++)
		{
			if (strcmp(same.fields[i], record.fields[i]) != 0)
				abort();
		}
	}
	cf_arena_free(&arena);
	free(again);
	free(text);
	return 0;
}
