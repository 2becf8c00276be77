/*
 * migration/uploads: what movers have begun at a destination and nobody has finished yet.
 *
 * A store tells of an unfinished upload at most its key and its id, and buckets are shared: what is ours, only this table knows.
 * An upload of several requests is noted before the request that begins it, and its handle before its first part; so are the remains of a
 * mover that lost its job, and what an ended job could not remove. A row goes in the transaction that makes the upload's object the
 * catalogued one, or when a mover has seen to it that nothing is left. Movers sweep: rows whose job is over, or goes on under another
 * tag (first_fence() sees to it that no tag ever comes again), are aborted by their handle, nothing else at the place is touched.
 * LOCAL places name every upload by its tag, so those are found in the places themselves.
 */

CREATE TABLE cloudflux.job_uploads (
	file_id       text NOT NULL,
	owner_tag     text NOT NULL,                                       -- <job_id>-<fence>
	job_id        text NOT NULL,
	place         text NOT NULL,
	object_key    text COLLATE "C" NOT NULL,
	in_parts      boolean NOT NULL,                                    -- of several requests, else by its tag alone
	handle        text,                                                -- the store's name of it
	begun_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	not_before    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp() + interval '10 minutes',
	attempts      int NOT NULL DEFAULT 0,                              -- to remove it
	error_message text,
	PRIMARY KEY (file_id, owner_tag)
) WITH (fillfactor = 70);

/*
 * The mover's statements about its own uploads, guarded by the fence like the others.
 */

-- Names uploads before they begin. What lay under the tag before, of a mover that lost the job, is somebody's to remove.
CREATE FUNCTION cloudflux.record_upload(p_file_ids text[], p_fences bigint[], p_tags text[])
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO cloudflux.job_uploads (file_id, owner_tag, job_id, place, object_key, in_parts, handle)
	SELECT q.file_id, q.upload_tag, q.job_id, j.dest_place, j.dest_key, q.upload_handle IS NOT NULL, q.upload_handle
	  FROM ROWS FROM (unnest(p_file_ids), unnest(p_fences), unnest(p_tags)) AS u(file_id, fence, tag)
	  JOIN cloudflux.job_queue q ON q.file_id = u.file_id AND q.fence = u.fence AND q.upload_tag <> u.tag
	  JOIN cloudflux.migration_jobs j ON j.file_id = q.file_id AND j.job_id = q.job_id
	ON CONFLICT (file_id, owner_tag) DO UPDATE SET not_before = excluded.not_before;
	DELETE FROM cloudflux.job_parts p
	 USING ROWS FROM (unnest(p_file_ids), unnest(p_fences), unnest(p_tags)) AS u(file_id, fence, tag), cloudflux.job_queue q
	 WHERE q.file_id = u.file_id AND q.fence = u.fence AND q.upload_tag IS DISTINCT FROM u.tag AND p.file_id = q.file_id AND p.job_id = q.job_id;
	RETURN QUERY
	UPDATE cloudflux.job_queue q SET upload_tag = u.tag, upload_handle = CASE WHEN q.upload_tag IS NOT DISTINCT FROM u.tag THEN q.upload_handle END
	  FROM ROWS FROM (unnest(p_file_ids), unnest(p_fences), unnest(p_tags)) AS u(file_id, fence, tag)
	 WHERE q.file_id = u.file_id AND q.fence = u.fence
	RETURNING q.file_id;
END;
$$;

-- The next request begins an upload in parts.
CREATE FUNCTION cloudflux.record_begun(p_file_id text, p_fence bigint)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	INSERT INTO cloudflux.job_uploads (file_id, owner_tag, job_id, place, object_key, in_parts, handle)
	SELECT q.file_id, q.upload_tag, q.job_id, j.dest_place, j.dest_key, true, q.upload_handle
	  FROM cloudflux.job_queue q
	  JOIN cloudflux.migration_jobs j ON j.file_id = q.file_id AND j.job_id = q.job_id
	 WHERE q.file_id = p_file_id AND q.fence = p_fence AND q.upload_tag IS NOT NULL
	ON CONFLICT (file_id, owner_tag) DO UPDATE SET begun_at = excluded.begun_at, not_before = excluded.not_before, in_parts = true
	RETURNING job_uploads.file_id;
END;
$$;

