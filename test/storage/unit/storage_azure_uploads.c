/*
 * storage_azure_uploads.c: uploads in blocks, copies by the service, classes, restores and tokens on Azure: exactly what is asked,
 * what is made of each answer, and that nothing of ours is taken for somebody else's, nor the other way round.
 */
#include "harness/tap.h"
#include "storage/unit/storage_azure.h"

#define HOST "http://127.0.0.1:10000/acct/box/"
#define VERSION "x-ms-version: 2023-11-03\n"
#define THERE "etag: \"0x8DA\"\n" MODIFIED
#define MINE "x-ms-meta-cf_owner_tag: job-1\n"
#define LOST {404, "x-ms-error-code: BlobNotFound\n", NULL}
#define MIB (INT64_C(1024) * 1024)
#define SIZE (2 * 9 * MIB)
#define XML "<?xml version=\"1.0\" encoding=\"utf-8\"?>"

static CfObjectStat stat;
static CfUpload upload;
static char *bytes;
static char texts[5][2048];	/* answers that are made at run time */
static Answer made[8];

static void
begin(void)
{
	place_open("http://127.0.0.1:10000/acct", "");
	memset(&upload, 0, sizeof(upload));
}

/* answer_made sets the n-th answer of a script that could not be typed in. */
static void
answer_made(int n, int status, const char *headers, const char *body)
{
	made[n] = (Answer) {status, headers, body, 1};
	answers = made;
	answer_count = n + 1;
	asked = 0;
}

static CfUploadArgs
large(void)
{
	return (CfUploadArgs) {.key = "k", .owner_tag = "job-1", .size_bytes = SIZE, .part_bytes = 9 * MIB, .mtime_us = 7, .content_type = "text/plain",
		.storage_class = "Cold", .metadata = "cf_file_id=01"};
}

/* blocks makes the answer to Get Block List with two blocks of ours, of the sizes and CRCs that are given. */
static const char *
blocks(char *text, const char *mark, int64_t size_one, uint64_t crc_one, int64_t size_two, uint64_t crc_two)
{
	char		one[CF_AZURE_ID_TEXT];
	char		two[CF_AZURE_ID_TEXT];
	CfError		err;

	if (!cf_azure_block_id("job-1", mark, 1, crc_one, one, &err) || !cf_azure_block_id("job-1", mark, 2, crc_two, two, &err))
		bail("no ids");
	snprintf(text, 2048, "\xef\xbb\xbf" XML "<BlockList><CommittedBlocks /><UncommittedBlocks>"
			 "<Block><Name>Zm9yZWlnbg==</Name><Size>5</Size></Block>"
			 "<Block><Name>%s</Name><Size>%lld</Size></Block><Block><Name>%s</Name><Size>%lld</Size></Block></UncommittedBlocks></BlockList>",
			 two, (long long) size_two, one, (long long) size_one);
	return text;
}

/* begin_large begins an upload of two blocks. */
static void
begin_large(void)
{
	CfUploadArgs args = large();

	script(LOST);
	if (!run(cf_storage_upload_begin(&op, &args, &upload)))
		bail("no upload: %s", op.err.message);
}

static void
beginning(void)
{
	CfUploadArgs args = large();
	char		first[256];

	begin();
	script(LOST);
	ok(run(cf_storage_upload_begin(&op, &args, &upload)), "a large upload begins");
	asks(0, "HEAD " HOST "k\n" VERSION, "with a look at its destination");
	ok(strncmp(upload.handle, "blocks:", 7) == 0 && strlen(upload.handle) == 23 && upload.stored_bytes == 0, "it has a handle");
	memcpy(first, upload.handle, sizeof(first));
	args.mtime_us = 8;
	script(LOST);
	ok(run(cf_storage_upload_begin(&op, &args, &upload)) && strcmp(first, upload.handle) != 0, "another source has another");
	script({200, THERE MINE "content-length: 5\n", NULL});
	fails(CF_ERR_EXISTS, cf_storage_upload_begin(&op, &args, &upload), "an occupied destination is found before the bytes");
	script({403, "", NULL});
	fails(CF_ERR_DENIED, cf_storage_upload_begin(&op, &args, &upload), "a forbidden one too");
	args.mtime_us = 7;
	args.resume = true;
	answer_made(0, 404, "x-ms-error-code: BlobNotFound\n", NULL);
	answer_made(1, 200, "", blocks(texts[0], first + 7, 9 * MIB, 1, 9 * MIB, 2));
	ok(run(cf_storage_upload_begin(&op, &args, &upload)), "what is resumed");
	asks(1, "GET " HOST "k?comp=blocklist&blocklisttype=uncommitted\n" VERSION, "looks for its blocks");
	is_int(upload.stored_bytes, SIZE, "and finds its own alone");
	answer_made(1, 200, "", blocks(texts[0], "0123456789abcdef", 9 * MIB, 1, 9 * MIB, 2));
	ok(run(cf_storage_upload_begin(&op, &args, &upload)) && upload.stored_bytes == 0, "not those of another source");
	script({200, THERE MINE "content-length: 5\n", NULL}, LOST);
	ok(run(cf_storage_upload_begin(&op, &args, &upload)) && upload.stored_bytes == 0, "its own object in the way is no obstacle");
	script(LOST, {500, "", NULL});
	fails(CF_ERR_IO, cf_storage_upload_begin(&op, &args, &upload), "a failure is told");
	script(LOST, {200, "", "<BlockList>"});
	fails(CF_ERR_IO, cf_storage_upload_begin(&op, &args, &upload), "garbage too");
	args.part_bytes = 100;
	fails(CF_ERR_RANGE, cf_storage_upload_begin(&op, &args, &upload), "more than 50,000 blocks are refused");
	args.part_bytes = 0;
	fails(CF_ERR_RANGE, cf_storage_upload_begin(&op, &args, &upload), "and parts of nothing");
	args.part_bytes = 9 * MIB;
	args.attributes.metadata = "with-hyphen=1";
	fails(CF_ERR_INPUT, cf_storage_upload_begin(&op, &args, &upload), "and metadata that Azure cannot keep, before the bytes");
	place_close();
}

