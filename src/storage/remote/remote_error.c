/*
 * remote_error.c
 *		How an operation on a cloud ends badly: the same fault has the same words at every store.
 *
 * An error tells place, key, HTTP status, the store's code and its id of the request. Of an answer's body a message has the code
 * alone; the store's sentence goes into the detail, where the driver finds that it cannot repeat what was signed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "storage/remote/remote.h"
#include "storage/utf8.h"

static const struct
{
	int			status;
	CfErrorKind kind;
}			statuses[] = {
	{400, CF_ERR_INPUT}, {401, CF_ERR_DENIED}, {403, CF_ERR_DENIED}, {404, CF_ERR_NOT_FOUND}, {405, CF_ERR_UNSUPPORTED},
	{409, CF_ERR_BUSY}, {412, CF_ERR_CHANGED}, {413, CF_ERR_RANGE}, {416, CF_ERR_INPUT}, {501, CF_ERR_UNSUPPORTED},
	{505, CF_ERR_UNSUPPORTED}, {507, CF_ERR_FULL}
};

static const char *subject(CfOp *op, const char *what, const char *key);
static CfStep unanswered(CfOp *op, const char *subject);
static void budget(CfOp *op);

CfNetVerdict
cf_remote_verdict(const CfResponse *response)
{
	int			status = response->status;

	if (response->truncated || status == 408)
		return CF_NET_RETRY;
	if (status == 429)
		return CF_NET_SLOW_DOWN;
	if (status == 401)
		return CF_NET_REAUTHENTICATE;
	return status >= 500 && status != 501 && status != 505 && status != 507 ? CF_NET_RETRY : CF_NET_FINAL;
}

CfRemoteTold
cf_remote_told(const CfResponse *response)
{
	CfNetVerdict verdict = cf_remote_verdict(response);
	CfRemoteTold told = {.kind = CF_ERR_IO, .retryable = verdict == CF_NET_RETRY || verdict == CF_NET_SLOW_DOWN};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		told.kind = statuses[i].status == response->status ? statuses[i].kind : told.kind;
	return told;
}

const CfRemoteCode *
cf_remote_code(const CfRemoteCode *codes, const char *code)
{
	while (codes->code != NULL && strcmp(codes->code, code) != 0)
		codes++;
	return codes->code == NULL ? NULL : codes;
}

void
cf_remote_told_code(CfRemoteTold *told, const CfRemoteCode *codes)
{
	const CfRemoteCode *known = cf_remote_code(codes, told->code);

	if (known == NULL)
		return;
	told->kind = known->kind;
	told->retryable = known->verdict == CF_NET_RETRY || known->verdict == CF_NET_SLOW_DOWN;
	told->hint = known->hint;
}

bool
cf_remote_clock_off(const CfResponse *response, int64_t limit_us)
{
	int64_t		theirs_us;
	int64_t		ours_us = cf_clock_now_us() + response->clock_skew_us;	/* the engine signs with what it knows of the skew */

	return cf_net_date(cf_net_answer(response, "date"), &theirs_us) && (theirs_us - ours_us > limit_us || ours_us - theirs_us > limit_us);
}

CfStep
cf_remote_fails(CfOp *op, CfErrorKind kind, const char *format, ...)
{
	char		text[sizeof(op->err.message)];
	char		shown[sizeof(op->err.message)];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cf_utf8_shown(shown, sizeof(shown), text);
	cf_error_set(&op->err, kind, "%s", shown);
	return cf_remote_error(op);
}

CfStep
cf_remote_memory(CfOp *op)
{
	return cf_remote_fails(op, CF_ERR_MEMORY, "out of memory for an operation on place \"%s\"", op->place->name);
}

CfStep
cf_remote_missing(CfOp *op, const char *key)
{
	return cf_remote_fails(op, CF_ERR_NOT_FOUND, "object \"%s\" is not in place \"%s\"", cf_remote_shown(op, key),
						   cf_remote_asked(op)->name);
}

CfStep
cf_remote_changed(CfOp *op, const char *key)
{
	cf_remote_fails(op, CF_ERR_CHANGED, "object \"%s\" of place \"%s\" has changed", cf_remote_shown(op, key),
					cf_remote_asked(op)->name);
	cf_error_detail(&op->err, "It is no longer the version that was asked for.");
	return CF_STEP_ERROR;
}

