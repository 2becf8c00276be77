/*
 * money.c
 *		Fixed point on 128 bits; the product before the division has 256.
 *
 * The usual product fits 128 bits (a price of some cents, a petabyte, a month) and takes the machine's own
 * division; the wide path is a plain shift-and-subtract division, slow (half a microsecond) and simple.
 */
#include "pricing/money.h"

#define LOW64(x) ((uint64_t) (x))
#define HIGH64(x) ((uint64_t) ((x) >> 64))

typedef struct Wide
{
	CfUint128	high;
	CfUint128	low;
} Wide;

static bool out_of_range(CfError *err);
static bool parse_decimal(const char *text, size_t len, int decimals, CfInt128 *value, CfError *err);
static int	format_decimal(CfInt128 value, int decimals, char *text);
static CfUint128 magnitude(CfInt128 value);
static Wide multiply_wide(CfUint128 a, CfUint128 b);
static bool divide_wide(Wide product, CfUint128 den, CfUint128 *quotient, CfUint128 *rest);

bool
cf_money_parse(const char *text, size_t len, CfMoney *money, CfError *err)
{
	return parse_decimal(text, len, CF_MONEY_DECIMALS, money, err);
}

bool
cf_int128_parse(const char *text, size_t len, CfInt128 *value, CfError *err)
{
	return parse_decimal(text, len, 0, value, err);
}

int
cf_money_format(CfMoney money, char text[CF_MONEY_TEXT])
{
	if (!cf_money_known(money))
	{
		text[0] = '\0';
		return 0;
	}
	return format_decimal(money, CF_MONEY_DECIMALS, text);
}

int
cf_int128_format(CfInt128 value, char text[CF_MONEY_TEXT])
{
	return format_decimal(value, 0, text);
}

bool
cf_money_add(CfMoney *a, CfMoney b, CfError *err)
{
	if (!cf_money_known(*a) || !cf_money_known(b))
	{
		*a = CF_MONEY_UNKNOWN;
		return true;
	}
	return cf_int128_add(*a, b, a, err);
}

bool
cf_money_mul_ratio(CfMoney price, CfInt128 num, CfInt128 den, CfMoney *out, CfError *err)
{
	if (den <= 0)
		return cf_error_set(err, CF_ERR_RANGE, "cannot divide money by zero or less");
	*out = 0;
	if (num == 0)
		return true;
	if (!cf_money_known(price))
	{
		*out = CF_MONEY_UNKNOWN;
		return true;
	}

	bool		negative = (price < 0) != (num < 0);
	CfUint128	divisor = (CfUint128) den;
	CfUint128	small;
	CfUint128	quotient;
	CfUint128	rest;

	if (!__builtin_mul_overflow(magnitude(price), magnitude(num), &small))
	{
		quotient = small / divisor;
		rest = small % divisor;
	}
	else if (!divide_wide(multiply_wide(magnitude(price), magnitude(num)), divisor, &quotient, &rest))
		return out_of_range(err);

	if (quotient > (CfUint128) CF_MONEY_MAX)
		return out_of_range(err);

	CfUint128	other = divisor - rest;	/* compare 2 × rest with divisor without overflow */

	if (rest > other || (rest == other && (quotient & 1) != 0))
		quotient++;
	if (quotient > (CfUint128) CF_MONEY_MAX)
		return out_of_range(err);
	*out = negative ? -(CfInt128) quotient : (CfInt128) quotient;
	return true;
}

CfMoney
cf_money_round(CfMoney money, int decimals)
{
	CfMoney		unit = 1;

	if (!cf_money_known(money) || decimals >= CF_MONEY_DECIMALS)
		return money;
	for (int i = decimals; i < CF_MONEY_DECIMALS; i++)
		unit *= 10;

	CfMoney		rest = money % unit;
	CfMoney		down = money - rest;
	CfMoney		size = rest < 0 ? -rest : rest;

	if (size > unit - size || (size == unit - size && (down / unit) % 2 != 0))
	{
		CfMoney		up;

		if (!__builtin_add_overflow(down, money < 0 ? -unit : unit, &up) && up != CF_MONEY_UNKNOWN)
			return up;
	}
	return down;
}

bool
cf_int128_mul(CfInt128 a, CfInt128 b, CfInt128 *out, CfError *err)
{
	if (__builtin_mul_overflow(a, b, out) || *out == CF_MONEY_UNKNOWN)
		return out_of_range(err);
	return true;
}

