-- Every regression test starts in a fresh database that has the extension.
SELECT extname, extversion FROM pg_extension WHERE extname = 'cloudflux';
-- Dropped, it leaves nothing behind but its schema; and it can come again.
SET client_min_messages = warning;
DROP EXTENSION cloudflux;
SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
 WHERE refclassid = 'pg_namespace'::regclass AND refobjid = (SELECT oid FROM pg_namespace WHERE nspname = 'cloudflux');
SELECT evtname FROM pg_event_trigger WHERE evtname ~ 'cloudflux';
SELECT fdwname FROM pg_foreign_data_wrapper;
CREATE EXTENSION cloudflux;
SELECT count(*) > 0 AS seeded FROM cloudflux.storage_tiers;
