/*
 * azure_copy.c
 *		What the service does by itself: copies, changes of class, restores.
 *
 * A copy is one Put Blob From URL up to 5,000 MiB, and blocks from ranges of the source beyond, or where the service has no such
 * call. The service reads the source on a URL of its own: with a SAS made of the source's account key, with the source's own
 * SAS, or with a token in x-ms-copy-source-authorization. Every request pins the source; the destination is create-only.
 *
 * What the service tells of the bytes that it got (their CRC-64, or that their MD5 is the one that it was to check) is told of the copy, and
 * the caller holds it against what the source claims. A copied Content-MD5 would prove nothing, and is not looked at.
 *
 * Set Blob Tier knows no If-Match and changes no ETag, so the version is compared before and after: a blob written in between
 * may have got the class, and is reported as changed. Restoring is a change of class from Archive; there are no days, the blob
 * stays what it was restored to.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "storage/azure/azure.h"
#include "storage/utf8.h"

#define MIB (INT64_C(1024) * 1024)
#define COPY_BLOCK (256 * MIB)
#define SAS_LIFE_US INT64_C(7200000000)

static bool claims(const CfUploadArgs *args, int kind);
static void tell_md5(const CfOp *op, const CfUploadArgs *args, CfDigests *digests);
static CfStep copy_begin(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version, const CfUploadArgs *args,
						 const char *mark);
static CfStep copy_whole(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version, const CfUploadArgs *args);
static CfStep copy_block(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version, const CfUploadArgs *args,
						 const char *mark, CfObjectStat *stat);
static bool check_md5(CfOp *op, const CfUploadArgs *args, bool all);
static bool copy_source(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version);
static CfStep copy_fail(CfOp *op, const CfPlace *source, const char *source_key);
static CfStep class_send(CfOp *op, const char *key, const char *tier, const char *priority);

/* copy_mark tells one source from another in the ids of blocks. */
static bool
copy_mark(const char *source_version, int64_t size_bytes, char mark[CF_AZURE_MARK_TEXT], CfError *err)
{
	char		seed[CF_STORAGE_VERSION_MAX + 64];

	snprintf(seed, sizeof(seed), "%lld:%s", (long long) size_bytes, source_version);
	return cf_azure_mark(seed, mark, err);
}

CfStep
cf_azure_copy(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version, const CfUploadArgs *args,
			  char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat)
{
	CfAzureState *state = op->state;
	char		mark[CF_AZURE_MARK_TEXT];
	uint64_t	crc;
	int64_t		bytes;
	CfStep		step;

	(void) token;				/* blocks that nobody commits vanish by themselves */
	if (!copy_mark(source_version, args->size_bytes, mark, &op->err))
		return cf_remote_error(op);
	switch (op->phase)
	{
		case CF_REMOTE_START:
			return copy_begin(op, source, source_key, source_version, args, mark);
		case CF_REMOTE_ASKED:
			if (op->response.status == 501)	/* no Put Blob From URL here */
				return copy_block(op, source, source_key, source_version, args, mark, stat);
			if (op->response.status >= 400 && op->response.status < 500 && !cf_azure_taken(op))
				return copy_fail(op, source, source_key);
			step = cf_azure_created(op, args, true);
			if (step != CF_STEP_DONE)
				return step;
			tell_md5(op, args, &state->digests);
			cf_error_set(&state->remote.told, CF_ERR_IO, "could not look at object \"%.200s\" after it was copied", args->key);
			return cf_azure_look(op, args->key, CF_REMOTE_SETTLING);
		case CF_REMOTE_ASKED_MORE:
			if (op->response.status != 201)
				return copy_fail(op, source, source_key);
			tell_md5(op, args, &state->copied);
			bytes = args->size_bytes - (int64_t) (state->block - 1) * state->block_bytes;
			bytes = bytes < state->block_bytes ? bytes : state->block_bytes;
			state->copied_known &= cf_azure_crc_read(cf_net_answer(&op->response, "x-ms-content-crc64"), &crc);
			if (state->copied_known)
				state->copied_crc = cf_crc64nvme_combine(state->copied_crc, crc, bytes);
			state->block++;
			return copy_block(op, source, source_key, source_version, args, mark, stat);
		case CF_REMOTE_SETTLING:
			step = cf_azure_settled(op, args, stat);
			break;
		default:
			step = cf_azure_blocks_commit(op, args, NULL, mark, stat);
			break;
	}
	if (step == CF_STEP_DONE && (state->copied.known & CF_DIGEST_MD5) != 0)
	{
		memcpy(stat->digests.md5, state->copied.md5, sizeof(stat->digests.md5));
		stat->digests.known |= CF_DIGEST_MD5;
	}
	return step;
}

/* claims tells whether the source has, or claims, a digest of that kind. */
static bool
claims(const CfUploadArgs *args, int kind)
{
	return args->claimed != NULL && ((args->claimed->known | args->claimed->claimed) & kind) != 0;
}

