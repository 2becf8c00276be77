/*
 * s3_answer.c
 *		What answers of S3 mean: for the engine (may it be sent again?), for the user (errors), and of an object (headers).
 *
 * Stores give different codes for the same fault, so a code only refines what the HTTP status says. A 200 of Complete and of
 * the copies may hold an error, and counts only with the ETag that ends it. Nothing of a body reaches a message but the code, the region and
 * the request's id, each of harmless characters: a body may echo what was signed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/s3/s3.h"

#define SKEW_US (INT64_C(15) * 60 * 1000000)
#define CODE_BYTES 64

/* Codes that say more than the status; in what kind of error they end, and what helps. */
static const CfRemoteCode codes[] = {
	{"NoSuchKey", CF_ERR_NOT_FOUND, CF_NET_FINAL, ""},
	{"NoSuchVersion", CF_ERR_NOT_FOUND, CF_NET_FINAL, ""},
	{"NoSuchUpload", CF_ERR_STATE, CF_NET_FINAL, ""},
	{"NoSuchBucket", CF_ERR_STATE, CF_NET_FINAL, "Create the bucket, or correct the options bucket and endpoint of the place."},
	{"AccessDenied", CF_ERR_DENIED, CF_NET_FINAL,
	"The credentials lack a permission; docs/storage.md has a policy with all that is needed."},
	{"AllAccessDisabled", CF_ERR_DENIED, CF_NET_FINAL, ""},
	{"InvalidAccessKeyId", CF_ERR_DENIED, CF_NET_FINAL, "Set valid credentials with cloudflux.set_credentials()."},
	{"SignatureDoesNotMatch", CF_ERR_DENIED, CF_NET_FINAL,
	"The secret access key is wrong, or a proxy changes requests; set credentials with cloudflux.set_credentials()."},
	{"InvalidToken", CF_ERR_DENIED, CF_NET_FINAL, "Set valid credentials with cloudflux.set_credentials()."},
	{"ExpiredToken", CF_ERR_DENIED, CF_NET_REAUTHENTICATE, "The session has ended; set new credentials with cloudflux.set_credentials()."},
	{"ExpiredTokenException", CF_ERR_DENIED, CF_NET_REAUTHENTICATE, ""},
	{"TokenRefreshRequired", CF_ERR_DENIED, CF_NET_REAUTHENTICATE, ""},
	{"RequestTimeTooSkewed", CF_ERR_STATE, CF_NET_CLOCK, "Set the clock of the server by NTP."},
	{"RequestExpired", CF_ERR_STATE, CF_NET_CLOCK, "Set the clock of the server by NTP."},
	{"InvalidObjectState", CF_ERR_STATE, CF_NET_FINAL, "The object is archived: it must be restored before it can be read."},
	{"KMS.DisabledException", CF_ERR_DENIED, CF_NET_FINAL, "The KMS key of the object is disabled."},
	{"KMS.NotFoundException", CF_ERR_DENIED, CF_NET_FINAL, "The KMS key does not exist; see the option sse_kms_key_id."},
	{"EntityTooLarge", CF_ERR_RANGE, CF_NET_FINAL, ""},
	{"InvalidStorageClass", CF_ERR_INPUT, CF_NET_FINAL, "The store has no such storage class."},
	{"QuotaExceeded", CF_ERR_FULL, CF_NET_FINAL, "Raise the quota of the bucket; the job is tried again by itself."},
	{"XMinioStorageFull", CF_ERR_FULL, CF_NET_FINAL, ""},
	{"InsufficientCapacity", CF_ERR_FULL, CF_NET_FINAL, ""},
	{"GlacierExpeditedRetrievalNotAvailable", CF_ERR_BUSY, CF_NET_FINAL, "Restore with priority Standard or Bulk."},
	{"NotImplemented", CF_ERR_UNSUPPORTED, CF_NET_FINAL, "The store does not know this call; a preset tells what a store can do."},
	{"InternalError", CF_ERR_IO, CF_NET_RETRY, ""},
	{"ServiceUnavailable", CF_ERR_IO, CF_NET_SLOW_DOWN, ""},
	{"SlowDown", CF_ERR_IO, CF_NET_SLOW_DOWN, ""},
	{"SlowDownRead", CF_ERR_IO, CF_NET_SLOW_DOWN, ""},
	{"SlowDownWrite", CF_ERR_IO, CF_NET_SLOW_DOWN, ""},
	{"TooManyRequests", CF_ERR_IO, CF_NET_SLOW_DOWN, ""},
	{"Throttling", CF_ERR_IO, CF_NET_SLOW_DOWN, ""},
	{"RequestLimitExceeded", CF_ERR_IO, CF_NET_SLOW_DOWN, ""},
	{"RequestTimeout", CF_ERR_IO, CF_NET_RETRY, ""},
	{"IncompleteBody", CF_ERR_IO, CF_NET_RETRY, ""},
	{"BadDigest", CF_ERR_IO, CF_NET_RETRY, "Bytes were changed on their way to the store."},
	{"InvalidDigest", CF_ERR_IO, CF_NET_FINAL, ""},
	{"XAmzContentSHA256Mismatch", CF_ERR_IO, CF_NET_RETRY, "Bytes were changed on their way to the store."},
	{"XAmzContentChecksumMismatch", CF_ERR_IO, CF_NET_RETRY, "Bytes were changed on their way to the store."},
	{"ConditionalRequestConflict", CF_ERR_BUSY, CF_NET_RETRY, ""},
	{"OperationAborted", CF_ERR_BUSY, CF_NET_RETRY, ""},
	{"PreconditionFailed", CF_ERR_CHANGED, CF_NET_FINAL, ""},
	{NULL, CF_ERR_NONE, CF_NET_FINAL, NULL}
};

