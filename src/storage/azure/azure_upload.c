/*
 * azure_upload.c
 *		Writing an object: small ones in one Put Blob when they are sealed, large ones in blocks that a block list commits.
 *
 * A block is sent with its CRC-64, which the service checks, and may be sent again: same id, same bytes, same state. The commit
 * first asks which blocks are there and names exactly ours, as <Uncommitted>: a stale worker's block can stand under our blob but
 * never under our ids. The ids tell the CRCs, which combine into that of the object: it must be the one that the caller read.
 * Where somebody else committed or cleared the blocks, or our own commit lost its answer, HEAD decides.
 *
 * Blocks that nobody commits vanish after a week, so there is nothing to abort or to find; nor can they be read back, so a
 * resumed upload trusts the digests that were checkpointed when each block was taken.
 */
#include <stdio.h>
#include <string.h>

#include "storage/azure/azure.h"
#include "storage/utf8.h"
#include "storage/remote/remote_page.h"

#define BODY_BEGIN "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"
#define BODY_END "</BlockList>"
#define HANDLE_PUT "put"
#define HANDLE_DONE "done"
#define HANDLE_BLOCKS "blocks:"
#define ID_OWNER_BYTES 24
#define ID_PREFIX_BYTES 32
#define LIST_ANSWER_MAX (CF_AZURE_BLOCKS_MAX * INT64_C(256))	/* a block takes some 120 bytes; so may another program's */

typedef struct BlockList
{
	uint8_t		prefix[CF_AZURE_ID_BYTES];
	char		name[96];		/* of the block that is being read */
	char		size[24];
	int64_t    *sizes;			/* by number; 0 = not there */
	uint64_t   *crcs;
	int			count;			/* ours */
	bool		ambiguous;		/* two blocks have one number */
} BlockList;

static CfStep begin_answer(CfOp *op, const CfUploadArgs *args, CfUpload *upload);
static CfStep commit_check(CfOp *op, const CfUploadArgs *args, const CfDigests *digests, const BlockList *list);
static CfStep commit_send(CfOp *op, const CfUploadArgs *args, const char *mark, const BlockList *list);
static CfStep commit_doubt(CfOp *op, const CfUploadArgs *args, const char *detail);
static CfStep list_ask(CfOp *op, const char *key, int phase);
static CfStep list_read(CfOp *op, const char *key, const char *owner_tag, const char *mark, BlockList *list);
static int64_t list_prefix(const BlockList *list, int *count);

/* mark_of gives the mark inside a handle; NULL = the upload has no blocks. */
static const char *
mark_of(const char *handle)
{
	size_t		length = strlen(HANDLE_BLOCKS);

	if (strncmp(handle, HANDLE_BLOCKS, length) != 0 || strspn(handle + length, "0123456789abcdef") != 16 || handle[length + 16] != '\0')
		return NULL;
	return handle + length;
}

bool
cf_azure_in_parts(CfOp *op, const CfUpload *upload, const CfPart *part, bool *parts)
{
	*parts = mark_of(upload->handle) != NULL;
	if (!*parts && strcmp(upload->handle, HANDLE_PUT) != 0 && strcmp(upload->handle, HANDLE_DONE) != 0)
		return cf_error_set(&op->err, CF_ERR_INPUT, "invalid handle of an upload at place \"%s\"", op->place->name);
	return !*parts || part == NULL || (part->number <= CF_AZURE_BLOCKS_MAX && part->length <= CF_AZURE_BLOCK_MAX) ||
		cf_error_set(&op->err, CF_ERR_INPUT, "part %d of object \"%s\" is beyond what Azure takes", part->number, cf_remote_shown(op, upload->args.key));
}

