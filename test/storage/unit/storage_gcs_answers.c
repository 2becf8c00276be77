/*
 * storage_gcs_answers.c: what the driver of Google Cloud Storage asks for, to the letter, and what it makes of answers, good
 * and bad: each operation with canned ones.
 */
/* Most answers have no header and no sink. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#include "harness/tap.h"
#include "storage/unit/storage_gcs_store.h"

static CfArena arena;
static CfOp op;

typedef struct Canned
{
	const char *line;			/* "METHOD path?query" that must be asked for; NULL = any */
	int			status;
	const char *body;
	const char *header;			/* "name: value", one */
	int			sends;			/* 0 = 1 */
	const char *sink;			/* bytes that come */
} Canned;

static const Canned *script;
static int	script_at;

static void
canned_send(CfOp *o)
{
	const Canned *canned = &script[script_at++];
	static char name[64];
	char		line[4096];

	if (canned->status == 0 && canned->body == NULL && canned->line == NULL)
		bail("more requests than were expected: %s", o->request.url);
	snprintf(line, sizeof(line), "%s %s", o->request.method, o->request.url + strlen(STORE_ENDPOINT));
	if (canned->line != NULL)
		is_str(line, canned->line, "it asks for that");
	o->response = (CfResponse) {.status = canned->status, .body = canned->body == NULL ? "" : canned->body,
		.body_bytes = canned->body == NULL ? 0 : strlen(canned->body), .sends = canned->sends == 0 ? 1 : canned->sends};
	if (canned->header != NULL)
	{
		snprintf(name, sizeof(name), "%.*s", (int) strcspn(canned->header, ":"), canned->header);
		o->response.headers[o->response.header_count++] = (CfHeader) {name, strchr(canned->header, ':') + 2};
	}
	if (canned->sink != NULL)
	{
		o->response.sink_bytes = strlen(canned->sink);
		memcpy(o->request.sink, canned->sink, o->response.sink_bytes);
	}
}

static CfStep
drive_step(CfStep step)
{
	if (step == CF_STEP_SEND)
		canned_send(&op);
	return step;
}

#define play(list, call) __extension__ ({ CfStep step_; script = (list); script_at = 0; \
		memset(&op.err, 0, sizeof(op.err)); \
		do step_ = drive_step(call); while (step_ == CF_STEP_SEND || step_ == CF_STEP_AGAIN); \
		step_; })
#define fails_as(k, list, call, ...) __extension__ ({ CfStep got_ = play(list, call); \
		ok(got_ == CF_STEP_ERROR && op.err.kind == (k), __VA_ARGS__); \
		if (got_ != CF_STEP_ERROR || op.err.kind != (k)) \
			note("  %d %s: %s", got_, cf_error_kind_name(op.err.kind), op.err.message); })

#define FIELDS "name,size,generation,crc32c,md5Hash,storageClass,contentType,timeCreated,updated,metageneration," \
	"cacheControl,contentDisposition,contentEncoding,contentLanguage,customTime,metadata"
#define OBJECT(generation, more) "{\"name\":\"k\",\"size\":\"3\",\"generation\":\"" generation "\",\"crc32c\":\"Nks/tw==\"" more "}"
#define ERROR(code, reason, message) "{\"error\":{\"code\":" code ",\"message\":\"" message "\",\"errors\":[{\"reason\":\"" reason "\"}]}}"
#define NO_BUCKET ERROR("404", "notFound", "The specified bucket does not exist.")

static void
statting(void)
{
	static const Canned good[] = {{"GET /storage/v1/b/bucket/o/a%2F%20%C3%A4%2F..%2Fb?fields=" FIELDS, 200,
	OBJECT("42", ",\"md5Hash\":\"kAFQmDzST7DWlj99KOF/cg==\",\"storageClass\":\"NEARLINE\",\"contentType\":\"text/plain\","
		   "\"timeCreated\":\"2026-03-01T12:00:00.25Z\",\"cacheControl\":\"no-store\",\"metadata\":{\"Colour\":\"bl\\nue\","
		   "\"cf_file_id\":\"f\",\"a=b\":\"x\"}")}};
	static const Canned bare[] = {{NULL, 200, OBJECT("42", ",\"crc32c\":\"AAAAAAAA\"")}, {NULL, 200,
	"{\"size\":\"3\",\"generation\":\"42\",\"crc32c\":\"AAAAAAAA\",\"md5Hash\":\"AA==\",\"timeCreated\":\"2026-13-01T12:00:00Z\","
	"\"updated\":\"yesterday\",\"contentType\":7}"}};
	static const Canned bad[][2] = {{{NULL, 200, "{\"size\":\"3\"}"}}, {{NULL, 200, "{\"size\":\"-3\",\"generation\":\"1\"}"}},
	{{NULL, 200, "{\"size\":3,\"generation\":\"1\"}"}}, {{NULL, 200, "{\"size\":\"3\",\"generation\":\"0\"}"}},
	{{NULL, 200, "{\"size\":\"9999999999999999999\",\"generation\":\"1\"}"}}, {{NULL, 200, "[]"}}, {{NULL, 200, ""}},
	{{NULL, 200, "<html>"}}, {{NULL, 503, "<html>"}}, {{NULL, 500, NULL}}};
	CfObjectStat stat;

	note("stat");
	ok(play(good, cf_storage_stat(&op, "a/ \xc3\xa4/../b", &stat)) == CF_STEP_DONE, "an object is looked at");
	is_str(stat.version, "42", "its version is the generation");
	is_int(stat.size_bytes, 3, "it has a size");
	is_int(stat.mtime_us, INT64_C(1772366400250000), "and a time, of when its bytes were written");
	ok(stat.digests.known == (CF_DIGEST_CRC32C | CF_DIGEST_MD5) && stat.digests.crc32c == 0x364b3fb7, "and digests");
	is_str(stat.storage_class, "NEARLINE", "a class");
	is_str(stat.attributes.cache_control, "no-store", "headers");
	is_str(stat.attributes.metadata, "Colour=bl ue\ncf_file_id=f\n", "and metadata, as far as a header could hold them");
	ok(play(&bare[1], cf_storage_stat(&op, "k", &stat)) == CF_STEP_DONE && stat.digests.known == 0 && stat.mtime_us == 0 &&
	   stat.content_type[0] == '\0', "what is no digest, time or text is left out");
	fails_as(CF_ERR_IO, bare, cf_storage_stat(&op, "k", &stat), "an answer that says two things is not read");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		fails_as(CF_ERR_IO, bad[i], cf_storage_stat(&op, "k", &stat), "%d %s is no object", bad[i][0].status,
				 bad[i][0].body == NULL ? "" : bad[i][0].body);
		ok(op.err.retryable && op.phase == 0, "later may be better");
	}
}

