/*
 * chores_sql.c
 *		The engine behind run_chores() and the keeper: due chores, one transaction each, under one lock.
 *
 * A chore is a function that a room registered as a row of cloudflux.chores. For each one that is due:
 * begin_chore() picks it and writes its row of the ledger, commit; run_chore() calls the function, catches what
 * it raises and completes the row, commit. So a failing chore costs the others nothing, and a crash leaves a row
 * that says "running", which the next round marks as failed.
 *
 * Chores run as cloudflux_worker, whoever calls: the same rights at night by pg_cron as by the keeper. One round
 * at a time per database (a session's advisory lock, since the round spans transactions).
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/chores.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "core/worker.h"

/* The two halves of the advisory lock's key, as in pg_locks: "clou", "chor". */
#define LOCK_CLASS 0x636c6f75
#define LOCK_OBJECT 0x63686f72

static CfSpiPlan begin_chore = {
	"SELECT run_id, function_name FROM cloudflux.begin_chore($1, $2)",
	2, {TEXTOID, TIMESTAMPTZOID}
};
static CfSpiPlan run_chore = {
	"SELECT cloudflux.run_chore($1, $2)", 2, {INT8OID, TEXTOID}
};
static CfSpiPlan next_chore = {
	"SELECT cloudflux.next_chore_at()", 0, {0}
};

/* run_next runs the chore that is due longest (or the named one); false when none is left. */
static bool
run_next(const char *only, TimestampTz round_at)
{
	Datum		values[2];
	bool		nulls[2] = {false};
	bool		found;
	int64		run_id = 0;
	char	   *function = NULL;
	MemoryContext outer = CurrentMemoryContext;

	cf_worker_begin("choosing a chore");
	cf_worker_become();
	cf_spi_begin();
	nulls[0] = only == NULL;
	values[0] = only == NULL ? (Datum) 0 : CStringGetTextDatum(only);
	values[1] = TimestampTzGetDatum(round_at);
	found = cf_spi_run(&begin_chore, values, nulls) > 0;
	if (found)
	{
		run_id = cf_spi_int64(0, 1, NULL);
		function = MemoryContextStrdup(outer, cf_spi_text(0, 2));
	}
	cf_spi_end();
	cf_worker_commit();
	if (!found)
		return false;

	cf_worker_begin(function);
	cf_worker_become();
	cf_spi_begin();
	values[0] = Int64GetDatum(run_id);
	values[1] = CStringGetTextDatum(function);
	cf_spi_run(&run_chore, values, NULL);
	cf_spi_end();
	cf_worker_commit();
	pfree(function);
	return true;
}

/* run_round runs all that is due, or the named one; what becomes due meanwhile is for the next round. */
static void
run_round(const char *only)
{
	TimestampTz round_at = GetCurrentTimestamp();

	while (run_next(only, round_at))
	{
		cf_worker_attend();
		if (only != NULL)
			break;
	}
}

bool
cf_chores_run(const char *only)
{
	LOCKTAG		tag;

	/* Who asks for one chore by name wants it done, and waits; a round gives way, the other one does the same. */
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, LOCK_CLASS, LOCK_OBJECT, 2);
	if (LockAcquire(&tag, ExclusiveLock, true, only == NULL) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	PG_TRY();
	{
		run_round(only);
	}
	PG_FINALLY();
	{
		LockRelease(&tag, ExclusiveLock, true);
	}
	PG_END_TRY();
	return true;
}

TimestampTz
cf_chores_next_at(void)
{
	TimestampTz next = DT_NOEND;
	bool		isnull;
	Datum		value;

	cf_worker_begin("looking for due chores");
	cf_spi_begin();
	cf_spi_run(&next_chore, NULL, NULL);
	value = cf_spi_datum(0, 1, &isnull);
	if (!isnull)
		next = DatumGetTimestampTz(value);
	cf_spi_end();
	cf_worker_commit();
	return next;
}

/* run_chores(chore) runs what is due, or the one that is named, at once and in the foreground. */
PG_FUNCTION_INFO_V1(cloudflux_run_chores);
Datum
cloudflux_run_chores(PG_FUNCTION_ARGS)
{
	char	   *only = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("CALL cloudflux.run_chores()");
	PreventCommandDuringRecovery("CALL cloudflux.run_chores()");
	cf_call_require_nonatomic(fcinfo, "run_chores");
	if (!cf_chores_run(only))
		ereport(NOTICE,
				(errmsg("chores of this database are being run by another session"),
				 errhint("View \"cloudflux.chore_runs\" shows what it is doing.")));
	PG_RETURN_VOID();
}
