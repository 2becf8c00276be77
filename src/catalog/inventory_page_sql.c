/*
 * inventory_page_sql.c
 *		One page of a listing becomes rows: refused, new, changed, unchanged, or left to whoever works on it.
 *
 * Entries travel to SQL as arrays, one per property, so a page costs the same few statements however many entries it
 * has. New objects are written past the triggers of data_objects (everything that those would fill in is known
 * here), after their addresses, which decide who owns a key. Changed ones are rare and go through the triggers.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

#include "catalog/catalog.h"
#include "catalog/inventory_sql.h"
#include "catalog/objects_sql.h"
#include "core/spi_sql.h"

#define EVENTS_EACH_MAX 1000	/* as in changes_sql.c */
#define SHOWN_BYTES 1024		/* of a refused key */

#define UNIX_EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

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
static CfSpiPlan find_stale = {
	"SELECT k.no::int4 FROM unnest($2) WITH ORDINALITY k(object_key, no)"
	" WHERE EXISTS (SELECT FROM cloudflux.object_versions v WHERE v.place = $1 AND v.object_key = k.object_key"
	"                  AND v.valid_to IS NOT NULL AND v.valid_to >= $3)",
	3, {TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID}
};
static CfSpiPlan class_tier = {
	"SELECT cloudflux.class_tier($1, $2, $3)", 3, {TEXTOID, TEXTOID, TEXTOID}
};

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
tier_of(CfInventory *inv, const char *class)
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
class_of(const CfInventory *inv, const CfObjectStat *stat)
{
	if (stat->storage_class != NULL && stat->storage_class[0] != '\0')
		return stat->storage_class;
	return inv->import.default_class;
}

/* properties_of makes one array per property for the entries of one fate, and tells how many they are. */
static int
properties_of(CfInventory *inv, const CfInventoryPage *page, CfInventoryFate fate, Datum *arrays)
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
		arrays[i] = cf_catalog_import_array(values[i], nulls[i], n, property_types[i]);
	return n;
}

static void
set_fate(CfInventoryPage *page, int i, CfInventoryFate fate)
{
	page->counts[page->fates[i]]--;
	page->fates[i] = fate;
	page->counts[fate]++;
}

/* cf_catalog_page_refuse takes out what cannot be catalogued and reports it. */
void
cf_catalog_page_refuse(CfInventory *inv, CfInventoryPage *page)
{
	int			i;

	for (i = 0; i < page->list->count; i++)
	{
		const char *key = page->list->entries[i].key;
		const char *why = refusal(key);

		if (why == NULL)
			continue;
		set_fate(page, i, CF_FATE_LEAVE);
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

/* cf_catalog_page_look_up looks up who holds the keys of unknown entries, and whether the bytes have changed; nobody = missing. */
void
cf_catalog_page_look_up(CfInventory *inv, CfInventoryPage *page, CfInventoryFate missing)
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
		if (page->fates[i] != CF_FATE_UNKNOWN)
			continue;
		set_fate(page, i, missing);
		entry_of[n] = i;
		keys[n++] = CStringGetTextDatum(page->list->entries[i].key);
	}
	if (n == 0)
		return;
	args[0] = CStringGetTextDatum(inv->import.place->name);
	args[1] = cf_catalog_import_array(keys, NULL, n, TEXTOID);
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
			set_fate(page, i, CF_FATE_LEAVE);
		else if (version == NULL || !cf_storage_version_same(inv->import.place, version, page->list->entries[i].stat.version) ||
				 DatumGetBool(SPI_getbinval(tuple, desc, 6, &isnull)))
			set_fate(page, i, CF_FATE_CHANGED);
		else
			set_fate(page, i, CF_FATE_UNCHANGED);
	}
	cf_spi_end();
}

/* cf_catalog_page_claim takes the addresses of entries that nobody holds: they are new; the others are lost. */
void
cf_catalog_page_claim(CfInventory *inv, CfInventoryPage *page, CfInventoryFate from, CfInventoryFate lost)
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
	args[1] = cf_catalog_import_array(keys, NULL, n, TEXTOID);
	args[2] = cf_catalog_import_array(versions, NULL, n, TEXTOID);
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
		set_fate(page, i, CF_FATE_NEW);
		MemoryContextSwitchTo(context);
		page->file_ids[i] = datumCopy(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2,
													&isnull), false, -1);
		row++;
	}
	cf_spi_end();
}

