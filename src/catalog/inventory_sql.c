/*
 * inventory_sql.c
 *		CALL import_inventory(place, prefix): what a place holds becomes rows, page by page.
 *
 * Each page of the listing is one transaction: new objects are inserted by arrays past the triggers (addresses
 * first, they decide who owns a key), known ones looked up, changed ones updated through the triggers, unchanged ones are only noted in inventory_seen: rewriting a million rows to say that nothing happened
 * would bloat the table. The cursor in `inventories` is committed with the page, so a run that was cut off goes
 * on there. After the last page, what the run has neither found nor made is looked at once more in the store, and
 * only what is not there is marked: whatever moved or was created meanwhile cannot vanish by a race.
 *
 * One run per place at a time (an advisory lock of the session; a second call waits, cancelable). Memory is
 * one page. In a transaction block nothing is committed in between, and the lock lasts until its end.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/catalog.h"
#include "catalog/import_sql.h"
#include "catalog/objects_sql.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "storage/storage.h"

#define PAGE_ENTRIES 5000
#define EVENTS_EACH_MAX 1000	/* as in changes_sql.c */
#define CANDIDATES 1000			/* looked at once more per transaction */
#define SHOWN_BYTES 1024		/* of a refused key */

#define UNIX_EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

typedef struct Inventory
{
	CfImport	import;
	CfOp		op;
	CfArena		arena;			/* of op, reset per page */
	MemoryContext page_context; /* reset per page */
	const char *prefix;
	char	   *url;
	char	   *cursor;			/* NULL = from the start */
	int64		run_id;
	TimestampTz started_at;
	int64		listed;
	int64		created;
	int64		changed;
	int64		unchanged;
	int64		vanished;
	int64		errors;
	bool		mostly_new;		/* what the last page held: decides what to try first on the next */
	char		class_known[128];	/* the class that was met last, and its tier */
	char		tier_known[16];
} Inventory;

/* What becomes of an entry of a page. */
typedef enum Fate
{
	FATE_UNKNOWN,
	FATE_NEW,
	FATE_CHANGED,
	FATE_UNCHANGED,
	FATE_LEAVE					/* refused, or in the hands of a job */
} Fate;

typedef struct Batch
{
	const CfListPage *list;
	Fate	   *fates;
	Datum	   *file_ids;		/* of entries that are known */
	int			counts[FATE_LEAVE + 1];
} Batch;

