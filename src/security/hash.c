/*
 * hash.c
 *		SHA-256 of a stream: by sha256.c where the processor has the instructions, else by OpenSSL's EVP interface.
 *
 * A context of OpenSSL is its own memory: whoever starts a hash ends it, also after an error.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "security/security.h"
#include "security/sha256.h"

#ifdef CF_TEST
bool		cf_sha256_by_openssl = false;
#endif

static bool start_openssl(CfHash *hash);

bool
cf_hash_start(CfHash *hash)
{
#ifdef CF_SHA256_HARDWARE
	static const uint32_t first[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
	};

	if (!cf_sha256_by_openssl && cf_sha256_hardware())
	{
		cf_hash_end(hash);
		memcpy(hash->state, first, sizeof(first));
		hash->bytes = 0;
		return true;
	}
#endif
	return start_openssl(hash);
}

static bool
start_openssl(CfHash *hash)
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

#ifdef CF_SHA256_HARDWARE

/* feed takes bytes into a hash of ours, and into a second one that stands at the boundary of a block as the first does. */
static void
feed(CfHash *hash, CfHash *second, const uint8_t *data, size_t length)
{
	size_t		kept = hash->bytes % CF_SHA256_BLOCK;
	size_t		blocks;

	if (length == 0)
		return;
	hash->bytes += length;
	if (kept > 0)
	{
		size_t		taken = length < CF_SHA256_BLOCK - kept ? length : CF_SHA256_BLOCK - kept;

		memcpy(hash->rest + kept, data, taken);
		data += taken;
		length -= taken;
		if (kept + taken < CF_SHA256_BLOCK)
			return;
		cf_sha256_blocks(hash->state, NULL, hash->rest, 1);
	}
	blocks = length / CF_SHA256_BLOCK;
	cf_sha256_blocks(hash->state, second == NULL ? NULL : second->state, data, blocks);
	data += blocks * CF_SHA256_BLOCK;
	length -= blocks * CF_SHA256_BLOCK;
	memcpy(hash->rest, data, length);
	if (second != NULL)
		memcpy(second->rest, data, length);
}

/* finish pads what was fed: a bit, zeroes, and the length in bits, big-endian. */
static void
finish(CfHash *hash, uint8_t digest[CF_HASH_SHA256_BYTES])
{
	uint64_t	bits = hash->bytes * 8;
	size_t		kept = hash->bytes % CF_SHA256_BLOCK;
	size_t		padding = (kept < 56 ? 56 : 120) - kept;
	uint8_t		end[72 + 8] = {0x80};

	for (int i = 0; i < 8; i++)
		end[padding + i] = (uint8_t) (bits >> (56 - 8 * i));
	feed(hash, NULL, end, padding + 8);
	for (int i = 0; i < CF_HASH_SHA256_BYTES; i++)
		digest[i] = (uint8_t) (hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

#endif

bool
cf_hash_update(CfHash *hash, const void *data, size_t length)
{
#ifdef CF_SHA256_HARDWARE
	if (hash->ctx == NULL)
	{
		feed(hash, NULL, data, length);
		return true;
	}
#endif
	return EVP_DigestUpdate(hash->ctx, data, length) == 1;
}

bool
cf_hash_update_both(CfHash *hash, CfHash *other, const void *data, size_t length)
{
#ifdef CF_SHA256_HARDWARE
	if (hash->ctx == NULL && other->ctx == NULL && hash->bytes % CF_SHA256_BLOCK == 0 && other->bytes % CF_SHA256_BLOCK == 0)
	{
		other->bytes += length;
		feed(hash, other, data, length);
		return true;
	}
#endif
	return cf_hash_update(hash, data, length) && cf_hash_update(other, data, length);
}

bool
cf_hash_finish(CfHash *hash, uint8_t digest[CF_HASH_SHA256_BYTES])
{
	unsigned int length = 0;

#ifdef CF_SHA256_HARDWARE
	if (hash->ctx == NULL)
	{
		finish(hash, digest);
		return true;
	}
#endif
	return EVP_DigestFinal_ex(hash->ctx, digest, &length) == 1 && length == CF_HASH_SHA256_BYTES;
}

bool
cf_hash_copy(CfHash *to, const CfHash *from)
{
	if (from->ctx == NULL)
	{
		cf_hash_end(to);
		*to = *from;
		return true;
	}
	if (to->ctx == NULL)
		to->ctx = EVP_MD_CTX_new();
	return to->ctx != NULL && EVP_MD_CTX_copy_ex(to->ctx, from->ctx) == 1;
}

bool
cf_hash_peek(const CfHash *hash, uint8_t digest[CF_HASH_SHA256_BYTES])
{
	CfHash		copy = {.ctx = NULL};
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
