/*
 * gcs_object.c
 *		One object: how it is looked at, read, described, created in one request, and removed.
 *
 * Reading. An object whose Content-Encoding is gzip is decompressed on the way out ("decompressive transcoding"), ranges are
 * then ignored and no checksum fits, unless the request says Accept-Encoding: gzip; so every read says it, in a header of our own
 * (libcurl's own option would decompress here). A read from the first byte to the last is compared with the store's CRC32C as well.
 *
 * Creating. The metadata carry crc32c, so the store itself refuses bytes that changed on the way; ifGenerationMatch=0 makes it
 * create-only. A 412 after the request may have arrived twice can be our own doing.
 *
 * Removing. ifGenerationMatch without generation: the live object goes if it still is the pinned one, and where versions are
 * kept, it becomes a noncurrent version. generation= would purge it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/gcs/gcs.h"

#define HEAD_BYTES (64 * 1024)	/* room before the bytes of a multipart/related body: metadata are 8 KiB at most */
#define TAIL_BYTES 128

static bool missing(CfOp *op);
static bool stat_fill(CfOp *op, const char *key, CfObjectStat *stat);
static bool pinned(const CfOp *op, const char *told, const char *version);
static CfStep range_ask(CfOp *op, const char *key, const char *version, int64_t first, int64_t last);
static bool range_version(CfOp *op, const char *key, char version[CF_STORAGE_VERSION_MAX + 1]);
static bool range_check(CfOp *op, const CfReadArgs *args, const void *data, int64_t size_bytes);
static bool sent(const CfOp *op, const CfObjectStat *stat);
static CfStep create(CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length, CfObjectStat *stat);
static CfStep remove_read(CfOp *op, const char *key, CfRemoved *removed);
static bool resource_fill(const CfUploadArgs *args, const char *storage_class, json_t *resource);
static const char *boundary_for(const char *data, size_t length, char boundary[40]);

const CfRemote cf_gcs_remote = {
	.state_bytes = sizeof(CfGcsState),
	.by_version = true,
	.look = cf_gcs_look,
	.missing = missing,
	.stat_fill = stat_fill,
	.fail = cf_gcs_fail,
	.pinned = pinned,
	.range_ask = range_ask,
	.range_version = range_version,
	.range_check = range_check,
	.sent = sent,
	.part_digest = CF_DIGEST_CRC32C,
	.frame_head = HEAD_BYTES,
	.frame_tail = TAIL_BYTES,
	.create = create,
	.in_parts = cf_gcs_in_parts,
	.part_send = cf_gcs_part_send,
	.part_answer = cf_gcs_part_answer,
	.join = cf_gcs_join,
	.remove_ask = cf_gcs_remove_ask,
	.remove_read = remove_read,
};

/* cf_gcs_look asks what lies under a key. */
CfStep
cf_gcs_look(CfOp *op, const char *key, int phase)
{
	cf_storage_op_request(op, "GET", "storage.objects.get");
	return cf_gcs_send(op, phase, cf_gcs_object_path(op, cf_gcs_name(op, key)), "fields=" CF_GCS_FIELDS);
}

static bool
missing(CfOp *op)
{
	return op->response.status == 404 && !cf_gcs_no_bucket(op);
}

static bool
stat_fill(CfOp *op, const char *key, CfObjectStat *stat)
{
	(void) key;
	return cf_gcs_answer_object(op, stat);
}

static bool
pinned(const CfOp *op, const char *told, const char *version)
{
	(void) op;
	return strcmp(told, version) == 0;
}

static CfStep
range_ask(CfOp *op, const char *key, const char *version, int64_t first, int64_t last)
{
	CfRequest  *request = cf_storage_op_request(op, "GET", "storage.objects.get");
	int64_t		generation;
	char		range[64];

	if (!cf_gcs_number(version, &generation))
		return cf_remote_changed(op, key);
	snprintf(range, sizeof(range), "bytes=%lld-%lld", (long long) first, (long long) last);
	if (!cf_remote_header(op, "Range", range) || !cf_net_header(request, "Accept-Encoding", "gzip", &op->err))
		return cf_remote_error(op);
	return cf_gcs_send(op, CF_REMOTE_ASKED, cf_gcs_object_path(op, cf_gcs_name(op, key)),
					   "alt=media&generation=%s&ifGenerationMatch=%s", version, version);
}

