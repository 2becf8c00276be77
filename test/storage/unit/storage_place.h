/*
 * storage_place.h: a throw-away LOCAL place for unit tests, and a table of system calls that fails when told to. One test
 * program includes it once, after harness/tap.h.
 */
#ifndef CF_TEST_PLACE_H
#define CF_TEST_PLACE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/interrupt.h"
#include "storage/driver.h"
#include "storage/file/sys.h"

static char root[64];
static CfArena arena;
static CfPlace place;
static CfOp op;

/* Which system call fails: the n-th of all, or of those of one name; 0 = none. */
static int	fail_at;
static int	fail_errno;
static const char *fail_name;
static int	calls;
static bool failed;
static bool always;				/* every call of that name from the n-th on */
static void (*before_call) (const char *name);	/* what somebody else does just before a call */

static bool
fails(const char *name)
{
	if (before_call != NULL)
		before_call(name);
	if (fail_at == 0 || (fail_name != NULL && strcmp(fail_name, name) != 0))
		return false;
	calls++;
	if (calls != fail_at && !(always && calls > fail_at))
		return false;
	failed = true;
	errno = fail_errno;
	return true;
}

#define REAL(call) cf_storage_file_posix.call
static int f_openat(int d, const char *p, int f, mode_t m) { return fails("openat") ? -1 : REAL(openat)(d, p, f, m); }
static void f_close(int d) { REAL(close)(d); }

/* inodes_alike makes every file show one inode number, as a file system may that uses them again. */
static bool inodes_alike;
static int alike(int result, CfFileStat *s) { if (inodes_alike) s->st_ino = 7; return result; }
static int f_fstat(int d, CfFileStat *s) { return fails("fstat") ? -1 : alike(REAL(fstat)(d, s), s); }
static int f_fstatat(int d, const char *p, CfFileStat *s, int f) { return fails("fstatat") ? -1 : alike(REAL(fstatat)(d, p, s, f), s); }
static ssize_t f_pread(int d, void *b, size_t n, off_t o) { return fails("pread") ? -1 : REAL(pread)(d, b, n, o); }
static ssize_t f_pwrite(int d, const void *b, size_t n, off_t o) { return fails("pwrite") ? -1 : REAL(pwrite)(d, b, n > 3 ? n / 2 : n, o); }
static int f_ftruncate(int d, off_t l) { return fails("ftruncate") ? -1 : REAL(ftruncate)(d, l); }
static int f_fallocate(int d, int m, off_t o, off_t l) { return fails("fallocate") ? -1 : REAL(fallocate)(d, m, o, l); }
static int f_fadvise(int d, off_t o, off_t l, int a) { return fails("fadvise") ? -1 : REAL(fadvise)(d, o, l, a); }
static int f_sync_file_range(int d, off_t o, off_t l, unsigned f) { return fails("sync_file_range") ? -1 : REAL(sync_file_range)(d, o, l, f); }
static int f_fsync(int d) { return fails("fsync") ? -1 : REAL(fsync)(d); }
static int f_futimens(int d, const struct timespec t[2]) { return fails("futimens") ? -1 : REAL(futimens)(d, t); }
static int f_fsetxattr(int d, const char *n, const void *v, size_t s, int f) { return fails("fsetxattr") ? -1 : REAL(fsetxattr)(d, n, v, s, f); }
static ssize_t f_fgetxattr(int d, const char *n, void *v, size_t s) { return fails("fgetxattr") ? -1 : REAL(fgetxattr)(d, n, v, s); }
static int f_mkdirat(int d, const char *p, mode_t m) { return fails("mkdirat") ? -1 : REAL(mkdirat)(d, p, m); }
static int f_linkat(int a, const char *b, int c, const char *d, int f) { return fails("linkat") ? -1 : REAL(linkat)(a, b, c, d, f); }
static int f_renameat2(int a, const char *b, int c, const char *d, unsigned f) { return fails("renameat2") ? -1 : REAL(renameat2)(a, b, c, d, f); }
static int f_unlinkat(int d, const char *p, int f) { return fails("unlinkat") ? -1 : REAL(unlinkat)(d, p, f); }
static ssize_t f_getdents64(int d, void *b, size_t n) { return fails("getdents64") ? -1 : REAL(getdents64)(d, b, n); }
static ssize_t f_getxattrat(int d, const char *p, const char *n, void *v, size_t s) { return fails("getxattrat") ? -1 : REAL(getxattrat)(d, p, n, v, s); }

