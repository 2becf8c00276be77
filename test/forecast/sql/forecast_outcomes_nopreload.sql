-- Predictions are measured against what came, bad ones raise an event, and an object at which the model loses gets the simple forecast; no keeper runs here
\set VERBOSITY terse
INSERT INTO cloudflux.data_objects (file_id, size_bytes, content_type, created_at)
SELECT 'o' || i, 1000 * i, CASE WHEN i % 4 = 0 THEN 'text/csv' ELSE 'image/png' END, now() - interval '200 days' FROM generate_series(1, 1200) i;
CREATE FUNCTION pg_temp.chance(text) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashtextextended($1, 0) & 1048575) / 1048576.0 $$;
INSERT INTO cloudflux.access_daily (file_id, day, reads, last_at)
SELECT 'o' || i, (now() AT TIME ZONE 'UTC')::date - ago, 1 + floor(3 * pg_temp.chance('n' || i || ' ' || ago)), now() - ago * interval '1 day'
  FROM generate_series(1, 1200) i, generate_series(1, 80) ago
 WHERE CASE i % 4 WHEN 0 THEN pg_temp.chance('a' || i || ' ' || ago) < 0.7 WHEN 1 THEN ago % 7 = 3
                  WHEN 3 THEN pg_temp.chance('b' || i || ' ' || ago) < 0.02 ELSE false END;

-- Nobody serves: what came in the week before is all there is to say
SELECT first_day = (now() AT TIME ZONE 'UTC')::date AS today, horizon_days, mean = p50 AS same, p10, recommended_tier, served_by, model_id FROM cloudflux.predict('o1');
SELECT explanation FROM cloudflux.predict('o2');
SELECT explanation ~ '^No model serves; what came in the 7 days before: [1-9]\.00 reads are expected in 7 days\. It was read [1-9] times in 7 days, \d+ in 30 and \d+ in 90 up to yesterday, last 3 days ago\.$' AS told FROM cloudflux.predict('o1');
SELECT cloudflux.predict('none');
SELECT count(*) FROM cloudflux.expected_accesses;
SELECT cloudflux.measure_predictions() IS NULL AS nothing_to_measure, cloudflux.run_predictions() IS NULL AS nobody_predicts;
SELECT status, detail FROM cloudflux.check_forecast();

SELECT cloudflux.train_model(weeks => 2, parameters => '{"trees": 8}') AS id;
SELECT status FROM cloudflux.promote_model(1);
-- The champion is asked where nothing is kept ready; a read-only transaction will do
BEGIN TRANSACTION READ ONLY;
SELECT p10 <= p50 AND p50 <= p90 AS ordered, recommended_tier, confidence_score > 0.3 AS told, served_by, model_id, explanation ~ '^Model "accesses" version 1 \(forest\), asked now: ' AS why
  FROM cloudflux.predict('o4');
ROLLBACK;
SELECT cloudflux.run_predictions();
SELECT count(*), count(DISTINCT file_id) AS objects, bool_or(p10 > 0) AS not_from_0, bool_and(mean >= 0 AND p025 <= p10 AND p10 <= p50 AND p50 <= p90 AND p90 <= p975) AS ordered, min(served_by) AS least, max(served_by) AS most
  FROM cloudflux.expected_accesses;
SELECT p.mean = e.mean AND p.p50 = e.p50 AND p.confidence_score = e.confidence_score AS kept, p.explanation ~ '^Model "accesses" version 1 \(forest\) of \d{4}-\d\d-\d\d: .*with probability 0.8, and tier ' AS why
  FROM cloudflux.predict('o4') p JOIN cloudflux.expected_accesses e ON e.file_id = 'o4';
SELECT predicted, kept, floored, run_ms >= 0 AS timed FROM cloudflux.prediction_runs;

-- Reads day by day, from the object's own past
SELECT count(*) AS days, min(day) = (now() AT TIME ZONE 'UTC')::date AS from_today, bool_and(lower <= median AND median <= upper) AS ordered, bool_and(model <> '') AS told
  FROM cloudflux.forecast_accesses('o1', 14);
SELECT round(sum(mean)) AS nothing FROM cloudflux.forecast_accesses('o2');
SELECT cardinality(cloudflux.object_reads('o1')) BETWEEN 199 AND 201 AS days;
SELECT cloudflux.forecast_accesses('none');

-- What is not over is not measured; a week and a day later it is
SELECT cloudflux.measure_predictions() IS NULL AS nothing_to_measure;
CREATE FUNCTION pg_temp.shift(days int) RETURNS void LANGUAGE sql AS $$
	UPDATE cloudflux.ml_predictions SET prediction_date = prediction_date - days, created_at = created_at - days * interval '1 day';
	UPDATE cloudflux.prediction_runs SET prediction_date = prediction_date - days $$;
