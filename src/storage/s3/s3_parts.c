/*
 * s3_parts.c
 *		The parts that the store has of an upload, and how they become an object.
 *
 * What is joined is what the store lists, in order and without a gap, if it has the object's size; the store checks the
 * checksum of the whole where the caller knows it. Complete works for minutes and can fail inside its 200; after it, and
 * whenever its outcome is unknown or the upload is not there any more, a HEAD tells whether our object is.
 */
#include <stdio.h>
#include <string.h>

#include "storage/s3/s3.h"

typedef struct PartsVisit
{
	CfOp	   *op;
	CfS3Part	part;
	bool		bad;
	bool		failed;
	bool		truncated;
	int			next;
} PartsVisit;

static bool parts_visit(void *ctx, const char *path, const char *text, size_t length);
static bool part_keep(CfOp *op, const CfS3Part *part);
static CfStep join_listed(CfOp *op, const CfUpload *upload);
static CfStep join_send(CfOp *op, const CfUpload *upload);
static CfStep join_answer(CfOp *op, const CfUpload *upload);
static CfStep join_settle(CfOp *op, const CfUpload *upload, CfErrorKind kind, const char *why);
static bool digests_differ(const CfDigests *a, const CfDigests *b);

/* cf_s3_parts_ask asks which parts the store has, after those that are known already. */
CfStep
cf_s3_parts_ask(CfOp *op, const CfUpload *upload, int phase)
{
	const CfS3State *state = op->state;
	CfRemoteText query = {.arena = op->arena};
	char	   *id = cf_s3_upload_query(op, upload->handle, 0);

	if (id == NULL)
		return CF_STEP_ERROR;
	cf_remote_text_add(&query, id);
	cf_remote_text_add(&query, "&max-parts=1000");
	if (state->part_count > 0)
	{
		cf_remote_text_add(&query, "&part-number-marker=");
		cf_remote_text_number(&query, state->parts[state->part_count - 1].number);
	}
	if (query.failed)
		return cf_remote_memory(op);
	if (cf_s3_request(op, "GET", "ListParts", upload->args.key, query.data) == NULL)
		return cf_remote_error(op);
	op->request.answer_max = CF_S3_PAGE_BYTES;
	return cf_remote_send(op, phase);
}

/* cf_s3_parts_take reads one page of parts; DONE with more = false when it was the last, else it asks for the next. */
CfStep
cf_s3_parts_take(CfOp *op, const CfUpload *upload, bool *more, int phase)
{
	CfS3State  *state = op->state;
	PartsVisit	visit = {.op = op};
	int			before = state->part_count;

	*more = false;
	if (!cf_remote_success(op))
		return cf_s3_fail(op, "list the parts of object", upload->args.key);
	if (!cf_xml_parse(op->response.body, op->response.body_bytes, parts_visit, &visit, &op->err))
		return visit.failed ? cf_remote_memory(op) : cf_remote_error(op);
	if (visit.bad || (visit.truncated && state->part_count == before))
		return cf_remote_unexpected(op, "list the parts of object", upload->args.key, "the answer makes no sense");
	*more = visit.truncated;
	return visit.truncated ? cf_s3_parts_ask(op, upload, phase) : CF_STEP_DONE;
}

static bool
parts_visit(void *ctx, const char *path, const char *text, size_t length)
{
	static const char root[] = "ListPartsResult/";
	PartsVisit *visit = ctx;
	CfS3Part   *part = &visit->part;
	int64_t		number;

	(void) length;
	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return true;
	path += sizeof(root) - 1;
	visit->truncated |= strcmp(path, "IsTruncated") == 0 && strcmp(text, "true") == 0;
	if (strcmp(path, "Part/PartNumber") == 0)
	{
		visit->bad |= !cf_remote_number(text, CF_S3_PARTS_MAX, &number) || number < 1;
		part->number = visit->bad ? 0 : (int) number;
	}
	else if (strcmp(path, "Part/Size") == 0)
		visit->bad |= !cf_remote_number(text, CF_S3_PART_MAX, &part->size_bytes);
	else if (strcmp(path, "Part/ETag") == 0)
		visit->bad |= snprintf(part->etag, sizeof(part->etag), "%s", text) >= (int) sizeof(part->etag);
	else if (strcmp(path, "Part/ChecksumCRC64NVME") == 0 || strcmp(path, "Part/ChecksumCRC32C") == 0)
		visit->bad |= snprintf(part->checksum, sizeof(part->checksum), "%s", text) >= (int) sizeof(part->checksum);
	else if (strcmp(path, "Part") == 0)
	{
		visit->failed = !visit->bad && part->number > 0 && part->etag[0] != '\0' && !part_keep(visit->op, part);
		memset(part, 0, sizeof(*part));
	}
	return !visit->failed;
}

