/*
 * changes_sql.c
 *		The statement triggers of data_objects: addresses, versions and events follow every change of a row.
 *
 * They run once per statement over its transition tables. An INSERT is answered by three set statements. An
 * UPDATE is read here, old and new row side by side (the executor stores them in the same order), because
 * most updates of many rows touch nothing that anybody must hear of (access counts) and a join of two
 * transition tables would be planned for the first size that a session saw. What did change goes on in
 * chunks of arrays. The plans are kept, so the statements are written such that there is one way to run them, by
 * the index on file_id (= ANY, LATERAL): a plan made while a table was empty must do when it holds millions.
 *
 * Everything is written as the owner of data_objects: users have no rights on addresses and versions. So the
 * functions have a fixed search_path in sql/catalog.sql, or a user's own operators would run as the owner. Rows
 * of a restore (recorded_at is not this transaction's) are left alone: what follows from them is in the dump.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "catalog/catalog.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "core/jsonb_sql.h"
#include "core/spi_sql.h"

/*
 * Up to so many objects of one statement get an event each; a larger statement is told of in batches: one
 * event per place and chunk, with counts. Every consumer pays per event, and a bulk load is one happening.
 */
#define EVENTS_EACH_MAX 1000

/* What a chunk of changed rows carries, and the columns of data_objects that it is read from. */
enum
{
	FILE_ID, OLD_PLACE, OLD_KEY, PLACE, OBJECT_KEY, STORAGE_CLASS, VERSION, SIZE_BYTES, SHA256, WHAT, FIELDS
};

static const struct
{
	const char *column;
	bool		old;			/* of the row before the statement */
	Oid			type;
}			fields[FIELDS] = {
	{"file_id", false, TEXTOID},
	{"place", true, TEXTOID},
	{"object_key", true, TEXTOID},
	{"place", false, TEXTOID},
	{"object_key", false, TEXTOID},
	{"storage_class", false, TEXTOID},
	{"version", false, TEXTOID},
	{"size_bytes", false, INT8OID},
	{"sha256", false, BYTEAOID},
	{NULL, false, TEXTOID},
};

/* Columns whose change somebody must hear of, and as what; the first kind that applies names the event. */
static const struct
{
	const char *column;
	const char *what;
}			watched[] = {
	{"vanished_at", "vanished"},
	{"place", "moved"},
	{"object_key", "moved"},
	{"storage_location", "moved"},
	{"storage_class", "moved"},
	{"version", "changed"},
	{"size_bytes", "changed"},
	{"sha256", "changed"},
	{"file_name", "changed"},
	{"content_type", "changed"},
	{"current_tier", "changed"},
	{"metadata", "changed"},
};

/* All that can happen to an object, in the order in which the events of one statement tell of it. */
static const char *const kinds[] = {"changed", "deleted", "moved", "vanished"};

typedef struct Chunk
{
	MemoryContext context;		/* reset at each flush */
	Datum		values[FIELDS][EVENTS_EACH_MAX];
	bool		nulls[FIELDS][EVENTS_EACH_MAX];
	const char *what[EVENTS_EACH_MAX];	/* has happened to it: one of kinds */
	int			count;
	bool		bulk;			/* events by batch */
	bool		moved;			/* some address changed */
	bool		rewritten;		/* some bytes changed */
} Chunk;

#define CHUNK_COLUMNS "f(file_id, old_place, old_key, place, object_key, storage_class, version, size_bytes, sha256, what)"
#define CHUNK \
	"ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)," \
	" pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8)," \
	" pg_catalog.unnest($9), pg_catalog.unnest($10)) AS " CHUNK_COLUMNS
#define CHUNK_TYPES \
	FIELDS, {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, \
		TEXTARRAYOID, INT8ARRAYOID, BYTEAARRAYOID, TEXTARRAYOID}

