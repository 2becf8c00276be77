/*
 * objects_sql.c
 *		Objects of a place seen from SQL: list, look, read, create; and the uploads that nobody finished.
 *
 * Everything acts on the authority of the current user, sweeping uploads apart (the owner's). A listing is given row by row, so it costs the memory
 * of one page; a key that is not valid text of the database comes as bytes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/int.h"
#include "common/string.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "storage/attributes.h"
#include "storage/session_sql.h"

#define LIST_PAGE 1000
#define READ_CHUNK (1024 * 1024)
#define BYTEA_MAX ((int64) MaxAllocSize - VARHDRSZ - 1)	/* with the byte behind, which finds the end */
#define PRESIGN_MAX_US ((int64) 7 * USECS_PER_DAY)

/* Microseconds between the Unix epoch and the server's. */
#define EPOCH_SHIFT_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

PG_FUNCTION_INFO_V1(cloudflux_list_objects);
PG_FUNCTION_INFO_V1(cloudflux_stat_object);
PG_FUNCTION_INFO_V1(cloudflux_fetch_object);
PG_FUNCTION_INFO_V1(cloudflux_write_object);
PG_FUNCTION_INFO_V1(cloudflux_find_uploads);
PG_FUNCTION_INFO_V1(cloudflux_abort_upload);
PG_FUNCTION_INFO_V1(cloudflux_presign_object);

/* Where a listing stands between two rows. */
typedef struct Listing
{
	CfStorageSession *session;
	char	   *prefix;
	char	   *token;			/* of the page at hand; NULL = there is none yet */
	CfListPage	page;
	int			next;			/* entry of the page */
	bool		last;
} Listing;

static Listing *listing_start(FunctionCallInfo fcinfo, FuncCallContext *funcctx);
static CfListEntry *listing_next(Listing *listing);
static Datum listing_row(TupleDesc desc, const CfListEntry *entry);
static Datum stat_row(FunctionCallInfo fcinfo, const CfObjectStat *stat);
static Datum timestamp_datum(int64 us, bool *isnull);
static Datum text_or_null(const char *text, bool *isnull);
static bool key_is_text(const char *key);
static TupleDesc result_desc(FunctionCallInfo fcinfo);
static Oid	keeper_of(const char *name);
static char *text_arg(FunctionCallInfo fcinfo, int n, const char *name);

/* cloudflux_list_objects lists a place, a row per object. */
Datum
cloudflux_list_objects(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	CfListEntry *entry;

	CF_ABI_CHECK();
	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		funcctx = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		funcctx->user_fctx = listing_start(fcinfo, funcctx);
		MemoryContextSwitchTo(old);
	}
	funcctx = SRF_PERCALL_SETUP();
	entry = listing_next(funcctx->user_fctx);
	if (entry == NULL)
		SRF_RETURN_DONE(funcctx);
	SRF_RETURN_NEXT(funcctx, listing_row(funcctx->tuple_desc, entry));
}

static Listing *
listing_start(FunctionCallInfo fcinfo, FuncCallContext *funcctx)
{
	Listing    *listing = palloc0(sizeof(Listing));

	listing->session = cf_storage_session_open(CurrentMemoryContext, text_arg(fcinfo, 0, "place"),
											   GetUserId(), false);
	listing->prefix = PG_ARGISNULL(1) ? "" : text_arg(fcinfo, 1, "prefix");
	funcctx->tuple_desc = BlessTupleDesc(result_desc(fcinfo));
	return listing;
}

/* listing_next gives the next object, from the page at hand or a new one; NULL = that was all. */
static CfListEntry *
listing_next(Listing *listing)
{
	CfStorageSession *session = listing->session;

	while (listing->next == listing->page.count)
	{
		CfStep		step;

		if (listing->last)
			return NULL;
		if (listing->token != NULL)
			pfree(listing->token);
		listing->token = listing->page.next == NULL ? NULL :
			MemoryContextStrdup(session->context, listing->page.next);
		cf_arena_reset(&session->arena);
		do
			step = cf_storage_list(&session->op, listing->prefix, listing->token, LIST_PAGE, &listing->page);
		while (cf_storage_step(session, step));
		listing->next = 0;
		listing->last = listing->page.next == NULL;
		if (listing->page.unreadable > 0)
			ereport(WARNING,
					(errcode(ERRCODE_IO_ERROR),
					 errmsg("%lld entries of place \"%s\" could not be read and are not listed",
							(long long) listing->page.unreadable, session->place->name),
					 errhint("Give the operating system user of the server access to all files of the place.")));
	}
	return &listing->page.entries[listing->next++];
}

