/*
 * migration/steering: cancel, pause, resume, retry, rollback, wait.
 *
 * Each call locks the queue row, asks the table of transitions, and either acts at once (nobody holds the job) or leaves a
 * request that the mover hears within a second.
 */

CREATE FUNCTION cloudflux.lock_job(p_job_id text) RETURNS cloudflux.job_queue
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_queue cloudflux.job_queue;
	v_job   cloudflux.migration_jobs;
BEGIN
	SELECT * INTO v_queue FROM cloudflux.job_queue q WHERE q.job_id = p_job_id FOR UPDATE;
	SELECT * INTO v_job FROM cloudflux.migration_jobs j WHERE j.job_id = p_job_id LIMIT 1;
	IF v_job.job_id IS NULL THEN
		RAISE EXCEPTION 'there is no job "%"', p_job_id
			USING ERRCODE = '02000', HINT = 'Jobs are rows of cloudflux.migration_jobs.';
	ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = v_job.requested_by AND pg_has_role(cloudflux.actor()::name, r.oid, 'MEMBER'))
		  AND NOT pg_has_role(cloudflux.actor()::name, 'cloudflux_admin', 'MEMBER') THEN
		RAISE EXCEPTION 'permission denied for job "%"', p_job_id
			USING ERRCODE = 'insufficient_privilege', DETAIL = format('It belongs to role "%s".', v_job.requested_by),
				  HINT = 'Ask its owner, or a member of cloudflux_admin.';
	END IF;
	RETURN v_queue;
END;
$$;

