/*
 * azure_object.c
 *		One object in one request: how it is looked at, read, created, described and removed.
 *
 * A create says If-None-Match: * and describes itself: metadata cf_owner_tag tells whose it is, cf_crc64nvme what was sent.
 */
#include <stdio.h>
#include <string.h>

#include "storage/azure/azure.h"

#define TAGS_MAX 10
#define RANGE_MAX (4 * 1024 * 1024)	/* the service tells no CRC of a longer range */

static bool pinned(const CfOp *op, const char *told, const char *version);
static CfStep range_ask(CfOp *op, const char *key, const char *version, int64_t first, int64_t last);
static bool range_version(CfOp *op, const char *key, char version[CF_STORAGE_VERSION_MAX + 1]);
static bool range_check(CfOp *op, const CfReadArgs *args, const void *data, int64_t size_bytes);
static CfStep tags_ask(CfOp *op, const char *key, int phase);
static bool sent(const CfOp *op, const CfObjectStat *stat);
static CfStep create(CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length, CfObjectStat *stat);
static CfStep put_send(CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length);
static bool put_stat(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat);
static CfStep remove_ask(CfOp *op, const char *key, const char *version, int phase);
static CfStep remove_read(CfOp *op, const char *key, CfRemoved *removed);

const CfRemote cf_azure_remote = {
	.state_bytes = sizeof(CfAzureState),
	.range_max = RANGE_MAX,
	.tags_hint = "The object has tags: the SAS needs permission t, a role the action blobs/tags/read.",
	.look = cf_azure_look,
	.missing = cf_azure_missing,
	.stat_fill = cf_azure_stat_fill,
	.fail = cf_azure_fail,
	.pinned = pinned,
	.range_ask = range_ask,
	.range_version = range_version,
	.sent = sent,
	.create = create,
	.in_parts = cf_azure_in_parts,
	.part_send = cf_azure_part_send,
	.part_answer = cf_azure_part_answer,
	.join = cf_azure_join,
	.remove_ask = remove_ask,
	.remove_read = remove_read,
	.range_check = range_check,
	.tags_ask = tags_ask,
};

/* cf_azure_look asks for the headers of a blob; in the course of a read, under its pin. */
CfStep
cf_azure_look(CfOp *op, const char *key, int phase)
{
	const CfRemoteState *state = op->state;

	return cf_remote_ask(op, cf_azure_request(op, "HEAD", "GetBlobProperties", key, NULL) != NULL &&
						 (!state->reading || cf_azure_pin(op, "If-Match", state->version)), phase);
}

static CfStep
tags_ask(CfOp *op, const char *key, int phase)
{
	int64_t		tags;

	if (!cf_remote_number(cf_net_answer(&op->response, "x-ms-tag-count"), TAGS_MAX, &tags) || tags == 0)
		return CF_STEP_DONE;
	return cf_remote_ask(op, cf_azure_request(op, "GET", "GetBlobTags", key, "comp=tags") != NULL, phase);
}

static bool
pinned(const CfOp *op, const char *told, const char *version)
{
	(void) op;
	return strcmp(told, version) == 0;
}

/*
 * range_ask asks for the CRC-64 of the range as well, since many blobs have no digest of their own: what the service read from its disks
 * is what arrives here, or it is asked for again.
 */
static CfStep
range_ask(CfOp *op, const char *key, const char *version, int64_t first, int64_t last)
{
	const CfLearned *learned = op->place->learned;
	char		range[64];

	snprintf(range, sizeof(range), "bytes=%lld-%lld", (long long) first, (long long) last);
	return cf_remote_ask(op, cf_azure_request(op, "GET", "GetBlob", key, NULL) != NULL && cf_azure_pin(op, "If-Match", version) &&
						 cf_azure_header(op, "x-ms-range", range) &&
						 ((learned != NULL && learned->no_range_digest) || cf_azure_header(op, CF_AZURE_RANGE_CRC, "true")), CF_REMOTE_ASKED);
}

static bool
range_version(CfOp *op, const char *key, char version[CF_STORAGE_VERSION_MAX + 1])
{
	return cf_azure_etag(cf_net_answer(&op->response, "etag"), version) ||
		cf_remote_unexpected(op, "read object", key, "the answer has no ETag") == CF_STEP_DONE;
}

static bool
range_check(CfOp *op, const CfReadArgs *args, const void *data, int64_t size_bytes)
{
	uint64_t	crc;

	(void) size_bytes;
	/* Emulators tell none. */
	if (op->response.status != 206 || !cf_azure_crc_read(cf_net_answer(&op->response, "x-ms-content-crc64"), &crc) ||
		crc == cf_crc64nvme(0, data, op->response.sink_bytes))
		return true;
	cf_remote_unexpected(op, "read object", args->key, "the CRC-64 of its bytes is not the one that the service tells");
	return cf_error_detail(&op->err, "The bytes were damaged on their way.");
}

