/*
 * rules.h
 *		Judging one object by tier rules: which rule decides, until when that can hold, and why in words.
 */
#ifndef CF_TIERING_RULES_H
#define CF_TIERING_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_TIERING_NEVER INT32_MAX		/* days_since_access of an object that was never accessed */
#define CF_TIERING_NO_DAY INT32_MAX		/* a day that is not there, or never comes */
#define CF_TIERING_WHY 640				/* bytes that cf_tiering_why() writes at most */

/* Conditions of a rule, all inclusive; cf_tiering_rule_init() gives one that everything meets. */
typedef struct CfTierRule
{
	int64_t		min_reads_30d;
	int64_t		max_reads_30d;
	int64_t		min_reads_90d;
	int64_t		max_reads_90d;
	int32_t		min_age_days;
	int32_t		max_age_days;
	int32_t		min_idle_days;	/* days since the last access */
	int32_t		max_idle_days;
	int32_t		min_evidence_days;
	int32_t		max_evidence_days;
	bool		asks_size;		/* else the size may be unknown */
	int64_t		min_size_bytes;
	int64_t		max_size_bytes;
	bool		asks_latency;	/* else the latency may be unknown */
	double		min_latency_ms;
	double		max_latency_ms;
	bool		asks_address;	/* the caller knows whether it is met */
} CfTierRule;

/* What is known of an object; days are UTC days. */
typedef struct CfTierFacts
{
	int64_t		reads_30d;
	int64_t		reads_90d;
	int32_t		age_days;
	int32_t		idle_days;		/* CF_TIERING_NEVER */
	int64_t		size_bytes;		/* -1 = unknown */
	double		latency_ms;		/* -1 = unknown */
	int32_t		evidence_days;
	/* Days on which something leaves or enters a window; CF_TIERING_NO_DAY = none. */
	int32_t		first_read_30d;
	int32_t		first_read_90d;
	int32_t		first_latency_30d;
	int32_t		last_day;		/* with an access */
	int32_t		next_day;		/* with an access that is still to come */
} CfTierFacts;

extern void cf_tiering_rule_init(CfTierRule *rule);

/* Tells whether the object's address meets rule no; called only for rules that ask. */
typedef bool (*CfTierAddress) (void *arg, int no);

/* cf_tiering_judge gives the number (from 0) of the first rule that matches, -1 when none does. */
extern int	cf_tiering_judge(const CfTierRule *rules, int count, const CfTierFacts *facts,
							 CfTierAddress address_met, void *arg);

/* cf_tiering_recheck gives the first day after today on which time alone may change that; CF_TIERING_NO_DAY = never. */
extern int32_t cf_tiering_recheck(const CfTierRule *rules, int count, const CfTierFacts *facts, int32_t today);

/*
 * cf_tiering_why writes the figures that the letters of asks name, in words, and returns their length: e evidence,
 * i days since access, 3 and 9 reads in 30 and 90 days, a age, s size, l latency.
 */
extern size_t cf_tiering_why(const CfTierFacts *facts, const char *asks, char out[CF_TIERING_WHY]);

#endif							/* CF_TIERING_RULES_H */
