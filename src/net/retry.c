/*
 * retry.c
 *		Waits, Retry-After, the budget and the circuit breaker, and HTTP's dates, which Retry-After may hold.
 *
 * Time and chance are arguments. What processes share is plain numbers changed by compare-and-swap: a process that dies
 * holds nothing, and two that meet lose at most one count.
 */
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "net/net.h"
#include "net/retry.h"

#define FIRST_US INT64_C(100000)	/* bound of the first wait */
#define SLOW_FIRST_US INT64_C(500000)	/* the same when the peer asks for less */
#define COST 5
#define OPEN_US INT64_C(1000000)
#define OPEN_MAX_US INT64_C(60000000)
#define AFTER_MAX_SECONDS INT64_C(86400)

int64_t
cf_retry_wait_us(int attempt, bool slow_down, int64_t after_us, int64_t max_us, uint64_t random)
{
	int64_t		bound = slow_down ? SLOW_FIRST_US : FIRST_US;
	int64_t		wait;

	for (int i = 1; i < attempt && bound < max_us; i++)
		bound *= 2;
	if (bound > max_us)
		bound = max_us;
	wait = (int64_t) (random % (uint64_t) (bound + 1));
	if (after_us > 0)
		wait += after_us;
	return wait > max_us ? max_us : wait;
}

uint64_t
cf_retry_random(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* digits reads exactly count digits and moves on; false when there are fewer. */
static bool
digits(const char **at, int count, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++, (*at)++)
	{
		if (**at < '0' || **at > '9')
			return false;
		*value = *value * 10 + (**at - '0');
	}
	return true;
}

/* literal moves on over a fixed text. */
static bool
literal(const char **at, const char *text)
{
	size_t		length = strlen(text);

	if (strncmp(*at, text, length) != 0)
		return false;
	*at += length;
	return true;
}

/* month reads "Jan" … "Dec" as 1 … 12. */
static bool
month(const char **at, int *value)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (*value = 1; *value <= 12; (*value)++)
	{
		if (strncmp(*at, names + (*value - 1) * 3, 3) == 0)
		{
			*at += 3;
			return true;
		}
	}
	return false;
}

/* time_of_day reads hh:mm:ss, a leap second included. */
static bool
time_of_day(const char **at, int *seconds)
{
	int			hour;
	int			minute;
	int			second;

	if (!digits(at, 2, &hour) || !literal(at, ":") || !digits(at, 2, &minute) || !literal(at, ":") ||
		!digits(at, 2, &second) || hour > 23 || minute > 59 || second > 60)
		return false;
	*seconds = hour * 3600 + minute * 60 + second;
	return true;
}

