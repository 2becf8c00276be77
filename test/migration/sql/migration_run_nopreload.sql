-- Jobs from their submission to their end: what lies where afterwards, what the catalog says, and what the events told.
\set test migration_run
\getenv tests CF_TESTS
\set ground :tests '/migration/data/ground.sql'
\set ECHO none
\i :ground
\set ECHO all
\set files 'cat > /dev/null; cd ' :root ' && find fast archive -type f | sort > files'
CREATE TABLE files (name text);
CREATE VIEW jobs AS SELECT file_id, kind, phase, status, source_place, dest_place, verified, attempts, error_sqlstate, regexp_replace(error_message, '[0-9A-Z]{26}', 'ID') AS error_message,
	source_kept FROM cloudflux.migration_jobs ORDER BY id;
CREATE VIEW places_of AS SELECT a.file_id, string_agg(a.place || ':' || a.object_key || ' ' || a.state, ', ' ORDER BY a.place, a.object_key) AS addresses,
	(SELECT o.place FROM cloudflux.data_objects o WHERE o.file_id = a.file_id) AS "catalog" FROM cloudflux.addresses a GROUP BY a.file_id ORDER BY 1;
SELECT * FROM cloudflux.migration_progress;
SELECT completed, failed, success_pct, bytes_moved, p99_ms FROM cloudflux.migration_performance;
SELECT status, detail FROM cloudflux.migration_health();
SELECT cloudflux.forget_old_jobs();
CALL cloudflux.run_migrations();

-- kept, deleted, and kept for a while
SELECT object('kept', 'kept'), object('deleted', 'sub/deleted'), object('grace', 'grace'), object('empty', 'empty', '');
SELECT count(*) FROM (SELECT cloudflux.migrate('kept', 'archive'), cloudflux.migrate('deleted', 'archive', delete_source => true),
	cloudflux.migrate('grace', 'archive', delete_source => true, grace => '1 day'), cloudflux.migrate('empty', 'archive', dest_key => 'e/m/p/t/y')) x;
CALL cloudflux.run_migrations(max_jobs => 1);
SELECT file_id, phase FROM jobs;
CALL cloudflux.run_migrations();
SELECT * FROM jobs;
SELECT * FROM places_of;
COPY (SELECT 1 WHERE false) TO PROGRAM :'files';
\set from :root '/files'
COPY files FROM :'from'; SELECT * FROM files; TRUNCATE files;
SELECT file_id, place, object_key, current_tier, storage_class, sha256 = sha256(CASE file_id WHEN 'empty' THEN '' ELSE 'some bytes' END::bytea) AS sha256, storage_location ~ '^file://.*/archive/' AS located
  FROM cloudflux.data_objects ORDER BY 1;
SELECT file_id, version_no, place, role, reason, valid_to IS NULL AS valid FROM cloudflux.object_versions ORDER BY 1, 2;
SELECT file_id, phase, state, progress_pct, not_before > now() + interval '23 hours' AS tomorrow FROM cloudflux.migration_progress;
SELECT source_place, dest_place, completed, failed, success_pct, bytes_moved, p50_ms <= p99_ms AS slow_is_slow, p50_bytes_per_sec >= p99_bytes_per_sec AS tail_is_slow FROM cloudflux.migration_performance;
SELECT event_type, subject, data->>'phase' AS phase FROM cloudflux.events WHERE topic = 'migration-events' ORDER BY subject, id;

-- back: by pointers after a kept source and in grace, by a copy after a deleted one
SELECT job_id AS kept FROM cloudflux.migration_jobs WHERE file_id = 'kept' \gset
SELECT job_id AS deleted FROM cloudflux.migration_jobs WHERE file_id = 'deleted' \gset
SELECT job_id AS grace FROM cloudflux.migration_jobs WHERE file_id = 'grace' \gset
SELECT cloudflux.rollback_migration(:'kept') = :'kept' AS same_job, cloudflux.rollback_migration(:'grace') = :'grace' AS same_job,
	   cloudflux.rollback_migration(:'deleted') = :'deleted' AS same_job;
