/*
 * CRC32C and CRC-64/NVME against published values and a bit by bit reckoning, by tables and by hardware, in pieces and
 * joined.
 */
#include "harness/tap.h"

#include "security/crc.h"
#include "security/security.h"

static uint64_t seed = 20260417;

/* next_random is xorshift64*: the same numbers on every machine. */
static uint64_t
next_random(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dULL;
}

/* slow feeds a register bit by bit, as the definition says. */
static uint64_t
slow(uint64_t crc, uint64_t polynomial, const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? polynomial : 0);
	}
	return crc;
}

static uint32_t
slow32(const uint8_t *data, size_t length)
{
	return ~(uint32_t) slow(0xffffffffU, 0x82f63b78U, data, length);
}

static uint64_t
slow64(const uint8_t *data, size_t length)
{
	return ~slow(~0ULL, 0x9a6c9329ac4bc9b5ULL, data, length);
}

static void
test_published(void)
{
	uint8_t		bytes[32];
	const uint8_t iscsi[48] = {
		0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
		0x28, 0, 0, 0, 0, 0, 0, 0, 0x02};

	ok(cf_crc32c(0, "123456789", 9) == 0xe3069283U, "CRC32C of 123456789");
	ok(cf_crc64nvme(0, "123456789", 9) == 0xae8b14860a799888ULL, "CRC-64/NVME of 123456789");
	memset(bytes, 0, sizeof(bytes));
	ok(cf_crc32c(0, bytes, 32) == 0x8a9136aaU, "RFC 3720, 32 bytes of zeroes");
	memset(bytes, 0xff, sizeof(bytes));
	ok(cf_crc32c(0, bytes, 32) == 0x62a8ab43U, "RFC 3720, 32 bytes of ones");
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t) i;
	ok(cf_crc32c(0, bytes, 32) == 0x46dd794eU, "RFC 3720, 32 bytes that go up");
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t) (31 - i);
	ok(cf_crc32c(0, bytes, 32) == 0x113fdb5cU, "RFC 3720, 32 bytes that go down");
	ok(cf_crc32c(0, iscsi, sizeof(iscsi)) == 0xd9963a56U, "RFC 3720, an iSCSI read command");
	ok(cf_crc32c(0, "", 0) == 0 && cf_crc64nvme(0, "", 0) == 0, "nothing has the CRC nought");
}

/* Every way gives what the definition gives, at any length and alignment. */
static void
test_ways(void)
{
	static uint8_t text[1200];
	int			wrong = 0;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t) next_random();
	for (size_t length = 0; length <= 1100; length++)
	{
		const uint8_t *at = text + length % 17;

		wrong += ~cf_crc32c_table(~0U, at, length) != slow32(at, length);
		wrong += ~cf_crc64nvme_table(~0ULL, at, length) != slow64(at, length);
	}
	is_int(wrong, 0, "the tables agree with the definition at 1,101 lengths");
#ifdef CF_CRC_HARDWARE
	if (cf_crc_hardware())
	{
		for (size_t length = 0; length <= 1100; length++)
		{
			const uint8_t *at = text + length % 17;

			wrong += ~cf_crc32c_sse42(~0U, at, length) != slow32(at, length);
			wrong += ~cf_crc32c_pclmul(~0U, at, length) != slow32(at, length);
			wrong += ~cf_crc64nvme_pclmul(~0ULL, at, length) != slow64(at, length);
		}
		is_int(wrong, 0, "so does the hardware");
	}
#endif
}

static void
test_pieces(void)
{
	static uint8_t text[70000];
	int			wrong32 = 0;
	int			wrong64 = 0;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t) next_random();
	for (int n = 0; n < 500; n++)
	{
		size_t		length = next_random() % (n < 250 ? 300 : sizeof(text));
		size_t		first = length == 0 ? 0 : next_random() % (length + 1);
		uint32_t	whole32 = cf_crc32c(0, text, length);
		uint64_t	whole64 = cf_crc64nvme(0, text, length);

		wrong32 += cf_crc32c(cf_crc32c(0, text, first), text + first, length - first) != whole32;
		wrong64 += cf_crc64nvme(cf_crc64nvme(0, text, first), text + first, length - first) != whole64;
		wrong32 += cf_crc32c_combine(cf_crc32c(0, text, first), cf_crc32c(0, text + first, length - first),
									 (int64_t) (length - first)) != whole32;
		wrong64 += cf_crc64nvme_combine(cf_crc64nvme(0, text, first), cf_crc64nvme(0, text + first, length - first),
										(int64_t) (length - first)) != whole64;
	}
	is_int(wrong32, 0, "CRC32C of 500 texts, cut anywhere, fed on or combined");
	is_int(wrong64, 0, "CRC-64/NVME of the same");
	ok(cf_crc32c_combine(7, 0, 0) == 7 && cf_crc64nvme_combine(7, 0, 0) == 7, "an empty piece adds nothing");
}

/* Lengths beyond 32 bits: a piece of 2^40 bytes is 2^20 pieces of 2^20, doubled twenty times. */
static void
test_long_pieces(void)
{
	uint32_t	piece32 = 0x12345678U;
	uint64_t	piece64 = 0x123456789abcdef0ULL;
	uint32_t	step32;
	uint64_t	step64;
	int64_t		length = 1 << 20;

	for (int i = 0; i < 20; i++, length *= 2)
	{
		piece32 = cf_crc32c_combine(piece32, piece32, length);
		piece64 = cf_crc64nvme_combine(piece64, piece64, length);
	}
	step32 = cf_crc32c_combine(cf_crc32c_combine(0xcafeU, 0, length / 2), 0, length / 2);
	step64 = cf_crc64nvme_combine(cf_crc64nvme_combine(0xcafeU, 0, length / 2), 0, length / 2);
	ok(cf_crc32c_combine(0xcafeU, piece32, length) == (step32 ^ piece32), "CRC32C joins pieces of a TiB");
	ok(cf_crc64nvme_combine(0xcafeU, piece64, length) == (step64 ^ piece64), "so does CRC-64/NVME");
}

int
main(void)
{
	test_published();
	test_ways();
	test_pieces();
	test_long_pieces();
	return done_testing();
}
