/*
 * tiering: HOT, WARM or COLD by rules that a person can read. What classify() thinks lives in object_classes,
 * a narrow table: the class of the bytes themselves is data_objects.current_tier.
 *
 * A verdict depends on an object's row, its accesses, the evidence of its place, the rules, and the UTC day; on
 * nothing finer than a day. So classify_objects() looks only at objects for which one of these has changed:
 *
 *     row         triggers on data_objects put its file_id into classify_queue
 *     accesses    a delta that is not folded yet is in access_deltas; folding it into access_daily queues the
 *                 object. Both are read in one snapshot, so an access is always in one or the other: nobody who
 *                 inserts accesses pays for this, and no late committer is skipped
 *     evidence    classify_state keeps the days of evidence per place of the last run; a place that crossed a
 *                 threshold brings all its objects
 *     rules       classify_state keeps a digest of the rules in force; another digest brings all objects
 *     the day     a verdict carries recheck_on, the first day on which time alone may change it. Rows that are due
 *                 are looked for once per day, so there is no index to maintain
 *
 * classify_queue and classify_state are not dumped: the first run after a restore looks at everything, and
 * writes and tells only of what differs from the restored verdicts.
 */

-- The rules, first match by priority. A row of a user replaces the builtin row of the same name.
CREATE TABLE cloudflux.tier_rules (
	rule_name             text NOT NULL CHECK (rule_name <> ''),
	priority              int NOT NULL,
	access_class          text NOT NULL CHECK (access_class IN ('HOT', 'WARM', 'COLD')),
	min_reads_30d         bigint CHECK (min_reads_30d BETWEEN 0 AND 1000000000000),
	max_reads_30d         bigint CHECK (max_reads_30d BETWEEN 0 AND 1000000000000),
	min_reads_90d         bigint CHECK (min_reads_90d BETWEEN 0 AND 1000000000000),
	max_reads_90d         bigint CHECK (max_reads_90d BETWEEN 0 AND 1000000000000),
	min_age_days          int CHECK (min_age_days BETWEEN 0 AND 100000),
	max_age_days          int CHECK (max_age_days BETWEEN 0 AND 100000),
	min_days_since_access int CHECK (min_days_since_access BETWEEN 0 AND 100000),
	max_days_since_access int CHECK (max_days_since_access BETWEEN 0 AND 100000),
	min_size_bytes        bigint CHECK (min_size_bytes >= 0),
	max_size_bytes        bigint CHECK (max_size_bytes >= 0),
	min_avg_latency_ms    double precision CHECK (min_avg_latency_ms >= 0),
	max_avg_latency_ms    double precision CHECK (max_avg_latency_ms >= 0),
	min_evidence_days     int CHECK (min_evidence_days BETWEEN 0 AND 90),
	max_evidence_days     int CHECK (max_evidence_days BETWEEN 0 AND 90),
	place_pattern         text,
	key_prefix            text COLLATE "C",
	enabled               boolean NOT NULL DEFAULT true,
	comment               text,
	owner                 text NOT NULL DEFAULT CURRENT_USER,
	builtin               boolean NOT NULL DEFAULT false,
	PRIMARY KEY (rule_name, builtin),
	CONSTRAINT tier_rules_reads_30d CHECK (min_reads_30d <= max_reads_30d),
	CONSTRAINT tier_rules_reads_90d CHECK (min_reads_90d <= max_reads_90d),
	CONSTRAINT tier_rules_age CHECK (min_age_days <= max_age_days),
	CONSTRAINT tier_rules_access CHECK (min_days_since_access <= max_days_since_access),
	CONSTRAINT tier_rules_size CHECK (min_size_bytes <= max_size_bytes),
	CONSTRAINT tier_rules_latency CHECK (min_avg_latency_ms <= max_avg_latency_ms),
	CONSTRAINT tier_rules_evidence CHECK (min_evidence_days <= max_evidence_days)
);

INSERT INTO cloudflux.tier_rules
	(rule_name, priority, access_class, min_reads_30d, max_reads_90d, min_age_days, min_days_since_access,
	 max_days_since_access, max_evidence_days, builtin, comment)
VALUES
	('hot_frequent', 100, 'HOT', 10, NULL, NULL, NULL, NULL, NULL, true, 'read at least 10 times in 30 days'),
	('hot_recent', 200, 'HOT', 3, NULL, NULL, NULL, 7, NULL, true, 'accessed within a week, and read 3 times in 30 days: not just looked at once'),
	('warm_no_evidence', 300, 'WARM', NULL, NULL, NULL, NULL, NULL, 71, true, 'nobody would have noticed a read: evidence of less than 72 of the last 90 days (80 %)'),
	('cold_unread', 400, 'COLD', NULL, 0, 90, 90, NULL, NULL, true, 'older than 90 days, and not read since'),
	('warm_otherwise', 1000, 'WARM', NULL, NULL, NULL, NULL, NULL, NULL, true, 'everything else');

CREATE VIEW cloudflux.active_tier_rules WITH (security_invoker = true) AS
	SELECT (row_number() OVER (ORDER BY r.priority, r.builtin, r.rule_name))::int AS rank,
	       r.rule_name, r.access_class,
	       r.min_reads_30d, r.max_reads_30d, r.min_reads_90d, r.max_reads_90d, r.min_age_days, r.max_age_days,
	       r.min_days_since_access, r.max_days_since_access, r.min_size_bytes, r.max_size_bytes,
	       r.min_avg_latency_ms, r.max_avg_latency_ms, r.min_evidence_days, r.max_evidence_days,
	       r.place_pattern, r.key_prefix, r.priority, r.builtin, r.comment
	  FROM cloudflux.tier_rules r
	 WHERE r.enabled
	   AND NOT (r.builtin AND EXISTS (SELECT FROM cloudflux.tier_rules u WHERE u.rule_name = r.rule_name AND NOT u.builtin));

-- Builtin rules are never edited: the change would vanish at a restore.
CREATE FUNCTION cloudflux.guard_tier_rules() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'builtin rules of table "tier_rules" cannot be removed',
			HINT = 'Use DELETE ... WHERE NOT builtin.';
	END IF;
	IF TG_OP <> 'INSERT' AND OLD.builtin THEN
		RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('builtin rule "%s" cannot be changed', OLD.rule_name),
			HINT = format('Insert a row with rule_name ''%s'': it replaces the builtin rule; with enabled = false it switches it off.', OLD.rule_name);
	END IF;
	IF TG_OP <> 'DELETE' AND NEW.builtin THEN
		RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('rule "%s" cannot be builtin', NEW.rule_name),
			HINT = 'Leave column builtin out; a row of yours with the name of a builtin rule replaces it.';
	END IF;
	IF TG_OP <> 'DELETE' AND NEW.owner IS DISTINCT FROM (CASE TG_OP WHEN 'INSERT' THEN CURRENT_USER::text ELSE OLD.owner END)
	   AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = CURRENT_USER) THEN
		RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('owner of rule "%s" cannot be set', NEW.rule_name), HINT = 'Leave column owner out.';
	END IF;
	RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE TRIGGER guard_tier_rules BEFORE INSERT OR UPDATE OR DELETE ON cloudflux.tier_rules
	FOR EACH ROW EXECUTE FUNCTION cloudflux.guard_tier_rules();
CREATE TRIGGER guard_tier_rules_truncate BEFORE TRUNCATE ON cloudflux.tier_rules
	FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.guard_tier_rules();

CREATE TABLE cloudflux.object_classes (
	file_id      text PRIMARY KEY,
	access_class text NOT NULL CHECK (access_class IN ('HOT', 'WARM', 'COLD')),
	reason       text NOT NULL,
	since        timestamptz NOT NULL DEFAULT pg_catalog.now(),
	recheck_on   date,                                                -- first UTC day on which time alone may change the verdict; NULL = never
	rule_name    text                                                 -- NULL = no rule matched
) WITH (fillfactor = 80);

-- Objects that the next run looks at. No key: a file_id may be here many times, and insertion must be cheap.
CREATE TABLE cloudflux.classify_queue (
	file_id text NOT NULL,
	gone    boolean NOT NULL DEFAULT false                            -- deleted or vanished: its verdict may have to go
);

-- What the last run knew: one row; without it the next run looks at everything.
CREATE TABLE cloudflux.classify_state (
	only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	rules_digest  text NOT NULL,
	classified_on date NOT NULL,
	classified_at timestamptz NOT NULL,
	evidence      jsonb NOT NULL                                      -- place -> days with evidence of the last 90
);

