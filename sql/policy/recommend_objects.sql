/*
 * policy/recommend_objects: the recommendations for all objects, kept up with what changes, and the way from them to a plan.
 *
 * A recommendation depends on the object's row, its accesses, the evidence of its place (and what is known of the others there), prices, limits of policies, settings, and the UTC day. As in
 * classify_objects() only objects are looked at of which one of these has changed; another price book, policy or setting (one
 * digest) brings all of them, as does another day where a policy asks for ages or reads.
 */

-- What all recommendations depend on, as one word.
CREATE FUNCTION cloudflux.recommend_digest(p_today date) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT md5(concat_ws('|',
		(SELECT s::text FROM cloudflux.recommend_settings() AS s),
		(SELECT string_agg(l::text, ',' ORDER BY l.id) FROM cloudflux.recommend_limits AS l),
		(SELECT string_agg(concat_ws(' ', p.place, p.price_provider, p.price_region, p.storage_class), ',' ORDER BY p.place) FROM cloudflux.place_prices AS p),
		(SELECT string_agg(m::text, ',' ORDER BY g.place, m.class_no, m.state_no)
		   FROM (SELECT min(p.place) AS place FROM cloudflux.place_prices AS p WHERE p.price_region IS NOT NULL
		          GROUP BY p.price_provider, p.price_region, substring(p.storage_class FROM '_([A-Za-z-]+)$')) AS g
		  CROSS JOIN LATERAL cloudflux.recommend_menu(g.place, p_today) AS m),
		(SELECT p_today::text WHERE EXISTS (SELECT FROM cloudflux.recommend_limits AS l
			WHERE l.conditions ?| ARRAY['min_age_days', 'max_age_days', 'min_days_since_access', 'max_days_since_access', 'min_reads_30d', 'max_reads_30d',
			                            'min_reads_90d', 'max_reads_90d', 'access_class']))));
END;

-- Per place whether its logs cover enough days, since when, and about how much is known of its objects.
CREATE FUNCTION cloudflux.recommend_evidence(p_today date) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT COALESCE(jsonb_object_agg(p.place, concat_ws(' ', c.days >= s.min_evidence, c.first_day, h.known)), '{}')
	  FROM (SELECT x.place FROM cloudflux.access_coverage AS x UNION SELECT y.place FROM cloudflux.read_hazards AS y) AS p
	  LEFT JOIN (SELECT x.place, min(x.day) AS first_day, count(*) FILTER (WHERE x.day > p_today - 90 AND x.day <= p_today) AS days
	               FROM cloudflux.access_coverage AS x GROUP BY x.place) AS c ON c.place = p.place
	  -- By a tenth more, and its objects are looked at again.
	  LEFT JOIN (SELECT y.place, floor(8 * log(2, sum(y.object_days)::numeric)) AS known FROM cloudflux.read_hazards AS y GROUP BY y.place) AS h ON h.place = p.place
	 CROSS JOIN cloudflux.recommend_settings() AS s;
END;

