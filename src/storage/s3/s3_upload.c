/*
 * s3_upload.c
 *		Uploads: a small object is gathered and put at the seal, a large one goes in parts; what nobody finished is found again.
 *
 * S3 keeps no metadata of an unfinished upload that it would list, so only its id, the handle, tells whose it is. Therefore
 * uploads_find reports every unfinished upload below the place's prefix, with owner_tag "": it is ours only if the catalog
 * knows the handle or has claimed the key, for others share buckets with us. Who aborts or resumes and has lost the handle
 * goes by the key, which he has claimed: all unfinished uploads of exactly this key are aborted.
 *
 * A part comes whole from the caller's memory, or is gathered in a buffer of the op; it is never larger than its caller chose.
 */
#include <stdio.h>
#include <string.h>

#include "storage/s3/s3.h"

#define ABORT_ROUNDS 10
#define HANDLE_PARTS "parts:"

static CfStep begin_parts(CfOp *op, const CfUploadArgs *args, CfUpload *upload);
static CfStep begin_resumed(CfOp *op, const CfUploadArgs *args, CfUpload *upload);
static bool resumes(const CfUploadArgs *args);
static bool parts_sized(CfOp *op, CfUpload *upload);
static bool gather(CfOp *op, CfUpload *upload, const CfPart *part, const void *data, size_t length, bool *whole);
static CfStep part_send(CfOp *op, const CfUpload *upload, const CfPart *part, const void *data);
static CfStep part_answer(CfOp *op, const CfUpload *upload, CfPart *part);
static CfStep commit_put(CfOp *op, CfUpload *upload, CfObjectStat *stat);
static CfStep upload_gone(CfOp *op, const char *key);
static CfStep abort_parts(CfOp *op, const CfUpload *upload);
static CfStep abort_put(CfOp *op, const CfUpload *upload);
static CfStep abort_version(CfOp *op, const CfUpload *upload);
static CfStep abort_unknown(CfOp *op, const CfUpload *upload);
static CfStep abort_listed(CfOp *op, const CfUpload *upload);
static CfStep find_send(CfOp *op, const char *key, const char *token, int phase);
static CfStep find_answer(CfOp *op, int64_t older_than_us, CfStalePage *page);
static const char *handle_with_key(CfOp *op, const CfStaleUpload *upload);
static bool find_visit(void *ctx, const char *path, const char *text, size_t length);
static bool token_valid(const char *token);

static bool
is_parts(const char *handle)
{
	return strncmp(handle, HANDLE_PARTS, strlen(HANDLE_PARTS)) == 0;
}

CfStep
cf_s3_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	CfS3State  *state = cf_s3_state(op);

	if (state == NULL)
		return CF_STEP_ERROR;
	if (op->phase != S3_START)
		return begin_parts(op, args, upload);
	if (!cf_s3_writable(op) || !cf_s3_describe_check(op, args))
		return cf_s3_error(op);
	cf_s3_buffer_free(op);
	state->sealed = state->replacing = false;
	state->told.kind = CF_ERR_NONE;
	state->part_number = state->part_count = 0;
	if (args->size_bytes <= cf_s3_put_max(op->place))
	{
		memcpy(upload->handle, "put", sizeof("put"));
		return cf_s3_done(op);
	}
	if (!cf_s3_joinable(op) || !parts_sized(op, upload))
		return cf_s3_error(op);
	if (resumes(args))
	{
		snprintf(upload->handle, sizeof(upload->handle), "%s", args->handle);
		return cf_s3_parts_ask(op, upload, S3_ASKED);
	}
	state->rounds = 0;
	return args->resume ? find_send(op, args->key, NULL, S3_PARTS_LISTED) : cf_s3_look(op, args->key, S3_ASKED_MORE);
}

/* resumes tells whether args name an upload in parts that an earlier attempt made. */
static bool
resumes(const CfUploadArgs *args)
{
	return args->resume && args->handle != NULL && is_parts(args->handle) &&
		strlen(args->handle) <= strlen(HANDLE_PARTS) + CF_S3_UPLOAD_ID_MAX;
}

/*
 * begin_parts goes on with the upload of a large object: resumed, or new where nobody is yet. The upload comes empty at each
 * step, so what was found out about it is said again.
 */
