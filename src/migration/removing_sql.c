/*
 * removing_sql.c
 *		The ways that remove something: sources, deleted objects, remains of ended jobs, copies that are rolled back.
 *
 * Whatever is removed is removed as one version at one address, after what allows it is durable, and under a tag by which
 * a crash in the middle is taken up.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"

#include "migration/round_sql.h"

static bool
is_removed(const CfJob *job)
{
	return cf_job_held(job) && job->phase == CF_PHASE_DELETING_SOURCE && job->ready;
}

static bool
is_cleaned(const CfJob *job)
{
	return cf_job_held(job) && job->phase == CF_PHASE_CLEANING && job->ready;
}

/*
 * pin_address finds out which version lies at an address that has none in the catalog, and records it: a crash after the
 * removal has begun must know again what it was removing. "" = nothing lies there.
 */
static bool
pin_address(CfRound *round, CfJob *job, CfPlace *place, CfAddress *address)
{
	char		present[CF_STORAGE_VERSION_MAX + 1];
	MemoryContext old;

	if (!cf_round_stat_version(round, place, address->key, present, &job->err))
		return false;
	address->version = pstrdup(present);
	if (present[0] == '\0')
		return true;
	HOLD_INTERRUPTS();
	cf_queue_begin("recording the version of an object");
	old = MemoryContextSwitchTo(round->context);
	job->lost = !cf_queue_record_pinned(job, address);
	MemoryContextSwitchTo(old);
	cf_queue_commit(true);
	RESUME_INTERRUPTS();
	return !job->lost;
}

/* note_kept says why something was not removed. */
static void
note_kept(CfJob *job, const CfPlace *place, const char *key, CfRemoved removed)
{
	if (removed == CF_REMOVED_CHANGED)
		job->kept = psprintf("\"%s\" in place \"%s\" changed since it was catalogued or copied; it was left alone",
							 key, place->name);
	else if (removed == CF_REMOVED_KEPT)
		job->kept = pstrdup(job->err.message);
}

/* remove_address removes one address of an object, and notes why when it must stay. The tag is the address's own. */
static bool
remove_address(CfRound *round, CfJob *job, CfPlace *place, CfAddress *address, const char *tag)
{
	const char *key = address->key;
	CfRemoved	removed;

	if (address->version[0] == '\0' && !pin_address(round, job, place, address))
		return false;
	if (address->version[0] == '\0')
		return true;
	if (!cf_round_remove_object(round, place, key, address->version, tag, &removed, &job->err))
		return false;
	note_kept(job, place, key, removed);
	return true;
}

/* remove_every_address serves delete_object(): the object and all its replicas. */
static bool
remove_every_address(CfRound *round, CfJob *job)
{
	CfAddress  *addresses;
	CfPlace   **places;
	bool		ok = true;
	int			count;
	MemoryContext old;

	HOLD_INTERRUPTS();
	cf_queue_begin("reading the addresses of an object");
	old = MemoryContextSwitchTo(round->context);
	addresses = cf_queue_addresses(job, &count);
	places = palloc0(sizeof(CfPlace *) * (count + 1));
	for (int i = 0; i < count && ok; i++)
	{
		places[i] = cf_round_open_place(round, addresses[i].place, get_role_oid(job->requested_by, false), true, &job->err);
		ok = places[i] != NULL;
	}
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	/* What must stay keeps the object in the catalog, so the address that the catalog points to goes last. */
	for (int i = 0; i < count && ok && job->kept == NULL; i++)
		ok = remove_address(round, job, places[i], &addresses[i], psprintf("%s-%d", job->job_id, i));
	return ok;
}

/* give_up_removing keeps a source that could not be deleted, so that no job is stranded; it stays a replica. */
static bool
give_up_removing(CfJob *job)
{
	if (!cf_job_exhausted(job))
		return false;
	job->kept = psprintf("it could not be deleted: %s", job->err.message);
	job->failed = false;
	return true;
}

/*
 * keep_primary keeps a source that the object has come back to since the job was submitted: somebody rolled an earlier job
 * back, or pointed the catalog there.
 */
