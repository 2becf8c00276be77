/*
 * retry.h
 *		When to send again, and when to leave a peer alone. Private to net; pure but for what is shared.
 */
#ifndef CF_NET_RETRY_H
#define CF_NET_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"

/*
 * cf_retry_wait_us draws the wait after the attempt-th attempt (from 1): uniform between 0 and a bound that doubles with
 * each attempt (full jitter), at least what the peer asked for by Retry-After (after_us, -1 = nothing), never more than
 * max_us.
 */
extern int64_t cf_retry_wait_us(int attempt, bool slow_down, int64_t after_us, int64_t max_us, uint64_t random);

/* cf_retry_after_us reads Retry-After, seconds or a date, into microseconds from now; -1 = none, or malformed. */
extern int64_t cf_retry_after_us(const char *value, int64_t now_us);

/* cf_retry_random mixes a counter into 64 well distributed bits (splitmix64). */
extern uint64_t cf_retry_random(uint64_t *state);

/*
 * The budget of a place: repetitions may not multiply what a store in trouble has to bear. A repetition costs 5 of 500
 * tokens; a good answer gives 1 back, or the 5 when it was repeated. Shared between processes (atomic). That of a job is smaller,
 * 100 tokens for each of its attempts: what is wrong with one object must not use up what the others of its place may need. Who has none
 * left fails, and waits as a job that is tried again does.
 */
#define CF_RETRY_PLACE_TOKENS 500
#define CF_RETRY_JOB_TOKENS 100

extern bool cf_retry_budget_take(CfNetBudget *budget, int tokens);
extern void cf_retry_budget_give(CfNetBudget *budget, bool repeated);

/*
 * The circuit breaker of a place: after 10 failures in a row with no answer or an answer of 500 or more (but 501 and 505,
 * which speak of the call), nothing is sent for a while that grows with each time from 1 s to 1 min (jittered); then one request may try. All zero = closed. Shared between
 * processes (atomic); a process that dies while it tries leaves the next try to others after CF_BREAKER_TRY_US.
 */
#define CF_BREAKER_FAILURES 10
#define CF_BREAKER_TRY_US INT64_C(30000000)

typedef struct CfBreaker
{
	volatile int32_t failures;	/* in a row */
	volatile int32_t opened;	/* how often in a row */
	volatile int64_t until_us;	/* monotonic: nothing is sent before; 0 = closed */
	volatile int64_t opened_us; /* when, the last time */
	volatile int64_t since_us;	/* when, the first time in a row */
} CfBreaker;

extern bool cf_breaker_admit(CfBreaker *breaker, int64_t now_us);
extern void cf_breaker_answered(CfBreaker *breaker);
extern void cf_breaker_failed(CfBreaker *breaker, int64_t now_us, uint64_t random);

/* cf_breaker_state gives "closed", "open" or "trying". */
extern const char *cf_breaker_state(const CfBreaker *breaker, int64_t now_us);

#endif							/* CF_NET_RETRY_H */
