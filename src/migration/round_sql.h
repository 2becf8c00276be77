/*
 * round_sql.h
 *		A round of the engine, as its parts see it: the jobs it holds, and what the parts lend each other.
 *
 * Private to the room. engine_sql.c begins and ends a round; lanes_sql.c works on many jobs at once; copying_sql.c,
 * changing_sql.c and removing_sql.c do the phases; metering_sql.c writes down what was sent; uploads_sql.c knows what is unfinished; object_sql.c does one thing to one object; pace_sql.c is what happens between two steps.
 */
#ifndef CF_MIGRATION_ROUND_SQL_H
#define CF_MIGRATION_ROUND_SQL_H

#include "postgres.h"

#include "core/error_sql.h"
#include "core/interrupt.h"
#include "migration/change.h"
#include "migration/engine_sql.h"
#include "migration/queue_sql.h"

#define CF_ROUND_BUFFER_BYTES (1024 * 1024)
#define CF_ROUND_CRASHES_MAX 10

typedef struct CfRound CfRound;
typedef struct CfLane CfLane;

/* What a lane does with a job: one row of functions per phase. */
typedef struct CfLaneWork
{
	bool		heeds;			/* a request to pause or cancel ends it */
	bool		(*binds) (const CfLane *lane);	/* but not just now; NULL = at any time */
	bool		(*begin) (CfRound *round, CfLane *lane);	/* false = there is nothing to be stepped */
	CfStep		(*step) (CfRound *round, CfLane *lane);	/* an error is in job->err */
	CfPort	   *(*port) (CfLane *lane, int i);	/* NULL behind the last */
	int64		(*moved) (const CfLane *lane);	/* bytes of the last step, to be paid for; NULL = none */
	void		(*end) (CfRound *round, CfLane *lane, CfStep step);	/* neither DONE nor ERROR: left in the middle */
} CfLaneWork;

/* A lane works on one job at a time, in memory of its own. */
struct CfLane
{
	CfJob	   *job;			/* NULL = free */
	const CfLaneWork *work;
	CfArena		arena;			/* of its operations; reset between two jobs */
	int			sent;			/* ports whose request the engine of `net` has */
	bool		waiting;		/* none of its ports can go on before an answer */
	bool		settling;		/* can go on in some milliseconds */
	int64		pay_until_us;	/* bandwidth: not before that */
	int64		start_us;
	char	   *buffer;			/* its own; NULL = none, or the round's */
	int64		memory_bytes;	/* charged to the round */
	CfTransfer	transfer;		/* at most one of these four is open */
	CfVerify	verify;
	CfChange	change;
	CfPort		port;
	bool		asked;			/* the store, to restore this version */
	char		version[CF_STORAGE_VERSION_MAX + 1];
};

struct CfRound
{
	MemoryContext context;
	MemoryContextCallback release;
	CfArena		arena;			/* of the places; lives as long as the round */
	CfArena		op_arena;		/* of one operation after the other */
	CfJobs		jobs;
	char	   *buffer;			/* of LOCAL reading and writing: nothing stays in it between two steps */
	int64		renewed_us;
	int64		heard_us;		/* requests were last listened for */
	bool		stop;			/* an interrupt is pending: give everything back */
	int			descriptors;	/* reserved with the server's accounting */
	CfPort		port;			/* of an operation that is driven to its end */
	CfJob	   *driven;		/* whose lease was looked at last: an operation for it ends when it is lost */

	/* lanes_sql.c */
	struct CfNet *net;			/* NULL = nothing was sent in this round */
	CfLane	   *lanes[CF_LANES_MAX];
	int			lane_count;
	int			busy;			/* lanes with a job */
	int			next_local;		/* where the search for the next job goes on */
	int			next_remote;
	int64		memory_bytes;	/* of all lanes */
	int64		ready_us;		/* since when a job waits to be recorded; 0 = none does */
	int64		metered_us;		/* requests were last written down */
};

/* Drives a storage operation on the round's port to its end, or until the round must stop. */
#define DRIVE(round, step, call) \
	do { \
		(step) = cf_port_took(&(round)->port, (call)); \
	} while (((step) == CF_STEP_AGAIN || (step) == CF_STEP_SEND) && cf_round_await(round))

/* engine_sql.c */
extern bool cf_round_any(const CfJobs *jobs, CfJobFilter filter);
extern void cf_round_move_on(CfJobs *jobs, CfPhase from, CfPhase to);
extern CfPlace *cf_round_open_place(CfRound *round, const char *name, Oid role, bool for_write, CfError *err);
extern bool cf_job_exhausted(const CfJob *job);