CfStep
cf_remote_exists(CfOp *op, const char *key)
{
	return cf_remote_fails(op, CF_ERR_EXISTS, "object \"%s\" already exists in place \"%s\"", cf_remote_shown(op, key), op->place->name);
}

CfStep
cf_remote_outside(CfOp *op, const char *key, int64_t size_bytes)
{
	cf_remote_fails(op, CF_ERR_INPUT, "range does not lie inside object \"%s\" of place \"%s\"", cf_remote_shown(op, key),
					cf_remote_asked(op)->name);
	cf_error_detail(&op->err, "The object has %lld bytes.", (long long) size_bytes);
	return CF_STEP_ERROR;
}

CfStep
cf_remote_damaged(CfOp *op, const char *key, const char *detail)
{
	cf_remote_fails(op, CF_ERR_CHANGED, "object \"%s\" is not what was sent to place \"%s\"", cf_remote_shown(op, key), op->place->name);
	op->err.retryable = true;
	cf_error_detail(&op->err, "%s", detail);
	return CF_STEP_ERROR;
}

CfStep
cf_remote_unexpected(CfOp *op, const char *what, const char *key, const char *why)
{
	return cf_remote_fails(op, CF_ERR_IO, "%s: %s", subject(op, what, key), why);
}

CfStep
cf_remote_refused(CfOp *op, const char *what, const char *key, const char *request_id, const CfRemoteTold *told)
{
	const CfPlace *place = cf_remote_asked(op);
	int			status = op->response.status;
	size_t		length = strlen(told->message);
	char		id[128];
	char		named[192] = "";

	if (status == 0)
		return unanswered(op, subject(op, what, key));
	snprintf(id, sizeof(id), "%s", request_id);
	cf_remote_harmless(id, "+/=:-_.");
	cf_remote_fails(op, told->kind, "%s: HTTP %d%s%s%s", subject(op, what, key), status, told->code[0] == '\0' ? "" : " ", told->code,
					status >= 200 && status < 300 ? ", which was not expected" : "");
	op->err.retryable = told->retryable || told->token_refused;
	if (id[0] != '\0')
		snprintf(named, sizeof(named), "The store's id of the request is %s.", id);
	cf_error_detail(&op->err, "%s%s%s%s", told->message, length == 0 || strchr(".!?", told->message[length - 1]) != NULL ? "" : ".",
					length == 0 || id[0] == '\0' ? "" : " ", named);
	cf_error_hint(&op->err, "%s", told->hint == NULL ? "" : told->hint);
	budget(op);
	if (told->token_refused && place->token != NULL)
		place->token->expires_us = 0;
	return CF_STEP_ERROR;
}

/* subject makes "could not read object "k" of place "p"". */
static const char *
subject(CfOp *op, const char *what, const char *key)
{
	const char *text = cf_remote_format(&op->request_arena, "could not %s%s%s%s of place \"%s\"", what, key == NULL ? "" : " \"",
										key == NULL ? "" : cf_remote_shown(op, key), key == NULL ? "" : "\"", cf_remote_asked(op)->name);

	return text == NULL ? what : text;
}

/* unanswered ends an operation whose request had no answer: the engine says why. */
static CfStep
unanswered(CfOp *op, const char *text)
{
	const CfError told = op->response.err;

	cf_remote_fails(op, told.kind == CF_ERR_NONE ? CF_ERR_IO : told.kind, "%s: %.200s", text,
					told.message[0] == '\0' ? "no answer" : told.message);
	op->err.retryable = told.kind == CF_ERR_NONE || told.retryable;
	cf_error_detail(&op->err, "%s", told.detail);
	cf_error_hint(&op->err, "%s", told.hint);
	budget(op);
	return CF_STEP_ERROR;
}

/* budget says that a request was not repeated because too many others of its job had been; what the store said stays in front. */
static void
budget(CfOp *op)
{
	size_t		length = strlen(op->err.detail);

	if (op->response.budget_spent)
		snprintf(op->err.detail + length, sizeof(op->err.detail) - length, "%sThe budget of repetitions of this attempt of the job is spent.",
				 length == 0 ? "" : " ");
}
