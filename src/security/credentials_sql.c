/*
 * credentials_sql.c
 *		set_credentials() and rotate_credentials(): secrets go into a user mapping sealed, and never become SQL text.
 *
 * Which foreign servers have credentials, of what names, and what binds them is told by the rooms that own the wrappers (CfSealKind).
 *
 * A secret comes as an argument of a function (best as a bind parameter, or as the name of a file of the server), is sealed here,
 * and the nested CREATE or ALTER USER MAPPING holds ciphertext only: so pg_stat_statements, the log, event triggers
 * and dumps never see more. While the function runs no error logs the statement that called it, which may hold the secret as a
 * literal, and pg_stat_activity shows a text without it. What the function cannot keep secret is what the server logs
 * before it is called (log_statement, log_min_duration_statement): docs/security.md says so.
 */
#include "postgres.h"

#include <openssl/crypto.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/rel.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "security/security_sql.h"

PG_FUNCTION_INFO_V1(cloudflux_set_credentials);
PG_FUNCTION_INFO_V1(cloudflux_rotate_credentials);

#define VALUES_MAX lengthof(((CfCredentials *) 0)->items)

/* The call of set_credentials(). Values are wiped as soon as they are sealed. */
typedef struct Setting
{
	CfArena		arena;
	const CfSealKind *kind;
	CfSealServer server;
	Oid			role;			/* InvalidOid = PUBLIC */
	const char *user;			/* its name */
	CfCredentials given;
	char	   *sealed[VALUES_MAX];
	MemoryContextCallback wipe;
} Setting;

static void hide_statement(void *arg);
static void wipe_values(void *arg);
static void setting_open(Setting *setting, const char *name, const char *role);
static void take_values(Setting *setting, Jsonb *credentials);
static void take_value(Setting *setting, char *name, JsonbValue *value);
static char *value_text(const char *name, JsonbValue *value);
static void check_value(const char *name, const char *text);
static char *file_value(const char *name, JsonbContainer *object);
static void check_name(const CfSealServer *server, const char *name);
static void seal_values(Setting *setting);
static void write_mapping(const Setting *setting);
static void run_ddl(const char *ddl);
static const char *mapping_of(const char *user, Oid role, const char *server);
static Datum names_array(const Setting *setting);
static void rotate_mapping(ReturnSetInfo *rsinfo, HeapTuple tuple, const char *current);
static void rotate_value(StringInfo changes, const CfSealServer *server, const char *user, DefElem *def, const char *current,
						 ReturnSetInfo *rsinfo);

/* cloudflux_set_credentials(place, credentials jsonb, for_role): seals them and returns their names. */
Datum
cloudflux_set_credentials(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hidden = {.callback = hide_statement, .previous = error_context_stack};
	Setting    *setting = palloc0(sizeof(Setting));
	Datum		names;

	setting->wipe.func = wipe_values;
	setting->wipe.arg = setting;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &setting->wipe);
	error_context_stack = &hidden;
	pgstat_report_activity(STATE_RUNNING, "SELECT cloudflux.set_credentials(<hidden>)");
	CF_ABI_CHECK();
	PreventCommandIfReadOnly("set_credentials()");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" is null", PG_ARGISNULL(0) ? "place" : "credentials")));
	setting_open(setting, text_to_cstring(PG_GETARG_TEXT_PP(0)),
				 PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)));
	take_values(setting, PG_GETARG_JSONB_P(1));
	seal_values(setting);
	write_mapping(setting);
	names = names_array(setting);
	cf_arena_free(&setting->arena);
	error_context_stack = hidden.previous;
	PG_RETURN_DATUM(names);
}

/* hide_statement keeps the statement of an error out of the log: a context callback runs for each. */
static void
hide_statement(void *arg)
{
	errhidestmt(true);
}

/* wipe_values runs when the context of the call goes: after an ERROR too, values may be there still. */
static void
wipe_values(void *arg)
{
	Setting    *setting = arg;

	for (int i = 0; i < setting->given.count; i++)
	{
		char	   *value = unconstify(char *, setting->given.items[i].value);

		OPENSSL_cleanse(value, strlen(value));
	}
}

