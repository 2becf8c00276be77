-- What a job must not be talked into.
\getenv places CF_PLACES
\set a :places '/a'
\set b :places '/b'
\set c :places '/c'
\set cmd 'cd ' :places ' && rm -rf a b c && mkdir a b c'
COPY (SELECT 1) TO PROGRAM :'cmd';
\set SHOW_CONTEXT never
SET search_path = cloudflux, public;
SELECT add_storage('a', 'LOCAL', :'a');
SELECT add_storage('b', 'LOCAL', :'b');
SELECT add_storage('c', 'LOCAL', :'c');
SELECT put_object('a', 'k', '\x61') AS file \gset
SELECT put_object('b', 'k', '\x62') AS other \gset

-- of two objects with one key only one fits into a place
SELECT plan_migration('c', must_pay => false) AS plan \gset
SELECT source_place, regexp_replace(refused, '\w{26}', '…') AS refused FROM plan_items WHERE plan_id = :plan ORDER BY 1;
SELECT execute_plan(:plan);
SELECT file_id = :'file' AS the_first, cancel_migration(job_id) FROM job_queue;

-- a replica that could not be deleted has become the object itself: deleting it is not tried again
SELECT migrate(:'file', 'c', dest_key => 'copy') AS moved \gset
CALL run_migrations();
SELECT delete_replica(:'file', 'a') AS deletion \gset
SELECT cancel_migration(:'deletion');
SELECT rollback_migration(:'moved') = :'moved' AS pointers;
CALL run_migrations();
\set VERBOSITY sqlstate
SELECT retry_migration(:'deletion');
-- nor is an object deleted by a job that knows another address of it
SELECT delete_object(:'other') AS deletion \gset
SELECT cancel_migration(:'deletion');
SELECT migrate(:'other', 'c', dest_key => 'other') AS moved \gset
CALL run_migrations();
SELECT retry_migration(:'deletion');
SELECT place, object_key, get_object(file_id) FROM data_objects ORDER BY get_object(file_id);

-- waiting for a job of one's own transaction is an error behind a savepoint too
BEGIN;
SAVEPOINT s;
SELECT wait_for_migration(migrate(:'file', 'b', dest_key => 'elsewhere'), '2 seconds');
ROLLBACK;
