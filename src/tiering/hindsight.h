/*
 * hindsight.h
 *		The cheapest way through one object's whole life, all of it known: what no policy can beat.
 */
#ifndef CF_TIERING_HINDSIGHT_H
#define CF_TIERING_HINDSIGHT_H

#include "tiering/replay.h"

typedef struct CfHindsight CfHindsight;

/*
 * cf_hindsight_make reserves memory for the longest life in a history: about (48 × classes + 16) bytes per day; NULL = out of
 * memory. Tariff and history were checked (cf_replay_check).
 */
extern CfHindsight *cf_hindsight_make(const CfTariffMenu *menu, const CfReplayHistory *history, CfArena *arena);

/* cf_hindsight_plan finds the plan of an object and returns how much work that was, in steps of some tens of nanoseconds. */
extern unsigned cf_hindsight_plan(CfHindsight *hindsight, uint32_t object);

/* cf_hindsight_usd is what the plan costs. */
extern double cf_hindsight_usd(const CfHindsight *hindsight);

/* cf_hindsight_follow is the decide() of a policy whose self is a CfHindsight: it does what the plan says. */
extern int	cf_hindsight_follow(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view,
								int32_t *again);

#endif							/* CF_TIERING_HINDSIGHT_H */
