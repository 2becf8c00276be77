/*
 * session_sql.c
 *		Running an operation on a place inside an SQL function: lifetime, descriptors, interrupts, errors.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "core/error_sql.h"
#include "net/net_sql.h"
#include "storage/session_sql.h"

#define SESSION_DESCRIPTORS 2	/* what a LOCAL op holds between two steps; more only for an instant */

static void session_released(void *arg);

CfStorageSession *
cf_storage_session_open(MemoryContext parent, const char *name, Oid role, bool for_write)
{
	MemoryContext context = AllocSetContextCreate(parent, "cloudflux place", ALLOCSET_SMALL_SIZES);
	CfStorageSession *session = MemoryContextAllocZero(context, sizeof(CfStorageSession));
	CfAllocator allocator = cf_arena_context(context);
	CfError		err = {0};
	CfCaps		caps;

	session->context = context;
	cf_arena_init(&session->place_arena, &allocator, 1024, 0);
	cf_arena_init(&session->arena, &allocator, 8192, 0);
	if (!cf_storage_place_open(name, role, for_write, &session->place_arena, &session->place, &err))
		cf_error_raise(&err);
	cf_storage_op_init(&session->op, session->place, &session->arena);
	session->callback.func = session_released;
	session->callback.arg = session;
	MemoryContextRegisterResetCallback(context, &session->callback);
	/* A remote place has sockets only, and the engine accounts for those. */
	cf_storage_caps(session->place, &caps);
	while (!caps.remote && session->descriptors < SESSION_DESCRIPTORS)
	{
		if (!AcquireExternalFD())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("could not get a file descriptor for place \"%s\"", name),
					 errhint("Raise max_files_per_process.")));
		session->descriptors++;
	}
	return session;
}

void
cf_storage_session_close(CfStorageSession *session)
{
	MemoryContextDelete(session->context);
}

/* session_released runs when the context of a session goes, whatever the reason. */
static void
session_released(void *arg)
{
	CfStorageSession *session = arg;

	cf_storage_op_end(&session->op);
	while (session->descriptors-- > 0)
		ReleaseExternalFD();
}

bool
cf_storage_step(CfStorageSession *session, CfStep step)
{
	step = cf_storage_await(&session->op, step);
	if (step == CF_STEP_ERROR)
		cf_error_raise(&session->op.err);
	return step == CF_STEP_AGAIN;
}

CfStep
cf_storage_await(CfOp *op, CfStep step)
{
	CHECK_FOR_INTERRUPTS();
	if (step != CF_STEP_SEND)
		return step;
	cf_net_perform(&op->request, &op->response, &op->request_arena);
	return CF_STEP_AGAIN;
}
