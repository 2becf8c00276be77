/*
 * migration_store.h: a remote store in memory, whose driver says CF_STEP_SEND before everything it does, as those of the
 * clouds do. It keeps objects and one upload in parts; a test may make the n-th request of a kind fail, and look at what
 * was asked. One test program includes it once, after harness/tap.h.
 */
#ifndef CF_TEST_STORE_H
#define CF_TEST_STORE_H

#include "migration/unit/migration_move.h"

#define STORE_PARTS 64

typedef struct StoreObject
{
	bool		there;
	char		tag[80];
	char		type[40];
	char		metadata[120];
	char		version[20];
	char		bytes[sizeof(bytes)];
	size_t		length;
} StoreObject;

typedef struct Store
{
	StoreObject object;			/* under KEY, the only one */
	CfCaps		caps;
	bool		mute;			/* tells no digests */
	bool		claims;			/* tells them as what somebody else says */
	bool		spoils;			/* copies other bytes */
	bool		lies;			/* tells a wrong digest */
	bool		archived;
	char		handle[40];		/* of the upload in parts; "" = none */
	char		parts[STORE_PARTS][PART_BYTES * 4];
	int64_t		lengths[STORE_PARTS];	/* 0 = the part is not there */
	int			versions;
	const char *fail_verb;
	int			fail_at;
	CfErrorKind fail_kind;
	int			asked;			/* requests of fail_verb so far */
	int			requests;
	int			on_the_way;		/* parts that are sent at the moment */
	int			most_on_the_way;
	int			copies;
	bool		misinformed;	/* the mover did not know, or not rightly, what part_digests says of a part */
} Store;

static Store stores[2];			/* 0 the source, 1 the destination */

static Store *
store_of(const CfPlace *p)
{
	return &stores[strcmp(p->name, "dest") == 0];
}

/* ask sends a request first; true = the answer is there. */
static bool
ask(CfOp *o, const char *verb)
{
	if (o->phase == 0)
	{
		cf_storage_op_request(o, "X", verb);
		o->phase = 1;
		return false;
	}
	o->phase = 0;
	return true;
}

/* refused counts a request, and tells whether it is the one that is to fail. */
static bool
refused(CfOp *o, const char *verb)
{
	Store	   *s = store_of(o->place);

	s->requests++;
	if (s->fail_verb == NULL || strcmp(s->fail_verb, verb) != 0 || ++s->asked != s->fail_at)
		return false;
	cf_error_set(&o->err, s->fail_kind, "%s failed", verb);
	o->err.retryable = true;
	return true;
}

#define ANSWERED(o, verb) do { if (!ask(o, verb)) return CF_STEP_SEND; if (refused(o, verb)) return CF_STEP_ERROR; } while (0)

static CfStep
store_fails(CfOp *o, CfErrorKind kind, const char *text)
{
	cf_error_set(&o->err, kind, "%s", text);
	return CF_STEP_ERROR;
}

static void
tell(const Store *s, CfObjectStat *st)
{
	memset(st, 0, sizeof(*st));
	st->size_bytes = (int64_t) s->object.length;
	strcpy(st->version, s->object.version);
	st->storage_class = "";
	st->content_type = s->object.type;
	st->attributes.cache_control = "no-store";
	st->must_restore = s->archived;
	if (s->mute)
		return;
	st->digests.known = s->caps.digests;
	st->digests.crc64nvme = cf_crc64nvme(0, s->object.bytes, s->object.length) ^ (s->lies ? 1 : 0);
	st->digests.crc32c = cf_crc32c(0, s->object.bytes, s->object.length);
	cf_md5(s->object.bytes, s->object.length, st->digests.md5);
	if (!s->claims)
		return;
	st->digests.claimed = st->digests.known;
	st->digests.known = 0;
}

static void m_caps(const CfPlace *p, CfCaps *caps) { *caps = store_of(p)->caps; }
static bool m_validate(const CfPlace *p, CfError *e) { (void) p; (void) e; return true; }
static bool m_key_check(const CfPlace *p, const char *k, CfError *e) { (void) p; (void) k; (void) e; return true; }
static void m_end(CfOp *o) { o->phase = 0; }