static CfSpiPlan find_run = {
	"SELECT i.id, i.cursor, i.status, i.started_at, i.listed, i.created, i.changed, i.unchanged, i.errors,"
	"       i.unchanged = (SELECT count(*) FROM cloudflux.inventory_seen s WHERE s.run_id = i.id)"
	"       AND i.started_at > clock_timestamp() - interval '1 day' AND i.cursor IS NOT NULL"
	"  FROM cloudflux.inventories i WHERE i.place = $1 AND i.prefix = $2 ORDER BY i.id DESC LIMIT 1",
	2, {TEXTOID, TEXTOID}
};
static CfSpiPlan forget_seen = {
	"DELETE FROM cloudflux.inventory_seen s USING cloudflux.inventories i WHERE i.id = s.run_id AND i.place = $1",
	1, {TEXTOID}
};
static CfSpiPlan fail_old_runs = {
	"UPDATE cloudflux.inventories SET status = 'failed', message = 'cut off', finished_at = clock_timestamp()"
	" WHERE place = $1 AND status = 'running'", 1, {TEXTOID}
};
static CfSpiPlan forget_errors = {
	"DELETE FROM cloudflux.import_errors WHERE place = $1 AND source = 'inventory'"
	"   AND (bytes IS NULL OR substring(bytes FROM 1 FOR octet_length($2)) = convert_to($2, getdatabaseencoding()))",
	2, {TEXTOID, TEXTOID}
};
static CfSpiPlan begin_run = {
	"INSERT INTO cloudflux.inventories (place, prefix, status, imported_by) VALUES ($1, $2, 'running', $3)"
	" RETURNING id, started_at", 3, {TEXTOID, TEXTOID, TEXTOID}
};
static CfSpiPlan resume_run = {
	"UPDATE cloudflux.inventories SET status = 'running', message = NULL, finished_at = NULL WHERE id = $1",
	1, {INT8OID}
};
static CfSpiPlan save_run = {
	"UPDATE cloudflux.inventories SET cursor = $2, listed = $3, created = $4, changed = $5, unchanged = $6,"
	"       vanished = $7, errors = $8, status = $9, message = $10,"
	"       finished_at = CASE WHEN $9 <> 'running' THEN clock_timestamp() END WHERE id = $1",
	10, {INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID}
};
static CfSpiPlan find_url = {
	"SELECT p.url FROM cloudflux.places p WHERE p.place = $1", 1, {TEXTOID}
};
/* One index probe per key and table, whatever the statistics say: LATERAL with LIMIT cannot be joined otherwise. */
static CfSpiPlan find_known = {
	"SELECT k.no::int4, a.file_id, a.state, o.version, o.found IS NULL OR q.found IS NOT NULL,"
	"       o.vanished_at IS NOT NULL"
	"  FROM unnest($2) WITH ORDINALITY k(object_key, no)"
	" CROSS JOIN LATERAL (SELECT a.file_id, a.state FROM cloudflux.addresses a"
	"                      WHERE a.place = $1 AND a.object_key = k.object_key LIMIT 1) a"
	"  LEFT JOIN LATERAL (SELECT true AS found, o.version, o.vanished_at FROM cloudflux.data_objects o"
	"                      WHERE o.file_id = a.file_id AND o.place = $1 AND o.object_key = k.object_key LIMIT 1) o ON true"
	"  LEFT JOIN LATERAL (SELECT true AS found FROM cloudflux.job_queue q WHERE q.file_id = a.file_id LIMIT 1) q ON true",
	2, {TEXTOID, TEXTARRAYOID}
};
static CfSpiPlan take_addresses = {
	"INSERT INTO cloudflux.addresses (place, object_key, file_id, state, version)"
	" SELECT $1, k.object_key, cloudflux.new_id(), 'primary', k.version"
	"   FROM ROWS FROM (unnest($2), unnest($3)) AS k(object_key, version)"
	" ON CONFLICT (place, object_key) DO NOTHING RETURNING object_key, file_id",
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};
static CfSpiPlan insert_objects = {
	"INSERT INTO cloudflux.data_objects (file_id, file_name, size_gb, content_type, current_tier, current_cloud,"
	"   storage_location, created_at, last_accessed, size_bytes, place, object_key, storage_class, version,"
	"   modified_at, seen_at, owner)"
	" SELECT k.file_id, k.file_name, k.size_gb, k.content_type, k.tier, $2, $3 || k.object_key, k.modified_at,"
	"        k.accessed_at, k.size_bytes, $1, k.object_key, k.storage_class, k.version, k.modified_at,"
	"        clock_timestamp(), $4"
	"   FROM ROWS FROM (unnest($5), unnest($6), unnest($7), unnest($8), unnest($9), unnest($10), unnest($11),"
	"                   unnest($12), unnest($13), unnest($14), unnest($15))"
	"        AS k(object_key, file_id, version, file_name, size_gb, size_bytes, content_type, storage_class, tier,"
	"             modified_at, accessed_at)",
	15, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
		NUMERICARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
	TIMESTAMPTZARRAYOID}
};
static CfSpiPlan insert_versions = {
	"INSERT INTO cloudflux.object_versions"
	" (file_id, version_no, place, object_key, storage_class, version, size_bytes, reason)"
	" SELECT k.file_id, 1, $1, k.object_key, k.storage_class, k.version, k.size_bytes, 'created'"
	"   FROM ROWS FROM (unnest($2), unnest($3), unnest($4), unnest($5), unnest($6))"
	"        AS k(object_key, file_id, version, storage_class, size_bytes)",
	6, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID}
};
static CfSpiPlan emit_each = {
	"SELECT cloudflux.emit_events('data-ingestion', 'object.created', array_agg(k.file_id),"
	"   array_agg(jsonb_build_object('place', $1, 'object_key', k.object_key, 'storage_location', $2 || k.object_key,"
	"             'size_bytes', k.size_bytes, 'storage_class', k.storage_class)))"
	"  FROM ROWS FROM (unnest($3), unnest($4), unnest($5), unnest($6)) AS k(object_key, file_id, storage_class, size_bytes)",
	6, {TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID}
};
static CfSpiPlan emit_bulk = {
	"SELECT cloudflux.emit_events('data-ingestion', 'object.created', ARRAY[$1],"
	"   ARRAY[jsonb_build_object('batch', true, 'place', $1, 'objects', cardinality($2), 'first_file_id', $2[1],"
	"                            'last_file_id', $2[cardinality($2)],"
	"                            'bytes', (SELECT sum(b) FROM unnest($3) AS u(b)))])",
	3, {TEXTOID, TEXTARRAYOID, INT8ARRAYOID}
};
static CfSpiPlan update_objects = {
	"UPDATE cloudflux.data_objects o"
	"   SET size_bytes = k.size_bytes, version = k.version, modified_at = k.modified_at, seen_at = clock_timestamp(),"
	"       content_type = COALESCE(k.content_type, o.content_type), vanished_at = NULL,"
	"       storage_class = COALESCE(k.storage_class, o.storage_class),"
	"       sha256 = CASE WHEN o.version = k.version THEN o.sha256 END"
	"  FROM ROWS FROM (unnest($3), unnest($4), unnest($5), unnest($6), unnest($7), unnest($8), unnest($2))"
	"       AS k(file_id, version, size_bytes, content_type, storage_class, modified_at, object_key)"
	" WHERE o.file_id = k.file_id AND o.place = $1 AND o.object_key = k.object_key"
	"   AND NOT EXISTS (SELECT FROM cloudflux.job_queue q WHERE q.file_id = o.file_id)",
	8, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
	TIMESTAMPTZARRAYOID}
};
static CfSpiPlan note_seen = {
	"INSERT INTO cloudflux.inventory_seen (run_id, file_id) SELECT $1, unnest($2) ON CONFLICT DO NOTHING",
	2, {INT8OID, TEXTARRAYOID}
};
static CfSpiPlan find_missing = {
	"SELECT a.object_key, a.file_id FROM cloudflux.addresses a"
	"  JOIN cloudflux.data_objects o ON o.file_id = a.file_id AND o.place = a.place AND o.object_key = a.object_key"
	" WHERE a.place = $1 AND a.object_key > $2 AND starts_with(a.object_key, $3) AND a.state = 'primary'"
	"   AND o.vanished_at IS NULL AND (o.seen_at IS NULL OR o.seen_at < $4)"
	"   AND NOT EXISTS (SELECT FROM cloudflux.inventory_seen s WHERE s.run_id = $5 AND s.file_id = a.file_id)"
	"   AND NOT EXISTS (SELECT FROM cloudflux.job_queue q WHERE q.file_id = a.file_id)"
	" ORDER BY a.place, a.object_key LIMIT $6",
	6, {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, INT8OID}
};
static CfSpiPlan mark_vanished = {
	"UPDATE cloudflux.data_objects o SET vanished_at = clock_timestamp(), seen_at = clock_timestamp()"
	"  FROM ROWS FROM (unnest($2), unnest($3)) AS k(file_id, object_key)"
	" WHERE o.file_id = k.file_id AND o.place = $1 AND o.object_key = k.object_key AND o.vanished_at IS NULL"
	"   AND NOT EXISTS (SELECT FROM cloudflux.job_queue q WHERE q.file_id = o.file_id)",
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};
static CfSpiPlan class_tier = {
	"SELECT cloudflux.class_tier($1, $2, $3)", 3, {TEXTOID, TEXTOID, TEXTOID}
};

