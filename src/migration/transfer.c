/*
 * transfer.c
 *		The copying half of a transfer: pin, outfit, open, stream, seal; or let the store copy by itself.
 *		A small object may be fetched first (fetch.c), which pins it too.
 *
 * States run from top to bottom; each function below does one bounded step of its state and says DONE when
 * the next state may begin. Nothing here waits, retries or decides: errors go up with the driver's words.
 */
#include <stddef.h>
#include <string.h>

#include "core/interrupt.h"
#include "migration/parts.h"

/*
 * File systems tell times in ticks of up to 10 ms: a file that is written twice in one tick has one version. So a source
 * is pinned when its tick is over, or a write that came after our read could not be told. Who never stops writing is
 * not waited for: that shows in the version later.
 */
#define SETTLE_US 20000
#define SETTLE_STEPS 50

#define MIB (INT64_C(1024) * 1024)
#define PART_BYTES (8 * MIB)	/* of remote transfers, unless the store or the object's size want more */

typedef enum CopyState
{
	COPY_FETCH,					/* pin and read a small object by one request */
	COPY_PIN,					/* stat the source */
	COPY_BY_STORE,				/* without our seeing the bytes */
	COPY_OUTFIT,				/* wait for buffers */
	COPY_DROP,					/* an earlier upload that is of no use */
	COPY_OPEN,					/* make or take up the upload */
	COPY_RESUME,				/* see how far the checkpoints hold */
	COPY_STREAM,
	COPY_SEAL,
	COPY_SEALED,
	COPY_RECLAIM				/* apart: an earlier attempt's object is in the way */
} CopyState;

static CfStep copy_pin(CfTransfer *t, CfError *err);
static CfStep copy_by_store(CfTransfer *t, CfError *err);
static CfStep copy_outfit(CfTransfer *t, CfError *err);
static CfStep copy_drop(CfTransfer *t, CfError *err);
static CfStep copy_open(CfTransfer *t, CfError *err);
static CfStep copy_stream(CfTransfer *t, CfError *err);
static CfStep copy_seal(CfTransfer *t, CfError *err);
static CfStep copy_reclaim(CfTransfer *t, CfError *err);
static CfUploadArgs upload_args(const CfTransfer *t);
static CfStep copy_stopped(CfTransfer *t, const CfPort *port, CfError *err);

static CfStep (*const steps[]) (CfTransfer *t, CfError *err) = {
	[COPY_FETCH] = cf_transfer_fetch,
	[COPY_PIN] = copy_pin,
	[COPY_BY_STORE] = copy_by_store,
	[COPY_OUTFIT] = copy_outfit,
	[COPY_DROP] = copy_drop,
	[COPY_OPEN] = copy_open,
	[COPY_RESUME] = cf_transfer_resume,
	[COPY_STREAM] = copy_stream,
	[COPY_SEAL] = copy_seal,
	[COPY_RECLAIM] = copy_reclaim,
};

/* line_begin makes a line ready for its first part. */
static void
line_begin(CfTransfer *t, CfLine *line, CfArena *arena)
{
	line->source.traffic = line->dest.traffic = CF_PORT_QUIET;
	line->source.owner = line->dest.owner = NULL;
	line->state = CF_LINE_FREE;
	line->buffer = NULL;
	cf_storage_op_init(&line->source.op, t->args.source, arena);
	cf_storage_op_init(&line->dest.op, t->args.dest, arena);
}

void
cf_transfer_begin(CfTransfer *transfer, const CfTransferArgs *args, CfArena *arena)
{
	memset(transfer, 0, offsetof(CfTransfer, lines));
	transfer->args = *args;
	transfer->arena = arena;
	cf_storage_caps(args->source, &transfer->source_caps);
	cf_storage_caps(args->dest, &transfer->dest_caps);
	line_begin(transfer, &transfer->lines[0], arena);
	transfer->line_count = 1;
	transfer->state = cf_transfer_fetches(transfer) ? COPY_FETCH : COPY_PIN;
}

void
cf_transfer_end(CfTransfer *transfer)
{
	for (int i = 0; i < transfer->line_count; i++)
	{
		cf_storage_op_end(&transfer->lines[i].source.op);
		cf_storage_op_end(&transfer->lines[i].dest.op);
	}
	cf_sums_end(&transfer->sums);
	cf_sums_end(&transfer->proven);
}

