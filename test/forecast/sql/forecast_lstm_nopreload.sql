-- A network is trained, judged, promoted and predicts as a forest does; no keeper runs here
\set VERBOSITY terse
-- Four kinds of objects: read on most days, once a week, never, and once in a while; and a young one. What happens is a hash of object and age, not chance.
INSERT INTO cloudflux.data_objects (file_id, size_bytes, created_at)
SELECT 'o' || i, 1000 * i, now() - CASE WHEN i > 60 THEN 20 ELSE 300 END * interval '1 day' FROM generate_series(1, 61) i;
CREATE FUNCTION pg_temp.chance(text) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashtextextended($1, 0) & 1048575) / 1048576.0 $$;
INSERT INTO cloudflux.access_daily (file_id, day, reads, last_at)
SELECT 'o' || i, (now() AT TIME ZONE 'UTC')::date - ago, 1 + floor(3 * pg_temp.chance('n' || i || ' ' || ago)), now() - ago * interval '1 day'
  FROM generate_series(1, 60) i, generate_series(1, 130) ago
 WHERE CASE i % 4 WHEN 0 THEN pg_temp.chance('a' || i || ' ' || ago) < 0.7 WHEN 1 THEN ago % 7 = 3
                  WHEN 3 THEN pg_temp.chance('b' || i || ' ' || ago) < 0.02 ELSE false END;

-- What it sees: weekday and days, reads from which on the tier changes, the tiers, and the days with a read. A day of the future, or before the object, is none
INSERT INTO cloudflux.access_daily (file_id, day, reads, last_at)
SELECT 'o61', (now() AT TIME ZONE 'UTC')::date - v.ago, v.reads, now() FROM (VALUES (0, 9), (1, 4), (5, 2), (25, 3)) v(ago, reads);
SELECT i.file_id, i.inputs[1] = (((now() AT TIME ZONE 'UTC')::date - 1) - '2000-01-01'::date) % 7 AS weekday, i.inputs[2:]
  FROM cloudflux.lstm_inputs((now() AT TIME ZONE 'UTC')::date - 1, 84, true) i WHERE i.file_id IN ('o2', 'o61') ORDER BY i.file_id;
SELECT cardinality(i.inputs) AS head FROM cloudflux.lstm_inputs((now() AT TIME ZONE 'UTC')::date - 1, 84, false) i WHERE i.file_id = 'o2';
-- Deltas that wait are counted, with what they take back
INSERT INTO cloudflux.access_deltas SELECT 'o61', (now() AT TIME ZONE 'UTC')::date - v.ago, v.reads, 0, 0, 0, 0, 0, 0, now() FROM (VALUES (1, 1), (5, -2)) v(ago, reads);
SELECT i.inputs[10:] FROM cloudflux.lstm_inputs((now() AT TIME ZONE 'UTC')::date - 1, 84, true) i WHERE i.file_id = 'o61';
DELETE FROM cloudflux.access_deltas;

-- Training
SELECT cloudflux.train_model('lstm', parameters => '{"cells": 8, "epochs": 4}') AS id;
SELECT kind, status, row_count, features, parameters, beats_simple IS NOT NULL AS judged FROM cloudflux.models;
SELECT method, objects, mae IS NOT NULL AS mae, log_loss IS NOT NULL AS log_loss, coverage_80 BETWEEN 0 AND 1 AS covers FROM cloudflux.model_metrics ORDER BY method COLLATE "C";
SELECT p.part, f.cells, f.context, f.weights_count, f.series_count, f.epochs, f.loss > 0 AS loss, f.held_loss > 0 AS held_loss, f.seed
  FROM cloudflux.model_parts p CROSS JOIN cloudflux.lstm_facts(p.weights) f ORDER BY p.part;
SELECT count(*) > 10 AS items FROM cloudflux.model_info();
-- The same seed and data give the same bytes, another seed does not
SELECT cloudflux.train_model('lstm', parameters => '{"cells": 8, "epochs": 4}') AS id;
SELECT cloudflux.train_model('lstm', parameters => '{"cells": 8, "epochs": 4}', seed => 2) AS id;
SELECT a.weights = b.weights AS same, a.weights = c.weights AS other_same
  FROM cloudflux.model_parts a JOIN cloudflux.model_parts b ON b.part = a.part AND b.model_id = 2 JOIN cloudflux.model_parts c ON c.part = a.part AND c.model_id = 3
 WHERE a.model_id = 1 AND a.part = 'reads';

-- One that is no better than the simple methods is not promoted, one that is predicts
UPDATE cloudflux.models SET beats_simple = id = 1;
SELECT cloudflux.promote_model(2);
SELECT status FROM cloudflux.promote_model(1);
SELECT model_id, predicted, kept FROM cloudflux.predict_objects();
SELECT predicted, kept FROM cloudflux.predict_objects();
SELECT count(*) AS objects, bool_and(accesses_p025 <= accesses_p10 AND accesses_p10 <= accesses_p50 AND accesses_p50 <= accesses_p90 AND accesses_p90 <= accesses_p975) AS ordered,
       bool_and(abs(tier_probabilities[1] + tier_probabilities[2] + tier_probabilities[3] - 1) < 1e-9) AS sums, bool_and(confidence_score BETWEEN 1.0 / 3 AND 1) AS confident,
       bool_and(predicted_accesses >= 0) AS mean
  FROM cloudflux.ml_predictions;