/* lanes_sql.c */
extern void cf_round_work(CfRound *round);
extern void cf_round_stop_lanes(CfRound *round);
extern bool cf_round_await(CfRound *round);
extern void cf_round_open_port(CfRound *round, const CfPlace *place);
extern void cf_round_close_port(CfRound *round);
extern char *cf_lane_memory(CfRound *round, CfLane *lane, int64 buffer_bytes, int64 memory_bytes);
extern int	cf_round_lines(const CfRound *round, const CfTransferPlan *plan);

/* pace_sql.c */
extern bool cf_round_stopping(CfRound *round);
extern size_t cf_round_buffer_bytes(const CfPlace *source, const CfPlace *dest);
extern bool cf_round_still_held(CfRound *round, CfJob *job);
extern bool cf_round_in_transaction(CfRound *round, CfJob *job, const char *activity, bool (*statement) (CfJob *job), bool durable);
extern void cf_round_attend(CfRound *round);
extern void cf_lane_pay(CfLane *lane, int64 bytes);
extern bool cf_lane_paid(const CfLane *lane, int64 now_us);

/* metering_sql.c */
extern CfNetTally *cf_round_tally(CfRound *round, CfJob *job);
extern void cf_round_record_requests(CfRound *round);
extern void cf_round_meter(CfRound *round);

/* object_sql.c */
extern bool cf_round_abort_upload(CfRound *round, CfPlace *dest, const char *key, const char *tag, const char *handle, int64 begun_us,
								  bool keep_object, CfError *err);
extern bool cf_round_source_gone(CfRound *round, CfPlace *source, const char *key, const char *version, bool *gone, CfError *err);
extern bool cf_round_remove_object(CfRound *round, CfPlace *place, const char *key, const char *version, const char *tag, CfRemoved *removed, CfError *err);
extern bool cf_round_stat_version(CfRound *round, CfPlace *place, const char *key, char version[CF_STORAGE_VERSION_MAX + 1], CfError *err);
extern bool cf_round_undo_copy(CfRound *round, CfJob *job, CfError *err);

/* uploads_sql.c */
extern void cf_round_note_beginning(CfRound *round, CfJob *job);
extern void cf_round_keep_handle(CfRound *round, CfJob *job, const char *handle);
extern bool cf_round_abort_left(CfRound *round, CfJob *job, CfError *err);
extern bool cf_round_abort_own(CfRound *round, CfJob *job, CfError *err);
extern void cf_round_sweep(CfRound *round);

/* copying_sql.c */
extern const CfLaneWork cf_copy_work;
extern const CfLaneWork cf_verify_work;
extern bool cf_round_record_copied(CfRound *round);
extern bool cf_round_record_switched(CfRound *round);

/* changing_sql.c */
extern const CfLaneWork cf_change_work;
extern const CfLaneWork cf_restore_work;
extern bool cf_round_record_changed(CfRound *round);

/* removing_sql.c */
extern const CfLaneWork cf_remove_work;
extern bool cf_round_record_removed(CfRound *round);
extern void cf_round_clean(CfRound *round);
extern void cf_round_roll_back(CfRound *round);

/* cf_job_mine: nothing stands in the way of this job's next step. */
static inline bool
cf_job_mine(const CfJob *job)
{
	return !job->lost && !job->settled && !job->failed && job->request == CF_REQUEST_NONE;
}

/* cf_job_in_place: the job changes its object where it lies, which nothing that it does may remove. */
static inline bool
cf_job_in_place(const CfJob *job)
{
	return strcmp(job->kind, "change") == 0;
}

/* cf_job_pin gives the version that must be at the source before anything of a job is removed at its destination; NULL = any. */
static inline const char *
cf_job_pin(const CfJob *job)
{
	return job->promoted ? job->source_version : NULL;
}

/* cf_job_held: the job is this mover's, whatever became of it. */
static inline bool
cf_job_held(const CfJob *job)
{
	return !job->lost && !job->settled;
}

/* cf_job_fail notes an error on a job, and whether a place that does not answer is to blame. */
extern void cf_job_fail(CfJob *job, const CfError *err);

/* cf_job_remote: one of the job's ends is reached by requests. */
static inline bool
cf_job_remote(const CfJob *job)
{
	return job->remote;
}

#endif							/* CF_MIGRATION_ROUND_SQL_H */
