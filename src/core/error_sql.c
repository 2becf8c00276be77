/*
 * error_sql.c
 *		Where a kernel's CfError becomes an ERROR of the server and back: the one table of kinds and SQLSTATEs.
 *
 * Also lends a memory context to an arena. The allocator never raises, since kernels cannot be jumped over
 * by an ERROR: they hold no PG_TRY and may own descriptors.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/memutils.h"

#include "core/error_sql.h"

static const int sqlstates[CF_ERR_KINDS] = {
	[CF_ERR_NONE] = ERRCODE_INTERNAL_ERROR,
	[CF_ERR_NOT_FOUND] = ERRCODE_NO_DATA,
	[CF_ERR_EXISTS] = ERRCODE_DUPLICATE_OBJECT,
	[CF_ERR_DENIED] = ERRCODE_INSUFFICIENT_PRIVILEGE,
	[CF_ERR_INPUT] = ERRCODE_INVALID_PARAMETER_VALUE,
	[CF_ERR_STATE] = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
	[CF_ERR_BUSY] = ERRCODE_OBJECT_IN_USE,
	[CF_ERR_FULL] = ERRCODE_DISK_FULL,
	[CF_ERR_IO] = ERRCODE_IO_ERROR,
	[CF_ERR_CHANGED] = ERRCODE_T_R_SERIALIZATION_FAILURE,
	[CF_ERR_UNSUPPORTED] = ERRCODE_FEATURE_NOT_SUPPORTED,
	[CF_ERR_CANCELLED] = ERRCODE_QUERY_CANCELED,
	[CF_ERR_MEMORY] = ERRCODE_OUT_OF_MEMORY,
	[CF_ERR_RANGE] = ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
};

/* SQLSTATEs of the server that have no kind of their own, and what they come to; then whole classes. */
static const struct
{
	int			sqlstate;
	CfErrorKind kind;
}			foreign_states[] = {
	{ERRCODE_UNDEFINED_OBJECT, CF_ERR_NOT_FOUND},
	{ERRCODE_UNDEFINED_TABLE, CF_ERR_NOT_FOUND},
	{ERRCODE_UNDEFINED_FILE, CF_ERR_NOT_FOUND},
	{ERRCODE_UNIQUE_VIOLATION, CF_ERR_EXISTS},
	{ERRCODE_LOCK_NOT_AVAILABLE, CF_ERR_BUSY},
	{ERRCODE_T_R_DEADLOCK_DETECTED, CF_ERR_BUSY},
	{ERRCODE_READ_ONLY_SQL_TRANSACTION, CF_ERR_STATE},
};

static const struct
{
	int			category;
	CfErrorKind kind;
}			foreign_classes[] = {
	{MAKE_SQLSTATE('2', '2', '0', '0', '0'), CF_ERR_INPUT},
	{MAKE_SQLSTATE('2', '3', '0', '0', '0'), CF_ERR_INPUT},
	{MAKE_SQLSTATE('2', '5', '0', '0', '0'), CF_ERR_STATE},
	{MAKE_SQLSTATE('2', '8', '0', '0', '0'), CF_ERR_DENIED},
	{MAKE_SQLSTATE('4', '0', '0', '0', '0'), CF_ERR_CHANGED},
	{MAKE_SQLSTATE('4', '2', '0', '0', '0'), CF_ERR_INPUT},
	{MAKE_SQLSTATE('5', '3', '0', '0', '0'), CF_ERR_FULL},
	{MAKE_SQLSTATE('5', '4', '0', '0', '0'), CF_ERR_RANGE},
	{MAKE_SQLSTATE('5', '5', '0', '0', '0'), CF_ERR_STATE},
	{MAKE_SQLSTATE('5', '7', '0', '0', '0'), CF_ERR_CANCELLED},
	{MAKE_SQLSTATE('5', '8', '0', '0', '0'), CF_ERR_IO},
};

int
cf_error_sqlstate(CfErrorKind kind)
{
	if (kind < CF_ERR_NONE || kind >= CF_ERR_KINDS)
		return ERRCODE_INTERNAL_ERROR;
	return sqlstates[kind];
}

void
cf_error_raise(const CfError *err)
{
	/* The server words a cancel, a timeout and a shutdown better than a kernel that only saw a flag. */
	if (err->kind == CF_ERR_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	ereport(ERROR,
			(errcode(cf_error_sqlstate(err->kind)),
			 errmsg_internal("%s", err->message),
			 err->detail[0] != '\0' ? errdetail_internal("%s", err->detail) : 0,
			 err->hint[0] != '\0' ? errhint("%s", err->hint) : 0));
	pg_unreachable();
}

/* kind_of_sqlstate is the way back: the table of kinds first, then what the server has beside it. */
static CfErrorKind
kind_of_sqlstate(int sqlstate)
{
	int			i;

	for (i = CF_ERR_NONE + 1; i < CF_ERR_KINDS; i++)
	{
		if (sqlstates[i] == sqlstate)
			return (CfErrorKind) i;
	}
	for (i = 0; i < lengthof(foreign_states); i++)
	{
		if (foreign_states[i].sqlstate == sqlstate)
			return foreign_states[i].kind;
	}
	for (i = 0; i < lengthof(foreign_classes); i++)
	{
		if (foreign_classes[i].category == ERRCODE_TO_CATEGORY(sqlstate))
			return foreign_classes[i].kind;
	}
	return CF_ERR_IO;
}

void
cf_error_capture(CfError *err, MemoryContext caller)
{
	ErrorData  *edata;

	MemoryContextSwitchTo(caller);
	edata = CopyErrorData();
	FlushErrorState();
	cf_error_set(err, kind_of_sqlstate(edata->sqlerrcode), "%s",
				 edata->message != NULL ? edata->message : "unknown error");
	/* A serialization failure or a deadlock is worth another try, whatever the kernel's rule for its kind. */
	if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK)
		err->retryable = true;
	if (edata->detail != NULL)
		cf_error_detail(err, "%s", edata->detail);
	if (edata->hint != NULL)
		cf_error_hint(err, "%s", edata->hint);
	FreeErrorData(edata);
}

bool
cf_call_is_atomic(FunctionCallInfo fcinfo)
{
	return fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic;
}

void
cf_call_require_nonatomic(FunctionCallInfo fcinfo, const char *procedure)
{
	if (!cf_call_is_atomic(fcinfo))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
			 errmsg("procedure cloudflux.%s cannot run inside a transaction block", procedure),
			 errdetail("It commits what it has done as it goes."),
			 errhint("CALL it by itself, outside BEGIN … COMMIT and outside a function.")));
}

static void *
context_alloc(void *ctx, size_t size)
{
	return MemoryContextAllocExtended((MemoryContext) ctx, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

static void
context_free(void *ctx, void *block)
{
	pfree(block);
}

CfAllocator
cf_arena_context(MemoryContext context)
{
	CfAllocator allocator = {context_alloc, context_free, context};

	return allocator;
}

MemoryContext
cf_arena_memory(const CfArena *arena)
{
	return arena->allocator.alloc == context_alloc ? (MemoryContext) arena->allocator.ctx : NULL;
}
