-- Models are searched for, trained in the background within a budget, and trained again when they are old or their features drift; no keeper runs here
\set VERBOSITY terse
INSERT INTO cloudflux.data_objects (file_id, size_bytes, content_type, created_at)
SELECT 'o' || i, 1000 * i, 'text/csv', now() - interval '200 days' FROM generate_series(1, 1100) i;
CREATE FUNCTION pg_temp.chance(text) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashtextextended($1, 0) & 1048575) / 1048576.0 $$;
INSERT INTO cloudflux.access_daily (file_id, day, reads, last_at)
SELECT 'o' || i, (now() AT TIME ZONE 'UTC')::date - ago, 1 + floor(3 * pg_temp.chance('n' || i || ' ' || ago)), now() - ago * interval '1 day'
  FROM generate_series(1, 1100) i, generate_series(1, 120) ago
 WHERE CASE i % 3 WHEN 0 THEN pg_temp.chance('a' || i || ' ' || ago) < 0.7 WHEN 1 THEN pg_temp.chance('b' || i || ' ' || ago) < 0.05 ELSE false END;

-- A search tries parameters on earlier weeks, leaves nothing but its trials, and keeps to its budget: then only the defaults are tried
SELECT cloudflux.search_parameters(weeks => 1, budget => '1 millisecond', origins => 1) AS best;
SELECT model_name, kind, parameters, origins = ARRAY[(now() AT TIME ZONE 'UTC')::date - 15] AS a_week_before, score > 0 AND score < 1 AS skill, mae > 0 AS mae, log_loss > 0 AS log_loss FROM cloudflux.model_trials;
SELECT count(*) AS models FROM cloudflux.models;
SELECT cardinality(cloudflux.model_grid('forest')) > 5 AS several, bool_and(cloudflux.model_parameters('forest', g) @> g) AS known FROM unnest(cloudflux.model_grid('forest')) g;
SELECT cloudflux.search_parameters(budget => '0');
SELECT cloudflux.search_parameters(origins => 9);
SELECT cloudflux.search_parameters('oracle');

-- In the background
SELECT cloudflux.train_models() IS NULL AS nothing_waits;
SELECT cloudflux.submit_training(weeks => 1, parameters => '{"trees": 6}', promote => true) AS first,
       cloudflux.submit_training(weeks => 1, parameters => '{"trees": 6}', seed => 2, budget => '1 millisecond') AS second,
       cloudflux.submit_training(weeks => 1, model_name => 'other', budget => '1 minute') AS third;
SELECT cloudflux.cancel_training(3), cloudflux.cancel_training(3), cloudflux.cancel_training(99);
SELECT cloudflux.train_models();
SELECT cloudflux.train_models();
SELECT cloudflux.train_models() IS NULL AS nothing_waits;
SELECT id, status, detail, model_id, promoted, reason, finished_at >= started_at AS timed FROM cloudflux.training_jobs ORDER BY id;
SELECT id, version, status, beats_simple FROM cloudflux.models ORDER BY id;
SELECT cloudflux.submit_training(budget => '2 hours');
SELECT cloudflux.submit_training(parameters => '{"leaves": 2}');
SELECT cloudflux.submit_training(weeks => 0);
SELECT count(*) FROM cloudflux.training_progress;

-- Nothing has moved since; then objects that slept are read
SELECT count(*) AS features, bool_and(cardinality(shares) = cardinality(edges) + 2) AS bins, bool_and(abs((SELECT sum(s) FROM unnest(shares) s) - 1) < 1e-9) AS sums, min(objects) AS objects
  FROM cloudflux.model_profiles WHERE model_id = 2;
