-- Budgets: policies of type cost_limit that no plan may exceed.
\getenv places CF_PLACES
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
\set VERBOSITY terse
INSERT INTO chore_settings (chore_name, enabled) VALUES ('roll_up_costs', false), ('refresh_monthly_costs', false), ('watch_budgets', false);
\set cheap :places '/policy_budgets_cheap'
\set fast :places '/policy_budgets_fast'
\set free :places '/policy_budgets_free'
\setenv CF_DIRS :cheap' ':fast' ':free
\! mkdir -p $CF_DIRS && chmod 777 $CF_DIRS
SELECT add_storage('cheap', 'LOCAL', :'cheap', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "GLACIER_IR", "tier": "COLD"}');
SELECT add_storage('fast', 'LOCAL', :'fast', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');
SELECT add_storage('free', 'LOCAL', :'free', '{"tier": "WARM"}');
-- Ten objects of 100 GB in the cheap place (0.4 USD a month each), three in the fast one (2.3 each)
INSERT INTO data_objects (file_id, place, object_key, size_bytes, created_at)
SELECT 'c' || g, 'cheap', 'media/c' || g, 107374182400, now() - interval '400 days' FROM generate_series(1, 10) AS g
UNION ALL SELECT 'f' || g, 'fast', 'media/f' || g, 107374182400, now() - interval '400 days' FROM generate_series(1, 3) AS g;
SELECT refresh_monthly_costs();
INSERT INTO user_policies (policy_name, policy_type, conditions, actions) VALUES
	('fast place', 'cost_limit', '{"place": "fast", "monthly_limit": 20}', '{"block_moves": true}'),
	('asleep', 'cost_limit', '{"monthly_limit": 0}', '{"block_moves": true}'),
	('only told', 'cost_limit', '{"monthly_limit": 1}', '{"alert": true}');
UPDATE user_policies SET enabled = false WHERE policy_name = 'asleep';
SELECT policy_name, monthly_limit, objects, unpriced_objects, monthly_cost, remaining, blocks_moves, enabled FROM budgets ORDER BY 1;

-- Coming back to the fast place costs 3 USD to read and 2.3 a month: of the 13.1 that are left two come, whatever must_pay says
SELECT plan_migration('fast', source_place => 'cheap', must_pay => false, look => false) AS plan \gset
SELECT objects, refused, round(move_cost, 6) AS move_cost, monthly_after FROM migration_plans WHERE plan_id = :plan;
SELECT file_id, refused FROM plan_items WHERE plan_id = :plan ORDER BY refused NULLS FIRST, file_id LIMIT 4;
-- A budget that came after the plan holds when it is executed
BEGIN;
INSERT INTO user_policies (policy_name, policy_type, conditions, actions) VALUES ('media', 'cost_limit', '{"key_prefix": "media/", "monthly_limit": 18}', '{"block_moves": true}');
SELECT execute_plan(:plan) AS jobs;
SELECT objects, refused FROM migration_plans WHERE plan_id = :plan;
ROLLBACK;
-- What makes the month cheaper goes, even where the budget is exceeded already
UPDATE user_policies SET conditions = '{"place": "fast", "monthly_limit": 1}' WHERE policy_name = 'fast place';
SELECT policy_name, remaining FROM budgets WHERE policy_name = 'fast place';
SELECT plan_migration('cheap', source_place => 'fast', look => false) AS plan \gset
SELECT objects, refused FROM migration_plans WHERE plan_id = :plan;
-- What has no price cannot be told to stay within a budget; other places do not care
SELECT plan_migration('free', source_place => 'fast', must_pay => false, look => false) AS plan \gset
SELECT objects, refused FROM migration_plans WHERE plan_id = :plan;
INSERT INTO user_policies (policy_name, policy_type, conditions, actions) VALUES ('free place', 'cost_limit', '{"place": "free", "monthly_limit": 1000}', '{"block_moves": true}');
SELECT plan_migration('free', source_place => 'cheap', must_pay => false, look => false, max_objects => 1) AS plan \gset
SELECT DISTINCT refused FROM plan_items WHERE plan_id = :plan AND refused LIKE '%budget%';

-- Which objects a policy is about: every condition
INSERT INTO data_objects (file_id, place, object_key, size_bytes, created_at, content_type, last_accessed, access_count_30d, access_count_90d)
VALUES ('x', 'fast', 'logs/x', 1000, now() - interval '100 days', 'text/plain', now() - interval '10 days', 5, 9);
SELECT c.condition, conditions_met(c.condition::jsonb, o, 'WARM') AS met
  FROM data_objects AS o, unnest(ARRAY['{}', '{"monthly_limit": 1}', '{"place": "fast"}', '{"place": "cheap"}', '{"place": ["cheap", "fast"]}', '{"cloud": "LOCAL"}', '{"cloud": ["AWS", "GCP"]}',
	'{"tier": "HOT"}', '{"tier": "COLD"}', '{"access_class": ["WARM"]}', '{"access_class": "COLD"}', '{"content_type": "text/plain"}', '{"content_type": "text/html"}', '{"key_prefix": "logs/"}', '{"key_prefix": "log_"}',
	'{"min_age_days": 100}', '{"min_age_days": 101}', '{"max_age_days": 99}', '{"max_age_days": 101}', '{"min_days_since_access": 9}', '{"min_days_since_access": 11}', '{"max_days_since_access": 11}', '{"max_days_since_access": 9}',
	'{"min_reads_30d": 5}', '{"min_reads_30d": 6}', '{"max_reads_30d": 4}', '{"min_reads_90d": 9}', '{"max_reads_90d": 8}', '{"min_size_bytes": 1000}', '{"min_size_bytes": 1001}', '{"max_size_bytes": 999}',
	'{"place": "fast", "min_size_bytes": 1001}', '{"owner": "nobody"}', '{"min_age_days": 9223372036854775807}']) WITH ORDINALITY AS c(condition, n)
 WHERE o.file_id = 'x' ORDER BY c.n;

-- Jobs of no plan are held to budgets, too: the figures, and all of a statement. 3.0 to read 100 GB, and 2.3 a month
\set VERBOSITY default
UPDATE user_policies SET conditions = '{"place": "fast", "monthly_limit": 13}', actions = '{"block_moves": true, "alert": true}' WHERE policy_name = 'fast place';
DELETE FROM user_policies WHERE policy_name IN ('asleep', 'free place');
SELECT monthly_cost, remaining, blocks_moves, alerts FROM budgets WHERE policy_name = 'fast place';
SELECT migrate_bulk(ARRAY['c1', 'c2'], 'fast') IS NULL AS submitted;
SELECT migrate('c1', 'fast', not_before => now() + interval '1 day') IS NOT NULL AS submitted;
-- What waits in the queue counts
SELECT migrate('c2', 'fast') IS NULL AS submitted;
SELECT round(budget_queued('{"place": "fast"}'), 6) AS queued, budget_queued('{"place": "cheap"}') AS elsewhere;
-- What makes the month cheaper goes; so does what does not concern the budget, and a delete
SELECT migrate('f1', 'cheap', delete_source => true, not_before => now() + interval '1 day') IS NOT NULL AS submitted;
SELECT migrate('c3', 'free', not_before => now() + interval '1 day') IS NOT NULL AS submitted;
SELECT delete_object('f2', now() + interval '1 day') IS NOT NULL AS submitted;
-- What has no price cannot be told to stay within it
INSERT INTO user_policies (policy_name, policy_type, conditions, actions) VALUES ('free place', 'cost_limit', '{"place": "free", "monthly_limit": 1000}', '{"block_moves": true}');
SELECT migrate('c4', 'free') IS NULL AS submitted;
DELETE FROM user_policies WHERE policy_name = 'free place';
-- Somebody decides otherwise, and that can be seen
UPDATE user_policies SET actions = '{"alert": true}' WHERE policy_name = 'fast place';
SELECT migrate('c2', 'fast', not_before => now() + interval '1 day') IS NOT NULL AS submitted;

-- A budget that is exceeded is told once, and once more when it no longer is
DELETE FROM user_policies WHERE policy_name = 'only told';
SELECT count(*) AS alerts FROM budget_alerts;
SELECT watch_budgets() AS nothing;
UPDATE user_policies SET conditions = '{"place": "fast", "monthly_limit": 5}' WHERE policy_name = 'fast place';
SELECT watch_budgets(), watch_budgets() AS again;
UPDATE user_policies SET conditions = '{"place": "fast", "monthly_limit": 5.5}' WHERE policy_name = 'fast place';
SELECT watch_budgets() AS still;
UPDATE user_policies SET conditions = '{"place": "fast", "monthly_limit": 8}' WHERE policy_name = 'fast place';
SELECT watch_budgets(), watch_budgets() AS again;
-- By the days seen so far it will be, before it is
SELECT forecast_budget(p.id, (now() AT TIME ZONE 'UTC')::date) AS too_few FROM user_policies AS p WHERE p.policy_name = 'fast place';
INSERT INTO budget_days SELECT p.id, (now() AT TIME ZONE 'UTC')::date - g, 6.9 - 0.05 * g FROM user_policies AS p, generate_series(1, 28) AS g WHERE p.policy_name = 'fast place';
SELECT round(forecast_budget(p.id, (now() AT TIME ZONE 'UTC')::date), 2) AS mean_of_30_days FROM user_policies AS p WHERE p.policy_name = 'fast place';
UPDATE user_policies SET conditions = '{"place": "fast", "monthly_limit": 7.2}' WHERE policy_name = 'fast place';
SELECT watch_budgets();
UPDATE user_policies SET enabled = false WHERE policy_name = 'fast place';
SELECT watch_budgets(), watch_budgets() AS again;
SELECT policy_name, figure, monthly_limit, round(monthly_cost, 2) AS monthly_cost, resolved_at IS NOT NULL AS resolved FROM budget_alerts ORDER BY id;
SELECT event_type, subject, data ->> 'figure' AS figure, data ->> 'monthly_limit' AS monthly_limit FROM events WHERE topic = 'alerts' ORDER BY id;
