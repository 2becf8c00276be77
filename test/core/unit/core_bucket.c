/* The token bucket: credit, debt, a changing rate, many takers. */
#include <pthread.h>

#include "core/bucket.h"
#include "harness/tap.h"

#define SECOND INT64_C(1000000)
#define START (1000 * SECOND)

static void
test_one_taker(void)
{
	CfBucket	bucket = {0};

	is_int(cf_bucket_take(&bucket, 0, 1000, START), 0, "rate 0 is no limit");
	is_int(cf_bucket_take(&bucket, -1, 1000, START), 0, "nor is a negative one");
	is_int(cf_bucket_take(&bucket, 1000, 0, START), 0, "taking nothing is free");
	is_int(bucket.paid_until_us, 0, "none of them leaves a trace");

	is_int(cf_bucket_take(&bucket, 1000, 250, START), 0, "an idle bucket has a quarter second of credit");
	is_int(cf_bucket_take(&bucket, 1000, 100, START), SECOND / 10, "what goes beyond it waits until it is paid");
	is_int(cf_bucket_take(&bucket, 1000, 100, START), SECOND / 5, "the next one waits longer");
	is_int(cf_bucket_take(&bucket, 1000, 100, START + SECOND / 5), SECOND / 10, "time pays the debt");
	is_int(cf_bucket_take(&bucket, 1000, 100, START + SECOND), 0, "later it is free again");
	is_int(cf_bucket_take(&bucket, 1000, 5000, START + 100 * SECOND), 0, "an idle bucket lets one large piece through");
	is_int(cf_bucket_take(&bucket, 1000, 1, START + 100 * SECOND), SECOND / 1000, "the next pays for itself");
}

static void
test_rate(void)
{
	CfBucket	bucket = {0};
	int64_t		now = START;
	int64_t		taken = 0;

	cf_bucket_take(&bucket, 1000, 250, now);
	is_int(cf_bucket_take(&bucket, 2000, 1000, now), SECOND / 2, "a new rate acts at the next take");
	for (bucket.paid_until_us = now; now < START + 60 * SECOND; taken += 100)
		now += cf_bucket_take(&bucket, 1000, 100, now);
	ok(taken >= 60000 && taken <= 60100, "a minute at 1000 per second lets 60,000 through");
}

static void
test_extremes(void)
{
	CfBucket	bucket = {0};
	int64_t		wait = cf_bucket_take(&bucket, 1, INT64_MAX, START);

	ok(wait >= 0, "the largest take does not overflow");
	wait = cf_bucket_take(&bucket, 1, INT64_MAX, START);
	ok(wait > 0 && wait <= INT64_C(2 * 366) * 86400 * SECOND, "a wait has a bound");
	bucket.paid_until_us = INT64_MAX;
	is_int(cf_bucket_take(&bucket, 1000, 100, START), 0, "a debt from another clock is forgotten");
	is_int(cf_bucket_take(&bucket, INT64_MAX, 1, START), 0, "the largest rate costs nothing");
}

static CfBucket shared;

static void *
take_many(void *arg)
{
	(void) arg;
	for (int i = 0; i < 20000; i++)
		cf_bucket_take(&shared, 1000, 1, START);
	return NULL;
}

static void
test_many_takers(void)
{
	pthread_t	threads[4];

	shared.paid_until_us = START;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, take_many, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	is_int(shared.paid_until_us, START + 80000 * SECOND / 1000, "no take of four at once is lost");
}

int
main(void)
{
	test_one_taker();
	test_rate();
	test_extremes();
	test_many_takers();
	return done_testing();
}
