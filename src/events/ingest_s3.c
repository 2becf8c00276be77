/*
 * ingest_s3.c
 *		Event notifications of S3: {"Records": […]}, and the events that S3 sends to EventBridge.
 *
 * A record's key is URL-encoded, with + for a blank; EventBridge's is not encoded. Names of events are "ObjectCreated:Put" on AWS and
 * "s3:ObjectCreated:Put" on MinIO. A delete with a version id takes one version away: what becomes of the object it does not tell, so it
 * is passed over; a delete marker hides the object.
 */
#include <string.h>

#include "events/ingest_format.h"

/* What the beginning of an event's name means; kind NULL = nothing that concerns us. */
static const struct
{
	const char *event;
	const char *kind;
	bool		of_version;		/* with a version id it tells of that version alone */
}			events[] = {
	{"ObjectCreated:", "created", false},
	{"ObjectRemoved:DeleteMarkerCreated", "deleted", false},
	{"ObjectRemoved:", "deleted", true},
	{"LifecycleExpiration:DeleteMarkerCreated", "deleted", false},
	{"LifecycleExpiration:", "deleted", true},
	{"ObjectAccessed:", "accessed", false},
	{"Object Created", "created", false},
	{"Object Deleted", "deleted", true},
};

static bool
starts_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* finish says what an event does to an object of which everything else is told. */
static bool
finish(CfIngestReader *in, const char *event, CfIngestObject *object)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
	{
		if (!starts_with(event, events[i].event))
			continue;
		if (events[i].of_version && object->version_id != NULL)
			return true;
		object->kind = events[i].kind;
		if (strcmp(object->kind, "accessed") == 0)
			object->access_type = "read";
		return cf_ingest_add_object(in, object);
	}
	return true;
}

static bool
record(CfIngestReader *in, const json_t *root)
{
	const json_t *s3 = json_object_get(root, "s3");
	const json_t *told = json_object_get(s3, "object");
	const char *event = cf_ingest_member(root, "eventName");
	const char *key = cf_ingest_member(told, "key");
	CfIngestObject object = CF_INGEST_OBJECT_NONE;

	if (event == NULL || !json_is_object(s3))
		return cf_error_set(in->err, CF_ERR_INPUT, "a record of S3 has no eventName or no s3");
	if (starts_with(event, "s3:"))
		event += 3;
	if (starts_with(event, "TestEvent"))
		return true;
	object.provider = strcmp(cf_json_text(root, "eventSource"), "aws:s3") == 0 ? "AWS" : "S3";
	object.bucket = cf_ingest_member(json_object_get(s3, "bucket"), "name");
	if (key != NULL)
	{
		object.key = cf_ingest_decode(in->out->arena, key, strlen(key), true);
		if (object.key == NULL)
			return cf_error_set(in->err, CF_ERR_INPUT, "the key of an object is no text in UTF-8");
	}
	object.size_bytes = cf_ingest_count(told, "size");
	object.etag = cf_ingest_member(told, "eTag");
	object.version_id = cf_ingest_member(told, "versionId");
	object.content_type = cf_ingest_member(told, "contentType");
	object.user_id = cf_ingest_member(json_object_get(root, "userIdentity"), "principalId");
	object.time_us = cf_ingest_moment(cf_ingest_member(root, "eventTime"));
	return finish(in, event, &object);
}

static bool
bridged(CfIngestReader *in, const json_t *root)
{
	const json_t *detail = json_object_get(root, "detail");
	const json_t *told = json_object_get(detail, "object");
	CfIngestObject object = CF_INGEST_OBJECT_NONE;

	if (strcmp(cf_json_text(root, "source"), "aws.s3") != 0)
		return true;
	object.provider = "AWS";
	object.bucket = cf_ingest_member(json_object_get(detail, "bucket"), "name");
	object.key = cf_ingest_member(told, "key");
	object.size_bytes = cf_ingest_count(told, "size");
	object.etag = cf_ingest_member(told, "etag");
	/* Of a delete marker the version id is the marker's own. */
	if (strcmp(cf_json_text(detail, "deletion-type"), "Delete Marker Created") != 0)
		object.version_id = cf_ingest_member(told, "version-id");
	object.user_id = cf_ingest_member(detail, "requester");
	object.time_us = cf_ingest_moment(cf_ingest_member(root, "time"));
	return finish(in, cf_json_text(root, "detail-type"), &object);
}

bool
cf_ingest_s3(CfIngestReader *in, const json_t *root)
{
	const json_t *records = json_object_get(root, "Records");
	const json_t *element;
	size_t		i;

	if (json_object_get(root, "detail-type") != NULL)
		return bridged(in, root);
	if (starts_with(cf_json_text(root, "Event"), "s3:TestEvent"))
		return true;
	if (!json_is_array(records))
		return cf_error_set(in->err, CF_ERR_INPUT, "a notification of S3 has no Records");
	json_array_foreach(records, i, element)
	{
		if (!record(in, element))
			return false;
	}
	return true;
}
