/* Arenas: aligned pieces, limits, and every allocation failing once. */
#include "core/arena.h"
#include "harness/tap.h"

/* An allocator that fails at the n-th call and counts what is not given back. */
typedef struct Limited
{
	int			calls;
	int			fail_at;		/* 0 = never */
	int			alive;
} Limited;

static void *
limited_alloc(void *ctx, size_t size)
{
	Limited    *limited = ctx;

	if (++limited->calls == limited->fail_at)
		return NULL;
	limited->alive++;
	return malloc(size);
}

static void
limited_free(void *ctx, void *block)
{
	((Limited *) ctx)->alive--;
	free(block);
}

static void
test_pieces(void)
{
	CfArena		arena;
	char	   *a;
	char	   *b;

	cf_arena_init(&arena, &cf_arena_malloc, 0, 0);
	a = cf_arena_alloc(&arena, 1);
	b = cf_arena_alloc(&arena, 3);
	ok(a != NULL && b != NULL && a != b, "two pieces are two");
	is_int((uintptr_t) a % 8, 0, "a piece is aligned to 8");
	is_int((uintptr_t) b % 8, 0, "so is the next one");
	is_int(arena.used_bytes, 16, "what is handed out is counted");
	ok(cf_arena_alloc(&arena, 100000) != NULL, "a piece may be larger than a block");
	is_str(cf_arena_strdup(&arena, "place"), "place", "a text is copied");
	is_str(cf_arena_strndup(&arena, "place", 2), "pl", "a part of a text is copied and closed");
	a = cf_arena_zalloc(&arena, 64);
	ok(a != NULL && a[0] == 0 && a[63] == 0, "zalloc gives zeroes");
	cf_arena_reset(&arena);
	is_int(arena.used_bytes, 0, "after a reset nothing is used");
	a = cf_arena_alloc(&arena, 16);
	memset(a, 'x', 16);
	b = cf_arena_zalloc(&arena, 16);
	ok(b != NULL && b[0] == 0, "zalloc gives zeroes from memory that was used before");
	cf_arena_free(&arena);
	cf_arena_free(&arena);
	ok(arena.blocks == NULL, "freeing twice is harmless");
	ok(cf_arena_alloc(&arena, 16) != NULL, "an arena can be used again after it was freed");
	cf_arena_free(&arena);
}

static void
test_limits(void)
{
	CfArena		arena;

	cf_arena_init(&arena, &cf_arena_malloc, 1024, 100);
	ok(cf_arena_alloc(&arena, 96) != NULL, "up to the limit there is memory");
	ok(cf_arena_alloc(&arena, 16) == NULL, "beyond the limit there is none");
	ok(cf_arena_zalloc(&arena, 16) == NULL, "not zeroed either");
	ok(cf_arena_strdup(&arena, "x") == NULL, "nor for a text");
	cf_arena_reset(&arena);
	ok(cf_arena_alloc(&arena, 96) != NULL, "after a reset there is again");
	ok(cf_arena_alloc(&arena, SIZE_MAX) == NULL, "a size that would overflow is refused");
	ok(cf_arena_strndup(&arena, "x", SIZE_MAX) == NULL, "so is a length");
	cf_arena_free(&arena);
	cf_arena_init(&arena, &cf_arena_malloc, SIZE_MAX, 0);
	ok(cf_arena_alloc(&arena, 1) == NULL, "a block size that would overflow is refused");
	cf_arena_free(&arena);
}

/* build makes a few things of different sizes; false when memory was short. */
static bool
build(CfArena *arena)
{
	return cf_arena_alloc(arena, 500) != NULL && cf_arena_alloc(arena, 900) != NULL &&
		cf_arena_strdup(arena, "key") != NULL && cf_arena_zalloc(arena, 5000) != NULL &&
		cf_arena_alloc(arena, 700) != NULL;
}

static void
test_nth_failure(void)
{
	int			fail_at = 0;
	bool		built;

	do
	{
		Limited		limited = {0, ++fail_at, 0};
		CfAllocator allocator = {limited_alloc, limited_free, &limited};
		CfArena		arena;

		cf_arena_init(&arena, &allocator, 1024, 0);
		built = build(&arena);
		if (!built)
			ok(build(&arena), "after failure %d the arena goes on", fail_at);
		cf_arena_free(&arena);
		is_int(limited.alive, 0, "with failure %d every block is given back", fail_at);
	} while (!built);
	ok(fail_at > 3, "several allocations were made to fail");
}

static void
note_call(void *arg)
{
	int		   *calls = arg;

	*calls = *calls * 10 + 1;
}

static void
note_other_call(void *arg)
{
	int		   *calls = arg;

	*calls = *calls * 10 + 2;
}

/* What is to be wiped or given back hears of it before the memory goes, once. */
static void
test_on_reset(void)
{
	CfArena		arena;
	int			calls = 0;

	cf_arena_init(&arena, &cf_arena_malloc, 1024, 100);
	ok(cf_arena_on_reset(&arena, note_call, &calls) && cf_arena_on_reset(&arena, note_other_call, &calls), "two want to hear of a reset");
	cf_arena_reset(&arena);
	is_int(calls, 21, "both do, the later one first");
	cf_arena_reset(&arena);
	is_int(calls, 21, "and once only");
	ok(cf_arena_on_reset(&arena, note_call, &calls), "a third");
	cf_arena_free(&arena);
	is_int(calls, 211, "hears of the end");
	ok(cf_arena_alloc(&arena, 96) != NULL && !cf_arena_on_reset(&arena, note_call, &calls), "without memory nobody is noted");
	cf_arena_free(&arena);
}

int
main(void)
{
	test_on_reset();
	test_pieces();
	test_limits();
	test_nth_failure();
	return done_testing();
}