/* range_version knows the generation that was asked for, if the store does not tell. */
static bool
range_version(CfOp *op, const char *key, char version[CF_STORAGE_VERSION_MAX + 1])
{
	const char *generation = cf_net_answer(&op->response, "x-goog-generation");

	(void) key;
	snprintf(version, CF_STORAGE_VERSION_MAX + 1, "%s", generation[0] == '\0' ? ((const CfRemoteState *) op->state)->version : generation);
	return true;
}

static bool
range_check(CfOp *op, const CfReadArgs *args, const void *data, int64_t size_bytes)
{
	CfGcsState *state = op->state;
	const char *stored = cf_net_answer(&op->response, "x-goog-stored-content-encoding");
	const char *encoding = cf_net_answer(&op->response, "content-encoding");
	CfDigests	whole = {.known = 0};

	if (stored[0] != '\0' && encoding[0] != '\0' && strcmp(stored, encoding) != 0)
		return cf_remote_unexpected(op, "read object", args->key, "its bytes did not come as they are stored") == CF_STEP_DONE;
	if (args->offset > 0)
		return true;
	state->crc32c = cf_crc32c(state->remote.at == 0 ? 0 : state->crc32c, data, op->response.sink_bytes);
	cf_remote_digests_goog(&whole, &op->response);
	if (state->remote.at + (int64_t) op->response.sink_bytes < size_bytes || (whole.known & CF_DIGEST_CRC32C) == 0 ||
		whole.crc32c == state->crc32c)
		return true;
	return cf_remote_unexpected(op, "read object", args->key, "it was read with another checksum than it has") == CF_STEP_DONE;
}

/* create: an object that waited for its seal is in the op's buffer already. */
static CfStep
create(CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length, CfObjectStat *stat)
{
	CfRemoteBuffer *buffer = &((CfRemoteState *) op->state)->buffer;

	(void) known;
	if (op->phase == CF_REMOTE_START)
	{
		if (length > CF_GCS_PUT_MAX)
			return cf_remote_fails(op, CF_ERR_RANGE, "object \"%s\" is too large for one request", args->key);
		if (data == NULL || data != buffer->data)
		{
			cf_remote_buffer_free(op);
			if (!cf_remote_buffer_room(op, (int64_t) length))
				return CF_STEP_ERROR;
			if (length > 0)
				memcpy(buffer->data, data, length);
			buffer->filled = (int64_t) length;
		}
		cf_storage_op_request(op, "POST", "storage.objects.insert");
		return cf_gcs_insert(op, CF_REMOTE_ASKED, cf_gcs_resource(op, args, args->storage_class), cf_gcs_name(op, args->key), 0);
	}
	if (op->phase == CF_REMOTE_SETTLING)
		return cf_remote_settled(op, args, stat);
	if (op->response.status == 412)
		return cf_gcs_look(op, args->key, CF_REMOTE_SETTLING);
	return cf_gcs_inserted(op, args->key, stat) ? cf_remote_done(op) : CF_STEP_ERROR;
}

/* sent: the store tells a CRC32C of every object. */
static bool
sent(const CfOp *op, const CfObjectStat *stat)
{
	const CfDigests *digests = &((const CfGcsState *) op->state)->sent;

	return digests->known == 0 || ((stat->digests.known & CF_DIGEST_CRC32C) != 0 && stat->digests.crc32c == digests->crc32c);
}

/*
 * cf_gcs_resource makes the metadata of an object from what an upload says; NULL = it cannot be sent, told in op->err. A class of ""
 * leaves the bucket's own.
 */
