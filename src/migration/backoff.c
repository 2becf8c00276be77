/*
 * backoff.c
 *		Exponential back-off with full jitter, in whole milliseconds.
 */
#include "migration/backoff.h"

int64_t
cf_backoff_ms(int attempt, int64_t base_ms, int64_t max_ms, uint32_t dice)
{
	int64_t		ceiling = base_ms;

	for (int i = 1; i < attempt && ceiling < max_ms; i++)
		ceiling *= 2;
	if (ceiling > max_ms)
		ceiling = max_ms;
	return (int64_t) (((unsigned __int128) dice * (uint64_t) (ceiling + 1)) >> 32);
}
