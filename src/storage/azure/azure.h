/*
 * azure.h
 *		What the files of the Azure Blob Storage driver share. Private to src/storage/azure.
 *
 * A place is a container; an object is a block blob below the place's prefix. An object up to CF_AZURE_PUT_MAX bytes goes in
 * one Put Blob, a larger one in blocks. Uncommitted blocks belong to the blob and not to an upload: whoever commits takes what
 * he names, so the id of a block says whose it is. It is the base64 of 48 fixed bytes:
 *		0 .. 23	SHA-256 of the owner tag (job and fence), its first bytes
 *		24 .. 31	the mark: what the source looked like when the upload began (also in the handle)
 *		32 .. 39	number of the part, big-endian
 *		40 .. 47	CRC-64/NVME of its bytes, big-endian; 0 in a copy by the service
 * The service refuses a block whose bytes have another CRC, so the ids that a commit names vouch for the whole object.
 *
 * The handle of an upload is "put" (one request), "blocks:<mark>", or "done" after a put was committed.
 *
 * A pin is the ETag without its quotes: Azure makes a new one at each write, of metadata too. Every request carries
 * CF_AZURE_VERSION, so that an answer means what it meant when this was written.
 */
#ifndef CF_STORAGE_AZURE_H
#define CF_STORAGE_AZURE_H

#include "storage/remote/remote_upload.h"

#define CF_AZURE_VERSION "2023-11-03"
#define CF_AZURE_PUT_MAX (INT64_C(16) * 1024 * 1024)
#define CF_AZURE_COPY_MAX (INT64_C(5000) * 1024 * 1024)
#define CF_AZURE_BLOCK_MAX (INT64_C(4000) * 1024 * 1024)
#define CF_AZURE_BLOCKS_MAX 50000
#define CF_AZURE_PART_MIN (64 * 1024)
#define CF_AZURE_ID_BYTES 48
#define CF_AZURE_ID_TEXT CF_BASE64_BYTES(CF_AZURE_ID_BYTES)
#define CF_AZURE_MARK_TEXT CF_HEX_BYTES(8)
#define CF_AZURE_METADATA_MAX 8192	/* names and values of one blob */
#define CF_AZURE_CONTENT_CRC "cf_crc64nvme"	/* metadata: of the bytes, as whoever wrote them read them */
#define CF_AZURE_RANGE_CRC "x-ms-range-get-content-crc64"

/* op->phase of operations that take more steps than those of one object. */
enum
{
	AZURE_COMMIT_LISTING = CF_REMOTE_OWN,		/* azure_upload.c: what blocks are there? */
	AZURE_COMMIT_SENT
};

/* What an op keeps between two steps; from the arena's allocator. */
typedef struct CfAzureState
{
	CfRemoteState remote;
	char		version[CF_STORAGE_VERSION_MAX + 1];	/* of the object that was just created */
	uint64_t	crc;			/* of the object, or of the block that is sent */
	bool		crc_known;
	bool		body_is_object;	/* what the service tells of the body it got is about the object */
	CfDigests	digests;		/* of the object that was just created, from its answer */
	int64_t		mtime_us;
	CfDigests	committing;		/* commit: digests of the object that the blocks make */
	int64_t		block_bytes;	/* copy: of one block */
	int			block;			/* copy: number of the block that is being copied */
	uint64_t	copied_crc;		/* copy: of the blocks before it, as the service told them */
	bool		copied_known;
	bool		checks_md5;		/* copy: the present request gives the service the MD5 of all bytes to check */
	CfDigests	copied;			/* copy: the MD5 of an object of one block */
} CfAzureState;

extern const CfAttributeRule *cf_azure_attributes(const CfPlace *place);	/* azure_attributes.c */

/* azure_driver.c */
extern bool cf_azure_key_check(const CfPlace *place, const char *key, CfError *err);
extern const char *cf_azure_tier(const char *storage_class);	/* Hot, Cool, Cold, Archive; "" = the account's; NULL = no class */
extern bool cf_azure_account(const CfPlace *place, char account[64]);
extern char *cf_azure_url(const CfPlace *place, CfArena *arena, const char *key, const char *query);
extern CfRequest *cf_azure_request(CfOp *op, const char *method, const char *verb, const char *key, const char *query);
extern bool cf_azure_header(CfOp *op, const char *name, const char *value);
extern bool cf_azure_pin(CfOp *op, const char *name, const char *version);

