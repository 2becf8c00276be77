/*
 * Logs of the three clouds as their makers document them, and odd ones; gzip and JSON documents fed in pieces of any size; CSV.
 */
#include "harness/tap.h"

#include <zlib.h>

#include "catalog/accesslog.h"
#include "catalog/csv.h"
#include "catalog/gunzip.h"
#include "catalog/records.h"
#include "core/arena.h"

static CfAccessLine line;

static CfAccessFault
parse(CfAccessLogFormat format, const char *text)
{
	size_t		length = strlen(text);
	char	   *copy = malloc(length + 1);
	CfAccessFault fault;

	/* A copy of its exact size, so that a sanitizer sees a read behind its end. */
	memcpy(copy, text, length);
	copy = realloc(copy, length > 0 ? length : 1);
	fault = cf_catalog_accesslog_parse(format, copy, length, &line);
	line.user = (CfAccessText) {strndup(line.user.data, line.user.length), line.user.length};
	line.bucket = (CfAccessText) {strndup(line.bucket.data, line.bucket.length), line.bucket.length};
	free(copy);
	return fault;
}

/* told says in one text what a line told. */
static const char *
told(void)
{
	static const char *const kinds[] = {"read", "write", "delete", "other"};
	static char text[4096];

	snprintf(text, sizeof(text), "%s %.*s/%.*s|%.*s by %.*s, %lld bytes, %lld ms", kinds[line.kind], (int) line.bucket.length, line.bucket.data,
			 (int) line.key_length, line.key, (int) line.other_length, line.other, (int) line.user.length, line.user.data,
			 (long long) line.bytes, (long long) line.latency_ms);
	free((char *) line.user.data);
	free((char *) line.bucket.data);
	return text;
}

#define TOLD(format, text, want, title) \
	do { \
		is_int(parse(format, text), CF_ACCESS_FINE, "%s: is read", title); \
		is_str(told(), want, "%s", title); \
	} while (0)

#define REFUSED(format, text, want, title) \
	do { \
		is_int(parse(format, text), want, "%s", title); \
		told(); \
	} while (0)

#define TRAIL(name, parameters, more) "{\"eventTime\":\"2024-05-01T12:00:00Z\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"" name "\"," \
	"\"userIdentity\":{\"type\":\"IAMUser\",\"arn\":\"arn:aws:iam::1:user/ann\"},\"requestParameters\":{\"bucketName\":\"b\"," parameters "}" more "}"

