/*
 * place_sql.c
 *		From the name of a foreign server to a CfPlace that may be used, and the settings of the room.
 *
 * What is checked, and at every use, since each of it can change under live rows: the server exists and is ours;
 * the role on whose authority we act has USAGE; for LOCAL, which is file access as the server's operating
 * system user, the owner of the server is in pg_read_server_files (and pg_write_server_files to write), and the
 * root is a real directory that neither contains nor lies in the data directory or a tablespace; and the server
 * still says what the table places recorded when it was adopted.
 */
#include "postgres.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "core/interrupt.h"
#include "core/spi_sql.h"
#include "storage/binding_sql.h"
#include "storage/credentials_sql.h"
#include "storage/driver.h"
#include "storage/options_sql.h"
#include "storage/place_sql.h"

static bool storage_fsync = true;

static bool server_find(const char *name, ForeignServer **server, CfError *err);
static void hint_known_places(CfError *err);
static bool local_check(const ForeignServer *server, const CfPlace *place, bool for_write, CfError *err);
static bool root_check(const CfPlace *place, CfError *err);
static bool root_apart(const CfPlace *place, const char *root, const char *server_path, CfError *err);
static bool path_contains(const char *outer, const char *inner);
static bool adopted_check(CfPlace *place, CfError *err);
static bool home_check(const CfPlace *place, const char *home, CfError *err);
static void probed_read(CfPlace *place, int column);

void
cf_storage_init(void)
{
	DefineCustomBoolVariable("cloudflux.storage_fsync",
							 "Makes objects and folders in LOCAL places durable before they are reported as written or removed.",
							 "Turn it off only for tests and benchmarks: a crash of the machine may then lose objects.",
							 &storage_fsync, true, PGC_SUSET, 0, NULL, NULL, NULL);
	cf_storage_binding_register();
}

bool
cf_storage_place_open(const char *name, unsigned int role_oid, bool for_write, CfArena *arena,
					  CfPlace **place, CfError *err)
{
	ForeignServer *server;

	if (!cf_storage_place_read(name, role_oid, arena, place, &server, err))
		return false;
	if (!adopted_check(*place, err))
		return false;
	if (strcmp((*place)->provider, "LOCAL") != 0 && CF_FAULT("remote_place_opened", err))
		return false;
	if (!cf_storage_credentials_open(server, role_oid, arena, *place, err))
		return false;
	if (strcmp((*place)->provider, "LOCAL") == 0)
		return local_check(server, *place, for_write, err);
	return true;
}

/* cf_storage_place_read is cf_storage_place_open without the comparison and without touching the root. */
bool
cf_storage_place_read(const char *name, Oid role_oid, CfArena *arena, CfPlace **place,
					  ForeignServer **server, CfError *err)
{
	if (!server_find(name, server, err))
		return false;
	if (!CF_FOREIGN_SERVER_USABLE((*server)->serverid, role_oid))
	{
		char	   *role = GetUserNameFromId(role_oid, true);

		cf_error_set(err, CF_ERR_DENIED, "permission denied for place \"%s\"", name);
		cf_error_detail(err, "Role \"%s\" has no USAGE on the foreign server.", role == NULL ? "?" : role);
		return cf_error_hint(err, "Its owner can say: GRANT USAGE ON FOREIGN SERVER %s TO %s",
							 quote_identifier(name), role == NULL ? "…" : quote_identifier(role));
	}
	*place = cf_arena_zalloc(arena, sizeof(CfPlace));
	if (*place == NULL || ((*place)->name = cf_arena_strdup(arena, name)) == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory for place \"%s\"", name);
	(*place)->fsync = storage_fsync;
	if (!cf_storage_options_read((*server)->options, arena, *place, err))
		return false;
	(*place)->learned = cf_storage_learned((*server)->serverid, *place);
	return true;
}

void
cf_storage_place_relimit(CfPlace *place)
{
	ForeignServer *server = GetForeignServerByName(place->name, true);
	CfAllocator allocator = cf_arena_context(CurrentMemoryContext);
	CfArena		arena;
	CfPlace		now = {0};
	CfError		err;

	if (server == NULL)
		return;
	cf_arena_init(&arena, &allocator, 1024, 0);
	if (cf_storage_options_read(server->options, &arena, &now, &err))
	{
		place->bandwidth_limit = place->net.bandwidth_limit = now.bandwidth_limit;
		place->requests_per_second = place->net.requests_per_second = now.requests_per_second;
		place->max_connections = place->net.max_connections = now.max_connections;
	}
	cf_arena_free(&arena);
}

