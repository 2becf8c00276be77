/*
 * core_sql.c
 *		Start of core, its settings, and its small functions: new_id(), library_version(), the ABI guard.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "core/clock.h"
#include "core/core.h"
#include "core/core_private.h"
#include "core/error_sql.h"
#include "core/id.h"
#include "core/shmem_hooks.h"
#include "core/slots.h"

bool		cf_abi_checked = false;

char	   *cf_core_databases = NULL;

static bool
check_databases(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);
	List	   *names;
	bool		valid = SplitIdentifierString(copy, ',', &names);

	if (valid)
		list_free(names);
	else
		GUC_check_errdetail("The value is a comma-separated list of database names.");
	pfree(copy);
	return valid;
}

void
cf_core_init(void)
{
	DefineCustomStringVariable("cloudflux.databases",
							   "Databases that cloudflux's workers serve.",
							   "A comma-separated list; empty means every database that has the extension.",
							   &cf_core_databases, "", PGC_SIGHUP, GUC_LIST_INPUT,
							   check_databases, NULL, NULL);
	cf_fault_init();
	cf_shmem_install_hooks();
	cf_slots_init();
	cf_database_init();
	cf_launcher_init();
	cf_keeper_init();
}

static void
forget_abi(Datum arg, int cacheid, uint32 hashvalue)
{
	cf_abi_checked = false;
}

/* sql_abi asks cloudflux.abi(), the constant of the installed SQL; 0 where it is not there (yet). */
static int32
sql_abi(void)
{
	Oid			namespace = get_namespace_oid("cloudflux", true);
	oidvector  *no_arguments = buildoidvector(NULL, 0);
	Oid			function;
	bool		pushed = false;
	int32		abi;

	if (!OidIsValid(namespace))
		return 0;
	function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("abi"),
							   PointerGetDatum(no_arguments), ObjectIdGetDatum(namespace));
	if (!OidIsValid(function))
		return 0;
	if (!ActiveSnapshotSet())
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		pushed = true;
	}
	abi = DatumGetInt32(OidFunctionCall0(function));
	if (pushed)
		PopActiveSnapshot();
	return abi;
}

bool
cf_abi_serves(int elevel)
{
	static bool registered = false;
	int32		abi;

	if (cf_abi_checked)
		return true;
	if (!registered)
		CacheRegisterSyscacheCallback(PROCOID, forget_abi, (Datum) 0);
	registered = true;
	abi = sql_abi();
	if (abi > CF_ABI)
	{
		ereport(elevel,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"cloudflux\" is newer than its library that this server runs"),
				 errdetail("The SQL wants interface %d, the library has %d.", abi, CF_ABI),
				 errhint("Restart the server, so that it loads the library that was installed.")));
		return false;
	}
	cf_abi_checked = true;
	return true;
}

void
cf_abi_check(void)
{
	(void) cf_abi_serves(ERROR);
}

void
cf_core_new_id(char *out)
{
	static CfIdGenerator generator;
	static uint8_t random[CF_ID_RANDOM_BYTES];
	static bool fresh;			/* random was not used yet: ids of one millisecond count up, and getting it is most of the price */
	int64		last_ms = generator.last_ms;
	CfError		err;

	if (!fresh && !pg_strong_random(random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bytes for an id")));
	fresh = true;
	if (!cf_id_make(&generator, cf_clock_now_us() / 1000, random, out, &err))
		cf_error_raise(&err);
	fresh = generator.last_ms == last_ms;
}

/* new_id() makes a time-ordered identifier; ids of one session strictly grow. */
PG_FUNCTION_INFO_V1(cloudflux_new_id);
Datum
cloudflux_new_id(PG_FUNCTION_ARGS)
{
	char		id[CF_ID_LEN + 1];

	CF_ABI_CHECK();
	cf_core_new_id(id);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(id, CF_ID_LEN));
}

/* library_version() is the version compiled into the library that this session runs. */
PG_FUNCTION_INFO_V1(cloudflux_library_version);
Datum
cloudflux_library_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(CF_VERSION));
}
