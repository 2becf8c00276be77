/*
 * gcs_list.c
 *		Pages of keys. The store lists in byte order of names, strongly consistent; what is private to us is left out.
 *
 * A token is the store's own, encoded as it goes into a URL, so it is printable whatever the store makes of it. A page may be
 * empty and yet not be the last.
 */
#include <string.h>

#include "storage/gcs/gcs.h"
#include "storage/remote/remote_page.h"

#define PAGE_MAX 1000			/* the store's own limit */

static CfStep list_ask(CfOp *op, const char *prefix, const char *token, int max_entries);
static bool list_entry(CfOp *op, const json_t *item, CfListPage *page, int *room);

CfStep
cf_gcs_list(CfOp *op, const char *prefix, const char *token, int max_entries, CfListPage *page)
{
	CfGcsState *state = op->state;
	json_t	   *answer;
	json_t	   *item;
	size_t		i;
	int			room = 0;
	bool		good = true;

	if (op->phase == CF_REMOTE_START)
		return list_ask(op, prefix, token, max_entries);
	op->phase = CF_REMOTE_START;
	memset(page, 0, sizeof(*page));
	if (op->response.status != 200)
		return cf_gcs_fail(op, "list the objects", NULL);
	if ((answer = cf_gcs_answer(op)) == NULL)
		return CF_STEP_ERROR;
	json_array_foreach(json_object_get(answer, "items"), i, item)
	{
		if (!(good = list_entry(op, item, page, &room)))
			break;
	}
	cf_remote_page_end(op, page, false);
	if (good && cf_gcs_keep_text(op, &state->page_token, cf_json_text(answer, "nextPageToken")) && state->page_token != NULL)
	{
		page->next = cf_arena_strdup(op->arena, state->page_token);
		good = page->next != NULL || cf_remote_memory(op) == CF_STEP_DONE;
	}
	json_decref(answer);
	return good ? CF_STEP_DONE : CF_STEP_ERROR;
}

/*
 * cf_gcs_names_list asks for a page of the pieces of the upload `tag` (NULL = of all uploads, from the one called `from` on), or the one
 * that state->page_token names, with those fields of each.
 */
CfStep
cf_gcs_names_list(CfOp *op, int phase, const char *tag, const char *from, const char *fields)
{
	const CfGcsState *state = op->state;
	CfRemoteText query = {.arena = &op->request_arena};

	cf_storage_op_request(op, "GET", "storage.objects.list")->answer_max = CF_GCS_PAGE_BYTES;
	cf_remote_text_add(&query, "prefix=");
	cf_remote_text_encode(&query, op->place->prefix);
	cf_remote_text_encode(&query, CF_GCS_PARTS);
	if (tag != NULL)
		cf_remote_text_format(&query, "%s%%2F", tag);
	else
	{
		cf_remote_text_add(&query, "&startOffset=");
		cf_remote_text_encode(&query, op->place->prefix);
		cf_remote_text_encode(&query, CF_GCS_PARTS);
		cf_remote_text_encode(&query, from == NULL ? "" : from);
	}
	cf_remote_text_format(&query, "&maxResults=1000&fields=items(%s),nextPageToken", fields);
	if (state->page_token != NULL)
		cf_remote_text_format(&query, "&pageToken=%s", state->page_token);
	if (query.failed)
		return cf_remote_memory(op);
	return cf_gcs_send(op, phase, cf_remote_format(&op->request_arena, "/storage/v1/b/%s/o", op->place->bucket), "%s", query.data);
}

static CfStep
list_ask(CfOp *op, const char *prefix, const char *token, int max_entries)
{
	CfRequest  *request = cf_storage_op_request(op, "GET", "storage.objects.list");
	char	   *name = cf_gcs_name(op, prefix);
	char	   *encoded = name == NULL ? NULL : cf_url_encode(&op->request_arena, name, strlen(name), false);

	if (encoded == NULL)
		return cf_remote_memory(op);
	if (!cf_remote_page_token(op, token, ""))
		return CF_STEP_ERROR;
	request->answer_max = CF_GCS_PAGE_BYTES;
	return cf_gcs_send(op, CF_REMOTE_ASKED, cf_remote_format(&op->request_arena, "/storage/v1/b/%s/o", op->place->bucket),
					   "maxResults=%d&fields=items(" CF_GCS_FIELDS_BRIEF "),nextPageToken%s%s%s%s",
					   max_entries < PAGE_MAX ? max_entries : PAGE_MAX, encoded[0] == '\0' ? "" : "&prefix=", encoded,
					   token == NULL ? "" : "&pageToken=", token == NULL ? "" : token);
}

/* list_entry adds one object to the page; one that cannot be read is counted, what is private to us is not. */
static bool
list_entry(CfOp *op, const json_t *item, CfListPage *page, int *room)
{
	const char *name = cf_json_text(item, "name");
	size_t		prefix = strlen(op->place->prefix);
	CfObjectStat stat;

	if (name[0] == '\0' || (strncmp(name, op->place->prefix, prefix) == 0 && strncmp(name + prefix, CF_GCS_PRIVATE, strlen(CF_GCS_PRIVATE)) == 0))
		return true;
	if (cf_gcs_object(op, item, &stat))
		return cf_remote_page_add(op, page, room, name, &stat);
	page->unreadable++;
	return op->err.kind != CF_ERR_MEMORY;
}
