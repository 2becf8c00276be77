-- What a replay knows of the time before the period: since when reads would have been noticed, and what old objects that nobody read are worth.
\getenv places CF_PLACES
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
SET client_min_messages = error;
SET datestyle = 'ISO';
\! mkdir -p $CF_PLACES/known
\set root :places '/known'
SELECT add_storage('known', 'LOCAL', :'root', options => '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, storage_class, created_at)
	SELECT 'k' || n, 'k' || n, 1073741824, 'known', 'old/' || n, 'STANDARD', '2023-02-01' FROM generate_series(1, 200) AS n;
-- One object of one byte is read on every day
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, storage_class, created_at) VALUES ('busy', 'busy', 1, 'known', 'old/busy', 'STANDARD', '2023-02-01');
UPDATE object_versions AS v SET valid_from = '2023-02-01' WHERE v.place = 'known';
CREATE TABLE known_reads (file_id text, day date, reads bigint, bytes bigint);
INSERT INTO known_reads SELECT 'busy', date '2024-03-01' + d, 1, 1 FROM generate_series(0, 119) AS d;

-- Since when reads would have been noticed: the days before that are on record, back to the first long gap
SELECT record_from('known', 'known_reads', '2024-03-01');
SELECT record_from('known', 'known_reads', '2024-04-01');
INSERT INTO access_coverage (place, day) SELECT 'known', date '2024-02-29' - d FROM generate_series(0, 300) AS d WHERE d NOT BETWEEN 101 AND 107;
SELECT record_from('known', 'known_reads', '2024-03-01') AS gap_of_a_week_begins_the_record, record_from('known', 'known_reads', '2024-03-01', true) AS unless_it_is_allowed;
INSERT INTO access_coverage (place, day) SELECT 'known', date '2024-02-29' - 104;
SELECT record_from('known', 'known_reads', '2024-03-01') AS closed;
-- What comes later tells nothing
BEGIN;
INSERT INTO access_coverage (place, day) SELECT 'known', date '2024-03-02' + d FROM generate_series(0, 30) AS d;
INSERT INTO known_reads VALUES ('k1', '2024-03-02', 1, 1);
SELECT record_from('known', 'known_reads', '2024-03-01');
ROLLBACK;

-- With 301 days of logs on record without a read the policy moves everything that is old after the first day
SELECT day, storage_class, count(*) FROM replay_moves('cloudflux', '2024-03-01', p_place => 'known', p_history => 'known_reads') GROUP BY 1, 2 ORDER BY 1, 2;
-- With a month on record it knows what happens to such objects, and a part of the regret is enough
DELETE FROM access_coverage WHERE place = 'known' AND day < '2024-01-31';
SELECT day, storage_class, count(*) FROM replay_moves('cloudflux', p_place => 'known', p_history => 'known_reads') GROUP BY 1, 2 ORDER BY 1, 2;
-- With none on record it waits until the days that it sees agree with the age of the objects
DELETE FROM access_coverage WHERE place = 'known';
SELECT min(day) BETWEEN '2024-03-05' AND '2024-03-21' AS soon, max(day) <= '2024-03-21' AS all_of_them, string_agg(DISTINCT storage_class, ', ') AS class, count(*) AS moves
  FROM replay_moves('cloudflux', p_place => 'known', p_history => 'known_reads');
SELECT bool_and(c.total_cost <= 1.5 * s.total_cost) AS not_far_from_the_best, bool_and(c.total_cost < 0.6 * s.total_cost) FILTER (WHERE s.policy_name IN ('stay', 'automatic')) AS and_better_than_waiting
  FROM simulate_policy(p_place => 'known', p_history => 'known_reads') AS s, simulate_policy('cloudflux', p_place => 'known', p_history => 'known_reads') AS c
 WHERE c.policy_name = 'cloudflux' AND s.policy_name NOT IN ('hindsight', 'cloudflux');
-- Not if every second of them is read in those days: then they may be such objects too
INSERT INTO known_reads SELECT 'k' || n, date '2024-03-01' + n % 10 + 11 * d, 1, NULL FROM generate_series(1, 200, 2) AS n, generate_series(0, 10) AS d;
SELECT count(*) FILTER (WHERE day < '2024-03-21') AS moved_soon FROM replay_moves('cloudflux', p_place => 'known', p_history => 'known_reads')
 WHERE storage_class NOT IN ('STANDARD', 'INTELLIGENT_TIERING');

-- Datasets are the first parts of the keys: those with most objects before the period first, the others by their first upload, from the 64th on together
CREATE FUNCTION datasets(p_dataset_key text DEFAULT NULL) RETURNS TABLE (dataset text, no int) LANGUAGE plpgsql AS $$
DECLARE
	v_cursor refcursor := replay_history('known', 'instant', 'known_reads', '2024-03-01', '2024-06-28', false, '2024-03-01', 0, p_dataset_key);
	v_row record;
BEGIN
	LOOP
		FETCH v_cursor INTO v_row;
		EXIT WHEN NOT FOUND;
		no := v_row.no;
		SELECT COALESCE(o.metadata ->> p_dataset_key, split_part(o.object_key, '/', 1)) INTO dataset FROM data_objects AS o WHERE o.file_id = v_row.file_id;
		RETURN NEXT;
	END LOOP;
	CLOSE v_cursor;
END $$;
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, storage_class, created_at)
	SELECT 'd' || n, 'd' || n, 1000, 'known', 'd' || lpad(n::text, 2, '0') || '/' || n, 'STANDARD', '2024-03-01'::timestamptz + n * interval '1 day' FROM generate_series(1, 70) AS n;
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, storage_class, created_at, metadata)
	VALUES ('top', 'top', 1000, 'known', 'top', 'STANDARD', '2024-02-01', '{"set": "s"}');
SELECT DISTINCT d.no, CASE WHEN d.dataset = 'top' THEN '(no part)' ELSE d.dataset END AS dataset FROM datasets() AS d WHERE d.no < 4 OR d.no > 61 ORDER BY 1, 2;
-- A later upload changes no number of the earlier ones, however its dataset is called
CREATE TABLE numbered AS SELECT DISTINCT dataset, no FROM datasets();
INSERT INTO data_objects (file_id, file_name, size_bytes, place, object_key, storage_class, created_at)
	SELECT 'e' || n, 'e' || n, 1000, 'known', 'aa/' || n, 'STANDARD', '2024-05-20' FROM generate_series(1, 500) AS n;
SELECT count(*) FILTER (WHERE n.no IS NULL) AS new, count(*) FILTER (WHERE n.no <> d.no) AS changed, max(d.no) AS last FROM (SELECT DISTINCT * FROM datasets()) AS d LEFT JOIN numbered AS n USING (dataset);
SELECT no, count(*) FROM datasets('set') GROUP BY 1 ORDER BY 1;
SELECT objects, hindsight_ratio >= 1 AS replayed FROM simulate_policy('cloudflux', p_place => 'known', p_history => 'known_reads') WHERE policy_name = 'cloudflux';
