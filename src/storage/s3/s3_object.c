/*
 * s3_object.c
 *		One object: how it is looked at, read, created in one request, and described.
 *
 * A create whose answer was lost meets its own object at the next attempt. So a 412 never means "somebody else" before a HEAD
 * has said whose object is there.
 *
 * A range is read with If-Match, and the answer is compared with the pin all the same: some stores ignore the condition.
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "storage/s3/s3.h"

static bool pinned(const CfOp *op, const char *told, const char *version);
static CfStep range_ask(CfOp *op, const char *key, const char *version, int64_t first, int64_t last);
static bool range_version(CfOp *op, const char *key, char version[CF_STORAGE_VERSION_MAX + 1]);
static CfStep tags_ask(CfOp *op, const char *key, int phase);
static bool sent(const CfOp *op, const CfObjectStat *stat);
static CfStep create(CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length, CfObjectStat *stat);

const CfRemote cf_s3_remote = {
	.state_bytes = sizeof(CfS3State),
	.look = cf_s3_look,
	.missing = cf_s3_missing,
	.stat_fill = cf_s3_stat_fill,
	.fail = cf_s3_fail,
	.pinned = pinned,
	.range_ask = range_ask,
	.range_version = range_version,
	.sent = sent,
	.part_digest = CF_DIGEST_CRC64NVME,
	.create = create,
	.in_parts = cf_s3_in_parts,
	.part_send = cf_s3_part_send,
	.part_answer = cf_s3_part_answer,
	.join = cf_s3_join,
	.tags_ask = tags_ask,
};

/* cf_s3_look asks for all that a HEAD tells of an object; the answer is awaited in phase. */
CfStep
cf_s3_look(CfOp *op, const char *key, int phase)
{
	return cf_remote_ask(op, cf_s3_request(op, "HEAD", "HeadObject", key, "") != NULL &&
						 (cf_s3_store(cf_remote_asked(op))->dialect != &cf_s3_aws4 || cf_s3_amz_header(op, "checksum-mode", "ENABLED")), phase);
}

bool
cf_s3_missing(CfOp *op)
{
	return op->response.status == 404 || (op->response.status == 405 && cf_s3_answer(op, "delete-marker")[0] != '\0');
}

/* cf_s3_pinned compares the object that was looked at with a pin; "" is every version. */
bool
cf_s3_pinned(const CfOp *op, const char *version)
{
	const CfS3State *state = op->state;
	CfS3Pin		pin;

	return version[0] == '\0' || (cf_s3_pin_read(version, &pin) && cf_s3_pin_same(&pin, &state->head.pin));
}

/* pinned goes by all that the answer told: a pin as a text has not all of it. */
static bool
pinned(const CfOp *op, const char *told, const char *version)
{
	(void) told;
	return cf_s3_pinned(op, version);
}

static CfStep
tags_ask(CfOp *op, const char *key, int phase)
{
	if (((const CfS3State *) op->state)->head.tags == 0)
		return CF_STEP_DONE;
	return cf_remote_ask(op, cf_s3_request(op, "GET", "GetObjectTagging", key, "tagging=") != NULL, phase);
}

static CfStep
range_ask(CfOp *op, const char *key, const char *version, int64_t first, int64_t last)
{
	CfS3Pin		pin = {.etag = "~"};
	char		text[64];
	char		etag[CF_S3_ETAG_MAX + 3];

	if (version[0] != '\0' && !cf_s3_pin_read(version, &pin))
		return cf_remote_changed(op, key);
	snprintf(text, sizeof(text), "bytes=%lld-%lld", (long long) first, (long long) last);
	snprintf(etag, sizeof(etag), "\"%s\"", pin.etag);
	return cf_remote_ask(op, cf_s3_request(op, "GET", "GetObject", key, "") != NULL && cf_remote_header(op, "Range", text) &&
						 (pin.etag[0] == '~' || cf_remote_header(op, "If-Match", etag)), CF_REMOTE_ASKED);
}

static bool
range_version(CfOp *op, const char *key, char version[CF_STORAGE_VERSION_MAX + 1])
{
	CfS3State  *state = op->state;

	if (!cf_s3_head_fill(op, key, &state->head))
		return false;
	cf_s3_pin_write(&state->head.pin, version);
	return true;
}

static CfStep
create(CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length, CfObjectStat *stat)
{
	if (op->phase == CF_REMOTE_START)
	{
		if (!cf_s3_writable(op) || !cf_remote_metadata_check(op, args))
			return cf_remote_error(op);
		((CfS3State *) op->state)->remote.told.kind = CF_ERR_NONE;
		if ((int64_t) length > CF_S3_PART_MAX)
			return cf_remote_unexpected(op, "create object", args->key, "it is too large for one request");
	}
	if (op->phase == CF_REMOTE_ASKED || op->phase == CF_REMOTE_SETTLING)
		return cf_s3_put_answer(op, args, stat);
	return cf_s3_put_send(op, args, known, data, length, CF_REMOTE_ASKED);
}

