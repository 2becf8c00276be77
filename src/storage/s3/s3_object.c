/*
 * s3_object.c
 *		One object: look, read, create in one request.
 *
 * A create whose answer was lost meets its own object at the next attempt. So a 412 never means "somebody else" before a HEAD
 * has said whose object is there: ours has our owner tag, the size and, where both are known, the digest of what was sent.
 *
 * A range is read with If-Match, and the answer is compared with the pin all the same: some stores ignore the condition.
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "storage/s3/s3.h"

static CfStep stat_tags(CfOp *op, const char *key, CfObjectStat *stat);
static bool tag_visit(void *ctx, const char *path, const char *text, size_t length);
static CfStep read_send(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static CfStep read_answer(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static CfStep read_nothing(CfOp *op, const CfReadArgs *args);
static bool range_told(const CfOp *op, int64_t *first, int64_t *last, int64_t *size_bytes);
static bool metadata_add(CfOp *op, const CfUploadArgs *args, const char *lines, bool own, size_t *bytes, CfError *err);
static bool metadata_name(const char *name, char wire[128]);
static bool line_known(const char *lines, const char *name);
static bool tags_add(CfOp *op, const char *tags);

/* cf_s3_look asks for all that a HEAD tells of an object; the answer is awaited in phase. */
CfStep
cf_s3_look(CfOp *op, const char *key, int phase)
{
	if (cf_s3_request(op, "HEAD", "HeadObject", key, "") == NULL)
		return cf_remote_error(op);
	if (cf_s3_store(cf_remote_asked(op))->dialect == &cf_s3_aws4 && !cf_s3_amz_header(op, "checksum-mode", "ENABLED"))
		return cf_remote_error(op);
	return cf_remote_send(op, phase);
}

/* cf_s3_looked reads the answer to cf_s3_look; what identifies the version is in state->head then. */
CfS3Found
cf_s3_looked(CfOp *op, const char *key, CfObjectStat *stat)
{
	CfS3State  *state = op->state;

	if (op->response.status == 404 || (op->response.status == 405 && cf_s3_answer(op, "delete-marker")[0] != '\0'))
		return CF_S3_MISSING;
	if (!cf_remote_success(op))
	{
		cf_s3_fail(op, "look at object", key);
		return CF_S3_FAILED;
	}
	return cf_s3_stat_fill(op, key, stat, &state->head) ? CF_S3_FOUND : CF_S3_FAILED;
}

/* cf_s3_pinned compares the object that was looked at with a pin; "" is every version. */
bool
cf_s3_pinned(const CfOp *op, const char *version)
{
	const CfS3State *state = op->state;
	CfS3Pin		pin;

	return version[0] == '\0' || (cf_s3_pin_read(version, &pin) && cf_s3_pin_same(&pin, &state->head.pin));
}

CfStep
cf_s3_stat(CfOp *op, const char *key, CfObjectStat *stat)
{
	CfS3State  *state = op->state;

	if (op->phase == S3_START)
		return cf_s3_look(op, key, S3_ASKED);
	if (op->phase == S3_ASKED_MORE)
		return stat_tags(op, key, stat);
	switch (cf_s3_looked(op, key, stat))
	{
		case CF_S3_MISSING:
			return cf_remote_missing(op, key);
		case CF_S3_FAILED:
			return CF_STEP_ERROR;
		default:
			break;
	}
	if (state->head.tags == 0)
		return cf_remote_done(op);
	state->stat = *stat;
	if (cf_s3_request(op, "GET", "GetObjectTagging", key, "tagging=") == NULL)
		return cf_remote_error(op);
	return cf_remote_send(op, S3_ASKED_MORE);
}

typedef struct TagVisit
{
	CfRemoteText text;
	char		name[513];		/* 128 characters */
} TagVisit;

/* stat_tags adds the tags to what the HEAD told. */
static CfStep
stat_tags(CfOp *op, const char *key, CfObjectStat *stat)
{
	CfS3State  *state = op->state;
	TagVisit	visit = {.text = {.arena = op->arena}};

	if (!cf_remote_success(op))
		return cf_s3_fail(op, "read the tags of object", key);
	if (!cf_xml_parse(op->response.body, op->response.body_bytes, tag_visit, &visit, &op->err))
		return cf_remote_error(op);
	cf_remote_text_add(&visit.text, "");
	if (visit.text.failed)
		return cf_remote_memory(op);
	*stat = state->stat;
	stat->attributes.tags = visit.text.data;
	return cf_remote_done(op);
}

