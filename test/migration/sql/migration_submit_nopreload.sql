-- What may be submitted, and what is refused, with SQLSTATE, detail and hint.
\set test migration_submit
\getenv tests CF_TESTS
\set ground :tests '/migration/data/ground.sql'
\set ECHO none
\i :ground
\set ECHO all
SELECT object('one', 'a/one'), object('two', 'a/two'), object('three', 'a/three', ''), object('four', 'a/four');

-- a function, and a plain INSERT with the promised columns
SELECT length(cloudflux.migrate('one', 'archive')) AS job_id_length;
SELECT length(cloudflux.migrate(file_id => 'two', dest_place => 'archive', dest_tier => 'COLD', delete_source => true, priority => -5,
	not_before => '2100-01-01', dest_key => 'b/two', grace => '1 day')) AS job_id_length;
INSERT INTO cloudflux.migration_jobs (file_id, dest_cloud, dest_tier) VALUES ('three', 'LOCAL', 'COLD');
SELECT file_id, kind, status, phase, source_place, source_key, source_tier, dest_cloud, dest_tier, dest_place, dest_key, size_bytes, delete_source,
	   grace, priority, not_before, requested_by, attempts
  FROM cloudflux.migration_jobs ORDER BY id;
SELECT file_id, phase, priority, size_bytes, claimed_by, fence FROM cloudflux.job_queue ORDER BY seq;
SELECT * FROM cloudflux.addresses WHERE state = 'claimed' ORDER BY object_key;
SELECT event_type, subject, data - 'job_id' AS data FROM cloudflux.events WHERE topic = 'migration-events' ORDER BY id;

-- the object
SELECT outcome($$SELECT cloudflux.migrate('nobody', 'archive')$$);
SELECT outcome($$SELECT cloudflux.migrate(NULL, 'archive')$$);
SELECT outcome($$SELECT cloudflux.migrate('one', 'archive')$$);
SELECT outcome($$SELECT cloudflux.delete_object('one')$$);
SELECT outcome($$SELECT * FROM cloudflux.migrate_bulk('{four,four}', 'archive')$$);
INSERT INTO cloudflux.data_objects (file_id, storage_location) VALUES ('unplaced', 's3://nowhere/key');
SELECT outcome($$SELECT cloudflux.migrate('unplaced', 'archive')$$);
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes) VALUES ('vanished', 'fast', 'a/vanished', 1);
UPDATE cloudflux.data_objects SET vanished_at = '2026-01-01' WHERE file_id = 'vanished';
SELECT outcome($$SELECT cloudflux.migrate('vanished', 'archive')$$);

-- the destination
SELECT outcome($$SELECT cloudflux.migrate('four', 'nowhere')$$);
SELECT outcome($$SELECT cloudflux.migrate('four', 'fast')$$);
SELECT outcome($$SELECT cloudflux.migrate('four', 'archive', 'LUKEWARM')$$);
SELECT outcome($$SELECT cloudflux.migrate('four', 'archive', 'HOT')$$);
SELECT outcome($$SELECT cloudflux.migrate('four', 'archive', dest_key => 'a/one')$$);
SELECT object('there', 'taken', place => 'archive');
SELECT outcome($$SELECT cloudflux.migrate('four', 'archive', dest_key => 'taken')$$);
SELECT outcome($$SELECT cloudflux.migrate('four', 'archive', dest_key => 'a/../../b')$$);
SELECT outcome($$SELECT cloudflux.migrate('four', 'archive', dest_key => 'a//b')$$);
SELECT outcome($$SELECT cloudflux.migrate('four', 'archive', dest_key => E'a\tb')$$);
SELECT outcome($$SELECT cloudflux.migrate('four', 'archive', dest_key => '/a')$$);
SELECT outcome($$SELECT cloudflux.migrate('four', 'archive', dest_key => repeat('x', 256))$$);
SELECT regexp_replace(outcome($$SELECT cloudflux.migrate('four', 'archive', dest_key => repeat('123456789/', 102) || '12345')$$), '"123456789[^"]*"', '"…"');
SELECT outcome($$SELECT cloudflux.migrate('four', 'archive', grace => '-1 day')$$);
CREATE SERVER other FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'LOCAL', bucket '/nonexistent');
SELECT outcome($$SELECT cloudflux.migrate('four', 'other')$$);
DROP SERVER other;
ALTER SERVER archive OPTIONS (SET tier 'WARM', ADD prefix 'moved/');
SELECT split_part(outcome($$SELECT cloudflux.migrate('four', 'archive')$$), E'\n', 1);
ALTER SERVER archive OPTIONS (SET tier 'COLD', DROP prefix);

