/*
 * check_sql.c
 *		Does a place work, and what can it do: proven with throw-away objects, one row per check.
 *
 * probe_place() creates, reads and removes objects named cloudflux-check-<tag>; it runs to its end whatever
 * fails, so that one call shows all that is wrong, and removes what it made. place_problem() only looks, and is
 * what health() asks.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/clock.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "storage/place_sql.h"
#include "storage/session_sql.h"

#define PROBE_TEXT "cloudflux checks whether this place works; this object may be removed.\n"
#define CLOCK_SKEW_US (INT64CONST(5) * 1000 * 1000)

PG_FUNCTION_INFO_V1(cloudflux_probe_place);
PG_FUNCTION_INFO_V1(cloudflux_place_problem);

typedef struct Probe
{
	ReturnSetInfo *rsinfo;
	CfArena		arena;
	CfPlace    *place;
	CfOp		op;
	CfCaps		caps;
	char		key[128];
	char		tag[65];
	char		other_tag[65];
	CfObjectStat stat;			/* of the throw-away object, once there is one */
	bool		written;
} Probe;

static void probe_run(Probe *probe);
static void probe_list(Probe *probe);
static void probe_write(Probe *probe);
static void probe_create_only(Probe *probe);
static void probe_read_back(Probe *probe);
static void probe_conditional_delete(Probe *probe);
static void probe_told(Probe *probe, const char *name, bool good, const char *detail, const char *hint);
static void probe_failed(Probe *probe, const char *name);
static void probe_skipped(Probe *probe, const char *name);
static CfStep put_once(Probe *probe, const char *tag, CfObjectStat *stat);
static const char *kind_sqlstate(const CfError *err);

/* cloudflux_probe_place returns (check_name, ok, detail, hint) per check. */
Datum
cloudflux_probe_place(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *id = text_to_cstring(PG_GETARG_TEXT_PP(1));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux probe",
												  ALLOCSET_SMALL_SIZES);
	CfAllocator allocator = cf_arena_context(context);
	Probe	   *probe = MemoryContextAllocZero(context, sizeof(Probe));

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("check_storage()");
	InitMaterializedSRF(fcinfo, 0);
	probe->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	cf_arena_init(&probe->arena, &allocator, 8192, 0);
	snprintf(probe->key, sizeof(probe->key), "cloudflux-check-%s", id);
	snprintf(probe->tag, sizeof(probe->tag), "%.40s-check", id);
	snprintf(probe->other_tag, sizeof(probe->other_tag), "%.40s-other", id);
	if (!cf_storage_place_open(name, GetUserId(), true, &probe->arena, &probe->place, &probe->op.err))
	{
		/* What the caller did wrong is an error; what is wrong with the place is an answer. */
		if (probe->place == NULL)
			cf_error_raise(&probe->op.err);
		probe_failed(probe, probe->op.err.kind == CF_ERR_DENIED ? "authenticated" : "reachable");
	}
	else
	{
		cf_storage_op_init(&probe->op, probe->place, &probe->arena);
		probe_run(probe);
		cf_storage_op_end(&probe->op);
	}
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* probe_run runs all checks. No step of theirs raises, so the op is ended by its caller. */
static void
probe_run(Probe *probe)
{
	int64		now;

	cf_storage_caps(probe->place, &probe->caps);
	if (!cf_storage_place_check(probe->place, &probe->op.err))
	{
		probe_failed(probe, "reachable");
		return;
	}
	probe_told(probe, "reachable", true, probe->place->bucket, NULL);
	probe_told(probe, "authenticated", true,
			   "The role that asks may use the place, and its owner may read and write files of the server.", NULL);
	probe_list(probe);
	probe_write(probe);
	now = cf_clock_now_us();
	probe_create_only(probe);
	probe_read_back(probe);
	probe_conditional_delete(probe);
	probe_told(probe, "tiers", true,
			   probe->caps.storage_classes ? "Objects have a storage class of their own." :
			   "All objects of this place are in one tier: its option tier, else HOT.", NULL);
	if (!probe->written)
		probe_skipped(probe, "clock");
	else
		probe_told(probe, "clock", now - probe->stat.mtime_us < CLOCK_SKEW_US &&
				   probe->stat.mtime_us - now < CLOCK_SKEW_US,
				   psprintf("The store's clock is %lld ms from the server's.",
							(long long) ((probe->stat.mtime_us - now) / 1000)),
				   "Set both clocks by NTP; ages and retention are counted from the store's times.");
}

static void
probe_list(Probe *probe)
{
	CfListPage	page;
	CfStep		step;

	do
		step = cf_storage_list(&probe->op, "", NULL, 10, &page);
	while (step == CF_STEP_AGAIN);
	cf_storage_op_end(&probe->op);
	if (step == CF_STEP_ERROR)
		probe_failed(probe, "list");
	else
		probe_told(probe, "list", true, page.count > 0 ? "There are objects." : "The place is empty.", NULL);
}

static void
probe_write(Probe *probe)
{
	probe->written = put_once(probe, probe->tag, &probe->stat) == CF_STEP_DONE;
	if (!probe->written)
		probe_failed(probe, "write");
	else
		probe_told(probe, "write", true, psprintf("Object \"%s\" was created.", probe->key), NULL);
}

/* probe_create_only creates the object once more, as somebody else: that must fail. */
static void
probe_create_only(Probe *probe)
{
	CfObjectStat stat;
	CfStep		step;

	if (!probe->written)
	{
		probe_skipped(probe, "conditional write");
		return;
	}
	step = put_once(probe, probe->other_tag, &stat);
	if (step == CF_STEP_ERROR && probe->op.err.kind == CF_ERR_EXISTS)
		probe_told(probe, "conditional write", true, "A second create of the same key was refused.", NULL);
	else if (step == CF_STEP_ERROR)
		probe_failed(probe, "conditional write");
	else
	{
		probe->stat = stat;
		probe_told(probe, "conditional write", false, "A second create replaced the object.",
				   "This place cannot be a destination: two writers would overwrite each other.");
	}
}

