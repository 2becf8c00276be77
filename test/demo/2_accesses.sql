-- 90 days of reads. Each object gets a popularity from a hash of its key (Zipf-like), most of them none at all; weekends
-- are quiet; a third of those that were ever read fell silent at some day in the past.
WITH o AS (
	SELECT file_id, size_bytes, (hashtextextended(object_key, 42) & 1048575) / 1048576.0 AS u,
	       (hashtextextended(object_key, 43) & 1048575) / 1048576.0 AS v
	  FROM cloudflux.data_objects),
p AS (
	SELECT file_id, CASE WHEN u < 0.02 THEN 6.0 WHEN u < 0.10 THEN 0.8 WHEN u < 0.30 THEN 0.08 ELSE 0 END AS rate,
	       CASE WHEN v < 0.35 THEN (v / 0.35 * 90)::int ELSE 0 END AS silent_days
	  FROM o),
d AS (
	SELECT p.file_id, g AS days_ago, p.rate * CASE WHEN extract(isodow FROM CURRENT_DATE - g) >= 6 THEN 0.3 ELSE 1.2 END AS rate
	  FROM p CROSS JOIN generate_series(0, 89) g WHERE p.rate > 0 AND g >= p.silent_days)
INSERT INTO cloudflux.access_logs (file_id, accessed_at, access_type, latency_ms, user_id)
SELECT d.file_id, t.at, 'read',
       round((5 + 20 * (hashtextextended(d.file_id, d.days_ago * 1000 + n) & 1023) / 1024.0)::numeric, 1), 'generated'
  FROM d CROSS JOIN LATERAL generate_series(1, floor(d.rate + (hashtextextended(d.file_id, d.days_ago) & 1023) / 1024.0)::int) n
 CROSS JOIN LATERAL (
	SELECT (CURRENT_DATE - d.days_ago)::timestamptz
	       + interval '1 second' * (8 * 3600 + (hashtextextended(d.file_id, d.days_ago * 100 + n) & 32767)) AS at) t
 WHERE t.at <= now();
CALL cloudflux.run_chores('fold_accesses');
CALL cloudflux.run_chores('refresh_access_counts');
SELECT count(*) AS reads, count(DISTINCT file_id) AS objects_read, min(accessed_at)::date AS first_day, max(accessed_at)::date AS last_day
  FROM cloudflux.access_logs;
