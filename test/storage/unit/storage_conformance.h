/*
 * storage_conformance.h
 *		What every driver must do, tried on one place that may be written: the frame, and the table of cases.
 *
 * A driver's program fills a Conformance and calls conformance(). `send` carries out op->request for drivers that ask for it
 * (NULL for those that do their own I/O). A case runs where the capability applies and where the program brought what it
 * needs; one that does not run says so in a line "# skipped NAME: why", which the programs against real servers compare with
 * an expected file. What a server is known not to do is named in `without` with the reason: it is skipped in the same way, so
 * that nothing is left out unseen.
 *
 * The cases are in storage_conform_objects.h (objects in one piece, keys), storage_conform_uploads.h (uploads, copies,
 * classes) and storage_conform_listing.h (listing, removing, refusals of all kinds).
 */
#ifndef CF_TEST_CONFORMANCE_H
#define CF_TEST_CONFORMANCE_H

#include "core/clock.h"
#include "storage/driver.h"

typedef struct Conformance
{
	const CfPlace *place;
	CfArena    *arena;
	void		(*send) (CfOp *op);
	int64_t		part_bytes;		/* a legal size of parts that are not the last; 0 = the smallest that the driver allows */
	int			listing;		/* objects in the long listing; 0 = 25 */
	const CfPlace *other;		/* a second place of this provider, for copies; NULL = none */
	const CfPlace *forbidden;	/* the same place with a wrong secret; NULL = none */
	const CfPlace *elsewhere;	/* the same place with a wrong region; NULL = none */
	const char *const *classes; /* a class that is not the default, another one, the archive; NULL = none */
	void		(*skew) (int64_t us);	/* puts this process's clock off by so much; NULL = cannot */
	const char *const *without; /* "case: reason" of what this server does not do; NULL-terminated, NULL = nothing */
	void		(*skipped) (const char *name, const char *why); /* told of each case that does not run; NULL = nobody */
} Conformance;

static const Conformance *suite;
static CfCaps caps;
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

/* does is a check: the call succeeds. refuses is one too: it fails with an error of that kind. */
#define does(call, ...) __extension__ ({ \
		bool good_ = drive(call); \
		ok(good_, __VA_ARGS__); \
		if (!good_) \
			conform_note(); \
		good_; })
#define refuses_as(k, call, ...) __extension__ ({ \
		bool good_ = drive(call); \
		ok(!good_ && cop.err.kind == (k), __VA_ARGS__); \
		if (good_) \
			note("  it was done"); \
		else if (cop.err.kind != (k)) \
			conform_note(); \
	})

/* conform_note tells why the last operation failed. */
static TAP_UNUSED void
conform_note(void)
{
	note("  %s: %s", cf_error_kind_name(cop.err.kind), cop.err.message);
	if (cop.err.detail[0] != '\0')
		note("  %s", cop.err.detail);
}

/* conform_bytes gives so many bytes that look like nothing in particular, the same for the same seed; freed by the caller. */
static TAP_UNUSED char *
conform_bytes(int64_t size, uint64_t seed)
{
	char	   *bytes = malloc(size + 1);
	uint64_t	x = seed * 0x9e3779b97f4a7c15ULL + 1;

	for (int64_t i = 0; i < size; i++)
	{
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes[i] = (char) (x >> 24);
	}
	bytes[size] = '\0';
	return bytes;
}

static TAP_UNUSED CfDigests
conform_digests(const char *bytes, int64_t size)
{
	CfDigests	digests = {.known = CF_DIGEST_SHA256 | CF_DIGEST_MD5 | CF_DIGEST_CRC32C | CF_DIGEST_CRC64NVME};

	if (!cf_sha256(bytes, size, digests.sha256) || !cf_md5(bytes, size, digests.md5))
		bail("no digests");
	digests.crc32c = cf_crc32c(0, bytes, size);
	digests.crc64nvme = cf_crc64nvme(0, bytes, size);
	return digests;
}

