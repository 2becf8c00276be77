/*
 * pricing/discounts: what a contract says, as rows over the prices.
 *
 * A row takes so many per cent off, or says another price, for one price of one class, or for all of a region or cloud, from a day until
 * before another. The kernel lays them over the book when it is read (src/pricing/discount.c), so every quote, move, bill and saving has
 * them; each term tells the row. Of the rows that name a price on a day one counts: the most specific.
 */

CREATE TABLE cloudflux.price_discounts (
	id             bigint NOT NULL DEFAULT pg_catalog.nextval('cloudflux.price_ids') PRIMARY KEY,
	provider       text NOT NULL CHECK (provider <> ''),
	region         text CHECK (region <> ''),
	storage_class  text CHECK (storage_class <> ''),
	price          text CHECK (price IN ('storage', 'put', 'get', 'list', 'other', 'transition', 'retrieval', 'upload', 'early_delete',
	                                     'monitoring', 'restore', 'restore_retrieval', 'egress')),
	percent        numeric CHECK (percent >= 0 AND percent <= 100 AND pg_catalog.scale(percent) <= 6),
	usd            numeric CHECK (usd >= 0 AND usd < 1000000),
	currency       text NOT NULL DEFAULT 'USD' CHECK (currency = 'USD'),
	effective_from date NOT NULL DEFAULT CURRENT_DATE,
	effective_to   date,
	source         text NOT NULL DEFAULT '',
	note           text,
	CONSTRAINT price_discounts_one_of CHECK ((percent IS NULL) <> (usd IS NULL)),
	CONSTRAINT price_discounts_named CHECK (usd IS NULL OR price IS NOT NULL),
	CONSTRAINT price_discounts_egress CHECK (price IS DISTINCT FROM 'egress' OR storage_class IS NULL),
	CONSTRAINT price_discounts_period CHECK (effective_from < effective_to AND effective_from < 'infinity')
);

-- No two rows for the same prices on one day. Class names are the book's in any case, as the kernel takes them.
CREATE FUNCTION cloudflux.check_discounts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_twice record;
BEGIN
	SELECT d.id, e.id AS other_id, GREATEST(d.effective_from, e.effective_from) AS day,
	       concat_ws(' ', d.provider, COALESCE(d.region, '*'), COALESCE(d.storage_class, '*'), COALESCE(d.price, '*')) AS what
	  INTO v_twice
	  FROM cloudflux.price_discounts AS d
	  JOIN cloudflux.price_discounts AS e ON e.id > d.id AND e.provider = d.provider AND e.region IS NOT DISTINCT FROM d.region
	       AND upper(e.storage_class) IS NOT DISTINCT FROM upper(d.storage_class) AND e.price IS NOT DISTINCT FROM d.price
	       AND e.effective_from < COALESCE(d.effective_to, 'infinity'::date) AND d.effective_from < COALESCE(e.effective_to, 'infinity'::date)
	 ORDER BY d.id, e.id
	 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'discounts on "%" overlap in time', v_twice.what
			USING ERRCODE = 'exclusion_violation',
				DETAIL = format('Rows %s and %s both hold on %s.', v_twice.id, v_twice.other_id, to_char(v_twice.day, 'YYYY-MM-DD')),
				HINT = 'End the earlier row (effective_to) on the day on which the next one begins.';
	END IF;
	RETURN NULL;
END
$$;

CREATE TRIGGER price_discounts_lock BEFORE INSERT OR UPDATE ON cloudflux.price_discounts FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.lock_prices();
CREATE TRIGGER price_discounts_check AFTER INSERT OR UPDATE ON cloudflux.price_discounts FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.check_discounts();

SELECT pg_catalog.pg_extension_config_dump('cloudflux.price_discounts', '');

REVOKE ALL ON FUNCTION cloudflux.check_discounts() FROM PUBLIC;
GRANT SELECT ON cloudflux.price_discounts TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, UPDATE, DELETE ON cloudflux.price_discounts TO cloudflux_admin;

COMMENT ON TABLE cloudflux.price_discounts IS 'Discounts by contract, as rows over the price book: so many per cent less, or another price, from a day until before another. Of the rows that name a price on a day one counts, the most specific: by class, then by region, then by price. Free allowances and prices that are not known stay so. Periods of rows for the same prices may not overlap (23P01)';
COMMENT ON COLUMN cloudflux.price_discounts.id IS 'Identity of the row; quotes name it as discount_id';
COMMENT ON COLUMN cloudflux.price_discounts.provider IS 'Cloud whose prices it changes: AWS, Azure, GCP, or a name of your own in the book';
COMMENT ON COLUMN cloudflux.price_discounts.region IS 'Region; NULL = all';
COMMENT ON COLUMN cloudflux.price_discounts.storage_class IS 'Storage class as the book has it (COOL_LRS), in any case; NULL = all';
COMMENT ON COLUMN cloudflux.price_discounts.price IS 'Which price: storage, put, get, list, other, transition, retrieval, upload, early_delete, monitoring, restore, restore_retrieval, egress; NULL = all';
COMMENT ON COLUMN cloudflux.price_discounts.percent IS 'Per cent off, 0 to 100; NULL = usd says the price';
COMMENT ON COLUMN cloudflux.price_discounts.usd IS 'The price itself, in the unit of the book, in every band that is not free; NULL = percent says it';
COMMENT ON COLUMN cloudflux.price_discounts.currency IS 'Currency of usd; only USD is priced';
COMMENT ON COLUMN cloudflux.price_discounts.effective_from IS 'First day on which it holds';
COMMENT ON COLUMN cloudflux.price_discounts.effective_to IS 'Day on which it ends (not held any more); NULL = open';
COMMENT ON COLUMN cloudflux.price_discounts.source IS 'Where it was agreed: a contract, an offer';
COMMENT ON COLUMN cloudflux.price_discounts.note IS 'What else is known about it';
COMMENT ON FUNCTION cloudflux.check_discounts() IS 'Trigger: refuses discounts on the same prices that overlap in time (23P01)';
COMMENT ON TRIGGER price_discounts_lock ON cloudflux.price_discounts IS 'One writer of the book at a time';
COMMENT ON TRIGGER price_discounts_check ON cloudflux.price_discounts IS 'No two rows for the same prices on one day';