-- The store's name of an upload in parts. It is kept even when the job was lost meanwhile: then it is for the sweep.
CREATE FUNCTION cloudflux.record_handle(p_file_id text, p_fence bigint, p_tag text, p_handle text)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO cloudflux.job_uploads (file_id, owner_tag, job_id, place, object_key, in_parts, handle)
	SELECT j.file_id, p_tag, j.job_id, j.dest_place, j.dest_key, true, p_handle
	  FROM cloudflux.migration_jobs j WHERE j.file_id = p_file_id AND j.job_id = regexp_replace(p_tag, '-[0-9]+$', '')
	ON CONFLICT (file_id, owner_tag) DO UPDATE SET handle = excluded.handle;
	RETURN QUERY
	UPDATE cloudflux.job_queue q SET upload_handle = p_handle
	  FROM (SELECT k.file_id FROM cloudflux.job_queue k WHERE k.file_id = p_file_id AND k.fence = p_fence FOR UPDATE SKIP LOCKED) free
	 WHERE q.file_id = free.file_id
	RETURNING q.file_id;
END;
$$;

-- An upload of the caller's job was aborted. A part that was on its way may arrive yet: the sweep looks once more.
CREATE FUNCTION cloudflux.record_aborted(p_file_id text, p_fence bigint, p_tag text)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	DELETE FROM cloudflux.job_uploads u
	 USING cloudflux.job_queue q
	 WHERE q.file_id = p_file_id AND q.fence = p_fence AND u.file_id = q.file_id AND u.owner_tag = p_tag AND NOT u.in_parts;
	UPDATE cloudflux.job_uploads u SET not_before = clock_timestamp() + interval '10 minutes'
	  FROM cloudflux.job_queue q
	 WHERE q.file_id = p_file_id AND q.fence = p_fence AND u.file_id = q.file_id AND u.owner_tag = p_tag;
END;
$$;

-- Everything that the job left at the destination is gone, or (p_left) is left to the sweep: it ends, and its address is free.
CREATE FUNCTION cloudflux.record_cleaned(p_file_ids text[], p_fences bigint[], p_left boolean[] DEFAULT NULL)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_jobs cloudflux.migration_jobs[];
BEGIN
	WITH gone AS (
		DELETE FROM cloudflux.job_queue q
		 USING ROWS FROM (unnest(p_file_ids), unnest(p_fences), unnest(p_left)) AS u(file_id, fence, not_clean)
		 WHERE q.file_id = u.file_id AND q.fence = u.fence AND q.phase = 'cleaning'
		RETURNING q.file_id, q.job_id, q.outcome, q.upload_tag, q.upload_handle, u.not_clean),
	ended AS (
		UPDATE cloudflux.migration_jobs j
		   SET phase = g.outcome, status = g.outcome, completed_at = clock_timestamp()
		  FROM gone g WHERE j.file_id = g.file_id AND j.job_id = g.job_id
		RETURNING j.*),
	freed AS (
		DELETE FROM cloudflux.addresses a USING ended e
		 WHERE a.place = e.dest_place AND a.object_key = e.dest_key AND a.file_id = e.file_id AND a.state = 'claimed'),
	unfinished AS (
		INSERT INTO cloudflux.job_uploads (file_id, owner_tag, job_id, place, object_key, in_parts, handle)
		SELECT e.file_id, g.upload_tag, e.job_id, e.dest_place, e.dest_key, false, g.upload_handle
		  FROM ended e JOIN gone g ON g.file_id = e.file_id
		 WHERE g.not_clean AND g.upload_tag IS NOT NULL
		ON CONFLICT (file_id, owner_tag) DO NOTHING),
	parts AS (
		DELETE FROM cloudflux.job_parts p USING ended e WHERE p.file_id = e.file_id AND p.job_id = e.job_id)
	SELECT array_agg(e) INTO v_jobs FROM ended e;
	IF v_jobs IS NULL THEN
		RETURN;
	END IF;
	PERFORM cloudflux.end_jobs(v_jobs);
	RETURN QUERY SELECT j.file_id FROM unnest(v_jobs) j;
END;
$$;

/*
 * The sweep.
 */

-- Whether nobody works with an upload any more: its job is over, or goes on under another tag.
CREATE FUNCTION cloudflux.upload_is_over(p_upload cloudflux.job_uploads) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT NOT EXISTS (SELECT FROM cloudflux.job_queue q WHERE q.file_id = p_upload.file_id AND q.upload_tag = p_upload.owner_tag);
END;

