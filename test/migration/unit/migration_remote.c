/*
 * Copying and verifying where an end is remote: requests that somebody else sends, parts side by side, digests that the store
 * tells, taking up an upload whose parts cannot be read back, and copies that the store makes by itself.
 */
#include "harness/tap.h"

#include "migration/unit/migration_store.h"

static void
test_pairs(void)
{
	const size_t sizes[] = {0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, 7 * PART_BYTES + 123};

	for (int pair = 1; pair < 4; pair++)
	{
		bool		good = true;

		for (size_t i = 0; good && i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++)
		{
			store_open(pair & 1, pair & 2, sizes[i / 2]);
			lines = i % 2 == 0 ? 1 : CF_TRANSFER_LINES;
			good = copy(false) && sent_bytes == (int64_t) size && prove() && arrived() &&
				strcmp(verified, pair & 2 ? "crc64nvme" : "readback") == 0 && (digests.known & CF_DIGEST_SHA256);
			if (!good)
				note("%zu bytes: %s", size, err.message);
			move_close();
		}
		ok(good, "every size arrives %s", pair == 1 ? "from a store in a folder" : pair == 2 ? "from a folder in a store" :
		   "from a store in a store");
	}
}

static void
test_lines(void)
{
	store_open(true, true, 8 * PART_BYTES);
	lines = CF_TRANSFER_LINES;
	ok(copy(false) && stores[1].most_on_the_way == CF_TRANSFER_LINES && prove() && arrived(), "parts go side by side");
	move_close();
	store_open(true, true, 8 * PART_BYTES);
	stores[1].caps.parallel_parts = false;
	lines = CF_TRANSFER_LINES;
	ok(copy(false) && stores[1].most_on_the_way == 1 && prove() && arrived(), "one after the other where the store wants that");
	move_close();
	store_open(true, true, 60 * PART_BYTES);
	stores[1].caps.parts_max = 20;
	part_bytes = PART_BYTES;
	stores[1].caps.part_max_bytes = PART_BYTES;
	ok(!copy(false) && err.kind == CF_ERR_RANGE && err.hint[0] != '\0', "an object that would take larger parts than the store has is refused");
	move_close();
}

/* What a store wants to be told of each part, the mover knows, whenever the part comes; it is computed in the pass that is made anyway. */
static void
test_part_digests(void)
{
	const int	kinds[] = {0, CF_DIGEST_CRC64NVME, CF_DIGEST_SHA256, CF_DIGEST_CRC64NVME | CF_DIGEST_SHA256};

	for (int pair = 2; pair < 4; pair++)
	{
		bool		good = true;

		for (int i = 0; i < 8 && good; i++)
		{
			store_open(pair & 1, true, 7 * PART_BYTES + 123);
			stores[1].caps.part_digests = kinds[i / 2];
			lines = i % 2 == 0 ? 1 : CF_TRANSFER_LINES;
			last_first = i % 2 == 1;
			good = copy(false) && !stores[1].misinformed && prove() && arrived() && (digests.known & CF_DIGEST_SHA256);
			move_close();
		}
		ok(good, "the digests of each part are known when it is sent %s", pair == 2 ? "from a folder" : "from a store");
	}
}

static void
test_digests(void)
{
	store_open(false, true, 3 * PART_BYTES);
	readback = true;
	ok(copy(false) && prove() && arrived() && strcmp(verified, "readback") == 0, "whoever wants it has every byte read back");
	move_close();
	store_open(false, true, 3 * PART_BYTES);
	stores[1].mute = true;
	ok(copy(false) && prove() && arrived() && strcmp(verified, "readback") == 0, "so it is where the store tells no digest");
	move_close();
	store_open(false, true, 3 * PART_BYTES);
	stores[1].lies = true;
	ok(copy(false) && !prove() && err.kind == CF_ERR_CHANGED && err.retryable, "a digest that differs is a copy that is of no use");
	move_close();
	store_open(false, true, 500);
	stores[1].caps.digests = CF_DIGEST_MD5;
	ok(copy(false) && prove() && arrived() && strcmp(verified, "md5") == 0, "MD5 serves where the store knows nothing better");
	move_close();
	store_open(false, true, 3 * PART_BYTES);
	ok(copy(false), "somebody flips a bit in what lies at the store");
	stores[1].parts[1][3] ^= 1;
	ok(!prove() && err.kind == CF_ERR_CHANGED, "which the store's own digest tells");
	move_close();
	store_open(false, true, 3 * PART_BYTES);
	ok(copy(false), "somebody cuts the last part");
	stores[1].lengths[2]--;
	ok(!prove(), "which does not pass either");
	move_close();
	store_open(true, false, 10);
	stores[0].archived = true;
	ok(!copy(false) && err.kind == CF_ERR_STATE && transfer.archived, "an archived source must be restored first");
	move_close();
}

