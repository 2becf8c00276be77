/*
 * engine_sql.h
 *		One engine, two callers: a mover's step and CALL run_migrations() both run rounds.
 */
#ifndef CF_MIGRATION_ENGINE_SQL_H
#define CF_MIGRATION_ENGINE_SQL_H

#include "postgres.h"

/* Settings (migration_sql.c defines them). */
extern int	cf_migration_workers;
extern int	cf_migration_lease_sec;
extern int	cf_migration_attempts;
extern int	cf_migration_part_kb;
extern int	cf_migration_bandwidth_kb;
extern int	cf_migration_retry_ms;
extern int	cf_migration_batch;
extern int	cf_migration_transfers;
extern int	cf_migration_memory_mb;
extern int	cf_migration_verify;	/* CfMigrationVerify */

#define CF_LANES_MAX 256

typedef enum CfMigrationVerify
{
	CF_VERIFY_STORE,			/* a digest that the store tells is enough */
	CF_VERIFY_READBACK
} CfMigrationVerify;

/* Token buckets in shared memory; NULL without preload. */
extern struct CfBuckets *cf_migration_buckets;

/*
 * cf_engine_round claims at most max_jobs jobs (0 = as many as a batch takes), brings each as far as it can get, and
 * returns how many it claimed; 0 = nothing to do now. Outside a transaction of a worker, or in a non-atomic
 * CALL; leaves every job either ended, or released with a reason, or (after an ERROR) claimed until its
 * lease ends or this process claims again.
 */
extern int	cf_engine_round(int max_jobs);

/* cf_engine_cleanup releases what a round held when an ERROR ended it. */
extern void cf_engine_cleanup(void);

#endif							/* CF_MIGRATION_ENGINE_SQL_H */
