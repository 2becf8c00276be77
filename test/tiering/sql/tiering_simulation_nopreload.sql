-- What each policy would have cost: exact terms of single objects, all policies on a small history, and what is refused.
\getenv places CF_PLACES
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT ensure_partitions() IS NOT NULL AS made \gset
\set VERBOSITY default
SET datestyle = 'ISO';
\! mkdir -p $CF_PLACES/replayed $CF_PLACES/other $CF_PLACES/unpriced
\set root :places '/replayed'
\set root_other :places '/other'
\set root_unpriced :places '/unpriced'
SELECT add_storage('replayed', 'LOCAL', :'root', options => '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');

-- The menus of three stores
SELECT storage_class, state, role, idle_days, min_days, lifecycle_from FROM replay_menu('AWS', 'us-east-1', p_menu => 'archive') ORDER BY class_no, state_no;
SELECT storage_class, state, role, copy_pays_get, copy_pays_put, lifecycle_pays_early FROM replay_menu('Azure', 'eastus') ORDER BY class_no, state_no;
SELECT storage_class, state, role, copy_pays_get, copy_pays_put, lifecycle_pays_early FROM replay_menu('GCP', 'us-central1') ORDER BY class_no, state_no;
SELECT storage_class, restore_option, restore_seconds, restore_usd_per_1000, restore_retrieval_usd_gb FROM class_tariffs('AWS', 'us-east-1')
 WHERE storage_class IN ('GLACIER', 'GLACIER_IR') ORDER BY 1, 3;
SELECT * FROM class_tariffs('AWS', 'nowhere');

-- One object of 1 GiB, read on days 10 and 60 of 200
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, created_at)
	VALUES ('one', 'one', 1073741824, 'replayed', 'a/one', '2024-01-01');
CREATE TABLE reads (file_id text, day date, reads bigint, bytes bigint);
INSERT INTO reads VALUES ('one', '2024-01-11', 2, NULL), ('one', '2024-03-01', 1, 1073741824);
SELECT policy_name, total_cost, hindsight_ratio, storage_cost, request_cost, retrieval_cost, monitoring_cost, move_cost, early_deletion_cost, moves, early_deletions
  FROM simulate_policy(period_start => '2024-01-01', period_end => '2024-07-18', p_history => 'reads', p_allow_gaps => true)
 WHERE policy_name IN ('stay', 'last_read_30_90_back', 'last_read_30_90', 'age_30_90', 'automatic', 'tier_rules', 'hindsight') ORDER BY total_cost DESC;
-- Stay, by hand: 200 days of STANDARD and three reads
SELECT round(200 * 0.023 / 30 + 3 * 0.0004 / 1000, 8) = total_cost AS same FROM simulate_policy('stay', period_start => '2024-01-01', period_end => '2024-07-18', p_history => 'reads', p_allow_gaps => true)
 WHERE policy_name = 'stay';

-- More objects, two prefixes, all policies of both menus: nothing beats hindsight
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, created_at)
	SELECT 'o' || n, 'o' || n, 1000 * 3 ^ (n % 15), 'replayed', CASE WHEN n % 2 = 0 THEN 'a/' ELSE 'b/' END || n, '2024-01-01'::timestamptz + n % 90 * interval '1 day'
	  FROM generate_series(1, 60) AS n;
INSERT INTO reads SELECT 'o' || n, date '2024-04-01' + (n * 7 + d * 11) % 100, 1 + d % 3, NULL FROM generate_series(1, 60) AS n, generate_series(1, n % 5) AS d;
SELECT menu, count(*) >= 7 AS policies, count(DISTINCT s.reads) AS same_reads, min(s.reads) AS reads, min(s.objects) AS objects, bool_and(hindsight_ratio >= 1) AS beaten_by_none
  FROM (VALUES ('instant'), ('archive')) AS m (menu) CROSS JOIN LATERAL simulate_policy(p_menu => m.menu, p_history => 'reads', p_allow_gaps => true) AS s
 GROUP BY menu ORDER BY menu;
SELECT policy_name, prefix, objects, reads FROM simulate_policy('stay', p_history => 'reads', p_allow_gaps => true, p_prefix_depth => 1) ORDER BY 1, 2;
SELECT (SELECT sum(total_cost) FROM simulate_policy('automatic', p_history => 'reads', p_allow_gaps => true, p_prefix_depth => 1) WHERE policy_name = 'automatic')
     - (SELECT total_cost FROM simulate_policy('automatic', p_history => 'reads', p_allow_gaps => true) WHERE policy_name = 'automatic') BETWEEN -0.00000002 AND 0.00000002 AS prefixes_add_up;
