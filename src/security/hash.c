/*
 * hash.c
 *		SHA-256 over EVP. The context is OpenSSL's memory: whoever starts a hash ends it, also after an error.
 */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "security/security.h"

bool
cf_hash_start(CfHash *hash)
{
	/* The server reads the same error queue: leave nothing of ours in it. */
	ERR_clear_error();
	if (hash->ctx == NULL)
		hash->ctx = EVP_MD_CTX_new();
	if (hash->ctx == NULL || EVP_DigestInit_ex(hash->ctx, EVP_sha256(), NULL) != 1)
	{
		ERR_clear_error();
		return false;
	}
	return true;
}

bool
cf_hash_update(CfHash *hash, const void *data, size_t length)
{
	return EVP_DigestUpdate(hash->ctx, data, length) == 1;
}

bool
cf_hash_finish(CfHash *hash, uint8_t digest[CF_HASH_SHA256_BYTES])
{
	unsigned int length = 0;

	return EVP_DigestFinal_ex(hash->ctx, digest, &length) == 1 && length == CF_HASH_SHA256_BYTES;
}

bool
cf_hash_copy(CfHash *to, const CfHash *from)
{
	if (to->ctx == NULL)
		to->ctx = EVP_MD_CTX_new();
	return to->ctx != NULL && EVP_MD_CTX_copy_ex(to->ctx, from->ctx) == 1;
}

bool
cf_hash_peek(const CfHash *hash, uint8_t digest[CF_HASH_SHA256_BYTES])
{
	CfHash		copy = {NULL};
	bool		ok = cf_hash_copy(&copy, hash) && cf_hash_finish(&copy, digest);

	cf_hash_end(&copy);
	return ok;
}

void
cf_hash_end(CfHash *hash)
{
	EVP_MD_CTX_free(hash->ctx);
	hash->ctx = NULL;
}
