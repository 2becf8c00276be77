/*
 * file_list.c
 *		Listing a place page by page, in bounded memory and linear time, however large a folder is.
 *
 * Folders are gone through from the outside in: first the files of a folder, in the order in which the system
 * gives them; meanwhile the names of its subfolders are collected (file_names.c: sorted, and in several scans
 * where a folder has more than fit); then the subfolders, in byte order of their names. So where we are is told by
 * the path of one folder, whatever happens on the disk: every folder that sorts before it is finished. That path
 * is the token. The op that made it goes on at the very file; another one reads the files of that folder again.
 *
 * Memory is a name batch per level of folders and one read buffer; one descriptor is open between two steps. What
 * cannot be read (permission, a bad disk) is counted, so that a caller does not take it for gone; symbolic links,
 * pipes, sockets and devices are no objects; a folder that vanishes while we list had nothing to tell.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/file/file.h"

#define STEP_ENTRIES 2048		/* looked at in one step */
#define LEVEL_NAME_BYTES (1024 * 1024)
#define TOKEN_MAX (3 * CF_FILE_PATH_MAX + 32)

/* One folder between the base and where we are. */
typedef struct Level
{
	size_t		folder_length;	/* of its path in list->folder */
	bool		scanned;		/* names holds subfolders that come after `after` */
	CfFileNames names;
	char		after[CF_FILE_SEGMENT_MAX + 1]; /* subfolders up to this one are finished */
} Level;

typedef struct CfFileList
{
	CfFileScan	scan;			/* of the innermost level; fd -1 = not being read */
	bool		emit_files;		/* this scan is the first of its folder */
	char		folder[CF_FILE_PATH_MAX + 1];	/* path of the innermost level below the root */
	size_t		base_length;	/* of the folder in which the listing began */
	char		filter[CF_FILE_SEGMENT_MAX + 1];	/* what names inside the base begin with */
	Level	   *levels;
	int			depth;
	int			levels_capacity;
	int64_t		pages;
	char		token[TOKEN_MAX];	/* of the last page given */
} CfFileList;

static CfStep page_begin(CfOp *op, CfFileState *state, const char *prefix, const char *token,
						 int max_entries, CfListPage *page);
static bool list_start(CfOp *op, CfFileList *list, const char *prefix, const char *token);
static bool list_resume(CfOp *op, CfFileList *list, const char *token);
static CfStep list_run(CfOp *op, CfFileList *list, int max_entries, CfListPage *page);
static CfStep folder_enter(CfOp *op, CfFileList *list, CfListPage *page);
static bool folder_next(CfOp *op, CfFileList *list);
static CfStep entry_take(CfOp *op, CfFileList *list, const char *name, unsigned char type,
						 CfListPage *page);
static CfStep file_emit(CfOp *op, CfFileList *list, const char *name, const CfFileStat *st,
						CfListPage *page);
static bool level_push(CfOp *op, CfFileList *list, size_t folder_length);
static void level_pop(CfOp *op, CfFileList *list);
static void scan_close(CfFileList *list);
static bool page_end(CfOp *op, CfFileList *list, CfListPage *page);
static void list_reset(CfOp *op, CfFileList *list);
static CfStep list_memory(CfOp *op);
static bool errno_is_ours(int saved_errno);

/* op->phase is 1 while a page is being filled. */
CfStep
cf_file_list(CfOp *op, const char *prefix, const char *token, int max_entries, CfListPage *page)
{
	CfFileState *state = cf_file_state(op);
	CfStep		step = CF_STEP_AGAIN;

	if (state == NULL)
		return CF_STEP_ERROR;
	if (op->phase == 0)
	{
		step = page_begin(op, state, prefix, token, max_entries, page);
		op->phase = 1;
	}
	if (step == CF_STEP_AGAIN)
		step = list_run(op, state->list, max_entries, page);
	if (step == CF_STEP_DONE && !page_end(op, state->list, page))
		step = list_memory(op);
	if (step != CF_STEP_AGAIN)
		op->phase = 0;
	if (step == CF_STEP_ERROR && state->list != NULL)
		list_reset(op, state->list);
	return step;
}

