-- Which changes of objects are looked at by the next run of classify_objects(): those of columns that a rule can read.
\set test tiering_queue
\getenv tests CF_TESTS
\set ground :tests '/migration/data/ground.sql'
\set ECHO none
\i :ground
\set ECHO all
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes) SELECT 'o' || n, 'fast', 'k' || n, n FROM generate_series(1, 2500) n;
-- queued() tells what a statement puts into the queue
CREATE FUNCTION queued(statement text) RETURNS TABLE (objects bigint, gone bigint, first text) LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM cloudflux.classify_queue;
	EXECUTE statement;
	RETURN QUERY SELECT count(*), count(*) FILTER (WHERE q.gone), min(q.file_id) FROM cloudflux.classify_queue q;
END;
$$;
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET size_bytes = 7 WHERE file_id = 'o3'$$);
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET object_key = 'there/' || object_key WHERE file_id = 'o3'$$);
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET last_accessed = now() WHERE file_id = 'o3'$$);
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET vanished_at = now() WHERE file_id = 'o3'$$);
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET vanished_at = now() + interval '1 s' WHERE file_id = 'o3'$$);
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET vanished_at = NULL WHERE file_id = 'o3'$$);
-- what no rule reads
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET monthly_cost = 1, metadata = '{"k": 1}', version = 'v', avg_latency_ms = 3$$);
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET size_bytes = size_bytes$$);
-- counts are read from the row only while nobody has counted
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET access_count_30d = 1 WHERE file_id = 'o1'$$);
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET access_count_30d = 2, counted_on = current_date WHERE file_id = 'o1'$$);
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET access_count_30d = 3 WHERE file_id = 'o1'$$);
-- many in one statement, some of which matter
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET size_bytes = 1000$$);
SELECT * FROM queued($$UPDATE cloudflux.data_objects SET size_bytes = 0 WHERE false$$);
-- also of a user who has no rights on the queue
CREATE ROLE tiering_queue_user IN ROLE cloudflux_user;
GRANT USAGE ON FOREIGN SERVER fast TO tiering_queue_user;
DELETE FROM cloudflux.classify_queue;
SET ROLE tiering_queue_user;
UPDATE cloudflux.data_objects SET size_bytes = 11 WHERE file_id = 'o5';
DELETE FROM cloudflux.classify_queue;
RESET ROLE;
TABLE cloudflux.classify_queue;
-- the function is no more than this trigger
CREATE TABLE other (file_id text);
CREATE TRIGGER t AFTER UPDATE ON other FOR EACH ROW EXECUTE FUNCTION cloudflux.queue_changed_objects();
INSERT INTO other VALUES ('x');
UPDATE other SET file_id = 'y';
DROP OWNED BY tiering_queue_user;
DROP ROLE tiering_queue_user;