/* A mover dies after any step; another takes up what it has left. */
static void
test_dies_after_any_step(void)
{
	static const char *const pairs[] = {NULL, "from a store in a folder", "from a folder in a store", "from a store in a store"};

	for (int pair = 1; pair < 4; pair++)
	{
		bool		good = true;
		bool		thrifty = true;
		bool		hashed = true;
		int			n;

		for (n = 1; good; n++)
		{
			int			had;

			store_open(pair & 1, pair & 2, 6 * PART_BYTES + 500);
			lines = n % 2 == 0 ? 1 : CF_TRANSFER_LINES;
			stop_after = n;
			if (copy(false))
			{
				move_close();
				break;
			}
			good = stopped;
			stop_after = 0;
			had = part_count;
			stores[1].on_the_way = 0;
			good = good && copy(true);
			thrifty &= sent_bytes == (int64_t) size - had * PART_BYTES;
			hashed &= (digests.known & CF_DIGEST_SHA256) != 0 || (pair == 3 && had > 0);
			good = good && prove() && arrived();
			if (!good)
				note("step %d: %s", n, err.message);
			move_close();
		}
		ok(good && n > 10, "a copy %s that was left after any of %d steps is taken up and arrives", pairs[pair], n - 1);
		ok(thrifty, "checkpointed parts are not sent again");
		ok(hashed, pair == 3 ? "its SHA-256 is known unless parts were not read again" : "its SHA-256 is known");
	}
}

/* Each request fails once: the next attempt arrives. */
static void
test_requests_fail(void)
{
	static const char *const verbs[] = {"Head", "Get", "Begin", "Part", "Put", "Commit"};
	bool		good = true;
	int			failures = 0;

	for (size_t v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++)
	{
		for (int n = 1, failed_once = 1; good && failed_once; n++)
		{
			failed_once = 0;
			for (int end = 0; good && end < 2; end++)
			{
				store_open(true, true, strcmp(verbs[v], "Put") == 0 ? 10 : 3 * PART_BYTES + 1);
				lines = CF_TRANSFER_LINES;
				stores[end].fail_verb = verbs[v];
				stores[end].fail_at = n;
				stores[end].fail_kind = CF_ERR_IO;
				if (!copy(false) || !prove())
				{
					failed_once = 1;
					failures++;
					stores[0].on_the_way = stores[1].on_the_way = 0;
					good = err.kind == CF_ERR_IO;
					good = good && (upload_args.key != NULL && digests.known != 0 ? prove() : copy(true) && prove());
				}
				good = good && arrived();
				if (!good)
					note("%s %d at end %d: %s", verbs[v], n, end, err.message);
				upload_args.key = NULL;
				move_close();
			}
		}
	}
	ok(good && failures > 12, "each of %d requests fails once, and the next attempt arrives", failures);
}

