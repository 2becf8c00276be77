/*
 * storage_faults.c
 *		A driver and the engine against a scripted peer that misbehaves at random: every operation ends in success or in a clean
 *		error, and afterwards the store holds what a model says.
 *
 *	storage_faults FAULTS [SEED]	environment: what test/harness/servers wrote for peer-s3, peer-azure or peer-gcs
 *
 * Operations on a dozen keys are drawn from the seed; the peer draws its faults from it too, until it has played FAULTS. After
 * each operation the peer tells, behind the back of the protocol, what it holds, and which faults it has played meanwhile:
 *
 * - No other key than the operation's own has changed.
 * - A create that succeeded left exactly our bytes, where nothing was before. One that failed left nothing or our bytes, and
 *	 what was there before is there still.
 * - A removal under another version's pin removed nothing; one that failed left the object whole or gone.
 * - Bytes that were read are those of the pinned version, or the digests that were told for it show that they are not: a bit
 *	 turned on the way is for who compares digests to find, without TLS nothing else can.
 * - A listing is complete; an error has a kind and a message, and no secret in it.
 *
 * Some faults are plain lies (an older state, another ETag, another body of the same length): an operation that met one may
 * report what it was told; what is then in the store is judged all the same.
 */
#include "harness/tap.h"

#include "core/arena.h"
#include "core/clock.h"
#include "net/ratelimit.h"
#include "security/security.h"
#include "storage/conformance/storage_peer.h"
#include "storage/conformance/storage_server.h"

#define KEYS 12
#define VIOLATIONS_SHOWN 40
#define SLOW_US 2000000			/* operations that take longer are told: nothing here should wait */
#define SMALLEST 16				/* bytes: two objects must differ */

/* What may lie under a key after an operation. */
#define MAY_BEFORE 1
#define MAY_NOTHING 2
#define MAY_OURS 4

typedef struct Object
{
	char		key[32];
	bool		present;
	bool		spoilt;			/* its bytes are not those of seed: a bit was turned on the way in, and told */
	uint64_t	seed;
	int64_t		size_bytes;
	char		sha256[CF_HEX_BYTES(32)];
	char		version[CF_STORAGE_VERSION_MAX + 1];	/* as the driver tells it; "" = not known */
	char		older[CF_STORAGE_VERSION_MAX + 1];	/* of an object that is no more under this key */
	CfDigests	digests;		/* what the store vouched for */
} Object;

typedef struct Run
{
	CfPlace    *place;
	CfCaps		caps;
	CfArena		arena;
	CfOp		op;
	struct CfNetShared *shared;
	Object		objects[KEYS];
	Object	   *target;
	Object		ours;			/* what the operation tries to make of the target */
	uint64_t	random;
	uint64_t	created;		/* seeds so far */
	int			faults;			/* played so far */
	json_t	   *played;			/* by kind, before the operation */
	bool		lied;			/* this operation met a lie */
	bool		turned;			/* this operation met a turned bit */
	bool		removed_blind;	/* this operation met an answer that looks like a success from nowhere */
	const char *verb;
	int			done[16];
	int			failed[16];
	int			misjudged;		/* refused for a reason that was not so */
	int			found;			/* turned bits that digests showed */
	int			violations;
	char		met[200];		/* the faults of this operation, by name */
} Run;

static Run	run;

static uint64_t
draw(uint64_t below)
{
	return cf_retry_random(&run.random) % below;
}

static void __attribute__((format(printf, 1, 2)))
violation(const char *format, ...)
{
	va_list		args;

	if (run.violations++ >= VIOLATIONS_SHOWN)
		return;
	printf("# %s of %s after %d faults: ", run.verb, run.target == NULL ? "all" : run.target->key, run.faults);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n#   met:%s\n#   %s: %s. %s\n", run.met, cf_error_kind_name(run.op.err.kind), run.op.err.message, run.op.err.detail);
}