/* setting_open finds the server and the role, and looks whether the caller may set its credentials. */
static void
setting_open(Setting *setting, const char *name, const char *role)
{
	CfAllocator allocator = cf_arena_context(CurrentMemoryContext);
	ForeignServer *found = GetForeignServerByName(name, true);
	CfSealServer *server = &setting->server;
	CfError		err = {0};

	cf_arena_init(&setting->arena, &allocator, 1024, 0);
	setting->kind = found != NULL ? cf_seal_kind_of(found) : NULL;
	/* Of what is not there, or not ours, the kind that was registered last tells: places. */
	if (setting->kind == NULL)
		setting->kind = cf_seal_kind_last();
	if (!setting->kind->read(name, GetUserId(), &setting->arena, server, &err))
		cf_error_raise(&err);
	if (role != NULL && strcmp(role, CF_SEAL_PUBLIC) == 0)
		setting->role = InvalidOid;
	else
		setting->role = role == NULL ? GetUserId() : get_role_oid(role, false);
	setting->user = OidIsValid(setting->role) ? GetUserNameFromId(setting->role, false) : CF_SEAL_PUBLIC;
	if (setting->role != GetUserId() && !has_privs_of_role(GetUserId(), server->server->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set credentials of %s \"%s\" for role \"%s\"", server->noun, name, setting->user),
				 errdetail("A role sets its own; the owner of the foreign server sets those of all.")));
	if (server->names == NULL && !setting->kind->check(server, NULL, &err))
		cf_error_raise(&err);
	if (server->names == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" takes no credentials", server->noun, name),
				 errdetail("Its provider is %s.", server->binding.provider)));
}

/* take_values takes the values out of the JSON object, and lets their room look whether they belong together. */
static void
take_values(Setting *setting, Jsonb *credentials)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = NULL;
	CfError		err = {0};

	if (!JB_ROOT_IS_OBJECT(credentials) || JB_ROOT_COUNT(credentials) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("credentials are not a JSON object with names and values"),
				 errhint("Write them as {\"access_key_id\": …, \"secret_access_key\": …}; cloudflux.forget_credentials() removes them.")));
	it = JsonbIteratorInit(&credentials->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			take_value(setting, name, &value);
	}
	if (!setting->kind->check(&setting->server, &setting->given, &err))
		cf_error_raise(&err);
}

static void
take_value(Setting *setting, char *name, JsonbValue *value)
{
	CfCredential *item = &setting->given.items[setting->given.count];

	check_name(&setting->server, name);
	if (setting->given.count == VALUES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a %s has at most %d credentials", setting->server.noun, (int) VALUES_MAX)));
	item->name = name;
	item->value = value_text(name, value);
	setting->given.count++;
}

/* check_name refuses what the server does not take. A name that is none may be a secret in the wrong place. */
static void
check_name(const CfSealServer *server, const char *name)
{
	const char *const *known = server->names;
	bool		printable = strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name) && strlen(name) <= 32;
	StringInfoData names;

	initStringInfo(&names);
	for (; *known != NULL; known++)
	{
		if (strcmp(*known, name) == 0)
			return;
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", *known);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s \"%s\" takes no credential \"%s\"", server->noun, server->binding.server, printable ? name : "…"),
			 errhint("Those of provider %s are: %s.", server->binding.provider, names.data)));
}

/* value_text gives a value as text: a string as it is, {"file": …} from there, another object as JSON. */
static char *
value_text(const char *name, JsonbValue *value)
{
	char	   *text = NULL;

	if (value->type == jbvString)
		text = pnstrdup(value->val.string.val, value->val.string.len);
	else if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
	{
		text = file_value(name, value->val.binary.data);
		if (text == NULL)
			text = JsonbToCString(NULL, value->val.binary.data, value->val.binary.len);
	}
	if (text == NULL || text[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value of credential \"%s\" is not a text", name),
				 errhint("A value is a string, or {\"file\": \"/path\"} for a file of the server that holds it.")));
	check_value(name, text);
	return text;
}

