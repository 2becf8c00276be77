/*
 * arena.h
 *		Memory of a kernel: taken from the caller, given back all at once.
 *
 * An arena asks its caller's allocator for blocks and hands out pieces aligned to 8 bytes. Nothing is freed one by
 * one; cf_arena_reset() keeps the first block, cf_arena_free() returns them all. A doorway passes an
 * allocator over a memory context (core/error_sql.c: cf_arena_context()), a test one that fails at the
 * n-th call. Pieces are not zeroed unless asked. All functions return NULL when memory is short.
 */
#ifndef CF_CORE_ARENA_H
#define CF_CORE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct CfAllocator
{
	void	   *(*alloc) (void *ctx, size_t size);	/* NULL when short; never raises */
	void		(*free) (void *ctx, void *block);
	void	   *ctx;
} CfAllocator;

typedef struct CfArena
{
	CfAllocator allocator;
	struct CfArenaBlock *blocks;	/* newest first */
	size_t		block_bytes;	/* size of an ordinary block */
	size_t		used_bytes;		/* handed out since the last reset */
	size_t		max_bytes;		/* 0 = no limit; beyond it cf_arena_alloc gives NULL */
	struct CfArenaHook *hooks;	/* newest first */
} CfArena;

/* The allocator over malloc and free, for tests, benchmarks and fuzz targets. */
extern const CfAllocator cf_arena_malloc;

extern void cf_arena_init(CfArena *arena, const CfAllocator *allocator, size_t block_bytes,
						  size_t max_bytes);
extern void *cf_arena_alloc(CfArena *arena, size_t size);
extern void *cf_arena_zalloc(CfArena *arena, size_t size);
extern char *cf_arena_strndup(CfArena *arena, const char *s, size_t len);
extern char *cf_arena_strdup(CfArena *arena, const char *s);

/*
 * cf_arena_on_reset has call(arg) called, once, before what is in the arena now goes by cf_arena_reset() or cf_arena_free():
 * for what must be wiped or given back. Latest first. False = out of memory.
 */
extern bool cf_arena_on_reset(CfArena *arena, void (*call) (void *arg), void *arg);
extern void cf_arena_reset(CfArena *arena);
extern void cf_arena_free(CfArena *arena);

#endif							/* CF_CORE_ARENA_H */
