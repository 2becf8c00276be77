/*
 * s3.h
 *		What the files of the driver of Amazon S3 and compatible stores share. Private to src/storage/s3.
 *
 * A place is a bucket. What differs between stores is a row of cf_s3_stores (s3_stores.c), chosen by the option preset; the
 * name of the provider only says which row is the default.
 *
 * An object up to put_max bytes goes in one PUT, a larger one in a multipart upload. The handle of an upload is "put" (one
 * request, made by upload_seal), "done" (a put that was committed) or "parts:<UploadId>". A copy by parts tells "copy:<UploadId>": of
 * which version its parts are nobody knows later, so it can be aborted by that and not be taken up. Every object that we create says
 * whose it is: metadata cf_owner_tag. On the wire our names are written with "-" for "_", since many proxies drop headers
 * that contain "_".
 *
 * A pin is what tells versions apart, in a printable line of fields:
 *		e=<ETag without quotes>		always; survives a rewrite with equal bytes
 *		v=<version id>				on versioned buckets, and generations of GCS
 *		o=<owner tag>				without v, on objects of ours: what the answer to a create can tell already
 *		m=<Last-Modified, Unix>		without v and o, and in listings
 * Two pins are of the same version when the ETag is the same and no other field that both have differs; a stat knows all
 * fields, so what is removed is compared in full. A value that is too long or not printable is "~" and 32 digits of its SHA-256.
 */
#ifndef CF_STORAGE_S3_H
#define CF_STORAGE_S3_H

#include "storage/remote/remote_upload.h"
#include "storage/xml.h"

#define CF_S3_PUT_MAX (INT64_C(16) * 1024 * 1024)	/* default of the option put_max_mb */
#define CF_S3_PART_MIN (INT64_C(5) * 1024 * 1024)
#define CF_S3_PART_MAX (INT64_C(5) * 1024 * 1024 * 1024)
#define CF_S3_PARTS_MAX 10000
#define CF_S3_PARTS_AIM 9900	/* parts grow so that a few remain to spare */
#define CF_S3_COPY_MAX (INT64_C(5) * 1024 * 1024 * 1024)
#define CF_S3_COPY_PART (INT64_C(512) * 1024 * 1024)
#define CF_S3_METADATA_MAX 2048
#define CF_S3_PAGE_BYTES (8 * 1024 * 1024)	/* of one page of a listing */
#define CF_S3_ETAG_MAX 64		/* longer ones are hashed in pins */
#define CF_S3_UPLOAD_ID_MAX 240
#define CF_S3_REGION_MAX 64

typedef enum CfS3Checksum
{
	CF_S3_CHECKSUM_NONE,
	CF_S3_CHECKSUM_MD5,			/* Content-MD5: every store knows it; says nothing of multipart objects */
	CF_S3_CHECKSUM_CRC32C,
	CF_S3_CHECKSUM_CRC64NVME
} CfS3Checksum;

/* The words that sign a request: AWS4, or GOOG4 of the XML API of GCS, which must not be mixed. */
typedef struct CfS3Dialect
{
	const char *algorithm;		/* "AWS4-HMAC-SHA256" */
	const char *key_prefix;		/* "AWS4" */
	const char *terminator;		/* "aws4_request" */
	const char *service;		/* "s3" */
	const char *header;			/* prefix of header names: "x-amz-" */
	const char *query;			/* prefix of names in a presigned URL: "X-Amz-" */
} CfS3Dialect;

extern const CfS3Dialect cf_s3_aws4;
extern const CfS3Dialect cf_s3_goog4;

