/*
 * keeper_worker.c
 *		The keeper: steps that rooms registered, at each wake-up; chores when they are due.
 *
 * Each call of keeper_step() is one turn of one step, in a circle; an ERROR ends that turn only. A long chore
 * delays the steps: chores are meant to be bounded, and write what is left to their next run.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "core/chores.h"
#include "core/core_private.h"
#include "core/keeper.h"

#define MAX_STEPS 8
#define IDLE_MS 5000
#define LOOK_MIN_MS 500

static CfWorkerResult (*steps[MAX_STEPS]) (void);
static int	step_count = 0;
static int	next_step = 0;

void
cf_keeper_register(CfWorkerResult (*step) (void))
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	if (step_count == MAX_STEPS)
		elog(FATAL, "too many steps of the cloudflux keeper");
	steps[step_count++] = step;
}

static int
keeper_count(void)
{
	return 1;
}

/*
 * chores_step looks for due chores at least every IDLE_MS, so that a changed or enabled chore is noticed, and
 * sooner when one is due sooner.
 */
static CfWorkerResult
chores_step(void)
{
	static TimestampTz look_at = 0;
	TimestampTz now = GetCurrentTimestamp();
	long		until_ms = TimestampDifferenceMilliseconds(now, look_at);

	if (until_ms > 0)
	{
		cf_worker_idle_at_most(until_ms);
		return CF_WORKER_IDLE;
	}
	/* Set before anything can fail: a failing round is tried again, but not at once. */
	look_at = TimestampTzPlusMilliseconds(now, IDLE_MS);
	if (cf_chores_next_at() <= now && cf_chores_run(NULL))
		look_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), IDLE_MS);
	look_at = Min(look_at, Max(cf_chores_next_at(), TimestampTzPlusMilliseconds(now, LOOK_MIN_MS)));
	cf_worker_idle_at_most(Max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), look_at), 1));
	return CF_WORKER_IDLE;
}

/* keeper_step runs one registered step per call, so that an ERROR of one does not keep the next from its turn. */
static CfWorkerResult
keeper_step(void)
{
	static bool more = false;
	int			step = next_step;

	next_step = (next_step + 1) % step_count;
	more |= steps[step] () == CF_WORKER_MORE;
	if (next_step != 0)
		return CF_WORKER_MORE;
	if (!more)
		return CF_WORKER_IDLE;
	more = false;
	return CF_WORKER_MORE;
}

static const CfWorkerKind keeper = {
	.name = "keeper",
	.count = keeper_count,
	.step = keeper_step,
	.idle_ms = IDLE_MS,
};

void
cf_keeper_init(void)
{
	cf_worker_register(&keeper);
	cf_keeper_register(chores_step);
}
