/*
 * arena.c
 *		A bump allocator over blocks that the caller's allocator supplies.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"

#define ARENA_ALIGN 8			/* what palloc gives too: nothing that wants more may live in an arena */

typedef struct CfArenaBlock
{
	struct CfArenaBlock *next;
	size_t		size;			/* of data[] */
	size_t		used;
	_Alignas(ARENA_ALIGN) char data[];
} CfArenaBlock;

typedef struct CfArenaHook
{
	struct CfArenaHook *next;
	void		(*call) (void *arg);
	void	   *arg;
} CfArenaHook;

static void *
malloc_alloc(void *ctx, size_t size)
{
	(void) ctx;
	return malloc(size);
}

static void
malloc_free(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

const CfAllocator cf_arena_malloc = {malloc_alloc, malloc_free, NULL};

void
cf_arena_init(CfArena *arena, const CfAllocator *allocator, size_t block_bytes, size_t max_bytes)
{
	memset(arena, 0, sizeof(*arena));
	arena->allocator = *allocator;
	arena->block_bytes = block_bytes < 1024 ? 1024 : block_bytes;
	arena->max_bytes = max_bytes;
}

/* add_block puts a block that can hold size bytes in front of the list. */
static CfArenaBlock *
add_block(CfArena *arena, size_t size)
{
	size_t		want = size > arena->block_bytes ? size : arena->block_bytes;
	CfArenaBlock *block;

	if (want > SIZE_MAX - sizeof(CfArenaBlock))
		return NULL;
	block = arena->allocator.alloc(arena->allocator.ctx, sizeof(CfArenaBlock) + want);
	if (block == NULL)
		return NULL;
	block->next = arena->blocks;
	block->size = want;
	block->used = 0;
	arena->blocks = block;
	return block;
}

void *
cf_arena_alloc(CfArena *arena, size_t size)
{
	CfArenaBlock *block = arena->blocks;
	void	   *piece;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ARENA_ALIGN - 1) & ~(size_t) (ARENA_ALIGN - 1);
	if (arena->max_bytes > 0 &&
		(size > arena->max_bytes || arena->used_bytes > arena->max_bytes - size))
		return NULL;
	if (block == NULL || block->size - block->used < size)
		block = add_block(arena, size);
	if (block == NULL)
		return NULL;
	piece = block->data + block->used;
	block->used += size;
	arena->used_bytes += size;
	return piece;
}

void *
cf_arena_zalloc(CfArena *arena, size_t size)
{
	void	   *piece = cf_arena_alloc(arena, size);

	return piece == NULL ? NULL : memset(piece, 0, size);
}

char *
cf_arena_strndup(CfArena *arena, const char *s, size_t len)
{
	char	   *copy = len < SIZE_MAX ? cf_arena_alloc(arena, len + 1) : NULL;

	if (copy == NULL)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *
cf_arena_strdup(CfArena *arena, const char *s)
{
	return cf_arena_strndup(arena, s, strlen(s));
}

bool
cf_arena_on_reset(CfArena *arena, void (*call) (void *arg), void *arg)
{
	CfArenaHook *hook = cf_arena_alloc(arena, sizeof(CfArenaHook));

	if (hook == NULL)
		return false;
	hook->next = arena->hooks;
	hook->call = call;
	hook->arg = arg;
	arena->hooks = hook;
	return true;
}

void
cf_arena_reset(CfArena *arena)
{
	while (arena->hooks != NULL)
	{
		CfArenaHook *hook = arena->hooks;

		arena->hooks = hook->next;
		hook->call(hook->arg);
	}
	while (arena->blocks != NULL && arena->blocks->next != NULL)
	{
		CfArenaBlock *block = arena->blocks;

		arena->blocks = block->next;
		arena->allocator.free(arena->allocator.ctx, block);
	}
	if (arena->blocks != NULL)
		arena->blocks->used = 0;
	arena->used_bytes = 0;
}

void
cf_arena_free(CfArena *arena)
{
	cf_arena_reset(arena);
	if (arena->blocks != NULL)
		arena->allocator.free(arena->allocator.ctx, arena->blocks);
	arena->blocks = NULL;
}