static bool
tag_visit(void *ctx, const char *path, const char *text, size_t length)
{
	TagVisit   *visit = ctx;

	(void) length;
	if (strcmp(path, "Tagging/TagSet/Tag/Key") == 0)
		snprintf(visit->name, sizeof(visit->name), "%s", text);
	else if (strcmp(path, "Tagging/TagSet/Tag/Value") == 0 && strchr(text, '\n') == NULL && strchr(visit->name, '\n') == NULL)
	{
		cf_remote_text_add(&visit->text, visit->name);
		cf_remote_text_add(&visit->text, "=");
		cf_remote_text_add(&visit->text, text);
		cf_remote_text_add(&visit->text, "\n");
	}
	return true;
}

CfStep
cf_s3_read(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfS3State  *state = cf_s3_state(op);
	CfS3Pin		pin;

	if (state == NULL)
		return CF_STEP_ERROR;
	if (op->phase == S3_START)
	{
		state->at = args->offset;
		state->end = -1;
		snprintf(state->version, sizeof(state->version), "%s", args->version);
		if (state->version[0] != '\0' && !cf_s3_pin_read(state->version, &pin))
			return cf_remote_changed(op, args->key);
		if (args->length == 0)
			return cf_s3_look(op, args->key, S3_ASKED_MORE);
	}
	if (op->phase == S3_ASKED)
		return read_answer(op, args, chunk);
	if (op->phase == S3_ASKED_MORE)
		return read_nothing(op, args);
	return read_send(op, args, chunk);
}

/* read_send asks for the next range, straight into the caller's buffer. */
static CfStep
read_send(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfS3State  *state = op->state;
	int64_t		room = chunk->capacity > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t) chunk->capacity;
	int64_t		left = state->end >= 0 ? state->end - state->at : args->length >= 0 ? args->length : INT64_MAX - args->offset;
	CfRequest  *request = cf_s3_request(op, "GET", "GetObject", args->key, "");
	CfS3Pin		pin;
	char		text[64];
	char		etag[CF_S3_ETAG_MAX + 3];

	if (request == NULL)
		return cf_remote_error(op);
	if (room > left)
		room = left;
	snprintf(text, sizeof(text), "bytes=%lld-%lld", (long long) state->at, (long long) (state->at + room - 1));
	if (!cf_remote_header(op, "Range", text))
		return cf_remote_error(op);
	if (cf_s3_pin_read(state->version, &pin) && pin.etag[0] != '~')
	{
		snprintf(etag, sizeof(etag), "\"%s\"", pin.etag);
		if (!cf_remote_header(op, "If-Match", etag))
			return cf_remote_error(op);
	}
	request->sink = chunk->data;
	request->sink_bytes = (size_t) room;
	request->net_class = CF_NET_BODY;
	return cf_remote_send(op, S3_ASKED);
}

/* read_answer takes the bytes of one range, when they are of the pinned version and as many as was told. */
static CfStep
read_answer(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfS3State  *state = op->state;
	const CfResponse *response = &op->response;
	int64_t		got = (int64_t) response->sink_bytes;
	int64_t		size_bytes;
	int64_t		first;
	int64_t		last;

	if (response->status == 412)
		return cf_remote_changed(op, args->key);
	if (response->status == 404)
		return cf_remote_missing(op, args->key);
	if (response->status == 416)
		return cf_s3_look(op, args->key, S3_ASKED_MORE);
	if (!cf_remote_success(op))
		return cf_s3_fail(op, "read object", args->key);
	if (!cf_s3_head_fill(op, args->key, &state->head))
		return CF_STEP_ERROR;
	if (!cf_s3_pinned(op, state->version))
		return cf_remote_changed(op, args->key);
	if (!range_told(op, &first, &last, &size_bytes) || first != state->at || last - first + 1 != got ||
		got > (int64_t) op->request.sink_bytes || got > (int64_t) chunk->capacity)
		return cf_remote_unexpected(op, "read object", args->key, "the answer has another range than was asked for");
	if (state->end < 0)
	{
		if (args->length >= 0 && args->length > size_bytes - args->offset)
			return cf_remote_outside(op, args->key, size_bytes);
		state->end = args->length >= 0 ? args->offset + args->length : size_bytes;
		cf_s3_pin_write(&state->head.pin, state->version);
	}
	else if (args->length < 0 && size_bytes != state->end)
		return cf_remote_changed(op, args->key);
	if (got > state->end - state->at)
		return cf_remote_unexpected(op, "read object", args->key, "the answer has more than was asked for");
	chunk->length = (size_t) got;
	state->at += got;
	if (state->at == state->end)
		return cf_remote_done(op);
	op->phase = S3_READ_MORE;
	return CF_STEP_AGAIN;
}

