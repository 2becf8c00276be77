/*
 * fsm.c
 *		The table of transitions of a migration job.
 *
 * Invariants that the table upholds, and that test/migration proves on it:
 *	- the source is deleted only behind SWITCHED, and DELETING_SOURCE has no way back;
 *	- every phase that is not final has a way to a final one without a person (nothing is stranded);
 *	- before SWITCHED every end goes through CLEANING, unless nothing was ever written (CANCEL of PENDING,
 *	  which the caller may only ask for when no attempt was made; else it says FAIL or CANCEL after a claim).
 */
#include <stddef.h>
#include <string.h>

#include "migration/fsm.h"

const CfTransition cf_fsm_transitions[] = {
	{CF_PHASE_PENDING, CF_JOB_CLAIM, CF_PHASE_COPYING},
	{CF_PHASE_PENDING, CF_JOB_DELETE_NOW, CF_PHASE_DELETING_SOURCE},	/* a job that only deletes */
	{CF_PHASE_PENDING, CF_JOB_CANCEL, CF_PHASE_CLEANING},
	{CF_PHASE_PENDING, CF_JOB_FAIL, CF_PHASE_CLEANING},
	{CF_PHASE_PENDING, CF_JOB_PAUSE, CF_PHASE_PENDING},

	{CF_PHASE_PENDING, CF_JOB_CHANGE, CF_PHASE_CHANGING},	/* a job that only changes the class */
	{CF_PHASE_CHANGING, CF_JOB_CLAIM, CF_PHASE_CHANGING},
	{CF_PHASE_CHANGING, CF_JOB_RETRY, CF_PHASE_CHANGING},
	{CF_PHASE_CHANGING, CF_JOB_CHANGED, CF_PHASE_DONE},
	{CF_PHASE_CHANGING, CF_JOB_ARCHIVED, CF_PHASE_RESTORING},
	{CF_PHASE_CHANGING, CF_JOB_FAIL, CF_PHASE_CLEANING},

	{CF_PHASE_COPYING, CF_JOB_ARCHIVED, CF_PHASE_RESTORING},
	{CF_PHASE_RESTORING, CF_JOB_CLAIM, CF_PHASE_RESTORING},
	{CF_PHASE_RESTORING, CF_JOB_RETRY, CF_PHASE_RESTORING},
	{CF_PHASE_RESTORING, CF_JOB_PAUSE, CF_PHASE_RESTORING},
	{CF_PHASE_RESTORING, CF_JOB_RESTORED, CF_PHASE_PENDING},
	{CF_PHASE_RESTORING, CF_JOB_FAIL, CF_PHASE_CLEANING},
	{CF_PHASE_RESTORING, CF_JOB_CANCEL, CF_PHASE_CLEANING},

	{CF_PHASE_COPYING, CF_JOB_CLAIM, CF_PHASE_COPYING},	/* taken over: resumes */
	{CF_PHASE_COPYING, CF_JOB_COPIED, CF_PHASE_VERIFYING},
	{CF_PHASE_COPYING, CF_JOB_RETRY, CF_PHASE_PENDING},
	{CF_PHASE_COPYING, CF_JOB_PAUSE, CF_PHASE_PENDING},
	{CF_PHASE_COPYING, CF_JOB_FAIL, CF_PHASE_CLEANING},
	{CF_PHASE_COPYING, CF_JOB_CANCEL, CF_PHASE_CLEANING},

	{CF_PHASE_VERIFYING, CF_JOB_CLAIM, CF_PHASE_VERIFYING},
	{CF_PHASE_VERIFYING, CF_JOB_VERIFIED, CF_PHASE_SWITCHED},
	{CF_PHASE_VERIFYING, CF_JOB_RETRY, CF_PHASE_VERIFYING},
	{CF_PHASE_VERIFYING, CF_JOB_RECOPY, CF_PHASE_PENDING},
	{CF_PHASE_VERIFYING, CF_JOB_PAUSE, CF_PHASE_VERIFYING},
	{CF_PHASE_VERIFYING, CF_JOB_FAIL, CF_PHASE_CLEANING},
	{CF_PHASE_VERIFYING, CF_JOB_CANCEL, CF_PHASE_CLEANING},

	{CF_PHASE_SWITCHED, CF_JOB_KEEP_SOURCE, CF_PHASE_DONE},
	{CF_PHASE_SWITCHED, CF_JOB_WAIT_GRACE, CF_PHASE_GRACE},
	{CF_PHASE_SWITCHED, CF_JOB_DELETE_NOW, CF_PHASE_DELETING_SOURCE},

	{CF_PHASE_GRACE, CF_JOB_DELETE_NOW, CF_PHASE_DELETING_SOURCE},
	{CF_PHASE_GRACE, CF_JOB_ROLLBACK, CF_PHASE_ROLLING_BACK},
	{CF_PHASE_GRACE, CF_JOB_PAUSE, CF_PHASE_GRACE},

	{CF_PHASE_DELETING_SOURCE, CF_JOB_CLAIM, CF_PHASE_DELETING_SOURCE},
	{CF_PHASE_DELETING_SOURCE, CF_JOB_RETRY, CF_PHASE_DELETING_SOURCE},
	{CF_PHASE_DELETING_SOURCE, CF_JOB_SOURCE_GONE, CF_PHASE_DONE},
	{CF_PHASE_DELETING_SOURCE, CF_JOB_FAIL, CF_PHASE_FAILED},	/* a job that only deletes, and must not */

	{CF_PHASE_CLEANING, CF_JOB_CLAIM, CF_PHASE_CLEANING},
	{CF_PHASE_CLEANING, CF_JOB_RETRY, CF_PHASE_CLEANING},
	{CF_PHASE_CLEANING, CF_JOB_CLEANED_FAILED, CF_PHASE_FAILED},
	{CF_PHASE_CLEANING, CF_JOB_CLEANED_CANCELLED, CF_PHASE_CANCELLED},

	{CF_PHASE_ROLLING_BACK, CF_JOB_CLAIM, CF_PHASE_ROLLING_BACK},
	{CF_PHASE_ROLLING_BACK, CF_JOB_RETRY, CF_PHASE_ROLLING_BACK},
	{CF_PHASE_ROLLING_BACK, CF_JOB_ROLLED_BACK, CF_PHASE_ROLLED_BACK},
	{CF_PHASE_ROLLING_BACK, CF_JOB_ROLLBACK_REFUSED, CF_PHASE_DONE},

	{CF_PHASE_DONE, CF_JOB_ROLLBACK, CF_PHASE_ROLLING_BACK},	/* the source was kept as a replica */
	{CF_PHASE_FAILED, CF_JOB_RESTART, CF_PHASE_PENDING},
	{CF_PHASE_CANCELLED, CF_JOB_RESTART, CF_PHASE_PENDING},
};