static CfStep
m_stat(CfOp *o, const char *key, CfObjectStat *st)
{
	(void) key;
	ANSWERED(o, "Head");
	if (!store_of(o->place)->object.there)
		return store_fails(o, CF_ERR_NOT_FOUND, "no such object");
	tell(store_of(o->place), st);
	return CF_STEP_DONE;
}

static CfStep
m_read(CfOp *o, const CfReadArgs *args, CfChunk *chunk)
{
	Store	   *s = store_of(o->place);
	int64_t	   *at = o->state;
	int64_t		left;

	if (at == NULL || *at < 0)
	{
		at = o->state = cf_arena_alloc(o->arena, sizeof(*at));
		*at = args->offset;
	}
	ANSWERED(o, "Get");
	if (!s->object.there)
		return store_fails(o, CF_ERR_NOT_FOUND, "no such object");
	if (strcmp(args->version, s->object.version) != 0)
		return store_fails(o, CF_ERR_CHANGED, "another version");
	left = (args->length < 0 ? (int64_t) s->object.length : args->offset + args->length) - *at;
	chunk->length = (size_t) left < chunk->capacity ? (size_t) left : chunk->capacity;
	memcpy(chunk->data, s->object.bytes + *at, chunk->length);
	*at += (int64_t) chunk->length;
	if ((int64_t) chunk->length < left)
		return CF_STEP_AGAIN;
	*at = -1;
	return CF_STEP_DONE;
}

static CfStep
m_fetch(CfOp *o, const char *key, const char *version, char *data, size_t length, CfObjectStat *st)
{
	Store	   *s = store_of(o->place);

	(void) key;
	ANSWERED(o, "Fetch");
	if (!s->object.there)
		return store_fails(o, CF_ERR_NOT_FOUND, "no such object");
	if (s->archived)
		return store_fails(o, CF_ERR_STATE, "archived");
	if (strcmp(version, s->object.version) != 0 || length != s->object.length)
		return store_fails(o, CF_ERR_CHANGED, "another version");
	memcpy(data, s->object.bytes, length);
	tell(s, st);
	st->digests.known = 0;
	return CF_STEP_DONE;
}

/* appear makes an object visible, create-only; an earlier one of the same tag and bytes is ours. */
static CfStep
appear(CfOp *o, const CfUploadArgs *args, const char *from, size_t length, CfObjectStat *st)
{
	Store	   *s = store_of(o->place);

	if (s->object.there && (strcmp(s->object.tag, args->owner_tag) != 0 || s->object.length != length ||
							memcmp(s->object.bytes, from, length) != 0))
		return store_fails(o, CF_ERR_EXISTS, "somebody is there");
	if (!s->object.there)
	{
		s->object.there = true;
		snprintf(s->object.tag, sizeof(s->object.tag), "%s", args->owner_tag);
		snprintf(s->object.type, sizeof(s->object.type), "%s", args->content_type);
		snprintf(s->object.metadata, sizeof(s->object.metadata), "%s%s", args->metadata,
				 args->attributes.cache_control == NULL ? "" : args->attributes.cache_control);
		snprintf(s->object.version, sizeof(s->object.version), "v%d", ++s->versions);
		memmove(s->object.bytes, from, length);
		s->object.length = length;
	}
	tell(s, st);
	return CF_STEP_DONE;
}

static bool in_one(const Store *s, const CfUploadArgs *args) { return args->size_bytes <= s->caps.put_max_bytes; }

static CfStep
m_put(CfOp *o, const CfUploadArgs *args, const void *data, size_t length, CfObjectStat *st)
{
	ANSWERED(o, "Put");
	return appear(o, args, data, length, st);
}

static CfStep
m_begin(CfOp *o, const CfUploadArgs *args, CfUpload *upload)
{
	Store	   *s = store_of(o->place);

	if (in_one(s, args))
	{
		strcpy(upload->handle, "one");
		return CF_STEP_DONE;
	}
	ANSWERED(o, "Begin");
	if (args->resume && args->handle != NULL && args->handle[0] != '\0' && strcmp(args->handle, s->handle) == 0)
	{
		for (int i = 0; i < STORE_PARTS && s->lengths[i] != 0; i++)
			upload->stored_bytes += s->lengths[i];
	}
	else if (s->object.there)
		return store_fails(o, CF_ERR_EXISTS, "somebody is there");
	else
	{
		memset(s->lengths, 0, sizeof(s->lengths));
		snprintf(s->handle, sizeof(s->handle), "upload%d", ++s->versions);
	}
	strcpy(upload->handle, s->handle);
	return CF_STEP_DONE;
}

