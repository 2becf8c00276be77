/*
 * queue_sql.c
 *		A mover's transactions, and what it reads: the jobs that it claims, what people ask for, where an object lies.
 *
 * The statements run as cloudflux_worker: a background worker always is that role, a foreground CALL becomes
 * it between cf_queue_begin() and cf_queue_commit(), because its user may not write the queue directly. The
 * search_path stays that user's: every name and operator here is qualified, or code of theirs would run as the worker.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/spi_sql.h"
#include "core/worker.h"
#include "migration/columns_sql.h"

static Oid	saved_user;
static int	saved_context;

/*
 * plan_for_batches makes this transaction's statements reach every row by its key, by plans made once. Their arrays hold at most
 * some hundred jobs, but a plan made while the tables were empty or not yet analyzed would read them whole, for the
 * life of the process. The high costs of what is switched off must not tempt the JIT compiler.
 */
static void
plan_for_batches(void)
{
	static const char *const settings[][2] = {
		{"enable_seqscan", "off"}, {"enable_hashjoin", "off"}, {"enable_mergejoin", "off"}, {"jit", "off"},
		{"plan_cache_mode", "force_generic_plan"}
	};

	for (size_t i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

void
cf_queue_begin(const char *activity)
{
	cf_worker_begin(activity);
	plan_for_batches();
	if (cf_worker_is_worker())
		return;
	GetUserIdAndSecContext(&saved_user, &saved_context);
	SetUserIdAndSecContext(get_role_oid("cloudflux_worker", false),
						   saved_context | SECURITY_LOCAL_USERID_CHANGE);
}

void
cf_queue_commit(bool durable)
{
	if (durable)
	{
		ForceSyncCommit();
		/* That flushes here only. Where a standby is to be waited for, it is: what it misses would be acted on all the same. */
		if (synchronous_commit < SYNCHRONOUS_COMMIT_ON)
			(void) set_config_option("synchronous_commit", "on", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	}
	if (!cf_worker_is_worker())
		SetUserIdAndSecContext(saved_user, saved_context);
	cf_worker_commit();
}

/* read_digests takes digests in as they are kept. */
static void
read_digests(CfDigests *digests, const bytea *sha256, const char *text)
{
	memset(digests, 0, sizeof(*digests));
	if (sha256 != NULL && VARSIZE_ANY_EXHDR(sha256) == CF_HASH_SHA256_BYTES)
	{
		memcpy(digests->sha256, VARDATA_ANY(sha256), CF_HASH_SHA256_BYTES);
		digests->known = CF_DIGEST_SHA256;
	}
	if (text != NULL)
		cf_digests_parse(text, digests);
}

char *
cf_queue_text(uint64 row, int col)
{
	char	   *text = cf_spi_text(row, col);

	return text != NULL ? text : "";
}

static bytea *
bytea_or_null(uint64 row, int col)
{
	bool		isnull;
	Datum		value = cf_spi_datum(row, col, &isnull);

	return isnull ? NULL : DatumGetByteaPP(value);
}

static CfJobRequest
request_of(const char *word)
{
	return strcmp(word, "cancel") == 0 ? CF_REQUEST_CANCEL :
		strcmp(word, "pause") == 0 ? CF_REQUEST_PAUSE : CF_REQUEST_NONE;
}

static void
read_job(CfJob *job, uint64 row)
{
	if (!cf_fsm_phase_parse(cf_spi_text(row, 4), &job->phase))
		elog(ERROR, "unknown phase \"%s\" of job \"%s\"", cf_spi_text(row, 4), cf_spi_text(row, 2));
	job->file_id = cf_spi_text(row, 1);
	job->job_id = cf_spi_text(row, 2);
	job->kind = cf_spi_text(row, 3);
	job->fence = cf_spi_int64(row, 5, NULL);
	job->attempt = (int) cf_spi_int64(row, 6, NULL);
	job->crashes = (int) cf_spi_int64(row, 7, NULL);
	job->outcome = cf_queue_text(row, 8);
	job->took_over = cf_spi_bool(row, 9, NULL);
	job->upload_tag = cf_queue_text(row, 10);
	job->upload_handle = cf_queue_text(row, 11);
	job->size_bytes = cf_spi_int64(row, 12, NULL);
	job->source_place = cf_queue_text(row, 13);
	job->source_key = cf_queue_text(row, 14);
	job->source_version = cf_queue_text(row, 15);
	job->dest_place = cf_queue_text(row, 16);
	job->dest_key = cf_queue_text(row, 17);
	job->dest_class = cf_queue_text(row, 18);
	job->dest_version = cf_queue_text(row, 19);
	read_digests(&job->digests, bytea_or_null(row, 20), cf_spi_text(row, 27));
	job->part_bytes = cf_spi_int64(row, 28, NULL);
	job->waited_sec = cf_spi_int64(row, 29, NULL);
	job->restore_left_sec = cf_spi_int64(row, 30, NULL);
	job->delete_source = cf_spi_bool(row, 21, NULL);
	job->requested_by = cf_queue_text(row, 22);
	job->content_type = cf_queue_text(row, 23);
	job->known_sha256 = bytea_or_null(row, 24);
	job->request = request_of(cf_queue_text(row, 25));
	job->source_is_primary = cf_spi_bool(row, 26, NULL);
	job->new_tag = cf_spi_bool(row, 31, NULL);
	job->verified = cf_spi_text(row, 32);
}

CfJobs
cf_queue_claim(int limit, int64 max_bytes, int at_once, int lease_sec)
{
	static CfSpiPlan plan = {
		"SELECT * FROM cloudflux.claim_jobs($1, $2, pg_catalog.make_interval(secs => $3), $4)",
		4, {INT4OID, INT8OID, FLOAT8OID, INT4OID}
	};
	Datum		values[4] = {Int32GetDatum(limit), Int64GetDatum(max_bytes), Float8GetDatum(lease_sec), Int32GetDatum(at_once)};
	CfJobs		jobs;

	cf_spi_begin();
	jobs.count = (int) cf_spi_run(&plan, values, NULL);
	jobs.jobs = SPI_palloc(sizeof(CfJob) * (jobs.count + 1));
	memset(jobs.jobs, 0, sizeof(CfJob) * (jobs.count + 1));
	for (int i = 0; i < jobs.count; i++)
		read_job(&jobs.jobs[i], i);
	cf_spi_end();
	return jobs;
}

void
cf_queue_load_parts(CfJob *job)
{
	static CfSpiPlan plan = {
		"SELECT part_number, byte_offset, length, sha256, source_version, digests FROM cloudflux.job_parts"
		" WHERE file_id OPERATOR(pg_catalog.=) $1 AND job_id OPERATOR(pg_catalog.=) $2 ORDER BY part_number", 2, {TEXTOID, TEXTOID}
	};
	Datum		values[2] = {CStringGetTextDatum(job->file_id), CStringGetTextDatum(job->job_id)};

	cf_spi_begin();
	job->part_count = (int) cf_spi_run(&plan, values, NULL);
	job->parts = SPI_palloc(sizeof(CfTransferPart) * (job->part_count + 1));
	for (int i = 0; i < job->part_count; i++)
	{
		CfTransferPart *part = &job->parts[i];

		part->number = (int) cf_spi_int64(i, 1, NULL);
		part->offset = cf_spi_int64(i, 2, NULL);
		part->length = cf_spi_int64(i, 3, NULL);
		read_digests(&part->digests, bytea_or_null(i, 4), cf_spi_text(i, 6));
		job->parts_version = cf_spi_text(i, 5);
	}
	cf_spi_end();
}

/* read_requests notes what people asked for, from a result of (file_id, request). */
static void
read_requests(CfJobs *jobs, uint64 rows)
{
	int			last = -1;

	for (uint64 row = 0; row < rows; row++)
	{
		CfJob	   *job = cf_jobs_find(jobs, cf_spi_text(row, 1), &last);

		if (job != NULL)
			job->request = request_of(cf_queue_text(row, 2));
	}
}

void
cf_queue_renew(CfJobs *jobs, CfJobFilter filter, int lease_sec)
{
	static CfJobsPlan plan = {
		"SELECT file_id, request FROM cloudflux.renew_leases($1, $2, $3, $4, pg_catalog.make_interval(secs => $5))",
		{CF_COLUMN_FILE_ID, CF_COLUMN_FENCE, CF_COLUMN_DONE, CF_COLUMN_RATE}
	};
	uint64		rows;

	if (cf_jobs_count(jobs, filter) == 0)
		return;
	cf_spi_begin();
	rows = cf_jobs_run_with(&plan, jobs, filter, FLOAT8OID, Float8GetDatum(lease_sec));
	cf_jobs_mark_lost(jobs, filter, rows);
	read_requests(jobs, rows);
	cf_spi_end();
}

/* cf_queue_hear only listens for requests; nothing is written, so it may be done often. */
void
cf_queue_hear(CfJobs *jobs, CfJobFilter filter)
{
	static CfJobsPlan plan = {
		"SELECT q.file_id, q.request"
		" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS u(file_id, fence)"
		" JOIN cloudflux.job_queue q ON q.file_id OPERATOR(pg_catalog.=) u.file_id AND q.fence OPERATOR(pg_catalog.=) u.fence"
		" WHERE q.request IS NOT NULL", {CF_COLUMN_FILE_ID, CF_COLUMN_FENCE}
	};

	if (cf_jobs_count(jobs, filter) == 0)
		return;
	cf_spi_begin();
	read_requests(jobs, cf_jobs_run(&plan, jobs, filter));
	cf_spi_end();
}

CfAddress *
cf_queue_addresses(const CfJob *job, int *count)
{
	static CfSpiPlan plan = {
		"SELECT place, object_key, version FROM cloudflux.addresses"
		" WHERE file_id OPERATOR(pg_catalog.=) $1 AND state OPERATOR(pg_catalog.<>) 'claimed'"
		" ORDER BY state OPERATOR(pg_catalog.=) 'primary', place, object_key", 1, {TEXTOID}
	};
	Datum		values[1] = {CStringGetTextDatum(job->file_id)};
	CfAddress  *addresses;

	cf_spi_begin();
	*count = (int) cf_spi_run(&plan, values, NULL);
	addresses = SPI_palloc(sizeof(CfAddress) * (*count + 1));
	for (int i = 0; i < *count; i++)
	{
		addresses[i].place = cf_spi_text(i, 1);
		addresses[i].key = cf_spi_text(i, 2);
		addresses[i].version = cf_queue_text(i, 3);
	}
	cf_spi_end();
	return addresses;
}

/* cf_queue_points_back tells whether the catalog already points to the source again. */
bool
cf_queue_points_back(CfJob *job)
{
	static CfSpiPlan plan = {
		"SELECT 1 FROM cloudflux.data_objects WHERE file_id OPERATOR(pg_catalog.=) $1"
		" AND place OPERATOR(pg_catalog.=) $2 AND object_key OPERATOR(pg_catalog.=) $3",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};
	Datum		values[3] = {CStringGetTextDatum(job->file_id), CStringGetTextDatum(job->source_place),
	CStringGetTextDatum(job->source_key)};
	bool		back;

	cf_spi_begin();
	back = cf_spi_run(&plan, values, NULL) > 0;
	cf_spi_end();
	return back;
}
