/*
 * file_driver.c
 *		Driver of provider LOCAL: what it can do, looking at one object, reading it; and the table of the driver.
 *
 * The version of an object is "inode:size:mtime_ns:birth_ns". Never ctime: link and rename change it, and both are
 * how an object of ours comes and goes. The birth of the inode (0 where the file system does not tell) is there because
 * inodes are used again and moves keep the modification time: an object that left and came back is another version, or a
 * mover that slept meanwhile would remove it. A write that keeps size and time is not seen; such writers do not exist by
 * accident. A file is opened with O_NOATIME where the system allows it, so that moving is not an access, and
 * with O_NONBLOCK, so that a pipe in the way does not hang the worker.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/interrupt.h"
#include "storage/file/file.h"

static bool file_validate(const CfPlace *place, CfError *err);
static void file_caps(const CfPlace *place, CfCaps *caps);
static CfStep file_stat(CfOp *op, const char *key, CfObjectStat *stat);
static CfStep file_read(CfOp *op, const CfReadArgs *args, CfChunk *chunk);
static void file_end(CfOp *op);
static CfStep read_open(CfOp *op, CfFileState *state, const CfReadArgs *args);
static CfStep read_changed(CfOp *op, const CfReadArgs *args);

const CfDriver cf_storage_file_driver = {
	.name = "file",
	.validate = file_validate,
	.caps = file_caps,
	.key_check = cf_file_key_check,
	.stat = file_stat,
	.read = file_read,
	.put = cf_file_put,
	.upload_begin = cf_file_upload_begin,
	.upload_part = cf_file_upload_part,
	.upload_seal = cf_file_upload_seal,
	.upload_commit = cf_file_upload_commit,
	.upload_abort = cf_file_upload_abort,
	.uploads_find = cf_file_uploads_find,
	.remove = cf_file_remove,
	.list = cf_file_list,
	.attributes = cf_file_attributes,
	.end = file_end,
	.upload_read = cf_file_upload_read,
};

/* file_validate checks that the root is an absolute path without "..", and the prefix a folder of legal segments. */
static bool
file_validate(const CfPlace *place, CfError *err)
{
	CfPlace		bare = *place;
	CfFilePath	path;
	char		prefix[CF_FILE_PATH_MAX + 1];
	size_t		length = strlen(place->prefix);

	if (place->bucket[0] != '/')
		return cf_error_set(err, CF_ERR_INPUT, "bucket \"%s\" of a LOCAL place is not an absolute path",
							place->bucket);
	for (const char *s = place->bucket; (s = strstr(s, "/..")) != NULL; s += 3)
	{
		if (s[3] == '/' || s[3] == '\0')
			return cf_error_set(err, CF_ERR_INPUT, "bucket \"%s\" of a LOCAL place contains \"..\"",
								place->bucket);
	}
	if (length == 0)
		return true;
	if (place->prefix[length - 1] != '/' || length > CF_STORAGE_KEY_MAX / 2)
		return cf_error_set(err, CF_ERR_INPUT,
							"prefix \"%s\" must end in \"/\" and have at most %d bytes", place->prefix,
							CF_STORAGE_KEY_MAX / 2);
	memcpy(prefix, place->prefix, length - 1);
	prefix[length - 1] = '\0';
	bare.prefix = "";
	return cf_file_path_build(&path, &bare, prefix, err);
}

static void
file_caps(const CfPlace *place, CfCaps *caps)
{
	(void) place;
	caps->create_only = true;
	caps->conditional_delete = true;
	caps->pin_before_commit = true;
	caps->keeps_mtime = true;
	caps->max_object_bytes = INT64_MAX / 2;
	caps->max_key_bytes = CF_STORAGE_KEY_MAX;
	caps->max_segment_bytes = CF_FILE_SEGMENT_MAX;
	caps->part_min_bytes = 1;
	caps->part_max_bytes = INT64_MAX / 2;
	caps->parts_max = INT32_MAX;
}

/* file_stat looks at the object without opening it: a file that only its owner may read can still be looked at. */
static CfStep
file_stat(CfOp *op, const char *key, CfObjectStat *stat)
{
	CfFilePath	path;
	CfFileStat st;
	int			root;
	int			folder;
	int			result = -1;
	int			saved_errno;
	bool		known = true;

	if (!cf_file_path_build(&path, op->place, key, &op->err))
		return CF_STEP_ERROR;
	root = cf_file_root_open(op);
	if (root < 0)
		return CF_STEP_ERROR;
	folder = cf_file_folder_open(root, path.text, path.folder_length);
	if (folder >= 0)
		result = cf_storage_file_sys->fstatat(folder, path.name, &st, AT_SYMLINK_NOFOLLOW);
	saved_errno = errno;
	if (result >= 0)
	{
		cf_file_stat_fill(stat, &st);
		known = !S_ISREG(st.st_mode) || cf_file_kept_read(op, folder, path.name, stat);
	}
	if (folder >= 0)
		cf_storage_file_sys->close(folder);
	cf_storage_file_sys->close(root);
	if (result < 0)
		return cf_file_fail(op, saved_errno, "could not find object", path.text);
	if (!S_ISREG(st.st_mode))
		return cf_file_fail(op, S_ISLNK(st.st_mode) ? ELOOP : ENOENT, "could not find object", path.text);
	return known ? CF_STEP_DONE : CF_STEP_ERROR;
}

