-- What the coming months cost: better than last month's bill repeated, from each of many days, on bills of every shape; with an interval that holds.
SET search_path = cloudflux, public;
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
\set VERBOSITY terse
INSERT INTO chore_settings (chore_name, enabled) VALUES ('roll_up_costs', false), ('refresh_monthly_costs', false);
SELECT count(*) AS months, count(f.expected) AS of_which_something_is_known FROM forecast_costs() AS f;
SELECT forecast_costs(0);
SELECT forecast_costs(61);
SELECT forecast_costs(1, 1);

-- Bills of 16 months: growth, weeks, steps after moves, decay, none of these, much noise, days that stand out
CREATE FUNCTION pg_temp.noise(a text, n int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT ('x' || substr(md5(a || n), 1, 8))::bit(32)::int / 2147483648.0 $$;
INSERT INTO cost_analytics (date, cloud, tier, storage_cost, total_cost, num_objects)
SELECT date '2025-07-01' + d, s.name, 'HOT', v.cost, v.cost, 1
  FROM generate_series(0, 480) AS d, unnest(ARRAY['grows', 'weekly', 'steps', 'falls', 'flat', 'noisy', 'spiky']) AS s(name),
  LATERAL (SELECT round((CASE s.name
	WHEN 'grows' THEN 100 * exp(0.003 * d) * (1 + 0.02 * pg_temp.noise('g', d))
	WHEN 'weekly' THEN (100 + 0.1 * d) * (1 + CASE WHEN extract(isodow FROM date '2025-07-01' + d) >= 6 THEN -0.4 ELSE 0.1 END) * (1 + 0.05 * pg_temp.noise('w', d))
	WHEN 'steps' THEN CASE WHEN d < 150 THEN 100 WHEN d < 290 THEN 160 WHEN d < 400 THEN 90 ELSE 120 END * (1 + 0.03 * pg_temp.noise('s', d))
	WHEN 'falls' THEN 40 + 300 * exp(-0.006 * d) * (1 + 0.03 * pg_temp.noise('f', d))
	WHEN 'flat' THEN 100 * (1 + 0.01 * pg_temp.noise('l', d))
	WHEN 'noisy' THEN 50 * (1 + 0.3 * pg_temp.noise('n', d))
	ELSE 80 * (1 + 0.02 * pg_temp.noise('p', d)) + CASE WHEN pg_temp.noise('q', d) > 0.93 THEN 200 ELSE 0 END END)::numeric, 6) AS cost) AS v;
CREATE TEMP TABLE rolled AS
SELECT c.name, o.o::date AS origin, f.month, f.expected, f.lower, f.upper, f.last_month,
       (SELECT sum(a.total_cost) FROM cost_analytics AS a WHERE a.cloud = c.name AND a.date >= f.month AND a.date < f.month + interval '1 month') AS came
  FROM (SELECT DISTINCT cloud AS name FROM cost_analytics) AS c, generate_series(timestamp '2025-12-01', '2026-08-01', interval '2 months') AS o(o), forecast_costs(2, 0.8, c.name, o.o::date) AS f;
-- (noise around a level has nothing to be known of but the level, which a month's mean knows well)
SELECT name, count(*) AS bills, avg(abs(expected - came) / came) < CASE name WHEN 'noisy' THEN 1.1 ELSE 1 END * avg(abs(last_month - came) / came) AS better_than_last_month
  FROM rolled GROUP BY 1 ORDER BY 1;
SELECT avg(abs(expected - came) / came) < 0.7 * avg(abs(last_month - came) / came) AS much_better_in_the_mean,
       avg((came BETWEEN lower AND upper)::int) BETWEEN 0.6 AND 0.95 AS interval_holds, avg((upper - lower) / came) < 0.3 AS and_says_something FROM rolled;
-- Only the days before count: other days behind as_of change nothing
CREATE TEMP TABLE before AS SELECT * FROM forecast_costs(3, 0.9, 'weekly', '2026-03-12');
UPDATE cost_analytics SET total_cost = 1000000 WHERE date >= '2026-03-12';
SELECT count(*) AS changed FROM (TABLE before EXCEPT SELECT * FROM forecast_costs(3, 0.9, 'weekly', '2026-03-12')) AS d;
SELECT month, billed_so_far > 0 AS billed, planned, expected > 0 AS expected, lower < expected AND expected < upper AS inside, model IS NOT NULL AS says_how FROM before;
-- A month that is over in part counts what it has
SELECT abs(f.billed_so_far - (SELECT sum(total_cost) FROM cost_analytics WHERE cloud = 'flat' AND date >= '2026-02-01' AND date < '2026-02-20')) = 0 AS so_far,
       f.expected BETWEEN 2750 AND 2850 AS a_month_of_28_days FROM forecast_costs(1, 0.8, 'flat', '2026-02-20') AS f;
-- Days without a bill are gaps, a short past is no error, and has no interval
DELETE FROM cost_analytics;
INSERT INTO cost_analytics (date, cloud, tier, total_cost) SELECT date '2026-10-01' + d, 'AWS', 'HOT', 10 FROM generate_series(0, 30) AS d WHERE d NOT BETWEEN 10 AND 12;
SELECT month, round(expected, 6) AS expected, lower, upper, model FROM forecast_costs(2, 0.8, NULL, '2026-11-01');
INSERT INTO cost_analytics (date, cloud, tier, total_cost) VALUES ('2026-10-02', 'GCP', 'HOT', 7);
SELECT round(expected, 6) AS expected FROM forecast_costs(1, 0.8, 'GCP', '2026-10-03');
-- Moves that wait are added: what they cost once, and what they change per month
DELETE FROM cost_analytics;
INSERT INTO cost_analytics (date, cloud, tier, total_cost) SELECT (now() AT TIME ZONE 'UTC')::date - d, 'LOCAL', 'HOT', 10 FROM generate_series(1, 60) AS d;
\getenv places CF_PLACES
\set one :places '/pricing_outlook_one'
\set two :places '/pricing_outlook_two'
\setenv CF_DIRS :one' ':two
\! mkdir -p $CF_DIRS && chmod 777 $CF_DIRS
SELECT add_storage('one', 'LOCAL', :'one', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}') || add_storage('two', 'LOCAL', :'two', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "GLACIER_IR", "tier": "COLD"}') AS places;
SELECT bool_and(planned = 0) AS none_wait FROM forecast_costs(3);
BEGIN;
INSERT INTO data_objects (file_id, place, object_key, size_bytes, created_at) SELECT 'o' || g, 'one', 'o' || g, 107374182400, now() - interval '400 days' FROM generate_series(1, 10) AS g;
SELECT execute_plan(plan_migration('two', look => false)) AS jobs;
SELECT moves, move_cost, monthly_change FROM planned_moves(NULL);
SELECT row_number() OVER (ORDER BY month) AS n, CASE WHEN month > now() THEN planned END AS planned_of_later_months FROM forecast_costs(3);
ROLLBACK;
SET ROLE cloudflux_viewer;
SELECT count(*) AS months FROM forecast_costs(2);
RESET ROLE;
