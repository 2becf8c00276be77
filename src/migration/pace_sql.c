/*
 * pace_sql.c
 *		What happens between two steps of a round: interrupts, leases, requests, bandwidth.
 *
 * A round never raises in the middle and never waits without a limit. It stops when asked, and only then lets the
 * interrupt happen; it knows how old its word on the leases is, and looks before it touches a store after a pause.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "utils/guc.h"

#include "core/clock.h"
#include "core/worker.h"
#include "migration/limit.h"
#include "migration/round_sql.h"

#define RENEW_US 1000000
#define HEAR_US 100000

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

/* relimit takes in changed limits of the places that are open. */
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
	round->renewed_us = round->heard_us = cf_clock_monotonic_us();
}

/* local_rate is the limit of a place that this room keeps: `net` keeps those of remote places, over all their requests. */
static int64
local_rate(const CfPlace *place)
{
	CfCaps		caps;

	cf_storage_caps(place, &caps);
	return caps.remote ? 0 : place->bandwidth_limit;
}

/* limit_rate is the lowest bandwidth limit in force for a pair of places; 0 = none. */
static int64
limit_rate(const CfPlace *source, const CfPlace *dest)
{
	int64		rates[3] = {(int64) cf_migration_bandwidth_kb * 1024, 0, 0};
	int64		lowest = 0;

	if (source != NULL && source->bandwidth_limit > 0)
		rates[1] = local_rate(source);
	if (dest != NULL && dest->bandwidth_limit > 0)
		rates[2] = local_rate(dest);
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

/* cf_lane_pay charges the bytes of a step; the lane goes on when they are paid for. What is remote, `net` limits by itself. */
void
cf_lane_pay(CfLane *lane, int64 bytes)
{
	CfBuckets  *buckets = cf_migration_buckets != NULL ? cf_migration_buckets : &own_buckets;
	const CfPlace *source = lane->job->source;
	const CfPlace *dest = lane->job->dest;
	int64		rate = (int64) cf_migration_bandwidth_kb * 1024;
	int64		now_us;
	int64		until_us;

	if (bytes <= 0 || limit_rate(source, dest) == 0)
		return;
	now_us = cf_clock_monotonic_us();
	until_us = cf_limit_take(buckets, source->name, rate, local_rate(source), bytes, now_us);
	until_us = Max(until_us, cf_limit_take(buckets, dest->name, 0, local_rate(dest), bytes, now_us));
	lane->pay_until_us = now_us + until_us;
}

/* cf_lane_paid tells whether a lane may go on; a limit that was lifted meanwhile holds nobody. */
bool
cf_lane_paid(const CfLane *lane, int64 now_us)
{
	return lane->pay_until_us <= now_us || limit_rate(lane->job->source, lane->job->dest) == 0;
}

/*
 * cf_round_still_held is asked before anything is created or removed: whoever slept longer than its lease must not leave an
 * upload behind, nor remove what another mover has made of the job meanwhile. It also keeps the leases of a long batch.
 */
bool
cf_round_still_held(CfRound *round, CfJob *job)
{
	round->driven = job;
	if (cf_clock_monotonic_us() - round->renewed_us >= RENEW_US)
		renew(round);
	return cf_job_held(job);
}

/* cf_round_in_transaction runs one question or statement about a job in a transaction of its own. */
bool
cf_round_in_transaction(CfRound *round, CfJob *job, const char *activity, bool (*statement) (CfJob *job), bool durable)
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

/* hear listens for requests alone, without a word about progress. */
static void
hear(CfRound *round)
{
	MemoryContext old;

	HOLD_INTERRUPTS();
	cf_queue_begin("listening for requests");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_hear(&round->jobs, cf_job_held);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	round->heard_us = cf_clock_monotonic_us();
}

/* cf_round_attend is called between two steps: it renews leases, and hears in time who wants something of a remote job. */
void
cf_round_attend(CfRound *round)
{
	int64		now_us = cf_clock_monotonic_us();

	if (now_us - round->renewed_us >= RENEW_US)
		renew(round);
	else if (round->net != NULL && now_us - round->heard_us >= HEAR_US)
		hear(round);
	cf_round_meter(round);
}
