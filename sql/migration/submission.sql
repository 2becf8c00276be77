/*
 * migration/submission: how work gets into migration_jobs and the queue.
 *
 * A plain INSERT with the promised columns is as good as migrate(): the BEFORE trigger looks up what the catalog knows and
 * refuses what cannot work; the AFTER trigger claims the destination's address and queues the job.
 */

-- The place that a job of (dest_cloud, dest_tier) means: the only place of that cloud (NULL = of any) that has that tier.
CREATE FUNCTION cloudflux.resolve_destination(p_cloud text, p_tier text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_places text[];
BEGIN
	SELECT array_agg(p.place ORDER BY p.place) INTO v_places
	  FROM cloudflux.places p
	  JOIN pg_foreign_server s ON s.srvname = p.place::name
	 WHERE (p_cloud IS NULL OR p.provider = p_cloud)
	   AND has_server_privilege(s.oid, 'USAGE')
	   AND (p.provider <> 'LOCAL' OR p_tier IS NULL OR cloudflux.class_tier(p.provider, p.place, NULL) = p_tier);
	IF cardinality(v_places) = 1 THEN
		RETURN v_places[1];
	END IF;
	RAISE EXCEPTION 'no single place of cloud "%" for tier "%"', COALESCE(p_cloud, 'any'), COALESCE(p_tier, 'any')
		USING ERRCODE = 'invalid_parameter_value',
			  DETAIL = CASE WHEN v_places IS NULL THEN 'No place that you may use fits.'
							ELSE format('These fit: %s.', array_to_string(v_places, ', ')) END,
			  HINT = 'Name the place: dest_place => …, or add one with cloudflux.add_storage().';
END;
$$;

CREATE FUNCTION cloudflux.migration_jobs_fill() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'cloudflux_migration_jobs_fill';

-- Where a job's fences begin: no two stays of an object in the queue share one, so that a mover which slept through the end of a job
-- is not taken for the holder of the next. A claim adds 1 to fence and attempts; people's verbs add some fences more.
CREATE FUNCTION cloudflux.first_fence(p_jobs_before bigint, p_attempts int) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_jobs_before * 1048576 + p_attempts * 1024;

/*
 * Claims addresses and queues what was inserted; also called by retry_migration(). Every row is reached by its key, whatever the tables
 * looked like when the plans were made: a queue that was empty then may have a hundred thousand rows now. The settings forbid to read
 * tables whole; OFFSET 0 forbids to begin with a table, whose index would be read whole instead. And the plans are kept: one for each
 * length of the arrays would cost a single job more than its work.
 */
CREATE FUNCTION cloudflux.enqueue_jobs(p_file_ids text[], p_job_ids text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	v_clash  record;
	v_missed bigint;
	v_key    text;
BEGIN
	SELECT q.file_id, q.job_id, q.phase INTO v_clash
	  FROM unnest(p_file_ids) u(file_id)
	 CROSS JOIN LATERAL (SELECT k.file_id, k.job_id, k.phase FROM cloudflux.job_queue k WHERE k.file_id = u.file_id OFFSET 0) q LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'object "%" is already being worked on', v_clash.file_id
			USING ERRCODE = 'object_in_use',
				  DETAIL = format('Job %s is in phase "%s".', v_clash.job_id, v_clash.phase),
				  HINT = CASE WHEN v_clash.phase = 'grace'
							  THEN 'The object has arrived, and its source is kept until the grace is over: wait for that, or take the move back with cloudflux.rollback_migration().'
							  WHEN cloudflux.migration_next(v_clash.phase, 'cancel') IS NULL THEN 'Wait for it with cloudflux.wait_for_migration().'
							  ELSE 'Wait for it with cloudflux.wait_for_migration(), or end it with cloudflux.cancel_migration().' END;
	END IF;
	-- In order of keys: two who submit the same objects wait for each other in one direction only.
	INSERT INTO cloudflux.job_queue (file_id, job_id, phase, priority, seq, size_bytes, not_before, fence, remote)
	SELECT j.file_id, j.job_id, j.phase, j.priority, j.id, COALESCE(j.size_bytes, 0), j.not_before,
		   cloudflux.first_fence(j.jobs_before, j.attempts), COALESCE(j.source_cloud <> 'LOCAL', false) OR COALESCE(j.dest_cloud <> 'LOCAL', false)
	  FROM ROWS FROM (unnest(p_file_ids), unnest(p_job_ids)) u(file_id, job_id)
	 CROSS JOIN LATERAL (SELECT k.*, (SELECT count(*) FROM cloudflux.migration_jobs b WHERE b.file_id = k.file_id AND b.id < k.id) AS jobs_before
						   FROM cloudflux.migration_jobs k WHERE k.file_id = u.file_id AND k.job_id = u.job_id OFFSET 0) j
	 ORDER BY j.file_id;
	WITH wanted AS MATERIALIZED (
		SELECT j.dest_place, j.dest_key, j.file_id
		  FROM ROWS FROM (unnest(p_file_ids), unnest(p_job_ids)) u(file_id, job_id)
		 CROSS JOIN LATERAL (SELECT k.* FROM cloudflux.migration_jobs k WHERE k.file_id = u.file_id AND k.job_id = u.job_id OFFSET 0) j
		 WHERE j.dest_place IS NOT NULL AND j.kind <> 'change'
		 ORDER BY j.dest_place, j.dest_key),
	claimed AS (
		INSERT INTO cloudflux.addresses (place, object_key, file_id, state)
		SELECT w.dest_place, w.dest_key, w.file_id, 'claimed' FROM wanted w
		ON CONFLICT (place, object_key) DO NOTHING
		RETURNING file_id)
	SELECT (SELECT count(*) FROM wanted) - (SELECT count(*) FROM claimed) INTO v_missed;
	IF v_missed = 0 THEN
		RETURN;
	END IF;
	SELECT j.dest_place, j.dest_key, a.file_id, a.state INTO v_clash
	  FROM ROWS FROM (unnest(p_file_ids), unnest(p_job_ids)) u(file_id, job_id)
	 CROSS JOIN LATERAL (SELECT k.* FROM cloudflux.migration_jobs k WHERE k.file_id = u.file_id AND k.job_id = u.job_id OFFSET 0) j
	 CROSS JOIN LATERAL (SELECT b.* FROM cloudflux.addresses b WHERE b.place = j.dest_place AND b.object_key = j.dest_key OFFSET 0) a
	 WHERE j.kind <> 'change' AND (a.file_id <> j.file_id OR a.state <> 'claimed') LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'destination "%" in place "%" is occupied', v_clash.dest_key, v_clash.dest_place
			USING ERRCODE = 'duplicate_object',
				  DETAIL = format('It is held by object %s as its %s address.', v_clash.file_id, v_clash.state),
				  HINT = 'Choose another key with dest_key => …; a replica of the same object is removed by cloudflux.delete_replica().';
	END IF;
EXCEPTION WHEN unique_violation THEN
	GET STACKED DIAGNOSTICS v_key = PG_EXCEPTION_DETAIL;
	RAISE EXCEPTION 'object is already being worked on'
		USING ERRCODE = 'object_in_use', DETAIL = v_key,
			  HINT = 'Wait for the other job with cloudflux.wait_for_migration(), or end it with cloudflux.cancel_migration().';
END;
$$;

CREATE FUNCTION cloudflux.migration_jobs_queue() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	v_file_ids text[];
	v_job_ids  text[];
	v_events   jsonb[];
BEGIN
	-- Without the cast a row of a transition table is an anonymous record, which is turned into a job by way of text.
	SELECT array_agg(n.file_id), array_agg(n.job_id), array_agg(cloudflux.job_event(n::cloudflux.migration_jobs))
	  INTO v_file_ids, v_job_ids, v_events
	  FROM (SELECT * FROM inserted i WHERE i.recorded_at = transaction_timestamp() ORDER BY i.id) n;
	IF v_file_ids IS NULL THEN
		RETURN NULL;	-- nothing, or a restore
	END IF;
	PERFORM cloudflux.enqueue_jobs(v_file_ids, v_job_ids);
	PERFORM cloudflux.emit_events('migration-events', 'migration.submitted', v_file_ids, v_events);
	PERFORM cloudflux.wake_movers();
	RETURN NULL;
END;
$$;

CREATE TRIGGER migration_jobs_fill BEFORE INSERT ON cloudflux.migration_jobs
	FOR EACH ROW EXECUTE FUNCTION cloudflux.migration_jobs_fill();
CREATE TRIGGER migration_jobs_queue AFTER INSERT ON cloudflux.migration_jobs
	REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.migration_jobs_queue();

CREATE FUNCTION cloudflux.migrate(
	file_id text, dest_place text, dest_tier text DEFAULT NULL, delete_source boolean DEFAULT false,
	priority int DEFAULT 0, not_before timestamptz DEFAULT NULL, dest_key text DEFAULT NULL,
	grace interval DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_job text;
BEGIN
	INSERT INTO cloudflux.migration_jobs (file_id, dest_place, dest_tier, delete_source, priority, not_before, dest_key, grace)
	VALUES (migrate.file_id, migrate.dest_place, migrate.dest_tier, migrate.delete_source, migrate.priority,
			migrate.not_before, migrate.dest_key, COALESCE(migrate.grace, interval '0'))
	RETURNING migration_jobs.job_id INTO v_job;
	RETURN v_job;
END;
$$;

CREATE FUNCTION cloudflux.migrate_bulk(
	file_ids text[], dest_place text, dest_tier text DEFAULT NULL, delete_source boolean DEFAULT false,
	priority int DEFAULT 0, grace interval DEFAULT NULL)
RETURNS TABLE (file_id text, job_id text)
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO cloudflux.migration_jobs (file_id, dest_place, dest_tier, delete_source, priority, grace)
	SELECT f.file_id, migrate_bulk.dest_place, migrate_bulk.dest_tier, migrate_bulk.delete_source,
		   migrate_bulk.priority, COALESCE(migrate_bulk.grace, interval '0')
	  FROM unnest(migrate_bulk.file_ids) WITH ORDINALITY f(file_id, n)
	 ORDER BY f.n
	RETURNING migration_jobs.file_id, migration_jobs.job_id;
END;

CREATE FUNCTION cloudflux.delete_object(file_id text, not_before timestamptz DEFAULT NULL) RETURNS text
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO cloudflux.migration_jobs (file_id, kind, delete_source, not_before)
	VALUES (delete_object.file_id, 'delete', true, delete_object.not_before)
	RETURNING migration_jobs.job_id;
END;

CREATE FUNCTION cloudflux.delete_replica(file_id text, place text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_address cloudflux.addresses;
	v_job     text;
BEGIN
	SELECT * INTO v_address FROM cloudflux.addresses a
	 WHERE a.file_id = delete_replica.file_id AND a.place = delete_replica.place AND a.state = 'replica' LIMIT 1;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'object "%" has no replica in place "%"', delete_replica.file_id, delete_replica.place
			USING ERRCODE = '02000', HINT = 'Replicas are the rows of cloudflux.addresses whose state is "replica".';
	END IF;
	INSERT INTO cloudflux.migration_jobs (file_id, kind, delete_source, source_place, source_key, source_version)
	VALUES (v_address.file_id, 'delete_replica', true, v_address.place, v_address.object_key, v_address.version)
	RETURNING migration_jobs.job_id INTO v_job;
	RETURN v_job;
END;
$$;

REVOKE ALL ON FUNCTION
	cloudflux.first_fence(bigint, int), cloudflux.resolve_destination(text, text), cloudflux.migration_jobs_fill(),
	cloudflux.enqueue_jobs(text[], text[]),
	cloudflux.migration_jobs_queue(), cloudflux.migrate(text, text, text, boolean, int, timestamptz, text, interval),
	cloudflux.migrate_bulk(text[], text, text, boolean, int, interval), cloudflux.delete_object(text, timestamptz),
	cloudflux.delete_replica(text, text)
	FROM PUBLIC;

GRANT EXECUTE ON FUNCTION
	cloudflux.resolve_destination(text, text),
	cloudflux.migrate(text, text, text, boolean, int, timestamptz, text, interval),
	cloudflux.migrate_bulk(text[], text, text, boolean, int, interval), cloudflux.delete_object(text, timestamptz),
	cloudflux.delete_replica(text, text)
	TO cloudflux_user;

-- ---------------------------------------------------------------- what each thing is

COMMENT ON FUNCTION cloudflux.resolve_destination(text, text) IS
	'The place that a job means which names only a cloud and a tier: the only one of that cloud (NULL = of any) that has the tier (NULL = any) and that the caller may use; 22023 when there is none, or more than one.';
COMMENT ON FUNCTION cloudflux.first_fence(bigint, int) IS
	'Where the fences of a stay in the queue begin, for a job of an object that had p_jobs_before jobs before it and was claimed p_attempts times itself: never where an earlier stay of that object ended.';
COMMENT ON FUNCTION cloudflux.migration_jobs_fill() IS
	'Trigger function: puts a submitted job at its beginning (nothing but its wishes is taken from the row), completes it from the catalog (place, key, class, estimate) and refuses what cannot work. 02000 unknown object or place, 55000 it has vanished or lies in no known place, 42501 no USAGE on a place, 0A000 a place without driver, 22023 bad key, job_id or grace, unknown tier or already there, 42710 a job of that job_id exists.';
COMMENT ON FUNCTION cloudflux.enqueue_jobs(text[], text[]) IS
	'Claims the destinations of jobs and puts them into job_queue: 55006 when an object is being worked on already, 42710 when a destination is occupied.';
COMMENT ON FUNCTION cloudflux.migration_jobs_queue() IS
	'Trigger function: queues submitted jobs with enqueue_jobs(), tells of them in events, and wakes the movers. Runs as the extension''s owner, since nobody else may write the queue.';
COMMENT ON TRIGGER migration_jobs_fill ON cloudflux.migration_jobs IS 'Completes and judges a submitted job.';
COMMENT ON TRIGGER migration_jobs_queue ON cloudflux.migration_jobs IS 'Queues submitted jobs.';
COMMENT ON FUNCTION cloudflux.migrate(text, text, text, boolean, int, timestamptz, text, interval) IS
	'Submits a job that moves an object to a place and returns its job_id. dest_tier: HOT, WARM, COLD or a storage class, NULL = the place''s. delete_source: false keeps the source as a replica. grace: how long the source is kept before it is deleted (NULL = 0). dest_key: NULL = the same key. It begins after COMMIT. 02000 unknown object or place, 55006 being worked on, 42710 destination occupied, 42501 no USAGE, 22023 bad key or tier, 55000 vanished or altered.';
COMMENT ON FUNCTION cloudflux.migrate_bulk(text[], text, text, boolean, int, interval) IS
	'migrate() for many objects at once, in the order of file_ids: all jobs are submitted, or none. Errors as of migrate().';
COMMENT ON FUNCTION cloudflux.delete_object(text, timestamptz) IS
	'Submits a job that deletes an object: its bytes in every place where they are the catalogued version, then its row. Returns the job_id. It begins after COMMIT (not_before: then), so a ROLLBACK leaves row and bytes, and can be cancelled until it has begun. Bytes that have changed or that the store locks are left alone: then the job fails and says why. 02000 unknown object, 55006 being worked on, 42501 no USAGE on its place.';
COMMENT ON FUNCTION cloudflux.delete_replica(text, text) IS
	'Submits a job that deletes the replica of an object in a place, and returns its job_id. 02000 when it has none there; else as delete_object().';
