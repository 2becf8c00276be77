/*
 * transition_sql.h
 *		Transition tables of a statement trigger, read here instead of by a query: old and new row side by side, since the executor stores
 *		them in the same order.
 */
#ifndef CF_CORE_TRANSITION_SQL_H
#define CF_CORE_TRANSITION_SQL_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

/* cf_transition_open makes a slot over a transition table and goes to its start. */
extern TupleTableSlot *cf_transition_open(Tuplestorestate *table, Relation rel);

/* cf_transition_attnum finds a column; that there is none is an error. */
extern int cf_transition_attnum(Relation rel, const char *column);

/* cf_transition_same tells whether a column has the same value in both rows. */
extern bool cf_transition_same(TupleTableSlot *old, TupleTableSlot *new, int attnum);

#endif							/* CF_CORE_TRANSITION_SQL_H */
