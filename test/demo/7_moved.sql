SET client_min_messages = warning;
CALL cloudflux.run_chores('refresh_monthly_costs');
SELECT completed, failed, success_pct AS "success %", round(p50_ms::numeric, 1) AS p50_ms, round(p90_ms::numeric, 1) AS p90_ms,
       round(p95_ms::numeric, 1) AS p95_ms, round(p99_ms::numeric, 1) AS p99_ms, pg_size_pretty(bytes_moved) AS moved
  FROM cloudflux.migration_performance WHERE source_place = 'fast';
SELECT place, objects, pg_size_pretty(size_bytes) AS size, round(monthly_cost, 6) AS usd_per_month
  FROM cloudflux.cloud_distribution WHERE cloud = 'LOCAL' ORDER BY place;
