/*
 * connection_sql.c
 *		Where Kafka is: brokers of a setting, or a foreign server of the wrapper cloudflux_kafka with sealed credentials.
 *
 * The server is like a place: its options say where and how, the user mapping of its owner (else that of PUBLIC) holds what is
 * secret, sealed and bound to brokers and mechanism. Events are all that happens in a database, so who names their destination must
 * be trusted with them: the server must belong to a superuser, whenever it is used. Connections to it are encrypted unless the option
 * tls is off, and then nothing is sent that somebody on the way could use (PLAIN, bearer tokens).
 *
 * A change of server or mapping invalidates entries of the system caches; so a worker that waits for the right password goes on as
 * soon as it is there, without being restarted.
 */
#include "postgres.h"

#include <openssl/crypto.h>

#include "access/reloptions.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "core/worker.h"
#include "events/connection_sql.h"
#include "security/security_sql.h"

PG_FUNCTION_INFO_V1(cloudflux_kafka_validator);

#define WRAPPER "cloudflux_kafka"

char	   *cf_kafka_brokers = NULL;
char	   *cf_kafka_server = NULL;

/* What the options say; NULL = not there. Texts are those of the options. */
typedef struct Options
{
	const char *brokers;
	const char *sasl_mechanism;
	const char *tls;
	const char *token_file;
	const char *ca_file;
	const char *client_cert_file;
	const char *client_key_file;
} Options;

static const struct
{
	const char *name;
	size_t		offset;
	bool		is_file;
}			known[] = {
	{"brokers", offsetof(Options, brokers), false},
	{"sasl_mechanism", offsetof(Options, sasl_mechanism), false},
	{"tls", offsetof(Options, tls), false},
	{"token_file", offsetof(Options, token_file), true},
	{"ca_file", offsetof(Options, ca_file), true},
	{"client_cert_file", offsetof(Options, client_cert_file), true},
	{"client_key_file", offsetof(Options, client_key_file), true},
};

static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"};
static const char *const credential_names[] = {"username", "password", NULL};

static bool invalidated = false;

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
uses_password(const Options *options)
{
	return options->sasl_mechanism != NULL && strcmp(options->sasl_mechanism, "OAUTHBEARER") != 0;
}

static bool
uses_tls(const Options *options)
{
	return options->tls == NULL || strcmp(options->tls, "on") == 0;
}

/* read_options sorts options; one that is unknown is left out. */
static void
read_options(List *list, Options *options)
{
	ListCell   *cell;

	memset(options, 0, sizeof(*options));
	foreach(cell, list)
	{
		DefElem    *def = (DefElem *) lfirst(cell);

		for (int i = 0; i < lengthof(known); i++)
		{
			if (strcmp(known[i].name, def->defname) == 0)
				*(const char **) ((char *) options + known[i].offset) = defGetString(def);
		}
	}
}

/* check_option refuses a name or a value that cannot be. */
static void
check_option(const char *name, const char *value)
{
	StringInfoData names;
	int			i = 0;

	while (i < lengthof(known) && strcmp(known[i].name, name) != 0)
		i++;
	if (i == lengthof(known))
	{
		initStringInfo(&names);
		for (i = 0; i < lengthof(known); i++)
			appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", known[i].name);
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("invalid option \"%s\" of a Kafka server", name),
				 errdetail("Secrets are never options: they would stand in the catalog and in dumps."),
				 errhint("The options of a Kafka server are: %s. Its password is set by cloudflux.set_credentials().", names.data),
				 errhidestmt(true)));
	}
	for (const char *s = value; *s != '\0'; s++)
	{
		if ((unsigned char) *s < 0x20 || *s == 0x7f)
			value = "";
	}
	if (value[0] == '\0' || (known[i].is_file && value[0] != '/'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\" of a Kafka server", name),
				 known[i].is_file ? errhint("It is an absolute path on the machine of the database server.") :
				 errhint("It is a text without control characters; leave the option away instead of an empty one.")));
}