static void
parts(void)
{
	CfPart		part = {.number = 2, .offset = 9 * MIB, .length = 9 * MIB};
	uint64_t	crc = cf_crc64nvme(0, bytes, 9 * MIB);
	char		id[CF_AZURE_ID_TEXT];
	char		text[CF_BASE64_BYTES(8)];
	CfError		err;

	begin();
	begin_large();
	cf_azure_crc_write(crc, text);
	if (!cf_azure_block_id("job-1", upload.handle + 7, 2, crc, id, &err))
		bail("no id");
	is_int(strlen(id), 64, "ids have one length");
	snprintf(texts[0], sizeof(texts[0]), "PUT " HOST "k?comp=block&blockid=%s\n" VERSION "Content-Type: application/octet-stream\nx-ms-content-crc64: %s\n\n",
			 cf_url_encode(&arena, id, strlen(id), false), text);
	script({201, "", NULL});
	ok(run(cf_storage_upload_part(&op, &upload, &part, bytes, 9 * MIB)), "a part is sent");
	asks(0, texts[0], "as a block whose id tells owner, source, number and CRC");
	ok(op.request.body == bytes && op.request.body_bytes == 9 * MIB, "from where it lies");
	ok(part.digests.known == CF_DIGEST_CRC64NVME && part.digests.crc64nvme == crc && strcmp(part.token, text) == 0, "its digest is told");
	script({201, "", NULL});
	ok(cf_storage_upload_part(&op, &upload, &part, bytes, 4 * MIB) == CF_STEP_AGAIN &&
	   run(cf_storage_upload_part(&op, &upload, &part, bytes + 4 * MIB, 5 * MIB)), "a part in two pieces");
	asks(0, texts[0], "is the same block");
	script({201, "x-ms-content-crc64: AAAAAAAAAAA=\n", NULL});
	fails(CF_ERR_IO, cf_storage_upload_part(&op, &upload, &part, bytes, 9 * MIB), "a service that holds other bytes is believed");
	script({400, "x-ms-error-code: InvalidBlobOrBlock\n", NULL});
	fails(CF_ERR_BUSY, cf_storage_upload_part(&op, &upload, &part, bytes, 9 * MIB), "somebody else's blocks of another length are in the way");
	ok(strstr(op.err.hint, "week") != NULL, "which the hint explains");
	fails(CF_ERR_INPUT, cf_storage_upload_part(&op, &upload, &part, bytes, 9 * MIB + 1), "more bytes than a part has");
	ok(cf_storage_upload_part(&op, &upload, &part, bytes, MIB) == CF_STEP_AGAIN, "a part that is begun");
	part.number = 1;
	part.offset = 0;
	ok(cf_storage_upload_part(&op, &upload, &part, bytes, MIB) == CF_STEP_AGAIN, "and left for another");
	part.number = CF_AZURE_BLOCKS_MAX + 1;
	fails(CF_ERR_INPUT, cf_storage_upload_part(&op, &upload, &part, bytes, MIB), "one beyond the last number");
	snprintf(upload.handle, sizeof(upload.handle), "blocks:0123456789ABCDEF");
	fails(CF_ERR_INPUT, cf_storage_upload_part(&op, &upload, &part, bytes, MIB), "a handle that is none of ours");
	fails(CF_ERR_INPUT, cf_storage_upload_seal(&op, &upload, &stat), "cannot be sealed");
	fails(CF_ERR_INPUT, cf_storage_upload_commit(&op, &upload, &stat), "nor committed");
	fails(CF_ERR_INPUT, cf_storage_upload_abort(&op, &upload), "nor aborted");
	place_close();
}

