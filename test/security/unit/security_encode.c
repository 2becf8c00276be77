/*
 * Base64, base64url and hexadecimal digits against RFC 4648, round trips, malformed texts; finding a credential.
 */
#include "harness/tap.h"

#include "security/security.h"

static const char *
encoded(const char *text)
{
	static char out[64];

	cf_base64_encode(text, strlen(text), out);
	return out;
}

/* decoded gives the bytes as text, or "-1". */
static const char *
decoded(const char *text)
{
	static char out[64];
	long		length = cf_base64_decode(text, out, sizeof(out) - 1);

	if (length < 0)
		return "-1";
	out[length] = '\0';
	return out;
}

static void
test_rfc4648(void)
{
	static const char *const pairs[][2] = {
		{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"}};
	char		text[64];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
	{
		is_str(encoded(pairs[i][0]), pairs[i][1], "RFC 4648 encodes \"%s\"", pairs[i][0]);
		is_str(decoded(pairs[i][1]), pairs[i][0], "and decodes it");
	}
	cf_base64url_encode("\xfb\xff\xbe", 3, text);
	is_str(text, "-_--", "base64url has digits of its own");
	cf_base64url_encode("f", 1, text);
	is_str(text, "Zg", "and no padding");
	cf_hex_encode("\x00\x1f\xaf\xff", 4, text);
	is_str(text, "001fafff", "hexadecimal digits in lower case");
}

static void
test_round_trip(void)
{
	uint8_t		bytes[256];
	uint8_t		back[256];
	char		text[CF_BASE64_BYTES(256)];
	int			wrong = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) (255 - i);
	for (size_t length = 0; length <= sizeof(bytes); length++)
	{
		cf_base64_encode(bytes, length, text);
		wrong += strlen(text) + 1 != CF_BASE64_BYTES(length);
		wrong += cf_base64_decode(text, back, length) != (long) length || memcmp(bytes, back, length) != 0;
		if (length > 0)
			wrong += cf_base64_decode(text, back, length - 1) != -1;
	}
	is_int(wrong, 0, "257 lengths come back as they went, and never into less room");
}

static void
test_malformed(void)
{
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zg===", "Zg==Zg==", "=", "====", "Z===", "Zm9v\n", "Zm 9", "Zm9v ", "Zm-_", "Zh==", "Zm9=",
	"Zm\xc3\xa4", "Zg=v"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_str(decoded(bad[i]), "-1", "malformed text %zu is refused", i + 1);
}

static void
test_credentials(void)
{
	CfCredentials two = {.items = {{"access_key_id", "AK"}, {"secret_access_key", "SK"}}, .count = 2};

	is_str(cf_credential(&two, "secret_access_key"), "SK", "a credential is found by its name");
	is_str(cf_credential(&two, "session_token"), NULL, "NULL when there is none of that name");
	is_str(cf_credential(NULL, "access_key_id"), NULL, "or none at all");
}

int
main(void)
{
	test_rfc4648();
	test_round_trip();
	test_malformed();
	test_credentials();
	return done_testing();
}
