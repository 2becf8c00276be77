/*
 * metrics: figures of machines, sensors and services as they come in, one row per measurement: the handler metrics of ingest_topics, or
 * a plain INSERT.
 */

CREATE TABLE cloudflux.raw_metrics (
	metric      text NOT NULL CHECK (metric <> ''),
	measured_at timestamptz NOT NULL DEFAULT pg_catalog.now() CHECK (pg_catalog.isfinite(measured_at)),
	value       double precision NOT NULL CHECK (value > '-Infinity' AND value < 'Infinity'),   -- no NaN: it would be the mean of everything
	unit        text,
	source      text,
	labels      jsonb NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(labels) = 'object')
) PARTITION BY RANGE (measured_at);

CREATE TABLE cloudflux.raw_metrics_default PARTITION OF cloudflux.raw_metrics DEFAULT;
CREATE INDEX ON cloudflux.raw_metrics_default (metric, measured_at);

INSERT INTO cloudflux.partitioned_tables (table_name, period, ahead, retention, builtin) VALUES ('raw_metrics', 'day', 2, interval '30 days', true);

COMMENT ON TABLE cloudflux.raw_metrics IS 'Measurements as they came in, partitioned by day; kept 30 days unless partition_settings says otherwise.';
COMMENT ON TABLE cloudflux.raw_metrics_default IS 'Measurements for whose day there is no partition (yet).';
COMMENT ON COLUMN cloudflux.raw_metrics.metric IS 'What was measured: cpu_usage, temperature, …';
COMMENT ON COLUMN cloudflux.raw_metrics.measured_at IS 'When.';
COMMENT ON COLUMN cloudflux.raw_metrics.value IS 'How much.';
COMMENT ON COLUMN cloudflux.raw_metrics.unit IS 'Unit of the value; NULL = not told.';
COMMENT ON COLUMN cloudflux.raw_metrics.source IS 'Machine, sensor or service; NULL = not told.';
COMMENT ON COLUMN cloudflux.raw_metrics.labels IS 'What else tells series apart, as an object.';

CREATE FUNCTION cloudflux.ingest_metrics(p_topic text, p_records cloudflux.ingest_record[], p_subjects text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO cloudflux.raw_metrics (metric, measured_at, value, unit, source, labels)
	SELECT m.data ->> 'metric',
	       CASE jsonb_typeof(m.data -> 'time') WHEN 'number' THEN to_timestamp((m.data ->> 'time')::double precision)
	            ELSE COALESCE((m.data ->> 'time')::timestamptz, r.happened_at, now()) END,
	       (m.data ->> 'value')::double precision, m.data ->> 'unit', COALESCE(m.data ->> 'source', r.key), COALESCE(m.data -> 'labels', '{}')
	  FROM unnest(p_records) AS r
	 CROSS JOIN LATERAL (SELECT e.data FROM jsonb_array_elements(CASE jsonb_typeof(r.data -> 'metrics') WHEN 'array' THEN r.data -> 'metrics' ELSE jsonb_build_array(r.data) END) AS e(data)) AS m;
	RETURN p_subjects;
END
$$;

COMMENT ON FUNCTION cloudflux.ingest_metrics(text, cloudflux.ingest_record[], text[]) IS
'Handler metrics: writes measurements into raw_metrics. A message is {"metric", "value", "time", "unit", "source", "labels"}, an array of these, {"metrics": [...]}, or one of them as the data of a CloudEvent. time is RFC 3339, or seconds since 1970; else the message''s time counts. source is else the key.';

INSERT INTO cloudflux.ingest_handlers (handler, step, room, function_name, builtin) VALUES ('metrics', 100, 'metrics', 'ingest_metrics', true);

SELECT pg_catalog.pg_extension_config_dump('cloudflux.raw_metrics_default', '');

GRANT SELECT ON cloudflux.raw_metrics TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, DELETE ON cloudflux.raw_metrics TO cloudflux_user, cloudflux_worker;
REVOKE ALL ON FUNCTION cloudflux.ingest_metrics(text, cloudflux.ingest_record[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.ingest_metrics(text, cloudflux.ingest_record[], text[]) TO cloudflux_user;
