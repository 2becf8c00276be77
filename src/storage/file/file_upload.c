/*
 * file_upload.c
 *		Writing an object: begin, parts, read back, seal, abort; and put, which is all of it in one call.
 *
 * Bytes go to ROOT/.cloudflux/uploads/<owner_tag>.part, wherever their part lies in it, so parts may come in any
 * order, from several ops at once, and again after a crash. Sealing cuts the file to its size, gives it the
 * modification time of the source, writes the description (an extended attribute, where the file system has
 * them) and makes it durable; afterwards nothing may write to it, since its version is told from what it is then.
 *
 * Writing-out is started as bytes flow (sync_file_range), so the fsync at the end finds little to do, and
 * sealing waits for it in windows, so that no step blocks for long. Files are made with mode 0640 and the
 * server's umask: 0600, or 0640 where the data directory allows group access.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/interrupt.h"
#include "storage/file/file.h"

#define OBJECT_MODE 0640
#define HANDLE_SUFFIX ".part"
#define PREALLOCATE_FROM (16 * 1024 * 1024) /* below, a full disk is found soon enough by writing */
#define KICK_BYTES (8 * 1024 * 1024)	/* written before their writing-out is started */
#define SEAL_WINDOW (32 * 1024 * 1024)	/* waited for in one step of seal */
#define PUT_AT_ONCE (1024 * 1024)	/* up to here a put is one step */

/* op->phase of a put */
enum
{
	PUT_BEGIN,
	PUT_WRITING,
	PUT_SEALING
};

static bool destination_free(CfOp *op, int root, const char *key);
static int	upload_create(CfOp *op, int root, const CfUploadArgs *args, const char *handle);
static bool preallocate(CfOp *op, int fd, const CfUploadArgs *args);
static CfFileState *upload_state(CfOp *op, const CfUpload *upload);
static bool write_all(CfOp *op, int fd, const char *data, size_t length, int64_t offset, const char *key);
static void kick(const CfOp *op, CfFileState *state, int64_t from);
static CfStep seal_window(CfOp *op, CfFileState *state, CfUpload *upload);
static bool seal_file(CfOp *op, int fd, const CfUploadArgs *args);
static CfStep flush_failed(CfOp *op, CfUpload *upload);
static CfStep put_failed(CfOp *op);

CfStep
cf_file_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload)
{
	CfFileState *state = cf_file_state(op);
	CfFileStat st;
	int			root;

	if (state == NULL)
		return CF_STEP_ERROR;
	cf_file_close(state);
	snprintf(upload->handle, sizeof(upload->handle), "%s" HANDLE_SUFFIX, args->owner_tag);
	root = cf_file_root_open(op);
	if (root < 0)
		return CF_STEP_ERROR;
	if (args->resume || destination_free(op, root, args->key))
		state->fd = upload_create(op, root, args, upload->handle);
	cf_storage_file_sys->close(root);
	if (state->fd < 0)
		return CF_STEP_ERROR;
	snprintf(state->handle, sizeof(state->handle), "%s", upload->handle);
	if (cf_storage_file_sys->fstat(state->fd, &st) < 0)
	{
		int			saved_errno = errno;

		cf_file_close(state);
		return cf_file_fail(op, saved_errno, "could not look at upload", upload->handle);
	}
	upload->stored_bytes = st.st_size;
	if (!preallocate(op, state->fd, args) || CF_FAULT("storage_upload_begin", &op->err))
	{
		cf_file_close(state);
		return CF_STEP_ERROR;
	}
	return CF_STEP_DONE;
}

/* destination_free finds an occupied destination before gigabytes are copied; the commit is what decides. */
static bool
destination_free(CfOp *op, int root, const char *key)
{
	CfFilePath	path;
	CfFileStat st;
	int			folder;
	int			result;

	if (!cf_file_path_build(&path, op->place, key, &op->err))
		return false;
	folder = cf_file_folder_open(root, path.text, path.folder_length);
	if (folder < 0)
		return errno == ENOENT || !cf_file_occupied(op, errno, &path);
	result = cf_storage_file_sys->fstatat(folder, path.name, &st, AT_SYMLINK_NOFOLLOW);
	if (result == 0)
		errno = S_ISDIR(st.st_mode) ? EISDIR : EEXIST;
	result = (result < 0 && errno == ENOENT) ? 0 : errno;
	cf_storage_file_sys->close(folder);
	return result == 0 || !cf_file_occupied(op, result, &path);
}

