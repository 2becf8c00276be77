/*
 * s3_list.c
 *		Listing: pages of at most 1,000 objects, by the store's own token.
 *
 * Keys are asked for encoded, since XML cannot hold every byte; whether they are is known only from an element of the
 * answer that may come last, so they are decoded when the page is read.
 */
#include <string.h>

#include "storage/remote/remote_page.h"
#include "storage/s3/s3.h"

#define LIST_MAX 1000

typedef struct ListRead
{
	CfOp	   *op;
	CfListPage *page;
	int			room;
	bool		bad;
	char		key[CF_REMOTE_NAME_ROOM];
	char		size[24];
	char		etag[256];
	char		modified[40];
	char		storage_class[64];
	char		restoring[8];
} ListRead;

static CfStep list_answer(CfOp *op, CfListPage *page, int max_entries);
static bool take_object(void *ctx);

CfStep
cf_s3_list(CfOp *op, const char *prefix, const char *token, int max_entries, CfListPage *page)
{
	CfRemoteText query = {.arena = op->arena};

	if (op->phase != CF_REMOTE_START)
		return list_answer(op, page, max_entries < LIST_MAX ? max_entries : LIST_MAX);
	if (!cf_remote_page_token(op, token, ""))
		return CF_STEP_ERROR;
	cf_remote_text_format(&query, "list-type=2&encoding-type=url&max-keys=%d&prefix=", max_entries < LIST_MAX ? max_entries : LIST_MAX);
	cf_remote_text_encode(&query, op->place->prefix);
	cf_remote_text_encode(&query, prefix);
	cf_remote_text_format(&query, "%s%s", token == NULL ? "" : "&continuation-token=", token == NULL ? "" : token);
	return cf_s3_page_ask(op, "ListObjectsV2", &query, CF_REMOTE_ASKED);
}

/* cf_s3_page_ask asks the bucket for a page of what it has. */
CfStep
cf_s3_page_ask(CfOp *op, const char *verb, CfRemoteText *query, int phase)
{
	if (cf_s3_request(op, "GET", verb, NULL, cf_remote_text_end(query)) == NULL)
		return cf_remote_error(op);
	op->request.answer_max = CF_S3_PAGE_BYTES;
	return cf_remote_send(op, phase);
}

static CfStep
list_answer(CfOp *op, CfListPage *page, int max_entries)
{
	static const char what[] = "list the objects";
	ListRead	read = {.op = op, .page = page};
	char		encoding[8];
	char		truncated[8];
	char		next[CF_REMOTE_NAME_ROOM];
	CfRemoteField fields[] = {
		CF_REMOTE_FIELD("Contents/Key", read.key), CF_REMOTE_FIELD("Contents/Size", read.size),
		CF_REMOTE_FIELD("Contents/ETag", read.etag), CF_REMOTE_FIELD("Contents/LastModified", read.modified),
		CF_REMOTE_FIELD("Contents/StorageClass", read.storage_class),
		CF_REMOTE_FIELD("Contents/RestoreStatus/IsRestoreInProgress", read.restoring), CF_REMOTE_FIELD("EncodingType", encoding),
		CF_REMOTE_FIELD("IsTruncated", truncated), CF_REMOTE_FIELD("NextContinuationToken", next)
	};
	CfRemoteRecords records = {"ListBucketResult", "Contents", fields, sizeof(fields) / sizeof(fields[0]), take_object, &read, false};
	bool		more;

	memset(page, 0, sizeof(*page));
	if (!cf_remote_success(op))
	{
		cf_s3_fail(op, what, NULL);
		if (op->response.status == 404)
			op->err.kind = CF_ERR_STATE;	/* a bucket that is not there must not look like objects that are gone */
		return CF_STEP_ERROR;
	}
	if (cf_remote_records(op, what, NULL, &records) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	more = strcmp(truncated, "true") == 0;
	if (read.bad || page->count > max_entries || (more && next[0] == '\0'))
		return cf_remote_unexpected(op, what, NULL, "the answer makes no sense");
	cf_remote_page_end(op, page, strcmp(encoding, "url") == 0);
	if (more && (page->next = cf_url_encode(op->arena, next, strlen(next), false)) == NULL)
		return cf_remote_memory(op);
	return cf_remote_done(op);
}

/* take_object adds an object to the page; one without key or ETag could not be pinned. */
static bool
take_object(void *ctx)
{
	ListRead   *read = ctx;
	CfOp	   *op = read->op;
	CfObjectStat stat = {.content_type = "", .storage_class = cf_s3_store(op->place)->classes ? "STANDARD" : ""};
	CfS3Pin		pin = {.modified = -1};

	cf_s3_etag_pin(read->etag, &pin);
	if (read->key[0] == '\0' || pin.etag[0] == '\0')
	{
		read->page->unreadable++;
		return true;
	}
	read->bad |= read->size[0] != '\0' && !cf_remote_number(read->size, INT64_MAX, &stat.size_bytes);
	if (cf_remote_time(read->modified, &stat.mtime_us))
		pin.modified = stat.mtime_us / 1000000;
	if (read->storage_class[0] != '\0' && (stat.storage_class = cf_arena_strdup(op->arena, read->storage_class)) == NULL)
		return cf_remote_memory(op) == CF_STEP_DONE;
	stat.must_restore = cf_s3_class_archived(stat.storage_class);
	stat.restoring = strcmp(read->restoring, "true") == 0;
	cf_s3_pin_write(&pin, stat.version);
	return cf_remote_page_add(op, read->page, &read->room, read->key, &stat);
}
