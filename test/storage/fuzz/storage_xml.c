/*
 * storage_xml.c: whatever a store answers, a visitor sees bounded, NUL-terminated texts under a path that nests properly.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "storage/xml.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
visit(void *ctx, const char *path, const char *text, size_t length)
{
	int		   *left = ctx;
	int			levels = 1;

	assert(path[0] != '\0' && strlen(path) < 1024 && strlen(text) == length && length <= 65536);
	for (const char *c = path; *c != '\0'; c++)
		levels += *c == '/';
	assert(levels <= 32);
	return (*left)-- > 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int			left = size > 0 ? data[0] * 16 : 0;
	CfError		err = {CF_ERR_NONE};
	CfArena		arena;
	char	   *text;

	if (!cf_xml_parse((const char *) data, size, visit, &left, &err))
		assert(err.kind != CF_ERR_NONE || left < 0);
	cf_arena_init(&arena, &cf_arena_malloc, 1024, 0);
	text = cf_arena_strndup(&arena, (const char *) data, size);
	if ((text = cf_xml_escape(&arena, text)) != NULL)
		assert(strpbrk(text, "<>\"\r\n\t") == NULL);
	cf_arena_free(&arena);
	return 0;
}
