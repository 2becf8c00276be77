/*
 * Any bytes through the cutter and both parsers. The first byte chooses the format and the size of the pieces; what a
 * line says must lie inside it, keys within their bounds, and all bytes up to the last newline be consumed.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/accesslog.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_line(CfAccessLogFormat format, const char *text, size_t length)
{
	/* A copy of its own, so that a sanitizer sees a read behind its end. */
	char	   *copy = malloc(length + 1);
	CfAccessLine line;

	memcpy(copy, text, length);
	copy = realloc(copy, length > 0 ? length : 1);
	if (cf_catalog_accesslog_parse(format, copy, length, &line) == CF_ACCESS_FINE)
	{
		assert(line.key_length <= CF_ACCESSLOG_KEY_MAX && line.other_length <= CF_ACCESSLOG_KEY_MAX);
		assert(line.kind == CF_ACCESS_OTHER || line.key_length > 0);
		assert(memchr(line.key, '\0', line.key_length) == NULL);
		assert(line.user.length == 0 || (line.user.data >= copy && line.user.data + line.user.length <= copy + length));
		assert(line.bucket.length == 0 || (line.bucket.data >= copy && line.bucket.data + line.bucket.length <= copy + length));
		assert(line.bytes >= -1 && line.latency_ms >= -1);
		assert(line.status == 0 || (line.status >= 100 && line.status <= 999));
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char buffer[CF_ACCESSLOG_LINE_MAX + 1024];
	CfLines		lines;
	const char *text;
	size_t		length;
	bool		whole;
	size_t		at = 0;
	size_t		end = 0;

	if (size < 1)
		return 0;
	cf_catalog_lines_init(&lines, buffer, sizeof(buffer), 0);
	for (;;)
	{
		size_t		room;
		char	   *to;

		while (cf_catalog_lines_next(&lines, &text, &length, &whole))
			check_line((CfAccessLogFormat) (data[0] & 1), text, length);
		if (at == size - 1)
			break;
		to = cf_catalog_lines_room(&lines, &room);
		assert(room > 0);
		if (room > (size_t) (data[0] >> 1) + 1)
			room = (size_t) (data[0] >> 1) + 1;
		if (room > size - 1 - at)
			room = size - 1 - at;
		memcpy(to, data + 1 + at, room);
		cf_catalog_lines_fill(&lines, room);
		at += room;
	}
	for (size_t i = 1; i < size; i++)
		if (data[i] == '\n')
			end = i;
	assert(lines.consumed == (int64_t) end);
	return 0;
}
