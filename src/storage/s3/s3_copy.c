/*
 * s3_copy.c
 *		What the store does by itself: copies from another place, changes of the class, restores of archived objects.
 *
 * A copy is of the pinned source (copy-source-if-match) and creates only. One request does it, and its answer tells all that a create's
 * does; who copies has looked at the source himself, and the condition holds it to what he saw. Where CopyObject cannot create only, and
 * above 5 GiB, the object is copied by parts, because Complete can. A copy by parts tells a token when its upload was begun, before the
 * first part: enough to abort it.
 *
 * A change of the class is a copy onto itself. It must not undo what somebody writes meanwhile: with a condition on the
 * destination where the store has one, else only on versioned buckets, where nothing is lost.
 */
#include <stdio.h>
#include <string.h>

#include "storage/s3/s3.h"

static CfStep copy_begin(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version, const CfUploadArgs *args);
static CfStep copy_looked(CfOp *op, const char *source_key, const char *source_version, const CfUploadArgs *args,
						  const CfPlace *source);
static CfStep copy_one(CfOp *op, const CfPlace *source, const char *source_key, const CfUploadArgs *args);
static bool copy_source(CfOp *op, const CfPlace *source, const char *source_key);
static CfStep copy_one_answer(CfOp *op, const CfPlace *source, const char *source_key, const CfUploadArgs *args, CfObjectStat *stat);
static bool copy_told(CfOp *op);
static CfStep parts_begin(CfOp *op, const CfUploadArgs *args);
static CfStep copy_by_parts(CfOp *op, const CfPlace *source, const char *source_key, char *token, CfObjectStat *stat);
static CfStep copy_part_send(CfOp *op, const CfPlace *source, const char *source_key);
static CfStep copy_part_answer(CfOp *op, char *token, const char *source_key);
static CfStep copy_abort(CfOp *op, char *token);
static CfStep class_looked(CfOp *op, const char *key, const char *version, const char *storage_class, CfObjectStat *stat);
static CfStep class_refused(CfOp *op, const char *key, CfErrorKind kind, const char *why, const char *hint);
static CfStep class_send(CfOp *op, const char *version, const CfUploadArgs *args);
static CfStep class_answer(CfOp *op, const char *key);
static CfStep class_changed(CfOp *op, const char *key, const char *storage_class, CfObjectStat *stat);

CfStep
cf_s3_copy(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version,
		   const CfUploadArgs *args, char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat)
{
	CfS3State  *state = op->state;

	switch (op->phase)
	{
		case CF_REMOTE_START:
			return copy_begin(op, source, source_key, source_version, args);
		case CF_REMOTE_ASKED:
			return copy_looked(op, source_key, source_version, args, source);
		case CF_REMOTE_ASKED_MORE:
			return cf_s3_put_send(op, args, NULL, "", 0, CF_REMOTE_ASKED_LAST);
		case CF_REMOTE_ASKED_LAST:
			return cf_s3_put_answer(op, args, stat);
		case S3_COPY_ONE:
			return copy_one_answer(op, source, source_key, args, stat);
		case CF_REMOTE_SETTLING:
			if (state->copying.handle[0] == '\0')
				return cf_remote_settled(op, args, stat);
			break;
		default:
			break;
	}
	return copy_by_parts(op, source, source_key, token, stat);
}

/* in_one tells whether one request copies so many bytes. */
static bool
in_one(const CfPlace *place, int64_t size_bytes)
{
	return cf_s3_store(place)->copy_create_only && size_bytes > 0 && size_bytes <= CF_S3_COPY_MAX;
}

