/*
 * forecast/objects: what is expected to be read of each object: the champion's word, in ml_predictions.
 */

CREATE FUNCTION cloudflux.predict_objects(model_name text DEFAULT 'accesses', max_age interval DEFAULT '7 days',
	OUT model_id bigint, OUT prediction_date date, OUT predicted bigint, OUT kept bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_nestloop = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	today  CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
	oldest timestamptz := now() - $2;
	kind   text;
	total  bigint;
BEGIN
	IF $2 IS NULL OR $2 < '0' THEN
		RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'max_age of predictions is not an interval of 0 or more';
	END IF;
	PERFORM pg_advisory_xact_lock(hashtextextended('cloudflux.predict_objects', 0));
	SELECT m.id, m.kind INTO model_id, kind FROM cloudflux.models m WHERE m.model_name = $1 AND m.status = 'champion';
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format('model "%s" has no champion', COALESCE($1, 'NULL')),
			HINT = 'train_model() and then promote_model() make one.';
	END IF;
	prediction_date := today;
	WITH facts AS MATERIALIZED (
		SELECT f.file_id, f.history, f.features FROM cloudflux.object_features(today - 1) f),
	held AS (
		SELECT DISTINCT p.file_id, p.history FROM cloudflux.ml_predictions p
		 WHERE p.model_id = predict_objects.model_id AND p.created_at > oldest AND p.prediction_date > (oldest AT TIME ZONE 'UTC')::date - 1),
	told AS MATERIALIZED (
		SELECT f.file_id, f.history, cloudflux.model_says(kind, predict_objects.model_id, 'reads', COALESCE(i.inputs, f.features)) AS r,
		       cloudflux.model_says(kind, predict_objects.model_id, 'tier', COALESCE(i.inputs, f.features)) AS p
		  FROM facts f
		  LEFT JOIN cloudflux.model_inputs(kind, today - 1) i ON i.file_id = f.file_id
		 WHERE NOT EXISTS (SELECT FROM held h WHERE h.file_id = f.file_id AND h.history = f.history)),
	gone AS (
		DELETE FROM cloudflux.ml_predictions o USING told t
		 WHERE o.prediction_date = today AND o.model_id IS NOT NULL AND o.file_id = t.file_id),
	written AS (
		INSERT INTO cloudflux.ml_predictions (file_id, prediction_date, horizon_days, predicted_accesses, accesses_p10, accesses_p50, accesses_p90,
			recommended_tier, confidence_score, tier_probabilities, model_id, history)
		SELECT t.file_id, today, 7, t.r[1], t.r[3], t.r[4], t.r[5],
		       CASE WHEN t.p[1] >= t.p[2] AND t.p[1] >= t.p[3] THEN 'HOT' WHEN t.p[2] >= t.p[3] THEN 'WARM' ELSE 'COLD' END,
		       LEAST(GREATEST(t.p[1], t.p[2], t.p[3]), 1), t.p, predict_objects.model_id, t.history
		  FROM told t
		RETURNING 1)
	SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM facts) INTO predicted, total;
	kept := total - predicted;
END $$;

REVOKE ALL ON FUNCTION cloudflux.predict_objects(text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.predict_objects(text, interval) TO cloudflux_user, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.predict_objects(text, interval) IS 'Writes what the champion says about the 7 days from today (UTC) on into ml_predictions, for every object whose accesses or version changed since its last prediction by this model, or whose prediction is older than max_age; kept counts the others. Errors: 55000 (no champion), 22023.';
