/*
 * pricing_csv: RFC 4180, strictly.
 */
#include "pricing/csv.h"
#include "tap.h"

static CfError err;

/* joined reads all of text: fields as [a][b], records end in ;, an error as its line and detail. */
static const char *
joined(const char *text, size_t length)
{
	static char out[4096];
	size_t		used = 0;
	CfArena		arena;
	CfPricingCsv csv;
	CfPricingCsvRecord record;
	bool		end = false;

	cf_arena_init(&arena, &cf_arena_malloc, 1024, 0);
	cf_pricing_csv_init(&csv, text, length);
	out[0] = '\0';
	while (!end)
	{
		if (!cf_pricing_csv_next(&csv, &arena, &record, &end, &err))
		{
			used += (size_t) snprintf(out + used, sizeof(out) - used, "%s: %s", err.message, err.detail);
			break;
		}
		for (int i = 0; !end && i < record.count; i++)
			used += (size_t) snprintf(out + used, sizeof(out) - used, "[%s]", record.fields[i]);
		if (!end)
			used += (size_t) snprintf(out + used, sizeof(out) - used, "@%ld;", record.line);
	}
	cf_arena_free(&arena);
	return out;
}

static void
reads(const char *text, const char *want, const char *title)
{
	is_str(joined(text, strlen(text)), want, "%s", title);
}

static void
test_limits(void)
{
	char	   *wide = malloc(70000);
	char	   *quoted = malloc(70000);

	memset(wide, ',', 256);
	wide[256] = '\0';
	reads(wide, "malformed CSV at line 1: A record has at most 256 fields.", "257 fields are too many");
	memset(wide, 'x', 69999);
	wide[69999] = '\0';
	reads(wide, "malformed CSV at line 1: A field is longer than 65536 bytes.", "a long field");
	memcpy(quoted, wide, 70000);
	quoted[0] = quoted[69998] = '"';
	quoted[69999] = '\0';
	reads(quoted, "malformed CSV at line 1: A field is longer than 65536 bytes.", "a long quoted field");
	free(wide);
	free(quoted);
}

static void
test_memory(void)
{
	static const char *const texts[] = {"abc\n", "\"abc\"\n"};

	for (int i = 0; i < 2; i++)
	{
		CfArena		arena;
		CfPricingCsv csv;
		CfPricingCsvRecord record;
		bool		end;

		cf_arena_init(&arena, &cf_arena_malloc, 1024, 1);
		cf_pricing_csv_init(&csv, texts[i], strlen(texts[i]));
		ok(!cf_pricing_csv_next(&csv, &arena, &record, &end, &err) && err.kind == CF_ERR_MEMORY, "short of memory: %s", texts[i][0] == '"' ? "quoted" : "plain");
		cf_arena_free(&arena);
	}
}

/* whole tells what stands before the last line end outside quotes. */
static void
whole(const char *text, size_t bytes, long lines, const char *title)
{
	long		seen;

	is_int(cf_pricing_csv_whole(text, strlen(text), &seen), bytes, "%s", title);
	is_int(seen, lines, "%s: its line ends", title);
}

int
main(void)
{
	reads("", "", "an empty text has no records");
	reads("a,b\n1,2\n", "[a][b]@1;[1][2]@2;", "records end in LF");
	reads("a,b\r\n1,2", "[a][b]@1;[1][2]@2;", "or CRLF, the last one may end without");
	reads("\xEF\xBB\xBF" "a,b\n", "[a][b]@1;", "a byte order mark is skipped");
	reads("a,\"b,\"\"c\"\"\nd\",e\nf,g,h\n", "[a][b,\"c\"\nd][e]@1;[f][g][h]@3;", "quoted fields hold commas, quotes and lines");
	reads("a,\n,b\n", "[a][]@1;[][b]@2;", "fields may be empty");
	reads("\"\",x\n", "[][x]@1;", "also quoted");
	reads("a\n\nb\n", "[a]@1;malformed CSV at line 3: The line is empty.", "an empty line is an error");
	reads("a,b\n1\n", "[a][b]@1;malformed CSV at line 2: The record has 1 fields, the first one has 2.", "records are equally wide");
	reads("a\"b\n", "malformed CSV at line 1: A quote stands inside an unquoted field.", "a quote in a plain field");
	reads("\"a\"b\n", "malformed CSV at line 1: Text follows a closing quote.", "text after a quoted field");
	reads("\"a\n", "malformed CSV at line 1: A quoted field has no closing quote.", "an open quote");
	reads("\"a\"\"", "malformed CSV at line 1: A quoted field has no closing quote.", "an open quote at the end");
	reads("a\rb\n", "malformed CSV at line 1: A carriage return stands alone.", "a lone carriage return");
	reads("a\r", "malformed CSV at line 1: A carriage return stands alone.", "also at the end");
	is_str(joined("a\0b\n", 4), "malformed CSV at line 1: The text contains a NUL byte.", "a NUL byte");
	is_str(joined("\"a\0b\"\n", 6), "malformed CSV at line 1: The text contains a NUL byte.", "a NUL byte in quotes");
	is_str(joined("\"a\"\0\n", 5), "malformed CSV at line 1: Text follows a closing quote.", "a NUL byte after quotes");
	whole("", 0, 0, "nothing is whole");
	whole("a,b", 0, 0, "a record without its line end is not whole");
	whole("a,b\nc", 4, 1, "what follows the last line end is left");
	whole("a,\"b\nc\"\nd,\"e\nf", 8, 2, "line ends in quotes belong to their record");
	whole("a,\"b\"\"\n\"\r\n", 10, 2, "also behind a doubled quote");
	test_limits();
	test_memory();
	return done_testing();
}