static void
test_upload_taken_up(void)
{
	store_open(true, true, 6 * PART_BYTES);
	stop_after = 30;
	copy(false);
	stop_after = 0;
	ok(part_count >= 2, "parts of an upload are left");
	strcpy(stores[0].object.version, "s2");
	ok(copy(true) && sent_bytes == (int64_t) size && prove() && arrived(), "of another version of the source nothing is taken");
	move_close();
	store_open(false, true, 6 * PART_BYTES);
	stop_after = 30;
	copy(false);
	stop_after = 0;
	part_count = part_count > 2 ? 2 : part_count;
	parts[1].digests.crc64nvme ^= 1;
	ok(copy(true) && sent_bytes == (int64_t) size - PART_BYTES && prove() && arrived(),
	   "a checkpoint that is not what is read again does not count");
	move_close();
	store_open(true, true, 6 * PART_BYTES);
	stop_after = 30;
	copy(false);
	stop_after = 0;
	parts[0].digests.known = CF_DIGEST_SHA256;
	ok(copy(true) && sent_bytes == (int64_t) size && prove() && arrived(), "nor does one that no digest can go on from");
	move_close();
	store_open(false, true, 3 * PART_BYTES);
	ok(copy(false), "a copy waits for its commit when the mover dies");
	upload_args = (CfUploadArgs) {.key = KEY, .owner_tag = tag, .size_bytes = (int64_t) size, .part_bytes = PART_BYTES,
		.content_type = "", .storage_class = "", .metadata = "cf_file_id=F\n", .handle = handle};
	upload_complete = false;
	ok(prove() && arrived() && verify.upload.args.mtime_us != 0, "the next one asks the source what the store wants to hear again");
	move_close();
	store_open(true, true, 3 * PART_BYTES);
	ok(copy(false), "so it does");
	upload_args.attributes = (CfAttributes) {0};
	upload_complete = false;
	ok(prove() && strcmp(stores[1].object.type, "text/plain") == 0 && strstr(stores[1].object.metadata, "no-store") != NULL,
	   "of attributes, too");
	move_close();
	store_open(true, true, 3 * PART_BYTES);
	copy(false);
	stores[0].object.there = false;
	upload_complete = false;
	ok(prove() && arrived(), "a source that is gone by then is no reason not to commit");
	move_close();
}

static void
test_by_store(void)
{
	store_open(true, true, 5 * PART_BYTES);
	server_side = true;
	ok(copy(false) && stores[1].copies == 1 && sent_bytes == 0 && handle[0] == '\0', "the store copies by itself");
	ok(prove() && arrived() && strcmp(verified, "crc64nvme") == 0, "and its digests of both prove it");
	ok(strcmp(stores[1].object.type, "text/plain") == 0 && strstr(stores[1].object.metadata, "no-store") != NULL,
	   "content type and attributes go along");
	move_close();
	store_open(true, true, 5 * PART_BYTES);
	server_side = true;
	stores[0].mute = true;
	ok(copy(false) && stores[1].copies == 0 && prove() && arrived(), "not where no digest could prove it");
	move_close();
	store_open(true, true, 5 * PART_BYTES);
	server_side = true;
	stores[1].fail_verb = "Copy";
	stores[1].fail_at = 1;
	stores[1].fail_kind = CF_ERR_UNSUPPORTED;
	ok(copy(false) && sent_bytes == (int64_t) size && prove() && arrived(), "where it cannot, the bytes are streamed");
	move_close();
	store_open(true, true, 5 * PART_BYTES);
	server_side = true;
	stores[1].fail_verb = "Copy";
	stores[1].fail_at = 1;
	stores[1].fail_kind = CF_ERR_DENIED;
	ok(copy(false) && sent_bytes == (int64_t) size && prove() && arrived(), "so they are where it may not read the source");
	move_close();
	store_open(true, true, 5 * PART_BYTES);
	server_side = true;
	copy(false);
	sealed_version[0] = '\0';
	ok(copy(true) && stores[1].copies == 3 && prove() && arrived(), "what a crash has left is made anew");
	move_close();
	store_open(true, true, 5 * PART_BYTES);
	server_side = true;
	copy(false);
	strcpy(tag, "OTHER-1");
	ok(!copy(true) && err.kind == CF_ERR_EXISTS && stores[1].object.there, "what is somebody else's stays");
	move_close();
	store_open(true, true, 5 * PART_BYTES);
	server_side = true;
	copy(false);
	strcpy(stores[1].object.version, "v9");
	ok(!prove() && err.kind == CF_ERR_CHANGED, "another version than the one that was made is not ours");
	move_close();
	store_open(true, true, 5 * PART_BYTES);
	server_side = true;
	stores[0].caps.digests = CF_DIGEST_MD5;
	ok(copy(false) && stores[1].copies == 1 && prove() && arrived() && strcmp(verified, "readback") == 0,
	   "digests of different kinds prove nothing: both are read");
	move_close();
}

