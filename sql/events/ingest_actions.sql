/*
 * events, actions: commands that come by Kafka: the handler actions of ingest_topics. What may be asked for is a table, which rooms fill;
 * it is done with the rights of the role that the topic is mapped to, as if that role had called the function.
 */

CREATE TABLE cloudflux.ingest_actions (
	action        text NOT NULL CHECK (action ~ '^[a-z0-9_.-]{1,100}$'),
	function_name text,                    -- with the types of its parameters, as to_regprocedure() reads it
	enabled       boolean NOT NULL DEFAULT true,
	builtin       boolean NOT NULL DEFAULT false,
	PRIMARY KEY (action, builtin),
	CONSTRAINT ingest_actions_function CHECK (function_name IS NOT NULL OR NOT enabled)
);

CREATE TRIGGER ingest_actions_builtin BEFORE INSERT OR UPDATE OR DELETE ON cloudflux.ingest_actions FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_builtin('A row of your own goes over the builtin one of that action; with enabled = false it forbids it.');
COMMENT ON TRIGGER ingest_actions_builtin ON cloudflux.ingest_actions IS 'Keeps builtin rows as they are.';

COMMENT ON TABLE cloudflux.ingest_actions IS 'Commands that messages may give, where a topic has the handler actions: nothing else is done. Your own row goes over the builtin one of that action.';
COMMENT ON COLUMN cloudflux.ingest_actions.action IS 'Name of the command, as messages give it.';
COMMENT ON COLUMN cloudflux.ingest_actions.function_name IS 'Function that does it, with schema and parameter types: cloudflux.classify(text). Messages give its arguments by name.';
COMMENT ON COLUMN cloudflux.ingest_actions.enabled IS 'False: not allowed.';
COMMENT ON COLUMN cloudflux.ingest_actions.builtin IS 'Came with the extension; not dumped, not to be edited.';

