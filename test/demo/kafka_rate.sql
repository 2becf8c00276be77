-- What was generated, what is published, how many events are to go, how old the oldest of them is, and when that was.
SELECT w.events, k.events, l.events, l.seconds, extract(epoch FROM clock_timestamp())
  FROM cloudflux.event_positions k
 CROSS JOIN (SELECT COALESCE(sum(p.events), 0) AS events FROM cloudflux.generate_progress p) w
 CROSS JOIN (SELECT sum(e.untold_events) AS events, round(max(e.lag_seconds), 2) AS seconds FROM cloudflux.event_lag e WHERE e.reader = 'kafka') l
 WHERE k.reader = 'kafka';
