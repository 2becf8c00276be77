/*
 * migration_worker.h
 *		The kind of worker that moves objects. Private to the room.
 */
#ifndef CF_MIGRATION_MIGRATION_WORKER_H
#define CF_MIGRATION_MIGRATION_WORKER_H

extern void cf_migration_register_worker(void);

#endif							/* CF_MIGRATION_MIGRATION_WORKER_H */
