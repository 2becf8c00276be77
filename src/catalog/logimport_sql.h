/*
 * logimport_sql.h
 *		One call of import_access_log(): many logs of a place, or one file of the server, become rows of access_logs.
 *
 * logimport_sql.c is the procedure, and the one file; logplace_sql.c the logs that lie in a place; logread_sql.c reads one log from
 * where it was read before; logbatch_sql.c makes rows of lines.
 */
#ifndef CF_CATALOG_LOGIMPORT_SQL_H
#define CF_CATALOG_LOGIMPORT_SQL_H

#include "postgres.h"

#include <openssl/evp.h>

#include "catalog/accesslog.h"
#include "catalog/import_sql.h"
#include "catalog/reading_sql.h"
#include "catalog/records.h"

#define CF_LOG_BATCH_LINES 5000
#define CF_LOG_BATCH_DAYS 64	/* days that one batch may tell of before it is written */
#define CF_LOG_DIGEST_BYTES 32

/* Columns of a batch. */
enum
{
	CF_LOG_KEY, CF_LOG_OTHER, CF_LOG_AT, CF_LOG_KIND, CF_LOG_LATENCY, CF_LOG_USER, CF_LOG_BYTES, CF_LOG_COLUMNS
};

typedef struct CfLogCounts
{
	int64		lines;
	int64		accepted;
	int64		unknown_keys;
	int64		skipped;
	int64		bad;
	int64		empty;
} CfLogCounts;

typedef struct CfLogImport
{
	CfImport	import;
	CfAccessLogFormat format;
	const char *prefix;			/* taken off keys */
	const char *account;		/* of the place, where it has one (Azure); else "" */
	const char *log_place;		/* where the logs lie; "" = a file of the server */
	const char *source;			/* path; or beginning of the keys of the logs */
	CfLogCounts total;			/* of this call */
	int			shown;			/* bad lines in import_errors */
	/* the log that is being read */
	const char *name;			/* path, or key */
	const char *version;		/* of an object; NULL = a file */
	CfReading  *reading;
	CfLogCounts before;			/* total when it began */
	bool		strange;		/* nothing in it is of the format: it was not taken */
	char		first;			/* its first byte that is no blank; 0 = none yet */
	int64		first_line;		/* of its lines that were read before this call */
	int64		skip_to;		/* records up to here were read before */
	int64		read_to;		/* bytes of its content that were read */
	CfLines		lines;			/* all formats but CloudTrail's */
	CfRecords	records;
	const char *chunk;			/* the piece that is being cut, which begins at chunk_start */
	int64		chunk_start;
	EVP_MD_CTX *hash_read;		/* of the content up to chunk_start */
	EVP_MD_CTX *hash_done;		/* of the content up to the last line that ended before chunk_start */
	EVP_MD_CTX *scratch;
	MemoryContextCallback release;
	char	   *buffer;			/* of lines or records */
	size_t		capacity;
	/* what was read since the last commit */
	MemoryContext batch_context;
	CfLogCounts batch;
	int64		first_us;		/* 0 = none */
	int64		last_us;
	Datum	   *values[CF_LOG_COLUMNS];
	bool	   *nulls[CF_LOG_COLUMNS];
	int			count;
	Datum		days[CF_LOG_BATCH_DAYS];
	int64		day_lines[CF_LOG_BATCH_DAYS];
	int			ndays;
	CfAccessLine line;
} CfLogImport;

/*
 * logread_sql.c: prepares for reading logs; reads the one that is named, opened, and not read yet as it is now. A log of which nothing is of
 * the format is strange: that is an error, which names formats that would fit, and the ledger does not have it.
 */
extern void cf_catalog_log_prepare(CfLogImport *log);
extern bool cf_catalog_log_read(CfLogImport *log);	/* false = log->reading->err tells why it could not be read on */
extern int64 cf_catalog_log_consumed(const CfLogImport *log);	/* bytes of content that were made of use */
extern void cf_catalog_log_digest(CfLogImport *log, unsigned char *digest);	/* of those bytes */

/* logbatch_sql.c: takes a line, or record, into the batch, and says when it has to be written; finished: the log is read. */
extern void cf_catalog_log_batch_init(CfLogImport *log);
extern bool cf_catalog_log_take(CfLogImport *log, const char *text, size_t length, bool whole);
extern void cf_catalog_log_refuse(CfLogImport *log, const char *text, size_t length, const char *reason);
extern void cf_catalog_log_write(CfLogImport *log, bool finished);

/* logplace_sql.c: reads all logs of the place whose keys begin with source. */
extern void cf_catalog_log_place(CfImport *import, void *arg);

#endif							/* CF_CATALOG_LOGIMPORT_SQL_H */
