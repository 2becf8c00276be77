/*
 * net_retry: waits with full jitter, Retry-After and HTTP's dates, budget and breaker, with time and chance as arguments.
 */
#include "tap.h"

#include "net/net.h"
#include "net/retry.h"

#define SECOND INT64_C(1000000)
#define MOST (20 * SECOND)

static int64_t
date(const char *text)
{
	int64_t		us = -1;

	return cf_net_date(text, &us) ? us / SECOND : -1;
}

static void
test_waits(void)
{
	uint64_t	state = 1;
	int64_t		sum = 0;
	int64_t		longest = 0;

	for (int i = 0; i < 1000; i++)
	{
		int64_t		wait = cf_retry_wait_us(3, false, -1, MOST, cf_retry_random(&state));

		sum += wait;
		if (wait > longest)
			longest = wait;
	}
	ok(longest <= 400000 && longest > 380000, "after the third attempt the wait is at most 400 ms");
	ok(sum / 1000 > 180000 && sum / 1000 < 220000, "and uniform from 0 on");
	is_int(cf_retry_wait_us(1, false, -1, MOST, 100000), 100000, "after the first at most 100 ms");
	is_int(cf_retry_wait_us(1, true, -1, MOST, 500000), 500000, "500 ms when the peer asks for less");
	is_int(cf_retry_wait_us(100, false, -1, MOST, MOST), MOST, "never more than the limit");
	is_int(cf_retry_wait_us(1, false, 3 * SECOND, MOST, 7), 3 * SECOND + 7, "Retry-After comes before the jitter");
	is_int(cf_retry_wait_us(1, false, 3600 * SECOND, MOST, 7), MOST, "and is cut at the limit");
	is_int(cf_retry_wait_us(1, false, 0, MOST, 7), 7, "a Retry-After of 0 changes nothing");
}