/* told_rightly tells whether the mover knows of a part what its store wants to be told. */
static bool
told_rightly(const CfCaps *caps, const CfPart *part, const void *data, size_t length)
{
	uint8_t		sha256[32];

	return (part->digests.known & caps->part_digests) == caps->part_digests &&
		(!(caps->part_digests & CF_DIGEST_CRC64NVME) || part->digests.crc64nvme == cf_crc64nvme(0, data, length)) &&
		(!(caps->part_digests & CF_DIGEST_SHA256) ||
		 (cf_sha256(data, length, sha256) && memcmp(part->digests.sha256, sha256, sizeof(sha256)) == 0));
}

static CfStep
m_part(CfOp *o, CfUpload *upload, CfPart *part, const void *data, size_t length)
{
	Store	   *s = store_of(o->place);
	bool		first = o->phase == 0;

	if (length != (size_t) part->length)
		return store_fails(o, CF_ERR_INPUT, "not a whole part");
	if (in_one(s, &upload->args))
	{
		memcpy(s->parts[0], data, length);
		return CF_STEP_DONE;
	}
	s->misinformed |= first && !told_rightly(&s->caps, part, data, length);
	if (first && ++s->on_the_way > s->most_on_the_way)
		s->most_on_the_way = s->on_the_way;
	if (!first)
		s->on_the_way--;
	ANSWERED(o, "Part");
	if (strcmp(upload->handle, s->handle) != 0)
		return store_fails(o, CF_ERR_STATE, "no such upload");
	memcpy(s->parts[part->number - 1], data, length);
	s->lengths[part->number - 1] = part->length;
	return CF_STEP_DONE;
}

static CfStep
m_seal(CfOp *o, CfUpload *upload, CfObjectStat *st)
{
	Store	   *s = store_of(o->place);

	if (!in_one(s, &upload->args))
	{
		memset(st, 0, sizeof(*st));
		return CF_STEP_DONE;
	}
	ANSWERED(o, "Put");
	return appear(o, &upload->args, s->parts[0], (size_t) upload->args.size_bytes, st);
}

static CfStep
m_commit(CfOp *o, CfUpload *upload, CfObjectStat *st)
{
	static char whole[sizeof(bytes)];
	Store	   *s = store_of(o->place);
	size_t		length = 0;
	CfStep		step;

	ANSWERED(o, "Commit");
	if (s->object.there && strcmp(s->object.tag, upload->args.owner_tag) == 0)
	{
		tell(s, st);
		return CF_STEP_DONE;
	}
	if (in_one(s, &upload->args) || strcmp(upload->handle, s->handle) != 0)
		return store_fails(o, CF_ERR_STATE, "no such upload");
	for (int i = 0; length < (size_t) upload->args.size_bytes; i++)
	{
		if (s->lengths[i] == 0)
			return store_fails(o, CF_ERR_IO, "a part is missing");
		memcpy(whole + length, s->parts[i], (size_t) s->lengths[i]);
		length += (size_t) s->lengths[i];
	}
	step = appear(o, &upload->args, whole, length, st);
	if (step == CF_STEP_DONE)
		s->handle[0] = '\0';
	return step;
}

static CfStep
m_abort(CfOp *o, CfUpload *upload)
{
	Store	   *s = store_of(o->place);

	ANSWERED(o, "Abort");
	if (s->object.there && strcmp(s->object.tag, upload->args.owner_tag) == 0)
		s->object.there = false;
	s->handle[0] = '\0';
	memset(s->lengths, 0, sizeof(s->lengths));
	return CF_STEP_DONE;
}

static CfStep
m_find(CfOp *o, int64_t older, const char *token, CfStalePage *page)
{
	(void) older;
	(void) token;
	memset(page, 0, sizeof(*page));
	ANSWERED(o, "Find");
	return CF_STEP_DONE;
}

