/*
 * engine_sql.c
 *		Rounds: claim a batch, bring every job as far as it gets, say so in one transaction per step.
 *
 * A round of small objects costs four transactions however many they are: claim; copied; switched; removed. No
 * transaction, snapshot or lock is held while bytes flow. Between two steps of a transfer pulse() pays the
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
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"

#include "core/clock.h"
#include "core/error_sql.h"
#include "core/interrupt.h"
#include "core/worker.h"
#include "migration/backoff.h"
#include "migration/engine_sql.h"
#include "migration/limit.h"
#include "migration/queue_sql.h"

#define BUFFER_BYTES (1024 * 1024)
#define BATCH_BYTES (64 * 1024 * 1024)	/* of objects claimed together; a larger one comes alone */
#define RENEW_US 1000000
#define CRASHES_MAX 10
#define RETRY_MAX_MS 300000
#define SETTLE_WAIT_MS 5
#define BUSY_MS 1000			/* until a switch is tried again that somebody's lock was in the way of */

typedef struct Round
{
	MemoryContext context;
	MemoryContextCallback release;
	CfArena		arena;			/* of the places; lives as long as the round */
	CfArena		op_arena;		/* of one operation after the other */
	CfJobs		jobs;
	char	   *buffer;
	int64		renewed_us;
	bool		stop;			/* an interrupt is pending: give everything back */
	bool		fds_reserved;
	CfTransfer	transfer;		/* at most one of these three is open */
	CfVerify	verify;
	CfOp		op;
} Round;

/* The round of this process; a static, so that the worker's cleanup finds it after an ERROR. */
static Round *current = NULL;

/* Without preload there is no shared memory: then the limit is this backend's own. */
static CfBuckets own_buckets;

static void release_round(void *arg);
static Round *begin_round(void);
static void claim(Round *round, int max_jobs);
static void open_places(Round *round);
static void copy_all(Round *round);
static void verify_all(Round *round);
static void remove_all(Round *round);
static void clean_all(Round *round);
static void roll_back_all(Round *round);
static void give_back(Round *round);

int
cf_engine_round(int max_jobs)
{
	Round	   *round = begin_round();
	int			claimed;

	claim(round, max_jobs);
	claimed = round->jobs.count;
	if (claimed > 0)
	{
		copy_all(round);
		verify_all(round);
		remove_all(round);
		clean_all(round);
		roll_back_all(round);
		give_back(round);
	}
	cf_engine_cleanup();
	CHECK_FOR_INTERRUPTS();
	return claimed;
}

void
cf_engine_cleanup(void)
{
	Round	   *round = current;

	current = NULL;
	if (round != NULL)
		MemoryContextDelete(round->context);
}

/* release_round lets go of what is not PostgreSQL's; it runs when the round's context goes, however that happens. */
static void
release_round(void *arg)
{
	Round	   *round = arg;

	cf_transfer_end(&round->transfer);
	cf_verify_end(&round->verify);
	cf_storage_op_end(&round->op);
	for (int i = 0; round->fds_reserved && i < 4; i++)
		ReleaseExternalFD();
	round->fds_reserved = false;
	if (current == round)
		current = NULL;
}

static Round *
begin_round(void)
{
	MemoryContext parent = cf_worker_is_worker() ? TopMemoryContext : PortalContext;
	MemoryContext context;
	CfAllocator allocator;
	Round	   *round;

	cf_engine_cleanup();
	context = AllocSetContextCreate(parent, "cloudflux migration round", ALLOCSET_DEFAULT_SIZES);
	round = MemoryContextAllocZero(context, sizeof(Round));
	round->context = context;
	allocator = cf_arena_context(context);
	cf_arena_init(&round->arena, &allocator, 8192, 0);
	cf_arena_init(&round->op_arena, &allocator, 8192, 0);
	round->buffer = MemoryContextAlloc(context, BUFFER_BYTES);
	round->release.func = release_round;
	round->release.arg = round;
	MemoryContextRegisterResetCallback(context, &round->release);
	for (int i = 0; i < 4; i++)
		ReserveExternalFD();
	round->fds_reserved = true;
	current = round;
	return round;
}

/*
 * stopping tells, without raising, whether the round must end; a worker takes in new settings on the way. Without its
 * postmaster the process ends at once, as it would in any wait: it keeps the server from starting again.
 */
