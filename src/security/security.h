/*
 * security.h
 *		What other rooms may know of security: SHA-256 of a stream, by OpenSSL's EVP interface (hardware instructions
 *		where there are some).
 */
#ifndef CF_SECURITY_SECURITY_H
#define CF_SECURITY_SECURITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_HASH_SHA256_BYTES 32

typedef struct CfHash
{
	void	   *ctx;			/* EVP_MD_CTX; NULL = not started */
} CfHash;

/* All return false only when OpenSSL is out of memory or refuses the digest. A CfHash is zeroed before its first use. */
extern bool cf_hash_start(CfHash *hash);
extern bool cf_hash_update(CfHash *hash, const void *data, size_t length);
extern bool cf_hash_finish(CfHash *hash, uint8_t digest[CF_HASH_SHA256_BYTES]);

/* cf_hash_copy makes to stand where from stands, so that a stream can be tried further and taken back. */
extern bool cf_hash_copy(CfHash *to, const CfHash *from);

/* cf_hash_peek tells the digest of what was fed so far, and leaves the stream open. */
extern bool cf_hash_peek(const CfHash *hash, uint8_t digest[CF_HASH_SHA256_BYTES]);

/* cf_hash_end frees what cf_hash_start took; any number of times. */
extern void cf_hash_end(CfHash *hash);

#endif							/* CF_SECURITY_SECURITY_H */
