/*
 * forecast/features: what models know of an object at the end of a UTC day, from its row and the roll-up of the 90 days up to then.
 * Defined here and nowhere else: learning, scoring and predicting read the same function, so they cannot drift apart. Days are whole,
 * since the roll-up is: there is no profile of hours.
 *
 * A model keeps the list that it was trained with (models.features); a new feature is appended, and old models go on with theirs.
 */

CREATE FUNCTION cloudflux.known_features(OUT feature_no int, OUT feature text, OUT unit text, OUT categorical boolean, OUT meaning text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 30
BEGIN ATOMIC
	SELECT f.feature_no, f.feature, f.unit, f.categorical, f.meaning
	  FROM (VALUES
		(1, 'reads_1d', 'reads', false, 'reads on the day itself'),
		(2, 'reads_3d', 'reads', false, 'reads in 3 days'),
		(3, 'reads_7d', 'reads', false, 'reads in 7 days'),
		(4, 'reads_14d', 'reads', false, 'reads in 14 days'),
		(5, 'reads_30d', 'reads', false, 'reads in 30 days'),
		(6, 'reads_90d', 'reads', false, 'reads in 90 days'),
		(7, 'read_days_7d', 'days', false, 'days with a read, of 7'),
		(8, 'read_days_30d', 'days', false, 'days with a read, of 30'),
		(9, 'read_days_90d', 'days', false, 'days with a read, of 90'),
		(10, 'peak_30d', 'reads', false, 'reads on the busiest of 30 days'),
		(11, 'bytes_7d', 'bytes', false, 'bytes read in 7 days; a read that does not tell its bytes is the whole object'),
		(12, 'bytes_30d', 'bytes', false, 'bytes read in 30 days'),
		(13, 'writes_30d', 'writes', false, 'writes in 30 days'),
		(14, 'recency', 'days', false, 'days since the last read; missing when there is none in 90 days'),
		(15, 'gap_mean', 'days', false, 'mean distance of days with a read; missing below two of them'),
		(16, 'gap_now', 'ratio', false, 'recency over gap_mean; missing below two days with a read'),
		(17, 'trend', 'reads per day', false, 'reads per day in 7 days, less those of the 21 days before'),
		(18, 'weekend_share', 'ratio', false, 'reads on Saturdays and Sundays over reads, of 90 days; missing without a read'),
		(19, 'weekday_reads', 'reads', false, 'mean of the reads on the four latest days of the next day''s weekday'),
		(20, 'size', 'bytes', false, 'size of the object; missing when it is not known'),
		(21, 'age', 'days', false, 'days since it was made'),
		(22, 'unchanged', 'days', false, 'days since its bytes changed; missing when it is not known'),
		(23, 'type', 'code', true, 'content type'),
		(24, 'group_objects', 'objects', false, 'objects of its group: those in the same place whose keys share what stands before the first slash'),
		(25, 'group_read_7d', 'ratio', false, 'share of the group that was read in 7 days'),
		(26, 'group_read_1d', 'ratio', false, 'share of the group that was read on the day itself'),
		(27, 'group_reads_7d', 'reads', false, 'reads in 7 days per object of the group')
	  ) f(feature_no, feature, unit, categorical, meaning);
END;

-- Objects that were there at the end of p_day, by what the catalogue says of them now. Whole tables meet here: on a catalogue that nobody has
-- analyzed yet the planner would read the roll-up once per object.
CREATE FUNCTION cloudflux.object_features(p_day date)
RETURNS TABLE (file_id text, place text, object_key text, size_bytes bigint, age_days int, idle_days int, reads_7d bigint,
	history bigint, features real[])
LANGUAGE sql STABLE SET enable_nestloop = off SET jit = off SET work_mem = '64MB'
BEGIN ATOMIC
	SELECT g.file_id, g.place, g.object_key, g.size_bytes, g.age, g.idle, g.r7,
	       hashtextextended(concat_ws(',', g.r90, g.d90, g.w30, g.last_read, g.size_bytes, g.modified), 0),
	       ARRAY[g.r1, g.r3, g.r7, g.r14, g.r30, g.r90, g.d7, g.d30, g.d90, g.peak,
	             g.b7 + g.f7 * COALESCE(g.size_bytes, 0)::real, g.b30 + g.f30 * COALESCE(g.size_bytes, 0)::real, g.w30,
	             p_day - g.last_read,
	             (g.last_read - g.first_read)::real / NULLIF(g.d90 - 1, 0),
	             (p_day - g.last_read)::real * (g.d90 - 1) / NULLIF(g.last_read - g.first_read, 0),
	             g.r7 / 7.0 - g.r8_28 / 21.0,
	             g.weekend::real / NULLIF(g.r90, 0),
	             g.weekday / 4.0,
	             g.size_bytes, g.age, g.unchanged,
	             -- 24 bits of a hash: what a real holds exactly.
	             CASE WHEN g.content_type IS NULL THEN NULL ELSE hashtext(lower(g.content_type)) & 16777215 END,
	             count(*) OVER grp,
	             avg((g.r7 > 0)::int) OVER grp, avg((g.r1 > 0)::int) OVER grp, avg(g.r7) OVER grp]::real[]
	  FROM (
		SELECT o.file_id, o.place, o.object_key, o.size_bytes, o.content_type,
		       p_day - (LEAST(o.created_at, o.modified_at) AT TIME ZONE 'UTC')::date AS age,
		       p_day - (o.modified_at AT TIME ZONE 'UTC')::date AS unchanged,
		       (o.modified_at AT TIME ZONE 'UTC')::date AS modified,
		       p_day - GREATEST(a.last_read, (o.modified_at AT TIME ZONE 'UTC')::date) AS idle,
		       COALESCE(a.r1, 0) AS r1, COALESCE(a.r3, 0) AS r3, COALESCE(a.r7, 0) AS r7, COALESCE(a.r14, 0) AS r14,
		       COALESCE(a.r30, 0) AS r30, COALESCE(a.r90, 0) AS r90, COALESCE(a.d7, 0) AS d7, COALESCE(a.d30, 0) AS d30,
		       COALESCE(a.d90, 0) AS d90, COALESCE(a.peak, 0) AS peak, COALESCE(a.b7, 0)::real AS b7, COALESCE(a.f7, 0)::real AS f7,
		       COALESCE(a.b30, 0)::real AS b30, COALESCE(a.f30, 0)::real AS f30, COALESCE(a.w30, 0) AS w30, COALESCE(a.r8_28, 0) AS r8_28,
		       COALESCE(a.weekend, 0) AS weekend, COALESCE(a.weekday, 0) AS weekday, a.first_read, a.last_read,
		       o.place || '/' || split_part(o.object_key, '/', 1) AS grp_name
		  FROM cloudflux.data_objects o
		  LEFT JOIN (
			SELECT d.file_id,
			       sum(d.reads) FILTER (WHERE d.day = p_day)::bigint AS r1,
			       sum(d.reads) FILTER (WHERE d.day > p_day - 3)::bigint AS r3,
			       sum(d.reads) FILTER (WHERE d.day > p_day - 7)::bigint AS r7,
			       sum(d.reads) FILTER (WHERE d.day > p_day - 14)::bigint AS r14,
			       sum(d.reads) FILTER (WHERE d.day > p_day - 30)::bigint AS r30,
			       sum(d.reads)::bigint AS r90,
			       sum(d.reads) FILTER (WHERE d.day <= p_day - 7 AND d.day > p_day - 28)::bigint AS r8_28,
			       count(*) FILTER (WHERE d.reads > 0 AND d.day > p_day - 7) AS d7,
			       count(*) FILTER (WHERE d.reads > 0 AND d.day > p_day - 30) AS d30,
			       count(*) FILTER (WHERE d.reads > 0) AS d90,
			       max(d.reads) FILTER (WHERE d.day > p_day - 30) AS peak,
			       sum(d.bytes) FILTER (WHERE d.day > p_day - 7) AS b7,
			       sum(d.full_reads) FILTER (WHERE d.day > p_day - 7) AS f7,
			       sum(d.bytes) FILTER (WHERE d.day > p_day - 30) AS b30,
			       sum(d.full_reads) FILTER (WHERE d.day > p_day - 30) AS f30,
			       sum(d.writes) FILTER (WHERE d.day > p_day - 30)::bigint AS w30,
			       sum(d.reads) FILTER (WHERE (d.day - '2000-01-01'::date) % 7 < 2)::bigint AS weekend,
			       sum(d.reads) FILTER (WHERE d.day > p_day - 28 AND (p_day + 1 - d.day) % 7 = 0)::bigint AS weekday,
			       min(d.day) FILTER (WHERE d.reads > 0) AS first_read,
			       max(d.day) FILTER (WHERE d.reads > 0) AS last_read
			  FROM (SELECT x.file_id, x.day, x.reads, x.writes, x.bytes, x.full_reads
			          FROM cloudflux.access_daily x
			         WHERE x.day > p_day - 90 AND x.day <= p_day
			           AND NOT EXISTS (SELECT FROM cloudflux.access_deltas e WHERE e.file_id = x.file_id)
			        UNION ALL
			        -- Where deltas wait, a day is the sum of its rows; these are few.
			        SELECT u.file_id, u.day, sum(u.reads)::bigint, sum(u.writes)::bigint, sum(u.bytes)::bigint, sum(u.full_reads)::bigint
			          FROM (SELECT x.file_id, x.day, x.reads, x.writes, x.bytes, x.full_reads
			                  FROM cloudflux.access_daily x
			                  JOIN (SELECT DISTINCT e.file_id FROM cloudflux.access_deltas e) k ON k.file_id = x.file_id
			                UNION ALL
			                SELECT y.file_id, y.day, y.reads, y.writes, y.bytes, y.full_reads FROM cloudflux.access_deltas y) u
			         WHERE u.day > p_day - 90 AND u.day <= p_day
			         GROUP BY u.file_id, u.day) d
			 GROUP BY d.file_id) a ON a.file_id = o.file_id
		 WHERE o.vanished_at IS NULL AND (LEAST(o.created_at, o.modified_at) AT TIME ZONE 'UTC')::date <= p_day) g
	WINDOW grp AS (PARTITION BY g.grp_name);
END;

COMMENT ON FUNCTION cloudflux.known_features() IS 'What models know of an object, in the order of object_features(): name, unit, whether it is a code that is only compared for equality, and what it means. All of them are as of the end of one UTC day; windows end with that day.';
COMMENT ON FUNCTION cloudflux.object_features(date) IS 'The features of every object that was there at the end of the UTC day p_day, as known_features() names them (NULL = missing), from the 90 days up to then; deltas that are not folded yet count. Beside them what rules ask for: size_bytes, age_days, idle_days (since the last read or change; NULL = none in 90 days), reads_7d; history is a hash of the accesses and the version: as long as it stays, so does what is predicted but for the passing of time.';

REVOKE ALL ON FUNCTION cloudflux.known_features(), cloudflux.object_features(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.known_features(), cloudflux.object_features(date)
	TO cloudflux_viewer, cloudflux_user, cloudflux_admin, cloudflux_worker;
