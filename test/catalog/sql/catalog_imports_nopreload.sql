-- import_inventory() and import_access_log(): what they find, that they are repeatable, what they refuse.
\set SHOW_CONTEXT never
CREATE TABLE nothing (line text);
\getenv places CF_PLACES
\set root :places '/catalog_imports'
\set logs :places '/catalog_logs'
\set cmd 'rm -rf ' :root ' ' :logs ' && mkdir -p ' :root '/d/e ' :logs ' && cd ' :root ' && for i in 1 2 3 4 5; do echo $i > d/f$i; done && touch d/e/empty && printf x > "$(printf "d/caf\\\\351")" && printf x > "$(printf "d/tab\\\\011")" && ln -s /etc d/link'
COPY nothing FROM PROGRAM :'cmd';
SELECT cloudflux.add_storage('here', 'LOCAL', :'root', '{"tier": "WARM", "storage_class": "STANDARD_IA", "price_provider": "AWS", "price_region": "us-east-1"}');
CREATE VIEW told AS SELECT event_type, count(*) FROM cloudflux.events WHERE topic = 'data-ingestion' GROUP BY 1 ORDER BY 1;
CREATE VIEW objects AS
SELECT object_key, file_name, size_bytes, current_tier, current_cloud, storage_class, storage_location LIKE 'file:///%/' || object_key AS located,
	   version IS NOT NULL AS pinned, created_at = modified_at AS dated, vanished_at IS NULL AS there
  FROM cloudflux.data_objects WHERE place = 'here' ORDER BY object_key;

CALL cloudflux.import_inventory('here');
TABLE objects;
SELECT source, convert_from(bytes, 'LATIN1') AS bytes, reason FROM cloudflux.import_errors ORDER BY 2;
SELECT count(*) FROM cloudflux.addresses a JOIN cloudflux.data_objects o USING (file_id, place, object_key, version) WHERE state = 'primary';
SELECT count(*) FROM cloudflux.object_versions v JOIN cloudflux.data_objects o USING (file_id, place, object_key, version, size_bytes) WHERE version_no = 1 AND valid_to IS NULL;
TABLE told;

-- again: nothing new, nothing written
CREATE TABLE before AS SELECT file_id, ctid AS at FROM cloudflux.data_objects;
CALL cloudflux.import_inventory(place => 'here');
SELECT count(*) FROM before b JOIN cloudflux.data_objects o ON o.file_id = b.file_id AND o.ctid = b.at;
SELECT count(*) FROM cloudflux.import_errors;
SELECT count(*) FROM cloudflux.inventory_seen;

-- changed, vanished, new, back; the object that a job is moving is left alone
\set cmd 'cd ' :root ' && echo changed > d/f1 && rm d/f2 d/f3 && echo new > d/new'
COPY nothing FROM PROGRAM :'cmd';
UPDATE cloudflux.data_objects SET sha256 = sha256('x') WHERE object_key IN ('d/f1', 'd/f4');
INSERT INTO cloudflux.job_queue (file_id, job_id, phase, seq) SELECT file_id, 'job', 'copying', 1 FROM cloudflux.data_objects WHERE object_key = 'd/f3';
CALL cloudflux.import_inventory('here');
SELECT object_key, size_bytes, there FROM objects;
SELECT object_key, sha256 IS NULL AS unknown FROM cloudflux.data_objects WHERE object_key IN ('d/f1', 'd/f4') ORDER BY 1;
SELECT o.object_key, v.version_no, v.size_bytes, v.reason, v.valid_to IS NULL AS open FROM cloudflux.object_versions v JOIN cloudflux.data_objects o USING (file_id) WHERE o.object_key IN ('d/f1', 'd/f2') ORDER BY 1, 2;
\set cmd 'cd ' :root ' && echo 2 > d/f2'
COPY nothing FROM PROGRAM :'cmd';
DELETE FROM cloudflux.job_queue;
CALL cloudflux.import_inventory('here');
SELECT object_key, there FROM objects WHERE object_key IN ('d/f2', 'd/f3');
TABLE told;

-- a prefix looks at its part only; what is elsewhere cannot vanish
\set cmd 'cd ' :root ' && rm d/f4 d/e/empty && echo 6 > d/e/f6'
COPY nothing FROM PROGRAM :'cmd';
CALL cloudflux.import_inventory('here', 'd/e/');
SELECT object_key, there FROM objects WHERE object_key IN ('d/f4', 'd/e/empty', 'd/e/f6');

-- in a transaction block nothing is committed
BEGIN;
CALL cloudflux.import_inventory('here');
SELECT there FROM objects WHERE object_key = 'd/f4';
ROLLBACK;
SELECT there FROM objects WHERE object_key = 'd/f4';
SELECT prefix, status, listed, created, changed, unchanged, vanished, errors FROM cloudflux.inventories ORDER BY id;

