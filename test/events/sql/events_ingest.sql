-- From Kafka into tables: what is mapped, whose rights are lent, and what handlers make of records. Nothing here needs a broker.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE ROLE regress_ingest_admin LOGIN IN ROLE cloudflux_admin;
CREATE ROLE regress_ingest_bot LOGIN IN ROLE cloudflux_user;
CREATE ROLE regress_ingest_plain LOGIN;
CREATE TABLE sensors (id text NOT NULL, temp numeric CHECK (temp < 1000), at timestamptz, doc jsonb, tags text[]);
GRANT INSERT ON sensors TO regress_ingest_plain;

-- Whose rights
SET ROLE regress_ingest_admin;
INSERT INTO cloudflux.ingest_topics (topic, handler, run_as) VALUES ('t', 'objects', 'nobody');
INSERT INTO cloudflux.ingest_topics (topic, handler, run_as) VALUES ('t', 'objects', 'regress_ingest_bot');
\set VERBOSITY default
INSERT INTO cloudflux.ingest_topics (topic, handler) VALUES ('t', 'nonsense');
INSERT INTO cloudflux.ingest_topics (topic, handler) VALUES ('t', 'table');
INSERT INTO cloudflux.ingest_topics (topic, handler, target_table) VALUES ('t', 'table', 'a.b.c.d');
INSERT INTO cloudflux.ingest_topics (topic, handler, target_table) VALUES ('t', 'table', 'sensors');
\set VERBOSITY terse
INSERT INTO cloudflux.ingest_topics (topic, handler, target_table) VALUES ('t', 'objects', 'x');
INSERT INTO cloudflux.ingest_topics (topic, handler) VALUES ('no topic', 'objects');
INSERT INTO cloudflux.ingest_topics (topic, handler) VALUES ('t', 'objects');
SELECT topic, handler, format, run_as, start, sources, enabled, mapped_by FROM cloudflux.ingest_topics;
UPDATE cloudflux.ingest_topics SET mapped_by = 'regress_ingest_bot';
SELECT run_as, mapped_by FROM cloudflux.ingest_topics;
DELETE FROM cloudflux.ingest_topics;
RESET ROLE;
GRANT regress_ingest_bot, regress_ingest_plain TO regress_ingest_admin;
DO $$ BEGIN EXECUTE format('GRANT %I TO regress_ingest_admin', CURRENT_USER); END $$;
SET ROLE regress_ingest_admin;
DO $$ BEGIN
	EXECUTE format('INSERT INTO cloudflux.ingest_topics (topic, handler, run_as) VALUES (''t'', ''objects'', %L)', (SELECT rolname FROM pg_roles WHERE oid = 10));
EXCEPTION WHEN insufficient_privilege THEN RAISE WARNING 'a superuser is mapped by superusers alone';
END $$;
INSERT INTO cloudflux.ingest_topics (topic, handler, run_as) VALUES ('o', 'objects', 'regress_ingest_bot'), ('a', 'actions', 'regress_ingest_bot');
INSERT INTO cloudflux.ingest_topics (topic, handler, run_as) VALUES ('m', 'metrics', 'regress_ingest_plain');
INSERT INTO cloudflux.ingest_topics (topic, handler, run_as, target_table) VALUES ('s', 'table', 'regress_ingest_bot', 'public.sensors');
INSERT INTO cloudflux.ingest_topics (topic, handler, run_as, target_table) VALUES ('s', 'table', 'regress_ingest_plain', 'public.nothing');
INSERT INTO cloudflux.ingest_topics (topic, handler, run_as, target_table) VALUES ('s', 'table', 'regress_ingest_plain', 'public.sensors');
SELECT topic, state, detail FROM cloudflux.ingest_lag ORDER BY topic;
SET ROLE regress_ingest_bot;
INSERT INTO cloudflux.ingest_topics (topic, handler) VALUES ('x', 'objects');
SELECT count(*) FROM cloudflux.ingest_lag;
SELECT payload FROM cloudflux.dead_letters;
SELECT cloudflux.reset_ingest('o');
SELECT cloudflux.retry_dead_letters();
RESET ROLE;
UPDATE cloudflux.ingest_handlers SET function_name = 'version' WHERE builtin;
UPDATE cloudflux.ingest_actions SET function_name = 'cloudflux.version()' WHERE builtin;
SELECT handler, step, room, function_name, objects FROM cloudflux.ingest_handlers ORDER BY handler, step;
SELECT action, function_name FROM cloudflux.ingest_actions ORDER BY action COLLATE "C";

