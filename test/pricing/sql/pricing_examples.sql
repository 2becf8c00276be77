-- The providers' own worked examples, by the shipped book: what they say, what we say, to the cent. Prices that hold no more are dated rows.
SET search_path = cloudflux, public;
SET datestyle = 'ISO, YMD';
\set VERBOSITY terse
SET client_min_messages = warning;

-- Historic: the transfer ladders of 2018 (1 GB free) and of the golden (none), and Google's Nearline of 2015
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb,source\n'
	'AWS,us-east-1,internet,*,0,1,0,S3 FAQ of 2018\nAWS,us-east-1,internet,*,1,10240,0.09,S3 FAQ of 2018\n'
	'AWS,us-east-1,internet,*,10240,51200,0.085,S3 FAQ of 2018\nAWS,us-east-1,internet,*,51200,153600,0.07,S3 FAQ of 2018\n'
	'AWS,us-east-1,internet,*,153600,,0.05,S3 FAQ of 2018\n', '2018-01-01', '2019-01-01');
SELECT load_prices('egress', E'provider,region,destination,peer,tier_from_gb,tier_to_gb,usd_per_gb,source\n'
	'AWS,us-east-1,internet,*,0,10240,0.09,golden of 2024-07-01\nAWS,us-east-1,internet,*,10240,51200,0.085,golden of 2024-07-01\n'
	'AWS,us-east-1,internet,*,51200,153600,0.07,golden of 2024-07-01\nAWS,us-east-1,internet,*,153600,,0.05,golden of 2024-07-01\n', '2024-07-01', '2024-08-01');
SELECT load_prices('storage_classes', E'provider,region,storage_class,tier,storage_usd_gb_month,put_usd_per_1000,get_usd_per_1000,retrieval_usd_gb,early_delete_usd_gb_month,min_storage_days\n'
	'GCP,us-central1,NEARLINE,WARM,0.01,0.01,0.001,0.01,0.01,30\n', '2015-01-01', '2016-01-01');