PG_FUNCTION_INFO_V1(cloudflux_import_inventory);

static void run_inventory(CfImport *import, void *arg);
static void begin_or_resume(Inventory *inv);
static void list_page(Inventory *inv, CfListPage *page);
static void take_page(Inventory *inv, const CfListPage *list);
static void find_vanished(Inventory *inv);
static void save(Inventory *inv, const char *status, const char *message);

/* cloudflux_import_inventory is the procedure. */
Datum
cloudflux_import_inventory(PG_FUNCTION_ARGS)
{
	Inventory	inv;

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("CALL import_inventory()");
	memset(&inv, 0, sizeof(inv));
	cf_catalog_import_open(&inv.import, fcinfo, "inventory");
	inv.prefix = PG_ARGISNULL(1) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(1));
	inv.page_context = AllocSetContextCreate(inv.import.context, "cloudflux inventory page",
											 ALLOCSET_DEFAULT_SIZES);
	cf_catalog_import_run(&inv.import, run_inventory, &inv);
	ereport(NOTICE,
			(errmsg("inventory of place \"%s\": " INT64_FORMAT " listed, " INT64_FORMAT " new, "
					INT64_FORMAT " changed, " INT64_FORMAT " vanished, " INT64_FORMAT " refused",
					inv.import.place->name, inv.listed, inv.created, inv.changed, inv.vanished,
					inv.errors)));
	PG_RETURN_VOID();
}

