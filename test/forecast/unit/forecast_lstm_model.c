/*
 * forecast_lstm_model: a stored network is read back as it was, and whatever else the bytes are is refused, or can be used.
 */
#include <zlib.h>

#include "forecast_lstm.h"
#include "forecast/model.h"

static CfLstm net;
static CfLstm again;
static CfArena copy;

/* stored learns a small network and gives its bytes. */
static unsigned char *
stored(size_t *length)
{
	CfLstmParams params = params_of();

	params.hidden = 8;
	params.context = 14;
	params.epochs = 1;
	make_series(4, 60, 1);
	if (!train(&params, 4, &net))
		bail("%s", err.message);
	cf_arena_free(&copy);
	cf_arena_init(&copy, &failing, 4096, 0);
	return cf_lstm_write(&net, &copy, length);
}

static void
comes_back(void)
{
	size_t		length;
	size_t		length2 = 0;
	unsigned char *bytes = stored(&length);
	unsigned char *bytes2;
	CfLstmTold	before;

	ok(bytes != NULL && cf_lstm_read(bytes, length, &copy, &again, &err), "a network of %zu bytes is read", length);
	bytes2 = cf_lstm_write(&again, &copy, &length2);
	ok(bytes2 != NULL && length2 == length && memcmp(bytes, bytes2, length) == 0, "and written again as it was");
	tell(&net, 4);
	before = told[3];
	tell(&again, 4);
	is_mem(&told[3], &before, sizeof(before), "it tells the same");
	ok(again.fingerprint == net.fingerprint && again.seed == 42 && again.series_count == 4 && again.day_count == 240 && again.epochs == 1 &&
	   again.held_loss == net.held_loss && again.loss == net.loss && again.calendar, "and knows where it came from");
}

static bool
refused(const unsigned char *bytes, size_t length, CfErrorKind kind)
{
	CfLstm		none;
	CfArena		arena;
	bool		good;

	cf_arena_init(&arena, &failing, 4096, 0);
	good = !cf_lstm_read(bytes, length, &arena, &none, &err) && err.kind == kind;
	cf_arena_free(&arena);
	return good;
}

/* seal makes the checksum and the length fit again. */
static void
seal(unsigned char *bytes, size_t length)
{
	uint32_t	sum;

	for (int i = 0; i < 8; i++)
		bytes[16 + i] = (unsigned char) ((uint64_t) length >> (8 * i));
	sum = (uint32_t) crc32_z(0, bytes + 16, length - 16);
	for (int i = 0; i < 4; i++)
		bytes[12 + i] = (unsigned char) (sum >> (8 * i));
}

static void
refuses(void)
{
	size_t		length;
	unsigned char *bytes = stored(&length);
	int			accepted = 0;

	for (size_t cut = 0; cut < length; cut += 1 + cut / 100)
		accepted += !refused(bytes, cut, CF_ERR_INPUT);
	is_int(accepted, 0, "cut anywhere it is refused");
	accepted = 0;
	for (size_t at = 0; at < length; at += 1 + at / 100)
	{
		bytes[at] ^= 4;
		accepted += !refused(bytes, length, at >= 8 && at < 12 ? CF_ERR_UNSUPPORTED : CF_ERR_INPUT);
		bytes[at] ^= 4;
	}
	is_int(accepted, 0, "with any byte changed it is refused");
	bytes[8] = CF_MODEL_FORMAT + 1;
	ok(refused(bytes, length, CF_ERR_UNSUPPORTED) && err.hint[0] != '\0', "a newer format: %s", err.message);
	bytes[8] = CF_MODEL_FORMAT;
	bytes[10] = CF_MODEL_FOREST;
	ok(refused(bytes, length, CF_ERR_UNSUPPORTED), "a forest: %s", err.message);
	bytes[10] = CF_MODEL_LSTM;
	bytes[CF_MODEL_HEAD]++;
	seal(bytes, length);
	ok(refused(bytes, length, CF_ERR_UNSUPPORTED), "a network that sees more: %s", err.message);
}

/* With a checksum that fits, a changed byte is refused or gives a network that tells something finite. */
static void
survives(void)
{
	static const unsigned char bytes_tried[] = {0, 1, 2, 17, 127, 128, 255};
	size_t		length;
	unsigned char *bytes = stored(&length);
	unsigned char *changed = cf_arena_alloc(&copy, length + 1);
	int			used = 0;
	int			refusals = 0;
	int			lost = 0;

	for (size_t at = CF_MODEL_HEAD; at < length; at += 1 + at / 100)
		for (size_t v = 0; v < sizeof(bytes_tried); v++)
		{
			CfArena		arena;
			size_t		length2;

			memcpy(changed, bytes, length);
			changed[at] = bytes_tried[v];
			seal(changed, length);
			cf_arena_init(&arena, &failing, 4096, 0);
			if (cf_lstm_read(changed, length, &arena, &again, &err))
			{
				used++;
				lost += !cf_lstm_predict(&again, series, 2, &arena, NULL, told, &err) || !isfinite(told[0].mean) || !isfinite(told[1].day[6][4]);
				lost += cf_lstm_write(&again, &arena, &length2) == NULL || length2 != length;
			}
			else
				refusals++;
			cf_arena_free(&arena);
		}
	ok(used > 100 && refusals > 50 && lost == 0, "of changes under a good checksum %d are refused, %d can be used", refusals, used);
	memcpy(changed, bytes, length);
	changed[length] = 0;
	seal(changed, length + 1);
	ok(refused(changed, length + 1, CF_ERR_INPUT), "something after the end: %s", err.detail);
	for (size_t cut = CF_MODEL_HEAD; cut < length; cut += 1 + cut / 50)
	{
		memcpy(changed, bytes, cut);
		seal(changed, cut);
		lost += !refused(changed, cut, CF_ERR_INPUT);
	}
	is_int(lost, 0, "cut anywhere under a good checksum it is refused");
}

static void
memory(void)
{
	size_t		length;
	unsigned char *bytes = stored(&length);
	CfArena		arena;

	cf_arena_init(&arena, &failing, 1024, 100);
	ok(cf_lstm_write(&net, &arena, &length) == NULL, "a writer without memory says so");
	ok(!cf_lstm_read(bytes, length, &arena, &again, &err) && err.kind == CF_ERR_MEMORY, "so does a reader: %s", err.message);
	cf_arena_free(&arena);
	cf_arena_free(&copy);
	give_back();
	is_int(alive, 0, "nothing is left behind");
}

int
main(int argc, char **argv)
{
	comes_back();
	if (argc > 1)
	{
		/* Writes a seed for the fuzz target: forecast_lstm_model FILE */
		size_t		length;
		unsigned char *bytes = stored(&length);
		FILE	   *file = fopen(argv[1], "wb");

		if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
			bail("cannot write %s", argv[1]);
	}
	refuses();
	survives();
	memory();
	return done_testing();
}