static void
test_cloudtrail(void)
{
	CfAccessLogFormat f = CF_ACCESSLOG_CLOUDTRAIL;

	TOLD(f, TRAIL("GetObject", "\"key\":\"a/k\"", ",\"additionalEventData\":{\"bytesTransferredOut\":28441.0}"),
		 "read b/a/k| by arn:aws:iam::1:user/ann, 28441 bytes, -1 ms", "CloudTrail: a read with its bytes and requester");
	is_int(line.at_us, INT64_C(1714564800000000), "CloudTrail: time in UTC");
	TOLD(f, TRAIL("GetObject", "\"key\":\"a b\\u00e4%2B+\"", ""), "read b/a b\xc3\xa4%2B+|a b\xc3\xa4+  by arn:aws:iam::1:user/ann, -1 bytes, -1 ms",
		 "CloudTrail: keys stand as they are, or are encoded");
	TOLD(f, TRAIL("HeadObject", "\"key\":\"k\"", ""), "other b/| by , -1 bytes, -1 ms", "CloudTrail: a look is no access");
	TOLD(f, TRAIL("GetObject", "\"key\":\"k\"", ",\"errorCode\":\"AccessDenied\""), "other b/| by , -1 bytes, -1 ms", "CloudTrail: what failed is no access");
	TOLD(f, TRAIL("GetObject", "\"key\":17", ""), "other b/| by arn:aws:iam::1:user/ann, -1 bytes, -1 ms", "CloudTrail: a key that is no text is none");
	TOLD(f, "{\"eventTime\":\"2024-05-01T12:00:00+00:00\",\"eventSource\":\"ec2.amazonaws.com\",\"eventName\":\"GetObject\",\"requestParameters\":null}",
		 "other /| by , -1 bytes, -1 ms", "CloudTrail: another service");
	TOLD(f, TRAIL("CopyObject", "\"key\":\"to\",\"x-amz-copy-source\":\"/from/a+b%2Bc?versionId=1\"", ""),
		 "write b/to| by arn:aws:iam::1:user/ann, -1 bytes, -1 ms", "CloudTrail: a copy writes");
	line.user = line.bucket = (CfAccessText) {"", 0};
	ok(cf_catalog_accesslog_source(&line), "CloudTrail: and tells of its source");
	is_int(line.kind, CF_ACCESS_READ, "which was read");
	is_mem(line.key, "a b+c", line.key_length, "under its key, decoded");
	is_mem(line.bucket.data, "from", 4, "in its bucket");
	ok(!cf_catalog_accesslog_source(&line), "once");
	TOLD(f, TRAIL("CopyObject", "\"key\":\"to\",\"x-amz-copy-source\":\"nokey/\"", ""), "write b/to| by arn:aws:iam::1:user/ann, -1 bytes, -1 ms", "CloudTrail: a source without a key");
	ok(!cf_catalog_accesslog_source(&line), "is no source");
	TOLD(f, TRAIL("UploadPartCopy", "\"key\":\"to\",\"x-amz-copy-source\":\"from/k\"", ""), "other b/| by arn:aws:iam::1:user/ann, -1 bytes, -1 ms", "CloudTrail: a part that is copied is not there yet");
	ok(cf_catalog_accesslog_source(&line), "but its source was read");
	REFUSED(f, "{\"eventTime\":\"2024-05-01\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\"}", CF_ACCESS_BAD_MOMENT, "CloudTrail: no time");
	REFUSED(f, "{\"eventTime\":\"2024-05-01T12:00:00Z\"}", CF_ACCESS_BAD_MEMBER, "CloudTrail: no event");
	REFUSED(f, "[1]", CF_ACCESS_BAD_JSON, "CloudTrail: no object");
	REFUSED(f, "{\"a\":\"\\u0000\"}", CF_ACCESS_BAD_JSON, "CloudTrail: NUL in a text");
	REFUSED(f, "{\"a\":\"\xff\"}", CF_ACCESS_BAD_JSON, "CloudTrail: not UTF-8");
	TOLD(f, "{\"eventTime\":\"2024-05-01T12:00:00Z\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\",\"requestParameters\":{\"bucketName\":\"b\",\"key\":\"k\"},"
		 "\"userIdentity\":{\"invokedBy\":\"x.amazonaws.com\"},\"additionalEventData\":{\"bytesTransferredOut\":-1}}",
		 "read b/k| by x.amazonaws.com, -1 bytes, -1 ms", "CloudTrail: a service that asked, a count that is none");
}

#define AZURE(version, op, status, url, key, sent, more) version ";2024-05-01T12:00:00.1967767Z;" op ";Success;" status ";17;16;authenticated;me;me;blob;\"" url "\";\"" key "\";" \
	"61d2;0;192.0.2.4:4362;2014-02-14;283;0;354;" sent ";0;;;\"0x8D15A2913C934DE\";Thursday, 19-Jun-14 22:58:10 GMT;;\"agent; of a client\";;\"44df\"" more

