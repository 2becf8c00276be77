/*
 * destination_sql.c
 *		May a role use a place, and may an object of that key be created there? What a submission and a plan ask for each row.
 *
 * A statement may submit thousands of jobs, and to open a place takes its options, its credentials, a row of places: so a
 * place is opened once for all rows of a statement, on the authority of each role that asks. What a statement knows is forgotten
 * with its transaction, at the next statement of the client, and whenever a server, a user mapping or a role is changed. Only what could
 * be opened is kept; a refusal that rests on what was kept is looked at anew before it is believed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "migration/destination_sql.h"
#include "storage/storage.h"

PG_FUNCTION_INFO_V1(cloudflux_check_destination);
PG_FUNCTION_INFO_V1(cloudflux_refused_key);

/* A place that a statement asks about. */
typedef struct AskedPlace
{
	struct AskedPlace *next;
	CfArena		arena;
	char	   *name;
	Oid			role;
	bool		for_write;
	CfPlace    *place;
} AskedPlace;

/* What the present statement knows; everything in context, a child of the transaction's. */
static MemoryContext asked_context = NULL;
static AskedPlace *asked_places = NULL;
static TimestampTz asked_in;
static bool asked_stale = false;

/* forget_with_context runs when the transaction's memory goes. */
static void
forget_with_context(void *arg)
{
	asked_context = NULL;
	asked_places = NULL;
}

/* note_change runs in the middle of anything: it only leaves a note. */
static void
note_change(Datum arg, int cacheid, uint32 hashvalue)
{
	asked_stale = true;
}

/* remember_nothing makes ready for the present statement, if what is known is of another one. */
static void
remember_nothing(void)
{
	static bool watching = false;
	static const int caches[] = {FOREIGNSERVEROID, USERMAPPINGOID, AUTHOID, AUTHMEMROLEMEM, FOREIGNDATAWRAPPEROID};
	MemoryContextCallback *callback;

	for (int i = 0; i < lengthof(caches) && !watching; i++)
		CacheRegisterSyscacheCallback(caches[i], note_change, (Datum) 0);
	watching = true;
	if (asked_context != NULL && !asked_stale && asked_in == GetCurrentStatementStartTimestamp())
		return;
	if (asked_context != NULL)
		MemoryContextDelete(asked_context);
	asked_context = AllocSetContextCreate(TopTransactionContext, "cloudflux asked places", ALLOCSET_SMALL_SIZES);
	callback = MemoryContextAllocZero(asked_context, sizeof(MemoryContextCallback));
	callback->func = forget_with_context;
	MemoryContextRegisterResetCallback(asked_context, callback);
	asked_places = NULL;
	asked_in = GetCurrentStatementStartTimestamp();
	asked_stale = false;
}

/* ask opens a place, or finds it open; false = err. *fresh tells which. */
static bool
ask(const char *name, Oid role, bool for_write, CfPlace **place, bool *fresh, CfError *err)
{
	CfAllocator allocator;
	AskedPlace *asked;

	remember_nothing();
	*fresh = false;
	for (asked = asked_places; asked != NULL; asked = asked->next)
	{
		*place = asked->place;
		if (asked->role == role && asked->for_write == for_write && strcmp(asked->name, name) == 0)
			return true;
	}
	*fresh = true;
	asked = MemoryContextAllocZero(asked_context, sizeof(AskedPlace));
	allocator = cf_arena_context(asked_context);
	cf_arena_init(&asked->arena, &allocator, 4096, 0);
	if (!cf_storage_place_open(name, role, for_write, &asked->arena, &asked->place, err))
	{
		cf_arena_free(&asked->arena);
		return false;
	}
	asked->name = MemoryContextStrdup(asked_context, name);
	asked->role = role;
	asked->for_write = for_write;
	asked->next = asked_places;
	asked_places = asked;
	*place = asked->place;
	return true;
}

/* may_create fails where the place cannot promise that a copy never overwrites, or cannot hold the key as it is. */
static bool
may_create(const CfPlace *place, const char *key, CfError *err)
{
	return cf_storage_create_allowed(place, err) && cf_storage_key_check(place, key, err);
}

bool
cf_destination_allowed(const char *name, const char *key, Oid role, CfError *err)
{
	CfPlace    *place;
	bool		fresh;

	if (!ask(name, role, key[0] != '\0', &place, &fresh, err))
		return false;
	if (key[0] == '\0' || may_create(place, key, err))
		return true;
	if (fresh)
		return false;
	/* It may have been checked or adopted by this very statement. */
	asked_stale = true;
	return ask(name, role, true, &place, &fresh, err) && may_create(place, key, err);
}

/* cloudflux.check_destination(place, key, role): raises unless role may use the place, and write key there ('' = read only). */
Datum
cloudflux_check_destination(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *key = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			role = get_role_oid(NameStr(*PG_GETARG_NAME(2)), false);
	CfError		err;

	CF_ABI_CHECK();
	if (!cf_destination_allowed(name, key, role, &err))
		cf_error_raise(&err);
	PG_RETURN_VOID();
}

/* cloudflux.refused_key(place, key): why the place could not hold an object of that key, NULL = it could. For plans. */
Datum
cloudflux_refused_key(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CfPlace    *place;
	bool		fresh;
	CfError		err;

	CF_ABI_CHECK();
	/* A place that cannot be used just now can be planned for. */
	if (!ask(name, GetUserId(), true, &place, &fresh, &err) || place->driver == NULL ||
		cf_destination_allowed(name, text_to_cstring(PG_GETARG_TEXT_PP(1)), GetUserId(), &err))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(err.message));
}
