/*
 * migration/requests: what was sent for each job, and what that cost.
 *
 * Movers count each attempt of each request of a job, beside request_metrics, and write rows at the end of a round (job_requests): only
 * added, so that nobody is waited for. job_costs prices them at the class of the object at that place, beside what the job was estimated to cost;
 * request_costs is the bill of all that cloudflux sends.
 */

CREATE TABLE cloudflux.job_requests (
	job_id          text NOT NULL,
	file_id         text NOT NULL,
	recorded_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	place           text NOT NULL,
	verb            text NOT NULL,
	requests        bigint NOT NULL CHECK (requests >= 0),
	repeated        bigint NOT NULL CHECK (repeated >= 0),
	billed_requests bigint NOT NULL CHECK (billed_requests >= 0),
	sent_bytes      bigint NOT NULL CHECK (sent_bytes >= 0),
	received_bytes  bigint NOT NULL CHECK (received_bytes >= 0)
);
CREATE INDEX job_requests_job ON cloudflux.job_requests (job_id);

-- A round's requests, each array with a value per row.
CREATE FUNCTION cloudflux.record_requests(p_file_ids text[], p_job_ids text[], p_places text[], p_verbs text[], p_requests bigint[],
	p_repeated bigint[], p_billed bigint[], p_sent bigint[], p_received bigint[]) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO cloudflux.job_requests (file_id, job_id, place, verb, requests, repeated, billed_requests, sent_bytes, received_bytes)
	SELECT u.file_id, u.job_id, u.place, u.verb, u.requests, u.repeated, u.billed, u.sent, u.received
	  FROM ROWS FROM (unnest(p_file_ids), unnest(p_job_ids), unnest(p_places), unnest(p_verbs), unnest(p_requests), unnest(p_repeated),
			unnest(p_billed), unnest(p_sent), unnest(p_received))
			AS u(file_id, job_id, place, verb, requests, repeated, billed, sent, received);
END;