static CfStep
create(CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length, CfObjectStat *stat)
{
	CfStep		step;

	if (op->phase == CF_REMOTE_START)
		return put_send(op, args, known, data, length);
	if (op->phase == CF_REMOTE_SETTLING)
		return cf_azure_settled(op, args, stat);
	step = cf_azure_created(op, args, args->resume);
	if (step != CF_STEP_DONE)
		return step;
	return put_stat(op, args, stat) ? cf_remote_done(op) : cf_remote_memory(op);
}

/* put_send sends a whole object; known digests are what the caller read, else they are computed of what is sent. */
static CfStep
put_send(CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length)
{
	CfAzureState *state = op->state;
	CfDigests	digests = {.known = CF_DIGEST_CRC64NVME};
	char		crc[CF_REMOTE_CRC_TEXT];

	if (!cf_azure_describe_check(op, args))
		return cf_remote_error(op);
	/* Beside a CRC the service takes no MD5; it computes one itself. */
	digests.crc64nvme = known != NULL && (known->known & CF_DIGEST_CRC64NVME) != 0 ? known->crc64nvme : cf_crc64nvme(0, data, length);
	cf_azure_crc_write(digests.crc64nvme, crc);
	if (cf_azure_request(op, "PUT", "PutBlob", args->key, NULL) == NULL || !cf_azure_header(op, "x-ms-blob-type", "BlockBlob") ||
		!cf_azure_header(op, "If-None-Match", "*") || !cf_azure_header(op, "Content-Type", "application/octet-stream") ||
		!cf_azure_header(op, "x-ms-content-crc64", crc) || !cf_azure_describe(op, args, &digests))
		return cf_remote_error(op);
	state->body_is_object = true;
	op->request.body = length > 0 ? data : NULL;
	op->request.body_bytes = length;
	op->request.net_class = CF_NET_BODY;
	op->request.repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_remote_send(op, CF_REMOTE_ASKED);
}

/* put_stat tells of an object what the answer to its Put Blob told, and what was sent. */
static bool
put_stat(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat)
{
	CfAzureState *state = op->state;
	const char *tier = cf_azure_tier(cf_remote_class(op, args->storage_class));

	memset(stat, 0, sizeof(*stat));
	stat->size_bytes = args->size_bytes;
	memcpy(stat->version, state->version, sizeof(stat->version));
	stat->mtime_us = state->mtime_us;
	stat->digests = state->digests;
	stat->storage_class = tier == NULL ? "" : tier;
	stat->content_type = args->content_type == NULL ? "" : cf_arena_strdup(op->arena, args->content_type);
	cf_azure_class_note(stat, "");
	return stat->content_type != NULL;
}

/*
 * cf_azure_created reads the answer to a create: DONE, what it told is in the state; SEND, it is being settled, and the next
 * answer is for cf_azure_settled; or ERROR. Without always_settle somebody there is only doubted when we sent more than once.
 */
CfStep
cf_azure_created(CfOp *op, const CfUploadArgs *args, bool always_settle)
{
	CfAzureState *state = op->state;
	const CfResponse *response = &op->response;
	int			sends = response->sends;
	int			status = response->status;
	bool		taken;
	bool		committed;
	uint64_t	crc;

	memset(&state->digests, 0, sizeof(state->digests));
	if (status == 201 && cf_azure_etag(cf_net_answer(response, "etag"), state->version) &&
		cf_remote_time(cf_net_answer(response, "last-modified"), &state->mtime_us))
	{
		bool		told = state->body_is_object && cf_azure_crc_read(cf_net_answer(response, "x-ms-content-crc64"), &crc);

		/* A service that got our CRC and said 201 has checked it, whether it says so or not. */
		if (told || (state->body_is_object && state->crc_known))
			state->digests = (CfDigests) {.known = CF_DIGEST_CRC64NVME, .crc64nvme = told ? crc : state->crc};
		if (!told || !state->crc_known || crc == state->crc)
			return CF_STEP_DONE;
		return cf_remote_unexpected(op, "create object", args->key, "the service holds other bytes than were sent");
	}
	taken = cf_azure_taken(op);
	committed = cf_azure_code_is(op, "InvalidBlockList");	/* perhaps by ourselves, a moment ago */
	if (taken)
		cf_remote_exists(op, args->key);
	else
		cf_azure_fail(op, "create object", args->key);
	state->remote.told = op->err;
	state->remote.told.retryable |= taken;	/* if it is gone when we look */
	if (taken ? always_settle || sends > 1 : committed || (sends > 0 && (status == 0 || status >= 500 || status < 300)))
		return cf_azure_look(op, args->key, CF_REMOTE_SETTLING);
	return CF_STEP_ERROR;
}

