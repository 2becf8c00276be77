/*
 * remote_page.c
 *		Answers that tell of many things.
 *
 * An answer is well-formed XML of the root that was asked for, or it is none: an error inside a 200, read as a listing, would
 * say that nothing is there.
 */
#include <string.h>

#include "storage/remote/remote_page.h"
#include "storage/xml.h"

#define ROOM_FIRST 64
#define TOKEN_MAX 8192

static bool record_visit(void *ctx, const char *path, const char *text, size_t length);
static void record_end(CfRemoteRecords *records);

CfStep
cf_remote_records(CfOp *op, const char *what, const char *key, CfRemoteRecords *records)
{
	for (int i = 0; i < records->count; i++)
		records->fields[i].text[0] = '\0';
	records->rooted = false;
	if (!cf_xml_parse(op->response.body, op->response.body_bytes, record_visit, records, &op->err))
		return cf_remote_error(op);
	return records->rooted ? CF_STEP_DONE : cf_remote_unexpected(op, what, key, "the answer is another one than was asked for");
}

/* record_visit keeps the text of an element that is a field. */
static bool
record_visit(void *ctx, const char *path, const char *text, size_t length)
{
	CfRemoteRecords *records = ctx;
	size_t		root = strlen(records->root);

	if (strncmp(path, records->root, root) != 0 || (path[root] != '/' && path[root] != '\0'))
		return true;
	records->rooted |= path[root] == '\0';
	path += root + (path[root] == '/');
	if (strcmp(path, records->record) == 0)
	{
		bool		taken = records->take(records->ctx);

		record_end(records);
		return taken;
	}
	for (int i = 0; i < records->count; i++)
	{
		CfRemoteField *field = &records->fields[i];

		if (strcmp(field->path, path) != 0)
			continue;
		if (length < field->room)
			memcpy(field->text, text, length + 1);
		else
			field->text[0] = '\0';
	}
	return true;
}

/* record_end empties the fields of the record that was taken. */
static void
record_end(CfRemoteRecords *records)
{
	size_t		length = strlen(records->record);

	for (int i = 0; i < records->count; i++)
	{
		if (strncmp(records->fields[i].path, records->record, length) == 0)
			records->fields[i].text[0] = '\0';
	}
}

bool
cf_remote_room(CfOp *op, void **items, int count, int *room, size_t item_bytes, bool of_state)
{
	int			wanted = *room == 0 ? ROOM_FIRST : *room * 2;
	void	   *grown;

	if (count < *room)
		return true;
	grown = of_state ? cf_remote_alloc(op, item_bytes * (size_t) wanted) : cf_arena_alloc(op->arena, item_bytes * (size_t) wanted);
	if (grown == NULL)
		return cf_remote_memory(op) == CF_STEP_DONE;
	if (count > 0)
		memcpy(grown, *items, item_bytes * (size_t) count);
	if (of_state)
		cf_remote_free(op, *items);
	*items = grown;
	*room = wanted;
	return true;
}

bool
cf_remote_page_add(CfOp *op, CfListPage *page, int *room, const char *name, const CfObjectStat *stat)
{
	void	   *entries = page->entries;
	char	   *key;

	if (!cf_remote_room(op, &entries, page->count, room, sizeof(CfListEntry), false))
		return false;
	page->entries = entries;
	if ((key = cf_arena_strdup(op->arena, name)) == NULL)
		return cf_remote_memory(op) == CF_STEP_DONE;
	page->entries[page->count++] = (CfListEntry) {.key = key, .stat = *stat};
	return true;
}

void
cf_remote_page_end(CfOp *op, CfListPage *page, bool encoded)
{
	const char *prefix = op->place->prefix;
	int			kept = 0;

	for (int i = 0; i < page->count; i++)
	{
		CfListEntry entry = page->entries[i];
		char	   *name = (char *) entry.key;

		if ((encoded && !cf_url_decode(op->arena, entry.key, strlen(entry.key), true, &name)) ||
			strncmp(name, prefix, strlen(prefix)) != 0)
		{
			page->unreadable++;
			continue;
		}
		entry.key = name + strlen(prefix);
		if (entry.key[0] != '\0')
			page->entries[kept++] = entry;
	}
	page->count = kept;
}

bool
cf_remote_page_token(CfOp *op, const char *token, const char *more)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%-._~";

	for (const char *c = token; c != NULL && *c != '\0'; c++)
	{
		if ((strchr(plain, *c) != NULL || strchr(more, *c) != NULL) && c - token < TOKEN_MAX)
			continue;
		return cf_remote_fails(op, CF_ERR_INPUT, "invalid token of a page of place \"%s\"", op->place->name) == CF_STEP_DONE;
	}
	return true;
}