/* What the store copies is held against what somebody claims of the source; without that its word will do, or both are read. */
static void
test_unproven(void)
{
	for (int spoilt = 0; spoilt < 2; spoilt++)
	{
		store_open(true, true, 5 * PART_BYTES);
		server_side = stores[0].claims = true;
		stores[1].spoils = spoilt;
		ok(copy(false) && stores[1].copies == 1 && prove() == !spoilt && (spoilt ? err.kind == CF_ERR_CHANGED && err.retryable : arrived() && strcmp(verified, "crc64nvme") == 0),
		   spoilt ? "a copy of other bytes is found" : "a copy is proven by what is claimed of its source");
		move_close();
		store_open(true, true, 5 * PART_BYTES);
		server_side = readback = stores[0].mute = stores[1].mute = true;
		stores[1].spoils = spoilt;
		ok(copy(false) && stores[1].copies == 1 && prove() == !spoilt && (spoilt ? err.kind == CF_ERR_CHANGED && err.retryable : arrived() && strcmp(verified, "readback") == 0),
		   spoilt ? "one of which nothing is known, too" : "where nothing is, both are read by who wants to");
		move_close();
	}
	store_open(true, true, 5 * PART_BYTES);
	server_side = readback = stores[0].mute = true;
	copy(false);
	stores[0].object.length--;
	ok(!prove() && err.kind == CF_ERR_CHANGED, "a source of another size is not what was copied");
	move_close();
	store_open(true, true, 5 * PART_BYTES);
	server_side = readback = stores[0].mute = true;
	copy(false);
	strcpy(stores[0].object.version, "s2");
	ok(!prove() && err.kind == CF_ERR_CHANGED, "nor is another version");
	move_close();
	store_open(true, true, 5 * PART_BYTES);
	server_side = unproven = stores[0].mute = true;
	ok(copy(false) && stores[1].copies == 1 && prove() && arrived() && strcmp(verified, "store") == 0, "or the store's word is taken, and told as such");
	move_close();
	store_open(true, true, 5 * PART_BYTES);
	unproven = stores[1].mute = true;
	ok(copy(false) && stores[1].copies == 0 && prove() && strcmp(verified, "readback") == 0, "but not for what went through our hands");
	move_close();
}

/* rewrite makes another version of the source, of another size. */
static void
rewrite(size_t length)
{
	StoreObject *o = &stores[0].object;

	size = length;
	for (size_t i = 0; i < length; i++)
		bytes[i] ^= 0x55;
	memcpy(o->bytes, bytes, length);
	o->length = length;
	strcpy(o->version, "s2");
}

/* vanish removes the source when the copy has met an object of our own. */
static void
vanish(int step)
{
	(void) step;
	if (transfer.reclaimed || transfer.undoing)
		stores[0].object.there = false;
}

/* overwrite writes over it then. */
static void
overwrite(int step)
{
	(void) step;
	if (transfer.reclaimed || transfer.undoing)
		strcpy(stores[0].object.version, "s3");
}

