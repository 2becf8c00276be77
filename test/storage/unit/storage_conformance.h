/*
 * storage_conformance.h: what every driver must do, tried on one place that may be written. A driver's program fills a
 * Conformance and calls conformance(); `send` carries out op->request for drivers that ask for it (NULL for those that do
 * their own I/O).
 */
#ifndef CF_TEST_CONFORMANCE_H
#define CF_TEST_CONFORMANCE_H

#include "storage/driver.h"

typedef struct Conformance
{
	const CfPlace *place;
	CfArena    *arena;
	void		(*send) (CfOp *op);
	int64_t		part_bytes;		/* a legal size of parts that are not the last */
} Conformance;

static const Conformance *suite;
static CfOp cop;

/* finish drives an operation: true = go on calling. */
static bool
finish(CfStep step, bool *done)
{
	*done = step == CF_STEP_DONE;
	if (step == CF_STEP_SEND)
		suite->send(&cop);
	return step == CF_STEP_AGAIN || step == CF_STEP_SEND;
}

#define drive(call) __extension__ ({ bool done_; while (finish((call), &done_)) ; done_; })

static bool
conform_put(const char *key, const char *tag, const char *text, CfObjectStat *stat)
{
	CfUploadArgs args = {.key = key, .owner_tag = tag, .size_bytes = strlen(text), .mtime_us = 1500000000000000,
		.content_type = "text/plain", .storage_class = "", .metadata = "cf_test=1"};

	return drive(cf_storage_put(&cop, &args, text, strlen(text), stat));
}

/* conform_read reads a range in chunks of so many bytes; -1 = failed. */
static long
conform_read(const char *key, const char *version, int64_t offset, int64_t length, char *out, size_t chunk_bytes)
{
	CfReadArgs	args = {.key = key, .version = version, .offset = offset, .length = length};
	long		total = 0;
	bool		more,
				done;

	do
	{
		CfChunk		chunk = {.data = out + total, .capacity = chunk_bytes};

		more = finish(cf_storage_read(&cop, &args, &chunk), &done);
		total += chunk.length;
	} while (more);
	return done ? total : -1;
}

static int
conform_count(const char *prefix, int page_size)
{
	CfListPage	page;
	char		token[8192];
	const char *next = NULL;
	int			count = 0;

	do
	{
		if (!drive(cf_storage_list(&cop, prefix, next, page_size, &page)))
			return -1;
		count += page.count;
		next = page.next == NULL ? NULL : strcpy(token, page.next);
	} while (next != NULL);
	return count;
}

static void
conform_small(void)
{
	CfObjectStat stat;
	CfObjectStat again;
	char		out[64] = "";

	ok(conform_put("one/hello", "t-1", "hello, world", &stat), "a small object is created");
	is_int(stat.size_bytes, 12, "its size is told");
	ok(stat.version[0] != '\0', "its version is told");
	ok(drive(cf_storage_stat(&cop, "one/hello", &again)), "it is found");
	is_str(again.version, stat.version, "with the version that was told");
	is_int(again.size_bytes, 12, "and the size");
	is_int(conform_read("one/hello", stat.version, 0, -1, out, sizeof(out)), 12, "it is read whole");
	is_mem(out, "hello, world", 12, "with its bytes");
	is_int(conform_read("one/hello", "", 7, 5, out, 2), 5, "a range is read in small chunks");
	is_mem(out, "world", 5, "with its bytes");
	is_int(conform_read("one/hello", "", 12, -1, out, 4), 0, "a range at the end is empty");
	ok(conform_read("one/hello", "", 13, -1, out, 4) < 0 && cop.err.kind == CF_ERR_INPUT, "one beyond is refused");
	ok(conform_read("one/hello", "1:2:3", 0, -1, out, 4) < 0 && cop.err.kind == CF_ERR_CHANGED,
	   "another version is not read");
	ok(!conform_put("one/hello", "t-2", "other", &again) && cop.err.kind == CF_ERR_EXISTS,
	   "a second create is refused");
	ok(conform_put("one/empty", "t-3", "", &again), "an empty object is created");
	is_int(conform_read("one/empty", again.version, 0, -1, out, 4), 0, "and read");
	ok(!drive(cf_storage_stat(&cop, "one/none", &again)) && cop.err.kind == CF_ERR_NOT_FOUND,
	   "an object that is not there is not found");
}