static void
errors(void)
{
	static const struct
	{
		Canned		canned[2];
		CfErrorKind kind;
		bool		retryable;
		const char *told;		/* of message|detail */
	}			cases[] = {
		{{{NULL, 400, ERROR("400", "required", "Bucket is a requester pays bucket"), "x-guploader-uploadid: r-1"}}, CF_ERR_INPUT, false,
		"HTTP 400 required|Bucket is a requester pays bucket. The store's id of the request is r-1."},
		{{{NULL, 401, ERROR("401", "authError", "Invalid Credentials")}}, CF_ERR_DENIED, false, "401 authError"},
		{{{NULL, 403, ERROR("403", "forbidden", "no \\u001b access")}}, CF_ERR_DENIED, false, "403 forbidden|no \\x1b access."},
		{{{NULL, 404, ERROR("404", "notFound", "No such object")}}, CF_ERR_NOT_FOUND, false, "is not in place \"here\"|No such object."},
		{{{NULL, 404, NO_BUCKET}}, CF_ERR_NOT_FOUND, false, "bucket does not exist"},
		{{{NULL, 404, "The specified bucket does not exist."}}, CF_ERR_NOT_FOUND, false, "HTTP 404"},
		{{{NULL, 408, NULL}}, CF_ERR_IO, true, "408"},
		{{{NULL, 409, NULL}}, CF_ERR_BUSY, true, "409"},
		{{{NULL, 418, NULL}}, CF_ERR_UNSUPPORTED, false, "418"},
		{{{NULL, 429, ERROR("429", "rateLimitExceeded", "slow down")}}, CF_ERR_BUSY, true, "429 rateLimitExceeded"},
		{{{NULL, 503, "\xff\xfe"}}, CF_ERR_IO, true, "503"},
	};
	static const struct
	{
		int			status;
		const char *body;
		bool		truncated;
		CfNetVerdict verdict;
	}			verdicts[] = {
		{200, "", false, CF_NET_FINAL}, {200, "", true, CF_NET_RETRY}, {206, "", false, CF_NET_FINAL},
		{401, "", false, CF_NET_REAUTHENTICATE}, {403, "", false, CF_NET_FINAL},
		{403, ERROR("403", "userRateLimitExceeded", "x"), false, CF_NET_SLOW_DOWN},
		{403, ERROR("403", "forbidden", "rateLimitExceeded"), false, CF_NET_FINAL}, {404, "", false, CF_NET_FINAL},
		{408, "", false, CF_NET_RETRY}, {412, "", false, CF_NET_FINAL}, {429, "", false, CF_NET_SLOW_DOWN},
		{500, "", false, CF_NET_RETRY}, {502, "", false, CF_NET_RETRY}, {503, "", false, CF_NET_RETRY},
		{504, "", false, CF_NET_RETRY}, {501, "", false, CF_NET_FINAL}, {0, "", false, CF_NET_FINAL}};
	static const Canned silence[] = {{NULL, 0, ""}};
	CfObjectStat stat;

	note("errors");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int			status = cases[i].canned[0].status;
		char		told[2100];

		fails_as(cases[i].kind, cases[i].canned, cf_storage_stat(&op, "k\x01\x7f", &stat), "%d is of that kind", status);
		snprintf(told, sizeof(told), "%s|%s", op.err.message, op.err.detail);
		ok(op.err.retryable == cases[i].retryable && strstr(told, cases[i].told) != NULL,
		   "with what the store said, and whether to try again");
		if (strstr(told, cases[i].told) == NULL)
			note("  %s", told);
		ok(strstr(op.err.message, "\"here\"") != NULL && strchr(op.err.message, '\x01') == NULL, "it names the place, in print");
	}
	store_place.credentials = NULL;
	store_place_token.expires_us = 77;
	fails_as(CF_ERR_DENIED, cases[1].canned, cf_storage_stat(&op, "k", &stat), "a token that has expired");
	ok(store_place_token.expires_us == 0 && op.err.retryable, "is renewed by who tries again");
	store_place.credentials = &store_credentials;
	fails_as(CF_ERR_IO, silence, cf_storage_stat(&op, "k", &stat), "no answer is an error too");
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
	{
		CfResponse	response = {.status = verdicts[i].status, .body = verdicts[i].body, .truncated = verdicts[i].truncated,
			.body_bytes = strlen(verdicts[i].body)};

		is_int(cf_gcs_classify(&op.request, &response, &op), verdicts[i].verdict, "the verdict on %d", verdicts[i].status);
	}
}

#define MEDIA(range, generation) "GET /storage/v1/b/bucket/o/k?alt=media&generation=" generation "&ifGenerationMatch=" generation
#define LOOK "GET /storage/v1/b/bucket/o/k?fields=" FIELDS

static void
reading(void)
{
	static const Canned whole[] = {{MEDIA("0-7", "42"), 206, "", "content-range: bytes 0-2/3", 0, "abc"}};
	static const Canned wrong[][3] = {
		{{NULL, 206, "", "content-range: bytes 1-3/4", 0, "abc"}},	/* another range */
		{{NULL, 206, "", "content-range: bytes 0-2/2", 0, "abc"}},	/* beyond its own end */
		{{NULL, 206, "", "content-range: bytes 0-2/9", 0, "abc"}},	/* less than there is */
		{{NULL, 206, "", "content-range: bytes 0-1/3", 0, "abc"}},	/* more than it says */
		{{NULL, 206, "", "content-range: bytes */3", 0, "abc"}},
		{{NULL, 206, "", "content-range: chars 0-2/3", 0, "abc"}},
		{{NULL, 206, "", "content-range: bytes 2-0/3", 0, "abc"}},
		{{NULL, 206, "", NULL, 0, "abc"}},
	};
	static const Canned other_generation[] = {{NULL, 206, "", "x-goog-generation: 43", 0, "abc"}};
	static const Canned decompressed[] = {{NULL, 200, "", NULL, 0, "abc"}};
	static const Canned changed[] = {{NULL, 412, ""}, {LOOK, 200, OBJECT("43", "")}};
	static const Canned replaced[] = {{NULL, 404, "No such object: bucket/k"}, {LOOK, 200, OBJECT("43", "")}};
	static const Canned gone[] = {{NULL, 404, "No such object: bucket/k"}, {LOOK, 404, ERROR("404", "notFound", "No such object")}};
	static const Canned no_bucket[] = {{NULL, 404, "The specified bucket does not exist."}};
	static const Canned odd[] = {{NULL, 416, ""}, {LOOK, 200, OBJECT("42", "")}};
	static const Canned empty[] = {{NULL, 416, ""}, {LOOK, 200, "{\"size\":\"0\",\"generation\":\"42\"}"}};
	static const Canned beyond[] = {{NULL, 416, ""}, {LOOK, 200, OBJECT("42", "")}};
	static const Canned unreadable[] = {{NULL, 416, ""}, {LOOK, 200, "{}"}};
	static const Canned unpinned[] = {{LOOK, 200, OBJECT("42", "")}, {MEDIA("0-7", "42"), 206, "", "content-range: bytes 0-2/3", 0, "abc"}};
	static const Canned nothing[] = {{LOOK, 200, OBJECT("42", "")}};
	static const Canned spoilt[] = {{NULL, 206, "", NULL, 0, "abd"}};
	char		buffer[9] = "";
	CfChunk		chunk = {.data = buffer, .capacity = 8};
	CfReadArgs	args = {.key = "k", .version = "42", .length = -1};
	const char *range = NULL;

	note("read");
	ok(play(whole, cf_storage_read(&op, &args, &chunk)) == CF_STEP_DONE && chunk.length == 3, "a small object is one request");
	for (int i = 0; i < op.request.header_count; i++)
		range = strcmp(op.request.headers[i].name, "Range") == 0 ? op.request.headers[i].value : range;
	is_str(range, "bytes=0-7", "for as much as there is room");
	is_str(op.request.headers[1].name, "Accept-Encoding", "and the bytes as they are stored");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		fails_as(CF_ERR_IO, wrong[i], cf_storage_read(&op, &args, &chunk), "\"%s\" is not what was asked for",
				 wrong[i][0].header == NULL ? "" : wrong[i][0].header);
	fails_as(CF_ERR_CHANGED, other_generation, cf_storage_read(&op, &args, &chunk), "bytes of another generation are not taken");
	fails_as(CF_ERR_UNSUPPORTED, decompressed, cf_storage_read(&op, &args, &chunk), "nor a whole object where a range was asked for");
	fails_as(CF_ERR_CHANGED, changed, cf_storage_read(&op, &args, &chunk), "a condition that does not hold is a change");
	fails_as(CF_ERR_CHANGED, replaced, cf_storage_read(&op, &args, &chunk), "a generation that is gone too, if there is another");
	fails_as(CF_ERR_NOT_FOUND, gone, cf_storage_read(&op, &args, &chunk), "else the object is gone");
	fails_as(CF_ERR_NOT_FOUND, no_bucket, cf_storage_read(&op, &args, &chunk), "or the bucket is");
	ok(strstr(op.err.message, "\"k\"") == NULL, "which is told as such");
	fails_as(CF_ERR_IO, odd, cf_storage_read(&op, &args, &chunk), "a range that exists is not refused twice");
	fails_as(CF_ERR_IO, unreadable, cf_storage_read(&op, &args, &chunk), "what cannot be read is not taken for the end");
	ok(play(empty, cf_storage_read(&op, &args, &chunk)) == CF_STEP_DONE && chunk.length == 0, "an empty object has no range");
	args.offset = 4;
	fails_as(CF_ERR_INPUT, beyond, cf_storage_read(&op, &args, &chunk), "beyond the end nothing is read");
	args = (CfReadArgs) {.key = "k", .version = "", .length = -1};
	ok(play(unpinned, cf_storage_read(&op, &args, &chunk)) == CF_STEP_DONE, "without a version, what is there becomes it");
	args.length = 0;
	ok(play(nothing, cf_storage_read(&op, &args, &chunk)) == CF_STEP_DONE, "no byte at all is a look");
	args.length = -1;
	args.version = "42";
	script = spoilt;
	script_at = 0;
	ok(cf_storage_read(&op, &args, &chunk) == CF_STEP_SEND, "a read is under way");
	canned_send(&op);
	op.response.headers[0] = (CfHeader) {"content-range", "bytes 0-2/3"};
	op.response.headers[1] = (CfHeader) {"x-goog-hash", "md5=x"};
	op.response.headers[2] = (CfHeader) {"x-goog-hash", "crc32c=Nks/tw=="};
	op.response.header_count = 3;
	chunk.length = 0;
	ok(cf_storage_read(&op, &args, &chunk) == CF_STEP_ERROR && op.err.kind == CF_ERR_IO && chunk.length == 0,
	   "bytes with another checksum than the object's are refused");
}

