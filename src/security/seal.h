/*
 * seal.h
 *		Sealed values: AES-256-GCM under a key of a ring, bound to where the value belongs. Doorways meet it through
 *		security_sql.h.
 */
#ifndef CF_SECURITY_SEAL_H
#define CF_SECURITY_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"

#define CF_SEAL_KEY_BYTES 32
#define CF_SEAL_KEY_ID_MAX 64	/* characters: letters, digits, '.', '_', '-' */
#define CF_SEAL_KEYS_MAX 32
#define CF_SEAL_NONCE_BYTES 12
#define CF_SEAL_TAG_BYTES 16
#define CF_SEAL_SECRET_MAX 16384	/* bytes of one value */

typedef struct CfSealKey
{
	char		id[CF_SEAL_KEY_ID_MAX + 1];
	uint8_t		key[CF_SEAL_KEY_BYTES];
} CfSealKey;

/* Keys that open, and the one that seals. */
typedef struct CfSealRing
{
	CfSealKey	keys[CF_SEAL_KEYS_MAX];
	int			count;
	int			current;
} CfSealRing;

/* Where a value belongs; a value opens only where all of it is as it was when it was sealed. Texts, never NULL. */
typedef struct CfSealBinding
{
	const char *server;			/* name of the foreign server */
	const char *user;			/* role of the user mapping; "public" = all */
	const char *option;			/* name of the value */
	const char *provider;
	const char *endpoint;
	const char *bucket;
	const char *addresses;		/* options that name other hosts that the value is sent to, "name=value\n…" */
} CfSealBinding;

/*
 * cf_seal_ring_parse reads keys, one per line: "<id> <base64 of 32 bytes>", "current" behind it for the one that seals
 * (else it is the last). Blank lines and those that begin with # are skipped. Errors name lines, never what is in them; a
 * ring that was refused is wiped.
 */
extern bool cf_seal_ring_parse(CfSealRing *ring, const char *text, size_t length, CfError *err);
extern void cf_seal_ring_wipe(CfSealRing *ring);

/* cf_seal makes an envelope in the arena. The nonce must never come twice under one key: fresh random bytes. */
extern bool cf_seal(const CfSealRing *ring, const CfSealBinding *binding, const uint8_t nonce[CF_SEAL_NONCE_BYTES],
					const char *secret, CfArena *arena, char **envelope, CfError *err);

/*
 * cf_seal_open puts the value into secret (room bytes with the NUL). Whatever is wrong - key, place, bytes - it is one
 * error, and secret is empty then.
 */
extern bool cf_seal_open(const CfSealRing *ring, const CfSealBinding *binding, const char *envelope, char *secret,
						 size_t room, CfError *err);

/* cf_seal_key_id takes the key's id out of an envelope; false when the text is none. */
extern bool cf_seal_key_id(const char *envelope, char id[CF_SEAL_KEY_ID_MAX + 1]);
extern const CfSealKey *cf_seal_ring_find(const CfSealRing *ring, const char *id);

#endif							/* CF_SECURITY_SEAL_H */
