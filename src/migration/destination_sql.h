/*
 * destination_sql.h
 *		May a role use a place, and create an object there? Private to the room.
 */
#ifndef CF_MIGRATION_DESTINATION_SQL_H
#define CF_MIGRATION_DESTINATION_SQL_H

#include "postgres.h"

#include "core/error.h"

/* cf_destination_allowed tells whether role may use the place and, unless key is empty, create that key there; false = err. */
extern bool cf_destination_allowed(const char *place, const char *key, Oid role, CfError *err);

#endif							/* CF_MIGRATION_DESTINATION_SQL_H */
