-- The table of transitions, as movers have it compiled in.
SELECT * FROM cloudflux.migration_transitions();
SELECT cloudflux.migration_next('pending', 'claim'), cloudflux.migration_next('done', 'claim'), cloudflux.migration_next(NULL, 'claim');
SELECT p AS phase, cloudflux.migration_status(p) AS status, cloudflux.job_status('delete', p) AS status_of_a_deletion
  FROM unnest(ARRAY['pending', 'copying', 'deleting_source', 'grace', 'cleaning', 'done']) p;
\set VERBOSITY terse
SELECT cloudflux.migration_next('begun', 'claim');
SELECT cloudflux.migration_next('pending', 'explode');
SELECT cloudflux.migration_status('');
