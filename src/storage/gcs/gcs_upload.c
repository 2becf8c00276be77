/*
 * gcs_upload.c
 *		Writing an object whose bytes come in pieces: begin, parts, read back, seal, commit, abort, and finding what was left.
 *
 * An object that is one part and not too large goes in one request, at upload_seal. A larger one goes as parts, which are objects
 * of their own, PREFIX.cloudflux/parts/<owner_tag>/0-<number>, and upload_commit composes them (gcs_compose.c). Against a
 * resumable session, which a place may ask for (gcs_session.c), this has three advantages: parts go side by side; the upload survives a crash
 * without a secret in a table, since a session's URI gives whoever reads it the right to write; and each part is
 * checked by the store before the next begins. What it costs: parts are STANDARD and short-lived, one request more for each part to
 * remove it, and in a bucket with soft delete they are billed for as long as that keeps them.
 *
 * Everything about an upload is in its handle, so whoever has that, or only finds the parts, can go on or clean up:
 *		put/<tag>		done/<tag> (a put that was committed)		parts/<tag>/<size>/<part size>		session/<tag>/<size>/<part size>
 * The description of the object to be (content type, metadata, class) travels on its first part.
 */
#include <stdio.h>
#include <string.h>

#include "core/interrupt.h"
#include "storage/gcs/gcs.h"

#define FIND_MAX 100			/* uploads of one page */
#define ABORT_ROUNDS 5			/* a part that was on its way may arrive after its upload was aborted */
#define PART_ROUNDS 3

enum
{
	BEGIN,
	ASKED,						/* the operation's own request */
	LOOKED,						/* what lies under the key */
	LISTED,						/* a page of the upload's pieces */
	REMOVED						/* one of them */
};

static CfStep begin_listed(CfOp *op, CfUpload *upload, const CfGcsHandle *handle);
static CfStep part_insert(CfOp *op, const CfUpload *upload, const CfGcsHandle *handle, const CfPart *part, int64_t generation);
static CfStep part_answered(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfPart *part);
static CfStep part_looked(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfPart *part);
static CfStep part_done(CfOp *op, CfPart *part, const CfObjectStat *stat);
static CfStep abort_pieces(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, bool object_too);
static bool find_flush(CfOp *op, int64_t older_than_us, CfStalePage *page);
static bool in_parts(const CfGcsHandle *handle);
static const char *tag_of(const char *name, char tag[65]);

/* cf_gcs_handle_read takes a handle apart; it may come from a user. */
bool
cf_gcs_handle_read(CfOp *op, const CfUpload *upload, CfGcsHandle *handle)
{
	static const struct
	{
		const char *word;
		CfGcsUploadKind kind;
	}			kinds[] = {{"put/", CF_GCS_UPLOAD_PUT}, {"done/", CF_GCS_UPLOAD_DONE}, {"parts/", CF_GCS_UPLOAD_PARTS},
	{"session/", CF_GCS_UPLOAD_SESSION}};
	char		text[sizeof(upload->handle)];
	char	   *size;
	char	   *part;

	memset(handle, 0, sizeof(*handle));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		size_t		length = strlen(kinds[i].word);

		if (strncmp(upload->handle, kinds[i].word, length) != 0)
			continue;
		handle->kind = kinds[i].kind;
		snprintf(text, sizeof(text), "%s", tag_of(upload->handle + length, handle->tag));
		if (handle->tag[0] == '\0')
			break;
		if (!in_parts(handle) && text[0] == '\0')
			return true;
		if (!in_parts(handle) || text[0] != '/' || (part = strchr(size = text + 1, '/')) == NULL)
			break;
		*part++ = '\0';
		if (cf_gcs_number(size, &handle->size_bytes) && cf_gcs_number(part, &handle->part_bytes))
			return true;
		break;
	}
	cf_remote_fails(op, CF_ERR_INPUT, "invalid handle of an upload at place \"%s\"", op->place->name);
	return false;
}

/* in_parts tells whether the parts of an upload go to the store one by one. */
static bool
in_parts(const CfGcsHandle *handle)
{
	return handle->kind == CF_GCS_UPLOAD_PARTS || handle->kind == CF_GCS_UPLOAD_SESSION;
}

/* tag_of takes an owner tag from the front of text and gives what follows; tag "" = there is none. */
static const char *
tag_of(const char *text, char tag[65])
{
	size_t		length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");

	if (length > 64)
		length = 0;
	memcpy(tag, text, length);
	tag[length] = '\0';
	return text + length;
}

