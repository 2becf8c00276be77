-- Made-up streams of events: as many as asked for, the same for a seed, refused with a hint.
SET client_min_messages = warning;
CALL cloudflux.generate_events(rate => 4000, duration => '0.25 s', seed => 1);
CALL cloudflux.generate_events(1000, interval '200 milliseconds', 'sensors', 1);
SELECT topic, event_type, count(*) FROM cloudflux.events GROUP BY 1, 2 ORDER BY 1, 2;
SELECT subject, event_type, data FROM cloudflux.events WHERE topic = 'data-ingestion' ORDER BY id LIMIT 3;
SELECT subject, event_type, data - 'time' AS data FROM cloudflux.events WHERE topic = 'metrics.raw' ORDER BY id LIMIT 3;
SELECT min(id), max(id), count(DISTINCT xid) > 1 AS in_several_transactions FROM cloudflux.events;
-- Of one object: created, read, deleted, in this order
SELECT count(*) AS out_of_order
  FROM (SELECT event_type, row_number() OVER w AS n, lead(event_type) OVER w AS after
          FROM cloudflux.events WHERE topic = 'data-ingestion' WINDOW w AS (PARTITION BY subject ORDER BY id)) e
 WHERE (n = 1) <> (event_type = 'object.created') OR event_type = 'object.deleted' AND after IS NOT NULL;
CALL cloudflux.generate_events(4000, '0.25 s', seed => 1);
SELECT count(*) AS different
  FROM (SELECT event_type, subject, data, row_number() OVER (ORDER BY id) AS n FROM cloudflux.events WHERE topic = 'data-ingestion') e
 GROUP BY (n - 1) % 1000 HAVING count(DISTINCT (event_type, subject, data)) > 1;
SELECT id, kind, state, events, total, percent, wanted_per_second, seed, started_by = CURRENT_USER AS by_me FROM cloudflux.generate_progress ORDER BY id;

-- At least one; a slow rate
CALL cloudflux.generate_events(0.5, '1 millisecond', 'sensors');

-- Refused
CALL cloudflux.generate_events(0, '1 s');
CALL cloudflux.generate_events(NULL, '1 s');
CALL cloudflux.generate_events('NaN', '1 s');
CALL cloudflux.generate_events(100001, '1 s');
CALL cloudflux.generate_events(10, '0 s');
CALL cloudflux.generate_events(10, '-1 s');
CALL cloudflux.generate_events(10, '25 hours');
CALL cloudflux.generate_events(10, NULL);
CALL cloudflux.generate_events(10, '1 s', 'cars');
CALL cloudflux.generate_events(10, '1 s', NULL);
BEGIN;
CALL cloudflux.generate_events(10, '1 s');
ROLLBACK;
SET default_transaction_read_only = on;
CALL cloudflux.generate_events(10, '1 s');
RESET default_transaction_read_only;

-- Rights
SET ROLE cloudflux_user;
CALL cloudflux.generate_events(10, '1 s');
SELECT count(*) FROM cloudflux.generate_progress;
INSERT INTO cloudflux.event_streams (kind, rate, duration, seed, total, started_by) VALUES ('objects', 1, '1 s', 1, 1, 'me');
RESET ROLE;
SET ROLE cloudflux_admin;
CALL cloudflux.generate_events(1000, '10 ms');
DELETE FROM cloudflux.event_streams;
SELECT actor, count(*) FROM cloudflux.events WHERE actor LIKE 'cloudflux%' GROUP BY 1;
RESET ROLE;