/* part_keep remembers a part that follows the last one; others a store would repeat, not tell. */
static bool
part_keep(CfOp *op, const CfS3Part *part)
{
	const CfAllocator *allocator = &op->arena->allocator;
	CfS3State  *state = op->state;

	if (state->part_count > 0 && part->number <= state->parts[state->part_count - 1].number)
		return true;
	if (state->part_count == state->part_room)
	{
		int			room = state->part_room == 0 ? 64 : state->part_room * 4;
		CfS3Part   *grown = allocator->alloc(allocator->ctx, sizeof(*grown) * (size_t) room);

		if (grown == NULL)
			return false;
		if (state->parts != NULL)
		{
			memcpy(grown, state->parts, sizeof(*grown) * (size_t) state->part_count);
			allocator->free(allocator->ctx, state->parts);
		}
		state->parts = grown;
		state->part_room = room;
	}
	state->parts[state->part_count++] = *part;
	return true;
}

/* cf_s3_parts_join goes on after cf_s3_parts_ask(S3_PARTS_LISTED) until the object is there. */
CfStep
cf_s3_parts_join(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfS3State  *state = op->state;

	if (op->phase == S3_PARTS_LISTED)
		return join_listed(op, upload);
	if (op->phase == S3_PARTS_JOINED)
		return join_answer(op, upload);
	switch (cf_s3_looked(op, upload->args.key, stat))
	{
		case CF_S3_MISSING:
			op->err = state->told;
			return cf_remote_error(op);
		case CF_S3_FAILED:
			return CF_STEP_ERROR;
		default:
			break;
	}
	if (state->replacing && strcmp(stat->storage_class, upload->args.storage_class) != 0)
	{
		op->err = state->told;
		return cf_remote_error(op);
	}
	if (strcmp(state->head.owner_tag, upload->args.owner_tag) != 0)
		return cf_remote_exists(op, upload->args.key);
	if (stat->size_bytes != upload->args.size_bytes || digests_differ(&stat->digests, &upload->digests))
		return cf_remote_unexpected(op, "commit object", upload->args.key, "the store made another object of what was sent");
	return cf_remote_done(op);
}

/* join_listed joins the parts when they make up the object. */
static CfStep
join_listed(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;
	int64_t		size_bytes = 0;
	bool		more;
	CfStep		step;

	if (op->response.status == 404)
		return join_settle(op, upload, CF_ERR_STATE, "the upload is not there any more");
	step = cf_s3_parts_take(op, upload, &more, S3_PARTS_LISTED);
	if (step != CF_STEP_DONE || more)
		return step;
	for (int i = 0; i < state->part_count; i++)
		size_bytes += state->parts[i].number == i + 1 ? state->parts[i].size_bytes : -CF_S3_PARTS_MAX * CF_S3_PART_MAX;
	if (size_bytes == upload->args.size_bytes && state->part_count > 0)
		return join_send(op, upload);
	cf_remote_unexpected(op, "commit object", upload->args.key, "some of its parts are missing");
	op->err.kind = CF_ERR_STATE;
	op->err.retryable = false;
	return CF_STEP_ERROR;
}

