/*
 * security: who may do what. Three roles for people, one for the workers; none of them can log in.
 *
 *   cloudflux_viewer   reads: tables, views, functions that only tell
 *   cloudflux_user     works: what a viewer may, and changes rows of the tables for users, asks for moves
 *   cloudflux_admin    configures: what a user may, and settings, rules, prices, chores
 *   cloudflux_worker   what the background workers run as; nobody is a member
 *
 * Roles belong to the whole server and outlive the extension, so another database, or an earlier installation, may
 * have made them. Such a role is accepted only if it gives nobody more than this file would.
 */

DO $$
DECLARE
	v_name text;
	v_role pg_catalog.pg_roles;
	v_members text;
BEGIN
	FOREACH v_name IN ARRAY ARRAY['cloudflux_viewer', 'cloudflux_user', 'cloudflux_admin', 'cloudflux_worker'] LOOP
		SELECT r.* INTO v_role FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) v_name::pg_catalog.name;
		IF NOT FOUND THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', v_name);
			CONTINUE;
		END IF;
		IF v_role.rolcanlogin OR v_role.rolsuper OR v_role.rolcreaterole OR v_role.rolbypassrls OR v_role.rolreplication THEN
			RAISE EXCEPTION 'role "%" exists already and has rights of its own', v_name
				USING ERRCODE = 'duplicate_object',
					DETAIL = 'A role of cloudflux must have NOLOGIN, NOSUPERUSER, NOCREATEROLE, NOBYPASSRLS and NOREPLICATION.',
					HINT = pg_catalog.format('Rename that role, or ALTER ROLE %I NOLOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS NOREPLICATION.', v_name);
		END IF;
		IF v_name OPERATOR(pg_catalog.=) 'cloudflux_worker' THEN
			SELECT pg_catalog.string_agg(pg_catalog.quote_ident(m.member::pg_catalog.regrole::text), ', ') INTO v_members
			  FROM pg_catalog.pg_auth_members AS m
			 WHERE m.roleid OPERATOR(pg_catalog.=) v_role.oid;
			IF v_members IS NOT NULL THEN
				RAISE EXCEPTION 'role "%" exists already and has members', v_name
					USING ERRCODE = 'duplicate_object',
						DETAIL = pg_catalog.format('The workers act for many users; these roles could act as the workers: %s.', v_members),
						HINT = pg_catalog.format('REVOKE %I from its members, or rename that role.', v_name);
			END IF;
		END IF;
	END LOOP;
END
$$;

GRANT cloudflux_viewer TO cloudflux_user;
GRANT cloudflux_user TO cloudflux_admin;

GRANT USAGE ON SCHEMA cloudflux TO cloudflux_viewer, cloudflux_worker;

-- The keys that seal credentials, by their ids; nothing shows the keys.
CREATE FUNCTION cloudflux.credential_keys() RETURNS TABLE (key_id text, is_current boolean)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'cloudflux_credential_keys';

REVOKE ALL ON FUNCTION cloudflux.credential_keys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.credential_keys() TO cloudflux_admin;

COMMENT ON FUNCTION cloudflux.credential_keys() IS
	'Ids of the keys in cloudflux.key_file, or printed by cloudflux.key_command, and which of them seals. 55000 with the reason when there is none.';