static CfSpiPlan insert_addresses = {
	"INSERT INTO cloudflux.addresses (place, object_key, file_id, state, version)"
	" SELECT n.place, n.object_key, n.file_id, 'primary', n.version FROM new_objects n"
	"  WHERE n.place IS NOT NULL AND n.recorded_at = pg_catalog.transaction_timestamp()"
	" ON CONFLICT (place, object_key) DO NOTHING", 0, {0}
};
static CfSpiPlan insert_versions = {
	"INSERT INTO cloudflux.object_versions"
	" (file_id, version_no, place, object_key, storage_class, version, size_bytes, sha256, reason)"
	" SELECT n.file_id, 1, n.place, n.object_key, n.storage_class, n.version, n.size_bytes, n.sha256, 'created'"
	"  FROM new_objects n WHERE n.recorded_at = pg_catalog.transaction_timestamp()"
	" ON CONFLICT DO NOTHING", 0, {0}
};
static CfSpiPlan insert_later_versions = {
	"INSERT INTO cloudflux.object_versions"
	" (file_id, version_no, place, object_key, storage_class, version, size_bytes, sha256, reason)"
	" SELECT n.file_id, v.last_no + 1, n.place, n.object_key, n.storage_class, n.version, n.size_bytes, n.sha256,"
	"        'created'"
	"  FROM new_objects n CROSS JOIN LATERAL"
	"       (SELECT pg_catalog.max(w.version_no) AS last_no,"
	"               pg_catalog.bool_or(w.valid_to IS NULL AND w.role = 'primary') AS open"
	"          FROM cloudflux.object_versions w WHERE w.file_id = n.file_id) v"
	"  WHERE n.recorded_at = pg_catalog.transaction_timestamp() AND NOT v.open", 0, {0}
};
static CfSpiPlan emit_created = {
	"SELECT cloudflux.emit_events('data-ingestion', 'object.created', pg_catalog.array_agg(n.file_id),"
	"  pg_catalog.array_agg(pg_catalog.jsonb_build_object('place', n.place, 'object_key', n.object_key,"
	"   'storage_location', n.storage_location, 'size_bytes', n.size_bytes, 'storage_class', n.storage_class)))"
	"  FROM new_objects n WHERE n.recorded_at = pg_catalog.transaction_timestamp()", 0, {0}
};
static CfSpiPlan emit_created_bulk = {
	"SELECT cloudflux.emit_events('data-ingestion', 'object.created',"
	"  pg_catalog.array_agg(COALESCE(g.place, 'unplaced')), pg_catalog.array_agg(g.data))"
	"  FROM (SELECT n.place, pg_catalog.jsonb_build_object('batch', true, 'place', n.place,"
	"          'objects', pg_catalog.count(*), 'bytes', pg_catalog.sum(n.size_bytes),"
	"          'first_file_id', pg_catalog.min(n.file_id), 'last_file_id', pg_catalog.max(n.file_id)) AS data"
	"          FROM new_objects n WHERE n.recorded_at = pg_catalog.transaction_timestamp()"
	"         GROUP BY n.place) g", 0, {0}
};
/*
 * Objects of a chunk whose addresses and versions do not say yet what their rows say. A mover writes those itself before it
 * changes the row, with more than can be seen here (why, for which job, what becomes of the source); looking once is cheaper
 * than four statements that find nothing to do. What counts is what the tables hold, whoever wrote it.
 */
