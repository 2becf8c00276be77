-- classify_objects() looks only at what may have changed. Over random histories, with days passing in between, its
-- verdicts are those of a computation from scratch. The seed is fixed; no keeper runs here.
SELECT setseed(0.42);
CREATE FUNCTION pg_temp.day() RETURNS date LANGUAGE sql AS $$ SELECT (now() AT TIME ZONE 'UTC')::date $$;
CREATE FUNCTION pg_temp.pick() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT 'o' || (random() * 150)::int $$;

-- Time passes: everything that is dated becomes older, and no trigger sees it.
CREATE FUNCTION pg_temp.pass(p_days int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	UPDATE cloudflux.data_objects SET created_at = created_at - p_days * interval '24 hours', modified_at = modified_at - p_days * interval '24 hours',
		last_accessed = last_accessed - p_days * interval '24 hours', counted_on = counted_on - p_days;
	CREATE TEMP TABLE daily ON COMMIT DROP AS SELECT * FROM cloudflux.access_daily;
	DELETE FROM cloudflux.access_daily;
	INSERT INTO cloudflux.access_daily SELECT file_id, day - p_days, reads, writes, deletes, bytes, full_reads, latency_sum, latency_count,
		last_at - p_days * interval '24 hours' FROM daily;
	DROP TABLE daily;
	UPDATE cloudflux.access_logs SET accessed_at = accessed_at - p_days * interval '24 hours';
	UPDATE cloudflux.access_deltas SET day = day - p_days, last_at = last_at - p_days * interval '24 hours';
	CREATE TEMP TABLE covered ON COMMIT DROP AS SELECT * FROM cloudflux.access_coverage;
	DELETE FROM cloudflux.access_coverage;
	INSERT INTO cloudflux.access_coverage SELECT place, day - p_days, lines FROM covered;
	DROP TABLE covered;
	UPDATE cloudflux.object_classes SET recheck_on = recheck_on - p_days;
	UPDATE cloudflux.classify_state SET classified_on = classified_on - p_days;
	UPDATE cloudflux.access_counted SET counted_on = counted_on - p_days;
	SET LOCAL session_replication_role = origin;
END $$;

-- From scratch: straight from the definitions, rule by rule, object by object.
CREATE VIEW pg_temp.naive AS
	SELECT f.file_id, (
		SELECT r.rule_name FROM cloudflux.active_tier_rules r
		 WHERE COALESCE(f.reads_30d >= r.min_reads_30d, true) AND COALESCE(f.reads_30d <= r.max_reads_30d, true)
		   AND COALESCE(f.reads_90d >= r.min_reads_90d, true) AND COALESCE(f.reads_90d <= r.max_reads_90d, true)
		   AND COALESCE(f.age >= r.min_age_days, true) AND COALESCE(f.age <= r.max_age_days, true)
		   AND (r.min_days_since_access IS NULL OR f.idle IS NULL OR f.idle >= r.min_days_since_access)
		   AND (r.max_days_since_access IS NULL OR COALESCE(f.idle <= r.max_days_since_access, false))
		   AND (r.min_size_bytes IS NULL OR COALESCE(f.size_bytes >= r.min_size_bytes, false))
		   AND (r.max_size_bytes IS NULL OR COALESCE(f.size_bytes <= r.max_size_bytes, false))
		   AND (r.min_avg_latency_ms IS NULL OR COALESCE(f.latency >= r.min_avg_latency_ms, false))
		   AND (r.max_avg_latency_ms IS NULL OR COALESCE(f.latency <= r.max_avg_latency_ms, false))
		   AND COALESCE(f.evidence >= r.min_evidence_days, true) AND COALESCE(f.evidence <= r.max_evidence_days, true)
		   AND (r.place_pattern IS NULL OR COALESCE(f.place LIKE r.place_pattern, false))
		   AND (r.key_prefix IS NULL OR COALESCE(starts_with(f.object_key, r.key_prefix), false))
		 ORDER BY r.rank LIMIT 1) AS rule_name
	  FROM (
		SELECT o.file_id, o.place, o.object_key, o.size_bytes,
		       CASE WHEN a.known THEN a.reads_30d WHEN o.counted_on IS NULL THEN o.access_count_30d ELSE 0 END AS reads_30d,
		       CASE WHEN a.known THEN a.reads_90d WHEN o.counted_on IS NULL THEN GREATEST(o.access_count_90d, o.access_count_30d) ELSE 0 END AS reads_90d,
		       pg_temp.day() - LEAST((o.created_at AT TIME ZONE 'UTC')::date, (o.modified_at AT TIME ZONE 'UTC')::date) AS age,
		       pg_temp.day() - GREATEST((o.last_accessed AT TIME ZONE 'UTC')::date, (o.modified_at AT TIME ZONE 'UTC')::date, a.last_day) AS idle,
		       a.latency,
		       CASE WHEN o.last_accessed IS NOT NULL OR a.last_day IS NOT NULL OR (o.counted_on IS NULL AND o.access_count_30d + o.access_count_90d > 0) THEN 90
		            ELSE (SELECT count(*) FROM cloudflux.access_coverage c WHERE c.place = o.place AND c.day BETWEEN pg_temp.day() - 89 AND pg_temp.day()) END AS evidence
		  FROM cloudflux.data_objects o
		 CROSS JOIN LATERAL (
			SELECT COALESCE(sum(x.reads) FILTER (WHERE x.day BETWEEN pg_temp.day() - 29 AND pg_temp.day()), 0) AS reads_30d,
			       COALESCE(sum(x.reads) FILTER (WHERE x.day BETWEEN pg_temp.day() - 89 AND pg_temp.day()), 0) AS reads_90d,
			       bool_or(x.day BETWEEN pg_temp.day() - 89 AND pg_temp.day()) AS known,
			       max(x.day) FILTER (WHERE x.day BETWEEN pg_temp.day() - 89 AND pg_temp.day()) AS last_day,
			       sum(x.latency_sum) FILTER (WHERE x.day BETWEEN pg_temp.day() - 29 AND pg_temp.day())
			       / NULLIF(sum(x.latency_count) FILTER (WHERE x.day BETWEEN pg_temp.day() - 29 AND pg_temp.day()), 0) AS latency
			  FROM (SELECT day, reads, latency_sum, latency_count FROM cloudflux.access_daily d WHERE d.file_id = o.file_id
			        UNION ALL
			        SELECT day, reads, latency_sum, latency_count FROM cloudflux.access_deltas d WHERE d.file_id = o.file_id) x) a
		 WHERE o.vanished_at IS NULL) f;

CREATE FUNCTION pg_temp.step() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	what CONSTANT int := (random() * 100)::int;
	v_id text := pg_temp.pick();
BEGIN
	CASE
	WHEN what < 12 THEN
		INSERT INTO cloudflux.data_objects (file_id, size_bytes, created_at, last_accessed, modified_at, access_count_30d, access_count_90d)
		SELECT v_id, (random() * 2000)::bigint, now() - (random() * 120)::int * interval '24 hours',
		       CASE WHEN random() < 0.3 THEN now() - (random() * 120)::int * interval '24 hours' END,
		       CASE WHEN random() < 0.3 THEN now() - (random() * 120)::int * interval '24 hours' END,
		       CASE WHEN random() < 0.2 THEN 20 ELSE 0 END, CASE WHEN random() < 0.2 THEN 30 ELSE 0 END
		ON CONFLICT (file_id) DO NOTHING;
		RETURN 'new';
	WHEN what < 50 THEN
		INSERT INTO cloudflux.access_logs (file_id, accessed_at, access_type, latency_ms)
		SELECT o.file_id, now() - (random() * random() * 130 - 3)::int * interval '24 hours', CASE WHEN random() < 0.9 THEN 'read' ELSE 'write' END,
		       CASE WHEN random() < 0.3 THEN random() * 1000 END
		  FROM cloudflux.data_objects o, generate_series(1, 1 + (random() * 8)::int) WHERE o.file_id = v_id;
		RETURN 'access';
	WHEN what < 55 THEN
		DELETE FROM cloudflux.access_logs WHERE file_id = v_id AND random() < 0.5;
		RETURN 'access taken back';
	WHEN what < 62 THEN PERFORM cloudflux.fold_accesses(); RETURN 'fold';
	WHEN what < 66 THEN PERFORM cloudflux.refresh_access_counts(); RETURN 'refresh';
	WHEN what < 70 THEN UPDATE cloudflux.data_objects SET size_bytes = (random() * 2000)::bigint, size_gb = NULL WHERE file_id = v_id; RETURN 'size';
	WHEN what < 73 THEN UPDATE cloudflux.data_objects SET modified_at = now() - (random() * 50)::int * interval '24 hours' WHERE file_id = v_id; RETURN 'rewritten';
	WHEN what < 76 THEN UPDATE cloudflux.data_objects SET vanished_at = CASE WHEN vanished_at IS NULL THEN now() END WHERE file_id = v_id; RETURN 'vanish';
	WHEN what < 78 THEN DELETE FROM cloudflux.data_objects WHERE file_id = v_id; RETURN 'delete';
	WHEN what < 82 THEN
		SET LOCAL session_replication_role = replica;  -- the address of a place that does not exist
		UPDATE cloudflux.data_objects SET place = 'p' || (random() * 2)::int, object_key = 'k' || v_id WHERE file_id = v_id;
		SET LOCAL session_replication_role = origin;
		UPDATE cloudflux.data_objects SET created_at = created_at - interval '1 second' WHERE file_id = v_id;
		RETURN 'place';
	WHEN what < 88 THEN
		INSERT INTO cloudflux.access_coverage (place, day, lines) SELECT 'p' || (random() * 2)::int, pg_temp.day() - (random() * 90)::int, 1 FROM generate_series(1, 20)
		ON CONFLICT DO NOTHING;
		RETURN 'coverage';
	WHEN what < 90 THEN
		DELETE FROM cloudflux.tier_rules WHERE NOT builtin AND random() < 0.3;
		INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, min_reads_30d, max_age_days, max_size_bytes, min_avg_latency_ms, max_reads_90d, max_days_since_access, min_evidence_days)
		SELECT 'r' || (random() * 4)::int, (random() * 1200)::int, (ARRAY['HOT', 'WARM', 'COLD'])[1 + (random() * 2)::int],
		       CASE WHEN random() < 0.3 THEN (random() * 6)::int END, CASE WHEN random() < 0.3 THEN (random() * 100)::int END,
		       CASE WHEN random() < 0.3 THEN (random() * 1000)::int END, CASE WHEN random() < 0.3 THEN random() * 500 END,
		       CASE WHEN random() < 0.4 THEN (random() * 10)::int END, CASE WHEN random() < 0.3 THEN (random() * 60)::int END,
		       CASE WHEN random() < 0.3 THEN (random() * 90)::int END
		ON CONFLICT (rule_name, builtin) DO NOTHING;
		RETURN 'rule';
	ELSE PERFORM pg_temp.pass(1 + (random() * random() * 40)::int); RETURN 'time';
	END CASE;