/* range_told reads which bytes of how many an answer has; a 200 has all of them. */
static bool
range_told(const CfOp *op, int64_t *first, int64_t *last, int64_t *size_bytes)
{
	const char *range = cf_net_answer(&op->response, "content-range");
	char		numbers[3][24];
	int			used = 0;

	if (op->response.status == 200)
	{
		*first = 0;
		*size_bytes = (int64_t) op->response.sink_bytes;
		*last = *size_bytes - 1;
		return cf_net_answer(&op->response, "content-length")[0] == '\0' ||
			(cf_remote_number(cf_net_answer(&op->response, "content-length"), INT64_MAX, size_bytes) &&
			 *size_bytes == (int64_t) op->response.sink_bytes);
	}
	return sscanf(range, "bytes %23[0-9]-%23[0-9]/%23[0-9]%n", numbers[0], numbers[1], numbers[2], &used) == 3 &&
		range[used] == '\0' && cf_remote_number(numbers[0], INT64_MAX, first) && cf_remote_number(numbers[1], INT64_MAX - 1, last) &&
		cf_remote_number(numbers[2], INT64_MAX, size_bytes) && *first <= *last && *last < *size_bytes;
}

/* read_nothing ends a read of no bytes: of an empty range, at the end of an object, or beyond. */
static CfStep
read_nothing(CfOp *op, const CfReadArgs *args)
{
	CfS3State  *state = op->state;
	CfObjectStat stat;

	switch (cf_s3_looked(op, args->key, &stat))
	{
		case CF_S3_MISSING:
			return cf_remote_missing(op, args->key);
		case CF_S3_FAILED:
			return CF_STEP_ERROR;
		default:
			break;
	}
	/* A range that went on and is not there any more, or one that is: then the object changed between two answers. */
	if (!cf_s3_pinned(op, state->version) || state->end >= 0)
		return cf_remote_changed(op, args->key);
	if (args->offset > stat.size_bytes || args->length > stat.size_bytes - args->offset)
		return cf_remote_outside(op, args->key, stat.size_bytes);
	if (args->offset < stat.size_bytes && args->length != 0)
		return cf_remote_changed(op, args->key);
	return cf_remote_done(op);
}

CfStep
cf_s3_put(CfOp *op, const CfUploadArgs *args, const void *data, size_t length, CfObjectStat *stat)
{
	if (op->phase == S3_START)
	{
		if (cf_s3_state(op) == NULL || !cf_s3_writable(op) || !cf_s3_describe_check(op, args))
			return cf_remote_error(op);
		((CfS3State *) op->state)->told.kind = CF_ERR_NONE;
		if ((int64_t) length > CF_S3_PART_MAX)
			return cf_remote_unexpected(op, "create object", args->key, "it is too large for one request");
	}
	if (op->phase == S3_ASKED || op->phase == S3_SETTLING)
		return cf_s3_put_answer(op, args, stat);
	return cf_s3_put_send(op, args, data, length, S3_ASKED);
}

/*
 * cf_s3_put_send creates an object with one request. A store without the condition, whose risk a person has accepted, is
 * looked at first (S3_ASKED_MORE), and called again when the answer is there.
 */
CfStep
cf_s3_put_send(CfOp *op, const CfUploadArgs *args, const void *data, size_t length, int phase)
{
	CfCaps		caps;
	CfObjectStat stat;
	CfS3Found	found;

	cf_storage_caps(op->place, &caps);
	if (!caps.create_only && op->phase != S3_ASKED_MORE)
		return cf_s3_look(op, args->key, S3_ASKED_MORE);
	if (op->phase == S3_ASKED_MORE && (found = cf_s3_looked(op, args->key, &stat)) != CF_S3_MISSING)
		return found == CF_S3_FOUND ? cf_s3_settled(op, args, &stat) : CF_STEP_ERROR;
	if (cf_s3_request(op, "PUT", "PutObject", args->key, "") == NULL || !cf_s3_body(op, data == NULL ? "" : data, length) ||
		!cf_s3_checksum_add(op, data == NULL ? "" : data, length) || !cf_s3_describe(op, args) ||
		(caps.create_only && !cf_s3_condition(op, NULL)))
		return cf_remote_error(op);
	op->request.net_class = CF_NET_BODY;
	op->request.repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_remote_send(op, phase);
}

