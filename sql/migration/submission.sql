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
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_object cloudflux.data_objects;
	v_super  boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = CURRENT_USER);
BEGIN
	IF v_super AND NEW.recorded_at IS DISTINCT FROM transaction_timestamp() THEN
		RETURN NEW;		-- a restore
	END IF;
	NEW.recorded_at := transaction_timestamp();
	IF NOT v_super OR NEW.requested_by IS NULL THEN
		NEW.requested_by := CURRENT_USER;
	END IF;
	NEW := cloudflux.fresh_job(NEW);
	IF NEW.kind = 'rollback' AND NOT v_super THEN
		RAISE EXCEPTION 'permission denied to submit a job of kind "rollback"'
			USING ERRCODE = 'insufficient_privilege', HINT = 'Use cloudflux.rollback_migration(job_id).';
	END IF;

	SELECT * INTO v_object FROM cloudflux.data_objects WHERE file_id = NEW.file_id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'object "%" is not in the catalog', NEW.file_id
			USING ERRCODE = '02000', HINT = 'Look it up in cloudflux.data_objects, or import it with CALL cloudflux.import_inventory(place).';
	ELSIF v_object.vanished_at IS NOT NULL THEN
		RAISE EXCEPTION 'object "%" has vanished from place "%"', NEW.file_id, v_object.place
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = format('An inventory did not find it any more at %s.', v_object.vanished_at),
				  HINT = 'Run CALL cloudflux.import_inventory(place) if it is back.';
	ELSIF v_object.place IS NULL THEN
		RAISE EXCEPTION 'object "%" lies in no place that cloudflux knows', NEW.file_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = format('Its location is "%s".', v_object.storage_location),
				  HINT = 'Add the place with cloudflux.add_storage() and import it.';
	END IF;
	IF NEW.kind <> 'delete_replica' THEN
		NEW.source_place := v_object.place;
		NEW.source_key := v_object.object_key;
		NEW.source_version := v_object.version;
	END IF;
	NEW.source_cloud := v_object.current_cloud;
	NEW.source_tier := v_object.current_tier;
	NEW.source_class := v_object.storage_class;
	NEW.size_bytes := v_object.size_bytes;
	NEW.size_gb := v_object.size_gb;
	RETURN CASE WHEN NEW.kind IN ('move', 'change', 'rollback') THEN cloudflux.fill_destination(NEW) ELSE cloudflux.fill_deletion(NEW) END;
END;
$$;

-- A submitted job stands at its beginning, whatever its row says: movers trust what they have written, versions above all.
CREATE FUNCTION cloudflux.fresh_job(p_job cloudflux.migration_jobs) RETURNS cloudflux.migration_jobs
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_job cloudflux.migration_jobs := p_job;
BEGIN
	IF v_job.job_id IS NULL THEN
		v_job.job_id := cloudflux.new_id();
	ELSIF v_job.job_id !~ '^[A-Za-z0-9][A-Za-z0-9-]{0,31}$' THEN
		RAISE EXCEPTION '"%" cannot be the name of a job', v_job.job_id
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Leave job_id out, or use up to 32 letters, digits and hyphens.';
	ELSIF EXISTS (SELECT FROM cloudflux.migration_jobs j WHERE j.job_id = v_job.job_id) THEN
		RAISE EXCEPTION 'job "%" exists already', v_job.job_id
			USING ERRCODE = 'duplicate_object', HINT = 'Leave job_id out: the server gives a new one.';
	END IF;
	IF v_job.grace < interval '0' THEN
		RAISE EXCEPTION 'the grace of a job cannot be negative' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	v_job.grace := COALESCE(v_job.grace, interval '0');
	v_job.status := 'pending';
	v_job.phase := 'pending';
	v_job.progress_pct := 0;
	v_job.attempts := 0;
	v_job.bytes_copied := 0;
	v_job.created_at := now();
	v_job.started_at := NULL;
	v_job.switched_at := NULL;
	v_job.completed_at := NULL;
	v_job.dest_version := NULL;
	v_job.sha256 := NULL;
	v_job.copy_digests := NULL;
	v_job.verified := NULL;
	v_job.source_kept := NULL;
	v_job.left_behind := NULL;
	v_job.error_message := NULL;
	v_job.error_sqlstate := NULL;
	v_job.error_detail := NULL;
	v_job.error_hint := NULL;
	IF v_job.kind <> 'rollback' THEN
		v_job.rollback_of := NULL;
	END IF;
	RETURN v_job;