CfStep
cf_gcs_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	CfGcsState *state = op->state;
	CfGcsHandle handle = {.kind = CF_GCS_UPLOAD_PARTS, .size_bytes = args->size_bytes, .part_bytes = args->part_bytes};

	snprintf(handle.tag, sizeof(handle.tag), "%s", args->owner_tag);
	cf_remote_buffer_free(op);
	/* Several parts may come from several ops, so only what is one part can wait in memory for the seal. */
	if (args->size_bytes <= CF_GCS_PUT_MAX && (args->part_bytes == 0 || args->size_bytes <= args->part_bytes))
	{
		snprintf(upload->handle, sizeof(upload->handle), "put/%s", args->owner_tag);
		return CF_STEP_DONE;
	}
	if (args->part_bytes == 0 || (args->size_bytes - 1) / args->part_bytes >= CF_GCS_PARTS_MAX)
		return cf_remote_fails(op, CF_ERR_INPUT, "object \"%s\" would have too many parts",
							cf_remote_shown(op, args->key));
	snprintf(upload->handle, sizeof(upload->handle), "%s/%s/%lld/%lld", cf_gcs_sessions(op->place) ? "session" : "parts", args->owner_tag,
			 (long long) args->size_bytes, (long long) args->part_bytes);
	if (cf_gcs_sessions(op->place))
		return cf_gcs_session_begin(op, args);
	switch (op->phase)
	{
		case BEGIN:
			state->piece_count = 0;
			if (args->resume)
				return cf_gcs_pieces_list(op, LISTED, args->owner_tag);
			return cf_gcs_look(op, args->key, LOOKED);
		case LOOKED:
			return cf_remote_vacant(op, args->key) ? cf_remote_done(op) : CF_STEP_ERROR;
		default:
			return begin_listed(op, upload, &handle);
	}
}

/* begin_listed tells how much of the object is there from its start on. */
static CfStep
begin_listed(CfOp *op, CfUpload *upload, const CfGcsHandle *handle)
{
	CfGcsState *state = op->state;
	int			parts;

	if (!cf_gcs_pieces_read(op, handle->tag))
		return CF_STEP_ERROR;
	if (state->page_token != NULL)
		return cf_gcs_pieces_list(op, LISTED, handle->tag);
	parts = cf_gcs_row(op, handle);
	if (parts < 0)
		return CF_STEP_ERROR;
	upload->stored_bytes = parts * handle->part_bytes;
	if (upload->stored_bytes > handle->size_bytes)
		upload->stored_bytes = handle->size_bytes;
	return cf_remote_done(op);
}

bool
cf_gcs_in_parts(CfOp *op, const CfUpload *upload, const CfPart *part, bool *parts)
{
	CfGcsHandle handle;

	if (!cf_gcs_handle_read(op, upload, &handle))
		return false;
	/* A session has one part after the other, and makes an object of them by itself. */
	*parts = handle.kind == CF_GCS_UPLOAD_PARTS || (handle.kind == CF_GCS_UPLOAD_SESSION && part != NULL);
	if (!*parts || part == NULL)
		return true;
	if (handle.kind == CF_GCS_UPLOAD_SESSION && !cf_gcs_session_ready(op, &handle, part))
		return false;
	return (handle.part_bytes > 0 && part->offset == (part->number - 1) * handle.part_bytes && part->number <= CF_GCS_PARTS_MAX &&
			(part->length == handle.part_bytes || part->offset + part->length == handle.size_bytes)) ||
		cf_error_set(&op->err, CF_ERR_INPUT, "part %d is not one that its upload was begun with", part->number);
}

CfStep
cf_gcs_part_send(CfOp *op, CfUpload *upload, CfPart *part, const void *data)
{
	CfGcsHandle handle;

	(void) data;				/* is in the buffer, where its body is made */
	((CfGcsState *) op->state)->rounds = 0;
	if (!cf_gcs_handle_read(op, upload, &handle))
		return CF_STEP_ERROR;
	return handle.kind == CF_GCS_UPLOAD_SESSION ? cf_gcs_session_part(op, upload, &handle, part) : part_insert(op, upload, &handle, part, 0);
}

CfStep
cf_gcs_part_answer(CfOp *op, CfUpload *upload, CfPart *part)
{
	CfGcsHandle handle;

	if (!cf_gcs_handle_read(op, upload, &handle))
		return CF_STEP_ERROR;
	if (handle.kind == CF_GCS_UPLOAD_SESSION)
		return cf_gcs_session_part(op, upload, &handle, part);
	return op->phase == ASKED ? part_answered(op, upload, &handle, part) : part_looked(op, upload, &handle, part);
}

