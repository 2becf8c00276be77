/*
 * lanes_sql.c
 *		Many jobs at once: each on a lane, stepped when it can go on, while the requests of the others are on their way.
 *
 * One loop: give free lanes a job, step the lanes that do not wait, hand their requests to the engine of `net`, record what
 * is ready, wait on the latch for answers. No transaction is open while it waits. Jobs between LOCAL places go one
 * after the other on one lane, whose steps never wait, and their outcome is recorded for all of them together; the others
 * use up to cloudflux.migration_transfers lanes, and are recorded at the latest RECORD_US after the first got ready.
 *
 * A lane never holds a connection while it waits for another one: requests carry whole bodies, and a part is read before
 * it is sent. So reading and writing cannot starve each other, however few connections a place allows. What a lane
 * keeps in memory is charged to the round before it is allocated; who does not get it waits until another lane is done.
 *
 * Whatever ends a round, requests that are under way are forgotten before the memory of their answers goes.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "migration/round_sql.h"
#include "net/net_sql.h"

#define RECORD_US 50000
#define WAIT_MS 100				/* until requests of people are listened for again */
#define SETTLE_WAIT_MS 5
#define LANE_DESCRIPTORS (2 * CF_TRANSFER_LINES)	/* of the LOCAL end of a lane's lines */

static bool fill_lanes(CfRound *round);
static CfLane *free_lane(CfRound *round);
static bool step_lanes(CfRound *round);
static void end_lane(CfRound *round, CfLane *lane, CfStep step);
static bool record(CfRound *round);
static void wait_for_lanes(CfRound *round, bool moved);

/* cf_round_work brings every job of the round as far as it gets: copied, verified, switched, its source removed. */
void
cf_round_work(CfRound *round)
{
	for (;;)
	{
		bool		moved;

		/* First of all: whoever slept in the wait below may have lost its jobs, and must not send the next request for them. */
		cf_round_attend(round);
		moved = fill_lanes(round);
		if (round->busy == 0 && !record(round))
			break;
		moved |= step_lanes(round);
		if (cf_round_stopping(round))
			break;
		if (round->ready_us != 0 && cf_clock_monotonic_us() - round->ready_us >= RECORD_US)
			moved |= record(round);
		if (round->busy > 0 && (!moved || (round->net != NULL && cf_net_pending(round->net) > 0)))
			wait_for_lanes(round, moved);
	}
	cf_round_stop_lanes(round);
	(void) record(round);
}

/* work_of tells what is to be done with a job now; NULL = nothing. */
static const CfLaneWork *
work_of(const CfJob *job)
{
	if (job->in_lane || job->ready || job->busy || !cf_job_held(job))
		return NULL;
	if (job->phase == CF_PHASE_DELETING_SOURCE)
		return job->tried ? NULL : &cf_remove_work;
	if (!cf_job_mine(job))
		return NULL;
	if (job->phase == CF_PHASE_CHANGING || job->phase == CF_PHASE_RESTORING)
		return job->tried ? NULL : job->phase == CF_PHASE_CHANGING ? &cf_change_work : &cf_restore_work;
	return job->phase == CF_PHASE_COPYING ? &cf_copy_work : job->phase == CF_PHASE_VERIFYING ? &cf_verify_work : NULL;
}

/* next_job finds the next job that is to be worked on, among the remote ones or the others. */
static CfJob *
next_job(CfRound *round, bool remote)
{
	int		   *next = remote ? &round->next_remote : &round->next_local;

	for (; *next < round->jobs.count; (*next)++)
	{
		CfJob	   *job = &round->jobs.jobs[*next];

		if (cf_job_remote(job) == remote && work_of(job) != NULL)
			return job;
	}
	return NULL;
}

/* start_lane gives a lane a job; there may be nothing to be stepped. */
static void
start_lane(CfRound *round, CfLane *lane, CfJob *job)
{
	MemoryContext old = MemoryContextSwitchTo(round->context);

	lane->job = job;
	lane->work = work_of(job);
	lane->sent = 0;
	lane->waiting = lane->settling = false;
	lane->pay_until_us = 0;
	lane->start_us = cf_clock_monotonic_us();
	job->in_lane = true;
	round->busy++;
	if (!lane->work->begin(round, lane))
		end_lane(round, lane, CF_STEP_SEND);
	MemoryContextSwitchTo(old);
}

/* fill_lanes gives free lanes their jobs; lane 0 alone serves jobs between LOCAL places. */
static bool
fill_lanes(CfRound *round)
{
	bool		any = false;
	CfLane	   *lane;
	CfJob	   *job;

	while (!cf_round_stopping(round) && (round->lane_count == 0 || round->lanes[0]->job == NULL) &&
		   (job = next_job(round, false)) != NULL)
	{
		if ((lane = free_lane(round)) == NULL)
			break;
		any = true;
		start_lane(round, lane, job);
	}
	while (round->busy < cf_migration_transfers && !cf_round_stopping(round) &&
		   (job = next_job(round, true)) != NULL && (lane = free_lane(round)) != NULL)
	{
		any = true;
		start_lane(round, lane, job);
	}
	return any;
}

