/*
 * transfer.c
 *		The copying half of a transfer: pin, resume, stream, seal.
 *
 * States run from top to bottom; each function below does one bounded step of its state and says DONE when
 * the next state may begin. Nothing here waits, retries or decides: errors go up with the driver's words.
 */
#include <string.h>

#include "core/interrupt.h"
#include "migration/transfer.h"

/*
 * File systems tell times in ticks of up to 10 ms: a file that is written twice in one tick has one version. So a source
 * is pinned when its tick is over, or a write that came after our read could not be told. Who never stops writing is
 * not waited for: that shows in the version later.
 */
#define SETTLE_US 20000
#define SETTLE_STEPS 50

typedef enum CopyState
{
	COPY_PIN,					/* stat the source */
	COPY_OPEN,					/* make or take up the upload */
	COPY_REHASH,				/* read back the parts that an earlier attempt stored */
	COPY_STREAM,
	COPY_SEAL,
	COPY_SEALED
} CopyState;

static CfStep copy_pin(CfTransfer *t, CfError *err);
static CfStep copy_open(CfTransfer *t, CfError *err);
static CfStep copy_rehash(CfTransfer *t, CfError *err);
static CfStep copy_stream(CfTransfer *t, CfError *err);
static CfStep copy_seal(CfTransfer *t, CfError *err);

static CfStep (*const steps[]) (CfTransfer *t, CfError *err) = {
	[COPY_PIN] = copy_pin,
	[COPY_OPEN] = copy_open,
	[COPY_REHASH] = copy_rehash,
	[COPY_STREAM] = copy_stream,
	[COPY_SEAL] = copy_seal,
};

void
cf_transfer_begin(CfTransfer *transfer, const CfTransferArgs *args, CfArena *arena)
{
	memset(transfer, 0, sizeof(*transfer));
	transfer->args = *args;
	cf_storage_op_init(&transfer->source_op, args->source, arena);
	cf_storage_op_init(&transfer->dest_op, args->dest, arena);
}

void
cf_transfer_end(CfTransfer *transfer)
{
	cf_storage_op_end(&transfer->source_op);
	cf_storage_op_end(&transfer->dest_op);
	cf_hash_end(&transfer->hash);
	cf_hash_end(&transfer->proven_hash);
}

CfStep
cf_transfer_copy(CfTransfer *transfer, CfError *err)
{
	CfStep		step;

	transfer->step_bytes = 0;
	transfer->part_finished = transfer->settling = false;
	if (transfer->state == COPY_SEALED)
		return CF_STEP_DONE;
	step = steps[transfer->state] (transfer, err);
	if (step != CF_STEP_DONE)
		return step;
	transfer->state++;
	return transfer->state == COPY_SEALED ? CF_STEP_DONE : CF_STEP_AGAIN;
}

/* take_error hands the operation's error up. */
static CfStep
take_error(const CfOp *op, CfError *err)
{
	*err = op->err;
	return CF_STEP_ERROR;
}

static CfStep
hash_failed(CfError *err)
{
	cf_error_set(err, CF_ERR_MEMORY, "could not compute a SHA-256 digest");
	return CF_STEP_ERROR;
}

static CfStep
copy_pin(CfTransfer *t, CfError *err)
{
	CfStep		step = cf_storage_stat(&t->source_op, t->args.source_key, &t->source_stat);

	if (step == CF_STEP_ERROR)
		return take_error(&t->source_op, err);
	if (step != CF_STEP_DONE)
		return step;
	if (t->args.now_us >= t->source_stat.mtime_us && t->args.now_us - t->source_stat.mtime_us < SETTLE_US &&
		t->settle_steps++ < SETTLE_STEPS)
	{
		t->settling = true;
		return CF_STEP_AGAIN;
	}
	return cf_hash_start(&t->hash) ? CF_STEP_DONE : hash_failed(err);
}

/* copy_open begins the upload; checkpoints count only if they are of the version that is pinned now. */
static CfStep
copy_open(CfTransfer *t, CfError *err)
{
	bool		parts_hold = t->args.part_count > 0 &&
		strcmp(t->args.parts_version, t->source_stat.version) == 0;
	CfUploadArgs args = {
		.key = t->args.dest_key,
		.owner_tag = t->args.owner_tag,
		.size_bytes = t->source_stat.size_bytes,
		.part_bytes = t->args.part_bytes,
		.mtime_us = t->source_stat.mtime_us,
		.content_type = t->args.content_type,
		.storage_class = t->args.dest_class,
		.metadata = t->args.metadata,
		.resume = t->args.resume,
	};
	CfStep		step = cf_storage_upload_begin(&t->dest_op, &args, &t->upload);

	if (step == CF_STEP_ERROR)
		return take_error(&t->dest_op, err);
	if (step == CF_STEP_DONE && !parts_hold)
		t->args.part_count = 0;
	if (step == CF_STEP_DONE && !cf_hash_copy(&t->proven_hash, &t->hash))
		return hash_failed(err);
	return step;
}

/* give_up_resuming goes back to the last boundary whose digest held; from there it is copied again. */
static CfStep
give_up_resuming(CfTransfer *t, CfError *err)
{
	t->done_bytes = t->proven_bytes;
	return cf_hash_copy(&t->hash, &t->proven_hash) ? CF_STEP_DONE : hash_failed(err);
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
		part->length != t->args.part_bytes ||	/* the setting has changed since */
		part->length > t->source_stat.size_bytes - part->offset ||
		part->length > t->upload.stored_bytes - part->offset)
		return NULL;
	return part;
}