/* upload_create makes the temporary file, or takes up the one that is there when the caller resumes. */
static int
upload_create(CfOp *op, int root, const CfUploadArgs *args, const char *handle)
{
	const int	flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	int			uploads = cf_file_private_open(root, "uploads", true);
	int			fd = -1;
	int			saved_errno = errno;

	if (uploads >= 0)
	{
		fd = cf_storage_file_sys->openat(uploads, handle, flags | (args->resume ? 0 : O_EXCL), OBJECT_MODE);
		saved_errno = errno;
		cf_storage_file_sys->close(uploads);
	}
	if (fd < 0 && saved_errno == EEXIST)
	{
		cf_error_set(&op->err, CF_ERR_STATE, "upload \"%s\" was begun before", handle);
		cf_error_hint(&op->err, "Resume it, or abort it first.");
	}
	else if (fd < 0)
		cf_file_fail(op, saved_errno, "could not create upload", handle);
	return fd;
}

/* preallocate claims the space of a large object early; a file system that cannot is no failure. */
static bool
preallocate(CfOp *op, int fd, const CfUploadArgs *args)
{
	if (args->size_bytes < PREALLOCATE_FROM ||
		cf_storage_file_sys->fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, args->size_bytes) == 0)
		return true;
	if (errno != ENOSPC && errno != EDQUOT && errno != EFBIG && errno != EIO)
		return true;
	cf_file_fail(op, errno, "could not reserve space for object", args->key);
	return false;
}

/*
 * cf_file_upload_open opens the temporary file of a handle; -1 and errno. ENOENT = it was committed, aborted, or never
 * begun. A handle may come from a user: it is held against what a handle looks like.
 */
int
cf_file_upload_open(CfOp *op, const char *handle)
{
	int			root;
	int			uploads;
	int			fd = -1;
	int			saved_errno;

	if (!cf_file_handle_valid(handle))
	{
		errno = EINVAL;
		return -1;
	}
	root = cf_file_root_open(op);
	if (root < 0)
	{
		errno = 0;
		return -1;
	}
	uploads = cf_file_private_open(root, "uploads", false);
	if (uploads >= 0)
		fd = cf_storage_file_sys->openat(uploads, handle, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0);
	saved_errno = errno;
	if (uploads >= 0)
		cf_storage_file_sys->close(uploads);
	cf_storage_file_sys->close(root);
	errno = saved_errno;
	return fd;
}

