/*
 * file_remove.c
 *		Removing an object only if it still is the pinned version.
 *
 * A file system has no conditional unlink. So the object is renamed to ROOT/.cloudflux/trash/<owner_tag>, a name
 * that nobody else uses, compared there, and unlinked or put back. A crash leaves it in the trash; the same call
 * with the same tag looks there first whenever the key does not show the pinned version, and goes on. An object
 * that cannot be put back, since its name was taken meanwhile, is kept in ROOT/.cloudflux/lost/<owner_tag> and
 * op->err.message says so: nothing is ever unlinked but the pinned version.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/interrupt.h"
#include "storage/file/file.h"

typedef struct Removal
{
	CfFilePath	path;
	const char *version;
	const char *owner_tag;
	int			root;
	int			trash;
	int			folder;			/* of the object; -1 = there is no such folder */
} Removal;

static CfStep removal_run(CfOp *op, Removal *removal, CfRemoved *removed);
static CfStep removal_rename(CfOp *op, Removal *removal, CfRemoved *removed);
static CfStep removal_trashed(CfOp *op, Removal *removal, CfRemoved *removed);
static CfStep removal_unlink(CfOp *op, Removal *removal, CfRemoved *removed);
static CfStep removal_put_back(CfOp *op, Removal *removal, CfRemoved *removed);
static CfStep removal_keep_lost(CfOp *op, Removal *removal, CfRemoved *removed);

CfStep
cf_file_remove(CfOp *op, const char *key, const char *version, const char *owner_tag,
			   CfRemoved *removed)
{
	Removal		removal = {.version = version, .owner_tag = owner_tag, .trash = -1, .folder = -1};
	CfStep		step = CF_STEP_ERROR;

	op->err.message[0] = '\0';
	if (CF_FAULT("storage_removing", &op->err))
		return CF_STEP_ERROR;
	if (!cf_file_path_build(&removal.path, op->place, key, &op->err))
		return CF_STEP_ERROR;
	removal.root = cf_file_root_open(op);
	if (removal.root < 0)
		return CF_STEP_ERROR;
	removal.trash = cf_file_private_open(removal.root, "trash", true);
	if (removal.trash < 0)
		cf_file_fail(op, errno, "could not open folder", CF_FILE_PRIVATE "/trash");
	else
	{
		removal.folder = cf_file_folder_open(removal.root, removal.path.text,
											 removal.path.folder_length);
		if (removal.folder < 0 && errno != ENOENT && errno != ENOTDIR)
			cf_file_fail(op, errno, "could not open the folder of object", removal.path.text);
		else
			step = removal_run(op, &removal, removed);
	}
	if (removal.folder >= 0)
		cf_storage_file_sys->close(removal.folder);
	if (removal.trash >= 0)
		cf_storage_file_sys->close(removal.trash);
	cf_storage_file_sys->close(removal.root);
	return step;
}

