/*
 * migration_worker.c
 *		The mover: a step is a round of the engine.
 *
 * A round is bounded by what it claims (a batch of small objects, or one large one), not by time: one large
 * object may take an hour. The engine attends to interrupts, settings and leases inside it.
 */
#include "postgres.h"

#include "core/worker.h"
#include "migration/engine_sql.h"
#include "migration/migration_worker.h"

static int
count(void)
{
	return cf_migration_workers;
}

static CfWorkerResult
step(void)
{
	return cf_engine_round(0) > 0 ? CF_WORKER_MORE : CF_WORKER_IDLE;
}

static const CfWorkerKind mover = {
	.name = "mover",
	.count = count,
	.step = step,
	.cleanup = cf_engine_cleanup,
	.idle_ms = 1000,
};

void
cf_migration_register_worker(void)
{
	cf_worker_register(&mover);
}
