/*
 * columns_sql.h
 *		Statements about many jobs: each column goes in as an array, with a value for every job that is meant.
 *
 *		static CfJobsPlan plan = {"SELECT cloudflux.record_copied($1, $2)", {CF_COLUMN_FILE_ID, CF_COLUMN_FENCE}};
 *		cf_jobs_mark_lost(jobs, filter, cf_jobs_run(&plan, jobs, filter));
 *
 * Private to the room.
 */
#ifndef CF_MIGRATION_COLUMNS_SQL_H
#define CF_MIGRATION_COLUMNS_SQL_H

#include "postgres.h"

#include "core/spi_sql.h"
#include "migration/queue_sql.h"

#define CF_COLUMNS_MAX 12

typedef enum CfJobColumn
{
	CF_COLUMN_END,				/* behind the last */
	CF_COLUMN_FILE_ID,
	CF_COLUMN_FENCE,
	CF_COLUMN_TAG,
	CF_COLUMN_HANDLE,
	CF_COLUMN_SOURCE_VERSION,
	CF_COLUMN_SEALED_VERSION,
	CF_COLUMN_DEST_VERSION,
	CF_COLUMN_SHA256,
	CF_COLUMN_DIGESTS,
	CF_COLUMN_SIZE,
	CF_COLUMN_PART_BYTES,
	CF_COLUMN_LEFT,
	CF_COLUMN_VERIFIED,
	CF_COLUMN_KEPT,
	CF_COLUMN_FORGOTTEN,		/* with the source goes the row of the object */
	CF_COLUMN_DONE,
	CF_COLUMN_SENT,
	CF_COLUMN_RATE,
	CF_COLUMN_STARTED,
	CF_COLUMN_FAILED,
	CF_COLUMN_SQLSTATE,
	CF_COLUMN_MESSAGE,
	CF_COLUMN_DETAIL,
	CF_COLUMN_HINT,
	CF_COLUMN_NEXT_PHASE,		/* of the verdict, and the following three */
	CF_COLUMN_OUTCOME,
	CF_COLUMN_DELAY,
	CF_COLUMN_COUNTS
} CfJobColumn;

typedef struct CfJobsPlan
{
	const char *sql;
	CfJobColumn columns[CF_COLUMNS_MAX + 1];	/* $1, $2, … */
	CfSpiPlan	plan;			/* made at the first run */
} CfJobsPlan;

extern int	cf_jobs_count(const CfJobs *jobs, CfJobFilter filter);

/*
 * cf_jobs_run executes a statement for the jobs that pass the filter; its result is SPI's, as after cf_spi_run().
 * cf_jobs_run_with gives it one more argument, behind the columns.
 */
extern uint64 cf_jobs_run(CfJobsPlan *plan, const CfJobs *jobs, CfJobFilter filter);
extern uint64 cf_jobs_run_with(CfJobsPlan *plan, const CfJobs *jobs, CfJobFilter filter, Oid type, Datum value);

/* What a result says, whose first column is file_id. */
extern CfJob *cf_jobs_find(CfJobs *jobs, const char *file_id, int *last);
extern void cf_jobs_mark_lost(CfJobs *jobs, CfJobFilter filter, uint64 rows);
extern void cf_jobs_mark_busy(CfJobs *jobs, CfJobFilter filter, uint64 rows);

/* Digests as they are kept: SHA-256 by itself, the others as text; NULL where there is none. */
extern Datum cf_digests_sha256(const CfDigests *digests, bool *isnull);
extern Datum cf_digests_others(const CfDigests *digests, bool *isnull);

#endif							/* CF_MIGRATION_COLUMNS_SQL_H */
