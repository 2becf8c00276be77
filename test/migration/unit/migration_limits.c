/*
 * The wait before another attempt, and the charge of moved bytes.
 */
#include <string.h>

#include "harness/tap.h"

#include "migration/backoff.h"
#include "migration/limit.h"

static void
test_backoff_bounds(void)
{
	is_int(cf_backoff_ms(1, 1000, 300000, 0), 0, "the least wait is none");
	is_int(cf_backoff_ms(1, 1000, 300000, UINT32_MAX), 1000, "the longest wait before the second attempt is the base");
	is_int(cf_backoff_ms(2, 1000, 300000, UINT32_MAX), 2000, "it doubles");
	is_int(cf_backoff_ms(5, 1000, 300000, UINT32_MAX), 16000, "with each attempt");
	is_int(cf_backoff_ms(9, 1000, 300000, UINT32_MAX), 256000, "as long as it is below the longest");
	is_int(cf_backoff_ms(10, 1000, 300000, UINT32_MAX), 300000, "which it never exceeds");
	is_int(cf_backoff_ms(2000000000, 1000, 300000, UINT32_MAX), 300000, "however many attempts there were");
	is_int(cf_backoff_ms(1, 500000, 300000, UINT32_MAX), 300000, "a base beyond the longest is cut");
	is_int(cf_backoff_ms(3, INT64_MAX / 4, INT64_MAX / 2, UINT32_MAX / 2 + 1), INT64_MAX / 4 + 1,
		   "great numbers do not overflow");
}

/* Full jitter: all of [0, ceiling] is as likely. Eight equal bins of 80,000 draws, seed fixed. */
static void
test_backoff_spread(void)
{
	uint64_t	state = 20261121;
	int			bins[8] = {0};
	bool		even = true;

	for (int i = 0; i < 80000; i++)
	{
		state = state * 6364136223846793005u + 1442695040888963407u;
		bins[cf_backoff_ms(4, 1000, 300000, (uint32_t) (state >> 32)) * 8 / 8001]++;
	}
	for (int i = 0; i < 8; i++)
		even &= bins[i] > 9500 && bins[i] < 10500;
	ok(even, "waits are spread evenly: a crowd that failed together does not come back together");
}

static void
test_limits(void)
{
	static CfBuckets buckets;
	int64_t		wait_us;

	is_int(cf_limit_take(&buckets, "fast", 0, 0, 1 << 30, 1000000), 0, "without a limit nobody waits");
	memset(&buckets, 0, sizeof(buckets));
	cf_limit_take(&buckets, "fast", 1000000, 0, 1000000, 1000000);
	wait_us = cf_limit_take(&buckets, "archive", 1000000, 0, 1000000, 1000000);
	ok(wait_us >= 900000 && wait_us <= 2100000, "the server's limit is shared by all places");
	memset(&buckets, 0, sizeof(buckets));
	cf_limit_take(&buckets, "fast", 0, 1000000, 1000000, 1000000);
	wait_us = cf_limit_take(&buckets, "fast", 0, 1000000, 1000000, 1000000);
	ok(wait_us >= 900000 && wait_us <= 2100000, "a place's limit holds for the place");
	ok(cf_limit_take(&buckets, "archive", 0, 1000000, 1000, 1000000) < wait_us, "and for no other");
	memset(&buckets, 0, sizeof(buckets));
	wait_us = cf_limit_take(&buckets, "fast", 1000000, 100000, 1000000, 1000000);
	ok(wait_us >= 5000000, "of two limits the tighter one counts");
}

int
main(void)
{
	test_backoff_bounds();
	test_backoff_spread();
	test_limits();
	return done_testing();
}
