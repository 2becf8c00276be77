/*
 * interrupt.c
 *		The hook behind CF_FAULT, NULL outside test builds and until a test sets it.
 */
#include "core/interrupt.h"

#ifdef CF_TEST
bool		(*cf_fault_hook) (const char *name, CfError *err) = NULL;
#else
typedef int cf_interrupt_has_nothing_to_define;
#endif
