-- Bills in FOCUS 1.0: loaded once and whole, or refused with line and column; beside what we estimated.
\getenv places CF_PLACES
SET search_path = cloudflux, public;
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';
\set SHOW_CONTEXT never
\set VERBOSITY default
INSERT INTO chore_settings (chore_name, enabled) VALUES ('roll_up_costs', false), ('refresh_monthly_costs', false), ('fold_accesses', false);

-- A small bill of S3, and of something else
CREATE FUNCTION pg_temp.line(cost text, category text, service text, words text, quantity text, unit text, region text, day int, tags text DEFAULT 'NULL') RETURNS text LANGUAGE sql AS
$$ SELECT format(E'%s,USD,2026-10-01 00:00:00,2026-11-01 00:00:00,2026-10-%s 00:00:00,2026-10-%s 00:00:00,%s,AWS,%s,123456,%s,%s,"%s",%s,"%s"\r\n',
	cost, to_char(day, 'FM00'), to_char(day + 1, 'FM00'), category, service, quantity, unit, replace(words, '"', '""'), region, replace(tags, '"', '""')) $$;
SELECT E'BilledCost,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ProviderName,ServiceName,BillingAccountId,ConsumedQuantity,ConsumedUnit,ChargeDescription,RegionId,Tags\r\n' AS header,
       pg_temp.line('1.15', 'Usage', 'Amazon Simple Storage Service', '$0.023 per GB - first 50 TB / month of storage used', '50', 'GB-Months', 'us-east-1', 5, '{"team": "web"}')
    || pg_temp.line('1.15', 'Usage', 'Amazon Simple Storage Service', '$0.023 per GB - first 50 TB / month of storage used', '50', 'GB-Months', 'us-east-1', 6)
    || pg_temp.line('0.10', 'Usage', 'Amazon Simple Storage Service', '$0.005 per 1,000 PUT, COPY, POST, or LIST requests', '20000', 'Requests', 'us-east-1', 5)
    || pg_temp.line('0.0004', 'Usage', 'Amazon Simple Storage Service', '$0.004 per 10,000 GET and all other requests', '1000', 'Requests', 'us-east-1', 6)
    || pg_temp.line('0.375', 'Usage', 'Amazon Simple Storage Service', '$0.0125 per GB-Month of storage used in Standard-Infrequent Access', '30', 'GB-Months', 'us-east-1', 5)
    || pg_temp.line('0.004', 'Usage', 'Amazon Simple Storage Service', '$0.004 per GB-Month of storage used in Glacier Instant Retrieval', '1E0', 'GB-Months', 'us-east-1', 5)
    || pg_temp.line('0.18', 'Usage', 'Amazon Simple Storage Service', '$0.090 per GB - first 10 TB / month data transfer out', '2', 'GB', 'us-east-1', 5)
    || pg_temp.line('7.3', 'Usage', 'Amazon Elastic Compute Cloud', E'$0.0416 per\nOn Demand hour', '175', 'Hours', 'us-east-1', 5)
    || pg_temp.line('-1', 'Credit', 'Amazon Simple Storage Service', 'promotion', 'NULL', 'NULL', 'NULL', 5) AS body \gset
SELECT import_focus(csv => :'header' || :'body', bill => 'october');
SELECT bill, charges, billed_cost, currency, charged_from, charged_to FROM focus_bills;
SELECT line, billed_cost, charge_category, storage_class, k.term, other
  FROM focus_charges AS c, charge_kind(provider_name, service_name, concat(charge_description, ' [', consumed_unit, ']')) AS k ORDER BY line;
-- The same content comes once, whatever it is called; another one under the name takes the place of the earlier one
SELECT import_focus(csv => :'header' || :'body', bill => 'october again');
SELECT import_focus(csv => :'header' || :'body' || :'body', bill => 'october');
SELECT count(*) AS bills, (SELECT count(*) FROM focus_charges) AS charges FROM focus_bills;
SELECT import_focus(csv => :'header' || :'body', bill => 'october');