/* cf_file_handle_valid accepts [A-Za-z0-9-]{1,64}.part and nothing else. */
bool
cf_file_handle_valid(const char *handle)
{
	size_t		tag = strspn(handle, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");

	return tag >= 1 && tag <= 64 && strcmp(handle + tag, HANDLE_SUFFIX) == 0;
}

/* upload_state gives the op's state with the temporary file of the upload open in it. */
static CfFileState *
upload_state(CfOp *op, const CfUpload *upload)
{
	CfFileState *state = cf_file_state(op);

	if (state == NULL)
		return NULL;
	if (state->fd >= 0 && strcmp(state->handle, upload->handle) == 0)
		return state;
	cf_file_close(state);
	state->fd = cf_file_upload_open(op, upload->handle);
	if (state->fd >= 0)
	{
		snprintf(state->handle, sizeof(state->handle), "%s", upload->handle);
		return state;
	}
	if (errno == EINVAL)
		cf_error_set(&op->err, CF_ERR_INPUT, "invalid handle of an upload at place \"%s\"",
					 op->place->name);
	else if (errno != 0)
		cf_file_fail(op, errno, "could not open upload", upload->handle);
	return NULL;
}

CfStep
cf_file_upload_part(CfOp *op, CfUpload *upload, CfPart *part, const void *data, size_t length)
{
	CfFileState *state = upload_state(op, upload);

	if (state == NULL)
		return CF_STEP_ERROR;
	if (state->part_number != part->number)
	{
		state->part_number = part->number;
		state->done = state->flushed = 0;
		state->sealing = false;
	}
	if ((uint64_t) length > (uint64_t) (part->length - state->done))
	{
		state->part_number = 0;
		cf_error_set(&op->err, CF_ERR_INPUT, "part %d of object \"%s\" gets more bytes than it has",
					 part->number, upload->args.key);
		return CF_STEP_ERROR;
	}
	if (!write_all(op, state->fd, data, length, part->offset + state->done, upload->args.key))
	{
		state->part_number = 0;
		return CF_STEP_ERROR;
	}
	state->done += length;
	kick(op, state, part->offset);
	if (state->done < part->length)
		return CF_STEP_AGAIN;
	state->part_number = 0;
	part->token[0] = '\0';
	if (CF_FAULT("storage_part_written", &op->err))
		return CF_STEP_ERROR;
	return CF_STEP_DONE;
}

static bool
write_all(CfOp *op, int fd, const char *data, size_t length, int64_t offset, const char *key)
{
	while (length > 0)
	{
		ssize_t		written = cf_storage_file_sys->pwrite(fd, data, length, offset);

		if (written <= 0)
		{
			cf_file_fail(op, written < 0 ? errno : EIO, "could not write object", key);
			return false;
		}
		data += written;
		length -= written;
		offset += written;
	}
	return true;
}

/* kick starts the writing-out of what was written since the last time; its failure shows at the fsync. */
static void
kick(const CfOp *op, CfFileState *state, int64_t from)
{
	if (!op->place->fsync || state->done - state->flushed < KICK_BYTES)
		return;
	(void) cf_storage_file_sys->sync_file_range(state->fd, from + state->flushed,
												state->done - state->flushed, SYNC_FILE_RANGE_WRITE);
	state->flushed = state->done;
}

/* cf_file_upload_read reads back once: up to capacity bytes from offset; fewer = the upload ends there. */
CfStep
cf_file_upload_read(CfOp *op, CfUpload *upload, int64_t offset, CfChunk *chunk)
{
	CfFileState *state = upload_state(op, upload);
	size_t		want = chunk->capacity < CF_FILE_STEP_BYTES ? chunk->capacity : CF_FILE_STEP_BYTES;

	if (state == NULL)
		return CF_STEP_ERROR;
	while (chunk->length < want)
	{
		ssize_t		got = cf_storage_file_sys->pread(state->fd, chunk->data + chunk->length,
													 want - chunk->length, offset + chunk->length);

		if (got < 0)
			return cf_file_fail(op, errno, "could not read back upload", upload->handle);
		if (got == 0)
			break;
		chunk->length += got;
	}
	return CF_STEP_DONE;
}

CfStep
cf_file_upload_seal(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	CfFileState *state = upload_state(op, upload);
	CfFileStat st;

	if (state == NULL)
		return CF_STEP_ERROR;
	if (state->part_number != 0)
	{
		cf_error_set(&op->err, CF_ERR_STATE, "part %d of object \"%s\" is not complete",
					 state->part_number, upload->args.key);
		return CF_STEP_ERROR;
	}
	if (!state->sealing)
	{
		state->sealing = true;
		state->flushed = 0;
	}
	if (op->place->fsync && upload->args.size_bytes - state->flushed > SEAL_WINDOW)
		return seal_window(op, state, upload);
	state->sealing = false;
	if (!seal_file(op, state->fd, &upload->args))
		return CF_STEP_ERROR;
	if (op->place->fsync && cf_storage_file_sys->fsync(state->fd) < 0)
		return flush_failed(op, upload);
	if (cf_storage_file_sys->fstat(state->fd, &st) < 0)
		return cf_file_fail(op, errno, "could not look at object", upload->args.key);
	cf_file_stat_fill(stat, &st);
	memcpy(upload->sealed_version, stat->version, sizeof(upload->sealed_version));
	if (CF_FAULT("storage_sealed", &op->err))
		return CF_STEP_ERROR;
	return CF_STEP_DONE;
}

/* seal_window waits until one more window of the file is on its medium. */
static CfStep
seal_window(CfOp *op, CfFileState *state, CfUpload *upload)
{
	int			result = cf_storage_file_sys->sync_file_range(state->fd, state->flushed, SEAL_WINDOW,
															  SYNC_FILE_RANGE_WAIT_BEFORE |
															  SYNC_FILE_RANGE_WRITE |
															  SYNC_FILE_RANGE_WAIT_AFTER);

	/* Other errors mean that the call is not there. */
	if (result < 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT))
		return flush_failed(op, upload);
	state->flushed += SEAL_WINDOW;
	return CF_STEP_AGAIN;
}

/*
 * flush_failed gives the whole upload up. The system tells an error of the medium once; afterwards the bytes that never
 * got there look clean in its cache: read back they would agree, and the next fsync would succeed.
 */
static CfStep
flush_failed(CfOp *op, CfUpload *upload)
{
	CfError		told;

	cf_file_fail(op, errno, "could not flush object", upload->args.key);
	told = op->err;
	(void) cf_file_upload_abort(op, upload);
	op->err = told;
	return CF_STEP_ERROR;
}

