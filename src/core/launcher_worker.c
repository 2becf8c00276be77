/*
 * launcher_worker.c
 *		Keeps the wanted workers running: one static background worker per server that reconciles.
 *
 * Every ten seconds, and whenever its latch is set (a worker came or went, an extension was created, the
 * configuration changed), the launcher compares what is wanted (databases that have the extension × kinds ×
 * count) with the slots, and starts, ends and forgets. It remembers no edges: a lost signal costs ten seconds.
 *
 * It is connected to no database and sees shared catalogs only, which do not show extensions. So a one-shot
 * probe looks into each database: at start, when asked, and again every five minutes where it found nothing.
 *
 * A worker is never restarted by the postmaster (each SIGKILL would leave one worker more), only here, after a
 * back-off that doubles while the worker does not live for a healthy minute. When the server has no free slot
 * for it, one WARNING is logged, health() shows it, and the launcher goes on trying.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "core/compat.h"
#include "core/core_private.h"
#include "core/slots.h"

#define ROUND_MS 10000
#define PROBE_AGAIN_MS (5 * 60 * 1000)
#define PROBES_AT_ONCE 4
#define HEALTHY_MS 60000
#define RESTART_MIN_MS 250
#define RESTART_MAX_MS 60000
#define START_TIMEOUT_MS 60000

extern PGDLLEXPORT void cf_launcher_main(Datum arg);

typedef enum Presence
{
	PRESENCE_UNKNOWN,			/* to be probed */
	PRESENCE_NO,
	PRESENCE_YES
} Presence;

typedef struct Database
{
	Oid			oid;
	Presence	presence;
	TimestampTz probe_at;		/* when to look (again) */
	bool		listed;			/* seen in this round's scan of pg_database */
} Database;

/* What the launcher knows of each database; lost with it, and found again by probing. */
static List *databases = NIL;
static MemoryContext launcher_context;
static BackgroundWorkerHandle **handles;	/* per slot; NULL = none of ours */
static bool warned = false;
static TimestampTz next_round_at;

static void round_once(void);

