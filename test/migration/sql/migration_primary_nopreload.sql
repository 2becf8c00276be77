-- Only delete_object() takes away what the catalog points to, whatever has happened since a job was submitted.
\getenv places CF_PLACES
\set root :places '/migration_primary'
\set cmd 'cat > /dev/null; rm -rf ' :root ' && mkdir -p ' :root '/fast ' :root '/archive'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
\set SHOW_CONTEXT never
SELECT cloudflux.add_storage('fast', 'LOCAL', :'root' || '/fast') AS fast, cloudflux.add_storage('archive', 'LOCAL', :'root' || '/archive') AS archive;

-- a replica that a rollback made the object's own is not deleted by a job of before
SELECT cloudflux.put_object('fast', 'precious', 'the only bytes') AS f \gset
SELECT cloudflux.migrate(:'f', 'archive') AS move \gset
CALL cloudflux.run_migrations();
SELECT cloudflux.delete_replica(:'f', 'fast') AS early \gset
SELECT cloudflux.cancel_migration(:'early');
SELECT cloudflux.rollback_migration(:'move') = :'move' AS back;
CALL cloudflux.run_migrations();
\set VERBOSITY sqlstate
SELECT cloudflux.retry_migration(:'early');
\set VERBOSITY default
-- … nor by one that was submitted on the sight of it
BEGIN;
UPDATE cloudflux.addresses SET state = 'replica' WHERE place = 'fast';
SELECT cloudflux.delete_replica(:'f', 'fast') AS late \gset
UPDATE cloudflux.addresses SET state = 'primary' WHERE place = 'fast';
COMMIT;
CALL cloudflux.run_migrations();
SELECT status, phase, error_message, source_kept FROM cloudflux.migration_jobs WHERE job_id = :'late';
SELECT place, convert_from(cloudflux.get_object(file_id), 'UTF8') AS bytes FROM cloudflux.data_objects WHERE file_id = :'f';

-- a source to which somebody pointed the catalog during the grace period stays
SELECT cloudflux.put_object('fast', 'pointed', 'pointed back') AS f \gset
SELECT cloudflux.migrate(:'f', 'archive', delete_source => true, grace => '1 hour') AS move \gset
CALL cloudflux.run_migrations();
SELECT version AS old_version FROM cloudflux.addresses WHERE file_id = :'f' AND place = 'fast' \gset
UPDATE cloudflux.data_objects SET place = 'fast', version = :'old_version' WHERE file_id = :'f';
UPDATE cloudflux.job_queue SET not_before = NULL;
CALL cloudflux.run_migrations();
SELECT status, phase, source_kept FROM cloudflux.migration_jobs WHERE job_id = :'move';
SELECT place, convert_from(cloudflux.get_object(file_id), 'UTF8') AS bytes FROM cloudflux.data_objects WHERE file_id = :'f';
SELECT place, object_key, state FROM cloudflux.addresses ORDER BY 1, 2;
