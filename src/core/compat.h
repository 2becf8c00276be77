/*
 * compat.h
 *		What differs between PostgreSQL 15, 16, 17 and 18; nowhere else stands a test of PG_VERSION_NUM.
 */
#ifndef CF_CORE_COMPAT_H
#define CF_CORE_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM >= 180000
#define CF_NORETURN pg_noreturn
#else
#define CF_NORETURN pg_attribute_noreturn()
#endif

#endif							/* CF_CORE_COMPAT_H */