-- The recommendations of objects (NULL = all) as of today.
CREATE FUNCTION cloudflux.judge_objects(p_today date, p_horizon int, p_file_ids text[])
RETURNS SETOF cloudflux.object_recommendations
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT j.file_id, CASE WHEN e.place IS NOT NULL THEN 'move' ELSE (j.r).verdict END, j.place, j.own_class, j.storage_class,
	       COALESCE(e.place, CASE WHEN (j.r).to_class IS NOT NULL THEN j.place END), COALESCE(e.storage_class, (j.r).to_class),
	       p_today, CASE WHEN e.place IS NOT NULL THEN p_today + 7 ELSE (j.r).recheck_on END, p_horizon, j.evidence_days, (j.r).stay_cost,
	       COALESCE(e.total_cost::double precision, (j.r).total_cost), COALESCE((e.move_cost + e.early_deletion_cost)::double precision, (j.r).move_cost),
	       COALESCE(- e.against_staying::double precision, (j.r).saving),
	       CASE WHEN e.place IS NULL THEN (j.r).payback_days
	            ELSE (p_horizon * (e.move_cost + e.early_deletion_cost) / NULLIF(e.move_cost + e.early_deletion_cost - e.against_staying, 0))::double precision END,
	       CASE WHEN e.place IS NULL THEN (j.r).cheaper_class END, CASE WHEN e.place IS NULL THEN (j.r).cheaper_cost END,
	       CASE WHEN e.place IS NULL THEN (j.r).cheaper_reason END, CASE WHEN e.place IS NULL THEN (j.r).blocked_by END
	  FROM (SELECT a.*, cloudflux.recommend_object(p_today, p_horizon, a.place, a.storage_class, a.size_bytes, a.begun_on, a.entered_on, a.last_read_on, a.reads, a.thin,
	                   a.max_latency_ms, a.limits) AS r
	          FROM cloudflux.recommend_asks(p_today, p_file_ids) AS a OFFSET 0) AS j           -- OFFSET 0: once per object
	  LEFT JOIN LATERAL (SELECT x.* FROM cloudflux.recommend_elsewhere(j.file_id, p_today, p_horizon, j.place, j.size_bytes, j.begun_on, j.last_read_on, j.reads, j.thin,
	                            j.max_latency_ms, j.limits, (j.r).stay_cost) AS x
	                      WHERE j.limits IS NOT NULL AND x.reason = 'recommended' AND x.total_cost < (j.r).total_cost
	                      ORDER BY x.total_cost, x.place, x.storage_class LIMIT 1) AS e ON true;
END;

-- Judges all objects when there are no recommendations yet; the caller holds the lock of recommend_objects().
CREATE FUNCTION cloudflux.store_first_recommendations(p_today date, p_horizon int, OUT changed bigint, OUT saving double precision)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET random_page_cost = 1.1 SET work_mem = '64MB'
	SET enable_hashjoin = off SET enable_hashagg = off
AS $$
BEGIN
	INSERT INTO cloudflux.object_recommendations SELECT j.* FROM cloudflux.judge_objects(p_today, p_horizon, NULL) AS j;
	SELECT count(*), sum(r.saving) INTO changed, saving FROM cloudflux.object_recommendations AS r WHERE r.verdict = 'move';
END
$$;

-- Judges objects (NULL = all) and writes what differs.
CREATE FUNCTION cloudflux.store_recommendations(p_today date, p_horizon int, p_file_ids text[], OUT changed bigint, OUT saving double precision)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET random_page_cost = 1.1 SET work_mem = '64MB'
AS $$
BEGIN
	WITH judged AS MATERIALIZED (
		SELECT j AS new, j.file_id, j.verdict, j.to_place, j.to_class, j.saving, c.file_id IS NULL AS fresh, c.verdict AS old_verdict, c.to_place AS old_place, c.to_class AS old_class
		  FROM (SELECT * FROM cloudflux.judge_objects(p_today, p_horizon, p_file_ids) OFFSET 0) AS j
		  LEFT JOIN cloudflux.object_recommendations AS c ON c.file_id = j.file_id),
	written AS (
		INSERT INTO cloudflux.object_recommendations AS c SELECT (j.new).* FROM judged AS j
		ON CONFLICT (file_id) DO UPDATE
		   SET verdict = excluded.verdict, place = excluded.place, own_class = excluded.own_class, storage_class = excluded.storage_class, to_place = excluded.to_place,
		       to_class = excluded.to_class, decided_on = excluded.decided_on, recheck_on = excluded.recheck_on, horizon_days = excluded.horizon_days,
		       evidence_days = excluded.evidence_days, stay_cost = excluded.stay_cost, total_cost = excluded.total_cost, move_cost = excluded.move_cost,
		       saving = excluded.saving, payback_days = excluded.payback_days, cheaper_class = excluded.cheaper_class, cheaper_cost = excluded.cheaper_cost,
		       cheaper_reason = excluded.cheaper_reason, blocked_by = excluded.blocked_by
		 WHERE c IS DISTINCT FROM excluded)
	SELECT count(*), sum(j.saving) FILTER (WHERE j.verdict = 'move') INTO changed, saving
	  FROM judged AS j
	 WHERE (j.verdict = 'move' OR j.old_verdict = 'move') AND (j.verdict, j.to_place, j.to_class) IS DISTINCT FROM (j.old_verdict, j.old_place, j.old_class);
END
$$;

