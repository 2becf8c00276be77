/*
 * logplace_sql.c
 *		The logs that lie in a place: listed page by page, each read once.
 *
 * A log that the ledger has in this version, read to its end, is passed over without a request; of the others, the content that was
 * read before is recognised (logread_sql.c). So a call that was cut off, a call per hour, and logs that grow need no care. One that is
 * gone or replaced meanwhile, or archived, is left to the next call. The run itself is a row of access_log_runs, which is what
 * progress is shown by.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/logimport_sql.h"
#include "catalog/objects_sql.h"
#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "storage/storage_sql.h"

#define PAGE_ENTRIES 1000
#define STRANGE_SHOWN 5
#define SAVE_EVERY_MS 2000		/* how old what is shown of a run may be, but for the time that one log takes */

typedef struct Run
{
	CfLogImport *log;
	int64		id;
	int64		found;			/* logs listed */
	int64		known;			/* of them, read before */
	int64		taken;			/* read now, to their end */
	int64		left;			/* not readable now */
	int64		strange;		/* of them, of another format */
	CfError		strange_err;	/* of the first one */
	CfOp		list_op;
	CfArena		list_arena;		/* reset per page */
	CfOp		read_op;
	CfArena		read_arena;		/* reset per log */
	MemoryContext page_context;
	TimestampTz saved_at;
} Run;

static CfSpiPlan begin_run = {
	"INSERT INTO cloudflux.access_log_runs (place, log_place, prefix, format, status, imported_by)"
	" VALUES ($1, $2, $3, $4, 'running', $5) RETURNING id", 5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};
