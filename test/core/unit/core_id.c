/* Time-ordered identifiers. */
#include "core/id.h"
#include "harness/tap.h"

static const uint8_t zeroes[CF_ID_RANDOM_BYTES];
static const uint8_t ones[CF_ID_RANDOM_BYTES] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
};

static void
test_layout(void)
{
	CfIdGenerator generator = {0};
	char		id[CF_ID_LEN + 1];
	CfError		err;

	/* The example of the ULID specification: 1469918176385 ms begins with 01ARYZ6S41. */
	ok(cf_id_make(&generator, INT64_C(1469918176385), zeroes, id, &err), "an id is made");
	is_str(id, "01ARYZ6S410000000000000000", "time first, then the random part");
	ok(cf_id_make(&generator, (INT64_C(1) << 48) - 1, ones, id, &err), "the last moment has an id");
	is_str(id, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "it is the largest");
	ok(!cf_id_make(&generator, (INT64_C(1) << 48) - 1, ones, id, &err), "after it there is none");
	is_int(err.kind, CF_ERR_RANGE, "… and the error says so");
	ok(!cf_id_make(&generator, -1, zeroes, id, &err), "nor is there one before 1970");
	ok(!cf_id_make(&generator, INT64_C(1) << 48, zeroes, id, &err), "nor after the year 10889");
}

static void
test_order(void)
{
	CfIdGenerator generator = {0};
	char		last[CF_ID_LEN + 1];
	char		id[CF_ID_LEN + 1];
	CfError		err;

	cf_id_make(&generator, 1000, zeroes, last, &err);
	cf_id_make(&generator, 1000, ones, id, &err);
	is_str(id, "00000000Z80000000000000001", "in the same millisecond the random part is counted up");
	ok(strcmp(last, id) < 0, "so it grows");
	strcpy(last, id);
	cf_id_make(&generator, 500, ones, id, &err);
	ok(strcmp(last, id) < 0, "it grows when the clock steps back");
	strcpy(last, id);
	cf_id_make(&generator, 1001, zeroes, id, &err);
	is_str(id, "00000000Z90000000000000000", "a new millisecond takes new random bytes");
	ok(strcmp(last, id) < 0, "and grows");

	cf_id_make(&generator, 2000, ones, last, &err);
	cf_id_make(&generator, 2000, zeroes, id, &err);
	is_str(id, "00000001YH0000000000000000", "a random part that is used up moves to the next millisecond");
	ok(strcmp(last, id) < 0, "and grows");
}

static void
test_many(void)
{
	CfIdGenerator generator = {0};
	char		last[CF_ID_LEN + 1] = "";
	int			wrong = 0;
	uint32_t	seed = 1;

	for (int i = 0; i < 100000; i++)
	{
		uint8_t		random[CF_ID_RANDOM_BYTES];
		char		id[CF_ID_LEN + 1];
		CfError		err;

		for (int k = 0; k < CF_ID_RANDOM_BYTES; k++)
			random[k] = (seed = seed * 1664525 + 1013904223) >> 24;
		if (!cf_id_make(&generator, 1000 + i / 7 - (i % 11 == 0), random, id, &err) ||
			strlen(id) != CF_ID_LEN || strspn(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != CF_ID_LEN ||
			strcmp(last, id) >= 0)
			wrong++;
		memcpy(last, id, sizeof(last));
	}
	is_int(wrong, 0, "100,000 ids of one generator strictly grow and have 26 digits");
}

int
main(void)
{
	test_layout();
	test_order();
	test_many();
	return done_testing();
}