-- Prices of another day are those of that day
INSERT INTO prices (provider, region, storage_class, tier, storage_usd_gb_month, put_usd_per_1000, get_usd_per_1000, retrieval_usd_gb, effective_from)
	VALUES ('AWS', 'us-east-1', 'STANDARD', 'HOT', 0.046, 0.005, 0.0004, 0, '2030-01-01');
SELECT p_on, total_cost FROM (VALUES (date '2029-12-31'), ('2030-01-01')) AS d (p_on)
 CROSS JOIN LATERAL simulate_policy('stay', period_end => '2024-02-01', p_history => 'reads', p_allow_gaps => true, p_prices_on => d.p_on)
 WHERE policy_name = 'stay' ORDER BY 1;

-- From the access logs
INSERT INTO access_logs (file_id, accessed_at, bytes) SELECT 'one', '2024-05-01'::timestamptz + d * interval '1 day', CASE WHEN d % 2 = 0 THEN 1000 END FROM generate_series(0, 20) AS d;
SELECT day, reads, bytes, full_reads FROM read_days WHERE file_id = 'one' ORDER BY day LIMIT 2;
SELECT policy_name, reads, round(retrieval_cost, 6) AS retrieval FROM simulate_policy('stay') ORDER BY 1;

-- What is refused
\set VERBOSITY terse
SELECT * FROM simulate_policy('sty', p_history => 'reads', p_allow_gaps => true);
\set VERBOSITY default
SELECT * FROM simulate_policy(p_menu => 'slow');
SELECT * FROM simulate_policy(p_prefix_depth => -1);
SELECT * FROM simulate_policy(p_place => 'nowhere');
SELECT * FROM simulate_policy(period_start => '2024-05-10', period_end => '2024-05-01');
SELECT * FROM simulate_policy(period_end => '2024-06-30');
SELECT 1 FROM simulate_policy('stay', period_end => '2024-06-30', p_allow_gaps => true) LIMIT 1;
CREATE TABLE bad AS SELECT * FROM reads;
INSERT INTO bad VALUES ('one', '2024-05-02', -1, NULL);
SELECT * FROM simulate_policy(p_history => 'bad');
UPDATE bad SET reads = 1, bytes = -1 WHERE reads < 0;
SELECT * FROM simulate_policy(p_history => 'bad');
UPDATE bad SET bytes = 1, day = '2999-01-01' WHERE bytes < 0;
\set VERBOSITY terse
SELECT * FROM simulate_policy(p_history => 'bad');
SELECT * FROM simulate_policy(period_end => '2999-01-01');
\set VERBOSITY default
UPDATE bad SET day = '2024-05-02', reads = 5000000000 WHERE bytes = 1;
SELECT * FROM simulate_policy(p_history => 'bad', p_allow_gaps => true);
TRUNCATE bad;
SELECT * FROM simulate_policy(p_history => 'bad');
SELECT add_storage('unpriced', 'LOCAL', :'root_unpriced');
SELECT * FROM simulate_policy(p_place => 'unpriced');
SELECT add_storage('other', 'LOCAL', :'root_other', options => '{"price_provider": "Azure", "price_region": "westus", "storage_class": "HOT_ZRS"}');
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, created_at) VALUES ('az', 'az', 5, 'other', 'az', '2024-01-01');
INSERT INTO access_logs (file_id, accessed_at) VALUES ('az', '2024-05-01');
SELECT * FROM simulate_policy();
SELECT * FROM simulate_policy(p_place => 'other');
SELECT * FROM replay_counts('nothing', 'AWS', 'us-east-1', NULL, 'instant', '2026-01-01', NULL);
BEGIN;
DECLARE something CURSOR FOR SELECT 1;
SELECT * FROM replay_counts('something', 'AWS', 'us-east-1', NULL, 'instant', '2026-01-01', NULL);
ROLLBACK;
SELECT * FROM replay_counts(NULL, 'AWS', 'us-east-1', NULL, 'instant', '2026-01-01', NULL);

