/*
 * storage_s3.c: whatever a store answers, every operation of the S3 driver ends, soon after the answers run out, with a result
 * that can be believed or an error; nothing is read or written beyond its bounds.
 *
 * The input is an operation, a preset, and answers: a status, headers of names that the driver looks at, and a body, raw or
 * of a shape that it expects.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/s3/s3.h"

#define STEPS_MAX 3000
#define STEPS_SILENT_MAX 60		/* after the last answer */

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int statuses[] = {200, 206, 204, 404, 412, 409, 403, 400, 416, 500, 503, 301, 405, 202, 0, 304};
static const char *const names[] = {
	"etag", "content-length", "content-range", "last-modified", "x-amz-version-id", "x-amz-meta-cf-owner-tag", "x-amz-storage-class",
	"x-amz-checksum-crc64nvme", "x-amz-checksum-crc32c", "x-amz-checksum-sha256", "x-amz-checksum-type", "x-amz-tagging-count",
	"x-amz-restore", "content-encoding", "content-type", "x-amz-meta-a", "x-amz-bucket-region", "x-amz-request-id", "x-amz-delete-marker",
	"x-amz-object-lock-legal-hold", "x-goog-hash", "x-goog-generation", "x-amz-server-side-encryption", "date"
};
static const char *const values[] = {
	NULL, "\"e1\"", "5", "job-1", "bytes 0-4/5", "bytes 0-7/16", "Fri, 24 May 2013 00:00:00 GMT", "FULL_OBJECT", "GLACIER",
	"ongoing-request=\"true\"", "=?UTF-8?B?Z3LDvG4=?=", "M3eFcAZSQlc=", "6442450944", "18874368"
};
static const char *const bodies[][2] = {
	{"", ""}, {"<Error><Code>", "</Code></Error>"}, {"<InitiateMultipartUploadResult><UploadId>", "</UploadId></InitiateMultipartUploadResult>"},
	{"<CompleteMultipartUploadResult><ETag>", "</ETag></CompleteMultipartUploadResult>"},
	{"<ListPartsResult><IsTruncated>true</IsTruncated><Part><PartNumber>", "</PartNumber><ETag>e</ETag><Size>8388608</Size></Part></ListPartsResult>"},
	{"<ListPartsResult><Part><PartNumber>", "</PartNumber><ETag>e</ETag><Size>18874368</Size></Part></ListPartsResult>"},
	{"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken><EncodingType>url</EncodingType><Contents><Key>",
	"</Key><ETag>e</ETag><Size>5</Size><LastModified>2013-05-24T00:00:00Z</LastModified></Contents></ListBucketResult>"},
	{"<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>", "</UploadId><Initiated>2013-05-24T00:00:00Z</Initiated></Upload></ListMultipartUploadsResult>"},
	{"<Tagging><TagSet><Tag><Key>", "</Key><Value>v</Value></Tag></TagSet></Tagging>"},
	{"<CopyObjectResult><ETag>", "</ETag></CopyObjectResult>"}, {"<CopyPartResult><ETag>", "</ETag></CopyPartResult>"},
};
static const char *const presets[] = {"aws", "generic", "minio", "gcs", "wasabi", "seaweedfs"};

typedef struct Input
{
	const uint8_t *at;
	size_t		left;
	CfArena		arena;			/* of what answers consist of */
} Input;