END $$;

-- 600 steps, some undone; after every third the verdicts are compared
CREATE TEMP TABLE steps (n int, what text);
CREATE TEMP TABLE wrong (n int, file_id text, is_rule text, should_rule text);
CREATE TEMP TABLE scopes (scope text, checked bigint);
DO $$
DECLARE
	what text;
BEGIN
	FOR n IN 1 .. 600 LOOP
		BEGIN
			what := pg_temp.step();
			IF random() < 0.05 THEN
				RAISE EXCEPTION USING ERRCODE = 'ZZ001';
			END IF;
			INSERT INTO steps VALUES (n, what);
		EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
			INSERT INTO steps VALUES (n, 'undone');
		END;
		IF n % 3 = 0 THEN
			INSERT INTO scopes SELECT c.scope, c.checked FROM cloudflux.classify_objects() c;
			INSERT INTO wrong SELECT n, COALESCE(s.file_id, c.file_id), c.rule_name, s.rule_name
			  FROM cloudflux.object_classes c FULL JOIN pg_temp.naive s ON s.file_id = c.file_id
			 WHERE c.file_id IS NULL OR s.file_id IS NULL OR c.rule_name IS DISTINCT FROM s.rule_name;
		END IF;
	END LOOP;
END $$;
SELECT count(DISTINCT what) AS kinds_of_steps FROM steps;
SELECT * FROM wrong ORDER BY n, file_id LIMIT 10;
SELECT count(DISTINCT access_class) AS classes, count(DISTINCT rule_name) > 4 AS rules, count(*) > 30 AS objects FROM cloudflux.object_classes;
-- most runs looked at what had changed only
SELECT count(*) FILTER (WHERE scope = 'changed') > 60 AS mostly_changed, avg(checked) FILTER (WHERE scope = 'changed') < 60 AS few FROM scopes;
-- a run over everything finds nothing left to do
SELECT scope, changed, removed FROM cloudflux.classify_objects(p_all => true);