static void
commits(void)
{
	uint64_t	whole = cf_crc64nvme_combine(11, 22, 9 * MIB);
	char		one[CF_AZURE_ID_TEXT];
	char		two[CF_AZURE_ID_TEXT];
	char		crc[CF_BASE64_BYTES(8)];
	char		body_crc[CF_BASE64_BYTES(8)];
	char		md5[CF_BASE64_BYTES(16)];
	char		list_body[400];
	CfError		err;
	const char *list;

	begin();
	begin_large();
	ok(run(cf_storage_upload_seal(&op, &upload, &stat)) && upload.sealed_version[0] == '\0', "sealing blocks asks for nothing");
	list = blocks(texts[0], upload.handle + 7, 9 * MIB, 11, 9 * MIB, 22);
	if (!cf_azure_block_id("job-1", upload.handle + 7, 1, 11, one, &err) || !cf_azure_block_id("job-1", upload.handle + 7, 2, 22, two, &err))
		bail("no ids");
	snprintf(list_body, sizeof(list_body), XML "<BlockList><Uncommitted>%s</Uncommitted><Uncommitted>%s</Uncommitted></BlockList>", one, two);
	cf_azure_crc_write(cf_crc64nvme(0, list_body, strlen(list_body)), body_crc);
	cf_azure_crc_write(whole, crc);
	upload.digests.known = CF_DIGEST_MD5 | CF_DIGEST_CRC64NVME;
	upload.digests.crc64nvme = whole;
	cf_base64_encode(upload.digests.md5, 16, md5);
	snprintf(texts[2], sizeof(texts[2]), "PUT " HOST "k?comp=blocklist\n" VERSION "If-None-Match: *\nContent-Type: application/xml\n"
			 "x-ms-content-crc64: %s\nx-ms-blob-content-type: text/plain\nx-ms-blob-content-md5: %s\nx-ms-access-tier: Cold\n"
			 "x-ms-meta-cf_file_id: 01\nx-ms-meta-cf_crc64nvme: %s\nx-ms-meta-cf_owner_tag: job-1\n%s\n", body_crc, md5, crc, list_body);
	answer_made(0, 200, "", list);
	answer_made(1, 201, THERE, NULL);
	answer_made(2, 200, THERE MINE "content-length: 18874368\n", NULL);
	ok(run(cf_storage_upload_commit(&op, &upload, &stat)), "blocks are committed");
	asks(1, texts[2], "by name, as uncommitted, create-only, with what the object says of itself");
	asks(2, "HEAD " HOST "k\n" VERSION, "and the result is looked at");
	ok(stat.digests.known == CF_DIGEST_CRC64NVME && stat.digests.crc64nvme == whole, "the CRCs of the blocks make that of the object; of the MD5 nobody knows");
	upload.digests.known = 0;
	ok((asked = 0, run(cf_storage_upload_commit(&op, &upload, &stat))) && stat.digests.crc64nvme == whole, "without the caller's digests, too");
	upload.digests.known = CF_DIGEST_CRC64NVME;
	upload.digests.crc64nvme = whole + 1;
	asked = 0;
	fails(CF_ERR_CHANGED, cf_storage_upload_commit(&op, &upload, &stat), "a CRC that is another is refused");
	is_int(asked, 1, "before the object appears");
	upload.digests.known = 0;
	answer_made(0, 200, "", list);
	answer_made(1, 201, THERE, NULL);
	answer_made(2, 200, THERE MINE "content-length: 5\n", NULL);
	fails(CF_ERR_EXISTS, cf_storage_upload_commit(&op, &upload, &stat), "an object of another size is not ours");
	answer_made(2, 500, "", NULL);
	fails(CF_ERR_IO, cf_storage_upload_commit(&op, &upload, &stat), "one that cannot be looked at may be looked at later");
	answer_made(1, 409, "x-ms-error-code: BlobAlreadyExists\n", NULL);
	answer_made(2, 200, THERE "content-length: 18874368\n", NULL);
	fails(CF_ERR_EXISTS, cf_storage_upload_commit(&op, &upload, &stat), "somebody is there");
	answer_made(2, 200, THERE MINE "content-length: 18874368\n", NULL);
	ok(run(cf_storage_upload_commit(&op, &upload, &stat)), "or ourselves, in an earlier life");
	ok(stat.digests.known == 0, "of whose bytes nothing is known");
	answer_made(1, 400, "x-ms-error-code: InvalidBlockList\n", NULL);
	answer_count = 3;
	ok(run(cf_storage_upload_commit(&op, &upload, &stat)), "blocks that an earlier sending committed are no failure");
	answer_made(2, 404, "", NULL);
	fails(CF_ERR_STATE, cf_storage_upload_commit(&op, &upload, &stat), "blocks that are gone are");
	answer_made(1, 403, "x-ms-error-code: AuthorizationPermissionMismatch\n", NULL);
	fails(CF_ERR_DENIED, cf_storage_upload_commit(&op, &upload, &stat), "what is forbidden is told");
	place_close();
}

static void
incomplete(void)
{
	const char *mark;

	begin();
	begin_large();
	mark = upload.handle + 7;
	answer_made(0, 404, "x-ms-error-code: BlobNotFound\n", NULL);
	answer_made(1, 404, "", NULL);
	fails(CF_ERR_STATE, cf_storage_upload_commit(&op, &upload, &stat), "an upload without blocks and object is gone");
	answer_made(1, 200, THERE MINE "content-length: 18874368\n", NULL);
	ok(run(cf_storage_upload_commit(&op, &upload, &stat)), "with its object it was committed before");
	is_str(stat.version, "0x8DA", "which is told");
	upload.digests.known = CF_DIGEST_CRC64NVME;
	upload.digests.crc64nvme = 1;
	answer_made(1, 200, THERE MINE "content-length: 18874368\nx-ms-meta-cf_crc64nvme: AAAAAAAAAAA=\n", NULL);
	fails(CF_ERR_EXISTS, cf_storage_upload_commit(&op, &upload, &stat), "unless that is of other bytes");
	upload.digests.known = 0;
	answer_made(0, 200, "", blocks(texts[0], mark, 9 * MIB, 1, 8 * MIB, 2));
	answer_made(1, 404, "", NULL);
	fails(CF_ERR_STATE, cf_storage_upload_commit(&op, &upload, &stat), "a block of another size does not make the object");
	answer_made(0, 200, "", blocks(texts[0], mark, 0, 1, 9 * MIB, 2));
	answer_made(1, 404, "", NULL);
	fails(CF_ERR_STATE, cf_storage_upload_commit(&op, &upload, &stat), "nor blocks with a gap");
	blocks(texts[0], mark, 9 * MIB, 1, 9 * MIB, 2);
	blocks(texts[1], mark, 9 * MIB, 1, 9 * MIB, 3);
	snprintf(texts[2], sizeof(texts[2]), XML "<BlockList><UncommittedBlocks>%.*s%.*s</UncommittedBlocks></BlockList>",
			 (int) (strstr(texts[0], "</UncommittedBlocks>") - strstr(texts[0], "<Block>")), strstr(texts[0], "<Block>"),
			 (int) (strstr(texts[1], "</UncommittedBlocks>") - strstr(texts[1], "<Block>")), strstr(texts[1], "<Block>"));
	answer_made(0, 200, "", texts[2]);
	answer_made(1, 404, "", NULL);
	fails(CF_ERR_STATE, cf_storage_upload_commit(&op, &upload, &stat), "nor two blocks of one number");
	answer_made(0, 403, "", NULL);
	fails(CF_ERR_DENIED, cf_storage_upload_commit(&op, &upload, &stat), "nor may they be hidden");
	answer_made(0, 200, "", "<html>");
	fails(CF_ERR_IO, cf_storage_upload_commit(&op, &upload, &stat), "nor garbage");
	place_close();
}