static void
conform_upload(void)
{
	int64_t		part_bytes = suite->part_bytes;
	CfUploadArgs args = {.key = "two/big", .owner_tag = "job-7", .size_bytes = 2 * part_bytes + 3,
		.part_bytes = part_bytes, .mtime_us = 1500000000000000, .content_type = "", .storage_class = "",
		.metadata = "cf_test=2"};
	CfUpload	upload;
	CfObjectStat sealed;
	CfObjectStat stat;
	char	   *bytes = malloc(args.size_bytes);
	char	   *read = malloc(args.size_bytes);

	for (int64_t i = 0; i < args.size_bytes; i++)
		bytes[i] = (char) (i * 31 + i / 251);
	ok(drive(cf_storage_upload_begin(&cop, &args, &upload)), "an upload begins");
	for (int number = 1; number <= 3; number++)
	{
		CfPart		part = {.number = number, .offset = (number - 1) * part_bytes,
			.length = number < 3 ? part_bytes : 3};

		ok(drive(cf_storage_upload_part(&cop, &upload, &part, bytes + part.offset, part.length)),
		   "part %d is taken", number);
	}
	ok(drive(cf_storage_upload_seal(&cop, &upload, &sealed)), "the upload is sealed");
	ok(!drive(cf_storage_stat(&cop, "two/big", &stat)), "the object does not show before the commit");
	ok(drive(cf_storage_upload_commit(&cop, &upload, &stat)), "and committed");
	is_str(stat.version, sealed.version, "with the version told when it was sealed");
	ok(drive(cf_storage_upload_commit(&cop, &upload, &stat)), "committing again finds our own object");
	is_int(conform_read("two/big", stat.version, 0, -1, read, 4096), args.size_bytes, "it is read whole");
	is_mem(read, bytes, args.size_bytes, "with its bytes");
	ok(drive(cf_storage_upload_abort(&cop, &upload)), "aborting a committed upload does nothing");
	ok(drive(cf_storage_stat(&cop, "two/big", &stat)), "the object is still there");
	args.owner_tag = "job-8";
	ok(!drive(cf_storage_upload_begin(&cop, &args, &upload)) && cop.err.kind == CF_ERR_EXISTS,
	   "an upload to an occupied key is refused before its bytes");
	args.key = "two/other";
	ok(drive(cf_storage_upload_begin(&cop, &args, &upload)) && drive(cf_storage_upload_abort(&cop, &upload)) &&
	   drive(cf_storage_upload_abort(&cop, &upload)), "an upload is aborted, twice");
	ok(!drive(cf_storage_stat(&cop, "two/other", &stat)), "and leaves no object");
	free(bytes);
	free(read);
}

static void
conform_list_and_remove(void)
{
	CfObjectStat stat;
	CfStalePage stale;
	CfRemoved	removed;
	char		key[64];

	for (int i = 0; i < 25; i++)
	{
		snprintf(key, sizeof(key), "list/%d/object-%d", i % 4, i);
		if (!conform_put(key, "l-1", "x", &stat))
			ok(false, "%s: %s", key, cop.err.message);
	}
	is_int(conform_count("list/", 7), 25, "a prefix is listed page by page");
	is_int(conform_count("list/3/", 1000), 6, "and a deeper one");
	is_int(conform_count("list/3/object-1", 1000), 3, "and one that ends inside a name");
	is_int(conform_count("nothing/", 1000), 0, "a prefix without objects is empty");
	ok(drive(cf_storage_stat(&cop, "list/3/object-3", &stat)), "one of them");
	ok(drive(cf_storage_remove(&cop, "list/3/object-3", "1:2:3", "r-1", &removed)) && removed == CF_REMOVED_CHANGED,
	   "is not removed as another version");
	ok(drive(cf_storage_remove(&cop, "list/3/object-3", stat.version, "r-1", &removed)) &&
	   removed == CF_REMOVED_DELETED, "is removed as the version that it is");
	ok(drive(cf_storage_remove(&cop, "list/3/object-3", stat.version, "r-1", &removed)) &&
	   removed == CF_REMOVED_GONE, "and is gone afterwards");
	is_int(conform_count("list/", 7), 24, "the others are there");
	ok(drive(cf_storage_uploads_find(&cop, INT64_MAX, NULL, &stale)) && stale.count == 0, "no upload is left behind");
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
	ok(!conform_put("a/../b", "t", "x", &stat) && cop.err.kind == CF_ERR_INPUT, "a key with \"..\" is refused");
	ok(!drive(cf_storage_remove(&cop, "k", "", "t", &removed)) && cop.err.kind == CF_ERR_INPUT,
	   "a removal without a version is refused");
	ok(!drive(cf_storage_upload_part(&cop, &upload, &part, "x", 1)) && cop.err.kind == CF_ERR_STATE,
	   "a part of an upload that never began is refused");
	ok(!drive(cf_storage_read(&cop, &range, &chunk)) && cop.err.kind == CF_ERR_INPUT, "a negative offset is refused");
	range.offset = 1;
	range.length = INT64_MAX;
	ok(!drive(cf_storage_read(&cop, &range, &chunk)) && cop.err.kind == CF_ERR_INPUT, "a range that overflows too");
	chunk.capacity = 0;
	range.length = 1;
	ok(!drive(cf_storage_read(&cop, &range, &chunk)) && cop.err.kind == CF_ERR_INPUT, "reading into nothing too");
	ok(!drive(cf_storage_list(&cop, "", NULL, 0, &page)) && cop.err.kind == CF_ERR_INPUT, "a page of nothing too");
}

static void
conformance(const Conformance *what)
{
	CfCaps		caps;

	suite = what;
	cf_storage_op_init(&cop, what->place, what->arena);
	cf_storage_caps(what->place, &caps);
	ok(caps.create_only && caps.conditional_delete, "the driver creates only and removes on condition");
	conform_small();
	conform_upload();
	conform_list_and_remove();
	conform_refusals();
	cf_storage_op_end(&cop);
	cf_storage_op_end(&cop);
}

#endif							/* CF_TEST_CONFORMANCE_H */
