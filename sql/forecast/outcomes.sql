/*
 * forecast/outcomes: how good predictions were, measured every day against what came.
 *
 * A prediction is measured once its 7 days are over and one more for logs that come late: what came is written beside it (ml_predictions.came_accesses,
 * came_tier). An object that does not change is predicted once in a while only, so the accuracy of a day is that of all predictions that were in
 * force on it, one per object: the newest of the week before.
 */

CREATE TABLE cloudflux.prediction_accuracy (
	model_id       bigint NOT NULL REFERENCES cloudflux.models (id) ON DELETE CASCADE,
	day            date NOT NULL,
	method         text NOT NULL CHECK (method IN ('served', 'model', 'seasonal naive', 'median 28', 'class shares')),
	objects        bigint NOT NULL,
	reads          bigint,
	mae            double precision,
	wape           double precision,
	mase           double precision,
	bias           double precision,
	log_loss       double precision,
	accuracy       double precision,
	accuracy_upper double precision,
	coverage_80    double precision,
	coverage_95    double precision,
	floored        bigint,
	measured_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (model_id, day, method)
);

SELECT pg_catalog.pg_extension_config_dump('cloudflux.prediction_accuracy', '');

-- Wilson's score interval, its upper end (E. B. Wilson, JASA 22, 1927): the share may be as large as that with probability 0.05.
CREATE FUNCTION cloudflux.share_upper_bound(p_share double precision, p_count bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_count > 0 THEN
	LEAST(1, (p_share + 1.3527 / p_count + 1.6449 * sqrt(GREATEST(p_share * (1 - p_share), 0) / p_count + 0.6764 / (p_count::double precision * p_count)))
	         / (1 + 2.7055 / p_count)) END;

-- How predictions of a model that were in force on a day did, as far as they are measured, beside the simple methods on the same objects.
CREATE FUNCTION cloudflux.accuracy_of(p_model_id bigint, p_day date) RETURNS SETOF cloudflux.prediction_accuracy
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
	WITH told AS MATERIALIZED (
		SELECT DISTINCT ON (p.file_id) p.came_accesses AS came, array_position(ARRAY['HOT', 'WARM', 'COLD'], p.came_tier) AS tier,
		       p.predicted_accesses AS mean, p.accesses_p50 AS p50, p.model_p50, p.seasonal_naive, p.median_28, p.naive_error, p.tier_probabilities AS p,
		       (p.came_accesses BETWEEN p.accesses_p10 AND p.accesses_p90)::int AS in_80, (p.came_accesses BETWEEN p.accesses_p025 AND p.accesses_p975)::int AS in_95,
		       array_position(ARRAY['HOT', 'WARM', 'COLD'], p.recommended_tier) AS choice, p.served_by
		  FROM cloudflux.ml_predictions p
		 WHERE p.model_id = p_model_id AND p.horizon_days = 7 AND p.prediction_date > p_day - 7 AND p.prediction_date <= p_day AND p.came_accesses IS NOT NULL
		 ORDER BY p.file_id, p.prediction_date DESC),
	shares AS (
		SELECT ARRAY[avg((t.tier = 1)::int), avg((t.tier = 2)::int), avg((t.tier = 3)::int)]::double precision[] AS p FROM told t),
	rows AS (
		SELECT v.method, t.came, t.tier, v.point, v.mean, v.p, v.choice, v.in_80, v.in_95, t.naive_error, t.served_by
		  FROM told t CROSS JOIN shares s
		 CROSS JOIN LATERAL (VALUES
			('served', t.p50, t.mean, t.p, t.choice, t.in_80, t.in_95),
			('model', t.model_p50, NULL, t.p, t.choice, NULL, NULL),
			('seasonal naive', t.seasonal_naive, t.seasonal_naive, NULL, NULL, NULL, NULL),
			('median 28', t.median_28, t.median_28, NULL, NULL, NULL, NULL),
			('class shares', NULL, NULL, s.p, CASE WHEN s.p[1] >= s.p[2] AND s.p[1] >= s.p[3] THEN 1 WHEN s.p[2] >= s.p[3] THEN 2 ELSE 3 END, NULL, NULL)
		 ) v(method, point, mean, p, choice, in_80, in_95))
	SELECT p_model_id, p_day, v.method, count(r.came), sum(r.came)::bigint, avg(abs(r.point - r.came)),
	       sum(abs(r.point - r.came)) / NULLIF(sum(r.came), 0)::double precision, sum(abs(r.point - r.came)) / NULLIF(sum(r.naive_error), 0),
	       sum(r.mean) / NULLIF(sum(r.came), 0)::double precision - 1,
	       - avg(CASE WHEN r.p IS NOT NULL THEN ln(GREATEST(r.p[r.tier], 1e-15)) END), avg((r.choice = r.tier)::int)::double precision,
	       cloudflux.share_upper_bound(avg((r.choice = r.tier)::int)::double precision, count(r.choice)), avg(r.in_80)::double precision,
	       avg(r.in_95)::double precision, CASE WHEN v.method = 'served' THEN count(*) FILTER (WHERE r.served_by <> 'model') END, now()
	  FROM (VALUES ('served'), ('model'), ('seasonal naive'), ('median 28'), ('class shares')) v(method)
	  LEFT JOIN rows r ON r.method = v.method
	 GROUP BY v.method;
$$;

-- What is wrong with a model on a day, by its accuracy: the types of the events that say so. 1,000 objects are the least to speak of.
CREATE FUNCTION cloudflux.accuracy_troubles(p_model_id bigint, p_day date) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT array_remove(ARRAY[CASE WHEN s.accuracy_upper < 0.8 THEN 'accuracy.low' END,
	                          CASE WHEN s.log_loss > c.log_loss THEN 'no_skill' END], NULL)
	  FROM cloudflux.prediction_accuracy s
	  JOIN cloudflux.prediction_accuracy c ON c.model_id = s.model_id AND c.day = s.day AND c.method = 'class shares'
	 WHERE s.model_id = p_model_id AND s.day = p_day AND s.method = 'served' AND s.objects >= 1000;
END;

-- Measures one day that is due, the oldest; an event when a trouble begins.
CREATE FUNCTION cloudflux.measure_predictions() RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_nestloop = off SET jit = off
AS $$
DECLARE
	today   CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
	due     date;
	run     record;
	earlier date;
	trouble text;
	done    bigint := 0;
BEGIN
	SELECT min(r.prediction_date) INTO due FROM cloudflux.prediction_runs r
	 WHERE r.prediction_date > today - 60 AND r.prediction_date < today - 7
	   AND NOT EXISTS (SELECT FROM cloudflux.prediction_accuracy a WHERE a.model_id = r.model_id AND a.day = r.prediction_date);
	IF due IS NULL THEN
		RETURN NULL;
	END IF;
	IF EXISTS (SELECT FROM cloudflux.prediction_runs r WHERE r.prediction_date = due AND r.predicted > 0) THEN
		UPDATE cloudflux.ml_predictions p
		   SET came_accesses = l.reads, came_tier = (ARRAY['HOT', 'WARM', 'COLD'])[l.tier + 1]
		  FROM cloudflux.labelled_objects(due - 1) l
		 WHERE p.prediction_date = due AND p.model_id IS NOT NULL AND p.horizon_days = 7 AND p.file_id = l.file_id;
		GET DIAGNOSTICS done = ROW_COUNT;
	END IF;
	FOR run IN
		SELECT r.model_id, m.model_name, m.version FROM cloudflux.prediction_runs r JOIN cloudflux.models m ON m.id = r.model_id
		 WHERE r.prediction_date = due ORDER BY r.model_id
	LOOP
		DELETE FROM cloudflux.prediction_accuracy a WHERE a.model_id = run.model_id AND a.day = due;
		INSERT INTO cloudflux.prediction_accuracy SELECT a.* FROM cloudflux.accuracy_of(run.model_id, due) a;
		SELECT max(a.day) INTO earlier FROM cloudflux.prediction_accuracy a WHERE a.model_id = run.model_id AND a.day < due;
		FOREACH trouble IN ARRAY COALESCE(cloudflux.accuracy_troubles(run.model_id, due), '{}') LOOP
			CONTINUE WHEN trouble = ANY (cloudflux.accuracy_troubles(run.model_id, earlier));
			PERFORM cloudflux.emit_events('analytics', trouble, ARRAY[run.model_name],
				(SELECT ARRAY[jsonb_build_object('model_id', run.model_id, 'version', run.version, 'day', due, 'objects', s.objects, 'accuracy', s.accuracy,
				                                 'accuracy_upper', s.accuracy_upper, 'log_loss', s.log_loss, 'class_shares_log_loss', c.log_loss)]
				   FROM cloudflux.prediction_accuracy s
				   JOIN cloudflux.prediction_accuracy c ON c.model_id = s.model_id AND c.day = s.day AND c.method = 'class shares'
				  WHERE s.model_id = run.model_id AND s.day = due AND s.method = 'served'));
		END LOOP;
	END LOOP;
	RETURN format('%s predictions of %s measured', done, to_char(due, 'YYYY-MM-DD'));
END $$;

-- Champion and challenger side by side, on the days on which both served.
CREATE VIEW cloudflux.model_contest WITH (security_invoker = true) AS
SELECT m.model_name, m.id AS model_id, m.version, m.status, m.share, a.day, a.objects, a.wape, a.mase, a.accuracy, a.log_loss, a.coverage_80, a.floored
  FROM cloudflux.models m
  JOIN cloudflux.prediction_accuracy a ON a.model_id = m.id AND a.method = 'served'
 WHERE m.status IN ('champion', 'challenger')
   AND EXISTS (SELECT FROM cloudflux.models r JOIN cloudflux.prediction_accuracy b ON b.model_id = r.id AND b.day = a.day AND b.method = 'served'
                WHERE r.model_name = m.model_name AND r.id <> m.id AND r.status IN ('champion', 'challenger'));

-- Health: a champion whose newest figures are bad.
CREATE FUNCTION cloudflux.check_forecast() RETURNS TABLE (status text, since timestamptz, detail text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_model record;
	v_bad   text := '';
	v_since timestamptz;
	v_good  text := '';
BEGIN
	FOR v_model IN
		SELECT m.model_name, m.version, a.day, a.objects, a.accuracy, a.log_loss, a.measured_at, cloudflux.accuracy_troubles(m.id, a.day) AS troubles
		  FROM cloudflux.models m
		  LEFT JOIN LATERAL (SELECT x.* FROM cloudflux.prediction_accuracy x WHERE x.model_id = m.id AND x.method = 'served' ORDER BY x.day DESC LIMIT 1) a ON true
		 WHERE m.status = 'champion' ORDER BY m.model_name
	LOOP
		IF v_model.troubles <> '{}' THEN
			v_bad := concat_ws('; ', NULLIF(v_bad, ''), format('model "%s" version %s: %s on %s (accuracy %s, log-loss %s, %s objects)', v_model.model_name,
				v_model.version, array_to_string(v_model.troubles, ' and '), to_char(v_model.day, 'YYYY-MM-DD'), round(v_model.accuracy::numeric, 3),
				round(v_model.log_loss::numeric, 3), v_model.objects));
			v_since := LEAST(v_since, v_model.measured_at);
		ELSE
			v_good := concat_ws('; ', NULLIF(v_good, ''), format('model "%s" version %s', v_model.model_name, v_model.version)
				|| CASE WHEN v_model.objects > 0 THEN format(': accuracy %s of %s objects on %s', round(v_model.accuracy::numeric, 3), v_model.objects,
				                                             to_char(v_model.day, 'YYYY-MM-DD')) ELSE ' is not measured yet' END);
		END IF;
	END LOOP;
	IF v_bad <> '' THEN
		RETURN QUERY SELECT 'degraded'::text, v_since, v_bad, 'Train again, or roll back: train_model(), rollback_model(); see prediction_accuracy.'::text;
	ELSE
		RETURN QUERY SELECT 'ok'::text, NULL::timestamptz, COALESCE(NULLIF(v_good, ''), 'no model serves'), NULL::text;
	END IF;
END $$;

INSERT INTO cloudflux.chores (chore_name, room, function_name, every, builtin) VALUES ('measure_predictions', 'forecast', 'measure_predictions', '1 hour', true);
INSERT INTO cloudflux.health_checks (component, room, function_name, builtin) VALUES ('forecast', 'forecast', 'check_forecast', true);

GRANT SELECT ON cloudflux.prediction_accuracy, cloudflux.model_contest TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, UPDATE, DELETE ON cloudflux.prediction_accuracy TO cloudflux_worker;
REVOKE ALL ON FUNCTION cloudflux.share_upper_bound(double precision, bigint), cloudflux.accuracy_of(bigint, date), cloudflux.accuracy_troubles(bigint, date),
	cloudflux.measure_predictions(), cloudflux.check_forecast() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.share_upper_bound(double precision, bigint), cloudflux.accuracy_of(bigint, date), cloudflux.accuracy_troubles(bigint, date),
	cloudflux.check_forecast() TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.measure_predictions() TO cloudflux_worker;

COMMENT ON TABLE cloudflux.prediction_accuracy IS 'How good predictions were, per model and UTC day: all that were in force on that day (the newest per object of the 7 days up to it), each over the 7 days that it was for. One row per method: served (what was served), model (what the model said, served or not), seasonal naive, median 28, class shares (the tiers'' shares of these very objects, known in hindsight). Written by chore measure_predictions once the days are over and one more.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.model_id IS 'The model.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.day IS 'UTC day on which the predictions were in force.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.method IS 'served, model, seasonal naive, median 28 or class shares.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.objects IS 'Objects whose predictions were measured.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.reads IS 'Their reads.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.mae IS 'Mean distance between what came and the median that was told, in reads of 7 days.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.wape IS 'Sum of those distances over the sum of the reads; NULL = nothing was read.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.mase IS 'Sum of those distances over the sum of the errors of seasonal naive in the week before the predictions; below 1 is better than that.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.bias IS 'Sum of the means that were told over the sum of the reads, less 1.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.log_loss IS 'Mean of minus the logarithm of the probability given to the tier that came.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.accuracy IS 'Tier hit rate: share of objects whose recommended tier came.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.accuracy_upper IS 'Upper bound of that share, with probability 0.95.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.coverage_80 IS 'Share of objects whose reads fell between the quantiles 0.1 and 0.9, both included.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.coverage_95 IS 'The same for 0.025 and 0.975.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.floored IS 'Objects that got the figures of a simple method.';
COMMENT ON COLUMN cloudflux.prediction_accuracy.measured_at IS 'When it was measured.';
COMMENT ON FUNCTION cloudflux.share_upper_bound(double precision, bigint) IS 'Upper end of Wilson''s interval of a share of p_count: it is larger with probability 0.05 only.';
COMMENT ON FUNCTION cloudflux.accuracy_of(bigint, date) IS 'Rows of prediction_accuracy of a model and a UTC day, from the predictions that are measured; writes nothing.';
COMMENT ON FUNCTION cloudflux.accuracy_troubles(bigint, date) IS 'What is wrong with the predictions of a model on a UTC day, over at least 1,000 objects: accuracy.low (the upper 95 % bound of the tier hit rate is below 0.8), no_skill (log-loss worse than the class shares). NULL = not measured, or too few objects.';
COMMENT ON FUNCTION cloudflux.measure_predictions() IS 'Chore: measures the predictions of the oldest day that is over and not measured yet, writes prediction_accuracy, and emits accuracy.low or no_skill (topic analytics) when one begins.';
COMMENT ON VIEW cloudflux.model_contest IS 'Champion and challenger of each name side by side: how good what they served was, on the days on which both are measured.';
COMMENT ON COLUMN cloudflux.model_contest.model_name IS 'What the models are for.';
COMMENT ON COLUMN cloudflux.model_contest.model_id IS 'The model.';
COMMENT ON COLUMN cloudflux.model_contest.version IS 'Its version.';
COMMENT ON COLUMN cloudflux.model_contest.status IS 'champion or challenger.';
COMMENT ON COLUMN cloudflux.model_contest.share IS 'Share of objects that the challenger serves.';
COMMENT ON COLUMN cloudflux.model_contest.day IS 'UTC day, as in prediction_accuracy; so are the following.';
COMMENT ON COLUMN cloudflux.model_contest.objects IS 'Objects.';
COMMENT ON COLUMN cloudflux.model_contest.wape IS 'Error of the reads.';
COMMENT ON COLUMN cloudflux.model_contest.mase IS 'Error of the reads over that of seasonal naive.';
COMMENT ON COLUMN cloudflux.model_contest.accuracy IS 'Tier hit rate.';
COMMENT ON COLUMN cloudflux.model_contest.log_loss IS 'Log-loss of the tiers.';
COMMENT ON COLUMN cloudflux.model_contest.coverage_80 IS 'Coverage of the 80 % interval.';
COMMENT ON COLUMN cloudflux.model_contest.floored IS 'Objects that got the figures of a simple method.';
COMMENT ON FUNCTION cloudflux.check_forecast() IS 'Health check: the champions and their newest accuracy; degraded where accuracy_troubles() tells of any.';
