/*
 * copying_sql.c
 *		The way there: copy, verify, switch; for every job of a round that is in these phases.
 *
 * Bytes flow outside of transactions; what they came to is said in one statement per step for all jobs together.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "migration/round_sql.h"

#define SETTLE_WAIT_MS 5

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
 * would not fit into an inode of ext4 beside the rest, and cost a block of 4 KiB for each object.
 */
static char *
metadata_of(const CfJob *job)
{
	return psprintf("file_id=%s\n", job->file_id);
}

/* checkpoint makes a finished part known, so that a crash does not copy it again. */
static void
checkpoint(CfRound *round, CfJob *job)
{
	MemoryContext old;

	HOLD_INTERRUPTS();
	cf_queue_begin("recording a part of a migration job");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_part(job, &round->transfer.part, round->transfer.source_stat.version);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	TRIP("migration_part_recorded");
}

/* take_copy keeps what a finished copy told, and refuses bytes that are not those of an earlier move of this version. */
static void
take_copy(CfJob *job, const CfTransfer *transfer)
{
	job->size_bytes = transfer->source_stat.size_bytes;
	job->sealed_version = pstrdup(transfer->sealed_version);
	job->upload_handle = pstrdup(transfer->upload.handle);
	memcpy(job->digest, transfer->sha256, CF_HASH_SHA256_BYTES);
	job->ready = true;
	if (job->known_sha256 == NULL || strcmp(job->source_version, transfer->source_stat.version) != 0)
		job->known_sha256 = NULL;
	job->source_version = pstrdup(transfer->source_stat.version);
	if (job->known_sha256 != NULL && VARSIZE_ANY_EXHDR(job->known_sha256) == CF_HASH_SHA256_BYTES &&
		memcmp(VARDATA_ANY(job->known_sha256), job->digest, CF_HASH_SHA256_BYTES) != 0)
	{
		cf_error_set(&job->err, CF_ERR_IO, "object \"%s\" in place \"%s\" is damaged", job->source_key, job->source_place);
		cf_error_detail(&job->err, "Its version has not changed, but its SHA-256 is not the one recorded when it came here.");
		cf_error_hint(&job->err, "Restore it from a replica or a backup; the damaged source was left where it is.");
		job->err.retryable = false;
		cf_job_fail(job, &job->err);
	}
}

static void
copy_one(CfRound *round, CfJob *job)
{
	CfTransferArgs args = {
		.source = job->source, .dest = job->dest, .source_key = job->source_key, .dest_key = job->dest_key,
		.dest_class = job->dest_class, .content_type = job->content_type, .metadata = metadata_of(job),
		.owner_tag = job->upload_tag, .resume = job->stale_tag == NULL, .part_bytes = (int64) cf_migration_part_kb * 1024,
		.parts = job->parts, .part_count = job->part_count, .parts_version = job->parts_version,
		.buffer = round->buffer, .buffer_bytes = CF_ROUND_BUFFER_BYTES,
	};
	int64		start_us = cf_clock_monotonic_us();
	CfError		ignored;
	CfStep		step;

	if (job->stale_tag != NULL && job->stale_tag[0] != '\0')
		cf_round_abort_upload(round, job->dest, job->dest_key, job->stale_tag, job->upload_handle, &ignored);
	job->started = GetCurrentTimestamp();
	cf_transfer_begin(&round->transfer, &args, &round->op_arena);
	do
	{
		round->transfer.args.buffer_bytes = cf_round_buffer_bytes(job->source, job->dest);
		round->transfer.args.now_us = cf_clock_now_us();
		step = cf_transfer_copy(&round->transfer, &job->err);
		job->bytes_done = round->transfer.done_bytes;
		job->sent_bytes = round->transfer.sent_bytes;
		job->rate_bps = job->sent_bytes * 1e6 / Max(cf_clock_monotonic_us() - start_us, 1);
		if (step == CF_STEP_AGAIN && round->transfer.part_finished)
			checkpoint(round, job);
		if (round->transfer.settling)
		{
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, SETTLE_WAIT_MS, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
		}
	} while (step == CF_STEP_AGAIN && cf_round_pulse(round, job, round->transfer.step_bytes));
	if (step == CF_STEP_DONE)
		take_copy(job, &round->transfer);
	else if (step == CF_STEP_ERROR)
		cf_job_fail(job, &job->err);
	cf_transfer_end(&round->transfer);
	cf_arena_reset(&round->op_arena);
}

