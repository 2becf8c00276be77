/*
 * tiering/arrivals: objects that come by Kafka are classified in the transaction that catalogues them: the second step of the handler
 * objects of ingest_topics. What classify_objects() does hourly is not disturbed: it finds nothing to change.
 */

CREATE FUNCTION cloudflux.classify_arrivals(p_topic text, p_records cloudflux.ingest_record[], p_subjects text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
	today date := (now() AT TIME ZONE 'UTC')::date;
	done  record;
BEGIN
	IF cardinality(p_subjects) > 0 THEN
		SELECT s.* INTO done
		  FROM cloudflux.store_verdicts(today, ARRAY(SELECT r FROM cloudflux.active_tier_rules AS r ORDER BY r.rank),
		                                ARRAY(SELECT DISTINCT s.file_id FROM unnest(p_subjects) AS s(file_id) ORDER BY s.file_id)) AS s;
		IF done.changed > 0 THEN
			PERFORM cloudflux.emit_events('classification', 'objects.classified', ARRAY[p_topic], ARRAY[jsonb_build_object(
				'scope', 'arrived', 'checked', cardinality(p_subjects), 'changed', done.changed, 'hot', done.to_hot, 'warm', done.to_warm, 'cold', done.to_cold,
				'removed', 0, 'examples', done.samples)]);
		END IF;
	END IF;
	RETURN p_subjects;
END
$$;

COMMENT ON FUNCTION cloudflux.classify_arrivals(text, cloudflux.ingest_record[], text[]) IS
'Step of the handler objects: classifies the objects p_subjects, which came by Kafka, and emits one event objects.classified when that gave them another class. SECURITY DEFINER: only functions of this room may write verdicts.';

INSERT INTO cloudflux.ingest_handlers (handler, step, room, function_name, objects, builtin) VALUES ('objects', 200, 'tiering', 'classify_arrivals', true, true);

REVOKE ALL ON FUNCTION cloudflux.classify_arrivals(text, cloudflux.ingest_record[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.classify_arrivals(text, cloudflux.ingest_record[], text[]) TO cloudflux_user;

INSERT INTO cloudflux.ingest_actions (action, function_name, builtin) VALUES ('classify', 'cloudflux.classify(text)', true);
