/*
 * statement_sql.c
 *		Statements that would put a credential in clear into the catalog: refused before PostgreSQL looks at them, and kept out of the log.
 *
 * A validator is asked last. Where the server refuses before (there is a mapping already, no such role, no right to the
 * foreign server), its error would take the whole statement, with the secret in it, into the log. So CREATE and ALTER USER MAPPING
 * are judged as they come in, and while such a statement is refused, whoever refuses it, an error hides the statement that the
 * client sent and the context that quotes nested ones. A credential among the options of a foreign server is left to the
 * validator, but hidden in the same way.
 *
 * What is out of reach: a statement that does not get here (it is not parsed, or its transaction has failed already), and what
 * the server logs before it runs anything (log_statement). docs/security.md says so. A session without the library preloaded has the
 * hook once it has called a function of the extension.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/backend_status.h"

#include "security/security_sql.h"

/* A statement that writes options, as far as it matters here. */
typedef struct Written
{
	bool		mapping;		/* of a user mapping, else of a foreign server */
	const char *server;
	const CfSealKind *kind;		/* NULL = there is no such server */
	List	   *options;		/* those that it gives values to */
} Written;

static ProcessUtility_hook_type prev_process_utility = NULL;

/* known_of tells whether an option is a credential of a kind; NULL = of any. */
static bool
known_of(const CfSealKind *kind, const char *option)
{
	bool		known = kind != NULL && kind->known(option);

	for (int i = 0; kind == NULL && !known && cf_seal_kind(i) != NULL; i++)
		known = cf_seal_kind(i)->known(option);
	return known;
}

/* given_of leaves out the options that are dropped. */
static List *
given_of(List *options)
{
	List	   *given = NIL;
	ListCell   *cell;

	foreach(cell, options)
	{
		if (lfirst_node(DefElem, cell)->arg != NULL)
			given = lappend(given, lfirst(cell));
	}
	return given;
}

/* kind_of_server finds whose a foreign server is; false = it is nobody's here. */
static bool
kind_of_server(Written *written)
{
	ForeignServer *server = GetForeignServerByName(written->server, true);

	written->kind = server != NULL ? cf_seal_kind_of(server) : NULL;
	return server == NULL || written->kind != NULL;
}

/* read_statement tells whether a statement writes options of a wrapper with sealed values, or may want to. */
static bool
read_statement(Node *statement, Written *written)
{
	memset(written, 0, sizeof(*written));
	switch (nodeTag(statement))
	{
		case T_CreateUserMappingStmt:
			written->mapping = true;
			written->server = ((CreateUserMappingStmt *) statement)->servername;
			written->options = given_of(((CreateUserMappingStmt *) statement)->options);
			return kind_of_server(written);
		case T_AlterUserMappingStmt:
			written->mapping = true;
			written->server = ((AlterUserMappingStmt *) statement)->servername;
			written->options = given_of(((AlterUserMappingStmt *) statement)->options);
			return kind_of_server(written);
		case T_CreateForeignServerStmt:
			written->kind = cf_seal_kind_named(((CreateForeignServerStmt *) statement)->fdwname);
			written->options = given_of(((CreateForeignServerStmt *) statement)->options);
			return written->kind != NULL;
		case T_AlterForeignServerStmt:
			written->server = ((AlterForeignServerStmt *) statement)->servername;
			written->options = given_of(((AlterForeignServerStmt *) statement)->options);
			return kind_of_server(written);
		default:
			return false;
	}
}

/*
 * shows_secret tells whether an option holds what may be a secret: what is not sealed in a mapping of ours, since there is nothing
 * else in one; elsewhere what has the name of a credential.
 */
static bool
shows_secret(const Written *written)
{
	char		id[CF_SEAL_KEY_ID_MAX + 1];
	ListCell   *cell;

	foreach(cell, written->options)
	{
		DefElem    *def = lfirst_node(DefElem, cell);
		bool		known = known_of(written->kind, def->defname);
		bool		ours = written->mapping && written->kind != NULL;

		if ((known || ours) && !(known && cf_seal_key_id(defGetString(def), id)))
			return true;
	}
	return false;
}

/* refuse_mapping raises what is wrong with a user mapping that shows a secret. */
static void
refuse_mapping(const Written *written)
{
	if (written->kind == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("server \"%s\" does not exist", written->server),
				 errhint("User mappings of cloudflux hold sealed credentials only: when the server is there, use cloudflux.set_credentials(), which seals them at once.")));
	cf_seal_mapping_check(written->options, written->kind->known);
}

/* hide_statement keeps statement and context of an error out of the log: a context callback runs for each. */
static void
hide_statement(void *arg)
{
	errhidestmt(true);
	errhidecontext(true);
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
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	ErrorContextCallback hidden = {.callback = hide_statement, .previous = error_context_stack};
	Written		written;

	if (read_statement(pstmt->utilityStmt, &written) && shows_secret(&written))
	{
		error_context_stack = &hidden;
		pgstat_report_activity(STATE_RUNNING, written.mapping ? "CREATE USER MAPPING <hidden>" : "CREATE SERVER <hidden>");
		if (written.mapping)
			refuse_mapping(&written);
	}
	pass_on(pstmt, query, read_only_tree, context, params, env, dest, qc);
	error_context_stack = hidden.previous;
}

void
cf_seal_statements_init(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
