INSERT INTO cloudflux.user_policies (policy_name, policy_type, conditions, actions)
VALUES ('demo', 'auto_tier', '{"place": "fast", "access_class": ["COLD"]}',
        '{"dest_place": "archive", "dest_tier": "COLD", "delete_source": true, "move_unprofitable": true}');
SELECT cloudflux.plan_migration('archive', source_place => 'fast', access_class => 'COLD', must_pay => false, plan_name => 'demo') AS plan_id \gset
SELECT plan_id, objects, pg_size_pretty(bytes) AS size, requests, round(move_cost, 6) AS usd_once,
       round(monthly_before, 6) AS usd_month_before, round(monthly_after, 6) AS usd_month_after, payback_days
  FROM cloudflux.migration_plans WHERE plan_id = :plan_id;
SELECT r->>'risk' AS risk, r->>'objects' AS objects FROM cloudflux.migration_plans p, jsonb_array_elements(p.risks) r
 WHERE p.plan_id = :plan_id LIMIT 5;
