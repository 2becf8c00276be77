/*
 * storage_upload.c: uploads to a LOCAL place that are resumed, repeated, contested, or run out of space.
 */
#include "harness/tap.h"
#include "storage/unit/storage_place.h"

#include <sys/xattr.h>

static CfUpload upload;
static CfObjectStat stat_;

static CfUploadArgs
args_of(const char *key, int64_t size)
{
	return (CfUploadArgs) {.key = key, .owner_tag = "job-1", .size_bytes = size, .mtime_us = 1600000000123456,
		.metadata = "cf_job=1"};
}

static bool
begin(const char *key, int64_t size, bool resume)
{
	static CfUploadArgs args;

	args = args_of(key, size);
	args.resume = resume;
	return run(cf_storage_upload_begin(&op, &args, &upload));
}

static bool
part(int number, int64_t offset, const char *text)
{
	CfPart		p = {.number = number, .offset = offset, .length = strlen(text)};

	return run(cf_storage_upload_part(&op, &upload, &p, text, strlen(text)));
}

/* finish_upload seals and commits. */
static bool
finish_upload(void)
{
	return run(cf_storage_upload_seal(&op, &upload, &stat_)) && run(cf_storage_upload_commit(&op, &upload, &stat_));
}

static void
in_pieces(void)
{
	CfPart		p = {.number = 1, .offset = 0, .length = 6};
	char		xattr[64] = "";
	struct stat st;

	place_open("");
	ok(begin("a/b/c", 11, false), "an upload begins");
	ok(cf_storage_upload_part(&op, &upload, &p, "hel", 3) == CF_STEP_AGAIN, "half a part wants more");
	fails_with(CF_ERR_STATE, cf_storage_upload_seal(&op, &upload, &stat_), "half a part cannot be sealed");
	ok(cf_storage_upload_part(&op, &upload, &p, "lo ", 3) == CF_STEP_DONE, "and is done with the rest");
	fails_with(CF_ERR_STATE, cf_storage_upload_seal(&op, &upload, &stat_), "a missing part cannot be sealed");
	fails_with(CF_ERR_STATE, cf_storage_upload_commit(&op, &upload, &stat_), "nor what is not sealed be committed");
	fails_with(CF_ERR_INPUT, cf_storage_upload_part(&op, &upload, &p, "hello world", 11), "a part takes no more than it has");
	ok(part(2, 6, "world"), "the second part");
	ok(finish_upload(), "seal and commit");
	is_str(contents("a/b/c"), "hello world", "the object has its bytes");
	is_int(stat_.mtime_us, 1600000000123456, "and the time of the source");
	stat(path_of("a/b/c"), &st);
	is_int(st.st_mode & 0137, 0, "nobody but the server and its group may touch the file");
	if (getxattr(path_of("a/b/c"), "user.cloudflux", xattr, sizeof(xattr)) > 0)
		is_str(xattr, "cf_job=1", "the object describes itself");
	is_int(files_below(".cloudflux/uploads"), 0, "no temporary file is left");
	stat(path_of(".cloudflux"), &st);
	is_int(st.st_mode & 0777, 0700, "the private folder is private");
}

static void
resumed(void)
{
	char		bytes[16] = "";
	CfChunk		chunk = {.data = bytes, .capacity = sizeof(bytes)};

	place_open("");
	ok(begin("x", 10, false) && part(1, 0, "12345"), "half of an upload");
	cf_storage_op_end(&op);
	fails_with(CF_ERR_STATE, cf_storage_upload_begin(&op, &upload.args, &upload), "is not begun anew by accident");
	ok(begin("x", 10, true), "but taken up");
	is_int(upload.stored_bytes, 5, "with what is there");
	ok(run(cf_storage_upload_read(&op, &upload, 1, &chunk)) && chunk.length == 4, "that can be read back");
	is_mem(bytes, "2345", 4, "with its bytes");
	ok(run(cf_storage_upload_read(&op, &upload, 99, &chunk)) && chunk.length == 0, "nothing lies behind its end");
	ok(part(2, 5, "67890") && finish_upload(), "and finished");
	is_str(contents("x"), "1234567890", "whole");
	ok(begin("y", 3, true) && upload.stored_bytes == 0, "resuming what was never begun begins it");
	ok(part(1, 0, "abcdef") == false, "a part larger than the object is refused");
	ok(run(cf_storage_upload_abort(&op, &upload)), "abort");
	fails_with(CF_ERR_NOT_FOUND, cf_storage_upload_seal(&op, &upload, &stat_), "an aborted upload is not found");
	ok(begin("z", 6, true) && part(1, 0, "garbag"), "an upload that was larger in an earlier attempt");
	cf_storage_op_end(&op);
	ok(begin("z", 3, true) && part(1, 0, "abc") && finish_upload(), "is cut to its size");
	is_str(contents("z"), "abc", "when it is sealed");
}

