/*
 * workfn.h
 *		The work function of one object: for each class, what the cheapest plan would have cost that knew all reads up to now
 *		and ends there. It is what a decision without forecasts leans on.
 *
 * Tiers with reads and returns are a metrical task system: a day's storage and reads are the task, moves are the distance.
 * Borodin, Linial and Saks (JACM 39, 1992) showed that no deterministic rule on n states is better than 2n - 1 times the optimum
 * in the worst case, and that the work function reaches it. In words: stay until the regret for not having been in another
 * class has grown to what it would cost to come back from there. docs/tiering.md states the bound for each menu.
 *
 * The distance from j to k is what the move costs with the whole minimum duration of j still to be paid, which is a
 * promise that whoever enters j makes; and what the worst day that is remembered would have cost more in j than in k. Days are served where
 * the object is when they begin: a burst that is read ten times over costs ten retrievals before anything can be moved, and objects that
 * had bursts have them again. Into a class that tiers by itself, the distance has on top the days that a newcomer spends in
 * the dearer states through which the object would have gone by now (the catch-up).
 *
 * Nothing here is asked on days without reads: between reads all rates are constant until a class changes its state, so the
 * work function jumps from one such day to the next, and the day on which the choice will change is computed, not waited for.
 */
#ifndef CF_TIERING_WORKFN_H
#define CF_TIERING_WORKFN_H

#include "tiering/tariff.h"

#define CF_WORKFN_NEVER INT32_MAX
#define CF_WORKFN_FADE_DAYS 180

/* What all depends on that is the same on every day of an object: 6 KiB, made once per object. */
typedef struct CfWorkPrices
{
	const CfTariffMenu *menu;
	int64_t		size_bytes;
	int			states[CF_TARIFF_CLASSES];	/* that an object of this size can be in */
	double		day_usd[CF_TARIFF_CLASSES][CF_TARIFF_STATES];
	double		wake_usd[CF_TARIFF_CLASSES][CF_TARIFF_STATES];	/* what a day with reads costs beyond reads and bytes */
	double		move_usd[CF_TARIFF_CLASSES][CF_TARIFF_STATES][CF_TARIFF_CLASSES];
} CfWorkPrices;

typedef struct CfWork
{
	double		usd[CF_TARIFF_CLASSES]; /* above the smallest of them */
	double		worst_bytes;	/* of the day with most bytes read, fading with a half-life of CF_WORKFN_FADE_DAYS */
	int32_t		day;			/* the last that is counted in */
	int32_t		idle_from;		/* day of the last read, or the first one of the object */
} CfWork;

extern void cf_workfn_price(const CfTariffMenu *menu, int64_t size_bytes, CfWorkPrices *prices);

/*
 * cf_workfn_start is the class for an object of which nothing is known. Days cost something between bounds, reads may come
 * without number: so of the classes whose reads are cheapest the one that is cheapest in the end if none come.
 */
extern int	cf_workfn_start(const CfWorkPrices *prices);

/*
 * cf_workfn_begin starts at the end of a day. cls = CF_TARIFF_NONE: the object is uploaded tomorrow, in any class at no
 * cost; else it is in cls, and has been idle since idle_from.
 */
extern void cf_workfn_begin(const CfWorkPrices *prices, CfWork *work, int cls, int32_t day, int32_t idle_from);

/* cf_workfn_idle counts in days without a read, up to and including day; cf_workfn_read the one after them, with its reads. */
extern void cf_workfn_idle(const CfWorkPrices *prices, CfWork *work, int32_t day);
extern void cf_workfn_read(const CfWorkPrices *prices, CfWork *work, int64_t reads, int64_t bytes);

/*
 * cf_workfn_choose says where an object that is in cls should be tomorrow: in cls, until the cheapest plan that ends there comes
 * from elsewhere; then in the class from which it comes. trust, if given, has for each class how much of that regret is enough
 * (above 0, at most 1: the whole).
 */
extern int	cf_workfn_choose(const CfWorkPrices *prices, const CfWork *work, int cls, const double *trust);

/* cf_workfn_needed fills how much regret is the whole of it, for each class: what choose wants with trust 1. */
extern void cf_workfn_needed(const CfWorkPrices *prices, const CfWork *work, int cls, double needed[CF_TARIFF_CLASSES]);

/* cf_workfn_settle lets plans move at the end of a day that was read; after the choice, before anything else. */
extern void cf_workfn_settle(const CfWorkPrices *prices, CfWork *work);

/*
 * cf_workfn_next is the first day at whose end an object in cls would be told to move, if it is not read until then and so much of the
 * regret is enough; CF_WORKFN_NEVER = it stays. It may be the next day again and again.
 */
extern int32_t cf_workfn_next(const CfWorkPrices *prices, const CfWork *work, int cls, double trust);

/* cf_workfn_next_among is the same of a choice among classes: bit k = class k is one of them. */
extern int32_t cf_workfn_next_among(const CfWorkPrices *prices, const CfWork *work, int cls, double trust, uint32_t among);

/*
 * cf_workfn_glance is the day of cf_workfn_next, or an earlier one (but not tomorrow) from which on a class would hold the object in another
 * state: nothing happens before it. It costs a fraction, and most objects that are asked about are read again before that day.
 */
extern int32_t cf_workfn_glance(const CfWorkPrices *prices, const CfWork *work, int cls, double trust);

#endif							/* CF_TIERING_WORKFN_H */