END;
$$;

-- The half of migration_jobs_fill() for jobs that only delete: what is deleted is what the catalog knows as the object's own.
CREATE FUNCTION cloudflux.fill_deletion(p_job cloudflux.migration_jobs) RETURNS cloudflux.migration_jobs
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_job cloudflux.migration_jobs := p_job;
BEGIN
	IF v_job.kind = 'delete_replica' THEN
		SELECT a.version INTO v_job.source_version FROM cloudflux.addresses a
		 WHERE a.place = v_job.source_place AND a.object_key = v_job.source_key AND a.file_id = v_job.file_id AND a.state = 'replica';
		IF NOT FOUND THEN
			RAISE EXCEPTION 'object "%" has no replica at "%" in place "%"', v_job.file_id, v_job.source_key, v_job.source_place
				USING ERRCODE = '02000', HINT = 'Replicas are the rows of cloudflux.addresses whose state is "replica".';
		END IF;
	END IF;
	PERFORM cloudflux.check_destination(v_job.source_place, '', v_job.requested_by::name);
	v_job.delete_source := true;
	v_job.grace := interval '0';
	v_job.dest_cloud := NULL;
	v_job.dest_tier := NULL;
	v_job.dest_place := NULL;
	v_job.dest_key := NULL;
	v_job.dest_class := NULL;
	RETURN v_job;
END;
$$;

-- The destination's half of migration_jobs_fill(): place, key, class, rights.
CREATE FUNCTION cloudflux.fill_destination(p_job cloudflux.migration_jobs) RETURNS cloudflux.migration_jobs
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_job cloudflux.migration_jobs := p_job;
BEGIN
	v_job.dest_place := COALESCE(v_job.dest_place, cloudflux.resolve_destination(v_job.dest_cloud, v_job.dest_tier));
	v_job.dest_key := COALESCE(v_job.dest_key, v_job.source_key);
	v_job.dest_class := cloudflux.tier_class(v_job.dest_place, v_job.dest_tier);
	IF v_job.kind = 'change' THEN
		v_job.kind := 'move';
	END IF;
	IF v_job.dest_place = v_job.source_place AND v_job.dest_key = v_job.source_key AND v_job.kind = 'move'
	   AND v_job.source_cloud <> 'LOCAL' AND v_job.dest_tier IS NOT NULL AND v_job.dest_class IS DISTINCT FROM v_job.source_class THEN
		-- The same address, another class: the store changes it in place.
		v_job.kind := 'change';
		v_job.delete_source := false;
		v_job.grace := interval '0';
	ELSIF v_job.dest_place = v_job.source_place AND v_job.dest_key = v_job.source_key THEN
		RAISE EXCEPTION 'object "%" is already at "%" in place "%"', v_job.file_id, v_job.source_key, v_job.source_place
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name another place, or another key (dest_key => …).';
	END IF;
	PERFORM cloudflux.check_destination(v_job.source_place, '', v_job.requested_by::name);
	PERFORM cloudflux.check_destination(v_job.dest_place, v_job.dest_key, v_job.requested_by::name);
	SELECT p.provider, COALESCE(cloudflux.class_tier(p.provider, p.place, v_job.dest_class), v_job.dest_tier)
	  INTO v_job.dest_cloud, v_job.dest_tier
	  FROM cloudflux.places p WHERE p.place = v_job.dest_place;
	IF v_job.estimated_duration_sec IS NULL THEN
		SELECT COALESCE(v_job.transfer_cost, e.move_cost), COALESCE(v_job.estimated_duration_sec, e.estimated_seconds),
			   CASE WHEN e.restore_cost > 0 THEN e.restore_cost + e.retrieval_cost END
		  INTO v_job.transfer_cost, v_job.estimated_duration_sec, v_job.restore_cost
		  FROM cloudflux.estimate_migration(v_job.file_id, v_job.dest_place, v_job.dest_class, v_job.delete_source) e;
	END IF;
	RETURN v_job;
