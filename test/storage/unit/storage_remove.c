/*
 * storage_remove.c: an object leaves a LOCAL place only as the version that was pinned, whatever happens in between.
 */
#include "harness/tap.h"
#include "storage/unit/storage_place.h"

static CfObjectStat stat_;
static CfRemoved removed;

static bool
remove_it(const char *key)
{
	return run(cf_storage_remove(&op, key, stat_.version, "job-1", &removed));
}

static void
plain(void)
{
	place_open("pre/");
	ok(put_text("a/b/c", "x", "t", &stat_), "an object");
	ok(put_text("a/d", "x", "t", &(CfObjectStat) {0}), "and another");
	ok(remove_it("a/b/c") && removed == CF_REMOVED_DELETED, "is removed");
	ok(!there("pre/a/b"), "with the folder that became empty");
	ok(there("pre/a/d"), "and not the one that did not");
	ok(remove_it("a/b/c") && removed == CF_REMOVED_GONE, "removing it again finds it gone");
	fails_with(CF_ERR_INPUT, cf_storage_remove(&op, "../x", "1:1:1", "t", &removed), "nothing outside is removed");
	is_int(files_below(".cloudflux"), 0, "nothing private is left");
}

static void
changed(void)
{
	struct stat before;
	struct stat after;

	place_open("");
	ok(put_text("k", "x", "t", &stat_), "an object");
	write_file("k", "changed");
	stat(path_of("k"), &before);
	ok(remove_it("k") && removed == CF_REMOVED_CHANGED, "that has changed is left alone");
	stat(path_of("k"), &after);
	ok(before.st_ctim.tv_nsec == after.st_ctim.tv_nsec, "and not even touched");
	unlink(path_of("k"));
	mkdir(path_of("k"), 0700);
	ok(remove_it("k") && removed == CF_REMOVED_CHANGED, "a folder in its place is left alone");
}

/* came_back: an object left, and came back with its bytes and times under the same inode number. */
static void
came_back(void)
{
	CfObjectStat before;
	int			tries = 0;

	place_open("");
	cf_storage_file_sys = &failing_sys;
	inodes_alike = true;
	ok(put_text("k", "x", "t", &before), "an object");
	do
	{
		/* until the clock of the file system has ticked */
		unlink(path_of("k"));
		if (!put_text("k", "x", "t", &stat_))
			break;
	} while (strcmp(stat_.version, before.version) == 0 && ++tries < 100000);
	ok(stat_.mtime_us == before.mtime_us && stat_.size_bytes == before.size_bytes &&
	   strncmp(stat_.version, before.version, 2) == 0, "that came back with the same inode, size and time");
	ok(run(cf_storage_remove(&op, "k", before.version, "job-1", &removed)) && removed == CF_REMOVED_CHANGED,
	   "is another version: who knew the old one does not remove it");
	is_str(contents("k"), "x", "and it stays");
	ok(remove_it("k") && removed == CF_REMOVED_DELETED, "who knows the new one does");
	inodes_alike = false;
	fail_none();
}

static void
after_a_crash(void)
{
	place_open("");
	ok(put_text("a/k", "x", "t", &stat_), "an object");
	ok(rename(path_of("a/k"), path_of(".cloudflux/trash/job-1")) < 0, "no trash yet");
	mkdir(path_of(".cloudflux/trash"), 0700);
	rename(path_of("a/k"), path_of(".cloudflux/trash/job-1"));
	ok(remove_it("a/k") && removed == CF_REMOVED_DELETED, "left in the trash by a crash is removed by the same call");
	ok(!there(".cloudflux/trash/job-1") && !there("a"), "wholly");

	ok(put_text("a/k", "x", "t", &stat_), "an object");
	rename(path_of("a/k"), path_of(".cloudflux/trash/job-1"));
	write_file("a/k", "newer");
	ok(remove_it("a/k") && removed == CF_REMOVED_DELETED, "also when somebody created the key anew");
	is_str(contents("a/k"), "newer", "whose object stays");

	unlink(path_of("a/k"));
	ok(put_text("a/k", "x", "t", &stat_), "an object");
	write_file(".cloudflux/trash/job-1", "another version");
	unlink(path_of("a/k"));
	rmdir(path_of("a"));
	ok(remove_it("a/k") && removed == CF_REMOVED_CHANGED, "another version in the trash");
	is_str(contents("a/k"), "another version", "is put back");

	unlink(path_of("a/k"));
	ok(put_text("a/k", "x", "t", &stat_), "an object");
	write_file(".cloudflux/trash/job-1", "another version");
	ok(remove_it("a/k") && removed == CF_REMOVED_DELETED, "an older remnant does not hinder");
	is_str(contents(".cloudflux/lost/job-1"), "another version", "and is kept, since its key was taken");
}

static void
somebody_writes(const char *name)
{
	static char text[] = "written at the last moment";

	if (strcmp(name, "renameat2") == 0)
	{
		before_call = NULL;
		unlink(path_of("k"));
		write_file("k", text);
	}
}

static void
somebody_removes(const char *name)
{
	if (strcmp(name, "renameat2") == 0)
	{
		before_call = NULL;
		unlink(path_of("k"));
	}
}

static int	renames;
static void
somebody_writes_twice(const char *name)
{
	if (strcmp(name, "renameat2") != 0)
		return;
	renames++;
	if (renames <= 2)
	{
		unlink(path_of("k"));
		write_file("k", renames == 1 ? "between" : "last");
	}
}

static void
races(void)
{
	place_open("");
	fail_nth(NULL, 0, 0);
	ok(put_text("k", "x", "t", &stat_), "an object");
	before_call = somebody_writes;
	ok(remove_it("k") && removed == CF_REMOVED_CHANGED, "replaced between look and rename is put back");
	is_str(contents("k"), "written at the last moment", "with its bytes");
	unlink(path_of("k"));
	ok(put_text("k", "x", "t", &stat_), "an object");
	before_call = somebody_removes;
	ok(remove_it("k") && removed == CF_REMOVED_GONE, "removed between look and rename is gone");
	ok(put_text("k", "x", "t", &stat_), "an object");
	before_call = somebody_writes_twice;
	ok(remove_it("k") && removed == CF_REMOVED_CHANGED, "replaced twice");
	is_str(contents("k"), "last", "stays as it is last");
	is_str(contents(".cloudflux/lost/job-1"), "between", "and the one between is kept");
	ok(strstr(op.err.message, ".cloudflux/lost/job-1") != NULL, "and told");
	fail_none();
}

int
main(void)
{
	plain();
	changed();
	came_back();
	after_a_crash();
	races();
	place_close();
	return done_testing();
}
