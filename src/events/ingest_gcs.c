/*
 * ingest_gcs.c
 *		Notifications of Google Cloud Storage by Pub/Sub: attributes (eventType, bucketId, objectId, …) and, as data, the object itself.
 *
 * On Kafka the attributes are headers and the value is the data, or the value is Pub/Sub's envelope, {"message": {"attributes": {…},
 * "data": base64}}. With payloadFormat NONE there are attributes alone. What goes because something else took its place is told by
 * overwrittenByGeneration; the newer one is told of by itself.
 */
#include <string.h>

#include "events/ingest_format.h"
#include "security/security.h"

/* Where attributes are. */
typedef struct Attributes
{
	CfIngestReader *in;
	const json_t *members;		/* NULL = in the headers */
} Attributes;

static const char *
attribute(const Attributes *from, const char *name)
{
	return from->members != NULL ? cf_ingest_member(from->members, name) : cf_ingest_header(from->in, name);
}

bool
cf_ingest_gcs_object(CfIngestReader *in, const char *event, const json_t *told, int64_t time_us)
{
	CfIngestObject object = CF_INGEST_OBJECT_NONE;
	bool		created = strcmp(event, "OBJECT_FINALIZE") == 0 || strcmp(event, "finalized") == 0;
	bool		gone = strcmp(event, "OBJECT_DELETE") == 0 || strcmp(event, "OBJECT_ARCHIVE") == 0 || strcmp(event, "deleted") == 0 ||
		strcmp(event, "archived") == 0;

	if (!created && !gone)
		return true;
	object.kind = created ? "created" : "deleted";
	object.provider = "GCP";
	object.bucket = cf_ingest_member(told, "bucket");
	object.key = cf_ingest_member(told, "name");
	object.version_id = cf_ingest_member(told, "generation");
	object.etag = cf_ingest_member(told, "etag");
	object.time_us = time_us;
	if (created)
	{
		object.size_bytes = cf_ingest_count(told, "size");
		object.content_type = cf_ingest_member(told, "contentType");
		object.storage_class = cf_ingest_member(told, "storageClass");
		if (cf_ingest_moment(cf_ingest_member(told, "timeCreated")) != CF_ENVELOPE_NO_TIME)
			object.time_us = cf_ingest_moment(cf_ingest_member(told, "timeCreated"));
	}
	return cf_ingest_add_object(in, &object);
}

/* notification takes attributes and the object that may come with them. */
static bool
notification(CfIngestReader *in, const Attributes *from, const json_t *told)
{
	const char *event = attribute(from, "eventType");
	int64_t		time_us = cf_ingest_moment(attribute(from, "eventTime"));
	CfIngestObject object = CF_INGEST_OBJECT_NONE;

	if (event == NULL)
		return cf_error_set(in->err, CF_ERR_INPUT, "a notification of GCS has no eventType");
	if (attribute(from, "overwrittenByGeneration") != NULL && strcmp(event, "OBJECT_FINALIZE") != 0)
		return true;
	if (json_is_object(told))
		return cf_ingest_gcs_object(in, event, told, time_us);
	if (strcmp(event, "OBJECT_FINALIZE") == 0)
		object.kind = "created";
	else if (strcmp(event, "OBJECT_DELETE") == 0 || strcmp(event, "OBJECT_ARCHIVE") == 0)
		object.kind = "deleted";
	else
		return true;
	object.provider = "GCP";
	object.bucket = attribute(from, "bucketId");
	object.key = attribute(from, "objectId");
	object.version_id = attribute(from, "objectGeneration");
	object.time_us = time_us;
	return cf_ingest_add_object(in, &object);
}

/* envelope opens what Pub/Sub pushes. */
static bool
envelope(CfIngestReader *in, const json_t *message)
{
	Attributes	from = {in, json_object_get(message, "attributes")};
	const char *encoded = cf_ingest_member(message, "data");
	json_t	   *told = NULL;
	bool		good;

	if (!json_is_object(from.members))
		return cf_error_set(in->err, CF_ERR_INPUT, "a message of Pub/Sub has no attributes");
	if (encoded != NULL)
	{
		size_t		room = strlen(encoded) / 4 * 3 + 4;
		char	   *bytes = cf_arena_alloc(in->out->arena, room);
		long		length = bytes != NULL ? cf_base64_decode(encoded, bytes, room) : -1;

		told = length > 0 ? cf_json_object(bytes, (size_t) length) : NULL;
		if (told == NULL)
			return cf_error_set(in->err, CF_ERR_INPUT, "the data of a message of Pub/Sub are no JSON object");
	}
	good = notification(in, &from, told);
	json_decref(told);
	return good;
}

bool
cf_ingest_gcs(CfIngestReader *in, const json_t *root)
{
	Attributes	from = {in, NULL};

	if (json_object_get(json_is_array(root) ? json_array_get(root, 0) : root, "specversion") != NULL)
		return cf_ingest_cloudevents(in, root);
	if (json_is_object(json_object_get(root, "message")))
		return envelope(in, json_object_get(root, "message"));
	if (json_is_object(json_object_get(root, "attributes")))
		return envelope(in, root);
	return notification(in, &from, root);
}