CfStep
cf_azure_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	char		mark[CF_AZURE_MARK_TEXT];
	char		seed[96];

	if (args->size_bytes <= CF_AZURE_PUT_MAX)
	{
		cf_remote_buffer_free(op);
		if (!cf_azure_describe_check(op, args))
			return cf_remote_error(op);
		snprintf(upload->handle, sizeof(upload->handle), HANDLE_PUT);
		return cf_remote_done(op);
	}
	snprintf(seed, sizeof(seed), "%lld:%lld:%lld", (long long) args->size_bytes, (long long) args->part_bytes, (long long) args->mtime_us);
	if (!cf_azure_mark(seed, mark, &op->err))
		return cf_remote_error(op);
	snprintf(upload->handle, sizeof(upload->handle), HANDLE_BLOCKS "%s", mark);	/* *upload is made anew at each step */
	if (op->phase != CF_REMOTE_START)
		return begin_answer(op, args, upload);
	cf_remote_buffer_free(op);
	if (!cf_azure_describe_check(op, args))
		return cf_remote_error(op);
	if (args->part_bytes < 1 || args->part_bytes > CF_AZURE_BLOCK_MAX ||
		(args->size_bytes - 1) / args->part_bytes >= CF_AZURE_BLOCKS_MAX)
	{
		cf_error_set(&op->err, CF_ERR_RANGE, "object \"%.200s\" cannot go in parts of %lld bytes", args->key, (long long) args->part_bytes);
		cf_error_detail(&op->err, "It has %lld bytes; Azure takes %d parts of %lld bytes at most.", (long long) args->size_bytes,
						CF_AZURE_BLOCKS_MAX, (long long) CF_AZURE_BLOCK_MAX);
		return cf_remote_error(op);
	}
	return cf_azure_look(op, args->key, CF_REMOTE_ASKED);
}

