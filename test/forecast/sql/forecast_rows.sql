-- Rows of times and values are forecast as they come: in any order, with gaps, with or without a step
SET search_path = cloudflux, public;
SET TimeZone = 'UTC';
\set VERBOSITY terse

CREATE TABLE readings (ts timestamptz, value double precision);
INSERT INTO readings SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 hour', i % 3 FROM generate_series(0, 29) AS i;

-- Unordered rows, and what an array says of the same values
SELECT f.* FROM (SELECT forecast_agg(ts, value, 3, '{3}', NULL, 'seasonal_naive', 0.8 ORDER BY value, ts DESC) AS steps FROM readings) AS a, unnest(steps) AS f;
SELECT bool_and(a.mean = f.mean AND a.lower = f.lower AND a.upper = f.upper AND a.model = f.model) AS same, count(*)
  FROM (SELECT forecast_agg(ts, value, 5, '{3}') AS steps FROM readings) AS g, unnest(steps) WITH ORDINALITY AS a(ts, mean, median, lower, upper, model, step)
  JOIN forecast((SELECT array_agg(value ORDER BY ts) FROM readings), 5, '{3}') AS f ON f.step = a.step;

-- Gaps are missing values, and do not change the step that is found; so are NULL and NaN; a row without a time is none
DELETE FROM readings WHERE ts IN ('2026-01-01 07:00+00', '2026-01-01 08:00+00', '2026-01-01 09:00+00');
UPDATE readings SET value = NULL WHERE ts = '2026-01-01 12:00+00';
UPDATE readings SET value = 'NaN' WHERE ts = '2026-01-01 13:00+00';
INSERT INTO readings VALUES (NULL, 1000);
SELECT f.ts, f.mean FROM (SELECT forecast_agg(ts, value, 3, '{3}', NULL, 'seasonal_naive', NULL) AS steps FROM readings) AS a, unnest(steps) AS f;

-- Of rows at one time the mean is taken; a given step makes larger blocks
SELECT f.ts, f.mean FROM (SELECT forecast_agg(ts, v, 1, '{}', NULL, 'naive', NULL) AS steps
	FROM (VALUES (timestamptz '2026-01-01 00:00+00', 1), ('2026-01-02 00:00+00', 2), ('2026-01-02 00:00+00', 6)) AS t(ts, v)) AS a, unnest(steps) AS f;
SELECT f.ts, f.mean FROM (SELECT forecast_agg(ts, v, 2, NULL, '2 hours', 'naive', NULL) AS steps
	FROM (SELECT timestamptz '2026-01-01 00:00+00' + i * interval '30 minutes', i FROM generate_series(1, 40) AS i) AS t(ts, v)) AS a, unnest(steps) AS f;

-- Months, quarters and years are those of the calendar, and days those of the time zone
SELECT f.ts, f.mean FROM (SELECT forecast_agg(ts, v, 2, '{12}', NULL, 'seasonal_naive', NULL) AS steps
	FROM (SELECT timestamptz '2020-01-31 00:00+00' + i * interval '1 month', extract(month FROM timestamptz '2020-01-31 00:00+00' + i * interval '1 month')
			FROM generate_series(0, 47) AS i) AS t(ts, v)) AS a, unnest(steps) AS f;
SELECT f.ts FROM (SELECT forecast_agg(ts, 1, 2) AS steps FROM generate_series(timestamptz '2020-01-01 00:00+00', '2026-01-01 00:00+00', '3 months') AS ts) AS a, unnest(steps) AS f;
SELECT f.ts FROM (SELECT forecast_agg(ts, 1, 2) AS steps FROM generate_series(timestamptz '2010-01-01 00:00+00', '2026-01-01 00:00+00', '1 year') AS ts) AS a, unnest(steps) AS f;
SET TimeZone = 'Europe/Berlin';
SELECT f.ts, f.mean FROM (SELECT forecast_agg(ts, extract(isodow FROM ts), 3, '{7}', NULL, 'seasonal_naive', NULL) AS steps
	FROM generate_series(timestamptz '2026-01-01 00:00', '2026-03-28 00:00', '1 day') AS ts) AS a, unnest(steps) AS f;
SET TimeZone = 'UTC';

-- One time: no step, unless it is given
SELECT f.ts, f.mean, f.lower FROM (SELECT forecast_agg('2026-01-01 00:00+00', 5, 2) AS steps) AS a, unnest(steps) AS f;
SELECT f.ts, f.mean FROM (SELECT forecast_agg('2026-01-01 00:00+00', 5, 2, '{}', '1 day', NULL, NULL) AS steps) AS a, unnest(steps) AS f;
-- No row, no value
SELECT forecast_agg(ts, value, 2) IS NULL AS none FROM readings WHERE ts IS NULL;
SELECT f.ts, f.mean, f.model FROM (SELECT forecast_agg(ts, NULL, 1) AS steps FROM readings) AS a, unnest(steps) AS f;
-- Per group, over a moving window, and of a long past the newest only
SELECT v, array_length(forecast_agg(ts, value, 4), 1) FROM readings, (VALUES (1), (2)) AS g(v) GROUP BY v ORDER BY v;
SELECT count(DISTINCT (forecast_agg)[1].mean) FROM (SELECT forecast_agg(ts, value, 1, '{}', NULL, 'naive', NULL) OVER (ORDER BY ts) FROM readings WHERE value >= 0 AND value < 3) AS w;
SELECT f.mean FROM (SELECT forecast_agg(timestamptz '2026-01-01 00:00+00' - i * interval '1 minute', i, 1, '{}', NULL, 'naive', NULL) AS steps FROM generate_series(0, 50000) AS i) AS a, unnest(steps) AS f;

-- Errors say what is wrong
SELECT forecast_agg(ts, value, NULL) FROM readings;
SELECT forecast_agg(ts, value, 0) FROM readings;
SELECT forecast_agg(ts, value, 3, '{}', '-1 hour', NULL, NULL) FROM readings;
SELECT forecast_agg(ts, value, 3, '{}', '1 month 1 day', NULL, NULL) FROM readings;
SELECT forecast_agg(ts, value, 3, '{}', '1000000 days', NULL, NULL) FROM readings;
SELECT forecast_agg(ts, value, 3, '{}', NULL, 'oracle', NULL) FROM readings;
SELECT forecast_agg('infinity', 1, 3);
SELECT forecast_agg('2026-01-01', 'Infinity', 3);

-- Whoever may look may forecast
SELECT count(*) FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = 'cloudflux'::regnamespace AND p.proname LIKE 'forecast_agg%'
   AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(p.proacl) AS a WHERE a.grantee = 0);
SET ROLE cloudflux_viewer;
SELECT f.mean FROM (SELECT forecast_agg('2026-01-01 00:00+00', 5, 1) AS steps) AS a, unnest(steps) AS f;
RESET ROLE;