-- A table of one's own
SELECT cloudflux.ingest_statement('s');
INSERT INTO cloudflux.ingest_columns (topic, column_name, path) VALUES ('s', 'nothing', '$');
SELECT cloudflux.ingest_statement('s');
DELETE FROM cloudflux.ingest_columns;
INSERT INTO cloudflux.ingest_columns (topic, column_name, path) VALUES ('s', 'temp', '$.t[*] ? (@ > 5)'), ('s', 'id', '$.id');
SELECT cloudflux.ingest_statement('s');
INSERT INTO cloudflux.ingest_columns (topic, column_name, path) VALUES ('s', 'at', '$time'), ('s', 'doc', '$'), ('s', 'tags', '$headers."x"');
SELECT cloudflux.ingest_statement('s') ~ 'message_offset' AS tells_of_the_message;
SELECT replace(cloudflux.ingest_statement('s'), '$1', $r$ARRAY[ROW(0, 7, 1, '2026-01-01 00:00:00+00', 'k', '', '{"x": "{a,b}"}', '{"id": "s1", "t": [1, 12.50]}'),
	ROW(0, 8, 1, NULL, NULL, '', NULL, '{"id": 2}')]::cloudflux.ingest_record[]$r$) AS statement \gset
:statement;
SELECT * FROM sensors ORDER BY id;

-- Objects
SELECT cloudflux.add_storage('lake', 'AWS', 'lake', '{"region": "us-east-1"}');
SELECT cloudflux.add_storage('pics', 'AWS', 'pictures', '{"region": "us-east-1"}');
SELECT cloudflux.add_storage('cats', 'AWS', 'pictures', '{"region": "us-east-1", "prefix": "cats/"}');
CREATE FUNCTION tell(p_kind text, p_at text, p_data jsonb) RETURNS cloudflux.ingest_record LANGUAGE sql
RETURN ROW(0, 1, 1, p_at::timestamptz, NULL, p_kind, NULL, p_data)::cloudflux.ingest_record;
CREATE FUNCTION take(VARIADIC p_records cloudflux.ingest_record[]) RETURNS void LANGUAGE sql
AS $$ SELECT cloudflux.apply_ingest('objects', 'o', p_records) $$;
CREATE VIEW objects AS SELECT place, object_key, size_bytes, content_type, modified_at, version IS NOT NULL AS pinned, vanished_at, owner FROM cloudflux.data_objects ORDER BY place, object_key;
GRANT EXECUTE ON FUNCTION tell(text, text, jsonb), take(cloudflux.ingest_record[]) TO regress_ingest_bot, cloudflux_worker;
SET ROLE regress_ingest_bot;
SELECT take(tell('created', '2026-11-01 10:00Z', '{"place": "lake", "object_key": "a", "size_bytes": 1}'),
	tell('created', '2026-11-01 10:00Z', '{"provider": "AWS", "bucket": "pictures", "key": "dogs/1.jpg", "size_bytes": 2, "content_type": "image/jpeg", "etag": "\"e1\""}'),
	tell('created', '2026-11-01 10:00Z', '{"provider": "AWS", "bucket": "pictures", "key": "cats/1.jpg", "size_bytes": 3}'),
	tell('accessed', '2026-11-01 11:00Z', '{"place": "lake", "object_key": "a", "access_type": "read", "latency_ms": 1.5, "bytes": 1}'));
RESET ROLE;
SELECT * FROM objects;
SELECT access_type, accessed_at, latency_ms, bytes FROM cloudflux.access_logs;
SELECT topic, event_type, actor, subject = 'o' AS of_topic, data ->> 'scope' AS scope, data ->> 'changed' AS changed FROM cloudflux.events WHERE topic = 'classification' AND data ->> 'scope' = 'arrived';
SELECT count(*), count(DISTINCT file_id) FROM cloudflux.object_classes;
-- Told again, and late: nothing changes. A newer word counts, of many the last one.
SELECT count(*) AS events FROM cloudflux.events WHERE topic = 'data-ingestion' OR data ->> 'scope' = 'arrived' \gset
SELECT take(tell('created', '2026-11-01 10:00Z', '{"place": "lake", "object_key": "a", "size_bytes": 1}'), tell('deleted', '2026-11-01 09:00Z', '{"place": "lake", "object_key": "a"}'),
	tell('created', '2026-11-01 08:00Z', '{"place": "lake", "object_key": "a", "size_bytes": 9}'));
SELECT count(*) - :events AS events FROM cloudflux.events WHERE topic = 'data-ingestion' OR data ->> 'scope' = 'arrived';
SELECT take(tell('created', '2026-11-02 10:00Z', '{"place": "lake", "object_key": "a", "size_bytes": 5}'), tell('created', '2026-11-02 09:00Z', '{"place": "lake", "object_key": "a", "size_bytes": 4}'),
	tell('created', '2026-11-02 09:00Z', '{"place": "lake", "object_key": "b", "size_bytes": 4}'), tell('deleted', '2026-11-02 10:00Z', '{"place": "lake", "object_key": "b"}'));
