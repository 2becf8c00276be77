/*
 * tiering/replay: what each policy would have cost on a history of reads, and what the cheapest plan would have.
 *
 * replay_menu() says what a store offers: its classes, in which order lifecycle rules lead through them, which tier by themselves. The
 * kernel (src/tiering/replay.h) counts what each policy would have used, in integers; simulate_policy() multiplies with the
 * exact prices.
 */

-- What stores are like; a class without a price in the book is left out. `step`: lifecycle rules lead from lower to higher ones, and into
-- a class that tiers by itself from the first.
CREATE FUNCTION cloudflux.replay_classes(p_redundancy text)
RETURNS TABLE (provider text, class_no int, state_no int, price_class text, storage_class text, state text, idle_days int, role text, step int, archive boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT v.provider, v.class_no, v.state_no,
	       v.price_class || CASE WHEN v.provider = 'Azure' THEN '_' || COALESCE(p_redundancy, 'LRS') ELSE '' END, v.storage_class, v.state, v.idle_days, v.role,
	       v.step, v.archive
	  FROM (VALUES
		('AWS', 0, 0, 'STANDARD', 'STANDARD', '', 0, 'hot', 1, false),
		('AWS', 1, 0, 'STANDARD_IA', 'STANDARD_IA', '', 0, 'warm', 2, false),
		('AWS', 2, 0, 'GLACIER_IR', 'GLACIER_IR', '', 0, 'cold', 3, false),
		('AWS', 3, 0, 'INTELLIGENT_TIERING_FA', 'INTELLIGENT_TIERING', 'FA', 0, 'automatic', NULL, false),
		('AWS', 3, 1, 'INTELLIGENT_TIERING_IA', 'INTELLIGENT_TIERING', 'IA', 30, 'automatic', NULL, false),
		('AWS', 3, 2, 'INTELLIGENT_TIERING_AIA', 'INTELLIGENT_TIERING', 'AIA', 90, 'automatic', NULL, false),
		('AWS', 4, 0, 'GLACIER', 'GLACIER', '', 0, NULL, 4, true),
		('AWS', 5, 0, 'INTELLIGENT_TIERING_FA', 'INTELLIGENT_TIERING (archive)', 'FA', 0, 'automatic_archive', NULL, true),
		('AWS', 5, 1, 'INTELLIGENT_TIERING_IA', 'INTELLIGENT_TIERING (archive)', 'IA', 30, 'automatic_archive', NULL, true),
		('AWS', 5, 2, 'INTELLIGENT_TIERING_AA', 'INTELLIGENT_TIERING (archive)', 'AA', 90, 'automatic_archive', NULL, true),
		('AWS', 5, 3, 'INTELLIGENT_TIERING_DAA', 'INTELLIGENT_TIERING (archive)', 'DAA', 180, 'automatic_archive', NULL, true),
		('AWS', 6, 0, 'DEEP_ARCHIVE', 'DEEP_ARCHIVE', '', 0, 'frozen', 5, true),
		('Azure', 0, 0, 'HOT', 'Hot', '', 0, 'hot', 1, false),
		('Azure', 1, 0, 'COOL', 'Cool', '', 0, 'warm', 2, false),
		('Azure', 2, 0, 'COLD', 'Cold', '', 0, 'cold', 3, false),
		('Azure', 3, 0, 'ARCHIVE', 'Archive', '', 0, 'frozen', 4, true),
		('GCP', 0, 0, 'STANDARD', 'STANDARD', '', 0, 'hot', 1, false),
		('GCP', 1, 0, 'NEARLINE', 'NEARLINE', '', 0, 'warm', 2, false),
		('GCP', 2, 0, 'COLDLINE', 'COLDLINE', '', 0, 'cold', 3, false),
		('GCP', 3, 0, 'ARCHIVE', 'ARCHIVE', '', 0, 'frozen', 4, false),
		('GCP', 4, 0, 'AUTOCLASS_STANDARD', 'AUTOCLASS', 'STANDARD', 0, 'automatic', NULL, false),
		('GCP', 4, 1, 'AUTOCLASS_NEARLINE', 'AUTOCLASS', 'NEARLINE', 30, 'automatic', NULL, false),
		('GCP', 4, 2, 'AUTOCLASS_COLDLINE', 'AUTOCLASS', 'COLDLINE', 90, 'automatic', NULL, false),
		('GCP', 4, 3, 'AUTOCLASS_ARCHIVE', 'AUTOCLASS', 'ARCHIVE', 365, 'automatic', NULL, false)
	  ) AS v (provider, class_no, state_no, price_class, storage_class, state, idle_days, role, step, archive);
END;

-- The menu: a row per class and state, classes numbered from 0 in their order.
CREATE FUNCTION cloudflux.replay_menu(p_cloud text, p_region text, p_redundancy text DEFAULT NULL, p_menu text DEFAULT 'instant', p_on date DEFAULT CURRENT_DATE)
RETURNS TABLE (class_no int, state_no int, storage_class text, state text, role text, idle_days int, storage_usd_gb_month numeric,
	overhead_bytes bigint, overhead_standard_bytes bigint, get_usd_per_1000 numeric, retrieval_usd_gb numeric, restores boolean,
	restore_usd_per_1000 numeric, first_byte_s int, min_object_bytes bigint, min_days int, early_usd_gb_month numeric,
	monitoring_usd_per_1000 numeric, monitor_min_bytes bigint, put_usd_per_1000 numeric, transition_usd_per_1000 numeric, lifecycle_from int,
	standard_usd_gb_month numeric, copy_pays_get boolean, copy_pays_put boolean, lifecycle_pays_early boolean)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH priced AS (
		SELECT c.class_no AS no, c.state_no, c.storage_class, c.state, c.role, c.idle_days, c.step, t.*,
		       dense_rank() OVER (ORDER BY c.class_no)::int - 1 AS class_no
		  FROM cloudflux.replay_classes(p_redundancy) AS c
		 CROSS JOIN LATERAL (
			SELECT x.storage_usd_gb_month, x.put_usd_per_1000, x.get_usd_per_1000, x.transition_usd_per_1000, x.retrieval_usd_gb,
			       x.early_delete_usd_gb_month, x.monitoring_usd_per_1000_objects, x.min_storage_days, x.min_object_bytes, x.overhead_bytes,
			       x.overhead_standard_bytes, x.restore_seconds, x.restore_option, x.restore_usd_per_1000, x.restore_retrieval_usd_gb
			  FROM cloudflux.class_tariffs(p_cloud, p_region, p_on) AS x
			 WHERE x.storage_class = c.price_class
			   AND x.restore_seconds <= CASE p_menu WHEN 'archive' THEN 43200 ELSE 0 END
			 ORDER BY x.restore_retrieval_usd_gb, x.restore_usd_per_1000, x.restore_seconds
			 LIMIT 1) AS t
		 WHERE c.provider = p_cloud AND (p_menu = 'archive' OR NOT c.archive))
	SELECT p.class_no, p.state_no, p.storage_class, p.state, p.role, p.idle_days, p.storage_usd_gb_month,
	       p.overhead_bytes, p.overhead_standard_bytes, p.get_usd_per_1000,
	       -- Out of the archive tiers of Intelligent-Tiering a read brings an object by itself, without a fee.
	       CASE WHEN p.role LIKE 'automatic%' THEN 0 WHEN p.restore_option IS NOT NULL THEN p.restore_retrieval_usd_gb ELSE p.retrieval_usd_gb END,
	       p.restore_option IS NOT NULL AND p.role IS DISTINCT FROM 'automatic_archive',
	       CASE WHEN p.restore_option IS NOT NULL AND p.role IS DISTINCT FROM 'automatic_archive' THEN p.restore_usd_per_1000 ELSE 0 END,
	       p.restore_seconds, p.min_object_bytes, p.min_storage_days, COALESCE(p.early_delete_usd_gb_month, CASE WHEN p.min_storage_days = 0 THEN 0 END),
	       CASE WHEN p.role LIKE 'automatic%' THEN p.monitoring_usd_per_1000_objects ELSE 0 END,
	       CASE WHEN p.role LIKE 'automatic%' THEN 131072 ELSE 0 END::bigint,
	       p.put_usd_per_1000,
	       COALESCE(p.transition_usd_per_1000, CASE WHEN p.step = 1 OR p.state_no > 0 THEN 0 END),
	       (SELECT COALESCE(sum(1 << q.class_no), 0)::int FROM priced AS q
	         WHERE q.state_no = 0 AND q.step IS NOT NULL AND (q.step < p.step OR p.step IS NULL AND q.step = 1)),
	       (SELECT q.storage_usd_gb_month FROM priced AS q WHERE q.role = 'hot'),
	       -- Azure bills no write for a move up; Google bills no read for a copy, and lets transitions go early.
	       p_cloud <> 'GCP', p_cloud <> 'Azure', p_cloud <> 'GCP'
	  FROM priced AS p
	 ORDER BY p.class_no, p.state_no;
END;

CREATE FUNCTION cloudflux.replay_counts(p_history refcursor, p_cloud text, p_region text, p_redundancy text, p_menu text, p_on date, p_policies text[],
	p_orders jsonb DEFAULT NULL)
RETURNS TABLE (policy text, prefix text, class_no int, state_no int, term text, quantity numeric)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'cloudflux_replay_counts';

-- The same replay, told as what was put where: uploads and moves; day counts from the start of the period.
CREATE FUNCTION cloudflux.replay_steps(p_history refcursor, p_cloud text, p_region text, p_redundancy text, p_menu text, p_on date, p_policies text[],
	p_orders jsonb DEFAULT NULL)
RETURNS TABLE (policy text, file_id text, day int, storage_class text)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'cloudflux_replay_steps';

-- Reads per object and day: of the roll-up and what is not folded yet. full_reads tell no bytes: they are of the whole object.
CREATE VIEW cloudflux.read_days WITH (security_invoker = true) AS
SELECT a.file_id, a.day, sum(a.reads)::bigint AS reads, sum(a.bytes)::bigint AS bytes, sum(a.full_reads)::bigint AS full_reads
  FROM (SELECT d.file_id, d.day, d.reads, d.bytes, d.full_reads FROM cloudflux.access_daily AS d
		 UNION ALL
		SELECT e.file_id, e.day, e.reads, e.bytes, e.full_reads FROM cloudflux.access_deltas AS e) AS a
 WHERE a.reads > 0
 GROUP BY a.file_id, a.day;

-- Refuses a table that cannot be read as a history, whatever is in it.
CREATE FUNCTION cloudflux.check_history_columns(p_history regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_bad record;
BEGIN
	SELECT w.name, w.types, format_type(a.atttypid, a.atttypmod) AS type INTO v_bad
	  FROM (VALUES (1, 'file_id', '{text,character varying}'::text[]), (2, 'day', '{date}'), (3, 'reads', '{smallint,integer,bigint,numeric}'),
	               (4, 'bytes', '{smallint,integer,bigint,numeric}')) AS w (no, name, types)
	  LEFT JOIN pg_attribute AS a ON a.attrelid = p_history AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
	 WHERE a.atttypid IS NULL OR format_type(a.atttypid, NULL) <> ALL (w.types)
	 ORDER BY w.no LIMIT 1;
	IF FOUND AND v_bad.type IS NULL THEN
		RAISE EXCEPTION 'history "%" has no column "%"', p_history, v_bad.name
			USING ERRCODE = '42703', HINT = 'A history has the columns file_id text, day date, reads bigint and bytes bigint (NULL = the whole object).';
	ELSIF FOUND THEN
		RAISE EXCEPTION 'column "%" of history "%" has a wrong type: %', v_bad.name, p_history, v_bad.type
			USING ERRCODE = '42804', DETAIL = format('It can be %s.', array_to_string(v_bad.types, ', ')),
				HINT = 'Give a view that casts it. Days are UTC days.';
	END IF;
END
$$;

-- Refuses a history that cannot be trusted; gives its first and last day.
CREATE FUNCTION cloudflux.check_history(p_place text, p_history regclass, p_start date, p_end date, p_allow_gaps boolean, OUT first_day date, OUT last_day date)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_bad record;
	v_today date := cloudflux.utc_day(now());
BEGIN
	IF NOT COALESCE(isfinite(p_start), true) OR NOT COALESCE(isfinite(p_end), true) THEN
		RAISE EXCEPTION 'period has no end' USING ERRCODE = '22023', HINT = 'Leave period_start or period_end out: then it is that of the history.';
	END IF;
	PERFORM cloudflux.check_history_columns(p_history);
	-- What is not between two bounds is NaN as well.
	EXECUTE format('SELECT min(h.day) FILTER (WHERE o.place = $1) AS first_day, max(h.day) FILTER (WHERE o.place = $1) AS last_day, '
	               'count(*) FILTER (WHERE h.file_id IS NULL OR h.day IS NULL OR h.reads IS NULL) AS unknown, '
	               'count(*) FILTER (WHERE o.file_id IS NULL) AS strangers, min(h.file_id) FILTER (WHERE o.file_id IS NULL) AS stranger, '
	               'count(*) FILTER (WHERE o.place = $1 AND (h.reads < 0 OR h.bytes < 0)) AS negative, min(h.file_id) FILTER (WHERE o.place = $1 AND (h.reads < 0 OR h.bytes < 0)) AS example, '
	               'count(*) FILTER (WHERE o.place = $1 AND (h.reads > 4294967295 OR h.bytes > 1152921504606846976)) AS absurd, '
	               'min(h.file_id) FILTER (WHERE o.place = $1 AND (h.reads > 4294967295 OR h.bytes > 1152921504606846976)) AS absurd_example '
	               'FROM %s AS h LEFT JOIN cloudflux.data_objects AS o ON o.file_id = h.file_id', p_history)
	   INTO v_bad USING p_place;
	IF v_bad.unknown > 0 THEN
		RAISE EXCEPTION 'history "%" has rows without file_id, day or reads', p_history
			USING ERRCODE = '22004', DETAIL = format('It has %s of them.', v_bad.unknown), HINT = 'Only bytes may be NULL: a read of the whole object.';
	ELSIF v_bad.strangers > 0 AND p_history <> 'cloudflux.read_days'::regclass THEN
		RAISE EXCEPTION 'history "%" has reads of objects that are not in the catalogue', p_history
			USING ERRCODE = '22023', DETAIL = format('%s rows, for instance of object "%s".', v_bad.strangers, v_bad.stranger),
				HINT = 'Import the objects (import_inventory), or give a view without those rows.';
	ELSIF v_bad.first_day IS NULL THEN
		RAISE EXCEPTION 'history "%" has no reads of objects at place "%"', p_history, p_place
			USING ERRCODE = '02000', HINT = 'Import access logs (import_access_log), record reads (record_access), or name a table with file_id, day, reads, bytes.';
	ELSIF v_bad.negative > 0 THEN
		RAISE EXCEPTION 'history "%" has negative quantities', p_history
			USING ERRCODE = '22023', DETAIL = format('%s rows, for instance of object "%s".', v_bad.negative, v_bad.example);
	ELSIF v_bad.absurd > 0 THEN
		RAISE EXCEPTION 'history "%" has quantities that are out of range', p_history
			USING ERRCODE = '22003', DETAIL = format('%s rows, for instance of object "%s".', v_bad.absurd, v_bad.absurd_example),
				HINT = 'An object can be read 4294967295 times a day, and 1 EiB of it.';
	ELSIF v_bad.last_day > v_today THEN
		RAISE EXCEPTION 'history "%" has reads in the future', p_history
			USING ERRCODE = '22023', DETAIL = format('Its last day is %s, today (UTC) is %s.', COALESCE(to_char(NULLIF(v_bad.last_day, 'infinity'), 'YYYY-MM-DD'), 'infinity'), to_char(v_today, 'YYYY-MM-DD')),
				HINT = 'Remove these rows, or correct the clock that wrote them.';
	ELSIF NOT isfinite(v_bad.first_day) THEN
		RAISE EXCEPTION 'history "%" has reads on a day without a date', p_history USING ERRCODE = '22023', DETAIL = 'Its first day is -infinity.';
	END IF;
	first_day := COALESCE(p_start, v_bad.first_day);
	last_day := COALESCE(p_end, v_bad.last_day);
	IF first_day > last_day THEN
		RAISE EXCEPTION 'period ends before it starts' USING ERRCODE = '22023', DETAIL = format('It is %s to %s.', to_char(first_day, 'YYYY-MM-DD'), to_char(last_day, 'YYYY-MM-DD'));
	ELSIF last_day > v_today THEN
		RAISE EXCEPTION 'period reaches into the future' USING ERRCODE = '22023', DETAIL = format('It ends on %s, today (UTC) is %s.', to_char(last_day, 'YYYY-MM-DD'), to_char(v_today, 'YYYY-MM-DD'));
	ELSIF last_day - first_day > 36525 THEN
		RAISE EXCEPTION 'period is too long' USING ERRCODE = '22023', DETAIL = format('It is %s to %s.', to_char(first_day, 'YYYY-MM-DD'), to_char(last_day, 'YYYY-MM-DD')),
			HINT = 'A replay takes at most a hundred years.';
	ELSIF p_allow_gaps THEN
		RETURN;
	END IF;
	-- A week of which nothing is on record, and no log says that nothing happened.
	EXECUTE format('SELECT g.a, g.b FROM (SELECT d.day AS a, lead(d.day, 1, $4 + 1) OVER (ORDER BY d.day) AS b '
	               'FROM (SELECT $3 - 1 AS day UNION SELECT h.day FROM %s AS h JOIN cloudflux.data_objects AS o ON o.file_id = h.file_id '
	               'WHERE o.place = $1 AND h.day BETWEEN $3 AND $4 '
	               'UNION SELECT c.day FROM cloudflux.access_coverage AS c WHERE c.place = $2 AND c.day BETWEEN $3 AND $4) AS d) AS g '
	               'WHERE g.b - g.a > 7 ORDER BY g.a LIMIT 1', p_history)
	   INTO v_bad USING p_place, p_place, first_day, last_day;
	IF v_bad.a IS NOT NULL THEN
		RAISE EXCEPTION 'history "%" has a gap', p_history
			USING ERRCODE = '22023', DETAIL = format('Nothing is on record from %s to %s at place "%s".', to_char(v_bad.a + 1, 'YYYY-MM-DD'), to_char(v_bad.b - 1, 'YYYY-MM-DD'), p_place),
				HINT = 'If nothing was read then, say so in access_coverage or by p_allow_gaps => true; else import the logs of those days, or choose another period.';
	END IF;
END
$$;

-- Which place is replayed, and whose prices apply there.
CREATE FUNCTION cloudflux.replay_place(p_place text, p_menu text, OUT place text, OUT cloud text, OUT region text, OUT redundancy text, OUT place_cloud text, OUT place_class text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_place record;
BEGIN
	IF p_menu IS NULL OR p_menu NOT IN ('instant', 'archive') THEN
		RAISE EXCEPTION 'menu "%" does not exist', p_menu USING ERRCODE = '22023', HINT = 'instant = first byte within a second, archive = within 12 hours.';
	END IF;
	SELECT p.place, p.cloud, p.price_provider, p.price_region, p.storage_class, count(*) OVER () AS candidates,
	       string_agg(p.place, ', ') OVER (ORDER BY p.place ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS names
	  INTO v_place
	  FROM cloudflux.place_prices AS p
	 WHERE p.place = p_place OR p_place IS NULL AND p.price_region IS NOT NULL AND EXISTS (SELECT FROM cloudflux.data_objects AS o WHERE o.place = p.place)
	 ORDER BY p.place;
	IF v_place.place IS NULL THEN
		RAISE EXCEPTION '%', CASE WHEN p_place IS NULL THEN 'there is no place with objects and prices' ELSE format('place "%s" does not exist', p_place) END
			USING ERRCODE = '02000', HINT = 'View place_prices lists the places.';
	ELSIF v_place.candidates > 1 THEN
		RAISE EXCEPTION 'several places have objects and prices' USING ERRCODE = '22023', DETAIL = format('They are %s.', v_place.names), HINT = 'Name one: p_place => …';
	ELSIF v_place.price_provider IS NULL OR v_place.price_region IS NULL THEN
		RAISE EXCEPTION 'place "%" has no prices', v_place.place USING ERRCODE = '55000', HINT = 'Set price_provider and price_region of the place.';
	END IF;
	place := v_place.place;
	cloud := v_place.price_provider;
	region := v_place.price_region;
	redundancy := substring(v_place.storage_class FROM '_([A-Za-z-]+)$');
	place_cloud := v_place.cloud;
	place_class := v_place.storage_class;
END
$$;

-- What a class of the catalogue or of the book is called in a menu, as {name: class}; a class that is not in it is not in the menu.
CREATE FUNCTION cloudflux.replay_names(p_cloud text, p_region text, p_redundancy text, p_menu text, p_on date) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	-- Of two menu classes with one name, Intelligent-Tiering with and without archive tiers, the first.
	SELECT COALESCE(jsonb_object_agg(n.name, n.storage_class ORDER BY n.class_no DESC), '{}')
	  FROM (SELECT x.name, c.storage_class, c.class_no
	          FROM cloudflux.replay_classes(p_redundancy) AS c
	         CROSS JOIN LATERAL (VALUES (c.price_class), (c.storage_class)) AS x (name)
	         WHERE c.provider = p_cloud
	           AND c.storage_class IN (SELECT m.storage_class FROM cloudflux.replay_menu(p_cloud, p_region, p_redundancy, p_menu, p_on) AS m)) AS n;
END;

-- Which of several scopes an object is in, a bit each. A scope is the part of a policy's conditions that an object meets or not on every day.
CREATE FUNCTION cloudflux.scope_marks(p_scopes jsonb, p_place text, p_cloud text, p_key text, p_content_type text, p_owner text, p_size_bytes bigint) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT COALESCE(bit_or(1 << (s.no - 1)::int), 0)
	  FROM jsonb_array_elements(p_scopes) WITH ORDINALITY AS s (scope, no)
	 WHERE COALESCE(s.scope -> 'place' @> to_jsonb(p_place), NOT s.scope ? 'place')
	   AND COALESCE(s.scope -> 'cloud' @> to_jsonb(p_cloud), NOT s.scope ? 'cloud')
	   AND COALESCE(s.scope -> 'content_type' @> to_jsonb(p_content_type), NOT s.scope ? 'content_type')
	   AND COALESCE(s.scope -> 'owner' @> to_jsonb(p_owner), NOT s.scope ? 'owner')
	   AND COALESCE(starts_with(p_key, s.scope ->> 'key_prefix'), NOT s.scope ? 'key_prefix')
	   AND COALESCE(p_size_bytes >= (s.scope ->> 'min_size_bytes')::numeric, true)
	   AND COALESCE(p_size_bytes <= (s.scope ->> 'max_size_bytes')::numeric, true);
END;

-- Since when reads at a place would have been noticed, seen from the first day of a period: as far back as days on record follow each other, with
-- gaps of a week at most (of any length where nothing is said to have been read in them).
CREATE FUNCTION cloudflux.record_from(p_place text, p_history regclass, p_start date, p_allow_gaps boolean DEFAULT false) RETURNS date
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_from date;
BEGIN
	EXECUTE format('WITH d AS MATERIALIZED (SELECT $2 AS day UNION SELECT h.day FROM %s AS h JOIN cloudflux.data_objects AS o ON o.file_id = h.file_id '
	               'WHERE o.place = $1 AND h.day < $2 AND h.reads > 0 UNION SELECT c.day FROM cloudflux.access_coverage AS c WHERE c.place = $1 AND c.day < $2), '
	               'g AS (SELECT d.day, lead(d.day) OVER (ORDER BY d.day) AS next FROM d WHERE isfinite(d.day)) '
	               'SELECT min(g.day) FROM g WHERE $3 OR g.day > COALESCE((SELECT max(x.day) FROM g AS x WHERE x.next - x.day > 7), ''-infinity'')', p_history)
	   INTO v_from USING p_place, p_start, COALESCE(p_allow_gaps, false);
	RETURN v_from;
END
$$;

/*
 * Opens the history for the kernel: a row per object and day with reads, ordered; days count from the start of the period. Of reads before it,
 * those of 90 days come along as known (rules count so far back), and the last one however long ago. Size, and class of an object that is
 * older than the period, are those of the version that the catalogue had then, or of the first that it ever had: never of a later one. One that came
 * from another place begins hot. One that has vanished lived until then. Datasets,
 * whose objects behave alike, are numbered by how many objects they had before the period, then by their first upload, so that no later upload
 * changes the number of another. The first 63 are by themselves, the rest are one.
 */
CREATE FUNCTION cloudflux.open_history(p_place text, p_history regclass, p_start date, p_end date, p_prefix_depth int, p_hot_class text,
	p_names jsonb DEFAULT '{}', p_place_cloud text DEFAULT NULL, p_place_class text DEFAULT NULL, p_dataset_key text DEFAULT NULL, p_scopes jsonb DEFAULT NULL,
	p_watched_from date DEFAULT NULL) RETURNS refcursor
-- All rows are wanted, and of large tables: sums per day that were made anew for each object would take for ever.
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET cursor_tuple_fraction = 1 SET enable_nestloop = off
AS $$
DECLARE
	v_cursor refcursor := 'history ' || gen_random_uuid();
	v_full text := CASE WHEN p_history = 'cloudflux.read_days'::regclass THEN 'h.full_reads' ELSE 'CASE WHEN h.bytes IS NULL THEN h.reads ELSE 0 END' END;
	v_group text := CASE WHEN p_dataset_key IS NOT NULL THEN format('COALESCE(o.metadata ->> %L, '''')', p_dataset_key)
		WHEN p_prefix_depth > 0 THEN format('array_to_string((string_to_array(o.object_key, ''/''))[1:least(%s, cardinality(string_to_array(o.object_key, ''/'')) - 1)], ''/'')', p_prefix_depth)
		ELSE '''''' END;
	v_dataset text := CASE WHEN p_dataset_key IS NOT NULL THEN v_group
		ELSE 'CASE WHEN strpos(o.object_key, ''/'') > 0 THEN split_part(o.object_key, ''/'', 1) ELSE '''' END' END;
	v_marks text := CASE WHEN p_scopes IS NULL THEN '0'
		ELSE format('cloudflux.scope_marks(%L::jsonb, o.place, o.current_cloud, o.object_key, o.content_type, o.owner, c.size_bytes)', p_scopes) END;
BEGIN
	EXECUTE format(
		'DECLARE %8$I NO SCROLL CURSOR FOR SELECT b.prefix, o.file_id, b.size_bytes, (b.created - %2$L::date)::int, greatest(b.created, %2$L::date) - %2$L::date, '
		'greatest(least(%3$L::date, cloudflux.utc_day(o.vanished_at)), b.created, h.last_day) - %2$L::date, '
		'CASE WHEN b.created < %2$L::date THEN COALESCE(%9$L::jsonb ->> v.price_class, %5$L) END, (COALESCE(v.entered, b.created) - %2$L::date)::int, '
		'(h.day - %2$L::date)::int, h.reads, least(h.bytes + h.full_reads * b.size_bytes, 1152921504606846977)::bigint, (l.last_read - %2$L::date)::int, b.marks, %14$s, g.no '
		'FROM cloudflux.data_objects AS o '
		'LEFT JOIN (SELECT h.file_id, h.day AS day, least(sum(h.reads), 4294967296)::bigint AS reads, COALESCE(sum(h.bytes), 0) AS bytes, COALESCE(sum(%6$s), 0) AS full_reads, '
		'min(h.day) OVER (PARTITION BY h.file_id) AS first_day, max(h.day) OVER (PARTITION BY h.file_id) AS last_day '
		'FROM %7$s AS h JOIN cloudflux.data_objects AS s ON s.file_id = h.file_id '
		'WHERE s.place = %1$L AND h.day BETWEEN %2$L::date - 90 AND %3$L::date AND h.reads > 0 GROUP BY h.file_id, h.day) AS h ON h.file_id = o.file_id '
		'LEFT JOIN (SELECT h.file_id, max(h.day) AS last_read FROM %7$s AS h WHERE h.day < %2$L::date AND h.reads > 0 GROUP BY h.file_id) AS l ON l.file_id = o.file_id '
		'LEFT JOIN (SELECT DISTINCT ON (v.file_id) v.file_id, v.size_bytes, CASE WHEN v.place = %1$L THEN cloudflux.billed_class(%10$L, %11$L, v.storage_class) END AS price_class, '
		'CASE WHEN (v.version_no > 1 OR v.job_id IS NOT NULL) AND v.valid_from < %2$L::timestamp AT TIME ZONE ''UTC'' THEN cloudflux.utc_day(v.valid_from) END AS entered '
		'FROM cloudflux.object_versions AS v WHERE v.role = ''primary'' AND (v.valid_to IS NULL OR v.valid_to >= %2$L::timestamp AT TIME ZONE ''UTC'') '
		'ORDER BY v.file_id, v.version_no) AS v ON v.file_id = o.file_id '
		'CROSS JOIN LATERAL (SELECT least(cloudflux.utc_day(least(o.created_at, o.modified_at)), h.first_day, l.last_read) AS created, %4$s AS prefix, '
		'COALESCE(v.size_bytes, o.size_bytes) AS size_bytes) AS c '
		'CROSS JOIN LATERAL (SELECT c.created, c.prefix, c.size_bytes, %12$s AS marks) AS b '
		'JOIN (SELECT d.dataset, least(row_number() OVER (ORDER BY d.objects DESC, d.first_on, d.dataset COLLATE "C") - 1, 63)::int AS no '
		'FROM (SELECT %15$s AS dataset, count(*) FILTER (WHERE u.first_on < %2$L::date) AS objects, min(u.first_on) AS first_on '
		'FROM cloudflux.data_objects AS o CROSS JOIN LATERAL (SELECT cloudflux.utc_day(least(o.created_at, o.modified_at)) AS first_on) AS u '
		'WHERE o.place = %1$L AND (o.vanished_at IS NULL OR o.vanished_at >= %2$L::timestamp AT TIME ZONE ''UTC'') GROUP BY 1) AS d) AS g ON g.dataset = %15$s '
		'WHERE o.place = %1$L AND (o.vanished_at IS NULL OR o.vanished_at >= %2$L::timestamp AT TIME ZONE ''UTC'') AND b.size_bytes IS NOT NULL AND b.created <= %3$L::date '
		'AND (%13$L OR b.marks & 1 <> 0) AND (b.created >= %2$L::date OR v.price_class IS NULL OR %9$L::jsonb ? v.price_class) '
		'ORDER BY b.prefix COLLATE "C", o.file_id COLLATE "C", h.day',
		p_place, p_start, p_end, v_group, p_hot_class, v_full, p_history, v_cursor, p_names, p_place_cloud, p_place_class, v_marks, p_scopes IS NULL, COALESCE(least(p_watched_from, p_start) - p_start, 0), v_dataset);
	RETURN v_cursor;
END
$$;

-- Checks a history and opens it, for one place and menu.
CREATE FUNCTION cloudflux.replay_history(p_place text, p_menu text, p_history regclass, p_start date, p_end date, p_allow_gaps boolean, p_on date,
	p_prefix_depth int DEFAULT 0, p_dataset_key text DEFAULT NULL, p_scopes jsonb DEFAULT NULL) RETURNS refcursor
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_history CONSTANT regclass := COALESCE(p_history, 'cloudflux.read_days'::regclass);
	v_place record;
	v_period record;
BEGIN
	IF p_on IS NULL OR NOT isfinite(p_on) THEN
		RAISE EXCEPTION 'prices need a day' USING ERRCODE = '22004', HINT = 'p_prices_on is the day whose prices hold, today unless told.';
	ELSIF COALESCE(p_prefix_depth, -1) NOT BETWEEN 0 AND 20 THEN
		RAISE EXCEPTION 'prefix depth % is out of range', p_prefix_depth USING ERRCODE = '22023', HINT = '0 = all objects together, 1 = by the first part of the key, and so on.';
	ELSIF p_prefix_depth > 0 AND p_dataset_key IS NOT NULL THEN
		RAISE EXCEPTION 'objects cannot be grouped both by prefix and by data set' USING ERRCODE = '22023', HINT = 'Give p_prefix_depth or p_dataset_key.';
	END IF;
	SELECT * INTO v_place FROM cloudflux.replay_place(p_place, p_menu);
	SELECT c.first_day, c.last_day INTO v_period FROM cloudflux.check_history(p_place, v_history, p_start, p_end, p_allow_gaps) AS c;
	RETURN cloudflux.open_history(p_place, v_history, v_period.first_day, v_period.last_day, p_prefix_depth,
		(SELECT m.storage_class FROM cloudflux.replay_menu(v_place.cloud, v_place.region, v_place.redundancy, p_menu, p_on) AS m WHERE m.role = 'hot' AND m.state_no = 0),
		cloudflux.replay_names(v_place.cloud, v_place.region, v_place.redundancy, p_menu, p_on), v_place.place_cloud, v_place.place_class, p_dataset_key, p_scopes,
		cloudflux.record_from(p_place, v_history, v_period.first_day, p_allow_gaps));
END
$$;

-- What a replay costs: the counts of the kernel, multiplied with the exact prices. Closes the cursor.
CREATE FUNCTION cloudflux.replay_costs(p_history refcursor, p_cloud text, p_region text, p_redundancy text, p_menu text, p_on date, p_policies text[], p_orders jsonb DEFAULT NULL)
RETURNS TABLE (policy_name text, prefix text, total_cost numeric, hindsight_ratio numeric, storage_cost numeric, request_cost numeric, retrieval_cost numeric,
	monitoring_cost numeric, move_cost numeric, early_deletion_cost numeric, moves bigint, early_deletions bigint, reads bigint, slow_reads bigint, objects bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_cursor refcursor := p_history;
BEGIN
	RETURN QUERY
	WITH menu AS MATERIALIZED (
		SELECT * FROM cloudflux.replay_menu(p_cloud, p_region, p_redundancy, p_menu, p_on)),
	counted AS MATERIALIZED (
		SELECT * FROM cloudflux.replay_counts(p_history, p_cloud, p_region, p_redundancy, p_menu, p_on, p_policies, p_orders)),
	cost AS (
		SELECT c.policy, c.prefix, c.term, c.quantity,
		       c.quantity * CASE c.term
					WHEN 'storage' THEN m.storage_usd_gb_month WHEN 'standard overhead' THEN m.standard_usd_gb_month
					WHEN 'restored copies' THEN m.standard_usd_gb_month WHEN 'early deletion' THEN m.early_usd_gb_month
					WHEN 'monitoring' THEN m.monitoring_usd_per_1000 WHEN 'reads' THEN m.get_usd_per_1000 WHEN 'copies out' THEN m.get_usd_per_1000
					WHEN 'retrieval' THEN m.retrieval_usd_gb WHEN 'moved' THEN m.retrieval_usd_gb WHEN 'restores' THEN m.restore_usd_per_1000
					WHEN 'move restores' THEN m.restore_usd_per_1000 WHEN 'transitions' THEN m.transition_usd_per_1000 WHEN 'copies in' THEN m.put_usd_per_1000 END
		       / CASE WHEN c.term IN ('storage', 'standard overhead', 'restored copies', 'early deletion') THEN 32212254720    -- 2^30 bytes, 30 days
		              WHEN c.term IN ('retrieval', 'moved') THEN 1073741824
		              WHEN c.term = 'monitoring' THEN 30000 ELSE 1000 END AS usd
		  FROM counted AS c
		  LEFT JOIN menu AS m ON m.class_no = c.class_no AND m.state_no = c.state_no),
	sums AS (
		SELECT c.policy, c.prefix, COALESCE(sum(c.usd), 0) AS total,
		       COALESCE(sum(c.usd) FILTER (WHERE c.term IN ('storage', 'standard overhead')), 0) AS storage,
		       COALESCE(sum(c.usd) FILTER (WHERE c.term IN ('reads', 'restores')), 0) AS requests,
		       COALESCE(sum(c.usd) FILTER (WHERE c.term IN ('retrieval', 'restored copies')), 0) AS retrieval,
		       COALESCE(sum(c.usd) FILTER (WHERE c.term = 'monitoring'), 0) AS monitoring,
		       COALESCE(sum(c.usd) FILTER (WHERE c.term IN ('transitions', 'copies in', 'copies out', 'moved', 'move restores')), 0) AS moving,
		       COALESCE(sum(c.usd) FILTER (WHERE c.term = 'early deletion'), 0) AS early,
		       COALESCE(sum(c.quantity) FILTER (WHERE c.term = 'total moves'), 0)::bigint AS moves,
		       COALESCE(sum(c.quantity) FILTER (WHERE c.term = 'total early deletions'), 0)::bigint AS early_deletions,
		       COALESCE(sum(c.quantity) FILTER (WHERE c.term = 'total reads'), 0)::bigint AS reads,
		       COALESCE(sum(c.quantity) FILTER (WHERE c.term = 'total slow reads'), 0)::bigint AS slow_reads,
		       COALESCE(sum(c.quantity) FILTER (WHERE c.term = 'total objects'), 0)::bigint AS objects
		  FROM cost AS c GROUP BY c.policy, c.prefix)
	SELECT s.policy, NULLIF(s.prefix, ''), round(s.total, 8), round(s.total / NULLIF(h.total, 0), 6), round(s.storage, 8), round(s.requests, 8), round(s.retrieval, 8),
	       round(s.monitoring, 8), round(s.moving, 8), round(s.early, 8), s.moves, s.early_deletions, s.reads, s.slow_reads, s.objects
	  FROM sums AS s
	  LEFT JOIN sums AS h ON h.policy = 'hindsight' AND h.prefix = s.prefix
	 ORDER BY s.prefix, s.total DESC, s.policy;
	CLOSE v_cursor;
END
$$;

CREATE FUNCTION cloudflux.simulate_policy(policy text DEFAULT NULL, period_start date DEFAULT NULL, period_end date DEFAULT NULL, p_place text DEFAULT NULL,
	p_menu text DEFAULT 'instant', p_history regclass DEFAULT NULL, p_prefix_depth int DEFAULT 0, p_allow_gaps boolean DEFAULT false, p_prices_on date DEFAULT CURRENT_DATE,
	p_dataset_key text DEFAULT NULL)
RETURNS TABLE (policy_name text, prefix text, total_cost numeric, hindsight_ratio numeric, storage_cost numeric, request_cost numeric, retrieval_cost numeric,
	monitoring_cost numeric, move_cost numeric, early_deletion_cost numeric, moves bigint, early_deletions bigint, reads bigint, slow_reads bigint, objects bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_place record;
BEGIN
	SELECT * INTO v_place FROM cloudflux.replay_place(p_place, p_menu);
	RETURN QUERY SELECT * FROM cloudflux.replay_costs(
		cloudflux.replay_history(v_place.place, p_menu, p_history, period_start, period_end, p_allow_gaps, p_prices_on, p_prefix_depth, p_dataset_key),
		v_place.cloud, v_place.region, v_place.redundancy, p_menu, p_prices_on, CASE WHEN policy IS NOT NULL THEN ARRAY[policy, 'hindsight'] END);
END
$$;

CREATE FUNCTION cloudflux.replay_moves(policy text, period_start date DEFAULT NULL, period_end date DEFAULT NULL, p_place text DEFAULT NULL,
	p_menu text DEFAULT 'instant', p_history regclass DEFAULT NULL, p_allow_gaps boolean DEFAULT false, p_prices_on date DEFAULT CURRENT_DATE)
RETURNS TABLE (file_id text, day date, storage_class text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_place record;
	v_cursor refcursor;
	v_start date;
BEGIN
	IF policy IS NULL THEN
		RAISE EXCEPTION 'a policy must be named' USING ERRCODE = '22004', HINT = 'simulate_policy() lists the policies of a menu.';
	END IF;
	SELECT * INTO v_place FROM cloudflux.replay_place(p_place, p_menu);
	SELECT c.first_day INTO v_start FROM cloudflux.check_history(v_place.place, COALESCE(p_history, 'cloudflux.read_days'::regclass), period_start, period_end, p_allow_gaps) AS c;
	v_cursor := cloudflux.replay_history(v_place.place, p_menu, p_history, period_start, period_end, p_allow_gaps, p_prices_on);
	RETURN QUERY SELECT s.file_id, v_start + s.day, s.storage_class
		FROM cloudflux.replay_steps(v_cursor, v_place.cloud, v_place.region, v_place.redundancy, p_menu, p_prices_on, ARRAY[policy]) AS s;
	CLOSE v_cursor;
END
$$;

REVOKE ALL ON FUNCTION cloudflux.replay_classes(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.replay_menu(text, text, text, text, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.replay_counts(refcursor, text, text, text, text, date, text[], jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.replay_steps(refcursor, text, text, text, text, date, text[], jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.check_history_columns(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.check_history(text, regclass, date, date, boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.replay_place(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.replay_names(text, text, text, text, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.scope_marks(jsonb, text, text, text, text, text, bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.record_from(text, regclass, date, boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.open_history(text, regclass, date, date, int, text, jsonb, text, text, text, jsonb, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.replay_history(text, text, regclass, date, date, boolean, date, int, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.replay_costs(refcursor, text, text, text, text, date, text[], jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.simulate_policy(text, date, date, text, text, regclass, int, boolean, date, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.replay_moves(text, date, date, text, text, regclass, boolean, date) FROM PUBLIC;
GRANT SELECT ON cloudflux.read_days TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION
	cloudflux.replay_classes(text),
	cloudflux.replay_menu(text, text, text, text, date),
	cloudflux.replay_counts(refcursor, text, text, text, text, date, text[], jsonb),
	cloudflux.replay_steps(refcursor, text, text, text, text, date, text[], jsonb),
	cloudflux.check_history_columns(regclass),
	cloudflux.check_history(text, regclass, date, date, boolean),
	cloudflux.replay_place(text, text),
	cloudflux.replay_names(text, text, text, text, date),
	cloudflux.scope_marks(jsonb, text, text, text, text, text, bigint),
	cloudflux.record_from(text, regclass, date, boolean),
	cloudflux.open_history(text, regclass, date, date, int, text, jsonb, text, text, text, jsonb, date),
	cloudflux.replay_history(text, text, regclass, date, date, boolean, date, int, text, jsonb),
	cloudflux.replay_costs(refcursor, text, text, text, text, date, text[], jsonb),
	cloudflux.simulate_policy(text, date, date, text, text, regclass, int, boolean, date, text),
	cloudflux.replay_moves(text, date, date, text, text, regclass, boolean, date)
	TO cloudflux_viewer, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.replay_classes(text) IS 'What stores offer: classes, the states of those that tier by themselves (after so many days without a read), their roles in the usual rules, and in which order lifecycle rules lead through them (step). p_redundancy: of Azure''s classes, LRS unless told';
COMMENT ON FUNCTION cloudflux.replay_menu(text, text, text, text, date) IS 'What a policy may choose from in a replay: instant (first byte within a second, no single zone) or archive (within 12 hours), a row per class and state with all prices of a day. lifecycle_from is a bit mask of class numbers. Restores take the cheapest option that is fast enough';
COMMENT ON FUNCTION cloudflux.replay_counts(refcursor, text, text, text, text, date, text[], jsonb) IS 'What policies would have used, per class, state and term, in integers: byte-days, requests, bytes, objects. The cursor gives the history (open_history); NULL policies = all; orders of a user (policy_orders) make one more, user_policy. Use simulate_policy()';
COMMENT ON FUNCTION cloudflux.replay_steps(refcursor, text, text, text, text, date, text[], jsonb) IS 'What policies would have done: uploads and moves, by object and day (counted from the start of the period), with the class entered. Arguments as of replay_counts(). Use replay_moves()';
COMMENT ON FUNCTION cloudflux.replay_place(text, text) IS 'Which place a replay is about (NULL = the only one with objects and prices), and whose prices apply; refuses a place without prices and a menu that does not exist';
COMMENT ON FUNCTION cloudflux.replay_names(text, text, text, text, date) IS 'What classes, as the catalogue or the price book spells them, are called in a menu';
COMMENT ON FUNCTION cloudflux.scope_marks(jsonb, text, text, text, text, text, bigint) IS 'Which of several sets of conditions an object meets by what does not change from day to day (place, cloud, key_prefix, content_type, owner, sizes), a bit each';
COMMENT ON FUNCTION cloudflux.replay_history(text, text, regclass, date, date, boolean, date, int, text, jsonb) IS 'Checks a history (check_history) and opens it (open_history) for the place and menu of a replay';
COMMENT ON FUNCTION cloudflux.replay_costs(refcursor, text, text, text, text, date, text[], jsonb) IS 'What policies would have cost on the history of a cursor, which it closes: replay_counts() times the exact prices of a day';
COMMENT ON FUNCTION cloudflux.replay_moves(text, date, date, text, text, regclass, boolean, date) IS 'When a policy would have put what where: a row per upload and move of a replay, with the first day in the class that is entered. Arguments as of simulate_policy(); the policies are those that it lists';
COMMENT ON FUNCTION cloudflux.check_history_columns(regclass) IS 'Refuses a table or view that lacks a column of a history (42703) or has one of a wrong type (42804)';
COMMENT ON FUNCTION cloudflux.check_history(text, regclass, date, date, boolean) IS 'Refuses a history with rows that lack a value, reads of objects that are not in the catalogue, quantities that are negative or out of range, reads in the future, or a week without anything on record; gives the period';
COMMENT ON FUNCTION cloudflux.record_from(text, regclass, date, boolean) IS 'Since when reads at a place would have been noticed, as known on the first day of a period: the days before it that have reads in the history or are in access_coverage, back to the first gap of more than a week, or to the first of them where gaps are allowed; the period''s first day if there are none. A replay counts what an idle object has cost by then from that day on';
COMMENT ON FUNCTION cloudflux.open_history(text, regclass, date, date, int, text, jsonb, text, text, text, jsonb, date) IS 'A cursor over the objects of a place and their reads by day, in the order that replay_counts() needs. p_names: what the classes of the catalogue are called in the menu; objects that lie in no class of it are left out. p_scopes: an array of conditions, an object is in the replay if it meets the first of them. p_watched_from: since when reads would have been noticed (record_from), the first day of the period unless told. A dataset, from whose objects the policy cloudflux learns, is the first part of the key, or what p_dataset_key says';
COMMENT ON FUNCTION cloudflux.simulate_policy(text, date, date, text, text, regclass, int, boolean, date, text) IS 'Replays a history of reads under each policy, or one, and under perfect hindsight, and says what each would have cost: stay, rules by age and by last read, a class that tiers by itself, tier_rules, and the cheapest plan with all reads known. Costs in USD by part, moves, early deletions, reads that met a class slower than a second, and the ratio to hindsight; by key prefix when p_prefix_depth says how many parts of the key, by data set when p_dataset_key names the key of metadata that tells it (column prefix has either). The history is read_days (access logs), or a table with file_id, day, reads, bytes (NULL = the whole object); objects are those of the catalogue at one place. Objects older than the period begin it in the class that the catalogue had them in then, or first saw them in (object_versions); those that lie in no class of the menu are left out; reads of the 90 days before the period are known to every policy and not charged';
COMMENT ON VIEW cloudflux.read_days IS 'Reads per object and UTC day';
COMMENT ON COLUMN cloudflux.read_days.file_id IS 'Object';
COMMENT ON COLUMN cloudflux.read_days.day IS 'UTC day';
COMMENT ON COLUMN cloudflux.read_days.reads IS 'Reads on that day';
COMMENT ON COLUMN cloudflux.read_days.bytes IS 'Bytes of those reads that tell them';
COMMENT ON COLUMN cloudflux.read_days.full_reads IS 'Reads that tell no bytes: of the whole object';
