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
	unread_probability double precision, recheck_on date)
LANGUAGE c STABLE PARALLEL SAFE ROWS 6
AS 'MODULE_PATHNAME', 'cloudflux_recommend_candidates';

/*
 * What is known of objects, of all (p_file_ids NULL) or of those. begun_on is the first day from which a read would have been noticed; NULL = none is.
 * evidence_days are those of object_facts(), but that counts which were inserted with an object prove nothing: no day is known.
 */
CREATE FUNCTION cloudflux.recommend_facts(p_today date, p_file_ids text[])
RETURNS TABLE (file_id text, place text, object_key text, storage_class text, size_bytes bigint, begun_on date, entered_on date, last_read_on date, reads bytea,
	evidence_days int)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT o.file_id, o.place, o.object_key, cloudflux.billed_class(p.cloud, p.storage_class, o.storage_class), o.size_bytes,
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
	SELECT o.file_id, o.place, o.object_key, cloudflux.billed_class(p.cloud, p.storage_class, o.storage_class), o.size_bytes,
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
COMMENT ON FUNCTION cloudflux.recommend_object(date, int, text, text, bigint, date, date, date, bytea, boolean, double precision, bigint[]) IS 'The recommendation for one object of a place, of which reads are known from p_begun_on on (read_history()), in p_class since p_entered_on. verdict: move, stay, wait (something is cheaper, regret is not enough yet), blocked (something is cheaper and not allowed), thin evidence, no place, no size, no price, no class. Costs are expected ones in USD over p_horizon days from tomorrow. p_policies are ids of recommend_limits. Use recommend_tier().';
COMMENT ON FUNCTION cloudflux.recommend_candidates(date, int, text, text, bigint, date, date, date, bytea, boolean, double precision, bigint[]) IS 'The classes that recommend_object() compared, with every term of their cost, what it stays below with a probability of 90 %, the regret for not being there and how much of it is needed, and why a class is not recommended: here, recommended, dearer, minimum duration (cheaper but for the fee), regret (cheaper, not enough yet), another is cheaper, thin evidence, held, not allowed, too slow, bucket setting. No rows where there is no answer.';
COMMENT ON FUNCTION cloudflux.recommend_facts(date, text[]) IS 'What recommend_object() wants to know of objects that have not vanished (p_file_ids NULL = all): class, since when, first day from which a read would have been noticed (NULL = never), days with reads, and days of evidence of the last 90.';