CREATE FUNCTION cloudflux.refuse_steering(p_job_id text, p_verb text, p_hint text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_job cloudflux.migration_jobs;
BEGIN
	SELECT * INTO v_job FROM cloudflux.migration_jobs j WHERE j.job_id = p_job_id LIMIT 1;
	RAISE EXCEPTION 'cannot % job "%"', p_verb, p_job_id
		USING ERRCODE = 'object_not_in_prerequisite_state',
			  DETAIL = format('Its status is "%s", its phase "%s".', v_job.status, v_job.phase), HINT = p_hint;
END;
$$;

CREATE FUNCTION cloudflux.cancel_migration(job_id text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_id    text := cancel_migration.job_id;
	v_queue cloudflux.job_queue := cloudflux.lock_job(cancel_migration.job_id);
	v_next  text := cloudflux.migration_next(v_queue.phase, 'cancel');
BEGIN
	IF v_next IS NULL THEN
		PERFORM cloudflux.refuse_steering(v_id, 'cancel', 'A job whose object has arrived is undone with cloudflux.rollback_migration().');
	ELSIF v_queue.claimed_by IS NOT NULL THEN
		UPDATE cloudflux.job_queue q SET request = 'cancel' WHERE q.job_id = v_id;
		PERFORM cloudflux.wake_movers();
		RETURN 'cancelling';
	END IF;
	UPDATE cloudflux.job_queue q
	   SET phase = v_next, outcome = 'cancelled', request = NULL, paused = false, not_before = NULL, fence = fence + 1, attempt = 0, crashes = 0
	 WHERE q.job_id = v_id
	RETURNING q.* INTO v_queue;
	UPDATE cloudflux.migration_jobs j SET phase = v_next, status = cloudflux.migration_status(v_next) WHERE j.job_id = v_id;
	IF v_queue.upload_tag IS NULL AND v_queue.upload_handle IS NULL THEN
		PERFORM cloudflux.record_cleaned(ARRAY[v_queue.file_id], ARRAY[v_queue.fence]);	-- nothing was ever written
		RETURN 'cancelled';
	END IF;
	PERFORM cloudflux.wake_movers();
	RETURN v_next;
END;
$$;

CREATE FUNCTION cloudflux.pause_migration(job_id text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_id    text := pause_migration.job_id;
	v_queue cloudflux.job_queue := cloudflux.lock_job(pause_migration.job_id);
BEGIN
	IF cloudflux.migration_next(v_queue.phase, 'pause') IS NULL THEN
		PERFORM cloudflux.refuse_steering(v_id, 'pause', 'Only a job that waits, copies, verifies or is in its grace period can be paused.');
	ELSIF v_queue.request = 'cancel' THEN
		PERFORM cloudflux.refuse_steering(v_id, 'pause', 'It is being cancelled.');
	END IF;
	UPDATE cloudflux.job_queue q
	   SET paused = (q.claimed_by IS NULL) OR q.paused, request = CASE WHEN q.claimed_by IS NOT NULL THEN 'pause' END
	 WHERE q.job_id = v_id;
	PERFORM cloudflux.wake_movers();
	RETURN CASE WHEN v_queue.claimed_by IS NULL THEN 'paused' ELSE 'pausing' END;
END;
$$;

CREATE FUNCTION cloudflux.resume_migration(job_id text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_id    text := resume_migration.job_id;
	v_queue cloudflux.job_queue := cloudflux.lock_job(resume_migration.job_id);
BEGIN
	IF v_queue.job_id IS NULL OR NOT (v_queue.paused OR v_queue.request IS NOT DISTINCT FROM 'pause') THEN
		PERFORM cloudflux.refuse_steering(v_id, 'resume', 'It is not paused. A failed job is tried again with cloudflux.retry_migration().');
	END IF;
	UPDATE cloudflux.job_queue q SET paused = false, request = NULL WHERE q.job_id = v_id;
	PERFORM cloudflux.wake_movers();
	RETURN v_queue.phase;
END;
$$;

CREATE FUNCTION cloudflux.retry_migration(job_id text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_id    text := retry_migration.job_id;
	v_queue cloudflux.job_queue := cloudflux.lock_job(retry_migration.job_id);
	v_job   cloudflux.migration_jobs;
BEGIN
	IF v_queue.phase <> 'grace' AND v_queue.claimed_by IS NULL AND (v_queue.not_before IS NOT NULL OR v_queue.attempt > 0) THEN
		UPDATE cloudflux.job_queue q SET not_before = NULL WHERE q.job_id = v_id;	-- it waits for its next attempt: now
		PERFORM cloudflux.wake_movers();
		RETURN v_queue.phase;
	END IF;
	SELECT * INTO v_job FROM cloudflux.migration_jobs j WHERE j.job_id = v_id FOR UPDATE;
	IF v_queue.job_id IS NOT NULL OR cloudflux.migration_next(v_job.phase, 'restart') IS NULL THEN
		PERFORM cloudflux.refuse_steering(v_id, 'retry', 'Only a failed or cancelled job can be tried again.');
	ELSIF v_job.kind = 'delete_replica' AND NOT EXISTS (
			SELECT FROM cloudflux.addresses a
			 WHERE a.place = v_job.source_place AND a.object_key = v_job.source_key AND a.file_id = v_job.file_id AND a.state = 'replica') THEN
		PERFORM cloudflux.refuse_steering(v_id, 'retry', 'What it was to delete is no replica any more.');
	ELSIF v_job.kind <> 'delete_replica' AND NOT EXISTS (
			SELECT FROM cloudflux.data_objects o
			 WHERE o.file_id = v_job.file_id AND o.place = v_job.source_place AND o.object_key = v_job.source_key) THEN
		PERFORM cloudflux.refuse_steering(v_id, 'retry', 'The object is no longer where this job would find it; submit a new job.');
	END IF;
	UPDATE cloudflux.migration_jobs j
	   SET phase = cloudflux.migration_next(j.phase, 'restart'), status = 'pending', progress_pct = 0, completed_at = NULL,
		   started_at = NULL, restore_until = NULL, not_before = NULL, dest_version = NULL, source_kept = NULL, error_message = NULL,
		   error_sqlstate = NULL, error_detail = NULL, error_hint = NULL,
		   source_version = COALESCE((SELECT a.version FROM cloudflux.addresses a
									   WHERE a.place = j.source_place AND a.object_key = j.source_key AND a.file_id = j.file_id), j.source_version)
	 WHERE j.job_id = v_id
	RETURNING * INTO v_job;
	PERFORM cloudflux.enqueue_jobs(ARRAY[v_job.file_id], ARRAY[v_job.job_id]);
	PERFORM cloudflux.emit_events('migration-events', 'migration.submitted', ARRAY[v_job.file_id], ARRAY[cloudflux.job_event(v_job)]);
	PERFORM cloudflux.wake_movers();
	RETURN 'pending';
END;
$$;

-- Many jobs, in one order of objects, so that two who do this wait for each other in one direction only. Of several jobs of one object
-- the newest is tried; a job that cannot be tried again keeps nobody else from it.
CREATE FUNCTION cloudflux.retry_migrations(job_ids text[]) RETURNS TABLE (job_id text, phase text, problem text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	FOR job_id IN
		SELECT u.id FROM (SELECT DISTINCT x.id FROM unnest(retry_migrations.job_ids) AS x(id)) AS u
		  LEFT JOIN cloudflux.migration_jobs j ON j.job_id = u.id
		 ORDER BY j.file_id COLLATE "C", j.id DESC, u.id
	LOOP
		BEGIN
			phase := cloudflux.retry_migration(job_id);
			problem := NULL;
		EXCEPTION WHEN object_not_in_prerequisite_state OR object_in_use OR duplicate_object OR insufficient_privilege OR SQLSTATE '02000' THEN
			phase := NULL;
			problem := SQLERRM;
		END;
		RETURN NEXT;
	END LOOP;
END;
$$;

CREATE FUNCTION cloudflux.rollback_migration(job_id text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_id    text := rollback_migration.job_id;
	v_queue cloudflux.job_queue := cloudflux.lock_job(rollback_migration.job_id);
	v_job   cloudflux.migration_jobs;
	v_new   text;
BEGIN
	SELECT * INTO v_job FROM cloudflux.migration_jobs j WHERE j.job_id = v_id FOR UPDATE;
	IF v_job.kind <> 'move' OR cloudflux.migration_next(v_job.phase, 'rollback') IS NULL THEN
		PERFORM cloudflux.refuse_steering(v_id, 'roll back',
			'A job can be rolled back once its object has arrived, and not while its source is being deleted: cancel it before, or wait for its end.');
	END IF;
	PERFORM cloudflux.check_destination(v_job.source_place, v_job.source_key, cloudflux.actor()::name);
	IF v_queue.job_id IS NULL THEN
		SELECT q.* INTO v_queue FROM cloudflux.job_queue q WHERE q.file_id = v_job.file_id;
		IF FOUND THEN
			RAISE EXCEPTION 'object "%" is already being worked on', v_job.file_id
				USING ERRCODE = 'object_in_use', DETAIL = format('Job %s is in phase "%s".', v_queue.job_id, v_queue.phase),
					  HINT = 'Wait for it with cloudflux.wait_for_migration().';
		END IF;
	END IF;
	IF NOT EXISTS (SELECT FROM cloudflux.data_objects o
					WHERE o.file_id = v_job.file_id AND o.place = v_job.dest_place AND o.object_key = v_job.dest_key) THEN
		PERFORM cloudflux.refuse_steering(v_id, 'roll back', 'The object has moved on since: roll back the newer job first.');
	END IF;
	IF EXISTS (SELECT FROM cloudflux.addresses a
				WHERE a.place = v_job.source_place AND a.object_key = v_job.source_key AND a.file_id = v_job.file_id) THEN
		-- the source still is there: a change of pointers
		INSERT INTO cloudflux.job_queue (file_id, job_id, phase, priority, seq, fence)
		VALUES (v_job.file_id, v_id, 'rolling_back', v_job.priority, v_job.id, cloudflux.first_fence(
			(SELECT count(*) FROM cloudflux.migration_jobs b WHERE b.file_id = v_job.file_id AND b.id < v_job.id), v_job.attempts))
		ON CONFLICT (file_id) DO UPDATE
			SET phase = 'rolling_back', not_before = NULL, paused = false, request = NULL, attempt = 0, crashes = 0, fence = job_queue.fence + 1
			WHERE job_queue.job_id = excluded.job_id;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'object "%" is already being worked on', v_job.file_id
				USING ERRCODE = 'object_in_use', DETAIL = 'Another job was submitted at the same moment.',
					  HINT = 'Wait for it with cloudflux.wait_for_migration().';
		END IF;
		UPDATE cloudflux.migration_jobs j SET phase = 'rolling_back', status = 'in_progress' WHERE j.job_id = v_id;
		PERFORM cloudflux.wake_movers();
		RETURN v_id;
	END IF;
	-- the source is gone: copy back, by a job of its own
	INSERT INTO cloudflux.migration_jobs (file_id, kind, rollback_of, dest_place, dest_key, dest_tier, delete_source, priority, requested_by)
	VALUES (v_job.file_id, 'rollback', v_id, v_job.source_place, v_job.source_key, NULL, true, v_job.priority, cloudflux.actor())
	RETURNING migration_jobs.job_id INTO v_new;
	RETURN v_new;
END;
$$;

CREATE FUNCTION cloudflux.wait_for_migration(job_id text, timeout interval DEFAULT '1 hour') RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_id       text := wait_for_migration.job_id;
	v_deadline timestamptz := clock_timestamp() + wait_for_migration.timeout;
	v_near     bigint := pg_current_xact_id_if_assigned()::text::bigint;
	v_job      record;
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'cannot wait for a job in a % transaction', current_setting('transaction_isolation')
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Its snapshot would never see the end; use READ COMMITTED.';
	END IF;
	LOOP
		-- The writer's 32 bits stand for the 64-bit id that is nearest to our own.
		SELECT j.status, j.phase, (v_near + ((j.xmin::text::bigint - v_near + 2147483648) & 4294967295) - 2147483648)::text::xid8 AS writer
		  INTO v_job FROM cloudflux.migration_jobs j WHERE j.job_id = v_id LIMIT 1;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'there is no job "%"', v_id USING ERRCODE = '02000', HINT = 'Jobs are rows of cloudflux.migration_jobs.';
		ELSIF v_job.phase IN ('done', 'grace', 'failed', 'cancelled', 'rolled_back') THEN
			RETURN v_job.status;
		ELSIF pg_xact_status(v_job.writer) = 'in progress' THEN	-- and visible: we wrote it, maybe below a savepoint
			RAISE EXCEPTION 'cannot wait for job "%" in the transaction that submitted it', v_id
				USING ERRCODE = 'object_not_in_prerequisite_state',
					  DETAIL = 'No mover sees it before COMMIT.', HINT = 'COMMIT first, then wait.';
		ELSIF clock_timestamp() >= v_deadline THEN
			RAISE EXCEPTION 'job "%" did not end within %', v_id, wait_for_migration.timeout
				USING ERRCODE = 'query_canceled', DETAIL = format('Its phase is "%s".', v_job.phase),
					  HINT = 'Look at cloudflux.migration_progress; without workers, CALL cloudflux.run_migrations() moves it.';
		END IF;
		PERFORM pg_sleep(0.02);
	END LOOP;
END;
$$;

CREATE PROCEDURE cloudflux.run_migrations(max_jobs int DEFAULT NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'cloudflux_run_migrations';

REVOKE ALL ON FUNCTION
	cloudflux.lock_job(text), cloudflux.refuse_steering(text, text, text), cloudflux.cancel_migration(text),
	cloudflux.pause_migration(text), cloudflux.resume_migration(text), cloudflux.retry_migration(text), cloudflux.retry_migrations(text[]),
	cloudflux.rollback_migration(text), cloudflux.wait_for_migration(text, interval)
	FROM PUBLIC;

REVOKE ALL ON PROCEDURE cloudflux.run_migrations(int) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION cloudflux.wait_for_migration(text, interval) TO cloudflux_viewer, cloudflux_worker;

GRANT EXECUTE ON FUNCTION
	cloudflux.cancel_migration(text), cloudflux.pause_migration(text), cloudflux.resume_migration(text),
	cloudflux.retry_migration(text), cloudflux.retry_migrations(text[]), cloudflux.rollback_migration(text)
	TO cloudflux_user;

GRANT EXECUTE ON PROCEDURE cloudflux.run_migrations(int) TO cloudflux_user;

-- ---------------------------------------------------------------- what each thing is

COMMENT ON FUNCTION cloudflux.lock_job(text) IS
	'Locks the queue''s row of a job and returns it (all NULL when the job has ended). 02000 when there is no such job, 42501 unless the caller is a member of the role that asked for it, or of cloudflux_admin.';
COMMENT ON FUNCTION cloudflux.refuse_steering(text, text, text) IS 'Raises 55000: the verb means nothing in the phase that the job is in.';
COMMENT ON FUNCTION cloudflux.cancel_migration(text) IS
	'Ends a job that has not arrived yet. Returns cancelled (nothing was written), cleaning (what was written is being removed) or cancelling (a mover has it and will give it up: it does not arrive any more). 02000 no such job, 42501 another''s job, 55000 it has arrived or ended.';
COMMENT ON FUNCTION cloudflux.pause_migration(text) IS
	'Lets a job wait until resume_migration(); what is copied stays. Returns paused, or pausing while a mover still has it. 02000 no such job, 42501 another''s job, 55000 it has arrived (grace apart) or ended, or is being cancelled.';
COMMENT ON FUNCTION cloudflux.resume_migration(text) IS
	'Lets a paused job go on, and returns its phase. 02000 no such job, 42501 another''s job, 55000 it is not paused.';
COMMENT ON FUNCTION cloudflux.retry_migration(text) IS
	'Submits a failed or cancelled job again, or lets a job that waits for its next attempt begin at once; returns its phase. 02000 no such job, 42501 another''s job, 55000 in any other state, 55006 the object is being worked on, 42710 the destination is occupied by now.';
COMMENT ON FUNCTION cloudflux.retry_migrations(text[]) IS
	'retry_migration() for many jobs, in an order in which two such calls do not block each other: a row per job with its phase, or with the problem that kept it from being tried again, which is no error and stops none of the others. Of several jobs of one object the newest is tried.';
COMMENT ON FUNCTION cloudflux.rollback_migration(text) IS
	'Brings the object of an arrived job back to where it was, and returns the job that does so: the same job where the source still is there (pointers change, the copy is removed), else a new one that copies back. 02000 no such job, 42501 another''s job or no USAGE, 55000 it has not arrived, its source is being deleted, or the object has moved on, 55006 the object is being worked on.';
COMMENT ON FUNCTION cloudflux.wait_for_migration(text, interval) IS
	'Waits until a job has arrived or ended and returns its status. 02000 no such job, 55000 in the transaction that submitted it or under REPEATABLE READ, 57014 after timeout (NULL = never).';
COMMENT ON PROCEDURE cloudflux.run_migrations(int) IS
	'Moves in the foreground what is pending, as a mover would, until nothing can be taken or max_jobs jobs were. It commits as it goes: 25001 inside a transaction block. Ctrl-C gives unfinished jobs back.';