/* cf_s3_put_answer ends a create: stat is filled from the answer alone, unless it must be found out whose object is there. */
CfStep
cf_s3_put_answer(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat)
{
	CfS3State  *state = op->state;
	const char *place_class = op->place->storage_class;

	if (op->phase == S3_SETTLING)
		return cf_s3_settled(op, args, stat);
	if (op->response.status == 412)
		return cf_s3_look(op, args->key, S3_SETTLING);
	if (!cf_remote_success(op))
		return cf_s3_fail(op, "create object", args->key);
	if (!cf_s3_head_fill(op, args->key, &state->head) || !cf_s3_encryption_kept(op, args->key) ||
		!cf_s3_checksum_told(op, "create object", args->key))
		return CF_STEP_ERROR;
	memset(stat, 0, sizeof(*stat));
	snprintf(state->head.owner_tag, sizeof(state->head.owner_tag), "%s", args->owner_tag);
	snprintf(state->head.pin.owner, sizeof(state->head.pin.owner), "%s", args->owner_tag);
	stat->size_bytes = args->size_bytes;
	cf_s3_pin_write(&state->head.pin, stat->version);
	if (!cf_net_date(cf_net_answer(&op->response, "date"), &stat->mtime_us))
		stat->mtime_us = cf_clock_now_us();
	stat->storage_class = args->storage_class[0] != '\0' ? args->storage_class : place_class[0] != '\0' ? place_class :
		cf_s3_store(op->place)->classes ? "STANDARD" : "";
	stat->content_type = args->content_type;
	stat->attributes = args->attributes;
	cf_s3_digests_fill(op, state->head.etag, &stat->digests);
	return cf_remote_done(op);
}

/* cf_s3_settled ends a create after a HEAD: ours is the object with our tag, the size and the digest of what was sent. */
CfStep
cf_s3_settled(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat)
{
	CfS3State  *state = op->state;

	switch (cf_s3_looked(op, args->key, stat))
	{
		case CF_S3_MISSING:
			cf_remote_unexpected(op, "create object", args->key, "another writer was there and is gone");
			op->err.kind = CF_ERR_BUSY;
			if (state->told.kind != CF_ERR_NONE)
				op->err = state->told;
			return CF_STEP_ERROR;
		case CF_S3_FAILED:
			return CF_STEP_ERROR;
		default:
			break;
	}
	if (strcmp(state->head.owner_tag, args->owner_tag) != 0 || stat->size_bytes != args->size_bytes ||
		!cf_remote_digests_agree(&state->digests, &stat->digests))
		return cf_remote_exists(op, args->key);
	return cf_remote_done(op);
}

/* cf_s3_writable refuses a store that would overwrite, unless a person has accepted that. */
bool
cf_s3_writable(CfOp *op)
{
	CfCaps		caps;

	cf_storage_caps(op->place, &caps);
	if (caps.create_only || cf_s3_accepts(op->place, "accept_unconditional_create"))
		return true;
	cf_error_set(&op->err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot be written: its store may overwrite an object of somebody else",
				 op->place->name);
	cf_error_detail(&op->err, "The store does not honour If-None-Match.");
	return cf_error_hint(&op->err, "Who alone writes there may set the option accept_unconditional_create 'true'.");
}

/* cf_s3_condition makes a request create-only (head NULL), or lets it touch only the version that was looked at. */
bool
cf_s3_condition(CfOp *op, const CfS3Head *head)
{
	if (cf_s3_store(op->place)->dialect == &cf_s3_goog4)
		return cf_s3_amz_header(op, "if-generation-match", head == NULL ? "0" : head->version_id);
	return head == NULL ? cf_remote_header(op, "If-None-Match", "*") : cf_remote_header(op, "If-Match", head->etag);
}

/* cf_s3_checksum_add lets the store check the bytes of the request, and remembers their digest. */
bool
cf_s3_checksum_add(CfOp *op, const void *data, size_t length)
{
	CfDigests  *digests = &((CfS3State *) op->state)->digests;
	CfS3Checksum checksum = cf_s3_checksum(op->place);

	memset(digests, 0, sizeof(*digests));
	if (checksum == CF_S3_CHECKSUM_CRC64NVME)
		*digests = (CfDigests) {.known = CF_DIGEST_CRC64NVME, .crc64nvme = cf_crc64nvme(0, data, length)};
	else if (checksum == CF_S3_CHECKSUM_CRC32C)
		*digests = (CfDigests) {.known = CF_DIGEST_CRC32C, .crc32c = cf_crc32c(0, data, length)};
	else if (checksum == CF_S3_CHECKSUM_MD5 && cf_md5(data, length, digests->md5))
		digests->known = CF_DIGEST_MD5;
	else if (checksum == CF_S3_CHECKSUM_MD5)
	{
		cf_remote_memory(op);
		return false;
	}
	return cf_s3_checksum_header(op, digests);
}

