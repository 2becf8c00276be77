/*
 * pricing/requests: what cloudflux's own requests cost.
 *
 * Room net counts each request that is sent, by hour, place and verb (request_metrics); here each verb has the term that its provider bills it
 * as, and the term its price; migration/requests puts both together (request_costs, job_costs). A listing is priced before it is made: estimate_scan().
 */

-- The term that a provider bills a call as; 'free' costs nothing, NULL is not known. Verbs are the providers' own names of their calls.
CREATE FUNCTION cloudflux.request_term(p_provider text, p_verb text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
	WHEN p_provider = 'GCP' THEN
		CASE WHEN p_verb ~ 'delete$' THEN 'free' WHEN p_verb ~ 'list$' THEN 'list' WHEN p_verb ~ '(insert|compose|rewrite|copy|patch|update)$' THEN 'put'
		     WHEN p_verb ~ 'get$' THEN 'get' WHEN p_verb ~ '(Token|Credentials|Role)$' THEN 'free' END
	WHEN p_provider = 'Azure' THEN
		CASE WHEN p_verb ~ '^(Delete|Abort)' THEN 'free' WHEN p_verb ~ '^List' THEN 'list' WHEN p_verb ~ '^(Put|Copy|SetBlobTier|Set Blob Tier)' THEN 'put'
		     WHEN p_verb IN ('GetBlob', 'Get Blob') THEN 'get' WHEN p_verb ~ '(Token|Credentials|Role)$' THEN 'free' WHEN p_verb ~ '^(Get|Set|Head|Lease)' THEN 'other' END
	WHEN p_provider IN ('AWS', 'S3') THEN
		CASE WHEN p_verb ~ '^(Delete|Abort)' THEN 'free' WHEN p_verb ~ '^List' THEN 'list' WHEN p_verb ~ '^(Put|Copy|Post|Create|Upload|Complete)' THEN 'put'
		     WHEN p_verb = 'RestoreObject' THEN 'restore' WHEN p_verb ~ '(Token|Credentials|Role|WebIdentity)$' OR p_verb ~ '^AssumeRole' THEN 'free'
		     WHEN p_verb ~ '^(Get|Head)' THEN 'get' END
	END;

-- What so many requests of a term cost at a place on a day: at the class of the place, else at the standard class of its provider.
CREATE FUNCTION cloudflux.price_requests(p_provider text, p_region text, p_class text, p_term text, p_requests numeric, p_on date,
	OUT unit_price numeric, OUT amount numeric, OUT price_id bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_class text := COALESCE(NULLIF(p_class, ''), CASE p_provider WHEN 'Azure' THEN 'HOT_LRS' ELSE 'STANDARD' END);
BEGIN
	IF p_term = 'free' THEN
		unit_price := 0;
		amount := 0;
	ELSIF p_term IN ('put', 'get', 'list', 'other', 'restore') AND cloudflux.class_minimum_bytes(p_provider, p_region, v_class, p_on) IS NOT NULL THEN
		SELECT q.unit_price, q.amount, q.price_id INTO unit_price, amount, price_id
		  FROM cloudflux.quote_usage(p_provider, p_region, v_class, jsonb_build_object(p_term || 's', round(p_requests)), p_on) AS q;
		amount := CASE WHEN p_requests = 0 THEN 0 ELSE amount END;
	END IF;
END
$$;

-- Calls that read the bytes of an object, and those by which a store copies one by itself.
CREATE FUNCTION cloudflux.request_reads(p_verb text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_verb IN ('GetObject', 'GetBlob', 'Get Blob', 'storage.objects.get');

CREATE FUNCTION cloudflux.request_copies(p_verb text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_verb ~ '^(CopyObject|UploadPartCopy|.*FromURL|storage\.objects\.(rewrite|copy))$';

-- What reading so many bytes of a class costs on a day, requests apart. Where a restore comes first, that is what is paid for, and not the reading.
CREATE FUNCTION cloudflux.price_retrieval(p_provider text, p_region text, p_class text, p_bytes numeric, p_on date) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_class text := COALESCE(NULLIF(p_class, ''), CASE p_provider WHEN 'Azure' THEN 'HOT_LRS' ELSE 'STANDARD' END);
BEGIN
	IF cloudflux.class_minimum_bytes(p_provider, p_region, v_class, p_on) IS NULL THEN
		RETURN NULL;
	ELSIF p_bytes = 0 OR EXISTS (SELECT FROM cloudflux.class_tariffs(p_provider, p_region, p_on) AS t WHERE t.storage_class = v_class AND t.restore_option IS NOT NULL) THEN
		RETURN 0;
	END IF;
	RETURN (SELECT CASE WHEN count(*) = count(q.amount) THEN COALESCE(sum(q.amount), 0) END
	          FROM cloudflux.quote_usage(p_provider, p_region, v_class, jsonb_build_object('read_bytes', round(p_bytes)), p_on) AS q);
END
$$;

-- What sending so many bytes somewhere costs on a day, beyond the free allowance, which belongs to the whole bill.
CREATE FUNCTION cloudflux.price_egress(p_provider text, p_region text, p_destination text, p_bytes numeric, p_on date) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_class text := CASE p_provider WHEN 'Azure' THEN 'HOT_LRS' ELSE 'STANDARD' END;
	v_free  numeric;
BEGIN
	IF p_destination IS NULL OR cloudflux.class_minimum_bytes(p_provider, p_region, v_class, p_on) IS NULL THEN
		RETURN NULL;
	ELSIF p_bytes = 0 THEN
		RETURN 0;
	END IF;
	SELECT COALESCE(max(e.tier_to_gb), 0) * 1073741824 INTO v_free FROM cloudflux.egress_prices AS e
	 WHERE e.provider = p_provider AND e.region = p_region AND e.destination = p_destination AND e.peer = '*' AND e.usd_per_gb = 0
	   AND e.effective_from <= p_on AND (e.effective_to IS NULL OR e.effective_to > p_on);
	RETURN (SELECT CASE WHEN count(*) > 0 AND count(*) = count(q.amount) THEN sum(q.amount) END
	          FROM cloudflux.quote_usage(p_provider, p_region, v_class, jsonb_build_object('egress_bytes', round(p_bytes), 'egress_destination', p_destination,
	                                     'egress_bytes_before', round(v_free)), p_on) AS q);
END
$$;

-- A listing of a place, from what the catalog has there: one request per page of the store (1,000 keys; 5,000 at Azure), at least one.
CREATE FUNCTION cloudflux.estimate_scan(place text, prefix text DEFAULT '')
RETURNS TABLE (objects bigint, requests bigint, unit_price numeric, cost numeric, monthly_if_nightly numeric)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_place   record;
	v_objects bigint;
	v_pages   bigint;
	v_price   record;
BEGIN
	SELECT p.* INTO v_place FROM cloudflux.place_prices AS p WHERE p.place = estimate_scan.place;
	IF NOT FOUND THEN
		PERFORM cloudflux.raise_unknown('place', estimate_scan.place);
	END IF;
	SELECT count(*) INTO v_objects FROM cloudflux.addresses AS a
	 WHERE a.place = estimate_scan.place AND a.state <> 'claimed' AND starts_with(a.object_key, COALESCE(estimate_scan.prefix, ''));
	v_pages := GREATEST(1, ceil(v_objects / CASE v_place.cloud WHEN 'Azure' THEN 5000.0 ELSE 1000.0 END))::bigint;
	IF v_place.cloud = 'LOCAL' THEN
		RETURN QUERY SELECT v_objects, 0::bigint, 0::numeric, 0::numeric, 0::numeric;
		RETURN;
	END IF;
	v_price := cloudflux.price_requests(v_place.price_provider, v_place.price_region, v_place.storage_class, 'list', v_pages, (now() AT TIME ZONE 'UTC')::date);
	RETURN QUERY SELECT v_objects, v_pages, v_price.unit_price, v_price.amount, v_price.amount * 365 / 12;
END
$$;

REVOKE ALL ON FUNCTION cloudflux.request_term(text, text), cloudflux.request_reads(text), cloudflux.request_copies(text),
	cloudflux.price_requests(text, text, text, text, numeric, date), cloudflux.price_retrieval(text, text, text, numeric, date),
	cloudflux.price_egress(text, text, text, numeric, date), cloudflux.estimate_scan(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.request_term(text, text), cloudflux.request_reads(text), cloudflux.request_copies(text),
	cloudflux.price_requests(text, text, text, text, numeric, date), cloudflux.price_retrieval(text, text, text, numeric, date),
	cloudflux.price_egress(text, text, text, numeric, date), cloudflux.estimate_scan(text, text) TO cloudflux_viewer, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.request_term(text, text) IS 'What a provider bills a call as: put, get, list, other, restore or free; NULL = the verb is not known';
COMMENT ON FUNCTION cloudflux.price_requests(text, text, text, text, numeric, date) IS 'What so many requests of a term cost on a day, at a class or (NULL) the standard class of the provider; NULL = no price is known';
COMMENT ON FUNCTION cloudflux.estimate_scan(text, text) IS 'What listing a place (below a prefix) takes and costs, as import_inventory() does it: objects that the catalog has there, requests, USD, and USD per month when it is done each night; NULL = no price is known. 02000 unknown place';
COMMENT ON FUNCTION cloudflux.request_reads(text) IS 'Whether a call reads the bytes of an object';
COMMENT ON FUNCTION cloudflux.request_copies(text) IS 'Whether by a call a store copies bytes by itself';
COMMENT ON FUNCTION cloudflux.price_retrieval(text, text, text, numeric, date) IS 'What reading so many bytes costs on a day at a class or (NULL) the standard class of the provider, USD, requests apart; 0 where a restore comes first, since that is what is paid for; NULL = no price is known';
COMMENT ON FUNCTION cloudflux.price_egress(text, text, text, numeric, date) IS 'What sending so many bytes to a destination (as in egress_prices) costs on a day, USD, beyond the free allowance; NULL = no price is known';
