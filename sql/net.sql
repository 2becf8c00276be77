/*
 * net: what cloudflux's own requests took, and how the places answer.
 *
 *   request_metrics          requests, bytes and time per hour, place, verb and class of status; the cost ledger prices it
 *   flush_request_metrics    the chore that fills it from memory
 *   network_status           requests under way, limits and circuit breakers of the places, now
 *   network_health           health check: places that nothing is sent to
 *
 * Counting goes on in shared memory, so that neither a rollback nor a read-only session hides a request that was sent.
 */

CREATE TABLE cloudflux.request_metrics (
	hour           timestamptz NOT NULL,
	place          text NOT NULL,
	verb           text NOT NULL,
	status_class   text NOT NULL CHECK (status_class IN ('none', '1xx', '2xx', '3xx', '4xx', '5xx')),
	requests       bigint NOT NULL,
	repeated       bigint NOT NULL,
	sent_bytes     bigint NOT NULL,
	received_bytes bigint NOT NULL,
	duration_ms    bigint NOT NULL,
	PRIMARY KEY (hour, place, verb, status_class)
);

COMMENT ON TABLE cloudflux.request_metrics IS 'Every request that cloudflux sent, summed by hour, place, verb and class of status; written every minute, kept 400 days.';
COMMENT ON COLUMN cloudflux.request_metrics.hour IS 'Hour in which the requests ended (its begin).';
COMMENT ON COLUMN cloudflux.request_metrics.place IS 'Place that they went to; empty for requests that belong to no place.';
COMMENT ON COLUMN cloudflux.request_metrics.verb IS 'The provider''s name of the call: PutObject, Put Blob, …';
COMMENT ON COLUMN cloudflux.request_metrics.status_class IS '2xx, 3xx, 4xx, 5xx; none = no answer came.';
COMMENT ON COLUMN cloudflux.request_metrics.requests IS 'Requests sent, repetitions included: what the provider counts.';
COMMENT ON COLUMN cloudflux.request_metrics.repeated IS 'How many of them were repetitions of a request that had failed.';
COMMENT ON COLUMN cloudflux.request_metrics.sent_bytes IS 'Bytes sent, headers included, TLS not.';
COMMENT ON COLUMN cloudflux.request_metrics.received_bytes IS 'Bytes received, headers included, TLS not.';
COMMENT ON COLUMN cloudflux.request_metrics.duration_ms IS 'Milliseconds from sending to the end of the answer, summed.';