CREATE FUNCTION cloudflux.recommend_objects(p_all boolean DEFAULT false)
RETURNS TABLE (scope text, checked bigint, changed bigint, removed bigint, saving numeric)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET random_page_cost = 1.1 SET work_mem = '64MB'
AS $$
#variable_conflict use_column
DECLARE
	today    date := cloudflux.utc_day(now());
	days     int;
	digest   text;
	evidence jsonb;
	state    cloudflux.recommend_state;
	places   text[];
	dirty    text[];
	new_saving double precision;
BEGIN
	-- One run at a time. Who waited here sees in the next statement what the run before it left.
	PERFORM pg_advisory_xact_lock(hashtextextended('cloudflux.recommend_objects', 0));
	days := (SELECT s.horizon FROM cloudflux.recommend_settings() AS s);
	digest := cloudflux.recommend_digest(today);
	SELECT s.* INTO state FROM cloudflux.recommend_state AS s;
	IF p_all OR state IS NULL OR state.recommended_on <> today THEN
		PERFORM cloudflux.learn_read_hazards(today);
	END IF;
	evidence := cloudflux.recommend_evidence(today);
	scope := 'changed';
	removed := 0;
	IF p_all OR state IS NULL OR state.digest <> digest OR today < state.recommended_on THEN
		scope := 'all';
		-- Before the snapshot that reads the objects.
		DELETE FROM cloudflux.recommend_queue;
	ELSE
		places := ARRAY(SELECT k.place FROM jsonb_object_keys(state.evidence || evidence) AS k(place) WHERE state.evidence ->> k.place IS DISTINCT FROM evidence ->> k.place);
		-- classify_queue is only read: it is classify_objects() that empties it, and hands it on.
		WITH queued AS (DELETE FROM cloudflux.recommend_queue AS q RETURNING q.file_id)
		SELECT array_agg(d.file_id ORDER BY d.file_id) INTO dirty
		  FROM (SELECT q.file_id FROM queued AS q
		        UNION
		        SELECT c.file_id FROM cloudflux.classify_queue AS c
		        UNION
		        SELECT a.file_id FROM cloudflux.access_deltas AS a
		        UNION
		        SELECT r.file_id FROM cloudflux.object_recommendations AS r WHERE r.recheck_on <= today AND today IS DISTINCT FROM state.recommended_on
		        UNION
		        SELECT o.file_id FROM cloudflux.data_objects AS o WHERE cardinality(places) > 0 AND o.place = ANY (places)) AS d;
		dirty := COALESCE(dirty, '{}');
		checked := cardinality(dirty);
		-- Beyond a quarter of the catalogue one pass over everything is cheaper than to look them up.
		IF checked > GREATEST(10000, (SELECT k.reltuples / 4 FROM pg_class AS k WHERE k.oid = 'cloudflux.data_objects'::regclass)) THEN
			scope := 'all';
		END IF;
	END IF;
	IF scope = 'all' AND NOT EXISTS (SELECT FROM cloudflux.object_recommendations) THEN
		SELECT f.changed, f.saving INTO changed, new_saving FROM cloudflux.store_first_recommendations(today, days) AS f;
	ELSE
		IF scope = 'all' THEN
			DELETE FROM cloudflux.object_recommendations AS r
			 WHERE NOT EXISTS (SELECT FROM cloudflux.data_objects AS o WHERE o.file_id = r.file_id AND o.vanished_at IS NULL);
		ELSE
			DELETE FROM cloudflux.object_recommendations AS r
			 WHERE r.file_id = ANY (dirty) AND NOT EXISTS (SELECT FROM cloudflux.data_objects AS o WHERE o.file_id = r.file_id AND o.vanished_at IS NULL);
		END IF;
		GET DIAGNOSTICS removed = ROW_COUNT;
		SELECT f.changed, f.saving INTO changed, new_saving FROM cloudflux.store_recommendations(today, days, CASE WHEN scope = 'changed' THEN dirty END) AS f;
	END IF;
	IF scope = 'all' THEN
		SELECT count(*) INTO checked FROM cloudflux.object_recommendations;
	END IF;
	INSERT INTO cloudflux.recommend_state AS s (digest, recommended_on, recommended_at, evidence)
	VALUES (digest, today, now(), evidence)
	ON CONFLICT (only_row) DO UPDATE
	   SET digest = excluded.digest, recommended_on = excluded.recommended_on, recommended_at = excluded.recommended_at, evidence = excluded.evidence;
	saving := round(COALESCE(new_saving, 0)::numeric, 6);
	IF changed > 0 THEN
		PERFORM cloudflux.emit_events('classification', 'objects.recommended', ARRAY['recommend_objects'], ARRAY[jsonb_build_object(
			'scope', scope, 'checked', checked, 'changed', changed, 'removed', removed, 'saving_usd', saving, 'horizon_days', days)]);
	END IF;
	RETURN NEXT;