/* part_insert creates a part, or replaces the one of that generation. The first carries what the whole object will be. */
static CfStep
part_insert(CfOp *op, const CfUpload *upload, const CfGcsHandle *handle, const CfPart *part, int64_t generation)
{
	const char *class = upload->args.storage_class;
	json_t	   *resource;
	CfUploadArgs args = {.key = upload->args.key, .owner_tag = handle->tag};

	cf_storage_op_request(op, "POST", "storage.objects.insert");
	resource = cf_gcs_resource(op, part->number == 1 ? &upload->args : &args, "STANDARD");
	if (class == NULL || class[0] == '\0')
		class = op->place->storage_class;
	if (resource != NULL && part->number == 1 &&
		json_object_set_new(json_object_get(resource, "metadata"), CF_GCS_CLASS, json_string(class)) != 0)
	{
		json_decref(resource);
		return cf_remote_memory(op);
	}
	return cf_gcs_insert(op, ASKED, resource, cf_gcs_piece_name(op, handle->tag, 0, part->number), generation);
}

static CfStep
part_answered(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfPart *part)
{
	CfGcsState *state = op->state;
	CfObjectStat stat;

	if (op->response.status == 412 && state->rounds++ < PART_ROUNDS)
	{
		/* A part of an earlier attempt, or our own whose answer was lost. */
		state->lost_answer = op->response.sends > 1;
		cf_storage_op_request(op, "GET", "storage.objects.get");
		return cf_gcs_send(op, LOOKED, cf_gcs_object_path(op, cf_gcs_piece_name(op, handle->tag, 0, part->number)), "fields=" CF_GCS_FIELDS);
	}
	if (!cf_gcs_inserted(op, upload->args.key, &stat))
		return CF_STEP_ERROR;
	return part_done(op, part, &stat);
}

/* part_looked knows the part that is there: taken if it has our bytes, else replaced. The first also carries a description. */
static CfStep
part_looked(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfPart *part)
{
	const CfGcsState *state = op->state;
	const CfRemoteBuffer *buffer = &state->remote.buffer;
	CfObjectStat stat;
	int64_t		generation;

	op->phase = BEGIN;
	if (op->response.status == 404 && !cf_gcs_no_bucket(op))
		return part_insert(op, upload, handle, part, 0);
	if (op->response.status != 200)
		return cf_gcs_fail(op, "write part of object", upload->args.key);
	if (!cf_gcs_answer_object(op, &stat) || !cf_gcs_number(stat.version, &generation))
		return CF_STEP_ERROR;
	if ((part->number > 1 || state->lost_answer) && stat.size_bytes == buffer->filled &&
		cf_gcs_remote.sent(op, &stat))
		return part_done(op, part, &stat);
	return part_insert(op, upload, handle, part, generation);
}

static CfStep
part_done(CfOp *op, CfPart *part, const CfObjectStat *stat)
{
	snprintf(part->token, sizeof(part->token), "%.100s", stat->version);
	part->digests = stat->digests;
	if (CF_FAULT("storage_part_written", &op->err))
		return CF_STEP_ERROR;
	return CF_STEP_DONE;
}

/* cf_gcs_upload_read reads back once, at most to the end of the part; nothing = the upload ends there. */
CfStep
cf_gcs_upload_read(CfOp *op, CfUpload *upload, int64_t offset, CfChunk *chunk)
{
	CfGcsHandle handle;
	int64_t		first;
	int64_t		last;
	int64_t		total;
	char		range[64];

	if (!cf_gcs_handle_read(op, upload, &handle))
		return CF_STEP_ERROR;
	if (handle.kind != CF_GCS_UPLOAD_PARTS || handle.part_bytes == 0 || offset / handle.part_bytes >= CF_GCS_PARTS_MAX)
		return CF_STEP_DONE;
	first = offset % handle.part_bytes;
	last = first + (int64_t) chunk->capacity - 1;
	if (last >= handle.part_bytes)
		last = handle.part_bytes - 1;
	if (op->phase == BEGIN)
	{
		CfRequest  *request = cf_storage_op_request(op, "GET", "storage.objects.get");

		snprintf(range, sizeof(range), "bytes=%lld-%lld", (long long) first, (long long) last);
		if (!cf_net_header(request, "Range", cf_arena_strdup(&op->request_arena, range), &op->err) ||
			!cf_net_header(request, "Accept-Encoding", "gzip", &op->err))
			return CF_STEP_ERROR;
		request->sink = chunk->data;
		request->sink_bytes = (size_t) (last - first + 1);
		request->net_class = CF_NET_BODY;
		return cf_gcs_send(op, ASKED, cf_gcs_object_path(op, cf_gcs_piece_name(op, handle.tag, 0, (int) (offset / handle.part_bytes) + 1)),
						   "alt=media");
	}
	op->phase = BEGIN;
	if ((op->response.status == 404 && !cf_gcs_no_bucket(op)) || op->response.status == 416)
		return CF_STEP_DONE;
	if (op->response.status != 206)
		return cf_gcs_fail(op, "read back part of object", upload->args.key);
	if (!cf_remote_range(op, first, &total))
		return cf_remote_unexpected(op, "read back part of object", upload->args.key, "the answer has another range than was asked for");
	chunk->length = op->response.sink_bytes;
	return CF_STEP_DONE;
}

