-- Contracts are rows over the book: quotes, moves and savings have them, bills of the past do not change, and what cannot be is refused.
SET search_path = cloudflux, public;
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
\set VERBOSITY terse
INSERT INTO price_discounts (provider, region, storage_class, price, percent, usd, effective_from, effective_to, source) VALUES
	('AWS', NULL, NULL, NULL, 12.5, NULL, '2026-01-01', '2027-01-01', 'enterprise agreement'),
	('AWS', 'us-east-1', 'STANDARD', 'storage', NULL, 0.019, '2026-03-01', NULL, 'amendment 2'),
	('GCP', NULL, NULL, 'egress', 50, NULL, '2026-01-01', NULL, 'interconnect');
SELECT d AS "on", quantity, unit_price, amount, price_id < 0 AS of_the_book, (SELECT s.source FROM price_discounts AS s WHERE s.id = q.discount_id) AS discount
  FROM unnest(ARRAY['2025-12-31', '2026-01-01', '2026-03-01', '2027-01-01']::date[]) AS d, quote_usage('AWS', 'us-east-1', 'STANDARD', '{"bytes": 109951162777600}', d) AS q ORDER BY d, unit_price DESC;
SELECT storage_class, term, unit_price, (SELECT s.source FROM price_discounts AS s WHERE s.id = q.discount_id) AS discount
  FROM (VALUES ('STANDARD_IA'), ('GLACIER')) AS c(storage_class),
       quote_usage('AWS', 'us-east-1', c.storage_class, '{"bytes": 1073741824, "objects": 1, "gets": 1000, "lists": 1000, "restores": 1000, "restored_bytes": 1073741824, "deleted_bytes": 1073741824}', '2026-06-01') AS q
 ORDER BY storage_class COLLATE "C", term COLLATE "C";
-- What is free stays free; a hundred per cent is free, too
SELECT quantity, unit_price, amount, discount_id IS NOT NULL AS discounted FROM quote_usage('GCP', 'us-central1', 'STANDARD', '{"egress_bytes": 214748364800}', '2026-06-01') ORDER BY unit_price;
-- Everything that prices has them
SELECT move_cost, monthly_before, monthly_after FROM quote_move('AWS', 'us-east-1', 'STANDARD', 'AWS', 'us-east-1', 'STANDARD_IA', 1073741824, 100, p_on => '2026-06-01');
SELECT object_monthly_cost('AWS', 'us-east-1', 'STANDARD', 1073741824, p_on => '2026-06-01') AS object, estimate_storage_total('AWS', 'us-east-1', 'STANDARD', 1073741824, p_on => '2026-06-01') AS estimate;
SELECT count(*) AS terms_with_it FROM estimate_storage_cost('AWS', 'us-east-1', 'STANDARD', 1073741824, p_on => '2026-06-01') AS e WHERE e.discount_id IS NOT NULL;
-- A user's own price is discounted like the book's
SELECT load_prices('storage_classes', E'provider,region,storage_class,tier,storage_usd_gb_month,put_usd_per_1000,get_usd_per_1000,retrieval_usd_gb\nAWS,us-east-1,GLACIER_IR,COLD,0.008,0.02,0.01,0.03\n', '2026-02-01');
SELECT unit_price, price_id > 0 AS own, discount_id IS NOT NULL AS discounted FROM quote_usage('AWS', 'us-east-1', 'GLACIER_IR', '{"bytes": 1073741824}', '2026-06-01');