/* copy_begin copies at once where a condition of the one request says which version; else the source is looked at. */
static CfStep
copy_begin(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version, const CfUploadArgs *args)
{
	CfS3State  *state = op->state;
	CfS3Pin		pin;

	state->replacing = false;
	state->remote.told.kind = CF_ERR_NONE;
	state->digests.known = 0;
	memset(&state->copying, 0, sizeof(state->copying));
	if (!cf_s3_copies_from(op->place, source))
	{
		cf_error_set(&op->err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot copy from place \"%s\" by itself", op->place->name,
					 source->name);
		return cf_remote_error(op);
	}
	if (!cf_s3_writable(op) || !cf_remote_metadata_check(op, args))
		return cf_remote_error(op);
	if (in_one(op->place, args->size_bytes) && cf_s3_pin_read(source_version, &pin) && pin.etag[0] != '~')
	{
		memset(&state->source, 0, sizeof(state->source));
		snprintf(state->source.etag, sizeof(state->source.etag), "\"%s\"", pin.etag);
		return copy_one(op, source, source_key, args);
	}
	state->remote.asked = source;
	return cf_s3_look(op, source_key, CF_REMOTE_ASKED);
}

/* copy_looked compares the source with its pin and chooses the way. */
static CfStep
copy_looked(CfOp *op, const char *source_key, const char *source_version, const CfUploadArgs *args, const CfPlace *source)
{
	CfS3State  *state = op->state;
	CfObjectStat stat;

	if (!cf_remote_pinned(op, source_key, source_version, &stat))
		return CF_STEP_ERROR;
	if (stat.size_bytes != args->size_bytes)
		return cf_remote_changed(op, source_key);
	if (stat.must_restore)
	{
		cf_remote_unexpected(op, "copy object", source_key, "it is archived");
		op->err.kind = CF_ERR_STATE;
		op->err.retryable = false;
		return CF_STEP_ERROR;
	}
	state->source = state->head;
	state->remote.asked = NULL;
	state->copying.args = *args;
	if (stat.size_bytes == 0)
		return cf_s3_put_send(op, args, NULL, "", 0, CF_REMOTE_ASKED_LAST);
	return in_one(op->place, stat.size_bytes) ? copy_one(op, source, source_key, args) : parts_begin(op, args);
}

/* copy_one copies with one request. */
static CfStep
copy_one(CfOp *op, const CfPlace *source, const char *source_key, const CfUploadArgs *args)
{
	CfS3Checksum checksum = cf_s3_checksum(op->place);

	if (cf_s3_request(op, "PUT", "CopyObject", args->key, "") == NULL || !copy_source(op, source, source_key) ||
		!cf_s3_amz_header(op, "metadata-directive", "REPLACE") || !cf_s3_amz_header(op, "tagging-directive", "REPLACE") ||
		(checksum >= CF_S3_CHECKSUM_CRC32C &&
		 !cf_s3_amz_header(op, "checksum-algorithm", checksum == CF_S3_CHECKSUM_CRC32C ? "CRC32C" : "CRC64NVME")) ||
		!cf_s3_describe(op, args) || !cf_s3_condition(op, NULL))
		return cf_remote_error(op);
	op->request.net_class = CF_NET_SLOW;
	op->request.repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_remote_send(op, S3_COPY_ONE);
}

/* copy_source names the pinned source of a copy. */
static bool
copy_source(CfOp *op, const CfPlace *source, const char *source_key)
{
	const CfS3State *state = op->state;
	CfRemoteText text = {.arena = &op->request_arena};

	cf_remote_text_add(&text, "/");
	cf_remote_text_encode(&text, source->bucket);
	cf_remote_text_add(&text, "/");
	cf_remote_text_path(&text, source->prefix);
	cf_remote_text_path(&text, source_key);
	if (text.failed)
		return cf_remote_memory(op) == CF_STEP_DONE;
	return cf_s3_amz_header(op, "copy-source", text.data) &&
		cf_s3_amz_header(op, "copy-source-if-match", state->source.etag) && cf_s3_customer_key(op, source, "copy-source-");
}

/*
 * copy_one_answer ends a copy: its answer tells of the new object, or what is there now is looked at: ours, somebody else's, or
 * nothing, because the source changed.
 */
