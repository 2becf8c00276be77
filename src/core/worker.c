/*
 * worker.c
 *		The skeleton of every worker: signals, connection, identity, transactions, errors, waiting, being woken.
 *
 * Process model. The launcher (launcher_worker.c) registers a dynamic worker for a slot of the shared table
 * (slots.h). The process claims its slot, connects as the bootstrap superuser (a NOLOGIN role cannot connect
 * before PostgreSQL 17) and calls its kind's step() for ever. Each transaction runs as cloudflux_worker: the
 * superuser is never the current user while SQL runs. Between steps there is no transaction, snapshot or lock.
 *
 * DROP EXTENSION takes an exclusive lock on the extension; every transaction of ours takes a shared one first. So
 * the two never overlap, cannot deadlock, and the next transaction finds the extension gone and ends the worker.
 *
 * SIGTERM is die(), so that a wait inside a commit ends too. The process never restarts by itself: the
 * launcher does that, with a back-off per slot.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procsignal.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/core_private.h"
#include "core/slots.h"
#include "core/worker.h"

#define MAX_KINDS 8
#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000

extern PGDLLEXPORT void cf_worker_main(Datum arg);

static const CfWorkerKind *kinds[MAX_KINDS];
static int	kind_count = 0;

/* What this process is; NULL in a user's session. */
static CfSlot *slot = NULL;
static const CfWorkerKind *my_kind = NULL;
static int	idle_at_most_ms;
static bool collecting = false;	/* nobody else is to end the next wait of the loop */
static uint32 wait_event = 0;

/* Who the process was before cf_worker_become(), and where it allocated before cf_worker_begin(). */
static bool became = false;
static Oid	saved_user;
static int	saved_context_flags;
static MemoryContext saved_memory;
static Oid	acts_for = InvalidOid;

static bool extension_is_here(void);
CF_NORETURN static void leave(CfSlotState why);
static void set_session(void);
static void probe(void);
static void work(void);

void
cf_worker_register(const CfWorkerKind *kind)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	if (kind_count == MAX_KINDS)
		elog(FATAL, "too many kinds of cloudflux workers");
	kinds[kind_count++] = kind;
}

int
cf_worker_kind_count(void)
{
	return kind_count;
}

const CfWorkerKind *
cf_worker_kind(int kind)
{
	return kinds[kind];
}

bool
cf_worker_is_worker(void)
{
	return slot != NULL;
}

int
cf_worker_index(void)
{
	return slot != NULL ? slot->index : 0;
}

void
cf_worker_begin(const char *activity)
{
	became = false;
	acts_for = InvalidOid;
	if (slot == NULL)
	{
		/* What another session does between two of our transactions must be seen, whatever the caller's default says. */
		if (!FirstSnapshotSet)
			XactIsoLevel = XACT_READ_COMMITTED;
		EnsurePortalSnapshotExists();
		return;
	}
	saved_memory = CurrentMemoryContext;
	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, activity);
	StartTransactionCommand();
	if (!extension_is_here())
		leave(CF_SLOT_ABSENT);
	PushActiveSnapshot(GetTransactionSnapshot());
	cf_worker_become();
}

void
cf_worker_become(void)
{
	Oid			role = get_role_oid("cloudflux_worker", true);

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"cloudflux_worker\" does not exist"),
				 errhint("Create it again with NOLOGIN, or drop and create the extension.")));
	GetUserIdAndSecContext(&saved_user, &saved_context_flags);
	SetUserIdAndSecContext(role, saved_context_flags | SECURITY_LOCAL_USERID_CHANGE);
	became = true;
}

void
cf_worker_act_for(Oid role)
{
	acts_for = role;
}

Oid
cf_worker_acts_for(void)
{
	return acts_for;
}

/* become_again gives the process back its own user. After an ERROR the server has done it already. */
static void
become_again(void)
{
	if (became)
		SetUserIdAndSecContext(saved_user, saved_context_flags);
	became = false;
}

