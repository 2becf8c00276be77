-- Plans: what would move, what is refused and why, limits, and that exactly what was planned is executed.
\set test migration_plans
\getenv tests CF_TESTS
\set ground :tests '/migration/data/ground.sql'
\set ECHO none
\i :ground
\set ECHO all
SELECT object('p' || n, 'logs/' || n, repeat('x', n * 100)) FROM generate_series(1, 6) n;
SELECT object('other', 'other');
SELECT * FROM cloudflux.migration_plans;

-- what is asked for is chosen, by place, prefix, class and name
SELECT cloudflux.plan_migration('archive', must_pay => false, plan_name => 'all') AS plan \gset
SELECT plan_name, status, dest_place, objects, bytes, move_cost, payback_days, refused, risks, arrived, failed, live, planned_by FROM cloudflux.migration_plans;
SELECT cloudflux.plan_migration('archive', prefix => 'logs/', must_pay => false, max_objects => 2, delete_source => false) AS two \gset
SELECT file_id, size_bytes, refused FROM cloudflux.plan_items WHERE plan_id = :two ORDER BY 1;
-- of a place without prices nobody knows what it would bill
SELECT count(*) AS items, count(requests) AS requests_known, count(move_cost) AS priced FROM cloudflux.plan_items WHERE plan_id = :two;
SELECT cloudflux.plan_migration('archive', prefix => 'logs/', must_pay => false, max_bytes => 1100) AS bytes \gset
SELECT file_id, size_bytes, refused FROM cloudflux.plan_items WHERE plan_id = :bytes ORDER BY 1;
SELECT cloudflux.plan_migration('archive', file_ids => '{p1,other,nobody}', source_place => 'fast', must_pay => false) AS named \gset
SELECT file_id, dest_key, dest_tier, refused FROM cloudflux.plan_items WHERE plan_id = :named ORDER BY 1;
SELECT cloudflux.plan_migration('archive', access_class => 'COLD', must_pay => false) AS cold \gset
SELECT objects, refused FROM cloudflux.migration_plans WHERE plan_id = :cold;
SELECT jsonb_pretty(parameters) FROM cloudflux.plans WHERE plan_id = :two;

-- bad input
SELECT outcome($$SELECT cloudflux.plan_migration('nowhere')$$);
SELECT outcome($$SELECT cloudflux.plan_migration('archive', 'LUKEWARM')$$);
SELECT outcome($$SELECT cloudflux.plan_migration('archive', source_place => 'nowhere')$$);
SELECT outcome($$SELECT cloudflux.plan_migration('archive', access_class => 'TEPID')$$);
SELECT outcome($$SELECT cloudflux.plan_migration('archive', max_objects => -1)$$);
SELECT outcome($$SELECT cloudflux.execute_plan(0)$$);
SELECT outcome($$SELECT cloudflux.execute_plan(NULL)$$);

-- what changed since is not what was approved
SELECT object('taken', 'logs/3', place => 'archive');
UPDATE cloudflux.data_objects SET vanished_at = now() WHERE file_id = 'p1';
UPDATE cloudflux.data_objects SET version = '1:2:3' WHERE file_id = 'p2';
SELECT length(cloudflux.migrate('p4', 'archive', dest_key => 'elsewhere'));
DELETE FROM cloudflux.data_objects WHERE file_id = 'p5';
SELECT cloudflux.execute_plan(:plan);
SELECT file_id, job_id IS NOT NULL AS submitted, regexp_replace(refused, '[0-9A-Z]{26}', 'ID') AS refused FROM cloudflux.plan_items WHERE plan_id = :plan ORDER BY 1;
SELECT status, objects, bytes, refused, arrived, live, executed_by FROM cloudflux.migration_plans WHERE plan_id = :plan;
SELECT outcome(format('SELECT cloudflux.execute_plan(%s)', :plan));
CALL cloudflux.run_migrations();
SELECT status, objects, arrived, failed, live FROM cloudflux.migration_plans WHERE plan_id = :plan;
SELECT file_id, kind, delete_source, status, plan_id = :plan AS of_the_plan FROM cloudflux.migration_jobs ORDER BY id;
-- limits hold in what was saved: nothing moves in their place
SELECT cloudflux.execute_plan(:two);
SELECT status, objects, refused FROM cloudflux.migration_plans WHERE plan_id = :two;

-- a plan that must pay is refused with the figures
\set cmd 'cat > /dev/null; mkdir -p ' :root '/std ' :root '/ir'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
SELECT cloudflux.add_storage('std', 'LOCAL', :'root' || '/std', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}'),
	   cloudflux.add_storage('ir', 'LOCAL', :'root' || '/ir', '{"tier": "COLD", "price_provider": "AWS", "price_region": "us-east-1", "storage_class": "GLACIER_IR"}');
SELECT object('small', 'small', place => 'std');
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes, version, created_at) VALUES ('huge', 'std', 'huge', 1099511627776, '1:2:3', now() - interval '200 days');
SELECT cloudflux.plan_migration('ir', source_place => 'std') AS pays \gset
SELECT file_id, refused, move_cost IS NOT NULL AS priced, monthly_after < monthly_before AS cheaper, payback_days < 30 AS soon FROM cloudflux.plan_items WHERE plan_id = :pays ORDER BY 1;
SELECT objects, refused, bytes, monthly_saving > 15 AS saves, payback_days < 30 AS soon FROM cloudflux.migration_plans WHERE plan_id = :pays;
SELECT cloudflux.plan_migration('ir', source_place => 'std', max_cost => 0.00000001) AS cheap \gset
SELECT file_id, refused FROM cloudflux.plan_items WHERE plan_id = :cheap ORDER BY 1;
SELECT cloudflux.plan_migration('ir', source_place => 'std', payback_days => 0) AS never \gset
SELECT file_id, regexp_replace(refused, '\d+ days', '… days') FROM cloudflux.plan_items WHERE plan_id = :never AND file_id = 'huge';