static void
test_azure(void)
{
	CfAccessLogFormat f = CF_ACCESSLOG_AZURE;

	TOLD(f, AZURE("1.0", "GetBlob", "200", "https://me.blob.core.windows.net/c/k", "/me/c/d/k", "23", ""), "read c/d/k| by me, 23 bytes, 17 ms", "Azure 1.0: a read");
	is_int(line.at_us, INT64_C(1714564800196776), "Azure 1.0: a time with seven digits of a second");
	is_mem(line.account.data, "me", 2, "Azure 1.0: the account");
	TOLD(f, AZURE("1.0", "GetBlob", "206", "u?a=1&amp;b=2", "/me/c/a%20b+&amp;&quot;&#59;&#x3B;&nbsp;&", "", ""), "read c/a b+&\";;&nbsp;&|a%20b+&\";;&nbsp;& by me, -1 bytes, 17 ms",
		 "Azure 1.0: HTML is undone, and then perhaps the URL");
	TOLD(f, AZURE("2.0", "DeleteBlob", "202", "u", "/me/c/k", "0", ";\"oid\";t;a;r;i;\"ann@example.org\";;[]"), "delete c/k| by ann@example.org, -1 bytes, 17 ms", "Azure 2.0: with a user's name");
	TOLD(f, AZURE("2.0", "PutBlob", "201", "u", "/me/c/k", "0", ";\"oid\";t;a;r;i;;;"), "write c/k| by oid, -1 bytes, 17 ms", "Azure 2.0: or an id");
	TOLD(f, AZURE("1.0", "GetBlob", "404", "u", "/me/c/k", "0", ""), "other /| by , -1 bytes, 17 ms", "Azure 1.0: not found");
	TOLD(f, AZURE("1.0", "GetBlob", "", "u", "/me/c/k", "0", ""), "other /| by , -1 bytes, 17 ms", "Azure 1.0: no status");
	TOLD(f, AZURE("1.0", "GetBlob", "200", "u", "/me/c", "0", ""), "other /| by me, 0 bytes, 17 ms", "Azure 1.0: a container is no object");
	TOLD(f, AZURE("1.0", "GetBlob", "200", "u", "me", "0", ""), "other /| by me, 0 bytes, 17 ms", "Azure 1.0: nor is an account");
	REFUSED(f, AZURE("3.0", "GetBlob", "200", "u", "/me/c/k", "0", ""), CF_ACCESS_BAD_VERSION, "Azure: a version to come");
	REFUSED(f, AZURE("2.0", "GetBlob", "200", "u", "/me/c/k", "0", ""), CF_ACCESS_FEW_FIELDS, "Azure 2.0: fields are missing");
	REFUSED(f, AZURE("1.0", "GetBlob", "2x0", "u", "/me/c/k", "0", ""), CF_ACCESS_BAD_STATUS, "Azure 1.0: a status");
	REFUSED(f, AZURE("1.0", "GetBlob", "200", "u", "/me/c/k", "many", ""), CF_ACCESS_BAD_NUMBER, "Azure 1.0: a number");
	REFUSED(f, "1.0;noon" AZURE("", "GetBlob", "200", "u", "/me/c/k", "0", ""), CF_ACCESS_BAD_MOMENT, "Azure 1.0: a time");
	REFUSED(f, "1.0;\"", CF_ACCESS_BAD_QUOTES, "Azure 1.0: a quote without an end");
	REFUSED(f, "1.0;\"a\"b;", CF_ACCESS_BAD_QUOTES, "Azure 1.0: something behind a quote");
	REFUSED(f, "", CF_ACCESS_BAD_VERSION, "Azure 1.0: nothing");
#define RESOURCE(op, status, identity, properties, more) "{\"time\":\"2024-05-01T12:00:00Z\",\"operationName\":\"" op "\",\"statusCode\":" status ",\"durationMs\":5," \
	"\"identity\":" identity ",\"properties\":{\"accountName\":\"me\"" properties "}" more "}"
	TOLD(f, RESOURCE("GetBlob", "200", "{\"requester\":{\"upn\":\"u@x\"}}", ",\"serviceType\":\"blob\",\"objectKey\":\"/me/c/a%20b\",\"responseBodySize\":9", ""),
		 "read c/a b|a%20b by u@x, 9 bytes, 5 ms", "Azure resource log: a read");
	TOLD(f, RESOURCE("PutBlob", "\"201\"", "{\"type\":\"SAS\"}", "", ",\"uri\":\"https://me.blob.core.windows.net:443/c/a%20b?x=1\""),
		 "write c/a b| by SAS, -1 bytes, 5 ms", "Azure resource log: the URL, where the key is missing");
	TOLD(f, RESOURCE("GetBlob", "200", "null", ",\"serviceType\":\"file\"", ""), "other /| by , -1 bytes, 5 ms", "Azure resource log: another service");
	TOLD(f, RESOURCE("GetBlob", "200", "null", "", ",\"uri\":\"https://host\""), "other /| by , -1 bytes, 5 ms", "Azure resource log: a URL without a path");
	TOLD(f, RESOURCE("GetBlob", "200", "null", "", ""), "other /| by , -1 bytes, 5 ms", "Azure resource log: no object at all");
	REFUSED(f, RESOURCE("GetBlob", "20", "null", "", ""), CF_ACCESS_BAD_STATUS, "Azure resource log: a status");
	REFUSED(f, "{\"time\":\"2024-05-01T12:00:00Z\"}", CF_ACCESS_BAD_MEMBER, "Azure resource log: no operation");
	REFUSED(f, "{\"time\":1,\"operationName\":\"GetBlob\",\"statusCode\":200}", CF_ACCESS_BAD_MOMENT, "Azure resource log: a time");
	REFUSED(f, "{", CF_ACCESS_BAD_JSON, "Azure resource log: half an object");
}

