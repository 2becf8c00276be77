/*
 * queue_sql.c
 *		The mover's statements. Jobs go in and out as arrays, so that a batch costs one statement per step.
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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "core/spi_sql.h"
#include "core/worker.h"
#include "core/error_sql.h"
#include "migration/queue_sql.h"

/* One array argument under construction: as many elements as jobs pass the filter. */
typedef struct Column
{
	Oid			type;
	Datum	   *values;
	bool	   *nulls;
	int			count;
} Column;

typedef void (*ColumnValue) (const CfJob *job, Datum *value, bool *isnull);

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

/* Digests as they are kept: SHA-256 by itself, the others as text; NULL where there is none. */
static Datum
sha256_datum(const CfDigests *digests, bool *isnull)
{
	bytea	   *digest = palloc(VARHDRSZ + CF_HASH_SHA256_BYTES);

	*isnull = (digests->known & CF_DIGEST_SHA256) == 0;
	SET_VARSIZE(digest, VARHDRSZ + CF_HASH_SHA256_BYTES);
	memcpy(VARDATA(digest), digests->sha256, CF_HASH_SHA256_BYTES);
	return PointerGetDatum(digest);
}

static Datum
digests_datum(const CfDigests *digests, bool *isnull)
{
	char		text[CF_SUMS_TEXT_BYTES];

	cf_digests_print(digests, text);
	*isnull = text[0] == '\0';
	return CStringGetTextDatum(text);
}

/* read_digests takes them in again. */
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

/* The values that jobs give to arrays. */
static void
value_file_id(const CfJob *job, Datum *value, bool *isnull)
{
	*value = CStringGetTextDatum(job->file_id);
}

static void
value_fence(const CfJob *job, Datum *value, bool *isnull)
{
	*value = Int64GetDatum(job->fence);
}

static void
value_tag(const CfJob *job, Datum *value, bool *isnull)
{
	*isnull = job->upload_tag[0] == '\0';
	*value = CStringGetTextDatum(job->upload_tag);
}

static void
value_handle(const CfJob *job, Datum *value, bool *isnull)
{
	*value = CStringGetTextDatum(job->upload_handle);
}

static void
value_source_version(const CfJob *job, Datum *value, bool *isnull)
{
	*value = CStringGetTextDatum(job->source_version);
}

static void
value_sealed_version(const CfJob *job, Datum *value, bool *isnull)
{
	*value = CStringGetTextDatum(job->sealed_version);
}

static void
value_dest_version(const CfJob *job, Datum *value, bool *isnull)
{
	*value = CStringGetTextDatum(job->dest_version);
}

static void
value_sha256(const CfJob *job, Datum *value, bool *isnull)
{
	*value = sha256_datum(&job->digests, isnull);
}

static void
value_digests(const CfJob *job, Datum *value, bool *isnull)
{
	*value = digests_datum(&job->digests, isnull);
}

static void
value_left(const CfJob *job, Datum *value, bool *isnull)
{
	*isnull = job->left == NULL;
	*value = *isnull ? (Datum) 0 : CStringGetTextDatum(job->left);
}

static void
value_part_bytes(const CfJob *job, Datum *value, bool *isnull)
{
	*value = Int64GetDatum(job->part_bytes);
}

static void
value_verified(const CfJob *job, Datum *value, bool *isnull)
{
	*value = CStringGetTextDatum(job->verified);
}

static void
value_size(const CfJob *job, Datum *value, bool *isnull)
{
	*value = Int64GetDatum(job->size_bytes);
}

static void
value_done(const CfJob *job, Datum *value, bool *isnull)
{
	*value = Int64GetDatum(job->bytes_done);
}

static void
value_sent(const CfJob *job, Datum *value, bool *isnull)
{
	*value = Int64GetDatum(job->sent_bytes);
}

static void
value_rate(const CfJob *job, Datum *value, bool *isnull)
{
	*isnull = job->rate_bps <= 0;
	*value = Float8GetDatum(job->rate_bps);
}

static void
value_started(const CfJob *job, Datum *value, bool *isnull)
{
	*value = TimestampTzGetDatum(job->started);
}

static void
value_kept(const CfJob *job, Datum *value, bool *isnull)
{
	*isnull = job->kept == NULL;
	*value = *isnull ? (Datum) 0 : CStringGetTextDatum(job->kept);
}

static void
value_failed(const CfJob *job, Datum *value, bool *isnull)
{
	*value = BoolGetDatum(job->failed);
}

static void
value_sqlstate(const CfJob *job, Datum *value, bool *isnull)
{
	*isnull = !job->failed;
	*value = *isnull ? (Datum) 0 : CStringGetTextDatum(unpack_sql_state(cf_error_sqlstate(job->err.kind)));
}