/* A store as data: where it is, and what of S3 it honours. */
typedef struct CfS3Store
{
	const char *preset;
	const char *endpoint;		/* with %s for the region; NULL = the option endpoint must be there */
	const char *endpoint_form;	/* of one that must be there, as a hint */
	const char *region;			/* default; NULL = the option region must be there */
	const CfS3Dialect *dialect;
	bool		virtual_host;	/* addressing auto: the bucket goes into the host's name */
	bool		classes;		/* objects have a class that a listing shows */
	const char *const *class_words;	/* the classes that new objects can have, NULL behind the last; NULL = nobody knows */
	bool		restores;
	bool		create_only;	/* If-None-Match on PUT */
	bool		conditional_delete;
	bool		versions;		/* buckets can be versioned, and ListObjectVersions tells of it */
	bool		copy_create_only;	/* If-None-Match on CopyObject; else copies go by parts */
	bool		copy_replace;	/* If-Match (of the destination) on CopyObject and Complete */
	bool		copy_unsummed;	/* refuses a copied part in an upload that was begun with a checksum */
	bool		class_by_replace;	/* a new class alone does not make a copy onto itself legal */
	bool		whole_only;		/* neither parts nor copies; and the ETag of a single PUT without KMS or customer keys is not its MD5 */
	bool		join_create_only;	/* If-None-Match on Complete */
	bool		list_sorted;
	bool		list_exact;		/* encoding-type=url works, so every key is told exactly */
	CfS3Checksum checksum;
	int64_t		object_max;		/* bytes; 0 = as many as 10,000 parts of 5 GiB hold */
	bool		equal_parts;	/* all parts of an upload but the last have one size, or joining them fails */
	int			segment_max;	/* bytes between two slashes; 0 = no limit */
	bool		no_tags;		/* refuses or ignores tags of objects */
	int			key_folds;		/* CF_FOLD_ bits: keys that it takes for others, as far as that is known */
} CfS3Store;

/* What signs: texts live as long as the place or the arena that they were read into. */
typedef struct CfS3Keys
{
	const CfS3Dialect *dialect;
	const char *access_key;		/* NULL = anonymous */
	const char *secret_key;
	const char *session_token;	/* "" = none */
	const char *region;
	const char *service;
} CfS3Keys;

/* Fields of a pin; "" = it does not have that one. */
typedef struct CfS3Pin
{
	char		etag[CF_S3_ETAG_MAX + 1];
	char		version[CF_S3_ETAG_MAX + 1];
	char		owner[65];
	int64_t		modified;		/* -1 = not told */
} CfS3Pin;

/* What a HEAD or GET told of an object besides its CfObjectStat. Texts live in op->arena. */
typedef struct CfS3Head
{
	CfS3Pin		pin;			/* all fields that the answer has */
	char		etag[256];		/* as it was told, with quotes, for conditions */
	char		version_id[256];	/* "" = none */
	char		owner_tag[65];
	bool		locked;			/* a retention or a legal hold is on it */
	int			tags;			/* how many there are */
} CfS3Head;

/* One part that the store has, for Complete. */
typedef struct CfS3Part
{
	int			number;
	int64_t		size_bytes;
	char		etag[CF_S3_ETAG_MAX + 3];
	char		checksum[16];	/* base64; "" = none */
} CfS3Part;

/* op->phase of operations that take more steps than those of one object. */
enum
{
	S3_PARTS_LISTED = CF_REMOTE_OWN,			/* s3_upload.c, commit: what parts are there? */
	S3_PARTS_JOINED,
	S3_UNKNOWN_LISTED,			/* s3_unfinished.c: which uploads can be ours? */
	S3_UNKNOWN_ASKED,			/* does this one hold parts? */
	S3_UNKNOWN_ABORTED,
	S3_HIDDEN,					/* s3_remove.c: a marker was put before the object */
	S3_HIDDEN_LISTED,
	S3_UNCOVERED,				/* and taken away again */
	S3_MISSING_LISTED,			/* nothing is there: which version was the last? */
	S3_COPY_ONE,				/* s3_copy.c, in one request */
	S3_COPY_BEGUN,				/* by parts */
	S3_COPY_PART,
	S3_COPY_NEXT,
	S3_COPY_ABORTED,
	S3_COPY_CLEARED				/* what an earlier copy by parts has left is given back */
};

#define CF_S3_HANDLE_PARTS "parts:"	/* how the handle of an upload in parts begins */
#define CF_S3_HANDLE_COPY "copy:"	/* and how the token of a copy by parts does; both go on with the id of the upload */

/* What an op keeps between two steps; from the arena's allocator. */
typedef struct CfS3State
{
	CfRemoteState remote;		/* mended: it went to another region */
	int64_t		at;				/* copy: first byte of the next part */
	CfDigests	digests;		/* of the bytes that the present request sends */
	CfS3Part   *parts;			/* commit: as listed so far */
	int			part_count;
	int			part_room;
	int			rounds;			/* abort: how often parts came back */
	CfS3Head	head;			/* of the object that was looked at last */
	CfS3Head	source;			/* copy: of the pinned source; remove: version_id is our marker */
	CfUpload	copying;		/* copy by parts: the upload at the destination; no handle = in one request */
	int64_t		copy_part_bytes;
	bool		replacing;		/* the parts replace the pinned object instead of creating one */
} CfS3State;

