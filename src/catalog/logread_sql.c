/*
 * logread_sql.c
 *		One log, from where it was read before to its end.
 *
 * The content is read in pieces of 64 KiB and cut into lines (lines.c), or into the records of a JSON document (records.c); every 5,000
 * are one transaction: the accesses, the coverage of their days and the position in the ledger are committed together, so a line counts
 * once however often the import is cut off. Memory is one batch.
 *
 * A log is known by its content: the ledger holds how many bytes of it were read and their SHA-256 (of what is inside, if it is
 * gzip). Content is hashed from its start, and at each length that the ledger knows the digest is compared; reading goes on
 * after the longest part that was read before. So reading a file again counts nothing, a file that grew is read
 * on, and a rotated one, packed or not, is recognised under its new name. Logs in a place are immutable or grow under
 * their name: they are compared with their own row only, and not read at all while their version is the same. A name whose content
 * was replaced keeps its old ledger row under the name with a suffix.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/logimport_sql.h"
#include "catalog/objects_sql.h"
#include "core/compat.h"
#include "core/error_sql.h"
#include "core/spi_sql.h"

#define READ_BYTES (64 * 1024)
#define PARTS_MAX 1000

/* A part of a log that was read before. */
typedef struct Part
{
	bool		own;			/* under this name */
	int64		offset;
	int64		lines;
	unsigned char digest[CF_LOG_DIGEST_BYTES];
} Part;

static CfSpiPlan find_parts = {
	"SELECT r.source = $3, r.byte_offset, r.sha256, r.lines FROM"
	"  (SELECT l.source, l.byte_offset, l.sha256, l.lines FROM cloudflux.access_log_files l"
	"    WHERE l.place = $1 AND l.log_place = $2 AND ($2 = '' OR l.source = $3) AND l.byte_offset >= 1"
	"      AND ($4 IS NULL OR l.byte_offset <= $4)"
	"    ORDER BY l.source = $3 DESC, l.imported_at DESC LIMIT 1000) r ORDER BY r.byte_offset",
	4, {TEXTOID, TEXTOID, TEXTOID, INT8OID}
};
static CfSpiPlan put_aside_target = {
	"DELETE FROM cloudflux.access_log_files l USING cloudflux.access_log_files o"
	" WHERE o.place = $1 AND o.log_place = $2 AND o.source = $3 AND l.place = $1 AND l.log_place = $2"
	"   AND l.source = o.source || ' #' || left(encode(o.sha256, 'hex'), 12)", 3, {TEXTOID, TEXTOID, TEXTOID}
};
static CfSpiPlan put_aside = {
	"UPDATE cloudflux.access_log_files SET source = source || ' #' || left(encode(sha256, 'hex'), 12)"
	" WHERE place = $1 AND log_place = $2 AND source = $3", 3, {TEXTOID, TEXTOID, TEXTOID}
};

static void hashes_released(void *arg);
static bool find_position(CfLogImport *log);
static int	known_parts(CfLogImport *log, Part *parts);
static void set_aside(CfLogImport *log);
static bool compare_parts(CfLogImport *log, Part *parts, int count, const Part **best);
static void cut(CfLogImport *log, const char *chunk, size_t length);
static void end_log(CfLogImport *log);
static bool refuse_format(CfLogImport *log);
static char *fitting_formats(CfLogImport *log);

