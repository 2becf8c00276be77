/*
 * columns_sql.c
 *		Statements about many jobs: one table says of every column where in a job its value is and what type it has.
 *
 * Jobs go in and out as arrays, so that a batch costs one statement per step.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/error_sql.h"
#include "migration/columns_sql.h"

typedef Datum (*ValueOf) (const CfJob *job, size_t offset, bool *isnull);

static Datum text_of(const CfJob *job, size_t offset, bool *isnull);
static Datum tag_of(const CfJob *job, size_t offset, bool *isnull);
static Datum int8_of(const CfJob *job, size_t offset, bool *isnull);
static Datum bool_of(const CfJob *job, size_t offset, bool *isnull);
static Datum rate_of(const CfJob *job, size_t offset, bool *isnull);
static Datum sha256_of(const CfJob *job, size_t offset, bool *isnull);
static Datum digests_of(const CfJob *job, size_t offset, bool *isnull);
static Datum forgotten_of(const CfJob *job, size_t offset, bool *isnull);
static Datum sqlstate_of(const CfJob *job, size_t offset, bool *isnull);
static Datum told_of(const CfJob *job, size_t offset, bool *isnull);
static Datum phase_of(const CfJob *job, size_t offset, bool *isnull);

static const struct
{
	Oid			type;
	Oid			array;
	ValueOf		value;
	size_t		offset;
}			columns[] = {
	[CF_COLUMN_FILE_ID] = {TEXTOID, TEXTARRAYOID, text_of, offsetof(CfJob, file_id)},
	[CF_COLUMN_FENCE] = {INT8OID, INT8ARRAYOID, int8_of, offsetof(CfJob, fence)},
	[CF_COLUMN_TAG] = {TEXTOID, TEXTARRAYOID, tag_of, offsetof(CfJob, upload_tag)},
	[CF_COLUMN_HANDLE] = {TEXTOID, TEXTARRAYOID, text_of, offsetof(CfJob, upload_handle)},
	[CF_COLUMN_SOURCE_VERSION] = {TEXTOID, TEXTARRAYOID, text_of, offsetof(CfJob, source_version)},
	[CF_COLUMN_SEALED_VERSION] = {TEXTOID, TEXTARRAYOID, text_of, offsetof(CfJob, sealed_version)},
	[CF_COLUMN_DEST_VERSION] = {TEXTOID, TEXTARRAYOID, text_of, offsetof(CfJob, dest_version)},
	[CF_COLUMN_SHA256] = {BYTEAOID, BYTEAARRAYOID, sha256_of, offsetof(CfJob, digests)},
	[CF_COLUMN_DIGESTS] = {TEXTOID, TEXTARRAYOID, digests_of, offsetof(CfJob, digests)},
	[CF_COLUMN_SIZE] = {INT8OID, INT8ARRAYOID, int8_of, offsetof(CfJob, size_bytes)},
	[CF_COLUMN_PART_BYTES] = {INT8OID, INT8ARRAYOID, int8_of, offsetof(CfJob, part_bytes)},
	[CF_COLUMN_LEFT] = {TEXTOID, TEXTARRAYOID, text_of, offsetof(CfJob, left)},
	[CF_COLUMN_VERIFIED] = {TEXTOID, TEXTARRAYOID, text_of, offsetof(CfJob, verified)},
	[CF_COLUMN_KEPT] = {TEXTOID, TEXTARRAYOID, text_of, offsetof(CfJob, kept)},
	[CF_COLUMN_FORGOTTEN] = {BOOLOID, BOOLARRAYOID, forgotten_of, offsetof(CfJob, kind)},
	[CF_COLUMN_DONE] = {INT8OID, INT8ARRAYOID, int8_of, offsetof(CfJob, bytes_done)},
	[CF_COLUMN_SENT] = {INT8OID, INT8ARRAYOID, int8_of, offsetof(CfJob, sent_bytes)},
	[CF_COLUMN_RATE] = {FLOAT8OID, FLOAT8ARRAYOID, rate_of, offsetof(CfJob, rate_bps)},
	[CF_COLUMN_STARTED] = {TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, int8_of, offsetof(CfJob, started)},
	[CF_COLUMN_FAILED] = {BOOLOID, BOOLARRAYOID, bool_of, offsetof(CfJob, failed)},
	[CF_COLUMN_SQLSTATE] = {TEXTOID, TEXTARRAYOID, sqlstate_of, offsetof(CfJob, err.kind)},
	[CF_COLUMN_MESSAGE] = {TEXTOID, TEXTARRAYOID, told_of, offsetof(CfJob, err.message)},
	[CF_COLUMN_DETAIL] = {TEXTOID, TEXTARRAYOID, told_of, offsetof(CfJob, err.detail)},
	[CF_COLUMN_HINT] = {TEXTOID, TEXTARRAYOID, told_of, offsetof(CfJob, err.hint)},
	[CF_COLUMN_NEXT_PHASE] = {TEXTOID, TEXTARRAYOID, phase_of, offsetof(CfJob, verdict.next)},
	[CF_COLUMN_OUTCOME] = {TEXTOID, TEXTARRAYOID, text_of, offsetof(CfJob, verdict.outcome)},
	[CF_COLUMN_DELAY] = {INT8OID, INT8ARRAYOID, int8_of, offsetof(CfJob, verdict.delay_ms)},
	[CF_COLUMN_COUNTS] = {BOOLOID, BOOLARRAYOID, bool_of, offsetof(CfJob, verdict.counts)},
};

#define FIELD(type, job, offset) (*(const type *) ((const char *) (job) + (offset)))

/* A text; there is none where the pointer is NULL. */
static Datum
text_of(const CfJob *job, size_t offset, bool *isnull)
{
	const char *text = FIELD(char *const, job, offset);

	*isnull = text == NULL;
	return *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

static Datum
tag_of(const CfJob *job, size_t offset, bool *isnull)
{
	*isnull = job->upload_tag[0] == '\0';
	return CStringGetTextDatum(job->upload_tag);
}

static Datum
int8_of(const CfJob *job, size_t offset, bool *isnull)
{
	return Int64GetDatum(FIELD(int64, job, offset));
}

static Datum
bool_of(const CfJob *job, size_t offset, bool *isnull)
{
	return BoolGetDatum(FIELD(bool, job, offset));
}

static Datum
rate_of(const CfJob *job, size_t offset, bool *isnull)
{
	*isnull = job->rate_bps <= 0;
	return Float8GetDatum(job->rate_bps);
}

static Datum
sha256_of(const CfJob *job, size_t offset, bool *isnull)
{
	return cf_digests_sha256(&job->digests, isnull);
}

static Datum
digests_of(const CfJob *job, size_t offset, bool *isnull)
{
	return cf_digests_others(&job->digests, isnull);
}

static Datum
forgotten_of(const CfJob *job, size_t offset, bool *isnull)
{
	return BoolGetDatum(strcmp(job->kind, "delete") == 0);
}

static Datum
sqlstate_of(const CfJob *job, size_t offset, bool *isnull)
{
	*isnull = !job->failed;
	return *isnull ? (Datum) 0 : CStringGetTextDatum(unpack_sql_state(cf_error_sqlstate(job->err.kind)));
}

/* What an error tells; nothing, where there was none. */
static Datum
told_of(const CfJob *job, size_t offset, bool *isnull)
{
	const char *told = (const char *) job + offset;

	*isnull = !job->failed || (told[0] == '\0' && told != job->err.message);
	return *isnull ? (Datum) 0 : CStringGetTextDatum(told);
}

static Datum
phase_of(const CfJob *job, size_t offset, bool *isnull)
{
	return CStringGetTextDatum(cf_fsm_phase_name(job->verdict.next));
}

Datum
cf_digests_sha256(const CfDigests *digests, bool *isnull)
{
	bytea	   *digest = palloc(VARHDRSZ + CF_HASH_SHA256_BYTES);

	*isnull = (digests->known & CF_DIGEST_SHA256) == 0;
	SET_VARSIZE(digest, VARHDRSZ + CF_HASH_SHA256_BYTES);
	memcpy(VARDATA(digest), digests->sha256, CF_HASH_SHA256_BYTES);
	return PointerGetDatum(digest);
}

Datum
cf_digests_others(const CfDigests *digests, bool *isnull)
{
	char		text[CF_SUMS_TEXT_BYTES];

	cf_digests_print(digests, text);
	*isnull = text[0] == '\0';
	return CStringGetTextDatum(text);
}

int
cf_jobs_count(const CfJobs *jobs, CfJobFilter filter)
{
	int			count = 0;

	for (int i = 0; i < jobs->count; i++)
		count += filter(&jobs->jobs[i]) ? 1 : 0;
	return count;
}

/* array_of makes an array of one value per job that passes the filter. */
static Datum
array_of(const CfJobs *jobs, CfJobFilter filter, CfJobColumn column)
{
	Datum	   *values = palloc0(sizeof(Datum) * (jobs->count + 1));
	bool	   *nulls = palloc0(jobs->count + 1);
	int			dims[1] = {0};
	int			lbs[1] = {1};
	int16		typlen;
	bool		typbyval;
	char		typalign;

	for (int i = 0; i < jobs->count; i++)
	{
		if (!filter(&jobs->jobs[i]))
			continue;
		values[dims[0]] = columns[column].value(&jobs->jobs[i], columns[column].offset, &nulls[dims[0]]);
		dims[0]++;
	}
	get_typlenbyvalalign(columns[column].type, &typlen, &typbyval, &typalign);
	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, lbs, columns[column].type, typlen, typbyval, typalign));
}

