/*
 * storage_s3_objects.c: looking, reading, creating, removing and listing on S3: the requests that are made, and what good,
 * bad and hostile answers lead to.
 */
#include "tap.h"
#include "storage_s3_script.h"

#define HEAD_OK "etag: \"5d41402abc4b2a76b9719d911017c592\"\ncontent-length: 5\nlast-modified: Fri, 24 May 2013 00:00:00 GMT\n"
#define HEAD_OURS HEAD_OK "x-amz-meta-cf-owner-tag: job-1\n"
#define PIN "e=5d41402abc4b2a76b9719d911017c592;m=1369353600"
#define RANGE "content-range: bytes 0-4/5\n" HEAD_OK
#define ERROR(code) "<Error><Code>" code "</Code><Message>secret</Message></Error>"

static CfStep
run_stat(void)
{
	return drive_(cf_storage_stat(&op, "k", &stat_));
}

static CfStep
run_read_of(const char *version, int64_t offset, int64_t length, size_t chunk_bytes)
{
	CfReadArgs	args = {"k", version, offset, length};
	CfStep		step;
	int			steps = 0;

	read_length = 0;
	do
	{
		CfChunk		chunk = {read_bytes + read_length, chunk_bytes, 0};

		if ((step = cf_storage_read(&op, &args, &chunk)) == CF_STEP_SEND)
			scene_answer(scene_title);
		read_length += (long) chunk.length;
		if (++steps > SCENE_STEPS_MAX)
			bail("%s does not end", scene_title);
	} while (step == CF_STEP_SEND || step == CF_STEP_AGAIN);
	return step;
}

static CfStep run_read(void) { return run_read_of("", 0, -1, 32); }
static CfStep run_read_pinned(void) { return run_read_of(PIN, 0, -1, 32); }
static CfStep run_read_chunks(void) { return run_read_of("", 1, 4, 2); }
static CfStep run_read_beyond(void) { return run_read_of("", 6, -1, 32); }
static CfStep run_read_at_end(void) { return run_read_of("", 5, -1, 32); }
static CfStep run_read_long(void) { return run_read_of("", 0, 9, 32); }
static CfStep run_read_none(void) { return run_read_of(PIN, 2, 0, 32); }
static CfStep run_read_foreign_pin(void) { return run_read_of("1:2:3", 0, -1, 32); }
static CfStep run_read_hashed(void) { return run_read_of("e=~0123456789abcdef01234567;m=1", 0, -1, 32); }

static CfUploadArgs
args_of(void)
{
	return (CfUploadArgs) {.key = "k", .owner_tag = "job-1", .size_bytes = 5, .content_type = "text/plain", .storage_class = "",
		.metadata = "cf_file_id=01abc\n",
		.attributes = {.cache_control = "no-cache", .metadata = "colour=grün\ncf_file_id=old\n", .tags = "a=1\nb c=2&3\n"}};
}

static CfStep
run_put(void)
{
	CfUploadArgs args = args_of();

	return drive_(cf_storage_put(&op, &args, "hello", 5, &stat_));
}

static CfStep
run_put_plain(void)
{
	CfUploadArgs args = {.key = "k", .owner_tag = "job-1", .size_bytes = 5, .content_type = "", .storage_class = "GLACIER_IR", .metadata = ""};

	return drive_(cf_storage_put(&op, &args, "hello", 5, &stat_));
}

static CfStep
run_put_described(const char *metadata)
{
	CfUploadArgs args = {.key = "k", .owner_tag = "job-1", .size_bytes = 5, .content_type = "", .storage_class = "", .metadata = "",
		.attributes = {.metadata = metadata}};

	return drive_(cf_storage_put(&op, &args, "hello", 5, &stat_));
}

static CfStep
run_put_long_metadata(void)
{
	char		lines[4000];

	memset(lines, 'x', sizeof(lines));
	for (int i = 0; i < 3; i++)
		memcpy(lines + i * 900, i == 0 ? "a=" : i == 1 ? "\nb=" : "\nc=", i == 0 ? 2 : 3);
	lines[2700] = '\0';
	return run_put_described(lines);
}

static CfStep run_put_bad_name(void) { return run_put_described("a b=1\n"); }
static CfStep run_put_no_name(void) { return run_put_described("=1\n"); }
#define LIST_VERSIONS "GET /photos?versions=&encoding-type=url&max-keys=100&prefix=k"
#define HIDES(id) {"DELETE /photos/k", "-If-Match\n", 204, "x-amz-delete-marker: true\nx-amz-version-id: " id "\n", .repeat = CF_NET_REPEAT_NEVER}
#define VERSIONS(list) "<ListVersionsResult>" list "</ListVersionsResult>"
#define VERSION(id) "<Version><Key>k</Key><VersionId>" id "</VersionId></Version>"
#define VERSION_AT(key, id, etag, time) "<Version><Key>" key "</Key><VersionId>" id "</VersionId><ETag>" etag "</ETag><LastModified>" time "</LastModified></Version>"
#define PINNED(id) VERSION_AT("k", id, "&quot;5d41402abc4b2a76b9719d911017c592&quot;", "2013-05-24T00:00:00.000Z")
#define MISSING {"HEAD /photos/k", NULL, 404, "x-amz-delete-marker: true\n"}
#define MARKER(id) "<DeleteMarker><Key>k</Key><VersionId>" id "</VersionId></DeleteMarker>"