#define INSERT "POST /upload/storage/v1/b/bucket/o?uploadType=multipart&name=k&ifGenerationMatch=0&fields=" FIELDS

static void
putting(void)
{
	static const Canned good[] = {{INSERT, 200, OBJECT("42", "")}};
	static const Canned other_crc[] = {{NULL, 200, "{\"size\":\"3\",\"generation\":\"1\",\"crc32c\":\"AAAAAA==\"}"}};
	static const Canned no_crc[] = {{NULL, 200, "{\"size\":\"3\",\"generation\":\"1\"}"}};
	static const Canned other_size[] = {{NULL, 200, "{\"size\":\"4\",\"generation\":\"1\",\"crc32c\":\"Nks/tw==\"}"}};
	static const Canned error_in_200[] = {{NULL, 200, ERROR("503", "backendError", "x")}};
	static const Canned taken[] = {{NULL, 412, ""}, {LOOK, 200, OBJECT("9", "")}};
	static const Canned ours[] = {{NULL, 412, "", NULL, 2}, {LOOK, 200, OBJECT("9", ",\"metadata\":{\"cf_owner_tag\":\"t-1\"}")}};
	static const Canned nearly[] = {{NULL, 412, "", NULL, 2}, {LOOK, 200, OBJECT("9", ",\"metadata\":{\"cf_owner_tag\":\"t-11\"}")}};
	static const Canned vanished[] = {{NULL, 412, ""}, {LOOK, 404, ""}};
	static const Canned unknown[] = {{NULL, 412, ""}, {LOOK, 403, ""}};
	static const Canned denied[] = {{NULL, 403, ""}};
	static const Canned never[] = {{NULL, 0, NULL}};
	CfUploadArgs args = {.key = "k", .owner_tag = "t-1", .size_bytes = 3, .content_type = "text/html", .storage_class = "COLDLINE",
	.metadata = "cf_file_id=f\nbroken\n=x\n", .attributes = {.metadata = "a=b=c\ncf_x=1", .cache_control = "private"}};
	static const char want[] = "--cloudflux-00000000\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
		"{\"metadata\":{\"cf_file_id\":\"f\",\"a\":\"b=c\",\"cf_owner_tag\":\"t-1\"},\"contentType\":\"text/html\","
		"\"cacheControl\":\"private\",\"storageClass\":\"COLDLINE\",\"crc32c\":\"Nks/tw==\"}\r\n--cloudflux-00000000\r\n"
		"Content-Type: text/html\r\n\r\nabc\r\n--cloudflux-00000000--\r\n";
	CfObjectStat stat;
	char		large[64] = "x cloudflux-00000000 y";
	char	   *huge;

	note("put");
	ok(play(good, cf_storage_put(&op, &args, "abc", 3, &stat)) == CF_STEP_DONE, "an object is created");
	ok(op.request.body_bytes == strlen(want) && memcmp(op.request.body, want, strlen(want)) == 0, "by exactly this body");
	is_str(stat.version, "42", "and its generation told");
	is_int(op.request.repeat, CF_NET_REPEAT_CONDITIONAL, "it may be sent again");
	fails_as(CF_ERR_IO, other_crc, cf_storage_put(&op, &args, "abc", 3, &stat), "another checksum is not ours");
	fails_as(CF_ERR_IO, no_crc, cf_storage_put(&op, &args, "abc", 3, &stat), "none is not enough");
	fails_as(CF_ERR_IO, other_size, cf_storage_put(&op, &args, "abc", 3, &stat), "another size neither");
	fails_as(CF_ERR_IO, error_in_200, cf_storage_put(&op, &args, "abc", 3, &stat), "nor an error inside a 200");
	fails_as(CF_ERR_EXISTS, taken, cf_storage_put(&op, &args, "abc", 3, &stat), "somebody is there already");
	ok(play(ours, cf_storage_put(&op, &args, "abc", 3, &stat)) == CF_STEP_DONE && strcmp(stat.version, "9") == 0,
	   "unless it is our own, whose answer was lost");
	fails_as(CF_ERR_EXISTS, nearly, cf_storage_put(&op, &args, "abc", 3, &stat), "a tag that only begins like ours is not ours");
	fails_as(CF_ERR_BUSY, vanished, cf_storage_put(&op, &args, "abc", 3, &stat), "who was there may have gone");
	fails_as(CF_ERR_DENIED, unknown, cf_storage_put(&op, &args, "abc", 3, &stat), "or may not be looked at");
	fails_as(CF_ERR_DENIED, denied, cf_storage_put(&op, &args, "abc", 3, &stat), "a denial is one");
	args.size_bytes = strlen(large);
	ok(play(other_crc, cf_storage_put(&op, &args, large, strlen(large), &stat)) == CF_STEP_ERROR &&
	   memmem(op.request.body, op.request.body_bytes, "\r\n--cloudflux-00000001--", 24) != NULL,
	   "a boundary that the bytes hold is not used");
	args.metadata = "cf_a=\xff\n";
	fails_as(CF_ERR_INPUT, never, cf_storage_put(&op, &args, large, strlen(large), &stat), "metadata are UTF-8");
	huge = malloc(70000);
	memset(huge, 'h', 69999);
	huge[69999] = '\0';
	args.metadata = "";
	args.content_type = huge;
	fails_as(CF_ERR_RANGE, never, cf_storage_put(&op, &args, large, strlen(large), &stat), "and not too large");
	free(huge);
	args.content_type = "text/html\r\nX: y";
	ok(play(other_crc, cf_storage_put(&op, &args, large, strlen(large), &stat)) == CF_STEP_ERROR &&
	   memmem(op.request.body, op.request.body_bytes, "\r\nX: y", 6) == NULL, "a content type is not two headers");
	huge = calloc(1, CF_GCS_PUT_MAX + 1);
	args.size_bytes = CF_GCS_PUT_MAX + 1;
	fails_as(CF_ERR_RANGE, never, cf_storage_put(&op, &args, huge, CF_GCS_PUT_MAX + 1, &stat), "what is too large for one request is refused");
	free(huge);
}