/* problem_of tells what does not go together, with a hint; NULL = all does. */
static const char *
problem_of(const Options *options, const char **hint)
{
	bool		oauth = options->sasl_mechanism != NULL && !uses_password(options);
	int			i = 0;

	*hint = "It is PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; leave it away where brokers do not ask, or look at certificates.";
	while (options->sasl_mechanism != NULL && i < lengthof(mechanisms) && strcmp(mechanisms[i], options->sasl_mechanism) != 0)
		i++;
	if (i == lengthof(mechanisms))
		return "this sasl_mechanism is not known";
	*hint = "It is on (unless you say otherwise) or off.";
	if (!uses_tls(options) && strcmp(options->tls, "off") != 0)
		return "option tls is neither on nor off";
	*hint = "Use tls, or one of SCRAM-SHA-256 and SCRAM-SHA-512.";
	if (!uses_tls(options) && (oauth || same(options->sasl_mechanism, "PLAIN")))
		return "this sasl_mechanism without tls would show the secret to everybody on the way";
	*hint = "Somebody else renews it there; the broker says what it must hold.";
	if (oauth != (options->token_file != NULL))
		return "OAUTHBEARER and token_file need each other";
	*hint = "Name the certificate and the key that belongs to it.";
	if ((options->client_cert_file == NULL) != (options->client_key_file == NULL))
		return "client_cert_file and client_key_file need each other";
	*hint = "Leave the files away, or tls on.";
	if (!uses_tls(options) && (options->ca_file != NULL || options->client_cert_file != NULL))
		return "certificates without tls";
	return NULL;
}

static bool
credential_known(const char *name)
{
	return strcmp(name, credential_names[0]) == 0 || strcmp(name, credential_names[1]) == 0;
}

/* cloudflux_kafka_validator judges options when they are written: it is the VALIDATOR of the wrapper cloudflux_kafka. */
Datum
cloudflux_kafka_validator(PG_FUNCTION_ARGS)
{
	List	   *list = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	Options		options;
	const char *problem;
	const char *hint;
	ListCell   *cell;
	CfError		err;

	if (catalog == UserMappingRelationId)
	{
		cf_seal_mapping_check(list, credential_known);
		PG_RETURN_VOID();
	}
	if (catalog != ForeignServerRelationId)
	{
		if (list != NIL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\"", ((DefElem *) linitial(list))->defname),
					 errhint("The foreign-data wrapper " WRAPPER " itself has no options; its servers have.")));
		PG_RETURN_VOID();
	}
	foreach(cell, list)
		check_option(((DefElem *) lfirst(cell))->defname, defGetString((DefElem *) lfirst(cell)));
	read_options(list, &options);
	if (options.brokers == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"brokers\" of a Kafka server is missing"),
				 errhint("It is a list of host:port.")));
	if (!cf_kafka_brokers_check(options.brokers, &err))
		cf_error_raise(&err);
	if ((problem = problem_of(&options, &hint)) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the options of a Kafka server do not go together: %s", problem), errhint("%s", hint)));
	PG_RETURN_VOID();
}

/* binding_of tells what the credentials of a server are bound to. */
static void
binding_of(const char *name, const Options *options, CfSealBinding *binding)
{
	binding->server = name;
	binding->user = binding->option = "";
	binding->provider = "Kafka";
	binding->endpoint = options->brokers;
	binding->bucket = "";
	binding->addresses = psprintf("sasl_mechanism=%s\ntls=%s\n", options->sasl_mechanism != NULL ? options->sasl_mechanism : "",
								  uses_tls(options) ? "on" : "off");
}

/* server_read describes a server of Kafka to who sets its credentials. */
static bool
server_read(const char *name, Oid role, CfArena *arena, CfSealServer *server, CfError *err)
{
	Options		options;

	server->server = GetForeignServerByName(name, false);
	if (!CF_FOREIGN_SERVER_USABLE(server->server->serverid, role))
	{
		cf_error_set(err, CF_ERR_DENIED, "permission denied for Kafka server \"%s\"", name);
		return cf_error_detail(err, "Role \"%s\" has no USAGE on the foreign server.", GetUserNameFromId(role, false));
	}
	read_options(server->server->options, &options);
	server->noun = "Kafka server";
	server->names = uses_password(&options) ? credential_names : NULL;
	binding_of(server->server->servername, &options, &server->binding);
	return true;
}