static CfStep
begin_parts(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	CfObjectStat stat;

	if (!parts_sized(op, upload))
		return cf_s3_error(op);
	if (op->phase == S3_ASKED)
		return begin_resumed(op, args, upload);
	/* An earlier attempt may have lost its handle: what it stored is not taken up blindly. */
	if (op->phase == S3_PARTS_LISTED || op->phase == S3_PARTS_JOINED)
	{
		CfStep		step = abort_listed(op, upload);

		return step == CF_STEP_DONE ? cf_s3_look(op, args->key, S3_ASKED_MORE) : step;
	}
	if (op->phase == S3_ASKED_LAST)
		return cf_s3_upload_created(op, upload) ? cf_s3_done(op) : CF_STEP_ERROR;
	switch (cf_s3_looked(op, args->key, &stat))
	{
		case CF_S3_FOUND:
			return cf_s3_exists(op, args->key);
		case CF_S3_FAILED:
			return CF_STEP_ERROR;
		default:
			return cf_s3_upload_create(op, args, S3_ASKED_LAST);
	}
}

/* begin_resumed counts the bytes that an earlier attempt stored: whole parts without a gap. */
static CfStep
begin_resumed(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	CfS3State  *state = op->state;
	bool		more;
	CfStep		step;

	if (op->response.status == 404)
		return cf_s3_look(op, args->key, S3_ASKED_MORE);
	snprintf(upload->handle, sizeof(upload->handle), "%s", args->handle);
	step = cf_s3_parts_take(op, upload, &more, S3_ASKED);
	if (step != CF_STEP_DONE || more)
		return step;
	for (int i = 0; i < state->part_count && state->parts[i].number == i + 1; i++)
	{
		int64_t		left = args->size_bytes - upload->stored_bytes;

		if (state->parts[i].size_bytes != (left < upload->args.part_bytes ? left : upload->args.part_bytes))
			break;
		upload->stored_bytes += state->parts[i].size_bytes;
	}
	return cf_s3_done(op);
}

/* parts_sized lets parts grow until the object fits into those that there may be. */
static bool
parts_sized(CfOp *op, CfUpload *upload)
{
	const int64_t mib = 1024 * 1024;
	int64_t		least = (upload->args.size_bytes + CF_S3_PARTS_AIM - 1) / CF_S3_PARTS_AIM;

	least = (least + mib - 1) / mib * mib;
	if (least < CF_S3_PART_MIN)
		least = CF_S3_PART_MIN;
	if (upload->args.part_bytes < least)
		upload->args.part_bytes = least;
	if (upload->args.part_bytes <= CF_S3_PART_MAX)
		return true;
	return cf_error_set(&op->err, CF_ERR_RANGE, "parts of %lld bytes are too large for place \"%s\"",
						(long long) upload->args.part_bytes, op->place->name);
}

/* cf_s3_joinable refuses a store that would overwrite when parts are joined, unless a person has accepted that. */
bool
cf_s3_joinable(CfOp *op)
{
	const CfS3Store *store = cf_s3_store(op->place);

	if (store->multipart && (store->join_create_only || cf_s3_accepts(op->place, "accept_unconditional_create")))
		return true;
	cf_error_set(&op->err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot take objects in parts: %s", op->place->name,
				 store->multipart ? "its store may overwrite an object of somebody else" : "its store cannot create them safely");
	return cf_error_hint(&op->err, "The option put_max_mb says up to which size an object goes in one request%s.",
						 store->multipart ? "; accept_unconditional_create 'true' accepts the risk" : "");
}

/* cf_s3_upload_create begins an upload in parts. */
CfStep
cf_s3_upload_create(CfOp *op, const CfUploadArgs *args, int phase)
{
	CfS3Checksum checksum = cf_s3_checksum(op->place);
	const char *algorithm = checksum == CF_S3_CHECKSUM_CRC64NVME ? "CRC64NVME" : checksum == CF_S3_CHECKSUM_CRC32C ? "CRC32C" : NULL;

	if (cf_s3_request(op, "POST", "CreateMultipartUpload", args->key, "uploads=") == NULL || !cf_s3_describe(op, args) ||
		(algorithm != NULL && (!cf_s3_amz_header(op, "checksum-algorithm", algorithm) ||
							   !cf_s3_amz_header(op, "checksum-type", "FULL_OBJECT"))))
		return cf_s3_error(op);
	return cf_s3_send(op, phase);
}