void
cf_launcher_init(void)
{
	BackgroundWorker worker;

	if (!process_shared_preload_libraries_in_progress)
		return;
	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 5;
	strlcpy(worker.bgw_library_name, "cloudflux", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "cf_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "cloudflux launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "cloudflux launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* launcher_gone is the exit callback: nobody should wake whoever gets our place in ProcGlobal next. */
static void
launcher_gone(int code, Datum arg)
{
	cf_slots_lock(true);
	cf_slots->launcher_pid = 0;
	cf_slots->launcher_procno = -1;
	cf_slots_unlock();
}

static void
announce(void)
{
	before_shmem_exit(launcher_gone, (Datum) 0);
	cf_slots_lock(true);
	cf_slots->launcher_pid = MyProcPid;
	cf_slots->launcher_procno = MyProc - ProcGlobal->allProcs;
	cf_slots->launcher_started_at = GetCurrentTimestamp();
	cf_slots_unlock();
}

/* cf_launcher_main is the entry of the process. An ERROR ends it with code 1, and it comes back in 5 s. */
void
cf_launcher_main(Datum arg)
{
	uint32		wait_event = 0;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	if (cf_slots == NULL)
		proc_exit(0);
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	SetConfigOption("application_name", "cloudflux launcher", PGC_USERSET, PGC_S_SESSION);
	launcher_context = AllocSetContextCreate(TopMemoryContext, "cloudflux launcher",
											 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(launcher_context);
	handles = palloc0(sizeof(BackgroundWorkerHandle *) * cf_slots->nslots);
	announce();

	for (;;)
	{
		long		wait_ms;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		round_once();
		pgstat_report_activity(STATE_IDLE, NULL);
		wait_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next_round_at);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(wait_ms, 1), CF_WAIT_EVENT(wait_event, "CloudfluxLauncherIdle"));
		ResetLatch(MyLatch);
	}
}

/* due_in shortens the wait until the next round. */
static void
due_in(TimestampTz moment)
{
	if (moment < next_round_at)
		next_round_at = moment;
}

static Database *
find_database(Oid oid)
{
	ListCell   *cell;

	foreach(cell, databases)
	{
		Database   *database = lfirst(cell);

		if (database->oid == oid)
			return database;
	}
	return NULL;
}

/* wanted_name applies cloudflux.databases; the two templates of initdb are never connected to. */
static bool
wanted_name(const char *name, List *names)
{
	ListCell   *cell;

	if (strcmp(name, "template0") == 0 || strcmp(name, "template1") == 0)
		return false;
	if (names == NIL)
		return true;
	foreach(cell, names)
	{
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	}
	return false;
}

/* list_databases makes the list agree with pg_database and the setting. */
static void
list_databases(void)
{
	List	   *names = NIL;
	ListCell   *cell;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	foreach(cell, databases)
		((Database *) lfirst(cell))->listed = false;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	(void) SplitIdentifierString(pstrdup(cf_core_databases), ',', &names);
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		Database   *database = find_database(form->oid);

		if (!form->datallowconn || !wanted_name(NameStr(form->datname), names))
			continue;
		if (database == NULL)
		{
			MemoryContext old = MemoryContextSwitchTo(launcher_context);

			database = palloc0(sizeof(Database));
			database->oid = form->oid;
			databases = lappend(databases, database);
			MemoryContextSwitchTo(old);
		}
		database->listed = true;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(launcher_context);
}

/* forget_databases drops from the list what list_databases did not see. */
static void
forget_databases(void)
{
	ListCell   *cell;

	foreach(cell, databases)
	{
		Database   *database = lfirst(cell);

		if (database->listed)
			continue;
		databases = foreach_delete_current(databases, cell);
		pfree(database);
	}
}

/* take_questions reads and clears what sessions asked, and lifts bars whose process is gone. Holds the lock. */
static void
take_questions(void)
{
	ListCell   *cell;
	int			i;

	for (i = 0; i < CF_SLOT_BARS; i++)
	{
		CfSlotBar  *bar = &cf_slots->bars[i];

		if (bar->dboid != InvalidOid && BackendPidGetProc(bar->pid) == NULL)
			bar->dboid = InvalidOid;
	}
	foreach(cell, databases)
	{
		Database   *database = lfirst(cell);
		bool		asked = cf_slots->asked_all;

		for (i = 0; i < CF_SLOT_BARS && !asked; i++)
			asked = cf_slots->asked[i] == database->oid;
		if (asked && database->presence != PRESENCE_YES)
		{
			database->presence = PRESENCE_UNKNOWN;
			database->probe_at = 0;
		}
	}
	memset(cf_slots->asked, 0, sizeof(cf_slots->asked));
	cf_slots->asked_all = false;
}

/* wanted tells whether the worker of a slot should (still) run. */
static bool
wanted(const CfSlot *slot)
{
	Database   *database = find_database(slot->dboid);

	if (database == NULL || cf_slots_barred(slot->dboid))
		return false;
	if (slot->kind == CF_SLOT_PROBE)
		return true;
	return database->presence == PRESENCE_YES &&
		slot->index < cf_worker_kind(slot->kind)->count();
}

static void
free_slot(int number)
{
	CfSlot	   *slot = &cf_slots->slots[number];
	int32		generation = slot->generation;

	memset(slot, 0, sizeof(*slot));
	slot->generation = generation + 1;
	slot->procno = -1;
	if (handles[number] != NULL)
		pfree(handles[number]);
	handles[number] = NULL;
}

/* schedule_restart decides when a worker that ended comes back: at once after a healthy life, else later each time. */
static void
schedule_restart(CfSlot *slot, TimestampTz now)
{
	int			delay_ms = RESTART_MIN_MS;

	if (slot->started_at != 0 &&
		TimestampDifferenceExceeds(slot->started_at, now, HEALTHY_MS))
		slot->exits = 0;
	delay_ms <<= Min(slot->exits, 8);
	slot->exits++;
	slot->state = CF_SLOT_WAITING;
	slot->next_start_at = TimestampTzPlusMilliseconds(now, Min(delay_ms, RESTART_MAX_MS));
}

/* never_came is true for a registered process that ended, or vanished, before it claimed its slot. */
static bool
never_came(int number, TimestampTz now)
{
	CfSlot	   *slot = &cf_slots->slots[number];
	pid_t		pid;

	if (slot->state != CF_SLOT_STARTING)
		return false;
	if (handles[number] != NULL)
		return GetBackgroundWorkerPid(handles[number], &pid) == BGWH_STOPPED;
	return TimestampDifferenceExceeds(slot->next_start_at, now, START_TIMEOUT_MS);
}

/* settle_slot follows up on one slot: what its process said at its end, and whether it is still wanted. */
static void
settle_slot(int number, TimestampTz now)
{
	CfSlot	   *slot = &cf_slots->slots[number];
	Database   *database = find_database(slot->dboid);

	if (never_came(number, now))
	{
		slot->generation++;
		slot->state = CF_SLOT_EXITED;
	}
	if (slot->pid == 0 && database != NULL &&
		(slot->state == CF_SLOT_PRESENT || slot->state == CF_SLOT_ABSENT))
	{
		database->presence = slot->state == CF_SLOT_PRESENT ? PRESENCE_YES : PRESENCE_NO;
		database->probe_at = TimestampTzPlusMilliseconds(now, PROBE_AGAIN_MS);
	}
	if (!wanted(slot) || slot->state == CF_SLOT_PRESENT || slot->state == CF_SLOT_ABSENT)
	{
		if (slot->pid != 0)
			kill(slot->pid, SIGTERM);
		else if (slot->state != CF_SLOT_STARTING)
			free_slot(number);
		return;
	}
	if (slot->state == CF_SLOT_EXITED)
		schedule_restart(slot, now);
}

static bool
slot_exists(Oid dboid, int kind, int index)
{
	int			i;

	for (i = 0; i < cf_slots->nslots; i++)
	{
		CfSlot	   *slot = &cf_slots->slots[i];

		if (slot->state != CF_SLOT_FREE && slot->dboid == dboid && slot->kind == kind &&
			slot->index == index)
			return true;
	}
	return false;
}

/* give_slot makes a slot for a wanted worker; false when the table is full. */
static bool
give_slot(Oid dboid, int kind, int index, TimestampTz now)
{
	int			i;

	if (slot_exists(dboid, kind, index))
		return true;
	for (i = 0; i < cf_slots->nslots; i++)
	{
		CfSlot	   *slot = &cf_slots->slots[i];

		if (slot->state != CF_SLOT_FREE)
			continue;
		slot->dboid = dboid;
		slot->kind = kind;
		slot->index = index;
		slot->next_start_at = now;
		slot->state = CF_SLOT_WAITING;
		return true;
	}
	return false;
}

/* give_slots makes the slots that are missing, and tells how many did not fit. */
static int
give_slots(TimestampTz now)
{
	ListCell   *cell;
	int			probes = 0;
	int			unmet = 0;
	int			i;

	for (i = 0; i < cf_slots->nslots; i++)
		probes += cf_slots->slots[i].state != CF_SLOT_FREE && cf_slots->slots[i].kind == CF_SLOT_PROBE;
	foreach(cell, databases)
	{
		Database   *database = lfirst(cell);
		int			kind;
		int			index;

		if (cf_slots_barred(database->oid))
			continue;
		if (database->presence != PRESENCE_YES)
		{
			if (database->probe_at > now)
				due_in(database->probe_at);
			else if (slot_exists(database->oid, CF_SLOT_PROBE, 0))
				continue;
			else if (probes < PROBES_AT_ONCE && give_slot(database->oid, CF_SLOT_PROBE, 0, now))
				probes++;
			continue;
		}
		for (kind = 0; kind < cf_worker_kind_count(); kind++)
		{
			for (index = 0; index < cf_worker_kind(kind)->count(); index++)
				unmet += !give_slot(database->oid, kind, index, now);
		}
	}
	return unmet;
}

/* register_worker asks the postmaster for the process of a slot; false = it has no free slot. */
static bool
register_worker(int number)
{
	CfSlot	   *slot = &cf_slots->slots[number];
	const char *kind = slot->kind == CF_SLOT_PROBE ? "probe" : cf_worker_kind(slot->kind)->name;
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION |
		CF_WORKER_INTERRUPTIBLE;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "cloudflux", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "cf_worker_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "cloudflux %s %d", kind, slot->index);
	snprintf(worker.bgw_type, BGW_MAXLEN, "cloudflux %s", kind);
	worker.bgw_main_arg = Int32GetDatum(number);
	memcpy(worker.bgw_extra, &slot->generation, sizeof(slot->generation));
	worker.bgw_notify_pid = MyProcPid;
	if (handles[number] != NULL)
		pfree(handles[number]);
	handles[number] = NULL;
	return RegisterDynamicBackgroundWorker(&worker, &handles[number]);
}

/* start_due starts what is due; what the server has no room for is due again in the next round. */
static void
start_due(TimestampTz now)
{
	int			i;

	for (i = 0; i < cf_slots->nslots; i++)
	{
		CfSlot	   *slot = &cf_slots->slots[i];
		bool		due;

		cf_slots_lock(true);
		due = slot->state == CF_SLOT_WAITING && slot->next_start_at <= now;
		if (slot->state == CF_SLOT_WAITING && !due)
			due_in(slot->next_start_at);
		if (due)
		{
			slot->generation++;
			slot->state = CF_SLOT_STARTING;
			slot->next_start_at = now;
		}
		cf_slots_unlock();
		if (!due)
			continue;
		slot->refused = !register_worker(i);
		if (!slot->refused)
			continue;
		cf_slots_lock(true);
		slot->state = CF_SLOT_WAITING;
		slot->next_start_at = TimestampTzPlusMilliseconds(now, ROUND_MS);
		cf_slots_unlock();
	}
}

/* report_unmet tells health() and, once, the log how many workers have no room in the table or in the server. */
static void
report_unmet(int unmet, TimestampTz now)
{
	int			i;

	for (i = 0; i < cf_slots->nslots; i++)
		unmet += cf_slots->slots[i].state == CF_SLOT_WAITING && cf_slots->slots[i].refused;
	cf_slots->unmet = unmet;
	if (unmet == 0)
	{
		cf_slots->unmet_since = 0;
		warned = false;
		return;
	}
	if (cf_slots->unmet_since == 0)
		cf_slots->unmet_since = now;
	if (warned)
		return;
	warned = true;
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("the server has no free slot for %d cloudflux workers", unmet),
			 errhint("Raise \"max_worker_processes\"; cloudflux tries again every ten seconds.")));
}

/* round_once makes what runs agree with what is wanted. */
static void
round_once(void)
{
	TimestampTz now = GetCurrentTimestamp();
	int			unmet;
	int			i;

	next_round_at = TimestampTzPlusMilliseconds(now, ROUND_MS);
	list_databases();
	cf_slots_lock(true);
	forget_databases();
	take_questions();
	for (i = 0; i < cf_slots->nslots; i++)
	{
		if (cf_slots->slots[i].state != CF_SLOT_FREE)
			settle_slot(i, now);
	}
	unmet = give_slots(now);
	cf_slots_unlock();
	start_due(now);
	report_unmet(unmet, now);
}