/* A server that was promoted does not know that the one before it had finished, and has removed the source, maybe. */
static void
test_last_copy(void)
{
	static const char *const ways[] = {"in one request", "in parts", "by the store"};

	for (int way = 0; way < 3; way++)
	{
		for (int what = 0; what < 5; what++)
		{
			bool		good;

			store_open(true, true, way == 1 ? 3 * PART_BYTES + 7 : PART_BYTES / 2);
			server_side = way == 2;
			copy(false);
			prove();
			sealed_version[0] = handle[0] = '\0';
			part_count = 0;
			if (what != 4)
				rewrite(size - 1);
			promoted = what >= 2;
			if (what == 3)
				source_version[0] = '\0';
			between = what == 0 ? vanish : what == 1 ? overwrite : NULL;
			good = copy(true);
			if (what == 4)
				ok(good && prove() && arrived(), "%s, promoted: with the source as the job knows it, it is copied again", ways[way]);
			else
				ok(!good && stores[1].object.there && err.kind == (what == 0 ? CF_ERR_NOT_FOUND : what == 1 ? CF_ERR_CHANGED : CF_ERR_EXISTS) &&
				   (what < 2 || err.hint[0] != '\0'),
				   "%s: our own object stays when %s", ways[way], what == 0 ? "the source is gone by then" :
				   what == 1 ? "the source changes by then" : what == 2 ? "a promoted server finds another version at the source" :
				   "it does not know which one was there");
			move_close();
		}
	}
}

static void
test_own_in_the_way(void)
{
	const size_t sizes[] = {PART_BYTES / 2, PART_BYTES - 1, 3 * PART_BYTES + 7};

	for (size_t i = 0; i < 3; i++)
	{
		store_open(true, true, PART_BYTES / 2);
		copy(false);
		rewrite(sizes[i]);
		sealed_version[0] = '\0';
		ok(copy(true) && prove() && arrived(), "an object of our own, of a source that is no more, gives way to %zu bytes", size);
		move_close();
	}
	store_open(true, true, PART_BYTES / 2);
	copy(false);
	rewrite(PART_BYTES / 2);
	strcpy(tag, "OTHER-1");
	ok(!copy(true) && err.kind == CF_ERR_EXISTS && stores[1].object.there && stores[1].object.bytes[0] != bytes[0],
	   "one of somebody else stays");
	move_close();
	store_open(true, true, PART_BYTES / 2);
	copy(false);
	rewrite(PART_BYTES / 2);
	stores[1].fail_verb = "Abort";
	stores[1].fail_at = 1;
	stores[1].fail_kind = CF_ERR_IO;
	ok(!copy(true) && err.kind == CF_ERR_IO, "what cannot be removed is said");
	move_close();
}

/* fetch_open makes a move whose source is known as the catalog has it. */
static void
fetch_open(bool remote_dest, size_t length)
{
	store_open(true, remote_dest, length);
	strcpy(source_version, "s1");
	known_bytes = (int64_t) length;
}

/* What is small and known is looked at and read by one request, and what that read needs no second look. */
static void
test_fetched(void)
{
	for (int to = 0; to < 2; to++)
	{
		fetch_open(to, PART_BYTES - 1);
		source_held = true;
		ok(copy(false) && transfer.fetched && prove() && arrived() && (digests.known & CF_DIGEST_SHA256) && sent_bytes == (int64_t) size,
		   "a small object whose version is known arrives %s", to ? "in a store" : "in a folder");
		is_int(stores[0].requests, 1, "by one request of its source");
		ok(!to || strcmp(stores[1].object.type, "text/plain") == 0, "with its type");
		move_close();
	}
	fetch_open(true, PART_BYTES - 1);
	ok(copy(false) && prove() && stores[0].requests == 2, "the source is looked at again where that was asked for");
	move_close();
	fetch_open(true, PART_BYTES - 1);
	server_side = true;
	ok(copy(false) && !transfer.fetched && stores[1].copies == 1, "what the store may copy by itself is looked at");
	move_close();
	fetch_open(true, PART_BYTES - 1);
	server_side = true;
	stores[1].caps.copy_conditional = false;
	ok(copy(false) && transfer.fetched && stores[1].copies == 0, "not where it may not");
	move_close();
}