----------------------------------------------------------------------------------------------------------------------
-- What feeds the queue
----------------------------------------------------------------------------------------------------------------------

-- New objects; rows of a restore (recorded_at of another transaction) need no entry, since the first run takes all.
CREATE FUNCTION cloudflux.queue_new_objects() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO cloudflux.classify_queue (file_id)
	SELECT n.file_id FROM touched_rows n WHERE n.recorded_at = transaction_timestamp();
	RETURN NULL;
END $$;

CREATE FUNCTION cloudflux.queue_touched_objects() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO cloudflux.classify_queue (file_id) SELECT DISTINCT t.file_id FROM touched_rows t;
	RETURN NULL;
END $$;

CREATE FUNCTION cloudflux.queue_gone_objects() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO cloudflux.classify_queue (file_id, gone) SELECT t.file_id, true FROM touched_rows t;
	RETURN NULL;
END $$;

-- SECURITY DEFINER, like the others: who may change an object has no rights on the queue.
CREATE FUNCTION cloudflux.queue_changed_objects() RETURNS trigger
LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'cloudflux_queue_changed_objects';

CREATE TRIGGER queue_new_objects AFTER INSERT ON cloudflux.data_objects
	REFERENCING NEW TABLE AS touched_rows
	FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.queue_new_objects();
CREATE TRIGGER queue_gone_objects AFTER DELETE ON cloudflux.data_objects
	REFERENCING OLD TABLE AS touched_rows
	FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.queue_gone_objects();
-- In C, so that the refresh of counts and other bulk updates of columns that no rule reads cost one comparison per row.
CREATE TRIGGER queue_changed_objects AFTER UPDATE ON cloudflux.data_objects
	REFERENCING OLD TABLE AS old_objects NEW TABLE AS new_objects
	FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.queue_changed_objects();
CREATE TRIGGER queue_accessed_objects AFTER INSERT ON cloudflux.access_daily
	REFERENCING NEW TABLE AS touched_rows
	FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.queue_touched_objects();
CREATE TRIGGER queue_accessed_objects_again AFTER UPDATE ON cloudflux.access_daily
	REFERENCING NEW TABLE AS touched_rows
	FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.queue_touched_objects();

----------------------------------------------------------------------------------------------------------------------
-- Facts and verdicts. Windows are as in access_counts: the 30 and 90 UTC days up to today. These functions are inlined into the statement that calls them: p_file_ids NULL = all objects,
-- and the branch that is not wanted falls away when the plan is made.
----------------------------------------------------------------------------------------------------------------------

-- Days with evidence, of the 90 UTC days up to p_today, per place.
CREATE FUNCTION cloudflux.evidence_of_places(p_today date)
RETURNS TABLE (place text, days int)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT c.place, count(*)::int
	  FROM cloudflux.access_coverage c
	 WHERE c.day > p_today - 90 AND c.day <= p_today
	 GROUP BY c.place;
END;

-- What the rows of millions of objects go through: a C function costs a tenth of AT TIME ZONE, a plain sum of bigint a third of one that carries a numeric.
CREATE FUNCTION cloudflux.utc_day(timestamptz) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_utc_day';

CREATE AGGREGATE cloudflux.int8_sum(bigint) (SFUNC = pg_catalog.int8pl, STYPE = bigint, COMBINEFUNC = pg_catalog.int8pl, PARALLEL = SAFE);

CREATE FUNCTION cloudflux.object_facts(p_today date, p_file_ids text[])
RETURNS TABLE (file_id text, place text, object_key text, reads_30d bigint, reads_90d bigint, age_days int,
	days_since_access int, size_bytes bigint, avg_latency_ms double precision, evidence_days int,
	first_read_30d date, first_read_90d date, first_latency_30d date, last_day date, next_day date)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT raw.file_id, raw.place, raw.object_key,
	       CASE WHEN raw.last_day IS NULL THEN raw.told_30d ELSE COALESCE(raw.reads_30d, 0) END,
	       CASE WHEN raw.last_day IS NULL THEN GREATEST(raw.told_90d, raw.told_30d) ELSE COALESCE(raw.reads_90d, 0) END,
	       p_today - cloudflux.utc_day(LEAST(raw.created_at, raw.modified_at)),
	       p_today - GREATEST(cloudflux.utc_day(GREATEST(raw.last_accessed, raw.modified_at)), raw.last_day),
	       raw.size_bytes,
	       raw.latency_sum / NULLIF(raw.latency_count, 0)::double precision,
	       CASE WHEN raw.last_accessed IS NOT NULL OR raw.last_day IS NOT NULL OR raw.told_90d > 0 OR raw.told_30d > 0 THEN 90
	            -- A document and no join: nothing but the one over accesses shapes the plan.
	            ELSE COALESCE(((SELECT jsonb_object_agg(e.place, e.days) FROM cloudflux.evidence_of_places(p_today) e) ->> raw.place)::int, 0) END,
	       raw.first_read_30d, raw.first_read_90d, raw.first_latency_30d, raw.last_day, raw.next_day
	  FROM (
		SELECT o.file_id, o.place, o.object_key, o.size_bytes, o.created_at, o.modified_at, o.last_accessed,
		       CASE WHEN o.counted_on IS NULL THEN o.access_count_30d ELSE 0 END AS told_30d,
		       CASE WHEN o.counted_on IS NULL THEN o.access_count_90d ELSE 0 END AS told_90d,
		       a.reads_30d, a.reads_90d, a.latency_sum, a.latency_count,
		       a.first_read_30d, a.first_read_90d, a.first_latency_30d, a.last_day, a.next_day
		  FROM cloudflux.data_objects o
		  LEFT JOIN (
			SELECT d.file_id, cloudflux.int8_sum(d.reads) FILTER (WHERE d.day <= p_today) AS reads_90d,
			       cloudflux.int8_sum(d.reads) FILTER (WHERE d.day > p_today - 30 AND d.day <= p_today) AS reads_30d,
			       sum(d.latency_sum) FILTER (WHERE d.day > p_today - 30 AND d.day <= p_today) AS latency_sum,
			       cloudflux.int8_sum(d.latency_count) FILTER (WHERE d.day > p_today - 30 AND d.day <= p_today) AS latency_count,
			       min(d.day) FILTER (WHERE d.reads <> 0) AS first_read_90d,
			       min(d.day) FILTER (WHERE d.reads <> 0 AND d.day > p_today - 30) AS first_read_30d,
			       min(d.day) FILTER (WHERE d.latency_count <> 0 AND d.day > p_today - 30) AS first_latency_30d,
			       max(d.day) FILTER (WHERE d.day <= p_today) AS last_day,
			       min(d.day) FILTER (WHERE d.day > p_today) AS next_day
			  FROM (SELECT file_id, day, reads, latency_sum, latency_count FROM cloudflux.access_daily
			        UNION ALL
			        SELECT file_id, day, reads, latency_sum, latency_count FROM cloudflux.access_deltas) d
			 WHERE d.day > p_today - 90                                                        -- out here, so that both can be read by index, merged
			 GROUP BY d.file_id) a ON a.file_id = o.file_id
		 WHERE p_file_ids IS NULL AND o.vanished_at IS NULL
		UNION ALL
		SELECT o.file_id, o.place, o.object_key, o.size_bytes, o.created_at, o.modified_at, o.last_accessed,
		       CASE WHEN o.counted_on IS NULL THEN o.access_count_30d ELSE 0 END AS told_30d,
		       CASE WHEN o.counted_on IS NULL THEN o.access_count_90d ELSE 0 END AS told_90d,
		       a.reads_30d, a.reads_90d, a.latency_sum, a.latency_count,
		       a.first_read_30d, a.first_read_90d, a.first_latency_30d, a.last_day, a.next_day
		  FROM unnest(p_file_ids) k(file_id)
		  JOIN cloudflux.data_objects o ON o.file_id = k.file_id
		  LEFT JOIN (
			SELECT d.file_id, cloudflux.int8_sum(d.reads) FILTER (WHERE d.day <= p_today) AS reads_90d,
			       cloudflux.int8_sum(d.reads) FILTER (WHERE d.day > p_today - 30 AND d.day <= p_today) AS reads_30d,
			       sum(d.latency_sum) FILTER (WHERE d.day > p_today - 30 AND d.day <= p_today) AS latency_sum,
			       cloudflux.int8_sum(d.latency_count) FILTER (WHERE d.day > p_today - 30 AND d.day <= p_today) AS latency_count,
			       min(d.day) FILTER (WHERE d.reads <> 0) AS first_read_90d,
			       min(d.day) FILTER (WHERE d.reads <> 0 AND d.day > p_today - 30) AS first_read_30d,
			       min(d.day) FILTER (WHERE d.latency_count <> 0 AND d.day > p_today - 30) AS first_latency_30d,
			       max(d.day) FILTER (WHERE d.day <= p_today) AS last_day,
			       min(d.day) FILTER (WHERE d.day > p_today) AS next_day
			  FROM (SELECT x.file_id, x.day, x.reads, x.latency_sum, x.latency_count
			          FROM unnest(p_file_ids) i(file_id) JOIN cloudflux.access_daily x ON x.file_id = i.file_id AND x.day > p_today - 90
			        UNION ALL
			        SELECT x.file_id, x.day, x.reads, x.latency_sum, x.latency_count
			          FROM unnest(p_file_ids) i(file_id) JOIN cloudflux.access_deltas x ON x.file_id = i.file_id AND x.day > p_today - 90) d
			 GROUP BY d.file_id) a ON a.file_id = o.file_id
		 WHERE p_file_ids IS NOT NULL AND o.vanished_at IS NULL) raw;
