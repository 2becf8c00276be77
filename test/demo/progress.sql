SELECT p.live, p.arrived,
       format('%s of %s objects, %s of %s, %s', p.arrived, p.objects, pg_size_pretty(COALESCE(b.bytes, 0)), pg_size_pretty(p.bytes),
              COALESCE((SELECT string_agg(x.phase || ' ' || x.n, ', ' ORDER BY x.phase)
                          FROM (SELECT phase, count(*) AS n FROM cloudflux.migration_progress GROUP BY phase) x), 'done'))
  FROM cloudflux.migration_plans p
 CROSS JOIN LATERAL (SELECT sum(j.size_bytes)::bigint AS bytes FROM cloudflux.migration_jobs j
                      WHERE j.plan_id = p.plan_id AND j.status = 'completed') b
 WHERE p.plan_id = :plan;
