/*
 * pricing/tariffs: all classes of a region side by side, for those who compare classes (tiering) rather than price a usage.
 */

CREATE FUNCTION cloudflux.class_tariffs(p_cloud text, p_region text, p_on date DEFAULT CURRENT_DATE)
RETURNS TABLE (storage_class text, tier text, redundancy text, storage_usd_gb_month numeric, put_usd_per_1000 numeric, get_usd_per_1000 numeric,
	transition_usd_per_1000 numeric, retrieval_usd_gb numeric, upload_usd_gb numeric, early_delete_usd_gb_month numeric,
	monitoring_usd_per_1000_objects numeric, min_storage_days int, min_object_bytes bigint, overhead_bytes bigint,
	overhead_standard_bytes bigint, restore_seconds int, restore_option text, restore_usd_per_1000 numeric, restore_retrieval_usd_gb numeric,
	price_id bigint)
LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 12
AS 'MODULE_PATHNAME', 'cloudflux_class_tariffs';

REVOKE ALL ON FUNCTION cloudflux.class_tariffs(text, text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.class_tariffs(text, text, date) TO cloudflux_viewer, cloudflux_user, cloudflux_admin, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.class_tariffs(text, text, date) IS 'All storage classes of a region with the prices that hold on a day: of the first volume band, discounts included, NULL where none is known. A class that must be restored before it is read comes once for each restore option. A region that the book does not know is an error that lists those that it knows';
