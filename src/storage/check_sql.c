/*
 * check_sql.c
 *		Does a place work, and what can it do: one row per check.
 *
 * probe_place() is what check_storage() calls: it opens the place and runs the checks (probe_sql.c), to their end whatever
 * fails, so that one call shows all that is wrong; what it proves is kept. place_problem() only looks, and is what health() asks.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "storage/place_sql.h"
#include "storage/probe_sql.h"

PG_FUNCTION_INFO_V1(cloudflux_probe_place);
PG_FUNCTION_INFO_V1(cloudflux_place_problem);

/* What a probe tells of: rows for the caller, and what is kept of them. */
typedef struct Told
{
	ReturnSetInfo *rsinfo;
	MemoryContext context;
	ArrayBuildState *names;
	ArrayBuildState *found;
} Told;

static void probe_told(CfProbe *probe, const char *name, CfProbeFound found, bool good, const char *detail, const char *hint);
static void probe_released(void *arg);
static const char *kind_sqlstate(const CfError *err);

/*
 * cloudflux_probe_place(place, tag, other_class) returns (check_name, ok, detail, hint, found) per check; found is 1, 0, or
 * NULL when the check proved nothing. The row "digests" is no check: found holds the bits of those that the store told.
 */
Datum
cloudflux_probe_place(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux probe", ALLOCSET_SMALL_SIZES);
	CfAllocator allocator = cf_arena_context(context);
	CfProbe    *probe = MemoryContextAllocZero(context, sizeof(CfProbe));
	Told		told = {.context = CurrentMemoryContext};

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("check_storage()");
	InitMaterializedSRF(fcinfo, 0);
	told.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	probe->context = context;
	probe->told = probe_told;
	probe->told_arg = &told;
	probe->tag = text_to_cstring(PG_GETARG_TEXT_PP(1));
	probe->other_class = text_to_cstring(PG_GETARG_TEXT_PP(2));
	cf_arena_init(&probe->arena, &allocator, 8192, 0);
	if (!cf_storage_place_open(name, GetUserId(), true, &probe->arena, &probe->place, &probe->op.err))
	{
		/* What the caller did wrong is an error; what is wrong with the place is an answer. */
		if (probe->place == NULL)
			cf_error_raise(&probe->op.err);
		cf_probe_failed(probe, probe->op.err.kind == CF_ERR_DENIED ? "authenticated" : "reachable");
	}
	else
	{
		probe->place->was_probed = false;	/* what is to be proven anew must not be ruled out beforehand */
		cf_storage_op_init(&probe->op, probe->place, &probe->arena);
		probe->release.func = probe_released;
		probe->release.arg = probe;
		MemoryContextRegisterResetCallback(context, &probe->release);
		cf_probe_run(probe);
	}
	MemoryContextDelete(context);
	if (told.names != NULL)
		cf_places_record_checks(name, makeArrayResult(told.names, told.context), makeArrayResult(told.found, told.context));
	return (Datum) 0;
}

/* probe_released runs when the context of a probe goes, also after an interrupt. */
static void
probe_released(void *arg)
{
	cf_storage_op_end(&((CfProbe *) arg)->op);
}

/* probe_told adds a row; the hint is given only when the check failed. */
static void
probe_told(CfProbe *probe, const char *name, CfProbeFound found, bool good, const char *detail, const char *hint)
{
	Told	   *told = probe->told_arg;
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = CStringGetTextDatum(name);
	values[1] = BoolGetDatum(good);
	nulls[2] = detail == NULL || detail[0] == '\0';
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(detail);
	nulls[3] = good || hint == NULL || hint[0] == '\0';
	values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(hint);
	nulls[4] = found == CF_PROBE_NOTHING;
	values[4] = Int32GetDatum(found);
	tuplestore_putvalues(told->rsinfo->setResult, told->rsinfo->setDesc, values, nulls);
	told->names = accumArrayResult(told->names, values[0], false, TEXTOID, told->context);
	told->found = accumArrayResult(told->found, values[4], nulls[4], INT4OID, told->context);
}

/*
 * cloudflux_place_problem tells what keeps a place from being used, on the authority of its owner: all NULL when
 * nothing does. It changes nothing, and does not touch objects.
 */
Datum
cloudflux_place_problem(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		for_write = PG_GETARG_BOOL(1);
	CfAllocator allocator = cf_arena_context(CurrentMemoryContext);
	ForeignServer *server = GetForeignServerByName(name, true);
	CfArena		arena;
	CfPlace    *place = NULL;
	CfError		err = {0};
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {true, true, true, true};

	CF_ABI_CHECK();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	cf_arena_init(&arena, &allocator, 1024, 0);
	if (!cf_storage_place_open(name, server == NULL ? GetUserId() : server->owner, for_write, &arena, &place, &err))
	{
		values[0] = CStringGetTextDatum(kind_sqlstate(&err));
		values[1] = CStringGetTextDatum(err.message);
		values[2] = CStringGetTextDatum(err.detail);
		values[3] = CStringGetTextDatum(err.hint);
		nulls[0] = nulls[1] = false;
		nulls[2] = err.detail[0] == '\0';
		nulls[3] = err.hint[0] == '\0';
	}
	cf_arena_free(&arena);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

static const char *
kind_sqlstate(const CfError *err)
{
	return pstrdup(unpack_sql_state(cf_error_sqlstate(err->kind)));
}
