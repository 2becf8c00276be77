/*
 * replay_history_sql.c
 *		A history that a cursor gives, packed for the kernel: 16 bytes per object-day and 48 per object.
 *
 * Rows come in batches, an object's after each other and by day. Memory is limited: a history that needs more is refused with the
 * figure.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/memutils.h"

#include "tiering/replay_sql.h"

#define FETCH 10000				/* rows of the cursor at a time */
#define HISTORY_BYTES ((Size) 4 << 30)	/* memory for objects and reads */

/* grow makes room for one more item. */
static void *
grow(void *items, Size count, Size *room, Size size, const CfReplayReading *reading)
{
	if (count < *room)
		return items;
	*room = *room == 0 ? 1024 : *room * 2;
	if (reading->object_room * sizeof(CfReplayObject) + reading->access_room * sizeof(CfReplayAccess) > HISTORY_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("history is too long to be replayed at once"),
				 errdetail("It has more than " UINT64_FORMAT " days with reads of " UINT64_FORMAT " objects.",
						   reading->access_count, (uint64) reading->object_count),
				 errhint("Choose a shorter period.")));
	return items == NULL ? MemoryContextAllocHuge(CurrentMemoryContext, *room * size) : repalloc_huge(items, *room * size);
}

/* cell is a column of the cursor's row. */
static Datum
cell(HeapTuple tuple, TupleDesc desc, int col, bool *isnull)
{
	return SPI_getbinval(tuple, desc, col, isnull);
}

/* take_object begins an object, and its group if that is new. */
static void
take_object(CfReplayReading *reading, HeapTuple tuple, TupleDesc desc, char *file_id)
{
	bool		isnull;
	char	   *prefix = SPI_getvalue(tuple, desc, 1);
	char	   *start = SPI_getvalue(tuple, desc, 7);
	CfReplayObject *object;

	if (reading->group_count == 0 || strcmp(prefix, reading->prefixes[reading->group_count - 1]) != 0)
	{
		if (reading->group_count == CF_REPLAY_GROUPS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("more than %d prefixes or data sets", CF_REPLAY_GROUPS),
					 errhint("Choose a smaller p_prefix_depth, or another p_dataset_key.")));
		reading->prefixes[reading->group_count++] = prefix;
	}
	reading->objects = grow(reading->objects, reading->object_count, &reading->object_room, sizeof(CfReplayObject), reading);
	object = &reading->objects[reading->object_count++];
	object->size_bytes = DatumGetInt64(cell(tuple, desc, 3, &isnull));
	if (object->size_bytes > CF_REPLAY_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("size of object \"%s\" is out of range: " INT64_FORMAT " bytes", file_id, object->size_bytes)));
	object->created_day = DatumGetInt32(cell(tuple, desc, 4, &isnull));
	object->first_day = DatumGetInt32(cell(tuple, desc, 5, &isnull));
	object->last_day = DatumGetInt32(cell(tuple, desc, 6, &isnull));
	object->last_read_day = DatumGetInt32(cell(tuple, desc, 12, &isnull));
	if (isnull)
		object->last_read_day = CF_REPLAY_NO_DAY;
	object->entered_day = DatumGetInt32(cell(tuple, desc, 8, &isnull));
	object->watched_from = DatumGetInt32(cell(tuple, desc, 14, &isnull));
	object->dataset = DatumGetInt32(cell(tuple, desc, 15, &isnull));
	object->group = reading->group_count - 1;
	object->start_class = (int16) (start == NULL ? CF_TARIFF_NONE : cf_tariff_class(reading->menu, start));
	object->marks = (uint16) DatumGetInt32(cell(tuple, desc, 13, &isnull));
	object->access_count = 0;
	object->first_access = reading->access_count;
	reading->file_id = file_id;
	if (reading->wants_ids)
	{
		reading->file_ids = grow(reading->file_ids, reading->object_count - 1, &reading->id_room, sizeof(char *), reading);
		reading->file_ids[reading->object_count - 1] = file_id;
	}
}

/* take_row adds a row of the cursor: an object, and a day with reads if it has one. */
static void
take_row(CfReplayReading *reading, HeapTuple tuple, TupleDesc desc)
{
	char	   *file_id = SPI_getvalue(tuple, desc, 2);
	bool		isnull;
	int32		day;
	int64		reads;
	CfReplayAccess *access;

	if (reading->file_id == NULL || strcmp(file_id, reading->file_id) != 0)
		take_object(reading, tuple, desc, file_id);
	else
		pfree(file_id);
	day = DatumGetInt32(cell(tuple, desc, 9, &isnull));
	if (isnull)
		return;
	reads = DatumGetInt64(cell(tuple, desc, 10, &isnull));
	if (reads < 0 || reads > (int64) UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of reads of object \"%s\" in one day is out of range: " INT64_FORMAT, reading->file_id, reads)));
	reading->accesses = grow(reading->accesses, reading->access_count, &reading->access_room, sizeof(CfReplayAccess), reading);
	access = &reading->accesses[reading->access_count++];
	access->day = day;
	access->reads = (uint32) reads;
	access->bytes = DatumGetInt64(cell(tuple, desc, 11, &isnull));
	if (access->bytes > CF_REPLAY_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of bytes read of object \"%s\" in one day is out of range", reading->file_id),
				 errhint("It can be 1 EiB, and a read that tells no bytes is of the whole object.")));
	reading->objects[reading->object_count - 1].access_count++;
}

void
cf_replay_take_history(CfReplayCall *call, const char *cursor)
{
	CfReplayReading *reading = &call->reading;
	Portal		portal = SPI_cursor_find(cursor);
	MemoryContext caller = CurrentMemoryContext;

	if (portal == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_CURSOR), errmsg("cursor \"%s\" does not exist", cursor)));
	reading->menu = &call->menu;
	reading->prefixes = MemoryContextAlloc(call->work, CF_REPLAY_GROUPS * sizeof(char *));
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH);
		if (SPI_processed == 0)
			break;
		if (SPI_tuptable->tupdesc->natts != 15)
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("cursor \"%s\" does not give a history", cursor)));
		MemoryContextSwitchTo(call->work);
		for (uint64 row = 0; row < SPI_processed; row++)
			take_row(reading, SPI_tuptable->vals[row], SPI_tuptable->tupdesc);
		MemoryContextSwitchTo(caller);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_freetuptable(SPI_tuptable);
	call->history = (CfReplayHistory) {reading->objects, reading->object_count, reading->accesses, reading->access_count,
		reading->group_count > 0 ? reading->group_count : 1
	};
	if (reading->group_count == 0)
		reading->prefixes[0] = "";
}