-- gb(n) is n GB in bytes; bill() a usage, of one term or of all
CREATE FUNCTION pg_temp.gb(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT n * 1073741824';
CREATE TEMP TABLE examples (no int, part text, cloud text, region text, class text, usage jsonb, term text, says numeric, "on" date DEFAULT '2026-11-01');
INSERT INTO examples (no, part, cloud, region, class, usage, term, says) VALUES
	(3, '310,000 PUT', 'AWS', 'us-east-1', 'STANDARD', '{"puts": 310000}', NULL, 1.55),
	(3, '620,000 GET', 'AWS', 'us-east-1', 'STANDARD', '{"gets": 620000}', NULL, 0.25),
	(4, '300 GB retrieved from IA', 'AWS', 'us-east-1', 'STANDARD_IA', jsonb_build_object('read_bytes', pg_temp.gb(300)), NULL, 3.00),
	(5, '100,000 objects of 1 GB in Glacier', 'AWS', 'us-east-1', 'GLACIER', jsonb_build_object('bytes', pg_temp.gb(100000), 'objects', 100000), NULL, 360.03),
	(6, '15 million standard restores', 'AWS', 'us-east-1', 'GLACIER', jsonb_build_object('restores', 15000000, 'restored_bytes', pg_temp.gb(102400)), NULL, 1774.00),
	(7, 'Standard, operations, 1 GB out', 'GCP', 'us-central1', 'STANDARD', jsonb_build_object('bytes', pg_temp.gb(50), 'puts', 10000, 'gets', 50000, 'egress_bytes', pg_temp.gb(1), 'egress_bytes_before', pg_temp.gb(100)), NULL, 1.19),
	(9, 'a fifth of an archive back to hot', 'Azure', 'westus', 'ARCHIVE_LRS', jsonb_build_object('restores', 400, 'restored_bytes', pg_temp.gb(4000), 'deleted_bytes', pg_temp.gb(4000), 'deleted_objects', 400, 'stored_days', 90), NULL, 112.22),
	(13, '1,000 blobs of 1 GB rehydrated', 'Azure', 'eastus', 'ARCHIVE_LRS', jsonb_build_object('restores', 1000, 'restored_bytes', pg_temp.gb(1)), NULL, 0.52),
	(14, 'a million blobs in blocks, hot', 'Azure', 'westus', 'HOT_LRS', '{"puts": 1281000000}', NULL, 7045.50),
	(14, 'cool', 'Azure', 'westus', 'COOL_LRS', '{"puts": 1281000000}', NULL, 12810.00),
	(14, 'cold', 'Azure', 'westus', 'COLD_LRS', '{"puts": 1281000000}', NULL, 23058.00),
	(15, '641,000 writes, 1,000 others, hot', 'Azure', 'westus', 'HOT_LRS', '{"puts": 641000, "others": 1000}', NULL, 3.53),
	(15, 'cool', 'Azure', 'westus', 'COOL_LRS', '{"puts": 641000, "others": 1000}', NULL, 6.41),
	(15, 'cold', 'Azure', 'westus', 'COLD_LRS', '{"puts": 641000, "others": 1000}', NULL, 11.54),
	(20, '500 GB to us-east-2', 'AWS', 'us-east-1', 'STANDARD', jsonb_build_object('egress_bytes', pg_temp.gb(500), 'egress_destination', 'other_region', 'egress_peer', 'us-east-2'), NULL, 5.00),
	(20, '750 GB to other regions', 'AWS', 'us-east-1', 'STANDARD', jsonb_build_object('egress_bytes', pg_temp.gb(750), 'egress_destination', 'other_region'), NULL, 15.00),
	(22, 'LRS hot, 51,200 GB', 'Azure', 'westus', 'HOT_LRS', jsonb_build_object('bytes', pg_temp.gb(51200)), NULL, 1064.96),
	(22, '4,000,000 writes', 'Azure', 'westus', 'HOT_LRS', '{"puts": 4000000}', NULL, 22.00),
	(22, 'LRS cool, 4,000,000 GB', 'Azure', 'westus', 'COOL_LRS', jsonb_build_object('bytes', pg_temp.gb(4000000)), NULL, 46000.00),
	(22, '4,000 GB retrieved', 'Azure', 'westus', 'COOL_LRS', jsonb_build_object('read_bytes', pg_temp.gb(4000)), NULL, 40.00),
	(22, '4,000 GB deleted a month early', 'Azure', 'westus', 'COOL_LRS', jsonb_build_object('deleted_bytes', pg_temp.gb(4000)), NULL, 60.80),
	(22, 'ZRS cool, 4,000,000 GB', 'Azure', 'westus', 'COOL_ZRS', jsonb_build_object('bytes', pg_temp.gb(4000000)), NULL, 57600.00),
	(22, '4,000 GB deleted a month early', 'Azure', 'westus', 'COOL_ZRS', jsonb_build_object('deleted_bytes', pg_temp.gb(4000)), NULL, 76.00);
INSERT INTO examples (no, part, cloud, region, class, usage, term, says, "on") VALUES
	(1, '100 GB for 15, 100 TB for 16 days of March', 'AWS', 'us-east-1', 'STANDARD', '{"byte_hours": 42259901212262400}', NULL, 1215.00, '2026-03-31'),
	(2, '62 TB out, 1 GB free (2018)', 'AWS', 'us-east-1', 'STANDARD', jsonb_build_object('egress_bytes', pg_temp.gb(62 * 1024)), NULL, 5263.27, '2018-06-01'),
	(2, '62 TB out, 100 GB free (today)', 'AWS', 'us-east-1', 'STANDARD', jsonb_build_object('egress_bytes', pg_temp.gb(62 * 1024)), NULL, 5254.36, '2026-11-01'),
	(8, '15 days of 1,000 GB in Nearline (2015)', 'GCP', 'us-central1', 'NEARLINE', jsonb_build_object('bytes', pg_temp.gb(1000), 'hours', 360, 'month_hours', 720, 'deleted_bytes', pg_temp.gb(1000), 'stored_days', 15), 'storage', 5.00, '2015-06-15'),
	(8, 'its early deletion', 'GCP', 'us-central1', 'NEARLINE', jsonb_build_object('deleted_bytes', pg_temp.gb(1000), 'stored_days', 15), NULL, 5.00, '2015-06-15'),
	(20, '57,000 GB out, none free (golden)', 'AWS', 'us-east-1', 'STANDARD', jsonb_build_object('egress_bytes', pg_temp.gb(57000)), NULL, 4809.20, '2024-07-01'),
	(21, '157,000 GB out, none free (golden)', 'AWS', 'us-east-1', 'STANDARD', jsonb_build_object('egress_bytes', pg_temp.gb(157000)), NULL, 11741.20, '2024-07-01');
-- 10: 10 TB a month in three classes of Azure; 11: a backup of 100 TB; 12: 10 TB and 200,000 files more each month
INSERT INTO examples (no, part, cloud, region, class, usage, says)
SELECT 10, class, 'Azure', 'eastus', class, jsonb_build_object('puts', 200000, 'bytes', pg_temp.gb(10240), 'read_bytes', pg_temp.gb(1024), 'gets', 20000), says
  FROM (VALUES ('ARCHIVE_LRS', 42.62), ('COLD_LRS', 71.38), ('COOL_LRS', 167.91)) AS v(class, says)
UNION ALL
SELECT 11, 'month ' || m, 'Azure', 'eastus', 'ARCHIVE_LRS', jsonb_build_object('puts', CASE m WHEN 1 THEN 2000000 ELSE 0 END, 'bytes', pg_temp.gb(102400), 'read_bytes', pg_temp.gb(1024), 'gets', 20000),
       (ARRAY[151.86, 131.86])[m] FROM generate_series(1, 12) AS m
UNION ALL
SELECT 12, 'month ' || m, 'Azure', 'eastus', 'ARCHIVE_LRS', jsonb_build_object('puts', 200000, 'bytes', pg_temp.gb(10240 * m), 'read_bytes', round(pg_temp.gb(102.4 * m)), 'gets', 2000 * m),
       (ARRAY[15.19, 28.37, 41.56])[m] FROM generate_series(1, 12) AS m;
-- 16 to 19: the golden of another cost engine (all of it: pricing_golden)
INSERT INTO examples (no, part, cloud, region, class, usage, term, says)
SELECT v.no, v.term, 'AWS', 'us-east-1', v.class, v.usage, v.term, v.says
  FROM (VALUES
	(16, 'STANDARD', jsonb_build_object('bytes', pg_temp.gb(10000)), 'storage', 230.00),
	(16, 'STANDARD_IA', jsonb_build_object('bytes', pg_temp.gb(30000)), 'storage', 375.00),
	(16, 'STANDARD_IA', '{"puts": 30000}', 'put', 0.30), (16, 'STANDARD_IA', '{"gets": 30000}', 'get', 0.03),
	(16, 'STANDARD_IA', '{"transitions": 30000}', 'transition', 0.30), (16, 'STANDARD_IA', jsonb_build_object('read_bytes', pg_temp.gb(30000)), 'retrieval', 300.00),
	(17, 'INTELLIGENT_TIERING_FA', jsonb_build_object('bytes', pg_temp.gb(20000)), 'storage', 460.00), (17, 'INTELLIGENT_TIERING_IA', jsonb_build_object('bytes', pg_temp.gb(20000)), 'storage', 250.00),
	(17, 'INTELLIGENT_TIERING_AA', jsonb_build_object('bytes', pg_temp.gb(20000)), 'storage', 72.00), (17, 'INTELLIGENT_TIERING_DAA', jsonb_build_object('bytes', pg_temp.gb(20000)), 'storage', 19.80),
	(17, 'INTELLIGENT_TIERING_FA', jsonb_build_object('bytes', pg_temp.gb(20000), 'objects', 20000), 'monitoring', 0.05), (17, 'INTELLIGENT_TIERING_FA', '{"transitions": 20000}', 'transition', 0.20),
	(18, 'ONEZONE_IA', jsonb_build_object('bytes', pg_temp.gb(40000)), 'storage', 400.00), (18, 'GLACIER', jsonb_build_object('bytes', pg_temp.gb(50000)), 'storage', 180.00),
	(18, 'GLACIER', '{"puts": 50000}', 'put', 1.50), (18, 'GLACIER', '{"transitions": 50000}', 'transition', 1.50),
	(18, 'GLACIER', jsonb_build_object('restored_bytes', pg_temp.gb(50000)), 'restore_retrieval', 500.00),
	(18, 'GLACIER', '{"restore_option": "EXPEDITED", "restores": 50000}', 'restore', 500.00),
	(18, 'GLACIER', jsonb_build_object('restore_option', 'EXPEDITED', 'restored_bytes', pg_temp.gb(50000)), 'restore_retrieval', 1500.00),
	(19, 'DEEP_ARCHIVE', jsonb_build_object('bytes', pg_temp.gb(60000)), 'storage', 59.40), (19, 'DEEP_ARCHIVE', '{"puts": 60000}', 'put', 3.00),
	(19, 'DEEP_ARCHIVE', '{"transitions": 60000}', 'transition', 3.00), (19, 'DEEP_ARCHIVE', '{"restores": 60000}', 'restore', 6.00),
	(19, 'DEEP_ARCHIVE', jsonb_build_object('restored_bytes', pg_temp.gb(60000)), 'restore_retrieval', 1200.00),
	(19, 'DEEP_ARCHIVE', '{"restore_option": "BULK", "restores": 60000}', 'restore', 1.50),
	(19, 'DEEP_ARCHIVE', jsonb_build_object('restore_option', 'BULK', 'restored_bytes', pg_temp.gb(60000)), 'restore_retrieval', 150.00)) AS v(no, class, usage, term, says);

CREATE TEMP VIEW billed AS
SELECT e.no, e.part, e.class, e.says, q.amount
  FROM examples AS e
 CROSS JOIN LATERAL (SELECT sum(t.amount) AS amount FROM quote_usage(e.cloud, e.region, e.class, e.usage, e."on") AS t WHERE t.term = e.term OR e.term IS NULL) AS q;
-- A source rounds to the cent, half away from zero; where it gives no figure for a part, the part stands in the year below
SELECT no, part, class, says, amount AS is_exactly, round(amount, 2) = says AS right FROM billed WHERE says IS NOT NULL ORDER BY no, part COLLATE "C", class COLLATE "C", says;
SELECT count(*) FILTER (WHERE round(amount, 2) <> says OR amount IS NULL) AS wrong, count(DISTINCT no) AS examples FROM billed;
SELECT no, round(sum(amount), 3) AS year FROM billed WHERE no IN (11, 12) GROUP BY no ORDER BY no;
-- 4: a small object in IA is billed as 6 KB and 122 KB
SELECT term, round(quantity * 1048576, 9) AS kb_months FROM quote_usage('AWS', 'us-east-1', 'STANDARD_IA', '{"bytes": 6144, "objects": 1}') ORDER BY quantity;
-- 1: in its two bands; 3: DELETE costs nothing, there is no such term
SELECT quantity, unit_price, amount FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"byte_hours": 42259901212262400}', '2026-03-31') ORDER BY unit_price DESC;

