-- A whole bill of every S3 class as another cost engine worked it out (infracost, us-east-1, prices of 2024-07-01): line by line, and its total.
SET search_path = cloudflux, public;
\set VERBOSITY terse
CREATE TEMP TABLE golden (line int GENERATED ALWAYS AS IDENTITY, class text, what text, quantity numeric, says numeric, usage text, term text, option text);
INSERT INTO golden (class, what, quantity, says, usage, term, option) VALUES
	('STANDARD', 'Storage', 10000, 230.00, 'bytes', 'storage', NULL),
	('STANDARD', 'PUT, COPY, POST, LIST requests', 10, 0.05, 'puts', 'put', NULL),
	('STANDARD', 'GET, SELECT, and all other requests', 10, 0.00, 'gets', 'get', NULL),
	('STANDARD', 'Select data scanned', 10000, 20.00, NULL, NULL, NULL),
	('STANDARD', 'Select data returned', 10000, 7.00, NULL, NULL, NULL),
	('INTELLIGENT_TIERING_FA', 'Storage (frequent access)', 20000, 460.00, 'bytes', 'storage', NULL),
	('INTELLIGENT_TIERING_IA', 'Storage (infrequent access)', 20000, 250.00, 'bytes', 'storage', NULL),
	('INTELLIGENT_TIERING_AA', 'Storage (archive access)', 20000, 72.00, 'bytes', 'storage', NULL),
	('INTELLIGENT_TIERING_DAA', 'Storage (deep archive access)', 20000, 19.80, 'bytes', 'storage', NULL),
	('INTELLIGENT_TIERING_FA', 'Monitoring and automation', 20, 0.05, 'monitored', 'monitoring', NULL),
	('INTELLIGENT_TIERING_FA', 'PUT, COPY, POST, LIST requests', 20, 0.10, 'puts', 'put', NULL),
	('INTELLIGENT_TIERING_FA', 'GET, SELECT, and all other requests', 20, 0.01, 'gets', 'get', NULL),
	('INTELLIGENT_TIERING_FA', 'Lifecycle transition', 20, 0.20, 'transitions', 'transition', NULL),
	('INTELLIGENT_TIERING_FA', 'Select data scanned', 20000, 40.00, NULL, NULL, NULL),
	('INTELLIGENT_TIERING_FA', 'Select data returned', 20000, 14.00, NULL, NULL, NULL),
	('INTELLIGENT_TIERING_FA', 'Early delete (within 30 days)', 20000, 460.00, 'deleted_bytes', 'early_delete', NULL),
	('STANDARD_IA', 'Storage', 30000, 375.00, 'bytes', 'storage', NULL),
	('STANDARD_IA', 'PUT, COPY, POST, LIST requests', 30, 0.30, 'puts', 'put', NULL),
	('STANDARD_IA', 'GET, SELECT, and all other requests', 30, 0.03, 'gets', 'get', NULL),
	('STANDARD_IA', 'Lifecycle transition', 30, 0.30, 'transitions', 'transition', NULL),
	('STANDARD_IA', 'Retrievals', 30000, 300.00, 'read_bytes', 'retrieval', NULL),
	('STANDARD_IA', 'Select data scanned', 30000, 60.00, NULL, NULL, NULL),
	('STANDARD_IA', 'Select data returned', 30000, 300.00, NULL, NULL, NULL),
	('ONEZONE_IA', 'Storage', 40000, 400.00, 'bytes', 'storage', NULL),
	('ONEZONE_IA', 'PUT, COPY, POST, LIST requests', 40, 0.40, 'puts', 'put', NULL),
	('ONEZONE_IA', 'GET, SELECT, and all other requests', 40, 0.04, 'gets', 'get', NULL),
	('ONEZONE_IA', 'Lifecycle transition', 40, 0.40, 'transitions', 'transition', NULL),
	('ONEZONE_IA', 'Retrievals', 40000, 400.00, 'read_bytes', 'retrieval', NULL),
	('ONEZONE_IA', 'Select data scanned', 40000, 80.00, NULL, NULL, NULL),
	('ONEZONE_IA', 'Select data returned', 40000, 400.00, NULL, NULL, NULL),
	('GLACIER', 'Storage', 50000, 180.00, 'bytes', 'storage', NULL),
	('GLACIER', 'PUT, COPY, POST, LIST requests', 50, 1.50, 'puts', 'put', NULL),
	('GLACIER', 'GET, SELECT, and all other requests', 50, 0.02, 'gets', 'get', NULL),
	('GLACIER', 'Lifecycle transition', 50, 1.50, 'transitions', 'transition', NULL),
	('GLACIER', 'Retrieval requests (standard)', 50, 1.50, 'restores', 'restore', 'STANDARD'),
	('GLACIER', 'Retrievals (standard)', 50000, 500.00, 'restored_bytes', 'restore_retrieval', 'STANDARD'),
	('GLACIER', 'Select data scanned (standard)', 50000, 400.00, NULL, NULL, NULL),
	('GLACIER', 'Select data returned (standard)', 50000, 500.00, NULL, NULL, NULL),
	('GLACIER', 'Retrieval requests (expedited)', 50, 500.00, 'restores', 'restore', 'EXPEDITED'),
	('GLACIER', 'Retrievals (expedited)', 50000, 1500.00, 'restored_bytes', 'restore_retrieval', 'EXPEDITED'),
	('GLACIER', 'Select data scanned (expedited)', 50000, 1000.00, NULL, NULL, NULL),
	('GLACIER', 'Select data returned (expedited)', 50000, 1500.00, NULL, NULL, NULL),
	('GLACIER', 'Select data scanned (bulk)', 50000, 50.00, NULL, NULL, NULL),
	('GLACIER', 'Select data returned (bulk)', 50000, 125.00, NULL, NULL, NULL),
	('GLACIER', 'Early delete (within 90 days)', 50000, 180.00, 'deleted_bytes', 'early_delete', NULL),
	('DEEP_ARCHIVE', 'Storage', 60000, 59.40, 'bytes', 'storage', NULL),
	('DEEP_ARCHIVE', 'PUT, COPY, POST, LIST requests', 60, 3.00, 'puts', 'put', NULL),
	('DEEP_ARCHIVE', 'GET, SELECT, and all other requests', 60, 0.02, 'gets', 'get', NULL),
	('DEEP_ARCHIVE', 'Lifecycle transition', 60, 3.00, 'transitions', 'transition', NULL),
	('DEEP_ARCHIVE', 'Retrieval requests (standard)', 60, 6.00, 'restores', 'restore', 'STANDARD'),
	('DEEP_ARCHIVE', 'Retrievals (standard)', 60000, 1200.00, 'restored_bytes', 'restore_retrieval', 'STANDARD'),
	('DEEP_ARCHIVE', 'Retrieval requests (bulk)', 60, 1.50, 'restores', 'restore', 'BULK'),
	('DEEP_ARCHIVE', 'Retrievals (bulk)', 60000, 150.00, 'restored_bytes', 'restore_retrieval', 'BULK'),
	('DEEP_ARCHIVE', 'Early delete (within 180 days)', 60000, 59.40, 'deleted_bytes', 'early_delete', NULL);

