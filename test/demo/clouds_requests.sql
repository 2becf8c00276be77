CALL cloudflux.run_chores('flush_request_metrics');
SELECT place, verb, sum(requests) AS requests, sum(requests) FILTER (WHERE status_class = '4xx') AS "4xx",
       pg_size_pretty(sum(sent_bytes)) AS sent, pg_size_pretty(sum(received_bytes)) AS received,
       round(sum(duration_ms)::numeric / sum(requests), 1) AS ms
  FROM cloudflux.request_metrics WHERE place <> '' GROUP BY place, verb ORDER BY place, sum(requests) DESC;
