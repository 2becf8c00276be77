/*
 * options_sql.c
 *		The options of a place: one table, read when a place is opened and judged by the validator when written.
 *
 * The validator runs inside CREATE and ALTER, and inside a restore on another machine: it looks at the options
 * and the catalog only, never at a file or the network. Secrets do not belong into options: they would stand in
 * pg_foreign_server and pg_user_mapping, in dumps and in the server's log. So a user mapping has sealed values only.
 *
 * A name that is not in the table may be one that the provider's driver understands (CfDriver.options); its value goes into
 * CfPlace.options as it is. Options that make the server read its files or use its own identity are a superuser's: the
 * validator refuses them from others, and every use looks whether the place still belongs to a superuser.
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/error_sql.h"
#include "security/security_sql.h"
#include "storage/credentials_sql.h"
#include "storage/driver.h"
#include "storage/options_sql.h"

typedef enum OptionKind
{
	OPTION_TEXT,
	OPTION_PROVIDER,
	OPTION_CLOUD,				/* the provider whose prices apply */
	OPTION_TIER,
	OPTION_INT,
	OPTION_INT64,
	OPTION_FILE,				/* of the server: a superuser's */
	OPTION_SOURCE,				/* where credentials come from: a superuser's */
	OPTION_BOOL,
	OPTION_WAY,					/* where bytes go that are read here, in the words of egress_prices */
	OPTION_LOSS					/* attributes of objects that may be left behind */
} OptionKind;

#define NOT_READ (-1)
#define AMONG_OPTIONS (-2)

static const struct
{
	const char *name;
	OptionKind	kind;
	int			offset;			/* in CfPlace; AMONG_OPTIONS, or NOT_READ: only SQL reads it */
}			options_known[] = {
	{"provider", OPTION_PROVIDER, offsetof(CfPlace, provider)},
	{"bucket", OPTION_TEXT, offsetof(CfPlace, bucket)},
	{"region", OPTION_TEXT, offsetof(CfPlace, region)},
	{"endpoint", OPTION_TEXT, offsetof(CfPlace, endpoint)},
	{"prefix", OPTION_TEXT, offsetof(CfPlace, prefix)},
	{"storage_class", OPTION_TEXT, offsetof(CfPlace, storage_class)},
	{"tier", OPTION_TIER, NOT_READ},
	{"price_provider", OPTION_CLOUD, NOT_READ},
	{"price_region", OPTION_TEXT, NOT_READ},
	{"egress", OPTION_WAY, NOT_READ},
	{"autoclass", OPTION_BOOL, NOT_READ},
	{"max_connections", OPTION_INT, offsetof(CfPlace, max_connections)},
	{"bandwidth_limit", OPTION_INT64, offsetof(CfPlace, bandwidth_limit)},
	{"requests_per_second", OPTION_INT, offsetof(CfPlace, requests_per_second)},
	{"ca_file", OPTION_FILE, offsetof(CfPlace, net.ca_file)},
	{"client_cert_file", OPTION_FILE, offsetof(CfPlace, net.client_cert_file)},
	{"client_key_file", OPTION_FILE, offsetof(CfPlace, net.client_key_file)},
	{"credential_source", OPTION_SOURCE, offsetof(CfPlace, credential_source)},
	{"credentials_file", OPTION_FILE, AMONG_OPTIONS},
	{"web_identity_token_file", OPTION_FILE, AMONG_OPTIONS},
	{"accept_unconditional_create", OPTION_BOOL, AMONG_OPTIONS},
	{"accept_unconditional_delete", OPTION_BOOL, AMONG_OPTIONS},
	{"accept_unproven_delete", OPTION_BOOL, AMONG_OPTIONS},
	{"accept_loss", OPTION_LOSS, AMONG_OPTIONS},
};

#define OPTIONS_KNOWN (sizeof(options_known) / sizeof(options_known[0]))
#define FIELD(place, i, type) (*(type *) ((char *) (place) + options_known[i].offset))

