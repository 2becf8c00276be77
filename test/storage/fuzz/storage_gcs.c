/*
 * storage_gcs.c: whatever a store answers, every operation of the driver of Google Cloud Storage ends within bounded steps, says
 * done or why not, reads nothing that is not there and leaves nothing allocated.
 *
 * The input: which operation, then for each request a status, flags (headers, an arrival that happened twice, a body cut) and a
 * body, either the input's own bytes or one of the documented bodies with a piece of it overwritten.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/gcs/gcs.h"

#define STEPS_MAX 200
#define SESSION_UNIT (256 * 1024)

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OBJECT "{\"name\":\"k\",\"size\":\"3\",\"generation\":\"7\",\"metageneration\":\"1\",\"crc32c\":\"Nks/tw==\"," \
	"\"md5Hash\":\"kAFQmDzST7DWlj99KOF/cg==\",\"storageClass\":\"STANDARD\",\"contentType\":\"text/plain\"," \
	"\"timeCreated\":\"2026-01-01T00:00:00.123Z\",\"metadata\":{\"cf_owner_tag\":\"t\",\"cf_class\":\"NEARLINE\"}}"

static const char *const bodies[] = {
	OBJECT,
	"{\"items\":[" OBJECT ",{\"name\":\".cloudflux/parts/t/0-00000001\",\"size\":\"3\",\"generation\":\"8\",\"crc32c\":"
	"\"Nks/tw==\",\"updated\":\"2026-01-01T00:00:00Z\"},{\"name\":\".cloudflux/parts/t/0-00000002\",\"size\":\"3\","
	"\"generation\":\"9\",\"crc32c\":\"Nks/tw==\",\"updated\":\"2026-01-01T00:00:00Z\"}],\"nextPageToken\":\"n/x\"}",
	"{\"items\":[{\"name\":\".cloudflux/parts/t/0-00000001\",\"size\":\"3\",\"generation\":\"8\",\"crc32c\":\"Nks/tw==\"},"
	"{\"name\":\".cloudflux/parts/t/0-00000002\",\"size\":\"3\",\"generation\":\"9\",\"crc32c\":\"Nks/tw==\"}]}",
	"{\"done\":false,\"rewriteToken\":\"r+/=\"}",
	"{\"done\":true,\"resource\":" OBJECT "}",
	"{\"error\":{\"code\":403,\"message\":\"Object 'k' is under active Temporary hold\",\"errors\":[{\"reason\":\"forbidden\"}]}}",
	"{\"access_token\":\"abc\",\"expires_in\":3600}",
	"{\"error\":{\"message\":\"The specified bucket does not exist.\"}}",
};
static const int statuses[] = {200, 206, 204, 404, 412, 416, 403, 401, 503, 0, 308, 200};

typedef struct Input
{
	const uint8_t *data;
	size_t		size;
} Input;

static uint8_t
byte(Input *in)
{
	if (in->size == 0)
		return 0;
	in->size--;
	return *in->data++;
}

/* answer makes an answer to the op's request; its body is freed by the caller. */
static char *
answer(Input *in, CfOp *op)
{
	static char range[64];
	CfResponse *response = &op->response;
	int			status = statuses[byte(in) % (sizeof(statuses) / sizeof(statuses[0]))];
	static char reached[40];
	uint8_t		flags = byte(in);
	uint8_t		which = byte(in);
	char	   *body;
	size_t		length;

	if (op->request.sign != NULL)
		(void) op->request.sign(&op->request, op->request.ctx, &op->request_arena, 0, &op->err);
	memset(response, 0, sizeof(*response));
	response->status = status;
	response->sends = flags & 1 ? 2 : 1;
	response->truncated = (flags & 2) != 0;
	if (which % 16 < sizeof(bodies) / sizeof(bodies[0]))
	{
		length = strlen(bodies[which % 16]);
		body = malloc(length + 1);
		memcpy(body, bodies[which % 16], length + 1);
		for (int i = which / 64; i > 0; i--)
			body[(byte(in) * 256 + byte(in)) % length] = (char) byte(in);
	}
	else
	{
		length = byte(in) * 4;
		length = length > in->size ? in->size : length;
		body = malloc(length + 1);
		memcpy(body, in->data, length);
		in->data += length;
		in->size -= length;
		body[length] = '\0';
	}
	response->body = body;
	response->body_bytes = length;
	if (op->request.sink != NULL && status >= 200 && status < 300)
	{
		response->sink_bytes = flags & 4 ? op->request.sink_bytes : op->request.sink_bytes / 2;
		memset(op->request.sink, 'x', response->sink_bytes);
	}
	if (flags & 8)
	{
		snprintf(range, sizeof(range), "bytes %d-%d/%d", flags & 16 ? byte(in) : 0,
				 flags & 32 ? byte(in) : (int) response->sink_bytes - 1, flags & 64 ? byte(in) : (int) response->sink_bytes);
		response->headers[response->header_count++] = (CfHeader) {"content-range", range};
		response->headers[response->header_count++] = (CfHeader) {"x-goog-hash", flags & 128 ? "crc32c=" : "md5=x,crc32c=Nks/tw=="};
	}
	if (flags & 16)
	{
		/* Of a session: where it is, and how far. */
		snprintf(reached, sizeof(reached), "bytes=0-%d", (flags & 32 ? byte(in) << 16 : 0) + SESSION_UNIT - 1 + (flags & 64 ? byte(in) : 0));
		response->headers[response->header_count++] = (CfHeader) {"range", reached};
		response->headers[response->header_count++] = (CfHeader) {"location", "https://h/upload?upload_id=x"};
	}
	(void) op->request.classify(&op->request, response, op);
	return body;
}