/* cf_s3_upload_created takes the id of the upload; false = the operation is over. */
bool
cf_s3_upload_created(CfOp *op, CfUpload *upload)
{
	char		id[CF_S3_UPLOAD_ID_MAX + 2] = "";
	CfS3Field	field = {"InitiateMultipartUploadResult/UploadId", id, sizeof(id)};

	if (!cf_s3_success(op))
	{
		cf_s3_fail(op, "begin the upload of object", upload->args.key);
		return false;
	}
	if (!cf_s3_encryption_kept(op, upload->args.key))
		return false;
	if (!cf_s3_fields(&op->response, &field, 1, &op->err))
	{
		cf_s3_error(op);
		return false;
	}
	for (const char *c = id; *c != '\0'; c++)
		id[0] = *c <= 0x20 || *c >= 0x7f ? '\0' : id[0];
	if (id[0] == '\0' || strlen(id) > CF_S3_UPLOAD_ID_MAX)
	{
		cf_s3_unexpected(op, "begin the upload of object", upload->args.key, "the answer has no id of an upload");
		return false;
	}
	snprintf(upload->handle, sizeof(upload->handle), HANDLE_PARTS "%s", id);
	return true;
}

/* cf_s3_upload_query makes the query that names an upload, and a part of it (number 0 = none); NULL = op->err. */
char *
cf_s3_upload_query(CfOp *op, const char *handle, int number)
{
	CfS3Text	text = {.arena = op->arena};
	char	   *id = NULL;

	if (number > 0)
	{
		cf_s3_text_add(&text, "partNumber=");
		cf_s3_text_add_number(&text, number);
		cf_s3_text_add(&text, "&");
	}
	/* An id has no blank; uploads_find puts the key behind one. */
	if (is_parts(handle))
		id = cf_arena_strndup(op->arena, handle + strlen(HANDLE_PARTS), strcspn(handle + strlen(HANDLE_PARTS), " "));
	cf_s3_text_add(&text, "uploadId=");
	cf_s3_text_encode(&text, id == NULL ? "" : id);
	text.failed |= id == NULL && is_parts(handle);
	if (text.failed)
		cf_s3_memory(op);
	return text.failed ? NULL : text.data;
}

CfStep
cf_s3_upload_part(CfOp *op, CfUpload *upload, CfPart *part, const void *data, size_t length)
{
	bool		whole = false;

	if (cf_s3_state(op) == NULL)
		return CF_STEP_ERROR;
	if (op->phase == S3_ASKED)
		return part_answer(op, upload, part);
	if (is_parts(upload->handle) && (part->number > CF_S3_PARTS_MAX || part->length > CF_S3_PART_MAX))
	{
		cf_error_set(&op->err, CF_ERR_RANGE, "part %d of object \"%.200s\" cannot be one of S3", part->number, upload->args.key);
		return cf_s3_error(op);
	}
	if (is_parts(upload->handle) && cf_s3_store(op->place)->equal_parts && part->length != upload->args.part_bytes &&
		part->offset + part->length != upload->args.size_bytes)
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "part %d of object \"%.200s\" has another size than those before it", part->number, upload->args.key);
		return cf_s3_error(op);
	}
	if (is_parts(upload->handle) && (int64_t) length == part->length)
		return part_send(op, upload, part, data);
	if (!gather(op, upload, part, data, length, &whole))
		return cf_s3_error(op);
	if (!whole)
		return CF_STEP_AGAIN;
	if (is_parts(upload->handle))
		return part_send(op, upload, part, ((CfS3State *) op->state)->buffer);
	part->token[0] = '\0';
	memset(&part->digests, 0, sizeof(part->digests));
	part->digests.crc64nvme = cf_crc64nvme(0, ((CfS3State *) op->state)->buffer + part->offset, (size_t) part->length);
	part->digests.known = CF_DIGEST_CRC64NVME;
	return cf_s3_done(op);
}

