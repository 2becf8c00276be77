/*
 * lines.c
 *		Cuts a stream of reads into lines of bounded length, whatever the size of its pieces.
 */
#include <string.h>

#include "catalog/lines.h"

void
cf_catalog_lines_init(CfLines *lines, char *buffer, size_t capacity, int64_t offset)
{
	memset(lines, 0, sizeof(*lines));
	lines->buffer = buffer;
	lines->capacity = capacity;
	lines->consumed = offset;
}

char *
cf_catalog_lines_room(CfLines *lines, size_t *room)
{
	size_t		held = lines->end - lines->start;

	if (held > CF_ACCESSLOG_LINE_MAX)
	{
		/* Too long already: its beginning is kept to be shown, the rest makes room. */
		size_t		cut = held - CF_ACCESSLOG_LINE_MAX / 2;

		lines->skipping = true;
		lines->dropped += cut;
		lines->end -= cut;
		held -= cut;
	}
	if (lines->start > 0)
	{
		memmove(lines->buffer, lines->buffer + lines->start, held);
		lines->start = 0;
		lines->end = held;
	}
	lines->scanned = held;
	*room = lines->capacity - lines->end;
	return lines->buffer + lines->end;
}

void
cf_catalog_lines_fill(CfLines *lines, size_t length)
{
	lines->end += length;
}

bool
cf_catalog_lines_next(CfLines *lines, const char **line, size_t *length, bool *whole)
{
	const char *from = lines->buffer + lines->start + lines->scanned;
	const char *newline = memchr(from, '\n', (size_t) (lines->buffer + lines->end - from));

	if (newline == NULL)
	{
		lines->scanned = lines->end - lines->start;
		return false;
	}
	*line = lines->buffer + lines->start;
	*length = (size_t) (newline - *line);
	*whole = !lines->skipping && *length <= CF_ACCESSLOG_LINE_MAX;
	lines->consumed += (int64_t) (lines->dropped + *length + 1);
	lines->dropped = 0;
	lines->start += *length + 1;
	lines->scanned = 0;
	lines->skipping = false;
	return true;
}
