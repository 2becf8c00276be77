-- Uploads that nobody will ever finish are removed after a week; younger ones, and those of a live job, stay.
\getenv places CF_PLACES
\set command 'mkdir -p ' :places '/sweep/.cloudflux/uploads && cd ' :places '/sweep/.cloudflux/uploads && touch -d @1000000000 OLD-1.part LIVE-1.part && touch YOUNG-1.part'
COPY (SELECT 1 WHERE false) TO PROGRAM :'command';
SELECT cloudflux.add_storage('sweep', 'LOCAL', :'places' || '/sweep');
INSERT INTO cloudflux.job_queue (file_id, job_id, phase, seq, paused) VALUES ('f', 'LIVE', 'copying', 1, true);
DO $$ BEGIN EXECUTE 'SET ROLE cloudflux_worker'; PERFORM cloudflux.sweep_uploads(); RESET ROLE; END $$;
SELECT owner_tag FROM cloudflux.stale_uploads('sweep', interval '-1 day') ORDER BY owner_tag;
DELETE FROM cloudflux.job_queue;
SELECT cloudflux.drop_storage('sweep');