static CfSpiPlan find_unsettled = {
	"SELECT 1 FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($7),"
	"  pg_catalog.unnest($8)) AS f(file_id, place, object_key, version, size_bytes)"
	" WHERE f.place IS NULL"
	"    OR (SELECT pg_catalog.bool_and(a.place = f.place AND a.object_key = f.object_key AND a.version IS NOT DISTINCT FROM f.version)"
	"          FROM cloudflux.addresses a WHERE a.file_id = f.file_id AND a.state = 'primary') IS NOT TRUE"
	"    OR (SELECT pg_catalog.bool_and((v.place, v.object_key, v.version, v.size_bytes)"
	"                                   IS NOT DISTINCT FROM (f.place, f.object_key, f.version, f.size_bytes))"
	"          FROM cloudflux.object_versions v"
	"         WHERE v.file_id = f.file_id AND v.valid_to IS NULL AND v.role = 'primary') IS NOT TRUE"
	" LIMIT 1", CHUNK_TYPES
};
static CfSpiPlan leave_addresses = {
	"DELETE FROM cloudflux.addresses a WHERE a.file_id = ANY ($1) AND a.state = 'primary'"
	"   AND NOT EXISTS (SELECT FROM cloudflux.data_objects o"
	"                    WHERE o.file_id = a.file_id AND o.place = a.place AND o.object_key = a.object_key)",
	1, {TEXTARRAYOID}
};
static CfSpiPlan enter_addresses = {
	"INSERT INTO cloudflux.addresses AS a (place, object_key, file_id, state, version)"
	" SELECT f.place, f.object_key, f.file_id, 'primary', f.version FROM " CHUNK
	"  WHERE f.place IS NOT NULL"
	" ON CONFLICT (place, object_key) DO UPDATE SET state = 'primary', version = EXCLUDED.version"
	"  WHERE a.file_id = EXCLUDED.file_id", CHUNK_TYPES
};
static CfSpiPlan find_holder = {
	"SELECT h.place, h.object_key, h.file_id, h.state FROM " CHUNK " CROSS JOIN LATERAL"
	"       (SELECT a.place, a.object_key, a.file_id, a.state FROM cloudflux.addresses a"
	"         WHERE a.place = f.place AND a.object_key = f.object_key LIMIT 1) h"
	" WHERE h.file_id <> f.file_id LIMIT 1", CHUNK_TYPES
};
static CfSpiPlan close_versions = {
	"UPDATE cloudflux.object_versions v SET valid_to = pg_catalog.transaction_timestamp()"
	" WHERE v.file_id = ANY ($1) AND v.valid_to IS NULL AND v.role = 'primary'"
	"   AND NOT EXISTS (SELECT FROM cloudflux.data_objects o WHERE o.file_id = v.file_id"
	"                      AND (v.place, v.object_key, v.version, v.size_bytes)"
	"                          IS NOT DISTINCT FROM (o.place, o.object_key, o.version, o.size_bytes))",
	1, {TEXTARRAYOID}
};
static CfSpiPlan add_versions = {
	"INSERT INTO cloudflux.object_versions"
	" (file_id, version_no, place, object_key, storage_class, version, size_bytes, sha256, reason)"
	" SELECT f.file_id, COALESCE(v.last_no, 0) + 1, f.place, f.object_key, f.storage_class, f.version, f.size_bytes,"
	"        f.sha256, f.what"
	"  FROM " CHUNK " CROSS JOIN LATERAL"
	"       (SELECT pg_catalog.max(w.version_no) AS last_no,"
	"               pg_catalog.bool_or(w.valid_to IS NULL AND w.role = 'primary') AS open"
	"          FROM cloudflux.object_versions w WHERE w.file_id = f.file_id) v"
	" WHERE v.open IS NOT TRUE", CHUNK_TYPES
};
static CfSpiPlan emit_each = {
	"SELECT cloudflux.emit_events('data-ingestion', $1, $2, $3)", 3, {TEXTOID, TEXTARRAYOID, JSONBARRAYOID}
};
static CfSpiPlan emit_bulk = {
	"SELECT cloudflux.emit_events('data-ingestion', 'object.' || g.what, ARRAY[COALESCE(g.place, 'unplaced')],"
	"                             ARRAY[g.data])"
	"  FROM (SELECT f.what, f.place, pg_catalog.jsonb_build_object('batch', true, 'place', f.place,"
	"          'objects', pg_catalog.count(*), 'bytes', pg_catalog.sum(f.size_bytes),"
	"          'first_file_id', pg_catalog.min(f.file_id), 'last_file_id', pg_catalog.max(f.file_id)) AS data"
	"          FROM " CHUNK " GROUP BY f.what, f.place ORDER BY f.what, f.place) g", CHUNK_TYPES
};
static CfSpiPlan drop_addresses = {
	"DELETE FROM cloudflux.addresses a WHERE a.file_id = ANY ($1) AND a.state IN ('primary', 'replica')",
	1, {TEXTARRAYOID}
};
static CfSpiPlan end_versions = {
	"UPDATE cloudflux.object_versions v SET valid_to = pg_catalog.transaction_timestamp()"
	" WHERE v.file_id = ANY ($1) AND v.valid_to IS NULL", 1, {TEXTARRAYOID}
};