/* page_begin makes the empty page and finds the place where the listing goes on. */
static CfStep
page_begin(CfOp *op, CfFileState *state, const char *prefix, const char *token, int max_entries,
		   CfListPage *page)
{
	memset(page, 0, sizeof(*page));
	if (state->list == NULL)
	{
		state->list = cf_file_alloc(op, sizeof(CfFileList));
		if (state->list == NULL)
			return CF_STEP_ERROR;
		memset(state->list, 0, sizeof(CfFileList));
		state->list->scan.fd = -1;
	}
	page->entries = cf_arena_alloc(op->arena, max_entries * sizeof(CfListEntry));
	if (page->entries == NULL)
		return list_memory(op);
	if (token != NULL && token[0] != '\0' && strcmp(token, state->list->token) == 0)
		return CF_STEP_AGAIN;
	list_reset(op, state->list);
	if (!list_start(op, state->list, prefix, token))
		return CF_STEP_ERROR;
	return CF_STEP_AGAIN;
}

/* list_start finds the folder in which the listing begins: that of the last slash in place's prefix + prefix. */
static bool
list_start(CfOp *op, CfFileList *list, const char *prefix, const char *token)
{
	CfFilePath	path;
	char		any[CF_FILE_PATH_MAX + 2];
	char		shown[256];
	size_t		filter_length;
	CfError		why;
	CfError		shorter;
	bool		longer;

	/* Any key that begins with the prefix has the folder that we look for; the only one may be the prefix itself, a key that nothing fits behind. */
	if ((size_t) snprintf(any, sizeof(any), "%sx", prefix) >= sizeof(any))
		return cf_error_set(&op->err, CF_ERR_INPUT, "prefix is too long: at most %d bytes",
							CF_STORAGE_KEY_MAX);
	longer = cf_file_path_build(&path, op->place, any, &why);
	if (!longer && !cf_file_path_build(&path, op->place, prefix, &shorter))
	{
		cf_utf8_shown(shown, sizeof(shown), prefix);
		cf_error_set(&op->err, CF_ERR_INPUT, "invalid prefix \"%s\" of a listing", shown);
		return cf_error_detail(&op->err, "No key can begin with it: %s.", why.message);
	}
	memcpy(list->folder, path.text, path.folder_length);
	list->folder[path.folder_length] = '\0';
	list->base_length = path.folder_length;
	filter_length = strlen(path.name) - (longer ? 1 : 0);
	memcpy(list->filter, path.name, filter_length);
	list->filter[filter_length] = '\0';
	if (!level_push(op, list, list->base_length))
		return false;
	list->emit_files = true;
	return token == NULL || token[0] == '\0' || list_resume(op, list, token);
}

/* list_resume opens the levels down to the folder that a token tells: "<page>:<path, %-encoded>". */
static bool
list_resume(CfOp *op, CfFileList *list, const char *token)
{
	CfPlace		bare = *op->place;
	CfFilePath	path;
	char		rest[CF_FILE_PATH_MAX + 1];
	size_t		length = 0;
	const char *s = token + strspn(token, "0123456789");

	if (s == token || *s++ != ':')
		goto invalid;
	while (*s != '\0' && length < CF_FILE_PATH_MAX)
	{
		if (*s == '%')
		{
			char		hex[3] = {s[1], s[1] == '\0' ? '\0' : s[2], '\0'};

			if (strspn(hex, "0123456789abcdef") != 2)
				goto invalid;
			rest[length++] = (char) strtol(hex, NULL, 16);
			s += 3;
		}
		else
			rest[length++] = *s++;
	}
	rest[length] = '\0';
	if (length == 0 && *s == '\0')
		return true;
	bare.prefix = "";
	if (*s != '\0' || strlen(rest) != length || list->base_length + 1 + length > CF_FILE_PATH_MAX ||
		!cf_file_path_build(&path, &bare, rest, &op->err))
		goto invalid;
	for (char *segment = rest; segment != NULL;)
	{
		char	   *slash = strchr(segment, '/');
		Level	   *level = &list->levels[list->depth - 1];
		size_t		used = level->folder_length;

		if (slash != NULL)
			*slash = '\0';
		memcpy(level->after, segment, strlen(segment) + 1); /* at most a segment: checked above */
		used += snprintf(list->folder + used, sizeof(list->folder) - used, "%s%s", used > 0 ? "/" : "",
						 segment);
		if (!level_push(op, list, used))
			return false;
		segment = slash == NULL ? NULL : slash + 1;
	}
	return true;
invalid:
	cf_error_set(&op->err, CF_ERR_INPUT, "invalid token of a listing of place \"%s\"", op->place->name);
	return false;
}

