/*
 * storage_failures.c: the n-th system call fails, for each n, and the n-th allocation; and the process stops at each
 * named point. Whatever fails: the object exists exactly once, whole, and the same call repeated finishes the work.
 */
#include "harness/tap.h"
#include "storage/unit/storage_place.h"

#define TEXT "hello, world"

static const char *stop_at;

static bool
stops(const char *name, CfError *err)
{
	if (stop_at == NULL || strcmp(name, stop_at) != 0)
		return false;
	stop_at = NULL;
	cf_error_set(err, CF_ERR_IO, "stopped at %s", name);
	return true;
}

/* upload_once goes through a whole upload as a mover does, on what is known from its checkpoint. */
static bool
upload_once(CfUpload *upload, bool resume)
{
	static CfUploadArgs args;
	CfObjectStat stat;

	args = (CfUploadArgs) {.key = "a/b/k", .owner_tag = "job-1", .size_bytes = strlen(TEXT), .part_bytes = 6,
		.mtime_us = 1600000000000000, .metadata = "cf=1", .resume = resume};
	if (upload->sealed_version[0] == '\0')
	{
		CfPart		one = {.number = 1, .offset = 0, .length = 6};
		CfPart		two = {.number = 2, .offset = 6, .length = 6};

		if (!run(cf_storage_upload_begin(&op, &args, upload)) ||
			!run(cf_storage_upload_part(&op, upload, &one, TEXT, 6)) ||
			!run(cf_storage_upload_part(&op, upload, &two, TEXT + 6, 6)) ||
			!run(cf_storage_upload_seal(&op, upload, &stat)))
			return false;
	}
	upload->args = args;
	return run(cf_storage_upload_commit(&op, upload, &stat));
}

/* whole tells whether the object is there, once, and nothing else is. */
static bool
whole(void)
{
	const char *text = contents("a/b/k");

	return text != NULL && strcmp(text, TEXT) == 0 && files_below("") == 1;
}

static void
uploads(int saved_errno)
{
	int			bad = 0;
	bool		was_failed = true;

	for (int n = 1; n < 80; n++)
	{
		CfUpload	upload = {.stored_bytes = 0};
		bool		done;

		place_open("");
		fail_nth(NULL, n, saved_errno);
		done = upload_once(&upload, false);
		was_failed = failed;
		fail_none();
		cf_storage_op_end(&op);
		if (!done && there("a/b/k") && !whole())
			bad++;				/* half an object under its key */
		if (!upload_once(&upload, true) || !whole())
		{
			note("call %d: %s", n, op.err.message);
			bad++;
		}
	}
	ok(!was_failed, "more calls than an upload makes were tried");
	is_int(bad, 0, "an upload survives errno %d of each of its calls", saved_errno);
}

static void
puts_(int saved_errno)
{
	int			bad = 0;
	bool		was_failed = true;

	for (int n = 1; n < 60; n++)
	{
		CfUploadArgs args = {.key = "a/b/k", .owner_tag = "job-1", .size_bytes = strlen(TEXT),
			.mtime_us = 1600000000000000, .metadata = "cf=1"};
		CfObjectStat stat;

		place_open("");
		fail_nth(NULL, n, saved_errno);
		if (!run(cf_storage_put(&op, &args, TEXT, strlen(TEXT), &stat)) && there("a/b/k") && !whole())
			bad++;
		was_failed = failed;
		fail_none();
		args.resume = true;
		if (!run(cf_storage_put(&op, &args, TEXT, strlen(TEXT), &stat)) || !whole())
		{
			note("call %d: %s", n, op.err.message);
			bad++;
		}
	}
	ok(!was_failed, "more calls than a put makes were tried");
	is_int(bad, 0, "a put survives errno %d of each of its calls", saved_errno);
}

static void
removals(int saved_errno)
{
	int			bad = 0;

	for (int n = 1; n < 40; n++)
	{
		CfObjectStat stat;
		CfRemoved	removed;
		bool		done;

		place_open("");
		if (!put_text("a/b/k", TEXT, "t", &stat))
			bail("%s", op.err.message);
		fail_nth(NULL, n, saved_errno);
		done = run(cf_storage_remove(&op, "a/b/k", stat.version, "job-1", &removed));
		fail_none();
		if (files_below("") > 1 || (done && removed == CF_REMOVED_DELETED && files_below("") != 0))
			bad++;
		if (!run(cf_storage_remove(&op, "a/b/k", stat.version, "job-1", &removed)) || files_below("") != 0)
			bad++;

		/* Another version is never lost. */
		place_open("");
		if (!put_text("a/b/k", "old", "t", &stat))
			bail("%s", op.err.message);
		write_file("a/b/k", TEXT);
		fail_nth(NULL, n, saved_errno);
		run(cf_storage_remove(&op, "a/b/k", stat.version, "job-1", &removed));
		fail_none();
		if (!run(cf_storage_remove(&op, "a/b/k", stat.version, "job-1", &removed)) ||
			removed != CF_REMOVED_CHANGED || !whole())
			bad++;

		/* Not even when it lies in the trash. */
		mkdir(path_of(".cloudflux/trash"), 0700);
		rename(path_of("a/b/k"), path_of(".cloudflux/trash/job-1"));
		rmdir(path_of("a/b"));
		fail_nth(NULL, n, saved_errno);
		run(cf_storage_remove(&op, "a/b/k", stat.version, "job-1", &removed));
		fail_none();
		if (!run(cf_storage_remove(&op, "a/b/k", stat.version, "job-1", &removed)) || !whole())
			bad++;

		/* Nor when its key was taken meanwhile. */
		rename(path_of("a/b/k"), path_of(".cloudflux/trash/job-1"));
		write_file("a/b/k", "newest");
		fail_nth(NULL, n, saved_errno);
		run(cf_storage_remove(&op, "a/b/k", stat.version, "job-1", &removed));
		fail_none();
		if (!run(cf_storage_remove(&op, "a/b/k", stat.version, "job-1", &removed)) || files_below("") != 2 ||
			contents(".cloudflux/lost/job-1") == NULL)
			bad++;
	}
	is_int(bad, 0, "a removal survives errno %d of each of its calls", saved_errno);
}