/* begin_answer finds an occupied destination before the bytes are sent, and what an earlier attempt left. */
static CfStep
begin_answer(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	BlockList	list;
	int			count;

	if (op->phase == CF_REMOTE_ASKED)
	{
		if (op->response.status == 200 && !(args->resume && cf_azure_ours(op, args->owner_tag)))
			return cf_remote_exists(op, args->key);
		if (op->response.status != 200 && !cf_azure_missing(op))
			return cf_azure_fail(op, "look for object", args->key);
		return args->resume ? list_ask(op, args->key, CF_REMOTE_ASKED_MORE) : cf_remote_done(op);
	}
	if (list_read(op, args->key, args->owner_tag, mark_of(upload->handle), &list) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	upload->stored_bytes = list_prefix(&list, &count);
	return cf_remote_done(op);
}

CfStep
cf_azure_part_send(CfOp *op, CfUpload *upload, CfPart *part, const void *data)
{
	CfAzureState *state = op->state;
	char		id[CF_AZURE_ID_TEXT];
	char		crc[CF_BASE64_BYTES(8)];
	CfRequest  *request;

	state->crc = part->digests.known & CF_DIGEST_CRC64NVME ? part->digests.crc64nvme : cf_crc64nvme(0, data, (size_t) part->length);
	cf_azure_crc_write(state->crc, crc);
	if (!cf_azure_block_id(upload->args.owner_tag, mark_of(upload->handle), part->number, state->crc, id, &op->err))
		return cf_remote_error(op);
	request = cf_azure_block_request(op, "PutBlock", upload->args.key, id);
	if (request == NULL || !cf_azure_header(op, "Content-Type", "application/octet-stream") || !cf_azure_header(op, "x-ms-content-crc64", crc))
		return cf_remote_error(op);
	request->body = data;
	request->body_bytes = (size_t) part->length;
	request->net_class = CF_NET_BODY;
	return cf_remote_send(op, CF_REMOTE_ASKED);
}

CfStep
cf_azure_part_answer(CfOp *op, CfUpload *upload, CfPart *part)
{
	CfAzureState *state = op->state;
	uint64_t	crc;

	if (op->response.status != 201)
		return cf_azure_fail(op, "send a part of object", upload->args.key);
	if (cf_azure_crc_read(cf_net_answer(&op->response, "x-ms-content-crc64"), &crc) && crc != state->crc)
		return cf_remote_unexpected(op, "send a part of object", upload->args.key, "the service holds other bytes than were sent");
	part->digests.crc64nvme = state->crc;
	part->digests.known |= CF_DIGEST_CRC64NVME;
	cf_azure_crc_write(state->crc, part->token);
	cf_remote_buffer_free(op);
	return cf_remote_done(op);
}

CfStep
cf_azure_join(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	return cf_azure_blocks_commit(op, &upload->args, &upload->digests, mark_of(upload->handle), stat);
}

/*
 * cf_azure_blocks_commit makes a blob of our blocks: it asks which are there, names them, and looks at the result. Repeating it
 * finds our own blob.
 */
CfStep
cf_azure_blocks_commit(CfOp *op, const CfUploadArgs *args, const CfDigests *digests, const char *mark, CfObjectStat *stat)
{
	CfAzureState *state = op->state;
	BlockList	list;
	CfStep		step;

	switch (op->phase)
	{
		case AZURE_COMMIT_LISTING:
			if ((step = list_read(op, args->key, args->owner_tag, mark, &list)) != CF_STEP_DONE ||
				(step = commit_check(op, args, digests, &list)) != CF_STEP_DONE)
				return step;
			return commit_send(op, args, mark, &list);
		case AZURE_COMMIT_SENT:
			step = cf_azure_created(op, args, true);
			if (step != CF_STEP_DONE)
				return step;
			state->digests = state->committing;
			state->digests.known &= CF_DIGEST_CRC64NVME;	/* of an MD5 the service has our word alone */
			cf_error_set(&state->remote.told, CF_ERR_IO, "could not look at object \"%.200s\" after its commit", args->key);
			return cf_azure_look(op, args->key, CF_REMOTE_SETTLING);
		case CF_REMOTE_SETTLING:
			return cf_azure_settled(op, args, stat);
		default:
			return list_ask(op, args->key, AZURE_COMMIT_LISTING);
	}
}

/* commit_check holds the blocks that are there against the object that they shall make; DONE = they do. */
static CfStep
commit_check(CfOp *op, const CfUploadArgs *args, const CfDigests *digests, const BlockList *list)
{
	CfAzureState *state = op->state;
	bool		crcs = digests != NULL && args->size_bytes > 0;
	uint64_t	crc = 0;
	int			count = 0;

	memset(&state->committing, 0, sizeof(state->committing));
	if (digests != NULL)
		state->committing = *digests;
	else if (state->copied_known)
		state->committing = (CfDigests) {.known = CF_DIGEST_CRC64NVME, .crc64nvme = state->copied_crc};
	if (args->size_bytes > 0 && list->count == 0)
		return commit_doubt(op, args, "None of its blocks is there.");
	if (list->ambiguous)
		return commit_doubt(op, args, "One of its blocks was sent twice, with other bytes.");
	if (list_prefix(list, &count) != args->size_bytes || count != list->count)
		return commit_doubt(op, args, "Some of its blocks are missing, or have another size.");
	for (int number = 1; crcs && number <= count; number++)
		crc = cf_crc64nvme_combine(crc, list->crcs[number], list->sizes[number]);
	if (crcs && (state->committing.known & CF_DIGEST_CRC64NVME) != 0 && state->committing.crc64nvme != crc)
		return cf_remote_damaged(op, args->key, "The CRC-64 of its parts is not that of its bytes.");
	if (crcs)
	{
		state->committing.crc64nvme = crc;
		state->committing.known |= CF_DIGEST_CRC64NVME;
	}
	return CF_STEP_DONE;
}

/* commit_doubt looks whether an earlier attempt committed the blocks that are missing now. */
static CfStep
commit_doubt(CfOp *op, const CfUploadArgs *args, const char *detail)
{
	CfAzureState *state = op->state;

	state->crc_known = (state->committing.known & CF_DIGEST_CRC64NVME) != 0;
	state->crc = state->committing.crc64nvme;
	memset(&state->digests, 0, sizeof(state->digests));
	cf_error_set(&state->remote.told, CF_ERR_STATE, "upload of object \"%.200s\" is gone or not complete", args->key);
	cf_error_detail(&state->remote.told, "%s", detail);
	return cf_azure_look(op, args->key, CF_REMOTE_SETTLING);
}

/* commit_send names our blocks, create-only. The list goes into the arena of results: that of the request is emptied for it. */
static CfStep
commit_send(CfOp *op, const CfUploadArgs *args, const char *mark, const BlockList *list)
{
	CfAzureState *state = op->state;
	size_t		room = sizeof(BODY_BEGIN) + sizeof(BODY_END) + (size_t) list->count * (sizeof("<Uncommitted></Uncommitted>") + CF_AZURE_ID_TEXT);
	char	   *body = cf_arena_alloc(op->arena, room);
	char	   *to;
	char		id[CF_AZURE_ID_TEXT];
	char		crc[CF_BASE64_BYTES(8)];
	CfRequest  *request;

	if (body == NULL)
		return cf_remote_memory(op);
	to = stpcpy(body, BODY_BEGIN);
	for (int number = 1; number <= list->count; number++)
	{
		if (!cf_azure_block_id(args->owner_tag, mark, number, list->crcs[number], id, &op->err))
			return cf_remote_error(op);
		to = stpcpy(stpcpy(stpcpy(to, "<Uncommitted>"), id), "</Uncommitted>");
	}
	to = stpcpy(to, BODY_END);
	cf_azure_crc_write(cf_crc64nvme(0, body, (size_t) (to - body)), crc);
	request = cf_azure_request(op, "PUT", "PutBlockList", args->key, "comp=blocklist");
	if (request == NULL || !cf_azure_header(op, "If-None-Match", "*") || !cf_azure_header(op, "Content-Type", "application/xml") ||
		!cf_azure_header(op, "x-ms-content-crc64", crc) || !cf_azure_describe(op, args, &state->committing))
		return cf_remote_error(op);
	request->body = body;
	request->body_bytes = (size_t) (to - body);
	request->net_class = CF_NET_SLOW;
	request->repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_remote_send(op, AZURE_COMMIT_SENT);
}

/*
 * cf_azure_upload_abort removes an object that was made under this owner tag, by its version: a small one that was sealed and never committed,
 * or, for who knows no handle, whatever an earlier attempt has made, of one block or many. Blocks that nobody commits vanish by themselves, and
 * clearing them would clear those of others, too.
 */
CfStep
cf_azure_upload_abort(CfOp *op, CfUpload *upload)
{
	bool		known = upload->handle[0] != '\0';
	bool		parts;

	if (op->phase == CF_REMOTE_START)
	{
		cf_remote_buffer_free(op);
		if (known && !cf_azure_in_parts(op, upload, NULL, &parts))
			return cf_remote_error(op);
		if (upload->args.key == NULL || upload->args.owner_tag == NULL || upload->args.keep_object ||
			(known && strcmp(upload->handle, HANDLE_PUT) != 0))
			return cf_remote_done(op);
	}
	return cf_remote_abandon(op, upload, upload->args.owner_tag, known ? CF_AZURE_PUT_MAX : INT64_MAX);
}

/* cf_azure_uploads_find finds nothing: what is not committed belongs to no upload that could be named, and vanishes after a week. */
CfStep
cf_azure_uploads_find(CfOp *op, int64_t older_than_us, const char *token, CfStalePage *page)
{
	(void) older_than_us;
	(void) token;
	memset(page, 0, sizeof(*page));
	return cf_remote_done(op);
}

/* cf_azure_mark makes sixteen hexadecimal digits of what tells one source from another. */
bool
cf_azure_mark(const char *seed, char mark[CF_AZURE_MARK_TEXT], CfError *err)
{
	uint8_t		digest[32];

	if (!cf_sha256(seed, strlen(seed), digest))
		return cf_error_set(err, CF_ERR_MEMORY, "could not compute a SHA-256 digest");
	cf_hex_encode(digest, 8, mark);
	return true;
}

/* id_prefix makes the bytes that all blocks of one upload begin with. */
static bool
id_prefix(const char *owner_tag, const char *mark, uint8_t bytes[CF_AZURE_ID_BYTES], CfError *err)
{
	uint8_t		digest[32];

	memset(bytes, 0, CF_AZURE_ID_BYTES);
	if (!cf_sha256(owner_tag, strlen(owner_tag), digest))
		return cf_error_set(err, CF_ERR_MEMORY, "could not compute a SHA-256 digest");
	memcpy(bytes, digest, ID_OWNER_BYTES);
	for (int i = 0; mark != NULL && i < 16 && mark[i] != '\0'; i++)
		bytes[ID_OWNER_BYTES + i / 2] = (uint8_t) (bytes[ID_OWNER_BYTES + i / 2] << 4 | (mark[i] <= '9' ? mark[i] - '0' : mark[i] - 'a' + 10));
	return true;
}

/* cf_azure_block_id makes the id of one block. */
bool
cf_azure_block_id(const char *owner_tag, const char *mark, int number, uint64_t crc, char id[CF_AZURE_ID_TEXT], CfError *err)
{
	uint8_t		bytes[CF_AZURE_ID_BYTES];

	if (!id_prefix(owner_tag, mark, bytes, err))
		return false;
	for (int i = 0; i < 8; i++)
	{
		bytes[39 - i] = (uint8_t) ((uint64_t) number >> 8 * i);
		bytes[47 - i] = (uint8_t) (crc >> 8 * i);
	}
	cf_base64_encode(bytes, sizeof(bytes), id);
	return true;
}

/* cf_azure_block_request begins a request about one block; its id has three characters that a query has not. NULL = op->err. */
CfRequest *
cf_azure_block_request(CfOp *op, const char *verb, const char *key, const char *id)
{
	CfRemoteText query = {.arena = op->arena};

	cf_remote_text_add(&query, "comp=block&blockid=");
	cf_remote_text_encode(&query, id);
	return query.failed ? (cf_remote_memory(op), NULL) : cf_azure_request(op, "PUT", verb, key, query.data);
}

static CfStep
list_ask(CfOp *op, const char *key, int phase)
{
	CfRequest  *request = cf_azure_request(op, "GET", "GetBlockList", key, "comp=blocklist&blocklisttype=uncommitted");

	if (request == NULL)
		return cf_remote_error(op);
	request->answer_max = LIST_ANSWER_MAX;
	return cf_remote_send(op, phase);
}

/* take_block notes a block that is ours. */
static bool
take_block(void *ctx)
{
	BlockList  *list = ctx;
	uint8_t		id[CF_AZURE_ID_BYTES + 1];
	uint64_t	number = 0;
	uint64_t	crc = 0;
	int64_t		size;

	if (cf_base64_decode(list->name, id, sizeof(id)) != CF_AZURE_ID_BYTES || memcmp(id, list->prefix, ID_PREFIX_BYTES) != 0)
		return true;
	for (int i = 0; i < 8; i++)
	{
		number = number << 8 | id[ID_PREFIX_BYTES + i];
		crc = crc << 8 | id[ID_PREFIX_BYTES + 8 + i];
	}
	if (number < 1 || number > CF_AZURE_BLOCKS_MAX || !cf_remote_number(list->size, CF_AZURE_BLOCK_MAX, &size) || size == 0)
		return true;
	list->ambiguous |= list->sizes[number] > 0;
	list->count += list->sizes[number] == 0;
	list->sizes[number] = size;
	list->crcs[number] = crc;
	return true;
}

/* list_read finds our blocks in the answer to Get Block List; a blob that is not there has none. */
static CfStep
list_read(CfOp *op, const char *key, const char *owner_tag, const char *mark, BlockList *list)
{
	CfRemoteField fields[] = {
		CF_REMOTE_FIELD("UncommittedBlocks/Block/Name", list->name), CF_REMOTE_FIELD("UncommittedBlocks/Block/Size", list->size)
	};
	CfRemoteRecords records = {"BlockList", "UncommittedBlocks/Block", fields, 2, take_block, list, false};

	memset(list, 0, sizeof(*list));
	if (op->response.status != 200 && !cf_azure_missing(op))
		return cf_azure_fail(op, "look for the blocks of object", key);
	list->sizes = cf_arena_zalloc(&op->request_arena, (CF_AZURE_BLOCKS_MAX + 1) * sizeof(int64_t));
	list->crcs = cf_arena_zalloc(&op->request_arena, (CF_AZURE_BLOCKS_MAX + 1) * sizeof(uint64_t));
	if (list->sizes == NULL || list->crcs == NULL)
		return cf_remote_memory(op);
	if (!id_prefix(owner_tag, mark, list->prefix, &op->err))
		return cf_remote_error(op);
	return op->response.status != 200 ? CF_STEP_DONE : cf_remote_records(op, "look for the blocks of object", key, &records);
}

/* list_prefix adds up the blocks from number 1 to the first gap. */
static int64_t
list_prefix(const BlockList *list, int *count)
{
	int64_t		bytes = 0;

	for (*count = 0; *count < CF_AZURE_BLOCKS_MAX && list->sizes[*count + 1] > 0; (*count)++)
		bytes += list->sizes[*count + 1];
	return bytes;
}