-- From a place, as an object, packed or not; from bytes; longer than one piece
\set bills :places '/pricing_focus'
\setenv CF_BILLS :bills
\! mkdir -p $CF_BILLS && chmod 777 $CF_BILLS
SELECT add_storage('bills', 'LOCAL', :'bills');
\setenv CF_BODY :body
\setenv CF_HEADER :header
\! printf '%s' "$CF_HEADER$CF_BODY$CF_BODY$CF_BODY" | gzip -c > $CF_BILLS/packed.csv.gz; printf '%s' "$CF_HEADER$CF_BODY$CF_BODY$CF_BODY" > $CF_BILLS/plain.csv; head -c 200 $CF_BILLS/packed.csv.gz > $CF_BILLS/damaged.csv.gz; chmod 644 $CF_BILLS/*
SELECT import_focus('bills', 'packed.csv.gz');
DELETE FROM focus_bills;
SELECT import_focus('bills', 'packed.csv.gz');
-- What another bill holds already would count twice: unpacked, a part of it, or more of the same
SELECT import_focus('bills', 'plain.csv');
SELECT import_focus(csv => :'header' || :'body', bill => 'a part');
SELECT import_focus(csv => :'header' || :'body' || pg_temp.line('5', 'Usage', 'S3', 'more', '1', 'GB', 'us-east-1', 5), bill => 'more');
SELECT import_focus(csv => :'header' || pg_temp.line('5', 'Usage', 'S3', 'more', '1', 'GB', 'us-east-1', 5), bill => 'only what is new') AS another_part;
DELETE FROM focus_bills;
SELECT import_focus('bills', 'plain.csv');
DELETE FROM focus_bills;
\set VERBOSITY terse
SELECT import_focus('bills', 'nothing.csv');
\set VERBOSITY default
SELECT import_focus('bills', 'damaged.csv.gz');
SELECT import_focus(data => convert_to(:'header' || repeat(:'body', 4000), 'UTF8'), bill => 'large') AS charges_in_several_pieces;
SELECT count(DISTINCT line) AS lines, max(line) AS last_line FROM focus_charges JOIN focus_bills USING (bill_id) WHERE bill = 'large';
DELETE FROM focus_bills;
SELECT import_focus(csv => :'header' || :'body', bill => 'october');

-- What is wrong is told with its line and column, and nothing is loaded or lost
SELECT import_focus();
SELECT import_focus('bills');
SELECT import_focus(csv => 'a');
SELECT import_focus(csv => 'a', data => 'a', bill => 'x');
SELECT import_focus(csv => '', bill => 'x');
SELECT import_focus(csv => 'a,b' || E'\n1,2\n', bill => 'x');
SELECT import_focus(csv => :'header', bill => 'x');
SELECT import_focus(csv => :'header' || :'body' || E'1,2\r\n', bill => 'october');
SELECT import_focus(csv => :'header' || :'body' || pg_temp.line('free', 'Usage', 'S3', '', '1', 'GB', 'us-east-1', 5), bill => 'october');
SELECT import_focus(csv => :'header' || pg_temp.line('1', 'Usage', 'S3', '', '1', 'GB', 'us-east-1', 5) || replace(pg_temp.line('1', 'Usage', 'S3', '', '1', 'GB', 'us-east-1', 5), 'USD', 'EUR'), bill => 'october');
SELECT import_focus(data => convert_to(:'header' || :'body', 'UTF8') || convert_to(pg_temp.line('1', 'Usage', 'S3', U&'\00e9', '1', 'GB', 'us-east-1', 5), 'LATIN1'), bill => 'x');
SELECT bill, charges FROM focus_bills ORDER BY bill;

-- What we estimated for those days, what was billed, the difference, and what the quantity costs by our book
INSERT INTO cost_terms (date, cloud, tier, price_provider, price_region, storage_class, term, quantity, unit, amount, size_bytes, objects) VALUES
	('2026-10-04', 'AWS', 'HOT', 'AWS', 'us-east-1', 'STANDARD', 'storage', 1, 'GB-month', 99, 0, 0),
	('2026-10-05', 'AWS', 'HOT', 'AWS', 'us-east-1', 'STANDARD', 'held', NULL, NULL, 0, 1e12, 10),
	('2026-10-05', 'AWS', 'HOT', 'AWS', 'us-east-1', 'STANDARD', 'storage', 51, 'GB-month', 1.173, 0, 0),
	('2026-10-06', 'AWS', 'HOT', 'AWS', 'us-east-1', 'STANDARD', 'storage', 51, 'GB-month', 1.173, 0, 0),
	('2026-10-05', 'AWS', 'HOT', 'AWS', 'us-east-1', 'STANDARD', 'put', 18, '1000 requests', 0.09, 0, 0),
	('2026-10-05', 'AWS', 'HOT', 'AWS', 'us-east-1', 'STANDARD', 'list', 2, '1000 requests', 0.01, 0, 0),
	('2026-10-05', 'AWS', 'WARM', 'AWS', 'us-east-1', 'STANDARD_IA', 'storage', 28, 'GB-month', 0.35, 0, 0),
	('2026-10-05', 'AWS', 'WARM', 'AWS', 'us-east-1', 'STANDARD_IA', 'minimum_size', 2, 'GB-month', 0.025, 0, 0),
	('2026-10-05', 'AWS', 'COLD', 'AWS', 'us-east-1', 'GLACIER', 'storage', 1, 'GB-month', 0.0036, 0, 0),
	('2026-10-05', 'AWS', 'COLD', 'AWS', 'us-east-1', 'GLACIER', 'overhead_standard', 1, 'GB-month', 0.023, 0, 0);
SELECT service, storage_class, term, estimated, billed, difference, at_our_prices, quantity, charges
  FROM cost_reconciliation WHERE month = '2026-10-01' ORDER BY service, storage_class, term;
SELECT service, storage_class, sum(estimated) AS estimated, sum(billed) AS billed, sum(difference) AS difference FROM cost_reconciliation GROUP BY 1, 2 ORDER BY 1, 2;
-- An amount that no bill can have is shown as it was billed, and hides nothing else
BEGIN;
SELECT import_focus(csv => :'header' || pg_temp.line('1', 'Usage', 'Amazon Simple Storage Service', 'storage used', '1e30', 'GB-Months', 'us-east-1', 7), bill => 'absurd');
SELECT term, billed, at_our_prices, quantity FROM cost_reconciliation WHERE storage_class = 'STANDARD' AND month = '2026-10-01' ORDER BY term;
ROLLBACK;
-- A rule of one's own counts before the builtin ones
INSERT INTO charge_kinds (provider, rank, service, words, storage_class, term) VALUES ('AWS', 1, 'Elastic Compute', '', NULL, 'machines');
UPDATE charge_kinds SET term = 'x' WHERE builtin;
SELECT DISTINCT term FROM cost_reconciliation WHERE service LIKE '%Compute%';
DELETE FROM charge_kinds WHERE NOT builtin;
-- A bill in another currency is shown, and not compared
SELECT import_focus(csv => replace(:'header' || :'body', 'USD', 'EUR'), bill => 'october');
SELECT count(*) AS rows, count(estimated) AS estimated, sum(billed) AS billed FROM cost_reconciliation WHERE currency = 'EUR';
-- The words of the three providers
SELECT p.provider, p.words, k.* FROM (VALUES
	('AWS', 'Amazon Simple Storage Service', 'x USE1-TimedStorage-GDA-ByteHrs [GB-Mo]'), ('AWS', 'AmazonS3', '$0.004 per 10,000 GET and all other requests to Intelligent-Tiering [Requests]'),
	('Amazon Web Services', 'Amazon Simple Storage Service', 'Standard retrieval requests Glacier [Requests]'), ('AWS', 'Amazon Simple Storage Service', 'Retrieval-SIA [GB]'), ('AWS', 'AmazonSQS', 'storage used'),
	('Microsoft', 'Storage', 'Hot LRS Data Stored [1 GB/Month]'), ('Microsoft', 'Azure Blob Storage', 'Cool ZRS Write Operations [10K]'), ('Microsoft', 'Storage', 'Archive LRS Early Delete [1 GB]'), ('Microsoft', 'Virtual Machines', 'Hot'),
	('Google Cloud', 'Cloud Storage', 'Nearline Storage Iowa [gibibyte month]'), ('Google Cloud', 'Cloud Storage', 'Autoclass Archive Class B Operations [count]'), ('Google Cloud', 'Cloud Storage', 'Download Worldwide Destinations [gibibyte]')) AS p(provider, service, words)
  LEFT JOIN LATERAL charge_kind(p.provider, p.service, p.words) AS k ON true ORDER BY p.provider COLLATE "C", p.words COLLATE "C";
-- Viewers see, admins load
SET ROLE cloudflux_viewer;
SELECT count(*) > 0 AS seen FROM cost_reconciliation;
SELECT import_focus(csv => 'x', bill => 'x');
RESET ROLE;
SET ROLE cloudflux_admin;
SELECT import_focus(csv => :'header' || :'body', bill => 'by an admin');
RESET ROLE;
