/*
 * gcs.h
 *		The driver of Google Cloud Storage, over its JSON API: what its files share. Private to this folder.
 *
 * An operation is a small state machine in op->phase: 0 = not started, else which answer is awaited. What it remembers
 * between two steps is a CfGcsState, made at its first use and freed at the end of the op. A request and its answer live in
 * op->request_arena until the next request is built, so what must outlive that is copied into the state or op->arena.
 *
 * The pin of an object is its generation, a number that the store gives to every content that was ever written under a name.
 * The bytes of a generation never change; a class change by rewrite makes a new one. The metageneration is not part of
 * the pin: lifecycle rules, Autoclass, holds and edits of labels raise it without touching a byte, and a move that fails
 * because of them would never end on a busy bucket.
 */
#ifndef CF_STORAGE_GCS_H
#define CF_STORAGE_GCS_H

#include <jansson.h>

#include "core/json.h"
#include "storage/remote/remote_upload.h"
#include "storage/utf8.h"

#define CF_GCS_ENDPOINT "https://storage.googleapis.com"
#define CF_GCS_SCOPE "https://www.googleapis.com/auth/devstorage.read_write"
#define CF_GCS_PRIVATE ".cloudflux/"	/* below the place's prefix; never listed, never written by a user */
#define CF_GCS_PARTS CF_GCS_PRIVATE "parts/"
#define CF_GCS_CLASS "cf_class"	/* metadata of a first part: the class that the object is to have */
#define CF_GCS_PUT_MAX (16 * 1024 * 1024)	/* larger objects are composed of parts */
#define CF_GCS_COMPOSE_MAX 32	/* sources of one compose */
#define CF_GCS_PARTS_MAX 10000
#define CF_GCS_PAGE_BYTES (16 * 1024 * 1024)	/* of one page of a listing: 1,000 entries with escaped names */
#define CF_GCS_NAME_MAX 1024
#define CF_GCS_NUMBER_MAX INT64_C(999999999999999999)

/* All of an object that the driver reads; lists go without metadata. */
#define CF_GCS_FIELDS_BRIEF "name,size,generation,crc32c,md5Hash,storageClass,contentType,timeCreated,updated"
#define CF_GCS_FIELDS \
	CF_GCS_FIELDS_BRIEF ",metageneration,cacheControl,contentDisposition,contentEncoding,contentLanguage,customTime,metadata"

/* A temporary object of an upload: a part (level 0) or what a compose made of up to 32 pieces of the level below. */
typedef struct CfGcsPiece
{
	int			level;
	int			number;			/* from 1 */
	int64_t		generation;
	int64_t		size_bytes;
	uint32_t	crc32c;
} CfGcsPiece;

typedef struct CfGcsState
{
	CfRemoteState remote;
	uint32_t	crc32c;			/* read: of what was read, when it began at the object's first byte */
	/* commit, abort, find */
	CfGcsPiece *pieces;			/* that exist, as listed and as made */
	int			piece_count;
	int			piece_room;
	CfGcsPiece *row;			/* of the level that is being composed, then of the next one */
	int			row_count;
	int			row_next;		/* first that is not composed yet */
	CfGcsPiece	making;
	int			making_count;	/* sources of what is being made */
	int			made_count;		/* of the next level, at the front of row */
	int			at_piece;
	int			rounds;
	bool		lost_answer;	/* the request before may have arrived twice */
	CfDigests	sent;			/* what the object is to have, as far as that is known */
	json_t	   *resource;		/* metadata of the object to be made */
	char	   *page_token;		/* of the next page, encoded as it goes into a URL */
	char		tag[65];		/* of the upload whose pieces are being listed */
	int64_t		tag_started_us;
	int64_t		tag_updated_us;
	int64_t		tag_bytes;
	/* a resumable session */
	char	   *session;		/* path and query of its URI, a secret; NULL = none */
	char		session_tag[65];
	int64_t		session_at;		/* bytes that the store says to have */
	int64_t		session_bytes;	/* of complete parts that were given, sent or not */
	uint32_t	session_crc32c; /* of those */
	int64_t		body_at;		/* offset in the object of the bytes in the buffer */
	/* rewrite */
	char	   *rewrite_token;
} CfGcsState;

/* What an upload's handle says. */
typedef enum CfGcsUploadKind
{
	CF_GCS_UPLOAD_PUT,			/* one request, at upload_seal */
	CF_GCS_UPLOAD_PARTS,		/* parts, composed at upload_commit */
	CF_GCS_UPLOAD_SESSION,		/* one stream, whose last chunk goes at upload_seal */
	CF_GCS_UPLOAD_DONE			/* was a put, is committed */
} CfGcsUploadKind;

typedef struct CfGcsHandle
{
	CfGcsUploadKind kind;
	char		tag[65];
	int64_t		size_bytes;
	int64_t		part_bytes;
} CfGcsHandle;

/* cf_gcs_number reads a size or a generation, which have at most 18 digits. */
static inline bool
cf_gcs_number(const char *text, int64_t *number)
{
	return cf_remote_number(text, CF_GCS_NUMBER_MAX, number);
}

extern const CfAttributeRule *cf_gcs_attributes(const CfPlace *place);	/* gcs_attributes.c */

/* gcs_driver.c */
extern bool cf_gcs_keep_text(CfOp *op, char **kept, const char *text);
extern const char *cf_gcs_endpoint(const CfPlace *place);
extern char *cf_gcs_object_path(CfOp *op, const char *name);
extern char *cf_gcs_path(CfOp *op, const char *bucket, const char *name, const char *action);
extern char *cf_gcs_name(CfOp *op, const char *key);
extern CfStep cf_gcs_send(CfOp *op, int phase, const char *path, const char *query, ...)
			__attribute__((format(printf, 4, 5)));
