/*
 * utf8.c
 *		One sequence of UTF-8, by the table of well-formed byte sequences of the Unicode standard (3-7), and bytes as a message
 *		may hold them.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "storage/utf8.h"

size_t
cf_utf8_length(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	/* The second byte has a narrower range after some leads; a NUL fails every test, so nothing is read beyond. */
	unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;

	if (s[1] < low || s[1] > high)
		return 0;
	if (s[0] < 0xe0)
		return 2;
	if ((s[2] & 0xc0) != 0x80)
		return 0;
	if (s[0] < 0xf0)
		return 3;
	return (s[3] & 0xc0) == 0x80 ? 4 : 0;
}

void
cf_utf8_shown(char *out, size_t size, const char *bytes)
{
	const unsigned char *s = (const unsigned char *) bytes;
	size_t		used = 0;

	while (*s != '\0')
	{
		size_t		length = cf_utf8_length(s);
		bool		plain = length > 0 && *s >= 0x20 && *s != 0x7f;
		size_t		needed = plain ? length : 4;

		if (used + needed + sizeof("...") > size)
		{
			memcpy(out + used, "...", 3);
			used += 3;
			break;
		}
		if (plain)
			memcpy(out + used, s, length);
		else
			snprintf(out + used, 5, "\\x%02x", *s);
		used += needed;
		s += plain ? length : 1;
	}
	out[used] = '\0';
}