void
cf_worker_commit(void)
{
	if (slot == NULL)
	{
		become_again();
		if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
			elog(ERROR, "could not connect to SPI");
		SPI_commit();
		if (SPI_finish() != SPI_OK_FINISH)
			elog(ERROR, "could not finish SPI");
		return;
	}
	/* Deferred triggers still run as the worker's role, hence the order. */
	PopActiveSnapshot();
	CommitTransactionCommand();
	become_again();
	MemoryContextSwitchTo(saved_memory);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/*
 * extension_is_here locks the extension for this transaction and tells whether it is installed, in a version
 * that this library can serve. A schema of its name would prove nothing.
 */
static bool
extension_is_here(void)
{
	Oid			extension = get_extension_oid("cloudflux", true);

	while (OidIsValid(extension))
	{
		Oid			locked = extension;

		LockDatabaseObject(ExtensionRelationId, locked, 0, AccessShareLock);
		extension = get_extension_oid("cloudflux", true);
		if (extension == locked)
			break;
		UnlockDatabaseObject(ExtensionRelationId, locked, 0, AccessShareLock);
	}
	return OidIsValid(extension) && cf_abi_serves(LOG);
}

/* leave ends the worker for good; the launcher learns why from the slot. */
static void
leave(CfSlotState why)
{
	AbortCurrentTransaction();
	slot->state = why;
	proc_exit(0);
}

void
cf_worker_attend(void)
{
	CHECK_FOR_INTERRUPTS();
	if (slot != NULL && ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

void
cf_worker_wait(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
					 CF_WAIT_EVENT(wait_event, "CloudfluxWorkerIdle"));
	ResetLatch(MyLatch);
	cf_worker_attend();
}

void
cf_worker_idle_at_most(int ms)
{
	idle_at_most_ms = Min(idle_at_most_ms, ms);
}

void
cf_worker_collect_for(int ms)
{
	cf_worker_idle_at_most(ms);
	collecting = true;
}

void
cf_worker_deaf(bool deaf)
{
	if (slot != NULL)
		slot->deaf = deaf;
}

bool
cf_worker_interrupt(void *ctx)
{
	if (!InterruptPending)
		return false;
	if (ProcSignalBarrierPending && InterruptHoldoffCount == 0 && CritSectionCount == 0)
	{
		MemoryContext context = CurrentMemoryContext;

		/* A barrier that could not be absorbed stays pending; the next CHECK_FOR_INTERRUPTS tells why. */
		PG_TRY();
		{
			ProcessProcSignalBarrier();
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(context);
			FlushErrorState();
		}
		PG_END_TRY();
	}
	return QueryCancelPending || ProcDiePending;
}

/*
 * Being woken. A latch of a process is found by its place in ProcGlobal; a stale place wakes somebody for
 * nothing, which a latch allows. So no lock is taken at a user's commit.
 *
 * A worker that is deaf is left alone. Nothing is missed: it hears again before it takes the snapshot of its next look, and who
 * commits after that snapshot (both under ProcArrayLock) finds it so.
 */
static uint32 wake_at_commit = 0;

static void
wake_kinds(uint32 mask)
{
	int			i;

	if (cf_slots == NULL)
		return;
	for (i = 0; i < cf_slots->nslots; i++)
	{
		CfSlot	   *other = &cf_slots->slots[i];

		if (other->dboid == MyDatabaseId && other->kind >= 0 && (mask & (1u << other->kind)) != 0 && !other->deaf)
			cf_slots_set_latch(other->procno);
	}
}

static uint32
mask_of_kind(const char *kind)
{
	int			i;

	for (i = 0; i < kind_count; i++)
	{
		if (strcmp(kinds[i]->name, kind) == 0)
			return 1u << i;
	}
	return 0;
}

/* wake_at_end is this process's transaction callback; nothing in it can raise. */
static void
wake_at_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && wake_at_commit != 0)
		wake_kinds(wake_at_commit);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		wake_at_commit = 0;
}

void
cf_worker_wake(const char *kind)
{
	wake_kinds(mask_of_kind(kind));
}

void
cf_worker_wake_on_commit(const char *kind)
{
	static bool registered = false;

	if (cf_slots == NULL)
		return;
	if (!registered)
		RegisterXactCallback(wake_at_end, NULL);
	registered = true;
	wake_at_commit |= mask_of_kind(kind);
}

