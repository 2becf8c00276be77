/*
 * shmem_hooks.h
 *		The part of shmem.c that only core itself calls.
 */
#ifndef CF_CORE_SHMEM_HOOKS_H
#define CF_CORE_SHMEM_HOOKS_H

#include "postgres.h"

#include "storage/lwlock.h"

/* cf_shmem_install_hooks is called once by cf_core_init(), before any room registers. */
extern void cf_shmem_install_hooks(void);

/* cf_shmem_lock is the one lock of core's shared tables; only with preload. */
extern LWLock *cf_shmem_lock(void);

#endif							/* CF_CORE_SHMEM_HOOKS_H */
