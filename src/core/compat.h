/*
 * compat.h
 *		What differs between PostgreSQL 15, 16, 17 and 18; nowhere else stands a test of PG_VERSION_NUM.
 */
#ifndef CF_CORE_COMPAT_H
#define CF_CORE_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM >= 180000
#define CF_NORETURN pg_noreturn
#else
#define CF_NORETURN pg_attribute_noreturn()
#endif

/* CF_WAIT_EVENT(name) is a wait event of our own where the server can have one (17), "Extension" before. */
#if PG_VERSION_NUM >= 170000
#include "utils/wait_event.h"
#define CF_WAIT_EVENT(cache, name) ((cache) != 0 ? (cache) : ((cache) = WaitEventExtensionNew(name)))
#else
#include "utils/wait_event.h"
#define CF_WAIT_EVENT(cache, name) ((void) (cache), PG_WAIT_EXTENSION)
#endif

/* CF_WAIT_EVENT_SET(n) makes a set of events that lives as long as the process. */
#if PG_VERSION_NUM >= 170000
#define CF_WAIT_EVENT_SET(n) CreateWaitEventSet(NULL, (n))
#else
#define CF_WAIT_EVENT_SET(n) CreateWaitEventSet(TopMemoryContext, (n))
#endif

/* Whether a role owns a database. */
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_database.h"
#include "utils/acl.h"
#define CF_DATABASE_OWNED(dboid, roleid) object_ownercheck(DatabaseRelationId, (dboid), (roleid))
#else
#include "utils/acl.h"
#define CF_DATABASE_OWNED(dboid, roleid) pg_database_ownercheck((dboid), (roleid))
#endif

/* Whether a role has USAGE on a foreign server. */
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_foreign_server.h"
#define CF_FOREIGN_SERVER_USABLE(serverid, roleid) \
	(object_aclcheck(ForeignServerRelationId, (serverid), (roleid), ACL_USAGE) == ACLCHECK_OK)
#else
#define CF_FOREIGN_SERVER_USABLE(serverid, roleid) \
	(pg_foreign_server_aclcheck((serverid), (roleid), ACL_USAGE) == ACLCHECK_OK)
#endif

/* Future servers end workers that say so before they drop or copy a database. */
#ifdef BGWORKER_INTERRUPTIBLE
#define CF_WORKER_INTERRUPTIBLE BGWORKER_INTERRUPTIBLE
#else
#define CF_WORKER_INTERRUPTIBLE 0
#endif

#endif							/* CF_CORE_COMPAT_H */
