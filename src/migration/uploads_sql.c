/*
 * uploads_sql.c
 *		What movers have begun at stores and nobody has finished: the statements on job_uploads, and the sweep.
 *
 * An upload of several requests is noted before the request that begins it, and its handle before its first part; both durably, so that
 * no crash leaves one that nobody knows. A mover that takes a job over removes what the one before it had begun, before it begins
 * anything itself. What nobody works with any more is swept by a mover that has nothing else to do, or once a minute: the rows are
 * claimed in one transaction, and each is told of in one of its own, when the store has answered.
 *
 * A sweep acts on the authority of a place's owner: who asked for the job may be gone, and only what this table names is touched.
 * What may be the last copy of an object never is (cf_round_source_gone).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/clock.h"
#include "core/spi_sql.h"
#include "migration/round_sql.h"

#define SWEEP_LIMIT 100			/* rows of one sweep */
#define SWEEP_EVERY_US INT64CONST(60000000)

/* Where an upload that is to be swept is, and what was copied there. */
typedef struct CfSweptPlaces
{
	CfPlace    *dest;			/* NULL = err */
	CfError		err;
	CfPlace    *source;			/* NULL = source_err, or no_source */
	CfError		source_err;
	bool		no_source;		/* it is not known, or there is no such place any more */
} CfSweptPlaces;

/* cf_queue_load_uploads tells a job what was begun for it: under its own tag, and under those of others. */
void
cf_queue_load_uploads(CfJob *job)
{
	static CfSpiPlan plan = {
		"SELECT file_id, owner_tag, place, object_key, handle,"
		" CASE WHEN in_parts THEN (extract(epoch FROM begun_at) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 ELSE 0 END"
		" FROM cloudflux.job_uploads WHERE file_id OPERATOR(pg_catalog.=) $1 AND job_id OPERATOR(pg_catalog.=) $2"
		" ORDER BY begun_at", 2, {TEXTOID, TEXTOID}
	};
	Datum		values[2] = {CStringGetTextDatum(job->file_id), CStringGetTextDatum(job->job_id)};
	uint64		rows;

	cf_spi_begin();
	rows = cf_spi_run(&plan, values, NULL);
	job->unfinished = SPI_palloc(sizeof(CfLeftUpload) * (rows + 1));
	for (uint64 row = 0; row < rows; row++)
	{
		CfLeftUpload *left = &job->unfinished[job->unfinished_count];

		*left = (CfLeftUpload) {cf_spi_text(row, 1), cf_spi_text(row, 2), cf_spi_text(row, 3), cf_spi_text(row, 4),
			cf_queue_text(row, 5), cf_spi_int64(row, 6, NULL)};
		if (strcmp(left->owner_tag, job->upload_tag) != 0)
			job->unfinished_count++;
		else
			job->begun_us = left->begun_us;
	}
	cf_spi_end();
}

/* cf_queue_load_timeline tells a job whether this server was promoted or restored since it was queued. */
void
cf_queue_load_timeline(CfJob *job)
{
	static CfSpiPlan plan = {
		"SELECT 1 FROM cloudflux.job_queue WHERE file_id OPERATOR(pg_catalog.=) $1 AND timeline OPERATOR(pg_catalog.<>) cloudflux.timeline()",
		1, {TEXTOID}
	};
	Datum		value = CStringGetTextDatum(job->file_id);

	cf_spi_begin();
	job->promoted = cf_spi_run(&plan, &value, NULL) > 0;
	cf_spi_end();
}

/* cf_queue_record_begun notes that the next request begins an upload in parts; false = the job is lost: it must not be sent. */
bool
cf_queue_record_begun(CfJob *job)
{
	static CfSpiPlan plan = {"SELECT cloudflux.record_begun($1, $2)", 2, {TEXTOID, INT8OID}};
	Datum		values[2] = {CStringGetTextDatum(job->file_id), Int64GetDatum(job->fence)};

	cf_spi_begin();
	job->lost = cf_spi_run(&plan, values, NULL) == 0;
	cf_spi_end();
	job->begun_us = cf_clock_now_us();
	return !job->lost;
}

/* cf_queue_record_handle keeps the store's name of an upload in parts, before its first part; false = the job is lost. */
bool
cf_queue_record_handle(CfJob *job)
{
	static CfSpiPlan plan = {"SELECT cloudflux.record_handle($1, $2, $3, $4)", 4, {TEXTOID, INT8OID, TEXTOID, TEXTOID}};
	Datum		values[4] = {CStringGetTextDatum(job->file_id), Int64GetDatum(job->fence), CStringGetTextDatum(job->upload_tag),
	CStringGetTextDatum(job->upload_handle)};

	cf_spi_begin();
	job->lost = cf_spi_run(&plan, values, NULL) == 0;
	cf_spi_end();
	return !job->lost;
}

