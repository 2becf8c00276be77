/*
 * remote_object.h
 *		One object at a cloud: what the drivers do alike when they look at it, read it, create it and describe it.
 *
 * Drivers say how their store is asked and what its answers tell. What is the pinned version, the range that was asked for, what
 * travels with a new object, and whose the object is that a create met, is decided here, once for all of them.
 */
#ifndef CF_STORAGE_REMOTE_OBJECT_H
#define CF_STORAGE_REMOTE_OBJECT_H

#include "storage/remote/remote.h"

#define CF_REMOTE_OWNER_TAG "cf_owner_tag"	/* metadata by which an object is known as ours */

/* op->phase of operations on one object; those of a driver's own come after them. 0 = not started. */
enum
{
	CF_REMOTE_START,
	CF_REMOTE_ASKED,			/* the operation's own first request was sent */
	CF_REMOTE_ASKED_MORE,		/* its second */
	CF_REMOTE_ASKED_LAST,
	CF_REMOTE_SETTLING,			/* a create met somebody, or nobody knows: the object tells whether it is ours */
	CF_REMOTE_OWN				/* the first of a driver's own */
};

/* What looking at an object came to. */
typedef enum CfRemoteFound
{
	CF_REMOTE_FOUND,
	CF_REMOTE_MISSING,
	CF_REMOTE_FAILED			/* op->err tells why, and the operation is over */
} CfRemoteFound;

/* A driver's dialect about one object (CfDriver.remote). Those that return false or CF_STEP_ERROR set op->err. */
typedef struct CfRemote
{
	size_t		state_bytes;	/* of op->state, which begins with a CfRemoteState */
	bool		by_version;		/* a range is asked for by the name of its version: without a pin, the object is looked at first */
	int64_t		range_max;		/* bytes of one range; 0 = as many as the caller has room for */
	int			part_digest;	/* CF_DIGEST_… that a part of a small object is told with; 0 = none */
	size_t		frame_head;		/* bytes before those of a body, */
	size_t		frame_tail;		/* and after them, for what frames them: then every part is gathered */
	const char *tags_hint;		/* what helps who may not read the tags of an object; NULL = what the driver says of a refusal */

	CfStep		(*look) (CfOp *op, const char *key, int phase); /* asks for all that the store tells of an object */
	bool		(*missing) (CfOp *op);	/* the answer at hand says that there is no such object; the bucket is there */
	bool		(*stat_fill) (CfOp *op, const char *key, CfObjectStat *stat);	/* reads the answer to look */
	CfStep		(*fail) (CfOp *op, const char *what, const char *key);	/* ends the operation with what the answer says */
	bool		(*pinned) (const CfOp *op, const char *told, const char *version);	/* is the version that the answer at hand told the pinned one? */
	CfStep		(*range_ask) (CfOp *op, const char *key, const char *version, int64_t first, int64_t last); /* awaited in CF_REMOTE_ASKED */
	bool		(*range_version) (CfOp *op, const char *key, char version[CF_STORAGE_VERSION_MAX + 1]); /* of which the bytes are */
	bool		(*sent) (const CfOp *op, const CfObjectStat *stat); /* has it the bytes that a create sent, as far as both are known? */

	/* create is all steps of creating an object in one request, from CF_REMOTE_START on. args->resume: an earlier attempt may have made it. */
	CfStep		(*create) (CfOp *op, const CfUploadArgs *args, const CfDigests *known, const void *data, size_t length, CfObjectStat *stat);

	/* in_parts tells by its handle whether an upload is in parts, and part, unless NULL, can be one of them; false = it is none of ours, or cannot. */
	bool		(*in_parts) (CfOp *op, const CfUpload *upload, const CfPart *part, bool *parts);
	CfStep		(*part_send) (CfOp *op, CfUpload *upload, CfPart *part, const void *data);
	CfStep		(*part_answer) (CfOp *op, CfUpload *upload, CfPart *part);
	CfStep		(*join) (CfOp *op, CfUpload *upload, CfObjectStat *stat);	/* all steps of making the object of the parts */

	/* optional: for drivers whose removals are those of remote_remove.c */
	CfStep		(*remove_ask) (CfOp *op, const char *key, const char *version, int phase);	/* on condition of the version */
	CfStep		(*remove_read) (CfOp *op, const char *key, CfRemoved *removed);	/* CHANGED = the condition did not hold */
	/* optional */
	bool		(*range_check) (CfOp *op, const CfReadArgs *args, const void *data, int64_t size_bytes); /* are they as the store has them? */
	CfStep		(*tags_ask) (CfOp *op, const char *key, int phase); /* after look; CF_STEP_DONE = the object has none */
} CfRemote;

/* dialect gives what the driver of an op says of one object. */
static inline const CfRemote *
dialect(const CfOp *asking)
{
	return asking->place->driver->remote;
}

/* remote_read.c */

/* cf_remote_looked reads the answer to look; texts of stat live in op->arena. */
extern CfRemoteFound cf_remote_looked(CfOp *op, const char *key, CfObjectStat *stat);
extern CfStep cf_remote_stat(CfOp *op, const char *key, CfObjectStat *stat);
extern CfStep cf_remote_read(CfOp *op, const CfReadArgs *args, CfChunk *chunk);