/* run_inventory does the work; the place is locked and open. */
static void
run_inventory(CfImport *import, void *arg)
{
	Inventory  *inv = arg;
	CfAllocator allocator = cf_arena_context(import->context);
	CfListPage	page;

	cf_arena_init(&inv->arena, &allocator, 64 * 1024, 0);
	cf_storage_op_init(&inv->op, import->place, &inv->arena);
	cf_catalog_import_op(import, &inv->op);
	begin_or_resume(inv);
	cf_catalog_import_commit(import);
	inv->mostly_new = true;
	do
	{
		list_page(inv, &page);
		take_page(inv, &page);
		cf_catalog_import_commit_lazily(import);
		MemoryContextReset(inv->page_context);
		cf_arena_reset(&inv->arena);
	} while (inv->cursor != NULL);
	find_vanished(inv);
	save(inv, "completed", NULL);
	cf_catalog_import_commit(import);
}

/* begin_or_resume goes on with the last run if that was cut off within a day and its notes are whole. */
static void
begin_or_resume(Inventory *inv)
{
	Datum		args[3];
	CfOwnerRights rights;
	bool		resume = false;

	args[0] = CStringGetTextDatum(inv->import.place->name);
	args[1] = CStringGetTextDatum(inv->prefix);
	args[2] = CStringGetTextDatum(inv->import.user);
	cf_catalog_owner_begin(&rights);
	cf_spi_begin();
	if (cf_spi_run(&find_url, args, NULL) > 0)
	{
		char	   *url = cf_spi_text(0, 1);

		inv->url = MemoryContextStrdup(inv->import.context, url);
	}
	else
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("place \"%s\" is not adopted", inv->import.place->name),
						errhint("Call cloudflux.adopt_storage() first.")));
	if (cf_spi_run(&find_run, args, NULL) > 0 && strcmp(cf_spi_text(0, 3), "completed") != 0)
	{
		inv->run_id = cf_spi_int64(0, 1, NULL);
		resume = cf_spi_bool(0, 10, NULL);
		if (resume)
		{
			inv->cursor = MemoryContextStrdup(inv->import.context, cf_spi_text(0, 2));
			inv->started_at = DatumGetTimestampTz(cf_spi_datum(0, 4, NULL));
			inv->listed = cf_spi_int64(0, 5, NULL);
			inv->created = cf_spi_int64(0, 6, NULL);
			inv->changed = cf_spi_int64(0, 7, NULL);
			inv->unchanged = cf_spi_int64(0, 8, NULL);
			inv->errors = cf_spi_int64(0, 9, NULL);
		}
	}
	if (resume)
	{
		Datum		id = Int64GetDatum(inv->run_id);

		cf_spi_run(&resume_run, &id, NULL);
	}
	else
	{
		cf_spi_run(&forget_seen, args, NULL);
		cf_spi_run(&fail_old_runs, args, NULL);
		cf_spi_run(&forget_errors, args, NULL);
		cf_spi_run(&begin_run, args, NULL);
		inv->run_id = cf_spi_int64(0, 1, NULL);
		inv->started_at = DatumGetTimestampTz(cf_spi_datum(0, 2, NULL));
	}
	cf_spi_end();
	cf_catalog_owner_end(&rights);
}

