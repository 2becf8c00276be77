/*
 * copying_sql.c
 *		The way there: copy, verify, switch; for every job of a round that is in these phases.
 *
 * Bytes flow outside of transactions; what they came to is said in one statement per step for many jobs together.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "migration/round_sql.h"

#define HELD_US (1000000 / 6)	/* for each second of a lease: so long a source that was read whole is not looked at again; renewals are further apart */
#define READ_BACK_BYTES (INT64CONST(4) * 1024 * 1024)	/* asked for in one request */

static bool
is_copied(const CfJob *job)
{
	return cf_job_mine(job) && job->phase == CF_PHASE_COPYING && job->ready;
}

static bool
is_verified(const CfJob *job)
{
	return cf_job_mine(job) && job->phase == CF_PHASE_VERIFYING && job->ready;
}

/*
 * metadata_of is what the destination will say of itself: who it is, so that a catalog can be built again. More
 * would not fit into an inode of ext4 beside the rest, and cost a block of 4 KiB for each object. The names of what a
 * store keeps beside its users' own begin with cf_.
 */
static char *
metadata_of(const CfJob *job)
{
	CfCaps		caps;

	cf_storage_caps(job->dest, &caps);
	return psprintf(caps.remote ? "cf_file_id=%s\n" : "file_id=%s\n", job->file_id);
}

/* checkpoint makes a finished part known, so that a crash does not copy it again. */
static void
checkpoint(CfRound *round, CfLane *lane)
{
	MemoryContext old;

	HOLD_INTERRUPTS();
	cf_queue_begin("recording a part of a migration job");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_part(lane->job, &lane->transfer.part, lane->transfer.source_stat.version);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	TRIP("migration_part_recorded");
}

/* known_digest tells whether an earlier move has recorded the SHA-256 of the version that was read now. */
static bool
known_digest(const CfJob *job, const CfTransfer *transfer)
{
	return job->known_sha256 != NULL && VARSIZE_ANY_EXHDR(job->known_sha256) == CF_HASH_SHA256_BYTES &&
		cf_storage_version_same(job->source, job->source_version, transfer->source_stat.version);
}

/* keep_upload keeps what the store wants to hear again at the commit. */
static void
keep_upload(CfJob *job, const CfTransfer *transfer)
{
	CfUploadArgs *args = &job->upload;
	CfAttributes *kept = &args->attributes;
	const char **texts[] = {&args->content_type, &kept->cache_control, &kept->content_disposition, &kept->content_encoding,
		&kept->content_language, &kept->metadata, &kept->tags};

	cf_transfer_upload_args(transfer, args);
	for (int i = 0; i < lengthof(texts); i++)
		*texts[i] = pstrdup(*texts[i] == NULL ? "" : *texts[i]);
	job->upload_complete = true;
}

/* take_copy keeps what a finished copy, begun then, told, and refuses bytes that are not those of an earlier move of this version. */
static void
take_copy(CfJob *job, const CfTransfer *transfer, int64 begun_us)
{
	bool		known = known_digest(job, transfer);

	job->size_bytes = transfer->source_stat.size_bytes;
	job->sealed_version = pstrdup(transfer->sealed_version);
	job->upload_handle = pstrdup(transfer->copied_by_store ? "" : transfer->upload.handle);
	job->digests = transfer->digests;
	job->sealed = transfer->sealed;
	job->visible = transfer->visible;
	job->held_us = transfer->at_once && !job->promoted ? begun_us : 0;
	job->part_bytes = transfer->plan.part_bytes;
	job->left = transfer->kept.told[0] == '\0' ? NULL : pstrdup(transfer->kept.told);
	keep_upload(job, transfer);
	job->source_version = pstrdup(transfer->source_stat.version);
	job->ready = true;
	if (!known)
		return;
	if ((job->digests.known & CF_DIGEST_SHA256) == 0)
	{
		memcpy(job->digests.sha256, VARDATA_ANY(job->known_sha256), CF_HASH_SHA256_BYTES);
		job->digests.known |= CF_DIGEST_SHA256;
	}
	else if (memcmp(VARDATA_ANY(job->known_sha256), job->digests.sha256, CF_HASH_SHA256_BYTES) != 0)
	{
		cf_error_set(&job->err, CF_ERR_IO, "object \"%s\" in place \"%s\" is damaged", job->source_key, job->source_place);
		cf_error_detail(&job->err, "Its version has not changed, but its SHA-256 is not the one recorded when it came here.");
		cf_error_hint(&job->err, "Restore it from a replica or a backup; the damaged source was left where it is.");
		job->err.retryable = false;
		cf_job_fail(job, &job->err);
	}
}

