/*
 * bound.h
 *		What the policy of decide.h can cost at worst, whatever reads come: a bound that trusts no forecast.
 */
#ifndef CF_TIERING_BOUND_H
#define CF_TIERING_BOUND_H

#include "tiering/workfn.h"

typedef struct CfBound
{
	int			states;			/* of the task system: the classes of the menu */
	double		skew;			/* moves round a cycle cost at most so many times what the cycle costs the other way round */
	double		overshoot;		/* a day with so many reads costs at most so many times a way there and back */
	double		early;			/* a plan that pays every minimum duration in full costs at most so many times one that need not */
	double		burst;			/* what the worst day adds to a distance is at most so many times the move */
	double		fade;			/* what it takes off again in a day is at most so many times the cheapest day */
	double		ratio;			/* c: cost <= ratio * optimum + extra_usd */
	double		extra_usd;		/* b */
} CfBound;

/*
 * cf_bound computes it for an object of prices->size_bytes that is read as a whole at most reads times a day, by a policy that acts on trust (0 < trust
 * <= 1) of the regret. False where there is none to give: a menu with a class that tiers by itself (its distances change from day
 * to day), free round trips, or free storage with a minimum duration.
 */
extern bool cf_bound(const CfWorkPrices *prices, int64_t reads, double trust, CfBound *bound);

#endif							/* CF_TIERING_BOUND_H */