static CfSpiPlan fail_old_runs = {
	"UPDATE cloudflux.access_log_runs SET status = 'failed', message = 'cut off', finished_at = clock_timestamp()"
	" WHERE place = $1 AND status = 'running'", 1, {TEXTOID}
};
static CfSpiPlan save_run = {
	"UPDATE cloudflux.access_log_runs SET logs_found = $2, logs_known = $3, logs_read = $4, logs_left = $5, lines = $6, accepted = $7,"
	"       unknown_keys = $8, skipped = $9, bad = $10, status = $11, message = $12,"
	"       finished_at = CASE WHEN $11 <> 'running' THEN clock_timestamp() END WHERE id = $1",
	12, {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID}
};
static CfSpiPlan find_known = {
	"SELECT k.no::int4 FROM ROWS FROM (unnest($3), unnest($4)) WITH ORDINALITY AS k(source, version, no)"
	"  JOIN cloudflux.access_log_files l ON l.place = $1 AND l.log_place = $2 AND l.source = k.source"
	" WHERE l.version = k.version AND l.finished_at IS NOT NULL",
	4, {TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};

static void start_run(Run *run);
static void save(Run *run, const char *status, const char *message);
static void list_page(Run *run, const char *token, CfListPage *page);
static void mark_known(Run *run, const CfListPage *page, bool *known);
static void read_object(Run *run, const CfListEntry *entry);
static void fail(Run *run, const CfError *err);

void
cf_catalog_log_place(CfImport *import, void *arg)
{
	CfLogImport *log = arg;
	Run		   *run = palloc0(sizeof(Run));
	char	   *token = NULL;
	CfListPage	page;

	run->log = log;
	start_run(run);
	do
	{
		bool	   *known;

		list_page(run, token, &page);
		known = MemoryContextAllocZero(run->page_context, sizeof(bool) * (page.count + 1));
		mark_known(run, &page, known);
		run->found += page.count;
		for (int i = 0; i < page.count; i++)
		{
			if (known[i])
				run->known++;
			else
				read_object(run, &page.entries[i]);
			if (TimestampDifferenceExceeds(run->saved_at, GetCurrentTimestamp(), SAVE_EVERY_MS))
			{
				save(run, "running", NULL);
				cf_catalog_import_commit_lazily(import);
			}
		}
		token = page.next == NULL ? NULL : MemoryContextStrdup(import->context, page.next);
		save(run, "running", NULL);
		cf_catalog_import_commit_lazily(import);
		MemoryContextReset(run->page_context);
		cf_arena_reset(&run->list_arena);
	} while (token != NULL);
	/* A place may hold other things beside the logs; but where nothing is of the format, that was the wrong one. */
	if (run->strange > 0 && run->taken == 0 && run->known == 0)
		fail(run, &run->strange_err);
	save(run, "completed", NULL);
	cf_catalog_import_commit(import);
	ereport(NOTICE,
			(errmsg("access logs in place \"%s\": " INT64_FORMAT " found, " INT64_FORMAT " read before, " INT64_FORMAT " read now, "
					INT64_FORMAT " left; " INT64_FORMAT " lines, " INT64_FORMAT " accesses, " INT64_FORMAT " unknown keys, "
					INT64_FORMAT " skipped, " INT64_FORMAT " bad", log->log_place, run->found, run->known, run->taken, run->left,
					log->total.lines, log->total.accepted, log->total.unknown_keys, log->total.skipped, log->total.bad)));
}

/* start_run opens the place of the logs and begins the row of the run. */
static void
start_run(Run *run)
{
	CfImport   *import = &run->log->import;
	CfPlace    *place = cf_catalog_import_place(import, run->log->log_place);
	CfAllocator allocator = cf_arena_context(import->context);
	CfOwnerRights rights;
	Datum		args[5];

	cf_arena_init(&run->list_arena, &allocator, 64 * 1024, 0);
	cf_arena_init(&run->read_arena, &allocator, 8 * 1024, 0);
	cf_storage_op_init(&run->list_op, place, &run->list_arena);
	cf_storage_op_init(&run->read_op, place, &run->read_arena);
	cf_catalog_import_op(import, &run->list_op);
	cf_catalog_import_op(import, &run->read_op);
	run->page_context = AllocSetContextCreate(import->context, "cloudflux access logs page", ALLOCSET_DEFAULT_SIZES);
	args[0] = CStringGetTextDatum(import->place->name);
	args[1] = CStringGetTextDatum(run->log->log_place);
	args[2] = CStringGetTextDatum(run->log->source);
	args[3] = CStringGetTextDatum(cf_catalog_accesslog_name(run->log->format));
	args[4] = CStringGetTextDatum(import->user);
	cf_catalog_owner_begin(&rights);
	cf_spi_begin();
	cf_spi_run(&fail_old_runs, args, NULL);
	cf_spi_run(&begin_run, args, NULL);
	run->id = cf_spi_int64(0, 1, NULL);
	cf_spi_end();
	cf_catalog_owner_end(&rights);
	cf_catalog_import_commit(import);
}

/* save writes down how far the run is. */
static void
save(Run *run, const char *status, const char *message)
{
	MemoryContext caller = MemoryContextSwitchTo(run->page_context);
	const CfLogCounts *total = &run->log->total;
	CfOwnerRights rights;
	Datum		args[12];
	bool		nulls[12] = {false};

	args[0] = Int64GetDatum(run->id);
	args[1] = Int64GetDatum(run->found);
	args[2] = Int64GetDatum(run->known);
	args[3] = Int64GetDatum(run->taken);
	args[4] = Int64GetDatum(run->left);
	args[5] = Int64GetDatum(total->lines);
	args[6] = Int64GetDatum(total->accepted);
	args[7] = Int64GetDatum(total->unknown_keys);
	args[8] = Int64GetDatum(total->skipped);
	args[9] = Int64GetDatum(total->bad);
	args[10] = CStringGetTextDatum(status);
	nulls[11] = message == NULL;
	args[11] = nulls[11] ? (Datum) 0 : CStringGetTextDatum(message);
	cf_catalog_owner_begin(&rights);
	cf_spi_begin();
	cf_spi_run(&save_run, args, nulls);
	cf_spi_end();
	run->saved_at = GetCurrentTimestamp();
	cf_catalog_owner_end(&rights);
	MemoryContextSwitchTo(caller);
}

/* fail ends the call with an error of the place of the logs, which the row of the run keeps. */
static void
fail(Run *run, const CfError *err)
{
	save(run, "failed", err->message);
	cf_catalog_import_commit(&run->log->import);
	cf_error_raise(err);
}

static void
list_page(Run *run, const char *token, CfListPage *page)
{
	CfStep		step;

	memset(page, 0, sizeof(*page));
	cf_catalog_import_let_go(&run->log->import, run->list_op.place);
	do
		step = cf_storage_await(&run->list_op, cf_storage_list(&run->list_op, run->log->source, token, PAGE_ENTRIES, page));
	while (step == CF_STEP_AGAIN);
	if (step == CF_STEP_ERROR)
		fail(run, &run->list_op.err);
}

/* mark_known finds out which logs were read to their end, as they are. */
static void
mark_known(Run *run, const CfListPage *page, bool *known)
{
	MemoryContext caller = MemoryContextSwitchTo(run->page_context);
	Datum	   *keys = palloc(sizeof(Datum) * (page->count + 1));
	Datum	   *versions = palloc(sizeof(Datum) * (page->count + 1));
	CfOwnerRights rights;
	Datum		args[4];
	uint64		found;

	for (int i = 0; i < page->count; i++)
	{
		/* Keys that are no text of this database are no logs of a service. */
		bool		text = pg_verifymbstr(page->entries[i].key, strlen(page->entries[i].key), true);

		known[i] = !text || page->entries[i].stat.size_bytes == 0;
		keys[i] = CStringGetTextDatum(text ? page->entries[i].key : "");
		versions[i] = CStringGetTextDatum(page->entries[i].stat.version);
	}
	args[0] = CStringGetTextDatum(run->log->import.place->name);
	args[1] = CStringGetTextDatum(run->log->log_place);
	args[2] = cf_catalog_import_array(keys, NULL, page->count, TEXTOID);
	args[3] = cf_catalog_import_array(versions, NULL, page->count, TEXTOID);
	cf_catalog_owner_begin(&rights);
	cf_spi_begin();
	found = cf_spi_run(&find_known, args, NULL);
	for (uint64 row = 0; row < found; row++)
	{
		bool		isnull;

		known[DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull)) - 1] = true;
	}
	cf_spi_end();
	cf_catalog_owner_end(&rights);
	MemoryContextSwitchTo(caller);
}

