/*
 * s3_unfinished.c
 *		Uploads that nobody finishes: aborting one of ours, and telling what there is.
 *
 * S3 keeps no metadata of an unfinished upload that it would list, so only its id, the handle, tells whose it is, and buckets are shared.
 * Therefore uploads_find reports every unfinished upload below the place's prefix, with owner_tag "", and an abort is for
 * one handle. Who lost the handle (a crash came between the request that began the upload and the note of its answer) knows
 * when it was going to begin: ours can only be an upload of this very key that was begun within BEGUN_NEAR_US of then, by the store's clock
 * as its answer tells it, and holds no part, since no part is sent before the handle is kept. That is likelihood, not proof: an upload
 * that a stranger began of the same key in the same half minute, and has sent no part of yet, would be aborted too, and the stranger told so at
 * the first part. Anything else stays. So does one of ours that was begun later after the note than that; an upload without parts costs nothing.
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "storage/remote/remote_page.h"
#include "storage/s3/s3.h"

#define ABORT_ROUNDS 10
#define BEGUN_NEAR_US (INT64_C(30) * 1000000)	/* between our note and the request that begins, and what times are cut by */

static CfStep abort_parts(CfOp *op, const CfUpload *upload);
static CfStep abort_put(CfOp *op, const CfUpload *upload);
static CfStep abort_unknown(CfOp *op, const CfUpload *upload);
static CfStep unknown_listed(CfOp *op, const CfUpload *upload);
static CfStep find_send(CfOp *op, const char *key, const char *token, int phase);
static CfStep find_answer(CfOp *op, int64_t older_than_us, CfStalePage *page);
static const char *handle_with_key(CfOp *op, const CfStaleUpload *upload);
static bool take_upload(void *ctx);

/* cf_s3_copy_left gives back the parts of a copy by parts that an earlier attempt has begun; DONE = there was none. */
CfStep
cf_s3_copy_left(CfOp *op, const CfUploadArgs *args)
{
	CfUpload	left = {.args = *args};

	if (!args->resume || args->handle == NULL || strncmp(args->handle, CF_S3_HANDLE_COPY, strlen(CF_S3_HANDLE_COPY)) != 0)
		return CF_STEP_DONE;
	snprintf(left.handle, sizeof(left.handle), "%s", args->handle);
	return cf_s3_upload_give_up(op, &left, S3_COPY_CLEARED);
}

/* cf_s3_copy_cleared tells whether they are gone; false = the operation is over. */
bool
cf_s3_copy_cleared(CfOp *op, const char *key)
{
	return cf_remote_success(op) || op->response.status == 404 || cf_s3_fail(op, "abort the upload of object", key) == CF_STEP_DONE;
}

CfStep
cf_s3_upload_abort(CfOp *op, CfUpload *upload)
{
	const char *tag = upload->args.owner_tag;
	bool		parts = cf_s3_upload_id(upload->handle) != NULL;
	bool		keyed = upload->args.key != NULL && upload->args.key[0] != '\0';
	const char *blank = strchr(upload->handle, ' ');
	CfUpload	found = *upload;
	char	   *key;

	if (strcmp(upload->handle, "done") == 0)
		return cf_remote_done(op);
	if (parts && blank != NULL && !keyed)
	{
		if (!cf_url_decode(op->arena, blank + 1, strlen(blank + 1), false, &key))
			return cf_remote_memory(op);
		found.args.key = key;
		return abort_parts(op, &found);
	}
	if (!keyed || (!parts && (tag == NULL || tag[0] == '\0')))
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "an upload of place \"%s\" cannot be aborted without its key and owner", op->place->name);
		return cf_remote_error(op);
	}
	return parts ? abort_parts(op, upload) : abort_put(op, upload);
}

