-- cloudflux's own requests have a price: each verb that a driver sends, per place and day, and a listing before it is made.
SET search_path = cloudflux, public;
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';
\set SHOW_CONTEXT never
\set VERBOSITY terse
SELECT p.provider, v.verb, request_term(p.provider, v.verb) AS term
  FROM (VALUES ('AWS', 'AbortMultipartUpload CompleteMultipartUpload CopyObject CreateMultipartUpload DeleteObject GetObject GetObjectTagging HeadObject ListMultipartUploads ListObjectVersions ListObjectsV2 ListParts PutObject RestoreObject UploadPart UploadPartCopy AssumeRoleWithWebIdentity GetMetadataToken GetMetadataRole GetMetadataCredentials GetContainerCredentials'),
               ('Azure', 'DeleteBlob GetBlob GetBlobProperties GetBlobTags GetBlockList ListBlobs PutBlob PutBlobFromURL PutBlock PutBlockFromURL PutBlockList SetBlobTier GetToken'),
               ('GCP', 'storage.objects.compose storage.objects.delete storage.objects.get storage.objects.insert storage.objects.list storage.objects.rewrite GetToken GetMetadataToken')) AS p(provider, verbs),
       regexp_split_to_table(p.verbs, ' ') AS v(verb) ORDER BY p.provider COLLATE "C", v.verb COLLATE "C";
SELECT request_term('AWS', 'Sing') AS unknown, request_term('LOCAL', 'GetObject') AS elsewhere;
SELECT add_storage('s3', 'AWS', 'somebucket', '{"region": "us-east-1"}');
SELECT add_storage('ia', 'AWS', 'otherbucket', '{"region": "us-east-1", "storage_class": "STANDARD_IA"}');
SELECT add_storage('blobs', 'Azure', 'container', '{"account": "someaccount", "region": "westus"}');
SELECT add_storage('gcs', 'GCP', 'somebucket', '{"region": "us-central1"}');
SELECT add_storage('minio', 'S3', 'somebucket', '{"endpoint": "https://minio.example"}');
INSERT INTO request_metrics (hour, place, verb, status_class, requests, repeated, sent_bytes, received_bytes, duration_ms) VALUES
	('2026-11-01 02:00+00', 's3', 'ListObjectsV2', '2xx', 100000, 0, 1, 1, 1), ('2026-11-01 03:00+00', 's3', 'ListObjectsV2', '2xx', 100000, 10, 1, 1, 1),
	('2026-11-01 03:00+00', 's3', 'ListObjectsV2', '5xx', 500, 490, 1, 1, 1), ('2026-11-01 03:00+00', 's3', 'HeadObject', '4xx', 1000, 0, 1, 1, 1),
	('2026-11-01 03:00+00', 's3', 'DeleteObject', '2xx', 1000, 0, 1, 1, 1), ('2026-11-01 03:00+00', 's3', 'PutObject', 'none', 3, 2, 1, 1, 1),
	('2026-11-01 03:00+00', 'ia', 'GetObject', '2xx', 10000, 0, 1, 1, 1), ('2026-11-01 03:00+00', 'ia', 'ListObjectsV2', '2xx', 1000, 0, 1, 1, 1),
	('2026-11-01 03:00+00', 'blobs', 'GetBlobProperties', '2xx', 10000, 0, 1, 1, 1), ('2026-11-01 03:00+00', 'blobs', 'ListBlobs', '2xx', 10000, 0, 1, 1, 1),
	('2026-11-02 03:00+00', 'gcs', 'storage.objects.list', '2xx', 1000, 0, 1, 1, 1), ('2026-11-02 03:00+00', 'minio', 'ListObjectsV2', '2xx', 1000, 0, 1, 1, 1),
	('2026-11-02 03:00+00', '', 'GetToken', '2xx', 1, 0, 1, 1, 1);
SELECT day, place, verb, term, requests, repeated, billed_requests, unit_price, cost FROM request_costs ORDER BY day, place, verb;
SELECT place, sum(cost) AS usd FROM request_costs WHERE day = '2026-11-01' GROUP BY 1 ORDER BY 1;
-- What a nightly scan costs: a million keys are a thousand pages
INSERT INTO data_objects (file_id, place, object_key, size_bytes) SELECT 'a' || g, 's3', 'logs/' || g, 1 FROM generate_series(1, 2001) AS g;
INSERT INTO data_objects (file_id, place, object_key, size_bytes) SELECT 'b' || g, 'blobs', 'b' || g, 1 FROM generate_series(1, 2001) AS g;
SELECT p.place, s.objects, s.requests, s.unit_price, s.cost, round(s.monthly_if_nightly, 9) AS monthly_if_nightly FROM unnest(ARRAY['s3', 'ia', 'blobs', 'gcs', 'minio']) AS p(place), estimate_scan(p.place) AS s ORDER BY p.place COLLATE "C";
SELECT objects, requests FROM estimate_scan('s3', 'logs/1');
SELECT * FROM estimate_scan('nowhere');
SET ROLE cloudflux_viewer;
SELECT count(*) AS seen FROM request_costs;
RESET ROLE;