static bool
stopping(Round *round)
{
	if (!PostmasterIsAlive())
		proc_exit(1);
	if (cf_worker_interrupt(NULL))
		round->stop = true;
	if (cf_worker_is_worker() && ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	return round->stop;
}

/* The filters of the statements. A job is ready when the work of its phase is done and not yet recorded. */
static bool
mine(const CfJob *job)
{
	return !job->lost && !job->settled && !job->failed && job->request == CF_REQUEST_NONE;
}

static bool
held(const CfJob *job)
{
	return !job->lost && !job->settled;
}

static bool
is_new_upload(const CfJob *job)
{
	return mine(job) && job->phase == CF_PHASE_COPYING;
}

static bool
is_copied(const CfJob *job)
{
	return mine(job) && job->phase == CF_PHASE_COPYING && job->ready;
}

static bool
is_verified(const CfJob *job)
{
	return mine(job) && job->phase == CF_PHASE_VERIFYING && job->ready;
}

static bool
is_removed(const CfJob *job)
{
	return held(job) && job->phase == CF_PHASE_DELETING_SOURCE && job->ready;
}

static bool
is_cleaned(const CfJob *job)
{
	return held(job) && job->phase == CF_PHASE_CLEANING && job->ready;
}

/* fail notes an error on a job. */
static void
fail(CfJob *job, const CfError *err)
{
	job->failed = true;
	job->ready = false;
	if (err != &job->err)
		job->err = *err;
}

/* any tells whether a statement has anything to say. */
static bool
any(const CfJobs *jobs, CfJobFilter filter)
{
	for (int i = 0; i < jobs->count; i++)
	{
		if (filter(&jobs->jobs[i]))
			return true;
	}
	return false;
}

/* move_on brings the jobs that a statement has recorded to their next phase. */
static void
move_on(CfJobs *jobs, CfPhase from, CfPhase to)
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


#define TRIP(name) \
	do { \
		CfError		trip_err; \
		if (CF_FAULT(name, &trip_err)) \
			cf_error_raise(&trip_err); \
	} while (0)

/*
 * claim takes a batch, opens its places on the authority of who asked, and names the uploads that are about to
 * begin: all in one transaction, which is flushed whatever synchronous_commit says. Nothing may be written under a
 * tag that a crash makes forgotten, for a job that was never submitted then, and no source deleted.
 */
static void
claim(Round *round, int max_jobs)
{
	int			limit = max_jobs > 0 && max_jobs < cf_migration_batch ? max_jobs : cf_migration_batch;
	MemoryContext old;

	cf_queue_begin("claiming migration jobs");
	old = MemoryContextSwitchTo(round->context);
	round->jobs = cf_queue_claim(limit, BATCH_BYTES, cf_migration_lease_sec);
	open_places(round);
	for (int i = 0; i < round->jobs.count; i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		if (!is_new_upload(job))
			continue;
		if (job->upload_tag[0] != '\0')
			cf_queue_load_parts(job);
		if (job->upload_tag[0] == '\0' || job->took_over)
		{
			job->stale_tag = job->upload_tag;
			job->upload_tag = psprintf("%s-" INT64_FORMAT, job->job_id, job->fence);
			job->part_count = 0;
		}
	}
	cf_queue_record_tags(&round->jobs, is_new_upload);
	MemoryContextSwitchTo(old);
	cf_queue_commit(round->jobs.count > 0);
	round->renewed_us = cf_clock_monotonic_us();
	TRIP("migration_claimed");
}

/* open_place opens a place once per round and role. */
static CfPlace *
open_place(Round *round, const char *name, Oid role, bool for_write, CfError *err)
{
	CfPlace    *place;

	if (cf_storage_place_open(name, role, for_write, &round->arena, &place, err))
		return place;
	return NULL;
}

/* open_job_places opens what the job's phase needs; what cannot be opened is the job's error. */
static void
open_job_places(Round *round, CfJob *job)
{
	Oid			role = get_role_oid(job->requested_by, true);
	bool		deletes = job->delete_source || job->phase == CF_PHASE_DELETING_SOURCE;

	if (!OidIsValid(role))
	{
		cf_error_set(&job->err, CF_ERR_DENIED, "role \"%s\", who asked for job \"%s\", does not exist any more",
					 job->requested_by, job->job_id);
		cf_error_hint(&job->err, "Submit the job again as a role that exists.");
		fail(job, &job->err);
		return;
	}
	if (job->phase != CF_PHASE_CLEANING)
		job->source = open_place(round, job->source_place, role, deletes, &job->err);
	if (job->dest_place[0] != '\0' && job->phase != CF_PHASE_DELETING_SOURCE)
		job->dest = open_place(round, job->dest_place, role, true, &job->err);
	if ((job->source == NULL && job->phase != CF_PHASE_CLEANING) ||
		(job->dest == NULL && job->dest_place[0] != '\0' && job->phase != CF_PHASE_DELETING_SOURCE))
		fail(job, &job->err);
}

/* open_places also sorts out the jobs that have taken too many movers down with them. */
static void
open_places(Round *round)
{
	for (int i = 0; i < round->jobs.count; i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];
		CfJob	   *last = i > 0 ? &round->jobs.jobs[i - 1] : NULL;

		if (job->crashes > CRASHES_MAX)
		{
			cf_error_set(&job->err, CF_ERR_STATE, "%d movers died or lost their lease while they worked on job \"%s\"",
						 job->crashes, job->job_id);
			cf_error_hint(&job->err, "Look for the cause in the server's log, then use cloudflux.retry_migration().");
			job->err.retryable = false;
			fail(job, &job->err);
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
	}
}

/* relimit takes in changed bandwidth limits of the places that are open. */
static void
relimit(Round *round)
{
	const CfPlace *source = NULL;
	const CfPlace *dest = NULL;

	for (int i = 0; i < round->jobs.count; i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		if (job->source != NULL && job->source != source)
			cf_storage_place_relimit(job->source);
		if (job->dest != NULL && job->dest != dest)
			cf_storage_place_relimit(job->dest);
		source = job->source;
		dest = job->dest;
	}
}

/* renew tells the queue that this mover lives, shows progress, and hears requests and limits. */
static void
renew(Round *round)
{
	MemoryContext old;

	HOLD_INTERRUPTS();
	cf_queue_begin("renewing leases of migration jobs");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_renew(&round->jobs, held, cf_migration_lease_sec);
	MemoryContextSwitchTo(old);
	relimit(round);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	round->renewed_us = cf_clock_monotonic_us();
}

/* limit_rate is the lowest bandwidth limit in force for a pair of places; 0 = none. */
static int64
limit_rate(const CfPlace *source, const CfPlace *dest)
{
	int64		rates[3] = {(int64) cf_migration_bandwidth_kb * 1024, source->bandwidth_limit, dest->bandwidth_limit};
	int64		lowest = 0;

	for (int i = 0; i < 3; i++)
	{
		if (rates[i] > 0 && (lowest == 0 || rates[i] < lowest))
			lowest = rates[i];
	}
	return lowest;
}

/* buffer_bytes keeps one step within an eighth of a second of the limit, so that a changed limit acts soon. */
static size_t
buffer_bytes(const CfPlace *source, const CfPlace *dest)
{
	int64		rate = limit_rate(source, dest);

	if (rate <= 0 || rate / 8 >= BUFFER_BYTES)
		return BUFFER_BYTES;
	return rate / 8 < 4096 ? 4096 : (size_t) (rate / 8);
}

/* throttle waits until the bytes of the last step are paid for. */
static void
throttle(Round *round, const CfPlace *source, const CfPlace *dest, int64 bytes)
{
	CfBuckets  *buckets = cf_migration_buckets != NULL ? cf_migration_buckets : &own_buckets;
	int64		rate = (int64) cf_migration_bandwidth_kb * 1024;
	int64		now_us = cf_clock_monotonic_us();
	int64		until_us;

	if (bytes <= 0 || limit_rate(source, dest) == 0)
		return;
	until_us = cf_limit_take(buckets, source->name, rate, source->bandwidth_limit, bytes, now_us);
	until_us = now_us + Max(until_us, cf_limit_take(buckets, dest->name, 0, dest->bandwidth_limit, bytes, now_us));
	while (!stopping(round) && (now_us = cf_clock_monotonic_us()) < until_us &&
		   limit_rate(source, dest) > 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Min((until_us - now_us) / 1000 + 1, 50), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		/* A step at a very low limit waits longer than a lease. */
		if (now_us - round->renewed_us >= RENEW_US)
			renew(round);
	}
}

/*
 * still_held is asked before anything is created or removed: whoever slept longer than its lease must not leave an
 * upload behind, nor remove what another mover has made of the job meanwhile. It also keeps the leases of a long batch.
 */
static bool
still_held(Round *round, const CfJob *job)
{
	if (cf_clock_monotonic_us() - round->renewed_us >= RENEW_US)
		renew(round);
	return held(job);
}

/* pulse is called between two steps of a transfer; false = leave this job now. */
static bool
pulse(Round *round, CfJob *job, int64 limited_bytes)
{
	throttle(round, job->source, job->dest, limited_bytes);
	if (stopping(round))
		return false;
	if (cf_clock_monotonic_us() - round->renewed_us >= RENEW_US)
		renew(round);
	return !job->lost && job->request == CF_REQUEST_NONE;
}

/* drive runs one storage operation to its end; all operations but reading and writing bytes are a few steps. */
#define DRIVE(round, step, call) \
	do { \
		(step) = (call); \
	} while ((step) == CF_STEP_AGAIN && !stopping(round))

/* take_op_error keeps what an operation said; one that was left in the middle was interrupted. */
static void
take_op_error(Round *round, CfStep step, const char *key, CfError *err)
{
	if (step == CF_STEP_DONE || step == CF_STEP_ERROR)
		*err = round->op.err;
	else
		cf_error_set(err, CF_ERR_CANCELLED, "work on \"%s\" was interrupted", key);
}

/*
 * metadata_of is what the destination will say of itself: who it is, so that a catalog can be built again. More
 * would not fit into an inode of ext4 beside the rest, and cost a block of 4 KiB for each object.
 */
static char *
metadata_of(const CfJob *job)
{
	return psprintf("file_id=%s\n", job->file_id);
}

/* abort_upload removes what lies half-written under a tag; what cannot be removed now is found by the sweep. */
static bool
abort_upload(Round *round, CfPlace *dest, const char *key, const char *tag, const char *handle, CfError *err)
{
	CfUpload	upload = {0};
	CfStep		step;

	if (tag[0] == '\0')
		return true;
	upload.args.key = key;
	upload.args.owner_tag = tag;
	upload.args.content_type = upload.args.storage_class = upload.args.metadata = "";
	strlcpy(upload.handle, handle, sizeof(upload.handle));
	cf_storage_op_init(&round->op, dest, &round->op_arena);
	DRIVE(round, step, cf_storage_upload_abort(&round->op, &upload));
	take_op_error(round, step, key, err);
	cf_storage_op_end(&round->op);
	cf_arena_reset(&round->op_arena);
	return step == CF_STEP_DONE;
}

/* remove_object removes one version of one object; false = error, in err. */
static bool
remove_object(Round *round, CfPlace *place, const char *key, const char *version, const char *tag,
			  CfRemoved *removed, CfError *err)
{
	CfStep		step;

	cf_storage_op_init(&round->op, place, &round->op_arena);
	DRIVE(round, step, cf_storage_remove(&round->op, key, version, tag, removed));
	take_op_error(round, step, key, err);
	cf_storage_op_end(&round->op);
	cf_arena_reset(&round->op_arena);
	return step == CF_STEP_DONE;
}

/* stat_version reads the present version of an object; "" when it is not there. */
static bool
stat_version(Round *round, CfPlace *place, const char *key, char version[CF_STORAGE_VERSION_MAX + 1], CfError *err)
{
	CfObjectStat stat;
	CfStep		step;

	cf_storage_op_init(&round->op, place, &round->op_arena);
	DRIVE(round, step, cf_storage_stat(&round->op, key, &stat));
	take_op_error(round, step, key, err);
	version[0] = '\0';
	if (step == CF_STEP_DONE)
		strlcpy(version, stat.version, CF_STORAGE_VERSION_MAX + 1);
	cf_storage_op_end(&round->op);
	cf_arena_reset(&round->op_arena);
	return step == CF_STEP_DONE || (step == CF_STEP_ERROR && err->kind == CF_ERR_NOT_FOUND);
}

/* checkpoint makes a finished part known, so that a crash does not copy it again. */
static void
checkpoint(Round *round, CfJob *job)
{
	MemoryContext old;

	HOLD_INTERRUPTS();
	cf_queue_begin("recording a part of a migration job");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_part(job, &round->transfer.part, round->transfer.source_stat.version);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	TRIP("migration_part_recorded");
}

/* take_copy keeps what a finished copy told, and refuses bytes that are not those of an earlier move of this version. */
static void
take_copy(CfJob *job, const CfTransfer *transfer)
{
	job->size_bytes = transfer->source_stat.size_bytes;
	job->sealed_version = pstrdup(transfer->sealed_version);
	job->upload_handle = pstrdup(transfer->upload.handle);
	memcpy(job->digest, transfer->sha256, CF_HASH_SHA256_BYTES);
	job->ready = true;
	if (job->known_sha256 == NULL || strcmp(job->source_version, transfer->source_stat.version) != 0)
		job->known_sha256 = NULL;
	job->source_version = pstrdup(transfer->source_stat.version);
	if (job->known_sha256 != NULL && VARSIZE_ANY_EXHDR(job->known_sha256) == CF_HASH_SHA256_BYTES &&
		memcmp(VARDATA_ANY(job->known_sha256), job->digest, CF_HASH_SHA256_BYTES) != 0)
	{
		cf_error_set(&job->err, CF_ERR_IO, "object \"%s\" in place \"%s\" is damaged", job->source_key, job->source_place);
		cf_error_detail(&job->err, "Its version has not changed, but its SHA-256 is not the one recorded when it came here.");
		cf_error_hint(&job->err, "Restore it from a replica or a backup; the damaged source was left where it is.");
		job->err.retryable = false;
		fail(job, &job->err);
	}
}

static void
copy_one(Round *round, CfJob *job)
{
	CfTransferArgs args = {
		.source = job->source, .dest = job->dest, .source_key = job->source_key, .dest_key = job->dest_key,
		.dest_class = job->dest_class, .content_type = job->content_type, .metadata = metadata_of(job),
		.owner_tag = job->upload_tag, .resume = job->stale_tag == NULL, .part_bytes = (int64) cf_migration_part_kb * 1024,
		.parts = job->parts, .part_count = job->part_count, .parts_version = job->parts_version,
		.buffer = round->buffer, .buffer_bytes = BUFFER_BYTES,
	};
	int64		start_us = cf_clock_monotonic_us();
	CfError		ignored;
	CfStep		step;

	if (job->stale_tag != NULL && job->stale_tag[0] != '\0')
		abort_upload(round, job->dest, job->dest_key, job->stale_tag, job->upload_handle, &ignored);
	job->started = GetCurrentTimestamp();
	cf_transfer_begin(&round->transfer, &args, &round->op_arena);
	do
	{
		round->transfer.args.buffer_bytes = buffer_bytes(job->source, job->dest);
		round->transfer.args.now_us = cf_clock_now_us();
		step = cf_transfer_copy(&round->transfer, &job->err);
		job->bytes_done = round->transfer.done_bytes;
		job->sent_bytes = round->transfer.sent_bytes;
		job->rate_bps = job->sent_bytes * 1e6 / Max(cf_clock_monotonic_us() - start_us, 1);
		if (step == CF_STEP_AGAIN && round->transfer.part_finished)
			checkpoint(round, job);
		if (round->transfer.settling)
		{
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, SETTLE_WAIT_MS, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
		}
	} while (step == CF_STEP_AGAIN && pulse(round, job, round->transfer.step_bytes));
	if (step == CF_STEP_DONE)
		take_copy(job, &round->transfer);
	else if (step == CF_STEP_ERROR)
		fail(job, &job->err);
	cf_transfer_end(&round->transfer);
	cf_arena_reset(&round->op_arena);
}

static void
copy_all(Round *round)
{
	MemoryContext old = MemoryContextSwitchTo(round->context);

	for (int i = 0; i < round->jobs.count && !stopping(round); i++)
	{
		if (mine(&round->jobs.jobs[i]) && round->jobs.jobs[i].phase == CF_PHASE_COPYING &&
			still_held(round, &round->jobs.jobs[i]))
			copy_one(round, &round->jobs.jobs[i]);
	}
	MemoryContextSwitchTo(old);
	if (!any(&round->jobs, is_copied))
		return;
	TRIP("migration_copied");
	HOLD_INTERRUPTS();
	cf_queue_begin("recording copied objects");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_copied(&round->jobs, is_copied);
	MemoryContextSwitchTo(old);
	/* Before the object appears, it must be certain that it will be recognised as ours. */
	cf_queue_commit(true);
	RESUME_INTERRUPTS();
	for (int i = 0; i < round->jobs.count; i++)
	{
		if (round->jobs.jobs[i].sealed_version != NULL)
			round->jobs.jobs[i].dest_version = round->jobs.jobs[i].sealed_version;
	}
	move_on(&round->jobs, CF_PHASE_COPYING, CF_PHASE_VERIFYING);
	TRIP("migration_copied_recorded");
}

/*
 * undo_copy removes a copy that is of no use: what was sealed under our version, and the upload. What cannot
 * be removed stays an error of the job.
 */
static bool
undo_copy(Round *round, CfJob *job, CfError *err)
{
	CfRemoved	removed;
	char	   *tag = psprintf("%s-c", job->upload_tag[0] != '\0' ? job->upload_tag : job->job_id);

	if (!abort_upload(round, job->dest, job->dest_key, job->upload_tag, job->upload_handle, err))
		return false;
	return job->dest_version[0] == '\0' ||
		remove_object(round, job->dest, job->dest_key, job->dest_version, tag, &removed, err);
}

static void
verify_one(Round *round, CfJob *job)
{
	CfVerifyArgs args = {
		.source = job->source, .dest = job->dest, .source_key = job->source_key,
		.source_version = job->source_version, .dest_key = job->dest_key,
		.sealed_version = job->dest_version, .owner_tag = job->upload_tag, .handle = job->upload_handle,
		.size_bytes = job->size_bytes, .sha256 = job->digest,
		.buffer = round->buffer, .buffer_bytes = BUFFER_BYTES,
	};
	CfError		undo_err;
	CfStep		step;

	cf_verify_begin(&round->verify, &args, &round->op_arena);
	do
	{
		step = cf_verify_step(&round->verify, &job->err);
	} while (step == CF_STEP_AGAIN && pulse(round, job, 0));
	if (step == CF_STEP_DONE)
	{
		job->dest_version = pstrdup(round->verify.dest_stat.version);
		job->ready = true;
	}
	cf_verify_end(&round->verify);
	cf_arena_reset(&round->op_arena);
	if (step != CF_STEP_ERROR)
		return;
	fail(job, &job->err);
	/* What is not found is the upload or the copy, never the source: see verify_source(). */
	job->recopy = job->err.kind == CF_ERR_CHANGED || job->err.kind == CF_ERR_NOT_FOUND;
	if (job->recopy && (!still_held(round, job) || !undo_copy(round, job, &undo_err)))
		job->recopy = false;
}

static void
verify_all(Round *round)
{
	MemoryContext old = MemoryContextSwitchTo(round->context);
	bool		durable = false;

	for (int i = 0; i < round->jobs.count && !stopping(round); i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		if (mine(job) && job->phase == CF_PHASE_VERIFYING)
			verify_one(round, job);
		durable |= job->ready && job->delete_source;
	}
	MemoryContextSwitchTo(old);
	if (!any(&round->jobs, is_verified))
		return;
	TRIP("migration_before_switch");
	HOLD_INTERRUPTS();
	cf_queue_begin("switching the catalog to moved objects");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_switched(&round->jobs, is_verified);
	MemoryContextSwitchTo(old);
	cf_queue_commit(durable);
	RESUME_INTERRUPTS();
	for (int i = 0; i < round->jobs.count; i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		/* record_switched() told the phase that follows: done, grace or deleting_source */
		if (job->ready && (job->phase == CF_PHASE_DONE || job->phase == CF_PHASE_GRACE))
			job->settled = true;
		if (job->ready)
			job->source_is_primary = false;
		if (job->phase == CF_PHASE_DELETING_SOURCE)
			job->ready = false;
	}
	TRIP("migration_switched");
}

/*
 * pin_address finds out which version lies at an address that has none in the catalog, and records it: a crash after the
 * removal has begun must know again what it was removing. "" = nothing lies there.
 */
static bool
pin_address(Round *round, CfJob *job, CfPlace *place, CfAddress *address)
{
	char		present[CF_STORAGE_VERSION_MAX + 1];
	MemoryContext old;

	if (!stat_version(round, place, address->key, present, &job->err))
		return false;
	address->version = pstrdup(present);
	if (present[0] == '\0')
		return true;
	HOLD_INTERRUPTS();
	cf_queue_begin("recording the version of an object");
	old = MemoryContextSwitchTo(round->context);
	job->lost = !cf_queue_record_pinned(job, address);
	MemoryContextSwitchTo(old);
	cf_queue_commit(true);
	RESUME_INTERRUPTS();
	return !job->lost;
}

/* remove_address removes one address of an object, and notes why when it must stay. The tag is the address's own. */
static bool
remove_address(Round *round, CfJob *job, CfPlace *place, CfAddress *address, const char *tag)
{
	const char *key = address->key;
	CfRemoved	removed;

	if (address->version[0] == '\0' && !pin_address(round, job, place, address))
		return false;
	if (address->version[0] == '\0')
		return true;
	if (!remove_object(round, place, key, address->version, tag, &removed, &job->err))
		return false;
	if (removed == CF_REMOVED_CHANGED)
		job->kept = psprintf("\"%s\" in place \"%s\" changed since it was catalogued or copied; it was left alone",
							 key, place->name);
	else if (removed == CF_REMOVED_KEPT)
		job->kept = pstrdup(job->err.message);
	return true;
}

/* remove_every_address serves delete_object(): the object and all its replicas. */
static bool
remove_every_address(Round *round, CfJob *job)
{
	CfAddress  *addresses;
	CfPlace   **places;
	bool		ok = true;
	int			count;
	MemoryContext old;

	HOLD_INTERRUPTS();
	cf_queue_begin("reading the addresses of an object");
	old = MemoryContextSwitchTo(round->context);
	addresses = cf_queue_addresses(job, &count);
	places = palloc0(sizeof(CfPlace *) * (count + 1));
	for (int i = 0; i < count && ok; i++)
	{
		places[i] = open_place(round, addresses[i].place, get_role_oid(job->requested_by, false), true, &job->err);
		ok = places[i] != NULL;
	}
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	/* What must stay keeps the object in the catalog, so the address that the catalog points to goes last. */
	for (int i = 0; i < count && ok && job->kept == NULL; i++)
		ok = remove_address(round, job, places[i], &addresses[i], psprintf("%s-%d", job->job_id, i));
	return ok;
}

/* exhausted tells whether a job that failed has used up its attempts. Being interrupted is no failure. */
static bool
exhausted(const CfJob *job)
{
	return job->failed && job->err.kind != CF_ERR_CANCELLED && (job->attempt + 1 >= cf_migration_attempts || job->crashes > CRASHES_MAX);
}

/* give_up_removing keeps a source that could not be deleted, so that no job is stranded; it stays a replica. */
static bool
give_up_removing(CfJob *job)
{
	if (!exhausted(job))
		return false;
	job->kept = psprintf("it could not be deleted: %s", job->err.message);
	job->failed = false;
	return true;
}

/*
 * keep_primary keeps a source that the object has come back to since the job was submitted: somebody rolled an earlier job
 * back, or pointed the catalog there.
 */
static bool
keep_primary(CfJob *job)
{
	if (!job->source_is_primary)
		return false;
	job->kept = pstrdup("the catalog says that the object lies there");
	return true;
}

static void
remove_all(Round *round)
{
	MemoryContext old = MemoryContextSwitchTo(round->context);

	for (int i = 0; i < round->jobs.count && !stopping(round); i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];
		CfAddress	source = {job->source_place, job->source_key, job->source_version};
		bool		ok;

		if (job->phase != CF_PHASE_DELETING_SOURCE || !still_held(round, job))
			continue;
		if (!job->failed)
		{
			ok = strcmp(job->kind, "delete") == 0 ? remove_every_address(round, job) :
				keep_primary(job) ? true :
				remove_address(round, job, job->source, &source, job->job_id);
			if (!ok)
				fail(job, &job->err);
		}
		job->ready = !job->failed || give_up_removing(job);
	}
	MemoryContextSwitchTo(old);
	if (!any(&round->jobs, is_removed))
		return;
	TRIP("migration_removed");
	HOLD_INTERRUPTS();
	cf_queue_begin("recording removed sources");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_removed(&round->jobs, is_removed);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	move_on(&round->jobs, CF_PHASE_DELETING_SOURCE, CF_PHASE_DONE);
	TRIP("migration_removed_recorded");
}

