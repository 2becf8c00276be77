-- The four views: an object is counted once, a copy is billed, what vanished is gone. No keeper changes figures in between.
SELECT * FROM cloudflux.overview \gx
SELECT * FROM cloudflux.tier_statistics;
SELECT * FROM cloudflux.cloud_distribution;
SELECT * FROM cloudflux.trends;

\getenv places CF_PLACES
\set root :places '/report'
\set mkdir 'cat > /dev/null; mkdir -p ' :root '_fast ' :root '_cold'
COPY (SELECT) TO PROGRAM :'mkdir';
SELECT length(cloudflux.add_storage('report_fast', 'LOCAL', :'root' || '_fast', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}')) > 0 AS added;
SELECT length(cloudflux.add_storage('report_cold', 'LOCAL', :'root' || '_cold', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "GLACIER_IR"}')) > 0 AS added;
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes, created_at, last_accessed, access_count_30d)
SELECT 'r' || i, CASE WHEN i <= 6 THEN 'report_fast' ELSE 'report_cold' END, 'k' || i, 1073741824, now() - interval '4800 hours',
       now() - CASE WHEN i <= 3 THEN 0 ELSE 4000 END * interval '1 hour', CASE WHEN i <= 3 THEN 20 ELSE 0 END
  FROM generate_series(1, 8) i;
-- catalogued only, of unknown size; and one that vanished
INSERT INTO cloudflux.data_objects (file_id, created_at) VALUES ('r9', now() - interval '240 hours');
UPDATE cloudflux.data_objects SET vanished_at = now() WHERE file_id = 'r6';
-- r1 has a replica in the cold place
INSERT INTO cloudflux.addresses (place, object_key, file_id, state) VALUES ('report_cold', 'k1', 'r1', 'replica');
INSERT INTO cloudflux.object_versions (file_id, version_no, place, object_key, storage_class, size_bytes, role) VALUES ('r1', 99, 'report_cold', 'k1', 'GLACIER_IR', 1073741824, 'replica');
SELECT cloudflux.refresh_monthly_costs();
SELECT checked, to_hot, to_warm, to_cold FROM cloudflux.classify_objects();

SELECT objects, replicas, vanished_objects, size, round(monthly_cost, 4) AS monthly_cost, unpriced_objects, hot_objects, warm_objects, cold_objects,
       unclassified_objects, misplaced_objects, accesses_30d, live_jobs, failed_24h FROM cloudflux.overview \gx
SELECT current_tier, access_class, objects, size_bytes, round(monthly_cost, 4) AS monthly_cost, unpriced_objects, accesses_30d, avg_age_days
  FROM cloudflux.tier_statistics ORDER BY 1, 2;
SELECT cloud, place, objects, replicas, size_bytes, share_pct, round(monthly_cost, 4) AS monthly_cost, unpriced_copies FROM cloudflux.cloud_distribution ORDER BY 1, 2;
-- the views agree with each other and with the rows
SELECT (SELECT sum(objects) FROM cloudflux.tier_statistics) = o.objects AS tiers, (SELECT sum(objects) FROM cloudflux.cloud_distribution) = o.objects AS clouds,
       (SELECT sum(size_bytes) FROM cloudflux.cloud_distribution) = o.size_bytes AS bytes, (SELECT sum(monthly_cost) FROM cloudflux.cloud_distribution) = o.monthly_cost AS money,
       (SELECT sum(share_pct) FROM cloudflux.cloud_distribution) BETWEEN 99.9 AND 100.1 AS shares,
       o.hot_objects + o.warm_objects + o.cold_objects + o.unclassified_objects = o.objects AS classes FROM cloudflux.overview o;

-- trends join the bill, the accesses (folded or not) and the moves of a day
INSERT INTO cloudflux.access_logs (file_id, accessed_at, access_type) SELECT 'r2', now() - d * interval '24 hours', t FROM generate_series(1, 3) d, unnest(ARRAY['read', 'read', 'write']) t;
SELECT cloudflux.fold_accesses() IS NOT NULL AS folded;
INSERT INTO cloudflux.access_logs (file_id, accessed_at) VALUES ('r2', now() - interval '24 hours');
INSERT INTO cloudflux.cost_analytics (date, cloud, tier, total_size_gb, storage_cost, total_cost, num_objects)
SELECT (now() AT TIME ZONE 'UTC')::date - d, 'AWS', t, 10, CASE t WHEN 'HOT' THEN 0.5 END, CASE t WHEN 'HOT' THEN 0.75 END, 3 FROM generate_series(1, 2) d, unnest(ARRAY['HOT', 'COLD']) t;
SELECT (now() AT TIME ZONE 'UTC')::date - date AS days_ago, copies, size_gb, storage_cost, total_cost, reads, writes, moved_objects, moved_bytes, failed_jobs
  FROM cloudflux.trends WHERE date < (now() AT TIME ZONE 'UTC')::date ORDER BY date DESC;

-- a viewer sees them
CREATE ROLE regress_report_viewer IN ROLE cloudflux_viewer;
SET ROLE regress_report_viewer;
SELECT objects FROM cloudflux.overview;
SELECT count(*) FROM cloudflux.tier_statistics;
SELECT count(*) FROM cloudflux.cloud_distribution;
SELECT count(*) > 0 AS days FROM cloudflux.trends;
RESET ROLE;
DROP ROLE regress_report_viewer;