/* bytes_of gives the bytes of an object, freed by the caller. */
static char *
bytes_of(const Object *object)
{
	char	   *bytes = malloc((size_t) object->size_bytes);
	uint64_t	state = object->seed;

	for (int64_t i = 0; i < object->size_bytes; i += 8)
	{
		uint64_t	bits = cf_retry_random(&state);

		memcpy(bytes + i, &bits, object->size_bytes - i < 8 ? (size_t) (object->size_bytes - i) : 8);
	}
	return bytes;
}

static CfDigests
digests_of(const char *bytes, int64_t size)
{
	CfDigests	digests = {.known = CF_DIGEST_SHA256 | CF_DIGEST_MD5 | CF_DIGEST_CRC32C | CF_DIGEST_CRC64NVME};

	if (!cf_sha256(bytes, (size_t) size, digests.sha256) || !cf_md5(bytes, (size_t) size, digests.md5))
		bail("no digests");
	digests.crc32c = cf_crc32c(0, bytes, (size_t) size);
	digests.crc64nvme = cf_crc64nvme(0, bytes, (size_t) size);
	return digests;
}

/* differ tells whether digests show that two pieces of bytes are not the same. */
static bool
differ(const CfDigests *a, const CfDigests *b)
{
	int			both = a->known & b->known;

	return ((both & CF_DIGEST_SHA256) && memcmp(a->sha256, b->sha256, 32) != 0) ||
		((both & CF_DIGEST_MD5) && memcmp(a->md5, b->md5, 16) != 0) ||
		((both & CF_DIGEST_CRC32C) && a->crc32c != b->crc32c) ||
		((both & CF_DIGEST_CRC64NVME) && a->crc64nvme != b->crc64nvme);
}

/* begin takes a new object for the target, to be made of fresh bytes. */
static char *
begin(Object *target, int64_t size)
{
	char	   *bytes;
	uint8_t		digest[32];

	run.target = target;
	run.ours = *target;
	run.ours.seed = ++run.created * 1000003;
	run.ours.size_bytes = size;
	run.ours.spoilt = false;
	bytes = bytes_of(&run.ours);
	if (!cf_sha256(bytes, (size_t) size, digest))
		bail("no digest");
	cf_hex_encode(digest, 32, run.ours.sha256);
	return bytes;
}

/* step carries out what a step asks for: true = go on calling. */
static bool
step(CfStep what)
{
	if (what == CF_STEP_SEND)
		server_send(&run.op);
	return what == CF_STEP_AGAIN || what == CF_STEP_SEND;
}

#define drive(call) __extension__ ({ CfStep s_; while (step(s_ = (call))) ; s_ == CF_STEP_DONE; })

/* fresh starts an operation from what a crash would leave: nothing. Limits and breakers of the engine begin anew. */
static void
fresh(const char *verb)
{
	cf_storage_op_end(&run.op);
	cf_arena_reset(&run.arena);
	cf_storage_op_init(&run.op, run.place, &run.arena);
	memset(run.shared, 0, sizeof(*run.shared));
	memset(&run.op.err, 0, sizeof(run.op.err));
	run.verb = verb;
	run.target = NULL;
}

/* count notes how an operation ended, and judges its error. */
static void
count(int kind, bool good)
{
	const CfError *err = &run.op.err;

	(good ? run.done : run.failed)[kind]++;
	if (good)
		return;
	if (err->kind == CF_ERR_NONE || err->kind >= CF_ERR_KINDS || err->message[0] == '\0')
		violation("an error that says nothing");
	for (int i = 0; i < run.place->credentials->count; i++)
	{
		const char *secret = run.place->credentials->items[i].value;

		if (strcmp(run.place->credentials->items[i].name, "access_key_id") != 0 &&
			(strstr(err->message, secret) != NULL || strstr(err->detail, secret) != NULL || strstr(err->hint, secret) != NULL))
			violation("an error that tells a secret");
	}
	if (strstr(err->detail, "ya29.") != NULL || strstr(err->message, "ya29.") != NULL || strstr(err->detail, "BEGIN PRIVATE") != NULL)
		violation("an error that tells a token");
}

