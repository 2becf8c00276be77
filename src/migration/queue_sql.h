/*
 * queue_sql.h
 *		A mover's view of job_queue: what it claimed, and the few statements by which it says what became of it.
 *
 * Private to the room. Every statement is guarded by the fence of the claim: what it does not return was lost
 * to another mover, and the job is marked lost and never touched again by this one.
 */
#ifndef CF_MIGRATION_QUEUE_SQL_H
#define CF_MIGRATION_QUEUE_SQL_H

#include "postgres.h"

#include "utils/timestamp.h"

#include "migration/fsm.h"
#include "migration/transfer.h"

typedef enum CfJobRequest
{
	CF_REQUEST_NONE,
	CF_REQUEST_PAUSE,
	CF_REQUEST_CANCEL
} CfJobRequest;

/* What record_failed() needs per job: where it goes, when it may be claimed again, and whether it used up an attempt. */
typedef struct CfJobVerdict
{
	CfPhase		next;
	const char *outcome;		/* NULL = none */
	int64		delay_ms;
	bool		counts;			/* among the attempts, if it failed */
} CfJobVerdict;

/* An upload that somebody has begun and nobody has finished: a row of job_uploads. */
typedef struct CfLeftUpload
{
	char	   *file_id;
	char	   *owner_tag;
	char	   *place;
	char	   *key;
	char	   *handle;			/* "" = unknown */
	int64		begun_us;		/* when it was noted that it would begin in parts; 0 = it was never going to */
	char	   *source_place;	/* what was copied there, for the sweep; "" = unknown */
	char	   *source_key;
	char	   *source_version;
} CfLeftUpload;

typedef struct CfJob
{
	/* as claimed; texts live in the round's context, "" stands for NULL */
	char	   *file_id;
	char	   *job_id;
	char	   *kind;
	CfPhase		phase;
	int64		fence;
	int			attempt;
	int			crashes;
	char	   *outcome;
	bool		took_over;		/* from a mover that is alive and may still write */
	char	   *upload_tag;
	char	   *upload_handle;
	int64		size_bytes;
	char	   *source_place;
	char	   *source_key;
	char	   *source_version;
	char	   *dest_place;
	char	   *dest_key;
	char	   *dest_class;
	char	   *dest_version;
	CfDigests	digests;		/* of the bytes as they were read; none = not known yet */
	int64		part_bytes;		/* of the upload */
	bool		delete_source;
	char	   *requested_by;
	char	   *content_type;
	bool		source_is_primary;	/* the catalog says that the object lies there: only a delete() may take it away */
	bytea	   *known_sha256;	/* of this very version, from an earlier move; NULL = unknown */
	CfTransferPart *parts;
	int			part_count;
	char	   *parts_version;

	/* what the round made of it */
	CfPlace    *source;
	CfPlace    *dest;
	bool		lost;			/* another mover has it: hands off */
	bool		failed;			/* err says why */
	bool		ready;			/* the work of its phase is done, and not recorded yet */
	bool		busy;			/* somebody has its object's row locked: try again later, this is no failure */
	bool		archived;		/* its source must be restored before it can be copied */
	bool		restored;		/* which is done */
	bool		recopy;			/* the copy was of no use and is removed: start again */
	bool		settled;		/* nothing left to do in this round */
	CfError		err;
	int64		outage_ms;		/* it failed because a place does not answer: it waits so long, which is no attempt; 0 = for another reason */
	CfJobRequest request;
	bool		promoted;		/* it was queued by a server that may have done more than this one knows of */
	bool		new_tag;		/* its upload is begun in this round: nothing of an earlier attempt lies under this tag */
	CfJobVerdict verdict;		/* where it goes, when this round could not finish it */
	bool		renamed;		/* not as the claim named it: another name, or none */
	int64		begun_us;		/* when it was noted that an upload in parts would begin; 0 = none */
	CfLeftUpload *unfinished;	/* by movers that lost the job, under other tags; to be removed first */
	int			unfinished_count;
	char	   *kept;			/* why the source stays; NULL = it is gone */
	char	   *left;			/* what the destination could not hold of it; NULL = nothing */
	TimestampTz started;
	int64		bytes_done;		/* for progress */
	int64		sent_bytes;		/* really sent */
	double		rate_bps;
	char	   *sealed_version;
	const char *verified;		/* how */
	bool		remote;			/* one of its ends is reached by requests */
	CfNetBudget repeats;		/* of its requests */
	CfNetTally *tally;			/* of its requests, since they were last written down; NULL = it has sent none */
	bool		in_lane;
	bool		tried;			/* its source's removal, its change of class or its restoring was, in this round */
	int64		waited_sec;		/* since a mover first took it */
	int64		restore_left_sec;	/* until a restore is waited for no longer; 0 or less = that is over */
	CfObjectStat sealed;		/* what the store told of the copy in this round, texts apart */
	bool		visible;		/* and the copy is there already */
	int64		held_us;		/* monotonic: not before then its source was read whole, by one request on condition of source_version; 0 = otherwise */
	CfUploadArgs upload;		/* as it was begun in this round */
	bool		upload_complete;	/* else a verification asks the source for what is missing */
} CfJob;

