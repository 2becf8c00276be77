-- Many jobs by one statement: each as migrate() would make it, all or none, and no table is read whole for them.
\set test migration_submit_many
\getenv tests CF_TESTS
\set ground :tests '/migration/data/ground.sql'
\set ECHO none
\i :ground
\set ECHO all
\set cmd 'cat > /dev/null; mkdir -p ' :root '/priced ' :root '/dear'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
SELECT cloudflux.add_storage('priced', 'LOCAL', :'root' || '/priced', '{"tier": "WARM", "price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD_IA"}'),
	   cloudflux.add_storage('dear', 'LOCAL', :'root' || '/dear', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}'),
	   cloudflux.add_storage('bucket', 'AWS', 'a-bucket', '{"region": "us-east-1"}');
UPDATE cloudflux.places SET checked_at = now(), capabilities = '{"write": true, "conditional write": true, "conditional read": true, "conditional delete": true, "versions": true}' WHERE place = 'bucket';
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes, version, created_at)
SELECT format('%s-%s', p, n), p, format('%s/%s', p, n), n * 1000003, '1:1:' || n, now() - n * interval '9 days'
  FROM unnest(ARRAY['fast', 'dear', 'priced']) p, generate_series(1, 8) n;
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes, version, storage_class, created_at)
SELECT format('bucket-%s', n), 'bucket', format('bucket/%s', n), n * 100000007, 'v' || n, (ARRAY['STANDARD', 'STANDARD_IA', 'GLACIER', 'DEEP_ARCHIVE'])[n % 4 + 1], now() - n * interval '20 days'
  FROM generate_series(1, 8) n;
CREATE VIEW jobs AS
SELECT file_id, kind, source_place, source_key, source_version, source_tier, source_class, dest_cloud, dest_tier, dest_place, dest_key, dest_class,
	   size_bytes, transfer_cost, restore_cost, estimated_duration_sec, delete_source, grace, priority, requested_by, status, phase, created_at = recorded_at AS fresh
  FROM cloudflux.migration_jobs;

-- destinations, tiers, kinds and sources of all sorts in one statement: the same jobs as one by one
CREATE TABLE wishes AS
SELECT row_number() OVER (ORDER BY o.file_id) AS n, o.file_id, CASE WHEN o.file_id ~ '[78]$' THEN 'delete' ELSE 'move' END AS kind,
	   CASE WHEN o.file_id ~ '1$' THEN NULL WHEN o.file_id ~ '2$' THEN 'bucket' WHEN o.place = 'priced' THEN 'dear' ELSE 'priced' END AS dest_place,
	   CASE WHEN o.file_id ~ '1$' THEN 'LOCAL' END AS dest_cloud,
	   CASE WHEN o.file_id ~ '1$' THEN 'COLD' WHEN o.file_id ~ '2$' THEN 'COLD' WHEN o.file_id ~ '3$' AND o.place = 'priced' THEN 'HOT' END AS dest_tier,
	   CASE WHEN o.file_id ~ '4$' OR o.file_id = 'bucket-2' THEN 'new/' || o.file_id END AS dest_key, o.file_id ~ '[345]$' AS delete_source
  FROM cloudflux.data_objects o;
BEGIN;
INSERT INTO cloudflux.migration_jobs (file_id, kind, dest_place, dest_cloud, dest_tier, dest_key, delete_source)
SELECT file_id, kind, dest_place, dest_cloud, dest_tier, dest_key, delete_source FROM wishes ORDER BY n;
SELECT dest_place, kind, count(*), count(transfer_cost) AS priced, count(restore_cost) AS restored, count(DISTINCT transfer_cost) AS prices FROM jobs GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) AS queued, count(DISTINCT q.seq) AS places_in_line, bool_and(j.id = q.seq AND j.phase = q.phase) AS same FROM cloudflux.job_queue q JOIN cloudflux.migration_jobs j USING (file_id, job_id);
SELECT count(*) AS told, bool_and(e.data ->> 'job_id' = j.job_id AND e.data ->> 'dest_place' IS NOT DISTINCT FROM j.dest_place) AS same, array_agg(e.subject ORDER BY e.id) = array_agg(e.subject ORDER BY j.id) AS in_order
  FROM cloudflux.events e JOIN cloudflux.migration_jobs j ON j.file_id = e.subject WHERE e.event_type = 'migration.submitted';
