-- Models are trained, judged on a week that they have not seen, promoted when they beat the simple methods, and predict; no keeper runs here
\set VERBOSITY terse
-- Four kinds of objects: read on most days, once a week, never, and once in a while. What happens is a hash of object and age, not chance.
INSERT INTO cloudflux.data_objects (file_id, file_name, size_bytes, content_type, created_at)
SELECT 'o' || i, 'f' || i, CASE WHEN i % 7 > 0 THEN 1000 * i END, CASE WHEN i % 4 = 0 THEN 'text/csv' ELSE 'image/png' END, now() - interval '200 days'
  FROM generate_series(1, 400) i;
CREATE FUNCTION pg_temp.chance(text) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashtextextended($1, 0) & 1048575) / 1048576.0 $$;
INSERT INTO cloudflux.access_daily (file_id, day, reads, last_at)
SELECT 'o' || i, (now() AT TIME ZONE 'UTC')::date - ago, 1 + floor(3 * pg_temp.chance('n' || i || ' ' || ago)), now() - ago * interval '1 day'
  FROM generate_series(1, 400) i, generate_series(1, 80) ago
 WHERE CASE i % 4 WHEN 0 THEN pg_temp.chance('a' || i || ' ' || ago) < 0.7 WHEN 1 THEN ago % 7 = 3
                  WHEN 3 THEN pg_temp.chance('b' || i || ' ' || ago) < 0.02 ELSE false END;

-- Features are where the list says
SELECT count(*) AS features, count(DISTINCT feature) AS names, min(feature_no) AS lowest, max(feature_no) AS highest, bool_and(unit <> '' AND meaning <> '') AS described
  FROM cloudflux.known_features();
SELECT count(*) AS objects, bool_and(cardinality(features) = (SELECT count(*) FROM cloudflux.known_features())) AS complete,
       count(*) FILTER (WHERE features[6] = 0) >= 100 AS unread, bool_and(features[3] = reads_7d) AS reads
  FROM cloudflux.object_features((now() AT TIME ZONE 'UTC')::date - 1);
WITH own AS (
	INSERT INTO cloudflux.data_objects (file_id, size_bytes, content_type, created_at) VALUES ('one', 100, NULL, now() - interval '20 days') RETURNING file_id)
INSERT INTO cloudflux.access_daily (file_id, day, reads, writes, bytes, full_reads, last_at)
SELECT o.file_id, (now() AT TIME ZONE 'UTC')::date - v.ago, v.reads, 1, 50, 1, now()
  FROM own o, (VALUES (1, 4), (5, 2), (9, 3), (19, 7)) v(ago, reads);
SELECT n.feature, round(f.features[n.feature_no]::numeric, 3) AS value
  FROM cloudflux.object_features((now() AT TIME ZONE 'UTC')::date - 1) f CROSS JOIN cloudflux.known_features() n
 WHERE f.file_id = 'one' AND n.feature NOT IN ('weekend_share', 'weekday_reads') AND n.feature NOT LIKE 'group%' ORDER BY n.feature_no;
DELETE FROM cloudflux.data_objects WHERE file_id = 'one';

-- What became of them
SELECT file_id, reads > 0 AS read, (ARRAY['HOT', 'WARM', 'COLD'])[tier + 1] AS tier FROM cloudflux.labelled_objects((now() AT TIME ZONE 'UTC')::date - 8)
 WHERE file_id IN ('o1', 'o2', 'o4') ORDER BY file_id;

-- Training
SELECT cloudflux.train_model(parameters => '{"trees": 10}') AS id;
SELECT id, model_name, version, kind, status, period_end = judged_on AND judged_on = (now() AT TIME ZONE 'UTC')::date - 8 AS judged_after, row_count, beats_simple, parameters
  FROM cloudflux.models;
