-- preview_policy(): a policy of user_policies, replayed before it is switched on.
\getenv places CF_PLACES
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT ensure_partitions() IS NOT NULL AS made \gset
SET datestyle = 'ISO';
\! mkdir -p $CF_PLACES/previewed $CF_PLACES/elsewhere
\set root :places '/previewed'
\set root_elsewhere :places '/elsewhere'
SELECT add_storage('previewed', 'LOCAL', :'root', options => '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');
SELECT add_storage('elsewhere', 'LOCAL', :'root_elsewhere', options => '{"price_provider": "Azure", "price_region": "eastus", "storage_class": "HOT_ZRS"}');

-- 80 objects in two folders, uploaded over three months, read now and then for a year
INSERT INTO data_objects (file_id, file_name, content_type, size_bytes, place, object_key, created_at, metadata)
	SELECT 'o' || n, 'o' || n, CASE WHEN n % 3 = 0 THEN 'text/plain' ELSE 'video/mp4' END, 1000 * 3 ^ (n % 15), 'previewed', CASE WHEN n % 2 = 0 THEN 'a/' ELSE 'b/' END || n,
	       '2024-01-01'::timestamptz + n % 90 * interval '1 day', jsonb_build_object('dataset', 'set ' || n % 4)
	  FROM generate_series(1, 80) AS n;
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, created_at) VALUES ('az', 'az', 5000000, 'elsewhere', 'az', '2024-01-01');
CREATE TABLE reads (file_id text, day date, reads bigint, bytes bigint);
INSERT INTO reads SELECT 'o' || n, date '2024-04-01' + (n * 7 + d * d * 11) % 275, 1 + d % 3, NULL FROM generate_series(1, 80) AS n, generate_series(1, n % 9) AS d;
INSERT INTO reads VALUES ('az', '2024-05-01', 1, NULL);

INSERT INTO user_policies (policy_name, policy_type, conditions, actions, enabled) VALUES
	('cool by age', 'auto_tier', '{"min_age_days": 30}', '{"dest_tier": "WARM"}', false),
	('cold by age', 'auto_tier', '{"min_age_days": 90}', '{"dest_tier": "COLD"}', false),
	('cool by read', 'auto_tier', '{"min_days_since_access": 30}', '{"dest_tier": "STANDARD_IA"}', false),
	('cold by read', 'auto_tier', '{"min_days_since_access": 90}', '{"dest_tier": "GLACIER_IR"}', false),
	('cool from hot', 'auto_tier', '{"tier": "HOT", "min_days_since_access": 30}', '{"dest_tier": "STANDARD_IA"}', false),
	('hot by read', 'auto_tier', '{"max_days_since_access": 1}', '{"dest_tier": "HOT"}', false);

-- Policies that say what a policy of the roster does cost what it does, in every part
CREATE VIEW same_as AS
	SELECT p.roster, count(*) AS prefixes, bool_and((m.total_cost, m.storage_cost, m.request_cost, m.retrieval_cost, m.move_cost, m.early_deletion_cost, m.moves, m.early_deletions, m.reads, m.objects)
	       = (s.total_cost, s.storage_cost, s.request_cost, s.retrieval_cost, s.move_cost, s.early_deletion_cost, s.moves, s.early_deletions, s.reads, s.objects)) AS same, sum(m.moves) AS moves
	  FROM (VALUES ('age_30_90', 'cold by age', ARRAY['cool by age']), ('last_read_30_90_back', 'hot by read', ARRAY['cold by read', 'cool by read']), ('last_read_30_90', 'cold by read', ARRAY['cool from hot'])) AS p (roster, name, others)
	 CROSS JOIN LATERAL preview_policy(p.name, p_place => 'previewed', p_history => 'reads', p_allow_gaps => true, p_prefix_depth => 1, p_with => p.others) AS m
	  JOIN LATERAL simulate_policy(p.roster, p_place => 'previewed', p_history => 'reads', p_allow_gaps => true, p_prefix_depth => 1) AS s
	    ON s.prefix = m.prefix AND s.policy_name = p.roster AND m.policy_name = p.name
	 GROUP BY p.roster;
