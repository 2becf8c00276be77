SET client_min_messages = warning;
CALL cloudflux.import_inventory('local');
SELECT count(*) AS objects, pg_size_pretty(sum(size_bytes)) AS size, pg_size_pretty(max(size_bytes)) AS largest
  FROM cloudflux.data_objects;
