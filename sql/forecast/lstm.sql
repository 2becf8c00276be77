/*
 * forecast/lstm: the recurrent network (src/forecast/lstm.h) seen from SQL: an aggregate that learns one of the series it sees, what an object
 * looks like to it, and what it tells.
 *
 * It sees the reads of each day and the weekday, nothing else. It tells the distribution of the reads of 7 days; the probability of a tier is that of the
 * numbers of reads at which tier_rules give it to the object, so rules may change without training.
 */

CREATE FUNCTION cloudflux.grow_lstm_row(p_state internal, p_inputs real[], p_key bigint, p_cells int, p_context int, p_held_days int, p_epochs int, p_seed bigint)
RETURNS internal
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'cloudflux_grow_lstm_row';

CREATE FUNCTION cloudflux.grow_lstm_end(p_state internal) RETURNS bytea
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'cloudflux_grow_lstm_end';

CREATE AGGREGATE cloudflux.grow_lstm(inputs real[], key bigint, cells int, context int, held_days int, epochs int, seed bigint)
	(SFUNC = cloudflux.grow_lstm_row, STYPE = internal, SSPACE = 1000000, FINALFUNC = cloudflux.grow_lstm_end, FINALFUNC_MODIFY = READ_WRITE);

CREATE FUNCTION cloudflux.lstm_facts(weights bytea, OUT cells int, OUT context int, OUT weights_count bigint, OUT series_count bigint, OUT fingerprint bigint,
	OUT epochs int, OUT loss double precision, OUT held_loss double precision, OUT seed bigint)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cloudflux_lstm_facts';

CREATE FUNCTION cloudflux.lstm_tells(model_id bigint, part text, inputs real[]) RETURNS double precision[]
LANGUAGE c STABLE STRICT COST 50000 AS 'MODULE_PATHNAME', 'cloudflux_lstm_tells';

