/*
 * catalog/ingest: what stores and programs tell by Kafka of objects, applied to the catalog: the handler objects of ingest_topics.
 *
 * Stores tell at least once and not in order. So only the latest word about an address counts, and only when it is newer than what the catalog
 * knows; told twice, it changes nothing. What a mover does at an address is the mover's: addresses in other states are passed over.
 */

CREATE TYPE cloudflux.told_object AS (
	kind          text,
	place         text,
	object_key    text,
	file_id       text,
	happened_at   timestamptz,
	size_bytes    bigint,
	pin           text,
	content_type  text,
	storage_class text,
	access_type   text,
	user_id       text,
	latency_ms    double precision,
	bytes         bigint,
	holders       bigint,
	words         text,
	ord           bigint
);

COMMENT ON TYPE cloudflux.told_object IS 'One thing that a message tells of an object, with its place found.';
COMMENT ON COLUMN cloudflux.told_object.kind IS 'created, deleted or accessed.';
COMMENT ON COLUMN cloudflux.told_object.place IS 'Place that holds the address; NULL = none does.';
COMMENT ON COLUMN cloudflux.told_object.object_key IS 'Key there.';
COMMENT ON COLUMN cloudflux.told_object.file_id IS 'The object, when the message names it so.';
COMMENT ON COLUMN cloudflux.told_object.happened_at IS 'When it happened.';
COMMENT ON COLUMN cloudflux.told_object.size_bytes IS 'Size that is told.';
COMMENT ON COLUMN cloudflux.told_object.pin IS 'ETag or generation that is told, without quotes.';
COMMENT ON COLUMN cloudflux.told_object.content_type IS 'Media type that is told.';
COMMENT ON COLUMN cloudflux.told_object.storage_class IS 'Storage class that is told.';
COMMENT ON COLUMN cloudflux.told_object.access_type IS 'read, write or delete.';
COMMENT ON COLUMN cloudflux.told_object.user_id IS 'Who accessed it.';
COMMENT ON COLUMN cloudflux.told_object.latency_ms IS 'How long that took.';
COMMENT ON COLUMN cloudflux.told_object.bytes IS 'How much was read.';
COMMENT ON COLUMN cloudflux.told_object.holders IS 'How many places could hold the address equally well.';
COMMENT ON COLUMN cloudflux.told_object.words IS 'The address as it was told, for error messages.';
COMMENT ON COLUMN cloudflux.told_object.ord IS 'Which of the records.';

