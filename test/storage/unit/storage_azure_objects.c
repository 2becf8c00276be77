/*
 * storage_azure_objects.c: one object in one request on Azure: exactly what is asked, and what is made of each answer.
 */
#include "harness/tap.h"
#include "storage/unit/storage_azure.h"

#define HOST "http://127.0.0.1:10000/acct/box/"
#define VERSION "x-ms-version: 2023-11-03\n"
#define ETAG "etag: \"0x8DA\"\n"
#define THERE ETAG MODIFIED
#define MINE "x-ms-meta-cf_owner_tag: job-1\n"
#define CRC_HELLO "V0JSBnCFdzM="	/* CRC-64/NVME of "hello", little-endian */

static CfObjectStat stat;

static void
begin(void)
{
	place_open("http://127.0.0.1:10000/acct", "");
}

static void
looking(void)
{
	begin();
	script({200, THERE "content-length: 5\ncontent-type: text/plain\nx-ms-access-tier: Cool\ncache-control: no-cache\n"
		"x-ms-meta-colour: blue\n" MINE "x-ms-last-access-time: Sun, 06 Nov 1994 08:49:37 GMT\n", NULL});
	ok(run(cf_storage_stat(&op, "a b/k", &stat)), "an object is found");
	asks(0, "HEAD " HOST "a%20b/k\n" VERSION, "by HEAD");
	is_int(stat.size_bytes, 5, "its size");
	is_str(stat.version, "0x8DA", "its pin is the ETag");
	is_str(stat.storage_class, "Cool", "its class");
	is_str(stat.attributes.metadata, "colour=blue\ncf_owner_tag=job-1\n", "its metadata");
	is_int(stat.mtime_us, NOW_US - INT64_C(1933000000), "its time");
	is_int(stat.atime_us, INT64_C(784111777000000), "when it was read last");
	ok(!stat.must_restore && !stat.restoring && stat.digests.known == 0, "it can be read, and the service vouches for no digest");
	script({200, THERE "content-length: 5\ncontent-md5: XUFAKrxLKna5cZ2REBfFkg==\nx-ms-meta-cf_crc64nvme: V0JSBnCFdzM=\n", NULL});
	ok(run(cf_storage_stat(&op, "k", &stat)) && stat.digests.known == 0 && stat.digests.claimed == (CF_DIGEST_MD5 | CF_DIGEST_CRC64NVME) &&
	   stat.digests.crc64nvme == cf_crc64nvme(0, "hello", 5) && stat.digests.md5[0] == 0x5d, "but tells those that somebody claims");
	script({200, THERE "content-length: 5\nx-ms-access-tier: Archive\nx-ms-archive-status: rehydrate-pending-to-hot\n", NULL});
	ok(run(cf_storage_stat(&op, "k", &stat)) && stat.must_restore && stat.restoring, "an archived one that is being restored");
	script({200, THERE "content-length: 5\nx-ms-tag-count: 2\n", NULL},
		   {200, "", "<?xml version=\"1.0\"?><Tags><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b c</Key><Value/></Tag></TagSet></Tags>"});
	ok(run(cf_storage_stat(&op, "k", &stat)), "one with tags");
	asks(1, "GET " HOST "k?comp=tags\n" VERSION, "asks for them");
	is_str(stat.attributes.tags, "a=1\nb c=\n", "and tells them");
	script({200, THERE "content-length: 5\nx-ms-tag-count: 2\n", NULL}, {403, "x-ms-error-code: AuthorizationPermissionMismatch\n", ""});
	fails(CF_ERR_DENIED, cf_storage_stat(&op, "k", &stat), "tags that may not be read are an error: they would be lost");
	ok(strstr(op.err.hint, "permission t") != NULL, "which says what is missing");
	script({200, THERE "content-length: 5\nx-ms-tag-count: 2\n", NULL}, {200, "", "<Tags"});
	fails(CF_ERR_IO, cf_storage_stat(&op, "k", &stat), "nor may they be garbage");
	place_close();
}

