/*
 * lines.h
 *		Cuts a stream of reads into lines of bounded length, in a buffer of the caller.
 *
 * The buffer has at least CF_ACCESSLOG_LINE_MAX + 1 bytes, better twice that. A line that is too long is told of once, with its
 * beginning, and skipped. Lines point into the buffer and live until the next call.
 */
#ifndef CF_CATALOG_LINES_H
#define CF_CATALOG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_ACCESSLOG_LINE_MAX (64 * 1024)	/* bytes, without the newline */

typedef struct CfLines
{
	char	   *buffer;
	size_t		capacity;
	size_t		start;			/* of the line that is next */
	size_t		end;			/* of what was read */
	size_t		scanned;		/* no newline between start and here */
	bool		skipping;		/* inside a line that is too long */
	size_t		dropped;		/* bytes of it that made room */
	int64_t		consumed;		/* bytes of the stream in all lines given so far, newlines included */
} CfLines;

extern void cf_catalog_lines_init(CfLines *lines, char *buffer, size_t capacity, int64_t offset);

/* cf_catalog_lines_room tells where to read to, and how much fits (never 0 once all lines have been taken). */
extern char *cf_catalog_lines_room(CfLines *lines, size_t *room);
extern void cf_catalog_lines_fill(CfLines *lines, size_t length);

/*
 * cf_catalog_lines_next gives the next whole line; false = read more first. Of a line that is too long it gives the
 * beginning, with *whole = false, when its end has come. What follows the last newline is never given.
 */
extern bool cf_catalog_lines_next(CfLines *lines, const char **line, size_t *length, bool *whole);

#endif							/* CF_CATALOG_LINES_H */