static CfStep
copy_one_answer(CfOp *op, const CfPlace *source, const char *source_key, const CfUploadArgs *args, CfObjectStat *stat)
{
	CfS3State  *state = op->state;
	char		code[64];

	cf_s3_code(&op->response, code);
	if (op->response.status == 412)
	{
		cf_remote_changed(op, source_key);
		state->remote.told = op->err;
		return cf_s3_look(op, args->key, CF_REMOTE_SETTLING);
	}
	if (op->response.status == 404 && strcmp(code, "NoSuchKey") == 0)
	{
		state->remote.asked = source;
		return cf_remote_missing(op, source_key);
	}
	if (!cf_remote_success(op) || code[0] != '\0')
		return cf_s3_fail(op, "copy object", args->key);
	return copy_told(op) ? cf_s3_put_answer(op, args, stat) : cf_s3_look(op, args->key, CF_REMOTE_SETTLING);
}

/*
 * copy_told puts what the body of a copy's answer tells to where the answer to a create has it: among the headers. false = it
 * does not tell what was made.
 */
static bool
copy_told(CfOp *op)
{
	CfResponse *response = &op->response;
	char		texts[4][256] = {"", "", "", ""};
	CfXmlField	fields[] = {
		{"CopyObjectResult/ETag", texts[0], sizeof(texts[0])},
		{"CopyObjectResult/ChecksumType", texts[1], sizeof(texts[1])},
		{"CopyObjectResult/ChecksumCRC64NVME", texts[2], sizeof(texts[2])},
		{"CopyObjectResult/ChecksumCRC32C", texts[3], sizeof(texts[3])},
	};
	static const char *const names[] = {"etag", "x-amz-checksum-type", "x-amz-checksum-crc64nvme", "x-amz-checksum-crc32c"};
	CfError		ignored;

	if (!cf_xml_fields(response->body, response->body_bytes, fields, 4, &ignored) || texts[0][0] == '\0' || response->header_count + 4 > CF_NET_RESPONSE_HEADERS)
		return false;
	for (int i = 0; i < 4; i++)
	{
		char	   *value = cf_arena_strdup(&op->request_arena, texts[i]);

		if (value == NULL)
			return false;
		if (value[0] != '\0')
			response->headers[response->header_count++] = (CfHeader) {names[i], value};
	}
	return true;
}

/* parts_begin begins the upload that takes the copied parts. */
static CfStep
parts_begin(CfOp *op, const CfUploadArgs *args)
{
	CfS3State  *state = op->state;
	CfStep		step;

	if (!cf_s3_joinable(op))
		return cf_remote_error(op);
	state->part_count = 0;
	state->at = 0;
	state->copy_part_bytes = cf_s3_part_bytes(args->size_bytes, CF_S3_COPY_PART);
	step = cf_s3_copy_left(op, args);
	return step == CF_STEP_DONE ? cf_s3_upload_create(op, args, S3_COPY_BEGUN) : step;
}

/* copy_by_parts drives a copy by parts, of which state->copying tells the destination. */
static CfStep
copy_by_parts(CfOp *op, const CfPlace *source, const char *source_key, char *token, CfObjectStat *stat)
{
	CfS3State  *state = op->state;
	CfStep		step;

	if (op->phase == S3_COPY_CLEARED)
		return cf_s3_copy_cleared(op, state->copying.args.key) ? cf_s3_upload_create(op, &state->copying.args, S3_COPY_BEGUN) : CF_STEP_ERROR;
	if (op->phase == S3_COPY_BEGUN && !cf_s3_upload_created(op, &state->copying))
		return CF_STEP_ERROR;
	if (op->phase == S3_COPY_BEGUN && token != NULL)
	{
		/* Before the first part, so that the caller keeps it. */
		snprintf(token, CF_STORAGE_COPY_TOKEN, CF_S3_HANDLE_COPY "%s", cf_s3_upload_id(state->copying.handle));
		op->phase = S3_COPY_NEXT;
		return CF_STEP_AGAIN;
	}
	if (op->phase == S3_COPY_PART && (step = copy_part_answer(op, token, source_key)) != CF_STEP_DONE)
		return step;
	if (op->phase == S3_COPY_ABORTED)
		return cf_remote_told_before(op);
	if (op->phase == S3_PARTS_LISTED || op->phase == S3_PARTS_JOINED || op->phase == CF_REMOTE_SETTLING)
	{
		step = cf_s3_parts_join(op, &state->copying, stat);
		/* Nobody else knows of these parts. */
		if (step == CF_STEP_ERROR && (op->err.kind == CF_ERR_EXISTS || op->err.kind == CF_ERR_CHANGED))
			return copy_abort(op, token);
		return step;
	}
	if (state->at < state->copying.args.size_bytes)
		return copy_part_send(op, source, source_key);
	return cf_s3_parts_ask(op, &state->copying, S3_PARTS_LISTED);
}