static void
not_looking(void)
{
	static const struct
	{
		Answer		answer;
		CfErrorKind kind;
		bool		retryable;
	}			bad[] = {
		{{404, "x-ms-error-code: BlobNotFound\n", NULL}, CF_ERR_NOT_FOUND, false},
		{{404, "", NULL}, CF_ERR_NOT_FOUND, false},
		{{404, "x-ms-error-code: ContainerNotFound\n", NULL}, CF_ERR_STATE, false},
		{{403, "x-ms-error-code: AuthenticationFailed\n", NULL}, CF_ERR_DENIED, false},
		{{401, "", NULL}, CF_ERR_DENIED, false},
		{{400, "x-ms-error-code: OutOfRangeInput\n", NULL}, CF_ERR_INPUT, false},
		{{500, "x-ms-error-code: InternalError\n", NULL}, CF_ERR_IO, true},
		{{503, "x-ms-error-code: ServerBusy\n", NULL}, CF_ERR_IO, true},
		{{301, "location: http://169.254.169.254/\n", NULL}, CF_ERR_IO, false},
		{{413, "", NULL}, CF_ERR_RANGE, false},
		{{409, "", NULL}, CF_ERR_STATE, false},
		{{412, "", NULL}, CF_ERR_CHANGED, false},
		{{200, "content-length: 5\n" MODIFIED, NULL}, CF_ERR_IO, true},
		{{200, ETAG MODIFIED "content-length: -5\n", NULL}, CF_ERR_IO, true},
		{{200, ETAG "content-length: 5\nlast-modified: today\n", NULL}, CF_ERR_IO, true},
		{{200, "etag: \"\"\n" MODIFIED "content-length: 5\n", NULL}, CF_ERR_IO, true},
		{{200, "etag: \"a\tb\"\n" MODIFIED "content-length: 5\n", NULL}, CF_ERR_IO, true},
		{{0, "", NULL}, CF_ERR_IO, true},
	};

	begin();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		answers = &bad[i].answer;
		answer_count = 1;
		asked = 0;
		fails(bad[i].kind, cf_storage_stat(&op, "k", &stat), "HTTP %d %.*s is an error of its kind", bad[i].answer.status,
			  (int) strcspn(bad[i].answer.headers, "\n"), bad[i].answer.headers);
		is_int(op.err.retryable, bad[i].retryable, "which may%s pass", bad[i].retryable ? "" : " not");
	}
	script({404, "x-ms-request-id: 1234-\nx-ms-error-code: Blob\tNotFound\n", NULL});
	fails(CF_ERR_NOT_FOUND, cf_storage_stat(&op, "a\nb", &stat), "hostile texts");
	is_str(op.err.message, "could not look at object \"a\\x0ab\" of place \"blue\": HTTP 404 Blob", "are made printable");
	is_str(op.err.detail, "The store's id of the request is 1234-.", "and the request is named");
	script({400, "", "<Error><Code>InvalidInput</Code><Message>One of the inputs is not valid.\nRequestId:1\nTime:2</Message></Error>"});
	fails(CF_ERR_INPUT, cf_storage_stat(&op, "k", &stat), "what the service says in its body");
	is_str(op.err.detail, "One of the inputs is not valid.", "is told");
	script({403, "", "<Error><Code>AuthenticationFailed</Code><Message>signature of GET\n\n\nSECRET</Message></Error>"});
	fails(CF_ERR_DENIED, cf_storage_stat(&op, "k", &stat), "but not of an authentication that failed");
	ok(strstr(op.err.detail, "SECRET") == NULL && strstr(op.err.detail, "signature") == NULL, "it repeats what was signed");
	place_close();
}

static long
reading(const char *version, int64_t offset, int64_t length, char *out, size_t chunk_bytes)
{
	CfReadArgs	args = {.key = "k", .version = version, .offset = offset, .length = length};
	long		total = 0;
	bool		more,
				done;

	do
	{
		CfChunk		chunk = {.data = out + total, .capacity = chunk_bytes};

		more = run_step(cf_storage_read(&op, &args, &chunk), &done);
		total += chunk.length;
	} while (more);
	return done ? total : -1;
}