static void
clean_all(Round *round)
{
	MemoryContext old = MemoryContextSwitchTo(round->context);

	for (int i = 0; i < round->jobs.count && !stopping(round); i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		if (job->phase != CF_PHASE_CLEANING || !still_held(round, job))
			continue;
		if (job->upload_tag[0] == '\0' && job->dest_version[0] == '\0')
			job->failed = false;	/* nothing was ever begun, so it does not matter that the place cannot be opened */
		else if (!job->failed && !undo_copy(round, job, &job->err))
			fail(job, &job->err);
		/* What cannot be cleaned in all attempts is left to the sweep of old uploads. */
		job->ready = !job->failed || exhausted(job);
	}
	MemoryContextSwitchTo(old);
	if (!any(&round->jobs, is_cleaned))
		return;
	TRIP("migration_cleaned");
	HOLD_INTERRUPTS();
	cf_queue_begin("ending migration jobs");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_cleaned(&round->jobs, is_cleaned);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	move_on(&round->jobs, CF_PHASE_CLEANING, CF_PHASE_DONE);
}

/* in_transaction runs one question or statement about a job in a transaction of its own. */
static bool
in_transaction(Round *round, CfJob *job, const char *activity, bool (*statement) (CfJob *job), bool durable)
{
	MemoryContext old;
	bool		answer;

	HOLD_INTERRUPTS();
	cf_queue_begin(activity);
	old = MemoryContextSwitchTo(round->context);
	answer = statement(job);
	MemoryContextSwitchTo(old);
	cf_queue_commit(durable);
	RESUME_INTERRUPTS();
	return answer;
}

