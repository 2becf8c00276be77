/*
 * migration_sql.c
 *		What SQL and the server see of migration: settings, the table of transitions, CALL run_migrations().
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "core/settings_sql.h"
#include "core/shmem.h"
#include "core/worker.h"
#include "migration/engine_sql.h"
#include "migration/fsm.h"
#include "migration/limit.h"
#include "migration/migration.h"
#include "migration/migration_worker.h"

int			cf_migration_workers = 2;
int			cf_migration_lease_sec = 60;
int			cf_migration_attempts = 5;
int			cf_migration_part_kb = 65536;
int			cf_migration_bandwidth_kb = 0;
int			cf_migration_retry_ms = 1000;
int			cf_migration_batch = 256;
int			cf_migration_transfers = 16;
int			cf_migration_memory_mb = 64;
int			cf_migration_verify = CF_VERIFY_STORE;
static int	grace_sec = 7 * 86400;
static int	restore_limit_sec = 3 * 86400;

CfBuckets  *cf_migration_buckets = NULL;

PG_FUNCTION_INFO_V1(cloudflux_migration_transitions);
PG_FUNCTION_INFO_V1(cloudflux_migration_next);
PG_FUNCTION_INFO_V1(cloudflux_migration_status);
PG_FUNCTION_INFO_V1(cloudflux_wake_movers);
PG_FUNCTION_INFO_V1(cloudflux_run_migrations);

static const struct config_enum_entry verify_words[] = {
	{"store", CF_VERIFY_STORE, false},
	{"readback", CF_VERIFY_READBACK, false},
	{NULL, 0, false}
};

/* All settings but one are integers; a reload changes them. */
static const CfIntSetting settings[] = {
	{"cloudflux.migration_workers", "Movers per database.",
	"0 stops moving in the background; CALL cloudflux.run_migrations() still works.",
	&cf_migration_workers, 0, 32, 0},
	{"cloudflux.migration_lease_sec", "How long a mover may be silent before another takes its jobs over.", NULL,
	&cf_migration_lease_sec, 5, 3600, GUC_UNIT_S},
	{"cloudflux.migration_attempts", "Attempts of a job before it fails for good.", NULL,
	&cf_migration_attempts, 1, 100, 0},
	{"cloudflux.migration_part_size", "Size of the parts that a crash does not copy again.", NULL,
	&cf_migration_part_kb, 64, 5 * 1024 * 1024, GUC_UNIT_KB},
	{"cloudflux.migration_bandwidth", "Bytes per second that all movers of the server may copy together.",
	"0 = no limit. A change acts within a second of a reload. A place has its own limit in its option bandwidth_limit.",
	&cf_migration_bandwidth_kb, 0, INT_MAX, GUC_UNIT_KB},
	{"cloudflux.migration_retry_delay", "Longest wait before the second attempt; doubles with each one, with full jitter.",
	NULL, &cf_migration_retry_ms, 1, 300000, GUC_UNIT_MS},
	{"cloudflux.migration_batch", "Jobs that a mover claims together.", NULL,
	&cf_migration_batch, 1, 1000, 0},
	{"cloudflux.migration_transfers", "Objects that a mover moves at the same time, where one of their ends is remote.",
	"Few objects are moved in several parts at the same time instead.",
	&cf_migration_transfers, 1, CF_LANES_MAX, 0},
	{"cloudflux.migration_memory", "Memory that a mover uses for bytes on their way.",
	"Objects wait for each other when it is used up. It must hold two parts of the largest object.",
	&cf_migration_memory_mb, 16, 1024 * 1024, GUC_UNIT_MB},
	{"cloudflux.migration_grace", "How long a policy's moves keep the source before it is deleted.",
	"A person who asks for deletion in the call gives the grace there; it is 0 by default.",
	&grace_sec, 0, 3650 * 86400, GUC_UNIT_S},
	{"cloudflux.migration_restore_limit", "How long a job waits for the restoring of an archived object before it fails.",
	"Bulk restores of S3 take up to two days. What the store was asked for goes on, and is billed.",
	&restore_limit_sec, 1, 365 * 86400, GUC_UNIT_S},
};