/* seal_file makes the temporary file what the object will be. */
static bool
seal_file(CfOp *op, int fd, const CfUploadArgs *args)
{
	const CfFileSys *sys = cf_storage_file_sys;
	CfFileStat st;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};

	if (sys->fstat(fd, &st) < 0)
		return cf_file_fail(op, errno, "could not look at object", args->key), false;
	if (st.st_size < args->size_bytes)
	{
		cf_error_set(&op->err, CF_ERR_STATE, "upload of object \"%s\" is not complete", args->key);
		return cf_error_detail(&op->err, "%lld of %lld bytes are there.", (long long) st.st_size,
							   (long long) args->size_bytes);
	}
	if (st.st_size > args->size_bytes && sys->ftruncate(fd, args->size_bytes) < 0)
		return cf_file_fail(op, errno, "could not cut object", args->key), false;
	if (args->metadata != NULL && args->metadata[0] != '\0')
		(void) sys->fsetxattr(fd, CF_FILE_XATTR, args->metadata, strlen(args->metadata), 0);
	if (!cf_file_kept_write(op, fd, args))
		return false;
	if (args->mtime_us != 0)
	{
		times[1].tv_sec = args->mtime_us / 1000000 - (args->mtime_us % 1000000 < 0);
		times[1].tv_nsec = (args->mtime_us - (int64_t) times[1].tv_sec * 1000000) * 1000;
	}
	if (sys->futimens(fd, times) < 0)
		return cf_file_fail(op, errno, "could not set the time of object", args->key), false;
	return true;
}

/* cf_file_upload_abort unlinks the temporary file; there is nothing else, and nothing there is fine. */
CfStep
cf_file_upload_abort(CfOp *op, CfUpload *upload)
{
	int			root;
	int			uploads;
	int			result = 0;
	int			saved_errno;

	if (op->state != NULL)
		cf_file_close(op->state);
	if (upload->handle[0] == '\0')
		snprintf(upload->handle, sizeof(upload->handle), "%s" HANDLE_SUFFIX, upload->args.owner_tag);
	if (!cf_file_handle_valid(upload->handle))
	{
		cf_error_set(&op->err, CF_ERR_INPUT, "invalid handle of an upload at place \"%s\"",
					 op->place->name);
		return CF_STEP_ERROR;
	}
	root = cf_file_root_open(op);
	if (root < 0)
		return CF_STEP_ERROR;
	uploads = cf_file_private_open(root, "uploads", false);
	if (uploads >= 0)
		result = cf_storage_file_sys->unlinkat(uploads, upload->handle, 0);
	saved_errno = errno;
	if (uploads >= 0)
		cf_storage_file_sys->close(uploads);
	cf_storage_file_sys->close(root);
	if ((uploads < 0 || result < 0) && saved_errno != ENOENT)
		return cf_file_fail(op, saved_errno, "could not remove upload", upload->handle);
	return CF_STEP_DONE;
}

/*
 * cf_file_put writes a whole object that the caller has in memory: one step up to 1 MiB, else some MiB a step. What an
 * earlier attempt of the same owner left behind is taken over; a failed put leaves nothing.
 */
CfStep
cf_file_put(CfOp *op, const CfUploadArgs *args, const void *data, size_t length, CfObjectStat *stat)
{
	CfFileState *state = cf_file_state(op);
	CfUploadArgs begin = *args;
	size_t		want;
	CfStep		step;

	if (state == NULL)
		return CF_STEP_ERROR;
	if (op->phase == PUT_BEGIN)
	{
		begin.resume = true;
		memset(&state->putting, 0, sizeof(state->putting));
		state->putting.args = *args;
		if (cf_file_upload_begin(op, &begin, &state->putting) != CF_STEP_DONE)
			return put_failed(op);
		op->phase = PUT_WRITING;
	}
	if (op->phase == PUT_WRITING)
	{
		want = length - state->done < CF_FILE_STEP_BYTES ? length - state->done : CF_FILE_STEP_BYTES;
		if (!write_all(op, state->fd, (const char *) data + state->done, want, state->done, args->key))
			return put_failed(op);
		state->done += want;
		kick(op, state, 0);
		if (state->done == (int64_t) length)
			op->phase = PUT_SEALING;
		if (length > PUT_AT_ONCE)
			return CF_STEP_AGAIN;
	}
	step = cf_file_upload_seal(op, &state->putting, stat);
	if (step == CF_STEP_AGAIN)
		return CF_STEP_AGAIN;
	if (step == CF_STEP_DONE)
		step = cf_file_upload_commit(op, &state->putting, stat);
	if (step == CF_STEP_ERROR && op->err.kind == CF_ERR_EXISTS && args->resume)
		step = cf_file_put_ours(op, &state->putting, data, length, stat);
	op->phase = PUT_BEGIN;
	return step == CF_STEP_DONE ? step : put_failed(op);
}

/* put_failed removes what a failed put left, and keeps its error. */
static CfStep
put_failed(CfOp *op)
{
	CfFileState *state = op->state;
	CfError		err = op->err;

	if (state->putting.handle[0] != '\0')
		(void) cf_file_upload_abort(op, &state->putting);
	cf_file_close(state);
	op->phase = PUT_BEGIN;
	op->err = err;
	return CF_STEP_ERROR;
}
