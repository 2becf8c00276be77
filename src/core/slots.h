/*
 * slots.h
 *		The shared table of workers: who should run where, and who does. Private to core.
 *
 * A slot is a wanted worker (database, kind, index), not a process: it keeps its failures and its back-off while
 * processes come and go. The launcher gives and takes slots; the process of a slot fills in pid, procno, state
 * and times. Fields marked L change under cf_slots_lock(); the others are single words that their one writer
 * sets and readers may see a moment late.
 */
#ifndef CF_CORE_SLOTS_H
#define CF_CORE_SLOTS_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "core/worker.h"

#define CF_SLOT_PROBE (-1)		/* in place of a kind: the one-shot look whether the extension is there */
#define CF_SLOT_BARS 32

typedef enum CfSlotState
{
	CF_SLOT_FREE = 0,
	CF_SLOT_WAITING,			/* no process; to be started at next_start_at */
	CF_SLOT_STARTING,			/* registered with the postmaster */
	CF_SLOT_BUSY,				/* in a step */
	CF_SLOT_IDLE,				/* waits for its latch */
	CF_SLOT_BACKING_OFF,		/* its last step failed */
	CF_SLOT_EXITED,				/* process ended; the launcher decides what follows */
	CF_SLOT_ABSENT,				/* process ended: the extension is not in this database */
	CF_SLOT_PRESENT,			/* a probe ended: it is */
	CF_SLOT_STATES
} CfSlotState;

typedef struct CfSlot
{
	int32		generation;		/* L: of the process that may use it, so that a late one does not */
	Oid			dboid;			/* L */
	int32		kind;			/* L: index of the registered kind, or CF_SLOT_PROBE */
	int32		index;			/* L: which of count() */
	int32		state;			/* L while no process is attached, then written by the process */
	int32		pid;			/* L: 0 = no process */
	int32		procno;			/* L: place in ProcGlobal, for SetLatch without a pointer; -1 = none */
	int32		exits;			/* launcher: ends in a row before a healthy while had passed */
	int32		failures;		/* process: steps failed since the server started */
	bool		deaf;			/* process: it looks again by time, and wants no wake-ups until then */
	bool		refused;		/* launcher: the server had no free slot at the last try */
	TimestampTz started_at;
	TimestampTz active_at;		/* last time a step did something */
	TimestampTz next_start_at;
} CfSlot;

/* A database in which no worker may run while that backend lives: it is being dropped, copied or restored. */
typedef struct CfSlotBar
{
	Oid			dboid;			/* L: InvalidOid = unused */
	int32		pid;			/* L */
} CfSlotBar;

typedef struct CfSlots
{
	int32		launcher_pid;	/* L: 0 = not running */
	int32		launcher_procno;	/* L */
	TimestampTz launcher_started_at;
	TimestampTz unmet_since;	/* launcher: since when workers are wanted that the server has no slot for; 0 = none */
	int32		unmet;			/* launcher: how many */
	CfSlotBar	bars[CF_SLOT_BARS];
	Oid			asked[CF_SLOT_BARS];	/* L: databases to probe now */
	bool		asked_all;		/* L: more than fit */
	int32		nslots;
	CfSlot		slots[FLEXIBLE_ARRAY_MEMBER];
} CfSlots;

/* NULL without preload. */
extern CfSlots *cf_slots;

extern void cf_slots_init(void);
extern void cf_slots_lock(bool exclusive);
extern void cf_slots_unlock(void);

/* cf_slots_attach makes this process the one of slot number; false = not wanted (any more). */
extern bool cf_slots_attach(int number, int32 generation);

/*
 * cf_slots_bar keeps workers from starting in a database while this process lives, or until cf_slots_unbar;
 * cf_slots_end_workers ends those that run, and tells whether all were gone within timeout_ms.
 */
extern void cf_slots_bar(Oid dboid);
extern void cf_slots_unbar(Oid dboid);
extern bool cf_slots_end_workers(Oid dboid, long timeout_ms);
extern bool cf_slots_barred(Oid dboid);	/* caller holds the lock */

/* cf_slots_ask makes the launcher look into a database now. */
extern void cf_slots_ask(Oid dboid);

extern void cf_slots_set_latch(int procno);

/* The registered kinds, in worker.c. */
extern int	cf_worker_kind_count(void);
extern const CfWorkerKind *cf_worker_kind(int kind);

/* database_sql.c */
extern void cf_database_init(void);

#endif							/* CF_CORE_SLOTS_H */