static int	option_find(const char *name);
static bool option_trusted(const char *name);
static bool option_keep(DefElem *def, CfArena *arena, CfPlace *place, CfError *err);
static bool listed(const char *const *names, const char *name);
static void net_read(CfPlace *place);
static bool option_read(int i, const char *value, CfArena *arena, CfPlace *place, CfError *err);
static bool number_read(const char *name, const char *value, int64_t max, int64_t *number, CfError *err);
static void option_check_known(DefElem *def, const CfDriver *driver);
static void option_check_value(const char *name, OptionKind kind, const char *value, const CfDriver *driver);
static const char *sources_hint(const CfDriver *driver);
static void server_check(List *options);

bool
cf_storage_options_read(List *options, CfArena *arena, CfPlace *place, CfError *err)
{
	ListCell   *cell;

	for (size_t i = 0; i < OPTIONS_KNOWN; i++)
	{
		if (options_known[i].offset >= 0 && options_known[i].kind != OPTION_INT &&
			options_known[i].kind != OPTION_INT64)
			FIELD(place, i, const char *) = "";
	}
	place->option_count = 0;
	place->options = cf_arena_alloc(arena, sizeof(CfPlaceOption) * (list_length(options) + 1));
	if (place->options == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory for the options of a place");
	foreach(cell, options)
	{
		DefElem    *def = (DefElem *) lfirst(cell);
		int			i = option_find(def->defname);
		bool		read = true;

		if (i < 0 || options_known[i].offset == AMONG_OPTIONS)
			read = option_keep(def, arena, place, err);
		else if (options_known[i].offset >= 0)
			read = option_read(i, defGetString(def), arena, place, err);
		if (!read)
			return false;
	}
	net_read(place);
	place->driver = cf_storage_driver(place->provider);
	return true;
}

/* net_read gives the engine what it needs of the place. */
static void
net_read(CfPlace *place)
{
	place->net.name = place->name;
	place->net.max_connections = place->max_connections;
	place->net.requests_per_second = place->requests_per_second;
	place->net.bandwidth_limit = place->bandwidth_limit;
}

/* option_keep puts an option among those that the driver asks for by name. */
static bool
option_keep(DefElem *def, CfArena *arena, CfPlace *place, CfError *err)
{
	CfPlaceOption *option = (CfPlaceOption *) &place->options[place->option_count];

	option->name = cf_arena_strdup(arena, def->defname);
	option->value = cf_arena_strdup(arena, defGetString(def));
	if (option->name == NULL || option->value == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory for the options of a place");
	place->option_count++;
	return true;
}

bool
cf_storage_options_trusted(List *options, const char **name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		*name = ((DefElem *) lfirst(cell))->defname;
		if (option_trusted(*name))
			return true;
	}
	return false;
}

/* option_trusted tells whether an option is a superuser's. */
static bool
option_trusted(const char *name)
{
	int			i = option_find(name);

	return i >= 0 && (options_known[i].kind == OPTION_FILE || options_known[i].kind == OPTION_SOURCE);
}

static bool
listed(const char *const *names, const char *name)
{
	while (names != NULL && *names != NULL)
	{
		if (strcmp(*names++, name) == 0)
			return true;
	}
	return false;
}

static int
option_find(const char *name)
{
	for (size_t i = 0; i < OPTIONS_KNOWN; i++)
	{
		if (strcmp(options_known[i].name, name) == 0)
			return i;
	}
	return -1;
}

/* option_read puts one value where it belongs in the place. */
static bool
option_read(int i, const char *value, CfArena *arena, CfPlace *place, CfError *err)
{
	int64_t		number;

	switch (options_known[i].kind)
	{
		case OPTION_INT:
			if (!number_read(options_known[i].name, value, INT_MAX, &number, err))
				return false;
			FIELD(place, i, int) = (int) number;
			return true;
		case OPTION_INT64:
			return number_read(options_known[i].name, value, PG_INT64_MAX,
							   &FIELD(place, i, int64_t), err);
		default:
			FIELD(place, i, const char *) = cf_arena_strdup(arena, value);
			if (FIELD(place, i, const char *) == NULL)
				return cf_error_set(err, CF_ERR_MEMORY, "out of memory for the options of a place");
			return true;
	}
}

/* number_read parses a limit: a whole number of at least 1. */
static bool
number_read(const char *name, const char *value, int64_t max, int64_t *number, CfError *err)
{
	char	   *end;

	errno = 0;
	*number = strtoll(value, &end, 10);
	if (errno == 0 && end != value && *end == '\0' && *number >= 1 && *number <= max)
		return true;
	cf_error_set(err, CF_ERR_INPUT, "invalid value \"%s\" for option \"%s\" of a place", value, name);
	return cf_error_hint(err, "It is a whole number of at least 1; leave the option away for no limit.");
}

PG_FUNCTION_INFO_V1(cloudflux_validator);

/* cloudflux_validator judges options when they are written: it is the VALIDATOR of the foreign-data wrapper. */
Datum
cloudflux_validator(PG_FUNCTION_ARGS)
{
	List	   *options = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);

	if (catalog == ForeignServerRelationId)
		server_check(options);
	else if (catalog == UserMappingRelationId)
		cf_seal_mapping_check(options, cf_storage_credential_known);
	else if (options != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("invalid option \"%s\"", ((DefElem *) linitial(options))->defname),
				 catalog == ForeignDataWrapperRelationId ?
				 errhint("The foreign-data wrapper cloudflux itself has no options; its servers have.") :
				 errhint("cloudflux has no foreign tables; objects are rows of cloudflux.data_objects.")));
	PG_RETURN_VOID();
}

