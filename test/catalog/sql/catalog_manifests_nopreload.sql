-- import_inventory(manifest => …): inventories that three providers write, from the place where they lie.
\set SHOW_CONTEXT never
\set VERBOSITY terse
\getenv tests CF_TESTS
\getenv places CF_PLACES
\set root :places '/catalog_manifests'
CREATE TABLE nothing (line text);
\set cmd 'rm -rf ' :root ' && mkdir -p ' :root
COPY nothing FROM PROGRAM :'cmd';
SELECT cloudflux.add_storage('files', 'LOCAL', :'root');
SELECT cloudflux.add_storage('aws', 'AWS', 'pictures', '{"region": "us-east-1"}');
SELECT cloudflux.add_storage('azure', 'Azure', 'films', '{"account": "account1"}');
SELECT cloudflux.add_storage('gcs', 'GCP', 'scans');
CREATE VIEW objects AS
SELECT o.place, o.object_key, o.size_bytes AS bytes, o.storage_class, o.content_type, o.version, o.modified_at AT TIME ZONE 'UTC' AS modified, o.vanished_at IS NULL AS there
  FROM cloudflux.data_objects o WHERE o.place <> 'files';
CREATE VIEW runs AS
SELECT place, prefix, status, cursor, listed, created, changed, unchanged, vanished, errors, manifest, snapshot_at AT TIME ZONE 'UTC' AS snapshot, message FROM cloudflux.inventories;
CREATE VIEW errors AS
SELECT line, left(convert_from(bytes, 'UTF8'), 40) AS bytes, reason FROM cloudflux.import_errors;

-- S3 Inventory: gzip, keys URL-encoded, versions, delete markers; the manifest tells sizes and digests
\set one `gzip -nc "$CF_TESTS"/catalog/data/s3_inventory_1.csv | base64 -w0`
\set two `gzip -nc "$CF_TESTS"/catalog/data/s3_inventory_2.csv | base64 -w0`
\set manifest `cat "$CF_TESTS"/catalog/data/s3_inventory.json`
CREATE TABLE made AS
SELECT decode(:'one', 'base64') AS one, decode(:'two', 'base64') AS two, :'manifest'::text AS manifest;
UPDATE made SET manifest = replace(replace(replace(replace(manifest, 'MD5-1', md5(one)), 'MD5-2', md5(two)), '"size": 0', '"size": ' || length(one)),
	'two.csv.gz",' || E'\n   "size": ' || length(one), 'two.csv.gz",' || E'\n   "size": ' || length(two));
SELECT count(cloudflux.put_object('files', k, b)) FROM made, LATERAL (VALUES ('pictures/daily/data/one.csv.gz', one), ('pictures/daily/data/two.csv.gz', two),
	('pictures/daily/2024-05-01T01-00Z/manifest.json', convert_to(manifest, 'UTF8')), ('pictures/daily/2024-05-01T01-00Z/manifest.checksum', convert_to(md5(manifest) || E'\n', 'UTF8'))) AS v(k, b);
\set key '''pictures/daily/2024-05-01T01-00Z/manifest.json'''
CALL cloudflux.import_inventory('aws', manifest => :key, manifest_place => 'files');
SELECT * FROM objects ORDER BY place, object_key;
SELECT * FROM errors ORDER BY line;
SELECT * FROM runs;
-- again: nothing new; a prefix takes its part
CALL cloudflux.import_inventory('aws', manifest => :key, manifest_place => 'files');
CALL cloudflux.import_inventory('aws', 'd/', manifest => :key, manifest_place => 'files');
-- an object that came after the inventory was taken is not missed, and the store is not asked for it
INSERT INTO cloudflux.data_objects (file_id, place, object_key, created_at) VALUES ('later', 'aws', 'later.txt', '2024-05-01 12:00:01Z');
CALL cloudflux.import_inventory('aws', manifest => :key, manifest_place => 'files');
SELECT there FROM objects WHERE object_key = 'later.txt';

-- Azure blob inventory: container in the name, versions, snapshots, folders, a digest of the manifest
\set csv `base64 -w0 "$CF_TESTS"/catalog/data/azure_inventory.csv`
\set manifest `base64 -w0 "$CF_TESTS"/catalog/data/azure_inventory.json`
SELECT count(cloudflux.put_object('files', k, b)) FROM (VALUES ('2024/05/01/12-00-00/rule/rule.csv', decode(:'csv', 'base64')),
	('2024/05/01/12-00-00/rule/rule-manifest.json', decode(:'manifest', 'base64')), ('2024/05/01/12-00-00/rule/rule-manifest.checksum', convert_to(md5(decode(:'manifest', 'base64')), 'UTF8'))) AS v(k, b);
CALL cloudflux.import_inventory('azure', manifest => '2024/05/01/12-00-00/rule/rule-manifest.json', manifest_place => 'files');
SELECT * FROM objects WHERE place = 'azure' ORDER BY object_key;
SELECT object_key, last_accessed AT TIME ZONE 'UTC' AS accessed FROM cloudflux.data_objects WHERE place = 'azure' AND last_accessed IS NOT NULL;

