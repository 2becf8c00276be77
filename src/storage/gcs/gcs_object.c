/*
 * gcs_object.c
 *		One object: look at it, read it, create it in one request, remove it.
 *
 * Reading. An object whose Content-Encoding is gzip is decompressed on the way out ("decompressive transcoding"), ranges are
 * then ignored and no checksum fits, unless the request says Accept-Encoding: gzip; so every read says it, in a header of our own
 * (libcurl's own option would decompress here). What comes must be the range that was asked for, of the generation that is
 * pinned, as it is stored; a read from the first byte to the last is compared with the store's CRC32C as well.
 *
 * Creating. The metadata carry crc32c, so the store itself refuses bytes that changed on the way; ifGenerationMatch=0 makes it
 * create-only. A 412 after the request may have arrived twice can be our own doing: the object there is ours if it carries our
 * owner tag and has our checksum.
 *
 * Removing. ifGenerationMatch without generation: the live object goes if it still is the pinned one, and where versions are
 * kept, it becomes a noncurrent version. generation= would purge it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/gcs/gcs.h"

enum
{
	BEGIN,
	ASKED,						/* the operation's own request */
	LOOKED						/* what is there, after the store refused */
};

static CfStep read_ask(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static CfStep read_begin(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static CfStep read_answered(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static CfStep read_taken(CfOp *op, const CfReadArgs *args, CfChunk *chunk, int64_t total);
static CfStep read_done(CfOp *op);
static CfStep read_changed(CfOp *op, const CfReadArgs *args);
static CfStep read_looked(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static bool resource_metadata(json_t *metadata, const char *lines, bool ours);
static const char *boundary_for(const char *data, size_t length, char boundary[40]);

CfStep
cf_gcs_stat(CfOp *op, const char *key, CfObjectStat *stat)
{
	if (op->phase == BEGIN)
		return cf_gcs_look(op, ASKED, key);
	op->phase = BEGIN;
	if (op->response.status != 200)
		return cf_gcs_fail(op, "look at object", key);
	return cf_gcs_answer_object(op, stat) ? CF_STEP_DONE : CF_STEP_ERROR;
}

/* cf_gcs_look asks what lies under a key. */
CfStep
cf_gcs_look(CfOp *op, int phase, const char *key)
{
	cf_storage_op_request(op, "GET", "storage.objects.get");
	return cf_gcs_send(op, phase, cf_gcs_path(op, op->place->bucket, cf_gcs_name(op, key), ""), "fields=" CF_GCS_FIELDS);
}

CfStep
cf_gcs_read(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfGcsState *state = cf_gcs_state(op);

	if (state == NULL)
		return CF_STEP_ERROR;
	switch (op->phase)
	{
		case ASKED:
			return read_answered(op, args, chunk);
		case LOOKED:
			return read_looked(op, args, chunk);
		default:
			return state->reading ? read_ask(op, args, chunk) : read_begin(op, args, chunk);
	}
}

/* read_begin starts a read. Without a pin the live generation becomes it, or two ranges could be of two objects. */
static CfStep
read_begin(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfGcsState *state = op->state;
	int64_t		generation;

	state->at = args->offset;
	state->end = args->length < 0 ? -1 : args->offset + args->length;
	state->crc32c = 0;
	state->version[0] = '\0';
	if (args->length == 0 || !cf_gcs_number(args->version, &generation))
		return cf_gcs_look(op, LOOKED, args->key);
	snprintf(state->version, sizeof(state->version), "%lld", (long long) generation);
	state->reading = true;
	return read_ask(op, args, chunk);
}

/* read_ask asks for the next range: as much as the chunk takes. */
static CfStep
read_ask(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfGcsState *state = op->state;
	CfRequest  *request = cf_storage_op_request(op, "GET", "storage.objects.get");
	int64_t		last = state->at + (int64_t) chunk->capacity - 1;
	char		range[64];

	if (state->end >= 0 && last >= state->end)
		last = state->end - 1;
	snprintf(range, sizeof(range), "bytes=%lld-%lld", (long long) state->at, (long long) last);
	if (!cf_net_header(request, "Range", cf_arena_strdup(&op->request_arena, range), &op->err) ||
		!cf_net_header(request, "Accept-Encoding", "gzip", &op->err))
		return CF_STEP_ERROR;
	request->sink = chunk->data;
	request->sink_bytes = (size_t) (last - state->at + 1);
	request->net_class = CF_NET_BODY;
	return cf_gcs_send(op, ASKED, cf_gcs_path(op, op->place->bucket, cf_gcs_name(op, args->key), ""),
					   "alt=media&generation=%s&ifGenerationMatch=%s", state->version, state->version);
}

static CfStep
read_answered(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfGcsState *state = op->state;
	const char *generation = cf_net_answer(&op->response, "x-goog-generation");
	const char *stored = cf_net_answer(&op->response, "x-goog-stored-content-encoding");
	const char *encoding = cf_net_answer(&op->response, "content-encoding");
	int64_t		first;
	int64_t		last;
	int64_t		total;

	op->phase = BEGIN;
	switch (op->response.status)
	{
		case 206:
			break;
		case 404:
			if (cf_gcs_no_bucket(op))
				break;
			return cf_gcs_look(op, LOOKED, args->key);
		case 412:
		case 416:
			return cf_gcs_look(op, LOOKED, args->key);
		case 200:				/* the range was ignored: what came was decompressed, or this is no such store */
		default:
			break;
	}
	if (op->response.status != 206)
	{
		state->reading = false;
		return cf_gcs_fail(op, "read object", args->key);
	}
	if (generation[0] != '\0' && strcmp(generation, state->version) != 0)
		return read_changed(op, args);
	if (!cf_gcs_range(op, &first, &last, &total) || first != state->at ||
		last - first + 1 != (int64_t) op->response.sink_bytes || op->response.sink_bytes > op->request.sink_bytes ||
		(last + 1 < total && op->response.sink_bytes != op->request.sink_bytes) ||
		(stored[0] != '\0' && encoding[0] != '\0' && strcmp(stored, encoding) != 0))
	{
		state->reading = false;
		cf_remote_fails(op, CF_ERR_IO, "could not read object \"%s\" of place \"%s\"", args->key, op->place->name);
		cf_error_detail(&op->err, "The store sent other bytes than the range that was asked for.");
		return CF_STEP_ERROR;
	}
	return read_taken(op, args, chunk, total);
}

/* read_taken takes a range that is what was asked for. */
static CfStep
read_taken(CfOp *op, const CfReadArgs *args, CfChunk *chunk, int64_t total)
{
	CfGcsState *state = op->state;
	CfDigests	whole = {.known = 0};

	chunk->length = op->response.sink_bytes;
	if (args->offset == 0)
		state->crc32c = cf_crc32c(state->crc32c, chunk->data, chunk->length);
	state->at += (int64_t) chunk->length;
	if (state->at < (state->end < 0 || state->end > total ? total : state->end))
		return CF_STEP_AGAIN;
	cf_remote_digests_goog(&whole, &op->response);
	if (args->offset == 0 && state->at == total && (whole.known & CF_DIGEST_CRC32C) != 0 && whole.crc32c != state->crc32c)
	{
		state->reading = false;
		chunk->length = 0;
		cf_remote_fails(op, CF_ERR_IO, "object \"%s\" of place \"%s\" was read with another checksum than it has",
					 args->key, op->place->name);
		return CF_STEP_ERROR;
	}
	return read_done(op);
}

/* cf_gcs_range reads where the bytes of an answer lie: "bytes 0-99/1234". */
bool
cf_gcs_range(const CfOp *op, int64_t *first, int64_t *last, int64_t *total)
{
	char		text[96];
	char	   *dash;
	char	   *slash;

	snprintf(text, sizeof(text), "%s", cf_net_answer(&op->response, "content-range"));
	if (strncmp(text, "bytes ", 6) != 0 || (dash = strchr(text, '-')) == NULL || (slash = strchr(dash, '/')) == NULL)
		return false;
	*dash = *slash = '\0';
	return cf_gcs_number(text + 6, first) && cf_gcs_number(dash + 1, last) && cf_gcs_number(slash + 1, total) &&
		*first <= *last && *last < *total;
}

static CfStep
read_done(CfOp *op)
{
	CfGcsState *state = op->state;

	state->reading = false;
	op->phase = BEGIN;
	return CF_STEP_DONE;
}

/* read_changed ends a read whose pin does not hold. */
static CfStep
read_changed(CfOp *op, const CfReadArgs *args)
{
	CfGcsState *state = op->state;

	state->reading = false;
	cf_remote_fails(op, CF_ERR_CHANGED, "object \"%s\" of place \"%s\" has changed",
				 cf_remote_shown(op, args->key), op->place->name);
	cf_error_detail(&op->err, "It is no longer the version that was asked for.");
	return CF_STEP_ERROR;
}

/*
 * read_looked knows the live object: at the beginning of a read without a pin, or after the store said that the range does not
 * exist (416; so does an empty object's) or that the generation does not (412, 404: changed, or gone).
 */
static CfStep
read_looked(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfGcsState *state = op->state;
	CfObjectStat stat;

	op->phase = BEGIN;
	if (op->response.status != 200)
	{
		state->reading = false;
		return cf_gcs_fail(op, "read object", args->key);
	}
	if (!cf_gcs_answer_object(op, &stat))
	{
		state->reading = false;
		return CF_STEP_ERROR;
	}
	if (args->version[0] != '\0' && strcmp(stat.version, args->version) != 0)
		return read_changed(op, args);
	if (args->offset > stat.size_bytes)
	{
		state->reading = false;
		cf_remote_fails(op, CF_ERR_INPUT, "object \"%s\" of place \"%s\" ends before byte %lld",
					 cf_remote_shown(op, args->key), op->place->name, (long long) args->offset);
		return CF_STEP_ERROR;
	}
	if (args->length == 0 || state->at == stat.size_bytes)
		return read_done(op);
	if (state->reading)
	{
		/* A range that exists was refused, by a store that says it is the pinned object. */
		state->reading = false;
		return cf_remote_fails(op, CF_ERR_IO, "could not read object \"%s\" of place \"%s\"",
							cf_remote_shown(op, args->key), op->place->name);
	}
	memcpy(state->version, stat.version, sizeof(state->version));
	state->reading = true;
	return read_ask(op, args, chunk);
}

CfStep
cf_gcs_put(CfOp *op, const CfUploadArgs *args, const void *data, size_t length, CfObjectStat *stat)
{
	CfGcsState *state = cf_gcs_state(op);

	if (state == NULL)
		return CF_STEP_ERROR;
	if (op->phase == BEGIN)
	{
		if (length > CF_GCS_PUT_MAX)
			return cf_remote_fails(op, CF_ERR_RANGE, "object \"%s\" is too large for one request", args->key);
		if (!cf_gcs_body(op, length))
			return CF_STEP_ERROR;
		if (length > 0)
			memcpy(state->body + CF_GCS_HEAD_BYTES, data, length);
		state->used = length;
	}
	return cf_gcs_create(op, args, stat);
}

/* cf_gcs_create creates an object of the bytes in the state's body: the steps of put, and of upload_seal. */
CfStep
cf_gcs_create(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat)
{
	CfGcsState *state = op->state;
	int			status = op->response.status;
	uint32_t	crc = cf_crc32c(0, state->body + CF_GCS_HEAD_BYTES, state->used);

	if (op->phase == BEGIN)
	{
		cf_storage_op_request(op, "POST", "storage.objects.insert");
		return cf_gcs_insert(op, ASKED, cf_gcs_resource(op, args, args->storage_class), cf_gcs_name(op, args->key), 0);
	}
	if (op->phase == ASKED && status == 412)
		return cf_gcs_look(op, LOOKED, args->key);
	if (op->phase == ASKED)
		return cf_gcs_inserted(op, args->key, stat) ? CF_STEP_DONE : CF_STEP_ERROR;
	op->phase = BEGIN;
	if (status == 404 && !cf_gcs_no_bucket(op))
		return cf_remote_fails(op, CF_ERR_BUSY, "object \"%s\" of place \"%s\" comes and goes",
							cf_remote_shown(op, args->key), op->place->name);
	if (status != 200)
		return cf_gcs_fail(op, "look at object", args->key);
	if (!cf_gcs_answer_object(op, stat))
		return CF_STEP_ERROR;
	if (cf_gcs_ours(stat, args->owner_tag) && stat->size_bytes == (int64_t) state->used &&
		(stat->digests.known & CF_DIGEST_CRC32C) != 0 && stat->digests.crc32c == crc)
		return CF_STEP_DONE;
	return cf_remote_fails(op, CF_ERR_EXISTS, "object \"%s\" of place \"%s\" exists already",
						cf_remote_shown(op, args->key), op->place->name);
}

/*
 * cf_gcs_resource makes the metadata of an object from what an upload says; NULL = it cannot be sent, told in op->err. A class of ""
 * leaves the bucket's own. Names cf_… in the user's metadata are of an earlier copy and make way for ours.
 */
json_t *
cf_gcs_resource(CfOp *op, const CfUploadArgs *args, const char *storage_class)
{
	const struct
	{
		const char *name;
		const char *value;
	}			fields[] = {
		{"contentType", args->content_type},
		{"cacheControl", args->attributes.cache_control},
		{"contentDisposition", args->attributes.content_disposition},
		{"contentEncoding", args->attributes.content_encoding},
		{"contentLanguage", args->attributes.content_language},
		{"storageClass", storage_class == NULL || storage_class[0] == '\0' ? op->place->storage_class : storage_class},
	};
	/* Not json_object(): the server exports a function of that name, and its own would be called. */
	json_t	   *resource = json_pack("{}");
	json_t	   *metadata = json_pack("{}");
	bool		good = json_object_set_new(resource, "metadata", metadata) == 0 &&
		resource_metadata(metadata, args->attributes.metadata, false) && resource_metadata(metadata, args->metadata, true) &&
		json_object_set_new(metadata, CF_GCS_TAG, json_string(args->owner_tag)) == 0;

	for (size_t i = 0; good && i < sizeof(fields) / sizeof(fields[0]); i++)
	{
		if (fields[i].value != NULL && fields[i].value[0] != '\0')
			good = json_object_set_new(resource, fields[i].name, json_string(fields[i].value)) == 0;
	}
	if (good)
		return resource;
	json_decref(resource);
	cf_remote_fails(op, CF_ERR_INPUT, "metadata of object \"%s\" cannot be written to place \"%s\"", args->key,
				 op->place->name);
	cf_error_detail(&op->err, "They are not valid UTF-8, or memory is short.");
	return NULL;
}

/* resource_metadata adds lines "name=value"; of the user's those that are not ours. */
static bool
resource_metadata(json_t *metadata, const char *lines, bool ours)
{
	while (lines != NULL && *lines != '\0')
	{
		size_t		length = strcspn(lines, "\n");
		size_t		name = strcspn(lines, "=\n");

		if (name > 0 && name < length && (ours || strncmp(lines, "cf_", 3) != 0) &&
			json_object_setn_new(metadata, lines, name, json_stringn(lines + name + 1, length - name - 1)) != 0)
			return false;
		lines += length + (lines[length] == '\n');
	}
	return true;
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

/* cf_gcs_body makes room for the bytes of an upload; what was gathered before is forgotten. */
bool
cf_gcs_body(CfOp *op, size_t bytes)
{
	CfGcsState *state = op->state;

	state->used = 0;
	if (state->body != NULL && state->body_bytes >= bytes)
		return true;
	cf_remote_free(op, state->body);
	state->body = cf_remote_alloc(op, CF_GCS_HEAD_BYTES + bytes + CF_GCS_TAIL_BYTES);
	state->body_bytes = state->body == NULL ? 0 : bytes;
	return state->body != NULL;
}

/*
 * cf_gcs_insert sends the bytes in the state's body as the object name, which is raw: multipart/related of its resource, which
 * it takes over and which gets their crc32c, and themselves. The request was begun by the caller.
 */
CfStep
cf_gcs_insert(CfOp *op, int phase, json_t *resource, const char *name, int64_t if_generation)
{
	CfGcsState *state = op->state;
	CfRequest  *request = &op->request;
	char	   *data = state->body + CF_GCS_HEAD_BYTES;
	uint32_t	crc = cf_crc32c(0, data, state->used);
	char		encoded[CF_REMOTE_CRC_TEXT];
	char		boundary[40];
	const char *type;
	char	   *path = name == NULL ? NULL : cf_url_encode(&op->request_arena, name, strlen(name), false);
	char	   *json = NULL;
	char	   *head = NULL;
	char	   *content;
	size_t		head_bytes;

	if (resource == NULL)
	{
		op->phase = 0;
		return CF_STEP_ERROR;
	}
	cf_remote_crc_write(crc, 4, encoded);
	boundary_for(data, state->used, boundary);
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
	if (head_bytes > CF_GCS_HEAD_BYTES)
		return cf_remote_fails(op, CF_ERR_RANGE, "metadata of object at place \"%s\" are too large", op->place->name);
	memcpy(data - head_bytes, head, head_bytes);
	request->body = data - head_bytes;
	request->body_bytes = head_bytes + state->used +
		(size_t) snprintf(data + state->used, CF_GCS_TAIL_BYTES, "\r\n--%s--\r\n", boundary);
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
	CfGcsState *state = op->state;

	op->phase = BEGIN;
	if (op->response.status != 200 && op->response.status != 201)
		return cf_gcs_fail(op, "write object", key) == CF_STEP_DONE;
	if (!cf_gcs_answer_object(op, stat))
		return false;
	if (stat->size_bytes == (int64_t) state->used && (stat->digests.known & CF_DIGEST_CRC32C) != 0 &&
		stat->digests.crc32c == cf_crc32c(0, state->body + CF_GCS_HEAD_BYTES, state->used))
		return true;
	cf_remote_fails(op, CF_ERR_IO, "object \"%s\" of place \"%s\" is not what was sent",
				 cf_remote_shown(op, key), op->place->name);
	return cf_error_detail(&op->err, "The store tells another size or CRC32C, or none.");
}

CfStep
cf_gcs_remove(CfOp *op, const char *key, const char *version, const char *owner_tag, CfRemoved *removed)
{
	int			status = op->response.status;
	int64_t		generation;
	CfObjectStat stat;

	(void) owner_tag;			/* one request does it all: a crash leaves nothing to finish */
	if (op->phase == BEGIN && !cf_gcs_number(version, &generation))
		return cf_gcs_look(op, LOOKED, key);
	if (op->phase == BEGIN)
	{
		cf_storage_op_request(op, "DELETE", "storage.objects.delete")->repeat = CF_NET_REPEAT_CONDITIONAL;
		return cf_gcs_send(op, ASKED, cf_gcs_path(op, op->place->bucket, cf_gcs_name(op, key), ""),
						   "ifGenerationMatch=%lld", (long long) generation);
	}
	if (op->phase == ASKED && status == 412)
		return cf_gcs_look(op, LOOKED, key);
	if (cf_gcs_error_inside(&op->response))
		return cf_remote_fails(op, CF_ERR_IO, "object \"%s\" of place \"%s\" was not removed: the store told an error inside a success",
							key, op->place->name);
	if (status == 404 && !cf_gcs_no_bucket(op))
		*removed = CF_REMOVED_GONE;
	else if (op->phase == ASKED && (status == 200 || status == 204))
		*removed = CF_REMOVED_DELETED;
	else if (op->phase == ASKED && status == 403)
	{
		char		reason[400];

		if (!cf_gcs_held(op, reason, sizeof(reason)))
			return cf_gcs_fail(op, "remove object", key);
		cf_remote_fails(op, CF_ERR_NONE, "%s", reason);
		*removed = CF_REMOVED_KEPT;
	}
	else if (op->phase == ASKED || status != 200)
		return cf_gcs_fail(op, op->phase == ASKED ? "remove object" : "look at object", key);
	else if (!cf_gcs_answer_object(op, &stat))
	{
		op->phase = BEGIN;
		return CF_STEP_ERROR;
	}
	else if (strcmp(stat.version, version) == 0)
		return cf_remote_fails(op, CF_ERR_IO, "object \"%s\" of place \"%s\" was not removed", key, op->place->name);
	else
		*removed = CF_REMOVED_CHANGED;
	op->phase = BEGIN;
	return CF_STEP_DONE;
}
