/*
 * how the publisher does: its state and its rate.
 */

CREATE FUNCTION cloudflux.faded_rate(p_rate double precision, p_since timestamptz) RETURNS double precision
LANGUAGE sql VOLATILE
-- (The bounds, because what fades further is an error to exp().)
RETURN CASE WHEN p_rate > 1e-6 THEN p_rate * pg_catalog.exp(LEAST(GREATEST(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - p_since), 0), 3600)::double precision / -60) ELSE 0 END;

COMMENT ON FUNCTION cloudflux.faded_rate(double precision, timestamptz) IS 'A mean over the last minute or so, as of now: the weight of what was falls to a third in each minute.';

CREATE VIEW cloudflux.kafka_status WITH (security_invoker = true) AS
SELECT COALESCE(p.state, 'waiting') AS state,
       p.state_since,
       p.detail,
       p.hint,
       p.events,
       cloudflux.faded_rate(p.rate, p.updated_at)::numeric(20, 1) AS events_per_second,
       (SELECT COALESCE(sum(u.events), 0) FROM cloudflux.unpublished_events() AS u)::bigint AS unpublished,
       (SELECT count(*) FROM cloudflux.skipped_events) AS skipped,
       p.failures,
       p.updated_at AS moved_at
  FROM cloudflux.event_positions AS p
 WHERE p.reader = 'kafka';

COMMENT ON VIEW cloudflux.kafka_status IS 'How the publisher to Kafka does, in one row; event_lag tells it per topic.';
COMMENT ON COLUMN cloudflux.kafka_status.state IS 'publishing, waiting (goes on by itself) or stopped (needs rebase_events()).';
COMMENT ON COLUMN cloudflux.kafka_status.state_since IS 'Since when.';
COMMENT ON COLUMN cloudflux.kafka_status.detail IS 'Why it waits or has stopped.';
COMMENT ON COLUMN cloudflux.kafka_status.hint IS 'What to do.';
COMMENT ON COLUMN cloudflux.kafka_status.events IS 'Events that Kafka has acknowledged.';
COMMENT ON COLUMN cloudflux.kafka_status.events_per_second IS 'Their rate, a mean over the last minute or so.';
COMMENT ON COLUMN cloudflux.kafka_status.unpublished IS 'Committed events that it has not.';
COMMENT ON COLUMN cloudflux.kafka_status.skipped IS 'Events that skip_event() keeps from it.';
COMMENT ON COLUMN cloudflux.kafka_status.failures IS 'How often publishing had to wait or to stop.';
COMMENT ON COLUMN cloudflux.kafka_status.moved_at IS 'When the position was written last.';

REVOKE ALL ON FUNCTION cloudflux.faded_rate(double precision, timestamptz) FROM PUBLIC;
GRANT SELECT ON cloudflux.kafka_status TO cloudflux_viewer;
GRANT EXECUTE ON FUNCTION cloudflux.faded_rate(double precision, timestamptz) TO cloudflux_viewer, cloudflux_worker;
