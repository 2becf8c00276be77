-- Rules and verdicts: what makes an object HOT, WARM or COLD, and who may say so. No keeper runs here, so that
-- nobody classifies in between.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT rank, rule_name, access_class FROM cloudflux.active_tier_rules ORDER BY rank;

-- an object of a given age in days, last accessed so many days ago
CREATE FUNCTION pg_temp.object(p_id text, p_age int, p_accessed int DEFAULT NULL, p_size bigint DEFAULT 1000) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO cloudflux.data_objects (file_id, file_name, size_bytes, created_at, last_accessed)
	VALUES (p_id, p_id, p_size, now() - p_age * interval '24 hours', now() - p_accessed * interval '24 hours') $$;
CREATE FUNCTION pg_temp.reads(p_id text, p_days_ago int, p_reads int, p_latency float8 DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO cloudflux.access_logs (file_id, accessed_at, latency_ms)
	SELECT p_id, now() - p_days_ago * interval '24 hours', p_latency FROM generate_series(1, p_reads) $$;
CREATE VIEW pg_temp.verdicts AS SELECT file_id, reason, recheck_on - (now() AT TIME ZONE 'UTC')::date AS recheck_in FROM cloudflux.object_classes;

-- the first run looks at everything, the second at nothing
SELECT * FROM cloudflux.classify_objects();
SELECT pg_temp.object('busy', 200, 0), pg_temp.reads('busy', 20, 10);
SELECT pg_temp.object('nearly busy', 200), pg_temp.reads('nearly busy', 20, 9);
SELECT pg_temp.object('recent', 10), pg_temp.reads('recent', 2, 3);
SELECT pg_temp.object('looked at once', 10), pg_temp.reads('looked at once', 2, 1);
SELECT pg_temp.object('asleep', 400, 203);
SELECT pg_temp.object('falls asleep tomorrow', 400, 89);
SELECT pg_temp.object('young and unread', 30, 30);
SELECT pg_temp.object('old without evidence', 400);
SELECT pg_temp.object('new', 0);
SELECT * FROM cloudflux.classify_objects();
SELECT * FROM pg_temp.verdicts ORDER BY file_id;
SELECT checked, changed FROM cloudflux.classify_objects();
SELECT topic, event_type, subject, data - 'examples' AS data, data #> '{examples,COLD}' AS cold FROM cloudflux.events WHERE topic = 'classification' ORDER BY id;

-- a read wakes an object; folding the access changes nothing more
SELECT pg_temp.reads('asleep', 0, 12);
SELECT checked > 0 AS checked, changed, to_hot FROM cloudflux.classify_objects();
SELECT cloudflux.fold_accesses() IS NOT NULL AS folded;
SELECT checked > 0 AS checked, changed FROM cloudflux.classify_objects();
SELECT * FROM cloudflux.classify_objects();
SELECT reason FROM pg_temp.verdicts WHERE file_id = 'asleep';

-- classify() tells one object's verdict with its figures, and says whether it changed
SELECT pg_temp.object('one', 100, 95, 5000);
SELECT file_id, access_class, rule_name, reads_30d, reads_90d, age_days, days_since_access, size_bytes, evidence_days, changed FROM cloudflux.classify('one');
SELECT access_class, changed FROM cloudflux.classify(file_id => 'one');
SELECT cloudflux.classify('nobody');
SELECT cloudflux.classify(NULL);
SELECT count(*) FROM cloudflux.events WHERE topic = 'classification' AND subject = 'one';

-- rewriting the bytes is an access
UPDATE cloudflux.data_objects SET modified_at = now() WHERE file_id = 'one';
SELECT reason FROM cloudflux.classify('one');

-- a user's row replaces a builtin rule; editing the builtin one is refused
UPDATE cloudflux.tier_rules SET min_reads_30d = 5 WHERE rule_name = 'hot_frequent';
DELETE FROM cloudflux.tier_rules WHERE builtin;
TRUNCATE cloudflux.tier_rules;
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, builtin) VALUES ('mine', 1, 'HOT', true);
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, min_reads_30d) VALUES ('hot_frequent', 100, 'HOT', 9);
SELECT scope, changed, to_hot FROM cloudflux.classify_objects();
SELECT reason FROM pg_temp.verdicts WHERE file_id = 'nearly busy';
UPDATE cloudflux.tier_rules SET enabled = false WHERE rule_name = 'hot_frequent' AND NOT builtin;
SELECT scope, changed, to_warm FROM cloudflux.classify_objects();
SELECT reason FROM pg_temp.verdicts WHERE file_id = 'busy';
DELETE FROM cloudflux.tier_rules WHERE NOT builtin;
SELECT scope, changed, to_hot FROM cloudflux.classify_objects();