static CfStep
copy_part_send(CfOp *op, const CfPlace *source, const char *source_key)
{
	const CfS3State *state = op->state;
	int64_t		left = state->copying.args.size_bytes - state->at;
	int64_t		length = left < state->copy_part_bytes ? left : state->copy_part_bytes;
	char		range[64];

	snprintf(range, sizeof(range), "bytes=%lld-%lld", (long long) state->at, (long long) (state->at + length - 1));
	if (!cf_s3_upload_request(op, "PUT", "UploadPartCopy", &state->copying, (int) (state->at / state->copy_part_bytes) + 1, "") ||
		!copy_source(op, source, source_key) || !cf_s3_amz_header(op, "copy-source-range", range))
		return cf_remote_error(op);
	op->request.net_class = CF_NET_SLOW;
	return cf_remote_send(op, S3_COPY_PART);
}

/* copy_part_answer ends a part; DONE = the next one may be copied. */
static CfStep
copy_part_answer(CfOp *op, char *token, const char *source_key)
{
	CfS3State  *state = op->state;
	CfUpload   *copying = &state->copying;
	int64_t		left = copying->args.size_bytes - state->at;
	char		code[64];

	cf_s3_code(&op->response, code);
	if (op->response.status == 412)
	{
		cf_remote_changed(op, source_key);
		return copy_abort(op, token);
	}
	if (!cf_remote_success(op) || code[0] != '\0')
	{
		cf_s3_fail(op, "copy a part of object", copying->args.key);
		/* Who was told no token cannot give the parts back. */
		return token == NULL && strcmp(code, "NoSuchUpload") != 0 ? copy_abort(op, NULL) : CF_STEP_ERROR;
	}
	state->at += left < state->copy_part_bytes ? left : state->copy_part_bytes;
	return CF_STEP_DONE;
}

/* copy_abort gives the parts back that will never be an object, since the source has changed or the destination is taken: op->err. */
static CfStep
copy_abort(CfOp *op, char *token)
{
	CfS3State  *state = op->state;

	state->remote.told = op->err;
	if (token != NULL)
		token[0] = '\0';
	return cf_s3_upload_give_up(op, &state->copying, S3_COPY_ABORTED);
}

/* cf_s3_copies_from tells whether one request can name both places: the same endpoint, or regions of one partition of AWS. */
bool
cf_s3_copies_from(const CfPlace *place, const CfPlace *source)
{
	static const char *const partitions[] = {"cn-", "us-gov-", "us-iso", "eusc-"};
	bool		same = !cf_s3_store(place)->whole_only && cf_s3_store(place) == cf_s3_store(source) &&
		strcmp(place->endpoint, source->endpoint) == 0;

	for (size_t i = 0; i < sizeof(partitions) / sizeof(partitions[0]); i++)
	{
		size_t		length = strlen(partitions[i]);

		same &= (strncmp(place->region, partitions[i], length) == 0) == (strncmp(source->region, partitions[i], length) == 0);
	}
	return same;
}

