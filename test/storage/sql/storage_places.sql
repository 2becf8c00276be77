-- Places: what is accepted as one, who may use it, and when it stops being usable.
\getenv places CF_PLACES
\set root :places '/storage_places'
\set cmd 'rm -rf ' :root ' && mkdir -p ' :root '/a ' :root '/b && ln -s ' :root '/a ' :root '/link && touch ' :root '/file'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
\set VERBOSITY default
\set SHOW_CONTEXT never

-- attempt() runs a statement and tells how it ended, without the path of this machine.
CREATE FUNCTION public.attempt(p_sql text, p_root text) RETURNS TABLE (code text, message text, detail text, hint text)
LANGUAGE plpgsql AS $$
DECLARE
	v_path text := p_root;
BEGIN
	EXECUTE p_sql;
	code := '00000';
	message := 'done';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	message := pg_catalog.replace(message, v_path, 'ROOT');
	detail := pg_catalog.replace(detail, v_path, 'ROOT');
	RETURN NEXT;
END
$$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '

-- what the validator refuses
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux;
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'AWS');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'aws', bucket 'b');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'AWS', bucket 'b', secret_access_key 'hidden');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'AWS', bucket '');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'AWS', bucket E'b\n');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'AWS', bucket 'b', max_connections '0');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'AWS', bucket 'b', max_connections '99999999999');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'AWS', bucket 'b', bandwidth_limit '10MB');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'LOCAL', bucket 'relative');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'LOCAL', bucket '/a/../b');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'LOCAL', bucket '/a', prefix 'p');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'LOCAL', bucket '/a', prefix '.cloudflux/');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'LOCAL', bucket '/a', tier 'TEPID');
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'LOCAL', bucket '/a', price_provider 'LOCAL');
ALTER FOREIGN DATA WRAPPER cloudflux OPTIONS (ADD debug 'true');

-- it touches no file: a restore on another machine must work
CREATE SERVER elsewhere FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'LOCAL', bucket '/no/such/folder', tier 'COLD', max_connections '4', bandwidth_limit '1000000');
CREATE FOREIGN TABLE t (a int) SERVER elsewhere OPTIONS (anything 'x');
CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere OPTIONS (secret 'hidden');
CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere;
DROP USER MAPPING FOR CURRENT_USER SERVER elsewhere;

-- a server made by hand must be adopted; one whose root is missing can be, but not used
SELECT cloudflux.stat_object('elsewhere', 'k');
SELECT cloudflux.adopt_storage('elsewhere');
SELECT cloudflux.stat_object('elsewhere', 'k');
SELECT check_name, ok, detail, hint FROM cloudflux.check_storage('elsewhere');
SELECT status, detail, hint FROM cloudflux.places_health();
SELECT cloudflux.drop_storage('elsewhere');

-- of many places that cannot be used the first are named, the others counted
SELECT count(cloudflux.add_storage('many' || n, 'S3', 'bucket' || n, '{"region": "eu-west-1", "endpoint": "https://store.invalid"}')) FROM generate_series(1, 5) AS n;
DO $$ BEGIN FOR n IN 1 .. 5 LOOP EXECUTE format('ALTER SERVER many%s OPTIONS (SET bucket %L)', n, 'other' || n); END LOOP; END $$;
SELECT status, detail, hint FROM cloudflux.places_health();
SELECT count(cloudflux.drop_storage('many' || n)) FROM generate_series(1, 5) AS n;
-- names and arguments of add_storage()
SELECT cloudflux.add_storage(NULL, 'LOCAL', '/a');
SELECT cloudflux.add_storage(repeat('x', 64), 'LOCAL', '/a');
SELECT cloudflux.add_storage('s', NULL, '/a');
SELECT cloudflux.add_storage('s', 'LOCAL', '/a', '[]');
SELECT cloudflux.add_storage('s', 'LOCAL', '/a', '{"colour": "red"}');
SELECT cloudflux.add_storage('s', 'LOCAL', '/a', '{"bucket": "/b"}');
SELECT * FROM attempt(format('SELECT cloudflux.add_storage(%L, %L, %L)', 's', 'LOCAL', :'root' || '/missing'), :'root');
SELECT * FROM attempt(format('SELECT cloudflux.add_storage(%L, %L, %L)', 's', 'LOCAL', :'root' || '/link'), :'root');
SELECT * FROM attempt(format('SELECT cloudflux.add_storage(%L, %L, %L)', 's', 'LOCAL', :'root' || '/file'), :'root');
SELECT count(*) FROM cloudflux.storage_places;