json_t *
cf_gcs_resource(CfOp *op, const CfUploadArgs *args, const char *storage_class)
{
	/* Not json_object(): the server exports a function of that name, and its own would be called. */
	json_t	   *resource = json_pack("{s:{}}", "metadata");

	if (resource_fill(args, cf_remote_class(op, storage_class), resource))
		return resource;
	json_decref(resource);
	cf_remote_fails(op, CF_ERR_INPUT, "metadata of object \"%s\" cannot be written to place \"%s\"", args->key, op->place->name);
	cf_error_detail(&op->err, "They are not valid UTF-8, or memory is short.");
	return NULL;
}

static bool
resource_fill(const CfUploadArgs *args, const char *storage_class, json_t *resource)
{
	static const char *const names[CF_REMOTE_PROPERTIES] = {"contentType", "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage"};
	json_t	   *metadata = json_object_get(resource, "metadata");
	CfRemoteMetadata lines = {.args = args};
	CfAttributeLine line;
	const char *values[CF_REMOTE_PROPERTIES];

	while (cf_remote_metadata_next(&lines, &line))
	{
		if (json_object_setn_new(metadata, line.name, line.name_bytes, json_stringn(line.value, line.value_bytes)) != 0)
			return false;
	}
	cf_remote_properties(args, values);
	for (int i = 0; i < CF_REMOTE_PROPERTIES; i++)
	{
		if (values[i][0] != '\0' && json_object_set_new(resource, names[i], json_string(values[i])) != 0)
			return false;
	}
	return json_object_set_new(metadata, CF_REMOTE_OWNER_TAG, json_string(args->owner_tag)) == 0 &&
		(storage_class[0] == '\0' || json_object_set_new(resource, "storageClass", json_string(storage_class)) == 0);
}

/* cf_gcs_description is what a resource says that can be said of another object; class "" leaves it open. NULL = out of memory. */
json_t *
cf_gcs_description(const json_t *resource, const char *class)
{
	static const char *const names[] = {"contentType", "cacheControl", "contentDisposition", "contentEncoding",
	"contentLanguage", "customTime"};
	json_t	   *metadata = json_copy(json_object_get(resource, "metadata"));
	json_t	   *object = json_pack("{}");

	if (metadata != NULL)
	{
		json_object_del(metadata, CF_GCS_CLASS);
		json_object_set_new(object, "metadata", metadata);
	}
	if (class[0] != '\0')
		json_object_set_new(object, "storageClass", json_string(class));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (cf_json_text(resource, names[i])[0] != '\0')
			json_object_set(object, names[i], json_object_get(resource, names[i]));
	}
	return object;
}

/*
 * cf_gcs_insert sends the bytes in the buffer as the object name, which is raw: multipart/related of its resource, which
 * it takes over and which gets their crc32c, and themselves. The request was begun by the caller.
 */
CfStep
cf_gcs_insert(CfOp *op, int phase, json_t *resource, const char *name, int64_t if_generation)
{
	CfGcsState *state = op->state;
	CfRequest  *request = &op->request;
	size_t		length = (size_t) state->remote.buffer.filled;
	char	   *data = state->remote.buffer.data;
	uint32_t	crc = cf_crc32c(0, data, length);
	char		encoded[CF_REMOTE_CRC_TEXT];
	char		boundary[40];
	const char *type;
	char	   *path = name == NULL ? NULL : cf_url_encode(&op->request_arena, name, strlen(name), false);
	char	   *json = NULL;
	char	   *head = NULL;
	char	   *content;
	size_t		head_bytes;

	if (resource == NULL)
		return cf_remote_error(op);
	state->sent = (CfDigests) {.known = CF_DIGEST_CRC32C, .crc32c = crc};
	cf_remote_crc_write(crc, 4, encoded);
	boundary_for(data, length, boundary);
	type = cf_json_text(resource, "contentType");
	if (type[0] == '\0' || strpbrk(type, "\r\n") != NULL)
		type = "application/octet-stream";
	if (json_object_set_new(resource, "crc32c", json_string(encoded)) == 0)
		json = json_dumps(resource, JSON_COMPACT);
	if (json != NULL)
		head = cf_remote_format(&op->request_arena, "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n%s\r\n--%s\r\n"
							 "Content-Type: %s\r\n\r\n", boundary, json, boundary, type);
	free(json);
	json_decref(resource);
	content = cf_remote_format(&op->request_arena, "multipart/related; boundary=%s", boundary);
	if (path == NULL || head == NULL || content == NULL)
		return cf_remote_memory(op);
	head_bytes = strlen(head);
	if (head_bytes > HEAD_BYTES)
		return cf_remote_fails(op, CF_ERR_RANGE, "metadata of object at place \"%s\" are too large", op->place->name);
	memcpy(data - head_bytes, head, head_bytes);
	request->body = data - head_bytes;
	request->body_bytes = head_bytes + length +
		(size_t) snprintf(data + length, TAIL_BYTES, "\r\n--%s--\r\n", boundary);
	request->net_class = CF_NET_BODY;
	request->repeat = CF_NET_REPEAT_CONDITIONAL;
	if (!cf_net_header(request, "Content-Type", content, &op->err))
		return CF_STEP_ERROR;
	content = cf_remote_format(&op->request_arena, "/upload/storage/v1/b/%s/o", op->place->bucket);
	return cf_gcs_send(op, phase, content, "uploadType=multipart&name=%s&ifGenerationMatch=%lld&fields=" CF_GCS_FIELDS,
					   path, (long long) if_generation);
}