/* cf_queue_record_aborted says that what was begun under a tag is removed. */
void
cf_queue_record_aborted(const CfJob *job, const char *tag)
{
	static CfSpiPlan plan = {"SELECT cloudflux.record_aborted($1, $2, $3)", 3, {TEXTOID, INT8OID, TEXTOID}};
	Datum		values[3] = {CStringGetTextDatum(job->file_id), Int64GetDatum(job->fence), CStringGetTextDatum(tag)};

	cf_spi_begin();
	cf_spi_run(&plan, values, NULL);
	cf_spi_end();
}

/* cf_queue_claim_uploads takes uploads that nobody works with any more. */
CfLeftUpload *
cf_queue_claim_uploads(int limit, int *count)
{
	static CfSpiPlan plan = {
		"SELECT file_id, owner_tag, place, object_key, handle, begun_us, source_place, source_key, source_version FROM cloudflux.claim_uploads($1)"
		" ORDER BY place", 1, {INT4OID}
	};
	Datum		value = Int32GetDatum(limit);
	CfLeftUpload *uploads;

	cf_spi_begin();
	*count = (int) cf_spi_run(&plan, &value, NULL);
	uploads = SPI_palloc(sizeof(CfLeftUpload) * (*count + 1));
	for (int i = 0; i < *count; i++)
		uploads[i] = (CfLeftUpload) {cf_spi_text(i, 1), cf_spi_text(i, 2), cf_spi_text(i, 3), cf_spi_text(i, 4),
			cf_queue_text(i, 5), cf_spi_int64(i, 6, NULL), cf_queue_text(i, 7), cf_queue_text(i, 8),
			cf_queue_text(i, 9)};
	cf_spi_end();
	return uploads;
}

/* cf_queue_record_swept ends the row of one of them, or keeps why it could not be removed (error). */
void
cf_queue_record_swept(const CfLeftUpload *upload, const char *error)
{
	static CfSpiPlan plan = {"SELECT cloudflux.record_swept($1, $2, $3)", 3, {TEXTOID, TEXTOID, TEXTOID}};
	Datum		values[3] = {CStringGetTextDatum(upload->file_id), CStringGetTextDatum(upload->owner_tag)};
	bool		nulls[3] = {false, false, error == NULL};

	if (error != NULL)
		values[2] = CStringGetTextDatum(error);
	cf_spi_begin();
	cf_spi_run(&plan, values, nulls);
	cf_spi_end();
}

/* cf_round_note_beginning makes it durable that a job's upload in parts is about to begin. */
void
cf_round_note_beginning(CfRound *round, CfJob *job)
{
	cf_round_in_transaction(round, job, "noting that an upload begins", cf_queue_record_begun, true);
	TRIP("remote_upload_noted");
}

/* cf_round_keep_handle makes the store's name of a job's upload durable: without it no part could be taken up, and nothing be aborted. */
void
cf_round_keep_handle(CfRound *round, CfJob *job, const char *handle)
{
	if (strcmp(job->upload_handle, handle) == 0)
		return;
	TRIP("remote_upload_begun");
	job->upload_handle = MemoryContextStrdup(round->context, handle);
	cf_round_in_transaction(round, job, "recording an upload", cf_queue_record_handle, true);
	TRIP("remote_handle_recorded");
}

/* say_aborted records that what was begun for a job under a tag is removed. */
static void
say_aborted(CfRound *round, const CfJob *job, const char *tag)
{
	MemoryContext old;

	HOLD_INTERRUPTS();
	cf_queue_begin("recording an aborted upload");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_aborted(job, tag);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
}

/*
 * abort_begun removes what was begun under a tag of a job whose object has not arrived. Of an upload in parts a driver removes what is no
 * object yet: whether its commit was heard before the job was given up, nobody may know. So what carries the tag is looked for once more.
 */
static bool
abort_begun(CfRound *round, CfJob *job, const char *key, const char *tag, const char *handle, int64 begun_us, bool keep_object, CfError *err)
{
	bool		in_parts = begun_us != 0 && handle[0] != '\0';

	return cf_round_abort_upload(round, job->dest, key, tag, handle, begun_us, keep_object, err) &&
		(!in_parts || keep_object || cf_round_abort_upload(round, job->dest, key, tag, "", 0, false, err));
}

/*
 * cf_round_abort_left removes what movers before this one have begun for a job; false = not all of it: err, to be tried again. Nothing
 * may be begun before, or what they left would be met as a stranger's. Where the source is gone, an object of theirs stays.
 */