extern CfStep cf_gcs_send_json(CfOp *op, int phase, json_t *body, const char *path, const char *query, ...)
			__attribute__((format(printf, 5, 6)));

/* gcs_sign.c */
extern bool cf_gcs_sign(CfRequest *request, void *ctx, CfArena *arena, int64_t now_us, CfError *err);
extern bool cf_gcs_presign(const CfPlace *place, CfArena *arena, const char *method, const char *key, int64_t now_us,
						   int64_t expires_us, char **url, CfError *err);

/* gcs_token.c */
extern CfStep cf_gcs_credential_next(CfOp *op);
extern bool cf_gcs_key_read(const CfPlace *place, json_t **key, CfError *err);
extern bool cf_gcs_credentials_check(const CfPlace *place, CfError *err);
extern bool cf_gcs_service_allowed(const CfPlace *place, const char *url);

/* gcs_federation.c */
extern CfStep cf_gcs_federation(CfOp *op);

/* gcs_object.c */
extern const CfRemote cf_gcs_remote;
extern CfStep cf_gcs_look(CfOp *op, const char *key, int phase);
extern CfStep cf_gcs_remove_ask(CfOp *op, const char *key, const char *version, int phase);
extern json_t *cf_gcs_resource(CfOp *op, const CfUploadArgs *args, const char *storage_class);
extern json_t *cf_gcs_description(const json_t *resource, const char *class);
extern CfStep cf_gcs_insert(CfOp *op, int phase, json_t *resource, const char *name, int64_t if_generation);
extern bool cf_gcs_inserted(CfOp *op, const char *key, CfObjectStat *stat);

/* gcs_upload.c and gcs_compose.c */
extern bool cf_gcs_handle_read(CfOp *op, const CfUpload *upload, CfGcsHandle *handle);
extern CfStep cf_gcs_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload);
extern bool cf_gcs_in_parts(CfOp *op, const CfUpload *upload, const CfPart *part, bool *parts);
extern CfStep cf_gcs_part_send(CfOp *op, CfUpload *upload, CfPart *part, const void *data);
extern CfStep cf_gcs_part_answer(CfOp *op, CfUpload *upload, CfPart *part);
extern CfStep cf_gcs_join(CfOp *op, CfUpload *upload, CfObjectStat *stat);
extern CfStep cf_gcs_upload_read(CfOp *op, CfUpload *upload, int64_t offset, CfChunk *chunk);
extern CfStep cf_gcs_upload_seal(CfOp *op, CfUpload *upload, CfObjectStat *stat);
extern CfStep cf_gcs_upload_commit(CfOp *op, CfUpload *upload, CfObjectStat *stat);
extern CfStep cf_gcs_upload_abort(CfOp *op, CfUpload *upload);
extern CfStep cf_gcs_uploads_find(CfOp *op, int64_t older_than_us, const char *token, CfStalePage *page);
extern CfStep cf_gcs_compose(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfObjectStat *stat);
extern char *cf_gcs_piece_name(CfOp *op, const char *tag, int level, int number);
extern CfStep cf_gcs_names_list(CfOp *op, int phase, const char *tag, const char *from, const char *fields);
extern CfStep cf_gcs_pieces_list(CfOp *op, int phase, const char *tag);
extern bool cf_gcs_pieces_read(CfOp *op, const char *tag);
extern CfStep cf_gcs_piece_remove(CfOp *op, int phase, const char *tag, const CfGcsPiece *piece);
extern int	cf_gcs_row(CfOp *op, const CfGcsHandle *handle);

/* gcs_session.c */
extern bool cf_gcs_sessions(const CfPlace *place);
extern CfStep cf_gcs_session_begin(CfOp *op, const CfUploadArgs *args);
extern bool cf_gcs_session_ready(CfOp *op, const CfGcsHandle *handle, const CfPart *part);
extern CfStep cf_gcs_session_part(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfPart *part);
extern CfStep cf_gcs_session_seal(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfObjectStat *stat);
extern CfStep cf_gcs_session_cancel(CfOp *op, const CfGcsHandle *handle);
extern bool cf_gcs_session_cancelling(const CfOp *op);
extern void cf_gcs_session_forget(CfOp *op);

/* gcs_list.c */
extern CfStep cf_gcs_list(CfOp *op, const char *prefix, const char *token, int max_entries, CfListPage *page);

/* gcs_copy.c */
extern CfStep cf_gcs_copy(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version,
						  const CfUploadArgs *args, char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat);
extern CfStep cf_gcs_set_class(CfOp *op, const char *key, const char *version, const char *storage_class,
							   char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat);
extern CfStep cf_gcs_send_rewrite(CfOp *op, int phase, const char *bucket, const char *source, int64_t generation,
								  const char *key, int64_t if_generation, const char *more, json_t *body);
extern bool cf_gcs_rewritten(CfOp *op, bool *done, CfObjectStat *stat);

/* gcs_answer.c */
extern CfNetVerdict cf_gcs_classify(const CfRequest *request, const CfResponse *response, void *ctx);
extern bool cf_gcs_error_inside(const CfResponse *response);
extern json_t *cf_gcs_answer(CfOp *op);
extern bool cf_gcs_version_told(const CfToldVersion *told, char version[CF_STORAGE_VERSION_MAX + 1]);
extern bool cf_gcs_object(CfOp *op, const json_t *resource, CfObjectStat *stat);
extern bool cf_gcs_answer_object(CfOp *op, CfObjectStat *stat);
extern bool cf_gcs_no_bucket(const CfOp *op);
extern bool cf_gcs_held(const CfOp *op, char *reason, size_t room);
extern CfStep cf_gcs_fail(CfOp *op, const char *what, const char *key);

#endif							/* CF_STORAGE_GCS_H */
