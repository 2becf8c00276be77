-- What storing and moving costs, in SQL: exact figures, unknown names, missing prices.
\getenv places CF_PLACES
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
-- The keeper leaves the bill to this test, and has made its partitions before rows come.
INSERT INTO chore_settings (chore_name, enabled) VALUES ('roll_up_costs', false), ('refresh_monthly_costs', false), ('fold_accesses', false);
SET client_min_messages = error;
SELECT ensure_partitions() IS NOT NULL AS made \gset
\set VERBOSITY terse

-- A month of 62 TB in S3 Standard: two bands
SELECT term, quantity, unit, unit_price, amount, price_id
  FROM estimate_storage_cost('AWS', 'us-east-1', 'STANDARD', 62 * 1099511627776, 1000, p_reads => 620000, p_on => '2026-03-01');
-- The S3 FAQ's example: 100 GB for 15 days and 100 TB for 16 days of March
SELECT sum(amount) FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"byte_hours": 42259901212262400}', '2026-03-31');
-- The same example in two parts, the bands carried over
SELECT (SELECT sum(amount) FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"byte_hours": 38654705664000}', '2026-03-31'))
     + (SELECT sum(amount) FROM quote_usage('AWS', 'us-east-1', 'STANDARD',
               '{"byte_hours": 42221246506598400, "byte_hours_before": 38654705664000}', '2026-03-31')) AS in_two_parts;
-- 62 TB out over the internet, with 100 GB free
SELECT sum(amount) FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"egress_bytes": 68169720922112}');
-- Google's simple example, its free allowance used up
SELECT term, quantity, amount FROM quote_usage('GCP', 'us-central1', 'STANDARD',
       '{"bytes": 53687091200, "puts": 10000, "gets": 50000, "egress_bytes": 1073741824, "egress_bytes_before": 107374182400}', '2026-11-05');
-- Azure: archive to hot after three months (West US sample prices)
SELECT term, amount FROM quote_usage('Azure', 'westus', 'ARCHIVE_LRS',
       '{"restores": 400, "restored_bytes": 4294967296000, "deleted_bytes": 4294967296000, "deleted_objects": 400, "stored_days": 90}');
-- Restores by option; archive overhead
SELECT term, amount FROM quote_usage('AWS', 'us-east-1', 'GLACIER',
       '{"restore_option": "EXPEDITED", "restores": 50000, "restored_bytes": 53687091200000}');
SELECT round(estimate_storage_total('AWS', 'us-east-1', 'GLACIER', 107374182400000, 100000), 2) AS hundred_thousand_archived;
-- Some days only; a month without any; classes in the provider's own words
SELECT estimate_storage_total('AWS', 'us-east-1', 'STANDARD', 1073741824, 1, 15, p_on => '2026-11-10') AS half_november;
SELECT estimate_storage_total('AWS', 'us-east-1', 'STANDARD', 0, 0) AS nothing;
SELECT estimate_storage_total('Azure', 'eastus', 'Cool', 1073741824) AS cool, object_monthly_cost('Azure', 'eastus', 'cool', 1073741824) AS one_object,
       object_monthly_cost('AWS', 'us-east-1', 'STANDARD_IA', 4096) AS small_object, object_monthly_cost('AWS', 'us-east-1', 'STANDARD_IA', 4096, 1000) AS read;
-- A price that the book does not have is NULL, never 0
SELECT term, unit_price, amount, price_id FROM quote_usage('Azure', 'westus', 'HOT_ZRS', '{"puts": 1000, "gets": 1000}');
SELECT estimate_storage_total('Azure', 'westus', 'HOT_ZRS', 1, p_writes => 1), object_monthly_cost('AWS', 'us-east-1', 'nope', 1),
       object_monthly_cost(NULL, 'us-east-1', 'STANDARD', 1), object_monthly_cost('AWS', 'us-east-1', 'STANDARD', NULL);