-- A viewer may ask, others may not
CREATE ROLE replay_reader IN ROLE cloudflux_viewer;
CREATE ROLE replay_nobody;
SET ROLE replay_reader;
SELECT count(*) FROM simulate_policy('stay', p_place => 'replayed');
RESET ROLE;
SET ROLE replay_nobody;
SELECT count(*) FROM cloudflux.simulate_policy('stay', p_place => 'replayed');
RESET ROLE;
DROP ROLE replay_reader, replay_nobody;

-- Objects that were there before the period begin in the class that the catalogue had them in then, and their reads of before are known
\! mkdir -p $CF_PLACES/older
\set root_older :places '/older'
SELECT add_storage('older', 'LOCAL', :'root_older', options => '{"price_provider": "AWS", "price_region": "us-east-1"}');
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, storage_class, created_at, metadata)
	SELECT f.id, f.id, 1073741824, 'older', f.id, f.class, '2024-01-01', f.metadata
	  FROM (VALUES ('ia', 'STANDARD_IA', '{"dataset": "x"}'::jsonb), ('moved', 'STANDARD', '{"dataset": "x"}'), ('deep', 'DEEP_ARCHIVE', '{"dataset": "y"}'), ('gone', 'STANDARD', '{}')) AS f (id, class, metadata);
UPDATE object_versions SET valid_from = '2024-01-02' WHERE place = 'older';
UPDATE object_versions SET valid_to = '2024-05-20' WHERE file_id = 'moved';
INSERT INTO object_versions (file_id, version_no, place, object_key, storage_class, size_bytes, job_id, reason, valid_from)
	VALUES ('moved', 2, 'older', 'moved', 'GLACIER_IR', 1073741824, 'j1', 'moved', '2024-05-20');
UPDATE data_objects SET vanished_at = '2024-06-30 12:00+00' WHERE file_id = 'gone';
CREATE TABLE older_reads (file_id text, day date, reads bigint, bytes bigint);
INSERT INTO older_reads SELECT 'ia', date '2024-05-01' + d, 1, NULL FROM generate_series(0, 90, 10) AS d;
SELECT policy_name, prefix, round(storage_cost, 6) AS storage, round(early_deletion_cost, 6) AS early, moves, reads, objects
  FROM simulate_policy('stay', '2024-06-01', '2024-07-30', 'older', p_history => 'older_reads', p_allow_gaps => true, p_dataset_key => 'dataset') WHERE policy_name = 'stay' ORDER BY prefix NULLS FIRST;
-- By hand: 60 days of STANDARD_IA and of GLACIER_IR; 30 days of STANDARD
SELECT round(60 * (0.0125 + 0.004) / 30, 6) AS x, round(30 * 0.023 / 30, 6) AS gone;
SELECT objects, round(storage_cost, 6) = round(60 * (0.0125 + 0.004 + 0.00099 * (1 + 32768 / 1073741824.0) + 0.023 * 8192 / 1073741824.0) / 30 + 30 * 0.023 / 30, 6) AS with_deep_archive
  FROM simulate_policy('stay', '2024-06-01', '2024-07-30', 'older', 'archive', 'older_reads', p_allow_gaps => true) WHERE policy_name = 'stay';
-- Into GLACIER_IR on 20 May, out of it on 1 June: 78 of 90 days are missing (and 28 of 30 where it is in STANDARD_IA for two days). The reads of May are known to tier_rules: one object is read thrice in 30 days
SELECT file_id, day, storage_class FROM replay_moves('tier_rules', '2024-06-01', '2024-06-20', 'older', p_history => 'older_reads', p_allow_gaps => true) ORDER BY day, file_id;
INSERT INTO older_reads SELECT 'moved', date '2024-05-25' + d, 5, NULL FROM generate_series(0, 2) AS d;
SELECT file_id, day, storage_class FROM replay_moves('tier_rules', '2024-06-01', '2024-06-20', 'older', p_history => 'older_reads', p_allow_gaps => true) ORDER BY day, file_id;
SELECT round(early_deletion_cost, 6) AS early, round(78 * 0.004 / 30 + 28 * 0.0125 / 30, 6) AS by_hand
  FROM simulate_policy('tier_rules', '2024-06-01', '2024-06-20', 'older', p_history => 'older_reads', p_allow_gaps => true) WHERE policy_name = 'tier_rules';
SELECT * FROM simulate_policy('stay', p_place => 'older', p_prefix_depth => 1, p_dataset_key => 'dataset');