SELECT count(*) AS claimed FROM cloudflux.addresses WHERE state = 'claimed';
ROLLBACK;
CREATE TEMP TABLE together (LIKE jobs);
CREATE TEMP TABLE apart (LIKE jobs);
CREATE TEMP TABLE by_function (LIKE jobs);
CREATE FUNCTION keep(into_table text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I SELECT * FROM jobs', into_table);
	PERFORM cloudflux.cancel_migration(job_id) FROM cloudflux.migration_jobs;
	DELETE FROM cloudflux.migration_jobs;
END $$;
INSERT INTO cloudflux.migration_jobs (file_id, kind, dest_place, dest_cloud, dest_tier, dest_key, delete_source)
SELECT file_id, kind, dest_place, dest_cloud, dest_tier, dest_key, delete_source FROM wishes ORDER BY n;
SELECT keep('together');
DO $$
DECLARE w wishes;
BEGIN
	FOR w IN SELECT * FROM wishes ORDER BY n LOOP
		INSERT INTO cloudflux.migration_jobs (file_id, kind, dest_place, dest_cloud, dest_tier, dest_key, delete_source)
		VALUES (w.file_id, w.kind, w.dest_place, w.dest_cloud, w.dest_tier, w.dest_key, w.delete_source);
	END LOOP;
END $$;
SELECT keep('apart');
SELECT count(CASE WHEN w.kind = 'delete' THEN cloudflux.delete_object(w.file_id)
				  ELSE cloudflux.migrate(w.file_id, COALESCE(w.dest_place, 'archive'), w.dest_tier, w.delete_source, dest_key => w.dest_key) END) FROM wishes w;
SELECT keep('by_function');
SELECT count(*) FROM together;
(TABLE together EXCEPT TABLE apart) UNION ALL (TABLE apart EXCEPT TABLE together);
(TABLE together EXCEPT TABLE by_function) UNION ALL (TABLE by_function EXCEPT TABLE together);

-- the price of a job is what estimate_migration() says of the class that it gets
SELECT count(*) AS jobs, count(t.transfer_cost) AS priced, count(*) FILTER (WHERE t.transfer_cost IS DISTINCT FROM e.move_cost OR t.estimated_duration_sec IS DISTINCT FROM e.estimated_seconds
	   OR t.restore_cost IS DISTINCT FROM CASE WHEN e.restore_cost > 0 THEN e.restore_cost + e.retrieval_cost END) AS other
  FROM together t CROSS JOIN LATERAL cloudflux.estimate_migration(t.file_id, t.dest_place, t.dest_class, t.delete_source) e WHERE t.kind <> 'delete';
-- what was priced before is not priced again, and a price of one's own stands
INSERT INTO cloudflux.migration_jobs (file_id, dest_place, transfer_cost, estimated_duration_sec) VALUES ('dear-1', 'priced', 7, 8), ('dear-2', 'priced', NULL, 9), ('dear-3', 'priced', 5, NULL)
RETURNING file_id, transfer_cost > 5 AS given, transfer_cost IS NULL AS none, estimated_duration_sec, dest_place, dest_class, dest_key;
SELECT count(cloudflux.cancel_migration(job_id)) AS cancelled FROM cloudflux.migration_jobs WHERE status = 'pending';

-- all or none: an object that is not there, one that lies there already, a word that is no tier, one object twice, one key twice, one job_id twice
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_place) SELECT file_id, 'archive' FROM unnest(ARRAY['fast-1', 'fast-2', 'nobody', 'fast-3']) file_id$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_place) SELECT file_id, 'dear' FROM unnest(ARRAY['fast-1', 'dear-1', 'fast-2']) file_id$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_place, dest_tier) SELECT * FROM (VALUES ('fast-1', 'archive', 'COLD'), ('fast-2', 'archive', 'HOT')) v$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_place) SELECT file_id, 'archive' FROM unnest(ARRAY['fast-1', 'fast-2', 'fast-1']) file_id$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_place, dest_key) SELECT file_id, 'archive', 'one/key' FROM unnest(ARRAY['fast-1', 'fast-2']) file_id$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (job_id, file_id, dest_place) SELECT 'mine', file_id, 'archive' FROM unnest(ARRAY['fast-1', 'fast-2']) file_id$$);
SELECT outcome($$SELECT * FROM cloudflux.migrate_bulk('{fast-1,nobody}', 'archive')$$);
SELECT outcome($$SELECT * FROM cloudflux.migrate_bulk('{fast-1}', 'nowhere')$$);
SELECT outcome($$SELECT * FROM cloudflux.migrate_bulk(NULL, 'archive')$$), outcome($$SELECT * FROM cloudflux.migrate_bulk('{}', 'archive')$$);
SELECT (SELECT count(*) FROM cloudflux.job_queue) AS queued, (SELECT count(*) FROM cloudflux.addresses WHERE state = 'claimed') AS claimed;