/* cf_azure_settled reads HEAD: is what is there what we sent? */
CfStep
cf_azure_settled(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat)
{
	CfAzureState *state = op->state;
	CfStep		step = cf_remote_settled(op, args, stat);

	if (step != CF_STEP_DONE)
		return step;
	if (strcmp(state->version, stat->version) == 0)
		stat->digests = state->digests;
	memcpy(state->version, stat->version, sizeof(state->version));
	state->mtime_us = stat->mtime_us;
	return step;
}

static bool
sent(const CfOp *op, const CfObjectStat *stat)
{
	const CfAzureState *state = op->state;
	const char *told = cf_net_answer(&op->response, "x-ms-meta-" CF_AZURE_CONTENT_CRC);
	char		crc[CF_REMOTE_CRC_TEXT];

	(void) stat;
	cf_azure_crc_write(state->crc, crc);
	return !state->crc_known || told[0] == '\0' || strcmp(told, crc) == 0;
}

/* cf_azure_ours tells whether the blob that HEAD described carries our owner tag. */
bool
cf_azure_ours(const CfOp *op, const char *owner_tag)
{
	return strcmp(cf_net_answer(&op->response, "x-ms-meta-" CF_REMOTE_OWNER_TAG), owner_tag) == 0;
}

/* cf_azure_describe_check tells beforehand what Azure would refuse after the bytes were sent. */
bool
cf_azure_describe_check(CfOp *op, const CfUploadArgs *args)
{
	if (cf_azure_tier(args->storage_class == NULL ? "" : args->storage_class) == NULL)
		return cf_error_set(&op->err, CF_ERR_INPUT, "storage class \"%.60s\" is none of Azure's", args->storage_class);
	return cf_remote_metadata_check(op, args) && cf_remote_tags_check(op, args);
}

/* cf_azure_describe adds what a new blob says of itself: properties, class, metadata, tags. */
bool
cf_azure_describe(CfOp *op, const CfUploadArgs *args, const CfDigests *digests)
{
	static const char *const names[CF_REMOTE_PROPERTIES] = {
		"x-ms-blob-content-type", "x-ms-blob-cache-control", "x-ms-blob-content-disposition", "x-ms-blob-content-encoding",
		"x-ms-blob-content-language"
	};
	CfAzureState *state = op->state;
	const char *values[CF_REMOTE_PROPERTIES];
	const char *tags = cf_remote_tags(&op->request_arena, args->attributes.tags);
	char		crc[CF_REMOTE_CRC_TEXT];
	char		md5[CF_BASE64_BYTES(16)] = "";

	state->crc_known = digests != NULL && (digests->known & CF_DIGEST_CRC64NVME) != 0;
	state->crc = state->crc_known ? digests->crc64nvme : 0;
	state->body_is_object = false;
	cf_azure_crc_write(state->crc, crc);
	if (digests != NULL && (digests->known & CF_DIGEST_MD5) != 0)
		cf_base64_encode(digests->md5, sizeof(digests->md5), md5);
	if (tags == NULL)
		return cf_remote_memory(op) == CF_STEP_DONE;
	cf_remote_properties(args, values);
	for (int i = 0; i < CF_REMOTE_PROPERTIES; i++)
	{
		if (!cf_azure_header(op, names[i], values[i]))
			return false;
	}
	return cf_azure_header(op, "x-ms-blob-content-md5", md5) &&
		cf_azure_header(op, "x-ms-access-tier", cf_azure_tier(cf_remote_class(op, args->storage_class))) &&
		cf_azure_header(op, "x-ms-tags", tags) && cf_remote_metadata_send(op, args, "x-ms-meta-", NULL, CF_AZURE_CONTENT_CRC) &&
		(!state->crc_known || cf_azure_header(op, "x-ms-meta-" CF_AZURE_CONTENT_CRC, crc)) &&
		cf_azure_header(op, "x-ms-meta-" CF_REMOTE_OWNER_TAG, args->owner_tag);
}

static CfStep
remove_ask(CfOp *op, const char *key, const char *version, int phase)
{
	if (cf_azure_request(op, "DELETE", "DeleteBlob", key, NULL) == NULL || !cf_azure_pin(op, "If-Match", version))
		return cf_remote_error(op);
	op->request.repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_remote_send(op, phase);
}

static CfStep
remove_read(CfOp *op, const char *key, CfRemoved *removed)
{
	int			status = op->response.status;

	*removed = status == 412 ? CF_REMOVED_CHANGED : CF_REMOVED_DELETED;
	if ((status >= 200 && status < 300) || (status == 412 && (cf_azure_code_is(op, "") || cf_azure_code_is(op, "ConditionNotMet"))))
		return CF_STEP_DONE;
	cf_azure_fail(op, "remove object", key);
	*removed = CF_REMOVED_KEPT;
	return (status == 409 || status == 412) && op->err.kind == CF_ERR_STATE && !op->err.retryable ? CF_STEP_DONE : CF_STEP_ERROR;
}