SELECT method, objects, mae IS NOT NULL AS mae, log_loss IS NOT NULL AS log_loss, accuracy > 0.9 AS right, coverage_80 >= 0.75 AS covers FROM cloudflux.model_metrics ORDER BY method COLLATE "C";
SELECT count(*) AS importances, count(*) FILTER (WHERE value::numeric > 0.1) > 0 AS some_matter FROM cloudflux.model_info() WHERE item LIKE 'importance of%';
-- The same seed and data give the same bytes, another seed does not
SELECT cloudflux.train_model(parameters => '{"trees": 10}') AS id;
SELECT cloudflux.train_model(parameters => '{"trees": 10}', seed => 2) AS id;
SELECT a.part, a.weights = b.weights AS same, a.weights = c.weights AS other_same
  FROM cloudflux.model_parts a JOIN cloudflux.model_parts b ON b.part = a.part AND b.model_id = 2 JOIN cloudflux.model_parts c ON c.part = a.part AND c.model_id = 3
 WHERE a.model_id = 1 ORDER BY a.part;
SELECT f.classes, f.trees, f.row_count, f.error IS NOT NULL AS error, f.log_loss IS NOT NULL AS log_loss, cardinality(f.importance) AS importance, f.seed
  FROM cloudflux.model_parts p CROSS JOIN cloudflux.forest_facts(p.weights) f WHERE p.model_id = 3 ORDER BY p.part;

-- Who serves
SELECT * FROM cloudflux.predict_objects();
SELECT status, version FROM cloudflux.promote_model(1);
SELECT status, version FROM cloudflux.promote_model(3);
SELECT version, status, retired_at IS NOT NULL AS retired FROM cloudflux.models ORDER BY version;
SELECT version, status FROM cloudflux.rollback_model();
SELECT cloudflux.rollback_model();
SELECT version, status FROM cloudflux.models ORDER BY version;
UPDATE cloudflux.model_metrics SET mae = 1000 WHERE model_id = 2 AND method = 'model';
UPDATE cloudflux.models SET beats_simple = cloudflux.model_beats_simple(id) WHERE id = 2;
SELECT cloudflux.promote_model(2);

-- Predictions, and which are not repeated
SELECT model_id, prediction_date = (now() AT TIME ZONE 'UTC')::date AS today, predicted, kept FROM cloudflux.predict_objects();
SELECT model_id, predicted, kept FROM cloudflux.predict_objects();
INSERT INTO cloudflux.access_logs (file_id, accessed_at) SELECT 'o2', now() - interval '1 day' FROM generate_series(1, 5);
SELECT predicted, kept FROM cloudflux.predict_objects();
SELECT predicted, kept FROM cloudflux.predict_objects(max_age => '0');
SELECT count(*) AS rows, count(DISTINCT file_id) AS objects, bool_and(accesses_p10 <= accesses_p50 AND accesses_p50 <= accesses_p90 AND predicted_accesses >= 0) AS ordered,
       bool_and(abs(tier_probabilities[1] + tier_probabilities[2] + tier_probabilities[3] - 1) < 1e-9) AS sums,
       bool_and(confidence_score BETWEEN 1.0 / 3 AND 1 AND horizon_days = 7) AS confident
  FROM cloudflux.ml_predictions;
SELECT substr(file_id, 2)::int % 4 AS kind, mode() WITHIN GROUP (ORDER BY recommended_tier) AS tier, avg(predicted_accesses) > 5 AS busy
  FROM cloudflux.ml_predictions WHERE substr(file_id, 2)::int % 4 < 3 GROUP BY 1 ORDER BY 1;

