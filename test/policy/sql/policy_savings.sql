-- What could be saved and what is advised, in the same columns.
\getenv places CF_PLACES
SET search_path = cloudflux, public;
\set SHOW_CONTEXT never
INSERT INTO chore_settings (chore_name, enabled) SELECT chore_name, false FROM chores WHERE chore_name IN ('recommend_objects', 'refresh_monthly_costs', 'roll_up_costs') ON CONFLICT DO NOTHING;
\set fast :places '/policy_savings'
\setenv CF_DIRS :fast
\! mkdir -p $CF_DIRS && chmod 777 $CF_DIRS
SELECT add_storage('fast', 'LOCAL', :'fast', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');
INSERT INTO data_objects (file_id, place, object_key, size_bytes, created_at) SELECT 'o' || g, 'fast', 'o' || g, 107374182400, now() - interval '400 days' FROM generate_series(1, 3) AS g;
SELECT tier, best_class, objects, monthly_before, monthly_after FROM potential_savings();
-- Of three that could, two are advised to move, over 180 days
DELETE FROM object_recommendations;
INSERT INTO object_recommendations (file_id, verdict, place, own_class, storage_class, to_place, to_class, decided_on, horizon_days, evidence_days, stay_cost, total_cost, move_cost, saving, payback_days)
SELECT o.file_id, v.verdict, 'fast', o.storage_class, 'STANDARD', 'fast', 'GLACIER_IR', current_date, 180, 90, v.stay, v.total, v.move, v.stay - v.total, 10
  FROM (VALUES ('o1', 'move', 14.4, 4.4, 2.0), ('o2', 'move', 14.4, 5.4, 3.0), ('o3', 'stay', 14.4, 20, 3.0)) AS v(file_id, verdict, stay, total, move) JOIN data_objects AS o USING (file_id);
SELECT tier, best_place, best_class, objects, size_gb, round(monthly_before, 4) AS before, round(monthly_after, 4) AS after, round(monthly_saving, 4) AS saving, move_cost, payback_days FROM recommended_savings;
SET ROLE cloudflux_viewer;
SELECT count(*) FROM recommended_savings;
RESET ROLE;