CfStep
cf_gcs_upload_seal(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfGcsHandle handle;
	CfStep		step;

	if (!cf_gcs_handle_read(op, upload, &handle))
		return CF_STEP_ERROR;
	if (handle.kind != CF_GCS_UPLOAD_SESSION)
		return cf_remote_upload_seal(op, upload, stat);
	step = cf_gcs_session_seal(op, upload, &handle, stat);
	return step == CF_STEP_DONE ? cf_remote_sealed(op, upload, stat) : step;
}

CfStep
cf_gcs_join(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfGcsHandle handle;

	return cf_gcs_handle_read(op, upload, &handle) ? cf_gcs_compose(op, upload, &handle, stat) : CF_STEP_ERROR;
}

CfStep
cf_gcs_upload_commit(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfGcsHandle handle;
	CfStep		step;

	if (!cf_gcs_handle_read(op, upload, &handle))
		return CF_STEP_ERROR;
	step = cf_remote_upload_commit(op, upload, stat);
	if (step == CF_STEP_DONE && handle.kind != CF_GCS_UPLOAD_PARTS)
		snprintf(upload->handle, sizeof(upload->handle), "done/%s", handle.tag);
	return step;
}

/*
 * cf_gcs_upload_abort removes the pieces of an upload, and looks again until there are none. The object itself only when one request
 * made it, or nobody knows how far it came: by its version if that is known, and only if it carries our tag.
 */
CfStep
cf_gcs_upload_abort(CfOp *op, CfUpload *upload)
{
	CfGcsState *state = op->state;
	CfGcsHandle handle = {.kind = CF_GCS_UPLOAD_PUT};
	bool		known = upload->handle[0] != '\0';
	bool		object_too;

	if (known && !cf_gcs_handle_read(op, upload, &handle))
		return CF_STEP_ERROR;
	if (!known)
		snprintf(handle.tag, sizeof(handle.tag), "%s", upload->args.owner_tag);
	if (handle.kind == CF_GCS_UPLOAD_DONE)
		return CF_STEP_DONE;
	object_too = handle.kind != CF_GCS_UPLOAD_PARTS && upload->args.key != NULL && upload->args.key[0] != '\0' &&
		!upload->args.keep_object;
	cf_remote_buffer_free(op);
	if (handle.kind == CF_GCS_UPLOAD_SESSION && (op->phase == BEGIN || cf_gcs_session_cancelling(op)) &&
		cf_gcs_session_cancel(op, &handle) == CF_STEP_SEND)
		return CF_STEP_SEND;
	if (op->phase == LISTED || op->phase == REMOVED)
		return abort_pieces(op, upload, &handle, object_too);
	if (op->phase != BEGIN || (known && handle.kind != CF_GCS_UPLOAD_PARTS))
		return object_too ? cf_remote_abandon(op, upload, handle.tag, INT64_MAX) : CF_STEP_DONE;
	state->piece_count = state->at_piece = state->rounds = 0;
	return cf_gcs_pieces_list(op, LISTED, handle.tag);
}

