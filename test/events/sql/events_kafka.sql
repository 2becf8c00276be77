-- What can be said about Kafka without one: topics, types, wishes, rights.
SELECT topic, purpose FROM cloudflux.kafka_topics ORDER BY topic COLLATE "C";
SELECT * FROM cloudflux.event_routes ORDER BY event_type COLLATE "C";

-- A row of one's own goes over a builtin one; builtin ones stay
INSERT INTO cloudflux.event_types (event_type, topic, version) VALUES ('object.*', 'mine', 2), ('cost.updated', NULL, 1), ('*', 'rest', 1);
SELECT * FROM cloudflux.event_routes ORDER BY event_type COLLATE "C";
UPDATE cloudflux.event_types SET topic = 'x' WHERE event_type = 'object.*' AND builtin;
DELETE FROM cloudflux.kafka_topics WHERE topic = 'alerts';
INSERT INTO cloudflux.event_types (event_type, topic) VALUES ('ob*ject', 'x');
INSERT INTO cloudflux.event_types (event_type, topic) VALUES ('a.b', 'no topic');
INSERT INTO cloudflux.kafka_topics (topic) VALUES ('..');
INSERT INTO cloudflux.kafka_topics (topic, purpose) VALUES ('mine', 'my own');

-- Wishes are rows
SELECT topic, partitions, replication, state FROM cloudflux.create_topics(partitions => 6, replication => 3) ORDER BY topic COLLATE "C";
SELECT topic, partitions, replication, state FROM cloudflux.create_topics(ARRAY['mine'], 2) ORDER BY topic COLLATE "C";
SELECT cloudflux.create_topics(ARRAY['not a topic', NULL, '.']);
SELECT cloudflux.create_topics(partitions => 0);
SELECT cloudflux.create_topics(replication => NULL);

-- Replays
SELECT cloudflux.emit_events('analytics', 'test.happened', ARRAY['a', 'b', 'c'], NULL);
SELECT cloudflux.replay_events(topic => 'analytics', first_id => 2, last_id => 9) AS events;
SELECT cloudflux.replay_events('alerts', 1, 9) AS none;
SELECT topic, first_id, last_id, after_id, finished_at FROM cloudflux.event_replays;
SELECT cloudflux.replay_events('analytics', 9, 2);
SELECT cloudflux.replay_events(NULL, 1, 2);

-- What waits is told when there are brokers, or were
SELECT count(*) FROM cloudflux.event_lag WHERE reader = 'kafka';
SELECT * FROM (SELECT topic, events FROM cloudflux.unpublished_events()) u;
SELECT status, detail, hint FROM cloudflux.health() WHERE component = 'kafka';
BEGIN;
UPDATE cloudflux.event_positions SET events = 7, state = 'stopped', detail = 'Because.', hint = 'Do something.' WHERE reader = 'kafka';
SELECT topic, untold_events, state, detail FROM cloudflux.event_lag WHERE reader = 'kafka' AND untold_events > 0;
ROLLBACK;

-- A rebase
SELECT cloudflux.rebase_events('yesterday');
SELECT cloudflux.rebase_events(NULL);
SELECT pg_snapshot_xmin(cloudflux.rebase_events()) >= pg_snapshot_xmin(pg_current_snapshot()) AS now;
SELECT wish, opened, last_id FROM cloudflux.event_positions WHERE reader = 'kafka';
SELECT count(*) FROM cloudflux.unpublished_events();

-- Rights
SET ROLE cloudflux_viewer;
SELECT count(*) FROM cloudflux.event_lag;
SELECT cloudflux.create_topics();
SELECT cloudflux.replay_events('analytics', 1, 2);
SELECT cloudflux.rebase_events();
INSERT INTO cloudflux.event_types (event_type) VALUES ('a.b');
RESET ROLE;
SET ROLE cloudflux_admin;
SELECT count(*) FROM cloudflux.create_topics(ARRAY['other']);
SELECT cloudflux.replay_events('analytics', 1, 2);
UPDATE cloudflux.event_positions SET published = NULL;
RESET ROLE;
SHOW cloudflux.kafka_brokers;
SET cloudflux.kafka_brokers = 'x';
