/*
 * limit.h
 *		Bandwidth: one bucket for all movers of the server, one per place.
 */
#ifndef CF_MIGRATION_LIMIT_H
#define CF_MIGRATION_LIMIT_H

#include <stdint.h>

#include "core/bucket.h"

#define CF_MIGRATION_PLACE_BUCKETS 256

/* Places are spread over buckets by the hash of their name; two that meet share the lower rate's patience. */
typedef struct CfBuckets
{
	CfBucket	all;
	CfBucket	places[CF_MIGRATION_PLACE_BUCKETS];
} CfBuckets;

/*
 * cf_limit_take charges bytes to the server's bucket (rate in bytes per second, 0 = no limit) and to the place's, and
 * tells how many microseconds to wait before going on.
 */
extern int64_t cf_limit_take(CfBuckets *buckets, const char *place, int64_t rate, int64_t place_rate,
							 int64_t bytes, int64_t now_us);

#endif							/* CF_MIGRATION_LIMIT_H */