CfPort *
cf_transfer_port(CfTransfer *transfer, int i)
{
	if (i >= 2 * transfer->line_count)
		return NULL;
	return i % 2 == 0 ? &transfer->lines[i / 2].source : &transfer->lines[i / 2].dest;
}

CfStep
cf_transfer_copy(CfTransfer *transfer, CfError *err)
{
	CfLine	   *first = &transfer->lines[0];
	CfStep		step;

	transfer->step_bytes = 0;
	transfer->part_finished = transfer->settling = transfer->beginning = transfer->opened = false;
	if (transfer->state == COPY_SEALED)
		return CF_STEP_DONE;
	if (transfer->state != COPY_STREAM &&
		(first->source.traffic != CF_PORT_QUIET || first->dest.traffic != CF_PORT_QUIET))
		return CF_STEP_SEND;
	step = steps[transfer->state] (transfer, err);
	if (step != CF_STEP_DONE)
		return step;
	transfer->state = transfer->state == COPY_RECLAIM ? COPY_OPEN : transfer->state + 1;
	return transfer->state == COPY_SEALED ? CF_STEP_DONE : CF_STEP_AGAIN;
}

bool
cf_transfer_opening(const CfTransfer *transfer)
{
	return transfer->line_count > 0 && transfer->noted && transfer->upload.handle[0] == '\0' &&
		transfer->lines[0].dest.traffic == CF_PORT_SENT;
}

/*
 * start_sums begins at the first byte: with SHA-256 for whoever asks later, CRC-64 since reading back by it costs next to nothing, and what
 * the store can tell.
 */
static CfStep
start_sums(CfTransfer *t, CfError *err)
{
	int			kinds = CF_DIGEST_SHA256 | CF_DIGEST_CRC64NVME | t->dest_caps.digests;

	return cf_sums_start(&t->sums, kinds) ? CF_STEP_DONE : cf_transfer_hash_failed(err);
}

static CfStep
copy_pin(CfTransfer *t, CfError *err)
{
	CfPort	   *port = &t->lines[0].source;
	CfStep		step = CF_STEP_DONE;

	if (!t->fetched)
		step = cf_port_took(port, cf_storage_stat(&port->op, t->args.source_key, &t->source_stat));
	if (step == CF_STEP_ERROR)
		return cf_transfer_failed(port, err);
	if (step != CF_STEP_DONE)
		return step;
	if (!t->source_caps.remote && t->args.now_us >= t->source_stat.mtime_us &&
		t->args.now_us - t->source_stat.mtime_us < SETTLE_US && t->settle_steps++ < SETTLE_STEPS)
	{
		t->settling = true;
		return CF_STEP_AGAIN;
	}
	if (t->source_stat.must_restore)
	{
		cf_error_set(err, CF_ERR_STATE, "object \"%s\" in place \"%s\" is archived", t->args.source_key,
					 t->args.source->name);
		cf_error_detail(err, "Its bytes cannot be read before they are restored.");
		t->archived = true;
		return CF_STEP_ERROR;
	}
	if (!cf_storage_keep(t->args.source, t->args.dest, &t->source_stat, t->args.content_type, t->arena, &t->kept))
		return cf_transfer_hash_failed(err);
	if (!cf_storage_keep_accepted(t->args.dest, t->args.source_key, &t->kept, err))
		return CF_STEP_ERROR;
	/* What a store has copied by itself is held against digests that it tells of the source, or that somebody claims of it. */
	t->args.server_side &= cf_transfer_by_store(t) &&
		((t->source_stat.digests.known | t->source_stat.digests.claimed) != 0 || t->args.unproven);
	return start_sums(t, err);
}

void
cf_transfer_upload_args(const CfTransfer *transfer, CfUploadArgs *args)
{
	*args = upload_args(transfer);
	args->handle = transfer->upload.handle;
}

/* upload_args says what the object at the destination is to be. */
static CfUploadArgs
upload_args(const CfTransfer *t)
{
	return (CfUploadArgs) {
		.key = t->args.dest_key,
		.owner_tag = t->args.owner_tag,
		.size_bytes = t->source_stat.size_bytes,
		.part_bytes = t->plan.part_bytes,
		.mtime_us = t->kept.mtime_us,
		.content_type = t->kept.content_type,
		.storage_class = t->args.dest_class,
		.metadata = t->args.metadata,
		.attributes = t->kept.attributes,
		.resume = t->args.resume,
		.handle = t->args.handle,
		.begun_us = t->args.begun_us,
	};
}

