/*
 * bucket.h
 *		A token bucket for bytes or requests, safe to share between processes (lock-free, in shared memory or not).
 *
 * Tokens fill at rate per second up to a burst of one quarter second (at least `want`). Taking more than
 * there is goes into debt: the caller is told how long to wait before it goes on, so a large chunk is never
 * split and many takers share the rate fairly. The rate is an argument: changing it acts at the next take.
 */
#ifndef CF_CORE_BUCKET_H
#define CF_CORE_BUCKET_H

#include <stdint.h>

typedef struct CfBucket
{
	volatile int64_t paid_until_us; /* monotonic time at which all debt is paid; atomic */
} CfBucket;

/* cf_bucket_take takes want tokens and returns how many microseconds to wait first (0 = go on); rate <= 0 = no limit. */
extern int64_t cf_bucket_take(CfBucket *bucket, int64_t rate, int64_t want, int64_t now_us);

#endif							/* CF_CORE_BUCKET_H */
