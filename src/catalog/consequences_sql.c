/*
 * consequences_sql.c
 *		What follows when objects were changed or deleted: addresses, versions, events.
 *
 * The plans are kept, so the statements are written such that there is one way to run them, by the index on file_id
 * (= ANY, LATERAL): a plan made while a table was empty must do when it holds millions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "catalog/changes_sql.h"
#include "core/jsonb_sql.h"
#include "core/spi_sql.h"
#include "core/transition_sql.h"

/* The columns of data_objects that a chunk is read from. */
static const struct
{
	const char *column;
	bool		old;			/* of the row before the statement */
	Oid			type;
}			fields[CF_CHANGE_FIELDS] = {
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

/* All that can happen to an object, in the order in which the events of one statement tell of it. */
static const char *const kinds[] = {"changed", "deleted", "moved", "vanished"};

#define CHUNK_COLUMNS "f(file_id, old_place, old_key, place, object_key, storage_class, version, size_bytes, sha256, what)"
#define CHUNK \
	"ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)," \
	" pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8)," \
	" pg_catalog.unnest($9), pg_catalog.unnest($10)) AS " CHUNK_COLUMNS
#define CHUNK_TYPES \
	CF_CHANGE_FIELDS, {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, \
		TEXTARRAYOID, INT8ARRAYOID, BYTEAARRAYOID, TEXTARRAYOID}

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

void
cf_changes_occupied(void)
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

CfChanges *
cf_changes_begin(Relation rel)
{
	CfChanges  *changes = palloc(sizeof(CfChanges));

	for (int i = 0; i < CF_CHANGE_WHAT; i++)
		changes->attnums[i] = cf_transition_attnum(rel, fields[i].column);
	changes->count = 0;
	changes->bulk = changes->moved = changes->rewritten = false;
	changes->context = AllocSetContextCreate(CurrentMemoryContext, "cloudflux changes", ALLOCSET_DEFAULT_SIZES);
	return changes;
}

/* run_chunk runs a plan over the rows of a chunk. */
static uint64
run_chunk(CfSpiPlan *plan, Datum *arrays)
{
	return cf_spi_run(plan, arrays, NULL);
}

/* chunk_arrays makes one array per field out of a chunk. */
static void
chunk_arrays(CfChanges *changes, Datum *arrays)
{
	MemoryContext caller = MemoryContextSwitchTo(changes->context);
	int			dims[1] = {changes->count};
	int			lbs[1] = {1};
	int			i;

	for (i = 0; i < CF_CHANGE_FIELDS; i++)
	{
		int16		length;
		bool		by_value;
		char		align;

		get_typlenbyvalalign(fields[i].type, &length, &by_value, &align);
		arrays[i] = PointerGetDatum(construct_md_array(changes->values[i], changes->nulls[i], 1, dims, lbs,
													   fields[i].type, length, by_value, align));
	}
	MemoryContextSwitchTo(caller);
}

void
cf_changes_add(CfChanges *changes, TupleTableSlot *old, TupleTableSlot *new, const char *what)
{
	MemoryContext caller = MemoryContextSwitchTo(changes->context);
	int			i;

	for (i = 0; i < CF_CHANGE_FIELDS; i++)
	{
		TupleTableSlot *slot = fields[i].old ? old : new;
		bool		isnull = false;
		Datum		value;

		if (i == CF_CHANGE_WHAT)
			value = CStringGetTextDatum(what);
		else
		{
			value = slot_getattr(slot, changes->attnums[i], &isnull);
			if (!isnull && fields[i].type != INT8OID)
				value = datumCopy(value, false, -1);
		}
		changes->values[i][changes->count] = value;
		changes->nulls[i][changes->count] = isnull;
	}
	changes->what[changes->count++] = what;
	MemoryContextSwitchTo(caller);
}

static void
empty_chunk(CfChanges *changes)
{
	MemoryContextReset(changes->context);
	changes->count = 0;
	changes->moved = changes->rewritten = false;
}

/* event_of gives what the event of an object in a chunk carries. */
static Datum
event_of(const CfChanges *changes, int row, bool moved)
{
	static const struct
	{
		const char *key;
		int			field;
	}			told[] = {
		{"place", CF_CHANGE_PLACE}, {"object_key", CF_CHANGE_KEY}, {"storage_class", CF_CHANGE_CLASS}, {"size_bytes", CF_CHANGE_SIZE},
		{"from_place", CF_CHANGE_OLD_PLACE}, {"from_key", CF_CHANGE_OLD_KEY}		/* of what has moved */
	};
	CfJsonbField event[lengthof(told)];

	for (int i = 0; i < (int) lengthof(told); i++)
	{
		int			field = told[i].field;

		event[i].key = told[i].key;
		event[i].type = fields[field].type;
		event[i].value = changes->values[field][row];
		event[i].isnull = changes->nulls[field][row] || (fields[field].old && !moved);
	}
	return cf_jsonb_object(event, lengthof(told));
}

/* emit_kind writes an event for each object in a chunk to which one kind of thing has happened. */
static void
emit_kind(CfChanges *changes, const char *what)
{
	MemoryContext caller = MemoryContextSwitchTo(changes->context);
	Datum	   *subjects = palloc(sizeof(Datum) * changes->count);
	Datum	   *events = palloc(sizeof(Datum) * changes->count);
	bool		moved = strcmp(what, "moved") == 0;
	int			count = 0;
	Datum		values[3];

	for (int i = 0; i < changes->count; i++)
	{
		if (strcmp(changes->what[i], what) != 0)
			continue;
		subjects[count] = changes->values[CF_CHANGE_FILE_ID][i];
		events[count++] = event_of(changes, i, moved);
	}
	values[0] = PointerGetDatum(cstring_to_text(psprintf("object.%s", what)));
	values[1] = PointerGetDatum(construct_array(subjects, count, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(events, count, JSONBOID, -1, false, TYPALIGN_INT));
	MemoryContextSwitchTo(caller);
	if (count > 0)
		cf_spi_run(&emit_each, values, NULL);
}

/* emit tells of the objects in a chunk, one by one or as a batch. */
static void
emit(CfChanges *changes, Datum *arrays)
{
	if (changes->bulk)
		run_chunk(&emit_bulk, arrays);
	else
		for (int i = 0; i < (int) lengthof(kinds); i++)
			emit_kind(changes, kinds[i]);
}

/* settle_changed makes addresses and versions say what a chunk of updated objects says. */
static void
settle_changed(const CfChanges *changes, Datum *arrays)
{
	uint64		placed = 0;

	for (int i = 0; i < changes->count; i++)
		placed += !changes->nulls[CF_CHANGE_PLACE][i];
	run_chunk(&leave_addresses, arrays);
	if (run_chunk(&enter_addresses, arrays) < placed && run_chunk(&find_holder, arrays) > 0)
		cf_changes_occupied();
	run_chunk(&close_versions, arrays);
	run_chunk(&add_versions, arrays);
}

void
cf_changes_flush(CfChanges *changes)
{
	Datum		arrays[CF_CHANGE_FIELDS];

	if (changes->count == 0)
		return;
	chunk_arrays(changes, arrays);
	if ((changes->moved || changes->rewritten) && run_chunk(&find_unsettled, arrays) > 0)
		settle_changed(changes, arrays);
	emit(changes, arrays);
	empty_chunk(changes);
}

void
cf_changes_flush_deleted(CfChanges *changes)
{
	Datum		arrays[CF_CHANGE_FIELDS];

	if (changes->count == 0)
		return;
	chunk_arrays(changes, arrays);
	run_chunk(&drop_addresses, arrays);
	run_chunk(&end_versions, arrays);
	emit(changes, arrays);
	empty_chunk(changes);
}
