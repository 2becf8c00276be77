/*
 * storage_s3_places.c: which places and keys the S3 driver accepts, what it claims of them, pins, texts, and what answers mean
 * to the engine.
 */
#include "core/clock.h"
#include "storage/s3/s3.h"
#include "tap.h"

static CfArena arena;
static CfPlace place;
static CfPlaceOption options[4];

static CfPlace *
with(const char *provider, const char *bucket, const char *name, const char *value)
{
	place = (CfPlace) {.name = "p", .provider = provider, .bucket = bucket, .region = "eu-west-1", .endpoint = "", .prefix = "",
		.storage_class = "", .driver = cf_storage_driver(provider)};
	options[0] = (CfPlaceOption) {name, value};
	place.options = options;
	place.option_count = name == NULL ? 0 : 1;
	return &place;
}

static void
refused(const CfPlace *p, CfErrorKind kind, const char *title)
{
	CfError		err = {CF_ERR_NONE};

	ok(!cf_storage_place_check(p, &err) && err.kind == kind, "%s is refused", title);
	ok(err.hint[0] != '\0' || strstr(err.message, "option") != NULL, "and the error helps");
}

static void
accepted_places(void)
{
	CfError		err;

	ok(cf_storage_place_check(with("AWS", "photos", NULL, NULL), &err), "a bucket of AWS with a region");
	place.region = "";
	refused(&place, CF_ERR_INPUT, "one without a region");
	place.region = "eu west";
	refused(&place, CF_ERR_INPUT, "a region that is none");
	refused(with("AWS", "a", NULL, NULL), CF_ERR_INPUT, "a name that is too short");
	refused(with("AWS", "a/b", NULL, NULL), CF_ERR_INPUT, "a name with a slash");
	refused(with("AWS", "arn:aws:s3:us-east-1:1:accesspoint/x", NULL, NULL), CF_ERR_UNSUPPORTED, "an access point");
	refused(with("AWS", "x--use1-az4--x-s3", NULL, NULL), CF_ERR_UNSUPPORTED, "a directory bucket");
	refused(with("AWS", "my-point-abcdef-s3alias", NULL, NULL), CF_ERR_UNSUPPORTED, "an alias of an access point");
	refused(with("AWS", "m1.mrap", NULL, NULL), CF_ERR_UNSUPPORTED, "a multi-region access point");
	refused(with("S3", "photos", NULL, NULL), CF_ERR_INPUT, "another store without an endpoint");
	place.endpoint = "http://127.0.0.1:9000";
	ok(cf_storage_place_check(&place, &err), "with one it is accepted");
	place.endpoint = "https://h/path";
	refused(&place, CF_ERR_INPUT, "an endpoint with a path");
	place.endpoint = "ftp://h";
	refused(&place, CF_ERR_INPUT, "an endpoint of another kind");
	ok(cf_storage_place_check(with("S3", "photos", "preset", "b2"), &err), "a preset brings its endpoint");
	refused(with("S3", "photos", "preset", "nobody"), CF_ERR_INPUT, "a preset that is none");
	refused(with("AWS", "photos", "addressing", "both"), CF_ERR_INPUT, "an addressing that is none");
	refused(with("AWS", "photos", "sse", "rot13"), CF_ERR_INPUT, "an encryption that is none");
	refused(with("AWS", "photos", "put_max_mb", "0"), CF_ERR_INPUT, "a put_max_mb of 0");
	for (int known = 0; known < 2; known++)
	{
		with("AWS", "photos", NULL, NULL);
		place.storage_class = known ? "GLACIER_IR" : "GOLD";
		ok(cf_storage_place_check(&place, &err) == known, "a class %s", known ? "of Amazon's" : "that is none");
		if (!known)
			ok(err.kind == CF_ERR_INPUT && strstr(err.detail, "aws") != NULL && strstr(err.hint, "INTELLIGENT_TIERING, GLACIER_IR") != NULL, "is refused with those that there are: %s", err.hint);
		with("S3", "photos", "preset", "generic");
		place.endpoint = "https://h";
		place.storage_class = "GOLD";
		ok(cf_storage_place_check(&place, &err), "nobody knows the classes of any store");
	}
	place.storage_class = "";
	refused(with("AWS", "photos", "put_max_mb", "2000"), CF_ERR_INPUT, "one that is too large");
	refused(with("AWS", "photos", "expected_bucket_owner", "me"), CF_ERR_INPUT, "an owner that is no account");
	refused(with("AWS", "photos", "sse_kms_key_id", "key-1"), CF_ERR_INPUT, "a key of KMS that nothing would be encrypted with");
	with("AWS", "photos", NULL, NULL)->prefix = "a/b/";
	ok(cf_storage_place_check(&place, &err), "a prefix of folders");
	place.prefix = "a/b";
	refused(&place, CF_ERR_INPUT, "a prefix without a slash at its end");
	place.prefix = "a//b/";
	refused(&place, CF_ERR_INPUT, "a prefix with an empty segment");
	place.prefix = "/";
	refused(&place, CF_ERR_INPUT, "a prefix that begins with a slash");
}