END;
$$;

-- Where a job's fences begin: no two stays of an object in the queue share one, so that a mover which slept through the end of a job
-- is not taken for the holder of the next. A claim adds 1 to fence and attempts; people's verbs add some fences more.
CREATE FUNCTION cloudflux.first_fence(p_file_id text, p_id bigint, p_attempts int) RETURNS bigint
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT count(*) * 1048576 + p_attempts * 1024 FROM cloudflux.migration_jobs k WHERE k.file_id = p_file_id AND k.id < p_id;
END;

-- Claims addresses and queues what was inserted; also called by retry_migration().
CREATE FUNCTION cloudflux.enqueue_jobs(p_jobs cloudflux.migration_jobs[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_clash record;
	v_key   text;
BEGIN
	SELECT j.file_id, q.job_id, q.phase INTO v_clash
	  FROM unnest(p_jobs) j JOIN cloudflux.job_queue q ON q.file_id = j.file_id LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'object "%" is already being worked on', v_clash.file_id
			USING ERRCODE = 'object_in_use',
				  DETAIL = format('Job %s is in phase "%s".', v_clash.job_id, v_clash.phase),
				  HINT = 'Wait for it with cloudflux.wait_for_migration(), or end it with cloudflux.cancel_migration().';
	END IF;
	-- In order of keys: two who submit the same objects wait for each other in one direction only.
	INSERT INTO cloudflux.job_queue (file_id, job_id, phase, priority, seq, size_bytes, not_before, fence, remote)
	SELECT j.file_id, j.job_id, j.phase, j.priority, j.id, COALESCE(j.size_bytes, 0), j.not_before,
		   cloudflux.first_fence(j.file_id, j.id, j.attempts), COALESCE(j.source_cloud <> 'LOCAL', false) OR COALESCE(j.dest_cloud <> 'LOCAL', false)
	  FROM unnest(p_jobs) j ORDER BY j.file_id;
	INSERT INTO cloudflux.addresses (place, object_key, file_id, state)
	SELECT j.dest_place, j.dest_key, j.file_id, 'claimed' FROM unnest(p_jobs) j WHERE j.dest_place IS NOT NULL AND j.kind <> 'change'
	 ORDER BY j.dest_place, j.dest_key
	ON CONFLICT (place, object_key) DO NOTHING;
	SELECT j.dest_place, j.dest_key, a.file_id, a.state INTO v_clash
	  FROM unnest(p_jobs) j JOIN cloudflux.addresses a ON a.place = j.dest_place AND a.object_key = j.dest_key
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_jobs cloudflux.migration_jobs[];
BEGIN
	SELECT array_agg(n ORDER BY n.id) INTO v_jobs
	  FROM inserted n WHERE n.recorded_at = transaction_timestamp();
	IF v_jobs IS NULL THEN
		RETURN NULL;	-- nothing, or a restore
	END IF;
	PERFORM cloudflux.enqueue_jobs(v_jobs);
	PERFORM cloudflux.emit_events('migration-events', 'migration.submitted', array_agg(j.file_id ORDER BY j.id),
			array_agg(cloudflux.job_event(j) ORDER BY j.id))
	   FROM unnest(v_jobs) j;
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
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO cloudflux.migration_jobs (file_id, dest_place, dest_tier, delete_source, priority, not_before, dest_key, grace)
	VALUES (migrate.file_id, migrate.dest_place, migrate.dest_tier, migrate.delete_source, migrate.priority,
			migrate.not_before, migrate.dest_key, COALESCE(migrate.grace, interval '0'))
	RETURNING migration_jobs.job_id;
END;

CREATE FUNCTION cloudflux.migrate_bulk(
	file_ids text[], dest_place text, dest_tier text DEFAULT NULL, delete_source boolean DEFAULT false,
	priority int DEFAULT 0, grace interval DEFAULT NULL)
RETURNS TABLE (file_id text, job_id text)
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO cloudflux.migration_jobs (file_id, dest_place, dest_tier, delete_source, priority, grace, transfer_cost, estimated_duration_sec, restore_cost)
	SELECT f.file_id, migrate_bulk.dest_place, migrate_bulk.dest_tier, migrate_bulk.delete_source,
		   migrate_bulk.priority, COALESCE(migrate_bulk.grace, interval '0'), e.move_cost, e.estimated_seconds,
		   CASE WHEN e.restore_cost > 0 THEN e.restore_cost + e.retrieval_cost END
	  FROM unnest(migrate_bulk.file_ids) WITH ORDINALITY f(file_id, n)
	  LEFT JOIN cloudflux.data_objects o ON o.file_id = f.file_id
	  LEFT JOIN LATERAL cloudflux.estimate_migration(o.file_id, migrate_bulk.dest_place, migrate_bulk.dest_tier, migrate_bulk.delete_source) e ON o.file_id IS NOT NULL
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
	cloudflux.first_fence(text, bigint, int), cloudflux.resolve_destination(text, text), cloudflux.migration_jobs_fill(),
	cloudflux.fresh_job(cloudflux.migration_jobs), cloudflux.fill_deletion(cloudflux.migration_jobs),
	cloudflux.fill_destination(cloudflux.migration_jobs), cloudflux.enqueue_jobs(cloudflux.migration_jobs[]),
	cloudflux.migration_jobs_queue(), cloudflux.migrate(text, text, text, boolean, int, timestamptz, text, interval),
	cloudflux.migrate_bulk(text[], text, text, boolean, int, interval), cloudflux.delete_object(text, timestamptz),
	cloudflux.delete_replica(text, text)
	FROM PUBLIC;

GRANT EXECUTE ON FUNCTION
	cloudflux.resolve_destination(text, text), cloudflux.fill_destination(cloudflux.migration_jobs),
	cloudflux.fill_deletion(cloudflux.migration_jobs), cloudflux.fresh_job(cloudflux.migration_jobs),
	cloudflux.migrate(text, text, text, boolean, int, timestamptz, text, interval),
	cloudflux.migrate_bulk(text[], text, text, boolean, int, interval), cloudflux.delete_object(text, timestamptz),
	cloudflux.delete_replica(text, text)
	TO cloudflux_user;

-- ---------------------------------------------------------------- what each thing is

COMMENT ON FUNCTION cloudflux.fresh_job(cloudflux.migration_jobs) IS
	'Puts a submitted job at its beginning: nothing but its wishes is taken from the row that was inserted. 22023 for a job_id that cannot be one, 42710 when it exists already.';
COMMENT ON FUNCTION cloudflux.fill_deletion(cloudflux.migration_jobs) IS
	'The half of migration_jobs_fill() for jobs that only delete. 02000 when there is no such replica, 42501 no USAGE on the place.';
COMMENT ON FUNCTION cloudflux.resolve_destination(text, text) IS
	'The place that a job means which names only a cloud and a tier: the only one of that cloud (NULL = of any) that has the tier (NULL = any) and that the caller may use; 22023 when there is none, or more than one.';
COMMENT ON FUNCTION cloudflux.first_fence(text, bigint, int) IS
	'Where the fences of a stay in the queue begin, for job number p_id of an object that was claimed p_attempts times before: never where an earlier stay of that object ended.';
COMMENT ON FUNCTION cloudflux.migration_jobs_fill() IS
	'Trigger function: completes a submitted job from the catalog and refuses what cannot work. 02000 unknown object or place, 55000 it has vanished or lies in no known place, 42501 no USAGE on a place, 0A000 a place without driver, 22023 bad key, unknown tier or already there.';
COMMENT ON FUNCTION cloudflux.fill_destination(cloudflux.migration_jobs) IS
	'The destination''s half of migration_jobs_fill(): place, key, class, rights, estimate. Returns the job with them.';
COMMENT ON FUNCTION cloudflux.enqueue_jobs(cloudflux.migration_jobs[]) IS
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
