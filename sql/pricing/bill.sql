/*
 * pricing/bill: the bill of each day, term by term (cost_terms), added up per cloud and tier (cost_analytics).
 *
 * A day is worked out from the catalog as it is and from the accesses, moves and own requests of that day. What a day that is over was billed for
 * storage stays as it was written: no newer catalog or price changes it. Accesses that are told late, as an access log is that comes with
 * days of delay, change their day: at the class in which the object lay then.
 */

CREATE TABLE cloudflux.cost_terms (
	date           date NOT NULL,
	cloud          text NOT NULL,
	tier           text NOT NULL,
	price_provider text,
	price_region   text,
	storage_class  text,
	term           text NOT NULL,
	quantity       numeric,
	unit           text,
	amount         numeric,
	size_bytes     numeric NOT NULL DEFAULT 0,
	objects        bigint NOT NULL DEFAULT 0
);
CREATE INDEX cost_terms_date ON cloudflux.cost_terms (date);

-- What was known of the accesses of a day when it was billed last; another sum says that some were told since.
CREATE TABLE cloudflux.cost_days (
	date       date PRIMARY KEY,
	reads      numeric NOT NULL,
	writes     numeric NOT NULL,
	bytes      numeric NOT NULL,
	full_reads numeric NOT NULL
);

CREATE FUNCTION cloudflux.accesses_of(p_from date, p_to date) RETURNS SETOF cloudflux.cost_days
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT a.day, sum(a.reads), sum(a.writes), sum(a.bytes), sum(a.full_reads)
	  FROM (SELECT d.day, d.reads, d.writes, d.bytes, d.full_reads FROM cloudflux.access_daily AS d WHERE d.day >= p_from AND d.day < p_to
	        UNION ALL
	        SELECT t.day, t.reads, t.writes, t.bytes, t.full_reads FROM cloudflux.access_deltas AS t WHERE t.day >= p_from AND t.day < p_to) AS a
	 GROUP BY a.day;
END;