/* server_check tells whether credentials are complete. */
static bool
server_check(const CfSealServer *server, const CfCredentials *given, CfError *err)
{
	if (given == NULL || (cf_credential(given, "username") != NULL && cf_credential(given, "password") != NULL))
		return true;
	cf_error_set(err, CF_ERR_INPUT, "credentials of Kafka server \"%s\" are not complete", server->binding.server);
	return cf_error_hint(err, "They are username and password.");
}

bool
cf_connection_wanted(void)
{
	return cf_connection_where()[0] != '\0';
}

const char *
cf_connection_where(void)
{
	return cf_kafka_server[0] != '\0' ? cf_kafka_server : cf_kafka_brokers;
}

bool
cf_connection_stale(const CfConnection *connection)
{
	return connection->server == NULL || strcmp(connection->server, cf_kafka_server) != 0 ||
		(cf_kafka_server[0] == '\0' ? !same(connection->brokers, cf_kafka_brokers) : invalidated);
}

/* forget wipes and frees what a connection holds. */
static void
forget(CfConnection *connection)
{
	const char *texts[] = {connection->server, connection->brokers, connection->security.mechanism, connection->security.username,
		connection->security.password, connection->security.token_file, connection->security.ca_file,
	connection->security.certificate_file, connection->security.key_file};

	for (int i = 0; i < lengthof(texts); i++)
	{
		if (texts[i] != NULL)
			OPENSSL_cleanse(unconstify(char *, texts[i]), strlen(texts[i]));
		free(unconstify(char *, texts[i]));
	}
	memset(connection, 0, sizeof(*connection));
}

/* copy_of is strdup() that knows NULL; memory that is short raises. */
static char *
copy_of(const char *text)
{
	char	   *copy = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copy == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return copy;
}

/* open_credentials unseals those of the server's owner, else those of PUBLIC. */
static bool
open_credentials(const ForeignServer *server, const Options *options, CfKafkaSecurity *security, CfError *err)
{
	char		value[CF_SEAL_SECRET_MAX + 1];
	CfSealBinding binding;
	const char *user;
	List	   *mapping = NIL;
	ListCell   *cell;
	bool		good = cf_seal_mapping_find(server->serverid, server->owner, &mapping, &user);

	if (!good)
	{
		cf_error_set(err, CF_ERR_DENIED, "Kafka server \"%s\" has no credentials", server->servername);
		return cf_error_hint(err, "Its owner can say: SELECT cloudflux.set_credentials(%s, …) with username and password.",
							 quote_literal_cstr(server->servername));
	}
	binding_of(server->servername, options, &binding);
	binding.user = user;
	foreach(cell, mapping)
	{
		DefElem    *def = (DefElem *) lfirst(cell);

		if (!credential_known(def->defname))
			continue;
		binding.option = def->defname;
		good = cf_seal_reveal(&binding, defGetString(def), value, sizeof(value), err);
		if (good && strcmp(def->defname, "username") == 0)
			security->username = copy_of(value);
		else if (good)
			security->password = copy_of(value);
		OPENSSL_cleanse(value, sizeof(value));
		if (!good)
			return false;
	}
	return true;
}