/* played_now tells how often a kind was played during the operation. */
static bool
played_now(const json_t *played, const char *kind)
{
	return json_integer_value(json_object_get(played, kind)) > json_integer_value(json_object_get(run.played, kind));
}

/* look asks the peer what it holds now, and what it has played; released by the caller. */
static json_t *
look(void)
{
	static const char *const lies[] = {"stale", "wrong_etag", "mutate", "garbage", "flip_bit"};
	char		path[300];
	const char *kind;
	json_t	   *told;
	json_t	   *played;
	json_t	   *times;

	snprintf(path, sizeof(path), "objects?bucket=%s", run.place->bucket);
	told = peer_ask("GET", path, "");
	played = json_object_get(told, "played");
	run.lied = false;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		run.lied = run.lied || played_now(played, lies[i]);
	run.turned = played_now(played, "flip_request");
	run.met[0] = '\0';
	json_object_foreach(played, kind, times)
	{
		if (played_now(played, kind) && strlen(run.met) + strlen(kind) + 2 < sizeof(run.met))
			sprintf(run.met + strlen(run.met), " %s", kind);
	}
	run.removed_blind = played_now(played, "noise");
	json_decref(run.played);
	run.played = json_incref(played);
	run.faults = (int) json_integer_value(json_object_get(told, "total"));
	if (json_integer_value(json_object_get(told, "trapped")) > 0)
		violation("a redirect was followed");
	return told;
}

/* held finds a key in what the peer holds: its SHA-256, NULL = not there. */
static const char *
held(const json_t *told, const char *key)
{
	size_t		i;
	json_t	   *object;

	json_array_foreach(json_object_get(told, "objects"), i, object)
	{
		if (strcmp(json_string_value(json_object_get(object, "key")), key) == 0)
			return json_string_value(json_object_get(object, "sha256"));
	}
	return NULL;
}

/* relearn lets the driver tell version and digests of an object, while the peer behaves. */
static void
relearn(Object *object)
{
	CfObjectStat stat;

	peer_tell("POST", "pause", "{\"paused\": true}");
	memset(run.shared, 0, sizeof(*run.shared));
	cf_storage_op_end(&run.op);
	/* A token that a fault has spoilt is renewed by the next call. */
	if (drive(cf_storage_stat(&run.op, object->key, &stat)) ||
		(run.op.err.retryable && drive(cf_storage_stat(&run.op, object->key, &stat))))
	{
		if (object->version[0] != '\0' && !cf_storage_version_same(run.place, stat.version, object->version))
			memcpy(object->older, object->version, sizeof(object->older));
		snprintf(object->version, sizeof(object->version), "%s", stat.version);
		object->digests = stat.digests;
		if (stat.size_bytes != object->size_bytes)
			violation("the store says %lld bytes, not %lld", (long long) stat.size_bytes, (long long) object->size_bytes);
	}
	else
		violation("what the store holds is not found, without any fault");
	peer_tell("POST", "pause", "{\"paused\": false}");
}

/* ours_in counts the objects below our prefix; what lies elsewhere is an upload that is not finished. */
static int
ours_in(const json_t *told)
{
	int			n = 0;
	size_t		i;
	json_t	   *object;

	json_array_foreach(json_object_get(told, "objects"), i, object)
		n += strncmp(json_string_value(json_object_get(object, "key")), "f/", 2) == 0;
	return n;
}