-- rights that are lost in the middle of a statement, and a place that the statement itself alters, count from there on
CREATE ROLE regress_carol IN ROLE cloudflux_user;
GRANT USAGE ON FOREIGN SERVER fast, archive TO regress_carol;
CREATE FUNCTION at_third(n bigint, what text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	IF n = 3 THEN
		EXECUTE what;
	END IF;
	RETURN 'archive';
END $$;
SET ROLE regress_carol;
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_place) SELECT file_id, at_third(n, 'REVOKE USAGE ON FOREIGN SERVER archive FROM regress_carol')
	FROM unnest(ARRAY['fast-1', 'fast-2', 'fast-3']) WITH ORDINALITY u(file_id, n)$$);
INSERT INTO cloudflux.migration_jobs (file_id, dest_place) SELECT file_id, at_third(n, 'ALTER SERVER archive OPTIONS (SET tier ''WARM'')')
  FROM unnest(ARRAY['fast-1', 'fast-2', 'fast-3', 'fast-4']) WITH ORDINALITY u(file_id, n) RETURNING file_id, dest_tier, dest_class, requested_by;
RESET ROLE;
ALTER SERVER archive OPTIONS (SET tier 'COLD');
SELECT count(cloudflux.cancel_migration(job_id)) AS cancelled FROM cloudflux.migration_jobs WHERE status = 'pending';
DELETE FROM cloudflux.migration_jobs;
-- somebody else's rights count where a superuser submits for him
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_place, requested_by) SELECT file_id, 'dear', r FROM (VALUES ('fast-1', 'postgres'), ('fast-2', 'regress_carol')) v(file_id, r)$$);
SELECT outcome($$INSERT INTO cloudflux.migration_jobs (file_id, dest_place, requested_by) VALUES ('fast-1', 'dear', 'regress_nobody')$$);

-- thousands, by plans that were made when the tables were empty: each row is reached by its key
VACUUM cloudflux.migration_jobs, cloudflux.job_queue, cloudflux.addresses;
SELECT count(cloudflux.migrate('fast-1', 'archive'));
SELECT count(*) FROM generate_series(1, 8) n, LATERAL cloudflux.migrate_bulk(ARRAY['fast-2'], 'archive') WHERE n = 1;
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes, version) SELECT 'm' || n, 'dear', 'many/' || n, n, '1:1:' || n FROM generate_series(1, 3000) n;
SELECT array_agg(file_id ORDER BY md5(file_id)) AS many FROM cloudflux.data_objects WHERE file_id LIKE 'm%' \gset
CREATE FUNCTION read_whole() RETURNS TABLE (relname name, rows bigint) LANGUAGE sql AS $$
	SELECT relname, pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid) FROM pg_class c
	 WHERE oid IN ('cloudflux.migration_jobs'::regclass, 'cloudflux.job_queue'::regclass, 'cloudflux.addresses'::regclass, 'cloudflux.data_objects'::regclass)
	   AND pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid) > 40000
$$;
BEGIN;
INSERT INTO cloudflux.migration_jobs (file_id, dest_place) SELECT file_id, 'priced' FROM unnest(:'many'::text[]) file_id;
SELECT * FROM read_whole();
SELECT count(*), count(transfer_cost), min(phase) FROM cloudflux.migration_jobs WHERE dest_place = 'priced';
ROLLBACK;
BEGIN;
SELECT count(*), array_agg(file_id) = :'many'::text[] AS in_order, count(DISTINCT job_id) AS jobs FROM cloudflux.migrate_bulk(:'many'::text[], 'archive');
SELECT * FROM read_whole();
ROLLBACK;
SELECT cloudflux.plan_migration('archive', source_place => 'dear', prefix => 'many/', must_pay => false, max_objects => 2500) AS plan \gset
BEGIN;
SELECT cloudflux.execute_plan(:plan);
SELECT * FROM read_whole() WHERE relname <> 'data_objects';
SELECT count(i.job_id) AS submitted, count(*) FILTER (WHERE i.refused IS NOT NULL) AS refused, bool_and(j.transfer_cost IS NOT DISTINCT FROM i.move_cost) AS as_approved, count(DISTINCT j.job_id) AS jobs,
	   count(e.subject) AS told, count(a.file_id) AS claimed, count(q.file_id) AS queued, count(*) FILTER (WHERE q.seq <> j.id OR q.fence <> 0) AS amiss
  FROM cloudflux.plan_items i
  LEFT JOIN cloudflux.migration_jobs j ON j.file_id = i.file_id AND j.job_id = i.job_id
  LEFT JOIN cloudflux.events e ON e.subject = j.file_id AND e.data ->> 'job_id' = j.job_id
  LEFT JOIN cloudflux.addresses a ON a.place = j.dest_place AND a.object_key = j.dest_key AND a.state = 'claimed'
  LEFT JOIN cloudflux.job_queue q ON q.file_id = j.file_id AND q.job_id = j.job_id
 WHERE i.plan_id = :plan;
COMMIT;
SELECT outcome(format('SELECT cloudflux.execute_plan(%s)', :plan));
