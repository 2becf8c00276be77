/*
 * fsm.h
 *		The life of a job: phases, events, and one table of transitions. README.md beside this file draws it.
 *
 * SQL sees the table as cloudflux.migration_transitions(); no other place decides what follows what.
 */
#ifndef CF_MIGRATION_FSM_H
#define CF_MIGRATION_FSM_H

#include <stdbool.h>

typedef enum CfPhase
{
	CF_PHASE_PENDING,			/* waits for a mover */
	CF_PHASE_RESTORING,			/* the source is archived; waits, asleep, until the store has it ready */
	CF_PHASE_CHANGING,			/* another storage class at the same address: nothing is ever removed */
	CF_PHASE_COPYING,			/* bytes flow into something temporary at the destination */
	CF_PHASE_VERIFYING,			/* the object appears and is read back */
	CF_PHASE_SWITCHED,			/* the catalog points to the destination; passed through in one transaction */
	CF_PHASE_GRACE,				/* the source is kept until not_before */
	CF_PHASE_DELETING_SOURCE,	/* irrevocable */
	CF_PHASE_CLEANING,			/* what the job left at the destination is removed */
	CF_PHASE_ROLLING_BACK,		/* the catalog points back; the copy at the destination is removed */
	CF_PHASE_DONE,
	CF_PHASE_FAILED,
	CF_PHASE_CANCELLED,
	CF_PHASE_ROLLED_BACK,
	CF_PHASES
} CfPhase;

typedef enum CfJobEvent
{
	CF_JOB_CLAIM,				/* a mover takes it */
	CF_JOB_ARCHIVED,			/* the source must be restored before it can be read */
	CF_JOB_RESTORED,
	CF_JOB_CHANGE,				/* a mover takes a job that only changes the class */
	CF_JOB_CHANGED,
	CF_JOB_COPIED,				/* all bytes are durable at the destination, not yet visible */
	CF_JOB_VERIFIED,			/* read back and equal; the source has not changed */
	CF_JOB_KEEP_SOURCE,			/* after the switch: deletion was not asked for */
	CF_JOB_WAIT_GRACE,			/* after the switch: deletion was asked for, later */
	CF_JOB_DELETE_NOW,			/* after the switch or the grace: from here no way back */
	CF_JOB_SOURCE_GONE,			/* deleted, found gone, or kept for a stated reason */
	CF_JOB_RECOPY,				/* the copy is of no use any more: start again from the first byte */
	CF_JOB_RETRY,				/* failed, will be tried again */
	CF_JOB_FAIL,				/* failed for good */
	CF_JOB_CANCEL,
	CF_JOB_CLEANED_FAILED,
	CF_JOB_CLEANED_CANCELLED,
	CF_JOB_ROLLBACK,			/* a person wants the old place back */
	CF_JOB_ROLLBACK_REFUSED,	/* the source or the copy is no longer what it was */
	CF_JOB_ROLLED_BACK,
	CF_JOB_PAUSE,
	CF_JOB_RESTART,				/* retry_migration() of an ended job */
	CF_JOB_EVENTS
} CfJobEvent;

typedef struct CfTransition
{
	CfPhase		phase;
	CfJobEvent	event;
	CfPhase		next;
} CfTransition;

/* The table, for whoever prints it. */
extern const CfTransition cf_fsm_transitions[];
extern const int cf_fsm_transition_count;

/* cf_fsm_next tells the phase that follows; false = this event is not allowed in this phase. */
extern bool cf_fsm_next(CfPhase phase, CfJobEvent event, CfPhase *next);

/* Names as they stand in the tables, and the promised status word of a phase. */
extern const char *cf_fsm_phase_name(CfPhase phase);
extern bool cf_fsm_phase_parse(const char *name, CfPhase *phase);
extern const char *cf_fsm_event_name(CfJobEvent event);
extern bool cf_fsm_event_parse(const char *name, CfJobEvent *event);
extern const char *cf_fsm_phase_status(CfPhase phase);
extern bool cf_fsm_phase_final(CfPhase phase);

#endif							/* CF_MIGRATION_FSM_H */