static void
value_message(const CfJob *job, Datum *value, bool *isnull)
{
	*isnull = !job->failed;
	*value = *isnull ? (Datum) 0 : CStringGetTextDatum(job->err.message);
}

static void
value_detail(const CfJob *job, Datum *value, bool *isnull)
{
	*isnull = !job->failed || job->err.detail[0] == '\0';
	*value = *isnull ? (Datum) 0 : CStringGetTextDatum(job->err.detail);
}

static void
value_hint(const CfJob *job, Datum *value, bool *isnull)
{
	*isnull = !job->failed || job->err.hint[0] == '\0';
	*value = *isnull ? (Datum) 0 : CStringGetTextDatum(job->err.hint);
}

static Datum
array_of(Column *column)
{
	int16		typlen;
	bool		typbyval;
	char		typalign;
	int			dims[1] = {column->count};
	int			lbs[1] = {1};

	get_typlenbyvalalign(column->type, &typlen, &typbyval, &typalign);
	return PointerGetDatum(construct_md_array(column->values, column->nulls, 1, dims, lbs,
											  column->type, typlen, typbyval, typalign));
}

/* jobs_array makes an array of one value per job that passes the filter. */
static Datum
jobs_array(const CfJobs *jobs, CfJobFilter filter, Oid type, ColumnValue get)
{
	Column		column = {type, palloc0(sizeof(Datum) * (jobs->count + 1)), palloc0(jobs->count + 1), 0};

	for (int i = 0; i < jobs->count; i++)
	{
		if (!filter(&jobs->jobs[i]))
			continue;
		get(&jobs->jobs[i], &column.values[column.count], &column.nulls[column.count]);
		column.count++;
	}
	return array_of(&column);
}

static int
jobs_count(const CfJobs *jobs, CfJobFilter filter)
{
	int			count = 0;

	for (int i = 0; i < jobs->count; i++)
		count += filter(&jobs->jobs[i]) ? 1 : 0;
	return count;
}

/* job_of finds a job by its object, looking first behind the one found last: results mostly keep the order. */
static CfJob *
job_of(CfJobs *jobs, const char *file_id, int *last)
{
	for (int step = 1; step <= jobs->count; step++)
	{
		int			i = (*last + step) % jobs->count;

		if (strcmp(jobs->jobs[i].file_id, file_id) != 0)
			continue;
		*last = i;
		return &jobs->jobs[i];
	}
	return NULL;
}

/* unnamed tells of each job whether it passed the filter and the last result does not name it in column 1. */
static bool *
unnamed(CfJobs *jobs, CfJobFilter filter, uint64 rows)
{
	bool	   *asked = palloc0(jobs->count + 1);
	int			last = -1;

	for (int i = 0; i < jobs->count; i++)
		asked[i] = filter(&jobs->jobs[i]);
	for (uint64 row = 0; row < rows; row++)
	{
		CfJob	   *job = job_of(jobs, cf_spi_text(row, 1), &last);

		if (job != NULL)
			asked[job - jobs->jobs] = false;
	}
	return asked;
}

/* mark_lost marks the jobs that a statement should have returned and did not: another mover has them. */
static void
mark_lost(CfJobs *jobs, CfJobFilter filter, uint64 rows)
{
	bool	   *lost = unnamed(jobs, filter, rows);

	for (int i = 0; i < jobs->count; i++)
		jobs->jobs[i].lost |= lost[i];
}

/* mark_busy does so where a lock may have been in the way instead: giving the jobs back tells, by the fence. */
static void
mark_busy(CfJobs *jobs, CfJobFilter filter, uint64 rows)
{
	bool	   *busy = unnamed(jobs, filter, rows);

	for (int i = 0; i < jobs->count; i++)
	{
		jobs->jobs[i].busy |= busy[i];
		jobs->jobs[i].ready &= !busy[i];
	}
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

void
cf_queue_record_tags(CfJobs *jobs, CfJobFilter filter)
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_upload($1, $2, $3)", 3, {TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID}
	};
	Datum		values[3];

	if (jobs_count(jobs, filter) == 0)
		return;
	values[0] = jobs_array(jobs, filter, TEXTOID, value_file_id);
	values[1] = jobs_array(jobs, filter, INT8OID, value_fence);
	values[2] = jobs_array(jobs, filter, TEXTOID, value_tag);
	cf_spi_begin();
	cf_spi_run(&plan, values, NULL);
	cf_spi_end();
}

/* read_requests notes what people asked for, from a result of (file_id, request). */
static void
read_requests(CfJobs *jobs, uint64 rows)
{
	int			last = -1;

	for (uint64 row = 0; row < rows; row++)
	{
		CfJob	   *job = job_of(jobs, cf_spi_text(row, 1), &last);

		if (job != NULL)
			job->request = request_of(cf_queue_text(row, 2));
	}
}