SELECT price_month_hours('AWS', '2026-02-10') AS february, price_month_hours('GCP', '2026-02-10') AS at_google,
       class_minimum_bytes('AWS', 'us-east-1', 'STANDARD_IA'), class_minimum_bytes('AWS', 'us-east-1', 'nope'), class_minimum_bytes(NULL, '', '');

-- Wrong arguments
\set VERBOSITY default
SELECT * FROM estimate_storage_cost('IBM', 'us-east-1', 'STANDARD', 1);
SELECT * FROM estimate_storage_cost('AWS', 'mars', 'STANDARD', 1);
SELECT * FROM estimate_storage_cost('GCP', 'us-central1', 'GLACIER', 1);
\set VERBOSITY sqlstate
SELECT * FROM estimate_storage_cost('AWS', 'us-east-1', 'STANDARD', -1);
SELECT * FROM estimate_storage_cost('AWS', 'us-east-1', 'STANDARD', 1, -1);
SELECT * FROM estimate_storage_cost('AWS', 'us-east-1', 'STANDARD', 1, p_days => -1);
SELECT * FROM estimate_storage_cost('AWS', 'us-east-1', 'STANDARD', 1, p_reads => -1);
SELECT * FROM estimate_storage_cost('AWS', 'us-east-1', 'STANDARD', NULL);
SELECT * FROM estimate_storage_cost(NULL, 'us-east-1', 'STANDARD', 1);
SELECT * FROM estimate_storage_cost('AWS', 'us-east-1', 'STANDARD', 1, p_on => 'infinity');
SELECT object_monthly_cost('AWS', 'us-east-1', 'STANDARD', -1);
SELECT object_monthly_cost('AWS', 'us-east-1', 'STANDARD', 9223372036854775807, 9223372036854775807);
SELECT quote_move('AWS', 'us-east-1', 'STANDARD', 'AWS', 'us-east-1', 'GLACIER', -1);
SELECT quote_move('AWS', 'us-east-1', 'STANDARD', 'AWS', 'us-east-1', 'GLACIER', NULL);
SELECT quote_cheapest('AWS', 'us-east-1', 'STANDARD', -1);
\set VERBOSITY terse
SELECT * FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"reads": 1}');
SELECT * FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"gets": "1"}');
SELECT * FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"gets": 1.5}');
SELECT * FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"gets": 9223372036854775808}');
SELECT * FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"stored_days": -1}');
SELECT * FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"byte_hours": 1e60}');
SELECT * FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"egress_destination": 5}');
SELECT * FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"egress_bytes": 5, "egress_destination": "mars"}');
SELECT * FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '[]');
SELECT count(*) FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"gets": null, "puts": 3.0}');

-- Moves without a catalog
\x on
SELECT * FROM quote_move('AWS', 'us-east-1', 'STANDARD_IA', 'AWS', 'us-east-1', 'GLACIER_IR', 1073741824, 10);
SELECT * FROM quote_move('AWS', 'us-east-1', 'GLACIER', 'GCP', 'us-central1', 'NEARLINE', 10737418240, 10, p_on => '2026-11-21');
SELECT * FROM quote_move(NULL, NULL, NULL, 'GCP', 'us-central1', 'NEARLINE', 10737418240);
\x off
SELECT * FROM quote_cheapest('AWS', 'us-east-1', 'STANDARD', 1073741824, 400);
SELECT * FROM quote_cheapest('AWS', 'us-east-1', 'STANDARD', 1073741824, 400, p_allow_restore => true);
SELECT quote_cheapest('AWS', 'us-east-1', 'STANDARD', 4096, 400) IS NULL AS small_objects_stay;

