/*
 * storage_azure.h: a place of provider Azure whose service is a list of canned answers, and what was asked of it, as text. One test
 * program includes it once, after harness/tap.h.
 */
#ifndef CF_TEST_AZURE_H
#define CF_TEST_AZURE_H

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"	/* scripts say what they need */

#include "core/clock.h"
#include "storage/azure/azure.h"

#define NOW_US INT64_C(1795278733000000)	/* 2026-11-21 16:32:13 UTC */
#define ACCOUNT_KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg=="
#define MODIFIED "last-modified: Sat, 21 Nov 2026 16:00:00 GMT\n"

/* One answer; status 0 = none came, err tells; headers are "name: value\n…" with names in lower case. */
typedef struct Answer
{
	int			status;
	const char *headers;
	const char *body;
	int			sends;			/* 0 = 1; -1 = it was never sent */
} Answer;

static CfArena arena;
static CfArena scripts;
static CfPlaceOption place_options[4];
static CfCredentials place_credentials;
static CfToken place_token;
static CfPlace place;
static CfOp op;
static const Answer *answers;
static int	answer_count;
static int	asked;
static char requests[16][8192];

/* fail_at makes the n-th allocation fail; 0 = none. */
static int	fail_at;
static int	allocations;

static void *
counted_alloc(void *ctx, size_t size)
{
	(void) ctx;
	return fail_at > 0 && ++allocations == fail_at ? NULL : malloc(size);
}

static void
counted_free(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

static const CfAllocator counted = {counted_alloc, counted_free, NULL};

static TAP_UNUSED void
place_open(const char *endpoint, const char *prefix)
{
	place_options[0] = (CfPlaceOption) {"account", "acct"};
	place_credentials = (CfCredentials) {.items = {{"account_key", ACCOUNT_KEY}}, .count = 1};
	memset(&place_token, 0, sizeof(place_token));
	place = (CfPlace) {.name = "blue", .provider = "Azure", .bucket = "box", .region = "", .endpoint = endpoint, .prefix = prefix,
		.storage_class = "", .options = place_options, .option_count = 1, .credentials = &place_credentials, .token = &place_token,
		.driver = &cf_storage_azure_driver};
	cf_clock_freeze(NOW_US);
	cf_arena_init(&arena, &counted, 4096, 0);
	cf_arena_init(&scripts, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&op, &place, &arena);
}

static TAP_UNUSED void
place_close(void)
{
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	cf_arena_free(&scripts);
	cf_clock_thaw();
}

/* script sets what the service will answer. */
#define script(...) do { \
		static const Answer these_[] = {__VA_ARGS__}; \
		answers = these_; \
		answer_count = sizeof(these_) / sizeof(these_[0]); \
		asked = 0; \
	} while (0)

/* remember writes down the request: "METHOD url\nname: value\n…\n" and how much of a body; Put Block List with its body. */
static void
remember(const CfRequest *request, char *text, size_t size)
{
	size_t		used = snprintf(text, size, "%s %s\n", request->method, request->url);

	for (int i = 0; i < request->header_count && used < size; i++)
		used += snprintf(text + used, size - used, "%s: %s\n", request->headers[i].name, request->headers[i].value);
	if (request->body_bytes > 0 && used < size)
		snprintf(text + used, size - used, "%.*s\n", (int) (request->body_bytes < 1000 ? request->body_bytes : 0), (const char *) request->body);
}

/* serve answers op->request. */
static void
serve(void)
{
	static const Answer nothing = {0, "", "", -1};
	CfRequest  *request = &op.request;
	CfResponse *response = &op.response;
	const Answer *answer = asked < answer_count ? &answers[asked] : &nothing;

	if (asked < 16)
		remember(request, requests[asked], sizeof(requests[0]));
	asked++;
	response->status = answer->status;
	response->sends = answer->sends == 0 ? 1 : answer->sends < 0 ? 0 : answer->sends;
	response->body = answer->body == NULL ? "" : cf_arena_strdup(&scripts, answer->body);	/* to be wiped */
	response->body_bytes = strlen(response->body);
	if (answer->status == 0)
	{
		cf_error_set(&response->err, CF_ERR_IO, "connection refused");
		return;
	}
	for (const char *line = answer->headers; line != NULL && *line != '\0';)
	{
		size_t		length = strcspn(line, "\n");
		const char *colon = memchr(line, ':', length);

		if (colon != NULL)
			response->headers[response->header_count++] = (CfHeader) {
				cf_arena_strndup(&scripts, line, colon - line),
				cf_arena_strndup(&scripts, colon + 2, length - (colon - line) - 2)};
		line += length + (line[length] == '\n');
	}
	if (request->sink != NULL && answer->status / 100 == 2)
	{
		response->sink_bytes = response->body_bytes < request->sink_bytes ? response->body_bytes : request->sink_bytes;
		memcpy(request->sink, response->body, response->sink_bytes);
		response->body = "";
		response->body_bytes = 0;
	}
}

/* run drives one operation to its end. */
static TAP_UNUSED bool
run_step(CfStep step, bool *done)
{
	*done = step == CF_STEP_DONE;
	if (step == CF_STEP_SEND)
		serve();
	return step == CF_STEP_AGAIN || step == CF_STEP_SEND;
}

#define run(call) __extension__ ({ bool done_; while (run_step((call), &done_)) ; done_; })

/* asks is a check: the n-th request is exactly this. */
#define asks(n, text, ...) is_str(n < asked ? requests[n] : "", text, __VA_ARGS__)

/* fails is a check: the operation fails with that kind of error. */
#define fails(k, call, ...) __extension__ ({ \
		bool good_ = run(call); \
		ok(!good_ && op.err.kind == (k), __VA_ARGS__); \
		if (good_ || op.err.kind != (k)) \
			note("  %s: %s", good_ ? "done" : cf_error_kind_name(op.err.kind), good_ ? "" : op.err.message); \
	})

#endif							/* CF_TEST_AZURE_H */
