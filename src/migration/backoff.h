/*
 * backoff.h
 *		How long a failed attempt waits: exponential with full jitter.
 */
#ifndef CF_MIGRATION_BACKOFF_H
#define CF_MIGRATION_BACKOFF_H

#include <stdint.h>

/*
 * cf_backoff_ms gives the wait before attempt number attempt + 1 (attempt from 1): uniform in
 * [0, min(max_ms, base_ms * 2^(attempt-1))] by dice, 32 random bits of the caller. Full jitter keeps a crowd of
 * jobs that failed together from coming back together (Brooker, "Exponential Backoff And Jitter", 2015).
 */
extern int64_t cf_backoff_ms(int attempt, int64_t base_ms, int64_t max_ms, uint32_t dice);

#endif							/* CF_MIGRATION_BACKOFF_H */
