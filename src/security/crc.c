/*
 * crc.c
 *		CRC32C (polynomial 0x1EDC6F41, RFC 3720) and CRC-64/NVME (0xAD93D23594C93659, NVM Express Command Set 1.0), both
 *		reflected, with all bits set at the start and inverted at the end.
 *
 * Tables: slicing by sixteen (Kounavis and Berry, "Novel table lookup-based algorithms for high-performance CRC
 * generation"). An entry is linear in the bits of its index, so eight constants per table suffice, and the compiler
 * expands them: entry n of table k is what the byte n does to the register k bytes later.
 *
 * Hardware, where the processor has it: the crc32 instruction of SSE4.2 for little of CRC32C, and carry-less multiplication
 * for more of it and for CRC-64/NVME (Gopal et al., "Fast CRC computation for generic polynomials using PCLMULQDQ"): a register of 128 bits,
 * the first 64 of higher degree, moves on by D bits when its halves are multiplied with x^(64+D-1) and x^(D-1) modulo the
 * polynomial (one less, since a product of reflected numbers is one bit short). What is left at the end, 128 bits that
 * are congruent to the text, goes through the tables. Both ways give the same results; the unit test compares them.
 */
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "security/crc.h"
#include "security/security.h"

#define CRC32C_POLYNOMIAL 0x82f63b78U	/* reflected */
#define CRC64NVME_POLYNOMIAL 0x9a6c9329ac4bc9b5ULL

#define ROW_2(x, a) (x), (x) ^ (a)
#define ROW_4(x, a, b) ROW_2(x, a), ROW_2((x) ^ (b), a)
#define ROW_8(x, a, b, c) ROW_4(x, a, b), ROW_4((x) ^ (c), a, b)
#define ROW_16(x, a, b, c, d) ROW_8(x, a, b, c), ROW_8((x) ^ (d), a, b, c)
#define ROW_32(x, a, b, c, d, e) ROW_16(x, a, b, c, d), ROW_16((x) ^ (e), a, b, c, d)
#define ROW_64(x, a, b, c, d, e, f) ROW_32(x, a, b, c, d, e), ROW_32((x) ^ (f), a, b, c, d, e)
#define ROW_128(x, a, b, c, d, e, f, g) ROW_64(x, a, b, c, d, e, f), ROW_64((x) ^ (g), a, b, c, d, e, f)
#define ROW(a, b, c, d, e, f, g, h) ROW_128(0, a, b, c, d, e, f, g), ROW_128(h, a, b, c, d, e, f, g)

static const uint32_t crc32c_tables[16][256] = {
	{ROW(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78)},
	{ROW(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9)},
	{ROW(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743)},
	{ROW(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f)},
	{ROW(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c)},
	{ROW(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6)},
	{ROW(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4)},
	{ROW(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664)},
	{ROW(0xf43ed648, 0xed91da61, 0xdecfc233, 0xb873f297, 0x750b93df, 0xea1727be, 0xd1c2398d, 0xa66805eb)},
	{ROW(0xcb567ba5, 0x934081bb, 0x236d7587, 0x46daeb0e, 0x8db5d61c, 0x1e87dac9, 0x3d0fb592, 0x7a1f6b24)},
	{ROW(0x9771f7c1, 0x2b0f9973, 0x561f32e6, 0xac3e65cc, 0x5d90bd69, 0xbb217ad2, 0x73ae8355, 0xe75d06aa)},
	{ROW(0x3171d430, 0x62e3a860, 0xc5c750c0, 0x8e62d771, 0x1929d813, 0x3253b026, 0x64a7604c, 0xc94ec098)},
	{ROW(0x30d23865, 0x61a470ca, 0xc348e194, 0x837db5d9, 0x03171d43, 0x062e3a86, 0x0c5c750c, 0x18b8ea18)},
	{ROW(0x54075546, 0xa80eaa8c, 0x55f123e9, 0xabe247d2, 0x5228f955, 0xa451f2aa, 0x4d4f93a5, 0x9a9f274a)},
	{ROW(0x678efd01, 0xcf1dfa02, 0x9bd782f5, 0x3243731b, 0x6486e636, 0xc90dcc6c, 0x97f7ee29, 0x2a03aaa3)},
	{ROW(0xf20c0dfe, 0xe1f46d0d, 0xc604aceb, 0x89e52f27, 0x162628bf, 0x2c4c517e, 0x5898a2fc, 0xb13145f8)}
};

