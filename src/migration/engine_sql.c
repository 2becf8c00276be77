/*
 * engine_sql.c
 *		Rounds: claim a batch, bring every job as far as it gets, say so in one transaction per step.
 *
 * A round of small objects costs four transactions however many they are: claim; copied; switched; removed. No
 * transaction, snapshot or lock is held while bytes flow. Between two steps the round pays the
 * bandwidth limits, renews leases, hears requests, and notices interrupts: a cancel or shutdown is not raised
 * inside a round; the round stops, gives its jobs back with interrupts held, and only then lets it happen. So
 * nobody waits for a lease to end after an orderly stop. After a crash or an ERROR the leases do their work.
 *
 * What can go wrong: whoever sleeps longer than a lease loses its jobs. It finds out at its next statement
 * (the fence), and until then can only write to an upload that the new mover has already unlinked, or
 * delete a source whose job had irrevocably entered that phase.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/portal.h"

#include "core/clock.h"
#include "core/worker.h"
#include "migration/backoff.h"
#include "migration/round_sql.h"
#include "net/net_sql.h"

#define BATCH_BYTES (64 * 1024 * 1024)	/* of objects claimed together; a larger one comes alone */
#define OP_DESCRIPTORS 2		/* of an operation between two steps */
#define RETRY_MAX_MS 300000
#define RESTORE_LOOK_MIN_SEC 5	/* between two looks at a restore: a quarter of the time that it has taken so far */
#define RESTORE_LOOK_MAX_SEC 1800
#define OUTAGE_MAX_US (24 * INT64CONST(3600000000))	/* so long jobs wait for a place that does not answer; then that counts as failing */
#define OUTAGE_LOOK_MS 10000	/* between two looks at such a place, at most */
#define BUSY_MS 1000			/* until a switch is tried again that somebody's lock was in the way of */

/* The round of this process; a static, so that the worker's cleanup finds it after an ERROR. */
static CfRound *current = NULL;

static void release_round(void *arg);
static CfRound *begin_round(void);
static void claim(CfRound *round, int max_jobs);
static void open_places(CfRound *round);
static void give_back(CfRound *round);

int
cf_engine_round(int max_jobs)
{
	CfRound	   *round = begin_round();
	int			claimed;

	claim(round, max_jobs);
	claimed = round->jobs.count;
	if (claimed > 0)
	{
		cf_round_work(round);
		cf_round_clean(round);
		cf_round_roll_back(round);
		give_back(round);
		cf_round_record_requests(round);
	}
	if (!cf_round_stopping(round))
		cf_round_sweep(round);
	cf_engine_cleanup();
	CHECK_FOR_INTERRUPTS();
	return claimed;
}

void
cf_engine_cleanup(void)
{
	CfRound	   *round = current;

	current = NULL;
	if (round != NULL)
		MemoryContextDelete(round->context);
}

/* release_round lets go of what is not PostgreSQL's; it runs when the round's context goes, however that happens. */
static void
release_round(void *arg)
{
	CfRound	   *round = arg;

	cf_round_stop_lanes(round);
	for (; round->descriptors > 0; round->descriptors--)
		ReleaseExternalFD();
	if (current == round)
		current = NULL;
}

static CfRound *
begin_round(void)
{
	MemoryContext parent = cf_worker_is_worker() ? TopMemoryContext : PortalContext;
	MemoryContext context;
	CfAllocator allocator;
	CfRound	   *round;

	cf_engine_cleanup();
	context = AllocSetContextCreate(parent, "cloudflux migration round", ALLOCSET_DEFAULT_SIZES);
	round = MemoryContextAllocZero(context, sizeof(CfRound));
	round->context = context;
	allocator = cf_arena_context(context);
	cf_arena_init(&round->arena, &allocator, 8192, 0);
	cf_arena_init(&round->op_arena, &allocator, 8192, 0);
	round->buffer = MemoryContextAlloc(context, CF_ROUND_BUFFER_BYTES);
	round->release.func = release_round;
	round->release.arg = round;
	MemoryContextRegisterResetCallback(context, &round->release);
	for (int i = 0; i < OP_DESCRIPTORS; i++, round->descriptors++)
		ReserveExternalFD();
	current = round;
	return round;
}

