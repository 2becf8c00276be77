-- The places, and what lies in the first of them.
\set QUIET on
CREATE EXTENSION cloudflux;
SELECT cloudflux.add_storage('fast', 'LOCAL', :'fast', '{"tier": "HOT", "storage_class": "STANDARD", "price_provider": "AWS", "price_region": "us-east-1"}') \g /dev/null
SELECT cloudflux.add_storage('archive', 'LOCAL', :'archive', '{"tier": "COLD", "storage_class": "GLACIER_IR", "price_provider": "AWS", "price_region": "us-east-1"}') \g /dev/null
SET client_min_messages = warning;
CALL cloudflux.import_inventory('fast');
SELECT count(*) AS objects, pg_size_pretty(sum(size_bytes)) AS size, min(modified_at)::date AS oldest, max(modified_at)::date AS newest,
       count(DISTINCT split_part(object_key, '/', 1) || '/' || split_part(object_key, '/', 2)) AS folders
  FROM cloudflux.data_objects;
