/* Whatever comes as a message of any format, in each shape is refused with a reason, or becomes records that are JSON and name their objects. */
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
	if (!cf_ingest_parse(&message, size % 2 == 0 ? CF_INGEST_OBJECTS : CF_INGEST_DATA, CF_INGEST_AUTO, &out, &err) && (out.count != 0 || err.message[0] == '\0'))
		abort();
	for (int i = 0; i < out.count; i++)
	{
		json_t	   *record = json_loadb(out.items[i].data.text, out.items[i].data.length, JSON_DECODE_ANY, NULL);

		if (record == NULL || out.items[i].kind == NULL)
			abort();
		json_decref(record);
	}
	cf_arena_free(&arena);
	return 0;
}
