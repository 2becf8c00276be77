/* Whatever comes as a notification of GCS is refused with a reason, or becomes records that are JSON and name their objects. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "events/ingest.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CfArena		arena;
	CfIngestRecords out = {.arena = &arena};
	CfIngestMessage message = {.value = {(const char *) data, size}};
	CfError		err = {0};

	cf_arena_init(&arena, &cf_arena_malloc, 4096, 1 << 26);
	/* The first line is an attribute: what a header of Pub/Sub would say. */
	if (memchr(data, '\n', size) != NULL)
	{
		size_t		length = (size_t) ((const uint8_t *) memchr(data, '\n', size) - data);

		message.headers[0].name = "eventType";
		message.headers[0].value = (CfText){(const char *) data, length};
		message.header_count = 1;
		message.value = (CfText){(const char *) data + length + 1, size - length - 1};
	}
	if (!cf_ingest_parse(&message, CF_INGEST_OBJECTS, CF_INGEST_GCS, &out, &err) && (out.count != 0 || err.message[0] == '\0'))
		abort();
	for (int i = 0; i < out.count; i++)
	{
		json_t	   *record = json_loadb(out.items[i].data.text, out.items[i].data.length, JSON_DECODE_ANY, NULL);

		if (record == NULL || out.items[i].kind == NULL || !json_is_object(record) || json_object_size(record) == 0)
			abort();
		json_decref(record);
	}
	cf_arena_free(&arena);
	return 0;
}