PG_FUNCTION_INFO_V1(cloudflux_note_created);
PG_FUNCTION_INFO_V1(cloudflux_note_changed);
PG_FUNCTION_INFO_V1(cloudflux_note_deleted);

typedef void (*Answer) (TriggerData *trigger);

static Datum answer_as_owner(FunctionCallInfo fcinfo, const char *name, Answer answer);
static void answer_insert(TriggerData *trigger);
static void answer_update(TriggerData *trigger);
static void answer_delete(TriggerData *trigger);

/* The triggers: AFTER INSERT, UPDATE, DELETE, for each statement, with transition tables. */
Datum
cloudflux_note_created(PG_FUNCTION_ARGS)
{
	return answer_as_owner(fcinfo, "note_created", answer_insert);
}

Datum
cloudflux_note_changed(PG_FUNCTION_ARGS)
{
	return answer_as_owner(fcinfo, "note_changed", answer_update);
}

Datum
cloudflux_note_deleted(PG_FUNCTION_ARGS)
{
	return answer_as_owner(fcinfo, "note_deleted", answer_delete);
}

/* answer_as_owner runs a trigger's work with SPI, its transition tables and the rights of the table's owner. */
static Datum
answer_as_owner(FunctionCallInfo fcinfo, const char *name, Answer answer)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Oid			user;
	int			security;

	CF_ABI_CHECK();
	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("%s() can only be a statement trigger with transition tables", name)));
	if (cf_catalog_own_write)
		return PointerGetDatum(NULL);

	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(trigger->tg_relation->rd_rel->relowner,
						   security | SECURITY_LOCAL_USERID_CHANGE);
	cf_spi_begin();
	if (SPI_register_trigger_data(trigger) != SPI_OK_TD_REGISTER)
		elog(ERROR, "could not register the transition tables of %s()", name);
	answer(trigger);
	cf_spi_end();
	SetUserIdAndSecContext(user, security);
	return PointerGetDatum(NULL);
}

/* open_table makes a slot over a transition table and goes to its start. */
static TupleTableSlot *
open_table(Tuplestorestate *table, Relation rel)
{
	tuplestore_select_read_pointer(table, 0);
	tuplestore_rescan(table);
	return MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsMinimalTuple);
}

static int
attnum_of(Relation rel, const char *column)
{
	int			attnum = SPI_fnumber(RelationGetDescr(rel), column);

	if (attnum <= 0)
		elog(ERROR, "table \"%s\" has no column \"%s\"", RelationGetRelationName(rel), column);
	return attnum;
}

/* raise_occupied tells who holds an address that a row wanted; the row is in the current SPI result. */
static void
raise_occupied(void)
{
	char	   *state = cf_spi_text(0, 4);

	ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
					errmsg("address \"%s\" of place \"%s\" is held by object \"%s\"", cf_spi_text(0, 2),
						   cf_spi_text(0, 1), cf_spi_text(0, 3)),
					strcmp(state, "primary") == 0
					? errdetail("That object lies there.")
					: errdetail("That object holds it as %s.", state),
					errhint("Choose another object_key, or delete or move that object first.")));
}

