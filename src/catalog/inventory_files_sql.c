/*
 * inventory_files_sql.c
 *		CALL import_inventory(place, manifest => …): pages made of the files of an inventory that the provider wrote.
 *
 * The manifest is read whole (its digest is compared with that beside it, where there is one), the files one after the other, unpacked as
 * they come, and their rows gathered into the same pages that a listing gives: memory is a page, and a range of a file. Size and MD5 of a
 * file are known at its end only. By then its rows are catalogued; a wrong one ends the run, and nothing is marked as vanished by a
 * run that did not complete.
 *
 * An inventory is old when it is read. New objects are taken as told, unless the catalog knows that an object left that key since;
 * of a changed one, and of one that is missing, the store is asked. What was created after the snapshot cannot be missing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/inventory_sql.h"
#include "catalog/lines.h"
#include "catalog/manifest.h"
#include "catalog/objects_sql.h"
#include "catalog/reading_sql.h"
#include "core/error_sql.h"
#include "storage/storage_sql.h"

#define PAGE_ROWS 5000
#define READ_BYTES (64 * 1024)
#define ERRORS_SHOWN 1000		/* bad rows of one run in import_errors */
#define SHOWN_BYTES 1024

#define UNIX_EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* Reading the files of one manifest. */
typedef struct CfManifestRun
{
	CfInventory *inv;
	CfPlace    *place;			/* where manifest and files lie */
	CfOp		op;
	CfArena		op_arena;		/* reset per file */
	CfArena		arena;			/* of the manifest */
	CfManifest	manifest;
	char	   *container;		/* of an Azure place; else "" */
	int			file;			/* index of the present one */
	int64		file_rows;		/* read of it */
	int64		skip_rows;		/* that were catalogued before the run was cut off */
	int64		rows;			/* of all files, headers apart */
	int64		shown;
	CfListPage	page;			/* in inv->arena */
	CfManifestRow row;
	CfLines		lines;
	char	   *buffer;
	char	   *scratch;
} CfManifestRun;

static void check_kind(CfManifestRun *run);
static void narrow(CfManifestRun *run);
static char *read_whole(CfManifestRun *run, const char *key, int64 max_bytes, size_t *length, uint8 md5[16], char **version);
static void check_digest(CfManifestRun *run, const uint8 md5[16]);
static void read_file(CfManifestRun *run);
static void take_line(CfManifestRun *run, const char *text, size_t length, bool whole);
static void take_row(CfManifestRun *run, const char *text, size_t length, const CfAccessText *fields, int count);
static void refuse_row(CfManifestRun *run, const char *text, size_t length, const char *reason);
static void write_page(CfManifestRun *run, bool last);
static const char *own_key(CfManifestRun *run, const CfManifestFile *file);

/* stat_of looks at an object of the place of the manifest; raises unless missing_ok. */
static bool
stat_of(CfManifestRun *run, const char *key, bool missing_ok, CfObjectStat *stat)
{
	CfStep		step;

	cf_catalog_import_let_go(&run->inv->import, run->place);
	do
		step = cf_storage_await(&run->op, cf_storage_stat(&run->op, key, stat));
	while (step == CF_STEP_AGAIN);
	if (step == CF_STEP_DONE)
		return true;
	if (missing_ok && run->op.err.kind == CF_ERR_NOT_FOUND)
		return false;
	if (run->inv->run_id != 0)
		cf_catalog_inventory_fail(run->inv, &run->op.err);
	cf_error_raise(&run->op.err);
	return false;
}

void
cf_catalog_manifest_open(CfInventory *inv)
{
	CfManifestRun *run = MemoryContextAllocZero(inv->import.context, sizeof(CfManifestRun));
	CfAllocator allocator = cf_arena_context(inv->import.context);
	CfError		err;
	char	   *version;
	char	   *text;
	size_t		length;
	uint8		md5[16];

	inv->files = run;
	run->inv = inv;
	run->place = strcmp(inv->manifest_place, inv->import.place->name) == 0 ? inv->import.place :
		cf_catalog_import_place(&inv->import, inv->manifest_place);
	cf_arena_init(&run->op_arena, &allocator, 8 * 1024, 0);
	cf_arena_init(&run->arena, &allocator, 64 * 1024, 0);
	cf_storage_op_init(&run->op, run->place, &run->op_arena);
	cf_catalog_import_op(&inv->import, &run->op);
	text = read_whole(run, inv->manifest, CF_MANIFEST_BYTES_MAX, &length, md5, &version);
	inv->manifest_version = version;
	if (!cf_catalog_manifest_read(&run->arena, text, length, &run->manifest, &err))
	{
		cf_error_detail(&err, "It is \"%s\" in place \"%s\".", inv->manifest, run->place->name);
		cf_error_raise(&err);
	}
	pfree(text);
	check_kind(run);
	check_digest(run, md5);
	inv->snapshot_at = run->manifest.snapshot_us - UNIX_EPOCH_US;
	narrow(run);
	run->buffer = MemoryContextAlloc(inv->import.context, CF_ACCESSLOG_LINE_MAX + READ_BYTES);
	run->scratch = MemoryContextAlloc(inv->import.context, CF_ACCESSLOG_LINE_MAX);
}