END;

-- One object by its figures: the rank of the first rule that matches (NULL = none), and the first day on which that may change.
CREATE FUNCTION cloudflux.judge_object(p_today date, p_rules cloudflux.active_tier_rules[], p_reads_30d bigint, p_reads_90d bigint, p_age_days int,
	p_days_since_access int, p_size_bytes bigint, p_avg_latency_ms double precision, p_evidence_days int, p_first_read_30d date,
	p_first_read_90d date, p_first_latency_30d date, p_last_day date, p_next_day date, p_place text, p_object_key text,
	OUT rank int, OUT recheck_on date)
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_judge_object';

CREATE FUNCTION cloudflux.object_verdicts(p_today date, p_rules cloudflux.active_tier_rules[], p_file_ids text[])
RETURNS TABLE (file_id text, rank int, recheck_on date, reads_30d bigint, reads_90d bigint, age_days int,
	days_since_access int, size_bytes bigint, avg_latency_ms double precision, evidence_days int)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT j.file_id, (j.verdict).rank, (j.verdict).recheck_on,
	       j.reads_30d, j.reads_90d, j.age_days, j.days_since_access, j.size_bytes, j.avg_latency_ms, j.evidence_days
	  FROM (SELECT f.file_id, f.reads_30d, f.reads_90d, f.age_days, f.days_since_access, f.size_bytes, f.avg_latency_ms, f.evidence_days,
	               cloudflux.judge_object(p_today, p_rules, f.reads_30d, f.reads_90d, f.age_days, f.days_since_access, f.size_bytes,
	                   f.avg_latency_ms, f.evidence_days, f.first_read_30d, f.first_read_90d, f.first_latency_30d, f.last_day, f.next_day,
	                   f.place, f.object_key) AS verdict
	          FROM (SELECT * FROM cloudflux.object_facts(p_today, p_file_ids) OFFSET 0) f OFFSET 0) j;   -- OFFSET 0: each is computed once per object
END;

-- Why, in words: the figures that the rule asked for; of a rule that asks for none, the usual ones.
CREATE FUNCTION cloudflux.verdict_reason(p_class text, p_rule_name text, p_asks text, p_reads_30d bigint, p_reads_90d bigint,
	p_age_days int, p_days_since_access int, p_size_bytes bigint, p_avg_latency_ms double precision, p_evidence_days int)
RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cloudflux_verdict_reason';

-- Which figures a rule asks for, one letter each; what verdict_reason() tells.
CREATE FUNCTION cloudflux.rule_asks(p_rule cloudflux.active_tier_rules) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT COALESCE(NULLIF(
		   CASE WHEN COALESCE((p_rule).min_evidence_days, (p_rule).max_evidence_days) IS NOT NULL THEN 'e' ELSE '' END
		|| CASE WHEN COALESCE((p_rule).min_days_since_access, (p_rule).max_days_since_access) IS NOT NULL THEN 'i' ELSE '' END
		|| CASE WHEN COALESCE((p_rule).min_reads_30d, (p_rule).max_reads_30d) IS NOT NULL THEN '3' ELSE '' END
		|| CASE WHEN COALESCE((p_rule).min_reads_90d, (p_rule).max_reads_90d) IS NOT NULL THEN '9' ELSE '' END
		|| CASE WHEN COALESCE((p_rule).min_age_days, (p_rule).max_age_days) IS NOT NULL THEN 'a' ELSE '' END
		|| CASE WHEN COALESCE((p_rule).min_size_bytes, (p_rule).max_size_bytes) IS NOT NULL THEN 's' ELSE '' END
		|| CASE WHEN COALESCE((p_rule).min_avg_latency_ms, (p_rule).max_avg_latency_ms) IS NOT NULL THEN 'l' ELSE '' END, ''), 'i39');
END;

-- Places whose days of evidence crossed a threshold of the rules between two runs, as {place: days}.
CREATE FUNCTION cloudflux.places_with_other_evidence(p_before jsonb, p_after jsonb, p_rules cloudflux.active_tier_rules[])
RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT COALESCE(array_agg(DISTINCT p.place), '{}')
	  FROM jsonb_object_keys(COALESCE(p_before, '{}') || p_after) p(place)
	 CROSS JOIN unnest(p_rules) r
	 CROSS JOIN LATERAL (VALUES (r.min_evidence_days), (r.max_evidence_days + 1)) t(days)
	 WHERE (COALESCE((p_before ->> p.place)::int, 0) >= t.days) <> (COALESCE((p_after ->> p.place)::int, 0) >= t.days);
END;

----------------------------------------------------------------------------------------------------------------------
-- classify
----------------------------------------------------------------------------------------------------------------------

