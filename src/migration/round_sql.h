/*
 * round_sql.h
 *		A round of the engine, as its parts see it: the jobs it holds, and what the parts lend each other.
 *
 * Private to the room. engine_sql.c begins and ends a round; copying_sql.c and removing_sql.c do the phases;
 * object_sql.c does one thing to one object; pace_sql.c is what happens between two steps.
 */
#ifndef CF_MIGRATION_ROUND_SQL_H
#define CF_MIGRATION_ROUND_SQL_H

#include "postgres.h"

#include "core/error_sql.h"
#include "core/interrupt.h"
#include "migration/engine_sql.h"
#include "migration/queue_sql.h"

#define CF_ROUND_BUFFER_BYTES (1024 * 1024)
#define CF_ROUND_CRASHES_MAX 10

typedef struct CfRound
{
	MemoryContext context;
	MemoryContextCallback release;
	CfArena		arena;			/* of the places; lives as long as the round */
	CfArena		op_arena;		/* of one operation after the other */
	CfJobs		jobs;
	char	   *buffer;
	int64		renewed_us;
	bool		stop;			/* an interrupt is pending: give everything back */
	bool		fds_reserved;
	CfTransfer	transfer;		/* at most one of these three is open */
	CfVerify	verify;
	CfOp		op;
} CfRound;

/* A fault point outside kernels: an 'error' fault ends the round as an ERROR would. */
#define TRIP(name) \
	do { \
		CfError		trip_err; \
		if (CF_FAULT(name, &trip_err)) \
			cf_error_raise(&trip_err); \
	} while (0)

/* Drives a storage operation to its end, or until the round must stop. */
#define DRIVE(round, step, call) \
	do { \
		(step) = (call); \
	} while ((step) == CF_STEP_AGAIN && !cf_round_stopping(round))

/* engine_sql.c */
extern bool cf_round_any(const CfJobs *jobs, CfJobFilter filter);
extern void cf_round_move_on(CfJobs *jobs, CfPhase from, CfPhase to);
extern CfPlace *cf_round_open_place(CfRound *round, const char *name, Oid role, bool for_write, CfError *err);
extern bool cf_job_exhausted(const CfJob *job);

/* pace_sql.c */
extern bool cf_round_stopping(CfRound *round);
extern size_t cf_round_buffer_bytes(const CfPlace *source, const CfPlace *dest);
extern bool cf_round_still_held(CfRound *round, const CfJob *job);
extern bool cf_round_pulse(CfRound *round, CfJob *job, int64 limited_bytes);

/* object_sql.c */
extern bool cf_round_abort_upload(CfRound *round, CfPlace *dest, const char *key, const char *tag, const char *handle, CfError *err);
extern bool cf_round_remove_object(CfRound *round, CfPlace *place, const char *key, const char *version, const char *tag, CfRemoved *removed, CfError *err);
extern bool cf_round_stat_version(CfRound *round, CfPlace *place, const char *key, char version[CF_STORAGE_VERSION_MAX + 1], CfError *err);
extern bool cf_round_undo_copy(CfRound *round, CfJob *job, CfError *err);

/* copying_sql.c */
extern void cf_round_copy(CfRound *round);
extern void cf_round_verify(CfRound *round);

/* removing_sql.c */
extern void cf_round_remove(CfRound *round);
extern void cf_round_clean(CfRound *round);
extern void cf_round_roll_back(CfRound *round);

/* cf_job_mine: nothing stands in the way of this job's next step. */
static inline bool
cf_job_mine(const CfJob *job)
{
	return !job->lost && !job->settled && !job->failed && job->request == CF_REQUEST_NONE;
}

/* cf_job_held: the job is this mover's, whatever became of it. */
static inline bool
cf_job_held(const CfJob *job)
{
	return !job->lost && !job->settled;
}

/* cf_job_fail notes an error on a job. */
static inline void
cf_job_fail(CfJob *job, const CfError *err)
{
	job->failed = true;
	job->ready = false;
	if (err != &job->err)
		job->err = *err;
}

#endif							/* CF_MIGRATION_ROUND_SQL_H */
