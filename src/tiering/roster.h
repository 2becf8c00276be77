/*
 * roster.h
 *		The policies that a replay compares, and what makes them.
 */
#ifndef CF_TIERING_ROSTER_H
#define CF_TIERING_ROSTER_H

#include "tiering/replay.h"
#include "tiering/rules.h"

/* Rules by days: since upload, or since the last read. */
#define CF_ROSTER_STEPS 3

typedef struct CfRosterSteps
{
	bool		since_read;		/* else since upload */
	int			count;
	int32_t		days[CF_ROSTER_STEPS];	/* ascending */
	int			cls[CF_ROSTER_STEPS];	/* ever colder */
	int			back;			/* class that a read brings the object to; CF_TARIFF_NONE = it stays */
	int			start;			/* class at upload */
} CfRosterSteps;

/* cf_roster_steps makes a policy of rules by days; options outlive it. */
extern CfReplayPolicy cf_roster_steps(const char *name, const char *about, const CfRosterSteps *steps);

/* The thresholds of tier_rules: the first rule that matches says HOT, WARM or COLD, and those are classes of the menu. */
typedef struct CfRosterRules
{
	const CfTierRule *rules;
	const int  *cls;			/* per rule */
	int			count;
	int			start;			/* class at upload, and where no rule matches */
} CfRosterRules;

/*
 * cf_roster_rules makes a policy of tier rules. Reads are on record (evidence is complete), latency is unknown, and a
 * rule that asks for an address matches nothing.
 */
extern CfReplayPolicy cf_roster_rules(const char *name, const char *about, const CfRosterRules *rules);

/* Makers of the roster, for roster.c. */
extern bool cf_roster_make_stay(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy);
extern bool cf_roster_make_age(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy);
extern bool cf_roster_make_read_back(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy);
extern bool cf_roster_make_read(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy);
extern bool cf_roster_make_automatic(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy);
extern bool cf_roster_make_archive(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy);

#endif							/* CF_TIERING_ROSTER_H */