-- The usage of a line: GB in bytes, requests in thousands; a month early is the class's minimum but 30 days
CREATE TEMP VIEW lines AS
SELECT g.*, u.usage AS document, q.quantity AS our_quantity, q.unit_price, q.amount, q.price_id
  FROM golden AS g
  LEFT JOIN prices AS p ON p.provider = 'AWS' AND p.region = 'us-east-1' AND p.storage_class = g.class AND p.builtin
 CROSS JOIN LATERAL (SELECT CASE
	WHEN g.usage = 'monitored' THEN jsonb_build_object('monitored_object_hours', g.quantity * 1000 * 720)
	WHEN g.usage = 'deleted_bytes' THEN jsonb_build_object('deleted_bytes', g.quantity * 1073741824, 'stored_days', GREATEST(p.min_storage_days - 30, 0))
	WHEN g.usage LIKE '%bytes' THEN jsonb_build_object(g.usage, g.quantity * 1073741824)
	WHEN g.usage IS NOT NULL THEN jsonb_build_object(g.usage, g.quantity * 1000) END
	|| CASE WHEN g.option IS NULL THEN '{}' ELSE jsonb_build_object('restore_option', g.option) END AS usage) AS u
  LEFT JOIN LATERAL quote_usage('AWS', 'us-east-1', g.class, u.usage, '2026-11-01') AS q ON u.usage IS NOT NULL AND q.term = g.term;

