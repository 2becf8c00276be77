-- Accesses: appended, folded, counted; exact at any moment.
\set SHOW_CONTEXT never
\set VERBOSITY terse
-- A naive recount of everything, to compare with.
CREATE VIEW naive AS
SELECT l.file_id,
	   count(*) FILTER (WHERE kind = 'read' AND age < 30) AS reads_30d, count(*) FILTER (WHERE kind = 'read' AND age < 90) AS reads_90d,
	   count(*) FILTER (WHERE kind = 'read') AS reads_total, count(*) FILTER (WHERE kind = 'write' AND age < 30) AS writes_30d,
	   count(*) FILTER (WHERE kind = 'write' AND age < 90) AS writes_90d, count(*) FILTER (WHERE kind = 'write') AS writes_total,
	   count(*) FILTER (WHERE kind = 'delete') AS deletes_total, count(*) FILTER (WHERE age < 30) AS accesses_30d,
	   count(*) FILTER (WHERE age < 90) AS accesses_90d,
	   COALESCE(sum(bytes) FILTER (WHERE kind = 'read' AND age < 30), 0)::bigint AS bytes_30d,
	   count(*) FILTER (WHERE kind = 'read' AND age < 30 AND bytes IS NULL) AS full_reads_30d,
	   max(at) AS last_accessed, round(avg(latency_ms) FILTER (WHERE age < 30)::numeric, 6) AS avg_latency_ms
  FROM (SELECT file_id, access_type AS kind, bytes, latency_ms, accessed_at AS at,
			   CASE WHEN (now() AT TIME ZONE 'UTC')::date < (accessed_at AT TIME ZONE 'UTC')::date THEN 999
					ELSE (now() AT TIME ZONE 'UTC')::date - (accessed_at AT TIME ZONE 'UTC')::date END AS age
		  FROM cloudflux.access_logs) l
 GROUP BY 1;
CREATE VIEW differences AS
SELECT count(*) FROM (
	(SELECT *, 1 FROM naive EXCEPT SELECT file_id, reads_30d, reads_90d, reads_total, writes_30d, writes_90d, writes_total,
		deletes_total, accesses_30d, accesses_90d, bytes_30d, full_reads_30d, last_accessed, round(avg_latency_ms::numeric, 6), 1
	   FROM cloudflux.access_counts)
	UNION ALL
	(SELECT file_id, reads_30d, reads_90d, reads_total, writes_30d, writes_90d, writes_total, deletes_total, accesses_30d,
		accesses_90d, bytes_30d, full_reads_30d, last_accessed, round(avg_latency_ms::numeric, 6), 1
	   FROM cloudflux.access_counts EXCEPT SELECT *, 1 FROM naive)) d;

SELECT cloudflux.fold_accesses() IS NULL AS nothing_to_fold, cloudflux.refresh_access_counts() IS NULL AS nothing_to_count;
INSERT INTO cloudflux.data_objects (file_id) SELECT 'f' || i FROM generate_series(0, 19) i;

-- random histories, folded in between; late rows and rows of days to come included
SELECT setseed(0.42);
DO $$
BEGIN
	FOR round IN 1 .. 20 LOOP
		INSERT INTO cloudflux.access_logs (file_id, accessed_at, access_type, latency_ms, user_id, bytes)
		SELECT 'f' || floor(random() * 25), now() - random() * interval '120 days' + random() * interval '3 days',
			   (ARRAY['read', 'read', 'read', 'write', 'delete'])[1 + floor(random() * 5)],
			   CASE WHEN random() < 0.7 THEN floor(random() * 100) END, 'u', CASE WHEN random() < 0.5 THEN floor(random() * 1e6) END
		  FROM generate_series(1, 1 + floor(random() * 300)::int);
		IF (SELECT count FROM differences) <> 0 THEN
			RAISE EXCEPTION 'round %: counts differ before folding', round;
		END IF;
		IF random() < 0.5 THEN
			PERFORM cloudflux.fold_accesses();
		END IF;
		IF (SELECT count FROM differences) <> 0 THEN
			RAISE EXCEPTION 'round %: counts differ after folding', round;
		END IF;
	END LOOP;
END
$$;
SELECT * FROM differences;

-- folding twice is folding once; nothing is left
SELECT cloudflux.fold_accesses() IS NOT NULL OR true AS folded;
SELECT count(*) FROM cloudflux.access_deltas;
SELECT cloudflux.fold_accesses();
SELECT * FROM differences;

