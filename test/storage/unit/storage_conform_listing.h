/*
 * storage_conform_listing.h: cases of the conformance suite about listing, removing, and refusals of all kinds. Included by
 * storage_conformance.h alone.
 */
#ifndef CF_TEST_CONFORM_LISTING_H
#define CF_TEST_CONFORM_LISTING_H

static void
conform_listing(void)
{
	CfObjectStat stat;
	CfListPage	page;
	char		key[64];

	for (int i = 0; i < 25; i++)
	{
		snprintf(key, sizeof(key), "list/%d/object-%d", i % 4, i);
		if (!conform_put(key, "l-1", "x", &stat))
			ok(false, "%s: %s", key, cop.err.message);
	}
	is_int(conform_count("list/", 7), 25, "a prefix is listed page by page");
	is_int(conform_count("list/", 1), 25, "with pages of one");
	is_int(conform_count("list/3/", 1000), 6, "a deeper one");
	is_int(conform_count("list/3/object-1", 1000), 3, "one that ends inside a name");
	is_int(conform_count("nothing/", 1000), 0, "a prefix without objects is empty");
	does(cf_storage_stat(&cop, "list/3/object-3", &stat), "an object");
	if (does(cf_storage_list(&cop, "list/3/object-3", NULL, 10, &page), "is listed") && ok(page.count == 1, "alone"))
	{
		is_str(page.entries[0].key, "list/3/object-3", "with its key");
		is_int(page.entries[0].stat.size_bytes, 1, "its size");
		ok(cf_storage_version_same(suite->place, page.entries[0].stat.version, stat.version), "its version");
		ok(llabs(page.entries[0].stat.mtime_us - stat.mtime_us) < 2000000, "and its time");
		is_str(page.entries[0].stat.storage_class, stat.storage_class, "and its class");
	}
}

/* The key of the n-th object of the long listing: what encodings, XML and JSON get wrong is in there. */
static const char *
long_key(int n, char key[64])
{
	static const char *const names[] = {"plain", "a b", "a+b", "a%20b", "a&b<c>", "q\"q'", "\xc3\xa9t\xc3\xa9",
		"\xe6\x97\xa5", "\xf0\x9f\x90\x98", "semi;colon", "x=y?z#"};

	snprintf(key, 64, "long/%c/%s %05d", 'a' + n % 3, names[n % 11], n);
	return key;
}

static void
conform_long_listing(void)
{
	int			objects = suite->listing > 0 ? suite->listing : 25;
	bool	   *seen = calloc(objects, sizeof(bool));
	CfObjectStat stat;
	CfListPage	page;
	char		token[8192];
	char		last[CF_STORAGE_KEY_MAX + 1] = "";
	const char *next = NULL;
	char		key[64];
	int			wrong = 0;
	int			unsorted = 0;
	int			missing = 0;
	int			pages = 0;

	for (int i = 0; i < objects; i++)
	{
		if (!conform_put(long_key(i, key), "l-2", "xy", &stat))
		{
			ok(false, "%s: %s", key, cop.err.message);
			break;
		}
		cf_arena_reset(suite->arena);
	}
	do
	{
		if (!drive(cf_storage_list(&cop, "long/", next, objects / 7 + 1, &page)))
		{
			ok(false, "page %d is listed", pages + 1);
			conform_note();
			break;
		}
		pages++;
		for (int i = 0; i < page.count; i++)
		{
			const CfListEntry *entry = &page.entries[i];
			const char *digits = strrchr(entry->key, ' ');
			long		n = digits == NULL ? -1 : strtol(digits, NULL, 10);

			if (n < 0 || n >= objects || seen[n] || strcmp(entry->key, long_key((int) n, key)) != 0 ||
				entry->stat.size_bytes != 2 || entry->stat.version[0] == '\0')
			{
				if (wrong++ < 3)
					note("  \"%s\"", entry->key);
			}
			else
				seen[n] = true;
			unsorted += strcmp(last, entry->key) >= 0;
			snprintf(last, sizeof(last), "%s", entry->key);
		}
		next = page.next == NULL ? NULL : strcpy(token, page.next);
		cf_arena_reset(suite->arena);
	} while (next != NULL && pages < objects + 10);
	for (int i = 0; i < objects; i++)
		missing += !seen[i];
	is_int(wrong, 0, "a listing of %d objects in pages tells every key exactly, once, with size and version", objects);
	is_int(missing, 0, "and leaves none out");
	ok(pages >= 7, "it comes in pages (%d)", pages);
	if (caps.list_sorted)
		is_int(unsorted, 0, "in the order of bytes");
	free(seen);
}

