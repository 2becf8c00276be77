/*
 * Sealed values: they open where they belong and nowhere else, and every flaw is one and the same error; key files as
 * people write them.
 */
#include "harness/tap.h"

#include "security/seal.h"
#include "security/security.h"

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "//////////////////////////////////////////8="

static const uint8_t nonce[CF_SEAL_NONCE_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const CfSealBinding home = {"photos", "alice", "secret_access_key", "S3", "https://s3.example.org", "bucket", ""};

static bool
parsed(CfSealRing *ring, const char *text, CfError *err)
{
	memset(err, 0, sizeof(*err));
	return cf_seal_ring_parse(ring, text, strlen(text), err);
}

static void
test_ring(void)
{
	static const char *const bad[] = {
		"", "# nothing\n\n", "a\n", "a " KEY_A " current more\n", "a " KEY_A " last\n", "a/b " KEY_A "\n", "a AAAA\n",
		"a " KEY_A "\na " KEY_B "\n", "a " KEY_A " current\nb " KEY_B " current\n",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa " KEY_A "\n",
	"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8!\n"};
	CfSealRing	ring;
	CfError		err;
	char		many[64 * (CF_SEAL_KEYS_MAX + 1)];
	size_t		length = 0;

	ok(parsed(&ring, "# keys\n\n2025 " KEY_A "\n 2026\t" KEY_B "\r\n", &err), "a file with comments, blank lines and two keys");
	is_int(ring.count, 2, "has two");
	is_str(ring.keys[ring.current].id, "2026", "the last one seals");
	ok(cf_seal_ring_find(&ring, "2025") == &ring.keys[0] && cf_seal_ring_find(&ring, "2024") == NULL, "keys are found by id");
	ok(parsed(&ring, "2025 " KEY_A " current\n2026 " KEY_B, &err), "one may be marked, and the last line need not end");
	is_str(ring.keys[ring.current].id, "2025", "then that one seals");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		ok(!parsed(&ring, bad[i], &err) && err.kind == CF_ERR_STATE && ring.count == 0, "refused key file %zu: %s", i + 1, err.message);
		ok(strstr(err.message, "AAEC") == NULL && strstr(err.detail, "AAEC") == NULL, "and the error tells nothing of it");
	}
	for (int i = 0; i <= CF_SEAL_KEYS_MAX; i++)
		length += (size_t) snprintf(many + length, sizeof(many) - length, "k%d %s\n", i, KEY_A);
	ok(!parsed(&ring, many, &err), "one key too many is refused: %s", err.detail);
}

static void
test_round_trip(void)
{
	CfArena		arena;
	CfSealRing	ring;
	CfError		err = {0};
	char	   *envelope;
	char		secret[64];
	char		id[CF_SEAL_KEY_ID_MAX + 1];

	cf_arena_init(&arena, &cf_arena_malloc, 1024, 0);
	parsed(&ring, "2025 " KEY_A "\n2026 " KEY_B "\n", &err);
	ok(cf_seal(&ring, &home, nonce, "wJalrXUtnFEMI", &arena, &envelope, &err), "a value is sealed");
	ok(strncmp(envelope, "cf1:2026:", 9) == 0, "under the current key, whose id the envelope tells");
	ok(cf_seal_key_id(envelope, id) && strcmp(id, "2026") == 0, "and can be asked for");
	ok(cf_seal_open(&ring, &home, envelope, secret, sizeof(secret), &err), "it is opened");
	is_str(secret, "wJalrXUtnFEMI", "and is what it was");
	ok(cf_seal_open(&ring, &home, envelope, secret, 14, &err), "just enough room will do");
	ok(!cf_seal_open(&ring, &home, envelope, secret, 13, &err), "less will not");
	ring.current = 0;
	ok(cf_seal_open(&ring, &home, envelope, secret, sizeof(secret), &err), "an older key still opens when another one seals");
	ok(!cf_seal(&ring, &home, nonce, "", &arena, &envelope, &err) && err.kind == CF_ERR_INPUT, "nothing is no value");
	cf_arena_free(&arena);
}

/* A vector of another implementation (Python's cryptography), so that a later version still opens what this one sealed. */
static void
test_stable_format(void)
{
	CfSealRing	ring;
	CfError		err = {0};
	char		secret[64];

	parsed(&ring, "2025 " KEY_A "\n", &err);
	ok(cf_seal_open(&ring, &home, "cf1:2025:AQIDBAUGBwgJCgsMcqA7uZ7MpfIi5CYKWaLIxWnRRgmTuxbxgZGMdkg=", secret, sizeof(secret), &err), "an envelope of format 1 opens");
	is_str(secret, "wJalrXUtnFEMI", "and holds the value");
}