/* list_run fills the page from the innermost level until it is full, the place ends, or the step is long enough. */
static CfStep
list_run(CfOp *op, CfFileList *list, int max_entries, CfListPage *page)
{
	const char *name;
	unsigned char type;

	for (int looked_at = 0; looked_at < STEP_ENTRIES; looked_at++)
	{
		CfStep		step = CF_STEP_DONE;
		int			found;

		if (list->depth == 0 || page->count == max_entries)
			return CF_STEP_DONE;
		if (list->scan.fd < 0)
		{
			if (!list->levels[list->depth - 1].scanned)
				step = folder_enter(op, list, page);
			else if (!folder_next(op, list))
				step = CF_STEP_ERROR;
			if (step == CF_STEP_ERROR)
				return step;
			continue;
		}
		found = cf_file_scan_next(&list->scan, &name, &type);
		if (found > 0)
			step = entry_take(op, list, name, type, page);
		else
		{
			if (found < 0)
				page->unreadable++;
			scan_close(list);
		}
		if (step == CF_STEP_ERROR)
			return step;
	}
	return CF_STEP_AGAIN;
}

/* folder_enter opens the innermost level for reading; a folder that is not there ends the level. */
static CfStep
folder_enter(CfOp *op, CfFileList *list, CfListPage *page)
{
	Level	   *level = &list->levels[list->depth - 1];
	int			root = cf_file_root_open(op);
	int			saved_errno;

	if (root < 0)
		return CF_STEP_ERROR;
	list->scan.fd = cf_file_folder_open(root, list->folder, level->folder_length);
	saved_errno = errno;
	cf_storage_file_sys->close(root);
	list->scan.used = list->scan.filled = 0;
	if (list->scan.fd >= 0)
		return CF_STEP_DONE;
	if (errno_is_ours(saved_errno) ||
		(level->folder_length == list->base_length && saved_errno != ENOENT && saved_errno != ENOTDIR))
		return cf_file_fail(op, saved_errno, "could not open folder", list->folder);
	if (saved_errno != ENOENT && saved_errno != ENOTDIR && saved_errno != ELOOP)
		page->unreadable++;
	level_pop(op, list);
	return CF_STEP_DONE;
}

/* folder_next goes on after the files of the innermost level: into a subfolder, to another scan, or out. */
static bool
folder_next(CfOp *op, CfFileList *list)
{
	Level	   *level = &list->levels[list->depth - 1];
	const char *name;
	size_t		used = level->folder_length;

	if (level->names.next == level->names.count)
	{
		bool		cut = level->names.cut;

		cf_file_names_free(op, &level->names);
		if (!cut)
			level_pop(op, list);
		else
			level->scanned = list->emit_files = false;
		return true;
	}
	name = level->names.bytes + level->names.order[level->names.next++];
	memcpy(level->after, name, strlen(name) + 1);	/* entry_take() lets no longer one in */
	if (used + 1 + strlen(name) > CF_FILE_PATH_MAX)
		return true;			/* deeper than any key can be */
	used += snprintf(list->folder + used, sizeof(list->folder) - used, "%s%s", used > 0 ? "/" : "", name);
	list->emit_files = true;
	return level_push(op, list, used);
}

