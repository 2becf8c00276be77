/*
 * event_sql.c
 *		What every event of a job carries, as jsonb. It is C because each job has three of them, and the same in SQL took longer
 *		than to write the event.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/typcache.h"

#include "core/core.h"
#include "core/jsonb_sql.h"

/* The columns of migration_jobs that an event has, and as what. */
static const struct
{
	const char *column;
	const char *key;
	Oid			type;
}			told[] = {
	{"job_id", "job_id", TEXTOID},
	{"kind", "kind", TEXTOID},
	{"phase", "phase", TEXTOID},
	{"status", "status", TEXTOID},
	{"source_place", "source_place", TEXTOID},
	{"source_key", "source_key", TEXTOID},
	{"dest_place", "dest_place", TEXTOID},
	{"dest_key", "dest_key", TEXTOID},
	{"size_bytes", "size_bytes", INT8OID},
	{"plan_id", "plan_id", INT8OID},
	{"requested_by", "requested_by", TEXTOID},
	{"sha256", "sha256", BYTEAOID},
	{"error_message", "error", TEXTOID},
	{"error_sqlstate", "sqlstate", TEXTOID},
};

/* Where they are in a row of that type; known for the length of a statement. */
typedef struct Columns
{
	Oid			type;
	int32		typmod;
	int			attnums[lengthof(told)];
} Columns;

PG_FUNCTION_INFO_V1(cloudflux_job_event);

/* columns_of finds them, once per statement. */
static const Columns *
columns_of(FunctionCallInfo fcinfo, HeapTupleHeader job, TupleDesc desc)
{
	Columns    *columns = fcinfo->flinfo->fn_extra;

	if (columns != NULL && columns->type == HeapTupleHeaderGetTypeId(job) && columns->typmod == HeapTupleHeaderGetTypMod(job))
		return columns;
	columns = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(Columns));
	columns->type = HeapTupleHeaderGetTypeId(job);
	columns->typmod = HeapTupleHeaderGetTypMod(job);
	for (int i = 0; i < (int) lengthof(told); i++)
	{
		columns->attnums[i] = SPI_fnumber(desc, told[i].column);
		if (columns->attnums[i] <= 0 || SPI_gettypeid(desc, columns->attnums[i]) != told[i].type)
			elog(ERROR, "a row of migration_jobs has no column \"%s\" of that type", told[i].column);
	}
	fcinfo->flinfo->fn_extra = columns;
	return columns;
}

/* cloudflux.job_event(job): what an event tells of a job; columns that are NULL are left out. */
Datum
cloudflux_job_event(PG_FUNCTION_ARGS)
{
	HeapTupleHeader job = PG_GETARG_HEAPTUPLEHEADER(0);
	HeapTupleData tuple;
	TupleDesc	desc;
	const Columns *columns;
	CfJsonbField fields[lengthof(told)];
	Datum		event;

	CF_ABI_CHECK();
	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(job), HeapTupleHeaderGetTypMod(job));
	columns = columns_of(fcinfo, job, desc);
	memset(&tuple, 0, sizeof(tuple));
	tuple.t_len = HeapTupleHeaderGetDatumLength(job);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_data = job;
	for (int i = 0; i < (int) lengthof(told); i++)
	{
		fields[i].key = told[i].key;
		fields[i].type = told[i].type;
		fields[i].value = heap_getattr(&tuple, columns->attnums[i], desc, &fields[i].isnull);
	}
	event = cf_jsonb_object(fields, lengthof(told));
	ReleaseTupleDesc(desc);
	return event;
}
