/*
 * storage_azure_failures.c: the n-th allocation of each operation fails, for each n until none does: the operation says so, leaks
 * nothing, and leaves the op ready for the next one.
 */
#include "harness/tap.h"
#include "storage/unit/storage_azure.h"

#define THERE "etag: \"0x8DA\"\nlast-modified: Sat, 21 Nov 2026 16:00:00 GMT\nx-ms-access-tier: Hot\ncontent-type: text/plain\n"
#define MINE "x-ms-meta-cf_owner_tag: job-1\n"
#define MIB (INT64_C(1024) * 1024)
#define SIZE (17 * MIB)

static CfObjectStat stat;
static char *bytes;
static char list[1024];

static bool
do_stat(void)
{
	script({200, THERE "content-length: 5\nx-ms-tag-count: 1\nx-ms-meta-a: b\n", NULL},
		   {200, "", "<Tags><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tags>"});
	return run(cf_storage_stat(&op, "k", &stat));
}

static bool
do_read(void)
{
	char		out[8];
	CfReadArgs	args = {.key = "k", .version = "0x8DA", .length = -1};
	CfChunk		chunk = {.data = out, .capacity = sizeof(out)};

	script({416, "", NULL}, {200, THERE "content-length: 0\n", NULL});
	return run(cf_storage_read(&op, &args, &chunk));
}

static bool
do_put(void)
{
	CfUploadArgs args = {.key = "k", .owner_tag = "job-1", .size_bytes = 5, .content_type = "text/plain", .storage_class = "Cool", .metadata = "cf_a=1",
		.attributes = {.metadata = "b=2", .tags = "c=3\nd=4"}};

	script({409, "x-ms-error-code: BlobAlreadyExists\n", NULL, 2}, {200, THERE MINE "content-length: 5\n", NULL});
	return run(cf_storage_put(&op, &args, "hello", 5, &stat));
}

static bool
do_remove(void)
{
	CfRemoved	removed;

	script({202, "", NULL});
	return run(cf_storage_remove(&op, "k", "0x8DA", "r-1", &removed));
}

static bool
do_list(void)
{
	CfListPage	page;

	script({200, "", "<EnumerationResults><Blobs><Blob><Name Encoded=\"true\">pre/a%20b</Name><Properties><Etag>1</Etag><Content-Length>1</Content-Length>"
		"<Last-Modified>Sat, 21 Nov 2026 16:00:00 GMT</Last-Modified><Content-Type>x</Content-Type></Properties></Blob>"
		"<Blob><Name>pre/c</Name><Properties><Etag>1</Etag></Properties></Blob></Blobs><NextMarker>n</NextMarker></EnumerationResults>"});
	return run(cf_storage_list(&op, "a", "t", 10, &page)) && page.count == 2;
}

static bool
do_small_upload(void)
{
	CfUploadArgs args = {.key = "k", .owner_tag = "job-1", .size_bytes = 5, .part_bytes = 5, .content_type = "x", .storage_class = "", .metadata = ""};
	CfPart		part = {.number = 1, .length = 5};
	CfUpload	upload;

	script({201, THERE, NULL}, {200, THERE MINE "content-length: 5\n", NULL}, {202, "", NULL});
	if (!run(cf_storage_upload_begin(&op, &args, &upload)) || !run(cf_storage_upload_part(&op, &upload, &part, "hello", 5)) ||
		!run(cf_storage_upload_seal(&op, &upload, &stat)))
		return false;
	return run(cf_storage_upload_abort(&op, &upload));
}

static bool
do_large_upload(void)
{
	static Answer answered[6];
	CfUploadArgs args = {.key = "k", .owner_tag = "job-1", .size_bytes = SIZE, .part_bytes = SIZE, .resume = true, .content_type = "x", .storage_class = "",
		.metadata = ""};
	CfPart		part = {.number = 1, .length = SIZE};
	CfUpload	upload;
	char		id[CF_AZURE_ID_TEXT];
	CfError		err;

	answered[0] = answered[1] = (Answer) {404, "x-ms-error-code: BlobNotFound\n", NULL, 1};
	answered[2] = (Answer) {201, "", NULL, 1};
	answers = answered;
	answer_count = 6;
	asked = 0;
	if (!run(cf_storage_upload_begin(&op, &args, &upload)) || cf_storage_upload_part(&op, &upload, &part, bytes, 1) != CF_STEP_AGAIN ||
		!run(cf_storage_upload_part(&op, &upload, &part, bytes + 1, SIZE - 1)))
		return false;
	if (!cf_azure_block_id("job-1", upload.handle + 7, 1, part.digests.crc64nvme, id, &err))
		return false;
	snprintf(list, sizeof(list), "<BlockList><UncommittedBlocks><Block><Name>%s</Name><Size>%lld</Size></Block></UncommittedBlocks></BlockList>", id, (long long) SIZE);
	answered[3] = (Answer) {200, "", list, 1};
	answered[4] = (Answer) {201, THERE, NULL, 1};
	answered[5] = (Answer) {200, THERE MINE "content-length: 17825792\n", NULL, 1};
	return run(cf_storage_upload_commit(&op, &upload, &stat));
}

