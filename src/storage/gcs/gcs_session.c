/*
 * gcs_session.c
 *		Uploads in one stream: a resumable session of Google, for places with the option uploads = 'session'.
 *
 * A session makes the object itself, of its own class, without parts that must be composed, rewritten and removed: the way into
 * buckets with a retention policy or soft delete, for accounts without the right to delete, and for large objects of a cold class. It is
 * one stream, so parts go one after the other; and its URI gives whoever reads it the right to write, so it lives in the memory of this
 * op alone, is never in a handle, a table or a message, and a crash begins the upload anew. What is left then costs
 * nothing and is forgotten by the store after a week.
 *
 * Each part is a chunk, a multiple of 256 KiB, whose bytes lie in the op's buffer until the store says that it has them. It says so
 * by 308 and Range; it may have taken a part of the chunk only, and the rest is sent again. After a lost answer or an error of the
 * store it is asked (Content-Range: bytes * / total) and believed. The last chunk makes the object appear, so it waits for
 * upload_seal; with it goes the CRC32C of the whole. A 412 means that somebody was there first, at the start or meanwhile.
 */
#include <stdio.h>
#include <string.h>

#include "storage/gcs/gcs.h"

#define CHUNK_UNIT (256 * 1024)
#define ROUNDS_MAX 6			/* requests in a row that bring no byte further */
#define URI_MAX 4096

/* Phases beside those of gcs_upload.c, which has the operations begin. */
enum
{
	SESSION_STARTED = 32,
	SESSION_TAKEN,				/* somebody is there already: who? */
	SESSION_CLEARED,			/* it was what an earlier attempt of ours had sealed */
	SESSION_SENT,				/* a chunk */
	SESSION_ASKED,				/* how far is it? */
	SESSION_LOOKED,				/* the session is gone, or somebody was faster: is it ours? */
	SESSION_CANCELLED
};

static CfStep start(CfOp *op, const CfUploadArgs *args);
static CfStep started(CfOp *op, const CfUploadArgs *args);
static CfStep taken(CfOp *op, const CfUploadArgs *args);
static bool uri_keep(CfOp *op, const char *location);
static CfStep chunk_send(CfOp *op, const CfUpload *upload, bool last);
static CfStep ask(CfOp *op, const CfUpload *upload);
static CfStep request_to(CfOp *op, int phase);
static CfStep answered(CfOp *op, CfUpload *upload, bool last, CfObjectStat *stat);
static CfStep reached(CfOp *op, CfUpload *upload, bool last);
static CfStep gone(CfOp *op, const CfUpload *upload, bool last);
static CfStep made(CfOp *op, const CfUpload *upload, CfObjectStat *stat);
static CfStep lost(CfOp *op, const CfUpload *upload, const char *why);
static bool persisted(const CfOp *op, int64_t *bytes);

bool
cf_gcs_sessions(const CfPlace *place)
{
	return strcmp(cf_storage_option(place, "uploads"), "session") == 0;
}

/* cf_gcs_session_begin starts a session. An earlier one of the same upload cannot be known: nothing of it counts. */
CfStep
cf_gcs_session_begin(CfOp *op, const CfUploadArgs *args)
{
	CfGcsState *state = op->state;
	CfStep		step;

	switch (op->phase)
	{
		case 0:
			if (args->part_bytes % CHUNK_UNIT != 0 && args->part_bytes < args->size_bytes)
			{
				cf_remote_fails(op, CF_ERR_INPUT, "parts of %lld bytes cannot be sent to place \"%s\"", (long long) args->part_bytes,
							 op->place->name);
				cf_error_hint(&op->err, "With uploads = 'session' the size of parts is a multiple of 256 kB.");
				return CF_STEP_ERROR;
			}
			state->rounds = 0;
			return start(op, args);
		case SESSION_STARTED:
			return started(op, args);
		case SESSION_TAKEN:
			return taken(op, args);
		default:
			step = op->response.status == 404 || op->response.status / 100 == 2 || op->response.status == 412 ? CF_STEP_DONE :
				cf_gcs_fail(op, "remove object", args->key);
			return step == CF_STEP_DONE ? start(op, args) : step;
	}
}

