-- run_chores(): each chore by itself, in the foreground.
\set VERBOSITY terse
-- The keeper of this database must not run them for us.
-- only what this test needs; builtin rows are guarded
SET session_replication_role = replica;
UPDATE cloudflux.chores SET enabled = false;
RESET session_replication_role;

CREATE TABLE done (at timestamptz DEFAULT clock_timestamp(), what text, by text DEFAULT CURRENT_USER, xid xid8 DEFAULT pg_current_xact_id());
GRANT INSERT ON done TO cloudflux_worker;
CREATE FUNCTION cloudflux.t_good() RETURNS text LANGUAGE sql AS $$ INSERT INTO public.done (what) VALUES ('good') RETURNING 'one row' $$;
CREATE FUNCTION cloudflux.t_bad() RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.done (what) VALUES ('bad'); RAISE 'broken' USING ERRCODE = 'XX001'; END $$;
CREATE TABLE late (id int PRIMARY KEY, other int REFERENCES late DEFERRABLE INITIALLY DEFERRED);
GRANT ALL ON late TO cloudflux_worker;
CREATE FUNCTION cloudflux.t_late() RETURNS text LANGUAGE sql AS $$ INSERT INTO public.late VALUES (1, 2) RETURNING 'late' $$;

BEGIN;
INSERT INTO cloudflux.chores (chore_name, room, function_name, every, enabled) VALUES
	('a bad one', 'test', 't_bad', '1 hour', false),
	('b missing', 'test', 't_missing', '1 hour', false),
	('c late', 'test', 't_late', '1 hour', false),
	('d good', 'test', 't_good', '1 hour', false);
COMMIT;

-- a disabled chore is not due, but can be asked for
SET client_min_messages = warning;
CALL cloudflux.run_chores();
RESET client_min_messages;
SELECT count(*) FROM done;
CALL cloudflux.run_chores('d good');
CALL cloudflux.run_chores('a bad one');
CALL cloudflux.run_chores('b missing');
CALL cloudflux.run_chores('c late');
SELECT what, by FROM done;
SELECT chore_name, status, detail, sqlstate, finished_at >= started_at AS ended FROM cloudflux.chore_runs WHERE chore_name ~ '^. ' ORDER BY id;

-- a user's wish lies over the chore
INSERT INTO cloudflux.chore_settings VALUES ('d good', '2 days', NULL);
SELECT chore_name, every, enabled, last_status, due_at FROM cloudflux.chore_schedule WHERE chore_name = 'd good';

-- errors
CALL cloudflux.run_chores('nonesuch');
BEGIN;
CALL cloudflux.run_chores();
ROLLBACK;
DO $$ BEGIN CALL cloudflux.run_chores('d good'); END $$;
CREATE FUNCTION caller() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL cloudflux.run_chores(); END $$;
SELECT caller();
BEGIN READ ONLY;
CALL cloudflux.run_chores();
ROLLBACK;
CREATE ROLE regress_viewer IN ROLE cloudflux_viewer;
SET ROLE regress_viewer;
CALL cloudflux.run_chores();
RESET ROLE;

-- who may call it needs none of the workers' rights, and stays who it is
CREATE ROLE regress_admin IN ROLE cloudflux_admin;
SET ROLE regress_admin;
CALL cloudflux.run_chores('d good');
SELECT CURRENT_USER;
RESET ROLE;
SELECT what, by FROM done ORDER BY at;

-- old runs are forgotten
UPDATE cloudflux.chore_runs SET started_at = now() - interval '31 days' WHERE chore_name = 'c late';
SELECT cloudflux.forget_chore_runs();
SELECT cloudflux.forget_chore_runs() IS NULL AS nothing_more;
