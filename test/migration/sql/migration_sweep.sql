-- Uploads that nobody will ever finish are removed after a week; younger ones, and those of a live job, stay. The time of a file is its
-- source's, which does not count.
\getenv places CF_PLACES
\set command 'mkdir -p ' :places '/sweep/.cloudflux/uploads && cd ' :places '/sweep/.cloudflux/uploads && touch -d @1000000000 OLD-1.part LIVE-1.part && touch YOUNG-1.part'
COPY (SELECT 1 WHERE false) TO PROGRAM :'command';
SELECT cloudflux.add_storage('sweep', 'LOCAL', :'places' || '/sweep');
INSERT INTO cloudflux.job_queue (file_id, job_id, phase, seq, paused) VALUES ('f', 'LIVE', 'copying', 1, true);
DO $$ BEGIN EXECUTE 'SET ROLE cloudflux_worker'; PERFORM cloudflux.sweep_uploads(); RESET ROLE; END $$;
SELECT owner_tag FROM cloudflux.stale_uploads('sweep', interval '-1 day') ORDER BY owner_tag;
DO $$ BEGIN EXECUTE 'SET ROLE cloudflux_worker'; PERFORM cloudflux.sweep_uploads(interval '-1 day'); RESET ROLE; END $$;
SELECT owner_tag FROM cloudflux.stale_uploads('sweep', interval '-1 day') ORDER BY owner_tag;
-- what is left at a store is handed to the movers, by the role that chores have
BEGIN;
INSERT INTO cloudflux.job_uploads (file_id, owner_tag, job_id, place, object_key, in_parts) VALUES ('g', 'GONE-1', 'GONE', 'sweep', 'g', true);
SET LOCAL ROLE cloudflux_worker;
SELECT cloudflux.sweep_uploads();
ROLLBACK;
DELETE FROM cloudflux.job_queue;
SELECT cloudflux.drop_storage('sweep');
