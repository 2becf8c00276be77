/*
 * ingest_records.c
 *		Records in one spelling, whatever format told of them.
 *
 * An object:	{"provider", "account", "bucket", "key" | "place", "object_key" | "file_id" | "location",
 *				 "size_bytes", "etag", "version_id", "content_type", "storage_class", "access_type", "user_id", "latency_ms", "bytes"}
 */
#include <stdlib.h>
#include <string.h>

#include "events/ingest_format.h"

#define GROW 64

static bool
out_of_memory(CfIngestReader *in)
{
	return cf_error_set(in->err, CF_ERR_MEMORY, "out of memory");
}

/* next makes room for one more record. */
static CfIngestRecord *
next(CfIngestReader *in)
{
	CfIngestRecords *out = in->out;

	if (out->count == out->room)
	{
		int			room = out->room * 2 + GROW;
		CfIngestRecord *items = cf_arena_alloc(out->arena, sizeof(CfIngestRecord) * (size_t) room);

		if (items == NULL)
			return NULL;
		if (out->count > 0)
			memcpy(items, out->items, sizeof(CfIngestRecord) * (size_t) out->count);
		out->items = items;
		out->room = room;
	}
	return &out->items[out->count];
}

/* add makes a record of data that live as long as the arena. */
static bool
add(CfIngestReader *in, const char *kind, CfText data, int element, const char *member, int64_t time_us)
{
	CfIngestRecord *record;
	const char *kept = cf_arena_strdup(in->out->arena, kind);

	if (in->out->count - in->first == CF_INGEST_RECORDS_MAX)
		return cf_error_set(in->err, CF_ERR_INPUT, "the message tells of more than %d things", CF_INGEST_RECORDS_MAX);
	record = next(in);
	if (record == NULL || kept == NULL || data.text == NULL)
		return out_of_memory(in);
	*record = (CfIngestRecord){.kind = kept, .data = data, .element = element, .member = member, .time_us = time_us};
	in->out->count++;
	return true;
}

bool
cf_ingest_add_data(CfIngestReader *in, const char *kind, CfText data, int element, const char *member, int64_t time_us)
{
	return add(in, kind, data, element, member, time_us);
}

/* add_value writes a value as the data of a record. */
static bool
add_value(CfIngestReader *in, const char *kind, const json_t *value, int64_t time_us)
{
	char	   *text = json_dumps(value, JSON_COMPACT);
	size_t		length = text != NULL ? strlen(text) : 0;
	bool		good = text != NULL && add(in, kind, (CfText){cf_arena_strndup(in->out->arena, text, length), length}, -1, NULL, time_us);

	if (text == NULL)
		out_of_memory(in);
	free(text);
	return good;
}

bool
cf_ingest_add_object(CfIngestReader *in, const CfIngestObject *object)
{
	const struct
	{
		const char *name;
		const char *text;
	}			texts[] = {
		{"provider", object->provider}, {"account", object->account}, {"bucket", object->bucket}, {"key", object->key},
		{"place", object->place}, {"object_key", object->object_key}, {"file_id", object->file_id}, {"location", object->location},
		{"etag", object->etag}, {"version_id", object->version_id}, {"content_type", object->content_type},
		{"storage_class", object->storage_class}, {"access_type", object->access_type}, {"user_id", object->user_id},
	};
	const struct
	{
		const char *name;
		int64_t		number;
	}			counts[] = {{"size_bytes", object->size_bytes}, {"bytes", object->bytes}};
	bool		named = (object->place != NULL && object->object_key != NULL) || (object->bucket != NULL && object->key != NULL) ||
		object->location != NULL || (object->file_id != NULL && strcmp(object->kind, "created") != 0);
	json_t	   *value;
	bool		good;

	if (!named)
		return cf_error_set(in->err, CF_ERR_INPUT, "the message does not tell which object it is about");
	/* Not json_object(): the server has a function of that name, and it would be called. */
	value = json_pack("{}");
	if (value == NULL)
		return out_of_memory(in);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		if (texts[i].text != NULL)
			json_object_set_new(value, texts[i].name, json_string(texts[i].text));
	}
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
	{
		if (counts[i].number >= 0)
			json_object_set_new(value, counts[i].name, json_integer(counts[i].number));
	}
	if (object->latency_ms >= 0)
		json_object_set_new(value, "latency_ms", json_real(object->latency_ms));
	good = add_value(in, object->kind, value, object->time_us);
	json_decref(value);
	return good;
}