/* settle compares the store with what it may hold after the operation, and makes the model what it is. */
static void
settle(const json_t *told, int may, bool relearn_it)
{
	int			count_now = 0;

	for (int i = 0; i < KEYS; i++)
	{
		Object	   *object = &run.objects[i];
		const char *sha256 = held(told, object->key);

		count_now += sha256 != NULL;
		if (object != run.target)
		{
			if (object->present ? sha256 == NULL || strcmp(sha256, object->sha256) != 0 : sha256 != NULL)
				violation("%s is %s now", object->key, sha256 == NULL ? "gone" : "another");
			continue;
		}
		if (sha256 == NULL)
		{
			if (!(may & MAY_NOTHING) && !((may & MAY_BEFORE) && !object->present))
				violation("the object is lost");
			object->present = false;
			continue;
		}
		if (object->present && strcmp(sha256, object->sha256) == 0)
		{
			if (!(may & MAY_BEFORE))
				violation("the object is there as before");
			if (relearn_it)
				relearn(object);
			continue;
		}
		if (object->present && !run.ours.spoilt)
			violation("what was there has been overwritten");
		if (strcmp(sha256, run.ours.sha256) != 0 && !run.ours.spoilt)
			violation("other bytes than ours are there");
		else if (!(may & MAY_OURS))
			violation("our object is there");
		memcpy(run.ours.older, object->older, sizeof(run.ours.older));
		memcpy(run.ours.version, object->version, sizeof(run.ours.version));
		*object = run.ours;
		snprintf(object->sha256, sizeof(object->sha256), "%s", sha256);
		object->present = true;
		relearn(object);
	}
	if (count_now != ours_in(told))
		violation("there are objects that nobody made");
}

/* created judges a create of run.ours that ended so. */
static void
created(int kind, bool good, const CfDigests *vouched)
{
	json_t	   *told = look();
	const char *sha256 = held(told, run.target->key);
	bool		was = run.target->present;
	int			may = was ? MAY_BEFORE : good ? MAY_OURS : MAY_NOTHING | MAY_OURS;

	count(kind, good || (was && run.op.err.kind == CF_ERR_EXISTS));
	if (good && was)
		violation("the create succeeded where somebody was");
	if (!good && run.op.err.kind == CF_ERR_EXISTS && !was)
		run.misjudged++;
	if (run.turned && !was && sha256 != NULL && strcmp(sha256, run.ours.sha256) != 0)
	{
		char	   *bytes = bytes_of(&run.ours);
		CfDigests	real = digests_of(bytes, run.ours.size_bytes);

		if (good && (vouched == NULL || !differ(vouched, &real)))
			violation("a bit was turned on the way, and nobody noticed");
		run.found++;
		run.ours.spoilt = true;
		may |= MAY_OURS;
		free(bytes);
	}
	settle(told, may, false);
	json_decref(told);
}

static CfUploadArgs
args_of(const char *tag, int64_t size)
{
	return (CfUploadArgs) {.key = run.target->key, .owner_tag = tag, .size_bytes = size, .part_bytes = size, .mtime_us = 1500000000000000,
		.content_type = "text/plain", .storage_class = "", .metadata = "cf_test=faults"};
}

static void
try_put(int kind)
{
	char		tag[40];
	CfUploadArgs args;
	CfObjectStat stat = {0};
	char	   *bytes;
	bool		good;

	fresh("put");
	bytes = begin(&run.objects[draw(KEYS)], SMALLEST + (int64_t) draw(draw(4) == 0 ? 100000 : 3000));
	snprintf(tag, sizeof(tag), "job-%llu", (unsigned long long) run.created);
	args = args_of(tag, run.ours.size_bytes);
	good = drive(cf_storage_put(&run.op, &args, bytes, (size_t) args.size_bytes, &stat));
	if (good && stat.size_bytes != args.size_bytes)
		violation("it tells %lld bytes, not %lld", (long long) stat.size_bytes, (long long) args.size_bytes);
	created(kind, good, &stat.digests);
	free(bytes);
}

/* upload_parts sends all parts, each up to three times, as a mover would. */
static bool
upload_parts(CfUpload *upload, const char *bytes)
{
	int			number = 1;

	for (int64_t at = 0; at < upload->args.size_bytes; at += upload->args.part_bytes, number++)
	{
		CfPart		part = {.number = number, .offset = at, .length = upload->args.size_bytes - at};
		bool		good = false;

		if (part.length > upload->args.part_bytes)
			part.length = upload->args.part_bytes;
		for (int attempt = 0; attempt < 3 && !good; attempt++)
		{
			CfPart		sent = part;

			cf_storage_op_end(&run.op);
			good = drive(cf_storage_upload_part(&run.op, upload, &sent, bytes + at, (size_t) part.length));
		}
		if (!good)
			return false;
	}
	return true;
}