/*
 * gather adds bytes to the buffer, which holds one part, or a whole small object; whole = the part is complete. An object
 * must come in order, on one op; a part that begins again (an error came between) starts from its first byte.
 */
static bool
gather(CfOp *op, CfUpload *upload, const CfPart *part, const void *data, size_t length, bool *whole)
{
	CfS3State  *state = op->state;
	bool		parts = is_parts(upload->handle);
	int64_t		room = parts ? part->length : upload->args.size_bytes;
	int64_t		base = parts ? 0 : part->offset;

	if (state->buffer == NULL || state->buffer_bytes != room || strcmp(state->owner_tag, upload->args.owner_tag) != 0)
	{
		cf_s3_buffer_free(op);
		state->buffer = op->arena->allocator.alloc(op->arena->allocator.ctx, (size_t) room);
		if (state->buffer == NULL)
		{
			cf_s3_memory(op);
			return false;
		}
		state->buffer_bytes = room;
		state->part_number = 0;
		snprintf(state->owner_tag, sizeof(state->owner_tag), "%s", upload->args.owner_tag);
	}
	if (state->part_number != part->number)
	{
		state->part_number = part->number;
		if (parts || part->offset < state->filled)
			state->filled = base;
	}
	if (state->filled < base || (int64_t) length > base + part->length - state->filled || length == 0)
		return cf_error_set(&op->err, CF_ERR_STATE, "bytes of object \"%.200s\" do not come in order", upload->args.key);
	memcpy(state->buffer + state->filled, data, length);
	state->filled += (int64_t) length;
	*whole = state->filled == base + part->length;
	if (*whole)
		state->part_number = 0;
	return true;
}

static CfStep
part_send(CfOp *op, const CfUpload *upload, const CfPart *part, const void *data)
{
	char	   *query = cf_s3_upload_query(op, upload->handle, part->number);

	if (query == NULL || cf_s3_request(op, "PUT", "UploadPart", upload->args.key, query) == NULL ||
		!cf_s3_body(op, data, (size_t) part->length) || !cf_s3_checksum_add(op, data, (size_t) part->length))
		return cf_s3_error(op);
	op->request.net_class = CF_NET_BODY;
	return cf_s3_send(op, S3_ASKED);
}

static CfStep
part_answer(CfOp *op, const CfUpload *upload, CfPart *part)
{
	CfS3State  *state = op->state;
	const char *etag = cf_net_answer(&op->response, "etag");

	if (op->response.status == 404)
		return upload_gone(op, upload->args.key);
	if (!cf_s3_success(op))
		return cf_s3_fail(op, "store a part of object", upload->args.key);
	if (etag[0] == '\0' || strlen(etag) >= sizeof(part->token))
		return cf_s3_unexpected(op, "store a part of object", upload->args.key, "the answer has no ETag");
	if (!cf_s3_checksum_told(op, "store a part of object", upload->args.key))
		return CF_STEP_ERROR;
	snprintf(part->token, sizeof(part->token), "%s", etag);
	part->digests = state->digests;
	cf_s3_buffer_free(op);
	return cf_s3_done(op);
}

CfStep
cf_s3_upload_seal(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfS3State  *state = cf_s3_state(op);
	CfStep		step;

	if (state == NULL)
		return CF_STEP_ERROR;
	if (strcmp(upload->handle, "put") != 0)
	{
		/* Parts are durable when they are stored; the version is not known before the commit. */
		memset(stat, 0, sizeof(*stat));
		stat->size_bytes = upload->args.size_bytes;
		stat->storage_class = stat->content_type = "";
		return cf_s3_done(op);
	}
	if (op->phase == S3_START && upload->args.size_bytes > 0 &&
		(state->buffer == NULL || state->filled != upload->args.size_bytes || state->buffer_bytes != upload->args.size_bytes))
	{
		cf_error_set(&op->err, CF_ERR_STATE, "object \"%.200s\" cannot be sealed: some of its bytes are missing", upload->args.key);
		return cf_s3_error(op);
	}
	if (op->phase == S3_ASKED || op->phase == S3_SETTLING)
	{
		step = cf_s3_put_answer(op, &upload->args, stat);
		if (step != CF_STEP_DONE)
			return step;
		cf_s3_buffer_free(op);
		state->sealed = true;
		state->stat = *stat;
		snprintf(state->owner_tag, sizeof(state->owner_tag), "%s", upload->args.owner_tag);
		memcpy(upload->sealed_version, stat->version, sizeof(upload->sealed_version));
		return CF_STEP_DONE;
	}
	return cf_s3_put_send(op, &upload->args, state->buffer, (size_t) upload->args.size_bytes, S3_ASKED);
}

