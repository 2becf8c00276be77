SELECT (SELECT count(*) FROM cloudflux.job_queue),
       format('%s objects arrived, %s on their way%s', count(*) FILTER (WHERE j.status = 'completed'),
              (SELECT count(*) FROM cloudflux.job_queue),
              COALESCE((SELECT ': ' || string_agg(x.phase || ' ' || x.n, ', ' ORDER BY x.phase)
                          FROM (SELECT phase, count(*) AS n FROM cloudflux.migration_progress GROUP BY phase) x), ''))
  FROM cloudflux.migration_jobs j
 WHERE j.id > :before AND j.source_place = :'source' AND j.dest_place = :'dest';
