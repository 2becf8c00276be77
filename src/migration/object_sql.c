/*
 * object_sql.c
 *		One thing done to one object at a place, driven to its end: abort, remove, look, undo.
 *
 * Each drives one storage operation; none waits, retries or decides. What was interrupted in the middle can be repeated.
 */
#include "postgres.h"

#include "migration/round_sql.h"

/* take_op_error keeps what an operation said; one that was left in the middle was interrupted. */
static void
take_op_error(CfRound *round, CfStep step, const char *key, CfError *err)
{
	if (step == CF_STEP_DONE || step == CF_STEP_ERROR)
		*err = round->port.op.err;
	else
		cf_error_set(err, CF_ERR_CANCELLED, "work on \"%s\" was interrupted", key);
}

/*
 * cf_round_abort_upload removes what lies half-written under a tag, and an object that was made under it unless that is to be kept;
 * false = err, and something of it may still be there.
 */
bool
cf_round_abort_upload(CfRound *round, CfPlace *dest, const char *key, const char *tag, const char *handle, int64 begun_us,
					  bool keep_object, CfError *err)
{
	CfUpload	upload = {0};
	CfStep		step;

	if (tag[0] == '\0')
		return true;
	upload.args.key = key;
	upload.args.owner_tag = tag;
	upload.args.begun_us = begun_us;
	upload.args.keep_object = keep_object;
	upload.args.content_type = upload.args.storage_class = upload.args.metadata = "";
	strlcpy(upload.handle, handle, sizeof(upload.handle));
	cf_round_open_port(round, dest);
	DRIVE(round, step, cf_storage_upload_abort(&round->port.op, &upload));
	take_op_error(round, step, key, err);
	cf_round_close_port(round);
	return step == CF_STEP_DONE;
}

/* cf_round_remove_object removes one version of one object; false = error, in err. */
bool
cf_round_remove_object(CfRound *round, CfPlace *place, const char *key, const char *version, const char *tag,
			  CfRemoved *removed, CfError *err)
{
	CfStep		step;

	cf_round_open_port(round, place);
	DRIVE(round, step, cf_storage_remove(&round->port.op, key, version, tag, removed));
	take_op_error(round, step, key, err);
	cf_round_close_port(round);
	return step == CF_STEP_DONE;
}

/* cf_round_stat_version reads the present version of an object; "" when it is not there. */
bool
cf_round_stat_version(CfRound *round, CfPlace *place, const char *key, char version[CF_STORAGE_VERSION_MAX + 1], CfError *err)
{
	CfObjectStat stat;
	CfStep		step;

	cf_round_open_port(round, place);
	DRIVE(round, step, cf_storage_stat(&round->port.op, key, &stat));
	take_op_error(round, step, key, err);
	version[0] = '\0';
	if (step == CF_STEP_DONE)
		strlcpy(version, stat.version, CF_STORAGE_VERSION_MAX + 1);
	cf_round_close_port(round);
	return step == CF_STEP_DONE || (step == CF_STEP_ERROR && err->kind == CF_ERR_NOT_FOUND);
}

/*
 * cf_round_source_gone tells whether an object is not where it was to be copied from, or not as this version (NULL = any one will do); false =
 * that cannot be known now, err. Then what lies at its destination may be all that there is: a server that was promoted or restored
 * can know less than it has done, and takes an object that had arrived for remains.
 */
bool
cf_round_source_gone(CfRound *round, CfPlace *source, const char *key, const char *version, bool *gone, CfError *err)
{
	char		present[CF_STORAGE_VERSION_MAX + 1];

	*gone = false;
	if (source == NULL)
	{
		if (err->kind == CF_ERR_NONE)
			cf_error_set(err, CF_ERR_STATE, "cannot look whether object \"%s\" is still where it was copied from", key);
		return false;
	}
	if (!cf_round_stat_version(round, source, key, present, err))
		return false;
	*gone = present[0] == '\0' || (version != NULL && !cf_storage_version_same(source, present, version));
	return true;
}

/*
 * cf_round_undo_copy removes a copy that is of no use: what was sealed under our version, the upload, and what movers before
 * this one have begun. What may be the last copy stays, and so does an object that was to be changed where it lies. What cannot be
 * removed stays an error of the job.
 */
bool
cf_round_undo_copy(CfRound *round, CfJob *job, CfError *err)
{
	CfRemoved	removed;
	bool		last_copy;
	char	   *tag = psprintf("%s-c", job->upload_tag[0] != '\0' ? job->upload_tag : job->job_id);

	round->driven = job;
	if (cf_job_in_place(job))
		return cf_round_abort_own(round, job, err) && cf_round_abort_left(round, job, err);
	if (!cf_round_source_gone(round, job->source, job->source_key, cf_job_pin(job), &last_copy, err))
		return false;
	if (last_copy)
		return true;
	if (!cf_round_abort_own(round, job, err) || !cf_round_abort_left(round, job, err))
		return false;
	return job->dest_version[0] == '\0' ||
		cf_round_remove_object(round, job->dest, job->dest_key, job->dest_version, tag, &removed, err);
}