static CfUploadArgs
small(void)
{
	return (CfUploadArgs) {.key = "k", .owner_tag = "job-1", .size_bytes = 10, .part_bytes = 6, .content_type = "", .storage_class = "", .metadata = ""};
}

/* begin_small begins an upload of ten bytes and gives it them in two parts, the last one first. */
static void
begin_small(void)
{
	CfUploadArgs args = small();
	CfPart		one = {.number = 1, .offset = 0, .length = 6};
	CfPart		two = {.number = 2, .offset = 6, .length = 4};

	asked = answer_count = 0;
	if (!run(cf_storage_upload_begin(&op, &args, &upload)) || !run(cf_storage_upload_part(&op, &upload, &two, "ghij", 4)) ||
		cf_storage_upload_part(&op, &upload, &one, "abc", 3) != CF_STEP_AGAIN || !run(cf_storage_upload_part(&op, &upload, &one, "def", 3)))
		bail("no upload: %s", op.err.message);
}

static void
sealing(void)
{
	CfUploadArgs args = small();
	CfPart		two = {.number = 2, .offset = 6, .length = 4};

	begin();
	begin_small();
	is_int(asked, 0, "the bytes of a small object are kept until it is sealed");
	is_str(upload.handle, "put", "its handle says so");
	ok(run(cf_storage_upload_part(&op, &upload, &two, "ghij", 4)), "a part may come twice");
	script({201, THERE, NULL});
	ok(run(cf_storage_upload_seal(&op, &upload, &stat)), "then they are one Put Blob");
	ok(strncmp(requests[0], "PUT " HOST "k\n", 10) == 0 && strstr(requests[0], "\nabcdefghij\n") != NULL, "in order");
	is_str(upload.sealed_version, "0x8DA", "with its version");
	asked = 0;
	ok(run(cf_storage_upload_commit(&op, &upload, &stat)) && asked == 0, "committing it in the same op asks for nothing");
	is_str(stat.version, "0x8DA", "and tells the same");
	ok(run(cf_storage_upload_abort(&op, &upload)) && asked == 0, "what is committed is not aborted");
	begin_small();
	fails(CF_ERR_INPUT, cf_storage_upload_part(&op, &upload, &(CfPart) {.number = 257, .length = 1}, "x", 1), "more than 256 parts are refused");
	cf_storage_op_end(&op);
	fails(CF_ERR_STATE, cf_storage_upload_seal(&op, &upload, &stat), "bytes that went with a crash are missed");
	begin_small();
	script({409, "x-ms-error-code: BlobAlreadyExists\n", NULL}, {200, THERE MINE "content-length: 10\n", NULL});
	ok(run(cf_storage_upload_seal(&op, &upload, &stat)) && strcmp(upload.sealed_version, "0x8DA") == 0, "our own object of an earlier life is found");
	begin_small();
	script({409, "x-ms-error-code: BlobAlreadyExists\n", NULL}, {200, THERE "content-length: 10\n", NULL});
	fails(CF_ERR_EXISTS, cf_storage_upload_seal(&op, &upload, &stat), "somebody else's is left alone");
	begin_small();
	upload.digests.known = CF_DIGEST_CRC64NVME;
	script({400, "x-ms-error-code: Crc64Mismatch\n", NULL});
	fails(CF_ERR_IO, cf_storage_upload_seal(&op, &upload, &stat), "the caller's digest is what the service checks");
	ok(strstr(requests[0], "x-ms-content-crc64: AAAAAAAAAAA=\n") != NULL, "not ours");
	args.metadata = "with-hyphen=1";
	fails(CF_ERR_INPUT, cf_storage_upload_begin(&op, &args, &upload), "what cannot be kept is refused before the bytes");
	place_close();
}

static void
sealed(void)
{
	begin();
	begin_small();
	upload.digests.known = 0;
	snprintf(upload.sealed_version, sizeof(upload.sealed_version), "0x8DA");
	script({200, THERE MINE "content-length: 10\n", NULL});
	ok(run(cf_storage_upload_commit(&op, &upload, &stat)), "after a crash a commit finds the sealed object");
	asks(0, "HEAD " HOST "k\n" VERSION, "by looking");
	is_str(upload.handle, "done", "and writes down that it is committed");
	script({200, THERE MINE "content-length: 10\n", NULL});
	ok(run(cf_storage_upload_commit(&op, &upload, &stat)), "again");
	script({200, "etag: \"0x8DB\"\n" MODIFIED MINE "content-length: 10\n", NULL});
	fails(CF_ERR_CHANGED, cf_storage_upload_commit(&op, &upload, &stat), "ours, which somebody has changed");
	script({200, "etag: \"0x8DB\"\n" MODIFIED "content-length: 10\n", NULL});
	fails(CF_ERR_EXISTS, cf_storage_upload_commit(&op, &upload, &stat), "somebody else's");
	script(LOST);
	fails(CF_ERR_STATE, cf_storage_upload_commit(&op, &upload, &stat), "nothing");
	script({500, "", NULL});
	fails(CF_ERR_IO, cf_storage_upload_commit(&op, &upload, &stat), "nobody knows");
	script({200, "", NULL});
	fails(CF_ERR_IO, cf_storage_upload_commit(&op, &upload, &stat), "nor this way");
	place_close();
}