static void
removing(void)
{
	static const Canned wrapped[] = {{NULL, 200, "{\"error\":{\"code\":503,\"message\":\"Backend Error\"}}"}};
	static const Canned good[] = {{"DELETE /storage/v1/b/bucket/o/k?ifGenerationMatch=42", 204, ""}};
	static const Canned gone[] = {{NULL, 404, ERROR("404", "notFound", "No such object")}};
	static const Canned no_bucket[] = {{NULL, 404, NO_BUCKET}};
	static const Canned changed[] = {{NULL, 412, ""}, {LOOK, 200, OBJECT("43", "")}};
	static const Canned gone_meanwhile[] = {{NULL, 412, ""}, {LOOK, 404, ""}};
	static const Canned stubborn[] = {{NULL, 412, ""}, {LOOK, 200, OBJECT("42", "")}};
	static const Canned unreadable[] = {{NULL, 412, ""}, {LOOK, 200, "{}"}};
	static const Canned hidden[] = {{NULL, 412, ""}, {LOOK, 403, ""}};
	static const Canned foreign[] = {{LOOK, 200, OBJECT("43", "")}};
	static const char *const reasons[] = {
		ERROR("403", "retentionPolicyNotMet", "Object 'bucket/k' is subject to bucket's retention policy"),
		ERROR("403", "forbidden", "Object 'bucket/k' is under active Temporary hold and cannot be deleted"),
	ERROR("403", "objectUnderActiveHold", "")};
	static const Canned denied[] = {{NULL, 403, ERROR("403", "forbidden", "x does not have storage.objects.delete access")}};
	CfRemoved	removed;

	note("remove");
	ok(play(good, cf_storage_remove(&op, "k", "42", "t", &removed)) == CF_STEP_DONE && removed == CF_REMOVED_DELETED, "the pinned one goes");
	fails_as(CF_ERR_IO, wrapped, cf_storage_remove(&op, "k", "42", "t", &removed), "an error inside a success is no removal");
	ok(play(gone, cf_storage_remove(&op, "k", "42", "t", &removed)) == CF_STEP_DONE && removed == CF_REMOVED_GONE, "it may be gone");
	fails_as(CF_ERR_NOT_FOUND, no_bucket, cf_storage_remove(&op, "k", "42", "t", &removed), "but not with its bucket");
	ok(play(changed, cf_storage_remove(&op, "k", "42", "t", &removed)) == CF_STEP_DONE && removed == CF_REMOVED_CHANGED, "another stays");
	ok(play(gone_meanwhile, cf_storage_remove(&op, "k", "42", "t", &removed)) == CF_STEP_DONE && removed == CF_REMOVED_GONE,
	   "a condition on nothing is about something gone");
	fails_as(CF_ERR_IO, stubborn, cf_storage_remove(&op, "k", "42", "t", &removed), "a refusal without a reason is an error");
	fails_as(CF_ERR_IO, unreadable, cf_storage_remove(&op, "k", "42", "t", &removed), "what cannot be read decides nothing");
	fails_as(CF_ERR_DENIED, hidden, cf_storage_remove(&op, "k", "42", "t", &removed), "nor what cannot be looked at");
	ok(play(foreign, cf_storage_remove(&op, "k", "1:2:3", "t", &removed)) == CF_STEP_DONE && removed == CF_REMOVED_CHANGED,
	   "a version that is none of Google's is another");
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
	{
		Canned		held[] = {{NULL, 403, reasons[i]}};

		ok(play(held, cf_storage_remove(&op, "k", "42", "t", &removed)) == CF_STEP_DONE && removed == CF_REMOVED_KEPT &&
		   op.err.message[0] != '\0', "what is held is kept: %s", op.err.message);
	}
	fails_as(CF_ERR_DENIED, denied, cf_storage_remove(&op, "k", "42", "t", &removed), "who may not remove is denied");
}

