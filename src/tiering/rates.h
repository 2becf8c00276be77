/*
 * rates.h
 *		How often and how much one object is read per day, by its own past, and what a class would cost per day if that went on.
 *
 * An exponentially weighted mean with a half-life of CF_RATES_HALF_LIFE days: old reads count less, and nothing has to
 * be remembered but five numbers. The upload counts as one read of the whole object, since somebody just had it in hand: without
 * any such prior a new object would look as if nobody ever read it.
 *
 * For a class that tiers by itself the days between reads are taken to be geometric. That is the empirical hazard of one
 * object, and it is advice only: decide.c says how far it is trusted.
 */
#ifndef CF_TIERING_RATES_H
#define CF_TIERING_RATES_H

#include "tiering/tariff.h"
#include "tiering/workfn.h"

#define CF_RATES_HALF_LIFE 60

typedef struct CfRates
{
	double		weight;			/* of the days seen */
	double		read_days;		/* weighted days with a read, reads, and bytes read */
	double		reads;
	double		bytes;
	int32_t		day;			/* the last that is counted in */
} CfRates;

/* cf_rates_begin starts at the end of the day on which the object, of that size, was last in somebody's hands. */
extern void cf_rates_begin(CfRates *rates, int64_t size_bytes, int32_t day);

/* cf_rates_until counts in the days up to and including day, on the last of which so much was read (reads = 0: nothing). */
extern void cf_rates_until(CfRates *rates, int32_t day, int64_t reads, int64_t bytes);

/* cf_rates_day_usd is what a day in a class will cost on average at these rates. */
extern double cf_rates_day_usd(const CfRates *rates, const CfWorkPrices *prices, int cls);

#endif							/* CF_TIERING_RATES_H */