-- Refused: two for the same on one day, neither or both of percent and price, a price for everything, other currencies, nonsense
INSERT INTO price_discounts (provider, region, storage_class, price, percent, effective_from) VALUES ('AWS', 'us-east-1', 'standard', 'storage', 5, '2026-04-01');
INSERT INTO price_discounts (provider, percent, effective_from, effective_to) VALUES ('AWS', 5, '2026-12-31', '2027-06-01');
UPDATE price_discounts SET effective_to = '2026-04-01' WHERE usd = 0.019;
INSERT INTO price_discounts (provider, region, storage_class, price, percent, effective_from) VALUES ('AWS', 'us-east-1', 'standard', 'storage', 5, '2026-04-01');
INSERT INTO price_discounts (provider, price) VALUES ('AWS', 'get');
INSERT INTO price_discounts (provider, price, percent, usd) VALUES ('AWS', 'get', 1, 1);
INSERT INTO price_discounts (provider, usd) VALUES ('AWS', 1);
INSERT INTO price_discounts (provider, percent) VALUES ('AWS', 101);
INSERT INTO price_discounts (provider, percent) VALUES ('AWS', 'NaN');
INSERT INTO price_discounts (provider, price, usd) VALUES ('AWS', 'get', -1);
INSERT INTO price_discounts (provider, price, percent) VALUES ('AWS', 'tax', 1);
INSERT INTO price_discounts (provider, price, storage_class, percent) VALUES ('AWS', 'egress', 'STANDARD', 1);
INSERT INTO price_discounts (provider, price, usd, currency) VALUES ('AWS', 'get', 1, 'EUR');
INSERT INTO price_discounts (provider, percent, effective_from, effective_to) VALUES ('AWS', 1, '2028-02-01', '2028-02-01');
SET ROLE cloudflux_viewer;
SELECT count(*) AS read FROM price_discounts;
INSERT INTO price_discounts (provider, percent) VALUES ('Azure', 1);
SET ROLE cloudflux_admin;
INSERT INTO price_discounts (provider, percent, effective_from) VALUES ('Azure', 1, '2026-01-01');
RESET ROLE;

-- A newer book changes no past bill: what was billed stays as it is written, and earlier days are quoted as they were
INSERT INTO chore_settings (chore_name, enabled) VALUES ('roll_up_costs', false), ('refresh_monthly_costs', false);
CREATE TEMP TABLE before AS
SELECT p.provider, p.region, p.storage_class, d AS day, q.*
  FROM (SELECT DISTINCT provider, region, storage_class FROM prices) AS p, unnest(ARRAY['2025-06-30', '2026-06-30']::date[]) AS d,
       quote_usage(p.provider, p.region, p.storage_class, '{"bytes": 70368744177664, "objects": 1000, "puts": 10, "gets": 10, "lists": 10, "others": 10, "restores": 1, "restored_bytes": 1000000, "deleted_bytes": 1000000, "deleted_objects": 3, "egress_bytes": 999999999999}', d) AS q;
SELECT count(*) > 500 AS many_terms FROM before;
SELECT count(*) AS loaded FROM (
	SELECT load_prices('storage_classes', jsonb_agg(jsonb_build_object('provider', provider, 'region', region, 'storage_class', storage_class, 'tier', tier, 'storage_usd_gb_month', 99,
	       'put_usd_per_1000', 99, 'get_usd_per_1000', 99, 'retrieval_usd_gb', 99)), '2026-07-01') FROM prices WHERE builtin) AS l;
SELECT load_prices('egress', (SELECT jsonb_agg(jsonb_build_object('provider', e.provider, 'region', e.region, 'destination', e.destination, 'peer', e.peer, 'tier_from_gb', 0, 'tier_to_gb', NULL, 'usd_per_gb', 99))
                                FROM (SELECT DISTINCT provider, region, destination, peer FROM egress_prices) AS e), '2026-07-01') > 0 AS loaded;
INSERT INTO price_discounts (provider, percent, effective_from) VALUES ('GCP', 1, '2026-07-01');
SELECT count(*) AS bills_that_changed FROM (
	(TABLE before EXCEPT SELECT b.provider, b.region, b.storage_class, b.day, q.* FROM (SELECT DISTINCT provider, region, storage_class, day FROM before) AS b,
	       quote_usage(b.provider, b.region, b.storage_class, '{"bytes": 70368744177664, "objects": 1000, "puts": 10, "gets": 10, "lists": 10, "others": 10, "restores": 1, "restored_bytes": 1000000, "deleted_bytes": 1000000, "deleted_objects": 3, "egress_bytes": 999999999999}', b.day) AS q)) AS c;
SELECT sum(amount) > 1000 AS today_is_dearer FROM quote_usage('AWS', 'us-east-1', 'STANDARD', '{"bytes": 1099511627776}', '2026-07-01');
DELETE FROM price_discounts;
DELETE FROM prices WHERE NOT builtin;
DELETE FROM egress_prices WHERE NOT builtin;
DELETE FROM chore_settings;