/* The three forms: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994". */
bool
cf_net_date(const char *text, int64_t *us)
{
	const char *at = text;
	int			year;
	int			mon;
	int			day;
	int			seconds;
	bool		good;

	while ((*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z'))
		at++;
	if (at - text < 3)
		return false;
	if (literal(&at, ", "))
	{
		const char *dash;

		if (!digits(&at, 2, &day))
			return false;
		dash = *at == '-' ? "-" : " ";
		good = literal(&at, dash) && month(&at, &mon) && literal(&at, dash);
		if (good && *dash == '-')
		{
			good = digits(&at, 2, &year);
			year += year < 70 ? 2000 : 1900;
		}
		else
			good = good && digits(&at, 4, &year);
		good = good && literal(&at, " ") && time_of_day(&at, &seconds) && literal(&at, " GMT");
	}
	else
	{
		good = literal(&at, " ") && month(&at, &mon) && literal(&at, " ");
		good = good && (literal(&at, " ") ? digits(&at, 1, &day) : digits(&at, 2, &day));
		good = good && literal(&at, " ") && time_of_day(&at, &seconds) && literal(&at, " ") && digits(&at, 4, &year);
	}
	if (!good || *at != '\0' || !cf_calendar_us(year, mon, day, 0, 0, 0, us))
		return false;
	*us += seconds * INT64_C(1000000);
	return true;
}

int64_t
cf_retry_after_us(const char *value, int64_t now_us)
{
	int64_t		us;
	int64_t		seconds = 0;
	const char *at = value;

	if (*at >= '0' && *at <= '9')
	{
		for (; *at >= '0' && *at <= '9'; at++)
		{
			if (seconds < AFTER_MAX_SECONDS)
				seconds = seconds * 10 + (*at - '0');
		}
		if (*at != '\0')
			return -1;
		return (seconds > AFTER_MAX_SECONDS ? AFTER_MAX_SECONDS : seconds) * 1000000;
	}
	if (!cf_net_date(value, &us))
		return -1;
	us -= now_us;
	if (us < 0)
		us = 0;
	return us > AFTER_MAX_SECONDS * 1000000 ? AFTER_MAX_SECONDS * 1000000 : us;
}

bool
cf_retry_budget_take(CfNetBudget *budget, int tokens)
{
	int32_t		seen = __atomic_load_n(&budget->spent, __ATOMIC_RELAXED);

	do
	{
		if (seen + COST > tokens)
			return false;
	} while (!__atomic_compare_exchange_n(&budget->spent, &seen, seen + COST, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

void
cf_retry_budget_give(CfNetBudget *budget, bool repeated)
{
	int32_t		back = repeated ? COST : 1;
	int32_t		seen = __atomic_load_n(&budget->spent, __ATOMIC_RELAXED);

	while (seen > 0 && !__atomic_compare_exchange_n(&budget->spent, &seen, seen > back ? seen - back : 0, true,
													__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

bool
cf_breaker_admit(CfBreaker *breaker, int64_t now_us)
{
	int64_t		until = __atomic_load_n(&breaker->until_us, __ATOMIC_RELAXED);

	if (until == 0)
		return true;
	/* A moment that lies further away than the longest wait was written by the clock of another boot. */
	if (now_us < until && until - now_us <= OPEN_MAX_US)
		return false;
	/* Whoever moves the moment on is the one that tries; if it fails, that counts. */
	if (!__atomic_compare_exchange_n(&breaker->until_us, &until, now_us + CF_BREAKER_TRY_US, false,
									 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&breaker->opened_us, now_us - OPEN_US, __ATOMIC_RELAXED);
	return true;
}

void
cf_breaker_answered(CfBreaker *breaker)
{
	if (__atomic_load_n(&breaker->failures, __ATOMIC_RELAXED) == 0 &&
		__atomic_load_n(&breaker->until_us, __ATOMIC_RELAXED) == 0)
		return;
	__atomic_store_n(&breaker->failures, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&breaker->opened, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&breaker->until_us, 0, __ATOMIC_RELAXED);
}

void
cf_breaker_failed(CfBreaker *breaker, int64_t now_us, uint64_t random)
{
	int32_t		failures = __atomic_add_fetch(&breaker->failures, 1, __ATOMIC_RELAXED);
	int64_t		until = __atomic_load_n(&breaker->until_us, __ATOMIC_RELAXED);
	int64_t		wait = OPEN_US;
	int32_t		opened;

	if (failures < CF_BREAKER_FAILURES)
		return;
	/* Those that were on their way when it opened say nothing new; the one that tried does. */
	if (until != 0 && now_us < until && __atomic_load_n(&breaker->opened_us, __ATOMIC_RELAXED) + OPEN_US > now_us)
		return;
	opened = __atomic_add_fetch(&breaker->opened, 1, __ATOMIC_RELAXED);
	if (opened == 1)
		__atomic_store_n(&breaker->since_us, now_us, __ATOMIC_RELAXED);
	for (int i = 1; i < opened && wait < OPEN_MAX_US; i++)
		wait *= 2;
	if (wait > OPEN_MAX_US)
		wait = OPEN_MAX_US;
	wait = wait / 2 + (int64_t) (random % (uint64_t) (wait / 2 + 1));
	__atomic_store_n(&breaker->opened_us, now_us, __ATOMIC_RELAXED);
	__atomic_store_n(&breaker->until_us, now_us + wait, __ATOMIC_RELAXED);
}

const char *
cf_breaker_state(const CfBreaker *breaker, int64_t now_us)
{
	int64_t		until = __atomic_load_n(&breaker->until_us, __ATOMIC_RELAXED);

	if (until == 0)
		return "closed";
	return now_us < until ? "open" : "trying";
}
