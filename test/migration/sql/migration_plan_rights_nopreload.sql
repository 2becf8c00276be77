-- A plan belongs to who made it: nobody else changes what an approver will execute.
\getenv places CF_PLACES
\set root :places '/migration_plan_rights'
\set cmd 'cat > /dev/null; rm -rf ' :root ' && mkdir -p ' :root '/fast ' :root '/archive'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
\set SHOW_CONTEXT never
SELECT cloudflux.add_storage('fast', 'LOCAL', :'root' || '/fast') AS fast, cloudflux.add_storage('archive', 'LOCAL', :'root' || '/archive') AS archive;
SELECT cloudflux.put_object('fast', 'a', 'bytes') IS NOT NULL AS put;
CREATE ROLE regress_planner IN ROLE cloudflux_user;
CREATE ROLE regress_meddler IN ROLE cloudflux_user;
CREATE ROLE regress_boss IN ROLE cloudflux_admin;
GRANT USAGE ON FOREIGN SERVER fast, archive TO regress_planner, regress_boss;
SET ROLE regress_planner;
SELECT cloudflux.plan_migration('archive', must_pay => false, delete_source => false) AS plan \gset
SET ROLE regress_meddler;
UPDATE cloudflux.plans SET parameters = '{"delete_source": true}';
UPDATE cloudflux.plans SET planned_by = 'regress_meddler';
DELETE FROM cloudflux.plans;
UPDATE cloudflux.plan_items SET dest_key = 'elsewhere';
DELETE FROM cloudflux.plan_items;
INSERT INTO cloudflux.plan_items (plan_id, file_id, dest_place, dest_key) VALUES (:plan, 'another', 'archive', 'b');
INSERT INTO cloudflux.plans (planned_by) VALUES ('regress_boss') RETURNING planned_by;
SELECT cloudflux.execute_plan(:plan);
-- who made it may still change it, and an administrator executes it
SET ROLE regress_planner;
UPDATE cloudflux.plan_items SET risk = 'none' WHERE plan_id = :plan;
SET ROLE regress_boss;
SELECT cloudflux.execute_plan(:plan);
RESET ROLE;
SELECT dest_key, delete_source, requested_by FROM cloudflux.migration_jobs;
