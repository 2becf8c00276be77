/*
 * resume.c
 *		Taking up what an earlier attempt left at the destination: how far do its checkpoints hold?
 *
 * LOCAL writes parts without fsync, so a power cut may have lost what a checkpoint describes: the upload is read back
 * and hashed, and counts as far as the digests agree. A remote store has confirmed each part, with its digest, before its
 * checkpoint was written: there the parts that it still lists count. Hashing then needs the bytes that are not read again:
 * a LOCAL source is read from its start, which is cheap; from a remote one only the CRCs go on, from the checkpoint, and
 * the object has no SHA-256. Such a copy is proven by its CRC, which the store tells of the whole object.
 */
#include <string.h>

#include "migration/parts.h"

static const CfTransferPart *next_checkpoint(const CfTransfer *t);
static CfStep resume_from(CfTransfer *t, CfError *err);
static CfStep read_back(CfTransfer *t, CfChunk *chunk);
static CfStep read_source(CfTransfer *t, CfChunk *chunk, CfError *err);
static CfStep take_checkpoints(CfTransfer *t, CfError *err);

/* cf_transfer_resume goes over one buffer of what an earlier attempt stored, up to the next checkpoint. */
CfStep
cf_transfer_resume(CfTransfer *t, CfError *err)
{
	const CfTransferPart *part = next_checkpoint(t);
	CfChunk		chunk = {t->lines[0].buffer, t->buffer_bytes, 0};
	CfDigests	digests;
	int64_t		left;
	CfStep		step;

	if (part == NULL)
		return resume_from(t, err);
	if (t->dest_caps.remote && t->source_caps.remote)
		return take_checkpoints(t, err);
	left = part->offset + part->length - t->hashed_bytes;
	if ((int64_t) chunk.capacity > left)
		chunk.capacity = (size_t) left;
	step = t->dest_caps.remote ? read_source(t, &chunk, err) : read_back(t, &chunk);
	if (step == CF_STEP_SEND || step == CF_STEP_ERROR)
		return step;
	if (chunk.length == 0)
		return resume_from(t, err);
	if (!cf_sums_update(&t->sums, chunk.data, chunk.length))
		return cf_transfer_hash_failed(err);
	t->step_bytes = (int64_t) chunk.length;
	t->hashed_bytes += t->step_bytes;
	t->done_bytes = t->hashed_bytes;
	if (t->hashed_bytes < part->offset + part->length)
		return CF_STEP_AGAIN;
	if (!cf_sums_peek(&t->sums, &digests))
		return cf_transfer_hash_failed(err);
	if (cf_digests_compare(&digests, &part->digests) <= 0)
		return resume_from(t, err);
	t->proven_bytes = t->hashed_bytes;
	t->proven_parts++;
	return cf_sums_copy(&t->proven, &t->sums) ? CF_STEP_AGAIN : cf_transfer_hash_failed(err);
}

/* resume_from goes back to the last boundary whose digests held; from there it is copied again. */
static CfStep
resume_from(CfTransfer *t, CfError *err)
{
	cf_storage_op_end(&t->lines[0].source.op);
	t->done_bytes = t->hashed_bytes = t->next_bytes = t->proven_bytes;
	return cf_sums_copy(&t->sums, &t->proven) ? CF_STEP_DONE : cf_transfer_hash_failed(err);
}

/* next_checkpoint gives the checkpoint that follows the proven ones; NULL: none, a gap, another size, bytes not there. */
static const CfTransferPart *
next_checkpoint(const CfTransfer *t)
{
	const CfTransferPart *part;

	if (t->proven_parts >= t->args.part_count)
		return NULL;
	part = &t->args.parts[t->proven_parts];
	if (part->number != t->proven_parts + 1 || part->offset != t->proven_bytes ||
		part->length != t->plan.part_bytes ||	/* the setting has changed since */
		part->length > t->source_stat.size_bytes - part->offset ||
		part->length > t->upload.stored_bytes - part->offset)
		return NULL;
	return part;
}

/* read_back reads what lies in the upload; what cannot be read does not count. */
static CfStep
read_back(CfTransfer *t, CfChunk *chunk)
{
	CfPort	   *port = &t->lines[0].dest;
	CfStep		step = cf_port_took(port, cf_storage_upload_read(&port->op, &t->upload, t->hashed_bytes, chunk));

	if (step != CF_STEP_ERROR)
		return step;
	chunk->length = 0;
	return CF_STEP_DONE;
}

/* read_source reads again what the parts at the store were read from. */
static CfStep
read_source(CfTransfer *t, CfChunk *chunk, CfError *err)
{
	CfPort	   *port = &t->lines[0].source;
	CfReadArgs	args = {t->args.source_key, t->source_stat.version, 0, -1};
	CfStep		step = cf_port_took(port, cf_storage_read(&port->op, &args, chunk));

	return step == CF_STEP_ERROR ? cf_transfer_failed(port, err) : step;
}

/* take_checkpoints believes the store, which has confirmed these parts, and goes on with the CRCs alone. */
static CfStep
take_checkpoints(CfTransfer *t, CfError *err)
{
	const CfTransferPart *part;

	while ((part = next_checkpoint(t)) != NULL)
	{
		int			crcs = t->sums.now.known & (CF_DIGEST_CRC32C | CF_DIGEST_CRC64NVME);

		if ((part->digests.known & crcs) == 0)
			break;
		cf_sums_resume(&t->sums, &part->digests);
		t->proven_bytes = part->offset + part->length;
		t->proven_parts++;
	}
	return cf_sums_copy(&t->proven, &t->sums) ? resume_from(t, err) : cf_transfer_hash_failed(err);
}