static const CfFileSys failing_sys = {
	f_openat, f_close, f_fstat, f_fstatat, f_pread, f_pwrite, f_ftruncate, f_fallocate, f_fadvise,
	f_sync_file_range, f_fsync, f_futimens, f_fsetxattr, f_fgetxattr, f_mkdirat, f_linkat, f_renameat2,
	f_unlinkat, f_getdents64, f_getxattrat
};

/* fail_nth makes the n-th call of that name (NULL = of any) fail; fail_none ends that. */
static TAP_UNUSED void
fail_nth(const char *name, int n, int saved_errno)
{
	fail_name = name;
	fail_at = n;
	fail_errno = saved_errno;
	calls = 0;
	failed = always = false;
	cf_storage_file_sys = &failing_sys;
}

static TAP_UNUSED void
fail_none(void)
{
	fail_at = 0;
	always = false;
	before_call = NULL;
	cf_storage_file_sys = &cf_storage_file_posix;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) st;
	(void) type;
	(void) ftw;
	return remove(path);
}

static TAP_UNUSED void
place_close(void)
{
	fail_none();
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	if (root[0] != '\0')
		nftw(root, remove_one, 64, FTW_DEPTH | FTW_PHYS);
	root[0] = '\0';
}

/* place_open makes an empty place with an op on it; an earlier one goes. */
static TAP_UNUSED void
place_open(const char *prefix)
{
	static bool opened;

	if (opened)
		place_close();
	opened = true;
	strcpy(root, "/tmp/cf_place_XXXXXX");
	if (mkdtemp(root) == NULL)
		bail("mkdtemp: %s", strerror(errno));
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	place = (CfPlace) {.name = "here", .provider = "LOCAL", .bucket = root, .region = "", .endpoint = "",
		.prefix = prefix, .storage_class = "", .fsync = true, .driver = cf_storage_driver("LOCAL")};
	cf_storage_op_init(&op, &place, &arena);
}

/* path_of gives the path of something below the root; four at a time. */
static TAP_UNUSED const char *
path_of(const char *name)
{
	static char paths[4][2600];
	static int	next;
	char	   *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
	return path;
}

static TAP_UNUSED bool
there(const char *name)
{
	struct stat st;

	return lstat(path_of(name), &st) == 0;
}

static TAP_UNUSED void
write_file(const char *name, const char *text)
{
	FILE	   *f = fopen(path_of(name), "w");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		bail("%s: %s", name, strerror(errno));
}

/* contents gives the text of a small file, NULL when it is not there. */
static TAP_UNUSED const char *
contents(const char *name)
{
	static char text[256];
	FILE	   *f = fopen(path_of(name), "r");

	if (f == NULL)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

/* files_below counts what lies in a private folder. */
static int	counted;
static int
count_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) path;
	(void) st;
	(void) ftw;
	counted += type == FTW_F;
	return 0;
}

static TAP_UNUSED int
files_below(const char *name)
{
	counted = 0;
	nftw(path_of(name), count_one, 64, FTW_PHYS);
	return counted;
}

/* descriptors counts what this process has open. */
static TAP_UNUSED int
descriptors(void)
{
	int			open_now = 0;

	for (int fd = 0; fd < 256; fd++)
		open_now += fcntl(fd, F_GETFD) >= 0;
	return open_now;
}

/* The steps of an operation, to its end; true = done. */
#define run(call) __extension__ ({ CfStep step_; while ((step_ = (call)) == CF_STEP_AGAIN) ; step_ == CF_STEP_DONE; })
#define fails_with(k, call, ...) do { \
		bool done_ = run(call); \
		ok(!done_ && op.err.kind == (k), __VA_ARGS__); \
		if (done_ || op.err.kind != (k)) \
			note("%s", done_ ? "it was done" : op.err.message); \
	} while (0)

static TAP_UNUSED bool
put_text(const char *key, const char *text, const char *tag, CfObjectStat *stat)
{
	CfUploadArgs args = {.key = key, .owner_tag = tag, .size_bytes = strlen(text), .mtime_us = 1600000000123456,
		.metadata = ""};

	return run(cf_storage_put(&op, &args, text, strlen(text), stat));
}

#endif							/* CF_TEST_PLACE_H */
