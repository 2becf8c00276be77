/*
 * s3_text.c
 *		Texts of S3: words of RFC 2047, and pins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/s3/s3.h"

#define PIN_VALUE_MAX 56		/* two of them and an owner tag fit into a pin */

static bool word_plain(const char *text);
static long word_bytes(const char *word, char *to, const char **after);
static long quoted_bytes(const char *from, size_t length, char *to);

/* word_plain tells whether a header carries a value as it is. */
static bool
word_plain(const char *text)
{
	size_t		length = strlen(text);

	for (const char *c = text; *c != '\0'; c++)
	{
		if ((unsigned char) *c < 0x20 || (unsigned char) *c > 0x7e)
			return false;
	}
	return strstr(text, "=?") == NULL && (length == 0 || (text[0] != ' ' && text[length - 1] != ' '));
}

/* cf_s3_word_encode writes a value of metadata as S3 gives it back: plain, or as one word of RFC 2047. */
char *
cf_s3_word_encode(CfArena *arena, const char *text)
{
	static const char head[] = "=?UTF-8?B?";
	size_t		length = strlen(text);
	char	   *word;

	if (word_plain(text))
		return cf_arena_strdup(arena, text);
	word = cf_arena_alloc(arena, sizeof(head) + CF_BASE64_BYTES(length) + 2);
	if (word == NULL)
		return NULL;
	memcpy(word, head, sizeof(head) - 1);
	cf_base64_encode(text, length, word + sizeof(head) - 1);
	memcpy(word + strlen(word), "?=", 3);
	return word;
}

/* cf_s3_word_decode undoes words of RFC 2047 in UTF-8; what it does not know stays as it is. */
char *
cf_s3_word_decode(CfArena *arena, const char *text)
{
	char	   *plain = cf_arena_alloc(arena, strlen(text) + 1);
	char	   *to = plain;
	bool		after_word = false;

	if (plain == NULL)
		return NULL;
	while (*text != '\0')
	{
		const char *after;
		const char *blank = text + strspn(text, " \t");
		long		length = word_bytes(after_word ? blank : text, to, &after);

		if (length < 0)
		{
			*to++ = *text++;
			after_word = false;
			continue;
		}
		to += length;
		text = after;
		after_word = true;
	}
	*to = '\0';
	return plain;
}

/* word_bytes decodes one word of RFC 2047; -1 = there is none, or it is not ours to read. */
static long
word_bytes(const char *word, char *to, const char **after)
{
	const char *text = word + 10;
	const char *end;
	char	   *copy;
	long		length;

	if (strncasecmp(word, "=?utf-8?", 8) != 0 || strchr("bBqQ", word[8]) == NULL || word[8] == '\0' || word[9] != '?' ||
		(end = strstr(text, "?=")) == NULL)
		return -1;
	*after = end + 2;
	if (word[8] == 'q' || word[8] == 'Q')
		length = quoted_bytes(text, (size_t) (end - text), to);
	else
	{
		copy = strndup(text, (size_t) (end - text));
		length = copy == NULL ? -1 : cf_base64_decode(copy, to, (size_t) (end - text));
		free(copy);
	}
	return length >= 0 && memchr(to, '\0', (size_t) length) == NULL && memchr(to, '\n', (size_t) length) == NULL ? length : -1;
}

/* quoted_bytes decodes the Q encoding: "_" is a blank, "=C3" a byte. */
static long
quoted_bytes(const char *from, size_t length, char *to)
{
	char	   *start = to;

	for (size_t i = 0; i < length; i++)
	{
		unsigned	byte;
		int			used = 0;

		if (from[i] == '=')
		{
			char		digits[3] = {from[i + 1], i + 2 < length ? from[i + 2] : '\0', '\0'};

			if (i + 2 >= length || sscanf(digits, "%2x%n", &byte, &used) != 1 || used != 2)
				return -1;
			*to++ = (char) byte;
			i += 2;
		}
		else
			*to++ = from[i] == '_' ? ' ' : from[i];
	}
	return to - start;
}

/* cf_s3_pin_value brings a value into the form that it has in pins. */
void
cf_s3_pin_value(char *to, size_t room, const char *value)
{
	size_t		length = strlen(value);
	bool		plain = length <= PIN_VALUE_MAX && length < room && value[0] != '~';

	for (const char *c = value; plain && *c != '\0'; c++)
		plain = *c > 0x20 && *c < 0x7f && *c != ';' && *c != '"' && *c != '\\';
	if (plain)
		memcpy(to, value, length + 1);
	else
		snprintf(to, room, "~%016llx%08x", (unsigned long long) cf_crc64nvme(0, value, length), cf_crc32c(0, value, length));
}