static CfStep
start(CfOp *op, const CfUploadArgs *args)
{
	CfRequest  *request = cf_storage_op_request(op, "POST", "storage.objects.insert");
	json_t	   *resource = cf_gcs_resource(op, args, args->storage_class);
	char	   *name = cf_gcs_name(op, args->key);
	char	   *encoded = name == NULL ? NULL : cf_url_encode(&op->request_arena, name, strlen(name), false);
	char	   *length = cf_remote_format(&op->request_arena, "%lld", (long long) args->size_bytes);

	if (resource == NULL || encoded == NULL || length == NULL)
	{
		json_decref(resource);
		op->phase = 0;
		return resource == NULL ? CF_STEP_ERROR : cf_remote_memory(op);
	}
	/* A second session is none too many: the first is forgotten. */
	request->repeat = CF_NET_REPEAT_SAFE;
	if (!cf_net_header(request, "X-Upload-Content-Length", length, &op->err))
	{
		json_decref(resource);
		return CF_STEP_ERROR;
	}
	return cf_gcs_send_json(op, SESSION_STARTED, resource, cf_remote_format(&op->request_arena, "/upload/storage/v1/b/%s/o", op->place->bucket),
							"uploadType=resumable&name=%s&ifGenerationMatch=0", encoded);
}

static CfStep
started(CfOp *op, const CfUploadArgs *args)
{
	CfGcsState *state = op->state;

	if (op->response.status == 412)
		return cf_gcs_look(op, args->key, SESSION_TAKEN);
	if (op->response.status != 200 && op->response.status != 201)
		return cf_gcs_fail(op, "write object", args->key);
	if (!uri_keep(op, cf_net_answer(&op->response, "location")))
		return CF_STEP_ERROR;
	snprintf(state->session_tag, sizeof(state->session_tag), "%s", args->owner_tag);
	state->session_at = state->session_bytes = state->body_at = 0;
	state->session_crc32c = 0;
	cf_remote_buffer_free(op);
	return cf_remote_done(op);
}

/* taken knows what lies under the key: what an attempt of this upload has made, which nobody committed, makes way. */
static CfStep
taken(CfOp *op, const CfUploadArgs *args)
{
	CfGcsState *state = op->state;
	CfObjectStat stat;
	CfRemoteFound found = cf_remote_looked(op, args->key, &stat);

	if (found == CF_REMOTE_FAILED)
		return CF_STEP_ERROR;
	if (found == CF_REMOTE_MISSING && state->rounds++ < ROUNDS_MAX)
		return start(op, args);
	if (found == CF_REMOTE_MISSING)
		return cf_remote_fails(op, CF_ERR_BUSY, "object \"%s\" of place \"%s\" comes and goes", cf_remote_shown(op, args->key), op->place->name);
	if (!args->resume || !cf_remote_ours(&stat, args->owner_tag) || state->rounds++ >= ROUNDS_MAX)
		return cf_remote_exists(op, args->key);
	return cf_gcs_remove_ask(op, args->key, stat.version, SESSION_CLEARED);
}

/*
 * uri_keep keeps path and query of a session's URI. Its host is not believed: bytes go where the place says, through its private
 * endpoint too.
 */
