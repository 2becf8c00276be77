/*
 * import_sql.c
 *		The frame around the two imports of catalog: open, lock, commit, report, release.
 *
 * One import of a kind runs per place at a time. Between commits the lock must stay, so it is one of the session,
 * released here however the import ends; a session that dies loses it too, which is how the next call knows
 * that a run was cut off. A second call waits without a snapshot, so it holds no vacuum back, and can be cancelled.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "catalog/import_sql.h"
#include "catalog/objects_sql.h"
#include "core/error_sql.h"
#include "core/spi_sql.h"

static CfSpiPlan insert_error = {
	"INSERT INTO cloudflux.import_errors (place, source, line, bytes, reason) VALUES ($1, $2, $3, $4, $5)",
	5, {TEXTOID, TEXTOID, INT8OID, BYTEAOID, TEXTOID}
};
static CfSpiPlan find_default_class = {
	"SELECT cloudflux.tier_class($1, NULL)", 1, {TEXTOID}
};

void
cf_catalog_import_open(CfImport *import, FunctionCallInfo fcinfo, const char *what)
{
	char	   *name;
	Datum		place;

	import->context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux import", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(import->context);
	import->what = what;
	import->atomic = cf_call_is_atomic(fcinfo);
	import->user = GetUserNameFromId(GetUserId(), false);
	import->default_class = "";
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("place of an %s cannot be NULL", what)));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	import->place = cf_catalog_import_place(import, name);
	import->lock = (int64) hash_bytes_extended((const unsigned char *) name, strlen(name),
											   hash_bytes((const unsigned char *) what, strlen(what)));
	if (strcmp(import->place->provider, "LOCAL") != 0)
		return;
	place = CStringGetTextDatum(name);
	cf_spi_begin();
	if (cf_spi_run(&find_default_class, &place, NULL) > 0)
	{
		char	   *class = cf_spi_text(0, 1);

		if (class != NULL)
			import->default_class = MemoryContextStrdup(import->context, class);
	}
	cf_spi_end();
}

CfPlace *
cf_catalog_import_place(CfImport *import, const char *name)
{
	CfAllocator allocator = cf_arena_context(import->context);
	CfArena    *arena = MemoryContextAlloc(import->context, sizeof(CfArena));
	CfPlace    *place;
	CfError		err;

	cf_arena_init(arena, &allocator, 4096, 0);
	if (!cf_storage_place_open(name, GetUserId(), false, arena, &place, &err))
		cf_error_raise(&err);
	return place;
}

/* lock waits for other imports of this kind and place to end. */
static void
lock(CfImport *import)
{
	Datum		key = Int64GetDatum(import->lock);

	if (import->atomic)
	{
		DirectFunctionCall1(pg_advisory_xact_lock_int8, key);
		return;
	}
	if (DatumGetBool(DirectFunctionCall1(pg_try_advisory_lock_int8, key)))
		return;
	ereport(NOTICE, (errmsg("another %s of place \"%s\" is running, waiting for it", import->what,
							import->place->name)));
	SPI_commit();
	DirectFunctionCall1(pg_advisory_lock_int8, key);
}

void
cf_catalog_import_run(CfImport *import, void (*work) (CfImport *import, void *arg), void *arg)
{
	if (SPI_connect_ext(import->atomic ? 0 : SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	MemoryContextSwitchTo(import->context);
	lock(import);
	PG_TRY();
	{
		work(import, arg);
	}
	PG_FINALLY();
	{
		while (import->op_count > 0)
			cf_storage_op_end(import->ops[--import->op_count]);
		if (!import->atomic)
			DirectFunctionCall1(pg_advisory_unlock_int8, Int64GetDatum(import->lock));
	}
	PG_END_TRY();
	SPI_finish();
}

void
cf_catalog_import_op(CfImport *import, CfOp *op)
{
	Assert(import->op_count < lengthof(import->ops));
	import->ops[import->op_count++] = op;
}

void
cf_catalog_import_commit(CfImport *import)
{
	MemoryContext caller = CurrentMemoryContext;

	if (!import->atomic)
		SPI_commit();
	MemoryContextSwitchTo(caller);
	CHECK_FOR_INTERRUPTS();
}

void
cf_catalog_import_let_go(CfImport *import, const CfPlace *place)
{
	CfCaps		caps;

	cf_storage_caps(place, &caps);
	if (caps.remote)
		cf_catalog_import_commit(import);
}

void
cf_catalog_import_commit_lazily(CfImport *import)
{
	if (!import->atomic)
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	cf_catalog_import_commit(import);
}

void
cf_catalog_import_refuse(CfImport *import, const char *source, int64 line, const char *bytes, size_t length,
						 const char *reason)
{
	Datum		args[5];
	bool		nulls[5] = {false};
	bytea	   *shown = palloc(VARHDRSZ + length);

	SET_VARSIZE(shown, VARHDRSZ + length);
	if (length > 0)
		memcpy(VARDATA(shown), bytes, length);
	args[0] = CStringGetTextDatum(import->place->name);
	args[1] = CStringGetTextDatum(source);
	args[2] = Int64GetDatum(line);
	nulls[2] = line < 0;
	args[3] = PointerGetDatum(shown);
	nulls[3] = bytes == NULL;
	args[4] = CStringGetTextDatum(reason);
	cf_spi_begin();
	cf_spi_run(&insert_error, args, nulls);
	cf_spi_end();
}

Datum
cf_catalog_import_array(Datum *values, bool *nulls, int count, Oid type)
{
	int16		length;
	bool		by_value;
	char		align;
	int			dims[1] = {count};
	int			lbs[1] = {1};

	get_typlenbyvalalign(type, &length, &by_value, &align);
	if (count == 0)
		return PointerGetDatum(construct_empty_array(type));
	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, lbs, type, length, by_value, align));
}
