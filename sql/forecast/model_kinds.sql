/*
 * forecast/model_kinds: what is particular to a kind of model, and the only place that asks for the kind. A new kind is a branch in each of these
 * functions and a word in the check of models.kind; registry, judging and predicting go on as they are.
 */

-- Parameters of a kind with defaults for those that are not given; an error for what a kind does not have.
CREATE FUNCTION cloudflux.model_parameters(p_kind text, p_parameters jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CASE COALESCE(p_kind, '')
	WHEN 'forest' THEN
		RETURN cloudflux.forest_parameters(p_parameters);
	WHEN 'lstm' THEN
		RETURN cloudflux.lstm_parameters(p_parameters);
	ELSE
		RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('kind of model "%s" is not known', COALESCE(p_kind, 'NULL')), HINT = 'Use forest or lstm.';
	END CASE;
END $$;

-- The parts of a model, learned from what became of all objects in the weeks that end a week before p_judged; NULL = there was none.
CREATE FUNCTION cloudflux.grow_model(p_kind text, p_parameters jsonb, p_judged date, p_weeks int, p_seed bigint,
	OUT w_reads bytea, OUT w_tier bytea, OUT features text[], OUT row_count bigint, OUT fingerprint bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
	codes CONSTANT int[] := ARRAY(SELECT f.feature_no FROM cloudflux.known_features() f WHERE f.categorical ORDER BY f.feature_no);
	-- A sample by object and week that is the same for a seed.
	part  CONSTANT double precision := COALESCE((p_parameters ->> 'max_rows')::double precision / p_weeks, (p_parameters ->> 'max_series')::double precision)
	                                   / (SELECT GREATEST(count(*), 1) FROM cloudflux.data_objects);
BEGIN
	CASE p_kind
	WHEN 'forest' THEN
		SELECT cloudflux.grow_forest(l.reads, l.features, l.key, 0, codes, (p_parameters ->> 'trees')::int, (p_parameters ->> 'max_depth')::int,
		                             (p_parameters ->> 'min_leaf_rows')::int, p_seed, false),
		       cloudflux.grow_forest(l.tier, l.features, l.key, 3, codes, (p_parameters ->> 'trees')::int, (p_parameters ->> 'max_depth')::int,
		                             (p_parameters ->> 'min_leaf_rows')::int, p_seed, (p_parameters ->> 'balanced')::boolean)
		  INTO w_reads, w_tier
		  FROM (SELECT o.reads, o.tier, o.features, hashtextextended(o.file_id, w) AS key
		          FROM generate_series(1, p_weeks) w CROSS JOIN LATERAL cloudflux.labelled_objects(p_judged - 7 * w) o
		         WHERE part >= 1 OR (hashtextextended(o.file_id, p_seed + w) & 16777215) < part * 16777216) l;
		features := ARRAY(SELECT f.feature FROM cloudflux.known_features() f ORDER BY f.feature_no);
		SELECT f.row_count, f.fingerprint INTO row_count, fingerprint FROM cloudflux.forest_facts(w_tier) f;
	WHEN 'lstm' THEN
		-- One network tells both. It walks over 56 days, and each of them looks back over 28.
		SELECT cloudflux.grow_lstm(i.inputs, hashtextextended(i.file_id, 0), (p_parameters ->> 'cells')::int, 56, 14, (p_parameters ->> 'epochs')::int, p_seed)
		  INTO w_reads
		  FROM cloudflux.lstm_inputs(p_judged, 84 + 7 * p_weeks, false) i
		 WHERE part >= 1 OR (hashtextextended(i.file_id, p_seed) & 16777215) < part * 16777216;
		w_tier := w_reads;
		features := ARRAY['reads per day', 'weekday'];
		SELECT f.series_count, f.fingerprint INTO row_count, fingerprint FROM cloudflux.lstm_facts(w_reads) f;
	END CASE;
END $$;

-- What a kind knows of the objects of a day where it is not object_features(): no rows for a kind that learns from those.
CREATE FUNCTION cloudflux.model_inputs(p_kind text, p_day date) RETURNS TABLE (file_id text, inputs real[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CASE p_kind
	WHEN 'forest' THEN
		RETURN;
	WHEN 'lstm' THEN
		RETURN QUERY SELECT i.file_id, i.inputs FROM cloudflux.lstm_inputs(p_day, 84, true) i;
	END CASE;
END $$;

-- Without SET, so that it vanishes in the query that calls it, and each call keeps its model loaded.
CREATE FUNCTION cloudflux.model_says(p_kind text, p_model_id bigint, p_part text, p_inputs real[]) RETURNS double precision[]
LANGUAGE sql STABLE
RETURN CASE p_kind WHEN 'forest' THEN cloudflux.model_tells(p_model_id, p_part, p_inputs)
                   WHEN 'lstm' THEN cloudflux.lstm_tells(p_model_id, p_part, p_inputs) END;

-- What a search tries, the defaults first, then what is likeliest to help.
CREATE FUNCTION cloudflux.model_grid(p_kind text) RETURNS jsonb[]
LANGUAGE sql IMMUTABLE
RETURN CASE p_kind WHEN 'forest' THEN ARRAY['{}', '{"min_leaf_rows": 5, "max_depth": 20}', '{"min_leaf_rows": 50}', '{"min_leaf_rows": 10}', '{"max_depth": 8}',
	'{"min_leaf_rows": 100, "max_depth": 8}', '{"min_leaf_rows": 2, "max_depth": 30}', '{"min_leaf_rows": 20, "max_depth": 20, "trees": 200}']::jsonb[]
	WHEN 'lstm' THEN ARRAY['{}', '{"cells": 16}', '{"cells": 64}']::jsonb[] END;

REVOKE ALL ON FUNCTION cloudflux.model_grid(text), cloudflux.model_parameters(text, jsonb), cloudflux.grow_model(text, jsonb, date, int, bigint), cloudflux.model_inputs(text, date),
	cloudflux.model_says(text, bigint, text, real[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.model_inputs(text, date), cloudflux.model_says(text, bigint, text, real[]) TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.model_grid(text), cloudflux.model_parameters(text, jsonb), cloudflux.grow_model(text, jsonb, date, int, bigint) TO cloudflux_admin, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.model_parameters(text, jsonb) IS 'Parameters of a kind of model with defaults for those that are not given. Error 22023: no such kind, or not one of its parameters.';
COMMENT ON FUNCTION cloudflux.grow_model(text, jsonb, date, int, bigint) IS 'Part of train_model(): the parts of a model of a kind, learned from what became of all objects in p_weeks weeks of which the last ends on p_judged; writes nothing. Parts are NULL where no object was there.';
COMMENT ON FUNCTION cloudflux.model_inputs(text, date) IS 'What models of a kind know of the objects of a UTC day, where that is not object_features(); no rows where it is.';
COMMENT ON FUNCTION cloudflux.model_says(text, bigint, text, real[]) IS 'What a part of a model of a kind says of an object, as model_tells() does: of part tier the probabilities of HOT, WARM and COLD, of part reads the mean and the quantiles 0.025, 0.1, 0.5, 0.9, 0.975.';
COMMENT ON FUNCTION cloudflux.model_grid(text) IS 'Parameters that search_parameters() tries for a kind of model, in this order; what they do not name is as by default.';