END
$$;

-- What the keeper and pg_cron call.
CREATE FUNCTION cloudflux.run_recommendations() RETURNS text
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT CASE WHEN c.changed + c.removed > 0
	            THEN c.checked || ' objects looked at: ' || c.changed || ' recommendations are new or changed, ' || trim_scale(round(c.saving, 2)) || ' USD'
	                 || CASE WHEN c.removed > 0 THEN ', ' || c.removed || ' are gone' ELSE '' END END
	  FROM cloudflux.recommend_objects() AS c;
END;

INSERT INTO cloudflux.chores (chore_name, room, function_name, every, builtin)
VALUES ('recommend_objects', 'policy', 'run_recommendations', '1 hour', true);

CREATE VIEW cloudflux.recommendations WITH (security_invoker = true) AS
SELECT r.file_id, o.file_name, r.place, r.storage_class, r.to_place, r.to_class, o.size_bytes, round(r.saving::numeric, 9) AS saving, round(r.move_cost::numeric, 9) AS move_cost,
       round(r.stay_cost::numeric, 9) AS stay_cost, round(r.total_cost::numeric, 9) AS total_cost, round(r.payback_days::numeric, 1) AS payback_days, r.horizon_days,
       CASE WHEN r.to_class = 'INTELLIGENT_TIERING' THEN 'use INTELLIGENT_TIERING: the store moves it by itself from then on'
            WHEN r.to_place <> r.place THEN 'move it to ' || r.to_place ELSE 'move it' END AS advice,
       cloudflux.recommend_reason(r.verdict, r.storage_class, NULLIF(r.to_place, r.place), r.to_class, r.horizon_days, r.saving, r.move_cost, r.payback_days,
           NULL, NULL, NULL, NULL, r.evidence_days, NULL) AS reason,
       r.evidence_days, r.decided_on
  FROM cloudflux.object_recommendations AS r
  JOIN cloudflux.data_objects AS o ON o.file_id = r.file_id
 WHERE r.verdict = 'move' AND o.vanished_at IS NULL
   -- Neither what has moved since nor what is about to.
   AND o.place = r.place AND o.storage_class IS NOT DISTINCT FROM r.own_class
   AND NOT EXISTS (SELECT FROM cloudflux.job_queue AS q WHERE q.file_id = r.file_id);

-- What every class would cost all objects of a place, by the reason why it is not chosen.
CREATE FUNCTION cloudflux.tier_comparison(p_place text, horizon interval DEFAULT NULL)
RETURNS TABLE (storage_class text, to_class text, reason text, objects bigint, bytes numeric, stay_cost numeric, total_cost numeric, loss numeric)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
	v_days  int := cloudflux.horizon_days(horizon);
	v_today date := cloudflux.utc_day(now());
BEGIN
	IF NOT EXISTS (SELECT FROM cloudflux.places AS p WHERE p.place = p_place) THEN
		RAISE EXCEPTION 'place "%" does not exist', COALESCE(p_place, 'NULL') USING ERRCODE = '02000', HINT = 'View place_prices lists the places.';
	END IF;
	RETURN QUERY
	SELECT a.storage_class, c.storage_class, c.reason, count(*), sum(a.size_bytes), round(sum(s.stay)::numeric, 6), round(sum(c.total_cost)::numeric, 6),
	       round(sum(c.total_cost - s.stay)::numeric, 6)
	  FROM cloudflux.recommend_asks(v_today, NULL) AS a
	 CROSS JOIN LATERAL (SELECT x.storage_class, x.reason, x.total_cost, min(x.total_cost) FILTER (WHERE x.reason = 'here') OVER () AS stay
	                       FROM cloudflux.recommend_candidates(v_today, v_days, a.place, a.storage_class, a.size_bytes, a.begun_on, a.entered_on, a.last_read_on, a.reads,
	                            a.thin, a.max_latency_ms, a.limits) AS x) AS c
	 CROSS JOIN LATERAL (SELECT c.stay) AS s
	 WHERE a.place = p_place AND c.reason <> 'here'
	 GROUP BY a.storage_class, c.storage_class, c.reason
	 ORDER BY a.storage_class, sum(c.total_cost - s.stay), c.storage_class;
