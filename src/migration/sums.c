/*
 * sums.c
 *		Digests of a stream, side by side.
 *
 * A store vouches for one kind or another, and tells it in its answers; we compute what it will tell, in the pass that
 * reads the source, so that nothing is read twice. Kinds are compared one by one: a single one that differs is a copy
 * that is not what was sent, whatever the others say.
 *
 * All kinds are fed block by block: what the first has fetched from memory, the others find in the cache. The CRCs of a piece
 * are joined to those of the stream, so that a store that wants them of the piece too costs no second pass.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migration/sums.h"

#define BLOCK_BYTES (32 * 1024)	/* it and two digests' tables fit into the cache of a core */
#define CRCS (CF_DIGEST_CRC32C | CF_DIGEST_CRC64NVME)

bool
cf_sums_start(CfSums *sums, int kinds)
{
	memset(&sums->now, 0, sizeof(sums->now));
	sums->now.known = kinds & (CF_DIGEST_SHA256 | CRCS);
	return (sums->now.known & CF_DIGEST_SHA256) == 0 || cf_hash_start(&sums->sha);
}

/* stream_of gives the running hash, NULL when none is computed. */
static CfHash *
stream_of(CfSums *sums)
{
	return sums != NULL && (sums->now.known & CF_DIGEST_SHA256) ? &sums->sha : NULL;
}

/* feed takes bytes into the CRCs of the kinds, and into up to two hashes. */
static bool
feed(int kinds, CfDigests *crcs, CfHash *stream, CfHash *piece, const char *data, size_t length)
{
	bool		good = true;

	for (size_t at = 0; at < length && good; at += BLOCK_BYTES)
	{
		size_t		bytes = length - at < BLOCK_BYTES ? length - at : BLOCK_BYTES;

		if (kinds & CF_DIGEST_CRC32C)
			crcs->crc32c = cf_crc32c(crcs->crc32c, data + at, bytes);
		if (kinds & CF_DIGEST_CRC64NVME)
			crcs->crc64nvme = cf_crc64nvme(crcs->crc64nvme, data + at, bytes);
		good = (stream == NULL || cf_hash_update(stream, data + at, bytes)) && (piece == NULL || cf_hash_update(piece, data + at, bytes));
	}
	return good;
}

/* join takes the CRCs of the next piece into those of the stream. */
static void
join(CfSums *sums, const CfDigests *piece, size_t length)
{
	int			kinds = sums->now.known & piece->known;

	if (kinds & CF_DIGEST_CRC32C)
		sums->now.crc32c = cf_crc32c_combine(sums->now.crc32c, piece->crc32c, (int64_t) length);
	if (kinds & CF_DIGEST_CRC64NVME)
		sums->now.crc64nvme = cf_crc64nvme_combine(sums->now.crc64nvme, piece->crc64nvme, (int64_t) length);
}

bool
cf_sums_update(CfSums *sums, const void *data, size_t length)
{
	return feed(sums->now.known, &sums->now, stream_of(sums), NULL, data, length);
}

bool
cf_sums_piece(CfSums *sums, int kinds, const void *data, size_t length, CfDigests *piece)
{
	CfHash		sha = {NULL};
	bool		hashed = (kinds & CF_DIGEST_SHA256) != 0;
	bool		good = !hashed || cf_hash_start(&sha);

	memset(piece, 0, sizeof(*piece));
	piece->known = (kinds & (CF_DIGEST_SHA256 | CRCS)) | (sums == NULL ? 0 : sums->now.known & CRCS);
	good = good && feed(piece->known, piece, stream_of(sums), hashed ? &sha : NULL, data, length) &&
		(!hashed || cf_hash_finish(&sha, piece->sha256));
	cf_hash_end(&sha);
	if (good && sums != NULL)
		join(sums, piece, length);
	return good;
}

bool
cf_sums_append(CfSums *sums, const CfDigests *piece, const void *data, size_t length)
{
	if (!feed(sums->now.known & ~piece->known, &sums->now, stream_of(sums), NULL, data, length))
		return false;
	join(sums, piece, length);
	return true;
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