/* check_kind compares what the manifest is of with the place. */
static void
check_kind(CfManifestRun *run)
{
	static const char *const names[] = {"S3 Inventory", "an Azure blob inventory", "Storage Insights of GCS"};
	const CfPlace *place = run->inv->import.place;
	const CfManifest *manifest = &run->manifest;
	bool		fits = manifest->kind == CF_MANIFEST_S3 ? strcmp(place->provider, "AWS") == 0 || strcmp(place->provider, "S3") == 0 :
		strcmp(place->provider, manifest->kind == CF_MANIFEST_AZURE ? "Azure" : "GCP") == 0;

	if (!fits)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("manifest \"%s\" is of %s, but place \"%s\" is of provider %s", run->inv->manifest, names[manifest->kind],
							   place->name, place->provider)));
	if (manifest->bucket[0] != '\0' && strcmp(manifest->bucket, place->bucket) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("manifest \"%s\" is of bucket \"%s\", but place \"%s\" is bucket \"%s\"", run->inv->manifest, manifest->bucket,
							   place->name, place->bucket)));
	/* Rows tell it, too, where the manifest does not. */
	run->manifest.bucket = place->bucket;
	run->container = MemoryContextStrdup(run->inv->import.context, manifest->kind == CF_MANIFEST_AZURE ? place->bucket : "");
}

/* narrow has only keys missed that the rule of an inventory lists: it says container/prefix. */
static void
narrow(CfManifestRun *run)
{
	CfInventory *inv = run->inv;
	const char *listed = run->manifest.filter;
	size_t		container = strlen(run->container);
	const char *prefix = inv->import.place->prefix;

	if (strncmp(listed, run->container, container) != 0 || listed[container] != '/')
		return;
	listed += container + 1;
	if (strncmp(listed, prefix, strlen(prefix)) != 0)
		return;
	listed += strlen(prefix);
	if (strncmp(listed, inv->prefix, strlen(inv->prefix)) == 0)
		inv->missed_prefix = MemoryContextStrdup(inv->import.context, listed);
}

/* read_whole reads a small object; its stored bytes have the digest md5. */
static char *
read_whole(CfManifestRun *run, const char *key, int64 max_bytes, size_t *length, uint8 md5[16], char **version)
{
	MemoryContext context = run->inv->import.context;
	CfReading  *reading;
	CfObjectStat stat;
	size_t		room;
	char	   *text;
	size_t		got;

	(void) stat_of(run, key, false, &stat);
	if (stat.size_bytes > max_bytes)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("object \"%s\" in place \"%s\" is too large for a manifest", key, run->place->name)));
	*version = MemoryContextStrdup(context, stat.version);
	reading = cf_catalog_reading_object(&run->inv->import, &run->op, key, stat.version, stat.size_bytes, true);
	room = (size_t) stat.size_bytes + 1;
	text = MemoryContextAllocHuge(context, room);
	*length = 0;
	do
	{
		if (!cf_catalog_reading_next(reading, text + *length, room - *length, &got))
			cf_error_raise(&reading->err);
		*length += got;
	} while (got > 0 && *length < room);
	if (*length == room)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("object \"%s\" in place \"%s\" is packed, and no manifest", key, run->place->name)));
	cf_catalog_reading_md5(reading, md5);
	cf_catalog_reading_close(reading);
	return text;
}

/* check_digest compares the manifest with the digest that lies beside it. */
static void
check_digest(CfManifestRun *run, const uint8 md5[16])
{
	char		name[CF_MANIFEST_KEY_MAX + 16];
	CfObjectStat stat;
	char	   *text;
	char	   *version;
	size_t		length;
	uint8		told[16];
	uint8		own[16];

	if (!cf_catalog_manifest_checksum(run->manifest.kind, run->inv->manifest, name, sizeof(name)) || !stat_of(run, name, true, &stat))
		return;
	text = read_whole(run, name, 1024, &length, own, &version);
	if (!cf_catalog_manifest_md5(text, length, told) || memcmp(told, md5, 16) != 0)
		ereport(ERROR, (errcode(ERRCODE_IO_ERROR),
						errmsg("manifest \"%s\" does not have the digest that \"%s\" tells", run->inv->manifest, name),
						errhint("It may be incomplete; take it again from the provider.")));
	pfree(text);
	pfree(version);
}

