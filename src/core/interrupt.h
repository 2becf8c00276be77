/*
 * interrupt.h
 *		How a long kernel learns that it should stop, and how a test makes a kernel fail at a named point.
 */
#ifndef CF_CORE_INTERRUPT_H
#define CF_CORE_INTERRUPT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/*
 * A kernel that can run for more than some milliseconds calls its interrupt callback between bounded
 * pieces of work, and fails with CF_ERR_CANCELLED when it returns true. The callback never raises.
 */
typedef struct CfInterrupt
{
	bool		(*wanted) (void *ctx);	/* NULL = never */
	void	   *ctx;
} CfInterrupt;

static inline bool
cf_interrupt_wanted(const CfInterrupt *interrupt)
{
	return interrupt != NULL && interrupt->wanted != NULL && interrupt->wanted(interrupt->ctx);
}

/*
 * CF_FAULT("name", err) is true when the test build was told to fail there (cloudflux.fault); it may also
 * kill the process or sleep. In release builds it is the constant false and the name is not in the binary.
 */
#ifdef CF_TEST
extern bool (*cf_fault_hook) (const char *name, CfError *err);
#define CF_FAULT(name, err) (cf_fault_hook != NULL && cf_fault_hook(name, err))
#else
#define CF_FAULT(name, err) ((void) (err), false)
#endif

#endif							/* CF_CORE_INTERRUPT_H */
