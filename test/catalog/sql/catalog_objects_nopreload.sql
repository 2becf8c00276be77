-- Rows of data_objects: what is filled in, what is refused, and what follows (addresses, versions, events).
\set SHOW_CONTEXT never
SELECT cloudflux.add_storage('aws', 'AWS', 'pictures', '{"region": "us-east-1"}'), cloudflux.add_storage('deep', 'AWS', 'pictures', '{"region": "us-east-1", "prefix": "deep/"}');
CREATE VIEW told AS
SELECT event_type, subject, data - 'first_file_id' - 'last_file_id' AS data FROM cloudflux.events
 WHERE topic = 'data-ingestion' ORDER BY xid, subject, id;

-- sizes: each from the other, the bytes are the truth
INSERT INTO cloudflux.data_objects (file_id, size_gb) VALUES ('s1', 1.5), ('s2', 0), ('s3', NULL);
INSERT INTO cloudflux.data_objects (file_id, size_bytes) VALUES ('s4', 1), ('s5', 5368709120), ('s6', 9223372036854775807);
INSERT INTO cloudflux.data_objects (file_id, size_gb, size_bytes) VALUES ('s7', 0.93, 1000000000);
SELECT file_id, size_gb, size_bytes FROM cloudflux.data_objects ORDER BY 1;
\set VERBOSITY terse
INSERT INTO cloudflux.data_objects (file_id, size_bytes) VALUES ('bad', -1);
INSERT INTO cloudflux.data_objects (file_id, size_gb) VALUES ('bad', -0.5);
INSERT INTO cloudflux.data_objects (file_id, size_gb) VALUES ('bad', 'NaN');
INSERT INTO cloudflux.data_objects (file_id, size_gb) VALUES ('bad', 1e30);
INSERT INTO cloudflux.data_objects (file_id, size_gb, size_bytes) VALUES ('bad', 1, 1000000000);
\set VERBOSITY default
UPDATE cloudflux.data_objects SET size_gb = 2 WHERE file_id = 's1';
UPDATE cloudflux.data_objects SET size_bytes = 1024 WHERE file_id = 's2';
UPDATE cloudflux.data_objects SET size_bytes = NULL WHERE file_id = 's5';
SELECT file_id, size_gb, size_bytes FROM cloudflux.data_objects WHERE file_id IN ('s1', 's2', 's5') ORDER BY 1;
DELETE FROM cloudflux.data_objects;

-- addresses: place and key give the location, the location gives place and key, the longest url wins
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('a1', 'aws', 'x/a.jpg');
INSERT INTO cloudflux.data_objects (file_id, storage_location) VALUES
	('a2', 's3://pictures/x/b.jpg'), ('a3', 's3://pictures/deep/c/'), ('a4', 's3://elsewhere/d.jpg'), ('a5', NULL);
INSERT INTO cloudflux.data_objects (file_id, place, storage_location, file_name) VALUES ('a6', 'aws', 's3://pictures/x/f.jpg', 'mine');
SELECT file_id, file_name, place, object_key, storage_location, current_cloud FROM cloudflux.data_objects ORDER BY 1;
SELECT place, object_key, file_id, state FROM cloudflux.addresses ORDER BY 1, 2;
\set VERBOSITY terse
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('bad', 'nowhere', 'k');
INSERT INTO cloudflux.data_objects (file_id, place) VALUES ('bad', 'aws');
INSERT INTO cloudflux.data_objects (file_id, object_key) VALUES ('bad', 'k');
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('bad', 'aws', '');
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('bad', 'aws', repeat('k', 1025));
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('bad', 'aws', E'a\nb');
INSERT INTO cloudflux.data_objects (file_id) VALUES ('');
\set VERBOSITY default
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('ok', 'aws', repeat('k', 1024));
DELETE FROM cloudflux.data_objects WHERE file_id = 'ok';

-- an address has one holder
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('bad', 'aws', 'x/a.jpg');
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('bad1', 'aws', 'twice'), ('bad2', 'aws', 'twice');
UPDATE cloudflux.data_objects SET object_key = 'x/b.jpg' WHERE file_id = 'a1';
UPDATE cloudflux.data_objects SET file_id = 'other' WHERE file_id = 'a1';
TRUNCATE cloudflux.data_objects;

-- moving, swapping and leaving addresses; the name follows the key unless it was chosen
TRUNCATE cloudflux.events;
UPDATE cloudflux.data_objects SET object_key = 'y/aa.jpg' WHERE file_id = 'a1';
UPDATE cloudflux.data_objects SET object_key = 'y/f.jpg' WHERE file_id = 'a6';
UPDATE cloudflux.data_objects SET object_key = CASE file_id WHEN 'a1' THEN 'x/b.jpg' ELSE 'y/aa.jpg' END WHERE file_id IN ('a1', 'a2');
UPDATE cloudflux.data_objects SET storage_location = 's3://nobody/knows' WHERE file_id = 'a3';
UPDATE cloudflux.data_objects SET storage_location = 's3://pictures/deep/d.jpg' WHERE file_id = 'a4';
SELECT file_id, file_name, place, object_key, storage_location FROM cloudflux.data_objects ORDER BY 1;
SELECT place, object_key, file_id, state FROM cloudflux.addresses ORDER BY 1, 2;
SELECT file_id, version_no, place, object_key, reason, valid_to IS NULL AS open FROM cloudflux.object_versions WHERE file_id ~ '^a' ORDER BY 1, 2;
TABLE told;

