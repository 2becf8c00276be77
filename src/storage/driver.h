/*
 * driver.h
 *		What a driver must bring. One static const table per provider; private to the room storage.
 *
 * The contract of each function is that of cf_storage_NAME() in storage.h, which only forwards after
 * checking its arguments. Required functions come first. A NULL optional one means CF_ERR_UNSUPPORTED.
 * Differences between providers are values in caps, never a test of the provider's name.
 */
#ifndef CF_STORAGE_DRIVER_H
#define CF_STORAGE_DRIVER_H

#include "storage/attributes.h"

typedef struct CfDriver
{
	const char *name;
	/* required */
	bool		(*validate) (const CfPlace *place, CfError *err);	/* options only: no file, no network */
	void		(*caps) (const CfPlace *place, CfCaps *caps);
	bool		(*key_check) (const CfPlace *place, const char *key, CfError *err);
	CfStep		(*stat) (CfOp *op, const char *key, CfObjectStat *stat);
	CfStep		(*read) (CfOp *op, const CfReadArgs *args, CfChunk *chunk);
	CfStep		(*put) (CfOp *op, const CfUploadArgs *args, const void *data, size_t length,
						CfObjectStat *stat);
	CfStep		(*upload_begin) (CfOp *op, const CfUploadArgs *args, CfUpload *upload);
	CfStep		(*upload_part) (CfOp *op, CfUpload *upload, CfPart *part, const void *data,
								size_t length);
	CfStep		(*upload_seal) (CfOp *op, CfUpload *upload, CfObjectStat *stat);
	CfStep		(*upload_commit) (CfOp *op, CfUpload *upload, CfObjectStat *stat);
	CfStep		(*upload_abort) (CfOp *op, CfUpload *upload);
	CfStep		(*uploads_find) (CfOp *op, int64_t older_than_us, const char *token,
								 CfStalePage *page);
	CfStep		(*remove) (CfOp *op, const char *key, const char *version, const char *owner_tag,
						   CfRemoved *removed);
	CfStep		(*list) (CfOp *op, const char *prefix, const char *token, int max_entries,
						 CfListPage *page);
	void		(*end) (CfOp *op);	/* releases op->state; may be called at any phase */
	const CfAttributeRule *(*attributes) (const CfPlace *place);	/* CF_ATTRIBUTES rows: what the store holds besides bytes */
	/* optional */
	const char *const *options; /* names of options that only this driver understands, NULL-terminated */
	const char *const *credentials; /* names of secrets that set_credentials() takes for it, NULL-terminated */
	const char *const *sources; /* values of credential_source that it knows, NULL-terminated */

	const struct CfRemote *remote;	/* what remote/ asks a driver of a cloud about one object */

	/*
	 * credential_next obtains place->token (OAuth, JWT, STS, metadata services) as a step machine on op, and leaves op->phase 0
	 * and op->state NULL, as it found them. DONE at once when these credentials need no token. renewal.c runs it before an operation
	 * when the token is about to expire, and when the store refuses one (CF_NET_REAUTHENTICATE): then the request is sent
	 * again. A driver that is refused after that sets place->token->expires_us = 0 and fails with a retryable CF_ERR_DENIED.
	 */
	CfStep		(*credential_next) (CfOp *op);
	CfStep		(*fetch) (CfOp *op, const char *key, const char *version, char *data, size_t length, CfObjectStat *stat);	/* where caps.fetch_max_bytes > 0 */
	bool		(*copies_from) (const CfPlace *place, const CfPlace *source);	/* NULL = every place of this driver is */
	CfStep		(*copy) (CfOp *op, const CfPlace *source, const char *source_key, const char *source_version,
						 const CfUploadArgs *args, char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat);
	CfStep		(*set_class) (CfOp *op, const char *key, const char *version, const char *storage_class,
							  char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat);
	bool		(*class_allowed) (CfOp *op, const char *key, const char *storage_class);	/* after a stat by op; NULL = always */
	CfStep		(*restore) (CfOp *op, const char *key, const char *version, int days, const char *priority);
	bool		(*presign) (const CfPlace *place, CfArena *arena, const char *method, const char *key,
							int64_t now_us, int64_t expires_us, char **url, CfError *err);
	bool		(*version_same) (const char *a, const char *b);	/* NULL = equal as texts */
	bool		(*version_told) (const CfToldVersion *told, char version[CF_STORAGE_VERSION_MAX + 1]);
	CfStep		(*upload_read) (CfOp *op, CfUpload *upload, int64_t offset, CfChunk *chunk);

	/*
	 * again tells whether the request that was just answered was refused for a reason that the driver has mended in it (another
	 * region): then it is sent once more, and no step of the driver sees that answer.
	 */
	bool		(*again) (CfOp *op);

	/*
	 * credentials_check tells whether place->credentials are what they are called and belong together, as far as that is known without
	 * a request; no text of err holds a value. NULL = anything goes.
	 */
	bool		(*credentials_check) (const CfPlace *place, CfError *err);

	/* stranger tells whether the answer at hand refuses who asks, and not what is asked; NULL = any CF_ERR_DENIED does. */
	bool		(*stranger) (const CfOp *op);
} CfDriver;

/*
 * cf_storage_renewal (renewal.c) stands before every step of an operation: DONE = the driver may go on. `source` is the other place
 * of a copy, else NULL. cf_storage_renewal_end forgets what it holds.
 */
extern CfStep cf_storage_renewal(CfOp *op, const CfPlace *source);
extern void cf_storage_renewal_end(CfOp *op);

extern const CfDriver cf_storage_file_driver;
extern const CfDriver cf_storage_s3_driver;
extern const CfDriver cf_storage_gcs_driver;
extern const CfDriver cf_storage_azure_driver;

#endif							/* CF_STORAGE_DRIVER_H */
