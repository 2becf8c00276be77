/*
 * decide.h
 *		The policy by which cloudflux decides, for the replay and for whoever recommends.
 */
#ifndef CF_TIERING_DECIDE_H
#define CF_TIERING_DECIDE_H

#include "tiering/rates.h"
#include "tiering/replay.h"
#include "tiering/workfn.h"

/* What the policy keeps of one object. */
typedef struct CfDecideObject
{
	CfWork		work;
	CfRates		rates;
	bool		begun;
} CfDecideObject;

/* cf_decide_make makes the policy "cloudflux" for a menu; false = there is nothing to decide. */
extern bool cf_decide_make(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy);

#endif							/* CF_TIERING_DECIDE_H */