/* word_will_do tells whether the store's word will do for a copy that it makes by itself: the source stays, or who it belongs to accepts that. */
static bool
word_will_do(const CfJob *job)
{
	return !job->delete_source || cf_storage_unproven_allowed(job->source);
}

/* begin_copy prepares a job's copy; what a mover that lost the job has left behind goes first. */
static bool
begin_copy(CfRound *round, CfLane *lane)
{
	CfJob	   *job = lane->job;
	CfTransferArgs args = {
		.source = job->source, .dest = job->dest, .source_key = job->source_key, .dest_key = job->dest_key,
		.dest_class = job->dest_class, .content_type = job->content_type, .metadata = metadata_of(job),
		.owner_tag = job->upload_tag, .handle = job->upload_handle, .begun_us = job->begun_us, .resume = !job->new_tag,
		.promoted = job->promoted, .known_version = job->source_version, .known_bytes = job->size_bytes,
		/* whatever went wrong then, the next attempt sees the bytes itself, and looks first */
		.server_side = job->attempt == 0, .fetch = job->attempt == 0,
		.unproven = word_will_do(job) || cf_migration_verify == CF_VERIFY_READBACK,
		.parts = job->parts, .part_count = job->part_count, .parts_version = job->parts_version,
	};

	lane->transfer.line_count = 0;
	if (!cf_round_still_held(round, job))
		return false;
	/* It was allowed when the job was submitted; the place may have been altered or checked again since. */
	if (!cf_storage_create_allowed(job->dest, &job->err) || !cf_round_abort_left(round, job, &job->err))
	{
		cf_job_fail(job, &job->err);
		return false;
	}
	job->started = GetCurrentTimestamp();
	cf_transfer_begin(&lane->transfer, &args, &lane->arena);
	return true;
}

/* outfit gives a pinned transfer its buffers; false = there are none just now, or an error. */
static bool
outfit(CfRound *round, CfLane *lane)
{
	CfTransfer *transfer = &lane->transfer;
	CfJob	   *job = lane->job;
	CfTransferPlan plan;
	char	   *buffer = round->buffer;
	int			lines;

	if (!cf_transfer_plan(transfer, (int64) cf_migration_part_kb * 1024, (int64) cf_migration_memory_mb * 1024 * 1024, &plan,
						  &job->err))
	{
		cf_job_fail(job, &job->err);
		return false;
	}
	lines = cf_round_lines(round, &plan);
	if (plan.in_parts)
		buffer = cf_lane_memory(round, lane, lines * plan.line_bytes, lines * plan.memory_bytes);
	if (buffer == NULL)
		return false;
	cf_transfer_outfit(transfer, &plan, lines, buffer, CF_ROUND_BUFFER_BYTES);
	return true;
}

static CfStep
step_copy(CfRound *round, CfLane *lane)
{
	CfTransfer *transfer = &lane->transfer;
	CfJob	   *job = lane->job;
	CfStep		step;

	transfer->buffer_bytes = cf_round_buffer_bytes(job->source, job->dest);
	transfer->args.now_us = cf_clock_now_us();
	step = cf_transfer_copy(transfer, &job->err);
	lane->settling = transfer->settling;
	job->bytes_done = transfer->done_bytes;
	job->sent_bytes = transfer->sent_bytes;
	job->rate_bps = job->sent_bytes * 1e6 / Max(cf_clock_monotonic_us() - lane->start_us, 1);
	if (step != CF_STEP_AGAIN)
		return step;
	if (transfer->beginning)
		cf_round_note_beginning(round, job);
	if (transfer->opened)
		cf_round_keep_handle(round, job, transfer->upload.handle);
	if (transfer->part_finished)
		checkpoint(round, lane);
	if (transfer->unfitted && !outfit(round, lane))
		return job->failed ? CF_STEP_ERROR : CF_STEP_SEND;
	return step;
}