SELECT * FROM objects WHERE place = 'lake';
UPDATE cloudflux.data_objects SET version = 'e=e1' WHERE object_key = 'dogs/1.jpg';
SELECT take(tell('created', '2026-11-01 10:00:01Z', '{"provider": "AWS", "bucket": "pictures", "key": "dogs/1.jpg", "size_bytes": 2, "etag": "e1"}'));
SELECT * FROM objects WHERE object_key = 'dogs/1.jpg';
SELECT take(tell('created', '2026-11-01 10:00:02Z', '{"provider": "AWS", "bucket": "pictures", "key": "dogs/1.jpg", "size_bytes": 7, "etag": "e2"}'));
SELECT * FROM objects WHERE object_key = 'dogs/1.jpg';
-- Gone, and back
SELECT take(tell('deleted', '2026-11-03 10:00Z', jsonb_build_object('file_id', file_id))) FROM cloudflux.data_objects WHERE object_key = 'a';
SELECT take(tell('deleted', '2026-11-03 10:00Z', '{"place": "lake", "object_key": "never there"}'));
SELECT * FROM objects WHERE object_key = 'a';
SELECT take(tell('created', '2026-11-04 10:00Z', '{"place": "lake", "object_key": "a", "size_bytes": 6}'));
SELECT * FROM objects WHERE object_key = 'a';
-- What a mover has claimed is the mover's
INSERT INTO cloudflux.addresses (place, object_key, file_id, state) VALUES ('lake', 'moving', 'f', 'claimed');
SELECT take(tell('created', '2026-11-04 10:00Z', '{"place": "lake", "object_key": "moving", "size_bytes": 6}'));
SELECT count(*) FROM objects WHERE object_key = 'moving';
-- Refused
SELECT take(tell('created', NULL, '{"provider": "AWS", "bucket": "others", "key": "x", "size_bytes": 1}'));
\set VERBOSITY sqlstate
SELECT take(tell('created', NULL, '{"place": "nowhere", "object_key": "x", "size_bytes": 1}'));
\set VERBOSITY terse
SELECT take(tell('accessed', NULL, '{"place": "lake", "object_key": "unknown"}'));
SELECT take(tell('deleted', NULL, '{"bucket": "pictures", "key": "x", "provider": "GCP"}'));
SELECT cloudflux.add_storage('copy', 'S3', 'twice', '{"endpoint": "https://one.example"}'), cloudflux.add_storage('copy2', 'S3', 'twice', '{"endpoint": "https://two.example"}');
SELECT take(tell('created', NULL, '{"provider": "S3", "bucket": "twice", "key": "x", "size_bytes": 1}'));
SELECT take(tell('created', NULL, '{"location": "https://two.example/twice/y", "size_bytes": 1}'));
SELECT place, object_key FROM objects WHERE object_key = 'y';

-- Commands
SET ROLE regress_ingest_bot;
SELECT cloudflux.run_action('drop_everything');
SELECT cloudflux.run_action('classify', '[]');
SELECT cloudflux.run_action('classify', '{"file": "x", "all": true}');
SELECT cloudflux.run_action('classify', '{"file_id": "no such object"}');
SELECT cloudflux.run_action('classify', jsonb_build_object('file_id', file_id)) ~ 'WARM|COLD' AS classified FROM cloudflux.data_objects WHERE object_key = 'a';
SELECT cloudflux.run_action('migrate', '{"file_id": "x''; DROP TABLE sensors; --", "dest_place": "lake", "delete_source": null}');
RESET ROLE;
CREATE FUNCTION public.many(names text[], doc jsonb, n int DEFAULT 3) RETURNS text LANGUAGE sql RETURN array_to_string(names, '+') || doc::text || n;
INSERT INTO cloudflux.ingest_actions (action, function_name) VALUES ('many', 'public.many(text[],jsonb,int)'), ('gone', 'public.gone()');
INSERT INTO cloudflux.ingest_actions (action, enabled) VALUES ('classify', false);
SELECT cloudflux.run_action('many', '{"names": ["a", "b,c", null], "doc": {"x": "it''s"}}');
SELECT cloudflux.run_action('gone');
SELECT cloudflux.run_action('classify', '{"file_id": "x"}');
SELECT cloudflux.apply_ingest('actions', 'a', ARRAY[tell('many', NULL, '{"arguments": {"names": [], "doc": null}}')]);