static const uint64_t crc64nvme_tables[16][256] = {
	{ROW(0x7f6ef0c830358979ULL, 0xfedde190606b12f2ULL, 0xc962e5739841b68fULL, 0xa61cecb46814fe75ULL,
		 0x78e0ff3b88be6f81ULL, 0xf1c1fe77117cdf02ULL, 0xd75adabd7a6e2d6fULL, 0x9a6c9329ac4bc9b5ULL)},
	{ROW(0x8776a97d73bddf69ULL, 0x3a3474a9bfec2db9ULL, 0x7468e9537fd85b72ULL, 0xe8d1d2a6ffb0b6e4ULL,
		 0xe57a831ea7f6fea3ULL, 0xfe2c206e177a6e2dULL, 0xc881668f76634f31ULL, 0xa5dbeb4db4510d09ULL)},
	{ROW(0xff6e4e1f4e4038beULL, 0xca05ba6dc417e217ULL, 0xa0d25288d0b85745ULL, 0x757d8342f9e73de1ULL,
		 0xeafb0685f3ce7bc2ULL, 0xe12f2b58bf0b64efULL, 0xf68770e226815ab5ULL, 0xd9d7c79715952601ULL)},
	{ROW(0x8211147cbaf96306ULL, 0x30fb0eaa2d655567ULL, 0x61f61d545acaaaceULL, 0xc3ec3aa8b595559cULL,
		 0xb301530233bd3853ULL, 0x52db80573fede3cdULL, 0xa5b700ae7fdbc79aULL, 0x7fb7270fa7201c5fULL)},
	{ROW(0x373d15f784905d1eULL, 0x6e7a2bef0920ba3cULL, 0xdcf457de12417478ULL, 0x8d3189ef7c157b9bULL,
		 0x2eba358da0bd645dULL, 0x5d746b1b417ac8baULL, 0xbae8d63682f59174ULL, 0x41088a3e5d7cb183ULL)},
	{ROW(0xe9742a79ef04a5d4ULL, 0xe63172a0869ed8c3ULL, 0xf8bbc31255aa22edULL, 0xc5aea077f3c3d6b1ULL,
		 0xbf8466bcbf103e09ULL, 0x4bd1eb2a26b7ef79ULL, 0x97a3d6544d6fdef2ULL, 0x1b9e8afbc2482e8fULL)},
	{ROW(0xfc5d27f6bf353971ULL, 0xcc6369be26fde189ULL, 0xac1ff52f156c5079ULL, 0x6ce6cc0d724f3399ULL,
		 0xd9cd981ae49e6732ULL, 0x8742166691ab5d0fULL, 0x3a5d0a9e7bc12975ULL, 0x74ba153cf78252eaULL)},
	{ROW(0x21e9761e252621acULL, 0x43d2ec3c4a4c4358ULL, 0x87a5d878949886b0ULL, 0x3b9296a271a69e0bULL,
		 0x77252d44e34d3c16ULL, 0xee4a5a89c69a782cULL, 0xe84d9340d5a36333ULL, 0xe44200d2f3d1550dULL)},
	{ROW(0x04f28def5347786cULL, 0x09e51bdea68ef0d8ULL, 0x13ca37bd4d1de1b0ULL, 0x27946f7a9a3bc360ULL,
		 0x4f28def5347786c0ULL, 0x9e51bdea68ef0d80ULL, 0x087a5d878949886bULL, 0x10f4bb0f129310d6ULL)},
	{ROW(0x49e1df807414fdefULL, 0x93c3bf00e829fbdeULL, 0x135e585288c464d7ULL, 0x26bcb0a51188c9aeULL,
		 0x4d79614a2311935cULL, 0x9af2c294462326b8ULL, 0x013ca37bd4d1de1bULL, 0x027946f7a9a3bc36ULL)},
	{ROW(0x52734ea3e726fc54ULL, 0xa4e69d47ce4df8a8ULL, 0x7d141cdcc40c623bULL, 0xfa2839b98818c476ULL,
		 0xc089552048a61b87ULL, 0xb5cb8c13c9dba465ULL, 0x5f4e3e74cb20dba1ULL, 0xbe9c7ce99641b742ULL)},
	{ROW(0x668ab3bbc976d29dULL, 0xcd15677792eda53aULL, 0xaef3e8bc7d4cd91fULL, 0x693ef72ba20e2155ULL,
		 0xd27dee57441c42aaULL, 0x9022fafdd0af163fULL, 0x149cd3a8f9c9bf15ULL, 0x2939a751f3937e2aULL)},
	{ROW(0xf2fa1fae5f5c1165ULL, 0xd12d190fe62fb1a1ULL, 0x9683144c94c8f029ULL, 0x19df0eca71067339ULL,
		 0x33be1d94e20ce672ULL, 0x677c3b29c419cce4ULL, 0xcef87653883399c8ULL, 0xa929caf448f0a0fbULL)},
	{ROW(0x9065cb6e6d39918aULL, 0x1412b08f82e4b07fULL, 0x2825611f05c960feULL, 0x504ac23e0b92c1fcULL,
		 0xa095847c172583f8ULL, 0x75f22eab76dc949bULL, 0xebe45d56edb92936ULL, 0xe3119cfe83e5c107ULL)},
	{ROW(0xc23dfbc6ca591ca3ULL, 0xb0a2d1decc25aa2dULL, 0x559c85eec0dcc731ULL, 0xab390bdd81b98e62ULL,
		 0x62ab31e85be48fafULL, 0xc55663d0b7c91f5eULL, 0xbe75e1f23705add7ULL, 0x4832e5b7369cc8c5ULL)},
	{ROW(0xeadc41fd2ba3d420ULL, 0xe161a5a90fd03b2bULL, 0xf61a6d014737e53dULL, 0xd8edfc51d6f85911ULL,
		 0x8502def0f5672149ULL, 0x3edc9bb2b259d1f9ULL, 0x7db9376564b3a3f2ULL, 0xfb726ecac96747e4ULL)}
};