static void
ranges(void)
{
	char		out[32];

	begin();
	script({206, THERE "content-range: bytes 0-3/6\n", "abcd"}, {206, THERE "content-range: bytes 4-5/6\n", "ef"});
	is_int(reading("0x8DA", 0, -1, out, 4), 6, "an object is read in two ranges");
	asks(0, "GET " HOST "k\n" VERSION "If-Match: \"0x8DA\"\nx-ms-range: bytes=0-3\nx-ms-range-get-content-crc64: true\n", "the first");
	asks(1, "GET " HOST "k\n" VERSION "If-Match: \"0x8DA\"\nx-ms-range: bytes=4-7\nx-ms-range-get-content-crc64: true\n", "the second");
	is_mem(out, "abcdef", 6, "with its bytes");
	script({206, THERE "content-range: bytes 0-3/6\nx-ms-content-crc64: FlyTWDs+fqE=\n", "abcd"},
		   {206, THERE "content-range: bytes 4-5/6\nx-ms-content-crc64: z7kvLzK+RVY=\n", "ef"});
	is_int(reading("0x8DA", 0, -1, out, 4), 6, "the CRC-64 of each range is compared");
	script({206, THERE "content-range: bytes 0-3/6\nx-ms-content-crc64: FlyTWDs+fqE=\n", "abxd"});
	ok(reading("0x8DA", 0, -1, out, 4) < 0 && op.err.kind == CF_ERR_IO && op.err.retryable && strstr(op.err.detail, "damaged") != NULL,
	   "a range that was damaged on its way is read again");
	script({206, THERE "content-range: bytes 0-3/6\n", "abcd"}, {206, "etag: \"0x8DB\"\n" MODIFIED "content-range: bytes 4-5/6\n", "xx"});
	ok(reading("", 0, -1, out, 4) < 0 && op.err.kind == CF_ERR_CHANGED, "without a pin, the first answer's is kept");
	asks(1, "GET " HOST "k\n" VERSION "If-Match: \"0x8DA\"\nx-ms-range: bytes=4-7\nx-ms-range-get-content-crc64: true\n", "and asked for");
	script({200, THERE "content-length: 6\n", "abcdef"});
	is_int(reading("0x8DA", 0, -1, out, 16), 6, "a whole object instead of a range that is the whole");
	script({206, THERE "content-range: bytes 2-3/6\n", "cd"});
	is_int(reading("0x8DA", 2, 2, out, 16), 2, "a range in the middle");
	asks(0, "GET " HOST "k\n" VERSION "If-Match: \"0x8DA\"\nx-ms-range: bytes=2-3\nx-ms-range-get-content-crc64: true\n", "and no more than that");
	script({416, "x-ms-error-code: InvalidRange\n", NULL}, {200, THERE "content-length: 6\n", NULL});
	is_int(reading("0x8DA", 6, -1, out, 16), 0, "a range at the end is empty");
	asks(1, "HEAD " HOST "k\n" VERSION "If-Match: \"0x8DA\"\n", "which the size tells");
	script({206, THERE "content-range: bytes 6-5/6\n", ""});
	is_int(reading("0x8DA", 6, -1, out, 16), 0, "as an emulator tells it, too");
	script({416, "", NULL}, {200, THERE "content-length: 6\n", NULL});
	ok(reading("0x8DA", 7, -1, out, 16) < 0 && op.err.kind == CF_ERR_INPUT, "one beyond is refused");
	script({200, THERE "content-length: 6\n", NULL});
	is_int(reading("0x8DA", 3, 0, out, 16), 0, "a range of nothing asks for the headers alone");
	asks(0, "HEAD " HOST "k\n" VERSION "If-Match: \"0x8DA\"\n", "under the pin");
	script({500, "", "<Error><Code>FeatureNotSupported</Code></Error>"}, {206, THERE "content-range: bytes 0-3/4\n", "abcd"});
	is_int(reading("0x8DA", 0, -1, out, 4), 4, "a service that tells no CRC");
	asks(1, "GET " HOST "k\n" VERSION "If-Match: \"0x8DA\"\nx-ms-range: bytes=0-3\n", "is asked without it");
	ok(cf_azure_classify(&op.request, &op.response, &op) == CF_NET_FINAL, "at once");
	script({404, "x-ms-error-code: BlobNotFound\n", NULL});
	ok(reading("0x8DA", 0, -1, out, (size_t) 64 * 1024 * 1024) < 0, "a large buffer");
	asks(0, "GET " HOST "k\n" VERSION "If-Match: \"0x8DA\"\nx-ms-range: bytes=0-4194303\nx-ms-range-get-content-crc64: true\n",
		 "is filled by ranges whose CRC the service tells");
	script({206, THERE "content-range: bytes 4-5/6\n", "ef"});
	ok(reading("0x8DA", 4, 9, out, 16) < 0 && op.err.kind == CF_ERR_INPUT, "a range that ends beyond is refused");
	place_close();
}

