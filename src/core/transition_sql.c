/*
 * transition_sql.c
 *		What the triggers that read their transition tables have in common.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/datum.h"

#include "core/transition_sql.h"

TupleTableSlot *
cf_transition_open(Tuplestorestate *table, Relation rel)
{
	tuplestore_select_read_pointer(table, 0);
	tuplestore_rescan(table);
	return MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsMinimalTuple);
}

int
cf_transition_attnum(Relation rel, const char *column)
{
	int			attnum = SPI_fnumber(RelationGetDescr(rel), column);

	if (attnum <= 0)
		elog(ERROR, "table \"%s\" has no column \"%s\"", RelationGetRelationName(rel), column);
	return attnum;
}

bool
cf_transition_same(TupleTableSlot *old, TupleTableSlot *new, int attnum)
{
	Form_pg_attribute attr = TupleDescAttr(new->tts_tupleDescriptor, attnum - 1);
	bool		old_null;
	bool		new_null;
	Datum		old_value = slot_getattr(old, attnum, &old_null);
	Datum		new_value = slot_getattr(new, attnum, &new_null);

	if (old_null || new_null)
		return old_null == new_null;
	return datum_image_eq(old_value, new_value, attr->attbyval, attr->attlen);
}
