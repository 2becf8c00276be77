/*
 * owner_sql.c
 *		The rights with which imports write: those of the owner of data_objects, for single statements.
 *
 * Procedures that commit can have neither SECURITY DEFINER nor a SET clause, so both are done by hand and undone
 * before each commit. With the caller's search_path, its own operators would run as the owner. And a plan
 * that was made for the first page, when the tables were empty, would be a disaster for the hundredth: each
 * page is planned for its own size, which costs nothing beside its 5,000 rows.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "catalog/objects_sql.h"

static const struct
{
	const char *name;
	const char *value;
}			settings[] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"plan_cache_mode", "force_custom_plan"},
};

/* owner_of_objects finds the owner of data_objects. */
static Oid
owner_of_objects(void)
{
	Oid			relid = get_relname_relid("data_objects", get_namespace_oid("cloudflux", false));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("table cloudflux.data_objects does not exist")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

void
cf_catalog_owner_begin(CfOwnerRights *rights)
{
	int			i;

	GetUserIdAndSecContext(&rights->user, &rights->security);
	SetUserIdAndSecContext(owner_of_objects(), rights->security | SECURITY_LOCAL_USERID_CHANGE);
	rights->gucs = NewGUCNestLevel();
	for (i = 0; i < (int) lengthof(settings); i++)
		(void) set_config_option(settings[i].name, settings[i].value, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

void
cf_catalog_owner_end(const CfOwnerRights *rights)
{
	AtEOXact_GUC(false, rights->gucs);
	SetUserIdAndSecContext(rights->user, rights->security);
}
