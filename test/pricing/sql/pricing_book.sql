-- The price book: builtin rows stay, users' rows win, loads are strict and all or nothing.
SET search_path = cloudflux, public;
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
\set VERBOSITY default

SELECT (SELECT count(*) FROM prices) AS classes, (SELECT count(*) FROM price_bands) AS bands, (SELECT count(*) FROM restore_prices) AS restores,
       (SELECT count(*) FROM egress_prices) AS egress, (SELECT count(*) FROM price_conflicts()) AS conflicts;
SELECT provider, region, count(*), min(as_of) AS oldest, count(*) FILTER (WHERE source = '') AS without_source
  FROM prices GROUP BY 1, 2 ORDER BY 1, 2;

-- Builtin rows are never edited
UPDATE prices SET storage_usd_gb_month = 1 WHERE id = -1;
\set VERBOSITY sqlstate
DELETE FROM egress_prices WHERE builtin;
SET ROLE cloudflux_admin;
INSERT INTO prices (id, provider, region, storage_class, tier, builtin) VALUES (-999, 'X', 'x', 'x', 'HOT', true);
RESET ROLE;
INSERT INTO prices (id, provider, region, storage_class, tier) VALUES (-999, 'X', 'x', 'x', 'HOT');
\set VERBOSITY default

-- A user's row wins from its first day on; a later one ends it; past bills stay as they were
SELECT load_prices('storage_classes', E'provider,region,storage_class,tier,storage_usd_gb_month,put_usd_per_1000,get_usd_per_1000,retrieval_usd_gb\r\n'
                   'AWS,us-east-1,STANDARD,HOT,0.030,0.005,0.0004,0\r\n', '2026-01-01');
SELECT load_prices('storage_classes', '[{"provider": "AWS", "region": "us-east-1", "storage_class": "STANDARD", "tier": "HOT",
                   "storage_usd_gb_month": 0.02, "put_usd_per_1000": "0.005", "get_usd_per_1000": 0.0004, "retrieval_usd_gb": 0,
                   "source": "our contract", "as_of": "2026-05-20"}]'::jsonb, '2026-06-01');
SELECT storage_usd_gb_month, effective_from, effective_to, source, as_of, id > 0 AS own_id FROM prices WHERE NOT builtin ORDER BY effective_from;
SELECT d AS day, object_monthly_cost('AWS', 'us-east-1', 'STANDARD', 1073741824, 0, d::date) AS price
  FROM unnest(ARRAY['2025-12-31', '2026-01-01', '2026-05-31', '2026-06-01', '2027-01-01']) AS d;
-- Builtin bands do not refine a user's price; a user's do
SELECT estimate_storage_total('AWS', 'us-east-1', 'STANDARD', 62 * 1099511627776, p_on => '2026-07-01') AS flat;
SELECT load_prices('storage_bands', E'provider,region,storage_class,from_gb,to_gb,usd_gb_month\nAWS,us-east-1,STANDARD,0,1024,0.02\nAWS,us-east-1,STANDARD,1024,,0.01\n', '2026-06-01');
SELECT estimate_storage_total('AWS', 'us-east-1', 'STANDARD', 62 * 1099511627776, p_on => '2026-07-01') AS banded;

-- Overlaps are refused whole
SELECT load_prices('storage_classes', E'provider,region,storage_class,tier,storage_usd_gb_month,put_usd_per_1000,get_usd_per_1000,retrieval_usd_gb\n'
                   'AWS,us-east-1,GLACIER,COLD,0.001,0.005,0.0004,0\nAWS,us-east-1,STANDARD,HOT,0.025,0.005,0.0004,0\n', '2026-03-01');
SELECT count(*) AS own_rows FROM prices WHERE NOT builtin;
-- A book of the past with an end fits before
SELECT load_prices('storage_classes', E'provider,region,storage_class,tier,storage_usd_gb_month,put_usd_per_1000,get_usd_per_1000,retrieval_usd_gb\n'
                   'AWS,us-east-1,STANDARD,HOT,0.095,0.01,0.001,0\n', '2012-01-01', '2013-01-01');
SELECT object_monthly_cost('AWS', 'us-east-1', 'STANDARD', 1073741824, 0, '2012-06-01') AS in_2012;
-- Google's Nearline of 2015: 1,000 GB removed on day 15; an own name keeps the old price apart
SELECT load_prices('storage_classes', E'provider,region,storage_class,tier,storage_usd_gb_month,put_usd_per_1000,get_usd_per_1000,retrieval_usd_gb,early_delete_usd_gb_month,min_storage_days\n'
                   'GCP,us-2015,NEARLINE,WARM,0.01,0.01,0.001,0.01,0.01,30\n', '2015-01-01', '2016-01-01');
SELECT term, amount FROM quote_usage('GCP', 'us-2015', 'NEARLINE',
       '{"bytes": 1073741824000, "hours": 360, "month_hours": 720, "deleted_bytes": 1073741824000, "stored_days": 15}', '2015-06-15');

