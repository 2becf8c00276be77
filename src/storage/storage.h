/*
 * storage.h
 *		What other rooms may know of storage: places, operations on objects, and the step protocol.
 *
 * Every operation is a small state machine. The caller calls it again and again with the same arguments
 * until it says CF_STEP_DONE or CF_STEP_ERROR (then op->err tells why). A local driver does a bounded piece
 * of file I/O per call (at most some MiB) and returns CF_STEP_AGAIN in between; a driver for a cloud does no
 * I/O at all and returns CF_STEP_SEND: `net` sends op->request, fills op->response, and calls again. So no
 * kernel ever waits, and whoever drives looks after interrupts, leases and limits between two steps.
 *
 * A CfOp may run one operation at a time; cf_storage_op_end() releases what it holds (descriptors), at any
 * moment, any number of times. Texts in results live in op->arena, which may be reset between two operations
 * and between two pages; what an op itself remembers comes from the arena's allocator and lives until op_end.
 * LOCAL holds at most two descriptors per op between two steps. Keys are bytes without NUL, relative
 * to the place's prefix; a version ("pin") is an opaque text that changes whenever the bytes may have changed.
 */
#ifndef CF_STORAGE_STORAGE_H
#define CF_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "net/net.h"
#include "security/security.h"

#define CF_STORAGE_KEY_MAX 1024		/* bytes, as on S3, Azure and GCS */
#define CF_STORAGE_VERSION_MAX 128	/* bytes of a pin, without the NUL */
#define CF_STORAGE_LIST_MAX 10000	/* entries of one page */
#define CF_STORAGE_LOST_MAX 400		/* bytes of a text that tells what an object would lose */

typedef enum CfStep
{
	CF_STEP_DONE,
	CF_STEP_AGAIN,
	CF_STEP_SEND,
	CF_STEP_ERROR
} CfStep;

/* What a store can do. Probed values may only take away from what the driver claims. */
typedef struct CfCaps
{
	bool		create_only;	/* a create fails when somebody is there */
	bool		conditional_delete; /* remove honours the pin by a condition of the store */
	bool		delete_hides;	/* else: versioned, so that remove can bring back what it has hidden by mistake */
	bool		pin_before_commit;	/* upload_seal tells the version that the object will have */
	bool		list_sorted;	/* list goes in byte order of keys */
	bool		storage_classes;	/* objects have a class of their own */
	bool		server_side_copy;
	bool		restores;		/* some classes must be restored before reading */
	bool		keeps_mtime;	/* the modification time of the source can be kept */
	bool		remote;			/* operations say CF_STEP_SEND; parts are buffered whole until they are sent */
	bool		list_utf8_safe; /* a listing tells every key exactly */
	bool		conditional_read;	/* read honours the pin at every request */
	bool		copy_conditional;	/* server-side copies honour the source's pin and are create-only */
	bool		conditional_replace;	/* a change of class that writes the object anew honours the pin by a condition of the store */
	bool		parallel_parts; /* parts of one upload may be sent at once and in any order, each by an op of its own */
	bool		parts_gathered; /* the driver copies every part into memory of its own until it is sent; else only objects of one request */
	bool		copy_uploads;	/* a copy above copy_max_bytes is an upload: its token is a handle for upload_abort */
	int			digests;		/* CF_DIGEST_ bits that the store computes itself or checks, and tells at commit or stat */
	int			part_digests;	/* CF_DIGEST_ bits that go along with a part, SHA-256 and CRCs: what its caller knows, see CfPart, is not computed again */
	int64_t		put_max_bytes;	/* up to here an object goes in one request */
	int64_t		fetch_max_bytes;	/* up to here one request brings an object and all that stat tells of it, digests and class apart; 0 = fetch is not there */
	int64_t		copy_max_bytes; /* largest object of one server-side copy request; 0 = it always takes several */
	int64_t		class_max_bytes;	/* a change of class above that is an upload: its token is a handle for upload_abort; 0 = it never is */
	int64_t		max_object_bytes;
	int			max_key_bytes;
	int			max_segment_bytes;	/* between two slashes; 0 = no limit */
	int64_t		part_min_bytes;
	int64_t		part_max_bytes;
	int			parts_max;
	int			key_folds;		/* CF_FOLD_ bits: keys that the store takes for others; a probe adds to what is claimed */
} CfCaps;

