/*
 * file_commit.c
 *		Making an object appear under its key, create-only, whatever happens in between.
 *
 * The temporary file is renamed to its name with RENAME_NOREPLACE (where that is missing: link, then unlink). A
 * crash may come before the rename (repeat it), between link and unlink (both names are one inode), or after it
 * (the temporary file is gone and the object has the sealed version): each is recognised when the commit is
 * repeated. A concurrent remove may prune the folder that was just made: then it is made again.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/interrupt.h"
#include "storage/file/file.h"

#define PRUNED_RETRIES 20		/* walks that may find the folder pruned again */
#define COMPARE_BYTES (64 * 1024)

typedef struct Commit
{
	CfFilePath	path;
	int			root;
	int			uploads;
	CfFileStat temp;
	bool		temp_there;
} Commit;

static CfStep commit_run(CfOp *op, Commit *commit, const CfUpload *upload, CfObjectStat *stat);
static CfStep commit_rename(CfOp *op, Commit *commit, const CfUpload *upload, int *folder);
static CfStep commit_taken(CfOp *op, Commit *commit, const CfUpload *upload, int folder);
static CfStep commit_finish(CfOp *op, Commit *commit, const CfUpload *upload, int folder,
							CfObjectStat *stat);
static bool bytes_equal(CfOp *op, int fd, const char *data, size_t length);
static bool description_differs(int fd, const char *metadata);

CfStep
cf_file_upload_commit(CfOp *op, CfUpload *upload, CfObjectStat *stat)
{
	Commit		commit;
	CfStep		step = CF_STEP_ERROR;

	if (op->state != NULL)
		cf_file_close(op->state);
	if (upload->sealed_version[0] == '\0')
	{
		cf_error_set(&op->err, CF_ERR_STATE, "upload of object \"%s\" is not sealed", upload->args.key);
		return CF_STEP_ERROR;
	}
	if (!cf_file_path_build(&commit.path, op->place, upload->args.key, &op->err))
		return CF_STEP_ERROR;
	commit.root = cf_file_root_open(op);
	if (commit.root < 0)
		return CF_STEP_ERROR;
	commit.uploads = cf_file_private_open(commit.root, "uploads", false);
	if (commit.uploads < 0 && errno != ENOENT)
		cf_file_fail(op, errno, "could not open folder", CF_FILE_PRIVATE "/uploads");
	else
		step = commit_run(op, &commit, upload, stat);
	if (commit.uploads >= 0)
		cf_storage_file_sys->close(commit.uploads);
	cf_storage_file_sys->close(commit.root);
	return step;
}

static CfStep
commit_run(CfOp *op, Commit *commit, const CfUpload *upload, CfObjectStat *stat)
{
	int			folder = -1;
	CfStep		step;

	commit->temp_there = commit->uploads >= 0 &&
		cf_storage_file_sys->fstatat(commit->uploads, upload->handle, &commit->temp,
									 AT_SYMLINK_NOFOLLOW) == 0;
	if (commit->uploads >= 0 && !commit->temp_there && errno != ENOENT)
		return cf_file_fail(op, errno, "could not look at upload", upload->handle);
	if (commit->temp_there && !cf_file_version_is(upload->sealed_version, &commit->temp))
	{
		cf_error_set(&op->err, CF_ERR_CHANGED, "upload of object \"%s\" has changed since it was sealed",
					 upload->args.key);
		return CF_STEP_ERROR;
	}
	step = commit_rename(op, commit, upload, &folder);
	if (step == CF_STEP_DONE)
		step = commit_finish(op, commit, upload, folder, stat);
	else if (step == CF_STEP_ERROR && commit->temp_there)
		cf_file_prune(commit->root, &commit->path);
	if (folder >= 0)
		cf_storage_file_sys->close(folder);
	return step;
}

/* commit_rename gives the temporary file its name, or finds that an earlier attempt did. */
static CfStep
commit_rename(CfOp *op, Commit *commit, const CfUpload *upload, int *folder)
{
	const CfFilePath *path = &commit->path;

	for (int attempt = 0; attempt < PRUNED_RETRIES; attempt++)
	{
		if (*folder >= 0)
			cf_storage_file_sys->close(*folder);
		*folder = cf_file_folder_make(commit->root, path->text, path->folder_length, op->place->fsync);
		if (*folder < 0 && errno == ENOENT)
			continue;
		if (*folder < 0)
		{
			(void) cf_file_occupied(op, errno, path);
			return CF_STEP_ERROR;
		}
		if (commit->temp_there &&
			cf_file_rename_new(commit->uploads, upload->handle, *folder, path->name) == 0)
			return CF_STEP_DONE;
		if (commit->temp_there && errno != EEXIST && errno != ENOENT)
			return cf_file_fail(op, errno, "could not create object", path->text);
		if (!commit->temp_there || errno == EEXIST)
		{
			CfStep		step = commit_taken(op, commit, upload, *folder);

			if (step != CF_STEP_AGAIN)
				return step;
		}
	}
	return cf_file_fail(op, ENOENT, "could not create object", path->text);
}

