/*
 * events in Kafka: which topics there are, which type of event goes where, what was asked of the publisher, and how far it is.
 *
 * The publisher (src/events/publisher_worker.c) runs when the settings say where Kafka is (connection.sql). Nothing here talks to Kafka: wishes are
 * rows, and the publisher answers in them.
 */

CREATE TABLE cloudflux.kafka_topics (
	topic   text PRIMARY KEY CHECK (topic ~ '^[a-zA-Z0-9._-]{1,249}$' AND topic NOT IN ('.', '..')),
	purpose text NOT NULL DEFAULT '',
	builtin boolean NOT NULL DEFAULT false
);

CREATE TRIGGER kafka_topics_builtin BEFORE INSERT OR UPDATE OR DELETE ON cloudflux.kafka_topics FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_builtin('Add a topic of your own, and send events there by rows of event_types.');
COMMENT ON TRIGGER kafka_topics_builtin ON cloudflux.kafka_topics IS 'Keeps builtin rows as they are.';

COMMENT ON TABLE cloudflux.kafka_topics IS 'Topics of Kafka that cloudflux writes to; create_topics() makes them there.';
COMMENT ON COLUMN cloudflux.kafka_topics.topic IS 'Name of the topic.';
COMMENT ON COLUMN cloudflux.kafka_topics.purpose IS 'What its messages tell.';
COMMENT ON COLUMN cloudflux.kafka_topics.builtin IS 'Came with the extension; not dumped, not to be edited.';

INSERT INTO cloudflux.kafka_topics (topic, purpose, builtin) VALUES
	('data-ingestion', 'objects that came, changed, moved and went', true),
	('classification', 'objects whose class has changed', true),
	('migration-events', 'migration jobs: submitted, switched, completed, failed, …', true),
	('analytics', 'reports and forecasts', true),
	('cost-updates', 'what storage costs, as of a day', true),
	('alerts', 'alerts that fire and resolve', true),
	('email-notifications', 'mail that somebody should send', true),
	('performance-metrics', 'how fast migrations and stores are', true),
	('metrics.raw', 'resource metrics as they come in', true),
	('metrics.processed', 'resource metrics, rolled up', true),
	('events.actions', 'what somebody asks cloudflux to do', true);

CREATE TABLE cloudflux.event_types (
	event_type text NOT NULL CHECK (event_type ~ '^([a-z0-9_.-]+|([a-z0-9_-]+\.)*\*)$'),
	topic      text CHECK (topic ~ '^[a-zA-Z0-9._-]{1,249}$' AND topic NOT IN ('.', '..')),
	version    int NOT NULL DEFAULT 1 CHECK (version > 0),
	builtin    boolean NOT NULL DEFAULT false,
	PRIMARY KEY (event_type, builtin)
);

CREATE TRIGGER event_types_builtin BEFORE INSERT OR UPDATE OR DELETE ON cloudflux.event_types FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_builtin('Say what you wish in a row of your own: it goes over the builtin one of that type.');
COMMENT ON TRIGGER event_types_builtin ON cloudflux.event_types IS 'Keeps builtin rows as they are.';

COMMENT ON TABLE cloudflux.event_types IS 'To which topic of Kafka each type of event goes. Your own row goes over the builtin one of that type; an event whose type is not here goes to the topic of its own row.';
COMMENT ON COLUMN cloudflux.event_types.event_type IS 'A type (object.created), or all that begin so (object.*, *). The longest that fits counts.';
COMMENT ON COLUMN cloudflux.event_types.topic IS 'Topic of Kafka; NULL = events of this type are not sent.';
COMMENT ON COLUMN cloudflux.event_types.version IS 'Version of the schema that their data follow (docs/schemas).';
COMMENT ON COLUMN cloudflux.event_types.builtin IS 'Came with the extension; not dumped, not to be edited.';

INSERT INTO cloudflux.event_types (event_type, topic, builtin) VALUES
	('object.*', 'data-ingestion', true),
	('objects.classified', 'classification', true),
	('migration.*', 'migration-events', true),
	('cost.updated', 'cost-updates', true);