-- Takes uploads that are to be removed, for ten minutes. One whose handle is unknown is looked for by its key: not while another job
-- may just begin an upload there, and what lies at an address of the catalog is never taken for a remain; unless the upload was to
-- change that very object: then it is looked for all the same, and nothing else is touched.
CREATE FUNCTION cloudflux.claim_uploads(p_limit int)
RETURNS TABLE (file_id text, owner_tag text, place text, object_key text, handle text, begun_us bigint, source_place text, source_key text,
			  source_version text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM cloudflux.job_uploads u WHERE u.not_before <= clock_timestamp()) THEN
		RETURN;
	END IF;
	DELETE FROM cloudflux.job_uploads u
	 WHERE u.not_before <= clock_timestamp() AND cloudflux.upload_is_over(u)
	   AND (NOT EXISTS (SELECT FROM cloudflux.places p WHERE p.place = u.place)
			OR ((NOT u.in_parts OR u.handle IS NULL)
				AND EXISTS (SELECT FROM cloudflux.addresses a WHERE a.place = u.place AND a.object_key = u.object_key AND a.state <> 'claimed')
				AND NOT EXISTS (SELECT FROM cloudflux.migration_jobs k WHERE k.file_id = u.file_id AND k.job_id = u.job_id AND k.kind = 'change')));
	RETURN QUERY
	UPDATE cloudflux.job_uploads u
	   SET not_before = clock_timestamp() + interval '10 minutes', attempts = u.attempts + 1
	  FROM (SELECT d.file_id, d.owner_tag, d.job_id FROM cloudflux.job_uploads d
			 WHERE d.not_before <= clock_timestamp() AND cloudflux.upload_is_over(d)
			   AND (d.handle IS NOT NULL OR NOT d.in_parts OR d.begun_at < clock_timestamp() - interval '1 hour')
			 ORDER BY d.not_before LIMIT p_limit FOR UPDATE SKIP LOCKED) due
		  LEFT JOIN cloudflux.migration_jobs j ON j.file_id = due.file_id AND j.job_id = due.job_id
	 WHERE u.file_id = due.file_id AND u.owner_tag = due.owner_tag
	RETURNING u.file_id, u.owner_tag, u.place, u.object_key, COALESCE(u.handle, ''),
		CASE WHEN u.in_parts THEN (extract(epoch FROM u.begun_at) * 1000000)::bigint ELSE 0 END,
		j.source_place, j.source_key, j.source_version;
END;
$$;