static void
repeated_commits(void)
{
	place_open("");
	ok(begin("k", 3, false) && part(1, 0, "abc") && finish_upload(), "an object");
	cf_storage_op_end(&op);
	ok(run(cf_storage_upload_commit(&op, &upload, &stat_)), "committed again after a crash, it is recognised by its version");
	is_str(stat_.version, upload.sealed_version, "which is told again");
	write_file("k", "somebody else's");
	fails_with(CF_ERR_EXISTS, cf_storage_upload_commit(&op, &upload, &stat_), "another version there is not ours");
	unlink(path_of("k"));
	fails_with(CF_ERR_STATE, cf_storage_upload_commit(&op, &upload, &stat_), "with neither file nor object the upload is gone");

	ok(begin("l", 3, false) && part(1, 0, "abc") && run(cf_storage_upload_seal(&op, &upload, &stat_)), "sealed");
	ok(link(path_of(".cloudflux/uploads/job-1.part"), path_of("l")) == 0, "a crash between link and unlink");
	ok(run(cf_storage_upload_commit(&op, &upload, &stat_)), "is recognised");
	is_int(files_below(".cloudflux/uploads"), 0, "and finished");

	ok(begin("m", 3, false) && part(1, 0, "abc") && run(cf_storage_upload_seal(&op, &upload, &stat_)), "sealed");
	write_file(".cloudflux/uploads/job-1.part", "xyz");
	fails_with(CF_ERR_CHANGED, cf_storage_upload_commit(&op, &upload, &stat_), "a file that changed after it was sealed is not committed");
	ok(!there("m"), "and does not appear");
}

static void
contested(void)
{
	place_open("");
	ok(begin("k", 3, false) && part(1, 0, "abc") && run(cf_storage_upload_seal(&op, &upload, &stat_)), "an upload");
	write_file("k", "first");
	fails_with(CF_ERR_EXISTS, cf_storage_upload_commit(&op, &upload, &stat_), "whose key was taken is not committed");
	is_str(contents("k"), "first", "over what is there");
	ok(run(cf_storage_upload_abort(&op, &upload)), "abort");
	fails_with(CF_ERR_EXISTS, cf_storage_upload_begin(&op, &upload.args, &upload), "nor begun again");
	upload.args.key = "k/below";
	fails_with(CF_ERR_EXISTS, cf_storage_upload_begin(&op, &upload.args, &upload), "an object cannot be a folder");
	ok(strstr(op.err.hint, "prefix cannot be equal") != NULL, "and the hint says so");
	ok(put_text("folder/x", "x", "t", &stat_), "a folder");
	upload.args.key = "folder";
	fails_with(CF_ERR_EXISTS, cf_storage_upload_begin(&op, &upload.args, &upload), "cannot be an object");
	ok(begin("new/k", 3, false) && part(1, 0, "abc") && run(cf_storage_upload_seal(&op, &upload, &stat_)), "an upload");
	write_file("new", "in the way");
	fails_with(CF_ERR_EXISTS, cf_storage_upload_commit(&op, &upload, &stat_), "whose folder became an object is not committed");
	ok(run(cf_storage_upload_abort(&op, &upload)), "abort");
	ok(!put_text("k", "other", "t", &stat_) && op.err.kind == CF_ERR_EXISTS, "put refuses too");
	is_int(files_below(".cloudflux/uploads"), 0, "and leaves nothing");
	ok(symlink("/etc", path_of("link")) == 0, "a symbolic link");
	fails_with(CF_ERR_DENIED, cf_storage_upload_begin(&op, &(CfUploadArgs) {.key = "link/x", .owner_tag = "t"}, &upload),
			   "is not followed by a new object");
	fails_with(CF_ERR_DENIED, cf_storage_stat(&op, "link/passwd", &stat_), "nor by a look");
	fails_with(CF_ERR_DENIED, cf_storage_stat(&op, "link", &stat_), "and is no object itself");
	fails_with(CF_ERR_NOT_FOUND, cf_storage_stat(&op, "folder", &stat_), "nor is a folder");
	mkfifo(path_of("pipe"), 0600);
	fails_with(CF_ERR_NOT_FOUND, cf_storage_read(&op, (&(CfReadArgs) {.key = "pipe", .version = "", .length = -1}),
												 (&(CfChunk) {.data = (char[1]) {0}, .capacity = 1})), "a pipe does not hang a read");
}