SELECT pg_temp.shift(8);
-- As the keeper does it
SET ROLE cloudflux_worker;
SELECT cloudflux.measure_predictions() ~ '^1200 predictions of \d{4}-\d\d-\d\d measured$' AS measured, cloudflux.measure_predictions() IS NULL AS once;
RESET ROLE;
SELECT p.came_accesses = (SELECT COALESCE(sum(d.reads), 0) FROM cloudflux.access_daily d WHERE d.file_id = p.file_id AND d.day BETWEEN p.prediction_date AND p.prediction_date + 6) AS came,
       count(*) FROM cloudflux.ml_predictions p GROUP BY 1;
SELECT method, objects, mae IS NOT NULL AS mae, mase < 1 AS better_than_naive, log_loss IS NOT NULL AS log_loss, accuracy > 0.8 AS right, accuracy < accuracy_upper AS bound,
       coverage_80 > 0.7 AS covers, coverage_80 <= coverage_95 AS wider, floored
  FROM cloudflux.prediction_accuracy ORDER BY method COLLATE "C";
SELECT abs(s.wape - (SELECT sum(abs(p.accesses_p50 - p.came_accesses)) / sum(p.came_accesses) FROM cloudflux.ml_predictions p)) < 1e-9 AS wape,
       abs(s.accuracy - (SELECT avg((p.recommended_tier = p.came_tier)::int) FROM cloudflux.ml_predictions p)) < 1e-9 AS accuracy
  FROM cloudflux.prediction_accuracy s WHERE s.method = 'served';
SELECT status, detail ~ '^model "accesses" version 1: accuracy 0.\d+ of 1200 objects on ' AS told FROM cloudflux.check_forecast();
SELECT count(*) FROM cloudflux.events WHERE topic = 'analytics';

-- An object that does not change is predicted once; its word is in force all week and counts every day
SELECT pg_temp.shift(6);
INSERT INTO cloudflux.prediction_runs (prediction_date, model_id, predicted, kept, floored, run_ms) SELECT prediction_date + 6, model_id, 0, 1200, 0, 1 FROM cloudflux.prediction_runs;
SELECT objects FROM cloudflux.accuracy_of(1, (SELECT max(prediction_date) FROM cloudflux.prediction_runs)) WHERE method = 'served';
DELETE FROM cloudflux.prediction_runs;

-- Bounds
SELECT round(cloudflux.share_upper_bound(0.8, 1000)::numeric, 4) AS wilson, round(cloudflux.share_upper_bound(0, 10)::numeric, 4) AS none, cloudflux.share_upper_bound(1, 10) AS all,
       cloudflux.share_upper_bound(0.5, 0) AS of_nothing;

-- A model that is wrong about tiers: the events come once, and health tells
UPDATE cloudflux.ml_predictions SET recommended_tier = CASE came_tier WHEN 'HOT' THEN 'COLD' ELSE 'HOT' END,
       tier_probabilities = CASE came_tier WHEN 'HOT' THEN '{0.1,0.1,0.8}'::float8[] ELSE '{0.8,0.1,0.1}' END;
DELETE FROM cloudflux.prediction_accuracy;
INSERT INTO cloudflux.prediction_runs (prediction_date, model_id, predicted, kept, floored, run_ms)
SELECT max(prediction_date) + n, 1, CASE n WHEN 0 THEN 1200 ELSE 0 END, CASE n WHEN 0 THEN 0 ELSE 1200 END, 0, 1 FROM cloudflux.ml_predictions, generate_series(0, 1) n GROUP BY n;
SELECT cloudflux.measure_predictions() ~ '^1200 predictions' AS first, cloudflux.measure_predictions() ~ '^0 predictions' AS next_day, cloudflux.measure_predictions() IS NULL AS done;
SELECT event_type, subject, data ->> 'objects' AS objects, (data ->> 'accuracy_upper')::float8 < 0.8 AS low, (data ->> 'log_loss')::float8 > (data ->> 'class_shares_log_loss')::float8 AS no_skill
  FROM cloudflux.events WHERE topic = 'analytics' ORDER BY event_type;
SELECT day = (SELECT max(day) FROM cloudflux.prediction_accuracy) AS last_day, cloudflux.accuracy_troubles(model_id, day) FROM cloudflux.prediction_accuracy WHERE method = 'served' ORDER BY day;
SELECT status, detail ~ 'accuracy.low and no_skill on ' AS told FROM cloudflux.check_forecast();
-- Of few objects nothing is said
UPDATE cloudflux.prediction_accuracy SET objects = 999;
SELECT DISTINCT cloudflux.accuracy_troubles(model_id, day) FROM cloudflux.prediction_accuracy;

