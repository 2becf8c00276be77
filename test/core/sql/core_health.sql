-- health(): a row per component, whatever the checks do.
CREATE FUNCTION cloudflux.t_sick(OUT status text, OUT since timestamptz, OUT detail text, OUT hint text) RETURNS record LANGUAGE sql
	AS $$ SELECT 'degraded', '2026-01-01 00:00+00'::timestamptz, 'It coughs.', 'Give it rest.' $$;
CREATE FUNCTION cloudflux.t_dead(OUT status text, OUT since timestamptz, OUT detail text, OUT hint text) RETURNS record LANGUAGE plpgsql
	AS $$ BEGIN RAISE 'nobody at home'; END $$;
INSERT INTO cloudflux.health_checks VALUES ('t_sick', 'test', 't_sick'), ('t_dead', 'test', 't_dead'), ('t_missing', 'test', 't_missing');
SET timezone = 'UTC';
SELECT * FROM cloudflux.health() WHERE component ~ '^t_';
SELECT component FROM cloudflux.health() WHERE component IN ('workers', 'chores', 'events', 'partitions') AND status IN ('ok', 'degraded', 'failed');

-- a chore that fails is seen
-- only what this test needs; builtin rows are guarded
SET session_replication_role = replica;
UPDATE cloudflux.chores SET enabled = false;
RESET session_replication_role;
INSERT INTO cloudflux.chores VALUES ('t_chore', 'test', 't_missing', '1 year', true);
SET client_min_messages = error;
CALL cloudflux.run_chores('t_chore');
SELECT status, detail, hint FROM cloudflux.health() WHERE component = 'chores';

-- viewers may ask; who has no role may not
CREATE ROLE regress_viewer IN ROLE cloudflux_viewer;
CREATE ROLE regress_stranger;
SET ROLE regress_viewer;
SELECT component, status FROM cloudflux.health() WHERE component IN ('t_sick', 'chores');
SELECT count(*) FILTER (WHERE hint = 'Ask as a member of cloudflux_viewer.') AS refused FROM cloudflux.health() WHERE component IN ('workers', 'chores', 'events', 'partitions');
SELECT count(*) > 0 AS sees_workers FROM cloudflux.workers;
SELECT cloudflux.version() IS NOT NULL AS version;
SET ROLE regress_stranger;
SELECT * FROM cloudflux.health();
RESET ROLE;
