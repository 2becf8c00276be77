/*
 * logimport_sql.c
 *		CALL import_access_log(place, format, source, prefix): what a log tells of objects becomes rows of access_logs.
 *
 * The file is read in pieces of 64 KiB and cut into lines (accesslog.c); every 5,000 lines are one transaction: the
 * accesses, the coverage of their days and the position in the ledger are committed together, so a line counts once
 * however often the import is cut off. Memory is one batch.
 *
 * A log is known by its content: the ledger holds how many bytes of it were read and their SHA-256. The file
 * is hashed from its start, and at each length that the ledger knows the digest is compared; reading goes on
 * after the longest part that was read before. So reading a file again counts nothing, a file that grew is read
 * on, and a rotated one is recognised under its new name. A name whose content was replaced keeps its old
 * ledger row under the name with a suffix.
 *
 * Keys are looked up with the time of the access: whoever held the address then (object_versions) comes before whoever
 * holds it now.
 */
#include "postgres.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "catalog/accesslog.h"
#include "catalog/import_sql.h"
#include "catalog/objects_sql.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "core/spi_sql.h"

#define READ_BYTES (64 * 1024)
#define BATCH_LINES 5000
#define BATCH_DAYS 64			/* days that one batch may tell of before it is written */
#define ERRORS_SHOWN 100		/* bad lines of one import in import_errors */
#define SHOWN_BYTES 1024		/* of each */
#define DIGEST_BYTES 32

#define UNIX_EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* Columns of a batch. */
enum
{
	KEY, OTHER, AT, KIND, LATENCY, USER, BYTES, COLUMNS
};

static const Oid column_types[COLUMNS] = {
	TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, FLOAT8OID, TEXTOID, INT8OID
};

static const char *const kind_names[] = {
	[CF_ACCESS_READ] = "read", [CF_ACCESS_WRITE] = "write", [CF_ACCESS_DELETE] = "delete"
};

typedef struct Counts
{
	int64		lines;
	int64		accepted;
	int64		unknown_keys;
	int64		skipped;
	int64		bad;
} Counts;

typedef struct LogImport
{
	CfImport	import;
	CfAccessLogFormat format;
	const char *source;
	const char *prefix;
	File		file;
	int64		size_bytes;
	EVP_MD_CTX *hash;			/* of the first hashed bytes */
	EVP_MD_CTX *scratch;
	int64		hashed;
	MemoryContextCallback release;
	MemoryContext batch_context;	/* reset per batch */
	CfLines		lines;
	int64		read_to;
	int64		first_line;		/* lines that were read before this call */
	Counts		total;			/* of this call */
	Counts		batch;			/* since the last commit */
	int64		first_us;		/* of the batch; 0 = none */
	int64		last_us;
	Datum	   *values[COLUMNS];
	bool	   *nulls[COLUMNS];
	int			count;
	Datum		days[BATCH_DAYS];
	int64		day_lines[BATCH_DAYS];
	int			ndays;
	CfAccessLine line;
} LogImport;

static CfSpiPlan find_parts = {
	"SELECT r.source = $2, r.byte_offset, r.sha256, r.lines FROM"
	"  (SELECT l.source, l.byte_offset, l.sha256, l.lines FROM cloudflux.access_log_files l"
	"    WHERE l.place = $1 AND l.byte_offset BETWEEN 1 AND $3"
	"    ORDER BY l.source = $2 DESC, l.imported_at DESC LIMIT 1000) r ORDER BY r.byte_offset",
	3, {TEXTOID, TEXTOID, INT8OID}
};
static CfSpiPlan put_aside_target = {
	"DELETE FROM cloudflux.access_log_files l USING cloudflux.access_log_files o"
	" WHERE o.place = $1 AND o.source = $2 AND l.place = $1"
	"   AND l.source = o.source || ' #' || left(encode(o.sha256, 'hex'), 12)", 2, {TEXTOID, TEXTOID}
};
static CfSpiPlan put_aside = {
	"UPDATE cloudflux.access_log_files SET source = source || ' #' || left(encode(sha256, 'hex'), 12)"
	" WHERE place = $1 AND source = $2", 2, {TEXTOID, TEXTOID}
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
	"INSERT INTO cloudflux.access_log_files AS l (place, source, sha256, byte_offset, size_bytes, lines, accepted,"
	"        unknown_keys, skipped, bad, first_at, last_at, finished_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, CASE WHEN $13 THEN clock_timestamp() END)"
	" ON CONFLICT (place, source) DO UPDATE SET sha256 = EXCLUDED.sha256, byte_offset = EXCLUDED.byte_offset,"
	"        size_bytes = EXCLUDED.size_bytes, lines = l.lines + EXCLUDED.lines,"
	"        accepted = l.accepted + EXCLUDED.accepted, unknown_keys = l.unknown_keys + EXCLUDED.unknown_keys,"
	"        skipped = l.skipped + EXCLUDED.skipped, bad = l.bad + EXCLUDED.bad,"
	"        first_at = LEAST(l.first_at, EXCLUDED.first_at), last_at = GREATEST(l.last_at, EXCLUDED.last_at),"
	"        imported_at = clock_timestamp(), finished_at = EXCLUDED.finished_at",
	13, {TEXTOID, TEXTOID, BYTEAOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID}
};

