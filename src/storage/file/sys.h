/*
 * sys.h
 *		The system calls that the LOCAL driver makes, as a table: a unit test puts its own in front and fails
 *		the n-th of them. Each entry has the contract of the call it is named after (-1 and errno), except that
 *		EINTR never comes out of the real ones.
 */
#ifndef CF_STORAGE_FILE_SYS_H
#define CF_STORAGE_FILE_SYS_H

#include <fcntl.h>
#include <sys/stat.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* What the driver asks of a file; the names are those of struct stat. */
typedef struct CfFileStat
{
	mode_t		st_mode;
	dev_t		st_dev;
	ino_t		st_ino;
	off_t		st_size;
	struct timespec st_atim;
	struct timespec st_mtim;
	struct timespec st_ctim;
	int64_t		birth_ns;		/* when the inode was made; 0 = the file system does not tell */
} CfFileStat;

typedef struct CfFileSys
{
	int			(*openat) (int dirfd, const char *path, int flags, mode_t mode);
	void		(*close) (int fd);
	int			(*fstat) (int fd, CfFileStat *st);
	int			(*fstatat) (int dirfd, const char *path, CfFileStat *st, int flags);
	ssize_t		(*pread) (int fd, void *buf, size_t count, off_t offset);
	ssize_t		(*pwrite) (int fd, const void *buf, size_t count, off_t offset);
	int			(*ftruncate) (int fd, off_t length);
	int			(*fallocate) (int fd, int mode, off_t offset, off_t length);
	int			(*fadvise) (int fd, off_t offset, off_t length, int advice);
	int			(*sync_file_range) (int fd, off_t offset, off_t length, unsigned int flags);
	int			(*fsync) (int fd);
	int			(*futimens) (int fd, const struct timespec times[2]);
	int			(*fsetxattr) (int fd, const char *name, const void *value, size_t size, int flags);
	ssize_t		(*fgetxattr) (int fd, const char *name, void *value, size_t size);
	int			(*mkdirat) (int dirfd, const char *path, mode_t mode);
	int			(*linkat) (int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags);
	int			(*renameat2) (int olddirfd, const char *oldpath, int newdirfd, const char *newpath,
							  unsigned int flags);
	int			(*unlinkat) (int dirfd, const char *path, int flags);
	ssize_t		(*getdents64) (int fd, void *buf, size_t size);
	ssize_t		(*getxattrat) (int dirfd, const char *path, const char *name, void *value, size_t size);	/* follows no link */
} CfFileSys;

extern const CfFileSys cf_storage_file_posix;

#ifdef CF_TEST
extern const CfFileSys *cf_storage_file_sys;	/* only unit tests point it elsewhere */
#else
#define cf_storage_file_sys (&cf_storage_file_posix)
#endif

#endif							/* CF_STORAGE_FILE_SYS_H */