static void
bad_ranges(void)
{
	static const struct
	{
		Answer		answers[2];
		CfErrorKind kind;
		const char *title;
	}			bad[] = {
		{{{412, "x-ms-error-code: ConditionNotMet\n", NULL}}, CF_ERR_CHANGED, "another version"},
		{{{404, "x-ms-error-code: BlobNotFound\n", NULL}}, CF_ERR_NOT_FOUND, "nothing there"},
		{{{409, "x-ms-error-code: BlobArchived\n", NULL}}, CF_ERR_STATE, "an archived object"},
		{{{206, "etag: \"0x8DB\"\n" MODIFIED "content-range: bytes 0-3/6\n", "abcd"}}, CF_ERR_CHANGED, "a version that was not asked for"},
		{{{206, THERE "content-range: bytes 0-3/6\n", "abc"}}, CF_ERR_IO, "fewer bytes than told"},
		{{{206, THERE "content-range: bytes 0-3/*\n", "abcd"}}, CF_ERR_IO, "no total"},
		{{{206, THERE, "abcd"}}, CF_ERR_IO, "no range"},
		{{{206, MODIFIED "content-range: bytes 0-3/6\n", "abcd"}}, CF_ERR_IO, "no version"},
		{{{206, THERE "content-range: bytes 0-3/0\n", "abcd"}}, CF_ERR_IO, "more than there is"},
		{{{206, THERE "content-range: bytes 0-3/9\n", ""}}, CF_ERR_IO, "nothing of it"},
		{{{200, THERE, "abcd"}}, CF_ERR_IO, "no length"},
		{{{204, THERE, ""}}, CF_ERR_IO, "no content"},
		{{{416, "", NULL}, {412, "", NULL}}, CF_ERR_CHANGED, "no range, and another version"},
		{{{416, "", NULL}, {404, "", NULL}}, CF_ERR_NOT_FOUND, "no range, and nothing there"},
		{{{416, "", NULL}, {200, "", NULL}}, CF_ERR_IO, "no range, and no headers"},
		{{{416, "", NULL}, {200, THERE "content-length: 6\n", NULL}}, CF_ERR_CHANGED, "no range, where there is one"},
		{{{416, "", NULL}, {200, "etag: \"0x8DB\"\n" MODIFIED "content-length: 0\n", NULL}}, CF_ERR_CHANGED, "no range, and a version that was not asked for"},
	};
	char		out[32];
	char		version[200];

	begin();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		answers = bad[i].answers;
		answer_count = 2;
		asked = 0;
		ok(reading("0x8DA", 0, -1, out, 4) < 0 && op.err.kind == bad[i].kind, "%s is an error of its kind", bad[i].title);
	}
	memset(version, 'v', sizeof(version));
	version[199] = '\0';
	ok(reading(version, 0, -1, out, 4) < 0 && op.err.kind == CF_ERR_CHANGED, "a version that is too long is another version");
	ok(reading("a\"b", 0, -1, out, 4) < 0 && op.err.kind == CF_ERR_INPUT, "one with a quote is none");
	place_close();
}

static CfUploadArgs
hello(void)
{
	return (CfUploadArgs) {.key = "k", .owner_tag = "job-1", .size_bytes = 5, .content_type = "text/plain", .storage_class = "",
		.metadata = "cf_file_id=01\ncf_owner_tag=other"};
}

