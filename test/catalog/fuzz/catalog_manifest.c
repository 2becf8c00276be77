/*
 * A manifest and rows of its files, of any bytes: the text up to the first zero byte is the manifest, each line behind it a row (the
 * first one the header, where the manifest says that there is one).
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/manifest.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_rows(CfManifest *manifest, const char *text, size_t length)
{
	static CfManifestRow row;
	CfAccessText fields[CF_CSV_FIELDS];
	CfError		err;
	const char *reason;
	bool		header = manifest->header;

	while (length > 0)
	{
		const char *end = memchr(text, '\n', length);
		size_t		line = end == NULL ? length : (size_t) (end - text);
		char	   *copy = malloc(line + 1);
		char	   *scratch = malloc(line + 1);
		int			count;

		memcpy(copy, text, line);
		count = cf_catalog_csv_split(copy, line, manifest->delimiter, scratch, fields);
		if (header)
			header = count < 0 || !cf_catalog_manifest_columns(manifest, fields, count, &err);
		else if (count > 0 && cf_catalog_manifest_row(manifest, fields, count, "films", &row, &reason) == CF_MANIFEST_OBJECT)
		{
			assert(row.key[0] != '\0' && strlen(row.key) <= CF_MANIFEST_KEY_MAX && row.size_bytes >= 0);
			assert(strlen(row.etag) < sizeof(row.etag) && strlen(row.storage_class) < sizeof(row.storage_class));
		}
		free(copy);
		free(scratch);
		line += end != NULL;
		text += line;
		length -= line;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = memchr(data, 0, size);
	size_t		length = zero == NULL ? size : (size_t) (zero - data);
	CfArena		arena;
	CfManifest	manifest;
	CfError		err;

	cf_arena_init(&arena, &cf_arena_malloc, 4096, 16 * 1024 * 1024);
	if (cf_catalog_manifest_read(&arena, (const char *) data, length, &manifest, &err))
	{
		for (int i = 0; i < manifest.file_count; i++)
			assert(manifest.files[i].key[0] != '\0' && strlen(manifest.files[i].key) <= CF_MANIFEST_KEY_MAX);
		if (zero != NULL)
			check_rows(&manifest, (const char *) zero + 1, size - length - 1);
	}
	cf_arena_free(&arena);
	return 0;
}
