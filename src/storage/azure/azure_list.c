/*
 * azure_list.c
 *		Listing a container, page by page.
 *
 * The token is Azure's marker, percent-encoded. Folders of accounts with a hierarchical namespace are no objects and passed
 * over. A name that XML cannot hold comes percent-encoded, marked by an attribute. What is listed outside the prefix, or has no
 * version, is counted as unreadable and not shown: the catalog must not learn of objects that it could not pin.
 */
#include <string.h>

#include "storage/azure/azure.h"
#include "storage/remote/remote_page.h"

#define PAGE_MAX 5000
#define ENTRY_BYTES_MAX 8192	/* of XML, some 1,100 in practice */

typedef struct ListRead
{
	CfOp	   *op;
	CfListPage *page;
	int			room;
	int			seen;
	char		name[CF_REMOTE_NAME_ROOM];
	char		encoded[8];
	char		size[24];
	char		etag[CF_STORAGE_VERSION_MAX + 8];
	char		modified[40];
	char		accessed[40];
	char		kind[16];
	char		tier[40];
	char		archive[64];
	char		type[1024];
} ListRead;

static CfStep list_answer(CfOp *op, int max_entries, CfListPage *page);
static bool take_blob(void *ctx);

CfStep
cf_azure_list(CfOp *op, const char *prefix, const char *token, int max_entries, CfListPage *page)
{
	CfRemoteText query = {.arena = op->arena};
	int			wanted = max_entries < PAGE_MAX ? max_entries : PAGE_MAX;
	CfRequest  *request;

	if (op->phase != CF_REMOTE_START)
		return list_answer(op, wanted, page);
	if (!cf_remote_page_token(op, token, ""))
		return CF_STEP_ERROR;
	cf_remote_text_format(&query, "restype=container&comp=list&maxresults=%d", wanted);
	if (op->place->prefix[0] != '\0' || prefix[0] != '\0')
	{
		cf_remote_text_add(&query, "&prefix=");
		cf_remote_text_encode(&query, op->place->prefix);
		cf_remote_text_encode(&query, prefix);
	}
	if (token != NULL && token[0] != '\0')
		cf_remote_text_format(&query, "&marker=%s", token);
	if (query.failed)
		return cf_remote_memory(op);
	if ((request = cf_azure_request(op, "GET", "ListBlobs", NULL, query.data)) == NULL)
		return cf_remote_error(op);
	request->answer_max = (size_t) wanted * ENTRY_BYTES_MAX + CF_NET_ANSWER_BYTES;
	return cf_remote_send(op, CF_REMOTE_ASKED);
}

static CfStep
list_answer(CfOp *op, int max_entries, CfListPage *page)
{
	static const char what[] = "list the objects";
	ListRead	read = {.op = op, .page = page};
	char		next[CF_REMOTE_NAME_ROOM];
	CfRemoteField fields[] = {
		CF_REMOTE_FIELD("Blobs/Blob/Name", read.name), CF_REMOTE_FIELD("Blobs/Blob/Name@Encoded", read.encoded),
		CF_REMOTE_FIELD("Blobs/Blob/Properties/Content-Length", read.size), CF_REMOTE_FIELD("Blobs/Blob/Properties/Etag", read.etag),
		CF_REMOTE_FIELD("Blobs/Blob/Properties/Last-Modified", read.modified),
		CF_REMOTE_FIELD("Blobs/Blob/Properties/LastAccessTime", read.accessed),
		CF_REMOTE_FIELD("Blobs/Blob/Properties/ResourceType", read.kind),
		CF_REMOTE_FIELD("Blobs/Blob/Properties/AccessTier", read.tier),
		CF_REMOTE_FIELD("Blobs/Blob/Properties/ArchiveStatus", read.archive),
		CF_REMOTE_FIELD("Blobs/Blob/Properties/Content-Type", read.type), CF_REMOTE_FIELD("NextMarker", next)
	};
	CfRemoteRecords records = {"EnumerationResults", "Blobs/Blob", fields, sizeof(fields) / sizeof(fields[0]), take_blob, &read, false};

	memset(page, 0, sizeof(*page));
	if (op->response.status != 200)
		return cf_azure_fail(op, what, NULL);
	if (cf_remote_records(op, what, NULL, &records) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	if (read.seen > max_entries)
		return cf_remote_unexpected(op, what, NULL, "the answer has more than was asked for");
	cf_remote_page_end(op, page, false);
	if (next[0] != '\0' && (page->next = cf_url_encode(op->arena, next, strlen(next), false)) == NULL)
		return cf_remote_memory(op);
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

/* take_blob adds a blob to the page. */
static bool
take_blob(void *ctx)
{
	ListRead   *read = ctx;
	CfOp	   *op = read->op;
	bool		encoded = strcmp(read->encoded, "true") == 0;
	char	   *name = read->name;
	CfObjectStat stat = {.size_bytes = 0};

	read->seen++;
	if (strcmp(read->kind, "directory") == 0)
		return true;
	if (name[0] == '\0' || (encoded && !encoded_well(name)) || !cf_azure_etag(read->etag, stat.version) ||
		(read->size[0] != '\0' && !cf_remote_number(read->size, INT64_MAX, &stat.size_bytes)) ||
		(read->modified[0] != '\0' && !cf_remote_time(read->modified, &stat.mtime_us)))
	{
		read->page->unreadable++;
		return true;
	}
	(void) cf_remote_time(read->accessed, &stat.atime_us);
	if ((encoded && !cf_url_decode(op->arena, name, strlen(name), false, &name)) ||
		(stat.storage_class = cf_arena_strdup(op->arena, read->tier)) == NULL ||
		(stat.content_type = cf_arena_strdup(op->arena, read->type)) == NULL)
		return cf_remote_memory(op) == CF_STEP_DONE;
	cf_azure_class_note(&stat, read->archive);
	return cf_remote_page_add(op, read->page, &read->room, name, &stat);
}
