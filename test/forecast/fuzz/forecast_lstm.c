/*
 * forecast_lstm: bytes are refused or give a network that tells something finite and in order, and is written again as the same bytes. The
 * checksum is made to fit first, or nothing behind it would ever be reached.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "forecast/lstm.h"
#include "forecast/model.h"

extern int	LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const float values[] = {0, 1, 5, NAN, 1e30f, 0, 0, 3, 2, 100};
	unsigned char *bytes = malloc(size + 1);
	CfArena		arena;
	CfLstm		net;
	CfError		err;

	if (bytes == NULL)
		return 0;
	memcpy(bytes, data, size);
	if (size >= CF_MODEL_HEAD)
	{
		uint32_t	sum;

		for (int i = 0; i < 8; i++)
			bytes[16 + i] = (unsigned char) ((uint64_t) size >> (8 * i));
		sum = (uint32_t) crc32_z(0, bytes + 16, size - 16);
		for (int i = 0; i < 4; i++)
			bytes[12 + i] = (unsigned char) (sum >> (8 * i));
	}
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 256 << 20);
	if (cf_lstm_read(bytes, size, &arena, &net, &err))
	{
		CfLstmSeries series[2] = {{values, 10, 3, 1, 0}, {values, 0, 0, 1, 0}};
		CfLstmTold	told[2];
		size_t		length;

		if (!cf_lstm_predict(&net, series, 2, &arena, NULL, told, &err))
			abort();
		for (int i = 0; i < 2; i++)
			for (int q = 0; q < CF_LSTM_TOTALS; q++)
				if (!isfinite(told[i].total[q]) || told[i].total[q] < (q > 0 ? told[i].total[q - 1] : 0))
					abort();
		if (cf_lstm_write(&net, &arena, &length) != NULL && length != size)
			abort();
	}
	cf_arena_free(&arena);
	free(bytes);
	return 0;
}