/* cf_round_any tells whether a statement has anything to say. */
bool
cf_round_any(const CfJobs *jobs, CfJobFilter filter)
{
	for (int i = 0; i < jobs->count; i++)
	{
		if (filter(&jobs->jobs[i]))
			return true;
	}
	return false;
}

/* cf_round_move_on brings the jobs that a statement has recorded to their next phase. */
void
cf_round_move_on(CfJobs *jobs, CfPhase from, CfPhase to)
{
	for (int i = 0; i < jobs->count; i++)
	{
		CfJob	   *job = &jobs->jobs[i];

		if (!job->ready || job->phase != from || job->lost)
			continue;
		job->ready = false;
		job->phase = to;
		job->settled = (to == CF_PHASE_DONE);
	}
}

static bool
is_renamed(const CfJob *job)
{
	return job->renamed;
}

/*
 * name_upload finds out under which name a job's copy goes on. The claim has named what begins now. A job that cannot begin gives
 * that name back: for what was never begun, nothing has to be cleaned. What a mover that lost the job may still write to is
 * left to it, and the copy begins under another name.
 */
static void
name_upload(CfJob *job)
{
	bool		begins = cf_job_mine(job) && job->phase == CF_PHASE_COPYING;

	if (begins && !job->new_tag)
		cf_queue_load_parts(job);
	if (begins && (job->new_tag || !job->took_over))
		return;
	if (!begins && !job->new_tag)
		return;
	job->renamed = true;
	job->new_tag = begins;
	job->upload_handle = "";
	job->upload_tag = begins ? psprintf("%s-" INT64_FORMAT, job->job_id, job->fence) : "";
	job->part_count = 0;
}

/* load_uploads tells jobs that are not taken for the first time what was begun for them, and whether by this very server. */
static void
load_uploads(CfRound *round)
{
	for (int i = 0; i < round->jobs.count; i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		if (job->upload_tag[0] == '\0' || (job->new_tag && !job->took_over) || job->phase == CF_PHASE_DELETING_SOURCE)
			continue;
		cf_queue_load_uploads(job);
		cf_queue_load_timeline(job);
	}
}

/* leaves_some tells whether others may have been left that did not fit into a claim beside large objects. */
static bool
leaves_some(const CfJobs *jobs)
{
	int64		bytes = 0;

	for (int i = 0; i < jobs->count && bytes < BATCH_BYTES; i++)
		bytes += jobs->jobs[i].size_bytes;
	return bytes >= BATCH_BYTES;
}

/*
 * claim takes a batch, names the uploads that are about to begin, and opens its places on the authority of who asked:
 * all in one transaction, which is flushed whatever synchronous_commit says. Nothing may be written under a
 * tag that a crash makes forgotten, for a job that was never submitted then, and no source deleted.
 */
static void
claim(CfRound *round, int max_jobs)
{
	int			limit = max_jobs > 0 && max_jobs < cf_migration_batch ? max_jobs : cf_migration_batch;
	MemoryContext old;

	cf_queue_begin("claiming migration jobs");
	old = MemoryContextSwitchTo(round->context);
	round->jobs = cf_queue_claim(limit, BATCH_BYTES, cf_migration_transfers, cf_migration_lease_sec);
	open_places(round);
	for (int i = 0; i < round->jobs.count; i++)
		name_upload(&round->jobs.jobs[i]);
	cf_queue_record_tags(&round->jobs, is_renamed);
	load_uploads(round);
	MemoryContextSwitchTo(old);
	cf_queue_commit(round->jobs.count > 0);
	/* Who looked while we did met our locks on all of them. */
	if (leaves_some(&round->jobs))
		cf_worker_wake("mover");
	round->renewed_us = round->metered_us = cf_clock_monotonic_us();
	TRIP("migration_claimed");
}