static void
creating(void)
{
	CfUploadArgs args = hello();

	begin();
	args.storage_class = "COOL_ZRS";
	args.attributes = (CfAttributes) {.cache_control = "no-cache", .content_disposition = "inline", .content_encoding = "gzip",
		.content_language = "de", .metadata = "colour=blue\ncf_file_id=old\n", .tags = "a b=1\nc=x/y"};
	script({201, THERE "x-ms-content-crc64: " CRC_HELLO "\n", NULL});
	ok(run(cf_storage_put(&op, &args, "hello", 5, &stat)), "an object is created");
	asks(0, "PUT " HOST "k\n" VERSION "x-ms-blob-type: BlockBlob\nIf-None-Match: *\nContent-Type: application/octet-stream\n"
		 "x-ms-content-crc64: " CRC_HELLO "\nx-ms-blob-content-type: text/plain\nx-ms-blob-cache-control: no-cache\n"
		 "x-ms-blob-content-disposition: inline\nx-ms-blob-content-encoding: gzip\nx-ms-blob-content-language: de\n"
		 "x-ms-access-tier: Cool\nx-ms-tags: a%20b=1&c=x%2Fy\nx-ms-meta-cf_file_id: 01\nx-ms-meta-colour: blue\n"
		 "x-ms-meta-cf_crc64nvme: " CRC_HELLO "\nx-ms-meta-cf_owner_tag: job-1\nhello\n",
		 "create-only, with digest, attributes, class, tags, and what we say of it; not what its source said of itself");
	is_str(stat.version, "0x8DA", "its pin is told");
	is_str(stat.storage_class, "Cool", "its class");
	ok(stat.size_bytes == 5 && stat.digests.known == CF_DIGEST_CRC64NVME && stat.digests.crc64nvme == cf_crc64nvme(0, "hello", 5),
	   "its size and digest");
	script({201, THERE, NULL});
	ok(run(cf_storage_put(&op, &args, "hello", 5, &stat)) && stat.digests.known == CF_DIGEST_CRC64NVME, "a service that repeats no digest has checked ours");
	script({201, THERE "x-ms-content-crc64: AAAAAAAAAAA=\n", NULL});
	fails(CF_ERR_IO, cf_storage_put(&op, &args, "hello", 5, &stat), "one that says that it holds other bytes is believed");
	args.size_bytes = 0;
	args.attributes = (CfAttributes) {.metadata = ""};
	script({201, THERE, NULL});
	ok(run(cf_storage_put(&op, &args, "", 0, &stat)) && strstr(requests[0], "x-ms-content-crc64: AAAAAAAAAAA=\n") != NULL, "nothing is an object, too");
	place_close();
}

static void
not_creating(void)
{
	CfUploadArgs args = hello();

	begin();
	script({409, "x-ms-error-code: BlobAlreadyExists\n", NULL});
	fails(CF_ERR_EXISTS, cf_storage_put(&op, &args, "hello", 5, &stat), "somebody is there");
	script({412, "x-ms-error-code: ConditionNotMet\n", NULL});
	fails(CF_ERR_EXISTS, cf_storage_put(&op, &args, "hello", 5, &stat), "told by 412");
	is_int(asked, 1, "which is not doubted");
	script({409, "x-ms-error-code: BlobAlreadyExists\n", NULL, 2}, {200, THERE MINE "content-length: 5\nx-ms-meta-cf_crc64nvme: " CRC_HELLO "\n", NULL});
	ok(run(cf_storage_put(&op, &args, "hello", 5, &stat)), "after a second sending it may be our own");
	is_str(stat.version, "0x8DA", "with its pin");
	script({409, "x-ms-error-code: BlobAlreadyExists\n", NULL, 2}, {200, THERE MINE "content-length: 5\nx-ms-meta-cf_crc64nvme: AAAAAAAAAAA=\n", NULL});
	fails(CF_ERR_EXISTS, cf_storage_put(&op, &args, "hello", 5, &stat), "not with another digest");
	script({409, "x-ms-error-code: BlobAlreadyExists\n", NULL, 2}, {200, THERE MINE "content-length: 6\n", NULL});
	fails(CF_ERR_EXISTS, cf_storage_put(&op, &args, "hello", 5, &stat), "nor another size");
	script({409, "x-ms-error-code: BlobAlreadyExists\n", NULL, 2}, {200, THERE "content-length: 5\nx-ms-meta-cf_owner_tag: job-2\n", NULL});
	fails(CF_ERR_EXISTS, cf_storage_put(&op, &args, "hello", 5, &stat), "nor another owner");
	script({409, "x-ms-error-code: BlobAlreadyExists\n", NULL, 2}, {404, "x-ms-error-code: BlobNotFound\n", NULL});
	fails(CF_ERR_EXISTS, cf_storage_put(&op, &args, "hello", 5, &stat), "nor when it left meanwhile");
	ok(op.err.retryable, "but then it may be tried again");
	script({409, "x-ms-error-code: BlobAlreadyExists\n", NULL, 2}, {200, "content-length: 5\n", NULL});
	fails(CF_ERR_IO, cf_storage_put(&op, &args, "hello", 5, &stat), "headers that lack something decide nothing");
	args.resume = true;
	script({409, "x-ms-error-code: BlobAlreadyExists\n", NULL}, {200, THERE MINE "content-length: 5\n", NULL});
	ok(run(cf_storage_put(&op, &args, "hello", 5, &stat)), "what is resumed may be there from an earlier life");
	args.resume = false;
	script({0, "", NULL, 1}, {200, THERE MINE "content-length: 5\n", NULL});
	ok(run(cf_storage_put(&op, &args, "hello", 5, &stat)), "an answer that was lost is looked for");
	script({500, "", NULL}, {404, "", NULL});
	fails(CF_ERR_IO, cf_storage_put(&op, &args, "hello", 5, &stat), "and when nothing is there, the first error counts");
	script({201, "etag: \"0x8DA\"\n", NULL}, {200, THERE MINE "content-length: 5\n", NULL});
	ok(run(cf_storage_put(&op, &args, "hello", 5, &stat)), "so is half an answer");
	script({0, "", NULL, -1});
	fails(CF_ERR_IO, cf_storage_put(&op, &args, "hello", 5, &stat), "what was never sent is not looked for");
	is_int(asked, 1, "at all");
	script({400, "x-ms-error-code: Crc64Mismatch\n", NULL});
	fails(CF_ERR_IO, cf_storage_put(&op, &args, "hello", 5, &stat), "bytes that were damaged on their way");
	ok(op.err.retryable, "may be sent again");
	place_close();
}

