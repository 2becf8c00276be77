/*
 * parts.c
 *		Copying in parts, several at a time: each line reads a part whole, and writes it whole.
 *
 * Requests carry whole bodies (net.h), so a part lies in memory until the store has it; lines times parts is what a
 * transfer costs. Parts are read in order of their numbers but may come in any; they are hashed in order all the
 * same, each as soon as the one before it was, so that the digests are those of the stream. A part is finished when it
 * is written and all before it are: checkpoints never have a gap.
 */
#include <string.h>

#include "core/interrupt.h"
#include "migration/parts.h"

static CfStep line_step(CfTransfer *t, CfLine *line, CfError *err);
static CfStep line_take(CfTransfer *t, CfLine *line);
static CfStep line_read(CfTransfer *t, CfLine *line, CfError *err);
static bool line_hash(CfTransfer *t, CfLine *line);
static bool part_md5(CfTransfer *t, const CfLine *line);
static CfStep line_write(CfTransfer *t, CfLine *line, CfError *err);
static void finish_part(CfTransfer *t);

CfStep
cf_transfer_parts(CfTransfer *t, CfError *err)
{
	bool		moved = false;

	for (int i = 0; i < t->line_count; i++)
	{
		CfLine	   *line = &t->lines[i];
		CfStep		step;

		if (line->source.traffic != CF_PORT_QUIET || line->dest.traffic != CF_PORT_QUIET)
			continue;
		step = line_step(t, line, err);
		if (step == CF_STEP_ERROR)
			return step;
		moved |= step == CF_STEP_AGAIN;
	}
	finish_part(t);
	if (t->done_bytes == t->source_stat.size_bytes)
		return CF_STEP_DONE;
	return moved || t->part_finished ? CF_STEP_AGAIN : CF_STEP_SEND;
}

/* line_step brings one part a step further. AGAIN = it moved; SEND = it waits; DONE = there is nothing for it to do now. */
static CfStep
line_step(CfTransfer *t, CfLine *line, CfError *err)
{
	if (line->state != CF_LINE_FREE && line->filled == line->length && !line->hashed && !line_hash(t, line))
		return cf_transfer_hash_failed(err);
	switch (line->state)
	{
		case CF_LINE_FREE:
			return line_take(t, line);
		case CF_LINE_READING:
			return line_read(t, line, err);
		case CF_LINE_WRITING:
			return line_write(t, line, err);
		case CF_LINE_WRITTEN:
			break;
	}
	return CF_STEP_DONE;
}

/* line_take begins the next part, if there is one. */
static CfStep
line_take(CfTransfer *t, CfLine *line)
{
	int64_t		left = t->source_stat.size_bytes - t->next_bytes;

	if (left <= 0)
		return CF_STEP_DONE;
	line->offset = t->next_bytes;
	line->length = left < t->plan.part_bytes ? left : t->plan.part_bytes;
	line->filled = 0;
	line->hashed = line->digested = false;
	line->store_part = (CfPart) {.number = (int) (line->offset / t->plan.part_bytes) + 1, .offset = line->offset,
		.length = line->length};
	line->state = CF_LINE_READING;
	t->next_bytes += line->length;
	if (t->in_buffer)
	{
		/* cf_transfer_fetch() has read it */
		line->filled = line->length;
		line->state = CF_LINE_WRITING;
		t->in_buffer = false;
	}
	return CF_STEP_AGAIN;
}