/* save writes down how far the run is. */
static void
save(Inventory *inv, const char *status, const char *message)
{
	Datum		args[10];
	bool		nulls[10] = {false};
	CfOwnerRights rights;

	cf_catalog_owner_begin(&rights);
	args[0] = Int64GetDatum(inv->run_id);
	nulls[1] = inv->cursor == NULL;
	args[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(inv->cursor);
	args[2] = Int64GetDatum(inv->listed);
	args[3] = Int64GetDatum(inv->created);
	args[4] = Int64GetDatum(inv->changed);
	args[5] = Int64GetDatum(inv->unchanged);
	args[6] = Int64GetDatum(inv->vanished);
	args[7] = Int64GetDatum(inv->errors);
	args[8] = CStringGetTextDatum(status);
	nulls[9] = message == NULL;
	args[9] = nulls[9] ? (Datum) 0 : CStringGetTextDatum(message);
	cf_spi_begin();
	cf_spi_run(&save_run, args, nulls);
	if (strcmp(status, "completed") == 0)
	{
		args[0] = CStringGetTextDatum(inv->import.place->name);
		cf_spi_run(&forget_seen, args, NULL);
	}
	cf_spi_end();
	cf_catalog_owner_end(&rights);
}

/* list_page gets the next page from the store; when it cannot, the run is recorded as failed first. */
static void
list_page(Inventory *inv, CfListPage *page)
{
	CfStep		step;

	memset(page, 0, sizeof(*page));
	do
	{
		CHECK_FOR_INTERRUPTS();
		step = cf_storage_list(&inv->op, inv->prefix, inv->cursor, PAGE_ENTRIES, page);
	} while (step == CF_STEP_AGAIN);
	if (step == CF_STEP_DONE)
		return;
	if (step == CF_STEP_SEND)
		cf_error_set(&inv->op.err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot be listed by this build",
					 inv->import.place->name);
	save(inv, "failed", inv->op.err.message);
	cf_catalog_import_commit(&inv->import);
	cf_error_raise(&inv->op.err);
}

/* refusal tells why a key cannot be catalogued, NULL when it can. */
static const char *
refusal(const char *key)
{
	size_t		length = strlen(key);
	const char *p;

	if (length == 0 || length > CF_STORAGE_KEY_MAX)
		return "key is empty or longer than 1024 bytes";
	for (p = key; *p != '\0'; p++)
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
			return "key contains a control character";
	if (!pg_verify_mbstr(PG_UTF8, key, length, true))
		return "key is not valid UTF-8";
	if (!pg_verifymbstr(key, length, true))
		return "key is not valid in the encoding of the database";
	return NULL;
}

/* array_of makes a one-dimensional array of count values. */
static Datum
array_of(Datum *values, bool *nulls, int count, Oid type)
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

/* What a set of entries looks like to SQL: one array per property. */
enum
{
	KEY, FILE_ID, VERSION, FILE_NAME, SIZE_GB, SIZE_BYTES, CONTENT_TYPE, CLASS, TIER, MODIFIED_AT, ACCESSED_AT,
	PROPERTIES
};

static const Oid property_types[PROPERTIES] = {
	TEXTOID, TEXTOID, TEXTOID, TEXTOID, NUMERICOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID,
	TIMESTAMPTZOID
};

static Datum
moment_of(int64 unix_us)
{
	return TimestampTzGetDatum(unix_us - UNIX_EPOCH_US);
}

/* tier_of gives the tier of a storage class at this place, NULL when nobody has said. */
static const char *
tier_of(Inventory *inv, const char *class)
{
	Datum		args[3];
	char	   *tier = NULL;

	if (strcmp(inv->class_known, class) == 0)
		return inv->tier_known[0] == '\0' ? NULL : inv->tier_known;
	args[0] = CStringGetTextDatum(inv->import.place->provider);
	args[1] = CStringGetTextDatum(inv->import.place->name);
	args[2] = CStringGetTextDatum(class);
	cf_spi_begin();
	if (cf_spi_run(&class_tier, args, NULL) > 0)
		tier = cf_spi_text(0, 1);
	cf_spi_end();
	strlcpy(inv->class_known, class, sizeof(inv->class_known));
	strlcpy(inv->tier_known, tier == NULL ? "" : tier, sizeof(inv->tier_known));
	return inv->tier_known[0] == '\0' ? NULL : inv->tier_known;
}

/* class_of gives the storage class of an entry: what the store says, or what the place has; "" = not told. */
static const char *
class_of(const Inventory *inv, const CfObjectStat *stat)
{
	if (stat->storage_class != NULL && stat->storage_class[0] != '\0')
		return stat->storage_class;
	return inv->import.default_class;
}

/* properties_of makes one array per property for the entries of one fate, and tells how many they are. */
static int
properties_of(Inventory *inv, const Batch *page, Fate fate, Datum *arrays)
{
	int			count = page->counts[fate];
	Datum	   *values[PROPERTIES];
	bool	   *nulls[PROPERTIES];
	int			n = 0;
	int			i;

	for (i = 0; i < PROPERTIES; i++)
	{
		values[i] = palloc(sizeof(Datum) * (count + 1));
		nulls[i] = palloc0(sizeof(bool) * (count + 1));
	}
	for (i = 0; i < page->list->count && n < count; i++)
	{
		const CfListEntry *entry = &page->list->entries[i];
		const CfObjectStat *stat = &entry->stat;
		const char *class = class_of(inv, stat);
		const char *tier = class[0] == '\0' ? NULL : tier_of(inv, class);
		const char *name;
		int			length;

		if (page->fates[i] != fate)
			continue;
		name = cf_catalog_last_segment(entry->key, &length);
		values[KEY][n] = CStringGetTextDatum(entry->key);
		values[FILE_ID][n] = page->file_ids[i];
		values[VERSION][n] = CStringGetTextDatum(stat->version);
		values[FILE_NAME][n] = PointerGetDatum(cstring_to_text_with_len(name, length));
		values[SIZE_GB][n] = cf_catalog_gb(stat->size_bytes);
		values[SIZE_BYTES][n] = Int64GetDatum(stat->size_bytes);
		nulls[CONTENT_TYPE][n] = stat->content_type == NULL || stat->content_type[0] == '\0';
		values[CONTENT_TYPE][n] = nulls[CONTENT_TYPE][n] ? (Datum) 0 : CStringGetTextDatum(stat->content_type);
		nulls[CLASS][n] = class[0] == '\0';
		values[CLASS][n] = nulls[CLASS][n] ? (Datum) 0 : CStringGetTextDatum(class);
		nulls[TIER][n] = tier == NULL;
		values[TIER][n] = tier == NULL ? (Datum) 0 : CStringGetTextDatum(tier);
		values[MODIFIED_AT][n] = moment_of(stat->mtime_us);
		/* A file that was never read after it was written has nothing to tell. */
		nulls[ACCESSED_AT][n] = stat->atime_us <= stat->mtime_us;
		values[ACCESSED_AT][n] = moment_of(stat->atime_us);
		n++;
	}
	for (i = 0; i < PROPERTIES; i++)
		arrays[i] = array_of(values[i], nulls[i], n, property_types[i]);
	return n;
}

static void
set_fate(Batch *page, int i, Fate fate)
{
	page->counts[page->fates[i]]--;
	page->fates[i] = fate;
	page->counts[fate]++;
}

/* refuse_entries takes out what cannot be catalogued and reports it. */
static void
refuse_entries(Inventory *inv, Batch *page)
{
	int			i;

	for (i = 0; i < page->list->count; i++)
	{
		const char *key = page->list->entries[i].key;
		const char *why = refusal(key);

		if (why == NULL)
			continue;
		set_fate(page, i, FATE_LEAVE);
		inv->errors++;
		cf_catalog_import_refuse(&inv->import, "inventory", -1, key, Min(strlen(key), SHOWN_BYTES), why);
	}
	if (page->list->unreadable > 0)
	{
		inv->errors += page->list->unreadable;
		cf_catalog_import_refuse(&inv->import, "inventory", -1, NULL, 0,
								 psprintf(INT64_FORMAT " entries could not be read (permission, or I/O)",
										  page->list->unreadable));
	}
}

/* find_fates looks up who holds the keys of unknown entries, and whether the bytes have changed; nobody = missing. */
static void
find_fates(Inventory *inv, Batch *page, Fate missing)
{
	int			count = page->list->count;
	Datum	   *keys = palloc(sizeof(Datum) * (count + 1));
	int		   *entry_of = palloc(sizeof(int) * (count + 1));
	MemoryContext context = CurrentMemoryContext;
	Datum		args[2];
	int			n = 0;
	uint64		found;
	uint64		row;
	int			i;

	for (i = 0; i < count; i++)
	{
		if (page->fates[i] != FATE_UNKNOWN)
			continue;
		set_fate(page, i, missing);
		entry_of[n] = i;
		keys[n++] = CStringGetTextDatum(page->list->entries[i].key);
	}
	if (n == 0)
		return;
	args[0] = CStringGetTextDatum(inv->import.place->name);
	args[1] = array_of(keys, NULL, n, TEXTOID);
	cf_spi_begin();
	found = cf_spi_run(&find_known, args, NULL);
	for (row = 0; row < found; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		char	   *version;
		Datum		file_id;

		i = entry_of[DatumGetInt32(SPI_getbinval(tuple, desc, 1, &isnull)) - 1];
		file_id = SPI_getbinval(tuple, desc, 2, &isnull);
		version = SPI_getvalue(tuple, desc, 4);
		MemoryContextSwitchTo(context);
		page->file_ids[i] = datumCopy(file_id, false, -1);
		if (strcmp(SPI_getvalue(tuple, desc, 3), "primary") != 0 ||
			DatumGetBool(SPI_getbinval(tuple, desc, 5, &isnull)))
			set_fate(page, i, FATE_LEAVE);
		else if (version == NULL || strcmp(version, page->list->entries[i].stat.version) != 0 ||
				 DatumGetBool(SPI_getbinval(tuple, desc, 6, &isnull)))
			set_fate(page, i, FATE_CHANGED);
		else
			set_fate(page, i, FATE_UNCHANGED);
	}
	cf_spi_end();
}

/* claim_addresses takes the addresses of entries that nobody holds: they are new; the others are lost. */
static void
claim_addresses(Inventory *inv, Batch *page, Fate from, Fate lost)
{
	int			count = page->counts[from];
	Datum	   *keys = palloc(sizeof(Datum) * (count + 1));
	Datum	   *versions = palloc(sizeof(Datum) * (count + 1));
	MemoryContext context = CurrentMemoryContext;
	Datum		args[3];
	int			n = 0;
	int			i;
	uint64		won;
	uint64		row = 0;

	for (i = 0; i < page->list->count; i++)
	{
		if (page->fates[i] != from)
			continue;
		keys[n] = CStringGetTextDatum(page->list->entries[i].key);
		versions[n++] = CStringGetTextDatum(page->list->entries[i].stat.version);
	}
	if (n == 0)
		return;
	args[0] = CStringGetTextDatum(inv->import.place->name);
	args[1] = array_of(keys, NULL, n, TEXTOID);
	args[2] = array_of(versions, NULL, n, TEXTOID);
	cf_spi_begin();
	won = cf_spi_run(&take_addresses, args, NULL);
	/* The rows come back in the order of the array, without those that were taken. */
	for (i = 0; i < page->list->count; i++)
	{
		bool		isnull;
		bool		mine = false;

		if (page->fates[i] != from)
			continue;
		if (row < won)
		{
			char	   *key = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1);

			mine = strcmp(key, page->list->entries[i].key) == 0;
			pfree(key);
		}
		if (!mine)
		{
			set_fate(page, i, lost);
			continue;
		}
		set_fate(page, i, FATE_NEW);
		MemoryContextSwitchTo(context);
		page->file_ids[i] = datumCopy(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2,
													&isnull), false, -1);
		row++;
	}
	cf_spi_end();
}