static unsigned
next(Input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

/* text takes so many bytes as a text, without NUL and without line ends. */
static char *
text(Input *in, size_t length)
{
	char	   *s;

	length = length < in->left ? length : in->left;
	s = cf_arena_strndup(&in->arena, (const char *) in->at, length);
	in->at += length;
	in->left -= length;
	for (size_t i = 0; i < length; i++)
		s[i] = s[i] == '\0' || s[i] == '\n' || s[i] == '\r' ? ' ' : s[i];
	return s;
}

/* answer does what the engine would do, without a store. */
static void
answer(CfOp *op, Input *in)
{
	CfRequest  *request = &op->request;
	CfResponse *response = &op->response;
	CfRequest	signed_request = *request;
	const char *const *shape;
	const char *value;
	CfRemoteText	body = {.arena = &in->arena};
	CfError		err;
	int			count;

	assert(request->url != NULL && request->verb != NULL && request->header_count <= CF_NET_REQUEST_HEADERS);
	cf_arena_reset(&in->arena);
	assert(cf_s3_sign(&signed_request, op, &in->arena, 0, &err));
	memset(response, 0, sizeof(*response));
	response->body = "";
	if (in->left == 0)
	{
		cf_error_set(&response->err, CF_ERR_IO, "no answer");
		return;
	}
	response->status = statuses[next(in) % (sizeof(statuses) / sizeof(statuses[0]))];
	count = (int) (next(in) % 12);
	for (int i = 0; i < count; i++)
	{
		const char *name = names[next(in) % (sizeof(names) / sizeof(names[0]))];

		value = values[next(in) % (sizeof(values) / sizeof(values[0]))];
		response->headers[response->header_count++] = (CfHeader) {name, value != NULL ? value : text(in, next(in))};
	}
	count = (int) next(in);
	response->sends = 1 + (count & 1);
	response->truncated = (count & 30) == 30;
	shape = bodies[next(in) % (sizeof(bodies) / sizeof(bodies[0]))];
	value = text(in, next(in));
	cf_remote_text_add(&body, shape[0]);
	cf_remote_text_add(&body, value);
	cf_remote_text_add(&body, shape[1]);
	if (request->sink != NULL && response->status >= 200 && response->status < 300)
	{
		response->sink_bytes = body.length < request->sink_bytes ? body.length : request->sink_bytes;
		memcpy(request->sink, body.data, response->sink_bytes);
	}
	else
	{
		response->body = body.data;
		response->body_bytes = body.length;
	}
	(void) request->classify(request, response, op);
}

static char *big;				/* an object that goes in parts */

/* run drives one operation; again is called until it ends. */
static void
run(unsigned which, CfOp *op, Input *in)
{
	CfUploadArgs args = {.key = "k", .owner_tag = "job-1", .size_bytes = which & 1 || which % 13 == 2 || which % 13 == 4 ? 5 : 18874368, .part_bytes = 18874368, .content_type = "",
		.storage_class = "", .metadata = "cf_a=1\n", .resume = (which & 2) != 0, .handle = which & 4 ? "parts:u" : NULL};
	CfReadArgs	read = {"k", which & 32 ? "e=e1;m=1369353600" : "", which & 2 ? 2 : 0, which & 4 ? 3 : -1};
	CfUpload	upload = {.args = args, .handle = "parts:u", .digests.known = CF_DIGEST_CRC64NVME};
	CfPart		part = {.number = 1, .length = args.size_bytes};
	CfObjectStat stat = {0};
	CfListPage	page = {0};
	CfStalePage stale = {0};
	CfRemoved	removed;
	char		token[CF_STORAGE_COPY_TOKEN] = "";
	char		bytes[16];
	CfStep		step;
	int			silent = 0;

	for (int steps = 0;; steps++)
	{
		CfChunk		chunk = {bytes, sizeof(bytes), 0};

		switch (which % 13)
		{
			case 0: step = cf_storage_stat(op, "k", &stat); break;
			case 1: step = cf_storage_read(op, &read, &chunk); break;
			case 2: step = cf_storage_put(op, &args, big, (size_t) args.size_bytes, &stat); break;
			case 3: step = cf_storage_upload_begin(op, &args, &upload); break;
			case 4: step = cf_storage_upload_part(op, &upload, &part, big, (size_t) part.length); break;
			case 5: step = cf_storage_upload_commit(op, &upload, &stat); break;
			case 6: step = cf_storage_upload_abort(op, &upload); break;
			case 7: step = cf_storage_uploads_find(op, INT64_MAX, NULL, &stale); break;
			case 8: step = cf_storage_remove(op, "k", "e=e1;m=1369353600", "t", &removed); break;
			case 9: step = cf_storage_list(op, "", NULL, 100, &page); break;
			case 10: step = cf_storage_copy(op, op->place, "s", "e=e1", &args, token, &stat); break;
			case 11: step = cf_storage_set_class(op, "k", "e=e1", "STANDARD_IA", NULL, &stat); break;
			default: step = cf_storage_restore(op, "k", "e=e1", 1, ""); break;
		}
		assert(chunk.length <= sizeof(bytes));
		if (step == CF_STEP_DONE || step == CF_STEP_ERROR)
			break;
		silent += in->left == 0;
		assert(steps < STEPS_MAX && silent < STEPS_SILENT_MAX);
		if (step == CF_STEP_SEND)
			answer(op, in);
	}
	assert(op->phase == 0 && (step == CF_STEP_DONE || op->err.kind != CF_ERR_NONE));
	assert(strlen(stat.version) <= CF_STORAGE_VERSION_MAX && stat.size_bytes >= 0);
	assert(strlen(upload.handle) < sizeof(upload.handle) && page.count <= 100);
	for (int i = 0; step == CF_STEP_DONE && i < page.count; i++)
		assert(page.entries[i].key != NULL && page.entries[i].stat.storage_class != NULL);
	for (int i = 0; step == CF_STEP_DONE && i < stale.count; i++)
		assert(stale.uploads[i].key != NULL && stale.uploads[i].handle != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CfCredentials credentials = {{{"access_key_id", "AK"}, {"secret_access_key", "sk"}}, 2};
	CfPlaceOption options[] = {{"preset", ""}, {"accept_unconditional_create", "true"}, {"accept_unconditional_delete", "true"}};
	CfLearned	learned = {0};
	CfPlace		place = {.learned = &learned, .name = "p", .provider = "S3", .bucket = "photos", .region = "us-east-1", .endpoint = "https://h", .prefix = "",
		.storage_class = "", .credentials = &credentials, .driver = &cf_storage_s3_driver, .options = options, .option_count = 3};
	Input		in = {data, size, {{NULL}}};
	unsigned	which = next(&in);
	CfArena		arena;
	CfOp		op;

	if (big == NULL)
		big = calloc(1, 18874368);
	options[0].value = presets[next(&in) % (sizeof(presets) / sizeof(presets[0]))];
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	cf_arena_init(&in.arena, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&op, &place, &arena);
	run(which, &op, &in);
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	cf_arena_free(&in.arena);
	return 0;
}
