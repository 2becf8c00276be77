-- Objects of one place: list, look, read, create, unfinished uploads.
\getenv places CF_PLACES
\set root :places '/storage_objects'
\set cmd 'rm -rf ' :root ' && mkdir -p ' :root '/odd && printf x > "$(printf "' :root '/odd/caf\\\\351")" && mkfifo ' :root '/odd/pipe && ln -s /etc ' :root '/odd/link'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
\set SHOW_CONTEXT never
SELECT cloudflux.add_storage('here', 'LOCAL', :'root', '{"prefix": "in/"}');

SELECT s.size_bytes, s.modified_at > now() - interval '1 minute' AS just_now
  FROM cloudflux.store_object('here', 'a/hello.txt', 'hello', 'text/plain', '{"note": "two\nlines"}') AS s;
SELECT size_bytes FROM cloudflux.store_object('here', 'a/empty', '');
SELECT object_key, size_bytes, key_bytes, storage_class FROM cloudflux.list_objects('here') ORDER BY 1;
SELECT object_key FROM cloudflux.list_objects('here', 'a/h');
SELECT object_key FROM cloudflux.list_objects('here', 'b/');
SELECT object_key FROM cloudflux.list_objects(place => 'here', prefix => '../');
SELECT convert_from(cloudflux.fetch_object('here', 'a/hello.txt'), 'UTF8'), length(cloudflux.fetch_object('here', 'a/empty'));
SELECT s.version = l.version AND s.size_bytes = l.size_bytes AND s.modified_at = l.modified_at AS same
  FROM cloudflux.list_objects('here', 'a/hello') AS l, cloudflux.stat_object('here', 'a/hello.txt') AS s;
SELECT convert_from(cloudflux.fetch_object('here', 'a/hello.txt', (cloudflux.stat_object('here', 'a/hello.txt')).version), 'UTF8');
SELECT cloudflux.fetch_object('here', 'a/hello.txt', '1:2:3');

-- what is refused
\set VERBOSITY terse
SELECT cloudflux.store_object('here', 'a/hello.txt', 'other');
SELECT cloudflux.store_object('here', 'a/hello.txt/below', 'other');
SELECT cloudflux.store_object('here', 'a', 'other');
SELECT cloudflux.store_object('here', '', 'x');
SELECT cloudflux.store_object('here', '/a', 'x');
SELECT cloudflux.store_object('here', 'a/', 'x');
SELECT cloudflux.store_object('here', 'a//b', 'x');
SELECT cloudflux.store_object('here', 'a/../../b', 'x');
SELECT cloudflux.store_object('here', '.cloudflux/uploads/x', 'x');
SELECT cloudflux.store_object('here', E'a\nb', 'x');
SELECT cloudflux.store_object('here', repeat('x', 256), 'x');
SELECT cloudflux.store_object('here', repeat('12345678/', 115) || 'x', 'x');
SELECT cloudflux.store_object('here', 'n', NULL);
SELECT cloudflux.store_object('here', NULL, 'x');
SELECT cloudflux.store_object(NULL, 'n', 'x');
SELECT cloudflux.stat_object('here', 'a');
SELECT cloudflux.fetch_object('here', 'none');
SELECT cloudflux.list_objects(NULL);
\set VERBOSITY default
BEGIN READ ONLY;
SELECT cloudflux.store_object('here', 'read/only', 'x');
ROLLBACK;

-- what is no object, and a name that is no text
SELECT cloudflux.drop_storage('here');
SELECT cloudflux.add_storage('odd', 'LOCAL', :'root' || '/odd');
SELECT object_key, key_bytes, size_bytes FROM cloudflux.list_objects('odd');
\set VERBOSITY terse
SELECT cloudflux.stat_object('odd', 'pipe');
\set VERBOSITY default

-- a listing can be left early, and is streamed
SET cloudflux.storage_fsync = off;
SELECT count(*) FROM generate_series(1, 2500) AS i, cloudflux.store_object('odd', 'many/' || i % 10 || '/' || i, 'x');
SELECT count(*), count(DISTINCT object_key), sum(size_bytes) FROM cloudflux.list_objects('odd', 'many/');
SELECT count(*) FROM (SELECT cloudflux.list_objects('odd', 'many/') LIMIT 3) AS l;

-- unfinished uploads
\set cmd 'cd ' :root '/odd/.cloudflux/uploads && printf abc > job-1.part && touch -d "2020-01-01 UTC" job-1.part && printf abcd > job-2.part'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
-- one that waits for its commit has the time of its source, which says nothing of its own age
SELECT handle FROM cloudflux.stale_uploads('odd');
SELECT handle, owner_tag, written_at > now() - interval '1 hour' AS written_now, size_bytes FROM cloudflux.stale_uploads('odd', '-1 minute');
SELECT handle FROM cloudflux.stale_uploads(p_place => 'odd', p_age => '-1 minute');
SELECT cloudflux.abort_upload('odd', 'job-1.part'), cloudflux.abort_upload('odd', 'job-1.part');
SELECT cloudflux.abort_upload('odd', '../../x');
SELECT handle FROM cloudflux.stale_uploads('odd', '-1 minute');