static bool
uri_keep(CfOp *op, const char *location)
{
	CfGcsState *state = op->state;
	const char *path = strstr(location, "://");

	path = path == NULL ? NULL : strchr(path + 3, '/');
	if (path == NULL || strlen(path) > URI_MAX || strstr(path, "upload_id=") == NULL || strspn(path,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?%") != strlen(path))
	{
		cf_remote_fails(op, CF_ERR_IO, "place \"%s\" gave no upload session", op->place->name);
		return false;
	}
	cf_gcs_session_forget(op);
	if ((state->session = cf_remote_alloc(op, strlen(path) + 1)) == NULL)
		return false;
	memcpy(state->session, path, strlen(path) + 1);
	return true;
}

/* cf_gcs_session_forget wipes the URI. */
void
cf_gcs_session_forget(CfOp *op)
{
	CfGcsState *state = op->state;

	if (state->session == NULL)
		return;
	explicit_bzero(state->session, strlen(state->session));
	cf_remote_free(op, state->session);
	state->session = NULL;
}

/* cf_gcs_session_ready tells whether this op holds the session, and whether a part is the next one. */
bool
cf_gcs_session_ready(CfOp *op, const CfGcsHandle *handle, const CfPart *part)
{
	CfGcsState *state = op->state;

	if (state->session == NULL || strcmp(state->session_tag, handle->tag) != 0)
	{
		cf_remote_fails(op, CF_ERR_STATE, "the upload session \"%s\" of place \"%s\" ended with the process that held it", handle->tag,
						op->place->name);
		op->err.retryable = true;
		return cf_error_hint(&op->err, "The upload is begun again.");
	}
	if (part == NULL || state->remote.buffer.part_number == part->number)
		return true;
	if (part->offset != state->session_bytes)
		return cf_remote_fails(op, CF_ERR_INPUT, "part %d does not follow what the upload session has", part->number) == CF_STEP_DONE;
	state->body_at = part->offset;
	return true;
}

/* cf_gcs_session_part sends a part that was gathered, to its last byte; the last of the object stays in the buffer, for the seal. */
CfStep
cf_gcs_session_part(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfPart *part)
{
	CfGcsState *state = op->state;
	const CfRemoteBuffer *buffer = &state->remote.buffer;
	CfStep		step = CF_STEP_DONE;

	if (op->phase == 0)
	{
		state->session_crc32c = cf_crc32c(state->session_crc32c, buffer->data, (size_t) buffer->filled);
		state->session_bytes += buffer->filled;
		state->rounds = 0;
		if (state->session_bytes < handle->size_bytes)
			step = chunk_send(op, upload, false);
	}
	else
		step = answered(op, upload, false, NULL);
	if (step != CF_STEP_DONE)
		return step;
	part->token[0] = '\0';
	part->digests = (CfDigests) {.known = CF_DIGEST_CRC32C, .crc32c = cf_crc32c(0, buffer->data, (size_t) buffer->filled)};
	return CF_STEP_DONE;
}

/* cf_gcs_session_seal sends the last chunk, which makes the object. */
CfStep
cf_gcs_session_seal(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfObjectStat *stat)
{
	CfGcsState *state = op->state;
	CfStep		step;

	if (op->phase != 0)
		step = answered(op, upload, true, stat);
	else if (!cf_gcs_session_ready(op, handle, NULL))
		return CF_STEP_ERROR;
	else if (state->session_bytes != handle->size_bytes || state->remote.buffer.part_number != 0)
		return cf_remote_fails(op, CF_ERR_STATE, "upload of object \"%s\" is not complete", upload->args.key);
	else if ((upload->digests.known & CF_DIGEST_CRC32C) != 0 && upload->digests.crc32c != state->session_crc32c)
		return cf_remote_damaged(op, upload->args.key, "The CRC32C of its parts is not that of its bytes.");
	else
	{
		state->rounds = 0;
		step = chunk_send(op, upload, true);
	}
	if (step == CF_STEP_DONE)
		cf_gcs_session_forget(op);
	return step;
}

/* chunk_send sends what the store does not have yet of the bytes in the buffer. */
static CfStep
chunk_send(CfOp *op, const CfUpload *upload, bool last)
{
	CfGcsState *state = op->state;
	int64_t		end = state->body_at + state->remote.buffer.filled;
	CfRequest  *request;
	char		range[80];
	char		hash[16 + CF_REMOTE_CRC_TEXT] = "crc32c=";

	if (state->session_at >= end)
		return ask(op, upload);
	request = cf_storage_op_request(op, "PUT", "storage.objects.insert");
	request->body = state->remote.buffer.data + (state->session_at - state->body_at);
	request->body_bytes = (size_t) (end - state->session_at);
	request->net_class = CF_NET_BODY;
	/* Whether it arrived, and how much of it, is asked. */
	request->repeat = CF_NET_REPEAT_NEVER;
	snprintf(range, sizeof(range), "bytes %lld-%lld/%lld", (long long) state->session_at, (long long) end - 1, (long long) upload->args.size_bytes);
	cf_remote_crc_write(state->session_crc32c, 4, hash + strlen(hash));
	if (!cf_net_header(request, "Content-Range", cf_arena_strdup(&op->request_arena, range), &op->err) ||
		(last && !cf_net_header(request, "x-goog-hash", cf_arena_strdup(&op->request_arena, hash), &op->err)))
		return CF_STEP_ERROR;
	return request_to(op, SESSION_SENT);
}

/* ask asks the store how much it has. */
static CfStep
ask(CfOp *op, const CfUpload *upload)
{
	CfRequest  *request = cf_storage_op_request(op, "PUT", "storage.objects.insert");
	char		range[40];

	snprintf(range, sizeof(range), "bytes */%lld", (long long) upload->args.size_bytes);
	if (!cf_net_header(request, "Content-Range", cf_arena_strdup(&op->request_arena, range), &op->err))
		return CF_STEP_ERROR;
	return request_to(op, SESSION_ASKED);
}

/* request_to sends the request at hand to the session. */
static CfStep
request_to(CfOp *op, int phase)
{
	const CfGcsState *state = op->state;
	const char *endpoint = cf_gcs_endpoint(op->place);
	size_t		length = strlen(endpoint);

	op->request.url = cf_remote_format(&op->request_arena, "%.*s%s", (int) (length - (endpoint[length - 1] == '/')), endpoint, state->session);
	if (op->request.url == NULL)
		return cf_remote_memory(op);
	op->request.sign = cf_gcs_sign;
	op->request.classify = cf_gcs_classify;
	op->phase = phase;
	return CF_STEP_SEND;
}

/* answered goes on by what the store says: more of the chunk, a question, or the end of it. */
static CfStep
answered(CfOp *op, CfUpload *upload, bool last, CfObjectStat *stat)
{
	CfGcsState *state = op->state;
	int			status = op->response.status;

	if (op->phase == SESSION_LOOKED)
		return made(op, upload, stat);
	switch (status)
	{
		case 200:
		case 201:
			if (last && !cf_gcs_error_inside(&op->response))
				return made(op, upload, stat);
			break;
		case 308:
			return reached(op, upload, last);
		case 404:
		case 410:
		case 412:
		case 499:
			return gone(op, upload, last);
	}
	/* Nobody knows: what counts is what the store says it has. */
	if ((status == 0 ? op->response.err.retryable : status == 408 || status == 429 || status / 100 == 2 || status >= 500) &&
		op->phase == SESSION_SENT && state->rounds++ < ROUNDS_MAX)
		return ask(op, upload);
	return cf_gcs_fail(op, "write object", upload->args.key);
}

/* reached knows how much the store has. */
static CfStep
reached(CfOp *op, CfUpload *upload, bool last)
{
	CfGcsState *state = op->state;
	int64_t		end = state->body_at + state->remote.buffer.filled;
	int64_t		has;

	/* What it had said to have it must still have, and it cannot have what was not sent. */
	if (!persisted(op, &has) || has < state->session_at || has > end)
		return lost(op, upload, "It says to have other bytes than were sent.");
	if (has > state->session_at)
		state->rounds = 0;
	state->session_at = has;
	if (has == end && !last)
		return cf_remote_done(op);
	if (state->rounds++ >= ROUNDS_MAX)
		return lost(op, upload, "It takes no more bytes.");
	return chunk_send(op, upload, last);
}

/* persisted reads how many bytes the answer of a session says to have; none without a range. */
static bool
persisted(const CfOp *op, int64_t *bytes)
{
	const char *range = cf_net_answer(&op->response, "range");

	*bytes = 0;
	if (range[0] == '\0')
		return true;
	if (strncmp(range, "bytes=0-", 8) != 0 || !cf_gcs_number(range + 8, bytes) || *bytes < 0 || *bytes == INT64_MAX)
		return false;
	(*bytes)++;
	return true;
}

/* gone: the session is no more. At its end that may be because it has done its work. */
static CfStep
gone(CfOp *op, const CfUpload *upload, bool last)
{
	if (cf_gcs_no_bucket(op))
		return cf_gcs_fail(op, "write object", upload->args.key);
	if (last)
		return cf_gcs_look(op, upload->args.key, SESSION_LOOKED);
	return lost(op, upload, "It has forgotten the session.");
}

/* made reads the object, from the answer to the last chunk or from looking: is it what was sent? */
static CfStep
made(CfOp *op, const CfUpload *upload, CfObjectStat *stat)
{
	CfGcsState *state = op->state;
	bool		looked = op->phase == SESSION_LOOKED;
	CfRemoteFound found = CF_REMOTE_FOUND;

	op->phase = 0;
	if (looked)
		found = cf_remote_looked(op, upload->args.key, stat);
	else if (!cf_gcs_answer_object(op, stat))
		return CF_STEP_ERROR;
	if (found != CF_REMOTE_FOUND)
		return found == CF_REMOTE_MISSING ? lost(op, upload, "It has forgotten the session.") : CF_STEP_ERROR;
	if (looked && !cf_remote_ours(stat, upload->args.owner_tag))
		return cf_remote_exists(op, upload->args.key);
	if (stat->size_bytes == upload->args.size_bytes && (stat->digests.known & CF_DIGEST_CRC32C) != 0 &&
		stat->digests.crc32c == state->session_crc32c)
		return CF_STEP_DONE;
	cf_remote_fails(op, CF_ERR_IO, "object \"%s\" of place \"%s\" is not what was sent", cf_remote_shown(op, upload->args.key), op->place->name);
	cf_error_detail(&op->err, "The store tells another size or CRC32C, or none.");
	return CF_STEP_ERROR;
}

/* lost ends an upload that cannot go on. */
static CfStep
lost(CfOp *op, const CfUpload *upload, const char *why)
{

	cf_gcs_session_forget(op);
	cf_remote_fails(op, CF_ERR_STATE, "the upload of object \"%s\" to place \"%s\" cannot go on",
					cf_remote_shown(op, upload->args.key), op->place->name);
	op->err.retryable = true;
	cf_error_detail(&op->err, "%s", why);
	cf_error_hint(&op->err, "The upload is begun again.");
	return CF_STEP_ERROR;
}

/* cf_gcs_session_cancel tells the store that nothing more comes; without the URI there is nothing to tell. Any answer will do. */
CfStep
cf_gcs_session_cancel(CfOp *op, const CfGcsHandle *handle)
{
	CfGcsState *state = op->state;

	if (op->phase == SESSION_CANCELLED || state->session == NULL || strcmp(state->session_tag, handle->tag) != 0)
	{
		cf_gcs_session_forget(op);
		return cf_remote_done(op);
	}
	cf_storage_op_request(op, "DELETE", "storage.objects.insert");
	return request_to(op, SESSION_CANCELLED);
}

bool
cf_gcs_session_cancelling(const CfOp *op)
{
	return op->phase == SESSION_CANCELLED;
}
