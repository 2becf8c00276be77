SELECT j.job_id, j.file_id FROM cloudflux.migration_jobs j WHERE j.status = 'completed' ORDER BY j.size_bytes DESC, j.file_id LIMIT 1 \gset
SELECT section, item, CASE WHEN length(value) > 110 THEN left(value, 107) || '...' ELSE value END AS value FROM cloudflux.explain_object(:'file_id');
\echo 'rollback_migration(): the source is gone, so the bytes are copied back by a job of their own.'
SELECT cloudflux.rollback_migration(:'job_id') AS back \gset
SELECT cloudflux.wait_for_migration(:'back', '1 minute') AS rolled_back;
SELECT event_type, data->>'source_place' AS from_place, data->>'dest_place' AS to_place, to_char(occurred_at, 'HH24:MI:SS.MS') AS at
  FROM cloudflux.events WHERE subject = :'file_id' AND topic = 'migration-events' ORDER BY id;