/* abort_parts aborts until no part comes back: one that was on its way may arrive after the abort. */
static CfStep
abort_parts(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;
	int			phase = op->phase;

	if (phase == CF_REMOTE_START)
		state->rounds = 0;
	if (phase == CF_REMOTE_ASKED_MORE && op->response.status == 404)
		return cf_remote_done(op);
	if (phase != CF_REMOTE_START && !cf_remote_success(op) && op->response.status != 404)
		return cf_s3_fail(op, "abort the upload of object", upload->args.key);
	if (phase == CF_REMOTE_ASKED_MORE && ++state->rounds == ABORT_ROUNDS)
	{
		cf_remote_unexpected(op, "abort the upload of object", upload->args.key, "parts of it still arrive");
		op->err.kind = CF_ERR_BUSY;
		return CF_STEP_ERROR;
	}
	if (phase == CF_REMOTE_ASKED)
		return cf_s3_parts_ask(op, upload, CF_REMOTE_ASKED_MORE);
	return cf_s3_upload_give_up(op, upload, CF_REMOTE_ASKED);
}

/* abort_put removes what the seal made under this owner tag, nothing of anybody else; and an upload whose handle was lost. */
static CfStep
abort_put(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;
	CfRemoteFound found;
	CfObjectStat stat;

	if (op->phase == CF_REMOTE_START && !upload->args.keep_object)
		return cf_s3_look(op, upload->args.key, CF_REMOTE_ASKED);
	if (upload->args.keep_object || cf_s3_unknown_phase(op))
		return abort_unknown(op, upload);
	if (op->phase != CF_REMOTE_ASKED)
	{
		/* Not allowed to remove versions: then a marker, as for every removal. */
		if (op->phase == CF_REMOTE_ASKED_MORE && op->response.status == 403 && cf_s3_delete_allowed(op, upload->args.key))
			return cf_s3_delete(op, upload->args.key, CF_REMOTE_ASKED_LAST);
		return cf_remote_success(op) || op->response.status == 404 || op->response.status == 412 ? abort_unknown(op, upload) :
			cf_s3_fail(op, "remove object", upload->args.key);
	}
	if ((found = cf_remote_abandoned(op, upload, upload->args.owner_tag, &stat)) != CF_REMOTE_FOUND)
		return found == CF_REMOTE_MISSING ? abort_unknown(op, upload) : CF_STEP_ERROR;
	if (state->head.version_id[0] != '\0' && cf_s3_store(op->place)->dialect == &cf_s3_aws4)
		/* Nothing was visible before it, since it was created only where nothing was; so no older version comes to light. */
		return cf_s3_delete_version(op, upload->args.key, state->head.version_id, CF_REMOTE_ASKED_MORE);
	return cf_s3_delete_allowed(op, upload->args.key) ? cf_s3_delete(op, upload->args.key, CF_REMOTE_ASKED_LAST) : cf_remote_error(op);
}

/* abort_unknown ends an abort with what was begun and whose handle was lost, if anything can have been. */
static CfStep
abort_unknown(CfOp *op, const CfUpload *upload)
{
	CfStep		step;

	if (cf_s3_unknown_phase(op))
		step = cf_s3_unknown_next(op, upload);
	else
		step = upload->handle[0] == '\0' ? cf_s3_unknown_ask(op, upload) : CF_STEP_DONE;
	return step == CF_STEP_DONE ? cf_remote_done(op) : step;
}

/* cf_s3_unknown_phase tells whether the operation is looking for uploads of ours whose handle was lost. */
bool
cf_s3_unknown_phase(const CfOp *op)
{
	return op->phase == S3_UNKNOWN_LISTED || op->phase == S3_UNKNOWN_ASKED || op->phase == S3_UNKNOWN_ABORTED;
}

/* cf_s3_unknown_ask begins to look; DONE = there can be none. The phase goes on in cf_s3_unknown_next(). */
CfStep
cf_s3_unknown_ask(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;

	if (upload->args.begun_us == 0 || cf_s3_store(op->place)->whole_only)
		return CF_STEP_DONE;
	state->rounds = 0;
	state->at = 0;
	return find_send(op, upload->args.key, NULL, S3_UNKNOWN_LISTED);
}

