/*
 * records.c
 *		Cuts a stream of JSON documents {"Records": [{…}, …]} into the objects of that array.
 *
 * A scanner that knows strings, escapes and nesting, one byte at a time, without recursion. It is no validator: brackets are
 * counted, not matched in kind. What is between the objects is forgotten as it is read.
 */
#include <string.h>

#include "catalog/records.h"

#define KEPT_BYTES 4096			/* of an object that is too long */
#define DEPTH_MAX 1000000

static const char name[] = "Records";

void
cf_catalog_records_init(CfRecords *records, char *buffer, size_t capacity)
{
	memset(records, 0, sizeof(*records));
	records->buffer = buffer;
	records->capacity = capacity;
}

/* drop forgets the bytes from one place to another; the scanner stands behind them. */
static void
drop(CfRecords *records, size_t from, size_t to)
{
	memmove(records->buffer + from, records->buffer + to, records->end - to);
	records->end -= to - from;
	records->at -= to - from;
	records->offset += (int64_t) (to - from);
}

char *
cf_catalog_records_room(CfRecords *records, size_t *room)
{
	if (!records->inside)
		drop(records, 0, records->at);
	else if (records->skipping)
		drop(records, records->start + records->kept, records->at);
	if (records->inside && records->start > 0)
	{
		drop(records, 0, records->start);
		records->start = 0;
	}
	if (records->inside && !records->skipping && records->at > CF_RECORDS_MAX)
	{
		records->skipping = true;
		records->kept = KEPT_BYTES;
		drop(records, KEPT_BYTES, records->at);
	}
	*room = records->capacity - records->end;
	return records->buffer + records->end;
}

void
cf_catalog_records_fill(CfRecords *records, size_t length)
{
	records->end += length;
}

/* in_text follows a string, and whether it is the name of the array. */
static void
in_text(CfRecords *records, char c)
{
	if (records->escaped)
		records->escaped = false;
	else if (c == '\\')
	{
		records->escaped = true;
		records->matched = -1;
	}
	else if (c == '"')
	{
		records->in_string = false;
		if (records->depth == 1)
			records->named = records->matched == (int) sizeof(name) - 1;
	}
	else if (records->matched >= 0)
		records->matched = records->matched < (int) sizeof(name) - 1 && c == name[records->matched] ? records->matched + 1 : -1;
}

/* outside_text follows the nesting; true = an object of the array ends here. */
static bool
outside_text(CfRecords *records, char c, size_t at)
{
	switch (c)
	{
		case '"':
			records->in_string = true;
			records->matched = 0;
			break;
		case '{':
		case '[':
			if (records->depth == 1)
				records->listed = c == '[' && records->named;
			if (records->depth == 2 && records->listed && c == '{')
			{
				records->inside = true;
				records->start = at;
			}
			records->depth++;
			break;
		case '}':
		case ']':
			records->depth--;
			if (records->depth == 1)
				records->listed = records->named = false;
			return records->depth == 2 && records->inside;
		case ',':
			if (records->depth == 1)
				records->named = false;
			break;
		case ' ':
		case '\t':
		case '\r':
		case '\n':
			break;
		default:
			/* A document is an object; a byte order mark is forgiven. */
			if (records->depth == 0 && (unsigned char) c < 0x80)
				records->depth = -1;
	}
	return false;
}

bool
cf_catalog_records_next(CfRecords *records, const char **record, size_t *length, bool *whole)
{
	while (records->at < records->end && !records->broken)
	{
		size_t		at = records->at++;
		char		c = records->buffer[at];

		if (records->in_string)
		{
			in_text(records, c);
			continue;
		}
		if (outside_text(records, c, at))
		{
			records->inside = false;
			*record = records->buffer + records->start;
			*length = records->skipping ? records->kept : records->at - records->start;
			*whole = !records->skipping && *length <= CF_RECORDS_MAX;
			records->skipping = false;
			records->consumed = records->offset + (int64_t) records->at;
			return true;
		}
		if (records->depth < 0 || records->depth > DEPTH_MAX)
			records->broken = true;
	}
	if (records->broken)
	{
		records->at = records->end;
		records->inside = records->skipping = false;
	}
	return false;
}

bool
cf_catalog_records_complete(const CfRecords *records)
{
	return !records->broken && records->depth == 0 && !records->in_string;
}
