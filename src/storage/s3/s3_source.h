/*
 * s3_source.h
 *		Sources of session credentials of AWS. Private to src/storage/s3.
 *
 * Each is a CfDriver.credential_next for one value of credential_source; DONE = place->token holds what signs.
 */
#ifndef CF_STORAGE_S3_SOURCE_H
#define CF_STORAGE_S3_SOURCE_H

#include "storage/identity.h"
#include "storage/s3/s3.h"

/* What a source obtained. A text that fills its room was cut, and is refused. */
typedef struct CfS3Session
{
	char		access_key[256];
	char		secret_key[512];
	char		token[7000];	/* "" = none */
	char		expiration[64]; /* as it was told */
} CfS3Session;

extern CfStep cf_s3_session_take(CfOp *op, const char *who, CfS3Session *session, int64_t expires_us);
extern CfStep cf_s3_session_json(CfOp *op, const char *who);

extern CfStep cf_s3_source_file(CfOp *op);
extern CfStep cf_s3_source_sts(CfOp *op);
extern CfStep cf_s3_source_imds(CfOp *op);
extern CfStep cf_s3_source_container(CfOp *op);

/* cf_s3_profile_read finds a profile in the text of a shared credentials file; false = it is not there. Changes the text. */
extern bool cf_s3_profile_read(char *text, const char *profile, CfS3Session *session, bool *delegates);

#endif							/* CF_STORAGE_S3_SOURCE_H */