static CfNetVerdict verdict_inside(const CfRequest *request, const CfResponse *response);
static CfNetVerdict verdict_of_code(const char *code, CfNetVerdict otherwise);
static bool has_session(const CfOp *op);
static bool attributes_fill(CfOp *op, CfObjectStat *stat);
static void archive_fill(const CfOp *op, CfObjectStat *stat);

/* cf_s3_classify tells the engine what an answer means. */
CfNetVerdict
cf_s3_classify(const CfRequest *request, const CfResponse *response, void *ctx)
{
	CfNetVerdict otherwise = CF_NET_FINAL;
	char		code[CODE_BYTES];

	if (response->truncated)
		return CF_NET_RETRY;
	if (response->status == 200)
		return verdict_inside(request, response);
	if (response->status < 300 && response->status != 0)
		return CF_NET_FINAL;
	cf_s3_code(response, code);
	if (response->status == 429 || (response->status == 503 && code[0] == '\0'))
		otherwise = CF_NET_SLOW_DOWN;
	else if (response->status == 500 || response->status == 502 || response->status == 503 || response->status == 504 ||
			 response->status == 408)
		otherwise = CF_NET_RETRY;
	/* A HEAD has no body that tells why. */
	else if (response->status == 403 && code[0] == '\0' && cf_remote_clock_off(response, SKEW_US))
		return CF_NET_CLOCK;
	/* This is how a HEAD is told that a session has ended. */
	else if (response->status == 401 || (response->status == 400 && strcmp(request->method, "HEAD") == 0 && has_session(ctx)))
		otherwise = CF_NET_REAUTHENTICATE;
	/* What lost against another writer must begin again from the first part; its caller finds out how it stands. */
	if (response->status == 409 && strcmp(request->verb, "CompleteMultipartUpload") == 0)
		return CF_NET_FINAL;
	return verdict_of_code(code, otherwise);
}

