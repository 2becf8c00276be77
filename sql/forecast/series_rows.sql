/*
 * forecast/series_rows: the aggregate form of forecast(), over rows of times and values (src/forecast/forecast_sql.c).
 */

CREATE TYPE cloudflux.forecast_step AS (ts timestamptz, mean double precision, median double precision, lower double precision,
	upper double precision, model text);

CREATE FUNCTION cloudflux.forecast_agg_tell(p_state internal) RETURNS cloudflux.forecast_step[]
LANGUAGE c STABLE PARALLEL SAFE COST 100000 AS 'MODULE_PATHNAME', 'cloudflux_forecast_agg_tell';

CREATE FUNCTION cloudflux.forecast_agg_add(p_state internal, p_ts timestamptz, p_value double precision, p_horizon integer)
RETURNS internal
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cloudflux_forecast_agg_add';

CREATE FUNCTION cloudflux.forecast_agg_add(p_state internal, p_ts timestamptz, p_value double precision, p_horizon integer, p_season integer[])
RETURNS internal
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cloudflux_forecast_agg_add';

CREATE FUNCTION cloudflux.forecast_agg_add(p_state internal, p_ts timestamptz, p_value double precision, p_horizon integer, p_season integer[], p_step interval, p_method text, p_level double precision)
RETURNS internal
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cloudflux_forecast_agg_add';

CREATE AGGREGATE cloudflux.forecast_agg(ts timestamptz, value double precision, horizon integer)
	(SFUNC = cloudflux.forecast_agg_add, STYPE = internal, SSPACE = 100000, FINALFUNC = cloudflux.forecast_agg_tell, FINALFUNC_MODIFY = READ_ONLY,
	 PARALLEL = SAFE);

CREATE AGGREGATE cloudflux.forecast_agg(ts timestamptz, value double precision, horizon integer, season integer[])
	(SFUNC = cloudflux.forecast_agg_add, STYPE = internal, SSPACE = 100000, FINALFUNC = cloudflux.forecast_agg_tell, FINALFUNC_MODIFY = READ_ONLY,
	 PARALLEL = SAFE);

CREATE AGGREGATE cloudflux.forecast_agg(ts timestamptz, value double precision, horizon integer, season integer[], step interval, method text, level double precision)
	(SFUNC = cloudflux.forecast_agg_add, STYPE = internal, SSPACE = 100000, FINALFUNC = cloudflux.forecast_agg_tell, FINALFUNC_MODIFY = READ_ONLY,
	 PARALLEL = SAFE);

COMMENT ON TYPE cloudflux.forecast_step IS 'A step of a forecast.';
COMMENT ON COLUMN cloudflux.forecast_step.ts IS 'Time that is forecast; NULL when the rows had one time only and no step was given.';
COMMENT ON COLUMN cloudflux.forecast_step.mean IS 'Figure to add up for a total.';
COMMENT ON COLUMN cloudflux.forecast_step.median IS 'Figure that is nearest on most days.';
COMMENT ON COLUMN cloudflux.forecast_step.lower IS 'Lower bound of the interval.';
COMMENT ON COLUMN cloudflux.forecast_step.upper IS 'Upper bound of the interval.';
COMMENT ON COLUMN cloudflux.forecast_step.model IS 'What served, and what it chose.';
COMMENT ON FUNCTION cloudflux.forecast_agg_tell(internal) IS 'Final function of forecast_agg().';
COMMENT ON FUNCTION cloudflux.forecast_agg_add(internal, timestamp with time zone, double precision, integer) IS 'Transition function of forecast_agg().';
COMMENT ON FUNCTION cloudflux.forecast_agg_add(internal, timestamp with time zone, double precision, integer, integer[]) IS 'Transition function of forecast_agg().';
COMMENT ON FUNCTION cloudflux.forecast_agg_add(internal, timestamp with time zone, double precision, integer, integer[], interval, text, double precision) IS 'Transition function of forecast_agg().';
COMMENT ON AGGREGATE cloudflux.forecast_agg(timestamp with time zone, double precision, integer) IS
'Forecasts rows of times and values, in whatever order: an array with an element per step after the newest time. The step is the median distance between times (one, three or twelve months by the calendar). A time without a row, or with a NULL or NaN, is missing; of several rows at one time, or nearest to one step, the mean is taken; a row without a time is none. NULL = no rows. Takes 16 bytes per row. Errors: 22023 (horizon, infinite value), 22004 (no horizon), 22008 (infinite time).';
COMMENT ON AGGREGATE cloudflux.forecast_agg(timestamp with time zone, double precision, integer, integer[]) IS
'The same with seasons: after how many steps the series repeats itself, {24,168} for hours.';
COMMENT ON AGGREGATE cloudflux.forecast_agg(timestamp with time zone, double precision, integer, integer[], interval, text, double precision) IS
'The same with the step (months, or days and time), the method and the level as forecast() has them; NULL: step found, method auto, level 0.95. All are those of the first row. Errors: 22023 (step not greater than zero, mixed or too long; no such method).';

REVOKE ALL ON FUNCTION cloudflux.forecast_agg_tell(internal),
	cloudflux.forecast_agg_add(internal, timestamp with time zone, double precision, integer),
	cloudflux.forecast_agg_add(internal, timestamp with time zone, double precision, integer, integer[]),
	cloudflux.forecast_agg_add(internal, timestamp with time zone, double precision, integer, integer[], interval, text, double precision),
	cloudflux.forecast_agg(timestamp with time zone, double precision, integer),
	cloudflux.forecast_agg(timestamp with time zone, double precision, integer, integer[]),
	cloudflux.forecast_agg(timestamp with time zone, double precision, integer, integer[], interval, text, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.forecast_agg_tell(internal),
	cloudflux.forecast_agg_add(internal, timestamp with time zone, double precision, integer),
	cloudflux.forecast_agg_add(internal, timestamp with time zone, double precision, integer, integer[]),
	cloudflux.forecast_agg_add(internal, timestamp with time zone, double precision, integer, integer[], interval, text, double precision),
	cloudflux.forecast_agg(timestamp with time zone, double precision, integer),
	cloudflux.forecast_agg(timestamp with time zone, double precision, integer, integer[]),
	cloudflux.forecast_agg(timestamp with time zone, double precision, integer, integer[], interval, text, double precision)
	TO cloudflux_viewer, cloudflux_user, cloudflux_admin, cloudflux_worker;