/* line_read fills the line's buffer under the pin. */
static CfStep
line_read(CfTransfer *t, CfLine *line, CfError *err)
{
	CfReadArgs	args = {t->args.source_key, t->source_stat.version, line->offset, line->length};
	size_t		left = (size_t) (line->length - line->filled);
	CfChunk		chunk = {line->buffer + line->filled, left, 0};
	CfStep		step;

	/* A remote source gives what is asked for in one request; its speed is the business of `net`. */
	if (!t->source_caps.remote && chunk.capacity > t->buffer_bytes)
		chunk.capacity = t->buffer_bytes;
	/* What is full is called once more, to hear that the pin held to the end. */
	if (left == 0)
		chunk = (CfChunk) {&line->spare, 1, 0};
	step = cf_port_took(&line->source, cf_storage_read(&line->source.op, &args, &chunk));
	if (step == CF_STEP_SEND)
		return step;
	if (step == CF_STEP_ERROR)
		return cf_transfer_failed(&line->source, err);
	t->step_bytes += (int64_t) chunk.length;
	if (chunk.length > left || (step == CF_STEP_DONE && chunk.length != left))
	{
		cf_error_set(err, CF_ERR_CHANGED, "object \"%s\" changed its size while it was read", t->args.source_key);
		return CF_STEP_ERROR;
	}
	line->filled += (int64_t) chunk.length;
	t->at_once |= t->source_caps.conditional_read && left > 0 && (int64_t) chunk.length == t->source_stat.size_bytes;
	if (CF_FAULT("migration_copying", err))
		return CF_STEP_ERROR;
	if (step == CF_STEP_DONE)
	{
		cf_storage_op_end(&line->source.op);
		line->state = CF_LINE_WRITING;
	}
	return CF_STEP_AGAIN;
}

/*
 * line_hash takes a part whose turn it is into the stream's digests. What the store wants of the part itself is computed in the
 * same pass; for a part whose turn has not come, before it is written.
 */
static bool
line_hash(CfTransfer *t, CfLine *line)
{
	size_t		length = (size_t) line->length;
	bool		in_turn = line->offset == t->hashed_bytes;
	int			kinds = t->dest_caps.part_digests | (t->sums.now.known & (CF_DIGEST_CRC32C | CF_DIGEST_CRC64NVME));

	if (!in_turn && (line->digested || t->dest_caps.part_digests == 0))
		return true;
	if (line->digested ? !cf_sums_append(&t->sums, &line->piece, line->buffer, length)
		: !cf_sums_piece(in_turn ? &t->sums : NULL, kinds, line->buffer, length, &line->piece))
		return false;
	line->store_part.digests = line->piece;
	line->digested = true;
	if (!in_turn)
		return true;
	t->hashed_bytes += line->length;
	line->hashed = true;
	return cf_sums_peek(&t->sums, &line->digests) && part_md5(t, line);
}

/* part_md5 computes the MD5 of an object of one part, for a store that knows nothing better. */
static bool
part_md5(CfTransfer *t, const CfLine *line)
{
	int			kinds = t->dest_caps.digests;

	if ((kinds & CF_DIGEST_MD5) == 0 || (kinds & (CF_DIGEST_CRC32C | CF_DIGEST_CRC64NVME)) != 0 ||
		line->length != t->source_stat.size_bytes)
		return true;
	t->digests.known |= CF_DIGEST_MD5;
	return cf_md5(line->buffer, (size_t) line->length, t->digests.md5);
}

static CfStep
line_write(CfTransfer *t, CfLine *line, CfError *err)
{
	CfStep		step = cf_port_took(&line->dest, cf_storage_upload_part(&line->dest.op, &t->upload, &line->store_part,
																		line->buffer, (size_t) line->length));

	if (step == CF_STEP_SEND)
		return step;
	if (step == CF_STEP_ERROR)
		return cf_transfer_failed(&line->dest, err);
	t->sent_bytes += line->length;
	line->state = CF_LINE_WRITTEN;
	return CF_STEP_AGAIN;
}

/* finish_part tells of at most one part that is written, as all before it are, and gives its line free. */
static void
finish_part(CfTransfer *t)
{
	for (int i = 0; i < t->line_count; i++)
	{
		CfLine	   *line = &t->lines[i];

		if (line->state != CF_LINE_WRITTEN || !line->hashed || line->offset != t->done_bytes)
			continue;
		t->done_bytes += line->length;
		line->state = CF_LINE_FREE;
		t->part = (CfTransferPart) {line->store_part.number, line->offset, line->length, line->digests};
		t->part_finished = t->done_bytes < t->source_stat.size_bytes;
		return;
	}
}
