SET client_min_messages = warning;
SELECT cloudflux.add_storage('lake', 'AWS', 'demo-lake', '{"region": "us-east-1"}') \g /dev/null
-- Sizes log-normal, scaled to 500 TB (2^40) in all; ages up to three years.
WITH s AS (
	SELECT n, exp(2.0 * sqrt(-2 * ln((hashint8extended(n, 1) & 1048575 | 1) / 1048576.0))
	              * cos(6.2831853 * (hashint8extended(n, 2) & 1048575) / 1048576.0)) AS w,
	       (hashint8extended(n, 3) & 1023) AS age
	  FROM generate_series(1, 200000) n)
INSERT INTO cloudflux.data_objects (place, object_key, storage_class, size_bytes, created_at, modified_at)
SELECT 'lake', format('raw/%s/part-%s.parquet', lpad((n % 400)::text, 3, '0'), n), 'STANDARD',
       greatest(1024, (w / sum(w) OVER () * 500 * 1099511627776)::bigint),
       now() - age * interval '1 day', now() - age * interval '1 day' FROM s;
INSERT INTO cloudflux.access_logs (file_id, accessed_at, user_id)
SELECT o.file_id, now() - ((hashtextextended(o.file_id, g) & 65535) / 65536.0 * 90) * interval '1 day', 'generated'
  FROM cloudflux.data_objects o
 CROSS JOIN LATERAL generate_series(1, CASE WHEN (hashtextextended(o.object_key, 7) & 63) = 0 THEN 24
                                            WHEN (hashtextextended(o.object_key, 7) & 63) < 8 THEN 2 ELSE 0 END) g
 WHERE o.place = 'lake';
INSERT INTO cloudflux.access_coverage (place, day) SELECT 'lake', CURRENT_DATE - g FROM generate_series(0, 89) g;
CALL cloudflux.run_chores('fold_accesses');
CALL cloudflux.run_chores('refresh_access_counts');
CALL cloudflux.run_chores('refresh_monthly_costs');
CALL cloudflux.run_chores('refresh_monthly_costs');
SELECT checked, to_hot AS hot, to_warm AS warm, to_cold AS cold FROM cloudflux.classify_objects();
SELECT c.access_class AS class, count(*) AS objects, round(sum(o.size_bytes) / 1099511627776.0, 1) AS tb,
       round(sum(o.monthly_cost), 2) AS usd_per_month
  FROM cloudflux.data_objects o JOIN cloudflux.object_classes c USING (file_id) WHERE o.place = 'lake'
 GROUP BY ROLLUP (c.access_class) ORDER BY c.access_class;
\echo 'What would pay back within 90 days, at the reads of the last 30 days (potential_savings):'
SELECT best_class, objects, round(size_gb / 1024, 1) AS tb, round(monthly_saving, 2) AS usd_saved_per_month,
       round(move_cost, 2) AS usd_once, round(payback_days, 1) AS payback_days
  FROM cloudflux.potential_savings(90) WHERE cloud = 'AWS' AND best_class IS NOT NULL ORDER BY monthly_saving DESC;
\echo 'What each policy would have cost in these 90 days (simulate_policy: the reads again, day by day, only the past visible; hindsight knows them all). Rules'
\echo 'by age move at once; cloudflux first watches an object until staying has cost what coming back would. Which is better is a matter of the history:'
SELECT policy_name AS policy, round(total_cost, 2) AS usd, round(hindsight_ratio, 3) AS to_hindsight, moves
  FROM cloudflux.simulate_policy(p_place => 'lake') ORDER BY total_cost DESC, policy_name;