SELECT * FROM same_as ORDER BY 1;
-- Also for a period that begins later, with objects and reads that are known by then
SELECT m.policy_name, m.total_cost = s.total_cost AS same, m.moves, m.reads
  FROM preview_policy('hot by read', '2024-08-01', '2024-12-01', 'previewed', p_history => 'reads', p_allow_gaps => true, p_with => ARRAY['cold by read', 'cool by read']) AS m
  JOIN simulate_policy('last_read_30_90_back', '2024-08-01', '2024-12-01', 'previewed', p_history => 'reads', p_allow_gaps => true) AS s
    ON (m.policy_name, s.policy_name) IN (('hot by read', 'last_read_30_90_back'), ('stay', 'stay'), ('hindsight', 'hindsight')) ORDER BY 1;

-- One policy, disabled: beside stay, cloudflux and hindsight
SELECT policy_name, total_cost, saved_cost, hindsight_ratio, moves, early_deletions, reads, slow_reads, objects, not_replayed
  FROM preview_policy('cool by read', p_place => 'previewed', p_history => 'reads', p_allow_gaps => true) WHERE policy_name <> 'cloudflux' ORDER BY total_cost DESC, policy_name;
SELECT objects, total_cost > 0 AS has_cost, hindsight_ratio >= 1 AS above_hindsight
  FROM preview_policy('cool by read', p_place => 'previewed', p_history => 'reads', p_allow_gaps => true) WHERE policy_name = 'cloudflux';
-- Conditions that every day answers alike say which objects are replayed
INSERT INTO user_policies (policy_name, policy_type, conditions, actions, enabled) VALUES
	('big texts of a', 'auto_tier', '{"place": "previewed", "cloud": ["LOCAL"], "key_prefix": "a/", "content_type": "text/plain", "min_size_bytes": 1000000, "max_size_bytes": 10000000000, "min_age_days": 10}',
	 '{"dest_tier": "GLACIER_IR", "max_objects": 5, "max_cost": 3, "delete_source": true}', false);
SELECT m.policy_name, m.objects, m.moves, m.not_replayed FROM preview_policy('big texts of a', p_history => 'reads', p_allow_gaps => true) AS m WHERE m.policy_name = 'big texts of a';
SELECT count(*) FROM data_objects WHERE place = 'previewed' AND object_key LIKE 'a/%' AND content_type = 'text/plain' AND size_bytes BETWEEN 1000000 AND 10000000000;
-- By data set
SELECT prefix, objects, moves FROM preview_policy('cool by age', p_place => 'previewed', p_history => 'reads', p_allow_gaps => true, p_dataset_key => 'dataset') WHERE policy_name = 'cool by age' ORDER BY 1;

-- Reads in a window, access_class by tier_rules, and tier: two steps down, one day after the other
INSERT INTO user_policies (policy_name, policy_type, conditions, actions, enabled) VALUES
	('rarely read', 'auto_tier', '{"max_reads_30d": 0, "max_reads_90d": 2, "min_age_days": 60}', '{"dest_tier": "COLD"}', false),
	('cold ones', 'auto_tier', '{"access_class": ["COLD"]}', '{"dest_tier": "COLD"}', false),
	('down from hot', 'auto_tier', '{"tier": "HOT", "min_age_days": 40}', '{"dest_tier": "WARM"}', false),
	('down from warm', 'auto_tier', '{"tier": ["WARM"], "min_age_days": 40}', '{"dest_tier": "COLD"}', false),
	('away', 'auto_tier', '{}', '{"dest_tier": "DEEP_ARCHIVE"}', false),
	('tiers by itself', 'auto_tier', '{"min_size_bytes": 131072}', '{"dest_tier": "INTELLIGENT_TIERING"}', false);
