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

#define CF_REMOTE_BUFFER_PARTS 256	/* of one small object */

/* Bytes that wait to be sent, of a part or of a whole small object. */
typedef struct CfRemoteBuffer
{
	char	   *data;			/* NULL = there are none */
	int64_t		room;
	char		owner_tag[65];	/* of the upload that they belong to */
	int			part_number;	/* being gathered; 0 = none */
	int64_t		filled;			/* bytes of that one */
	int64_t		taken;			/* bytes of a small object, in parts that are whole */
	uint64_t	parts[CF_REMOTE_BUFFER_PARTS / 64]; /* which parts those are */
} CfRemoteBuffer;

extern void cf_remote_buffer_free(CfOp *op, CfRemoteBuffer *buffer);

/*
 * cf_remote_gather takes the next bytes of a part; DONE = it is whole, and lies in buffer->data: at its beginning when the upload is in
 * parts, else where it belongs in the object. AGAIN = there are more to come.
 */
extern CfStep cf_remote_gather(CfOp *op, CfRemoteBuffer *buffer, const CfUpload *upload, const CfPart *part, bool in_parts,
							   const void *data, size_t length);

/* cf_remote_gathered tells whether a small object is there as a whole, to be sealed; false = the operation is over. */
extern bool cf_remote_gathered(CfOp *op, const CfRemoteBuffer *buffer, const CfUpload *upload);

/* cf_remote_seal_parts ends the seal of an upload in parts: they are durable, and nobody knows the version before the commit. */
extern CfStep cf_remote_seal_parts(CfOp *op, const CfUpload *upload, CfObjectStat *stat);

/*
 * cf_remote_sealed notes the object that a seal has made. cf_remote_commit_sealed finds it: where this op made it, nothing needs to
 * be asked (the texts of `sealed` may be gone by then, so its class is said again); else it is looked at, in CF_REMOTE_ASKED.
 */
extern CfStep cf_remote_sealed(CfOp *op, CfObjectStat *sealed, CfUpload *upload, const CfObjectStat *stat);
extern CfStep cf_remote_commit_sealed(CfOp *op, CfObjectStat *sealed, const CfUpload *upload, const char *storage_class, CfObjectStat *stat);

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