/* read_server reads the server that the setting names. */
static bool
read_server(CfConnection *connection, CfError *err)
{
	ForeignServer *server = GetForeignServerByName(cf_kafka_server, true);
	const char *wrapper = server != NULL ? GetForeignDataWrapper(server->fdwid)->fdwname : NULL;
	CfKafkaSecurity *security = &connection->security;
	Options		options;

	if (!same(wrapper, WRAPPER))
	{
		cf_error_set(err, CF_ERR_NOT_FOUND, "there is no Kafka server \"%s\"", cf_kafka_server);
		return cf_error_hint(err, "Make it (CREATE SERVER … FOREIGN DATA WRAPPER " WRAPPER "), or correct cloudflux.kafka_server.");
	}
	if (!superuser_arg(server->owner))
	{
		cf_error_set(err, CF_ERR_DENIED, "Kafka server \"%s\" does not belong to a superuser", cf_kafka_server);
		return cf_error_hint(err, "Who owns it could send all events elsewhere. ALTER SERVER %s OWNER TO a superuser.", quote_identifier(cf_kafka_server));
	}
	read_options(server->options, &options);
	connection->brokers = copy_of(options.brokers);
	connection->secured = true;
	security->tls = uses_tls(&options);
	security->mechanism = copy_of(options.sasl_mechanism);
	security->token_file = copy_of(options.token_file);
	security->ca_file = copy_of(options.ca_file);
	security->certificate_file = copy_of(options.client_cert_file);
	security->key_file = copy_of(options.client_key_file);
	return !uses_password(&options) || open_credentials(server, &options, security, err);
}

bool
cf_connection_read(CfConnection *connection, bool *changed, CfError *err)
{
	CfConnection now = {.server = copy_of(cf_kafka_server)};
	bool		good = true;

	if (cf_kafka_server[0] == '\0')
		now.brokers = copy_of(cf_kafka_brokers);
	else
	{
		cf_worker_begin("reading where Kafka is");
		invalidated = false;
		PG_TRY();
		{
			good = read_server(&now, err);
		}
		PG_CATCH();
		{
			forget(&now);
			PG_RE_THROW();
		}
		PG_END_TRY();
		cf_worker_commit();
	}
	*changed = !good || !same(now.server, connection->server) || !same(now.brokers, connection->brokers) ||
		now.secured != connection->secured || now.security.tls != connection->security.tls ||
		!same(now.security.mechanism, connection->security.mechanism) || !same(now.security.username, connection->security.username) ||
		!same(now.security.password, connection->security.password) || !same(now.security.token_file, connection->security.token_file) ||
		!same(now.security.ca_file, connection->security.ca_file) ||
		!same(now.security.certificate_file, connection->security.certificate_file) || !same(now.security.key_file, connection->security.key_file);
	if (*changed)
	{
		forget(connection);
		*connection = now;
	}
	else
		forget(&now);
	return good;
}

/* on_invalidation notes that a foreign server or a user mapping has changed, no matter which. */
static void
on_invalidation(Datum arg, int cache, uint32 hash)
{
	invalidated = true;
}

void
cf_connection_watch(void)
{
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, on_invalidation, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, on_invalidation, (Datum) 0);
}

/* check_brokers refuses a list of brokers that cannot be one; an empty one is none. */
static bool
check_brokers(char **value, void **extra, GucSource source)
{
	CfError		err;

	if ((*value)[0] == '\0' || cf_kafka_brokers_check(*value, &err))
		return true;
	GUC_check_errdetail("%s.", err.message);
	GUC_check_errhint("%s", err.hint);
	return false;
}

void
cf_connection_register(void)
{
	static const CfSealKind servers = {.wrapper = WRAPPER, .known = credential_known, .read = server_read, .check = server_check};

	cf_seal_register(&servers);
	DefineCustomStringVariable("cloudflux.kafka_brokers",
							   "Kafka brokers that events are sent to, in clear.",
							   "A list of host:port; empty = none: events stay in the table until there are some. For brokers with TLS or SASL see cloudflux.kafka_server.",
							   &cf_kafka_brokers, "", PGC_SIGHUP, 0, check_brokers, NULL, NULL);
	DefineCustomStringVariable("cloudflux.kafka_server",
							   "Foreign server of the wrapper cloudflux_kafka that events are sent to.",
							   "It must belong to a superuser. Where it is set, cloudflux.kafka_brokers counts for nothing.",
							   &cf_kafka_server, "", PGC_SIGHUP, 0, NULL, NULL, NULL);
}
