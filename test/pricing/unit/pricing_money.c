/*
 * pricing_money: exact decimals, one rounding, no wrap-around.
 */
#include "pricing/money.h"
#include "tap.h"

static CfError err;

/* money parses a literal that is known to be good. */
static CfMoney
money(const char *text)
{
	CfMoney		value = 0;

	if (!cf_money_parse(text, strlen(text), &value, &err))
		bail("bad literal %s", text);
	return value;
}

static const char *
shown(CfMoney value)
{
	static char text[4][CF_MONEY_TEXT];
	static int	at;

	at = (at + 1) % 4;
	cf_money_format(value, text[at]);
	return text[at];
}

static bool
parses(const char *text)
{
	CfMoney		value;

	return cf_money_parse(text, strlen(text), &value, &err);
}

/* mul is price × num / den as text, or the kind of the error. */
static const char *
mul(const char *price, CfInt128 num, CfInt128 den)
{
	CfMoney		out;

	if (!cf_money_mul_ratio(money(price), num, den, &out, &err))
		return cf_error_kind_name(err.kind);
	return shown(out);
}

static void
test_text(void)
{
	static const char *const same[] = {"0", "0.023", "-0.5", "1", "12345.678", "0.000000000000000001",
	"170141183460469231731.687303715884105727", "-170141183460469231731.687303715884105727"};
	static const char *const bad[] = {"", "-", ".5", "1.", "+1", " 1", "1 ", "1e3", "0x1", "1.2.3", "NaN",
	"Infinity", "1,5", "--1", "0.0000000000000000001"};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		is_str(shown(money(same[i])), same[i], "\"%s\" is read and written unchanged", same[i]);
	is_str(shown(money("1.50")), "1.5", "trailing zeros are not written");
	is_str(shown(money("-0")), "0", "there is no negative zero");
	is_str(shown(money("1.0000000000000000000000")), "1", "zeros beyond the 18th decimal change nothing");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!parses(bad[i]) && err.kind == CF_ERR_INPUT, "\"%s\" is not a decimal", bad[i]);
	ok(!parses("170141183460469231731.687303715884105728") && err.kind == CF_ERR_RANGE, "one more than the largest is out of range");
	ok(!parses("999999999999999999999999999999999999999999") && err.kind == CF_ERR_RANGE, "many digits are out of range");
	ok(!parses("170141183460469231732") && err.kind == CF_ERR_RANGE, "scaling up is checked");
	is_str(shown(CF_MONEY_UNKNOWN), "", "an unknown price has no text");

	CfInt128	whole;
	char		text[CF_MONEY_TEXT];

	ok(cf_int128_parse("42259901212262400", 17, &whole, &err), "a whole number is read");
	cf_int128_format(whole, text);
	is_str(text, "42259901212262400", "and written");
	ok(!cf_int128_parse("1.5", 3, &whole, &err), "a whole number has no fraction");
}

static void
test_sums(void)
{
	CfMoney		sum = money("0.1");

	ok(cf_money_add(&sum, money("0.2"), &err) && sum == money("0.3"), "0.1 and 0.2 are 0.3");
	sum = CF_MONEY_MAX;
	ok(!cf_money_add(&sum, 1, &err) && err.kind == CF_ERR_RANGE, "a sum that does not fit is an error");
	sum = -CF_MONEY_MAX;
	ok(!cf_money_add(&sum, -1, &err) && err.kind == CF_ERR_RANGE, "the value that means unknown is never a sum");
	sum = money("5");
	ok(cf_money_add(&sum, CF_MONEY_UNKNOWN, &err) && !cf_money_known(sum), "something plus unknown is unknown");
	ok(cf_money_add(&sum, money("1"), &err) && !cf_money_known(sum), "and stays so");

	CfInt128	product;

	ok(!cf_int128_mul(CF_MONEY_MAX, 2, &product, &err), "products are checked");
	ok(cf_int128_mul(-3, 7, &product, &err) && product == -21, "and exact");
}