/* cf_s3_unknown_next looks at one upload after the other, and aborts those that are ours; DONE = there are no more. */
CfStep
cf_s3_unknown_next(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;
	CfStep		step;

	if (op->phase == S3_UNKNOWN_LISTED)
		return unknown_listed(op, upload);
	if (op->phase == S3_UNKNOWN_ABORTED && !cf_remote_success(op) && op->response.status != 404)
		return cf_s3_fail(op, "abort the upload of object", upload->args.key);
	if (op->phase == S3_UNKNOWN_ASKED && op->response.status != 404)
	{
		if ((step = cf_s3_parts_take(op, &state->copying, S3_UNKNOWN_ASKED)) != CF_STEP_DONE)
			return step;
		if (state->part_count == 0)
			return cf_s3_upload_give_up(op, &state->copying, S3_UNKNOWN_ABORTED);
		state->at++;			/* somebody else's: it stays */
	}
	if (++state->rounds == ABORT_ROUNDS)
		return CF_STEP_DONE;
	return find_send(op, upload->args.key, NULL, S3_UNKNOWN_LISTED);
}

/* clock_apart tells how far the store's clock is ahead of ours: by the time of its answer, else by what the engine had to correct. */
static int64_t
clock_apart(const CfOp *op)
{
	int64_t		date_us;

	return cf_net_date(cf_net_answer(&op->response, "date"), &date_us) ? date_us - cf_clock_now_us() : op->response.clock_skew_us;
}