/* cf_round_open_place opens a place once per round and role. */
CfPlace *
cf_round_open_place(CfRound *round, const char *name, Oid role, bool for_write, CfError *err)
{
	CfPlace    *place;

	if (cf_storage_place_open(name, role, for_write, &round->arena, &place, err))
		return place;
	return NULL;
}

/* open_job_places opens what the job's phase needs; what cannot be opened is the job's error. */
static void
open_job_places(CfRound *round, CfJob *job)
{
	Oid			role = get_role_oid(job->requested_by, true);
	bool		deletes = job->delete_source || job->phase == CF_PHASE_DELETING_SOURCE;

	if (!OidIsValid(role))
	{
		cf_error_set(&job->err, CF_ERR_DENIED, "role \"%s\", who asked for job \"%s\", does not exist any more",
					 job->requested_by, job->job_id);
		cf_error_hint(&job->err, "Submit the job again as a role that exists.");
		cf_job_fail(job, &job->err);
		return;
	}
	job->source = cf_round_open_place(round, job->source_place, role, deletes && job->phase != CF_PHASE_CLEANING, &job->err);
	if (job->dest_place[0] != '\0' && job->phase != CF_PHASE_DELETING_SOURCE)
		job->dest = cf_round_open_place(round, job->dest_place, role, true, &job->err);
	if ((job->source == NULL && job->phase != CF_PHASE_CLEANING) ||
		(job->dest == NULL && job->dest_place[0] != '\0' && job->phase != CF_PHASE_DELETING_SOURCE))
		cf_job_fail(job, &job->err);
}

static bool
is_remote(const CfPlace *place)
{
	CfCaps		caps;

	if (place == NULL)
		return false;
	cf_storage_caps(place, &caps);
	return caps.remote;
}

/* open_places also sorts out the jobs that have taken too many movers down with them. */
static void
open_places(CfRound *round)
{
	for (int i = 0; i < round->jobs.count; i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];
		CfJob	   *last = i > 0 ? &round->jobs.jobs[i - 1] : NULL;

		if (job->crashes > CF_ROUND_CRASHES_MAX)
		{
			cf_error_set(&job->err, CF_ERR_STATE, "%d movers died or lost their lease while they worked on job \"%s\"",
						 job->crashes, job->job_id);
			cf_error_hint(&job->err, "Look for the cause in the server's log, then use cloudflux.retry_migration().");
			job->err.retryable = false;
			cf_job_fail(job, &job->err);
		}
		else if (last != NULL && !last->failed && last->phase == job->phase &&
				 last->delete_source == job->delete_source &&
				 strcmp(last->requested_by, job->requested_by) == 0 &&
				 strcmp(last->source_place, job->source_place) == 0 &&
				 strcmp(last->dest_place, job->dest_place) == 0)
		{
			job->source = last->source;
			job->dest = last->dest;
		}
		else
			open_job_places(round, job);
		job->remote = is_remote(job->source) || is_remote(job->dest);
	}
}

/* outage_ms gives how long nothing will be sent to a place that does not answer; 0 = it does, or has not for too long. */
static int64
outage_ms(const CfPlace *place)
{
	int64		lasts_us;
	int64		wait_us;

	if (!is_remote(place) || !cf_net_outage(place->name, &lasts_us, &wait_us) || lasts_us > OUTAGE_MAX_US)
		return 0;
	return Min(wait_us / 1000 + 1, OUTAGE_LOOK_MS);
}

void
cf_job_fail(CfJob *job, const CfError *err)
{
	job->failed = true;
	job->ready = false;
	if (err != &job->err)
		job->err = *err;
	job->outage_ms = job->err.retryable ? Max(outage_ms(job->source), outage_ms(job->dest)) : 0;
}