END
$$;

-- Plans for what is recommended: one per place and class, what saves most first, within the limits.
CREATE FUNCTION cloudflux.plan_recommendations(p_place text DEFAULT NULL, p_to_class text DEFAULT NULL, max_cost numeric DEFAULT NULL, max_objects bigint DEFAULT NULL,
	min_saving numeric DEFAULT 0, plan_name text DEFAULT NULL)
RETURNS TABLE (plan_id bigint, to_place text, to_class text, objects bigint, refused bigint, move_cost numeric, saving numeric)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_group record;
	v_cost  numeric := max_cost;
	v_count bigint := max_objects;
BEGIN
	IF max_cost < 0 OR max_objects < 0 THEN
		RAISE EXCEPTION 'a limit of a plan cannot be negative' USING ERRCODE = '22023', HINT = 'Leave a limit out (NULL) where there is none.';
	END IF;
	FOR v_group IN
		SELECT r.to_place, r.to_class, d.provider, array_agg(r.file_id ORDER BY r.saving DESC, r.file_id) AS file_ids
		  FROM cloudflux.recommendations AS r
		  JOIN cloudflux.places AS d ON d.place = r.to_place
		 WHERE (p_place IS NULL OR r.place = p_place) AND (p_to_class IS NULL OR r.to_class = p_to_class) AND r.saving > min_saving
		 GROUP BY r.to_place, r.to_class, d.provider
		 ORDER BY sum(r.saving) DESC, r.to_place, r.to_class
	LOOP
		-- A directory has one class, that of its option. That the moves pay was found out already, with all that may be read in mind.
		plan_id := cloudflux.plan_migration(v_group.to_place, CASE WHEN v_group.provider <> 'LOCAL' THEN v_group.to_class END, file_ids => v_group.file_ids, must_pay => false,
			max_objects => v_count, max_cost => v_cost, plan_name => COALESCE(plan_name, 'recommended: ' || v_group.to_class || ' at ' || v_group.to_place));
		SELECT p.objects, p.refused, p.move_cost INTO objects, refused, move_cost FROM cloudflux.plans AS p WHERE p.plan_id = plan_recommendations.plan_id;
		SELECT sum(r.saving) INTO saving FROM cloudflux.plan_items AS i JOIN cloudflux.recommendations AS r ON r.file_id = i.file_id
		 WHERE i.plan_id = plan_recommendations.plan_id AND i.refused IS NULL;
		v_cost := GREATEST(v_cost - COALESCE(move_cost, 0), 0);
		v_count := GREATEST(v_count - objects, 0);
		to_place := v_group.to_place;
		to_class := v_group.to_class;
		RETURN NEXT;
	END LOOP;
END
$$;

