/*
 * s3_list.c
 *		Listing: pages of at most 1,000 objects, by the store's own token.
 *
 * Keys are asked for encoded, since XML cannot hold every byte; whether they are is known only from an element of the
 * answer that may come last, so they are decoded when the page is read.
 */
#include <stdio.h>
#include <string.h>

#include "storage/s3/s3.h"

#define LIST_MAX 1000

typedef struct ListVisit
{
	CfOp	   *op;
	CfListPage *page;
	int			room;
	bool		encoded;
	bool		truncated;
	bool		failed;
	bool		bad;
	CfListEntry entry;			/* that is being read */
	CfS3Pin		pin;
	const char *next;
} ListVisit;

static CfStep list_answer(CfOp *op, CfListPage *page, int max_entries);
static bool list_visit(void *ctx, const char *path, const char *text, size_t length);
static bool entry_visit(ListVisit *visit, const char *path, const char *text, size_t length);
static bool entry_keep(ListVisit *visit);

CfStep
cf_s3_list(CfOp *op, const char *prefix, const char *token, int max_entries, CfListPage *page)
{
	CfRemoteText query = {.arena = op->arena};

	if (cf_s3_state(op) == NULL)
		return CF_STEP_ERROR;
	if (op->phase != S3_START)
		return list_answer(op, page, max_entries);
	cf_remote_text_add(&query, "list-type=2&encoding-type=url&max-keys=");
	cf_remote_text_number(&query, max_entries < LIST_MAX ? max_entries : LIST_MAX);
	cf_remote_text_add(&query, "&prefix=");
	cf_remote_text_encode(&query, op->place->prefix);
	cf_remote_text_encode(&query, prefix);
	if (token != NULL)
	{
		cf_remote_text_add(&query, "&continuation-token=");
		cf_remote_text_add(&query, token);
		if (strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%-._~") != strlen(token))
		{
			cf_error_set(&op->err, CF_ERR_INPUT, "invalid token of a page of a listing");
			return cf_remote_error(op);
		}
	}
	if (query.failed)
		return cf_remote_memory(op);
	if (cf_s3_request(op, "GET", "ListObjectsV2", NULL, query.data) == NULL)
		return cf_remote_error(op);
	op->request.answer_max = CF_S3_PAGE_BYTES;
	return cf_remote_send(op, S3_ASKED);
}

/* list_answer reads one page; keys come without the place's prefix, and a key outside of it is the store's mistake. */
static CfStep
list_answer(CfOp *op, CfListPage *page, int max_entries)
{
	const char *prefix = op->place->prefix;
	ListVisit	visit = {.op = op, .page = page, .pin = {.modified = -1}};
	CfRemoteText next = {.arena = op->arena};
	int			kept = 0;

	memset(page, 0, sizeof(*page));
	if (op->response.status == 404)
	{
		cf_s3_fail(op, "list the objects", NULL);
		op->err.kind = CF_ERR_STATE;	/* a bucket that is not there must not look like objects that are gone */
		return CF_STEP_ERROR;
	}
	if (!cf_remote_success(op))
		return cf_s3_fail(op, "list the objects", NULL);
	if (!cf_xml_parse(op->response.body, op->response.body_bytes, list_visit, &visit, &op->err))
		return visit.failed ? cf_remote_memory(op) : cf_remote_error(op);
	if (visit.bad || page->count > (max_entries < LIST_MAX ? max_entries : LIST_MAX) ||
		(visit.truncated && (visit.next == NULL || visit.next[0] == '\0')))
		return cf_remote_unexpected(op, "list the objects", NULL, "the answer makes no sense");
	for (int i = 0; i < page->count; i++)
	{
		CfListEntry entry = page->entries[i];
		char	   *key = (char *) entry.key;

		if ((visit.encoded && !cf_url_decode(op->arena, entry.key, strlen(entry.key), true, &key)) ||
			strncmp(key, prefix, strlen(prefix)) != 0)
		{
			page->unreadable++;
			continue;
		}
		entry.key = key + strlen(prefix);
		if (entry.key[0] != '\0')
			page->entries[kept++] = entry;
	}
	page->count = kept;
	if (visit.truncated)
	{
		cf_remote_text_encode(&next, visit.next);
		page->next = next.data;
	}
	return next.failed ? cf_remote_memory(op) : cf_remote_done(op);
}

static bool
list_visit(void *ctx, const char *path, const char *text, size_t length)
{
	static const char root[] = "ListBucketResult/";
	ListVisit  *visit = ctx;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return true;
	path += sizeof(root) - 1;
	if (strncmp(path, "Contents", 8) == 0)
		return entry_visit(visit, path + 8, text, length);
	visit->encoded |= strcmp(path, "EncodingType") == 0 && strcmp(text, "url") == 0;
	visit->truncated |= strcmp(path, "IsTruncated") == 0 && strcmp(text, "true") == 0;
	if (strcmp(path, "NextContinuationToken") == 0)
	{
		visit->next = cf_arena_strndup(visit->op->arena, text, length);
		visit->failed |= visit->next == NULL;
	}
	return !visit->failed;
}

/* entry_visit collects one object; its end is the element itself. */
static bool
entry_visit(ListVisit *visit, const char *path, const char *text, size_t length)
{
	CfObjectStat *stat = &visit->entry.stat;
	char		bare[256];

	if (path[0] == '\0')
		return entry_keep(visit);
	if (strcmp(path, "/Key") == 0)
		visit->failed |= (visit->entry.key = cf_arena_strndup(visit->op->arena, text, length)) == NULL;
	else if (strcmp(path, "/StorageClass") == 0)
		visit->failed |= (stat->storage_class = cf_arena_strndup(visit->op->arena, text, length)) == NULL;
	else if (strcmp(path, "/Size") == 0)
		visit->bad |= !cf_remote_number(text, INT64_MAX, &stat->size_bytes);
	else if (strcmp(path, "/ETag") == 0 && snprintf(bare, sizeof(bare), "%s", text) < (int) sizeof(bare))
	{
		size_t		end = strlen(bare);

		if (end > 2 && bare[0] == '"' && bare[end - 1] == '"')
			bare[--end] = '\0';
		cf_s3_pin_value(visit->pin.etag, sizeof(visit->pin.etag), bare[0] == '"' && end > 1 ? bare + 1 : bare);
	}
	else if (strcmp(path, "/LastModified") == 0 && cf_remote_time(text, &stat->mtime_us))
		visit->pin.modified = stat->mtime_us / 1000000;
	else if (strcmp(path, "/RestoreStatus/IsRestoreInProgress") == 0)
		stat->restoring = strcmp(text, "true") == 0;
	return !visit->failed;
}

/* entry_keep adds the object that was read to the page. */
static bool
entry_keep(ListVisit *visit)
{
	CfListPage *page = visit->page;
	CfListEntry *entry = &visit->entry;

	if (page->count == visit->room)
	{
		int			room = visit->room == 0 ? 64 : visit->room * 4;
		CfListEntry *grown = cf_arena_alloc(visit->op->arena, sizeof(*grown) * (size_t) room);

		if (grown == NULL)
			return !(visit->failed = true);
		if (page->count > 0)
			memcpy(grown, page->entries, sizeof(*grown) * (size_t) page->count);
		page->entries = grown;
		visit->room = room;
	}
	if (entry->key == NULL || visit->pin.etag[0] == '\0')
		page->unreadable++;
	else
	{
		cf_s3_pin_write(&visit->pin, entry->stat.version);
		if (entry->stat.storage_class == NULL)
			entry->stat.storage_class = cf_s3_store(visit->op->place)->classes ? "STANDARD" : "";
		entry->stat.must_restore = cf_s3_class_archived(entry->stat.storage_class);
		entry->stat.content_type = "";
		page->entries[page->count++] = *entry;
	}
	memset(entry, 0, sizeof(*entry));
	memset(&visit->pin, 0, sizeof(visit->pin));
	visit->pin.modified = -1;
	return true;
}
