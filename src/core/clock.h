/*
 * clock.h
 *		What time it is, and nothing else: kernels and doorways ask here, so that a test can own the time.
 */
#ifndef CF_CORE_CLOCK_H
#define CF_CORE_CLOCK_H

#include <stdint.h>

/* Microseconds since the Unix epoch, and since some fixed moment (never goes back). */
extern int64_t cf_clock_now_us(void);
extern int64_t cf_clock_monotonic_us(void);

/* cf_clock_freeze makes both clocks stand at us until cf_clock_thaw(); only tests call it. */
extern void cf_clock_freeze(int64_t us);
extern void cf_clock_thaw(void);

#endif							/* CF_CORE_CLOCK_H */