-- Which of the four parts of a bill a term belongs to.
CREATE FUNCTION cloudflux.cost_part(p_term text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_term IN ('put', 'get', 'list', 'other', 'transition', 'restore') THEN 'requests'
            WHEN p_term IN ('retrieval', 'restore_retrieval', 'upload') THEN 'retrieval'
            WHEN p_term IN ('move', 'egress') THEN 'transfer'
            ELSE 'storage' END;

-- Terms (rows of cost_terms_of) added up per cloud and tier.
CREATE FUNCTION cloudflux.sum_cost_terms(p_terms jsonb)
RETURNS TABLE (cloud text, tier text, size_bytes numeric, num_objects bigint, unpriced_objects bigint, storage_cost numeric,
	request_cost numeric, retrieval_cost numeric, transfer_cost numeric)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT t.cloud, t.tier, sum(t.size_bytes), sum(t.objects)::bigint,
	       COALESCE(sum(t.objects) FILTER (WHERE t.term = 'held' AND t.amount IS NULL), 0)::bigint,
	       sum(t.amount) FILTER (WHERE t.part = 'storage'), sum(t.amount) FILTER (WHERE t.part = 'requests'),
	       sum(t.amount) FILTER (WHERE t.part = 'retrieval'), sum(t.amount) FILTER (WHERE t.part = 'transfer')
	  FROM (SELECT j.*, cloudflux.cost_part(j.term) AS part FROM jsonb_populate_recordset(NULL::cloudflux.cost_terms, p_terms) AS j) AS t
	 GROUP BY t.cloud, t.tier;
END;

-- The terms of one day, from the catalog as it is now and the accesses and moves of that day. Row `held` of each class has what lay there; its
-- amount is NULL where a price is missing, and then there are no terms of storage.
CREATE FUNCTION cloudflux.cost_terms_of(p_day date)
RETURNS TABLE (cloud text, tier text, price_provider text, price_region text, storage_class text, term text, quantity numeric, unit text,
	amount numeric, size_bytes numeric, objects bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_from timestamptz := p_day::timestamp AT TIME ZONE 'UTC';
	v_to timestamptz := (p_day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
	RETURN QUERY
	WITH places AS MATERIALIZED (SELECT p.* FROM cloudflux.place_prices AS p),
	held AS MATERIALIZED (
		SELECT COALESCE(o.current_cloud, p.cloud, 'unknown') AS cloud, COALESCE(o.current_tier, 'unknown') AS tier,
		       p.price_provider, p.price_region,
		       cloudflux.billed_class(p.cloud, p.storage_class, o.storage_class) AS price_class,
		       COALESCE(o.size_bytes, 0) AS bytes
		  FROM cloudflux.data_objects AS o
		  LEFT JOIN places AS p ON p.place = o.place
		 WHERE (o.vanished_at IS NULL OR o.vanished_at >= v_to) AND o.created_at < v_to
		UNION ALL
		SELECT COALESCE(p.cloud, 'unknown'), COALESCE(cloudflux.class_tier(p.cloud, a.place, v.storage_class), o.current_tier, 'unknown'),
		       p.price_provider, p.price_region,
		       cloudflux.billed_class(p.cloud, p.storage_class, v.storage_class),
		       COALESCE(v.size_bytes, o.size_bytes, 0)
		  FROM cloudflux.addresses AS a
		  JOIN cloudflux.data_objects AS o ON o.file_id = a.file_id
		  LEFT JOIN places AS p ON p.place = a.place
		  LEFT JOIN LATERAL (SELECT w.storage_class, w.size_bytes FROM cloudflux.object_versions AS w
		                      WHERE w.file_id = a.file_id AND w.place = a.place AND w.object_key = a.object_key
		                      ORDER BY w.version_no DESC LIMIT 1) AS v ON true
		 WHERE a.state IN ('replica', 'deleting') AND o.created_at < v_to),
	classes AS (
		SELECT h.price_provider, h.price_region, h.price_class,
		       cloudflux.class_minimum_bytes(h.price_provider, h.price_region, h.price_class, p_day) AS minimum_bytes
		  FROM (SELECT DISTINCT g.price_provider, g.price_region, g.price_class FROM held AS g) AS h),
	sums AS (
		SELECT h.cloud, h.tier, h.price_provider, h.price_region, h.price_class, sum(h.bytes) AS bytes, count(*) AS objects,
		       sum(GREATEST(c.minimum_bytes - h.bytes, 0)) AS padding, count(*) FILTER (WHERE h.bytes >= 131072) AS monitored,
		       c.minimum_bytes IS NOT NULL AS priced
		  FROM held AS h
		  JOIN classes AS c ON (c.price_provider, c.price_region, c.price_class) IS NOT DISTINCT FROM (h.price_provider, h.price_region, h.price_class)
		 GROUP BY h.cloud, h.tier, h.price_provider, h.price_region, h.price_class, c.minimum_bytes IS NOT NULL),
	priced AS MATERIALIZED (
		SELECT g.*, COALESCE(sum(g.bytes) OVER (PARTITION BY g.price_provider, g.price_region, g.price_class ORDER BY g.cloud, g.tier
		                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
		  FROM sums AS g WHERE g.priced),
	stored AS MATERIALIZED (
		SELECT s.cloud, s.tier, s.price_provider, s.price_region, s.price_class, q.term, q.quantity, q.unit, q.amount,
		       bool_and(q.amount IS NOT NULL) OVER (PARTITION BY s.cloud, s.tier, s.price_provider, s.price_region, s.price_class) AS known
		  FROM priced AS s,
		       cloudflux.quote_usage(s.price_provider, s.price_region, s.price_class, jsonb_build_object(
		           'byte_hours', s.bytes * 24, 'object_hours', s.objects * 24, 'padding_byte_hours', s.padding * 24,
		           'monitored_object_hours', s.monitored * 24, 'band_hours', 24, 'byte_hours_before', s.bytes_before * 24), p_day) AS q),
	reads AS (
		SELECT x.cloud, x.tier, x.price_provider, x.price_region, x.price_class, sum(x.reads) AS reads, sum(x.writes) AS writes, sum(x.bytes) AS bytes
		  FROM (SELECT COALESCE(CASE WHEN h.place IS NULL THEN o.current_cloud END, p.cloud, 'unknown') AS cloud,
		               COALESCE(CASE WHEN h.place IS NOT NULL THEN cloudflux.class_tier(p.cloud, h.place, h.storage_class) END, o.current_tier, 'unknown') AS tier,
		               p.price_provider, p.price_region,
		               cloudflux.billed_class(p.cloud, p.storage_class, CASE WHEN h.place IS NULL THEN o.storage_class ELSE h.storage_class END) AS price_class,
		               a.reads, a.writes, a.bytes + a.full_reads::numeric * COALESCE(o.size_bytes, 0) AS bytes
		          FROM (SELECT d.file_id, d.reads, d.writes, d.bytes, d.full_reads FROM cloudflux.access_daily AS d WHERE d.day = p_day
		                UNION ALL
		                SELECT t.file_id, t.reads, t.writes, t.bytes, t.full_reads FROM cloudflux.access_deltas AS t WHERE t.day = p_day) AS a
		          JOIN cloudflux.data_objects AS o ON o.file_id = a.file_id
		          -- Where it lay when the day ended, if that is another address or class by now.
		          LEFT JOIN LATERAL (SELECT v.place, v.storage_class FROM cloudflux.object_versions AS v
		                              WHERE v_to <= now() AND v.file_id = a.file_id AND v.role = 'primary' AND v.valid_to >= v_to
		                              ORDER BY v.version_no LIMIT 1) AS h ON true
		          LEFT JOIN places AS p ON p.place = COALESCE(h.place, o.place)) AS x
		 GROUP BY x.cloud, x.tier, x.price_provider, x.price_region, x.price_class),
	-- A class without a price must not be asked for.
	asked AS MATERIALIZED (
		SELECT r.* FROM reads AS r WHERE cloudflux.class_minimum_bytes(r.price_provider, r.price_region, r.price_class, p_day) IS NOT NULL),
	access AS (
		SELECT g.cloud, g.tier, g.price_provider, g.price_region, g.price_class, q.term, q.quantity, q.unit, q.amount,
		       bool_and(q.amount IS NOT NULL) OVER (PARTITION BY g.cloud, g.tier, g.price_provider, g.price_region, g.price_class) AS known
		  FROM asked AS g
		 CROSS JOIN LATERAL (
		       SELECT u.term, u.quantity, u.unit, u.amount FROM cloudflux.quote_usage(g.price_provider, g.price_region, g.price_class,
		              jsonb_build_object('gets', g.reads, 'puts', g.writes, 'read_bytes', round(g.bytes)), p_day) AS u
		       UNION ALL
		       SELECT z.term, 0, z.unit, 0 FROM (VALUES ('get', '1000 requests'), ('retrieval', 'GB')) AS z(term, unit)) AS q),
	-- What cloudflux itself sent for no job (inventories); what it sent for jobs is in what they cost.
	own AS (
		SELECT s.cloud, COALESCE(cloudflux.class_tier(s.cloud, s.place, s.price_class), 'unknown') AS tier, s.price_provider, s.price_region, s.price_class, s.term,
		       trim_scale(sum(s.requests) / 1000) AS quantity, sum(c.amount) AS amount
		  FROM (SELECT p.cloud, p.place, p.price_provider, p.price_region, t.term, sum(n.requests) AS requests,
		               COALESCE(p.storage_class, CASE p.price_provider WHEN 'Azure' THEN 'HOT_LRS' ELSE 'STANDARD' END) AS price_class
		          FROM (SELECT r.place, r.verb, sum(r.requests) AS requests FROM cloudflux.request_metrics AS r
		                 WHERE r.hour >= v_from AND r.hour < v_to AND r.status_class NOT IN ('5xx', 'none') GROUP BY 1, 2
		                UNION ALL
		                SELECT q.place, q.verb, - sum(q.billed_requests) FROM cloudflux.job_requests AS q
		                 WHERE q.recorded_at >= v_from AND q.recorded_at < v_to GROUP BY 1, 2) AS n
		          JOIN places AS p ON p.place = n.place
		         CROSS JOIN LATERAL (SELECT cloudflux.request_term(COALESCE(p.cloud, p.price_provider), n.verb) AS term) AS t
		         WHERE t.term IN ('put', 'get', 'list', 'other')
		         GROUP BY p.cloud, p.place, p.price_provider, p.price_region, t.term, p.storage_class) AS s
		 CROSS JOIN LATERAL cloudflux.price_requests(s.price_provider, s.price_region, s.price_class, s.term, s.requests, p_day) AS c
		 WHERE s.requests > 0 AND c.amount IS NOT NULL
		 GROUP BY 1, 2, 3, 4, 5, 6),
	moved AS (
		SELECT COALESCE(m.source_cloud, 'unknown') AS cloud, COALESCE(m.source_tier, 'unknown') AS tier, sum(m.transfer_cost) AS cost, count(*)::numeric AS moves
		  FROM cloudflux.migration_jobs AS m
		 WHERE m.switched_at >= v_from AND m.switched_at < v_to AND m.transfer_cost IS NOT NULL
		 GROUP BY 1, 2)
	SELECT s.cloud, s.tier, s.price_provider, s.price_region, s.price_class, 'held', NULL::numeric, NULL::text,
	       CASE WHEN s.priced AND NOT EXISTS (SELECT FROM stored AS t WHERE NOT t.known AND (t.cloud, t.tier, t.price_provider, t.price_region, t.price_class)
	                                          = (s.cloud, s.tier, s.price_provider, s.price_region, s.price_class)) THEN 0 END,
	       s.bytes, s.objects
	  FROM sums AS s
	UNION ALL
	SELECT t.cloud, t.tier, t.price_provider, t.price_region, t.price_class, t.term, sum(t.quantity), t.unit, sum(t.amount), 0, 0
	  FROM stored AS t WHERE t.known
	 GROUP BY 1, 2, 3, 4, 5, t.term, t.unit
	UNION ALL
	SELECT a.cloud, a.tier, a.price_provider, a.price_region, a.price_class, a.term, sum(a.quantity), a.unit, sum(a.amount), 0, 0
	  FROM access AS a WHERE a.known
	 GROUP BY 1, 2, 3, 4, 5, a.term, a.unit
	UNION ALL
	SELECT w.cloud, w.tier, w.price_provider, w.price_region, w.price_class, w.term, w.quantity, '1000 requests', w.amount, 0, 0 FROM own AS w
	UNION ALL
	SELECT m.cloud, m.tier, NULL, NULL, NULL, 'move', m.moves, 'moves', m.cost, 0, 0 FROM moved AS m;
END
$$;

-- The same per cloud and tier.
CREATE FUNCTION cloudflux.cost_day(p_day date)
RETURNS TABLE (cloud text, tier text, size_bytes numeric, num_objects bigint, unpriced_objects bigint, storage_cost numeric,
	request_cost numeric, retrieval_cost numeric, transfer_cost numeric)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT d.* FROM cloudflux.sum_cost_terms((SELECT jsonb_agg(to_jsonb(t)) FROM cloudflux.cost_terms_of(p_day) AS t)) AS d;
END;

CREATE FUNCTION cloudflux.roll_up_costs() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_today date := (now() AT TIME ZONE 'UTC')::date;
	v_last date;
	v_first date;
	v_day date;
	v_kept boolean;
	v_days int := 0;
	v_terms jsonb;
	v_rows jsonb;
	v_old jsonb;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('cloudflux.cost_analytics', 0));
	SELECT max(c.date) INTO v_last FROM cloudflux.cost_analytics AS c WHERE c.date <= v_today;
	v_first := GREATEST(COALESCE(v_last, v_today), v_today - 31);
	FOR v_day IN
		SELECT g.day::date FROM generate_series(v_first, v_today, interval '1 day') AS g(day)
		UNION ALL
		SELECT a.date FROM cloudflux.accesses_of(v_today - 62, v_first) AS a
		  LEFT JOIN cloudflux.cost_days AS k ON k.date = a.date
		 WHERE a IS DISTINCT FROM k AND EXISTS (SELECT FROM cloudflux.cost_analytics AS c WHERE c.date = a.date)
		 ORDER BY 1
	LOOP
		v_kept := v_day < v_today AND EXISTS (SELECT FROM cloudflux.cost_analytics AS c WHERE c.date = v_day);
		INSERT INTO cloudflux.cost_days AS k SELECT a.* FROM cloudflux.accesses_of(v_day, v_day + 1) AS a
		ON CONFLICT (date) DO UPDATE SET reads = excluded.reads, writes = excluded.writes, bytes = excluded.bytes, full_reads = excluded.full_reads
		 WHERE k IS DISTINCT FROM excluded;
		SELECT COALESCE(jsonb_agg(to_jsonb(t)), '[]'::jsonb) INTO v_terms FROM cloudflux.cost_terms_of(v_day) AS t;
		-- A day that is over keeps what it was billed for storage; accesses that were told late still come in.
		SELECT COALESCE(jsonb_agg(jsonb_build_object('cloud', r.cloud, 'tier', r.tier, 'total_size_gb', r.total_size_gb,
		                'storage_cost', r.storage_cost, 'request_cost', r.request_cost, 'retrieval_cost', r.retrieval_cost,
		                'transfer_cost', r.transfer_cost, 'num_objects', r.num_objects, 'unpriced_objects', r.unpriced_objects,
		                'total_cost', CASE WHEN r.storage_cost IS NOT NULL OR r.request_cost IS NOT NULL OR r.retrieval_cost IS NOT NULL
		                                        OR r.transfer_cost IS NOT NULL
		                                   THEN COALESCE(r.storage_cost, 0) + COALESCE(r.request_cost, 0)
		                                        + COALESCE(r.retrieval_cost, 0) + COALESCE(r.transfer_cost, 0) END)
		                ORDER BY r.cloud, r.tier), '[]'::jsonb)
		  INTO v_rows
		  FROM (SELECT COALESCE(n.cloud, c.cloud) AS cloud, COALESCE(n.tier, c.tier) AS tier,
		               n.request_cost, n.retrieval_cost, n.transfer_cost,
		               CASE WHEN v_kept THEN COALESCE(c.total_size_gb, 0) ELSE trim_scale(round(n.size_bytes / 1073741824, 9)) END AS total_size_gb,
		               CASE WHEN v_kept THEN c.storage_cost ELSE n.storage_cost END AS storage_cost,
		               CASE WHEN v_kept THEN COALESCE(c.num_objects, 0) ELSE n.num_objects END AS num_objects,
		               CASE WHEN v_kept THEN COALESCE(c.unpriced_objects, 0) ELSE n.unpriced_objects END AS unpriced_objects
		          FROM cloudflux.sum_cost_terms(v_terms) AS n
		          FULL JOIN (SELECT a.* FROM cloudflux.cost_analytics AS a WHERE a.date = v_day AND v_kept) AS c
		            ON c.cloud = n.cloud AND c.tier = n.tier
		         WHERE NOT v_kept OR c.cloud IS NOT NULL OR n.request_cost IS NOT NULL OR n.transfer_cost IS NOT NULL) AS r;
		SELECT COALESCE(jsonb_agg(jsonb_build_object('cloud', a.cloud, 'tier', a.tier, 'total_size_gb', a.total_size_gb,
		                'storage_cost', a.storage_cost, 'request_cost', a.request_cost, 'retrieval_cost', a.retrieval_cost,
		                'transfer_cost', a.transfer_cost, 'num_objects', a.num_objects, 'unpriced_objects', a.unpriced_objects,
		                'total_cost', a.total_cost) ORDER BY a.cloud, a.tier), '[]'::jsonb)
		  INTO v_old
		  FROM cloudflux.cost_analytics AS a
		 WHERE a.date = v_day;
		IF v_rows <> v_old OR NOT EXISTS (SELECT FROM cloudflux.cost_terms AS t WHERE t.date = v_day) THEN
			DELETE FROM cloudflux.cost_terms AS t WHERE t.date = v_day AND NOT (v_kept AND cloudflux.cost_part(t.term) = 'storage');
			INSERT INTO cloudflux.cost_terms (date, cloud, tier, price_provider, price_region, storage_class, term, quantity, unit, amount, size_bytes, objects)
			SELECT v_day, j.cloud, j.tier, j.price_provider, j.price_region, j.storage_class, j.term, j.quantity, j.unit, j.amount, j.size_bytes, j.objects
			  FROM jsonb_populate_recordset(NULL::cloudflux.cost_terms, v_terms) AS j
			 WHERE NOT (v_kept AND cloudflux.cost_part(j.term) = 'storage');
		END IF;
		IF v_rows <> v_old THEN
			DELETE FROM cloudflux.cost_analytics AS a WHERE a.date = v_day;
			INSERT INTO cloudflux.cost_analytics (date, cloud, tier, total_size_gb, storage_cost, transfer_cost, total_cost, num_objects,
					request_cost, retrieval_cost, unpriced_objects)
			SELECT v_day, j.cloud, j.tier, j.total_size_gb, j.storage_cost, j.transfer_cost, j.total_cost, j.num_objects,
			       j.request_cost, j.retrieval_cost, j.unpriced_objects
			  FROM jsonb_to_recordset(v_rows) AS j(cloud text, tier text, total_size_gb numeric, storage_cost numeric, request_cost numeric,
			       retrieval_cost numeric, transfer_cost numeric, num_objects bigint, unpriced_objects bigint, total_cost numeric);
			PERFORM cloudflux.emit_events('cost-updates', 'cost.updated', ARRAY[to_char(v_day, 'YYYY-MM-DD')],
			                              ARRAY[jsonb_build_object('date', v_day, 'costs', v_rows)]);
			v_days := v_days + 1;
		END IF;
	END LOOP;
	DELETE FROM cloudflux.cost_days AS k WHERE k.date < v_today - 400;
	RETURN CASE WHEN v_days > 0 THEN v_days || ' days billed' END;
END
$$;

SELECT pg_catalog.pg_extension_config_dump('cloudflux.cost_terms', '');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.cost_days', '');

REVOKE ALL ON FUNCTION cloudflux.cost_part(text), cloudflux.sum_cost_terms(jsonb), cloudflux.cost_terms_of(date), cloudflux.cost_day(date),
	cloudflux.roll_up_costs(), cloudflux.accesses_of(date, date) FROM PUBLIC;
GRANT SELECT ON cloudflux.cost_terms, cloudflux.cost_days TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, DELETE ON cloudflux.cost_terms TO cloudflux_worker;
GRANT INSERT, UPDATE, DELETE ON cloudflux.cost_days TO cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.accesses_of(date, date) TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.cost_part(text), cloudflux.sum_cost_terms(jsonb), cloudflux.cost_terms_of(date), cloudflux.cost_day(date)
	TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.roll_up_costs() TO cloudflux_worker;

COMMENT ON TABLE cloudflux.cost_terms IS 'The bill per day (UTC), cloud, tier and storage class, term by term, kept by chore roll_up_costs; cost_analytics is its sum. USD';
COMMENT ON COLUMN cloudflux.cost_terms.date IS 'Day in UTC';
COMMENT ON COLUMN cloudflux.cost_terms.cloud IS 'Cloud of the places: AWS, Azure, GCP, S3, LOCAL, or unknown';
COMMENT ON COLUMN cloudflux.cost_terms.tier IS 'HOT, WARM, COLD, or unknown';
COMMENT ON COLUMN cloudflux.cost_terms.price_provider IS 'Cloud whose prices apply; NULL = unpriced, or a move';
COMMENT ON COLUMN cloudflux.cost_terms.price_region IS 'Region whose prices apply';
COMMENT ON COLUMN cloudflux.cost_terms.storage_class IS 'Storage class whose prices apply';
COMMENT ON COLUMN cloudflux.cost_terms.term IS 'As quote_usage() names it; held = what lay there at the end of the day, move = moves that switched on that day';
COMMENT ON COLUMN cloudflux.cost_terms.quantity IS 'How much of it, in unit: of storage the day''s share of GB-months';
COMMENT ON COLUMN cloudflux.cost_terms.unit IS 'Unit of quantity';
COMMENT ON COLUMN cloudflux.cost_terms.amount IS 'USD; of held 0, or NULL where no price is known';
COMMENT ON COLUMN cloudflux.cost_terms.size_bytes IS 'Of held: bytes at the end of the day';
COMMENT ON COLUMN cloudflux.cost_terms.objects IS 'Of held: objects at the end of the day';
COMMENT ON TABLE cloudflux.cost_days IS 'What was known of the accesses of each day when it was billed last: another sum in the roll-up says that some were told since, and the day is billed again';
COMMENT ON COLUMN cloudflux.cost_days.date IS 'Day in UTC';
COMMENT ON COLUMN cloudflux.cost_days.reads IS 'Reads';
COMMENT ON COLUMN cloudflux.cost_days.writes IS 'Writes';
COMMENT ON COLUMN cloudflux.cost_days.bytes IS 'Bytes that were read, where they were told';
COMMENT ON COLUMN cloudflux.cost_days.full_reads IS 'Reads of whole objects whose bytes were not told';
COMMENT ON FUNCTION cloudflux.accesses_of(date, date) IS 'Sums of the accesses of each day from p_from until before p_to';
COMMENT ON FUNCTION cloudflux.cost_part(text) IS 'Which part of the bill a term belongs to: storage, requests, retrieval or transfer';
COMMENT ON FUNCTION cloudflux.sum_cost_terms(jsonb) IS 'Adds up terms of one day, an array of rows of cost_terms_of(), per cloud and tier';
COMMENT ON FUNCTION cloudflux.cost_terms_of(date) IS 'The bill of one UTC day per cloud, tier and storage class, term by term; see cost_day()';
COMMENT ON FUNCTION cloudflux.cost_day(date) IS 'The bill of one UTC day per cloud and tier, from the catalog as it is now (objects created later are left out, replicas are billed too) and the accesses, moves and own requests of that day. Each day pays its share of the month, with the bands of the whole catalog';
COMMENT ON FUNCTION cloudflux.roll_up_costs() IS 'Chore: writes the bill of today, finishes the last one, catches up at most 31 missed days, and bills the accesses of a day again of which some were told late, as far as 62 days back; the rows of a day are replaced. One event cost.updated per day that changed';
