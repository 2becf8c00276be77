-- Rows that came with the extension stay as they are; whoever administers cloudflux adds rows of his own.
CREATE ROLE regress_admin IN ROLE cloudflux_admin;
SET ROLE regress_admin;
UPDATE cloudflux.chores SET enabled = false WHERE chore_name = 'ensure_partitions';
DELETE FROM cloudflux.chores WHERE builtin;
UPDATE cloudflux.partitioned_tables SET retention = '1 day' WHERE table_name = 'events';
UPDATE cloudflux.storage_tiers SET tier = 'HOT' WHERE storage_class = 'GLACIER';
INSERT INTO cloudflux.chores (chore_name, room, function_name, every, builtin) VALUES ('mine', 'core', 'forget_chore_runs', '1 day', true);
INSERT INTO cloudflux.chores (chore_name, room, function_name, every) VALUES ('mine', 'core', 'forget_chore_runs', '1 day');
UPDATE cloudflux.chores SET builtin = true WHERE chore_name = 'mine';
UPDATE cloudflux.chores SET every = '2 days' WHERE chore_name = 'mine' RETURNING every;
INSERT INTO cloudflux.chore_settings (chore_name, enabled) VALUES ('ensure_partitions', false);
DELETE FROM cloudflux.chores WHERE NOT builtin RETURNING chore_name;
RESET ROLE;
UPDATE cloudflux.chores SET enabled = false WHERE chore_name = 'ensure_partitions';
