/*
 * What the table of transitions promises, proved on the table itself.
 */
#include <string.h>

#include "harness/tap.h"

#include "migration/fsm.h"

/* People do these; a job must not depend on them. */
static bool
needs_a_person(CfJobEvent event)
{
	return event == CF_JOB_CANCEL || event == CF_JOB_PAUSE || event == CF_JOB_ROLLBACK || event == CF_JOB_RESTART;
}

/* reach marks what can be reached from a phase; people: by people's doing, too. */
static void
reach(CfPhase from, bool people, bool reached[CF_PHASES])
{
	bool		more = true;

	memset(reached, 0, sizeof(bool) * CF_PHASES);
	reached[from] = true;
	while (more)
	{
		more = false;
		for (int i = 0; i < cf_fsm_transition_count; i++)
		{
			const CfTransition *t = &cf_fsm_transitions[i];

			if (!reached[t->phase] || reached[t->next] || (!people && needs_a_person(t->event)))
				continue;
			reached[t->next] = more = true;
		}
	}
}

static void
test_nothing_is_stranded(void)
{
	for (int phase = 0; phase < CF_PHASES; phase++)
	{
		bool		reached[CF_PHASES];
		bool		ends = false;

		reach(phase, false, reached);
		for (int p = 0; p < CF_PHASES; p++)
			ends |= reached[p] && cf_fsm_phase_final(p);
		ok(ends, "%s comes to an end without a person", cf_fsm_phase_name(phase));
	}
}

static void
test_every_phase_is_met(void)
{
	bool		reached[CF_PHASES];

	reach(CF_PHASE_PENDING, true, reached);
	for (int phase = 0; phase < CF_PHASES; phase++)
		ok(reached[phase], "%s can be reached from pending", cf_fsm_phase_name(phase));
}

/* Without the way of jobs that only delete, no way leads to the deletion that does not pass the switch. */
static void
test_source_is_deleted_behind_the_switch(void)
{
	int			ways = 0;
	int			direct = 0;

	for (int i = 0; i < cf_fsm_transition_count; i++)
	{
		const CfTransition *t = &cf_fsm_transitions[i];

		if (t->next != CF_PHASE_DELETING_SOURCE || t->phase == CF_PHASE_DELETING_SOURCE)
			continue;
		ways++;
		direct += t->phase == CF_PHASE_PENDING;
		ok(t->phase == CF_PHASE_SWITCHED || t->phase == CF_PHASE_GRACE || t->phase == CF_PHASE_PENDING,
		   "%s may lead to the deletion of the source", cf_fsm_phase_name(t->phase));
	}
	is_int(ways, 3, "there are three such ways");
	is_int(direct, 1, "one of them, from pending, is of jobs that only delete");
	for (int i = 0; i < cf_fsm_transition_count; i++)
	{
		const CfTransition *t = &cf_fsm_transitions[i];

		if (t->next == CF_PHASE_GRACE && t->phase != CF_PHASE_GRACE)
			is_int(t->phase, CF_PHASE_SWITCHED, "grace follows the switch only");
		if (t->next == CF_PHASE_SWITCHED)
			ok(t->phase == CF_PHASE_VERIFYING && t->event == CF_JOB_VERIFIED, "the switch follows verification only");
	}
}

static void
test_deleting_has_no_way_back(void)
{
	bool		reached[CF_PHASES];
	CfPhase		next;

	reach(CF_PHASE_DELETING_SOURCE, false, reached);
	ok(!reached[CF_PHASE_PENDING] && !reached[CF_PHASE_GRACE] && !reached[CF_PHASE_ROLLING_BACK],
	   "a deletion goes on to its end");
	ok(!cf_fsm_next(CF_PHASE_DELETING_SOURCE, CF_JOB_CANCEL, &next), "it cannot be cancelled");
	ok(!cf_fsm_next(CF_PHASE_DELETING_SOURCE, CF_JOB_ROLLBACK, &next), "nor rolled back");
	ok(!cf_fsm_next(CF_PHASE_DELETING_SOURCE, CF_JOB_PAUSE, &next), "nor paused");
}

/* Once bytes may lie at the destination, failing and cancelling clean up first. */
static void
test_ends_are_clean(void)
{
	for (int i = 0; i < cf_fsm_transition_count; i++)
	{
		const CfTransition *t = &cf_fsm_transitions[i];

		if (t->next == CF_PHASE_CANCELLED)
			is_int(t->phase, CF_PHASE_CLEANING, "cancelled comes after cleaning");
		if (t->next == CF_PHASE_FAILED)
			ok(t->phase == CF_PHASE_CLEANING || t->phase == CF_PHASE_DELETING_SOURCE,
			   "failed comes after %s", cf_fsm_phase_name(t->phase));
	}
}

static void
test_one_next(void)
{
	bool		twice = false;

	for (int i = 0; i < cf_fsm_transition_count; i++)
	{
		CfPhase		next;

		for (int j = 0; j < i; j++)
			twice |= cf_fsm_transitions[i].phase == cf_fsm_transitions[j].phase &&
				cf_fsm_transitions[i].event == cf_fsm_transitions[j].event;
		if (!cf_fsm_next(cf_fsm_transitions[i].phase, cf_fsm_transitions[i].event, &next) ||
			next != cf_fsm_transitions[i].next)
			twice = true;
	}
	ok(!twice, "an event leads to one phase, and cf_fsm_next() tells it");
}

static void
test_names(void)
{
	bool		same = true;
	CfPhase		phase;
	CfJobEvent	event;

	for (int i = 0; i < CF_PHASES; i++)
		same &= cf_fsm_phase_parse(cf_fsm_phase_name(i), &phase) && phase == (CfPhase) i;
	ok(same, "names of phases read both ways");
	same = true;
	for (int i = 0; i < CF_JOB_EVENTS; i++)
		same &= cf_fsm_event_parse(cf_fsm_event_name(i), &event) && event == (CfJobEvent) i;
	ok(same, "names of events read both ways");
	ok(!cf_fsm_phase_parse("Pending", &phase) && !cf_fsm_phase_parse("", &phase), "what is no phase is not read as one");
	ok(!cf_fsm_event_parse("explode", &event), "nor what is no event");
	for (int i = 0; i < CF_PHASES; i++)
	{
		const char *status = cf_fsm_phase_status(i);

		ok(strcmp(status, "pending") == 0 || strcmp(status, "in_progress") == 0 || strcmp(status, "completed") == 0 ||
		   strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0 || strcmp(status, "rolled_back") == 0,
		   "the status of %s is a promised word", cf_fsm_phase_name(i));
	}
}

int
main(void)
{
	test_nothing_is_stranded();
	test_every_phase_is_met();
	test_source_is_deleted_behind_the_switch();
	test_deleting_has_no_way_back();
	test_ends_are_clean();
	test_one_next();
	test_names();
	return done_testing();
}