static bool
ask_points_back(CfJob *job)
{
	return cf_queue_points_back(job);
}

static bool
say_rolled_back(CfJob *job)
{
	return cf_queue_record_rolled_back(job);
}

/* point_back changes the pointers if both ends still are what they were; a reason not to goes into job->kept. */
static bool
point_back(Round *round, CfJob *job)
{
	char		version[CF_STORAGE_VERSION_MAX + 1];

	if (in_transaction(round, job, "looking where an object is", ask_points_back, false))
		return true;
	if (!stat_version(round, job->source, job->source_key, version, &job->err))
		return false;
	if (strcmp(version, job->source_version) != 0)
		job->kept = version[0] == '\0' ? "the source is gone" : "the source changed after it was copied";
	else if (!stat_version(round, job->dest, job->dest_key, version, &job->err))
		return false;
	else if (strcmp(version, job->dest_version) != 0)
		job->kept = "the object at the destination changed after it arrived";
	if (job->kept != NULL)
		return true;
	if (!in_transaction(round, job, "rolling a migration back", cf_queue_record_rolling_back, true))
		job->lost = true;
	TRIP("migration_pointed_back");
	return !job->lost;
}

/* roll_back_one points back and removes the copy; a copy that changed, or that the store locks, stays as a replica. */
static void
roll_back_one(Round *round, CfJob *job)
{
	CfRemoved	removed;
	bool		ok = point_back(round, job);

	if (!still_held(round, job))
		return;
	if (ok && job->kept == NULL)
	{
		ok = remove_object(round, job->dest, job->dest_key, job->dest_version, job->job_id, &removed, &job->err);
		if (ok && removed == CF_REMOVED_CHANGED)
			job->kept = "the copy changed after it arrived; it was left where it is";
		else if (ok && removed == CF_REMOVED_KEPT)
			job->kept = pstrdup(job->err.message);
	}
	if (!ok)
		fail(job, &job->err);
}

