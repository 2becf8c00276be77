/*
 * policy/recommend_words: a recommendation explained, as a line per candidate, as a document, and as a paragraph.
 */

-- One candidate: its terms, and why it is not the one.
CREATE FUNCTION cloudflux.candidate_in_words(p_candidate cloudflux.tier_candidate) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT format('%s%s: %s USD (%s), %s', (p_candidate).reason,
	              CASE WHEN (p_candidate).blocked_by IS NOT NULL THEN ' (policy ' || (p_candidate).blocked_by || ')'
	                   WHEN (p_candidate).reason = 'regret' THEN format(' (%s of %s)', round((p_candidate).regret, 6), round((p_candidate).regret_needed, 6)) ELSE '' END,
	              trim_scale(round((p_candidate).total_cost, 6)),
	              (SELECT string_agg(t.term || ' ' || trim_scale(round(t.usd, 6)), ', ' ORDER BY t.no)
	                 FROM (VALUES (1, 'storage', (p_candidate).storage_cost), (2, 'monitoring', (p_candidate).monitoring_cost), (3, 'requests', (p_candidate).request_cost),
	                              (4, 'retrieval', (p_candidate).retrieval_cost), (5, 'move', (p_candidate).move_cost), (6, 'early deletion', (p_candidate).early_deletion_cost)) AS t(no, term, usd)
	                WHERE round(t.usd, 6) <> 0 OR t.no = 1),
	              CASE WHEN (p_candidate).reason = 'here' THEN 'where it lies'
	                   ELSE trim_scale(round(abs((p_candidate).against_staying), 6)) || CASE WHEN (p_candidate).against_staying < 0 THEN ' cheaper than staying' ELSE ' dearer than staying' END END);
END;

CREATE FUNCTION cloudflux.explain_object_json(file_id text, horizon interval DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_gone boolean := (SELECT o.vanished_at IS NOT NULL FROM cloudflux.data_objects AS o WHERE o.file_id = $1);
BEGIN
	RETURN jsonb_build_object('file_id', $1,
		'explanation', (SELECT jsonb_object_agg(s.section, s.items) FROM (SELECT e.section, jsonb_object_agg(e.item, e.value) AS items
		                  FROM cloudflux.explain_object($1) AS e WHERE e.section NOT IN ('optimum', 'candidates') GROUP BY e.section) AS s),
		'recommendation', CASE WHEN NOT v_gone THEN (SELECT to_jsonb(t) FROM cloudflux.recommend_tier($1, $2) AS t) END,
		'others', CASE WHEN NOT v_gone THEN (SELECT to_jsonb(l) FROM cloudflux.objects_alike($1) AS l) END,
		'candidates', CASE WHEN NOT v_gone THEN (SELECT COALESCE(jsonb_agg(to_jsonb(c)), '[]') FROM cloudflux.tier_candidates($1, $2) AS c) END);
END
$$;

CREATE FUNCTION cloudflux.explain_object_text(file_id text, horizon interval DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
	v_days   int := cloudflux.horizon_days(horizon);
	v_object cloudflux.data_objects;
	v_facts  record;
	v_tier   record;
	v_class  text;
	v_other  record;
	v_alike  record;
BEGIN
	SELECT o.* INTO v_object FROM cloudflux.data_objects AS o WHERE o.file_id = $1;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'object "%" does not exist', COALESCE($1, 'NULL') USING ERRCODE = '02000', HINT = 'View data_objects for the file_ids of the catalog.';
	ELSIF v_object.vanished_at IS NOT NULL THEN
		RETURN format('%s has vanished: the last inventory of its place did not find it.', COALESCE(v_object.file_name, $1));
	END IF;
	SELECT f.* INTO v_facts FROM cloudflux.object_facts(cloudflux.utc_day(now()), ARRAY[$1]) AS f;
	SELECT t.* INTO v_tier FROM cloudflux.recommend_tier($1, $2) AS t;
	SELECT l.* INTO v_alike FROM cloudflux.objects_alike($1) AS l;
	v_class := (SELECT c.reason FROM cloudflux.object_classes AS c WHERE c.file_id = $1);
	SELECT c.storage_class, c.total_cost, c.reason, c.blocked_by INTO v_other
	  FROM cloudflux.tier_candidates($1, $2) AS c
	 WHERE c.total_cost < v_tier.total_cost AND c.storage_class <> v_tier.to_class ORDER BY c.total_cost LIMIT 1;
	RETURN concat_ws(' ',
		format('%s (%s) lies %s.', COALESCE(v_object.file_name, $1), COALESCE(pg_size_pretty(v_object.size_bytes), 'of unknown size'),
			COALESCE('at ' || v_object.place || COALESCE(' in ' || v_tier.storage_class, ''), 'nowhere that is known')),
		format('It was read %s times in 90 days%s; reads would have been noticed on %s of the last 90 days.', v_facts.reads_90d,
			CASE WHEN v_facts.days_since_access IS NULL THEN '' WHEN v_facts.days_since_access <= 0 THEN ', last today' ELSE format(', last %s days ago', v_facts.days_since_access) END,
			v_facts.evidence_days),
		CASE WHEN v_alike.object_days > 0 THEN format('Objects of its place that were idle so long and had been read so often were read on %s of %s days.', v_alike.read_days, v_alike.object_days) END,
		'The rules say ' || v_class || '.',
		'Staying is expected to cost ' || round(v_tier.stay_cost, 6) || ' USD in ' || v_days || ' days.',
		CASE v_tier.verdict WHEN 'move' THEN 'It should move: ' WHEN 'stay' THEN 'It should stay: ' WHEN 'wait' THEN 'It stays for now: ' WHEN 'blocked' THEN 'It stays: '
		     ELSE 'Nothing is recommended: ' END || v_tier.reason || '.',
		CASE WHEN v_tier.verdict = 'move' AND v_other.storage_class IS NOT NULL THEN format('The cheapest class of all would be %s with %s USD; it is %s%s.', v_other.storage_class, round(v_other.total_cost, 6),
			CASE v_other.reason WHEN 'bucket setting' THEN 'a setting of the whole place' WHEN 'another is cheaper' THEN 'not proved by the past yet' WHEN 'regret' THEN 'not proved by the past yet'
				ELSE v_other.reason END, COALESCE(' (policy ' || v_other.blocked_by || ')', '')) END);
END
$$;

REVOKE ALL ON FUNCTION cloudflux.candidate_in_words(cloudflux.tier_candidate), cloudflux.explain_object_json(text, interval), cloudflux.explain_object_text(text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.candidate_in_words(cloudflux.tier_candidate), cloudflux.explain_object_json(text, interval), cloudflux.explain_object_text(text, interval)
	TO cloudflux_viewer;

COMMENT ON FUNCTION cloudflux.candidate_in_words(cloudflux.tier_candidate) IS 'A candidate of tier_candidates() in words: why it is not recommended, what it would cost by term, and by how much that differs from staying';
COMMENT ON FUNCTION cloudflux.explain_object_json(text, interval) IS 'explain_object() as a document: explanation (by section and item), recommendation (recommend_tier()), others (objects_alike()) and candidates (tier_candidates()). 02000 no such object';
COMMENT ON FUNCTION cloudflux.explain_object_text(text, interval) IS 'A paragraph about one object: where it lies, how it is read, what the rules say, what staying costs, where it should lie and why, and what keeps it from the cheapest class. 02000 no such object';