-- An error where a parameter is none of those that a network has; their values otherwise.
CREATE FUNCTION cloudflux.lstm_parameters(p_parameters jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	defaults CONSTANT jsonb := '{"cells": 40, "epochs": 30, "max_series": 5000}';
	greatest CONSTANT jsonb := '{"cells": 128, "epochs": 1000, "max_series": 50000}';
	wrong    text;
BEGIN
	IF p_parameters IS NULL OR jsonb_typeof(p_parameters) <> 'object' THEN
		RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'parameters of a model are not an object', HINT = 'For example {"cells": 24, "epochs": 10}.';
	END IF;
	SELECT e.key INTO wrong FROM jsonb_each(p_parameters) e
	 WHERE NOT CASE WHEN defaults ? e.key AND jsonb_typeof(e.value) = 'number'
	                THEN e.value::numeric BETWEEN 1 AND (greatest ->> e.key)::numeric AND e.value::numeric % CASE e.key WHEN 'cells' THEN 8 ELSE 1 END = 0
	                ELSE false END
	 ORDER BY e.key LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('parameter "%s" of a network cannot be %s', wrong, p_parameters -> wrong),
			DETAIL = format('Parameters and their defaults are %s, at most %s; cells are a multiple of 8.', defaults, greatest);
	END IF;
	RETURN defaults || p_parameters;
END $$;

/*
 * Objects that were there at the end of p_day, as lstm_sql.c reads them: the reads of each of the last p_days days (fewer for a younger object), and with
 * p_tiers at which numbers of reads in the next 7 days tier_rules give it another tier, judged as labelled_objects() does.
 */
CREATE FUNCTION cloudflux.lstm_inputs(p_day date, p_days int, p_tiers boolean) RETURNS TABLE (file_id text, inputs real[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_nestloop = off SET jit = off
AS $$
DECLARE
	-- Reads from which on a threshold of a rule is met, as labelled_objects() rounds them.
	steps CONSTANT int[] := CASE WHEN p_tiers THEN ARRAY(
		SELECT DISTINCT s.reads
		  FROM (SELECT 0 AS reads
		        UNION ALL
		        SELECT 1
		        UNION ALL
		        SELECT ceil((t.threshold - 0.5) * 7 / t.days)::int
		          FROM cloudflux.active_tier_rules r
		         CROSS JOIN LATERAL (VALUES (r.min_reads_30d, 30), (r.max_reads_30d + 1, 30), (r.min_reads_90d, 90), (r.max_reads_90d + 1, 90)) t(threshold, days)
		         WHERE t.threshold BETWEEN 1 AND 16000000) s
		 ORDER BY s.reads LIMIT 64) ELSE '{}' END;
	head  CONSTANT real[] := ARRAY[cardinality(steps)]::real[] || steps::real[];
BEGIN
	RETURN QUERY
	SELECT o.file_id, ARRAY[(p_day - '2000-01-01'::date) % 7, GREATEST(LEAST(o.age + 1, p_days), 0)]::real[] || head
	       || ARRAY(SELECT array_position(ARRAY['HOT', 'WARM', 'COLD'],
	                    COALESCE((SELECT array_agg(r.access_class ORDER BY r.rank) FROM cloudflux.active_tier_rules r)[
	                        (cloudflux.judge_object(p_day + 7, (SELECT array_agg(r ORDER BY r.rank) FROM cloudflux.active_tier_rules r),
	                            round(s.reads * 30 / 7.0)::bigint, round(s.reads * 90 / 7.0)::bigint, o.age + 7,
	                            CASE WHEN s.reads > 0 THEN 0 ELSE o.idle + 7 END, o.size_bytes, NULL, 90, NULL, NULL, NULL, NULL, NULL,
	                            o.place, o.object_key)).rank], 'WARM')) - 1
	                  FROM unnest(steps) WITH ORDINALITY s(reads, at) ORDER BY s.at)::real[]
	       || COALESCE(o.agos || o.reads, '{}')
	  FROM (SELECT d.file_id, d.place, d.object_key, d.size_bytes, p_day - (LEAST(d.created_at, d.modified_at) AT TIME ZONE 'UTC')::date AS age,
	               p_day - GREATEST(a.last_read, (d.modified_at AT TIME ZONE 'UTC')::date) AS idle, a.agos, a.reads
	          FROM cloudflux.data_objects d
	          LEFT JOIN (
			SELECT n.file_id, max(n.day) FILTER (WHERE n.day > p_day - 90) AS last_read,
			       array_agg((p_day - n.day)::real ORDER BY n.day) FILTER (WHERE n.young) AS agos,
			       array_agg(n.reads::real ORDER BY n.day) FILTER (WHERE n.young) AS reads
			  FROM (SELECT u.file_id, u.day, sum(u.reads) AS reads, u.day > GREATEST(p_day - p_days, LEAST(min(c.born), p_day) - 1) AS young
			          FROM (SELECT x.file_id, x.day, x.reads FROM cloudflux.access_daily x
			                UNION ALL
			                SELECT y.file_id, y.day, y.reads FROM cloudflux.access_deltas y) u
			          JOIN (SELECT c.file_id, (LEAST(c.created_at, c.modified_at) AT TIME ZONE 'UTC')::date AS born
			                  FROM cloudflux.data_objects c) c ON c.file_id = u.file_id
			         WHERE u.day > p_day - GREATEST(p_days, 90) AND u.day <= p_day
			         GROUP BY u.file_id, u.day
			        HAVING sum(u.reads) > 0) n
			 GROUP BY n.file_id) a ON a.file_id = d.file_id
	         WHERE d.vanished_at IS NULL AND (LEAST(d.created_at, d.modified_at) AT TIME ZONE 'UTC')::date <= p_day) o;
END $$;

REVOKE ALL ON FUNCTION cloudflux.grow_lstm_row(internal, real[], bigint, int, int, int, int, bigint), cloudflux.grow_lstm_end(internal),
	cloudflux.grow_lstm(real[], bigint, int, int, int, int, bigint), cloudflux.lstm_facts(bytea), cloudflux.lstm_tells(bigint, text, real[]),
	cloudflux.lstm_parameters(jsonb), cloudflux.lstm_inputs(date, int, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.lstm_facts(bytea), cloudflux.lstm_tells(bigint, text, real[]), cloudflux.lstm_inputs(date, int, boolean)
	TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.grow_lstm_row(internal, real[], bigint, int, int, int, int, bigint), cloudflux.grow_lstm_end(internal),
	cloudflux.grow_lstm(real[], bigint, int, int, int, int, bigint), cloudflux.lstm_parameters(jsonb) TO cloudflux_admin, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.grow_lstm_row(internal, real[], bigint, int, int, int, int, bigint) IS 'Transition function of grow_lstm().';
COMMENT ON FUNCTION cloudflux.grow_lstm_end(internal) IS 'Final function of grow_lstm().';
COMMENT ON AGGREGATE cloudflux.grow_lstm(real[], bigint, int, int, int, int, bigint) IS 'Learns one recurrent network of the objects it sees, in whatever order. inputs: as lstm_inputs() gives them; key: what names the object; cells: a multiple of 8, at most 128; context: days that it walks over; held_days: at the end of each series, on which it is judged after each epoch; epochs: at most so many. Rows with a NULL are left out, objects too young for a week before the held days only help to judge. NULL = no rows. Error 22023: parameters, or no object is old enough.';
COMMENT ON FUNCTION cloudflux.lstm_facts(bytea) IS 'What a stored network knows of itself: cells, days that it walks over, number of weights, objects that it learned from and a hash of them, epochs that it took, mean pinball loss of the last epoch and of the days that were held out. Errors: 22023 (damaged), 0A000 (a newer format).';
COMMENT ON FUNCTION cloudflux.lstm_tells(bigint, text, real[]) IS 'What a network says of an object with these inputs: part reads tells the mean and the quantiles 0.025, 0.1, 0.5, 0.9, 0.975 of the reads of 7 days, part tier the probabilities of HOT, WARM and COLD. Errors: 02000 (no such part), 22023 (inputs).';
COMMENT ON FUNCTION cloudflux.lstm_parameters(jsonb) IS 'Parameters of a network with defaults for those that are not given. Error 22023: not one of them.';
COMMENT ON FUNCTION cloudflux.lstm_inputs(date, int, boolean) IS 'What a network sees of every object that was there at the end of the UTC day p_day: weekday, number of days (p_days, fewer for a younger object), with p_tiers at which numbers of reads in the next 7 days tier_rules give another tier, and the days with a read (how many days ago, then their reads); deltas that are not folded yet count.';