PG_FUNCTION_INFO_V1(cloudflux_import_access_log);

static void read_arguments(LogImport *log, FunctionCallInfo fcinfo);
static void open_file(LogImport *log);
static void read_log(CfImport *import, void *arg);
static void find_position(LogImport *log);
static void take_line(LogImport *log, const char *text, size_t length, bool whole);
static void write_batch(LogImport *log, bool finished);

/* cloudflux_import_access_log is the procedure. */
Datum
cloudflux_import_access_log(PG_FUNCTION_ARGS)
{
	LogImport  *log = palloc0(sizeof(LogImport));
	int64		rest;

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("CALL import_access_log()");
	cf_catalog_import_open(&log->import, fcinfo, "access log");
	read_arguments(log, fcinfo);
	open_file(log);
	cf_catalog_import_run(&log->import, read_log, log);
	ereport(NOTICE,
			(errmsg("access log \"%s\": " INT64_FORMAT " lines, " INT64_FORMAT " accesses, " INT64_FORMAT
					" unknown keys, " INT64_FORMAT " skipped, " INT64_FORMAT " bad", log->source,
					log->total.lines, log->total.accepted, log->total.unknown_keys, log->total.skipped,
					log->total.bad)));
	rest = log->size_bytes - log->lines.consumed;
	if (rest > 0)
		ereport(NOTICE,
				(errmsg("the last " INT64_FORMAT " bytes of access log \"%s\" have no newline yet", rest,
						log->source),
				 errhint("They are read by the next call, once their line is complete.")));
	PG_RETURN_VOID();
}

/* read_arguments checks format, source and the right to read files of the server. */
static void
read_arguments(LogImport *log, FunctionCallInfo fcinfo)
{
	char	   *format = PG_ARGISNULL(1) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(1));

	if (!cf_catalog_accesslog_format(format, &log->format))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("access log format \"%s\" is not known", format),
						errhint("Known formats: s3, apache.")));
	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("source of an access log cannot be NULL"),
						errhint("Give the path of a file on the server.")));
	log->source = text_to_cstring(PG_GETARG_TEXT_PP(2));
	log->prefix = PG_ARGISNULL(3) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(3));
	if (log->prefix[0] == '/')
		log->prefix++;
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied to read access log \"%s\"", log->source),
						errdetail("Files of the server may be read by members of pg_read_server_files.")));
}

/* release_file gives back what PostgreSQL does not know of, however the call ends. */
static void
release_file(void *arg)
{
	LogImport  *log = arg;

	if (log->file >= 0)
		FileClose(log->file);
	EVP_MD_CTX_free(log->hash);
	EVP_MD_CTX_free(log->scratch);
	log->file = -1;
	log->hash = log->scratch = NULL;
}