static uint64_t load64(const uint8_t *data);
static uint64_t power_of_x(int64_t bytes, uint64_t polynomial, int width);
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t polynomial, int width);

uint32_t
cf_crc32c(uint32_t crc, const void *data, size_t length)
{
#ifdef CF_CRC_HARDWARE
	if (cf_crc_hardware())
		return ~cf_crc32c_pclmul(~crc, data, length);
#endif
	return ~cf_crc32c_table(~crc, data, length);
}

uint64_t
cf_crc64nvme(uint64_t crc, const void *data, size_t length)
{
#ifdef CF_CRC_HARDWARE
	if (cf_crc_hardware())
		return ~cf_crc64nvme_pclmul(~crc, data, length);
#endif
	return ~cf_crc64nvme_table(~crc, data, length);
}

/* The inversions at both ends cancel out: the CRC of a piece followed by n zero bytes is that piece's times x^8n. */
uint32_t
cf_crc32c_combine(uint32_t a, uint32_t b, int64_t length_b)
{
	if (length_b <= 0)
		return a;
	return (uint32_t) multiply(a, power_of_x(length_b, CRC32C_POLYNOMIAL, 32), CRC32C_POLYNOMIAL, 32) ^ b;
}

uint64_t
cf_crc64nvme_combine(uint64_t a, uint64_t b, int64_t length_b)
{
	if (length_b <= 0)
		return a;
	return multiply(a, power_of_x(length_b, CRC64NVME_POLYNOMIAL, 64), CRC64NVME_POLYNOMIAL, 64) ^ b;
}

/* power_of_x gives x^(8 * bytes) modulo the polynomial: by squaring, from the lowest bit of bytes up. */
static uint64_t
power_of_x(int64_t bytes, uint64_t polynomial, int width)
{
	uint64_t	square = 1ULL << (width - 1 - 8);	/* x^8; the highest bit is x^0 */
	uint64_t	power = 1ULL << (width - 1);

	for (uint64_t n = (uint64_t) bytes; n > 0; n >>= 1)
	{
		if (n & 1)
			power = multiply(power, square, polynomial, width);
		square = multiply(square, square, polynomial, width);
	}
	return power;
}

/* multiply multiplies two reflected polynomials modulo a third. */
static uint64_t
multiply(uint64_t a, uint64_t b, uint64_t polynomial, int width)
{
	uint64_t	product = 0;

	for (uint64_t bit = 1ULL << (width - 1); bit != 0; bit >>= 1)
	{
		if (a & bit)
			product ^= b;
		b = (b >> 1) ^ (b & 1 ? polynomial : 0);
	}
	return product;
}

