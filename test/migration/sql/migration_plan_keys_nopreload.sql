-- Plans and what the destination understands differently: keys that its store takes for one, and what it holds beside bytes.
\set test migration_plan_keys
\getenv tests CF_TESTS
\set ground :tests '/migration/data/ground.sql'
\set ECHO none
\i :ground
\set ECHO all

-- what each kind of store holds beside bytes is a table
SELECT provider, attribute, held_as, count_max, bytes_max, name_max, value_max FROM cloudflux.attribute_mappings WHERE provider <> 'S3';
SELECT DISTINCT attribute, names, "values" FROM cloudflux.attribute_mappings WHERE provider = 'Azure' AND attribute IN ('metadata', 'tags', 'modified_at') ORDER BY 1;
SELECT provider, count(*) FROM cloudflux.attribute_rules('fast') GROUP BY 1;
SELECT outcome($$SELECT * FROM cloudflux.attribute_rules('nowhere')$$);
SELECT cloudflux.attributes_safe('fast', 'archive');

-- keys that cannot be written are refused one by one
SELECT outcome($$SELECT cloudflux.refused_key('archive', k) FROM unnest('{k//d,k/../y,/lead,trail/,k/./z,.cloudflux/x}'::text[]) AS k$$);
SELECT k, cloudflux.refused_key('archive', k) FROM unnest('{fine,k//d,k/../y,/lead,trail/,k/./z,.cloudflux/x}'::text[]) AS k;
SELECT cloudflux.refused_key('archive', repeat('x', 256)), cloudflux.refused_key('archive', repeat('x/', 511) || 'xyz');

-- a store that does not tell upper from lower case: keys that would become one are refused, all but one of them
SELECT object('one', 'photos/Cat'), object('two', 'photos/cat'), object('three', 'photos/dog'), object('four', 'photos/Bird'), object('there', 'photos/bird', place => 'archive');
SELECT cloudflux.plan_migration('archive', prefix => 'photos/', must_pay => false) AS plan \gset
SELECT file_id, dest_key, refused FROM cloudflux.plan_items WHERE plan_id = :plan ORDER BY 1;
UPDATE cloudflux.places SET capabilities = capabilities || '{"key folds": 32}' WHERE place = 'archive';
SELECT cloudflux.plan_migration('archive', prefix => 'photos/', must_pay => false) AS plan \gset
SELECT file_id, dest_key, refused FROM cloudflux.plan_items WHERE plan_id = :plan ORDER BY 1;
SELECT cloudflux.execute_plan(:plan);
CALL cloudflux.run_migrations();
SELECT file_id, place, object_key FROM cloudflux.data_objects WHERE object_key LIKE 'photos/%' ORDER BY 1;
-- composed and decomposed characters
SELECT cloudflux.folded_key(U&'caf\00e9', 64) = cloudflux.folded_key(U&'cafe\0301', 64) AS composed, cloudflux.folded_key(U&'caf\00e9', 0) = cloudflux.folded_key(U&'cafe\0301', 0) AS as_they_are,
	cloudflux.folded_key('AbC', 32), cloudflux.folded_key('AbC', 64);

-- check_storage() looks for both
SELECT check_name, ok, detail FROM cloudflux.check_storage('archive') WHERE check_name = 'keys';
SELECT capabilities -> 'key folds' AS key_folds FROM cloudflux.places WHERE place = 'archive';

-- what a place may lose is an option that is checked
SELECT outcome($$ALTER SERVER archive OPTIONS (ADD accept_loss 'tags, taxes')$$);
ALTER SERVER archive OPTIONS (ADD accept_loss 'tags, metadata');
SELECT cloudflux.adopt_storage('archive');
