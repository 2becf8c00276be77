/*
 * worker.h
 *		The one skeleton of a background worker. A room registers a kind with a step(); the launcher keeps
 *		count() workers of each kind running in each database that has the extension.
 */
#ifndef CF_CORE_WORKER_H
#define CF_CORE_WORKER_H

#include "postgres.h"

typedef enum CfWorkerResult
{
	CF_WORKER_MORE,				/* call step again at once */
	CF_WORKER_IDLE				/* nothing to do: wait for the latch or idle_ms */
} CfWorkerResult;

typedef struct CfWorkerKind
{
	const char *name;			/* "mover", "keeper", …: at most 24 characters */
	int			(*count) (void);	/* how many per database; asked at each round of the launcher */
	CfWorkerResult (*step) (void);	/* a bounded piece of work; outside a transaction at entry and exit */
	void		(*cleanup) (void);	/* after an ERROR, before the next step: release what is foreign; may be NULL */
	int			idle_ms;
} CfWorkerKind;

/* cf_worker_register is called from cf_NAME_init() while the library is preloaded; kind is kept, not copied. */
extern void cf_worker_register(const CfWorkerKind *kind);

/*
 * cf_worker_begin opens a transaction with a snapshot as cloudflux_worker and shows `activity` in
 * pg_stat_activity; cf_worker_commit ends it and reports statistics. Both also work in a foreground
 * CALL (non-atomic procedure: cf_call_require_nonatomic()), where the user stays who it is; cf_worker_is_worker
 * tells which it is. Memory allocated between the two, and whatever is in the transaction's context, is gone
 * after the commit; the current context at commit is again the one at begin, and in a CALL it never changed.
 * Where the extension is gone, cf_worker_begin does not return: the worker ends. No SPI connection may be
 * open at either call. An ERROR in between goes to the top of the worker's loop (or to the user of the CALL);
 * who wants to go on after one runs the doubtful part in a subtransaction.
 */
extern void cf_worker_begin(const char *activity);
extern void cf_worker_commit(void);
extern bool cf_worker_is_worker(void);

/*
 * cf_worker_become switches a foreground CALL, too, to cloudflux_worker until cf_worker_commit(); only for work
 * that is the same whoever asks for it, behind a function that only the right roles may call.
 */
extern void cf_worker_become(void);

/*
 * cf_worker_act_for tells for whom this worker acts until it says otherwise or its transaction ends: actor() names that role then.
 * InvalidOid = for nobody but itself. The rights are another thing: who lends them switches the user, too.
 */
extern void cf_worker_act_for(Oid role);
extern Oid	cf_worker_acts_for(void);

/*
 * cf_worker_has_threads tells that threads of a library may run when this worker ends. It then ends without the exit handlers of
 * libraries: what these threads use must not be torn down under them, and nobody can wait for them.
 */
extern void cf_worker_has_threads(void);

/* cf_worker_index is which of count() workers of its kind this process is, from 0; 0 in a user's session. */
extern int	cf_worker_index(void);

/*
 * cf_worker_attend absorbs what came in: CHECK_FOR_INTERRUPTS and a pending configuration reload. Call it
 * between two bounded pieces of work, outside foreign code. cf_worker_wait sleeps on the latch at most ms, then attends.
 */
extern void cf_worker_attend(void);
extern void cf_worker_wait(long ms);

/* cf_worker_idle_at_most shortens the next wait of the loop, when something is due sooner than idle_ms. */
extern void cf_worker_idle_at_most(int ms);

/*
 * cf_worker_collect_for is cf_worker_idle_at_most for who collects what comes: cf_worker_wake() of others does not end that wait. So a busy
 * database wakes a worker that has just looked once per ms, and not at each commit. cf_worker_deaf(true) does the same around a wait of one's own; whoever
 * sets it sets it back and then looks.
 */
extern void cf_worker_collect_for(int ms);
extern void cf_worker_deaf(bool deaf);

/*
 * cf_worker_interrupt is a CfInterrupt callback: true when a cancel, a termination or a shutdown is pending. It
 * absorbs process barriers (or DROP DATABASE elsewhere would wait for us), and never raises.
 */
extern bool cf_worker_interrupt(void *ctx);

/*
 * Wake all workers of a kind in this database: now, or when (and only if) the current transaction commits.
 * Cheap (no lock); does nothing without preload. PREPARE TRANSACTION wakes nobody: workers also look by time.
 */
extern void cf_worker_wake(const char *kind);
extern void cf_worker_wake_on_commit(const char *kind);

#endif							/* CF_CORE_WORKER_H */