static void
try_upload(int kind)
{
	int64_t		unit = run.caps.part_min_bytes > 262144 ? run.caps.part_min_bytes : 262144;
	int64_t		size = run.caps.put_max_bytes + 1 + (int64_t) draw(300000);
	char		tag[40];
	CfUpload	upload = {0};
	CfObjectStat stat = {0};
	CfUploadArgs args;
	char	   *bytes;
	bool		good;

	fresh("upload");
	if (size < unit)
		size = unit + 1 + (int64_t) draw(300000);
	bytes = begin(&run.objects[draw(KEYS)], size);
	snprintf(tag, sizeof(tag), "job-%llu", (unsigned long long) run.created);
	args = args_of(tag, size);
	args.part_bytes = (size / 3 / 262144 + 1) * 262144 < unit ? unit : (size / 3 / 262144 + 1) * 262144;
	good = drive(cf_storage_upload_begin(&run.op, &args, &upload));
	if (good)
	{
		upload.digests = digests_of(bytes, size);
		good = upload_parts(&upload, bytes) && draw(8) != 0 && drive(cf_storage_upload_seal(&run.op, &upload, &stat));
		for (int attempt = 0; good && attempt < 3; attempt++)
		{
			cf_storage_op_end(&run.op);
			if (drive(cf_storage_upload_commit(&run.op, &upload, &stat)))
				break;
			good = attempt < 2 && run.op.err.retryable;
		}
		if (!good)
		{
			CfError		why = run.op.err;

			cf_storage_op_end(&run.op);
			if (!drive(cf_storage_upload_abort(&run.op, &upload)))
				count(kind + 1, false);
			if (why.kind == CF_ERR_NONE)
				cf_error_set(&why, CF_ERR_CANCELLED, "aborted on purpose");
			run.op.err = why;
		}
	}
	created(kind, good, &stat.digests);
	free(bytes);
}

static void
try_stat(int kind)
{
	CfObjectStat stat;
	json_t	   *told;
	bool		good;

	fresh("stat");
	run.target = &run.objects[draw(KEYS)];
	good = drive(cf_storage_stat(&run.op, run.target->key, &stat));
	told = look();
	if (!run.lied && good && (!run.target->present || stat.size_bytes != run.target->size_bytes ||
							  !cf_storage_version_same(run.place, stat.version, run.target->version)))
		violation("it tells an object that is not there: %lld bytes, version %s, not %s", (long long) stat.size_bytes, stat.version,
				  run.target->version);
	if (!run.lied && !good && run.op.err.kind == CF_ERR_NOT_FOUND && run.target->present)
		violation("an object that is there is not found");
	count(kind, good || run.op.err.kind == CF_ERR_NOT_FOUND);
	settle(told, MAY_BEFORE, false);
	json_decref(told);
}

