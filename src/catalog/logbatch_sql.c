/*
 * logbatch_sql.c
 *		Lines of logs become rows: accesses, the days they are evidence of, the position in the ledger, in one transaction per batch.
 *
 * Keys are looked up with the time of the access: whoever held the address then (object_versions) comes before whoever
 * holds it now. A key has two readings where it is not known how it was encoded; the second counts where the first is unknown.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/logimport_sql.h"
#include "catalog/objects_sql.h"
#include "core/compat.h"
#include "core/error_sql.h"
#include "core/spi_sql.h"

#define ERRORS_SHOWN 100		/* bad lines of one import in import_errors */
#define SHOWN_BYTES 1024		/* of each */
#define ROOM (CF_LOG_BATCH_LINES * 2)	/* a copy tells of two accesses */

#define UNIX_EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

static const Oid column_types[CF_LOG_COLUMNS] = {
	TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, FLOAT8OID, TEXTOID, INT8OID
};

static const char *const kind_names[] = {
	[CF_ACCESS_READ] = "read", [CF_ACCESS_WRITE] = "write", [CF_ACCESS_DELETE] = "delete"
};

static CfSpiPlan insert_accesses = {
	"INSERT INTO cloudflux.access_logs (file_id, accessed_at, access_type, latency_ms, user_id, bytes)"
	" SELECT k.file_id, k.at, k.kind, k.latency_ms, k.user_id, k.bytes FROM"
	"  (SELECT u.at, u.kind, u.latency_ms, u.user_id, u.bytes, COALESCE("
	"     (SELECT v.file_id FROM cloudflux.object_versions v WHERE v.place = $1 AND v.object_key = u.key"
	"         AND v.valid_to IS NOT NULL AND v.valid_to >= u.at ORDER BY v.valid_to LIMIT 1),"
	"     (SELECT a.file_id FROM cloudflux.addresses a WHERE a.place = $1 AND a.object_key = u.key AND a.state <> 'claimed'),"
	"     (SELECT v.file_id FROM cloudflux.object_versions v WHERE v.place = $1 AND v.object_key = u.other"
	"         AND v.valid_to IS NOT NULL AND v.valid_to >= u.at ORDER BY v.valid_to LIMIT 1),"
	"     (SELECT a.file_id FROM cloudflux.addresses a WHERE a.place = $1 AND a.object_key = u.other AND a.state <> 'claimed'))"
	"     AS file_id"
	"     FROM ROWS FROM (unnest($2), unnest($3), unnest($4), unnest($5), unnest($6), unnest($7), unnest($8))"
	"          AS u(key, other, at, kind, latency_ms, user_id, bytes)) k"
	"  WHERE k.file_id IS NOT NULL",
	8, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, FLOAT8ARRAYOID, TEXTARRAYOID,
	INT8ARRAYOID}
};
static CfSpiPlan cover_days = {
	"INSERT INTO cloudflux.access_coverage AS c (place, day, lines)"
	" SELECT $1, u.day, sum(u.lines) FROM ROWS FROM (unnest($2), unnest($3)) AS u(day, lines) GROUP BY u.day ORDER BY u.day"
	" ON CONFLICT (place, day) DO UPDATE SET lines = c.lines + EXCLUDED.lines",
	3, {TEXTOID, DATEARRAYOID, INT8ARRAYOID}
};
static CfSpiPlan save_position = {
	"INSERT INTO cloudflux.access_log_files AS l (place, log_place, source, version, sha256, byte_offset, size_bytes, lines, accepted,"
	"        unknown_keys, skipped, bad, first_at, last_at, finished_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, CASE WHEN $15 THEN clock_timestamp() END)"
	" ON CONFLICT (place, log_place, source) DO UPDATE SET version = EXCLUDED.version, sha256 = EXCLUDED.sha256, byte_offset = EXCLUDED.byte_offset,"
	"        size_bytes = EXCLUDED.size_bytes, lines = l.lines + EXCLUDED.lines,"
	"        accepted = l.accepted + EXCLUDED.accepted, unknown_keys = l.unknown_keys + EXCLUDED.unknown_keys,"
	"        skipped = l.skipped + EXCLUDED.skipped, bad = l.bad + EXCLUDED.bad,"
	"        first_at = LEAST(l.first_at, EXCLUDED.first_at), last_at = GREATEST(l.last_at, EXCLUDED.last_at),"
	"        imported_at = clock_timestamp(), finished_at = EXCLUDED.finished_at",
	15, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID}
};

