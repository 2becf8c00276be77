/*
 * forecast/objects: what is expected to be read of each object: the word of the champion, or of the simple method where that is better.
 *
 * predict_objects() writes ml_predictions, a row per object for the 7 days from today on; measure_predictions() (forecast/outcomes) adds what came.
 * So the record of an object is there when it is predicted again: over its last weeks the model may have been worse than what the simplest methods
 * say, and then their figures are served for that object (served_by). The tier stays the model's: its probabilities are
 * calibrated over many objects, and a few weeks of one say nothing about a probability.
 */

-- Which days were predicted by whom, so that measuring need not look for them.
CREATE TABLE cloudflux.prediction_runs (
	prediction_date date NOT NULL,
	model_id        bigint NOT NULL REFERENCES cloudflux.models (id) ON DELETE CASCADE,
	predicted       bigint NOT NULL,
	kept            bigint NOT NULL,
	floored         bigint NOT NULL,
	run_ms          bigint NOT NULL,
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (prediction_date, model_id)
);

SELECT pg_catalog.pg_extension_config_dump('cloudflux.prediction_runs', '');

/*
 * Objects at which the model was worse than a simple method: over the newest measured prediction of each of their last 8 weeks, at least 4 of
 * them, the sum of its errors is more than a quarter larger than that of the better simple method, and it was worse in most of these weeks. The
 * margin is for chance: of two simple methods the luckier one is taken. error_80: distance that held what came in 80 % of these weeks.
 */
CREATE FUNCTION cloudflux.objects_below_floor(p_model_name text, p_day date)
RETURNS TABLE (file_id text, method text, error_80 double precision, weeks int)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off
AS $$
	SELECT r.file_id, CASE WHEN r.naive <= r.median THEN 'seasonal naive' ELSE 'median 28' END,
	       (CASE WHEN r.naive <= r.median THEN r.naive_errors ELSE r.median_errors END)[LEAST(ceil(0.8 * (r.weeks + 1))::int, r.weeks)], r.weeks
	  FROM (SELECT w.file_id, count(*)::int AS weeks, sum(w.by_model) AS model, sum(w.by_naive) AS naive, sum(w.by_median) AS median,
	               count(*) FILTER (WHERE w.by_model > w.by_naive) AS below_naive, count(*) FILTER (WHERE w.by_model > w.by_median) AS below_median,
	               array_agg(w.by_naive ORDER BY w.by_naive) AS naive_errors, array_agg(w.by_median ORDER BY w.by_median) AS median_errors
	          FROM (SELECT DISTINCT ON (p.file_id, (p_day - p.prediction_date) / 7) p.file_id, abs(p.model_p50 - p.came_accesses) AS by_model,
	                       abs(p.seasonal_naive - p.came_accesses) AS by_naive, abs(p.median_28 - p.came_accesses) AS by_median
	                  FROM cloudflux.ml_predictions p
	                 WHERE p.prediction_date >= p_day - 62 AND p.prediction_date < p_day - 7 AND p.came_accesses IS NOT NULL AND p.horizon_days = 7
	                   AND p.model_id IN (SELECT m.id FROM cloudflux.models m WHERE m.model_name = p_model_name)
	                 ORDER BY p.file_id, (p_day - p.prediction_date) / 7, p.prediction_date DESC) w
	         GROUP BY w.file_id) r
	 WHERE r.weeks >= 4 AND r.model > 1.25 * LEAST(r.naive, r.median)
	   AND 2 * CASE WHEN r.naive <= r.median THEN r.below_naive ELSE r.below_median END > r.weeks;
$$;

