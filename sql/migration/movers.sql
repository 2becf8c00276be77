/*
 * migration/movers: the mover's side of the queue.
 *
 * Each function is one set-based statement or a short list of them, guarded by the fence. What is not returned was lost to
 * another mover; the caller drops it without touching anything. All of them are for the mover alone.
 */

-- The phase that a claim brings a job to.
CREATE FUNCTION cloudflux.claimed_phase(p_kind text, p_phase text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN p_phase = 'pending' AND p_kind = 'change' THEN 'changing'
				WHEN p_phase = 'grace' OR (p_phase = 'pending' AND p_kind IN ('delete', 'delete_replica')) THEN 'deleting_source'
				WHEN p_phase = 'pending' THEN 'copying'
				ELSE p_phase END;
END;

CREATE FUNCTION cloudflux.claim_jobs(p_limit int, p_max_bytes bigint, p_lease interval, p_at_once int DEFAULT 1)
RETURNS TABLE (file_id text, job_id text, kind text, phase text, fence bigint, attempt int, crashes int, outcome text,
			   took_over boolean, upload_tag text, upload_handle text, size_bytes bigint, source_place text, source_key text,
			   source_version text, dest_place text, dest_key text, dest_class text, dest_version text,
			   sha256 bytea, delete_source boolean, requested_by text, content_type text, known_sha256 bytea, request text,
			   source_is_primary boolean, copy_digests text, part_bytes bigint, waited_sec bigint, restore_left_sec bigint, new_upload boolean, verified text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- A mover that came after v_live was read is not in it; its claim, a sign of life, is younger than v_seen.
	v_seen timestamptz := clock_timestamp();
	v_live int[] := ARRAY(SELECT a.pid FROM pg_stat_get_activity(NULL) a WHERE a.pid <> pg_backend_pid());
	v_movers int := GREATEST(COALESCE(current_setting('cloudflux.migration_workers', true)::int, 1), 1);
BEGIN
	RETURN QUERY
	WITH candidates AS (
		SELECT q.file_id, q.job_id, q.phase, q.claimed_by, q.crashes, q.size_bytes, q.remote, q.priority, q.seq, q.upload_tag
		  FROM cloudflux.job_queue q
		 WHERE NOT q.paused
		   AND (q.not_before IS NULL OR q.not_before <= clock_timestamp())
		   AND (q.claimed_by IS NULL OR q.lease_until < clock_timestamp()
				OR (q.claimed_by <> ALL (v_live) AND COALESCE(q.progress_at, '-infinity') < v_seen))
		 ORDER BY q.priority DESC, q.seq
		 LIMIT p_limit FOR UPDATE SKIP LOCKED),
	ranked AS (
		SELECT c.*, row_number() OVER w AS rn, sum(c.size_bytes) OVER w AS running,
			   first_value(c.crashes) OVER w AS first_crashes, bool_and(c.remote) OVER w AS all_remote,
			   LEAST(p_at_once, GREATEST(2, (count(*) OVER () + v_movers - 1) / v_movers)) AS share
		  FROM candidates c WINDOW w AS (ORDER BY c.priority DESC, c.seq)),
	-- A job that took movers down with it is worked on alone, so that it can hurt nobody else. Large objects come one by
	-- one where they are copied one by one, and as many as are on their way at once where they wait for a network; but no
	-- more of them than a mover's share of what waits, since their bytes are hashed by the mover that has them.
	picked AS (
		SELECT r.* FROM ranked r
		 WHERE r.rn = 1 OR (r.first_crashes < 3 AND r.crashes < 3 AND (r.running <= p_max_bytes OR (r.all_remote AND r.rn <= r.share)))),
	-- All that is wanted is handed on from step to step: two CTEs joined would cost the square of the batch.
	history AS (
		UPDATE cloudflux.migration_jobs j
		   SET phase = cloudflux.claimed_phase(j.kind, p.phase), status = cloudflux.job_status(j.kind, cloudflux.claimed_phase(j.kind, p.phase)),
			   attempts = j.attempts + 1, started_at = COALESCE(j.started_at, clock_timestamp())
		  FROM picked p
		 WHERE j.file_id = p.file_id AND j.job_id = p.job_id
		RETURNING j.file_id, j.job_id, j.kind, j.phase, p.crashes, p.claimed_by, p.priority, p.seq, j.attempts,
				  j.phase = 'copying' AND p.upload_tag IS NULL AS new_upload, j.size_bytes, j.source_place, j.source_key, j.source_version,
				  j.dest_place, j.dest_key, j.dest_class, j.dest_version, j.sha256, j.delete_source, j.requested_by, j.verified, j.copy_digests,
				  j.started_at, j.restore_until),
	-- Whoever begins an upload names it first. The name has the fence in it, so it never was anybody's before.
	claimed AS (
		UPDATE cloudflux.job_queue q
		   SET phase = h.phase, claimed_by = pg_backend_pid(), lease_until = clock_timestamp() + p_lease, fence = q.fence + 1,
			   crashes = q.crashes + (q.claimed_by IS NOT NULL)::int, not_before = NULL, rate_bps = NULL, bytes_done = 0,
			   progress_at = clock_timestamp(),
			   upload_tag = CASE WHEN h.new_upload THEN q.job_id || '-' || (q.fence + 1) ELSE q.upload_tag END,
			   upload_handle = CASE WHEN NOT h.new_upload THEN q.upload_handle END
		  FROM history h
		 WHERE q.file_id = h.file_id
		RETURNING h.*, q.fence, q.attempt, q.crashes AS now_crashes, q.outcome, (h.claimed_by = ANY (v_live)) IS TRUE AS took_over,
				  q.upload_tag, q.upload_handle, q.request, q.part_bytes),
	-- Of an attempt whose copy was of no use.
	forgotten AS (
		DELETE FROM cloudflux.job_parts p USING claimed c
		 WHERE c.new_upload AND c.attempts > 1 AND p.file_id = c.file_id AND p.job_id = c.job_id)
	SELECT h.file_id, h.job_id, h.kind, h.phase, h.fence, h.attempt, h.now_crashes, h.outcome,
		   h.took_over, h.upload_tag, h.upload_handle, h.size_bytes, h.source_place, h.source_key,
		   h.source_version, h.dest_place, h.dest_key, h.dest_class, h.dest_version,
		   h.sha256, h.delete_source, h.requested_by, o.content_type,
		   CASE WHEN o.version = h.source_version THEN o.sha256 END, h.request,
		   EXISTS (SELECT FROM cloudflux.addresses a
					WHERE a.place = h.source_place AND a.object_key = h.source_key AND a.file_id = h.file_id AND a.state = 'primary'),
		   h.copy_digests, COALESCE(h.part_bytes, 0), extract(epoch FROM clock_timestamp() - h.started_at)::bigint,
		   COALESCE(ceil(extract(epoch FROM h.restore_until - clock_timestamp()))::bigint, 0), h.new_upload, h.verified
	  FROM claimed h
	  LEFT JOIN cloudflux.data_objects o ON o.file_id = h.file_id
	 ORDER BY h.priority DESC, h.seq;
END;
$$;

-- Says that the mover still lives, and hears what a person asked for meanwhile. A row that somebody has locked (who asks for
-- something in a transaction that stays open) is no reason to wait, here and below: no mover waits for a person. Such a job
-- is still ours while its lease lasts; a statement that could not write it leaves it to a later claim.
CREATE FUNCTION cloudflux.renew_leases(p_file_ids text[], p_fences bigint[], p_bytes bigint[], p_rates double precision[], p_lease interval)
RETURNS TABLE (file_id text, request text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH u AS (
		SELECT * FROM ROWS FROM (unnest(p_file_ids), unnest(p_fences), unnest(p_bytes), unnest(p_rates)) AS u(file_id, fence, bytes, rate)),
	free AS (
		SELECT q.file_id FROM u JOIN cloudflux.job_queue q ON q.file_id = u.file_id AND q.fence = u.fence
		   FOR UPDATE OF q SKIP LOCKED),
	renewed AS (
		UPDATE cloudflux.job_queue q
		   SET lease_until = clock_timestamp() + p_lease, bytes_done = u.bytes, rate_bps = u.rate, progress_at = clock_timestamp()
		  FROM u JOIN free f ON f.file_id = u.file_id
		 WHERE q.file_id = u.file_id AND q.fence = u.fence
		RETURNING q.file_id, q.request)
	SELECT r.file_id, r.request FROM renewed r
	UNION ALL
	SELECT q.file_id, q.request FROM u JOIN cloudflux.job_queue q ON q.file_id = u.file_id AND q.fence = u.fence
	 WHERE q.lease_until > clock_timestamp() AND q.file_id NOT IN (SELECT f.file_id FROM free f);
END;
$$;

CREATE FUNCTION cloudflux.record_part(p_file_id text, p_fence bigint, p_part_number int, p_byte_offset bigint, p_length bigint,
									  p_sha256 bytea, p_source_version text, p_digests text DEFAULT NULL)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	INSERT INTO cloudflux.job_parts (file_id, job_id, part_number, byte_offset, length, sha256, source_version, digests)
	SELECT q.file_id, q.job_id, p_part_number, p_byte_offset, p_length, p_sha256, p_source_version, p_digests
	  FROM cloudflux.job_queue q WHERE q.file_id = p_file_id AND q.fence = p_fence
	ON CONFLICT (file_id, job_id, part_number) DO UPDATE
	   SET byte_offset = excluded.byte_offset, length = excluded.length, sha256 = excluded.sha256,
		   source_version = excluded.source_version, digests = excluded.digests
	RETURNING job_parts.file_id;
END;
$$;

CREATE FUNCTION cloudflux.record_copied(p_file_ids text[], p_fences bigint[], p_source_versions text[], p_sealed_versions text[],
										p_sha256 bytea[], p_sizes bigint[], p_handles text[], p_sent bigint[], p_started timestamptz[],
										p_digests text[] DEFAULT NULL, p_part_bytes bigint[] DEFAULT NULL, p_left_behind text[] DEFAULT NULL)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	WITH u AS (
		SELECT * FROM ROWS FROM (unnest(p_file_ids), unnest(p_fences), unnest(p_source_versions), unnest(p_sealed_versions),
			unnest(p_sha256), unnest(p_sizes), unnest(p_handles), unnest(p_sent), unnest(p_started), unnest(p_digests), unnest(p_part_bytes),
			unnest(p_left_behind))
			AS u(file_id, fence, source_version, sealed_version, sha256, size_bytes, handle, sent, started, digests, part_bytes, left_behind)),
	-- Each step hands on all that the next one needs: two CTEs joined would cost the square of the batch.
	free AS (
		SELECT u.*, q.job_id FROM u JOIN cloudflux.job_queue q ON q.file_id = u.file_id AND q.fence = u.fence AND q.phase = 'copying'
		   FOR UPDATE OF q SKIP LOCKED),
	q AS (
		UPDATE cloudflux.job_queue q SET phase = 'verifying', upload_handle = f.handle, bytes_done = f.size_bytes, part_bytes = f.part_bytes
		  FROM free f
		 WHERE q.file_id = f.file_id AND q.fence = f.fence AND q.phase = 'copying'
		RETURNING f.*)
	UPDATE cloudflux.migration_jobs j
	   SET phase = 'verifying', source_version = q.source_version, dest_version = q.sealed_version, sha256 = q.sha256,
		   size_bytes = q.size_bytes, bytes_copied = j.bytes_copied + q.sent, started_at = q.started, left_behind = q.left_behind
	  FROM q
	 WHERE j.file_id = q.file_id AND j.job_id = q.job_id
	RETURNING j.file_id;
END;
$$;

-- Points the catalog at the destination: addresses, object, versions, job and event in one transaction. What is still the
-- caller's and did not switch comes back with the reason: somebody cancelled it, the object is elsewhere by now, or somebody
-- has its row locked (busy): then another attempt switches it, and meanwhile nobody else's object waits.
CREATE FUNCTION cloudflux.record_switched(p_file_ids text[], p_fences bigint[], p_dest_versions text[], p_verified text[])
RETURNS TABLE (file_id text, phase text, refused text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_ids      text[];
	v_job_ids  text[];
	v_versions text[];
	v_verified text[];
	v_jobs     cloudflux.migration_jobs[];
BEGIN
	SELECT array_agg(l.file_id), array_agg(l.job_id), array_agg(l.dest_version), array_agg(l.verified)
	  INTO v_ids, v_job_ids, v_versions, v_verified
	  FROM (
		SELECT q.file_id, q.job_id, u.dest_version, u.verified
		  FROM ROWS FROM (unnest(p_file_ids), unnest(p_fences), unnest(p_dest_versions), unnest(p_verified))
			   AS u(file_id, fence, dest_version, verified)
		  JOIN cloudflux.job_queue q ON q.file_id = u.file_id AND q.fence = u.fence AND q.phase = 'verifying'
		  JOIN cloudflux.migration_jobs j ON j.file_id = q.file_id AND j.job_id = q.job_id
		  JOIN cloudflux.data_objects o ON o.file_id = q.file_id AND o.place = j.source_place AND o.object_key = j.source_key
		 WHERE q.request IS DISTINCT FROM 'cancel'
		 ORDER BY q.file_id
		   FOR UPDATE OF q, o SKIP LOCKED) l;
	IF cardinality(v_ids) IS DISTINCT FROM cardinality(p_file_ids) THEN
		RETURN QUERY
		SELECT q.file_id, q.phase,
			   CASE WHEN q.request = 'cancel' THEN 'cancelled'
					WHEN EXISTS (SELECT FROM cloudflux.data_objects o
								  WHERE o.file_id = q.file_id AND o.place = j.source_place AND o.object_key = j.source_key) THEN 'busy'
					ELSE 'elsewhere' END
		  FROM ROWS FROM (unnest(p_file_ids), unnest(p_fences)) AS u(file_id, fence)
		  JOIN cloudflux.job_queue q ON q.file_id = u.file_id AND q.fence = u.fence AND q.phase = 'verifying'
		  JOIN cloudflux.migration_jobs j ON j.file_id = q.file_id AND j.job_id = q.job_id
		 WHERE q.file_id <> ALL (COALESCE(v_ids, '{}'));
	END IF;
	IF v_ids IS NULL THEN
		RETURN;
	END IF;
	WITH moved AS (
		UPDATE cloudflux.migration_jobs j
		   SET phase = CASE WHEN NOT j.delete_source THEN 'done' WHEN j.grace > interval '0' THEN 'grace' ELSE 'deleting_source' END,
			   status = 'completed', progress_pct = 100, verified = u.verified, switched_at = clock_timestamp(),
			   dest_version = u.dest_version, completed_at = clock_timestamp(),
			   error_message = NULL, error_sqlstate = NULL, error_detail = NULL, error_hint = NULL
		  FROM ROWS FROM (unnest(v_ids), unnest(v_job_ids), unnest(v_versions), unnest(v_verified)) AS u(file_id, job_id, dest_version, verified)
		 WHERE j.file_id = u.file_id AND j.job_id = u.job_id
		RETURNING j AS job)
	SELECT array_agg(m.job) INTO v_jobs FROM moved m;
	PERFORM cloudflux.relocate_objects(v_jobs);
	DELETE FROM cloudflux.job_parts p USING ROWS FROM (unnest(v_ids), unnest(v_job_ids)) AS j(file_id, job_id)
	 WHERE p.file_id = j.file_id AND p.job_id = j.job_id;
	DELETE FROM cloudflux.job_uploads u USING unnest(v_ids) AS j(file_id), cloudflux.job_queue q
	 WHERE u.file_id = j.file_id AND q.file_id = u.file_id AND q.upload_tag = u.owner_tag;	-- it is an object now
	UPDATE cloudflux.job_queue q
	   SET phase = j.phase, attempt = 0, crashes = 0, upload_tag = NULL, upload_handle = NULL,
		   paused = j.phase = 'grace' AND q.request IS NOT DISTINCT FROM 'pause', request = NULL,
		   not_before = CASE WHEN j.phase = 'grace' THEN j.switched_at + j.grace END,
		   claimed_by = CASE WHEN j.phase = 'grace' THEN NULL ELSE q.claimed_by END
	  FROM unnest(v_jobs) j WHERE q.file_id = j.file_id AND j.phase <> 'done';
	DELETE FROM cloudflux.job_queue q USING unnest(v_jobs) j WHERE q.file_id = j.file_id AND j.phase = 'done';
	PERFORM cloudflux.emit_events('migration-events', 'migration.switched', array_agg(j.file_id), array_agg(cloudflux.job_event(j)))
	   FROM unnest(v_jobs) j;
	PERFORM cloudflux.end_jobs(array_agg(j)) FROM unnest(v_jobs) j WHERE j.phase = 'done' HAVING count(*) > 0;
	RETURN QUERY SELECT j.file_id, j.phase, NULL::text FROM unnest(v_jobs) j;
END;
$$;

-- Tells of jobs that came to their end, and lets a rollback mark the job that it undid.
CREATE FUNCTION cloudflux.end_jobs(p_jobs cloudflux.migration_jobs[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE cloudflux.migration_jobs o SET status = 'rolled_back', phase = 'rolled_back'
	  FROM unnest(p_jobs) j
	 WHERE j.kind = 'rollback' AND j.status = 'completed' AND o.file_id = j.file_id AND o.job_id = j.rollback_of;
	PERFORM cloudflux.emit_events('migration-events', 'migration.' || j.status, array_agg(j.file_id), array_agg(cloudflux.job_event(j)))
	   FROM unnest(p_jobs) j GROUP BY j.status;
END;
$$;

-- What a store said of an object, before it is asked for another class of it.
CREATE FUNCTION cloudflux.record_digests(p_file_id text, p_fence bigint, p_sha256 bytea, p_digests text)
RETURNS SETOF text
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	UPDATE cloudflux.migration_jobs j SET sha256 = p_sha256, copy_digests = p_digests
	  FROM cloudflux.job_queue q
	 WHERE q.file_id = p_file_id AND q.fence = p_fence AND j.file_id = q.file_id AND j.job_id = q.job_id
	RETURNING j.file_id;
END;

-- The class of objects was changed where they lie: the catalog follows, and the jobs are done. An object whose row somebody
-- has locked is told of by a later attempt.
CREATE FUNCTION cloudflux.record_changed(p_file_ids text[], p_fences bigint[], p_versions text[], p_verified text[])
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_ids  text[];
	v_jobs cloudflux.migration_jobs[];
BEGIN
	SELECT array_agg(l.file_id) INTO v_ids FROM (
		SELECT q.file_id
		  FROM ROWS FROM (unnest(p_file_ids), unnest(p_fences)) AS u(file_id, fence)
		  JOIN cloudflux.job_queue q ON q.file_id = u.file_id AND q.fence = u.fence AND q.phase = 'changing'
		  JOIN cloudflux.data_objects o ON o.file_id = q.file_id
		 ORDER BY q.file_id
		   FOR UPDATE OF q, o SKIP LOCKED) l;
	-- An object that was deleted from the catalog meanwhile has its new class all the same.
	v_ids := v_ids || ARRAY(
		SELECT q.file_id
		  FROM ROWS FROM (unnest(p_file_ids), unnest(p_fences)) AS u(file_id, fence)
		  JOIN cloudflux.job_queue q ON q.file_id = u.file_id AND q.fence = u.fence AND q.phase = 'changing'
		 WHERE NOT EXISTS (SELECT FROM cloudflux.data_objects o WHERE o.file_id = q.file_id));
	WITH gone AS (
		DELETE FROM cloudflux.job_queue q WHERE q.file_id = ANY (v_ids)
		RETURNING q.file_id, q.job_id, q.upload_tag),
	finished AS (
		DELETE FROM cloudflux.job_uploads u USING gone g WHERE u.file_id = g.file_id AND u.owner_tag = g.upload_tag),
	ended AS (
		UPDATE cloudflux.migration_jobs j
		   SET phase = 'done', status = 'completed', progress_pct = 100, verified = u.verified, dest_version = u.version,
			   switched_at = clock_timestamp(), completed_at = clock_timestamp(),
			   error_message = NULL, error_sqlstate = NULL, error_detail = NULL, error_hint = NULL
		  FROM gone g
		  JOIN ROWS FROM (unnest(p_file_ids), unnest(p_versions), unnest(p_verified)) AS u(file_id, version, verified) ON u.file_id = g.file_id
		 WHERE j.file_id = g.file_id AND j.job_id = g.job_id
		RETURNING j AS job)
	SELECT array_agg(e.job) INTO v_jobs FROM ended e;
	IF v_jobs IS NULL THEN
		RETURN;
	END IF;
	PERFORM cloudflux.reclass_objects(v_jobs);
	PERFORM cloudflux.end_jobs(v_jobs);
	RETURN QUERY SELECT j.file_id FROM unnest(v_jobs) j;
END;
$$;

-- After the source was removed (p_kept NULL) or kept for a reason: the job is done. p_forgotten: jobs of kind delete. If all that it had to do was to delete, it failed.
CREATE FUNCTION cloudflux.record_removed(p_file_ids text[], p_fences bigint[], p_kept text[], p_forgotten boolean[])
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_jobs cloudflux.migration_jobs[];
	v_busy text[];
BEGIN
	-- Deleted objects whose row somebody has locked end with a later attempt.
	SELECT array_agg(u.file_id) INTO v_busy FROM ROWS FROM (unnest(p_file_ids), unnest(p_forgotten)) AS u(file_id, forgotten) WHERE u.forgotten;
	IF v_busy IS NOT NULL THEN
		v_busy := ARRAY(SELECT o.file_id FROM cloudflux.data_objects o WHERE o.file_id = ANY (v_busy)
						EXCEPT
						SELECT l.file_id FROM (SELECT o.file_id FROM cloudflux.data_objects o WHERE o.file_id = ANY (v_busy) FOR UPDATE SKIP LOCKED) l);
	END IF;
	WITH gone AS (
		DELETE FROM cloudflux.job_queue q
		 USING ROWS FROM (unnest(p_file_ids), unnest(p_fences), unnest(p_kept)) AS u(file_id, fence, kept)
		 WHERE q.file_id = u.file_id AND q.fence = u.fence AND q.phase = 'deleting_source' AND q.file_id <> ALL (COALESCE(v_busy, '{}'))
		RETURNING q.file_id, q.job_id, u.kept),
	ended AS (
		UPDATE cloudflux.migration_jobs j
		   SET (phase, status, progress_pct, error_message, error_sqlstate) = (
					SELECT CASE WHEN f.failed THEN 'failed' ELSE 'done' END, CASE WHEN f.failed THEN 'failed' ELSE 'completed' END,
						   CASE WHEN f.failed THEN 0 ELSE 100 END, CASE WHEN f.failed THEN g.kept END,
						   CASE WHEN f.failed THEN COALESCE(j.error_sqlstate, '40001') END
					  FROM (SELECT g.kept IS NOT NULL AND j.kind IN ('delete', 'delete_replica') AS failed) f),
			   source_kept = g.kept, completed_at = COALESCE(j.completed_at, clock_timestamp())
		  FROM gone g
		 WHERE j.file_id = g.file_id AND j.job_id = g.job_id
		RETURNING j AS job)
	SELECT array_agg(e.job) INTO v_jobs FROM ended e;
	IF v_jobs IS NULL THEN
		RETURN;
	END IF;
	PERFORM cloudflux.release_sources(v_jobs);
	PERFORM cloudflux.end_jobs(v_jobs);
	RETURN QUERY SELECT j.file_id FROM unnest(v_jobs) j;
END;
$$;

-- An attempt that failed: back to p_phases after p_delays_ms, with the error for everyone to read. p_counts: false where it is none of
-- those that are counted, because a place does not answer.
CREATE FUNCTION cloudflux.record_failed(p_file_ids text[], p_fences bigint[], p_phases text[], p_outcomes text[], p_delays_ms bigint[],
										p_sqlstates text[], p_messages text[], p_details text[], p_hints text[], p_sent bigint[],
										p_counts boolean[] DEFAULT NULL)
RETURNS SETOF text
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	WITH u AS (
		SELECT * FROM ROWS FROM (unnest(p_file_ids), unnest(p_fences), unnest(p_phases), unnest(p_outcomes), unnest(p_delays_ms),
			unnest(p_sqlstates), unnest(p_messages), unnest(p_details), unnest(p_hints), unnest(p_sent), unnest(p_counts))
			AS u(file_id, fence, phase, outcome, delay_ms, sqlstate, message, detail, hint, sent, counts)),
	-- A request to cancel that the mover did not hear wins over where it wants to go.
	v AS (
		SELECT u.*, COALESCE(c.phase, u.phase) AS next_phase, CASE WHEN c.phase IS NOT NULL THEN 'cancelled' ELSE u.outcome END AS next_outcome
		  FROM u
		  JOIN cloudflux.job_queue q ON q.file_id = u.file_id AND q.fence = u.fence
		 CROSS JOIN LATERAL (SELECT CASE WHEN q.request = 'cancel' THEN cloudflux.migration_next(q.phase, 'cancel') END AS phase) c
		   FOR UPDATE OF q SKIP LOCKED),
	q AS (
		UPDATE cloudflux.job_queue q
		   SET phase = v.next_phase, outcome = COALESCE(v.next_outcome, q.outcome), request = NULL, claimed_by = NULL, lease_until = NULL,
			   paused = v.next_phase <> 'cleaning' AND (q.paused OR q.request IS NOT DISTINCT FROM 'pause'),
			   attempt = CASE WHEN v.next_phase = 'cleaning' AND q.phase <> 'cleaning' THEN 0
								  ELSE q.attempt + (v.message IS NOT NULL AND COALESCE(v.counts, true))::int END,
			   crashes = CASE WHEN v.next_phase = 'cleaning' AND q.phase <> 'cleaning' THEN 0 ELSE q.crashes END,
			   upload_tag = CASE WHEN v.next_phase = 'pending' AND q.phase = 'verifying' THEN NULL ELSE q.upload_tag END,
			   upload_handle = CASE WHEN v.next_phase = 'pending' AND q.phase = 'verifying' THEN NULL ELSE q.upload_handle END,
			   not_before = clock_timestamp() + CASE WHEN v.next_phase = v.phase THEN v.delay_ms ELSE 0 END * interval '1 ms', rate_bps = NULL
		  FROM v WHERE q.file_id = v.file_id AND q.fence = v.fence
		RETURNING q.file_id, q.job_id, q.phase, v.sent, v.sqlstate, v.message, v.detail, v.hint)
	UPDATE cloudflux.migration_jobs j
	   SET restore_until = CASE WHEN q.phase <> 'restoring' OR j.phase = 'restoring' THEN j.restore_until
				ELSE clock_timestamp() + current_setting('cloudflux.migration_restore_limit')::interval END,
		   phase = q.phase, status = cloudflux.job_status(j.kind, q.phase), bytes_copied = j.bytes_copied + COALESCE(q.sent, 0),
		   error_sqlstate = COALESCE(q.sqlstate, j.error_sqlstate), error_message = COALESCE(q.message, j.error_message),
		   error_detail = CASE WHEN q.message IS NULL THEN j.error_detail ELSE q.detail END,
		   error_hint = CASE WHEN q.message IS NULL THEN j.error_hint ELSE q.hint END
	  FROM q
	 WHERE j.file_id = q.file_id AND j.job_id = q.job_id
	RETURNING j.file_id;
END;

-- Before an object of unknown version is deleted: which one it is, so that a crash in the middle can be taken up.
CREATE FUNCTION cloudflux.record_pinned(p_file_id text, p_fence bigint, p_place text, p_object_key text, p_version text)
RETURNS SETOF text
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	UPDATE cloudflux.migration_jobs j SET source_version = p_version
	  FROM cloudflux.job_queue q
	 WHERE q.file_id = p_file_id AND q.fence = p_fence AND j.file_id = q.file_id AND j.job_id = q.job_id AND j.kind = 'delete_replica';
	UPDATE cloudflux.addresses a SET version = p_version
	  FROM cloudflux.job_queue q
	 WHERE q.file_id = p_file_id AND q.fence = p_fence AND a.place = p_place AND a.object_key = p_object_key AND a.file_id = q.file_id
	RETURNING a.file_id;
END;

-- The way back while the source still is there: pointers first, then the copy is removed and record_rolled_back() ends it.
CREATE FUNCTION cloudflux.record_rolling_back(p_file_id text, p_fence bigint)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_job cloudflux.migration_jobs;
BEGIN
	SELECT j.* INTO v_job
	  FROM cloudflux.job_queue q
	  JOIN cloudflux.migration_jobs j ON j.file_id = q.file_id AND j.job_id = q.job_id
	  JOIN cloudflux.data_objects o ON o.file_id = q.file_id AND o.place = j.dest_place AND o.object_key = j.dest_key
	 WHERE q.file_id = p_file_id AND q.fence = p_fence AND q.phase = 'rolling_back'
	   FOR UPDATE OF q, o;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	PERFORM cloudflux.relocate_back(v_job);
	RETURN NEXT p_file_id;
END;
$$;

-- The end of a way back. p_problem with the object at the destination: it stays there. p_problem with the object at the
-- source: it is back, but the copy could not be removed and is a replica from now on.
CREATE FUNCTION cloudflux.record_rolled_back(p_file_id text, p_fence bigint, p_problem text, p_sqlstate text)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_job  cloudflux.migration_jobs;
	v_id   text;
	v_back boolean;
BEGIN
	DELETE FROM cloudflux.job_queue q WHERE q.file_id = p_file_id AND q.fence = p_fence AND q.phase = 'rolling_back'
	RETURNING q.job_id INTO v_id;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	SELECT p_problem IS NULL OR EXISTS (
			SELECT FROM cloudflux.data_objects o WHERE o.file_id = j.file_id AND o.place = j.source_place AND o.object_key = j.source_key)
	  INTO v_back
	  FROM cloudflux.migration_jobs j WHERE j.file_id = p_file_id AND j.job_id = v_id;
	UPDATE cloudflux.migration_jobs j
	   SET phase = CASE WHEN v_back THEN 'rolled_back' ELSE 'done' END,
		   status = CASE WHEN v_back THEN 'rolled_back' ELSE 'completed' END,
		   error_message = p_problem, error_sqlstate = CASE WHEN p_problem IS NOT NULL THEN p_sqlstate END,
		   error_detail = NULL, error_hint = NULL,
		   source_kept = CASE WHEN v_back THEN j.source_kept ELSE COALESCE(j.source_kept, p_problem) END,
		   completed_at = clock_timestamp()
	 WHERE j.file_id = p_file_id AND j.job_id = v_id
	RETURNING j.* INTO v_job;
	IF p_problem IS NULL THEN
		DELETE FROM cloudflux.addresses a
		 WHERE a.place = v_job.dest_place AND a.object_key = v_job.dest_key AND a.file_id = p_file_id AND a.state = 'deleting';
	ELSE
		UPDATE cloudflux.addresses a SET state = 'replica'
		 WHERE a.file_id = p_file_id AND a.state = 'deleting'
		   AND ((a.place = v_job.dest_place AND a.object_key = v_job.dest_key)
				OR (a.place = v_job.source_place AND a.object_key = v_job.source_key));
	END IF;
	PERFORM cloudflux.end_jobs(ARRAY[v_job]);
	RETURN NEXT p_file_id;
END;
$$;

REVOKE ALL ON FUNCTION
	cloudflux.claimed_phase(text, text), cloudflux.claim_jobs(int, bigint, interval, int),
	cloudflux.renew_leases(text[], bigint[], bigint[], double precision[], interval),
	cloudflux.record_part(text, bigint, int, bigint, bigint, bytea, text, text),
	cloudflux.record_copied(text[], bigint[], text[], text[], bytea[], bigint[], text[], bigint[], timestamptz[], text[], bigint[], text[]),
	cloudflux.record_switched(text[], bigint[], text[], text[]), cloudflux.end_jobs(cloudflux.migration_jobs[]),
	cloudflux.record_removed(text[], bigint[], text[], boolean[]), cloudflux.record_digests(text, bigint, bytea, text),
	cloudflux.record_changed(text[], bigint[], text[], text[]),
	cloudflux.record_failed(text[], bigint[], text[], text[], bigint[], text[], text[], text[], text[], bigint[], boolean[]),
	cloudflux.record_pinned(text, bigint, text, text, text), cloudflux.record_rolling_back(text, bigint),
	cloudflux.record_rolled_back(text, bigint, text, text)
	FROM PUBLIC;

GRANT EXECUTE ON FUNCTION
	cloudflux.claimed_phase(text, text), cloudflux.claim_jobs(int, bigint, interval, int),
	cloudflux.renew_leases(text[], bigint[], bigint[], double precision[], interval),
	cloudflux.record_part(text, bigint, int, bigint, bigint, bytea, text, text),
	cloudflux.record_copied(text[], bigint[], text[], text[], bytea[], bigint[], text[], bigint[], timestamptz[], text[], bigint[], text[]),
	cloudflux.record_switched(text[], bigint[], text[], text[]), cloudflux.end_jobs(cloudflux.migration_jobs[]),
	cloudflux.record_removed(text[], bigint[], text[], boolean[]), cloudflux.record_digests(text, bigint, bytea, text),
	cloudflux.record_changed(text[], bigint[], text[], text[]),
	cloudflux.record_failed(text[], bigint[], text[], text[], bigint[], text[], text[], text[], text[], bigint[], boolean[]),
	cloudflux.record_pinned(text, bigint, text, text, text), cloudflux.record_rolling_back(text, bigint),
	cloudflux.record_rolled_back(text, bigint, text, text)
	TO cloudflux_worker;

-- ---------------------------------------------------------------- what each thing is

COMMENT ON FUNCTION cloudflux.claimed_phase(text, text) IS 'The phase that a claim brings a job of a kind to: pending begins, grace is over; any other stays.';
COMMENT ON FUNCTION cloudflux.claim_jobs(int, bigint, interval, int) IS
	'Gives the calling mover up to p_limit jobs of together p_max_bytes bytes (or one larger one, or up to p_at_once of any size that are all remote: its share of those that wait, and at least two) under a lease of p_lease, by priority, then in the order of submission. No job is ever given to two: rows that another mover is claiming are passed over. A job that took movers down with it comes alone. source_is_primary: the catalog says that the object lies where the job takes it from. new_upload: a copy begins, under the name upload_tag.';
COMMENT ON FUNCTION cloudflux.renew_leases(text[], bigint[], bigint[], double precision[], interval) IS
	'Says that the calling mover still works on jobs: bytes done and bytes per second so far. Returns those that it still has, with what people asked for meanwhile.';
COMMENT ON FUNCTION cloudflux.record_part(text, bigint, int, bigint, bigint, bytea, text, text) IS
	'Checkpoints a part that is at the destination. Returns the object if the caller still has its job.';
COMMENT ON FUNCTION cloudflux.record_copied(text[], bigint[], text[], text[], bytea[], bigint[], text[], bigint[], timestamptz[], text[], bigint[], text[]) IS
	'Records that all bytes are at the destination, not yet visible: from copying to verifying. Returns the jobs that the caller still has.';
COMMENT ON FUNCTION cloudflux.record_switched(text[], bigint[], text[], text[]) IS
	'Points the catalog to verified copies, in one transaction with versions, job and event. Returns the jobs that the caller still has, with the phase that follows.';
COMMENT ON FUNCTION cloudflux.end_jobs(cloudflux.migration_jobs[]) IS 'Tells of jobs that ended in events, and marks the job that a rollback has undone.';
COMMENT ON FUNCTION cloudflux.record_digests(text, bigint, bytea, text) IS
	'Records what a store said of an object before it is asked for another class of it. Returns the object if the caller still has its job.';
COMMENT ON FUNCTION cloudflux.record_changed(text[], bigint[], text[], text[]) IS
	'Ends jobs that changed the class of objects where they lie, and tells the catalog. Returns the jobs that the caller still had.';
COMMENT ON FUNCTION cloudflux.record_removed(text[], bigint[], text[], boolean[]) IS
	'Ends jobs whose source is gone, or was kept for the reason in p_kept. p_forgotten: with it goes the row of its object. A job that only deletes fails with that reason. Returns the jobs that the caller still had.';
COMMENT ON FUNCTION cloudflux.record_failed(text[], bigint[], text[], text[], bigint[], text[], text[], text[], text[], bigint[], boolean[]) IS
	'Gives jobs back that are not finished: to which phase, after how many milliseconds, and why. A request to cancel that nobody has heard yet wins. Returns the jobs that the caller still had.';
COMMENT ON FUNCTION cloudflux.record_pinned(text, bigint, text, text, text) IS
'Mover only. Records which version lies at an address whose version was unknown, before it is deleted. Returns the file_id, no row = the job was lost.';
COMMENT ON FUNCTION cloudflux.record_rolling_back(text, bigint) IS
	'Points the catalog back to the source of a job that is being rolled back. Returns the object if the caller still has the job.';
COMMENT ON FUNCTION cloudflux.record_rolled_back(text, bigint, text, text) IS
	'Ends a rollback. p_problem NULL: the copy is gone. Else why that could not be done: the object stays at the destination, or, when the catalog points back already, the copy stays as a replica. Returns the object if the caller still had the job.';
