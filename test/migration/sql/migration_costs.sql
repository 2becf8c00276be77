-- What jobs cost: what was sent for them, at the class of the object where it lay or came to, with what was read and what left the provider.
SET search_path = cloudflux, public;
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';
\set SHOW_CONTEXT never
\set VERBOSITY terse
SELECT add_storage('s3', 'AWS', 'somebucket', '{"region": "us-east-1"}');
SELECT add_storage('near', 'AWS', 'nearbucket', '{"region": "us-east-1", "egress": "same_region"}');
SELECT add_storage('west', 'AWS', 'westbucket', '{"region": "eu-west-1", "egress": "other_region"}');
SELECT add_storage('gcs', 'GCP', 'somebucket', '{"region": "us-central1", "autoclass": "true"}');
SELECT add_storage('minio', 'S3', 'somebucket', '{"endpoint": "https://minio.example"}');
SELECT place, storage_class, egress FROM place_prices ORDER BY place;
SELECT add_storage('wrong', 'AWS', 'b', '{"region": "us-east-1", "egress": "far"}');
SELECT add_storage('wrong', 'AWS', 'b', '{"region": "us-east-1", "autoclass": "true"}');
SELECT add_storage('wrong', 'GCP', 'b', '{"region": "us-central1", "autoclass": "yes"}');
SELECT c AS class, billed_class('GCP', 'AUTOCLASS_STANDARD', c) AS billed FROM unnest(ARRAY['NEARLINE', 'AUTOCLASS_ARCHIVE', '', NULL]) AS c;

-- Bytes alone: the free 100 GB belong to the whole bill; a class that must be restored is paid when it is
SELECT w AS destination, price_egress('AWS', 'us-east-1', w, 1073741824, '2026-11-01') AS one_gb FROM unnest(ARRAY['internet', 'same_region', 'other_region', NULL]) AS w;
SELECT price_egress('AWS', 'us-east-1', 'mars', 1, '2026-11-01');
SELECT price_egress('AWS', 'us-east-1', 'internet', 20000::numeric * 1073741824, '2026-11-01') AS by_band, price_egress('S3', NULL, 'internet', 1, '2026-11-01') AS unpriced,
       price_egress('GCP', 'us-central1', 'internet', 1073741824, '2026-11-01') AS google;
SELECT c AS class, price_retrieval('AWS', 'us-east-1', c, 1073741824, '2026-11-01') AS one_gb FROM unnest(ARRAY['STANDARD', 'STANDARD_IA', 'GLACIER_IR', 'GLACIER', 'DEEP_ARCHIVE', 'NONE', NULL]) AS c;

-- Jobs that are over, as a mover has left them
INSERT INTO data_objects (file_id, place, object_key, size_bytes, created_at, storage_class)
VALUES ('ia', 's3', 'ia', 10737418240, '2026-10-22 00:00+00', 'STANDARD_IA'), ('near', 'near', 'near', 1073741824, '2026-01-01 00:00+00', 'STANDARD_IA'),
       ('copied', 'west', 'copied', 1073741824, '2026-01-01 00:00+00', 'STANDARD'), ('auto', 'gcs', 'auto', 1073741824, '2026-01-01 00:00+00', 'NEARLINE'),
       ('odd', 'minio', 'odd', 1073741824, '2026-01-01 00:00+00', NULL);
INSERT INTO migration_jobs (job_id, file_id, status, phase, kind, source_place, source_key, source_class, dest_place, dest_key, dest_class, size_bytes, delete_source,
                            created_at, completed_at, switched_at, transfer_cost, restore_cost, recorded_at, requested_by)
SELECT v.job, v.file_id, v.status, v.phase, 'move', v.source, v.file_id, v.source_class, v.dest, v.file_id, v.dest_class, v.size, v.deletes,
       '2026-11-01 00:00+00', '2026-11-01 01:00+00', '2026-11-01 01:00+00', v.estimate, v.restore, '2026-11-01 01:00+00', CURRENT_USER
  FROM (VALUES ('job-ia', 'ia', 'completed', 'done', 's3', 'STANDARD_IA', 'gcs', 'NEARLINE', 10737418240, true, 1.2, NULL::numeric),
               ('job-near', 'near', 'completed', 'done', 'near', 'STANDARD_IA', 'near', 'GLACIER_IR', 1073741824, false, 0.01, NULL),
               ('job-copied', 'copied', 'completed', 'done', 's3', 'STANDARD_IA', 'west', 'STANDARD', 1073741824, false, 0.03, 0.5),
               ('job-auto', 'auto', 'failed', 'failed', 'gcs', 'NEARLINE', 's3', 'STANDARD', 1073741824, true, 0.12, NULL),
               ('job-odd', 'odd', 'completed', 'done', 'minio', NULL, 's3', 'STANDARD', 1073741824, false, NULL, NULL),
               ('job-local', 'ia', 'completed', 'done', NULL, NULL, NULL, NULL, 1, false, NULL, NULL))
         AS v(job, file_id, status, phase, source, source_class, dest, dest_class, size, deletes, estimate, restore);