static void
try_read(int kind)
{
	Object	   *object = &run.objects[draw(KEYS)];
	bool		older = object->older[0] != '\0' && draw(5) == 0;
	CfReadArgs	args = {.key = object->key, .version = older ? object->older : object->version};
	size_t		chunk_bytes = 4096 + draw(200000);
	char	   *out;
	char	   *bytes;
	int64_t		total = 0;
	int64_t		want;
	CfStep		what;
	json_t	   *told;

	if (args.version[0] == '\0')
		return;
	fresh("read");
	run.target = object;
	args.offset = draw(2) == 0 ? 0 : (int64_t) draw((uint64_t) object->size_bytes);
	args.length = draw(2) == 0 ? -1 : (int64_t) (1 + draw((uint64_t) (object->size_bytes - args.offset)));
	want = args.length < 0 ? object->size_bytes - args.offset : args.length;
	out = malloc((size_t) want + chunk_bytes + 1);
	do
	{
		CfChunk		chunk = {.data = out + total, .capacity = chunk_bytes};

		what = cf_storage_read(&run.op, &args, &chunk);
		if (chunk.length > chunk_bytes)
			violation("more bytes than there is room");
		total += (int64_t) chunk.length;
	} while (total <= want && step(what));
	told = look();
	count(kind, what == CF_STEP_DONE || older || !object->present);
	if (what == CF_STEP_DONE && (older || !object->present))
		violation("a version that is not there was read: %lld bytes of %lld", (long long) total, (long long) want);
	else if (what == CF_STEP_DONE && total != want)
		violation("%lld bytes were read, not %lld", (long long) total, (long long) want);
	else if (what == CF_STEP_DONE && !object->spoilt)
	{
		bytes = bytes_of(object);
		if (memcmp(bytes + args.offset, out, (size_t) want) != 0)
		{
			memcpy(bytes + args.offset, out, (size_t) want);

			CfDigests	read = digests_of(bytes, object->size_bytes);

			/* Where the store tells no digest, nobody but TLS can know of a flipped bit; without one that is no excuse. */
			if (!run.lied || (object->digests.known != 0 && !differ(&read, &object->digests)))
				violation("other bytes were read (digests known: %d)", object->digests.known);
			run.found++;
		}
		free(bytes);
	}
	settle(told, MAY_BEFORE, false);
	json_decref(told);
	free(out);
}

static void
try_remove(int kind)
{
	Object	   *object = &run.objects[draw(KEYS)];
	bool		older = object->older[0] != '\0' && draw(3) == 0;
	const char *version = older ? object->older : object->version;
	CfRemoved	removed = CF_REMOVED_CHANGED;
	json_t	   *told;
	bool		good;
	int			may;

	if (version[0] == '\0' || (object->present && older && cf_storage_version_same(run.place, object->older, object->version)))
		return;
	fresh("remove");
	run.target = object;
	good = drive(cf_storage_remove(&run.op, object->key, version, "job-remove", &removed));
	told = look();
	count(kind, good);
	may = older || !object->present ? MAY_BEFORE : !good ? MAY_BEFORE | MAY_NOTHING :
		removed == CF_REMOVED_DELETED || removed == CF_REMOVED_GONE ? MAY_NOTHING : MAY_BEFORE;
	/* Who was told a lie may say what it was told, as long as nothing is gone that should not be. */
	if (!older && (run.lied || run.removed_blind))
		may |= MAY_BEFORE | (object->present && !older ? MAY_NOTHING : 0);
	if (older && good && removed == CF_REMOVED_DELETED && !run.removed_blind)
		violation("it says that another version was deleted");
	settle(told, may, false);
	json_decref(told);
}

static void
try_list(int kind)
{
	bool		seen[KEYS] = {false};
	int			page_size = 1 + (int) draw(6);
	char		token[8192];
	const char *next = NULL;
	int			others = 0;
	int			pages = 0;
	bool		good;
	json_t	   *told;

	fresh("list");
	do
	{
		CfListPage	page = {0};

		good = drive(cf_storage_list(&run.op, "f/", next, page_size, &page));
		for (int i = 0; good && i < page.count; i++)
		{
			bool		known = false;

			for (int k = 0; k < KEYS; k++)
			{
				if (strcmp(page.entries[i].key, run.objects[k].key) != 0)
					continue;
				others += seen[k];
				seen[k] = known = true;
			}
			others += !known;
		}
		if (good && page.next != NULL && strlen(page.next) >= sizeof(token))
			good = false;
		next = !good || page.next == NULL ? NULL : strcpy(token, page.next);
	} while (next != NULL && ++pages < 100);
	told = look();
	for (int k = 0; good && !run.lied && k < KEYS; k++)
	{
		if (seen[k] != run.objects[k].present)
			violation("%s is %s", run.objects[k].key, seen[k] ? "listed, and is not there" : "there, and is not listed");
	}
	if (good && !run.lied && others > 0)
		violation("it tells keys twice, or such as are not there");
	count(kind, good);
	settle(told, MAY_BEFORE, false);
	json_decref(told);
}