-- a root that overlaps with the server's own files, in either direction, links resolved
SELECT * FROM attempt(format('SELECT cloudflux.add_storage(%L, %L, %L)', 's', 'LOCAL', current_setting('data_directory')), current_setting('data_directory'));
SELECT * FROM attempt(format('SELECT cloudflux.add_storage(%L, %L, %L)', 's', 'LOCAL', current_setting('data_directory') || '/base'), current_setting('data_directory'));
SELECT * FROM attempt('SELECT cloudflux.add_storage(''s'', ''LOCAL'', ''/'')', 'ROOT');
\set cmd 'mkdir -p ' :root '/space && ln -s ' :root ' ' :root '/around'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
\set space :root '/space'
CREATE TABLESPACE regress_storage LOCATION :'space';
SELECT * FROM attempt(format('SELECT cloudflux.add_storage(%L, %L, %L)', 's', 'LOCAL', :'root'), :'root');
SELECT * FROM attempt(format('SELECT cloudflux.add_storage(%L, %L, %L)', 's', 'LOCAL', :'root' || '/around/space'), :'root');
DROP TABLESPACE regress_storage;

-- what no provider could make sense of is refused when it is written, not when it is used
SELECT cloudflux.add_storage('s', 'AWS', 'bucket', '{"region": "eu-west-1", "storage_class": "GOLD"}');
SELECT cloudflux.add_storage('s', 'S3', 'bucket', '{"preset": "r2", "endpoint": "https://account.r2.cloudflarestorage.com", "storage_class": "GLACIER"}');
SELECT cloudflux.add_storage('s', 'GCP', 'bucket', '{"storage_class": "GOLD"}');
SELECT cloudflux.add_storage('s', 'Azure', 'box', '{"account": "one", "storage_class": "GOLD"}');
SELECT cloudflux.add_storage('s', 'AWS', 'bucket', '{"region": "eu-west-1", "tier": "COLD"}');
SELECT cloudflux.add_storage('s', 'AWS', 'bucket', '{"region": "eu-west-1", "role_arn": "arn:aws:iam::123456789012:role/r"}');
SELECT cloudflux.add_storage('s', 'AWS', 'bucket', '{"region": "eu-west-1", "role_arn": "arn:aws:iam::123456789012:role/r", "credential_source": "imds"}');
SELECT cloudflux.add_storage('s', 'Azure', 'box', '{"account": "one", "identity_client_id": "c"}');
SELECT cloudflux.add_storage('s', 'S3', 'bucket', '{"endpoint": "https://any.invalid", "storage_class": "GOLD", "credential_source": "web_identity", "role_arn": "arn:aws:iam::123456789012:role/r"}');
ALTER SERVER s OPTIONS (DROP credential_source);
ALTER SERVER s OPTIONS (SET provider 'AWS', ADD region 'eu-west-1');
ALTER SERVER s OPTIONS (ADD tier 'HOT');
SELECT cloudflux.drop_storage('s');

-- a place that works
SELECT cloudflux.add_storage(name => 'a', provider => 'LOCAL', bucket => :'root' || '/a', options => '{"tier": "WARM", "max_connections": 8}');
SELECT cloudflux.add_storage('a', 'LOCAL', :'root' || '/b');
SELECT * FROM attempt(format('SELECT cloudflux.add_storage(%L, %L, %L)', 'twice', 'LOCAL', :'root' || '/a/'), :'root');
SELECT check_name, ok, hint FROM cloudflux.check_storage('a') WHERE check_name <> 'clock';
SELECT place, provider, tier, max_connections, adopted, capabilities -> 'conditional write' AS conditional_write FROM cloudflux.storage_places;
SELECT count(*) FROM cloudflux.list_objects('a');
SELECT * FROM attempt('SELECT * FROM cloudflux.check_storage(''missing'')', :'root');
SELECT * FROM attempt('SELECT cloudflux.drop_storage(NULL)', :'root');
CREATE FOREIGN DATA WRAPPER regress_other;
CREATE SERVER other FOREIGN DATA WRAPPER regress_other;
SELECT * FROM cloudflux.list_objects('other');
DROP FOREIGN DATA WRAPPER regress_other CASCADE;

