-- The cheapest right tier of single objects: what is recommended and what is not, with the reason; what policies close; what is refused.
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT ensure_partitions() IS NOT NULL AS made \gset
SELECT add_storage('lake', 'AWS', 'lake-bucket', options => '{"region": "us-east-1"}');
SELECT add_storage('blobs', 'Azure', 'container', options => '{"account": "acct", "price_region": "eastus", "storage_class": "HOT_LRS"}');
SELECT add_storage('gcs', 'GCP', 'some-bucket', options => '{"price_region": "us-central1"}');
SELECT add_storage('dark', 'AWS', 'dark-bucket', options => '{"region": "us-east-1"}');
SELECT add_storage('minio', 'S3', 'other-bucket', options => '{"endpoint": "http://localhost:9000", "region": "x"}');
INSERT INTO access_coverage (place, day) SELECT p.place, current_date - d FROM generate_series(0, 500) AS d, unnest(ARRAY['lake', 'blobs', 'gcs', 'minio']) AS p(place);
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, storage_class, created_at) VALUES
	('idle', 'idle', 1073741824000, 'lake', 'a/idle', 'STANDARD', now() - interval '200 days'),
	('young', 'young', 1073741824000, 'lake', 'a/young', 'STANDARD', now() - interval '2 days'),
	('busy', 'busy', 1073741824, 'lake', 'a/busy', 'STANDARD', now() - interval '200 days'),
	('small', 'small', 4096, 'lake', 'a/small', 'STANDARD', now() - interval '200 days'),
	('cold read', 'cold', 1073741824000, 'lake', 'a/cold', 'GLACIER_IR', now() - interval '300 days'),
	('archived', 'archived', 1073741824000, 'lake', 'a/archived', 'DEEP_ARCHIVE', now() - interval '300 days'),
	('scanned', 'scanned', 1073741824000, 'lake', 'a/scanned', 'STANDARD_IA', now() - interval '300 days'),
	('zone', 'zone', 1073741824, 'lake', 'a/zone', 'ONEZONE_IA', now() - interval '300 days'),
	('unknown size', 'unknown', NULL, 'lake', 'a/unknown', 'STANDARD', now() - interval '300 days'),
	('blob', 'blob', 1073741824000, 'blobs', 'a/blob', 'Hot', now() - interval '200 days'),
	('google', 'google', 1073741824000, 'gcs', 'a/google', 'STANDARD', now() - interval '200 days'),
	('unseen', 'unseen', 1073741824000, 'dark', 'a/unseen', 'STANDARD', now() - interval '200 days'),
	('unpriced', 'unpriced', 1073741824000, 'minio', 'a/unpriced', 'STANDARD', now() - interval '200 days'),
	('nowhere', 'nowhere', 1073741824000, NULL, NULL, NULL, now() - interval '200 days');
INSERT INTO access_logs (file_id, accessed_at) SELECT 'busy', now() - d * interval '1 day' FROM generate_series(1, 150) AS d;
INSERT INTO access_logs (file_id, accessed_at) SELECT 'cold read', now() - d * interval '1 day' FROM generate_series(1, 200) AS d;
INSERT INTO access_logs (file_id, accessed_at) SELECT f.file_id, now() - interval '1 day' FROM unnest(ARRAY['scanned', 'archived']) AS f(file_id);

-- What is recommended
SELECT o.file_id, r.storage_class, r.verdict, r.to_class, round(r.saving, 2) AS saving, round(r.move_cost, 2) AS move_cost, r.evidence_days
  FROM data_objects AS o CROSS JOIN LATERAL recommend_tier(o.file_id) AS r ORDER BY o.file_id COLLATE "C";
SELECT o.file_id, r.reason FROM data_objects AS o CROSS JOIN LATERAL recommend_tier(o.file_id) AS r ORDER BY o.file_id COLLATE "C";
-- Every class that was compared, and why it is not the one
SELECT storage_class, reason, round(total_cost, 2) AS total, round(storage_cost, 2) AS storage, round(monitoring_cost, 5) AS monitoring, round(request_cost, 5) AS requests,
       round(retrieval_cost, 2) AS retrieval, round(move_cost, 5) AS move, round(against_staying, 2) AS against, round(regret, 2) AS regret, round(regret_needed, 2) AS needed
  FROM tier_candidates('idle');
SELECT storage_class, reason, round(against_staying, 6) AS loss FROM tier_candidates('small') ORDER BY storage_class;
SELECT bool_and(total_cost BETWEEN parts - 0.00000001 AND parts + 0.00000001) AS terms_add_up
  FROM (SELECT c.total_cost, c.storage_cost + c.monitoring_cost + c.request_cost + c.retrieval_cost + c.move_cost + c.early_deletion_cost AS parts
          FROM data_objects AS o CROSS JOIN LATERAL tier_candidates(o.file_id) AS c) AS s;
