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
#include <sys/sysmacros.h>
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

/* sys_fstatat asks by statx, since that alone tells when an inode was made. */
static int
sys_fstatat(int dirfd, const char *path, CfFileStat *st, int flags)
{
	struct statx x;
	int			result;

	REPEAT(result, statx(dirfd, path, flags | AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS | STATX_BTIME, &x));
	if (result < 0)
		return result;
	st->st_mode = x.stx_mode;
	st->st_dev = makedev(x.stx_dev_major, x.stx_dev_minor);
	st->st_ino = x.stx_ino;
	st->st_size = (off_t) x.stx_size;
	st->st_atim.tv_sec = x.stx_atime.tv_sec;
	st->st_atim.tv_nsec = x.stx_atime.tv_nsec;
	st->st_mtim.tv_sec = x.stx_mtime.tv_sec;
	st->st_mtim.tv_nsec = x.stx_mtime.tv_nsec;
	st->st_ctim.tv_sec = x.stx_ctime.tv_sec;
	st->st_ctim.tv_nsec = x.stx_ctime.tv_nsec;
	st->birth_ns = (x.stx_mask & STATX_BTIME) == 0 ? 0 :
		(int64_t) ((uint64_t) x.stx_btime.tv_sec * 1000000000u + x.stx_btime.tv_nsec);
	return 0;
}

static int
sys_fstat(int fd, CfFileStat *st)
{
	return sys_fstatat(fd, "", st, AT_EMPTY_PATH);
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

/* sys_getxattrat goes by the link that the kernel has for a descriptor: an O_PATH descriptor cannot be asked. */
static ssize_t
sys_getxattrat(int dirfd, const char *path, const char *name, void *value, size_t size)
{
	char		link[320];

	if ((size_t) snprintf(link, sizeof(link), "/proc/self/fd/%d/%s", dirfd, path) >= sizeof(link))
	{
		errno = ENAMETOOLONG;
		return -1;
	}
	return lgetxattr(link, name, value, size);
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
	.getxattrat = sys_getxattrat,
};

#ifdef CF_TEST
const CfFileSys *cf_storage_file_sys = &cf_storage_file_posix;
#endif