/* s3_stores.c; cf_s3_store gives the row of a place: its preset's, else its provider's */
extern const CfS3Store cf_s3_stores[];
extern const int cf_s3_store_count;
extern const CfS3Store *cf_s3_store(const CfPlace *place);
extern bool cf_s3_class_check(const CfPlace *place, const char *storage_class, CfError *err);

/* s3_driver.c */
extern const CfAttributeRule *cf_s3_attributes(const CfPlace *place);	/* s3_attributes.c */
extern CfS3Checksum cf_s3_checksum(const CfPlace *place);
extern int64_t cf_s3_put_max(const CfPlace *place);
extern bool cf_s3_accepts(const CfPlace *place, const char *option);
extern CfRequest *cf_s3_request(CfOp *op, const char *method, const char *verb, const char *key, const char *query);
extern bool cf_s3_amz_header(CfOp *op, const char *name, const char *value);
extern bool cf_s3_body(CfOp *op, const void *body, size_t length, const CfDigests *known);
extern bool cf_s3_customer_key(CfOp *op, const CfPlace *place, const char *family);

/* s3_url.c */
extern const char *cf_s3_region(const CfPlace *place);
extern const char *cf_s3_partition(const char *region);
extern char *cf_s3_url(const CfPlace *place, CfArena *arena, const char *key, const char *query);
extern bool cf_s3_region_told(const CfOp *op, char region[CF_S3_REGION_MAX + 1]);
extern bool cf_s3_again(CfOp *op);

/* s3_text.c */
extern char *cf_s3_word_encode(CfArena *arena, const char *text);
extern char *cf_s3_word_decode(CfArena *arena, const char *text);
extern void cf_s3_pin_write(const CfS3Pin *pin, char version[CF_STORAGE_VERSION_MAX + 1]);
extern bool cf_s3_pin_read(const char *version, CfS3Pin *pin);
extern void cf_s3_pin_value(char *to, size_t room, const char *value);
extern void cf_s3_etag_pin(const char *etag, CfS3Pin *pin);
extern bool cf_s3_pin_same(const CfS3Pin *a, const CfS3Pin *b);
extern bool cf_s3_version_same(const char *a, const char *b);
extern bool cf_s3_version_told(const CfToldVersion *told, char version[CF_STORAGE_VERSION_MAX + 1]);

/* s3_sign.c */
extern bool cf_s3_sign(CfRequest *request, void *ctx, CfArena *arena, int64_t now_us, CfError *err);
extern bool cf_s3_sign_request(CfRequest *request, const CfS3Keys *keys, CfArena *arena, int64_t now_us, CfError *err);
extern bool cf_s3_presign(const CfPlace *place, CfArena *arena, const char *method, const char *key, int64_t now_us,
						  int64_t expires_us, char **url, CfError *err);
extern bool cf_s3_presign_url(const char *method, const char *url, const CfS3Keys *keys, CfArena *arena, int64_t now_us,
							  int64_t seconds, char **signed_url, CfError *err);
extern bool cf_s3_keys(const CfPlace *place, CfArena *arena, CfS3Keys *keys, CfError *err);

/* s3_source.c */
extern CfStep cf_s3_credential_next(CfOp *op);

/* s3_object.c */
extern const CfRemote cf_s3_remote;
extern CfStep cf_s3_look(CfOp *op, const char *key, int phase);
extern bool cf_s3_missing(CfOp *op);
extern bool cf_s3_pinned(const CfOp *op, const char *version);
extern CfStep cf_s3_put_send(CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length, int phase);
extern CfStep cf_s3_put_answer(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat);
extern bool cf_s3_writable(CfOp *op);
extern bool cf_s3_describe(CfOp *op, const CfUploadArgs *args);
extern bool cf_s3_condition(CfOp *op, const CfS3Head *head);
extern bool cf_s3_checksum_add(CfOp *op, const void *data, size_t length, const CfDigests *known);
extern bool cf_s3_checksum_header(CfOp *op, const CfDigests *digests);
extern bool cf_s3_checksum_told(CfOp *op, const char *what, const char *key);
extern bool cf_s3_encryption_kept(CfOp *op, const char *key);

