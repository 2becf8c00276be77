/*
 * azure_list.c
 *		Listing a container, page by page.
 *
 * The token is Azure's marker, percent-encoded. Folders of accounts with a hierarchical namespace are no objects and passed
 * over. A name that XML cannot hold comes percent-encoded, marked by an attribute. What is listed outside the prefix, or has no
 * version, is counted as unreadable and not shown: the catalog must not learn of objects that it could not pin.
 */
#include <stdio.h>
#include <string.h>

#include "storage/azure/azure.h"
#include "storage/xml.h"

#define PAGE_MAX 5000
#define BLOB "EnumerationResults/Blobs/Blob"
#define NAME_MAX_BYTES 4096
#define ENTRY_BYTES_MAX 8192	/* of XML, some 1,100 in practice */
#define TOKEN_MAX 4096

typedef struct ListVisit
{
	CfOp	   *op;
	CfListPage *page;
	const char *prefix;			/* of the place */
	int			max_entries;
	CfListEntry entry;			/* that is being read */
	char	   *name;			/* NULL = not read yet */
	bool		name_encoded;
	bool		folder;
	bool		bad;
	char		archive_status[40];
	bool		ended;
	bool		failed;			/* out of memory */
	bool		overflowed;
} ListVisit;

static CfStep list_answer(CfOp *op, int max_entries, CfListPage *page);
static bool take(void *ctx, const char *path, const char *text, size_t length);
static bool take_property(ListVisit *visit, const char *name, const char *text);
static bool take_entry(ListVisit *visit);

CfStep
cf_azure_list(CfOp *op, const char *prefix, const char *token, int max_entries, CfListPage *page)
{
	CfRemoteText query = {.arena = op->arena};
	int			wanted = max_entries < PAGE_MAX ? max_entries : PAGE_MAX;
	char		number[16];
	char	   *place_prefix;
	CfRequest  *request;

	if (op->phase != CF_REMOTE_START)
		return list_answer(op, wanted, page);
	if (token != NULL && (strlen(token) > TOKEN_MAX ||
						  token[strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%")] != '\0'))
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "invalid token of a listing of place \"%s\"", op->place->name);
		return cf_remote_error(op);
	}
	cf_remote_text_add(&query, "restype=container&comp=list&maxresults=");
	snprintf(number, sizeof(number), "%d", wanted);
	cf_remote_text_add(&query, number);
	if (op->place->prefix[0] != '\0' || prefix[0] != '\0')
	{
		place_prefix = cf_url_encode(op->arena, op->place->prefix, strlen(op->place->prefix), false);
		if (place_prefix == NULL)
			return cf_remote_memory(op);
		cf_remote_text_add(&query, "&prefix=");
		cf_remote_text_add(&query, place_prefix);
		cf_remote_text_encode(&query, prefix);
	}
	if (token != NULL && token[0] != '\0')
	{
		cf_remote_text_add(&query, "&marker=");
		cf_remote_text_add(&query, token);
	}
	if (query.failed)
		return cf_remote_memory(op);
	request = cf_azure_request(op, "GET", "ListBlobs", NULL, query.data);
	if (request == NULL)
		return cf_remote_error(op);
	request->answer_max = (size_t) wanted * ENTRY_BYTES_MAX + CF_NET_ANSWER_BYTES;
	return cf_remote_send(op, CF_REMOTE_ASKED);
}

static CfStep
list_answer(CfOp *op, int max_entries, CfListPage *page)
{
	ListVisit	visit = {.op = op, .page = page, .prefix = op->place->prefix, .max_entries = max_entries};

	memset(page, 0, sizeof(*page));
	if (op->response.status != 200)
		return cf_azure_fail(op, "list the objects", NULL);
	page->entries = cf_arena_alloc(op->arena, (size_t) max_entries * sizeof(CfListEntry));
	if (page->entries == NULL)
		return cf_remote_memory(op);
	if (!cf_xml_parse(op->response.body, op->response.body_bytes, take, &visit, &op->err) && !visit.failed && !visit.overflowed)
		return cf_remote_error(op);
	if (visit.failed)
		return cf_remote_memory(op);
	if (visit.overflowed || !visit.ended)
	{
		cf_error_set(&op->err, CF_ERR_IO, "answer of place \"%s\" is not the listing that was asked for", op->place->name);
		return cf_remote_error(op);
	}
	return cf_remote_done(op);
}

/* encoded_well tells whether each percent sign stands before two hexadecimal digits that are not those of NUL. */
static bool
encoded_well(const char *text)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	while ((text = strchr(text, '%')) != NULL)
	{
		text++;
		if (strspn(text, digits) < 2 || memcmp(text, "00", 2) == 0)
			return false;
	}
	return true;
}

