-- A search_path full of traps: whatever role cloudflux acts as, no operator or function of its caller's is ever run.
\set SHOW_CONTEXT never
\set VERBOSITY terse
\getenv places CF_PLACES
\set fast :places '/security_path_fast'
\set archive :places '/security_path_archive'
\set log :places '/security_path.log'
\setenv F :fast
\setenv A :archive
\! rm -rf "$F" "$A"; mkdir "$F" "$A"; chmod 777 "$F" "$A"
CREATE ROLE regress_trapper IN ROLE cloudflux_admin;
SELECT format('GRANT CREATE ON DATABASE %I TO regress_trapper', current_database()) \gexec
SELECT cloudflux.add_storage('fast', 'LOCAL', :'fast') AS fast, cloudflux.add_storage('archive', 'LOCAL', :'archive') AS archive \gset
GRANT USAGE ON FOREIGN SERVER fast, archive TO regress_trapper;
COPY (SELECT '192.0.2.1 - - [' || to_char(now() AT TIME ZONE 'UTC', 'DD/Mon/YYYY:HH24:MI:SS') || ' +0000] "GET /a HTTP/1.1" 200 9 "-" "-"') TO :'log';

-- The traps: every operator of the types that cloudflux uses, every ordinary function, some with other defaults
SET SESSION AUTHORIZATION regress_trapper;
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
DO $$
DECLARE
	o record;
	n int := 0;
	body text := $f$ LANGUAGE plpgsql AS $g$ BEGIN RAISE EXCEPTION 'trap %% is run by role %%', %L, current_user; END $g$ $f$;
BEGIN
	FOR o IN SELECT DISTINCT p.oprname, l.typname AS l, r.typname AS r, p.oprresult::regtype AS result
			   FROM pg_operator p JOIN pg_type l ON l.oid = p.oprleft JOIN pg_type r ON r.oid = p.oprright
			  WHERE p.oprnamespace = 'pg_catalog'::regnamespace AND r.typname <> 'internal'
			    AND l.typname IN ('text', 'int4', 'int8', 'timestamptz', 'interval', 'bool', 'oid', 'name', 'bytea', 'numeric',
								  'float8', 'jsonb', 'date', '_text', 'anyarray', 'anynonarray', 'char', 'xid', 'xid8', 'pg_lsn')
	LOOP
		n := n + 1;
		BEGIN
			EXECUTE format('CREATE FUNCTION trap.f%s (pg_catalog.%I, pg_catalog.%I) RETURNS %s', n, o.l, o.r, o.result)
				|| format(body, o.oprname);
			EXECUTE format('CREATE OPERATOR trap.%s (LEFTARG = pg_catalog.%I, RIGHTARG = pg_catalog.%I, FUNCTION = trap.f%s)',
						   o.oprname, o.l, o.r, n);
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
	FOR o IN SELECT p.proname, a.args, pg_get_function_result(p.oid) AS result
			   FROM pg_proc p
			  CROSS JOIN LATERAL (VALUES (pg_get_function_identity_arguments(p.oid)), (pg_get_function_arguments(p.oid))) a(args)
			  WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f'
			    AND pg_get_function_result(p.oid) NOT IN ('internal', 'trigger', 'event_trigger')
				AND pg_get_function_arguments(p.oid) !~ 'internal'
	LOOP
		BEGIN
			EXECUTE format('CREATE OR REPLACE FUNCTION trap.%I(%s) RETURNS %s', o.proname, o.args, o.result) || format(body, o.proname);
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
	CREATE FUNCTION trap.make_interval(secs double precision) RETURNS interval LANGUAGE plpgsql
		AS 'BEGIN RAISE EXCEPTION ''trap make_interval is run by role %'', current_user; END';
END
$$;
SELECT count(*) > 250 AS operators FROM pg_operator WHERE oprnamespace = 'trap'::regnamespace;
SELECT count(*) > 2000 AS functions FROM pg_proc WHERE pronamespace = 'trap'::regnamespace;
SET search_path = trap, pg_temp, pg_catalog;
SELECT 1 = 1;

