/*
 * database_sql.c
 *		Makes room for commands that need a database for themselves: DROP, RENAME, a copy, a move.
 *
 * CREATE DATABASE fails while anybody is connected to its template, DROP DATABASE waits five seconds and
 * fails. So before such a command our workers in that database are ended, and barred until it is over.
 * If the backend dies in between, the launcher sees that the bar's process is gone and lifts it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/syscache.h"

#include "core/compat.h"
#include "core/slots.h"

#define END_TIMEOUT_MS 5000

static ProcessUtility_hook_type prev_process_utility = NULL;

/* The database that this session's command needs empty. */
static Oid	barred = InvalidOid;

/* unbar_at_end lifts the bar only when the transaction is over: before, the launcher still sees the database. */
static void
unbar_at_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	if (OidIsValid(barred))
		cf_slots_unbar(barred);
	barred = InvalidOid;
}

/* option_text is the value of a named option of CREATE or ALTER DATABASE; NULL = not given. */
static const char *
option_text(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return NULL;
}

/* database_to_clear is the name of the database that the command needs empty; NULL = it is another command. */
static const char *
database_to_clear(Node *command)
{
	switch (nodeTag(command))
	{
		case T_DropdbStmt:
			return ((DropdbStmt *) command)->dbname;
		case T_CreatedbStmt:
			return option_text(((CreatedbStmt *) command)->options, "template");
		case T_RenameStmt:
			if (((RenameStmt *) command)->renameType == OBJECT_DATABASE)
				return ((RenameStmt *) command)->subname;
			return NULL;
		case T_AlterDatabaseStmt:
			if (option_text(((AlterDatabaseStmt *) command)->options, "tablespace") != NULL)
				return ((AlterDatabaseStmt *) command)->dbname;
			return NULL;
		default:
			return NULL;
	}
}

/* may_clear is true for who could run the command at all: others must not be able to end workers. */
static bool
may_clear(Node *command, Oid dboid)
{
	HeapTuple	role;
	bool		may = CF_DATABASE_OWNED(dboid, GetUserId());

	if (may || !IsA(command, CreatedbStmt))
		return may;
	role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	if (HeapTupleIsValid(role))
	{
		may = ((Form_pg_authid) GETSTRUCT(role))->rolcreatedb;
		ReleaseSysCache(role);
	}
	return may;
}

/* pass_on calls the next hook, or the server. */
static void
pass_on(PlannedStmt *pstmt, const char *query, bool read_only_tree, ProcessUtilityContext context,
		ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	if (prev_process_utility)
		prev_process_utility(pstmt, query, read_only_tree, context, params, env, dest, qc);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params, env, dest, qc);
}

static void
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *env,
				DestReceiver *dest, QueryCompletion *qc)
{
	static bool registered = false;
	const char *name = cf_slots != NULL ? database_to_clear(pstmt->utilityStmt) : NULL;
	Oid			dboid = name != NULL ? get_database_oid(name, true) : InvalidOid;

	if (!OidIsValid(dboid) || dboid == MyDatabaseId || !may_clear(pstmt->utilityStmt, dboid))
	{
		pass_on(pstmt, query, read_only_tree, context, params, env, dest, qc);
		return;
	}
	if (!registered)
		RegisterXactCallback(unbar_at_end, NULL);
	registered = true;
	barred = dboid;
	cf_slots_bar(dboid);
	/* Late workers are left to the command itself, which says who is still connected. */
	(void) cf_slots_end_workers(dboid, END_TIMEOUT_MS);
	pass_on(pstmt, query, read_only_tree, context, params, env, dest, qc);
}

void
cf_database_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