/* What cannot be rolled back in all attempts ends where it is, with the reason: no job is stranded. */
static void
roll_back_all(Round *round)
{
	MemoryContext old = MemoryContextSwitchTo(round->context);

	for (int i = 0; i < round->jobs.count && !stopping(round); i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		if (!held(job) || job->phase != CF_PHASE_ROLLING_BACK)
			continue;
		if (!job->failed)
			roll_back_one(round, job);
		if (exhausted(job))
			job->kept = psprintf("it could not be rolled back: %s", job->err.message);
		else if (job->failed || job->lost)
			continue;
		in_transaction(round, job, "ending a rollback", say_rolled_back, false);
		job->settled = true;
	}
	MemoryContextSwitchTo(old);
}

/* event_of tells what has happened to a job that this round could not finish. */
static CfJobEvent
event_of(const CfJob *job)
{
	bool		attempts_left = job->attempt + 1 < cf_migration_attempts;
	bool		retryable = job->err.retryable ||
		(job->phase == CF_PHASE_COPYING && job->err.kind == CF_ERR_CHANGED);

	if (!job->failed)
		return job->request == CF_REQUEST_CANCEL ? CF_JOB_CANCEL :
			job->request == CF_REQUEST_PAUSE ? CF_JOB_PAUSE : CF_JOB_RETRY;
	if (job->phase != CF_PHASE_COPYING && job->phase != CF_PHASE_VERIFYING)
		return CF_JOB_RETRY;
	if (job->recopy && attempts_left)
		return CF_JOB_RECOPY;
	return retryable && attempts_left ? CF_JOB_RETRY : CF_JOB_FAIL;
}