-- The class whose price a request of a job has: what is written, that of the destination; what is read or looked at, that of where it lies.
CREATE FUNCTION cloudflux.request_class(p_job cloudflux.migration_jobs, p_place text, p_term text, p_cloud text, p_place_class text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN cloudflux.billed_class(p_cloud, p_place_class,
	CASE WHEN p_place = (p_job).dest_place AND (p_place IS DISTINCT FROM (p_job).source_place OR p_term = 'put') THEN (p_job).dest_class
	     WHEN p_place = (p_job).source_place THEN (p_job).source_class END);

-- The fee for an object that leaves its class before its minimum duration: when a job has removed it there, or changed its class.
CREATE FUNCTION cloudflux.job_early_deletion(p_job cloudflux.migration_jobs) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_place  record;
	v_class  text;
	v_since  timestamptz;
	v_until  timestamptz := COALESCE(p_job.completed_at, p_job.switched_at);
BEGIN
	IF v_until IS NULL OR p_job.status <> 'completed' OR p_job.source_kept IS NOT NULL
		OR NOT (p_job.delete_source OR p_job.kind IN ('change', 'delete', 'delete_replica')) THEN
		RETURN 0;
	END IF;
	v_place := cloudflux.place_price(p_job.source_place);
	v_class := cloudflux.billed_class(v_place.cloud, v_place.storage_class, p_job.source_class);
	IF cloudflux.class_minimum_bytes(v_place.price_provider, v_place.price_region, v_class, v_until::date) IS NULL THEN
		RETURN NULL;
	END IF;
	SELECT max(v.valid_from) INTO v_since FROM cloudflux.object_versions AS v
	 WHERE v.file_id = p_job.file_id AND v.place = p_job.source_place AND v.object_key = p_job.source_key AND v.role = 'primary'
	   AND v.job_id <> p_job.job_id AND v.valid_from <= p_job.created_at;
	IF v_since IS NULL THEN
		SELECT COALESCE(o.modified_at, o.created_at) INTO v_since FROM cloudflux.data_objects AS o WHERE o.file_id = p_job.file_id;
	END IF;
	RETURN (SELECT CASE WHEN v_since IS NOT NULL AND count(*) = count(q.amount) THEN COALESCE(sum(q.amount), 0) END
	          FROM cloudflux.quote_usage(v_place.price_provider, v_place.price_region, v_class, jsonb_build_object('deleted_bytes', COALESCE(p_job.size_bytes, 0),
	                 'deleted_objects', 1, 'stored_days', GREATEST(0, floor(extract(epoch FROM v_until - v_since) / 86400))), v_until::date) AS q);
END
$$;

CREATE VIEW cloudflux.job_costs WITH (security_invoker = true) AS
SELECT j.job_id, j.file_id, j.kind, j.status, j.source_place, j.dest_place, j.created_at, j.completed_at,
       COALESCE(r.requests, 0) AS requests, COALESCE(r.repeated, 0) AS repeated, COALESCE(r.billed_requests, 0) AS billed_requests,
       COALESCE(r.sent_bytes, 0) AS sent_bytes, COALESCE(r.received_bytes, 0) AS received_bytes,
       r.request_cost, r.retrieval_cost + k.retrieval_cost AS retrieval_cost, r.egress_cost + k.egress_cost AS egress_cost, COALESCE(j.restore_cost, 0) AS restore_cost,
       e.fee AS early_deletion_cost,
       r.request_cost + r.retrieval_cost + k.retrieval_cost + r.egress_cost + k.egress_cost + COALESCE(j.restore_cost, 0) + e.fee AS cost,
       j.transfer_cost AS estimated_cost
  FROM cloudflux.migration_jobs AS j
 CROSS JOIN LATERAL (
       SELECT sum(m.requests)::bigint AS requests, sum(m.repeated)::bigint AS repeated, sum(m.billed_requests)::bigint AS billed_requests,
              sum(m.sent_bytes)::bigint AS sent_bytes, sum(m.received_bytes)::bigint AS received_bytes,
              CASE WHEN count(*) = count(c.amount) THEN COALESCE(sum(c.amount), 0) END AS request_cost,
              CASE WHEN count(*) = count(b.retrieval) THEN COALESCE(sum(b.retrieval), 0) END AS retrieval_cost,
              CASE WHEN count(*) = count(b.egress) THEN COALESCE(sum(b.egress), 0) END AS egress_cost,
              max(m.day) FILTER (WHERE cloudflux.request_copies(m.verb) AND m.billed_requests > 0) AS copied
         FROM (SELECT q.place, q.verb, (q.recorded_at AT TIME ZONE 'UTC')::date AS day, sum(q.requests) AS requests, sum(q.repeated) AS repeated,
                      sum(q.billed_requests) AS billed_requests, sum(q.sent_bytes) AS sent_bytes, sum(q.received_bytes) AS received_bytes
                 FROM cloudflux.job_requests AS q WHERE q.job_id = j.job_id GROUP BY 1, 2, 3) AS m
         LEFT JOIN LATERAL cloudflux.place_price(m.place) AS p ON true
        CROSS JOIN LATERAL (SELECT cloudflux.request_term(COALESCE(p.cloud, p.price_provider), m.verb) AS term) AS t
        CROSS JOIN LATERAL (SELECT cloudflux.request_class(j, m.place, t.term, p.cloud, p.storage_class) AS class) AS s
         LEFT JOIN LATERAL cloudflux.price_requests(p.price_provider, p.price_region, s.class, t.term, m.billed_requests, m.day) AS c ON true
        CROSS JOIN LATERAL (SELECT CASE WHEN cloudflux.request_reads(m.verb)
                                        THEN cloudflux.price_retrieval(p.price_provider, p.price_region, s.class, m.received_bytes, m.day) ELSE 0 END AS retrieval,
                                   cloudflux.price_egress(p.price_provider, p.price_region, p.egress, m.received_bytes, m.day) AS egress) AS b) AS r
 -- What a store copied by itself was read there, too, and went as far as the two places are apart.
 CROSS JOIN LATERAL (
       SELECT CASE WHEN r.copied IS NULL OR NOT j.kind IN ('move', 'rollback') THEN 0
                   ELSE cloudflux.price_retrieval(sp.price_provider, sp.price_region, cloudflux.billed_class(sp.cloud, sp.storage_class, j.source_class),
                                                  COALESCE(j.size_bytes, 0), r.copied) END AS retrieval_cost,
              CASE WHEN r.copied IS NULL OR NOT j.kind IN ('move', 'rollback') OR (sp.price_provider, sp.price_region) = (dp.price_provider, dp.price_region) THEN 0
                   ELSE cloudflux.price_egress(sp.price_provider, sp.price_region, 'other_region', COALESCE(j.size_bytes, 0), r.copied) END AS egress_cost
         FROM (SELECT) AS one
         LEFT JOIN LATERAL cloudflux.place_price(j.source_place) AS sp ON true
         LEFT JOIN LATERAL cloudflux.place_price(j.dest_place) AS dp ON true) AS k
 CROSS JOIN LATERAL (SELECT CASE WHEN r.requests IS NULL THEN 0 ELSE cloudflux.job_early_deletion(j) END AS fee) AS e;

-- What was sent, per day, place, verb and class. A provider does not bill what it answered with an error of its own (5xx), nor what got no answer.
CREATE VIEW cloudflux.request_costs WITH (security_invoker = true) AS
SELECT m.day, m.place, p.cloud, m.verb, t.term, m.requests, m.repeated, m.billed_requests, m.sent_bytes, m.received_bytes, c.unit_price, c.amount AS cost, c.price_id,
       COALESCE(m.class, p.storage_class) AS storage_class, b.retrieval AS retrieval_cost, b.egress AS egress_cost, c.amount + b.retrieval + b.egress AS total_cost
  FROM (WITH job AS MATERIALIZED (
               SELECT (q.recorded_at AT TIME ZONE 'UTC')::date AS day, q.place, q.verb,
                      cloudflux.request_class(j, q.place, cloudflux.request_term(COALESCE(p.cloud, p.price_provider), q.verb), p.cloud, p.storage_class) AS class,
                      sum(q.requests) AS requests, sum(q.repeated) AS repeated, sum(q.billed_requests) AS billed_requests,
                      sum(q.sent_bytes) AS sent_bytes, sum(q.received_bytes) AS received_bytes
                 FROM cloudflux.job_requests AS q
                 JOIN cloudflux.migration_jobs AS j ON j.file_id = q.file_id AND j.job_id = q.job_id
                 LEFT JOIN cloudflux.place_prices AS p ON p.place = q.place
                GROUP BY 1, 2, 3, 4)
        SELECT x.day, x.place, x.verb, x.class, x.requests::bigint AS requests, x.repeated::bigint AS repeated, x.billed_requests::bigint AS billed_requests,
               x.sent_bytes::bigint AS sent_bytes, x.received_bytes::bigint AS received_bytes
          FROM job AS x
        UNION ALL
        -- What was sent for no job: all that was sent, without that.
        SELECT a.day, a.place, a.verb, NULL, GREATEST(a.requests - COALESCE(x.requests, 0), 0)::bigint, GREATEST(a.repeated - COALESCE(x.repeated, 0), 0)::bigint,
               GREATEST(a.billed_requests - COALESCE(x.billed_requests, 0), 0)::bigint, GREATEST(a.sent_bytes - COALESCE(x.sent_bytes, 0), 0)::bigint,
               GREATEST(a.received_bytes - COALESCE(x.received_bytes, 0), 0)::bigint
          FROM (SELECT (r.hour AT TIME ZONE 'UTC')::date AS day, r.place, r.verb, sum(r.requests) AS requests, sum(r.repeated) AS repeated,
                       COALESCE(sum(r.requests) FILTER (WHERE r.status_class NOT IN ('5xx', 'none')), 0) AS billed_requests,
                       sum(r.sent_bytes) AS sent_bytes, sum(r.received_bytes) AS received_bytes
                  FROM cloudflux.request_metrics AS r GROUP BY 1, 2, 3) AS a
          LEFT JOIN (SELECT y.day, y.place, y.verb, sum(y.requests) AS requests, sum(y.repeated) AS repeated, sum(y.billed_requests) AS billed_requests,
                            sum(y.sent_bytes) AS sent_bytes, sum(y.received_bytes) AS received_bytes FROM job AS y GROUP BY 1, 2, 3) AS x
            ON x.day = a.day AND x.place = a.place AND x.verb = a.verb
         WHERE a.requests > COALESCE(x.requests, 0)) AS m
  LEFT JOIN cloudflux.place_prices AS p ON p.place = m.place
 CROSS JOIN LATERAL (SELECT cloudflux.request_term(COALESCE(p.cloud, p.price_provider), m.verb) AS term) AS t
  LEFT JOIN LATERAL cloudflux.price_requests(p.price_provider, p.price_region, COALESCE(m.class, p.storage_class), t.term, m.billed_requests, m.day) AS c ON true
 CROSS JOIN LATERAL (SELECT CASE WHEN cloudflux.request_reads(m.verb)
                                 THEN cloudflux.price_retrieval(p.price_provider, p.price_region, COALESCE(m.class, p.storage_class), m.received_bytes, m.day) ELSE 0 END AS retrieval,
                            cloudflux.price_egress(p.price_provider, p.price_region, p.egress, m.received_bytes, m.day) AS egress) AS b;

SELECT pg_catalog.pg_extension_config_dump('cloudflux.job_requests', '');

REVOKE ALL ON FUNCTION cloudflux.record_requests(text[], text[], text[], text[], bigint[], bigint[], bigint[], bigint[], bigint[]),
	cloudflux.request_class(cloudflux.migration_jobs, text, text, text, text), cloudflux.job_early_deletion(cloudflux.migration_jobs) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.record_requests(text[], text[], text[], text[], bigint[], bigint[], bigint[], bigint[], bigint[]) TO cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.request_class(cloudflux.migration_jobs, text, text, text, text), cloudflux.job_early_deletion(cloudflux.migration_jobs) TO cloudflux_viewer, cloudflux_worker;
GRANT SELECT ON cloudflux.job_requests, cloudflux.job_costs, cloudflux.request_costs TO cloudflux_viewer, cloudflux_worker;
GRANT INSERT, DELETE ON cloudflux.job_requests TO cloudflux_worker;

COMMENT ON TABLE cloudflux.job_requests IS 'What movers have sent for each job, per place and verb: rows are added at the end of each round of a mover, and once a minute while it lasts. A mover that falls forgets what it has counted since (request_metrics has it all the same). Kept as long as the job. Jobs between LOCAL places send nothing.';
COMMENT ON COLUMN cloudflux.job_requests.job_id IS 'The job.';
COMMENT ON COLUMN cloudflux.job_requests.file_id IS 'Its object.';
COMMENT ON COLUMN cloudflux.job_requests.recorded_at IS 'When the mover wrote this down: shortly after the requests ended.';
COMMENT ON COLUMN cloudflux.job_requests.place IS 'Place that the requests went to.';
COMMENT ON COLUMN cloudflux.job_requests.verb IS 'The provider''s name of the call.';
COMMENT ON COLUMN cloudflux.job_requests.requests IS 'Requests sent, repetitions included.';
COMMENT ON COLUMN cloudflux.job_requests.repeated IS 'How many of them were repetitions.';
COMMENT ON COLUMN cloudflux.job_requests.billed_requests IS 'Those that the provider bills: all but what got no answer or an error of the provider''s own (5xx).';
COMMENT ON COLUMN cloudflux.job_requests.sent_bytes IS 'Bytes sent, headers included.';
COMMENT ON COLUMN cloudflux.job_requests.received_bytes IS 'Bytes received, headers included.';
COMMENT ON FUNCTION cloudflux.record_requests(text[], text[], text[], text[], bigint[], bigint[], bigint[], bigint[], bigint[]) IS 'Mover only. Adds what was sent for the jobs of a round to job_requests.';
COMMENT ON FUNCTION cloudflux.job_early_deletion(cloudflux.migration_jobs) IS 'The fee, USD, for what a completed job removed at its source (or gave another class) before the minimum duration of its class; 0 = none, NULL = not known.';
COMMENT ON FUNCTION cloudflux.request_class(cloudflux.migration_jobs, text, text, text, text) IS 'The storage class whose price a request of a job has at a place: what is written, that of the destination; all else, that of the object where it lies.';
COMMENT ON VIEW cloudflux.job_costs IS 'What each job sent and what that cost, beside what it was estimated to cost.';
COMMENT ON COLUMN cloudflux.job_costs.job_id IS 'The job.';
COMMENT ON COLUMN cloudflux.job_costs.file_id IS 'Its object.';
COMMENT ON COLUMN cloudflux.job_costs.kind IS 'move, change, rollback, delete or delete_replica.';
COMMENT ON COLUMN cloudflux.job_costs.status IS 'As in migration_jobs; of a job that still runs the costs so far are shown.';
COMMENT ON COLUMN cloudflux.job_costs.source_place IS 'Where the object was.';
COMMENT ON COLUMN cloudflux.job_costs.dest_place IS 'Where it went.';
COMMENT ON COLUMN cloudflux.job_costs.created_at IS 'When the job was submitted.';
COMMENT ON COLUMN cloudflux.job_costs.completed_at IS 'When it was completed, or ended otherwise; NULL = it has not.';
COMMENT ON COLUMN cloudflux.job_costs.requests IS 'Requests sent, repetitions included; 0 = none was needed (LOCAL), or none is written down yet.';
COMMENT ON COLUMN cloudflux.job_costs.repeated IS 'How many of them were repetitions.';
COMMENT ON COLUMN cloudflux.job_costs.billed_requests IS 'Those that the providers bill.';
COMMENT ON COLUMN cloudflux.job_costs.sent_bytes IS 'Bytes sent, headers included.';
COMMENT ON COLUMN cloudflux.job_costs.received_bytes IS 'Bytes received, headers included.';
COMMENT ON COLUMN cloudflux.job_costs.request_cost IS 'What the requests cost, USD, each at the class of the object at its place, on the day on which it was sent; NULL = a price is not known.';
COMMENT ON COLUMN cloudflux.job_costs.retrieval_cost IS 'What reading the bytes cost, as the class of the source says: those that came to us, and the whole object where the store copied it by itself. 0 where a restore came first.';
COMMENT ON COLUMN cloudflux.job_costs.egress_cost IS 'What sending the bytes out cost: those that came to us, by the option egress of the place (internet unless it says otherwise), beyond the free allowance; between regions those of a copy by the store.';
COMMENT ON COLUMN cloudflux.job_costs.restore_cost IS 'What the restoring of an archived source was estimated to cost (migration_jobs.restore_cost): what was asked of the store is known, what it bills for that is not.';
COMMENT ON COLUMN cloudflux.job_costs.early_deletion_cost IS 'The fee for an object that left its class before its minimum duration, when the job has removed it there or changed its class; NULL = a price, or since when it lay there, is not known.';
COMMENT ON COLUMN cloudflux.job_costs.cost IS 'What the job cost, USD: the sum of these five; NULL = one of them is not known.';
COMMENT ON COLUMN cloudflux.job_costs.estimated_cost IS 'What the job was estimated to cost when it was submitted, USD, all parts (migration_jobs.transfer_cost); NULL = a price is not known.';
COMMENT ON VIEW cloudflux.request_costs IS 'What the requests that cloudflux sent cost, per day (UTC), place, verb and storage class: what was sent for a job at the class of its object (job_requests), all else (request_metrics) at the class of the place, or of the standard class of its provider. Requests that a mover wrote down after midnight count for the new day.';
COMMENT ON COLUMN cloudflux.request_costs.day IS 'Day in UTC';
COMMENT ON COLUMN cloudflux.request_costs.place IS 'Place that the requests went to; empty = none';
COMMENT ON COLUMN cloudflux.request_costs.cloud IS 'Provider of the place';
COMMENT ON COLUMN cloudflux.request_costs.verb IS 'The provider''s name of the call';
COMMENT ON COLUMN cloudflux.request_costs.term IS 'What the provider bills it as: put, get, list, other, restore, free; NULL = not known';
COMMENT ON COLUMN cloudflux.request_costs.requests IS 'Requests sent, repetitions included';
COMMENT ON COLUMN cloudflux.request_costs.repeated IS 'How many of them were repetitions';
COMMENT ON COLUMN cloudflux.request_costs.billed_requests IS 'Those that the provider bills: all but what got no answer or an error of the provider''s own (5xx)';
COMMENT ON COLUMN cloudflux.request_costs.sent_bytes IS 'Bytes sent, headers included';
COMMENT ON COLUMN cloudflux.request_costs.received_bytes IS 'Bytes received, headers included';
COMMENT ON COLUMN cloudflux.request_costs.unit_price IS 'USD per 1,000 requests; NULL = no price is known';
COMMENT ON COLUMN cloudflux.request_costs.cost IS 'What the requests cost, USD; NULL = no price is known';
COMMENT ON COLUMN cloudflux.request_costs.price_id IS 'Row of the price book';
COMMENT ON COLUMN cloudflux.request_costs.storage_class IS 'Storage class whose prices these are; NULL = the standard class of the provider';
COMMENT ON COLUMN cloudflux.request_costs.retrieval_cost IS 'What reading the bytes of objects cost by the price of that class, USD; NULL = no price is known';
COMMENT ON COLUMN cloudflux.request_costs.egress_cost IS 'What sending the bytes to this server cost, USD: over the internet unless the option egress of the place says otherwise, beyond the free allowance; NULL = no price is known';
COMMENT ON COLUMN cloudflux.request_costs.total_cost IS 'cost + retrieval_cost + egress_cost';
