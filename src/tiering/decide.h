/*
 * decide.h
 *		The policy by which cloudflux decides, for the replay and for whoever recommends.
 */
#ifndef CF_TIERING_DECIDE_H
#define CF_TIERING_DECIDE_H

#include "tiering/rates.h"
#include "tiering/replay.h"
#include "tiering/workfn.h"

/* The least share of the regret that is ever enough: bound.h holds with it. */
#define CF_DECIDE_TRUST 0.125

/* Object-days of others that are evidence: of fewer a dataset says nothing. */
#define CF_DECIDE_EVIDENCE 100

/* What the policy keeps of one object. */
typedef struct CfDecideObject
{
	CfWork		work;
	CfRates		rates;
	double		often;			/* read days of the rates, as of the last of them */
	double		woken_bytes;	/* read on the days that ended a quiet time */
	int32_t		wakes;			/* their number */
	int32_t		quiet_from;		/* last read or upload that is known, whether or not reads after it would have been noticed */
	int32_t		found_day;		/* at whose end the object was found, if it was there before */
	bool		found;			/* and it was not read since */
	bool		begun;
} CfDecideObject;

/* cf_decide_make makes the policy "cloudflux" for a menu; false = there is nothing to decide. */
extern bool cf_decide_make(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy);

#endif							/* CF_TIERING_DECIDE_H */