-- Moves of objects: LOCAL places are priced as their options say, or not at all
\set fast :places '/pricing_fast'
\set slow :places '/pricing_slow'
\set free :places '/pricing_free'
\setenv CF_DIRS :fast' ':slow' ':free
\! mkdir -p $CF_DIRS && chmod 777 $CF_DIRS
SELECT add_storage('fast', 'LOCAL', :'fast', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');
SELECT add_storage('slow', 'LOCAL', :'slow', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "GLACIER_IR", "tier": "COLD"}');
SELECT add_storage('free', 'LOCAL', :'free', '{"tier": "WARM"}');
CREATE SERVER bucket FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'GCP', bucket 'somebucket', region 'us-central1');
SELECT * FROM place_prices ORDER BY place;
INSERT INTO data_objects (file_id, place, object_key, size_bytes, created_at) VALUES
	('big', 'fast', 'big', 10737418240, now() - interval '400 days'),
	('small', 'fast', 'small', 4096, now() - interval '400 days'),
	('young', 'slow', 'young', 10737418240, now() - interval '10 days'),
	('unpriced', 'free', 'unpriced', 10737418240, now() - interval '10 days');
\x on
SELECT * FROM estimate_migration('big', 'slow');
SELECT * FROM estimate_migration('young', 'bucket', 'WARM');
\x off
SELECT file_id, e.dest_class, e.move_cost, e.monthly_before, e.monthly_after, e.payback_days, e.pays_back, e.risks
  FROM data_objects AS o, LATERAL estimate_migration(o.file_id, CASE o.place WHEN 'fast' THEN 'slow' ELSE 'fast' END) AS e ORDER BY 1;
SELECT monthly_after, pays_back FROM estimate_migration('big', 'slow', delete_source => false);
SELECT move_cost IS NULL AS unpriced, monthly_before, monthly_after, pays_back, risks FROM estimate_migration('big', 'free');
\set VERBOSITY sqlstate
SELECT * FROM estimate_migration('nope', 'slow');
SELECT * FROM estimate_migration('big', 'nope');
SELECT * FROM estimate_migration('big', 'slow', 'HOT');
\set VERBOSITY terse

-- monthly_cost follows the book, no event is told, and only rows that differ are written
SELECT count(*) FROM events WHERE event_type = 'object.changed';
SELECT refresh_monthly_costs();
SELECT refresh_monthly_costs();
SELECT file_id, monthly_cost FROM data_objects ORDER BY 1;
SELECT count(*) FROM events WHERE event_type = 'object.changed';
SELECT cloud, tier, best_class, objects, size_gb, monthly_before, monthly_after, monthly_saving, unpriced_objects FROM potential_savings();
\set VERBOSITY sqlstate
SELECT * FROM potential_savings(-1);

-- Everybody has the rights of his role
SET ROLE cloudflux_viewer;
SELECT pays_back FROM cloudflux.estimate_migration('big', 'slow');
SELECT estimate_storage_total('AWS', 'us-east-1', 'STANDARD', 1073741824);
SELECT load_prices('egress', '[]'::jsonb);
UPDATE prices SET storage_usd_gb_month = 0;
RESET ROLE;
SET ROLE cloudflux_worker;
SELECT cloudflux.refresh_monthly_costs() IS NULL AS nothing_left, cloudflux.roll_up_costs() IS NOT NULL AS billed;
RESET ROLE;

-- a copy by the store is never dearer than one through the server, whatever the class, the region and the size
SELECT p.provider, count(*) AS pairs, count(*) FILTER (WHERE s.move_cost > t.move_cost) AS dearer, bool_and(s.requests <= t.requests) AS fewer_requests
  FROM prices AS p
  JOIN prices AS d ON d.provider = p.provider AND d.builtin
 CROSS JOIN (VALUES (0::bigint), (1000000), (100000000), (20000000000)) AS v(bytes)
 CROSS JOIN LATERAL quote_move(p.provider, p.region, p.storage_class, d.provider, d.region, d.storage_class, v.bytes, 10, p_by_store => true) AS s
 CROSS JOIN LATERAL quote_move(p.provider, p.region, p.storage_class, d.provider, d.region, d.storage_class, v.bytes, 10, p_by_store => false) AS t
 WHERE p.builtin AND p.region IN ('us-east-1', 'eastus', 'us-central1') AND s.move_cost IS NOT NULL
 GROUP BY 1 ORDER BY 1;