/* tell_md5 takes in the MD5 of all that the service got: as it tells it now, else the one that it was to check. */
static void
tell_md5(const CfOp *op, const CfUploadArgs *args, CfDigests *digests)
{
	const CfAzureState *state = op->state;

	if (!state->checks_md5)
		return;
	memcpy(digests->md5, args->claimed->md5, sizeof(digests->md5));
	digests->known |= CF_DIGEST_MD5;
	cf_remote_digest_md5(digests, cf_net_answer(&op->response, "content-md5"));
}

/* copy_begin chooses the way. */
static CfStep
copy_begin(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version, const CfUploadArgs *args,
		   const char *mark)
{
	CfAzureState *state = op->state;

	if (!cf_azure_describe_check(op, args))
		return cf_remote_error(op);
	state->block = 0;
	state->copied_crc = 0;
	state->copied_known = true;
	state->copied.known = 0;
	state->block_bytes = (args->size_bytes / CF_AZURE_BLOCKS_MAX / MIB + 1) * MIB;
	if (state->block_bytes < COPY_BLOCK)
		state->block_bytes = COPY_BLOCK;
	if (args->size_bytes <= CF_AZURE_COPY_MAX)
		return copy_whole(op, source, source_key, source_version, args);
	return copy_block(op, source, source_key, source_version, args, mark, NULL);
}

static CfStep
copy_whole(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version, const CfUploadArgs *args)
{
	CfAzureState *state = op->state;
	CfRequest  *request = cf_azure_request(op, "PUT", "PutBlobFromURL", args->key, NULL);
	CfDigests	claimed = {0};

	if (claims(args, CF_DIGEST_CRC64NVME))
		claimed = (CfDigests) {.known = CF_DIGEST_CRC64NVME, .crc64nvme = args->claimed->crc64nvme};
	if (request == NULL || !cf_azure_header(op, "x-ms-blob-type", "BlockBlob") || !cf_azure_header(op, "If-None-Match", "*") ||
		!cf_azure_header(op, "x-ms-copy-source-blob-properties", "false") || !copy_source(op, source, source_key, source_version) ||
		!check_md5(op, args, true) || !cf_azure_describe(op, args, &claimed))
		return cf_remote_error(op);
	state->body_is_object = true;
	state->crc_known = false;	/* the caller compares it */
	request->net_class = CF_NET_SLOW;
	request->repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_remote_send(op, CF_REMOTE_ASKED);
}

/* copy_block has the next range copied into a block; after the last one the blocks are committed. */
static CfStep
copy_block(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version, const CfUploadArgs *args, const char *mark,
		   CfObjectStat *stat)
{
	CfAzureState *state = op->state;
	char		id[CF_AZURE_ID_TEXT];
	char		range[64];
	int64_t		from;
	CfRequest  *request;

	if (state->block == 0)
		state->block = 1;
	from = (int64_t) (state->block - 1) * state->block_bytes;
	if (from >= args->size_bytes)
	{
		op->phase = CF_REMOTE_START;
		return cf_azure_blocks_commit(op, args, NULL, mark, stat);
	}
	if (!cf_azure_block_id(args->owner_tag, mark, state->block, 0, id, &op->err))
		return cf_remote_error(op);
	snprintf(range, sizeof(range), "bytes=%lld-%lld", (long long) from,
			 (long long) (args->size_bytes - from < state->block_bytes ? args->size_bytes : from + state->block_bytes) - 1);
	request = cf_azure_block_request(op, "PutBlockFromURL", args->key, id);
	if (request == NULL || !cf_azure_header(op, "x-ms-source-range", range) || !copy_source(op, source, source_key, source_version) ||
		!check_md5(op, args, args->size_bytes <= state->block_bytes))
		return cf_remote_error(op);
	request->net_class = CF_NET_SLOW;
	return cf_remote_send(op, CF_REMOTE_ASKED_MORE);
}

/* check_md5 lets the service check the MD5 that the source claims, where the request is about all of its bytes. */
static bool
check_md5(CfOp *op, const CfUploadArgs *args, bool all)
{
	CfAzureState *state = op->state;
	char		md5[CF_BASE64_BYTES(16)];

	state->checks_md5 = all && claims(args, CF_DIGEST_MD5);
	if (!state->checks_md5)
		return true;
	cf_base64_encode(args->claimed->md5, sizeof(args->claimed->md5), md5);
	return cf_azure_header(op, "x-ms-source-content-md5", md5);
}

/* copy_source adds from where the service reads, on whose authority, and which version. */
static bool
copy_source(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version)
{
	int64_t		now_us = cf_clock_now_us();
	char	   *query = NULL;
	char	   *url;

	if (cf_credential(source->credentials, "account_key") != NULL &&
		!cf_azure_sas(source, &op->request_arena, source_key, "r", now_us, now_us + SAS_LIFE_US, &query, &op->err))
		return false;
	url = cf_azure_url(source, &op->request_arena, source_key, query);
	if (url == NULL)
		return cf_remote_memory(op), false;
	if (cf_azure_token_wanted(source) && source->token != NULL)
	{
		char	   *bearer = cf_remote_format(&op->request_arena, "Bearer %s", source->token->value);

		if (bearer == NULL)
			return cf_remote_memory(op), false;
		if (!cf_net_header(&op->request, "x-ms-copy-source-authorization", bearer, &op->err))
			return false;
	}
	return cf_net_header(&op->request, "x-ms-copy-source", url, &op->err) && cf_azure_pin(op, "x-ms-source-if-match", source_version);
}