/* check_value refuses what no header could carry: a line break that was copied along. JSON is laid out in lines, and parsed. */
static void
check_value(const char *name, const char *text)
{
	const unsigned char *s = (const unsigned char *) text;

	if (s[strspn(text, " \t\r\n")] == '{')
		return;
	for (; *s != '\0'; s++)
	{
		if (*s < 0x20 || *s == 0x7f)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value of credential \"%s\" contains a control character", name),
					 errhint("Was a line break copied with it? One at the end of a file is left away.")));
	}
}

/* file_value reads the file that {"file": path} names; NULL = the object says something else. */
static char *
file_value(const char *name, JsonbContainer *object)
{
	JsonbValue	found;
	CfError		err = {0};
	char	   *text;

	if (JsonContainerSize(object) != 1 || getKeyJsonValueFromContainer(object, "file", 4, &found) == NULL ||
		found.type != jbvString)
		return NULL;
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read credential \"%s\" from a file", name),
				 errdetail("Only members of pg_read_server_files may name files of the server.")));
	if (!cf_seal_secret_file(pnstrdup(found.val.string.val, found.val.string.len), &text, &err))
		cf_error_raise(&err);
	return text;
}

/* seal_values seals what was given, and wipes it. */
static void
seal_values(Setting *setting)
{
	for (int i = 0; i < setting->given.count; i++)
	{
		CfCredential *item = &setting->given.items[i];
		char	   *value = unconstify(char *, item->value);
		CfSealBinding binding = setting->server.binding;
		CfError		err = {0};

		binding.user = setting->user;
		binding.option = item->name;
		if (!cf_seal_value(&binding, value, &setting->sealed[i], &err))
			cf_error_raise(&err);
		OPENSSL_cleanse(value, strlen(value));
	}
}

/* write_mapping makes the user mapping, or changes it to hold these values and no others. */
static void
write_mapping(const Setting *setting)
{
	const char *mapping = mapping_of(setting->user, setting->role, setting->server.binding.server);
	List	   *old = NIL;
	bool		exists = cf_seal_mapping_get(setting->server.server->serverid, setting->role, &old);
	StringInfoData ddl;
	ListCell   *cell;

	initStringInfo(&ddl);
	appendStringInfo(&ddl, "%s USER MAPPING FOR %s OPTIONS (", exists ? "ALTER" : "CREATE", mapping);
	for (int i = 0; i < setting->given.count; i++)
	{
		const char *name = setting->given.items[i].name;
		bool		there = false;

		foreach(cell, old)
			there = there || strcmp(((DefElem *) lfirst(cell))->defname, name) == 0;
		appendStringInfo(&ddl, "%s%s%s %s", i > 0 ? ", " : "", !exists ? "" : there ? "SET " : "ADD ",
						 quote_identifier(name), quote_literal_cstr(setting->sealed[i]));
	}
	foreach(cell, old)
	{
		const char *name = ((DefElem *) lfirst(cell))->defname;

		if (cf_credential(&setting->given, name) == NULL)
			appendStringInfo(&ddl, ", DROP %s", quote_identifier(name));
	}
	appendStringInfoChar(&ddl, ')');
	run_ddl(ddl.data);
}

/* mapping_of names a user mapping in SQL: role and server. */
static const char *
mapping_of(const char *user, Oid role, const char *server)
{
	return psprintf("%s SERVER %s", OidIsValid(role) ? quote_identifier(user) : "PUBLIC", quote_identifier(server));
}

