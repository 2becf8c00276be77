/*
 * pricing/requests: what cloudflux's own requests cost.
 *
 * Room net counts each request that is sent, by hour, place and verb (request_metrics); here each verb has the term that its provider bills it
 * as, and the term the price of the place's class. A listing is priced before it is made: estimate_scan().
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

-- What was sent, per day, place and verb. A provider does not bill what it answered with an error of its own (5xx), nor what got no answer.
CREATE VIEW cloudflux.request_costs WITH (security_invoker = true) AS
SELECT m.day, m.place, p.cloud, m.verb, t.term, m.requests, m.repeated, m.billed_requests, m.sent_bytes, m.received_bytes, c.unit_price, c.amount AS cost, c.price_id
  FROM (SELECT (r.hour AT TIME ZONE 'UTC')::date AS day, r.place, r.verb, sum(r.requests)::bigint AS requests, sum(r.repeated)::bigint AS repeated,
               COALESCE(sum(r.requests) FILTER (WHERE r.status_class NOT IN ('5xx', 'none')), 0)::bigint AS billed_requests,
               sum(r.sent_bytes)::bigint AS sent_bytes, sum(r.received_bytes)::bigint AS received_bytes
          FROM cloudflux.request_metrics AS r GROUP BY 1, 2, 3) AS m
  LEFT JOIN cloudflux.place_prices AS p ON p.place = m.place
 CROSS JOIN LATERAL (SELECT cloudflux.request_term(COALESCE(p.cloud, p.price_provider), m.verb) AS term) AS t
  LEFT JOIN LATERAL cloudflux.price_requests(p.price_provider, p.price_region, p.storage_class, t.term, m.billed_requests, m.day) AS c ON true;

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

REVOKE ALL ON FUNCTION cloudflux.request_term(text, text), cloudflux.price_requests(text, text, text, text, numeric, date), cloudflux.estimate_scan(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.request_term(text, text), cloudflux.price_requests(text, text, text, text, numeric, date), cloudflux.estimate_scan(text, text)
	TO cloudflux_viewer, cloudflux_worker;
GRANT SELECT ON cloudflux.request_costs TO cloudflux_viewer, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.request_term(text, text) IS 'What a provider bills a call as: put, get, list, other, restore or free; NULL = the verb is not known';
COMMENT ON FUNCTION cloudflux.price_requests(text, text, text, text, numeric, date) IS 'What so many requests of a term cost on a day, at a class or (NULL) the standard class of the provider; NULL = no price is known';
COMMENT ON FUNCTION cloudflux.estimate_scan(text, text) IS 'What listing a place (below a prefix) takes and costs, as import_inventory() does it: objects that the catalog has there, requests, USD, and USD per month when it is done each night; NULL = no price is known. 02000 unknown place';
COMMENT ON VIEW cloudflux.request_costs IS 'What the requests that cloudflux sent cost, per day (UTC), place and verb: request_metrics at the prices of the class of the place, else of the standard class of its provider. Bytes read and sent out are priced with the moves; here are the requests';
COMMENT ON COLUMN cloudflux.request_costs.day IS 'Day in UTC';
COMMENT ON COLUMN cloudflux.request_costs.place IS 'Place that the requests went to; empty = none';
COMMENT ON COLUMN cloudflux.request_costs.cloud IS 'Provider of the place';
COMMENT ON COLUMN cloudflux.request_costs.verb IS 'The provider''s name of the call';
COMMENT ON COLUMN cloudflux.request_costs.term IS 'What the provider bills it as: put, get, list, other, restore, free; NULL = not known';
COMMENT ON COLUMN cloudflux.request_costs.requests IS 'Requests sent, repetitions included';
COMMENT ON COLUMN cloudflux.request_costs.repeated IS 'How many of them were repetitions';
COMMENT ON COLUMN cloudflux.request_costs.billed_requests IS 'Those that the provider bills: all but what got no answer or an error of the provider''s own (5xx)';
COMMENT ON COLUMN cloudflux.request_costs.sent_bytes IS 'Bytes sent, headers included';
COMMENT ON COLUMN cloudflux.request_costs.received_bytes IS 'Bytes received, headers included';
COMMENT ON COLUMN cloudflux.request_costs.unit_price IS 'USD per 1,000 requests; NULL = no price is known';
COMMENT ON COLUMN cloudflux.request_costs.cost IS 'USD; NULL = no price is known';
COMMENT ON COLUMN cloudflux.request_costs.price_id IS 'Row of the price book';
