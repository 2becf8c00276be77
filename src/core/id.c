/*
 * id.c
 *		Making ULIDs: 16 bytes, big end first, written as 26 digits of five bits (the first digit has three).
 */
#include <inttypes.h>
#include <string.h>

#include "core/id.h"

#define MAX_MS ((INT64_C(1) << 48) - 1)

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* count_up adds one to the random part; false when it was all ones. */
static bool
count_up(uint8_t random[CF_ID_RANDOM_BYTES])
{
	for (int i = CF_ID_RANDOM_BYTES - 1; i >= 0; i--)
	{
		if (++random[i] != 0)
			return true;
	}
	return false;
}

/* encode writes 128 bits as 26 digits, from the last digit to the first. */
static void
encode(const CfIdGenerator *generator, char out[CF_ID_LEN + 1])
{
	unsigned __int128 value = (unsigned __int128) generator->last_ms;

	for (int i = 0; i < CF_ID_RANDOM_BYTES; i++)
		value = value << 8 | generator->random[i];
	for (int i = CF_ID_LEN - 1; i >= 0; i--)
	{
		out[i] = digits[value & 31];
		value >>= 5;
	}
	out[CF_ID_LEN] = '\0';
}

bool
cf_id_make(CfIdGenerator *generator, int64_t now_ms, const uint8_t random[CF_ID_RANDOM_BYTES],
		   char out[CF_ID_LEN + 1], CfError *err)
{
	CfIdGenerator next = *generator;

	if (now_ms > next.last_ms)
		next.last_ms = now_ms;
	else if (!count_up(next.random))
		next.last_ms++;
	if (now_ms < 0 || next.last_ms > MAX_MS)
		return cf_error_set(err, CF_ERR_RANGE,
							"moment %" PRId64 " ms does not fit a time-ordered id", now_ms);
	if (next.last_ms != generator->last_ms)
		memcpy(next.random, random, CF_ID_RANDOM_BYTES);
	*generator = next;
	encode(generator, out);
	return true;
}