static CfStep run_remove(void) { return drive_(cf_storage_remove(&op, "k", PIN, "job-1", &removed)); }

static CfStep
run_remove_probing(void)
{
	op.probing = true;
	return drive_(cf_storage_remove(&op, "k", PIN, "job-1", &removed));
}

/* run_remove_unseen removes where check_storage() saw that nothing is kept; nor does the place's preset honour a condition. */
static CfStep
run_remove_unseen(void)
{
	CfStep		step;

	place.was_probed = true;
	step = drive_(cf_storage_remove(&op, "k", PIN, "job-1", &removed));
	place.was_probed = false;
	return step;
}

static CfStep
run_remove_below(void)
{
	CfStep		step;

	place.prefix = "a b/";
	step = drive_(cf_storage_remove(&op, "k", PIN, "job-1", &removed));
	place.prefix = "";
	return step;
}

static CfStep run_remove_v1(void) { return drive_(cf_storage_remove(&op, "k", "e=5d41402abc4b2a76b9719d911017c592;v=v1", "job-1", &removed)); }
static CfStep run_remove_of_list(void) { return drive_(cf_storage_remove(&op, "k", "e=5d41402abc4b2a76b9719d911017c592;o=job-1", "job-1", &removed)); }
static CfStep run_list(void) { return drive_(cf_storage_list(&op, "a/", NULL, 5000, &page)); }
static CfStep run_list_on(void) { return drive_(cf_storage_list(&op, "", "to%2Fken", 10, &page)); }
static CfStep run_list_bad_token(void) { return drive_(cf_storage_list(&op, "", "a&b", 10, &page)); }

static void
after_stat(void)
{
	is_int(stat_.size_bytes, 5, "the size");
	is_str(stat_.version, "e=5d41402abc4b2a76b9719d911017c592;o=job-1", "the version of an object of ours is its ETag and owner");
	is_int(stat_.mtime_us, INT64_C(1369353600000000), "when it was written");
	is_str(stat_.storage_class, "GLACIER", "its class");
	is_str(stat_.content_type, "image/png", "its type");
	is_str(stat_.attributes.content_encoding, "gzip", "its encoding, without how an upload was framed");
	is_str(stat_.attributes.metadata, "cf_owner_tag=job-1\ncolour=grün\nnote=a b=?\nbroken==?UTF-8?B?!!?=\n", "its metadata, words decoded");
	is_str(stat_.attributes.tags, "a=1\nb=x&y\n", "its tags");
	ok(stat_.digests.known == (CF_DIGEST_MD5 | CF_DIGEST_CRC64NVME | CF_DIGEST_CRC32C | CF_DIGEST_SHA256), "all digests that the store tells");
	is_int(stat_.digests.crc32c, 0x9a71bb4c, "CRC32C, big-endian");
	ok(stat_.digests.crc64nvme == UINT64_C(0x3377857006524257), "CRC-64/NVME, big-endian");
	is_int(stat_.digests.md5[0], 0x5d, "MD5 from the ETag");
	ok(stat_.must_restore && stat_.restoring, "it is archived, and on its way");
}

static void
after_stat_plain(void)
{
	is_str(stat_.version, "e=abc-2;v=v%1", "on a versioned bucket the version is its id");
	is_str(stat_.storage_class, "STANDARD", "a class that is not told is STANDARD");
	is_int(stat_.digests.known, 0, "digests of parts, and a multipart ETag, say nothing of the object");
	ok(!stat_.must_restore && !stat_.restoring, "a restored object can be read");
}

static void
after_stat_odd(void)
{
	is_str(stat_.version, "e=~ee9d2dc30007336a880e8413;m=1369353600", "an ETag that does not fit is hashed");
	is_int(stat_.digests.known, 0, "under KMS an ETag is no MD5");
}

static void
after_read(void)
{
	is_int(read_length, 5, "all bytes");
	is_mem(read_bytes, "hello", 5, "as they are");
}

static void
after_read_chunks(void)
{
	is_int(read_length, 4, "a range in two pieces");
	is_mem(read_bytes, "ello", 4, "its bytes");
}

static void after_read_nothing(void) { is_int(read_length, 0, "no byte"); }

static void
after_put(void)
{
	is_str(stat_.version, "e=5d41402abc4b2a76b9719d911017c592;o=job-1", "the version from the answer alone");
	is_int(stat_.size_bytes, 5, "the size");
	is_int(stat_.mtime_us, INT64_C(1369353601000000), "the store's time");
	is_int(stat_.digests.known, CF_DIGEST_MD5 | CF_DIGEST_CRC64NVME, "what the store vouches for");
}

static void after_put_versioned(void) { is_str(stat_.version, "e=5d41402abc4b2a76b9719d911017c592;v=v7", "the version has the id"); }
static void after_deleted(void) { is_int(removed, CF_REMOVED_DELETED, "it was removed"); }
static void after_gone(void) { is_int(removed, CF_REMOVED_GONE, "it was gone"); }
static void after_changed(void) { is_int(removed, CF_REMOVED_CHANGED, "another version was left alone"); }

static void
after_kept(void)
{
	is_int(removed, CF_REMOVED_KEPT, "it is kept");
	ok(strstr(op.err.message, "retention or a legal hold") != NULL, "with the reason");
}

