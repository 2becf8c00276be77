/*
 * report: four views that tell how things stand.
 *
 * What they count: an *object* is a row of data_objects that has not vanished. A *copy* is bytes that somebody is
 * billed for: the object itself, and each replica and each source that is still to be deleted (addresses of state
 * replica or deleting). Numbers of objects never count a replica; bytes and money always do, except where a view
 * says otherwise. Money that is not known is NULL in a row and left out of a sum; unpriced_objects tells how many that are.
 */

-- Every copy that occupies storage: one row per object, and one per replica.
CREATE VIEW cloudflux.object_copies WITH (security_invoker = true) AS
	SELECT o.file_id, 'primary' AS role, o.current_cloud AS cloud, o.place, o.storage_class, COALESCE(o.size_bytes, 0) AS size_bytes, o.monthly_cost
	  FROM cloudflux.data_objects o
	 WHERE o.vanished_at IS NULL
	UNION ALL
	SELECT a.file_id, a.state, COALESCE(p.cloud, q.provider), a.place, v.storage_class, COALESCE(v.size_bytes, o.size_bytes, 0),
	       cloudflux.object_monthly_cost(p.price_provider, p.price_region,
	           CASE WHEN p.cloud = 'LOCAL' THEN COALESCE(p.storage_class, v.storage_class) ELSE COALESCE(NULLIF(v.storage_class, ''), p.storage_class) END,
	           COALESCE(v.size_bytes, o.size_bytes), 0)
	  FROM cloudflux.addresses a
	  JOIN cloudflux.data_objects o ON o.file_id = a.file_id
	  LEFT JOIN cloudflux.place_prices p ON p.place = a.place
	  LEFT JOIN cloudflux.places q ON q.place = a.place
	  LEFT JOIN LATERAL (
		SELECT w.storage_class, w.size_bytes
		  FROM cloudflux.object_versions w
		 WHERE w.file_id = a.file_id AND w.place = a.place AND w.object_key = a.object_key
		 ORDER BY w.version_no DESC
		 LIMIT 1) v ON true
	 WHERE a.state IN ('replica', 'deleting');

CREATE VIEW cloudflux.overview WITH (security_invoker = true) AS
	SELECT o.objects, c.replicas, o.vanished_objects, c.size_bytes, pg_size_pretty(c.size_bytes) AS size,
	       c.monthly_cost, o.unpriced_objects, o.hot_objects, o.warm_objects, o.cold_objects, o.unclassified_objects, o.misplaced_objects,
	       o.accesses_30d, j.live_jobs, j.paused_jobs, m.completed_24h, m.failed_24h, m.moved_bytes_24h, e.untold_events, e.event_lag_seconds
	  FROM (
		SELECT count(*) FILTER (WHERE d.vanished_at IS NULL) AS objects,
		       count(*) FILTER (WHERE d.vanished_at IS NOT NULL) AS vanished_objects,
		       count(*) FILTER (WHERE d.vanished_at IS NULL AND d.monthly_cost IS NULL) AS unpriced_objects,
		       count(*) FILTER (WHERE d.vanished_at IS NULL AND k.access_class = 'HOT') AS hot_objects,
		       count(*) FILTER (WHERE d.vanished_at IS NULL AND k.access_class = 'WARM') AS warm_objects,
		       count(*) FILTER (WHERE d.vanished_at IS NULL AND k.access_class = 'COLD') AS cold_objects,
		       count(*) FILTER (WHERE d.vanished_at IS NULL AND k.access_class IS NULL) AS unclassified_objects,
		       count(*) FILTER (WHERE d.vanished_at IS NULL AND k.access_class <> d.current_tier) AS misplaced_objects,
		       LEAST(COALESCE(sum(d.access_count_30d) FILTER (WHERE d.vanished_at IS NULL), 0), 9223372036854775807)::bigint AS accesses_30d
		  FROM cloudflux.data_objects d
		  LEFT JOIN cloudflux.object_classes k ON k.file_id = d.file_id) o
	 CROSS JOIN (
		SELECT count(*) FILTER (WHERE x.role <> 'primary') AS replicas, LEAST(COALESCE(sum(x.size_bytes), 0), 9223372036854775807)::bigint AS size_bytes,
		       COALESCE(sum(x.monthly_cost), 0) AS monthly_cost
		  FROM cloudflux.object_copies x) c
	 CROSS JOIN (SELECT count(*) AS live_jobs, count(*) FILTER (WHERE q.paused) AS paused_jobs FROM cloudflux.job_queue q) j
	 CROSS JOIN (
		SELECT count(*) FILTER (WHERE x.status = 'completed') AS completed_24h, count(*) FILTER (WHERE x.status = 'failed') AS failed_24h,
		       COALESCE(sum(x.bytes_copied), 0)::bigint AS moved_bytes_24h
		  FROM cloudflux.migration_jobs x
		 WHERE x.completed_at >= now() - interval '24 hours') m
	 CROSS JOIN (SELECT COALESCE(max(l.untold_events), 0) AS untold_events, COALESCE(max(l.lag_seconds), 0) AS event_lag_seconds FROM cloudflux.event_lag l) e;