static Datum
listing_row(TupleDesc desc, const CfListEntry *entry)
{
	Datum		values[7];
	bool		nulls[7] = {false};

	if (key_is_text(entry->key))
	{
		values[0] = CStringGetTextDatum(entry->key);
		nulls[1] = true;
	}
	else
	{
		nulls[0] = true;
		values[1] = PointerGetDatum(cstring_to_text(entry->key));
	}
	values[2] = Int64GetDatum(entry->stat.size_bytes);
	values[3] = CStringGetTextDatum(entry->stat.version);
	values[4] = timestamp_datum(entry->stat.mtime_us, &nulls[4]);
	values[5] = timestamp_datum(entry->stat.atime_us, &nulls[5]);
	values[6] = text_or_null(entry->stat.storage_class, &nulls[6]);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* cloudflux_stat_object looks at one object. */
Datum
cloudflux_stat_object(PG_FUNCTION_ARGS)
{
	char	   *key = text_arg(fcinfo, 1, "key");
	CfStorageSession *session;
	CfObjectStat stat;
	Datum		row;

	CF_ABI_CHECK();
	session = cf_storage_session_open(CurrentMemoryContext, text_arg(fcinfo, 0, "place"), GetUserId(), false);
	while (cf_storage_step(session, cf_storage_stat(&session->op, key, &stat)))
		;
	row = stat_row(fcinfo, &stat);
	cf_storage_session_close(session);
	return row;
}

/* cloudflux_fetch_object reads a whole object into a bytea, under a pin if one is given. */
Datum
cloudflux_fetch_object(PG_FUNCTION_ARGS)
{
	CfReadArgs	args = {.key = text_arg(fcinfo, 1, "key"), .offset = 0, .length = -1};
	CfStorageSession *session;
	CfObjectStat stat;
	CfChunk		chunk;
	CfStep		step;
	bytea	   *result;
	int64		done = 0;

	CF_ABI_CHECK();
	session = cf_storage_session_open(CurrentMemoryContext, text_arg(fcinfo, 0, "place"), GetUserId(), false);
	while (cf_storage_step(session, cf_storage_stat(&session->op, args.key, &stat)))
		;
	if (stat.size_bytes > BYTEA_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("object \"%s\" of place \"%s\" is too large for a value", args.key,
						session->place->name),
				 errdetail("It has %lld bytes; a bytea has at most %lld.", (long long) stat.size_bytes,
						   (long long) BYTEA_MAX),
				 errhint("Move it with cloudflux.migrate(), which streams.")));
	args.version = PG_ARGISNULL(2) ? stat.version : text_arg(fcinfo, 2, "version");
	result = palloc(VARHDRSZ + stat.size_bytes + 1);
	do
	{
		chunk.data = VARDATA(result) + done;
		chunk.capacity = Min(stat.size_bytes - done, READ_CHUNK);
		if (chunk.capacity == 0)
			chunk.capacity = 1;	/* the byte behind: DONE comes without any */
		step = cf_storage_read(&session->op, &args, &chunk);
		done += step == CF_STEP_ERROR ? 0 : chunk.length;
	} while (cf_storage_step(session, step));
	SET_VARSIZE(result, VARHDRSZ + done);
	cf_storage_session_close(session);
	PG_RETURN_BYTEA_P(result);
}

/* cloudflux_write_object creates an object from a bytea; it never replaces one. */
Datum
cloudflux_write_object(PG_FUNCTION_ARGS)
{
	bytea	   *data;
	CfUploadArgs args = {.key = text_arg(fcinfo, 1, "key")};
	CfStorageSession *session;
	CfObjectStat stat;
	CfError		err = {0};
	Datum		row;

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("store_object()");
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("data of object \"%s\" is null", args.key)));
	data = PG_GETARG_BYTEA_PP(2);
	args.size_bytes = VARSIZE_ANY_EXHDR(data);
	args.content_type = PG_ARGISNULL(3) ? "" : text_arg(fcinfo, 3, "content_type");
	args.metadata = PG_ARGISNULL(4) ? "" : text_arg(fcinfo, 4, "metadata");
	args.owner_tag = text_arg(fcinfo, 5, "owner_tag");
	args.storage_class = PG_ARGISNULL(6) ? "" : text_arg(fcinfo, 6, "storage_class");
	session = cf_storage_session_open(CurrentMemoryContext, text_arg(fcinfo, 0, "place"), GetUserId(), true);
	if (!cf_attributes_names_check(session->place, args.metadata, &err))
		cf_error_raise(&err);
	while (cf_storage_step(session, cf_storage_put(&session->op, &args, VARDATA_ANY(data), args.size_bytes,
												   &stat)))
		;
	row = stat_row(fcinfo, &stat);
	cf_storage_session_close(session);
	return row;
}