/* cf_catalog_page_stale finds new entries whose key an object left, by a move or a deletion, after the inventory was taken. */
bool *
cf_catalog_page_stale(CfInventory *inv, const CfInventoryPage *page)
{
	int			count = page->list->count;
	bool	   *stale = palloc0(sizeof(bool) * (count + 1));
	Datum	   *keys = palloc(sizeof(Datum) * (count + 1));
	int		   *entry_of = palloc(sizeof(int) * (count + 1));
	Datum		args[3];
	int			n = 0;
	uint64		found;

	for (int i = 0; i < count; i++)
	{
		if (page->fates[i] != CF_FATE_NEW)
			continue;
		entry_of[n] = i;
		keys[n++] = CStringGetTextDatum(page->list->entries[i].key);
	}
	if (n == 0)
		return stale;
	args[0] = CStringGetTextDatum(inv->import.place->name);
	args[1] = cf_catalog_import_array(keys, NULL, n, TEXTOID);
	args[2] = TimestampTzGetDatum(inv->snapshot_at);
	cf_spi_begin();
	found = cf_spi_run(&find_stale, args, NULL);
	for (uint64 row = 0; row < found; row++)
	{
		bool		isnull;

		stale[entry_of[DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull)) - 1]] = true;
	}
	cf_spi_end();
	return stale;
}

/* cf_catalog_page_insert writes new objects, past the triggers: everything that those would fill in is here already. */
void
cf_catalog_page_insert(CfInventory *inv, CfInventoryPage *page)
{
	Datum		arrays[PROPERTIES];
	Datum		place = CStringGetTextDatum(inv->import.place->name);
	Datum		url = CStringGetTextDatum(inv->url);
	Datum		objects[15];
	int			i;

	if (properties_of(inv, page, CF_FATE_NEW, arrays) == 0)
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
		if (page->counts[CF_FATE_NEW] > EVENTS_EACH_MAX)
			cf_spi_run(&emit_bulk, bulk, NULL);
		else
			cf_spi_run(&emit_each, each, NULL);
	}
	cf_spi_end();
}

/* cf_catalog_page_update writes objects whose bytes have changed or that are back; the triggers do the rest. */
void
cf_catalog_page_update(CfInventory *inv, CfInventoryPage *page)
{
	Datum		arrays[PROPERTIES];

	if (page->counts[CF_FATE_CHANGED] == 0)
		return;
	properties_of(inv, page, CF_FATE_CHANGED, arrays);
	cf_spi_begin();
	{
		Datum		args[] = {CStringGetTextDatum(inv->import.place->name), arrays[KEY], arrays[FILE_ID],
			arrays[VERSION], arrays[SIZE_BYTES], arrays[CONTENT_TYPE], arrays[CLASS],
		arrays[MODIFIED_AT]};

		inv->changed += cf_spi_run(&update_objects, args, NULL);
	}
	cf_spi_end();
}

/* cf_catalog_page_note remembers for the end of the run what is as it was. */
void
cf_catalog_page_note(CfInventory *inv, CfInventoryPage *page)
{
	Datum	   *ids = palloc(sizeof(Datum) * (page->counts[CF_FATE_UNCHANGED] + 1));
	Datum		args[2];
	int			n = 0;
	int			i;

	if (page->counts[CF_FATE_UNCHANGED] == 0)
		return;
	for (i = 0; i < page->list->count; i++)
		if (page->fates[i] == CF_FATE_UNCHANGED)
			ids[n++] = page->file_ids[i];
	args[0] = Int64GetDatum(inv->run_id);
	args[1] = cf_catalog_import_array(ids, NULL, n, TEXTOID);
	cf_spi_begin();
	inv->unchanged += cf_spi_run(&note_seen, args, NULL);
	cf_spi_end();
}