static void
attributes(void)
{
	static const struct
	{
		const char *metadata;
		const char *tags;
		const char *storage_class;
	}			bad[] = {
		{"with-hyphen=1", "", ""}, {"1st=1", "", ""}, {"n\xc3\xa4me=1", "", ""}, {"name=v\xc3\xa4lue", "", ""}, {"", "a=1\na\xc3\xa4=2", ""},
		{"", "1=\n2=\n3=\n4=\n5=\n6=\n7=\n8=\n9=\n10=\n11=", ""}, {"", "", "GLACIER"},
	};
	CfUploadArgs args = hello();
	char		large[9000];

	begin();
	asked = answer_count = 0;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		args.attributes.metadata = bad[i].metadata;
		args.attributes.tags = bad[i].tags;
		args.storage_class = bad[i].storage_class;
		fails(CF_ERR_INPUT, cf_storage_put(&op, &args, "hello", 5, &stat), "what Azure cannot keep is refused (%d)", (int) i);
	}
	memset(large, 'x', sizeof(large));
	memcpy(large, "name=", 5);
	large[sizeof(large) - 1] = '\0';
	args.storage_class = args.attributes.tags = "";
	args.attributes.metadata = large;
	fails(CF_ERR_INPUT, cf_storage_put(&op, &args, "hello", 5, &stat), "more than 8 KiB too");
	args.attributes.metadata = "nothing\n=nothing\n\n";
	args.content_type = "text/\r\nplain";
	fails(CF_ERR_INPUT, cf_storage_put(&op, &args, "hello", 5, &stat), "and a content type that would be two headers");
	is_int(asked, 0, "before anything is sent");
	place_close();
}

static void
removing(void)
{
	static const struct
	{
		Answer		answers[2];
		bool		done;
		CfRemoved	removed;
		const char *title;
	}			cases[] = {
		{{{202, "", NULL}}, true, CF_REMOVED_DELETED, "deleted"},
		{{{404, "x-ms-error-code: BlobNotFound\n", NULL}}, true, CF_REMOVED_GONE, "gone"},
		{{{412, "x-ms-error-code: ConditionNotMet\n", NULL}, {200, THERE, NULL}}, true, CF_REMOVED_CHANGED, "another version"},
		{{{412, "x-ms-error-code: ConditionNotMet\n", NULL}, {404, "", NULL}}, true, CF_REMOVED_GONE, "gone, which is a condition, too"},
		{{{412, "x-ms-error-code: ConditionNotMet\n", NULL}, {500, "", NULL}}, false, CF_REMOVED_GONE, "nobody knows"},
		{{{412, "x-ms-error-code: LeaseIdMissing\n", NULL}}, true, CF_REMOVED_KEPT, "kept under a lease"},
		{{{409, "x-ms-error-code: SnapshotsPresent\n", NULL}}, true, CF_REMOVED_KEPT, "kept with its snapshots"},
		{{{409, "x-ms-error-code: BlobImmutableDueToPolicy\n", NULL}}, true, CF_REMOVED_KEPT, "kept by a policy"},
		{{{404, "x-ms-error-code: ContainerNotFound\n", NULL}}, false, CF_REMOVED_GONE, "no container"},
		{{{409, "x-ms-error-code: ContainerBeingDeleted\n", NULL}}, false, CF_REMOVED_GONE, "a container that goes"},
		{{{403, "", NULL}}, false, CF_REMOVED_GONE, "forbidden"},
		{{{500, "", NULL}}, false, CF_REMOVED_GONE, "a failure"},
		{{{0, "", NULL}}, false, CF_REMOVED_GONE, "silence"},
	};

	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CfRemoved	removed = CF_REMOVED_GONE;
		bool		done;

		answers = cases[i].answers;
		answer_count = 2;
		asked = 0;
		done = run(cf_storage_remove(&op, "k", "0x8DA", "r-1", &removed));
		ok(done == cases[i].done && removed == cases[i].removed, "removing: %s", cases[i].title);
		ok(removed != CF_REMOVED_KEPT || op.err.message[0] != '\0', "with a reason where it is kept");
	}
	asks(0, "DELETE " HOST "k\n" VERSION "If-Match: \"0x8DA\"\n", "only the pinned version, never its snapshots");
	fails(CF_ERR_INPUT, cf_storage_remove(&op, "k", "a\"b", "r-1", &(CfRemoved) {0}), "what cannot be a version is refused");
	place_close();
}

