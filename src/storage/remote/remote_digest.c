/*
 * remote_digest.c
 *		Digests as the stores tell and take them: base64 in headers and in JSON.
 */
#include <stdio.h>
#include <string.h>

#include "storage/remote/remote_object.h"

static void goog_words(CfDigests *digests, const char *words);

void
cf_remote_crc_write(uint64_t crc, int bytes, char text[CF_REMOTE_CRC_TEXT])
{
	uint8_t		raw[8];

	for (int i = 0; i < bytes; i++)
		raw[i] = (uint8_t) (crc >> 8 * (bytes - 1 - i));
	cf_base64_encode(raw, (size_t) bytes, text);
}

bool
cf_remote_crc_read(const char *text, int bytes, uint64_t *crc)
{
	uint8_t		raw[9];

	if (cf_base64_decode(text, raw, sizeof(raw)) != bytes)
		return false;
	*crc = 0;
	for (int i = 0; i < bytes; i++)
		*crc = *crc << 8 | raw[i];
	return true;
}

void
cf_remote_digest_crc32c(CfDigests *digests, const char *text)
{
	uint64_t	crc;

	if (!cf_remote_crc_read(text, 4, &crc))
		return;
	digests->crc32c = (uint32_t) crc;
	digests->known |= CF_DIGEST_CRC32C;
}

void
cf_remote_digest_crc64nvme(CfDigests *digests, const char *text)
{
	if (cf_remote_crc_read(text, 8, &digests->crc64nvme))
		digests->known |= CF_DIGEST_CRC64NVME;
}

void
cf_remote_digest_md5(CfDigests *digests, const char *text)
{
	uint8_t		raw[17];

	if (cf_base64_decode(text, raw, sizeof(raw)) != sizeof(digests->md5))
		return;
	memcpy(digests->md5, raw, sizeof(digests->md5));
	digests->known |= CF_DIGEST_MD5;
}

void
cf_remote_digests_goog(CfDigests *digests, const CfResponse *response)
{
	for (int i = 0; i < response->header_count; i++)
	{
		if (strcmp(response->headers[i].name, "x-goog-hash") == 0)
			goog_words(digests, response->headers[i].value);
	}
}

/* goog_words reads "crc32c=n03x6A==,md5=…", in one header or in two. */
static void
goog_words(CfDigests *digests, const char *words)
{
	for (const char *word = words; word != NULL; word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL)
	{
		char		value[32];

		word += strspn(word, " ");
		if (sscanf(word, "crc32c=%15[A-Za-z0-9+/=]", value) == 1)
			cf_remote_digest_crc32c(digests, value);
		else if (sscanf(word, "md5=%31[A-Za-z0-9+/=]", value) == 1)
			cf_remote_digest_md5(digests, value);
	}
}

bool
cf_remote_digests_agree(const CfDigests *a, const CfDigests *b)
{
	int			both = a->known & b->known;

	return (!(both & CF_DIGEST_CRC64NVME) || a->crc64nvme == b->crc64nvme) &&
		(!(both & CF_DIGEST_CRC32C) || a->crc32c == b->crc32c) &&
		(!(both & CF_DIGEST_MD5) || memcmp(a->md5, b->md5, sizeof(a->md5)) == 0) &&
		(!(both & CF_DIGEST_SHA256) || memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0);
}