static void
claimed(void)
{
	CfCaps		caps;

	cf_storage_caps(with("AWS", "photos", NULL, NULL), &caps);
	ok(caps.create_only && caps.conditional_delete && caps.copy_conditional && caps.restores && caps.storage_classes && caps.remote &&
	   caps.parallel_parts && caps.list_sorted && caps.list_utf8_safe, "AWS can do everything");
	is_int(caps.digests, CF_DIGEST_CRC64NVME | CF_DIGEST_MD5, "it checks CRC-64/NVME, and an ETag is an MD5");
	is_int(caps.put_max_bytes, 16 * 1024 * 1024, "16 MiB go in one request");
	cf_storage_caps(with("AWS", "photos", "sse", "aws:kms"), &caps);
	is_int(caps.digests, CF_DIGEST_CRC64NVME, "under KMS an ETag is no MD5");
	cf_storage_caps(with("AWS", "photos", "put_max_mb", "64"), &caps);
	is_int(caps.put_max_bytes, 64 * 1024 * 1024, "or more, on option");
	cf_storage_caps(with("S3", "photos", "preset", "minio"), &caps);
	ok(caps.create_only && !caps.conditional_delete && caps.copy_conditional && caps.max_segment_bytes == 255, "MinIO ignores the condition of a DELETE");
	cf_storage_caps(with("S3", "photos", "preset", "garage"), &caps);
	ok(!caps.create_only && !caps.conditional_delete, "garage has no conditions");
	cf_storage_caps(with("S3", "photos", "preset", "gcs"), &caps);
	ok(!caps.parallel_parts && !caps.server_side_copy && caps.max_object_bytes == caps.put_max_bytes && caps.parts_max == 1,
	   "GCS by HMAC has single requests only");
	cf_storage_caps(with("S3", "photos", "checksum", "crc32c"), &caps);
	ok((caps.digests & CF_DIGEST_CRC32C) != 0, "another checksum, on option");
}

