/*
 * net_url: any text as a URL, and as an encoded key. What is accepted must mean the same when it is put together again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CfArena		arena;
	CfUrl		parts;
	CfUrl		again;
	CfError		err;
	char	   *text;
	char	   *bytes;
	char	   *encoded;

	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	text = cf_arena_strndup(&arena, (const char *) data, size);
	if (cf_url_split(text, &parts, &err))
	{
		size_t		room = strlen(text) + 64;
		char	   *joined = cf_arena_alloc(&arena, room);
		const char *open = strchr(parts.host, ':') != NULL ? "[" : "";

		if (parts.port < 1 || parts.port > 65535 || parts.host[0] == '\0')
			abort();
		snprintf(joined, room, "%s://%s%s%s:%d%.*s%s%s", parts.https ? "https" : "http", open, parts.host, *open ? "]" : "", parts.port,
				 (int) parts.path_bytes, parts.path, parts.query[0] != '\0' ? "?" : "", parts.query);
		if (!cf_url_split(joined, &again, &err) || strcmp(again.host, parts.host) != 0 || again.port != parts.port ||
			again.path_bytes != parts.path_bytes || strcmp(again.query, parts.query) != 0)
			abort();
	}
	if (cf_url_decode(&arena, text, strlen(text), size % 2 == 1, &bytes))
	{
		size_t		length = strlen(bytes);

		encoded = cf_url_encode(&arena, bytes, length, false);
		if (!cf_url_decode(&arena, encoded, strlen(encoded), false, &text) || strcmp(text, bytes) != 0)
			abort();
	}
	cf_arena_free(&arena);
	return 0;
}