static void
aborting(void)
{
	CfStalePage stale;

	begin();
	begin_large();
	asked = 0;
	ok(run(cf_storage_upload_abort(&op, &upload)) && asked == 0, "blocks need no aborting");
	ok(run(cf_storage_uploads_find(&op, INT64_MAX, NULL, &stale)) && stale.count == 0 && asked == 0, "nor looking for");
	begin_small();
	script(LOST);
	ok(run(cf_storage_upload_abort(&op, &upload)), "a small object that was never sealed is not there");
	script({200, THERE "content-length: 10\n", NULL});
	ok(run(cf_storage_upload_abort(&op, &upload)) && asked == 1, "somebody else's is left alone");
	script({200, THERE MINE "content-length: 18874368\n", NULL});
	ok(run(cf_storage_upload_abort(&op, &upload)) && asked == 1, "what blocks made was committed");
	upload.handle[0] = '\0';
	script({200, THERE MINE "content-length: 10\n", NULL}, {202, "", NULL});
	ok(run(cf_storage_upload_abort(&op, &upload)), "one that was sealed");
	asks(1, "DELETE " HOST "k\n" VERSION "If-Match: \"0x8DA\"\n", "is removed, by its version");
	script({200, THERE MINE "content-length: 10\n", NULL}, {412, "x-ms-error-code: ConditionNotMet\n", NULL});
	ok(run(cf_storage_upload_abort(&op, &upload)), "unless it has changed");
	script({200, THERE MINE "content-length: 10\n", NULL}, {409, "x-ms-error-code: SnapshotsPresent\n", NULL});
	fails(CF_ERR_STATE, cf_storage_upload_abort(&op, &upload), "what is kept by force is told");
	script({403, "", NULL});
	fails(CF_ERR_DENIED, cf_storage_upload_abort(&op, &upload), "what is forbidden, too");
	place_close();
}

static void
copies(void)
{
	CfUploadArgs args = {.key = "new", .owner_tag = "job-1", .size_bytes = 5, .content_type = "text/plain", .storage_class = "Archive", .metadata = ""};
	CfPlace		source;
	CfToken		source_token = {.value = "old", .expires_us = 1};
	CfDigests	claimed = {.claimed = CF_DIGEST_MD5 | CF_DIGEST_CRC64NVME, .crc64nvme = cf_crc64nvme(0, "hello", 5)};
	char		copy_mark[17] = "";
	CfError		err;
	CfCredentials other = {.items = {{"tenant_id", "t/t"}, {"client_id", "c"}, {"client_secret", "s&s"}}, .count = 3};
	char		token[CF_STORAGE_COPY_TOKEN] = "";

	begin();
	source = place;
	source.bucket = "from";
	ok(cf_md5("hello", 5, claimed.md5) && cf_azure_mark("5:0x1", copy_mark, &err), "what is claimed of the source");
	script({201, THERE "x-ms-content-crc64: V0JSBnCFdzM=\n", NULL}, {200, THERE MINE "content-length: 5\n", NULL});
	ok(run(cf_storage_copy(&op, &source, "old", "0x1", &args, token, &stat)), "an object is copied");
	asks(0, "PUT " HOST "new\n" VERSION "x-ms-blob-type: BlockBlob\nIf-None-Match: *\nx-ms-copy-source-blob-properties: false\n"
		 "x-ms-copy-source: http://127.0.0.1:10000/acct/from/old?sv=2023-11-03&st=2026-11-21T16%3A17%3A13Z&se=2026-11-21T18%3A32%3A13Z"
		 "&sr=b&sp=r&sig=bEKhpjMCKrTOjiwUtwN45bjSBOuoJqaENwcpJvqmfEo%3D\nx-ms-source-if-match: \"0x1\"\nx-ms-blob-content-type: text/plain\n"
		 "x-ms-access-tier: Archive\nx-ms-meta-cf_owner_tag: job-1\n", "by one request, with a SAS of the source, its pin, create-only");
	asks(1, "HEAD " HOST "new\n" VERSION, "and looked at");
	ok(stat.digests.known == CF_DIGEST_CRC64NVME && stat.digests.crc64nvme == cf_crc64nvme(0, "hello", 5), "the service's digest is told");
	args.claimed = &claimed;
	script({201, THERE, NULL}, {200, THERE MINE "content-length: 5\n", NULL});
	ok(run(cf_storage_copy(&op, &source, "old", "0x1", &args, token, &stat)) &&
	   strstr(requests[0], "x-ms-source-content-md5: XUFAKrxLKna5cZ2REBfFkg==\n") != NULL &&
	   strstr(requests[0], "x-ms-meta-cf_crc64nvme: V0JSBnCFdzM=\n") != NULL, "what the source claims is checked, and claimed of the copy");
	ok(stat.digests.known == CF_DIGEST_MD5 && memcmp(stat.digests.md5, claimed.md5, 16) == 0, "what was checked is known, what was only claimed is not");
	script({400, "x-ms-error-code: Md5Mismatch\n", NULL});
	fails(CF_ERR_IO, cf_storage_copy(&op, &source, "old", "0x1", &args, token, &stat), "a claim that is wrong, or bytes that are, make no copy");
	answer_made(0, 501, "x-ms-error-code: APINotImplemented\n", NULL);
	answer_made(1, 201, "", NULL);
	answer_made(2, 200, "", blocks(texts[0], copy_mark, 5, 0, 0, 0));
	answer_made(3, 201, THERE, NULL);
	answer_made(4, 200, THERE MINE "content-length: 5\n", NULL);
	ok(run(cf_storage_copy(&op, &source, "old", "0x1", &args, token, &stat)) && stat.digests.known == CF_DIGEST_MD5 &&
	   strstr(requests[1], "x-ms-source-content-md5: XUFAKrxLKna5cZ2REBfFkg==\n") != NULL, "so is that of an object of one block");
	args.claimed = NULL;
	source.credentials = &other;
	source.token = &source_token;
	place_options[1] = (CfPlaceOption) {"authority", "https://login.example/"};
	source.option_count = 2;
	script({200, "", "{\"access_token\": \"fresh\", \"expires_in\": 3599, \"token_type\": \"Bearer\"}"}, {409, "x-ms-error-code: BlobAlreadyExists\n", NULL},
		   {200, THERE "content-length: 5\n", NULL});
	fails(CF_ERR_EXISTS, cf_storage_copy(&op, &source, "old", "0x1", &args, token, &stat), "a destination that is taken is left alone");
	asks(0, "POST https://login.example/t%2Ft/oauth2/v2.0/token\nContent-Type: application/x-www-form-urlencoded\n"
		 "grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_id=c&client_secret=s%26s\n",
		 "a source with a token of its own gets one");
	ok(strstr(requests[1], "x-ms-copy-source-authorization: Bearer fresh\nx-ms-copy-source: http://127.0.0.1:10000/acct/from/old\n") != NULL,
	   "which goes along");
	ok(source_token.expires_us > NOW_US, "and is kept");
	script({401, "", "{\"error\": \"invalid_client\"}"});
	source_token.expires_us = 1;
	fails(CF_ERR_DENIED, cf_storage_copy(&op, &source, "old", "0x1", &args, token, &stat), "without one there is no copy");
	place_close();
}

