/*
 * keeper.h
 *		The keeper is one worker per database for all small periodic work.
 *
 * Chores are rows of cloudflux.chores, run by the same engine as CALL cloudflux.run_chores(). Steps are C
 * functions for work that follows every commit closely: run at each wake-up (cf_worker_wake("keeper")).
 */
#ifndef CF_CORE_KEEPER_H
#define CF_CORE_KEEPER_H

#include "core/worker.h"

/*
 * cf_keeper_register adds a step; called from cf_NAME_init(). It opens and commits its own transactions
 * (cf_worker_begin, cf_worker_commit) and says whether there is more. After an ERROR the other steps still run.
 */
extern void cf_keeper_register(CfWorkerResult (*step) (void));

#endif							/* CF_CORE_KEEPER_H */
