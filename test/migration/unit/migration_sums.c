/*
 * The digests of a stream and of its pieces: in one pass, or as the turn of each comes, they are what they are computed alone.
 */
#include <string.h>

#include "harness/tap.h"

#include "migration/sums.h"

#define TEXT_BYTES 300000
#define ALL (CF_DIGEST_SHA256 | CF_DIGEST_CRC32C | CF_DIGEST_CRC64NVME)

static uint8_t text[TEXT_BYTES];
static uint64_t seed = 20261121;

/* next_random is xorshift64*: the same numbers on every machine. */
static uint64_t
next_random(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dULL;
}

/* alone tells whether digests of these kinds are those of the bytes, each computed by itself. */
static bool
alone(const CfDigests *digests, int kinds, const uint8_t *data, size_t length)
{
	uint8_t		sha256[32];

	return digests->known == kinds && cf_sha256(data, length, sha256) &&
		(!(kinds & CF_DIGEST_SHA256) || memcmp(digests->sha256, sha256, 32) == 0) &&
		(!(kinds & CF_DIGEST_CRC32C) || digests->crc32c == cf_crc32c(0, data, length)) &&
		(!(kinds & CF_DIGEST_CRC64NVME) || digests->crc64nvme == cf_crc64nvme(0, data, length));
}

static void
test_whole(void)
{
	int			wrong = 0;

	for (int kinds = 0; kinds < 16; kinds++)
	{
		CfSums		sums = {.sha = {NULL}};
		CfDigests	digests;
		bool		good = cf_sums_start(&sums, kinds);

		good = good && cf_sums_update(&sums, text, 100001) && cf_sums_update(&sums, text, 0) &&
			cf_sums_update(&sums, text + 100001, TEXT_BYTES - 100001) && cf_sums_peek(&sums, &digests);
		wrong += !good || !alone(&digests, kinds & ALL, text, TEXT_BYTES);
		cf_sums_end(&sums);
	}
	is_int(wrong, 0, "any kinds side by side are what each is alone");
}

/* Pieces come in turn, or are known before their turn; the stream is the same, and each piece is what was asked of it. */
static void
test_pieces(int unit)
{
	int			wrong = 0;
	int			odd = 0;

	for (int run = 0; run < 200; run++)
	{
		int			kinds = run % 4 == 0 ? CF_DIGEST_SHA256 : run % 4 == 1 ? CF_DIGEST_CRC64NVME : ALL;
		int			wanted = run % 3 == 0 ? 0 : run % 3 == 1 ? CF_DIGEST_CRC64NVME : ALL;
		CfSums		sums = {.sha = {NULL}};
		CfDigests	whole;
		CfDigests	piece;
		bool		good = cf_sums_start(&sums, kinds);
		size_t		length;

		for (size_t at = 0; at < TEXT_BYTES && good; at += length)
		{
			bool		late = next_random() % 2 == 0;
			int			crcs = late ? 0 : kinds & ~CF_DIGEST_SHA256;

			length = (1 + next_random() % 2000) * (size_t) unit;
			length = length < TEXT_BYTES - at ? length : TEXT_BYTES - at;
			good = cf_sums_piece(late ? NULL : &sums, wanted, text + at, length, &piece);
			odd += good && !alone(&piece, wanted | crcs, text + at, length);
			good = good && (!late || cf_sums_append(&sums, &piece, text + at, length));
		}
		wrong += !good || !cf_sums_peek(&sums, &whole) || !alone(&whole, kinds, text, TEXT_BYTES);
		cf_sums_end(&sums);
	}
	is_int(wrong, 0, "a stream of pieces of %d bytes and more is the whole", unit);
	is_int(odd, 0, "and each piece has digests of its own");
}

int
main(void)
{
	for (size_t i = 0; i < TEXT_BYTES; i++)
		text[i] = (uint8_t) next_random();
	test_whole();
	test_pieces(1);
	test_pieces(64);
	return done_testing();
}
