/*
 * Digests and MACs against published vectors; RS256 signatures verified with the public half; keys that are refused.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "harness/tap.h"

#include "security/security.h"

static const char *
hex(const uint8_t *bytes, size_t length)
{
	static char text[CF_HEX_BYTES(64)];

	cf_hex_encode(bytes, length, text);
	return text;
}

static void
test_digests(void)
{
	uint8_t		digest[32];

	ok(cf_sha256("abc", 3, digest), "SHA-256 is taken");
	is_str(hex(digest, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "FIPS 180-2, abc");
	ok(cf_sha256("", 0, digest), "of nothing too");
	is_str(hex(digest, 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "FIPS 180-2, nothing");
	ok(cf_md5("message digest", 14, digest), "MD5 is taken");
	is_str(hex(digest, 16), "f96b697d7cb7938d525a2f31aaf161d0", "RFC 1321, message digest");
	ok(cf_md5("", 0, digest), "of nothing too");
	is_str(hex(digest, 16), "d41d8cd98f00b204e9800998ecf8427e", "RFC 1321, nothing");
}

static void
test_hmac(void)
{
	uint8_t		key[131];
	uint8_t		data[50];
	uint8_t		mac[32];
	const char *long_key = "Test Using Larger Than Block-Size Key - Hash Key First";

	memset(key, 0x0b, 20);
	ok(cf_hmac_sha256(key, 20, "Hi There", 8, mac), "HMAC-SHA-256 is made");
	is_str(hex(mac, 32), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", "RFC 4231, case 1");
	ok(cf_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac), "with a short key");
	is_str(hex(mac, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "RFC 4231, case 2");
	memset(key, 0xaa, 20);
	memset(data, 0xdd, 50);
	ok(cf_hmac_sha256(key, 20, data, 50, mac), "of bytes");
	is_str(hex(mac, 32), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", "RFC 4231, case 3");
	memset(key, 0xaa, 131);
	ok(cf_hmac_sha256(key, 131, long_key, strlen(long_key), mac), "with a key longer than a block");
	is_str(hex(mac, 32), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", "RFC 4231, case 6");
	ok(cf_hmac_sha256("", 0, "", 0, mac), "an empty key is a key");
	is_str(hex(mac, 32), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", "of nothing");
	ok(!cf_hmac_sha256("k", (size_t) 1 << 40, "", 0, mac), "a key of a TiB is refused");
}

/* pem_of makes a key of a kind and writes it down, under a passphrase when one is given. */
static EVP_PKEY *
pem_of(int kind, const char *passphrase, char *pem, size_t room)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(kind, NULL);
	EVP_PKEY   *key = NULL;
	BIO		   *out = BIO_new(BIO_s_mem());
	int			length;

	if (EVP_PKEY_keygen_init(ctx) != 1 || (kind == EVP_PKEY_RSA && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) != 1) ||
		EVP_PKEY_keygen(ctx, &key) != 1 ||
		PEM_write_bio_PKCS8PrivateKey(out, key, passphrase ? EVP_aes_256_cbc() : NULL, passphrase,
									  passphrase ? (int) strlen(passphrase) : 0, NULL, NULL) != 1)
		bail("no key could be made");
	length = BIO_read(out, pem, (int) room - 1);
	pem[length] = '\0';
	BIO_free(out);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void
test_signature(void)
{
	char		pem[4096];
	EVP_PKEY   *key = pem_of(EVP_PKEY_RSA, NULL, pem, sizeof(pem));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t		signature[512];
	uint8_t		again[512];
	size_t		length = sizeof(signature);
	size_t		short_length = 255;

	ok(cf_rsa_sha256_sign(pem, "header.payload", 14, signature, &length), "a text is signed");
	is_int(length, 256, "the signature is as long as the key");
	ok(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	   EVP_DigestVerify(ctx, signature, length, (const unsigned char *) "header.payload", 14) == 1,
	   "and verified with the public half");
	length = sizeof(again);
	ok(cf_rsa_sha256_sign(pem, "header.payload", 14, again, &length) && memcmp(signature, again, length) == 0,
	   "PKCS #1 v1.5 signs the same text the same way");
	ok(!cf_rsa_sha256_sign(pem, "header.payload", 14, again, &short_length), "too little room is refused");
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
}

static void
test_refused_keys(void)
{
	char		pem[4096];
	uint8_t		signature[512];
	size_t		length = sizeof(signature);

	EVP_PKEY_free(pem_of(EVP_PKEY_ED25519, NULL, pem, sizeof(pem)));
	ok(!cf_rsa_sha256_sign(pem, "x", 1, signature, &length), "a key that is not RSA is refused");
	EVP_PKEY_free(pem_of(EVP_PKEY_RSA, "sesame", pem, sizeof(pem)));
	ok(!cf_rsa_sha256_sign(pem, "x", 1, signature, &length), "a key with a passphrase is refused, nobody is asked");
	ok(!cf_rsa_sha256_sign("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "x", 1, signature, &length),
	   "and so is what is no key");
	ok(!cf_rsa_sha256_sign("", "x", 1, signature, &length), "or nothing");
	ok(ERR_peek_error() == 0, "nothing of it stays in the error queue");
}

int
main(void)
{
	test_digests();
	test_hmac();
	test_signature();
	test_refused_keys();
	return done_testing();
}
