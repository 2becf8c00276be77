-- What the tests of this room stand on: two empty LOCAL places, fast (HOT) and archive (COLD), in a folder of the test's own, and
-- two functions. Who includes it sets :test to a name of its own first.
\getenv places CF_PLACES
\set root :places '/' :test
\set cmd 'cat > /dev/null; rm -rf ' :root ' && mkdir -p ' :root '/fast ' :root '/archive'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT cloudflux.add_storage('fast', 'LOCAL', :'root' || '/fast', '{"tier": "HOT"}'),
	   cloudflux.add_storage('archive', 'LOCAL', :'root' || '/archive', '{"tier": "COLD"}');
-- object() makes an object with bytes and row; outcome() tells what a statement gives, or its error with SQLSTATE, detail and hint.
CREATE FUNCTION object(file_id text, key text, bytes text DEFAULT 'some bytes', place text DEFAULT 'fast') RETURNS text
LANGUAGE sql AS $$
	INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes, version, modified_at)
	SELECT $1, $4, $2, s.size_bytes, s.version, s.modified_at FROM cloudflux.store_object($4, $2, convert_to($3, 'UTF8')) s
	RETURNING data_objects.file_id;
$$;
CREATE FUNCTION outcome(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_text   text;
	v_detail text;
	v_hint   text;
BEGIN
	EXECUTE statement INTO v_text;
	RETURN COALESCE(regexp_replace(v_text, '[0-9A-Z]{26}', 'ID', 'g'), 'nothing');
EXCEPTION WHEN query_canceled OR OTHERS THEN
	GET STACKED DIAGNOSTICS v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
	RETURN regexp_replace(concat_ws(E'\n', SQLSTATE || ': ' || SQLERRM, NULLIF(v_detail, ''), NULLIF(v_hint, '')), '[0-9A-Z]{26}', 'ID', 'g');
END;
$$;