CREATE FUNCTION cloudflux.predict_objects(model_name text DEFAULT 'accesses', max_age interval DEFAULT '7 days',
	OUT model_id bigint, OUT prediction_date date, OUT predicted bigint, OUT kept bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_nestloop = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	begun  CONSTANT timestamptz := clock_timestamp();
	today  CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
	oldest timestamptz := now() - $2;
	first  cloudflux.models;
	rival  cloudflux.models;
	told   record;
BEGIN
	IF $2 IS NULL OR $2 < '0' THEN
		RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'max_age of predictions is not an interval of 0 or more';
	ELSIF pg_is_in_recovery() THEN
		RAISE EXCEPTION USING ERRCODE = '25006', MESSAGE = 'predictions of all objects cannot be written on a standby',
			HINT = 'Run predict_objects() on the primary; predict(file_id) and the view expected_accesses answer here.';
	END IF;
	PERFORM pg_advisory_xact_lock(hashtextextended('cloudflux.predict_objects', 0));
	SELECT m.* INTO first FROM cloudflux.models m WHERE m.model_name = $1 AND m.status = 'champion';
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format('model "%s" has no champion', COALESCE($1, 'NULL')),
			HINT = 'train_model() and then promote_model() make one.';
	END IF;
	SELECT m.* INTO rival FROM cloudflux.models m WHERE m.model_name = $1 AND m.status = 'challenger';
	prediction_date := today;
	model_id := first.id;
	WITH facts AS MATERIALIZED (
		SELECT f.file_id, f.history, f.features, f.reads_7d,
		       CASE WHEN (hashtextextended(f.file_id, 1) & 1048575) < rival.share * 1048576 THEN rival.id ELSE first.id END AS model_id
		  FROM cloudflux.object_features(today - 1) f),
	held AS (
		SELECT DISTINCT p.file_id, p.model_id, p.history FROM cloudflux.ml_predictions p
		 WHERE p.model_id IN (first.id, rival.id) AND p.created_at > oldest AND p.prediction_date > (oldest AT TIME ZONE 'UTC')::date - 1),
	asked AS (
		SELECT f.* FROM facts f
		 WHERE NOT EXISTS (SELECT FROM held h WHERE h.file_id = f.file_id AND h.model_id = f.model_id AND h.history = f.history)),
	told AS MATERIALIZED (
		-- Two calls, so that each keeps its model loaded.
		SELECT f.*, cloudflux.model_says(first.kind, first.id, 'reads', COALESCE(i.inputs, f.features)) AS r,
		       cloudflux.model_says(first.kind, first.id, 'tier', COALESCE(i.inputs, f.features)) AS p
		  FROM asked f LEFT JOIN cloudflux.model_inputs(first.kind, today - 1) i ON i.file_id = f.file_id
		 WHERE f.model_id = first.id
		UNION ALL
		SELECT f.*, cloudflux.model_says(rival.kind, rival.id, 'reads', COALESCE(i.inputs, f.features)),
		       cloudflux.model_says(rival.kind, rival.id, 'tier', COALESCE(i.inputs, f.features))
		  FROM asked f LEFT JOIN cloudflux.model_inputs(COALESCE(rival.kind, first.kind), today - 1) i ON i.file_id = f.file_id
		 WHERE f.model_id = rival.id),
	served AS MATERIALIZED (
		SELECT t.*, b.method, COALESCE(m.reads_7d, 0) AS median_28, abs(2 * t.reads_7d - t.features[4]) AS naive_error, b.error_80,
		       CASE b.method WHEN 'seasonal naive' THEN t.reads_7d WHEN 'median 28' THEN COALESCE(m.reads_7d, 0) END AS simple,
		       CASE b.method WHEN 'seasonal naive' THEN t.reads_7d WHEN 'median 28' THEN t.features[5] * 7.0 / 30 END AS simple_mean
		  FROM told t
		  LEFT JOIN cloudflux.objects_below_floor($1, today) b ON b.file_id = t.file_id
		  LEFT JOIN cloudflux.median_reads(today - 1) m ON m.file_id = t.file_id),
	gone AS (
		DELETE FROM cloudflux.ml_predictions o USING told t
		 WHERE o.prediction_date = today AND o.model_id IS NOT NULL AND o.file_id = t.file_id),
	written AS (
		INSERT INTO cloudflux.ml_predictions (file_id, prediction_date, horizon_days, predicted_accesses, accesses_p10, accesses_p50, accesses_p90,
			recommended_tier, confidence_score, tier_probabilities, model_id, history, accesses_p025, accesses_p975, served_by, model_p50,
			seasonal_naive, median_28, naive_error)
		SELECT t.file_id, today, 7, COALESCE(t.simple_mean, t.r[1]), CASE WHEN t.simple IS NULL THEN t.r[3] ELSE GREATEST(t.simple - t.error_80, 0) END, COALESCE(t.simple, t.r[4]),
		       COALESCE(t.simple + t.error_80, t.r[5]),
		       CASE WHEN t.p[1] >= t.p[2] AND t.p[1] >= t.p[3] THEN 'HOT' WHEN t.p[2] >= t.p[3] THEN 'WARM' ELSE 'COLD' END,
		       LEAST(GREATEST(t.p[1], t.p[2], t.p[3]), 1), t.p, t.model_id, t.history,
		       CASE WHEN t.simple IS NULL THEN t.r[2] ELSE LEAST(GREATEST(t.simple - t.error_80, 0), t.r[2]) END, GREATEST(t.simple + t.error_80, t.r[6]), COALESCE(t.method, 'model'), t.r[4],
		       t.reads_7d, t.median_28, t.naive_error
		  FROM served t
		RETURNING 1),
	sums AS (
		SELECT f.model_id, count(*) AS objects, count(t.file_id) AS predicted, count(t.method) AS floored
		  FROM facts f LEFT JOIN served t ON t.file_id = f.file_id
		 GROUP BY f.model_id),
	runs AS (
		INSERT INTO cloudflux.prediction_runs AS u (prediction_date, model_id, predicted, kept, floored, run_ms)
		SELECT today, s.model_id, s.predicted, s.objects - s.predicted, s.floored, EXTRACT(epoch FROM clock_timestamp() - begun) * 1000 FROM sums s
		ON CONFLICT ON CONSTRAINT prediction_runs_pkey DO UPDATE
		   SET predicted = u.predicted + EXCLUDED.predicted, kept = EXCLUDED.kept, floored = u.floored + EXCLUDED.floored,
		       run_ms = EXCLUDED.run_ms, created_at = EXCLUDED.created_at)
	SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM facts) INTO predicted, kept;
	kept := kept - predicted;
