/*
 * storage_sql.h
 *		Driving an operation on a place from a doorway that has nothing else to do meanwhile.
 */
#ifndef CF_STORAGE_STORAGE_SQL_H
#define CF_STORAGE_STORAGE_SQL_H

#include "postgres.h"

#include "storage/storage.h"

/*
 * cf_storage_await follows each step of an operation: absorbs interrupts, and after CF_STEP_SEND sends the op's request and
 * waits for the answer, which makes it CF_STEP_AGAIN. So the loop is that of a local place:
 *
 *		do
 *			step = cf_storage_await(&op, cf_storage_stat(&op, key, &stat));
 *		while (step == CF_STEP_AGAIN);
 *
 * It raises when it is interrupted: op must be ended by a reset callback or PG_FINALLY. Whoever holds a snapshot or
 * locks holds them while the network takes its time.
 */
extern CfStep cf_storage_await(CfOp *op, CfStep step);

#endif							/* CF_STORAGE_STORAGE_SQL_H */
