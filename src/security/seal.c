/*
 * seal.c
 *		Sealing: a value becomes "cf1:<key id>:<base64 of nonce | ciphertext | tag>", which may lie in a catalog and in dumps.
 *
 * AES-256-GCM with a nonce of 96 random bits. Authenticated with it is where the value belongs: version of the format,
 * server, user, name, provider, endpoint, bucket, other addresses, each behind its length, so that two bindings never give the
 * same bytes. Who moves an envelope to another mapping, or points the server at a host of his own, opens nothing.
 *
 * What an envelope hides is its value, not the value's length. Everything clear is wiped before it is left behind.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "security/seal.h"
#include "security/security.h"

#define FORMAT "cf1"
#define PREFIX FORMAT ":"
#define FRAME_BYTES (CF_SEAL_NONCE_BYTES + CF_SEAL_TAG_BYTES)

/* A word of a line of the key file. */
typedef struct Word
{
	const char *start;
	size_t		length;
} Word;

static bool parse_line(CfSealRing *ring, const char *line, size_t length, int number, CfError *err);
static int	split_words(const char *line, size_t length, Word words[4]);
static bool is_key_id(const char *id, size_t length);
static bool read_key(const Word *word, uint8_t key[CF_SEAL_KEY_BYTES]);
static EVP_CIPHER_CTX *cipher_start(bool sealing, const CfSealKey *key, const CfSealBinding *binding,
									const uint8_t nonce[CF_SEAL_NONCE_BYTES]);
static bool encrypt(const CfSealKey *key, const CfSealBinding *binding, const char *secret, size_t length,
					uint8_t *frame);
static bool decrypt(const CfSealKey *key, const CfSealBinding *binding, uint8_t *frame, size_t length,
					char *secret);

bool
cf_seal_ring_parse(CfSealRing *ring, const char *text, size_t length, CfError *err)
{
	int			number = 0;
	size_t		at = 0;

	memset(ring, 0, sizeof(*ring));
	ring->current = -1;
	while (at < length)
	{
		const char *end = memchr(text + at, '\n', length - at);
		size_t		bytes = end == NULL ? length - at : (size_t) (end - (text + at));

		if (!parse_line(ring, text + at, bytes, ++number, err))
		{
			cf_seal_ring_wipe(ring);
			return false;
		}
		at += bytes + 1;
	}
	if (ring->count == 0)
	{
		cf_error_set(err, CF_ERR_STATE, "there is no key for credentials");
		return cf_error_hint(err, "A key is a line \"<id> <base64 of 32 random bytes>\": openssl rand -base64 32 makes the "
							 "second word.");
	}
	if (ring->current < 0)
		ring->current = ring->count - 1;
	return true;
}

static bool
parse_line(CfSealRing *ring, const char *line, size_t length, int number, CfError *err)
{
	Word		words[4];
	int			count = split_words(line, length, words);
	CfSealKey  *key = &ring->keys[ring->count];
	const char *wrong = NULL;

	if (count == 0 || words[0].start[0] == '#')
		return true;
	if (ring->count == CF_SEAL_KEYS_MAX)
		wrong = "There are more keys than a ring can hold.";
	else if (count > 3 || count < 2)
		wrong = "A line is an id, a key and, for the one that seals, the word current.";
	else if (!is_key_id(words[0].start, words[0].length))
		wrong = "An id has 1 to 64 letters, digits, dots, underscores or hyphens.";
	else if (!read_key(&words[1], key->key))
		wrong = "A key is the base64 of 32 bytes.";
	else if (count == 3 && (words[2].length != 7 || memcmp(words[2].start, "current", 7) != 0))
		wrong = "The third word, where there is one, is current.";
	else if (count == 3 && ring->current >= 0)
		wrong = "Only one key is the current one.";
	else
	{
		memcpy(key->id, words[0].start, words[0].length);
		key->id[words[0].length] = '\0';
		if (cf_seal_ring_find(ring, key->id) != NULL)
			wrong = "Its id is that of an earlier line.";
	}
	if (wrong != NULL)
	{
		cf_error_set(err, CF_ERR_STATE, "line %d of the keys for credentials cannot be read", number);
		return cf_error_detail(err, "%s", wrong);
	}
	if (count == 3)
		ring->current = ring->count;
	ring->count++;
	return true;
}

