/*
 * storage_conform_objects.h: cases of the conformance suite about objects that are written and read in one piece. Included by
 * storage_conformance.h alone.
 */
#ifndef CF_TEST_CONFORM_OBJECTS_H
#define CF_TEST_CONFORM_OBJECTS_H

static void
conform_small(void)
{
	CfObjectStat stat;
	CfObjectStat again;
	char		out[64] = "";

	if (!ok(conform_put("one/hello", "t-1", "hello, world", &stat), "a small object is created"))
		conform_note();
	is_int(stat.size_bytes, 12, "its size is told");
	ok(stat.version[0] != '\0', "its version is told");
	does(cf_storage_stat(&cop, "one/hello", &again), "it is found");
	ok(cf_storage_version_same(suite->place, again.version, stat.version), "with the version that was told");
	is_int(again.size_bytes, 12, "and the size");
	conform_vouched(&again.digests, "hello, world", 12, "a small object");
	is_int(conform_read("one/hello", stat.version, 0, -1, out, sizeof(out)), 12, "it is read whole");
	is_mem(out, "hello, world", 12, "with its bytes");
	ok(conform_put("one/empty", "t-3", "", &again), "an empty object is created");
	is_int(again.size_bytes, 0, "its size is 0");
	is_int(conform_read("one/empty", again.version, 0, -1, out, 4), 0, "and it is read");
	refuses_as(CF_ERR_NOT_FOUND, cf_storage_stat(&cop, "one/none", &again), "an object that is not there is not found");
	ok(conform_read("one/none", "", 0, -1, out, 4) < 0 && cop.err.kind == CF_ERR_NOT_FOUND, "nor read");
}

static void
conform_create_only(void)
{
	CfObjectStat first;
	CfObjectStat again;
	char		out[64] = "";

	ok(conform_put("only/one", "t-1", "first", &first), "an object is created");
	ok(!conform_put("only/one", "t-2", "other", &again) && cop.err.kind == CF_ERR_EXISTS, "a second create is refused");
	ok(!conform_put("only/one", "t-2", "", &again) && cop.err.kind == CF_ERR_EXISTS, "an empty one too");
	is_int(conform_read("only/one", first.version, 0, -1, out, sizeof(out)), 5, "the first is still there");
	is_mem(out, "first", 5, "with its bytes");
}

static void
conform_ranges(void)
{
	const char *text = "0123456789abcdef";
	CfObjectStat stat;
	long		beyond;
	char		out[64] = "";

	ok(conform_put("range/one", "t-1", text, &stat), "an object for ranges");
	is_int(conform_read("range/one", stat.version, 7, 5, out, 2), 5, "a range is read in small chunks");
	is_mem(out, text + 7, 5, "with its bytes");
	is_int(conform_read("range/one", stat.version, 15, 1, out, 8), 1, "the last byte");
	is_mem(out, "f", 1, "is the last byte");
	is_int(conform_read("range/one", stat.version, 0, 1, out, 8), 1, "the first byte");
	is_mem(out, "0", 1, "is the first");
	is_int(conform_read("range/one", stat.version, 10, -1, out, 8), 6, "from the middle to the end");
	is_mem(out, text + 10, 6, "with its bytes");
	beyond = conform_read("range/one", stat.version, 10, 100, out, 8);
	ok(beyond == 6 || beyond == -1, "a range that goes beyond the end is cut or refused, never filled up");
	is_int(conform_read("range/one", stat.version, 3, 0, out, 8), 0, "a range of nothing is empty");
	is_int(conform_read("range/one", stat.version, 16, -1, out, 4), 0, "a range at the end is empty");
	ok(conform_read("range/one", stat.version, 17, -1, out, 4) < 0 && cop.err.kind == CF_ERR_INPUT, "one beyond is refused");
}

static void
conform_pinned_reads(void)
{
	CfObjectStat one;
	CfObjectStat two;
	char		out[64];

	ok(conform_put("pin/one", "t-1", "this", &one) && conform_put("pin/two", "t-2", "and that", &two), "two objects");
	ok(conform_read("pin/one", two.version, 0, -1, out, 8) < 0 && cop.err.kind == CF_ERR_CHANGED,
	   "another version is not read");
	ok(conform_read("pin/one", two.version, 1, 2, out, 8) < 0 && cop.err.kind == CF_ERR_CHANGED,
	   "nor a range of it");
	is_int(conform_read("pin/one", one.version, 1, 2, out, 8), 2, "the pinned one is");
	ok(conform_remove("pin/one") && conform_put("pin/one", "t-3", "here", &two), "the object is replaced");
	ok(conform_read("pin/one", one.version, 0, -1, out, 8) < 0 &&
	   (cop.err.kind == CF_ERR_CHANGED || cop.err.kind == CF_ERR_NOT_FOUND), "what was there before is not read");
	is_int(conform_read("pin/one", two.version, 0, -1, out, 8), 4, "what is there now is");
}

