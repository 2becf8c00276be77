/*
 * forecast_forest_model: a stored forest is read back as it was, and whatever else the bytes are is refused, or can be used.
 */
#include <zlib.h>

#include "forecast_forest.h"
#include "forecast/model.h"

static CfForest forest;
static CfForest again;
static CfArena copy;
static double out[MANY * 3];
static double out2[MANY * 3];

/* stored grows a small forest and gives its bytes. */
static unsigned char *
stored(int rule, int classes, size_t *length)
{
	CfForestParams params = params_of(classes);

	params.trees = 3;
	params.max_depth = 4;
	cf_arena_free(&copy);
	cf_arena_init(&copy, &failing, 4096, 0);
	grow(&params, make_rows(&learned, rule, 600, 1), &forest);
	return cf_forest_write(&forest, &copy, length);
}

static void
comes_back(int rule, int classes)
{
	size_t		length;
	size_t		length2 = 0;
	unsigned char *bytes = stored(rule, classes, &length);
	unsigned char *bytes2;
	bool		same;

	ok(bytes != NULL && cf_forest_read(bytes, length, &copy, &again, &err), "rule %d: a forest of %zu bytes is read", rule, length);
	bytes2 = cf_forest_write(&again, &copy, &length2);
	ok(bytes2 != NULL && length2 == length && memcmp(bytes, bytes2, length) == 0, "rule %d: and written again as it was", rule);
	cf_forest_predict(&forest, &learned.rows, false, NULL, out, NULL, &err);
	cf_forest_predict(&again, &learned.rows, false, NULL, out2, NULL, &err);
	same = memcmp(out, out2, 600 * sizeof(double) * (size_t) forest.outputs) == 0;
	ok(same, "rule %d: it tells the same", rule);
	ok(again.fingerprint == forest.fingerprint && again.seed == 42 && again.row_count == 600 && again.min_leaf_rows == 5 &&
	   again.max_depth == 4 && again.tree[1].depth == forest.tree[1].depth, "rule %d: and knows where it came from", rule);
}

static bool
refused(const unsigned char *bytes, size_t length, CfErrorKind kind)
{
	static CfForest none;
	CfArena		arena;
	bool		good;

	cf_arena_init(&arena, &failing, 4096, 0);
	good = !cf_forest_read(bytes, length, &arena, &none, &err) && err.kind == kind;
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
	unsigned char *bytes = stored(0, 2, &length);
	int			accepted = 0;

	for (size_t cut = 0; cut < length; cut++)
		accepted += !refused(bytes, cut, CF_ERR_INPUT);
	is_int(accepted, 0, "cut anywhere it is refused");
	accepted = 0;
	for (size_t at = 0; at < length; at++)
	{
		bytes[at] ^= 4;
		accepted += !refused(bytes, length, at >= 8 && at < 12 ? CF_ERR_UNSUPPORTED : CF_ERR_INPUT);
		bytes[at] ^= 4;
	}
	is_int(accepted, 0, "with any byte changed it is refused");
	bytes[8] = CF_MODEL_FORMAT + 1;
	ok(refused(bytes, length, CF_ERR_UNSUPPORTED) && err.hint[0] != '\0', "a newer format: %s", err.message);
	bytes[8] = CF_MODEL_FORMAT;
	bytes[10] = 9;
	ok(refused(bytes, length, CF_ERR_UNSUPPORTED), "another kind: %s", err.message);
	bytes[10] = CF_MODEL_FOREST;
	ok(refused(bytes, CF_MODEL_BYTES_MAX + 1, CF_ERR_INPUT), "too large: %s", err.message);
	ok(refused((const unsigned char *) "hello", 5, CF_ERR_INPUT), "something else: %s", err.message);
}

/* With a checksum that fits, a changed byte is refused or gives a forest that can be used and stored. */
static void
survives(int rule, int classes)
{
	static const unsigned char values[] = {0, 1, 2, 17, 127, 128, 255};
	size_t		length;
	unsigned char *bytes = stored(rule, classes, &length);
	unsigned char *changed = cf_arena_alloc(&copy, length + 1);
	int			used = 0;
	int			refusals = 0;
	int			lost = 0;

	for (size_t at = 24; at < length; at++)
		for (size_t v = 0; v < sizeof(values); v++)
		{
			CfArena		arena;
			size_t		length2;

			if (at > 1500 && (at * 7 + v) % 11 != 0)
				continue;
			memcpy(changed, bytes, length);
			changed[at] = values[v];
			seal(changed, length);
			cf_arena_init(&arena, &failing, 4096, 0);
			if (cf_forest_read(changed, length, &arena, &again, &err))
			{
				learned.rows.features = again.features;
				learned.rows.count = 9;
				used++;
				if (again.outputs <= 3 && !cf_forest_predict(&again, &learned.rows, false, NULL, out, NULL, &err))
					lost++;
				if (cf_forest_write(&again, &arena, &length2) == NULL || length2 != length)
					lost++;
			}
			else
				refusals++;
			cf_arena_free(&arena);
		}
	ok(used > 100 && refusals > 100 && lost == 0, "rule %d: of changes under a good checksum %d are refused, %d can be used", rule, refusals, used);
	memcpy(changed, bytes, length);
	changed[length] = 0;
	seal(changed, length + 1);
	ok(refused(changed, length + 1, CF_ERR_INPUT), "rule %d: something after the end: %s", rule, err.detail);
	for (size_t cut = CF_MODEL_HEAD; cut < length; cut++)
	{
		memcpy(changed, bytes, cut);
		seal(changed, cut);
		lost += !refused(changed, cut, CF_ERR_INPUT);
	}
	is_int(lost, 0, "rule %d: cut anywhere under a good checksum it is refused", rule);
}

static void
memory(void)
{
	size_t		length;
	unsigned char *bytes = stored(0, 2, &length);
	int			failed = 0;
	bool		done = false;
	CfArena		arena;

	for (fail_at = 1; !done && fail_at < 200; fail_at++)
	{
		cf_arena_init(&arena, &failing, 1024, 0);
		calls = 0;
		done = cf_forest_read(bytes, length, &arena, &again, &err);
		failed += !done && err.kind == CF_ERR_MEMORY;
		cf_arena_free(&arena);
	}
	fail_at = 0;
	ok(done && failed > 3, "each of %d allocations of the reader fails once, and is told as memory", failed);
	cf_arena_init(&arena, &failing, 1024, 100);
	ok(cf_forest_write(&forest, &arena, &length) == NULL, "a writer without memory says so");
	cf_arena_free(&arena);
	cf_arena_free(&copy);
	give_back();
	is_int(alive, 0, "nothing is left behind");
}

int
main(int argc, char **argv)
{
	comes_back(0, 2);
	comes_back(1, 0);
	comes_back(2, 2);
	comes_back(3, 3);
	if (argc > 1)
	{
		/* Writes seeds for the fuzz target: forecast_forest_model FOLDER */
		for (int rule = 0; rule < 4; rule++)
		{
			static const char *const names[] = {"classes", "numbers", "missing", "categories"};
			char		path[512];
			size_t		length;
			unsigned char *bytes = stored(rule, rule == 1 ? 0 : rule == 3 ? 3 : 2, &length);
			FILE	   *file;

			snprintf(path, sizeof(path), "%s/%s", argv[1], names[rule]);
			file = fopen(path, "wb");
			if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
				bail("cannot write %s", path);
		}
	}
	refuses();
	survives(0, 2);
	survives(1, 0);
	survives(3, 3);
	memory();
	return done_testing();
}
