/*
 * transfer.h
 *		One object's bytes, from a place to a place: copy in bounded memory, then publish and verify.
 *
 * Two step machines over the operations of storage.h. Each step moves at most one buffer of bytes and returns;
 * whoever drives looks after interrupts, limits, leases and checkpoints in between, and sends the requests of ports that
 * want it (port.h). CF_STEP_SEND means that every port that could go on waits for an answer. Between the copy and
 * the verification the caller makes the transfer's outcome durable (design.md §6): after cf_transfer_copy
 * says DONE nothing is visible at the destination, or it is known as ours (one request, server-side copy), and
 * `sealed_version` is what will appear there, if the store tells that beforehand.
 *
 * cf_transfer_copy pins the source and then waits for its outfit: `unfitted` is true, cf_transfer_plan() tells what it
 * takes, cf_transfer_outfit() brings it. A small object whose version is known already is pinned and read by one request
 * (fetch.c), so there the outfit comes first, and perhaps once more when that did not do. Between two LOCAL places bytes go straight through one buffer. Else they go in
 * parts: each is read whole, hashed when its turn has come, and written, on one of several lines at the same time
 * (parts.c). So the source is read once, under its pin, and the digests are those of the stream in order. When a part
 * other than the last is at the destination, and all before it, `part` describes it and part_finished is true until
 * the next step: the caller checkpoints it.
 *
 * With checkpoints given, an earlier attempt is taken up as far as they hold (resume.c). The digests of a checkpoint are
 * of the object's bytes from its start to the part's end, so that they cost nothing beside the running ones.
 */
#ifndef CF_MIGRATION_TRANSFER_H
#define CF_MIGRATION_TRANSFER_H

#include "migration/port.h"
#include "migration/sums.h"

#define CF_TRANSFER_LINES 4		/* parts of one object on their way at once, at most */
#define CF_TRANSFER_PORTS (2 * CF_TRANSFER_LINES)

typedef struct CfTransferPart
{
	int			number;			/* from 1 */
	int64_t		offset;
	int64_t		length;
	CfDigests	digests;		/* of bytes 0 .. offset + length */
} CfTransferPart;

typedef struct CfTransferArgs
{
	const CfPlace *source;
	const CfPlace *dest;
	const char *source_key;
	const char *dest_key;
	const char *dest_class;		/* "" = the place's */
	const char *content_type;	/* where the source tells none */
	const char *metadata;		/* self-description, see CfUploadArgs */
	const char *owner_tag;
	const char *handle;			/* of the upload that an earlier attempt began; "" = none is known */
	int64_t		begun_us;		/* when it was noted that one would begin; 0 = never */
	bool		resume;			/* an earlier attempt used this owner_tag */
	bool		promoted;		/* by a server that may have done more than this one knows of: it was promoted or restored since */
	const char *known_version;	/* of the source, as the job has it; "" = unknown */
	int64_t		known_bytes;	/* its size then */
	bool		server_side;	/* let the store copy by itself, where it can and the outcome can be proven */
	bool		unproven;		/* or where its word will do, or every byte of both will be read: whether digests are known does not matter */
	bool		fetch;			/* pin and read by one request, where known_version, known_bytes and the store allow it */
	const CfTransferPart *parts;	/* checkpoints of an earlier attempt under the same owner_tag, by number */
	int			part_count;
	const char *parts_version;	/* source version that the checkpoints are of */
	int64_t		now_us;			/* Unix time, brought up to date before each step; 0 = do not settle */
} CfTransferArgs;

/* What a transfer takes, once the size of its object is known. */
typedef struct CfTransferPlan
{
	bool		in_parts;		/* else bytes go straight through one buffer of any size */
	int64_t		part_bytes;
	int64_t		line_bytes;		/* buffer of one line */
	int64_t		memory_bytes;	/* of one line, what the driver keeps of a part included */
	int			lines;			/* that it can use at most */
} CfTransferPlan;

typedef enum CfLineState
{
	CF_LINE_FREE,
	CF_LINE_READING,
	CF_LINE_WRITING,
	CF_LINE_WRITTEN				/* waits for its turn to be hashed, or for the parts before it */
} CfLineState;

/* A part on its way. */
typedef struct CfLine
{
	CfPort		source;
	CfPort		dest;
	CfLineState state;
	char	   *buffer;
	int64_t		offset;
	int64_t		length;
	int64_t		filled;
	bool		hashed;			/* taken into the stream's digests */
	bool		digested;		/* piece is known */
	char		spare;			/* room for the byte that a part does not have */
	CfPart		store_part;
	CfDigests	piece;			/* of its bytes alone */
	CfDigests	digests;		/* of the object up to its end, once hashed */
} CfLine;