CREATE VIEW cloudflux.tier_statistics WITH (security_invoker = true) AS
	SELECT COALESCE(o.current_tier, 'unknown') AS current_tier, COALESCE(k.access_class, 'unclassified') AS access_class,
	       count(*) AS objects, LEAST(COALESCE(sum(o.size_bytes), 0), 9223372036854775807)::bigint AS size_bytes,
	       COALESCE(sum(o.monthly_cost), 0) AS monthly_cost,
	       count(*) FILTER (WHERE o.monthly_cost IS NULL) AS unpriced_objects,
	       LEAST(COALESCE(sum(o.access_count_30d), 0), 9223372036854775807)::bigint AS accesses_30d,
	       round(avg((now() AT TIME ZONE 'UTC')::date - (LEAST(o.created_at, o.modified_at) AT TIME ZONE 'UTC')::date), 1) AS avg_age_days
	  FROM cloudflux.data_objects o
	  LEFT JOIN cloudflux.object_classes k ON k.file_id = o.file_id
	 WHERE o.vanished_at IS NULL
	 GROUP BY COALESCE(o.current_tier, 'unknown'), COALESCE(k.access_class, 'unclassified');

CREATE VIEW cloudflux.cloud_distribution WITH (security_invoker = true) AS
	SELECT COALESCE(c.cloud, 'unknown') AS cloud, c.place, count(*) FILTER (WHERE c.role = 'primary') AS objects,
	       count(*) FILTER (WHERE c.role <> 'primary') AS replicas, CASE WHEN sum(c.size_bytes) IS NOT NULL
	            THEN LEAST(sum(c.size_bytes), 9223372036854775807) END::bigint AS size_bytes,
	       COALESCE(round(100 * sum(c.size_bytes) / NULLIF(sum(sum(c.size_bytes)) OVER (), 0), 2), 0) AS share_pct,
	       COALESCE(sum(c.monthly_cost), 0) AS monthly_cost, count(*) FILTER (WHERE c.monthly_cost IS NULL) AS unpriced_copies
	  FROM cloudflux.object_copies c
	 GROUP BY COALESCE(c.cloud, 'unknown'), c.place;

CREATE VIEW cloudflux.trends WITH (security_invoker = true) AS
	SELECT d.date, sum(d.copies)::bigint AS copies, sum(d.size_gb) AS size_gb, sum(d.storage_cost) AS storage_cost, sum(d.total_cost) AS total_cost,
	       COALESCE(sum(d.reads), 0)::bigint AS reads, COALESCE(sum(d.writes), 0)::bigint AS writes,
	       COALESCE(sum(d.moved_objects), 0)::bigint AS moved_objects, COALESCE(sum(d.moved_bytes), 0)::bigint AS moved_bytes,
	       COALESCE(sum(d.failed_jobs), 0)::bigint AS failed_jobs
	  FROM (
		SELECT c.date, sum(c.num_objects) AS copies, sum(c.total_size_gb) AS size_gb, sum(c.storage_cost) AS storage_cost, sum(c.total_cost) AS total_cost,
		       NULL::numeric AS reads, NULL::numeric AS writes, NULL::numeric AS moved_objects, NULL::numeric AS moved_bytes, NULL::numeric AS failed_jobs
		  FROM cloudflux.cost_analytics c
		 GROUP BY c.date
		UNION ALL
		SELECT a.day, NULL, NULL, NULL, NULL, sum(a.reads), sum(a.writes), NULL, NULL, NULL
		  FROM (SELECT x.day, x.reads, x.writes FROM cloudflux.access_daily x UNION ALL SELECT y.day, y.reads, y.writes FROM cloudflux.access_deltas y) a
		 GROUP BY a.day
		UNION ALL
		SELECT (j.completed_at AT TIME ZONE 'UTC')::date, NULL, NULL, NULL, NULL, NULL, NULL,
		       count(*) FILTER (WHERE j.status = 'completed' AND j.kind = 'move'), sum(j.bytes_copied), count(*) FILTER (WHERE j.status = 'failed')
		  FROM cloudflux.migration_jobs j
		 WHERE j.completed_at IS NOT NULL
		 GROUP BY 1) d
	 GROUP BY d.date;