static void
listing(void)
{
	static const Canned good[] = {{"GET /storage/v1/b/bucket/o?maxResults=1000&fields=items(name,size,generation,crc32c,md5Hash,"
		"storageClass,contentType,timeCreated,updated),nextPageToken&prefix=a%2F&pageToken=n%2Fx", 200,
	"{\"items\":[{\"name\":\"a/1\",\"size\":\"1\",\"generation\":\"5\"},{\"name\":\"a/2\",\"size\":\"x\",\"generation\":\"5\"},"
	"{\"name\":\".cloudflux/parts/t/0-00000001\",\"size\":\"1\",\"generation\":\"5\"},{\"size\":\"1\"},7],\"nextPageToken\":\"\xc3\xa4 b\"}"}};
	static const Canned empty[] = {{NULL, 200, "{}"}};
	static const Canned bad[] = {{NULL, 200, "{\"items\":"}};
	static const Canned wrapped[] = {{NULL, 200, "{\"error\":{\"code\":503,\"message\":\"Backend Error\"}}"}};
	static const Canned denied[] = {{NULL, 403, ""}};
	static const Canned never[] = {{NULL, 0, NULL}};
	static const Canned stale[] = {{"GET /storage/v1/b/bucket/o?prefix=.cloudflux%2Fparts%2F&startOffset=.cloudflux%2Fparts%2Fb&"
		"maxResults=1000&fields=items(name,size,updated),nextPageToken", 200, "{\"items\":["
		"{\"name\":\".cloudflux/parts/b/0-00000001\",\"size\":\"5\",\"updated\":\"2026-01-01T00:00:00Z\"},"
		"{\"name\":\".cloudflux/parts/no_tag/x\"},{\"name\":\".cloudflux/parts/b\"}],\"nextPageToken\":\"t\"}"},
	{NULL, 200, "{\"items\":[{\"name\":\".cloudflux/parts/b/0-00000002\",\"size\":\"6\",\"updated\":\"2026-01-03T00:00:00Z\"},"
		"{\"name\":\".cloudflux/parts/c/0-00000001\",\"size\":\"7\",\"updated\":\"2026-01-09T00:00:00Z\"}]}"}};
	CfListPage	page;
	CfStalePage uploads;

	note("list");
	ok(play(good, cf_storage_list(&op, "a/", "n%2Fx", 10000, &page)) == CF_STEP_DONE && page.count == 1 && page.unreadable == 1,
	   "objects are listed, what cannot be read is counted, what is private left out");
	is_str(page.entries[0].key, "a/1", "by key");
	is_str(page.next, "%C3%A4%20b", "and the token of the next page is printable");
	ok(play(empty, cf_storage_list(&op, "", NULL, 5, &page)) == CF_STEP_DONE && page.count == 0 && page.next == NULL, "there may be none");
	fails_as(CF_ERR_IO, bad, cf_storage_list(&op, "", NULL, 5, &page), "an answer that is cut is none");
	fails_as(CF_ERR_IO, wrapped, cf_storage_list(&op, "", NULL, 5, &page), "an error inside a success is no empty listing");
	fails_as(CF_ERR_DENIED, denied, cf_storage_list(&op, "", NULL, 5, &page), "who may not list is told");
	fails_as(CF_ERR_INPUT, never, cf_storage_list(&op, "", "a&b=c", 5, &page), "a token is not trusted");
	ok(play(stale, cf_storage_uploads_find(&op, INT64_C(1767571200000000), "b", &uploads)) == CF_STEP_DONE && uploads.count == 1,
	   "uploads that were written to lately are not stale");
	is_str(uploads.uploads[0].handle, "parts/b/0/0", "others are, over two pages");
	ok(uploads.uploads[0].size_bytes == 11 && uploads.uploads[0].started_us == INT64_C(1767225600000000), "with size and time");
	fails_as(CF_ERR_DENIED, denied, cf_storage_uploads_find(&op, INT64_MAX, NULL, &uploads), "if they can be listed");
	fails_as(CF_ERR_IO, bad, cf_storage_uploads_find(&op, INT64_MAX, NULL, &uploads), "and read");
}

static void
pages_of_uploads(void)
{
	CfStalePage page;
	char		name[64];
	char		token[64] = "";
	int			found = 0;
	int			pages = 0;
	CfStep		step;

	store_reset();
	for (int i = 0; i < 250; i++)
	{
		snprintf(name, sizeof(name), ".cloudflux/parts/tag-%03d/0-00000001", i);
		store_put(name, "x");
	}
	do
	{
		while ((step = cf_storage_uploads_find(&op, INT64_MAX, pages == 0 ? NULL : token, &page)) == CF_STEP_SEND)
			store_send(&op);
		found += page.count;
		pages++;
		snprintf(token, sizeof(token), "%s", page.next == NULL ? "" : page.next);
	} while (step == CF_STEP_DONE && page.next != NULL && pages < 10);
	ok(step == CF_STEP_DONE && found == 250 && pages == 3, "250 unfinished uploads are found on three pages");
	store_reset();
}

static void
uploading(void)
{
	static const Canned never[] = {{NULL, 0, NULL}};
	static const Canned denied[] = {{NULL, 403, ""}};
	static const Canned gone[] = {{NULL, 404, ERROR("404", "notFound", "x")}};
	static const Canned no_bucket[] = {{NULL, 404, NO_BUCKET}};
	static const Canned none[] = {{"GET /storage/v1/b/bucket/o?prefix=.cloudflux%2Fparts%2Ft-1%2F&maxResults=1000&"
	"fields=items(name,size,generation,crc32c),nextPageToken", 200, "{}"}, {LOOK, 404, ""}};
	static const Canned part_busy[] = {{NULL, 412, ""}, {NULL, 404, ""}, {NULL, 412, ""}, {NULL, 404, ""}, {NULL, 412, ""},
	{NULL, 404, ""}, {NULL, 412, ""}};
	static const Canned part_hidden[] = {{NULL, 412, ""}, {NULL, 403, ""}};
	static const Canned part_odd[] = {{NULL, 412, ""}, {NULL, 200, "{}"}};
	static const Canned back[] = {{"GET /storage/v1/b/bucket/o/.cloudflux%2Fparts%2Ft-1%2F0-00000002?alt=media", 206, "",
	"content-range: bytes 1-2/3", 0, "bc"}};
	static const Canned back_wrong[] = {{NULL, 206, "", "content-range: bytes 0-1/3", 0, "ab"}};
	static const char *const handles[] = {"x", "put/", "put/a_b", "parts/t", "parts/t/", "parts/t/1", "parts/t/1/x", "parts/t/-1/2",
		"parts/t/1/2/3", "done/t/1", "put/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	CfUploadArgs args = {.key = "k", .owner_tag = "t-1", .size_bytes = 6, .part_bytes = 3, .content_type = "", .storage_class = "",
	.metadata = ""};
	CfPart		part = {.number = 1, .length = 3};
	CfUpload	upload;
	CfObjectStat stat;
	char		buffer[8];
	CfChunk		chunk = {.data = buffer, .capacity = 8};

	note("uploads");
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
	{
		upload = (CfUpload) {.args = args};
		snprintf(upload.handle, sizeof(upload.handle), "%s", handles[i]);
		fails_as(CF_ERR_INPUT, never, cf_storage_upload_commit(&op, &upload, &stat), "\"%.20s\" is no handle", handles[i]);
	}
	ok(play(gone, cf_storage_upload_begin(&op, &args, &upload)) == CF_STEP_DONE, "an upload in parts begins");
	is_str(upload.handle, "parts/t-1/6/3", "its handle tells all");
	fails_as(CF_ERR_NOT_FOUND, no_bucket, cf_storage_upload_begin(&op, &args, &upload), "not without its bucket");
	fails_as(CF_ERR_DENIED, denied, cf_storage_upload_begin(&op, &args, &upload), "nor where nobody may look");
	args.resume = true;
	fails_as(CF_ERR_DENIED, denied, cf_storage_upload_begin(&op, &args, &upload), "or list");
	args.part_bytes = 0;
	args.size_bytes = CF_GCS_PUT_MAX + 1;
	fails_as(CF_ERR_INPUT, never, cf_storage_upload_begin(&op, &args, &upload), "a large object has parts");
	args.part_bytes = 100;
	args.size_bytes = 100 * CF_GCS_PARTS_MAX + 1;
	fails_as(CF_ERR_INPUT, never, cf_storage_upload_begin(&op, &args, &upload), "and not too many");
	upload = (CfUpload) {.args = {.key = "k", .owner_tag = "t-1", .size_bytes = 6, .part_bytes = 3, .metadata = ""},
		.handle = "parts/t-1/6/3"};
	part.offset = 1;
	fails_as(CF_ERR_INPUT, never, cf_storage_upload_part(&op, &upload, &part, "abc", 3), "a part lies where its number says");
	part.offset = 0;
	fails_as(CF_ERR_INPUT, never, cf_storage_upload_part(&op, &upload, &part, "abcd", 4), "and gets no more than it has");
	ok(cf_storage_upload_part(&op, &upload, &part, "ab", 2) == CF_STEP_AGAIN, "it may come in pieces");
	fails_as(CF_ERR_INPUT, never, cf_storage_upload_part(&op, &upload, &part, "cd", 2), "that fit");
	fails_as(CF_ERR_CHANGED, part_busy, cf_storage_upload_part(&op, &upload, &part, "abc", 3), "who comes and goes is not fought with for ever");
	fails_as(CF_ERR_DENIED, part_hidden, cf_storage_upload_part(&op, &upload, &part, "abc", 3), "a part that may not be looked at stays");
	fails_as(CF_ERR_IO, part_odd, cf_storage_upload_part(&op, &upload, &part, "abc", 3), "so does one that cannot be read");
	ok(play(back, cf_storage_upload_read(&op, &upload, 4, &chunk)) == CF_STEP_DONE && chunk.length == 2, "a part is read back");
	ok(play(gone, cf_storage_upload_read(&op, &upload, 4, &chunk)) == CF_STEP_DONE && chunk.length == 0, "or is not there");
	fails_as(CF_ERR_IO, back_wrong, cf_storage_upload_read(&op, &upload, 4, &chunk), "another range is not taken");
	fails_as(CF_ERR_DENIED, denied, cf_storage_upload_read(&op, &upload, 4, &chunk), "a denial is one");
	fails_as(CF_ERR_STATE, none, cf_storage_upload_commit(&op, &upload, &stat), "without parts there is nothing to commit");
	fails_as(CF_ERR_DENIED, denied, cf_storage_upload_commit(&op, &upload, &stat), "nor where they cannot be listed");
	fails_as(CF_ERR_DENIED, denied, cf_storage_upload_abort(&op, &upload), "nor to abort");
	snprintf(upload.handle, sizeof(upload.handle), "put/t-1");
	fails_as(CF_ERR_STATE, never, cf_storage_upload_seal(&op, &upload, &stat), "bytes that are not here cannot be sealed");
	fails_as(CF_ERR_STATE, gone, cf_storage_upload_commit(&op, &upload, &stat), "what was never sealed cannot be committed");
	fails_as(CF_ERR_DENIED, denied, cf_storage_upload_commit(&op, &upload, &stat), "or may not be looked at");
	fails_as(CF_ERR_DENIED, denied, cf_storage_upload_abort(&op, &upload), "an abort that cannot look says so");
	ok(play(never, cf_storage_upload_read(&op, &upload, 4, &chunk)) == CF_STEP_DONE && chunk.length == 0, "nothing of it can be read back");
}