/* settle_claims turns addresses that the inserted objects had claimed beforehand into primary ones. */
static void
settle_claims(void)
{
	const char *settle =
		"UPDATE cloudflux.addresses a SET state = 'primary', version = n.version FROM new_objects n"
		" WHERE a.place = n.place AND a.object_key = n.object_key AND a.file_id = n.file_id"
		"   AND n.recorded_at = pg_catalog.transaction_timestamp()";
	const char *find =
		"SELECT a.place, a.object_key, a.file_id, a.state FROM new_objects n"
		"  JOIN cloudflux.addresses a ON a.place = n.place AND a.object_key = n.object_key"
		" WHERE a.file_id <> n.file_id AND n.recorded_at = pg_catalog.transaction_timestamp() LIMIT 1";

	/* Not kept as plans: which join is right depends on how many rows this statement has. */
	if (SPI_execute(find, false, 1) == SPI_OK_SELECT && SPI_processed > 0)
		raise_occupied();
	if (SPI_execute(settle, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not settle the claimed addresses");
}

/* answer_insert gives new objects their address, their first version and their event. */
static void
answer_insert(TriggerData *trigger)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	int			recorded_at = attnum_of(trigger->tg_relation, "recorded_at");
	int			place = attnum_of(trigger->tg_relation, "place");
	TupleTableSlot *slot = open_table(trigger->tg_newtable, trigger->tg_relation);
	uint64		count = 0;
	uint64		placed = 0;

	while (tuplestore_gettupleslot(trigger->tg_newtable, true, false, slot))
	{
		bool		isnull;

		if (DatumGetTimestampTz(slot_getattr(slot, recorded_at, &isnull)) != now)
			continue;
		count++;
		(void) slot_getattr(slot, place, &isnull);
		placed += !isnull;
	}
	ExecDropSingleTupleTableSlot(slot);
	if (count == 0)
		return;
	if (placed > 0 && cf_spi_run(&insert_addresses, NULL, NULL) < placed)
		settle_claims();
	if (cf_spi_run(&insert_versions, NULL, NULL) < count)
		cf_spi_run(&insert_later_versions, NULL, NULL);
	cf_spi_run(count > EVENTS_EACH_MAX ? &emit_created_bulk : &emit_created, NULL, NULL);
}

/* new_chunk makes an empty chunk; it and what it holds live until the end of the trigger's SPI connection. */
static Chunk *
new_chunk(void)
{
	Chunk	   *chunk = palloc(sizeof(Chunk));

	chunk->count = 0;
	chunk->bulk = chunk->moved = chunk->rewritten = false;
	chunk->context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux changes",
										   ALLOCSET_DEFAULT_SIZES);
	return chunk;
}

/* run_chunk runs a plan over the rows of a chunk. */
static uint64
run_chunk(CfSpiPlan *plan, Datum *arrays)
{
	return cf_spi_run(plan, arrays, NULL);
}

/* chunk_arrays makes one array per field out of a chunk. */
static void
chunk_arrays(Chunk *chunk, Datum *arrays)
{
	MemoryContext caller = MemoryContextSwitchTo(chunk->context);
	int			dims[1] = {chunk->count};
	int			lbs[1] = {1};
	int			i;

	for (i = 0; i < FIELDS; i++)
	{
		int16		length;
		bool		by_value;
		char		align;

		get_typlenbyvalalign(fields[i].type, &length, &by_value, &align);
		arrays[i] = PointerGetDatum(construct_md_array(chunk->values[i], chunk->nulls[i], 1, dims, lbs,
													   fields[i].type, length, by_value, align));
	}
	MemoryContextSwitchTo(caller);
}

/* add_row puts an object into a chunk: its new values, its old address, and what happened to it. */
static void
add_row(Chunk *chunk, const int *attnums, TupleTableSlot *old, TupleTableSlot *new, const char *what)
{
	MemoryContext caller = MemoryContextSwitchTo(chunk->context);
	int			i;

	for (i = 0; i < FIELDS; i++)
	{
		TupleTableSlot *slot = fields[i].old ? old : new;
		bool		isnull = false;
		Datum		value;

		if (i == WHAT)
			value = CStringGetTextDatum(what);
		else
		{
			value = slot_getattr(slot, attnums[i], &isnull);
			if (!isnull && fields[i].type != INT8OID)
				value = datumCopy(value, false, -1);
		}
		chunk->values[i][chunk->count] = value;
		chunk->nulls[i][chunk->count] = isnull;
	}
	chunk->what[chunk->count++] = what;
	MemoryContextSwitchTo(caller);
}

