/*
 * s3_upload.c
 *		Uploads: a small object is gathered and put at the seal, a large one goes in parts.
 *
 * A part comes whole from the caller's memory, or is gathered in a buffer of the op; it is never larger than its caller chose.
 * What becomes of an upload that nobody finishes is the business of s3_unfinished.c.
 */
#include <stdio.h>
#include <string.h>

#include "storage/s3/s3.h"

static CfStep begin_parts(CfOp *op, const CfUploadArgs *args, CfUpload *upload);
static CfStep begin_unknown(CfOp *op, const CfUploadArgs *args, const CfUpload *upload);
static CfStep begin_resumed(CfOp *op, const CfUploadArgs *args, CfUpload *upload);
static bool resumes(const CfUploadArgs *args);
static bool parts_sized(CfOp *op, CfUpload *upload);

/* cf_s3_upload_id finds the id of an upload in its handle, or in the token of a copy; NULL = it has no parts. */
const char *
cf_s3_upload_id(const char *handle)
{
	static const char *const begins[] = {CF_S3_HANDLE_PARTS, CF_S3_HANDLE_COPY};

	for (int i = 0; i < 2; i++)
	{
		if (strncmp(handle, begins[i], strlen(begins[i])) == 0)
			return handle + strlen(begins[i]);
	}
	return NULL;
}

CfStep
cf_s3_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	CfS3State  *state = op->state;
	CfStep		step;

	if (op->phase != CF_REMOTE_START && op->phase != S3_COPY_CLEARED)
		return begin_parts(op, args, upload);
	if (op->phase == S3_COPY_CLEARED && !cf_s3_copy_cleared(op, args->key))
		return CF_STEP_ERROR;
	if (!cf_s3_writable(op) || !cf_remote_metadata_check(op, args))
		return cf_remote_error(op);
	if (op->phase == CF_REMOTE_START && (step = cf_s3_copy_left(op, args)) != CF_STEP_DONE)
		return step;
	cf_remote_buffer_free(op);
	state->remote.sealed.version[0] = '\0';
	state->replacing = false;
	state->remote.told.kind = CF_ERR_NONE;
	state->part_count = 0;
	if (args->size_bytes <= cf_s3_put_max(op->place))
	{
		memcpy(upload->handle, "put", sizeof("put"));
		return cf_remote_done(op);
	}
	if (!cf_s3_joinable(op) || !parts_sized(op, upload))
		return cf_remote_error(op);
	if (resumes(args))
	{
		snprintf(upload->handle, sizeof(upload->handle), "%s", args->handle);
		return cf_s3_parts_ask(op, upload, CF_REMOTE_ASKED);
	}
	return begin_unknown(op, args, upload);
}

/* begin_unknown gives back what an earlier attempt has begun and whose name it lost; then nobody may be there. */
static CfStep
begin_unknown(CfOp *op, const CfUploadArgs *args, const CfUpload *upload)
{
	CfStep		step = args->resume ? cf_s3_unknown_ask(op, upload) : CF_STEP_DONE;

	return step == CF_STEP_DONE ? cf_s3_look(op, args->key, CF_REMOTE_ASKED_MORE) : step;
}

/* resumes tells whether args name an upload in parts that an earlier attempt made. */
static bool
resumes(const CfUploadArgs *args)
{
	return args->resume && args->handle != NULL && strncmp(args->handle, CF_S3_HANDLE_PARTS, strlen(CF_S3_HANDLE_PARTS)) == 0 &&
		strlen(args->handle) <= strlen(CF_S3_HANDLE_PARTS) + CF_S3_UPLOAD_ID_MAX;
}

/*
 * begin_parts goes on with the upload of a large object: resumed, or new where nobody is yet. The upload comes empty at each
 * step, so what was found out about it is said again.
 */
static CfStep
begin_parts(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	if (!parts_sized(op, upload))
		return cf_remote_error(op);
	if (op->phase == CF_REMOTE_ASKED)
		return begin_resumed(op, args, upload);
	if (cf_s3_unknown_phase(op))
	{
		CfStep		step = cf_s3_unknown_next(op, upload);

		return step == CF_STEP_DONE ? cf_s3_look(op, args->key, CF_REMOTE_ASKED_MORE) : step;
	}
	if (op->phase == CF_REMOTE_ASKED_LAST)
		return cf_s3_upload_created(op, upload) ? cf_remote_done(op) : CF_STEP_ERROR;
	return cf_remote_vacant(op, args->key) ? cf_s3_upload_create(op, args, CF_REMOTE_ASKED_LAST) : CF_STEP_ERROR;
}

