/*
 * inventory_sql.c
 *		CALL import_inventory(place, prefix, allow_empty, manifest, manifest_place): what a place holds becomes rows, page by page. The
 *		pages come from a listing, or from the files of an inventory that the provider wrote (inventory_files_sql.c).
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
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/import_sql.h"
#include "catalog/inventory_sql.h"
#include "catalog/objects_sql.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "core/interrupt.h"
#include "core/spi_sql.h"
#include "storage/storage_sql.h"

#define PAGE_ENTRIES 5000
#define CANDIDATES 1000			/* looked at once more per transaction */

static CfSpiPlan find_run = {
	"SELECT i.id, i.cursor, i.status, i.started_at, i.listed, i.created, i.changed, i.unchanged, i.errors,"
	"       i.unchanged = (SELECT count(*) FROM cloudflux.inventory_seen s WHERE s.run_id = i.id)"
	"       AND i.started_at > clock_timestamp() - interval '1 day' AND i.cursor IS NOT NULL"
	"       AND i.manifest IS NOT DISTINCT FROM $3 AND i.manifest_version IS NOT DISTINCT FROM $4"
	"  FROM cloudflux.inventories i WHERE i.place = $1 AND i.prefix = $2 ORDER BY i.id DESC LIMIT 1",
	4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
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
	"INSERT INTO cloudflux.inventories (place, prefix, status, manifest, manifest_version, imported_by, snapshot_at)"
	" VALUES ($1, $2, 'running', $3, $4, $5, $6) RETURNING id, started_at",
	6, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
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
static CfSpiPlan find_missing = {
	"SELECT a.object_key, a.file_id FROM cloudflux.addresses a"
	"  JOIN cloudflux.data_objects o ON o.file_id = a.file_id AND o.place = a.place AND o.object_key = a.object_key"
	" WHERE a.place = $1 AND a.object_key > $2 AND starts_with(a.object_key, $3) AND a.state = 'primary'"
	"   AND o.vanished_at IS NULL AND (o.seen_at IS NULL OR o.seen_at < $4)"
	"   AND NOT EXISTS (SELECT FROM cloudflux.inventory_seen s WHERE s.run_id = $5 AND s.file_id = a.file_id)"
	"   AND NOT EXISTS (SELECT FROM cloudflux.job_queue q WHERE q.file_id = a.file_id)"
	"   AND ($7 IS NULL OR COALESCE(o.modified_at, o.created_at) < $7)"
	" ORDER BY a.place, a.object_key LIMIT $6",
	7, {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, INT8OID, TIMESTAMPTZOID}
};
static CfSpiPlan mark_vanished = {
	"UPDATE cloudflux.data_objects o SET vanished_at = clock_timestamp(), seen_at = clock_timestamp()"
	"  FROM ROWS FROM (unnest($2), unnest($3)) AS k(file_id, object_key)"
	" WHERE o.file_id = k.file_id AND o.place = $1 AND o.object_key = k.object_key AND o.vanished_at IS NULL"
	"   AND NOT EXISTS (SELECT FROM cloudflux.job_queue q WHERE q.file_id = o.file_id)",
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};
static CfSpiPlan see_movers = {
	"SELECT EXISTS (SELECT FROM cloudflux.job_queue), s.last_value FROM cloudflux.migration_jobs_id_seq s", 0, {0}
};
static CfSpiPlan release_addresses = {
	"DELETE FROM cloudflux.addresses a WHERE a.place = $1 AND a.object_key = ANY ($2)", 2, {TEXTOID, TEXTARRAYOID}
};

PG_FUNCTION_INFO_V1(cloudflux_import_inventory);

static void run_inventory(CfImport *import, void *arg);
static void begin_or_resume(CfInventory *inv);
static void list_page(CfInventory *inv, CfListPage *page);
static bool movers_at_work(CfInventory *inv);
static void drop_moved(CfInventory *inv, CfInventoryPage *page, bool all, const bool *stale);
static void take_page(CfInventory *inv, const CfListPage *list);
static void refuse_empty(CfInventory *inv);
static void find_vanished(CfInventory *inv);
static void save(CfInventory *inv, const char *status, const char *message);

/* cloudflux_import_inventory is the procedure. */
Datum
cloudflux_import_inventory(PG_FUNCTION_ARGS)
{
	CfInventory inv;

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("CALL import_inventory()");
	memset(&inv, 0, sizeof(inv));
	cf_catalog_import_open(&inv.import, fcinfo, "inventory");
	inv.prefix = PG_ARGISNULL(1) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(1));
	inv.missed_prefix = inv.prefix;
	inv.allow_empty = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	inv.manifest = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	inv.manifest_place = PG_ARGISNULL(4) ? inv.import.place->name : text_to_cstring(PG_GETARG_TEXT_PP(4));
	if (inv.manifest == NULL && !PG_ARGISNULL(4))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("manifest_place was given, but no manifest"),
						errhint("Say manifest => the key of the manifest there.")));
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
	CfInventory *inv = arg;
	CfAllocator allocator = cf_arena_context(import->context);
	CfListPage	page;

	cf_arena_init(&inv->arena, &allocator, 64 * 1024, 0);
	cf_storage_op_init(&inv->op, import->place, &inv->arena);
	cf_catalog_import_op(import, &inv->op);
	if (inv->manifest != NULL)
		cf_catalog_manifest_open(inv);
	begin_or_resume(inv);
	cf_catalog_import_commit(import);
	inv->mostly_new = true;
	if (inv->manifest != NULL)
		cf_catalog_manifest_import(inv);
	else
	{
		do
		{
			list_page(inv, &page);
			cf_catalog_inventory_page(inv, &page);
		} while (inv->cursor != NULL);
	}
	refuse_empty(inv);
	if (!inv->incomplete)
		find_vanished(inv);
	save(inv, "completed", NULL);
	cf_catalog_import_commit(import);
}