/* cf_s3_etag_pin puts an ETag into a pin, without its quotes; one that is far too long is none. */
void
cf_s3_etag_pin(const char *etag, CfS3Pin *pin)
{
	char		bare[256];
	size_t		length = strlen(etag);
	bool		quoted = length > 2 && etag[0] == '"' && etag[length - 1] == '"';

	if (length < sizeof(bare))
	{
		snprintf(bare, sizeof(bare), "%.*s", (int) (length - 2 * quoted), etag + quoted);
		cf_s3_pin_value(pin->etag, sizeof(pin->etag), bare);
	}
}

/* cf_s3_pin_write makes the text of a pin of the fields that identify a version best. */
void
cf_s3_pin_write(const CfS3Pin *pin, char version[CF_STORAGE_VERSION_MAX + 1])
{
	if (pin->version[0] != '\0')
		snprintf(version, CF_STORAGE_VERSION_MAX + 1, "e=%.56s;v=%.56s", pin->etag, pin->version);
	else if (pin->owner[0] != '\0')
		snprintf(version, CF_STORAGE_VERSION_MAX + 1, "e=%.56s;o=%.64s", pin->etag, pin->owner);
	else if (pin->modified >= 0)
		snprintf(version, CF_STORAGE_VERSION_MAX + 1, "e=%s;m=%lld", pin->etag, (long long) pin->modified);
	else
		snprintf(version, CF_STORAGE_VERSION_MAX + 1, "e=%s", pin->etag);
}

/* cf_s3_pin_read takes the text of a pin apart; false = it is none of ours. */
bool
cf_s3_pin_read(const char *version, CfS3Pin *pin)
{
	memset(pin, 0, sizeof(*pin));
	pin->modified = -1;
	while (*version != '\0')
	{
		size_t		length = strcspn(version, ";");
		char		value[CF_S3_ETAG_MAX + 1];

		if (length < 3 || version[1] != '=' || length - 2 >= sizeof(value))
			return false;
		memcpy(value, version + 2, length - 2);
		value[length - 2] = '\0';
		if (version[0] == 'e')
			memcpy(pin->etag, value, length - 1);
		else if (version[0] == 'v')
			memcpy(pin->version, value, length - 1);
		else if (version[0] == 'o' && length - 2 < sizeof(pin->owner))
			memcpy(pin->owner, value, length - 1);
		else if (version[0] != 'm' || !cf_remote_number(value, INT64_MAX / 1000000, &pin->modified))
			return false;
		version += length + (version[length] == ';' ? 1 : 0);
	}
	return pin->etag[0] != '\0';
}

/* cf_s3_pin_same compares what both pins tell; the ETag must be in both. */
bool
cf_s3_pin_same(const CfS3Pin *a, const CfS3Pin *b)
{
	return a->etag[0] != '\0' && strcmp(a->etag, b->etag) == 0 &&
		(a->version[0] == '\0' || b->version[0] == '\0' || strcmp(a->version, b->version) == 0) &&
		(a->owner[0] == '\0' || b->owner[0] == '\0' || strcmp(a->owner, b->owner) == 0) &&
		(a->modified < 0 || b->modified < 0 || a->modified == b->modified);
}

/* cf_s3_version_same compares two pins as texts. */
bool
cf_s3_version_same(const char *a, const char *b)
{
	CfS3Pin		pin_a;
	CfS3Pin		pin_b;

	return strcmp(a, b) == 0 ||
		(cf_s3_pin_read(a, &pin_a) && cf_s3_pin_read(b, &pin_b) && cf_s3_pin_same(&pin_a, &pin_b));
}

/* cf_s3_version_told makes a pin of what an inventory tells: the ETag, and the version id or the time. */
bool
cf_s3_version_told(const CfToldVersion *told, char version[CF_STORAGE_VERSION_MAX + 1])
{
	CfS3Pin		pin = {.modified = -1};
	char		etag[CF_S3_ETAG_MAX + 1];
	size_t		quoted = told->etag[0] == '"';
	size_t		length = strcspn(told->etag + quoted, "\"");

	if (length == 0 || length >= sizeof(etag))
		return false;
	memcpy(etag, told->etag + quoted, length);
	etag[length] = '\0';
	cf_s3_pin_value(pin.etag, sizeof(pin.etag), etag);
	if (told->version_id[0] != '\0' && strcmp(told->version_id, "null") != 0)
		cf_s3_pin_value(pin.version, sizeof(pin.version), told->version_id);
	if (told->modified_us >= 0)
		pin.modified = told->modified_us / 1000000;
	cf_s3_pin_write(&pin, version);
	return true;
}
