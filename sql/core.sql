/*
 * core: the skeleton that all rooms stand on: ids, chores and their ledger, partitions, health, the workers seen
 * from SQL.
 *
 * Rooms register small periodic work as rows of `chores`, tables that need partitions as rows of
 * `partitioned_tables` and health checks as rows of `health_checks`, so core knows none of them. The keeper and
 * pg_cron both call the one locked procedure run_chores(). Builtin rows are never edited: a user's wish is a row of
 * `chore_settings` or `partition_settings` over them, or it would vanish at a restore.
 */

-- What this SQL asks of the library: CF_ABI in src/core/core.h. First, because every C function looks here.
CREATE FUNCTION cloudflux.abi() RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1;

CREATE FUNCTION cloudflux.library_version() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_library_version';

CREATE FUNCTION cloudflux.version() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT 'cloudflux ' || e.extversion ||
	       CASE WHEN cloudflux.library_version() <> e.extversion THEN ' (library ' || cloudflux.library_version() || ')' ELSE '' END ||
	       ' on PostgreSQL ' || current_setting('server_version')
	  FROM pg_catalog.pg_extension AS e
	 WHERE e.extname = 'cloudflux';
END;

CREATE FUNCTION cloudflux.new_id() RETURNS text
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cloudflux_new_id';

COMMENT ON FUNCTION cloudflux.abi() IS 'Number of the interface that this SQL asks of the library. A library with a smaller one refuses to work until the server is restarted.';
COMMENT ON FUNCTION cloudflux.library_version() IS 'Version of the library that this session has loaded; after a package upgrade it may differ from the extension''s.';
COMMENT ON FUNCTION cloudflux.version() IS 'Versions of cloudflux and of the server, in one line.';
COMMENT ON FUNCTION cloudflux.new_id() IS 'A new identifier of 26 characters that sorts by the time it was made (a ULID: 48 bits of milliseconds, 80 random bits). Those of one session strictly grow.';

-- Rows that came with the extension stay as they are: a dump leaves them out, so a change would be lost. One trigger for all tables
-- with a column builtin; its argument is the hint.
CREATE FUNCTION cloudflux.guard_builtin() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF (TG_OP <> 'INSERT' AND OLD.builtin) OR
	   (TG_OP <> 'DELETE' AND NEW.builtin AND NOT (TG_OP = 'INSERT' AND (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = CURRENT_USER))) THEN
		RAISE EXCEPTION 'builtin rows of "%" cannot be changed', TG_TABLE_NAME
			USING ERRCODE = 'insufficient_privilege', HINT = TG_ARGV[0];
	END IF;
	IF TG_OP = 'DELETE' THEN
		RETURN OLD;
	END IF;
	RETURN NEW;
END
$$;

COMMENT ON FUNCTION cloudflux.guard_builtin() IS 'Trigger: refuses changes of rows that came with the extension (42501). Only a superuser, as who installs, inserts them.';

-- Chores

CREATE TABLE cloudflux.chores (
	chore_name    text PRIMARY KEY,
	room          text NOT NULL,
	function_name text NOT NULL,           -- a function of schema cloudflux without arguments that returns text (what it did, NULL = nothing)
	every         interval NOT NULL CHECK (every > interval '0'),
	enabled       boolean NOT NULL DEFAULT true,
	builtin       boolean NOT NULL DEFAULT false
);

CREATE TRIGGER chores_builtin BEFORE INSERT OR UPDATE OR DELETE ON cloudflux.chores FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_builtin('Say what you wish in a row of chore_settings.');
COMMENT ON TRIGGER chores_builtin ON cloudflux.chores IS 'Keeps builtin rows as they are.';

COMMENT ON TABLE cloudflux.chores IS 'Small work that is done again and again, by the keeper or by CALL run_chores().';
COMMENT ON COLUMN cloudflux.chores.chore_name IS 'Name of the chore.';
COMMENT ON COLUMN cloudflux.chores.room IS 'Part of cloudflux that it belongs to.';
COMMENT ON COLUMN cloudflux.chores.function_name IS 'Function of schema cloudflux, callable without arguments, that does it and returns as text what it did (NULL = nothing). It runs as role cloudflux_worker.';
COMMENT ON COLUMN cloudflux.chores.every IS 'How long after one run has started the next one is due.';
COMMENT ON COLUMN cloudflux.chores.enabled IS 'False: never due. Switch a builtin chore off in chore_settings.';
COMMENT ON COLUMN cloudflux.chores.builtin IS 'Came with the extension; not dumped, not to be edited.';

-- A user's wish about a builtin chore: a row over it, since builtin rows are never edited.
CREATE TABLE cloudflux.chore_settings (
	chore_name text PRIMARY KEY,
	every      interval CHECK (every > interval '0'),
	enabled    boolean
);

COMMENT ON TABLE cloudflux.chore_settings IS 'Your wishes about chores; each overrides the chore of that name.';
COMMENT ON COLUMN cloudflux.chore_settings.chore_name IS 'The chore.';
COMMENT ON COLUMN cloudflux.chore_settings.every IS 'How often; NULL = as it came.';
COMMENT ON COLUMN cloudflux.chore_settings.enabled IS 'False switches it off; NULL = as it came.';

CREATE TABLE cloudflux.chore_runs (
	id          bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	chore_name  text NOT NULL,
	started_at  timestamptz NOT NULL,
	finished_at timestamptz,
	status      text NOT NULL CHECK (status IN ('running', 'ok', 'failed')),
	detail      text,
	sqlstate    text
);
CREATE INDEX chore_runs_chore ON cloudflux.chore_runs (chore_name, started_at DESC);
CREATE INDEX chore_runs_running ON cloudflux.chore_runs (id) WHERE status = 'running';