/* cf_storage_place_local_check tells whether a LOCAL place may be used by the rights of its owner and by where it is. */
bool
cf_storage_place_local_check(const ForeignServer *server, const CfPlace *place, bool for_write,
							 CfError *err)
{
	return local_check(server, place, for_write, err);
}

/* server_find finds the foreign server of a place. */
static bool
server_find(const char *name, ForeignServer **server, CfError *err)
{
	*server = GetForeignServerByName(name, true);
	if (*server == NULL)
	{
		cf_error_set(err, CF_ERR_NOT_FOUND, "place \"%s\" does not exist", name);
		hint_known_places(err);
		return false;
	}
	if (strcmp(GetForeignDataWrapper((*server)->fdwid)->fdwname, "cloudflux") != 0)
	{
		cf_error_set(err, CF_ERR_INPUT, "foreign server \"%s\" is not a place", name);
		cf_error_detail(err, "It belongs to foreign-data wrapper \"%s\".",
						GetForeignDataWrapper((*server)->fdwid)->fdwname);
		hint_known_places(err);
		return false;
	}
	return true;
}

/* hint_known_places names the places that there are, a dozen at most. */
static void
hint_known_places(CfError *err)
{
	static CfSpiPlan known = {
		"SELECT pg_catalog.string_agg(n.srvname, ', ')"
		"  FROM (SELECT s.srvname::pg_catalog.text AS srvname FROM pg_catalog.pg_foreign_server s"
		"          JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw"
		"         WHERE w.fdwname OPERATOR(pg_catalog.=) 'cloudflux' ORDER BY 1 LIMIT 12) n", 0};
	char	   *names = NULL;

	cf_spi_begin();
	if (cf_spi_run(&known, NULL, NULL) > 0)
		names = cf_spi_text(0, 1);
	cf_spi_end();
	if (names == NULL)
		cf_error_hint(err, "There is no place yet; cloudflux.add_storage() makes one.");
	else
		cf_error_hint(err, "Known places: %s.", names);
}

static bool
local_check(const ForeignServer *server, const CfPlace *place, bool for_write, CfError *err)
{
	bool		reads = has_privs_of_role(server->owner, ROLE_PG_READ_SERVER_FILES);
	bool		writes = has_privs_of_role(server->owner, ROLE_PG_WRITE_SERVER_FILES);

	if (!reads || (for_write && !writes))
	{
		const char *missing = reads ? "pg_write_server_files" : "pg_read_server_files";
		char	   *owner = GetUserNameFromId(server->owner, false);

		cf_error_set(err, CF_ERR_DENIED, "place \"%s\" cannot be %s", place->name,
					 for_write ? "written" : "read");
		cf_error_detail(err, "A LOCAL place is file access as the server's operating system user; its owner \"%s\" is not a member of %s.",
						owner, missing);
		return cf_error_hint(err, "A superuser can say: GRANT %s TO %s", missing, quote_identifier(owner));
	}
	if (!cf_storage_place_check(place, err))
		return false;
	return root_check(place, err);
}

/* root_check looks at the root: a real directory, apart from everything that belongs to the server. */
static bool
root_check(const CfPlace *place, CfError *err)
{
	struct stat st;
	char		root[PATH_MAX];
	char		tablespace[MAXPGPATH];
	DIR		   *dir;
	struct dirent *entry;
	bool		apart;

	if (lstat(place->bucket, &st) < 0 || realpath(place->bucket, root) == NULL)
	{
		cf_error_errno(err, errno, "could not open root", place->bucket);
		if (err->kind == CF_ERR_NOT_FOUND)
		{
			/* A disk that is not mounted must not look like an object that is gone. */
			err->kind = CF_ERR_IO;
			err->retryable = true;
			cf_error_hint(err, "Create the directory, mount its file system, or correct the option bucket.");
		}
		return cf_error_detail(err, "It is the root of place \"%s\".", place->name);
	}
	if (!S_ISDIR(st.st_mode))
	{
		cf_error_set(err, CF_ERR_STATE, "root \"%s\" of place \"%s\" is %s", place->bucket, place->name,
					 S_ISLNK(st.st_mode) ? "a symbolic link" : "not a directory");
		return cf_error_hint(err, "The option bucket of a LOCAL place names a real directory.");
	}
	if (!root_apart(place, root, DataDir, err))
		return false;
	snprintf(tablespace, sizeof(tablespace), "%s/pg_wal", DataDir);
	if (!root_apart(place, root, tablespace, err))
		return false;
	dir = AllocateDir("pg_tblspc");
	apart = true;
	while (apart && dir != NULL && (entry = ReadDirExtended(dir, "pg_tblspc", LOG)) != NULL)
	{
		if (entry->d_name[0] == '.')
			continue;
		snprintf(tablespace, sizeof(tablespace), "%s/pg_tblspc/%s", DataDir, entry->d_name);
		apart = root_apart(place, root, tablespace, err);
	}
	if (dir != NULL)
		FreeDir(dir);
	return apart;
}