CfStep
cf_s3_set_class(CfOp *op, const char *key, const char *version, const char *storage_class, char token[CF_STORAGE_COPY_TOKEN],
				   CfObjectStat *stat)
{
	CfS3State  *state = op->state;
	CfStep		step;

	switch (op->phase)
	{
		case CF_REMOTE_START:
			state->remote.told.kind = CF_ERR_NONE;
			memset(&state->copying, 0, sizeof(state->copying));
			return cf_remote_stat(op, key, stat);
		case CF_REMOTE_ASKED:
		case CF_REMOTE_ASKED_MORE:
			step = cf_remote_stat(op, key, stat);
			return step == CF_STEP_DONE ? class_looked(op, key, version, storage_class, stat) : step;
		case S3_COPY_ONE:
			return class_answer(op, key);
		case CF_REMOTE_SETTLING:
			if (state->copying.handle[0] == '\0')
				return class_changed(op, key, storage_class, stat);
			break;
		default:
			break;
	}
	return copy_by_parts(op, op->place, key, token, stat);
}

/* class_refused says why an object does not get another class; that will not change by itself. */
static CfStep
class_refused(CfOp *op, const char *key, CfErrorKind kind, const char *why, const char *hint)
{
	cf_remote_unexpected(op, "change the class of object", key, why);
	op->err.kind = kind;
	op->err.retryable = false;
	cf_error_hint(&op->err, "%s", hint);
	return CF_STEP_ERROR;
}

/* cf_s3_class_allowed wants a class that the store knows, and that nothing which comes in between is overwritten. */
bool
cf_s3_class_allowed(CfOp *op, const char *key, const char *storage_class)
{
	const CfS3State *state = op->state;
	CfCaps		caps;

	if (!cf_s3_class_check(op->place, storage_class, &op->err))
		return false;
	cf_storage_caps(op->place, &caps);
	if (!cf_s3_store(op->place)->whole_only && (caps.conditional_replace || state->head.version_id[0] != '\0'))
		return true;
	class_refused(op, key, CF_ERR_UNSUPPORTED, "the store cannot do it safely",
				  "It would overwrite what somebody writes meanwhile; turn versioning of the bucket on, or move the object to another key.");
	return false;
}

/*
 * class_looked copies the object onto itself, if it still is the pinned version and that can be done safely. check_storage() wants to know
 * what the store does when it is not.
 */
static CfStep
class_looked(CfOp *op, const char *key, const char *version, const char *storage_class, CfObjectStat *stat)
{
	CfS3State  *state = op->state;
	CfUploadArgs args = {.key = key, .size_bytes = stat->size_bytes,
		.content_type = stat->content_type, .storage_class = storage_class, .metadata = stat->attributes.metadata,
		.attributes = stat->attributes};

	if (!op->probing && !cf_s3_pinned(op, version))
		return cf_remote_changed(op, key);
	if (strcmp(stat->storage_class, storage_class) == 0)
		return cf_remote_done(op);
	if (!cf_s3_class_allowed(op, key, storage_class))
		return CF_STEP_ERROR;
	if (stat->must_restore)
		return class_refused(op, key, CF_ERR_STATE, "it is archived", "Restore it first.");
	state->source = state->head;
	/* The owner tag must stay where it is while the state is used, and the lines of metadata go all in one. */
	args.owner_tag = state->source.owner_tag;
	args.attributes.metadata = "";
	state->copying.args = args;
	if (stat->size_bytes > CF_S3_COPY_MAX)
	{
		state->replacing = true;
		return parts_begin(op, &state->copying.args);
	}
	return class_send(op, version, &state->copying.args);
}

