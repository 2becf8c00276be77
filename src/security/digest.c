/*
 * digest.c
 *		Digests, MACs and signatures of bytes in memory, over EVP.
 *
 * OpenSSL's error queue is the server's too: each function leaves it empty. A private key never asks for a passphrase
 * (the default callback would read the terminal of the postmaster): one that has a passphrase is refused.
 */
#include <limits.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "security/security.h"

static bool digest_of(const EVP_MD *kind, const void *data, size_t length, uint8_t *digest);
static EVP_PKEY *read_key(const char *pem);
static int	no_passphrase(char *buffer, int size, int writing, void *arg);

bool
cf_sha256(const void *data, size_t length, uint8_t digest[32])
{
	return digest_of(EVP_sha256(), data, length, digest);
}

bool
cf_md5(const void *data, size_t length, uint8_t digest[16])
{
	return digest_of(EVP_md5(), data, length, digest);
}

static bool
digest_of(const EVP_MD *kind, const void *data, size_t length, uint8_t *digest)
{
	bool		good;

	ERR_clear_error();
	good = EVP_Digest(data, length, digest, NULL, kind, NULL) == 1;
	ERR_clear_error();
	return good;
}

bool
cf_hmac_sha256(const void *key, size_t key_length, const void *data, size_t length, uint8_t mac[32])
{
	unsigned int made = 0;
	bool		good;

	if (key_length > INT_MAX)
		return false;
	ERR_clear_error();
	good = HMAC(EVP_sha256(), key, (int) key_length, data, length, mac, &made) != NULL && made == 32;
	ERR_clear_error();
	return good;
}

bool
cf_rsa_sha256_sign(const char *pem, const void *data, size_t length, uint8_t *signature, size_t *signature_length)
{
	EVP_PKEY   *key;
	EVP_MD_CTX *ctx = NULL;
	bool		good;

	ERR_clear_error();
	key = read_key(pem);
	good = key != NULL && EVP_PKEY_base_id(key) == EVP_PKEY_RSA && (size_t) EVP_PKEY_size(key) <= *signature_length &&
		(ctx = EVP_MD_CTX_new()) != NULL &&
		EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestSign(ctx, signature, signature_length, data, length) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good;
}

bool
cf_rsa_key_valid(const char *pem)
{
	EVP_PKEY   *key;
	bool		valid;

	ERR_clear_error();
	key = read_key(pem);
	valid = key != NULL && EVP_PKEY_base_id(key) == EVP_PKEY_RSA;
	EVP_PKEY_free(key);
	ERR_clear_error();
	return valid;
}

/* read_key reads a private key in PEM; NULL when it is none, has a passphrase, or memory is short. */
static EVP_PKEY *
read_key(const char *pem)
{
	BIO		   *text = BIO_new_mem_buf(pem, -1);
	EVP_PKEY   *key = NULL;

	if (text != NULL)
		key = PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL);
	BIO_free(text);
	return key;
}

/* no_passphrase says that there is none, instead of asking a person. */
static int
no_passphrase(char *buffer, int size, int writing, void *arg)
{
	(void) buffer;
	(void) size;
	(void) writing;
	(void) arg;
	return -1;
}