static CfStep
join_send(CfOp *op, const CfUpload *upload)
{
	const CfS3State *state = op->state;
	CfS3Checksum checksum = cf_s3_checksum(op->place);
	const char *element = checksum == CF_S3_CHECKSUM_CRC64NVME ? "ChecksumCRC64NVME" : "ChecksumCRC32C";
	char	   *query = cf_s3_upload_query(op, upload->handle, 0);
	CfRemoteText body = {.arena = op->arena};
	char		text[24];
	bool		good;

	if (query == NULL)
		return CF_STEP_ERROR;
	cf_remote_text_add(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (int i = 0; i < state->part_count; i++)
	{
		const CfS3Part *part = &state->parts[i];
		char	   *etag = cf_xml_escape(op->arena, part->etag);
		char	   *sum = cf_xml_escape(op->arena, part->checksum);

		cf_remote_text_add(&body, "<Part>");
		if (part->checksum[0] != '\0' && checksum >= CF_S3_CHECKSUM_CRC32C && sum != NULL)
		{
			cf_remote_text_add(&body, "<");
			cf_remote_text_add(&body, element);
			cf_remote_text_add(&body, ">");
			cf_remote_text_add(&body, sum);
			cf_remote_text_add(&body, "</");
			cf_remote_text_add(&body, element);
			cf_remote_text_add(&body, ">");
		}
		cf_remote_text_add(&body, "<ETag>");
		cf_remote_text_add(&body, etag == NULL ? "" : etag);
		cf_remote_text_add(&body, "</ETag><PartNumber>");
		cf_remote_text_number(&body, part->number);
		cf_remote_text_add(&body, "</PartNumber></Part>");
		body.failed |= etag == NULL || sum == NULL;
	}
	cf_remote_text_add(&body, "</CompleteMultipartUpload>");
	if (body.failed)
		return cf_remote_memory(op);
	good = cf_s3_request(op, "POST", "CompleteMultipartUpload", upload->args.key, query) != NULL &&
		cf_s3_body(op, body.data, body.length) && cf_remote_header(op, "Content-Type", "application/xml");
	if (good && checksum >= CF_S3_CHECKSUM_CRC32C)
		good = cf_s3_amz_header(op, "checksum-type", "FULL_OBJECT") && cf_s3_checksum_header(op, &upload->digests);
	snprintf(text, sizeof(text), "%lld", (long long) upload->args.size_bytes);
	good = good && cf_s3_amz_header(op, "mp-object-size", text);
	if (good && state->replacing)
		good = !cf_s3_store(op->place)->copy_replace || cf_s3_condition(op, &state->source);
	else if (good && cf_s3_store(op->place)->join_create_only)
		good = cf_s3_condition(op, NULL);
	if (!good)
		return cf_remote_error(op);
	op->request.net_class = CF_NET_SLOW;
	op->request.repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_remote_send(op, S3_PARTS_JOINED);
}

/* join_answer reads what came of Complete; but for a plain refusal the object itself is asked. */
static CfStep
join_answer(CfOp *op, const CfUpload *upload)
{
	const CfS3State *state = op->state;
	int			status = op->response.status;
	char		code[64];

	cf_s3_code(&op->response, code);
	if (status == 200 && code[0] == '\0')
		return join_settle(op, upload, CF_ERR_IO, "its outcome is unknown");
	if (status == 412)
		return join_settle(op, upload, state->replacing ? CF_ERR_CHANGED : CF_ERR_STATE, "another writer was there");
	if (status == 404)
		return join_settle(op, upload, CF_ERR_STATE, "the upload is not there any more");
	if (status == 409)
		return join_settle(op, upload, CF_ERR_STATE, "another writer came between, so it must be sent again");
	if (status == 0 || cf_s3_classify(&op->request, &op->response, op) == CF_NET_RETRY)
		return join_settle(op, upload, CF_ERR_IO, "its outcome is unknown");
	return cf_s3_fail(op, "commit object", upload->args.key);
}

/* join_settle looks whether the object is there, and keeps what to say when it is not. */
static CfStep
join_settle(CfOp *op, const CfUpload *upload, CfErrorKind kind, const char *why)
{
	CfS3State  *state = op->state;

	cf_remote_unexpected(op, "commit object", upload->args.key, why);
	op->err.kind = kind;
	op->err.retryable = kind == CF_ERR_IO;
	state->told = op->err;
	return cf_s3_look(op, upload->args.key, S3_SETTLING);
}

/* digests_differ compares the CRCs that both know; an MD5 of parts is none of the object. */
static bool
digests_differ(const CfDigests *a, const CfDigests *b)
{
	int			both = a->known & b->known;

	return ((both & CF_DIGEST_CRC64NVME) && a->crc64nvme != b->crc64nvme) ||
		((both & CF_DIGEST_CRC32C) && a->crc32c != b->crc32c);
}