/* insert_new writes new objects, past the triggers: everything that those would fill in is here already. */
static void
insert_new(Inventory *inv, Batch *page)
{
	Datum		arrays[PROPERTIES];
	Datum		place = CStringGetTextDatum(inv->import.place->name);
	Datum		url = CStringGetTextDatum(inv->url);
	Datum		objects[15];
	int			i;

	if (properties_of(inv, page, FATE_NEW, arrays) == 0)
		return;
	objects[0] = place;
	objects[1] = CStringGetTextDatum(inv->import.place->provider);
	objects[2] = url;
	objects[3] = CStringGetTextDatum(inv->import.user);
	for (i = 0; i < PROPERTIES; i++)
		objects[4 + i] = arrays[i];
	cf_catalog_own_write = true;
	PG_TRY();
	{
		cf_spi_begin();
		inv->created += cf_spi_run(&insert_objects, objects, NULL);
		cf_spi_end();
	}
	PG_FINALLY();
	{
		cf_catalog_own_write = false;
	}
	PG_END_TRY();
	cf_spi_begin();
	{
		Datum		versions[] = {place, arrays[KEY], arrays[FILE_ID], arrays[VERSION], arrays[CLASS],
		arrays[SIZE_BYTES]};
		Datum		each[] = {place, url, arrays[KEY], arrays[FILE_ID], arrays[CLASS], arrays[SIZE_BYTES]};
		Datum		bulk[] = {place, arrays[FILE_ID], arrays[SIZE_BYTES]};

		cf_spi_run(&insert_versions, versions, NULL);
		if (page->counts[FATE_NEW] > EVENTS_EACH_MAX)
			cf_spi_run(&emit_bulk, bulk, NULL);
		else
			cf_spi_run(&emit_each, each, NULL);
	}
	cf_spi_end();
}

