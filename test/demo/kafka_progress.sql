-- Events that are left, and a line that tells how far the publisher is.
SELECT l.events,
       format('%s published, %s to go, lag %s s, %s', p.events, l.events, l.lag, p.state || COALESCE(': ' || p.detail, ''))
  FROM cloudflux.event_positions p
 CROSS JOIN (SELECT COALESCE(sum(u.events), 0) AS events, COALESCE(round(extract(epoch FROM clock_timestamp() - min(u.oldest)), 1), 0) AS lag
               FROM cloudflux.unpublished_events() u) l
 WHERE p.reader = 'kafka';
