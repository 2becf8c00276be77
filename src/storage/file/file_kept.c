/*
 * file_kept.c
 *		What a file holds besides its bytes: the headers, metadata and tags that an object had in a store.
 *
 * They lie in one extended attribute, as lines "cache_control=…", "m.NAME=…" (metadata) and "t.NAME=…" (tags), so that an object
 * that comes back from a directory is what it was. File systems give extended attributes little room (4 KiB altogether on
 * ext4) or none (some network file systems): then an object that has any is refused. A content type alone is never a reason
 * to fail, since the catalogue knows it too.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "storage/file/file.h"

#define KEPT_MAX 3072			/* what fits beside our own description into a block of ext4 */

static const char *const unsaid[] = {"", "application/octet-stream", "binary/octet-stream"};

static bool kept_text(CfOp *op, const CfUploadArgs *args, char **text, size_t *bytes);
static void add(char **end, const char *name, const char *value);
static void add_lines(char **end, const char *mark, const char *lines);
static size_t line_room(const char *lines);
static bool take(CfOp *op, const char *text, size_t bytes, CfObjectStat *stat);

const CfAttributeRule *
cf_file_attributes(const CfPlace *place)
{
	static const CfAttributeRule rules[CF_ATTRIBUTES] = {
		[CF_ATTRIBUTE_CONTENT_TYPE] = {.held_as = CF_FILE_XATTR_KEPT},
		[CF_ATTRIBUTE_CONTENT_ENCODING] = {.held_as = CF_FILE_XATTR_KEPT},
		[CF_ATTRIBUTE_CONTENT_LANGUAGE] = {.held_as = CF_FILE_XATTR_KEPT},
		[CF_ATTRIBUTE_CONTENT_DISPOSITION] = {.held_as = CF_FILE_XATTR_KEPT},
		[CF_ATTRIBUTE_CACHE_CONTROL] = {.held_as = CF_FILE_XATTR_KEPT},
		[CF_ATTRIBUTE_METADATA] = {.held_as = CF_FILE_XATTR_KEPT, .bytes_max = 2048},
		[CF_ATTRIBUTE_TAGS] = {.held_as = CF_FILE_XATTR_KEPT, .bytes_max = 1024},
		[CF_ATTRIBUTE_MODIFIED_AT] = {.held_as = "mtime"},
	};

	(void) place;
	return rules;
}

/* cf_file_kept_write notes what the object is besides its bytes on the file that becomes it. */
bool
cf_file_kept_write(CfOp *op, int fd, const CfUploadArgs *args)
{
	const CfAttributes *a = &args->attributes;
	const char *must[] = {a->cache_control, a->content_disposition, a->content_encoding, a->content_language, a->metadata, a->tags};
	bool		needed = false;
	char	   *text;
	size_t		bytes;
	int			saved_errno;

	for (size_t i = 0; i < sizeof(must) / sizeof(must[0]); i++)
		needed |= must[i] != NULL && must[i][0] != '\0';
	if (!kept_text(op, args, &text, &bytes))
		return false;
	if (bytes == 0)
		return true;
	errno = E2BIG;
	if (bytes > KEPT_MAX || cf_storage_file_sys->fsetxattr(fd, CF_FILE_XATTR_KEPT, text, bytes, 0) < 0)
	{
		saved_errno = errno;
		cf_file_free(op, text);
		if (!needed || strstr(cf_storage_option(op->place, "accept_loss"), "all") != NULL)
			return true;
		cf_file_fail(op, saved_errno, "could not note headers, metadata and tags of object", args->key);
		if (saved_errno == ENOTSUP || saved_errno == ENOSPC || saved_errno == E2BIG || saved_errno == ERANGE)
		{
			op->err.kind = CF_ERR_UNSUPPORTED;
			op->err.retryable = false;
		}
		return cf_error_hint(&op->err, "The file system has no room for extended attributes. To lose them knowingly: ALTER SERVER … OPTIONS (ADD accept_loss 'all').");
	}
	cf_file_free(op, text);
	return true;
}