COMMENT ON TABLE cloudflux.chore_runs IS 'Ledger of chores: one row per run, kept 30 days; not dumped.';
COMMENT ON COLUMN cloudflux.chore_runs.id IS 'Grows with each run.';
COMMENT ON COLUMN cloudflux.chore_runs.chore_name IS 'The chore.';
COMMENT ON COLUMN cloudflux.chore_runs.started_at IS 'When the run began.';
COMMENT ON COLUMN cloudflux.chore_runs.finished_at IS 'When it ended; NULL while it runs.';
COMMENT ON COLUMN cloudflux.chore_runs.status IS 'running, ok or failed.';
COMMENT ON COLUMN cloudflux.chore_runs.detail IS 'What it did (NULL = there was nothing to do), or the error message.';
COMMENT ON COLUMN cloudflux.chore_runs.sqlstate IS 'SQLSTATE of a failed run; 57P01 when the server or the session ended in the middle.';

CREATE VIEW cloudflux.chore_schedule WITH (security_invoker = true) AS
SELECT c.chore_name, c.room, c.function_name,
       COALESCE(s.every, c.every) AS every,
       COALESCE(s.enabled, c.enabled) AS enabled,
       r.started_at AS last_started_at, r.finished_at AS last_finished_at, r.status AS last_status, r.detail AS last_detail,
       CASE WHEN COALESCE(s.enabled, c.enabled) THEN COALESCE(r.started_at + COALESCE(s.every, c.every), '-infinity') END AS due_at
  FROM cloudflux.chores AS c
  LEFT JOIN cloudflux.chore_settings AS s ON s.chore_name = c.chore_name
  LEFT JOIN LATERAL (SELECT l.started_at, l.finished_at, l.status, l.detail
                       FROM cloudflux.chore_runs AS l
                      WHERE l.chore_name = c.chore_name
                      ORDER BY l.started_at DESC
                      LIMIT 1) AS r ON true;

COMMENT ON VIEW cloudflux.chore_schedule IS 'Every chore as it is in force: your wishes applied, its last run, and when it is due.';
COMMENT ON COLUMN cloudflux.chore_schedule.chore_name IS 'Name of the chore.';
COMMENT ON COLUMN cloudflux.chore_schedule.room IS 'Part of cloudflux that it belongs to.';
COMMENT ON COLUMN cloudflux.chore_schedule.function_name IS 'Function that does it.';
COMMENT ON COLUMN cloudflux.chore_schedule.every IS 'How often it is done.';
COMMENT ON COLUMN cloudflux.chore_schedule.enabled IS 'Whether it is done at all.';
COMMENT ON COLUMN cloudflux.chore_schedule.last_started_at IS 'When its last run began; NULL = it never ran.';
COMMENT ON COLUMN cloudflux.chore_schedule.last_finished_at IS 'When its last run ended.';
COMMENT ON COLUMN cloudflux.chore_schedule.last_status IS 'running, ok or failed.';
COMMENT ON COLUMN cloudflux.chore_schedule.last_detail IS 'What the last run did, or its error message.';
COMMENT ON COLUMN cloudflux.chore_schedule.due_at IS 'When it is due; -infinity = it never ran; NULL = disabled.';

