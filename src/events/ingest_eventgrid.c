/*
 * ingest_eventgrid.c
 *		Azure Event Grid: its own schema, an array of events or one, and the data of Azure Storage in either schema.
 *
 * The subject names container and blob as they are ("/blobServices/default/containers/C/blobs/K"); the url does so URL-encoded, and names
 * the account. A rename (hierarchical namespaces) is a deletion here and a creation there.
 */
#include <string.h>

#include "events/ingest_format.h"

#define SUBJECT "/blobServices/default/containers/"
#define BLOBS "/blobs/"

/* read_url takes account, container and key out of https://ACCOUNT.blob.core.windows.net/CONTAINER/KEY. */
static bool
read_url(CfArena *arena, const char *url, CfIngestObject *object)
{
	const char *host = url != NULL ? strstr(url, "://") : NULL;
	const char *path = host != NULL ? strchr(host + 3, '/') : NULL;
	const char *key = path != NULL ? strchr(path + 1, '/') : NULL;
	const char *end;

	if (key == NULL || key == path + 1)
		return false;
	host += 3;
	end = key + 1 + strcspn(key + 1, "?");
	object->account = cf_arena_strndup(arena, host, strcspn(host, ".:/"));
	object->bucket = cf_arena_strndup(arena, path + 1, (size_t) (key - path - 1));
	object->key = cf_ingest_decode(arena, key + 1, (size_t) (end - key - 1), false);
	return object->account != NULL && object->bucket != NULL && object->key != NULL && object->key[0] != '\0';
}

/* read_subject takes container and key as they are. */
static void
read_subject(CfArena *arena, const char *subject, CfIngestObject *object)
{
	const char *container = subject != NULL && strncmp(subject, SUBJECT, strlen(SUBJECT)) == 0 ? subject + strlen(SUBJECT) : NULL;
	const char *blobs = container != NULL ? strstr(container, BLOBS) : NULL;

	if (blobs == NULL || blobs == container || blobs[strlen(BLOBS)] == '\0')
		return;
	object->bucket = cf_arena_strndup(arena, container, (size_t) (blobs - container));
	object->key = cf_arena_strdup(arena, blobs + strlen(BLOBS));
}

/* add_at adds what became of the blob at a URL. */
static bool
add_at(CfIngestReader *in, const char *kind, const char *url, const char *subject, CfIngestObject object)
{
	object.kind = kind;
	object.provider = "Azure";
	if (!read_url(in->out->arena, url, &object))
		return cf_error_set(in->err, CF_ERR_INPUT, "the URL of a blob does not tell account, container and key");
	read_subject(in->out->arena, subject, &object);
	return cf_ingest_add_object(in, &object);
}

bool
cf_ingest_azure(CfIngestReader *in, const char *type, const char *subject, int64_t time_us, const json_t *data)
{
	CfIngestObject object = CF_INGEST_OBJECT_NONE;
	const char *what = strncmp(type, "Microsoft.Storage.", 18) == 0 ? type + 18 : "";

	object.time_us = time_us;
	if (strcmp(what, "BlobCreated") == 0)
	{
		object.size_bytes = cf_ingest_count(data, "contentLength");
		object.etag = cf_ingest_member(data, "eTag");
		object.content_type = cf_ingest_member(data, "contentType");
		object.storage_class = cf_ingest_member(data, "accessTier");
		if (object.storage_class != NULL && strcmp(object.storage_class, "Default") == 0)
			object.storage_class = NULL;
		return add_at(in, "created", cf_ingest_member(data, "url"), subject, object);
	}
	if (strcmp(what, "BlobDeleted") == 0)
		return add_at(in, "deleted", cf_ingest_member(data, "url"), subject, object);
	if (strcmp(what, "BlobRenamed") == 0)
		return add_at(in, "deleted", cf_ingest_member(data, "sourceUrl"), NULL, object) &&
			add_at(in, "created", cf_ingest_member(data, "destinationUrl"), NULL, object);
	return true;
}

static bool
event(CfIngestReader *in, const json_t *root)
{
	const char *type = cf_ingest_member(root, "eventType");

	if (type == NULL)
		return cf_error_set(in->err, CF_ERR_INPUT, "an event of Event Grid has no eventType");
	return cf_ingest_azure(in, type, cf_ingest_member(root, "subject"), cf_ingest_moment(cf_ingest_member(root, "eventTime")),
						   json_object_get(root, "data"));
}

bool
cf_ingest_eventgrid(CfIngestReader *in, const json_t *root)
{
	const json_t *element;
	size_t		i;

	if (json_object_get(json_is_array(root) ? json_array_get(root, 0) : root, "specversion") != NULL)
		return cf_ingest_cloudevents(in, root);
	if (!json_is_array(root))
		return event(in, root);
	json_array_foreach(root, i, element)
	{
		if (!event(in, element))
			return false;
	}
	return true;
}