void
cf_round_copy(CfRound *round)
{
	MemoryContext old = MemoryContextSwitchTo(round->context);

	for (int i = 0; i < round->jobs.count && !cf_round_stopping(round); i++)
	{
		if (cf_job_mine(&round->jobs.jobs[i]) && round->jobs.jobs[i].phase == CF_PHASE_COPYING &&
			cf_round_still_held(round, &round->jobs.jobs[i]))
			copy_one(round, &round->jobs.jobs[i]);
	}
	MemoryContextSwitchTo(old);
	if (!cf_round_any(&round->jobs, is_copied))
		return;
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
		if (round->jobs.jobs[i].sealed_version != NULL)
			round->jobs.jobs[i].dest_version = round->jobs.jobs[i].sealed_version;
	}
	cf_round_move_on(&round->jobs, CF_PHASE_COPYING, CF_PHASE_VERIFYING);
	TRIP("migration_copied_recorded");
}

static void
verify_one(CfRound *round, CfJob *job)
{
	CfVerifyArgs args = {
		.source = job->source, .dest = job->dest, .source_key = job->source_key,
		.source_version = job->source_version, .dest_key = job->dest_key,
		.sealed_version = job->dest_version, .owner_tag = job->upload_tag, .handle = job->upload_handle,
		.size_bytes = job->size_bytes, .sha256 = job->digest,
		.buffer = round->buffer, .buffer_bytes = CF_ROUND_BUFFER_BYTES,
	};
	CfError		undo_err;
	CfStep		step;

	cf_verify_begin(&round->verify, &args, &round->op_arena);
	do
	{
		step = cf_verify_step(&round->verify, &job->err);
	} while (step == CF_STEP_AGAIN && cf_round_pulse(round, job, 0));
	if (step == CF_STEP_DONE)
	{
		job->dest_version = pstrdup(round->verify.dest_stat.version);
		job->ready = true;
	}
	cf_verify_end(&round->verify);
	cf_arena_reset(&round->op_arena);
	if (step != CF_STEP_ERROR)
		return;
	cf_job_fail(job, &job->err);
	/* What is not found is the upload or the copy, never the source: see verify_source(). */
	job->recopy = job->err.kind == CF_ERR_CHANGED || job->err.kind == CF_ERR_NOT_FOUND;
	if (job->recopy && (!cf_round_still_held(round, job) || !cf_round_undo_copy(round, job, &undo_err)))
		job->recopy = false;
}

void
cf_round_verify(CfRound *round)
{
	MemoryContext old = MemoryContextSwitchTo(round->context);
	bool		durable = false;

	for (int i = 0; i < round->jobs.count && !cf_round_stopping(round); i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		if (cf_job_mine(job) && job->phase == CF_PHASE_VERIFYING)
			verify_one(round, job);
		durable |= job->ready && job->delete_source;
	}
	MemoryContextSwitchTo(old);
	if (!cf_round_any(&round->jobs, is_verified))
		return;
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

		/* record_switched() told the phase that follows: done, grace or deleting_source */
		if (job->ready && (job->phase == CF_PHASE_DONE || job->phase == CF_PHASE_GRACE))
			job->settled = true;
		if (job->ready)
			job->source_is_primary = false;
		if (job->phase == CF_PHASE_DELETING_SOURCE)
			job->ready = false;
	}
	TRIP("migration_switched");
}