/* Whatever differs from what was known, the copy is that of the source as it is now. */
static void
test_fetched_in_vain(void)
{
	fetch_open(true, PART_BYTES - 1);
	strcpy(stores[0].object.version, "s2");
	ok(copy(false) && !transfer.fetched && prove() && arrived() && strcmp(source_version, "s2") == 0, "another version than the known one is looked at and copied");
	is_int(stores[0].requests, 4, "at the price of one request");
	move_close();
	fetch_open(false, 3 * PART_BYTES);
	known_bytes = PART_BYTES / 2;
	lines = CF_TRANSFER_LINES;
	ok(copy(false) && !transfer.fetched && prove() && arrived(), "a larger one gets the buffers that it takes");
	move_close();
	fetch_open(true, PART_BYTES / 2);
	known_bytes = PART_BYTES;
	ok(copy(false) && !transfer.fetched && prove() && arrived(), "so does a smaller one");
	move_close();
	fetch_open(false, 2 * PART_BYTES);
	ok(copy(false) && !transfer.fetched && stores[0].requests == 3 && prove() && arrived(), "what does not fit into one part is not fetched");
	move_close();
	fetch_open(false, 10);
	stores[0].archived = true;
	ok(!copy(false) && err.kind == CF_ERR_STATE && transfer.archived, "what is archived is seen to be");
	move_close();
	fetch_open(false, 10);
	stores[0].object.there = false;
	ok(!copy(false) && err.kind == CF_ERR_NOT_FOUND, "what is gone, too");
	move_close();
	fetch_open(false, 10);
	stores[0].fail_verb = "Fetch";
	stores[0].fail_at = 1;
	stores[0].fail_kind = CF_ERR_IO;
	ok(!copy(false) && err.kind == CF_ERR_IO && stores[0].requests == 1, "what is an error of the store is one of this attempt");
	move_close();
	fetch_open(false, 0);
	ok(copy(false) && !transfer.fetched && prove() && arrived(), "nothing is not fetched");
	move_close();
	fetch_open(false, 10);
	stores[0].caps.conditional_read = false;
	ok(copy(false) && !transfer.fetched && prove() && arrived(), "nor where a store does not read on condition");
	move_close();
	fetch_open(false, 10);
	ok(copy(true) && !transfer.fetched && prove() && arrived(), "nor by whoever takes up an earlier attempt");
	move_close();
	fetch_open(false, 10);
	promoted = true;
	ok(copy(false) && !transfer.fetched && prove() && arrived(), "nor by a server that was promoted");
	move_close();
}

static void
test_texts(void)
{
	CfDigests	had = {.known = CF_DIGEST_CRC64NVME | CF_DIGEST_CRC32C | CF_DIGEST_MD5, .crc64nvme = 0x0123456789abcdefULL,
		.crc32c = 0xdeadbeef, .md5 = {1, 2, 0xff}};
	CfDigests	got = {0};
	char		text[CF_SUMS_TEXT_BYTES];

	cf_digests_print(&had, text);
	is_str(text, "crc64nvme=0123456789abcdef crc32c=deadbeef md5=0102ff00000000000000000000000000", "digests as text");
	cf_digests_parse(text, &got);
	ok(got.known == had.known && cf_digests_compare(&had, &got) == had.known, "and back");
	got.known = 0;
	cf_digests_parse("crc64nvme=012 crc32c=xyz md5=01", &got);
	is_int(got.known, 0, "what is malformed is left out");
	cf_digests_print(&got, text);
	is_str(text, "", "none is no text");
	is_str(cf_digests_name(CF_DIGEST_SHA256 | CF_DIGEST_MD5), "sha256", "the strongest kind gives its name");
	is_str(cf_digests_name(CF_DIGEST_CRC32C), "crc32c", "whichever that is");
	is_str(cf_digests_name(0), "", "none has none");
	had.known = got.known = CF_DIGEST_MD5;
	memcpy(got.md5, had.md5, sizeof(got.md5));
	got.md5[15] = 1;
	is_int(cf_digests_compare(&had, &got), -1, "one that differs is enough");
}

int
main(void)
{
	test_pairs();
	test_lines();
	test_part_digests();
	test_digests();
	test_dies_after_any_step();
	test_requests_fail();
	test_upload_taken_up();
	test_by_store();
	test_unproven();
	test_own_in_the_way();
	test_last_copy();
	test_fetched();
	test_fetched_in_vain();
	test_texts();
	return done_testing();
}
