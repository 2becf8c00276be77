/*
 * storage_s3_regions: a bucket that lies in another region than its place says: the store tells which, the request goes there, and
 * the place remembers it.
 */
#include "tap.h"

#include "storage_s3_script.h"

#define HEAD_OK "etag: \"5d41402abc4b2a76b9719d911017c592\"\ncontent-length: 5\nlast-modified: Fri, 24 May 2013 00:00:00 GMT\n"

static CfLearned learned;
static const char *told_before = "";

static void
fresh(void)
{
	snprintf(learned.region, sizeof(learned.region), "%s", told_before);
	place.learned = &learned;
}

static CfStep
run_stat(void)
{
	fresh();
	return drive_(cf_storage_stat(&op, "k", &stat_));
}

static CfStep
run_stat_twice(void)
{
	CfStep		step = run_stat();

	return step == CF_STEP_DONE ? drive_(cf_storage_stat(&op, "k", &stat_)) : step;
}

static CfStep
run_put(void)
{
	CfUploadArgs args = {.key = "k", .owner_tag = "job-1", .size_bytes = 5, .content_type = "text/plain", .storage_class = "",
		.metadata = ""};

	fresh();
	return drive_(cf_storage_put(&op, &args, "hello", 5, &stat_));
}

static CfStep
run_list(void)
{
	fresh();
	return drive_(cf_storage_list(&op, "", NULL, 10, &page));
}

static void
after_moved(void)
{
	is_str(learned.region, "eu-west-1", "the place remembers its region");
	ok(strncmp(op.request.url, "https://photos.s3.eu-west-1.amazonaws.com/k", 43) == 0, "the request went there: %s", op.request.url);
	is_str(cf_s3_region(&place), "eu-west-1", "and is signed for it");
}

static void
after_moved_endpoint(void)
{
	is_str(learned.region, "eu-west-1", "the region of a private endpoint is learned, too");
	ok(strncmp(op.request.url, "https://store.example/photos/k", 30) == 0, "the endpoint stays: %s", op.request.url);
}

static const Scene regions[] = {
	{"stat, in another region", run_stat, EXCHANGES({"HEAD /k", NULL, 301, "x-amz-bucket-region: eu-west-1\n"},
	{"HEAD /k", NULL, 200, HEAD_OK}), CF_ERR_NONE, NULL, NULL, after_moved},
	{"stat, once more", run_stat_twice, EXCHANGES({"HEAD /k", NULL, 400, "x-amz-bucket-region: eu-west-1\n"},
	{"HEAD /k", NULL, 200, HEAD_OK}, {"HEAD /k", NULL, 200, HEAD_OK}), CF_ERR_NONE, NULL, NULL, after_moved},
	{"put, in another region", run_put, EXCHANGES({"PUT /k", "If-None-Match: *\n", 400, NULL,
		"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>", 0, false, "hello"},
	{"PUT /k", "If-None-Match: *\n", 200, "etag: \"5d41402abc4b2a76b9719d911017c592\"\n", NULL, 0, false, "hello"}),
	CF_ERR_NONE, NULL, NULL, after_moved},
	{"stat, at a private endpoint", run_stat, EXCHANGES({"HEAD /photos/k", NULL, 400, "x-amz-bucket-region: eu-west-1\n"},
	{"HEAD /photos/k", NULL, 200, HEAD_OK}), CF_ERR_NONE, NULL, OPTIONS({"preset", "generic"}), after_moved_endpoint},
	{"list, sent from pillar to post", run_list, EXCHANGES({"GET /?list-type=2&encoding-type=url&max-keys=10&prefix=", NULL, 301, "x-amz-bucket-region: eu-west-1\n"},
	{"GET /?list-type=2&encoding-type=url&max-keys=10&prefix=", NULL, 301, "x-amz-bucket-region: eu-west-2\n"},
	{"GET /?list-type=2&encoding-type=url&max-keys=10&prefix=", NULL, 301, "x-amz-bucket-region: eu-west-3\n"}), CF_ERR_INPUT, "region 'eu-west-3'"},
	{"stat, in another partition", run_stat, EXCHANGES({"HEAD /k", NULL, 301, "x-amz-bucket-region: cn-north-1\n"}), CF_ERR_INPUT, "region 'cn-north-1'"},
	{"stat, a region that is a host", run_stat, EXCHANGES({"HEAD /k", NULL, 301, "x-amz-bucket-region: evil.example/x\n"}), CF_ERR_IO, "HTTP 301"},
	{"stat, a region that is ours", run_stat, EXCHANGES({"HEAD /k", NULL, 301, "x-amz-bucket-region: us-east-1\n"}), CF_ERR_IO, "HTTP 301"},
	{"stat, forbidden where it is", run_stat, EXCHANGES({"HEAD /k", NULL, 403, "x-amz-bucket-region: us-east-1\n"}), CF_ERR_DENIED, "HTTP 403"},
};

/* An error after an operation that was denied: of whom, or of what? */
static void
strangers(void)
{
	static const struct
	{
		int			status;
		const char *code;
		bool		strange;
	}			cases[] = {
		{403, "InvalidAccessKeyId", true}, {403, "SignatureDoesNotMatch", true}, {400, "ExpiredToken", true}, {401, "", true},
		{403, "AccessDenied", false}, {403, "", false}
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		body[100];

		cf_arena_init(&arena, &cf_arena_malloc, 1024, 0);
		cf_storage_op_init(&op, &place, &arena);
		snprintf(body, sizeof(body), "<Error><Code>%s</Code></Error>", cases[i].code);
		op.response.status = cases[i].status;
		op.response.body = body;
		op.response.body_bytes = strlen(body);
		op.err.kind = CF_ERR_DENIED;
		ok(cf_storage_stranger(&op) == cases[i].strange, "%d \"%s\" is %s", cases[i].status, cases[i].code,
		   cases[i].strange ? "about who asks" : "about what is asked");
		op.err.kind = CF_ERR_INPUT;
		ok(!cf_storage_stranger(&op), "what was not denied is about neither");
		cf_arena_free(&arena);
	}
}

int
main(void)
{
	SCENES(regions);
	strangers();
	return done_testing();
}