-- Judges all objects when there are no verdicts yet. Objects and accesses are merged in the order of their keys: that takes no memory, spares two
-- hash tables of a million entries, and the verdicts come in the order in which their index wants them.
CREATE FUNCTION cloudflux.store_first_verdicts(p_today date, p_rules cloudflux.active_tier_rules[],
	OUT changed bigint, OUT to_hot bigint, OUT to_warm bigint, OUT to_cold bigint, OUT samples jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET random_page_cost = 1.1 SET work_mem = '64MB'
	SET enable_hashjoin = off SET enable_hashagg = off
AS $$
DECLARE
	asks text[] := ARRAY(SELECT cloudflux.rule_asks(a) FROM unnest(p_rules) a ORDER BY a.rank);
BEGIN
	-- A rank is the position in p_rules; a NULL one gives NULLs.
	INSERT INTO cloudflux.object_classes (file_id, access_class, reason, recheck_on, rule_name)
	SELECT v.file_id, COALESCE((p_rules[v.rank]).access_class, 'WARM'),
	       cloudflux.verdict_reason(COALESCE((p_rules[v.rank]).access_class, 'WARM'), (p_rules[v.rank]).rule_name, COALESCE(asks[v.rank], 'i39'),
	           v.reads_30d, v.reads_90d, v.age_days, v.days_since_access, v.size_bytes, v.avg_latency_ms, v.evidence_days),
	       v.recheck_on, (p_rules[v.rank]).rule_name
	  FROM cloudflux.object_verdicts(p_today, p_rules, NULL) v;
	SELECT count(*), count(*) FILTER (WHERE c.access_class = 'HOT'), count(*) FILTER (WHERE c.access_class = 'WARM'), count(*) FILTER (WHERE c.access_class = 'COLD')
	  INTO changed, to_hot, to_warm, to_cold
	  FROM cloudflux.object_classes c;
	SELECT jsonb_object_agg(k.access_class, k.examples) INTO samples
	  FROM (SELECT w.access_class, (SELECT jsonb_agg(x.file_id) FROM (
	                   SELECT c.file_id FROM cloudflux.object_classes c WHERE c.access_class = w.access_class LIMIT 20) x) AS examples
	          FROM (VALUES ('HOT', to_hot), ('WARM', to_warm), ('COLD', to_cold)) w(access_class, objects) WHERE w.objects > 0) k;
END $$;

-- Judges the objects p_file_ids (NULL = all) and writes what differs; the caller emits the event.
CREATE FUNCTION cloudflux.store_verdicts(p_today date, p_rules cloudflux.active_tier_rules[], p_file_ids text[],
	OUT changed bigint, OUT to_hot bigint, OUT to_warm bigint, OUT to_cold bigint, OUT samples jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET random_page_cost = 1.1 SET work_mem = '64MB'
AS $$
BEGIN
	IF p_file_ids IS NULL AND NOT EXISTS (SELECT FROM cloudflux.object_classes) THEN
		-- The first run: nothing to compare with, a quarter of the time. Nobody else may write a verdict until it is done.
		LOCK TABLE cloudflux.object_classes IN SHARE ROW EXCLUSIVE MODE;
		IF NOT EXISTS (SELECT FROM cloudflux.object_classes) THEN
			SELECT f.* INTO changed, to_hot, to_warm, to_cold, samples FROM cloudflux.store_first_verdicts(p_today, p_rules) f;
			RETURN;
		END IF;
	END IF;
	WITH judged AS MATERIALIZED (
		SELECT v.file_id, COALESCE(r.access_class, 'WARM') AS access_class, r.rule_name, v.recheck_on, c.access_class AS old_class,
		       cloudflux.verdict_reason(COALESCE(r.access_class, 'WARM'), r.rule_name, COALESCE(r.asks, 'i39'), v.reads_30d, v.reads_90d,
		           v.age_days, v.days_since_access, v.size_bytes, v.avg_latency_ms, v.evidence_days) AS reason
		  FROM (SELECT * FROM cloudflux.object_verdicts(p_today, p_rules, p_file_ids) OFFSET 0) v
		  LEFT JOIN (SELECT a.rank, a.access_class, a.rule_name, cloudflux.rule_asks(a) AS asks FROM unnest(p_rules) a) r ON r.rank = v.rank
		  LEFT JOIN cloudflux.object_classes c ON c.file_id = v.file_id
		 WHERE c.file_id IS NULL OR c.rule_name IS DISTINCT FROM r.rule_name OR c.access_class <> COALESCE(r.access_class, 'WARM')
		    OR c.recheck_on <= p_today OR v.recheck_on < COALESCE(c.recheck_on, 'infinity')),
	written AS (
		INSERT INTO cloudflux.object_classes AS c (file_id, access_class, reason, recheck_on, rule_name)
		SELECT j.file_id, j.access_class, j.reason, j.recheck_on, j.rule_name FROM judged j
		ON CONFLICT (file_id) DO UPDATE
		   SET access_class = excluded.access_class, reason = excluded.reason, recheck_on = excluded.recheck_on, rule_name = excluded.rule_name,
		       since = CASE WHEN c.access_class = excluded.access_class THEN c.since ELSE excluded.since END),
	moved AS (
		SELECT j.file_id, j.access_class FROM judged j WHERE j.old_class IS DISTINCT FROM j.access_class)
	SELECT count(*), count(*) FILTER (WHERE m.access_class = 'HOT'), count(*) FILTER (WHERE m.access_class = 'WARM'), count(*) FILTER (WHERE m.access_class = 'COLD'),
	       jsonb_strip_nulls(jsonb_build_object(
	           'HOT', (SELECT jsonb_agg(x.file_id) FROM (SELECT n.file_id FROM moved n WHERE n.access_class = 'HOT' LIMIT 20) x),
	           'WARM', (SELECT jsonb_agg(x.file_id) FROM (SELECT n.file_id FROM moved n WHERE n.access_class = 'WARM' LIMIT 20) x),
	           'COLD', (SELECT jsonb_agg(x.file_id) FROM (SELECT n.file_id FROM moved n WHERE n.access_class = 'COLD' LIMIT 20) x)))
	  INTO changed, to_hot, to_warm, to_cold, samples
	  FROM moved m;
END $$;

CREATE FUNCTION cloudflux.classify_objects(p_all boolean DEFAULT false)
RETURNS TABLE (scope text, checked bigint, changed bigint, to_hot bigint, to_warm bigint, to_cold bigint, removed bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET random_page_cost = 1.1 SET work_mem = '64MB'
AS $$
DECLARE
	today    date := (now() AT TIME ZONE 'UTC')::date;
	rules    cloudflux.active_tier_rules[];
	digest   text;
	evidence jsonb;
	state    cloudflux.classify_state;
	places   text[];
	dirty    text[];
	lost     text[];
	samples  jsonb;
BEGIN
	-- One run at a time. Who waited here sees in the next statement what the run before it left.
	PERFORM pg_advisory_xact_lock(hashtextextended('cloudflux.classify_objects', 0));
	rules := ARRAY(SELECT r FROM cloudflux.active_tier_rules r ORDER BY r.rank);
	digest := md5(rules::text);
	evidence := COALESCE((SELECT jsonb_object_agg(e.place, e.days) FROM cloudflux.evidence_of_places(today) e), '{}');
	SELECT * INTO state FROM cloudflux.classify_state;
	places := cloudflux.places_with_other_evidence(state.evidence, evidence, rules);

	scope := 'changed';
	removed := 0;
	IF p_all OR state IS NULL OR state.rules_digest <> digest OR today < state.classified_on THEN
		scope := 'all';
		-- Before the snapshot that reads the objects: what is queued in the meantime is left for the next run. Recommendations want it, too.
		WITH queued AS (DELETE FROM cloudflux.classify_queue c RETURNING c.file_id)
		INSERT INTO cloudflux.recommend_queue (file_id) SELECT DISTINCT q.file_id FROM queued q WHERE EXISTS (SELECT FROM cloudflux.recommend_state);
	ELSE
		-- The queue is emptied in the same snapshot that reads the deltas: what is folded in the meantime is queued for the next run.
		WITH queued AS (DELETE FROM cloudflux.classify_queue c RETURNING c.file_id, c.gone),
		handed_on AS (INSERT INTO cloudflux.recommend_queue (file_id) SELECT DISTINCT q.file_id FROM queued q WHERE EXISTS (SELECT FROM cloudflux.recommend_state))
		SELECT array_agg(d.file_id ORDER BY d.file_id),            -- sorted, so that look-ups walk along the indexes
		       ARRAY(SELECT q.file_id FROM queued q WHERE q.gone)
		  INTO dirty, lost
		  FROM (SELECT q.file_id FROM queued q
		        UNION
		        SELECT a.file_id FROM cloudflux.access_deltas a
		        UNION
		        SELECT c.file_id FROM cloudflux.object_classes c WHERE c.recheck_on <= today AND today IS DISTINCT FROM state.classified_on
		        UNION
		        SELECT o.file_id FROM cloudflux.data_objects o WHERE cardinality(places) > 0 AND o.place = ANY (places)) d;
		dirty := COALESCE(dirty, '{}');
		checked := cardinality(dirty);
		-- Beyond a quarter of the catalogue one pass over everything is cheaper than to look them up.
		IF checked > GREATEST(10000, (SELECT k.reltuples / 4 FROM pg_class k WHERE k.oid = 'cloudflux.data_objects'::regclass)) THEN
			scope := 'all';
		END IF;
	END IF;
	IF scope = 'all' THEN
		dirty := NULL;
		IF EXISTS (SELECT FROM cloudflux.object_classes) THEN
			DELETE FROM cloudflux.object_classes c
			 WHERE NOT EXISTS (SELECT FROM cloudflux.data_objects o WHERE o.file_id = c.file_id AND o.vanished_at IS NULL);
			GET DIAGNOSTICS removed = ROW_COUNT;
		END IF;
	ELSIF cardinality(lost) > 0 THEN
		DELETE FROM cloudflux.object_classes c
		 WHERE c.file_id = ANY (lost)
		   AND NOT EXISTS (SELECT FROM cloudflux.data_objects o WHERE o.file_id = c.file_id AND o.vanished_at IS NULL);
		GET DIAGNOSTICS removed = ROW_COUNT;
	END IF;
	SELECT s.changed, s.to_hot, s.to_warm, s.to_cold, s.samples INTO changed, to_hot, to_warm, to_cold, samples
	  FROM cloudflux.store_verdicts(today, rules, dirty) s;
	IF scope = 'all' THEN
		SELECT count(*) INTO checked FROM cloudflux.object_classes;          -- now there is one per object
	END IF;

	INSERT INTO cloudflux.classify_state AS s (rules_digest, classified_on, classified_at, evidence)
	VALUES (digest, today, now(), evidence)
	ON CONFLICT (only_row) DO UPDATE
	   SET rules_digest = excluded.rules_digest, classified_on = excluded.classified_on, classified_at = excluded.classified_at, evidence = excluded.evidence;
	IF changed > 0 THEN
		PERFORM cloudflux.emit_events('classification', 'objects.classified', ARRAY['classify_objects'], ARRAY[jsonb_build_object(
			'scope', scope, 'checked', checked, 'changed', changed, 'hot', to_hot, 'warm', to_warm, 'cold', to_cold, 'removed', removed,
			'examples', samples)]);
	END IF;
	RETURN NEXT;
END $$;

-- One object, now; what classify_objects() would say of it.
CREATE FUNCTION cloudflux.classify(INOUT file_id text, OUT access_class text, OUT reason text, OUT rule_name text, OUT reads_30d bigint,
	OUT reads_90d bigint, OUT age_days int, OUT days_since_access int, OUT size_bytes bigint, OUT avg_latency_ms double precision,
	OUT evidence_days int, OUT since timestamptz, OUT recheck_on date, OUT changed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
	today  date := (now() AT TIME ZONE 'UTC')::date;
	rules  cloudflux.active_tier_rules[];
	object cloudflux.data_objects;
	done   record;
BEGIN
	SELECT o.* INTO object FROM cloudflux.data_objects o WHERE o.file_id = $1;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = '02000', MESSAGE = format('object "%s" does not exist', COALESCE($1, 'NULL')),
			HINT = 'Look for its file_id in cloudflux.data_objects.';
	ELSIF object.vanished_at IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format('object "%s" has vanished', $1),
			DETAIL = format('An inventory of place "%s" did not find "%s" any more.', object.place, object.object_key),
			HINT = 'Only objects that exist have a class. If the object is back, run import_inventory() again.';
	END IF;
	rules := ARRAY(SELECT r FROM cloudflux.active_tier_rules r ORDER BY r.rank);
	SELECT s.* INTO done FROM cloudflux.store_verdicts(today, rules, ARRAY[$1]) s;
	IF done.changed > 0 THEN
		PERFORM cloudflux.emit_events('classification', 'objects.classified', ARRAY[$1], ARRAY[jsonb_build_object(
			'scope', 'object', 'checked', 1, 'changed', 1, 'hot', done.to_hot, 'warm', done.to_warm, 'cold', done.to_cold, 'removed', 0)]);
	END IF;
	SELECT c.access_class, c.reason, c.rule_name, v.reads_30d, v.reads_90d, v.age_days, v.days_since_access, v.size_bytes,
	       v.avg_latency_ms, v.evidence_days, c.since, c.recheck_on, done.changed > 0
	  INTO access_class, reason, rule_name, reads_30d, reads_90d, age_days, days_since_access, size_bytes,
	       avg_latency_ms, evidence_days, since, recheck_on, changed
	  FROM cloudflux.object_classes c
	  JOIN cloudflux.object_verdicts(today, rules, ARRAY[$1]) v ON v.file_id = c.file_id
	 WHERE c.file_id = $1;
END $$;

-- What the keeper and pg_cron call.
CREATE FUNCTION cloudflux.run_classification() RETURNS text
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT CASE WHEN c.changed + c.removed > 0
	            THEN c.checked || ' objects looked at: ' || c.to_hot || ' became HOT, ' || c.to_warm || ' WARM, ' || c.to_cold || ' COLD'
	                 || CASE WHEN c.removed > 0 THEN ', ' || c.removed || ' verdicts removed' ELSE '' END END
	  FROM cloudflux.classify_objects() c;
END;

INSERT INTO cloudflux.chores (chore_name, room, function_name, every, builtin)
VALUES ('classify_objects', 'tiering', 'run_classification', '1 hour', true);

----------------------------------------------------------------------------------------------------------------------
-- explain_object
----------------------------------------------------------------------------------------------------------------------

-- The conditions of one rule, with what they are compared with.
CREATE FUNCTION cloudflux.check_rule(p_rule cloudflux.active_tier_rules, p_reads_30d bigint, p_reads_90d bigint, p_age_days int,
	p_days_since_access int, p_size_bytes bigint, p_avg_latency_ms double precision, p_evidence_days int, p_place text, p_object_key text)
RETURNS TABLE (condition text, actual text, met boolean)
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT v.condition, COALESCE(v.actual, 'unknown'), COALESCE(v.met, false)
	  FROM (VALUES
		('reads_30d >= ' || (p_rule).min_reads_30d, p_reads_30d::text, p_reads_30d >= (p_rule).min_reads_30d),
		('reads_30d <= ' || (p_rule).max_reads_30d, p_reads_30d::text, p_reads_30d <= (p_rule).max_reads_30d),
		('reads_90d >= ' || (p_rule).min_reads_90d, p_reads_90d::text, p_reads_90d >= (p_rule).min_reads_90d),
		('reads_90d <= ' || (p_rule).max_reads_90d, p_reads_90d::text, p_reads_90d <= (p_rule).max_reads_90d),
		('age_days >= ' || (p_rule).min_age_days, p_age_days::text, p_age_days >= (p_rule).min_age_days),
		('age_days <= ' || (p_rule).max_age_days, p_age_days::text, p_age_days <= (p_rule).max_age_days),
		('days_since_access >= ' || (p_rule).min_days_since_access, COALESCE(p_days_since_access::text, 'never'),
			COALESCE(p_days_since_access >= (p_rule).min_days_since_access, true)),
		('days_since_access <= ' || (p_rule).max_days_since_access, COALESCE(p_days_since_access::text, 'never'),
			p_days_since_access <= (p_rule).max_days_since_access),
		('size_bytes >= ' || (p_rule).min_size_bytes, p_size_bytes::text, p_size_bytes >= (p_rule).min_size_bytes),
		('size_bytes <= ' || (p_rule).max_size_bytes, p_size_bytes::text, p_size_bytes <= (p_rule).max_size_bytes),
		('avg_latency_ms >= ' || (p_rule).min_avg_latency_ms, round(p_avg_latency_ms::numeric, 1)::text, p_avg_latency_ms >= (p_rule).min_avg_latency_ms),
		('avg_latency_ms <= ' || (p_rule).max_avg_latency_ms, round(p_avg_latency_ms::numeric, 1)::text, p_avg_latency_ms <= (p_rule).max_avg_latency_ms),
		('evidence_days >= ' || (p_rule).min_evidence_days, p_evidence_days::text, p_evidence_days >= (p_rule).min_evidence_days),
		('evidence_days <= ' || (p_rule).max_evidence_days, p_evidence_days::text, p_evidence_days <= (p_rule).max_evidence_days),
		('place like ' || quote_literal((p_rule).place_pattern), p_place, p_place LIKE (p_rule).place_pattern),
		('object_key starts with ' || quote_literal((p_rule).key_prefix), p_object_key, starts_with(p_object_key, (p_rule).key_prefix))
	  ) v(condition, actual, met)
	 WHERE v.condition IS NOT NULL;
END;

-- recommend_tier() and tier_candidates() come later (policy/recommend); this body is read when it runs.
CREATE FUNCTION cloudflux.explain_object(file_id text)
RETURNS TABLE (section text, item text, value text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
	today   date := (now() AT TIME ZONE 'UTC')::date;
	rules   cloudflux.active_tier_rules[] := ARRAY(SELECT r FROM cloudflux.active_tier_rules r ORDER BY r.rank);
	object  cloudflux.data_objects;
	facts   record;
	verdict record;
	price   record;
BEGIN
	SELECT o.* INTO object FROM cloudflux.data_objects o WHERE o.file_id = $1;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = '02000', MESSAGE = format('object "%s" does not exist', COALESCE($1, 'NULL')),
			HINT = 'Look for its file_id in cloudflux.data_objects.';
	END IF;

	RETURN QUERY
	SELECT 'object', v.item, v.value
	  FROM (VALUES ('file_id', object.file_id), ('name', object.file_name), ('content type', object.content_type),
		('size', object.size_bytes || ' bytes (' || pg_size_pretty(object.size_bytes) || ')'), ('owner', object.owner),
		('created', to_char(object.created_at, 'YYYY-MM-DD HH24:MI')), ('bytes modified', to_char(object.modified_at, 'YYYY-MM-DD HH24:MI')),
		('vanished', to_char(object.vanished_at, 'YYYY-MM-DD HH24:MI')),
		('sha256', encode(object.sha256, 'hex'))) v(item, value)
	 WHERE v.value IS NOT NULL;

	RETURN QUERY
	SELECT 'location', v.item, v.value
	  FROM (VALUES ('address', COALESCE(object.storage_location, object.place || ': ' || object.object_key, 'catalogued only: no place holds it')),
		('place', object.place), ('storage class', object.storage_class), ('tier', object.current_tier), ('cloud', object.current_cloud)) v(item, value)
	 WHERE v.value IS NOT NULL;
	RETURN QUERY
	SELECT 'location', CASE o.role WHEN 'replica' THEN 'replica ' ELSE 'version ' END || o.version_no,
	       concat_ws(' ', o.place || ': ' || o.object_key, '(' || o.storage_class || ')', 'since ' || to_char(o.valid_from, 'YYYY-MM-DD HH24:MI'),
	           'until ' || to_char(o.valid_to, 'YYYY-MM-DD HH24:MI'), '- ' || o.reason, 'by job ' || o.job_id)
	  FROM cloudflux.object_versions o
	 WHERE o.file_id = $1
	 ORDER BY o.version_no DESC
	 LIMIT 20;

	SELECT f.* INTO facts FROM cloudflux.object_facts(today, ARRAY[$1]) f;                     -- no row of a vanished object
	IF FOUND THEN
		SELECT x.* INTO verdict FROM cloudflux.object_verdicts(today, rules, ARRAY[$1]) x;
		RETURN QUERY
		SELECT 'evidence', v.item, v.value
		  FROM (VALUES ('reads in 30 days', facts.reads_30d::text), ('reads in 90 days', facts.reads_90d::text),
			('last access', COALESCE(CASE WHEN facts.days_since_access <= 0 THEN 'today' ELSE facts.days_since_access || ' days ago' END, 'never seen')),
			('age', facts.age_days || ' days'), ('latency', round(facts.avg_latency_ms::numeric, 1) || ' ms on average in 30 days'),
			('evidence', facts.evidence_days || ' of 90 days')) v(item, value)
		 WHERE v.value IS NOT NULL;

		RETURN QUERY
		SELECT 'class', v.item, v.value
		  FROM (SELECT c.access_class, c.reason, c.since, c.recheck_on FROM cloudflux.object_classes c WHERE c.file_id = $1) c
		 RIGHT JOIN (VALUES (1)) one(x) ON true
		 CROSS JOIN LATERAL (VALUES
			('class', COALESCE(c.access_class || ' since ' || to_char(c.since, 'YYYY-MM-DD HH24:MI'), 'not classified yet')),
			('reason', c.reason), ('looked at again', COALESCE('on ' || to_char(c.recheck_on, 'YYYY-MM-DD'), 'when something changes'))) v(item, value)
		 WHERE v.value IS NOT NULL;
		RETURN QUERY
		SELECT 'rules', r.rank || ' ' || r.rule_name,
		       r.access_class || CASE WHEN r.rank = verdict.rank THEN ' applies' WHEN r.rank > verdict.rank THEN ' is not reached' ELSE ' does not apply' END
		       || COALESCE(': ' || (SELECT string_agg(c.condition || CASE WHEN c.met THEN ' yes (' ELSE ' no (' END || c.actual || ')', ', ')
		                              FROM cloudflux.check_rule(r, facts.reads_30d, facts.reads_90d, facts.age_days, facts.days_since_access,
		                                   facts.size_bytes, facts.avg_latency_ms, facts.evidence_days, facts.place, facts.object_key) c), '')
		  FROM unnest(rules) r
		 ORDER BY r.rank;

		-- Where it should lie, and what each class would cost.
		RETURN QUERY
		SELECT 'optimum', v.item, v.value
		  FROM cloudflux.recommend_tier($1) t
		 CROSS JOIN LATERAL (VALUES ('verdict', t.verdict || CASE WHEN t.verdict = 'move' THEN ' to ' || t.to_place || ' ' || t.to_class ELSE '' END), ('why', t.reason),
			('staying', trim_scale(round(t.stay_cost, 6)) || ' USD'), ('looked at again', 'on ' || to_char(t.recheck_on, 'YYYY-MM-DD'))) v(item, value)
		 WHERE v.value IS NOT NULL;
		RETURN QUERY
		SELECT 'optimum', 'others', format('objects of its place that were idle so long and had been read so often: %s object-days, %s with reads', l.object_days, l.read_days)
		  FROM cloudflux.objects_alike($1) l WHERE l.object_days > 0;
		RETURN QUERY
		SELECT 'candidates', k.storage_class, cloudflux.candidate_in_words(k) FROM cloudflux.tier_candidates($1) k;
	END IF;

	-- What it costs at the prices of its place: storage per month, and its reads of the last 30 days.
	SELECT x.price_provider, x.price_region, x.price_class, x.size_bytes,
	       cloudflux.object_monthly_cost(x.price_provider, x.price_region, x.price_class, x.size_bytes, 0) AS monthly_cost
	  INTO price
	  FROM cloudflux.object_prices x
	 WHERE x.file_id = $1;
	IF price.monthly_cost IS NULL THEN
		RETURN QUERY SELECT 'cost', 'per month', 'unknown: its storage class has no price';
	ELSE
		RETURN QUERY
		SELECT 'cost', 'per month', trim_scale(price.monthly_cost) || ' USD of storage';
		RETURN QUERY
		SELECT 'cost', 'price of', concat_ws(' ', price.price_provider, price.price_region, price.price_class);
		RETURN QUERY
		SELECT 'cost', t.term, format('%s %s at %s = %s USD', trim_scale(round(t.quantity, 6)), t.unit, trim_scale(t.unit_price), trim_scale(round(t.amount, 9)))
		  FROM cloudflux.estimate_storage_cost(price.price_provider, price.price_region, price.price_class, price.size_bytes,
		           p_reads => COALESCE(facts.reads_30d, 0), p_read_bytes => COALESCE(facts.reads_30d * price.size_bytes, 0)) t
		 WHERE t.quantity <> 0;
	END IF;

	RETURN QUERY
	SELECT 'jobs', j.job_id, concat_ws(' ', j.kind || ' to', j.dest_place || ': ' || j.dest_key, '(' || COALESCE(j.dest_class, j.dest_tier) || ')', j.status || ',',
	           'phase ' || COALESCE(q.phase, j.phase) || CASE WHEN q.job_id IS NOT NULL THEN ' (live)' ELSE '' END, 'asked for by ' || j.requested_by,
	           'at ' || to_char(j.created_at, 'YYYY-MM-DD HH24:MI'), '- ' || j.error_message)
	  FROM cloudflux.migration_jobs j
	  LEFT JOIN cloudflux.job_queue q ON q.file_id = j.file_id AND q.job_id = j.job_id
	 WHERE j.file_id = $1
	 ORDER BY j.id DESC
	 LIMIT 10;

	RETURN QUERY
	SELECT 'story', to_char(e.occurred_at, 'YYYY-MM-DD HH24:MI:SS'), e.event_type || CASE WHEN e.data = '{}' THEN '' ELSE ' ' || e.data::text END
	  FROM (SELECT x.id, x.occurred_at, x.event_type, x.data FROM cloudflux.events x WHERE x.subject = $1 ORDER BY x.id DESC LIMIT 50) e
	 ORDER BY e.id;
END $$;

----------------------------------------------------------------------------------------------------------------------
-- Who may, what a dump carries
----------------------------------------------------------------------------------------------------------------------

GRANT SELECT ON cloudflux.tier_rules, cloudflux.active_tier_rules, cloudflux.object_classes, cloudflux.classify_state
	TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, UPDATE, DELETE ON cloudflux.tier_rules TO cloudflux_admin;

REVOKE ALL ON FUNCTION cloudflux.guard_tier_rules() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.queue_new_objects() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.queue_touched_objects() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.queue_gone_objects() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.queue_changed_objects() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.utc_day(timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.int8_sum(bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.judge_object(date, cloudflux.active_tier_rules[], bigint, bigint, int, int, bigint, double precision, int,
	date, date, date, date, date, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.store_first_verdicts(date, cloudflux.active_tier_rules[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.store_verdicts(date, cloudflux.active_tier_rules[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.places_with_other_evidence(jsonb, jsonb, cloudflux.active_tier_rules[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.evidence_of_places(date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.object_facts(date, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.object_verdicts(date, cloudflux.active_tier_rules[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.verdict_reason(text, text, text, bigint, bigint, int, int, bigint, double precision, int) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.rule_asks(cloudflux.active_tier_rules) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.check_rule(cloudflux.active_tier_rules, bigint, bigint, int, int, bigint, double precision, int, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.classify(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.classify_objects(boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.run_classification() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.explain_object(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION cloudflux.explain_object(text), cloudflux.evidence_of_places(date), cloudflux.object_facts(date, text[]),
	cloudflux.object_verdicts(date, cloudflux.active_tier_rules[], text[]), cloudflux.utc_day(timestamptz), cloudflux.int8_sum(bigint),
	cloudflux.judge_object(date, cloudflux.active_tier_rules[], bigint, bigint, int, int, bigint, double precision, int,
		date, date, date, date, date, text, text),
	cloudflux.check_rule(cloudflux.active_tier_rules, bigint, bigint, int, int, bigint, double precision, int, text, text)
	TO cloudflux_viewer;
GRANT EXECUTE ON FUNCTION cloudflux.classify(text), cloudflux.classify_objects(boolean), cloudflux.run_classification()
	TO cloudflux_user, cloudflux_worker;

SELECT pg_catalog.pg_extension_config_dump('cloudflux.tier_rules', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('cloudflux.object_classes', '');

COMMENT ON TABLE cloudflux.tier_rules IS 'Rules for HOT, WARM and COLD: of the enabled rules the first by priority whose conditions are all met decides. A condition that is NULL is always met. A row of yours with the name of a builtin rule replaces it (with enabled = false it switches it off).';
COMMENT ON COLUMN cloudflux.tier_rules.rule_name IS 'Name, shown with every verdict. The name of a builtin rule replaces that rule.';
COMMENT ON COLUMN cloudflux.tier_rules.priority IS 'Rules are tried in ascending order; among equal priorities yours before builtin ones, then by name.';
COMMENT ON COLUMN cloudflux.tier_rules.access_class IS 'Verdict: HOT, WARM or COLD.';
COMMENT ON COLUMN cloudflux.tier_rules.min_reads_30d IS 'At least this many reads in the 30 UTC days up to today.';
COMMENT ON COLUMN cloudflux.tier_rules.max_reads_30d IS 'At most this many reads in the 30 UTC days up to today.';
COMMENT ON COLUMN cloudflux.tier_rules.min_reads_90d IS 'At least this many reads in the 90 UTC days up to today.';
COMMENT ON COLUMN cloudflux.tier_rules.max_reads_90d IS 'At most this many reads in the 90 UTC days up to today.';
COMMENT ON COLUMN cloudflux.tier_rules.min_age_days IS 'At least this many UTC days since created_at, or since modified_at if that is earlier.';
COMMENT ON COLUMN cloudflux.tier_rules.max_age_days IS 'At most this many UTC days since created_at, or since modified_at if that is earlier.';
COMMENT ON COLUMN cloudflux.tier_rules.min_days_since_access IS 'At least this many UTC days since the last access: a logged access, last_accessed or modified_at, whichever is latest. Never accessed is longer than any number of days.';
COMMENT ON COLUMN cloudflux.tier_rules.max_days_since_access IS 'At most this many UTC days since the last access; 0 = accessed today. Not met by an object that was never accessed.';
COMMENT ON COLUMN cloudflux.tier_rules.min_size_bytes IS 'At least this many bytes. Not met by an object of unknown size.';
COMMENT ON COLUMN cloudflux.tier_rules.max_size_bytes IS 'At most this many bytes. Not met by an object of unknown size.';
COMMENT ON COLUMN cloudflux.tier_rules.min_avg_latency_ms IS 'Mean latency of the accesses of 30 days is at least this, in milliseconds. Not met when no access told its latency.';
COMMENT ON COLUMN cloudflux.tier_rules.max_avg_latency_ms IS 'Mean latency of the accesses of 30 days is at most this, in milliseconds. Not met when no access told its latency.';
COMMENT ON COLUMN cloudflux.tier_rules.min_evidence_days IS 'At least this many of the last 90 UTC days are covered by access evidence; 90 for an object whose accesses are on record.';
COMMENT ON COLUMN cloudflux.tier_rules.max_evidence_days IS 'At most this many of the last 90 UTC days are covered by access evidence; 90 for an object whose accesses are on record.';
COMMENT ON COLUMN cloudflux.tier_rules.place_pattern IS 'LIKE pattern for the place; NULL = any place or none.';
COMMENT ON COLUMN cloudflux.tier_rules.key_prefix IS 'The object key begins with this; NULL = any key or none.';
COMMENT ON COLUMN cloudflux.tier_rules.enabled IS 'false: the rule does not apply, and neither does a builtin rule of that name.';
COMMENT ON COLUMN cloudflux.tier_rules.comment IS 'What the rule is for.';
COMMENT ON COLUMN cloudflux.tier_rules.owner IS 'Role that wrote the rule.';
COMMENT ON COLUMN cloudflux.tier_rules.builtin IS 'Came with the extension; cannot be changed, only replaced by a row of the same name.';

COMMENT ON VIEW cloudflux.active_tier_rules IS 'The rules in force, in the order in which they are tried.';
COMMENT ON COLUMN cloudflux.active_tier_rules.rank IS 'Position: 1 is tried first.';
COMMENT ON COLUMN cloudflux.active_tier_rules.rule_name IS 'Name of the rule.';
COMMENT ON COLUMN cloudflux.active_tier_rules.access_class IS 'Verdict: HOT, WARM or COLD.';
COMMENT ON COLUMN cloudflux.active_tier_rules.min_reads_30d IS 'At least this many reads in 30 UTC days.';
COMMENT ON COLUMN cloudflux.active_tier_rules.max_reads_30d IS 'At most this many reads in 30 UTC days.';
COMMENT ON COLUMN cloudflux.active_tier_rules.min_reads_90d IS 'At least this many reads in 90 UTC days.';
COMMENT ON COLUMN cloudflux.active_tier_rules.max_reads_90d IS 'At most this many reads in 90 UTC days.';
COMMENT ON COLUMN cloudflux.active_tier_rules.min_age_days IS 'At least this old, in UTC days.';
COMMENT ON COLUMN cloudflux.active_tier_rules.max_age_days IS 'At most this old, in UTC days.';
COMMENT ON COLUMN cloudflux.active_tier_rules.min_days_since_access IS 'At least this many UTC days since the last access; never accessed meets it.';
COMMENT ON COLUMN cloudflux.active_tier_rules.max_days_since_access IS 'At most this many UTC days since the last access.';
COMMENT ON COLUMN cloudflux.active_tier_rules.min_size_bytes IS 'At least this many bytes.';
COMMENT ON COLUMN cloudflux.active_tier_rules.max_size_bytes IS 'At most this many bytes.';
COMMENT ON COLUMN cloudflux.active_tier_rules.min_avg_latency_ms IS 'Mean latency of 30 days at least this, in milliseconds.';
COMMENT ON COLUMN cloudflux.active_tier_rules.max_avg_latency_ms IS 'Mean latency of 30 days at most this, in milliseconds.';
COMMENT ON COLUMN cloudflux.active_tier_rules.min_evidence_days IS 'At least this many of the last 90 days have access evidence.';
COMMENT ON COLUMN cloudflux.active_tier_rules.max_evidence_days IS 'At most this many of the last 90 days have access evidence.';
COMMENT ON COLUMN cloudflux.active_tier_rules.place_pattern IS 'LIKE pattern for the place.';
COMMENT ON COLUMN cloudflux.active_tier_rules.key_prefix IS 'The object key begins with this.';
COMMENT ON COLUMN cloudflux.active_tier_rules.priority IS 'Priority as written in tier_rules.';
COMMENT ON COLUMN cloudflux.active_tier_rules.builtin IS 'Whether the rule came with the extension.';
COMMENT ON COLUMN cloudflux.active_tier_rules.comment IS 'What the rule is for.';

COMMENT ON TABLE cloudflux.object_classes IS 'Verdicts: the class that the rules give to each object that exists, written by classify() and classify_objects() when it changes. Where the bytes lie is data_objects.current_tier. An object without a row has not been looked at yet.';
COMMENT ON COLUMN cloudflux.object_classes.file_id IS 'Object, as in data_objects.';
COMMENT ON COLUMN cloudflux.object_classes.access_class IS 'HOT, WARM or COLD.';
COMMENT ON COLUMN cloudflux.object_classes.reason IS 'Why, in words, with the figures as of the day of the verdict. explain_object() tells those of today.';
COMMENT ON COLUMN cloudflux.object_classes.since IS 'Since when the object has been in this class.';
COMMENT ON COLUMN cloudflux.object_classes.recheck_on IS 'First UTC day on which the passage of time alone may change the verdict; NULL = never.';
COMMENT ON COLUMN cloudflux.object_classes.rule_name IS 'Rule that decided; NULL = no rule matched, which means WARM.';

COMMENT ON TABLE cloudflux.classify_queue IS 'Objects that classify_objects() looks at next, fed by triggers; an object may be here several times; not dumped.';
COMMENT ON COLUMN cloudflux.classify_queue.file_id IS 'Object that changed, was accessed, came or went.';
COMMENT ON COLUMN cloudflux.classify_queue.gone IS 'Whether it was deleted or vanished.';
COMMENT ON TABLE cloudflux.classify_state IS 'What the last run of classify_objects() knew; without a row the next run looks at every object; not dumped.';
COMMENT ON COLUMN cloudflux.classify_state.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN cloudflux.classify_state.rules_digest IS 'Digest of the rules in force at the last run.';
COMMENT ON COLUMN cloudflux.classify_state.classified_on IS 'UTC day of the last run.';
COMMENT ON COLUMN cloudflux.classify_state.classified_at IS 'When the last run began.';
COMMENT ON COLUMN cloudflux.classify_state.evidence IS 'Days with access evidence of the last 90, per place, at the last run.';

COMMENT ON FUNCTION cloudflux.guard_tier_rules() IS 'Trigger: builtin rules are neither changed nor added, and nobody but a superuser sets the owner of a rule (42501).';
COMMENT ON FUNCTION cloudflux.queue_new_objects() IS 'Trigger: queues new objects for classification; rows of a restore are left out, since the first run after it looks at everything. SECURITY DEFINER: who inserts objects has no rights on the queue.';
COMMENT ON FUNCTION cloudflux.queue_touched_objects() IS 'Trigger: queues the objects of the rows that a statement touched. SECURITY DEFINER, as queue_new_objects().';
COMMENT ON FUNCTION cloudflux.queue_gone_objects() IS 'Trigger: queues deleted objects, so that their verdicts go. SECURITY DEFINER, as queue_new_objects().';
COMMENT ON FUNCTION cloudflux.queue_changed_objects() IS 'Trigger: queues objects of which a column changed that a rule can read. SECURITY DEFINER, as queue_new_objects().';
COMMENT ON TRIGGER guard_tier_rules ON cloudflux.tier_rules IS 'Builtin rules are neither changed nor added.';
COMMENT ON TRIGGER guard_tier_rules_truncate ON cloudflux.tier_rules IS 'Builtin rules cannot be removed.';
COMMENT ON TRIGGER queue_new_objects ON cloudflux.data_objects IS 'New objects are classified by the next run.';
COMMENT ON TRIGGER queue_gone_objects ON cloudflux.data_objects IS 'Verdicts of deleted objects go with the next run.';
COMMENT ON TRIGGER queue_changed_objects ON cloudflux.data_objects IS 'Objects of which something changed that a rule can read are classified again by the next run.';
COMMENT ON TRIGGER queue_accessed_objects ON cloudflux.access_daily IS 'Accesses that were folded: their objects are classified again by the next run.';
COMMENT ON TRIGGER queue_accessed_objects_again ON cloudflux.access_daily IS 'Accesses that were folded into a day that exists: their objects are classified again by the next run.';

COMMENT ON FUNCTION cloudflux.evidence_of_places(date) IS 'Per place the number of UTC days with access evidence among the 90 up to p_today; places without any are not listed.';
COMMENT ON FUNCTION cloudflux.object_facts(date, text[]) IS 'The figures that rules compare, as of the UTC day p_today, of the objects p_file_ids (NULL = all) that have not vanished; unknown objects are left out. days_since_access NULL = never accessed; evidence_days is 90 when accesses of the object itself are on record, else that of its place. Where no access was logged and nothing was ever counted, the counts are those that were inserted with the object.';
COMMENT ON FUNCTION cloudflux.object_verdicts(date, cloudflux.active_tier_rules[], text[]) IS 'The rank of the first of p_rules that matches each of the objects p_file_ids (NULL = all) on the UTC day p_today, NULL = none, with the figures it was compared with. recheck_on is the first day on which time alone may change it. Writes nothing.';
COMMENT ON FUNCTION cloudflux.utc_day(timestamptz) IS 'UTC day of a moment, whatever TimeZone is; as (p AT TIME ZONE ''UTC'')::date.';
COMMENT ON AGGREGATE cloudflux.int8_sum(bigint) IS 'Sum of bigint as bigint, NULL of no rows; 22003 when it does not fit.';
COMMENT ON FUNCTION cloudflux.judge_object(date, cloudflux.active_tier_rules[], bigint, bigint, int, int, bigint, double precision, int, date, date, date, date, date, text, text) IS 'The rank of the first of p_rules that an object with these figures meets on the UTC day p_today, NULL = none, and the first day on which time alone may change that, NULL = never. p_days_since_access NULL = never accessed; p_size_bytes and p_avg_latency_ms NULL = unknown; the dates are those of object_facts().';
COMMENT ON FUNCTION cloudflux.store_first_verdicts(date, cloudflux.active_tier_rules[]) IS 'store_verdicts() for all objects while there is no verdict; the caller holds a lock on object_classes.';
COMMENT ON FUNCTION cloudflux.verdict_reason(text, text, text, bigint, bigint, int, int, bigint, double precision, int) IS 'A verdict in words, with the figures that its rule asked for.';
COMMENT ON FUNCTION cloudflux.rule_asks(cloudflux.active_tier_rules) IS 'The figures that a rule asks for, a letter each: e evidence, i days since access, 3 and 9 reads in 30 and 90 days, a age, s size, l latency. A rule that asks for none tells i, 3 and 9.';
COMMENT ON FUNCTION cloudflux.check_rule(cloudflux.active_tier_rules, bigint, bigint, int, int, bigint, double precision, int, text, text) IS 'Each condition of a rule, the figure that it is compared with, and whether it is met.';
COMMENT ON FUNCTION cloudflux.places_with_other_evidence(jsonb, jsonb, cloudflux.active_tier_rules[]) IS 'Places whose days of evidence crossed a threshold of the rules between two runs.';
COMMENT ON FUNCTION cloudflux.store_verdicts(date, cloudflux.active_tier_rules[], text[]) IS 'Judges the objects p_file_ids (NULL = all), writes the verdicts that differ from object_classes and tells how many objects changed their class, with up to 20 of them per class.';
COMMENT ON FUNCTION cloudflux.classify(text) IS 'Classifies one object now, stores the verdict and returns it with the figures behind it; changed tells whether its class is another one than before. Errors: 02000 unknown object, 55000 vanished object. SECURITY DEFINER: only this and classify_objects() may write verdicts.';
COMMENT ON FUNCTION cloudflux.classify_objects(boolean) IS 'Classifies the objects for which something changed since the last run: their row, their accesses, the access evidence of their place, the rules, or the day; all objects at the first run, when rules changed, or when p_all. Returns one row: scope (all or changed), objects checked, objects that changed their class and to which, verdicts removed because their object is gone. Emits one event objects.classified when a class changed. One run at a time: a second one waits. SECURITY DEFINER, as classify().';
COMMENT ON FUNCTION cloudflux.run_classification() IS 'The chore classify_objects: runs classify_objects() and tells what it did; NULL = nothing changed.';
COMMENT ON FUNCTION cloudflux.explain_object(text) IS 'All about one object as (section, item, value): object, location and its history, access evidence, class, every rule with its conditions, where it should lie and what every class would cost (recommend_tier(), tier_candidates()), cost, jobs, and the story of its events in order (times in UTC). Error: 02000 unknown object.';
