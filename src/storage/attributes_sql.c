/*
 * attributes_sql.c
 *		What travels with objects, seen from SQL: the drivers' tables, and a look at objects before they are moved.
 *
 * A look is a HEAD for each object (and one request more where it has tags), up to LOOKS of them at the same time. It acts on
 * the authority of the current user, whose snapshot is open meanwhile: so whoever asks bounds the number of keys.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "net/net_sql.h"
#include "storage/attributes.h"
#include "storage/session_sql.h"

#define LOOKS 16

PG_FUNCTION_INFO_V1(cloudflux_attribute_rules);
PG_FUNCTION_INFO_V1(cloudflux_look_at_objects);
PG_FUNCTION_INFO_V1(cloudflux_attributes_safe);

/* One object that is looked at. */
typedef struct Look
{
	CfOp		op;
	CfArena		arena;
	const char *key;			/* NULL = it has none */
	CfObjectStat stat;
	bool		sent;			/* the engine has its request */
} Look;

typedef struct Looks
{
	Look		looks[LOOKS];
	int			count;			/* that were ever begun */
	MemoryContextCallback callback;
} Looks;

static void rules_of(ReturnSetInfo *rsinfo, const CfPlace *place);
static void looks_released(void *arg);
static bool look_step(Look *look, const CfPlace *source, const CfPlace *dest, ReturnSetInfo *rsinfo);
static void look_told(Look *look, CfStep step, const CfPlace *source, const CfPlace *dest, ReturnSetInfo *rsinfo);
static Datum text_datum(const char *text, bool *isnull);
static Datum limit_datum(int limit, bool *isnull);

/* cloudflux_attribute_rules(place) returns the rows of that place's driver; NULL = of all providers. */
Datum
cloudflux_attribute_rules(PG_FUNCTION_ARGS)
{
	static const char *const providers[] = {"AWS", "Azure", "GCP", "S3", "LOCAL"};

	CF_ABI_CHECK();
	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(0))
	{
		CfStorageSession *session = cf_storage_session_open(CurrentMemoryContext, text_to_cstring(PG_GETARG_TEXT_PP(0)), GetUserId(), false);

		rules_of((ReturnSetInfo *) fcinfo->resultinfo, session->place);
		cf_storage_session_close(session);
		return (Datum) 0;
	}
	for (int i = 0; i < lengthof(providers); i++)
	{
		CfPlace		place = {.provider = providers[i], .driver = cf_storage_driver(providers[i])};

		rules_of((ReturnSetInfo *) fcinfo->resultinfo, &place);
	}
	return (Datum) 0;
}