/* cloudflux_presign_object makes a URL that reads an object until expires; nothing is sent, but for a token to sign with. */
Datum
cloudflux_presign_object(PG_FUNCTION_ARGS)
{
	char	   *key = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int64		now_us = GetCurrentTimestamp() + EPOCH_SHIFT_US;
	int64		expires_us = PG_GETARG_TIMESTAMPTZ(2) + EPOCH_SHIFT_US;
	CfStorageSession *session;
	CfError		err = {0};
	char	   *url;
	Datum		result;

	CF_ABI_CHECK();
	if (expires_us <= now_us || expires_us - now_us > PRESIGN_MAX_US)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a URL of object \"%s\" cannot expire then", key),
				 errhint("It works for at least a moment and at most 7 days.")));
	session = cf_storage_session_open(CurrentMemoryContext, text_to_cstring(PG_GETARG_TEXT_PP(0)), GetUserId(), false);
	while (cf_storage_step(session, cf_storage_authenticate(&session->op)))
		;
	if (!cf_storage_presign(session->place, &session->arena, "GET", key, now_us, expires_us, &url, &err))
		cf_error_raise(&err);
	result = CStringGetTextDatum(url);
	cf_storage_session_close(session);
	PG_RETURN_DATUM(result);
}

/* cloudflux_find_uploads lists what unfinished uploads left behind; bounded by a page, since the pages are few. */
Datum
cloudflux_find_uploads(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	TimestampTz older = PG_GETARG_TIMESTAMPTZ(1);
	CfStorageSession *session;
	CfStalePage page = {0};
	char	   *token = NULL;

	CF_ABI_CHECK();
	InitMaterializedSRF(fcinfo, 0);
	session = cf_storage_session_open(CurrentMemoryContext, name, keeper_of(name), true);
	do
	{
		while (cf_storage_step(session, cf_storage_uploads_find(&session->op, older + EPOCH_SHIFT_US,
																token, &page)))
			;
		for (int i = 0; i < page.count; i++)
		{
			Datum		values[4];
			bool		nulls[4] = {false};

			values[0] = CStringGetTextDatum(page.uploads[i].handle);
			values[1] = CStringGetTextDatum(page.uploads[i].owner_tag);
			values[2] = timestamp_datum(page.uploads[i].started_us, &nulls[2]);
			values[3] = Int64GetDatum(page.uploads[i].size_bytes);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
		token = page.next == NULL ? NULL : pstrdup(page.next);
		cf_arena_reset(&session->arena);
	} while (token != NULL);
	cf_storage_session_close(session);
	return (Datum) 0;
}

/* cloudflux_abort_upload removes every trace of an unfinished upload. */
Datum
cloudflux_abort_upload(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CfStorageSession *session;
	CfUpload	upload = {.args.key = ""};

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("abort_upload()");
	session = cf_storage_session_open(CurrentMemoryContext, name, keeper_of(name), true);
	strlcpy(upload.handle, text_arg(fcinfo, 1, "handle"), sizeof(upload.handle));
	while (cf_storage_step(session, cf_storage_upload_abort(&session->op, &upload)))
		;
	cf_storage_session_close(session);
	PG_RETURN_VOID();
}

/* stat_row makes the row (version, size_bytes, modified_at, accessed_at, storage_class), or as much as is asked for. */
static Datum
stat_row(FunctionCallInfo fcinfo, const CfObjectStat *stat)
{
	TupleDesc	desc = result_desc(fcinfo);
	Datum		values[5];
	bool		nulls[5] = {false};

	Assert(desc->natts <= 5);
	values[0] = CStringGetTextDatum(stat->version);
	values[1] = Int64GetDatum(stat->size_bytes);
	values[2] = timestamp_datum(stat->mtime_us, &nulls[2]);
	values[3] = timestamp_datum(stat->atime_us, &nulls[3]);
	values[4] = text_or_null(stat->storage_class, &nulls[4]);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* timestamp_datum turns Unix microseconds into a timestamptz; what one cannot hold, or 0, is NULL. */
static Datum
timestamp_datum(int64 us, bool *isnull)
{
	int64		shifted;

	*isnull = us == 0 || pg_sub_s64_overflow(us, EPOCH_SHIFT_US, &shifted) || !IS_VALID_TIMESTAMP(shifted);
	return *isnull ? (Datum) 0 : TimestampTzGetDatum(shifted);
}

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL || text[0] == '\0';
	return *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

/* key_is_text tells whether a key, which is UTF-8 by our rules, is a text of this database. */
static bool
key_is_text(const char *key)
{
	int			length = strlen(key);

	if (GetDatabaseEncoding() == PG_UTF8)
		return pg_verify_mbstr(PG_UTF8, key, length, true);
	return pg_is_ascii(key);
}

static TupleDesc
result_desc(FunctionCallInfo fcinfo)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return desc;
}

/*
 * keeper_of gives the owner of a place: unfinished uploads are swept on his authority, since the worker that sweeps
 * has no USAGE of its own. Only admins and the workers may call the functions that use it.
 */
static Oid
keeper_of(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, true);

	return server == NULL ? GetUserId() : server->owner;
}

/* text_arg gives a text argument that must not be null. */
static char *
text_arg(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" is null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}
