/*
 * pace_sql.c
 *		What happens between two steps of a round: interrupts, leases, requests, bandwidth.
 *
 * A round never raises in the middle and never waits without a limit. It stops when asked, and only then lets the
 * interrupt happen; it knows how old its word on the leases is, and looks before it touches a store after a pause.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "utils/guc.h"

#include "core/clock.h"
#include "core/worker.h"
#include "migration/limit.h"
#include "migration/round_sql.h"

#define RENEW_US 1000000

/* Without preload there is no shared memory: then the limit is this backend's own. */
static CfBuckets own_buckets;

/*
 * cf_round_stopping tells, without raising, whether the round must end; a worker takes in new settings on the way. Without its
 * postmaster the process ends at once, as it would in any wait: it keeps the server from starting again.
 */
bool
cf_round_stopping(CfRound *round)
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

/* relimit takes in changed bandwidth limits of the places that are open. */
static void
relimit(CfRound *round)
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
renew(CfRound *round)
{
	MemoryContext old;

	HOLD_INTERRUPTS();
	cf_queue_begin("renewing leases of migration jobs");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_renew(&round->jobs, cf_job_held, cf_migration_lease_sec);
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

/* cf_round_buffer_bytes keeps one step within an eighth of a second of the limit, so that a changed limit acts soon. */
size_t
cf_round_buffer_bytes(const CfPlace *source, const CfPlace *dest)
{
	int64		rate = limit_rate(source, dest);

	if (rate <= 0 || rate / 8 >= CF_ROUND_BUFFER_BYTES)
		return CF_ROUND_BUFFER_BYTES;
	return rate / 8 < 4096 ? 4096 : (size_t) (rate / 8);
}

/* throttle waits until the bytes of the last step are paid for. */
static void
throttle(CfRound *round, const CfPlace *source, const CfPlace *dest, int64 bytes)
{
	CfBuckets  *buckets = cf_migration_buckets != NULL ? cf_migration_buckets : &own_buckets;
	int64		rate = (int64) cf_migration_bandwidth_kb * 1024;
	int64		now_us = cf_clock_monotonic_us();
	int64		until_us;

	if (bytes <= 0 || limit_rate(source, dest) == 0)
		return;
	until_us = cf_limit_take(buckets, source->name, rate, source->bandwidth_limit, bytes, now_us);
	until_us = now_us + Max(until_us, cf_limit_take(buckets, dest->name, 0, dest->bandwidth_limit, bytes, now_us));
	while (!cf_round_stopping(round) && (now_us = cf_clock_monotonic_us()) < until_us &&
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
 * cf_round_still_held is asked before anything is created or removed: whoever slept longer than its lease must not leave an
 * upload behind, nor remove what another mover has made of the job meanwhile. It also keeps the leases of a long batch.
 */
bool
cf_round_still_held(CfRound *round, const CfJob *job)
{
	if (cf_clock_monotonic_us() - round->renewed_us >= RENEW_US)
		renew(round);
	return cf_job_held(job);
}

/* cf_round_pulse is called between two steps of a transfer; false = leave this job now. */
bool
cf_round_pulse(CfRound *round, CfJob *job, int64 limited_bytes)
{
	throttle(round, job->source, job->dest, limited_bytes);
	if (cf_round_stopping(round))
		return false;
	if (cf_clock_monotonic_us() - round->renewed_us >= RENEW_US)
		renew(round);
	return !job->lost && job->request == CF_REQUEST_NONE;
}
