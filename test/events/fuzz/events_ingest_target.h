/*
 * events_ingest_target.h
 *		What fuzzing the formats of messages has in common: a message is refused with a reason, or becomes records that are JSON.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "events/ingest.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* try_message reads a message; of objects each record has to name one. */
static void
try_message(const CfIngestMessage *message, CfIngestShape shape, CfIngestFormat format, bool names_object)
{
	CfArena		arena;
	CfIngestRecords out = {.arena = &arena};
	CfError		err = {0};
	const char *seen = NULL;

	cf_arena_init(&arena, &cf_arena_malloc, 4096, 1 << 26);
	if (!cf_ingest_parse(message, shape, format, &out, &err) && (out.count != 0 || err.message[0] == '\0'))
		abort();
	for (int i = 0; i < out.count; i++)
	{
		json_t	   *record;

		/* Thousands of records may be parts of one text. */
		if (out.items[i].kind == NULL)
			abort();
		if (out.items[i].data.text == seen)
			continue;
		seen = out.items[i].data.text;
		record = json_loadb(out.items[i].data.text, out.items[i].data.length, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
		if (record == NULL || (names_object && (!json_is_object(record) || json_object_size(record) == 0)))
			abort();
		json_decref(record);
	}
	cf_arena_free(&arena);
}