/*
 * file_read delivers a range under a pin. The file is compared with the pin (or, without one, with what it was
 * when it was opened) before the first byte and after the last, so a range never mixes two versions.
 */
static CfStep
file_read(CfOp *op, const CfReadArgs *args, CfChunk *chunk)
{
	CfFileState *state = cf_file_state(op);
	CfFileStat st;
	int64_t		length;
	size_t		want;
	ssize_t		got = 0;

	if (state == NULL)
		return CF_STEP_ERROR;
	if (state->fd < 0 || state->handle[0] != '\0')
	{
		if (read_open(op, state, args) == CF_STEP_ERROR)
			return CF_STEP_ERROR;
	}
	length = args->length >= 0 ? args->length : state->pinned.st_size - args->offset;
	want = chunk->capacity < CF_FILE_STEP_BYTES ? chunk->capacity : CF_FILE_STEP_BYTES;
	if ((int64_t) want > length - state->done)
		want = length - state->done;
	if (want > 0)
	{
		got = cf_storage_file_sys->pread(state->fd, chunk->data, want, args->offset + state->done);
		if (got < 0)
		{
			int			saved_errno = errno;

			cf_file_close(state);
			return cf_file_fail(op, saved_errno, "could not read object", args->key);
		}
		if (got == 0)
			return read_changed(op, args);	/* cut while we read */
	}
	chunk->length = got;
	state->done += got;
	if (state->done < length)
		return CF_STEP_AGAIN;
	if (cf_storage_file_sys->fstat(state->fd, &st) < 0)
	{
		int			saved_errno = errno;

		cf_file_close(state);
		return cf_file_fail(op, saved_errno, "could not look at object", args->key);
	}
	if (st.st_size != state->pinned.st_size || st.st_mtim.tv_sec != state->pinned.st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != state->pinned.st_mtim.tv_nsec)
		return read_changed(op, args);
	cf_file_close(state);
	return CF_STEP_DONE;
}

/* read_open opens the object and holds it against the pin. */
static CfStep
read_open(CfOp *op, CfFileState *state, const CfReadArgs *args)
{
	CfFilePath	path;

	cf_file_close(state);
	if (!cf_file_path_build(&path, op->place, args->key, &op->err))
		return CF_STEP_ERROR;
	state->fd = cf_file_object_open(op, &path, &state->pinned);
	if (state->fd < 0)
		return CF_STEP_ERROR;
	if (args->version != NULL && args->version[0] != '\0' &&
		!cf_file_version_is(args->version, &state->pinned))
		return read_changed(op, args);
	if (args->offset > state->pinned.st_size ||
		(args->length >= 0 && args->length > state->pinned.st_size - args->offset))
	{
		cf_file_close(state);
		cf_error_set(&op->err, CF_ERR_INPUT, "range does not lie inside object \"%s\"", args->key);
		cf_error_detail(&op->err, "The object has %lld bytes.", (long long) state->pinned.st_size);
		return CF_STEP_ERROR;
	}
	(void) cf_storage_file_sys->fadvise(state->fd, args->offset, args->length < 0 ? 0 : args->length,
										POSIX_FADV_SEQUENTIAL);
	return CF_STEP_AGAIN;
}

/* cf_file_object_open opens an object for reading and looks at it; -1 and op->err. */
int
cf_file_object_open(CfOp *op, const CfFilePath *path, CfFileStat *st)
{
	const int	flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int			root = cf_file_root_open(op);
	int			folder;
	int			fd = -1;
	int			saved_errno;

	if (root < 0)
		return -1;
	folder = cf_file_folder_open(root, path->text, path->folder_length);
	if (folder >= 0)
	{
		fd = cf_storage_file_sys->openat(folder, path->name, flags | O_NOATIME, 0);
		if (fd < 0 && errno == EPERM)
			fd = cf_storage_file_sys->openat(folder, path->name, flags, 0);
	}
	saved_errno = errno;
	if (folder >= 0)
		cf_storage_file_sys->close(folder);
	cf_storage_file_sys->close(root);
	if (fd >= 0 && cf_storage_file_sys->fstat(fd, st) < 0)
	{
		saved_errno = errno;
		cf_storage_file_sys->close(fd);
		fd = -1;
	}
	else if (fd >= 0 && !S_ISREG(st->st_mode))
	{
		saved_errno = ENOENT;
		cf_storage_file_sys->close(fd);
		fd = -1;
	}
	if (fd < 0)
		cf_file_fail(op, saved_errno == ENXIO ? ENOENT : saved_errno, "could not open object", path->text);
	return fd;
}

