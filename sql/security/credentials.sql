/*
 * credentials: secrets of places and of Kafka brokers, sealed in user mappings.
 *
 * Everything that touches a clear value is C: it seals at once, and its nested CREATE USER MAPPING holds ciphertext only. A
 * user mapping can be dumped and restored; without the key it is worth nothing. What a server takes is told by the room that owns its
 * foreign-data wrapper.
 */
CREATE FUNCTION cloudflux.set_credentials(place text, credentials jsonb, for_role text DEFAULT NULL) RETURNS text[]
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'cloudflux_set_credentials';

CREATE FUNCTION cloudflux.rotate_credentials()
RETURNS TABLE (place text, role_name text, credential text, old_key_id text, key_id text)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'cloudflux_rotate_credentials';

-- The foreign servers of cloudflux: those of the wrappers that came with the extension, whichever room made them.
CREATE VIEW cloudflux.credential_servers WITH (security_invoker = true) AS
SELECT s.oid AS server, s.srvname::text AS place, w.fdwname::text AS wrapper
  FROM pg_catalog.pg_foreign_server AS s
  JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
  JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass AND d.objid = w.oid AND d.deptype = 'e'
  JOIN pg_catalog.pg_extension AS e ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND e.oid = d.refobjid AND e.extname = 'cloudflux';

-- pg_user_mappings shows options to the role itself and to the owner of the server; they are sealed, and only their names are told here.
CREATE VIEW cloudflux.credentials WITH (security_invoker = true) AS
SELECT s.place,
       m.usename::text AS role_name,
       o.option_name AS credential,
       split_part(o.option_value, ':', 2) AS key_id
  FROM pg_catalog.pg_user_mappings AS m
  JOIN cloudflux.credential_servers AS s ON s.server = m.srvid
 CROSS JOIN LATERAL pg_catalog.pg_options_to_table(m.umoptions) AS o;

CREATE FUNCTION cloudflux.forget_credentials(place text, for_role text DEFAULT NULL) RETURNS text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_role text := COALESCE(forget_credentials.for_role, CURRENT_USER);
	v_names text[];
	v_known text;
BEGIN
	IF forget_credentials.place IS NULL THEN
		RAISE EXCEPTION 'the name of a place is null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF NOT EXISTS (SELECT FROM cloudflux.credential_servers AS s WHERE s.place = forget_credentials.place) THEN
		SELECT string_agg(k.place, ', ') INTO v_known
		  FROM (SELECT s.place FROM cloudflux.credential_servers AS s ORDER BY s.place LIMIT 12) AS k;
		RAISE EXCEPTION 'there is no foreign server "%" of cloudflux', forget_credentials.place
			USING ERRCODE = '02000', HINT = COALESCE(format('Those that there are: %s.', v_known), 'There is none yet.');
	END IF;
	SELECT COALESCE(array_agg(c.credential ORDER BY c.credential), '{}') INTO v_names
	  FROM cloudflux.credentials AS c
	 WHERE c.place = forget_credentials.place AND c.role_name = v_role;
	EXECUTE format('DROP USER MAPPING IF EXISTS FOR %s SERVER %I',
	               CASE v_role WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(v_role) END, forget_credentials.place);
	RETURN v_names;
END
$$;

REVOKE ALL ON FUNCTION cloudflux.set_credentials(text, jsonb, text), cloudflux.forget_credentials(text, text), cloudflux.rotate_credentials() FROM PUBLIC;
GRANT SELECT ON cloudflux.credentials, cloudflux.credential_servers TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.set_credentials(text, jsonb, text), cloudflux.forget_credentials(text, text) TO cloudflux_user;
GRANT EXECUTE ON FUNCTION cloudflux.rotate_credentials() TO cloudflux_admin;

COMMENT ON FUNCTION cloudflux.set_credentials(text, jsonb, text) IS
	'Seals the credentials of a place for a role (NULL = the current one, ''public'' = all that have none of their own) and puts them into its user mapping, in place of those that are there; returns their names. AWS and S3: access_key_id, secret_access_key, session_token; Azure: account_key, or sas_token, or tenant_id, client_id and client_secret; GCP: service_account_key (the JSON), or access_token; Kafka brokers (wrapper cloudflux_kafka): username and password. A value is a text, or {"file": "/path"} for a file of the server (pg_read_server_files). For the role itself with USAGE, or the owner of the foreign server (42501). They are bound to name, provider, endpoint and bucket of the place: whoever changes one sets them anew. No error, log line or plan of it holds a value; what the server logs before it is called is told in docs/security.md.';
COMMENT ON FUNCTION cloudflux.forget_credentials(text, text) IS
	'Removes the credentials of a place for a role (NULL = the current one, ''public'' = those of all), and returns their names; none is no error.';
COMMENT ON FUNCTION cloudflux.rotate_credentials() IS
	'Seals all credentials of places and brokers that the caller owns under the current key, a row per value that was under another one. What cannot be opened stays as it is, with a warning. When it returns nothing, older keys may leave the key file.';
COMMENT ON VIEW cloudflux.credential_servers IS 'Foreign servers that credentials can be set for: those of the wrappers of cloudflux.';
COMMENT ON COLUMN cloudflux.credential_servers.server IS 'Oid of the foreign server.';
COMMENT ON COLUMN cloudflux.credential_servers.place IS 'Its name.';
COMMENT ON COLUMN cloudflux.credential_servers.wrapper IS 'Its foreign-data wrapper.';
COMMENT ON VIEW cloudflux.credentials IS
	'Which credentials there are, never their values: those of the current role, and all of the places that it owns.';
COMMENT ON COLUMN cloudflux.credentials.place IS 'Name of the place.';
COMMENT ON COLUMN cloudflux.credentials.role_name IS 'Role whose credentials they are; public = all roles that have none of their own.';
COMMENT ON COLUMN cloudflux.credentials.credential IS 'Name of the credential.';
COMMENT ON COLUMN cloudflux.credentials.key_id IS 'Key that it is sealed under, of cloudflux.credential_keys().';
