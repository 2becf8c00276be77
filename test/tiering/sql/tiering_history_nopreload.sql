-- What a replay refuses, and that it does not look ahead: histories, prices and catalogues that change after the day of a decision.
\getenv places CF_PLACES
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT ensure_partitions() IS NOT NULL AS made \gset
SET datestyle = 'ISO';
\! mkdir -p $CF_PLACES/seen
\set root :places '/seen'
SELECT add_storage('seen', 'LOCAL', :'root', options => '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, storage_class, created_at)
	SELECT 'o' || n, 'o' || n, 40000 * 3 ^ (n % 12), 'seen', CASE WHEN n % 2 = 0 THEN 'a/' ELSE 'b/' END || n, 'STANDARD', '2023-11-01'::timestamptz + n * 2 * interval '1 day'
	  FROM generate_series(1, 120) AS n;
UPDATE object_versions AS v SET valid_from = o.created_at FROM data_objects AS o WHERE o.file_id = v.file_id AND v.place = 'seen';
CREATE TABLE seen_reads (file_id text, day date, reads bigint, bytes bigint);
INSERT INTO seen_reads SELECT o.file_id, utc_day(o.created_at) + d * d * (1 + substr(o.file_id, 2)::int % 7), 1 + d % 4, NULL
	FROM data_objects AS o CROSS JOIN generate_series(0, 30) AS d WHERE utc_day(o.created_at) + d * d * (1 + substr(o.file_id, 2)::int % 7) <= '2024-09-30';
INSERT INTO user_policies (policy_name, policy_type, conditions, actions, enabled) VALUES
	('quiet', 'auto_tier', '{"min_days_since_access": 20, "max_reads_90d": 5}', '{"dest_tier": "COLD"}', false);

-- Decisions of all policies that take effect up to the day after p_until, whenever the period ends
CREATE FUNCTION decided(p_until date, p_end date) RETURNS TABLE (policy text, file_id text, day date, storage_class text)
LANGUAGE plpgsql AS $$
DECLARE
	v_cursor refcursor := cloudflux.replay_history('seen', 'instant', 'cloudflux.seen_reads', '2024-01-15', p_end, true, '2024-01-10', p_scopes => '[{}]');
BEGIN
	RETURN QUERY SELECT s.policy, s.file_id, date '2024-01-15' + s.day, s.storage_class
		FROM cloudflux.replay_steps(v_cursor, 'AWS', 'us-east-1', NULL, 'instant', '2024-01-10', NULL, cloudflux.policy_orders(ARRAY['quiet'], 'seen', 'instant', '2024-01-10')) AS s
		WHERE date '2024-01-15' + s.day <= p_until + 1;
	CLOSE v_cursor;
END $$;
CREATE TABLE before AS SELECT d.until, x.* FROM (VALUES (date '2024-02-20'), ('2024-05-05'), ('2024-07-31')) AS d (until) CROSS JOIN LATERAL decided(d.until, '2024-09-30') AS x;
SELECT count(DISTINCT policy) >= 8 AS policies, min(n) > 0 AS all_decide FROM (SELECT policy, until, count(*) AS n FROM before GROUP BY 1, 2) AS b;

-- Everything after a day becomes something else: reads, the catalogue's columns, versions, places of objects, later uploads, prices
CREATE PROCEDURE change_after(p_day date) LANGUAGE sql AS $$
	DELETE FROM seen_reads WHERE day > p_day;
	INSERT INTO seen_reads SELECT o.file_id, p_day + 1 + (n * 13 + length(o.object_key) * 7 + o.id::int * 5) % 30, 1 + n % 3, CASE WHEN n % 2 = 0 THEN 17 END
		FROM cloudflux.data_objects AS o CROSS JOIN generate_series(1, 4) AS n WHERE cloudflux.utc_day(o.created_at) <= p_day AND o.id % 3 > 0;
	DELETE FROM cloudflux.data_objects WHERE created_at >= (p_day + 2)::timestamp AT TIME ZONE 'UTC';
	INSERT INTO cloudflux.data_objects (file_id, file_name, size_bytes, place, object_key, created_at)
		SELECT 'later' || n, 'later' || n, n * 1000000, 'seen', 'c/later' || n, (p_day + 2 + n)::timestamp AT TIME ZONE 'UTC' FROM generate_series(1, 20) AS n;
	UPDATE cloudflux.data_objects SET size_bytes = size_bytes * 2 + 5, storage_class = 'GLACIER_IR', current_tier = 'COLD', modified_at = (p_day + 3)::timestamp AT TIME ZONE 'UTC'
	 WHERE place = 'seen' AND id % 4 = 0 AND created_at < p_day;
	UPDATE cloudflux.data_objects SET last_accessed = (p_day + 4)::timestamp AT TIME ZONE 'UTC', access_count_30d = 77, access_count_90d = 99, avg_latency_ms = 3, monthly_cost = 5,
		metadata = '{"dataset": "other"}', content_type = 'x/y' WHERE place = 'seen' AND id % 4 = 1;
	INSERT INTO cloudflux.access_coverage (place, day) SELECT 'seen', p_day + 1 + d FROM generate_series(0, 40) AS d;
	UPDATE cloudflux.data_objects SET vanished_at = (p_day + 6)::timestamp AT TIME ZONE 'UTC' WHERE place = 'seen' AND id % 9 = 2 AND created_at < p_day;
	INSERT INTO cloudflux.object_versions (file_id, version_no, place, object_key, storage_class, size_bytes, job_id, reason, valid_from)
		SELECT v.file_id, v.version_no + 5, 'seen', v.object_key, 'STANDARD_IA', 3, 'j', 'moved', (p_day + 2)::timestamp AT TIME ZONE 'UTC'
		  FROM cloudflux.object_versions AS v WHERE v.place = 'seen' AND v.valid_to IS NULL AND right(v.file_id, 1) = '7';
	INSERT INTO cloudflux.prices (provider, region, storage_class, tier, storage_usd_gb_month, put_usd_per_1000, get_usd_per_1000, retrieval_usd_gb, effective_from)
		VALUES ('AWS', 'us-east-1', 'STANDARD', 'HOT', 9, 9, 9, 0, p_day + 1);
$$;
CREATE TABLE now_decided (policy text, file_id text, day date, storage_class text);
CREATE FUNCTION changed(p_until date) RETURNS TABLE (policies_that_changed text, hindsight_changed boolean) LANGUAGE sql AS $$
	SELECT COALESCE(string_agg(DISTINCT c.policy, ', ' ORDER BY c.policy) FILTER (WHERE c.policy <> 'hindsight'), 'none'), bool_or(c.policy = 'hindsight')
	  FROM ((TABLE now_decided EXCEPT SELECT b.policy, b.file_id, b.day, b.storage_class FROM before AS b WHERE b.until = p_until)
	        UNION ALL
	        (SELECT b.policy, b.file_id, b.day, b.storage_class FROM before AS b WHERE b.until = p_until EXCEPT TABLE now_decided)) AS c;
$$;
BEGIN;
CALL change_after('2024-02-20');
INSERT INTO now_decided SELECT * FROM decided('2024-02-20', '2024-03-22');
SELECT * FROM changed('2024-02-20');
ROLLBACK;
BEGIN;
CALL change_after('2024-05-05');
INSERT INTO now_decided SELECT * FROM decided('2024-05-05', '2024-06-04');
SELECT * FROM changed('2024-05-05');
ROLLBACK;
BEGIN;
CALL change_after('2024-07-31');
INSERT INTO now_decided SELECT * FROM decided('2024-07-31', '2024-12-31');
SELECT * FROM changed('2024-07-31');
-- The test would notice: a read of the day itself is not the future
INSERT INTO seen_reads SELECT file_id, '2024-07-31', 30, NULL FROM data_objects WHERE place = 'seen' AND created_at < '2024-07-01' AND vanished_at IS NULL;
TRUNCATE now_decided;
INSERT INTO now_decided SELECT * FROM decided('2024-07-31', '2024-12-31');
SELECT policies_that_changed LIKE '%last_read_30_90_back%tier_rules%' AS noticed FROM changed('2024-07-31');
ROLLBACK;
-- Rules: other thresholds change tier_rules and those who ask for its verdict, nobody else
BEGIN;
INSERT INTO tier_rules (rule_name, priority, access_class, min_age_days) VALUES ('all cold', 1, 'COLD', 0);
INSERT INTO now_decided SELECT * FROM decided('2024-05-05', '2024-09-30');
SELECT policies_that_changed FROM changed('2024-05-05');
ROLLBACK;

-- Histories that are refused
CREATE TABLE bad (file_id text, day date, reads bigint, bytes bigint);
INSERT INTO bad SELECT * FROM seen_reads WHERE file_id = 'o1';
INSERT INTO bad VALUES ('o1', NULL, 1, 1), (NULL, '2024-02-01', 1, 1);
SELECT * FROM simulate_policy('stay', p_history => 'bad', p_allow_gaps => true);
DELETE FROM bad WHERE file_id IS NULL OR day IS NULL;
INSERT INTO bad VALUES ('nobody', '2024-02-01', 1, 1);
SELECT * FROM simulate_policy('stay', p_history => 'bad', p_allow_gaps => true);
SELECT * FROM preview_policy('quiet', p_history => 'bad', p_allow_gaps => true);
UPDATE bad SET file_id = 'o2', reads = 4294967296 WHERE file_id = 'nobody';
SELECT * FROM simulate_policy('stay', p_history => 'bad', p_allow_gaps => true);
UPDATE bad SET reads = 1, bytes = 9223372036854775807 WHERE file_id = 'o2';
SELECT * FROM preview_policy('quiet', p_history => 'bad', p_allow_gaps => true);
UPDATE bad SET bytes = 1000000000000000000 WHERE file_id = 'o2';
INSERT INTO bad SELECT b.* FROM bad AS b, generate_series(1, 20) WHERE b.file_id = 'o2';
SELECT * FROM simulate_policy('stay', p_history => 'bad', p_allow_gaps => true);
UPDATE bad SET bytes = 1, day = '-infinity' WHERE file_id = 'o2';
SELECT * FROM simulate_policy('stay', p_history => 'bad', p_allow_gaps => true);
CREATE TABLE bad_numbers AS SELECT file_id, day, reads, 'NaN'::numeric AS bytes FROM seen_reads;
SELECT * FROM simulate_policy('stay', p_history => 'bad_numbers', p_allow_gaps => true);
CREATE TABLE bad_types AS SELECT file_id, day, reads::text AS reads, bytes FROM seen_reads;
SELECT * FROM simulate_policy('stay', p_history => 'bad_types', p_allow_gaps => true);
CREATE TABLE bad_days AS SELECT file_id, day::timestamptz AS day, reads, bytes FROM seen_reads;
SELECT * FROM preview_policy('quiet', p_history => 'bad_days', p_allow_gaps => true);
CREATE TABLE bad_columns AS SELECT file_id, day, reads FROM seen_reads;
SELECT * FROM simulate_policy('stay', p_history => 'bad_columns', p_allow_gaps => true);
SELECT * FROM simulate_policy('stay', p_history => 'nowhere');
SELECT * FROM simulate_policy('stay', '-infinity', p_history => 'seen_reads', p_allow_gaps => true);
SELECT * FROM simulate_policy('stay', '1800-01-01', p_history => 'seen_reads', p_allow_gaps => true);
SELECT * FROM simulate_policy('stay', p_history => 'seen_reads', p_prices_on => NULL);
\set VERBOSITY terse
SELECT * FROM preview_policy('quiet', p_history => 'seen_reads', p_prices_on => 'infinity');
\set VERBOSITY default
-- Nothing there in the period; nothing in a class of the menu
SELECT * FROM simulate_policy('stay', '2023-01-01', '2023-02-01', p_history => 'seen_reads', p_allow_gaps => true);
BEGIN;
UPDATE object_versions SET storage_class = 'ONEZONE_IA' WHERE place = 'seen';
ALTER SERVER seen OPTIONS (SET storage_class 'ONEZONE_IA');
SELECT * FROM simulate_policy('stay', '2024-08-01', '2024-09-01', p_history => 'seen_reads', p_allow_gaps => true);
ROLLBACK;
BEGIN;
UPDATE data_objects SET size_bytes = 2000000000000000000 WHERE file_id = 'o1';
UPDATE object_versions SET size_bytes = 2000000000000000000 WHERE file_id = 'o1';
SELECT * FROM simulate_policy('stay', p_history => 'seen_reads', p_allow_gaps => true);
ROLLBACK;

-- Prices that a replay cannot do with: none of the region or of the hot class; a book that contradicts itself is refused when it is written
ALTER SERVER seen OPTIONS (SET price_region 'moon-1');
\set VERBOSITY terse
SELECT * FROM simulate_policy('stay', p_history => 'seen_reads', p_allow_gaps => true);
\set VERBOSITY default
ALTER SERVER seen OPTIONS (SET price_region 'us-east-1');
INSERT INTO prices (provider, region, storage_class, tier, storage_usd_gb_month, put_usd_per_1000, get_usd_per_1000, retrieval_usd_gb, effective_from)
	VALUES ('AWS', 'mars-1', 'STANDARD_IA', 'WARM', 0.02, 0.01, 0.001, 0.01, '2024-01-01');
ALTER SERVER seen OPTIONS (SET price_region 'mars-1');
SELECT * FROM simulate_policy('stay', p_history => 'seen_reads', p_allow_gaps => true);
SELECT * FROM preview_policy('quiet', p_history => 'seen_reads', p_allow_gaps => true);
INSERT INTO prices (provider, region, storage_class, tier, storage_usd_gb_month, put_usd_per_1000, effective_from) VALUES ('AWS', 'mars-1', 'STANDARD', 'HOT', 0.02, 0.005, '2024-01-01');
SELECT * FROM simulate_policy('stay', p_history => 'seen_reads', p_allow_gaps => true);
\set VERBOSITY terse
INSERT INTO prices (provider, region, storage_class, tier, storage_usd_gb_month, effective_from) VALUES ('AWS', 'mars-1', 'STANDARD', 'HOT', 0.03, '2024-01-01');
INSERT INTO prices (provider, region, storage_class, tier, storage_usd_gb_month, currency, effective_from) VALUES ('AWS', 'mars-1', 'GLACIER_IR', 'COLD', 0.03, 'EUR', '2024-01-01');
INSERT INTO prices (provider, region, storage_class, tier, storage_usd_gb_month, effective_from) VALUES ('AWS', 'mars-1', 'GLACIER_IR', 'COLD', -1, '2024-01-01');
\set VERBOSITY default
SELECT count(*) AS cursors_left_open FROM pg_cursors WHERE name LIKE 'history%';