static void cover(CfLogImport *log, int64 at_us);
static bool add_access(CfLogImport *log, const CfAccessLine *line);
static bool is_mine(const CfLogImport *log, const CfAccessLine *line);
static void write_accesses(CfLogImport *log, Datum place);
static void write_coverage(CfLogImport *log, Datum place);
static void save_ledger(CfLogImport *log, Datum place, bool finished);
static bool is_strange(const CfLogImport *log);

void
cf_catalog_log_batch_init(CfLogImport *log)
{
	log->batch_context = AllocSetContextCreate(log->import.context, "cloudflux access log batch", ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < CF_LOG_COLUMNS; i++)
	{
		log->values[i] = MemoryContextAlloc(log->import.context, sizeof(Datum) * ROOM);
		log->nulls[i] = MemoryContextAlloc(log->import.context, sizeof(bool) * ROOM);
	}
}

/* take_access takes what a line tells of one object; false = nothing about this place. */
static bool
take_access(CfLogImport *log, CfAccessLine *line)
{
	if (line->header || !is_mine(log, line))
		return false;
	cover(log, line->at_us);
	return line->kind != CF_ACCESS_OTHER && add_access(log, line);
}

bool
cf_catalog_log_take(CfLogImport *log, const char *text, size_t length, bool whole)
{
	MemoryContext caller = MemoryContextSwitchTo(log->batch_context);
	CfAccessLine *line = &log->line;
	CfAccessFault fault;

	log->batch.lines++;
	fault = whole ? cf_catalog_accesslog_parse(log->format, text, length, line) : CF_ACCESS_LONG_LINE;
	if (length == 0)
	{
		log->batch.skipped++;
		log->batch.empty++;
	}
	else if (fault != CF_ACCESS_FINE)
		cf_catalog_log_refuse(log, text, length, cf_catalog_accesslog_reason(fault));
	else
	{
		bool		taken = take_access(log, line);

		taken |= cf_catalog_accesslog_source(line) && take_access(log, line);
		log->batch.skipped += !taken;
	}
	MemoryContextSwitchTo(caller);
	return log->batch.lines >= CF_LOG_BATCH_LINES || log->ndays >= CF_LOG_BATCH_DAYS - 1;
}

/* same tells whether a text is a name; one that is not told is none. */
static bool
same(const CfAccessText *text, const char *name)
{
	return text->length == strlen(name) && memcmp(text->data, name, text->length) == 0;
}

/* is_mine tells whether a line is about the bucket of the place; a folder has none, and what Apache logs neither. */
static bool
is_mine(const CfLogImport *log, const CfAccessLine *line)
{
	const CfPlace *place = log->import.place;

	if (log->format == CF_ACCESSLOG_APACHE || strcmp(place->provider, "LOCAL") == 0)
		return true;
	if (line->account.length > 0 && log->account[0] != '\0' && !same(&line->account, log->account))
		return false;
	return same(&line->bucket, place->bucket);
}

/* cover counts a line for the day that it tells of. */
static void
cover(CfLogImport *log, int64 at_us)
{
	Datum		day = DateADTGetDatum((DateADT) ((at_us - UNIX_EPOCH_US - (at_us < UNIX_EPOCH_US ? USECS_PER_DAY - 1 : 0))
												 / USECS_PER_DAY));
	int			i;

	log->first_us = log->first_us == 0 ? at_us : Min(log->first_us, at_us);
	log->last_us = Max(log->last_us, at_us);
	for (i = log->ndays - 1; i >= 0; i--)
		if (log->days[i] == day)
			break;
	if (i < 0)
	{
		i = log->ndays++;
		log->days[i] = day;
		log->day_lines[i] = 0;
	}
	log->day_lines[i]++;
}

