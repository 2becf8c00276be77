/*
 * storage_gcs_session: a resumable session against answers that are written down: what is sent, and what becomes of answers that
 * are lost, late, partial or false.
 */
#include "tap.h"

#include "core/clock.h"
#include "storage/gcs/gcs.h"

#define UNIT (256 * 1024)
#define SIZE (2 * UNIT + 5)

typedef struct Answer
{
	int			status;			/* 0 = none came */
	const char *headers;		/* "name: value", one; NULL = none */
	const char *body;
} Answer;

static CfArena arena;
static CfPlaceOption options[2] = {{"uploads", "session"}, {"user_project", ""}};
static CfPlace place;
static CfOp op;
static CfUpload upload;
static CfObjectStat stat_;
static const Answer *answers;
static int	answer_count;
static int	asked;
static char requests[24][700];
static char *bytes;
static char object_json[400];

#define START {200, "location: https://storage.googleapis.com/upload/storage/v1/b/box/o?uploadType=resumable&upload_id=SECRET", NULL}
#define OBJECT {200, NULL, object_json}
#define MISSING {404, NULL, "{\"error\":{\"message\":\"No such object: box/k\",\"errors\":[{\"reason\":\"notFound\"}]}}"}

static void
serve(void)
{
	static const Answer nothing = {0, NULL, NULL};
	const Answer *answer = asked < answer_count ? &answers[asked] : &nothing;
	CfRequest  *request = &op.request;
	CfResponse *response = &op.response;
	const char *range = "";

	for (int i = 0; i < request->header_count; i++)
	{
		if (strcasecmp(request->headers[i].name, "content-range") == 0)
			range = request->headers[i].value;
	}
	if (asked < 24)
		snprintf(requests[asked], sizeof(requests[0]), "%s %s %s", request->method, strstr(request->url, "upload_id") != NULL ? "session" :
				 strchr(request->url + 8, '/'), range);
	asked++;
	memset(response, 0, sizeof(*response));
	response->status = answer->status;
	response->sends = 1;
	response->body = answer->body == NULL ? "" : answer->body;
	response->body_bytes = strlen(response->body);
	if (answer->status == 0)
	{
		cf_error_set(&response->err, CF_ERR_IO, "the connection was reset");
		response->err.retryable = true;
	}
	if (answer->headers != NULL)
	{
		size_t		name = strcspn(answer->headers, ":");

		response->headers[response->header_count++] = (CfHeader) {cf_arena_strndup(&op.request_arena, answer->headers, name),
			cf_arena_strdup(&op.request_arena, answer->headers + name + 2)};
	}
}

#define run(call) __extension__ ({ CfStep step_; \
		while ((step_ = (call)) == CF_STEP_SEND || step_ == CF_STEP_AGAIN) { if (step_ == CF_STEP_SEND) serve(); if (asked > 40) bail("no end"); } \
		step_ == CF_STEP_DONE; })

#define script(...) do { static Answer these_[] = {__VA_ARGS__}; answers = these_; answer_count = sizeof(these_) / sizeof(these_[0]); asked = 0; } while (0)

static CfUploadArgs
args_of(bool resume)
{
	return (CfUploadArgs) {.key = "k", .owner_tag = "job-1", .size_bytes = SIZE, .part_bytes = UNIT, .content_type = "text/plain",
		.storage_class = "COLDLINE", .metadata = "", .resume = resume};
}

static bool
begin(bool resume)
{
	CfUploadArgs args = args_of(resume);

	return run(cf_storage_upload_begin(&op, &args, &upload));
}

static bool
part_of(int number)
{
	int64_t		offset = (int64_t) (number - 1) * UNIT;
	CfPart		part = {.number = number, .offset = offset, .length = SIZE - offset < UNIT ? SIZE - offset : UNIT};

	return run(cf_storage_upload_part(&op, &upload, &part, bytes + offset, (size_t) part.length));
}

static bool
whole(void)
{
	return begin(false) && part_of(1) && part_of(2) && part_of(3) && run(cf_storage_upload_seal(&op, &upload, &stat_));
}

static void
fresh(void)
{
	cf_storage_op_end(&op);
	cf_arena_reset(&arena);
	cf_storage_op_init(&op, &place, &arena);
	memset(&upload, 0, sizeof(upload));
}

/* fails runs the whole upload into an error. */
static void
fails(CfErrorKind kind, bool retryable, const char *title)
{
	fresh();
	ok(!whole() && op.err.kind == kind && op.err.retryable == retryable, "%s", title);
	if (op.err.kind != kind || op.err.retryable != retryable)
		note("%s %d: %s %s", cf_error_kind_name(op.err.kind), op.err.retryable, op.err.message, op.err.detail);
	ok(strstr(op.err.message, "SECRET") == NULL && strstr(op.err.detail, "SECRET") == NULL, "and tells no URI");
}

