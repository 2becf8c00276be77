/*
 * core.h
 *		What every room may use of core beside its kernels: the name says what each header owns.
 */
#ifndef CF_CORE_CORE_H
#define CF_CORE_CORE_H

extern void cf_core_init(void);

#endif							/* CF_CORE_CORE_H */