/*
 * look_again asks for the source once more before an object is removed that carries our tag: a server that was promoted or restored may
 * have been here before, have deleted the source, and that object is all that there is. DONE = the source is as it was pinned, and
 * is the one that the job is about.
 */
static CfStep
look_again(CfTransfer *t, CfError *err)
{
	CfPort	   *port = &t->lines[0].source;
	CfObjectStat stat;
	CfStep		step;

	if (t->looked)
		return CF_STEP_DONE;
	step = cf_port_took(port, cf_storage_stat(&port->op, t->args.source_key, &stat));
	if (step == CF_STEP_ERROR)
		return cf_transfer_failed(port, err);
	if (step != CF_STEP_DONE)
		return step;
	cf_storage_op_end(&port->op);
	t->looked = true;
	if (!cf_storage_version_same(t->args.source, stat.version, t->source_stat.version))
	{
		cf_error_set(err, CF_ERR_CHANGED, "object \"%s\" in place \"%s\" changed while it was copied", t->args.source_key,
					 t->args.source->name);
		return CF_STEP_ERROR;
	}
	if (!t->args.promoted || (t->args.known_version[0] != '\0' &&
							  cf_storage_version_same(t->args.source, stat.version, t->args.known_version)))
		return CF_STEP_DONE;
	cf_error_set(err, CF_ERR_EXISTS, "object \"%s\" in place \"%s\" may be the last copy of what this job was to move", t->args.dest_key,
				 t->args.dest->name);
	cf_error_detail(err, "It was made for this job before this server was promoted or restored, and another version is at the source by now.");
	cf_error_hint(err, "CALL cloudflux.import_inventory(%s) takes it into the catalog; the object at the source can go to another key.",
				  t->args.dest->name);
	return CF_STEP_ERROR;
}

/* undo_by_store removes what an earlier attempt under this tag made, of which nothing was recorded; nobody else's object. */
static CfStep
undo_by_store(CfTransfer *t, CfError *err)
{
	CfPort	   *port = &t->lines[0].dest;
	CfStep		step = look_again(t, err);

	if (step != CF_STEP_DONE)
		return step;
	t->upload.args = upload_args(t);
	step = cf_port_took(port, cf_storage_upload_abort(&port->op, &t->upload));
	if (step == CF_STEP_ERROR)
		return cf_transfer_failed(port, err);
	if (step != CF_STEP_DONE)
		return step;
	cf_storage_op_end(&port->op);
	t->undoing = t->args.resume = false;
	t->copy_token[0] = '\0';
	return CF_STEP_AGAIN;
}

/*
 * cannot_copy tells whether a copy by the store has ended before it began, for a reason that need not be ours: it may not, or cannot, reach the
 * source as we do.
 */
static bool
cannot_copy(const CfTransfer *t, CfErrorKind kind)
{
	return kind == CF_ERR_UNSUPPORTED ||
		(t->copy_token[0] == '\0' && (kind == CF_ERR_DENIED || kind == CF_ERR_NOT_FOUND || kind == CF_ERR_STATE));
}

/*
 * copy_by_store lets the store copy. What cannot be copied that way is streamed, and if there is more to it, that will tell. An object that is
 * there already may be an earlier attempt's.
 */
