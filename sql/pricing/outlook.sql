/*
 * pricing/outlook: what the coming months will cost.
 *
 * The days of cost_analytics are a series with a week in it. It is continued in several ways: a level or a damped line through the last days,
 * each with the share of the weekday, and what the room forecast takes. Which of them, and how far off it may be, the series' own past says: each
 * continues it from earlier days, in steps of two weeks, and its sums of 30 days are compared with what came. So it is judged by what is
 * asked of it, the bill of a month. The moves that are under way add what they cost and what they change.
 */

-- The series: one value per UTC day that is over, NULL where no bill was made.
CREATE FUNCTION cloudflux.daily_costs(p_cloud text, p_before date, p_days int DEFAULT 800)
RETURNS TABLE (day date, cost numeric)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT d.day::date, c.cost
	  FROM (SELECT GREATEST(min(a.date), p_before - p_days) AS first_day, LEAST(max(a.date), p_before - 1) AS last_day
	          FROM cloudflux.cost_analytics AS a WHERE a.date < p_before AND (p_cloud IS NULL OR a.cloud = p_cloud)) AS s
	 CROSS JOIN LATERAL generate_series(s.first_day::timestamp, (p_before - 1)::timestamp, interval '1 day') AS d(day)
	  LEFT JOIN (SELECT a.date, sum(a.total_cost) AS cost FROM cloudflux.cost_analytics AS a
	              WHERE a.date < p_before AND (p_cloud IS NULL OR a.cloud = p_cloud) GROUP BY a.date) AS c ON c.date = d.day::date
	 ORDER BY d.day;
END;

-- What the jobs that wait or work will cost once, and change per month, by the plans that they belong to. plpgsql: migration comes after pricing.
CREATE FUNCTION cloudflux.planned_moves(p_cloud text, OUT moves bigint, OUT move_cost numeric, OUT monthly_change numeric)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT count(*), COALESCE(sum(j.transfer_cost), 0),
	       COALESCE(sum(CASE WHEN p_cloud IS NULL OR d.provider = p_cloud THEN i.monthly_after ELSE 0 END
	                    - CASE WHEN p_cloud IS NULL OR j.source_cloud = p_cloud THEN i.monthly_before ELSE 0 END), 0)
	  INTO moves, move_cost, monthly_change
	  FROM cloudflux.migration_jobs AS j
	  LEFT JOIN cloudflux.plan_items AS i ON i.file_id = j.file_id AND i.job_id = j.job_id
	  LEFT JOIN cloudflux.places AS d ON d.place = j.dest_place
	 WHERE j.status IN ('pending', 'in_progress') AND j.switched_at IS NULL
	   AND (p_cloud IS NULL OR j.source_cloud = p_cloud OR d.provider = p_cloud);
END
$$;

/*
 * A damped line: fitted to the last p_window values (weekdays taken out), it goes on by its slope times p_damping + p_damping² + … A damping
 * of 0 is a level. Weekdays have their mean share of the last eight weeks.
 */