GRANT SELECT ON cloudflux.object_copies, cloudflux.overview, cloudflux.tier_statistics, cloudflux.cloud_distribution, cloudflux.trends TO cloudflux_viewer;

COMMENT ON VIEW cloudflux.object_copies IS 'Every copy that occupies storage and is billed: one row per object that has not vanished, and one per replica or source that is still to be deleted.';
COMMENT ON COLUMN cloudflux.object_copies.file_id IS 'Object.';
COMMENT ON COLUMN cloudflux.object_copies.role IS 'primary (what the catalogue points at), replica, or deleting (to be deleted after a move).';
COMMENT ON COLUMN cloudflux.object_copies.cloud IS 'Cloud of the place; NULL = catalogued only, or the place is gone.';
COMMENT ON COLUMN cloudflux.object_copies.place IS 'Place; NULL = catalogued only.';
COMMENT ON COLUMN cloudflux.object_copies.storage_class IS 'Storage class of this copy; NULL = not known.';
COMMENT ON COLUMN cloudflux.object_copies.size_bytes IS 'Bytes; 0 when not known.';
COMMENT ON COLUMN cloudflux.object_copies.monthly_cost IS 'USD per month of storage; NULL = no price is known. Of the object itself it is data_objects.monthly_cost, of the others it is computed.';

COMMENT ON VIEW cloudflux.overview IS 'One row: how things stand now.';
COMMENT ON COLUMN cloudflux.overview.objects IS 'Objects in the catalogue, without vanished ones and replicas.';
COMMENT ON COLUMN cloudflux.overview.replicas IS 'Further copies of objects: replicas, and sources of moves that are still to be deleted.';
COMMENT ON COLUMN cloudflux.overview.vanished_objects IS 'Objects that the last inventory of their place did not find; counted nowhere else.';
COMMENT ON COLUMN cloudflux.overview.size_bytes IS 'Bytes of all copies, replicas included.';
COMMENT ON COLUMN cloudflux.overview.size IS 'The same, for reading.';
COMMENT ON COLUMN cloudflux.overview.monthly_cost IS 'USD per month of storage of all copies whose price is known.';
COMMENT ON COLUMN cloudflux.overview.unpriced_objects IS 'Objects without a known price: they are missing in monthly_cost.';
COMMENT ON COLUMN cloudflux.overview.hot_objects IS 'Objects that classify() put into class HOT.';
COMMENT ON COLUMN cloudflux.overview.warm_objects IS 'Objects that classify() put into class WARM.';
COMMENT ON COLUMN cloudflux.overview.cold_objects IS 'Objects that classify() put into class COLD.';
COMMENT ON COLUMN cloudflux.overview.unclassified_objects IS 'Objects that classify() has not looked at yet.';
COMMENT ON COLUMN cloudflux.overview.misplaced_objects IS 'Objects whose bytes lie in another tier than their class.';
COMMENT ON COLUMN cloudflux.overview.accesses_30d IS 'Accesses of the last 30 days, as of data_objects.counted_on.';
COMMENT ON COLUMN cloudflux.overview.live_jobs IS 'Migration jobs that are waiting, moving, paused, or in their grace period.';
COMMENT ON COLUMN cloudflux.overview.paused_jobs IS 'Those of them that are paused.';
COMMENT ON COLUMN cloudflux.overview.completed_24h IS 'Jobs completed within 24 hours.';
COMMENT ON COLUMN cloudflux.overview.failed_24h IS 'Jobs failed for good within 24 hours.';
COMMENT ON COLUMN cloudflux.overview.moved_bytes_24h IS 'Bytes sent by the jobs that ended within 24 hours, repetitions included.';
COMMENT ON COLUMN cloudflux.overview.untold_events IS 'Events that the slowest reader of the outbox has not been told of.';
COMMENT ON COLUMN cloudflux.overview.event_lag_seconds IS 'Age of the oldest of them; 0 when there is none.';

