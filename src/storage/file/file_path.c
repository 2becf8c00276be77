/*
 * file_path.c
 *		From a key to a descriptor, without ever leaving the root.
 *
 * A path is opened segment by segment, each from the descriptor of the folder before it and with O_NOFOLLOW, so
 * neither ".." nor a symbolic link, not even one that is put there while we walk, leads outside. What can go
 * wrong: a folder vanishes between two segments, because a concurrent remove pruned it. Then errno is ENOENT,
 * and who wants to create something walks again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/file/file.h"
#include "storage/utf8.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define FOLDER_MODE 0750		/* and the server's umask: 0700, or 0750 where its group may read */
#define PRIVATE_MODE 0700

static bool check_segments(const CfPlace *place, const char *text, CfError *err);
static int	open_segment(int folder, const char *segment, size_t length, bool make, bool durable,
						 mode_t mode);
static int	walk(int root, const char *folder, size_t length, bool make, bool durable);

/* cf_file_key_check applies the rules for keys that may be written: those of reading, and those of S3, Azure, GCS. */
bool
cf_file_key_check(const CfPlace *place, const char *key, CfError *err)
{
	CfFilePath	path;
	char		shown[256];

	if (!cf_file_path_build(&path, place, key, err))
		return false;
	cf_utf8_shown(shown, sizeof(shown), key);
	if (path.length > CF_STORAGE_KEY_MAX)
		return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" is too long: %zu bytes with the prefix, at most %d",
							shown, path.length, CF_STORAGE_KEY_MAX);
	for (const unsigned char *s = (const unsigned char *) path.text; *s != '\0';)
	{
		size_t		length = cf_utf8_length(s);

		if (*s < 0x20 || *s == 0x7f)
			return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" contains a control character", shown);
		if (length == 0)
			return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" is not valid UTF-8", shown);
		s += length;
	}
	return true;
}

/* cf_file_path_build makes the path of a key, or says why it would leave the place or touch what is private. */
bool
cf_file_path_build(CfFilePath *path, const CfPlace *place, const char *key, CfError *err)
{
	size_t		prefix_length = strlen(place->prefix);
	size_t		key_length = strnlen(key, CF_FILE_PATH_MAX + 1);
	const char *slash;

	if (key_length == 0)
		return cf_error_set(err, CF_ERR_INPUT, "a key cannot be empty");
	if (prefix_length + key_length > CF_FILE_PATH_MAX)
	{
		char		shown[256];

		cf_utf8_shown(shown, sizeof(shown), key);
		return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" is too long: at most %d bytes", shown,
							CF_STORAGE_KEY_MAX);
	}
	memcpy(path->text, place->prefix, prefix_length);
	memcpy(path->text + prefix_length, key, key_length + 1);
	path->length = prefix_length + key_length;
	if (!check_segments(place, path->text, err))
		return false;
	slash = strrchr(path->text, '/');
	path->folder_length = slash == NULL ? 0 : (size_t) (slash - path->text);
	path->name = slash == NULL ? path->text : slash + 1;
	return true;
}

/* check_segments looks at what stands between the slashes. */
static bool
check_segments(const CfPlace *place, const char *text, CfError *err)
{
	char		shown[256];
	const char *segment = text;

	cf_utf8_shown(shown, sizeof(shown), text + strlen(place->prefix));
	for (;;)
	{
		size_t		length = strcspn(segment, "/");

		if (length == 0)
		{
			cf_error_set(err, CF_ERR_INPUT, "key \"%s\" has an empty segment", shown);
			return cf_error_hint(err, "In a LOCAL place a slash stands between two folders: a key has none "
								 "at its beginning or end, and no two in a row.");
		}
		if ((length == 1 && segment[0] == '.') || (length == 2 && memcmp(segment, "..", 2) == 0))
			return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" has a segment \"%.*s\"", shown,
								(int) length, segment);
		if (length > CF_FILE_SEGMENT_MAX)
			return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" has a segment of %zu bytes, at most %d",
								shown, length, CF_FILE_SEGMENT_MAX);
		if (length == strlen(CF_FILE_PRIVATE) && memcmp(segment, CF_FILE_PRIVATE, length) == 0)
			return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" has the reserved segment \"%s\"", shown,
								CF_FILE_PRIVATE);
		if (segment[length] == '\0')
			return true;
		segment += length + 1;
	}
}

/*
 * cf_file_root_open opens the root of the op's place. Its failure is never CF_ERR_NOT_FOUND: a disk that is not
 * mounted must not look like an object that is gone.
 */
