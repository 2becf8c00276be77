/*
 * error_sql.h
 *		Doorway side of errors and memory: raise what a kernel returned, lend a memory context to an arena.
 */
#ifndef CF_CORE_ERROR_SQL_H
#define CF_CORE_ERROR_SQL_H

#include "postgres.h"

#include "fmgr.h"

#include "core/arena.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/error.h"
#include "core/interrupt.h"

/* cf_error_sqlstate maps a kind to its SQLSTATE; the table is in error_sql.c and nowhere else. */
extern int	cf_error_sqlstate(CfErrorKind kind);

/* cf_error_raise raises err as an ERROR with its SQLSTATE, detail and hint. */
CF_NORETURN extern void cf_error_raise(const CfError *err);

/* TRIP("name") is CF_FAULT outside of kernels: the fault is raised as an ERROR. */
#define TRIP(name) \
	do { \
		CfError		trip_err; \
		if (CF_FAULT(name, &trip_err)) \
			cf_error_raise(&trip_err); \
	} while (0)

/*
 * cf_error_capture turns the ERROR that PG_CATCH caught into a CfError (kind by SQLSTATE), and flushes it.
 * The caller then rolls back the (sub)transaction that failed: capturing does not.
 */
extern void cf_error_capture(CfError *err, MemoryContext caller);

/*
 * cf_call_is_atomic tells whether a procedure was called where it may not commit (a transaction block, a
 * function); cf_call_require_nonatomic fails there with 25001 and a hint.
 */
extern bool cf_call_is_atomic(FunctionCallInfo fcinfo);
extern void cf_call_require_nonatomic(FunctionCallInfo fcinfo, const char *procedure);

/* cf_arena_context is an allocator over a memory context; it never raises, it returns NULL. */
extern CfAllocator cf_arena_context(MemoryContext context);

/* cf_arena_memory gives the memory context that an arena takes its blocks from; NULL when it is none. */
extern MemoryContext cf_arena_memory(const CfArena *arena);

#endif							/* CF_CORE_ERROR_SQL_H */