-- Azure charges a change of tier: to a cooler one a write of it; to a warmer one a read and the bytes of the one that is left, and what is missing to its minimum
SELECT s || ' to ' || d AS change, m.request_cost + m.transition_cost AS operation, m.retrieval_cost + m.restore_cost AS out_of_it, m.early_deletion_cost, m.move_cost
  FROM (VALUES ('HOT_LRS', 'COOL_LRS'), ('COOL_LRS', 'COLD_LRS'), ('COOL_LRS', 'HOT_LRS'), ('COLD_LRS', 'COOL_LRS'), ('HOT_LRS', 'ARCHIVE_LRS'), ('ARCHIVE_LRS', 'HOT_LRS')) AS v(s, d),
       quote_move('Azure', 'eastus', s, 'Azure', 'eastus', d, 1073741824, 10, p_same_place => true) AS m ORDER BY s COLLATE "C", d COLLATE "C";
-- Google: class A and B at the prices of the class that is asked; a rewrite is a class A of where it goes, after the retrieval of where it was
SELECT class, sum(amount) FILTER (WHERE term = 'put') AS class_a, sum(amount) FILTER (WHERE term = 'get') AS class_b, sum(amount) FILTER (WHERE term = 'list') AS list, sum(amount) FILTER (WHERE term = 'retrieval') AS retrieval
  FROM unnest(ARRAY['STANDARD', 'NEARLINE', 'COLDLINE', 'ARCHIVE', 'AUTOCLASS_STANDARD', 'AUTOCLASS_ARCHIVE']) AS class,
       quote_usage('GCP', 'us-central1', class, '{"puts": 10000, "gets": 10000, "lists": 10000, "read_bytes": 1073741824}') GROUP BY class ORDER BY class COLLATE "C";