/* conform_vouched is a check: what the store says of the bytes is true. */
static TAP_UNUSED void
conform_vouched(const CfDigests *told, const char *bytes, int64_t size, const char *what)
{
	CfDigests	ours = conform_digests(bytes, size);

	ok(((told->known & CF_DIGEST_SHA256) == 0 || memcmp(told->sha256, ours.sha256, 32) == 0) &&
	   ((told->known & CF_DIGEST_MD5) == 0 || memcmp(told->md5, ours.md5, 16) == 0) &&
	   ((told->known & CF_DIGEST_CRC32C) == 0 || told->crc32c == ours.crc32c) &&
	   ((told->known & CF_DIGEST_CRC64NVME) == 0 || told->crc64nvme == ours.crc64nvme),
	   "%s: the digests that are told are those of its bytes", what);
}

/* conform_args are those of an object as the cases make them. */
static TAP_UNUSED CfUploadArgs
conform_args(const char *key, const char *tag, int64_t size)
{
	return (CfUploadArgs) {.key = key, .owner_tag = tag, .size_bytes = size, .mtime_us = 1500000000000000,
		.content_type = "text/plain", .storage_class = "", .metadata = "cf_file_id=1"};
}

static TAP_UNUSED bool
conform_put(const char *key, const char *tag, const char *text, CfObjectStat *stat)
{
	CfUploadArgs args = conform_args(key, tag, strlen(text));

	return drive(cf_storage_put(&cop, &args, text, strlen(text), stat));
}

/* conform_read reads a range in chunks of so many bytes; -1 = failed. */
static TAP_UNUSED long
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

/* conform_count lists a prefix page by page; -1 = failed. */
static TAP_UNUSED int
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

/* conform_same is a check: the object holds exactly these bytes. */
static TAP_UNUSED void
conform_same(const char *key, const char *version, const char *bytes, int64_t size, const char *what)
{
	size_t		chunk = 1024 * 1024;
	char	   *read = malloc(size + chunk);
	long		got = conform_read(key, version, 0, -1, read, chunk);

	ok(got == size && memcmp(read, bytes, size) == 0, "%s: its bytes come back", what);
	if (got < 0)
		conform_note();
	else if (got != size)
		note("  %ld of %lld bytes", got, (long long) size);
	free(read);
}

/* conform_without tells why a case is left out for this server; NULL = it is not. */
static TAP_UNUSED const char *
conform_without(const char *name)
{
	size_t		length = strlen(name);

	for (const char *const *w = suite->without; w != NULL && *w != NULL; w++)
	{
		if (strncmp(*w, name, length) == 0 && strncmp(*w + length, ": ", 2) == 0)
			return *w + length + 2;
	}
	return NULL;
}

/* conform_skips says that a case does not run, when there is a reason. */
static TAP_UNUSED bool
conform_skips(const char *name, const char *why)
{
	if (why == NULL)
		return false;
	note("skipped %s: %s", name, why);
	if (suite->skipped != NULL)
		suite->skipped(name, why);
	return true;
}

/* conform_remove removes what is there now; quietly, for cleaning up. */
static TAP_UNUSED bool
conform_remove(const char *key)
{
	CfObjectStat stat;
	CfRemoved	removed;

	return drive(cf_storage_stat(&cop, key, &stat)) &&
		drive(cf_storage_remove(&cop, key, stat.version, "cleanup", &removed)) && removed == CF_REMOVED_DELETED;
}

#include "storage/unit/storage_conform_objects.h"
#include "storage/unit/storage_conform_uploads.h"
#include "storage/unit/storage_conform_listing.h"

/* What a case needs: NULL = it runs, else why not. */
static const char *
if_conditional_delete(void)
{
	return caps.conditional_delete ? NULL : "removing is not conditional";
}

static const char *
if_conditional_read(void)
{
	return caps.conditional_read || !caps.remote ? NULL : "reading is not conditional";
}

static const char *
if_fetch(void)
{
	return caps.fetch_max_bytes > 0 ? NULL : "reading does not tell the rest";
}

static const char *
if_remote(void)
{
	return caps.remote ? NULL : "only bytes are kept";
}

static const char *
if_parallel(void)
{
	return caps.parallel_parts ? NULL : "parts go in order";
}

static const char *
if_digests(void)
{
	return caps.digests != 0 ? NULL : "the store checks no digest";
}