/* somebody_prunes removes the folder that was just made, a few times. */
static int	prunes;
static void
somebody_prunes(const char *name)
{
	if (strcmp(name, "renameat2") == 0 && prunes-- > 0)
	{
		rmdir(path_of("deep/folder"));
		rmdir(path_of("deep"));
	}
}

/* somebody_takes_and_leaves puts an object there before the rename, and takes it away before the look. */
static bool taken;
static void
somebody_takes_and_leaves(const char *name)
{
	if (strcmp(name, "renameat2") == 0 && !taken)
	{
		taken = true;
		write_file("k", "for a moment");
	}
	else if (strcmp(name, "fstatat") == 0 && taken)
		unlink(path_of("k"));
}

static void
races(void)
{
	place_open("");
	fail_nth(NULL, 0, 0);
	ok(begin("deep/folder/k", 3, false) && part(1, 0, "abc") && run(cf_storage_upload_seal(&op, &upload, &stat_)), "an upload");
	prunes = 5;
	before_call = somebody_prunes;
	ok(run(cf_storage_upload_commit(&op, &upload, &stat_)), "makes its folder again when it is pruned meanwhile");
	before_call = NULL;
	is_str(contents("deep/folder/k"), "abc", "and is there");
	ok(begin("deep2/folder/k", 3, false), "an upload");
	place_open("");
	fail_nth(NULL, 0, 0);
	ok(begin("deep/folder/k", 3, false) && part(1, 0, "abc") && run(cf_storage_upload_seal(&op, &upload, &stat_)), "an upload");
	prunes = 1000;
	before_call = somebody_prunes;
	ok(!run(cf_storage_upload_commit(&op, &upload, &stat_)), "does not try for ever");
	before_call = NULL;
	ok(run(cf_storage_upload_commit(&op, &upload, &stat_)), "and can be committed later");
	ok(begin("k", 3, false) && part(1, 0, "abc") && run(cf_storage_upload_seal(&op, &upload, &stat_)), "an upload");
	taken = false;
	before_call = somebody_takes_and_leaves;
	ok(run(cf_storage_upload_commit(&op, &upload, &stat_)), "is committed when what was in the way has left");
	fail_none();
	is_str(contents("k"), "abc", "with its bytes");
}