/* operate_session calls an upload by a session once more; stage goes from its begin over two parts and the seal to its end. */
static CfStep
operate_session(int which, CfOp *op, CfUpload *upload, int *stage)
{
	static char bytes[SESSION_UNIT];
	static CfObjectStat stat;
	CfUploadArgs args = {.key = "k", .owner_tag = "t", .size_bytes = 2 * SESSION_UNIT, .part_bytes = SESSION_UNIT, .content_type = "text/plain",
		.storage_class = "", .metadata = "", .resume = which & 16};
	CfPart		part = {.number = *stage, .offset = (int64_t) (*stage - 1) * SESSION_UNIT, .length = SESSION_UNIT};
	CfStep		step;

	switch (*stage)
	{
		case 0:
			step = cf_storage_upload_begin(op, &args, upload);
			break;
		case 1:
		case 2:
			step = cf_storage_upload_part(op, upload, &part, bytes, sizeof(bytes));
			break;
		case 3:
			step = which & 8 ? cf_storage_upload_abort(op, upload) : cf_storage_upload_seal(op, upload, &stat);
			break;
		default:
			return cf_storage_upload_commit(op, upload, &stat);
	}
	if (step != CF_STEP_DONE)
		return step;
	(*stage)++;
	return CF_STEP_AGAIN;
}

/* operate calls an operation once more. */
static CfStep
operate(int which, CfOp *op, CfUpload *upload, char *buffer, char *token)
{
	static CfListPage page;
	static CfStalePage stale;
	static CfObjectStat stat;
	static CfRemoved removed;
	CfUploadArgs args = {.key = "k", .owner_tag = "t", .size_bytes = 6, .part_bytes = 3, .content_type = "text/plain",
		.storage_class = "", .metadata = "cf_a=1\n", .resume = which & 16};
	CfReadArgs	read = {.key = "k", .version = which & 16 ? "7" : "", .length = -1};
	CfChunk		chunk = {.data = buffer, .capacity = 8};
	CfPart		part = {.number = 1, .length = 3};

	upload->args = args;
	switch (which % 16)
	{
		case 0:
			return cf_storage_stat(op, "k", &stat);
		case 1:
			return cf_storage_read(op, &read, &chunk);
		case 2:
			args.size_bytes = 3;
			return cf_storage_put(op, &args, "abc", 3, &stat);
		case 3:
			return cf_storage_upload_begin(op, &args, upload);
		case 4:
			return cf_storage_upload_part(op, upload, &part, "abc", 3);
		case 5:
			return cf_storage_upload_read(op, upload, 3, &chunk);
		case 6:
		case 7:
			return cf_storage_upload_commit(op, upload, &stat);
		case 8:
			return cf_storage_upload_abort(op, upload);
		case 9:
			return cf_storage_uploads_find(op, INT64_MAX, which & 16 ? "t" : NULL, &stale);
		case 10:
			return cf_storage_remove(op, "k", "7", "t", &removed);
		case 11:
			return cf_storage_list(op, "", which & 16 ? "n%2Fx" : NULL, 10, &page);
		case 12:
			return cf_storage_copy(op, op->place, "s", "7", &args, token, &stat);
		case 13:
			return cf_storage_set_class(op, "k", "7", "NEARLINE", NULL, &stat);
		default:
			upload->handle[0] = '\0';
			return cf_storage_upload_abort(op, upload);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const CfCredentials credentials = {.items = {{"access_token", "t"}}, .count = 1};
	static const CfPlaceOption session = {"uploads", "session"};
	static const CfIdentity machine = {.source = "metadata_server"};
	CfToken    *token = calloc(1, sizeof(CfToken));
	CfPlace		place = {.name = "fuzz", .provider = "GCP", .bucket = "bucket", .region = "", .endpoint = "", .prefix = "",
		.storage_class = "", .token = token, .driver = &cf_storage_gcs_driver};
	Input		in = {data, size};
	int			which = byte(&in);
	char		buffer[16];
	char		copy_token[CF_STORAGE_COPY_TOKEN] = "";
	char	   *body = NULL;
	CfUpload	upload = {.handle = "parts/t/6/3"};
	CfArena		arena;
	CfOp		op;
	CfStep		step = CF_STEP_AGAIN;
	int			stage = 0;

	if (which & 128)
	{
		place.options = &session;
		place.option_count = 1;
	}
	if (which & 32)
		place.credentials = &credentials;
	else
		place.identity = &machine;
	if (which & 64)
		strcpy(upload.handle, "put/t");
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&op, &place, &arena);
	for (int i = 0; i < STEPS_MAX && (step == CF_STEP_AGAIN || step == CF_STEP_SEND); i++)
	{
		step = which & 128 ? operate_session(which, &op, &upload, &stage) : operate(which, &op, &upload, buffer, copy_token);
		if (step == CF_STEP_SEND)
		{
			assert(op.request.url != NULL && op.request.header_count <= CF_NET_REQUEST_HEADERS);
			free(body);
			body = answer(&in, &op);
		}
		if (in.size == 0 && i > 40)
			break;
	}
	if (step == CF_STEP_ERROR)
		assert(op.err.kind != CF_ERR_NONE && op.err.message[0] != '\0');
	if (step == CF_STEP_DONE || step == CF_STEP_ERROR)
		assert(op.phase == 0);
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	free(body);
	free(token);
	return 0;
}