-- The text of one argument, as the type reads it.
CREATE FUNCTION cloudflux.action_argument(p_value jsonb, p_type oid) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT CASE WHEN p_value IS NULL OR jsonb_typeof(p_value) = 'null' THEN 'NULL'
	            WHEN p_type IN ('pg_catalog.jsonb'::regtype, 'pg_catalog.json'::regtype) THEN quote_literal(p_value::text)
	            WHEN jsonb_typeof(p_value) = 'array' AND (SELECT t.typcategory FROM pg_type AS t WHERE t.oid = p_type) = 'A'
	                THEN quote_literal(ARRAY(SELECT jsonb_array_elements_text(p_value))::text)
	            ELSE quote_literal(p_value #>> '{}') END || '::' || format_type(p_type, NULL);
END;

COMMENT ON FUNCTION cloudflux.action_argument(jsonb, oid) IS 'Part of run_action(): a JSON value as an SQL literal of a type.';

-- The command that a message names.
CREATE FUNCTION cloudflux.action_of(p_data jsonb, p_kind text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN COALESCE(CASE jsonb_typeof(p_data) WHEN 'object' THEN p_data ->> 'action' END, NULLIF(p_kind, ''));

COMMENT ON FUNCTION cloudflux.action_of(jsonb, text) IS 'Part of the handler actions: the command that a message names, or the type of its CloudEvent is.';

CREATE FUNCTION cloudflux.run_action(action text, arguments jsonb DEFAULT '{}') RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_allowed  cloudflux.ingest_actions;
	v_function pg_proc;
	v_schema   text;
	v_unknown  text;
	v_list     text;
	v_result   text;
BEGIN
	SELECT a.* INTO v_allowed FROM cloudflux.ingest_actions AS a WHERE a.action = $1 ORDER BY a.builtin LIMIT 1;
	IF v_allowed.enabled IS NOT TRUE THEN
		RAISE EXCEPTION 'action "%" is not allowed', COALESCE($1, 'NULL')
			USING ERRCODE = 'insufficient_privilege', HINT = 'Table cloudflux.ingest_actions lists those that are.';
	END IF;
	IF $2 IS NULL OR jsonb_typeof($2) <> 'object' THEN
		RAISE EXCEPTION 'the arguments of action "%" are no object', $1
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give them by name: {"file_id": "…"}.';
	END IF;
	SELECT p.* INTO v_function FROM pg_proc AS p WHERE p.oid = to_regprocedure(v_allowed.function_name);
	IF NOT FOUND OR v_function.prokind <> 'f' THEN
		RAISE EXCEPTION 'function % of action "%" does not exist', v_allowed.function_name, $1
			USING ERRCODE = 'undefined_function', HINT = 'Correct cloudflux.ingest_actions.';
	END IF;
	WITH parameters AS (
		SELECT n.name, t.type, n.no
		  FROM unnest(v_function.proargnames) WITH ORDINALITY AS n(name, no)
		  JOIN unnest(COALESCE(v_function.proallargtypes, v_function.proargtypes::oid[])) WITH ORDINALITY AS t(type, no) ON t.no = n.no
		 WHERE n.name <> '' AND COALESCE(v_function.proargmodes[n.no], 'i') IN ('i', 'b'))
	SELECT string_agg(quote_literal(g.name), ', ') FILTER (WHERE p.name IS NULL),
	       string_agg(format('%I => %s', g.name, cloudflux.action_argument(g.value, p.type)), ', ' ORDER BY p.no)
	  INTO v_unknown, v_list
	  FROM jsonb_each($2) AS g(name, value)
	  LEFT JOIN parameters AS p ON p.name = g.name;
	IF v_unknown IS NOT NULL THEN
		RAISE EXCEPTION 'action "%" has no argument %', $1, v_unknown
			USING ERRCODE = 'invalid_parameter_value', HINT = format('It calls %s.', v_allowed.function_name);
	END IF;
	SELECT n.nspname INTO v_schema FROM pg_namespace AS n WHERE n.oid = v_function.pronamespace;
	EXECUTE format('SELECT (%I.%I(%s))::pg_catalog.text', v_schema, v_function.proname, v_list) INTO v_result;
	RETURN v_result;
END
$$;

COMMENT ON FUNCTION cloudflux.run_action(text, jsonb) IS
'Does what a message to the handler actions asks for, with the caller''s rights: calls the function that ingest_actions names, with arguments by name, and returns its result as text. Errors: 42501 (not allowed), 22023 (an argument that it does not have), 42883 (its function is not there), and those of the function.';

CREATE FUNCTION cloudflux.run_ingested_actions(p_topic text, p_records cloudflux.ingest_record[], p_subjects text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_record  record;
	v_results text[] := '{}';
BEGIN
	FOR v_record IN
		SELECT r.data, r.kind
		  FROM unnest(p_records) WITH ORDINALITY AS r(partition, message_offset, part, happened_at, key, kind, headers, data, ord)
		 ORDER BY r.ord
	LOOP
		v_results := v_results || cloudflux.run_action(cloudflux.action_of(v_record.data, v_record.kind), COALESCE(v_record.data -> 'arguments', '{}'));
	END LOOP;
	RETURN v_results;
END
$$;

COMMENT ON FUNCTION cloudflux.run_ingested_actions(text, cloudflux.ingest_record[], text[]) IS
'Handler actions: each message is a command, {"action": "migrate", "arguments": {"file_id": "…", "dest_place": "…"}}, alone or as the data of a CloudEvent, whose type is the action when the data do not name one. Returns what each gave.';

-- What came of commands. The ingester writes it, with its own rights: whose rights the command had does not matter.

CREATE TABLE cloudflux.action_log (
	id             bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	decided_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	topic          text NOT NULL,
	partition      int NOT NULL,
	message_offset bigint NOT NULL,
	part           int,
	message_key    text,
	run_as         text NOT NULL,
	mapped_by      text NOT NULL,
	action         text,
	arguments      jsonb,
	outcome        text NOT NULL CHECK (outcome IN ('done', 'refused')),
	result         text,
	error_code     text
);
CREATE INDEX action_log_message ON cloudflux.action_log (topic, partition, message_offset);

COMMENT ON TABLE cloudflux.action_log IS 'Every command that came by Kafka: whose rights it had, what it asked for and what came of it. A row is written in the transaction that does or refuses the command; nobody changes or deletes one.';
COMMENT ON COLUMN cloudflux.action_log.id IS 'Grows with each.';
COMMENT ON COLUMN cloudflux.action_log.decided_at IS 'When it was done or refused.';
COMMENT ON COLUMN cloudflux.action_log.topic IS 'Topic that the message came by. Who may write there is for Kafka to say.';
COMMENT ON COLUMN cloudflux.action_log.partition IS 'Its partition.';
COMMENT ON COLUMN cloudflux.action_log.message_offset IS 'Its offset.';
COMMENT ON COLUMN cloudflux.action_log.part IS 'Which command of the message, from 1; NULL = all of a message that was refused.';
COMMENT ON COLUMN cloudflux.action_log.message_key IS 'Its key; NULL = it has none, or one that is no text.';
COMMENT ON COLUMN cloudflux.action_log.run_as IS 'Role with whose rights it was done, or would have been.';
COMMENT ON COLUMN cloudflux.action_log.mapped_by IS 'Role that mapped the topic to it.';
COMMENT ON COLUMN cloudflux.action_log.action IS 'The command; NULL when the message names none.';
COMMENT ON COLUMN cloudflux.action_log.arguments IS 'Its arguments, as the message gives them.';
COMMENT ON COLUMN cloudflux.action_log.outcome IS 'done or refused. One that was refused may be done later: see retry_dead_letters().';
COMMENT ON COLUMN cloudflux.action_log.result IS 'What its function returned, or why it was refused.';
COMMENT ON COLUMN cloudflux.action_log.error_code IS 'SQLSTATE of the refusal; NULL = done, or it could not be read.';

CREATE FUNCTION cloudflux.guard_action_log() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'rows of cloudflux.action_log stay as they are' USING ERRCODE = 'insufficient_privilege';
END
$$;

COMMENT ON FUNCTION cloudflux.guard_action_log() IS 'Trigger: refuses any change of what was logged (42501).';

CREATE TRIGGER guard_action_log BEFORE UPDATE OR DELETE OR TRUNCATE ON cloudflux.action_log
	FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.guard_action_log();
COMMENT ON TRIGGER guard_action_log ON cloudflux.action_log IS 'Keeps rows as they were written.';

CREATE FUNCTION cloudflux.note_actions(p_topic text, p_records cloudflux.ingest_record[], p_results text[]) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO cloudflux.action_log (topic, partition, message_offset, part, message_key, run_as, mapped_by, action, arguments, outcome, result)
	SELECT p_topic, r.partition, r.message_offset, r.part, r.key, t.run_as, t.mapped_by,
	       cloudflux.action_of(r.data, r.kind), r.data -> 'arguments', 'done', p_results[r.ord]
	  FROM unnest(p_records) WITH ORDINALITY AS r(partition, message_offset, part, happened_at, key, kind, headers, data, ord)
	  JOIN cloudflux.ingest_topics AS t ON t.topic = p_topic
	 ORDER BY r.ord;
END;

COMMENT ON FUNCTION cloudflux.note_actions(text, cloudflux.ingest_record[], text[]) IS 'Part of the ingester: logs commands that were done, with what each gave.';

CREATE FUNCTION cloudflux.note_refusal(p_topic text, p_partition int, p_message_offset bigint, p_key bytea, p_payload bytea, p_reason text, p_error_code text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_said jsonb;
	v_key  text;
BEGIN
	-- What cannot be read was refused for just that.
	BEGIN
		v_said := convert_from(p_payload, 'UTF8')::jsonb;
	EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
		NULL;
	END;
	BEGIN
		v_key := convert_from(p_key, 'UTF8');
	EXCEPTION WHEN data_exception THEN
		NULL;
	END;
	IF v_said ? 'specversion' THEN
		v_said := CASE jsonb_typeof(v_said -> 'data') WHEN 'object' THEN v_said -> 'data' ELSE '{}' END || jsonb_build_object('kind', v_said ->> 'type');
	END IF;
	INSERT INTO cloudflux.action_log (topic, partition, message_offset, message_key, run_as, mapped_by, action, arguments, outcome, result, error_code)
	SELECT p_topic, p_partition, p_message_offset, v_key, t.run_as, t.mapped_by,
	       cloudflux.action_of(v_said, v_said ->> 'kind'), v_said -> 'arguments', 'refused', p_reason, p_error_code
	  FROM cloudflux.ingest_topics AS t
	 WHERE t.topic = p_topic;
END
$$;

COMMENT ON FUNCTION cloudflux.note_refusal(text, int, bigint, bytea, bytea, text, text) IS 'Part of the ingester: logs a message with commands that was refused.';

INSERT INTO cloudflux.ingest_handlers (handler, step, room, function_name, builtin) VALUES ('actions', 100, 'events', 'run_ingested_actions', true);

SELECT pg_catalog.pg_extension_config_dump('cloudflux.ingest_actions', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.action_log', '');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.action_log_id_seq', '');

REVOKE ALL ON FUNCTION cloudflux.action_argument(jsonb, oid), cloudflux.action_of(jsonb, text), cloudflux.run_action(text, jsonb),
	cloudflux.run_ingested_actions(text, cloudflux.ingest_record[], text[]), cloudflux.guard_action_log(),
	cloudflux.note_actions(text, cloudflux.ingest_record[], text[]),
	cloudflux.note_refusal(text, int, bigint, bytea, bytea, text, text) FROM PUBLIC;
GRANT SELECT ON cloudflux.ingest_actions TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, UPDATE, DELETE ON cloudflux.ingest_actions TO cloudflux_admin;
-- What is in a message is for those alone who see to it, as in dead_letters.
GRANT SELECT ON cloudflux.action_log TO cloudflux_admin;
GRANT INSERT ON cloudflux.action_log TO cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.action_argument(jsonb, oid), cloudflux.action_of(jsonb, text), cloudflux.run_action(text, jsonb),
	cloudflux.run_ingested_actions(text, cloudflux.ingest_record[], text[]) TO cloudflux_user;
GRANT EXECUTE ON FUNCTION cloudflux.action_of(jsonb, text), cloudflux.note_actions(text, cloudflux.ingest_record[], text[]),
	cloudflux.note_refusal(text, int, bigint, bytea, bytea, text, text) TO cloudflux_worker;