/* tell_strange leaves out a log of another format; the first few are named. */
static void
tell_strange(Run *run, const CfError *err)
{
	if (run->strange == 0)
		run->strange_err = *err;
	if (run->strange++ < STRANGE_SHOWN)
		ereport(NOTICE, (errmsg("%s, it is left out", err->message), errhint("%s", err->hint)));
}

/* read_object reads one log; what is not there as it was listed is left to the next call. */
static void
read_object(Run *run, const CfListEntry *entry)
{
	CfLogImport *log = run->log;
	CfError		err;

	if (entry->stat.must_restore)
	{
		ereport(NOTICE, (errmsg("access log \"%s\" in place \"%s\" is archived, it is left out", entry->key, log->log_place),
						 errhint("Restore it, and import again.")));
		run->left++;
		return;
	}
	log->name = entry->key;
	log->version = entry->stat.version;
	log->reading = cf_catalog_reading_object(&log->import, &run->read_op, entry->key, entry->stat.version,
											 entry->stat.size_bytes, false);
	if (cf_catalog_log_read(log))
		run->taken++;
	else
	{
		err = log->reading->err;
		if (log->strange)
			tell_strange(run, &err);
		else if (err.kind != CF_ERR_NOT_FOUND && err.kind != CF_ERR_CHANGED)
			fail(run, &err);
		/* Lines that were not written yet come again with the next call. */
		memset(&log->batch, 0, sizeof(log->batch));
		log->count = log->ndays = 0;
		log->first_us = log->last_us = 0;
		MemoryContextReset(log->batch_context);
		run->left++;
	}
	cf_catalog_reading_close(log->reading);
	cf_arena_reset(&run->read_arena);
	log->reading = NULL;
}