-- the clouds: they can be catalogued, not touched
SELECT cloudflux.add_storage('aws', 'AWS', 'bucket', '{"region": "eu-west-1", "prefix": "p/"}');
SELECT url FROM cloudflux.places WHERE place = 'aws';
-- an address of the server itself, which no superuser has allowed
SELECT cloudflux.add_storage('inside', 'S3', 'bucket', '{"region": "eu-west-1", "endpoint": "http://127.0.0.1:9"}');
SELECT cloudflux.fetch_object('inside', 'k');
SELECT check_name, ok, detail FROM cloudflux.check_storage('inside');
SELECT cloudflux.drop_storage('inside');
SELECT p, e, a, s, cloudflux.place_url(p, e, a, s, 'b', 'x/') FROM (VALUES ('AWS', '', NULL, NULL), ('GCP', NULL, '', ''), ('Azure', 'https://acct.blob.core.windows.net/', '', ''), ('Azure', '', 'acct', NULL), ('Azure', NULL, '', NULL),
	('S3', 'https://minio:9000', NULL, 'minio'), ('S3', '', NULL, 'b2'), ('S3', NULL, NULL, 'gcs'), ('S3', '', NULL, 'aws'), ('LOCAL', '', NULL, NULL)) AS v(p, e, a, s);
-- one address is one place, however it is spelled
SELECT cloudflux.add_storage('spelled', 'S3', 'bucket', '{"endpoint": "https://Store.Invalid:443/"}'), cloudflux.add_storage('port', 'S3', 'bucket', '{"endpoint": "https://store.invalid:8443"}');
SELECT cloudflux.add_storage('again', 'S3', 'bucket', '{"endpoint": "https://store.invalid"}');
SELECT place, endpoint, url FROM cloudflux.storage_places WHERE place IN ('spelled', 'port') ORDER BY place;
SELECT cloudflux.place_of_location('HTTPS://store.invalid:443/bucket/A:443');
INSERT INTO cloudflux.data_objects (file_id, storage_location) VALUES ('respelled', 'https://STORE.invalid:443/bucket/A:443'), ('nowhere', 'https://OTHER.invalid:443/A');
SELECT file_id, place, object_key, storage_location FROM cloudflux.data_objects WHERE file_id IN ('respelled', 'nowhere') ORDER BY file_id;
DELETE FROM cloudflux.data_objects WHERE file_id IN ('respelled', 'nowhere');
SELECT cloudflux.drop_storage(n) FROM (VALUES ('spelled'), ('port')) AS v(n);
-- a container has its name in its account, a bucket at the store that a preset knows; one container twice is refused, however it is written
SELECT cloudflux.add_storage('logs1', 'Azure', '$logs', '{"account": "one"}'), cloudflux.add_storage('logs2', 'Azure', '$logs', '{"account": "two"}'),
       cloudflux.add_storage('b2', 'S3', 'bucket', '{"preset": "b2", "region": "us-west-004", "prefix": "p/"}');
SELECT cloudflux.add_storage('logs3', 'Azure', '$logs', '{"endpoint": "https://one.blob.core.windows.net"}');
SELECT place, url FROM cloudflux.places WHERE place IN ('logs1', 'logs2', 'b2') ORDER BY place;
ALTER SERVER logs1 OPTIONS (SET account 'three');
ALTER SERVER b2 OPTIONS (SET preset 'wasabi');
SELECT cloudflux.stat_object('logs1', 'k');
SELECT cloudflux.stat_object('b2', 'k');
SELECT place, adopted FROM cloudflux.storage_places WHERE place IN ('logs1', 'logs2', 'b2') ORDER BY place;
ALTER SERVER logs1 OPTIONS (SET account 'one');
SELECT adopted FROM cloudflux.storage_places WHERE place = 'logs1';
SELECT cloudflux.drop_storage(n) FROM (VALUES ('logs1'), ('logs2'), ('b2')) AS v(n);
SELECT cloudflux.place_of_location('s3://bucket/p/x'), cloudflux.place_of_location('s3://bucket/x') IS NULL, cloudflux.place_of_location(NULL) IS NULL;

