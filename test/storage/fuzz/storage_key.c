/*
 * storage_key.c: whatever bytes a key, a prefix or a token has: what is accepted stays below the root, in every segment.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/file/file.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/cf_fuzz_XXXXXX";
static bool made;

/* contained walks the segments of a path as a file system would. */
static void
contained(const char *text)
{
	for (const char *segment = text;; segment++)
	{
		size_t		length = strcspn(segment, "/");

		assert(length > 0 && length <= CF_FILE_SEGMENT_MAX);
		assert(!(length == 1 && segment[0] == '.') && !(length == 2 && segment[0] == '.' && segment[1] == '.'));
		assert(!(length == strlen(CF_FILE_PRIVATE) && strncmp(segment, CF_FILE_PRIVATE, length) == 0));
		segment += length;
		if (*segment == '\0')
			return;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CfPlace		place = {.name = "fuzz", .provider = "LOCAL", .bucket = folder, .prefix = "pre/", .fsync = false,
		.driver = &cf_storage_file_driver};
	CfFilePath	path;
	CfError		err;
	CfArena		arena;
	CfOp		op;
	CfListPage	page;
	char		shown[40];
	char	   *key = malloc(size + 1);
	CfStep		step;

	if (!made)
		made = mkdtemp(folder) != NULL;
	memcpy(key, data, size);
	key[size] = '\0';
	if (cf_file_path_build(&path, &place, key, &err))
	{
		contained(path.text);
		assert(path.length == strlen(path.text) && strncmp(path.text, "pre/", 4) == 0);
		assert(path.name == path.text + path.folder_length + 1 && strchr(path.name, '/') == NULL);
	}
	if (cf_storage_key_check(&place, key, &err))
	{
		contained(key);
		assert(strlen(key) + 4 <= CF_STORAGE_KEY_MAX);
		for (const char *s = key; *s != '\0'; s++)
			assert((unsigned char) *s >= 0x20 && *s != 0x7f);
	}
	cf_utf8_shown(shown, sizeof(shown), key);
	assert(strlen(shown) < sizeof(shown));
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&op, &place, &arena);
	while ((step = cf_storage_list(&op, key, NULL, 10, &page)) == CF_STEP_AGAIN)
		;
	assert(step == CF_STEP_ERROR || page.count == 0);
	while ((step = cf_storage_list(&op, "", key, 10, &page)) == CF_STEP_AGAIN)
		;
	assert(step == CF_STEP_ERROR || page.count == 0);
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	free(key);
	return 0;
}
