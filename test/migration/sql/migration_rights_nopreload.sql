-- Who may do what: jobs run with the rights of who asked, and nobody writes what only movers may.
\set test migration_rights
\getenv tests CF_TESTS
\set ground :tests '/migration/data/ground.sql'
\set ECHO none
\i :ground
\set ECHO all
\set cmd 'cat > /dev/null; mkdir -p ' :root '/secret'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
SELECT cloudflux.add_storage('secret', 'LOCAL', :'root' || '/secret', '{"tier": "WARM"}');
CREATE ROLE regress_alice IN ROLE cloudflux_user;
CREATE ROLE regress_bob IN ROLE cloudflux_user;
CREATE ROLE regress_viewer IN ROLE cloudflux_viewer;
CREATE ROLE regress_admin IN ROLE cloudflux_admin;
GRANT USAGE ON FOREIGN SERVER fast, archive TO regress_alice, regress_bob;
SELECT object('a', 'a'), object('b', 'b'), object('hidden', 'hidden', place => 'secret');

SET ROLE regress_alice;
SELECT outcome($$SELECT cloudflux.migrate('a', 'secret')$$);
SELECT outcome($$SELECT cloudflux.migrate('hidden', 'archive')$$);
SELECT outcome($$SELECT cloudflux.delete_object('hidden')$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_cloud, dest_tier) VALUES ('a', 'LOCAL', 'WARM')$$);
SELECT cloudflux.migrate('a', 'archive') AS job \gset
-- what she says of who asks, and when, does not count
INSERT INTO cloudflux.migration_jobs (file_id, dest_place, requested_by, recorded_at, status) VALUES ('b', 'archive', 'postgres', '2000-01-01', 'completed') RETURNING requested_by, recorded_at = now() AS now, status;
SELECT split_part(outcome(q), E'\n', 1) AS outcome, q AS statement FROM unnest(ARRAY[
	$$UPDATE cloudflux.migration_jobs SET status = 'completed'$$,
	$$UPDATE cloudflux.migration_jobs SET requested_by = 'postgres'$$,
	$$DELETE FROM cloudflux.migration_jobs$$,
	$$INSERT INTO cloudflux.job_queue (file_id, job_id, phase, seq) VALUES ('b', 'x', 'deleting_source', 1)$$,
	$$UPDATE cloudflux.job_queue SET paused = true$$,
	$$DELETE FROM cloudflux.job_queue$$,
	$$INSERT INTO cloudflux.job_parts VALUES ('a', 'x', 1, 0, 1, '', '')$$,
	$$INSERT INTO cloudflux.migration_jobs (file_id, kind, rollback_of, dest_place) VALUES ('a', 'rollback', 'x', 'archive')$$,
	$$SELECT cloudflux.claim_jobs(1, 1, '1 hour')$$,
	$$SELECT cloudflux.renew_leases('{a}', '{1}', '{0}', '{0}', '1 hour')$$,
	$$SELECT cloudflux.record_upload('{a}', '{1}', '{x}')$$,
	$$SELECT cloudflux.record_part('a', 1, 1, 0, 1, '', '')$$,
	$$SELECT cloudflux.record_copied('{a}', '{1}', '{x}', '{x}', '{x}', '{1}', '{x}', '{1}', '{now}')$$,
	$$SELECT cloudflux.record_switched('{a}', '{1}', '{x}', '{readback}')$$,
	$$SELECT cloudflux.record_removed('{a}', '{1}', '{NULL}', '{f}')$$,
	$$SELECT cloudflux.record_failed('{a}', '{1}', '{x}', '{x}', '{0}', '{x}', '{x}', '{x}', '{x}', '{0}')$$,
	$$SELECT cloudflux.record_cleaned('{a}', '{1}')$$,
	$$SELECT cloudflux.record_rolling_back('a', 1)$$,
	$$SELECT cloudflux.record_rolled_back('a', 1, NULL, NULL)$$,
	$$SELECT cloudflux.relocate_objects(NULL)$$,
	$$SELECT cloudflux.relocate_back(NULL)$$,
	$$SELECT cloudflux.release_sources(NULL)$$,
	$$SELECT cloudflux.end_jobs(NULL)$$,
	$$SELECT cloudflux.enqueue_jobs(NULL, NULL)$$,
	$$SELECT cloudflux.lock_job('x')$$,
	$$SELECT cloudflux.wake_movers()$$,
	$$SELECT cloudflux.forget_old_jobs()$$]) WITH ORDINALITY u(q, n) ORDER BY n;
