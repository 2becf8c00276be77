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

/* Where a rule applies, beside its figures. */
typedef struct CfRosterScope
{
	uint16_t	marks;			/* all of these must be marks of the object */
	uint32_t	classes;		/* bit c: objects that lie in class c */
	uint32_t	verdicts;		/* bit v: objects that the judges give verdict v */
} CfRosterScope;

/* Rules by figures: the first that matches says which class of the menu it is. */
typedef struct CfRosterRules
{
	const CfTierRule *rules;	/* those that ask for an address have a scope */
	const int  *cls;			/* per rule */
	int			count;
	int			start;			/* class at upload; where no rule matches, an object stays where it is */
	bool		tomorrow;		/* figures as the next day begins, days since access count from the upload on, and an upload is not judged */
	const CfRosterScope *scopes;	/* per rule; NULL = none asks for an address */
	const CfTierRule *judges;	/* whose first match is the verdict, at the end of the day; none matches: otherwise */
	const int  *verdicts;		/* per judge */
	int			judge_count;
	int			otherwise;
} CfRosterRules;

/*
 * cf_roster_rules makes a policy of such rules: the thresholds of tier_rules, or what a user ordered. Reads are on record (evidence is
 * complete), latency is unknown, and a rule that asks for an address without a scope matches nothing.
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
