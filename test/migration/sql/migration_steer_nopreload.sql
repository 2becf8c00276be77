-- Every verb in every phase, held by a mover or not: what it returns, and where the job stands afterwards.
\set test migration_steer
\getenv tests CF_TESTS
\set ground :tests '/migration/data/ground.sql'
\set ECHO none
\i :ground
\set ECHO all
SELECT object('kept', 'kept'), object('gone', 'gone');
-- stand() puts the job into a phase, says what the verb gives there and what becomes of the job, and takes all of it back.
CREATE FUNCTION stand(v_phase text, v_held boolean, v_paused boolean, v_verb text, v_source boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_job  text;
	v_said text;
	v_now  text;
BEGIN
	INSERT INTO cloudflux.migration_jobs (file_id, dest_place, delete_source) VALUES ('kept', 'archive', true) RETURNING job_id INTO v_job;
	IF v_phase IN ('grace', 'deleting_source', 'done') THEN
		UPDATE cloudflux.addresses SET state = CASE place WHEN 'fast' THEN 'deleting' ELSE 'primary' END, version = '1:2:3' WHERE file_id = 'kept';
		IF NOT v_source THEN DELETE FROM cloudflux.addresses WHERE file_id = 'kept' AND place = 'fast'; END IF;
		UPDATE cloudflux.data_objects SET place = 'archive', storage_class = 'COLD', version = '1:2:3' WHERE file_id = 'kept';
	END IF;
	UPDATE cloudflux.migration_jobs SET phase = v_phase, status = cloudflux.migration_status(v_phase) WHERE job_id = v_job;
	UPDATE cloudflux.job_queue SET phase = v_phase, paused = v_paused, claimed_by = CASE WHEN v_held THEN 1 END, not_before = CASE WHEN NOT v_held THEN 'infinity'::timestamptz END,
		   upload_tag = CASE WHEN v_phase <> 'pending' THEN 'tag' END WHERE job_id = v_job;
	IF v_phase IN ('done', 'failed', 'cancelled', 'rolled_back') THEN
		DELETE FROM cloudflux.job_queue WHERE job_id = v_job;
		DELETE FROM cloudflux.addresses WHERE state = 'claimed';
	END IF;
	v_said := outcome(format('SELECT cloudflux.%s_migration(%L)', v_verb, v_job));
	v_said := CASE WHEN v_said = v_job THEN 'ID' WHEN v_said ~ '^55000' THEN '55000' ELSE v_said END;
	SELECT string_agg(j.kind || ' ' || j.phase || ' ' || j.status || COALESCE(' ' || q.request || ' requested', '') || CASE WHEN q.paused THEN ' paused' ELSE '' END, ', ' ORDER BY j.id)
	  INTO v_now FROM cloudflux.migration_jobs j LEFT JOIN cloudflux.job_queue q USING (file_id, job_id) WHERE j.file_id = 'kept';
	RAISE EXCEPTION USING ERRCODE = 'ZZZZZ', MESSAGE = v_said || CASE WHEN v_said = '55000' THEN '' ELSE ' -> ' || v_now END;
EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
	RETURN SQLERRM;
END;
$$;
SELECT p.phase, h.held, stand(p.phase, h.held, false, 'cancel') AS cancel, stand(p.phase, h.held, false, 'pause') AS pause,
	   CASE WHEN h.held THEN stand(p.phase, true, false, 'resume') ELSE stand(p.phase, false, true, 'resume') END AS resume_if_paused,
	   stand(p.phase, h.held, false, 'resume') AS resume
  FROM unnest('{pending,copying,verifying,grace,deleting_source,cleaning,rolling_back,done,failed,cancelled,rolled_back}'::text[]) WITH ORDINALITY p(phase, n),
	   unnest('{f,t}'::boolean[]) h(held)
 WHERE NOT (h.held AND p.phase IN ('pending', 'grace', 'done', 'failed', 'cancelled', 'rolled_back'))
 ORDER BY p.n, h.held;
SELECT p.phase, h.held, stand(p.phase, h.held, false, 'retry') AS retry, stand(p.phase, h.held, false, 'rollback') AS rollback,
	   CASE WHEN p.phase = 'done' THEN stand(p.phase, h.held, false, 'rollback', false) END AS rollback_without_source
  FROM unnest('{pending,copying,verifying,grace,deleting_source,cleaning,rolling_back,done,failed,cancelled,rolled_back}'::text[]) WITH ORDINALITY p(phase, n),
	   unnest('{f,t}'::boolean[]) h(held)
 WHERE NOT (h.held AND p.phase IN ('pending', 'grace', 'done', 'failed', 'cancelled', 'rolled_back'))
 ORDER BY p.n, h.held;
SELECT count(*) FROM cloudflux.migration_jobs;

-- words of the refusals
SELECT cloudflux.migrate('kept', 'archive') AS job \gset
SELECT outcome(format('SELECT cloudflux.rollback_migration(%L)', :'job'));
SELECT outcome(format('SELECT cloudflux.resume_migration(%L)', :'job'));
SELECT outcome(format('SELECT cloudflux.retry_migration(%L)', :'job'));
SELECT outcome($$SELECT cloudflux.cancel_migration('nobody')$$);
SELECT outcome($$SELECT cloudflux.cancel_migration(NULL)$$);
SELECT cloudflux.pause_migration(:'job'), cloudflux.pause_migration(:'job');
SELECT state FROM cloudflux.migration_progress;
-- nobody takes a paused job; one that waits for its moment neither
CALL cloudflux.run_migrations();
SELECT phase, attempts FROM cloudflux.migration_jobs WHERE job_id = :'job';
SELECT cloudflux.resume_migration(:'job');
UPDATE cloudflux.job_queue SET not_before = 'infinity';
CALL cloudflux.run_migrations();
SELECT cloudflux.retry_migration(:'job');

-- what a person asked of a mover holds, whatever becomes of the attempt
SELECT phase, request, took_over FROM cloudflux.claim_jobs(10, 1000000, '1 hour');
SELECT cloudflux.cancel_migration(:'job'), outcome(format('SELECT cloudflux.pause_migration(%L)', :'job')) AS pausing_it;
SELECT state FROM cloudflux.migration_progress;
SELECT fence FROM cloudflux.job_queue \gset
SELECT count(*) AS jobs_given_back FROM cloudflux.record_failed('{kept}', ARRAY[:fence]::bigint[], '{pending}', '{NULL}', '{60000}', '{58030}', '{"could not read"}', '{NULL}', '{NULL}', '{0}');
SELECT phase, outcome, request, not_before <= clock_timestamp() AS at_once FROM cloudflux.job_queue;
CALL cloudflux.run_migrations();
SELECT phase, status, error_message FROM cloudflux.migration_jobs WHERE job_id = :'job';
-- and up to the moment of the switch
SELECT cloudflux.retry_migration(:'job');
SELECT phase FROM cloudflux.claim_jobs(10, 1000000, '1 hour');
UPDATE cloudflux.job_queue SET phase = 'verifying';
SELECT cloudflux.cancel_migration(:'job');
SELECT fence FROM cloudflux.job_queue \gset
SELECT * FROM cloudflux.record_switched('{kept}', ARRAY[:fence]::bigint[], '{1:2:3}', '{readback}');
-- who comes with an old fence changes nothing
SELECT * FROM cloudflux.record_switched('{kept}', ARRAY[:fence - 1]::bigint[], '{1:2:3}', '{readback}');
SELECT * FROM cloudflux.renew_leases('{kept}', ARRAY[:fence - 1]::bigint[], '{0}', '{1}', '1 hour');
SELECT * FROM cloudflux.renew_leases('{kept}', ARRAY[:fence]::bigint[], '{0}', '{1}', '1 hour');
-- the next one that takes it cancels it first
UPDATE cloudflux.job_queue SET claimed_by = 1;
CALL cloudflux.run_migrations();
SELECT phase, status FROM cloudflux.migration_jobs WHERE job_id = :'job';
SELECT place, object_key, state FROM cloudflux.addresses ORDER BY 1, 2;
-- a row that is changed under its job
SELECT cloudflux.migrate('gone', 'archive') AS job \gset
SELECT phase FROM cloudflux.claim_jobs(10, 1000000, '1 hour');
UPDATE cloudflux.job_queue SET phase = 'verifying';
DELETE FROM cloudflux.data_objects WHERE file_id = 'gone';
SELECT fence FROM cloudflux.job_queue \gset
SELECT * FROM cloudflux.record_switched('{gone}', ARRAY[:fence]::bigint[], '{1:2:3}', '{readback}');

-- thousands of jobs are tried again in one statement; with a few among them that cannot, retry_migrations() says why and goes on
DELETE FROM cloudflux.job_queue;
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes, version) SELECT 'many' || n, 'fast', 'many/' || n, 1, '1:1:1' FROM generate_series(1, 1000) n;
SELECT count(*) FROM cloudflux.migrate_bulk(ARRAY(SELECT file_id FROM cloudflux.data_objects WHERE file_id LIKE 'many%'), 'archive');
SELECT cloudflux.cancel_migration(job_id), count(*) FROM cloudflux.migration_jobs WHERE file_id LIKE 'many%' GROUP BY 1;
SELECT cloudflux.retry_migration(job_id), count(*) FROM cloudflux.migration_jobs WHERE file_id LIKE 'many%' GROUP BY 1;
SELECT count(*) FROM cloudflux.job_queue;
SELECT count(cloudflux.cancel_migration(job_id)) FROM cloudflux.migration_jobs WHERE file_id LIKE 'many%';
SELECT cloudflux.migrate('many1', 'archive', dest_key => 'other') IS NOT NULL;
DELETE FROM cloudflux.data_objects WHERE file_id = 'many2';
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes, version) VALUES ('taker', 'archive', 'many/3', 1, '2:2:2');
SELECT outcome($$SELECT count(cloudflux.retry_migration(job_id)) FROM (SELECT job_id FROM cloudflux.migration_jobs WHERE file_id LIKE 'many%' AND status = 'cancelled' ORDER BY file_id) j$$);
SELECT phase, regexp_replace(problem, '[0-9A-Z]{26}', 'ID') AS problem, count(*) FROM cloudflux.retry_migrations(
	ARRAY(SELECT job_id FROM cloudflux.migration_jobs WHERE file_id LIKE 'many%' AND status = 'cancelled') || '{nobody}'::text[]) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) FROM cloudflux.job_queue;
-- what to do instead depends on where the other job is
UPDATE cloudflux.job_queue SET phase = 'grace' WHERE file_id = 'many5';
SELECT outcome($$SELECT cloudflux.migrate('many5', 'archive', dest_key => 'other')$$);
UPDATE cloudflux.job_queue SET phase = 'cleaning' WHERE file_id = 'many6';
SELECT outcome($$SELECT cloudflux.migrate('many6', 'archive', dest_key => 'other')$$);
SELECT outcome($$SELECT cloudflux.migrate('many7', 'archive', dest_key => 'other')$$);
