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

static CfStep part_outside(CfOp *op, CfRemoteBuffer *buffer, const CfUpload *upload, const CfPart *part, const char *why);

void
cf_remote_buffer_free(CfOp *op, CfRemoteBuffer *buffer)
{
	cf_remote_free(op, buffer->data);
	memset(buffer, 0, sizeof(*buffer));
}

CfStep
cf_remote_gather(CfOp *op, CfRemoteBuffer *buffer, const CfUpload *upload, const CfPart *part, bool in_parts, const void *data,
				 size_t length)
{
	int64_t		room = in_parts ? part->length : upload->args.size_bytes;
	int64_t		base = in_parts ? 0 : part->offset;
	uint64_t   *word = &buffer->parts[(part->number - 1) / 64 % (CF_REMOTE_BUFFER_PARTS / 64)];
	uint64_t	bit = UINT64_C(1) << (part->number - 1) % 64;

	if (strcmp(buffer->owner_tag, upload->args.owner_tag) != 0 || buffer->room != room)
	{
		cf_remote_buffer_free(op, buffer);
		snprintf(buffer->owner_tag, sizeof(buffer->owner_tag), "%s", upload->args.owner_tag);
		buffer->room = room;
	}
	if (buffer->part_number != part->number)
	{
		buffer->part_number = part->number;
		buffer->filled = 0;
	}
	if (!in_parts && part->number > CF_REMOTE_BUFFER_PARTS)
		return part_outside(op, buffer, upload, part, "is one too many");
	if ((uint64_t) length > (uint64_t) (part->length - buffer->filled))
		return part_outside(op, buffer, upload, part, "gets more bytes than it has");
	if (buffer->data == NULL && room > 0 && (buffer->data = cf_remote_alloc(op, (size_t) room)) == NULL)
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
part_outside(CfOp *op, CfRemoteBuffer *buffer, const CfUpload *upload, const CfPart *part, const char *why)
{
	buffer->part_number = 0;
	return cf_remote_fails(op, CF_ERR_INPUT, "part %d of object \"%s\" %s", part->number, upload->args.key, why);
}

bool
cf_remote_gathered(CfOp *op, const CfRemoteBuffer *buffer, const CfUpload *upload)
{
	int64_t		size_bytes = upload->args.size_bytes;
	int64_t		there = buffer->room == size_bytes && strcmp(buffer->owner_tag, upload->args.owner_tag) == 0 ? buffer->taken : 0;

	if (there == size_bytes)
		return true;
	cf_remote_fails(op, CF_ERR_STATE, "upload of object \"%s\" is not complete", upload->args.key);
	cf_error_detail(&op->err, "%lld of %lld bytes are there.", (long long) there, (long long) size_bytes);
	return cf_error_hint(&op->err, "An object that goes in one request is begun again after a restart.");
}

CfStep
cf_remote_seal_parts(CfOp *op, const CfUpload *upload, CfObjectStat *stat)
{
	memset(stat, 0, sizeof(*stat));
	stat->size_bytes = upload->args.size_bytes;
	stat->storage_class = stat->content_type = "";
	return cf_remote_done(op);
}

CfStep
cf_remote_sealed(CfOp *op, CfObjectStat *sealed, CfUpload *upload, const CfObjectStat *stat)
{
	memcpy(upload->sealed_version, stat->version, sizeof(upload->sealed_version));
	*sealed = *stat;
	return CF_FAULT("storage_sealed", &op->err) ? cf_remote_error(op) : cf_remote_done(op);
}

CfStep
cf_remote_commit_sealed(CfOp *op, CfObjectStat *sealed, const CfUpload *upload, const char *storage_class, CfObjectStat *stat)
{
	const CfUploadArgs *args = &upload->args;
	bool		ours;

	if (op->phase == CF_REMOTE_START && (upload->sealed_version[0] == '\0' || strcmp(sealed->version, upload->sealed_version) != 0))
		return op->place->driver->remote->look(op, args->key, CF_REMOTE_ASKED);
	if (op->phase == CF_REMOTE_START)
	{
		*stat = *sealed;
		stat->storage_class = storage_class;
		stat->content_type = args->content_type == NULL ? "" : args->content_type;
		stat->attributes = args->attributes;
		memset(sealed, 0, sizeof(*sealed));
		return cf_remote_done(op);
	}
	switch (cf_remote_looked(op, args->key, stat))
	{
		case CF_REMOTE_MISSING:
			return cf_remote_upload_gone(op, args->key);
		case CF_REMOTE_FAILED:
			return CF_STEP_ERROR;
		default:
			break;
	}
	ours = cf_remote_ours(stat, args->owner_tag) && stat->size_bytes == args->size_bytes;
	if (upload->sealed_version[0] == '\0' ? ours : op->place->driver->remote->pinned(op, stat->version, upload->sealed_version))
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
	return found == CF_REMOTE_FOUND && (version == NULL || version[0] == '\0' || op->place->driver->remote->pinned(op, stat->version, version) ||
										cf_remote_changed(op, key) == CF_STEP_DONE);
}

CfRemoteFound
cf_remote_abandoned(CfOp *op, const CfUpload *upload, const char *owner_tag, CfObjectStat *stat)
{
	CfRemoteFound found = cf_remote_looked(op, upload->args.key, stat);

	if (found == CF_REMOTE_FOUND &&
		(!cf_remote_ours(stat, owner_tag) ||
		 (upload->sealed_version[0] != '\0' && !op->place->driver->remote->pinned(op, stat->version, upload->sealed_version))))
		return CF_REMOTE_MISSING;
	return found;
}