CREATE VIEW cloudflux.event_routes WITH (security_invoker = true) AS
SELECT DISTINCT ON (t.event_type) t.event_type, t.topic, t.version
  FROM cloudflux.event_types AS t
 ORDER BY t.event_type, t.builtin;

COMMENT ON VIEW cloudflux.event_routes IS 'Where each type of event goes, your own rows applied.';
COMMENT ON COLUMN cloudflux.event_routes.event_type IS 'A type, or all that begin so.';
COMMENT ON COLUMN cloudflux.event_routes.topic IS 'Topic of Kafka; NULL = not sent.';
COMMENT ON COLUMN cloudflux.event_routes.version IS 'Version of the schema.';

-- Wishes

CREATE TABLE cloudflux.topic_requests (
	topic        text PRIMARY KEY,
	partitions   int NOT NULL,
	replication  int NOT NULL,
	state        text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'present', 'refused')),
	detail       text,
	requested_by text NOT NULL DEFAULT cloudflux.actor(),
	requested_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	settled_at   timestamptz
);

COMMENT ON TABLE cloudflux.topic_requests IS 'Topics that create_topics() was asked for, and what came of it; not dumped.';
COMMENT ON COLUMN cloudflux.topic_requests.topic IS 'The topic.';
COMMENT ON COLUMN cloudflux.topic_requests.partitions IS 'Partitions that it is to have; one that exists stays as it is.';
COMMENT ON COLUMN cloudflux.topic_requests.replication IS 'Copies of each partition.';
COMMENT ON COLUMN cloudflux.topic_requests.state IS 'wanted (the publisher has not come to it), present (made, or it was there) or refused.';
COMMENT ON COLUMN cloudflux.topic_requests.detail IS 'Why it was refused.';
COMMENT ON COLUMN cloudflux.topic_requests.requested_by IS 'Who asked last.';
COMMENT ON COLUMN cloudflux.topic_requests.requested_at IS 'When.';
COMMENT ON COLUMN cloudflux.topic_requests.settled_at IS 'When the broker answered.';

CREATE TABLE cloudflux.event_replays (
	id           bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	topic        text NOT NULL,
	first_id     bigint NOT NULL,
	last_id      bigint NOT NULL,
	after_id     bigint NOT NULL,
	requested_by text NOT NULL DEFAULT cloudflux.actor(),
	requested_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	finished_at  timestamptz
);
CREATE INDEX event_replays_open ON cloudflux.event_replays (id) WHERE finished_at IS NULL;

COMMENT ON TABLE cloudflux.event_replays IS 'Events that replay_events() was asked to send again; not dumped. Who DELETEs a row ends that replay: what was sent stays sent.';
COMMENT ON COLUMN cloudflux.event_replays.id IS 'Grows with each request.';
COMMENT ON COLUMN cloudflux.event_replays.topic IS 'Topic as in the table events.';
COMMENT ON COLUMN cloudflux.event_replays.first_id IS 'First event to be sent again.';
COMMENT ON COLUMN cloudflux.event_replays.last_id IS 'Last one.';
COMMENT ON COLUMN cloudflux.event_replays.after_id IS 'All up to this one have been sent.';
COMMENT ON COLUMN cloudflux.event_replays.requested_by IS 'Who asked.';
COMMENT ON COLUMN cloudflux.event_replays.requested_at IS 'When.';
COMMENT ON COLUMN cloudflux.event_replays.finished_at IS 'When the last one was sent; NULL = not yet.';

CREATE FUNCTION cloudflux.wake_publisher() RETURNS void
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'cloudflux_wake_publisher';

COMMENT ON FUNCTION cloudflux.wake_publisher() IS 'Makes this database''s publisher look as soon as this transaction has committed.';