static CfStep
abort_pieces(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, bool object_too)
{
	CfGcsState *state = op->state;
	int			status = op->response.status;

	if (op->phase == REMOVED && status != 200 && status != 204 && (status != 404 || cf_gcs_no_bucket(op)))
		return cf_gcs_fail(op, "remove part of object", upload->args.key);
	if (op->phase == LISTED)
	{
		if (!cf_gcs_pieces_read(op, handle->tag))
			return CF_STEP_ERROR;
		if (state->page_token != NULL)
			return cf_gcs_pieces_list(op, LISTED, handle->tag);
		state->at_piece = 0;
		if (state->piece_count > 0 && state->rounds++ >= ABORT_ROUNDS)
			return cf_remote_fails(op, CF_ERR_BUSY, "parts of upload \"%s\" of place \"%s\" still arrive", handle->tag,
								op->place->name);
	}
	if (state->at_piece < state->piece_count)
		return cf_gcs_piece_remove(op, REMOVED, handle->tag, &state->pieces[state->at_piece++]);
	if (state->piece_count > 0)
	{
		state->piece_count = 0;
		return cf_gcs_pieces_list(op, LISTED, handle->tag);
	}
	op->phase = BEGIN;
	return object_too ? cf_remote_abandon(op, upload, handle->tag, INT64_MAX) : CF_STEP_DONE;
}

/*
 * cf_gcs_uploads_find goes through all pieces, which come in the order of their names, so those of one upload together. The
 * token is the name at which the next page begins.
 */
CfStep
cf_gcs_uploads_find(CfOp *op, int64_t older_than_us, const char *token, CfStalePage *page)
{
	CfGcsState *state = op->state;
	json_t	   *answer;
	json_t	   *item;
	size_t		i;
	bool		good = true;

	if (op->phase == BEGIN)
	{
		memset(page, 0, sizeof(*page));
		state->tag[0] = '\0';
		if (!cf_gcs_keep_text(op, &state->page_token, NULL))
			return CF_STEP_ERROR;
		page->uploads = cf_arena_alloc(op->arena, FIND_MAX * sizeof(CfStaleUpload));
		return page->uploads == NULL ? cf_remote_memory(op) : cf_gcs_names_list(op, LISTED, NULL, token, "name,size,updated");
	}
	if (op->response.status != 200)
		return cf_gcs_fail(op, "list the objects", NULL);
	if ((answer = cf_gcs_answer(op)) == NULL)
		return CF_STEP_ERROR;
	json_array_foreach(json_object_get(answer, "items"), i, item)
	{
		const char *name = cf_json_text(item, "name");
		size_t		prefix = strlen(op->place->prefix) + strlen(CF_GCS_PARTS);
		int64_t		size = 0;
		int64_t		updated = 0;
		char		tag[65];

		if (strlen(name) <= prefix || tag_of(name + prefix, tag)[0] != '/' || tag[0] == '\0')
			continue;
		if (strcmp(tag, state->tag) != 0 && !(good = find_flush(op, older_than_us, page)))
			break;
		if (page->next != NULL)
			break;
		if (strcmp(tag, state->tag) != 0)
		{
			memcpy(state->tag, tag, sizeof(tag));
			state->tag_bytes = state->tag_updated_us = 0;
			state->tag_started_us = INT64_MAX;
		}
		(void) cf_gcs_number(cf_json_text(item, "size"), &size);
		(void) cf_remote_time(cf_json_text(item, "updated"), &updated);
		state->tag_bytes += size;
		if (updated > state->tag_updated_us)
			state->tag_updated_us = updated;
		if (updated < state->tag_started_us)
			state->tag_started_us = updated;
		if (page->count == FIND_MAX)
		{
			page->next = cf_arena_strdup(op->arena, tag);
			good = page->next != NULL;
			break;
		}
	}
	good = good && cf_gcs_keep_text(op, &state->page_token, cf_json_text(answer, "nextPageToken"));
	json_decref(answer);
	if (!good)
		return cf_remote_memory(op);
	if (page->next == NULL && state->page_token != NULL)
		return cf_gcs_names_list(op, LISTED, NULL, NULL, "name,size,updated");
	op->phase = BEGIN;
	return page->next != NULL || find_flush(op, older_than_us, page) ? CF_STEP_DONE : cf_remote_memory(op);
}

/* find_flush adds the upload that was gathered, if nothing of it was written since; false = out of memory. */
static bool
find_flush(CfOp *op, int64_t older_than_us, CfStalePage *page)
{
	CfGcsState *state = op->state;
	CfStaleUpload *upload = &page->uploads[page->count];

	if (state->tag[0] == '\0' || state->tag_updated_us >= older_than_us)
		return true;
	upload->handle = cf_remote_format(op->arena, "parts/%s/0/0", state->tag);
	upload->owner_tag = cf_arena_strdup(op->arena, state->tag);
	upload->started_us = state->tag_started_us;
	upload->size_bytes = state->tag_bytes;
	page->count++;
	return upload->handle != NULL && upload->owner_tag != NULL;
}
