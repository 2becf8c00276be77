/*
 * remote_upload.c
 *		Writing an object whose bytes come in pieces.
 *
 * Memory of a buffer comes from the arena's allocator and is as large as one part, or as one small object: whoever plans the
 * transfer has counted it.
 */
#include <stdio.h>
#include <string.h>

#include "core/interrupt.h"
#include "storage/remote/remote_upload.h"

static CfStep gather(CfOp *op, const CfUpload *upload, const CfPart *part, bool in_parts, const void *data, size_t length);
static CfStep part_outside(CfOp *op, const CfUpload *upload, const CfPart *part, const char *why);
static bool gathered(CfOp *op, const CfUpload *upload);
static CfStep commit_sealed(CfOp *op, const CfUpload *upload, CfObjectStat *stat);

bool
cf_remote_buffer_room(CfOp *op, int64_t room)
{
	CfRemoteBuffer *buffer = &((CfRemoteState *) op->state)->buffer;
	const CfRemote *remote = dialect(op);
	char	   *block = cf_remote_alloc(op, remote->frame_head + (size_t) room + remote->frame_tail);

	buffer->data = block == NULL ? NULL : block + remote->frame_head;
	buffer->room = room;
	return block != NULL;
}

void
cf_remote_buffer_free(CfOp *op)
{
	CfRemoteBuffer *buffer = &((CfRemoteState *) op->state)->buffer;

	if (buffer->data != NULL)
		cf_remote_free(op, buffer->data - dialect(op)->frame_head);
	memset(buffer, 0, sizeof(*buffer));
}

CfStep
cf_remote_upload_part(CfOp *op, CfUpload *upload, CfPart *part, const void *data, size_t length)
{
	CfRemoteState *state = op->state;
	bool		in_parts;
	CfStep		step;

	if (op->phase != CF_REMOTE_START)
		return dialect(op)->part_answer(op, upload, part);
	if (!dialect(op)->in_parts(op, upload, part, &in_parts))
		return cf_remote_error(op);
	if (in_parts && dialect(op)->frame_head == 0 && (int64_t) length == part->length)
		return dialect(op)->part_send(op, upload, part, data);
	if ((step = gather(op, upload, part, in_parts, data, length)) != CF_STEP_DONE)
		return step;
	if (in_parts)
		return dialect(op)->part_send(op, upload, part, state->buffer.data);
	part->token[0] = '\0';
	data = state->buffer.data + part->offset;
	if (dialect(op)->part_digest == CF_DIGEST_CRC64NVME)
		part->digests = (CfDigests) {.known = CF_DIGEST_CRC64NVME, .crc64nvme = cf_crc64nvme(0, data, (size_t) part->length)};
	else if (dialect(op)->part_digest == CF_DIGEST_CRC32C)
		part->digests = (CfDigests) {.known = CF_DIGEST_CRC32C, .crc32c = cf_crc32c(0, data, (size_t) part->length)};
	return cf_remote_done(op);
}

/*
 * gather takes the next bytes of a part; DONE = it is whole, and lies in the buffer: at its beginning when the upload is in parts, else
 * where it belongs in the object. AGAIN = there are more to come.
 */
static CfStep
gather(CfOp *op, const CfUpload *upload, const CfPart *part, bool in_parts, const void *data, size_t length)
{
	CfRemoteBuffer *buffer = &((CfRemoteState *) op->state)->buffer;
	int64_t		room = in_parts ? part->length : upload->args.size_bytes;
	int64_t		base = in_parts ? 0 : part->offset;
	uint64_t   *word = &buffer->parts[(part->number - 1) / 64 % (CF_REMOTE_BUFFER_PARTS / 64)];
	uint64_t	bit = UINT64_C(1) << (part->number - 1) % 64;

	if (strcmp(buffer->owner_tag, upload->args.owner_tag) != 0 || buffer->room != room)
	{
		cf_remote_buffer_free(op);
		snprintf(buffer->owner_tag, sizeof(buffer->owner_tag), "%s", upload->args.owner_tag);
		buffer->room = room;
	}
	if (buffer->part_number != part->number)
	{
		buffer->part_number = part->number;
		buffer->filled = 0;
	}
	if (!in_parts && part->number > CF_REMOTE_BUFFER_PARTS)
		return part_outside(op, upload, part, "is one too many");
	if ((uint64_t) length > (uint64_t) (part->length - buffer->filled))
		return part_outside(op, upload, part, "gets more bytes than it has");
	if (buffer->data == NULL && room > 0 && !cf_remote_buffer_room(op, room))
		return CF_STEP_ERROR;
	if (length > 0)
		memcpy(buffer->data + base + buffer->filled, data, length);
	buffer->filled += (int64_t) length;
	if (buffer->filled < part->length)
		return CF_STEP_AGAIN;
	buffer->part_number = 0;
	if (!in_parts && (*word & bit) == 0)
		buffer->taken += part->length;
	*word |= bit;
	return CF_STEP_DONE;
}

static CfStep
part_outside(CfOp *op, const CfUpload *upload, const CfPart *part, const char *why)
{
	((CfRemoteState *) op->state)->buffer.part_number = 0;
	return cf_remote_fails(op, CF_ERR_INPUT, "part %d of object \"%s\" %s", part->number, upload->args.key, why);
}

