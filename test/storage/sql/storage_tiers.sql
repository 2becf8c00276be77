-- What HOT, WARM and COLD mean at a place.
\set SHOW_CONTEXT never
\set VERBOSITY default
SELECT cloud, tier, storage_class, first_byte_ms FROM cloudflux.storage_tiers WHERE preferred ORDER BY cloud, tier, storage_class;

SELECT cloudflux.add_storage('aws', 'AWS', 'bucket', '{"region": "us-east-1"}');
SELECT cloudflux.add_storage('ia', 'AWS', 'container', '{"region": "us-east-1", "storage_class": "ONEZONE_IA"}');
SELECT cloudflux.add_storage('lrs', 'Azure', 'container', '{"endpoint": "https://one.blob.core.windows.net"}');
SELECT cloudflux.add_storage('zrs', 'Azure', 'container', '{"endpoint": "https://two.blob.core.windows.net", "storage_class": "HOT_ZRS"}');
SELECT cloudflux.add_storage('gcp', 'GCP', 'bucket');
CREATE SERVER disk FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'LOCAL', bucket '/no/such/a');
CREATE SERVER tape FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'LOCAL', bucket '/no/such/b', tier 'COLD', storage_class 'DEEP_ARCHIVE', price_provider 'AWS');

SELECT place, cloudflux.tier_class(place, NULL) AS "default", cloudflux.tier_class(place, 'HOT') AS hot,
       cloudflux.tier_class(place, 'WARM') AS warm, cloudflux.tier_class(place, 'COLD') AS cold
  FROM cloudflux.storage_places WHERE provider <> 'LOCAL' ORDER BY place;
SELECT cloudflux.tier_class('aws', 'DEEP_ARCHIVE'), cloudflux.tier_class('lrs', 'Cool'), cloudflux.tier_class('zrs', 'Cool'), cloudflux.tier_class('lrs', 'ARCHIVE_LRS');
SELECT cloudflux.tier_class('disk', 'HOT'), cloudflux.tier_class('disk', NULL), cloudflux.tier_class('tape', 'COLD'), cloudflux.tier_class('tape', 'DEEP_ARCHIVE');
SELECT cloudflux.tier_class('disk', 'COLD');
SELECT cloudflux.tier_class('tape', 'HOT');
SELECT cloudflux.tier_class('gcp', 'GLACIER');
SELECT cloudflux.tier_class('nowhere', 'HOT');
-- where check_storage() saw that the store ignores classes there is one only
UPDATE cloudflux.places SET capabilities = '{"tiers": false}' WHERE place = 'gcp';
SELECT cloudflux.tier_class('gcp', NULL), cloudflux.tier_class('gcp', 'HOT'), cloudflux.tier_class('gcp', 'STANDARD');
SELECT cloudflux.tier_class('gcp', 'COLD');
UPDATE cloudflux.places SET capabilities = '{"tiers": true}' WHERE place = 'gcp';
SELECT cloudflux.tier_class('gcp', 'COLD');

SELECT c, p, k, cloudflux.class_tier(c, p, k) FROM (VALUES ('AWS', 'aws', 'STANDARD_IA'), ('AWS', NULL, 'GLACIER'), ('Azure', 'lrs', 'Cool'), ('Azure', NULL, 'COOL_ZRS'),
	('GCP', 'gcp', 'ARCHIVE'), ('GCP', 'gcp', 'GLACIER'), ('LOCAL', 'disk', 'anything'), ('LOCAL', 'tape', NULL), ('LOCAL', NULL, 'WARM'), ('LOCAL', NULL, 'x')) AS v(c, p, k);

-- rows of one's own win, the place's before the cloud's; builtin ones stay
INSERT INTO cloudflux.storage_tiers (cloud, tier, storage_class) VALUES ('AWS', 'WARM', 'GLACIER_IR');
INSERT INTO cloudflux.storage_tiers (cloud, place, tier, storage_class) VALUES ('AWS', 'ia', 'COLD', 'GLACIER'), ('LOCAL', 'disk', 'COLD', 'spun-down');
SELECT cloudflux.class_tier('AWS', 'aws', 'GLACIER_IR'), cloudflux.tier_class('aws', 'WARM'), cloudflux.tier_class('ia', 'COLD'), cloudflux.tier_class('aws', 'COLD');
SELECT cloudflux.tier_class('disk', 'COLD'), cloudflux.class_tier('LOCAL', 'disk', 'spun-down');
\set VERBOSITY terse
UPDATE cloudflux.storage_tiers SET tier = 'HOT' WHERE storage_class = 'DEEP_ARCHIVE';
DELETE FROM cloudflux.storage_tiers WHERE builtin;
SET ROLE cloudflux_admin;
INSERT INTO cloudflux.storage_tiers (cloud, tier, storage_class, builtin) VALUES ('AWS', 'HOT', 'MINE', true);
RESET ROLE;
INSERT INTO cloudflux.storage_tiers (cloud, tier, storage_class) VALUES ('Oracle', 'HOT', 'Standard');
INSERT INTO cloudflux.storage_tiers (cloud, tier, storage_class) VALUES ('AWS', 'TEPID', 'X');
INSERT INTO cloudflux.storage_tiers (cloud, tier, storage_class) VALUES ('AWS', 'COLD', 'GLACIER_IR');

-- catalogue, store and price book mean the same class: what a place writes is what the store tells, and it has a price
\set VERBOSITY default
SELECT t.cloud, t.storage_class, cloudflux.own_class(t.cloud, t.storage_class) AS told, cloudflux.class_tier(t.cloud, NULL, cloudflux.own_class(t.cloud, t.storage_class)) = t.tier AS same_tier,
       cloudflux.billed_class(t.cloud, 'HOT_ZRS', cloudflux.own_class(t.cloud, t.storage_class)) AS billed,
       cloudflux.class_minimum_bytes(t.cloud, CASE t.cloud WHEN 'AWS' THEN 'us-east-1' WHEN 'Azure' THEN 'westus' ELSE 'us-central1' END,
                                     cloudflux.own_class(t.cloud, t.storage_class)) IS NOT NULL AS priced
  FROM cloudflux.storage_tiers AS t WHERE t.builtin AND t.cloud IN ('AWS', 'Azure', 'GCP') ORDER BY t.cloud, t.storage_class;
SELECT cloudflux.billed_class('LOCAL', 'STANDARD', 'HOT') AS of_the_option, cloudflux.billed_class('Azure', 'HOT', 'Cool') AS locally_redundant,
       cloudflux.billed_class('Azure', 'COOL_ZRS', '') AS of_the_place, cloudflux.billed_class('AWS', 'STANDARD_IA', 'GLACIER') AS of_the_object;