/* commit_taken decides whether what stands at the destination is what we are about to put there; AGAIN = it just left. */
static CfStep
commit_taken(CfOp *op, Commit *commit, const CfUpload *upload, int folder)
{
	const CfFilePath *path = &commit->path;
	CfFileStat st;

	if (cf_storage_file_sys->fstatat(folder, path->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
	{
		if (errno == ENOENT && commit->temp_there)
			return CF_STEP_AGAIN;
		if (errno != ENOENT)
			return cf_file_fail(op, errno, "could not look at object", path->text);
		cf_file_prune(commit->root, path);
		cf_error_set(&op->err, CF_ERR_STATE, "upload of object \"%s\" is gone", upload->args.key);
		cf_error_detail(&op->err, "Neither its temporary file nor the object is in place \"%s\".",
						op->place->name);
		return CF_STEP_ERROR;
	}
	if (S_ISREG(st.st_mode) && cf_file_version_is(upload->sealed_version, &st) &&
		(!commit->temp_there || st.st_dev == commit->temp.st_dev))
	{
		/* Both names are one file: a crash came between link and unlink. */
		if (commit->temp_there && cf_storage_file_sys->unlinkat(commit->uploads, upload->handle, 0) < 0)
			return cf_file_fail(op, errno, "could not remove upload", upload->handle);
		return CF_STEP_DONE;
	}
	(void) cf_file_occupied(op, S_ISDIR(st.st_mode) ? EISDIR : EEXIST, path);
	return CF_STEP_ERROR;
}

/* commit_finish makes the new name durable and tells what the object is. */
static CfStep
commit_finish(CfOp *op, Commit *commit, const CfUpload *upload, int folder, CfObjectStat *stat)
{
	CfFileStat st;

	if (CF_FAULT("storage_renamed", &op->err))
		return CF_STEP_ERROR;
	if (op->place->fsync && cf_storage_file_sys->fsync(folder) < 0)
		return cf_file_fail(op, errno, "could not flush the folder of object", commit->path.text);
	if (commit->temp_there)
		st = commit->temp;
	else if (cf_storage_file_sys->fstatat(folder, commit->path.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return cf_file_fail(op, errno, "could not look at object", commit->path.text);
	cf_file_stat_fill(stat, &st);
	memcpy(stat->version, upload->sealed_version, sizeof(stat->version));
	return CF_STEP_DONE;
}

/*
 * cf_file_rename_new renames and never replaces: EEXIST when the name is taken. Where the file system has no
 * RENAME_NOREPLACE, a link comes first, so that a crash leaves both names and never none.
 */
int
cf_file_rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	if (cf_storage_file_sys->renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
		return -1;
	if (cf_storage_file_sys->linkat(from_dir, from, to_dir, to, 0) < 0)
		return -1;
	return cf_storage_file_sys->unlinkat(from_dir, from, 0);
}

/* cf_file_occupied says that a name cannot be had, in words that tell what is in the way; it returns true. */
bool
cf_file_occupied(CfOp *op, int saved_errno, const CfFilePath *path)
{
	cf_file_fail(op, saved_errno, "could not create object", path->text);
	if (saved_errno == ENOTDIR)
	{
		op->err.kind = CF_ERR_EXISTS;
		cf_error_hint(&op->err, "An object has the name of one of its folders; in a LOCAL place a key and a "
					  "prefix cannot be equal.");
	}
	return true;
}

/*
 * cf_file_put_ours looks at an object that stands where a repeated put wants to create one: it is ours, from an
 * attempt whose answer was lost, when bytes and size are the same, the time is the one that was asked for, and
 * its description, where the file system keeps one, is not another's.
 */
CfStep
cf_file_put_ours(CfOp *op, CfUpload *upload, const char *data, size_t length, CfObjectStat *stat)
{
	CfError		taken = op->err;
	CfFilePath	path;
	CfFileStat st;
	bool		same = false;
	int			fd = -1;

	if (upload->args.mtime_us != 0 && cf_file_path_build(&path, op->place, upload->args.key, &op->err))
		fd = cf_file_object_open(op, &path, &st);
	if (fd >= 0)
	{
		cf_file_stat_fill(stat, &st);
		same = stat->size_bytes == (int64_t) length && stat->mtime_us == upload->args.mtime_us &&
			!description_differs(fd, upload->args.metadata) && bytes_equal(op, fd, data, length);
		cf_storage_file_sys->close(fd);
	}
	op->err = taken;
	return same ? cf_file_upload_abort(op, upload) : CF_STEP_ERROR;
}

/* bytes_equal compares a file with what lies in memory. */
static bool
bytes_equal(CfOp *op, int fd, const char *data, size_t length)
{
	char	   *buffer = cf_file_alloc(op, COMPARE_BYTES);
	size_t		compared = 0;

	while (buffer != NULL && compared < length)
	{
		size_t		want = length - compared < COMPARE_BYTES ? length - compared : COMPARE_BYTES;
		ssize_t		got = cf_storage_file_sys->pread(fd, buffer, want, compared);

		if (got <= 0 || memcmp(buffer, data + compared, got) != 0)
			break;
		compared += got;
	}
	cf_file_free(op, buffer);
	return buffer != NULL && compared == length;
}

/* description_differs tells whether a file carries a description other than metadata; none at all is no answer. */
static bool
description_differs(int fd, const char *metadata)
{
	char		there[4096];
	ssize_t		length = cf_storage_file_sys->fgetxattr(fd, CF_FILE_XATTR, there, sizeof(there));

	if (length < 0)
		return false;
	return metadata == NULL || (size_t) length != strlen(metadata) ||
		memcmp(there, metadata, length) != 0;
}