/* From one byte to more than a round number of anything; what needs parts is in conform_upload. */
static void
conform_sizes(void)
{
	const int64_t sizes[] = {1, 2, 255, 4095, 4096, 4097, 65537, 1024 * 1024, 3 * 1024 * 1024 + 1};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		char		key[64];
		char	   *bytes = conform_bytes(sizes[i], i + 1);
		CfUploadArgs args = conform_args(key, "t-1", sizes[i]);
		CfObjectStat stat;

		if (caps.put_max_bytes > 0 && sizes[i] > caps.put_max_bytes)
			continue;
		snprintf(key, sizeof(key), "size/%lld", (long long) sizes[i]);
		if (does(cf_storage_put(&cop, &args, bytes, sizes[i], &stat), "an object of %lld bytes", (long long) sizes[i]))
		{
			conform_same(key, stat.version, bytes, sizes[i], key);
			does(cf_storage_stat(&cop, key, &stat), "it is found");
			conform_vouched(&stat.digests, bytes, sizes[i], key);
		}
		free(bytes);
	}
}

/* has_line tells whether "name=value\n…" holds a line. */
static bool
has_line(const char *lines, const char *line)
{
	size_t		length = strlen(line);

	for (const char *s = lines == NULL ? NULL : strstr(lines, line); s != NULL; s = strstr(s + 1, line))
	{
		if ((s == lines || s[-1] == '\n') && (s[length] == '\n' || s[length] == '\0'))
			return true;
	}
	return false;
}

static void
conform_attributes(void)
{
	CfUploadArgs args = conform_args("attributes/one", "t-1", 4);
	CfObjectStat stat;

	args.content_type = "application/x-test; charset=utf-8";
	args.metadata = "cf_file_id=01abc";
	args.attributes = (CfAttributes) {.cache_control = "max-age=60, private", .content_language = "de",
		.content_disposition = "attachment; filename=\"a b.txt\"", .metadata = "colour=blue\nlength=12 m"};
	if (!does(cf_storage_put(&cop, &args, "text", 4, &stat), "an object with attributes is created") ||
		!does(cf_storage_stat(&cop, args.key, &stat), "and found"))
		return;
	is_str(stat.content_type, args.content_type, "its content type comes back");
	is_str(stat.attributes.cache_control, args.attributes.cache_control, "its cache control");
	is_str(stat.attributes.content_language, args.attributes.content_language, "its language");
	is_str(stat.attributes.content_disposition, args.attributes.content_disposition, "its disposition");
	ok(has_line(stat.attributes.metadata, "colour=blue") && has_line(stat.attributes.metadata, "length=12 m"),
	   "the user's metadata comes back");
	ok(has_line(stat.attributes.metadata, "cf_file_id=01abc"),
	   "and what we say of it ourselves");
	if (stat.attributes.metadata != NULL)
		note("  metadata: %.*s …", (int) strcspn(stat.attributes.metadata, "\n"), stat.attributes.metadata);
	args = conform_args("attributes/encoded", "t-1", 4);
	args.attributes.content_encoding = "gzip";
	if (does(cf_storage_put(&cop, &args, "text", 4, &stat), "an object that says it is compressed") &&
		does(cf_storage_stat(&cop, args.key, &stat), "is found"))
	{
		is_str(stat.attributes.content_encoding, "gzip", "with its encoding");
		conform_same(args.key, stat.version, "text", 4, "read without decoding");
	}
}

/* conform_fetch reads an object and what is told of it by one request, under a pin. */
static bool
conform_fetches(const char *key, const char *version, char *out, size_t length, CfObjectStat *stat)
{
	memset(out, 0, length);
	return drive(cf_storage_fetch(&cop, key, version, out, length, stat));
}