/* split_words finds up to four words between blanks, the fourth of which is one too many. */
static int
split_words(const char *line, size_t length, Word words[4])
{
	int			count = 0;
	size_t		at = 0;

	while (count < 4)
	{
		while (at < length && (line[at] == ' ' || line[at] == '\t' || line[at] == '\r'))
			at++;
		if (at == length)
			break;
		words[count].start = line + at;
		while (at < length && line[at] != ' ' && line[at] != '\t' && line[at] != '\r')
			at++;
		words[count].length = (size_t) (line + at - words[count].start);
		count++;
	}
	return count;
}

static bool
is_key_id(const char *id, size_t length)
{
	if (length < 1 || length > CF_SEAL_KEY_ID_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		char		c = id[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			  c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

static bool
read_key(const Word *word, uint8_t key[CF_SEAL_KEY_BYTES])
{
	char		text[CF_BASE64_BYTES(CF_SEAL_KEY_BYTES)];
	bool		good;

	if (word->length != sizeof(text) - 1)
		return false;
	memcpy(text, word->start, word->length);
	text[word->length] = '\0';
	good = cf_base64_decode(text, key, CF_SEAL_KEY_BYTES) == CF_SEAL_KEY_BYTES;
	OPENSSL_cleanse(text, sizeof(text));
	return good;
}

void
cf_seal_ring_wipe(CfSealRing *ring)
{
	OPENSSL_cleanse(ring, sizeof(*ring));
}

const CfSealKey *
cf_seal_ring_find(const CfSealRing *ring, const char *id)
{
	for (int i = 0; i < ring->count; i++)
	{
		if (strcmp(ring->keys[i].id, id) == 0)
			return &ring->keys[i];
	}
	return NULL;
}

bool
cf_seal(const CfSealRing *ring, const CfSealBinding *binding, const uint8_t nonce[CF_SEAL_NONCE_BYTES],
		const char *secret, CfArena *arena, char **envelope, CfError *err)
{
	const CfSealKey *key = &ring->keys[ring->current];
	size_t		length = strlen(secret);
	size_t		head = strlen(PREFIX) + strlen(key->id) + 1;
	uint8_t    *frame;

	if (length == 0 || length > CF_SEAL_SECRET_MAX)
		return cf_error_set(err, CF_ERR_INPUT, "credential \"%s\" has %s", binding->option,
							length == 0 ? "no value" : "more than 16384 bytes");
	frame = cf_arena_alloc(arena, FRAME_BYTES + length);
	*envelope = cf_arena_alloc(arena, head + CF_BASE64_BYTES(FRAME_BYTES + length));
	if (frame == NULL || *envelope == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory for a credential");
	memcpy(frame, nonce, CF_SEAL_NONCE_BYTES);
	if (!encrypt(key, binding, secret, length, frame))
		return cf_error_set(err, CF_ERR_IO, "credential \"%s\" could not be sealed", binding->option);
	memcpy(*envelope, PREFIX, strlen(PREFIX));
	memcpy(*envelope + strlen(PREFIX), key->id, strlen(key->id));
	(*envelope)[head - 1] = ':';
	cf_base64_encode(frame, FRAME_BYTES + length, *envelope + head);
	return true;
}

bool
cf_seal_open(const CfSealRing *ring, const CfSealBinding *binding, const char *envelope, char *secret, size_t room,
			 CfError *err)
{
	uint8_t		frame[FRAME_BYTES + CF_SEAL_SECRET_MAX];
	char		id[CF_SEAL_KEY_ID_MAX + 1];
	const CfSealKey *key = NULL;
	long		length = -1;
	bool		good = false;

	if (cf_seal_key_id(envelope, id))
	{
		key = cf_seal_ring_find(ring, id);
		length = cf_base64_decode(envelope + strlen(PREFIX) + strlen(id) + 1, frame, sizeof(frame));
	}
	if (key != NULL && length > FRAME_BYTES && (size_t) length - FRAME_BYTES < room)
		good = decrypt(key, binding, frame, (size_t) length - FRAME_BYTES, secret);
	OPENSSL_cleanse(frame, sizeof(frame));
	if (good)
		return true;
	if (room > 0)
		OPENSSL_cleanse(secret, room);
	cf_error_set(err, CF_ERR_STATE, "credential \"%s\" of place \"%s\" cannot be opened", binding->option, binding->server);
	cf_error_detail(err, "It was sealed under another key, or for another server name, role, provider, endpoint or bucket.");
	return cf_error_hint(err, "Set it anew with cloudflux.set_credentials(), or put things back as they were.");
}

bool
cf_seal_key_id(const char *envelope, char id[CF_SEAL_KEY_ID_MAX + 1])
{
	const char *start = envelope + strlen(PREFIX);
	const char *end;

	if (strncmp(envelope, PREFIX, strlen(PREFIX)) != 0 || (end = strchr(start, ':')) == NULL ||
		!is_key_id(start, (size_t) (end - start)) ||
		strspn(end + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != strlen(end + 1) ||
		strlen(end + 1) < CF_BASE64_BYTES(FRAME_BYTES + 1) - 1)
		return false;
	memcpy(id, start, (size_t) (end - start));
	id[end - start] = '\0';
	return true;
}

/* encrypt fills a frame whose nonce stands in front already: ciphertext, then tag. */
static bool
encrypt(const CfSealKey *key, const CfSealBinding *binding, const char *secret, size_t length, uint8_t *frame)
{
	EVP_CIPHER_CTX *ctx = cipher_start(true, key, binding, frame);
	uint8_t    *text = frame + CF_SEAL_NONCE_BYTES;
	int			part = 0;
	bool		good;

	good = ctx != NULL && EVP_EncryptUpdate(ctx, text, &part, (const uint8_t *) secret, (int) length) == 1 &&
		EVP_EncryptFinal_ex(ctx, text + part, &part) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, CF_SEAL_TAG_BYTES, text + length) == 1;
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

/* decrypt puts length bytes and a NUL into secret; what a wrong tag gave is for the caller to wipe. */
static bool
decrypt(const CfSealKey *key, const CfSealBinding *binding, uint8_t *frame, size_t length, char *secret)
{
	EVP_CIPHER_CTX *ctx = cipher_start(false, key, binding, frame);
	uint8_t    *text = frame + CF_SEAL_NONCE_BYTES;
	int			part = 0;
	bool		good;

	good = ctx != NULL && EVP_DecryptUpdate(ctx, (uint8_t *) secret, &part, text, (int) length) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, CF_SEAL_TAG_BYTES, text + length) == 1 &&
		EVP_DecryptFinal_ex(ctx, (uint8_t *) secret + part, &part) == 1;
	secret[length] = '\0';
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return good && memchr(secret, '\0', length) == NULL;
}

/* cipher_start makes a cipher that has taken the key, the nonce and the binding; NULL = OpenSSL refuses. */
static EVP_CIPHER_CTX *
cipher_start(bool sealing, const CfSealKey *key, const CfSealBinding *binding,
			 const uint8_t nonce[CF_SEAL_NONCE_BYTES])
{
	const char *const fields[] = {
		FORMAT, binding->server, binding->user, binding->option, binding->provider, binding->endpoint,
	binding->bucket, binding->addresses};
	EVP_CIPHER_CTX *ctx;
	int			ignored;
	bool		good;

	ERR_clear_error();
	ctx = EVP_CIPHER_CTX_new();
	good = ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->key, nonce, sealing ? 1 : 0) == 1;
	for (size_t i = 0; good && i < sizeof(fields) / sizeof(fields[0]); i++)
	{
		size_t		length = strlen(fields[i]);
		uint8_t		size[4] = {(uint8_t) (length >> 24), (uint8_t) (length >> 16), (uint8_t) (length >> 8),
		(uint8_t) length};

		good = length < INT32_MAX &&
			EVP_CipherUpdate(ctx, NULL, &ignored, size, sizeof(size)) == 1 &&
			(length == 0 || EVP_CipherUpdate(ctx, NULL, &ignored, (const uint8_t *) fields[i], (int) length) == 1);
	}
	if (good)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}
