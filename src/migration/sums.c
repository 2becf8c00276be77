/*
 * sums.c
 *		Digests of a stream, side by side.
 *
 * A store vouches for one kind or another, and tells it in its answers; we compute what it will tell, in the pass that
 * reads the source, so that nothing is read twice. Kinds are compared one by one: a single one that differs is a copy
 * that is not what was sent, whatever the others say.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migration/sums.h"

bool
cf_sums_start(CfSums *sums, int kinds)
{
	memset(&sums->now, 0, sizeof(sums->now));
	sums->now.known = kinds & (CF_DIGEST_SHA256 | CF_DIGEST_CRC32C | CF_DIGEST_CRC64NVME);
	return (sums->now.known & CF_DIGEST_SHA256) == 0 || cf_hash_start(&sums->sha);
}

bool
cf_sums_update(CfSums *sums, const void *data, size_t length)
{
	if (sums->now.known & CF_DIGEST_CRC32C)
		sums->now.crc32c = cf_crc32c(sums->now.crc32c, data, length);
	if (sums->now.known & CF_DIGEST_CRC64NVME)
		sums->now.crc64nvme = cf_crc64nvme(sums->now.crc64nvme, data, length);
	return (sums->now.known & CF_DIGEST_SHA256) == 0 || cf_hash_update(&sums->sha, data, length);
}

bool
cf_sums_peek(const CfSums *sums, CfDigests *digests)
{
	*digests = sums->now;
	return (sums->now.known & CF_DIGEST_SHA256) == 0 || cf_hash_peek(&sums->sha, digests->sha256);
}

bool
cf_sums_copy(CfSums *to, const CfSums *from)
{
	to->now = from->now;
	return (from->now.known & CF_DIGEST_SHA256) == 0 || cf_hash_copy(&to->sha, &from->sha);
}

void
cf_sums_end(CfSums *sums)
{
	cf_hash_end(&sums->sha);
}

void
cf_sums_resume(CfSums *sums, const CfDigests *at)
{
	sums->now.known &= at->known & (CF_DIGEST_CRC32C | CF_DIGEST_CRC64NVME);
	sums->now.crc32c = at->crc32c;
	sums->now.crc64nvme = at->crc64nvme;
}

int
cf_digests_compare(const CfDigests *a, const CfDigests *b)
{
	int			both = a->known & b->known;

	if (((both & CF_DIGEST_SHA256) && memcmp(a->sha256, b->sha256, sizeof(a->sha256)) != 0) ||
		((both & CF_DIGEST_MD5) && memcmp(a->md5, b->md5, sizeof(a->md5)) != 0) ||
		((both & CF_DIGEST_CRC32C) && a->crc32c != b->crc32c) ||
		((both & CF_DIGEST_CRC64NVME) && a->crc64nvme != b->crc64nvme))
		return -1;
	return both;
}

const char *
cf_digests_name(int kinds)
{
	return kinds & CF_DIGEST_SHA256 ? "sha256" : kinds & CF_DIGEST_CRC64NVME ? "crc64nvme" :
		kinds & CF_DIGEST_MD5 ? "md5" : kinds & CF_DIGEST_CRC32C ? "crc32c" : "";
}

void
cf_digests_print(const CfDigests *digests, char text[CF_SUMS_TEXT_BYTES])
{
	char		md5[CF_HEX_BYTES(sizeof(digests->md5))];
	size_t		length = 0;

	cf_hex_encode(digests->md5, sizeof(digests->md5), md5);
	text[0] = '\0';
	if (digests->known & CF_DIGEST_CRC64NVME)
		length += (size_t) snprintf(text + length, CF_SUMS_TEXT_BYTES - length, "crc64nvme=%016" PRIx64 " ", digests->crc64nvme);
	if (digests->known & CF_DIGEST_CRC32C)
		length += (size_t) snprintf(text + length, CF_SUMS_TEXT_BYTES - length, "crc32c=%08" PRIx32 " ", digests->crc32c);
	if (digests->known & CF_DIGEST_MD5)
		length += (size_t) snprintf(text + length, CF_SUMS_TEXT_BYTES - length, "md5=%s ", md5);
	if (length > 0)
		text[length - 1] = '\0';
}

/* parse_hex reads exactly as many hexadecimal digits as the bytes need. */
static bool
parse_hex(const char *text, uint8_t *bytes, size_t length)
{
	if (strspn(text, "0123456789abcdef") != 2 * length)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		char		pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

		bytes[i] = (uint8_t) strtoul(pair, NULL, 16);
	}
	return true;
}

/* parse_number reads big-endian bytes into a number. */
static bool
parse_number(const char *text, size_t length, uint64_t *number)
{
	uint8_t		bytes[8];

	if (!parse_hex(text, bytes, length))
		return false;
	*number = 0;
	for (size_t i = 0; i < length; i++)
		*number = *number << 8 | bytes[i];
	return true;
}

void
cf_digests_parse(const char *text, CfDigests *digests)
{
	const char *at;
	uint64_t	number;

	if ((at = strstr(text, "crc64nvme=")) != NULL && parse_number(at + strlen("crc64nvme="), 8, &number))
	{
		digests->crc64nvme = number;
		digests->known |= CF_DIGEST_CRC64NVME;
	}
	if ((at = strstr(text, "crc32c=")) != NULL && parse_number(at + strlen("crc32c="), 4, &number))
	{
		digests->crc32c = (uint32_t) number;
		digests->known |= CF_DIGEST_CRC32C;
	}
	if ((at = strstr(text, "md5=")) != NULL && parse_hex(at + strlen("md5="), digests->md5, sizeof(digests->md5)))
		digests->known |= CF_DIGEST_MD5;
}
