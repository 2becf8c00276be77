/*
 * events that will never be sent to Kafka, because somebody has said so: what no limit lets through would hold up all that comes after it.
 */

CREATE TABLE cloudflux.skipped_events (
	event_id    bigint PRIMARY KEY,
	topic       text NOT NULL,
	event_type  text NOT NULL,
	subject     text NOT NULL,
	data        jsonb NOT NULL,
	actor       text NOT NULL,
	occurred_at timestamptz NOT NULL,
	reason      text NOT NULL CHECK (reason <> ''),
	skipped_by  text NOT NULL,
	skipped_at  timestamptz NOT NULL
);

COMMENT ON TABLE cloudflux.skipped_events IS 'Events that skip_event() keeps from Kafka, whole, for as long as nobody drops the extension: nobody but it writes here.';
COMMENT ON COLUMN cloudflux.skipped_events.event_id IS 'The event''s id in the table events.';
COMMENT ON COLUMN cloudflux.skipped_events.topic IS 'Its topic there.';
COMMENT ON COLUMN cloudflux.skipped_events.event_type IS 'Its type.';
COMMENT ON COLUMN cloudflux.skipped_events.subject IS 'What it is about.';
COMMENT ON COLUMN cloudflux.skipped_events.data IS 'What it tells.';
COMMENT ON COLUMN cloudflux.skipped_events.actor IS 'Who did what it tells.';
COMMENT ON COLUMN cloudflux.skipped_events.occurred_at IS 'When.';
COMMENT ON COLUMN cloudflux.skipped_events.reason IS 'Why it is not sent.';
COMMENT ON COLUMN cloudflux.skipped_events.skipped_by IS 'Who decided that.';
COMMENT ON COLUMN cloudflux.skipped_events.skipped_at IS 'When.';

CREATE FUNCTION cloudflux.skip_event(event_id bigint, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
	v_event    cloudflux.events;
	v_position cloudflux.event_positions;
BEGIN
	IF COALESCE($2, '') = '' THEN
		RAISE EXCEPTION 'no reason is given for skipping event %', $1
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Say why: whoever misses it in Kafka will ask.';
	END IF;
	SELECT e.* INTO v_event FROM cloudflux.events AS e WHERE e.id = $1;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no event %', $1 USING ERRCODE = '02000', HINT = 'event_lag tells which one holds publishing up.';
	END IF;
	SELECT p.* INTO v_position FROM cloudflux.event_positions AS p WHERE p.reader = 'kafka';
	IF pg_visible_in_snapshot(v_event.xid, v_position.published)
	   OR v_position.opened IS NOT NULL AND pg_visible_in_snapshot(v_event.xid, v_position.opened) AND $1 <= v_position.last_id THEN
		RAISE EXCEPTION 'event % has been published', $1
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'What is in Kafka cannot be taken back.';
	END IF;
	INSERT INTO cloudflux.skipped_events (event_id, topic, event_type, subject, data, actor, occurred_at, reason, skipped_by, skipped_at)
	VALUES (v_event.id, v_event.topic, v_event.event_type, v_event.subject, v_event.data, v_event.actor, v_event.occurred_at, $2, cloudflux.actor(), clock_timestamp())
	ON CONFLICT DO NOTHING;
	IF FOUND THEN
		RAISE LOG 'event % is kept from Kafka by role "%": %', $1, cloudflux.actor(), $2;
	END IF;
	PERFORM cloudflux.wake_publisher();
END
$$;

COMMENT ON FUNCTION cloudflux.skip_event(bigint, text) IS
'Keeps one event from Kafka, for good, so that those behind it go out: one that is larger than any limit, or that the broker refuses. It is kept in skipped_events with the reason, and the server''s log tells it; a skipped event does not go out in a replay either. 02000 when there is no such event, 55000 when it has been published. SECURITY DEFINER, because nobody else may write that table.';

SELECT pg_catalog.pg_extension_config_dump('cloudflux.skipped_events', '');

REVOKE ALL ON FUNCTION cloudflux.skip_event(bigint, text) FROM PUBLIC;
GRANT SELECT ON cloudflux.skipped_events TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.skip_event(bigint, text) TO cloudflux_admin;