/* How two keys become one object. Keys of all shapes but those of case and characters are neither written nor removed there. */
#define CF_FOLD_EMPTY_SEGMENT 1	/* "a//b" is "a/b" */
#define CF_FOLD_DOT 2			/* "a/./b" is "a/b" */
#define CF_FOLD_DOT_DOT 4		/* "a/x/../b" is "a/b" */
#define CF_FOLD_TRAILING_SLASH 8
#define CF_FOLD_LEADING_SLASH 16
#define CF_FOLD_CASE 32			/* "A" is "a" */
#define CF_FOLD_UNICODE 64		/* composed and decomposed characters are the same */
#define CF_FOLD_BACKSLASH 128	/* "a\\b" is "a/b" */
#define CF_FOLD_DOT_AT_END 256	/* "a./b" is "a/b" */

/* Digests of a whole object, as the store tells them or as we computed them; `known` says which are set. */
#define CF_DIGEST_SHA256 1
#define CF_DIGEST_MD5 2
#define CF_DIGEST_CRC32C 4
#define CF_DIGEST_CRC64NVME 8

typedef struct CfDigests
{
	int			known;
	int			claimed;		/* kinds that somebody says it has, in the same fields: to be held against what a store tells, never to be told as its word */
	uint8_t		sha256[32];
	uint8_t		md5[16];
	uint32_t	crc32c;
	uint64_t	crc64nvme;
} CfDigests;

/* One option of a place that only its driver understands. */
typedef struct CfPlaceOption
{
	const char *name;
	const char *value;
} CfPlaceOption;

/* An access token that a driver obtained (credential_next); "" = none yet. The rest is renewal.c's. */
typedef struct CfToken
{
	char		value[8192];
	int64_t		expires_us;		/* 0 = there is none, or the store refused it */
	int64_t		refresh_us;		/* from then on a new one is obtained; 0 = some time before it expires */
	unsigned int generation;	/* counts tokens */
	const void *renewer;		/* the op that is obtaining one; the others of this process wait for it */
	int64_t		renewer_us;		/* monotonic: when it was last seen to go on */
} CfToken;

/*
 * Whose identity a place uses without sealed credentials: the option credential_source, and what that source needs to know, from
 * options of the place or else from the server's environment (source_sql.c). Only a superuser's place has one.
 */
typedef struct CfIdentity
{
	const char *source;			/* environment, file, web_identity, imds, pod_identity, managed_identity, metadata_server */
	CfCredentials settings;		/* paths, names, addresses; wiped like credentials, since an environment may hold a secret */
} CfIdentity;

/* What answers told of a place, for later requests; all zero = nothing. */
typedef struct CfLearned
{
	char		region[65];		/* where the bucket is */
	bool		no_range_digest;	/* the store does not tell the digest of a range */
} CfLearned;

/* A place: one foreign server, read once; only its bandwidth_limit may change. All texts live as long as the struct. */
typedef struct CfPlace
{
	const char *name;			/* of the foreign server */
	const char *provider;		/* AWS, Azure, GCP, S3, LOCAL */
	const char *bucket;			/* LOCAL: absolute path of the root directory */
	const char *region;			/* "" = none */
	const char *endpoint;		/* "" = the provider's own */
	const char *prefix;			/* "" or ends in '/'; goes in front of every key */
	const char *storage_class;	/* of new objects; "" = the provider's default */
	int64_t		bandwidth_limit;	/* bytes per second, 0 = none */
	int			max_connections;	/* 0 = the driver's default */
	int			requests_per_second;	/* 0 = none */
	bool		fsync;			/* LOCAL: make files and folders durable (cloudflux.storage_fsync) */
	const CfPlaceOption *options;	/* those that only the driver understands, see CfDriver.options */
	int			option_count;
	const char *credential_source;	/* as the option says; "" = unset */
	const CfIdentity *identity; /* NULL = none: no source, or there are sealed credentials */
	const CfCredentials *credentials;	/* NULL = none; wiped with the arena of the place, or its memory context */
	CfToken    *token;			/* of drivers with credential_next: shared by all openings in this process; else NULL */
	CfLearned  *learned;		/* shared by all openings in this process; NULL = nothing is remembered */
	CfCaps		probed;			/* what check_storage() found; valid when was_probed */
	bool		was_probed;
	CfNetPlace	net;			/* limits and TLS, for requests */
	const struct CfDriver *driver;
} CfPlace;

/* cf_storage_option gives the value of a driver's option, "" when it is unset. */
extern const char *cf_storage_option(const CfPlace *place, const char *name);

/* cf_storage_credential_known tells whether a driver of this build takes a secret of that name. */
extern bool cf_storage_credential_known(const char *name);