-- Line by line: its quantity, our price, our amount, to the cent as there
SELECT line, class, what, says, our_quantity = quantity AS quantity, unit_price, round(amount, 2) = says AS right FROM lines WHERE term IS NOT NULL ORDER BY line;

-- What differs differs by two price rows, each shown. Standard retrieval requests of Glacier: 0.03 is the row of the old vault service
-- (prices of 2024-07-01 there), 0.05 is what S3 charges (row -2002).
SELECT l.class, l.what, l.says, l.amount, r.id, r.option, r.request_usd_per_1000, r.verified
  FROM lines AS l JOIN restore_prices AS r ON r.id = l.price_id
 WHERE round(l.amount, 2) <> l.says;
SELECT load_prices('restore_options', E'provider,region,storage_class,option,restore_seconds_max,request_usd_per_1000,retrieval_usd_gb,source\n'
                   'AWS,us-east-1,GLACIER,STANDARD,18000,0.03,0.01,the golden: vault service\n', '2024-07-01', '2024-07-02') AS their_row;
SELECT q.amount AS by_their_row, q.unit_price FROM quote_usage('AWS', 'us-east-1', 'GLACIER', '{"restores": 50000}', '2024-07-01') AS q;
-- Early deletion from Intelligent-Tiering: AWS has no minimum there any more; their row has 30 days at the rate of frequent access
SELECT class, min_storage_days, early_delete_usd_gb_month FROM lines AS l JOIN prices AS p ON p.storage_class = l.class AND p.builtin AND p.region = 'us-east-1'
 WHERE l.usage = 'deleted_bytes' AND l.amount IS NULL;
SELECT load_prices('storage_classes', E'provider,region,storage_class,tier,storage_usd_gb_month,put_usd_per_1000,get_usd_per_1000,retrieval_usd_gb,early_delete_usd_gb_month,min_storage_days,source\n'
                   'AWS,us-east-1,INTELLIGENT_TIERING_FA,HOT,0.023,0.005,0.0004,0,0.023,30,the golden: minimum until 2021\n', '2024-07-01', '2024-07-02') AS their_row;
SELECT q.amount AS by_their_row, q.unit_price FROM quote_usage('AWS', 'us-east-1', 'INTELLIGENT_TIERING_FA', '{"deleted_bytes": 21474836480000}', '2024-07-01') AS q;
-- Early deletion elsewhere: the golden takes one month of the quantity, as above for a minimum of 30 days
SELECT class, says, amount FROM lines WHERE usage = 'deleted_bytes' AND amount IS NOT NULL ORDER BY line;
-- S3 Select is closed to new customers, and no class of the book prices it
SELECT count(*) AS lines_of_select, sum(says) AS not_covered FROM golden WHERE term IS NULL;

-- The total: ours, what the book does not cover, and the two rows that differ make theirs
SELECT sum(l.amount) AS ours,
       (SELECT sum(g.says) FROM golden AS g WHERE g.term IS NULL) AS of_select,
       460.00 AS early_deletion_their_row, -1.00 AS vault_row,
       round(sum(l.amount) + (SELECT sum(g.says) FROM golden AS g WHERE g.term IS NULL) + 460.00 - 1.00, 2) AS together, 11811.53 AS says
  FROM lines AS l WHERE l.term IS NOT NULL;
DELETE FROM restore_prices WHERE NOT builtin;
DELETE FROM prices WHERE NOT builtin;