bool
cf_round_abort_left(CfRound *round, CfJob *job, CfError *err)
{
	bool		last_copy = cf_job_in_place(job);

	if (job->unfinished_count > 0 && !last_copy &&
		!cf_round_source_gone(round, job->source, job->source_key, cf_job_pin(job), &last_copy, err))
	{
		err->retryable = true;
		return false;
	}
	for (; job->unfinished_count > 0; job->unfinished_count--)
	{
		CfLeftUpload *left = &job->unfinished[job->unfinished_count - 1];

		if (!abort_begun(round, job, left->key, left->owner_tag, left->handle, left->begun_us, last_copy, err))
		{
			err->retryable = true;
			return false;
		}
		say_aborted(round, job, left->owner_tag);
	}
	return true;
}

/* cf_round_abort_own removes what this job's own tag has begun. */
bool
cf_round_abort_own(CfRound *round, CfJob *job, CfError *err)
{
	if (!abort_begun(round, job, job->dest_key, job->upload_tag, job->upload_handle, job->begun_us, cf_job_in_place(job), err))
		return false;
	if (job->begun_us != 0)
		say_aborted(round, job, job->upload_tag);
	return true;
}

/* open_place opens a place on its owner's authority. */
static CfPlace *
open_place(CfRound *round, const char *name, bool for_write, CfError *err)
{
	ForeignServer *server = GetForeignServerByName(name, true);

	return cf_round_open_place(round, name, server == NULL ? GetUserId() : server->owner, for_write, err);
}

/*
 * sweep_one removes one upload and says so. An object stays where what was copied is gone or has changed, or cannot be asked for, or is
 * that very object, whose class was to be changed.
 */
static void
sweep_one(CfRound *round, const CfLeftUpload *upload, const CfSweptPlaces *places)
{
	MemoryContext old;
	CfError		err = places->err;
	CfError		source_err = places->source_err;
	bool		last_copy = places->no_source ||
		(strcmp(upload->place, upload->source_place) == 0 && strcmp(upload->key, upload->source_key) == 0);
	bool		known;
	bool		gone;

	round->driven = NULL;
	known = last_copy ||
		cf_round_source_gone(round, places->source, upload->source_key, upload->source_version, &last_copy, &source_err);
	gone = places->dest != NULL && cf_round_abort_upload(round, places->dest, upload->key, upload->owner_tag, upload->handle,
														 upload->begun_us, last_copy || !known, &err);
	if (!gone ? err.kind == CF_ERR_CANCELLED : !known && source_err.kind == CF_ERR_CANCELLED)
		return;					/* interrupted: another mover takes it when its ten minutes are over */
	HOLD_INTERRUPTS();
	cf_queue_begin("recording a swept upload");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_swept(upload, !gone ? err.message : known ? NULL : source_err.message);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
}

/* open_swept opens the places of an upload that is to be swept: those of the one before it, where they are the same. */
static void
open_swept(CfRound *round, const CfLeftUpload *upload, const CfLeftUpload *last, CfSweptPlaces *places)
{
	bool		again = last != NULL && strcmp(last->place, upload->place) == 0;

	if (again && strcmp(last->source_place, upload->source_place) == 0)
	{
		*places = places[-1];
		return;
	}
	if (again)
	{
		places->dest = places[-1].dest;
		places->err = places[-1].err;
	}
	else
		places->dest = open_place(round, upload->place, true, &places->err);
	places->no_source = upload->source_place[0] == '\0' || GetForeignServerByName(upload->source_place, true) == NULL;
	if (!places->no_source)
		places->source = open_place(round, upload->source_place, false, &places->source_err);
}

/* cf_round_sweep removes uploads that nobody will ever finish; not more often than it must while there are jobs. */
void
cf_round_sweep(CfRound *round)
{
	static int64 swept_us = 0;
	CfLeftUpload *uploads;
	CfSweptPlaces *places;
	MemoryContext old;
	int			count;

	if (round->jobs.count > 0 && cf_clock_monotonic_us() - swept_us < SWEEP_EVERY_US)
		return;
	swept_us = cf_clock_monotonic_us();
	HOLD_INTERRUPTS();
	cf_queue_begin("looking for unfinished uploads");
	old = MemoryContextSwitchTo(round->context);
	uploads = cf_queue_claim_uploads(SWEEP_LIMIT, &count);
	places = palloc0(sizeof(CfSweptPlaces) * (count + 1));
	for (int i = 0; i < count; i++)
		open_swept(round, &uploads[i], i > 0 ? &uploads[i - 1] : NULL, &places[i]);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	for (int i = 0; i < count && !cf_round_stopping(round); i++)
		sweep_one(round, &uploads[i], &places[i]);
}
