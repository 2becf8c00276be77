/*
 * storage_s3_script.h: operations of the S3 driver against answers that are written down. A Scene is an operation, the exact
 * requests that it makes with what is answered, and how it ends; scenes() plays each, and then again with every allocation
 * failing in turn: then it ends in an error of memory, or as if nothing had happened, and nothing leaks.
 */
#ifndef CF_TEST_S3_SCRIPT_H
#define CF_TEST_S3_SCRIPT_H

#include "core/clock.h"
#include "storage/s3/s3.h"

/* Scenes leave out what they do not care about. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define EMPTY_SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SCENE_STEPS_MAX 100

typedef struct Exchange
{
	const char *request;		/* "PUT /k?uploads=": method and what follows the host */
	const char *has;			/* headers that it has, "Name: value\n…"; "-Name\n" = it does not have that one; NULL = any */
	int			status;			/* 0 = no answer */
	const char *headers;		/* of the answer, "name: value\n…" */
	const char *body;
	int			sends;			/* 0 = 1 */
	bool		truncated;
	const char *sent;			/* the body that is sent; NULL = any */
	CfNetRepeat repeat;			/* 0 = any */
} Exchange;

typedef struct Scene
{
	const char *title;
	CfStep		(*run) (void);	/* the operation, driven to its end */
	const Exchange *exchanges;
	CfErrorKind kind;			/* CF_ERR_NONE = it succeeds */
	const char *message;		/* part of the error's message, detail or hint; NULL = any */
	const CfPlaceOption *options;	/* up to a NULL name; NULL = none */
	void		(*after) (void);	/* more checks, when it succeeded */
} Scene;

static CfArena arena;
static CfPlace place;
static CfOp op;
static CfCredentials credentials = {{{"access_key_id", "AK"}, {"secret_access_key", "sk"}}, 2};
static const Exchange *next_exchange;
static bool quiet;				/* while allocations fail, what is asked does not matter */
static int	allocations_left;	/* -1 = never fail */
static bool allocation_failed;

static CfObjectStat stat_;
static TAP_UNUSED CfUpload upload;
static TAP_UNUSED CfPart part;
static TAP_UNUSED CfRemoved removed;
static CfListPage page;
static CfStalePage stale;
static TAP_UNUSED char copy_token[CF_STORAGE_COPY_TOKEN];
static TAP_UNUSED char read_bytes[64];
static long read_length;

static void *
scene_alloc(void *ctx, size_t size)
{
	(void) ctx;
	if (allocations_left == 0)
	{
		allocation_failed = true;
		return NULL;
	}
	if (allocations_left > 0)
		allocations_left--;
	return malloc(size);
}

static void
scene_free(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

/* scene_has checks the headers of the present request. */
static void
scene_has(const char *title, const char *lines)
{
	while (lines != NULL && *lines != '\0')
	{
		char		line[400];
		size_t		length = strcspn(lines, "\n");
		bool		absent = *lines == '-';
		char	   *colon;
		const char *got = NULL;

		snprintf(line, sizeof(line), "%.*s", (int) (length - absent), lines + absent);
		colon = strstr(line, ": ");
		if (colon != NULL)
			*colon = '\0';
		for (int i = 0; i < op.request.header_count; i++)
		{
			if (strcasecmp(op.request.headers[i].name, line) == 0)
				got = op.request.headers[i].value;
		}
		is_str(got, absent || colon == NULL ? NULL : colon + 2, "%s: header %s", title, line);
		lines += length + 1;
	}
}

/* scene_answer compares the request with the next exchange, signs it, and answers. */
static void
scene_answer(const char *title)
{
	const Exchange *e = next_exchange;
	CfResponse *response = &op.response;
	const char *host = strstr(op.request.url, "://");
	const char *path = host == NULL ? "" : strchr(host + 3, '/');
	char		got[2000];
	const char *lines;
	CfArena		answer;
	CfError		err;
	CfRequest	signed_request = op.request;

	cf_arena_init(&answer, &cf_arena_malloc, 4096, 0);
	memset(response, 0, sizeof(*response));
	response->body = "";
	snprintf(got, sizeof(got), "%s %s", op.request.method, path == NULL ? "" : path);
	if (!quiet)
	{
		ok(cf_s3_sign(&signed_request, &op, &answer, 0, &err), "%s: the request can be signed", title);
		is_str(got, e->request == NULL ? "no request" : e->request, "%s: the request", title);
		scene_has(title, e->has);
		if (e->repeat != 0)
			is_int(op.request.repeat, e->repeat, "%s: whether it may be sent again", title);
		if (e->sent != NULL)
			ok(op.request.body_bytes == strlen(e->sent) && memcmp(op.request.body, e->sent, strlen(e->sent)) == 0, "%s: the body", title);
	}
	cf_arena_free(&answer);
	if (e->request == NULL)
		return;
	next_exchange++;
	response->status = e->status;
	response->sends = e->sends == 0 ? 1 : e->sends;
	response->truncated = e->truncated;
	if (e->status == 0)
		cf_error_set(&response->err, CF_ERR_IO, "the connection was reset");
	/* Answers live as long as the request; the test's own memory does, and never fails. */
	lines = e->headers == NULL ? "" : e->headers;
	while (*lines != '\0' && response->header_count < CF_NET_RESPONSE_HEADERS)
	{
		static char texts[32][2][512];
		size_t		length = strcspn(lines, "\n");
		size_t		name = strcspn(lines, ":");
		int			i = response->header_count++;

		snprintf(texts[i][0], sizeof(texts[i][0]), "%.*s", (int) name, lines);
		snprintf(texts[i][1], sizeof(texts[i][1]), "%.*s", (int) (length - name - 2), lines + name + 2);
		response->headers[i] = (CfHeader) {texts[i][0], texts[i][1]};
		lines += length + (lines[length] == '\n');
	}
	if (op.request.sink != NULL && e->status >= 200 && e->status < 300 && e->body != NULL)
	{
		response->sink_bytes = strlen(e->body) < op.request.sink_bytes ? strlen(e->body) : op.request.sink_bytes;
		memcpy(op.request.sink, e->body, response->sink_bytes);
	}
	else if (e->body != NULL)
	{
		response->body = e->body;
		response->body_bytes = strlen(e->body);
	}
}

static const char *scene_title;

/* drive_ calls until an operation ends; AGAIN goes on too. */
#define drive_(call) __extension__ ({ \
		CfStep step_; \
		int steps_ = 0; \
		while ((step_ = (call)) == CF_STEP_SEND || step_ == CF_STEP_AGAIN) \
		{ \
			if (++steps_ > SCENE_STEPS_MAX) \
				bail("%s does not end", scene_title); \
			if (step_ == CF_STEP_SEND) \
				scene_answer(scene_title); \
		} \
		step_; })