INSERT INTO job_requests (job_id, file_id, recorded_at, place, verb, requests, repeated, billed_requests, sent_bytes, received_bytes)
VALUES ('job-ia', 'ia', '2026-11-01 00:30+00', 's3', 'GetObject', 1284, 4, 1280, 1, 10737418240), ('job-ia', 'ia', '2026-11-01 00:31+00', 's3', 'HeadObject', 2, 0, 2, 1, 0),
       ('job-ia', 'ia', '2026-11-01 00:31+00', 's3', 'DeleteObject', 1, 0, 1, 1, 0), ('job-ia', 'ia', '2026-11-01 00:30+00', 'gcs', 'storage.objects.insert', 1280, 0, 1280, 10737418240, 0),
       ('job-ia', 'ia', '2026-11-02 00:30+00', 'gcs', 'storage.objects.compose', 41, 0, 41, 1, 0),
       ('job-near', 'near', '2026-11-01 00:30+00', 'near', 'GetObject', 128, 0, 128, 1, 1073741824), ('job-near', 'near', '2026-11-01 00:30+00', 'near', 'PutObject', 1, 0, 1, 1073741824, 0),
       ('job-copied', 'copied', '2026-11-01 00:30+00', 'west', 'UploadPartCopy', 128, 0, 128, 1, 0), ('job-copied', 'copied', '2026-11-01 00:30+00', 's3', 'HeadObject', 1, 0, 1, 1, 0),
       ('job-auto', 'auto', '2026-11-01 00:30+00', 'gcs', 'storage.objects.get', 128, 0, 128, 1, 1073741824),
       ('job-odd', 'odd', '2026-11-01 00:30+00', 'minio', 'GetObject', 128, 0, 128, 1, 1073741824);
SELECT job_id, status, requests, billed_requests AS billed, request_cost, retrieval_cost, egress_cost, restore_cost, early_deletion_cost, cost, estimated_cost
  FROM job_costs ORDER BY job_id;

-- All that was sent: what was sent for jobs at their class, the rest at that of the place
INSERT INTO request_metrics (hour, place, verb, status_class, requests, repeated, sent_bytes, received_bytes, duration_ms) VALUES
	('2026-11-01 00:00+00', 's3', 'GetObject', '2xx', 1290, 0, 2, 10737419240, 1), ('2026-11-01 00:00+00', 's3', 'GetObject', '5xx', 4, 4, 1, 1, 1),
	('2026-11-01 00:00+00', 's3', 'HeadObject', '2xx', 3, 0, 1, 1, 1), ('2026-11-01 00:00+00', 'near', 'ListObjectsV2', '2xx', 1000, 0, 1, 1048576, 1),
	('2026-11-01 00:00+00', 'near', 'GetObject', '2xx', 128, 0, 128, 1073741824, 1);
SELECT day, place, verb, storage_class, term, requests, billed_requests AS billed, received_bytes, cost, retrieval_cost AS retrieval, egress_cost AS egress, total_cost
  FROM request_costs ORDER BY day, place COLLATE "C", verb COLLATE "C", storage_class COLLATE "C" NULLS LAST;
SELECT sum(requests) AS requests, sum(received_bytes) AS received FROM request_costs WHERE place = 's3' AND verb = 'GetObject';
SET ROLE cloudflux_viewer;
SELECT (SELECT count(*) FROM job_costs) AS jobs, (SELECT count(*) FROM request_costs) AS costs;
INSERT INTO job_requests SELECT * FROM job_requests;
RESET ROLE;
-- What an object in a bucket with Autoclass could be moved to there: nothing, its classes are Google's to choose
SELECT storage_class FROM quote_cheapest('GCP', 'us-central1', 'AUTOCLASS_STANDARD', 1099511627776, 400);
