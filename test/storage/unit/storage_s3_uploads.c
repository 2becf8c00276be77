/*
 * storage_s3_uploads.c: uploads, what is left of them, copies, classes and restores on S3: the requests that are made, and
 * what good, bad and hostile answers lead to.
 */
#include "tap.h"
#include "storage_s3_script.h"

#define MIB INT64_C(1048576)
#define HEAD_OF(size, tag) "etag: \"e1\"\ncontent-length: " size "\nlast-modified: Fri, 24 May 2013 00:00:00 GMT\nx-amz-meta-cf-owner-tag: " tag "\n"
#define ERROR(code) "<Error><Code>" code "</Code></Error>"
#define PARTS(more, parts) "<ListPartsResult>" parts "<IsTruncated>" more "</IsTruncated></ListPartsResult>"
#define PART(number, size) "<Part><PartNumber>" number "</PartNumber><ETag>&quot;p" number "&quot;</ETag><Size>" size "</Size>" \
	"<ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME></Part>"
#define BOTH_PARTS PART("1", "16777216") PART("2", "1048576")
#define LIST_PARTS "GET /k?uploadId=u%2F1&max-parts=1000"
#define COMPLETE "POST /k?uploadId=u%2F1"
#define COMPLETED "<CompleteMultipartUploadResult><ETag>&quot;e1&quot;</ETag></CompleteMultipartUploadResult>"
#define CREATED "<InitiateMultipartUploadResult><UploadId>u/1</UploadId></InitiateMultipartUploadResult>"
#define COPIED "<CopyObjectResult><ETag>&quot;e2&quot;</ETag><ChecksumCRC64NVME>AAAAAAAAAAE=</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType></CopyObjectResult>"
#define LIST_UPLOADS "GET /?uploads=&encoding-type=url&max-uploads=1000&prefix="
#define NO_UPLOADS "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
#define LARGE (17 * MIB)
#define BEGUN_US INT64_C(1369353600000000)	/* 2013-05-24 00:00 */
/* u0 has another key, u1 was begun an hour before, u2 does not say when; u3 and u4 were begun about then, and u3 holds a part. */
#define NEARBY "<Upload><Key>k2</Key><UploadId>u0</UploadId><Initiated>2013-05-24T00:00:00Z</Initiated></Upload>" \
	"<Upload><Key>k</Key><UploadId>u1</UploadId><Initiated>2013-05-23T23:00:00Z</Initiated></Upload><Upload><Key>k</Key><UploadId>u2</UploadId></Upload>" \
	"<Upload><Key>k</Key><UploadId>u3</UploadId><Initiated>2013-05-24T00:00:05.123Z</Initiated></Upload>"
#define OURS "<Upload><Key>k</Key><UploadId>u4</UploadId><Initiated>2013-05-23T23:59:31Z</Initiated></Upload>"
/* A minute before our note: a stranger's, or ours by a clock that is a minute behind. */
#define EARLIER "<Upload><Key>k</Key><UploadId>u5</UploadId><Initiated>2013-05-23T23:59:00Z</Initiated></Upload>"
#define LATER "<Upload><Key>k</Key><UploadId>u6</UploadId><Initiated>2013-05-24T00:00:31Z</Initiated></Upload>"
#define BEHIND "date: Thu, 23 May 2013 23:59:00 GMT\n"
#define UPLOADS(list) "<ListMultipartUploadsResult>" list "</ListMultipartUploadsResult>"
#define HOLDS(id, part) {"GET /k?uploadId=" id "&max-parts=1000", NULL, 200, NULL, "<ListPartsResult>" part "</ListPartsResult>"}
#define APART {LIST_UPLOADS "k", NULL, 200, NULL, UPLOADS(NEARBY OURS)}, HOLDS("u3", "<Part><PartNumber>1</PartNumber><Size>5</Size><ETag>e</ETag></Part>"), \
	{LIST_UPLOADS "k", NULL, 200, NULL, UPLOADS(NEARBY OURS)}, HOLDS("u4", "")

static CfUploadArgs
args_of(int64_t size)
{
	return (CfUploadArgs) {.key = "k", .owner_tag = "job-1", .size_bytes = size, .part_bytes = 16 * MIB, .content_type = "text/plain",
		.storage_class = "", .metadata = ""};
}

static void
upload_of(const char *handle, int64_t size)
{
	memset(&upload, 0, sizeof(upload));
	upload.args = args_of(size);
	snprintf(upload.handle, sizeof(upload.handle), "%s", handle);
}

static CfStep
begin(int64_t size, bool resume, const char *handle)
{
	CfUploadArgs args = args_of(size);

	args.resume = resume;
	args.handle = handle;
	return drive_(cf_storage_upload_begin(&op, &args, &upload));
}

static CfStep run_begin_small(void) { return begin(5, false, NULL); }
static CfStep run_begin_large(void) { return begin(LARGE, false, NULL); }
static CfStep run_begin_huge(void) { return begin(INT64_C(50) * 1024 * 1024 * MIB, false, NULL); }
static CfStep run_begin_resumed(void) { return begin(LARGE, true, "parts:u/1"); }
static CfStep run_begin_after_copy(void) { return begin(LARGE, true, "copy:u/0"); }
static CfStep run_begin_small_after_copy(void) { return begin(5, true, "copy:u/0"); }
static CfStep run_begin_never(void) { return begin(LARGE, true, NULL); }

static CfStep
run_begin_lost(void)
{
	CfUploadArgs args = args_of(LARGE);

	args.resume = true;
	args.begun_us = BEGUN_US;
	return drive_(cf_storage_upload_begin(&op, &args, &upload));
}

static CfStep
run_begin_gone(void)
{
	CfUploadArgs args = args_of(LARGE);

	args.resume = true;
	args.begun_us = BEGUN_US;
	args.handle = "parts:u/1";
	return drive_(cf_storage_upload_begin(&op, &args, &upload));
}

