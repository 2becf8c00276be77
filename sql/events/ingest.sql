/*
 * events from Kafka: topics into tables, each message once. What is consumed, where it goes and with whose rights are rows; the ingester
 * (src/events/ingest_worker.c) reads them, and answers in rows.
 *
 * A position is a row that is written in the transaction that writes what the messages say: there is nothing to commit in Kafka.
 */

-- What a handler gets: one row for each thing that a message tells. A message may tell of many (Records of S3), or of none.
CREATE TYPE cloudflux.ingest_record AS (
	partition      int,
	message_offset bigint,
	part           int,
	happened_at    timestamptz,
	key            text,
	kind           text,
	headers        jsonb,
	data           jsonb
);

COMMENT ON TYPE cloudflux.ingest_record IS 'One thing that a message from Kafka tells, as handlers get it.';
COMMENT ON COLUMN cloudflux.ingest_record.partition IS 'Partition that the message came from.';
COMMENT ON COLUMN cloudflux.ingest_record.message_offset IS 'Its offset there.';
COMMENT ON COLUMN cloudflux.ingest_record.part IS 'Which of the things that the message tells, from 1.';
COMMENT ON COLUMN cloudflux.ingest_record.happened_at IS 'When it happened, as the message says; else when the message was sent.';
COMMENT ON COLUMN cloudflux.ingest_record.key IS 'Key of the message; NULL = it has none, or one that is no text.';
COMMENT ON COLUMN cloudflux.ingest_record.kind IS 'Of objects created, deleted or accessed; else the type of the CloudEvent, empty when it is none.';
COMMENT ON COLUMN cloudflux.ingest_record.headers IS 'Headers of the message, as texts.';
COMMENT ON COLUMN cloudflux.ingest_record.data IS 'What it says.';

CREATE TABLE cloudflux.ingest_handlers (
	handler       text NOT NULL,
	step          int NOT NULL,
	room          text NOT NULL,
	function_name text NOT NULL,           -- of schema cloudflux: (topic text, records ingest_record[], subjects text[]) returns text[]
	objects       boolean NOT NULL DEFAULT false,
	builtin       boolean NOT NULL DEFAULT false,
	PRIMARY KEY (handler, step)
);

CREATE TRIGGER ingest_handlers_builtin BEFORE INSERT OR UPDATE OR DELETE ON cloudflux.ingest_handlers FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_builtin('Add a step of your own.');
COMMENT ON TRIGGER ingest_handlers_builtin ON cloudflux.ingest_handlers IS 'Keeps builtin rows as they are.';

COMMENT ON TABLE cloudflux.ingest_handlers IS 'What is done with the records of a topic: the functions of its handler, one after the other, in one transaction. Rooms fill it. The handler table is not here: it inserts into a table of yours.';
COMMENT ON COLUMN cloudflux.ingest_handlers.handler IS 'Name, as in ingest_topics.';
COMMENT ON COLUMN cloudflux.ingest_handlers.step IS 'Order of the functions of one handler.';
COMMENT ON COLUMN cloudflux.ingest_handlers.room IS 'Part of cloudflux that the function belongs to.';
COMMENT ON COLUMN cloudflux.ingest_handlers.function_name IS 'Function of schema cloudflux with the parameters (topic text, records cloudflux.ingest_record[], subjects text[]), run as the topic''s run_as; what it returns are the subjects for the next one. An ERROR refuses a message.';
COMMENT ON COLUMN cloudflux.ingest_handlers.objects IS 'Records tell of objects: formats of stores are understood.';
COMMENT ON COLUMN cloudflux.ingest_handlers.builtin IS 'Came with the extension; not dumped, not to be edited.';

CREATE TABLE cloudflux.ingest_topics (
	topic        text PRIMARY KEY CHECK (topic ~ '^[a-zA-Z0-9._-]{1,249}$' AND topic NOT IN ('.', '..')),
	handler      text NOT NULL,
	format       text NOT NULL DEFAULT 'auto' CHECK (format IN ('auto', 'json', 'cloudevents', 's3', 'eventgrid', 'gcs')),
	target_table text,
	run_as       text NOT NULL DEFAULT CURRENT_USER,
	start        text NOT NULL DEFAULT 'earliest' CHECK (start IN ('earliest', 'latest')),
	sources      text[] NOT NULL DEFAULT '{}',
	enabled      boolean NOT NULL DEFAULT true,
	mapped_by    text NOT NULL DEFAULT cloudflux.actor(),
	mapped_at    timestamptz NOT NULL DEFAULT pg_catalog.transaction_timestamp(),
	CONSTRAINT ingest_topics_target CHECK ((handler = 'table') = (target_table IS NOT NULL))
);

