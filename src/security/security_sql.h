/*
 * security_sql.h
 *		Sealed values for doorways: the keys of this process, and values that they seal and open.
 */
#ifndef CF_SECURITY_SECURITY_SQL_H
#define CF_SECURITY_SECURITY_SQL_H

#include "postgres.h"

#include "security/seal.h"
#include "security/security.h"

/*
 * cf_seal_value seals a value under the current key; the envelope lies in the current memory context. cf_seal_reveal opens one
 * into secret (room bytes). Both read the keys when they need them (cloudflux.key_file, cloudflux.key_command); false =
 * err tells, and no text of it holds a value or a key.
 */
extern bool cf_seal_value(const CfSealBinding *binding, const char *secret, char **envelope, CfError *err);
extern bool cf_seal_reveal(const CfSealBinding *binding, const char *envelope, char *secret, size_t room, CfError *err);

/* cf_seal_current tells the id of the key that seals; false = there is none. */
extern bool cf_seal_current(char id[CF_SEAL_KEY_ID_MAX + 1], CfError *err);

#endif							/* CF_SECURITY_SECURITY_SQL_H */