/* run_ddl runs a statement in which every value is sealed. */
static void
run_ddl(const char *ddl)
{
	if (SPI_connect() != SPI_OK_CONNECT || SPI_execute(ddl, false, 0) != SPI_OK_UTILITY ||
		SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not write a user mapping");
}

static Datum
names_array(const Setting *setting)
{
	Datum		names[VALUES_MAX];

	for (int i = 0; i < setting->given.count; i++)
		names[i] = CStringGetTextDatum(setting->given.items[i].name);
	return PointerGetDatum(construct_array(names, setting->given.count, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * cloudflux_rotate_credentials() seals everything that the caller may change under the current key, and returns
 * (place, role_name, credential, old_key_id, key_id) for each value that was sealed under another one.
 */
Datum
cloudflux_rotate_credentials(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char		current[CF_SEAL_KEY_ID_MAX + 1];
	List	   *tuples = NIL;
	CfError		err = {0};
	Relation	mappings;
	SysScanDesc scan;
	HeapTuple	tuple;
	ListCell   *cell;

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("rotate_credentials()");
	InitMaterializedSRF(fcinfo, 0);
	if (!cf_seal_current(current, &err))
		cf_error_raise(&err);
	mappings = table_open(UserMappingRelationId, AccessShareLock);
	scan = systable_beginscan(mappings, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		tuples = lappend(tuples, heap_copytuple(tuple));
	systable_endscan(scan);
	table_close(mappings, AccessShareLock);
	foreach(cell, tuples)
		rotate_mapping(rsinfo, (HeapTuple) lfirst(cell), current);
	return (Datum) 0;
}

/* rotate_mapping seals the values of one user mapping anew; what does not open is left as it is, with a warning. */
static void
rotate_mapping(ReturnSetInfo *rsinfo, HeapTuple tuple, const char *current)
{
	Form_pg_user_mapping form = (Form_pg_user_mapping) GETSTRUCT(tuple);
	ForeignServer *server = GetForeignServer(form->umserver);
	CfAllocator allocator = cf_arena_context(CurrentMemoryContext);
	const char *user = OidIsValid(form->umuser) ? GetUserNameFromId(form->umuser, true) : CF_SEAL_PUBLIC;
	List	   *options = NIL;
	StringInfoData changes;
	const CfSealKind *kind = cf_seal_kind_of(server);
	CfArena		arena;
	CfSealServer sealed;
	CfError		err = {0};
	ListCell   *cell;

	if (kind == NULL || user == NULL ||
		!has_privs_of_role(GetUserId(), server->owner) ||
		!cf_seal_mapping_get(server->serverid, form->umuser, &options))
		return;
	cf_arena_init(&arena, &allocator, 1024, 0);
	if (!kind->read(server->servername, GetUserId(), &arena, &sealed, &err))
		cf_error_raise(&err);
	initStringInfo(&changes);
	foreach(cell, options)
		rotate_value(&changes, &sealed, user, (DefElem *) lfirst(cell), current, rsinfo);
	if (changes.len > 0)
		run_ddl(psprintf("ALTER USER MAPPING FOR %s OPTIONS (%s)", mapping_of(user, form->umuser, server->servername),
						 changes.data));
	cf_arena_free(&arena);
}

/* rotate_value adds one value to the changes, sealed anew, unless the current key sealed it already. */
static void
rotate_value(StringInfo changes, const CfSealServer *server, const char *user, DefElem *def, const char *current,
			 ReturnSetInfo *rsinfo)
{
	char		id[CF_SEAL_KEY_ID_MAX + 1];
	char		secret[CF_SEAL_SECRET_MAX + 1];
	Datum		row[5];
	bool		nulls[5] = {false};
	CfSealBinding binding = server->binding;
	CfError		err = {0};
	char	   *sealed;
	bool		good;

	if (!cf_seal_key_id(defGetString(def), id) || strcmp(id, current) == 0)
		return;
	binding.user = user;
	binding.option = def->defname;
	if (!cf_seal_reveal(&binding, defGetString(def), secret, sizeof(secret), &err))
	{
		ereport(WARNING,
				(errcode(cf_error_sqlstate(err.kind)),
				 errmsg("%s", err.message),
				 errdetail("It is role \"%s\"'s, sealed under key \"%s\", and stays as it is.", user, id),
				 errhint("%s", err.hint)));
		return;
	}
	good = cf_seal_value(&binding, secret, &sealed, &err);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (!good)
		cf_error_raise(&err);
	appendStringInfo(changes, "%sSET %s %s", changes->len > 0 ? ", " : "", quote_identifier(def->defname),
					 quote_literal_cstr(sealed));
	row[0] = CStringGetTextDatum(server->binding.server);
	row[1] = CStringGetTextDatum(user);
	row[2] = CStringGetTextDatum(def->defname);
	row[3] = CStringGetTextDatum(id);
	row[4] = CStringGetTextDatum(current);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row, nulls);
}