/* azure_sign.c */
extern bool cf_azure_sign(CfRequest *request, void *ctx, CfArena *arena, int64_t now_us, CfError *err);
extern bool cf_azure_account_key_check(const CfPlace *place, const char *key, CfError *err);
extern bool cf_azure_sas(const CfPlace *place, CfArena *arena, const char *key, const char *permissions, int64_t now_us,
						 int64_t expires_us, char **query, CfError *err);
extern bool cf_azure_presign(const CfPlace *place, CfArena *arena, const char *method, const char *key, int64_t now_us,
							 int64_t expires_us, char **url, CfError *err);

/* azure_token.c */
extern bool cf_azure_token_wanted(const CfPlace *place);
extern bool cf_azure_credentials_check(const CfPlace *place, CfError *err);
extern CfStep cf_azure_credential_next(CfOp *op);

/* azure_object.c */
extern const CfRemote cf_azure_remote;
extern bool cf_azure_describe_check(CfOp *op, const CfUploadArgs *args);
extern bool cf_azure_describe(CfOp *op, const CfUploadArgs *args, const CfDigests *digests);
extern CfStep cf_azure_look(CfOp *op, const char *key, int phase);
extern CfStep cf_azure_created(CfOp *op, const CfUploadArgs *args, bool always_settle);
extern CfStep cf_azure_settled(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat);
extern bool cf_azure_ours(const CfOp *op, const char *owner_tag);

/* azure_upload.c */
extern CfStep cf_azure_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload);
extern bool cf_azure_in_parts(CfOp *op, const CfUpload *upload, const CfPart *part, bool *parts);
extern CfStep cf_azure_part_send(CfOp *op, CfUpload *upload, CfPart *part, const void *data);
extern CfStep cf_azure_part_answer(CfOp *op, CfUpload *upload, CfPart *part);
extern CfStep cf_azure_join(CfOp *op, CfUpload *upload, CfObjectStat *stat);
extern CfStep cf_azure_upload_abort(CfOp *op, CfUpload *upload);
extern CfStep cf_azure_uploads_find(CfOp *op, int64_t older_than_us, const char *token, CfStalePage *page);
extern CfStep cf_azure_blocks_commit(CfOp *op, const CfUploadArgs *args, const CfDigests *digests, const char *mark,
									 CfObjectStat *stat);
extern bool cf_azure_block_id(const char *owner_tag, const char *mark, int number, uint64_t crc, char id[CF_AZURE_ID_TEXT],
							  CfError *err);
extern bool cf_azure_mark(const char *seed, char mark[CF_AZURE_MARK_TEXT], CfError *err);
extern CfRequest *cf_azure_block_request(CfOp *op, const char *verb, const char *key, const char *id);

/* azure_list.c */
extern CfStep cf_azure_list(CfOp *op, const char *prefix, const char *token, int max_entries, CfListPage *page);

/* azure_copy.c */
extern CfStep cf_azure_copy(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version,
							const CfUploadArgs *args, char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat);
extern CfStep cf_azure_set_class(CfOp *op, const char *key, const char *version, const char *storage_class,
								 char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat);
extern CfStep cf_azure_restore(CfOp *op, const char *key, const char *version, int days, const char *priority);

/* azure_answer.c */
extern CfNetVerdict cf_azure_classify(const CfRequest *request, const CfResponse *response, void *ctx);
extern bool cf_azure_code_is(CfOp *op, const char *code);
extern bool cf_azure_stranger(const CfOp *op);
extern bool cf_azure_again(CfOp *op);
extern CfStep cf_azure_fail(CfOp *op, const char *what, const char *key);
extern bool cf_azure_missing(CfOp *op);
extern bool cf_azure_taken(CfOp *op);
extern bool cf_azure_stat_fill(CfOp *op, const char *key, CfObjectStat *stat);
extern bool cf_azure_etag(const char *etag, char version[CF_STORAGE_VERSION_MAX + 1]);
extern bool cf_azure_version_told(const CfToldVersion *told, char version[CF_STORAGE_VERSION_MAX + 1]);
extern bool cf_azure_crc_read(const char *text, uint64_t *crc);
extern void cf_azure_crc_write(uint64_t crc, char text[CF_BASE64_BYTES(8)]);
extern void cf_azure_class_note(CfObjectStat *stat, const char *archive_status);

#endif							/* CF_STORAGE_AZURE_H */