/* load64 reads eight bytes, the first one lowest. */
static uint64_t
load64(const uint8_t *data)
{
	uint64_t	value;

	memcpy(&value, data, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap64(value);
#endif
	return value;
}

/* cf_crc32c_table feeds the register, without the inversions. */
uint32_t
cf_crc32c_table(uint32_t crc, const uint8_t *data, size_t length)
{
	while (length >= 16)
	{
		uint64_t	a = load64(data) ^ crc;
		uint64_t	b = load64(data + 8);

		crc = 0;
		for (int i = 0; i < 8; i++)
			crc ^= crc32c_tables[15 - i][(a >> (8 * i)) & 0xff] ^ crc32c_tables[7 - i][(b >> (8 * i)) & 0xff];
		data += 16;
		length -= 16;
	}
	while (length-- > 0)
		crc = (crc >> 8) ^ crc32c_tables[0][(crc ^ *data++) & 0xff];
	return crc;
}

/* cf_crc64nvme_table feeds the register, without the inversions. */
uint64_t
cf_crc64nvme_table(uint64_t crc, const uint8_t *data, size_t length)
{
	while (length >= 16)
	{
		uint64_t	a = load64(data) ^ crc;
		uint64_t	b = load64(data + 8);

		crc = 0;
		for (int i = 0; i < 8; i++)
			crc ^= crc64nvme_tables[15 - i][(a >> (8 * i)) & 0xff] ^ crc64nvme_tables[7 - i][(b >> (8 * i)) & 0xff];
		data += 16;
		length -= 16;
	}
	while (length-- > 0)
		crc = (crc >> 8) ^ crc64nvme_tables[0][(crc ^ *data++) & 0xff];
	return crc;
}

#ifdef CF_CRC_HARDWARE

/* cf_crc_hardware tells whether the processor has the instructions; the library looks once, at load. */
bool
cf_crc_hardware(void)
{
	return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

__attribute__((target("sse4.2"))) uint32_t
cf_crc32c_sse42(uint32_t crc, const uint8_t *data, size_t length)
{
	uint64_t	wide = crc;

	for (; length >= 8; data += 8, length -= 8)
		wide = _mm_crc32_u64(wide, load64(data));
	crc = (uint32_t) wide;
	while (length-- > 0)
		crc = _mm_crc32_u8(crc, *data++);
	return crc;
}

/* fold moves a register on by the distance of which `by` holds the two powers, and adds the text that lies there. */
static inline __attribute__((target("pclmul,sse2"))) __m128i
fold(__m128i at, __m128i by, __m128i text)
{
	return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(at, by, 0x00), _mm_clmulepi64_si128(at, by, 0x11)), text);
}

/*
 * fold_text folds the text, of 128 bytes or more, into 16 bytes that are congruent to it; *data and *length are what is left,
 * fewer than 16 bytes.
 */
static inline __attribute__((target("pclmul,sse2"))) void
fold_text(uint64_t crc, __m128i by_16, __m128i by_64, const uint8_t **data, size_t *length, uint8_t rest[16])
{
	const uint8_t *text = *data;
	size_t		left = *length;
	__m128i		at[4];

	for (int i = 0; i < 4; i++)
		at[i] = _mm_loadu_si128((const __m128i *) text + i);
	at[0] = _mm_xor_si128(at[0], _mm_set_epi64x(0, (int64_t) crc));
	for (text += 64, left -= 64; left >= 64; text += 64, left -= 64)
		for (int i = 0; i < 4; i++)
			at[i] = fold(at[i], by_64, _mm_loadu_si128((const __m128i *) text + i));
	for (int i = 1; i < 4; i++)
		at[0] = fold(at[0], by_16, at[i]);
	for (; left >= 16; text += 16, left -= 16)
		at[0] = fold(at[0], by_16, _mm_loadu_si128((const __m128i *) text));
	_mm_storeu_si128((__m128i *) rest, at[0]);
	*data = text;
	*length = left;
}

/* cf_crc32c_pclmul writes a power as 64 bits, of which the lower half has the higher degrees, that a remainder lacks. */
__attribute__((target("pclmul,sse2,sse4.2"))) uint32_t
cf_crc32c_pclmul(uint32_t crc, const uint8_t *data, size_t length)
{
	uint8_t		rest[16];

	if (length < 256)
		return cf_crc32c_sse42(crc, data, length);
	fold_text(crc, _mm_set_epi64x(0x3171d43000000000LL, 0x3743f7bd00000000LL), _mm_set_epi64x(0x75bba45b00000000LL, 0x1c19243b00000000LL),
			  &data, &length, rest);
	return cf_crc32c_sse42(cf_crc32c_sse42(0, rest, sizeof(rest)), data, length);
}

__attribute__((target("pclmul,sse2"))) uint64_t
cf_crc64nvme_pclmul(uint64_t crc, const uint8_t *data, size_t length)
{
	uint8_t		rest[16];

	if (length < 128)
		return cf_crc64nvme_table(crc, data, length);
	fold_text(crc, _mm_set_epi64x(0x21e9761e252621acLL, (int64_t) 0xeadc41fd2ba3d420ULL),
			  _mm_set_epi64x(0x62242240ace5045aLL, 0x0c32cdb31e18a84aLL), &data, &length, rest);
	return cf_crc64nvme_table(cf_crc64nvme_table(0, rest, sizeof(rest)), data, length);
}

#endif