/* update_changed writes objects whose bytes have changed or that are back; the triggers do the rest. */
static void
update_changed(Inventory *inv, Batch *page)
{
	Datum		arrays[PROPERTIES];

	if (page->counts[FATE_CHANGED] == 0)
		return;
	properties_of(inv, page, FATE_CHANGED, arrays);
	cf_spi_begin();
	{
		Datum		args[] = {CStringGetTextDatum(inv->import.place->name), arrays[KEY], arrays[FILE_ID],
			arrays[VERSION], arrays[SIZE_BYTES], arrays[CONTENT_TYPE], arrays[CLASS],
		arrays[MODIFIED_AT]};

		inv->changed += cf_spi_run(&update_objects, args, NULL);
	}
	cf_spi_end();
}

/* note_unchanged remembers for the end of the run what is as it was. */
static void
note_unchanged(Inventory *inv, Batch *page)
{
	Datum	   *ids = palloc(sizeof(Datum) * (page->counts[FATE_UNCHANGED] + 1));
	Datum		args[2];
	int			n = 0;
	int			i;

	if (page->counts[FATE_UNCHANGED] == 0)
		return;
	for (i = 0; i < page->list->count; i++)
		if (page->fates[i] == FATE_UNCHANGED)
			ids[n++] = page->file_ids[i];
	args[0] = Int64GetDatum(inv->run_id);
	args[1] = array_of(ids, NULL, n, TEXTOID);
	cf_spi_begin();
	inv->unchanged += cf_spi_run(&note_seen, args, NULL);
	cf_spi_end();
}