static const char *
if_copy(void)
{
	return !caps.server_side_copy ? "no copies by the store" : suite->other == NULL ? "no second place" : NULL;
}

static const char *
if_classes(void)
{
	return !caps.storage_classes || suite->classes == NULL ? "no storage classes" : NULL;
}

static const char *
if_changes(void)
{
	return if_classes() != NULL ? if_classes() : suite->place->driver->set_class == NULL ? "classes cannot be changed" : NULL;
}

static const char *
if_restores(void)
{
	return !caps.restores || suite->classes == NULL ? "nothing is archived" : NULL;
}

static const char *
if_presign(void)
{
	return suite->place->driver->presign != NULL ? NULL : "no presigned URLs";
}

static const char *
if_forbidden(void)
{
	return suite->forbidden != NULL ? NULL : "no second secret";
}

static const char *
if_elsewhere(void)
{
	return suite->elsewhere != NULL ? NULL : "no regions";
}

static const char *
if_skew(void)
{
	return suite->skew != NULL ? NULL : "no clock to put off";
}

static const struct
{
	const char *name;
	const char *(*lacks) (void);
	void		(*run) (void);
}			conform_cases[] = {
	{"small objects", NULL, conform_small},
	{"create only", NULL, conform_create_only},
	{"ranges", NULL, conform_ranges},
	{"pinned reads", if_conditional_read, conform_pinned_reads},
	{"sizes", NULL, conform_sizes},
	{"attributes", if_remote, conform_attributes},
	{"fetched objects", if_fetch, conform_fetched},
	{"hostile keys", NULL, conform_hostile_keys},
	{"keys that look alike", NULL, conform_alike_keys},
	{"uploads", NULL, conform_upload},
	{"small uploads", NULL, conform_small_upload},
	{"resumed uploads", NULL, conform_resumed_upload},
	{"parts side by side", if_parallel, conform_parallel_parts},
	{"uploads that come second", NULL, conform_second_upload},
	{"wrong digests", if_digests, conform_wrong_digest},
	{"aborted uploads", NULL, conform_aborted_upload},
	{"stale uploads", NULL, conform_stale_upload},
	{"copies", if_copy, conform_copy},
	{"conditional copies", if_copy, conform_conditional_copy},
	{"large copies", if_copy, conform_large_copy},
	{"classes", if_classes, conform_classes},
	{"changed classes", if_changes, conform_changed_classes},
	{"archive", if_restores, conform_archive},
	{"listing", NULL, conform_listing},
	{"long listing", NULL, conform_long_listing},
	{"removing", if_conditional_delete, conform_removing},
	{"presigned URLs", if_presign, conform_presign},
	{"refusals", NULL, conform_refusals},
	{"forbidden", if_forbidden, conform_forbidden},
	{"wrong region", if_elsewhere, conform_elsewhere},
	{"clock off", if_skew, conform_clock_off},
};

static void
conformance(const Conformance *what)
{
	suite = what;
	cf_storage_op_init(&cop, what->place, what->arena);
	cf_storage_caps(what->place, &caps);
	ok(caps.create_only, "the driver creates only");
	for (size_t i = 0; i < sizeof(conform_cases) / sizeof(conform_cases[0]); i++)
	{
		const char *name = conform_cases[i].name;
		const char *why = conform_cases[i].lacks == NULL ? NULL : conform_cases[i].lacks();
		int			failed_before = tap_failed;
		int64_t		begun_us = cf_clock_monotonic_us();

		if (conform_skips(name, why == NULL ? conform_without(name) : why))
			continue;
		cop.err = (CfError) {0};
		conform_cases[i].run();
		if (tap_failed != failed_before)
		{
			note("  … in the case \"%s\"; the last error was:", name);
			conform_note();
		}
		if (cf_clock_monotonic_us() - begun_us > 2000000)
			note("  %s took %d s", name, (int) ((cf_clock_monotonic_us() - begun_us) / 1000000));
		cf_storage_op_end(&cop);
		cf_arena_reset(what->arena);
	}
	cf_storage_op_end(&cop);
	cf_storage_op_end(&cop);
}

#endif							/* CF_TEST_CONFORMANCE_H */