/* copy_rehash reads back one buffer of what an earlier attempt stored, up to the next checkpoint. */
static CfStep
copy_rehash(CfTransfer *t, CfError *err)
{
	const CfTransferPart *part = next_checkpoint(t);
	CfChunk		chunk = {t->args.buffer, t->args.buffer_bytes, 0};
	uint8_t		digest[CF_HASH_SHA256_BYTES];
	int64_t		left;
	CfStep		step;

	if (part == NULL)
		return give_up_resuming(t, err);
	left = part->offset + part->length - t->done_bytes;
	if ((int64_t) chunk.capacity > left)
		chunk.capacity = (size_t) left;
	step = cf_storage_upload_read(&t->dest_op, &t->upload, t->done_bytes, &chunk);
	if (step == CF_STEP_SEND)
		return step;
	if (step == CF_STEP_ERROR || chunk.length == 0)
		return give_up_resuming(t, err);
	if (!cf_hash_update(&t->hash, chunk.data, chunk.length))
		return hash_failed(err);
	t->step_bytes = (int64_t) chunk.length;
	t->done_bytes += t->step_bytes;
	if (t->done_bytes < part->offset + part->length)
		return CF_STEP_AGAIN;
	if (!cf_hash_peek(&t->hash, digest))
		return hash_failed(err);
	if (memcmp(digest, part->sha256, sizeof(digest)) != 0)
		return give_up_resuming(t, err);
	t->proven_bytes = t->done_bytes;
	t->proven_parts++;
	return cf_hash_copy(&t->proven_hash, &t->hash) ? CF_STEP_AGAIN : hash_failed(err);
}

/* write_part hands bytes that were read to the part that they belong to, and notes a part that ended. */
static CfStep
write_part(CfTransfer *t, const char *data, size_t length, CfError *err)
{
	int64_t		in_part = t->done_bytes % t->args.part_bytes;
	int64_t		left = t->source_stat.size_bytes - (t->done_bytes - in_part);
	CfStep		step;

	t->store_part.number = (int) (t->done_bytes / t->args.part_bytes) + 1;
	t->store_part.offset = t->done_bytes - in_part;
	t->store_part.length = left < t->args.part_bytes ? left : t->args.part_bytes;
	step = cf_storage_upload_part(&t->dest_op, &t->upload, &t->store_part, data, length);
	if (step == CF_STEP_ERROR)
		return take_error(&t->dest_op, err);
	if (!cf_hash_update(&t->hash, data, length))
		return hash_failed(err);
	t->done_bytes += (int64_t) length;
	t->sent_bytes += (int64_t) length;
	if (in_part + (int64_t) length < t->store_part.length ||
		t->done_bytes == t->source_stat.size_bytes)
		return CF_STEP_AGAIN;
	t->part_finished = true;
	t->part.number = t->store_part.number;
	t->part.offset = t->store_part.offset;
	t->part.length = t->store_part.length;
	return cf_hash_peek(&t->hash, t->part.sha256) ? CF_STEP_AGAIN : hash_failed(err);
}

/* copy_stream reads one buffer, at most to the end of the present part, and writes it. */
static CfStep
copy_stream(CfTransfer *t, CfError *err)
{
	CfReadArgs	args = {t->args.source_key, t->source_stat.version, t->proven_bytes, -1};
	CfChunk		chunk = {t->args.buffer, t->args.buffer_bytes, 0};
	int64_t		to_boundary = t->args.part_bytes - t->done_bytes % t->args.part_bytes;
	CfStep		step;

	if ((int64_t) chunk.capacity > to_boundary)
		chunk.capacity = (size_t) to_boundary;
	step = cf_storage_read(&t->source_op, &args, &chunk);
	if (step == CF_STEP_ERROR)
		return take_error(&t->source_op, err);
	if (step == CF_STEP_SEND)
		return step;
	t->source_done = (step == CF_STEP_DONE);
	t->step_bytes = (int64_t) chunk.length;
	if ((int64_t) chunk.length > t->source_stat.size_bytes - t->done_bytes ||
		(t->source_done && t->done_bytes + t->step_bytes != t->source_stat.size_bytes))
	{
		cf_error_set(err, CF_ERR_CHANGED, "object \"%s\" changed its size while it was read",
					 t->args.source_key);
		return CF_STEP_ERROR;
	}
	if (CF_FAULT("migration_copying", err))
		return CF_STEP_ERROR;
	if (chunk.length > 0 && (step = write_part(t, chunk.data, chunk.length, err)) != CF_STEP_AGAIN)
		return step;
	return t->source_done ? CF_STEP_DONE : CF_STEP_AGAIN;
}

static CfStep
copy_seal(CfTransfer *t, CfError *err)
{
	CfObjectStat sealed;
	CfStep		step;

	cf_storage_op_end(&t->source_op);
	step = cf_storage_upload_seal(&t->dest_op, &t->upload, &sealed);
	if (step == CF_STEP_ERROR)
		return take_error(&t->dest_op, err);
	if (step != CF_STEP_DONE)
		return step;
	if (!cf_hash_finish(&t->hash, t->sha256))
		return hash_failed(err);
	memcpy(t->sealed_version, sealed.version, sizeof(t->sealed_version));
	return CF_STEP_DONE;
}