#define USAGE(method, uri, status, sent, agent, op, object) "\"1714564800000000\",\"203.0.113.7\",\"1\",\"\",\"" method "\",\"" uri "\",\"" status "\",\"0\",\"" sent \
	"\",\"488000\",\"host\",\"\",\"" agent "\",\"id\",\"" op "\",\"b\",\"" object "\""

static void
test_gcs(void)
{
	CfAccessLogFormat f = CF_ACCESSLOG_GCS;

	TOLD(f, USAGE("GET", "/b/k", "200", "7", "a, b", "GET_Object", "d/k"), "read b/d/k| by , 7 bytes, 488 ms", "GCS: a read");
	TOLD(f, USAGE("GET", "/b/k", "206", "7", "a", "GET_Object", "a \"\"q\"\"%2B+,\xc3\xa4"), "read b/a \"q\"%2B+,\xc3\xa4|a \"q\"++,\xc3\xa4 by , 7 bytes, 488 ms", "GCS: names as they are, or encoded");
	TOLD(f, USAGE("GET", "/storage/v1/b/b/o/k?alt=json", "200", "7", "a", "storage.objects.get", "k"), "other b/| by , -1 bytes, 488 ms", "GCS: metadata is no access");
	TOLD(f, USAGE("GET", "/storage/v1/b/b/o/k?alt=media", "200", "7", "a", "storage.objects.get", "k"), "read b/k| by , 7 bytes, 488 ms", "GCS: bytes by the JSON API are");
	TOLD(f, USAGE("", "", "", "", "GCS Lifecycle Management", "DELETE_Object", "k"), "delete b/k| by , -1 bytes, 488 ms", "GCS: lifecycle deletes without a status");
	TOLD(f, USAGE("", "", "", "", "GCS Lifecycle Management", "PUT_Object", "k"), "other b/| by , -1 bytes, 488 ms", "GCS: lifecycle changes a class");
	TOLD(f, USAGE("GET", "/b/k", "404", "7", "a", "GET_Object", "k"), "other b/| by , -1 bytes, 488 ms", "GCS: not found");
	TOLD(f, USAGE("GET", "/b", "200", "7", "a", "GET_Bucket", ""), "other b/| by , -1 bytes, 488 ms", "GCS: a bucket");
	TOLD(f, "\"time_micros\",\"c_ip\",\"c_ip_type\",\"c_ip_region\",\"cs_method\",\"cs_uri\",\"sc_status\",\"cs_bytes\",\"sc_bytes\",\"time_taken_micros\",\"cs_host\","
		 "\"cs_referer\",\"cs_user_agent\",\"s_request_id\",\"cs_operation\",\"cs_bucket\",\"cs_object\",\"new\"", "other /| by , -1 bytes, -1 ms", "GCS: the header");
	ok(line.header, "GCS: is known as such");
	REFUSED(f, "\"time_micros\",\"c_ip\",\"c_ip_region\"", CF_ACCESS_BAD_HEADER, "GCS: another header");
	REFUSED(f, "\"1714564800000000\",\"1\"", CF_ACCESS_FEW_FIELDS, "GCS: half a line");
	REFUSED(f, "\"17145\"x,", CF_ACCESS_BAD_QUOTES, "GCS: quotes");
	REFUSED(f, "\"-" USAGE("GET", "/b/k", "200", "7", "a", "GET_Object", "k"), CF_ACCESS_BAD_QUOTES, "GCS: quotes in the first field");
	REFUSED(f, USAGE("GET", "/b/k", "2000", "7", "a", "GET_Object", "k"), CF_ACCESS_BAD_STATUS, "GCS: a status");
	REFUSED(f, USAGE("GET", "/b/k", "200", "x", "a", "GET_Object", "k"), CF_ACCESS_BAD_NUMBER, "GCS: a number");
	REFUSED(f, "\"x\",1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", CF_ACCESS_BAD_MOMENT, "GCS: a time");
#define AUDIT(method, resource, status) "{\"timestamp\":\"2024-05-01T12:00:00.5Z\",\"protoPayload\":{\"serviceName\":\"storage.googleapis.com\",\"methodName\":\"" method "\"," \
	"\"resourceName\":\"" resource "\",\"authenticationInfo\":{\"principalEmail\":\"c@x\"},\"status\":" status "}}"
	TOLD(f, AUDIT("storage.objects.get", "projects/_/buckets/b/objects/a b/objects/c", "{}"), "read b/a b/objects/c| by c@x, -1 bytes, -1 ms", "GCS audit log: a read");
	TOLD(f, AUDIT("storage.objects.delete", "projects/_/buckets/b/objects/k", "{\"code\":7}"), "other /| by , -1 bytes, -1 ms", "GCS audit log: denied");
	TOLD(f, AUDIT("storage.objects.get", "projects/_/buckets/b", "{}"), "other /| by , -1 bytes, -1 ms", "GCS audit log: a bucket");
	TOLD(f, AUDIT("storage.objects.get", "x", "{}"), "other /| by , -1 bytes, -1 ms", "GCS audit log: neither");
	REFUSED(f, "{\"timestamp\":\"2024-05-01T12:00:00Z\"}", CF_ACCESS_BAD_MEMBER, "GCS audit log: no method");
	REFUSED(f, "{\"timestamp\":\"x\",\"protoPayload\":{\"methodName\":\"storage.objects.get\"}}", CF_ACCESS_BAD_MOMENT, "GCS audit log: a time");
	REFUSED(f, "{]", CF_ACCESS_BAD_JSON, "GCS audit log: no JSON");
}

