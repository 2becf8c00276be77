-- Whoever moves an object writes its address and its version first. The catalogue leaves alone what is right already, and mends what is not.
\set test catalog_settled
\getenv tests CF_TESTS
\set ground :tests '/migration/data/ground.sql'
\set ECHO none
\i :ground
\set ECHO all
INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes, version) SELECT 'o' || n, 'fast', 'k' || n, n, 'v1' FROM generate_series(1, 6) n;

-- moves_to() writes all that a mover writes of an object but the row
CREATE FUNCTION moves_to(id text, new_key text, new_version text, size bigint) RETURNS void LANGUAGE sql AS $$
	UPDATE cloudflux.addresses SET state = 'replica' WHERE file_id = id;
	INSERT INTO cloudflux.addresses VALUES ('archive', new_key, id, 'primary', new_version);
	UPDATE cloudflux.object_versions SET valid_to = now() WHERE file_id = id AND valid_to IS NULL;
	INSERT INTO cloudflux.object_versions (file_id, version_no, place, object_key, version, size_bytes, job_id, reason)
	VALUES (id, 2, 'archive', new_key, new_version, size, 'job', 'move');
$$;
SELECT moves_to('o' || n, 'k' || n, 'v2', n) FROM generate_series(1, 6) n;
-- of o2 the address has another version, of o3 it is only claimed, of o4 the version has another size, o5 has a second open version, o6 is right
UPDATE cloudflux.addresses SET version = 'v9' WHERE file_id = 'o2' AND place = 'archive';
UPDATE cloudflux.addresses SET state = 'claimed' WHERE file_id = 'o3' AND place = 'archive';
UPDATE cloudflux.object_versions SET size_bytes = 99 WHERE file_id = 'o4' AND version_no = 2;
INSERT INTO cloudflux.object_versions (file_id, version_no, place, object_key, version, size_bytes, reason) VALUES ('o5', 3, 'fast', 'k5', 'v1', 5, 'forged');

-- alone, an object that is all right is not touched
SELECT ctid AS at FROM cloudflux.addresses WHERE file_id = 'o1' AND place = 'archive' \gset
UPDATE cloudflux.data_objects SET place = 'archive', version = 'v2' WHERE file_id = 'o1';
SELECT ctid = :'at' AS left_alone, state, version FROM cloudflux.addresses WHERE file_id = 'o1' AND place = 'archive';
-- together with others, each gets what it lacks, and no more
UPDATE cloudflux.data_objects SET place = 'archive', version = 'v2' WHERE file_id <> 'o1';
SELECT file_id, place, state, version FROM cloudflux.addresses ORDER BY 1, 2;
SELECT file_id, version_no, place, version, size_bytes, job_id, reason, valid_to IS NULL AS open FROM cloudflux.object_versions WHERE version_no > 1 ORDER BY 1, 2;
-- every move is told, whoever wrote what
SELECT event_type, subject, data FROM cloudflux.events WHERE event_type = 'object.moved' ORDER BY id;

-- an address that another object holds is refused, whatever versions say
INSERT INTO cloudflux.object_versions (file_id, version_no, place, object_key, version, size_bytes) VALUES ('o1', 9, 'archive', 'k2', 'v2', 1);
UPDATE cloudflux.object_versions SET valid_to = now() WHERE file_id = 'o1' AND version_no = 2;
SELECT outcome($$UPDATE cloudflux.data_objects SET object_key = 'k2' WHERE file_id = 'o1'$$);
