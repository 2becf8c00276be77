/*
 * storage_s3_sign.c: Signature Version 4 by the public test suite, by the examples of the provider's documentation, and for
 * what a place signs itself. Cases of the suite about normalised paths do not apply: S3 signs a path as it is sent.
 */
#include "core/clock.h"
#include "storage/s3/s3.h"
#include "tap.h"

#define SUITE_US INT64_C(1440938160000000)	/* 20150830T123600Z */
#define EXAMPLES_US INT64_C(1369353600000000)	/* 20130524T000000Z */
#define SUITE_HOST "https://example.amazonaws.com"
#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const CfS3Keys suite_keys = {&cf_s3_aws4, "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "", "us-east-1", "service"};
static const CfS3Keys example_keys = {&cf_s3_aws4, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "",
"us-east-1", "s3"};

static CfArena arena;

/* One request of the suite: headers as "Name: value\n…", what it signs and how. */
static const struct
{
	const char *name;
	const char *method;
	const char *url;
	const char *headers;
	const char *token;
	const char *body;
	const char *signed_headers;
	const char *signature;
}			cases[] = {
	{"get-vanilla", "GET", "/", "", "", "", "host;x-amz-date",
	"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-vanilla-query", "GET", "", "", "", "", "host;x-amz-date",
	"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-vanilla-empty-query-key", "GET", "/?Param1=value1", "", "", "", "host;x-amz-date",
	"a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
	{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "", "", "host;x-amz-date",
	"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
	{"get-vanilla-query-order-encoded", "GET", "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "", "", "", "host;x-amz-date",
	"371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
	{"get-vanilla-query-unreserved", "GET", "/?" UNRESERVED "=" UNRESERVED, "", "", "", "host;x-amz-date",
	"9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
	{"get-vanilla-utf8-query", "GET", "/?%E1%88%B4=bar", "", "", "", "host;x-amz-date",
	"2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
	{"get-vanilla-with-session-token", "GET", "/", "", "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267", "",
		"host;x-amz-date;x-amz-security-token", "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
	{"get-unreserved", "GET", "/" UNRESERVED, "", "", "", "host;x-amz-date",
	"07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
	{"get-utf8", "GET", "/%E1%88%B4", "", "", "", "host;x-amz-date",
	"8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
	{"get-space", "GET", "/example%20space/", "", "", "", "host;x-amz-date",
	"652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
	{"get-slash-unnormalized", "GET", "//", "", "", "", "host;x-amz-date",
	"c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e"},
	{"get-slashes-unnormalized", "GET", "//example//", "", "", "", "host;x-amz-date",
	"87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"},
	{"get-relative-unnormalized", "GET", "/example/..", "", "", "", "host;x-amz-date",
	"eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282"},
	{"get-slash-dot-slash-unnormalized", "GET", "/./", "", "", "", "host;x-amz-date",
	"68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145"},
	{"get-header-key-duplicate", "GET", "/", "My-Header1:value2\nMy-Header1:value2\nMy-Header1:value1\n", "", "",
		"host;my-header1;x-amz-date", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
	{"get-header-value-order", "GET", "/", "My-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2\n", "", "",
		"host;my-header1;x-amz-date", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
	{"get-header-value-trim", "GET", "/", "My-Header1: value1\nMy-Header2: \"a   b   c\"\n", "", "",
		"host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
	{"post-vanilla", "POST", "/", "", "", "", "host;x-amz-date",
	"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
	{"post-vanilla-query", "POST", "/?Param1=value1", "", "", "", "host;x-amz-date",
	"28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
	{"post-header-key-sort", "POST", "/", "My-Header1:value1\n", "", "", "host;my-header1;x-amz-date",
	"c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
	{"post-header-value-case", "POST", "/", "My-Header1:VALUE1\n", "", "", "host;my-header1;x-amz-date",
	"cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
	{"post-sts-header-before", "POST", "/", "",
		"AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/"
		"kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lI"
		"ZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==", "",
		"host;x-amz-date;x-amz-security-token", "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
	{"post-x-www-form-urlencoded-parameters", "POST", "/",
		"Content-Type:application/x-www-form-urlencoded; charset=utf-8\nContent-Length:13\n"
		"x-amz-content-sha256:9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e\n", "", "Param1=value1",
		"content-length;content-type;host;x-amz-content-sha256;x-amz-date",
		"328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422"},
};

/* headers_add adds "Name:value\n…" to a request. */
static void
headers_add(CfRequest *request, const char *lines)
{
	CfError		err;

	while (*lines != '\0')
	{
		size_t		length = strcspn(lines, "\n");
		size_t		name = strcspn(lines, ":");

		if (!cf_net_header(request, cf_arena_strndup(&arena, lines, name), cf_arena_strndup(&arena, lines + name + 1, length - name - 1), &err))
			bail("%s", err.message);
		lines += length + 1;
	}
}

static const char *
header_of(const CfRequest *request, const char *name)
{
	for (int i = 0; i < request->header_count; i++)
	{
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}

static void
the_suite(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CfRequest	request = {.method = cases[i].method, .body = cases[i].body, .body_bytes = strlen(cases[i].body)};
		CfS3Keys	keys = suite_keys;
		char		url[400];
		char		want[600];
		CfError		err;

		snprintf(url, sizeof(url), "%s%s", SUITE_HOST, cases[i].url);
		request.url = url;
		keys.session_token = cases[i].token;
		headers_add(&request, cases[i].headers);
		if (!cf_s3_sign_request(&request, &keys, &arena, SUITE_US, &err))
			bail("%s", err.message);
		snprintf(want, sizeof(want),
				 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,SignedHeaders=%s,Signature=%s",
				 cases[i].signed_headers, cases[i].signature);
		is_str(header_of(&request, "Authorization"), want, "the suite: %s", cases[i].name);
	}
}

/* The examples of "Signature Calculations for the Authorization Header" and "… Using Query Parameters". */
static void
the_examples(void)
{
	static const struct
	{
		const char *title;
		const char *method;
		const char *path;
		const char *headers;
		const char *signature;
	}			examples[] = {
		{"GET object with a range", "GET", "/test.txt", "Range:bytes=0-9\n"
			"x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
		"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"PUT object", "PUT", "/test%24file.text", "Date:Fri, 24 May 2013 00:00:00 GMT\nx-amz-storage-class:REDUCED_REDUNDANCY\n"
			"x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\n",
		"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"GET bucket lifecycle", "GET", "/?lifecycle",
			"x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
		"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"list objects", "GET", "/?max-keys=2&prefix=J",
			"x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
		"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	};
	char	   *url = NULL;
	CfError		err;

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
	{
		CfRequest	request = {.method = examples[i].method};
		char		text[200];
		const char *got;

		snprintf(text, sizeof(text), "https://examplebucket.s3.amazonaws.com%s", examples[i].path);
		request.url = text;
		headers_add(&request, examples[i].headers);
		if (!cf_s3_sign_request(&request, &example_keys, &arena, EXAMPLES_US, &err))
			bail("%s", err.message);
		got = strstr(header_of(&request, "Authorization"), "Signature=");
		is_str(got + strlen("Signature="), examples[i].signature, "the documentation: %s", examples[i].title);
	}
	ok(cf_s3_presign_url("GET", "https://examplebucket.s3.amazonaws.com/test.txt", &example_keys, &arena, EXAMPLES_US, 86400, &url, &err),
	   "a URL is presigned");
	is_str(url, "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
		   "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
		   "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
		   "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
		   "the documentation: a presigned GET");
}

static CfCredentials credentials = {{{"access_key_id", "AKIAIOSFODNN7EXAMPLE"},
{"secret_access_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}}, 2};

static CfPlace
place_of(const char *provider, const char *bucket, const char *region, const char *endpoint)
{
	return (CfPlace) {.name = "p", .provider = provider, .bucket = bucket, .region = region, .endpoint = endpoint,
		.prefix = "", .storage_class = "", .credentials = &credentials, .driver = &cf_storage_s3_driver};
}

static void
urls(void)
{
	CfPlaceOption path = {"addressing", "path"};
	CfPlaceOption virtual = {"addressing", "virtual"};
	CfPlaceOption alibaba = {"preset", "alibaba"};
	CfPlace		place = place_of("AWS", "photos", "eu-central-1", "");

	is_str(cf_s3_url(&place, &arena, "a b/ü+%", ""), "https://photos.s3.eu-central-1.amazonaws.com/a%20b/%C3%BC%2B%25",
		   "AWS: the bucket is in the host, each byte of a key is encoded once");
	is_str(cf_s3_url(&place, &arena, NULL, "list-type=2"), "https://photos.s3.eu-central-1.amazonaws.com/?list-type=2", "a bucket");
	place.prefix = "pre/";
	is_str(cf_s3_url(&place, &arena, "k", ""), "https://photos.s3.eu-central-1.amazonaws.com/pre/k", "the prefix of the place is in front");
	place.prefix = "";
	place.bucket = "my.photos";
	is_str(cf_s3_url(&place, &arena, "k", ""), "https://s3.eu-central-1.amazonaws.com/my.photos/k",
		   "a bucket with dots goes into the path: no certificate would match");
	place = place_of("AWS", "photos", "cn-north-1", "");
	is_str(cf_s3_url(&place, &arena, "k", ""), "https://photos.s3.cn-north-1.amazonaws.com.cn/k", "China has hosts of its own");
	place = place_of("AWS", "photos", "us-gov-west-1", "");
	is_str(cf_s3_url(&place, &arena, "k", ""), "https://photos.s3.us-gov-west-1.amazonaws.com/k", "GovCloud has not");
	place = place_of("AWS", "photos", "eu-west-1", "https://s3.dualstack.eu-west-1.amazonaws.com/");
	is_str(cf_s3_url(&place, &arena, "k", ""), "https://photos.s3.dualstack.eu-west-1.amazonaws.com/k", "an endpoint of AWS that was chosen");
	place.options = &path;
	place.option_count = 1;
	is_str(cf_s3_url(&place, &arena, NULL, ""), "https://s3.dualstack.eu-west-1.amazonaws.com/photos", "path style on option");
	place = place_of("AWS", "photos", "eu-west-1", "http://127.0.0.1:9000");
	is_str(cf_s3_url(&place, &arena, "k", ""), "http://127.0.0.1:9000/photos/k", "nothing stands in front of an address");
	place.endpoint = "http://[::1]:9000";
	is_str(cf_s3_url(&place, &arena, "k", ""), "http://[::1]:9000/photos/k", "of any kind");
	place.endpoint = "http://localhost:9000";
	is_str(cf_s3_url(&place, &arena, "k", ""), "http://localhost:9000/photos/k", "nor of a name alone");
	place = place_of("S3", "photos", "", "http://127.0.0.1:9000");
	is_str(cf_s3_url(&place, &arena, "k", ""), "http://127.0.0.1:9000/photos/k", "another store has the bucket in the path");
	place.options = &virtual;
	place.option_count = 1;
	is_str(cf_s3_url(&place, &arena, "k", ""), "http://photos.127.0.0.1:9000/k", "or in the host on option");
	place = place_of("S3", "photos", "cn-hangzhou", "");
	place.options = &alibaba;
	place.option_count = 1;
	is_str(cf_s3_url(&place, &arena, "k", ""), "https://photos.s3.oss-cn-hangzhou.aliyuncs.com/k", "a preset knows its endpoint");
}

static void
places(void)
{
	CfPlace		place = place_of("S3", "photos", "", "http://[::1]:9000");
	CfPlaceOption gcs = {"preset", "gcs"};
	CfPlaceOption payer = {"request_payer", "requester"};
	CfToken		token = {.value = "AKTEMP\nsecret\nsession", .expires_us = 1};
	CfOp		op;
	CfRequest	request = {.method = "GET", .url = "http://[::1]:9000/photos/k"};
	CfRequest	again;
	CfCredentials half = {{{"access_key_id", "AK"}}, 1};
	CfCredentials customer = credentials;
	char	   *url = NULL;
	CfError		err;

	cf_storage_op_init(&op, &place, &arena);
	ok(cf_s3_sign(&request, &op, &arena, EXAMPLES_US, &err), "a request of a place is signed");
	ok(strncmp(header_of(&request, "Authorization"), "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,", 84) == 0,
	   "with its keys, for its region");
	place.token = &token;
	again = (CfRequest) {.method = "GET", .url = request.url};
	ok(cf_s3_sign(&again, &op, &arena, EXAMPLES_US, &err) && strstr(header_of(&again, "Authorization"), "Credential=AKTEMP/") != NULL,
	   "a session that was obtained goes first");
	is_str(header_of(&again, "x-amz-security-token"), "session", "with its token");
	place.token = NULL;
	place.credentials = NULL;
	again = (CfRequest) {.method = "GET", .url = request.url};
	ok(cf_s3_sign(&again, &op, &arena, EXAMPLES_US, &err) && again.header_count == 0, "without credentials a request is anonymous");
	place.credentials = &half;
	ok(!cf_s3_sign(&again, &op, &arena, EXAMPLES_US, &err) && err.kind == CF_ERR_DENIED, "half of the credentials is an error");
	place = place_of("S3", "photos", "", "");
	place.options = &gcs;
	place.option_count = 1;
	again = (CfRequest) {.method = "GET", .url = "https://storage.googleapis.com/photos/k"};
	ok(cf_s3_sign(&again, &op, &arena, EXAMPLES_US, &err) &&
	   strncmp(header_of(&again, "Authorization"), "GOOG4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/auto/storage/goog4_request,SignedHeaders=host;x-goog-date,", 115) == 0,
	   "GCS is signed with words of its own");
	ok(header_of(&again, "x-amz-date") == NULL, "and no header of another family");
	ok(cf_storage_presign(&place, &arena, "GET", "k", EXAMPLES_US, EXAMPLES_US + 60000000, &url, &err) &&
	   strstr(url, "X-Goog-Signature=") != NULL, "a URL too");
	place = place_of("AWS", "photos", "us-east-1", "");
	place.options = &payer;
	place.option_count = 1;
	ok(cf_storage_presign(&place, &arena, "PUT", "k", EXAMPLES_US, EXAMPLES_US + 60000000, &url, &err) &&
	   strncmp(url, "https://photos.s3.us-east-1.amazonaws.com/k?x-amz-request-payer=requester&X-Amz-Algorithm=", 89) == 0,
	   "who pays is part of the URL");
	ok(!cf_storage_presign(&place, &arena, "GET", "k", EXAMPLES_US, EXAMPLES_US + INT64_C(604801000000), &url, &err) &&
	   err.kind == CF_ERR_INPUT, "more than seven days are refused");
	ok(!cf_storage_presign(&place, &arena, "GET", "k", EXAMPLES_US, EXAMPLES_US, &url, &err), "and no time at all");
	place.credentials = NULL;
	ok(cf_storage_presign(&place, &arena, "GET", "k", EXAMPLES_US, EXAMPLES_US + 60000000, &url, &err) && strstr(url, "Signature") == NULL,
	   "without credentials it is the plain URL");
	customer.items[2] = (CfCredential) {"sse_customer_key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="};
	customer.count = 3;
	place.credentials = &customer;
	ok(!cf_storage_presign(&place, &arena, "GET", "k", EXAMPLES_US, EXAMPLES_US + 60000000, &url, &err) && err.kind == CF_ERR_UNSUPPORTED,
	   "an object under a customer's key has no URL");
	cf_storage_op_end(&op);
}

/* Whatever allocation fails: an error of memory, and nothing signed by half. */
static void *
failing_alloc(void *ctx, size_t size)
{
	int		   *left = ctx;

	return (*left)-- > 0 ? malloc(size) : NULL;
}

static void
plain_free(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

static void
short_of_memory(void)
{
	bool		signed_once = false;
	bool		good = true;

	for (int n = 0; n < 40 && !signed_once; n++)
	{
		int			left = n;
		CfAllocator allocator = {failing_alloc, plain_free, &left};
		CfRequest	request = {.method = "GET", .url = "https://h/very/long/path?a=b"};
		CfArena		small;
		CfError		err = {CF_ERR_NONE};
		char		value[3000];
		char	   *url;

		memset(value, 'x', sizeof(value) - 1);
		value[sizeof(value) - 1] = '\0';
		if (!cf_net_header(&request, "x-amz-meta-long", value, &err))
			bail("%s", err.message);
		cf_arena_init(&small, &allocator, 1024, 0);
		signed_once = cf_s3_sign_request(&request, &suite_keys, &small, SUITE_US, &err);
		good &= signed_once || err.kind == CF_ERR_MEMORY;
		cf_arena_free(&small);
		left = n;
		cf_arena_init(&small, &allocator, 1024, 0);
		err.kind = CF_ERR_NONE;
		good &= cf_s3_presign_url("GET", "https://h/k?a=b", &suite_keys, &small, SUITE_US, 60, &url, &err) || err.kind == CF_ERR_MEMORY;
		cf_arena_free(&small);
	}
	ok(signed_once && good, "short of memory at any point, signing says so");
}

int
main(void)
{
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	the_suite();
	the_examples();
	urls();
	places();
	short_of_memory();
	cf_arena_free(&arena);
	return done_testing();
}