const int	cf_fsm_transition_count = sizeof(cf_fsm_transitions) / sizeof(cf_fsm_transitions[0]);

static const struct
{
	const char *name;
	const char *status;
	bool		final;
}			phases[CF_PHASES] = {
	[CF_PHASE_PENDING] = {"pending", "pending", false},
	[CF_PHASE_RESTORING] = {"restoring", "in_progress", false},
	[CF_PHASE_CHANGING] = {"changing", "in_progress", false},
	[CF_PHASE_COPYING] = {"copying", "in_progress", false},
	[CF_PHASE_VERIFYING] = {"verifying", "in_progress", false},
	[CF_PHASE_SWITCHED] = {"switched", "completed", false},
	[CF_PHASE_GRACE] = {"grace", "completed", false},
	[CF_PHASE_DELETING_SOURCE] = {"deleting_source", "completed", false},
	[CF_PHASE_CLEANING] = {"cleaning", "in_progress", false},
	[CF_PHASE_ROLLING_BACK] = {"rolling_back", "in_progress", false},
	[CF_PHASE_DONE] = {"done", "completed", true},
	[CF_PHASE_FAILED] = {"failed", "failed", true},
	[CF_PHASE_CANCELLED] = {"cancelled", "cancelled", true},
	[CF_PHASE_ROLLED_BACK] = {"rolled_back", "rolled_back", true},
};

static const char *const events[CF_JOB_EVENTS] = {
	[CF_JOB_CLAIM] = "claim",
	[CF_JOB_ARCHIVED] = "archived",
	[CF_JOB_RESTORED] = "restored",
	[CF_JOB_CHANGE] = "change",
	[CF_JOB_CHANGED] = "changed",
	[CF_JOB_COPIED] = "copied",
	[CF_JOB_VERIFIED] = "verified",
	[CF_JOB_KEEP_SOURCE] = "keep_source",
	[CF_JOB_WAIT_GRACE] = "wait_grace",
	[CF_JOB_DELETE_NOW] = "delete_now",
	[CF_JOB_SOURCE_GONE] = "source_gone",
	[CF_JOB_RECOPY] = "recopy",
	[CF_JOB_RETRY] = "retry",
	[CF_JOB_FAIL] = "fail",
	[CF_JOB_CANCEL] = "cancel",
	[CF_JOB_CLEANED_FAILED] = "cleaned_failed",
	[CF_JOB_CLEANED_CANCELLED] = "cleaned_cancelled",
	[CF_JOB_ROLLBACK] = "rollback",
	[CF_JOB_ROLLBACK_REFUSED] = "rollback_refused",
	[CF_JOB_ROLLED_BACK] = "rolled_back",
	[CF_JOB_PAUSE] = "pause",
	[CF_JOB_RESTART] = "restart",
};

bool
cf_fsm_next(CfPhase phase, CfJobEvent event, CfPhase *next)
{
	for (int i = 0; i < cf_fsm_transition_count; i++)
	{
		if (cf_fsm_transitions[i].phase != phase || cf_fsm_transitions[i].event != event)
			continue;
		*next = cf_fsm_transitions[i].next;
		return true;
	}
	return false;
}

const char *
cf_fsm_phase_name(CfPhase phase)
{
	return phases[phase].name;
}

bool
cf_fsm_phase_parse(const char *name, CfPhase *phase)
{
	for (int i = 0; i < CF_PHASES; i++)
	{
		if (strcmp(phases[i].name, name) != 0)
			continue;
		*phase = (CfPhase) i;
		return true;
	}
	return false;
}

const char *
cf_fsm_event_name(CfJobEvent event)
{
	return events[event];
}

bool
cf_fsm_event_parse(const char *name, CfJobEvent *event)
{
	for (int i = 0; i < CF_JOB_EVENTS; i++)
	{
		if (strcmp(events[i], name) != 0)
			continue;
		*event = (CfJobEvent) i;
		return true;
	}
	return false;
}

const char *
cf_fsm_phase_status(CfPhase phase)
{
	return phases[phase].status;
}

bool
cf_fsm_phase_final(CfPhase phase)
{
	return phases[phase].final;
}
