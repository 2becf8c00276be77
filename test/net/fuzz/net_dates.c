/*
 * net_dates: any text as an HTTP-date and as Retry-After: never an overflow, never a wait beyond a day.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"
#include "net/retry.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = malloc(size + 1);
	int64_t		us;
	int64_t		wait;

	memcpy(text, data, size);
	text[size] = '\0';
	cf_net_date(text, &us);
	wait = cf_retry_after_us(text, INT64_C(1700000000) * 1000000);
	if (wait < -1 || wait > INT64_C(86400) * 1000000)
		abort();
	free(text);
	return 0;
}