/* resume_at takes up where the run was cut off: "file:rows". */
static void
resume_at(CfManifestRun *run, const char *cursor)
{
	int			file;
	long long	rows;

	if (cursor == NULL)
		return;
	if (sscanf(cursor, "%d:%lld:" INT64_FORMAT, &file, &rows, &run->rows) != 3 || file < 0 || file >= run->manifest.file_count || rows < 0)
		elog(ERROR, "cursor \"%s\" of an inventory cannot be read", cursor);
	run->file = file;
	run->skip_rows = rows;
	run->rows -= rows;
}

void
cf_catalog_manifest_import(CfInventory *inv)
{
	CfManifestRun *run = inv->files;
	int64		promised = run->manifest.rows;

	resume_at(run, inv->cursor);
	for (; run->file < run->manifest.file_count; run->file++)
		read_file(run);
	run->file_rows = 0;
	write_page(run, true);
	inv->incomplete = promised >= 0 && run->rows < promised;
	if (inv->incomplete)
		ereport(WARNING,
				(errmsg("files of the inventory have " INT64_FORMAT " rows, but the manifest promises " INT64_FORMAT, run->rows, promised),
				 errdetail("Nothing was marked as vanished.")));
}

/* file_error ends the run because of a file. */
static void
file_error(CfManifestRun *run, const char *key, const char *what)
{
	CfError		err;

	cf_error_set(&err, CF_ERR_IO, "inventory file \"%s\" %s", key, what);
	cf_error_detail(&err, "The manifest tells another one. Nothing was marked as vanished.");
	cf_error_hint(&err, "The file may be incomplete; take it again from the provider, and import again.");
	cf_catalog_inventory_fail(run->inv, &err);
}

/* read_file reads one file to its end. */
static void
read_file(CfManifestRun *run)
{
	const CfManifestFile *file = &run->manifest.files[run->file];
	const char *key = own_key(run, file);
	CfReading  *reading;
	CfObjectStat stat;
	const char *text;
	size_t		length;
	bool		whole;
	uint8		md5[16];

	(void) stat_of(run, key, false, &stat);
	if (file->size_bytes >= 0 && file->size_bytes != stat.size_bytes)
		file_error(run, key, "has another size");
	reading = cf_catalog_reading_object(&run->inv->import, &run->op, key, stat.version, stat.size_bytes, file->has_md5);
	cf_catalog_lines_init(&run->lines, run->buffer, CF_ACCESSLOG_LINE_MAX + READ_BYTES, 0);
	run->file_rows = run->manifest.header ? -1 : 0;
	for (;;)
	{
		size_t		room;
		char	   *to = cf_catalog_lines_room(&run->lines, &room);
		size_t		got;

		if (!cf_catalog_reading_next(reading, to, Min(room, READ_BYTES), &got))
			cf_catalog_inventory_fail(run->inv, &reading->err);
		if (got == 0 && run->lines.end > run->lines.start)
			to[got++] = '\n';	/* the last row may end without */
		if (got == 0)
			break;
		cf_catalog_lines_fill(&run->lines, got);
		while (cf_catalog_lines_next(&run->lines, &text, &length, &whole))
			take_line(run, text, length, whole);
		CHECK_FOR_INTERRUPTS();
	}
	if (file->has_md5)
	{
		cf_catalog_reading_md5(reading, md5);
		if (memcmp(md5, file->md5, 16) != 0)
			file_error(run, key, "has another MD5");
	}
	run->rows += Max(run->file_rows, 0);
	run->skip_rows = 0;
	cf_catalog_reading_close(reading);
	cf_arena_reset(&run->op_arena);
}

/* own_key makes a key of this place of a key in the bucket, or of a name beside the manifest. */
static const char *
own_key(CfManifestRun *run, const CfManifestFile *file)
{
	size_t		prefix = strlen(run->place->prefix);
	const char *slash = strrchr(run->inv->manifest, '/');
	CfError		err;

	if (file->beside)
		return psprintf("%.*s%s", slash == NULL ? 0 : (int) (slash + 1 - run->inv->manifest), run->inv->manifest, file->key);
	if (strncmp(file->key, run->place->prefix, prefix) == 0)
		return file->key + prefix;
	cf_error_set(&err, CF_ERR_INPUT, "inventory file \"%s\" is not in place \"%s\"", file->key, run->place->name);
	cf_error_detail(&err, "Keys of that place begin with \"%s\".", run->place->prefix);
	cf_catalog_inventory_fail(run->inv, &err);
}

