/*
 * SHA-256 against published vectors, in pieces of any size, copied and peeked at, and when memory is short.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "harness/tap.h"

#include "security/security.h"

static int	allocations;
static int	fail_at;			/* the n-th allocation of OpenSSL fails; 0 = none */

static void *
count_malloc(size_t size, const char *file, int line)
{
	(void) file;
	(void) line;
	allocations++;
	return fail_at != 0 && allocations >= fail_at ? NULL : malloc(size);
}

static void *
count_realloc(void *block, size_t size, const char *file, int line)
{
	(void) file;
	(void) line;
	allocations++;
	return fail_at != 0 && allocations >= fail_at ? NULL : realloc(block, size);
}

static void
count_free(void *block, const char *file, int line)
{
	(void) file;
	(void) line;
	free(block);
}

static const char *
hex(const uint8_t digest[CF_HASH_SHA256_BYTES])
{
	static char text[2 * CF_HASH_SHA256_BYTES + 1];

	for (int i = 0; i < CF_HASH_SHA256_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return text;
}

/* digest_of hashes text, given in pieces of at most piece bytes. */
static const char *
digest_of(const char *text, size_t length, size_t piece)
{
	CfHash		hash = {NULL};
	uint8_t		digest[CF_HASH_SHA256_BYTES];
	bool		good = cf_hash_start(&hash);

	for (size_t at = 0; good && at < length; at += piece)
		good = cf_hash_update(&hash, text + at, length - at < piece ? length - at : piece);
	good = good && cf_hash_finish(&hash, digest);
	cf_hash_end(&hash);
	return good ? hex(digest) : NULL;
}

static void
test_vectors(void)
{
	const char *abc = "abc";
	const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	static char million[1000000];

	memset(million, 'a', sizeof(million));
	is_str(digest_of("", 0, 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "nothing");
	is_str(digest_of(abc, 3, 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "FIPS 180-2, one block");
	is_str(digest_of(two, strlen(two), 56), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", "FIPS 180-2, two blocks");
	is_str(digest_of(two, strlen(two), 1), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", "byte by byte");
	is_str(digest_of(million, sizeof(million), 997), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
		   "FIPS 180-2, a million letters in pieces of 997");
}

static void
test_copy_and_peek(void)
{
	CfHash		stream = {NULL};
	CfHash		taken = {NULL};
	uint8_t		digest[CF_HASH_SHA256_BYTES];

	ok(cf_hash_start(&stream) && cf_hash_update(&stream, "ab", 2), "a stream begins");
	ok(cf_hash_copy(&taken, &stream), "its state is kept");
	ok(cf_hash_update(&stream, "x", 1) && cf_hash_peek(&stream, digest), "it is peeked at");
	is_str(hex(digest), digest_of("abx", 3, 3), "peeking tells the digest so far");
	ok(cf_hash_update(&stream, "y", 1) && cf_hash_peek(&stream, digest), "and leaves it open");
	is_str(hex(digest), digest_of("abxy", 4, 4), "for what follows");
	ok(cf_hash_copy(&stream, &taken) && cf_hash_update(&stream, "c", 1) && cf_hash_finish(&stream, digest),
	   "it goes back to the state that was kept");
	is_str(hex(digest), digest_of("abc", 3, 3), "as if the bytes between had not been");
	ok(cf_hash_start(&stream) && cf_hash_finish(&stream, digest), "a stream can be started again");
	is_str(hex(digest), digest_of("", 0, 1), "from nothing");
	cf_hash_end(&stream);
	cf_hash_end(&stream);
	cf_hash_end(&taken);
}

/* Each allocation in turn fails: the calls say so, and what they took is given back. */
static void
test_short_memory(void)
{
	CfHash		stream = {NULL};
	CfHash		copy = {NULL};
	uint8_t		digest[CF_HASH_SHA256_BYTES];
	bool		good = false;
	int			n;

	for (n = 1; !good && n < 100; n++)
	{
		allocations = 0;
		fail_at = n;
		good = cf_hash_start(&stream) && cf_hash_update(&stream, "abc", 3) && cf_hash_copy(&copy, &stream) &&
			cf_hash_peek(&stream, digest) && cf_hash_finish(&copy, digest);
		fail_at = 0;
		cf_hash_end(&stream);
		cf_hash_end(&copy);
	}
	ok(good && n > 3, "running short is told at each of %d allocations, and leaks nothing", n - 2);
	is_str(hex(digest), digest_of("abc", 3, 3), "with enough memory the digest is right");
}

int
main(void)
{
	if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1)
		bail("the allocator of OpenSSL could not be replaced");
	test_vectors();
	test_copy_and_peek();
	test_short_memory();
	return done_testing();
}