CREATE FUNCTION cloudflux.create_topics(topics text[] DEFAULT NULL, partitions int DEFAULT 1, replication int DEFAULT 1)
RETURNS SETOF cloudflux.topic_requests
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_wrong text;
BEGIN
	IF ($2 BETWEEN 1 AND 10000 AND $3 BETWEEN 1 AND 100) IS NOT TRUE THEN
		RAISE EXCEPTION 'a topic cannot have % partitions with % copies', $2, $3
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Between 1 and 10000 partitions, between 1 and 100 copies.';
	END IF;
	SELECT string_agg(quote_nullable(w.topic), ', ') INTO v_wrong
	  FROM unnest($1) AS w(topic) WHERE w.topic IS NULL OR w.topic !~ '^[a-zA-Z0-9._-]{1,249}$' OR w.topic IN ('.', '..');
	IF v_wrong IS NOT NULL THEN
		RAISE EXCEPTION 'no names of topics: %', v_wrong
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Letters, digits, dots, underscores and hyphens, 249 at most.';
	END IF;
	PERFORM cloudflux.wake_publisher();
	RETURN QUERY
	INSERT INTO cloudflux.topic_requests AS r (topic, partitions, replication)
	SELECT w.topic, CASE w.topic WHEN 'cloudflux-progress' THEN 1 ELSE $2 END, $3
	  FROM (SELECT unnest($1) AS topic
	        UNION SELECT k.topic FROM cloudflux.kafka_topics AS k WHERE $1 IS NULL
	        UNION SELECT e.topic FROM cloudflux.event_routes AS e WHERE $1 IS NULL AND e.topic IS NOT NULL
	        UNION SELECT 'cloudflux-progress' WHERE $1 IS NULL OR NOT EXISTS (SELECT FROM cloudflux.topic_requests AS p WHERE p.topic = 'cloudflux-progress')) AS w
	 ORDER BY w.topic
	    ON CONFLICT (topic) DO UPDATE
	   SET partitions = excluded.partitions, replication = excluded.replication, state = 'wanted', detail = NULL,
	       requested_by = cloudflux.actor(), requested_at = now(), settled_at = NULL
	RETURNING r.*;
END
$$;

COMMENT ON FUNCTION cloudflux.create_topics(text[], int, int) IS
'Asks the publisher to make topics in Kafka: those named, or all of kafka_topics and event_types; cloudflux-progress too, which keeps the position. It does so after the commit; topic_requests tells what came of it. Topics that exist stay as they are.';

