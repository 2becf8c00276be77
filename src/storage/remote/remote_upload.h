/*
 * remote_upload.h
 *		Writing an object whose bytes come in pieces: what the three drivers do alike.
 *
 * An object up to a size of the driver's choice goes in one request, which the seal makes; its bytes wait until then in a buffer. A
 * larger one goes in parts, of which each is sent when it is whole: from the caller's memory, or gathered in a buffer.
 */
#ifndef CF_STORAGE_REMOTE_UPLOAD_H
#define CF_STORAGE_REMOTE_UPLOAD_H

#include "storage/remote/remote_object.h"

/* cf_remote_buffer_room gets memory for the op's buffer, which is empty; false = there is none, told in op->err. */
extern bool cf_remote_buffer_room(CfOp *op, int64_t room);
extern void cf_remote_buffer_free(CfOp *op);

/* These drive uploads; what is in parts, and where it goes, the driver says. */
extern CfStep cf_remote_upload_part(CfOp *op, CfUpload *upload, CfPart *part, const void *data, size_t length);
extern CfStep cf_remote_upload_seal(CfOp *op, CfUpload *upload, CfObjectStat *stat);
extern CfStep cf_remote_upload_commit(CfOp *op, CfUpload *upload, CfObjectStat *stat);

/* cf_remote_sealed ends a seal that has made an object: it is noted, so that a commit by the same op need not ask for it. */
extern CfStep cf_remote_sealed(CfOp *op, CfUpload *upload, const CfObjectStat *stat);

/* cf_remote_upload_gone ends a commit that finds neither the upload nor its object. */
extern CfStep cf_remote_upload_gone(CfOp *op, const char *key);

/* cf_remote_vacant tells, after a look, whether nobody is at the address of a new object; false = the operation is over. */
extern bool cf_remote_vacant(CfOp *op, const char *key);

/*
 * cf_remote_pinned tells, after a look, whether the object there is the pinned version, "" = any; stat is of it. false = the
 * operation is over.
 */
extern bool cf_remote_pinned(CfOp *op, const char *key, const char *version, CfObjectStat *stat);

/*
 * cf_remote_abandoned tells, after a look, whether the object there is what a seal made under this owner tag, and nobody changed since:
 * then an abort removes it, under its pin. MISSING = there is nothing of ours.
 */
extern CfRemoteFound cf_remote_abandoned(CfOp *op, const CfUpload *upload, const char *owner_tag, CfObjectStat *stat);

#endif							/* CF_STORAGE_REMOTE_UPLOAD_H */
