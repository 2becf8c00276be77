/*
 * catalog.h
 *		What other rooms may know of catalog in C: nothing but how to write rows past its triggers.
 *
 * Everything else that catalog offers is SQL (sql/catalog.sql).
 */
#ifndef CF_CATALOG_CATALOG_H
#define CF_CATALOG_CATALOG_H

#include <stdbool.h>

/*
 * True while code of this library writes data_objects with complete rows and looks after addresses, versions
 * and events itself (an inventory does). Set it around one statement, inside PG_TRY / PG_FINALLY.
 */
extern bool cf_catalog_own_write;

#endif							/* CF_CATALOG_CATALOG_H */