static void
bad_copies(void)
{
	static const struct
	{
		Answer		answer;
		CfErrorKind kind;
		const char *title;
	}			bad[] = {
		{{412, "x-ms-error-code: SourceConditionNotMet\n", NULL}, CF_ERR_CHANGED, "a source that has changed"},
		{{404, "x-ms-error-code: CannotVerifyCopySource\n", NULL}, CF_ERR_NOT_FOUND, "one that is gone"},
		{{404, "x-ms-error-code: CannotVerifyCopySource\nx-ms-copy-source-status-code: 404\n", NULL}, CF_ERR_NOT_FOUND, "and says so"},
		{{409, "x-ms-error-code: CannotVerifyCopySource\nx-ms-copy-source-status-code: 409\n", NULL}, CF_ERR_STATE, "one that is archived"},
		{{403, "x-ms-error-code: CannotVerifyCopySource\nx-ms-copy-source-status-code: 403\n", NULL}, CF_ERR_DENIED, "one that may not be read"},
		{{403, "x-ms-error-code: AuthorizationFailure\n", NULL}, CF_ERR_DENIED, "a destination that may not be written"},
		{{400, "x-ms-error-code: InvalidHeaderValue\n", NULL}, CF_ERR_INPUT, "a request that is not understood"},
	};
	CfUploadArgs args = {.key = "new", .owner_tag = "job-1", .size_bytes = 5, .content_type = "", .storage_class = "", .metadata = ""};
	char		token[CF_STORAGE_COPY_TOKEN] = "";

	begin();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		answers = &bad[i].answer;
		answer_count = 1;
		asked = 0;
		fails(bad[i].kind, cf_storage_copy(&op, &place, "old", "0x1", &args, token, &stat), "%s", bad[i].title);
	}
	script({500, "", NULL}, {200, THERE MINE "content-length: 5\n", NULL});
	ok(run(cf_storage_copy(&op, &place, "old", "0x1", &args, token, &stat)), "a lost answer is looked for");
	args.storage_class = "GLACIER";
	fails(CF_ERR_INPUT, cf_storage_copy(&op, &place, "old", "0x1", &args, token, &stat), "a class that is none is refused");
	args.storage_class = "";
	place_credentials.items[0] = (CfCredential) {"sas_token", "sig=x"};
	script({201, THERE, NULL}, {200, THERE MINE "content-length: 5\n", NULL});
	ok(run(cf_storage_copy(&op, &place, "old", "0x1", &args, token, &stat)) &&
	   strstr(requests[0], "x-ms-copy-source: http://127.0.0.1:10000/acct/box/old?sig=x\n") != NULL, "a source's own SAS goes along");
	place_close();
}