typedef struct CfJobs
{
	CfJob	   *jobs;
	int			count;
} CfJobs;

/* Which jobs a statement is about. */
typedef bool (*CfJobFilter) (const CfJob *job);

/* All of these need a transaction (cf_queue_begin / cf_queue_commit) and allocate in the current context. */
extern void cf_queue_begin(const char *activity);
extern void cf_queue_commit(bool durable);
extern char *cf_queue_text(uint64 row, int col);	/* of the last result, as CfJob has texts: "" = NULL */

extern CfJobs cf_queue_claim(int limit, int64 max_bytes, int at_once, int lease_sec);
extern void cf_queue_load_parts(CfJob *job);
extern void cf_queue_record_tags(CfJobs *jobs, CfJobFilter filter);
extern void cf_queue_renew(CfJobs *jobs, CfJobFilter filter, int lease_sec);
extern void cf_queue_hear(CfJobs *jobs, CfJobFilter filter);
extern bool cf_queue_record_part(CfJob *job, const CfTransferPart *part, const char *source_version);
extern void cf_queue_record_copied(CfJobs *jobs, CfJobFilter filter);
extern void cf_queue_record_switched(CfJobs *jobs, CfJobFilter filter);
extern bool cf_queue_record_digests(CfJob *job, const CfDigests *digests);
extern void cf_queue_record_changed(CfJobs *jobs, CfJobFilter filter);
extern void cf_queue_record_removed(CfJobs *jobs, CfJobFilter filter);
extern void cf_queue_record_cleaned(CfJobs *jobs, CfJobFilter filter);
extern bool cf_queue_record_rolling_back(CfJob *job);
extern bool cf_queue_record_rolled_back(CfJob *job);	/* kept = why it is not as asked for */

/* uploads_sql.c */
extern void cf_queue_load_uploads(CfJob *job);
extern void cf_queue_load_timeline(CfJob *job);
extern bool cf_queue_record_begun(CfJob *job);
extern bool cf_queue_record_handle(CfJob *job);
extern void cf_queue_record_aborted(const CfJob *job, const char *tag);
extern CfLeftUpload *cf_queue_claim_uploads(int limit, int *count);
extern void cf_queue_record_swept(const CfLeftUpload *upload, const char *error);

extern void cf_queue_record_failed(CfJobs *jobs, CfJobFilter filter,
								   CfJobVerdict (*judge) (const CfJob *job));

/*
 * Addresses that a job of kind delete removes: all of its object, the one that the catalog points to last. Always in the
 * same order: after a crash, what the job had renamed to the trash must be what it asks for first.
 */
typedef struct CfAddress
{
	char	   *place;
	char	   *key;
	char	   *version;		/* "" = unknown */
} CfAddress;

extern CfAddress *cf_queue_addresses(const CfJob *job, int *count);

/* Records the version of an address that had none; false = another mover has the job. */
extern bool cf_queue_record_pinned(const CfJob *job, const CfAddress *address);
extern bool cf_queue_points_back(CfJob *job);

#endif							/* CF_MIGRATION_QUEUE_SQL_H */
