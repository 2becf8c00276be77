/*
 * options_sql.c
 *		The options of a place: one table, read when a place is opened and judged by the validator when written.
 *
 * The validator runs inside CREATE and ALTER, and inside a restore on another machine: it looks at the options
 * and the catalog only, never at a file or the network. Secrets do not belong into options: they would stand in
 * pg_foreign_server and pg_user_mapping, in dumps and in the server's log.
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "core/error_sql.h"
#include "storage/driver.h"
#include "storage/options_sql.h"

typedef enum OptionKind
{
	OPTION_TEXT,
	OPTION_PROVIDER,
	OPTION_CLOUD,				/* the provider whose prices apply */
	OPTION_TIER,
	OPTION_INT,
	OPTION_INT64
} OptionKind;

static const struct
{
	const char *name;
	OptionKind	kind;
	int			offset;			/* in CfPlace; -1 = only SQL reads it */
}			options_known[] = {
	{"provider", OPTION_PROVIDER, offsetof(CfPlace, provider)},
	{"bucket", OPTION_TEXT, offsetof(CfPlace, bucket)},
	{"region", OPTION_TEXT, offsetof(CfPlace, region)},
	{"endpoint", OPTION_TEXT, offsetof(CfPlace, endpoint)},
	{"prefix", OPTION_TEXT, offsetof(CfPlace, prefix)},
	{"storage_class", OPTION_TEXT, offsetof(CfPlace, storage_class)},
	{"tier", OPTION_TIER, -1},
	{"price_provider", OPTION_CLOUD, -1},
	{"price_region", OPTION_TEXT, -1},
	{"max_connections", OPTION_INT, offsetof(CfPlace, max_connections)},
	{"bandwidth_limit", OPTION_INT64, offsetof(CfPlace, bandwidth_limit)},
	{"requests_per_second", OPTION_INT, offsetof(CfPlace, requests_per_second)},
};

#define OPTIONS_KNOWN (sizeof(options_known) / sizeof(options_known[0]))
#define FIELD(place, i, type) (*(type *) ((char *) (place) + options_known[i].offset))

static int	option_find(const char *name);
static bool option_read(int i, const char *value, CfArena *arena, CfPlace *place, CfError *err);
static bool number_read(const char *name, const char *value, int64_t max, int64_t *number, CfError *err);
static void option_check_known(DefElem *def);
static void option_check_value(int i, const char *value);
static void user_mapping_check(List *options);
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
	foreach(cell, options)
	{
		DefElem    *def = (DefElem *) lfirst(cell);
		int			i = option_find(def->defname);

		if (i >= 0 && options_known[i].offset >= 0 &&
			!option_read(i, defGetString(def), arena, place, err))
			return false;
	}
	place->driver = cf_storage_driver(place->provider);
	return true;
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
		user_mapping_check(options);
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
	CfError		err = {0};
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = (DefElem *) lfirst(cell);

		option_check_known(def);
		option_check_value(option_find(def->defname), defGetString(def));
	}
	cf_arena_init(&arena, &allocator, 1024, 0);
	if (!cf_storage_options_read(options, &arena, &place, &err))
		cf_error_raise(&err);
	if (place.provider[0] == '\0' || place.bucket[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"%s\" of a place is missing",
						place.provider[0] == '\0' ? "provider" : "bucket"),
				 errhint("Every place has the options provider (AWS, Azure, GCP, S3, LOCAL) and bucket.")));
	if (place.driver != NULL && !cf_storage_place_check(&place, &err))
		cf_error_raise(&err);
	cf_arena_free(&arena);
}

/* option_check_known refuses a name that no option has, and names those that there are. */
static void
option_check_known(DefElem *def)
{
	StringInfoData names;

	if (option_find(def->defname) >= 0)
		return;
	initStringInfo(&names);
	for (size_t i = 0; i < OPTIONS_KNOWN; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", options_known[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\" of a place", def->defname),
			 errdetail("Secrets are never options: they would stand in the catalog and in dumps."),
			 errhint("The options of a place are: %s.", names.data)));
}

/* option_check_value refuses a value that its option cannot have. */
static void
option_check_value(int i, const char *value)
{
	const char *hint = NULL;

	switch (options_known[i].kind)
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
				 errmsg("invalid value \"%s\" for option \"%s\" of a place", value, options_known[i].name),
				 errhint("%s", hint)));
}

/* user_mapping_check refuses secrets in clear; in this build no provider needs any. */
static void
user_mapping_check(List *options)
{
	if (options == NIL)
		return;
	/* Neither the value nor the statement may reach the log once more. */
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("option \"%s\" of a user mapping cannot be set", ((DefElem *) linitial(options))->defname),
			 errdetail("Credentials are never written in clear, and this version has no provider that needs them."),
			 errhint("A user mapping without options is accepted; sealed credentials come with the drivers of the clouds."),
			 errhidestmt(true)));
}