CfStep
cf_s3_upload_commit(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfS3State  *state = cf_s3_state(op);
	CfS3Found	found;

	if (state == NULL)
		return CF_STEP_ERROR;
	if (!is_parts(upload->handle))
		return commit_put(op, upload, stat);
	if (op->phase == S3_START)
	{
		state->replacing = false;
		state->part_count = 0;
		state->told.kind = CF_ERR_NONE;
		/* Without the condition at the store, at least nobody is there when we ask. */
		if (!cf_s3_store(op->place)->join_create_only)
			return cf_s3_look(op, upload->args.key, S3_ASKED);
		return cf_s3_parts_ask(op, upload, S3_PARTS_LISTED);
	}
	if (op->phase == S3_ASKED)
	{
		if ((found = cf_s3_looked(op, upload->args.key, stat)) == CF_S3_FOUND)
			return cf_s3_settled(op, &upload->args, stat);
		return found == CF_S3_FAILED ? CF_STEP_ERROR : cf_s3_parts_ask(op, upload, S3_PARTS_LISTED);
	}
	return cf_s3_parts_join(op, upload, stat);
}

/* commit_put finds what the seal made: known to this op, or asked for by its owner tag. */
static CfStep
commit_put(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfS3State  *state = op->state;

	if (op->phase == S3_START)
	{
		if (!state->sealed || strcmp(upload->handle, "put") != 0 || strcmp(state->owner_tag, upload->args.owner_tag) != 0 ||
			strcmp(state->stat.version, upload->sealed_version) != 0)
			return cf_s3_look(op, upload->args.key, S3_ASKED);
		*stat = state->stat;
		stat->storage_class = upload->args.storage_class[0] != '\0' ? upload->args.storage_class : op->place->storage_class;
		stat->content_type = upload->args.content_type;
		stat->attributes = upload->args.attributes;
		state->sealed = false;
		memcpy(upload->handle, "done", sizeof("done"));
		return cf_s3_done(op);
	}
	switch (cf_s3_looked(op, upload->args.key, stat))
	{
		case CF_S3_MISSING:
			return upload_gone(op, upload->args.key);
		case CF_S3_FAILED:
			return CF_STEP_ERROR;
		default:
			break;
	}
	if (strcmp(state->head.owner_tag, upload->args.owner_tag) != 0 || stat->size_bytes != upload->args.size_bytes ||
		!cf_s3_pinned(op, upload->sealed_version))
		return cf_s3_exists(op, upload->args.key);
	memcpy(upload->handle, "done", sizeof("done"));
	return cf_s3_done(op);
}

static CfStep
upload_gone(CfOp *op, const char *key)
{
	char		shown[CF_S3_SHOWN];

	cf_s3_printable(shown, sizeof(shown), key);
	cf_error_set(&op->err, CF_ERR_STATE, "the upload of object \"%s\" is not in place \"%s\" any more", shown, op->place->name);
	return cf_s3_error(op);
}

CfStep
cf_s3_upload_abort(CfOp *op, CfUpload *upload)
{
	const char *tag = upload->args.owner_tag;
	const char *blank = strchr(upload->handle, ' ');
	CfUpload	found = *upload;
	char	   *key;

	if (cf_s3_state(op) == NULL)
		return CF_STEP_ERROR;
	if (strcmp(upload->handle, "done") == 0)
		return cf_s3_done(op);
	if (is_parts(upload->handle) && blank != NULL && (found.args.key == NULL || found.args.key[0] == '\0'))
	{
		if (!cf_url_decode(op->arena, blank + 1, strlen(blank + 1), false, &key))
			return cf_s3_memory(op);
		found.args.key = key;
		return abort_parts(op, &found);
	}
	if (upload->args.key == NULL || upload->args.key[0] == '\0' || (!is_parts(upload->handle) && (tag == NULL || tag[0] == '\0')))
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "an upload of place \"%s\" cannot be aborted without its key and owner", op->place->name);
		return cf_s3_error(op);
	}
	return is_parts(upload->handle) ? abort_parts(op, upload) : abort_put(op, upload);
}