static void
test_fields(void)
{
	static const struct
	{
		const char *text;
		int64_t		at_us;
	}			times[] = {
		{"1970-01-01T00:00:00Z", 0}, {"2024-02-29 23:59:60", INT64_C(1709251200000000)}, {"2024-05-01T14:00:00.25+02:00", INT64_C(1714564800250000)},
		{"2024-05-01T07:30:00-0430", INT64_C(1714564800000000)}, {"2023-02-29T00:00:00Z", -1}, {"2024-05-01T24:00:00Z", -1}, {"2024-05-01T12:00:00.Z", -1},
		{"2024-05-01T12:00:00+2", -1}, {"2024-05-01T12:00:00+99:00", -1}, {"1969-12-31T23:59:59Z", -1}, {"2024-13-01T12:00:00Z", -1}, {"2024/05/01T12:00:00Z", -1}, {"2024", -1},
	};
	char		out[8];

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		int64_t		at_us = -1;
		bool		good = cf_catalog_field_iso(&(CfAccessText) {times[i].text, strlen(times[i].text)}, &at_us);

		is_int(good ? at_us : -1, times[i].at_us, "time %s", times[i].text);
	}
	is_int(cf_catalog_field_decode("%41%4", 5, false, out, 8), 3, "half an escape stands for itself");
	is_int(cf_catalog_field_decode("a%00b", 5, false, out, 8), 0, "NUL is no part of a key");
	is_int(cf_catalog_field_decode("123456789", 9, false, out, 8), 0, "nor is what is too long");
	is_int(cf_catalog_field_html("123456789", 9, out, 8), 0, "nor in HTML");
	is_int(cf_catalog_field_html("&#0;&#300;&#xg;&#", 17, out, 8), 0, "entities that are none stay as they are");
	is_int(cf_catalog_field_html("&lt;&gt;&apos;&#65", 18, out, 8), 7, "an entity without an end too");
}