REVOKE ALL ON FUNCTION cloudflux.recommend_digest(date), cloudflux.recommend_evidence(date), cloudflux.judge_objects(date, int, text[]),
	cloudflux.store_first_recommendations(date, int), cloudflux.store_recommendations(date, int, text[]), cloudflux.recommend_objects(boolean),
	cloudflux.run_recommendations(), cloudflux.tier_comparison(text, interval), cloudflux.plan_recommendations(text, text, numeric, bigint, numeric, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.tier_comparison(text, interval), cloudflux.recommend_digest(date), cloudflux.recommend_evidence(date),
	cloudflux.judge_objects(date, int, text[]) TO cloudflux_viewer;
GRANT EXECUTE ON FUNCTION cloudflux.recommend_objects(boolean), cloudflux.run_recommendations() TO cloudflux_user, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.plan_recommendations(text, text, numeric, bigint, numeric, text) TO cloudflux_user;
GRANT SELECT ON cloudflux.recommendations TO cloudflux_viewer, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.recommend_digest(date) IS 'What all recommendations depend on (prices, limits of policies, settings) as one word; with another one all objects are looked at again';
COMMENT ON FUNCTION cloudflux.recommend_evidence(date) IS 'Per place whether its access logs cover enough of the last 90 days, since when they do, and about how much read_hazards knows of it';
COMMENT ON FUNCTION cloudflux.judge_objects(date, int, text[]) IS 'Rows of object_recommendations for objects (NULL = all), without storing them';
COMMENT ON FUNCTION cloudflux.store_first_recommendations(date, int) IS 'Fills object_recommendations when it is empty. Called by recommend_objects()';
COMMENT ON FUNCTION cloudflux.store_recommendations(date, int, text[]) IS 'Judges objects (NULL = all) and writes what differs. Called by recommend_objects()';
COMMENT ON FUNCTION cloudflux.recommend_objects(boolean) IS 'Looks at objects of which something changed since the last run (the row, an access, the evidence of its place, the day; with other prices, policies or settings, or p_all: at all) and keeps object_recommendations; changed are recommendations to move that are new, different or gone, saving what the new ones save over the horizon. Emits one event objects.recommended when there are any. SECURITY DEFINER: only functions of this room write recommendations. Two runs wait for each other';
COMMENT ON FUNCTION cloudflux.run_recommendations() IS 'The chore: recommend_objects(), and in words what it did';
COMMENT ON VIEW cloudflux.recommendations IS 'Objects that should move, as of decided_on, but those that are being moved; the largest saving first with ORDER BY saving DESC. plan_recommendations() makes plans of them';
COMMENT ON COLUMN cloudflux.recommendations.file_id IS 'The object';
COMMENT ON COLUMN cloudflux.recommendations.file_name IS 'Its name';
COMMENT ON COLUMN cloudflux.recommendations.place IS 'Where it lies';
COMMENT ON COLUMN cloudflux.recommendations.storage_class IS 'In which class';
COMMENT ON COLUMN cloudflux.recommendations.to_place IS 'Where it should lie';
COMMENT ON COLUMN cloudflux.recommendations.to_class IS 'In which class';
COMMENT ON COLUMN cloudflux.recommendations.size_bytes IS 'Its size';
COMMENT ON COLUMN cloudflux.recommendations.saving IS 'What it is expected to cost less over the horizon, USD, the move and its fees paid';
COMMENT ON COLUMN cloudflux.recommendations.move_cost IS 'The move and its fees, USD';
COMMENT ON COLUMN cloudflux.recommendations.stay_cost IS 'Expected cost of staying, USD over the horizon';
COMMENT ON COLUMN cloudflux.recommendations.total_cost IS 'Expected cost there, the move included';
COMMENT ON COLUMN cloudflux.recommendations.payback_days IS 'Days until the move has paid for itself; NULL = more than ten horizons';
COMMENT ON COLUMN cloudflux.recommendations.horizon_days IS 'The horizon';
COMMENT ON COLUMN cloudflux.recommendations.advice IS 'What to do';
COMMENT ON COLUMN cloudflux.recommendations.reason IS 'Why, in words';
COMMENT ON COLUMN cloudflux.recommendations.evidence_days IS 'Days of the last 90 on which a read would have been noticed';
COMMENT ON COLUMN cloudflux.recommendations.decided_on IS 'UTC day as of which the figures are';
COMMENT ON FUNCTION cloudflux.tier_comparison(text, interval) IS 'What each class would cost all objects of a place over the horizon (USD, expected), by the class in which they lie and the reason why it is not theirs: recommend_object() for each, added up. loss is what it would cost more than staying; negative = a saving. 02000 no such place';
COMMENT ON FUNCTION cloudflux.plan_recommendations(text, text, numeric, bigint, numeric, text) IS 'Makes plans of the view recommendations, one per place and class to which objects should go (plan_migration() with their file_ids), what saves most first, together within max_cost (USD) and max_objects; min_saving leaves out what saves no more than that. execute_plan() carries one out. 22023 negative limit';
