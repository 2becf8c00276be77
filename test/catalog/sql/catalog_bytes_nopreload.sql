-- The bytes of one object: put, get, copy, metadata, url.
\set SHOW_CONTEXT never
CREATE TABLE nothing (line text);
\getenv places CF_PLACES
\set root :places '/catalog_bytes'
\set root2 :places '/catalog_bytes2'
\set cmd 'rm -rf ' :root ' ' :root2
COPY nothing FROM PROGRAM :'cmd';
\set cmd 'mkdir -p ' :root ' ' :root2
COPY nothing FROM PROGRAM :'cmd';
SELECT cloudflux.add_storage('one', 'LOCAL', :'root'), cloudflux.add_storage('two', 'LOCAL', :'root2', '{"tier": "COLD"}'), cloudflux.add_storage('cloud', 'AWS', 'pictures', '{"region": "us-east-1", "endpoint": "http://127.0.0.1:9"}');
SELECT cloudflux.put_object('one', 'a/hello.txt', 'hello', 'text/plain', '{"by": "ann"}') AS hello \gset
SELECT file_name, size_bytes, content_type, metadata, current_tier, storage_class, sha256 = sha256('hello') AS hashed, version IS NOT NULL AS pinned
  FROM cloudflux.data_objects WHERE file_id = :'hello';
SELECT convert_from(cloudflux.get_object(:'hello'), 'UTF8');
SELECT cloudflux.copy_object(file_id => :'hello', dest_place => 'two', dest_key => 'b.txt') AS copy \gset
SELECT place, object_key, current_tier, content_type, metadata FROM cloudflux.data_objects WHERE file_id = :'copy';
SELECT m - 'version' - 'modified_at' - 'accessed_at' FROM cloudflux.object_metadata(:'copy') AS m;
SELECT cloudflux.object_url(:'hello') LIKE 'file:///%/catalog_bytes/a/hello.txt' AS url;
SELECT cloudflux.object_url(file_id => :'hello', expires => '5 minutes') LIKE 'file://%' AS url;
SELECT event_type, subject = :'hello' AS hello, data ->> 'object_key' AS object_key FROM cloudflux.events WHERE topic = 'data-ingestion' ORDER BY id;
-- an inventory finds nothing new, and what a rollback left
CALL cloudflux.import_inventory('one');
BEGIN;
SELECT cloudflux.put_object('one', 'left', 'x') IS NOT NULL AS put;
ROLLBACK;
SELECT count(*) FROM cloudflux.data_objects WHERE object_key = 'left';
CALL cloudflux.import_inventory('one');
SELECT size_bytes FROM cloudflux.data_objects WHERE object_key = 'left';
-- what is refused
\set VERBOSITY sqlstate
SELECT cloudflux.put_object('one', 'left', 'y');
SELECT cloudflux.copy_object(:'copy', 'one', 'left');
\set VERBOSITY terse
SELECT cloudflux.put_object('one', 'hot', 'y', tier => 'COLD');
SELECT cloudflux.put_object('one', '../out', 'y');
SELECT cloudflux.put_object('nowhere', 'k', 'y');
SELECT cloudflux.put_object('one', NULL, 'y');
SELECT cloudflux.put_object('cloud', 'k', 'y');
SELECT cloudflux.get_object('nobody');
SELECT cloudflux.get_object(NULL);
INSERT INTO cloudflux.data_objects (file_id, storage_location) VALUES ('only', 's3://elsewhere/k');
INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('far', 'cloud', 'k');
SELECT cloudflux.get_object('only');
SELECT cloudflux.object_url('far');
SELECT cloudflux.get_object('far');
-- bytes that changed behind the catalog's back are not passed off as the object's
\set cmd 'echo other > ' :root '/a/hello.txt'
COPY nothing FROM PROGRAM :'cmd';
SELECT cloudflux.object_metadata(:'hello') -> 'as_catalogued' AS as_catalogued;
\set VERBOSITY sqlstate
SELECT cloudflux.get_object(:'hello');