COMMENT ON VIEW cloudflux.tier_statistics IS 'Objects by the tier where their bytes lie and the class that classify() gives them: what is off the diagonal is in the wrong place. Replicas and vanished objects are not counted.';
COMMENT ON COLUMN cloudflux.tier_statistics.current_tier IS 'HOT, WARM or COLD of the storage class; unknown = catalogued only, or the class has no tier.';
COMMENT ON COLUMN cloudflux.tier_statistics.access_class IS 'Verdict: HOT, WARM, COLD, or unclassified.';
COMMENT ON COLUMN cloudflux.tier_statistics.objects IS 'Objects.';
COMMENT ON COLUMN cloudflux.tier_statistics.size_bytes IS 'Their bytes, without replicas.';
COMMENT ON COLUMN cloudflux.tier_statistics.monthly_cost IS 'USD per month of storage, of those whose price is known.';
COMMENT ON COLUMN cloudflux.tier_statistics.unpriced_objects IS 'Objects without a known price.';
COMMENT ON COLUMN cloudflux.tier_statistics.accesses_30d IS 'Accesses of the last 30 days, as of data_objects.counted_on.';
COMMENT ON COLUMN cloudflux.tier_statistics.avg_age_days IS 'Mean age in days.';

COMMENT ON VIEW cloudflux.cloud_distribution IS 'Where the bytes are: objects, replicas, bytes and cost per place. Vanished objects are not counted.';
COMMENT ON COLUMN cloudflux.cloud_distribution.cloud IS 'Cloud; unknown = catalogued only, or the place is gone.';
COMMENT ON COLUMN cloudflux.cloud_distribution.place IS 'Place; NULL = objects that are catalogued only.';
COMMENT ON COLUMN cloudflux.cloud_distribution.objects IS 'Objects that lie here.';
COMMENT ON COLUMN cloudflux.cloud_distribution.replicas IS 'Further copies that lie here.';
COMMENT ON COLUMN cloudflux.cloud_distribution.size_bytes IS 'Bytes of both.';
COMMENT ON COLUMN cloudflux.cloud_distribution.share_pct IS 'Percentage of all bytes.';
COMMENT ON COLUMN cloudflux.cloud_distribution.monthly_cost IS 'USD per month of storage, of those whose price is known.';
COMMENT ON COLUMN cloudflux.cloud_distribution.unpriced_copies IS 'Objects and replicas without a known price.';

COMMENT ON VIEW cloudflux.trends IS 'One row per UTC day of which something is known: the bill, accesses and moves. Order by date.';
COMMENT ON COLUMN cloudflux.trends.date IS 'UTC day.';
COMMENT ON COLUMN cloudflux.trends.copies IS 'Objects and replicas billed on that day; NULL = no bill was made.';
COMMENT ON COLUMN cloudflux.trends.size_gb IS 'Their size in 2^30 bytes; NULL = no bill was made.';
COMMENT ON COLUMN cloudflux.trends.storage_cost IS 'USD of storage for that day; NULL = no bill, or no price known.';
COMMENT ON COLUMN cloudflux.trends.total_cost IS 'USD of that day with requests, retrieval and transfer; NULL = no bill, or no price known.';
COMMENT ON COLUMN cloudflux.trends.reads IS 'Reads on that day.';
COMMENT ON COLUMN cloudflux.trends.writes IS 'Writes on that day.';
COMMENT ON COLUMN cloudflux.trends.moved_objects IS 'Moves completed on that day.';
COMMENT ON COLUMN cloudflux.trends.moved_bytes IS 'Bytes sent by jobs that ended on that day, repetitions included.';
COMMENT ON COLUMN cloudflux.trends.failed_jobs IS 'Jobs that failed for good on that day.';
