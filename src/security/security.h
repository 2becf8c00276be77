/*
 * security.h
 *		What other rooms may know of security: digests and signatures by OpenSSL's EVP interface (hardware instructions
 *		where there are some), the CRCs that stores speak, and sealed credentials.
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

/* Digests and MACs of bytes in memory (digest.c). They return false only when OpenSSL refuses. */
extern bool cf_sha256(const void *data, size_t length, uint8_t digest[32]);
extern bool cf_md5(const void *data, size_t length, uint8_t digest[16]);
extern bool cf_hmac_sha256(const void *key, size_t key_length, const void *data, size_t length, uint8_t mac[32]);
/* cf_rsa_key_valid tells whether a text is a private RSA key in PEM, without a passphrase. */
extern bool cf_rsa_key_valid(const char *pem);
/* cf_rsa_sha256_sign makes an RS256 signature (PKCS #1 v1.5) with a private key in PEM; *length holds room and result. */
extern bool cf_rsa_sha256_sign(const char *pem, const void *data, size_t length, uint8_t *signature, size_t *signature_length);

/*
 * CRCs (crc.c), as stores tell them: CRC32C (Castagnoli, RFC 3720; GCS and S3) and CRC-64/NVME (S3; Azure's CRC64 is the
 * same polynomial). Start with 0, feed the last result; _combine joins the CRCs of two neighbouring pieces, length_b being
 * the second's length. By hardware instructions or by tables (slicing by eight or better), same results.
 */
extern uint32_t cf_crc32c(uint32_t crc, const void *data, size_t length);
extern uint64_t cf_crc64nvme(uint64_t crc, const void *data, size_t length);
extern uint32_t cf_crc32c_combine(uint32_t a, uint32_t b, int64_t length_b);
extern uint64_t cf_crc64nvme_combine(uint64_t a, uint64_t b, int64_t length_b);

/* Texts (encode.c): NUL-terminated output. decode returns the length or -1 when the text is malformed or does not fit. */
#define CF_BASE64_BYTES(n) (((n) + 2) / 3 * 4 + 1)
#define CF_HEX_BYTES(n) (2 * (n) + 1)
extern void cf_base64_encode(const void *data, size_t length, char *text);
extern void cf_base64url_encode(const void *data, size_t length, char *text);	/* without padding */
extern long cf_base64_decode(const char *text, void *data, size_t room);
extern void cf_hex_encode(const void *data, size_t length, char *text);

/* Credentials of a place, opened: names and clear values; wiped by who made them. NULL struct = anonymous. */
typedef struct CfCredential
{
	const char *name;			/* access_key_id, secret_access_key, session_token, account_key, sas_token, … */
	const char *value;
} CfCredential;

typedef struct CfCredentials
{
	CfCredential items[16];
	int			count;
} CfCredentials;

/* cf_credential gives a value, NULL when there is none of that name. */
extern const char *cf_credential(const CfCredentials *credentials, const char *name);

/* cf_security_init defines the settings of the room; called by _PG_init. */
extern void cf_security_init(void);

#endif							/* CF_SECURITY_SECURITY_H */