static void
after_list(void)
{
	is_int(page.count, 2, "two objects");
	is_str(page.entries[0].key, "a/b c\x01", "a key, decoded");
	is_int(page.entries[0].stat.size_bytes, 5, "its size");
	is_str(page.entries[0].stat.version, PIN, "its version, as a stat would tell");
	is_int(page.entries[0].stat.mtime_us, INT64_C(1369353600123000), "its time");
	is_str(page.entries[1].stat.storage_class, "GLACIER", "a class");
	ok(page.entries[1].stat.must_restore && page.entries[1].stat.restoring, "archived, on its way");
	is_int(page.unreadable, 2, "without an ETag, or badly encoded: told, not listed");
	is_str(page.next, "1%2Fx%3D", "the token of the next page, printable");
}

static void
after_list_raw(void)
{
	is_int(page.count, 1, "one object");
	is_str(page.entries[0].key, "a%20b", "a key that was not encoded is not decoded");
	ok(page.next == NULL, "the last page");
}


static const Scene objects[] = {
	{"stat", run_stat, EXCHANGES(
	{"HEAD /k", "x-amz-checksum-mode: ENABLED\nx-amz-content-sha256: " EMPTY_SHA "\n", 200,
		HEAD_OURS "x-amz-storage-class: GLACIER\ncontent-type: image/png\ncontent-encoding: aws-chunked, gzip\n"
		"x-amz-meta-colour: =?UTF-8?B?Z3LDvG4=?=\nx-amz-meta-note: =?utf-8?Q?a_b=3D?= =?utf-8?q?=3F?=\nx-amz-meta-broken: =?UTF-8?B?!!?=\n"
		"x-amz-checksum-crc64nvme: M3eFcAZSQlc=\nx-amz-checksum-crc32c: mnG7TA==\n"
		"x-amz-checksum-sha256: LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=\nx-amz-restore: ongoing-request=\"true\"\nx-amz-tagging-count: 2\n"},
	{"GET /k?tagging=", NULL, 200, NULL,
		"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>x&amp;y</Value></Tag></TagSet></Tagging>"}),
	CF_ERR_NONE, NULL, NULL, after_stat},
	{"stat of a version", run_stat, EXCHANGES({"HEAD /k", NULL, 200, "etag: \"abc-2\"\ncontent-length: 5\nx-amz-version-id: v%1\n"
		"x-amz-checksum-crc64nvme: AAAAAAAAAAA=-2\nx-amz-checksum-crc32c: mnG7TA==\nx-amz-checksum-type: COMPOSITE\n"
		"x-amz-archive-status: ARCHIVE_ACCESS\nx-amz-restore: ongoing-request=\"false\", expiry-date=\"x\"\n"}),
	CF_ERR_NONE, NULL, NULL, after_stat_plain},
	{"stat of an odd ETag", run_stat, EXCHANGES({"HEAD /k", NULL, 200, "etag: \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff\"\n"
		"content-length: 5\nlast-modified: Fri, 24 May 2013 00:00:00 GMT\nx-amz-server-side-encryption: aws:kms\nx-amz-version-id: null\n"}),
	CF_ERR_NONE, NULL, NULL, after_stat_odd},
	{"stat, not there", run_stat, EXCHANGES({"HEAD /k", NULL, 404}), CF_ERR_NOT_FOUND, "is not in place"},
	{"stat, a marker", run_stat, EXCHANGES({"HEAD /k", NULL, 405, "x-amz-delete-marker: true\n"}), CF_ERR_NOT_FOUND},
	{"stat, forbidden", run_stat, EXCHANGES({"HEAD /k", NULL, 403, "x-amz-request-id: ABC<script>\ndate: Fri, 24 May 2013 00:00:00 GMT\n"}),
	CF_ERR_DENIED, "The store's id of the request is ABC."},
	{"stat, another region", run_stat, EXCHANGES({"HEAD /k", NULL, 301, "x-amz-bucket-region: eu-west-1\n"}), CF_ERR_INPUT,
	"region 'eu-west-1'"},
	{"stat, no ETag", run_stat, EXCHANGES({"HEAD /k", NULL, 200, "content-length: 5\n"}), CF_ERR_IO, "no ETag"},
	{"stat, no size", run_stat, EXCHANGES({"HEAD /k", NULL, 200, "etag: \"x\"\ncontent-length: 5x\n"}), CF_ERR_IO, "no size"},
	{"stat, tags forbidden", run_stat, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OK "x-amz-tagging-count: 1\n"},
	{"GET /k?tagging=", NULL, 403, NULL, ERROR("AccessDenied")}), CF_ERR_DENIED, "HTTP 403 AccessDenied"},
	{"stat, tags that are no XML", run_stat, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OK "x-amz-tagging-count: 1\n"},
	{"GET /k?tagging=", NULL, 200, NULL, "<Tagging>"}), CF_ERR_IO},
	{"stat, no answer", run_stat, EXCHANGES({"HEAD /k", NULL, 0}), CF_ERR_IO, "the connection was reset"},
	{"stat, who pays, and whose bucket", run_stat, EXCHANGES({"HEAD /k",
		"x-amz-request-payer: requester\nx-amz-expected-bucket-owner: 123456789012\n", 404}), CF_ERR_NOT_FOUND, NULL,
		OPTIONS({"request_payer", "requester"}, {"expected_bucket_owner", "123456789012"})},

	{"read", run_read, EXCHANGES({"GET /k", "Range: bytes=0-31\n-If-Match\n", 206, RANGE, "hello"}), CF_ERR_NONE, NULL, NULL, after_read},
	{"read whole from a store without ranges", run_read, EXCHANGES({"GET /k", NULL, 200, HEAD_OK, "hello"}), CF_ERR_NONE, NULL, NULL, after_read},
	{"read a pinned version", run_read_pinned, EXCHANGES({"GET /k", "If-Match: \"5d41402abc4b2a76b9719d911017c592\"\n", 206, RANGE, "hello"}),
	CF_ERR_NONE, NULL, NULL, after_read},
	{"read in pieces", run_read_chunks, EXCHANGES({"GET /k", "Range: bytes=1-2\n-If-Match\n", 206, "content-range: bytes 1-2/5\n" HEAD_OK, "el"},
	{"GET /k", "Range: bytes=3-4\nIf-Match: \"5d41402abc4b2a76b9719d911017c592\"\n", 206, "content-range: bytes 3-4/5\n" HEAD_OK, "lo"}),
	CF_ERR_NONE, NULL, NULL, after_read_chunks},
	{"read, changed between two pieces", run_read_chunks, EXCHANGES({"GET /k", NULL, 206, "content-range: bytes 1-2/5\n" HEAD_OK, "el"},
	{"GET /k", NULL, 412}), CF_ERR_CHANGED, "has changed"},
	{"read, changed, the condition ignored", run_read_chunks, EXCHANGES({"GET /k", NULL, 206, "content-range: bytes 1-2/5\n" HEAD_OK, "el"},
	{"GET /k", NULL, 206, "content-range: bytes 3-4/5\netag: \"other\"\n", "lo"}), CF_ERR_CHANGED},
	{"read, shrunk between two pieces", run_read_chunks, EXCHANGES({"GET /k", NULL, 206, "content-range: bytes 1-2/5\n" HEAD_OK, "el"},
	{"GET /k", NULL, 416}, {"HEAD /k", NULL, 200, HEAD_OK}), CF_ERR_CHANGED},
	{"read an empty object", run_read, EXCHANGES({"GET /k", NULL, 416}, {"HEAD /k", NULL, 200, "etag: \"x\"\ncontent-length: 0\n"}),
	CF_ERR_NONE, NULL, NULL, after_read_nothing},
	{"read at the end", run_read_at_end, EXCHANGES({"GET /k", NULL, 416}, {"HEAD /k", NULL, 200, HEAD_OK}), CF_ERR_NONE, NULL, NULL, after_read_nothing},
	{"read beyond the end", run_read_beyond, EXCHANGES({"GET /k", NULL, 416}, {"HEAD /k", NULL, 200, HEAD_OK}), CF_ERR_INPUT, "has 5 bytes"},
	{"read more than there is", run_read_long, EXCHANGES({"GET /k", NULL, 206, RANGE, "hello"}), CF_ERR_INPUT, "has 5 bytes"},
	{"read nothing", run_read_none, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OK}), CF_ERR_NONE, NULL, NULL, after_read_nothing},
	{"read nothing of another version", run_read_none, EXCHANGES({"HEAD /k", NULL, 200, "etag: \"x\"\ncontent-length: 0\n"}), CF_ERR_CHANGED},
	{"read nothing of nothing", run_read_none, EXCHANGES({"HEAD /k", NULL, 404}), CF_ERR_NOT_FOUND},
	{"read nothing, forbidden", run_read_none, EXCHANGES({"HEAD /k", NULL, 403}), CF_ERR_DENIED},
	{"read with a pin of another store", run_read_foreign_pin, EXCHANGES({NULL}), CF_ERR_CHANGED},
	{"read with a hashed pin", run_read_hashed, EXCHANGES({"GET /k", "-If-Match\n", 206, RANGE, "hello"}), CF_ERR_CHANGED},
	{"read, not there", run_read, EXCHANGES({"GET /k", NULL, 404, NULL, ERROR("NoSuchKey")}), CF_ERR_NOT_FOUND},
	{"read, archived", run_read, EXCHANGES({"GET /k", NULL, 403, NULL, ERROR("InvalidObjectState")}), CF_ERR_STATE, "must be restored"},
	{"read, another range", run_read, EXCHANGES({"GET /k", NULL, 206, "content-range: bytes 1-5/6\n" HEAD_OK, "hello"}), CF_ERR_IO, "another range"},
	{"read, a range that is none", run_read, EXCHANGES({"GET /k", NULL, 206, "content-range: bytes 4-0/5\n" HEAD_OK, "hello"}), CF_ERR_IO},
	{"read, fewer bytes than told", run_read, EXCHANGES({"GET /k", NULL, 206, RANGE, "hell"}), CF_ERR_IO},
	{"read, a 200 that is too short", run_read, EXCHANGES({"GET /k", NULL, 200, HEAD_OK, "hell"}), CF_ERR_IO},
	{"read, cut off", run_read, EXCHANGES({"GET /k", NULL, 206, RANGE, "hello", 1, true}), CF_ERR_IO},
	{"read, no ETag", run_read, EXCHANGES({"GET /k", NULL, 206, "content-range: bytes 0-4/5\n", "hello"}), CF_ERR_IO, "no ETag"},

	{"put", run_put, EXCHANGES({"PUT /k", "If-None-Match: *\nContent-Type: text/plain\nCache-Control: no-cache\nx-amz-meta-cf-owner-tag: job-1\n"
		"x-amz-meta-cf-file-id: 01abc\nx-amz-meta-colour: =?UTF-8?B?Z3LDvG4=?=\nx-amz-tagging: a=1&b%20c=2%263\n-x-amz-storage-class\n"
		"x-amz-checksum-crc64nvme: M3eFcAZSQlc=\nx-amz-content-sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n", 200,
		"etag: \"5d41402abc4b2a76b9719d911017c592\"\ndate: Fri, 24 May 2013 00:00:01 GMT\nx-amz-checksum-crc64nvme: M3eFcAZSQlc=\n", .sent = "hello"}),
	CF_ERR_NONE, NULL, NULL, after_put},
	{"put on a versioned bucket", run_put_plain, EXCHANGES({"PUT /k", "x-amz-storage-class: GLACIER_IR\n-Content-Type\n", 200,
		"etag: \"5d41402abc4b2a76b9719d911017c592\"\nx-amz-version-id: v7\n"}), CF_ERR_NONE, NULL, NULL, after_put_versioned},
	{"put where somebody is", run_put, EXCHANGES({"PUT /k", NULL, 412}, {"HEAD /k", NULL, 200, HEAD_OK}), CF_ERR_EXISTS, "already exists"},
	{"put again after a lost answer", run_put, EXCHANGES({"PUT /k", NULL, 412, .sends = 2}, {"HEAD /k", NULL, 200, HEAD_OURS}), CF_ERR_NONE},
	{"put, ours by its tag, but other bytes", run_put, EXCHANGES({"PUT /k", NULL, 412, .sends = 2},
	{"HEAD /k", NULL, 200, HEAD_OURS "x-amz-checksum-crc64nvme: AAAAAAAAAAA=\n"}), CF_ERR_EXISTS},
	{"put, refused by somebody who is gone", run_put, EXCHANGES({"PUT /k", NULL, 412}, {"HEAD /k", NULL, 404}), CF_ERR_BUSY},
	{"put, refused, and forbidden to look", run_put, EXCHANGES({"PUT /k", NULL, 412}, {"HEAD /k", NULL, 403}), CF_ERR_DENIED},
	{"put, a race", run_put, EXCHANGES({"PUT /k", NULL, 409, NULL, ERROR("ConditionalRequestConflict")}), CF_ERR_BUSY},
	{"put, no answer", run_put, EXCHANGES({"PUT /k", NULL, 0}), CF_ERR_IO},
	{"put, no ETag", run_put, EXCHANGES({"PUT /k", NULL, 200}), CF_ERR_IO, "no ETag"},
	{"put, another checksum", run_put, EXCHANGES({"PUT /k", NULL, 200, HEAD_OK "x-amz-checksum-crc64nvme: AAAAAAAAAAA=\n"}), CF_ERR_IO, "another checksum"},
	{"put, full", run_put, EXCHANGES({"PUT /k", NULL, 507, NULL, ERROR("XMinioStorageFull")}), CF_ERR_FULL},
	{"put, too much metadata", run_put_long_metadata, EXCHANGES({NULL}), CF_ERR_INPUT, "at most 1936 can be kept"},
	{"put, metadata that cannot be a header", run_put_bad_name, EXCHANGES({NULL}), CF_ERR_INPUT, "\"a b\""},
	{"put, metadata without a name are passed over", run_put_no_name, EXCHANGES({"PUT /k", "-x-amz-meta-\n", 200, HEAD_OK}), CF_ERR_NONE},
	{"put with MD5", run_put_plain, EXCHANGES({"PUT /k", "Content-MD5: XUFAKrxLKna5cZ2REBfFkg==\n-x-amz-checksum-crc64nvme\n", 200, HEAD_OK}),
	CF_ERR_NONE, NULL, OPTIONS({"checksum", "md5"})},
	{"put with CRC32C", run_put_plain, EXCHANGES({"PUT /k", "x-amz-checksum-crc32c: mnG7TA==\n", 200, HEAD_OK}), CF_ERR_NONE, NULL,
		OPTIONS({"checksum", "crc32c"})},
	{"put with nothing to check", run_put_plain, EXCHANGES({"PUT /k", "-Content-MD5\n-x-amz-checksum-crc64nvme\n", 200, HEAD_OK}), CF_ERR_NONE,
		NULL, OPTIONS({"checksum", "none"})},
	{"put under KMS", run_put_plain, EXCHANGES({"PUT /k", "x-amz-server-side-encryption: aws:kms\nx-amz-server-side-encryption-aws-kms-key-id: key-1\n",
		200, HEAD_OK "x-amz-server-side-encryption: aws:kms\n"}), CF_ERR_NONE, NULL, OPTIONS({"sse", "aws:kms"}, {"sse_kms_key_id", "key-1"})},
	{"put, encryption ignored", run_put_plain, EXCHANGES({"PUT /k", "x-amz-server-side-encryption: AES256\n", 200, HEAD_OK}), CF_ERR_UNSUPPORTED,
	"ignored how it was to be encrypted", OPTIONS({"sse", "AES256"})},
	{"put to a store that overwrites", run_put_plain, EXCHANGES({NULL}), CF_ERR_UNSUPPORTED, "accept_unconditional_create",
		OPTIONS({"preset", "wasabi"})},
	{"put to a store that overwrites, accepted", run_put_plain, EXCHANGES({"HEAD /photos/k", NULL, 404},
	{"PUT /photos/k", "-If-None-Match\n", 200, HEAD_OK}), CF_ERR_NONE, NULL, OPTIONS({"preset", "wasabi"}, {"accept_unconditional_create", "true"})},
	{"put to a store that overwrites, accepted, where somebody is", run_put_plain, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK}), CF_ERR_EXISTS,
	NULL, OPTIONS({"preset", "wasabi"}, {"accept_unconditional_create", "true"})},
	{"put to GCS", run_put, EXCHANGES({"PUT /photos/k", "x-goog-if-generation-match: 0\n-If-None-Match\n-x-amz-content-sha256\nx-goog-meta-cf-owner-tag: job-1\n"
		"Content-MD5: XUFAKrxLKna5cZ2REBfFkg==\n", 200, "etag: \"5d41402abc4b2a76b9719d911017c592\"\nx-goog-generation: v7\n"
		"x-goog-hash: crc32c=mnG7TA==, md5=XUFAKrxLKna5cZ2REBfFkg==\n"}), CF_ERR_NONE, NULL, OPTIONS({"preset", "gcs"}), after_put_versioned},

	{"remove", run_remove, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OK}, {"DELETE /k", "If-Match: \"5d41402abc4b2a76b9719d911017c592\"\n", 204}),
	CF_ERR_NONE, NULL, NULL, after_deleted},
	{"remove what is not there", run_remove, EXCHANGES({"HEAD /k", NULL, 404}), CF_ERR_NONE, NULL, NULL, after_gone},
	{"remove another version", run_remove, EXCHANGES({"HEAD /k", NULL, 200, "etag: \"x\"\ncontent-length: 1\n"}), CF_ERR_NONE, NULL, NULL, after_changed},
	{"remove equal bytes that were written again", run_remove, EXCHANGES({"HEAD /k", NULL, 200,
		"etag: \"5d41402abc4b2a76b9719d911017c592\"\ncontent-length: 5\nlast-modified: Fri, 24 May 2013 00:00:01 GMT\n"}), CF_ERR_NONE, NULL, NULL, after_changed},
	{"remove equal bytes of another owner", run_remove_of_list, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OK "x-amz-meta-cf-owner-tag: job-2\n"}),
	CF_ERR_NONE, NULL, NULL, after_changed},
	{"remove, changed at the last moment", run_remove, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OK}, {"DELETE /k", NULL, 412}, {"HEAD /k", NULL, 200, HEAD_OK}),
	CF_ERR_NONE, NULL, NULL, after_changed},
	{"remove again after a lost answer", run_remove, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OK}, {"DELETE /k", NULL, 412, .sends = 2}, {"HEAD /k", NULL, 404}),
	CF_ERR_NONE, NULL, NULL, after_deleted},
	{"remove, gone meanwhile", run_remove, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OK}, {"DELETE /k", NULL, 404}), CF_ERR_NONE, NULL, NULL, after_gone},
	{"remove under a legal hold", run_remove, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OK "x-amz-object-lock-legal-hold: ON\n"},
	{"DELETE /k", NULL, 403, NULL, ERROR("AccessDenied")}), CF_ERR_NONE, NULL, NULL, after_kept},
	{"remove what is locked", run_remove, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OK}, {"DELETE /k", NULL, 400, NULL, ERROR("ObjectLocked")}),
	CF_ERR_NONE, NULL, NULL, after_kept},
	{"remove, forbidden", run_remove, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OK}, {"DELETE /k", NULL, 403, NULL, ERROR("AccessDenied")}), CF_ERR_DENIED,
	"docs/storage.md"},
	{"remove, forbidden to look", run_remove, EXCHANGES({"HEAD /k", NULL, 403}), CF_ERR_DENIED},
	{"remove from a store without the condition", run_remove, EXCHANGES({NULL}), CF_ERR_UNSUPPORTED, "accept_unconditional_delete", OPTIONS({"preset", "r2"})},
	{"remove from a store without the condition, versioning is off", run_remove, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK}), CF_ERR_UNSUPPORTED,
		"accept_unconditional_delete", OPTIONS({"preset", "wasabi"})},
	{"remove from a store without the condition, versioning is suspended", run_remove, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK "x-amz-version-id: null\n"}),
		CF_ERR_UNSUPPORTED, "accept_unconditional_delete", OPTIONS({"preset", "wasabi"})},
	{"remove where versions are kept", run_remove, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK "x-amz-version-id: v1\n"}, HIDES("m1"),
	{LIST_VERSIONS, NULL, 200, NULL, VERSIONS(MARKER("m1") VERSION("v1") VERSION("v0"))}), CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}), after_deleted},
	{"remove where versions are kept and markers are told apart", run_remove, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK "x-amz-version-id: v1\n"}, HIDES("m1"),
	{LIST_VERSIONS, NULL, 200, NULL, VERSIONS(VERSION("v1") VERSION("v0") MARKER("m1"))}), CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}), after_deleted},
	{"remove where versions are kept, somebody wrote before", run_remove, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK "x-amz-version-id: v1\n"}, HIDES("m1"),
	{LIST_VERSIONS, NULL, 200, NULL, VERSIONS(MARKER("m1") VERSION("v2") VERSION("v1"))}, {"DELETE /photos/k?versionId=m1", NULL, 204}), CF_ERR_NONE, NULL,
		OPTIONS({"preset", "minio"}), after_changed},
	{"remove where versions are kept, somebody wrote after", run_remove, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK "x-amz-version-id: v1\n"}, HIDES("m1"),
	{LIST_VERSIONS, NULL, 200, NULL, VERSIONS(VERSION("v2") MARKER("m1") VERSION("v1"))}), CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}), after_deleted},
	{"remove where versions are kept, but cannot be listed", run_remove, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK "x-amz-version-id: v1\n"}, HIDES("m1"),
	{LIST_VERSIONS, NULL, 403, NULL, ERROR("AccessDenied")}, {"DELETE /photos/k?versionId=m1", NULL, 204}), CF_ERR_DENIED, "versions", OPTIONS({"preset", "minio"})},
	{"remove where versions are kept, the list is none", run_remove, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK "x-amz-version-id: v1\n"}, HIDES("m1"),
	{LIST_VERSIONS, NULL, 200, NULL, "<ListV"}, {"DELETE /photos/k?versionId=m1", NULL, 403, NULL, ERROR("AccessDenied")}), CF_ERR_DENIED, "bring back", OPTIONS({"preset", "minio"})},
	{"remove where versions are kept, and no marker is told", run_remove, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK "x-amz-version-id: v1\n"}, {"DELETE /photos/k", "-If-Match\n", 204}),
		CF_ERR_IO, "marker", OPTIONS({"preset", "minio"})},
	{"remove where versions are kept, refused", run_remove, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK "x-amz-version-id: v1\n"}, {"DELETE /photos/k", NULL, 403, NULL, ERROR("AccessDenied")}),
		CF_ERR_DENIED, NULL, OPTIONS({"preset", "minio"})},
	{"remove where versions are kept, nothing is there: it hides the pinned version", run_remove_v1, EXCHANGES(MISSING, {LIST_VERSIONS, NULL, 200, NULL, VERSIONS(MARKER("m1") PINNED("v1") VERSION("v0"))}),
	CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}), after_gone},
	{"remove where versions are kept, nothing is there, markers are told apart", run_remove_v1, EXCHANGES(MISSING, {LIST_VERSIONS, NULL, 200, NULL, VERSIONS(PINNED("v1") VERSION("v0") MARKER("m2") MARKER("m1"))}),
	CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}), after_gone},
	{"remove where versions are kept, nothing is there: it hides what somebody wrote", run_remove_v1, EXCHANGES(MISSING, {LIST_VERSIONS, NULL, 200, NULL, VERSIONS(MARKER("m1") PINNED("v2") PINNED("v1"))}),
	CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}), after_changed},
	{"remove where versions are kept, nothing is there, the pin has no id", run_remove, EXCHANGES(MISSING, {LIST_VERSIONS, NULL, 200, NULL, VERSIONS(MARKER("m1") PINNED("v1"))}),
	CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}), after_gone},
	{"remove where versions are kept, nothing is there, the pin has no id and somebody wrote the same", run_remove, EXCHANGES(MISSING, {LIST_VERSIONS, NULL, 200, NULL, VERSIONS(MARKER("m1") VERSION_AT("k", "v2", "5d41402abc4b2a76b9719d911017c592", "2013-05-24T00:00:01Z") PINNED("v1"))}),
	CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}), after_changed},
	{"remove where versions are kept, nothing is there, not even a version", run_remove_v1, EXCHANGES(MISSING, {LIST_VERSIONS, NULL, 200, NULL, VERSIONS(MARKER("m1") VERSION_AT("k2", "v2", "x", "") VERSION_AT("kk", "v3", "x", ""))}),
	CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}), after_gone},
	{"remove where versions are kept, nothing is there, the list is cut off before a version", run_remove_v1, EXCHANGES(MISSING, {LIST_VERSIONS, NULL, 200, NULL, VERSIONS(MARKER("m1") "<IsTruncated>true</IsTruncated>")}),
	CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}), after_changed},
	{"remove where versions are kept, nothing is there, below a prefix that is encoded", run_remove_below, EXCHANGES({"HEAD /photos/a%20b/k", NULL, 404}, {"GET /photos?versions=&encoding-type=url&max-keys=100&prefix=a%20b%2Fk", NULL, 200, NULL,
		VERSIONS(VERSION_AT("a+b%2fk", "v2", "x", "nonsense") VERSION_AT("a%20b/k", "v1", "x", ""))}),
	CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}), after_changed},
	{"remove where versions are kept, nothing is there, the list is none", run_remove_v1, EXCHANGES(MISSING, {LIST_VERSIONS, NULL, 200, NULL, "<ListV"}),
	CF_ERR_IO, NULL, OPTIONS({"preset", "minio"})},
	{"remove where versions are kept, nothing is there, the list is of something else", run_remove_v1, EXCHANGES(MISSING, {LIST_VERSIONS, NULL, 200, NULL, "<ListBucketResult></ListBucketResult>"}),
	CF_ERR_IO, "no list of versions", OPTIONS({"preset", "minio"})},
	{"remove where versions are kept, nothing is there, versions are not to be listed", run_remove_v1, EXCHANGES(MISSING, {LIST_VERSIONS, NULL, 403, NULL, ERROR("AccessDenied")}),
	CF_ERR_DENIED, "versions", OPTIONS({"preset", "minio"})},
	{"remove where versions are kept, nothing is there, versions are not to be listed and the risk is accepted", run_remove_v1, EXCHANGES(MISSING, {LIST_VERSIONS, NULL, 403, NULL, ERROR("AccessDenied")}),
	CF_ERR_NONE, NULL, OPTIONS({"preset", "minio"}, {"accept_unconditional_delete", "true"}), after_gone},
	{"remove where versions were not seen to be kept", run_remove_unseen, EXCHANGES({NULL}),
	CF_ERR_UNSUPPORTED, "accept_unconditional_delete", OPTIONS({"preset", "minio"})},
	{"a probe lets the store judge", run_remove_probing, EXCHANGES({"HEAD /k", NULL, 200, "etag: \"x\"\ncontent-length: 1\n"},
	{"DELETE /k", "If-Match: \"5d41402abc4b2a76b9719d911017c592\"\n", 412}, {"HEAD /k", NULL, 200, "etag: \"x\"\ncontent-length: 1\n"}), CF_ERR_NONE, NULL, NULL, after_changed},
	{"remove from such a store, accepted", run_remove, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OK}, {"DELETE /photos/k", "-If-Match\n", 204}), CF_ERR_NONE,
	NULL, OPTIONS({"preset", "wasabi"}, {"accept_unconditional_delete", "true"}), after_deleted},

	{"list", run_list, EXCHANGES({"GET /?list-type=2&encoding-type=url&max-keys=1000&prefix=a%2F", NULL, 200, NULL,
		"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Contents><Key>a/b+c%01</Key><LastModified>2013-05-24T00:00:00.123Z</LastModified>"
		"<ETag>&quot;5d41402abc4b2a76b9719d911017c592&quot;</ETag><Size>5</Size></Contents>"
		"<Contents><Key>a/d</Key><LastModified>nonsense</LastModified><ETag>&quot;x&quot;</ETag><Size>6</Size><StorageClass>GLACIER</StorageClass>"
		"<RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus></Contents>"
		"<Contents><Key>a/e</Key></Contents><Contents><Key>a/%zz</Key><ETag>x</ETag></Contents>"
		"<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>1/x=</NextContinuationToken></ListBucketResult>"}),
	CF_ERR_NONE, NULL, NULL, after_list},
	{"list the next page", run_list_on, EXCHANGES({"GET /?list-type=2&encoding-type=url&max-keys=10&prefix=&continuation-token=to%2Fken", NULL, 200, NULL,
		"<ListBucketResult><Contents><Key>a%20b</Key><ETag>x</ETag><Size>6</Size></Contents><Contents><Key></Key><ETag>x</ETag></Contents>"
		"<Other><Key>no</Key></Other></ListBucketResult>"}), CF_ERR_NONE, NULL, NULL, after_list_raw},
	{"list with a token that is none", run_list_bad_token, EXCHANGES({NULL}), CF_ERR_INPUT},
	{"list a bucket that is not there", run_list, EXCHANGES({"GET /?list-type=2&encoding-type=url&max-keys=1000&prefix=a%2F", NULL, 404, NULL, ERROR("NoSuchBucket")}),
	CF_ERR_STATE, "Create the bucket"},
	{"list, too many", run_list_on, EXCHANGES({"GET /?list-type=2&encoding-type=url&max-keys=10&prefix=&continuation-token=to%2Fken", NULL, 200, NULL,
		"<ListBucketResult><Contents><Key>a</Key><ETag>x</ETag><Size>x</Size></Contents></ListBucketResult>"}), CF_ERR_IO, "makes no sense"},
	{"list, no token where it goes on", run_list_on, EXCHANGES({"GET /?list-type=2&encoding-type=url&max-keys=10&prefix=&continuation-token=to%2Fken", NULL, 200,
		NULL, "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"}), CF_ERR_IO},
	{"list, cut XML", run_list_on, EXCHANGES({"GET /?list-type=2&encoding-type=url&max-keys=10&prefix=&continuation-token=to%2Fken", NULL, 200, NULL,
		"<ListBucketResult><Contents><Key>a</Key>"}), CF_ERR_IO},
	{"list, the wrong key for signing", run_list, EXCHANGES({"GET /?list-type=2&encoding-type=url&max-keys=1000&prefix=a%2F", NULL, 403, NULL,
		ERROR("SignatureDoesNotMatch")}), CF_ERR_DENIED, "set_credentials"},
	{"list, the session has ended", run_list, EXCHANGES({"GET /?list-type=2&encoding-type=url&max-keys=1000&prefix=a%2F", NULL, 400, NULL, ERROR("ExpiredToken")}),
	CF_ERR_DENIED},
	{"list, a region told in the body", run_list, EXCHANGES({"GET /?list-type=2&encoding-type=url&max-keys=1000&prefix=a%2F", NULL, 400, NULL,
		"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>"}), CF_ERR_INPUT, "region 'eu-west-3'"},
};

int
main(void)
{
	SCENES(objects);
	return done_testing();
}