/* abort_parts aborts until no part comes back: one that was on its way may arrive after the abort. */
static CfStep
abort_parts(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;
	char	   *query = cf_s3_upload_query(op, upload->handle, 0);
	int			phase = op->phase;

	if (query == NULL)
		return CF_STEP_ERROR;
	if (phase == S3_START)
		state->rounds = 0;
	if (phase == S3_ASKED_MORE && op->response.status == 404)
		return cf_s3_done(op);
	if (phase != S3_START && !cf_s3_success(op) && op->response.status != 404)
		return cf_s3_fail(op, "abort the upload of object", upload->args.key);
	if (phase == S3_ASKED_MORE && ++state->rounds == ABORT_ROUNDS)
	{
		cf_s3_unexpected(op, "abort the upload of object", upload->args.key, "parts of it still arrive");
		op->err.kind = CF_ERR_BUSY;
		return CF_STEP_ERROR;
	}
	if (phase == S3_ASKED)
		return cf_s3_parts_ask(op, upload, S3_ASKED_MORE);
	if (cf_s3_request(op, "DELETE", "AbortMultipartUpload", upload->args.key, query) == NULL)
		return cf_s3_error(op);
	return cf_s3_send(op, S3_ASKED);
}

/* abort_put removes what the seal made under this owner tag, nothing of anybody else; and parts whose handle was lost. */
static CfStep
abort_put(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;
	CfObjectStat stat;

	if (op->phase == S3_START)
		return cf_s3_look(op, upload->args.key, S3_ASKED);
	if (op->phase == S3_PARTS_LISTED || op->phase == S3_PARTS_JOINED)
		return abort_listed(op, upload);
	if (op->phase != S3_ASKED)
	{
		/* Not allowed to remove versions: then a marker, as for every removal. */
		if (op->phase == S3_ASKED_MORE && op->response.status == 403 && cf_s3_delete_allowed(op, upload->args.key))
			return cf_s3_delete(op, upload->args.key, S3_ASKED_LAST);
		return cf_s3_success(op) || op->response.status == 404 || op->response.status == 412 ? abort_unknown(op, upload) :
			cf_s3_fail(op, "remove object", upload->args.key);
	}
	switch (cf_s3_looked(op, upload->args.key, &stat))
	{
		case CF_S3_MISSING:
			return abort_unknown(op, upload);
		case CF_S3_FAILED:
			return CF_STEP_ERROR;
		default:
			break;
	}
	if (strcmp(state->head.owner_tag, upload->args.owner_tag) != 0 || !cf_s3_pinned(op, upload->sealed_version))
		return abort_unknown(op, upload);
	if (state->head.version_id[0] != '\0' && cf_s3_store(op->place)->dialect == &cf_s3_aws4)
		return abort_version(op, upload);
	return cf_s3_delete_allowed(op, upload->args.key) ? cf_s3_delete(op, upload->args.key, S3_ASKED_LAST) : cf_s3_error(op);
}

/*
 * abort_unknown goes on where the handle was lost: the job has claimed this very key, so unfinished uploads of it are its
 * own, or those of a worker that lost its fence.
 */
static CfStep
abort_unknown(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;

	if (upload->handle[0] != '\0' || !cf_s3_store(op->place)->multipart)
		return cf_s3_done(op);
	state->rounds = 0;
	return find_send(op, upload->args.key, NULL, S3_PARTS_LISTED);
}