/* has_session tells whether the request of an op is signed with credentials that were obtained, and can be again. */
static bool
has_session(const CfOp *op)
{
	const CfPlace *place = op == NULL ? NULL : cf_remote_asked(op);

	return place != NULL && place->token != NULL && place->token->value[0] != '\0';
}

/* verdict_inside looks into the 200 of calls that work for long before they know their outcome. */
static CfNetVerdict
verdict_inside(const CfRequest *request, const CfResponse *response)
{
	char		code[CODE_BYTES] = "";
	char		etag[3] = "";
	CfXmlField	fields[] = {
		{"Error/Code", code, sizeof(code)},
		{"CompleteMultipartUploadResult/ETag", etag, sizeof(etag)},
		{"CopyObjectResult/ETag", etag, sizeof(etag)},
		{"CopyPartResult/ETag", etag, sizeof(etag)},
	};
	CfError		ignored;

	if (strcmp(request->verb, "CompleteMultipartUpload") != 0 && strcmp(request->verb, "CopyObject") != 0 &&
		strcmp(request->verb, "UploadPartCopy") != 0)
		return CF_NET_FINAL;
	if (!cf_xml_fields(response->body, response->body_bytes, fields, 4, &ignored) || (code[0] == '\0' && etag[0] == '\0'))
		return CF_NET_RETRY;
	return code[0] == '\0' ? CF_NET_FINAL : verdict_of_code(code, CF_NET_FINAL);
}

static CfNetVerdict
verdict_of_code(const char *code, CfNetVerdict otherwise)
{
	const CfRemoteCode *known = cf_remote_code(codes, code);

	return known == NULL ? otherwise : known->verdict;
}

/* cf_s3_code reads the store's code for an error; "" = there is none. */
void
cf_s3_code(const CfResponse *response, char code[64])
{
	CfXmlField	field = {"Error/Code", code, CODE_BYTES};
	CfError		ignored;

	code[0] = '\0';
	if (response->body_bytes > 0)
		(void) cf_xml_fields(response->body, response->body_bytes, &field, 1, &ignored);
	cf_remote_harmless(code, ".");
}

/* cf_s3_stranger tells whether an answer refuses the credentials themselves. A HEAD has no body that could tell. */
bool
cf_s3_stranger(const CfOp *op)
{
	static const char *const strange[] = {
		"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired",
		"InvalidSecurity", "NotSignedUp", "AccountProblem", "XMinioInvalidAccessKeyId", NULL
	};
	char		code[CODE_BYTES];

	cf_s3_code(&op->response, code);
	return cf_remote_among(code, strange);
}

/* cf_s3_answer gives a header of the dialect's own family. */
const char *
cf_s3_answer(const CfOp *op, const char *name)
{
	char		full[96];

	snprintf(full, sizeof(full), "%s%s", cf_s3_store(cf_remote_asked(op))->dialect->header, name);
	return cf_net_answer(&op->response, full);
}

/* cf_s3_fail turns the answer into an error and ends the operation. */
CfStep
cf_s3_fail(CfOp *op, const char *what, const char *key)
{
	CfNetVerdict verdict = cf_s3_classify(&op->request, &op->response, op);
	CfRemoteTold told = cf_remote_told(&op->response);
	char		region[CF_S3_REGION_MAX + 1];
	char		hint[256];

	cf_s3_code(&op->response, told.code);
	cf_remote_told_code(&told, codes);
	told.token_refused = verdict == CF_NET_REAUTHENTICATE && has_session(op);
	told.retryable = verdict == CF_NET_RETRY || verdict == CF_NET_SLOW_DOWN || told.kind == CF_ERR_BUSY || told.kind == CF_ERR_FULL;
	if (cf_s3_region_told(op, region))
	{
		snprintf(hint, sizeof(hint), "The bucket is in region %s: ALTER SERVER … OPTIONS (SET region '%s').", region, region);
		told.kind = CF_ERR_INPUT;
		told.hint = hint;
		told.retryable = told.token_refused = false;
	}
	return cf_remote_refused(op, what, key, cf_s3_answer(op, "request-id"), &told);
}

