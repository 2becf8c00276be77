/*
 * binding_sql.c
 *		What the sealed credentials of a place are bound to, and what else setting them needs to know of it.
 *
 * A value is bound to everything that decides where it is sent: server, provider, endpoint, bucket, and those options of the
 * driver that name a host or an account (else who alters the server's token endpoint harvests the next client_secret).
 * Options that only shape requests are left out, so that they can be altered freely.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "storage/binding_sql.h"
#include "storage/driver.h"
#include "storage/place_sql.h"

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

/* place_read describes a place to who sets its credentials. */
static bool
place_read(const char *name, Oid role, CfArena *arena, CfSealServer *server, CfError *err)
{
	CfPlace    *place;

	if (!cf_storage_place_read(name, role, arena, &place, &server->server, err))
		return false;
	server->noun = "place";
	server->names = place->driver != NULL ? place->driver->credentials : NULL;
	server->own = place;
	cf_storage_binding(place, "", "", &server->binding);
	return true;
}

/* place_check lets the driver look whether credentials are what they are called and belong together. */
static bool
place_check(const CfSealServer *server, const CfCredentials *given, CfError *err)
{
	CfPlace    *place = server->own;
	bool		good;

	place->credentials = given;
	good = cf_storage_place_check(place, err) && (given == NULL || cf_storage_credentials_check(place, err));
	place->credentials = NULL;
	return good;
}

void
cf_storage_binding_register(void)
{
	static const CfSealKind places = {.wrapper = "cloudflux", .known = cf_storage_credential_known, .read = place_read, .check = place_check};

	cf_seal_register(&places);
}
