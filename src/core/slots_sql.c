/*
 * slots_sql.c
 *		The shared table of workers and the function that shows it.
 *
 * A worker that ends clears its slot in an exit callback. A worker that is killed cannot, but then the
 * postmaster restarts the cluster and makes the table anew.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/rls.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/shmem.h"
#include "core/shmem_hooks.h"
#include "core/slots.h"

CfSlots    *cf_slots = NULL;

static CfSlot *my_slot = NULL;
static uint32 wait_event = 0;

/* slots_size is for as many workers as the server could ever run. */
static Size
slots_size(void)
{
	return add_size(offsetof(CfSlots, slots), mul_size(max_worker_processes, sizeof(CfSlot)));
}

static void
slots_setup(void *mem)
{
	CfSlots    *slots = mem;
	int			i;

	slots->launcher_procno = -1;
	slots->nslots = max_worker_processes;
	for (i = 0; i < slots->nslots; i++)
		slots->slots[i].procno = -1;
}

void
cf_slots_init(void)
{
	cf_shmem_register_sized("cloudflux workers", slots_size, slots_setup, (void **) &cf_slots);
}

void
cf_slots_lock(bool exclusive)
{
	LWLockAcquire(cf_shmem_lock(), exclusive ? LW_EXCLUSIVE : LW_SHARED);
}

void
cf_slots_unlock(void)
{
	LWLockRelease(cf_shmem_lock());
}

/* detach is the exit callback of a worker: nobody wakes or counts it any more, and the launcher looks. */
static void
detach(int code, Datum arg)
{
	if (my_slot == NULL)
		return;
	cf_slots_lock(true);
	my_slot->pid = 0;
	my_slot->procno = -1;
	if (my_slot->state != CF_SLOT_ABSENT && my_slot->state != CF_SLOT_PRESENT)
		my_slot->state = CF_SLOT_EXITED;
	my_slot = NULL;
	cf_slots_unlock();
	cf_slots_set_latch(cf_slots->launcher_procno);
}

bool
cf_slots_attach(int number, int32 generation)
{
	CfSlot	   *slot = &cf_slots->slots[number];
	bool		wanted;

	cf_slots_lock(true);
	wanted = slot->generation == generation && slot->state == CF_SLOT_STARTING;
	if (wanted && cf_slots_barred(slot->dboid))
	{
		slot->state = CF_SLOT_EXITED;
		wanted = false;
	}
	if (wanted)
	{
		slot->pid = MyProcPid;
		slot->procno = MyProc - ProcGlobal->allProcs;
		slot->started_at = slot->active_at = GetCurrentTimestamp();
		slot->state = CF_SLOT_BUSY;
		my_slot = slot;
	}
	cf_slots_unlock();
	if (wanted)
		before_shmem_exit(detach, (Datum) 0);
	return wanted;
}

void
cf_slots_set_latch(int procno)
{
	if (procno >= 0)
		SetLatch(&ProcGlobal->allProcs[procno].procLatch);
}

bool
cf_slots_barred(Oid dboid)
{
	int			i;

	for (i = 0; i < CF_SLOT_BARS; i++)
	{
		if (cf_slots->bars[i].dboid == dboid)
			return true;
	}
	return false;
}

void
cf_slots_bar(Oid dboid)
{
	int			i;

	cf_slots_lock(true);
	for (i = 0; i < CF_SLOT_BARS; i++)
	{
		CfSlotBar  *bar = &cf_slots->bars[i];

		if (bar->dboid != InvalidOid)
			continue;
		bar->dboid = dboid;
		bar->pid = MyProcPid;
		break;
	}
	cf_slots_unlock();
}

void
cf_slots_unbar(Oid dboid)
{
	int			i;

	cf_slots_lock(true);
	for (i = 0; i < CF_SLOT_BARS; i++)
	{
		CfSlotBar  *bar = &cf_slots->bars[i];

		if (bar->dboid == dboid && bar->pid == MyProcPid)
		{
			bar->dboid = InvalidOid;
			bar->pid = 0;
			break;
		}
	}
	cf_slots_unlock();
	cf_slots_set_latch(cf_slots->launcher_procno);
}

/* signal_workers sends SIGTERM to the workers of a database and tells how many there are. */
static int
signal_workers(Oid dboid)
{
	int			alive = 0;
	int			i;

	cf_slots_lock(false);
	for (i = 0; i < cf_slots->nslots; i++)
	{
		CfSlot	   *slot = &cf_slots->slots[i];

		if (slot->dboid != dboid || slot->pid == 0)
			continue;
		alive++;
		kill(slot->pid, SIGTERM);
	}
	cf_slots_unlock();
	return alive;
}

