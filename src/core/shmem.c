/*
 * shmem.c
 *		Requests and attaches what the rooms registered, in the two hooks that the server has for it.
 *
 * The list is built while the library is preloaded, in the postmaster, and inherited by fork. A child
 * therefore finds *where already filled; after a crash of the cluster the postmaster runs the startup hook
 * again on new memory.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "core/shmem.h"
#include "core/shmem_hooks.h"

#define MAX_AREAS 16

typedef struct Area
{
	const char *name;
	Size		size;
	Size		(*size_of) (void);	/* asked when the server's settings are final; NULL = size */
	void		(*init) (void *mem);
	void	  **where;
} Area;

static Area areas[MAX_AREAS];
static int	area_count = 0;
static shmem_request_hook_type prev_request_hook = NULL;
static shmem_startup_hook_type prev_startup_hook = NULL;

static void
add_area(const char *name, Size size, Size (*size_of) (void), void (*init) (void *mem), void **where)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	if (area_count == MAX_AREAS)
		elog(FATAL, "too many shared memory areas in cloudflux");
	areas[area_count++] = (Area) {name, size, size_of, init, where};
}

void
cf_shmem_register(const char *name, Size size, void (*init) (void *mem), void **where)
{
	add_area(name, size, NULL, init, where);
}

void
cf_shmem_register_sized(const char *name, Size (*size_of) (void), void (*init) (void *mem),
						void **where)
{
	add_area(name, 0, size_of, init, where);
}

/* request_areas asks the server for the sum; settings such as max_worker_processes are final here. */
static void
request_areas(void)
{
	int			i;

	if (prev_request_hook)
		prev_request_hook();
	RequestNamedLWLockTranche("cloudflux", 1);
	for (i = 0; i < area_count; i++)
	{
		if (areas[i].size_of != NULL)
			areas[i].size = areas[i].size_of();
		RequestAddinShmemSpace(MAXALIGN(areas[i].size));
	}
}

/* attach_areas finds or makes each area; only the first process to come here initialises it. */
static void
attach_areas(void)
{
	int			i;

	if (prev_startup_hook)
		prev_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (i = 0; i < area_count; i++)
	{
		bool		found;
		void	   *mem = ShmemInitStruct(areas[i].name, areas[i].size, &found);

		if (!found)
		{
			memset(mem, 0, areas[i].size);
			if (areas[i].init != NULL)
				areas[i].init(mem);
		}
		*areas[i].where = mem;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
cf_shmem_install_hooks(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_request_hook = shmem_request_hook;
	shmem_request_hook = request_areas;
	prev_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_areas;
}

LWLock *
cf_shmem_lock(void)
{
	static LWLock *lock = NULL;

	if (lock == NULL)
		lock = &GetNamedLWLockTranche("cloudflux")->lock;
	return lock;
}