/* cut_records feeds a document in pieces and tells the objects that come out. */
static const char *
cut_records(const char *text, size_t piece, bool *complete)
{
	static char buffer[CF_RECORDS_MAX + 65536];
	static char out[4096];
	CfRecords	records;
	const char *record;
	size_t		length;
	bool		whole;
	size_t		at = 0;
	size_t		size = strlen(text);

	out[0] = '\0';
	cf_catalog_records_init(&records, buffer, sizeof(buffer));
	for (;;)
	{
		size_t		room;
		char	   *to;

		while (cf_catalog_records_next(&records, &record, &length, &whole))
		{
			size_t		used = strlen(out);

			snprintf(out + used, sizeof(out) - used, "%s%.*s@%lld ", whole ? "" : "!", whole ? (int) length : 3, record, (long long) records.consumed);
		}
		if (at == size)
			break;
		to = cf_catalog_records_room(&records, &room);
		room = room < piece ? room : piece;
		room = room < size - at ? room : size - at;
		memcpy(to, text + at, room);
		cf_catalog_records_fill(&records, room);
		at += room;
	}
	*complete = cf_catalog_records_complete(&records);
	return out;
}

static void
test_records(void)
{
	static char large[2 * CF_RECORDS_MAX];
	static const struct
	{
		const char *text;
		const char *want;
		bool		complete;
	}			cases[] = {
		{"{\"Records\":[{\"a\":1},{\"b\":[{}]}]}", "{\"a\":1}@19 {\"b\":[{}]}@30 ", true},
		{"\xef\xbb\xbf {\"x\":\"Records\",\"y\":[{\"a\":1}],\"Records\" : [ {\"}\\\"]\":\"{\"} ] }\n{\"Records\":[{}]}", "{\"}\\\"]\":\"{\"}@59 {}@78 ", true},
		{"{\"x\":{\"Records\":[{\"a\":1}]},\"Record\":[{}],\"Recordss\":[{}],\"R\\u0065cords\":[{}]}", "", true},
		{"{\"Records\":[1,\"s\",[{}],{}]}", "{}@25 ", true},
		{"{\"logFiles\":[{}]}", "", true},
		{"", "", true},
		{"{\"Records\":[{\"a\":1}", "{\"a\":1}@19 ", false},
		{"{\"Records\":[{\"a", "", false},
		{"garbage", "", false},
		{"}", "", false},
	};
	bool		complete;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 1; piece < 200; piece += piece < 4 ? 1 : 60)
		{
			is_str(cut_records(cases[i].text, piece, &complete), cases[i].want, "document %zu in pieces of %zu", i, piece);
			ok(complete == cases[i].complete, "document %zu in pieces of %zu: whole or not", i, piece);
		}
	strcpy(large, "{\"Records\":[{\"a\":\"");
	memset(large + 18, 'x', CF_RECORDS_MAX + 100000);
	strcpy(large + 18 + CF_RECORDS_MAX + 100000, "\"},{\"b\":2}]}");
	is_str(cut_records(large, 50000, &complete), "!{\"a@1148596 {\"b\":2}@1148604 ", "an object that is too long is told of and skipped");
	is_str(cut_records(large, 3000000, &complete), "!{\"a@1148596 {\"b\":2}@1148604 ", "also when it comes in few pieces");
}

/* unpack feeds a gzip stream in pieces; NULL = damaged, "…" at the end = not whole. */
static char *
unpack(const unsigned char *packed, size_t size, size_t piece, size_t room, size_t *total)
{
	static char out[400000];
	CfArena		arena;
	CfGunzip	gunzip;
	size_t		at = 0;
	char	   *result = out;

	*total = 0;
	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	ok(cf_catalog_gunzip_init(&gunzip, &arena), "unpacking begins");
	while (result != NULL && at < size)
	{
		const char *in = (const char *) packed + at;
		size_t		length = piece < size - at ? piece : size - at;
		size_t		got;

		at += length;
		do
		{
			if (!cf_catalog_gunzip_step(&gunzip, &in, &length, out + *total, room, &got))
				result = NULL;
			*total += got;
		} while (result != NULL && (got > 0 || length > 0));
	}
	if (result != NULL && !cf_catalog_gunzip_complete(&gunzip))
		result = NULL;
	cf_arena_free(&arena);
	return result;
}

static size_t
pack(const char *text, size_t length, unsigned char *packed, size_t room)
{
	z_stream	stream = {0};

	deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
	stream.next_in = (unsigned char *) text;
	stream.avail_in = length;
	stream.next_out = packed;
	stream.avail_out = room;
	deflate(&stream, Z_FINISH);
	deflateEnd(&stream);
	return stream.total_out;
}