static void
test_ratios(void)
{
	CfMoney		out;

	is_str(mul("0.023", 51200, 1), "1177.6", "price times a whole quantity");
	is_str(mul("1", 1, 3), "0.333333333333333333", "a third is cut");
	is_str(mul("1", 2, 3), "0.666666666666666667", "two thirds are rounded up");
	is_str(mul("-1", 2, 3), "-0.666666666666666667", "away from zero when negative");
	is_str(mul("0.000000000000000001", 1, 2), "0", "half to even: down from 0.5");
	is_str(mul("0.000000000000000001", 3, 2), "0.000000000000000002", "half to even: up from 1.5");
	is_str(mul("0.000000000000000001", 5, 2), "0.000000000000000002", "half to even: down from 2.5");
	is_str(mul("0.023", (CfInt128) 5000000000 * 1000000000 * 744, (CfInt128) 1073741824 * 744),
		   "107102096.080780029296875", "five exabytes for a month");
	is_str(mul("100000000000000000000", CF_MONEY_MAX, CF_MONEY_MAX), "100000000000000000000", "the wide product is exact");
	is_str(mul("3", CF_MONEY_MAX, CF_MONEY_MAX - 1), "3", "a wide quotient");
	is_str(mul("100000000000000000000", CF_MONEY_MAX, 1), "range", "a wide quotient that does not fit is an error");
	is_str(mul("170141183460469231731.687303715884105727", 2, 1), "range", "so is a narrow one");
	is_str(mul("1", 1, 0), "range", "nothing is divided by zero");
	ok(cf_money_mul_ratio(CF_MONEY_UNKNOWN, 5, 1, &out, &err) && !cf_money_known(out), "an unknown price gives an unknown amount");
	ok(cf_money_mul_ratio(CF_MONEY_UNKNOWN, 0, 1, &out, &err) && out == 0, "but nothing costs nothing");
}

/* check_wide compares the wide division with the narrow one: (p × a) × b / (c × b) is p × a / c. */
static void
test_wide_agrees(void)
{
	uint64_t	seed = 20261121;
	int			wrong = 0;

	for (int i = 0; i < 20000; i++)
	{
		uint64_t	r[3];
		CfMoney		narrow;
		CfMoney		wide;

		for (int k = 0; k < 3; k++)
		{
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			r[k] = seed >> 33;
		}

		CfInt128	den = (CfInt128) r[1] + 1;
		CfInt128	scale = ((CfInt128) r[2] + 1) << 62;

		if (!cf_money_mul_ratio((CfMoney) r[0] * 1000003, r[1] / 3 + 7, den, &narrow, &err) ||
			!cf_money_mul_ratio((CfMoney) r[0] * 1000003, (r[1] / 3 + 7) * scale, den * scale, &wide, &err) ||
			narrow != wide)
			wrong++;
	}
	is_int(wrong, 0, "the wide division agrees with the narrow one on 20,000 random ratios");
}

static void
test_rounding(void)
{
	is_str(shown(cf_money_round(money("1602.272"), 2)), "1602.27", "to the cent");
	is_str(shown(cf_money_round(money("0.125"), 2)), "0.12", "half to even, down");
	is_str(shown(cf_money_round(money("0.135"), 2)), "0.14", "half to even, up");
	is_str(shown(cf_money_round(money("-0.135"), 2)), "-0.14", "negative the same");
	is_str(shown(cf_money_round(money("-0.1251"), 2)), "-0.13", "beyond the half");
	is_str(shown(cf_money_round(money("2.5"), 0)), "2", "to whole units");
	is_str(shown(cf_money_round(money("0.1"), 18)), "0.1", "18 decimals are all there are");
	ok(!cf_money_known(cf_money_round(CF_MONEY_UNKNOWN, 2)), "unknown stays unknown");
	ok(cf_money_round(CF_MONEY_MAX, 0) <= CF_MONEY_MAX, "what cannot be rounded up is rounded down");
	is_str(shown(cf_money_round(CF_MONEY_MAX, 0)), "170141183460469231731", "the largest amount");
}

int
main(void)
{
	test_text();
	test_sums();
	test_ratios();
	test_wide_agrees();
	test_rounding();
	return done_testing();
}
