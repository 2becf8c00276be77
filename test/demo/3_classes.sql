SELECT checked, to_hot AS hot, to_warm AS warm, to_cold AS cold FROM cloudflux.classify_objects();
SELECT DISTINCT ON (c.access_class) c.access_class AS class, right(o.object_key, 48) AS object, c.reason
  FROM cloudflux.object_classes c JOIN cloudflux.data_objects o USING (file_id)
 ORDER BY c.access_class, o.access_count_30d DESC, o.file_id;