CREATE FUNCTION cloudflux.take_request_metrics(
	OUT hour timestamptz, OUT place text, OUT verb text, OUT status_class text, OUT requests bigint, OUT repeated bigint,
	OUT sent_bytes bigint, OUT received_bytes bigint, OUT duration_ms bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cloudflux_take_request_metrics';

COMMENT ON FUNCTION cloudflux.take_request_metrics() IS 'Moves the counters of this database out of memory into the transaction that writes them down; they go back when it aborts. For flush_request_metrics().';

CREATE FUNCTION cloudflux.flush_request_metrics() RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_rows bigint;
BEGIN
	INSERT INTO cloudflux.request_metrics AS m
	       (hour, place, verb, status_class, requests, repeated, sent_bytes, received_bytes, duration_ms)
	SELECT t.hour, t.place, t.verb, t.status_class, t.requests, t.repeated, t.sent_bytes, t.received_bytes, t.duration_ms
	  FROM cloudflux.take_request_metrics() AS t
	ON CONFLICT (hour, place, verb, status_class) DO UPDATE
	   SET requests = m.requests + excluded.requests, repeated = m.repeated + excluded.repeated,
	       sent_bytes = m.sent_bytes + excluded.sent_bytes, received_bytes = m.received_bytes + excluded.received_bytes,
	       duration_ms = m.duration_ms + excluded.duration_ms;
	GET DIAGNOSTICS v_rows = ROW_COUNT;
	DELETE FROM cloudflux.request_metrics AS m WHERE m.hour < now() - interval '400 days';
	RETURN CASE WHEN v_rows > 0 THEN format('%s rows of request_metrics', v_rows) END;
END
$$;

COMMENT ON FUNCTION cloudflux.flush_request_metrics() IS 'Chore: adds what was counted in memory since the last time to request_metrics. Without preload every session counts for itself, and calls this itself.';

CREATE FUNCTION cloudflux.list_network(
	OUT place text, OUT in_flight int, OUT concurrency_limit int, OUT max_connections int, OUT breaker text, OUT until timestamptz,
	OUT failing_since timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cloudflux_list_network';

COMMENT ON FUNCTION cloudflux.list_network() IS 'State of the network per place, from shared memory (without preload: of this session). View network_status is the same.';

CREATE VIEW cloudflux.network_status WITH (security_invoker = true) AS
SELECT n.place, n.in_flight, n.concurrency_limit, n.max_connections, n.breaker, n.until, n.failing_since
  FROM cloudflux.list_network() AS n;

COMMENT ON VIEW cloudflux.network_status IS 'How the places of this database answer right now: those that requests went to since the server started.';
COMMENT ON COLUMN cloudflux.network_status.place IS 'The place; empty for requests that belong to no place.';
COMMENT ON COLUMN cloudflux.network_status.in_flight IS 'Requests under way, in all processes.';
COMMENT ON COLUMN cloudflux.network_status.concurrency_limit IS 'How many may be under way now: halved when the store asks for less, then growing again up to max_connections.';
COMMENT ON COLUMN cloudflux.network_status.max_connections IS 'Most that may be under way: option max_connections of the place, else 16.';
COMMENT ON COLUMN cloudflux.network_status.breaker IS 'closed = requests go out; open = ten in a row failed, nothing is sent until the time in until; trying = the next request tries; paused = the store asked to be left alone (Retry-After).';
COMMENT ON COLUMN cloudflux.network_status.until IS 'When requests go out again; NULL = they do.';

COMMENT ON COLUMN cloudflux.network_status.failing_since IS 'When the breaker opened, if no request succeeded since; NULL = it is closed.';

CREATE FUNCTION cloudflux.network_health(OUT status text, OUT since timestamptz, OUT detail text, OUT hint text)
RETURNS record
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT CASE WHEN count(n.place) = 0 THEN 'ok' ELSE 'degraded' END,
	       min(n.failing_since),
	       CASE WHEN count(n.place) = 0 THEN 'No place is left alone.'
	            ELSE string_agg(format('place "%s" does not answer: %s', n.place,
	                                   CASE n.breaker WHEN 'open' THEN format('nothing is sent to it for %s s', ceil(extract(epoch FROM n.until - clock_timestamp())))
	                                                  ELSE 'the next request tries it again' END), '; ' ORDER BY n.place) END,
	       CASE WHEN count(n.place) > 0 THEN 'cloudflux.check_storage() tells what the store says; look at its endpoint, the network and the provider''s status page. It is tried again by itself.' END
	  FROM cloudflux.network_status AS n
	 WHERE n.breaker IN ('open', 'trying');
END;

COMMENT ON FUNCTION cloudflux.network_health() IS 'Health check: places whose circuit breaker is open, since ten requests in a row failed. Without preload it sees the requests of this session only.';

INSERT INTO cloudflux.health_checks (component, room, function_name, builtin)
VALUES ('net', 'net', 'network_health', true);

INSERT INTO cloudflux.chores (chore_name, room, function_name, every, builtin)
VALUES ('flush_request_metrics', 'net', 'flush_request_metrics', interval '1 minute', true);

SELECT pg_catalog.pg_extension_config_dump('cloudflux.request_metrics', '');

REVOKE ALL ON FUNCTION cloudflux.take_request_metrics(), cloudflux.flush_request_metrics(), cloudflux.list_network(), cloudflux.network_health() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.take_request_metrics(), cloudflux.flush_request_metrics() TO cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.list_network(), cloudflux.network_health() TO cloudflux_viewer, cloudflux_worker;
GRANT SELECT ON cloudflux.request_metrics, cloudflux.network_status TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, UPDATE, DELETE ON cloudflux.request_metrics TO cloudflux_worker;
