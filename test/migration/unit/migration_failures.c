/*
 * Every system call and every allocation of a move fails once, the n-th for n = 1, 2, … until none is left. After each: the
 * source is intact, the destination absent or whole, nothing leaks, and the next attempt arrives.
 */
#include <openssl/crypto.h>

#include "harness/tap.h"

#include "migration/unit/migration_move.h"

/* One counter over the arena's allocator and OpenSSL's. */
static int	allocations;
static int	fail_alloc_at;
static long alive;

static bool
alloc_fails(void)
{
	return fail_alloc_at != 0 && ++allocations == fail_alloc_at;
}

static void *
count_alloc(void *ctx, size_t bytes_wanted)
{
	void	   *block = alloc_fails() ? NULL : malloc(bytes_wanted);

	(void) ctx;
	alive += block != NULL;
	return block;
}

static void
count_free(void *ctx, void *block)
{
	(void) ctx;
	alive -= block != NULL;
	free(block);
}

static void *
ssl_malloc(size_t bytes_wanted, const char *file, int line)
{
	(void) file;
	(void) line;
	return alloc_fails() ? NULL : malloc(bytes_wanted);
}

static void *
ssl_realloc(void *block, size_t bytes_wanted, const char *file, int line)
{
	(void) file;
	(void) line;
	return alloc_fails() ? NULL : realloc(block, bytes_wanted);
}

static void
ssl_free(void *block, const char *file, int line)
{
	(void) file;
	(void) line;
	free(block);
}

static const CfAllocator counting = {count_alloc, count_free, NULL};

/* move_once is what a mover does with a job in one round: true = arrived. */
static bool
move_once(bool resume)
{
	if (sealed_version[0] == '\0' && !copy(resume))
		return false;
	if (prove())
		return true;
	if (err.kind == CF_ERR_CHANGED || err.kind == CF_ERR_NOT_FOUND)
	{
		char		wrong[CF_STORAGE_VERSION_MAX + 1];

		strcpy(wrong, sealed_version);
		if (!undo())
			strcpy(sealed_version, wrong);
	}
	return false;
}

/* judge looks at both ends after a failure, and moves again. */
static bool
judge(const char *what, int n)
{
	bool		good = source_intact() && (dest_absent() || dest_identical()) && err.message[0] != '\0' &&
		(err.kind != CF_ERR_MEMORY || err.retryable);

	fail_none();
	fail_alloc_at = 0;
	if (!good)
		note("%s %d: source %d, destination %d/%d, %s", what, n, source_intact(), dest_absent(), dest_identical(), err.message);
	if (!good || (move_once(true) && dest_identical() && source_intact() && files_below("dest/.cloudflux") == 0))
		return good;
	note("%s %d: the next attempt failed: %s", what, n, err.message);
	return false;
}

/* Each system call fails in turn. half: an earlier attempt has left two parts. */
static void
test_calls(int saved_errno, bool half, const char *title)
{
	bool		good = true;
	int			n;

	for (n = 1; good && n < 1000; n++)
	{
		int			open_before;
		bool		arrived;

		move_open(2 * PART_BYTES + 700);
		if (half)
		{
			stop_after = 12;
			copy(false);
			stop_after = 0;
		}
		open_before = descriptors();
		fail_nth(NULL, n, saved_errno);
		err.message[0] = '\0';
		arrived = move_once(half);
		if (!failed)
		{
			good = arrived && dest_identical();
			move_close();
			break;
		}
		good = descriptors() == open_before;
		if (arrived)
			good = good && dest_identical() && source_intact();	/* a call whose failure does not matter */
		else
			good = good && judge(title, n);
		move_close();
	}
	ok(good && n > 30, "%s: %d calls, each failing once", title, n - 1);
}

static void
test_allocations(void)
{
	bool		good = true;
	int			n;

	for (n = 1; good && n < 1000; n++)
	{
		int			open_before;
		bool		arrived;

		move_open(2 * PART_BYTES + 700);
		cf_arena_free(&move_arena);
		cf_arena_init(&move_arena, &counting, 256, 0);
		stop_after = 12;
		copy(false);
		stop_after = 0;
		open_before = descriptors();
		alive = 0;
		allocations = 0;
		fail_alloc_at = n;
		err.message[0] = '\0';
		arrived = move_once(true);
		good = descriptors() == open_before;
		if (allocations < n)
		{
			good = good && arrived && dest_identical();
			move_close();
			break;
		}
		good = good && (arrived ? dest_identical() : judge("allocation", n));
		move_close();
		if (alive > 0)
			note("allocation %d: %ld blocks are lost", n, alive);
		good = good && alive <= 0;
	}
	fail_alloc_at = 0;
	ok(good && n > 8, "memory is short once, at each of %d allocations", n - 1);
}

/* A disk that is full stays full: the move fails in words, and leaves what a cleaning removes. */
static void
test_full_disk(void)
{
	move_open(5 * PART_BYTES);
	fail_nth("pwrite", 6, ENOSPC);
	always = true;
	ok(!copy(false) && err.kind == CF_ERR_FULL && err.retryable && dest_absent(), "a full destination is told as full");
	fail_none();
	ok(undo() && files_below("dest/.cloudflux") == 0, "its half is removed");
	move_close();
}

/* The store goes on lying: read-only media and permissions are told with their kind. */
static void
test_kinds(void)
{
	move_open(100);
	fail_nth("openat", 1, EACCES);
	always = true;
	ok(!copy(false) && err.kind == CF_ERR_DENIED, "a place that may not be opened is told as denied");
	move_close();
	move_open(100);
	fail_nth("pread", 1, EIO);
	ok(!copy(false) && err.kind == CF_ERR_IO, "a source that cannot be read is told as an I/O error");
	move_close();
}

int
main(void)
{
	if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1)
		bail("the allocator of OpenSSL could not be replaced");
	test_calls(EIO, false, "I/O error");
	test_calls(ENOSPC, false, "no space");
	test_calls(EIO, true, "I/O error while resuming");
	test_allocations();
	test_full_disk();
	test_kinds();
	return done_testing();
}