/* root_apart tells whether neither of root and a path of the server lies in the other, links resolved. */
static bool
root_apart(const CfPlace *place, const char *root, const char *server_path, CfError *err)
{
	char		resolved[PATH_MAX];

	if (realpath(server_path, resolved) == NULL)
		return true;			/* a tablespace that was just dropped */
	if (!path_contains(root, resolved) && !path_contains(resolved, root))
		return true;
	cf_error_set(err, CF_ERR_DENIED, "root of place \"%s\" overlaps with files of the server", place->name);
	cf_error_detail(err, "Neither the data directory nor a tablespace may lie in \"%s\", or it in them.",
					place->bucket);
	return cf_error_hint(err, "Choose a directory of its own for the place.");
}

/* path_contains compares two resolved paths segment by segment. */
static bool
path_contains(const char *outer, const char *inner)
{
	size_t		length = strlen(outer);

	if (length == 1)
		return true;			/* the root of the file system */
	return strncmp(outer, inner, length) == 0 && (inner[length] == '\0' || inner[length] == '/');
}

/* adopted_check compares the server with what was recorded when it was adopted, and takes in what check_storage() found. */
static bool
adopted_check(CfPlace *place, CfError *err)
{
	static CfSpiPlan recorded = {
		"SELECT p.provider, p.endpoint, p.bucket, p.prefix, p.url,"
		"       cloudflux.place_url($2, $3, $4, $5, $6, $7), p.home,"
		"       p.checked_at IS NOT NULL AND COALESCE(pg_catalog.jsonb_extract_path_text(p.capabilities, 'write')::pg_catalog.bool, false),"
		"       COALESCE(pg_catalog.jsonb_extract_path_text(p.capabilities, 'conditional write')::pg_catalog.bool, false),"
		"       COALESCE(pg_catalog.jsonb_extract_path_text(p.capabilities, 'conditional read')::pg_catalog.bool, false),"
		"       COALESCE(pg_catalog.jsonb_extract_path_text(p.capabilities, 'conditional delete')::pg_catalog.bool, false),"
		"       COALESCE(pg_catalog.jsonb_extract_path_text(p.capabilities, 'copy')::pg_catalog.bool, false),"
		"       COALESCE(pg_catalog.jsonb_extract_path_text(p.capabilities, 'conditional copy')::pg_catalog.bool, false),"
		"       COALESCE(pg_catalog.jsonb_extract_path_text(p.capabilities, 'conditional replace')::pg_catalog.bool, false),"
		"       COALESCE(pg_catalog.jsonb_extract_path_text(p.capabilities, 'tiers')::pg_catalog.bool, false),"
		"       COALESCE(pg_catalog.jsonb_extract_path_text(p.capabilities, 'digests')::pg_catalog.int4, 0),"
		"       COALESCE(pg_catalog.jsonb_extract_path_text(p.capabilities, 'key folds')::pg_catalog.int4, 0),"
		"       COALESCE(pg_catalog.jsonb_extract_path_text(p.capabilities, 'versioned delete')::pg_catalog.bool, false)"
		"  FROM cloudflux.places AS p WHERE p.place OPERATOR(pg_catalog.=) $1", 7,
		{TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
	static const char *const names[] = {"provider", "endpoint", "bucket", "prefix"};
	const char *now[] = {place->provider, place->endpoint, place->bucket, place->prefix};
	char	   *then[lengthof(names)] = {NULL};
	char	   *urls[2] = {NULL};	/* then and now */
	char	   *home = NULL;
	Datum		values[] = {CStringGetTextDatum(place->name), CStringGetTextDatum(place->provider), CStringGetTextDatum(place->endpoint),
		CStringGetTextDatum(cf_storage_option(place, "account")), CStringGetTextDatum(cf_storage_option(place, "preset")),
		CStringGetTextDatum(place->bucket), CStringGetTextDatum(place->prefix)};
	bool		found;

	cf_spi_begin();
	found = cf_spi_run(&recorded, values, NULL) > 0;
	for (int i = 0; found && i < lengthof(names); i++)
		then[i] = cf_spi_text(0, i + 1);
	if (found)
	{
		urls[0] = cf_spi_text(0, lengthof(names) + 1);
		urls[1] = cf_spi_text(0, lengthof(names) + 2);
		home = cf_spi_text(0, lengthof(names) + 3);
		probed_read(place, lengthof(names) + 4);
	}
	cf_spi_end();
	if (!found)
	{
		cf_error_set(err, CF_ERR_STATE, "place \"%s\" is not adopted yet", place->name);
		cf_error_detail(err, "Its foreign server was not made by cloudflux.add_storage(), or it was renamed.");
		return cf_error_hint(err, "Confirm it with: SELECT cloudflux.adopt_storage(%s)",
							 quote_literal_cstr(place->name));
	}
	for (int i = 0; i < lengthof(names); i++)
	{
		if (strcmp(now[i], then[i]) == 0)
			continue;
		cf_error_set(err, CF_ERR_STATE, "place \"%s\" was altered since it was adopted", place->name);
		cf_error_detail(err, "Option %s was \"%s\" and now is \"%s\".", names[i], then[i], now[i]);
		return cf_error_hint(err, "Alter it back, or confirm the change with: SELECT cloudflux.adopt_storage(%s)",
							 quote_literal_cstr(place->name));
	}
	/* The account of Azure, or the preset that knows an endpoint. */
	if (strcmp(urls[0], urls[1]) != 0)
	{
		cf_error_set(err, CF_ERR_STATE, "place \"%s\" was altered since it was adopted", place->name);
		cf_error_detail(err, "It was %s and now is %s.", urls[0], urls[1]);
		return cf_error_hint(err, "Alter it back, or confirm the change with: SELECT cloudflux.adopt_storage(%s)",
							 quote_literal_cstr(place->name));
	}
	return home_check(place, home, err);
}

/* home_check refuses a place in a copy of the database that it belongs to: both would move the same files. */
static bool
home_check(const CfPlace *place, const char *home, CfError *err)
{
	unsigned long long system;
	unsigned int database;
	char	   *name;

	if (sscanf(home, "%llu/%u", &system, &database) != 2 || system != GetSystemIdentifier() || database == MyDatabaseId)
		return true;
	name = get_database_name(database);
	if (name == NULL)
		return true;
	cf_error_set(err, CF_ERR_STATE, "place \"%s\" belongs to database \"%s\"", place->name, name);
	cf_error_detail(err, "This database is a copy of that one; jobs of both would move the same objects.");
	return cf_error_hint(err, "If this is to be the one that works with it, say: SELECT cloudflux.adopt_storage(%s)",
						 quote_literal_cstr(place->name));
}

PG_FUNCTION_INFO_V1(cloudflux_canonical_url);

/* cloudflux_canonical_url gives one spelling of the address of an http or https URL. */
Datum
cloudflux_canonical_url(PG_FUNCTION_ARGS)
{
	char	   *url = text_to_cstring(PG_GETARG_TEXT_PP(0));

	CF_ABI_CHECK();
	cf_url_canonical(url);
	PG_RETURN_TEXT_P(cstring_to_text(url));
}

PG_FUNCTION_INFO_V1(cloudflux_database_home);

/* cloudflux_database_home names this database as the table places does. */
Datum
cloudflux_database_home(PG_FUNCTION_ARGS)
{
	CF_ABI_CHECK();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(UINT64_FORMAT "/%u", GetSystemIdentifier(), MyDatabaseId)));
}

/*
 * probed_read takes what was proven out of the row at hand. What a check could not prove counts as missing; a check that could
 * not even write an object has proven nothing, and counts as none.
 */
static void
probed_read(CfPlace *place, int column)
{
	CfCaps	   *probed = &place->probed;

	place->was_probed = cf_spi_bool(0, column++, NULL);
	probed->create_only = cf_spi_bool(0, column++, NULL);
	probed->conditional_read = cf_spi_bool(0, column++, NULL);
	probed->conditional_delete = cf_spi_bool(0, column++, NULL);
	probed->server_side_copy = cf_spi_bool(0, column++, NULL);
	probed->copy_conditional = cf_spi_bool(0, column++, NULL);
	probed->conditional_replace = cf_spi_bool(0, column++, NULL);
	probed->storage_classes = cf_spi_bool(0, column++, NULL);
	probed->digests = (int) cf_spi_int64(0, column++, NULL);
	probed->key_folds = (int) cf_spi_int64(0, column++, NULL);
	probed->delete_hides = cf_spi_bool(0, column, NULL);
}
