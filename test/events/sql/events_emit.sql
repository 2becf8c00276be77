-- The outbox: rows in the transaction that they tell of.
BEGIN;
SELECT cloudflux.emit_events('data-ingestion', 'object.created', ARRAY['a', 'b', NULL, 'c'], ARRAY['{"size": 1}', NULL, '{}']::jsonb[]) AS events;
SELECT topic, event_type, subject, data, actor = CURRENT_USER AS by_me, xid = pg_current_xact_id() AS in_this_transaction FROM cloudflux.events WHERE event_type = 'object.created' ORDER BY id;
SELECT cloudflux.emit_events('alerts', 'test.none', '{}', NULL) AS none, cloudflux.emit_events('alerts', 'test.none', NULL, NULL) AS null_subjects;
ROLLBACK;
SELECT count(*) AS left_by_rollback FROM cloudflux.events WHERE event_type = 'object.created';

-- the actor is who acts, also behind SECURITY DEFINER and SET ROLE
CREATE ROLE regress_actor;
GRANT USAGE ON SCHEMA cloudflux TO regress_actor;
-- (not in SQL: its second statement would be planned before the first, without a partition that the keeper makes just then)
CREATE FUNCTION public.definer() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ BEGIN PERFORM cloudflux.emit_events('analytics', 'test.actor', ARRAY['x'], NULL); RETURN (SELECT actor FROM cloudflux.events WHERE event_type = 'test.actor'); END $$;
SET ROLE regress_actor;
SELECT public.definer();
-- nobody writes events but by functions that may
SELECT cloudflux.emit_events('analytics', 'test.forged', ARRAY['x'], NULL);
INSERT INTO cloudflux.events (topic, event_type, subject) VALUES ('analytics', 'test.forged', 'x');
RESET ROLE;
CREATE ROLE regress_user IN ROLE cloudflux_user;
SET ROLE regress_user;
SELECT count(*) > 0 AS may_read FROM cloudflux.events;
INSERT INTO cloudflux.events (topic, event_type, subject) VALUES ('analytics', 'test.forged', 'x');
UPDATE cloudflux.events SET subject = 'forged';
DELETE FROM cloudflux.events;
SELECT reader, untold_events >= 0 AS lag FROM cloudflux.event_lag;
SELECT cloudflux.notify_events();
RESET ROLE;

-- a subject is needed
DO $$ BEGIN INSERT INTO cloudflux.events (topic, event_type, subject) VALUES ('analytics', 'test.nobody', NULL);
EXCEPTION WHEN not_null_violation THEN RAISE NOTICE 'refused'; END $$;

-- the window of a reader is read by index in every partition
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS off) SELECT id FROM cloudflux.events_default WHERE xid >= '100' AND xid < '200' ORDER BY id;

-- what Kafka could not take is refused when it is written: it would hold up all that comes after it
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT cloudflux.emit_events('no topic', 'test.word', ARRAY['x'], NULL);
SELECT cloudflux.emit_events('..', 'test.word', ARRAY['x'], NULL);
SELECT cloudflux.emit_events(repeat('t', 250), 'test.word', ARRAY['x'], NULL);
SELECT cloudflux.emit_events('analytics', '', ARRAY['x'], NULL);
SELECT cloudflux.emit_events('analytics', 'größer', ARRAY['x'], NULL);

-- in a read-only transaction there are no events
BEGIN READ ONLY;
\set SHOW_CONTEXT never
SELECT cloudflux.emit_events('analytics', 'test.readonly', ARRAY['x'], NULL);
ROLLBACK;

SELECT system_identifier = (SELECT system_identifier::text FROM pg_control_system()) AS this_cluster, timeline, lsn > '0/0' AS lsn FROM cloudflux.wal_identity();