/* judge asks the table of transitions where such a job goes, and how long it waits there. */
static CfJobVerdict
judge(const CfJob *job)
{
	CfJobVerdict verdict = {job->phase, NULL, 0};
	CfJobEvent	event = event_of(job);

	if (!cf_fsm_next(job->phase, event, &verdict.next))
		verdict.next = job->phase;	/* a request that came too late */
	if (event == CF_JOB_CANCEL)
		verdict.outcome = "cancelled";
	else if (event == CF_JOB_FAIL)
		verdict.outcome = "failed";
	else if (job->busy)
		verdict.delay_ms = BUSY_MS;
	else if (job->failed)
		verdict.delay_ms = cf_backoff_ms(job->attempt + 1, cf_migration_retry_ms, RETRY_MAX_MS,
										 pg_prng_uint32(&pg_global_prng_state));
	return verdict;
}

/* give_back releases every job that this round did not finish, with its error or without. */
static void
give_back(Round *round)
{
	MemoryContext old;

	if (!any(&round->jobs, held))
		return;
	for (int i = 0; i < round->jobs.count; i++)
		round->jobs.jobs[i].failed &= round->jobs.jobs[i].err.kind != CF_ERR_CANCELLED;
	HOLD_INTERRUPTS();
	cf_queue_begin("giving migration jobs back");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_failed(&round->jobs, held, judge);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
}