SELECT count(*) > 1 AS objects, count(DISTINCT (predicted_accesses, accesses_p90)) AS answers FROM cloudflux.ml_predictions WHERE substr(file_id, 2)::int % 4 = 2;
SELECT explanation LIKE '%(lstm)%' AS explained FROM cloudflux.predict('o4');
-- Rules may change without training: where all is HOT, HOT is certain
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class) VALUES ('all_hot', 1, 'HOT');
SELECT cloudflux.lstm_tells(1, 'tier', i.inputs) FROM cloudflux.lstm_inputs((now() AT TIME ZONE 'UTC')::date - 1, 84, true) i WHERE i.file_id = 'o4';
DELETE FROM cloudflux.tier_rules WHERE rule_name = 'all_hot';

-- What is refused
SELECT cloudflux.train_model('lstm', parameters => '{"cells": 12}');
SELECT cloudflux.train_model('lstm', parameters => '{"trees": 12}');
SELECT cloudflux.train_model('lstm', parameters => '{"epochs": "many"}');
SELECT cloudflux.train_model('lstm', parameters => '[]');
SELECT cloudflux.train_model('lstm', period_end => '2001-01-01');
SELECT cloudflux.lstm_tells(1, 'none', '{1,84,0}');
SELECT cloudflux.lstm_tells(1, 'tier', '{1,84,0}');
SELECT cloudflux.lstm_tells(1, 'reads', '{1,84}');
SELECT cloudflux.lstm_tells(1, 'reads', '{1,84,NULL}');
SELECT cloudflux.lstm_tells(1, 'reads', '{7,84,0}');
SELECT cloudflux.lstm_tells(1, 'reads', '{1,1e9,0}');
SELECT cloudflux.lstm_tells(1, 'reads', '{1,84,3,1}');
SELECT cloudflux.lstm_tells(1, 'reads', '{1,84,2,1,1,0,0}');
SELECT cloudflux.lstm_tells(1, 'reads', '{1,84,1,0,3}');
SELECT cloudflux.lstm_tells(1, 'reads', '{1,84,0,84,1}');
SELECT cloudflux.lstm_tells(1, 'reads', '{1,84,0,3,-1}');
SELECT cloudflux.lstm_tells(1, 'reads', '{1,84,0,3,NaN}') IS NOT NULL AS missing_day;
SELECT cloudflux.lstm_tells(1, 'reads', '{1,0,0}') IS NOT NULL AS no_day;
-- Stored bytes are hostile until they are read
UPDATE cloudflux.model_parts SET weights = set_byte(weights, 100, get_byte(weights, 100) # 1) WHERE model_id = 3;
SELECT cloudflux.lstm_tells(3, 'reads', '{1,84,0}');
UPDATE cloudflux.model_parts SET weights = set_byte(weights, 8, 2) WHERE model_id = 3;
SELECT cloudflux.lstm_facts(weights) FROM cloudflux.model_parts WHERE model_id = 3 AND part = 'tier';
SELECT cloudflux.forest_facts(weights) FROM cloudflux.model_parts WHERE model_id = 1 AND part = 'tier';
-- The aggregate by itself
SELECT cloudflux.grow_lstm('{1,84,0}', 1, 8, 56, 14, 1, 1) FROM generate_series(1, 0);
SELECT cloudflux.grow_lstm(NULL, 1, 8, 56, 14, 1, 1);
SELECT cloudflux.grow_lstm('{1,84,0}', 1, 8, 56, 14, NULL, 1);
SELECT cloudflux.grow_lstm('{1,84,0}', 1, 9, 56, 14, 1, 1);
SELECT cloudflux.grow_lstm('{1,20,0}', 1, 8, 56, 14, 1, 1);
SELECT (cloudflux.lstm_facts(cloudflux.grow_lstm('{1,30,0,0,2}', i, 8, 14, 7, 1, 1))).series_count FROM generate_series(1, 1100) i;
-- A viewer reads, and trains none
SET ROLE cloudflux_viewer;
SELECT cloudflux.grow_lstm('{1,84,0}', 1, 8, 56, 14, 1, 1);
SELECT cardinality(cloudflux.lstm_tells(1, 'reads', '{1,84,0}')) AS told;
RESET ROLE;
-- Training that takes long is ended
SET statement_timeout = '300ms';
SELECT length(cloudflux.grow_lstm('{1,900,0,0,1,2,3,4,5}', i, 128, 56, 14, 1000, 1)) FROM generate_series(1, 300) i;
RESET statement_timeout;