/* entry_take looks at one name of the folder that is being read. */
static CfStep
entry_take(CfOp *op, CfFileList *list, const char *name, unsigned char type, CfListPage *page)
{
	Level	   *level = &list->levels[list->depth - 1];
	CfFileStat st;

	if (strcmp(name, CF_FILE_PRIVATE) == 0)
		return CF_STEP_DONE;
	if (strlen(name) > CF_FILE_SEGMENT_MAX)
	{
		page->unreadable++;		/* some file systems count characters, not bytes */
		return CF_STEP_DONE;
	}
	if (list->depth == 1 && strncmp(name, list->filter, strlen(list->filter)) != 0)
		return CF_STEP_DONE;
	if (type == DT_UNKNOWN || (type == DT_REG && list->emit_files))
	{
		if (cf_storage_file_sys->fstatat(list->scan.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		{
			if (errno_is_ours(errno))
				return cf_file_fail(op, errno, "could not look at object", name);
			if (errno != ENOENT)
				page->unreadable++;
			return CF_STEP_DONE;
		}
		type = S_ISREG(st.st_mode) ? DT_REG : S_ISDIR(st.st_mode) ? DT_DIR : DT_LNK;
	}
	if (type == DT_REG && list->emit_files)
		return file_emit(op, list, name, &st, page);
	if (type != DT_DIR || strcmp(name, level->after) <= 0)
		return CF_STEP_DONE;
	return cf_file_names_add(op, &level->names, name) ? CF_STEP_DONE : CF_STEP_ERROR;
}

/* file_emit puts one object on the page. */
static CfStep
file_emit(CfOp *op, CfFileList *list, const char *name, const CfFileStat *st, CfListPage *page)
{
	size_t		prefix_length = strlen(op->place->prefix);
	size_t		folder_length = list->levels[list->depth - 1].folder_length;
	size_t		name_length = strlen(name);
	size_t		length = folder_length + (folder_length > 0) + name_length;
	CfListEntry *entry = &page->entries[page->count];
	char	   *key;

	if (length > CF_FILE_PATH_MAX)
	{
		page->unreadable++;
		return CF_STEP_DONE;
	}
	key = cf_arena_alloc(op->arena, length - prefix_length + 1);
	if (key == NULL)
		return list_memory(op);
	if (folder_length > prefix_length)
	{
		memcpy(key, list->folder + prefix_length, folder_length - prefix_length);
		key[folder_length - prefix_length] = '/';
		memcpy(key + folder_length - prefix_length + 1, name, name_length + 1);
	}
	else
		memcpy(key, name, name_length + 1); /* in the place's own folder */
	entry->key = key;
	cf_file_stat_fill(&entry->stat, st);
	page->count++;
	return CF_STEP_DONE;
}

static bool
level_push(CfOp *op, CfFileList *list, size_t folder_length)
{
	Level	   *level;

	if (list->depth == list->levels_capacity)
	{
		int			capacity = list->levels_capacity == 0 ? 8 : list->levels_capacity * 2;
		Level	   *levels = cf_file_alloc(op, capacity * sizeof(Level));

		if (levels == NULL)
			return false;
		if (list->depth > 0)
			memcpy(levels, list->levels, list->depth * sizeof(Level));
		cf_file_free(op, list->levels);
		list->levels = levels;
		list->levels_capacity = capacity;
	}
	level = &list->levels[list->depth++];
	memset(level, 0, sizeof(*level));
	level->folder_length = folder_length;
	level->names.max = LEVEL_NAME_BYTES;
	list->folder[folder_length] = '\0';
	return true;
}

/* level_pop leaves the innermost level; the one around it has had its files. */
static void
level_pop(CfOp *op, CfFileList *list)
{
	cf_file_names_free(op, &list->levels[--list->depth].names);
	list->emit_files = false;
	if (list->depth > 0)
		list->folder[list->levels[list->depth - 1].folder_length] = '\0';
}

/* scan_close ends the reading of the innermost level; its subfolders come next. */
static void
scan_close(CfFileList *list)
{
	Level	   *level = &list->levels[list->depth - 1];

	cf_storage_file_sys->close(list->scan.fd);
	list->scan.fd = -1;
	cf_file_names_sort(&level->names);
	level->scanned = true;
}

/* page_end makes the token of the page; the last one has none. */
static bool
page_end(CfOp *op, CfFileList *list, CfListPage *page)
{
	static const char digits[] = "0123456789abcdef";
	size_t		used;
	const char *rest;

	list->token[0] = '\0';
	if (list->depth == 0)
		return true;
	rest = list->folder + list->base_length;
	rest += *rest == '/';
	used = snprintf(list->token, sizeof(list->token), "%lld:", (long long) ++list->pages);
	for (const unsigned char *s = (const unsigned char *) rest; *s != '\0'; s++)
	{
		if (*s > 0x20 && *s < 0x7f && *s != '%')
			list->token[used++] = *s;
		else
		{
			list->token[used++] = '%';
			list->token[used++] = digits[*s >> 4];
			list->token[used++] = digits[*s & 15];
		}
	}
	list->token[used] = '\0';
	page->next = cf_arena_strdup(op->arena, list->token);
	return page->next != NULL;
}

/* list_reset closes and frees what a listing holds; the struct can be used again. */
static void
list_reset(CfOp *op, CfFileList *list)
{
	if (list->scan.fd >= 0)
		cf_storage_file_sys->close(list->scan.fd);
	list->scan.fd = -1;
	while (list->depth > 0)
		level_pop(op, list);
	cf_file_free(op, list->levels);
	list->levels = NULL;
	list->levels_capacity = 0;
	list->token[0] = '\0';
}

void
cf_file_list_end(CfOp *op, CfFileState *state)
{
	if (state->list == NULL)
		return;
	list_reset(op, state->list);
	cf_file_free(op, state->list);
	state->list = NULL;
}

static CfStep
list_memory(CfOp *op)
{
	cf_error_set(&op->err, CF_ERR_MEMORY, "out of memory for a page of place \"%s\"", op->place->name);
	return CF_STEP_ERROR;
}

/* errno_is_ours tells whether a failure is about this process rather than about the file. */
static bool
errno_is_ours(int saved_errno)
{
	return saved_errno == EMFILE || saved_errno == ENFILE || saved_errno == ENOMEM;
}
