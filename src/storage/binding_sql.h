/*
 * binding_sql.h
 *		What sealed values of a place are bound to. Private to the room's doorways.
 */
#ifndef CF_STORAGE_BINDING_SQL_H
#define CF_STORAGE_BINDING_SQL_H

#include "postgres.h"

#include "security/security_sql.h"
#include "storage/options_sql.h"
#include "storage/storage.h"

/*
 * cf_storage_binding tells what a credential of a place is bound to. Its texts are the place's and the caller's, and one
 * is made in the current memory context.
 */
extern void cf_storage_binding(const CfPlace *place, const char *user, const char *name, CfSealBinding *binding);

/* cf_storage_binding_register makes set_credentials() know places. */
extern void cf_storage_binding_register(void);

#endif							/* CF_STORAGE_BINDING_SQL_H */
