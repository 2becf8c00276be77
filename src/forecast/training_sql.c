/*
 * training_sql.c
 *		How far trainings are, seen from other sessions, and the time that one may take.
 *
 * A training is one statement, so nothing that it writes is seen before it ends. How far it is stands in shared memory instead: a slot per
 * session that trains, written by that session alone and read as it is. A slot is free again when the transaction ends, however it does.
 * Without preload there is no such memory: trainings go on unseen.
 *
 * A budget is a timer that cancels the statement like a user would; who has set it catches the cancel and asks end_training_budget() whether it
 * was the timer. A real cancel is passed on.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/shmem.h"
#include "forecast/forecast.h"
#include "forecast/training_sql.h"

#define SLOTS 64
#define PHASE_LENGTH 32

typedef struct Slot
{
	int32		pid;			/* 0 = free */
	Oid			dboid;
	TimestampTz started_at;
	int64		done;
	int64		total;			/* 0 = not known */
	char		phase[PHASE_LENGTH];
	char		model_name[NAMEDATALEN];
} Slot;

typedef struct Trainings
{
	LWLock		lock;			/* of all slots */
	int			tranche;
	Slot		slots[SLOTS];
} Trainings;

static Trainings *trainings = NULL; /* NULL without preload */
static Slot *own = NULL;
static bool prepared = false;

static TimeoutId budget = MAX_TIMEOUTS; /* not registered yet */
static volatile sig_atomic_t budget_fired = false;

PG_FUNCTION_INFO_V1(cloudflux_report_training);
PG_FUNCTION_INFO_V1(cloudflux_list_trainings);
PG_FUNCTION_INFO_V1(cloudflux_begin_training_budget);
PG_FUNCTION_INFO_V1(cloudflux_end_training_budget);

/* init_trainings runs once, in the postmaster. */
static void
init_trainings(void *mem)
{
	Trainings  *fresh = mem;

	fresh->tranche = LWLockNewTrancheId();
	LWLockInitialize(&fresh->lock, fresh->tranche);
}

/* cf_forecast_init asks for the shared memory of training_progress; called from _PG_init. */
void
cf_forecast_init(void)
{
	cf_shmem_register("cloudflux forecast", sizeof(Trainings), init_trainings, (void **) &trainings);
}

/* free_slot gives this session's slot back. */
static void
free_slot(void)
{
	if (own == NULL)
		return;
	LWLockAcquire(&trainings->lock, LW_EXCLUSIVE);
	own->pid = 0;
	LWLockRelease(&trainings->lock);
	own = NULL;
}

/* transaction_ends frees the slot with the transaction, also with one that is prepared or fails. */
static void
transaction_ends(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		free_slot();
}

/* session_ends frees the slot of a session that ends in the middle. */
static void
session_ends(int code, Datum arg)
{
	free_slot();
}

/* take_slot finds a slot for this session; where all are taken, this training goes on unseen. */
static void
take_slot(const char *model_name)
{
	if (own == NULL)
	{
		if (!prepared)
		{
			LWLockRegisterTranche(trainings->tranche, "CloudfluxForecast");
			RegisterXactCallback(transaction_ends, NULL);
			before_shmem_exit(session_ends, 0);
			prepared = true;
		}
		LWLockAcquire(&trainings->lock, LW_EXCLUSIVE);
		for (int i = 0; i < SLOTS && own == NULL; i++)
		{
			if (trainings->slots[i].pid == 0)
				own = &trainings->slots[i];
		}
		if (own != NULL)
		{
			memset(own, 0, sizeof(Slot));
			own->pid = MyProcPid;
			own->dboid = MyDatabaseId;
			own->started_at = GetCurrentTimestamp();
		}
		LWLockRelease(&trainings->lock);
	}
	if (own != NULL)
	{
		LWLockAcquire(&trainings->lock, LW_EXCLUSIVE);
		strlcpy(own->model_name, model_name, sizeof(own->model_name));
		LWLockRelease(&trainings->lock);
	}
}

void
cf_training_report(const char *phase, int64 done, int64 total)
{
	if (own == NULL || (own->done == done && own->total == total && strcmp(own->phase, phase) == 0))
		return;
	LWLockAcquire(&trainings->lock, LW_EXCLUSIVE);
	strlcpy(own->phase, phase, sizeof(own->phase));
	own->done = done;
	own->total = total;
	LWLockRelease(&trainings->lock);
}

/* cloudflux_report_training begins a phase of the training of a model; NULL = it is over. */
Datum
cloudflux_report_training(PG_FUNCTION_ARGS)
{
	CF_ABI_CHECK();
	if (trainings == NULL)
		PG_RETURN_VOID();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		free_slot();
	else
	{
		take_slot(text_to_cstring(PG_GETARG_TEXT_PP(0)));
		cf_training_report(text_to_cstring(PG_GETARG_TEXT_PP(1)), 0, 0);
	}
	PG_RETURN_VOID();
}

/* cloudflux_list_trainings gives a row per training in this database. */
Datum
cloudflux_list_trainings(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Slot	   *copy;

	CF_ABI_CHECK();
	InitMaterializedSRF(fcinfo, 0);
	if (trainings == NULL)
		return (Datum) 0;
	copy = palloc(sizeof(trainings->slots));
	LWLockAcquire(&trainings->lock, LW_SHARED);
	memcpy(copy, trainings->slots, sizeof(trainings->slots));
	LWLockRelease(&trainings->lock);
	for (int i = 0; i < SLOTS; i++)
	{
		Datum		values[6];
		bool		nulls[6] = {false};

		if (copy[i].pid == 0 || copy[i].dboid != MyDatabaseId)
			continue;
		values[0] = Int32GetDatum(copy[i].pid);
		values[1] = CStringGetTextDatum(copy[i].model_name);
		values[2] = CStringGetTextDatum(copy[i].phase);
		values[3] = Int64GetDatum(copy[i].done);
		values[4] = Int64GetDatum(copy[i].total);
		nulls[3] = nulls[4] = copy[i].total == 0;
		values[5] = TimestampTzGetDatum(copy[i].started_at);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* budget_is_over runs in a signal handler: it cancels the statement. */
static void
budget_is_over(void)
{
	budget_fired = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* cloudflux_begin_training_budget cancels what runs in so many milliseconds, unless end_training_budget() comes before. */
Datum
cloudflux_begin_training_budget(PG_FUNCTION_ARGS)
{
	int32		ms = PG_GETARG_INT32(0);

	CF_ABI_CHECK();
	if (ms < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a budget of %d ms is none", ms)));
	if (budget == MAX_TIMEOUTS)
		budget = RegisterTimeout(USER_TIMEOUT, budget_is_over);
	budget_fired = false;
	enable_timeout_after(budget, ms);
	PG_RETURN_VOID();
}

/* cloudflux_end_training_budget ends the budget and tells whether it was used up; a cancel that has just come is raised here. */
Datum
cloudflux_end_training_budget(PG_FUNCTION_ARGS)
{
	bool		fired;

	CF_ABI_CHECK();
	if (budget != MAX_TIMEOUTS)
		disable_timeout(budget, false);
	CHECK_FOR_INTERRUPTS();
	fired = budget_fired;
	budget_fired = false;
	PG_RETURN_BOOL(fired);
}