uint64
cf_jobs_run_with(CfJobsPlan *plan, const CfJobs *jobs, CfJobFilter filter, Oid type, Datum value)
{
	Datum		values[CF_COLUMNS_MAX + 1];
	int			n;

	for (n = 0; plan->columns[n] != CF_COLUMN_END; n++)
	{
		plan->plan.types[n] = columns[plan->columns[n]].array;
		values[n] = array_of(jobs, filter, plan->columns[n]);
	}
	if (OidIsValid(type))
	{
		plan->plan.types[n] = type;
		values[n++] = value;
	}
	plan->plan.sql = plan->sql;
	plan->plan.nargs = n;
	return cf_spi_run(&plan->plan, values, NULL);
}

uint64
cf_jobs_run(CfJobsPlan *plan, const CfJobs *jobs, CfJobFilter filter)
{
	return cf_jobs_run_with(plan, jobs, filter, InvalidOid, (Datum) 0);
}

/* cf_jobs_find finds a job by its object, looking first behind the one found last: results mostly keep the order. */
CfJob *
cf_jobs_find(CfJobs *jobs, const char *file_id, int *last)
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
		CfJob	   *job = cf_jobs_find(jobs, cf_spi_text(row, 1), &last);

		if (job != NULL)
			asked[job - jobs->jobs] = false;
	}
	return asked;
}

/* cf_jobs_mark_lost marks the jobs that a statement should have returned and did not: another mover has them. */
void
cf_jobs_mark_lost(CfJobs *jobs, CfJobFilter filter, uint64 rows)
{
	bool	   *lost = unnamed(jobs, filter, rows);

	for (int i = 0; i < jobs->count; i++)
		jobs->jobs[i].lost |= lost[i];
}

/* cf_jobs_mark_busy does so where a lock may have been in the way instead: giving the jobs back tells, by the fence. */
void
cf_jobs_mark_busy(CfJobs *jobs, CfJobFilter filter, uint64 rows)
{
	bool	   *busy = unnamed(jobs, filter, rows);

	for (int i = 0; i < jobs->count; i++)
	{
		jobs->jobs[i].busy |= busy[i];
		jobs->jobs[i].ready &= !busy[i];
	}
}