static void
scene_begin(const Scene *scene)
{
	static const CfAllocator allocator = {scene_alloc, scene_free, NULL};

	cf_arena_init(&arena, &allocator, 1024, 0);
	place.options = scene->options;
	place.option_count = 0;
	while (scene->options != NULL && scene->options[place.option_count].name != NULL)
		place.option_count++;
	place.endpoint = cf_s3_store(&place)->endpoint == NULL ? "https://store.example" : "";
	cf_storage_op_init(&op, &place, &arena);
	next_exchange = scene->exchanges;
	memset(&stat_, 0, sizeof(stat_));
	memset(&page, 0, sizeof(page));
	memset(&stale, 0, sizeof(stale));
	memset(copy_token, 0, sizeof(copy_token));
	read_length = 0;
}

static void
scene_end(void)
{
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	allocations_left = -1;
}

/* scene_failing plays a scene with the n-th allocation failing, for every n that it has. */
static void
scene_failing(const Scene *scene)
{
	bool		good = true;
	int			n = 0;

	quiet = true;
	do
	{
		CfStep		step;

		scene_begin(scene);
		allocations_left = n++;
		allocation_failed = false;
		step = scene->run();
		allocations_left = -1;
		good &= !allocation_failed || step == CF_STEP_DONE || op.err.kind == CF_ERR_MEMORY || op.err.kind == scene->kind;
		scene_end();
	} while (allocation_failed && n < 400);
	quiet = false;
	ok(good && n < 400, "%s: short of memory at any point, it says so", scene->title);
}

static void
scenes(const Scene *all, size_t count)
{
	allocations_left = -1;
	place = (CfPlace) {.name = "p", .provider = "AWS", .bucket = "photos", .region = "us-east-1", .endpoint = "", .prefix = "",
		.storage_class = "", .credentials = &credentials, .driver = &cf_storage_s3_driver};
	cf_clock_freeze(INT64_C(1369353600000000));
	for (size_t i = 0; i < count; i++)
	{
		const Scene *scene = &all[i];
		CfStep		step;

		scene_title = scene->title;
		scene_begin(scene);
		step = scene->run();
		if (scene->kind == CF_ERR_NONE)
			ok(step == CF_STEP_DONE, "%s: done", scene->title);
		else
			ok(step == CF_STEP_ERROR && op.err.kind == scene->kind, "%s: refused as %s", scene->title,
			   cf_error_kind_name(scene->kind));
		if (step == CF_STEP_ERROR && (scene->kind == CF_ERR_NONE || op.err.kind != scene->kind))
			note("  %s: %s %s", cf_error_kind_name(op.err.kind), op.err.message, op.err.detail);
		if (scene->message != NULL)
			ok(strstr(op.err.message, scene->message) != NULL || strstr(op.err.detail, scene->message) != NULL ||
			   strstr(op.err.hint, scene->message) != NULL, "%s: the error tells \"%s\"", scene->title, scene->message);
		if (scene->message != NULL && strstr(op.err.message, scene->message) == NULL && strstr(op.err.detail, scene->message) == NULL &&
			strstr(op.err.hint, scene->message) == NULL)
			note("  it tells \"%s\" \"%s\" \"%s\"", op.err.message, op.err.detail, op.err.hint);
		ok(next_exchange->request == NULL, "%s: no answer is left", scene->title);
		is_int(op.phase, 0, "%s: the operation is over", scene->title);
		if (scene->after != NULL && step == CF_STEP_DONE)
			scene->after();
		scene_end();
		scene_failing(scene);
	}
	cf_clock_thaw();
}

#define EXCHANGES(...) (const Exchange[]) {__VA_ARGS__, {NULL}}
#define OPTIONS(...) (const CfPlaceOption[]) {__VA_ARGS__, {NULL}}
#define SCENES(all) scenes((all), sizeof(all) / sizeof((all)[0]))

#endif							/* CF_TEST_S3_SCRIPT_H */
