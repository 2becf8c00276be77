/*
 * storage_azure.c: whatever a service answers to each operation of the Azure driver: it ends within a few steps, writes nowhere but
 * where it may, and what it calls done is what was asked for.
 *
 * The input is a script: the first byte names the operation; each answer is a line of "status header-numbers" bytes and a body that
 * ends with a byte 0xff. Headers have values that the driver understands or pieces of the body.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "storage/azure/azure.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 64
#define SIZE_LARGE (INT64_C(17) * 1024 * 1024)

static const int statuses[] = {0, 200, 201, 202, 204, 206, 301, 400, 401, 403, 404, 409, 412, 416, 429, 500, 501, 503};
static const CfHeader known[] = {
	{"etag", "\"0x8DA\""}, {"last-modified", "Sat, 21 Nov 2026 16:00:00 GMT"}, {"content-length", "5"}, {"content-length", "17825792"},
	{"content-range", "bytes 0-4/5"}, {"content-range", "bytes 0-3/9"}, {"x-ms-access-tier", "Archive"}, {"x-ms-access-tier", "Cool"},
	{"x-ms-meta-cf_owner_tag", "job-1"}, {"x-ms-error-code", "BlobAlreadyExists"}, {"x-ms-error-code", "BlobNotFound"},
	{"x-ms-error-code", "ConditionNotMet"}, {"x-ms-error-code", "InvalidBlockList"}, {"x-ms-error-code", "SnapshotsPresent"},
	{"x-ms-tag-count", "1"}, {"x-ms-content-crc64", "AAAAAAAAAAA="}, {"x-ms-copy-source-status-code", "404"}, {"x-ms-archive-status", "rehydrate-pending-to-hot"},
};
static const char *const own[] = {"etag", "content-length", "content-range", "x-ms-meta-x", "x-ms-error-code", "x-ms-request-id", "content-type", "x-ms-content-crc64"};

static const uint8_t *at;
static const uint8_t *end;
static CfOp op;
static CfArena lent;

static int
next_byte(void)
{
	return at < end ? *at++ : 0;
}

/* answer makes the next answer of the script. */
static void
answer(void)
{
	CfRequest  *request = &op.request;
	CfResponse *response = &op.response;
	int			count = next_byte() % 12;
	const uint8_t *body;
	char	   *text;

	assert(strncmp(request->url, "http", 4) == 0 && request->method != NULL && request->verb != NULL);
	for (int i = 0; i < request->header_count; i++)
		assert(strpbrk(request->headers[i].value, "\r\n") == NULL);
	response->status = statuses[(unsigned) next_byte() % (sizeof(statuses) / sizeof(statuses[0]))];
	response->sends = next_byte() % 3;
	response->body = "";
	if (response->status == 0)
	{
		cf_error_set(&response->err, CF_ERR_IO, "no answer");
		return;
	}
	for (int i = 0; i < count; i++)
	{
		int			which = next_byte();

		response->headers[response->header_count++] = which < 200 ? known[(unsigned) which % (sizeof(known) / sizeof(known[0]))] :
			(CfHeader) {own[which % 8], ""};
	}
	body = at;
	while (at < end && *at != 0xff)
		at++;
	text = cf_arena_strndup(&lent, (const char *) body, at - body);
	response->body = text;
	response->body_bytes = at - body;
	if (at < end)
		at++;
	for (int i = 0; i < response->header_count; i++)
	{
		if (response->headers[i].value[0] == '\0')
			response->headers[i].value = cf_arena_strndup(&lent, text, strcspn(text, "\r\n"));
	}
	if (request->sink != NULL && response->status / 100 == 2)
	{
		response->sink_bytes = response->body_bytes < request->sink_bytes ? response->body_bytes : request->sink_bytes;
		memcpy(request->sink, response->body, response->sink_bytes);
		response->body = "";
		response->body_bytes = 0;
	}
	if (request->classify != NULL)
		(void) request->classify(request, response, request->ctx);
}

