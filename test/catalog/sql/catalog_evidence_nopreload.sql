-- import_access_log() from a place: the documented formats of three providers, packed or not, each log read once.
\set SHOW_CONTEXT never
\set VERBOSITY terse
\getenv tests CF_TESTS
\getenv places CF_PLACES
\set root :places '/catalog_evidence'
CREATE TABLE nothing (line text);
\set cmd 'rm -rf ' :root ' && mkdir -p ' :root
COPY nothing FROM PROGRAM :'cmd';
SELECT cloudflux.add_storage('logs', 'LOCAL', :'root');
SELECT cloudflux.add_storage('aws', 'AWS', 'pictures', '{"region": "us-east-1"}');
SELECT cloudflux.add_storage('azure', 'Azure', 'films', '{"account": "account1"}');
SELECT cloudflux.add_storage('gcs', 'GCP', 'scans');
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes)
SELECT p || ':' || k, p, k, 1000 FROM unnest(ARRAY['aws', 'azure', 'gcs']) AS p,
	   unnest(ARRAY['plain.txt', 'a b+c.txt', 'ä€"quoted".txt', 'sent encoded.txt', 'copy.txt', 't&s "quoted".txt', '100%.txt', 'fromä url.txt', 'ä€.txt', 'a "b",c.txt', 'old.txt', 'd/e ä.txt']) AS k;
CREATE VIEW accesses AS
SELECT l.file_id, l.accessed_at, l.access_type AS type, l.user_id, l.bytes, l.latency_ms AS ms FROM cloudflux.access_logs l;
CREATE VIEW runs AS
SELECT place, format, prefix, status, logs_found AS found, logs_known AS known, logs_read AS read, logs_left AS left, lines, accepted, unknown_keys AS unknown, skipped, bad
  FROM cloudflux.access_log_runs;
CREATE VIEW errors AS
SELECT source, line, left(convert_from(bytes, 'UTF8'), 40) AS bytes, reason FROM cloudflux.import_errors;

\set cloudtrail `gzip -nc "$CF_TESTS"/catalog/data/cloudtrail.json | base64 -w0`
\set azure `base64 -w0 "$CF_TESTS"/catalog/data/azure.log`
\set resource `base64 -w0 "$CF_TESTS"/catalog/data/azure_resource.json`
\set usage `base64 -w0 "$CF_TESTS"/catalog/data/gcs_usage.csv`
\set audit `gzip -nc "$CF_TESTS"/catalog/data/gcs_audit.json | base64 -w0`
\set s3 `base64 -w0 "$CF_TESTS"/catalog/data/s3_access.log`
SELECT count(cloudflux.put_object('logs', key, decode(data, 'base64')))
  FROM (VALUES ('AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01/a.json.gz', :'cloudtrail'), ('s3/2024-05-01-13-00-00-0123', :'s3'),
			   ('blob/2024/05/01/1200/000000.log', :'azure'), ('resourceId=/y=2024/PT1H.json', :'resource'),
			   ('usage/scans_usage_2024_05_01_12_00_00_0a_v0', :'usage'), ('audit/12:00:00_12:59:59_S0.json', :'audit')) v(key, data);

-- CloudTrail: requester, bytes, copies tell of their source as well, other buckets are nobody's business
CALL cloudflux.import_access_log('aws', 'cloudtrail', 'AWSLogs/', log_place => 'logs');
SELECT * FROM accesses ORDER BY accessed_at, file_id;
SELECT * FROM errors;
SELECT day, lines FROM cloudflux.access_coverage WHERE place = 'aws' ORDER BY 1;
CALL cloudflux.import_access_log('aws', 's3', 's3/', log_place => 'logs');
SELECT * FROM accesses WHERE accessed_at > '2024-05-01 12:15:00Z' AND accessed_at < '2024-05-02' ORDER BY accessed_at;

-- Azure: Storage Analytics and resource logs, told apart by their lines
CALL cloudflux.import_access_log('azure', 'azure', 'blob/', log_place => 'logs');
CALL cloudflux.import_access_log('azure', 'azure', 'resourceId=', log_place => 'logs');
SELECT * FROM accesses WHERE file_id LIKE 'azure:%' ORDER BY accessed_at;
SELECT source, line, reason FROM errors WHERE source ~ 'blob|resource' ORDER BY 1, 2;

-- GCS: usage logs and audit logs
CALL cloudflux.import_access_log('gcs', 'gcs', 'usage/', log_place => 'logs');
CALL cloudflux.import_access_log('gcs', 'gcs', 'audit/', log_place => 'logs');
SELECT * FROM accesses WHERE file_id LIKE 'gcs:%' ORDER BY accessed_at;
SELECT source, line, reason FROM errors WHERE source LIKE '%usage%' ORDER BY 1, 2;
SELECT * FROM runs ORDER BY place, format, prefix;