static CfStep
m_remove(CfOp *o, const char *key, const char *version, const char *owner, CfRemoved *removed)
{
	Store	   *s = store_of(o->place);

	(void) key;
	(void) owner;
	ANSWERED(o, "Delete");
	*removed = !s->object.there ? CF_REMOVED_GONE : strcmp(version, s->object.version) != 0 ? CF_REMOVED_CHANGED : CF_REMOVED_DELETED;
	s->object.there &= *removed == CF_REMOVED_CHANGED;
	return CF_STEP_DONE;
}

static CfStep
m_list(CfOp *o, const char *prefix, const char *token, int max, CfListPage *page)
{
	(void) prefix;
	(void) token;
	(void) max;
	memset(page, 0, sizeof(*page));
	ANSWERED(o, "List");
	return CF_STEP_DONE;
}

static CfStep
m_copy(CfOp *o, const CfPlace *from, const char *key, const char *version, const CfUploadArgs *args, char *token, CfObjectStat *st)
{
	Store	   *s = store_of(from);
	CfStep		step;

	(void) key;
	(void) token;
	ANSWERED(o, "Copy");
	store_of(o->place)->copies++;
	if (!s->object.there || strcmp(s->object.version, version) != 0)
		return store_fails(o, CF_ERR_CHANGED, "another version");
	if (store_of(o->place)->object.there)
		return store_fails(o, CF_ERR_EXISTS, "somebody is there");
	step = appear(o, args, s->object.bytes, s->object.length, st);
	if (store_of(o->place)->spoils)
	{
		store_of(o->place)->object.bytes[0] ^= 1;
		tell(store_of(o->place), st);
	}
	return step;
}

/* m_attributes: it holds everything. */
static const CfAttributeRule *
m_attributes(const CfPlace *p)
{
	static CfAttributeRule rules[CF_ATTRIBUTES];

	(void) p;
	for (int i = 0; i < CF_ATTRIBUTES; i++)
		rules[i].held_as = "memory";
	return rules;
}

static const CfDriver memory_driver = {
	.name = "memory", .validate = m_validate, .caps = m_caps, .key_check = m_key_check, .stat = m_stat, .read = m_read,
	.put = m_put, .upload_begin = m_begin, .upload_part = m_part, .upload_seal = m_seal, .upload_commit = m_commit,
	.upload_abort = m_abort, .uploads_find = m_find, .remove = m_remove, .list = m_list, .end = m_end, .copy = m_copy, .fetch = m_fetch,
	.attributes = m_attributes
};

/* store_open makes both ends anew, remote or not, with a source of length bytes. */
static void
store_open(bool remote_source, bool remote_dest, size_t length)
{
	move_open(length);
	memset(stores, 0, sizeof(stores));
	for (int i = 0; i < 2; i++)
		stores[i].caps = (CfCaps) {.create_only = true, .conditional_delete = true, .conditional_read = true, .remote = true,
			.parallel_parts = true, .server_side_copy = true, .copy_conditional = true,
			.digests = CF_DIGEST_CRC64NVME | CF_DIGEST_CRC32C, .put_max_bytes = PART_BYTES, .fetch_max_bytes = 2 * PART_BYTES, .part_min_bytes = PART_BYTES,
			.part_max_bytes = 4 * PART_BYTES, .parts_max = STORE_PARTS};
	if (remote_source)
	{
		StoreObject *o = &stores[0].object;

		source.driver = &memory_driver;
		o->there = true;
		strcpy(o->version, "s1");
		strcpy(o->type, "text/plain");
		memcpy(o->bytes, bytes, size);
		o->length = size;
	}
	if (remote_dest)
		dest.driver = &memory_driver;
	digests.known = 0;
}

/* arrived tells whether the destination has what the source had. */
static bool __attribute__((unused))
arrived(void)
{
	if (dest.driver != &memory_driver)
		return dest_identical();
	return stores[1].object.there && stores[1].object.length == size && memcmp(stores[1].object.bytes, bytes, size) == 0;
}

#endif							/* CF_TEST_STORE_H */