/* boundary_for finds a line that the bytes do not hold: whoever wrote them may know how we make it. */
static const char *
boundary_for(const char *data, size_t length, char boundary[40])
{
	uint32_t	number = 0;

	do
		snprintf(boundary, 40, "cloudflux-%08x", number++);
	while (length > 0 && memmem(data, length, boundary, strlen(boundary)) != NULL);
	return boundary;
}

/* cf_gcs_inserted reads the answer to an insert, and compares what the store says with what was sent. */
bool
cf_gcs_inserted(CfOp *op, const char *key, CfObjectStat *stat)
{
	op->phase = CF_REMOTE_START;
	if (op->response.status != 200 && op->response.status != 201)
		return cf_gcs_fail(op, "write object", key) == CF_STEP_DONE;
	if (!cf_gcs_answer_object(op, stat))
		return false;
	if (stat->size_bytes == ((const CfRemoteState *) op->state)->buffer.filled && sent(op, stat))
		return true;
	cf_remote_fails(op, CF_ERR_IO, "object \"%s\" of place \"%s\" is not what was sent",
				 cf_remote_shown(op, key), op->place->name);
	return cf_error_detail(&op->err, "The store tells another size or CRC32C, or none.");
}

/* cf_gcs_remove_ask removes the generation that is live, if it is that version; what is no generation can only be looked for. */
CfStep
cf_gcs_remove_ask(CfOp *op, const char *key, const char *version, int phase)
{
	int64_t		generation;

	if (!cf_gcs_number(version, &generation))
		return cf_gcs_look(op, key, CF_REMOTE_ASKED_MORE);
	cf_storage_op_request(op, "DELETE", "storage.objects.delete")->repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_gcs_send(op, phase, cf_gcs_object_path(op, cf_gcs_name(op, key)), "ifGenerationMatch=%lld",
					   (long long) generation);
}

static CfStep
remove_read(CfOp *op, const char *key, CfRemoved *removed)
{
	int			status = op->response.status;
	char		reason[400];

	*removed = status == 412 ? CF_REMOVED_CHANGED : status == 403 ? CF_REMOVED_KEPT : CF_REMOVED_DELETED;
	if (cf_gcs_error_inside(&op->response))
		return cf_remote_fails(op, CF_ERR_IO, "object \"%s\" of place \"%s\" was not removed: the store told an error inside a success",
							   key, op->place->name);
	if (status == 403 && cf_gcs_held(op, reason, sizeof(reason)))
		cf_remote_fails(op, CF_ERR_NONE, "%s", reason);
	else if (status != 412 && status != 200 && status != 204)
		return cf_gcs_fail(op, "remove object", key);
	return CF_STEP_DONE;
}