/* unknown_listed chooses the next upload that can be ours: of this key, begun when we noted that we would. */
static CfStep
unknown_listed(CfOp *op, const CfUpload *upload)
{
	CfS3State  *state = op->state;
	int64_t		passed = state->at;
	int64_t		noted_us = upload->args.begun_us + clock_apart(op);
	CfStalePage page;

	if (find_answer(op, INT64_MAX, &page) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	for (int i = 0; i < page.count; i++)
	{
		const CfStaleUpload *found = &page.uploads[i];
		int64_t		apart_us = found->started_us - noted_us;

		if (found->started_us == 0 || apart_us > BEGUN_NEAR_US || apart_us < -BEGUN_NEAR_US ||
			strcmp(found->key, upload->args.key) != 0 || passed-- > 0)
			continue;
		state->copying.args = upload->args;
		snprintf(state->copying.handle, sizeof(state->copying.handle), "%.*s", (int) strcspn(found->handle, " "), found->handle);
		state->part_count = 0;
		return cf_s3_parts_ask(op, &state->copying, S3_UNKNOWN_ASKED);
	}
	return CF_STEP_DONE;
}

CfStep
cf_s3_uploads_find(CfOp *op, int64_t older_than_us, const char *token, CfStalePage *page)
{
	if (op->phase != CF_REMOTE_START)
		return find_answer(op, older_than_us, page);
	memset(page, 0, sizeof(*page));
	if (cf_s3_store(op->place)->whole_only)
		return cf_remote_done(op);
	return cf_remote_page_token(op, token, "=&") ? find_send(op, "", token, CF_REMOTE_ASKED) : CF_STEP_ERROR;
}

/* find_send asks for the unfinished uploads of keys that begin with key. */
static CfStep
find_send(CfOp *op, const char *key, const char *token, int phase)
{
	CfRemoteText query = {.arena = op->arena};

	cf_remote_text_add(&query, "uploads=&encoding-type=url&max-uploads=1000&prefix=");
	cf_remote_text_encode(&query, op->place->prefix);
	cf_remote_text_encode(&query, key);
	cf_remote_text_format(&query, "%s%s", token == NULL ? "" : "&", token == NULL ? "" : token);
	return cf_s3_page_ask(op, "ListMultipartUploads", &query, phase);
}

typedef struct FindRead
{
	CfOp	   *op;
	CfStalePage *page;
	int			room;
	char		key[CF_REMOTE_NAME_ROOM];
	char		id[CF_S3_UPLOAD_ID_MAX + 1];
	char		started[40];
} FindRead;

static CfStep
find_answer(CfOp *op, int64_t older_than_us, CfStalePage *page)
{
	static const char what[] = "list the uploads";
	const char *prefix = op->place->prefix;
	FindRead	read = {.op = op, .page = page};
	char		encoding[8];
	char		truncated[8];
	char		next_key[CF_REMOTE_NAME_ROOM];
	char		next_id[CF_REMOTE_NAME_ROOM];
	CfRemoteField fields[] = {
		CF_REMOTE_FIELD("Upload/Key", read.key), CF_REMOTE_FIELD("Upload/UploadId", read.id),
		CF_REMOTE_FIELD("Upload/Initiated", read.started), CF_REMOTE_FIELD("EncodingType", encoding),
		CF_REMOTE_FIELD("IsTruncated", truncated), CF_REMOTE_FIELD("NextKeyMarker", next_key),
		CF_REMOTE_FIELD("NextUploadIdMarker", next_id)
	};
	CfRemoteRecords records = {"ListMultipartUploadsResult", "Upload", fields, sizeof(fields) / sizeof(fields[0]), take_upload, &read, false};
	CfRemoteText next = {.arena = op->arena};
	bool		encoded;
	char	   *key = next_key;
	int			kept = 0;

	memset(page, 0, sizeof(*page));
	if (!cf_remote_success(op))
		return cf_s3_fail(op, what, NULL);
	if (cf_remote_records(op, what, NULL, &records) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	encoded = strcmp(encoding, "url") == 0;
	if (strcmp(truncated, "true") == 0)
	{
		if (next_key[0] == '\0' || (encoded && !cf_url_decode(op->arena, next_key, strlen(next_key), true, &key)))
			return cf_remote_unexpected(op, what, NULL, "the answer does not tell where it goes on");
		cf_remote_text_add(&next, "key-marker=");
		cf_remote_text_encode(&next, key);
		cf_remote_text_add(&next, "&upload-id-marker=");
		cf_remote_text_encode(&next, next_id);
		page->next = next.data;
	}
	for (int i = 0; i < page->count; i++)
	{
		CfStaleUpload upload = page->uploads[i];

		key = (char *) upload.key;
		if ((encoded && !cf_url_decode(op->arena, upload.key, strlen(upload.key), true, &key)) ||
			upload.started_us >= older_than_us || strncmp(key, prefix, strlen(prefix)) != 0)
			continue;
		upload.key = key + strlen(prefix);
		upload.handle = handle_with_key(op, &upload);
		next.failed |= upload.handle == NULL;
		page->uploads[kept++] = upload;
	}
	page->count = kept;
	return next.failed ? cf_remote_memory(op) : cf_remote_done(op);
}

/* take_upload adds one upload; what has no key or no id that could be kept is nobody's. */
static bool
take_upload(void *ctx)
{
	FindRead   *read = ctx;
	CfOp	   *op = read->op;
	void	   *uploads = read->page->uploads;
	CfStaleUpload upload = {.owner_tag = ""};

	if (read->key[0] == '\0' || read->id[0] == '\0')
		return true;
	if (!cf_remote_room(op, &uploads, read->page->count, &read->room, sizeof(upload), false))
		return false;
	if (!cf_remote_time(read->started, &upload.started_us))
		upload.started_us = 0;
	upload.handle = cf_remote_format(op->arena, CF_S3_HANDLE_PARTS "%s", read->id);
	upload.key = cf_arena_strdup(op->arena, read->key);
	read->page->uploads = uploads;
	read->page->uploads[read->page->count++] = upload;
	return (upload.handle != NULL && upload.key != NULL) || cf_remote_memory(op) == CF_STEP_DONE;
}

/* handle_with_key puts the key behind the id, so that the handle is enough to abort it; not one too long to be kept. */
static const char *
handle_with_key(CfOp *op, const CfStaleUpload *upload)
{
	CfRemoteText text = {.arena = op->arena};

	cf_remote_text_format(&text, "%s ", upload->handle);
	cf_remote_text_encode(&text, upload->key);
	return text.failed ? NULL : text.length < sizeof(((CfUpload *) 0)->handle) ? text.data : upload->handle;
}