static void
empty_chunk(Chunk *chunk)
{
	MemoryContextReset(chunk->context);
	chunk->count = 0;
	chunk->moved = chunk->rewritten = false;
}

/* event_of gives what the event of an object in a chunk carries. */
static Datum
event_of(const Chunk *chunk, int row, bool moved)
{
	static const struct
	{
		const char *key;
		int			field;
	}			told[] = {
		{"place", PLACE}, {"object_key", OBJECT_KEY}, {"storage_class", STORAGE_CLASS}, {"size_bytes", SIZE_BYTES},
		{"from_place", OLD_PLACE}, {"from_key", OLD_KEY}		/* of what has moved */
	};
	CfJsonbField event[lengthof(told)];

	for (int i = 0; i < (int) lengthof(told); i++)
	{
		int			field = told[i].field;

		event[i].key = told[i].key;
		event[i].type = fields[field].type;
		event[i].value = chunk->values[field][row];
		event[i].isnull = chunk->nulls[field][row] || (fields[field].old && !moved);
	}
	return cf_jsonb_object(event, lengthof(told));
}

/* emit_kind writes an event for each object in a chunk to which one kind of thing has happened. */
static void
emit_kind(Chunk *chunk, const char *what)
{
	MemoryContext caller = MemoryContextSwitchTo(chunk->context);
	Datum	   *subjects = palloc(sizeof(Datum) * chunk->count);
	Datum	   *events = palloc(sizeof(Datum) * chunk->count);
	bool		moved = strcmp(what, "moved") == 0;
	int			count = 0;
	Datum		values[3];

	for (int i = 0; i < chunk->count; i++)
	{
		if (strcmp(chunk->what[i], what) != 0)
			continue;
		subjects[count] = chunk->values[FILE_ID][i];
		events[count++] = event_of(chunk, i, moved);
	}
	values[0] = PointerGetDatum(cstring_to_text(psprintf("object.%s", what)));
	values[1] = PointerGetDatum(construct_array(subjects, count, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(events, count, JSONBOID, -1, false, TYPALIGN_INT));
	MemoryContextSwitchTo(caller);
	if (count > 0)
		cf_spi_run(&emit_each, values, NULL);
}

/* emit_chunk tells of the objects in a chunk, one by one or as a batch. */
static void
emit_chunk(Chunk *chunk, Datum *arrays)
{
	if (chunk->bulk)
		run_chunk(&emit_bulk, arrays);
	else
		for (int i = 0; i < (int) lengthof(kinds); i++)
			emit_kind(chunk, kinds[i]);
}

/* settle_changed makes addresses and versions say what a chunk of updated objects says. */
static void
settle_changed(const Chunk *chunk, Datum *arrays)
{
	uint64		placed = 0;

	for (int i = 0; i < chunk->count; i++)
		placed += !chunk->nulls[PLACE][i];
	run_chunk(&leave_addresses, arrays);
	if (run_chunk(&enter_addresses, arrays) < placed && run_chunk(&find_holder, arrays) > 0)
		raise_occupied();
	run_chunk(&close_versions, arrays);
	run_chunk(&add_versions, arrays);
}

/* flush_changed writes what follows from a chunk of updated objects. */
static void
flush_changed(Chunk *chunk)
{
	Datum		arrays[FIELDS];

	if (chunk->count == 0)
		return;
	chunk_arrays(chunk, arrays);
	if ((chunk->moved || chunk->rewritten) && run_chunk(&find_unsettled, arrays) > 0)
		settle_changed(chunk, arrays);
	emit_chunk(chunk, arrays);
	empty_chunk(chunk);
}

/* same tells whether a column has the same value in both rows. */
static bool
same(TupleTableSlot *old, TupleTableSlot *new, int attnum)
{
	Form_pg_attribute attr = TupleDescAttr(new->tts_tupleDescriptor, attnum - 1);
	bool		old_null;
	bool		new_null;
	Datum		old_value = slot_getattr(old, attnum, &old_null);
	Datum		new_value = slot_getattr(new, attnum, &new_null);

	if (old_null || new_null)
		return old_null == new_null;
	return datum_image_eq(old_value, new_value, attr->attbyval, attr->attlen);
}

/* answer_update looks at each row before and after, and passes on those that somebody must hear of. */
static void
answer_update(TriggerData *trigger)
{
	Relation	rel = trigger->tg_relation;
	TupleTableSlot *old = open_table(trigger->tg_oldtable, rel);
	TupleTableSlot *new = open_table(trigger->tg_newtable, rel);
	Chunk	   *chunk = new_chunk();
	int			attnums[FIELDS];
	int			watched_attnums[lengthof(watched)];
	int			i;

	for (i = 0; i < WHAT; i++)
		attnums[i] = attnum_of(rel, fields[i].column);
	for (i = 0; i < (int) lengthof(watched); i++)
		watched_attnums[i] = attnum_of(rel, watched[i].column);

	while (tuplestore_gettupleslot(trigger->tg_newtable, true, false, new) &&
		   tuplestore_gettupleslot(trigger->tg_oldtable, true, false, old))
	{
		const char *what = NULL;
		bool		moved = false;
		bool		rewritten = false;

		for (i = 0; i < (int) lengthof(watched); i++)
		{
			bool		vanished;

			if (same(old, new, watched_attnums[i]))
				continue;
			moved |= i == 1 || i == 2;
			rewritten |= i == 5 || i == 6;
			if (what != NULL)
				continue;
			what = watched[i].what;
			if (i == 0)
			{
				(void) slot_getattr(new, watched_attnums[i], &vanished);
				if (!vanished)
					continue;
				what = "changed";	/* it is back */
			}
		}
		if (what == NULL)
			continue;
		if (chunk->count == EVENTS_EACH_MAX)
		{
			chunk->bulk = true;
			flush_changed(chunk);
		}
		add_row(chunk, attnums, old, new, what);
		chunk->moved |= moved;
		chunk->rewritten |= rewritten;
	}
	flush_changed(chunk);
	ExecDropSingleTupleTableSlot(old);
	ExecDropSingleTupleTableSlot(new);
}

/* flush_deleted writes what follows from a chunk of deleted objects. */
static void
flush_deleted(Chunk *chunk)
{
	Datum		arrays[FIELDS];

	if (chunk->count == 0)
		return;
	chunk_arrays(chunk, arrays);
	run_chunk(&drop_addresses, arrays);
	run_chunk(&end_versions, arrays);
	emit_chunk(chunk, arrays);
	empty_chunk(chunk);
}

/* answer_delete takes the addresses of deleted objects back; their versions stay as history. */
static void
answer_delete(TriggerData *trigger)
{
	TupleTableSlot *old = open_table(trigger->tg_oldtable, trigger->tg_relation);
	Chunk	   *chunk = new_chunk();
	int			attnums[FIELDS];
	int			i;

	for (i = 0; i < WHAT; i++)
		attnums[i] = attnum_of(trigger->tg_relation, fields[i].column);
	while (tuplestore_gettupleslot(trigger->tg_oldtable, true, false, old))
	{
		if (chunk->count == EVENTS_EACH_MAX)
		{
			chunk->bulk = true;
			flush_deleted(chunk);
		}
		add_row(chunk, attnums, old, old, "deleted");
	}
	flush_deleted(chunk);
	ExecDropSingleTupleTableSlot(old);
}