static void
server_check(List *options)
{
	CfArena		arena;
	CfAllocator allocator = cf_arena_context(CurrentMemoryContext);
	CfPlace		place = {.name = "new place"};
	const CfDriver *driver = NULL;
	CfError		err = {0};
	const char *trusted;
	bool		has_tier = false;
	bool		autoclass = false;
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = (DefElem *) lfirst(cell);
		int			i = option_find(def->defname);

		if (i >= 0 && options_known[i].kind == OPTION_PROVIDER)
			driver = cf_storage_driver(defGetString(def));
		has_tier |= i >= 0 && options_known[i].kind == OPTION_TIER;
		autoclass |= strcmp(def->defname, "autoclass") == 0;
	}
	foreach(cell, options)
	{
		DefElem    *def = (DefElem *) lfirst(cell);
		int			i = option_find(def->defname);

		option_check_known(def, driver);
		option_check_value(def->defname, i < 0 ? OPTION_TEXT : options_known[i].kind, defGetString(def), driver);
	}
	if (cf_storage_options_trusted(options, &trusted) && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"%s\" of a place", trusted),
				 errdetail("It lets the place use files or the identity of the database server."),
				 errhint("Only a superuser may make or alter such a place.")));
	cf_arena_init(&arena, &allocator, 1024, 0);
	if (!cf_storage_options_read(options, &arena, &place, &err))
		cf_error_raise(&err);
	if (place.provider[0] == '\0' || place.bucket[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"%s\" of a place is missing",
						place.provider[0] == '\0' ? "provider" : "bucket"),
				 errhint("Every place has the options provider (AWS, Azure, GCP, S3, LOCAL) and bucket.")));
	if (has_tier && strcmp(place.provider, "LOCAL") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"tier\" of a place is for directories"),
				 errdetail("Objects of provider %s have classes of their own.", place.provider),
				 errhint("Set storage_class for new objects; rows of cloudflux.storage_tiers say which class is HOT, WARM or COLD.")));
	if (autoclass && strcmp(place.provider, "GCP") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"autoclass\" of a place is for buckets of provider GCP"),
				 errhint("Leave it away; a directory has the prices of its option storage_class.")));
	if (place.driver != NULL && (!cf_storage_place_check(&place, &err) || !cf_storage_source_options_check(&place, &err)))
		cf_error_raise(&err);
	cf_arena_free(&arena);
}