static void
try_copy(int kind)
{
	Object	   *source = &run.objects[draw(KEYS)];
	Object	   *target = &run.objects[draw(KEYS)];
	bool		older = source->older[0] != '\0' && draw(5) == 0;
	char		token[CF_STORAGE_COPY_TOKEN] = "";
	char		tag[40];
	CfUploadArgs args;
	CfObjectStat stat = {0};
	bool		good;

	if (source == target || !source->present || source->spoilt || !run.caps.server_side_copy)
		return;
	fresh("copy");
	run.target = target;
	run.ours = *source;
	memcpy(run.ours.key, target->key, sizeof(run.ours.key));
	snprintf(tag, sizeof(tag), "job-%llu", (unsigned long long) ++run.created);
	args = args_of(tag, source->size_bytes);
	good = drive(cf_storage_copy(&run.op, run.place, source->key, older ? source->older : source->version, &args, token, &stat));
	if (good && older)
		violation("a version that is not there was copied");
	created(kind, good, &stat.digests);
}

static void
try_class(int kind)
{
	Object	   *object = &run.objects[draw(KEYS)];
	const char *name = strcmp(run.place->provider, "Azure") == 0 ? (draw(2) ? "Cool" : "Hot") :
		strcmp(run.place->provider, "GCP") == 0 ? (draw(2) ? "NEARLINE" : "STANDARD") : draw(2) ? "STANDARD_IA" : "STANDARD";
	bool		older = object->older[0] != '\0' && draw(5) == 0;
	CfObjectStat stat = {0};
	json_t	   *told;
	bool		good;

	if (!object->present || !run.caps.storage_classes || (older && cf_storage_version_same(run.place, object->older, object->version)))
		return;
	fresh("set_class");
	run.target = object;
	good = drive(cf_storage_set_class(&run.op, object->key, older ? object->older : object->version, name, NULL, &stat));
	if (good && older)
		violation("the class of another version was set");
	told = look();
	count(kind, good || older);
	settle(told, MAY_BEFORE, true);
	json_decref(told);
}

static void
try_find(int kind)
{
	CfStalePage page = {0};
	json_t	   *told;
	bool		good;

	fresh("uploads_find");
	good = drive(cf_storage_uploads_find(&run.op, 1, NULL, &page));
	told = look();
	if (good && !run.lied && page.count != 0)
		violation("uploads are older than the world");
	count(kind, good);
	settle(told, MAY_BEFORE, false);
	json_decref(told);
}

static const struct
{
	const char *name;
	int			weight;
	void		(*try) (int kind);
}			verbs[] = {
	{"put", 26, try_put},
	{"stat", 12, try_stat},
	{"read", 20, try_read},
	{"remove", 17, try_remove},
	{"list", 7, try_list},
	{"copy", 8, try_copy},
	{"set_class", 5, try_class},
	{"uploads_find", 3, try_find},
	{"upload", 2, try_upload},
	{"upload_abort", 0, NULL},	/* counted by upload */
};

#define VERBS ((int) (sizeof(verbs) / sizeof(verbs[0])))

static void
try_any(void)
{
	int			at = (int) draw(100);
	int			kind = 0;

	while (at >= verbs[kind].weight)
		at -= verbs[kind++].weight;
	verbs[kind].try(kind);
}

/* start empties the peer and lets it play. */
static void
start(int faults, uint64_t seed)
{
	char		plan[200];

	peer_at(run.place->endpoint);
	peer_tell("POST", "reset", "{}");
	peer_tell("DELETE", "faults", "");
	for (int i = 0; i < KEYS; i++)
		snprintf(run.objects[i].key, sizeof(run.objects[i].key), "f/%c/object %d", 'a' + i % 3, i);
	run.random = seed;
	run.played = json_pack("{}");
	snprintf(plan, sizeof(plan), "{\"seed\": %llu, \"percent\": 35, \"max\": %d}", (unsigned long long) seed, faults);
	peer_tell("POST", "random", plan);
}