/* What travels with an object besides its bytes and content type; every text "" = unset. */
typedef struct CfAttributes
{
	const char *cache_control;
	const char *content_disposition;
	const char *content_encoding;
	const char *content_language;
	const char *metadata;		/* user metadata, "name=value\n…"; names as the store has them: in lower case where they are headers */
	const char *tags;			/* "name=value\n…"; only read where the answer said that there are some */
} CfAttributes;

typedef struct CfObjectStat
{
	int64_t		size_bytes;
	char		version[CF_STORAGE_VERSION_MAX + 1];
	int64_t		mtime_us;		/* since the Unix epoch; last modification */
	int64_t		atime_us;		/* last access if the store knows it, else 0 */
	const char *storage_class;	/* "" where the store has none */
	const char *content_type;	/* "" = unknown */
	CfAttributes attributes;
	CfDigests	digests;		/* what the store itself vouches for */
	bool		must_restore;	/* archived: bytes cannot be read before a restore */
	bool		restoring;
	bool		versioned;		/* the store keeps this version when the object is removed or replaced */
} CfObjectStat;

typedef struct CfOp
{
	const CfPlace *place;
	CfArena    *arena;
	CfError		err;
	CfRequest	request;		/* what to send after CF_STEP_SEND */
	CfResponse	response;		/* the answer to it, to be there at the next call */
	CfArena		request_arena;	/* of the present request and its answer; reset by the driver before it builds the next */
	bool		no_token;		/* the operation ended before it asked the store anything, since there was no token to be had */
	bool		probing;		/* set by check_storage(): remove and set_class are to rely on the condition of the store alone */
	int			phase;			/* private to the driver; 0 = not started */
	void	   *state;			/* private to the driver */

	/* private to renewal.c */
	const CfPlace *renewing;	/* whose token is being obtained; NULL = nobody's */
	bool		obtaining;		/* this op is at it; false: it waits for another one */
	bool		repeated;		/* the present request goes out again, with a new token */
	unsigned int generation;	/* of op->place's token when the driver was last called */
	int			sends;			/* of the present request, before it was repeated */
	struct CfHeld *held;		/* a request that waits for a new token */
	void	   *kept;			/* the driver's state while a token is being obtained */
} CfOp;

typedef struct CfReadArgs
{
	const char *key;
	const char *version;		/* pin; "" = whatever is there now */
	int64_t		offset;
	int64_t		length;			/* -1 = to the end */
} CfReadArgs;

typedef struct CfChunk
{
	char	   *data;			/* the caller's buffer */
	size_t		capacity;
	size_t		length;			/* bytes that this step put there */
} CfChunk;

/* An upload in pieces, bound to one job and one fence. */
typedef struct CfUploadArgs
{
	const char *key;
	const char *owner_tag;		/* "<job_id>-<fence>": names temporary things, [A-Za-z0-9-]{1,64} */
	int64_t		size_bytes;
	int64_t		part_bytes;
	int64_t		mtime_us;		/* to be kept where the store can; 0 = now */
	const char *content_type;
	const char *storage_class;	/* "" = the place's */
	const char *metadata;		/* "name=value\n…", self-description (pitfall 44): names are cf_[a-z0-9_]+ */
	CfAttributes attributes;	/* of the source, to be kept; NULL texts count as "" */
	bool		resume;			/* upload_begin takes up what the same owner_tag left behind */
	const char *handle;			/* with resume: what upload_begin told that earlier attempt; NULL or "" = it was not kept */
	int64_t		begun_us;		/* with resume, and for upload_abort: when the caller noted that it would begin the upload, by its own */
	/* clock; 0 = it was never going to. Where the handle was lost, what may be taken for ours was begun about then */
	const CfDigests *claimed;	/* of a copy by the store: what is known or claimed of the source, for the store to check where it can; NULL = nothing */
	bool		keep_object;	/* for upload_abort: an object stays, whatever tag it carries */
} CfUploadArgs;

typedef struct CfUpload
{
	CfUploadArgs args;			/* texts are not copied: they outlive the upload */
	char		handle[256];	/* the store's name for it; checkpointed by the caller */
	int64_t		stored_bytes;	/* after upload_begin with resume: bytes that the store already has */
	char		sealed_version[CF_STORAGE_VERSION_MAX + 1]; /* set by upload_seal, checkpointed by the caller: */
	/* a commit repeated after a crash knows its own object by it; "" = not sealed yet */
	CfDigests	digests;		/* of the whole object, set by the caller before commit: what the store is asked to check */
} CfUpload;