/* flawed opens an envelope that must not open, and compares the error with what every flaw says. */
static void
flawed(const CfSealRing *ring, const CfSealBinding *binding, const char *envelope, const char *what)
{
	static CfError first;
	char		secret[64] = "x";
	CfError		err = {0};

	ok(!cf_seal_open(ring, binding, envelope, secret, sizeof(secret), &err), "it does not open with %s", what);
	is_str(secret, "", "and leaves nothing behind");
	if (first.kind == CF_ERR_NONE)
		first = err;
	if (strcmp(binding->server, home.server) == 0 && strcmp(binding->option, home.option) == 0)
		ok(memcmp(&first, &err, sizeof(err)) == 0, "by the one error there is");
}

static void
test_flaws(void)
{
	CfArena		arena;
	CfSealRing	ring;
	CfSealRing	other;
	CfError		err = {0};
	CfSealBinding moved;
	char	   *envelope;
	char	   *bent;

	cf_arena_init(&arena, &cf_arena_malloc, 1024, 0);
	parsed(&ring, "2025 " KEY_A "\n", &err);
	cf_seal(&ring, &home, nonce, "wJalrXUtnFEMI", &arena, &envelope, &err);
#define MOVED(field, value) (moved = home, moved.field = (value), &moved)
	flawed(&ring, MOVED(user, "bob"), envelope, "another role");
	flawed(&ring, MOVED(provider, "AWS"), envelope, "another provider");
	flawed(&ring, MOVED(endpoint, "https://evil.example.org"), envelope, "another endpoint");
	flawed(&ring, MOVED(bucket, "bucket2"), envelope, "another bucket");
	flawed(&ring, MOVED(addresses, "token_endpoint=https://evil.example.org\n"), envelope, "another address for tokens");
	flawed(&ring, MOVED(server, "photos2"), envelope, "another server");
	flawed(&ring, MOVED(option, "session_token"), envelope, "another name");
	moved = home;
	moved.server = "photosalice";
	moved.user = "";
	flawed(&ring, &moved, envelope, "the same letters, cut elsewhere");
	parsed(&other, "2025 " KEY_B "\n", &err);
	flawed(&other, &home, envelope, "another key of the same id");
	parsed(&other, "2026 " KEY_A "\n", &err);
	flawed(&other, &home, envelope, "the key under another id");
	for (size_t i = 9; i < strlen(envelope); i += 7)
	{
		bent = cf_arena_strdup(&arena, envelope);
		bent[i] = bent[i] == 'A' ? 'B' : 'A';
		flawed(&ring, &home, bent, "a changed letter");
	}
	bent = cf_arena_strdup(&arena, envelope);
	bent[strlen(bent) - 4] = '\0';
	flawed(&ring, &home, bent, "its end cut off");
	flawed(&ring, &home, "wJalrXUtnFEMI", "a clear value");
	flawed(&ring, &home, "", "nothing");
	cf_arena_free(&arena);
}

static void
test_form(void)
{
	char		id[CF_SEAL_KEY_ID_MAX + 1];

	ok(!cf_seal_key_id("cf2:2025:AAAA", id), "another format is no envelope");
	ok(!cf_seal_key_id("cf1:2025", id), "nor is one without a body");
	ok(!cf_seal_key_id("cf1:20 25:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", id), "or with a blank in the id");
	ok(!cf_seal_key_id("cf1:2025:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", id), "or too short for any value");
	ok(!cf_seal_key_id("cf1:2025:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'AAAA", id), "or with letters that base64 does not have");
	ok(cf_seal_key_id("cf1:2025:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", id), "the shortest one is");
}

static void
test_short_memory(void)
{
	CfArena		arena;
	CfSealRing	ring;
	CfError		err = {0};
	char	   *envelope;
	static char huge[CF_SEAL_SECRET_MAX + 2];

	parsed(&ring, "2025 " KEY_A "\n", &err);
	memset(huge, 'x', sizeof(huge) - 1);
	cf_arena_init(&arena, &cf_arena_malloc, 1024, 1024);
	ok(!cf_seal(&ring, &home, nonce, huge + 1, &arena, &envelope, &err) && err.kind == CF_ERR_MEMORY, "short memory is told");
	ok(!cf_seal(&ring, &home, nonce, huge, &arena, &envelope, &err) && err.kind == CF_ERR_INPUT, "a value too long is refused");
	cf_arena_free(&arena);
	cf_arena_init(&arena, &cf_arena_malloc, 1024, 0);
	ok(cf_seal(&ring, &home, nonce, huge + 1, &arena, &envelope, &err) &&
	   cf_seal_open(&ring, &home, envelope, huge, sizeof(huge), &err) && strlen(huge) == CF_SEAL_SECRET_MAX,
	   "the longest one there may be goes round");
	cf_arena_free(&arena);
}

int
main(void)
{
	test_ring();
	test_round_trip();
	test_stable_format();
	test_flaws();
	test_form();
	test_short_memory();
	return done_testing();
}