CREATE FUNCTION cloudflux.replay_events(topic text, first_id bigint, last_id bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_events bigint;
BEGIN
	IF $1 IS NULL OR $2 IS NULL OR $3 IS NULL OR $2 > $3 THEN
		RAISE EXCEPTION 'no events from % to % of topic %', $2, $3, quote_nullable($1)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name a topic, and a first id that is not larger than the last one.';
	END IF;
	SELECT count(*) INTO v_events FROM cloudflux.events AS e WHERE e.id BETWEEN $2 AND $3 AND e.topic = $1;
	IF v_events > 0 THEN
		INSERT INTO cloudflux.event_replays (topic, first_id, last_id, after_id) VALUES ($1, $2, $3, $2 - 1);
		PERFORM cloudflux.wake_publisher();
	END IF;
	RETURN v_events;
END
$$;

COMMENT ON FUNCTION cloudflux.replay_events(text, bigint, bigint) IS
'Asks the publisher to send events of a topic again, after the commit and under their own event_id, with the header and attribute replay = true. Returns how many there are. Only events that have been sent before, or will be, should be asked for; event_replays tells how far it is.';

CREATE FUNCTION cloudflux.rebase_events(start text DEFAULT 'now') RETURNS pg_snapshot
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_published pg_snapshot;
BEGIN
	IF start IS NULL OR start NOT IN ('now', 'mirror') THEN
		RAISE EXCEPTION 'events cannot be published from % on', quote_nullable(start)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Say ''now'', or ''mirror'' for where this database believes to have been.';
	END IF;
	IF cloudflux.kafka_is_set() AND EXISTS (SELECT FROM cloudflux.event_positions AS p WHERE p.reader = 'kafka' AND p.state = 'publishing' AND p.wish IS NULL) THEN
		RAISE EXCEPTION 'publishing to Kafka has not stopped'
			USING ERRCODE = 'object_not_in_prerequisite_state',
			      DETAIL = 'What is not sent yet would be passed over, or what was sent would be sent again.',
			      HINT = 'It goes on by itself; skip_event() keeps a single event from Kafka.';
	END IF;
	UPDATE cloudflux.event_positions AS p
	   SET wish = 'rebase',
	       published = CASE WHEN start = 'now' OR p.events = 0 THEN pg_current_snapshot() ELSE p.published END,
	       opened = CASE WHEN start = 'now' OR p.events = 0 THEN NULL ELSE p.opened END,
	       last_id = CASE WHEN start = 'now' OR p.events = 0 THEN 0 ELSE p.last_id END
	 WHERE p.reader = 'kafka'
	RETURNING p.published INTO v_published;
	PERFORM cloudflux.wake_publisher();
	RETURN v_published;
END
$$;

COMMENT ON FUNCTION cloudflux.rebase_events(text) IS
'Makes publishing to Kafka go on after it has stopped because its position is not one that this database can continue (see event_lag): with what is written from ''now'' on, or where this database believes to have been (''mirror''; events that Kafka had acknowledged later are then sent again, under their event_id; where nothing was ever published it is the same as ''now''). Returns what counts as published; 55000 where publishing has not stopped. SECURITY DEFINER, because nobody else may change positions.';

-- What can be seen

CREATE FUNCTION cloudflux.unpublished_events(OUT topic text, OUT events bigint, OUT oldest timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE
SET enable_seqscan = off
BEGIN ATOMIC
	SELECT e.topic, count(*), min(e.occurred_at)
	  FROM cloudflux.event_positions AS p, cloudflux.events AS e
	 WHERE p.reader = 'kafka'
	   AND (e.xid >= pg_snapshot_xmax(p.published) AND e.xid < pg_snapshot_xmax(pg_current_snapshot()) OR e.xid = ANY (ARRAY(SELECT pg_snapshot_xip(p.published))))
	   AND (p.opened IS NULL OR e.id > p.last_id OR NOT pg_visible_in_snapshot(e.xid, p.opened))
	 GROUP BY e.topic;
END;

COMMENT ON FUNCTION cloudflux.unpublished_events() IS 'Committed events that Kafka has not acknowledged yet, per topic of the table; topics without any are left out.';

CREATE VIEW cloudflux.event_lag WITH (security_invoker = true) AS
SELECT p.reader,
       NULL::text AS topic,
       u.events AS untold_events,
       u.oldest AS oldest_untold,
       COALESCE(extract(epoch FROM clock_timestamp() - u.oldest), 0)::numeric(20, 3) AS lag_seconds,
       t.pid AS held_back_by,
       extract(epoch FROM clock_timestamp() - t.since)::numeric(20, 3) AS held_back_seconds,
       'telling'::text AS state,
       NULL::text AS detail,
       NULL::text AS hint
  FROM cloudflux.event_positions AS p
 CROSS JOIN LATERAL (SELECT count(*) AS events, min(e.occurred_at) AS oldest
                       FROM cloudflux.events AS e
                      WHERE e.xid >= p.last_xmin) AS u
  LEFT JOIN LATERAL cloudflux.oldest_transaction() AS t ON u.events > 0
 WHERE p.reader = 'notify'
UNION ALL
SELECT p.reader,
       COALESCE(k.topic, u.topic),
       COALESCE(u.events, 0),
       u.oldest,
       COALESCE(extract(epoch FROM clock_timestamp() - u.oldest), 0)::numeric(20, 3),
       NULL, NULL,
       COALESCE(p.state, 'waiting'),
       p.detail,
       p.hint
  FROM cloudflux.event_positions AS p
 CROSS JOIN (cloudflux.kafka_topics AS k FULL JOIN cloudflux.unpublished_events() AS u ON u.topic = k.topic)
 WHERE p.reader = 'kafka'
   AND (cloudflux.kafka_is_set() OR p.events > 0);

COMMENT ON VIEW cloudflux.event_lag IS 'How far each reader of the outbox is behind and why: one row for NOTIFY, and one per topic for Kafka when there are brokers.';
COMMENT ON COLUMN cloudflux.event_lag.reader IS 'Name of the reader: notify (LISTEN cloudflux_events) or kafka.';
COMMENT ON COLUMN cloudflux.event_lag.topic IS 'Topic of the table; NULL for notify, which tells of all.';
COMMENT ON COLUMN cloudflux.event_lag.untold_events IS 'Committed events that this reader was not told of yet.';
COMMENT ON COLUMN cloudflux.event_lag.oldest_untold IS 'When the oldest of them occurred; NULL when there is none.';
COMMENT ON COLUMN cloudflux.event_lag.lag_seconds IS 'Age of the oldest of them; 0 when there is none.';
COMMENT ON COLUMN cloudflux.event_lag.held_back_by IS 'Process of the oldest writing transaction of the server, which holds later events back from notify; NULL when there are none or it is a prepared one. Nothing is held back from Kafka.';
COMMENT ON COLUMN cloudflux.event_lag.held_back_seconds IS 'How long that transaction has been open.';
COMMENT ON COLUMN cloudflux.event_lag.state IS 'telling for notify; for kafka publishing, waiting (goes on by itself) or stopped (needs rebase_events()).';
COMMENT ON COLUMN cloudflux.event_lag.detail IS 'Why Kafka waits or has stopped.';
COMMENT ON COLUMN cloudflux.event_lag.hint IS 'What to do about it.';

CREATE FUNCTION cloudflux.check_kafka(OUT status text, OUT since timestamptz, OUT detail text, OUT hint text)
RETURNS record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_here cloudflux.event_positions;
	v_lag  record;
BEGIN
	SELECT p.* INTO v_here FROM cloudflux.event_positions AS p WHERE p.reader = 'kafka';
	SELECT COALESCE(sum(u.events), 0) AS events, min(u.oldest) AS oldest INTO v_lag FROM cloudflux.unpublished_events() AS u;
	status := 'ok';
	since := v_here.state_since;
	IF NOT cloudflux.kafka_is_set() THEN
		detail := 'No brokers are set: events stay in the table.';
		RETURN;
	END IF;
	detail := format('%s events published, %s to go.', v_here.events, v_lag.events);
	IF v_here.state = 'stopped' THEN
		status := 'failed';
		detail := v_here.detail;
		hint := v_here.hint;
	ELSIF v_here.state = 'waiting' AND v_here.state_since < clock_timestamp() - interval '60 seconds' THEN
		status := 'degraded';
		detail := v_here.detail;
		hint := v_here.hint;
	ELSIF v_lag.oldest < clock_timestamp() - interval '60 seconds' AND NOT pg_is_in_recovery() THEN
		status := 'degraded';
		since := v_lag.oldest;
		detail := format('%s events wait to be published, the oldest since %s.', v_lag.events, v_lag.oldest::timestamptz(0));
		hint := 'See the view event_lag, and the publisher in the view workers.';
	END IF;
END
$$;

COMMENT ON FUNCTION cloudflux.check_kafka() IS 'Health check: failed when publishing has stopped; degraded when it waits, or an event has waited, for 60 seconds.';

INSERT INTO cloudflux.health_checks (component, room, function_name, builtin) VALUES ('kafka', 'events', 'check_kafka', true);

SELECT pg_catalog.pg_extension_config_dump('cloudflux.kafka_topics', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.event_types', 'WHERE NOT builtin');

REVOKE ALL ON FUNCTION cloudflux.wake_publisher(), cloudflux.create_topics(text[], int, int), cloudflux.replay_events(text, bigint, bigint),
	cloudflux.rebase_events(text), cloudflux.unpublished_events(), cloudflux.check_kafka() FROM PUBLIC;

GRANT SELECT ON cloudflux.kafka_topics, cloudflux.event_types, cloudflux.event_routes, cloudflux.topic_requests, cloudflux.event_replays, cloudflux.event_lag
	TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.unpublished_events(), cloudflux.check_kafka() TO cloudflux_viewer;
GRANT INSERT, UPDATE, DELETE ON cloudflux.kafka_topics, cloudflux.event_types TO cloudflux_admin;
GRANT INSERT, UPDATE ON cloudflux.topic_requests TO cloudflux_admin;
GRANT INSERT, DELETE ON cloudflux.event_replays TO cloudflux_admin;
GRANT EXECUTE ON FUNCTION cloudflux.wake_publisher(), cloudflux.create_topics(text[], int, int), cloudflux.replay_events(text, bigint, bigint),
	cloudflux.rebase_events(text) TO cloudflux_admin;
GRANT UPDATE ON cloudflux.topic_requests, cloudflux.event_replays TO cloudflux_worker;