/* cf_remote_fetch reads an object by one range, whose answer has the headers of look as well; for dialects that are not by_version. */
extern CfStep cf_remote_fetch(CfOp *op, const char *key, const char *version, char *data, size_t length, CfObjectStat *stat);

/* cf_remote_range tells whether the bytes in the sink are all that was asked for from `at` on, as far as the object of size_bytes goes. */
extern bool cf_remote_range(const CfOp *op, int64_t at, int64_t *size_bytes);

/* remote_create.c */

/* cf_remote_ours tells whether an object carries our owner tag. */
extern bool cf_remote_ours(const CfObjectStat *stat, const char *owner_tag);

/* cf_remote_told_before ends an operation with what was to be told before something else had to be found out, or done. */
extern CfStep cf_remote_told_before(CfOp *op);

/* cf_remote_settled ends a create whose object was looked at, in CF_REMOTE_SETTLING. */
extern CfStep cf_remote_settled(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat);

/* cf_remote_put creates an object that the caller has in memory. */
extern CfStep cf_remote_put(CfOp *op, const CfUploadArgs *args, const void *data, size_t length, CfObjectStat *stat);

/* remote_remove.c: removing a version, under its pin */

extern CfStep cf_remote_remove(CfOp *op, const char *key, const char *version, const char *owner_tag, CfRemoved *removed);

/* cf_remote_abandon removes what a seal has made, and nobody changed since; not what is larger than size_max. */
extern CfStep cf_remote_abandon(CfOp *op, const CfUpload *upload, const char *owner_tag, int64_t size_max);

/* remote_describe.c */

extern bool cf_remote_line_is(const CfAttributeLine *line, const char *name);

/* The metadata of a new object, but for its owner tag: begin with {.args = args}. */
typedef struct CfRemoteMetadata
{
	const CfUploadArgs *args;
	bool		begun;
	bool		of_source;		/* the line is the user's */
	const char *rest;
} CfRemoteMetadata;

extern bool cf_remote_metadata_next(CfRemoteMetadata *metadata, CfAttributeLine *line);

/*
 * cf_remote_metadata_send adds one header for each line of it, but for `except`; empty values, too. Where encode is not NULL it writes
 * the values, and names are in lower case, ours with "-" for "_", which many proxies drop. false = op->err tells why.
 */
extern bool cf_remote_metadata_send(CfOp *op, const CfUploadArgs *args, const char *prefix,
									char *(*encode) (CfArena *arena, const char *text), const char *except);

/*
 * These tell before anything is sent whether the store can hold the metadata and the tags of a new object, by the rows that its driver
 * declares (CfDriver.attributes); false = it cannot, told in op->err.
 */
extern bool cf_remote_metadata_check(CfOp *op, const CfUploadArgs *args);
extern bool cf_remote_tags_check(CfOp *op, const CfUploadArgs *args);

/* cf_remote_properties gives type, cache control, disposition, encoding and language of a new object; "" = unset. */
#define CF_REMOTE_PROPERTIES 5
extern void cf_remote_properties(const CfUploadArgs *args, const char *values[CF_REMOTE_PROPERTIES]);

/* cf_remote_class gives the class of a new object: the one that is asked for, else the place's. */
extern const char *cf_remote_class(const CfOp *op, const char *storage_class);

/* cf_remote_tags writes tags as a query, "a=b&c=d"; "" = there are none, NULL = out of memory. */
extern char *cf_remote_tags(CfArena *arena, const char *tags);

/* cf_remote_keep copies the value of a header of the answer to op->arena, "" when it is not there; false = out of memory. */
extern bool cf_remote_keep(CfOp *op, const char *name, const char **kept);

/*
 * cf_remote_properties_read takes type and attributes from the headers of an answer, where those of metadata begin with prefix and
 * decode, unless NULL, undoes how their values are written. Tags are not among them. false = out of memory.
 */
extern bool cf_remote_properties_read(CfOp *op, const char *prefix, char *(*decode) (CfArena *arena, const char *text), CfObjectStat *stat);

/* remote_digest.c */

#define CF_REMOTE_CRC_TEXT CF_BASE64_BYTES(8)

/* The stores write a CRC as the base64 of its 4 or 8 bytes, the highest first; Azure, the lowest first, swaps them itself. */
extern void cf_remote_crc_write(uint64_t crc, int bytes, char text[CF_REMOTE_CRC_TEXT]);
extern bool cf_remote_crc_read(const char *text, int bytes, uint64_t *crc);

/* These take a digest that a store tells in base64; what is none of that kind and length is left out. */
extern void cf_remote_digest_crc32c(CfDigests *digests, const char *text);
extern void cf_remote_digest_crc64nvme(CfDigests *digests, const char *text);
extern void cf_remote_digest_md5(CfDigests *digests, const char *text);

/* cf_remote_digests_goog takes the digests of the whole object that Google tells with any of its bytes. */
extern void cf_remote_digests_goog(CfDigests *digests, const CfResponse *response);

/* cf_remote_digests_agree tells whether no digest that both know differs. */
extern bool cf_remote_digests_agree(const CfDigests *a, const CfDigests *b);

#endif							/* CF_STORAGE_REMOTE_OBJECT_H */