-- What came of them is logged, by nobody but the ingester, for good
SET ROLE cloudflux_worker;
SELECT cloudflux.note_actions('a', ARRAY[tell('classify', NULL, '{"arguments": {"file_id": "x"}}'), tell('', NULL, '{"action": "many"}')], '{WARM}');
SELECT cloudflux.note_refusal('a', 0, 5, 'k', convert_to('{"specversion": "1.0", "type": "drop_everything", "data": {"arguments": [1]}}', 'UTF8'), 'not allowed', '42501'),
	cloudflux.note_refusal('a', 0, 6, '\xff', '{"action": "migrate"}', 'no such place', '02000'), cloudflux.note_refusal('a', 0, 7, NULL, '[1', 'no JSON', NULL), cloudflux.note_refusal('a', 0, 8, NULL, NULL, 'empty', NULL);
RESET ROLE;
SELECT topic, message_offset, part, message_key, run_as, action, arguments, outcome, result, error_code FROM cloudflux.action_log ORDER BY id;
UPDATE cloudflux.action_log SET outcome = 'done';
DELETE FROM cloudflux.action_log;
TRUNCATE cloudflux.action_log;
SET ROLE regress_ingest_bot;
SELECT count(*) FROM cloudflux.action_log;
SELECT cloudflux.note_actions('a', '{}', '{}');
RESET ROLE;

-- Metrics
SET ROLE regress_ingest_bot;
SELECT cloudflux.apply_ingest('metrics', 'm', ARRAY[tell('', '2026-11-01Z', '{"metric": "cpu", "value": 0.5, "source": "h1", "labels": {"core": 1}}'),
	tell('', NULL, '{"metrics": [{"metric": "mem", "value": "12.25", "time": 1793534400.5, "unit": "GB"}, {"metric": "mem", "value": 1, "time": "2026-11-01T01:00:00+01:00"}]}')]);
SELECT cloudflux.apply_ingest('metrics', 'm', ARRAY[tell('', '2020-01-01Z', '{"metric": "cpu", "value": "NaN"}')]);
SELECT cloudflux.apply_ingest('metrics', 'm', ARRAY[tell('', '2020-01-01Z', '{"value": 1}')]);
RESET ROLE;
SELECT * FROM cloudflux.raw_metrics ORDER BY metric, measured_at;

-- Positions
SELECT * FROM cloudflux.plan_ingest('{o,o}', '{0,1}', '{0,5}', '{10,5}');
INSERT INTO cloudflux.ingest_topics (topic, handler, run_as, start) VALUES ('m', 'metrics', 'regress_ingest_bot', 'latest');
SELECT topic, partition, from_offset, generation FROM cloudflux.plan_ingest('{o,o,o,m}', '{0,1,2,0}', '{0,5,3,0}', '{12,5,9,7}');
UPDATE cloudflux.ingest_positions SET position = 8, last_offset = 7, last_digest = 'x' WHERE topic = 'o' AND partition = 0;
SELECT topic, partition, from_offset, last_offset, last_digest FROM cloudflux.plan_ingest('{o,o}', '{0,1}', '{9,0}', '{12,3}');
SELECT partition, state, detail, hint FROM cloudflux.ingest_positions WHERE topic = 'o' ORDER BY partition;
SELECT status, detail, hint FROM cloudflux.check_ingest();
SELECT cloudflux.reset_ingest('o', 'yesterday');
SELECT cloudflux.reset_ingest('o', 'here', NULL, 7);
SELECT cloudflux.reset_ingest('unknown');
SELECT cloudflux.reset_ingest('o', 'earliest', 0), cloudflux.reset_ingest('o', 'latest', 1), cloudflux.reset_ingest('o', partition => 2, message_offset => 4);
SELECT topic, partition, from_offset, generation, last_offset FROM cloudflux.plan_ingest('{o,o,o}', '{0,1,2}', '{9,0,0}', '{12,3,9}');
UPDATE cloudflux.ingest_positions SET system_identifier = '1' WHERE topic = 'm';
SELECT count(*) FROM cloudflux.plan_ingest('{m}', '{0}', '{0}', '{7}');
SELECT state, detail, hint FROM cloudflux.ingest_lag WHERE topic = 'm';
SELECT cloudflux.reset_ingest('m');
SELECT topic, partition, from_offset FROM cloudflux.plan_ingest('{m}', '{0}', '{0}', '{7}');
SELECT pg_advisory_unlock_all();
INSERT INTO cloudflux.dead_letters (topic, partition, message_offset, reason) VALUES ('o', 0, 1, 'x'), ('o', 0, 2, 'x'), ('m', 0, 1, 'x');
SELECT cloudflux.retry_dead_letters('o'), cloudflux.retry_dead_letters(ids => ARRAY(SELECT min(id) FROM cloudflux.dead_letters)), cloudflux.retry_dead_letters('nothing');
SELECT topic, partition, dead_letters FROM cloudflux.ingest_lag WHERE partition = 0 ORDER BY topic;

DROP OWNED BY regress_ingest_admin, regress_ingest_bot, regress_ingest_plain;
DROP ROLE regress_ingest_admin, regress_ingest_bot, regress_ingest_plain;