/* same_text tells whether two texts that may be missing say the same. */
static bool
same_text(const char *a, const char *b)
{
	return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

/* same_lines tells whether two texts have the same lines "name=value\n", in whatever order: some servers tell metadata in another one each time. */
static bool
same_lines(const char *a, const char *b)
{
	CfAttributeLine line;

	if (strlen(a == NULL ? "" : a) != strlen(b == NULL ? "" : b))
		return false;
	while (cf_attribute_line_next(&a, &line))
	{
		char		text[400];

		snprintf(text, sizeof(text), "%.*s=%.*s", (int) line.name_bytes, line.name, (int) line.value_bytes, line.value);
		if (!has_line(b, text))
			return false;
	}
	return true;
}

/* conform_told is a check: what a read told of an object beside its bytes is what looking at it tells. */
static void
conform_told(const CfObjectStat *told, const CfObjectStat *stat, const char *what)
{
	const CfAttributes *a = &told->attributes;
	const CfAttributes *b = &stat->attributes;
	bool		same = same_text(told->content_type, stat->content_type) && same_text(a->cache_control, b->cache_control) &&
		same_text(a->content_disposition, b->content_disposition) && same_text(a->content_encoding, b->content_encoding) &&
		same_text(a->content_language, b->content_language) && same_lines(a->metadata, b->metadata) && same_lines(a->tags, b->tags);

	ok(told->size_bytes == stat->size_bytes && strcmp(told->version, stat->version) == 0 && told->mtime_us == stat->mtime_us &&
	   told->must_restore == stat->must_restore && told->restoring == stat->restoring && told->versioned == stat->versioned,
	   "%s: its size, version and time are told with its bytes", what);
	ok(same, "%s: and all that travels with it", what);
	for (int i = 0; i < 2 && !same; i++, a = b)
		note("  %s, %s, %s, %s, %zu bytes of metadata, %zu of tags", a->cache_control, a->content_disposition, a->content_encoding, a->content_language,
			 strlen(a->metadata), strlen(a->tags));
}

/* A mover that knows which version it wants does not look first: the answer that brings the bytes tells the rest. */
static void
conform_fetched(void)
{
	CfUploadArgs args = conform_args("fetch/all", "f-1", 9);
	int64_t		most = caps.fetch_max_bytes < 4 * 1024 * 1024 ? caps.fetch_max_bytes : 4 * 1024 * 1024;
	char	   *bytes = conform_bytes(most, 77);
	char	   *read = malloc(most);
	CfObjectStat made;
	CfObjectStat stat;
	CfObjectStat told;
	char		out[16];

	args.content_type = "application/x-test";
	args.attributes = (CfAttributes) {.cache_control = "max-age=60", .content_language = "de", .content_encoding = "gzip",
		.content_disposition = "attachment; filename=\"a b.txt\"", .metadata = "colour=blue\nlength=12 m"};
	if (cf_attributes_rules(suite->place)[CF_ATTRIBUTE_TAGS].held_as != NULL)
		args.attributes.tags = "project=apollo\nowner=ann\n";
	does(cf_storage_put(&cop, &args, "some text", 9, &made), "an object with all that can travel with it");
	does(cf_storage_stat(&cop, args.key, &stat), "is looked at");
	if (!does(cf_storage_fetch(&cop, args.key, stat.version, out, 9, &told), "and fetched"))
		goto end;
	is_mem(out, "some text", 9, "its bytes come");
	conform_told(&told, &stat, "with attributes");
	ok(conform_fetches(args.key, made.version, out, 9, &told), "the version that its creation told will do, too");
	args = conform_args("fetch/plain", "f-2", most);
	does(cf_storage_put(&cop, &args, bytes, most, &made), "a plain one of %lld bytes", (long long) most);
	does(cf_storage_stat(&cop, args.key, &stat), "is looked at");
	if (!does(cf_storage_fetch(&cop, args.key, stat.version, read, most, &told), "fetched"))
		goto end;
	ok(memcmp(read, bytes, most) == 0, "its bytes come, too");
	conform_told(&told, &stat, "plain");
	refuses_as(CF_ERR_CHANGED, cf_storage_fetch(&cop, args.key, stat.version, read, most - 1, &told), "a larger one than was expected is not taken for a part of it");
	refuses_as(CF_ERR_CHANGED, cf_storage_fetch(&cop, "fetch/all", stat.version, out, 9, &told), "another version is not fetched");
	refuses_as(CF_ERR_INPUT, cf_storage_fetch(&cop, args.key, stat.version, read, 0, &told), "nothing is not");
	ok(!conform_fetches("fetch/none", stat.version, out, 9, &told) && (cop.err.kind == CF_ERR_NOT_FOUND || cop.err.kind == CF_ERR_CHANGED), "nor what is not there");
	ok(conform_remove("fetch/all") && conform_put("fetch/all", "f-3", "short", &stat), "a shorter one takes its place");
	refuses_as(CF_ERR_CHANGED, cf_storage_fetch(&cop, "fetch/all", stat.version, out, 9, &told), "it is not what was expected");
end:
	free(bytes);
	free(read);
}

/* Keys that have been encoded wrongly, or not at all, by somebody. */
static const char *const hostile_keys[] = {
	"hard/space and  two", "hard/plus+plus", "hard/percent%41", "hard/percent%2F", "hard/100%", "hard/question?mark=1",
	"hard/hash#tag", "hard/amp&ersand", "hard/equals=a=b", "hard/semi;colon", "hard/colon:at@comma,", "hard/star*",
	"hard/quote'quote\"quote", "hard/less<more>", "hard/brackets[](){}", "hard/pipe|caret^tick`", "hard/dollar$bang!",
	"hard/tilde~dash-dot.under_", "hard/...", "hard/..two", "hard/.hidden", "hard/ leading", "hard/trailing ",
	"hard/back\\slash", "hard/\xc3\xa4\xc3\xb6\xc3\xbc", "hard/\xe2\x82\xac/\xe6\x97\xa5\xe6\x9c\xac",
	"hard/\xf0\x9f\x90\x98", "hard/a\xcc\x88", "hard/\xef\xbb\xbf" "bom", "hard/&amp;&#38;&lt;", "hard/<Key>x</Key>",
	"hard/%E2%82%AC", "hard/versionId=1&uploads", "hard/UPPER/Case", "hard/upper/case", "hard/aws4_request", "hard/tab\there",
	"hard/line\nfeed", "hard/del\x7f",
};

static void
conform_hostile_keys(void)
{
	char		longest[CF_STORAGE_KEY_MAX + 1];
	int			taken = 0;
	int			n = sizeof(hostile_keys) / sizeof(hostile_keys[0]);

	for (int i = 0; i <= n; i++)
	{
		const char *key = i < n ? hostile_keys[i] : longest;
		CfObjectStat stat;
		CfError		err = {0};
		char		named[72];
		char		out[8] = "";

		if (i == n)
		{
			int			room = caps.max_key_bytes - (int) strlen(suite->place->prefix);

			/* Segments of 200 bytes, since servers keep keys as paths. */
			for (int at = 0; at < room; at++)
				longest[at] = at % 201 == 200 && at < room - 1 ? '/' : (char) ('a' + at % 26);
			longest[room] = '\0';
		}
		if (!cf_storage_key_check(suite->place, key, &err))
		{
			ok(err.kind == CF_ERR_INPUT && !conform_put(key, "h-1", "x", &stat) && cop.err.kind == CF_ERR_INPUT,
			   "a key that is refused is refused everywhere (%d)", i);
			continue;
		}
		snprintf(named, sizeof(named), "key %.60s", key);
		if (i < n && conform_skips(named, conform_without(named)))
			continue;
		taken++;
		cop.err = (CfError) {0};
		if (!conform_put(key, "h-1", "bytes", &stat))
		{
			ok(false, "a key of %zu bytes (\"%.60s\") can be written", strlen(key), key);
			conform_note();
			continue;
		}
		ok(conform_read(key, stat.version, 0, -1, out, sizeof(out)) == 5 && memcmp(out, "bytes", 5) == 0 &&
		   drive(cf_storage_stat(&cop, key, &stat)) && stat.size_bytes == 5 && conform_count(key, 10) >= 1,
		   "a key of %zu bytes (\"%.60s\") can be written, read, found and listed", strlen(key), key);
		if (cop.err.kind != CF_ERR_NONE)
			conform_note();
	}
	ok(taken >= n - 6, "nearly all of them may be used");
	for (int i = 0; i <= n; i++)
	{
		const char *key = i < n ? hostile_keys[i] : longest;
		CfError		err = {0};
		char		named[72];

		snprintf(named, sizeof(named), "key %.60s", key);
		if (conform_without(named) == NULL && cf_storage_key_check(suite->place, key, &err) && !conform_remove(key))
		{
			ok(false, "\"%.60s\" can be removed", key);
			conform_note();
		}
	}
	is_int(conform_count("hard/", 1000), 0, "all can be removed");
}

/* Keys that are one key only to who decodes or folds them. */
static void
conform_alike_keys(void)
{
	static const char *const keys[] = {"alike/a b", "alike/a+b", "alike/a%20b", "alike/a%2Bb", "alike/A b", "alike/a_b",
		"alike/\xc3\xa4", "alike/a\xcc\x88", "alike/%C3%A4"};
	int			n = sizeof(keys) / sizeof(keys[0]);
	int			right = 0;
	CfObjectStat stat;
	char		out[16];

	for (int i = 0; i < n; i++)
	{
		snprintf(out, sizeof(out), "%d", i);
		if (!conform_put(keys[i], "a-1", out, &stat))
			conform_note();
	}
	for (int i = 0; i < n; i++)
		right += conform_read(keys[i], "", 0, -1, out, sizeof(out)) == 1 && out[0] == '0' + i;
	is_int(right, n, "keys that look alike are objects of their own");
	is_int(conform_count("alike/", 4), n, "and are listed as such");
}

#endif							/* CF_TEST_CONFORM_OBJECTS_H */