/* strip takes a prefix off a key; false = the key does not begin with it, or is nothing else. */
static bool
strip(const char *prefix, const char **key, size_t *length)
{
	size_t		n = strlen(prefix);

	if (*length <= n || memcmp(*key, prefix, n) != 0)
		return false;
	*key += n;
	*length -= n;
	return true;
}

/* set_key puts one reading of a key into the batch; NULL when it is no key of this place. */
static bool
set_key(CfLogImport *log, int column, const char *key, size_t length)
{
	bool		mine = length > 0 &&
		(log->format == CF_ACCESSLOG_APACHE || strip(log->import.place->prefix, &key, &length)) &&
		strip(log->prefix, &key, &length);

	log->nulls[column][log->count] = !mine || !pg_verifymbstr(key, length, true);
	if (!log->nulls[column][log->count])
		log->values[column][log->count] = PointerGetDatum(cstring_to_text_with_len(key, length));
	return mine;
}

/* add_access puts an access into the batch; false when it is of no key of this place. */
static bool
add_access(CfLogImport *log, const CfAccessLine *line)
{
	int			n = log->count;
	bool		mine;

	mine = set_key(log, CF_LOG_KEY, line->key, line->key_length);
	mine |= set_key(log, CF_LOG_OTHER, line->other, line->other_length);
	if (!mine)
		return false;
	log->values[CF_LOG_AT][n] = TimestampTzGetDatum(line->at_us - UNIX_EPOCH_US);
	log->nulls[CF_LOG_AT][n] = false;
	log->values[CF_LOG_KIND][n] = CStringGetTextDatum(kind_names[line->kind]);
	log->nulls[CF_LOG_KIND][n] = false;
	log->values[CF_LOG_LATENCY][n] = Float8GetDatum((double) line->latency_ms);
	log->nulls[CF_LOG_LATENCY][n] = line->latency_ms < 0;
	log->nulls[CF_LOG_USER][n] = line->user.length == 0 || !pg_verifymbstr(line->user.data, line->user.length, true);
	if (!log->nulls[CF_LOG_USER][n])
		log->values[CF_LOG_USER][n] = PointerGetDatum(cstring_to_text_with_len(line->user.data, line->user.length));
	log->values[CF_LOG_BYTES][n] = Int64GetDatum(line->bytes);
	log->nulls[CF_LOG_BYTES][n] = line->bytes < 0;
	log->count++;
	return true;
}

void
cf_catalog_log_refuse(CfLogImport *log, const char *text, size_t length, const char *reason)
{
	MemoryContext caller = MemoryContextSwitchTo(log->batch_context);
	CfOwnerRights rights;
	char	   *source = log->log_place[0] == '\0' ? pstrdup(log->name) : psprintf("%s: %s", log->log_place, log->name);

	log->batch.bad++;
	if (log->shown++ < ERRORS_SHOWN)
	{
		cf_catalog_owner_begin(&rights);
		cf_catalog_import_refuse(&log->import, source,
								 text == NULL ? -1 : log->first_line + log->total.lines - log->before.lines + log->batch.lines,
								 text, Min(length, SHOWN_BYTES), reason);
		cf_catalog_owner_end(&rights);
	}
	MemoryContextSwitchTo(caller);
}

/* write_accesses turns the batch into rows, and counts those whose key nobody has or had. */
static void
write_accesses(CfLogImport *log, Datum place)
{
	Datum		args[1 + CF_LOG_COLUMNS];
	int			i;

	if (log->count == 0)
		return;
	args[0] = place;
	for (i = 0; i < CF_LOG_COLUMNS; i++)
		args[1 + i] = cf_catalog_import_array(log->values[i], log->nulls[i], log->count, column_types[i]);
	log->batch.accepted = cf_spi_run(&insert_accesses, args, NULL);
	log->batch.unknown_keys = log->count - log->batch.accepted;
}