-- an address that is claimed, or a row that somebody inserted by hand, is respected
INSERT INTO cloudflux.addresses VALUES ('here', 'd/claimed', 'somebody', 'claimed', NULL);
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('byhand', 'here', 'd/byhand');
\set cmd 'cd ' :root ' && echo c > d/claimed && echo h > d/byhand'
COPY nothing FROM PROGRAM :'cmd';
CALL cloudflux.import_inventory('here');
SELECT object_key, file_id, state FROM cloudflux.addresses WHERE object_key IN ('d/claimed', 'd/byhand') ORDER BY 1;
SELECT size_bytes, version IS NOT NULL AS pinned FROM cloudflux.data_objects WHERE file_id = 'byhand';

-- a place that shows nothing at all, as a folder does whose file system is not mounted
BEGIN;
\set cmd 'cd ' :root ' && mkdir ../away && mv * ../away'
COPY nothing FROM PROGRAM :'cmd';
SAVEPOINT before;
CALL cloudflux.import_inventory('here');
ROLLBACK TO before;
SELECT count(*) FILTER (WHERE there) > 0 AS nothing_vanished FROM objects;
CALL cloudflux.import_inventory('here', allow_empty => true);
SELECT count(*) FILTER (WHERE there) AS there FROM objects;
ROLLBACK;
\set cmd 'cd ' :root ' && mv ../away/* . && rmdir ../away'
COPY nothing FROM PROGRAM :'cmd';

-- what cannot be imported
\set VERBOSITY terse
SELECT cloudflux.add_storage('cloud', 'AWS', 'pictures', '{"region": "us-east-1", "endpoint": "http://127.0.0.1:9"}');
CALL cloudflux.import_inventory('nowhere');
CALL cloudflux.import_inventory(NULL);
CALL cloudflux.import_inventory('cloud');
SELECT place, status, message IS NOT NULL AS told FROM cloudflux.import_progress JOIN cloudflux.inventories USING (place, status) WHERE place = 'cloud';
SELECT status, detail FROM cloudflux.catalog_health();
CREATE ROLE regress_stranger;
GRANT cloudflux_user TO regress_stranger;
SET ROLE regress_stranger;
CALL cloudflux.import_inventory('here');
RESET ROLE;

-- access logs: written here in the documented formats (the notices name folders of this machine)
SET client_min_messages = warning;
\set log :logs '/web.log'
\set s3log :logs '/s3.log'
\set moved :logs '/web.log.1'
COPY (SELECT unnest(ARRAY[
	'192.0.2.1 - ann [17/May/2015:10:05:03 +0000] "GET /static/d/f1?x=1 HTTP/1.1" 200 8 "http://example.org/" "Mozilla/5.0"',
	'192.0.2.1 - - [17/May/2015:23:30:00 -0100] "GET /static/d/f1 HTTP/1.1" 206 3 "-" "-"',
	'192.0.2.1 - - [18/May/2015:10:05:03 +0000] "GET /static/d/f1 HTTP/1.1" 304 - "-" "-"',
	'192.0.2.1 - - [18/May/2015:10:05:03 +0000] "GET /static/d/nobody HTTP/1.1" 200 1 "-" "-"',
	'192.0.2.1 - - [18/May/2015:10:05:03 +0000] "GET /other/d/f1 HTTP/1.1" 200 1 "-" "-"',
	'192.0.2.1 - - [18/May/2015:10:05:03 +0000] "PUT /static/d/f1 HTTP/1.1" 201 - "-" "-"',
	'no line at all', ''])) TO :'log';
CALL cloudflux.import_access_log('here', 'apache', :'log', '/static/');
SELECT access_type, accessed_at AT TIME ZONE 'UTC' AS at, user_id, bytes, latency_ms FROM cloudflux.access_logs ORDER BY accessed_at;
SELECT line, convert_from(bytes, 'UTF8') AS bytes, reason FROM cloudflux.import_errors WHERE source = :'log';
SELECT day, lines FROM cloudflux.access_coverage WHERE place = 'here' ORDER BY 1;
-- again, longer, under another name, and replaced
CALL cloudflux.import_access_log('here', 'apache', :'log', 'static/');
\set cmd 'printf "192.0.2.1 - - [19/May/2015:10:05:03 +0000] \\"GET /static/d/f1 HTTP/1.1\\" 200 4\n192.0.2.1 - - [19/May/2015:10:05:04 +0000] \\"GET /sta" >> ' :log
COPY nothing FROM PROGRAM :'cmd';
CALL cloudflux.import_access_log('here', 'apache', :'log', 'static/');
\set cmd 'printf "tic/d/f1 HTTP/1.1\\" 200 4\n" >> ' :log ' && mv ' :log ' ' :moved ' && printf "other\n192.0.2.1 - - [20/May/2015:10:05:03 +0000] \\"GET /elsewhere HTTP/1.1\\" 200 4\n" > ' :log
COPY nothing FROM PROGRAM :'cmd';
CALL cloudflux.import_access_log('here', 'apache', :'moved', 'static/');
CALL cloudflux.import_access_log('here', 'apache', :'log', 'static/');
SELECT count(*), sum(bytes) FROM cloudflux.access_logs;
SELECT regexp_replace(source, '^.*/', '') AS source, lines, accepted, unknown_keys, skipped, bad, byte_offset = size_bytes AS whole FROM cloudflux.access_log_files ORDER BY started_at;