/* option_check_known refuses a name that no option has, and names those that there are. */
static void
option_check_known(DefElem *def, const CfDriver *driver)
{
	const char *const *own = driver == NULL ? NULL : driver->options;
	StringInfoData names;

	if (option_find(def->defname) >= 0 || listed(own, def->defname))
		return;
	initStringInfo(&names);
	for (size_t i = 0; i < OPTIONS_KNOWN; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", options_known[i].name);
	for (; own != NULL && *own != NULL; own++)
	{
		if (option_find(*own) < 0)
			appendStringInfo(&names, ", %s", *own);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\" of a place", def->defname),
			 cf_storage_credential_known(def->defname) ?
			 errdetail("It is a credential, and credentials are never options of a place: they would stand in the catalog and in dumps.") :
			 errdetail("Secrets are never options: they would stand in the catalog and in dumps."),
			 errhint("The options of a place are: %s.", names.data),
			 errhidestmt(cf_storage_credential_known(def->defname))));
}

/* option_check_value refuses a value that its option cannot have. */
static void
option_check_value(const char *name, OptionKind kind, const char *value, const CfDriver *driver)
{
	const char *hint = NULL;
	CfError		err;

	switch (kind)
	{
		case OPTION_PROVIDER:
			if (!cf_storage_provider_known(value))
				hint = "A provider is AWS, Azure, GCP, S3 (any S3-compatible store) or LOCAL (a directory).";
			break;
		case OPTION_CLOUD:
			if (!cf_storage_provider_known(value) || strcmp(value, "LOCAL") == 0)
				hint = "Prices are those of AWS, Azure, GCP or S3.";
			break;
		case OPTION_TIER:
			if (strcmp(value, "HOT") != 0 && strcmp(value, "WARM") != 0 && strcmp(value, "COLD") != 0)
				hint = "A tier is HOT, WARM or COLD.";
			break;
		case OPTION_SOURCE:
			if (!listed(driver == NULL ? NULL : driver->sources, value))
				hint = sources_hint(driver);
			break;
		case OPTION_BOOL:
			if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
				hint = "It is true or false.";
			break;
		case OPTION_WAY:
			if (strcmp(value, "internet") != 0 && strcmp(value, "same_region") != 0 && strcmp(value, "other_region") != 0 &&
				strcmp(value, "other_continent") != 0)
				hint = "The database server is reached over the internet, or in the same_region, in an other_region or on an other_continent of the provider.";
			break;
		case OPTION_LOSS:
			if (!cf_attributes_loss_check(value, &err))
				hint = err.hint;
			break;
		case OPTION_FILE:
			if (value[0] != '/')
				hint = "It is an absolute path on the machine of the database server.";
			break;
		default:
			for (const char *s = value; *s != '\0' && hint == NULL; s++)
			{
				if ((unsigned char) *s < 0x20 || *s == 0x7f)
					hint = "It contains a control character.";
			}
			if (value[0] == '\0')
				hint = "It is empty; leave the option away instead.";
			break;
	}
	if (hint != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value \"%s\" for option \"%s\" of a place", value, name),
				 errhint("%s", hint)));
}

/* sources_hint names the sources of credentials that a provider has. */
static const char *
sources_hint(const CfDriver *driver)
{
	StringInfoData hint;

	if (driver == NULL || driver->sources == NULL)
		return "Places of this provider need no credentials.";
	initStringInfo(&hint);
	for (int i = 0; driver->sources[i] != NULL; i++)
		appendStringInfo(&hint, "%s%s", i == 0 ? "Sources of this provider are: " : ", ", driver->sources[i]);
	appendStringInfoString(&hint, "; sealed credentials need none.");
	return hint.data;
}