static void
copies_in_blocks(void)
{
	int64_t		block = 256 * MIB;
	CfUploadArgs args = {.key = "new", .owner_tag = "job-1", .size_bytes = 2 * block, .content_type = "", .storage_class = "", .metadata = ""};
	char		token[CF_STORAGE_COPY_TOKEN] = "";
	char		mark[17] = "";
	char		crc[CF_BASE64_BYTES(8)];
	CfError		err;

	begin();
	cf_azure_crc_write(11, crc);
	snprintf(texts[3], sizeof(texts[3]), "x-ms-content-crc64: %s\n", crc);
	cf_azure_crc_write(22, crc);
	snprintf(texts[4], sizeof(texts[4]), "x-ms-content-crc64: %s\n", crc);
	answer_made(0, 501, "x-ms-error-code: APINotImplemented\n", NULL);
	answer_made(1, 201, texts[3], NULL);
	answer_made(2, 500, "", NULL);
	fails(CF_ERR_IO, cf_storage_copy(&op, &place, "old", "0x1", &args, token, &stat), "a service without Put Blob From URL copies blocks, until it fails");
	ok(strstr(requests[1], "x-ms-source-range: bytes=0-268435455\nx-ms-copy-source: ") != NULL && strstr(requests[1], "x-ms-source-if-match: \"0x1\"\n") != NULL,
	   "each under the pin");
	is_str(token, "", "nothing of them needs to be kept: nobody can abort them, and they vanish");
	ok(cf_azure_mark("536870912:0x1", mark, &err), "their ids tell the version");
	answer_made(0, 501, "x-ms-error-code: APINotImplemented\n", NULL);
	answer_made(1, 201, texts[3], NULL);
	answer_made(2, 201, texts[4], NULL);
	answer_made(3, 200, "", blocks(texts[0], mark, block, 0, block, 0));
	answer_made(4, 201, THERE, NULL);
	answer_made(5, 200, THERE MINE "content-length: 536870912\n", NULL);
	ok(run(cf_storage_copy(&op, &place, "old", "0x1", &args, token, &stat)), "then one block after the other");
	ok(strstr(requests[2], "x-ms-source-range: bytes=268435456-536870911\n") != NULL && asked == 6, "and commits");
	cf_azure_crc_write(cf_crc64nvme_combine(11, 22, block), crc);
	ok(strstr(requests[4], "x-ms-meta-cf_crc64nvme: ") != NULL && strstr(requests[4], crc) != NULL, "and the object says what the blocks were");
	ok(stat.digests.known == CF_DIGEST_CRC64NVME && stat.digests.crc64nvme == cf_crc64nvme_combine(11, 22, block),
	   "the service's digests of the blocks make the object's");
	answer_made(0, 501, "x-ms-error-code: APINotImplemented\n", NULL);
	answer_made(1, 201, texts[3], NULL);
	answer_made(2, 412, "x-ms-error-code: SourceConditionNotMet\n", NULL);
	fails(CF_ERR_CHANGED, cf_storage_copy(&op, &place, "old", "0x1", &args, token, &stat), "a source that changes in between is not mixed");
	args.size_bytes = CF_AZURE_COPY_MAX + 1;
	answer_made(0, 500, "", NULL);
	ok(!run(cf_storage_copy(&op, &place, "old", "0x1", &args, token, &stat)) && strstr(requests[0], "x-ms-source-range: bytes=0-268435455\n") != NULL,
	   "what is larger than one request goes in blocks from the start");
	args.size_bytes = 0;
	answer_made(0, 501, "", NULL);
	answer_made(1, 404, "x-ms-error-code: BlobNotFound\n", NULL);
	answer_made(2, 201, THERE, NULL);
	answer_made(3, 200, THERE MINE "content-length: 0\n", NULL);
	ok(run(cf_storage_copy(&op, &place, "old", "0x1", &args, token, &stat)) && strstr(requests[2], "<BlockList></BlockList>") != NULL,
	   "nothing is copied as a list of no blocks");
	place_close();
}

static void
classes(void)
{
	begin();
	script({200, THERE "content-length: 5\nx-ms-access-tier: Hot\n", NULL}, {200, "", NULL}, {200, THERE "content-length: 5\nx-ms-access-tier: Cool\n", NULL});
	ok(run(cf_storage_set_class(&op, "k", "0x8DA", "COOL_LRS", NULL, &stat)), "a class is changed");
	asks(1, "PUT " HOST "k?comp=tier\n" VERSION "x-ms-access-tier: Cool\n", "by Set Blob Tier");
	is_str(stat.storage_class, "Cool", "and looked at");
	script({200, THERE "content-length: 5\nx-ms-access-tier: Cool\n", NULL});
	ok(run(cf_storage_set_class(&op, "k", "0x8DA", "Cool", NULL, &stat)) && asked == 1, "what has it already is left alone");
	script({200, THERE "content-length: 5\nx-ms-access-tier: Hot\n", NULL});
	fails(CF_ERR_CHANGED, cf_storage_set_class(&op, "k", "0x8DB", "Cool", NULL, &stat), "so is another version");
	script({200, THERE "content-length: 5\nx-ms-access-tier: Hot\n", NULL}, {202, "", NULL},
		   {200, "etag: \"0x8DB\"\n" MODIFIED "content-length: 5\nx-ms-access-tier: Cool\n", NULL});
	fails(CF_ERR_CHANGED, cf_storage_set_class(&op, "k", "0x8DA", "Cool", NULL, &stat), "one that came in between is told");
	script({200, THERE "content-length: 5\n", NULL}, {409, "x-ms-error-code: BlobBeingRehydrated\n", NULL});
	fails(CF_ERR_STATE, cf_storage_set_class(&op, "k", "0x8DA", "Cool", NULL, &stat), "a refusal too");
	script(LOST);
	fails(CF_ERR_NOT_FOUND, cf_storage_set_class(&op, "k", "0x8DA", "Cool", NULL, &stat), "and nothing there");
	script({200, "", NULL});
	fails(CF_ERR_IO, cf_storage_set_class(&op, "k", "0x8DA", "Cool", NULL, &stat), "and half an answer");
	fails(CF_ERR_INPUT, cf_storage_set_class(&op, "k", "0x8DA", "GLACIER", NULL, &stat), "a class that is none is refused");
	fails(CF_ERR_INPUT, cf_storage_set_class(&op, "k", "0x8DA", "PREMIUM_LRS", NULL, &stat), "and one that objects cannot get");
	place_close();
}

