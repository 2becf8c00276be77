/*
 * migration/relocation: what a move does to the catalog.
 *
 * Addresses first: the triggers of data_objects leave an address alone that is already in the state that they would give it.
 */

-- One statement over a narrow copy of the jobs: an array of them unpacked for each step cost more than the steps.
CREATE FUNCTION cloudflux.relocate_objects(p_jobs cloudflux.migration_jobs[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	WITH j AS MATERIALIZED (
		SELECT u.file_id, u.job_id, u.kind, u.source_place, u.source_key, u.source_class, u.source_version,
			   u.dest_place, u.dest_key, u.dest_class, u.dest_version, u.size_bytes, u.sha256, u.delete_source
		  FROM unnest(p_jobs) u),
	left_behind AS (
		UPDATE cloudflux.addresses a
		   SET state = CASE WHEN j.delete_source THEN 'deleting' ELSE 'replica' END, version = j.source_version
		  FROM j WHERE a.place = j.source_place AND a.object_key = j.source_key AND a.file_id = j.file_id),
	entered AS (
		UPDATE cloudflux.addresses a SET state = 'primary', version = j.dest_version
		  FROM j WHERE a.place = j.dest_place AND a.object_key = j.dest_key AND a.file_id = j.file_id),
	closed AS (
		UPDATE cloudflux.object_versions v SET valid_to = clock_timestamp()
		  FROM j WHERE v.file_id = j.file_id AND v.role = 'primary' AND v.valid_to IS NULL),
	opened AS (
		INSERT INTO cloudflux.object_versions (file_id, version_no, place, object_key, storage_class, version, size_bytes, sha256, role, job_id, reason)
		SELECT j.file_id, m.last + r.step, r.place, r.object_key, r.storage_class, r.version, j.size_bytes, j.sha256, r.role, j.job_id, r.reason
		  FROM j
		 CROSS JOIN LATERAL (SELECT COALESCE(max(v.version_no), 0) AS last FROM cloudflux.object_versions v WHERE v.file_id = j.file_id) m
		 CROSS JOIN LATERAL (VALUES
				(1, j.dest_place, j.dest_key, j.dest_class, j.dest_version, 'primary', j.kind),
				(2, j.source_place, j.source_key, j.source_class, j.source_version, 'replica',
				 CASE WHEN j.delete_source THEN 'until it is deleted' ELSE 'source was kept' END))
				AS r(step, place, object_key, storage_class, version, role, reason))
	UPDATE cloudflux.data_objects o
	   SET place = j.dest_place, object_key = j.dest_key, storage_class = j.dest_class, version = j.dest_version,
		   size_bytes = j.size_bytes, sha256 = j.sha256
	  FROM j WHERE o.file_id = j.file_id;
END;
$$;

-- What a change of class in place does to it: the same address, another class, maybe another version.
CREATE FUNCTION cloudflux.reclass_objects(p_jobs cloudflux.migration_jobs[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE cloudflux.addresses a SET version = j.dest_version
	  FROM unnest(p_jobs) j
	 WHERE a.place = j.dest_place AND a.object_key = j.dest_key AND a.file_id = j.file_id;
	UPDATE cloudflux.object_versions v SET valid_to = clock_timestamp()
	  FROM unnest(p_jobs) j
	  JOIN cloudflux.data_objects o ON o.file_id = j.file_id AND o.place = j.dest_place AND o.object_key = j.dest_key
	 WHERE v.file_id = j.file_id AND v.role = 'primary' AND v.valid_to IS NULL;
	INSERT INTO cloudflux.object_versions (file_id, version_no, place, object_key, storage_class, version, size_bytes, sha256, role, job_id, reason)
	SELECT j.file_id, m.last + 1, j.dest_place, j.dest_key, j.dest_class, j.dest_version, j.size_bytes, o.sha256, 'primary', j.job_id, 'change'
	  FROM unnest(p_jobs) j
	  JOIN cloudflux.data_objects o ON o.file_id = j.file_id AND o.place = j.dest_place AND o.object_key = j.dest_key
	 CROSS JOIN LATERAL (SELECT COALESCE(max(v.version_no), 0) AS last FROM cloudflux.object_versions v WHERE v.file_id = j.file_id) m;
	UPDATE cloudflux.data_objects o SET storage_class = j.dest_class, version = j.dest_version
	  FROM unnest(p_jobs) j
	 WHERE o.file_id = j.file_id AND o.place = j.dest_place AND o.object_key = j.dest_key;
END;
$$;

CREATE FUNCTION cloudflux.relocate_back(p_job cloudflux.migration_jobs) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	UPDATE cloudflux.addresses a SET state = 'deleting'
	 WHERE a.place = p_job.dest_place AND a.object_key = p_job.dest_key AND a.file_id = p_job.file_id;
	UPDATE cloudflux.addresses a SET state = 'primary', version = p_job.source_version
	 WHERE a.place = p_job.source_place AND a.object_key = p_job.source_key AND a.file_id = p_job.file_id;
	UPDATE cloudflux.object_versions v SET valid_to = clock_timestamp()
	 WHERE v.file_id = p_job.file_id AND v.valid_to IS NULL
	   AND (v.role = 'primary' OR (v.place = p_job.source_place AND v.object_key = p_job.source_key));
	INSERT INTO cloudflux.object_versions (file_id, version_no, place, object_key, storage_class, version, size_bytes, sha256, role, job_id, reason)
	SELECT p_job.file_id, max(v.version_no) + 1, p_job.source_place, p_job.source_key, p_job.source_class, p_job.source_version,
		   p_job.size_bytes, p_job.sha256, 'primary', p_job.job_id, 'rolled back'
	  FROM cloudflux.object_versions v WHERE v.file_id = p_job.file_id;
	UPDATE cloudflux.data_objects o
	   SET place = p_job.source_place, object_key = p_job.source_key, storage_class = p_job.source_class,
		   version = p_job.source_version, size_bytes = p_job.size_bytes, sha256 = p_job.sha256
	 WHERE o.file_id = p_job.file_id;
END;

-- After the bytes at the source are gone, or were kept for a reason.
CREATE FUNCTION cloudflux.release_sources(p_jobs cloudflux.migration_jobs[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_forgotten text[];
BEGIN
	WITH j AS MATERIALIZED (
		SELECT u.file_id, u.kind, u.source_place, u.source_key, u.source_kept FROM unnest(p_jobs) u),
	kept AS (
		UPDATE cloudflux.addresses a SET state = 'replica'
		  FROM j
		 WHERE j.source_kept IS NOT NULL AND a.place = j.source_place AND a.object_key = j.source_key
		   AND a.file_id = j.file_id AND a.state = 'deleting'),
	freed AS (
		DELETE FROM cloudflux.addresses a USING j
		 WHERE j.source_kept IS NULL AND a.file_id = j.file_id AND a.state IN ('deleting', 'replica')
		   AND a.place = j.source_place AND a.object_key = j.source_key),
	ended AS (
		UPDATE cloudflux.object_versions v SET valid_to = clock_timestamp()
		  FROM j
		 WHERE j.source_kept IS NULL AND v.file_id = j.file_id AND v.valid_to IS NULL
		   AND (j.kind = 'delete' OR (v.role = 'replica' AND v.place = j.source_place AND v.object_key = j.source_key)))
	SELECT array_agg(j.file_id) INTO v_forgotten FROM j WHERE j.kind = 'delete' AND j.source_kept IS NULL;
	IF v_forgotten IS NOT NULL THEN
		DELETE FROM cloudflux.data_objects o WHERE o.file_id = ANY (v_forgotten);
		DELETE FROM cloudflux.addresses a WHERE a.file_id = ANY (v_forgotten);
	END IF;
END;
$$;

REVOKE ALL ON FUNCTION
	cloudflux.reclass_objects(cloudflux.migration_jobs[]), cloudflux.relocate_objects(cloudflux.migration_jobs[]),
	cloudflux.relocate_back(cloudflux.migration_jobs), cloudflux.release_sources(cloudflux.migration_jobs[])
	FROM PUBLIC;

GRANT EXECUTE ON FUNCTION
	cloudflux.reclass_objects(cloudflux.migration_jobs[]), cloudflux.relocate_objects(cloudflux.migration_jobs[]),
	cloudflux.relocate_back(cloudflux.migration_jobs), cloudflux.release_sources(cloudflux.migration_jobs[])
	TO cloudflux_worker;

-- ---------------------------------------------------------------- what each thing is

COMMENT ON FUNCTION cloudflux.reclass_objects(cloudflux.migration_jobs[]) IS
	'What a change of class in place does to the catalog: class and version of data_objects, addresses and object_versions.';
COMMENT ON FUNCTION cloudflux.relocate_objects(cloudflux.migration_jobs[]) IS
	'What an arrival does to the catalog: addresses, object_versions and data_objects point to the destination.';
COMMENT ON FUNCTION cloudflux.relocate_back(cloudflux.migration_jobs) IS
	'What a rollback by pointers does to the catalog: addresses, object_versions and data_objects point to the source again.';
COMMENT ON FUNCTION cloudflux.release_sources(cloudflux.migration_jobs[]) IS
	'What the end of a source does to the catalog: its address goes, or stays as a replica''s when it was kept; the row of a deleted object goes.';