/* begin_resumed counts the bytes that an earlier attempt stored: whole parts without a gap. */
static CfStep
begin_resumed(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	CfS3State  *state = op->state;
	CfStep		step;

	if (op->response.status == 404)
		return begin_unknown(op, args, upload);
	snprintf(upload->handle, sizeof(upload->handle), "%s", args->handle);
	if ((step = cf_s3_parts_take(op, upload, CF_REMOTE_ASKED)) != CF_STEP_DONE)
		return step;
	for (int i = 0; i < state->part_count && state->parts[i].number == i + 1; i++)
	{
		int64_t		left = args->size_bytes - upload->stored_bytes;

		if (state->parts[i].size_bytes != (left < upload->args.part_bytes ? left : upload->args.part_bytes))
			break;
		upload->stored_bytes += state->parts[i].size_bytes;
	}
	return cf_remote_done(op);
}

/* parts_sized lets parts grow until the object fits into those that there may be. */
static bool
parts_sized(CfOp *op, CfUpload *upload)
{
	int64_t		wanted = upload->args.part_bytes < CF_S3_PART_MIN ? CF_S3_PART_MIN : upload->args.part_bytes;

	upload->args.part_bytes = cf_s3_part_bytes(upload->args.size_bytes, wanted);
	if (upload->args.part_bytes <= CF_S3_PART_MAX)
		return true;
	return cf_error_set(&op->err, CF_ERR_RANGE, "parts of %lld bytes are too large for place \"%s\"",
						(long long) upload->args.part_bytes, op->place->name);
}

/* cf_s3_part_bytes gives the size of parts: what is wanted, or whole MiB as large as the object needs to fit into them. */
int64_t
cf_s3_part_bytes(int64_t size_bytes, int64_t wanted)
{
	const int64_t mib = 1024 * 1024;
	int64_t		least = ((size_bytes + CF_S3_PARTS_AIM - 1) / CF_S3_PARTS_AIM + mib - 1) / mib * mib;

	return wanted < least ? least : wanted;
}

/* cf_s3_joinable refuses a store that would overwrite when parts are joined, unless a person has accepted that. */
bool
cf_s3_joinable(CfOp *op)
{
	const CfS3Store *store = cf_s3_store(op->place);

	if (!store->whole_only && (store->join_create_only || cf_s3_accepts(op->place, "accept_unconditional_create")))
		return true;
	cf_error_set(&op->err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot take objects in parts: %s", op->place->name,
				 store->whole_only ? "its store cannot create them safely" : "its store may overwrite an object of somebody else");
	return cf_error_hint(&op->err, "The option put_max_mb says up to which size an object goes in one request%s.",
						 store->whole_only ? "" : "; accept_unconditional_create 'true' accepts the risk");
}

/* cf_s3_parts_checksum gives the checksum of an upload whose parts are sent, or copied by the store. */
CfS3Checksum
cf_s3_parts_checksum(const CfPlace *place, bool copied)
{
	return copied && cf_s3_store(place)->copy_unsummed ? CF_S3_CHECKSUM_NONE : cf_s3_checksum(place);
}

/* cf_s3_upload_create begins an upload in parts. */
CfStep
cf_s3_upload_create(CfOp *op, const CfUploadArgs *args, int phase)
{
	CfS3Checksum checksum = cf_s3_parts_checksum(op->place, phase == S3_COPY_BEGUN);
	const char *algorithm = checksum == CF_S3_CHECKSUM_CRC64NVME ? "CRC64NVME" : checksum == CF_S3_CHECKSUM_CRC32C ? "CRC32C" : NULL;

	return cf_remote_ask(op, cf_s3_request(op, "POST", "CreateMultipartUpload", args->key, "uploads=") != NULL && cf_s3_describe(op, args) &&
						 (algorithm == NULL || (cf_s3_amz_header(op, "checksum-algorithm", algorithm) &&
												cf_s3_amz_header(op, "checksum-type", "FULL_OBJECT"))), phase);
}

/* cf_s3_upload_created takes the id of the upload; false = the operation is over. */
bool
cf_s3_upload_created(CfOp *op, CfUpload *upload)
{
	char		id[CF_S3_UPLOAD_ID_MAX + 2] = "";
	CfXmlField	field = {"InitiateMultipartUploadResult/UploadId", id, sizeof(id)};

	if (!cf_remote_success(op))
		return cf_s3_fail(op, "begin the upload of object", upload->args.key) == CF_STEP_DONE;
	if (!cf_s3_encryption_kept(op, upload->args.key))
		return false;
	if (!cf_xml_fields(op->response.body, op->response.body_bytes, &field, 1, &op->err))
		return cf_remote_error(op) == CF_STEP_DONE;
	for (const char *c = id; *c != '\0'; c++)
		id[0] = *c <= 0x20 || *c >= 0x7f ? '\0' : id[0];
	if (id[0] == '\0' || strlen(id) > CF_S3_UPLOAD_ID_MAX)
		return cf_remote_unexpected(op, "begin the upload of object", upload->args.key, "the answer has no id of an upload") == CF_STEP_DONE;
	snprintf(upload->handle, sizeof(upload->handle), CF_S3_HANDLE_PARTS "%s", id);
	return true;
}