/*
 * cf_job_exhausted tells whether a job that failed has used up its attempts. Being interrupted is no failure, and waiting for a place
 * that does not answer is none of the job.
 */
bool
cf_job_exhausted(const CfJob *job)
{
	return job->failed && job->err.kind != CF_ERR_CANCELLED && job->outage_ms == 0 &&
		(job->attempt + 1 >= cf_migration_attempts || job->crashes > CF_ROUND_CRASHES_MAX);
}

/* event_of tells what has happened to a job that this round could not finish. */
static CfJobEvent
event_of(const CfJob *job)
{
	bool		attempts_left = job->outage_ms > 0 || job->attempt + 1 < cf_migration_attempts;
	bool		retryable = job->err.retryable ||
		(job->phase == CF_PHASE_COPYING && job->err.kind == CF_ERR_CHANGED);

	if (job->archived && (job->phase == CF_PHASE_COPYING || job->phase == CF_PHASE_CHANGING) && job->request == CF_REQUEST_NONE)
		return CF_JOB_ARCHIVED;
	if (job->restored && job->request == CF_REQUEST_NONE)
		return CF_JOB_RESTORED;
	if (!job->failed)
		return job->request == CF_REQUEST_CANCEL ? CF_JOB_CANCEL :
			job->request == CF_REQUEST_PAUSE ? CF_JOB_PAUSE : CF_JOB_RETRY;
	if (job->phase != CF_PHASE_COPYING && job->phase != CF_PHASE_VERIFYING && job->phase != CF_PHASE_CHANGING &&
		job->phase != CF_PHASE_RESTORING)
		return CF_JOB_RETRY;
	if (job->recopy && attempts_left)
		return CF_JOB_RECOPY;
	return retryable && attempts_left ? CF_JOB_RETRY : CF_JOB_FAIL;
}

/* judge asks the table of transitions where such a job goes, and how long it waits there. */
static CfJobVerdict
judge(const CfJob *job)
{
	CfJobVerdict verdict = {job->phase, NULL, 0, job->outage_ms == 0};
	CfJobEvent	event = event_of(job);

	if (!cf_fsm_next(job->phase, event, &verdict.next))
		verdict.next = job->phase;	/* a request that came too late */
	if (event == CF_JOB_CANCEL)
		verdict.outcome = "cancelled";
	else if (event == CF_JOB_FAIL)
		verdict.outcome = "failed";
	else if (job->busy)
		verdict.delay_ms = BUSY_MS;
	else if (event == CF_JOB_ARCHIVED || event == CF_JOB_RESTORED)
		verdict.delay_ms = 0;
	else if (!job->failed && job->phase == CF_PHASE_RESTORING && event == CF_JOB_RETRY && job->tried)
		verdict.delay_ms = Min(Min(Max(job->waited_sec / 4, RESTORE_LOOK_MIN_SEC), RESTORE_LOOK_MAX_SEC),
							   Max(job->restore_left_sec, 1)) * 1000;
	else if (job->failed)
		verdict.delay_ms = job->outage_ms + cf_backoff_ms(job->attempt + 1, cf_migration_retry_ms, RETRY_MAX_MS,
														  pg_prng_uint32(&pg_global_prng_state));
	return verdict;
}

/* give_back releases every job that this round did not finish, with its error or without. */
static void
give_back(CfRound *round)
{
	MemoryContext old;

	if (!cf_round_any(&round->jobs, cf_job_held))
		return;
	for (int i = 0; i < round->jobs.count; i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		/* Being interrupted is no failure, nor is meeting an archived object. */
		job->failed &= job->err.kind != CF_ERR_CANCELLED && !job->archived;
	}
	HOLD_INTERRUPTS();
	cf_queue_begin("giving migration jobs back");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_failed(&round->jobs, cf_job_held, judge);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
}