/* s3_remove.c */
extern CfStep cf_s3_remove(CfOp *op, const char *key, const char *version, const char *owner_tag, CfRemoved *removed);
extern bool cf_s3_delete_allowed(CfOp *op, const char *key);
extern CfStep cf_s3_delete(CfOp *op, const char *key, int phase);
extern CfStep cf_s3_delete_version(CfOp *op, const char *key, const char *version_id, int phase);

/* s3_upload.c */
extern CfStep cf_s3_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload);
extern bool cf_s3_in_parts(CfOp *op, const CfUpload *upload, const CfPart *part, bool *parts);
extern CfStep cf_s3_part_send(CfOp *op, CfUpload *upload, CfPart *part, const void *data);
extern CfStep cf_s3_part_answer(CfOp *op, CfUpload *upload, CfPart *part);
extern CfStep cf_s3_join(CfOp *op, CfUpload *upload, CfObjectStat *stat);
extern CfS3Checksum cf_s3_parts_checksum(const CfPlace *place, bool copied);
extern CfStep cf_s3_upload_create(CfOp *op, const CfUploadArgs *args, int phase);
extern bool cf_s3_upload_created(CfOp *op, CfUpload *upload);
extern bool cf_s3_upload_request(CfOp *op, const char *method, const char *verb, const CfUpload *upload, int number, const char *more);
extern CfStep cf_s3_upload_give_up(CfOp *op, const CfUpload *upload, int phase);
extern bool cf_s3_joinable(CfOp *op);
extern const char *cf_s3_upload_id(const char *handle);
extern int64_t cf_s3_part_bytes(int64_t size_bytes, int64_t least);

/* s3_unfinished.c */
extern CfStep cf_s3_upload_abort(CfOp *op, CfUpload *upload);
extern CfStep cf_s3_uploads_find(CfOp *op, int64_t older_than_us, const char *token, CfStalePage *page);
extern CfStep cf_s3_copy_left(CfOp *op, const CfUploadArgs *args);
extern bool cf_s3_copy_cleared(CfOp *op, const char *key);
extern bool cf_s3_unknown_phase(const CfOp *op);
extern CfStep cf_s3_unknown_ask(CfOp *op, const CfUpload *upload);
extern CfStep cf_s3_unknown_next(CfOp *op, const CfUpload *upload);

/* s3_parts.c */
extern CfStep cf_s3_parts_ask(CfOp *op, const CfUpload *upload, int phase);
extern CfStep cf_s3_parts_take(CfOp *op, const CfUpload *upload, int phase);
extern CfStep cf_s3_parts_join(CfOp *op, CfUpload *upload, CfObjectStat *stat);

/* s3_list.c */
extern CfStep cf_s3_page_ask(CfOp *op, const char *verb, CfRemoteText *query, int phase);
extern CfStep cf_s3_list(CfOp *op, const char *prefix, const char *token, int max_entries, CfListPage *page);

/* s3_copy.c */
extern bool cf_s3_copies_from(const CfPlace *place, const CfPlace *source);
extern CfStep cf_s3_copy(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version,
						 const CfUploadArgs *args, char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat);
extern CfStep cf_s3_set_class(CfOp *op, const char *key, const char *version, const char *storage_class,
							  char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat);
extern bool cf_s3_class_allowed(CfOp *op, const char *key, const char *storage_class);
extern CfStep cf_s3_restore(CfOp *op, const char *key, const char *version, int days, const char *priority);

/* s3_answer.c */
extern CfNetVerdict cf_s3_classify(const CfRequest *request, const CfResponse *response, void *ctx);
extern CfStep cf_s3_fail(CfOp *op, const char *what, const char *key);
extern void cf_s3_code(const CfResponse *response, char code[64]);
extern bool cf_s3_stranger(const CfOp *op);
extern const char *cf_s3_answer(const CfOp *op, const char *name);
extern bool cf_s3_head_fill(CfOp *op, const char *key, CfS3Head *head);
extern bool cf_s3_stat_fill(CfOp *op, const char *key, CfObjectStat *stat);
extern void cf_s3_digests_fill(const CfOp *op, const char *etag, CfDigests *digests);
extern bool cf_s3_class_archived(const char *storage_class);

#endif							/* CF_STORAGE_S3_H */
