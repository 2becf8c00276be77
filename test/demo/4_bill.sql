SET client_min_messages = warning;
CALL cloudflux.run_chores('refresh_monthly_costs');
SELECT place, objects, pg_size_pretty(size_bytes) AS size, round(monthly_cost, 6) AS usd_per_month FROM cloudflux.cloud_distribution;
SELECT cloudflux.plan_migration('archive', access_class => 'COLD', plan_name => 'must pay') AS plan_id \gset
SELECT objects AS would_move, refused FROM cloudflux.migration_plans WHERE plan_id = :plan_id;
SELECT right(x.object_key, 32) AS object, x.size_bytes, x.refused
  FROM (SELECT DISTINCT ON (left(i.refused, 8)) o.object_key, i.size_bytes, i.refused
          FROM cloudflux.plan_items i JOIN cloudflux.data_objects o USING (file_id)
         WHERE i.plan_id = :plan_id AND i.refused IS NOT NULL
         ORDER BY left(i.refused, 8), i.size_bytes DESC) x
 ORDER BY x.size_bytes DESC;
