\pset title 'check_storage()'
SELECT c.check_name,
       max(CASE WHEN p.place = 'aws' THEN CASE WHEN c.ok THEN 'yes' ELSE 'no' END END) AS aws,
       max(CASE WHEN p.place = 'azure' THEN CASE WHEN c.ok THEN 'yes' ELSE 'no' END END) AS azure,
       max(CASE WHEN p.place = 'gcp' THEN CASE WHEN c.ok THEN 'yes' ELSE 'no' END END) AS gcp,
       max(CASE WHEN p.place = 'local' THEN CASE WHEN c.ok THEN 'yes' ELSE 'no' END END) AS local
  FROM (VALUES ('aws'), ('azure'), ('gcp'), ('local')) AS p(place)
 CROSS JOIN LATERAL cloudflux.check_storage(p.place) WITH ORDINALITY AS c(check_name, ok, detail, hint, n)
 GROUP BY c.check_name ORDER BY min(c.n);