SELECT array_agg(round(s::numeric, 4)) AS shares FROM unnest(cloudflux.shares_between('{NULL,1,2,2,3,9}', '{2,3}')) s;
SELECT max(stability_index) < 0.1 AS calm FROM cloudflux.model_drift(2, (SELECT judged_on FROM cloudflux.models WHERE id = 2));
SELECT reason FROM cloudflux.retraining_reason('accesses');
SELECT cloudflux.check_models() IS NULL AS nothing_to_do;
INSERT INTO cloudflux.access_daily (file_id, day, reads, last_at)
SELECT 'o' || i, (now() AT TIME ZONE 'UTC')::date - ago, 90, now() FROM generate_series(1, 1100) i, generate_series(1, 3) ago WHERE i % 3 = 2;
SELECT stability_index > 0.25 AS drifted, feature LIKE '%read%' OR feature LIKE 'bytes%' OR feature IN ('recency', 'peak_30d', 'trend', 'gap_mean', 'gap_now', 'weekend_share') AS of_reads, objects FROM cloudflux.model_drift(2) LIMIT 1;
SELECT reason, detail ~ '^feature \w+ has drifted: stability index \d+\.\d\d$' AS told FROM cloudflux.retraining_reason('accesses');
-- Not within a week of the last training
SELECT cloudflux.check_models() IS NULL AS not_again;
UPDATE cloudflux.training_jobs SET requested_at = now() - interval '8 days';
INSERT INTO cloudflux.model_settings (model_name, drift_limit) VALUES ('accesses', 1000);
SELECT reason FROM cloudflux.retraining_reason('accesses');
UPDATE cloudflux.model_settings SET drift_limit = NULL, budget = '3 minutes', enabled = false;
SELECT cloudflux.check_models() IS NULL AS switched_off;
UPDATE cloudflux.model_settings SET enabled = true;
SELECT cloudflux.check_models() ~ '^model "accesses" is trained again: feature ' AS again, cloudflux.check_models() IS NULL AS once;
SELECT kind, weeks, parameters ->> 'trees' AS trees, promote, budget, reason, status FROM cloudflux.training_jobs WHERE id > 3;
SELECT cloudflux.train_models() ~ '^training \d of model "accesses" done: model \d' AS done;
SELECT status, promoted IS NOT NULL AS judged FROM cloudflux.training_jobs WHERE reason = 'drift';
-- Old, or bad
UPDATE cloudflux.models SET created_at = now() - interval '29 days' WHERE status = 'champion';
SELECT reason FROM cloudflux.retraining_reason('accesses');
UPDATE cloudflux.model_settings SET retrain_after = '30 days', drift_limit = 1000;
SELECT reason FROM cloudflux.retraining_reason('accesses');
INSERT INTO cloudflux.prediction_accuracy (model_id, day, method, objects, log_loss, accuracy_upper)
SELECT id, current_date - 10, m, 5000, CASE m WHEN 'served' THEN 2 ELSE 1 END, 0.9 FROM cloudflux.models, unnest(ARRAY['served', 'class shares']) m WHERE status = 'champion';
SELECT reason, detail ~ '^no_skill on ' AS told FROM cloudflux.retraining_reason('accesses');
UPDATE cloudflux.prediction_accuracy SET log_loss = 3 WHERE method = 'class shares';
SELECT reason, detail ~ '^log-loss 2.000 on .*, it was 0.' AS told FROM cloudflux.retraining_reason('accesses');
SELECT reason FROM cloudflux.retraining_reason('none');

-- A model that is worse than the champion on a week that neither knows does not replace it
DELETE FROM cloudflux.models;
DELETE FROM cloudflux.access_daily WHERE reads = 90;
SELECT cloudflux.train_model(weeks => 1, parameters => '{"trees": 6}') AS id \gset
SELECT status FROM cloudflux.promote_model(:id);
SELECT cloudflux.train_model(weeks => 1, parameters => '{"trees": 6}') AS second \gset
SELECT cloudflux.replaces_champion(:second) AS as_good;
UPDATE cloudflux.model_metrics SET log_loss = 1.3 * log_loss WHERE method = 'model' AND model_id = :second;
SELECT cloudflux.replaces_champion(:second) AS worse;
UPDATE cloudflux.models SET period_end = period_end + 1 WHERE id = :id;
UPDATE cloudflux.model_metrics SET log_loss = 0.5 * log_loss WHERE method = 'model' AND model_id = :second;
SELECT cloudflux.replaces_champion(:second) AS champion_knows_the_week;

-- Who may
SET ROLE cloudflux_viewer;
SELECT count(*) > 0 AS reads FROM cloudflux.training_jobs;
SELECT cloudflux.submit_training();
SELECT cloudflux.begin_training_budget(1);
SET ROLE cloudflux_admin;
SELECT cloudflux.submit_training(weeks => 1) > 0 AS submits, cloudflux.train_models();
RESET ROLE;
SELECT cloudflux.begin_training_budget(0);
-- A budget that is used up cancels, and says so; one that is not is forgotten
DO $$
DECLARE
	ended boolean;
BEGIN
	BEGIN
		PERFORM cloudflux.begin_training_budget(20);
		PERFORM pg_sleep(60);
	EXCEPTION WHEN query_canceled THEN
		ended := cloudflux.end_training_budget();
	END;
	RAISE NOTICE 'cancelled by the budget: %', ended;
	PERFORM cloudflux.begin_training_budget(600000);
	RAISE NOTICE 'used up: %', cloudflux.end_training_budget();
END $$;