/* cf_s3_checksum_header tells the store a digest of the kind that it checks. */
bool
cf_s3_checksum_header(CfOp *op, const CfDigests *digests)
{
	CfS3Checksum checksum = cf_s3_checksum(op->place);
	char		text[CF_BASE64_BYTES(16)];

	if (checksum == CF_S3_CHECKSUM_CRC64NVME && (digests->known & CF_DIGEST_CRC64NVME))
	{
		cf_remote_crc_write(digests->crc64nvme, 8, text);
		return cf_s3_amz_header(op, "checksum-crc64nvme", text);
	}
	if (checksum == CF_S3_CHECKSUM_CRC32C && (digests->known & CF_DIGEST_CRC32C))
	{
		cf_remote_crc_write(digests->crc32c, 4, text);
		return cf_s3_amz_header(op, "checksum-crc32c", text);
	}
	if (checksum != CF_S3_CHECKSUM_MD5 || !(digests->known & CF_DIGEST_MD5))
		return true;
	cf_base64_encode(digests->md5, sizeof(digests->md5), text);
	return cf_remote_header(op, "Content-MD5", text);
}

/* cf_s3_checksum_told compares the checksum in an answer, if there is one, with what was sent. */
bool
cf_s3_checksum_told(CfOp *op, const char *what, const char *key)
{
	CfDigests	told;

	cf_s3_digests_fill(op, "", &told);
	if (cf_remote_digests_agree(&((CfS3State *) op->state)->digests, &told))
		return true;
	cf_remote_unexpected(op, what, key, "the store tells another checksum than was sent");
	return false;
}

/* cf_s3_encryption_kept refuses a store that took bytes and ignored how they were to be encrypted. */
bool
cf_s3_encryption_kept(CfOp *op, const char *key)
{
	bool		customer = cf_credential(op->place->credentials, "sse_customer_key") != NULL;
	bool		asked = cf_storage_option(op->place, "sse")[0] != '\0';

	if ((!customer || cf_s3_answer(op, "server-side-encryption-customer-algorithm")[0] != '\0') &&
		(!asked || cf_s3_answer(op, "server-side-encryption")[0] != '\0'))
		return true;
	cf_remote_unexpected(op, "create object", key, "the store ignored how it was to be encrypted");
	op->err.kind = CF_ERR_UNSUPPORTED;
	op->err.retryable = false;
	cf_error_hint(&op->err, "Remove the object, and the option sse or the credential sse_customer_key.");
	return false;
}

/* cf_s3_describe_check looks at what travels with a new object before anything is sent. */
bool
cf_s3_describe_check(CfOp *op, const CfUploadArgs *args)
{
	const char *attributes = args->attributes.metadata == NULL ? "" : args->attributes.metadata;
	size_t		bytes = strlen("cf-owner-tag") + strlen(args->owner_tag);

	if (!metadata_add(NULL, args, args->metadata, true, &bytes, &op->err) ||
		!metadata_add(NULL, args, attributes, false, &bytes, &op->err))
		return false;
	if (bytes <= CF_S3_METADATA_MAX)
		return true;
	cf_error_set(&op->err, CF_ERR_INPUT, "metadata of object \"%s\" are too long for place \"%s\"", cf_remote_shown(op, args->key), op->place->name);
	return cf_error_detail(&op->err, "Names and values have %zu bytes, S3 takes %d.", bytes, CF_S3_METADATA_MAX);
}