/* take_page catalogues one page and saves the cursor with it. */
static void
take_page(Inventory *inv, const CfListPage *list)
{
	MemoryContext caller = MemoryContextSwitchTo(inv->page_context);
	CfOwnerRights rights;
	Batch		page;

	memset(&page, 0, sizeof(page));
	page.list = list;
	page.fates = palloc0(sizeof(Fate) * (list->count + 1));
	page.file_ids = palloc0(sizeof(Datum) * (list->count + 1));
	page.counts[FATE_UNKNOWN] = list->count;
	cf_catalog_owner_begin(&rights);
	refuse_entries(inv, &page);
	if (inv->mostly_new)
	{
		claim_addresses(inv, &page, FATE_UNKNOWN, FATE_UNKNOWN);
		find_fates(inv, &page, FATE_LEAVE);
	}
	else
	{
		/* Who comes in between (a put, an INSERT) has the address. */
		find_fates(inv, &page, FATE_NEW);
		claim_addresses(inv, &page, FATE_NEW, FATE_LEAVE);
	}
	inv->mostly_new = page.counts[FATE_NEW] * 2 > list->count;
	insert_new(inv, &page);
	update_changed(inv, &page);
	note_unchanged(inv, &page);
	inv->listed += list->count;
	if (inv->cursor != NULL)
		pfree(inv->cursor);
	inv->cursor = list->next == NULL ? NULL : MemoryContextStrdup(inv->import.context, list->next);
	save(inv, "running", NULL);
	cf_catalog_owner_end(&rights);
	MemoryContextSwitchTo(caller);
}

/* is_gone asks the store once more; an error that is not "not there" is no proof. */
static bool
is_gone(Inventory *inv, const char *key)
{
	CfObjectStat stat;
	CfStep		step;

	do
	{
		CHECK_FOR_INTERRUPTS();
		step = cf_storage_stat(&inv->op, key, &stat);
	} while (step == CF_STEP_AGAIN);
	return step == CF_STEP_ERROR && inv->op.err.kind == CF_ERR_NOT_FOUND;
}

/* find_vanished marks what the run did not find: batch by batch in order of keys. */
static void
find_vanished(Inventory *inv)
{
	char	   *after = MemoryContextStrdup(inv->import.context, "");
	uint64		found;

	do
	{
		MemoryContext caller = MemoryContextSwitchTo(inv->page_context);
		Datum	   *keys = palloc(sizeof(Datum) * CANDIDATES);
		Datum	   *ids = palloc(sizeof(Datum) * CANDIDATES);
		Datum		args[6];
		CfOwnerRights rights;
		int			gone = 0;
		uint64		row;

		args[0] = CStringGetTextDatum(inv->import.place->name);
		args[1] = CStringGetTextDatum(after);
		args[2] = CStringGetTextDatum(inv->prefix);
		args[3] = TimestampTzGetDatum(inv->started_at);
		args[4] = Int64GetDatum(inv->run_id);
		args[5] = Int64GetDatum(CANDIDATES);
		cf_catalog_owner_begin(&rights);
		cf_spi_begin();
		found = cf_spi_run(&find_missing, args, NULL);
		for (row = 0; row < found; row++)
		{
			keys[row] = cf_spi_datum(row, 1, NULL);
			ids[row] = cf_spi_datum(row, 2, NULL);
		}
		cf_spi_end();
		cf_catalog_owner_end(&rights);
		for (row = 0; row < found; row++)
		{
			char	   *key = TextDatumGetCString(keys[row]);

			if (row + 1 == found)
			{
				pfree(after);
				after = MemoryContextStrdup(inv->import.context, key);
			}
			if (!is_gone(inv, key))
				continue;
			keys[gone] = keys[row];
			ids[gone++] = ids[row];
		}
		if (gone > 0)
		{
			args[1] = array_of(ids, NULL, gone, TEXTOID);
			args[2] = array_of(keys, NULL, gone, TEXTOID);
			cf_catalog_owner_begin(&rights);
			cf_spi_begin();
			inv->vanished += cf_spi_run(&mark_vanished, args, NULL);
			cf_spi_end();
			cf_catalog_owner_end(&rights);
		}
		MemoryContextSwitchTo(caller);
		cf_catalog_import_commit(&inv->import);
		MemoryContextReset(inv->page_context);
		cf_arena_reset(&inv->arena);
	} while (found == CANDIDATES);
}
