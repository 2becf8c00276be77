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
	v_record record;
BEGIN
	FOR v_record IN
		SELECT r.data, r.kind
		  FROM unnest(p_records) WITH ORDINALITY AS r(partition, message_offset, part, happened_at, key, kind, headers, data, ord)
		 ORDER BY r.ord
	LOOP
		PERFORM cloudflux.run_action(COALESCE(v_record.data ->> 'action', v_record.kind), COALESCE(v_record.data -> 'arguments', '{}'));
	END LOOP;
	RETURN p_subjects;
END
$$;

COMMENT ON FUNCTION cloudflux.run_ingested_actions(text, cloudflux.ingest_record[], text[]) IS
'Handler actions: each message is a command, {"action": "migrate", "arguments": {"file_id": "…", "dest_place": "…"}}, alone or as the data of a CloudEvent, whose type is the action when the data do not name one.';

INSERT INTO cloudflux.ingest_handlers (handler, step, room, function_name, builtin) VALUES ('actions', 100, 'events', 'run_ingested_actions', true);

SELECT pg_catalog.pg_extension_config_dump('cloudflux.ingest_actions', 'WHERE NOT builtin');

REVOKE ALL ON FUNCTION cloudflux.action_argument(jsonb, oid), cloudflux.run_action(text, jsonb),
	cloudflux.run_ingested_actions(text, cloudflux.ingest_record[], text[]) FROM PUBLIC;
GRANT SELECT ON cloudflux.ingest_actions TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, UPDATE, DELETE ON cloudflux.ingest_actions TO cloudflux_admin;
GRANT EXECUTE ON FUNCTION cloudflux.action_argument(jsonb, oid), cloudflux.run_action(text, jsonb),
	cloudflux.run_ingested_actions(text, cloudflux.ingest_record[], text[]) TO cloudflux_user;
