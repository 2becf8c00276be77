-- The daily bill when things are told late: a day that is over keeps what its storage cost, and takes in its accesses, at the class of that day.
\getenv places CF_PLACES
SET search_path = cloudflux, public;
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';
\set SHOW_CONTEXT never
\set VERBOSITY terse
INSERT INTO chore_settings (chore_name, enabled) VALUES ('roll_up_costs', false), ('refresh_monthly_costs', false), ('fold_accesses', false), ('refresh_access_counts', false);
SELECT current_date AS today \gset
\set fast :places '/pricing_late_fast'
\set slow :places '/pricing_late_slow'
\setenv CF_DIRS :fast' ':slow
\! mkdir -p $CF_DIRS && chmod 777 $CF_DIRS
SELECT add_storage('fast', 'LOCAL', :'fast', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');
SELECT add_storage('slow', 'LOCAL', :'slow', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD_IA", "tier": "COLD"}');
INSERT INTO data_objects (file_id, place, object_key, size_bytes, created_at) VALUES ('stays', 'slow', 'stays', 1073741824, now() - interval '200 days'), ('moved', 'slow', 'moved', 1073741824, now() - interval '200 days');
-- Until yesterday one of them lay in the fast place
UPDATE object_versions SET valid_from = now() - interval '1 day' WHERE file_id = 'moved';
INSERT INTO object_versions (file_id, version_no, place, object_key, size_bytes, valid_from, valid_to) VALUES ('moved', 0, 'fast', 'moved', 1073741824, now() - interval '200 days', now() - interval '1 day');
INSERT INTO cost_analytics (date, cloud, tier, storage_cost, total_cost, num_objects) VALUES (:'today'::date - 5, 'LOCAL', 'COLD', 1, 1, 1);
SELECT roll_up_costs() AS billed;
CREATE TEMP VIEW days AS SELECT :'today'::date - date AS days_ago, tier, round(storage_cost, 6) AS storage, request_cost AS requests, retrieval_cost AS retrieval, round(total_cost, 6) AS total
  FROM cost_analytics ORDER BY date, tier;
SELECT * FROM days WHERE days_ago >= 3;
-- An access log that comes three days late; the day before it nothing is known of
INSERT INTO access_logs (file_id, access_type, accessed_at, bytes) SELECT f, 'read', (:'today'::date - 3)::timestamptz + interval '1 hour', 1073741824 FROM unnest(ARRAY['stays', 'moved']) AS f, generate_series(1, 10);
INSERT INTO access_logs (file_id, access_type, accessed_at, bytes) VALUES ('stays', 'read', (:'today'::date - 40)::timestamptz, 1);
-- What changed since changes no storage that was billed
UPDATE data_objects SET size_bytes = size_bytes * 10;
SELECT roll_up_costs() AS billed;
SELECT * FROM days WHERE days_ago >= 3;
SELECT storage_class, term, quantity, amount FROM cost_terms WHERE date = :'today'::date - 3 AND cost_part(term) <> 'storage' ORDER BY 1, 2;
-- Folding changes no sum; nothing new, nothing billed; one read more, and the day is billed again
SELECT fold_accesses() IS NOT NULL AS folded, roll_up_costs() AS nothing;
SELECT record_access('stays') IS NOT NULL AS read;
SELECT roll_up_costs() AS today_alone;
INSERT INTO access_logs (file_id, access_type, accessed_at, bytes) VALUES ('stays', 'read', (:'today'::date - 3)::timestamptz + interval '2 hours', 0);
SELECT roll_up_costs() AS one_more;
SELECT reads FROM cost_days WHERE date = :'today'::date - 3;
SELECT requests FROM days WHERE days_ago = 3;

-- What cloudflux sends for no job has its place in the bill of the day: a nightly scan of ten million keys
SELECT add_storage('s3', 'AWS', 'somebucket', '{"region": "us-east-1"}');
SELECT add_storage('minio', 'S3', 'somebucket', '{"endpoint": "https://minio.example"}');
INSERT INTO request_metrics (hour, place, verb, status_class, requests, repeated, sent_bytes, received_bytes, duration_ms) VALUES
	('2026-10-05 02:00+00', 's3', 'ListObjectsV2', '2xx', 10000, 0, 1, 1, 1), ('2026-10-05 02:00+00', 's3', 'ListObjectsV2', '5xx', 50, 50, 1, 1, 1),
	('2026-10-05 03:00+00', 's3', 'GetObject', '2xx', 1000, 0, 1, 1, 1), ('2026-10-05 03:00+00', 's3', 'DeleteObject', '2xx', 1000, 0, 1, 1, 1),
	('2026-10-05 03:00+00', 'minio', 'ListObjectsV2', '2xx', 1000, 0, 1, 1, 1), ('2026-10-06 00:00+00', 's3', 'ListObjectsV2', '2xx', 7, 0, 1, 1, 1);
INSERT INTO job_requests (job_id, file_id, recorded_at, place, verb, requests, repeated, billed_requests, sent_bytes, received_bytes)
VALUES ('some job', 'stays', '2026-10-05 03:00+00', 's3', 'GetObject', 990, 0, 990, 1, 1);
SELECT cloud, tier, storage_class, term, quantity, unit, amount FROM cost_terms_of('2026-10-05') WHERE cloud = 'AWS' ORDER BY term;
SELECT cloud, tier, num_objects, request_cost FROM cost_day('2026-10-05') WHERE cloud = 'AWS';