/*
 * cf_s3_upload_request begins a request about an upload, or a part of it (number 0 = none), with more in its query. false = op->err
 * tells why.
 */
bool
cf_s3_upload_request(CfOp *op, const char *method, const char *verb, const CfUpload *upload, int number, const char *more)
{
	CfRemoteText query = {.arena = op->arena};
	const char *id = cf_s3_upload_id(upload->handle);

	/* An id has no blank; uploads_find puts the key behind one. */
	if (id == NULL || (id = cf_arena_strndup(op->arena, id, strcspn(id, " "))) == NULL)
		return cf_remote_memory(op) == CF_STEP_DONE;
	if (number > 0)
		cf_remote_text_format(&query, "partNumber=%d&", number);
	cf_remote_text_add(&query, "uploadId=");
	cf_remote_text_encode(&query, id);
	cf_remote_text_add(&query, more);
	return cf_s3_request(op, method, verb, upload->args.key, cf_remote_text_end(&query)) != NULL;
}

/* cf_s3_upload_give_up asks the store to forget an upload and its parts. */
CfStep
cf_s3_upload_give_up(CfOp *op, const CfUpload *upload, int phase)
{
	return cf_remote_ask(op, cf_s3_upload_request(op, "DELETE", "AbortMultipartUpload", upload, 0, ""), phase);
}

bool
cf_s3_in_parts(CfOp *op, const CfUpload *upload, const CfPart *part, bool *parts)
{
	*parts = cf_s3_upload_id(upload->handle) != NULL;
	if (!*parts || part == NULL)
		return true;
	if (part->number > CF_S3_PARTS_MAX || part->length > CF_S3_PART_MAX)
		return cf_error_set(&op->err, CF_ERR_RANGE, "part %d of object \"%s\" cannot be one of S3", part->number, cf_remote_shown(op, upload->args.key));
	return !cf_s3_store(op->place)->equal_parts || part->length == upload->args.part_bytes ||
		part->offset + part->length == upload->args.size_bytes ||
		cf_error_set(&op->err, CF_ERR_INPUT, "part %d of object \"%s\" has another size than those before it", part->number,
					 cf_remote_shown(op, upload->args.key));
}

CfStep
cf_s3_part_send(CfOp *op, CfUpload *upload, CfPart *part, const void *data)
{
	if (!cf_s3_upload_request(op, "PUT", "UploadPart", upload, part->number, "") ||
		!cf_s3_body(op, data, (size_t) part->length, &part->digests) ||
		!cf_s3_checksum_add(op, data, (size_t) part->length, &part->digests))
		return cf_remote_error(op);
	op->request.net_class = CF_NET_BODY;
	return cf_remote_send(op, CF_REMOTE_ASKED);
}

CfStep
cf_s3_part_answer(CfOp *op, CfUpload *upload, CfPart *part)
{
	CfS3State  *state = op->state;
	const char *etag = cf_net_answer(&op->response, "etag");

	if (op->response.status == 404)
		return cf_remote_upload_gone(op, upload->args.key);
	if (!cf_remote_success(op))
		return cf_s3_fail(op, "store a part of object", upload->args.key);
	if (etag[0] == '\0' || strlen(etag) >= sizeof(part->token))
		return cf_remote_unexpected(op, "store a part of object", upload->args.key, "the answer has no ETag");
	if (!cf_s3_checksum_told(op, "store a part of object", upload->args.key))
		return CF_STEP_ERROR;
	snprintf(part->token, sizeof(part->token), "%s", etag);
	part->digests = state->digests;
	cf_remote_buffer_free(op);
	return cf_remote_done(op);
}

/* cf_s3_join makes the object of its parts. */
CfStep
cf_s3_join(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfS3State  *state = op->state;
	CfRemoteFound found;

	if (op->phase == CF_REMOTE_START)
	{
		state->replacing = false;
		state->part_count = 0;
		state->remote.told.kind = CF_ERR_NONE;
		/* Without the condition at the store, at least nobody is there when we ask. */
		if (!cf_s3_store(op->place)->join_create_only)
			return cf_s3_look(op, upload->args.key, CF_REMOTE_ASKED);
		return cf_s3_parts_ask(op, upload, S3_PARTS_LISTED);
	}
	if (op->phase == CF_REMOTE_ASKED)
	{
		if ((found = cf_remote_looked(op, upload->args.key, stat)) == CF_REMOTE_FOUND)
			return cf_remote_settled(op, &upload->args, stat);
		return found == CF_REMOTE_FAILED ? CF_STEP_ERROR : cf_s3_parts_ask(op, upload, S3_PARTS_LISTED);
	}
	return cf_s3_parts_join(op, upload, stat);
}
