/*
 * touched_sql.c
 *		Which changed objects must be classified again: the trigger of data_objects after UPDATE, for each statement.
 *
 * It looks at old and new rows side by side (the executor stores them in the same order), as catalog's own trigger does. Most
 * updates of many rows touch nothing that a rule reads, and cost a comparison per row; what does count goes to the queue with
 * one statement per thousand objects, where a trigger for each row took longer than the update of the row.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "core/core.h"
#include "core/spi_sql.h"
#include "core/transition_sql.h"

#define CHUNK_ROWS 1000

/* Columns that rules and recommendations read. The counts are looked at only while nobody has counted: afterwards access_daily tells of accesses. */
enum
{
	FILE_ID, PLACE, OBJECT_KEY, STORAGE_CLASS, SIZE_BYTES, CREATED_AT, MODIFIED_AT, LAST_ACCESSED, COUNT_30D, COUNT_90D, COUNTED_ON, VANISHED_AT, COLUMNS
};

static const char *const column_names[COLUMNS] = {
	"file_id", "place", "object_key", "storage_class", "size_bytes", "created_at", "modified_at", "last_accessed", "access_count_30d", "access_count_90d",
	"counted_on", "vanished_at"
};

/* Objects on their way into the queue. */
typedef struct Touched
{
	MemoryContext context;		/* reset at each flush */
	Datum		file_ids[CHUNK_ROWS];
	Datum		gone[CHUNK_ROWS];
	int			count;
} Touched;

static CfSpiPlan enqueue = {
	"INSERT INTO cloudflux.classify_queue (file_id, gone)"
	" SELECT u.file_id, u.gone FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS u(file_id, gone)",
	2, {TEXTARRAYOID, BOOLARRAYOID}
};

PG_FUNCTION_INFO_V1(cloudflux_queue_changed_objects);

static bool
is_null(TupleTableSlot *slot, int attnum)
{
	bool		isnull;

	(void) slot_getattr(slot, attnum, &isnull);
	return isnull;
}

/* matters tells whether a verdict may have to change because of what was changed in a row. */
static bool
matters(TupleTableSlot *old, TupleTableSlot *new, const int *attnums)
{
	for (int i = FILE_ID; i <= LAST_ACCESSED; i++)
		if (!cf_transition_same(old, new, attnums[i]))
			return true;
	if ((is_null(old, attnums[COUNTED_ON]) || is_null(new, attnums[COUNTED_ON])) &&
		(!cf_transition_same(old, new, attnums[COUNT_30D]) || !cf_transition_same(old, new, attnums[COUNT_90D])))
		return true;
	return is_null(old, attnums[VANISHED_AT]) != is_null(new, attnums[VANISHED_AT]);
}

/* flush sends the objects of a chunk to the queue. */
static void
flush(Touched *touched)
{
	MemoryContext caller = MemoryContextSwitchTo(touched->context);
	Datum		values[2];

	if (touched->count > 0)
	{
		values[0] = PointerGetDatum(construct_array(touched->file_ids, touched->count, TEXTOID, -1, false, TYPALIGN_INT));
		values[1] = PointerGetDatum(construct_array(touched->gone, touched->count, BOOLOID, 1, true, TYPALIGN_CHAR));
		cf_spi_run(&enqueue, values, NULL);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(touched->context);
	touched->count = 0;
}

static void
add(Touched *touched, TupleTableSlot *slot, int attnum, bool gone)
{
	MemoryContext caller;
	bool		isnull;
	Datum		file_id = slot_getattr(slot, attnum, &isnull);

	if (touched->count == CHUNK_ROWS)
		flush(touched);
	caller = MemoryContextSwitchTo(touched->context);
	touched->file_ids[touched->count] = datumCopy(file_id, false, -1);
	touched->gone[touched->count++] = BoolGetDatum(gone);
	MemoryContextSwitchTo(caller);
}

/* queue_changes looks at each row before and after. An object that got another name is gone under the one that it had. */
static void
queue_changes(TriggerData *trigger, Touched *touched)
{
	Relation	rel = trigger->tg_relation;
	TupleTableSlot *old = cf_transition_open(trigger->tg_oldtable, rel);
	TupleTableSlot *new = cf_transition_open(trigger->tg_newtable, rel);
	int			attnums[COLUMNS];

	for (int i = 0; i < COLUMNS; i++)
		attnums[i] = cf_transition_attnum(rel, column_names[i]);
	while (tuplestore_gettupleslot(trigger->tg_newtable, true, false, new) &&
		   tuplestore_gettupleslot(trigger->tg_oldtable, true, false, old))
	{
		if (!matters(old, new, attnums))
			continue;
		add(touched, new, attnums[FILE_ID], !is_null(new, attnums[VANISHED_AT]));
		if (!cf_transition_same(old, new, attnums[FILE_ID]))
			add(touched, old, attnums[FILE_ID], true);
	}
	flush(touched);
	ExecDropSingleTupleTableSlot(old);
	ExecDropSingleTupleTableSlot(new);
}

/* The trigger. */
Datum
cloudflux_queue_changed_objects(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Touched    *touched;

	CF_ABI_CHECK();
	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) || trigger->tg_oldtable == NULL || trigger->tg_newtable == NULL)
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("queue_changed_objects() can only be a statement trigger after UPDATE with transition tables")));
	cf_spi_begin();
	touched = palloc(sizeof(Touched));
	touched->count = 0;
	touched->context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux touched objects", ALLOCSET_DEFAULT_SIZES);
	queue_changes(trigger, touched);
	cf_spi_end();
	return PointerGetDatum(NULL);
}
