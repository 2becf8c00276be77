/*
 * forecast_forest: bytes are refused or give a forest that can be predicted with and is written again as the same bytes. The checksum
 * is made to fit first, or nothing behind it would ever be reached.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "forecast/forest.h"
#include "forecast/model.h"

#define ROWS 9

extern int	LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static float values[ROWS * CF_FOREST_FEATURES_MAX];
	static double out[ROWS * CF_FOREST_CLASSES_MAX];
	static double quantiles[ROWS * CF_FOREST_QUANTILES];
	unsigned char *bytes = malloc(size + 1);
	CfArena		arena;
	CfForest	forest;
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
	cf_arena_init(&arena, &cf_arena_malloc, 4096, 64 << 20);
	if (cf_forest_read(bytes, size, &arena, &forest, &err))
	{
		CfForestRows rows = {.count = ROWS, .features = forest.features, .values = values};
		size_t		length;
		unsigned char *again;

		for (int i = 0; i < ROWS * forest.features; i++)
			values[i] = i % 5 == 0 ? NAN : (float) (i % 17);
		if (!cf_forest_predict(&forest, &rows, false, NULL, out, forest.classes == 0 ? quantiles : NULL, &err))
			abort();
		for (int c = 0; c < forest.outputs * ROWS; c++)
			if (forest.classes > 0 && !(out[c] >= 0 && out[c] <= 1 + 1e-9))
				abort();
		again = cf_forest_write(&forest, &arena, &length);
		if (again != NULL && length != size)
			abort();
	}
	cf_arena_free(&arena);
	free(bytes);
	return 0;
}
