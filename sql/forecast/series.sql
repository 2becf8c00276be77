/*
 * forecast/series: forecasts of any series of numbers, in C (src/forecast). A series is an array, oldest value first, evenly spaced in
 * time; NULL and NaN are missing values.
 */

CREATE FUNCTION cloudflux.forecast(y double precision[], horizon integer, season integer[] DEFAULT '{}', method text DEFAULT 'auto',
                                   level double precision DEFAULT 0.95,
                                   OUT step integer, OUT mean double precision, OUT median double precision,
                                   OUT lower double precision, OUT upper double precision, OUT model text)
RETURNS SETOF record
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100000 ROWS 28 AS 'MODULE_PATHNAME', 'cloudflux_forecast';

CREATE FUNCTION cloudflux.forecast(y double precision[], horizon integer, season integer, method text DEFAULT 'auto',
                                   level double precision DEFAULT 0.95,
                                   OUT step integer, OUT mean double precision, OUT median double precision,
                                   OUT lower double precision, OUT upper double precision, OUT model text)
RETURNS SETOF record
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100000 ROWS 28 AS 'MODULE_PATHNAME', 'cloudflux_forecast';

-- A literal without a type is text: '24' and '{24,168}' need no cast.
CREATE FUNCTION cloudflux.forecast(y double precision[], horizon integer, season text, method text DEFAULT 'auto',
                                   level double precision DEFAULT 0.95,
                                   OUT step integer, OUT mean double precision, OUT median double precision,
                                   OUT lower double precision, OUT upper double precision, OUT model text)
RETURNS SETOF record
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100000 ROWS 28 AS 'MODULE_PATHNAME', 'cloudflux_forecast';

CREATE FUNCTION cloudflux.forecast_methods(OUT method text, OUT description text) RETURNS SETOF record
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 30 AS 'MODULE_PATHNAME', 'cloudflux_forecast_methods';

COMMENT ON FUNCTION cloudflux.forecast(double precision[], integer, integer[], text, double precision) IS
'Forecasts a series: a row per step ahead with its mean (sum means for a total), its median (nearest on most days) and the interval that the value falls into with probability level. y: values, oldest first, evenly spaced; NULL or NaN is missing. horizon: steps ahead. season: after how many steps the series repeats itself, e.g. {24,168} for hours. method: one of forecast_methods(). model tells what served, and what it chose.';
COMMENT ON FUNCTION cloudflux.forecast(double precision[], integer, integer, text, double precision) IS
'Forecasts a series that has one season: the same as forecast() with an array of seasons.';
COMMENT ON FUNCTION cloudflux.forecast(double precision[], integer, text, text, double precision) IS
'Forecasts a series whose seasons are written as a literal, 24 or {24,168}: the same as forecast() with an array of seasons. Error 22P02: not such a literal.';
COMMENT ON FUNCTION cloudflux.forecast_methods() IS 'The methods that forecast() knows, one row each.';

REVOKE ALL ON FUNCTION cloudflux.forecast(double precision[], integer, integer[], text, double precision),
	cloudflux.forecast(double precision[], integer, integer, text, double precision),
	cloudflux.forecast(double precision[], integer, text, text, double precision), cloudflux.forecast_methods() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.forecast(double precision[], integer, integer[], text, double precision),
	cloudflux.forecast(double precision[], integer, integer, text, double precision),
	cloudflux.forecast(double precision[], integer, text, text, double precision), cloudflux.forecast_methods()
	TO cloudflux_viewer, cloudflux_user, cloudflux_admin, cloudflux_worker;