static CfStep
copy_by_store(CfTransfer *t, CfError *err)
{
	CfPort	   *port = &t->lines[0].dest;
	CfUploadArgs args = upload_args(t);
	CfStep		step;

	if (!t->args.server_side)
		return CF_STEP_DONE;
	args.claimed = &t->source_stat.digests;
	if (t->undoing)
		return undo_by_store(t, err);
	if (t->dest_caps.copy_uploads && t->source_stat.size_bytes > t->dest_caps.copy_max_bytes && !t->noted)
	{
		t->noted = t->beginning = true;
		return CF_STEP_AGAIN;
	}
	step = cf_port_took(port, cf_storage_copy(&port->op, t->args.source, t->args.source_key, t->source_stat.version,
											  &args, t->copy_token, &t->sealed));
	if (step == CF_STEP_ERROR && cannot_copy(t, port->op.err.kind))
	{
		cf_storage_op_end(&port->op);
		t->args.server_side = false;
		return CF_STEP_DONE;
	}
	if (step == CF_STEP_ERROR && port->op.err.kind == CF_ERR_EXISTS && t->args.resume)
	{
		cf_storage_op_end(&port->op);
		t->undoing = true;
		return CF_STEP_AGAIN;
	}
	if (step == CF_STEP_ERROR)
		return cf_transfer_failed(port, err);
	if (t->dest_caps.copy_uploads && strcmp(t->copy_token, t->upload.handle) != 0)
	{
		memcpy(t->upload.handle, t->copy_token, sizeof(t->upload.handle));
		t->opened = t->copy_token[0] != '\0';
	}
	if (step != CF_STEP_DONE)
		return step;
	memcpy(t->sealed_version, t->sealed.version, sizeof(t->sealed_version));
	t->visible = true;
	t->digests = t->source_stat.digests;
	t->digests.known |= t->digests.claimed;
	t->digests.claimed = 0;
	t->done_bytes = t->source_stat.size_bytes;
	t->copied_by_store = true;
	t->state = COPY_SEALED - 1;
	return CF_STEP_DONE;
}