static void
composing(void)
{
#define PARTS_LISTED {NULL, 200, "{\"items\":[{\"name\":\".cloudflux/parts/t-1/0-00000001\",\"size\":\"3\",\"generation\":\"7\",\"crc32c\":\"Nks/tw==\"}," \
	"{\"name\":\".cloudflux/parts/t-1/0-00000002\",\"size\":\"3\",\"generation\":\"8\",\"crc32c\":\"Nks/tw==\"}]}"}
#define FIRST(class) {NULL, 200, OBJECT("7", ",\"metadata\":{\"cf_class\":\"" class "\"}")}
	static const Canned no_first[] = {PARTS_LISTED, {NULL, 404, ""}};
	static const Canned odd_first[] = {PARTS_LISTED, {NULL, 200, "[]"}};
	static const Canned other[] = {PARTS_LISTED, FIRST("STANDARD"),
	{"POST /storage/v1/b/bucket/o/k/compose?ifGenerationMatch=0&fields=" FIELDS, 200, OBJECT("9", "")}};
	static const Canned taken[] = {PARTS_LISTED, FIRST("STANDARD"), {NULL, 412, ""}, {LOOK, 200, OBJECT("9", "")}};
	static const Canned vanished[] = {PARTS_LISTED, FIRST("STANDARD"), {NULL, 412, ""}, {LOOK, 404, ""}};
	static const Canned denied[] = {PARTS_LISTED, FIRST("STANDARD"), {NULL, 403, ""}};
	static const Canned unreadable[] = {PARTS_LISTED, FIRST("STANDARD"), {NULL, 200, "{}"}};
	static const Canned group_odd[] = {PARTS_LISTED, FIRST("ARCHIVE"), {NULL, 200, OBJECT("9", "")}};
	static const Canned group_denied[] = {PARTS_LISTED, FIRST("ARCHIVE"), {NULL, 403, ""}};
	static const Canned group_unreadable[] = {PARTS_LISTED, FIRST("ARCHIVE"), {NULL, 200, "{}"}};
	static const Canned hidden[] = {PARTS_LISTED, FIRST("STANDARD"), {NULL, 412, ""}, {LOOK, 403, ""}};
	static const Canned listed[] = {PARTS_LISTED};
	static const Canned arriving[] = {PARTS_LISTED, {NULL, 204, ""}, {NULL, 404, ""}, PARTS_LISTED, {NULL, 204, ""}, {NULL, 204, ""},
		PARTS_LISTED, {NULL, 204, ""}, {NULL, 204, ""}, PARTS_LISTED, {NULL, 204, ""}, {NULL, 204, ""}, PARTS_LISTED, {NULL, 204, ""},
	{NULL, 204, ""}, PARTS_LISTED};
	static const Canned kept[] = {PARTS_LISTED, {NULL, 403, ""}};
	CfUpload	upload = {.args = {.key = "k", .owner_tag = "t-1", .size_bytes = 6}, .handle = "parts/t-1/6/3"};
	CfObjectStat stat;

	note("compose");
	fails_as(CF_ERR_NOT_FOUND, no_first, cf_storage_upload_commit(&op, &upload, &stat), "the first part describes the object");
	fails_as(CF_ERR_IO, odd_first, cf_storage_upload_commit(&op, &upload, &stat), "readably");
	fails_as(CF_ERR_IO, other, cf_storage_upload_commit(&op, &upload, &stat), "an object of another size is not ours");
	fails_as(CF_ERR_EXISTS, taken, cf_storage_upload_commit(&op, &upload, &stat), "somebody is there already");
	fails_as(CF_ERR_BUSY, vanished, cf_storage_upload_commit(&op, &upload, &stat), "or was");
	fails_as(CF_ERR_DENIED, hidden, cf_storage_upload_commit(&op, &upload, &stat), "or cannot be seen");
	fails_as(CF_ERR_DENIED, denied, cf_storage_upload_commit(&op, &upload, &stat), "a denial is one");
	fails_as(CF_ERR_IO, unreadable, cf_storage_upload_commit(&op, &upload, &stat), "an answer that cannot be read is none");
	fails_as(CF_ERR_IO, group_odd, cf_storage_upload_commit(&op, &upload, &stat), "a piece of another size is refused");
	fails_as(CF_ERR_DENIED, group_denied, cf_storage_upload_commit(&op, &upload, &stat), "a denial of a piece is told");
	fails_as(CF_ERR_IO, group_unreadable, cf_storage_upload_commit(&op, &upload, &stat), "a piece that cannot be read is none");
	upload.digests = (CfDigests) {.known = CF_DIGEST_CRC32C, .crc32c = 1};
	fails_as(CF_ERR_CHANGED, listed, cf_storage_upload_commit(&op, &upload, &stat), "parts with another digest than was sent are not composed");
	ok(op.err.retryable, "they are sent again");
	fails_as(CF_ERR_BUSY, arriving, cf_storage_upload_abort(&op, &upload), "parts that go on arriving end an abort, for now");
	fails_as(CF_ERR_DENIED, kept, cf_storage_upload_abort(&op, &upload), "parts that may not be removed too");
}