-- size, latency and address are conditions, too; unknown figures do not meet them
SELECT pg_temp.object('slow', 10), pg_temp.reads('slow', 1, 2, 900);
SELECT pg_temp.object('huge', 10, 1, 1099511627776);
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, min_avg_latency_ms) VALUES ('too slow', 1, 'HOT', 500);
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, min_size_bytes) VALUES ('huge is cold', 2, 'COLD', 1099511627776);
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, place_pattern) VALUES ('scratch', 3, 'COLD', 'scratch%');
SELECT scope, changed FROM cloudflux.classify_objects();
SELECT file_id, reason FROM pg_temp.verdicts WHERE file_id IN ('slow', 'huge') ORDER BY 1;
DELETE FROM cloudflux.tier_rules WHERE NOT builtin;

-- no rule at all: everything is WARM
BEGIN;
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, enabled) SELECT rule_name, priority, access_class, false FROM cloudflux.tier_rules;
SELECT scope, to_hot, to_cold FROM cloudflux.classify_objects();
SELECT reason FROM pg_temp.verdicts WHERE file_id = 'busy';
ROLLBACK;
SELECT scope FROM cloudflux.classify_objects();

-- rules that cannot be
\set VERBOSITY terse
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class) VALUES ('x', 1, 'LUKEWARM');
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, min_age_days) VALUES ('x', 1, 'HOT', -1);
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, min_age_days, max_age_days) VALUES ('x', 1, 'HOT', 9, 8);
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, max_reads_30d) VALUES ('x', 1, 'HOT', 9223372036854775807);
\set VERBOSITY default

-- evidence: a place that is covered proves that nobody read; a place that crosses the threshold brings its objects
INSERT INTO cloudflux.access_coverage (place, day, lines) SELECT 'logged', (now() AT TIME ZONE 'UTC')::date - d, 5 FROM generate_series(1, 71) d;
ALTER TABLE cloudflux.data_objects DISABLE TRIGGER complete_object;
INSERT INTO cloudflux.data_objects (file_id, place, object_key, created_at) VALUES ('logged', 'logged', 'a', now() - interval '2400 hours');
ALTER TABLE cloudflux.data_objects ENABLE TRIGGER complete_object;
SELECT checked, to_warm FROM cloudflux.classify_objects();
SELECT reason FROM pg_temp.verdicts WHERE file_id = 'logged';
INSERT INTO cloudflux.access_coverage (place, day, lines) SELECT 'logged', (now() AT TIME ZONE 'UTC')::date - 72, 5;
SELECT scope, checked, to_cold FROM cloudflux.classify_objects();
SELECT reason FROM pg_temp.verdicts WHERE file_id = 'logged';

-- what vanishes or is deleted has no class; what comes back has one
UPDATE cloudflux.data_objects SET vanished_at = now() WHERE file_id = 'logged';
SELECT cloudflux.classify('logged') IS NULL;
DELETE FROM cloudflux.data_objects WHERE file_id = 'huge';
SELECT checked, removed FROM cloudflux.classify_objects();
UPDATE cloudflux.data_objects SET vanished_at = NULL WHERE file_id = 'logged';
SELECT checked, changed FROM cloudflux.classify_objects();

-- counts that came with the row hold until something is counted
INSERT INTO cloudflux.data_objects (file_id, size_bytes, created_at, access_count_30d, access_count_90d) VALUES ('told', 1, now() - interval '2400 hours', 40, 90);
SELECT access_class, reads_30d, reads_90d, evidence_days FROM cloudflux.classify('told');

-- explain_object() tells all of it
SELECT section, item, value FROM cloudflux.explain_object('nearly busy') WHERE value !~ '\d{4}-\d\d-\d\d' AND section <> 'story' AND item <> 'owner';
SELECT value ~ '^object.created' AS story FROM cloudflux.explain_object('nearly busy') WHERE section = 'story';
SELECT cloudflux.explain_object('nobody');

-- a viewer reads and explains, a user classifies, an admin rules; nobody writes verdicts by hand
CREATE ROLE regress_tiering_viewer IN ROLE cloudflux_viewer;
CREATE ROLE regress_tiering_user IN ROLE cloudflux_user;
CREATE ROLE regress_tiering_admin IN ROLE cloudflux_admin;
SET ROLE regress_tiering_viewer;
SELECT count(*) > 5 AS rows FROM cloudflux.explain_object('busy');
SELECT cloudflux.classify('busy');
SET ROLE regress_tiering_user;
SELECT access_class FROM cloudflux.classify('busy');
SELECT scope FROM cloudflux.classify_objects();
UPDATE cloudflux.object_classes SET access_class = 'HOT';
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class) VALUES ('x', 1, 'HOT');
SET ROLE regress_tiering_admin;
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, owner) VALUES ('x', 1, 'HOT', 'postgres');
INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class) VALUES ('x', 1, 'HOT');
RESET ROLE;
SELECT rule_name, owner FROM cloudflux.tier_rules WHERE NOT builtin;
DROP OWNED BY regress_tiering_viewer, regress_tiering_user, regress_tiering_admin;
DROP ROLE regress_tiering_viewer, regress_tiering_user, regress_tiering_admin;