static void
open_file(LogImport *log)
{
	struct stat st;

	if (stat(log->source, &st) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not open access log \"%s\": %m", log->source)));
	if (!S_ISREG(st.st_mode))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("access log \"%s\" is not a regular file", log->source)));
	log->size_bytes = st.st_size;
	log->file = -1;
	log->release.func = release_file;
	log->release.arg = log;
	MemoryContextRegisterResetCallback(log->import.context, &log->release);
	log->file = PathNameOpenFile(log->source, O_RDONLY | PG_BINARY);
	if (log->file < 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not open access log \"%s\": %m", log->source)));
	log->hash = EVP_MD_CTX_new();
	log->scratch = EVP_MD_CTX_new();
	if (log->hash == NULL || log->scratch == NULL || EVP_DigestInit_ex(log->hash, EVP_sha256(), NULL) != 1)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not start SHA-256")));
}

/* read_at reads bytes of the file; 0 = its end. */
static int
read_at(LogImport *log, char *buffer, int length, int64 offset)
{
	int			got = FileRead(log->file, buffer, length, offset, PG_WAIT_EXTENSION);

	if (got < 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read access log \"%s\": %m", log->source)));
	return got;
}

/* hash_to brings the running digest up to an offset that is known to exist. */
static void
hash_to(LogImport *log, int64 offset)
{
	char	   *buffer = palloc(READ_BYTES);

	while (log->hashed < offset)
	{
		int			got = read_at(log, buffer, (int) Min(READ_BYTES, offset - log->hashed), log->hashed);

		CHECK_FOR_INTERRUPTS();
		if (got == 0)
			ereport(ERROR, (errcode(ERRCODE_IO_ERROR),
							errmsg("access log \"%s\" became shorter while it was read", log->source),
							errhint("Import it again; what was committed is not counted twice.")));
		if (EVP_DigestUpdate(log->hash, buffer, got) != 1)
			elog(ERROR, "could not update SHA-256");
		log->hashed += got;
	}
	pfree(buffer);
}

/* digest_now tells the digest of what was hashed so far; hashing can go on. */
static void
digest_now(LogImport *log, unsigned char *digest)
{
	if (EVP_MD_CTX_copy_ex(log->scratch, log->hash) != 1 ||
		EVP_DigestFinal_ex(log->scratch, digest, NULL) != 1)
		elog(ERROR, "could not finish SHA-256");
}

/* read_log does the work; the place is locked. */
static void
read_log(CfImport *import, void *arg)
{
	LogImport  *log = arg;
	size_t		capacity = CF_ACCESSLOG_LINE_MAX + READ_BYTES;
	const char *text;
	size_t		length;
	bool		whole;
	int			i;

	log->batch_context = AllocSetContextCreate(import->context, "cloudflux access log batch",
											   ALLOCSET_DEFAULT_SIZES);
	for (i = 0; i < COLUMNS; i++)
	{
		log->values[i] = palloc(sizeof(Datum) * BATCH_LINES);
		log->nulls[i] = palloc(sizeof(bool) * BATCH_LINES);
	}
	find_position(log);
	cf_catalog_lines_init(&log->lines, palloc(capacity), capacity, log->hashed);
	log->read_to = log->hashed;
	for (;;)
	{
		size_t		room;
		char	   *to;
		int			got;

		while (cf_catalog_lines_next(&log->lines, &text, &length, &whole))
			take_line(log, text, length, whole);
		to = cf_catalog_lines_room(&log->lines, &room);
		got = read_at(log, to, (int) Min(room, Min(READ_BYTES, log->size_bytes - log->read_to)), log->read_to);
		CHECK_FOR_INTERRUPTS();
		if (got == 0)
			break;
		log->read_to += got;
		cf_catalog_lines_fill(&log->lines, got);
	}
	write_batch(log, true);
}

