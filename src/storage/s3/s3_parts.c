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

#include "storage/remote/remote_page.h"
#include "storage/s3/s3.h"

typedef struct PartsRead
{
	CfOp	   *op;
	bool		bad;
	char		number[24];
	char		size[24];
	char		etag[sizeof(((CfS3Part *) 0)->etag)];
	char		crc64nvme[sizeof(((CfS3Part *) 0)->checksum)];
	char		crc32c[sizeof(((CfS3Part *) 0)->checksum)];
} PartsRead;

static bool take_part(void *ctx);
static CfStep join_listed(CfOp *op, const CfUpload *upload);
static CfStep join_send(CfOp *op, const CfUpload *upload);
static CfStep join_answer(CfOp *op, const CfUpload *upload);
static CfStep join_settle(CfOp *op, const CfUpload *upload, CfErrorKind kind, const char *why);

/* cf_s3_parts_ask asks which parts the store has, after those that are known already. */
CfStep
cf_s3_parts_ask(CfOp *op, const CfUpload *upload, int phase)
{
	const CfS3State *state = op->state;
	char		more[64] = "&max-parts=1000";

	if (state->part_count > 0)
		snprintf(more, sizeof(more), "&max-parts=1000&part-number-marker=%d", state->parts[state->part_count - 1].number);
	if (!cf_s3_upload_request(op, "GET", "ListParts", upload, 0, more))
		return cf_remote_error(op);
	op->request.answer_max = CF_S3_PAGE_BYTES;
	return cf_remote_send(op, phase);
}

/* cf_s3_parts_take reads one page of parts and asks for the next; DONE = it was the last. */
CfStep
cf_s3_parts_take(CfOp *op, const CfUpload *upload, int phase)
{
	static const char what[] = "list the parts of object";
	const CfS3State *state = op->state;
	PartsRead	read = {.op = op};
	char		truncated[8];
	CfRemoteField fields[] = {
		CF_REMOTE_FIELD("Part/PartNumber", read.number), CF_REMOTE_FIELD("Part/Size", read.size), CF_REMOTE_FIELD("Part/ETag", read.etag),
		CF_REMOTE_FIELD("Part/ChecksumCRC64NVME", read.crc64nvme), CF_REMOTE_FIELD("Part/ChecksumCRC32C", read.crc32c),
		CF_REMOTE_FIELD("IsTruncated", truncated)
	};
	CfRemoteRecords records = {"ListPartsResult", "Part", fields, sizeof(fields) / sizeof(fields[0]), take_part, &read, false};
	int			before = state->part_count;

	if (!cf_remote_success(op))
		return cf_s3_fail(op, what, upload->args.key);
	if (cf_remote_records(op, what, upload->args.key, &records) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	if (read.bad || (truncated[0] == 't' && state->part_count == before))
		return cf_remote_unexpected(op, what, upload->args.key, "the answer makes no sense");
	return truncated[0] == 't' ? cf_s3_parts_ask(op, upload, phase) : CF_STEP_DONE;
}

/* take_part remembers a part that follows the last one; others a store would repeat, not tell. */
static bool
take_part(void *ctx)
{
	PartsRead  *read = ctx;
	CfS3State  *state = read->op->state;
	void	   *parts = state->parts;
	CfS3Part	part = {.number = 0};
	int64_t		number;

	if (!cf_remote_number(read->number, CF_S3_PARTS_MAX, &number) || number < 1 || read->etag[0] == '\0' ||
		!cf_remote_number(read->size, CF_S3_PART_MAX, &part.size_bytes))
	{
		read->bad = true;
		return true;
	}
	part.number = (int) number;
	if (state->part_count > 0 && part.number <= state->parts[state->part_count - 1].number)
		return true;
	if (!cf_remote_room(read->op, &parts, state->part_count, &state->part_room, sizeof(part), true))
		return false;
	memcpy(part.etag, read->etag, sizeof(part.etag));
	memcpy(part.checksum, read->crc64nvme[0] != '\0' ? read->crc64nvme : read->crc32c, sizeof(part.checksum));
	state->parts = parts;
	state->parts[state->part_count++] = part;
	return true;
}

/* cf_s3_parts_join goes on after cf_s3_parts_ask(S3_PARTS_LISTED) until the object is there. */
CfStep
cf_s3_parts_join(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfS3State  *state = op->state;
	CfDigests	sent = upload->digests;
	CfRemoteFound found;

	if (op->phase == S3_PARTS_LISTED)
		return join_listed(op, upload);
	if (op->phase == S3_PARTS_JOINED)
		return join_answer(op, upload);
	if ((found = cf_remote_looked(op, upload->args.key, stat)) == CF_REMOTE_FAILED)
		return CF_STEP_ERROR;
	if (found == CF_REMOTE_MISSING || (state->replacing && strcmp(stat->storage_class, upload->args.storage_class) != 0))
		return cf_remote_told_before(op);
	if (strcmp(state->head.owner_tag, upload->args.owner_tag) != 0)
		return cf_remote_exists(op, upload->args.key);
	sent.known &= CF_DIGEST_CRC64NVME | CF_DIGEST_CRC32C;	/* an MD5 of parts is none of the object */
	if (stat->size_bytes != upload->args.size_bytes || !cf_remote_digests_agree(&stat->digests, &sent))
		return cf_remote_unexpected(op, "commit object", upload->args.key, "the store made another object of what was sent");
	return cf_remote_done(op);
}

/* join_listed joins the parts when they make up the object. */
static CfStep
join_listed(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;
	int64_t		size_bytes = 0;
	CfStep		step;

	if (op->response.status == 404)
		return join_settle(op, upload, CF_ERR_STATE, "the upload is not there any more");
	if ((step = cf_s3_parts_take(op, upload, S3_PARTS_LISTED)) != CF_STEP_DONE)
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
	CfS3Checksum checksum = cf_s3_parts_checksum(op->place, upload == &state->copying);
	const char *element = checksum == CF_S3_CHECKSUM_CRC64NVME ? "ChecksumCRC64NVME" : "ChecksumCRC32C";
	CfRemoteText body = {.arena = op->arena};
	char		text[24];
	bool		good;

	cf_remote_text_add(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (int i = 0; i < state->part_count; i++)
	{
		const CfS3Part *part = &state->parts[i];
		char	   *etag = cf_xml_escape(op->arena, part->etag);
		char	   *sum = cf_xml_escape(op->arena, part->checksum);

		if (etag == NULL || sum == NULL)
			return cf_remote_memory(op);
		cf_remote_text_add(&body, "<Part>");
		if (sum[0] != '\0' && checksum >= CF_S3_CHECKSUM_CRC32C)
			cf_remote_text_format(&body, "<%s>%s</%s>", element, sum, element);
		cf_remote_text_format(&body, "<ETag>%s</ETag><PartNumber>%d</PartNumber></Part>", etag, part->number);
	}
	cf_remote_text_add(&body, "</CompleteMultipartUpload>");
	if (body.failed)
		return cf_remote_memory(op);
	good = cf_s3_upload_request(op, "POST", "CompleteMultipartUpload", upload, 0, "") &&
		cf_s3_body(op, body.data, body.length, NULL) && cf_remote_header(op, "Content-Type", "application/xml");
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
	state->remote.told = op->err;
	return cf_s3_look(op, upload->args.key, CF_REMOTE_SETTLING);
}