static void
aborting(void)
{
	static const Canned ours[] = {{LOOK, 200, OBJECT("9", ",\"metadata\":{\"cf_owner_tag\":\"t-1\"}")},
	{"DELETE /storage/v1/b/bucket/o/k?ifGenerationMatch=9", 204, ""}};
	static const Canned theirs[] = {{LOOK, 200, OBJECT("9", ",\"metadata\":{\"cf_owner_tag\":\"t-2\"}")}};
	static const Canned later[] = {{LOOK, 200, OBJECT("9", ",\"metadata\":{\"cf_owner_tag\":\"t-1\"}")}};
	static const Canned gone[] = {{LOOK, 404, ""}};
	static const Canned held[] = {{LOOK, 200, OBJECT("9", ",\"metadata\":{\"cf_owner_tag\":\"t-1\"}")}, {NULL, 403, ""}};
	static const Canned odd[] = {{LOOK, 200, "{}"}};
	static const Canned blind[] = {{NULL, 200, "{}"}, {LOOK, 404, ""}};
	CfUpload	upload = {.args = {.key = "k", .owner_tag = "t-1", .size_bytes = 3}, .handle = "put/t-1"};

	note("abort");
	ok(play(ours, cf_storage_upload_abort(&op, &upload)) == CF_STEP_DONE && script_at == 2, "what the seal made visible is removed");
	ok(play(theirs, cf_storage_upload_abort(&op, &upload)) == CF_STEP_DONE, "what others made stays");
	ok(play(gone, cf_storage_upload_abort(&op, &upload)) == CF_STEP_DONE, "nothing there is nothing to do");
	fails_as(CF_ERR_DENIED, held, cf_storage_upload_abort(&op, &upload), "what may not be removed is told");
	fails_as(CF_ERR_IO, odd, cf_storage_upload_abort(&op, &upload), "so is what cannot be read");
	snprintf(upload.sealed_version, sizeof(upload.sealed_version), "8");
	ok(play(later, cf_storage_upload_abort(&op, &upload)) == CF_STEP_DONE, "another version than the sealed one stays");
	upload.handle[0] = '\0';
	ok(play(blind, cf_storage_upload_abort(&op, &upload)) == CF_STEP_DONE && script_at == 2, "without a handle all is looked for");
	snprintf(upload.handle, sizeof(upload.handle), "done/t-1");
	ok(play(ours, cf_storage_upload_abort(&op, &upload)) == CF_STEP_DONE && script_at == 0, "what was committed is not touched");
}

#define REWRITE(query) "POST /storage/v1/b/bucket/o/s/rewriteTo/b/bucket/o/k?sourceGeneration=42&ifSourceGenerationMatch=42&" \
	"ifGenerationMatch=0&fields=done,rewriteToken,resource(" FIELDS ")" query

static void
copying(void)
{
	static const Canned good[] = {{REWRITE(""), 200, "{\"done\":false,\"rewriteToken\":\"a/b\"}"},
	{REWRITE("&rewriteToken=a%2Fb"), 200, "{\"done\":true,\"resource\":" OBJECT("50", "") "}"}};
	static const Canned lost[] = {{NULL, 200, "{\"done\":false}"}};
	static const Canned empty[] = {{NULL, 200, "{\"done\":true}"}};
	static const Canned broken[] = {{NULL, 200, "{"}};
	static const Canned gone[] = {{NULL, 404, ""}};
	static const Canned changed[] = {{NULL, 412, ""}, {LOOK, 404, ""}};
	static const Canned taken[] = {{NULL, 412, ""}, {LOOK, 200, OBJECT("9", "")}};
	static const Canned ours[] = {{NULL, 412, "", NULL, 2}, {LOOK, 200, OBJECT("9", ",\"metadata\":{\"cf_owner_tag\":\"t-1\"}")}};
	static const Canned hidden[] = {{NULL, 412, ""}, {LOOK, 403, ""}};
	static const Canned odd[] = {{NULL, 412, ""}, {LOOK, 200, "{}"}};
	static const Canned denied[] = {{NULL, 403, ""}};
	static const Canned never[] = {{NULL, 0, NULL}};
	CfUploadArgs args = {.key = "k", .owner_tag = "t-1", .size_bytes = 3, .content_type = "", .storage_class = "", .metadata = ""};
	CfPlace		far = store_place;
	char		token[CF_STORAGE_COPY_TOKEN] = "";
	CfObjectStat stat;

	note("copy");
	ok(play(good, cf_storage_copy(&op, &store_place, "s", "42", &args, token, &stat)) == CF_STEP_DONE, "a copy may take several calls");
	is_str(stat.version, "50", "and ends with the new version");
	is_str(token, "", "one that does not end leaves nothing to be kept in mind");
	fails_as(CF_ERR_IO, lost, cf_storage_copy(&op, &store_place, "s", "42", &args, token, &stat), "neither done nor a token is an error");
	fails_as(CF_ERR_IO, empty, cf_storage_copy(&op, &store_place, "s", "42", &args, token, &stat), "so is an end without an object");
	fails_as(CF_ERR_IO, broken, cf_storage_copy(&op, &store_place, "s", "42", &args, token, &stat), "and what cannot be read");
	fails_as(CF_ERR_CHANGED, gone, cf_storage_copy(&op, &store_place, "s", "42", &args, token, &stat), "a version that is gone is not copied");
	fails_as(CF_ERR_CHANGED, changed, cf_storage_copy(&op, &store_place, "s", "42", &args, token, &stat), "nor one that has changed");
	fails_as(CF_ERR_CHANGED, never, cf_storage_copy(&op, &store_place, "s", "1:2", &args, token, &stat), "nor one that is none of Google's");
	fails_as(CF_ERR_EXISTS, taken, cf_storage_copy(&op, &store_place, "s", "42", &args, token, &stat), "somebody else's copy stays");
	ok(play(ours, cf_storage_copy(&op, &store_place, "s", "42", &args, token, &stat)) == CF_STEP_DONE, "our own is found again");
	fails_as(CF_ERR_DENIED, hidden, cf_storage_copy(&op, &store_place, "s", "42", &args, token, &stat), "what cannot be seen is not ours");
	fails_as(CF_ERR_IO, odd, cf_storage_copy(&op, &store_place, "s", "42", &args, token, &stat), "nor what cannot be read");
	fails_as(CF_ERR_DENIED, denied, cf_storage_copy(&op, &store_place, "s", "42", &args, token, &stat), "a denial is one");
	far.endpoint = "http://elsewhere:1";
	fails_as(CF_ERR_UNSUPPORTED, never, cf_storage_copy(&op, &far, "s", "42", &args, token, &stat), "two endpoints are two stores");
}