/* One part; number from 1, consecutive. `token` and `digest` come from the store. */
typedef struct CfPart
{
	int			number;
	int64_t		offset;
	int64_t		length;
	char		token[128];
	CfDigests	digests;		/* of the part: what the caller knows when it has all of it at once; filled when it is complete */
} CfPart;

typedef enum CfRemoved
{
	CF_REMOVED_DELETED,			/* it was the pinned version, and now it is gone */
	CF_REMOVED_GONE,			/* it was not there any more */
	CF_REMOVED_CHANGED,			/* another version is there, or was the last: left alone */
	CF_REMOVED_KEPT				/* the store refuses (lock, hold); reason in op->err.message */
} CfRemoved;

typedef struct CfListEntry
{
	const char *key;			/* bytes, NUL-terminated; may not be UTF-8 */
	CfObjectStat stat;
} CfListEntry;

typedef struct CfListPage
{
	CfListEntry *entries;		/* in op->arena, valid until the arena is reset */
	int			count;
	const char *next;			/* token of the next page; NULL = this was the last */
	int64_t		unreadable;		/* entries that could not be read on this page (permission, I/O) */
} CfListPage;

/* An upload of ours that was never finished. */
typedef struct CfStaleUpload
{
	const char *handle;
	const char *key;			/* of the coming object, for upload_abort; "" = the handle is enough */
	const char *owner_tag;		/* "" = the store does not keep it: ours only if the catalog knows handle or key */
	int64_t		started_us;
	int64_t		size_bytes;
} CfStaleUpload;

typedef struct CfStalePage
{
	CfStaleUpload *uploads;
	int			count;
	const char *next;
} CfStalePage;

extern void cf_storage_op_init(CfOp *op, const CfPlace *place, CfArena *arena);
extern void cf_storage_op_end(CfOp *op);

/* cf_storage_op_request starts op's next request: request and response zeroed, request_arena empty. For drivers. */
extern CfRequest *cf_storage_op_request(CfOp *op, const char *method, const char *verb);

/* cf_storage_driver finds the driver of a provider; NULL = no such provider, or none in this build. */
extern const struct CfDriver *cf_storage_driver(const char *provider);
extern bool cf_storage_provider_known(const char *provider);
extern void cf_storage_caps(const CfPlace *place, CfCaps *caps);

/*
 * cf_storage_remove_allowed tells whether a source at this place may be deleted: its store was seen to remove an object only
 * as the version that was asked for, or to keep what it removes as a version (LOCAL does by itself; others are proven by
 * check_storage()), or the place has the option accept_unconditional_delete = 'true'. Whoever is about to delete what was moved asks first.
 */
extern bool cf_storage_unproven_allowed(const CfPlace *place);	/* may sources go whose copy is proven by the word of the store alone? */
extern bool cf_storage_remove_allowed(const CfPlace *place, CfError *err);

/*
 * cf_storage_create_allowed tells whether copies may be created at this place: its store was seen to refuse to overwrite (LOCAL
 * does by itself), or the place has the option accept_unconditional_create = 'true'. Whoever submits or begins a copy asks.
 */
extern bool cf_storage_create_allowed(const CfPlace *place, CfError *err);

/*
 * cf_storage_stranger tells, after an operation that ended with CF_ERR_DENIED, whether the store did not accept the
 * credentials themselves; false = it knows who asks, and denies what was asked.
 */
extern bool cf_storage_stranger(const CfOp *op);

/* cf_storage_place_check looks at the options of a place alone: no file, no network. */
extern bool cf_storage_place_check(const CfPlace *place, CfError *err);

/* cf_storage_credentials_check looks whether place->credentials are what they are called and belong together: no file, no network. */
extern bool cf_storage_credentials_check(const CfPlace *place, CfError *err);

/*
 * cf_storage_version_same tells whether two pins of one key can be of the same version. A listing, the answer to a create
 * and a stat may each know another part of what identifies a version; what both know must agree.
 */
extern bool cf_storage_version_same(const CfPlace *place, const char *a, const char *b);

/* What somebody else (an inventory file) tells of a version; texts "" and modified_us < 0 = not told. */
typedef struct CfToldVersion
{
	const char *etag;			/* quotes around it do not matter */
	const char *version_id;
	const char *generation;
	int64_t		modified_us;
} CfToldVersion;

/* cf_storage_version_told makes the pin of such a version, as a listing would tell it; false = it does not tell enough. */
extern bool cf_storage_version_told(const CfPlace *place, const CfToldVersion *told, char version[CF_STORAGE_VERSION_MAX + 1]);