/* free_lane finds or makes a lane without a job; the first one always can be made. */
static CfLane *
free_lane(CfRound *round)
{
	CfAllocator allocator = cf_arena_context(round->context);
	CfLane	   *lane;

	for (int i = 0; i < round->lane_count; i++)
	{
		if (round->lanes[i]->job == NULL)
			return round->lanes[i];
	}
	if (round->lane_count == CF_LANES_MAX)
		return NULL;
	for (int i = 0; i < LANE_DESCRIPTORS; i++)
	{
		if (round->lane_count == 0)
			ReserveExternalFD();
		else if (!AcquireExternalFD())
			return NULL;		/* what was taken stays taken until the round ends */
		round->descriptors++;
	}
	lane = MemoryContextAllocZero(round->context, sizeof(CfLane));
	cf_arena_init(&lane->arena, &allocator, 8192, 0);
	round->lanes[round->lane_count++] = lane;
	return lane;
}

/* net_of makes the engine at the first request of a round. */
static CfNet *
net_of(CfRound *round)
{
	if (round->net == NULL)
		round->net = cf_net_mine();
	return round->net;
}

/* submit hands a request to the engine, on the account of a job. */
static void
submit(CfRound *round, CfPort *port, CfJob *job)
{
	port->op.request.budget = job == NULL ? NULL : &job->repeats;
	port->op.request.tally = job == NULL ? NULL : cf_round_tally(round, job);
	cf_net_submit(net_of(round), &port->op.request, &port->op.response, &port->op.request_arena, port);
	port->traffic = CF_PORT_SENT;
}

/* forget drops a request that is under way: nobody waits for its answer any more. */
static void
forget(CfRound *round, CfPort *port)
{
	/* At the end of a process the engine goes first, with all its requests. */
	if (port->traffic == CF_PORT_SENT && round->net != NULL && !proc_exit_inprogress)
		cf_net_cancel(round->net, port);
	port->traffic = CF_PORT_QUIET;
}

/* send_wanted hands the requests of a lane to the engine. */
static void
send_wanted(CfRound *round, CfLane *lane)
{
	CfPort	   *port;

	for (int i = 0; (port = lane->work->port(lane, i)) != NULL; i++)
	{
		if (port->traffic != CF_PORT_WANTS)
			continue;
		port->owner = lane;
		submit(round, port, lane->job);
		lane->sent++;
	}
}

/* take_answers lets everything go on whose answer is there. */
static void
take_answers(CfRound *round)
{
	CfPort	   *port;

	while ((port = cf_net_finished(round->net)) != NULL)
	{
		CfLane	   *lane = port->owner;

		port->traffic = CF_PORT_QUIET;
		if (lane == NULL)
			continue;
		lane->sent--;
		lane->waiting = false;
	}
}

/* leaves tells whether a lane must let go of its job: it is lost, or somebody wants something else of it. */
static bool
leaves(const CfLane *lane)
{
	if (lane->work->binds != NULL && lane->work->binds(lane))
		return false;
	return lane->job->lost || (lane->work->heeds && lane->job->request != CF_REQUEST_NONE);
}

/* step_lanes steps every lane that can go on; false = none could. */
static bool
step_lanes(CfRound *round)
{
	MemoryContext old = MemoryContextSwitchTo(round->context);
	int64		now_us = cf_clock_monotonic_us();
	bool		moved = false;

	for (int i = 0; i < round->lane_count; i++)
	{
		CfLane	   *lane = round->lanes[i];
		CfStep		step;

		if (lane->job == NULL)
			continue;
		if (leaves(lane))
		{
			end_lane(round, lane, CF_STEP_SEND);
			moved = true;
			continue;
		}
		if (lane->waiting || !cf_lane_paid(lane, now_us))
			continue;
		step = lane->work->step(round, lane);
		if (lane->work->moved != NULL)
			cf_lane_pay(lane, lane->work->moved(lane));
		send_wanted(round, lane);
		lane->waiting = step == CF_STEP_SEND && lane->sent > 0;
		moved |= step != CF_STEP_SEND && !lane->settling;
		if (step == CF_STEP_DONE || step == CF_STEP_ERROR)
			end_lane(round, lane, step);
	}
	MemoryContextSwitchTo(old);
	return moved;
}

static void
give_memory_back(CfRound *round, CfLane *lane)
{
	if (lane->buffer != NULL)
		pfree(lane->buffer);
	lane->buffer = NULL;
	round->memory_bytes -= lane->memory_bytes;
	lane->memory_bytes = 0;
}