typedef struct CfTransfer
{
	CfTransferArgs args;
	CfTransferPlan plan;
	CfArena    *arena;
	CfCaps		source_caps;
	CfCaps		dest_caps;
	CfUpload	upload;
	CfObjectStat source_stat;	/* pinned at the first byte */
	CfKept		kept;			/* what goes along besides bytes */
	char		sealed_version[CF_STORAGE_VERSION_MAX + 1];
	CfObjectStat sealed;		/* what the store told at the end; its texts go with the arena */
	bool		visible;		/* the object is there already: it went in one request, or the store copied it */
	CfSums		sums;			/* running, over the bytes 0 .. hashed_bytes */
	CfSums		proven;			/* private: where to go back to while resuming */
	int			state;			/* private */
	int64_t		next_bytes;		/* private: where the next part to be read begins */
	int64_t		hashed_bytes;	/* private */
	int64_t		done_bytes;		/* of the object that lie at the destination, from its start on */
	int64_t		sent_bytes;		/* really sent by this transfer */
	int64_t		step_bytes;		/* read or written by the last step, for limits */
	int64_t		proven_bytes;	/* private */
	int			proven_parts;	/* private */
	bool		source_done;	/* private */
	bool		fetched;		/* the source was pinned and read by one request: source_stat is of that answer */
	bool		at_once;		/* one request, on condition of its version, has read the source whole */
	bool		in_buffer;		/* private: those bytes wait in the first line */
	bool		unfitted;		/* waits for cf_transfer_outfit() */
	bool		beginning;		/* the next step will begin an upload of several requests: that is to be noted, durably, first */
	bool		opened;			/* the last step has begun one: upload.handle is to be kept, durably, before the next */
	bool		noted;			/* private */
	bool		undoing;		/* private */
	bool		reclaimed;		/* private: what an earlier attempt had made visible was removed */
	bool		looked;			/* private: whether the source is still there, before that */
	bool		archived;		/* with CF_ERR_STATE: the source must be restored first */
	bool		copied_by_store;	/* a server-side copy: there is no upload to commit */
	bool		settling;		/* the source was written a moment ago: ask again in some milliseconds */
	int			settle_steps;	/* private */
	CfTransferPart part;
	bool		part_finished;
	CfDigests	digests;		/* of the whole object, when copied; SHA-256 only if the stream was read in order */
	size_t		buffer_bytes;	/* to be read from a LOCAL source in one step; may change between two steps */
	char		copy_token[CF_STORAGE_COPY_TOKEN];	/* private */
	int			line_count;
	CfLine		lines[CF_TRANSFER_LINES];	/* the first also serves everything that is not a part */
} CfTransfer;

/* cf_transfer_begin prepares; texts in args must outlive the transfer. cf_transfer_end releases, any number of times. */
extern void cf_transfer_begin(CfTransfer *transfer, const CfTransferArgs *args, CfArena *arena);
extern CfStep cf_transfer_copy(CfTransfer *transfer, CfError *err);
extern void cf_transfer_end(CfTransfer *transfer);

/*
 * cf_transfer_plan tells what a pinned transfer takes: parts of part_bytes between LOCAL places, of what the store wants
 * elsewhere, but never more memory than memory_bytes. cf_transfer_outfit gives it lines, one after the other in buffer
 * (plan.line_bytes each when in parts; else buffer_bytes is all of it).
 */
extern bool cf_transfer_plan(const CfTransfer *transfer, int64_t part_bytes, int64_t memory_bytes,
							 CfTransferPlan *plan, CfError *err);
extern void cf_transfer_upload_args(const CfTransfer *transfer, CfUploadArgs *args);	/* for the verification */
extern void cf_transfer_outfit(CfTransfer *transfer, const CfTransferPlan *plan, int lines, char *buffer,
							   size_t buffer_bytes);

/* cf_transfer_opening tells whether a store is just beginning an upload: who ends the transfer now does not learn its handle. */
extern bool cf_transfer_opening(const CfTransfer *transfer);

/* cf_transfer_port gives the i-th port, NULL behind the last one. */
extern CfPort *cf_transfer_port(CfTransfer *transfer, int i);

/* What is verified: the object that appears at dest, against what was read from source. */
typedef struct CfVerifyArgs
{
	const CfPlace *source;
	const CfPlace *dest;
	const char *source_key;
	const char *source_version;
	CfUploadArgs upload;		/* as it was begun; handle "" = the store copied by itself: nothing is to be committed */
	bool		upload_complete;	/* times, content type and attributes are in it; else the source is asked for them */
	const char *sealed_version; /* "" = the store tells only at commit */
	bool		source_held;	/* it was read whole by one request on condition of source_version, a moment ago: see verify_source() */
	const CfObjectStat *visible;	/* what the store told when the object appeared in one request; NULL = it has not, or nobody knows */
	const CfDigests *digests;	/* of what was read */
	bool		readback;		/* take no store's word: read every byte */
	bool		unproven;		/* take its word even without a digest, for what it has copied by itself */
} CfVerifyArgs;

typedef struct CfVerify
{
	CfVerifyArgs args;
	CfPort		port;
	CfUpload	upload;
	CfSums		sums;
	CfObjectStat dest_stat;		/* after DONE: what lies at the destination */
	const char *verified;		/* after DONE: how: "readback", the kind of digest that the store told, or "store": its word alone */
	CfDigests	read;			/* private: of the source, where it had to be read again */
	int			state;			/* private */
	bool		looked;			/* private */
	bool		unfitted;		/* must read back, and waits for a buffer */
	char	   *buffer;			/* set by the caller, at the latest then */
	size_t		buffer_bytes;
	int64_t		read_bytes;
	int64_t		step_bytes;
} CfVerify;

/*
 * cf_verify_step commits the upload (create-only, repeatable) and compares size and digests with what the store tells of
 * the object; where it tells no digest that we have, or readback is asked for, it reads every byte back, and of the source, too, where no
 * digest is known of what a store has copied by itself. Then it looks
 * whether the source still is the pinned version, unless source_held. Errors: CF_ERR_EXISTS somebody else is at the
 * destination; CF_ERR_CHANGED the source changed or the copy is not what was sent; CF_ERR_NOT_FOUND the
 * upload is gone (start again from copying). A source that vanished meanwhile is no error.
 */
extern void cf_verify_begin(CfVerify *verify, const CfVerifyArgs *args, CfArena *arena);
extern CfStep cf_verify_step(CfVerify *verify, CfError *err);
extern void cf_verify_end(CfVerify *verify);

#endif							/* CF_MIGRATION_TRANSFER_H */
