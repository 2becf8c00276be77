/*
 * tiering/recommend: what each object would cost in each class of its place over the days to come, and whether it should move.
 *
 * recommend_facts() gathers what is known of objects, recommend_object() and recommend_candidates() judge one (src/tiering/recommend.h).
 * What policies limit, the table of recommendations and who keeps it: policy/recommend.
 */

-- Days with reads, packed for the kernel.
CREATE FUNCTION cloudflux.read_history_add(internal, date, bigint, bigint, bigint) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_read_history_add';

CREATE FUNCTION cloudflux.read_history_end(internal) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_read_history_end';

CREATE AGGREGATE cloudflux.read_history(day date, reads bigint, bytes bigint, full_reads bigint)
	(SFUNC = cloudflux.read_history_add, STYPE = internal, SSPACE = 512, FINALFUNC = cloudflux.read_history_end, PARALLEL = SAFE);

-- The settings, also where the library is not preloaded and has not been used yet.
CREATE FUNCTION cloudflux.recommend_settings(OUT min_evidence int, OUT max_latency_ms double precision, OUT horizon int)
LANGUAGE sql STABLE
RETURN ROW(COALESCE(NULLIF(current_setting('cloudflux.recommend_min_evidence', true), '')::int, 72),
           COALESCE(NULLIF(current_setting('cloudflux.recommend_max_latency_ms', true), '')::double precision, 1000),
           COALESCE(NULLIF(current_setting('cloudflux.recommend_horizon', true), '')::int, 180));

CREATE FUNCTION cloudflux.recommend_object(p_today date, p_horizon int, p_place text, p_class text, p_size_bytes bigint, p_begun_on date, p_entered_on date,
	p_last_read_on date, p_reads bytea, p_thin boolean, p_max_latency_ms double precision, p_policies bigint[],
	OUT verdict text, OUT to_class text, OUT stay_cost double precision, OUT move_cost double precision, OUT total_cost double precision, OUT saving double precision,
	OUT payback_days double precision, OUT recheck_on date, OUT cheaper_class text, OUT cheaper_cost double precision, OUT cheaper_reason text, OUT blocked_by text)
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_recommend_object';

CREATE FUNCTION cloudflux.recommend_candidates(p_today date, p_horizon int, p_place text, p_class text, p_size_bytes bigint, p_begun_on date, p_entered_on date,
	p_last_read_on date, p_reads bytea, p_thin boolean, p_max_latency_ms double precision, p_policies bigint[])
RETURNS TABLE (storage_class text, reason text, blocked_by text, storage_cost double precision, monitoring_cost double precision, request_cost double precision,
	retrieval_cost double precision, move_cost double precision, early_deletion_cost double precision, total_cost double precision, high_cost double precision,
	regret double precision, regret_needed double precision, first_byte_s double precision, verdict text, expected_reads double precision,
	unread_probability double precision, recheck_on date, others_days bigint, others_read_days bigint)
LANGUAGE c STABLE PARALLEL SAFE ROWS 6
AS 'MODULE_PATHNAME', 'cloudflux_recommend_candidates';

/*
 * What is known of objects, of all (p_file_ids NULL) or of those. begun_on is the first day from which a read would have been noticed; NULL = none is.
 * evidence_days are those of object_facts(), but that counts which were inserted with an object prove nothing: no day is known.
 */
