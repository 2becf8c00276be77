-- The name under which a copy begins: the claim gives it, whoever cannot begin gives it back. And what events carry.
\set test migration_names
\getenv tests CF_TESTS
\set ground :tests '/migration/data/ground.sql'
\set ECHO none
\i :ground
\set ECHO all
SELECT object('o' || n, 'k' || n) FROM generate_series(1, 4) n;
SELECT file_id FROM cloudflux.migrate_bulk(ARRAY['o1', 'o2', 'o3'], 'archive');
CREATE VIEW named AS
	SELECT q.file_id, q.phase, q.fence, replace(q.upload_tag, q.job_id, 'ID') AS upload_tag, q.upload_handle FROM cloudflux.job_queue q ORDER BY 1;

-- a claim of what begins names it, by job and fence; nothing else is new
SELECT file_id, phase, fence, new_upload, replace(upload_tag, job_id, 'ID') AS upload_tag FROM cloudflux.claim_jobs(2, 1000000, '1 hour');
TABLE named;
-- after a crash in the middle the same name goes on
UPDATE cloudflux.job_queue SET lease_until = now() - interval '1 s' WHERE file_id = 'o1';
SELECT cloudflux.record_part('o1', fence, 1, 0, 5, NULL, 'v') FROM cloudflux.job_queue WHERE file_id = 'o1';
SELECT file_id, phase, fence, new_upload, replace(upload_tag, job_id, 'ID') AS upload_tag FROM cloudflux.claim_jobs(1, 1000000, '1 hour');
SELECT count(*) AS parts FROM cloudflux.job_parts;
-- a copy that was of no use begins again under another, and its parts are forgotten
UPDATE cloudflux.job_queue SET phase = 'verifying', upload_handle = 'h' WHERE file_id = 'o1';
SELECT cloudflux.record_failed(ARRAY['o1'], ARRAY[q.fence], '{pending}', '{NULL}', '{0}', '{40001}', '{changed}', '{NULL}', '{NULL}', '{0}')
  FROM cloudflux.job_queue q WHERE q.file_id = 'o1';
SELECT file_id, phase, fence, new_upload, replace(upload_tag, job_id, 'ID') AS upload_tag FROM cloudflux.claim_jobs(1, 1000000, '1 hour');
SELECT count(*) AS parts FROM cloudflux.job_parts;
TABLE named;

-- who asked may not write at the destination any more: the name is given back, nothing is left to be cleaned
UPDATE cloudflux.job_queue SET claimed_by = NULL, lease_until = NULL;
CREATE ROLE migration_names_user IN ROLE cloudflux_user;
GRANT USAGE ON FOREIGN SERVER fast, archive TO migration_names_user;
SET ROLE migration_names_user;
SELECT cloudflux.migrate('o4', 'archive') IS NOT NULL AS submitted;
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER archive FROM migration_names_user;
CALL cloudflux.run_migrations();
SELECT j.file_id, j.status, j.phase, j.error_sqlstate, q.upload_tag, q.outcome FROM cloudflux.migration_jobs j LEFT JOIN cloudflux.job_queue q USING (job_id) ORDER BY 1;
SELECT count(*) AS uploads FROM cloudflux.job_uploads;

-- what an event carries is what SQL would have made of the row: no key for what is NULL, numbers as numbers, digests in hexadecimal
UPDATE cloudflux.migration_jobs SET plan_id = 7, error_message = E'one "line"\nand another' WHERE file_id = 'o2';
SELECT j.file_id, cloudflux.job_event(j) = jsonb_strip_nulls(jsonb_build_object(
		'job_id', j.job_id, 'kind', j.kind, 'phase', j.phase, 'status', j.status,
		'source_place', j.source_place, 'source_key', j.source_key, 'dest_place', j.dest_place, 'dest_key', j.dest_key,
		'size_bytes', j.size_bytes, 'plan_id', j.plan_id, 'requested_by', j.requested_by,
		'sha256', encode(j.sha256, 'hex'), 'error', j.error_message, 'sqlstate', j.error_sqlstate)) AS the_same,
	jsonb_typeof(cloudflux.job_event(j)->'size_bytes') AS size_is, length(cloudflux.job_event(j)->>'sha256') AS digits
  FROM cloudflux.migration_jobs j ORDER BY 1;
-- in the order in which it happened to each object
SELECT subject, array_agg(event_type ORDER BY id) FROM cloudflux.events WHERE subject <> 'o4' GROUP BY subject ORDER BY subject;

-- with a job that deletes goes the row of the object
SELECT cloudflux.delete_object('o1') IS NOT NULL AS submitted;
CALL cloudflux.run_migrations();
SELECT count(*) FROM cloudflux.data_objects WHERE file_id = 'o1';
DROP OWNED BY migration_names_user;
DROP ROLE migration_names_user;
