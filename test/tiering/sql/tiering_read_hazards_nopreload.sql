-- What happened to the other objects of a place makes a move come earlier, where there is enough of it; who learns it, who may see it, who says it.
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT ensure_partitions() IS NOT NULL AS made \gset
SELECT add_storage('lake', 'AWS', 'lake-bucket', options => '{"region": "us-east-1"}');
SELECT add_storage('pond', 'AWS', 'pond-bucket', options => '{"region": "us-east-1"}');
SELECT add_storage('spring', 'AWS', 'spring-bucket', options => '{"region": "us-east-1"}');
SELECT add_storage('dark', 'AWS', 'dark-bucket', options => '{"region": "us-east-1"}');
INSERT INTO access_coverage (place, day) SELECT p.place, current_date - d FROM generate_series(0, 400) AS d, unnest(ARRAY['lake', 'pond', 'spring']) AS p(place);
-- In the lake nobody comes back after a week, in the spring everybody does every 40 days; in the pond there is one object. All have one that is 70 days old, and big.
-- Nobody would notice reads in the dark: it teaches nothing.
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, storage_class, created_at)
	SELECT p.place || n, p.place || n, 1073741824, p.place, 'k/' || n, 'STANDARD', now() - interval '300 days' FROM unnest(ARRAY['lake', 'spring']) AS p(place), generate_series(1, 200) AS n
	UNION ALL SELECT 'dark' || n, 'dark' || n, 1073741824, 'dark', 'k/' || n, 'STANDARD', now() - interval '300 days' FROM generate_series(1, 3) AS n
	UNION ALL SELECT p.place || ' new', p.place || ' new', 1073741824000, p.place, 'new', 'STANDARD', now() - interval '70 days' FROM unnest(ARRAY['lake', 'pond', 'spring']) AS p(place);
INSERT INTO access_logs (file_id, accessed_at, bytes)
	SELECT o.file_id, o.created_at + d.day * interval '1 day', o.size_bytes FROM data_objects AS o, unnest(ARRAY[1, 3, 5, 7, 47, 87, 127, 167, 207, 247, 287]) AS d(day)
	 WHERE o.place <> 'dark' AND (d.day < 10 OR o.place = 'spring') AND o.created_at + d.day * interval '1 day' < now();

-- Else all of them would be left to Intelligent-Tiering
INSERT INTO user_policies (policy_name, policy_type, conditions) VALUES ('by hand', 'residency', '{"allowed_classes": ["STANDARD", "STANDARD_IA", "GLACIER_IR"]}');

-- Nothing is known before the first run: each goes by its own past alone
SELECT count(*) FROM read_hazards;
SELECT o.place, r.verdict, r.to_class FROM data_objects AS o CROSS JOIN LATERAL recommend_tier(o.file_id) AS r WHERE o.object_key = 'new' ORDER BY o.place;
SELECT * FROM objects_alike('lake new');
SELECT scope, checked FROM recommend_objects();

-- Every object and day is counted once, and of each place apart
SELECT h.place, sum(h.object_days) AS object_days, sum(h.read_days) AS read_days, sum(h.reads) AS reads, sum(h.sizes) AS sizes, max(h.learned_through) = current_date - 1 AS through_yesterday
  FROM read_hazards AS h GROUP BY h.place ORDER BY h.place;
SELECT o.place, sum(greatest(current_date - (o.created_at AT TIME ZONE 'UTC')::date, 0)) AS object_days, sum((SELECT count(*) FROM access_logs AS a WHERE a.file_id = o.file_id)) AS read_days
  FROM data_objects AS o WHERE o.place <> 'dark' GROUP BY o.place ORDER BY o.place;
SELECT place, often_class, idle_class, object_days, read_days, current_date - since AS days_ago FROM read_hazards WHERE place = 'lake' ORDER BY often_class, idle_class;

-- Where nobody comes back the new one moves now, where all do to a class whose reads are cheap; where there is one object, it is as before
SELECT o.place, r.verdict, r.to_class FROM data_objects AS o CROSS JOIN LATERAL recommend_tier(o.file_id) AS r WHERE o.object_key = 'new' ORDER BY o.place;
SELECT file_id, to_class FROM recommendations WHERE file_id LIKE '% new' ORDER BY file_id;
SELECT o.place, a.object_days, a.read_days FROM data_objects AS o CROSS JOIN LATERAL objects_alike(o.file_id) AS a WHERE o.object_key = 'new' ORDER BY o.place;
SELECT value FROM explain_object('lake new') WHERE section = 'optimum' AND item = 'others';
SELECT explain_object_json('lake new') -> 'others' AS others;
SELECT explain_object_text('lake new') LIKE '%Objects of its place that were idle so long and had been read so often were read on 0 of % days.%' AS says_so;

-- It is learned once a day, by any run, and by a run over everything
DELETE FROM read_hazards;
SELECT scope, (SELECT count(*) FROM read_hazards) AS known FROM recommend_objects();
SELECT scope FROM recommend_objects(true);
SELECT count(*) > 0 AS learned FROM read_hazards;
DELETE FROM read_hazards;
UPDATE recommend_state SET recommended_on = recommended_on - 1;
SELECT count(*) FROM recommend_objects();
SELECT count(*) > 0 AS learned FROM read_hazards;
-- What more is known by a tenth brings the objects of that place, and no others
SELECT fold_accesses() IS NOT NULL AS folded, (SELECT count(*) FROM classify_objects()) AS classified;
SELECT count(*) FROM recommend_objects();
SELECT checked FROM recommend_objects();
UPDATE read_hazards SET object_days = object_days * 2 WHERE place = 'pond';
SELECT scope, checked FROM recommend_objects();
-- Who has gone teaches nothing
UPDATE data_objects SET vanished_at = now() WHERE place = 'spring' AND object_key <> 'new';
SELECT count(*) FROM recommend_objects(true);
SELECT place, sum(object_days) AS object_days, sum(read_days) AS read_days FROM read_hazards GROUP BY place ORDER BY place;

-- What does not make sense is left out
SELECT (SELECT sum(c.n) FROM unnest(a.cells) WITH ORDINALITY AS c(n, i) WHERE c.i % 7 = 2) AS object_days
  FROM (SELECT learned_hazards(date '2026-01-01', s.size_bytes, s.begun_on, s.last_read_on, NULL) AS cells
          FROM (VALUES (-1::bigint, date '2025-01-01', NULL::date), (NULL, '2025-01-01', NULL), (1, NULL, NULL), (1, 'infinity', NULL), (1, '2025-12-31', 'infinity'), (1, '-infinity', '-infinity')) AS s(size_bytes, begun_on, last_read_on)) AS a;
SELECT learned_hazards(NULL, NULL, NULL, NULL, NULL) IS NULL AS nothing FROM data_objects WHERE false;

-- Who may
CREATE ROLE regress_reader IN ROLE cloudflux_viewer;
SET ROLE regress_reader;
SELECT count(*) > 0 AS sees FROM read_hazards;
SELECT object_days > 0 AS told FROM objects_alike('lake1');
\set VERBOSITY terse
DELETE FROM read_hazards;
SELECT learn_read_hazards(current_date);
RESET ROLE;
DROP ROLE regress_reader;