-- What is wrong is told with its line and column, and nothing is loaded
SELECT load_prices('storage', 'a');
SELECT load_prices('egress', '');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb\n');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb\nAWS,us-east-1,internet,*,0,,0.09\nAWS,us-east-1,other_region,*,0,,cheap\n');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,price\nAWS,us-east-1,internet,*,0,,0.09\n');
SELECT load_prices('egress', E'provider,region,destination,destination,peer\nAWS,us-east-1,internet,*,0\n');
SELECT load_prices('egress', E'provider,region\nAWS\n');
SELECT load_prices('egress', E'provider,region\n"AWS,x\n');
\set VERBOSITY sqlstate
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb\nAWS,us-east-1,internet,*,0,,-0.09\n');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb\nAWS,us-east-1,internet,*,0,,NaN\n');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb\nAWS,us-east-1,internet,*,0,,1e3\n');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb\nAWS,us-east-1,moon,*,0,,1\n');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb,currency\nAWS,us-east-1,internet,*,0,,1,EUR\n');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb,as_of\nAWS,us-east-1,internet,*,0,,1,2026-13-01\n');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb,as_of\nAWS,us-east-1,internet,*,0,,1,2026-02-31\n');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb\nAWS,us-east-1,internet,*,0,10,1\nAWS,us-east-1,internet,*,20,,1\n');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb\nAWS,us-east-1,internet,*,0,,1\nAWS,us-east-1,internet,*,0,,2\n');
SELECT load_prices('egress', '[1]'::jsonb);
SELECT load_prices('egress', '{}'::jsonb);
SELECT load_prices('egress', NULL::jsonb);
SELECT load_prices(NULL, '[]'::jsonb);
SELECT load_prices('egress', '[{}]'::jsonb, 'infinity');
SELECT load_prices('egress', '[{}]'::jsonb, '2026-02-01', '2026-02-01');
\set VERBOSITY terse
SELECT count(*) AS own_egress FROM egress_prices WHERE NOT builtin;
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb\nAWS,us-east-1,internet,*,0,,0.01\n', '2026-01-01');
SELECT load_prices('restore_options', E'provider,region,storage_class,option,restore_seconds_max,request_usd_per_1000,retrieval_usd_gb\nAWS,us-east-1,GLACIER,STANDARD,60,0,0\n', '2026-01-01');
SELECT sum(amount) FROM quote_usage('AWS', 'us-east-1', 'GLACIER', '{"restores": 10, "restored_bytes": 1073741824, "egress_bytes": 1073741824}', '2026-02-01');

-- Bands and periods are also checked for plain statements
INSERT INTO price_bands (provider, region, storage_class, from_gb, to_gb, usd_gb_month) VALUES ('X', 'x', 'x', 5, NULL, 1);
INSERT INTO prices (provider, region, storage_class, tier, effective_from) VALUES ('AWS', 'us-east-1', 'STANDARD', 'HOT', '2030-01-01');
INSERT INTO prices (provider, region, storage_class, tier, effective_from, effective_to) VALUES ('AWS', 'us-east-1', 'STANDARD', 'HOT', '2011-01-01', '2010-01-01');
INSERT INTO prices (provider, region, storage_class, tier, storage_usd_gb_month) VALUES ('AWS', 'us-east-1', 'NEW', 'HOT', 'NaN');
INSERT INTO prices (provider, region, storage_class, tier, storage_usd_gb_month) VALUES ('AWS', 'us-east-1', 'NEW', 'HOT', 1);
SELECT object_monthly_cost('AWS', 'us-east-1', 'NEW', 1073741824) AS own_class;
-- A statement that loads sees its own book at the next statement, and a rollback takes it back
BEGIN;
SELECT load_prices('storage_classes', '[{"provider": "AWS", "region": "us-east-1", "storage_class": "NEWER", "tier": "HOT",
                   "storage_usd_gb_month": 7, "put_usd_per_1000": 1, "get_usd_per_1000": 1, "retrieval_usd_gb": 0}]'::jsonb);
SELECT object_monthly_cost('AWS', 'us-east-1', 'NEWER', 1073741824) AS in_the_transaction;
ROLLBACK;
SELECT object_monthly_cost('AWS', 'us-east-1', 'NEWER', 1073741824) AS after_the_rollback;
DO $$
BEGIN
	BEGIN
		INSERT INTO cloudflux.prices (provider, region, storage_class, tier, storage_usd_gb_month) VALUES ('AWS', 'us-east-1', 'IN_BLOCK', 'HOT', 1);
		RAISE NOTICE 'in the block: %', cloudflux.object_monthly_cost('AWS', 'us-east-1', 'IN_BLOCK', 1073741824);
		RAISE EXCEPTION 'no';
	EXCEPTION WHEN raise_exception THEN
		RAISE NOTICE 'after it: %', cloudflux.object_monthly_cost('AWS', 'us-east-1', 'IN_BLOCK', 1073741824);
	END;
END
$$;
DELETE FROM prices WHERE NOT builtin;
-- The book has an age
INSERT INTO prices (provider, region, storage_class, tier, storage_usd_gb_month, as_of) VALUES ('AWS', 'us-east-1', 'NEW', 'HOT', 1, CURRENT_DATE);
SELECT status, detail LIKE 'prices of %' AS tells_date FROM check_pricing();
BEGIN;
ALTER TABLE prices DISABLE TRIGGER prices_builtin;
UPDATE prices SET as_of = '2020-01-01';
SELECT * FROM check_pricing();
ROLLBACK;
SELECT * FROM csv_rows(E'a,"b ""c"""\n1,"2\n3"\n');
SELECT csv_rows(NULL) IS NULL AS nothing;
-- An admin loads prices
SET ROLE cloudflux_admin;
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb\nAWS,us-east-1,internet,*,0,,0.01\n', '2026-11-02');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb\nAWS,us-east-1,internet,*,0,,0.02\n', '2026-11-02');
RESET ROLE;
