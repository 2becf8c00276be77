/*
 * adoption_sql.c
 *		The two ways in which a row of cloudflux.places is written: a place is adopted, and a check has found out what it can do.
 *
 * Movers believe these rows: what a place was proven to honour decides whether a source is deleted. So nobody writes them, be it an
 * administrator (a trigger says so): what is written comes from the foreign server itself, and from requests that were made in this
 * very call. Both are written on the authority of the table's owner, after the caller's own right was looked at.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "core/spi_sql.h"
#include "storage/probe_sql.h"

PG_FUNCTION_INFO_V1(cloudflux_write_place);

/* owner_of_places finds the owner of cloudflux.places. */
static Oid
owner_of_places(void)
{
	Oid			relid = get_relname_relid("places", get_namespace_oid("cloudflux", false));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("table cloudflux.places does not exist")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* as_owner runs one statement as the owner of cloudflux.places; an error brings the caller's identity back with its transaction. */
static void
as_owner(CfSpiPlan *plan, Datum *values)
{
	Oid			user;
	int			security;

	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(owner_of_places(), security | SECURITY_LOCAL_USERID_CHANGE);
	cf_spi_begin();
	cf_spi_run(plan, values, NULL);
	cf_spi_end();
	SetUserIdAndSecContext(user, security);
}

/* cloudflux_write_place(place) records what a foreign server of the caller says now. */
Datum
cloudflux_write_place(PG_FUNCTION_ARGS)
{
	static CfSpiPlan plan = {"SELECT cloudflux.record_place($1, $2)", 2, {TEXTOID, TEXTOID}};
	ForeignServer *server = GetForeignServerByName(text_to_cstring(PG_GETARG_TEXT_PP(0)), false);
	Datum		values[2] = {PG_GETARG_DATUM(0), CStringGetTextDatum(GetUserNameFromId(GetUserId(), false))};

	CF_ABI_CHECK();
	if (!has_privs_of_role(GetUserId(), server->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to adopt place \"%s\"", server->servername),
				 errdetail("The foreign server belongs to role \"%s\".", GetUserNameFromId(server->owner, false))));
	as_owner(&plan, values);
	PG_RETURN_VOID();
}

void
cf_places_record_checks(const char *place, Datum names, Datum found)
{
	static CfSpiPlan plan = {"SELECT cloudflux.record_checks($1, $2, $3)", 3, {TEXTOID, TEXTARRAYOID, INT4ARRAYOID}};
	Datum		values[3] = {CStringGetTextDatum(place), names, found};

	as_owner(&plan, values);
}