/* write_coverage counts the lines of each day. */
static void
write_coverage(CfLogImport *log, Datum place)
{
	Datum		lines[CF_LOG_BATCH_DAYS];
	Datum		args[3];

	if (log->ndays == 0)
		return;
	for (int i = 0; i < log->ndays; i++)
		lines[i] = Int64GetDatum(log->day_lines[i]);
	args[0] = place;
	args[1] = cf_catalog_import_array(log->days, NULL, log->ndays, DATEOID);
	args[2] = cf_catalog_import_array(lines, NULL, log->ndays, INT8OID);
	cf_spi_run(&cover_days, args, NULL);
}

/* save_ledger writes how far the log was read, with the digest of that part. */
static void
save_ledger(CfLogImport *log, Datum place, bool finished)
{
	bytea	   *digest = palloc(VARHDRSZ + CF_LOG_DIGEST_BYTES);
	int64		size_bytes = log->reading->packed ? log->read_to : log->reading->size_bytes;
	Datum		args[15];
	bool		nulls[15] = {false};

	SET_VARSIZE(digest, VARHDRSZ + CF_LOG_DIGEST_BYTES);
	cf_catalog_log_digest(log, (unsigned char *) VARDATA(digest));
	args[0] = place;
	args[1] = CStringGetTextDatum(log->log_place);
	args[2] = CStringGetTextDatum(log->name);
	nulls[3] = log->version == NULL;
	args[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(log->version);
	args[4] = PointerGetDatum(digest);
	args[5] = Int64GetDatum(cf_catalog_log_consumed(log));
	nulls[6] = log->reading->packed && !finished;
	args[6] = Int64GetDatum(size_bytes);
	args[7] = Int64GetDatum(log->batch.lines);
	args[8] = Int64GetDatum(log->batch.accepted);
	args[9] = Int64GetDatum(log->batch.unknown_keys);
	args[10] = Int64GetDatum(log->batch.skipped);
	args[11] = Int64GetDatum(log->batch.bad);
	nulls[12] = nulls[13] = log->first_us == 0;
	args[12] = TimestampTzGetDatum(log->first_us - UNIX_EPOCH_US);
	args[13] = TimestampTzGetDatum(log->last_us - UNIX_EPOCH_US);
	args[14] = BoolGetDatum(finished);
	cf_spi_run(&save_position, args, nulls);
}

/*
 * is_strange tells whether nothing at all that was read of a log is of its format: not one of the first CF_LOG_BATCH_LINES lines; or it
 * is no JSON object (a document of records that is one, but damaged, is told of in import_errors). Then somebody has named another format, and must not find the log counted as read afterwards.
 */
static bool
is_strange(const CfLogImport *log)
{
	const CfLogCounts *batch = &log->batch;

	if (log->first_line > 0 || log->skip_to > 0 || log->total.lines > log->before.lines || batch->bad == 0)
		return false;
	return log->format == CF_ACCESSLOG_CLOUDTRAIL ? log->first != 0 && log->first != '{' :
		batch->lines > batch->empty && batch->bad >= batch->lines - batch->empty;
}

void
cf_catalog_log_write(CfLogImport *log, bool finished)
{
	MemoryContext caller = MemoryContextSwitchTo(log->batch_context);
	Datum		place = CStringGetTextDatum(log->import.place->name);
	CfOwnerRights rights;

	if ((log->strange = is_strange(log)))
	{
		MemoryContextSwitchTo(caller);
		return;
	}
	cf_catalog_owner_begin(&rights);
	cf_spi_begin();
	write_accesses(log, place);
	write_coverage(log, place);
	save_ledger(log, place, finished);
	cf_spi_end();
	cf_catalog_owner_end(&rights);
	MemoryContextSwitchTo(caller);
	/* Of many small logs in a place, the run is what is made durable at its end. */
	if (finished && log->version == NULL)
		cf_catalog_import_commit(&log->import);
	else
		cf_catalog_import_commit_lazily(&log->import);
	MemoryContextReset(log->batch_context);

	log->total.lines += log->batch.lines;
	log->total.accepted += log->batch.accepted;
	log->total.unknown_keys += log->batch.unknown_keys;
	log->total.skipped += log->batch.skipped;
	log->total.bad += log->batch.bad;
	memset(&log->batch, 0, sizeof(log->batch));
	log->count = log->ndays = 0;
	log->first_us = log->last_us = 0;
}
