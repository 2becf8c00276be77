/*
 * secrets_sql.c
 *		Credentials of a place that is being opened: found, unsealed, kept as long as the place, wiped.
 *
 * Whose: the user mapping of the role on whose authority the place is opened, else that of PUBLIC, else what the place's
 * option credential_source names, which only a superuser's place may have. None of them = anonymous.
 *
 * Clear values lie in a memory context of their own below that of the place's arena. It is deleted when the arena is
 * reset, and goes with its parent after an ERROR; either way a callback wipes it first. What a driver copies from there into
 * the arena of an operation (an Authorization header) is short-lived and is not wiped.
 *
 * Tokens that drivers obtain with credentials are kept in this process, in an entry per place, role and fingerprint of the
 * credentials and of the addresses they belong to. An entry that no open place uses is taken for another one when its token is over.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "core/clock.h"
#include "core/error_sql.h"
#include "security/security_sql.h"
#include "storage/binding_sql.h"
#include "storage/credentials_sql.h"
#include "storage/driver.h"

#define TOKENS_KEPT 32			/* entries that may idle */

/* A token of this process. */
typedef struct TokenEntry
{
	dlist_node	node;
	char		place[NAMEDATALEN];
	Oid			role;
	uint8		fingerprint[CF_HASH_SHA256_BYTES];
	int			users;			/* open places that point to it */
	CfToken		token;
} TokenEntry;

/* What an open place holds. */
typedef struct Secrets
{
	MemoryContext context;
	MemoryContextCallback wipe;
	CfCredentials credentials;
	CfIdentity	identity;		/* settings of the place's source */
	TokenEntry *token;
} Secrets;

static dlist_head tokens = DLIST_STATIC_INIT(tokens);

static Secrets *secrets_make(CfArena *arena, CfError *err);
static void secrets_drop(void *arg);
static void secrets_wipe(void *arg);
static void values_wipe(CfCredentials *values);
static bool add_value(Secrets *secrets, CfCredentials *to, const char *name, const char *value, CfError *err);
static bool read_mapping(Secrets *secrets, const CfPlace *place, List *options, const char *user, CfError *err);
static bool read_source(Secrets *secrets, const CfPlace *place, CfError *err);
static bool driver_takes(const CfPlace *place, const char *name);
static TokenEntry *token_entry(const CfPlace *place, Oid role);
static bool fingerprint(const CfPlace *place, uint8 digest[CF_HASH_SHA256_BYTES]);

bool
cf_storage_credentials_open(const ForeignServer *server, Oid role, CfArena *arena, CfPlace *place, CfError *err)
{
	const char *user;
	List	   *options;
	Secrets    *secrets;
	const char *trusted;

	if (cf_storage_options_trusted(server->options, &trusted) && !superuser_arg(server->owner))
	{
		cf_error_set(err, CF_ERR_DENIED, "option \"%s\" of place \"%s\" is not permitted", trusted, place->name);
		cf_error_detail(err, "It lets the place use files or the identity of the database server, so the place must belong to a superuser.");
		return cf_error_hint(err, "Remove the option, or let a superuser own the foreign server.");
	}
	if (place->driver == NULL || (place->driver->credentials == NULL && place->driver->credential_next == NULL))
		return true;
	if ((secrets = secrets_make(arena, err)) == NULL)
		return false;
	if (cf_seal_mapping_find(server->serverid, role, &options, &user))
	{
		if (!read_mapping(secrets, place, options, user, err))
			return false;
	}
	else if (!read_source(secrets, place, err))
		return false;
	if (secrets->credentials.count > 0)
		place->credentials = &secrets->credentials;
	if (secrets->identity.source != NULL)
		place->identity = &secrets->identity;
	if (place->driver->credential_next == NULL)
		return true;
	secrets->token = token_entry(place, role);
	if (secrets->token == NULL)
		return cf_error_set(err, CF_ERR_IO, "could not make a fingerprint of the credentials of place \"%s\"", place->name);
	secrets->token->users++;
	place->token = &secrets->token->token;
	return true;
}

/* secrets_make makes room that is wiped with the arena, or with the arena's memory context. */
static Secrets *
secrets_make(CfArena *arena, CfError *err)
{
	MemoryContext context = AllocSetContextCreate(cf_arena_memory(arena), "cloudflux credentials", ALLOCSET_SMALL_SIZES);
	Secrets    *secrets = MemoryContextAllocZero(context, sizeof(Secrets));

	secrets->context = context;
	secrets->wipe.func = secrets_wipe;
	secrets->wipe.arg = secrets;
	MemoryContextRegisterResetCallback(context, &secrets->wipe);
	if (cf_arena_on_reset(arena, secrets_drop, context))
		return secrets;
	MemoryContextDelete(context);
	cf_error_set(err, CF_ERR_MEMORY, "out of memory for the credentials of a place");
	return NULL;
}

static void
secrets_drop(void *arg)
{
	MemoryContextDelete((MemoryContext) arg);
}

/* secrets_wipe runs before the context of secrets goes, whatever the reason. */
static void
secrets_wipe(void *arg)
{
	Secrets    *secrets = arg;

	values_wipe(&secrets->credentials);
	values_wipe(&secrets->identity.settings);
	if (secrets->token != NULL)
		secrets->token->users--;
	secrets->token = NULL;
}