void
cf_queue_renew(CfJobs *jobs, CfJobFilter filter, int lease_sec)
{
	static CfSpiPlan plan = {
		"SELECT file_id, request FROM cloudflux.renew_leases($1, $2, $3, $4, pg_catalog.make_interval(secs => $5))",
		5, {TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8OID}
	};
	Datum		values[5];
	uint64		rows;

	if (jobs_count(jobs, filter) == 0)
		return;
	values[0] = jobs_array(jobs, filter, TEXTOID, value_file_id);
	values[1] = jobs_array(jobs, filter, INT8OID, value_fence);
	values[2] = jobs_array(jobs, filter, INT8OID, value_done);
	values[3] = jobs_array(jobs, filter, FLOAT8OID, value_rate);
	values[4] = Float8GetDatum(lease_sec);
	cf_spi_begin();
	rows = cf_spi_run(&plan, values, NULL);
	mark_lost(jobs, filter, rows);
	read_requests(jobs, rows);
	cf_spi_end();
}

/* cf_queue_hear only listens for requests; nothing is written, so it may be done often. */
void
cf_queue_hear(CfJobs *jobs, CfJobFilter filter)
{
	static CfSpiPlan plan = {
		"SELECT q.file_id, q.request"
		" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS u(file_id, fence)"
		" JOIN cloudflux.job_queue q ON q.file_id OPERATOR(pg_catalog.=) u.file_id AND q.fence OPERATOR(pg_catalog.=) u.fence"
		" WHERE q.request IS NOT NULL", 2, {TEXTARRAYOID, INT8ARRAYOID}
	};
	Datum		values[2];

	if (jobs_count(jobs, filter) == 0)
		return;
	values[0] = jobs_array(jobs, filter, TEXTOID, value_file_id);
	values[1] = jobs_array(jobs, filter, INT8OID, value_fence);
	cf_spi_begin();
	read_requests(jobs, cf_spi_run(&plan, values, NULL));
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
	values[5] = sha256_datum(&part->digests, &nulls[5]);
	values[6] = CStringGetTextDatum(source_version);
	values[7] = digests_datum(&part->digests, &nulls[7]);
	cf_spi_begin();
	ours = cf_spi_run(&plan, values, nulls) > 0;
	cf_spi_end();
	job->lost = !ours;
	return ours;
}

void
cf_queue_record_copied(CfJobs *jobs, CfJobFilter filter)
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_copied($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", 12,
		{TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BYTEAARRAYOID, INT8ARRAYOID, TEXTARRAYOID,
		INT8ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID}
	};
	Datum		values[12];

	values[0] = jobs_array(jobs, filter, TEXTOID, value_file_id);
	values[1] = jobs_array(jobs, filter, INT8OID, value_fence);
	values[2] = jobs_array(jobs, filter, TEXTOID, value_source_version);
	values[3] = jobs_array(jobs, filter, TEXTOID, value_sealed_version);
	values[4] = jobs_array(jobs, filter, BYTEAOID, value_sha256);
	values[5] = jobs_array(jobs, filter, INT8OID, value_size);
	values[6] = jobs_array(jobs, filter, TEXTOID, value_handle);
	values[7] = jobs_array(jobs, filter, INT8OID, value_sent);
	values[8] = jobs_array(jobs, filter, TIMESTAMPTZOID, value_started);
	values[9] = jobs_array(jobs, filter, TEXTOID, value_digests);
	values[10] = jobs_array(jobs, filter, INT8OID, value_part_bytes);
	values[11] = jobs_array(jobs, filter, TEXTOID, value_left);
	cf_spi_begin();
	mark_lost(jobs, filter, cf_spi_run(&plan, values, NULL));
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
	static CfSpiPlan plan = {
		"SELECT file_id, phase, refused FROM cloudflux.record_switched($1, $2, $3, $4)", 4,
		{TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
	};
	Datum		values[4];
	uint64		rows;
	int			last = -1;

	values[0] = jobs_array(jobs, filter, TEXTOID, value_file_id);
	values[1] = jobs_array(jobs, filter, INT8OID, value_fence);
	values[2] = jobs_array(jobs, filter, TEXTOID, value_dest_version);
	values[3] = jobs_array(jobs, filter, TEXTOID, value_verified);
	cf_spi_begin();
	rows = cf_spi_run(&plan, values, NULL);
	mark_lost(jobs, filter, rows);
	for (uint64 row = 0; row < rows; row++)
	{
		CfJob	   *job = job_of(jobs, cf_spi_text(row, 1), &last);

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

	values[2] = sha256_datum(digests, &nulls[2]);
	values[3] = digests_datum(digests, &nulls[3]);
	cf_spi_begin();
	job->lost = cf_spi_run(&plan, values, nulls) == 0;
	cf_spi_end();
	return !job->lost;
}

void
cf_queue_record_changed(CfJobs *jobs, CfJobFilter filter)
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_changed($1, $2, $3, $4)", 4, {TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
	};
	Datum		values[4];

	values[0] = jobs_array(jobs, filter, TEXTOID, value_file_id);
	values[1] = jobs_array(jobs, filter, INT8OID, value_fence);
	values[2] = jobs_array(jobs, filter, TEXTOID, value_dest_version);
	values[3] = jobs_array(jobs, filter, TEXTOID, value_verified);
	cf_spi_begin();
	mark_busy(jobs, filter, cf_spi_run(&plan, values, NULL));
	cf_spi_end();
}