/* copy_fail tells whose fault it is: what the service met at the source stands in headers of its own. */
static CfStep
copy_fail(CfOp *op, const CfPlace *source, const char *source_key)
{
	int64_t		status = 0;
	bool		changed = cf_azure_code_is(op, "SourceConditionNotMet");

	if (!cf_remote_number(cf_net_answer(&op->response, "x-ms-copy-source-status-code"), 999, &status) &&
		cf_azure_code_is(op, "CannotVerifyCopySource"))
		status = op->response.status;
	cf_azure_fail(op, "copy object", source_key);
	if (status == 412 || changed)
		cf_error_set(&op->err, CF_ERR_CHANGED, "object \"%s\" of place \"%s\" has changed", cf_remote_shown(op, source_key), source->name);
	else if (status == 404)
		cf_error_set(&op->err, CF_ERR_NOT_FOUND, "object \"%s\" of place \"%s\" is not there any more", cf_remote_shown(op, source_key), source->name);
	else if (status == 409)
	{
		cf_error_set(&op->err, CF_ERR_STATE, "object \"%s\" of place \"%s\" cannot be read", cf_remote_shown(op, source_key), source->name);
		cf_error_hint(&op->err, "It may be archived: restore it first.");
	}
	else if (status == 401 || status == 403)
	{
		op->err.kind = CF_ERR_DENIED;
		cf_error_hint(&op->err, "The destination's service could not read the source: look at the credentials and the firewall of place \"%s\".",
					  source->name);
	}
	return CF_STEP_ERROR;
}

CfStep
cf_azure_set_class(CfOp *op, const char *key, const char *version, const char *storage_class, char token[CF_STORAGE_COPY_TOKEN],
					  CfObjectStat *stat)
{
	const char *tier = cf_azure_tier(storage_class);

	(void) token;
	if (op->phase == CF_REMOTE_START)
	{
		if (tier != NULL && tier[0] != '\0')
			return cf_azure_look(op, key, CF_REMOTE_ASKED);
		cf_error_set(&op->err, CF_ERR_INPUT, "objects of place \"%s\" cannot get storage class \"%.60s\"", op->place->name, storage_class);
		cf_error_hint(&op->err, "Classes are Hot, Cool, Cold, Archive, or as in the price book (HOT_LRS, COOL_ZRS, …).");
		return cf_remote_error(op);
	}
	if (op->phase == CF_REMOTE_ASKED_MORE)
	{
		if (op->response.status != 200 && op->response.status != 202)
			return cf_azure_fail(op, "change the class of object", key);
		return cf_azure_look(op, key, CF_REMOTE_ASKED_LAST);
	}
	if (!cf_remote_pinned(op, key, version, stat))
		return CF_STEP_ERROR;
	if (op->phase == CF_REMOTE_ASKED_LAST || strcmp(stat->storage_class, tier) == 0)
		return cf_remote_done(op);
	return class_send(op, key, tier, "");
}

/* cf_azure_restore makes an archived blob readable, in the class of the place's new objects, else Hot. */
CfStep
cf_azure_restore(CfOp *op, const char *key, const char *version, int days, const char *priority)
{
	const char *tier = cf_azure_tier(op->place->storage_class);
	bool		high = strcasecmp(priority, "High") == 0;
	CfObjectStat stat;

	(void) days;
	if (op->phase == CF_REMOTE_START)
	{
		if (high || priority[0] == '\0' || strcasecmp(priority, "Standard") == 0)
			return cf_azure_look(op, key, CF_REMOTE_ASKED);
		cf_error_set(&op->err, CF_ERR_INPUT, "objects of place \"%s\" cannot be restored with priority \"%.60s\"", op->place->name, priority);
		cf_error_hint(&op->err, "Azure knows Standard (up to 15 hours) and High (often under one hour, dearer).");
		return cf_remote_error(op);
	}
	if (op->phase == CF_REMOTE_ASKED_MORE)
	{
		if (op->response.status == 200 || op->response.status == 202 || cf_azure_code_is(op, "BlobBeingRehydrated"))
			return cf_remote_done(op);
		return cf_azure_fail(op, "restore object", key);
	}
	if (!cf_remote_pinned(op, key, version, &stat))
		return CF_STEP_ERROR;
	if (!stat.must_restore || (stat.restoring && !high))
		return cf_remote_done(op);
	if (tier == NULL || tier[0] == '\0' || strcmp(tier, "Archive") == 0)
		tier = "Hot";
	return class_send(op, key, tier, high ? "High" : "Standard");
}

static CfStep
class_send(CfOp *op, const char *key, const char *tier, const char *priority)
{
	return cf_remote_ask(op, cf_azure_request(op, "PUT", "SetBlobTier", key, "comp=tier") != NULL &&
						 cf_azure_header(op, "x-ms-access-tier", tier) && cf_azure_header(op, "x-ms-rehydrate-priority", priority),
						 CF_REMOTE_ASKED_MORE);
}