static void
accepted_keys(void)
{
	static const char *const good[] = {"a", "a/b", "a b", "ü/日本", "..a", "a.", "a/.../b", "a\\b"};
	static const char *const bad[] = {"", "/a", "a/", "a//b", ".", "a/./b", "..", "a/..", "../a", "a\nb", "\x7f", "\xff", "\xc0\xaf", "\xed\xa0\x80",
	"\xf4\x90\x80\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "a\xc3"};
	char		longest[1100];
	CfError		err;

	with("AWS", "photos", NULL, NULL);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(cf_storage_key_check(&place, good[i], &err), "key %zu is accepted", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!cf_storage_key_check(&place, bad[i], &err) && err.kind == CF_ERR_INPUT, "key %zu of the bad ones is refused", i);
	memset(longest, 'x', sizeof(longest));
	longest[1024] = '\0';
	ok(cf_storage_key_check(&place, longest, &err), "1024 bytes are accepted");
	place.prefix = "p/";
	ok(!cf_storage_key_check(&place, longest, &err), "with the prefix they are too many");
	place.prefix = "";
	with("S3", "photos", "preset", "seaweedfs");
	ok(!cf_storage_key_check(&place, "a\\b", &err) && strstr(err.detail, "backslash") != NULL, "SeaweedFS takes a backslash for a slash");
	longest[256] = '\0';
	ok(!cf_storage_key_check(&place, longest, &err) && strstr(err.detail, "255") != NULL, "and a segment has 255 bytes at most");
}

static void
pins(void)
{
	static const struct
	{
		const char *a;
		const char *b;
		bool		same;
	}			pairs[] = {
		{"e=x;m=5", "e=x;m=5", true}, {"e=x;m=5", "e=x;m=6", false}, {"e=x;m=5", "e=y;m=5", false}, {"e=x;m=5", "e=x;o=job-1", true},
		{"e=x;o=job-2", "e=x;o=job-1", false}, {"e=x;v=1", "e=x;v=2", false}, {"e=x;v=1", "e=x;m=6", true}, {"e=x", "e=x;m=6", true},
		{"1:2:3", "e=x", false}, {"1:2:3", "1:2:3", true}, {"e=x;m=a", "e=x;m=5", false}, {"m=5", "m=6", false}, {"e=x;z=1", "e=x", false},
	};
	CfS3Pin		pin = {.modified = -1};
	char		text[CF_STORAGE_VERSION_MAX + 1];
	char		value[200];

	with("AWS", "photos", NULL, NULL);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		ok(cf_storage_version_same(&place, pairs[i].a, pairs[i].b) == pairs[i].same, "%s and %s are %s", pairs[i].a, pairs[i].b,
		   pairs[i].same ? "the same" : "different");
	ok(!cf_storage_version_same(&place, "", "e=x") && cf_storage_version_same(&place, "", ""), "no version is no version");
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	cf_s3_pin_value(pin.etag, sizeof(pin.etag), value);
	cf_s3_pin_value(pin.version, sizeof(pin.version), "a;b");
	memset(pin.owner, 'o', 64);
	ok(pin.etag[0] == '~' && pin.version[0] == '~' && strcmp(pin.etag, pin.version) != 0, "values that do not fit are hashed");
	cf_s3_pin_write(&pin, text);
	ok(strlen(text) <= CF_STORAGE_VERSION_MAX && cf_s3_pin_read(text, &pin), "a pin is read as it was written");
	memset(pin.etag, 'e', 56);
	pin.version[0] = '\0';
	memset(pin.owner, 'o', 64);
	cf_s3_pin_write(&pin, text);
	ok(strlen(text) <= CF_STORAGE_VERSION_MAX && cf_s3_pin_read(text, &pin), "the longest too");
	cf_s3_pin_write(&(CfS3Pin) {.etag = "x", .modified = -1}, text);
	is_str(text, "e=x", "an ETag alone is a pin");
}

static void
texts(void)
{
	is_str(cf_s3_word_decode(&arena, "=?utf-8?q?a=zz?= x"), "=?utf-8?q?a=zz?= x", "a word that is broken stays");
	is_str(cf_s3_word_decode(&arena, "=?utf-8?B?AA==?="), "=?utf-8?B?AA==?=", "one that holds a NUL too");
	is_str(cf_s3_word_decode(&arena, cf_s3_word_encode(&arena, " =?ü ")), " =?ü ", "what was encoded is decoded");
	is_str(cf_s3_word_encode(&arena, "plain"), "plain", "plain text travels as it is");
}

static void
verdicts(void)
{
	static const struct
	{
		const char *verb;
		int			status;
		const char *code;
		CfNetVerdict verdict;
	}			answers[] = {
		{"GetObject", 200, "", CF_NET_FINAL}, {"GetObject", 206, "", CF_NET_FINAL}, {"GetObject", 404, "NoSuchKey", CF_NET_FINAL},
		{"GetObject", 500, "InternalError", CF_NET_RETRY}, {"GetObject", 502, "", CF_NET_RETRY}, {"GetObject", 503, "SlowDown", CF_NET_SLOW_DOWN},
		{"GetObject", 503, "", CF_NET_SLOW_DOWN}, {"GetObject", 503, "Whatever", CF_NET_RETRY}, {"GetObject", 504, "", CF_NET_RETRY},
		{"GetObject", 408, "", CF_NET_RETRY}, {"GetObject", 429, "", CF_NET_SLOW_DOWN}, {"PutObject", 400, "RequestTimeout", CF_NET_RETRY},
		{"PutObject", 400, "BadDigest", CF_NET_RETRY}, {"PutObject", 409, "ConditionalRequestConflict", CF_NET_RETRY},
		{"CompleteMultipartUpload", 409, "ConditionalRequestConflict", CF_NET_FINAL}, {"GetObject", 403, "RequestTimeTooSkewed", CF_NET_CLOCK},
		{"GetObject", 400, "ExpiredToken", CF_NET_REAUTHENTICATE}, {"GetObject", 401, "", CF_NET_REAUTHENTICATE}, {"GetObject", 403, "AccessDenied", CF_NET_FINAL},
		{"RestoreObject", 503, "GlacierExpeditedRetrievalNotAvailable", CF_NET_FINAL}, {"CopyObject", 200, "SlowDown", CF_NET_SLOW_DOWN},
		{"CopyObject", 200, "InternalError", CF_NET_RETRY}, {"CopyObject", 200, "NoSuchKey", CF_NET_FINAL}, {"CopyObject", 200, "", CF_NET_RETRY},
		{"UploadPartCopy", 200, "", CF_NET_RETRY}, {"GetObject", 412, "PreconditionFailed", CF_NET_FINAL}, {"GetObject", 301, "PermanentRedirect", CF_NET_FINAL},
	};
	CfRequest	request = {.method = "HEAD", .verb = "HeadObject"};
	CfResponse	response = {.status = 403, .body = "", .headers = {{"date", "Fri, 24 May 2013 00:20:00 GMT"}}, .header_count = 1};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		char		body[200];
		CfRequest	asked = {.method = "GET", .verb = answers[i].verb};
		CfResponse	told = {.status = answers[i].status, .body = body};

		snprintf(body, sizeof(body), answers[i].code[0] ? "<Error><Code>%s</Code></Error>" : "", answers[i].code);
		told.body_bytes = strlen(body);
		is_int(cf_s3_classify(&asked, &told, NULL), answers[i].verdict, "%s: %d %s", answers[i].verb, answers[i].status, answers[i].code);
	}
	cf_clock_freeze(INT64_C(1369353600000000));
	is_int(cf_s3_classify(&request, &response, NULL), CF_NET_CLOCK, "a HEAD refused when clocks differ by 20 minutes: the clock is wrong");
	cf_clock_freeze(INT64_C(1369354200000000));
	is_int(cf_s3_classify(&request, &response, NULL), CF_NET_FINAL, "by 10 minutes: it is forbidden");
	cf_clock_thaw();
	response.truncated = true;
	is_int(cf_s3_classify(&request, &response, NULL), CF_NET_RETRY, "an answer that was cut off is asked for again");
}

