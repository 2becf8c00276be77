/*
 * money.h
 *		Exact money: signed 128-bit fixed point with 18 decimals (±1.7e20 of a currency's unit).
 *
 * A price times a quantity is the only operation that can be inexact, and it rounds once, at the 18th decimal, half
 * to even; quantities are therefore ratios of integers (byte-hours over bytes × hours) and never rounded before.
 * Sums are exact. What does not fit is CF_ERR_RANGE, never a wrapped number. An unknown price is a value
 * of its own, so that "we do not know" cannot be mistaken for "free".
 */
#ifndef CF_PRICING_MONEY_H
#define CF_PRICING_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* Aligned as the server's memory is, which is less than the compiler would assume. */
__extension__ typedef __int128 CfInt128 __attribute__((aligned(8)));
__extension__ typedef unsigned __int128 CfUint128 __attribute__((aligned(8)));

typedef CfInt128 CfMoney;		/* 1e-18 of the currency's unit */

#define CF_MONEY_DECIMALS 18
#define CF_MONEY_ONE ((CfMoney) INT64_C(1000000000000000000))
#define CF_MONEY_MAX ((CfMoney) ((~(CfUint128) 0) >> 1))
#define CF_MONEY_UNKNOWN (-CF_MONEY_MAX - 1)	/* no price known */
#define CF_MONEY_TEXT 48		/* bytes that any formatted value fits in, with its NUL */

static inline bool
cf_money_known(CfMoney money)
{
	return money != CF_MONEY_UNKNOWN;
}

/*
 * cf_money_parse reads [-]digits[.digits] of len bytes, nothing else: no exponent, blank, sign '+' or more than
 * 18 decimals that are not zero (CF_ERR_INPUT); too large is CF_ERR_RANGE.
 */
extern bool cf_money_parse(const char *text, size_t len, CfMoney *money, CfError *err);

/* cf_money_format writes money as a decimal without trailing zeros; returns its length. Unknown is "". */
extern int	cf_money_format(CfMoney money, char text[CF_MONEY_TEXT]);

/* cf_int128_parse reads [-]digits; cf_int128_format writes them. */
extern bool cf_int128_parse(const char *text, size_t len, CfInt128 *value, CfError *err);
extern int	cf_int128_format(CfInt128 value, char text[CF_MONEY_TEXT]);

/* cf_money_add adds b to *a; unknown plus anything is unknown. */
extern bool cf_money_add(CfMoney *a, CfMoney b, CfError *err);

/*
 * cf_money_mul_ratio computes price × num / den over a 256-bit product, rounded half to even once. den is positive;
 * an unknown price gives unknown, except that nothing of it (num = 0) costs 0.
 */
extern bool cf_money_mul_ratio(CfMoney price, CfInt128 num, CfInt128 den, CfMoney *out, CfError *err);

/* cf_money_round rounds half to even to so many decimals (0..18), for what is shown to people. */
extern CfMoney cf_money_round(CfMoney money, int decimals);

/* cf_int128_mul and cf_int128_add are checked: CF_ERR_RANGE when the result does not fit. */
extern bool cf_int128_mul(CfInt128 a, CfInt128 b, CfInt128 *out, CfError *err);
extern bool cf_int128_add(CfInt128 a, CfInt128 b, CfInt128 *out, CfError *err);

#endif							/* CF_PRICING_MONEY_H */
