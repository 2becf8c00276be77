/*
 * tiering/read_hazards: what happened to the objects of a place, by how long they had been idle and how often they had been read.
 *
 * A recommendation asks it (src/tiering/hazard.h): where objects that nobody has read for a week are hardly ever read again, a little regret is enough to move
 * one. recommend_objects() learns it anew with its first run of a UTC day, as a set: the counts of all objects of a place are one aggregate. Of a place
 * with many objects, about 65,536 of them are learned from, chosen by their ids.
 */

CREATE TABLE cloudflux.read_hazards (
	place           text NOT NULL,
	often_class     int NOT NULL CHECK (often_class BETWEEN 0 AND 5),
	idle_class      int NOT NULL CHECK (idle_class BETWEEN 0 AND 9),
	learned_through date NOT NULL,
	since           date NOT NULL,
	object_days     double precision NOT NULL CHECK (object_days >= 0),
	read_days       double precision NOT NULL CHECK (read_days >= 0),
	reads           double precision NOT NULL CHECK (reads >= 0),
	sizes           double precision NOT NULL CHECK (sizes >= 0),
	followed        double precision NOT NULL CHECK (followed >= 0),
	further         double precision NOT NULL CHECK (further >= 0),
	PRIMARY KEY (place, often_class, idle_class)
);

CREATE FUNCTION cloudflux.learned_hazards_add(internal, date, bigint, date, date, bytea) RETURNS internal
LANGUAGE c IMMUTABLE
AS 'MODULE_PATHNAME', 'cloudflux_learned_hazards_add';

CREATE FUNCTION cloudflux.learned_hazards_end(internal) RETURNS double precision[]
LANGUAGE c IMMUTABLE
AS 'MODULE_PATHNAME', 'cloudflux_learned_hazards_end';

CREATE AGGREGATE cloudflux.learned_hazards(until date, size_bytes bigint, begun_on date, last_read_on date, reads bytea)
	(SFUNC = cloudflux.learned_hazards_add, STYPE = internal, SSPACE = 8192, FINALFUNC = cloudflux.learned_hazards_end);

-- Learns from everything that is on record through yesterday: today is not over. Objects whose reads may have gone unnoticed teach nothing.
CREATE FUNCTION cloudflux.learn_read_hazards(p_today date) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET random_page_cost = 1.1 SET work_mem = '64MB'
AS $$
DECLARE
	v_file_ids text[];
BEGIN
	SELECT array_agg(o.file_id ORDER BY o.file_id) INTO v_file_ids
	  FROM cloudflux.data_objects AS o
	  JOIN (SELECT x.place, ceil(count(*) / 65536.0)::bigint AS every
	          FROM cloudflux.data_objects AS x WHERE x.vanished_at IS NULL AND x.size_bytes IS NOT NULL GROUP BY x.place) AS c ON c.place = o.place
	 WHERE o.vanished_at IS NULL AND o.size_bytes IS NOT NULL AND (c.every = 1 OR (hashtextextended(o.file_id, 0) & 1073741823) % c.every = 0);
	DELETE FROM cloudflux.read_hazards;
	INSERT INTO cloudflux.read_hazards (place, often_class, idle_class, learned_through, since, object_days, read_days, reads, sizes, followed, further)
	SELECT l.place, i / 10, i % 10, p_today - 1, date '2000-01-01' + l.cells[i * 7 + 1]::int, l.cells[i * 7 + 2], l.cells[i * 7 + 3], l.cells[i * 7 + 4], l.cells[i * 7 + 5],
	       l.cells[i * 7 + 6], l.cells[i * 7 + 7]
	  FROM (SELECT f.place, cloudflux.learned_hazards(p_today - 1, f.size_bytes, f.begun_on, f.last_read_on, f.reads) AS cells
	          FROM cloudflux.recommend_facts(p_today, COALESCE(v_file_ids, '{}')) AS f
	         WHERE f.begun_on IS NOT NULL AND f.evidence_days >= (SELECT s.min_evidence FROM cloudflux.recommend_settings() AS s)
	         GROUP BY f.place) AS l
	 CROSS JOIN generate_series(0, 59) AS i
	 WHERE l.cells[i * 7 + 2] > 0;
END
$$;

GRANT SELECT ON cloudflux.read_hazards TO cloudflux_viewer, cloudflux_worker;
REVOKE ALL ON FUNCTION cloudflux.learned_hazards_add(internal, date, bigint, date, date, bytea), cloudflux.learned_hazards_end(internal),
	cloudflux.learned_hazards(date, bigint, date, date, bytea), cloudflux.learn_read_hazards(date) FROM PUBLIC;

COMMENT ON TABLE cloudflux.read_hazards IS 'What happened to the objects of each place, by how long they had been idle and how often they had been read: learned by recommend_objects() with its first run of a UTC day, asked by recommend_tier(). Not dumped, since that run learns it again.';
COMMENT ON COLUMN cloudflux.read_hazards.place IS 'Place.';
COMMENT ON COLUMN cloudflux.read_hazards.often_class IS 'How often they had been read, in days with reads of which old ones count less (half-life 60 days; the upload counts as one): 0 below 1.5, then below 3, 6, 12, 24, and 5 more.';
COMMENT ON COLUMN cloudflux.read_hazards.idle_class IS 'How long nobody had read them: 0 less than 2 days, 1 less than 4, and so on by powers of two, 9 512 days and more.';
COMMENT ON COLUMN cloudflux.read_hazards.learned_through IS 'Last UTC day that was learned from.';
COMMENT ON COLUMN cloudflux.read_hazards.since IS 'First UTC day on which an object of the place had been idle so long.';
COMMENT ON COLUMN cloudflux.read_hazards.object_days IS 'Days, added up over objects, that they were so: each could have brought a read.';
COMMENT ON COLUMN cloudflux.read_hazards.read_days IS 'How many of them did.';
COMMENT ON COLUMN cloudflux.read_hazards.reads IS 'Reads on those.';
COMMENT ON COLUMN cloudflux.read_hazards.sizes IS 'Bytes read on those, in sizes of the object.';
COMMENT ON COLUMN cloudflux.read_hazards.followed IS 'Those of read_days whose next 64 days are on record.';
COMMENT ON COLUMN cloudflux.read_hazards.further IS 'Days with reads in these 64 days, added up.';
COMMENT ON FUNCTION cloudflux.learned_hazards_add(internal, date, bigint, date, date, bytea) IS 'A step of learned_hazards().';
COMMENT ON FUNCTION cloudflux.learned_hazards_end(internal) IS 'The result of learned_hazards().';
COMMENT ON AGGREGATE cloudflux.learned_hazards(date, bigint, date, date, bytea) IS 'What happened to objects that were watched from begun_on through a day: for each class of frequency, and in it of idle days, seven numbers, those of read_hazards from since on (as days since 2000).';
COMMENT ON FUNCTION cloudflux.learn_read_hazards(date) IS 'Fills read_hazards with what is on record through the day before p_today. Called by recommend_objects()';
