-- Extreme rows: what one row says may be refused, but never stops the counting, the classes or the overviews of all others.
\set SHOW_CONTEXT never
\set VERBOSITY terse
INSERT INTO cloudflux.data_objects (file_id, size_bytes) VALUES ('x1', 9223372036854775807), ('x2', 9223372036854775807);

-- no infinities, no NaN
INSERT INTO cloudflux.access_logs (file_id, accessed_at) VALUES ('x1', 'infinity');
INSERT INTO cloudflux.access_logs (file_id, latency_ms) VALUES ('x1', 'NaN');
INSERT INTO cloudflux.access_logs (file_id, latency_ms) VALUES ('x1', 'Infinity');
INSERT INTO cloudflux.data_objects (file_id, created_at) VALUES ('x3', '-infinity');
INSERT INTO cloudflux.data_objects (file_id, last_accessed) VALUES ('x3', 'infinity');
INSERT INTO cloudflux.data_objects (file_id, monthly_cost) VALUES ('x3', 'NaN');
INSERT INTO cloudflux.data_objects (file_id, avg_latency_ms) VALUES ('x3', 'Infinity');
INSERT INTO cloudflux.data_objects (file_id, access_count_30d) VALUES ('x3', -1);
INSERT INTO cloudflux.data_objects (file_id, size_gb) VALUES ('x3', 'NaN');
INSERT INTO cloudflux.data_objects (file_id, size_gb) VALUES ('x3', 'Infinity');
INSERT INTO cloudflux.data_objects (file_id, size_gb) VALUES ('x3', 1e30);
INSERT INTO cloudflux.data_objects (file_id, size_gb) VALUES ('x3', -1);

-- sums beyond what a bigint holds stay at its end; the day of the year 4000 and of the year 44 BC are days as others
INSERT INTO cloudflux.access_logs (file_id, bytes, latency_ms) SELECT 'x1', 9223372036854775807, 9e299 FROM generate_series(1, 3);
INSERT INTO cloudflux.access_logs (file_id, bytes, latency_ms) VALUES ('x1', 9223372036854775807, 9e299);
INSERT INTO cloudflux.access_logs (file_id, accessed_at) VALUES ('x2', '4000-01-01'), ('x2', '0044-03-15 BC'), ('x2', '294276-12-31'), ('x2', now());
SELECT file_id, reads_30d, reads_total, bytes_30d, avg_latency_ms FROM cloudflux.access_counts ORDER BY file_id;
SELECT cloudflux.fold_accesses();
INSERT INTO cloudflux.access_logs (file_id, bytes) VALUES ('x1', 9223372036854775807);
SELECT cloudflux.fold_accesses();
SELECT file_id, reads_30d, reads_total, bytes_30d FROM cloudflux.access_counts ORDER BY file_id;
SELECT cloudflux.refresh_access_counts();
SELECT checked FROM cloudflux.classify_objects();
SELECT objects, size_bytes FROM cloudflux.overview;
SELECT objects, size_bytes FROM cloudflux.tier_statistics;
SELECT objects, size_bytes FROM cloudflux.cloud_distribution;
DELETE FROM cloudflux.access_logs;
SELECT cloudflux.fold_accesses();
SELECT file_id, reads_total FROM cloudflux.access_counts ORDER BY file_id;