static void
init_buckets(void *mem)
{
	memset(mem, 0, sizeof(CfBuckets));
}

void
cf_migration_init(void)
{
	cf_settings_define(settings, lengthof(settings), NULL);
	DefineCustomEnumVariable("cloudflux.migration_verify", "How a copy is compared with what was read.",
							 "store: by a digest that the store tells, where it tells one that was computed; else, and with readback always, every byte is read back.",
							 &cf_migration_verify, cf_migration_verify, verify_words, PGC_SIGHUP, 0, NULL, NULL, NULL);
	cf_shmem_register("cloudflux migration", sizeof(CfBuckets), init_buckets, (void **) &cf_migration_buckets);
	cf_migration_register_worker();
}

/* cloudflux.migration_transitions() prints the table. */
Datum
cloudflux_migration_transitions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	CF_ABI_CHECK();
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < cf_fsm_transition_count; i++)
	{
		const CfTransition *row = &cf_fsm_transitions[i];
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = CStringGetTextDatum(cf_fsm_phase_name(row->phase));
		values[1] = CStringGetTextDatum(cf_fsm_event_name(row->event));
		values[2] = CStringGetTextDatum(cf_fsm_phase_name(row->next));
		values[3] = CStringGetTextDatum(cf_fsm_phase_status(row->next));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* phase_arg reads a phase's name; an unknown one is the caller's mistake. */
static CfPhase
phase_arg(text *name)
{
	CfPhase		phase;

	if (!cf_fsm_phase_parse(text_to_cstring(name), &phase))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown phase \"%s\" of a migration job", text_to_cstring(name)),
				 errhint("Phases are listed by cloudflux.migration_transitions().")));
	return phase;
}

/* cloudflux.migration_next(phase, event): the phase that follows, NULL = not allowed. */
Datum
cloudflux_migration_next(PG_FUNCTION_ARGS)
{
	CfPhase		phase = phase_arg(PG_GETARG_TEXT_PP(0));
	CfPhase		next;
	CfJobEvent	event;

	CF_ABI_CHECK();
	if (!cf_fsm_event_parse(text_to_cstring(PG_GETARG_TEXT_PP(1)), &event))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown event \"%s\" of a migration job", text_to_cstring(PG_GETARG_TEXT_PP(1))),
				 errhint("Events are listed by cloudflux.migration_transitions().")));
	if (!cf_fsm_next(phase, event, &next))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(cf_fsm_phase_name(next)));
}

/* cloudflux.migration_status(phase): the promised status word. */
Datum
cloudflux_migration_status(PG_FUNCTION_ARGS)
{
	CF_ABI_CHECK();
	PG_RETURN_TEXT_P(cstring_to_text(cf_fsm_phase_status(phase_arg(PG_GETARG_TEXT_PP(0)))));
}

/* cloudflux.wake_movers(): movers look at the queue as soon as this transaction has committed. */
Datum
cloudflux_wake_movers(PG_FUNCTION_ARGS)
{
	CF_ABI_CHECK();
	cf_worker_wake_on_commit("mover");
	PG_RETURN_VOID();
}

/* CALL cloudflux.run_migrations(max_jobs): rounds in the foreground until nothing can be claimed, or max_jobs were. */
Datum
cloudflux_run_migrations(PG_FUNCTION_ARGS)
{
	int64		left = PG_ARGISNULL(0) ? INT64_MAX : PG_GETARG_INT32(0);
	int			claimed;

	CF_ABI_CHECK();
	cf_call_require_nonatomic(fcinfo, "run_migrations()");
	if (left <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_jobs must be greater than 0, not " INT64_FORMAT, left),
				 errhint("Leave it out to move everything that is pending.")));
	PreventCommandIfReadOnly("CALL cloudflux.run_migrations()");
	PreventCommandDuringRecovery("CALL cloudflux.run_migrations()");
	/* The first transaction is the caller's and may have a snapshot for good; the next ones are read committed. */
	if (IsolationUsesXactSnapshot())
		cf_worker_commit();
	while (left > 0 && (claimed = cf_engine_round((int) Min(left, INT_MAX))) > 0)
		left -= claimed;
	PG_RETURN_VOID();
}