-- Four weeks in which the model was far off at some objects: they get what served them better, and only they
DELETE FROM cloudflux.ml_predictions;
DELETE FROM cloudflux.prediction_runs;
INSERT INTO cloudflux.ml_predictions (file_id, prediction_date, horizon_days, predicted_accesses, accesses_p50, model_id, model_p50, seasonal_naive, median_28, came_accesses)
SELECT 'o' || i, (now() AT TIME ZONE 'UTC')::date - 7 * w - 1, 7, 1, 1, 1,
       CASE WHEN i <= 20 THEN 50 WHEN i <= 40 AND w > 3 THEN 50 ELSE 10 END, CASE WHEN i % 2 = 0 THEN 11 ELSE 14 END, 12, 10
  FROM generate_series(1, 60) i, generate_series(1, 4) w;
SELECT method, error_80, weeks, count(*), min(substr(file_id, 2)::int), max(substr(file_id, 2)::int) FROM cloudflux.objects_below_floor('accesses', (now() AT TIME ZONE 'UTC')::date) GROUP BY 1, 2, 3 ORDER BY 1;
SELECT predicted, kept FROM cloudflux.predict_objects();
SELECT served_by, count(*), bool_and(CASE served_by WHEN 'seasonal naive' THEN accesses_p50 = seasonal_naive AND predicted_accesses = seasonal_naive WHEN 'median 28' THEN accesses_p50 = median_28
                                         ELSE accesses_p50 = model_p50 END) AS figures, bool_and(accesses_p025 <= accesses_p10 AND accesses_p10 <= accesses_p50 AND accesses_p50 <= accesses_p90 AND accesses_p90 <= accesses_p975) AS ordered
  FROM cloudflux.ml_predictions WHERE prediction_date = (now() AT TIME ZONE 'UTC')::date GROUP BY served_by ORDER BY served_by;
SELECT served_by, explanation ~ 'The reads are those of the method seasonal naive, which was better at this object in its last weeks\.' AS why FROM cloudflux.predict('o2');
SELECT floored FROM cloudflux.prediction_runs;

-- A challenger serves its share of the objects, always the same ones, and both are measured
SELECT cloudflux.train_model(weeks => 1, parameters => '{"trees": 5, "max_depth": 4}', seed => 2) AS id;
SELECT cloudflux.promote_model(2, 0);
SELECT cloudflux.promote_model(1, 0.5);
UPDATE cloudflux.models SET beats_simple = true WHERE id = 2;
SELECT status, share FROM cloudflux.promote_model(2, 0.25);
DELETE FROM cloudflux.ml_predictions;
DELETE FROM cloudflux.prediction_runs;
DELETE FROM cloudflux.prediction_accuracy;
SELECT model_id, predicted, kept FROM cloudflux.predict_objects();
SELECT model_id, predicted, kept FROM cloudflux.predict_objects();
SELECT model_id, round(count(*) / 1200.0, 1) AS share FROM cloudflux.ml_predictions GROUP BY model_id ORDER BY model_id;
SELECT pg_temp.shift(8);
SELECT cloudflux.measure_predictions() ~ '^1200 ' AS measured;
SELECT version, status, share, objects > 200 AS objects, wape IS NOT NULL AS wape, accuracy IS NOT NULL AS accuracy FROM cloudflux.model_contest ORDER BY version;
SELECT status, share FROM cloudflux.promote_model(2);
SELECT version, status, share FROM cloudflux.models ORDER BY version;

-- Who may: everybody who looks reads; only users predict, only the chores measure
SET ROLE cloudflux_viewer;
SELECT count(*) > 0 AS reads FROM cloudflux.prediction_accuracy;
SELECT served_by FROM cloudflux.predict('o4');
SELECT count(*) FROM cloudflux.forecast_accesses('o4', 3);
SELECT cloudflux.measure_predictions();
SELECT cloudflux.run_predictions();
INSERT INTO cloudflux.prediction_accuracy (model_id, day, method, objects) VALUES (1, now(), 'model', 1);
SET ROLE cloudflux_user;
SELECT predicted + kept AS objects FROM cloudflux.predict_objects();
SET ROLE cloudflux_worker;
SELECT cloudflux.measure_predictions() IS NULL AS measures, cloudflux.run_predictions() IS NULL AS predicts;
RESET ROLE;
