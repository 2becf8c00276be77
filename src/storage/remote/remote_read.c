/*
 * remote_read.c
 *		Looking at an object, reading it in ranges, and both by one request.
 *
 * Every range is asked for on condition of the pinned version, and the answer is compared with the pin all the same: some stores
 * ignore conditions. Without a pin the version of the first answer becomes it, or two ranges could be of two objects. What comes
 * must be exactly the range that was asked for; a store that says less, more or nothing of it is not believed.
 *
 * Between two ranges op->phase is CF_REMOTE_START, so that a token may be renewed there; state->reading tells that the read goes on.
 */
#include <stdio.h>
#include <string.h>

#include "storage/remote/remote_object.h"
#include "storage/xml.h"

typedef struct TagVisit
{
	CfRemoteText text;
	char		name[513];		/* 128 characters */
} TagVisit;

static CfStep tags_take(CfOp *op, const char *key, CfObjectStat *stat);
static bool tag_visit(void *ctx, const char *path, const char *text, size_t length);
static CfStep missing(CfOp *op, const char *key);
static CfStep read_begin(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static CfStep range_ask(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static CfStep range_answer(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static CfStep range_take(CfOp *op, const CfReadArgs *args, CfChunk *chunk, int64_t size_bytes);
static CfStep read_looked(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static CfStep fetched(CfOp *op, const char *key, char *data, size_t length, CfObjectStat *stat);

CfRemoteFound
cf_remote_looked(CfOp *op, const char *key, CfObjectStat *stat)
{
	if (dialect(op)->missing(op))
		return CF_REMOTE_MISSING;
	if (!cf_remote_success(op))
		dialect(op)->fail(op, "look at object", key);
	else if (dialect(op)->stat_fill(op, key, stat))
		return CF_REMOTE_FOUND;
	cf_remote_error(op);
	return CF_REMOTE_FAILED;
}

CfStep
cf_remote_stat(CfOp *op, const char *key, CfObjectStat *stat)
{
	CfRemoteState *state = op->state;
	CfStep		step = CF_STEP_DONE;

	if (op->phase == CF_REMOTE_START)
		return dialect(op)->look(op, key, CF_REMOTE_ASKED);
	if (op->phase == CF_REMOTE_ASKED_MORE)
		return tags_take(op, key, stat);
	switch (cf_remote_looked(op, key, stat))
	{
		case CF_REMOTE_MISSING:
			return missing(op, key);
		case CF_REMOTE_FAILED:
			return CF_STEP_ERROR;
		default:
			break;
	}
	state->looked = *stat;
	if (dialect(op)->tags_ask != NULL)
		step = dialect(op)->tags_ask(op, key, CF_REMOTE_ASKED_MORE);
	return step == CF_STEP_DONE ? cf_remote_done(op) : step;
}

/* tags_take adds the tags to what was looked at. Without the right to read them they would be lost in a move, so that is an error. */
static CfStep
tags_take(CfOp *op, const char *key, CfObjectStat *stat)
{
	const CfRemoteState *state = op->state;
	TagVisit	visit = {.text = {.arena = op->arena}};

	if (!cf_remote_success(op))
	{
		dialect(op)->fail(op, "read the tags of object", key);
		if (op->err.kind == CF_ERR_DENIED && dialect(op)->tags_hint != NULL)
			cf_error_hint(&op->err, "%s", dialect(op)->tags_hint);
		return CF_STEP_ERROR;
	}
	if (!cf_xml_parse(op->response.body, op->response.body_bytes, tag_visit, &visit, &op->err))
		return cf_remote_error(op);
	*stat = state->looked;
	if ((stat->attributes.tags = cf_remote_text_end(&visit.text)) == NULL)
		return cf_remote_memory(op);
	return cf_remote_done(op);
}

/* tag_visit makes "name=value\n" of each Tag; the root element has another name in each dialect. */
static bool
tag_visit(void *ctx, const char *path, const char *text, size_t length)
{
	TagVisit   *visit = ctx;

	(void) length;
	path += strcspn(path, "/");
	if (strcmp(path, "/TagSet/Tag/Key") == 0)
		snprintf(visit->name, sizeof(visit->name), "%s", text);
	else if (strcmp(path, "/TagSet/Tag/Value") == 0 && strchr(text, '\n') == NULL && strchr(visit->name, '\n') == NULL)
	{
		cf_remote_text_add(&visit->text, visit->name);
		cf_remote_text_add(&visit->text, "=");
		cf_remote_text_add(&visit->text, text);
		cf_remote_text_add(&visit->text, "\n");
	}
	return true;
}

/* missing ends an operation on an object that is not there, with what the store said of it. */
static CfStep
missing(CfOp *op, const char *key)
{
	char		detail[sizeof(op->err.detail)];

	dialect(op)->fail(op, "look at object", key);
	memcpy(detail, op->err.detail, sizeof(detail));
	cf_remote_missing(op, key);
	cf_error_detail(&op->err, "%s", detail);
	return CF_STEP_ERROR;
}

CfStep
cf_remote_read(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfRemoteState *state = op->state;
	CfStep		step;

	if (op->phase == CF_REMOTE_ASKED)
		step = range_answer(op, args, chunk);
	else if (op->phase == CF_REMOTE_ASKED_MORE)
		step = read_looked(op, args, chunk);
	else if (state->reading)
		step = range_ask(op, args, chunk);
	else
		step = read_begin(op, args, chunk);
	if (step == CF_STEP_DONE || step == CF_STEP_ERROR)
		state->reading = false;
	return step;
}

static CfStep
read_begin(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfRemoteState *state = op->state;

	if (strlen(args->version) > CF_STORAGE_VERSION_MAX)
		return cf_remote_changed(op, args->key);
	memcpy(state->version, args->version, strlen(args->version) + 1);
	state->at = args->offset;
	state->end = -1;
	state->reading = true;
	if (args->length == 0 || (dialect(op)->by_version && state->version[0] == '\0'))
		return dialect(op)->look(op, args->key, CF_REMOTE_ASKED_MORE);
	return range_ask(op, args, chunk);
}

/* range_ask asks for the next range, straight into the caller's buffer. */
static CfStep
range_ask(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	const CfRemoteState *state = op->state;
	int64_t		left = args->length < 0 ? INT64_MAX - state->at : args->offset + args->length - state->at;
	int64_t		want = chunk->capacity > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t) chunk->capacity;
	CfStep		step;

	if (dialect(op)->range_max > 0 && want > dialect(op)->range_max)
		want = dialect(op)->range_max;
	if (want > left)
		want = left;
	step = dialect(op)->range_ask(op, args->key, state->version, state->at, state->at + want - 1);
	if (step != CF_STEP_SEND)
		return step;
	op->request.sink = chunk->data;
	op->request.sink_bytes = (size_t) want;
	op->request.net_class = CF_NET_BODY;
	return step;
}

/* range_answer takes a range, when it is of the pinned version and the one that was asked for. */
static CfStep
range_answer(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfRemoteState *state = op->state;
	int			status = op->response.status;
	char		version[CF_STORAGE_VERSION_MAX + 1] = "";
	int64_t		size_bytes;

	/* Whether a version that was named is gone, or the object is, the object tells. */
	if (status == 416 || (dialect(op)->by_version && (status == 412 || dialect(op)->missing(op))))
		return dialect(op)->look(op, args->key, CF_REMOTE_ASKED_MORE);
	if (status == 412)
		return cf_remote_changed(op, args->key);
	if (dialect(op)->missing(op))
		return missing(op, args->key);
	if (!cf_remote_success(op) || (status != 206 && (status != 200 || dialect(op)->by_version)))
		return dialect(op)->fail(op, "read object", args->key);
	if (!dialect(op)->range_version(op, args->key, version))
		return cf_remote_error(op);
	if (state->version[0] != '\0' && !dialect(op)->pinned(op, version, state->version))
		return cf_remote_changed(op, args->key);
	if (!cf_remote_range(op, state->at, &size_bytes))
		return cf_remote_unexpected(op, "read object", args->key, "the answer has another range than was asked for");
	memcpy(state->version, version, sizeof(version));
	return range_take(op, args, chunk, size_bytes);
}

static CfStep
range_take(CfOp *op, const CfReadArgs *args, CfChunk *chunk, int64_t size_bytes)
{
	CfRemoteState *state = op->state;

	if (args->length > size_bytes - args->offset)
		return cf_remote_outside(op, args->key, size_bytes);
	if (state->end >= 0 && args->length < 0 && size_bytes != state->end)
		return cf_remote_changed(op, args->key);
	state->end = args->length < 0 ? size_bytes : args->offset + args->length;
	if (dialect(op)->range_check != NULL && !dialect(op)->range_check(op, args, chunk->data, size_bytes))
		return cf_remote_error(op);
	chunk->length = op->response.sink_bytes;
	state->at += (int64_t) chunk->length;
	if (state->at == state->end)
		return cf_remote_done(op);
	op->phase = CF_REMOTE_START;
	return CF_STEP_AGAIN;
}

/* cf_remote_range: a 200 has the whole object; of nothing, at the end, stores tell in their own ways. */
bool
cf_remote_range(const CfOp *op, int64_t at, int64_t *size_bytes)
{
	const char *range = cf_net_answer(&op->response, "content-range");
	int64_t		got = (int64_t) op->response.sink_bytes;
	int64_t		asked = (int64_t) op->request.sink_bytes;
	char		numbers[3][24];
	int64_t		first = 0;
	int64_t		last = got - 1;
	int			used = 0;

	if (op->response.status == 200 && !cf_remote_number(cf_net_answer(&op->response, "content-length"), INT64_MAX, size_bytes))
		return false;
	if (op->response.status != 200 &&
		(sscanf(range, "bytes %23[0-9]-%23[-0-9]/%23[0-9]%n", numbers[0], numbers[1], numbers[2], &used) != 3 || range[used] != '\0' ||
		 !cf_remote_number(numbers[0], INT64_MAX, &first) || !cf_remote_number(numbers[2], INT64_MAX, size_bytes) ||
		 (got > 0 && !cf_remote_number(numbers[1], INT64_MAX - 1, &last))))
		return false;
	return first == at && at <= *size_bytes && (got == 0 || last - first + 1 == got) &&
		got == (asked < *size_bytes - at ? asked : *size_bytes - at);
}

/*
 * read_looked knows what is there: no range was wanted, or the store says that there is none or no such version, or it has to be asked
 * for a version that was not known. A range of nothing is fine inside the object and at its end, where stores call it invalid.
 */
static CfStep
read_looked(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfRemoteState *state = op->state;
	CfObjectStat stat;

	switch (cf_remote_looked(op, args->key, &stat))
	{
		case CF_REMOTE_MISSING:
			return missing(op, args->key);
		case CF_REMOTE_FAILED:
			return CF_STEP_ERROR;
		default:
			break;
	}
	/* A range that went on and is not there any more: the object changed between two answers. */
	if ((state->version[0] != '\0' && !dialect(op)->pinned(op, stat.version, state->version)) ||
		(state->end >= 0 && !dialect(op)->by_version))
		return cf_remote_changed(op, args->key);
	if (args->offset > stat.size_bytes || args->length > stat.size_bytes - args->offset)
		return cf_remote_outside(op, args->key, stat.size_bytes);
	if (args->length == 0 || state->at == stat.size_bytes)
		return cf_remote_done(op);
	if (dialect(op)->by_version && state->version[0] == '\0')
	{
		memcpy(state->version, stat.version, sizeof(state->version));
		return range_ask(op, args, chunk);
	}
	/* Asked for a version by name, the store contradicts itself; else there was another one when it refused. */
	if (dialect(op)->by_version)
		return cf_remote_unexpected(op, "read object", args->key, "the store refuses a range that the object has");
	return cf_remote_changed(op, args->key);
}

CfStep
cf_remote_fetch(CfOp *op, const char *key, const char *version, char *data, size_t length, CfObjectStat *stat)
{
	CfRemoteState *state = cf_remote_state(op, dialect(op)->state_bytes);
	CfStep		step;

	if (state == NULL)
		return CF_STEP_ERROR;
	if (op->phase == CF_REMOTE_ASKED)
		return fetched(op, key, data, length, stat);
	if (op->phase == CF_REMOTE_ASKED_MORE)
		return tags_take(op, key, stat);
	if (strlen(version) > CF_STORAGE_VERSION_MAX)
		return cf_remote_changed(op, key);
	memcpy(state->version, version, strlen(version) + 1);
	step = dialect(op)->range_ask(op, key, version, 0, (int64_t) length - 1);
	if (step != CF_STEP_SEND)
		return step;
	op->request.sink = data;
	op->request.sink_bytes = length;
	op->request.net_class = CF_NET_BODY;
	return step;
}

/* fetched takes a whole object, when it is the pinned version and has the size that was expected, and what the headers say of it. */
static CfStep
fetched(CfOp *op, const char *key, char *data, size_t length, CfObjectStat *stat)
{
	CfRemoteState *state = op->state;
	CfReadArgs	args = {key, state->version, 0, (int64_t) length};
	int			status = op->response.status;
	char		version[CF_STORAGE_VERSION_MAX + 1] = "";
	int64_t		size_bytes;
	CfStep		step = CF_STEP_DONE;

	if (status == 412 || status == 416)
		return cf_remote_changed(op, key);
	if (dialect(op)->missing(op))
		return missing(op, key);
	if (!cf_remote_success(op) || (status != 206 && status != 200))
		return dialect(op)->fail(op, "read object", key);
	if (!dialect(op)->range_version(op, key, version))
		return cf_remote_error(op);
	if (!dialect(op)->pinned(op, version, state->version))
		return cf_remote_changed(op, key);
	if (!cf_remote_range(op, 0, &size_bytes))
		return cf_remote_unexpected(op, "read object", key, "the answer has another range than was asked for");
	if (size_bytes != (int64_t) length)
		return cf_remote_changed(op, key);
	if ((dialect(op)->range_check != NULL && !dialect(op)->range_check(op, &args, data, size_bytes)) ||
		!dialect(op)->stat_fill(op, key, stat))
		return cf_remote_error(op);
	/* The length of this answer is that of the object; a store that tells of another one has sent it in another form. */
	if (stat->size_bytes != size_bytes)
		return cf_remote_changed(op, key);
	state->looked = *stat;
	if (dialect(op)->tags_ask != NULL)
		step = dialect(op)->tags_ask(op, key, CF_REMOTE_ASKED_MORE);
	return step == CF_STEP_DONE ? cf_remote_done(op) : step;
}