CREATE FUNCTION cloudflux.told_objects(p_records cloudflux.ingest_record[]) RETURNS SETOF cloudflux.told_object
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT r.kind,
	       COALESCE(d.place, b.place, l.place, o.place),
	       COALESCE(d.object_key, b.object_key, l.object_key, o.object_key),
	       r.data ->> 'file_id', COALESCE(r.happened_at, now()), (r.data ->> 'size_bytes')::bigint,
	       btrim(COALESCE(r.data ->> 'etag', r.data ->> 'version_id'), '"'),
	       r.data ->> 'content_type', r.data ->> 'storage_class', r.data ->> 'access_type', r.data ->> 'user_id',
	       (r.data ->> 'latency_ms')::double precision, (r.data ->> 'bytes')::bigint,
	       CASE WHEN d.place IS NULL THEN b.holders END,
	       COALESCE((r.data ->> 'place') || ': ' || (r.data ->> 'object_key'), (r.data ->> 'bucket') || '/' || (r.data ->> 'key'),
	                r.data ->> 'location', r.data ->> 'file_id'),
	       r.ord
	  FROM unnest(p_records) WITH ORDINALITY AS r(partition, message_offset, part, happened_at, key, kind, headers, data, ord)
	  LEFT JOIN LATERAL (SELECT r.data ->> 'place' AS place, r.data ->> 'object_key' AS object_key
	                      WHERE r.data ? 'place' AND r.data ? 'object_key') AS d ON true
	  -- The place of a bucket whose prefix fits best; of S3's kind there may be several stores.
	  LEFT JOIN LATERAL (SELECT min(f.place) AS place, substr(r.data ->> 'key', min(f.prefix_length) + 1) AS object_key, count(*) AS holders
	                       FROM (SELECT p.place, length(p.prefix) AS prefix_length,
	                                    rank() OVER (ORDER BY p.provider = r.data ->> 'provider' DESC, length(p.prefix) DESC) AS rank
	                               FROM cloudflux.places AS p
	                              WHERE p.bucket = r.data ->> 'bucket'
	                                AND (p.provider = r.data ->> 'provider' OR p.provider IN ('AWS', 'S3') AND r.data ->> 'provider' IN ('AWS', 'S3'))
	                                AND (NOT r.data ? 'account' OR strpos(p.endpoint, r.data ->> 'account') > 0 OR p.endpoint = '' AND NOT EXISTS (
	                                     SELECT FROM pg_foreign_server AS s CROSS JOIN LATERAL pg_options_to_table(s.srvoptions) AS x
	                                      WHERE s.srvname = p.place AND x.option_name = 'account' AND x.option_value <> r.data ->> 'account'))
	                                AND starts_with(r.data ->> 'key', p.prefix) AND length(r.data ->> 'key') > length(p.prefix)) AS f
	                      WHERE f.rank = 1
	                     HAVING count(*) > 0) AS b ON d.place IS NULL
	  LEFT JOIN LATERAL (SELECT p.place, substr(r.data ->> 'location', length(p.url) + 1) AS object_key
	                       FROM cloudflux.places AS p
	                      WHERE p.place = cloudflux.place_of_location(r.data ->> 'location')) AS l ON d.place IS NULL AND b.place IS NULL
	  LEFT JOIN cloudflux.data_objects AS o
	    ON o.file_id = r.data ->> 'file_id' AND d.place IS NULL AND b.place IS NULL AND l.place IS NULL;
END;

COMMENT ON FUNCTION cloudflux.told_objects(cloudflux.ingest_record[]) IS 'Part of ingest_objects(): where the addresses that messages tell are in places.';

