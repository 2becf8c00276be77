/*
 * csv.c
 *		One pass over the text, each field copied once; no state survives a record but the position.
 */
#include <string.h>

#include "pricing/csv.h"

static bool bad_line(const CfPricingCsv *csv, CfError *err, const char *why);
static bool read_field(CfPricingCsv *csv, CfArena *arena, const char **field, CfError *err);
static bool read_quoted(CfPricingCsv *csv, CfArena *arena, const char **field, CfError *err);
static bool read_plain(CfPricingCsv *csv, CfArena *arena, const char **field, CfError *err);
static bool read_line_end(CfPricingCsv *csv, CfError *err);

void
cf_pricing_csv_init(CfPricingCsv *csv, const char *data, size_t length)
{
	memset(csv, 0, sizeof(*csv));
	csv->data = data;
	csv->length = length;
	csv->line = 1;
	if (length >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0)
		csv->at = 3;
}

size_t
cf_pricing_csv_whole(const char *data, size_t length, long *lines)
{
	size_t		whole = 0;
	long		seen = 0;
	bool		quoted = false;

	*lines = 0;
	for (size_t at = 0; at < length; at++)
	{
		quoted ^= data[at] == '"';
		if (data[at] != '\n')
			continue;
		seen++;
		if (quoted)
			continue;
		whole = at + 1;
		*lines = seen;
	}
	return whole;
}

bool
cf_pricing_csv_next(CfPricingCsv *csv, CfArena *arena, CfPricingCsvRecord *record, bool *end,
					CfError *err)
{
	record->line = csv->line;
	record->count = 0;
	*end = csv->at >= csv->length;
	if (*end)
		return true;
	for (;;)
	{
		if (record->count == CF_PRICING_CSV_FIELDS)
			return bad_line(csv, err, "A record has at most 256 fields.");
		if (!read_field(csv, arena, &record->fields[record->count], err))
			return false;
		record->count++;
		if (csv->at >= csv->length || csv->data[csv->at] != ',')
			break;
		csv->at++;
	}
	if (!read_line_end(csv, err))
		return false;
	if (record->count == 1 && record->fields[0][0] == '\0')
		return bad_line(csv, err, "The line is empty.");
	if (csv->width == 0)
		csv->width = record->count;
	if (record->count != csv->width)
	{
		cf_error_set(err, CF_ERR_INPUT, "malformed CSV at line %ld", record->line);
		return cf_error_detail(err, "The record has %d fields, the first one has %d.", record->count,
							   csv->width);
	}
	return true;
}

/* bad_line fills an error that tells the line where reading stopped. */
static bool
bad_line(const CfPricingCsv *csv, CfError *err, const char *why)
{
	cf_error_set(err, CF_ERR_INPUT, "malformed CSV at line %ld", csv->line);
	return cf_error_detail(err, "%s", why);
}

static bool
read_field(CfPricingCsv *csv, CfArena *arena, const char **field, CfError *err)
{
	if (csv->at < csv->length && csv->data[csv->at] == '"')
		return read_quoted(csv, arena, field, err);
	return read_plain(csv, arena, field, err);
}

/* read_quoted reads up to the closing quote; the copy is at most as long as the text. */
static bool
read_quoted(CfPricingCsv *csv, CfArena *arena, const char **field, CfError *err)
{
	size_t		start = ++csv->at;
	size_t		stop = start;
	size_t		length = 0;
	char	   *copy;

	for (; stop < csv->length; stop++)
	{
		if (csv->data[stop] == '\0')
			return bad_line(csv, err, "The text contains a NUL byte.");
		if (csv->data[stop] == '"')
		{
			if (stop + 1 >= csv->length || csv->data[stop + 1] != '"')
				break;
			stop++;
		}
	}
	if (stop >= csv->length)
		return bad_line(csv, err, "A quoted field has no closing quote.");
	if (stop - start > CF_PRICING_CSV_FIELD_BYTES)
		return bad_line(csv, err, "A field is longer than 65536 bytes.");
	copy = cf_arena_alloc(arena, stop - start + 1);
	if (copy == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory for CSV");
	for (size_t i = start; i < stop; i++)
	{
		if (csv->data[i] == '"')
			i++;
		else if (csv->data[i] == '\n')
			csv->line++;
		copy[length++] = csv->data[i];
	}
	copy[length] = '\0';
	*field = copy;
	csv->at = stop + 1;
	if (csv->at < csv->length && memchr(",\r\n", csv->data[csv->at], 3) == NULL)
		return bad_line(csv, err, "Text follows a closing quote.");
	return true;
}

static bool
read_plain(CfPricingCsv *csv, CfArena *arena, const char **field, CfError *err)
{
	size_t		start = csv->at;

	for (; csv->at < csv->length; csv->at++)
	{
		char		c = csv->data[csv->at];

		if (c == '"')
			return bad_line(csv, err, "A quote stands inside an unquoted field.");
		if (c == '\0')
			return bad_line(csv, err, "The text contains a NUL byte.");
		if (c == ',' || c == '\r' || c == '\n')
			break;
	}
	if (csv->at - start > CF_PRICING_CSV_FIELD_BYTES)
		return bad_line(csv, err, "A field is longer than 65536 bytes.");
	*field = cf_arena_strndup(arena, csv->data + start, csv->at - start);
	if (*field == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory for CSV");
	return true;
}

/* read_line_end passes LF, CRLF or the end of the text. */
static bool
read_line_end(CfPricingCsv *csv, CfError *err)
{
	if (csv->at >= csv->length)
		return true;
	if (csv->data[csv->at] == '\r')
	{
		csv->at++;
		if (csv->at >= csv->length || csv->data[csv->at] != '\n')
			return bad_line(csv, err, "A carriage return stands alone.");
	}
	csv->at++;
	csv->line++;
	return true;
}