SELECT outcome(format('SELECT cloudflux.rollback_migration(%L)', :'deleted'));
SELECT outcome($$SELECT cloudflux.migrate('kept', 'archive', dest_key => 'k')$$);
CALL cloudflux.run_migrations();
SELECT * FROM jobs;
SELECT * FROM places_of;
COPY (SELECT 1 WHERE false) TO PROGRAM :'files';
COPY files FROM :'from'; SELECT * FROM files; TRUNCATE files;
SELECT outcome(format('SELECT cloudflux.rollback_migration(%L)', :'kept'));
SELECT event_type, data->>'kind' AS kind FROM cloudflux.events WHERE topic = 'migration-events' AND subject = 'deleted' ORDER BY id;

-- the end of a grace period
SELECT cloudflux.migrate('grace', 'archive', delete_source => true, grace => '1 day') AS job \gset
CALL cloudflux.run_migrations();
UPDATE cloudflux.job_queue SET not_before = now();
CALL cloudflux.run_migrations();
SELECT phase, status FROM cloudflux.migration_jobs WHERE job_id = :'job';
SELECT * FROM places_of WHERE file_id = 'grace';

-- deleting: a ROLLBACK leaves row and bytes; replicas go along, or alone
BEGIN;
SELECT length(cloudflux.delete_object('grace'));
ROLLBACK;
CALL cloudflux.run_migrations();
SELECT * FROM places_of WHERE file_id = 'grace';
SELECT cloudflux.delete_object('grace') AS job \gset
SELECT phase, status FROM cloudflux.migration_jobs WHERE job_id = :'job';
SELECT cloudflux.cancel_migration(:'job');
SELECT length(cloudflux.migrate('kept', 'archive', dest_key => 'replica'));
CALL cloudflux.run_migrations();
SELECT length(cloudflux.delete_replica('empty', 'fast')), length(cloudflux.delete_object('kept')), length(cloudflux.delete_object('grace'));
CALL cloudflux.run_migrations();
SELECT kind, file_id, phase, status FROM jobs WHERE kind LIKE 'delete%';
SELECT * FROM places_of;
COPY (SELECT 1 WHERE false) TO PROGRAM :'files';
COPY files FROM :'from'; SELECT * FROM files; TRUNCATE files;

-- what must not be deleted is left alone, and the job says so
SELECT object('changed', 'changed');
\set cmd 'cat > /dev/null; printf more >> ' :root '/fast/changed'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
SELECT cloudflux.delete_object('changed') AS job \gset
CALL cloudflux.run_migrations();
SELECT phase, status, source_kept, error_sqlstate, error_message FROM cloudflux.migration_jobs WHERE job_id = :'job';
SELECT * FROM places_of WHERE file_id = 'changed';

-- what fails, fails in words, and leaves the source as it was
SELECT object('occupied', 'occupied'), object('missing', 'missing'), object('damaged', 'damaged');
\set cmd 'cat > /dev/null; cd ' :root ' && printf mine > archive/occupied && rm fast/missing && touch -r fast/damaged stamp && printf SOME | dd of=fast/damaged conv=notrunc status=none && touch -r stamp fast/damaged'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
UPDATE cloudflux.data_objects SET sha256 = sha256('some bytes') WHERE file_id = 'damaged';
SELECT count(*) FROM cloudflux.migrate_bulk('{occupied,missing,damaged}', 'archive', delete_source => true);
CALL cloudflux.run_migrations();
SELECT file_id, phase, status, error_sqlstate, error_message, regexp_replace(error_detail, '"/.*/', '"…/') AS error_detail, error_hint FROM cloudflux.migration_jobs
 WHERE file_id IN ('occupied', 'missing', 'damaged') ORDER BY id \gx
SELECT * FROM places_of WHERE file_id IN ('occupied', 'missing', 'damaged');
COPY (SELECT 1 WHERE false) TO PROGRAM :'files';
COPY files FROM :'from'; SELECT * FROM files WHERE name ~ 'occupied|missing|damaged|cloudflux'; TRUNCATE files;
SELECT status, detail FROM cloudflux.migration_health();
-- it is tried again when the cause is gone
\set cmd 'cat > /dev/null; rm ' :root '/archive/occupied'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
SELECT job_id AS job FROM cloudflux.migration_jobs WHERE file_id = 'occupied' \gset
SELECT cloudflux.retry_migration(:'job');
CALL cloudflux.run_migrations();
SELECT phase, status, error_message FROM cloudflux.migration_jobs WHERE job_id = :'job';