static void
test_dates(void)
{
	is_int(date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777, "the usual form of a date");
	is_int(date("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777, "the old one with two digits");
	is_int(date("Sun Nov  6 08:49:37 1994"), 784111777, "that of asctime()");
	is_int(date("Wed Nov 16 08:49:37 1994"), 784975777, "also with two digits of a day");
	is_int(date("Thu, 01 Jan 1970 00:00:00 GMT"), 0, "the epoch");
	is_int(date("Tue, 29 Feb 2028 23:59:60 GMT"), 1835481600, "a leap day and a leap second");
	is_int(date("Monday, 01-Mar-27 00:00:00 GMT"), 1803859200, "27 is 2027");
	is_int(date("Fri, 01 Mar 0000 00:00:00 GMT"), -62162035200, "the year 0 does not overflow");
	for (int i = 0; i < 16; i++)
	{
		static const char *const bad[] = {"", "Su", "Sun", "Sun, ", "Sun, 06", "Sun, 06 Nov", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 25:00:00 GMT",
			"Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Xxx 1994 08:49:37 GMT",
			"Sun Nov  6 08:49:37", "Sun, 06-Nov 1994 08:49:37 GMT", "06 Nov 1994", "Sun, x6 Nov 1994 08:49:37 GMT"};

		is_int(date(bad[i]), -1, "no date: '%s'", bad[i]);
	}

	is_int(cf_retry_after_us("3", 0), 3 * SECOND, "Retry-After in seconds");
	is_int(cf_retry_after_us("99999999999999999999999", 0), 86400 * SECOND, "as many digits as it likes");
	is_int(cf_retry_after_us("Sun, 06 Nov 1994 08:49:37 GMT", INT64_C(784111770) * SECOND), 7 * SECOND, "as a date");
	is_int(cf_retry_after_us("Sun, 06 Nov 1994 08:49:37 GMT", INT64_C(784111780) * SECOND), 0, "one that has passed is now");
	is_int(cf_retry_after_us("Sun, 06 Nov 2094 08:49:37 GMT", 0), 86400 * SECOND, "one far away is cut at a day");
	is_int(cf_retry_after_us("", 0), -1, "none");
	is_int(cf_retry_after_us("3s", 0), -1, "malformed");
	is_int(cf_retry_after_us("-3", 0), -1, "negative");
}

static void
test_budget(void)
{
	CfNetBudget budget = {0};
	int			taken = 0;

	while (cf_retry_budget_take(&budget, CF_RETRY_PLACE_TOKENS))
		taken++;
	is_int(taken, 100, "a place has 100 repetitions in a row");
	cf_retry_budget_give(&budget, true);
	ok(cf_retry_budget_take(&budget, CF_RETRY_PLACE_TOKENS) && !cf_retry_budget_take(&budget, CF_RETRY_PLACE_TOKENS), "one that succeeds gives one back");
	for (int i = 0; i < 5; i++)
		cf_retry_budget_give(&budget, false);
	ok(cf_retry_budget_take(&budget, CF_RETRY_PLACE_TOKENS) && !cf_retry_budget_take(&budget, CF_RETRY_PLACE_TOKENS), "and so do five good answers");
	for (int i = 0; i < 1000; i++)
		cf_retry_budget_give(&budget, true);
	is_int(budget.spent, 0, "it is never more than full");
}

static void
test_breaker(void)
{
	CfBreaker	breaker = {0};
	int64_t		now = 1000 * SECOND;

	for (int i = 0; i < 9; i++)
		cf_breaker_failed(&breaker, now, 0);
	ok(cf_breaker_admit(&breaker, now), "nine failures are borne");
	cf_breaker_answered(&breaker);
	for (int i = 0; i < 9; i++)
		cf_breaker_failed(&breaker, now, 0);
	ok(cf_breaker_admit(&breaker, now), "an answer begins the count anew");
	is_str(cf_breaker_state(&breaker, now), "closed", "the breaker is closed");
	cf_breaker_failed(&breaker, now, 0);
	ok(!cf_breaker_admit(&breaker, now), "the tenth opens it");
	is_str(cf_breaker_state(&breaker, now), "open", "it is open");
	cf_breaker_failed(&breaker, now + 1, 999999);
	ok(!cf_breaker_admit(&breaker, now + SECOND / 2 - 1), "those that were on their way do not lengthen it");
	now += SECOND / 2;
	is_str(cf_breaker_state(&breaker, now), "trying", "after half a second to a second one may try");
	ok(cf_breaker_admit(&breaker, now), "the first one does");
	ok(!cf_breaker_admit(&breaker, now), "the second waits");
	cf_breaker_failed(&breaker, now, 1000000);
	ok(!cf_breaker_admit(&breaker, now + 2 * SECOND - 1), "when it fails, the wait doubles");
	ok(cf_breaker_admit(&breaker, now + 2 * SECOND), "then the next one tries");
	now += 2 * SECOND;
	ok(!cf_breaker_admit(&breaker, now + CF_BREAKER_TRY_US - 1), "one that never comes back");
	ok(cf_breaker_admit(&breaker, now + CF_BREAKER_TRY_US), "is followed by another");
	cf_breaker_answered(&breaker);
	ok(cf_breaker_admit(&breaker, now) && breaker.failures == 0 && breaker.opened == 0, "an answer closes it");

	for (int i = 0; i < 40; i++)
	{
		for (int j = 0; j < 10; j++)
			cf_breaker_failed(&breaker, now, UINT64_MAX);
		now = breaker.until_us;
		cf_breaker_admit(&breaker, now);
	}
	cf_breaker_failed(&breaker, now, 0);
	is_int(breaker.until_us - now, 30 * SECOND, "it never waits longer than a minute, half of it by chance");
	ok(cf_breaker_admit(&breaker, now - 3600 * SECOND), "a moment beyond that was written by another clock");
}

int
main(void)
{
	test_waits();
	test_dates();
	test_budget();
	test_breaker();
	return done_testing();
}