-- What became of one: nothing is left of it, or why that could not be had; then it is tried again, less and less often.
CREATE FUNCTION cloudflux.record_swept(p_file_id text, p_tag text, p_error text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	DELETE FROM cloudflux.job_uploads u WHERE u.file_id = p_file_id AND u.owner_tag = p_tag AND p_error IS NULL;
	UPDATE cloudflux.job_uploads u
	   SET error_message = p_error, not_before = clock_timestamp() + least(interval '10 minutes' * power(2, least(u.attempts, 12)), interval '1 day')
	 WHERE u.file_id = p_file_id AND u.owner_tag = p_tag;
END;
$$;

-- Uploads that nobody will ever finish. Those at LOCAL places are removed here, p_age old and of no live job, a bounded number of each
-- place; those at other places are handed to the movers, which hold no transaction while they wait for a store.
CREATE FUNCTION cloudflux.sweep_uploads(p_age interval DEFAULT '7 days') RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_place  text;
	v_upload record;
	v_swept  bigint := 0;
	v_handed bigint;
	v_failed text[] := '{}';
BEGIN
	FOR v_place IN SELECT p.place FROM cloudflux.places p WHERE p.provider = 'LOCAL' ORDER BY p.place LOOP
		BEGIN
			FOR v_upload IN
				SELECT u.handle FROM cloudflux.stale_uploads(v_place, p_age) u
				 WHERE NOT EXISTS (SELECT FROM cloudflux.job_queue q WHERE q.job_id = regexp_replace(u.owner_tag, '-[0-9]+$', ''))
				 LIMIT 1000
			LOOP
				PERFORM cloudflux.abort_upload(v_place, v_upload.handle);
				v_swept := v_swept + 1;
			END LOOP;
		EXCEPTION WHEN OTHERS THEN
			-- A place that cannot be reached must not keep the others dirty; health() tells of it.
			v_failed := v_failed || v_place;
		END;
	END LOOP;
	UPDATE cloudflux.job_uploads u SET not_before = least(u.not_before, clock_timestamp()) WHERE cloudflux.upload_is_over(u);
	GET DIAGNOSTICS v_handed = ROW_COUNT;
	IF v_handed > 0 THEN
		PERFORM cloudflux.wake_movers();
	END IF;
	RETURN nullif(concat_ws(', ', CASE WHEN v_swept > 0 OR v_failed <> '{}' THEN format('%s unfinished uploads removed', v_swept) END,
		CASE WHEN v_handed > 0 THEN format('%s handed to the movers', v_handed) END,
		CASE WHEN v_failed <> '{}' THEN 'could not look into ' || array_to_string(v_failed, ', ') END), '');
END;
$$;

INSERT INTO cloudflux.chores (chore_name, room, function_name, every, builtin)
VALUES ('sweep_uploads', 'migration', 'sweep_uploads', '1 day', true);

SELECT pg_catalog.pg_extension_config_dump('cloudflux.job_uploads', '');

GRANT SELECT, INSERT, UPDATE, DELETE ON cloudflux.job_uploads TO cloudflux_worker;
GRANT SELECT ON cloudflux.job_uploads TO cloudflux_viewer;
REVOKE ALL ON FUNCTION
	cloudflux.record_upload(text[], bigint[], text[]), cloudflux.record_begun(text, bigint), cloudflux.record_handle(text, bigint, text, text),
	cloudflux.record_aborted(text, bigint, text), cloudflux.record_cleaned(text[], bigint[], boolean[]),
	cloudflux.upload_is_over(cloudflux.job_uploads), cloudflux.claim_uploads(int), cloudflux.record_swept(text, text, text),
	cloudflux.sweep_uploads(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	cloudflux.record_upload(text[], bigint[], text[]), cloudflux.record_begun(text, bigint), cloudflux.record_handle(text, bigint, text, text),
	cloudflux.record_aborted(text, bigint, text), cloudflux.record_cleaned(text[], bigint[], boolean[]),
	cloudflux.upload_is_over(cloudflux.job_uploads), cloudflux.claim_uploads(int), cloudflux.record_swept(text, text, text),
	cloudflux.sweep_uploads(interval) TO cloudflux_worker;

COMMENT ON TABLE cloudflux.job_uploads IS 'What movers have begun at destinations and nobody has finished yet; the only record of which unfinished uploads in a bucket are ours. Movers remove what belongs to no live job.';
COMMENT ON COLUMN cloudflux.job_uploads.file_id IS 'Object whose bytes it has.';
COMMENT ON COLUMN cloudflux.job_uploads.owner_tag IS 'Job and fence that began it.';
COMMENT ON COLUMN cloudflux.job_uploads.job_id IS 'The job.';
COMMENT ON COLUMN cloudflux.job_uploads.place IS 'Place where it is.';
COMMENT ON COLUMN cloudflux.job_uploads.object_key IS 'Key that its object would have.';
COMMENT ON COLUMN cloudflux.job_uploads.in_parts IS 'Whether it takes several requests; else it may have left an object that carries its tag.';
COMMENT ON COLUMN cloudflux.job_uploads.handle IS 'The store''s name of it; NULL = not known (yet).';
COMMENT ON COLUMN cloudflux.job_uploads.begun_at IS 'When it was noted that it would begin.';
COMMENT ON COLUMN cloudflux.job_uploads.not_before IS 'When a mover may remove it, if nobody works with it by then.';
COMMENT ON COLUMN cloudflux.job_uploads.attempts IS 'How often a mover has tried to remove it.';
COMMENT ON COLUMN cloudflux.job_uploads.error_message IS 'Why the last attempt failed; NULL = none has.';
COMMENT ON FUNCTION cloudflux.record_upload(text[], bigint[], text[]) IS
	'Records the names of uploads before they begin, so that a crash leaves nothing that nobody knows. Returns the jobs that the caller still has.';
COMMENT ON FUNCTION cloudflux.record_begun(text, bigint) IS
	'Notes that the next request begins an upload in parts. Returns the object if the caller still has its job.';
COMMENT ON FUNCTION cloudflux.record_handle(text, bigint, text, text) IS
	'Records the store''s name of an upload in parts before its first part, even when the job was lost. Returns the object if the caller still has its job.';
COMMENT ON FUNCTION cloudflux.record_aborted(text, bigint, text) IS
	'Records that an upload of a job that the caller has was aborted. One in parts is looked at once more by the sweep.';
COMMENT ON FUNCTION cloudflux.record_cleaned(text[], bigint[], boolean[]) IS
	'Ends failed and cancelled jobs of which nothing is left at the destination (p_left: what could not be removed is left to the sweep), and frees their addresses. Returns the jobs that the caller still had.';
COMMENT ON FUNCTION cloudflux.upload_is_over(cloudflux.job_uploads) IS 'Whether nobody works with an upload any more: its job has ended, or goes on under another tag.';
COMMENT ON FUNCTION cloudflux.claim_uploads(int) IS 'Takes uploads that nobody works with any more, for ten minutes, so that the caller removes them.';
COMMENT ON FUNCTION cloudflux.record_swept(text, text, text) IS 'Ends the row of an upload of which nothing is left, or notes why it could not be removed and when that is tried again.';
COMMENT ON FUNCTION cloudflux.sweep_uploads(interval) IS
	'Chore: removes unfinished uploads at LOCAL places that nobody has written to for p_age and that belong to no live job, at most 1,000 of each place per run, and lets movers remove what job_uploads has of ended jobs at other places. Returns what it did, NULL when there was nothing.';