void
cf_catalog_log_prepare(CfLogImport *log)
{
	bool		records = log->format == CF_ACCESSLOG_CLOUDTRAIL;

	log->capacity = (records ? CF_RECORDS_MAX : CF_ACCESSLOG_LINE_MAX) + READ_BYTES;
	log->buffer = MemoryContextAlloc(log->import.context, log->capacity);
	log->release.func = hashes_released;
	log->release.arg = log;
	MemoryContextRegisterResetCallback(log->import.context, &log->release);
	log->hash_read = EVP_MD_CTX_new();
	log->hash_done = EVP_MD_CTX_new();
	log->scratch = EVP_MD_CTX_new();
	if (log->hash_read == NULL || log->hash_done == NULL || log->scratch == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not start SHA-256")));
	cf_catalog_log_batch_init(log);
}

/* hashes_released gives back what PostgreSQL does not know of, however the call ends. */
static void
hashes_released(void *arg)
{
	CfLogImport *log = arg;

	EVP_MD_CTX_free(log->hash_read);
	EVP_MD_CTX_free(log->hash_done);
	EVP_MD_CTX_free(log->scratch);
	log->hash_read = log->hash_done = log->scratch = NULL;
}

int64
cf_catalog_log_consumed(const CfLogImport *log)
{
	return log->format == CF_ACCESSLOG_CLOUDTRAIL ? Max(log->records.consumed, log->skip_to) : log->lines.consumed;
}

/* hash_more takes in content that was read. */
static void
hash_more(EVP_MD_CTX *hash, const char *data, size_t length)
{
	if (EVP_DigestUpdate(hash, data, length) != 1)
		elog(ERROR, "could not update SHA-256");
}

static void
hash_copy(EVP_MD_CTX *to, const EVP_MD_CTX *from)
{
	if (EVP_MD_CTX_copy_ex(to, from) != 1)
		elog(ERROR, "could not copy SHA-256");
}

/* start_at has the log read on from an offset of its content; hash_read is of what stands before it. */
static void
start_at(CfLogImport *log, int64 offset)
{
	log->read_to = log->chunk_start = offset;
	log->chunk = NULL;
	hash_copy(log->hash_done, log->hash_read);
	if (log->format == CF_ACCESSLOG_CLOUDTRAIL)
		cf_catalog_records_init(&log->records, log->buffer, log->capacity);
	else
		cf_catalog_lines_init(&log->lines, log->buffer, log->capacity, offset);
}

bool
cf_catalog_log_read(CfLogImport *log)
{
	log->before = log->total;
	log->strange = false;
	log->first = 0;
	if (!find_position(log))
		return false;
	for (;;)
	{
		bool		records = log->format == CF_ACCESSLOG_CLOUDTRAIL;
		size_t		room;
		size_t		got;
		char	   *to = records ? cf_catalog_records_room(&log->records, &room) : cf_catalog_lines_room(&log->lines, &room);

		if (!cf_catalog_reading_next(log->reading, to, Min(room, READ_BYTES), &got))
		{
			if (log->reading->err.kind != CF_ERR_INPUT)
				return false;
			cf_catalog_log_refuse(log, NULL, 0, log->reading->err.message);
			cf_catalog_log_write(log, true);
			return !log->strange || refuse_format(log);
		}
		if (got == 0)
			break;
		cut(log, to, got);
		if (log->strange)
			return refuse_format(log);
		CHECK_FOR_INTERRUPTS();
	}
	end_log(log);
	return !log->strange || refuse_format(log);
}

/* refuse_format makes an error of a log that nothing could be made of. */
static bool
refuse_format(CfLogImport *log)
{
	CfError    *err = &log->reading->err;
	char	   *fitting = fitting_formats(log);

	cf_error_set(err, CF_ERR_INPUT, "access log \"%s\" is not of format %s", log->name, cf_catalog_accesslog_name(log->format));
	cf_error_detail(err, "Nothing in it could be read as such; it does not count as read.");
	if (fitting[0] == '\0')
		return cf_error_hint(err, "Nor does it look like any of the other formats: s3, apache, cloudtrail, azure, gcs.");
	return cf_error_hint(err, "It looks like %s.", fitting);
}

/* fitting_formats names the formats that one of the first lines of a log is of; "" = none. */
static char *
fitting_formats(CfLogImport *log)
{
	StringInfoData names;
	size_t		got = 0;
	char	   *line = log->buffer;

	initStringInfo(&names);
	if (!cf_catalog_reading_seek(log->reading, 0) || !cf_catalog_reading_next(log->reading, log->buffer, READ_BYTES, &got))
		return names.data;
	log->buffer[got] = '\0';
	if (log->format != CF_ACCESSLOG_CLOUDTRAIL && strspn(line, " \r\n\t{") > 0 && strstr(line, "\"Records\"") != NULL)
		appendStringInfoString(&names, cf_catalog_accesslog_name(CF_ACCESSLOG_CLOUDTRAIL));
	for (int f = 0; f < CF_ACCESSLOG_FORMATS; f++)
	{
		int			tries = 10;

		if (f == log->format || f == CF_ACCESSLOG_CLOUDTRAIL)
			continue;
		for (char *at = line; tries-- > 0 && *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
		{
			size_t		length = strcspn(at, "\n");

			if (length == 0 || length > CF_ACCESSLOG_LINE_MAX || cf_catalog_accesslog_parse(f, at, length, &log->line) != CF_ACCESS_FINE)
				continue;
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", or " : "", cf_catalog_accesslog_name(f));
			break;
		}
	}
	return names.data;
}

/* take takes a line or record, unless it was read before, and writes the batch when that is due. */
static void
take(CfLogImport *log, const char *text, size_t length, bool whole)
{
	if (log->format == CF_ACCESSLOG_CLOUDTRAIL && log->records.consumed <= log->skip_to)
		return;
	if (cf_catalog_log_take(log, text, length, whole))
		cf_catalog_log_write(log, false);
}

/* cut makes lines or records of a piece of content that lies at the end of the buffer already. */
static void
cut(CfLogImport *log, const char *chunk, size_t length)
{
	const char *text;
	size_t		text_length;
	bool		whole;
	int64		consumed;

	for (size_t i = 0; log->first == 0 && i < length; i++)
		log->first = strchr(" \t\r\n", chunk[i]) == NULL ? chunk[i] : 0;
	log->chunk = chunk;
	log->read_to += (int64) length;
	if (log->format == CF_ACCESSLOG_CLOUDTRAIL)
	{
		cf_catalog_records_fill(&log->records, length);
		while (!log->strange && cf_catalog_records_next(&log->records, &text, &text_length, &whole))
			take(log, text, text_length, whole);
	}
	else
	{
		cf_catalog_lines_fill(&log->lines, length);
		while (!log->strange && cf_catalog_lines_next(&log->lines, &text, &text_length, &whole))
			take(log, text, text_length, whole);
	}
	consumed = cf_catalog_log_consumed(log);
	if (consumed > log->chunk_start && consumed <= log->read_to)
	{
		hash_copy(log->hash_done, log->hash_read);
		hash_more(log->hash_done, chunk, (size_t) (consumed - log->chunk_start));
	}
	hash_more(log->hash_read, chunk, length);
	log->chunk_start += (int64) length;
	log->chunk = NULL;
}

/* end_log takes what stands at the end without a newline, if nothing more can come, and writes the last batch. */
static void
end_log(CfLogImport *log)
{
	bool		grows = log->version == NULL || log->format == CF_ACCESSLOG_AZURE;

	if (log->format == CF_ACCESSLOG_CLOUDTRAIL)
	{
		if (!cf_catalog_records_complete(&log->records))
			cf_catalog_log_refuse(log, NULL, 0, cf_catalog_accesslog_reason(CF_ACCESS_DAMAGED));
	}
	else if (!grows && log->read_to > log->lines.consumed)
	{
		size_t		room;
		char	   *to = cf_catalog_lines_room(&log->lines, &room);

		*to = '\n';
		cut(log, to, 1);
	}
	cf_catalog_log_write(log, true);
}

void
cf_catalog_log_digest(CfLogImport *log, unsigned char *digest)
{
	int64		consumed = cf_catalog_log_consumed(log);

	if (log->chunk != NULL && consumed > log->chunk_start)
	{
		hash_copy(log->scratch, log->hash_read);
		hash_more(log->scratch, log->chunk, (size_t) (consumed - log->chunk_start));
	}
	else
		hash_copy(log->scratch, log->hash_done);
	if (EVP_DigestFinal_ex(log->scratch, digest, NULL) != 1)
		elog(ERROR, "could not finish SHA-256");
}

/* find_position finds the longest beginning of the content that was read before, and goes on after it. */
static bool
find_position(CfLogImport *log)
{
	Part	   *parts = MemoryContextAlloc(log->reading->context, sizeof(Part) * PARTS_MAX);
	const Part *best = NULL;
	bool		own = false;
	int			count;

	if (!cf_catalog_reading_open(log->reading))
		return false;
	count = known_parts(log, parts);
	log->first_line = log->skip_to = 0;
	if (EVP_DigestInit_ex(log->hash_read, EVP_sha256(), NULL) != 1)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not start SHA-256")));
	if (!compare_parts(log, parts, count, &best))
		return false;
	for (int i = 0; best != NULL && i < count; i++)
		own |= parts[i].own && parts[i].offset == best->offset && memcmp(parts[i].digest, best->digest, CF_LOG_DIGEST_BYTES) == 0;
	if (!own)
		set_aside(log);
	if (best == NULL)
	{
		if (EVP_DigestInit_ex(log->hash_read, EVP_sha256(), NULL) != 1)
			elog(ERROR, "could not start SHA-256");
		start_at(log, 0);
		return count == 0 || cf_catalog_reading_seek(log->reading, 0);
	}
	log->first_line = best->lines;
	hash_copy(log->hash_read, log->hash_done);
	if (log->format != CF_ACCESSLOG_CLOUDTRAIL)
	{
		start_at(log, best->offset);
		return cf_catalog_reading_seek(log->reading, best->offset);
	}
	/* A document is cut from its start; hash_done stays that of the part that was read before. */
	log->skip_to = best->offset;
	start_at(log, 0);
	if (EVP_DigestInit_ex(log->hash_read, EVP_sha256(), NULL) != 1)
		elog(ERROR, "could not start SHA-256");
	return cf_catalog_reading_seek(log->reading, 0);
}

/* known_parts reads from the ledger which beginnings could be those of this log, shortest first. */
static int
known_parts(CfLogImport *log, Part *parts)
{
	CfOwnerRights rights;
	Datum		args[4];
	bool		nulls[4] = {false};
	int			count = 0;
	uint64		found;

	args[0] = CStringGetTextDatum(log->import.place->name);
	args[1] = CStringGetTextDatum(log->log_place);
	args[2] = CStringGetTextDatum(log->name);
	/* How long packed content is, is not known yet. */
	nulls[3] = log->reading->packed;
	args[3] = Int64GetDatum(log->reading->size_bytes);
	cf_catalog_owner_begin(&rights);
	cf_spi_begin();
	found = cf_spi_run(&find_parts, args, nulls);
	for (uint64 row = 0; row < found && count < PARTS_MAX; row++)
	{
		bytea	   *known = DatumGetByteaPP(cf_spi_datum(row, 3, NULL));

		if (VARSIZE_ANY_EXHDR(known) != CF_LOG_DIGEST_BYTES)
			continue;
		parts[count].own = cf_spi_bool(row, 1, NULL);
		parts[count].offset = cf_spi_int64(row, 2, NULL);
		parts[count].lines = cf_spi_int64(row, 4, NULL);
		memcpy(parts[count++].digest, VARDATA_ANY(known), CF_LOG_DIGEST_BYTES);
	}
	cf_spi_end();
	cf_catalog_owner_end(&rights);
	return count;
}

/* compare_parts reads the content as far as parts are known; hash_done is of the best one afterwards. */
static bool
compare_parts(CfLogImport *log, Part *parts, int count, const Part **best)
{
	char	   *buffer = MemoryContextAlloc(log->reading->context, READ_BYTES);
	int64		hashed = 0;

	for (int i = 0; i < count; i++)
	{
		unsigned char digest[CF_LOG_DIGEST_BYTES];

		while (hashed < parts[i].offset)
		{
			size_t		got;

			if (!cf_catalog_reading_next(log->reading, buffer, Min(READ_BYTES, parts[i].offset - hashed), &got))
			{
				/* A damaged one is told of when its lines are read. */
				return log->reading->err.kind == CF_ERR_INPUT;
			}
			if (got == 0)
				return true;
			hash_more(log->hash_read, buffer, got);
			hashed += (int64) got;
			CHECK_FOR_INTERRUPTS();
		}
		hash_copy(log->scratch, log->hash_read);
		if (EVP_DigestFinal_ex(log->scratch, digest, NULL) != 1)
			elog(ERROR, "could not finish SHA-256");
		if (memcmp(parts[i].digest, digest, CF_LOG_DIGEST_BYTES) != 0)
			continue;
		*best = &parts[i];
		hash_copy(log->hash_done, log->hash_read);
	}
	return true;
}

/* set_aside keeps the ledger row of other content under this name by a name of its own. */
static void
set_aside(CfLogImport *log)
{
	CfOwnerRights rights;
	Datum		args[3];

	args[0] = CStringGetTextDatum(log->import.place->name);
	args[1] = CStringGetTextDatum(log->log_place);
	args[2] = CStringGetTextDatum(log->name);
	cf_catalog_owner_begin(&rights);
	cf_spi_begin();
	cf_spi_run(&put_aside_target, args, NULL);
	if (cf_spi_run(&put_aside, args, NULL) > 0)
		ereport(NOTICE, (errmsg("access log \"%s\" has other content than when it was read last", log->name),
						 errdetail("It was rotated or rewritten; it is read as a new log.")));
	cf_spi_end();
	cf_catalog_owner_end(&rights);
}
