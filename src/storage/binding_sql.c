/*
 * binding_sql.c
 *		User mappings of a place, and what their sealed values are bound to.
 *
 * A value is bound to everything that decides where it is sent: server, provider, endpoint, bucket, and those options of the
 * driver that name a host or an account (else who alters the server's token endpoint harvests the next client_secret).
 * Options that only shape requests are left out, so that they can be altered freely.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_user_mapping.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/syscache.h"

#include "storage/binding_sql.h"

static bool names_address(const char *option);

void
cf_storage_binding(const CfPlace *place, const char *user, const char *name, CfSealBinding *binding)
{
	StringInfoData addresses;

	initStringInfo(&addresses);
	for (int i = 0; i < place->option_count; i++)
	{
		if (names_address(place->options[i].name))
			appendStringInfo(&addresses, "%s=%s\n", place->options[i].name, place->options[i].value);
	}
	binding->server = place->name;
	binding->user = user;
	binding->option = name;
	binding->provider = place->provider;
	binding->endpoint = place->endpoint;
	binding->bucket = place->bucket;
	binding->addresses = addresses.data;
}

/* names_address tells whether an option of a driver says where something is sent. */
static bool
names_address(const char *option)
{
	static const char *const parts[] = {"endpoint", "host", "url", "uri", "account", "authority", "domain"};

	for (int i = 0; i < lengthof(parts); i++)
	{
		if (strstr(option, parts[i]) != NULL)
			return true;
	}
	return false;
}

bool
cf_storage_mapping_find(Oid server, Oid role, List **options, const char **user)
{
	if (cf_storage_mapping_get(server, role, options))
	{
		*user = GetUserNameFromId(role, true);
		return *user != NULL;
	}
	*user = CF_STORAGE_PUBLIC;
	return cf_storage_mapping_get(server, InvalidOid, options);
}

bool
cf_storage_mapping_get(Oid server, Oid role, List **options)
{
	HeapTuple	tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role), ObjectIdGetDatum(server));
	Datum		value;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return false;
	value = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &isnull);
	*options = isnull ? NIL : untransformRelOptions(value);
	ReleaseSysCache(tuple);
	return true;
}