#define BLOB_XML(name, length, more) "<Blob><Name>" name "</Name><Properties><Last-Modified>Sat, 21 Nov 2026 16:00:00 GMT</Last-Modified>" \
	"<Etag>0x8DA</Etag><Content-Length>" length "</Content-Length>" more "</Properties></Blob>"
#define LIST_XML(blobs, marker) "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"box\"><Blobs>" blobs \
	"</Blobs><NextMarker>" marker "</NextMarker></EnumerationResults>"

static void
listing(void)
{
	CfListPage	page;

	place_open("http://127.0.0.1:10000/acct", "pre/");
	script({200, "", LIST_XML(BLOB_XML("pre/a&amp;b", "5", "<AccessTier>Hot</AccessTier><Content-Type>text/plain</Content-Type>")
							  BLOB_XML("pre/folder", "0", "<ResourceType>directory</ResourceType>") BLOB_XML("pre/", "0", "")
							  "<Blob><Name Encoded=\"true\">pre/x%01%EF%BF%BE</Name><Properties><Last-Modified>Sat, 21 Nov 2026 16:00:00 GMT</Last-Modified>"
							  "<Etag>0x8DB</Etag><Content-Length>0</Content-Length><AccessTier>Archive</AccessTier><LastAccessTime>Sun, 06 Nov 1994 08:49:37 GMT"
							  "</LastAccessTime><ArchiveStatus>rehydrate-pending-to-cool</ArchiveStatus></Properties></Blob>"
							  BLOB_XML("other/z", "1", "") BLOB_XML("pre/long", "-1", ""), "2!92!mark&amp;er/=")});
	ok(run(cf_storage_list(&op, "a/", NULL, 10000, &page)), "a page is listed");
	asks(0, "GET http://127.0.0.1:10000/acct/box?restype=container&comp=list&maxresults=5000&prefix=pre%2Fa%2F\n" VERSION, "5,000 at most");
	is_int(page.count, 2, "with its objects");
	is_str(page.entries[0].key, "a&b", "a key without the place's prefix");
	ok(page.entries[0].stat.size_bytes == 5 && strcmp(page.entries[0].stat.version, "0x8DA") == 0 &&
	   strcmp(page.entries[0].stat.storage_class, "Hot") == 0 && strcmp(page.entries[0].stat.content_type, "text/plain") == 0, "with what is known of it");
	is_str(page.entries[1].key, "x\x01\xef\xbf\xbe", "a key that XML cannot hold");
	ok(page.entries[1].stat.restoring && page.entries[1].stat.atime_us > 0, "of an object that is being restored");
	is_int(page.unreadable, 2, "folders are passed over, what is strange is counted");
	is_str(page.next, "2%2192%21mark%26er%2F%3D", "the token is printable");
	script({200, "", LIST_XML("", "")});
	ok(run(cf_storage_list(&op, "", page.next, 7, &page)) && page.count == 0 && page.next == NULL, "the next page is the last");
	asks(0, "GET http://127.0.0.1:10000/acct/box?restype=container&comp=list&maxresults=7&prefix=pre%2F&marker=2%2192%21mark%26er%2F%3D\n" VERSION,
		 "it begins at the token");
	script({200, "", LIST_XML(BLOB_XML("pre/a", "5", "") BLOB_XML("pre/b", "5", ""), "")});
	fails(CF_ERR_IO, cf_storage_list(&op, "", NULL, 1, &page), "more than was asked for is no listing");
	script({200, "", "<EnumerationResults><Blobs>"});
	fails(CF_ERR_IO, cf_storage_list(&op, "", NULL, 1, &page), "nor is what breaks off");
	script({200, "", "<html></html>"});
	fails(CF_ERR_IO, cf_storage_list(&op, "", NULL, 1, &page), "nor something else");
	script({403, "x-ms-error-code: AuthorizationFailure\n", ""});
	fails(CF_ERR_DENIED, cf_storage_list(&op, "", NULL, 1, &page), "what is forbidden is told");
	script({200, "", LIST_XML("<Blob><Name Encoded=\"true\">pre/%00</Name></Blob><Blob></Blob>", "")});
	ok(run(cf_storage_list(&op, "", NULL, 9, &page)) && page.count == 0 && page.unreadable == 2, "names that cannot be are counted");
	fails(CF_ERR_INPUT, cf_storage_list(&op, "", "a&b", 1, &page), "a token that is none of ours is refused");
	place_close();
}