CREATE FUNCTION cloudflux.recommend_facts(p_today date, p_file_ids text[])
RETURNS TABLE (file_id text, place text, object_key text, own_class text, storage_class text, size_bytes bigint, begun_on date, entered_on date, last_read_on date,
	reads bytea, evidence_days int)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT o.file_id, o.place, o.object_key, o.storage_class, cloudflux.billed_class(p.cloud, p.storage_class, o.storage_class), o.size_bytes,
	       GREATEST(cloudflux.utc_day(LEAST(o.created_at, o.modified_at)), LEAST(e.first_day, a.first_day, cloudflux.utc_day(o.last_accessed))),
	       cloudflux.utc_day(COALESCE(v.since, o.modified_at, o.created_at)), cloudflux.utc_day(o.last_accessed), a.reads,
	       CASE WHEN o.last_accessed IS NOT NULL OR a.first_day IS NOT NULL THEN 90 ELSE COALESCE(e.days, 0) END
	  FROM cloudflux.data_objects AS o
	  LEFT JOIN (SELECT d.file_id, cloudflux.read_history(d.day, d.reads, d.bytes, d.full_reads) AS reads, min(d.day) AS first_day
	               FROM (SELECT file_id, day, reads, bytes, full_reads FROM cloudflux.access_daily
	                     UNION ALL
	                     SELECT file_id, day, reads, bytes, full_reads FROM cloudflux.access_deltas) AS d
	              GROUP BY d.file_id) AS a ON a.file_id = o.file_id
	  LEFT JOIN (SELECT x.file_id, max(x.valid_from) AS since FROM cloudflux.object_versions AS x
	              WHERE x.valid_to IS NULL AND x.role = 'primary' AND x.job_id IS NOT NULL GROUP BY x.file_id) AS v ON v.file_id = o.file_id
	  LEFT JOIN (SELECT x.place, x.cloud, x.storage_class FROM cloudflux.place_prices AS x) AS p ON p.place = o.place
	  LEFT JOIN (SELECT c.place, min(c.day) AS first_day, count(*) FILTER (WHERE c.day > p_today - 90 AND c.day <= p_today)::int AS days
	               FROM cloudflux.access_coverage AS c GROUP BY c.place) AS e ON e.place = o.place
	 WHERE p_file_ids IS NULL AND o.vanished_at IS NULL
	UNION ALL
	SELECT o.file_id, o.place, o.object_key, o.storage_class, cloudflux.billed_class(p.cloud, p.storage_class, o.storage_class), o.size_bytes,
	       GREATEST(cloudflux.utc_day(LEAST(o.created_at, o.modified_at)), LEAST(e.first_day, a.first_day, cloudflux.utc_day(o.last_accessed))),
	       cloudflux.utc_day(COALESCE(v.since, o.modified_at, o.created_at)), cloudflux.utc_day(o.last_accessed), a.reads,
	       CASE WHEN o.last_accessed IS NOT NULL OR a.first_day IS NOT NULL THEN 90 ELSE COALESCE(e.days, 0) END
	  FROM unnest(p_file_ids) AS k(file_id)
	  JOIN cloudflux.data_objects AS o ON o.file_id = k.file_id
	  LEFT JOIN (SELECT d.file_id, cloudflux.read_history(d.day, d.reads, d.bytes, d.full_reads) AS reads, min(d.day) AS first_day
	               FROM (SELECT x.file_id, x.day, x.reads, x.bytes, x.full_reads
	                       FROM unnest(p_file_ids) AS i(file_id) JOIN cloudflux.access_daily AS x ON x.file_id = i.file_id
	                     UNION ALL
	                     SELECT x.file_id, x.day, x.reads, x.bytes, x.full_reads
	                       FROM unnest(p_file_ids) AS i(file_id) JOIN cloudflux.access_deltas AS x ON x.file_id = i.file_id) AS d
	              GROUP BY d.file_id) AS a ON a.file_id = o.file_id
	  LEFT JOIN (SELECT x.file_id, max(x.valid_from) AS since
	               FROM unnest(p_file_ids) AS i(file_id) JOIN cloudflux.object_versions AS x ON x.file_id = i.file_id
	              WHERE x.valid_to IS NULL AND x.role = 'primary' AND x.job_id IS NOT NULL GROUP BY x.file_id) AS v ON v.file_id = o.file_id
	  LEFT JOIN (SELECT x.place, x.cloud, x.storage_class FROM cloudflux.place_prices AS x) AS p ON p.place = o.place
	  LEFT JOIN (SELECT c.place, min(c.day) AS first_day, count(*) FILTER (WHERE c.day > p_today - 90 AND c.day <= p_today)::int AS days
	               FROM cloudflux.access_coverage AS c GROUP BY c.place) AS e ON e.place = o.place
	 WHERE p_file_ids IS NOT NULL AND o.vanished_at IS NULL;
END;

