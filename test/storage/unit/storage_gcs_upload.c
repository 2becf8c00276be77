/*
 * storage_gcs_upload.c: uploads, copies and class changes on Google Cloud Storage survive what the network, the store and the
 * process do to them: each answer lost once, each request refused once, each allocation failing once, a new process after each
 * request. Whatever fails: the object exists once, whole and as described, or not at all, and the same work repeated ends well.
 */
#include "harness/tap.h"
#include "storage/unit/storage_gcs_store.h"

#define PARTS 34				/* more than one compose takes */
#define PART_BYTES 10
#define BYTES (PARTS * PART_BYTES - 3)

static CfArena arena;
static CfOp op;
static char bytes[BYTES + 1];
static const char *class_wanted = "STANDARD";
static int	alloc_fail_at;
static int	json_fail_at;
static int	stop_at;				/* the process ends before this request of the flow */
static bool stopped;
static CfUpload upload;
static bool failing;
static bool building;			/* the first request of an operation is being built */

static void *
failing_alloc(void *ctx, size_t size)
{
	(void) ctx;
	return failing && alloc_fail_at > 0 && --alloc_fail_at == 0 ? NULL : malloc(size);
}

static void
failing_free(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

/* json_alloc fails while requests are built. Answers are left alone: jansson's parser frees what it has not when memory is short. */
static void *
json_alloc(size_t size)
{
	return failing && building && json_fail_at > 0 && --json_fail_at == 0 ? NULL : malloc(size);
}

static const CfAllocator allocator = {failing_alloc, failing_free, NULL};

/* step drives an operation; false also when the process is to end before a request. */
static bool
step(CfStep what, bool *done)
{
	*done = what == CF_STEP_DONE;
	if (what == CF_STEP_SEND)
	{
		if (stop_at > 0 && store_requests + 1 == stop_at)
		{
			stopped = true;
			return false;
		}
		failing = building = false;
		store_send(&op);
		failing = true;
	}
	return what == CF_STEP_SEND || what == CF_STEP_AGAIN;
}

#define run(call) __extension__ ({ bool done_; failing = building = true; while (step((call), &done_)) ; failing = false; done_; })

static CfUploadArgs
args_of(const char *key, int64_t size, int64_t part)
{
	return (CfUploadArgs) {.key = key, .owner_tag = "job-1", .size_bytes = size, .part_bytes = part,
		.content_type = "text/plain", .storage_class = class_wanted, .metadata = "cf_file_id=f1\n",
		.attributes = {.cache_control = "no-cache", .metadata = "colour=blue\ncf_old=1\n", .content_language = "de"}};
}

/* fresh makes a new process: nothing is left but the store and what a mover would have checkpointed. */
static void
fresh(void)
{
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	cf_arena_init(&arena, &allocator, 1024, 0);
	cf_storage_op_init(&op, &store_place, &arena);
}

/* upload_parts does a whole upload; what fails is repeated by the caller with resume. */
static bool
upload_parts(bool resume, CfObjectStat *stat)
{
	static CfUploadArgs args;
	int			number;

	args = args_of("big", BYTES, PART_BYTES);
	args.resume = resume;
	if (!run(cf_storage_upload_begin(&op, &args, &upload)))
		return false;
	for (number = (int) (upload.stored_bytes / PART_BYTES) + 1; number <= PARTS && upload.stored_bytes < BYTES; number++)
	{
		CfPart		part = {.number = number, .offset = (number - 1) * PART_BYTES, .length = PART_BYTES};

		if (part.offset + part.length > BYTES)
			part.length = BYTES - part.offset;
		if (!run(cf_storage_upload_part(&op, &upload, &part, bytes + part.offset, part.length)))
			return false;
		if (part.token[0] == '\0' || part.digests.crc32c != cf_crc32c(0, bytes + part.offset, part.length))
			ok(false, "part %d tells its generation and checksum", number);
	}
	upload.digests = (CfDigests) {.known = CF_DIGEST_CRC32C, .crc32c = cf_crc32c(0, bytes, BYTES)};
	return run(cf_storage_upload_seal(&op, &upload, stat)) && run(cf_storage_upload_commit(&op, &upload, stat));
}

static bool
upload_small(bool resume, CfObjectStat *stat)
{
	static CfUploadArgs args;
	CfPart		part = {.number = 1, .length = BYTES};

	args = args_of("big", BYTES, BYTES);
	args.resume = resume;
	return run(cf_storage_upload_begin(&op, &args, &upload)) &&
		run(cf_storage_upload_part(&op, &upload, &part, bytes, BYTES)) &&
		run(cf_storage_upload_seal(&op, &upload, stat)) && run(cf_storage_upload_commit(&op, &upload, stat));
}

static bool
put_whole(bool resume, CfObjectStat *stat)
{
	CfUploadArgs args = args_of("big", BYTES, 0);

	(void) resume;
	return run(cf_storage_put(&op, &args, bytes, BYTES, stat));
}

static bool
copy_whole(bool resume, CfObjectStat *stat)
{
	CfUploadArgs args = args_of("big", BYTES, 0);
	StoreObject *source = store_find("bucket", "source");
	char		version[32];
	char		token[CF_STORAGE_COPY_TOKEN] = "";

	(void) resume;
	if (source == NULL)
	{
		source = store_create("bucket", "source", memcpy(malloc(BYTES), bytes, BYTES), BYTES, json_object());
		store_rewrite_calls = 3;
	}
	store_rewrite_count = 0;
	snprintf(version, sizeof(version), "%" PRId64, source->generation);
	return run(cf_storage_copy(&op, &store_place, "source", version, &args, token, stat));
}

/* change_class moves the object to another class, where it may already be after an answer that was lost for good. */
static bool
change_class(bool resume, CfObjectStat *stat)
{
	static char version[32];

	if (!resume && store_find("bucket", "big") == NULL)
	{
		CfUploadArgs args = args_of("big", BYTES, 0);
		json_t	   *resource = NULL;

		args.storage_class = "NEARLINE";
		failing = false;
		cf_storage_op_request(&op, "GET", "x");
		resource = cf_gcs_resource(&op, &args, "NEARLINE");
		store_create("bucket", "big", memcpy(malloc(BYTES), bytes, BYTES), BYTES, resource);
		snprintf(version, sizeof(version), "%" PRId64, store_find("bucket", "big")->generation);
	}
	store_rewrite_count = 0;
	return run(cf_storage_set_class(&op, "big", version, class_wanted, NULL, stat));
}

/* whole tells whether the object is as it was sent and described, in its class. */
static bool
whole(const CfObjectStat *stat)
{
	StoreObject *object = store_find("bucket", "big");
	json_t	   *metadata = object == NULL ? NULL : json_object_get(object->resource, "metadata");
	char		version[32];

	if (object == NULL || object->size != BYTES || memcmp(object->data, bytes, BYTES) != 0)
		return false;
	snprintf(version, sizeof(version), "%" PRId64, object->generation);
	return strcmp(stat->version, version) == 0 && stat->size_bytes == BYTES &&
		stat->digests.crc32c == cf_crc32c(0, bytes, BYTES) &&
		strcmp(cf_json_text(object->resource, "storageClass"), class_wanted) == 0 &&
		strcmp(cf_json_text(object->resource, "contentType"), "text/plain") == 0 &&
		strcmp(cf_json_text(object->resource, "cacheControl"), "no-cache") == 0 &&
		strcmp(cf_json_text(object->resource, "contentLanguage"), "de") == 0 &&
		strcmp(cf_json_text(metadata, "cf_owner_tag"), "job-1") == 0 &&
		strcmp(cf_json_text(metadata, "cf_file_id"), "f1") == 0 && strcmp(cf_json_text(metadata, "colour"), "blue") == 0 &&
		json_object_size(metadata) == 3;
}

typedef bool (*Flow) (bool resume, CfObjectStat *stat);

/* intact tells whether what is under the key, if anything, is whole. */
static bool
intact(void)
{
	StoreObject *object = store_find("bucket", "big");

	return object == NULL || (object->size == BYTES && memcmp(object->data, bytes, BYTES) == 0);
}

static void
begin(void)
{
	store_reset();
	fresh();
	alloc_fail_at = json_fail_at = stop_at = 0;
	stopped = false;
	memset(&upload, 0, sizeof(upload));
}

/* answers_lost lets each request of a flow arrive twice. */
static void
answers_lost(const char *name, Flow flow)
{
	CfObjectStat stat;
	int			requests;
	int			bad = 0;

	begin();
	ok(flow(false, &stat) && whole(&stat), "%s, to class %s", name, class_wanted);
	if (!whole(&stat))
		note("%s: %s", op.err.message, op.err.detail);
	requests = store_requests;
	is_int(store_size(".cloudflux/"), 0, "%s leaves no part behind", name);
	for (int n = 1; n <= requests; n++)
	{
		begin();
		store_lose_at = n;
		if (flow(false, &stat) && whole(&stat) && store_size(".cloudflux/") == 0)
			continue;
		if (intact() && flow(true, &stat) && whole(&stat) && store_size(".cloudflux/") == 0)
			continue;
		note("request %d: %s: %s", n, cf_error_kind_name(op.err.kind), op.err.message);
		bad++;
	}
	is_int(bad, 0, "%s survives that each of its %d requests arrives twice", name, requests);
}

/* requests_refused fails each request of a flow once, before or after its work. */
static void
requests_refused(const char *name, Flow flow, int status, bool work_done)
{
	CfObjectStat stat;
	int			requests;
	int			bad = 0;

	begin();
	flow(false, &stat);
	requests = store_requests;
	for (int n = 1; n <= requests; n++)
	{
		begin();
		store_fail_at = n;
		store_fail_status = status;
		store_fail_done = work_done;
		store_fail_body = n % 2 == 0 ? "<html>busy</html>" : NULL;
		if (flow(false, &stat) && whole(&stat))
			continue;			/* cleaning up may fail */
		if (!intact())
			note("request %d left half an object", n);
		store_fail_at = 0;
		if (flow(true, &stat) && whole(&stat))
			continue;
		note("request %d: %s: %s (%s)", n, cf_error_kind_name(op.err.kind), op.err.message, op.err.detail);
		bad++;
	}
	is_int(bad, 0, "%s is repeated after each of its requests failed with %d%s", name, status,
		   work_done ? " although it was carried out" : "");
}

/* allocations_fail fails each allocation of a flow, of the driver's or of jansson's. */
static void
allocations_fail(const char *name, Flow flow, int *counter)
{
	CfObjectStat stat;
	int			bad = 0;
	int			n = 0;
	bool		ran_out = true;

	for (n = 1; ran_out && n < 20000; n += n < 60 ? 1 : 43)
	{
		bool		done;

		begin();
		*counter = n;
		done = flow(false, &stat);
		ran_out = *counter == 0;
		*counter = 0;
		if (done && whole(&stat))
			continue;
		if (!done && intact() && op.err.message[0] != '\0')
		{
			fresh();
			if (flow(true, &stat) && whole(&stat))
				continue;
		}
		note("allocation %d: %s: %s (%s)", n, cf_error_kind_name(op.err.kind), op.err.message, op.err.detail);
		bad++;
	}
	ok(!ran_out, "more allocations than %s takes were tried", name);
	is_int(bad, 0, "%s is repeated after each of its allocations failed", name);
}

/* processes_end ends the process before each request of a flow. */
static void
processes_end(const char *name, Flow flow)
{
	CfObjectStat stat;
	int			requests;
	int			bad = 0;

	begin();
	flow(false, &stat);
	requests = store_requests;
	for (int n = 2; n <= requests; n++)
	{
		begin();
		stop_at = n;
		flow(false, &stat);
		stop_at = 0;
		fresh();
		if (stopped && intact() && flow(true, &stat) && whole(&stat))
			continue;
		note("request %d: %s: %s", n, cf_error_kind_name(op.err.kind), op.err.message);
		bad++;
	}
	is_int(bad, 0, "%s goes on in a new process, wherever the old one ended", name);
}

static void
all_of(const char *name, Flow flow)
{
	static int *const counters[] = {&alloc_fail_at, &json_fail_at};

	answers_lost(name, flow);
	requests_refused(name, flow, 503, false);
	requests_refused(name, flow, 503, true);
	processes_end(name, flow);
	for (int i = 0; i < 2; i++)
		allocations_fail(name, flow, counters[i]);
}

int
main(void)
{
	json_set_alloc_funcs(json_alloc, free);
	cf_arena_init(&arena, &allocator, 1024, 0);
	cf_storage_op_init(&op, &store_place, &arena);
	for (int i = 0; i < BYTES; i++)
		bytes[i] = (char) (i * 37 + i / 11);
	all_of("a put", put_whole);
	all_of("an upload in one request", upload_small);
	all_of("an upload in parts", upload_parts);
	class_wanted = "COLDLINE";
	answers_lost("an upload in parts", upload_parts);
	processes_end("an upload in parts", upload_parts);
	answers_lost("a copy", copy_whole);
	requests_refused("a copy", copy_whole, 503, false);
	requests_refused("a copy", copy_whole, 503, true);
	allocations_fail("a copy", copy_whole, &alloc_fail_at);
	allocations_fail("a copy", copy_whole, &json_fail_at);
	answers_lost("a change of class", change_class);
	requests_refused("a change of class", change_class, 503, false);
	allocations_fail("a change of class", change_class, &alloc_fail_at);
	allocations_fail("a change of class", change_class, &json_fail_at);
	store_reset();
	cf_storage_op_end(&op);
	cf_arena_free(&arena);
	cf_arena_free(&store_arena);
	return done_testing();
}