SELECT p.name, m.moves, m.slow_reads, round(m.hindsight_ratio, 3) AS ratio
  FROM unnest(ARRAY['rarely read', 'cold ones', 'down from hot', 'away', 'tiers by itself']) WITH ORDINALITY AS p (name, no)
 CROSS JOIN LATERAL preview_policy(p.name, p_place => 'previewed', p_history => 'reads', p_allow_gaps => true) AS m WHERE m.policy_name = p.name ORDER BY p.no;
SELECT objects, moves FROM preview_policy('down from warm', p_place => 'previewed', p_history => 'reads', p_allow_gaps => true, p_with => ARRAY['down from hot']) WHERE policy_name = 'down from warm';
-- 'cold ones' goes by what tier_rules say on the day: all that is COLD there is moved once
SELECT m.moves >= count(DISTINCT r.file_id) AS moved FROM preview_policy('cold ones', p_place => 'previewed', p_history => 'reads', p_allow_gaps => true) AS m,
       replay_moves('tier_rules', p_place => 'previewed', p_history => 'reads', p_allow_gaps => true) AS r
 WHERE m.policy_name = 'cold ones' AND r.storage_class = 'GLACIER_IR' GROUP BY m.moves;
-- Another cloud: classes in its own spelling
SELECT policy_name, moves, objects FROM preview_policy('cold by age', p_place => 'elsewhere', p_history => 'reads', p_allow_gaps => true) WHERE policy_name <> 'cloudflux' ORDER BY 1;

-- What is refused
SELECT * FROM preview_policy('nobody wrote it');
INSERT INTO user_policies (policy_name, policy_type, conditions, actions) VALUES
	('a budget', 'cost_limit', '{"monthly_limit": 5}', '{}'),
	('to another place', 'auto_tier', '{"place": "previewed"}', '{"dest_tier": "WARM", "dest_place": "elsewhere"}'),
	('about nothing', 'auto_tier', '{"place": "previewed", "key_prefix": "c/"}', '{"dest_tier": "WARM"}'),
	('nowhere', 'auto_tier', '{"place": "previewed"}', '{"dest_tier": "PLATINUM"}');
SELECT * FROM preview_policy('a budget');
SELECT * FROM preview_policy('cool by age', p_place => 'previewed', p_with => ARRAY['a budget']);
SELECT * FROM preview_policy('to another place', p_history => 'reads', p_allow_gaps => true);
SELECT * FROM preview_policy('about nothing', p_history => 'reads', p_allow_gaps => true);
SELECT * FROM preview_policy('nowhere', p_history => 'reads', p_allow_gaps => true);
SELECT * FROM preview_policy('nowhere', p_place => 'elsewhere');
SELECT * FROM preview_policy('cool by age');
SELECT * FROM preview_policy('cool by age', p_place => 'previewed', p_menu => 'fast');
SELECT * FROM preview_policy('away', p_place => 'previewed', p_menu => 'instant', p_history => 'reads', p_allow_gaps => true);
SELECT * FROM preview_policy('cool by age', p_place => 'previewed', p_history => 'reads', p_prefix_depth => 1, p_dataset_key => 'dataset', p_allow_gaps => true);
SELECT * FROM preview_policy('cool by age', p_with => array_fill('cool by age'::text, ARRAY[16]));
SELECT * FROM replay_moves(NULL, p_place => 'previewed');
SELECT * FROM replay_moves('cool by age', p_place => 'previewed', p_history => 'reads', p_allow_gaps => true);

-- A viewer may ask, others may not
CREATE ROLE preview_reader IN ROLE cloudflux_viewer;
CREATE ROLE preview_nobody;
GRANT SELECT ON reads TO preview_reader;
SET ROLE preview_reader;
SELECT count(*) FROM preview_policy('cool by age', p_place => 'previewed', p_history => 'reads', p_allow_gaps => true);
RESET ROLE;
SET ROLE preview_nobody;
SELECT count(*) FROM cloudflux.preview_policy('cool by age');
RESET ROLE;
DROP ROLE preview_nobody;
REVOKE ALL ON reads FROM preview_reader;
DROP ROLE preview_reader;
