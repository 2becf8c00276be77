/*
 * shmem.h
 *		Shared memory of the rooms. A room registers what it needs in cf_NAME_init(); core requests and
 *		attaches it. Without preload nothing is attached and *where stays NULL: callers say what does not work.
 *		Shared memory holds no pointer, descriptor or handle.
 */
#ifndef CF_CORE_SHMEM_H
#define CF_CORE_SHMEM_H

#include "postgres.h"

/*
 * cf_shmem_register asks for size bytes under name; init (or NULL) runs once, in the postmaster, on zeroed
 * memory. cf_shmem_register_sized asks for the size later, when the server's settings are final.
 */
extern void cf_shmem_register(const char *name, Size size, void (*init) (void *mem), void **where);
extern void cf_shmem_register_sized(const char *name, Size (*size_of) (void),
									void (*init) (void *mem), void **where);

#endif							/* CF_CORE_SHMEM_H */
