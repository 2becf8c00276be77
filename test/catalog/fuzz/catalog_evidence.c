/*
 * Any bytes through the readers of logs of clouds. The first byte chooses: a line of each format, a document cut into records in
 * pieces of some size (each record is read then), a gzip stream, a line of CSV. What a line says must lie within its bounds.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/accesslog.h"
#include "catalog/csv.h"
#include "catalog/gunzip.h"
#include "catalog/records.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
within(const CfAccessText *text, const CfAccessLine *line, const char *copy, size_t length)
{
	assert(text->length == 0 || (text->data >= copy && text->data + text->length <= copy + length) ||
		   (text->data >= line->texts && text->data + text->length <= line->texts + sizeof(line->texts)));
}

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
		assert(line.key_length == 0 || memchr(line.key, '\0', line.key_length) == NULL);
		within(&line.user, &line, copy, length);
		within(&line.bucket, &line, copy, length);
		within(&line.account, &line, copy, length);
		assert(line.bytes >= -1 && line.latency_ms >= -1);
		assert(line.status == 0 || (line.status >= 100 && line.status <= 999));
		if (cf_catalog_accesslog_source(&line))
			assert(line.key_length > 0 && line.bucket.length > 0 && line.kind == CF_ACCESS_READ);
	}
	free(copy);
}

static void
check_records(const uint8_t *data, size_t size, size_t piece)
{
	static char buffer[CF_RECORDS_MAX + 1024];
	CfRecords	records;
	const char *record;
	size_t		length;
	bool		whole;
	int64_t		last = 0;

	cf_catalog_records_init(&records, buffer, sizeof(buffer));
	for (size_t at = 0; at < size;)
	{
		size_t		room;
		char	   *to = cf_catalog_records_room(&records, &room);

		assert(room > 0);
		room = room < piece ? room : piece;
		room = room < size - at ? room : size - at;
		memcpy(to, data + at, room);
		cf_catalog_records_fill(&records, room);
		at += room;
		while (cf_catalog_records_next(&records, &record, &length, &whole))
		{
			assert(records.consumed > last && records.consumed <= (int64_t) at && length >= 2 && record[0] == '{');
			assert(data[records.consumed - 1] == '}' || data[records.consumed - 1] == ']');
			last = records.consumed;
			check_line(CF_ACCESSLOG_CLOUDTRAIL, record, length);
		}
	}
}

static void
check_gunzip(const uint8_t *data, size_t size)
{
	static char out[4096];
	CfArena		arena;
	CfGunzip	gunzip;
	const char *in = (const char *) data;
	size_t		got = 1;
	size_t		total = 0;

	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	assert(cf_catalog_gunzip_init(&gunzip, &arena));
	while ((size > 0 || got > 0) && total < 1 << 20 && cf_catalog_gunzip_step(&gunzip, &in, &size, out, sizeof(out), &got))
		total += got;
	cf_arena_free(&arena);
}

static void
check_csv(const char *text, size_t length)
{
	char	   *copy = malloc(length + 1);
	char	   *scratch = malloc(length + 1);
	CfAccessText fields[CF_CSV_FIELDS];
	int			count;

	memcpy(copy, text, length);
	count = cf_catalog_csv_split(copy, length, ',', scratch, fields);
	assert(count >= -1 && count <= CF_CSV_FIELDS && count != 0);
	for (int i = 0; i < count; i++)
		assert((fields[i].data >= copy && fields[i].data + fields[i].length <= copy + length) ||
			   (fields[i].data >= scratch && fields[i].data + fields[i].length <= scratch + length));
	free(copy);
	free(scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	switch (data[0] & 7)
	{
		case 0:
		case 1:
			check_records(data + 1, size - 1, (size_t) (data[0] >> 3) * 50 + 1);
			break;
		case 2:
			check_gunzip(data + 1, size - 1);
			break;
		case 3:
			check_csv((const char *) data + 1, size - 1);
			break;
		case 4:
			check_line(CF_ACCESSLOG_CLOUDTRAIL, (const char *) data + 1, size - 1);
			break;
		case 5:
			check_line(CF_ACCESSLOG_AZURE, (const char *) data + 1, size - 1);
			break;
		default:
			check_line(CF_ACCESSLOG_GCS, (const char *) data + 1, size - 1);
	}
	return 0;
}
