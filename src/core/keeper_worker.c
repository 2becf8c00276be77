/*
 * keeper_worker.c
 *		The keeper: steps that rooms registered, at each wake-up; chores when they are due.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "core/core_private.h"
#include "core/keeper.h"

#define MAX_STEPS 8
#define IDLE_MS 5000

static CfWorkerResult (*steps[MAX_STEPS]) (void);
static const char *step_names[MAX_STEPS];
static int	step_count = 0;
static int	next_step = 0;

void
cf_keeper_register(const char *name, CfWorkerResult (*step) (void))
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	if (step_count == MAX_STEPS)
		elog(FATAL, "too many steps of the cloudflux keeper");
	step_names[step_count] = name;
	steps[step_count++] = step;
}

static int
keeper_count(void)
{
	return 1;
}

/* keeper_step runs one registered step per call, so that an ERROR of one does not keep the next from its turn. */
static CfWorkerResult
keeper_step(void)
{
	static bool more = false;
	int			step = next_step;

	if (step_count == 0)
		return CF_WORKER_IDLE;
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
}
