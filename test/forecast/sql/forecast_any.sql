-- Any series of numbers is forecast in SQL; what cannot be forecast is defined
SET search_path = cloudflux, public;
\set VERBOSITY terse

SELECT count(*) > 10 AS several, count(*) = count(DISTINCT method) AS once, min(length(description)) > 3 AS described FROM forecast_methods();

SELECT step, mean, median, lower <= mean AND mean <= upper AS inside, model FROM forecast('{1,2,3,1,2,3,1,2,3}', 4, 3, 'seasonal_naive');
SELECT step, mean, model FROM forecast('{1,2,3,4}', 2, method => 'drift') ORDER BY step;
SELECT step, mean FROM forecast(ARRAY[1, NULL, 'NaN', 4]::float8[], 2, method => 'mean') ORDER BY step;
SELECT count(*), min(lower) >= 0 AS never_negative, bool_and(lower <= median AND median <= upper) AS ordered
  FROM forecast((SELECT array_agg((i * 7919 % 13)::float8 ORDER BY i) FROM generate_series(1, 200) AS i), 14, '{7,28}'::integer[], level => 0.8);

-- Nothing known, nothing said
SELECT step, mean, lower, model FROM forecast('{}', 1);
SELECT step, mean, model FROM forecast('{NULL,NULL}', 1);
SELECT step, mean, lower, model FROM forecast('{5}', 1, method => 'naive');
SELECT count(*) FROM forecast(NULL, 3);
SELECT count(*) FROM forecast('{1,2}', 3, method => NULL);
-- A lower bound of the array other than 1, and a constant
SELECT step, mean, lower, upper FROM forecast('[0:2]={4,4,4}', 1);

-- Errors say what is wrong
SELECT * FROM forecast('{1,2,3}', 0);
SELECT * FROM forecast('{1,2,3}', 100000);
SELECT * FROM forecast('{1,2,3}', 3, -1);
SELECT * FROM forecast('{1,2,3}', 3, '{1,NULL}'::integer[]);
SELECT * FROM forecast('{1,2,3}', 3, '{2,3,4,5,6}'::integer[]);
SELECT * FROM forecast('{1,2,3}', 3, level => 1);
SELECT * FROM forecast('{1,2,Infinity}', 3);
SELECT * FROM forecast('{{1,2},{3,4}}', 3);
\set VERBOSITY default
SELECT * FROM forecast('{1,2,3}', 3, method => 'oracle');

-- Whoever may look may forecast, nobody else; in parallel too
SET ROLE cloudflux_viewer;
SELECT mean FROM forecast('{1,1}', 1, method => 'naive');
RESET ROLE;
SELECT proname, proparallel, provolatile FROM pg_catalog.pg_proc WHERE pronamespace = 'cloudflux'::regnamespace AND proname IN ('forecast', 'forecast_methods') ORDER BY 1, pronargs, oid;

-- A literal of seasons needs no cast, in either form
SELECT mean FROM forecast('{1,2,3,1,2,3,1,2,3}', 1, '3', 'seasonal_naive') UNION ALL
SELECT mean FROM forecast('{1,2,3,1,2,3,1,2,3}', 1, season => '{3}', method => 'seasonal_naive');
\set VERBOSITY sqlstate
SELECT mean FROM forecast('{1,2,3}', 1, 'week');
SELECT mean FROM forecast('{1,2,3}', 1, '{week}');
\set VERBOSITY default
