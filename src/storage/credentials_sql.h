/*
 * credentials_sql.h
 *		Credentials of a place, opened. Private to the room's doorways.
 */
#ifndef CF_STORAGE_CREDENTIALS_SQL_H
#define CF_STORAGE_CREDENTIALS_SQL_H

#include "postgres.h"

#include "foreign/foreign.h"

#include "storage/storage.h"

/*
 * cf_storage_credentials_open fills place->credentials (NULL when there are none: anonymous) and place->token. They live
 * until the arena is reset or its memory context goes, whichever comes first, and are wiped then.
 */
extern bool cf_storage_credentials_open(const ForeignServer *server, Oid role, CfArena *arena, CfPlace *place, CfError *err);

/*
 * cf_storage_source_read obtains one credential from the server's environment: *value is allocated in the current memory
 * context, for the caller to wipe; NULL = there is none of that name.
 */
extern bool cf_storage_source_read(const char *name, char **value, CfError *err);

/*
 * cf_storage_source_setting gives the next setting that the place's source needs to know, from an option of the place or else from
 * the server's environment; *at counts from 0. NULL = there are no more. The value is not to be changed.
 */
extern const char *cf_storage_source_setting(const CfPlace *place, int *at, const char **value);

/* cf_storage_source_options_check refuses options of a place that its source of credentials does not read. */
extern bool cf_storage_source_options_check(const CfPlace *place, CfError *err);

#endif							/* CF_STORAGE_CREDENTIALS_SQL_H */