/* removal_run looks at the key, so that an object that has changed is normally never touched, and then acts. */
static CfStep
removal_run(CfOp *op, Removal *removal, CfRemoved *removed)
{
	CfFileStat st;
	int			result = -1;

	errno = ENOENT;
	if (removal->folder >= 0)
		result = cf_storage_file_sys->fstatat(removal->folder, removal->path.name, &st,
											  AT_SYMLINK_NOFOLLOW);
	if (result < 0 && errno != ENOENT)
		return cf_file_fail(op, errno, "could not look at object", removal->path.text);
	if (result == 0 && S_ISREG(st.st_mode) && cf_file_version_is(removal->version, &st))
		return removal_rename(op, removal, removed);
	*removed = result == 0 ? CF_REMOVED_CHANGED : CF_REMOVED_GONE;
	if (removal_trashed(op, removal, removed) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	/* An earlier attempt may have died between its unlink and the pruning of the folders. */
	if (*removed == CF_REMOVED_GONE)
		cf_file_prune(removal->root, &removal->path);
	return CF_STEP_DONE;
}

/* removal_rename takes the object away from its key. */
static CfStep
removal_rename(CfOp *op, Removal *removal, CfRemoved *removed)
{
	const CfFileSys *sys = cf_storage_file_sys;
	CfFileStat st;

	/* What an earlier attempt left in the trash goes first: nothing may be renamed over it. */
	if (sys->fstatat(removal->trash, removal->owner_tag, &st, AT_SYMLINK_NOFOLLOW) == 0)
	{
		CfRemoved	before = CF_REMOVED_GONE;
		CfStep		step = removal_trashed(op, removal, &before);

		if (step == CF_STEP_ERROR)
			return step;
	}
	else if (errno != ENOENT)
		return cf_file_fail(op, errno, "could not look at removed object", removal->path.text);
	if (CF_FAULT("storage_removal_seen", &op->err))
		return CF_STEP_ERROR;
	/* Only the holder of the tag uses this name, so an ordinary rename replaces nothing. */
	if (sys->renameat2(removal->folder, removal->path.name, removal->trash, removal->owner_tag, 0) < 0)
	{
		if (errno != ENOENT)
			return cf_file_fail(op, errno, "could not remove object", removal->path.text);
		*removed = CF_REMOVED_GONE;
		return CF_STEP_DONE;
	}
	if (CF_FAULT("storage_trashed", &op->err))
		return CF_STEP_ERROR;
	*removed = CF_REMOVED_GONE;
	return removal_trashed(op, removal, removed);
}

/* removal_trashed deals with what lies in the trash under our tag; with nothing there, *removed stays as it is. */
static CfStep
removal_trashed(CfOp *op, Removal *removal, CfRemoved *removed)
{
	CfFileStat st;

	if (cf_storage_file_sys->fstatat(removal->trash, removal->owner_tag, &st, AT_SYMLINK_NOFOLLOW) < 0)
	{
		if (errno == ENOENT)
			return CF_STEP_DONE;
		return cf_file_fail(op, errno, "could not look at removed object", removal->path.text);
	}
	if (cf_file_version_is(removal->version, &st))
		return removal_unlink(op, removal, removed);
	return removal_put_back(op, removal, removed);
}

static CfStep
removal_unlink(CfOp *op, Removal *removal, CfRemoved *removed)
{
	/* The rename must not be undone by a crash after we said that the object is gone. */
	if (op->place->fsync && removal->folder >= 0 && cf_storage_file_sys->fsync(removal->folder) < 0)
		return cf_file_fail(op, errno, "could not flush the folder of object", removal->path.text);
	if (cf_storage_file_sys->unlinkat(removal->trash, removal->owner_tag, 0) < 0 && errno != ENOENT)
		return cf_file_fail(op, errno, "could not remove object", removal->path.text);
	if (CF_FAULT("storage_unlinked", &op->err))
		return CF_STEP_ERROR;
	cf_file_prune(removal->root, &removal->path);
	*removed = CF_REMOVED_DELETED;
	return CF_STEP_DONE;
}

/* removal_put_back returns to its key what turned out to be another version. */
static CfStep
removal_put_back(CfOp *op, Removal *removal, CfRemoved *removed)
{
	const CfFilePath *path = &removal->path;
	int			folder = cf_file_folder_make(removal->root, path->text, path->folder_length,
											 op->place->fsync);
	int			result = -1;
	int			saved_errno = errno;

	if (folder >= 0)
	{
		result = cf_file_rename_new(removal->trash, removal->owner_tag, folder, path->name);
		saved_errno = errno;
		if (result == 0 && op->place->fsync)
		{
			result = cf_storage_file_sys->fsync(folder);
			saved_errno = errno;
		}
		cf_storage_file_sys->close(folder);
	}
	if (result < 0 && (saved_errno == EEXIST || saved_errno == ENOTDIR))
		return removal_keep_lost(op, removal, removed);
	if (result < 0)
		return cf_file_fail(op, saved_errno, "could not put back object", path->text);
	*removed = CF_REMOVED_CHANGED;
	return CF_STEP_DONE;
}

/* removal_keep_lost keeps an object whose name was taken while it lay in the trash. */
static CfStep
removal_keep_lost(CfOp *op, Removal *removal, CfRemoved *removed)
{
	int			lost = cf_file_private_open(removal->root, "lost", true);
	int			result = -1;
	int			saved_errno = errno;
	char		shown[200];

	if (lost >= 0)
	{
		result = cf_file_rename_new(removal->trash, removal->owner_tag, lost, removal->owner_tag);
		saved_errno = errno;
		cf_storage_file_sys->close(lost);
	}
	if (result < 0)
		return cf_file_fail(op, saved_errno, "could not keep replaced object", removal->path.text);
	cf_utf8_shown(shown, sizeof(shown), removal->path.text);
	cf_error_set(&op->err, CF_ERR_CHANGED,
				 "object \"%s\" was replaced twice while it was removed; the version between is kept as %s/lost/%s",
				 shown, CF_FILE_PRIVATE, removal->owner_tag);
	*removed = CF_REMOVED_CHANGED;
	return CF_STEP_DONE;
}