static void
old_file_systems(void)
{
	place_open("");
	ok(begin("a/k", 3, false) && part(1, 0, "abc") && run(cf_storage_upload_seal(&op, &upload, &stat_)), "an upload");
	fail_nth("renameat2", 1, EINVAL);
	ok(run(cf_storage_upload_commit(&op, &upload, &stat_)), "is committed by link where rename cannot be told not to replace");
	fail_none();
	is_str(contents("a/k"), "abc", "with its bytes");
	is_int(files_below(".cloudflux/uploads"), 0, "under one name only");
	ok(begin("a/l", 3, false) && part(1, 0, "abc") && run(cf_storage_upload_seal(&op, &upload, &stat_)), "an upload");
	write_file("a/l", "first");
	fail_nth("renameat2", 1, ENOSYS);
	fails_with(CF_ERR_EXISTS, cf_storage_upload_commit(&op, &upload, &stat_), "and still replaces nothing");
	fail_nth("renameat2", 1, EXDEV);
	unlink(path_of("a/l"));
	fails_with(CF_ERR_UNSUPPORTED, cf_storage_upload_commit(&op, &upload, &stat_), "a mount point inside the place is told as such");
	fail_none();
}

static void
space(void)
{
	place_open("");
	fail_nth("fallocate", 1, ENOSPC);
	ok(!begin("big", 100 << 20, false) && op.err.kind == CF_ERR_FULL, "a full disk is found before a large object is copied");
	ok(op.err.retryable, "and may have room later");
	fail_nth("fallocate", 1, EOPNOTSUPP);
	ok(begin("big", 100 << 20, true), "a file system that cannot reserve is no failure");
	ok(run(cf_storage_upload_abort(&op, &upload)), "abort");
	fail_nth("pwrite", 2, ENOSPC);
	ok(begin("k", 6, false) && !part(1, 0, "abcdef") && op.err.kind == CF_ERR_FULL, "a disk that is full in the middle is told");
	fail_none();
	ok(part(1, 0, "abcdef") && finish_upload(), "and the part can be sent again");
	is_str(contents("k"), "abcdef", "from its start");
	fail_nth("pwrite", 1, EDQUOT);
	ok(!put_text("p", "abc", "t", &stat_) && op.err.kind == CF_ERR_FULL, "a put without quota fails");
	fail_none();
	is_int(files_below(".cloudflux/uploads"), 0, "and leaves nothing");
}

static void
large(void)
{
	const int64_t size = 41 << 20;
	char	   *bytes = calloc(1, 1 << 20);
	char	   *whole = calloc(1, size);
	CfPart		p = {.number = 1, .offset = 0, .length = size};
	CfUploadArgs args = args_of("put", size);
	int			steps = 0;
	CfStep		step;

	place_open("");
	ok(begin("large", size, false), "a large upload");
	for (int i = 0; i < 41; i++)
	{
		memset(bytes, 'a' + i % 26, 1 << 20);
		cf_storage_upload_part(&op, &upload, &p, bytes, 1 << 20);
	}
	while ((step = cf_storage_upload_seal(&op, &upload, &stat_)) == CF_STEP_AGAIN)
		steps++;
	ok(step == CF_STEP_DONE && steps == 1, "is flushed in windows");
	ok(run(cf_storage_upload_commit(&op, &upload, &stat_)), "and committed");
	is_int(stat_.size_bytes, size, "with its size");
	args.owner_tag = "p-1";
	for (steps = 0; (step = cf_storage_put(&op, &args, whole, size, &stat_)) == CF_STEP_AGAIN; steps++)
		;
	ok(step == CF_STEP_DONE && steps >= 11, "a large put goes in steps");
	args.key = "put2";
	fail_nth("sync_file_range", 6, EIO);
	ok(!run(cf_storage_put(&op, &args, whole, size, &stat_)) && op.err.kind == CF_ERR_IO, "a medium that fails while flushing fails the put");
	fail_nth("sync_file_range", 6, ENOSYS);
	ok(run(cf_storage_put(&op, &args, whole, size, &stat_)), "a system that cannot flush windows does not");
	fail_none();
	free(bytes);
	free(whole);
}

