/*
 * transfer.h
 *		One object's bytes, from a place to a place: copy in bounded memory, then publish and verify.
 *
 * Two step machines over the operations of storage.h. Each step moves at most one buffer of bytes and returns;
 * whoever drives looks after interrupts, limits, leases and checkpoints in between. Between the copy and
 * the verification the caller makes the transfer's outcome durable (design.md §6): after cf_transfer_copy
 * says DONE nothing is visible at the destination, and `sealed_version` is what will appear there.
 *
 * cf_transfer_copy reads the source once, in order, under its pin; hashes it in that one
 * pass; and writes parts of part_bytes. When a part other than the last ends, `part` describes it and
 * part_finished is true until the next step: the caller checkpoints it. With checkpoints given, what is
 * stored is read back and hashed first, and taken only as far as the digests hold: a crash may have lost
 * what was never flushed. The digest of a checkpoint is of the object's bytes from its start to the
 * part's end, so that it costs nothing beside the one running hash.
 */
#ifndef CF_MIGRATION_TRANSFER_H
#define CF_MIGRATION_TRANSFER_H

#include "security/security.h"
#include "storage/storage.h"

typedef struct CfTransferPart
{
	int			number;			/* from 1 */
	int64_t		offset;
	int64_t		length;
	uint8_t		sha256[CF_HASH_SHA256_BYTES];	/* of bytes 0 .. offset + length */
} CfTransferPart;

typedef struct CfTransferArgs
{
	const CfPlace *source;
	const CfPlace *dest;
	const char *source_key;
	const char *dest_key;
	const char *dest_class;		/* "" = the place's */
	const char *content_type;	/* "" = unknown */
	const char *metadata;		/* self-description, see CfUploadArgs */
	const char *owner_tag;
	bool		resume;			/* an earlier attempt used this owner_tag */
	int64_t		part_bytes;
	const CfTransferPart *parts;	/* checkpoints of an earlier attempt under the same owner_tag, by number */
	int			part_count;
	const char *parts_version;	/* source version that the checkpoints are of */
	char	   *buffer;			/* the caller's, shared by all its transfers */
	size_t		buffer_bytes;
	int64_t		now_us;			/* Unix time, brought up to date before each step; 0 = do not settle */
} CfTransferArgs;

typedef struct CfTransfer
{
	CfTransferArgs args;
	CfOp		source_op;
	CfOp		dest_op;
	CfUpload	upload;
	CfObjectStat source_stat;	/* pinned at the first byte */
	char		sealed_version[CF_STORAGE_VERSION_MAX + 1];
	CfHash		hash;			/* running, over the bytes 0 .. done_bytes */
	CfHash		proven_hash;	/* private: where to go back to while resuming */
	int			state;			/* private */
	int64_t		done_bytes;		/* of the object that lie at the destination */
	int64_t		sent_bytes;		/* really sent by this transfer */
	int64_t		step_bytes;		/* read or written by the last step, for limits */
	int64_t		proven_bytes;	/* private */
	int			proven_parts;	/* private */
	bool		source_done;	/* private */
	bool		settling;		/* the source was written a moment ago: ask again in some milliseconds */
	int			settle_steps;	/* private */
	CfTransferPart part;
	CfPart		store_part;		/* private */
	bool		part_finished;
	uint8_t		sha256[CF_HASH_SHA256_BYTES];	/* of the whole object, when copied */
} CfTransfer;

/* cf_transfer_begin prepares; texts in args must outlive the transfer. cf_transfer_end releases, any number of times. */
extern void cf_transfer_begin(CfTransfer *transfer, const CfTransferArgs *args, CfArena *arena);
extern CfStep cf_transfer_copy(CfTransfer *transfer, CfError *err);
extern void cf_transfer_end(CfTransfer *transfer);

/* What is verified: the object that appears at dest, against what was read from source. */
typedef struct CfVerifyArgs
{
	const CfPlace *source;
	const CfPlace *dest;
	const char *source_key;
	const char *source_version;
	const char *dest_key;
	const char *sealed_version; /* "" = the store tells only at commit */
	const char *owner_tag;
	const char *handle;			/* of the upload */
	int64_t		size_bytes;
	const uint8_t *sha256;
	char	   *buffer;
	size_t		buffer_bytes;
} CfVerifyArgs;

typedef struct CfVerify
{
	CfVerifyArgs args;
	CfOp		op;
	CfUpload	upload;
	CfHash		hash;
	CfObjectStat dest_stat;		/* after DONE: what lies at the destination */
	int			state;			/* private */
	int64_t		read_bytes;
	int64_t		step_bytes;
} CfVerify;

/*
 * cf_verify_step commits the upload (create-only, repeatable), reads every byte back, compares size and
 * SHA-256, and looks whether the source still is the pinned version. Errors: CF_ERR_EXISTS somebody else is at the
 * destination; CF_ERR_CHANGED the source changed or the copy is not what was sent; CF_ERR_NOT_FOUND the
 * upload is gone (start again from copying). A source that vanished meanwhile is no error.
 */
extern void cf_verify_begin(CfVerify *verify, const CfVerifyArgs *args, CfArena *arena);
extern CfStep cf_verify_step(CfVerify *verify, CfError *err);
extern void cf_verify_end(CfVerify *verify);

#endif							/* CF_MIGRATION_TRANSFER_H */