CREATE FUNCTION cloudflux.begin_chore(p_chore text, p_round_at timestamptz, OUT run_id bigint, OUT function_name text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_chore record;
BEGIN
	-- The caller holds the lock, so nobody is running these any more.
	UPDATE cloudflux.chore_runs AS r
	   SET status = 'failed', finished_at = clock_timestamp(), sqlstate = '57P01', detail = 'the server or the session ended while it ran'
	 WHERE r.status = 'running';

	SELECT c.chore_name, c.function_name INTO v_chore
	  FROM cloudflux.chore_schedule AS c
	 WHERE CASE WHEN p_chore IS NULL THEN c.due_at <= p_round_at ELSE c.chore_name = p_chore END
	 ORDER BY c.due_at, c.chore_name
	 LIMIT 1;
	IF NOT FOUND THEN
		IF p_chore IS NOT NULL THEN
			RAISE EXCEPTION 'chore "%" does not exist', p_chore
				USING ERRCODE = '02000', HINT = 'View "cloudflux.chore_schedule" lists the chores.';
		END IF;
		RETURN;
	END IF;
	INSERT INTO cloudflux.chore_runs (chore_name, started_at, status)
	VALUES (v_chore.chore_name, GREATEST(clock_timestamp(), p_round_at + interval '1 microsecond'), 'running')
	RETURNING id INTO run_id;
	function_name := v_chore.function_name;
	RETURN NEXT;
END
$$;

COMMENT ON FUNCTION cloudflux.begin_chore(text, timestamptz) IS
'Part of run_chores(): picks the chore that is due longest at p_round_at, or the named one, and writes its row of chore_runs. No row when none is due; error 02000 when the named one does not exist.';

-- lock_timeout: who keeps a transaction open must not hold up all chores, and the keeper's other duties with them.
CREATE FUNCTION cloudflux.run_chore(p_run_id bigint, p_function_name text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
	v_status text := 'ok';
	v_detail text;
	v_state  text;
BEGIN
	BEGIN
		EXECUTE format('SELECT (cloudflux.%I())::pg_catalog.text', p_function_name) INTO v_detail;
		SET CONSTRAINTS ALL IMMEDIATE;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS v_detail = MESSAGE_TEXT, v_state = RETURNED_SQLSTATE;
		v_status := 'failed';
		RAISE WARNING 'chore function cloudflux.% failed: %', p_function_name, v_detail USING ERRCODE = v_state;
	END;
	UPDATE cloudflux.chore_runs AS r
	   SET status = v_status, finished_at = clock_timestamp(), detail = v_detail, sqlstate = v_state
	 WHERE r.id = p_run_id;
END
$$;

COMMENT ON FUNCTION cloudflux.run_chore(bigint, text) IS
'Part of run_chores(): calls one chore''s function and completes the row of chore_runs; what the function raises is recorded there, not passed on (a cancel is). A chore that waits for a lock for 5 seconds fails (55P03) and is tried again when it is due.';

CREATE FUNCTION cloudflux.next_chore_at() RETURNS timestamptz
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT min(c.due_at) FROM cloudflux.chore_schedule AS c;
END;

COMMENT ON FUNCTION cloudflux.next_chore_at() IS 'When the next chore is due; NULL when all are disabled.';

CREATE PROCEDURE cloudflux.run_chores(p_chore text DEFAULT NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'cloudflux_run_chores';

COMMENT ON PROCEDURE cloudflux.run_chores(text) IS
'Runs the chores that are due, each in a transaction of its own, as role cloudflux_worker; with a name, runs that chore at once. A failing chore does not stop the others: see chore_runs. When another session is at it, a NOTICE says so; a named chore waits for that session. It commits, so it fails with 25001 inside a transaction block.';

CREATE FUNCTION cloudflux.forget_chore_runs() RETURNS text
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	WITH gone AS (
		DELETE FROM cloudflux.chore_runs AS r
		 WHERE r.started_at < now() - interval '30 days'
		RETURNING 1)
	SELECT CASE WHEN count(*) > 0 THEN count(*) || ' old runs forgotten' END FROM gone;
END;

COMMENT ON FUNCTION cloudflux.forget_chore_runs() IS 'Chore: deletes rows of chore_runs that are older than 30 days.';

-- Partitions

-- Tables partitioned by time whose partitions core makes ahead and drops when they are too old.
CREATE TABLE cloudflux.partitioned_tables (
	table_name text PRIMARY KEY,
	period     text NOT NULL CHECK (period IN ('day', 'week', 'month')),
	ahead      int NOT NULL DEFAULT 2 CHECK (ahead BETWEEN 0 AND 100),     -- partitions made beyond the present one
	retention  interval CHECK (retention > interval '0'),                  -- NULL = keep for ever
	builtin    boolean NOT NULL DEFAULT false
);

CREATE TRIGGER partitioned_tables_builtin BEFORE INSERT OR UPDATE OR DELETE ON cloudflux.partitioned_tables FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_builtin('Say what you wish in a row of partition_settings.');
COMMENT ON TRIGGER partitioned_tables_builtin ON cloudflux.partitioned_tables IS 'Keeps builtin rows as they are.';

COMMENT ON TABLE cloudflux.partitioned_tables IS 'Tables of schema cloudflux that are partitioned by a time or a date, and have a default partition: ensure_partitions() and drop_old_partitions() look after them.';
COMMENT ON COLUMN cloudflux.partitioned_tables.table_name IS 'Name of the table, in schema cloudflux.';
COMMENT ON COLUMN cloudflux.partitioned_tables.period IS 'What one partition holds: a day, a week (from Monday) or a month, in UTC.';
COMMENT ON COLUMN cloudflux.partitioned_tables.ahead IS 'How many partitions are made ahead of the present one.';
COMMENT ON COLUMN cloudflux.partitioned_tables.retention IS 'How long rows are kept; NULL = for ever.';
COMMENT ON COLUMN cloudflux.partitioned_tables.builtin IS 'Came with the extension; not dumped, not to be edited.';

-- A user's wish about a builtin partitioned table.
CREATE TABLE cloudflux.partition_settings (
	table_name text PRIMARY KEY,
	ahead      int CHECK (ahead BETWEEN 0 AND 100),
	retention  interval CHECK (retention > interval '0'),
	keep       boolean NOT NULL DEFAULT false                              -- true: never drop, whatever the retention is
);

COMMENT ON TABLE cloudflux.partition_settings IS 'Your wishes about partitioned tables; each overrides the row of that name in partitioned_tables.';
COMMENT ON COLUMN cloudflux.partition_settings.table_name IS 'The table.';
COMMENT ON COLUMN cloudflux.partition_settings.ahead IS 'How many partitions are made ahead; NULL = as it came.';
COMMENT ON COLUMN cloudflux.partition_settings.retention IS 'How long rows are kept; NULL = as it came.';
COMMENT ON COLUMN cloudflux.partition_settings.keep IS 'True: rows are kept for ever.';

CREATE FUNCTION cloudflux.partition_name(p_table text, p_period text, p_start timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_table || CASE p_period
	WHEN 'day' THEN to_char(p_start AT TIME ZONE 'UTC', '_YYYY_MM_DD')
	WHEN 'week' THEN to_char(p_start AT TIME ZONE 'UTC', '_IYYY"w"IW')
	ELSE to_char(p_start AT TIME ZONE 'UTC', '_YYYY_MM') END;

COMMENT ON FUNCTION cloudflux.partition_name(text, text, timestamptz) IS 'Name of the partition that holds p_start: access_logs_2026_11, events_2026w47, metrics_2026_11_21.';

CREATE FUNCTION cloudflux.runs_partitions_here() RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_group int;
BEGIN
	IF to_regclass('pg_catalog.pg_dist_local_group') IS NULL THEN
		RETURN true;
	END IF;
	EXECUTE 'SELECT groupid FROM pg_catalog.pg_dist_local_group' INTO v_group;
	RETURN COALESCE(v_group, 0) = 0;
END
$$;

COMMENT ON FUNCTION cloudflux.runs_partitions_here() IS 'False on a Citus worker node: there the coordinator makes and drops partitions.';

CREATE FUNCTION cloudflux.make_partition(p_table text, p_name text, p_from timestamptz, p_to timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_parent  regclass := format('cloudflux.%I', p_table)::regclass;
	v_leaf    regclass;
	v_key     text;
	v_bounds  text[];
	v_columns text;
	v_moved   bigint;
	v_owner   text;
BEGIN
	SELECT p.partdefid::regclass, a.attname, ARRAY[format_type(a.atttypid, NULL), '']
	  INTO v_leaf, v_key, v_bounds
	  FROM pg_partitioned_table AS p
	  JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
	 WHERE p.partrelid = v_parent AND p.partdefid <> 0;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'table "cloudflux.%" is not partitioned or has no default partition', p_table
			USING ERRCODE = 'wrong_object_type', HINT = 'Correct its row in "cloudflux.partitioned_tables".';
	END IF;
	-- A date takes the day of the bound, a timestamptz the moment; both are written in UTC.
	v_bounds := CASE v_bounds[1] WHEN 'date' THEN ARRAY[(p_from AT TIME ZONE 'UTC')::date::text, (p_to AT TIME ZONE 'UTC')::date::text]
	                             ELSE ARRAY[to_char(p_from AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS+00'), to_char(p_to AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS+00')] END;
	SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO v_columns
	  FROM pg_attribute AS a
	 WHERE a.attrelid = v_leaf AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
	SELECT quote_ident(r.rolname) INTO v_owner FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner WHERE c.oid = v_parent;

	-- Nobody may add a row to the default partition between moving its rows and attaching, hence the lock first. The parent
	-- is locked before it, by the caller: an INSERT that had chosen the default partition already, and waited for it, would fail afterwards; and a
	-- query that had asked the parent for its partitions, and waited, would look for the moved rows where they no longer are, and miss them.
	EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', v_leaf);
	EXECUTE format('CREATE TABLE cloudflux.%I (LIKE %s INCLUDING ALL EXCLUDING IDENTITY)', p_name, v_leaf);
	EXECUTE format('ALTER TABLE cloudflux.%I OWNER TO %s', p_name, v_owner);
	EXECUTE format('WITH moved AS (DELETE FROM ONLY %s WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO cloudflux.%I (%s) SELECT %s FROM moved',
		v_leaf, v_key, v_bounds[1], v_key, v_bounds[2], p_name, v_columns, v_columns);
	GET DIAGNOSTICS v_moved = ROW_COUNT;
	-- With this check the server need not read the new table to attach it.
	EXECUTE format('ALTER TABLE cloudflux.%I ADD CONSTRAINT cloudflux_bounds CHECK (%I IS NOT NULL AND %I >= %L AND %I < %L)',
		p_name, v_key, v_key, v_bounds[1], v_key, v_bounds[2]);
	EXECUTE format('ALTER TABLE %s ATTACH PARTITION cloudflux.%I FOR VALUES FROM (%L) TO (%L)', v_parent, p_name, v_bounds[1], v_bounds[2]);
	EXECUTE format('ALTER TABLE cloudflux.%I DROP CONSTRAINT cloudflux_bounds', p_name);
	EXECUTE format('COMMENT ON TABLE cloudflux.%I IS %L', p_name, format('Rows of %s from %s until before %s.', p_table, v_bounds[1], v_bounds[2]));
	RETURN v_moved;
END
$$;

COMMENT ON FUNCTION cloudflux.make_partition(text, text, timestamptz, timestamptz) IS
'Part of ensure_partitions(), which has locked the table: makes one partition like the default one (columns, checks, indexes; nobody may read it but through the table), moves the rows that belong into it out of the default partition, attaches it, and returns how many rows it moved.';

/*
 * A transaction of a user that writes to two tables could wait for one that is locked here while the other is waited for here; after
 * deadlock_timeout the server would end one of the two, and it could be the user's. So while a table is locked the others are waited for
 * a quarter of that time, all together: who has short transactions is waited for, and a deadlock is resolved before anybody notices it.
 */
CREATE FUNCTION cloudflux.lock_for_partitions(p_table regclass, p_wait interval) RETURNS interval
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_began timestamptz := clock_timestamp();
	v_ms    int := extract(epoch FROM p_wait) * 1000;
BEGIN
	PERFORM set_config('lock_timeout', GREATEST(v_ms, 1)::text, true);
	EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE %s', p_table, CASE WHEN v_ms > 0 THEN '' ELSE 'NOWAIT' END);
	RETURN clock_timestamp() - v_began;
END
$$;

COMMENT ON FUNCTION cloudflux.lock_for_partitions(regclass, interval) IS
'Part of ensure_partitions() and drop_old_partitions(): locks a table whose partitions change; waits as long as p_wait at most (55P03), and returns how long it did. While other tables are locked already that is a quarter of deadlock_timeout in all, so that no transaction of a user ends in a deadlock with this one.';

CREATE FUNCTION cloudflux.ensure_partitions(p_now timestamptz) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
DECLARE
	v_table record;
	v_from  timestamptz;
	v_to    timestamptz;
	v_name  text;
	v_moved bigint;
	v_made  int := 0;
	v_rows  bigint := 0;
	v_failed text[] := '{}';
	v_busy   text[] := '{}';
	v_wait   interval := current_setting('deadlock_timeout')::interval / 4;
BEGIN
	IF NOT cloudflux.runs_partitions_here() THEN
		RETURN NULL;
	END IF;
	FOR v_table IN
		SELECT t.table_name, t.period, COALESCE(s.ahead, t.ahead) AS ahead
		  FROM cloudflux.partitioned_tables AS t
		  LEFT JOIN cloudflux.partition_settings AS s ON s.table_name = t.table_name
		 ORDER BY t.table_name
	LOOP
		FOR v_step IN 0 .. v_table.ahead LOOP
			v_from := date_trunc(v_table.period, p_now) + v_step * ('1 ' || v_table.period)::interval;
			v_to := v_from + ('1 ' || v_table.period)::interval;
			v_name := cloudflux.partition_name(v_table.table_name, v_table.period, v_from);
			CONTINUE WHEN to_regclass(format('cloudflux.%I', v_name)) IS NOT NULL;
			BEGIN
				IF v_made = 0 THEN
					PERFORM cloudflux.lock_for_partitions(format('cloudflux.%I', v_table.table_name), '2 s');
				ELSE
					v_wait := v_wait - cloudflux.lock_for_partitions(format('cloudflux.%I', v_table.table_name), v_wait);
				END IF;
				v_moved := cloudflux.make_partition(v_table.table_name, v_name, v_from, v_to);
				v_made := v_made + 1;
				v_rows := v_rows + v_moved;
			EXCEPTION WHEN OTHERS THEN
				IF v_made > 0 AND SQLSTATE = '55P03' THEN
					v_busy := v_busy || v_name;
					v_wait := '0';
					EXIT;
				END IF;
				-- One table in trouble must not keep the others from getting theirs, nor undo what was made.
				v_failed := v_failed || v_name;
				RAISE WARNING 'could not make partition "%": %', v_name, SQLERRM
					USING ERRCODE = SQLSTATE, HINT = 'It is tried again by itself; rows go to the default partition meanwhile.';
				EXIT;
			END;
		END LOOP;
	END LOOP;
	IF v_made = 0 AND v_failed = '{}' THEN
		RETURN NULL;
	END IF;
	RETURN format('%s partitions made, %s rows moved into them', v_made, v_rows) ||
		CASE WHEN v_busy <> '{}' THEN ', left for the next run: ' || array_to_string(v_busy, ', ') ELSE '' END ||
		CASE WHEN v_failed <> '{}' THEN ', could not make ' || array_to_string(v_failed, ', ') ELSE '' END;
END
$$;

COMMENT ON FUNCTION cloudflux.ensure_partitions(timestamptz) IS
'Makes the partitions of the period that p_now lies in and of those ahead that are missing, and moves rows of the default partition that belong there. Waits at most 2 seconds for the lock on the first table, and a quarter of deadlock_timeout for all others; a table that is in use for longer gets its partitions at the next run. Returns what it did, NULL when nothing was missing. SECURITY DEFINER, because partitions belong to the owner of the table.';

CREATE FUNCTION cloudflux.ensure_partitions() RETURNS text
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT cloudflux.ensure_partitions(now());
END;

COMMENT ON FUNCTION cloudflux.ensure_partitions() IS 'Chore: makes the partitions of the present and of the near future that are missing. Returns what it did, NULL when nothing was missing.';

CREATE FUNCTION cloudflux.list_partitions(p_table text, OUT partition_name text, OUT until timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
	SELECT c.relname::text, (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz
	  FROM pg_inherits AS i
	  JOIN pg_class AS c ON c.oid = i.inhrelid
	 WHERE i.inhparent = to_regclass(format('cloudflux.%I', p_table))
	   AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'
$$;

COMMENT ON FUNCTION cloudflux.list_partitions(text) IS 'Partitions of a table of schema cloudflux, but the default one, and the moment before which their rows lie (NULL = without end).';

CREATE FUNCTION cloudflux.drop_old_partitions(p_now timestamptz) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
DECLARE
	v_table     record;
	v_partition record;
	v_leaf      regclass;
	v_key       text;
	v_gone      bigint;
	v_dropped   text[] := '{}';
	v_busy      text[] := '{}';
	v_wait      interval := current_setting('deadlock_timeout')::interval / 4;
	v_rows      bigint := 0;
BEGIN
	IF NOT cloudflux.runs_partitions_here() THEN
		RETURN NULL;
	END IF;
	FOR v_table IN
		SELECT t.table_name, p_now - COALESCE(s.retention, t.retention) AS cutoff
		  FROM cloudflux.partitioned_tables AS t
		  LEFT JOIN cloudflux.partition_settings AS s ON s.table_name = t.table_name
		 WHERE COALESCE(s.retention, t.retention) IS NOT NULL AND NOT COALESCE(s.keep, false)
		 ORDER BY t.table_name
	LOOP
		FOR v_partition IN
			SELECT l.partition_name FROM cloudflux.list_partitions(v_table.table_name) AS l
			 WHERE l.until <= v_table.cutoff ORDER BY l.until
		LOOP
			BEGIN
				IF v_dropped = '{}' THEN
					PERFORM cloudflux.lock_for_partitions(format('cloudflux.%I', v_table.table_name), '2 s');
				ELSE
					v_wait := v_wait - cloudflux.lock_for_partitions(format('cloudflux.%I', v_table.table_name), v_wait);
				END IF;
				EXECUTE format('DROP TABLE cloudflux.%I', v_partition.partition_name);
				v_dropped := v_dropped || v_partition.partition_name;
			EXCEPTION WHEN lock_not_available THEN
				v_busy := v_busy || v_partition.partition_name;
				v_wait := '0';
			END;
		END LOOP;
		-- Late rows went to the default partition; the few that are too old leave it a bounded bit at a time.
		SELECT p.partdefid::regclass, a.attname INTO v_leaf, v_key
		  FROM pg_partitioned_table AS p
		  JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
		 WHERE p.partrelid = to_regclass(format('cloudflux.%I', v_table.table_name)) AND p.partdefid <> 0;
		CONTINUE WHEN NOT FOUND;
		EXECUTE format('DELETE FROM ONLY %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM ONLY %s WHERE %I < $1 LIMIT 10000))', v_leaf, v_leaf, v_key)
			USING v_table.cutoff;
		GET DIAGNOSTICS v_gone = ROW_COUNT;
		v_rows := v_rows + v_gone;
	END LOOP;
	IF v_busy <> '{}' THEN
		RAISE WARNING 'could not drop partitions %: they are in use', array_to_string(v_busy, ', ')
			USING ERRCODE = 'lock_not_available', HINT = 'It is tried again at the next run.';
	END IF;
	IF v_dropped = '{}' AND v_rows = 0 THEN
		RETURN NULL;
	END IF;
	RETURN format('%s partitions dropped (%s), %s late rows deleted', cardinality(v_dropped), array_to_string(v_dropped, ', '), v_rows);
END
$$;

COMMENT ON FUNCTION cloudflux.drop_old_partitions(timestamptz) IS
'Drops partitions whose rows are all older, at p_now, than the retention of their table, and deletes rows as old from the default partition, at most 10,000 per run. A partition that stays in use for 2 seconds is left for the next run, with a WARNING. Returns what it did, NULL when nothing was too old. SECURITY DEFINER, because partitions belong to the owner of the table.';

CREATE FUNCTION cloudflux.drop_old_partitions() RETURNS text
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT cloudflux.drop_old_partitions(now());
END;

COMMENT ON FUNCTION cloudflux.drop_old_partitions() IS 'Chore: drops partitions that are older than the retention of their table. Returns what it did, NULL when nothing was too old.';

-- Workers

CREATE FUNCTION cloudflux.list_workers(
	OUT worker text, OUT database_oid oid, OUT index int, OUT pid int, OUT state text,
	OUT started_at timestamptz, OUT active_at timestamptz, OUT failures int, OUT next_start_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cloudflux_list_workers';

COMMENT ON FUNCTION cloudflux.list_workers() IS 'The launcher and all wanted workers of the server, from shared memory; no row when the library is not preloaded. View workers is the same with names of databases.';

CREATE FUNCTION cloudflux.unmet_workers(OUT preloaded boolean, OUT unmet int, OUT since timestamptz)
RETURNS record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cloudflux_unmet_workers';

COMMENT ON FUNCTION cloudflux.unmet_workers() IS 'Whether the library is preloaded, how many wanted workers the server has no free slot for, and since when (NULL = all have one).';

CREATE FUNCTION cloudflux.wake_launcher() RETURNS void
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'cloudflux_wake_launcher';

COMMENT ON FUNCTION cloudflux.wake_launcher() IS 'Makes the launcher look into this database when the transaction commits; CREATE EXTENSION calls it. In a session with row_security = off, which is what a restore of a dump is, workers start when the session ends.';

CREATE VIEW cloudflux.workers WITH (security_invoker = true) AS
SELECT w.worker, d.datname::text AS database, w.index, w.pid, w.state, w.started_at, w.active_at, w.failures, w.next_start_at
  FROM cloudflux.list_workers() AS w
  LEFT JOIN pg_catalog.pg_database AS d ON d.oid = w.database_oid;

COMMENT ON VIEW cloudflux.workers IS 'The background workers of the whole server: those that run, and those that should. Empty when the library is not in shared_preload_libraries.';
COMMENT ON COLUMN cloudflux.workers.worker IS 'Kind: launcher (one per server), keeper (one per database), mover, …';
COMMENT ON COLUMN cloudflux.workers.database IS 'Database that it works for; NULL for the launcher.';
COMMENT ON COLUMN cloudflux.workers.index IS 'Which of several workers of its kind, from 0.';
COMMENT ON COLUMN cloudflux.workers.pid IS 'Its process; NULL when it does not run.';
COMMENT ON COLUMN cloudflux.workers.state IS 'busy, idle, backing off (its last step failed), starting, or waiting (to be started).';
COMMENT ON COLUMN cloudflux.workers.started_at IS 'When the process started.';
COMMENT ON COLUMN cloudflux.workers.active_at IS 'When it last had something to do.';
COMMENT ON COLUMN cloudflux.workers.failures IS 'Steps that failed, see the server''s log.';
COMMENT ON COLUMN cloudflux.workers.next_start_at IS 'When it is to be started; NULL when it runs.';

-- Health

CREATE TABLE cloudflux.health_checks (
	component     text PRIMARY KEY,
	room          text NOT NULL,
	function_name text NOT NULL,           -- a function of schema cloudflux without arguments that returns (status text, since timestamptz, detail text, hint text)
	builtin       boolean NOT NULL DEFAULT false
);

COMMENT ON TABLE cloudflux.health_checks IS 'What health() asks.';
COMMENT ON COLUMN cloudflux.health_checks.component IS 'Name of the component that is checked.';
COMMENT ON COLUMN cloudflux.health_checks.room IS 'Part of cloudflux that it belongs to.';
COMMENT ON COLUMN cloudflux.health_checks.function_name IS 'Function of schema cloudflux without arguments that returns (status ok | degraded | failed, since timestamptz, detail text, hint text).';
COMMENT ON COLUMN cloudflux.health_checks.builtin IS 'Came with the extension; not dumped, not to be edited.';

CREATE FUNCTION cloudflux.health(OUT component text, OUT status text, OUT since timestamptz, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_check record;
BEGIN
	FOR v_check IN SELECT c.component, c.function_name FROM cloudflux.health_checks AS c ORDER BY c.component LOOP
		BEGIN
			FOR component, status, since, detail, hint IN
				EXECUTE format('SELECT %L::pg_catalog.text, c.status, c.since, c.detail, c.hint FROM cloudflux.%I() AS c', v_check.component, v_check.function_name)
			LOOP
				RETURN NEXT;
			END LOOP;
		EXCEPTION WHEN OTHERS THEN
			component := v_check.component;
			status := 'failed';
			since := NULL;
			detail := 'The check itself failed: ' || SQLERRM;
			hint := CASE WHEN SQLSTATE = '42501' THEN 'Ask as a member of cloudflux_viewer.' END;
			RETURN NEXT;
		END;
	END LOOP;
END
$$;

COMMENT ON FUNCTION cloudflux.health() IS
'What is wrong, in words: one row per component with status ok, degraded (it works, but look) or failed, since when (NULL = not known), what was found and what to do. Works on a hot standby.';

CREATE FUNCTION cloudflux.check_workers(OUT status text, OUT since timestamptz, OUT detail text, OUT hint text)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_server   record;
	v_launcher record;
	v_here     record;
BEGIN
	SELECT u.* INTO v_server FROM cloudflux.unmet_workers() AS u;
	SELECT w.pid, w.started_at INTO v_launcher FROM cloudflux.list_workers() AS w WHERE w.worker = 'launcher';
	SELECT count(*) AS wanted, count(*) FILTER (WHERE w.pid IS NOT NULL) AS running, count(*) FILTER (WHERE w.state = 'backing off') AS failing,
	       string_agg(format('%s %s', w.worker, w.index), ', ' ORDER BY w.worker, w.index) FILTER (WHERE w.pid IS NULL OR w.state = 'backing off') AS bad,
	       min(w.active_at) FILTER (WHERE w.pid IS NULL OR w.state = 'backing off') AS bad_since
	  INTO v_here
	  FROM cloudflux.list_workers() AS w
	 WHERE w.database_oid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
	status := 'degraded';
	IF pg_is_in_recovery() THEN
		status := 'ok';
		detail := 'This is a standby: workers start when it is promoted.';
	ELSIF NOT v_server.preloaded THEN
		detail := 'The library is not preloaded, so no background worker runs; everything else works.';
		hint := 'Add cloudflux to shared_preload_libraries and restart the server, or CALL cloudflux.run_chores() and cloudflux.run_migrations() on a schedule.';
	ELSIF v_launcher.pid IS NULL THEN
		status := 'failed';
		detail := 'The launcher does not run.';
		hint := 'It comes back within 5 seconds; if not, the server''s log tells why.';
	ELSIF v_server.unmet > 0 THEN
		since := v_server.since;
		detail := format('The server has no free slot for %s workers.', v_server.unmet);
		hint := format('Raise max_worker_processes (now %s) and restart the server.', current_setting('max_worker_processes'));
	ELSIF v_here.wanted = 0 THEN
		since := v_launcher.started_at;
		detail := 'The launcher serves no worker to this database (yet).';
		hint := 'Workers come within seconds of CREATE EXTENSION, after a restore when its session has ended; else see the setting cloudflux.databases.';
	ELSIF v_here.bad IS NOT NULL THEN
		status := CASE WHEN v_here.failing > 0 THEN 'failed' ELSE 'degraded' END;
		since := v_here.bad_since;
		detail := format('%s of %s workers of this database run; in trouble: %s.', v_here.running, v_here.wanted, v_here.bad);
		hint := 'They are started again by themselves, later each time; the server''s log tells why they ended.';
	ELSE
		status := 'ok';
		since := v_launcher.started_at;
		detail := format('%s workers run for this database.', v_here.running);
	END IF;
END
$$;

COMMENT ON FUNCTION cloudflux.check_workers() IS 'Health check: library not preloaded, launcher gone, no free slot of the server, workers of this database not running or failing.';

CREATE FUNCTION cloudflux.check_chores(OUT status text, OUT since timestamptz, OUT detail text, OUT hint text)
RETURNS record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_chores record;
BEGIN
	SELECT count(*) AS enabled,
	       string_agg(c.chore_name || ' (' || c.last_detail || ')', ', ' ORDER BY c.chore_name) FILTER (WHERE c.last_status = 'failed') AS failing,
	       min(c.last_started_at) FILTER (WHERE c.last_status = 'failed') AS failing_since,
	       string_agg(c.chore_name, ', ' ORDER BY c.chore_name) FILTER (WHERE c.due_at < now() - c.every - interval '1 minute' AND c.last_status <> 'running' OR c.last_status IS NULL) AS late,
	       min(NULLIF(c.due_at, '-infinity')) AS late_since
	  INTO v_chores
	  FROM cloudflux.chore_schedule AS c
	 WHERE c.enabled;
	status := 'degraded';
	IF v_chores.failing IS NOT NULL THEN
		since := v_chores.failing_since;
		detail := format('Chores whose last run failed: %s.', v_chores.failing);
		hint := 'They are tried again when they are due; table cloudflux.chore_runs shows each run.';
	ELSIF v_chores.late IS NOT NULL AND NOT pg_is_in_recovery() THEN
		since := v_chores.late_since;
		detail := format('Chores that are not run in time: %s.', v_chores.late);
		hint := 'The keeper runs them when cloudflux is preloaded; else CALL cloudflux.run_chores() every minute, for instance by pg_cron.';
	ELSE
		status := 'ok';
		detail := format('%s chores are run in time.', v_chores.enabled);
	END IF;
END
$$;

COMMENT ON FUNCTION cloudflux.check_chores() IS 'Health check: chores whose last run failed, and chores that nobody runs.';

CREATE FUNCTION cloudflux.check_partitions(OUT status text, OUT since timestamptz, OUT detail text, OUT hint text)
RETURNS record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_missing text;
	v_tables  bigint;
BEGIN
	SELECT count(*), string_agg(n.name, ', ' ORDER BY n.name) FILTER (WHERE to_regclass(format('cloudflux.%I', n.name)) IS NULL)
	  INTO v_tables, v_missing
	  FROM (SELECT cloudflux.partition_name(t.table_name, t.period, now()) AS name FROM cloudflux.partitioned_tables AS t) AS n;
	IF v_missing IS NOT NULL AND cloudflux.runs_partitions_here() THEN
		status := 'degraded';
		detail := format('Partitions of the present are missing: %s. Their rows go to the default partition, which retention cannot drop.', v_missing);
		hint := 'Run CALL cloudflux.run_chores(''ensure_partitions'').';
	ELSE
		status := 'ok';
		detail := format('%s partitioned tables have their partitions.', v_tables);
	END IF;
END
$$;

COMMENT ON FUNCTION cloudflux.check_partitions() IS 'Health check: partitions of the present period that are missing.';

INSERT INTO cloudflux.chores (chore_name, room, function_name, every, builtin) VALUES
	('ensure_partitions', 'core', 'ensure_partitions', interval '1 hour', true),
	('drop_old_partitions', 'core', 'drop_old_partitions', interval '1 day', true),
	('forget_chore_runs', 'core', 'forget_chore_runs', interval '1 day', true);

INSERT INTO cloudflux.health_checks (component, room, function_name, builtin) VALUES
	('workers', 'core', 'check_workers', true),
	('chores', 'core', 'check_chores', true),
	('partitions', 'core', 'check_partitions', true);

-- The ledger is not dumped: the restored database's keeper writes its own, under the same numbers.
SELECT pg_catalog.pg_extension_config_dump('cloudflux.chores', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.chore_settings', '');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.partitioned_tables', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.partition_settings', '');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.health_checks', 'WHERE NOT builtin');

REVOKE ALL ON FUNCTION cloudflux.guard_builtin(), cloudflux.abi(), cloudflux.library_version(), cloudflux.version(), cloudflux.new_id(),
	cloudflux.begin_chore(text, timestamptz), cloudflux.run_chore(bigint, text), cloudflux.next_chore_at(), cloudflux.forget_chore_runs(),
	cloudflux.partition_name(text, text, timestamptz), cloudflux.runs_partitions_here(),
	cloudflux.make_partition(text, text, timestamptz, timestamptz), cloudflux.lock_for_partitions(regclass, interval), cloudflux.ensure_partitions(), cloudflux.ensure_partitions(timestamptz),
	cloudflux.list_partitions(text), cloudflux.drop_old_partitions(), cloudflux.drop_old_partitions(timestamptz),
	cloudflux.list_workers(), cloudflux.unmet_workers(), cloudflux.wake_launcher(),
	cloudflux.health(), cloudflux.check_workers(), cloudflux.check_chores(), cloudflux.check_partitions() FROM PUBLIC;
REVOKE ALL ON PROCEDURE cloudflux.run_chores(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION cloudflux.abi(), cloudflux.library_version(), cloudflux.version(), cloudflux.new_id(), cloudflux.next_chore_at(),
	cloudflux.partition_name(text, text, timestamptz), cloudflux.runs_partitions_here(), cloudflux.list_partitions(text),
	cloudflux.list_workers(), cloudflux.unmet_workers(),
	cloudflux.health(), cloudflux.check_workers(), cloudflux.check_chores(), cloudflux.check_partitions() TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.begin_chore(text, timestamptz), cloudflux.run_chore(bigint, text), cloudflux.forget_chore_runs() TO cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.ensure_partitions(), cloudflux.ensure_partitions(timestamptz), cloudflux.drop_old_partitions(), cloudflux.drop_old_partitions(timestamptz) TO cloudflux_worker, cloudflux_admin;
GRANT EXECUTE ON PROCEDURE cloudflux.run_chores(text) TO cloudflux_admin;

GRANT SELECT ON cloudflux.chores, cloudflux.chore_settings, cloudflux.chore_runs, cloudflux.chore_schedule,
	cloudflux.partitioned_tables, cloudflux.partition_settings, cloudflux.health_checks, cloudflux.workers TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, UPDATE, DELETE ON cloudflux.chores, cloudflux.chore_settings, cloudflux.partitioned_tables, cloudflux.partition_settings TO cloudflux_admin;
GRANT INSERT, UPDATE, DELETE ON cloudflux.chore_runs TO cloudflux_worker;

SELECT cloudflux.wake_launcher();