/* end_lane lets a job go, done or not, and what was held for it. */
static void
end_lane(CfRound *round, CfLane *lane, CfStep step)
{
	CfJob	   *job = lane->job;
	CfPort	   *port;

	for (int i = 0; (port = lane->work->port(lane, i)) != NULL; i++)
		forget(round, port);
	lane->work->end(round, lane, step);
	cf_arena_reset(&lane->arena);
	give_memory_back(round, lane);
	lane->job = NULL;
	job->in_lane = false;
	round->busy--;
	if (job->ready && cf_job_remote(job) && round->ready_us == 0)
		round->ready_us = cf_clock_monotonic_us();
}

/* cf_round_stop_lanes lets go of everything that is under way; the jobs stay as they are. */
void
cf_round_stop_lanes(CfRound *round)
{
	for (int i = 0; i < round->lane_count; i++)
	{
		CfLane	   *lane = round->lanes[i];
		CfPort	   *port;

		if (lane->job == NULL)
			continue;
		for (int k = 0; (port = lane->work->port(lane, k)) != NULL; k++)
			forget(round, port);
		cf_transfer_end(&lane->transfer);
		cf_verify_end(&lane->verify);
		cf_change_end(&lane->change);
		cf_storage_op_end(&lane->port.op);
		lane->job->in_lane = false;
		lane->job = NULL;
		round->busy--;
	}
	forget(round, &round->port);
	cf_storage_op_end(&round->port.op);
}

/* record says of all jobs that are ready what became of them; false = there were none. */
static bool
record(CfRound *round)
{
	bool		any = cf_round_record_copied(round);

	any |= cf_round_record_switched(round);
	any |= cf_round_record_changed(round);
	any |= cf_round_record_removed(round);
	round->ready_us = 0;
	if (any)
		round->next_local = round->next_remote = 0;
	return any;
}

/* wait_for_lanes waits for answers, for time to pass, or for somebody who wants something; not when a lane can go on. */
static void
wait_for_lanes(CfRound *round, bool moved)
{
	int64		now_us = cf_clock_monotonic_us();
	int64		wait_ms = moved ? 0 : WAIT_MS;

	for (int i = 0; i < round->lane_count && !moved; i++)
	{
		CfLane	   *lane = round->lanes[i];

		if (lane->job == NULL || lane->waiting)
			continue;
		if (!cf_lane_paid(lane, now_us))
			wait_ms = Min(wait_ms, (lane->pay_until_us - now_us) / 1000 + 1);
		else if (lane->settling)
			wait_ms = Min(wait_ms, SETTLE_WAIT_MS);
	}
	if (round->ready_us != 0)
		wait_ms = Min(wait_ms, Max(0, (round->ready_us + RECORD_US - now_us) / 1000 + 1));
	if (round->net != NULL && cf_net_pending(round->net) > 0)
	{
		cf_net_wait(round->net, (int) wait_ms);
		take_answers(round);
		return;
	}
	if (wait_ms <= 0)
		return;
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
}

/*
 * cf_lane_memory charges memory to the round and gives a lane its buffer, instead of the one that it has; NULL = there is none just now.
 * The first one gets what it needs, so that every object can be moved.
 */
char *
cf_lane_memory(CfRound *round, CfLane *lane, int64 buffer_bytes, int64 memory_bytes)
{
	give_memory_back(round, lane);
	if (round->memory_bytes > 0 && round->memory_bytes + memory_bytes > (int64) cf_migration_memory_mb * 1024 * 1024)
		return NULL;
	lane->buffer = MemoryContextAllocHuge(round->context, Max(buffer_bytes, 1));
	lane->memory_bytes = Max(memory_bytes, 1);
	round->memory_bytes += lane->memory_bytes;
	return lane->buffer;
}

/* cf_round_lines tells how many parts of one object may be on their way: few jobs leave room for many. */
int
cf_round_lines(const CfRound *round, const CfTransferPlan *plan)
{
	int64		left = (int64) cf_migration_memory_mb * 1024 * 1024 - round->memory_bytes;
	int			lines = Min(plan->lines, cf_migration_transfers / Max(round->busy, 1));

	if (lines * plan->memory_bytes > left)
		lines = (int) (left / Max(plan->memory_bytes, 1));
	return Max(lines, 1);
}

void
cf_round_open_port(CfRound *round, const CfPlace *place)
{
	cf_storage_op_init(&round->port.op, place, &round->op_arena);
	round->port.traffic = CF_PORT_QUIET;
	round->port.owner = NULL;
}

void
cf_round_close_port(CfRound *round)
{
	forget(round, &round->port);
	cf_storage_op_end(&round->port.op);
	cf_arena_reset(&round->op_arena);
}

/* cf_round_await waits for the answer to the request of the round's port; false = the round must stop, or has lost the job. */
bool
cf_round_await(CfRound *round)
{
	if (round->port.traffic == CF_PORT_WANTS)
		submit(round, &round->port, round->driven);
	while (round->port.traffic != CF_PORT_QUIET)
	{
		if (cf_round_stopping(round))
			return false;
		cf_net_wait(round->net, WAIT_MS);
		take_answers(round);
		cf_round_attend(round);
	}
	return !cf_round_stopping(round) && (round->driven == NULL || !round->driven->lost);
}