/* Credentials that could not work are refused before anybody uses them, and never told. */
static void
wrong_credentials(void)
{
	static const struct
	{
		CfCredentials given;
		const char *endpoint;
		const char *wrong;		/* NULL = nothing */
	}			cases[] = {
		{{{{"access_key_id", "AK"}, {"secret_access_key", "hidden"}}, 2}, "", NULL},
		{{{{"access_key_id", "AK"}, {"secret_access_key", "hidden"}, {"session_token", "hidden"}}, 3}, "", NULL},
		{{{{"access_key_id", "AK"}}, 1}, "", "secret_access_key is missing"}, {{{{"secret_access_key", "hidden"}}, 1}, "", "access_key_id is missing"},
		{{{{"session_token", "hidden"}}, 1}, "", "access_key_id is missing"},
		{{{{"sse_customer_key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}}, 1}, "", NULL},
		{{{{"sse_customer_key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}}, 1}, "http://h", "http"},
		{{{{"sse_customer_key", "hidden"}}, 1}, "", "AES-256"}, {{{{"sse_customer_key", "aGlkZGVu"}}, 1}, "", "AES-256"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CfError		err = {CF_ERR_NONE};
		bool		good;

		with("AWS", "photos", NULL, NULL);
		place.endpoint = cases[i].endpoint;
		place.credentials = &cases[i].given;
		good = cf_storage_credentials_check(&place, &err);
		ok(good == (cases[i].wrong == NULL), "credentials of %d: %s", cases[i].given.count, good ? "fit" : err.detail);
		if (!good)
			ok(err.kind == CF_ERR_INPUT && err.hint[0] != '\0' && (strstr(err.detail, cases[i].wrong) != NULL || strstr(err.message, cases[i].wrong) != NULL) &&
			   strstr(err.message, "hidden") == NULL && strstr(err.detail, "hidden") == NULL, "which is told without them");
	}
	place.credentials = NULL;
	place.endpoint = "";
}

/* The key of a customer travels only where it must, only over https, and is never told. */
static void
customer_keys(void)
{
	CfCredentials credentials = {{{"access_key_id", "AK"}, {"secret_access_key", "sk"},
	{"sse_customer_key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}}, 3};
	CfObjectStat stat;
	CfOp		op;
	bool		there = false;

	with("AWS", "photos", NULL, NULL)->credentials = &credentials;
	cf_storage_op_init(&op, &place, &arena);
	ok(cf_storage_stat(&op, "k", &stat) == CF_STEP_SEND, "an object under a customer's key is looked at");
	for (int i = 0; i < op.request.header_count; i++)
		there |= strcmp(op.request.headers[i].name, "x-amz-server-side-encryption-customer-key-MD5") == 0 &&
			strcmp(op.request.headers[i].value, "KYvwGXoFFJ42a2u2GDWhwQ==") == 0;
	ok(there, "with the key and its digest");
	cf_storage_op_end(&op);
	place.endpoint = "http://127.0.0.1:9000";
	cf_storage_op_init(&op, &place, &arena);
	ok(cf_storage_stat(&op, "k", &stat) == CF_STEP_ERROR && op.err.kind == CF_ERR_INPUT && strstr(op.err.message, "http") != NULL, "not over http");
	cf_storage_op_end(&op);
	place.endpoint = "";
	credentials.items[2].value = "c2hvcnQ=";
	cf_storage_op_init(&op, &place, &arena);
	ok(cf_storage_stat(&op, "k", &stat) == CF_STEP_ERROR && strstr(op.err.message, "c2hvcnQ") == NULL, "a key of another length is refused, and not told");
	cf_storage_op_end(&op);
}

int
main(void)
{
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	accepted_places();
	claimed();
	accepted_keys();
	pins();
	texts();
	verdicts();
	customer_keys();
	wrong_credentials();
	cf_arena_free(&arena);
	return done_testing();
}
