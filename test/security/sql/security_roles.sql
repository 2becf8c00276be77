-- The roles: what they are, who is in whom, and that a role of another's making is not taken over.
\set SHOW_CONTEXT never
SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname ~ '^cloudflux_' ORDER BY 1;
SELECT pg_has_role('cloudflux_admin', 'cloudflux_user', 'member') AS admin_is_user, pg_has_role('cloudflux_user', 'cloudflux_viewer', 'member') AS user_is_viewer,
       pg_has_role('cloudflux_viewer', 'cloudflux_user', 'member') AS viewer_is_user, pg_has_role('cloudflux_admin', 'cloudflux_worker', 'member') AS admin_is_worker;

-- a viewer changes nothing
CREATE ROLE regress_viewer IN ROLE cloudflux_viewer;
SELECT c.relname FROM pg_class AS c
 WHERE c.relnamespace = 'cloudflux'::regnamespace AND c.relkind IN ('r', 'p', 'v')
   AND has_table_privilege('regress_viewer', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY 1;
-- a stranger sees nothing
CREATE ROLE regress_stranger;
SELECT c.relname FROM pg_class AS c
 WHERE c.relnamespace = 'cloudflux'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege('regress_stranger', c.oid, 'SELECT') ORDER BY 1;
SELECT has_schema_privilege('regress_stranger', 'cloudflux', 'USAGE') AS stranger, has_schema_privilege('regress_viewer', 'cloudflux', 'USAGE') AS viewer,
       has_schema_privilege('regress_viewer', 'cloudflux', 'CREATE') AS viewer_creates;

-- roles that exist already are accepted only as they should be
DROP EXTENSION cloudflux;
CREATE ROLE regress_member;
GRANT cloudflux_worker TO regress_member;
CREATE EXTENSION cloudflux;
REVOKE cloudflux_worker FROM regress_member;
ALTER ROLE cloudflux_user LOGIN;
CREATE EXTENSION cloudflux;
ALTER ROLE cloudflux_user NOLOGIN;
ALTER ROLE cloudflux_admin CREATEROLE;
CREATE EXTENSION cloudflux;
ALTER ROLE cloudflux_admin NOCREATEROLE;
CREATE EXTENSION cloudflux;