-- a cloud and a tier mean a place only if exactly one fits
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_cloud) VALUES ('four', 'LOCAL')$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_cloud, dest_tier) VALUES ('four', 'LOCAL', 'WARM')$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_cloud, dest_tier) VALUES ('four', 'Oracle', 'COLD')$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id) VALUES ('four')$$);

-- nothing but wishes is taken from a row
INSERT INTO cloudflux.migration_jobs (job_id, file_id, dest_place, status, phase, progress_pct, attempts, bytes_copied, started_at, switched_at, completed_at,
	dest_version, sha256, verified, source_kept, error_message, error_sqlstate, rollback_of, source_place, source_key, source_version)
VALUES ('my-job', 'four', 'archive', 'completed', 'done', 100, 7, 7, now(), now(), now(), '1:2:3', 'x', 'store', 'x', 'x', 'x', 'x', 'archive', 'taken', '1:2:3');
SELECT status, phase, progress_pct, attempts, bytes_copied, num_nonnulls(started_at, switched_at, completed_at, dest_version, sha256, verified, source_kept,
	error_message, error_sqlstate, rollback_of) AS outcomes, source_place, source_key, source_version <> '1:2:3' AS its_own_version
  FROM cloudflux.migration_jobs WHERE job_id = 'my-job';
SELECT cloudflux.cancel_migration('my-job');
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (job_id, file_id, dest_place) VALUES ('my-job', 'there', 'fast')$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (job_id, file_id, dest_place) VALUES ('../job', 'there', 'fast')$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, kind, source_place, source_key) VALUES ('there', 'delete_replica', 'fast', 'a/one')$$);
SELECT split_part(outcome($$INSERT INTO cloudflux.migration_jobs (file_id, kind) VALUES ('there', 'explode')$$), E'\n', 1) AS outcome;

-- other calls
SELECT outcome($$SELECT cloudflux.delete_object('nobody')$$);
SELECT outcome($$SELECT cloudflux.delete_replica('one', 'fast')$$);
SELECT outcome($$SELECT cloudflux.delete_replica('one', 'nowhere')$$);
SELECT outcome($$SELECT cloudflux.wait_for_migration('nobody')$$);
SELECT outcome($$SELECT cloudflux.wait_for_migration(cloudflux.migrate('there', 'fast'))$$);
SELECT job_id AS waiting FROM cloudflux.migration_jobs WHERE file_id = 'two' \gset
\set wait 'SELECT cloudflux.wait_for_migration(''' :waiting ''', ''10 ms'')'
SELECT replace(outcome(:'wait'), '@ 0.01 secs', '10 ms') AS outcome;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT replace(outcome(:'wait'), '@ 0.01 secs', '10 ms') AS outcome;
COMMIT;
SELECT outcome('CALL cloudflux.run_migrations()');
BEGIN;
\set VERBOSITY sqlstate
CALL cloudflux.run_migrations();
ROLLBACK;
CALL cloudflux.run_migrations(0);
\set VERBOSITY default
-- nothing of what was refused is left
SELECT file_id, status FROM cloudflux.migration_jobs ORDER BY id;
SELECT object_key, file_id FROM cloudflux.addresses WHERE state = 'claimed' ORDER BY 1;