SELECT file_id, requested_by, status FROM cloudflux.migration_jobs ORDER BY id;
SET ROLE regress_bob;
SELECT outcome(format('SELECT cloudflux.cancel_migration(%L)', :'job'));
SELECT outcome(format('SELECT cloudflux.pause_migration(%L)', :'job'));
SELECT outcome(format('SELECT cloudflux.retry_migration(%L)', :'job'));
SELECT outcome(format('SELECT cloudflux.rollback_migration(%L)', :'job'));
SET ROLE regress_viewer;
SELECT file_id, state FROM cloudflux.migration_progress ORDER BY 1;
SELECT split_part(outcome($$SELECT cloudflux.migrate('a', 'archive')$$), E'\n', 1);
SELECT split_part(outcome(format('SELECT cloudflux.cancel_migration(%L)', :'job')), E'\n', 1);
SET ROLE regress_admin;
SELECT cloudflux.pause_migration(:'job'), cloudflux.resume_migration(:'job');
-- nor does an administrator write what movers believe
SELECT split_part(outcome(q), E'\n', 1) AS outcome, q AS statement FROM unnest(ARRAY[
	$$UPDATE cloudflux.places SET capabilities = '{"conditional delete": true}'$$,
	$$DELETE FROM cloudflux.places$$,
	$$UPDATE cloudflux.job_queue SET phase = 'deleting_source'$$,
	$$DELETE FROM cloudflux.job_queue$$,
	$$UPDATE cloudflux.migration_jobs SET source_version = 'x'$$,
	$$UPDATE cloudflux.job_uploads SET handle = 'x'$$,
	$$INSERT INTO cloudflux.job_parts VALUES ('a', 'x', 1, 0, 1, '', '')$$,
	$$INSERT INTO cloudflux.addresses (place, object_key, file_id, state) VALUES ('archive', 'x', 'a', 'replica')$$,
	$$DELETE FROM cloudflux.addresses$$,
	$$UPDATE cloudflux.object_versions SET version = 'x'$$]) WITH ORDINALITY u(q, n) ORDER BY n;

-- rights are checked again when the job is taken
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER archive FROM regress_alice;
CALL cloudflux.run_migrations();
SELECT file_id, phase, status, error_sqlstate, error_message FROM cloudflux.migration_jobs ORDER BY id;
-- and before the source is deleted
GRANT USAGE ON FOREIGN SERVER archive TO regress_alice;
SET ROLE regress_alice;
SELECT cloudflux.migrate('a', 'archive', delete_source => true, grace => '1 day') AS job \gset
CALL cloudflux.run_migrations();
SELECT CURRENT_USER;
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER fast FROM regress_alice;
UPDATE cloudflux.job_queue SET not_before = now();
CALL cloudflux.run_migrations();
SELECT phase, error_sqlstate, error_message FROM cloudflux.migration_jobs WHERE job_id = :'job';
GRANT USAGE ON FOREIGN SERVER fast TO regress_alice;
SELECT cloudflux.retry_migration(:'job');
CALL cloudflux.run_migrations();
SELECT phase, status FROM cloudflux.migration_jobs WHERE job_id = :'job';
-- a plain user rolls back what is hers, if she still may use the place
REVOKE USAGE ON FOREIGN SERVER fast FROM regress_alice;
SET ROLE regress_alice;
SELECT split_part(outcome(format('SELECT cloudflux.rollback_migration(%L)', :'job')), E'\n', 1) AS outcome;
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER fast TO regress_alice;
SET ROLE regress_alice;
SELECT cloudflux.rollback_migration(:'job') AS back \gset
CALL cloudflux.run_migrations();
SELECT kind, status, requested_by FROM cloudflux.migration_jobs WHERE job_id = :'back';
-- a role that is gone moves nothing any more
SELECT cloudflux.migrate('a', 'archive', dest_key => 'again') AS job \gset
RESET ROLE;
DROP OWNED BY regress_alice;
DROP ROLE regress_alice;
CALL cloudflux.run_migrations();
SELECT phase, status, error_sqlstate, replace(error_message, :'job', 'ID') AS error_message, error_hint FROM cloudflux.migration_jobs WHERE job_id = :'job';
DROP OWNED BY regress_bob, regress_viewer, regress_admin;
DROP ROLE regress_bob, regress_viewer, regress_admin;