END $$;

-- Narrow: what others lean on. One row per object whose horizon is not over, the newest word.
CREATE VIEW cloudflux.expected_accesses WITH (security_invoker = true) AS
SELECT DISTINCT ON (p.file_id) p.file_id, p.prediction_date AS first_day, p.horizon_days, p.predicted_accesses AS mean,
       p.accesses_p025 AS p025, p.accesses_p10 AS p10, p.accesses_p50 AS p50, p.accesses_p90 AS p90, p.accesses_p975 AS p975,
       p.recommended_tier, p.confidence_score, p.served_by, p.model_id
  FROM cloudflux.ml_predictions p
 WHERE p.prediction_date <= (pg_catalog.now() AT TIME ZONE 'UTC')::date AND p.prediction_date > (pg_catalog.now() AT TIME ZONE 'UTC')::date - 366
   AND p.prediction_date + p.horizon_days > (pg_catalog.now() AT TIME ZONE 'UTC')::date
 ORDER BY p.file_id, p.prediction_date DESC, p.id DESC;

-- Reads per day of an object, oldest first, from its first day on record (at most 3 years) up to yesterday.
CREATE FUNCTION cloudflux.object_reads(p_file_id text) RETURNS double precision[]
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH days AS (
		SELECT u.day, sum(u.reads) AS reads
		  FROM (SELECT d.day, d.reads FROM cloudflux.access_daily d WHERE d.file_id = p_file_id
		        UNION ALL
		        SELECT e.day, e.reads FROM cloudflux.access_deltas e WHERE e.file_id = p_file_id) u
		 WHERE u.day < (now() AT TIME ZONE 'UTC')::date AND u.day >= (now() AT TIME ZONE 'UTC')::date - 1096
		 GROUP BY u.day)
	SELECT COALESCE(array_agg(GREATEST(COALESCE(d.reads, 0), 0)::double precision ORDER BY s.day), '{}')
	  FROM (SELECT LEAST((SELECT min(x.day) FROM days x),
	                     (SELECT GREATEST((LEAST(o.created_at, o.modified_at) AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC')::date - 1096)
	                        FROM cloudflux.data_objects o WHERE o.file_id = p_file_id)) AS day) f
	 CROSS JOIN LATERAL generate_series(f.day, (now() AT TIME ZONE 'UTC')::date - 1, interval '1 day') s(day)
	  LEFT JOIN days d ON d.day = s.day;
END;

CREATE FUNCTION cloudflux.forecast_accesses(file_id text, horizon int DEFAULT 7, level double precision DEFAULT 0.95)
RETURNS TABLE (day date, mean double precision, median double precision, lower double precision, upper double precision, model text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM cloudflux.data_objects o WHERE o.file_id = $1) THEN
		RAISE EXCEPTION USING ERRCODE = '02000', MESSAGE = format('object "%s" does not exist', COALESCE($1, 'NULL'));
	END IF;
	RETURN QUERY
	SELECT (now() AT TIME ZONE 'UTC')::date - 1 + f.step, f.mean, f.median, f.lower, f.upper, f.model
	  FROM cloudflux.forecast(cloudflux.object_reads($1), $2, 7, 'auto', $3) f
	 ORDER BY f.step;
END $$;

-- What is held against an object: the newest word about it if its horizon is not over, what the champion would say now, or the simplest forecast.
CREATE FUNCTION cloudflux.predict(file_id text, OUT first_day date, OUT horizon_days int, OUT mean double precision, OUT p10 double precision,
	OUT p50 double precision, OUT p90 double precision, OUT recommended_tier text, OUT confidence_score double precision, OUT served_by text,
	OUT model_id bigint, OUT explanation text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
	today  CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
	held   cloudflux.expected_accesses;
	model  cloudflux.models;
	facts  record;
	r      double precision[];
	p      double precision[];
	reads  double precision[];
	whose  text;
BEGIN
	PERFORM FROM cloudflux.data_objects o WHERE o.file_id = $1 AND o.vanished_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = '02000', MESSAGE = format('object "%s" does not exist', COALESCE($1, 'NULL'));
	END IF;
	reads := cloudflux.object_reads($1);
	SELECT e.* INTO held FROM cloudflux.expected_accesses e WHERE e.file_id = $1;
	IF FOUND THEN
		first_day := held.first_day; horizon_days := held.horizon_days; mean := held.mean; p10 := held.p10; p50 := held.p50; p90 := held.p90;
		recommended_tier := held.recommended_tier; confidence_score := held.confidence_score; served_by := held.served_by; model_id := held.model_id;
		SELECT m.* INTO model FROM cloudflux.models m WHERE m.id = held.model_id;
		whose := CASE WHEN model.id IS NULL THEN 'Somebody else''s prediction'
		              ELSE format('Model "%s" version %s (%s)', model.model_name, model.version, model.kind) END || format(' of %s', to_char(held.first_day, 'YYYY-MM-DD'));
	ELSE
		first_day := today; horizon_days := 7;
		SELECT m.* INTO model FROM cloudflux.models m WHERE m.model_name = 'accesses' AND m.status = 'champion';
		IF FOUND THEN
			SELECT f.features, i.inputs INTO facts FROM cloudflux.object_features(today - 1) f
			  LEFT JOIN cloudflux.model_inputs(model.kind, today - 1) i ON i.file_id = f.file_id
			 WHERE f.file_id = $1;
		END IF;
		IF FOUND THEN
			r := cloudflux.model_says(model.kind, model.id, 'reads', COALESCE(facts.inputs, facts.features));
			p := cloudflux.model_says(model.kind, model.id, 'tier', COALESCE(facts.inputs, facts.features));
		END IF;
		IF r IS NOT NULL THEN
			mean := r[1]; p10 := r[3]; p50 := r[4]; p90 := r[5]; served_by := 'model'; model_id := model.id;
			recommended_tier := CASE WHEN p[1] >= p[2] AND p[1] >= p[3] THEN 'HOT' WHEN p[2] >= p[3] THEN 'WARM' ELSE 'COLD' END;
			confidence_score := LEAST(GREATEST(p[1], p[2], p[3]), 1);
			whose := format('Model "%s" version %s (%s), asked now', model.model_name, model.version, model.kind);
		ELSE
			p50 := COALESCE((SELECT sum(x) FROM unnest(reads[GREATEST(cardinality(reads) - 6, 1) : cardinality(reads)]) x), 0);
			mean := p50; served_by := 'seasonal naive';
			whose := 'No model serves; what came in the 7 days before';
		END IF;
	END IF;
	explanation := format('%s: %s reads are expected in %s days', whose, round(mean::numeric, 2), horizon_days)
		|| CASE WHEN p10 IS NOT NULL AND p90 IS NOT NULL THEN format(', %s to %s with probability 0.8', round(p10::numeric, 2), round(p90::numeric, 2)) ELSE '' END
		|| CASE WHEN recommended_tier IS NOT NULL THEN format(', and tier %s', recommended_tier) ELSE '' END
		|| CASE WHEN recommended_tier IS NOT NULL AND confidence_score IS NOT NULL THEN format(' with probability %s', round(confidence_score::numeric, 2)) ELSE '' END || '. '
		|| CASE WHEN served_by <> 'model' AND model_id IS NOT NULL
		        THEN format('The reads are those of the method %s, which was better at this object in its last weeks. ', served_by) ELSE '' END
		|| (SELECT format('It was read %s times in 7 days, %s in 30 and %s in 90 up to yesterday%s.',
		                  COALESCE(sum(x.n) FILTER (WHERE x.ago <= 7), 0), COALESCE(sum(x.n) FILTER (WHERE x.ago <= 30), 0), COALESCE(sum(x.n) FILTER (WHERE x.ago <= 90), 0),
		                  CASE WHEN sum(x.n) > 0 THEN format(', last %s days ago', min(x.ago) FILTER (WHERE x.n > 0)) ELSE '' END)
		      FROM (SELECT u.n, cardinality(reads) + 1 - u.at AS ago FROM unnest(reads) WITH ORDINALITY u(n, at)) x);
END $$;

-- The chore: once a day, when there is a champion.
CREATE FUNCTION cloudflux.run_predictions() RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	name  text;
	told  record;
	total bigint := 0;
BEGIN
	FOR name IN SELECT m.model_name FROM cloudflux.models m WHERE m.status = 'champion' ORDER BY m.model_name LOOP
		SELECT p.predicted INTO told FROM cloudflux.predict_objects(name) p;
		total := total + told.predicted;
	END LOOP;
	RETURN CASE WHEN total > 0 THEN total || ' objects predicted' END;
END $$;

INSERT INTO cloudflux.chores (chore_name, room, function_name, every, builtin) VALUES ('predict_objects', 'forecast', 'run_predictions', '1 day', true);

GRANT SELECT ON cloudflux.prediction_runs, cloudflux.expected_accesses TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, UPDATE, DELETE ON cloudflux.prediction_runs TO cloudflux_user, cloudflux_worker;
REVOKE ALL ON FUNCTION cloudflux.objects_below_floor(text, date), cloudflux.predict_objects(text, interval), cloudflux.object_reads(text),
	cloudflux.forecast_accesses(text, int, double precision), cloudflux.predict(text), cloudflux.run_predictions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.objects_below_floor(text, date), cloudflux.object_reads(text), cloudflux.forecast_accesses(text, int, double precision),
	cloudflux.predict(text) TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.predict_objects(text, interval) TO cloudflux_user, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.run_predictions() TO cloudflux_worker;

COMMENT ON TABLE cloudflux.prediction_runs IS 'Days on which predict_objects() ran, per model that served: what it did.';
COMMENT ON COLUMN cloudflux.prediction_runs.prediction_date IS 'UTC day, the first of those that were predicted.';
COMMENT ON COLUMN cloudflux.prediction_runs.model_id IS 'Model that served.';
COMMENT ON COLUMN cloudflux.prediction_runs.predicted IS 'Objects that were predicted on that day.';
COMMENT ON COLUMN cloudflux.prediction_runs.kept IS 'Objects whose earlier prediction holds, as of the last run of the day.';
COMMENT ON COLUMN cloudflux.prediction_runs.floored IS 'Of the predicted ones those that got the figures of a simple method.';
COMMENT ON COLUMN cloudflux.prediction_runs.run_ms IS 'How long the last run of the day took.';
COMMENT ON COLUMN cloudflux.prediction_runs.created_at IS 'When the last run of the day was.';
COMMENT ON VIEW cloudflux.expected_accesses IS 'What is expected of each object, the newest word whose horizon is not over: mean and quantiles of the accesses in horizon_days from first_day on.';
COMMENT ON COLUMN cloudflux.expected_accesses.file_id IS 'Object.';
COMMENT ON COLUMN cloudflux.expected_accesses.first_day IS 'First UTC day that is predicted.';
COMMENT ON COLUMN cloudflux.expected_accesses.horizon_days IS 'Number of days.';
COMMENT ON COLUMN cloudflux.expected_accesses.mean IS 'Expected number of accesses in those days.';
COMMENT ON COLUMN cloudflux.expected_accesses.p025 IS 'Quantile 0.025; NULL = not told.';
COMMENT ON COLUMN cloudflux.expected_accesses.p10 IS 'Quantile 0.1; NULL = not told.';
COMMENT ON COLUMN cloudflux.expected_accesses.p50 IS 'Median; NULL = not told.';
COMMENT ON COLUMN cloudflux.expected_accesses.p90 IS 'Quantile 0.9; NULL = not told.';
COMMENT ON COLUMN cloudflux.expected_accesses.p975 IS 'Quantile 0.975; NULL = not told.';
COMMENT ON COLUMN cloudflux.expected_accesses.recommended_tier IS 'HOT, WARM or COLD by tier_rules at that rate of reads; NULL = not told.';
COMMENT ON COLUMN cloudflux.expected_accesses.confidence_score IS 'Probability of that tier; NULL = not told.';
COMMENT ON COLUMN cloudflux.expected_accesses.served_by IS 'Whose figures these are; see ml_predictions.';
COMMENT ON COLUMN cloudflux.expected_accesses.model_id IS 'Model that served; NULL = somebody else.';
COMMENT ON FUNCTION cloudflux.objects_below_floor(text, date) IS 'Objects at which models of a name were worse than the better of seasonal naive and median 28: over the newest measured prediction of each of the last weeks before a UTC day, at least 4, by more than a quarter in sum and in most weeks. error_80: distance from that method''s word that held what came in 80 % of them.';
COMMENT ON FUNCTION cloudflux.predict_objects(text, interval) IS 'Writes what the champion says about the 7 days from today (UTC) on into ml_predictions, for every object whose accesses or version changed since its last prediction by this model, or whose prediction is older than max_age; kept counts the others. Objects of a challenger''s share get its word instead, objects of objects_below_floor() the figures of the simple method. model_id is the champion. Errors: 55000 (no champion), 22023, 25006 (on a standby).';
COMMENT ON FUNCTION cloudflux.object_reads(text) IS 'Reads per UTC day of an object, oldest first, from its first day (at most 3 years ago) up to yesterday: a series for forecast().';
COMMENT ON FUNCTION cloudflux.forecast_accesses(text, int, double precision) IS 'Forecasts the reads of an object from its own past alone, a row per UTC day from today on, as forecast() does with a season of a week; model tells what served. predict() knows what was learned across objects. Error 02000: no such object.';
COMMENT ON FUNCTION cloudflux.predict(text) IS 'What is expected of an object, and why: the newest prediction whose horizon is not over; else what the champion says now (the features of all objects are computed for it: predict_objects() keeps predictions ready); else, where no model serves, the reads of the 7 days before. Writes nothing, so it answers on a standby. Error 02000: no such object.';
COMMENT ON FUNCTION cloudflux.run_predictions() IS 'The chore predict_objects: runs predict_objects() for every name that has a champion and tells what it did; NULL = nothing.';
