/*
 * limit.c
 *		Charging moved bytes to the buckets that limit them.
 */
#include "migration/limit.h"

/* name_hash is FNV-1a, 32 bits. */
static uint32_t
name_hash(const char *name)
{
	uint32_t	hash = 2166136261u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char) *name) * 16777619u;
	return hash;
}

int64_t
cf_limit_take(CfBuckets *buckets, const char *place, int64_t rate, int64_t place_rate, int64_t bytes,
			  int64_t now_us)
{
	CfBucket   *bucket = &buckets->places[name_hash(place) % CF_MIGRATION_PLACE_BUCKETS];
	int64_t		wait_us = cf_bucket_take(&buckets->all, rate, bytes, now_us);
	int64_t		place_wait_us = cf_bucket_take(bucket, place_rate, bytes, now_us);

	return wait_us > place_wait_us ? wait_us : place_wait_us;
}