static CfPort *
copy_port(CfLane *lane, int i)
{
	return cf_transfer_port(&lane->transfer, i);
}

static int64
copy_moved(const CfLane *lane)
{
	return lane->transfer.step_bytes;
}

static void
end_copy(CfRound *round, CfLane *lane, CfStep step)
{
	if (step == CF_STEP_DONE)
		take_copy(lane->job, &lane->transfer, lane->start_us);
	else if (step == CF_STEP_ERROR)
	{
		if (lane->job->err.kind == CF_ERR_NOT_FOUND && lane->transfer.source_stat.version[0] == '\0' && lane->transfer.args.resume)
			cf_error_hint(&lane->job->err, "If this server was promoted or restored, it may have moved the object before: import the inventory of place \"%s\".",
						  lane->job->dest_place);
		cf_job_fail(lane->job, &lane->job->err);
		lane->job->archived = lane->transfer.archived;
	}
	cf_transfer_end(&lane->transfer);
}

/* A store that is just beginning an upload must tell its handle first: what has no name cannot be aborted. */
static bool
copy_binds(const CfLane *lane)
{
	return cf_transfer_opening(&lane->transfer);
}

const CfLaneWork cf_copy_work = {true, copy_binds, begin_copy, step_copy, copy_port, copy_moved, end_copy};

/* cf_round_record_copied says which objects lie whole at the destination; false = none. */
bool
cf_round_record_copied(CfRound *round)
{
	MemoryContext old;

	if (!cf_round_any(&round->jobs, is_copied))
		return false;
	TRIP("migration_copied");
	HOLD_INTERRUPTS();
	cf_queue_begin("recording copied objects");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_copied(&round->jobs, is_copied);
	MemoryContextSwitchTo(old);
	/* Before the object appears, it must be certain that it will be recognised as ours. */
	cf_queue_commit(true);
	RESUME_INTERRUPTS();
	for (int i = 0; i < round->jobs.count; i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		if (job->ready && job->phase == CF_PHASE_COPYING && job->sealed_version != NULL)
			job->dest_version = job->sealed_version;
	}
	cf_round_move_on(&round->jobs, CF_PHASE_COPYING, CF_PHASE_VERIFYING);
	TRIP("migration_copied_recorded");
	return true;
}

/* begin_verify prepares the comparison of a copy. After a crash the source is asked again for what is not kept. */
static bool
begin_verify(CfRound *round, CfLane *lane)
{
	CfJob	   *job = lane->job;
	CfCaps		caps;
	CfVerifyArgs args = {
		.source = job->source, .dest = job->dest, .source_key = job->source_key,
		.source_version = job->source_version, .sealed_version = job->dest_version, .digests = &job->digests,
		.readback = cf_migration_verify == CF_VERIFY_READBACK, .unproven = word_will_do(job),
		.source_held = job->held_us != 0 && cf_clock_monotonic_us() - job->held_us < cf_migration_lease_sec * HELD_US,
	};

	if (job->visible)
		args.visible = &job->sealed;
	cf_storage_caps(job->dest, &caps);
	args.upload = (CfUploadArgs) {.content_type = job->content_type, .attributes = job->upload.attributes,
		.mtime_us = job->upload.mtime_us};
	if (job->upload_complete)
		args.upload.content_type = job->upload.content_type;
	args.upload.key = job->dest_key;
	args.upload.owner_tag = job->upload_tag;
	args.upload.handle = job->upload_handle;
	args.upload.size_bytes = job->size_bytes;
	args.upload.part_bytes = job->part_bytes;
	args.upload.storage_class = job->dest_class;
	args.upload.metadata = metadata_of(job);
	args.upload.resume = true;
	args.upload_complete = job->upload_complete || !caps.remote;
	cf_verify_begin(&lane->verify, &args, &lane->arena);
	if (!caps.remote)
	{
		lane->verify.buffer = round->buffer;
		lane->verify.buffer_bytes = CF_ROUND_BUFFER_BYTES;
	}
	return true;
}