static void
values_wipe(CfCredentials *values)
{
	for (int i = 0; i < values->count; i++)
	{
		char	   *value = unconstify(char *, values->items[i].value);

		OPENSSL_cleanse(value, strlen(value));
	}
	values->count = 0;
}

/* add_value keeps a copy of a value among credentials or settings. */
static bool
add_value(Secrets *secrets, CfCredentials *to, const char *name, const char *value, CfError *err)
{
	CfCredential *item = &to->items[to->count];
	bool		room = to->count < lengthof(to->items);

	if (room)
	{
		item->name = MemoryContextStrdup(secrets->context, name);
		item->value = MemoryContextStrdup(secrets->context, value);
		to->count++;
	}
	return room || cf_error_set(err, CF_ERR_INPUT, "there are more credentials than a place can have");
}

/* read_mapping unseals what a user mapping has for the place's driver. */
static bool
read_mapping(Secrets *secrets, const CfPlace *place, List *options, const char *user, CfError *err)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = (DefElem *) lfirst(cell);
		CfSealBinding binding;
		char		value[CF_SEAL_SECRET_MAX + 1];
		bool		added;

		if (!driver_takes(place, def->defname))
			continue;
		cf_storage_binding(place, user, def->defname, &binding);
		added = cf_seal_reveal(&binding, defGetString(def), value, sizeof(value), err) &&
			add_value(secrets, &secrets->credentials, def->defname, value, err);
		OPENSSL_cleanse(value, sizeof(value));
		if (!added)
			return false;
	}
	return true;
}

/* read_source takes what the environment has for the place's driver, or what another source needs to know. */
static bool
read_source(Secrets *secrets, const CfPlace *place, CfError *err)
{
	const char *const *name = place->driver->credentials;
	const char *setting;
	const char *known;
	int			at = 0;

	if (strcmp(place->credential_source, "environment") == 0)
	{
		for (; name != NULL && *name != NULL; name++)
		{
			char	   *value;
			bool		added = true;

			if (!cf_storage_source_read(*name, &value, err))
				return false;
			if (value != NULL)
			{
				added = add_value(secrets, &secrets->credentials, *name, value, err);
				OPENSSL_cleanse(value, strlen(value));
			}
			if (!added)
				return false;
		}
	}
	else if (place->credential_source[0] != '\0')
	{
		secrets->identity.source = place->credential_source;
		while ((setting = cf_storage_source_setting(place, &at, &known)) != NULL)
		{
			if (!add_value(secrets, &secrets->identity.settings, setting, known, err))
				return false;
		}
	}
	return true;
}

static bool
driver_takes(const CfPlace *place, const char *name)
{
	const char *const *known = place->driver->credentials;

	while (known != NULL && *known != NULL)
	{
		if (strcmp(*known++, name) == 0)
			return true;
	}
	return false;
}

/* token_entry finds the token of these credentials, or an entry that it may be kept in; NULL = no fingerprint could be made. */
static TokenEntry *
token_entry(const CfPlace *place, Oid role)
{
	uint8		digest[CF_HASH_SHA256_BYTES];
	TokenEntry *idle = NULL;
	int			kept = 0;
	dlist_iter	iter;

	if (!fingerprint(place, digest))
		return NULL;
	dlist_foreach(iter, &tokens)
	{
		TokenEntry *entry = dlist_container(TokenEntry, node, iter.cur);

		if (entry->role == role && strcmp(entry->place, place->name) == 0 &&
			memcmp(entry->fingerprint, digest, sizeof(digest)) == 0)
			return entry;
		kept++;
		if (entry->users == 0 && (idle == NULL || entry->token.expires_us < idle->token.expires_us))
			idle = entry;
	}
	if (idle == NULL || (kept < TOKENS_KEPT && idle->token.expires_us > cf_clock_now_us()))
	{
		idle = MemoryContextAlloc(TopMemoryContext, sizeof(TokenEntry));
		dlist_push_head(&tokens, &idle->node);
	}
	OPENSSL_cleanse(&idle->token, sizeof(CfToken));
	idle->users = 0;
	idle->role = role;
	strlcpy(idle->place, place->name, sizeof(idle->place));
	memcpy(idle->fingerprint, digest, sizeof(digest));
	return idle;
}

/* fingerprint is the SHA-256 of the credentials, or of where they come from, and of where they belong. */
static bool
fingerprint(const CfPlace *place, uint8 digest[CF_HASH_SHA256_BYTES])
{
	const CfCredentials *const from[] = {place->credentials, place->identity == NULL ? NULL : &place->identity->settings};
	CfHash		hash = {NULL};
	CfSealBinding binding;
	bool		good = cf_hash_start(&hash);

	cf_storage_binding(place, "", "", &binding);
#define FEED(text) (good = good && cf_hash_update(&hash, (text), strlen(text) + 1))
	FEED(binding.provider);
	FEED(binding.endpoint);
	FEED(binding.bucket);
	FEED(binding.addresses);
	FEED(place->credential_source);
	for (int k = 0; k < lengthof(from); k++)
	{
		for (int i = 0; from[k] != NULL && i < from[k]->count; i++)
		{
			FEED(from[k]->items[i].name);
			FEED(from[k]->items[i].value);
		}
	}
#undef FEED
	good = good && cf_hash_finish(&hash, digest);
	cf_hash_end(&hash);
	return good;
}