-- a log of another format is an error that names those that fit, and does not count as read
CREATE FUNCTION refused(format text, log text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_detail text;
	v_hint   text;
BEGIN
	CALL cloudflux.import_access_log('here', format, log);
	RETURN 'read';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, regexp_replace(SQLERRM, '"/.*/', '"'), v_detail, v_hint);
END
$$;
\set other :logs '/trail.json'
COPY (SELECT '{"Records":[{"eventVersion":"1.08"}]}') TO :'other';
\set web :logs '/fresh.log'
COPY (SELECT '192.0.2.1 - - [20/May/2015:10:05:03 +0000] "GET /static/d/f1?fresh HTTP/1.1" 200 8 "-" "-"') TO :'web';
\set none :logs '/none.log'
COPY (SELECT 'nothing of the kind' FROM generate_series(1, 6000)) TO :'none';
SELECT f AS format, refused(f, :'web') FROM unnest('{s3,cloudtrail,azure,gcs}'::text[]) f;
SELECT refused('apache', :'other');
SELECT refused('s3', :'none');
SELECT count(*) FROM cloudflux.access_log_files WHERE source LIKE '%none.log' OR source LIKE '%trail.json';

-- S3: other buckets are skipped, requests are encoded twice, who was there at that time counts
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('blank', 'cloud', 'a b%.jpg'), ('old', 'cloud', 'k');
DELETE FROM cloudflux.data_objects WHERE file_id = 'old';
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('young', 'cloud', 'k');
COPY (SELECT format('79a59df9 %s [%s] 192.0.2.3 arn:aws:iam::1:user/ann ID %s %s "%s HTTP/1.1" %s - %s 4096 70 10 "-" "tool" - x= SigV4 C AuthHeader h TLSV1.2 - -', b, to_char(t AT TIME ZONE 'UTC', 'DD/Mon/YYYY:HH24:MI:SS +0000'), o, k, r, s, n)
	    FROM (VALUES ('pictures', now() - interval '1 hour', 'REST.GET.OBJECT', 'a%2Bb%2525.jpg', 'GET /a%20b%25.jpg', 200, '4096'),
					 ('pictures', now() - interval '1 hour', 'REST.GET.OBJECT', 'k', 'GET /k', 206, '100'),
					 ('pictures', now() + interval '1 hour', 'REST.GET.OBJECT', 'k', 'GET /k', 200, '4096'),
					 ('pictures', now(), 'REST.GET.OBJECT', 'k', 'GET /k', 403, '-'),
					 ('pictures', now(), 'REST.GET.VERSIONING', '-', 'GET /?versioning', 200, '113'),
					 ('elsewhere', now(), 'REST.GET.OBJECT', 'k', 'GET /k', 200, '4096'),
					 ('pictures', now(), 'BATCH.DELETE.OBJECT', 'a%2Bb%25.jpg', 'POST /?delete', 204, '-'),
					 ('pictures', now(), 'BATCH.DELETE.OBJECT', 'a+b%25.jpg', 'POST /?delete', 204, '-')) v(b, t, o, k, r, s, n)) TO :'s3log';
CALL cloudflux.import_access_log('cloud', 's3', :'s3log');
SELECT file_id, access_type, latency_ms, user_id, bytes FROM cloudflux.access_logs WHERE file_id IN ('blank', 'old', 'young') ORDER BY 1, 2, 5;
CALL cloudflux.import_access_log('cloud', 'csv', :'s3log');
CALL cloudflux.import_access_log('cloud', 's3', NULL);
CALL cloudflux.import_access_log('cloud', 's3', '/nonexistent/log');
CALL cloudflux.import_access_log('cloud', 's3', '/');
CALL cloudflux.import_access_log('nowhere', 's3', :'s3log');
GRANT USAGE ON FOREIGN SERVER cloud TO regress_stranger;
SET ROLE regress_stranger;
\set VERBOSITY sqlstate
CALL cloudflux.import_access_log('cloud', 's3', :'s3log');
RESET ROLE;
DROP OWNED BY regress_stranger;
