/*
 * session_sql.h
 *		An operation on a place inside an SQL function. Private to the room's doorways.
 *
 * The session lives in a memory context of its own; when that goes, by cf_storage_session_close() or by an
 * ERROR, the op releases its descriptors.
 */
#ifndef CF_STORAGE_SESSION_SQL_H
#define CF_STORAGE_SESSION_SQL_H

#include "postgres.h"

#include "storage/storage_sql.h"

typedef struct CfStorageSession
{
	MemoryContext context;		/* of everything here */
	CfArena		arena;			/* results; the caller may reset it between operations */
	CfArena		place_arena;
	CfPlace    *place;
	CfOp		op;
	int			descriptors;	/* reserved with the server's accounting */
	MemoryContextCallback callback;
} CfStorageSession;

/* cf_storage_session_open opens a place on the authority of role; raises when it may not be used. */
extern CfStorageSession *cf_storage_session_open(MemoryContext parent, const char *name, Oid role,
												 bool for_write);
extern void cf_storage_session_close(CfStorageSession *session);

/* cf_storage_step tells whether to call the operation again: absorbs interrupts, raises errors. */
extern bool cf_storage_step(CfStorageSession *session, CfStep step);

#endif							/* CF_STORAGE_SESSION_SQL_H */
