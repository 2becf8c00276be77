/*
 * policy/savings: what the recommendations would save in a month, in the columns of potential_savings().
 *
 * potential_savings() prices the month as the last 30 days were, each object by itself; a recommendation weighs the reads that may come, policies,
 * evidence and latency. Side by side they say how much of what could be saved is advised.
 */
CREATE VIEW cloudflux.recommended_savings WITH (security_invoker = true) AS
SELECT COALESCE(o.current_cloud, 'unknown') AS cloud, COALESCE(o.current_tier, 'unknown') AS tier, r.to_place AS best_place, r.to_class AS best_class,
       count(*) AS objects, trim_scale(round(sum(r.size_bytes) / 1073741824, 9)) AS size_gb,
       round(sum(r.stay_cost * m.per_month), 9) AS monthly_before, round(sum((r.total_cost - r.move_cost) * m.per_month), 9) AS monthly_after,
       round(sum((r.stay_cost - r.total_cost + r.move_cost) * m.per_month), 9) AS monthly_saving, round(sum(r.move_cost), 9) AS move_cost,
       round(sum(r.move_cost) / NULLIF(sum((r.stay_cost - r.total_cost + r.move_cost) * m.per_month), 0) * 730 / 24, 1) AS payback_days
  FROM cloudflux.recommendations AS r
  JOIN cloudflux.data_objects AS o ON o.file_id = r.file_id
 CROSS JOIN LATERAL (SELECT 730.0 / 24 / r.horizon_days AS per_month) AS m
 GROUP BY 1, 2, 3, 4;

GRANT SELECT ON cloudflux.recommended_savings TO cloudflux_viewer, cloudflux_worker;

COMMENT ON VIEW cloudflux.recommended_savings IS 'What the recommendations would save, per cloud, tier, place and class, in the columns of potential_savings(): of what that one finds, how much is advised. Means over the horizon of each recommendation, per month of 730 hours';
COMMENT ON COLUMN cloudflux.recommended_savings.cloud IS 'Cloud in which the objects lie';
COMMENT ON COLUMN cloudflux.recommended_savings.tier IS 'Tier in which they lie';
COMMENT ON COLUMN cloudflux.recommended_savings.best_place IS 'Place where they should lie';
COMMENT ON COLUMN cloudflux.recommended_savings.best_class IS 'Class in which they should lie';
COMMENT ON COLUMN cloudflux.recommended_savings.objects IS 'How many';
COMMENT ON COLUMN cloudflux.recommended_savings.size_gb IS 'Their size, GB of 2^30 bytes';
COMMENT ON COLUMN cloudflux.recommended_savings.monthly_before IS 'What they are expected to cost a month where they lie, USD';
COMMENT ON COLUMN cloudflux.recommended_savings.monthly_after IS 'What they are expected to cost a month there, USD, without the move';
COMMENT ON COLUMN cloudflux.recommended_savings.monthly_saving IS 'The difference';
COMMENT ON COLUMN cloudflux.recommended_savings.move_cost IS 'What the moves cost once, USD';
COMMENT ON COLUMN cloudflux.recommended_savings.payback_days IS 'Days until they have paid for themselves, together';