bool
cf_int128_add(CfInt128 a, CfInt128 b, CfInt128 *out, CfError *err)
{
	CfInt128	sum;

	if (__builtin_add_overflow(a, b, &sum) || sum == CF_MONEY_UNKNOWN)
		return out_of_range(err);
	*out = sum;
	return true;
}

/* out_of_range fills the one error of arithmetic. */
static bool
out_of_range(CfError *err)
{
	cf_error_set(err, CF_ERR_RANGE, "amount of money or quantity is out of range");
	return cf_error_detail(err, "Amounts are exact and have at most 20 digits before the decimal point.");
}

/* parse_decimal reads a decimal as an integer of 10^-decimals; digits beyond must be zeros. */
static bool
parse_decimal(const char *text, size_t len, int decimals, CfInt128 *value, CfError *err)
{
	size_t		at = 0;
	bool		negative = len > 0 && text[0] == '-';
	CfInt128	sum = 0;
	int			scale = -1;		/* digits after the point; -1 = no point yet */
	int			digits = 0;

	for (at = negative; at < len; at++)
	{
		char		c = text[at];

		if (c == '.' && scale < 0 && digits > 0 && decimals > 0)
		{
			scale = 0;
			digits = 0;
			continue;
		}
		if (c < '0' || c > '9' || (scale == decimals && c != '0'))
			break;
		digits++;
		if (scale == decimals)
			continue;
		if (!cf_int128_mul(sum, 10, &sum, err) || !cf_int128_add(sum, c - '0', &sum, err))
			return false;
		if (scale >= 0)
			scale++;
	}
	if (at < len || digits == 0)
		return cf_error_set(err, CF_ERR_INPUT, "invalid decimal number: \"%.*s\"",
							len > 60 ? 60 : (int) len, text);
	for (int i = scale < 0 ? 0 : scale; i < decimals; i++)
	{
		if (!cf_int128_mul(sum, 10, &sum, err))
			return false;
	}
	*value = negative ? -sum : sum;
	return true;
}

/* format_decimal writes value × 10^-decimals without trailing zeros. */
static int
format_decimal(CfInt128 value, int decimals, char *text)
{
	char		digits[CF_MONEY_TEXT];
	int			count = 0;
	int			length = 0;
	CfUint128	rest = magnitude(value);

	while (decimals > 0 && rest % 10 == 0)
	{
		rest /= 10;
		decimals--;
	}
	while (rest > 0 || count <= decimals)
	{
		digits[count++] = (char) ('0' + (int) (rest % 10));
		rest /= 10;
	}
	if (value < 0)
		text[length++] = '-';
	while (count > 0)
	{
		if (count == decimals)
			text[length++] = '.';
		text[length++] = digits[--count];
	}
	text[length] = '\0';
	return length;
}

/* magnitude is the absolute value, also of the most negative number. */
static CfUint128
magnitude(CfInt128 value)
{
	return value < 0 ? -(CfUint128) value : (CfUint128) value;
}

/* multiply_wide is schoolbook multiplication in base 2^64. */
static Wide
multiply_wide(CfUint128 a, CfUint128 b)
{
	CfUint128	low = (CfUint128) LOW64(a) * LOW64(b);
	CfUint128	cross1 = (CfUint128) HIGH64(a) * LOW64(b) + HIGH64(low);
	CfUint128	cross2 = (CfUint128) LOW64(a) * HIGH64(b) + LOW64(cross1);
	Wide		product;

	product.low = (cross2 << 64) | LOW64(low);
	product.high = (CfUint128) HIGH64(a) * HIGH64(b) + HIGH64(cross1) + HIGH64(cross2);
	return product;
}

/* divide_wide is long division bit by bit; false when the quotient has more than 128 bits. */
static bool
divide_wide(Wide product, CfUint128 den, CfUint128 *quotient, CfUint128 *rest)
{
	CfUint128	remainder = product.high;
	CfUint128	result = 0;

	if (remainder >= den)
		return false;
	for (int bit = 127; bit >= 0; bit--)
	{
		bool		carry = HIGH64(remainder) >> 63;

		remainder = (remainder << 1) | ((product.low >> bit) & 1);
		result <<= 1;
		if (carry || remainder >= den)
		{
			remainder -= den;
			result |= 1;
		}
	}
	*quotient = result;
	*rest = remainder;
	return true;
}