/* probe_read_back compares what the place gives with what it was given. */
static void
probe_read_back(Probe *probe)
{
	char		bytes[sizeof(PROBE_TEXT) + 64];
	CfChunk		chunk = {.data = bytes, .capacity = sizeof(bytes)};
	CfReadArgs	args = {.key = probe->key, .version = probe->stat.version, .length = -1};
	size_t		length = 0;
	CfStep		step;

	if (!probe->written)
	{
		probe_skipped(probe, "checksums");
		return;
	}
	do
	{
		chunk.data = bytes + length;
		chunk.capacity = sizeof(bytes) - length;
		step = cf_storage_read(&probe->op, &args, &chunk);
		length += step == CF_STEP_ERROR ? 0 : chunk.length;
	} while (step == CF_STEP_AGAIN);
	if (step == CF_STEP_ERROR)
		probe_failed(probe, "checksums");
	else if (length != strlen(PROBE_TEXT) || memcmp(bytes, PROBE_TEXT, length) != 0)
		probe_told(probe, "checksums", false, "What was read is not what was written.",
				   "Do not use this place.");
	else
		probe_told(probe, "checksums", true,
				   "The store keeps no digests of its own; moves are verified by reading back (SHA-256).", NULL);
}

/* probe_conditional_delete asks to remove another version, which must not happen, and then the right one. */
static void
probe_conditional_delete(Probe *probe)
{
	CfRemoved	removed = CF_REMOVED_GONE;
	CfStep		step;

	if (!probe->written)
	{
		probe_skipped(probe, "conditional delete");
		return;
	}
	while ((step = cf_storage_remove(&probe->op, probe->key, "0:0:0", probe->other_tag, &removed)) == CF_STEP_AGAIN)
		;
	if (step == CF_STEP_DONE && removed != CF_REMOVED_CHANGED)
	{
		probe_told(probe, "conditional delete", false, "An object of another version was removed.",
				   "Sources at this place are never deleted.");
		return;
	}
	if (step == CF_STEP_DONE)
	{
		while ((step = cf_storage_remove(&probe->op, probe->key, probe->stat.version, probe->tag,
										 &removed)) == CF_STEP_AGAIN)
			;
	}
	if (step == CF_STEP_ERROR)
		probe_failed(probe, "conditional delete");
	else
		probe_told(probe, "conditional delete", removed == CF_REMOVED_DELETED,
				   removed == CF_REMOVED_DELETED ?
				   "Another version was left alone; the pinned one was removed." :
				   psprintf("Object \"%s\" could not be removed again.", probe->key),
				   "Look at the object; somebody else may have written it.");
}

static CfStep
put_once(Probe *probe, const char *tag, CfObjectStat *stat)
{
	CfUploadArgs args = {.key = probe->key, .owner_tag = tag, .size_bytes = strlen(PROBE_TEXT),
		.content_type = "text/plain", .storage_class = "", .metadata = ""};
	CfStep		step;

	do
		step = cf_storage_put(&probe->op, &args, PROBE_TEXT, strlen(PROBE_TEXT), stat);
	while (step == CF_STEP_AGAIN);
	return step;
}

/* probe_told adds a row; the hint is given only when the check failed. */
static void
probe_told(Probe *probe, const char *name, bool good, const char *detail, const char *hint)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(name);
	values[1] = BoolGetDatum(good);
	nulls[2] = detail == NULL || detail[0] == '\0';
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(detail);
	nulls[3] = good || hint == NULL || hint[0] == '\0';
	values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(hint);
	tuplestore_putvalues(probe->rsinfo->setResult, probe->rsinfo->setDesc, values, nulls);
}

static void
probe_failed(Probe *probe, const char *name)
{
	const CfError *err = &probe->op.err;

	probe_told(probe, name, false,
			   err->detail[0] == '\0' ? err->message : psprintf("%s. %s", err->message, err->detail), err->hint);
}

static void
probe_skipped(Probe *probe, const char *name)
{
	probe_told(probe, name, false, "Not tried, since nothing could be written.", NULL);
}

/*
 * cloudflux_place_problem tells what keeps a place from being used, on the authority of its owner: all NULL when
 * nothing does. It changes nothing, and does not touch objects.
 */
Datum
cloudflux_place_problem(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		for_write = PG_GETARG_BOOL(1);
	CfAllocator allocator = cf_arena_context(CurrentMemoryContext);
	ForeignServer *server = GetForeignServerByName(name, true);
	CfArena		arena;
	CfPlace    *place = NULL;
	CfError		err = {0};
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {true, true, true, true};

	CF_ABI_CHECK();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	cf_arena_init(&arena, &allocator, 1024, 0);
	if (!cf_storage_place_open(name, server == NULL ? GetUserId() : server->owner, for_write, &arena, &place, &err))
	{
		values[0] = CStringGetTextDatum(kind_sqlstate(&err));
		values[1] = CStringGetTextDatum(err.message);
		values[2] = CStringGetTextDatum(err.detail);
		values[3] = CStringGetTextDatum(err.hint);
		nulls[0] = nulls[1] = false;
		nulls[2] = err.detail[0] == '\0';
		nulls[3] = err.hint[0] == '\0';
	}
	cf_arena_free(&arena);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

static const char *
kind_sqlstate(const CfError *err)
{
	return pstrdup(unpack_sql_state(cf_error_sqlstate(err->kind)));
}