/* abort_listed aborts the first upload of the key that is listed, until there is none. */
static CfStep
abort_listed(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;
	CfStalePage page;
	char	   *query;

	if (op->phase == S3_PARTS_JOINED)
	{
		if (!cf_s3_success(op) && op->response.status != 404)
			return cf_s3_fail(op, "abort the upload of object", upload->args.key);
		if (++state->rounds < ABORT_ROUNDS)
			return find_send(op, upload->args.key, NULL, S3_PARTS_LISTED);
		cf_s3_unexpected(op, "abort the upload of object", upload->args.key, "there are ever more uploads");
		op->err.kind = CF_ERR_BUSY;
		return CF_STEP_ERROR;
	}
	if (find_answer(op, INT64_MAX, &page) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	for (int i = 0; i < page.count; i++)
	{
		if (strcmp(page.uploads[i].key, upload->args.key) != 0)
			continue;
		query = cf_s3_upload_query(op, page.uploads[i].handle, 0);
		if (query == NULL || cf_s3_request(op, "DELETE", "AbortMultipartUpload", upload->args.key, query) == NULL)
			return cf_s3_error(op);
		return cf_s3_send(op, S3_PARTS_JOINED);
	}
	return cf_s3_done(op);
}

/*
 * abort_version removes exactly the version that the seal made. Nothing was visible before it, since it was created only
 * where nothing was; so no older version comes to light.
 */
static CfStep
abort_version(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;
	CfS3Text	query = {.arena = op->arena};

	cf_s3_text_add(&query, "versionId=");
	cf_s3_text_encode(&query, state->head.version_id);
	if (query.failed)
		return cf_s3_memory(op);
	if (cf_s3_request(op, "DELETE", "DeleteObject", upload->args.key, query.data) == NULL)
		return cf_s3_error(op);
	return cf_s3_send(op, S3_ASKED_MORE);
}

CfStep
cf_s3_uploads_find(CfOp *op, int64_t older_than_us, const char *token, CfStalePage *page)
{
	if (op->phase != S3_START)
		return find_answer(op, older_than_us, page);
	memset(page, 0, sizeof(*page));
	if (!cf_s3_store(op->place)->multipart)
		return cf_s3_done(op);
	if (token == NULL || token_valid(token))
		return find_send(op, "", token, S3_ASKED);
	cf_error_set(&op->err, CF_ERR_INPUT, "invalid token of a page of uploads");
	return cf_s3_error(op);
}

/* find_send asks for the unfinished uploads of keys that begin with key. */
static CfStep
find_send(CfOp *op, const char *key, const char *token, int phase)
{
	CfS3Text	query = {.arena = op->arena};

	cf_s3_text_add(&query, "uploads=&encoding-type=url&max-uploads=1000&prefix=");
	cf_s3_text_encode(&query, op->place->prefix);
	cf_s3_text_encode(&query, key);
	cf_s3_text_add(&query, token == NULL ? "" : "&");
	cf_s3_text_add(&query, token == NULL ? "" : token);
	if (query.failed)
		return cf_s3_memory(op);
	if (cf_s3_request(op, "GET", "ListMultipartUploads", NULL, query.data) == NULL)
		return cf_s3_error(op);
	op->request.answer_max = CF_S3_PAGE_BYTES;
	return cf_s3_send(op, phase);
}

/* token_valid accepts what find_answer gave: two parameters of a query, encoded. */
static bool
token_valid(const char *token)
{
	return strncmp(token, "key-marker=", 11) == 0 &&
		strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%-._~=&") == strlen(token);
}

typedef struct FindVisit
{
	CfOp	   *op;
	CfStalePage *page;
	int			room;
	bool		encoded;
	bool		truncated;
	bool		failed;
	const char *key;			/* of the upload that is being read */
	const char *id;
	int64_t		started_us;
	const char *next_key;
	const char *next_id;
} FindVisit;

static CfStep
find_answer(CfOp *op, int64_t older_than_us, CfStalePage *page)
{
	const char *prefix = op->place->prefix;
	FindVisit	visit = {.op = op, .page = page, .key = "", .id = "", .next_key = "", .next_id = ""};
	CfS3Text	next = {.arena = op->arena};
	int			kept = 0;

	memset(page, 0, sizeof(*page));
	if (!cf_s3_success(op))
		return cf_s3_fail(op, "list the uploads", NULL);
	if (!cf_xml_parse(op->response.body, op->response.body_bytes, find_visit, &visit, &op->err))
		return visit.failed ? cf_s3_memory(op) : cf_s3_error(op);
	for (int i = 0; i < page->count; i++)
	{
		CfStaleUpload *upload = &page->uploads[i];
		char	   *key = (char *) upload->key;

		if (visit.encoded && !cf_url_decode(op->arena, upload->key, strlen(upload->key), true, &key))
			continue;
		if (upload->started_us >= older_than_us || strncmp(key, prefix, strlen(prefix)) != 0)
			continue;
		upload->key = key + strlen(prefix);
		if ((upload->handle = handle_with_key(op, upload)) == NULL)
			return cf_s3_memory(op);
		page->uploads[kept++] = *upload;
	}
	page->count = kept;
	if (!visit.truncated)
		return cf_s3_done(op);
	if (visit.next_key[0] == '\0')
		return cf_s3_unexpected(op, "list the uploads", NULL, "the answer does not tell where it goes on");
	if (visit.encoded && !cf_url_decode(op->arena, visit.next_key, strlen(visit.next_key), true, (char **) &visit.next_key))
		return cf_s3_unexpected(op, "list the uploads", NULL, "the answer does not tell where it goes on");
	cf_s3_text_add(&next, "key-marker=");
	cf_s3_text_encode(&next, visit.next_key);
	cf_s3_text_add(&next, "&upload-id-marker=");
	cf_s3_text_encode(&next, visit.next_id);
	page->next = next.data;
	return next.failed ? cf_s3_memory(op) : cf_s3_done(op);
}

/* handle_with_key puts the key behind the id, so that the handle is enough to abort it; not one too long to be kept. */
static const char *
handle_with_key(CfOp *op, const CfStaleUpload *upload)
{
	CfS3Text	text = {.arena = op->arena};

	cf_s3_text_add(&text, upload->handle);
	cf_s3_text_add(&text, " ");
	cf_s3_text_encode(&text, upload->key);
	return text.failed ? NULL : text.length < sizeof(((CfUpload *) 0)->handle) ? text.data : upload->handle;
}

static bool
find_visit(void *ctx, const char *path, const char *text, size_t length)
{
	static const char root[] = "ListMultipartUploadsResult/";
	FindVisit  *visit = ctx;
	CfStalePage *page = visit->page;
	char	   *copy;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return true;
	path += sizeof(root) - 1;
	visit->encoded |= strcmp(path, "EncodingType") == 0 && strcmp(text, "url") == 0;
	visit->truncated |= strcmp(path, "IsTruncated") == 0 && strcmp(text, "true") == 0;
	if (strcmp(path, "Upload/Initiated") == 0 && !cf_s3_time_read(text, &visit->started_us))
		visit->started_us = 0;
	if (strcmp(path, "Upload") == 0 && visit->key[0] != '\0' && visit->id[0] != '\0' &&
		strlen(visit->id) <= CF_S3_UPLOAD_ID_MAX + strlen(HANDLE_PARTS))
	{
		if (page->count == visit->room)
		{
			CfStaleUpload *grown = cf_arena_alloc(visit->op->arena, sizeof(*grown) * (size_t) (visit->room * 2 + 64));

			if (grown == NULL)
				return !(visit->failed = true);
			if (page->count > 0)
				memcpy(grown, page->uploads, sizeof(*grown) * (size_t) page->count);
			page->uploads = grown;
			visit->room = visit->room * 2 + 64;
		}
		page->uploads[page->count++] = (CfStaleUpload) {
			.handle = visit->id, .key = visit->key, .owner_tag = "", .started_us = visit->started_us
		};
		visit->key = visit->id = "";
	}
	if (strcmp(path, "Upload/UploadId") == 0)
	{
		CfS3Text	handle = {.arena = visit->op->arena};

		cf_s3_text_add(&handle, HANDLE_PARTS);
		cf_s3_text_add(&handle, text);
		visit->id = handle.failed ? "" : handle.data;
		visit->failed |= handle.failed;
		return !visit->failed;
	}
	if (strcmp(path, "Upload/Key") != 0 && strcmp(path, "NextKeyMarker") != 0 && strcmp(path, "NextUploadIdMarker") != 0)
		return true;
	if ((copy = cf_arena_strndup(visit->op->arena, text, length)) == NULL)
		return !(visit->failed = true);
	if (strcmp(path, "Upload/Key") == 0)
		visit->key = copy;
	else if (strcmp(path, "NextKeyMarker") == 0)
		visit->next_key = copy;
	else
		visit->next_id = copy;
	return true;
}