REVOKE ALL ON FUNCTION cloudflux.read_history_add(internal, date, bigint, bigint, bigint), cloudflux.read_history_end(internal),
	cloudflux.read_history(date, bigint, bigint, bigint), cloudflux.recommend_settings(),
	cloudflux.recommend_object(date, int, text, text, bigint, date, date, date, bytea, boolean, double precision, bigint[]),
	cloudflux.recommend_candidates(date, int, text, text, bigint, date, date, date, bytea, boolean, double precision, bigint[]),
	cloudflux.recommend_facts(date, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.read_history_add(internal, date, bigint, bigint, bigint), cloudflux.read_history_end(internal),
	cloudflux.read_history(date, bigint, bigint, bigint), cloudflux.recommend_settings(),
	cloudflux.recommend_object(date, int, text, text, bigint, date, date, date, bytea, boolean, double precision, bigint[]),
	cloudflux.recommend_candidates(date, int, text, text, bigint, date, date, date, bytea, boolean, double precision, bigint[]),
	cloudflux.recommend_facts(date, text[]) TO cloudflux_viewer, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.read_history_add(internal, date, bigint, bigint, bigint) IS 'A step of read_history().';
COMMENT ON FUNCTION cloudflux.read_history_end(internal) IS 'The result of read_history().';
COMMENT ON AGGREGATE cloudflux.read_history(date, bigint, bigint, bigint) IS 'Days with reads of one object, packed for recommend_object(): 24 bytes a day.';
COMMENT ON FUNCTION cloudflux.recommend_settings() IS 'The settings cloudflux.recommend_min_evidence, recommend_max_latency_ms and recommend_horizon.';
COMMENT ON FUNCTION cloudflux.recommend_object(date, int, text, text, bigint, date, date, date, bytea, boolean, double precision, bigint[]) IS 'The recommendation for one object of a place, of which reads are known from p_begun_on on (read_history()), in p_class since p_entered_on. What read_hazards knows of the objects of its place counts. verdict: move, stay, wait (something is cheaper, regret is not enough yet), blocked (something is cheaper and not allowed), thin evidence, no place, no size, no price, no class. Costs are expected ones in USD over p_horizon days from tomorrow. p_policies are ids of recommend_limits. Use recommend_tier().';
COMMENT ON FUNCTION cloudflux.recommend_candidates(date, int, text, text, bigint, date, date, date, bytea, boolean, double precision, bigint[]) IS 'The classes that recommend_object() compared, with every term of their cost, what it stays below with a probability of 90 %, the regret for not being there and how much of it is needed, and why a class is not recommended: here, recommended, dearer, minimum duration (cheaper but for the fee), regret (cheaper, not enough yet), another is cheaper, thin evidence, held, not allowed, too slow, bucket setting. others_days are the object-days on record of objects of its place that were as idle and had been read as often as it is now, others_read_days those of them with reads (read_hazards). No rows where there is no answer.';
COMMENT ON FUNCTION cloudflux.recommend_facts(date, text[]) IS 'What recommend_object() wants to know of objects that have not vanished (p_file_ids NULL = all): class, since when, first day from which a read would have been noticed (NULL = never), days with reads, and days of evidence of the last 90.';

/*
 * The recommendations, one row per object; who keeps them is recommend_objects() (policy/recommend_objects). What changes reaches it as it reaches
 * classify_objects(): by classify_queue, which that hands on here when it empties it, so nobody who writes objects pays twice; by accesses
 * that are not folded yet; by recheck_on. None of these tables is dumped: the first run after a restore looks at everything.
 */
CREATE TABLE cloudflux.object_recommendations (
	file_id        text PRIMARY KEY,
	verdict        text NOT NULL,
	place          text,
	own_class      text,                                                  -- as catalogued
	storage_class  text,                                                  -- whose prices apply
	to_place       text,
	to_class       text,
	decided_on     date NOT NULL,
	recheck_on     date,
	horizon_days   int NOT NULL,
	evidence_days  int,
	stay_cost      double precision,
	total_cost     double precision,
	move_cost      double precision,
	saving         double precision,
	payback_days   double precision,
	cheaper_class  text,
	cheaper_cost   double precision,
	cheaper_reason text,
	blocked_by     text
) WITH (fillfactor = 80);

CREATE TABLE cloudflux.recommend_queue (
	file_id text NOT NULL
);

CREATE TABLE cloudflux.recommend_state (
	only_row       boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	digest         text NOT NULL,
	recommended_on date NOT NULL,
	recommended_at timestamptz NOT NULL,
	evidence       jsonb NOT NULL
);

GRANT SELECT ON cloudflux.object_recommendations, cloudflux.recommend_state TO cloudflux_viewer, cloudflux_worker;

COMMENT ON TABLE cloudflux.object_recommendations IS 'What recommend_tier() said of each object when something about it changed last: see the view recommendations. Written by recommend_objects(); not dumped, since the first run writes it again.';
COMMENT ON COLUMN cloudflux.object_recommendations.file_id IS 'Object, as in data_objects.';
COMMENT ON COLUMN cloudflux.object_recommendations.verdict IS 'move, stay, wait, blocked, thin evidence, no place, no size, no price or no class; see recommend_tier().';
COMMENT ON COLUMN cloudflux.object_recommendations.place IS 'Where the object lay.';
COMMENT ON COLUMN cloudflux.object_recommendations.own_class IS 'Its storage class, as catalogued.';
COMMENT ON COLUMN cloudflux.object_recommendations.storage_class IS 'The class whose prices apply.';
COMMENT ON COLUMN cloudflux.object_recommendations.to_place IS 'Where it should lie.';
COMMENT ON COLUMN cloudflux.object_recommendations.to_class IS 'In which class.';
COMMENT ON COLUMN cloudflux.object_recommendations.decided_on IS 'UTC day of the verdict, as of which the figures are.';
COMMENT ON COLUMN cloudflux.object_recommendations.recheck_on IS 'First UTC day on which the passage of time alone may change the verdict; NULL = never.';
COMMENT ON COLUMN cloudflux.object_recommendations.horizon_days IS 'Days from then on that the costs are of.';
COMMENT ON COLUMN cloudflux.object_recommendations.evidence_days IS 'Days of the last 90 on which a read would have been noticed.';
COMMENT ON COLUMN cloudflux.object_recommendations.stay_cost IS 'Expected cost of staying, USD over the horizon.';
COMMENT ON COLUMN cloudflux.object_recommendations.total_cost IS 'Expected cost of what is recommended, the move and its fees included.';
COMMENT ON COLUMN cloudflux.object_recommendations.move_cost IS 'How much of that are the move and fees for leaving early; NULL = it stays.';
COMMENT ON COLUMN cloudflux.object_recommendations.saving IS 'stay_cost less total_cost.';
COMMENT ON COLUMN cloudflux.object_recommendations.payback_days IS 'Days until the move has paid for itself; NULL = it stays, or more than ten horizons.';
COMMENT ON COLUMN cloudflux.object_recommendations.cheaper_class IS 'A class that is cheaper than what is recommended and not chosen; NULL = none.';
COMMENT ON COLUMN cloudflux.object_recommendations.cheaper_cost IS 'Its expected cost, USD over the horizon.';
COMMENT ON COLUMN cloudflux.object_recommendations.cheaper_reason IS 'Why it is not chosen, as in tier_candidates().';
COMMENT ON COLUMN cloudflux.object_recommendations.blocked_by IS 'The policy that does not let it.';
COMMENT ON TABLE cloudflux.recommend_queue IS 'Objects that recommend_objects() looks at next, beside those of classify_queue; an object may be here several times; not dumped.';
COMMENT ON COLUMN cloudflux.recommend_queue.file_id IS 'Object that changed, was accessed, came or went.';
COMMENT ON TABLE cloudflux.recommend_state IS 'What the last run of recommend_objects() knew; without a row the next run looks at every object; not dumped.';
COMMENT ON COLUMN cloudflux.recommend_state.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN cloudflux.recommend_state.digest IS 'Digest of the prices, limits and settings in force at the last run.';
COMMENT ON COLUMN cloudflux.recommend_state.recommended_on IS 'UTC day of the last run.';
COMMENT ON COLUMN cloudflux.recommend_state.recommended_at IS 'When the last run began.';
COMMENT ON COLUMN cloudflux.recommend_state.evidence IS 'Per place: whether its access logs cover enough days, since when, and about how much is known of its objects (read_hazards).';
