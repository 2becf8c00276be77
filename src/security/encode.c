/*
 * encode.c
 *		Base64 and base64url (RFC 4648, sections 4 and 5) and hexadecimal digits, and the one way to find a credential.
 *
 * Decoding is strict: no blanks, padding as due, no stray bits behind the last byte. So each value has one text only,
 * and what a peer sends is either that or refused.
 */
#include <string.h>

#include "security/security.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode64(const uint8_t *data, size_t length, char *text, const char *digits, bool padded);
static int	digit_value(char digit);

void
cf_base64_encode(const void *data, size_t length, char *text)
{
	encode64(data, length, text, base64_digits, true);
}

void
cf_base64url_encode(const void *data, size_t length, char *text)
{
	encode64(data, length, text, base64url_digits, false);
}

static void
encode64(const uint8_t *data, size_t length, char *text, const char *digits, bool padded)
{
	for (; length >= 3; data += 3, length -= 3)
	{
		*text++ = digits[data[0] >> 2];
		*text++ = digits[(data[0] & 3) << 4 | data[1] >> 4];
		*text++ = digits[(data[1] & 15) << 2 | data[2] >> 6];
		*text++ = digits[data[2] & 63];
	}
	if (length > 0)
	{
		*text++ = digits[data[0] >> 2];
		*text++ = digits[(data[0] & 3) << 4 | (length == 2 ? data[1] >> 4 : 0)];
		if (length == 2)
			*text++ = digits[(data[1] & 15) << 2];
		for (; padded && length < 3; length++)
			*text++ = '=';
	}
	*text = '\0';
}

long
cf_base64_decode(const char *text, void *data, size_t room)
{
	uint8_t    *to = data;
	size_t		digits = strlen(text);
	size_t		padding = 0;
	size_t		length;

	if (digits % 4 != 0)
		return -1;
	while (padding < 2 && digits > 0 && text[digits - 1] == '=')
	{
		padding++;
		digits--;
	}
	length = (digits + padding) / 4 * 3 - padding;
	if (length > room)
		return -1;
	for (size_t i = 0; i < digits; i += 4)
	{
		uint32_t	bits = 0;
		size_t		here = digits - i < 4 ? digits - i : 4;

		for (size_t j = 0; j < 4; j++)
		{
			int			value = j < here ? digit_value(text[i + j]) : 0;

			if (value < 0)
				return -1;
			bits = bits << 6 | (uint32_t) value;
		}
		for (size_t j = 0; j + 1 < here; j++)
			*to++ = (uint8_t) (bits >> (16 - 8 * j));
		if (here < 4 && (bits & (here == 2 ? 0xffff : 0xff)) != 0)
			return -1;
	}
	return (long) length;
}

/* digit_value tells what a digit of base64 stands for, -1 for what is none. */
static int
digit_value(char digit)
{
	const char *at = digit == '\0' ? NULL : strchr(base64_digits, digit);

	return at == NULL ? -1 : (int) (at - base64_digits);
}

void
cf_hex_encode(const void *data, size_t length, char *text)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
	{
		*text++ = "0123456789abcdef"[bytes[i] >> 4];
		*text++ = "0123456789abcdef"[bytes[i] & 15];
	}
	*text = '\0';
}

const char *
cf_credential(const CfCredentials *credentials, const char *name)
{
	for (int i = 0; credentials != NULL && i < credentials->count; i++)
		if (strcmp(credentials->items[i].name, name) == 0)
			return credentials->items[i].value;
	return NULL;
}
