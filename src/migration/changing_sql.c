/*
 * changing_sql.c
 *		What is done to an object where it lies: another storage class, and the restoring of an archived one.
 *
 * Neither removes anything. A restore takes hours: the mover asks for it, gives the job back with the moment when it is
 * to be looked at again, and nobody waits. A job whose object is not there by its deadline fails; the store may finish all
 * the same, and has its price then.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "migration/round_sql.h"

#define READ_BYTES (INT64CONST(4) * 1024 * 1024)	/* asked for in one request */
#define RESTORE_DAYS 7			/* that the restored bytes stay readable */

static bool
is_changed(const CfJob *job)
{
	return cf_job_held(job) && job->phase == CF_PHASE_CHANGING && job->ready;
}

/* begin_change prepares another class for an object; an upload that an earlier attempt has begun for it goes first. */
static bool
begin_change(CfRound *round, CfLane *lane)
{
	CfJob	   *job = lane->job;
	CfChangeArgs args = {
		.place = job->source, .key = job->source_key, .version = job->source_version, .storage_class = job->dest_class,
		.noted = &job->digests,
	};

	if (job->known_sha256 != NULL && VARSIZE_ANY_EXHDR(job->known_sha256) == CF_HASH_SHA256_BYTES)
		args.sha256 = (const uint8_t *) VARDATA_ANY(job->known_sha256);

	job->tried = true;
	lane->change.port.op.place = NULL;
	lane->change.port.traffic = CF_PORT_QUIET;
	if (!cf_round_still_held(round, job))
		return false;
	if (job->upload_tag[0] != '\0' && (!cf_round_abort_left(round, job, &job->err) || !cf_round_abort_own(round, job, &job->err)))
	{
		cf_job_fail(job, &job->err);
		return false;
	}
	cf_change_begin(&lane->change, &args, &lane->arena);
	return true;
}

/* note keeps what the store said before it is asked: a crash after that must know its own doing again. */
static void
note(CfRound *round, CfLane *lane)
{
	MemoryContext old;

	HOLD_INTERRUPTS();
	cf_queue_begin("recording an object before its class is changed");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_digests(lane->job, &lane->change.before.digests);
	MemoryContextSwitchTo(old);
	cf_queue_commit(true);
	RESUME_INTERRUPTS();
}

static bool
is_beginning(const CfJob *job)
{
	return true;
}

/* name_upload gives a change that is an upload a tag of its own, and notes that it begins. */
static void
name_upload(CfRound *round, CfJob *job)
{
	CfJobs		one = {job, 1};
	MemoryContext old;

	HOLD_INTERRUPTS();
	cf_queue_begin("naming an upload that changes a class");
	old = MemoryContextSwitchTo(round->context);
	job->upload_handle = "";
	job->upload_tag = psprintf("%s-" INT64_FORMAT, job->job_id, job->fence);
	cf_queue_record_tags(&one, is_beginning);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	cf_round_note_beginning(round, job);
}

static CfStep
step_change(CfRound *round, CfLane *lane)
{
	CfStep		step = cf_change_step(&lane->change, &lane->job->err);

	if (step == CF_STEP_AGAIN && lane->change.noted)
		note(round, lane);
	if (step == CF_STEP_AGAIN && lane->change.beginning)
		name_upload(round, lane->job);
	if (lane->change.opened)
		cf_round_keep_handle(round, lane->job, lane->change.token);
	if (step != CF_STEP_AGAIN || !lane->change.unfitted)
		return step;
	lane->change.buffer_bytes = READ_BYTES;
	lane->change.buffer = cf_lane_memory(round, lane, READ_BYTES, READ_BYTES);
	return lane->change.buffer == NULL ? CF_STEP_SEND : CF_STEP_AGAIN;
}

static CfPort *
change_port(CfLane *lane, int i)
{
	return i == 0 ? &lane->change.port : NULL;
}