/* cf_remote_upload_seal: parts are durable already, and nobody knows the version before the commit. */
CfStep
cf_remote_upload_seal(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfRemoteState *state = op->state;
	CfUploadArgs args = upload->args;
	bool		in_parts;
	CfStep		step;

	if (!dialect(op)->in_parts(op, upload, NULL, &in_parts))
		return cf_remote_error(op);
	if (in_parts)
	{
		*stat = (CfObjectStat) {.size_bytes = args.size_bytes, .storage_class = "", .content_type = ""};
		return cf_remote_done(op);
	}
	if (op->phase == CF_REMOTE_START && !gathered(op, upload))
		return CF_STEP_ERROR;
	args.resume = true;			/* a seal before a crash may have made it */
	step = dialect(op)->create(op, &args, &upload->digests, state->buffer.data, (size_t) args.size_bytes, stat);
	if (step != CF_STEP_DONE)
		return step;
	cf_remote_buffer_free(op);
	return cf_remote_sealed(op, upload, stat);
}

/* gathered tells whether a small object is there as a whole, to be sealed; false = the operation is over. */
static bool
gathered(CfOp *op, const CfUpload *upload)
{
	const CfRemoteBuffer *buffer = &((CfRemoteState *) op->state)->buffer;
	int64_t		size_bytes = upload->args.size_bytes;
	int64_t		there = buffer->room == size_bytes && strcmp(buffer->owner_tag, upload->args.owner_tag) == 0 ? buffer->taken : 0;

	if (there == size_bytes)
		return true;
	cf_remote_fails(op, CF_ERR_STATE, "upload of object \"%s\" is not complete", upload->args.key);
	cf_error_detail(&op->err, "%lld of %lld bytes are there.", (long long) there, (long long) size_bytes);
	return cf_error_hint(&op->err, "An object that goes in one request is begun again after a restart.");
}

CfStep
cf_remote_sealed(CfOp *op, CfUpload *upload, const CfObjectStat *stat)
{
	memcpy(upload->sealed_version, stat->version, sizeof(upload->sealed_version));
	((CfRemoteState *) op->state)->sealed = *stat;
	return CF_FAULT("storage_sealed", &op->err) ? cf_remote_error(op) : cf_remote_done(op);
}

CfStep
cf_remote_upload_commit(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	bool		in_parts;
	CfStep		step;

	if (!dialect(op)->in_parts(op, upload, NULL, &in_parts))
		return cf_remote_error(op);
	if (in_parts)
		return dialect(op)->join(op, upload, stat);
	step = commit_sealed(op, upload, stat);
	if (step == CF_STEP_DONE)
		memcpy(upload->handle, "done", sizeof("done"));
	return step;
}

/*
 * commit_sealed finds the object that a seal has made. Where this op made it, nothing needs to be asked (the texts of `sealed` may be gone
 * by then, so they are said again); else it is looked at.
 */
static CfStep
commit_sealed(CfOp *op, const CfUpload *upload, CfObjectStat *stat)
{
	CfObjectStat *sealed = &((CfRemoteState *) op->state)->sealed;
	const CfUploadArgs *args = &upload->args;
	CfRemoteFound found;
	bool		ours;

	if (op->phase == CF_REMOTE_START && (upload->sealed_version[0] == '\0' || strcmp(sealed->version, upload->sealed_version) != 0))
		return dialect(op)->look(op, args->key, CF_REMOTE_ASKED);
	if (op->phase == CF_REMOTE_START)
	{
		*stat = *sealed;
		stat->storage_class = cf_remote_class(op, args->storage_class);
		stat->content_type = args->content_type == NULL ? "" : args->content_type;
		stat->attributes = args->attributes;
		memset(sealed, 0, sizeof(*sealed));
		return cf_remote_done(op);
	}
	if ((found = cf_remote_looked(op, args->key, stat)) != CF_REMOTE_FOUND)
		return found == CF_REMOTE_MISSING ? cf_remote_upload_gone(op, args->key) : CF_STEP_ERROR;
	ours = cf_remote_ours(stat, args->owner_tag) && stat->size_bytes == args->size_bytes;
	if (upload->sealed_version[0] == '\0' ? ours : dialect(op)->pinned(op, stat->version, upload->sealed_version))
		return cf_remote_done(op);
	return ours ? cf_remote_changed(op, args->key) : cf_remote_exists(op, args->key);
}

CfStep
cf_remote_upload_gone(CfOp *op, const char *key)
{
	return cf_remote_fails(op, CF_ERR_STATE, "neither object \"%s\" nor its upload is in place \"%s\"", cf_remote_shown(op, key),
						   op->place->name);
}

bool
cf_remote_vacant(CfOp *op, const char *key)
{
	CfObjectStat stat;
	CfRemoteFound found = cf_remote_looked(op, key, &stat);

	if (found == CF_REMOTE_FOUND)
		cf_remote_exists(op, key);
	return found == CF_REMOTE_MISSING;
}

bool
cf_remote_pinned(CfOp *op, const char *key, const char *version, CfObjectStat *stat)
{
	CfRemoteFound found = cf_remote_looked(op, key, stat);

	if (found == CF_REMOTE_MISSING)
		return cf_remote_missing(op, key) == CF_STEP_DONE;
	return found == CF_REMOTE_FOUND && (version == NULL || version[0] == '\0' || dialect(op)->pinned(op, stat->version, version) ||
										cf_remote_changed(op, key) == CF_STEP_DONE);
}

CfRemoteFound
cf_remote_abandoned(CfOp *op, const CfUpload *upload, const char *owner_tag, CfObjectStat *stat)
{
	CfRemoteFound found = cf_remote_looked(op, upload->args.key, stat);

	if (found == CF_REMOTE_FOUND &&
		(!cf_remote_ours(stat, owner_tag) ||
		 (upload->sealed_version[0] != '\0' && !dialect(op)->pinned(op, stat->version, upload->sealed_version))))
		return CF_REMOTE_MISSING;
	return found;
}