int
cf_file_root_open(CfOp *op)
{
	const char *root = op->place->bucket;
	CfFileStat st;
	int			fd = cf_storage_file_sys->openat(AT_FDCWD, root, FOLDER_FLAGS, 0);
	int			saved_errno = errno;

	if (fd >= 0)
		return fd;
	if ((saved_errno == ENOTDIR || saved_errno == ELOOP) &&
		cf_storage_file_sys->fstatat(AT_FDCWD, root, &st, AT_SYMLINK_NOFOLLOW) == 0)
	{
		cf_error_set(&op->err, CF_ERR_STATE, "root \"%s\" of place \"%s\" is %s", root, op->place->name,
					 S_ISLNK(st.st_mode) ? "a symbolic link" : "not a directory");
		cf_error_hint(&op->err, "The option bucket of a LOCAL place names a real directory.");
		return -1;
	}
	cf_error_errno(&op->err, saved_errno, "could not open root", root);
	if (op->err.kind == CF_ERR_NOT_FOUND)
	{
		op->err.kind = CF_ERR_IO;
		op->err.retryable = true;
		cf_error_hint(&op->err, "Create the directory, mount its file system, or correct the option bucket.");
	}
	cf_error_detail(&op->err, "It is the root of place \"%s\".", op->place->name);
	return -1;
}

int
cf_file_folder_open(int root, const char *folder, size_t length)
{
	return walk(root, folder, length, false, false);
}

/* cf_file_folder_make opens a folder and makes what is missing on the way; durable = survives a crash. */
int
cf_file_folder_make(int root, const char *folder, size_t length, bool durable)
{
	return walk(root, folder, length, true, durable);
}

/* walk opens the folder of a path, segment by segment; length 0 gives the root once more. */
static int
walk(int root, const char *folder, size_t length, bool make, bool durable)
{
	const char *end = folder + length;
	int			fd = -1;

	if (length == 0)
		return cf_storage_file_sys->openat(root, ".", FOLDER_FLAGS, 0);
	for (const char *segment = folder; segment < end;)
	{
		const char *slash = memchr(segment, '/', end - segment);
		size_t		segment_length = (slash == NULL ? end : slash) - segment;
		int			next = open_segment(fd < 0 ? root : fd, segment, segment_length, make, durable,
										FOLDER_MODE);
		int			saved_errno = errno;

		if (fd >= 0)
			cf_storage_file_sys->close(fd);
		errno = saved_errno;
		if (next < 0)
			return -1;
		fd = next;
		segment += segment_length + 1;
	}
	return fd;
}

/* open_segment opens one folder inside another; a symbolic link is ELOOP, whatever the kernel says. */
static int
open_segment(int folder, const char *segment, size_t length, bool make, bool durable, mode_t mode)
{
	char		name[CF_FILE_SEGMENT_MAX + 1];
	CfFileStat st;
	int			fd;

	if (length > CF_FILE_SEGMENT_MAX)
	{
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, segment, length);
	name[length] = '\0';
	fd = cf_storage_file_sys->openat(folder, name, FOLDER_FLAGS, 0);
	if (fd < 0 && errno == ENOENT && make)
	{
		if (cf_storage_file_sys->mkdirat(folder, name, mode) < 0 && errno != EEXIST)
			return -1;
		if (durable && cf_storage_file_sys->fsync(folder) < 0)
			return -1;
		fd = cf_storage_file_sys->openat(folder, name, FOLDER_FLAGS, 0);
	}
	if (fd < 0 && errno == ENOTDIR)
	{
		if (cf_storage_file_sys->fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISLNK(st.st_mode))
			errno = ELOOP;
		else
			errno = ENOTDIR;
	}
	return fd;
}

/* cf_file_private_open opens ROOT/.cloudflux/NAME, a folder that only the server's user may enter. */
int
cf_file_private_open(int root, const char *name, bool make)
{
	int			private = open_segment(root, CF_FILE_PRIVATE, strlen(CF_FILE_PRIVATE), make, false,
									   PRIVATE_MODE);
	int			fd;
	int			saved_errno;

	if (private < 0)
		return -1;
	fd = open_segment(private, name, strlen(name), make, false, PRIVATE_MODE);
	saved_errno = errno;
	cf_storage_file_sys->close(private);
	errno = saved_errno;
	return fd;
}

/*
 * cf_file_prune removes the folders above a path that became empty, from the innermost to the root; one that is gone
 * already (a crash came after it) does not end it. Nobody needs it to succeed: a folder that holds something ends it.
 */
void
cf_file_prune(int root, const CfFilePath *path)
{
	size_t		length = path->folder_length;

	while (length > 0)
	{
		char		name[CF_FILE_SEGMENT_MAX + 1];
		size_t		start = length;
		int			parent;
		int			result;

		while (start > 0 && path->text[start - 1] != '/')
			start--;
		memcpy(name, path->text + start, length - start);
		name[length - start] = '\0';
		length = start == 0 ? 0 : start - 1;
		parent = cf_file_folder_open(root, path->text, length);
		if (parent < 0 && errno == ENOENT)
			continue;
		if (parent < 0)
			return;
		result = cf_storage_file_sys->unlinkat(parent, name, AT_REMOVEDIR) < 0 ? errno : 0;
		cf_storage_file_sys->close(parent);
		if (result != 0 && result != ENOENT)
			return;
	}
}
