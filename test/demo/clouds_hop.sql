SET client_min_messages = warning;
CALL cloudflux.run_chores('flush_request_metrics');
SELECT count(*) AS objects, pg_size_pretty(sum(j.size_bytes)) AS size, string_agg(DISTINCT j.verified, ', ') AS "verified by",
       round(sum(j.transfer_cost), 6) AS "cost USD", count(*) FILTER (WHERE j.status <> 'completed') AS failed,
       date_trunc('milliseconds', max(j.completed_at) - min(j.started_at)) AS took
  FROM cloudflux.migration_jobs j
 WHERE j.id > :before AND j.source_place = :'source' AND j.dest_place = :'dest' AND j.status <> 'cancelled';