COMMENT ON TABLE cloudflux.ingest_topics IS 'Topics of Kafka that are read, what is done with their messages, and with whose rights.';
COMMENT ON COLUMN cloudflux.ingest_topics.topic IS 'The topic.';
COMMENT ON COLUMN cloudflux.ingest_topics.handler IS 'objects (what happens to objects), metrics, actions (commands), table (a table of yours, see ingest_columns), or another one of ingest_handlers.';
COMMENT ON COLUMN cloudflux.ingest_topics.format IS 'What the messages are: auto looks at each; json takes any JSON as it is (what auto means for the handler table), cloudevents, s3, eventgrid, gcs are those formats.';
COMMENT ON COLUMN cloudflux.ingest_topics.target_table IS 'Handler table: where rows are inserted, as schema.table.';
COMMENT ON COLUMN cloudflux.ingest_topics.run_as IS 'Role with whose rights it is done. Who maps a topic must be a member of it; a superuser only where a superuser maps.';
COMMENT ON COLUMN cloudflux.ingest_topics.start IS 'Where reading begins when the topic is read for the first time: earliest or latest. Partitions that come later are read from their beginning.';
COMMENT ON COLUMN cloudflux.ingest_topics.sources IS 'Other databases (urn:cloudflux:SYSTEM:DATABASE) whose published events are taken; those of all other databases with cloudflux, and our own, are passed over.';
COMMENT ON COLUMN cloudflux.ingest_topics.enabled IS 'False: not read for now; the position stays.';
COMMENT ON COLUMN cloudflux.ingest_topics.mapped_by IS 'Who said so last; set by the server.';
COMMENT ON COLUMN cloudflux.ingest_topics.mapped_at IS 'When.';

CREATE TABLE cloudflux.ingest_columns (
	topic       text NOT NULL REFERENCES cloudflux.ingest_topics ON DELETE CASCADE,
	column_name text NOT NULL,
	path        jsonpath NOT NULL,
	PRIMARY KEY (topic, column_name)
);

COMMENT ON TABLE cloudflux.ingest_columns IS 'Handler table: which part of a message goes into which column.';
COMMENT ON COLUMN cloudflux.ingest_columns.topic IS 'The topic.';
COMMENT ON COLUMN cloudflux.ingest_columns.column_name IS 'Column of the target table; columns that are not named get their defaults.';
COMMENT ON COLUMN cloudflux.ingest_columns.path IS 'SQL/JSON path in the message: $.a.b[0]. Variables tell of the message itself: $topic, $partition, $offset, $time, $key, $headers."name". The first value found is cast to the column''s type; none is NULL, which NOT NULL of the table refuses.';

