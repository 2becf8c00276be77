/* Whatever a broker gives back as a position is refused, or written again in the same words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "events/position.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static CfPosition position, again;
	char		text[CF_POSITION_BYTES];
	char	   *given = malloc(size + 1);
	CfError		err;

	memcpy(given, data, size);
	given[size] = '\0';
	if (cf_position_decode(given, 1, &position, &err))
	{
		if (cf_position_encode(&position, text, &err) &&
			(!cf_position_decode(text, 1, &again, &err) || memcmp(&position, &again, sizeof(position)) != 0))
			abort();
	}
	free(given);
	return 0;
}