/* sweep finds the uploads that were left unfinished, and aborts them, while the peer behaves. */
static void
sweep(void)
{
	CfStalePage page;
	json_t	   *told;
	int			swept = 0;
	bool		good = true;

	peer_tell("POST", "pause", "{\"paused\": true}");
	fresh("sweep");
	for (int round = 0; round < 100; round++)
	{
		CfUpload	upload = {0};

		fresh("sweep");
		good = drive(cf_storage_uploads_find(&run.op, INT64_MAX, NULL, &page));
		if (!good || page.count == 0)
			break;
		upload.args = (CfUploadArgs) {.key = page.uploads[0].key, .owner_tag = page.uploads[0].owner_tag, .content_type = "",
			.storage_class = "", .metadata = ""};
		snprintf(upload.handle, sizeof(upload.handle), "%s", page.uploads[0].handle);
		good = drive(cf_storage_upload_abort(&run.op, &upload));
		swept++;
		if (!good)
			break;
	}
	ok(good && page.count == 0, "the uploads that were left (%d) are found and aborted", swept);
	if (!good)
		note("  %s. %s", run.op.err.message, run.op.err.detail);
	told = look();
	is_int(json_array_size(json_object_get(told, "objects")), ours_in(told), "and leave nothing");
	settle(told, MAY_BEFORE, false);
	json_decref(told);
}

int
main(int argc, char **argv)
{
	int			faults = argc > 1 ? (int) strtol(argv[1], NULL, 10) : 500;
	uint64_t	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20261121;
	CfArena		lasting;
	CfError		err = {0};
	CfNetOptions options = {.ca_file = "", .proxy = "", .no_proxy = "", .allow = "127.0.0.0/8", .attempts_max = 4, .retry_max_us = 2000};
	int			operations = 0;
	const char *kind;
	json_t	   *times;

	setvbuf(stdout, NULL, _IOLBF, 0);
	cf_arena_init(&lasting, &cf_arena_malloc, 65536, 0);
	cf_arena_init(&run.arena, &cf_arena_malloc, 65536, 0);
	run.shared = calloc(1, sizeof(*run.shared));
	options.shared = run.shared;
	run.place = server_place(&lasting, server_variable("CF_BUCKET", "objects"));
	if (!cf_storage_place_check(run.place, &err) || (server_net = cf_net_open(&options, &err)) == NULL)
		bail("%s: %s", err.message, err.detail);
	cf_storage_caps(run.place, &run.caps);
	cf_storage_op_init(&run.op, run.place, &run.arena);
	start(faults, seed);
	note("seed %llu", (unsigned long long) seed);
	while (run.faults < faults && operations < faults * 40)
	{
		int64_t		begun_us = cf_clock_monotonic_us();

		try_any();
		if (++operations == 50 && run.faults == 0)
			bail("nothing reaches the peer: %s. %s", run.op.err.message, run.op.err.detail);
		if (cf_clock_monotonic_us() - begun_us > SLOW_US)
			note("%s took %lld ms; met:%s", run.verb, (long long) (cf_clock_monotonic_us() - begun_us) / 1000, run.met);
	}
	for (int i = 0; i < VERBS; i++)
	{
		note("%-14s %6d done, %5d failed", verbs[i].name, run.done[i], run.failed[i]);
		if (verbs[i].weight > 1)
			ok(run.done[i] > run.failed[i] / 3, "%s works now and then", verbs[i].name);
	}
	json_object_foreach(run.played, kind, times)
		note("%-20s played %5lld times", kind, json_integer_value(times));
	note("%d creates were taken for somebody else's, %d turned bits were shown by digests", run.misjudged, run.found);
	ok(run.faults >= faults, "%d faults were played in %d operations", run.faults, operations);
	sweep();
	ok(run.violations == 0, "nothing was lost, nothing overwritten, no wrong bytes taken (%d violations)", run.violations);
	cf_storage_op_end(&run.op);
	cf_net_close(server_net);
	json_decref(run.played);
	free(run.shared);
	cf_arena_free(&run.arena);
	cf_arena_free(&lasting);
	return done_testing();
}