/* cf_s3_describe adds what travels with a new object: type, attributes, metadata, tags, class, encryption. */
bool
cf_s3_describe(CfOp *op, const CfUploadArgs *args)
{
	const CfAttributes *a = &args->attributes;
	const char *headers[][2] = {
		{"Content-Type", args->content_type}, {"Cache-Control", a->cache_control},
		{"Content-Disposition", a->content_disposition}, {"Content-Encoding", a->content_encoding},
		{"Content-Language", a->content_language}
	};
	const char *storage_class = args->storage_class[0] != '\0' ? args->storage_class : op->place->storage_class;
	const char *sse = cf_storage_option(op->place, "sse");
	const char *kms = cf_storage_option(op->place, "sse_kms_key_id");
	size_t		bytes = 0;

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
	{
		if (headers[i][1] != NULL && headers[i][1][0] != '\0' && !cf_remote_header(op, headers[i][0], headers[i][1]))
			return false;
	}
	return (args->owner_tag[0] == '\0' || cf_s3_amz_header(op, "meta-cf-owner-tag", args->owner_tag)) &&
		metadata_add(op, args, args->metadata, true, &bytes, &op->err) &&
		metadata_add(op, args, a->metadata == NULL ? "" : a->metadata, false, &bytes, &op->err) &&
		tags_add(op, a->tags == NULL ? "" : a->tags) &&
		(storage_class[0] == '\0' || cf_s3_amz_header(op, "storage-class", storage_class)) &&
		(sse[0] == '\0' || cf_s3_amz_header(op, "server-side-encryption", sse)) &&
		(sse[0] != 'a' || kms[0] == '\0' || cf_s3_amz_header(op, "server-side-encryption-aws-kms-key-id", kms));
}

/*
 * metadata_add adds lines of metadata as headers (op), or only counts and checks them (op NULL). The user's lines (not own)
 * leave out what the object says of itself: an earlier move said that of its own copy.
 */
static bool
metadata_add(CfOp *op, const CfUploadArgs *args, const char *lines, bool own, size_t *bytes, CfError *err)
{
	char		name[128];
	char		wire[128];
	const char *value;
	size_t		length;

	while (cf_s3_line_next(&lines, name, &value, &length))
	{
		char		header[160];
		char		text[CF_S3_METADATA_MAX + 1];
		char	   *word;

		if (strcmp(name, "cf_owner_tag") == 0 ||
			(!own && (strncmp(name, "cf_", 3) == 0 || line_known(args->metadata, name))))
			continue;
		if (length > CF_S3_METADATA_MAX || !metadata_name(name, wire))
			return cf_error_set(err, CF_ERR_INPUT, "metadata \"%.100s\" cannot be a header of S3", name);
		memcpy(text, value, length);
		text[length] = '\0';
		*bytes += strlen(wire) + length;
		if (op == NULL)
			continue;
		word = cf_s3_word_encode(&op->request_arena, text);
		if (word == NULL)
		{
			cf_remote_memory(op);
			return false;
		}
		snprintf(header, sizeof(header), "meta-%s", wire);
		if (!cf_s3_amz_header(op, header, word))
			return false;
	}
	return true;
}

/* metadata_name writes a name as it travels: ours with "-" for "_". false = it cannot be part of a header's name. */
static bool
metadata_name(const char *name, char wire[128])
{
	bool		ours = strncmp(name, "cf_", 3) == 0;
	size_t		i;

	for (i = 0; name[i] != '\0'; i++)
	{
		char		c = name[i];

		wire[i] = c >= 'A' && c <= 'Z' ? (char) (c + 'a' - 'A') : ours && c == '_' ? '-' : c;
		if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL)
			return false;
	}
	wire[i] = '\0';
	return i > 0;
}

static bool
line_known(const char *lines, const char *name)
{
	char		other[128];
	const char *value;
	size_t		length;

	while (cf_s3_line_next(&lines, other, &value, &length))
	{
		if (strcmp(other, name) == 0)
			return true;
	}
	return false;
}

/* tags_add writes the tags as a query: "a=b&c=d". A name of 128 characters has up to 512 bytes. */
static bool
tags_add(CfOp *op, const char *tags)
{
	CfRemoteText text = {.arena = &op->request_arena};

	while (*tags != '\0')
	{
		size_t		length = strcspn(tags, "\n");
		size_t		name = strcspn(tags, "=\n");
		char	   *line = cf_arena_strndup(text.arena, tags, length);

		tags += length + (tags[length] == '\n');
		if (line == NULL || name == 0 || name == length)
		{
			text.failed |= line == NULL;
			continue;
		}
		line[name] = '\0';
		cf_remote_text_add(&text, text.length > 0 ? "&" : "");
		cf_remote_text_encode(&text, line);
		cf_remote_text_add(&text, "=");
		cf_remote_text_encode(&text, line + name + 1);
	}
	if (text.failed)
	{
		cf_remote_memory(op);
		return false;
	}
	return text.length == 0 || cf_s3_amz_header(op, "tagging", text.data);
}