-- What is refused
SELECT cloudflux.train_model('oracle');
SELECT cloudflux.train_model(weeks => 0);
SELECT cloudflux.train_model(period_end => '2999-01-01');
SELECT cloudflux.train_model(period_end => '2001-01-01');
SELECT cloudflux.train_model(parameters => '{"leaves": 3}');
SELECT cloudflux.train_model(parameters => '{"trees": "many"}');
SELECT cloudflux.train_model(parameters => '[]');
SELECT cloudflux.promote_model(99);
SELECT cloudflux.backtest(99);
SELECT cloudflux.backtest(3, weeks => 0);
SELECT cloudflux.backtest(3, weeks => 3);
SELECT cloudflux.model_info('none');
SELECT cloudflux.predict_objects(max_age => NULL);
SELECT method, objects FROM cloudflux.backtest(3) ORDER BY method COLLATE "C";
SELECT cloudflux.model_tells(3, 'none', '{1}');
SELECT cloudflux.model_tells(3, 'tier', '{1}');
-- Stored bytes are hostile until they are read
UPDATE cloudflux.model_parts SET weights = set_byte(weights, 100, get_byte(weights, 100) # 1) WHERE model_id = 3;
SELECT cloudflux.model_tells(3, 'tier', '{1}');
UPDATE cloudflux.model_parts SET weights = set_byte(weights, 8, 2) WHERE model_id = 3;
SELECT cloudflux.forest_facts(weights) FROM cloudflux.model_parts WHERE model_id = 3 AND part = 'tier';
UPDATE cloudflux.model_parts SET weights = 'hello' WHERE model_id = 3;
SELECT cloudflux.forest_facts(weights) FROM cloudflux.model_parts WHERE model_id = 3 AND part = 'tier';
-- The aggregate by itself
SELECT cloudflux.grow_forest(1, '{1}', 1, 2, '{}', 10, 5, 5, 1, false) FROM generate_series(1, 0);
SELECT (cloudflux.forest_facts(cloudflux.grow_forest(i % 2, ARRAY[i % 2, i]::real[], i, 2, '{}', 10, 5, 5, 1, true))).row_count FROM generate_series(1, 3000) i;
SELECT cloudflux.grow_forest(i, '{1}', 1, 2, '{}', 10, 5, 5, 1, false) FROM generate_series(1, 3) i;
SELECT cloudflux.grow_forest(1, ARRAY[1, 2]::real[], 1, 2, '{3}', 10, 5, 5, 1, false);
SELECT cloudflux.grow_forest(1, '{1}', 1, 2, '{}', 0, 5, 5, 1, false);
SELECT cloudflux.grow_forest(1, '{1}', 1, 2, '{}', NULL, 5, 5, 1, false);
SELECT cloudflux.grow_forest(1, array_fill(1, ARRAY[i])::real[], 1, 2, '{}', 1, 5, 5, 1, false) FROM generate_series(1, 2) i;
SELECT cloudflux.grow_forest(NULL, '{1}', 1, 2, '{}', 1, 5, 5, 1, false);
-- A viewer reads what is known of models, and trains none
SET ROLE cloudflux_viewer;
SELECT count(*) > 30 AS info FROM cloudflux.model_info();
SELECT cloudflux.train_model();
SELECT cloudflux.promote_model(1);
SELECT cloudflux.predict_objects();
SET ROLE cloudflux_user;
SELECT model_id, predicted, kept FROM cloudflux.predict_objects();
SET ROLE cloudflux_admin;
SELECT cloudflux.train_model(weeks => 1, parameters => '{"trees": 5, "max_rows": 100, "balanced": true}') AS id;
SELECT row_count BETWEEN 50 AND 200 AS sampled, trained_by FROM cloudflux.models WHERE id = 4;
RESET ROLE;
-- Reading needs no writing: models tell in a read-only transaction, as on a standby; training is refused
UPDATE cloudflux.models SET status = 'retired' WHERE status = 'champion';
BEGIN TRANSACTION READ ONLY;
SELECT cardinality(cloudflux.model_tells(1, 'tier', f.features)) AS tiers, cardinality(cloudflux.model_tells(1, 'reads', f.features)) AS reads
  FROM cloudflux.object_features((now() AT TIME ZONE 'UTC')::date - 1) f WHERE f.file_id = 'o1';
SELECT cloudflux.train_model(weeks => 1, parameters => '{"trees": 1}');
ROLLBACK;
-- Training that takes long is ended
SET statement_timeout = '100ms';
SELECT length(cloudflux.grow_forest(i % 16, ARRAY[random(), random(), random()]::real[], i, 16, '{}', 2000, 64, 1, 1, false)) FROM generate_series(1, 20000) i;
RESET statement_timeout;