-- Storage Insights of GCS: shards beside the manifest, generations
\set zero `base64 -w0 "$CF_TESTS"/catalog/data/gcs_inventory_0.csv`
\set one `base64 -w0 "$CF_TESTS"/catalog/data/gcs_inventory_1.csv`
\set manifest `base64 -w0 "$CF_TESTS"/catalog/data/gcs_inventory.json`
SELECT count(cloudflux.put_object('files', 'daily/fc95c52f_2024-05-01T00:00_' || k, decode(b, 'base64'))) FROM (VALUES ('0.csv', :'zero'), ('1.csv', :'one'), ('manifest.json', :'manifest')) AS v(k, b);
CALL cloudflux.import_inventory('gcs', manifest => 'daily/fc95c52f_2024-05-01T00:00_manifest.json', manifest_place => 'files');
SELECT * FROM objects WHERE place = 'gcs' ORDER BY object_key;
SELECT kind, place, source, status, done, written, refused FROM cloudflux.import_progress ORDER BY place, started_at;

-- what is refused
CALL cloudflux.import_inventory('gcs', manifest => :key, manifest_place => 'files');
CALL cloudflux.import_inventory('files', manifest => :key);
CALL cloudflux.import_inventory('aws', manifest => 'nothing/there', manifest_place => 'files');
CALL cloudflux.import_inventory('aws', manifest_place => 'files');
SELECT cloudflux.add_storage('pets', 'AWS', 'pets', '{"region": "us-east-1"}');
CALL cloudflux.import_inventory('pets', manifest => :key, manifest_place => 'files');
-- written as files beside what stands in the catalog of that place
CREATE FUNCTION write(name text, content text) RETURNS text LANGUAGE sql AS $$
SELECT cloudflux.put_object('files', 'bad/' || name, convert_to(content, 'UTF8')); SELECT 'bad/' || name $$;
CREATE FUNCTION manifest() RETURNS text LANGUAGE sql AS 'SELECT manifest FROM made';
CREATE FUNCTION digest_of_two() RETURNS text LANGUAGE sql AS 'SELECT md5(two) FROM made';
\set VERBOSITY default
CALL cloudflux.import_inventory('aws', manifest => write('orc', replace(manifest(), '"CSV"', '"ORC"')), manifest_place => 'files');
CALL cloudflux.import_inventory('gcs', manifest => write('parquet', '{"report_shards_file_names": [], "snapshot_time": "2024-05-01T12:00:00Z", "report_config": {"parquet_options": {}}}'), manifest_place => 'files');
CALL cloudflux.import_inventory('azure', manifest => write('parquet2', '{"inventoryStartTime": "2024-05-01T12:00:00Z", "status": "Succeeded", "ruleDefinition": {"format": "parquet"}}'), manifest_place => 'files');
CALL cloudflux.import_inventory('azure', manifest => write('failed', '{"inventoryStartTime": "2024-05-01T12:00:00Z", "status": "Failed"}'), manifest_place => 'files');
CALL cloudflux.import_inventory('aws', manifest => write('noetag', replace(manifest(), ' ETag,', '')), manifest_place => 'files');
CALL cloudflux.import_inventory('aws', manifest => write('none', '{"a": 1}'), manifest_place => 'files');
CALL cloudflux.import_inventory('aws', manifest => write('garbage', 'garbage'), manifest_place => 'files');
SELECT write('x-manifest.checksum', md5('another')) IS NOT NULL AS written;
CALL cloudflux.import_inventory('aws', manifest => write('x-manifest.json', manifest()), manifest_place => 'files');
CALL cloudflux.import_inventory('aws', manifest => write('size', replace(manifest(), '"size": ', '"size": 1')), manifest_place => 'files');
CALL cloudflux.import_inventory('aws', manifest => write('digest', replace(manifest(), digest_of_two(), md5(''))), manifest_place => 'files');
\set VERBOSITY terse
CALL cloudflux.import_inventory('aws', manifest => write('missing', replace(manifest(), 'two.csv', 'three.csv')), manifest_place => 'files');
SELECT place, status, regexp_replace(manifest, '^files: ', '') AS manifest, message FROM runs WHERE status = 'failed' ORDER BY 3;
-- a manifest that promises more than its files have marks nothing as vanished
INSERT INTO cloudflux.data_objects (file_id, place, object_key, created_at) VALUES ('missed', 'gcs', 'missed.txt', '2024-01-01 00:00:00Z');
SELECT count(cloudflux.put_object('files', 'bad/fc95c52f_2024-05-01T00:00_' || k, decode(b, 'base64'))) FROM (VALUES ('0.csv', :'zero'), ('1.csv', :'one')) AS v(k, b);
CALL cloudflux.import_inventory('gcs', manifest => write('more', replace(convert_from(decode(:'manifest', 'base64'), 'UTF8'), '"records_processed": 4', '"records_processed": 5')), manifest_place => 'files');
SELECT there FROM objects WHERE object_key = 'missed.txt';
-- where the manifest does not tell the bucket, its rows do
SELECT cloudflux.add_storage('other', 'GCP', 'other');
CALL cloudflux.import_inventory('other', manifest => write('untold', '{"report_shards_file_names": ["fc95c52f_2024-05-01T00:00_0.csv"], "snapshot_time": "2024-05-01T12:00:00Z", "report_config": {}}'), manifest_place => 'files');
-- one that tells of nothing, where objects are catalogued
CALL cloudflux.import_inventory('gcs', manifest => write('empty', '{"report_shards_file_names": [], "snapshot_time": "2024-05-01T12:00:00Z", "report_config": {}}'), manifest_place => 'files');
CREATE ROLE regress_reader;
GRANT cloudflux_user TO regress_reader;
GRANT USAGE ON FOREIGN SERVER aws TO regress_reader;
SET ROLE regress_reader;
CALL cloudflux.import_inventory('aws', manifest => 'pictures/daily/2024-05-01T01-00Z/manifest.json', manifest_place => 'files');
RESET ROLE;
DROP OWNED BY regress_reader;
