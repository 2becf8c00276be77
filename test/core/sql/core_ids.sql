-- Identifiers and versions.
SELECT length(cloudflux.new_id()) AS length, cloudflux.new_id() ~ '^[0-7][0-9A-HJKMNP-TV-Z]{25}$' AS shape;

-- ids of one session strictly grow, in byte order
SELECT bool_and(id > before) AS grow, count(DISTINCT id) AS ids
  FROM (SELECT id, lag(id) OVER (ORDER BY n) COLLATE "C" AS before
          FROM (SELECT n, cloudflux.new_id() COLLATE "C" AS id FROM generate_series(1, 10000) AS n) AS made) AS pairs;

SELECT cloudflux.library_version() = extversion AS same_version,
       cloudflux.version() = 'cloudflux ' || extversion || ' on PostgreSQL ' || current_setting('server_version') AS version
  FROM pg_extension WHERE extname = 'cloudflux';

-- SQL that is newer than the library is refused, with what to do; the library remembers no wrong answer
BEGIN;
CREATE OR REPLACE FUNCTION cloudflux.abi() RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 999;
SELECT cloudflux.new_id();
ROLLBACK;
SELECT cloudflux.new_id() IS NOT NULL AS works_again;

-- older SQL on a newer library works
BEGIN;
CREATE OR REPLACE FUNCTION cloudflux.abi() RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 0;
SELECT cloudflux.new_id() IS NOT NULL AS works;
ROLLBACK;