/* kept_text writes the lines; bytes 0 = there is nothing to be kept, and no text. */
static bool
kept_text(CfOp *op, const CfUploadArgs *args, char **text, size_t *bytes)
{
	const CfAttributes *a = &args->attributes;
	const char *names[] = {"content_type", "cache_control", "content_disposition", "content_encoding", "content_language"};
	const char *values[] = {args->content_type, a->cache_control, a->content_disposition, a->content_encoding, a->content_language};
	size_t		room = 1;
	char	   *end;

	for (size_t i = 0; i < sizeof(unsaid) / sizeof(unsaid[0]); i++)
	{
		if (values[0] != NULL && strcmp(values[0], unsaid[i]) == 0)
			values[0] = NULL;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		room += values[i] == NULL || values[i][0] == '\0' ? 0 : strlen(names[i]) + strlen(values[i]) + 2;
	room += line_room(a->metadata) + line_room(a->tags);
	*bytes = 0;
	*text = NULL;
	if (room == 1)
		return true;
	if ((end = *text = cf_file_alloc(op, room)) == NULL)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add(&end, names[i], values[i]);
	add_lines(&end, "m.", a->metadata);
	add_lines(&end, "t.", a->tags);
	*bytes = (size_t) (end - *text);
	return true;
}

static void
add(char **end, const char *name, const char *value)
{
	size_t		length = strlen(name);

	if (value == NULL || value[0] == '\0')
		return;
	memcpy(*end, name, length);
	*end += length;
	*(*end)++ = '=';
	memcpy(*end, value, strlen(value));
	*end += strlen(value);
	*(*end)++ = '\n';
}

/* add_lines copies lines, each behind a mark of two bytes; the last may lack its line break, for which line_room made room. */
static void
add_lines(char **end, const char *mark, const char *lines)
{
	while (lines != NULL && *lines != '\0')
	{
		size_t		length = strcspn(lines, "\n");

		memcpy(*end, mark, 2);
		memcpy(*end + 2, lines, length);
		*end += length + 2;
		*(*end)++ = '\n';
		lines += length + (lines[length] == '\n');
	}
}

/* line_room is what lines take with their marks, and with the line break that the last may lack. */
static size_t
line_room(const char *lines)
{
	size_t		room = 0;

	for (; lines != NULL && *lines != '\0'; lines++)
		room += 1 + (room == 0 || lines[-1] == '\n' ? 2 : 0);
	return room == 0 ? 0 : room + 1;
}

/*
 * cf_file_kept_read tells what was noted on a file; without rights to read it nothing is known. Where there is no /proc, and
 * so no way to ask without opening, the file is opened.
 */
bool
cf_file_kept_read(CfOp *op, int folder, const char *name, CfObjectStat *stat)
{
	const CfFileSys *sys = cf_storage_file_sys;
	char		text[KEPT_MAX];
	ssize_t		bytes = sys->getxattrat(folder, name, CF_FILE_XATTR_KEPT, text, sizeof(text));
	int			fd = -1;

	stat->attributes = (CfAttributes) {"", "", "", "", "", ""};
	if (bytes < 0 && errno == ENOENT)
		fd = sys->openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd >= 0)
	{
		bytes = sys->fgetxattr(fd, CF_FILE_XATTR_KEPT, text, sizeof(text));
		sys->close(fd);
	}
	if (bytes < 0 && (errno == EIO || errno == ENOMEM))
		return cf_file_fail(op, errno, "could not read what is noted on object", name), false;
	return bytes <= 0 || take(op, text, (size_t) bytes, stat);
}

/* take sorts the lines into the attributes. The text is as long as each of them can be at most. */
static bool
take(CfOp *op, const char *text, size_t bytes, CfObjectStat *stat)
{
	CfAttributes *a = &stat->attributes;
	const char *names[] = {"content_type", "cache_control", "content_disposition", "content_encoding", "content_language"};
	const char **values[] = {&stat->content_type, &a->cache_control, &a->content_disposition, &a->content_encoding, &a->content_language};
	char	   *metadata = cf_arena_alloc(op->arena, bytes + 1);
	char	   *tags = cf_arena_alloc(op->arena, bytes + 1);
	size_t		used[2] = {0, 0};

	if (metadata == NULL || tags == NULL)
		return cf_error_set(&op->err, CF_ERR_MEMORY, "out of memory for an operation on place \"%s\"", op->place->name);
	for (size_t at = 0; at < bytes;)
	{
		const char *line = text + at;
		const char *newline = memchr(line, '\n', bytes - at);
		size_t		length = newline == NULL ? bytes - at : (size_t) (newline - line);
		const char *equals = memchr(line, '=', length);
		size_t		name = equals == NULL ? 0 : (size_t) (equals - line);
		bool		tag = name > 2 && memcmp(line, "t.", 2) == 0;

		at += length + 1;
		if (tag || (name > 2 && memcmp(line, "m.", 2) == 0))
		{
			char	   *end = (tag ? tags : metadata) + used[tag];

			memcpy(end, line + 2, length - 2);
			end[length - 2] = '\n';
			used[tag] += length - 1;
		}
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !tag; i++)
		{
			if (name == strlen(names[i]) && memcmp(line, names[i], name) == 0 &&
				(*values[i] = cf_arena_strndup(op->arena, equals + 1, length - name - 1)) == NULL)
				return cf_error_set(&op->err, CF_ERR_MEMORY, "out of memory for an operation on place \"%s\"", op->place->name);
		}
	}
	metadata[used[0]] = tags[used[1]] = '\0';
	a->metadata = metadata;
	a->tags = tags;
	return true;
}
