-- Who may do what with the catalog, and that nobody slips past the triggers.
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE ROLE regress_viewer;
CREATE ROLE regress_user;
CREATE ROLE regress_admin;
GRANT cloudflux_viewer TO regress_viewer;
GRANT cloudflux_user TO regress_user;
GRANT cloudflux_admin TO regress_admin;
INSERT INTO cloudflux.data_objects (file_id, size_bytes) VALUES ('o', 1);

SET ROLE regress_viewer;
SELECT file_id FROM cloudflux.data_objects;
SELECT count(*) FROM cloudflux.access_counts;
SELECT status FROM cloudflux.catalog_health();
INSERT INTO cloudflux.data_objects (file_id) VALUES ('x');
SELECT cloudflux.record_access('o');
SELECT cloudflux.put_object('p', 'k', 'x');
CALL cloudflux.import_inventory('p');
SELECT count(*) FROM cloudflux.import_errors;

SET ROLE regress_user;
INSERT INTO cloudflux.data_objects (file_id, owner, recorded_at) VALUES ('mine', 'postgres', '2020-01-01');
SELECT file_id, owner, recorded_at > now() - interval '1 hour' AS now FROM cloudflux.data_objects WHERE file_id = 'mine';
SELECT count(*) FROM cloudflux.events WHERE subject = 'mine';
UPDATE cloudflux.data_objects SET recorded_at = '2020-01-01', file_name = 'n' WHERE file_id = 'mine';
SELECT recorded_at > '2021-01-01' AS kept, file_name FROM cloudflux.data_objects WHERE file_id = 'mine';
UPDATE cloudflux.data_objects SET owner = 'regress_admin' WHERE file_id = 'mine';
SELECT cloudflux.record_access('o') IS NOT NULL;
INSERT INTO cloudflux.access_logs (file_id, access_type) VALUES ('o', 'write');
INSERT INTO cloudflux.access_logs (file_id, recorded_at) VALUES ('o', '2020-01-01');
UPDATE cloudflux.access_logs SET recorded_at = now();
INSERT INTO cloudflux.access_deltas SELECT * FROM cloudflux.access_deltas;
INSERT INTO cloudflux.addresses VALUES ('p', 'k', 'o', 'primary', NULL);
DELETE FROM cloudflux.object_versions;
DELETE FROM cloudflux.import_errors;
SELECT cloudflux.fold_accesses();
CALL cloudflux.import_access_log('p', 's3', '/etc/passwd');

-- an operator of the user's own does not run with the owner's rights
CREATE TEMP TABLE caught (who text);
GRANT ALL ON caught TO PUBLIC;
CREATE FUNCTION pg_temp.evil(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO caught VALUES (current_user); RETURN true; END $$;
CREATE OPERATOR pg_temp.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.evil);
SET search_path = pg_temp, pg_catalog;
INSERT INTO cloudflux.data_objects (file_id, storage_location, storage_class) VALUES ('evil', 's3://x/y', 'STANDARD');
UPDATE cloudflux.data_objects SET version = 'v' WHERE file_id OPERATOR(pg_catalog.=) 'evil';
DELETE FROM cloudflux.data_objects WHERE file_id OPERATOR(pg_catalog.=) 'evil';
RESET search_path;
SELECT count(*) FROM caught;

SET ROLE regress_admin;
SELECT cloudflux.fold_accesses();
SELECT cloudflux.refresh_access_counts();
SELECT access_count_30d, counted_on = (now() AT TIME ZONE 'UTC')::date AS today FROM cloudflux.data_objects WHERE file_id = 'o';
DELETE FROM cloudflux.import_errors;
RESET ROLE;
UPDATE cloudflux.data_objects SET owner = 'regress_admin' WHERE file_id = 'mine';
SELECT owner FROM cloudflux.data_objects WHERE file_id = 'mine';
DROP TABLE caught;
DROP OWNED BY regress_viewer, regress_user, regress_admin;
