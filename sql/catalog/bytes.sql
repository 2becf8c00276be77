/*
 * catalog/bytes: one object and its bytes: write, read, copy, look, and a URL of it.
 */

CREATE FUNCTION cloudflux.put_object(
	place text, key text, data bytea, content_type text DEFAULT NULL, metadata jsonb DEFAULT '{}', tier text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	class  text;
	holder text;
	stored record;
	made   text;
BEGIN
	IF $1 IS NULL OR $2 IS NULL OR $3 IS NULL THEN
		RAISE EXCEPTION 'place, key and data of an object cannot be NULL' USING ERRCODE = '22023';
	END IF;
	class := cloudflux.tier_class($1, $6);
	-- Asked before any byte is written; the store itself refuses too (create-only), and so does the INSERT.
	SELECT a.file_id INTO holder FROM cloudflux.addresses a WHERE a.place = $1 AND a.object_key = $2;
	IF FOUND THEN
		RAISE EXCEPTION 'address "%" of place "%" is held by object "%"', $2, $1, holder
			USING ERRCODE = '42710', HINT = 'Choose another key, or delete or move that object first.';
	END IF;
	SELECT * INTO stored FROM cloudflux.store_object($1, $2, $3, $4, $5, CASE WHEN $6 IS NOT NULL THEN class END);
	INSERT INTO cloudflux.data_objects
		   (place, object_key, size_bytes, content_type, metadata, storage_class, version, sha256, modified_at, created_at)
	VALUES ($1, $2, stored.size_bytes, $4, COALESCE($5, '{}'), class, stored.version, sha256($3), stored.modified_at,
			stored.modified_at)
	RETURNING file_id INTO made;
	RETURN made;
END
$$;

-- Raises 02000 or 55000 unless the object has bytes at a place.
CREATE FUNCTION cloudflux.object_address(p_file_id text, OUT place text, OUT object_key text, OUT version text,
	OUT content_type text, OUT metadata jsonb, OUT storage_class text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT o.place, o.object_key, o.version, o.content_type, o.metadata, o.storage_class
	  INTO place, object_key, version, content_type, metadata, storage_class
	  FROM cloudflux.data_objects o WHERE o.file_id = p_file_id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'object "%" does not exist', COALESCE(p_file_id, 'NULL')
			USING ERRCODE = '02000', HINT = 'Look for its file_id in cloudflux.data_objects.';
	END IF;
	IF place IS NULL THEN
		RAISE EXCEPTION 'object "%" is catalogued only', p_file_id
			USING ERRCODE = '55000', DETAIL = 'Its storage_location belongs to no place.',
				  HINT = 'Make the place with cloudflux.add_storage(), then set storage_location again.';
	END IF;
END
$$;

CREATE FUNCTION cloudflux.get_object(file_id text) RETURNS bytea
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	at record;
BEGIN
	SELECT * INTO at FROM cloudflux.object_address($1);
	RETURN cloudflux.fetch_object(at.place, at.object_key, at.version);
END
$$;

CREATE FUNCTION cloudflux.copy_object(
	file_id text, dest_place text, dest_key text DEFAULT NULL, dest_tier text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	at record;
BEGIN
	SELECT * INTO at FROM cloudflux.object_address($1);
	RETURN cloudflux.put_object($2, COALESCE($3, at.object_key),
								cloudflux.fetch_object(at.place, at.object_key, at.version),
								at.content_type, at.metadata, $4);
END
$$;

CREATE FUNCTION cloudflux.object_metadata(file_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	at   record;
	stat record;
BEGIN
	SELECT * INTO at FROM cloudflux.object_address($1);
	SELECT * INTO stat FROM cloudflux.stat_object(at.place, at.object_key);
	RETURN jsonb_build_object(
		'place', at.place, 'object_key', at.object_key, 'size_bytes', stat.size_bytes, 'version', stat.version,
		'modified_at', stat.modified_at, 'accessed_at', stat.accessed_at,
		'storage_class', COALESCE(stat.storage_class, at.storage_class), 'content_type', at.content_type,
		'metadata', at.metadata, 'as_catalogued', stat.version IS NOT DISTINCT FROM at.version);
END
$$;

CREATE FUNCTION cloudflux.object_url(file_id text, expires interval DEFAULT '1 hour') RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	at       record;
	provider text;
	url      text;
BEGIN
	SELECT * INTO at FROM cloudflux.object_address($1);
	SELECT p.provider, p.url INTO provider, url FROM cloudflux.places p WHERE p.place = at.place;
	IF provider = 'LOCAL' THEN
		-- A file has no door that closes: expires means nothing here.
		RETURN url || at.object_key;
	END IF;
	RETURN cloudflux.presign_object(at.place, at.object_key, clock_timestamp() + $2);
END
$$;

REVOKE ALL ON FUNCTION cloudflux.put_object(text, text, bytea, text, jsonb, text), cloudflux.object_address(text),
	cloudflux.get_object(text), cloudflux.copy_object(text, text, text, text), cloudflux.object_metadata(text),
	cloudflux.object_url(text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.put_object(text, text, bytea, text, jsonb, text),
	cloudflux.copy_object(text, text, text, text) TO cloudflux_user;
GRANT EXECUTE ON FUNCTION cloudflux.object_address(text), cloudflux.get_object(text),
	cloudflux.object_metadata(text), cloudflux.object_url(text, interval) TO cloudflux_viewer;

-- ---------------------------------------------------------------- what each thing is

COMMENT ON FUNCTION cloudflux.put_object(text, text, bytea, text, jsonb, text) IS 'Stores bytes as a new object and catalogues it; returns its file_id. Create-only. tier is HOT, WARM, COLD or a storage class; NULL = what the place gives without a wish. A ROLLBACK takes back the row and leaves the bytes: the next inventory of the place finds them. Errors: 42710 (somebody is there), 22023, and those of the place.';
COMMENT ON FUNCTION cloudflux.object_address(text) IS 'Where the bytes of an object lie. Errors: 02000 (no such object), 55000 (catalogued only).';
COMMENT ON FUNCTION cloudflux.get_object(text) IS 'Bytes of an object, exactly the version that the catalog has (40001 when the store has another one by now); objects up to what bytea holds. Errors: 02000, 55000, and those of the place.';
COMMENT ON FUNCTION cloudflux.copy_object(text, text, text, text) IS 'Copies an object to another address as a new object; returns its file_id. Create-only, for objects that fit bytea; move larger ones with migrate(). dest_key NULL = the same key. A ROLLBACK leaves the bytes for the next inventory. Errors: as put_object() and get_object().';
COMMENT ON FUNCTION cloudflux.object_metadata(text) IS 'What the store says of an object now, with what the catalog remembers: size_bytes, version, modified_at, accessed_at, storage_class, content_type, metadata, and as_catalogued (the version is the one that the catalog has). Errors: 02000, 55000, and those of the place.';
COMMENT ON FUNCTION cloudflux.object_url(text, interval) IS 'A URL that reads the object where it lies now, for whoever has it, until expires is over (at most 7 days): signed with the credentials that the current role has at the place. LOCAL: its file:// URL, whatever expires says.';