static void
put_again(void)
{
	CfUploadArgs args = args_of("k", 5);

	place_open("");
	ok(run(cf_storage_put(&op, &args, "hello", 5, &stat_)), "a put whose answer was lost");
	args.resume = true;
	args.owner_tag = "job-2";
	ok(run(cf_storage_put(&op, &args, "hello", 5, &stat_)), "finds its own object when it is repeated");
	is_int(stat_.size_bytes, 5, "and tells what it is");
	is_int(files_below(".cloudflux/uploads"), 0, "leaving nothing");
	fails_with(CF_ERR_EXISTS, cf_storage_put(&op, &args, "hallo", 5, &stat_), "other bytes are somebody else's");
	args.metadata = "cf_job=2";
	if (getxattr(path_of("k"), "user.cloudflux", (char[64]) {0}, 64) > 0)
		fails_with(CF_ERR_EXISTS, cf_storage_put(&op, &args, "hello", 5, &stat_), "another description is somebody else's");
	args.metadata = "cf_job=1";
	args.mtime_us++;
	fails_with(CF_ERR_EXISTS, cf_storage_put(&op, &args, "hello", 5, &stat_), "another time is somebody else's");
	args.mtime_us = 0;
	fails_with(CF_ERR_EXISTS, cf_storage_put(&op, &args, "hello", 5, &stat_), "without a time nothing is taken for ours");
	ok(begin("j", 5, false), "an upload that crashed");
	cf_storage_op_end(&op);
	args = args_of("j", 5);
	ok(run(cf_storage_put(&op, &args, "hello", 5, &stat_)), "is taken over by a put of the same owner");
}

static void
found(void)
{
	CfStalePage page;
	CfUploadArgs args = args_of("k", 5);
	char		tag[65];
	char		token[300];
	const char *next = NULL;
	int			count = 0;
	int			pages = 0;

	place_open("");
	ok(run(cf_storage_uploads_find(&op, INT64_MAX, NULL, &page)) && page.count == 0, "no uploads in an empty place");
	for (int i = 0; i < 1200; i++)
	{
		snprintf(tag, sizeof(tag), "job-%04d-0000000000000000000000000000000000000000000000000000", i);
		args.owner_tag = tag;
		if (!run(cf_storage_upload_begin(&op, &args, &upload)))
			bail("%s", op.err.message);
	}
	write_file(".cloudflux/uploads/not_ours", "x");
	mkdir(path_of(".cloudflux/uploads/folder.part"), 0700);
	do
	{
		if (!run(cf_storage_uploads_find(&op, INT64_MAX, next, &page)))
			bail("%s", op.err.message);
		count += page.count;
		pages++;
		next = page.next == NULL ? NULL : strcpy(token, page.next);
	} while (next != NULL);
	is_int(count, 1200, "uploads are found page by page, and what is not ours is passed over");
	ok(pages > 1, "in several pages");
	ok(run(cf_storage_uploads_find(&op, 1000, NULL, &page)) && page.count == 0, "none of them is old");
	fail_nth("fstatat", 3, EIO);
	fails_with(CF_ERR_IO, cf_storage_uploads_find(&op, INT64_MAX, NULL, &page), "a failing disk is told");
	fail_nth("fstatat", 1, ENOENT);
	ok(run(cf_storage_uploads_find(&op, INT64_MAX, NULL, &page)) && page.count > 0, "an upload that leaves meanwhile is passed over");
	fail_nth("getdents64", 1, EIO);
	fails_with(CF_ERR_IO, cf_storage_uploads_find(&op, INT64_MAX, NULL, &page), "also when the folder cannot be read");
	fail_nth("openat", 3, EACCES);
	fails_with(CF_ERR_DENIED, cf_storage_uploads_find(&op, INT64_MAX, NULL, &page), "or not be opened");
	fail_none();
	place.bucket = "/no/such/root";
	fails_with(CF_ERR_IO, cf_storage_uploads_find(&op, INT64_MAX, NULL, &page), "or the root is gone");
	place.bucket = root;
	cf_arena_free(&arena);
	cf_arena_init(&arena, &cf_arena_malloc, 1024, 100);
	fails_with(CF_ERR_MEMORY, cf_storage_uploads_find(&op, INT64_MAX, NULL, &page), "or memory is short");
	cf_arena_free(&arena);
	cf_arena_init(&arena, &cf_arena_malloc, 1024, 40000);
	fails_with(CF_ERR_MEMORY, cf_storage_uploads_find(&op, INT64_MAX, NULL, &page), "in the middle");
}

