/*
 * binding_sql.h
 *		User mappings of a place, and what their sealed values are bound to. Private to the room's doorways.
 */
#ifndef CF_STORAGE_BINDING_SQL_H
#define CF_STORAGE_BINDING_SQL_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "security/security_sql.h"
#include "storage/options_sql.h"
#include "storage/storage.h"

#define CF_STORAGE_PUBLIC "public"	/* stands for all roles, as no role can be called */

/*
 * cf_storage_binding tells what a credential of a place is bound to. Its texts are the place's and the caller's, and one
 * is made in the current memory context.
 */
extern void cf_storage_binding(const CfPlace *place, const char *user, const char *name, CfSealBinding *binding);

/*
 * cf_storage_mapping_find finds the user mapping of a role, else that of PUBLIC; cf_storage_mapping_get that of exactly one
 * (InvalidOid = PUBLIC). *user is the role's name, or CF_STORAGE_PUBLIC.
 */
extern bool cf_storage_mapping_find(Oid server, Oid role, List **options, const char **user);
extern bool cf_storage_mapping_get(Oid server, Oid role, List **options);

#endif							/* CF_STORAGE_BINDING_SQL_H */