-- what changes in place, vanishes and comes back; counts and costs tell nobody
TRUNCATE cloudflux.events;
UPDATE cloudflux.data_objects SET version = 'v1', size_bytes = 10 WHERE file_id = 'a1';
UPDATE cloudflux.data_objects SET metadata = '{"k": 1}' WHERE file_id = 'a1';
UPDATE cloudflux.data_objects SET access_count_30d = 7, last_accessed = now(), monthly_cost = 1 WHERE file_id = 'a1';
UPDATE cloudflux.data_objects SET vanished_at = now() WHERE file_id = 'a1';
UPDATE cloudflux.data_objects SET vanished_at = NULL WHERE file_id = 'a1';
SELECT file_id, version_no, object_key, version, size_bytes, reason, valid_to IS NULL AS open FROM cloudflux.object_versions WHERE file_id = 'a1' ORDER BY 2;
SELECT version FROM cloudflux.addresses WHERE file_id = 'a1';
DELETE FROM cloudflux.data_objects WHERE file_id = 'a1';
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('a1', 'aws', 'again');
SELECT version_no, object_key, valid_to IS NULL AS open FROM cloudflux.object_versions WHERE file_id = 'a1' ORDER BY 1;
TABLE told;

-- an address that was claimed beforehand becomes the object's, a replica stays, a version written beforehand is not doubled
INSERT INTO cloudflux.addresses VALUES ('aws', 'claimed', 'c1', 'claimed', NULL), ('aws', 'other', 'c2', 'claimed', NULL);
INSERT INTO cloudflux.data_objects (file_id, place, object_key, version) VALUES ('c1', 'aws', 'claimed', 'v');
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('bad', 'aws', 'other');
UPDATE cloudflux.addresses SET state = 'replica' WHERE file_id = 'c1';
INSERT INTO cloudflux.addresses VALUES ('deep', 'there', 'c1', 'claimed', 'v2');
UPDATE cloudflux.object_versions SET valid_to = now() WHERE file_id = 'c1';
INSERT INTO cloudflux.object_versions (file_id, version_no, place, object_key, version, job_id) VALUES ('c1', 2, 'deep', 'there', 'v2', 'job');
UPDATE cloudflux.data_objects SET place = 'deep', object_key = 'there', version = 'v2' WHERE file_id = 'c1';
SELECT place, object_key, state, version FROM cloudflux.addresses WHERE file_id = 'c1' ORDER BY 1;
SELECT version_no, place, job_id, valid_to IS NULL AS open FROM cloudflux.object_versions WHERE file_id = 'c1' ORDER BY 1;

-- classes and tiers
INSERT INTO cloudflux.data_objects (file_id, place, object_key, storage_class) VALUES ('t1', 'aws', 't1', 'GLACIER');
INSERT INTO cloudflux.data_objects (file_id, place, object_key, current_tier) VALUES ('t2', 'aws', 't2', 'WARM');
INSERT INTO cloudflux.data_objects (file_id, current_tier, current_cloud) VALUES ('t3', 'HOT', 'GCP');
SELECT file_id, current_cloud, storage_class, current_tier FROM cloudflux.data_objects WHERE file_id LIKE 't%' ORDER BY 1;
UPDATE cloudflux.data_objects SET current_tier = 'HOT' WHERE file_id = 't1';
UPDATE cloudflux.data_objects SET storage_class = 'STANDARD' WHERE file_id = 't1';
UPDATE cloudflux.data_objects SET current_tier = 'COLD' WHERE file_id = 't3';
SELECT file_id, storage_class, current_tier FROM cloudflux.data_objects WHERE file_id LIKE 't%' ORDER BY 1;

-- many at once: one event per place, then per 1,000; the same consequences
DELETE FROM cloudflux.data_objects;
TRUNCATE cloudflux.events;
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes)
SELECT 'm' || i, CASE WHEN i % 2 = 0 THEN 'aws' ELSE 'deep' END, 'm/' || i, i FROM generate_series(1, 2500) i;
UPDATE cloudflux.data_objects SET version = 'v' || size_bytes;
UPDATE cloudflux.data_objects SET access_count_90d = 1;
SELECT count(*), count(DISTINCT file_id), count(*) FILTER (WHERE a.version = 'v' || substr(a.file_id, 2)) FROM cloudflux.addresses a WHERE file_id LIKE 'm%';
SELECT count(*), count(*) FILTER (WHERE valid_to IS NULL), max(version_no) FROM cloudflux.object_versions WHERE file_id LIKE 'm%';
DELETE FROM cloudflux.data_objects WHERE file_id LIKE 'm%';
SELECT count(*) FROM cloudflux.addresses WHERE file_id LIKE 'm%';
SELECT event_type, subject, count(*), sum((data ->> 'objects')::int) AS objects FROM told GROUP BY 1, 2 ORDER BY 1, 2;

-- rows of a restore pass the triggers
SET ROLE NONE;
TRUNCATE cloudflux.events;
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes, size_gb, owner, recorded_at)
VALUES ('restored', 'gone', 'k', 5, 5, 'somebody', '2020-01-01');
SELECT place, size_gb, owner FROM cloudflux.data_objects WHERE file_id = 'restored';
SELECT count(*) FROM cloudflux.addresses WHERE file_id = 'restored';
SELECT count(*) FROM cloudflux.events;