static void
roots(void)
{
	char		elsewhere[80];

	place_open("");
	snprintf(elsewhere, sizeof(elsewhere), "%s/missing", root);
	place.bucket = elsewhere;
	fails_with(CF_ERR_IO, cf_storage_stat(&op, "k", &stat_), "a missing root is not a missing object");
	ok(op.err.retryable, "and may come back");
	symlink("/tmp", path_of("missing"));
	fails_with(CF_ERR_STATE, cf_storage_stat(&op, "k", &stat_), "a root that is a link is refused");
	unlink(path_of("missing"));
	write_file("missing", "");
	fails_with(CF_ERR_STATE, cf_storage_stat(&op, "k", &stat_), "a root that is a file too");
	ok(!begin("k", 1, false) && !begin("k", 1, true), "nothing is written there");
	place.bucket = root;
	symlink("/tmp", path_of(".cloudflux"));
	fails_with(CF_ERR_DENIED, cf_storage_upload_begin(&op, &(CfUploadArgs) {.key = "k", .owner_tag = "t"}, &upload),
			   "a private folder that is a link is refused");
}

/* read_changes: a file that changes while it is read is not told as whole. */
static void
read_changes(void)
{
	char		byte[4];
	CfChunk		chunk = {.data = byte, .capacity = sizeof(byte)};
	CfReadArgs	args = {.key = "k", .version = "", .length = -1};

	place_open("");
	ok(put_text("k", "12345678", "t", &stat_), "an object");
	args.version = stat_.version;
	ok(cf_storage_read(&op, &args, &chunk) == CF_STEP_AGAIN, "is read");
	write_file("k", "abcdefgh");
	fails_with(CF_ERR_CHANGED, cf_storage_read(&op, &args, &chunk), "while somebody writes it");
	args.version = "";
	ok(cf_storage_read(&op, &args, &chunk) == CF_STEP_AGAIN, "is read without a pin");
	truncate(path_of("k"), 2);
	fails_with(CF_ERR_CHANGED, cf_storage_read(&op, &args, &chunk), "while somebody cuts it");
	cf_storage_op_end(&op);
	unlink(path_of("k"));
	fails_with(CF_ERR_NOT_FOUND, cf_storage_read(&op, &args, &chunk), "or is gone");
	ok(put_text("k", "12345678", "t", &stat_), "an object");
	fail_nth("openat", 2, EPERM);
	args.length = 8;
	ok(run(cf_storage_read(&op, &args, &chunk)) == false, "a folder that may not be entered");
	fail_nth("openat", 3, EPERM);
	ok(run(cf_storage_read(&op, &args, &chunk)), "a file of somebody else is read without O_NOATIME");
	fail_none();
}

/* An fsync that failed proves nothing about the next one: what did not get to the medium looks clean in the cache. */
static void
flush_fails(void)
{
	place_open("");
	ok(begin("f", 5, false) && part(1, 0, "bytes"), "an upload");
	fail_nth("fsync", 1, EIO);
	fails_with(CF_ERR_IO, cf_storage_upload_seal(&op, &upload, &stat_), "that could not be flushed");
	fail_none();
	ok(op.err.retryable, "may work next time");
	is_int(files_below(".cloudflux/uploads"), 0, "but none of its bytes are kept");
	ok(begin("f", 5, true), "taken up again");
	is_int(upload.stored_bytes, 0, "it begins anew");
	ok(part(1, 0, "bytes") && finish_upload(), "and is finished");
	is_str(contents("f"), "bytes", "with its bytes");
	place_close();
}

int
main(void)
{
	int			open_before = descriptors();

	in_pieces();
	resumed();
	repeated_commits();
	contested();
	races();
	old_file_systems();
	space();
	large();
	put_again();
	found();
	roots();
	read_changes();
	place_close();
	flush_fails();
	is_int(descriptors(), open_before, "no descriptor is left open");
	return done_testing();
}
