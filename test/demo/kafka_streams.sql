-- How many streams of generate_events() are not finished; both have to have begun.
SELECT count(*) FILTER (WHERE p.state <> 'finished') + 2 - LEAST(count(*), 2) FROM cloudflux.generate_progress p;
