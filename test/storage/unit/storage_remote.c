/*
 * What the drivers of the clouds do alike: texts, numbers, times, and how an operation ends.
 */
#include "harness/tap.h"

#include "storage/remote/remote.h"

static CfPlace remote = {.name = "cloud", .provider = "GCP", .bucket = "bucket", .region = "", .endpoint = "", .prefix = "", .storage_class = ""};

static void
texts(CfArena *arena)
{
	CfRemoteText text = {.arena = arena};
	CfRemoteText none = {.arena = arena};
	CfRemoteText huge = {.arena = arena};
	char		long_text[1000];

	is_str(cf_remote_text_end(&none), "", "a text without pieces is empty");
	cf_remote_text_add(&text, "a");
	cf_remote_text_add_bytes(&text, "bcd", 2);
	cf_remote_text_encode(&text, "/ü");
	cf_remote_text_number(&text, INT64_MIN);
	cf_remote_text_format(&text, "%s=%d", "x", 7);
	is_str(cf_remote_text_end(&text), "abc%2F%C3%BC-9223372036854775808x=7", "pieces are put together");
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	cf_remote_text_format(&text, "%s", long_text);
	cf_remote_text_add(&text, long_text);
	is_int(strlen(cf_remote_text_end(&text)), 35 + 2 * 999, "of any length");
	cf_remote_text_add_bytes(&huge, "", SIZE_MAX / 4);
	cf_remote_text_add(&huge, "more");
	ok(cf_remote_text_end(&huge) == NULL, "one that no memory can hold says so at its end");
	is_str(cf_remote_format(arena, "%d/%s", 1, "b"), "1/b", "a text in one piece");
	strcpy(long_text, "Abc9.x-y z");
	cf_remote_harmless(long_text, "-.");
	is_str(long_text, "Abc9.x-y", "a text is cut where it is not harmless");
}

static void
numbers(void)
{
	int64_t		value;

	ok(cf_remote_number("9223372036854775807", INT64_MAX, &value) && value == INT64_MAX, "the largest number");
	ok(!cf_remote_number("9223372036854775808", INT64_MAX, &value), "one more is none");
	ok(!cf_remote_number("", 9, &value) && !cf_remote_number("-1", 9, &value) && !cf_remote_number("1 ", 9, &value) &&
	   !cf_remote_number("10", 9, &value), "nor is nothing, less, more, or what has something behind");
}

static void
times(void)
{
	static const struct
	{
		const char *text;
		int64_t		seconds;
	}			good[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777}, {"Thu, 01 Jan 1970 00:00:00 GMT", 0}, {"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
		{"Wed, 01 Mar 2400 00:00:00 GMT", 13574649600}, {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
	};
	static const char *const bad[] = {"", "yesterday", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 40 Nov 1994 08:49:37 GMT", "2026-13-01T00:00:00Z",
		"Sun, 06 Nov 1500 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "2013-02-30T00:00:00Z", "2013-05-24T00:00:00", "2013-05-24T00:00:00.Zx",
		"1969-12-31T23:59:59Z", " 013-05-24T00:00:00Z", "2013-05-24 00:00:00Z"};
	char		text[40];
	int64_t		value;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		ok(cf_remote_time(good[i].text, &value) && value == good[i].seconds * 1000000, "%s is read", good[i].text);
		cf_remote_time_write(value, CF_REMOTE_HTTP, text);
		is_str(text, good[i].text, "and written");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!cf_remote_time(bad[i], &value), "\"%s\" is no time", bad[i]);
	ok(cf_remote_time("1994-11-06T08:49:37.1234567Z", &value) && value == INT64_C(784111777123456), "ISO 8601 is read with its decimals");
	cf_remote_time_write(value, CF_REMOTE_ISO, text);
	is_str(text, "1994-11-06T08:49:37Z", "and written without them");
	cf_remote_time_write(value, CF_REMOTE_BASIC, text);
	is_str(text, "19941106T084937Z", "or as signatures have it");
	cf_remote_time_write(INT64_MAX, CF_REMOTE_ISO, text);
	is_str(text, "9999-12-31T23:59:59Z", "what is later is the last");
	cf_remote_time_write(-1, CF_REMOTE_ISO, text);
	is_str(text, "1970-01-01T00:00:00Z", "what is earlier the first");
}

/* ended tells whether an operation ended as it should: with that error, ready for the next one. */
static void
ended(CfOp *op, CfStep step, CfErrorKind kind, bool retryable, const char *message)
{
	is_str(op->err.message, message, "an error");
	ok(step == CF_STEP_ERROR && op->err.kind == kind && op->err.retryable == retryable && op->phase == 0, "of its kind ends the operation");
	op->phase = 3;
}

