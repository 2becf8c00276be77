/*
 * migration/requests: what was sent for each job, and what that cost.
 *
 * Movers count each attempt of each request of a job, beside request_metrics, and write rows at the end of a round (job_requests): only
 * added, so that nobody is waited for. job_costs prices them at the class of the object at that place, beside what the job was estimated to cost.
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

CREATE VIEW cloudflux.job_costs WITH (security_invoker = true) AS
SELECT j.job_id, j.file_id, j.kind, j.status, j.source_place, j.dest_place, j.created_at, j.completed_at,
       COALESCE(r.requests, 0) AS requests, COALESCE(r.repeated, 0) AS repeated, COALESCE(r.billed_requests, 0) AS billed_requests,
       COALESCE(r.sent_bytes, 0) AS sent_bytes, COALESCE(r.received_bytes, 0) AS received_bytes,
       r.request_cost, j.transfer_cost AS estimated_cost
  FROM cloudflux.migration_jobs AS j
 CROSS JOIN LATERAL (
       SELECT sum(m.requests)::bigint AS requests, sum(m.repeated)::bigint AS repeated, sum(m.billed_requests)::bigint AS billed_requests,
              sum(m.sent_bytes)::bigint AS sent_bytes, sum(m.received_bytes)::bigint AS received_bytes,
              CASE WHEN count(*) = count(c.amount) THEN COALESCE(sum(c.amount), 0) END AS request_cost
         FROM (SELECT q.place, q.verb, (q.recorded_at AT TIME ZONE 'UTC')::date AS day, sum(q.requests) AS requests, sum(q.repeated) AS repeated,
                      sum(q.billed_requests) AS billed_requests, sum(q.sent_bytes) AS sent_bytes, sum(q.received_bytes) AS received_bytes
                 FROM cloudflux.job_requests AS q WHERE q.job_id = j.job_id GROUP BY 1, 2, 3) AS m
         LEFT JOIN LATERAL cloudflux.place_price(m.place) AS p ON true
        CROSS JOIN LATERAL (SELECT cloudflux.request_term(COALESCE(p.cloud, p.price_provider), m.verb) AS term) AS t
         LEFT JOIN LATERAL cloudflux.price_requests(p.price_provider, p.price_region, cloudflux.request_class(j, m.place, t.term, p.cloud, p.storage_class),
                                                    t.term, m.billed_requests, m.day) AS c ON true) AS r;

SELECT pg_catalog.pg_extension_config_dump('cloudflux.job_requests', '');

REVOKE ALL ON FUNCTION cloudflux.record_requests(text[], text[], text[], text[], bigint[], bigint[], bigint[], bigint[], bigint[]),
	cloudflux.request_class(cloudflux.migration_jobs, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.record_requests(text[], text[], text[], text[], bigint[], bigint[], bigint[], bigint[], bigint[]) TO cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.request_class(cloudflux.migration_jobs, text, text, text, text) TO cloudflux_viewer, cloudflux_worker;
GRANT SELECT ON cloudflux.job_requests, cloudflux.job_costs TO cloudflux_viewer, cloudflux_worker;
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
COMMENT ON COLUMN cloudflux.job_costs.estimated_cost IS 'What the job was estimated to cost when it was submitted, USD, all parts (migration_jobs.transfer_cost); NULL = a price is not known.';