static void
restores(void)
{
	begin();
	script({200, THERE "content-length: 5\nx-ms-access-tier: Archive\n", NULL}, {202, "", NULL});
	ok(run(cf_storage_restore(&op, "k", "0x8DA", 7, "")), "an archived object is restored");
	asks(1, "PUT " HOST "k?comp=tier\n" VERSION "x-ms-access-tier: Hot\nx-ms-rehydrate-priority: Standard\n", "to Hot, without haste");
	place.storage_class = "COOL_LRS";
	script({200, THERE "content-length: 5\nx-ms-access-tier: Archive\n", NULL}, {409, "x-ms-error-code: BlobBeingRehydrated\n", NULL});
	ok(run(cf_storage_restore(&op, "k", "", 7, "high")), "in haste, while it is being restored");
	asks(1, "PUT " HOST "k?comp=tier\n" VERSION "x-ms-access-tier: Cool\nx-ms-rehydrate-priority: High\n", "to the class of the place");
	script({200, THERE "content-length: 5\nx-ms-access-tier: Archive\nx-ms-archive-status: rehydrate-pending-to-hot\n", NULL});
	ok(run(cf_storage_restore(&op, "k", "0x8DA", 7, "Standard")) && asked == 1, "asking twice asks once");
	script({200, THERE "content-length: 5\nx-ms-access-tier: Hot\n", NULL});
	ok(run(cf_storage_restore(&op, "k", "0x8DA", 7, "")) && asked == 1, "what can be read needs no restoring");
	script({200, THERE "content-length: 5\nx-ms-access-tier: Archive\n", NULL});
	fails(CF_ERR_CHANGED, cf_storage_restore(&op, "k", "0x8DB", 7, ""), "another version is left alone");
	script({200, THERE "content-length: 5\nx-ms-access-tier: Archive\n", NULL}, {403, "", NULL});
	fails(CF_ERR_DENIED, cf_storage_restore(&op, "k", "0x8DA", 7, ""), "a refusal is told");
	script(LOST);
	fails(CF_ERR_NOT_FOUND, cf_storage_restore(&op, "k", "0x8DA", 7, ""), "and nothing there");
	script({200, "", NULL});
	fails(CF_ERR_IO, cf_storage_restore(&op, "k", "0x8DA", 7, ""), "and half an answer");
	fails(CF_ERR_INPUT, cf_storage_restore(&op, "k", "0x8DA", 7, "Bulk"), "a priority of S3 is refused");
	place_close();
}

static void
tokens(void)
{
	static const struct
	{
		Answer		answer;
		CfErrorKind kind;
		const char *title;
	}			bad[] = {
		{{200, "", "{\"access_token\": \"\", \"expires_in\": 3599}"}, CF_ERR_IO, "an empty token"},
		{{200, "", "{\"access_token\": \"x\", \"expires_in\": -1}"}, CF_ERR_IO, "one that has expired"},
		{{200, "", "{\"access_token\": \"x\", \"expires_in\": \"soon\"}"}, CF_ERR_IO, "one that expires some time"},
		{{200, "", "{\"access_token\": \"x\\r\\ny: z\", \"expires_in\": 1}"}, CF_ERR_IO, "one with a header in it"},
		{{200, "", "[[[["}, CF_ERR_IO, "garbage"},
		{{200, "", "[]"}, CF_ERR_IO, "a list"},
		{{400, "", "{\"error\": \"invalid_client\", \"error_description\": \"AADSTS7000215: Invalid SECRET\"}"}, CF_ERR_DENIED, "a wrong secret"},
		{{401, "", "<html>"}, CF_ERR_DENIED, "a refusal"},
		{{503, "", ""}, CF_ERR_IO, "a failure"},
		{{0, "", NULL}, CF_ERR_IO, "silence"},
	};

	begin();
	place_credentials = (CfCredentials) {.items = {{"tenant_id", "t"}, {"client_id", "c"}, {"federated_token", "a.b.c"}}, .count = 3};
	script({200, "", "{\"access_token\": \"fresh\", \"expires_in\": \"3599\"}"}, {200, THERE "content-length: 5\n", NULL});
	ok(run(cf_storage_stat(&op, "k", &stat)), "an operation obtains a token first");
	asks(0, "POST https://login.microsoftonline.com/t/oauth2/v2.0/token\nContent-Type: application/x-www-form-urlencoded\n"
		 "grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_id=c"
		 "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.b.c\n", "for a workload's assertion");
	is_str(place_token.value, "fresh", "which is kept");
	is_int(place_token.expires_us, NOW_US + INT64_C(3599000000), "as long as it lasts");
	script({200, THERE "content-length: 5\n", NULL});
	ok(run(cf_storage_stat(&op, "k", &stat)) && asked == 1, "the next one needs none");
	script({401, "x-ms-error-code: InvalidAuthenticationInfo\n", NULL});
	fails(CF_ERR_DENIED, cf_storage_stat(&op, "k", &stat), "a token that is not accepted");
	ok(op.err.retryable && place_token.expires_us == 0, "is forgotten, and the operation may be tried again");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		answers = &bad[i].answer;
		answer_count = 1;
		asked = 0;
		fails(bad[i].kind, cf_storage_stat(&op, "k", &stat), "%s is no token", bad[i].title);
		ok(strstr(op.err.message, "SECRET") == NULL && strstr(op.err.detail, "SECRET") == NULL, "and nothing of it is shown");
		is_int(op.request.classify(&op.request, &op.response, op.request.ctx), bad[i].answer.status == 503 ? CF_NET_RETRY : CF_NET_FINAL, "nor sent again in vain");
	}
	op.response.status = 429;
	is_int(op.request.classify(&op.request, &op.response, op.request.ctx), CF_NET_SLOW_DOWN, "a token service may be busy");
	script({400, "", "{\"error\": \"invalid_client\", \"error_description\": \"AADSTS7000215: Invalid\"}"});
	fails(CF_ERR_DENIED, cf_storage_stat(&op, "k", &stat), "the service's codes");
	ok(strstr(op.err.detail, "HTTP 400 invalid_client: AADSTS7000215.") != NULL, "are told");
	place_credentials.count = 2;
	fails(CF_ERR_DENIED, cf_storage_stat(&op, "k", &stat), "credentials that are not complete");
	place.token = NULL;
	script({200, THERE "content-length: 5\n", NULL});
	ok(run(cf_azure_credential_next(&op)), "where no token can be kept none is obtained");
	place_close();
}

int
main(void)
{
	bytes = malloc(SIZE);
	for (int64_t i = 0; i < SIZE; i++)
		bytes[i] = (char) (i * 31 + i / 251);
	beginning();
	parts();
	commits();
	incomplete();
	sealing();
	sealed();
	aborting();
	copies();
	bad_copies();
	copies_in_blocks();
	classes();
	restores();
	tokens();
	free(bytes);
	return done_testing();
}