static void
goes_well(void)
{
	script(START, {308, "range: bytes=0-262143", NULL}, {308, "range: bytes=0-524287", NULL}, OBJECT);
	fresh();
	ok(whole(), "an object goes in three chunks");
	is_str(requests[0], "POST /upload/storage/v1/b/box/o?uploadType=resumable&name=k&ifGenerationMatch=0 ", "a session is begun, create-only");
	is_str(requests[1], "PUT session bytes 0-262143/524293", "the first");
	is_str(requests[2], "PUT session bytes 262144-524287/524293", "the second");
	is_str(requests[3], "PUT session bytes 524288-524292/524293", "and the last, when it is sealed");
	is_int(asked, 4, "and nothing else");
	is_str(upload.sealed_version, "7", "its version is told");
	ok(strstr(upload.handle, "SECRET") == NULL, "the URI is not in the handle: %s", upload.handle);
	ok(run(cf_storage_upload_commit(&op, &upload, &stat_)) && asked == 4, "the commit has nothing more to do");
}

static void
goes_on(void)
{
	script(START, {308, "range: bytes=0-99999", NULL}, {308, "range: bytes=0-262143", NULL}, {308, NULL, NULL});
	fresh();
	ok(begin(false) && part_of(1), "a chunk that is taken in part");
	is_str(requests[2], "PUT session bytes 100000-262143/524293", "is sent from there on");
	script(START, {0}, {308, "range: bytes=0-262143", NULL}, {0}, {308, NULL, NULL}, {308, "range: bytes=0-524287", NULL});
	fresh();
	ok(begin(false) && part_of(1), "an answer that was lost");
	is_str(requests[2], "PUT session bytes */524293", "is asked for");
	is_int(asked, 3, "and nothing is sent twice");
	script(START, {503, "retry-after: 0", NULL}, {308, NULL, NULL}, {308, "range: bytes=0-262143", NULL});
	fresh();
	ok(begin(false) && part_of(1), "after a 503 the store is asked");
	is_str(requests[3], "PUT session bytes 0-262143/524293", "and what it does not have is sent again");
	script(START, {308, "range: bytes=0-262143", NULL}, {308, "range: bytes=0-524287", NULL}, {0}, OBJECT);
	fresh();
	ok(whole(), "the object, when the last answer was lost");
	is_str(requests[4], "PUT session bytes */524293", "is what the question is answered with");
	script(START, {308, "range: bytes=0-262143", NULL}, {308, "range: bytes=0-524287", NULL}, {404, NULL, "gone"}, OBJECT);
	fresh();
	ok(whole(), "or is found, when the session is forgotten because it is done");
	script({412, NULL, NULL}, OBJECT, {204, NULL, NULL}, START);
	fresh();
	ok(begin(true), "what an earlier attempt of ours has sealed makes way");
	is_str(requests[2], "DELETE /storage/v1/b/box/o/k?ifGenerationMatch=7 ", "by its version");
}

static void
goes_wrong(void)
{
	script({200, NULL, NULL});
	fails(CF_ERR_IO, true, "no session");
	script({200, "location: https://evil.example/upload", NULL});
	fails(CF_ERR_IO, true, "a session that is none");
	script({412, NULL, NULL}, OBJECT);
	fails(CF_ERR_EXISTS, false, "an object that is there");
	script({403, NULL, "{}"});
	fails(CF_ERR_DENIED, false, "no right to write");
	script(START, {308, "range: bytes=0-99999999", NULL});
	fails(CF_ERR_STATE, true, "more bytes than were sent");
	script(START, {308, "range: bytes=0-262143", NULL}, {308, "range: bytes=0-5", NULL});
	fails(CF_ERR_STATE, true, "bytes that are lost");
	script(START, {308, "range: nonsense", NULL});
	fails(CF_ERR_STATE, true, "a range that is none");
	script(START, {410, NULL, NULL});
	fails(CF_ERR_STATE, true, "a session that was forgotten");
	script(START, {308, NULL, NULL}, {308, NULL, NULL}, {308, NULL, NULL}, {308, NULL, NULL}, {308, NULL, NULL}, {308, NULL, NULL}, {308, NULL, NULL}, {308, NULL, NULL});
	fails(CF_ERR_STATE, true, "a store that takes nothing");
	script(START, {0}, {0});
	fails(CF_ERR_IO, true, "no answer to a question");
	script(START, {200, NULL, "{}"}, {400, NULL, "{}"});
	fails(CF_ERR_INPUT, false, "an end before the end");
	script(START, {308, "range: bytes=0-262143", NULL}, {308, "range: bytes=0-524287", NULL}, {412, NULL, NULL}, {200, NULL,
		"{\"name\":\"k\",\"generation\":\"9\",\"size\":\"3\",\"crc32c\":\"AAAAAA==\",\"updated\":\"2026-01-01T00:00:00Z\",\"timeCreated\":\"2026-01-01T00:00:00Z\"}"});
	fails(CF_ERR_EXISTS, false, "somebody who was faster");
	script(START, {308, "range: bytes=0-262143", NULL}, {308, "range: bytes=0-524287", NULL}, {410, NULL, NULL}, MISSING);
	fails(CF_ERR_STATE, true, "a session that was forgotten at its end");
	script(START, {308, "range: bytes=0-262143", NULL}, {308, "range: bytes=0-524287", NULL}, {200, NULL,
		"{\"name\":\"k\",\"generation\":\"9\",\"size\":\"524293\",\"crc32c\":\"AAAAAA==\",\"updated\":\"2026-01-01T00:00:00Z\",\"timeCreated\":\"2026-01-01T00:00:00Z\"}"});
	fails(CF_ERR_IO, true, "another digest");
}