/* class_send asks for the copy of an object onto itself: of what is there, in the place of the pinned version. */
static CfStep
class_send(CfOp *op, const char *version, const CfUploadArgs *args)
{
	const CfS3State *state = op->state;
	const CfS3Store *store = cf_s3_store(op->place);
	CfS3Head	replaced = state->source;
	CfS3Pin		pin;
	const char *sse = cf_storage_option(op->place, "sse");
	const char *kms = cf_storage_option(op->place, "sse_kms_key_id");
	bool		good;

	if (op->probing && cf_s3_pin_read(version, &pin) && pin.etag[0] != '\0' && pin.etag[0] != '~')
		snprintf(replaced.etag, sizeof(replaced.etag), "\"%s\"", pin.etag);
	good = cf_s3_request(op, "PUT", "CopyObject", args->key, "") != NULL && copy_source(op, op->place, args->key) &&
		(!store->copy_replace || cf_s3_condition(op, &replaced));
	if (good && store->class_by_replace)
	{
		CfUploadArgs untagged = *args;

		untagged.attributes.tags = "";	/* they stay with the object */
		good = cf_s3_amz_header(op, "metadata-directive", "REPLACE") && cf_s3_describe(op, &untagged);
	}
	else if (good)
		good = cf_s3_amz_header(op, "metadata-directive", "COPY") && cf_s3_amz_header(op, "storage-class", args->storage_class) &&
			(sse[0] == '\0' || cf_s3_amz_header(op, "server-side-encryption", sse)) &&
			(sse[0] != 'a' || kms[0] == '\0' || cf_s3_amz_header(op, "server-side-encryption-aws-kms-key-id", kms));
	if (!good)
		return cf_remote_error(op);
	op->request.net_class = CF_NET_SLOW;
	op->request.repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_remote_send(op, S3_COPY_ONE);
}

/* class_answer has the object looked at: an answer does not tell its class. */
static CfStep
class_answer(CfOp *op, const char *key)
{
	char		code[64];

	cf_s3_code(&op->response, code);
	if (op->response.status == 412)
		return cf_remote_changed(op, key);
	if (!cf_remote_success(op) || code[0] != '\0')
		return cf_s3_fail(op, "copy object", key);
	return cf_s3_look(op, key, CF_REMOTE_SETTLING);
}

/* class_changed ends a change of the class: the object has its size and the class that was asked for. */
static CfStep
class_changed(CfOp *op, const char *key, const char *storage_class, CfObjectStat *stat)
{
	if (!cf_remote_pinned(op, key, "", stat))
		return CF_STEP_ERROR;
	if (strcmp(stat->storage_class, storage_class) != 0)
		return cf_remote_unexpected(op, "change the class of object", key, "the store left it as it was");
	return cf_remote_done(op);
}

CfStep
cf_s3_restore(CfOp *op, const char *key, const char *version, int days, const char *priority)
{
	CfRemoteText body = {.arena = op->arena};
	CfObjectStat stat;
	char	   *tier;

	if (op->phase == CF_REMOTE_START)
		return cf_s3_look(op, key, CF_REMOTE_ASKED);
	if (op->phase == CF_REMOTE_ASKED_MORE)
		return cf_remote_success(op) || op->response.status == 409 ? cf_remote_done(op) : cf_s3_fail(op, "restore object", key);
	if (!cf_remote_pinned(op, key, version, &stat))
		return CF_STEP_ERROR;
	if (!stat.must_restore || stat.restoring)
		return cf_remote_done(op);
	tier = cf_xml_escape(op->arena, priority == NULL || priority[0] == '\0' ? "Bulk" : priority);
	if (tier == NULL)
		return cf_remote_memory(op);
	cf_remote_text_format(&body, "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>%d</Days><GlacierJobParameters>"
						  "<Tier>%s</Tier></GlacierJobParameters></RestoreRequest>", days < 1 ? 1 : days, tier);
	if (body.failed)
		return cf_remote_memory(op);
	return cf_remote_ask(op, cf_s3_request(op, "POST", "RestoreObject", key, "restore=") != NULL &&
						 cf_s3_body(op, body.data, body.length, NULL) && cf_remote_header(op, "Content-Type", "application/xml"),
						 CF_REMOTE_ASKED_MORE);
}