/*
 * cf_storage_key_check tells whether a key may be written to the place: length, segments, "..", "//",
 * control characters, UTF-8, reserved names. Keys that fail it can be listed and reported, never created.
 */
extern bool cf_storage_key_check(const CfPlace *place, const char *key, CfError *err);

/* cf_storage_fold_check refuses a key of a shape that the store takes for another key (folds.c). */
extern bool cf_storage_fold_check(const CfPlace *place, const char *key, CfError *err);

/* cf_storage_authenticate obtains the token of the place, where its credentials want one: every operation does so by itself. */
extern CfStep cf_storage_authenticate(CfOp *op);

/* What of an object's attributes goes along. Texts live in the arena or with what was given, none is NULL. */
typedef struct CfKept
{
	CfAttributes attributes;
	const char *content_type;
	int64_t		mtime_us;		/* modification time of the user's file, for stores that keep it themselves */
	unsigned	lost;			/* bits of attributes of which something is left behind */
	char		told[CF_STORAGE_LOST_MAX];	/* what that is, for people; "" = nothing */
} CfKept;

/*
 * cf_storage_keep works out what of the object that stat tells of goes along from source to dest. content_type stands in
 * where the store tells none. false = out of memory.
 */
extern bool cf_storage_keep(const CfPlace *source, const CfPlace *dest, const CfObjectStat *stat, const char *content_type,
							   CfArena *arena, CfKept *kept);

/* cf_storage_keep_accepted: may this be lost at dest? If not, err names what it is (CF_ERR_UNSUPPORTED). */
extern bool cf_storage_keep_accepted(const CfPlace *dest, const char *key, const CfKept *kept, CfError *err);

/* Size, pin, class and times of one object; CF_ERR_NOT_FOUND when it is not there. */
extern CfStep cf_storage_stat(CfOp *op, const char *key, CfObjectStat *stat);

/*
 * Bytes of one object. Each CF_STEP_AGAIN and the final CF_STEP_DONE bring chunk->length bytes (DONE may
 * bring 0). A pin that does not hold, at the first byte or after the last, is CF_ERR_CHANGED.
 */
extern CfStep cf_storage_read(CfOp *op, const CfReadArgs *args, CfChunk *chunk);

/*
 * An object of one request, under its pin: all its bytes, `length` of them, into data, and what stat tells of it. What the store tells of
 * its digests and its class only to who looks is left out. CF_ERR_CHANGED also when the object has another size; only up to
 * caps.fetch_max_bytes, and not of nothing: for an empty object ask stat.
 */
extern CfStep cf_storage_fetch(CfOp *op, const char *key, const char *version, char *data, size_t length, CfObjectStat *stat);

/* A small object in one go: create-only, CF_ERR_EXISTS when somebody is there. */
extern CfStep cf_storage_put(CfOp *op, const CfUploadArgs *args, const void *data, size_t length,
							 CfObjectStat *stat);

/*
 * All of them want the upload's args as they were at upload_begin, after a crash too: Azure takes content type, metadata,
 * attributes, tags and class only when it commits.
 *
 * upload_begin  makes or takes up (args.resume) the upload and fills upload->handle and stored_bytes.
 * upload_part   takes the next bytes of a part, in order; AGAIN = wants more of it, DONE = the part is complete. A part that
 *				 comes whole in one call may be sent from data itself: it stays where it is until that step is DONE.
 * upload_read   reads back bytes of what was stored and not committed, for resuming and verifying;
 *				 CF_ERR_UNSUPPORTED where the store cannot.
 * upload_seal   makes all parts durable and, where caps.pin_before_commit, tells the coming version. A remote driver that
 *				 sends an object in one request (size_bytes <= caps.put_max_bytes), or as one stream (no caps.parallel_parts),
 *				 does so here, create-only, and tells its version: the object is visible from then on, known as ours by the owner_tag in its metadata.
 * upload_commit makes the object appear, create-only: CF_ERR_EXISTS when somebody is there. Repeating it after
 *				 a crash succeeds when the object there is ours (same pin or owner_tag).
 * upload_abort  removes every trace of the upload; repeatable, never touches a committed object; what upload_seal
 *				 made visible under this owner_tag and nobody committed is removed, by its version, unless args.keep_object. Without a handle
 *				 (a crash came before it was checkpointed) it goes by args.owner_tag and args.begun_us. The token of a copy
 *				 is as good as a handle where caps.copy_uploads.
 */