CREATE FUNCTION cloudflux.continue_costs(p_costs double precision[], p_window int, p_damping double precision, p_horizon int)
RETURNS TABLE (step int, cost double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 90
BEGIN ATOMIC
	WITH recent AS MATERIALIZED (
		SELECT c.n::int AS n, c.y, (cardinality(p_costs) - c.n)::int AS ago
		  FROM unnest(p_costs[GREATEST(1, cardinality(p_costs) - GREATEST(p_window, 56) + 1):]) WITH ORDINALITY AS u(y, i)
		 CROSS JOIN LATERAL (SELECT u.y, u.i + GREATEST(0, cardinality(p_costs) - GREATEST(p_window, 56)) AS n) AS c
		 WHERE c.y IS NOT NULL),
	shares AS MATERIALIZED (
		SELECT r.n % 7 AS weekday, COALESCE(avg(r.y) / NULLIF((SELECT avg(a.y) FROM recent AS a WHERE a.ago < 56), 0), 1) AS share
		  FROM recent AS r WHERE r.ago < 56 GROUP BY 1 HAVING count(*) >= 3),
	fitted AS (
		SELECT CASE WHEN p_damping = 0 THEN 0 ELSE COALESCE(regr_slope(r.y / NULLIF(COALESCE(s.share, 1), 0), -r.ago), 0) END AS slope,
		       avg(r.y / NULLIF(COALESCE(s.share, 1), 0)) AS mean, avg(-r.ago) AS middle
		  FROM recent AS r LEFT JOIN shares AS s ON s.weekday = r.n % 7
		 WHERE r.ago < p_window)
	SELECT h.step, COALESCE(s.share, 1) * CASE WHEN f.mean IS NOT NULL THEN GREATEST(0, f.mean - f.slope * f.middle
	       + f.slope * CASE WHEN p_damping = 1 THEN h.step ELSE p_damping * (1 - p_damping ^ h.step) / (1 - p_damping) END) END
	  FROM fitted AS f
	 CROSS JOIN generate_series(1, p_horizon) AS h(step)
	  LEFT JOIN shares AS s ON s.weekday = (cardinality(p_costs) + h.step) % 7;
END;

-- The ways to go on.
CREATE FUNCTION cloudflux.cost_methods() RETURNS TABLE (rank int, method text, days int, damping double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 7
BEGIN ATOMIC
	SELECT v.* FROM (VALUES (1, 'level of 7 days', 7, 0::double precision), (2, 'level of 28 days', 28, 0), (3, 'line of 28 days, damped', 28, 0.98), (4, 'line of 56 days, damped', 56, 0.99),
		(5, 'line of 91 days', 91, 0.997), (6, 'forecast()', 0, 0)) AS v(rank, method, days, damping);
END;

CREATE FUNCTION cloudflux.continue_by(p_method text, p_costs double precision[], p_horizon int) RETURNS TABLE (step int, cost double precision)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE ROWS 90 SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF p_method = 'forecast()' THEN
		RETURN QUERY SELECT f.step, GREATEST(f.mean, 0) FROM cloudflux.forecast(p_costs, p_horizon, 7, 'auto', 0.8) AS f;
	ELSE
		RETURN QUERY SELECT c.step, c.cost FROM cloudflux.cost_methods() AS m, cloudflux.continue_costs(p_costs, m.days, m.damping, p_horizon) AS c WHERE m.method = p_method;
	END IF;
END
$$;

-- How each method did: what came over what it said, for the sums of 30 days that began 0, 30 and 60 days after an earlier day.
CREATE FUNCTION cloudflux.judge_costs(p_costs double precision[]) RETURNS TABLE (rank int, method text, days_ago int, block int, ratio double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
	SELECT m.rank, m.method, o.days_ago, g.block, g.came / NULLIF(g.said, 0)
	  FROM cloudflux.cost_methods() AS m
	 CROSS JOIN generate_series(30, 210, 14) AS o(days_ago)
	 CROSS JOIN LATERAL (
	       SELECT (f.step - 1) / 30 AS block, sum(f.cost) AS said, sum(p_costs[cardinality(p_costs) - o.days_ago + f.step]) AS came
	         FROM cloudflux.continue_by(m.method, p_costs[:cardinality(p_costs) - o.days_ago], LEAST(o.days_ago / 30 * 30, 90)) AS f
	        GROUP BY 1
	       HAVING count(p_costs[cardinality(p_costs) - o.days_ago + f.step]) = 30) AS g
	 WHERE cardinality(p_costs) - o.days_ago >= 28;
END;

CREATE FUNCTION cloudflux.forecast_costs(months int DEFAULT 3, level double precision DEFAULT 0.8, cloud text DEFAULT NULL, as_of date DEFAULT NULL)
RETURNS TABLE (month date, billed_so_far numeric, planned numeric, expected numeric, lower numeric, upper numeric, last_month numeric, model text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_today  date := COALESCE(forecast_costs.as_of, (now() AT TIME ZONE 'UTC')::date);
	v_first  date := date_trunc('month', v_today)::date;
	v_end    date;
	v_moves  record;
	v_series double precision[];
	v_last   numeric;
	v_method text;
	v_judged jsonb;
BEGIN
	IF forecast_costs.months IS NULL OR forecast_costs.months NOT BETWEEN 1 AND 60 THEN
		RAISE EXCEPTION 'costs are forecast for 1 to 60 months, not %', forecast_costs.months USING ERRCODE = 'invalid_parameter_value';
	ELSIF forecast_costs.level IS NULL OR NOT (forecast_costs.level > 0 AND forecast_costs.level < 1) THEN
		RAISE EXCEPTION 'the probability of an interval lies between 0 and 1, not at %', forecast_costs.level USING ERRCODE = 'invalid_parameter_value';
	END IF;
	v_end := (v_first + make_interval(months => forecast_costs.months))::date;
	SELECT array_agg(d.cost::double precision ORDER BY d.day) INTO v_series FROM cloudflux.daily_costs(forecast_costs.cloud, v_today) AS d;
	SELECT sum(a.total_cost) INTO v_last FROM cloudflux.cost_analytics AS a
	 WHERE a.date >= (v_first - interval '1 month')::date AND a.date < v_first AND (forecast_costs.cloud IS NULL OR a.cloud = forecast_costs.cloud);
	-- Moves that wait now say nothing of another day.
	SELECT m.* INTO v_moves FROM cloudflux.planned_moves(forecast_costs.cloud) AS m WHERE forecast_costs.as_of IS NULL;
	-- The method that was least off, in the mean of logarithms; of two alike the simpler one. Without a past to judge by: the plainest.
	SELECT jsonb_agg(to_jsonb(j)) INTO v_judged FROM cloudflux.judge_costs(v_series) AS j WHERE j.ratio > 0;
	SELECT g.method INTO v_method
	  FROM (SELECT j.method, j.rank, round(avg(abs(ln(j.ratio)))::numeric, 3) AS off FROM jsonb_to_recordset(v_judged) AS j(method text, rank int, ratio double precision)
	         GROUP BY j.method, j.rank) AS g ORDER BY g.off, g.rank LIMIT 1;
	v_method := COALESCE(v_method, 'level of 28 days');
	RETURN QUERY
	WITH days AS (
		SELECT v_today + f.step - 1 AS day, f.cost, f.step FROM cloudflux.continue_by(v_method, COALESCE(v_series, '{}'), v_end - v_today) AS f),
	off AS (
		-- Ranks of a sample of n leave out (n + 1) × (1 - level) / 2 on either side, and never more than there is.
		SELECT j.block, percentile_cont(j.cut) WITHIN GROUP (ORDER BY j.ratio) AS low, percentile_cont(j.cut) WITHIN GROUP (ORDER BY j.ratio DESC) AS high
		  FROM (SELECT r.block, r.ratio, GREATEST(0, ((count(*) OVER w + 1) * (1 - forecast_costs.level) / 2 - 1) / GREATEST(count(*) OVER w - 1, 1)) AS cut
		          FROM jsonb_to_recordset(v_judged) AS r(method text, block int, ratio double precision) WHERE r.method = v_method WINDOW w AS (PARTITION BY r.block)) AS j
		 GROUP BY j.block, j.cut HAVING count(*) >= 3),
	blocks AS (
		SELECT date_trunc('month', d.day)::date AS month, sum(d.cost) AS cost, count(*) AS days, (avg(d.step)::int - 1) / 30 AS block FROM days AS d GROUP BY 1),
	ahead AS (
		-- Farther ahead than the past can judge errors grow with the root of the distance.
		SELECT b.month, b.cost AS mean, CASE WHEN o.low IS NOT NULL THEN b.cost * LEAST(1, o.low) ^ f.stretch END AS lower,
		       CASE WHEN o.high IS NOT NULL THEN b.cost * GREATEST(1, o.high) ^ f.stretch END AS upper, b.days
		  FROM blocks AS b
		  LEFT JOIN LATERAL (SELECT x.* FROM off AS x WHERE x.block <= b.block ORDER BY x.block DESC LIMIT 1) AS o ON true
		 CROSS JOIN LATERAL (SELECT sqrt((b.block + 1)::double precision / COALESCE(o.block + 1, b.block + 1)) AS stretch) AS f),
	known AS (
		SELECT sum(a.total_cost) AS cost FROM cloudflux.cost_analytics AS a
		 WHERE a.date >= v_first AND a.date < v_today AND (forecast_costs.cloud IS NULL OR a.cloud = forecast_costs.cloud)),
	planned AS (
		-- Paid in this month, felt from the next one on; in this one for the days that are left.
		SELECT h.month, CASE WHEN h.month = v_first THEN COALESCE(v_moves.move_cost, 0) ELSE 0 END
		       + COALESCE(v_moves.monthly_change, 0) * CASE WHEN h.month = v_first THEN h.days / extract(day FROM h.month + interval '1 month' - interval '1 day') ELSE 1 END AS cost
		  FROM ahead AS h)
	SELECT h.month, CASE WHEN h.month = v_first THEN COALESCE(k.cost, 0) ELSE 0 END AS so_far, round(p.cost, 9),
	       CASE WHEN h.mean IS NOT NULL THEN round(GREATEST(CASE WHEN h.month = v_first THEN COALESCE(k.cost, 0) ELSE 0 END + h.mean::numeric + p.cost, 0), 9) END,
	       CASE WHEN h.lower IS NOT NULL THEN round(GREATEST(CASE WHEN h.month = v_first THEN COALESCE(k.cost, 0) ELSE 0 END + h.lower::numeric + p.cost, 0), 9) END,
	       CASE WHEN h.upper IS NOT NULL THEN round(GREATEST(CASE WHEN h.month = v_first THEN COALESCE(k.cost, 0) ELSE 0 END + h.upper::numeric + p.cost, 0), 9) END, v_last, v_method
	  FROM ahead AS h JOIN planned AS p ON p.month = h.month CROSS JOIN known AS k
	 ORDER BY h.month;
END
$$;

REVOKE ALL ON FUNCTION cloudflux.continue_costs(double precision[], int, double precision, int), cloudflux.cost_methods(), cloudflux.continue_by(text, double precision[], int),
	cloudflux.judge_costs(double precision[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.continue_costs(double precision[], int, double precision, int), cloudflux.cost_methods(), cloudflux.continue_by(text, double precision[], int),
	cloudflux.judge_costs(double precision[]) TO cloudflux_viewer, cloudflux_worker;
REVOKE ALL ON FUNCTION cloudflux.daily_costs(text, date, int), cloudflux.planned_moves(text), cloudflux.forecast_costs(int, double precision, text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.daily_costs(text, date, int), cloudflux.planned_moves(text), cloudflux.forecast_costs(int, double precision, text, date)
	TO cloudflux_viewer, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.daily_costs(text, date, int) IS 'What each day before p_before cost, of one cloud or (NULL) all; NULL where no bill was made';
COMMENT ON FUNCTION cloudflux.continue_costs(double precision[], int, double precision, int) IS 'Continues a series of daily costs by a damped line through its last days, with the share of each weekday';
COMMENT ON FUNCTION cloudflux.cost_methods() IS 'The ways in which forecast_costs() may continue a series, the simplest first';
COMMENT ON FUNCTION cloudflux.continue_by(text, double precision[], int) IS 'Continues a series of daily costs by one of cost_methods()';
COMMENT ON FUNCTION cloudflux.judge_costs(double precision[]) IS 'How each of cost_methods() would have done from earlier days of a series: what came over what it said, for sums of 30 days';
COMMENT ON FUNCTION cloudflux.planned_moves(text) IS 'Moves that wait or are under way: how many, what they cost once, and what they change per month as far as they belong to plans';
COMMENT ON FUNCTION cloudflux.forecast_costs(int, double precision, text, date) IS 'What this month and the following ones will cost, one row per month: what is billed so far, what planned moves add (paid once, and the change per month), the expected bill, and an interval that holds it with about that probability (NULL while the past is too short to tell). Trend and week come from the days of cost_analytics, by the method that did best on their own past (model), whose errors there make the interval. last_month is the bill of the month before, to compare. as_of looks from an earlier day, with only the days before it and without moves. 22023 for months outside 1 to 60';