static void
ends(CfOp *op)
{
	static CfToken token;
	CfPlace		source = remote;
	CfRemoteState *state = cf_remote_state(op, sizeof(CfRemoteState));
	CfRemoteTold told = {.kind = CF_ERR_DENIED, .code = "Forbidden", .message = "You may not", .hint = "Ask."};
	char		key[400];

	source.name = "source";
	op->phase = 3;
	ended(op, cf_remote_missing(op, "k"), CF_ERR_NOT_FOUND, false, "object \"k\" is not in place \"cloud\"");
	ended(op, cf_remote_changed(op, "a\nb"), CF_ERR_CHANGED, false, "object \"a\\x0ab\" of place \"cloud\" has changed");
	ended(op, cf_remote_exists(op, "k"), CF_ERR_EXISTS, false, "object \"k\" already exists in place \"cloud\"");
	ended(op, cf_remote_outside(op, "k", 5), CF_ERR_INPUT, false, "range does not lie inside object \"k\" of place \"cloud\"");
	ended(op, cf_remote_damaged(op, "k", "Why."), CF_ERR_CHANGED, true, "object \"k\" is not what was sent to place \"cloud\"");
	ended(op, cf_remote_memory(op), CF_ERR_MEMORY, true, "out of memory for an operation on place \"cloud\"");
	ended(op, cf_remote_fails(op, CF_ERR_STATE, "x\x01%s", "\xff"), CF_ERR_STATE, false, "x\\x01\\xff");
	ended(op, cf_remote_unexpected(op, "read object", "k", "why"), CF_ERR_IO, true, "could not read object \"k\" of place \"cloud\": why");
	state->asked = &source;
	state->mended = 2;
	ended(op, cf_remote_missing(op, "k"), CF_ERR_NOT_FOUND, false, "object \"k\" is not in place \"source\"");
	ok(state->asked == NULL && state->mended == 0 && cf_remote_asked(op) == op->place, "the next request goes to the place itself");
	op->response = (CfResponse) {.status = 403};
	ended(op, cf_remote_refused(op, "list the objects", NULL, "id-1<x>", &told), CF_ERR_DENIED, false,
		  "could not list the objects of place \"cloud\": HTTP 403 Forbidden");
	is_str(op->err.detail, "You may not. The store's id of the request is id-1.", "what the store said goes into the detail");
	is_str(op->err.hint, "Ask.", "with what helps");
	remote.token = &token;
	token.expires_us = 5;
	told = (CfRemoteTold) {.kind = CF_ERR_DENIED, .token_refused = true};
	op->response.status = 200;
	ended(op, cf_remote_refused(op, "look at object", "k", "", &told), CF_ERR_DENIED, true,
		  "could not look at object \"k\" of place \"cloud\": HTTP 200, which was not expected");
	ok(op->err.detail[0] == '\0' && op->err.hint[0] == '\0', "which may have nothing more to tell");
	is_int(token.expires_us, 0, "a token that was refused is obtained again");
	op->response = (CfResponse) {.status = 0};
	ended(op, cf_remote_refused(op, "read object", "k", "", &told), CF_ERR_IO, true, "could not read object \"k\" of place \"cloud\": no answer");
	cf_error_set(&op->response.err, CF_ERR_DENIED, "this address is not allowed");
	cf_error_hint(&op->response.err, "A superuser allows it.");
	ended(op, cf_remote_refused(op, "read object", "k", "", &told), CF_ERR_DENIED, false,
		  "could not read object \"k\" of place \"cloud\": this address is not allowed");
	is_str(op->err.hint, "A superuser allows it.", "the engine's hint is kept");
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	is_int(strlen(cf_remote_shown(op, key)), CF_REMOTE_SHOWN - 1, "a long key is cut in a message");
	is_int(cf_remote_told(&(CfResponse) {.status = 404}).kind, CF_ERR_NOT_FOUND, "a status has a kind");
	is_int(cf_remote_told(&(CfResponse) {.status = 418}).kind, CF_ERR_IO, "or none of its own");
	ok(cf_remote_told(&(CfResponse) {.status = 503}).retryable && !cf_remote_told(&(CfResponse) {.status = 418}).retryable, "and may pass or not");
	cf_remote_free(op, NULL);
}

int
main(void)
{
	CfArena		arena;
	CfOp		op;

	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&op, &remote, &arena);
	texts(&arena);
	numbers();
	times();
	ends(&op);
	cf_remote_free(&op, op.state);
	op.state = NULL;
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	return done_testing();
}
