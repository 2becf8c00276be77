-- 90 days of reads. Each object gets a popularity from a hash of its key (a few are hot, most are never read); weekends are
-- quiet; a third of those that were ever read fell silent at some day in the past. Written as a log, then imported like any.
CREATE TEMP TABLE log AS
WITH o AS (
	SELECT file_id, object_key, size_bytes, (hashtextextended(object_key, 42) & 1048575) / 1048576.0 AS u,
	       (hashtextextended(object_key, 43) & 1048575) / 1048576.0 AS v
	  FROM cloudflux.data_objects),
p AS (
	SELECT object_key, size_bytes, CASE WHEN u < 0.02 THEN 6.0 WHEN u < 0.10 THEN 0.8 WHEN u < 0.30 THEN 0.08 ELSE 0 END AS rate,
	       CASE WHEN v < 0.35 THEN (v / 0.35 * 90)::int ELSE 0 END AS silent_days
	  FROM o),
d AS (
	SELECT p.object_key, p.size_bytes, g AS days_ago,
	       p.rate * CASE WHEN extract(isodow FROM CURRENT_DATE - g) >= 6 THEN 0.3 ELSE 1.2 END AS rate
	  FROM p CROSS JOIN generate_series(0, 89) g WHERE p.rate > 0 AND g >= p.silent_days)
SELECT d.object_key, d.size_bytes, t.at
  FROM d CROSS JOIN LATERAL generate_series(1, floor(d.rate + (hashtextextended(d.object_key, d.days_ago) & 1023) / 1024.0)::int) n
 CROSS JOIN LATERAL (
	SELECT (CURRENT_DATE - d.days_ago)::timestamptz
	       + interval '1 second' * (8 * 3600 + (hashtextextended(d.object_key, d.days_ago * 100 + n) & 32767)) AS at) t
 WHERE t.at <= now();
SELECT format($$COPY (SELECT format('198.51.100.7 - - [%%s] "GET /%%s HTTP/1.1" 200 %%s "-" "generated"', to_char(at, 'DD/Mon/YYYY:HH24:MI:SS +0000'),
	replace(object_key, ' ', '%%20'), size_bytes) FROM log ORDER BY at) TO %L$$, :'log') \gexec
SET client_min_messages = warning;
CALL cloudflux.import_access_log('fast', 'apache', :'log');
-- The same log would tell of reads in the archive too: evidence for that place, though no read so far.
CALL cloudflux.import_access_log('archive', 'apache', :'log');
CALL cloudflux.run_chores('fold_accesses');
CALL cloudflux.run_chores('refresh_access_counts');
SELECT f.lines, f.accepted, f.bad, count(DISTINCT a.file_id) AS objects_read, f.first_at::date AS first_day, f.last_at::date AS last_day,
       (SELECT count(*) FROM cloudflux.access_coverage c WHERE c.place = 'fast') AS days_of_evidence
  FROM cloudflux.access_log_files f JOIN cloudflux.access_logs a ON true WHERE f.place = 'fast' GROUP BY f.lines, f.accepted, f.bad, f.first_at, f.last_at;