-- A short horizon pays for less, a long one for more
SELECT h.days, r.verdict, r.to_class FROM (VALUES (1), (20), (3650)) AS h(days) CROSS JOIN LATERAL recommend_tier('cold read', make_interval(days => h.days)) AS r ORDER BY 1;

-- What policies close, and open
INSERT INTO user_policies (policy_name, policy_type, conditions) VALUES
	('patient', 'latency_sla', '{"key_prefix": "a/idle", "max_latency_ms": 43200000}'),
	('no glacier', 'residency', '{"key_prefix": "a/idle", "allowed_classes": ["STANDARD", "STANDARD_IA", "GLACIER", "INTELLIGENT_TIERING"]}');
SELECT verdict, to_class, blocked_by FROM recommend_tier('idle');
SELECT storage_class, reason, blocked_by FROM tier_candidates('idle') ORDER BY storage_class;
INSERT INTO user_policies (policy_name, policy_type, conditions, actions) VALUES ('case 12', 'retention', '{"key_prefix": "a/id"}', '{"hold": true}');
SELECT verdict, to_class, blocked_by, reason FROM recommend_tier('idle');
UPDATE user_policies SET enabled = false WHERE policy_name IN ('case 12', 'no glacier');
SELECT verdict, to_class, blocked_by FROM recommend_tier('idle');
UPDATE user_policies SET conditions = '{"key_prefix": "a/idle", "max_latency_ms": 10}' WHERE policy_name = 'patient';
SELECT verdict, to_class, blocked_by FROM recommend_tier('idle');
DELETE FROM user_policies;
SELECT policy_name, conditions, max_latency_ms, hold, allowed_classes FROM recommend_limits;

-- What is refused
\set VERBOSITY terse
SELECT * FROM recommend_tier('nobody');
SELECT * FROM recommend_tier(NULL);
SELECT * FROM tier_candidates('nobody');
SELECT * FROM recommend_tier('idle', '0 days');
SELECT * FROM recommend_tier('idle', '-3 days');
SELECT * FROM tier_candidates('idle', '11 years');
SELECT * FROM recommend_object(NULL, 1, 'lake', 'STANDARD', 1, NULL, NULL, NULL, NULL, NULL, 1000, NULL);
SELECT * FROM recommend_object(current_date, 1, 'lake', 'STANDARD', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT * FROM recommend_object(current_date, -1, 'lake', 'STANDARD', 1, NULL, NULL, NULL, NULL, NULL, 1000, NULL);
SELECT * FROM recommend_object(current_date, 1, 'lake', 'STANDARD', 1, current_date, NULL, NULL, '\x00', NULL, 1000, NULL);
SELECT verdict FROM recommend_object(current_date, 1, 'lake', 'STANDARD', -1, current_date, NULL, NULL, NULL, NULL, 1000, NULL);
SELECT verdict FROM recommend_object('infinity', 3650, 'lake', 'STANDARD', 9223372036854775807, '-infinity', 'infinity', 'infinity', NULL, false, 'NaN', '{1,2,3}');
SELECT length(read_history(day, reads, bytes, full_reads)) FROM (VALUES (date '2026-01-02', 1, 5, 0), ('2026-01-01', 2, NULL, 1), ('2026-01-02', 1, 5, 9223372036854775807), (NULL, 1, 1, 1), ('2026-01-03', 0, 0, 0))
	AS v(day, reads, bytes, full_reads);

-- Explained: as rows, as a document, as a paragraph
SELECT section, item, value FROM explain_object('idle') WHERE section IN ('optimum', 'candidates') AND item <> 'looked at again';
SELECT section, item, value FROM explain_object('nowhere') WHERE section IN ('optimum', 'candidates');
SELECT jsonb_object_keys(explain_object_json('idle')) AS part;
SELECT d -> 'recommendation' ->> 'verdict' AS verdict, jsonb_array_length(d -> 'candidates') AS candidates, d -> 'explanation' -> 'evidence' ->> 'evidence' AS evidence FROM explain_object_json('idle') AS d;
SELECT explain_object_json('nowhere') -> 'candidates' AS none;
SELECT file_id, explain_object_text(file_id) FROM data_objects WHERE file_id IN ('idle', 'busy', 'unseen', 'nowhere', 'unknown size', 'young') ORDER BY file_id COLLATE "C";
UPDATE data_objects SET vanished_at = now() WHERE file_id = 'zone';
SELECT explain_object_text('zone'), explain_object_json('zone') -> 'recommendation' AS none;
SELECT recommend_tier('zone');
SELECT explain_object_text('nobody');
SELECT explain_object_json('nobody');
