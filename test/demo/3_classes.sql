INSERT INTO cloudflux.tier_rules (rule_name, priority, access_class, max_reads_90d, min_age_days, min_evidence_days, place_pattern, comment)
VALUES ('demo_cold', 350, 'COLD', 0, 90, 72, 'fast', 'older than 90 days, and not read in the 90 days of the log');
SELECT checked, to_hot AS hot, to_warm AS warm, to_cold AS cold FROM cloudflux.classify_objects();
SELECT DISTINCT ON (c.access_class) c.access_class AS class, right(o.object_key, 48) AS object, c.reason
  FROM cloudflux.object_classes c JOIN cloudflux.data_objects o USING (file_id)
 ORDER BY c.access_class, o.access_count_30d DESC, o.file_id;
