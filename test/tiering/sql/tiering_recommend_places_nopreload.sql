-- Other places: only where a policy lists them. From a recommendation to a plan, to the move, and it is gone.
\getenv places CF_PLACES
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT ensure_partitions() IS NOT NULL AS made \gset
-- By the server, whose files they must be.
\set make 'cat > /dev/null; cd ' :places ' && mkdir -p near far && head -c 4000000 /dev/zero > near/old.bin && cp near/old.bin near/kept.bin && touch -d "200 days ago" near/old.bin near/kept.bin'
COPY (SELECT 1 WHERE false) TO PROGRAM :'make';
\set near :places '/near'
\set far :places '/far'
SELECT add_storage('near', 'LOCAL', :'near', options => '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');
SELECT add_storage('far', 'LOCAL', :'far', options => '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD_IA"}');
SELECT add_storage('cloud', 'AWS', 'some-bucket', options => '{"region": "us-east-1"}');
CALL import_inventory('near');
INSERT INTO access_coverage (place, day) SELECT 'near', current_date - d FROM generate_series(0, 300) AS d;
SELECT object_key, t.verdict, t.to_place, t.reason FROM data_objects AS o CROSS JOIN LATERAL recommend_tier(o.file_id) AS t ORDER BY object_key;
INSERT INTO user_policies (policy_name, policy_type, conditions) VALUES ('readers follow', 'residency', '{"key_prefix": "old", "allowed_places": ["near", "far"]}');
SELECT object_key, t.verdict, t.to_place, t.to_class, t.saving > 0 AS saves, t.move_cost > 0 AS costs, t.payback_days < 60 AS soon
  FROM data_objects AS o CROSS JOIN LATERAL recommend_tier(o.file_id) AS t ORDER BY object_key;
SELECT c.place, c.storage_class, c.reason, round(c.storage_cost, 6) AS storage, round(c.move_cost, 6) AS move, c.against_staying < 0 AS cheaper
  FROM data_objects AS o CROSS JOIN LATERAL tier_candidates(o.file_id) AS c WHERE object_key = 'old.bin' ORDER BY c.place, c.storage_class;
-- What another policy says holds, too
INSERT INTO user_policies (policy_name, policy_type, conditions) VALUES ('not far', 'residency', '{"allowed_places": ["near", "cloud"]}');
SELECT t.verdict, t.to_place FROM data_objects AS o CROSS JOIN LATERAL recommend_tier(o.file_id) AS t WHERE object_key = 'old.bin';
DELETE FROM user_policies WHERE policy_name = 'not far';
INSERT INTO user_policies (policy_name, policy_type, conditions, actions) VALUES ('held', 'retention', '{}', '{"hold": true}');
SELECT t.verdict, t.to_place FROM data_objects AS o CROSS JOIN LATERAL recommend_tier(o.file_id) AS t WHERE object_key = 'old.bin';
DELETE FROM user_policies WHERE policy_name = 'held';
-- To a cloud with classes: the best of them
UPDATE user_policies SET conditions = '{"key_prefix": "old", "allowed_places": ["near", "cloud"], "allowed_clouds": ["AWS"]}';
SELECT t.verdict, t.to_place, t.to_class FROM data_objects AS o CROSS JOIN LATERAL recommend_tier(o.file_id) AS t WHERE object_key = 'old.bin';
UPDATE user_policies SET conditions = '{"key_prefix": "old", "allowed_places": ["near", "cloud"], "allowed_clouds": ["LOCAL"]}';
SELECT t.verdict, t.to_place, t.to_class FROM data_objects AS o CROSS JOIN LATERAL recommend_tier(o.file_id) AS t WHERE object_key = 'old.bin';
UPDATE user_policies SET conditions = '{"key_prefix": "old", "allowed_places": ["near", "far"]}';

-- Recommended, planned, executed, gone
SELECT scope, checked, changed FROM recommend_objects();
SELECT file_name, place, to_place, to_class, advice FROM recommendations;
SELECT plan_id, to_place, objects, refused FROM plan_recommendations() \gset plan_
SELECT :'plan_to_place' AS to_place, :plan_objects AS objects, :plan_refused AS refused;
SELECT execute_plan(:plan_plan_id);
SELECT count(*) AS while_it_moves FROM recommendations;
CALL run_migrations();
SELECT object_key, place FROM data_objects WHERE vanished_at IS NULL ORDER BY object_key;
SELECT count(*) AS left FROM recommendations;
SELECT changed > 0 AS changed FROM recommend_objects();
SELECT count(*) AS left FROM recommendations;