static void
readers(void)
{
	int			bad = 0;

	for (int n = 1; n < 60; n++)
	{
		CfObjectStat stat;
		CfListPage	page;
		char		bytes[64];
		CfChunk		chunk = {.data = bytes, .capacity = sizeof(bytes)};
		CfReadArgs	args = {.key = "a/b/k", .version = "", .length = -1};

		place_open("");
		put_text("a/b/k", TEXT, "t", &stat);
		put_text("c/k", TEXT, "t", &stat);
		fail_nth(NULL, n, EIO);
		if (run(cf_storage_read(&op, &args, &chunk)) && memcmp(bytes, TEXT, strlen(TEXT)) != 0)
			bad++;
		fail_nth(NULL, n, EIO);
		if (run(cf_storage_list(&op, "", NULL, 10, &page)) && page.count + page.unreadable < 2 && !failed)
			bad++;
		if (failed && op.err.kind == CF_ERR_NONE && page.unreadable == 0 && page.count < 2)
			bad++;
		fail_nth(NULL, n, EIO);
		if (run(cf_storage_stat(&op, "a/b/k", &stat)) && stat.size_bytes != (int64_t) strlen(TEXT))
			bad++;
		fail_none();
		cf_storage_op_end(&op);
	}
	is_int(bad, 0, "reading, listing and looking never tell less than there is as if it were all");
}

/* The allocator that fails at the n-th call. */
static int	alloc_left;
static void *
alloc_some(void *ctx, size_t size)
{
	(void) ctx;
	return alloc_left-- > 0 ? malloc(size) : NULL;
}

static void
free_some(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

static void
memory(void)
{
	const CfAllocator some = {alloc_some, free_some, NULL};
	int			bad = 0;
	int			done = 0;

	for (int n = 0; n < 60; n++)
	{
		CfArena		small;
		CfOp		poor;
		CfObjectStat stat;
		CfListPage	page;
		CfStalePage stale;
		CfUpload	upload = {.stored_bytes = 0};
		CfUploadArgs args = {.key = "a/k", .owner_tag = "job-2", .size_bytes = 1, .mtime_us = 5, .resume = true};
		bool		all;

		place_open("");
		put_text("a/k", "x", "t", &stat);
		put_text("b/c/d/e/f/g/h/i/j/k", "x", "t", &stat);
		args.key = "u";
		run(cf_storage_upload_begin(&op, &args, &upload));
		args.key = "a/k";
		cf_storage_op_end(&op);
		cf_arena_init(&small, &some, 1024, 0);
		cf_storage_op_init(&poor, &place, &small);
		alloc_left = n;
		all = run(cf_storage_list(&poor, "", NULL, 100, &page));
		if (all && page.count != 2)
			bad++;
		all = run(cf_storage_uploads_find(&poor, INT64_MAX, NULL, &stale)) && all;
		all = run(cf_storage_put(&poor, &args, "y", 1, &stat)) || (poor.err.kind != CF_ERR_MEMORY && all);
		if (poor.err.kind != CF_ERR_MEMORY && poor.err.kind != CF_ERR_EXISTS && !all)
			bad++;
		done += all;
		cf_storage_op_end(&poor);
		cf_arena_free(&small);
	}
	is_int(bad, 0, "an allocation that fails is an error");
	ok(done > 0, "and with enough of them all works");
}

static void
points(void)
{
	static const char *const at_upload[] = {"storage_upload_begin", "storage_part_written", "storage_sealed",
		"storage_renamed"};
	static const char *const at_remove[] = {"storage_trashed", "storage_unlinked"};
	CfObjectStat stat;
	CfRemoved	removed;

	cf_fault_hook = stops;
	for (size_t i = 0; i < sizeof(at_upload) / sizeof(at_upload[0]); i++)
	{
		CfUpload	upload = {.stored_bytes = 0};

		place_open("");
		stop_at = at_upload[i];
		ok(!upload_once(&upload, false) && stop_at == NULL, "an upload stopped at %s", at_upload[i]);
		cf_storage_op_end(&op);
		ok(upload_once(&upload, true) && whole(), "is finished when it is repeated");
	}
	for (size_t i = 0; i < sizeof(at_remove) / sizeof(at_remove[0]); i++)
	{
		place_open("");
		put_text("a/b/k", TEXT, "t", &stat);
		stop_at = at_remove[i];
		ok(!run(cf_storage_remove(&op, "a/b/k", stat.version, "job-1", &removed)) && stop_at == NULL,
		   "a removal stopped at %s", at_remove[i]);
		ok(run(cf_storage_remove(&op, "a/b/k", stat.version, "job-1", &removed)) && files_below("") == 0,
		   "is finished when it is repeated");
	}
	cf_fault_hook = NULL;
}

int
main(void)
{
	int			open_before = descriptors();

	uploads(EIO);
	uploads(ENOSPC);
	puts_(EIO);
	puts_(ENOENT);
	removals(EIO);
	removals(EACCES);
	readers();
	memory();
	points();
	place_close();
	is_int(descriptors(), open_before, "no descriptor is left open");
	return done_testing();
}