static void
conform_removing(void)
{
	CfObjectStat stat;
	CfObjectStat other;
	CfRemoved	removed;
	char		out[16];

	ok(conform_put("remove/one", "r-1", "this", &stat) && conform_put("remove/two", "r-1", "and that", &other), "two objects");
	ok(does(cf_storage_remove(&cop, "remove/one", other.version, "r-2", &removed), "one of them") &&
	   removed == CF_REMOVED_CHANGED, "is not removed as another version");
	is_int(conform_read("remove/one", stat.version, 0, -1, out, 16), 4, "and is still there");
	ok(does(cf_storage_remove(&cop, "remove/one", stat.version, "r-3", &removed), "it is removed") &&
	   removed == CF_REMOVED_DELETED, "as the version that it is");
	refuses_as(CF_ERR_NOT_FOUND, cf_storage_stat(&cop, "remove/one", &other), "it is not found any more");
	ok(does(cf_storage_remove(&cop, "remove/one", stat.version, "r-3", &removed), "removing it again") &&
	   removed == CF_REMOVED_GONE, "says that it is gone");
	ok(conform_put("remove/one", "r-4", "anew", &other), "another is created in its place");
	ok(does(cf_storage_remove(&cop, "remove/one", stat.version, "r-5", &removed), "the old version") &&
	   removed == CF_REMOVED_CHANGED, "is not mistaken for it");
	is_int(conform_read("remove/one", "", 0, -1, out, 16), 4, "the new one is there");
	ok(conform_count("remove/", 10) == 2, "the others are there");
}

static CfNetVerdict
conform_final(const CfRequest *request, const CfResponse *response, void *ctx)
{
	(void) request;
	(void) response;
	(void) ctx;
	return CF_NET_FINAL;
}

/* conform_fetch asks for a URL as a browser would; the status. */
static int
conform_fetch(const char *url)
{
	CfRequest  *request;

	cf_storage_op_end(&cop);
	request = cf_storage_op_request(&cop, "GET", "Presigned");
	request->url = cf_arena_strdup(&cop.request_arena, url);
	request->classify = conform_final;
	suite->send(&cop);
	return cop.response.status;
}

static void
conform_presign(void)
{
	static const char *const key = "presigned/a b+c&d=\xc3\xa4";
	int64_t		now_us = cf_clock_now_us();
	CfObjectStat stat;
	CfError		err = {0};
	char	   *url;

	ok(conform_put(key, "p-1", "for everybody", &stat), "an object to be fetched by others");
	if (!ok(cf_storage_presign(suite->place, suite->arena, "GET", key, now_us, now_us + 60000000, &url, &err),
			"a URL for it"))
		return note("  %s", err.message);
	is_int(conform_fetch(url), 200, "is answered");
	is_str(cop.response.body, "for everybody", "with the bytes");
	if (!ok(cf_storage_presign(suite->place, suite->arena, "GET", key, now_us - 7200000000, now_us - 3600000000, &url, &err),
			"a URL that has expired"))
		return note("  %s", err.message);
	ok(conform_fetch(url) == 403 || cop.response.status == 400 || cop.response.status == 401, "is refused");
}