/* end_at_once is the last that is left to do: the server's own callbacks have run, those of shared memory among them. */
static void
end_at_once(int code, Datum arg)
{
	_exit(code);
}

void
cf_worker_has_threads(void)
{
	static bool registered = false;

	if (!registered && slot != NULL)
		on_proc_exit(end_at_once, (Datum) 0);
	registered = true;
}

/* cf_worker_main is the entry of the process: arg is the number of its slot, bgw_extra the slot's generation. */
void
cf_worker_main(Datum arg)
{
	int32		generation;
	char		name[BGW_MAXLEN];

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();

	memcpy(&generation, MyBgworkerEntry->bgw_extra, sizeof(generation));
	if (cf_slots == NULL || !cf_slots_attach(DatumGetInt32(arg), generation))
		proc_exit(0);
	slot = &cf_slots->slots[DatumGetInt32(arg)];
	BackgroundWorkerInitializeConnectionByOid(slot->dboid, InvalidOid, 0);
	set_session();
	if (slot->kind == CF_SLOT_PROBE)
		probe();
	my_kind = kinds[slot->kind];
	snprintf(name, sizeof(name), "cloudflux %s", my_kind->name);
	SetConfigOption("application_name", name, PGC_USERSET, PGC_S_SESSION);
	pgstat_report_activity(STATE_IDLE, NULL);
	work();
}

/* set_session undoes what ALTER DATABASE or postgresql.conf may have set for users and would break a worker. */
static void
set_session(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"session_replication_role", "origin"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"row_security", "on"},
	};
	int			i;

	for (i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

/* probe tells the launcher whether this database has the extension, and ends. */
static void
probe(void)
{
	bool		here;

	StartTransactionCommand();
	here = extension_is_here();
	CommitTransactionCommand();
	slot->state = here ? CF_SLOT_PRESENT : CF_SLOT_ABSENT;
	proc_exit(0);
}

/* run_step calls the step and catches for good what it raises; false when it raised. */
static bool
run_step(MemoryContext loop, CfWorkerResult *result)
{
	volatile bool done = false;

	PG_TRY();
	{
		*result = my_kind->step();
		if (IsTransactionState())
			elog(ERROR, "step of worker \"%s\" left a transaction open", my_kind->name);
		done = true;
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(loop);
		EmitErrorReport();
		AbortCurrentTransaction();
		LWLockReleaseAll();
		FlushErrorState();
		MemoryContextSwitchTo(loop);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	return done;
}

/* work is the loop: one step, then again at once, or wait; after an ERROR wait longer each time. */
static void
work(void)
{
	MemoryContext loop = AllocSetContextCreate(TopMemoryContext, "cloudflux worker",
											   ALLOCSET_DEFAULT_SIZES);
	long		backoff_ms = BACKOFF_MIN_MS;

	idle_at_most_ms = my_kind->idle_ms;
	cf_worker_deaf(false);
	for (;;)
	{
		CfWorkerResult result = CF_WORKER_IDLE;

		MemoryContextSwitchTo(loop);
		MemoryContextReset(loop);
		cf_worker_attend();
		slot->state = CF_SLOT_BUSY;
		if (run_step(loop, &result))
		{
			backoff_ms = BACKOFF_MIN_MS;
			if (result == CF_WORKER_MORE)
			{
				slot->active_at = GetCurrentTimestamp();
				continue;
			}
			slot->state = CF_SLOT_IDLE;
			cf_worker_deaf(collecting);
			cf_worker_wait(idle_at_most_ms);
			cf_worker_deaf(false);
			collecting = false;
			idle_at_most_ms = my_kind->idle_ms;
			continue;
		}
		slot->failures++;
		slot->state = CF_SLOT_BACKING_OFF;
		if (my_kind->cleanup != NULL)
			my_kind->cleanup();
		pgstat_report_stat(true);
		pgstat_report_activity(STATE_IDLE, NULL);
		cf_worker_wait(backoff_ms);
		backoff_ms = Min(backoff_ms * 2, BACKOFF_MAX_MS);
	}
}