void
cf_catalog_inventory_page(CfInventory *inv, const CfListPage *page)
{
	take_page(inv, page);
	cf_catalog_import_commit_lazily(&inv->import);
	MemoryContextReset(inv->page_context);
	cf_arena_reset(&inv->arena);
}

void
cf_catalog_inventory_fail(CfInventory *inv, const CfError *err)
{
	save(inv, "failed", err->message);
	cf_catalog_import_commit(&inv->import);
	cf_error_raise(err);
}

/* begin_or_resume goes on with the last run if that was cut off within a day and its notes are whole. */
static void
begin_or_resume(CfInventory *inv)
{
	Datum		args[6];
	bool		nulls[6] = {false};
	CfOwnerRights rights;
	bool		resume = false;

	nulls[2] = nulls[3] = nulls[5] = inv->manifest == NULL;
	args[0] = CStringGetTextDatum(inv->import.place->name);
	args[1] = CStringGetTextDatum(inv->prefix);
	args[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(psprintf("%s: %s", inv->manifest_place, inv->manifest));
	args[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(inv->manifest_version);
	args[4] = CStringGetTextDatum(inv->import.user);
	args[5] = TimestampTzGetDatum(inv->snapshot_at);
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
	if (cf_spi_run(&find_run, args, nulls) > 0 && strcmp(cf_spi_text(0, 3), "completed") != 0)
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
		cf_spi_run(&begin_run, args, nulls);
		inv->run_id = cf_spi_int64(0, 1, NULL);
		inv->started_at = DatumGetTimestampTz(cf_spi_datum(0, 2, NULL));
	}
	cf_spi_end();
	cf_catalog_owner_end(&rights);
}

/* save writes down how far the run is. */
static void
save(CfInventory *inv, const char *status, const char *message)
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
list_page(CfInventory *inv, CfListPage *page)
{
	CfStep		step;

	memset(page, 0, sizeof(*page));
	inv->movers_seen = movers_at_work(inv);
	cf_catalog_import_let_go(&inv->import, inv->import.place);
	do
		step = cf_storage_await(&inv->op, cf_storage_list(&inv->op, inv->prefix, inv->cursor, PAGE_ENTRIES, page));
	while (step == CF_STEP_AGAIN);
	if (step == CF_STEP_DONE && !CF_FAULT("catalog_page_listed", &inv->op.err))
		return;
	cf_catalog_inventory_fail(inv, &inv->op.err);
}

/* take_page catalogues one page and saves the cursor with it. */
static void
take_page(CfInventory *inv, const CfListPage *list)
{
	MemoryContext caller = MemoryContextSwitchTo(inv->page_context);
	CfOwnerRights rights;
	CfInventoryPage page;

	memset(&page, 0, sizeof(page));
	page.list = list;
	page.fates = palloc0(sizeof(CfInventoryFate) * (list->count + 1));
	page.file_ids = palloc0(sizeof(Datum) * (list->count + 1));
	page.counts[CF_FATE_UNKNOWN] = list->count;
	cf_catalog_owner_begin(&rights);
	cf_catalog_page_refuse(inv, &page);
	if (inv->mostly_new)
	{
		cf_catalog_page_claim(inv, &page, CF_FATE_UNKNOWN, CF_FATE_UNKNOWN);
		cf_catalog_page_look_up(inv, &page, CF_FATE_LEAVE);
	}
	else
	{
		/* Who comes in between (a put, an INSERT) has the address. */
		cf_catalog_page_look_up(inv, &page, CF_FATE_NEW);
		cf_catalog_page_claim(inv, &page, CF_FATE_NEW, CF_FATE_LEAVE);
	}
	inv->mostly_new = page.counts[CF_FATE_NEW] * 2 > list->count;
	if (inv->manifest == NULL)
		drop_moved(inv, &page, movers_at_work(inv) || inv->movers_seen, NULL);
	else
		drop_moved(inv, &page, false, cf_catalog_page_stale(inv, &page));
	cf_catalog_page_insert(inv, &page);
	cf_catalog_page_update(inv, &page);
	cf_catalog_page_note(inv, &page);
	inv->listed += list->count;
	if (inv->cursor != NULL)
		pfree(inv->cursor);
	inv->cursor = list->next == NULL ? NULL : MemoryContextStrdup(inv->import.context, list->next);
	save(inv, "running", NULL);
	cf_catalog_owner_end(&rights);
	MemoryContextSwitchTo(caller);
}

/* movers_at_work tells whether a job is live, or was submitted since the last call. */
static bool
movers_at_work(CfInventory *inv)
{
	CfOwnerRights rights;
	bool		busy;
	int64		jobs;

	cf_catalog_owner_begin(&rights);
	cf_spi_begin();
	cf_spi_run(&see_movers, NULL, NULL);
	jobs = cf_spi_int64(0, 2, NULL);
	busy = cf_spi_bool(0, 1, NULL) || jobs != inv->jobs_seen;
	inv->jobs_seen = jobs;
	cf_spi_end();
	cf_catalog_owner_end(&rights);
	return busy;
}

/* ask_again asks the store once more; an error that is not "not there" is no proof that the object is gone. */
static CfStep
ask_again(CfInventory *inv, const char *key, CfObjectStat *stat, bool *gone)
{
	CfStep		step;

	do
		step = cf_storage_await(&inv->op, cf_storage_stat(&inv->op, key, stat));
	while (step == CF_STEP_AGAIN);
	*gone = step == CF_STEP_ERROR && inv->op.err.kind == CF_ERR_NOT_FOUND;
	return step;
}

static bool
is_gone(CfInventory *inv, const char *key)
{
	CfObjectStat stat;
	bool		gone;

	(void) ask_again(inv, key, &stat, &gone);
	return gone;
}

/*
 * drop_moved looks once more at what a mover may have taken away, or replaced, since it was listed: at changed entries,
 * which are few, and at new ones if `all`, or if they are stale. The addresses of new ones are ours already, so nobody brings anything
 * there now.
 */
static void
drop_moved(CfInventory *inv, CfInventoryPage *page, bool all, const bool *stale)
{
	Datum	   *keys = palloc(sizeof(Datum) * (page->counts[CF_FATE_NEW] + 1));
	Datum		args[2];
	int			released = 0;
	int			i;

	for (i = 0; i < page->list->count; i++)
	{
		const CfListEntry *entry = &page->list->entries[i];
		CfInventoryFate fate = page->fates[i];
		CfObjectStat stat;
		bool		gone;

		if (fate != CF_FATE_CHANGED && !(fate == CF_FATE_NEW && (all || (stale != NULL && stale[i]))))
			continue;
		if (ask_again(inv, entry->key, &stat, &gone) == CF_STEP_DONE ?
			cf_storage_version_same(inv->import.place, stat.version, entry->stat.version) : !gone)
			continue;
		if (fate == CF_FATE_NEW)
			keys[released++] = CStringGetTextDatum(entry->key);
		page->counts[fate]--;
		page->counts[CF_FATE_LEAVE]++;
		page->fates[i] = CF_FATE_LEAVE;
	}
	if (released == 0)
		return;
	args[0] = CStringGetTextDatum(inv->import.place->name);
	args[1] = cf_catalog_import_array(keys, NULL, released, TEXTOID);
	cf_spi_begin();
	cf_spi_run(&release_addresses, args, NULL);
	cf_spi_end();
}

/*
 * refuse_empty stops a run that found nothing at all in a place where objects are catalogued: a folder whose file system is
 * not mounted looks like that, and everything would be marked as vanished.
 */
static void
refuse_empty(CfInventory *inv)
{
	CfError		err;
	CfOwnerRights rights;
	Datum		args[7];
	bool		nulls[7] = {[6] = inv->manifest == NULL};
	bool		catalogued;

	if (inv->listed > 0 || inv->errors > 0 || inv->prefix[0] != '\0' || inv->allow_empty)
		return;
	args[0] = CStringGetTextDatum(inv->import.place->name);
	args[1] = args[2] = CStringGetTextDatum("");
	args[3] = TimestampTzGetDatum(inv->started_at);
	args[4] = Int64GetDatum(inv->run_id);
	args[5] = Int64GetDatum(1);
	args[6] = TimestampTzGetDatum(inv->snapshot_at);
	cf_catalog_owner_begin(&rights);
	cf_spi_begin();
	catalogued = cf_spi_run(&find_missing, args, nulls) > 0;
	cf_spi_end();
	cf_catalog_owner_end(&rights);
	if (!catalogued)
		return;
	cf_error_set(&err, CF_ERR_STATE, "place \"%s\" is empty, but objects are catalogued there", inv->import.place->name);
	if (inv->manifest == NULL)
		cf_error_detail(&err, "A file system that is not mounted looks like that. Nothing was marked as vanished.");
	else
		cf_error_detail(&err, "The files of the inventory tell of no object of this place. Nothing was marked as vanished.");
	cf_error_hint(&err, "If the objects are really gone, say allow_empty => true.");
	cf_catalog_inventory_fail(inv, &err);
}

/* find_vanished marks what the run did not find: batch by batch in order of keys. */
static void
find_vanished(CfInventory *inv)
{
	char	   *after = MemoryContextStrdup(inv->import.context, "");
	uint64		found;

	do
	{
		MemoryContext caller = MemoryContextSwitchTo(inv->page_context);
		Datum	   *keys = palloc(sizeof(Datum) * CANDIDATES);
		Datum	   *ids = palloc(sizeof(Datum) * CANDIDATES);
		Datum		args[7];
		bool		nulls[7] = {[6] = inv->manifest == NULL};
		CfOwnerRights rights;
		int			gone = 0;
		uint64		row;

		args[0] = CStringGetTextDatum(inv->import.place->name);
		args[1] = CStringGetTextDatum(after);
		args[2] = CStringGetTextDatum(inv->missed_prefix);
		args[3] = TimestampTzGetDatum(inv->started_at);
		args[4] = Int64GetDatum(inv->run_id);
		args[5] = Int64GetDatum(CANDIDATES);
		args[6] = TimestampTzGetDatum(inv->snapshot_at);
		cf_catalog_owner_begin(&rights);
		cf_spi_begin();
		found = cf_spi_run(&find_missing, args, nulls);
		for (row = 0; row < found; row++)
		{
			keys[row] = cf_spi_datum(row, 1, NULL);
			ids[row] = cf_spi_datum(row, 2, NULL);
		}
		cf_spi_end();
		cf_catalog_owner_end(&rights);
		cf_catalog_import_let_go(&inv->import, inv->import.place);
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
			args[1] = cf_catalog_import_array(ids, NULL, gone, TEXTOID);
			args[2] = cf_catalog_import_array(keys, NULL, gone, TEXTOID);
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
