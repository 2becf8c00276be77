-- A policy is checked when it is written; a wrong one says what would be right.
\set VERBOSITY default
\set SHOW_CONTEXT never
INSERT INTO cloudflux.user_policies (policy_name, policy_type, conditions, actions) VALUES
	('archive logs', 'auto_tier', '{"place": "fast", "key_prefix": "logs/", "access_class": "COLD", "min_age_days": 30}',
	 '{"dest_place": "cold", "dest_tier": "COLD", "delete_source": true, "grace": "7 days", "max_cost": 12.5}'),
	('cap', 'cost_limit', '{"cloud": "AWS", "monthly_limit": 1000}', '{"alert": true}'),
	('fast enough', 'latency_sla', '{"tier": ["HOT", "WARM"], "max_latency_ms": 50}', '{}'),
	('keep', 'retention', '{"min_age_days": 2555}', '{"delete": true, "max_objects": 1000}'),
	('in europe', 'residency', '{"allowed_regions": ["eu-west-1", "europe-west3"], "allowed_clouds": ["AWS", "GCP"]}', '{"block_moves": true}');
SELECT policy_name, policy_type, enabled, owner = CURRENT_USER AS mine, builtin FROM cloudflux.user_policies ORDER BY id;

INSERT INTO cloudflux.user_policies (policy_name, policy_type) VALUES ('x', 'auto_teir');
INSERT INTO cloudflux.user_policies (policy_name, policy_type) VALUES ('x', NULL);
INSERT INTO cloudflux.user_policies (policy_name, policy_type) VALUES ('x', 'auto_tier');
INSERT INTO cloudflux.user_policies (policy_name, policy_type) VALUES ('x', 'cost_limit');
INSERT INTO cloudflux.user_policies (policy_name, policy_type, conditions) VALUES ('x', 'retention', '[]');
INSERT INTO cloudflux.user_policies (policy_name, policy_type, actions) VALUES ('x', 'retention', '"delete"');
INSERT INTO cloudflux.user_policies (policy_name, policy_type, conditions) VALUES ('x', 'retention', '{"min_age": 3}');
INSERT INTO cloudflux.user_policies (policy_name, policy_type, actions) VALUES ('x', 'residency', '{"delete": true}');
UPDATE cloudflux.user_policies SET actions = actions || '{"grace": "soon"}' WHERE policy_name = 'archive logs';
UPDATE cloudflux.user_policies SET actions = actions || '{"grace": "-1 day"}' WHERE policy_name = 'archive logs';
UPDATE cloudflux.user_policies SET actions = actions || '{"delete_source": "yes"}' WHERE policy_name = 'archive logs';
UPDATE cloudflux.user_policies SET conditions = conditions || '{"min_age_days": 1.5}' WHERE policy_name = 'archive logs';
UPDATE cloudflux.user_policies SET conditions = conditions || '{"min_age_days": 1e30}' WHERE policy_name = 'archive logs';
UPDATE cloudflux.user_policies SET conditions = conditions || '{"access_class": ["COLD", "FROZEN"]}' WHERE policy_name = 'archive logs';
UPDATE cloudflux.user_policies SET conditions = conditions || '{"access_class": []}' WHERE policy_name = 'archive logs';
UPDATE cloudflux.user_policies SET conditions = conditions || '{"cloud": {"AWS": 1}}' WHERE policy_name = 'archive logs';
UPDATE cloudflux.user_policies SET conditions = conditions || '{"place": null}' WHERE policy_name = 'archive logs';
UPDATE cloudflux.user_policies SET conditions = conditions || '{"monthly_limit": -1}' WHERE policy_name = 'cap';
INSERT INTO cloudflux.user_policies (policy_name, policy_type, builtin) VALUES ('x', 'retention', true);
INSERT INTO cloudflux.user_policies (policy_name, policy_type) VALUES ('keep', 'retention');

-- the owner is set by the server
CREATE ROLE regress_policy_user IN ROLE cloudflux_user;
CREATE ROLE regress_policy_viewer IN ROLE cloudflux_viewer;
SET ROLE regress_policy_user;
INSERT INTO cloudflux.user_policies (policy_name, policy_type, owner) VALUES ('theirs', 'retention', 'postgres');
INSERT INTO cloudflux.user_policies (policy_name, policy_type) VALUES ('theirs', 'retention') RETURNING policy_name, owner;
UPDATE cloudflux.user_policies SET owner = 'regress_policy_user' WHERE policy_name = 'keep';
SELECT cloudflux.schedule_jobs();
SET ROLE regress_policy_viewer;
SELECT count(*) FROM cloudflux.user_policies;
SELECT count(*) > 50 AS keys FROM cloudflux.policy_keys();
DELETE FROM cloudflux.user_policies;
RESET ROLE;
DROP OWNED BY regress_policy_user, regress_policy_viewer;
DROP ROLE regress_policy_user, regress_policy_viewer;

-- intervals as lines of cron, rather more often than less
SELECT x AS every, cloudflux.cron_line(x::interval, 1) FROM unnest(ARRAY['10 s', '1 min', '2 min', '7 min', '45 min', '1 hour', '90 min', '5 hours', '1 day', '3 days', '7 days', '1 mon', NULL]) x;
-- one job per enabled chore, and one that catches up; a setting of the user changes or removes it
INSERT INTO cloudflux.chore_settings (chore_name, every) VALUES ('classify_objects', '1 day');
SELECT chore, job_name, schedule LIKE '% 0 * * *' AS daily, command FROM cloudflux.cron_jobs() WHERE chore = 'classify_objects' OR chore IS NULL;
UPDATE cloudflux.chore_settings SET enabled = false WHERE chore_name = 'classify_objects';
SELECT count(*) FROM cloudflux.cron_jobs() WHERE chore = 'classify_objects';