CREATE FUNCTION cloudflux.ingest_objects(p_topic text, p_records cloudflux.ingest_record[], p_subjects text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
	SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
	v_told   cloudflux.told_object[];
	v_last   cloudflux.told_object[];
	v_wrong  record;
	v_made   text[];
	v_change text[];
BEGIN
	SELECT array_agg(t ORDER BY t.ord) INTO v_told FROM cloudflux.told_objects(p_records) AS t;
	SELECT t.words, t.holders INTO v_wrong
	  FROM unnest(v_told) AS t
	 WHERE t.holders > 1 OR t.place IS NULL AND (t.kind = 'created' OR t.file_id IS NULL)
	 ORDER BY t.ord LIMIT 1;
	IF FOUND AND v_wrong.holders > 1 THEN
		RAISE EXCEPTION 'more than one place holds "%"', v_wrong.words
			USING ERRCODE = 'ambiguous_alias', HINT = 'Have the producer name place and object_key, or give each place a prefix of its own.';
	ELSIF FOUND THEN
		RAISE EXCEPTION 'no place holds "%"', v_wrong.words
			USING ERRCODE = '02000', HINT = 'Add the place with cloudflux.add_storage(), then retry_dead_letters().';
	END IF;

	-- The latest word about each address.
	SELECT array_agg(t) INTO v_last
	  FROM (SELECT DISTINCT ON (u.place, u.object_key) u.* FROM unnest(v_told) AS u
	         WHERE u.kind <> 'accessed' AND u.place IS NOT NULL ORDER BY u.place, u.object_key, u.happened_at DESC, u.ord DESC) AS t;
	WITH changed AS (
		UPDATE cloudflux.data_objects AS o
		   SET size_bytes = COALESCE(t.size_bytes, o.size_bytes), modified_at = t.happened_at, content_type = COALESCE(t.content_type, o.content_type),
		       version = NULL, sha256 = NULL, vanished_at = NULL, seen_at = clock_timestamp()
		  FROM unnest(v_last) AS t
		  JOIN cloudflux.addresses AS a ON a.place = t.place AND a.object_key = t.object_key AND a.state = 'primary'
		 WHERE t.kind = 'created' AND o.file_id = a.file_id AND o.place = t.place AND o.object_key = t.object_key
		   AND CASE WHEN o.vanished_at IS NOT NULL THEN t.happened_at > o.vanished_at
		            ELSE t.happened_at > COALESCE(o.modified_at, '-infinity')
		                 AND (t.pin IS NULL OR o.version IS NULL OR strpos(o.version, t.pin) = 0)
		                 AND NOT (o.version IS NULL AND o.modified_at IS NULL AND o.size_bytes = t.size_bytes) END
		RETURNING o.file_id)
	SELECT array_agg(c.file_id) INTO v_change FROM changed AS c;
	WITH made AS (
		INSERT INTO cloudflux.data_objects (place, object_key, size_bytes, content_type, storage_class, created_at, modified_at, seen_at)
		SELECT t.place, t.object_key, t.size_bytes, t.content_type, t.storage_class, t.happened_at, t.happened_at, clock_timestamp()
		  FROM unnest(v_last) AS t
		 WHERE t.kind = 'created'
		   AND NOT EXISTS (SELECT FROM cloudflux.addresses AS a WHERE a.place = t.place AND a.object_key = t.object_key)
		 ORDER BY t.ord
		RETURNING file_id)
	SELECT array_agg(m.file_id) INTO v_made FROM made AS m;
	UPDATE cloudflux.data_objects AS o
	   SET vanished_at = t.happened_at, seen_at = clock_timestamp()
	  FROM unnest(v_last) AS t
	  JOIN cloudflux.addresses AS a ON a.place = t.place AND a.object_key = t.object_key AND a.state = 'primary'
	 WHERE t.kind = 'deleted' AND o.file_id = a.file_id AND o.place = t.place AND o.object_key = t.object_key
	   AND o.vanished_at IS NULL AND t.happened_at >= COALESCE(o.modified_at, '-infinity');

	SELECT t.words INTO v_wrong
	  FROM unnest(v_told) AS t
	  LEFT JOIN cloudflux.addresses AS a ON a.place = t.place AND a.object_key = t.object_key
	 WHERE t.kind = 'accessed' AND a.file_id IS NULL
	   AND NOT EXISTS (SELECT FROM cloudflux.data_objects AS o WHERE o.file_id = t.file_id)
	 ORDER BY t.ord LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'object "%" does not exist', v_wrong.words
			USING ERRCODE = '02000', HINT = 'Catalogue it, for instance with CALL cloudflux.import_inventory(), then retry_dead_letters().';
	END IF;
	INSERT INTO cloudflux.access_logs (file_id, accessed_at, access_type, latency_ms, user_id, bytes)
	SELECT COALESCE((SELECT a.file_id FROM cloudflux.addresses AS a WHERE a.place = t.place AND a.object_key = t.object_key), t.file_id),
	       t.happened_at, COALESCE(t.access_type, 'read'), t.latency_ms, t.user_id, t.bytes
	  FROM unnest(v_told) AS t
	 WHERE t.kind = 'accessed'
	 ORDER BY t.ord;
	RETURN p_subjects || COALESCE(v_made, '{}') || COALESCE(v_change, '{}');
END
$$;

COMMENT ON FUNCTION cloudflux.ingest_objects(text, cloudflux.ingest_record[], text[]) IS
'Handler objects: objects that were created are catalogued, or changed when what is told is newer; deleted ones are marked as vanished; accesses are logged. Returns the file_ids of objects that are new or changed. Errors: 02000 (no place holds the address, or nobody knows the object), 42P09 (more than one place holds it), and those of data_objects and access_logs.';

INSERT INTO cloudflux.ingest_handlers (handler, step, room, function_name, objects, builtin) VALUES ('objects', 100, 'catalog', 'ingest_objects', true, true);

REVOKE ALL ON FUNCTION cloudflux.told_objects(cloudflux.ingest_record[]), cloudflux.ingest_objects(text, cloudflux.ingest_record[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.told_objects(cloudflux.ingest_record[]), cloudflux.ingest_objects(text, cloudflux.ingest_record[], text[]) TO cloudflux_user;