static CfStep
step_verify(CfRound *round, CfLane *lane)
{
	CfVerify   *verify = &lane->verify;
	CfStep		step = cf_verify_step(verify, &lane->job->err);

	if (step != CF_STEP_AGAIN || !verify->unfitted)
		return step;
	verify->buffer_bytes = Max(Min(lane->job->size_bytes, READ_BACK_BYTES), 1);
	verify->buffer = cf_lane_memory(round, lane, verify->buffer_bytes, verify->buffer_bytes);
	return verify->buffer == NULL ? CF_STEP_SEND : CF_STEP_AGAIN;
}

static CfPort *
verify_port(CfLane *lane, int i)
{
	return i == 0 ? &lane->verify.port : NULL;
}

/* end_verify also removes a copy that is of no use. */
static void
end_verify(CfRound *round, CfLane *lane, CfStep step)
{
	CfJob	   *job = lane->job;
	CfError		undo_err;

	if (step == CF_STEP_DONE)
	{
		job->dest_version = pstrdup(lane->verify.dest_stat.version);
		job->verified = lane->verify.verified;
		job->ready = true;
	}
	/* What was committed and is of no use is known by its version from here on: undoing removes it by that. */
	else if (lane->verify.dest_stat.version[0] != '\0')
		job->dest_version = pstrdup(lane->verify.dest_stat.version);
	cf_verify_end(&lane->verify);
	if (step != CF_STEP_ERROR)
		return;
	cf_job_fail(job, &job->err);
	/* What is not found is the upload or the copy, never the source: see verify_source(). */
	job->recopy = job->err.kind == CF_ERR_CHANGED || job->err.kind == CF_ERR_NOT_FOUND;
	if (job->recopy && (!cf_round_still_held(round, job) || !cf_round_undo_copy(round, job, &undo_err)))
		job->recopy = false;
}

const CfLaneWork cf_verify_work = {true, NULL, begin_verify, step_verify, verify_port, NULL, end_verify};

/* cf_round_record_switched points the catalog to verified copies; false = there are none. */
bool
cf_round_record_switched(CfRound *round)
{
	MemoryContext old;
	bool		durable = false;
	bool	   *switching;

	if (!cf_round_any(&round->jobs, is_verified))
		return false;
	/* Jobs in deleting_source that wait to be recorded by their own statement are none of this one's. */
	switching = MemoryContextAllocZero(round->context, round->jobs.count);
	for (int i = 0; i < round->jobs.count; i++)
	{
		switching[i] = is_verified(&round->jobs.jobs[i]);
		durable |= switching[i] && round->jobs.jobs[i].delete_source;
	}
	TRIP("migration_before_switch");
	HOLD_INTERRUPTS();
	cf_queue_begin("switching the catalog to moved objects");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_switched(&round->jobs, is_verified);
	MemoryContextSwitchTo(old);
	cf_queue_commit(durable);
	RESUME_INTERRUPTS();
	for (int i = 0; i < round->jobs.count; i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		if (!switching[i])
			continue;
		/* record_switched() told the phase that follows: done, grace or deleting_source */
		if (job->ready && (job->phase == CF_PHASE_DONE || job->phase == CF_PHASE_GRACE))
			job->settled = true;
		if (job->ready)
			job->source_is_primary = false;
		if (job->phase == CF_PHASE_DELETING_SOURCE)
			job->ready = false;
	}
	pfree(switching);
	TRIP("migration_switched");
	return true;
}