/* read_changed ends a read whose pin does not hold. */
static CfStep
read_changed(CfOp *op, const CfReadArgs *args)
{
	char		shown[256];

	cf_file_close(op->state);
	cf_utf8_shown(shown, sizeof(shown), args->key);
	cf_error_set(&op->err, CF_ERR_CHANGED, "object \"%s\" of place \"%s\" has changed", shown,
				 op->place->name);
	cf_error_detail(&op->err, "It is no longer the version that was asked for, or it was written while it was read.");
	return CF_STEP_ERROR;
}

static void
file_end(CfOp *op)
{
	CfFileState *state = op->state;

	if (state == NULL)
		return;
	cf_file_close(state);
	cf_file_list_end(op, state);
	cf_file_free(op, state);
	op->state = NULL;
}

/* cf_file_state gives what the op keeps between steps, made at its first use; NULL = out of memory, told in op->err. */
CfFileState *
cf_file_state(CfOp *op)
{
	CfFileState *state = op->state;

	if (state != NULL)
		return state;
	state = cf_file_alloc(op, sizeof(CfFileState));
	if (state == NULL)
		return NULL;
	memset(state, 0, sizeof(*state));
	state->fd = -1;
	op->state = state;
	return state;
}

/* cf_file_close closes the file of an op and forgets how far it came. */
void
cf_file_close(CfFileState *state)
{
	if (state->fd >= 0)
		cf_storage_file_sys->close(state->fd);
	state->fd = -1;
	state->handle[0] = '\0';
	state->done = state->flushed = 0;
	state->part_number = 0;
	state->sealing = false;
}

/* cf_file_alloc takes memory that outlives a reset of the arena; NULL = there is none, told in op->err. */
void *
cf_file_alloc(CfOp *op, size_t size)
{
	void	   *block = op->arena->allocator.alloc(op->arena->allocator.ctx, size);

	if (block == NULL)
		cf_error_set(&op->err, CF_ERR_MEMORY, "out of memory for an operation on place \"%s\"",
					 op->place->name);
	return block;
}

void
cf_file_free(CfOp *op, void *block)
{
	if (block != NULL)
		op->arena->allocator.free(op->arena->allocator.ctx, block);
}

/* cf_file_fail turns errno into op->err and names the place and the path below its root. */
CfStep
cf_file_fail(CfOp *op, int saved_errno, const char *what, const char *path)
{
	char		shown[300];

	cf_utf8_shown(shown, sizeof(shown), path);
	cf_error_errno(&op->err, saved_errno, what, shown);
	cf_error_detail(&op->err, "It lies in place \"%s\", directory \"%s\".", op->place->name,
					op->place->bucket);
	return CF_STEP_ERROR;
}

void
cf_file_stat_fill(CfObjectStat *stat, const CfFileStat *st)
{
	memset(stat, 0, sizeof(*stat));
	stat->size_bytes = st->st_size;
	cf_file_version(stat->version, st);
	stat->mtime_us = (int64_t) st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
	stat->atime_us = (int64_t) st->st_atim.tv_sec * 1000000 + st->st_atim.tv_nsec / 1000;
	stat->storage_class = "";
	stat->content_type = "";
}

/* cf_file_version writes the pin of a file. Times beyond the year 2262 wrap, which still tells them apart. */
void
cf_file_version(char version[CF_STORAGE_VERSION_MAX + 1], const CfFileStat *st)
{
	uint64_t	mtime_ns = (uint64_t) st->st_mtim.tv_sec * 1000000000u + (uint64_t) st->st_mtim.tv_nsec;

	snprintf(version, CF_STORAGE_VERSION_MAX + 1, "%llu:%lld:%lld:%lld", (unsigned long long) st->st_ino,
			 (long long) st->st_size, (long long) (int64_t) mtime_ns, (long long) st->birth_ns);
}

bool
cf_file_version_is(const char *version, const CfFileStat *st)
{
	char		there[CF_STORAGE_VERSION_MAX + 1];

	cf_file_version(there, st);
	return strcmp(version, there) == 0;
}