bool
cf_slots_end_workers(Oid dboid, long timeout_ms)
{
	int64		deadline_us = cf_clock_monotonic_us() + timeout_ms * 1000;

	while (signal_workers(dboid) > 0)
	{
		if (cf_clock_monotonic_us() > deadline_us)
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10,
						 CF_WAIT_EVENT(wait_event, "CloudfluxEndWorkers"));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

void
cf_slots_ask(Oid dboid)
{
	int			i;

	cf_slots_lock(true);
	for (i = 0; i < CF_SLOT_BARS; i++)
	{
		if (cf_slots->asked[i] != InvalidOid && cf_slots->asked[i] != dboid)
			continue;
		cf_slots->asked[i] = dboid;
		break;
	}
	if (i == CF_SLOT_BARS)
		cf_slots->asked_all = true;
	cf_slots_unlock();
	cf_slots_set_latch(cf_slots->launcher_procno);
}

static const char *const state_names[CF_SLOT_STATES] = {
	[CF_SLOT_FREE] = "free",
	[CF_SLOT_WAITING] = "waiting",
	[CF_SLOT_STARTING] = "starting",
	[CF_SLOT_BUSY] = "busy",
	[CF_SLOT_IDLE] = "idle",
	[CF_SLOT_BACKING_OFF] = "backing off",
	[CF_SLOT_EXITED] = "waiting",
	[CF_SLOT_ABSENT] = "waiting",
	[CF_SLOT_PRESENT] = "waiting",
};

/* put_worker adds one row: what a slot says, or the launcher, which has none. */
static void
put_worker(ReturnSetInfo *rsinfo, const char *kind, const CfSlot *slot, const char *state)
{
	Datum		values[9];
	bool		nulls[9] = {false};

	values[0] = CStringGetTextDatum(kind);
	values[1] = ObjectIdGetDatum(slot->dboid);
	nulls[1] = slot->dboid == InvalidOid;
	values[2] = Int32GetDatum(slot->index);
	values[3] = Int32GetDatum(slot->pid);
	nulls[3] = slot->pid == 0;
	values[4] = CStringGetTextDatum(state);
	values[5] = TimestampTzGetDatum(slot->started_at);
	nulls[5] = slot->pid == 0;
	values[6] = TimestampTzGetDatum(slot->active_at);
	nulls[6] = slot->active_at == 0;
	values[7] = Int32GetDatum(slot->failures);
	values[8] = TimestampTzGetDatum(slot->next_start_at);
	nulls[8] = slot->pid != 0 || slot->next_start_at == 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* list_workers() shows the launcher and every wanted worker of the server; no row without preload. */
PG_FUNCTION_INFO_V1(cloudflux_list_workers);
Datum
cloudflux_list_workers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CfSlot		launcher = {0};
	CfSlot	   *copy;
	int			nslots;
	int			i;

	CF_ABI_CHECK();
	InitMaterializedSRF(fcinfo, 0);
	if (cf_slots == NULL)
		return (Datum) 0;

	/* Copied first: nothing that can fail runs under the lock. */
	nslots = cf_slots->nslots;
	copy = palloc(sizeof(CfSlot) * nslots);
	cf_slots_lock(false);
	memcpy(copy, cf_slots->slots, sizeof(CfSlot) * nslots);
	launcher.pid = cf_slots->launcher_pid;
	launcher.started_at = launcher.active_at = cf_slots->launcher_started_at;
	cf_slots_unlock();

	put_worker(rsinfo, "launcher", &launcher, launcher.pid != 0 ? "idle" : "waiting");
	for (i = 0; i < nslots; i++)
	{
		if (copy[i].state != CF_SLOT_FREE && copy[i].kind != CF_SLOT_PROBE)
			put_worker(rsinfo, cf_worker_kind(copy[i].kind)->name, &copy[i],
					   state_names[copy[i].state]);
	}
	return (Datum) 0;
}

/* unmet_workers() tells how many workers the server has no free slot for, and since when; NULLs when all run. */
PG_FUNCTION_INFO_V1(cloudflux_unmet_workers);
Datum
cloudflux_unmet_workers(PG_FUNCTION_ARGS)
{
	TupleDesc	tupdesc;
	Datum		values[3];
	bool		nulls[3] = {false};

	CF_ABI_CHECK();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = BoolGetDatum(cf_slots != NULL);
	values[1] = Int32GetDatum(cf_slots != NULL ? cf_slots->unmet : 0);
	nulls[2] = cf_slots == NULL || cf_slots->unmet_since == 0;
	values[2] = nulls[2] ? (Datum) 0 : TimestampTzGetDatum(cf_slots->unmet_since);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}

static bool ask_at_commit = false;

/* ask_at_end is this process's transaction callback: an aborted CREATE EXTENSION wakes nobody. */
static void
ask_at_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && ask_at_commit)
		cf_slots_ask(MyDatabaseId);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		ask_at_commit = false;
}

/*
 * wake_launcher() makes the launcher look into this database once the transaction commits. A session that
 * restores a dump (it says row_security = off, as pg_dump's scripts do) keeps the workers out until it ends,
 * or they would make partitions and rows that the rest of the dump makes too.
 */
PG_FUNCTION_INFO_V1(cloudflux_wake_launcher);
Datum
cloudflux_wake_launcher(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	CF_ABI_CHECK();
	if (cf_slots == NULL)
		PG_RETURN_VOID();
	if (!registered)
		RegisterXactCallback(ask_at_end, NULL);
	registered = true;
	ask_at_commit = true;
	if (!row_security)
		cf_slots_bar(MyDatabaseId);
	PG_RETURN_VOID();
}
