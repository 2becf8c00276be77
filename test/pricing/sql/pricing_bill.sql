-- The daily bill: bands over the whole catalog, replicas, accesses, moves, missed days.
\getenv places CF_PLACES
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
-- The keeper leaves the bill to this test, and has made its partitions before rows come.
INSERT INTO chore_settings (chore_name, enabled) VALUES ('roll_up_costs', false), ('refresh_monthly_costs', false), ('fold_accesses', false);
SET client_min_messages = error;
SELECT ensure_partitions() IS NOT NULL AS made \gset
SET timezone = 'UTC';
\set VERBOSITY terse
\set fast :places '/pricing_bill_fast'
\set slow :places '/pricing_bill_slow'
\set free :places '/pricing_bill_free'
\setenv CF_DIRS :fast' ':slow' ':free
\! mkdir -p $CF_DIRS && chmod 777 $CF_DIRS
SELECT add_storage('fast', 'LOCAL', :'fast', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');
SELECT add_storage('slow', 'LOCAL', :'slow', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD_IA", "tier": "WARM"}');
SELECT add_storage('free', 'LOCAL', :'free', '{"tier": "COLD"}');
SELECT roll_up_costs() IS NULL AS an_empty_catalog_has_no_bill;

-- 62 TB in STANDARD: two bands; small objects in IA are billed as 128 KB; unpriced ones are counted
INSERT INTO data_objects (file_id, place, object_key, size_bytes, created_at)
SELECT 's' || g, 'fast', 's' || g, 1099511627776, now() - interval '100 days' FROM generate_series(1, 62) AS g
UNION ALL SELECT 'i' || g, 'slow', 'i' || g, 4096, now() - interval '100 days' FROM generate_series(1, 1000) AS g
UNION ALL SELECT 'u' || g, 'free', 'u' || g, 4096, now() - interval '100 days' FROM generate_series(1, 3) AS g;
INSERT INTO access_logs (file_id, access_type, bytes) VALUES
	('s1', 'read', 1073741824), ('i1', 'read', NULL), ('i1', 'read', 1073741824), ('i2', 'write', NULL), ('u1', 'read', NULL);
SELECT roll_up_costs();
SELECT roll_up_costs() IS NULL AS twice_is_once;
CREATE FUNCTION pg_temp.days() RETURNS numeric LANGUAGE sql AS $$ SELECT cloudflux.price_month_hours('AWS', (now() AT TIME ZONE 'UTC')::date) / 24 $$;
-- A day is its share of the month
SELECT cloud, tier, total_size_gb, num_objects, unpriced_objects, round(storage_cost * pg_temp.days(), 9) AS month_of_storage,
       request_cost, retrieval_cost, transfer_cost, total_cost = COALESCE(storage_cost, 0) + COALESCE(request_cost, 0) + COALESCE(retrieval_cost, 0) AS sums_up
  FROM cost_analytics ORDER BY tier;
SELECT estimate_storage_total('AWS', 'us-east-1', 'STANDARD', 62 * 1099511627776) AS the_same_month;
SELECT topic, event_type, subject = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS today, jsonb_array_length(data -> 'costs') AS costs
  FROM events WHERE topic = 'cost-updates';

-- Replicas are billed
INSERT INTO addresses (place, object_key, file_id, state) VALUES ('slow', 'copy', 's1', 'replica');
SELECT roll_up_costs();
SELECT tier, total_size_gb, num_objects, round(storage_cost * pg_temp.days(), 9) AS month_of_storage FROM cost_analytics WHERE tier <> 'unknown' ORDER BY tier;

-- The terms behind it add up to it
SELECT count(*) AS sums_that_differ
  FROM (SELECT t.date, t.cloud, t.tier, sum(t.amount) FILTER (WHERE cost_part(t.term) = 'storage') AS storage, sum(t.amount) FILTER (WHERE cost_part(t.term) = 'requests') AS requests,
               sum(t.amount) FILTER (WHERE cost_part(t.term) = 'retrieval') AS retrieval, sum(t.objects) AS objects FROM cost_terms AS t GROUP BY 1, 2, 3) AS t
  FULL JOIN cost_analytics AS a ON (a.date, a.cloud, a.tier) = (t.date, t.cloud, t.tier)
 WHERE (t.storage, t.requests, t.retrieval, t.objects) IS DISTINCT FROM (a.storage_cost, a.request_cost, a.retrieval_cost, a.num_objects) AND a.storage_cost IS DISTINCT FROM 0.5;
SELECT tier, storage_class, term, round(quantity, 9) AS quantity, unit, objects FROM cost_terms WHERE term IN ('held', 'get', 'retrieval') ORDER BY 1, 2, 3;

-- Missed days are caught up: what existed then, and its accesses
DELETE FROM cost_analytics;
INSERT INTO cost_analytics (date, cloud, tier, total_size_gb, storage_cost, total_cost, num_objects)
VALUES ((now() AT TIME ZONE 'UTC')::date - 3, 'LOCAL', 'HOT', 1, 0.5, 0.5, 1);
INSERT INTO access_logs (file_id, access_type, accessed_at) SELECT 's1', 'write', now() - interval '3 days' FROM generate_series(1, 1000);
SELECT roll_up_costs();
SELECT (now() AT TIME ZONE 'UTC')::date - date AS days_ago, tier, num_objects, request_cost, storage_cost = 0.5 AS kept
  FROM cost_analytics ORDER BY date, tier;
SELECT count(*) AS sums_that_differ
  FROM (SELECT t.date, t.cloud, t.tier, sum(t.amount) FILTER (WHERE cost_part(t.term) = 'storage') AS storage, sum(t.amount) FILTER (WHERE cost_part(t.term) = 'requests') AS requests,
               sum(t.amount) FILTER (WHERE cost_part(t.term) = 'retrieval') AS retrieval, sum(t.objects) AS objects FROM cost_terms AS t GROUP BY 1, 2, 3) AS t
  FULL JOIN cost_analytics AS a ON (a.date, a.cloud, a.tier) = (t.date, t.cloud, t.tier)
 WHERE (t.storage, t.requests, t.retrieval, t.objects) IS DISTINCT FROM (a.storage_cost, a.request_cost, a.retrieval_cost, a.num_objects) AND a.storage_cost IS DISTINCT FROM 0.5;
SELECT tier, days, avg_objects, unpriced_objects
  FROM cost_breakdown((now() AT TIME ZONE 'UTC')::date - 2, (now() AT TIME ZONE 'UTC')::date + 1) ORDER BY tier;
SELECT count(*) AS nothing_before FROM cost_breakdown('2001-01-01', '2002-01-01');
\set VERBOSITY sqlstate
SELECT * FROM cost_breakdown('2026-02-01', '2026-02-01');
SELECT * FROM cost_breakdown(NULL, '2026-02-01');
\set VERBOSITY terse
INSERT INTO prices (provider, region, storage_class, tier, as_of) VALUES ('X', 'x', 'x', 'HOT', CURRENT_DATE);
SELECT status, detail LIKE '%objects have no price' AS tells_unpriced, hint IS NOT NULL AS tells_what_to_do FROM check_pricing();
SELECT chore_name, every FROM chores WHERE room = 'pricing' ORDER BY 1;