/* small_parts puts an object of five bytes in two parts, each in two pieces where it can be. */
static CfStep
small_parts(void)
{
	static const struct
	{
		int			number;
		int64_t		offset;
		int64_t		length;
	}			parts[] = {{1, 0, 3}, {2, 3, 2}};

	if (begin(5, false, NULL) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	for (int i = 0; i < 2; i++)
	{
		CfStep		step = CF_STEP_AGAIN;

		part = (CfPart) {.number = parts[i].number, .offset = parts[i].offset, .length = parts[i].length};
		for (int64_t at = 0; at < part.length && step == CF_STEP_AGAIN; at++)
			step = cf_storage_upload_part(&op, &upload, &part, "hello" + part.offset + at, 1);
		if (step != CF_STEP_DONE)
			return CF_STEP_ERROR;
	}
	return drive_(cf_storage_upload_seal(&op, &upload, &stat_));
}

static CfStep
run_small(void)
{
	if (small_parts() != CF_STEP_DONE)
		return CF_STEP_ERROR;
	return drive_(cf_storage_upload_commit(&op, &upload, &stat_));
}

static CfStep
run_small_again(void)
{
	if (run_small() != CF_STEP_DONE)
		return CF_STEP_ERROR;
	if (drive_(cf_storage_upload_commit(&op, &upload, &stat_)) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	return drive_(cf_storage_upload_abort(&op, &upload));
}

static CfStep
run_small_not_all(void)
{
	if (begin(5, false, NULL) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	return drive_(cf_storage_upload_seal(&op, &upload, &stat_));
}

static CfStep
run_small_out_of_order(void)
{
	if (begin(5, false, NULL) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	part = (CfPart) {.number = 2, .offset = 3, .length = 2};
	if (drive_(cf_storage_upload_part(&op, &upload, &part, "lo", 2)) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	part = (CfPart) {.number = 1, .offset = 0, .length = 3};
	if (drive_(cf_storage_upload_part(&op, &upload, &part, "hel", 3)) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	return drive_(cf_storage_upload_seal(&op, &upload, &stat_));
}

static CfStep
run_small_outside(void)
{
	if (begin(5, false, NULL) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	part = (CfPart) {.number = 2, .offset = 3, .length = 3};
	return drive_(cf_storage_upload_part(&op, &upload, &part, "lo!", 3));
}

static CfStep
run_commit_small(void)
{
	upload_of("put", 5);
	strcpy(upload.sealed_version, "e=e1;o=job-1");
	return drive_(cf_storage_upload_commit(&op, &upload, &stat_));
}

static CfStep
run_part(void)
{
	upload_of("parts:u/1", LARGE);
	part = (CfPart) {.number = 2, .offset = 16 * MIB, .length = 5};
	return drive_(cf_storage_upload_part(&op, &upload, &part, "hello", 5));
}

static CfStep
run_part_in_pieces(void)
{
	CfStep		step;

	upload_of("parts:u/1", LARGE);
	part = (CfPart) {.number = 2, .offset = 16 * MIB, .length = 5};
	step = cf_storage_upload_part(&op, &upload, &part, "hel", 3);
	if (step != CF_STEP_AGAIN)
		return step;
	return drive_(cf_storage_upload_part(&op, &upload, &part, "lo", 2));
}

static CfStep
run_part_too_many(void)
{
	upload_of("parts:u/1", LARGE);
	part = (CfPart) {.number = 10001, .offset = 0, .length = 5};
	return drive_(cf_storage_upload_part(&op, &upload, &part, "hello", 5));
}

static CfStep
run_part_too_long(void)
{
	CfStep		step;

	upload_of("parts:u/1", LARGE);
	part = (CfPart) {.number = 1, .offset = 0, .length = 4};
	step = cf_storage_upload_part(&op, &upload, &part, "hel", 3);
	return step != CF_STEP_AGAIN ? step : drive_(cf_storage_upload_part(&op, &upload, &part, "hello", 5));
}

static CfStep
run_seal_parts(void)
{
	upload_of("parts:u/1", LARGE);
	return drive_(cf_storage_upload_seal(&op, &upload, &stat_));
}

static CfStep
run_commit(void)
{
	upload_of("parts:u/1", LARGE);
	upload.digests.known = CF_DIGEST_CRC64NVME | CF_DIGEST_CRC32C;
	upload.digests.crc64nvme = 1;
	upload.digests.crc32c = 2;
	return drive_(cf_storage_upload_commit(&op, &upload, &stat_));
}

static CfStep
run_abort_of(const char *handle, const char *key)
{
	upload_of(handle, 5);
	upload.args.key = key;
	return drive_(cf_storage_upload_abort(&op, &upload));
}

static CfStep run_abort_parts(void) { return run_abort_of("parts:u/1", "k"); }
static CfStep run_abort_put(void) { return run_abort_of("put", "k"); }
static CfStep run_abort_never(void) { return run_abort_of("", "k"); }
static CfStep run_abort_copy(void) { return run_abort_of("copy:u/1", "k"); }

static CfStep
run_abort_lost(void)
{
	upload_of("", 5);
	upload.args.begun_us = BEGUN_US;
	return drive_(cf_storage_upload_abort(&op, &upload));
}

static CfStep run_abort_done(void) { return run_abort_of("done", "k"); }
static CfStep run_abort_found(void) { return run_abort_of("parts:u/1 a%20b", ""); }
static CfStep run_abort_nothing(void) { return run_abort_of("parts:u/1", ""); }

static CfStep
run_find(void)
{
	CfStep		step;

	place.prefix = "pre/";
	step = drive_(cf_storage_uploads_find(&op, INT64_C(1369353600000000), NULL, &stale));
	place.prefix = "";
	return step;
}

static CfStep run_find_on(void) { return drive_(cf_storage_uploads_find(&op, INT64_MAX, "key-marker=a%20b&upload-id-marker=u", &stale)); }
static CfStep run_find_bad(void) { return drive_(cf_storage_uploads_find(&op, INT64_MAX, "key-marker=a#b", &stale)); }

static CfPlace source;

static CfStep
copy_again(int64_t size, const char *version, const char *handle)
{
	CfUploadArgs args = args_of(size);

	args.resume = handle != NULL;
	args.handle = handle;
	source = place;
	source.name = "q";
	source.bucket = "from";
	source.prefix = "old/";
	copy_token[0] = '\0';
	return drive_(cf_storage_copy(&op, &source, "s k", version, &args, copy_token, &stat_));
}

static CfStep copy_of(int64_t size, const char *version) { return copy_again(size, version, NULL); }
static CfStep run_copy_begun(void) { return copy_again(5, "e=e1;o=job-0", "copy:u/0"); }
static CfStep run_copy(void) { return copy_of(5, "e=e1;o=job-0"); }
static CfStep run_copy_odd(void) { return copy_of(5, "e=~0123456789abcdef01234567;o=job-0"); }
static CfStep run_copy_empty(void) { return copy_of(0, "e=e1;o=job-0"); }
static CfStep run_copy_large(void) { return copy_of(INT64_C(1000) * 1024 * MIB, "e=e1;o=job-0"); }

static CfStep
run_copy_elsewhere(void)
{
	CfUploadArgs args = args_of(5);

	source = place;
	source.region = "cn-north-1";
	return drive_(cf_storage_copy(&op, &source, "s", "e=e1", &args, copy_token, &stat_));
}

static CfStep run_class(void) { return drive_(cf_storage_set_class(&op, "k", "e=e1;o=job-0", "STANDARD_IA", NULL, &stat_)); }
static CfStep
run_class_probing(void)
{
	op.probing = true;
	return run_class();
}

/* run_class_unseen changes a class where check_storage() saw that the store ignores which version is replaced. */
static CfStep
run_class_unseen(void)
{
	CfStep		step;

	place.was_probed = true;
	step = run_class();
	place.was_probed = false;
	return step;
}

/* run_allowed looks at an object and asks whether its class could be changed, which sends nothing more. */
static CfStep
run_allowed(const char *storage_class, bool seen)
{
	CfStep		step;
	bool		allowed;

	place.was_probed = seen;
	step = drive_(cf_storage_stat(&op, "k", &stat_));
	allowed = step == CF_STEP_DONE && cf_storage_class_allowed(&op, "k", storage_class);
	place.was_probed = false;
	return allowed ? CF_STEP_DONE : CF_STEP_ERROR;
}

static CfStep run_allowed_unseen(void) { return run_allowed("STANDARD_IA", true); }
static CfStep run_allowed_gold(void) { return run_allowed("GOLD", false); }
static CfStep run_allowed_well(void) { return run_allowed("STANDARD_IA", false); }

static CfStep run_class_kept(void) { copy_token[0] = '\0'; return drive_(cf_storage_set_class(&op, "k", "e=e1;o=job-0", "STANDARD_IA", copy_token, &stat_)); }
static CfStep run_restore(void) { return drive_(cf_storage_restore(&op, "k", "e=e1;o=job-0", 3, "")); }
static CfStep run_restore_fast(void) { return drive_(cf_storage_restore(&op, "k", "e=e1;o=job-0", 3, "Expedited")); }

static void
after_begin_large(void)
{
	is_str(upload.handle, "parts:u/1", "the handle is the id of the upload");
	is_int(upload.args.part_bytes, 16 * MIB, "parts are as large as was asked");
	is_int(upload.stored_bytes, 0, "nothing is stored");
}

static void after_begin_resumed(void) { is_int(upload.stored_bytes, 16 * MIB, "whole parts without a gap are there"); }
static void after_begin_resumed_all(void) { is_int(upload.stored_bytes, LARGE, "all parts are there"); }

static void
after_small(void)
{
	is_str(upload.handle, "done", "the handle says that it is committed");
	is_str(stat_.version, upload.sealed_version, "the version is the one of the seal");
	is_str(stat_.version, "e=e1;o=job-1", "which the answer told");
}

static void
after_part(void)
{
	is_str(part.token, "\"p2\"", "the token is the ETag");
	ok(part.digests.known == CF_DIGEST_CRC64NVME && part.digests.crc64nvme == UINT64_C(0x3377857006524257), "with the digest");
}

static void
after_copy(void)
{
	is_str(stat_.version, "e=e2;o=job-1", "the version");
	is_int(stat_.mtime_us, BEGUN_US, "when it was made");
	is_str(stat_.content_type, "text/plain", "what it is");
	ok(stat_.digests.known == CF_DIGEST_CRC64NVME && stat_.digests.crc64nvme == 1, "the digest that the store tells");
}

static void after_seal_parts(void) { is_str(upload.sealed_version, "", "no version is known before the commit"); }
static void after_commit(void) { is_str(stat_.version, "e=e1;o=job-1", "the version"); }
static void after_token(void) { is_str(copy_token, "copy:u/1", "the token says which upload it is"); }

static void
after_find(void)
{
	is_int(stale.count, 1, "one is old enough");
	is_str(stale.uploads[0].key, "a b", "its key, without the prefix");
	is_str(stale.uploads[0].handle, "parts:u/1 a%20b", "its handle, with the key behind it");
	is_str(stale.uploads[0].owner_tag, "", "whose it is, S3 does not know");
	is_str(stale.next, "key-marker=pre%2Fz%26&upload-id-marker=u2", "where it goes on");
}

static void after_class(void) { is_str(stat_.storage_class, "STANDARD_IA", "the class is told"); }

static const Scene all[] = {
	{"begin a small upload", run_begin_small, EXCHANGES({NULL})},
	{"begin a large upload", run_begin_large, EXCHANGES({"HEAD /k", NULL, 404}, {"POST /k?uploads=",
		"x-amz-checksum-algorithm: CRC64NVME\nx-amz-checksum-type: FULL_OBJECT\nx-amz-meta-cf-owner-tag: job-1\nContent-Type: text/plain\n", 200, NULL, CREATED}),
	CF_ERR_NONE, NULL, NULL, after_begin_large},
	{"begin with CRC32C", run_begin_large, EXCHANGES({"HEAD /k", NULL, 404}, {"POST /k?uploads=", "x-amz-checksum-algorithm: CRC32C\n", 200, NULL, CREATED}),
	CF_ERR_NONE, NULL, OPTIONS({"checksum", "crc32c"}), after_begin_large},
	{"begin what needs parts beyond what there may be", run_begin_huge, EXCHANGES({NULL}), CF_ERR_RANGE},
	{"begin where somebody is", run_begin_large, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")}), CF_ERR_EXISTS},
	{"begin, forbidden to look", run_begin_large, EXCHANGES({"HEAD /k", NULL, 403}), CF_ERR_DENIED},
	{"begin, refused", run_begin_large, EXCHANGES({"HEAD /k", NULL, 404}, {"POST /k?uploads=", NULL, 403, NULL, ERROR("AccessDenied")}), CF_ERR_DENIED},
	{"begin, without an id", run_begin_large, EXCHANGES({"HEAD /k", NULL, 404}, {"POST /k?uploads=", NULL, 200, NULL, "<InitiateMultipartUploadResult/>"}), CF_ERR_IO},
	{"begin, an id with blanks", run_begin_large, EXCHANGES({"HEAD /k", NULL, 404}, {"POST /k?uploads=", NULL, 200, NULL,
		"<InitiateMultipartUploadResult><UploadId>a b</UploadId></InitiateMultipartUploadResult>"}), CF_ERR_IO},
	{"begin, no XML", run_begin_large, EXCHANGES({"HEAD /k", NULL, 404}, {"POST /k?uploads=", NULL, 200, NULL, "<Init"}), CF_ERR_IO},
	{"begin, encryption ignored", run_begin_large, EXCHANGES({"HEAD /k", NULL, 404}, {"POST /k?uploads=", NULL, 200, NULL, CREATED}), CF_ERR_UNSUPPORTED, NULL,
		OPTIONS({"sse", "AES256"})},
	{"begin on a store that joins without a condition", run_begin_large, EXCHANGES({NULL}), CF_ERR_UNSUPPORTED, "put_max_mb", OPTIONS({"preset", "r2"})},
	{"begin again by the handle", run_begin_resumed, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("true", PART("1", "16777216"))},
	{LIST_PARTS "&part-number-marker=1", NULL, 200, NULL, PARTS("false", PART("3", "5"))}), CF_ERR_NONE, NULL, NULL, after_begin_resumed},
	{"begin again, all there", run_begin_resumed, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}), CF_ERR_NONE, NULL, NULL,
		after_begin_resumed_all},
	{"begin again, the upload is gone", run_begin_resumed, EXCHANGES({LIST_PARTS, NULL, 404, NULL, ERROR("NoSuchUpload")}, {"HEAD /k", NULL, 404},
	{"POST /k?uploads=", NULL, 200, NULL, CREATED}), CF_ERR_NONE, NULL, NULL, after_begin_large},
	{"begin again, parts that go round", run_begin_resumed, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("true", "")}), CF_ERR_IO, "makes no sense"},
	{"begin again, a part that is none", run_begin_resumed, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", PART("0", "5"))}), CF_ERR_IO},
	{"begin again, forbidden", run_begin_resumed, EXCHANGES({LIST_PARTS, NULL, 403}), CF_ERR_DENIED},
	{"begin again after a copy by parts", run_begin_after_copy, EXCHANGES({"DELETE /k?uploadId=u%2F0", NULL, 204}, {"HEAD /k", NULL, 404},
	{"POST /k?uploads=", NULL, 200, NULL, CREATED}), CF_ERR_NONE},
	{"begin a small one again after a copy by parts", run_begin_small_after_copy, EXCHANGES({"DELETE /k?uploadId=u%2F0", NULL, 404, NULL, ERROR("NoSuchUpload")})},
	{"begin again after a copy by parts that stays", run_begin_small_after_copy, EXCHANGES({"DELETE /k?uploadId=u%2F0", NULL, 403}), CF_ERR_DENIED},
	{"begin again, nothing was ever begun", run_begin_never, EXCHANGES({"HEAD /k", NULL, 404}, {"POST /k?uploads=", NULL, 200, NULL, CREATED}), CF_ERR_NONE, NULL, NULL,
		after_begin_large},
	{"begin again, the handle was lost", run_begin_lost, EXCHANGES(APART, {"DELETE /k?uploadId=u4", NULL, 204}, {LIST_UPLOADS "k", NULL, 200, NULL, UPLOADS(NEARBY)},
	{"HEAD /k", NULL, 404}, {"POST /k?uploads=", NULL, 200, NULL, CREATED}), CF_ERR_NONE, NULL, NULL, after_begin_large},
	{"begin again, the upload is gone and the next one's handle was lost", run_begin_gone, EXCHANGES({LIST_PARTS, NULL, 404, NULL, ERROR("NoSuchUpload")},
	{LIST_UPLOADS "k", NULL, 200, NULL, UPLOADS(OURS)}, HOLDS("u4", ""), {"DELETE /k?uploadId=u4", NULL, 204}, {LIST_UPLOADS "k", NULL, 200, NULL, NO_UPLOADS},
	{"HEAD /k", NULL, 404}, {"POST /k?uploads=", NULL, 200, NULL, CREATED}), CF_ERR_NONE, NULL, NULL, after_begin_large},

	{"a small upload", run_small, EXCHANGES({"PUT /k", "If-None-Match: *\nx-amz-meta-cf-owner-tag: job-1\n", 200, "etag: \"e1\"\n", .sent = "hello"}),
	CF_ERR_NONE, NULL, NULL, after_small},
	{"a small upload, committed twice, aborted", run_small_again, EXCHANGES({"PUT /k", NULL, 200, "etag: \"e1\"\n"},
	{"HEAD /k", NULL, 200, HEAD_OF("5", "job-1")}), CF_ERR_NONE, NULL, NULL, after_small},
	{"a small upload where somebody is", run_small, EXCHANGES({"PUT /k", NULL, 412}, {"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")}), CF_ERR_EXISTS},
	{"a small upload, sealed too early", run_small_not_all, EXCHANGES({NULL}), CF_ERR_STATE, "not complete"},
	{"a small upload out of order", run_small_out_of_order, EXCHANGES({"PUT /k", NULL, 200, "etag: \"e1\"\n", .sent = "hello"})},
	{"a part beyond the end of a small upload", run_small_outside, EXCHANGES({NULL}), CF_ERR_INPUT, "does not lie inside"},
	{"commit after a crash", run_commit_small, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-1")}), CF_ERR_NONE, NULL, NULL, after_small},
	{"commit after a crash, nothing there", run_commit_small, EXCHANGES({"HEAD /k", NULL, 404}), CF_ERR_STATE},
	{"commit after a crash, somebody else", run_commit_small, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")}), CF_ERR_EXISTS},
	{"commit after a crash, forbidden", run_commit_small, EXCHANGES({"HEAD /k", NULL, 403}), CF_ERR_DENIED},

	{"a part", run_part, EXCHANGES({"PUT /k?partNumber=2&uploadId=u%2F1", "x-amz-checksum-crc64nvme: M3eFcAZSQlc=\n-If-None-Match\n", 200, "etag: \"p2\"\n", .sent = "hello"}),
	CF_ERR_NONE, NULL, NULL, after_part},
	{"a part in pieces", run_part_in_pieces, EXCHANGES({"PUT /k?partNumber=2&uploadId=u%2F1", NULL, 200, "etag: \"p2\"\nx-amz-checksum-crc64nvme: M3eFcAZSQlc=\n", .sent = "hello"}),
	CF_ERR_NONE, NULL, NULL, after_part},
	{"a part, another checksum", run_part, EXCHANGES({"PUT /k?partNumber=2&uploadId=u%2F1", NULL, 200, "etag: \"p2\"\nx-amz-checksum-crc64nvme: AAAAAAAAAAA=\n"}), CF_ERR_IO},
	{"a part, no ETag", run_part, EXCHANGES({"PUT /k?partNumber=2&uploadId=u%2F1", NULL, 200}), CF_ERR_IO},
	{"a part of an upload that is gone", run_part, EXCHANGES({"PUT /k?partNumber=2&uploadId=u%2F1", NULL, 404, NULL, ERROR("NoSuchUpload")}), CF_ERR_STATE},
	{"a part, too slow", run_part, EXCHANGES({"PUT /k?partNumber=2&uploadId=u%2F1", NULL, 503, NULL, ERROR("SlowDown")}), CF_ERR_IO, "503 SlowDown"},
	{"a part beyond the last number", run_part_too_many, EXCHANGES({NULL}), CF_ERR_RANGE},
	{"a part with too many bytes", run_part_too_long, EXCHANGES({NULL}), CF_ERR_INPUT},
	{"seal parts", run_seal_parts, EXCHANGES({NULL}), CF_ERR_NONE, NULL, NULL, after_seal_parts},

	{"commit", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)},
	{COMPLETE, "If-None-Match: *\nx-amz-mp-object-size: 17825792\nx-amz-checksum-crc64nvme: AAAAAAAAAAE=\nx-amz-checksum-type: FULL_OBJECT\n", 200, NULL, COMPLETED, .sent =
		"<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part><ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME><ETag>&quot;p1&quot;</ETag>"
		"<PartNumber>1</PartNumber></Part><Part><ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME><ETag>&quot;p2&quot;</ETag><PartNumber>2</PartNumber></Part></CompleteMultipartUpload>"},
	{"HEAD /k", NULL, 200, HEAD_OF("17825792", "job-1")}), CF_ERR_NONE, NULL, NULL, after_commit},
	{"commit with CRC32C", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, "x-amz-checksum-crc32c: AAAAAg==\n", 200, NULL, COMPLETED},
	{"HEAD /k", NULL, 200, HEAD_OF("17825792", "job-1")}), CF_ERR_NONE, NULL, OPTIONS({"checksum", "crc32c"}), after_commit},
	{"commit on a store without the condition", run_commit, EXCHANGES({"HEAD /photos/k", NULL, 404}, {"GET /photos/k?uploadId=u%2F1&max-parts=1000", NULL, 200, NULL,
		PARTS("false", BOTH_PARTS)}, {"POST /photos/k?uploadId=u%2F1", "-If-None-Match\n", 200, NULL, COMPLETED}, {"HEAD /photos/k", NULL, 200, HEAD_OF("17825792", "job-1")}),
	CF_ERR_NONE, NULL, OPTIONS({"preset", "wasabi"}, {"accept_unconditional_create", "true"})},
	{"commit on such a store, somebody there", run_commit, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OF("5", "job-0")}), CF_ERR_EXISTS, NULL,
		OPTIONS({"preset", "wasabi"}, {"accept_unconditional_create", "true"})},
	{"commit, the answer was lost", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 0}, {"HEAD /k", NULL, 200, HEAD_OF("17825792", "job-1")}),
	CF_ERR_NONE, NULL, NULL, after_commit},
	{"commit, the answer was lost, nothing there", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 0}, {"HEAD /k", NULL, 404}), CF_ERR_IO,
	"unknown"},
	{"commit again, NoSuchUpload", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 404, NULL, ERROR("NoSuchUpload"), 2},
	{"HEAD /k", NULL, 200, HEAD_OF("17825792", "job-1")}), CF_ERR_NONE, NULL, NULL, after_commit},
	{"commit after a crash, committed already", run_commit, EXCHANGES({LIST_PARTS, NULL, 404, NULL, ERROR("NoSuchUpload")}, {"HEAD /k", NULL, 200, HEAD_OF("17825792", "job-1")}), CF_ERR_NONE},
	{"commit after a crash, aborted by somebody", run_commit, EXCHANGES({LIST_PARTS, NULL, 404, NULL, ERROR("NoSuchUpload")}, {"HEAD /k", NULL, 404}), CF_ERR_STATE},
	{"commit where somebody is", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 412}, {"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")}), CF_ERR_EXISTS},
	{"commit, a race", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 409, NULL, ERROR("ConditionalRequestConflict")}, {"HEAD /k", NULL, 404}), CF_ERR_STATE,
	"sent again"},
	{"commit, an error inside the 200", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 200, NULL, ERROR("InvalidPart")}), CF_ERR_IO, "HTTP 200 InvalidPart"},
	{"commit, an error inside the 200 that passes", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 200, NULL, ERROR("InternalError")}, {"HEAD /k", NULL, 404}), CF_ERR_IO},
	{"commit, cut XML", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 200, NULL, "<Complete"}, {"HEAD /k", NULL, 200, HEAD_OF("17825792", "job-1")}), CF_ERR_NONE},
	{"commit, another size came of it", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 200, NULL, COMPLETED}, {"HEAD /k", NULL, 200, HEAD_OF("5", "job-1")}), CF_ERR_IO},
	{"commit, another digest came of it", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 200, NULL, COMPLETED},
	{"HEAD /k", NULL, 200, HEAD_OF("17825792", "job-1") "x-amz-checksum-crc64nvme: AAAAAAAAAAA=\n"}), CF_ERR_IO, "another object"},
	{"commit, parts missing", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", PART("2", "1048576"))}), CF_ERR_STATE, "parts are missing"},
	{"commit, refused", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 403, NULL, ERROR("AccessDenied")}), CF_ERR_DENIED},
	{"commit, forbidden to look", run_commit, EXCHANGES({LIST_PARTS, NULL, 200, NULL, PARTS("false", BOTH_PARTS)}, {COMPLETE, NULL, 200, NULL, COMPLETED}, {"HEAD /k", NULL, 403}), CF_ERR_DENIED},

	{"abort parts", run_abort_parts, EXCHANGES({"DELETE /k?uploadId=u%2F1", NULL, 204}, {LIST_PARTS, NULL, 200, NULL, PARTS("false", "")}, {"DELETE /k?uploadId=u%2F1", NULL, 204},
	{LIST_PARTS, NULL, 404}), CF_ERR_NONE},
	{"abort parts, refused", run_abort_parts, EXCHANGES({"DELETE /k?uploadId=u%2F1", NULL, 403}), CF_ERR_DENIED},
	{"abort what was found", run_abort_found, EXCHANGES({"DELETE /a%20b?uploadId=u%2F1", NULL, 204}, {"GET /a%20b?uploadId=u%2F1&max-parts=1000", NULL, 404})},
	{"abort without a key", run_abort_nothing, EXCHANGES({NULL}), CF_ERR_INPUT},
	{"abort what is committed", run_abort_done, EXCHANGES({NULL})},
	{"abort what was sealed", run_abort_put, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-1")}, {"DELETE /k", "If-Match: \"e1\"\n", 204})},
	{"abort what was sealed, a version", run_abort_put, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-1") "x-amz-version-id: v 1\n"}, {"DELETE /k?versionId=v%201", "-If-Match\n", 204})},
	{"abort what was sealed, versions are not to be removed", run_abort_put, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-1") "x-amz-version-id: v1\n"},
	{"DELETE /k?versionId=v1", NULL, 403, NULL, ERROR("AccessDenied")}, {"DELETE /k", "If-Match: \"e1\"\n", 204})},
	{"abort what was never sealed", run_abort_put, EXCHANGES({"HEAD /k", NULL, 404})},
	{"abort where somebody else is", run_abort_put, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")})},
	{"abort, refused", run_abort_put, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-1")}, {"DELETE /k", NULL, 403}), CF_ERR_DENIED},
	{"abort, forbidden to look", run_abort_put, EXCHANGES({"HEAD /k", NULL, 403}), CF_ERR_DENIED},
	{"abort on a store without the condition", run_abort_put, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OF("5", "job-1")}), CF_ERR_UNSUPPORTED, NULL, OPTIONS({"preset", "wasabi"})},
	{"abort what was never begun", run_abort_never, EXCHANGES({"HEAD /k", NULL, 404})},
	{"abort a copy by its token", run_abort_copy, EXCHANGES({"DELETE /k?uploadId=u%2F1", NULL, 204}, {LIST_PARTS, NULL, 404})},
	{"abort, the handle was lost", run_abort_lost, EXCHANGES({"HEAD /k", NULL, 404}, APART, {"DELETE /k?uploadId=u4", NULL, 404}, {LIST_UPLOADS "k", NULL, 200, NULL, UPLOADS(NEARBY)})},
	{"abort, the handle was lost, a minute apart is somebody else's", run_abort_lost, EXCHANGES({"HEAD /k", NULL, 404},
	{LIST_UPLOADS "k", NULL, 200, "date: Fri, 24 May 2013 00:00:00 GMT\n", UPLOADS(EARLIER LATER)})},
	{"abort, the handle was lost, a minute apart without a date is somebody else's", run_abort_lost, EXCHANGES({"HEAD /k", NULL, 404},
	{LIST_UPLOADS "k", NULL, 200, NULL, UPLOADS(EARLIER LATER)})},
	{"abort, the handle was lost, by the store's clock", run_abort_lost, EXCHANGES({"HEAD /k", NULL, 404},
	{LIST_UPLOADS "k", NULL, 200, BEHIND, UPLOADS(EARLIER LATER)}, HOLDS("u5", ""), {"DELETE /k?uploadId=u5", NULL, 204}, {LIST_UPLOADS "k", NULL, 200, BEHIND, UPLOADS(LATER)})},
	{"abort, the handle was lost, it is gone", run_abort_lost, EXCHANGES({"HEAD /k", NULL, 404}, {LIST_UPLOADS "k", NULL, 200, NULL, UPLOADS(OURS)},
	{"GET /k?uploadId=u4&max-parts=1000", NULL, 404}, {LIST_UPLOADS "k", NULL, 200, NULL, NO_UPLOADS})},
	{"abort, the handle was lost, refused", run_abort_lost, EXCHANGES({"HEAD /k", NULL, 404}, {LIST_UPLOADS "k", NULL, 403}), CF_ERR_DENIED},
	{"abort one of those, forbidden to look", run_abort_lost, EXCHANGES({"HEAD /k", NULL, 404}, {LIST_UPLOADS "k", NULL, 200, NULL, UPLOADS(OURS)},
	{"GET /k?uploadId=u4&max-parts=1000", NULL, 403}), CF_ERR_DENIED},
	{"abort one of those, refused", run_abort_lost, EXCHANGES({"HEAD /k", NULL, 404}, {LIST_UPLOADS "k", NULL, 200, NULL, UPLOADS(OURS)}, HOLDS("u4", ""),
	{"DELETE /k?uploadId=u4", NULL, 403}), CF_ERR_DENIED},

	{"find uploads", run_find, EXCHANGES({LIST_UPLOADS "pre%2F", NULL, 200, NULL, "<ListMultipartUploadsResult><EncodingType>url</EncodingType>"
		"<Upload><Key>pre/a+b</Key><UploadId>u/1</UploadId><Initiated>2013-05-23T00:00:00Z</Initiated></Upload>"
		"<Upload><Key>pre/young</Key><UploadId>u2</UploadId><Initiated>2013-05-25T00:00:00.5Z</Initiated></Upload>"
		"<Upload><Key>other</Key><UploadId>u3</UploadId><Initiated>nonsense</Initiated></Upload><Upload><Key>pre/%zz</Key><UploadId>u4</UploadId></Upload>"
		"<IsTruncated>true</IsTruncated><NextKeyMarker>pre/z%26</NextKeyMarker><NextUploadIdMarker>u2</NextUploadIdMarker></ListMultipartUploadsResult>"}), CF_ERR_NONE, NULL, NULL, after_find},
	{"find more uploads", run_find_on, EXCHANGES({LIST_UPLOADS "&key-marker=a%20b&upload-id-marker=u", NULL, 200, NULL, NO_UPLOADS})},
	{"find with a token that is none", run_find_bad, EXCHANGES({NULL}), CF_ERR_INPUT},
	{"find, refused", run_find_on, EXCHANGES({LIST_UPLOADS "&key-marker=a%20b&upload-id-marker=u", NULL, 501, NULL, ERROR("NotImplemented")}), CF_ERR_UNSUPPORTED},
	{"find, nowhere to go on", run_find_on, EXCHANGES({LIST_UPLOADS "&key-marker=a%20b&upload-id-marker=u", NULL, 200, NULL,
		"<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>"}), CF_ERR_IO},
	{"find, no XML", run_find_on, EXCHANGES({LIST_UPLOADS "&key-marker=a%20b&upload-id-marker=u", NULL, 200, NULL, "<"}), CF_ERR_IO},
	{"find where there are none", run_find_on, EXCHANGES({NULL}), CF_ERR_NONE, NULL, OPTIONS({"preset", "gcs"})},

	{"copy", run_copy, EXCHANGES({"PUT /k",
		"x-amz-copy-source: /from/old/s%20k\nx-amz-copy-source-if-match: \"e1\"\nIf-None-Match: *\nx-amz-metadata-directive: REPLACE\nx-amz-tagging-directive: REPLACE\n"
		"x-amz-checksum-algorithm: CRC64NVME\nx-amz-meta-cf-owner-tag: job-1\n", 200, "date: Fri, 24 May 2013 00:00:00 GMT\n", COPIED}), CF_ERR_NONE, NULL, NULL, after_copy},
	{"copy, an answer that does not tell what was made", run_copy, EXCHANGES({"PUT /k", NULL, 200, NULL, "<CopyObjectResult/>"}, {"HEAD /k", NULL, 200, HEAD_OF("5", "job-1")}),
	CF_ERR_NONE, NULL, NULL, after_commit},
	{"copy, an answer that is no XML", run_copy, EXCHANGES({"PUT /k", NULL, 200, NULL, "<Copy"}, {"HEAD /k", NULL, 200, HEAD_OF("5", "job-2")}), CF_ERR_EXISTS},
	{"copy, encryption ignored", run_copy, EXCHANGES({"PUT /k", NULL, 200, NULL, COPIED}), CF_ERR_UNSUPPORTED, NULL, OPTIONS({"sse", "AES256"})},
	{"copy, the source changed", run_copy, EXCHANGES({"PUT /k", NULL, 412}, {"HEAD /k", NULL, 404}), CF_ERR_CHANGED},
	{"copy to where somebody is", run_copy, EXCHANGES({"PUT /k", NULL, 412}, {"HEAD /k", NULL, 200, HEAD_OF("5", "job-2")}), CF_ERR_EXISTS},
	{"copy again after a lost answer", run_copy, EXCHANGES({"PUT /k", NULL, 412, .sends = 2}, {"HEAD /k", NULL, 200, HEAD_OF("5", "job-1")}), CF_ERR_NONE},
	{"copy, an error inside the 200", run_copy, EXCHANGES({"PUT /k", NULL, 200, NULL, ERROR("InternalError")}), CF_ERR_IO},
	{"copy what is not there", run_copy, EXCHANGES({"PUT /k", NULL, 404, NULL, ERROR("NoSuchKey")}), CF_ERR_NOT_FOUND, "\"q\""},
	{"copy to a bucket that is not there", run_copy, EXCHANGES({"PUT /k", NULL, 404, NULL, ERROR("NoSuchBucket")}), CF_ERR_STATE},
	{"copy, forbidden", run_copy, EXCHANGES({"PUT /k", NULL, 403, NULL, ERROR("AccessDenied")}), CF_ERR_DENIED},
	{"copy what is archived", run_copy, EXCHANGES({"PUT /k", NULL, 403, NULL, ERROR("InvalidObjectState")}), CF_ERR_STATE, "archived"},
	{"copy what no condition can name", run_copy_odd, EXCHANGES({"HEAD /old/s%20k", NULL, 200, HEAD_OF("5", "job-0")}), CF_ERR_CHANGED},
	{"copy an empty object, the source changed", run_copy_empty, EXCHANGES({"HEAD /old/s%20k", NULL, 200, HEAD_OF("0", "job-x")}), CF_ERR_CHANGED},
	{"copy an empty object that is not there", run_copy_empty, EXCHANGES({"HEAD /old/s%20k", NULL, 404}), CF_ERR_NOT_FOUND, "\"q\""},
	{"copy an empty object, forbidden to look", run_copy_empty, EXCHANGES({"HEAD /old/s%20k", NULL, 403}), CF_ERR_DENIED},
	{"copy an empty object that is archived", run_copy_empty, EXCHANGES({"HEAD /old/s%20k", NULL, 200, HEAD_OF("0", "job-0") "x-amz-storage-class: GLACIER\n"}), CF_ERR_STATE, "archived"},
	{"copy to another partition", run_copy_elsewhere, EXCHANGES({NULL}), CF_ERR_UNSUPPORTED},
	{"copy an empty object", run_copy_empty, EXCHANGES({"HEAD /old/s%20k", NULL, 200, HEAD_OF("0", "job-0")}, {"PUT /k", "If-None-Match: *\n-x-amz-copy-source\n", 200, "etag: \"e1\"\n"}),
	CF_ERR_NONE, NULL, NULL, after_commit},
	{"copy an empty object without a condition", run_copy_empty, EXCHANGES({"HEAD /from/old/s%20k", NULL, 404}), CF_ERR_NOT_FOUND, NULL, OPTIONS({"preset", "wasabi"}, {"accept_unconditional_create", "true"})},
	{"copy by parts", run_copy, EXCHANGES({"HEAD /from/old/s%20k", NULL, 200, HEAD_OF("5", "job-0")},
	{"POST /photos/k?uploads=", "-x-amz-checksum-algorithm\n-x-amz-checksum-type\n", 200, NULL, CREATED},
	{"PUT /photos/k?partNumber=1&uploadId=u%2F1", "x-amz-copy-source: /from/old/s%20k\nx-amz-copy-source-if-match: \"e1\"\nx-amz-copy-source-range: bytes=0-4\n", 200, NULL,
		"<CopyPartResult><ETag>x</ETag></CopyPartResult>"}, {"GET /photos/k?uploadId=u%2F1&max-parts=1000", NULL, 200, NULL, PARTS("false", PART("1", "5"))},
	{"POST /photos/k?uploadId=u%2F1", "If-None-Match: *\n-x-amz-checksum-type\n", 200, NULL, COMPLETED}, {"HEAD /photos/k", NULL, 200, HEAD_OF("5", "job-1")}), CF_ERR_NONE, NULL,
		OPTIONS({"preset", "minio"}), after_token},
	{"copy by parts, once more after an attempt that was cut off", run_copy_begun, EXCHANGES({"HEAD /from/old/s%20k", NULL, 200, HEAD_OF("5", "job-0")},
	{"DELETE /photos/k?uploadId=u%2F0", NULL, 204}, {"POST /photos/k?uploads=", NULL, 200, NULL, CREATED},
	{"PUT /photos/k?partNumber=1&uploadId=u%2F1", NULL, 200, NULL, "<CopyPartResult><ETag>x</ETag></CopyPartResult>"},
	{"GET /photos/k?uploadId=u%2F1&max-parts=1000", NULL, 200, NULL, PARTS("false", PART("1", "5"))},
	{"POST /photos/k?uploadId=u%2F1", "If-None-Match: *\n", 200, NULL, COMPLETED}, {"HEAD /photos/k", NULL, 200, HEAD_OF("5", "job-1")}), CF_ERR_NONE, NULL,
		OPTIONS({"preset", "minio"}), after_token},
	{"copy by parts to where somebody is", run_copy, EXCHANGES({"HEAD /from/old/s%20k", NULL, 200, HEAD_OF("5", "job-0")}, {"POST /photos/k?uploads=", NULL, 200, NULL, CREATED},
	{"PUT /photos/k?partNumber=1&uploadId=u%2F1", NULL, 200, NULL, "<CopyPartResult><ETag>x</ETag></CopyPartResult>"},
	{"GET /photos/k?uploadId=u%2F1&max-parts=1000", NULL, 200, NULL, PARTS("false", PART("1", "5"))}, {"POST /photos/k?uploadId=u%2F1", NULL, 412, NULL, ERROR("PreconditionFailed")},
	{"HEAD /photos/k", NULL, 200, HEAD_OF("5", "job-x")}, {"DELETE /photos/k?uploadId=u%2F1", NULL, 204}), CF_ERR_EXISTS, NULL, OPTIONS({"preset", "minio"})},
	{"copy where the store does not", run_copy, EXCHANGES({NULL}), CF_ERR_UNSUPPORTED, NULL, OPTIONS({"preset", "gcs"})},
	{"copy a large object, the source changes", run_copy_large, EXCHANGES({"HEAD /old/s%20k", NULL, 200, HEAD_OF("1073741824000", "job-0")},
	{"POST /k?uploads=", "x-amz-checksum-algorithm: CRC64NVME\n", 200, NULL, CREATED}, {"PUT /k?partNumber=1&uploadId=u%2F1", "x-amz-copy-source-range: bytes=0-536870911\nx-amz-copy-source-if-match: \"e1\"\n", 200, NULL,
		"<CopyPartResult><ETag>x</ETag></CopyPartResult>"},
	{"PUT /k?partNumber=2&uploadId=u%2F1", "x-amz-copy-source-range: bytes=536870912-1073741823\n", 412}, {"DELETE /k?uploadId=u%2F1", NULL, 204}), CF_ERR_CHANGED},
	{"copy a large object, an error inside the 200", run_copy_large, EXCHANGES({"HEAD /old/s%20k", NULL, 200, HEAD_OF("1073741824000", "job-0")},
	{"POST /k?uploads=", NULL, 200, NULL, CREATED}, {"PUT /k?partNumber=1&uploadId=u%2F1", NULL, 200, NULL, ERROR("SlowDown")}), CF_ERR_IO},
	{"copy a large object, the upload is gone", run_copy_large, EXCHANGES({"HEAD /old/s%20k", NULL, 200, HEAD_OF("1073741824000", "job-0")},
	{"POST /k?uploads=", NULL, 200, NULL, CREATED}, {"PUT /k?partNumber=1&uploadId=u%2F1", NULL, 404, NULL, ERROR("NoSuchUpload")}), CF_ERR_STATE},

	{"set the class", run_class, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")}, {"PUT /k",
		"x-amz-copy-source: /photos/k\nx-amz-copy-source-if-match: \"e1\"\nIf-Match: \"e1\"\nx-amz-metadata-directive: COPY\nx-amz-storage-class: STANDARD_IA\n", 200, NULL,
		"<CopyObjectResult><ETag>\"e1\"</ETag></CopyObjectResult>"}, {"HEAD /k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-storage-class: STANDARD_IA\n"}), CF_ERR_NONE, NULL, NULL, after_class},
	{"set the class that it has", run_class, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-storage-class: STANDARD_IA\n"}), CF_ERR_NONE, NULL, NULL, after_class},
	{"set the class of another version", run_class, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-x")}), CF_ERR_CHANGED},
	{"a probe lets the store judge which version is replaced", run_class_probing, EXCHANGES({"HEAD /k", NULL, 200, "etag: \"e2\"\ncontent-length: 5\n"},
		{"PUT /k", "x-amz-copy-source-if-match: \"e2\"\nIf-Match: \"e1\"\n", 412}), CF_ERR_CHANGED},
	{"set the class where the store was seen to replace any version", run_class_unseen, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")}), CF_ERR_UNSUPPORTED, "versioning"},
	{"set the class there, on a versioned bucket", run_class_unseen, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-version-id: v1\n"}, {"PUT /k", NULL, 412}), CF_ERR_CHANGED},
	{"set the class, changed at the last moment", run_class, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")}, {"PUT /k", NULL, 412}), CF_ERR_CHANGED},
	{"set the class, ignored", run_class, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")}, {"PUT /k", NULL, 200, NULL, "<CopyObjectResult><ETag>\"e1\"</ETag></CopyObjectResult>"},
	{"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")}), CF_ERR_IO, "as it was"},
	{"set the class, gone then", run_class, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")}, {"PUT /k", NULL, 200, NULL, "<CopyObjectResult><ETag>\"e1\"</ETag></CopyObjectResult>"},
	{"HEAD /k", NULL, 404}), CF_ERR_NOT_FOUND},
	{"set the class, forbidden then", run_class, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")}, {"PUT /k", NULL, 200, NULL, "<CopyObjectResult><ETag>\"e1\"</ETag></CopyObjectResult>"},
	{"HEAD /k", NULL, 403}), CF_ERR_DENIED},
	{"set the class of a large object, a part fails", run_class, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("6442450944", "job-0")}, {"POST /k?uploads=", NULL, 200, NULL, CREATED},
	{"PUT /k?partNumber=1&uploadId=u%2F1", NULL, 403, NULL, ERROR("AccessDenied")}, {"DELETE /k?uploadId=u%2F1", NULL, 204}), CF_ERR_DENIED, "copy a part"},
	{"set the class of a large object, a part fails, by who keeps its token", run_class_kept, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("6442450944", "job-0")},
	{"POST /k?uploads=", NULL, 200, NULL, CREATED}, {"PUT /k?partNumber=1&uploadId=u%2F1", NULL, 403, NULL, ERROR("AccessDenied")}), CF_ERR_DENIED, "copy a part"},
	{"set the class of what is archived", run_class, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-storage-class: DEEP_ARCHIVE\n"}), CF_ERR_STATE, "Restore it first"},
	{"an archived object whose class could not be changed afterwards", run_allowed_unseen, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-storage-class: DEEP_ARCHIVE\n"}), CF_ERR_UNSUPPORTED, "versioning"},
	{"one that could not have the class", run_allowed_gold, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-storage-class: DEEP_ARCHIVE\n"}), CF_ERR_INPUT, "DEEP_ARCHIVE"},
	{"one that may be restored", run_allowed_well, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-storage-class: DEEP_ARCHIVE\n"})},
	{"set the class where nothing protects", run_class, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OF("5", "job-0")}), CF_ERR_UNSUPPORTED, "versioning", OPTIONS({"preset", "wasabi"})},
	{"set the class on a versioned bucket", run_class, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-version-id: v1\n"},
	{"PUT /photos/k", "-If-Match\nx-amz-server-side-encryption: aws:kms\nx-amz-server-side-encryption-aws-kms-key-id: key-1\n", 403, NULL, ERROR("AccessDenied")}), CF_ERR_DENIED, NULL,
		OPTIONS({"preset", "wasabi"}, {"sse", "aws:kms"}, {"sse_kms_key_id", "key-1"})},
	{"set the class by saying all again", run_class, EXCHANGES({"HEAD /photos/k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-meta-colour: red\nx-amz-version-id: v1\n"},
	{"PUT /photos/k", "x-amz-metadata-directive: REPLACE\nx-amz-meta-colour: red\nx-amz-meta-cf-owner-tag: job-0\nx-amz-storage-class: STANDARD_IA\n-x-amz-tagging\n", 400, NULL, ERROR("InvalidStorageClass")}),
	CF_ERR_INPUT, "no such storage class", OPTIONS({"preset", "seaweedfs"})},
	{"set the class of a large object", run_class, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("6442450944", "job-0") "x-amz-meta-colour: red\n"},
	{"POST /k?uploads=", "x-amz-meta-colour: red\nx-amz-storage-class: STANDARD_IA\n", 200, NULL, CREATED},
	{"PUT /k?partNumber=1&uploadId=u%2F1", "x-amz-copy-source-range: bytes=0-536870911\n", 404, NULL, ERROR("NoSuchUpload")}), CF_ERR_STATE},

	{"restore", run_restore, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-storage-class: GLACIER\n"}, {"POST /k?restore=", NULL, 202, .sent =
		"<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>3</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>"})},
	{"restore what is on its way", run_restore, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-storage-class: GLACIER\nx-amz-restore: ongoing-request=\"true\"\n"})},
	{"restore what can be read", run_restore, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0")})},
	{"restore, already asked", run_restore, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-storage-class: GLACIER\n"}, {"POST /k?restore=", NULL, 409, NULL, ERROR("RestoreAlreadyInProgress")})},
	{"restore fast, not available", run_restore_fast, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-0") "x-amz-storage-class: GLACIER\n"},
	{"POST /k?restore=", NULL, 503, NULL, ERROR("GlacierExpeditedRetrievalNotAvailable")}), CF_ERR_BUSY, "Standard or Bulk"},
	{"restore another version", run_restore, EXCHANGES({"HEAD /k", NULL, 200, HEAD_OF("5", "job-x")}), CF_ERR_CHANGED},
	{"restore what is not there", run_restore, EXCHANGES({"HEAD /k", NULL, 404}), CF_ERR_NOT_FOUND},
	{"restore, forbidden", run_restore, EXCHANGES({"HEAD /k", NULL, 403}), CF_ERR_DENIED},
};

int
main(void)
{
	SCENES(all);
	return done_testing();
}
