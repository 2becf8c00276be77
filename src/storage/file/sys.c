/*
 * sys.c
 *		The real system calls behind the LOCAL driver. Signals of the server (latches) must not look like
 *		failures, so each call that can be interrupted is repeated on EINTR.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "storage/file/sys.h"

/* REPEAT evaluates a call until it is not interrupted. */
#define REPEAT(result, call) \
	do { \
		(result) = (call); \
	} while ((result) < 0 && errno == EINTR)

static int
sys_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	int			result;

	REPEAT(result, openat(dirfd, path, flags, mode));
	return result;
}

/* sys_close does not repeat: on Linux the descriptor is gone even after EINTR. */
static void
sys_close(int fd)
{
	close(fd);
}

static int
sys_fstat(int fd, struct stat *st)
{
	return fstat(fd, st);
}

static int
sys_fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	int			result;

	REPEAT(result, fstatat(dirfd, path, st, flags));
	return result;
}

static ssize_t
sys_pread(int fd, void *buf, size_t count, off_t offset)
{
	ssize_t		result;

	REPEAT(result, pread(fd, buf, count, offset));
	return result;
}

static ssize_t
sys_pwrite(int fd, const void *buf, size_t count, off_t offset)
{
	ssize_t		result;

	REPEAT(result, pwrite(fd, buf, count, offset));
	return result;
}

static int
sys_ftruncate(int fd, off_t length)
{
	int			result;

	REPEAT(result, ftruncate(fd, length));
	return result;
}

static int
sys_fallocate(int fd, int mode, off_t offset, off_t length)
{
	int			result;

	REPEAT(result, fallocate(fd, mode, offset, length));
	return result;
}

static int
sys_fsync(int fd)
{
	int			result;

	REPEAT(result, fsync(fd));
	return result;
}

const CfFileSys cf_storage_file_posix = {
	.openat = sys_openat,
	.close = sys_close,
	.fstat = sys_fstat,
	.fstatat = sys_fstatat,
	.pread = sys_pread,
	.pwrite = sys_pwrite,
	.ftruncate = sys_ftruncate,
	.fallocate = sys_fallocate,
	.fadvise = posix_fadvise,
	.sync_file_range = sync_file_range,
	.fsync = sys_fsync,
	.futimens = futimens,
	.fsetxattr = fsetxattr,
	.fgetxattr = fgetxattr,
	.mkdirat = mkdirat,
	.linkat = linkat,
	.renameat2 = renameat2,
	.unlinkat = unlinkat,
	.getdents64 = getdents64,
};

#ifdef CF_TEST
const CfFileSys *cf_storage_file_sys = &cf_storage_file_posix;
#endif