/* find_position finds the longest beginning of the file that was read before, and goes on after it. */
static void
find_position(LogImport *log)
{
	EVP_MD_CTX *best = EVP_MD_CTX_new();
	int64		best_offset = 0;
	bool		own = false;
	CfOwnerRights rights;
	Datum		args[3];
	uint64		found;
	uint64		row;

	if (best == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not start SHA-256")));
	args[0] = CStringGetTextDatum(log->import.place->name);
	args[1] = CStringGetTextDatum(log->source);
	args[2] = Int64GetDatum(log->size_bytes);
	PG_TRY();
	{
		if (EVP_MD_CTX_copy_ex(best, log->hash) != 1)
			elog(ERROR, "could not copy SHA-256");
		cf_catalog_owner_begin(&rights);
		cf_spi_begin();
		found = cf_spi_run(&find_parts, args, NULL);
		for (row = 0; row < found; row++)
		{
			unsigned char digest[DIGEST_BYTES];
			int64		offset = cf_spi_int64(row, 2, NULL);
			bytea	   *known = DatumGetByteaPP(cf_spi_datum(row, 3, NULL));

			hash_to(log, offset);
			digest_now(log, digest);
			if (VARSIZE_ANY_EXHDR(known) != DIGEST_BYTES ||
				memcmp(VARDATA_ANY(known), digest, DIGEST_BYTES) != 0)
				continue;
			own = (offset == best_offset && own) || cf_spi_bool(row, 1, NULL);
			log->first_line = cf_spi_int64(row, 4, NULL);
			best_offset = offset;
			if (EVP_MD_CTX_copy_ex(best, log->hash) != 1)
				elog(ERROR, "could not copy SHA-256");
		}
		if (!own)
		{
			cf_spi_run(&put_aside_target, args, NULL);
			if (cf_spi_run(&put_aside, args, NULL) > 0)
				ereport(NOTICE, (errmsg("access log \"%s\" has other content than when it was read last",
										log->source),
								 errdetail("It was rotated or rewritten; it is read as a new log.")));
		}
		cf_spi_end();
		cf_catalog_owner_end(&rights);
		if (EVP_MD_CTX_copy_ex(log->hash, best) != 1)
			elog(ERROR, "could not copy SHA-256");
		log->hashed = best_offset;
	}
	PG_FINALLY();
	{
		EVP_MD_CTX_free(best);
	}
	PG_END_TRY();
}

/* cover counts a line for the day that it tells of. */
static void
cover(LogImport *log, int64 at_us)
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
set_key(LogImport *log, int column, const char *key, size_t length)
{
	bool		mine = length > 0 &&
		(log->format != CF_ACCESSLOG_S3 || strip(log->import.place->prefix, &key, &length)) &&
		strip(log->prefix, &key, &length);

	log->nulls[column][log->count] = !mine || !pg_verifymbstr(key, length, true);
	if (!log->nulls[column][log->count])
		log->values[column][log->count] = PointerGetDatum(cstring_to_text_with_len(key, length));
	return mine;
}

/* add_access puts an access into the batch; false when it is of no key of this place. */
static bool
add_access(LogImport *log, const CfAccessLine *line)
{
	int			n = log->count;
	bool		mine;

	mine = set_key(log, KEY, line->key, line->key_length);
	mine |= set_key(log, OTHER, line->other, line->other_length);
	if (!mine)
		return false;
	log->values[AT][n] = TimestampTzGetDatum(line->at_us - UNIX_EPOCH_US);
	log->nulls[AT][n] = false;
	log->values[KIND][n] = CStringGetTextDatum(kind_names[line->kind]);
	log->nulls[KIND][n] = false;
	log->values[LATENCY][n] = Float8GetDatum((double) line->latency_ms);
	log->nulls[LATENCY][n] = line->latency_ms < 0;
	log->nulls[USER][n] = line->user.length == 0 || !pg_verifymbstr(line->user.data, line->user.length, true);
	if (!log->nulls[USER][n])
		log->values[USER][n] = PointerGetDatum(cstring_to_text_with_len(line->user.data, line->user.length));
	log->values[BYTES][n] = Int64GetDatum(line->bytes);
	log->nulls[BYTES][n] = line->bytes < 0;
	log->count++;
	return true;
}

/* refuse_line counts a bad line and shows the first of them. */
static void
refuse_line(LogImport *log, const char *text, size_t length, CfAccessFault fault)
{
	CfOwnerRights rights;

	log->batch.bad++;
	if (log->total.bad + log->batch.bad > ERRORS_SHOWN)
		return;
	cf_catalog_owner_begin(&rights);
	cf_catalog_import_refuse(&log->import, log->source, log->first_line + log->total.lines + log->batch.lines,
							 text, Min(length, SHOWN_BYTES), cf_catalog_accesslog_reason(fault));
	cf_catalog_owner_end(&rights);
}

/* take_line reads one line into the batch, and writes the batch when it is full. */
static void
take_line(LogImport *log, const char *text, size_t length, bool whole)
{
	MemoryContext caller = MemoryContextSwitchTo(log->batch_context);
	CfAccessLine *line = &log->line;
	CfAccessFault fault;
	const CfPlace *place = log->import.place;

	log->batch.lines++;
	fault = whole ? cf_catalog_accesslog_parse(log->format, text, length, line) : CF_ACCESS_LONG_LINE;
	if (length == 0)
		log->batch.skipped++;
	else if (fault != CF_ACCESS_FINE)
		refuse_line(log, text, length, fault);
	else if (log->format == CF_ACCESSLOG_S3 && strcmp(place->provider, "LOCAL") != 0 &&
			 (line->bucket.length != strlen(place->bucket) ||
			  memcmp(line->bucket.data, place->bucket, line->bucket.length) != 0))
		log->batch.skipped++;
	else
	{
		cover(log, line->at_us);
		if (line->kind == CF_ACCESS_OTHER || !add_access(log, line))
			log->batch.skipped++;
	}
	MemoryContextSwitchTo(caller);
	if (log->batch.lines >= BATCH_LINES || log->ndays == BATCH_DAYS)
		write_batch(log, false);
}

/* write_accesses turns the batch into rows, and counts those whose key nobody has or had. */
static void
write_accesses(LogImport *log, Datum place)
{
	Datum		args[1 + COLUMNS];
	int			i;

	if (log->count == 0)
		return;
	args[0] = place;
	for (i = 0; i < COLUMNS; i++)
		args[1 + i] = cf_catalog_import_array(log->values[i], log->nulls[i], log->count, column_types[i]);
	log->batch.accepted = cf_spi_run(&insert_accesses, args, NULL);
	log->batch.unknown_keys = log->count - log->batch.accepted;
}

/* save_ledger writes how far the file was read, with the digest of that part. */
static void
save_ledger(LogImport *log, Datum place, bool finished)
{
	bytea	   *digest = palloc(VARHDRSZ + DIGEST_BYTES);
	Datum		args[13];
	bool		nulls[13] = {false};

	SET_VARSIZE(digest, VARHDRSZ + DIGEST_BYTES);
	hash_to(log, log->lines.consumed);
	digest_now(log, (unsigned char *) VARDATA(digest));
	args[0] = place;
	args[1] = CStringGetTextDatum(log->source);
	args[2] = PointerGetDatum(digest);
	args[3] = Int64GetDatum(log->lines.consumed);
	args[4] = Int64GetDatum(log->size_bytes);
	args[5] = Int64GetDatum(log->batch.lines);
	args[6] = Int64GetDatum(log->batch.accepted);
	args[7] = Int64GetDatum(log->batch.unknown_keys);
	args[8] = Int64GetDatum(log->batch.skipped);
	args[9] = Int64GetDatum(log->batch.bad);
	nulls[10] = nulls[11] = log->first_us == 0;
	args[10] = TimestampTzGetDatum(log->first_us - UNIX_EPOCH_US);
	args[11] = TimestampTzGetDatum(log->last_us - UNIX_EPOCH_US);
	args[12] = BoolGetDatum(finished);
	cf_spi_run(&save_position, args, nulls);
}

/* write_batch commits what was read since the last time. */
static void
write_batch(LogImport *log, bool finished)
{
	MemoryContext caller = MemoryContextSwitchTo(log->batch_context);
	Datum		place = CStringGetTextDatum(log->import.place->name);
	CfOwnerRights rights;

	cf_catalog_owner_begin(&rights);
	cf_spi_begin();
	write_accesses(log, place);
	if (log->ndays > 0)
	{
		Datum		lines[BATCH_DAYS];
		Datum		args[3];
		int			i;

		for (i = 0; i < log->ndays; i++)
			lines[i] = Int64GetDatum(log->day_lines[i]);
		args[0] = place;
		args[1] = cf_catalog_import_array(log->days, NULL, log->ndays, DATEOID);
		args[2] = cf_catalog_import_array(lines, NULL, log->ndays, INT8OID);
		cf_spi_run(&cover_days, args, NULL);
	}
	save_ledger(log, place, finished);
	cf_spi_end();
	cf_catalog_owner_end(&rights);
	MemoryContextSwitchTo(caller);
	if (finished)
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