-- a source that changes after it was catalogued is copied as it is; one that changes after the copy is not deleted
SELECT object('fresh', 'fresh');
\set cmd 'cat > /dev/null; printf more >> ' :root '/fast/fresh'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
SELECT cloudflux.migrate('fresh', 'archive', delete_source => true, grace => '1 day') AS job \gset
CALL cloudflux.run_migrations();
SELECT size_bytes, sha256 = sha256('some bytesmore') AS sha256 FROM cloudflux.data_objects WHERE file_id = 'fresh';
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
UPDATE cloudflux.job_queue SET not_before = now();
CALL cloudflux.run_migrations();
SELECT phase, status, source_kept FROM cloudflux.migration_jobs WHERE job_id = :'job';
SELECT * FROM places_of WHERE file_id = 'fresh';
-- nor is it rolled back to
SELECT cloudflux.rollback_migration(:'job') = :'job' AS same_job;
CALL cloudflux.run_migrations();
SELECT phase, status, error_sqlstate, error_message, source_kept FROM cloudflux.migration_jobs WHERE job_id = :'job';
SELECT * FROM places_of WHERE file_id = 'fresh';

-- a rollback that cannot be done ends where the object is, when its attempts are used up
SELECT object('stuck', 'stuck');
CREATE ROLE regress_mover SUPERUSER;
SET ROLE regress_mover;
SELECT cloudflux.migrate('stuck', 'archive', delete_source => true, grace => '1 day') AS job \gset
RESET ROLE;
CALL cloudflux.run_migrations();
SELECT cloudflux.rollback_migration(:'job') = :'job' AS same_job;
REVOKE ALL ON ALL TABLES IN SCHEMA cloudflux FROM regress_mover;
DROP ROLE regress_mover;
CALL cloudflux.run_migrations(1);
SELECT phase, status, error_sqlstate, replace(error_message, :'job', 'ID') AS error_message FROM cloudflux.migration_jobs WHERE job_id = :'job';
SELECT cloudflux.retry_migration(:'job'); CALL cloudflux.run_migrations(1);
SELECT cloudflux.retry_migration(:'job'); CALL cloudflux.run_migrations(1);
SELECT cloudflux.retry_migration(:'job'); CALL cloudflux.run_migrations(1);
SELECT cloudflux.retry_migration(:'job'); CALL cloudflux.run_migrations(1);
SELECT phase, status, error_sqlstate, replace(error_message, :'job', 'ID') AS error_message FROM cloudflux.migration_jobs WHERE job_id = :'job';
SELECT * FROM places_of WHERE file_id = 'stuck';

-- nothing is left over
SELECT * FROM cloudflux.job_queue;
SELECT * FROM cloudflux.job_parts;
SELECT * FROM cloudflux.addresses WHERE state IN ('claimed', 'deleting');
SELECT owner_tag FROM unnest('{fast,archive}'::text[]) p CROSS JOIN LATERAL cloudflux.stale_uploads(p, '0') u;

-- old jobs are forgotten
UPDATE cloudflux.migration_jobs SET completed_at = now() - interval '2 years' WHERE phase = 'failed';
SELECT cloudflux.forget_old_jobs();
SELECT phase, count(*) FROM cloudflux.migration_jobs GROUP BY 1 ORDER BY 1;

-- whatever the caller's default says, a mover sees what others have done between two of its transactions
CREATE FUNCTION tell_isolation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING 'job %: %', NEW.phase, current_setting('transaction_isolation');
	RETURN NULL;
END $$;
CREATE TRIGGER tell_isolation AFTER UPDATE ON cloudflux.migration_jobs FOR EACH ROW EXECUTE FUNCTION tell_isolation();
SELECT object('strict', 'strict');
SELECT length(cloudflux.migrate('strict', 'archive')) AS job;
SET default_transaction_isolation = 'serializable';
CALL cloudflux.run_migrations();
RESET default_transaction_isolation;
DROP TRIGGER tell_isolation ON cloudflux.migration_jobs;