static void
rules_of(ReturnSetInfo *rsinfo, const CfPlace *place)
{
	const CfAttributeRule *rules = cf_attributes_rules(place);

	for (int i = 0; i < CF_ATTRIBUTES; i++)
	{
		const CfAttributeRule *rule = &rules[i];
		bool		named = i == CF_ATTRIBUTE_METADATA || i == CF_ATTRIBUTE_TAGS;
		Datum		values[9];
		bool		nulls[9] = {false};

		values[0] = CStringGetTextDatum(place->provider);
		values[1] = CStringGetTextDatum(cf_attribute_name(i));
		values[2] = text_datum(rule->held_as, &nulls[2]);
		values[3] = text_datum(rule->held_as != NULL && named ? cf_charset_name(rule->names) : NULL, &nulls[3]);
		values[4] = text_datum(rule->held_as != NULL ? cf_charset_name(rule->values) : NULL, &nulls[4]);
		values[5] = limit_datum(rule->count_max, &nulls[5]);
		values[6] = limit_datum(rule->bytes_max - rule->own_bytes, &nulls[6]);
		values[7] = limit_datum(rule->name_max, &nulls[7]);
		values[8] = limit_datum(rule->value_max, &nulls[8]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* cloudflux_attributes_safe(source, dest): what the one holds the other holds too, so nobody needs to look. */
Datum
cloudflux_attributes_safe(PG_FUNCTION_ARGS)
{
	CfStorageSession *source;
	CfStorageSession *dest;
	bool		safe;

	CF_ABI_CHECK();
	source = cf_storage_session_open(CurrentMemoryContext, text_to_cstring(PG_GETARG_TEXT_PP(0)), GetUserId(), false);
	dest = cf_storage_session_open(CurrentMemoryContext, text_to_cstring(PG_GETARG_TEXT_PP(1)), GetUserId(), false);
	safe = cf_attributes_safe(source->place, dest->place);
	cf_storage_session_close(dest);
	cf_storage_session_close(source);
	PG_RETURN_BOOL(safe);
}

/*
 * cloudflux_look_at_objects(source, dest, keys) returns (object_key, version, storage_class, archived, lost, refused, problem) per key, in any
 * order: what a move to dest would lose, why it cannot be made for that, and why an object cannot be looked at.
 */
Datum
cloudflux_look_at_objects(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux looks", ALLOCSET_DEFAULT_SIZES);
	CfStorageSession *source;
	CfStorageSession *dest;
	CfAllocator allocator = cf_arena_context(context);
	Looks	   *all = MemoryContextAllocZero(context, sizeof(Looks));
	Datum	   *keys;
	bool	   *nulls;
	int			count;
	int			next = 0;
	int			told = 0;

	CF_ABI_CHECK();
	InitMaterializedSRF(fcinfo, 0);
	source = cf_storage_session_open(context, text_to_cstring(PG_GETARG_TEXT_PP(0)), GetUserId(), false);
	dest = cf_storage_session_open(context, text_to_cstring(PG_GETARG_TEXT_PP(1)), GetUserId(), false);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false, TYPALIGN_INT, &keys, &nulls, &count);
	/* Runs before the sessions' callbacks: the latest registered goes first, and child contexts go with their parent later. */
	all->callback.func = looks_released;
	all->callback.arg = all;
	MemoryContextRegisterResetCallback(context, &all->callback);
	while (told < count)
	{
		/* The first object alone: where a token must be obtained, once is enough. */
		int			at_once = told == 0 ? 1 : LOOKS;
		bool		moved = false;

		for (int i = 0; i < at_once; i++)
		{
			Look	   *look = &all->looks[i];

			if (look->key == NULL && next < count)
			{
				while (next < count && nulls[next])
				{
					next++;
					told++;
				}
				if (next == count)
					continue;
				if (i >= all->count)
				{
					cf_arena_init(&look->arena, &allocator, 4096, 0);
					all->count = i + 1;
				}
				cf_storage_op_init(&look->op, source->place, &look->arena);
				look->key = MemoryContextStrdup(context, TextDatumGetCString(keys[next++]));
			}
			if (look->sent && cf_net_take(cf_net_mine(), look))
				look->sent = false;
			if (look->key == NULL || look->sent)
				continue;
			moved = true;
			told += look_step(look, source->place, dest->place, rsinfo);
		}
		CHECK_FOR_INTERRUPTS();
		if (!moved && told < count)
			cf_net_wait(cf_net_mine(), 1000);
	}
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* looks_released forgets requests that are under way before the memory of their answers goes. */
static void
looks_released(void *arg)
{
	Looks	   *all = arg;

	for (int i = 0; i < all->count; i++)
	{
		if (all->looks[i].sent)
			cf_net_cancel(cf_net_mine(), &all->looks[i]);
		if (all->looks[i].key != NULL)
			cf_storage_op_end(&all->looks[i].op);
	}
}

/* look_step brings a look one step on; true = it is over. */
static bool
look_step(Look *look, const CfPlace *source, const CfPlace *dest, ReturnSetInfo *rsinfo)
{
	CfStep		step = cf_storage_stat(&look->op, look->key, &look->stat);

	if (step == CF_STEP_AGAIN)
		return false;
	if (step == CF_STEP_SEND)
	{
		look->sent = true;
		cf_net_submit(cf_net_mine(), &look->op.request, &look->op.response, &look->op.request_arena, look);
		return false;
	}
	look_told(look, step, source, dest, rsinfo);
	cf_storage_op_end(&look->op);
	cf_arena_reset(&look->arena);
	look->key = NULL;
	return true;
}

/* look_told makes a row of what was found. */
static void
look_told(Look *look, CfStep step, const CfPlace *source, const CfPlace *dest, ReturnSetInfo *rsinfo)
{
	CfKept		kept = {.told = ""};
	CfError		err = {0};
	Datum		values[7];
	bool		nulls[7] = {false};
	bool		good = step == CF_STEP_DONE;

	if (!good)
		err = look->op.err;
	else if (!cf_storage_keep(source, dest, &look->stat, "", &look->arena, &kept))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory for what object \"%s\" is", look->key)));
	else
		(void) cf_storage_keep_accepted(dest, look->key, &kept, &err);
	values[0] = CStringGetTextDatum(look->key);
	values[1] = text_datum(good ? look->stat.version : NULL, &nulls[1]);
	values[2] = text_datum(good ? look->stat.storage_class : NULL, &nulls[2]);
	nulls[3] = !good;
	values[3] = BoolGetDatum(good && look->stat.must_restore);
	values[4] = text_datum(kept.told, &nulls[4]);
	values[5] = text_datum(good && err.message[0] != '\0' ? psprintf("the destination cannot hold its %s", kept.told) : NULL, &nulls[5]);
	values[6] = text_datum(good ? NULL : err.message, &nulls[6]);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* text_datum makes a text; NULL and "" are NULL. */
static Datum
text_datum(const char *text, bool *isnull)
{
	*isnull = text == NULL || text[0] == '\0';
	return *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

static Datum
limit_datum(int limit, bool *isnull)
{
	*isnull = limit == 0;
	return Int32GetDatum(limit);
}
