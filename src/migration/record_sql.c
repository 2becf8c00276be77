/*
 * record_sql.c
 *		What a mover says of its jobs: each step that is done, in one statement for many of them, guarded by the fence.
 *
 * Each is a function of sql/migration/movers.sql or uploads.sql. What a statement should have returned and did not is another
 * mover's by now, or, where a lock of somebody's may have been in the way, is left to a later attempt.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "migration/columns_sql.h"

void
cf_queue_record_tags(CfJobs *jobs, CfJobFilter filter)
{
	static CfJobsPlan plan = {
		"SELECT cloudflux.record_upload($1, $2, $3)", {CF_COLUMN_FILE_ID, CF_COLUMN_FENCE, CF_COLUMN_TAG}
	};

	if (cf_jobs_count(jobs, filter) == 0)
		return;
	cf_spi_begin();
	cf_jobs_run(&plan, jobs, filter);
	cf_spi_end();
}

bool
cf_queue_record_part(CfJob *job, const CfTransferPart *part, const char *source_version)
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_part($1, $2, $3, $4, $5, $6, $7, $8)",
		8, {TEXTOID, INT8OID, INT4OID, INT8OID, INT8OID, BYTEAOID, TEXTOID, TEXTOID}
	};
	Datum		values[8];
	bool		nulls[8] = {false};
	bool		ours;

	values[0] = CStringGetTextDatum(job->file_id);
	values[1] = Int64GetDatum(job->fence);
	values[2] = Int32GetDatum(part->number);
	values[3] = Int64GetDatum(part->offset);
	values[4] = Int64GetDatum(part->length);
	values[5] = cf_digests_sha256(&part->digests, &nulls[5]);
	values[6] = CStringGetTextDatum(source_version);
	values[7] = cf_digests_others(&part->digests, &nulls[7]);
	cf_spi_begin();
	ours = cf_spi_run(&plan, values, nulls) > 0;
	cf_spi_end();
	job->lost = !ours;
	return ours;
}

void
cf_queue_record_copied(CfJobs *jobs, CfJobFilter filter)
{
	static CfJobsPlan plan = {
		"SELECT cloudflux.record_copied($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
		{CF_COLUMN_FILE_ID, CF_COLUMN_FENCE, CF_COLUMN_SOURCE_VERSION, CF_COLUMN_SEALED_VERSION, CF_COLUMN_SHA256, CF_COLUMN_SIZE,
		CF_COLUMN_HANDLE, CF_COLUMN_SENT, CF_COLUMN_STARTED, CF_COLUMN_DIGESTS, CF_COLUMN_PART_BYTES, CF_COLUMN_LEFT}
	};

	cf_spi_begin();
	cf_jobs_mark_lost(jobs, filter, cf_jobs_run(&plan, jobs, filter));
	cf_spi_end();
}

/* stay notes on a job why the catalog was not switched to its copy. */
static void
stay(CfJob *job, const char *refused)
{
	job->ready = false;
	if (strcmp(refused, "cancelled") == 0)
	{
		job->request = CF_REQUEST_CANCEL;
		return;
	}
	job->busy = strcmp(refused, "busy") == 0;
	if (job->busy)
		return;
	job->failed = true;
	cf_error_set(&job->err, CF_ERR_STATE, "object \"%s\" is no longer at \"%s\" in place \"%s\", says the catalog",
				 job->file_id, job->source_key, job->source_place);
	cf_error_detail(&job->err, "Its row in cloudflux.data_objects was changed or deleted while the job copied it.");
	cf_error_hint(&job->err, "Submit a new job if it still is to be moved.");
}

void
cf_queue_record_switched(CfJobs *jobs, CfJobFilter filter)
{
	static CfJobsPlan plan = {
		"SELECT file_id, phase, refused FROM cloudflux.record_switched($1, $2, $3, $4)",
		{CF_COLUMN_FILE_ID, CF_COLUMN_FENCE, CF_COLUMN_DEST_VERSION, CF_COLUMN_VERIFIED}
	};
	uint64		rows;
	int			last = -1;

	cf_spi_begin();
	rows = cf_jobs_run(&plan, jobs, filter);
	cf_jobs_mark_lost(jobs, filter, rows);
	for (uint64 row = 0; row < rows; row++)
	{
		CfJob	   *job = cf_jobs_find(jobs, cf_spi_text(row, 1), &last);

		if (job != NULL && !cf_fsm_phase_parse(cf_spi_text(row, 2), &job->phase))
			elog(ERROR, "unknown phase \"%s\"", cf_spi_text(row, 2));
		if (job != NULL && cf_spi_text(row, 3) != NULL)
			stay(job, cf_spi_text(row, 3));
	}
	cf_spi_end();
}