/* round_up gives the next multiple of unit. */
static int64_t
round_up(int64_t bytes, int64_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

bool
cf_transfer_plan(const CfTransfer *transfer, int64_t part_bytes, int64_t memory_bytes, CfTransferPlan *plan,
				 CfError *err)
{
	const CfCaps *dest = &transfer->dest_caps;
	int64_t		size = transfer->source_stat.size_bytes;
	int64_t		wanted = part_bytes < PART_BYTES ? part_bytes : PART_BYTES;

	*plan = (CfTransferPlan) {.part_bytes = part_bytes, .lines = 1};
	plan->in_parts = transfer->source_caps.remote || dest->remote;
	if (!plan->in_parts)
		return true;
	if (dest->remote && dest->parts_max > 0 && size / (dest->parts_max - dest->parts_max / 100) >= wanted)
		wanted = round_up(size / (dest->parts_max - dest->parts_max / 100) + 1, MIB);
	if (wanted < dest->part_min_bytes)
		wanted = dest->part_min_bytes;
	if (dest->remote && size <= dest->put_max_bytes)
		wanted = size;
	plan->part_bytes = wanted < 1 ? 1 : wanted;
	plan->line_bytes = size < plan->part_bytes ? size : plan->part_bytes;
	/* What the driver copies: objects of one request until the seal, and parts where it says so. */
	plan->memory_bytes = plan->line_bytes * (dest->remote && (dest->parts_gathered || size <= dest->put_max_bytes) ? 2 : 1);
	if (!dest->remote || dest->parallel_parts)
		plan->lines = CF_TRANSFER_LINES;
	if (plan->lines > (size + plan->part_bytes - 1) / plan->part_bytes)
		plan->lines = (int) ((size + plan->part_bytes - 1) / plan->part_bytes);
	if (plan->lines < 1)
		plan->lines = 1;
	if ((dest->remote && dest->part_max_bytes > 0 && plan->part_bytes > dest->part_max_bytes) ||
		plan->memory_bytes > memory_bytes)
	{
		cf_error_set(err, CF_ERR_RANGE, "object \"%s\" is too large to be moved to place \"%s\" in parts",
					 transfer->args.source_key, transfer->args.dest->name);
		cf_error_detail(err, "Its %lld bytes take parts of %lld bytes, and %lld bytes of memory for each.",
						(long long) size, (long long) plan->part_bytes, (long long) plan->memory_bytes);
		return cf_error_hint(err, "Raise cloudflux.migration_memory if the store takes such parts.");
	}
	return true;
}

void
cf_transfer_outfit(CfTransfer *transfer, const CfTransferPlan *plan, int lines, char *buffer, size_t buffer_bytes)
{
	transfer->plan = *plan;
	transfer->buffer_bytes = plan->in_parts ? (size_t) plan->line_bytes : buffer_bytes;
	for (int i = 0; i < lines && i < CF_TRANSFER_LINES; i++)
	{
		if (i > 0)
			line_begin(transfer, &transfer->lines[i], transfer->arena);
		transfer->lines[i].buffer = buffer + i * (plan->in_parts ? plan->line_bytes : 0);
		transfer->line_count = i + 1;
	}
	transfer->unfitted = false;
}

/* copy_outfit also finds out whether the checkpoints are of the version that is pinned now. */
static CfStep
copy_outfit(CfTransfer *t, CfError *err)
{
	(void) err;
	if (t->lines[0].buffer == NULL)
	{
		t->unfitted = true;
		return CF_STEP_AGAIN;
	}
	if (t->args.part_count > 0 && !cf_storage_version_same(t->args.source, t->args.parts_version, t->source_stat.version))
		t->args.part_count = 0;
	if (t->args.part_count > 0 && t->dest_caps.remote && t->args.parts[0].length != t->plan.part_bytes)
		t->args.part_count = 0;
	return CF_STEP_DONE;
}

/*
 * copy_drop removes an earlier upload in parts that cannot be taken up, so that none of its parts is left among ours; one
 * whose handle was not kept is taken up by its tag, or found by the sweep. LOCAL writes over what is there.
 */
static CfStep
copy_drop(CfTransfer *t, CfError *err)
{
	CfPort	   *port = &t->lines[0].dest;
	CfStep		step;

	if (!t->dest_caps.remote || !t->args.resume || t->args.handle[0] == '\0' || t->args.part_count > 0)
		return CF_STEP_DONE;
	t->upload.args = upload_args(t);
	memcpy(t->upload.handle, t->args.handle, strnlen(t->args.handle, sizeof(t->upload.handle) - 1) + 1);
	step = cf_port_took(port, cf_storage_upload_abort(&port->op, &t->upload));
	if (step == CF_STEP_ERROR)
		return cf_transfer_failed(port, err);
	if (step == CF_STEP_DONE)
		t->args.handle = "";
	return step;
}

static CfStep
copy_open(CfTransfer *t, CfError *err)
{
	CfPort	   *port = &t->lines[0].dest;
	CfUploadArgs args = upload_args(t);
	bool		in_parts = t->dest_caps.remote && t->source_stat.size_bytes > t->dest_caps.put_max_bytes;
	CfStep		step;

	/* What an earlier attempt has made may be of another version, and parts meet it only when all of them are there. */
	if (in_parts && t->args.resume && t->args.part_count == 0 && !t->reclaimed && !t->args.promoted)
	{
		t->reclaimed = true;
		t->state = COPY_RECLAIM;
		return CF_STEP_AGAIN;
	}
	if (in_parts && !t->noted)
	{
		t->noted = t->beginning = true;
		return CF_STEP_AGAIN;
	}
	step = cf_port_took(port, cf_storage_upload_begin(&port->op, &args, &t->upload));
	if (step == CF_STEP_ERROR)
		return copy_stopped(t, port, err);
	if (step != CF_STEP_DONE)
		return step;
	t->opened = in_parts;
	return cf_sums_copy(&t->proven, &t->sums) ? CF_STEP_DONE : cf_transfer_hash_failed(err);
}

/* write_part hands bytes that were read to the part that they belong to, and notes a part that ended. */
static CfStep
write_part(CfTransfer *t, const char *data, size_t length, CfError *err)
{
	CfLine	   *line = &t->lines[0];
	int64_t		in_part = t->done_bytes % t->plan.part_bytes;
	int64_t		left = t->source_stat.size_bytes - (t->done_bytes - in_part);
	CfStep		step;

	line->store_part = (CfPart) {.number = (int) (t->done_bytes / t->plan.part_bytes) + 1, .offset = t->done_bytes - in_part,
		.length = left < t->plan.part_bytes ? left : t->plan.part_bytes};
	step = cf_storage_upload_part(&line->dest.op, &t->upload, &line->store_part, data, length);
	if (step == CF_STEP_ERROR)
		return cf_transfer_failed(&line->dest, err);
	if (!cf_sums_update(&t->sums, data, length))
		return cf_transfer_hash_failed(err);
	t->done_bytes += (int64_t) length;
	t->hashed_bytes = t->done_bytes;
	t->sent_bytes += (int64_t) length;
	if (in_part + (int64_t) length < line->store_part.length || t->done_bytes == t->source_stat.size_bytes)
		return CF_STEP_AGAIN;
	t->part_finished = true;
	t->part = (CfTransferPart) {line->store_part.number, line->store_part.offset, line->store_part.length, {0}};
	return cf_sums_peek(&t->sums, &t->part.digests) ? CF_STEP_AGAIN : cf_transfer_hash_failed(err);
}

/* stream_through reads one buffer, at most to the end of the present part, and writes it: both ends are LOCAL. */
static CfStep
stream_through(CfTransfer *t, CfError *err)
{
	CfPort	   *port = &t->lines[0].source;
	CfReadArgs	args = {t->args.source_key, t->source_stat.version, t->proven_bytes, -1};
	CfChunk		chunk = {t->lines[0].buffer, t->buffer_bytes, 0};
	int64_t		to_boundary = t->plan.part_bytes - t->done_bytes % t->plan.part_bytes;
	CfStep		step;

	if ((int64_t) chunk.capacity > to_boundary)
		chunk.capacity = (size_t) to_boundary;
	step = cf_storage_read(&port->op, &args, &chunk);
	if (step == CF_STEP_ERROR)
		return cf_transfer_failed(port, err);
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
copy_stream(CfTransfer *t, CfError *err)
{
	return t->plan.in_parts ? cf_transfer_parts(t, err) : stream_through(t, err);
}

static CfStep
copy_seal(CfTransfer *t, CfError *err)
{
	CfPort	   *port = &t->lines[0].dest;
	CfStep		step;

	cf_storage_op_end(&t->lines[0].source.op);
	if (!cf_sums_peek(&t->sums, &t->upload.digests))
		return cf_transfer_hash_failed(err);
	/* parts.c computes it where nothing better serves */
	t->upload.digests.known |= t->digests.known & CF_DIGEST_MD5;
	memcpy(t->upload.digests.md5, t->digests.md5, sizeof(t->digests.md5));
	t->digests = t->upload.digests;
	step = cf_port_took(port, cf_storage_upload_seal(&port->op, &t->upload, &t->sealed));
	if (step == CF_STEP_ERROR)
		return copy_stopped(t, port, err);
	if (step != CF_STEP_DONE)
		return step;
	memcpy(t->sealed_version, t->sealed.version, sizeof(t->sealed_version));
	t->visible = t->dest_caps.remote && t->source_stat.size_bytes <= t->dest_caps.put_max_bytes &&
		t->sealed_version[0] != '\0';
	return step;
}

/*
 * copy_stopped ends a transfer that meets an object at the destination, or makes it try once more: an earlier attempt under our tag may
 * have created that object, of a version of the source that is no more, and have died before it could say so.
 */
static CfStep
copy_stopped(CfTransfer *t, const CfPort *port, CfError *err)
{
	if (port->op.err.kind != CF_ERR_EXISTS || !t->args.resume || t->reclaimed)
		return cf_transfer_failed(port, err);
	cf_storage_op_end(&t->lines[0].source.op);
	cf_storage_op_end(&t->lines[0].dest.op);
	t->reclaimed = true;
	t->looked = false;
	t->state = COPY_RECLAIM;
	return CF_STEP_AGAIN;
}

/* copy_reclaim removes what is there if it carries our tag, nothing of anybody else, and begins again with the first byte. */
static CfStep
copy_reclaim(CfTransfer *t, CfError *err)
{
	CfPort	   *port = &t->lines[0].dest;
	CfStep		step = look_again(t, err);

	if (step != CF_STEP_DONE)
		return step;
	t->upload.args = upload_args(t);
	t->upload.handle[0] = t->upload.sealed_version[0] = '\0';
	step = cf_port_took(port, cf_storage_upload_abort(&port->op, &t->upload));
	if (step == CF_STEP_ERROR)
		return cf_transfer_failed(port, err);
	if (step != CF_STEP_DONE)
		return step;
	for (int i = 0; i < t->line_count; i++)
	{
		cf_storage_op_end(&t->lines[i].source.op);
		cf_storage_op_end(&t->lines[i].dest.op);
		t->lines[i].state = CF_LINE_FREE;
	}
	cf_sums_end(&t->sums);
	cf_sums_end(&t->proven);
	memset(&t->upload, 0, sizeof(t->upload));
	t->next_bytes = t->hashed_bytes = t->done_bytes = t->proven_bytes = 0;
	t->proven_parts = t->args.part_count = 0;
	t->args.resume = t->noted = t->source_done = false;
	t->args.handle = "";
	t->digests.known = 0;
	return start_sums(t, err);
}