-- again: nothing is read, nothing is counted twice
CALL cloudflux.import_access_log('aws', 'cloudtrail', 'AWSLogs/', log_place => 'logs');
CALL cloudflux.import_access_log('gcs', 'gcs', 'usage/', log_place => 'logs');
SELECT count(*) FROM accesses;

-- a log that grew is read on; one that was replaced is a new log; one that is packed now is known by what is inside
\set cmd 'cd ' :root '/resourceId=/y=2024 && grep -m 1 GetBlob PT1H.json | sed s/12:00:00/13:00:00/ > ../../more && cat ../../more >> PT1H.json && head -c 20 ../../more >> PT1H.json'
COPY nothing FROM PROGRAM :'cmd';
CALL cloudflux.import_access_log('azure', 'azure', 'resourceId=', log_place => 'logs');
\set cmd 'cd ' :root '/resourceId=/y=2024 && tail -c +21 ../../more >> PT1H.json'
COPY nothing FROM PROGRAM :'cmd';
CALL cloudflux.import_access_log('azure', 'azure', 'resourceId=', log_place => 'logs');
\set cmd 'cd ' :root '/resourceId=/y=2024 && tail -n 1 PT1H.json | sed s/13:00:00/14:00:00/ > PT && mv PT PT1H.json'
COPY nothing FROM PROGRAM :'cmd';
CALL cloudflux.import_access_log('azure', 'azure', 'resourceId=', log_place => 'logs');
\set cmd 'cd ' :root '/s3 && gzip -n 2024-05-01-13-00-00-0123 && gunzip -c *.gz > /dev/null && mv *.gz 2024-05-01-13-00-00-0123'
COPY nothing FROM PROGRAM :'cmd';
CALL cloudflux.import_access_log('aws', 's3', 's3/', log_place => 'logs');
SELECT count(*) FROM accesses WHERE file_id LIKE 'azure:%' AND accessed_at > '2024-05-02 12:30:00Z';
SELECT source ~ '#' AS aside, lines, accepted FROM cloudflux.access_log_files WHERE source LIKE 'resourceId%' ORDER BY 1;
SELECT count(*) FROM accesses;

-- damaged: one log tells of itself and does not stop the others
\set cmd 'mkdir ' :root '/bad && cd ' :root '/bad && gzip -nc ../AWSLogs/*/*/*/*/*/*/a.json.gz | head -c 300 > a.gz && printf garbage > b.json && printf "{\\"Records\\":[{\\"eventName\\":1}]}" > c.json && printf "{\\"Records\\":[{\\"eventName\\"" > d.json && printf "{\\"logFiles\\":[{}]}" > digest.json && : > empty'
COPY nothing FROM PROGRAM :'cmd';
CALL cloudflux.import_access_log('aws', 'cloudtrail', 'bad/', log_place => 'logs');
SELECT * FROM errors WHERE source LIKE '%bad/%' ORDER BY source;
SELECT * FROM runs WHERE prefix = 'bad/';
CALL cloudflux.import_access_log('aws', 'cloudtrail', 'bad/', log_place => 'logs');

-- in a transaction block, by another place, by nobody
BEGIN;
CALL cloudflux.import_access_log('logs', 'gcs', 'usage/', log_place => 'logs');
ROLLBACK;
SELECT count(*) FROM cloudflux.access_log_files WHERE place = 'logs';
SELECT kind, place, source, status, done, total, percent, written, refused FROM cloudflux.import_progress WHERE place = 'aws' ORDER BY 3, 8;
CALL cloudflux.import_access_log('aws', 'cloudtrail', 'AWSLogs/', log_place => 'nowhere');
CALL cloudflux.import_access_log('aws', 'json', 'AWSLogs/', log_place => 'logs');
CALL cloudflux.import_access_log('aws', 'cloudtrail', NULL);
CREATE ROLE regress_reader;
GRANT cloudflux_user TO regress_reader;
GRANT USAGE ON FOREIGN SERVER aws TO regress_reader;
SET ROLE regress_reader;
CALL cloudflux.import_access_log('aws', 'cloudtrail', 'AWSLogs/', log_place => 'logs');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER logs TO regress_reader;
SET ROLE regress_reader;
CALL cloudflux.import_access_log('aws', 'cloudtrail', 'AWSLogs/', log_place => 'logs');
RESET ROLE;
DROP OWNED BY regress_reader;