static bool
do_copy(void)
{
	CfUploadArgs args = {.key = "k", .owner_tag = "job-1", .size_bytes = 5, .content_type = "x", .storage_class = "", .metadata = ""};
	char		token[CF_STORAGE_COPY_TOKEN] = "";

	script({501, "", NULL}, {201, "", NULL}, {404, "", NULL}, {200, THERE MINE "content-length: 5\n", NULL});
	return run(cf_storage_copy(&op, &place, "from", "0x1", &args, token, &stat));
}

static bool
do_copy_with_token(void)
{
	static CfCredentials credentials = {.items = {{"tenant_id", "t"}, {"client_id", "c"}, {"client_secret", "s"}}, .count = 3};
	CfUploadArgs args = {.key = "k", .owner_tag = "job-1", .size_bytes = 5, .content_type = "x", .storage_class = "", .metadata = ""};
	char		token[CF_STORAGE_COPY_TOKEN] = "";
	CfPlace		source = place;
	CfToken		kept = {.expires_us = 0};

	source.credentials = &credentials;
	source.token = &kept;
	script({200, "", "{\"access_token\": \"x\", \"expires_in\": 9}"}, {201, THERE, NULL}, {200, THERE MINE "content-length: 5\n", NULL});
	return run(cf_storage_copy(&op, &source, "from", "0x1", &args, token, &stat));
}

static bool
do_classes(void)
{
	script({200, THERE "content-length: 5\n", NULL}, {200, "", NULL}, {200, THERE "content-length: 5\n", NULL});
	if (!run(cf_storage_set_class(&op, "k", "0x8DA", "Cool", NULL, &stat)))
		return false;
	script({200, "etag: \"0x8DA\"\nlast-modified: Sat, 21 Nov 2026 16:00:00 GMT\ncontent-length: 5\nx-ms-access-tier: Archive\n", NULL}, {202, "", NULL});
	return run(cf_storage_restore(&op, "k", "0x8DA", 1, ""));
}

static bool
do_presign(void)
{
	char	   *url;

	return cf_storage_presign(&place, &arena, "GET", "k", NOW_US, NOW_US + 1000000, &url, &op.err);
}

static bool
do_sign(void)
{
	op.request_arena.allocator = counted;
	return cf_azure_request(&op, "GET", "GetBlob", "k", "a=b&c=d") != NULL && cf_azure_sign(&op.request, &op, &op.request_arena, NOW_US, &op.err);
}

static bool
do_sign_with_token(void)
{
	place_credentials = (CfCredentials) {.items = {{"client_id", "c"}}, .count = 1};
	return do_sign();
}

static const struct
{
	const char *name;
	bool		(*operate) (void);
}			cases[] = {
	{"stat", do_stat}, {"read", do_read}, {"put", do_put}, {"remove", do_remove}, {"list", do_list}, {"a small upload", do_small_upload},
	{"a large upload", do_large_upload}, {"copy", do_copy}, {"a copy on a token", do_copy_with_token}, {"classes", do_classes}, {"presign", do_presign}, {"sign", do_sign},
	{"sign with a token", do_sign_with_token},
};

int
main(void)
{
	bytes = calloc(1, SIZE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int			n;
		int			wrong = 0;
		bool		done = false;

		for (n = 1; n < 200 && !done; n++)
		{
			place_open("http://127.0.0.1:10000/acct", "pre/");
			arena.block_bytes = op.request_arena.block_bytes = 32;	/* so that nearly every piece is an allocation */
			fail_at = n;
			allocations = 0;
			memset(&op.err, 0, sizeof(op.err));
			done = cases[i].operate();
			if (!done && op.err.kind != CF_ERR_MEMORY && allocations >= n)
			{
				note("%s, allocation %d: %s", cases[i].name, n, op.err.message);
				wrong++;
			}
			if (!done && op.phase != CF_REMOTE_START)
				wrong++;
			if (done && allocations >= n)
				done = false;	/* it did without */
			fail_at = 0;
			place_close();
		}
		ok(done && wrong == 0, "%s says that memory is short at each of its %d allocations", cases[i].name, n - 2);
	}
	free(bytes);
	return done_testing();
}
