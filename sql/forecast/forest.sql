/*
 * forecast/forest: the random forest (src/forecast/forest.h) seen from SQL: an aggregate that grows one of the rows it sees, and what forests tell.
 */

CREATE FUNCTION cloudflux.grow_forest_row(p_state internal, p_target double precision, p_features real[], p_key bigint, p_classes int,
	p_categorical int[], p_trees int, p_max_depth int, p_min_leaf_rows int, p_seed bigint, p_balanced boolean)
RETURNS internal
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'cloudflux_grow_forest_row';

CREATE FUNCTION cloudflux.grow_forest_end(p_state internal) RETURNS bytea
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'cloudflux_grow_forest_end';

CREATE AGGREGATE cloudflux.grow_forest(target double precision, features real[], key bigint, classes int, categorical int[], trees int, max_depth int,
	min_leaf_rows int, seed bigint, balanced boolean)
	(SFUNC = cloudflux.grow_forest_row, STYPE = internal, SSPACE = 1000000, FINALFUNC = cloudflux.grow_forest_end, FINALFUNC_MODIFY = READ_ONLY);

CREATE FUNCTION cloudflux.forest_facts(weights bytea, OUT classes int, OUT trees int, OUT nodes bigint, OUT row_count bigint, OUT fingerprint bigint,
	OUT error double precision, OUT log_loss double precision, OUT importance double precision[], OUT seed bigint)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cloudflux_forest_facts';

CREATE FUNCTION cloudflux.model_tells(model_id bigint, part text, features real[]) RETURNS double precision[]
LANGUAGE c STABLE STRICT COST 5000 AS 'MODULE_PATHNAME', 'cloudflux_model_tells';

-- An error where a parameter is none of those that a forest has; their values otherwise.
CREATE FUNCTION cloudflux.forest_parameters(p_parameters jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	defaults CONSTANT jsonb := '{"trees": 100, "max_depth": 12, "min_leaf_rows": 20, "balanced": false, "max_rows": 200000}';
	wrong    text;
BEGIN
	IF p_parameters IS NULL OR jsonb_typeof(p_parameters) <> 'object' THEN
		RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'parameters of a model are not an object',
			HINT = 'For example {"trees": 200, "min_leaf_rows": 5}.';
	END IF;
	SELECT e.key INTO wrong FROM jsonb_each(p_parameters) e
	 WHERE NOT defaults ? e.key OR jsonb_typeof(e.value) <> jsonb_typeof(defaults -> e.key)
	    OR (jsonb_typeof(e.value) = 'number' AND NOT (e.value::numeric BETWEEN 1 AND 4000000 AND e.value::numeric = trunc(e.value::numeric)))
	 ORDER BY e.key LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('parameter "%s" of a forest cannot be %s', wrong, p_parameters -> wrong),
			DETAIL = format('Parameters and their defaults are %s.', defaults);
	END IF;
	RETURN defaults || p_parameters;
END $$;

REVOKE ALL ON FUNCTION cloudflux.grow_forest_row(internal, double precision, real[], bigint, int, int[], int, int, int, bigint, boolean),
	cloudflux.grow_forest_end(internal), cloudflux.grow_forest(double precision, real[], bigint, int, int[], int, int, int, bigint, boolean),
	cloudflux.forest_facts(bytea), cloudflux.model_tells(bigint, text, real[]), cloudflux.forest_parameters(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.forest_facts(bytea), cloudflux.model_tells(bigint, text, real[]) TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.grow_forest_row(internal, double precision, real[], bigint, int, int[], int, int, int, bigint, boolean),
	cloudflux.grow_forest_end(internal), cloudflux.grow_forest(double precision, real[], bigint, int, int[], int, int, int, bigint, boolean),
	cloudflux.forest_parameters(jsonb) TO cloudflux_admin, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.grow_forest_row(internal, double precision, real[], bigint, int, int[], int, int, int, bigint, boolean) IS 'Transition function of grow_forest().';
COMMENT ON FUNCTION cloudflux.grow_forest_end(internal) IS 'Final function of grow_forest().';
COMMENT ON AGGREGATE cloudflux.grow_forest(double precision, real[], bigint, int, int[], int, int, int, bigint, boolean) IS 'Grows a random forest of the rows it sees, in whatever order. target: number of a class from 0 on, or with classes = 0 a number of 0 or more, whose mean and quantiles are told; features: NULL or NaN is missing; key: what names the row; categorical: positions of features that are compared for equality only; balanced: classes count alike, however rare. Rows with a NULL are left out. NULL = no rows.';
COMMENT ON FUNCTION cloudflux.forest_facts(bytea) IS 'What a stored forest knows of itself: classes (0 = numbers), trees, nodes, rows that it learned from and a hash of them, error out of bag (share of wrong classes, or mean squared error of the logarithm), log loss out of bag, and per feature how much the error of a tree grows when that feature is shuffled. Errors: 22023 (damaged), 0A000 (a newer format).';
COMMENT ON FUNCTION cloudflux.model_tells(bigint, text, real[]) IS 'What a part of a model says of an object with these features: of part tier the probabilities of HOT, WARM and COLD, of part reads the mean and the quantiles 0.025, 0.1, 0.5, 0.9, 0.975 of the reads of 7 days. Errors: 02000 (no such part), 22023 (too few features).';
COMMENT ON FUNCTION cloudflux.forest_parameters(jsonb) IS 'Parameters of a forest with defaults for those that are not given. Error 22023: not one of them.';
