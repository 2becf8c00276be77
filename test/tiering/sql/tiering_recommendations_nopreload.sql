-- recommend_objects(): the table is what recommend_tier() says, kept up with every kind of change and nothing else; the view, plans, losses.
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT ensure_partitions() IS NOT NULL AS made \gset
SELECT add_storage('lake', 'AWS', 'lake-bucket', options => '{"region": "us-east-1"}');
INSERT INTO access_coverage (place, day) SELECT 'lake', current_date - d FROM generate_series(0, 500) AS d;
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, storage_class, created_at)
	SELECT 'big' || n, 'big' || n, 1073741824000, 'lake', 'big/' || n, 'STANDARD', now() - interval '200 days' FROM generate_series(1, 3) AS n
	UNION ALL SELECT 'small' || n, 'small' || n, 4096, 'lake', 'small/' || n, 'STANDARD', now() - interval '200 days' FROM generate_series(1, 1000) AS n;
SELECT scope, checked, changed, removed, round(saving, 2) AS saving FROM recommend_objects();
SELECT scope, checked, changed, removed, round(saving, 2) AS saving FROM recommend_objects() /* the queue of classify_objects() is still full */;
SELECT count(*) FROM classify_objects();
SELECT scope, checked, changed FROM recommend_objects() /* which handed it on */;
SELECT scope, checked, changed FROM recommend_objects();
SELECT file_id, place, storage_class, to_place, to_class, round(saving, 2) AS saving, advice, evidence_days FROM recommendations ORDER BY saving DESC, file_id;
CREATE VIEW drift AS SELECT r.file_id FROM object_recommendations AS r CROSS JOIN LATERAL recommend_tier(r.file_id) AS t
	WHERE (r.file_id LIKE 'big%' OR r.file_id LIKE 'small_') AND ((r.verdict, r.to_class) IS DISTINCT FROM (t.verdict, t.to_class) OR abs(r.stay_cost - t.stay_cost) > 0.000001);
SELECT count(*) AS drift FROM drift;

-- Small objects would lose money in every other class: with the loss in figures
SELECT to_class, reason, objects, bytes, loss > 0 AS loses, loss FROM tier_comparison('lake') WHERE reason IN ('dearer', 'too slow') AND objects = 1000 ORDER BY to_class;

-- What changes is looked at again: a read, a row, the class, a policy, evidence
INSERT INTO access_logs (file_id, accessed_at, bytes) SELECT 'big1', now() - d * interval '1 day', 1073741824000 FROM generate_series(0, 150) AS d;
SELECT scope, checked, changed FROM recommend_objects();
SELECT fold_accesses() IS NOT NULL AS folded \gset
SELECT verdict, to_class FROM object_recommendations WHERE file_id = 'big1';
UPDATE data_objects SET size_bytes = 10 WHERE file_id = 'big2';
UPDATE data_objects SET storage_class = 'GLACIER_IR' WHERE file_id = 'big3';
SELECT file_id, to_class FROM recommendations ORDER BY file_id /* big3 has moved since */;
SELECT scope, checked, changed FROM recommend_objects();
SELECT file_id, verdict, storage_class, to_class FROM object_recommendations WHERE file_id LIKE 'big%' ORDER BY file_id;
UPDATE data_objects SET storage_class = 'STANDARD', size_bytes = 1073741824000 WHERE file_id IN ('big2', 'big3');
INSERT INTO user_policies (policy_name, policy_type, conditions) VALUES ('only standard', 'residency', '{"key_prefix": "big/2", "allowed_classes": "STANDARD"}');
SELECT scope, checked, changed FROM recommend_objects();
SELECT file_id, verdict, to_class, cheaper_class, blocked_by FROM object_recommendations WHERE file_id LIKE 'big%' ORDER BY file_id;
DELETE FROM user_policies;
SELECT scope, changed FROM recommend_objects();
DELETE FROM access_coverage WHERE day < current_date - 20;
SELECT scope, checked, changed FROM recommend_objects();
SELECT verdict, count(*) FROM object_recommendations GROUP BY 1 ORDER BY 1;
INSERT INTO access_coverage (place, day) SELECT 'lake', current_date - d FROM generate_series(21, 500) AS d;
DELETE FROM data_objects WHERE file_id = 'big3';
UPDATE data_objects SET vanished_at = now() WHERE file_id = 'small1';
SELECT scope, removed FROM recommend_objects(true);
SELECT count(*), (SELECT count(*) FROM drift) AS drift FROM object_recommendations;
SELECT topic, event_type, subject, data ->> 'scope' AS scope, data ->> 'changed' AS changed FROM events WHERE event_type = 'objects.recommended' ORDER BY id;

-- The day comes on which time alone may change it
UPDATE object_recommendations SET recheck_on = current_date - 1, verdict = 'wait', to_class = 'STANDARD' WHERE file_id = 'big2';
SELECT checked, changed FROM recommend_objects();
UPDATE recommend_state SET recommended_on = recommended_on - 1;
SELECT checked > 0 AS checked, changed FROM recommend_objects();

-- One scan of everything: nothing is brought back to STANDARD; what unread days had spoken for before it goes on to a colder class
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, storage_class, created_at)
	SELECT 'peta' || n, 'peta' || n, 1073741824000, 'lake', 'peta/' || n, (ARRAY['GLACIER_IR', 'INTELLIGENT_TIERING', 'STANDARD_IA'])[n % 3 + 1], now() - interval '400 days' FROM generate_series(1, 1000) AS n;
INSERT INTO access_logs (file_id, accessed_at, bytes) SELECT file_id, now() - interval '1 day', size_bytes FROM data_objects WHERE file_id LIKE 'peta%';
SELECT count(*) FROM recommend_objects();
SELECT pg_size_pretty(sum(o.size_bytes)) AS bytes, count(*) FILTER (WHERE r.to_class = 'STANDARD') AS re_heated, count(*) FILTER (WHERE r.verdict = 'move') AS moves
  FROM object_recommendations AS r JOIN data_objects AS o ON o.file_id = r.file_id WHERE r.file_id LIKE 'peta%';

-- From recommendations to a plan
DELETE FROM data_objects WHERE file_id LIKE 'peta%';
SELECT count(*) FROM recommend_objects();
SELECT to_place, to_class, objects, refused, round(move_cost, 6) AS move_cost, round(saving, 2) AS saving FROM plan_recommendations();
SELECT i.file_id, i.dest_tier, i.refused FROM plan_items AS i ORDER BY 1;
SELECT to_class, objects, refused FROM plan_recommendations(max_objects => 0);
SELECT count(*) FROM plan_recommendations(min_saving => 1000000);

-- What is refused
\set VERBOSITY terse
SELECT * FROM plan_recommendations(max_cost => -1);
SELECT * FROM tier_comparison('nowhere');
SELECT * FROM tier_comparison('lake', '0');

-- Who may
CREATE ROLE regress_reader IN ROLE cloudflux_viewer;
SET ROLE regress_reader;
SELECT count(*) > 0 AS sees FROM recommendations;
SELECT verdict FROM recommend_tier('big2');
SELECT count(*) FROM tier_candidates('big2');
SELECT * FROM recommend_objects();
SELECT * FROM plan_recommendations();
DELETE FROM object_recommendations;
RESET ROLE;
DROP ROLE regress_reader;