/* cf_s3_head_fill reads what identifies a version; false = the answer has no ETag. */
bool
cf_s3_head_fill(CfOp *op, const char *key, CfS3Head *head)
{
	const char *etag = cf_net_answer(&op->response, "etag");
	const char *version = cf_s3_answer(op, "version-id");
	const char *owner = cf_s3_answer(op, "meta-cf-owner-tag");
	int64_t		modified_us;
	int64_t		tags;

	memset(head, 0, sizeof(*head));
	head->pin.modified = -1;
	if (version[0] == '\0')
		version = cf_s3_answer(op, "generation");
	if (etag[0] == '\0' || strlen(etag) >= sizeof(head->etag) || strlen(version) >= sizeof(head->version_id))
	{
		cf_remote_unexpected(op, "look at object", key, "the answer has no ETag");
		return false;
	}
	snprintf(head->etag, sizeof(head->etag), "%s", etag);
	cf_s3_etag_pin(etag, &head->pin);
	if (strcmp(version, "null") != 0 && version[0] != '\0')
	{
		snprintf(head->version_id, sizeof(head->version_id), "%s", version);
		cf_s3_pin_value(head->pin.version, sizeof(head->pin.version), version);
	}
	if (strlen(owner) < sizeof(head->owner_tag) &&
		strspn(owner, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == strlen(owner))
	{
		snprintf(head->owner_tag, sizeof(head->owner_tag), "%s", owner);
		snprintf(head->pin.owner, sizeof(head->pin.owner), "%s", owner);
	}
	if (cf_net_date(cf_net_answer(&op->response, "last-modified"), &modified_us) && modified_us >= 0)
		head->pin.modified = modified_us / 1000000;
	head->locked = strcmp(cf_s3_answer(op, "object-lock-legal-hold"), "ON") == 0 ||
		cf_s3_answer(op, "object-lock-retain-until-date")[0] != '\0';
	head->tags = cf_remote_number(cf_s3_answer(op, "tagging-count"), 1000, &tags) ? (int) tags : 0;
	return true;
}

/* cf_s3_stat_fill reads all that a HEAD tells, and what identifies the version into state->head; texts live in op->arena. */
bool
cf_s3_stat_fill(CfOp *op, const char *key, CfObjectStat *stat)
{
	CfS3Head   *head = &((CfS3State *) op->state)->head;
	const char *length = cf_s3_answer(op, "stored-content-length");
	const char *storage_class = cf_s3_answer(op, "storage-class");

	memset(stat, 0, sizeof(*stat));
	if (!cf_s3_head_fill(op, key, head))
		return false;
	if (length[0] == '\0')
		length = cf_net_answer(&op->response, "content-length");
	if (!cf_remote_number(length, INT64_MAX, &stat->size_bytes))
	{
		cf_remote_unexpected(op, "look at object", key, "the answer has no size");
		return false;
	}
	cf_s3_pin_write(&head->pin, stat->version);
	stat->versioned = cf_s3_answer(op, "version-id")[0] != '\0' && strcmp(cf_s3_answer(op, "version-id"), "null") != 0;
	if (head->pin.modified >= 0)
		stat->mtime_us = head->pin.modified * 1000000;
	stat->storage_class = storage_class[0] != '\0' ? cf_arena_strdup(op->arena, storage_class) :
		cf_s3_store(cf_remote_asked(op))->classes ? "STANDARD" : "";
	if (!attributes_fill(op, stat) || stat->storage_class == NULL)
		return cf_remote_memory(op) == CF_STEP_DONE;
	cf_s3_digests_fill(op, head->etag, &stat->digests);
	archive_fill(op, stat);
	return true;
}

/* attributes_fill reads what travels with an object. */
static bool
attributes_fill(CfOp *op, CfObjectStat *stat)
{
	char		prefix[32];
	char	   *encoding;
	char	   *chunked;

	snprintf(prefix, sizeof(prefix), "%smeta-", cf_s3_store(cf_remote_asked(op))->dialect->header);
	if (!cf_remote_properties_read(op, prefix, cf_s3_word_decode, stat))
		return false;
	/* Some stores keep how an upload was framed as if it were a property of the bytes. */
	encoding = (char *) stat->attributes.content_encoding;	/* a copy in the arena */
	if ((chunked = strstr(encoding, "aws-chunked")) != NULL)
	{
		char	   *rest = chunked + strlen("aws-chunked");

		rest += strspn(rest, ", ");
		memmove(chunked, rest, strlen(rest) + 1);
		for (size_t end = strlen(encoding); end > 0 && strchr(", ", encoding[end - 1]) != NULL; end--)
			encoding[end - 1] = '\0';
	}
	return true;
}

/* cf_s3_class_archived tells whether objects of a class cannot be read at once. */
bool
cf_s3_class_archived(const char *storage_class)
{
	return strcmp(storage_class, "GLACIER") == 0 || strcmp(storage_class, "DEEP_ARCHIVE") == 0;
}

/* archive_fill tells whether an object must be restored, or is being restored. */
static void
archive_fill(const CfOp *op, CfObjectStat *stat)
{
	const char *restore = cf_s3_answer(op, "restore");

	stat->restoring = strstr(restore, "ongoing-request=\"true\"") != NULL;
	stat->must_restore = (cf_s3_class_archived(stat->storage_class) || cf_s3_answer(op, "archive-status")[0] != '\0') &&
		strstr(restore, "ongoing-request=\"false\"") == NULL;
}

/* hex_read decodes 32 hexadecimal digits. */
static bool
hex_read(const char *text, uint8_t digest[16])
{
	for (int i = 0; i < 16; i++)
	{
		char		pair[3] = {text[2 * i], text[2 * i] == '\0' ? '\0' : text[2 * i + 1], '\0'};

		if (strspn(pair, "0123456789abcdefABCDEF") != 2)
			return false;
		digest[i] = (uint8_t) strtoul(pair, NULL, 16);
	}
	return text[32] == '\0';
}

/*
 * cf_s3_digests_fill reads the digests of a whole object that the store vouches for: its checksums, and the ETag where that
 * is the MD5 of a single PUT. Whether a PUT was single shows in the ETag of a multipart object ("…-3").
 */
void
cf_s3_digests_fill(const CfOp *op, const char *etag, CfDigests *digests)
{
	const char *type = cf_s3_answer(op, "checksum-type");
	const char *encryption = cf_s3_answer(op, "server-side-encryption");
	char		bare[40];
	uint8_t		sha256[33];

	memset(digests, 0, sizeof(*digests));
	/* Composite ones ("…-3") say nothing of the object. */
	if (type[0] == '\0' || strcmp(type, "FULL_OBJECT") == 0)
	{
		cf_remote_digest_crc64nvme(digests, cf_s3_answer(op, "checksum-crc64nvme"));
		cf_remote_digest_crc32c(digests, cf_s3_answer(op, "checksum-crc32c"));
		if (cf_base64_decode(cf_s3_answer(op, "checksum-sha256"), sha256, sizeof(sha256)) == 32)
		{
			memcpy(digests->sha256, sha256, 32);
			digests->known |= CF_DIGEST_SHA256;
		}
	}
	cf_remote_digests_goog(digests, &op->response);
	if (cf_s3_store(cf_remote_asked(op))->whole_only || (encryption[0] != '\0' && strcmp(encryption, "AES256") != 0) ||
		cf_s3_answer(op, "server-side-encryption-customer-algorithm")[0] != '\0' ||
		sscanf(etag, "\"%33[0-9a-f]", bare) != 1 || strlen(etag) != 34)
		return;
	if (hex_read(bare, digests->md5))
		digests->known |= CF_DIGEST_MD5;
}