static void
end_change(CfRound *round, CfLane *lane, CfStep step)
{
	CfJob	   *job = lane->job;

	if (step == CF_STEP_DONE)
	{
		job->dest_version = pstrdup(lane->change.after.version);
		job->verified = lane->change.verified;
		job->ready = true;
	}
	else if (step == CF_STEP_ERROR)
	{
		cf_job_fail(job, &job->err);
		job->archived = lane->change.archived;
	}
	cf_change_end(&lane->change);
}

/* What has been asked of the store cannot be taken back. */
const CfLaneWork cf_change_work = {false, NULL, begin_change, step_change, change_port, NULL, end_change};

/* cf_round_record_changed tells the catalog of new classes; false = there are none. */
bool
cf_round_record_changed(CfRound *round)
{
	MemoryContext old;

	if (!cf_round_any(&round->jobs, is_changed))
		return false;
	HOLD_INTERRUPTS();
	cf_queue_begin("recording changed storage classes");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_changed(&round->jobs, is_changed);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	cf_round_move_on(&round->jobs, CF_PHASE_CHANGING, CF_PHASE_DONE);
	return true;
}

static bool
begin_restore(CfRound *round, CfLane *lane)
{
	CfJob	   *job = lane->job;

	job->tried = true;
	lane->port.op.place = NULL;
	lane->port.traffic = CF_PORT_QUIET;
	if (!cf_round_still_held(round, job))
		return false;
	cf_storage_op_init(&lane->port.op, job->source, &lane->arena);
	lane->asked = false;
	return true;
}

/* step_restore looks whether the bytes can be read by now, and asks for them where nobody has. */
static CfStep
step_restore(CfRound *round, CfLane *lane)
{
	CfJob	   *job = lane->job;
	const char *priority = cf_storage_option(job->source, "restore_priority");
	CfObjectStat stat;
	CfStep		step;

	if (lane->asked)
		step = cf_storage_restore(&lane->port.op, job->source_key, lane->version, RESTORE_DAYS,
								  priority[0] == '\0' ? "Standard" : priority);
	else
		step = cf_storage_stat(&lane->port.op, job->source_key, &stat);
	step = cf_port_took(&lane->port, step);
	if (step == CF_STEP_ERROR)
		job->err = lane->port.op.err;
	if (step != CF_STEP_DONE || lane->asked)
		return step;
	if (!stat.must_restore || stat.restoring)
	{
		job->restored = !stat.must_restore;
		return CF_STEP_DONE;
	}
	strlcpy(lane->version, stat.version, sizeof(lane->version));
	cf_storage_op_end(&lane->port.op);
	lane->asked = true;
	return CF_STEP_AGAIN;
}

static CfPort *
restore_port(CfLane *lane, int i)
{
	return i == 0 ? &lane->port : NULL;
}

/* give_up ends a job whose object the store has not restored in time. */
static void
give_up(CfJob *job)
{
	cf_error_set(&job->err, CF_ERR_STATE, "object \"%s\" in place \"%s\" was not restored in time", job->source_key, job->source_place);
	cf_error_detail(&job->err, "It is still archived, and the job has waited as long as cloudflux.migration_restore_limit allows.");
	cf_error_hint(&job->err, "What was asked of the store goes on: retry_migration() takes it up when the object can be read.");
	job->err.retryable = false;
	cf_job_fail(job, &job->err);
}

static void
end_restore(CfRound *round, CfLane *lane, CfStep step)
{
	CfJob	   *job = lane->job;

	if (step == CF_STEP_ERROR)
		cf_job_fail(job, &job->err);
	else if (step == CF_STEP_DONE && !job->restored && job->restore_left_sec <= 0)
		give_up(job);
	cf_storage_op_end(&lane->port.op);
}

const CfLaneWork cf_restore_work = {true, NULL, begin_restore, step_restore, restore_port, NULL, end_restore};