/*
 * cf_s3_put_send creates an object with one request; known digests are of its bytes (NULL = none are). A store without the condition, whose risk a person has accepted, is
 * looked at first (CF_REMOTE_ASKED_MORE), and called again when the answer is there.
 */
CfStep
cf_s3_put_send(CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length, int phase)
{
	CfCaps		caps;
	CfObjectStat stat;

	cf_storage_caps(op->place, &caps);
	if (!caps.create_only && op->phase != CF_REMOTE_ASKED_MORE)
		return cf_s3_look(op, args->key, CF_REMOTE_ASKED_MORE);
	if (op->phase == CF_REMOTE_ASKED_MORE && !cf_s3_missing(op))
		return cf_remote_settled(op, args, &stat);
	if (cf_s3_request(op, "PUT", "PutObject", args->key, "") == NULL || !cf_s3_body(op, data == NULL ? "" : data, length, known) ||
		!cf_s3_checksum_add(op, data == NULL ? "" : data, length, known) || !cf_s3_describe(op, args) ||
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
	const char *storage_class = cf_remote_class(op, args->storage_class);

	if (op->phase == CF_REMOTE_SETTLING)
		return cf_remote_settled(op, args, stat);
	if (op->response.status == 412)
		return cf_s3_look(op, args->key, CF_REMOTE_SETTLING);
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
	stat->storage_class = storage_class[0] != '\0' || !cf_s3_store(op->place)->classes ? storage_class : "STANDARD";
	stat->content_type = args->content_type;
	stat->attributes = args->attributes;
	cf_s3_digests_fill(op, state->head.etag, &stat->digests);
	return cf_remote_done(op);
}

static bool
sent(const CfOp *op, const CfObjectStat *stat)
{
	return cf_remote_digests_agree(&((const CfS3State *) op->state)->digests, &stat->digests);
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

/* cf_s3_checksum_add lets the store check the bytes of the request, and remembers their digest; known (NULL = nothing) is what the caller has computed. */
bool
cf_s3_checksum_add(CfOp *op, const void *data, size_t length, const CfDigests *known)
{
	CfDigests  *digests = &((CfS3State *) op->state)->digests;
	CfS3Checksum checksum = cf_s3_checksum(op->place);
	int			kinds = known == NULL ? 0 : known->known;

	memset(digests, 0, sizeof(*digests));
	if (checksum == CF_S3_CHECKSUM_CRC64NVME)
		*digests = (CfDigests) {.known = CF_DIGEST_CRC64NVME,
			.crc64nvme = kinds & CF_DIGEST_CRC64NVME ? known->crc64nvme : cf_crc64nvme(0, data, length)};
	else if (checksum == CF_S3_CHECKSUM_CRC32C)
		*digests = (CfDigests) {.known = CF_DIGEST_CRC32C,
			.crc32c = kinds & CF_DIGEST_CRC32C ? known->crc32c : cf_crc32c(0, data, length)};
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

/* cf_s3_describe adds what travels with a new object: type, attributes, metadata, tags, class, encryption. */
bool
cf_s3_describe(CfOp *op, const CfUploadArgs *args)
{
	static const char *const names[CF_REMOTE_PROPERTIES] = {
		"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language"
	};
	const char *values[CF_REMOTE_PROPERTIES];
	const char *tags = cf_remote_tags(&op->request_arena, args->attributes.tags);
	const char *storage_class = cf_remote_class(op, args->storage_class);
	const char *sse = cf_storage_option(op->place, "sse");
	const char *kms = cf_storage_option(op->place, "sse_kms_key_id");
	char		prefix[32];

	if (tags == NULL)
		return cf_remote_memory(op) == CF_STEP_DONE;
	snprintf(prefix, sizeof(prefix), "%smeta-", cf_s3_store(op->place)->dialect->header);
	cf_remote_properties(args, values);
	for (int i = 0; i < CF_REMOTE_PROPERTIES; i++)
	{
		if (values[i][0] != '\0' && !cf_remote_header(op, names[i], values[i]))
			return false;
	}
	return (args->owner_tag[0] == '\0' || cf_s3_amz_header(op, "meta-cf-owner-tag", args->owner_tag)) &&
		cf_remote_metadata_send(op, args, prefix, cf_s3_word_encode, "") && (tags[0] == '\0' || cf_s3_amz_header(op, "tagging", tags)) &&
		(storage_class[0] == '\0' || cf_s3_amz_header(op, "storage-class", storage_class)) &&
		(sse[0] == '\0' || cf_s3_amz_header(op, "server-side-encryption", sse)) &&
		(sse[0] != 'a' || kms[0] == '\0' || cf_s3_amz_header(op, "server-side-encryption-aws-kms-key-id", kms));
}
