/*
 * pricing_money: a text is either refused or read, and what was read is written and read again as the same amount;
 * a product over a ratio is the same in halves.
 */
#include "pricing/money.h"

#include <stdlib.h>
#include <string.h>

extern int	LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	CfMoney		money;
	CfMoney		again;
	CfMoney		same;
	CfError		err;
	char		text[CF_MONEY_TEXT];

	if (!cf_money_parse((const char *) data, size, &money, &err))
		return 0;

	int			length = cf_money_format(money, text);

	if (length <= 0 || length >= CF_MONEY_TEXT || !cf_money_parse(text, (size_t) length, &again, &err) || again != money)
		abort();
	if (!cf_money_mul_ratio(money, (CfInt128) 7 << 90, (CfInt128) 7 << 90, &same, &err) || same != money)
		abort();
	return 0;
}