-- who may: USAGE on the server; and for LOCAL the owner's roles for files
CREATE ROLE regress_admin;
CREATE ROLE regress_user;
CREATE ROLE regress_nobody;
GRANT cloudflux_admin TO regress_admin;
GRANT cloudflux_user TO regress_user;
SET ROLE regress_nobody;
SELECT * FROM attempt('SELECT cloudflux.list_objects(''a'')', 'ROOT');
SET ROLE regress_user;
SELECT * FROM attempt('SELECT cloudflux.list_objects(''a'')', 'ROOT');
SELECT * FROM attempt('SELECT cloudflux.store_object(''a'', ''k'', ''x'')', 'ROOT');
SELECT * FROM attempt('SELECT cloudflux.add_storage(''s'', ''LOCAL'', ''/a'')', 'ROOT');
SELECT * FROM attempt('INSERT INTO cloudflux.places (place, provider, bucket, url) VALUES (''x'', ''AWS'', ''b'', ''s3://b/'')', 'ROOT');
RESET ROLE;
-- an administrator may do what the functions do, and not write what movers believe
SET ROLE regress_admin;
SELECT * FROM attempt('UPDATE cloudflux.places SET capabilities = ''{"conditional delete": true}'' WHERE place = ''a''', 'ROOT');
SELECT * FROM attempt('INSERT INTO cloudflux.places (place, provider, bucket, url) VALUES (''x'', ''AWS'', ''b'', ''s3://b/'')', 'ROOT');
SELECT * FROM attempt('DELETE FROM cloudflux.places', 'ROOT');
SELECT * FROM attempt('TRUNCATE cloudflux.places', 'ROOT');
SELECT * FROM attempt('SELECT cloudflux.record_checks(''a'', ''{conditional delete}'', ''{1}'')', 'ROOT');
SELECT * FROM attempt('SELECT cloudflux.record_place(''a'', ''regress_admin'')', 'ROOT');
SELECT * FROM attempt('SELECT cloudflux.write_place(''a'')', 'ROOT');
SELECT cloudflux.add_storage('hers', 'S3', 'bucket', '{"region": "eu-west-1", "endpoint": "https://store.invalid"}');
SELECT place, owner FROM cloudflux.places WHERE place = 'hers';
SELECT cloudflux.adopt_storage('hers'), cloudflux.drop_storage('hers');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER a TO regress_user;
SET ROLE regress_user;
SELECT count(*) FROM cloudflux.list_objects('a');
SELECT size_bytes FROM cloudflux.store_object('a', 'k', 'x');
SELECT * FROM attempt('SELECT * FROM cloudflux.stale_uploads(''a'')', 'ROOT');
SET ROLE cloudflux_worker;
SELECT count(*) FROM cloudflux.stale_uploads('a');
SET ROLE regress_admin;
SELECT * FROM attempt('SELECT cloudflux.adopt_storage(''a'')', 'ROOT');
SELECT cloudflux.add_storage('b', 'LOCAL', :'root' || '/b');
SELECT cloudflux.list_objects('b');
RESET ROLE;
SELECT sqlstate, message, detail FROM cloudflux.place_problem('b', false);
GRANT pg_read_server_files TO regress_admin;
SET ROLE regress_admin;
SELECT count(*) FROM cloudflux.list_objects('b');
SELECT cloudflux.store_object('b', 'k', 'x');
RESET ROLE;
GRANT pg_write_server_files TO regress_admin;
SET ROLE regress_admin;
SELECT size_bytes FROM cloudflux.store_object('b', 'k', 'x');
SELECT cloudflux.drop_storage('b');
RESET ROLE;
SELECT place FROM cloudflux.places ORDER BY place;

-- an altered server is not used until somebody says so
ALTER SERVER a OPTIONS (ADD prefix 'p/');
SELECT cloudflux.stat_object('a', 'k');
SELECT adopted FROM cloudflux.storage_places WHERE place = 'a';
SELECT cloudflux.adopt_storage('a');
SELECT * FROM attempt('SELECT cloudflux.stat_object(''a'', ''k'')', :'root');
ALTER SERVER a OPTIONS (DROP prefix);
SELECT cloudflux.adopt_storage('a');
SELECT (cloudflux.stat_object('a', 'k')).size_bytes;
ALTER SERVER a OPTIONS (SET tier 'COLD', SET max_connections '2');
SELECT (cloudflux.stat_object('a', 'k')).size_bytes AS "options that say nothing about where it is may change";

-- a place that holds objects is neither dropped nor renamed; an empty one is both
INSERT INTO cloudflux.addresses (place, object_key, file_id, state) VALUES ('a', 'k', 'f', 'primary');
DROP SERVER a;
SELECT cloudflux.drop_storage('a');
DROP SERVER a CASCADE;
ALTER SERVER a RENAME TO c;
ALTER SERVER aws RENAME TO amazon;
SELECT cloudflux.adopt_storage('amazon');
CREATE ROLE regress_owner;
GRANT USAGE ON FOREIGN DATA WRAPPER cloudflux TO regress_owner;
ALTER SERVER a OWNER TO regress_owner;
DROP OWNED BY regress_owner;
DELETE FROM cloudflux.addresses WHERE place = 'a';
ALTER SERVER a RENAME TO c;
SELECT cloudflux.adopt_storage('c');
SELECT place FROM cloudflux.places ORDER BY place;
DROP OWNED BY regress_owner;
SELECT place FROM cloudflux.places ORDER BY place;

-- dropping the extension takes its places along, with objects in them
INSERT INTO cloudflux.addresses (place, object_key, file_id, state) VALUES ('amazon', 'k', 'f', 'primary');
DROP EXTENSION cloudflux;
SET client_min_messages = warning;
DROP EXTENSION cloudflux CASCADE;
DROP FUNCTION public.attempt(text, text);