/* take visits one element of the listing. */
static bool
take(void *ctx, const char *path, const char *text, size_t length)
{
	ListVisit  *visit = ctx;

	if (strncmp(path, BLOB "/Properties/", sizeof(BLOB "/Properties/") - 1) == 0)
		return take_property(visit, path + sizeof(BLOB "/Properties/") - 1, text);
	if (strcmp(path, BLOB "/Name@Encoded") == 0)
		visit->name_encoded = strcmp(text, "true") == 0;
	else if (strcmp(path, BLOB "/Name") == 0)
	{
		if (length > NAME_MAX_BYTES || (visit->name_encoded && !encoded_well(text)))
			visit->bad = true;
		else if (visit->name_encoded)
			visit->failed = !cf_url_decode(visit->op->arena, text, length, false, &visit->name);
		else
			visit->failed = (visit->name = cf_arena_strndup(visit->op->arena, text, length)) == NULL;
	}
	else if (strcmp(path, BLOB) == 0)
		return take_entry(visit);
	else if (strcmp(path, "EnumerationResults/NextMarker") == 0 && length > 0)
	{
		visit->page->next = cf_url_encode(visit->op->arena, text, length, false);
		visit->failed = visit->page->next == NULL;
		visit->overflowed = length > TOKEN_MAX / 3;
	}
	else if (strcmp(path, "EnumerationResults") == 0)
		visit->ended = true;
	return !visit->failed && !visit->overflowed;
}

static bool
take_property(ListVisit *visit, const char *name, const char *text)
{
	CfObjectStat *stat = &visit->entry.stat;
	const char **kept = NULL;

	if (strcmp(name, "Content-Length") == 0)
		visit->bad |= !cf_remote_number(text, INT64_MAX, &stat->size_bytes);
	else if (strcmp(name, "Etag") == 0)
		visit->bad |= !cf_azure_etag(text, stat->version);
	else if (strcmp(name, "Last-Modified") == 0)
		visit->bad |= !cf_remote_time(text, &stat->mtime_us);
	else if (strcmp(name, "LastAccessTime") == 0)
		(void) cf_remote_time(text, &stat->atime_us);
	else if (strcmp(name, "ResourceType") == 0)
		visit->folder = strcmp(text, "directory") == 0;
	else if (strcmp(name, "ArchiveStatus") == 0)
		snprintf(visit->archive_status, sizeof(visit->archive_status), "%s", text);
	else if (strcmp(name, "AccessTier") == 0)
		kept = &stat->storage_class;
	else if (strcmp(name, "Content-Type") == 0)
		kept = &stat->content_type;
	if (kept != NULL && (*kept = cf_arena_strdup(visit->op->arena, text)) == NULL)
		visit->failed = true;
	return !visit->failed;
}

/* take_entry adds what was read of one blob to the page. */
static bool
take_entry(ListVisit *visit)
{
	CfListPage *page = visit->page;
	CfListEntry *entry = &visit->entry;
	size_t		prefix_bytes = strlen(visit->prefix);

	if (page->count == visit->max_entries)
		visit->overflowed = true;
	else if (visit->folder || (visit->name != NULL && strcmp(visit->name, visit->prefix) == 0))
		;
	else if (visit->bad || visit->name == NULL || entry->stat.version[0] == '\0' || strncmp(visit->name, visit->prefix, prefix_bytes) != 0 ||
			 visit->name[prefix_bytes] == '\0')
		page->unreadable++;
	else
	{
		entry->key = visit->name + prefix_bytes;
		entry->stat.storage_class = entry->stat.storage_class == NULL ? "" : entry->stat.storage_class;
		entry->stat.content_type = entry->stat.content_type == NULL ? "" : entry->stat.content_type;
		cf_azure_class_note(&entry->stat, visit->archive_status);
		page->entries[page->count++] = *entry;
	}
	memset(&visit->entry, 0, sizeof(visit->entry));
	visit->name = NULL;
	visit->name_encoded = visit->folder = visit->bad = false;
	visit->archive_status[0] = '\0';
	return !visit->overflowed;
}
