/*
 * core_private.h
 *		What the doorways of core call of each other. Private to core.
 */
#ifndef CF_CORE_PRIVATE_H
#define CF_CORE_PRIVATE_H

#include "postgres.h"

/* cloudflux.databases: which databases the launcher serves; empty = all. */
extern char *cf_core_databases;

/* cf_abi_serves tells, and reports at elevel, whether this library can serve the installed SQL. */
extern bool cf_abi_serves(int elevel);

extern void cf_fault_init(void);
extern void cf_launcher_init(void);
extern void cf_keeper_init(void);

#endif							/* CF_CORE_PRIVATE_H */
