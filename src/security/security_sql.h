/*
 * security_sql.h
 *		Sealed values for doorways: the keys of this process, values that they seal and open, and the user mappings that hold them.
 */
#ifndef CF_SECURITY_SECURITY_SQL_H
#define CF_SECURITY_SECURITY_SQL_H

#include "postgres.h"

#include "foreign/foreign.h"

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

#define CF_SEAL_PUBLIC "public"	/* stands for all roles, as no role can be called */

/*
 * cf_seal_mapping_find finds the user mapping of a role, else that of PUBLIC; cf_seal_mapping_get that of exactly one
 * (InvalidOid = PUBLIC). *user is the role's name, or CF_SEAL_PUBLIC.
 */
extern bool cf_seal_mapping_find(Oid server, Oid role, List **options, const char **user);
extern bool cf_seal_mapping_get(Oid server, Oid role, List **options);

/* cf_seal_mapping_check is for validators: it raises unless all options are sealed values under names that are known. */
extern void cf_seal_mapping_check(List *options, bool (*known_name) (const char *name));

/* cf_seal_secret_file reads a text file of the server, for the caller to wipe; one newline at its end is left away. */
extern bool cf_seal_secret_file(const char *path, char **text, CfError *err);

/* A foreign server whose user mappings hold sealed values, as its room tells of it. */
typedef struct CfSealServer
{
	ForeignServer *server;
	const char *noun;			/* what its room calls one */
	const char *const *names;	/* of the values that it takes, NULL behind the last; NULL = it takes none */
	CfSealBinding binding;		/* of its values; user and option are filled in by who seals or opens one */
	void	   *own;			/* of the room */
} CfSealServer;

/* What set_credentials() and rotate_credentials() have to know of the servers of a foreign-data wrapper. */
typedef struct CfSealKind
{
	const char *wrapper;
	/* known tells whether a value of that name may be sealed in a mapping of such a server */
	bool		(*known) (const char *name);
	/* read finds a server on the authority of a role; what it gives lives as long as arena and memory context */
	bool		(*read) (const char *name, Oid role, CfArena *arena, CfSealServer *server, CfError *err);
	/* check tells whether values belong together; NULL = none, whether the server can be used at all */
	bool		(*check) (const CfSealServer *server, const CfCredentials *given, CfError *err);
} CfSealKind;

/* cf_seal_register is for cf_NAME_init() of a room that owns a wrapper; *kind lives as long as the process. */
extern void cf_seal_register(const CfSealKind *kind);

/*
 * cf_seal_kind gives the kinds in the order in which they were registered, NULL behind the last, cf_seal_kind_last the last;
 * cf_seal_kind_named and cf_seal_kind_of find one by its wrapper and that of a server; NULL = there is none.
 */
extern const CfSealKind *cf_seal_kind(int i);
extern const CfSealKind *cf_seal_kind_last(void);
extern const CfSealKind *cf_seal_kind_named(const char *wrapper);
extern const CfSealKind *cf_seal_kind_of(const ForeignServer *server);

/* cf_seal_statements_init makes the server ask us about user mappings before it looks at them; called by cf_security_init. */
extern void cf_seal_statements_init(void);

#endif							/* CF_SECURITY_SECURITY_SQL_H */