/* take_line takes a line: the header, or a row. */
static void
take_line(CfManifestRun *run, const char *text, size_t length, bool whole)
{
	CfAccessText fields[CF_CSV_FIELDS];
	CfError		err;
	int			count;

	if (length > 0 && text[length - 1] == '\r')
		length--;
	if (length == 0)
		return;
	run->file_rows++;
	if (run->file_rows > 0 && run->file_rows <= run->skip_rows)
		return;
	count = whole ? cf_catalog_csv_split(text, length, run->manifest.delimiter, run->scratch, fields) : -1;
	if (run->file_rows == 0)
	{
		size_t		mark = count > 0 && fields[0].length >= 3 && memcmp(fields[0].data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

		if (count > 0)
			fields[0] = (CfAccessText) {fields[0].data + mark, fields[0].length - mark};
		if (!cf_catalog_manifest_columns(&run->manifest, fields, Max(count, 0), &err))
			cf_catalog_inventory_fail(run->inv, &err);
		return;
	}
	if (count < 0)
		refuse_row(run, text, length, whole ? "quotes do not match" : "row is longer than 65536 bytes");
	else
		take_row(run, text, length, fields, count);
}

/* refuse_row counts a bad row and shows the first of them. */
static void
refuse_row(CfManifestRun *run, const char *text, size_t length, const char *reason)
{
	MemoryContext caller = MemoryContextSwitchTo(run->inv->page_context);
	CfOwnerRights rights;

	run->inv->errors++;
	if (run->shown++ < ERRORS_SHOWN)
	{
		cf_catalog_owner_begin(&rights);
		cf_catalog_import_refuse(&run->inv->import, "inventory", run->file_rows + (run->manifest.header ? 1 : 0), text, Min(length, SHOWN_BYTES),
								 reason);
		cf_catalog_owner_end(&rights);
	}
	MemoryContextSwitchTo(caller);
}

/* is_text tells whether a field may become a text of this database; keys are looked at with the page. */
static bool
is_text(const char *field)
{
	return pg_verify_mbstr(PG_UTF8, field, strlen(field), true) && pg_verifymbstr(field, strlen(field), true);
}

/* take_row adds what a row tells to the page. */
static void
take_row(CfManifestRun *run, const char *text, size_t length, const CfAccessText *fields, int count)
{
	CfInventory *inv = run->inv;
	const CfPlace *place = inv->import.place;
	CfManifestRow *row = &run->row;
	CfToldVersion told = {row->etag, row->version_id, row->generation, 0};
	size_t		prefix = strlen(place->prefix);
	CfManifestVerdict verdict;
	CfListEntry *entry;
	const char *reason;

	verdict = cf_catalog_manifest_row(&run->manifest, fields, count, run->container, row, &reason);
	if (verdict == CF_MANIFEST_BAD)
		refuse_row(run, text, length, reason);
	if (verdict != CF_MANIFEST_OBJECT || strncmp(row->key, place->prefix, prefix) != 0 ||
		strncmp(row->key + prefix, inv->prefix, strlen(inv->prefix)) != 0 || row->key[prefix] == '\0')
		return;
	if (run->page.entries == NULL)
		run->page.entries = cf_arena_alloc(&inv->arena, sizeof(CfListEntry) * PAGE_ROWS);
	if (run->page.entries == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	entry = &run->page.entries[run->page.count];
	memset(entry, 0, sizeof(*entry));
	told.modified_us = row->modified_us > 0 ? row->modified_us : -1;
	if (!is_text(row->storage_class) || !is_text(row->content_type))
	{
		refuse_row(run, text, length, "storage class or content type is no text of this database");
		return;
	}
	if (!cf_storage_version_told(place, &told, entry->stat.version))
	{
		refuse_row(run, text, length, "row does not tell which version of the object it is of");
		return;
	}
	entry->key = cf_arena_strdup(&inv->arena, row->key + prefix);
	entry->stat.size_bytes = row->size_bytes;
	entry->stat.mtime_us = row->modified_us;
	entry->stat.atime_us = row->accessed_us;
	entry->stat.storage_class = cf_arena_strdup(&inv->arena, row->storage_class);
	entry->stat.content_type = cf_arena_strdup(&inv->arena, row->content_type);
	entry->stat.must_restore = row->archived;
	if (entry->key == NULL || entry->stat.storage_class == NULL || entry->stat.content_type == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (++run->page.count == PAGE_ROWS)
		write_page(run, false);
}

/* write_page catalogues what was gathered, with the place in the files where the next run would go on. */
static void
write_page(CfManifestRun *run, bool last)
{
	CfInventory *inv = run->inv;
	char		cursor[96];

	snprintf(cursor, sizeof(cursor), "%d:" INT64_FORMAT ":" INT64_FORMAT, run->file, run->file_rows, run->rows + run->file_rows);
	run->page.next = last ? NULL : cursor;
	cf_catalog_inventory_page(inv, &run->page);
	memset(&run->page, 0, sizeof(run->page));
}