static void
test_gunzip(void)
{
	static char text[200000];
	unsigned char packed[20000];
	size_t		one = 0;
	size_t		both;
	size_t		total;
	CfGunzip	gunzip;
	CfArena		arena;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "abcdefgh\n"[i % 9];
	one = pack(text, sizeof(text), packed, sizeof(packed));
	ok(cf_catalog_gunzip_known((char *) packed, one), "gzip is known by its beginning");
	ok(!cf_catalog_gunzip_known("1.0;", 4) && !cf_catalog_gunzip_known((char *) packed, 2), "and nothing else is");
	for (size_t piece = 1; piece < 3000; piece = piece * 5 + 2)
		for (size_t room = 10; room < 100000; room = room * 30 + 7)
		{
			char	   *out = unpack(packed, one, piece, room, &total);

			ok(out != NULL && total == sizeof(text) && memcmp(out, text, total) == 0, "unpacked from pieces of %zu into rooms of %zu", piece, room);
		}
	both = one + pack(text, 1000, packed + one, sizeof(packed) - one);
	ok(unpack(packed, both, 777, 4096, &total) != NULL && total == sizeof(text) + 1000, "members in a row are one stream");
	memset(packed + both, 0, 10);
	ok(unpack(packed, both + 10, 777, 4096, &total) != NULL && total == sizeof(text) + 1000, "zero bytes behind them are padding");
	packed[both + 9] = 1;
	ok(unpack(packed, both + 10, 777, 4096, &total) == NULL, "but nothing else is");
	ok(unpack(packed, both - 1, 777, 4096, &total) == NULL, "what ends in the middle is not whole");
	packed[one - 6] ^= 1;
	ok(unpack(packed, one, 777, 4096, &total) == NULL, "a wrong checksum is damage");
	packed[one - 6] ^= 1;
	packed[one / 2] ^= 0xff;
	ok(unpack(packed, one, 777, 4096, &total) == NULL, "so is a flipped byte");
	cf_arena_init(&arena, &cf_arena_malloc, 1024, 1024);
	ok(!cf_catalog_gunzip_init(&gunzip, &arena), "without memory there is no unpacking");
	cf_arena_free(&arena);
}

static const char *
split(const char *text, char delimiter)
{
	static char out[1024];
	char		scratch[256];
	CfAccessText fields[CF_CSV_FIELDS];
	int			count = cf_catalog_csv_split(text, strlen(text), delimiter, scratch, fields);

	snprintf(out, sizeof(out), "%d", count);
	for (int i = 0; i < count; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), " <%.*s>", (int) fields[i].length, fields[i].data);
	return out;
}

static void
test_csv(void)
{
	char		many[CF_CSV_FIELDS + 2];

	is_str(split("", ','), "1 <>", "an empty line is one empty field");
	is_str(split("a,\"b\",,\"c,\"\"d\"\"\",\"\"", ','), "5 <a> <b> <> <c,\"d\"> <>", "plain, quoted, empty, with commas and quotes");
	is_str(split("\"a\"\"\",\"\"\"b\"", ','), "2 <a\"> <\"b>", "two fields with quotes do not share their room");
	is_str(split("a;b,c", ';'), "2 <a> <b,c>", "another delimiter");
	is_str(split("a\"b", ','), "-1", "a quote in a plain field");
	is_str(split("\"a\"b", ','), "-1", "something behind a quoted field");
	is_str(split("\"a", ','), "-1", "a quoted field without an end");
	memset(many, ',', sizeof(many));
	many[CF_CSV_FIELDS] = '\0';
	is_str(split(many, ','), "-1", "too many fields");
	many[CF_CSV_FIELDS - 1] = '\0';
	is_int(atoi(split(many, ',')), CF_CSV_FIELDS, "as many as there may be");
}

int
main(void)
{
	CfAccessLogFormat format;

	ok(cf_catalog_accesslog_format("cloudtrail", &format) && format == CF_ACCESSLOG_CLOUDTRAIL, "formats have names");
	is_str(cf_catalog_accesslog_name(CF_ACCESSLOG_GCS), "gcs", "both ways");
	test_cloudtrail();
	test_azure();
	test_gcs();
	test_fields();
	test_records();
	test_gunzip();
	test_csv();
	return done_testing();
}
