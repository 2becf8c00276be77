/*
 * policy/recommend: the cheapest right tier. What policies let an object go to, and the recommendation for one object.
 *
 * A policy of type latency_sla says how late the first byte of its objects may come (the strictest counts; without one the setting
 * cloudflux.recommend_max_latency_ms), residency says in which classes they may lie, retention with hold that they stay where they are.
 */

-- A condition that is a word or a list of words, as a list.
CREATE FUNCTION cloudflux.condition_words(p_words jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(p_words) WHEN 'array' THEN ARRAY(SELECT w.word FROM jsonb_array_elements_text(p_words) AS w(word)) WHEN 'string' THEN ARRAY[p_words #>> '{}'] END;

CREATE VIEW cloudflux.recommend_limits WITH (security_invoker = true) AS
SELECT p.id, p.policy_name, p.policy_type, p.conditions,
       CASE WHEN p.policy_type = 'latency_sla' THEN (p.conditions ->> 'max_latency_ms')::double precision END AS max_latency_ms,
       p.policy_type = 'retention' AND COALESCE((p.actions ->> 'hold')::boolean, false) AS hold,
       CASE WHEN p.policy_type = 'residency' THEN cloudflux.condition_words(p.conditions -> 'allowed_classes') END AS allowed_classes,
       CASE WHEN p.policy_type = 'residency' THEN cloudflux.condition_words(p.conditions -> 'allowed_places') END AS allowed_places,
       CASE WHEN p.policy_type = 'residency' THEN cloudflux.condition_words(p.conditions -> 'allowed_clouds') END AS allowed_clouds,
       CASE WHEN p.policy_type = 'residency' THEN cloudflux.condition_words(p.conditions -> 'allowed_regions') END AS allowed_regions
  FROM cloudflux.user_policies AS p
 WHERE p.enabled AND (p.policy_type IN ('latency_sla', 'residency') OR p.policy_type = 'retention' AND COALESCE((p.actions ->> 'hold')::boolean, false));

-- The limits that are about an object; NULL = none.
CREATE FUNCTION cloudflux.limits_of(p_object cloudflux.data_objects, p_access_class text) RETURNS bigint[]
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT array_agg(l.id) FROM cloudflux.recommend_limits AS l WHERE cloudflux.conditions_met(l.conditions, p_object, p_access_class);
END;

-- The classes that objects of a place may choose from; none where the place has no prices.
CREATE FUNCTION cloudflux.recommend_menu(p_place text, p_on date DEFAULT CURRENT_DATE)
RETURNS TABLE (class_no int, state_no int, storage_class text, state text, role text, idle_days int, storage_usd_gb_month numeric,
	overhead_bytes bigint, overhead_standard_bytes bigint, get_usd_per_1000 numeric, retrieval_usd_gb numeric, restores boolean,
	restore_usd_per_1000 numeric, first_byte_s int, min_object_bytes bigint, min_days int, early_usd_gb_month numeric,
	monitoring_usd_per_1000 numeric, monitor_min_bytes bigint, put_usd_per_1000 numeric, transition_usd_per_1000 numeric, lifecycle_from int,
	standard_usd_gb_month numeric, copy_pays_get boolean, copy_pays_put boolean, lifecycle_pays_early boolean)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT m.class_no, m.state_no, m.storage_class, m.state, m.role, m.idle_days, m.storage_usd_gb_month, m.overhead_bytes, m.overhead_standard_bytes,
	       m.get_usd_per_1000, m.retrieval_usd_gb, m.restores, m.restore_usd_per_1000, m.first_byte_s, m.min_object_bytes, m.min_days, m.early_usd_gb_month,
	       m.monitoring_usd_per_1000, m.monitor_min_bytes, m.put_usd_per_1000, m.transition_usd_per_1000, m.lifecycle_from, m.standard_usd_gb_month,
	       m.copy_pays_get, m.copy_pays_put, m.lifecycle_pays_early
	  FROM cloudflux.place_price(p_place) AS p
	 CROSS JOIN LATERAL cloudflux.replay_menu(p.price_provider, p.price_region, substring(p.storage_class FROM '_([A-Za-z-]+)$'), 'archive', p_on) AS m
	 -- A region that the book does not know would be an error.
	 WHERE EXISTS (SELECT FROM cloudflux.prices AS b WHERE b.provider = p.price_provider AND b.region = p.price_region
	                  AND b.effective_from <= p_on AND (b.effective_to IS NULL OR b.effective_to > p_on))
	 ORDER BY m.class_no, m.state_no;
END;

-- A horizon in days; NULL = the setting.
CREATE FUNCTION cloudflux.horizon_days(p_horizon interval) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_days double precision;
BEGIN
	IF p_horizon IS NULL THEN
		RETURN (SELECT s.horizon FROM cloudflux.recommend_settings() AS s);
	END IF;
	v_days := ceil(extract(epoch FROM p_horizon) / 86400);
	IF NOT COALESCE(v_days BETWEEN 1 AND 3650, false) THEN
		RAISE EXCEPTION 'horizon % is out of range', p_horizon USING ERRCODE = '22023', HINT = 'It is between 1 and 3650 days, for instance interval ''180 days''.';
	END IF;
	RETURN v_days;
END
$$;

-- What recommend_object() is asked about objects that have not vanished, of all (NULL) or of those.
CREATE FUNCTION cloudflux.recommend_asks(p_today date, p_file_ids text[])
RETURNS TABLE (file_id text, place text, object_key text, own_class text, storage_class text, size_bytes bigint, begun_on date, entered_on date, last_read_on date,
	reads bytea, evidence_days int, thin boolean, max_latency_ms double precision, limits bigint[])
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT f.file_id, f.place, f.object_key, f.own_class, f.storage_class, f.size_bytes, f.begun_on, f.entered_on, f.last_read_on, f.reads, f.evidence_days,
	       f.evidence_days < s.min_evidence OR f.begun_on IS NULL, s.max_latency_ms,
	       CASE WHEN EXISTS (SELECT FROM cloudflux.recommend_limits) THEN
	            (SELECT cloudflux.limits_of(o, c.access_class) FROM cloudflux.data_objects AS o
	               LEFT JOIN cloudflux.object_classes AS c ON c.file_id = o.file_id WHERE o.file_id = f.file_id) END
	  FROM (SELECT * FROM cloudflux.recommend_facts(p_today, p_file_ids) OFFSET 0) AS f
	 CROSS JOIN cloudflux.recommend_settings() AS s;
END;

CREATE TYPE cloudflux.tier_candidate AS (place text, storage_class text, reason text, total_cost numeric, storage_cost numeric, monitoring_cost numeric, request_cost numeric,
	retrieval_cost numeric, move_cost numeric, early_deletion_cost numeric, against_staying numeric, regret numeric, regret_needed numeric,
	first_byte_s double precision, high_cost numeric, blocked_by text);

/*
 * The classes of other places that policies list (allowed_places) for an object, with what they would cost it: the holding as a newcomer there, and the move
 * as estimate_migration() prices it, egress and early deletion included. There is no task system over places: a move is judged right when
 * what the present place has cost too much since reads are known, at the expected rate, would have paid for it.
 */
CREATE FUNCTION cloudflux.recommend_elsewhere(p_file_id text, p_today date, p_horizon int, p_place text, p_size_bytes bigint, p_begun_on date, p_last_read_on date,
	p_reads bytea, p_thin boolean, p_max_latency_ms double precision, p_limits bigint[], p_stay_cost double precision)
RETURNS SETOF cloudflux.tier_candidate
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT t.place, t.storage_class,
	       CASE WHEN t.total_cost IS NULL THEN 'no price' WHEN t.total_cost >= p_stay_cost THEN 'dearer' WHEN p_thin THEN 'thin evidence'
	            WHEN (p_stay_cost - t.holding) / p_horizon * GREATEST(p_today - p_begun_on, 0) < t.move_cost THEN 'regret' ELSE 'recommended' END,
	       round(t.total_cost::numeric, 9), round(t.storage_cost::numeric, 9), round(t.monitoring_cost::numeric, 9), round(t.request_cost::numeric, 9),
	       round(t.retrieval_cost::numeric, 9), round((t.move_cost - t.early_cost)::numeric, 9), round(t.early_cost::numeric, 9),
	       round((t.total_cost - p_stay_cost)::numeric, 9), round(((p_stay_cost - t.holding) / p_horizon * GREATEST(p_today - p_begun_on, 0))::numeric, 9),
	       round(t.move_cost::numeric, 9), t.first_byte_s, NULL::numeric, NULL::text
	  FROM (SELECT d.place, c.storage_class, c.storage_cost, c.monitoring_cost, c.request_cost, c.retrieval_cost, c.first_byte_s,
	               c.total_cost - c.move_cost AS holding, e.move_cost::double precision AS move_cost, e.early_deletion_cost::double precision AS early_cost,
	               c.total_cost - c.move_cost + e.move_cost::double precision AS total_cost
	          FROM (SELECT q.place, q.provider FROM cloudflux.places AS q
	                 WHERE p_limits IS NOT NULL AND q.place <> p_place
	                   AND EXISTS (SELECT FROM cloudflux.recommend_limits AS l WHERE l.id = ANY (p_limits) AND q.place = ANY (l.allowed_places))
	                   AND NOT EXISTS (SELECT FROM cloudflux.recommend_limits AS l WHERE l.id = ANY (p_limits) AND
	                       (l.hold OR NOT q.place = ANY (l.allowed_places) OR NOT q.provider = ANY (l.allowed_clouds) OR NOT q.region = ANY (l.allowed_regions)))) AS d
	         CROSS JOIN LATERAL cloudflux.place_price(d.place) AS p
	         CROSS JOIN LATERAL cloudflux.recommend_candidates(p_today, p_horizon, d.place,
	               CASE WHEN d.provider = 'LOCAL' THEN p.storage_class WHEN p.price_provider = 'Azure' THEN 'Hot' ELSE 'STANDARD' END,
	               p_size_bytes, p_begun_on, p_today, p_last_read_on, p_reads, false, p_max_latency_ms, p_limits) AS c
	         CROSS JOIN LATERAL cloudflux.estimate_migration(p_file_id, d.place, CASE WHEN d.provider <> 'LOCAL' THEN c.storage_class END, true, p_today) AS e
	         WHERE c.reason NOT IN ('held', 'not allowed', 'too slow', 'bucket setting') AND c.first_byte_s * 1000 <= GREATEST(p_max_latency_ms,
	               (SELECT min(l.max_latency_ms) FROM cloudflux.recommend_limits AS l WHERE l.id = ANY (p_limits)))) AS t;
END;

-- The candidates of one object, checked.
CREATE FUNCTION cloudflux.tier_candidates(file_id text, horizon interval DEFAULT NULL) RETURNS SETOF cloudflux.tier_candidate
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_days int := cloudflux.horizon_days(horizon);
BEGIN
	IF NOT EXISTS (SELECT FROM cloudflux.data_objects AS o WHERE o.file_id = $1 AND o.vanished_at IS NULL) THEN
		RAISE EXCEPTION 'object "%" does not exist', COALESCE($1, 'NULL') USING ERRCODE = '02000', HINT = 'View data_objects for the file_ids of the catalog.';
	END IF;
	RETURN QUERY
	WITH asked AS MATERIALIZED (SELECT a.* FROM cloudflux.recommend_asks(cloudflux.utc_day(now()), ARRAY[$1]) AS a),
	here AS MATERIALIZED (
		SELECT a.place, c.* FROM asked AS a
		 CROSS JOIN LATERAL cloudflux.recommend_candidates(cloudflux.utc_day(now()), v_days, a.place, a.storage_class, a.size_bytes, a.begun_on, a.entered_on,
		       a.last_read_on, a.reads, a.thin, a.max_latency_ms, a.limits) AS c),
	stay AS (SELECT h.total_cost FROM here AS h WHERE h.reason = 'here'),
	candidates (place, storage_class, reason, total_cost, storage_cost, monitoring_cost, request_cost, retrieval_cost, move_cost, early_cost, against, regret, needed,
		first_byte_s, high_cost, blocked_by) AS (
		SELECT h.place, h.storage_class, h.reason, round(h.total_cost::numeric, 9) AS total_cost, round(h.storage_cost::numeric, 9), round(h.monitoring_cost::numeric, 9),
		       round(h.request_cost::numeric, 9), round(h.retrieval_cost::numeric, 9), round(h.move_cost::numeric, 9), round(h.early_deletion_cost::numeric, 9),
		       round((h.total_cost - (SELECT s.total_cost FROM stay AS s))::numeric, 9), round(h.regret::numeric, 9), round(h.regret_needed::numeric, 9), h.first_byte_s,
		       round(h.high_cost::numeric, 9), h.blocked_by
		  FROM here AS h
		UNION ALL
		SELECT e.* FROM asked AS a
		 CROSS JOIN LATERAL cloudflux.recommend_elsewhere(a.file_id, cloudflux.utc_day(now()), v_days, a.place, a.size_bytes, a.begun_on, a.last_read_on, a.reads, a.thin,
		       a.max_latency_ms, a.limits, (SELECT s.total_cost FROM stay AS s)) AS e),
	best AS (SELECT min(c.total_cost) AS total_cost FROM candidates AS c WHERE c.reason = 'recommended')
	SELECT c.place, c.storage_class, CASE WHEN c.reason = 'recommended' AND c.total_cost > b.total_cost THEN 'another is cheaper' ELSE c.reason END, c.total_cost,
	       c.storage_cost, c.monitoring_cost, c.request_cost, c.retrieval_cost, c.move_cost, c.early_cost, c.against, c.regret, c.needed, c.first_byte_s, c.high_cost, c.blocked_by
	  FROM candidates AS c CROSS JOIN best AS b
	 ORDER BY c.total_cost, c.place, c.storage_class;
END
$$;

-- What happened to the objects of its place that were as idle as this one is, and had been read as often.
CREATE FUNCTION cloudflux.objects_alike(file_id text, OUT object_days bigint, OUT read_days bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT c.others_days, c.others_read_days INTO object_days, read_days
	  FROM cloudflux.recommend_asks(cloudflux.utc_day(now()), ARRAY[$1]) AS a
	 CROSS JOIN LATERAL cloudflux.recommend_candidates(cloudflux.utc_day(now()), 180, a.place, a.storage_class, a.size_bytes, a.begun_on, a.entered_on,
	       a.last_read_on, a.reads, a.thin, a.max_latency_ms, a.limits) AS c
	 LIMIT 1;
	object_days := COALESCE(object_days, 0);
	read_days := COALESCE(read_days, 0);
END
$$;

-- Why, in words.
CREATE FUNCTION cloudflux.recommend_reason(p_verdict text, p_class text, p_to_place text, p_to_class text, p_horizon int, p_saving double precision, p_move_cost double precision,
	p_payback_days double precision, p_cheaper_class text, p_cheaper double precision, p_cheaper_reason text, p_blocked_by text, p_evidence_days int, p_min_evidence int)
RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE p_verdict
	WHEN 'move' THEN format('%s%s saves %s USD in %s days, its move included (%s USD, paid back after %s days)', p_to_class, COALESCE(' at ' || p_to_place, ''),
		round(p_saving::numeric, 6), p_horizon, round(p_move_cost::numeric, 6), COALESCE(ceil(p_payback_days)::text, 'more than ten times as many'))
	WHEN 'stay' THEN format('%s is the cheapest%s', p_class, CASE WHEN p_cheaper_class IS NOT NULL THEN format(' of those that may be chosen (%s would be %s USD cheaper in %s days: %s)',
		p_cheaper_class, round(p_cheaper::numeric, 6), p_horizon, p_cheaper_reason) END)
	WHEN 'wait' THEN format('%s is expected to be %s USD cheaper in %s days, but what %s has cost too much so far does not pay for the way back yet', p_cheaper_class,
		round(p_cheaper::numeric, 6), p_horizon, p_class)
	WHEN 'blocked' THEN format('%s would be %s USD cheaper in %s days, but is %s%s', p_cheaper_class, round(p_cheaper::numeric, 6), p_horizon,
		CASE p_cheaper_reason WHEN 'held' THEN 'not to be moved' WHEN 'bucket setting' THEN 'a setting of the whole place' ELSE p_cheaper_reason END,
		COALESCE(' (policy ' || p_blocked_by || ')', ''))
	WHEN 'thin evidence' THEN format('reads would have been noticed on %s of the last 90 days, %s are needed: import the access logs of its place (import_access_log), or record reads (record_access)',
		p_evidence_days, p_min_evidence)
	WHEN 'no place' THEN 'it is catalogued only: no place holds it'
	WHEN 'no size' THEN 'its size is not known: import an inventory of its place (import_inventory)'
	WHEN 'no price' THEN 'its place has no prices: set its options price_provider and price_region, or load them (load_prices)'
	WHEN 'no class' THEN format('its storage class %s is not one that can be compared', COALESCE(p_class, 'is not known; it')) END;

CREATE FUNCTION cloudflux.recommend_tier(file_id text, horizon interval DEFAULT NULL)
RETURNS TABLE (place text, storage_class text, verdict text, to_place text, to_class text, reason text, stay_cost numeric, total_cost numeric, move_cost numeric,
	saving numeric, payback_days numeric, evidence_days int, recheck_on date, blocked_by text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_days  int := cloudflux.horizon_days(horizon);
	v_today date := cloudflux.utc_day(now());
BEGIN
	IF NOT EXISTS (SELECT FROM cloudflux.data_objects AS o WHERE o.file_id = $1 AND o.vanished_at IS NULL) THEN
		RAISE EXCEPTION 'object "%" does not exist', COALESCE($1, 'NULL') USING ERRCODE = '02000', HINT = 'View data_objects for the file_ids of the catalog.';
	END IF;
	RETURN QUERY
	SELECT j.place, j.storage_class, j.verdict, j.to_place, j.to_class,
	       cloudflux.recommend_reason(j.verdict, j.storage_class, NULLIF(j.to_place, j.place), j.to_class, v_days, j.saving, j.move_cost, j.payback_days, j.cheaper_class,
	           j.total_cost - j.cheaper_cost, j.cheaper_reason, j.blocked_by, j.evidence_days, (SELECT s.min_evidence FROM cloudflux.recommend_settings() AS s)),
	       round(j.stay_cost::numeric, 9), round(j.total_cost::numeric, 9), round(j.move_cost::numeric, 9), round(j.saving::numeric, 9), round(j.payback_days::numeric, 1),
	       j.evidence_days, j.recheck_on, j.blocked_by
	  FROM cloudflux.judge_objects(v_today, v_days, ARRAY[$1]) AS j;
END
$$;

REVOKE ALL ON FUNCTION cloudflux.condition_words(jsonb), cloudflux.limits_of(cloudflux.data_objects, text), cloudflux.horizon_days(interval), cloudflux.recommend_menu(text, date),
	cloudflux.recommend_asks(date, text[]), cloudflux.tier_candidates(text, interval), cloudflux.objects_alike(text),
	cloudflux.recommend_elsewhere(text, date, int, text, bigint, date, date, bytea, boolean, double precision, bigint[], double precision),
	cloudflux.recommend_reason(text, text, text, text, int, double precision, double precision, double precision, text, double precision, text, text, int, int),
	cloudflux.recommend_tier(text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.condition_words(jsonb), cloudflux.limits_of(cloudflux.data_objects, text), cloudflux.horizon_days(interval), cloudflux.recommend_menu(text, date),
	cloudflux.recommend_asks(date, text[]), cloudflux.tier_candidates(text, interval), cloudflux.objects_alike(text),
	cloudflux.recommend_elsewhere(text, date, int, text, bigint, date, date, bytea, boolean, double precision, bigint[], double precision),
	cloudflux.recommend_reason(text, text, text, text, int, double precision, double precision, double precision, text, double precision, text, text, int, int),
	cloudflux.recommend_tier(text, interval) TO cloudflux_viewer, cloudflux_worker;
GRANT SELECT ON cloudflux.recommend_limits TO cloudflux_viewer, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.condition_words(jsonb) IS 'A condition of a policy that is a word or a list of words, as a list; NULL where there is none';
COMMENT ON VIEW cloudflux.recommend_limits IS 'What policies in force say of where objects may lie: how late the first byte may come, holds, and the classes, places, clouds and regions that are allowed';
COMMENT ON COLUMN cloudflux.recommend_limits.id IS 'Number of the policy';
COMMENT ON COLUMN cloudflux.recommend_limits.policy_name IS 'Its name';
COMMENT ON COLUMN cloudflux.recommend_limits.policy_type IS 'latency_sla, residency or retention';
COMMENT ON COLUMN cloudflux.recommend_limits.conditions IS 'Which objects it is about';
COMMENT ON COLUMN cloudflux.recommend_limits.max_latency_ms IS 'Milliseconds within which the first byte must come; NULL = says nothing of it';
COMMENT ON COLUMN cloudflux.recommend_limits.hold IS 'The objects stay where they are';
COMMENT ON COLUMN cloudflux.recommend_limits.allowed_classes IS 'Storage classes in which they may lie; NULL = all';
COMMENT ON COLUMN cloudflux.recommend_limits.allowed_places IS 'Places where they may lie; NULL = all';
COMMENT ON COLUMN cloudflux.recommend_limits.allowed_clouds IS 'Clouds where they may lie; NULL = all';
COMMENT ON COLUMN cloudflux.recommend_limits.allowed_regions IS 'Regions where they may lie; NULL = all';
COMMENT ON FUNCTION cloudflux.limits_of(cloudflux.data_objects, text) IS 'Numbers of the policies of recommend_limits whose conditions an object meets; p_access_class is what classify() thinks of it. NULL = none';
COMMENT ON FUNCTION cloudflux.recommend_menu(text, date) IS 'The classes that objects of a place may choose from, those that must be restored first (within 12 hours) included, as replay_menu() gives them. None where the place has no prices.';
COMMENT ON FUNCTION cloudflux.horizon_days(interval) IS 'A horizon in whole days, rounded up; NULL = the setting cloudflux.recommend_horizon. 22023 unless it is 1 to 3650 days';
COMMENT ON FUNCTION cloudflux.recommend_asks(date, text[]) IS 'What recommend_object() is asked about objects that have not vanished: recommend_facts() with the limits that policies and settings set';
COMMENT ON FUNCTION cloudflux.recommend_elsewhere(text, date, int, text, bigint, date, date, bytea, boolean, double precision, bigint[], double precision) IS 'The classes of other places that policies list for an object (allowed_places), with what they would cost it over the horizon: holding it there, and its move as estimate_migration() prices it. regret is what the present place has cost too much since reads are known, at the expected rate; regret_needed what the move costs';
COMMENT ON TYPE cloudflux.tier_candidate IS 'A class in which an object could lie: a row of tier_candidates()';
COMMENT ON FUNCTION cloudflux.tier_candidates(text, interval) IS 'The classes in which an object could lie, at its place and at those that policies list (allowed_places), with what each would cost over the horizon (USD, expected, every term apart), by how much that is more than staying, and why it is not recommended; the cost stays below high_cost with a probability of 90 %. regret is by how much the cheapest plan that knew all reads so far and ends there is cheaper than the one that ends where the object is; a move is judged right when that pays for the way back (regret_needed, or half of it where the object''s own rates speak for it, an eighth where what happened to the other objects of its place does). Errors: 02000 no such object, 22023 absurd horizon';
COMMENT ON FUNCTION cloudflux.objects_alike(text) IS 'What happened to the objects of its place that had been idle as long as this one is now and read as often, its own past included (read_hazards): object_days in which a read could have come, and read_days on which one came. 0 where nothing is known, or there is nothing to choose from';
COMMENT ON FUNCTION cloudflux.recommend_reason(text, text, text, text, int, double precision, double precision, double precision, text, double precision, text, text, int, int) IS 'A verdict of recommend_object() in words';
COMMENT ON FUNCTION cloudflux.recommend_tier(text, interval) IS 'Where an object should lie: the class (and place, of those that a policy of type residency lists in allowed_places; else it stays at its own) with the lowest expected cost over the horizon (NULL = cloudflux.recommend_horizon), the move and all fees included, that meets the limits of its policies, if both its past and what is expected speak for it. verdict: move, stay, wait, blocked, thin evidence, no place, no size, no price, no class; reason says it in words. Costs in USD over the horizon. Errors: 02000 no such object, 22023 absurd horizon';
