/*
 * clock.c
 *		The two clocks, and the one that a test can hold.
 */
#include <stdbool.h>
#include <time.h>

#include "core/clock.h"

static bool frozen = false;
static int64_t frozen_us;

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	if (frozen)
		return frozen_us;
	clock_gettime(id, &ts);
	return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
cf_clock_now_us(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t
cf_clock_monotonic_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

void
cf_clock_freeze(int64_t us)
{
	frozen = true;
	frozen_us = us;
}

void
cf_clock_thaw(void)
{
	frozen = false;
}