static void
verdicts(void)
{
	static const struct
	{
		Answer		answer;
		bool		truncated;
		CfNetVerdict verdict;
	}			cases[] = {
		{{200, "", NULL}, false, CF_NET_FINAL}, {{200, "", NULL}, true, CF_NET_RETRY}, {{404, "", NULL}, false, CF_NET_FINAL},
		{{409, "", NULL}, false, CF_NET_FINAL}, {{412, "", NULL}, false, CF_NET_FINAL}, {{501, "", NULL}, false, CF_NET_FINAL},
		{{500, "x-ms-error-code: OperationTimedOut\n", NULL}, false, CF_NET_RETRY}, {{502, "", NULL}, false, CF_NET_RETRY},
		{{408, "", NULL}, false, CF_NET_RETRY}, {{503, "", NULL}, false, CF_NET_RETRY},
		{{503, "x-ms-error-code: ServerBusy\n", NULL}, false, CF_NET_SLOW_DOWN}, {{429, "", NULL}, false, CF_NET_SLOW_DOWN},
		{{401, "", NULL}, false, CF_NET_REAUTHENTICATE}, {{403, "x-ms-error-code: AuthorizationFailure\n", NULL}, false, CF_NET_FINAL},
		{{403, "x-ms-error-code: AuthenticationFailed\ndate: Sat, 21 Nov 2026 16:32:10 GMT\n", NULL}, false, CF_NET_FINAL},
		{{403, "x-ms-error-code: AuthenticationFailed\ndate: Sat, 21 Nov 2026 17:32:10 GMT\n", NULL}, false, CF_NET_CLOCK},
		{{403, "x-ms-error-code: AuthenticationFailed\n", NULL}, false, CF_NET_FINAL},
	};

	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		answers = &cases[i].answer;
		answer_count = 1;
		asked = 0;
		ok(cf_azure_request(&op, "GET", "GetBlob", "k", NULL) != NULL && cf_azure_sign(&op.request, &op, &op.request_arena, NOW_US, &op.err), "a request");
		serve();
		op.response.truncated = cases[i].truncated;
		is_int(op.request.classify(&op.request, &op.response, op.request.ctx), cases[i].verdict, "HTTP %d %.*s%s", cases[i].answer.status,
			   (int) strcspn(cases[i].answer.headers, "\n"), cases[i].answer.headers, cases[i].truncated ? ", cut off" : "");
	}
	op.response.headers[op.response.header_count++] = (CfHeader) {"date", "Sat, 21 Nov 2026 17:32:10 GMT"};
	op.response.clock_skew_us = INT64_C(3600000000);
	is_int(op.request.classify(&op.request, &op.response, op.request.ctx), CF_NET_FINAL, "a skew that the engine knows is not the reason");
	place_close();
}

int
main(void)
{
	looking();
	not_looking();
	ranges();
	bad_ranges();
	creating();
	not_creating();
	attributes();
	removing();
	listing();
	verdicts();
	return done_testing();
}
