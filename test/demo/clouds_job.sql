SELECT p.file_name AS "on its way", p.phase, p.progress_pct AS percent, pg_size_pretty(p.bytes_done) AS done, pg_size_pretty(p.size_bytes) AS of
  FROM cloudflux.migration_progress p WHERE p.job_id = :'job';