-- Autoclass: 0.0025 for 1,000 objects and 30 days; entering it is a class A each, and leaving the class that they lay in
SELECT term, quantity, unit_price, amount FROM quote_usage('GCP', 'us-central1', 'AUTOCLASS_NEARLINE', '{"bytes": 1073741824000, "objects": 1000, "hours": 720}') ORDER BY amount DESC;
SELECT request_cost, retrieval_cost, early_deletion_cost, move_cost AS enablement
  FROM quote_move('GCP', 'us-central1', 'NEARLINE', 'GCP', 'us-central1', 'AUTOCLASS_STANDARD', 1073741824, 10, p_same_place => true, p_on => '2026-11-01');
-- Across regions and clouds, by the byte
SELECT d.cloud, d.region, m.egress_cost, m.move_cost
  FROM (VALUES ('AWS', 'us-east-1', 'STANDARD'), ('AWS', 'eu-west-1', 'STANDARD'), ('Azure', 'eastus', 'HOT_LRS'), ('GCP', 'us-central1', 'STANDARD')) AS d(cloud, region, class),
       quote_move('AWS', 'us-east-1', 'STANDARD', d.cloud, d.region, d.class, 1073741824000, 10, p_on => '2026-11-01') AS m ORDER BY d.cloud COLLATE "C", d.region COLLATE "C";
DELETE FROM prices WHERE NOT builtin;
DELETE FROM egress_prices WHERE NOT builtin;