void
cf_queue_record_removed(CfJobs *jobs, CfJobFilter filter)
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_removed($1, $2, $3)", 3, {TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID}
	};
	Datum		values[3];

	values[0] = jobs_array(jobs, filter, TEXTOID, value_file_id);
	values[1] = jobs_array(jobs, filter, INT8OID, value_fence);
	values[2] = jobs_array(jobs, filter, TEXTOID, value_kept);
	cf_spi_begin();
	mark_busy(jobs, filter, cf_spi_run(&plan, values, NULL));
	cf_spi_end();
}

void
cf_queue_record_cleaned(CfJobs *jobs, CfJobFilter filter)
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_cleaned($1, $2, $3)", 3, {TEXTARRAYOID, INT8ARRAYOID, BOOLARRAYOID}
	};
	Datum		values[3];

	values[0] = jobs_array(jobs, filter, TEXTOID, value_file_id);
	values[1] = jobs_array(jobs, filter, INT8OID, value_fence);
	values[2] = jobs_array(jobs, filter, BOOLOID, value_failed);
	cf_spi_begin();
	cf_spi_run(&plan, values, NULL);
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

	value_kept(job, &values[2], &nulls[2]);
	values[3] = CStringGetTextDatum(unpack_sql_state(cf_error_sqlstate(kind)));
	cf_spi_begin();
	done = cf_spi_run(&plan, values, nulls) > 0;
	cf_spi_end();
	return done;
}

void
cf_queue_record_failed(CfJobs *jobs, CfJobFilter filter, CfJobVerdict (*judge) (const CfJob *job))
{
	static CfSpiPlan plan = {
		"SELECT cloudflux.record_failed($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", 11,
		{TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
		TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, BOOLARRAYOID}
	};
	int			n = jobs_count(jobs, filter);
	Column		phase = {TEXTOID, palloc0(sizeof(Datum) * (n + 1)), palloc0(n + 1), 0};
	Column		outcome = {TEXTOID, palloc0(sizeof(Datum) * (n + 1)), palloc0(n + 1), 0};
	Column		delay = {INT8OID, palloc0(sizeof(Datum) * (n + 1)), palloc0(n + 1), 0};
	Column		counts = {BOOLOID, palloc0(sizeof(Datum) * (n + 1)), palloc0(n + 1), 0};
	Datum		values[11];

	if (n == 0)
		return;
	for (int i = 0; i < jobs->count; i++)
	{
		CfJobVerdict verdict;
		int			k = phase.count;

		if (!filter(&jobs->jobs[i]))
			continue;
		verdict = judge(&jobs->jobs[i]);
		phase.values[k] = CStringGetTextDatum(cf_fsm_phase_name(verdict.next));
		outcome.nulls[k] = verdict.outcome == NULL;
		outcome.values[k] = outcome.nulls[k] ? (Datum) 0 : CStringGetTextDatum(verdict.outcome);
		delay.values[k] = Int64GetDatum(verdict.delay_ms);
		counts.values[k] = BoolGetDatum(verdict.counts);
		phase.count = outcome.count = delay.count = counts.count = k + 1;
	}
	values[0] = jobs_array(jobs, filter, TEXTOID, value_file_id);
	values[1] = jobs_array(jobs, filter, INT8OID, value_fence);
	values[2] = array_of(&phase);
	values[3] = array_of(&outcome);
	values[4] = array_of(&delay);
	values[5] = jobs_array(jobs, filter, TEXTOID, value_sqlstate);
	values[6] = jobs_array(jobs, filter, TEXTOID, value_message);
	values[7] = jobs_array(jobs, filter, TEXTOID, value_detail);
	values[8] = jobs_array(jobs, filter, TEXTOID, value_hint);
	values[9] = jobs_array(jobs, filter, INT8OID, value_sent);
	values[10] = array_of(&counts);
	cf_spi_begin();
	cf_spi_run(&plan, values, NULL);
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