extern CfStep cf_storage_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload);
extern CfStep cf_storage_upload_part(CfOp *op, CfUpload *upload, CfPart *part, const void *data,
									 size_t length);
extern CfStep cf_storage_upload_read(CfOp *op, CfUpload *upload, int64_t offset, CfChunk *chunk);
extern CfStep cf_storage_upload_seal(CfOp *op, CfUpload *upload, CfObjectStat *stat);
extern CfStep cf_storage_upload_commit(CfOp *op, CfUpload *upload, CfObjectStat *stat);
extern CfStep cf_storage_upload_abort(CfOp *op, CfUpload *upload);
/* Uploads of ours that were last written before older_than_us (Unix epoch; INT64_MAX = all), page by page. */
extern CfStep cf_storage_uploads_find(CfOp *op, int64_t older_than_us, const char *token,
									  CfStalePage *page);

/*
 * Removes the object if it still is version; owner_tag names the private thing that a crash may leave
 * behind, so that repeating the call with the same tag finishes the job. Never removes another version.
 */
extern CfStep cf_storage_remove(CfOp *op, const char *key, const char *version, const char *owner_tag,
								CfRemoved *removed);

/*
 * Server-side copy of a pinned object from another place of the same provider, create-only, with class and attributes of
 * args; DONE fills stat. `token` ("" at first) tells what a copy in progress has begun at the store, where caps.copy_uploads: told
 * before its first part and to be kept, since it is as good as a handle for upload_abort, and for an upload_begin or a copy that begins again.
 * set_class changes the class of the object where it lies, if it still is version; the new version is in stat. `token` is that of a
 * change that is an upload (caps.class_max_bytes); NULL = nobody keeps it.
 * class_allowed tells of the object that op has just looked at (stat, DONE) whether set_class would take it on as far as that is known
 * beforehand, an archived one once it is restored, which costs money; false = op->err.
 * restore asks for an archived object to become readable for so many days; priority "" = the cheapest. Poll by stat.
 * presign makes a URL (GET, …) that works until expires_us; no request is sent.
 */
#define CF_STORAGE_COPY_TOKEN 256
extern bool cf_storage_copies_from(const CfPlace *place, const CfPlace *source);	/* is cf_storage_copy worth a try? No request is sent */
extern CfStep cf_storage_copy(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version,
							  const CfUploadArgs *args, char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat);
extern CfStep cf_storage_set_class(CfOp *op, const char *key, const char *version, const char *storage_class,
								   char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat);
extern bool cf_storage_class_allowed(CfOp *op, const char *key, const char *storage_class);
extern CfStep cf_storage_restore(CfOp *op, const char *key, const char *version, int days, const char *priority);
extern bool cf_storage_presign(const CfPlace *place, CfArena *arena, const char *method, const char *key,
							   int64_t now_us, int64_t expires_us, char **url, CfError *err);

/*
 * One page of keys that begin with prefix, after token (NULL = from the start). The same op goes on exactly
 * where the last page ended; a token that an earlier process kept starts at a boundary of the store's choice
 * and may repeat keys (LOCAL: the files of one folder), but never leaves one out; so stay with
 * one op to get through a listing. Tokens are printable ASCII.
 */
extern CfStep cf_storage_list(CfOp *op, const char *prefix, const char *token, int max_entries,
							  CfListPage *page);

/*
 * Doorway (place_sql.c); needs a transaction. cf_storage_place_open reads the foreign server `name` into a
 * CfPlace of the arena, on the authority of role_oid: the server is of cloudflux and role_oid has USAGE on it;
 * a LOCAL place's owner is in pg_read_server_files (for_write: pg_write_server_files too), its root is a real
 * folder apart from the server's own; the server still is what was adopted (else CF_ERR_STATE, 55000).
 * A place without a driver in this build opens, and every operation on it is CF_ERR_UNSUPPORTED.
 */
extern bool cf_storage_place_open(const char *name, unsigned int role_oid, bool for_write,
								  CfArena *arena, CfPlace **place, CfError *err);

/*
 * cf_storage_place_relimit takes in what the server's options bandwidth_limit, requests_per_second and max_connections say by now, for
 * long work on a place that is open; needs a transaction. The other options are as they were when the place was opened.
 */
extern void cf_storage_place_relimit(CfPlace *place);

/* cf_storage_init defines the settings of the room; called by _PG_init. */
extern void cf_storage_init(void);

#endif							/* CF_STORAGE_STORAGE_H */