/* cf_queue_record_digests keeps what a store said of an object before its class was changed; false = the job is lost. */
bool
cf_queue_record_digests(CfJob *job, const CfDigests *digests)
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_digests($1, $2, $3, $4)", 4, {TEXTOID, INT8OID, BYTEAOID, TEXTOID}
	};
	Datum		values[4] = {CStringGetTextDatum(job->file_id), Int64GetDatum(job->fence)};
	bool		nulls[4] = {false};

	values[2] = cf_digests_sha256(digests, &nulls[2]);
	values[3] = cf_digests_others(digests, &nulls[3]);
	cf_spi_begin();
	job->lost = cf_spi_run(&plan, values, nulls) == 0;
	cf_spi_end();
	return !job->lost;
}

void
cf_queue_record_changed(CfJobs *jobs, CfJobFilter filter)
{
	static CfJobsPlan plan = {
		"SELECT cloudflux.record_changed($1, $2, $3, $4)",
		{CF_COLUMN_FILE_ID, CF_COLUMN_FENCE, CF_COLUMN_DEST_VERSION, CF_COLUMN_VERIFIED}
	};

	cf_spi_begin();
	cf_jobs_mark_busy(jobs, filter, cf_jobs_run(&plan, jobs, filter));
	cf_spi_end();
}

void
cf_queue_record_removed(CfJobs *jobs, CfJobFilter filter)
{
	static CfJobsPlan plan = {
		"SELECT cloudflux.record_removed($1, $2, $3, $4)", {CF_COLUMN_FILE_ID, CF_COLUMN_FENCE, CF_COLUMN_KEPT, CF_COLUMN_FORGOTTEN}
	};

	cf_spi_begin();
	cf_jobs_mark_busy(jobs, filter, cf_jobs_run(&plan, jobs, filter));
	cf_spi_end();
}

void
cf_queue_record_cleaned(CfJobs *jobs, CfJobFilter filter)
{
	static CfJobsPlan plan = {
		"SELECT cloudflux.record_cleaned($1, $2, $3)", {CF_COLUMN_FILE_ID, CF_COLUMN_FENCE, CF_COLUMN_FAILED}
	};

	cf_spi_begin();
	cf_jobs_run(&plan, jobs, filter);
	cf_spi_end();
}

bool
cf_queue_record_rolling_back(CfJob *job)
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_rolling_back($1, $2)", 2, {TEXTOID, INT8OID}
	};
	Datum		values[2] = {CStringGetTextDatum(job->file_id), Int64GetDatum(job->fence)};
	bool		done;

	cf_spi_begin();
	done = cf_spi_run(&plan, values, NULL) > 0;
	cf_spi_end();
	return done;
}

bool
cf_queue_record_rolled_back(CfJob *job)
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_rolled_back($1, $2, $3, $4)", 4, {TEXTOID, INT8OID, TEXTOID, TEXTOID}
	};
	CfErrorKind kind = job->failed ? job->err.kind : CF_ERR_CHANGED;
	Datum		values[4] = {CStringGetTextDatum(job->file_id), Int64GetDatum(job->fence)};
	bool		nulls[4] = {false, false, false, false};
	bool		done;

	nulls[2] = job->kept == NULL;
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(job->kept);
	values[3] = CStringGetTextDatum(unpack_sql_state(cf_error_sqlstate(kind)));
	cf_spi_begin();
	done = cf_spi_run(&plan, values, nulls) > 0;
	cf_spi_end();
	return done;
}

void
cf_queue_record_failed(CfJobs *jobs, CfJobFilter filter, CfJobVerdict (*judge) (const CfJob *job))
{
	static CfJobsPlan plan = {
		"SELECT cloudflux.record_failed($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		{CF_COLUMN_FILE_ID, CF_COLUMN_FENCE, CF_COLUMN_NEXT_PHASE, CF_COLUMN_OUTCOME, CF_COLUMN_DELAY, CF_COLUMN_SQLSTATE,
		CF_COLUMN_MESSAGE, CF_COLUMN_DETAIL, CF_COLUMN_HINT, CF_COLUMN_SENT, CF_COLUMN_COUNTS}
	};

	if (cf_jobs_count(jobs, filter) == 0)
		return;
	for (int i = 0; i < jobs->count; i++)
	{
		if (filter(&jobs->jobs[i]))
			jobs->jobs[i].verdict = judge(&jobs->jobs[i]);
	}
	cf_spi_begin();
	cf_jobs_run(&plan, jobs, filter);
	cf_spi_end();
}

bool
cf_queue_record_pinned(const CfJob *job, const CfAddress *address)
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_pinned($1, $2, $3, $4, $5)", 5, {TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID}
	};
	Datum		values[5] = {CStringGetTextDatum(job->file_id), Int64GetDatum(job->fence),
	CStringGetTextDatum(address->place), CStringGetTextDatum(address->key), CStringGetTextDatum(address->version)};
	bool		ours;

	cf_spi_begin();
	ours = cf_spi_run(&plan, values, NULL) > 0;
	cf_spi_end();
	return ours;
}