static void
conform_refusals(void)
{
	CfObjectStat stat;
	CfRemoved	removed;
	CfUpload	upload = {.args.key = "k"};
	CfPart		part = {.number = 1, .length = 1};
	CfListPage	page;
	CfReadArgs	range = {.key = "k", .version = "", .offset = -1, .length = 1};
	char		byte;
	CfChunk		chunk = {.data = &byte, .capacity = 1};

	ok(!conform_put("k", "no_underscore", "x", &stat) && cop.err.kind == CF_ERR_INPUT, "a bad owner tag is refused");
	ok(!conform_put("k", "", "x", &stat) && cop.err.kind == CF_ERR_INPUT, "an empty one too");
	ok(!conform_put("", "t", "x", &stat) && cop.err.kind == CF_ERR_INPUT, "an empty key is refused");
	ok(!conform_put("a/../b", "t", "x", &stat) && cop.err.kind == CF_ERR_INPUT, "a key with \"..\" is refused");
	refuses_as(CF_ERR_INPUT, cf_storage_remove(&cop, "k", "", "t", &removed), "a removal without a version is refused");
	refuses_as(CF_ERR_STATE, cf_storage_upload_part(&cop, &upload, &part, "x", 1),
			   "a part of an upload that never began is refused");
	refuses_as(CF_ERR_INPUT, cf_storage_read(&cop, &range, &chunk), "a negative offset is refused");
	range.offset = 1;
	range.length = INT64_MAX;
	refuses_as(CF_ERR_INPUT, cf_storage_read(&cop, &range, &chunk), "a range that overflows too");
	chunk.capacity = 0;
	range.length = 1;
	refuses_as(CF_ERR_INPUT, cf_storage_read(&cop, &range, &chunk), "reading into nothing too");
	refuses_as(CF_ERR_INPUT, cf_storage_list(&cop, "", NULL, 0, &page), "a page of nothing too");
}

/* conform_at moves the suite's op to another place and back (NULL). */
static void
conform_at(const CfPlace *place)
{
	cf_storage_op_end(&cop);
	cf_storage_op_init(&cop, place == NULL ? suite->place : place, suite->arena);
}

/* A wrong secret is told as such, at once: waiting does not mend it, and it is not "not found". */
static void
conform_forbidden(void)
{
	CfObjectStat stat;
	CfListPage	page;
	char		out[16];

	conform_put("forbidden/one", "f-1", "secret", &stat);
	conform_at(suite->forbidden);
	refuses_as(CF_ERR_DENIED, cf_storage_stat(&cop, "forbidden/one", &stat), "with a wrong secret nothing is found");
	ok(!cop.err.retryable, "and it is not worth trying again");
	note("  %s", cop.err.message);
	ok(conform_read("forbidden/one", "", 0, -1, out, 16) < 0 && cop.err.kind == CF_ERR_DENIED, "nothing is read");
	refuses_as(CF_ERR_DENIED, cf_storage_list(&cop, "", NULL, 10, &page), "nothing is listed");
	ok(!conform_put("forbidden/two", "f-2", "x", &stat) && cop.err.kind == CF_ERR_DENIED, "nothing is written");
	conform_at(NULL);
	refuses_as(CF_ERR_NOT_FOUND, cf_storage_stat(&cop, "forbidden/two", &stat), "nothing was");
}

/* A wrong region is mended where the store tells the right one, and told otherwise. */
static void
conform_elsewhere(void)
{
	CfObjectStat stat;
	char		out[16];

	ok(conform_put("elsewhere/one", "e-1", "here", &stat), "an object");
	conform_at(suite->elsewhere);
	if (conform_read("elsewhere/one", "", 0, -1, out, 16) == 4)
	{
		ok(memcmp(out, "here", 4) == 0, "is read in spite of a wrong region");
		ok(conform_put("elsewhere/two", "e-2", "there", &stat) && stat.size_bytes == 5, "and another one written");
		if (suite->elsewhere->learned != NULL)
			note("the region that is told: \"%s\"", suite->elsewhere->learned->region);
	}
	else
	{
		ok(strstr(cop.err.message, "region") != NULL || strstr(cop.err.detail, "region") != NULL ||
		   strstr(cop.err.hint, "region") != NULL, "a wrong region is told as such");
		conform_note();
	}
	conform_at(NULL);
}

static void
conform_clock_off(void)
{
	CfObjectStat stat;
	char		out[16];

	for (int sign = -1; sign <= 1; sign += 2)
	{
		char		key[32];

		snprintf(key, sizeof(key), "clock/%s", sign < 0 ? "late" : "early");
		suite->skew(sign * INT64_C(7200000000));
		if (!ok(conform_put(key, "c-1", "on time", &stat), "with a clock that is two hours off an object is created"))
			conform_note();
		is_int(conform_read(key, "", 0, -1, out, 16), 7, "and read");
		suite->skew(0);
		is_int(conform_read(key, "", 0, -1, out, 16), 7, "and read again once the clock is right");
	}
}

#endif							/* CF_TEST_CONFORM_LISTING_H */