-- the counts in data_objects
SELECT cloudflux.refresh_access_counts();
SELECT cloudflux.refresh_access_counts();
SELECT count(*) FROM cloudflux.data_objects o JOIN naive n USING (file_id)
 WHERE (o.access_count_30d, o.access_count_90d, o.last_accessed, round(o.avg_latency_ms::numeric, 6), o.counted_on)
	   IS DISTINCT FROM (n.accesses_30d, n.accesses_90d, n.last_accessed, n.avg_latency_ms, (now() AT TIME ZONE 'UTC')::date);
SELECT count(*) FROM cloudflux.access_recount;
SELECT count(*) FROM cloudflux.events WHERE event_type <> 'object.created';

-- only what changed is written again
INSERT INTO cloudflux.access_logs (file_id, accessed_at) VALUES ('f3', now()), ('f4', now() - interval '95 days'), ('unknown', now());
SELECT cloudflux.fold_accesses();
SELECT cloudflux.refresh_access_counts();
SELECT count(*) FROM cloudflux.access_recount;

-- days that left a window: as if it had been counted some days ago
UPDATE cloudflux.access_counted SET counted_on = counted_on - 3;
UPDATE cloudflux.data_objects o SET access_count_30d = COALESCE(c.c30, 0), access_count_90d = COALESCE(c.c90, 0)
  FROM (SELECT file_id, sum(reads + writes + deletes) FILTER (WHERE day > t - 30 AND day <= t) AS c30,
			   sum(reads + writes + deletes) FILTER (WHERE day > t - 90 AND day <= t) AS c90
		  FROM cloudflux.access_daily, (SELECT (now() AT TIME ZONE 'UTC')::date - 3 AS t) x GROUP BY 1) c
 WHERE o.file_id = c.file_id;
SELECT cloudflux.refresh_access_counts() IS NOT NULL AS counted;
SELECT count(*) FROM cloudflux.data_objects o JOIN naive n USING (file_id)
 WHERE (o.access_count_30d, o.access_count_90d) IS DISTINCT FROM (n.accesses_30d, n.accesses_90d);

-- rows taken back and changed (the last access of an object stays: only rows before it go here)
DELETE FROM cloudflux.access_logs WHERE file_id = 'f1' AND access_type = 'read' AND accessed_at < now() - interval '5 days';
UPDATE cloudflux.access_logs SET file_id = 'f2', bytes = 7 WHERE file_id = 'f5' AND accessed_at < now() - interval '5 days';
SELECT * FROM differences;
SELECT cloudflux.fold_accesses() IS NOT NULL AS folded;
SELECT * FROM differences;

-- partitions: rows of a day find their month, late ones the default
SELECT cloudflux.ensure_partitions() IS NOT NULL OR true AS ensured;
SELECT * FROM differences;
SELECT count(*) > 0 AS months FROM pg_inherits WHERE inhparent = 'cloudflux.access_logs'::regclass AND inhrelid <> 'cloudflux.access_logs_default'::regclass;

-- rows of a restore count nothing
INSERT INTO cloudflux.access_logs (file_id, recorded_at) VALUES ('restored', '2020-01-01');
SELECT count(*) FROM cloudflux.access_counts WHERE file_id = 'restored';

-- one access by function
SELECT cloudflux.record_access('f1', 'read', 12.5, 'ann', 100) = now() AS now;
SELECT cloudflux.record_access('nobody');
SELECT cloudflux.record_access(NULL);
SELECT cloudflux.record_access('f1', 'look');
SELECT cloudflux.record_access('f1', NULL);
SELECT cloudflux.record_access('f1', 'read', -1);
INSERT INTO cloudflux.access_logs (file_id, access_type) VALUES ('f1', 'look');
TRUNCATE cloudflux.access_logs;

-- one object is found by index, in the roll-up and in the deltas
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SET enable_seqscan = off;
SELECT DISTINCT trim(p) AS condition FROM plan_of($$SELECT reads_30d FROM cloudflux.access_counts WHERE file_id = 'f1'$$) p WHERE p ~ 'Index Cond' ORDER BY 1;
SELECT count(*) FROM plan_of($$SELECT reads_30d FROM cloudflux.access_counts WHERE file_id = 'f1'$$) p WHERE p ~ 'Seq Scan';
