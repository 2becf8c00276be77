/*
 * bucket.c
 *		A token bucket that is one number: the moment at which everything taken so far is paid for.
 *
 * With rate r, taking n tokens costs n/r seconds. An idle bucket has credit: the moment may lie at most one
 * burst in the past. So the state is a single 64-bit integer, a take is one compare-and-swap, and a process
 * that dies holds nothing (virtual scheduling, as in the generic cell rate algorithm, ITU-T I.371).
 */
#include <stdbool.h>

#include "core/bucket.h"

#define BURST_US INT64_C(250000)
#define LONGEST_US (INT64_C(365) * 86400 * 1000000)	/* no take costs more, so sums cannot overflow */

/* cost_us is how long want tokens take to fill at rate. */
static int64_t
cost_us(int64_t rate, int64_t want)
{
	__int128	us = (__int128) want * 1000000 / rate;

	return us > LONGEST_US ? LONGEST_US : (int64_t) us;
}

int64_t
cf_bucket_take(CfBucket *bucket, int64_t rate, int64_t want, int64_t now_us)
{
	if (rate <= 0 || want <= 0)
		return 0;

	int64_t		cost = cost_us(rate, want);
	int64_t		oldest = now_us - (cost > BURST_US ? cost : BURST_US);
	int64_t		seen = __atomic_load_n(&bucket->paid_until_us, __ATOMIC_RELAXED);
	int64_t		next;

	do
	{
		/* A debt beyond the longest cost belongs to a clock of another boot: forget it. */
		int64_t		base = seen < oldest || seen > now_us + LONGEST_US ? oldest : seen;

		next = base + cost;
	} while (!__atomic_compare_exchange_n(&bucket->paid_until_us, &seen, next, true,
										  __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return next > now_us ? next - now_us : 0;
}