static void
changing_class(void)
{
	static const Canned same[] = {{LOOK, 200, OBJECT("42", ",\"storageClass\":\"NEARLINE\"")}};
	static const Canned good[] = {{LOOK, 200, OBJECT("42", ",\"metageneration\":\"3\",\"storageClass\":\"STANDARD\",\"customTime\":\"2026-01-01T00:00:00Z\"")},
	{"POST /storage/v1/b/bucket/o/k/rewriteTo/b/bucket/o/k?sourceGeneration=42&ifSourceGenerationMatch=42&ifGenerationMatch=42&"
	"ifSourceMetagenerationMatch=3&fields=done,rewriteToken,resource(" FIELDS ")", 200, "{\"done\":true,\"resource\":" OBJECT("50", "") "}"}};
	static const Canned other[] = {{LOOK, 200, OBJECT("43", "")}};
	static const Canned labelled[] = {{LOOK, 200, OBJECT("42", "")}, {NULL, 412, ""}, {LOOK, 200, OBJECT("42", "")}};
	static const Canned changed[] = {{LOOK, 200, OBJECT("42", "")}, {NULL, 412, ""}, {LOOK, 200, OBJECT("43", ",\"storageClass\":\"NEARLINE\"")}};
	static const Canned ours[] = {{LOOK, 200, OBJECT("42", "")}, {NULL, 412, "", NULL, 2}, {LOOK, 200, OBJECT("43", ",\"storageClass\":\"NEARLINE\"")}};
	static const Canned gone[] = {{LOOK, 200, OBJECT("42", "")}, {NULL, 404, ""}, {LOOK, 404, ""}};
	static const Canned odd[] = {{LOOK, 200, OBJECT("42", "")}, {NULL, 412, ""}, {LOOK, 200, "{}"}};
	static const Canned denied[] = {{LOOK, 200, OBJECT("42", "")}, {NULL, 403, ""}};
	static const Canned missing[] = {{LOOK, 404, ""}};
	static const Canned unreadable[] = {{LOOK, 200, "{}"}};
	static const Canned broken[] = {{LOOK, 200, OBJECT("42", "")}, {NULL, 200, "x"}};
	static const Canned probed[] = {{LOOK, 200, OBJECT("43", "")},
	{"POST /storage/v1/b/bucket/o/k/rewriteTo/b/bucket/o/k?sourceGeneration=43&ifSourceGenerationMatch=43&ifGenerationMatch=42&"
	"fields=done,rewriteToken,resource(" FIELDS ")", 412, ""}, {LOOK, 200, OBJECT("43", "")}};
	CfObjectStat stat;

	note("class");
	ok(play(same, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat)) == CF_STEP_DONE && script_at == 1,
	   "an object that has the class already is left alone");
	ok(play(good, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat)) == CF_STEP_DONE, "a class is changed in place");
	is_str(op.request.body, "{\"storageClass\":\"NEARLINE\",\"customTime\":\"2026-01-01T00:00:00Z\"}", "with all that the object carries");
	is_str(stat.version, "50", "which makes a new version");
	fails_as(CF_ERR_CHANGED, other, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat), "only of the pinned one");
	op.probing = true;
	fails_as(CF_ERR_CHANGED, probed, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat), "a probe lets the store judge");
	op.probing = false;
	store_place.was_probed = true;
	fails_as(CF_ERR_UNSUPPORTED, labelled, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat), "who was seen to replace any version is not asked");
	store_place.was_probed = false;
	fails_as(CF_ERR_BUSY, labelled, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat), "whose metadata nobody changes meanwhile");
	fails_as(CF_ERR_CHANGED, changed, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat), "nor its bytes");
	ok(play(ours, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat)) == CF_STEP_DONE, "our own change is found again");
	fails_as(CF_ERR_NOT_FOUND, gone, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat), "an object may go meanwhile");
	fails_as(CF_ERR_IO, odd, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat), "or become unreadable");
	fails_as(CF_ERR_DENIED, denied, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat), "a denial is one");
	fails_as(CF_ERR_NOT_FOUND, missing, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat), "no object has no class");
	fails_as(CF_ERR_IO, unreadable, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat), "nor one that cannot be read");
	fails_as(CF_ERR_IO, broken, cf_storage_set_class(&op, "k", "42", "NEARLINE", NULL, &stat), "an answer that is none is none");
}

static void
places_and_keys(void)
{
	static const char *const buckets[] = {"ab", "Upper", "-a-b", "a-b-", "a..b", "a/b", "a%b"};
	static const char *const endpoints[] = {"storage.googleapis.com", "https://h/path", "https://h?x=y", "ftp://h"};
	static const char *const keys[] = {"", "a/../b", "..", "./a", "a/.", "a\nb", "\x7f", "\xff", "a\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	"\xe0\x80\x80", "\xc3", ".cloudflux/x", ".well-known/acme-challenge/x"};
	static const char *const good[] = {"a", "a//b", "/a", "...", "a/.../b", ".cloudfluxy", "\xc3\xa4", "\xf0\x9f\x90\x98", "a\\b", "?*[]#"};
	char		longest[1100];
	CfPlace		place = store_place;
	CfPlaceOption option = {"user_project", "payer-1"};
	CfError		err;
	CfCaps		caps;

	note("places and keys");
	ok(cf_storage_place_check(&place, &err), "a place");
	for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++)
	{
		place.bucket = buckets[i];
		ok(!cf_storage_place_check(&place, &err) && err.kind == CF_ERR_INPUT, "\"%s\" is no bucket", buckets[i]);
	}
	place = store_place;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
	{
		place.endpoint = endpoints[i];
		ok(!cf_storage_place_check(&place, &err), "\"%s\" is no endpoint", endpoints[i]);
	}
	place.endpoint = "";
	ok(cf_storage_place_check(&place, &err), "none is Google's");
	place.storage_class = "ARCHIVE";
	ok(cf_storage_place_check(&place, &err), "a class of Google's");
	place.storage_class = "GLACIER";
	ok(!cf_storage_place_check(&place, &err), "not one of others");
	place.storage_class = "";
	place.options = &option;
	place.option_count = 1;
	ok(cf_storage_place_check(&place, &err), "a project that pays");
	option.value = "pay&er";
	ok(!cf_storage_place_check(&place, &err), "a project that has such a name");
	place.option_count = 0;
	memset(longest, 'p', sizeof(longest));
	longest[1000] = '\0';
	place.prefix = longest;
	ok(!cf_storage_place_check(&place, &err), "a prefix that leaves room");
	place = store_place;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		ok(!cf_storage_key_check(&place, keys[i], &err) && err.kind == CF_ERR_INPUT, "key %zu is refused: %s", i, err.message);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(cf_storage_key_check(&place, good[i], &err), "key \"%s\" may be written", good[i]);
	longest[1000] = 'p';
	longest[1024] = '\0';
	ok(cf_storage_key_check(&place, longest, &err), "a key has up to 1,024 bytes");
	longest[1024] = 'p';
	longest[1025] = '\0';
	ok(!cf_storage_key_check(&place, longest, &err), "and no more");
	cf_storage_caps(&place, &caps);
	ok(caps.create_only && caps.conditional_delete && caps.remote && caps.list_sorted && !caps.restores && !caps.pin_before_commit,
	   "what the store can do");
}

int
main(void)
{
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&op, &store_place, &arena);
	store_reset();
	statting();
	errors();
	reading();
	putting();
	removing();
	listing();
	pages_of_uploads();
	uploading();
	composing();
	aborting();
	copying();
	changing_class();
	places_and_keys();
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	cf_arena_free(&store_arena);
	return done_testing();
}