static bool
keep_primary(CfJob *job)
{
	if (!job->source_is_primary)
		return false;
	job->kept = pstrdup("the catalog says that the object lies there");
	return true;
}

/*
 * may_delete refuses where the store would delete another version than ours, or where the copy is proven by its word alone, which nobody
 * accepts any more: then the source stays, as a replica.
 */
static bool
may_delete(CfJob *job)
{
	CfError		err;

	if (job->verified != NULL && strcmp(job->verified, "store") == 0 && !cf_storage_unproven_allowed(job->source))
	{
		job->kept = psprintf("nobody but the store has seen that the copy is equal, and place \"%s\" does not accept that (option accept_unproven_delete)",
							 job->source_place);
		return false;
	}
	if (cf_storage_remove_allowed(job->source, &err))
		return true;
	job->kept = psprintf("%s: %s %s", err.message, err.detail, err.hint);
	return false;
}

/*
 * begin_remove does what takes more than one operation at once; the removal of one source, the common case, is left to
 * the lane. What cannot be removed in all attempts is kept.
 */
static bool
begin_remove(CfRound *round, CfLane *lane)
{
	CfJob	   *job = lane->job;
	CfAddress	source = {job->source_place, job->source_key, job->source_version};
	bool		whole = strcmp(job->kind, "delete") == 0;

	job->tried = true;
	lane->port.op.place = NULL;
	lane->port.traffic = CF_PORT_QUIET;
	if (!cf_round_still_held(round, job))
	{
		job->tried = job->ready = false;
		return false;
	}
	if (job->failed)
		job->ready = give_up_removing(job);
	else if (!whole && (keep_primary(job) || !may_delete(job)))
		job->ready = true;
	else if (!whole && source.version[0] != '\0')
	{
		cf_storage_op_init(&lane->port.op, job->source, &lane->arena);
		return true;
	}
	else if (whole ? remove_every_address(round, job) : remove_address(round, job, job->source, &source, job->job_id))
		job->ready = true;
	else
	{
		cf_job_fail(job, &job->err);
		job->ready = give_up_removing(job);
	}
	return false;
}

static CfStep
step_remove(CfRound *round, CfLane *lane)
{
	CfJob	   *job = lane->job;
	CfRemoved	removed;
	CfStep		step = cf_port_took(&lane->port, cf_storage_remove(&lane->port.op, job->source_key, job->source_version,
																   job->job_id, &removed));

	if (step == CF_STEP_ERROR || step == CF_STEP_DONE)
		job->err = lane->port.op.err;
	if (step == CF_STEP_DONE)
		note_kept(job, job->source, job->source_key, removed);
	return step;
}

static CfPort *
remove_port(CfLane *lane, int i)
{
	return i == 0 ? &lane->port : NULL;
}

static void
end_remove(CfRound *round, CfLane *lane, CfStep step)
{
	CfJob	   *job = lane->job;

	if (step == CF_STEP_DONE)
		job->ready = true;
	else if (step == CF_STEP_ERROR)
	{
		cf_job_fail(job, &job->err);
		job->ready = give_up_removing(job);
	}
	cf_storage_op_end(&lane->port.op);
}

/* Nobody stops a removal that has begun. */
const CfLaneWork cf_remove_work = {false, NULL, begin_remove, step_remove, remove_port, NULL, end_remove};

/* cf_round_record_removed ends jobs whose source is gone, or stays for a reason; false = there are none. */
bool
cf_round_record_removed(CfRound *round)
{
	MemoryContext old;

	if (!cf_round_any(&round->jobs, is_removed))
		return false;
	TRIP("migration_removed");
	HOLD_INTERRUPTS();
	cf_queue_begin("recording removed sources");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_removed(&round->jobs, is_removed);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	cf_round_move_on(&round->jobs, CF_PHASE_DELETING_SOURCE, CF_PHASE_DONE);
	TRIP("migration_removed_recorded");
	return true;
}