-- Everything a user does; what matters is that no trap shows up
\o /dev/null
SELECT cloudflux.put_object('fast', 'a', 'one') AS a \gset
SELECT cloudflux.put_object('fast', 'b', 'two') AS b \gset
SELECT cloudflux.put_object('fast', 'c', 'two') AS c \gset
INSERT INTO cloudflux.data_objects (file_id, storage_location, size_gb) VALUES ('trap', 's3://trap/trap', 1.5) RETURNING id;
UPDATE cloudflux.data_objects SET metadata = '{"a": 1}';
INSERT INTO cloudflux.access_logs (file_id, latency_ms, bytes) VALUES (:'a', 1, 1);
UPDATE cloudflux.access_logs SET latency_ms = 2;
SELECT cloudflux.record_access(:'a');
TABLE cloudflux.access_counts;
CALL cloudflux.import_inventory('fast');
CALL cloudflux.import_inventory('fast', 'b');
SELECT cloudflux.migrate(:'a', 'archive', delete_source => true, grace => '1 day') AS job \gset
SELECT cloudflux.pause_migration(:'job');
SELECT cloudflux.resume_migration(:'job');
CALL cloudflux.run_migrations();
SELECT cloudflux.wait_for_migration(:'job');
SELECT cloudflux.rollback_migration(:'job');
CALL cloudflux.run_migrations();
SELECT cloudflux.wait_for_migration(:'job');
SELECT cloudflux.migrate(:'b', 'archive') AS job \gset
SELECT cloudflux.cancel_migration(:'job');
SELECT cloudflux.retry_migration(:'job');
SELECT cloudflux.plan_migration('archive', must_pay => false) AS plan \gset
SELECT cloudflux.execute_plan(:plan);
TABLE cloudflux.migration_progress;
CALL cloudflux.run_migrations();
TABLE cloudflux.migration_plans;
TABLE cloudflux.migration_performance;
SELECT cloudflux.delete_object(:'c');
CALL cloudflux.run_migrations();
SELECT cloudflux.put_object('fast', 'd', 'four') AS d \gset
SELECT cloudflux.migrate_bulk(ARRAY[:'d'], 'archive', delete_source => true);
CALL cloudflux.run_migrations();
SELECT cloudflux.get_object(:'b'), cloudflux.object_url(:'b'), cloudflux.object_metadata(:'b');
SELECT cloudflux.copy_object(:'b', 'archive', 'copy');
SELECT cloudflux.estimate_storage_cost('AWS', 'us-east-1', 'STANDARD', 5);
SELECT cloudflux.estimate_migration(:'b', 'archive');
SELECT cloudflux.classify(:'a');
SELECT cloudflux.classify_objects();
SELECT cloudflux.explain_object(:'a');
TABLE cloudflux.overview;
TABLE cloudflux.trends;
TABLE cloudflux.tier_statistics;
TABLE cloudflux.cloud_distribution;
TABLE cloudflux.object_prices;
TABLE cloudflux.chore_schedule;
TABLE cloudflux.event_lag;
TABLE cloudflux.workers;
SELECT cloudflux.health();
SELECT cloudflux.list_objects('fast');
SELECT cloudflux.find_uploads('fast', NULL);
INSERT INTO cloudflux.user_policies (policy_name, policy_type, conditions, actions) VALUES ('trap', 'auto_tier', '{}', '{"dest_tier": "COLD"}');
DELETE FROM cloudflux.data_objects WHERE file_id OPERATOR(pg_catalog.=) 'trap';

-- … and what only a superuser may
RESET SESSION AUTHORIZATION;
SET search_path = trap, pg_temp, pg_catalog;
CALL cloudflux.run_chores();
SET client_min_messages = warning;
CALL cloudflux.import_access_log('fast', 'apache', :'log');
SELECT cloudflux.check_storage('fast'), cloudflux.adopt_storage('fast');
SELECT cloudflux.ensure_partitions(), cloudflux.drop_old_partitions(), cloudflux.roll_up_costs(), cloudflux.refresh_monthly_costs();
SELECT cloudflux.fold_accesses(), cloudflux.refresh_access_counts(), cloudflux.sweep_uploads(), cloudflux.forget_old_jobs();
\o
SELECT pg_catalog.set_config('search_path', 'public', false);
SELECT status, count(*) FROM cloudflux.migration_jobs GROUP BY status ORDER BY status;

DROP SCHEMA trap CASCADE;
DROP OWNED BY regress_trapper;
DROP ROLE regress_trapper;
\! rm -rf "$F" "$A"