static void
uses(void)
{
	CfUploadArgs args = args_of(false);
	CfError		err;
	CfCaps		caps;

	script(START);
	fresh();
	ok(begin(false), "a session");
	ok(!part_of(2) && op.err.kind == CF_ERR_INPUT, "its parts come in order");
	fresh();
	snprintf(upload.handle, sizeof(upload.handle), "session/job-1/524293/262144");
	upload.args = args;
	ok(!part_of(1) && op.err.kind == CF_ERR_STATE && op.err.retryable, "a session of another process cannot be used");
	ok(!run(cf_storage_upload_seal(&op, &upload, &stat_)) && op.err.kind == CF_ERR_STATE, "nor sealed");
	script(MISSING);
	ok(run(cf_storage_upload_abort(&op, &upload)) && asked == 1, "aborting it looks whether it was done");
	script(START, {499, NULL, NULL}, MISSING);
	fresh();
	ok(begin(false) && run(cf_storage_upload_abort(&op, &upload)), "one of ours is cancelled");
	is_str(requests[1], "DELETE session ", "at the store");
	script(START);
	fresh();
	ok(begin(false) && part_of(1) == false, "no answer at all");
	fresh();
	args.part_bytes = UNIT + 1;
	ok(!run(cf_storage_upload_begin(&op, &args, &upload)) && op.err.kind == CF_ERR_INPUT && op.err.hint[0] != '\0', "parts are multiples of 256 KiB");
	cf_storage_caps(&place, &caps);
	ok(!caps.parallel_parts && caps.part_min_bytes == UNIT, "the place claims no parts side by side");
	options[0].value = "anyhow";
	ok(!cf_storage_place_check(&place, &err) && err.kind == CF_ERR_INPUT, "an option that is neither is refused");
	options[0].value = "compose";
	cf_storage_caps(&place, &caps);
	ok(cf_storage_place_check(&place, &err) && caps.parallel_parts, "compose is the default");
	options[0].value = "session";
}

int
main(void)
{
	uint32_t	crc;
	uint8_t		raw[4];
	char		text[CF_BASE64_BYTES(4)];

	bytes = malloc(SIZE);
	for (int i = 0; i < SIZE; i++)
		bytes[i] = (char) (i * 7 + i / 251);
	crc = cf_crc32c(0, bytes, SIZE);
	for (int i = 0; i < 4; i++)
		raw[i] = (uint8_t) (crc >> (24 - 8 * i));
	cf_base64_encode(raw, 4, text);
	snprintf(object_json, sizeof(object_json), "{\"name\":\"k\",\"generation\":\"7\",\"size\":\"%d\",\"crc32c\":\"%s\",\"metadata\":{\"cf_owner_tag\":\"job-1\"},"
			 "\"updated\":\"2026-01-01T00:00:00Z\",\"timeCreated\":\"2026-01-01T00:00:00Z\"}", SIZE, text);
	place = (CfPlace) {.name = "p", .provider = "GCP", .bucket = "box", .region = "", .endpoint = "", .prefix = "", .storage_class = "",
		.options = options, .option_count = 2, .driver = &cf_storage_gcs_driver};
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&op, &place, &arena);
	goes_well();
	goes_on();
	goes_wrong();
	uses();
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	free(bytes);
	return done_testing();
}