void
cf_round_clean(CfRound *round)
{
	MemoryContext old = MemoryContextSwitchTo(round->context);

	for (int i = 0; i < round->jobs.count && !cf_round_stopping(round); i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		if (job->phase != CF_PHASE_CLEANING || !cf_round_still_held(round, job))
			continue;
		if (job->upload_tag[0] == '\0' && job->dest_version[0] == '\0')
			job->failed = false;	/* nothing was ever begun, so it does not matter that the place cannot be opened */
		else if (!job->failed && !cf_round_undo_copy(round, job, &job->err))
			cf_job_fail(job, &job->err);
		/* What cannot be cleaned in all attempts is left to the sweep of old uploads. */
		job->ready = !job->failed || cf_job_exhausted(job);
	}
	MemoryContextSwitchTo(old);
	if (!cf_round_any(&round->jobs, is_cleaned))
		return;
	TRIP("migration_cleaned");
	HOLD_INTERRUPTS();
	cf_queue_begin("ending migration jobs");
	old = MemoryContextSwitchTo(round->context);
	cf_queue_record_cleaned(&round->jobs, is_cleaned);
	MemoryContextSwitchTo(old);
	cf_queue_commit(false);
	RESUME_INTERRUPTS();
	cf_round_move_on(&round->jobs, CF_PHASE_CLEANING, CF_PHASE_DONE);
}

/* point_back changes the pointers if both ends still are what they were; a reason not to goes into job->kept. */
static bool
point_back(CfRound *round, CfJob *job)
{
	char		version[CF_STORAGE_VERSION_MAX + 1];

	if (cf_round_in_transaction(round, job, "looking where an object is", cf_queue_points_back, false))
		return true;
	if (!cf_round_stat_version(round, job->source, job->source_key, version, &job->err))
		return false;
	if (!cf_storage_version_same(job->source, version, job->source_version))
		job->kept = version[0] == '\0' ? "the source is gone" : "the source changed after it was copied";
	else if (!cf_round_stat_version(round, job->dest, job->dest_key, version, &job->err))
		return false;
	else if (!cf_storage_version_same(job->dest, version, job->dest_version))
		job->kept = "the object at the destination changed after it arrived";
	if (job->kept != NULL)
		return true;
	if (!cf_round_in_transaction(round, job, "rolling a migration back", cf_queue_record_rolling_back, true))
		job->lost = true;
	TRIP("migration_pointed_back");
	return !job->lost;
}

/* roll_back_one points back and removes the copy; a copy that changed, or that the store locks, stays as a replica. */
static void
roll_back_one(CfRound *round, CfJob *job)
{
	CfRemoved	removed;
	bool		ok = point_back(round, job);

	if (!cf_round_still_held(round, job))
		return;
	if (ok && job->kept == NULL)
	{
		ok = cf_round_remove_object(round, job->dest, job->dest_key, job->dest_version, job->job_id, &removed, &job->err);
		if (ok && removed == CF_REMOVED_CHANGED)
			job->kept = "the copy changed after it arrived; it was left where it is";
		else if (ok && removed == CF_REMOVED_KEPT)
			job->kept = pstrdup(job->err.message);
	}
	if (!ok)
		cf_job_fail(job, &job->err);
}

/* What cannot be rolled back in all attempts ends where it is, with the reason: no job is stranded. */
void
cf_round_roll_back(CfRound *round)
{
	MemoryContext old = MemoryContextSwitchTo(round->context);

	for (int i = 0; i < round->jobs.count && !cf_round_stopping(round); i++)
	{
		CfJob	   *job = &round->jobs.jobs[i];

		if (!cf_job_held(job) || job->phase != CF_PHASE_ROLLING_BACK)
			continue;
		if (!job->failed)
			roll_back_one(round, job);
		if (cf_job_exhausted(job))
			job->kept = psprintf("it could not be rolled back: %s", job->err.message);
		else if (job->failed || job->lost)
			continue;
		cf_round_in_transaction(round, job, "ending a rollback", cf_queue_record_rolled_back, false);
		job->settled = true;
	}
	MemoryContextSwitchTo(old);
}
