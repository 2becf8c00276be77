/*
 * ingest_cloudevents.c
 *		CloudEvents 1.0: JSON, alone or in an array, and the binary mode of its binding for Kafka (attributes in headers ce_…).
 *
 * Of objects tell our own types, object.created, changed, deleted, vanished and accessed (docs/schemas), and those of stores:
 * Microsoft.Storage.… and google.cloud.storage.object.v1.…. Other types tell of nothing that concerns us.
 */
#include <string.h>

#include "events/ingest_format.h"
#include "security/security.h"

#define OWN "urn:cloudflux:"
#define AZURE "Microsoft.Storage."
#define GOOGLE "google.cloud.storage.object.v1."

/* One event, wherever its attributes stood. */
typedef struct Event
{
	const char *type;
	const char *source;
	const char *subject;
	int64_t		time_us;
	const json_t *data;
	CfText		bytes;			/* in which the data are: all of them, or … */
	int			element;
	const char *member;
} Event;

/* is_passed_over tells whether the event comes from a database that we do not listen to. */
static bool
is_passed_over(const CfIngestRecords *out, const char *source)
{
	if (source == NULL || strncmp(source, OWN, strlen(OWN)) != 0)
		return false;
	for (int i = 0; i < out->source_count; i++)
	{
		if (strcmp(out->sources[i], source) == 0)
			return false;
	}
	return true;
}

/* own_object reads the data of our own types. */
static bool
own_object(CfIngestReader *in, const Event *event, const char *kind)
{
	const json_t *data = event->data;
	CfIngestObject object = CF_INGEST_OBJECT_NONE;
	const json_t *latency = json_object_get(data, "latency_ms");
	int64_t		modified = cf_ingest_moment(cf_ingest_member(data, "modified_at"));

	if (!json_is_object(data))
		return cf_error_set(in->err, CF_ERR_INPUT, "the CloudEvent has no data");
	/* Many objects in one: which ones, it does not tell. */
	if (json_is_true(json_object_get(data, "batch")))
		return true;
	object.kind = kind;
	object.place = cf_ingest_member(data, "place");
	object.object_key = cf_ingest_member(data, "object_key");
	object.file_id = cf_ingest_member(data, "file_id");
	object.location = cf_ingest_member(data, "storage_location");
	object.size_bytes = cf_ingest_count(data, "size_bytes");
	object.etag = cf_ingest_member(data, "etag");
	object.content_type = cf_ingest_member(data, "content_type");
	object.storage_class = cf_ingest_member(data, "storage_class");
	object.access_type = cf_ingest_member(data, "access_type");
	object.user_id = cf_ingest_member(data, "user_id");
	object.bytes = cf_ingest_count(data, "bytes");
	if (json_is_number(latency))
		object.latency_ms = json_number_value(latency);
	object.time_us = modified != CF_ENVELOPE_NO_TIME ? modified : event->time_us;
	return cf_ingest_add_object(in, &object);
}

/* object_event follows the type of an event that may tell of an object. */
static bool
object_event(CfIngestReader *in, const Event *event)
{
	static const char *const own[][2] = {
		{"object.created", "created"}, {"object.changed", "created"}, {"object.deleted", "deleted"}, {"object.vanished", "deleted"},
		{"object.accessed", "accessed"},
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
	{
		if (strcmp(event->type, own[i][0]) == 0)
			return own_object(in, event, own[i][1]);
	}
	if (strncmp(event->type, AZURE, strlen(AZURE)) == 0)
		return cf_ingest_azure(in, event->type, event->subject, event->time_us, event->data);
	if (strncmp(event->type, GOOGLE, strlen(GOOGLE)) == 0)
		return cf_ingest_gcs_object(in, event->type + strlen(GOOGLE), event->data, event->time_us);
	return true;
}

static bool
take(CfIngestReader *in, const Event *event)
{
	if (event->type == NULL || event->source == NULL)
		return cf_error_set(in->err, CF_ERR_INPUT, "the CloudEvent has no type or no source");
	if (is_passed_over(in->out, event->source))
		return true;
	if (in->shape == CF_INGEST_OBJECTS)
		return object_event(in, event);
	if (event->data == NULL)
		return cf_error_set(in->err, CF_ERR_INPUT, "the CloudEvent has no data");
	return cf_ingest_add_data(in, event->type, event->bytes, event->element, event->member, event->time_us);
}

/* structured takes an event whose attributes are members; element is its place in an array of events, -1 = there is none. */
static bool
structured(CfIngestReader *in, const json_t *root, int element)
{
	const char *encoded = cf_ingest_member(root, "data_base64");
	Event		event = {cf_ingest_member(root, "type"), cf_ingest_member(root, "source"), cf_ingest_member(root, "subject"),
	cf_ingest_moment(cf_ingest_member(root, "time")), json_object_get(root, "data"), in->message->value, element, "data"};
	json_t	   *decoded = NULL;
	bool		good;

	if (!json_is_object(root) || strcmp(cf_json_text(root, "specversion"), "1.0") != 0)
		return cf_error_set(in->err, CF_ERR_INPUT, "the message is no CloudEvent of version 1.0");
	if (event.data == NULL && encoded != NULL)
	{
		json_error_t why;
		size_t		room = strlen(encoded) / 4 * 3 + 4;
		char	   *bytes = cf_arena_alloc(in->out->arena, room);
		long		length = bytes != NULL ? cf_base64_decode(encoded, bytes, room) : -1;

		if (length > 0 && cf_json_bounded(bytes, (size_t) length))
			decoded = cf_ingest_load(bytes, (size_t) length, &why);
		if (decoded == NULL)
			return cf_error_set(in->err, CF_ERR_INPUT, "the data of the CloudEvent are no JSON");
		event.data = decoded;
		event.bytes = (CfText){bytes, (size_t) length};
		event.element = -1;
		event.member = NULL;
	}
	good = take(in, &event);
	json_decref(decoded);
	return good;
}

bool
cf_ingest_is_binary_cloudevent(const CfIngestMessage *message)
{
	for (int i = 0; i < message->header_count; i++)
	{
		if (strcmp(message->headers[i].name, "ce_specversion") == 0)
			return true;
	}
	return false;
}

bool
cf_ingest_cloudevents(CfIngestReader *in, const json_t *root)
{
	const json_t *element;
	size_t		i;

	if (cf_ingest_is_binary_cloudevent(in->message))
	{
		Event		event = {cf_ingest_header(in, "ce_type"), cf_ingest_header(in, "ce_source"), cf_ingest_header(in, "ce_subject"),
		cf_ingest_moment(cf_ingest_header(in, "ce_time")), root, in->message->value, -1, NULL};

		return take(in, &event);
	}
	if (!json_is_array(root))
		return structured(in, root, -1);
	json_array_foreach(root, i, element)
	{
		if (!structured(in, element, (int) i))
			return false;
	}
	return true;
}