CREATE TABLE cloudflux.ingest_positions (
	topic             text NOT NULL,
	partition         int NOT NULL,
	position          bigint NOT NULL,
	generation        int NOT NULL DEFAULT 0,
	last_offset       bigint,
	last_digest       text,
	low               bigint,
	high              bigint,
	state             text NOT NULL DEFAULT 'reading' CHECK (state IN ('reading', 'stopped')),
	detail            text,
	hint              text,
	state_since       timestamptz NOT NULL DEFAULT pg_catalog.now(),
	wish              text CHECK (wish IN ('earliest', 'latest', 'here')),
	held_by           int,
	messages          bigint NOT NULL DEFAULT 0,
	records           bigint NOT NULL DEFAULT 0,
	passed_over       bigint NOT NULL DEFAULT 0,
	refused           bigint NOT NULL DEFAULT 0,
	system_identifier text NOT NULL,
	updated_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

COMMENT ON TABLE cloudflux.ingest_positions IS 'How far each partition has been read: written in the transaction that writes what its messages say.';
COMMENT ON COLUMN cloudflux.ingest_positions.topic IS 'The topic.';
COMMENT ON COLUMN cloudflux.ingest_positions.partition IS 'The partition.';
COMMENT ON COLUMN cloudflux.ingest_positions.position IS 'Next offset to be read; all messages before it are done.';
COMMENT ON COLUMN cloudflux.ingest_positions.generation IS 'Grows when the position is set by hand.';
COMMENT ON COLUMN cloudflux.ingest_positions.last_offset IS 'Offset of the last message that was read.';
COMMENT ON COLUMN cloudflux.ingest_positions.last_digest IS 'SHA-256 of it, its key and its time. It is looked at again whenever reading starts: another message there means another topic of the same name.';
COMMENT ON COLUMN cloudflux.ingest_positions.low IS 'First offset that Kafka has.';
COMMENT ON COLUMN cloudflux.ingest_positions.high IS 'Behind the last message that is committed, when it was last looked.';
COMMENT ON COLUMN cloudflux.ingest_positions.state IS 'reading, or stopped (needs reset_ingest()).';
COMMENT ON COLUMN cloudflux.ingest_positions.detail IS 'Why it has stopped.';
COMMENT ON COLUMN cloudflux.ingest_positions.hint IS 'What to do.';
COMMENT ON COLUMN cloudflux.ingest_positions.state_since IS 'Since when it is in this state.';
COMMENT ON COLUMN cloudflux.ingest_positions.wish IS 'From reset_ingest() until the ingester has done it.';
COMMENT ON COLUMN cloudflux.ingest_positions.held_by IS 'Process that read it last.';
COMMENT ON COLUMN cloudflux.ingest_positions.messages IS 'Messages read.';
COMMENT ON COLUMN cloudflux.ingest_positions.records IS 'Things that they told.';
COMMENT ON COLUMN cloudflux.ingest_positions.passed_over IS 'Messages that told of nothing that concerns us.';
COMMENT ON COLUMN cloudflux.ingest_positions.refused IS 'Messages that went to dead_letters.';
COMMENT ON COLUMN cloudflux.ingest_positions.system_identifier IS 'Cluster that read it. With a dump it comes into another one, which must not go on by itself.';
COMMENT ON COLUMN cloudflux.ingest_positions.updated_at IS 'When the position moved last.';

CREATE TABLE cloudflux.ingest_states (
	topic    text PRIMARY KEY,
	state    text NOT NULL CHECK (state IN ('reading', 'waiting')),
	detail   text,
	hint     text,
	since    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	failures bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

COMMENT ON TABLE cloudflux.ingest_states IS 'Whether topics are read, as far as it does not depend on a partition; not dumped.';
COMMENT ON COLUMN cloudflux.ingest_states.topic IS 'The topic.';
COMMENT ON COLUMN cloudflux.ingest_states.state IS 'reading, or waiting (goes on by itself).';
COMMENT ON COLUMN cloudflux.ingest_states.detail IS 'What it waits for.';
COMMENT ON COLUMN cloudflux.ingest_states.hint IS 'What to do.';
COMMENT ON COLUMN cloudflux.ingest_states.since IS 'Since when.';
COMMENT ON COLUMN cloudflux.ingest_states.failures IS 'How often it had to wait.';

CREATE TABLE cloudflux.dead_letters (
	id             bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	topic          text NOT NULL,
	partition      int NOT NULL,
	message_offset bigint NOT NULL,
	reason         text NOT NULL,
	error_code     text,
	message_time   timestamptz,
	key            bytea,
	payload        bytea,
	headers        jsonb,
	buried_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
	attempts       int NOT NULL DEFAULT 1,
	wanted_at      timestamptz
);
CREATE INDEX dead_letters_topic ON cloudflux.dead_letters (topic, id);
CREATE INDEX dead_letters_wanted ON cloudflux.dead_letters (topic, id) WHERE wanted_at IS NOT NULL;

COMMENT ON TABLE cloudflux.dead_letters IS 'Messages that were refused, with their bytes. Repair what was wrong and call retry_dead_letters(), or DELETE what is of no use.';
COMMENT ON COLUMN cloudflux.dead_letters.id IS 'Grows with each.';
COMMENT ON COLUMN cloudflux.dead_letters.topic IS 'Where the message came from.';
COMMENT ON COLUMN cloudflux.dead_letters.partition IS 'Its partition.';
COMMENT ON COLUMN cloudflux.dead_letters.message_offset IS 'Its offset.';
COMMENT ON COLUMN cloudflux.dead_letters.reason IS 'Why it was refused the last time; "not now: …" while something else keeps it from being tried again.';
COMMENT ON COLUMN cloudflux.dead_letters.error_code IS 'SQLSTATE, when a handler or a table refused it; NULL = it could not be read.';
COMMENT ON COLUMN cloudflux.dead_letters.message_time IS 'When it was sent.';
COMMENT ON COLUMN cloudflux.dead_letters.key IS 'Its key; NULL = none.';
COMMENT ON COLUMN cloudflux.dead_letters.payload IS 'Its value; NULL = none.';
COMMENT ON COLUMN cloudflux.dead_letters.headers IS 'Its headers: an array of [name, base64 of the value].';
COMMENT ON COLUMN cloudflux.dead_letters.buried_at IS 'When it was refused first.';
COMMENT ON COLUMN cloudflux.dead_letters.attempts IS 'How often it was tried.';
COMMENT ON COLUMN cloudflux.dead_letters.wanted_at IS 'When retry_dead_letters() was asked for it; NULL = nobody did since the last try.';

CREATE FUNCTION cloudflux.wake_ingester() RETURNS void
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'cloudflux_wake_ingester';

COMMENT ON FUNCTION cloudflux.wake_ingester() IS 'Makes this database''s ingester look as soon as this transaction has committed.';

-- Whose rights

CREATE FUNCTION cloudflux.ingest_problem(p_topic cloudflux.ingest_topics) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_role   pg_roles;
	v_mapper pg_roles;
	v_table  regclass;
BEGIN
	SELECT r.* INTO v_role FROM pg_roles AS r WHERE r.rolname = p_topic.run_as;
	SELECT r.* INTO v_mapper FROM pg_roles AS r WHERE r.rolname = p_topic.mapped_by;
	IF v_role.oid IS NULL THEN
		RETURN format('role "%s" does not exist', p_topic.run_as);
	ELSIF v_mapper.oid IS NULL THEN
		RETURN format('role "%s", which mapped the topic, does not exist', p_topic.mapped_by);
	ELSIF v_role.rolsuper AND NOT v_mapper.rolsuper THEN
		RETURN format('only a superuser may have it done as superuser "%s"', p_topic.run_as);
	ELSIF NOT pg_has_role(v_mapper.oid, v_role.oid, 'MEMBER') THEN
		RETURN format('role "%s", which mapped the topic, is no member of role "%s"', p_topic.mapped_by, p_topic.run_as);
	ELSIF p_topic.handler <> 'table' THEN
		IF NOT EXISTS (SELECT FROM cloudflux.ingest_handlers AS h WHERE h.handler = p_topic.handler) THEN
			RETURN format('there is no handler "%s"', p_topic.handler);
		ELSIF NOT pg_has_role(v_role.oid, 'cloudflux_user', 'USAGE') THEN
			RETURN format('role "%s" is no member of role "cloudflux_user"', p_topic.run_as);
		END IF;
	ELSE
		BEGIN
			v_table := to_regclass(p_topic.target_table);
		EXCEPTION WHEN syntax_error OR invalid_name OR feature_not_supported THEN
			RETURN format('"%s" is not the name of a table', p_topic.target_table);
		END;
		IF p_topic.target_table IS NULL THEN
			RETURN 'there is no target_table, which handler table needs';
		ELSIF v_table IS NULL THEN
			RETURN format('table "%s" does not exist', p_topic.target_table);
		ELSIF NOT has_any_column_privilege(v_role.oid, v_table, 'INSERT') THEN
			RETURN format('role "%s" may not insert into table "%s"', p_topic.run_as, p_topic.target_table);
		END IF;
	END IF;
	RETURN NULL;
END
$$;

COMMENT ON FUNCTION cloudflux.ingest_problem(cloudflux.ingest_topics) IS 'Why a topic cannot be ingested as it is mapped; NULL = it can. Asked when it is mapped, and again for each batch.';

CREATE FUNCTION cloudflux.guard_ingest_topics() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_problem text;
BEGIN
	-- A restore brings rows as they are, before tables and rights are there; what is wrong with them shows when they are used.
	IF TG_OP = 'UPDATE' OR NEW.mapped_at = transaction_timestamp() OR NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = CURRENT_USER) THEN
		NEW.mapped_by := cloudflux.actor();
		NEW.mapped_at := transaction_timestamp();
		v_problem := cloudflux.ingest_problem(NEW);
		IF v_problem IS NOT NULL THEN
			RAISE EXCEPTION 'topic "%" cannot be ingested so', NEW.topic
				USING ERRCODE = CASE WHEN v_problem ~ 'does not exist|there is no|is not the name' THEN 'undefined_object' ELSE 'insufficient_privilege' END,
				      DETAIL = upper(left(v_problem, 1)) || substr(v_problem, 2) || '.',
				      HINT = CASE WHEN v_problem ~ '^there is no handler'
				                  THEN (SELECT format('Handlers are %s and table.', string_agg(DISTINCT h.handler, ', ' ORDER BY h.handler)) FROM cloudflux.ingest_handlers AS h)
				                  ELSE 'Correct run_as, or target_table (in full: schema.table), or grant what is missing.' END;
		END IF;
	END IF;
	PERFORM cloudflux.wake_ingester();
	RETURN NEW;
END
$$;

COMMENT ON FUNCTION cloudflux.guard_ingest_topics() IS 'Trigger: who maps a topic is set by the server, and must be a member of the role with whose rights it is done (42501).';

CREATE TRIGGER guard_ingest_topics BEFORE INSERT OR UPDATE ON cloudflux.ingest_topics
	FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_ingest_topics();
COMMENT ON TRIGGER guard_ingest_topics ON cloudflux.ingest_topics IS 'Checks whose rights are lent, and wakes the ingester.';

-- Handlers

CREATE FUNCTION cloudflux.apply_ingest(p_handler text, p_topic text, p_records cloudflux.ingest_record[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_function text;
	v_subjects text[] := '{}';
BEGIN
	FOR v_function IN SELECT h.function_name FROM cloudflux.ingest_handlers AS h WHERE h.handler = p_handler ORDER BY h.step LOOP
		EXECUTE format('SELECT cloudflux.%I($1, $2, $3)', v_function) INTO v_subjects USING p_topic, p_records, v_subjects;
	END LOOP;
	RETURN v_subjects;
END
$$;

COMMENT ON FUNCTION cloudflux.apply_ingest(text, text, cloudflux.ingest_record[]) IS 'Part of the ingester: runs the functions of a handler for some records, with the rights of whoever calls it; returns what the last one does.';

CREATE FUNCTION cloudflux.ingest_statement(p_topic text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_table    regclass;
	v_columns  text;
	v_values   text;
	v_vars     text := '{}';
	v_unknown  text;
BEGIN
	SELECT to_regclass(t.target_table) INTO v_table FROM cloudflux.ingest_topics AS t WHERE t.topic = p_topic;
	SELECT string_agg(quote_ident(c.column_name), ', ' ORDER BY c.column_name) INTO v_unknown
	  FROM cloudflux.ingest_columns AS c
	 WHERE c.topic = p_topic
	   AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = v_table AND a.attname = c.column_name AND a.attnum > 0 AND NOT a.attisdropped);
	IF v_unknown IS NOT NULL THEN
		RAISE EXCEPTION 'table "%" has no column %', v_table, v_unknown USING ERRCODE = 'undefined_column', HINT = 'Correct cloudflux.ingest_columns.';
	END IF;
	IF EXISTS (SELECT FROM cloudflux.ingest_columns AS c WHERE c.topic = p_topic AND c.path::text ~ '\$"') THEN
		v_vars := format($f$pg_catalog.jsonb_build_object('topic', %L, 'partition', r.partition, 'offset', r.message_offset, 'time', r.happened_at, 'key', r.key, 'headers', r.headers)$f$, p_topic);
	ELSE
		v_vars := quote_literal('{}') || '::pg_catalog.jsonb';
	END IF;
	SELECT string_agg(quote_ident(c.column_name), ', ' ORDER BY a.attnum),
	       string_agg(CASE WHEN a.atttypid = 'pg_catalog.jsonb'::regtype
	                       THEN format('pg_catalog.jsonb_path_query_first(r.data, %L::pg_catalog.jsonpath, %s)', c.path, v_vars)
	                       ELSE format('CAST(pg_catalog.jsonb_path_query_first(r.data, %L::pg_catalog.jsonpath, %s) OPERATOR(pg_catalog.#>>) %L::pg_catalog.text[] AS %s)',
	                                   c.path, v_vars, '{}', format_type(a.atttypid, a.atttypmod)) END, ', ' ORDER BY a.attnum)
	  INTO v_columns, v_values
	  FROM cloudflux.ingest_columns AS c
	  JOIN pg_attribute AS a ON a.attrelid = v_table AND a.attname = c.column_name AND a.attnum > 0 AND NOT a.attisdropped
	 WHERE c.topic = p_topic;
	IF v_columns IS NULL THEN
		RAISE EXCEPTION 'no column of table "%" is mapped', v_table USING ERRCODE = 'undefined_column', HINT = 'Fill cloudflux.ingest_columns.';
	END IF;
	RETURN format('INSERT INTO %s (%s) SELECT %s FROM pg_catalog.unnest($1) AS r', v_table, v_columns, v_values);
END
$$;

COMMENT ON FUNCTION cloudflux.ingest_statement(text) IS 'The INSERT of a topic whose handler is table, made of ingest_columns; $1 are the records. Errors: 42703 when a column is not there, or none is mapped.';

-- Positions

CREATE FUNCTION cloudflux.plan_ingest(p_topics text[], p_partitions int[], p_low bigint[], p_high bigint[])
RETURNS TABLE (topic text, partition int, from_offset bigint, generation int, last_offset bigint, last_digest text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_system text := (SELECT i.system_identifier FROM cloudflux.wal_identity() AS i);
	v_here   record;
BEGIN
	-- What is known of Kafka meets what is known here. New partitions of a topic that is read already are read whole.
	INSERT INTO cloudflux.ingest_positions (topic, partition, position, low, high, system_identifier)
	SELECT w.topic, w.partition,
	       CASE WHEN t.start = 'latest' AND NOT EXISTS (SELECT FROM cloudflux.ingest_positions AS o WHERE o.topic = w.topic) THEN w.high ELSE w.low END,
	       w.low, w.high, v_system
	  FROM ROWS FROM (unnest(p_topics), unnest(p_partitions), unnest(p_low), unnest(p_high)) AS w(topic, partition, low, high)
	  JOIN cloudflux.ingest_topics AS t ON t.topic = w.topic
	 ORDER BY w.topic, w.partition
	    ON CONFLICT (topic, partition) DO NOTHING;
	UPDATE cloudflux.ingest_positions AS p
	   SET position = CASE p.wish WHEN 'earliest' THEN w.low WHEN 'latest' THEN w.high ELSE p.position END,
	       low = w.low, high = w.high, wish = NULL
	  FROM ROWS FROM (unnest(p_topics), unnest(p_partitions), unnest(p_low), unnest(p_high)) AS w(topic, partition, low, high)
	 WHERE p.topic = w.topic AND p.partition = w.partition
	   AND ((p.low, p.high) IS DISTINCT FROM (w.low, w.high) OR p.wish IS NOT NULL);
	UPDATE cloudflux.ingest_positions AS p
	   SET state = 'stopped', state_since = clock_timestamp(),
	       detail = CASE WHEN p.system_identifier <> v_system THEN 'The position came with a dump of another cluster, which may still read this topic.'
	                     WHEN p.position > p.high THEN format('The position is %s, and the partition ends at %s: the topic was made anew, or has lost messages.', p.position, p.high)
	                     ELSE format('Messages %s to %s were deleted in Kafka before they were read.', p.position, p.low - 1) END,
	       hint = CASE WHEN p.system_identifier <> v_system THEN format('SELECT cloudflux.reset_ingest(%L, ''here'') to go on from there, or ''latest''.', p.topic)
	                   ELSE format('SELECT cloudflux.reset_ingest(%L, ''earliest'') to go on with what there is, or ''latest''.', p.topic) END
	  FROM unnest(p_topics, p_partitions) AS w(topic, partition)
	 WHERE p.topic = w.topic AND p.partition = w.partition AND p.state = 'reading'
	   AND (p.system_identifier <> v_system OR p.position > p.high OR p.position < p.low);

	-- A partition has one reader; the row's position, compared in each transaction, would keep a second one from doing harm, too.
	PERFORM pg_advisory_unlock_all();
	FOR v_here IN
		SELECT p.*
		  FROM cloudflux.ingest_positions AS p
		  JOIN unnest(p_topics, p_partitions) AS w(topic, partition) ON w.topic = p.topic AND w.partition = p.partition
		 WHERE p.state = 'reading'
		 ORDER BY p.topic, p.partition
	LOOP
		CONTINUE WHEN NOT pg_try_advisory_lock(hashtextextended('cloudflux.ingest/' || v_here.topic || '/' || v_here.partition, 0));
		IF v_here.held_by IS DISTINCT FROM pg_backend_pid() THEN
			UPDATE cloudflux.ingest_positions AS p SET held_by = pg_backend_pid() WHERE p.topic = v_here.topic AND p.partition = v_here.partition;
		END IF;
		topic := v_here.topic;
		partition := v_here.partition;
		from_offset := v_here.position;
		generation := v_here.generation;
		-- The message that was read last can be looked at again only while Kafka keeps it.
		last_offset := CASE WHEN v_here.last_offset >= v_here.low THEN v_here.last_offset END;
		last_digest := v_here.last_digest;
		RETURN NEXT;
	END LOOP;
END
$$;

COMMENT ON FUNCTION cloudflux.plan_ingest(text[], int[], bigint[], bigint[]) IS
'Part of the ingester: what it is to read of the partitions that Kafka has (with their first offset and the one behind the last), and from where. Makes positions for new ones, fulfils wishes, stops where a position is none that the partition has, and takes the lock of each partition; those that somebody else reads are left out.';

CREATE FUNCTION cloudflux.reset_ingest(topic text, start text DEFAULT 'here', partition int DEFAULT NULL, message_offset bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_rows bigint;
BEGIN
	IF $2 IS NULL OR $2 NOT IN ('earliest', 'latest', 'here') OR ($4 IS NOT NULL AND ($3 IS NULL OR $4 < 0)) THEN
		RAISE EXCEPTION 'topic "%" cannot be read from % on', $1, COALESCE($4::text, quote_nullable($2))
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Say ''earliest'', ''latest'' or ''here''; or name a partition, and an offset in it.';
	END IF;
	UPDATE cloudflux.ingest_positions AS p
	   SET position = COALESCE($4, p.position), wish = CASE WHEN $4 IS NULL THEN $2 ELSE 'here' END, generation = p.generation + 1,
	       last_offset = NULL, last_digest = NULL, state = 'reading', detail = NULL, hint = NULL,
	       state_since = CASE WHEN p.state = 'reading' THEN p.state_since ELSE clock_timestamp() END,
	       system_identifier = (SELECT i.system_identifier FROM cloudflux.wal_identity() AS i)
	 WHERE p.topic = $1 AND (p.partition = $3 OR $3 IS NULL);
	GET DIAGNOSTICS v_rows = ROW_COUNT;
	IF v_rows = 0 THEN
		RAISE EXCEPTION 'nothing of topic "%" has been read', $1 || COALESCE('/' || $3, '')
			USING ERRCODE = '02000', HINT = 'See cloudflux.ingest_positions.';
	END IF;
	PERFORM cloudflux.wake_ingester();
	RETURN v_rows;
END
$$;

COMMENT ON FUNCTION cloudflux.reset_ingest(text, text, int, bigint) IS
'Makes reading of a topic, or of one partition, go on from another position: earliest (all that Kafka has), latest (what comes from now on), here (the position as it is, whatever was found against it), or an offset in a partition. What is read a second time is done a second time. Returns how many partitions it concerns. SECURITY DEFINER, because nobody else may change positions.';

CREATE FUNCTION cloudflux.retry_dead_letters(topic text DEFAULT NULL, ids bigint[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_rows bigint;
BEGIN
	UPDATE cloudflux.dead_letters AS d SET wanted_at = clock_timestamp()
	 WHERE (d.topic = $1 OR $1 IS NULL) AND (d.id = ANY ($2) OR $2 IS NULL);
	GET DIAGNOSTICS v_rows = ROW_COUNT;
	PERFORM cloudflux.wake_ingester();
	RETURN v_rows;
END
$$;

COMMENT ON FUNCTION cloudflux.retry_dead_letters(text, bigint[]) IS
'Has the ingester try dead letters again: all, those of a topic, or those named. It does so after the commit, in the order of their ids, as the topic is mapped by then; what works is gone from dead_letters, what does not has a new reason there. Returns how many were asked for. SECURITY DEFINER, because administrators may read and delete dead letters, and not change them.';

-- What can be seen

CREATE VIEW cloudflux.ingest_lag WITH (security_invoker = true) AS
SELECT t.topic, p.partition, p.position, p.high AS end_position,
       GREATEST(p.high - p.position, 0) AS lag,
       CASE WHEN NOT t.enabled THEN 'off' WHEN p.state = 'stopped' THEN 'stopped' WHEN s.state IS NULL OR p.wish IS NOT NULL THEN 'waiting' ELSE s.state END AS state,
       CASE WHEN NOT t.enabled THEN NULL WHEN p.state = 'stopped' THEN p.detail
            WHEN s.state IS NULL OR s.state = 'reading' AND p.wish IS NOT NULL THEN 'The ingester has not come to it yet.' ELSE s.detail END AS detail,
       CASE WHEN NOT t.enabled THEN NULL WHEN p.state = 'stopped' THEN p.hint ELSE s.hint END AS hint,
       CASE WHEN p.state = 'stopped' THEN p.state_since ELSE s.since END AS since,
       p.messages, p.records, p.passed_over, p.refused,
       (SELECT count(*) FROM cloudflux.dead_letters AS d WHERE d.topic = t.topic AND d.partition = p.partition) AS dead_letters,
       p.updated_at
  FROM cloudflux.ingest_topics AS t
  LEFT JOIN cloudflux.ingest_positions AS p ON p.topic = t.topic
  LEFT JOIN cloudflux.ingest_states AS s ON s.topic = t.topic;

COMMENT ON VIEW cloudflux.ingest_lag IS 'How far each topic has been read, and what keeps it from being read: a row per partition, or one for a topic of which no partition is known.';
COMMENT ON COLUMN cloudflux.ingest_lag.topic IS 'The topic.';
COMMENT ON COLUMN cloudflux.ingest_lag.partition IS 'The partition; NULL = none is known.';
COMMENT ON COLUMN cloudflux.ingest_lag.position IS 'Next offset to be read.';
COMMENT ON COLUMN cloudflux.ingest_lag.end_position IS 'Behind the last committed message, as of the last look (every 10 seconds).';
COMMENT ON COLUMN cloudflux.ingest_lag.lag IS 'Offsets in between; the marks that transactions leave are among them.';
COMMENT ON COLUMN cloudflux.ingest_lag.state IS 'reading, waiting (goes on by itself), stopped (needs reset_ingest()) or off.';
COMMENT ON COLUMN cloudflux.ingest_lag.detail IS 'What it waits for, or why it has stopped.';
COMMENT ON COLUMN cloudflux.ingest_lag.hint IS 'What to do.';
COMMENT ON COLUMN cloudflux.ingest_lag.since IS 'Since when it is in this state.';
COMMENT ON COLUMN cloudflux.ingest_lag.messages IS 'Messages read.';
COMMENT ON COLUMN cloudflux.ingest_lag.records IS 'Things that they told.';
COMMENT ON COLUMN cloudflux.ingest_lag.passed_over IS 'Messages that told of nothing that concerns us.';
COMMENT ON COLUMN cloudflux.ingest_lag.refused IS 'Messages that were refused.';
COMMENT ON COLUMN cloudflux.ingest_lag.dead_letters IS 'How many of them are still in dead_letters.';
COMMENT ON COLUMN cloudflux.ingest_lag.updated_at IS 'When the position moved last.';

CREATE FUNCTION cloudflux.check_ingest(OUT status text, OUT since timestamptz, OUT detail text, OUT hint text)
RETURNS record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_lag record;
BEGIN
	status := 'ok';
	IF NOT EXISTS (SELECT FROM cloudflux.ingest_topics AS t WHERE t.enabled) THEN
		detail := 'No topics are read.';
		RETURN;
	ELSIF NOT cloudflux.kafka_is_set() OR current_setting('cloudflux.kafka_ingest', true) = 'off' THEN
		status := 'degraded';
		detail := 'Topics are mapped, and no ingester runs.';
		hint := 'Say where Kafka is (cloudflux.kafka_server or cloudflux.kafka_brokers), and set cloudflux.kafka_ingest to on.';
		RETURN;
	END IF;
	SELECT l.* INTO v_lag FROM cloudflux.ingest_lag AS l WHERE l.state IN ('stopped', 'waiting') ORDER BY l.state, l.since LIMIT 1;
	IF v_lag.state = 'stopped' OR v_lag.since < clock_timestamp() - interval '60 seconds' THEN
		status := CASE v_lag.state WHEN 'stopped' THEN 'failed' ELSE 'degraded' END;
		since := v_lag.since;
		detail := format('Topic %s%s: %s', v_lag.topic, '/' || v_lag.partition, v_lag.detail);
		hint := v_lag.hint;
		RETURN;
	END IF;
	SELECT format('%s messages read, %s to go.', COALESCE(sum(l.messages), 0), COALESCE(sum(l.lag), 0)) INTO detail FROM cloudflux.ingest_lag AS l;
	SELECT min(d.buried_at) INTO since FROM cloudflux.dead_letters AS d WHERE d.buried_at > now() - interval '1 day';
	IF since IS NOT NULL THEN
		status := 'degraded';
		SELECT format('%s messages were refused in the last 24 hours.', count(*)) INTO detail FROM cloudflux.dead_letters AS d WHERE d.buried_at > now() - interval '1 day';
		hint := 'See cloudflux.dead_letters; repair what was wrong, then SELECT cloudflux.retry_dead_letters().';
	END IF;
END
$$;

COMMENT ON FUNCTION cloudflux.check_ingest() IS 'Health check: failed when a partition is stopped; degraded when a topic waits for 60 seconds, when messages were refused within 24 hours, and when topics are mapped but nobody reads them.';

INSERT INTO cloudflux.health_checks (component, room, function_name, builtin) VALUES ('ingest', 'events', 'check_ingest', true);

SELECT pg_catalog.pg_extension_config_dump('cloudflux.ingest_handlers', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.ingest_topics', '');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.ingest_columns', '');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.ingest_positions', '');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.dead_letters', '');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.dead_letters_id_seq', '');

REVOKE ALL ON FUNCTION cloudflux.wake_ingester(), cloudflux.ingest_problem(cloudflux.ingest_topics), cloudflux.guard_ingest_topics(),
	cloudflux.apply_ingest(text, text, cloudflux.ingest_record[]), cloudflux.ingest_statement(text),
	cloudflux.plan_ingest(text[], int[], bigint[], bigint[]), cloudflux.reset_ingest(text, text, int, bigint),
	cloudflux.retry_dead_letters(text, bigint[]), cloudflux.check_ingest() FROM PUBLIC;

GRANT SELECT ON cloudflux.ingest_handlers, cloudflux.ingest_topics, cloudflux.ingest_columns, cloudflux.ingest_positions, cloudflux.ingest_states,
	cloudflux.ingest_lag TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, UPDATE, DELETE ON cloudflux.ingest_topics, cloudflux.ingest_columns, cloudflux.ingest_handlers TO cloudflux_admin;
-- What is in a message is for those alone who see to it; viewers see how many there are.
GRANT SELECT, DELETE ON cloudflux.dead_letters TO cloudflux_admin;
GRANT SELECT (id, topic, partition, message_offset, error_code, message_time, buried_at, attempts, wanted_at) ON cloudflux.dead_letters TO cloudflux_viewer;
GRANT SELECT, INSERT, UPDATE, DELETE ON cloudflux.ingest_positions, cloudflux.ingest_states, cloudflux.dead_letters TO cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.apply_ingest(text, text, cloudflux.ingest_record[]) TO cloudflux_user;
GRANT EXECUTE ON FUNCTION cloudflux.ingest_problem(cloudflux.ingest_topics), cloudflux.ingest_statement(text) TO cloudflux_admin, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.plan_ingest(text[], int[], bigint[], bigint[]) TO cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.check_ingest() TO cloudflux_viewer;
GRANT EXECUTE ON FUNCTION cloudflux.wake_ingester(), cloudflux.reset_ingest(text, text, int, bigint), cloudflux.retry_dead_letters(text, bigint[]) TO cloudflux_admin;