#define drive(call) __extension__ ({ \
		CfStep step_; \
		int steps_ = 0; \
		while ((step_ = (call)) == CF_STEP_SEND || step_ == CF_STEP_AGAIN) \
		{ \
			assert(++steps_ < STEPS_MAX); \
			if (step_ == CF_STEP_SEND) \
				answer(); \
			else if (at >= end) \
				break; \
		} \
		assert(step_ != CF_STEP_ERROR || (op.err.kind > CF_ERR_NONE && op.err.kind < CF_ERR_KINDS && op.err.message[0] != '\0')); \
		step_ == CF_STEP_DONE; })

static void
uploads(CfUploadArgs *args, char *bytes)
{
	CfUpload	upload;
	CfObjectStat stat;
	CfPart		part = {.number = 1, .length = args->size_bytes};

	args->resume = next_byte() & 1;
	if (!drive(cf_storage_upload_begin(&op, args, &upload)))
		return;
	if (drive(cf_storage_upload_part(&op, &upload, &part, bytes, args->size_bytes)) && drive(cf_storage_upload_seal(&op, &upload, &stat)))
		assert(stat.size_bytes == args->size_bytes);
	if (drive(cf_storage_upload_commit(&op, &upload, &stat)))
		assert(stat.version[0] != '\0');
	(void) drive(cf_storage_upload_abort(&op, &upload));
}

static void
operate(const CfPlace *place, CfUploadArgs *args)
{
	static char bytes[SIZE_LARGE];
	char		out[8];
	char		token[CF_STORAGE_COPY_TOKEN] = "";
	CfObjectStat stat;
	CfListPage	page;
	CfRemoved	removed;
	CfReadArgs	range = {.key = "k", .version = "0x8DA", .length = -1};
	CfChunk		chunk = {.data = out, .capacity = 4};
	int			which = next_byte() % 9;

	if (which == 0 && drive(cf_storage_stat(&op, "k", &stat)))
		assert(stat.version[0] != '\0' && stat.size_bytes >= 0 && stat.content_type != NULL);
	if (which == 1)
		(void) drive(cf_storage_read(&op, &range, &chunk));
	assert(chunk.length <= chunk.capacity);
	if (which == 2 && drive(cf_storage_put(&op, args, "hello", 5, &stat)))
		assert(stat.size_bytes == 5 && stat.version[0] != '\0');
	if (which == 3)
		(void) drive(cf_storage_remove(&op, "k", "0x8DA", "r-1", &removed));
	if (which == 4 && drive(cf_storage_list(&op, "", NULL, 3, &page)))
	{
		assert(page.count <= 3);
		for (int i = 0; i < page.count; i++)
			assert(page.entries[i].key[0] != '\0' && page.entries[i].stat.version[0] != '\0');
	}
	if (which == 5)
		uploads(args, bytes);
	if (which == 6)
	{
		args->size_bytes = args->part_bytes = SIZE_LARGE;
		uploads(args, bytes);
	}
	if (which == 7 && drive(cf_storage_copy(&op, place, "from", "0x1", args, token, &stat)))
		assert(stat.size_bytes == args->size_bytes);
	if (which == 8)
	{
		(void) drive(cf_storage_set_class(&op, "k", "0x8DA", "Cool", NULL, &stat));
		(void) drive(cf_storage_restore(&op, "k", "0x8DA", 1, ""));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CfCredentials credentials = {.items = {{"tenant_id", "t"}, {"client_id", "c"}, {"client_secret", "s"}}, .count = 3};
	CfToken		token = {.expires_us = 0};
	CfLearned	learned = {0};
	CfPlace		place = {.learned = &learned, .name = "fuzz", .provider = "Azure", .bucket = "box", .region = "", .endpoint = "http://127.0.0.1:10000/acct", .prefix = "",
		.storage_class = "", .credentials = &credentials, .token = &token, .driver = &cf_storage_azure_driver};
	CfUploadArgs args = {.key = "k", .owner_tag = "job-1", .size_bytes = 5, .part_bytes = 5, .content_type = "x", .storage_class = "", .metadata = "a=b"};
	CfArena		arena;

	at = data;
	end = data + size;
	/* Half of the scripts begin without a token, so that its service answers, too. */
	token.expires_us = size % 2 == 0 ? INT64_MAX / 2 : 0;
	cf_clock_freeze(INT64_C(1795278733000000));
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	cf_arena_init(&lent, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&op, &place, &arena);
	operate(&place, &args);
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	cf_arena_free(&lent);
	return 0;
}
