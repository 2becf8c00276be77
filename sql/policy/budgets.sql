/*
 * policy/budgets: what a plan may not exceed.
 *
 * A policy of type cost_limit says what the objects that meet its conditions may cost in a month (monthly_limit); with block_moves no plan goes
 * beyond it. Counted are what those objects cost a month where they lie (monthly_cost), and of each object of the plan its move, paid in that
 * month, and its month at the destination in place of the month before, as far as it meets the conditions there; what waits in the queue counts as
 * spent. What pays back soonest goes first; what would exceed the budget is refused, with the figures. A plan is held against the budgets when it is made
 * and once more when it is executed; a job that belongs to no plan when it is submitted. Whether a budget is exceeded is watched in policy/watch.
 */

-- A word or a list of words has the word; NULL = there is no such condition.
CREATE FUNCTION cloudflux.condition_has(p_wanted jsonb, p_word text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_wanted IS NULL THEN true WHEN p_word IS NULL THEN false ELSE p_wanted @> to_jsonb(p_word) END;

-- So many days; NULL = there is no such condition.
CREATE FUNCTION cloudflux.condition_days(p_days jsonb) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_days IS NOT NULL THEN make_interval(days => LEAST((p_days #>> '{}')::numeric, 1000000)::int) END;

-- The conditions that say which objects a policy is about, all together; what the type of the policy adds says nothing here.
CREATE FUNCTION cloudflux.conditions_met(p_conditions jsonb, p_object cloudflux.data_objects, p_access_class text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT cloudflux.condition_has(p_conditions -> 'place', (p_object).place) AND cloudflux.condition_has(p_conditions -> 'cloud', (p_object).current_cloud)
	   AND cloudflux.condition_has(p_conditions -> 'tier', (p_object).current_tier) AND cloudflux.condition_has(p_conditions -> 'access_class', p_access_class)
	   AND cloudflux.condition_has(p_conditions -> 'content_type', (p_object).content_type) AND cloudflux.condition_has(p_conditions -> 'owner', (p_object).owner)
	   AND COALESCE(starts_with((p_object).object_key, p_conditions ->> 'key_prefix'), NOT p_conditions ? 'key_prefix')
	   AND COALESCE((p_object).created_at <= now() - cloudflux.condition_days(p_conditions -> 'min_age_days'), true)
	   AND COALESCE((p_object).created_at >= now() - cloudflux.condition_days(p_conditions -> 'max_age_days'), true)
	   AND COALESCE(COALESCE((p_object).last_accessed, (p_object).created_at) <= now() - cloudflux.condition_days(p_conditions -> 'min_days_since_access'), true)
	   AND COALESCE(COALESCE((p_object).last_accessed, (p_object).created_at) >= now() - cloudflux.condition_days(p_conditions -> 'max_days_since_access'), true)
	   AND COALESCE((p_object).access_count_30d >= (p_conditions ->> 'min_reads_30d')::numeric, true) AND COALESCE((p_object).access_count_30d <= (p_conditions ->> 'max_reads_30d')::numeric, true)
	   AND COALESCE((p_object).access_count_90d >= (p_conditions ->> 'min_reads_90d')::numeric, true) AND COALESCE((p_object).access_count_90d <= (p_conditions ->> 'max_reads_90d')::numeric, true)
	   AND COALESCE(COALESCE((p_object).size_bytes, 0) >= (p_conditions ->> 'min_size_bytes')::numeric, true) AND COALESCE(COALESCE((p_object).size_bytes, 0) <= (p_conditions ->> 'max_size_bytes')::numeric, true);
END;

-- The same object where a plan would have it.
CREATE FUNCTION cloudflux.object_after(p_object cloudflux.data_objects, p_place text, p_cloud text, p_key text, p_tier text) RETURNS cloudflux.data_objects
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	p_object.place := p_place;
	p_object.current_cloud := p_cloud;
	p_object.object_key := p_key;
	p_object.current_tier := p_tier;
	RETURN p_object;
END
$$;

CREATE VIEW cloudflux.budgets WITH (security_invoker = true) AS
SELECT p.policy_name, p.owner, (p.conditions ->> 'monthly_limit')::numeric AS monthly_limit, s.objects, s.unpriced_objects, s.monthly_cost,
       (p.conditions ->> 'monthly_limit')::numeric - s.monthly_cost AS remaining, COALESCE((p.actions ->> 'block_moves')::boolean, false) AS blocks_moves, p.enabled,
       COALESCE((p.actions ->> 'alert')::boolean, false) AS alerts
  FROM cloudflux.user_policies AS p
 CROSS JOIN LATERAL (
       SELECT count(*) AS objects, count(*) FILTER (WHERE o.monthly_cost IS NULL) AS unpriced_objects, COALESCE(sum(o.monthly_cost), 0) AS monthly_cost
         FROM cloudflux.data_objects AS o
         LEFT JOIN cloudflux.object_classes AS c ON c.file_id = o.file_id
        WHERE o.vanished_at IS NULL AND cloudflux.conditions_met(p.conditions, o, c.access_class)) AS s
 WHERE p.policy_type = 'cost_limit';

-- What jobs add to the month of a budget: their own cost, and the month there in place of the month here, as far as the conditions are met there and here.
-- own NULL = the budget is concerned, and a price is missing; jobs that do not concern it are left out. p_job_ids NULL: all that wait or work.
CREATE FUNCTION cloudflux.budget_shares(p_conditions jsonb, p_file_ids text[], p_job_ids text[]) RETURNS TABLE (file_id text, own numeric)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT j.file_id, j.transfer_cost + CASE WHEN m.after THEN cloudflux.object_monthly_cost(d.price_provider, d.price_region,
	                                         cloudflux.billed_class(d.cloud, d.storage_class, j.dest_class), COALESCE(o.size_bytes, 0)) ELSE 0 END
	       - CASE WHEN m.before AND (j.delete_source OR j.kind = 'change') THEN o.monthly_cost ELSE 0 END
	  FROM (SELECT q.file_id, q.job_id FROM cloudflux.job_queue AS q WHERE p_job_ids IS NULL
	        UNION ALL
	        SELECT u.file_id, u.job_id FROM ROWS FROM (unnest(p_file_ids), unnest(p_job_ids)) AS u(file_id, job_id)) AS k
	  JOIN cloudflux.migration_jobs AS j ON j.file_id = k.file_id AND j.job_id = k.job_id
	  JOIN cloudflux.data_objects AS o ON o.file_id = k.file_id
	  LEFT JOIN cloudflux.object_classes AS c ON c.file_id = k.file_id
	  LEFT JOIN cloudflux.place_prices AS d ON d.place = j.dest_place
	 CROSS JOIN LATERAL (SELECT cloudflux.conditions_met(p_conditions, o, c.access_class) AS before,
	       -- Of what the conditions look at a move changes place, cloud, tier and key.
	       cloudflux.condition_has(p_conditions -> 'place', j.dest_place) AND cloudflux.condition_has(p_conditions -> 'cloud', d.cloud)
	       AND CASE WHEN p_conditions ? 'tier' THEN cloudflux.condition_has(p_conditions -> 'tier', COALESCE(cloudflux.class_tier(d.cloud, j.dest_place, j.dest_class), j.dest_tier)) ELSE true END
	       AND COALESCE(starts_with(j.dest_key, p_conditions ->> 'key_prefix'), true)
	       AND cloudflux.conditions_met(p_conditions - ARRAY['place', 'cloud', 'tier', 'key_prefix'], o, c.access_class) AS after) AS m
	 WHERE j.kind IN ('move', 'change') AND j.switched_at IS NULL AND (m.before OR m.after);
END;

-- What the jobs that wait or work add to what objects that meet the conditions cost a month; what makes it cheaper is not counted before it is done.
CREATE FUNCTION cloudflux.budget_queued(p_conditions jsonb) RETURNS numeric
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT COALESCE(sum(GREATEST(x.own, 0)), 0) FROM cloudflux.budget_shares(p_conditions, NULL, NULL) AS x;
END;

-- Jobs that belong to no plan: all that one statement submits goes, or none of it.
CREATE FUNCTION cloudflux.hold_jobs_to_budgets() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_budget record;
	v_new    record;
	v_spent  numeric;
	v_files  text[];
	v_jobs   text[];
BEGIN
	FOR v_budget IN
		SELECT p.policy_name, p.conditions, (p.conditions ->> 'monthly_limit')::numeric AS monthly_limit
		  FROM cloudflux.user_policies AS p
		 WHERE p.policy_type = 'cost_limit' AND p.enabled AND COALESCE((p.actions ->> 'block_moves')::boolean, false)
		 ORDER BY p.policy_name
	LOOP
		IF v_jobs IS NULL THEN
			SELECT array_agg(i.file_id), array_agg(i.job_id) INTO v_files, v_jobs FROM inserted AS i
			 WHERE i.recorded_at = transaction_timestamp() AND i.plan_id IS NULL AND i.kind IN ('move', 'change');
			IF v_jobs IS NULL THEN
				RETURN NULL;
			END IF;
		END IF;
		SELECT count(*) AS jobs, min(x.file_id) AS file_id, min(x.file_id) FILTER (WHERE x.own IS NULL) AS unpriced, sum(x.own) AS added INTO v_new
		  FROM cloudflux.budget_shares(v_budget.conditions, v_files, v_jobs) AS x;
		IF v_new.jobs = 0 THEN
			CONTINUE;
		ELSIF v_new.unpriced IS NOT NULL THEN
			RAISE EXCEPTION 'whether budget "%" holds cannot be told: the move of object "%" has no price', v_budget.policy_name, v_new.unpriced
				USING ERRCODE = 'configuration_limit_exceeded',
					HINT = 'Give the places price_provider and price_region, or let a plan take what has a price (plan_migration()).';
		ELSIF v_new.added <= 0 THEN
			CONTINUE;
		END IF;
		SELECT b.monthly_cost INTO v_spent FROM cloudflux.budgets AS b WHERE b.policy_name = v_budget.policy_name;
		v_spent := v_spent + cloudflux.budget_queued(v_budget.conditions);
		IF v_spent + v_new.added > v_budget.monthly_limit THEN
			RAISE EXCEPTION 'moving % would exceed budget "%"', CASE v_new.jobs WHEN 1 THEN format('object "%s"', v_new.file_id) ELSE format('these %s objects', v_new.jobs) END, v_budget.policy_name
				USING ERRCODE = 'configuration_limit_exceeded',
					DETAIL = format('%s USD a month, %s are spent or wait in the queue, this adds %s.', trim_scale(v_budget.monthly_limit), round(v_spent, 6), round(v_new.added, 6)),
					HINT = CASE v_new.jobs WHEN 1 THEN 'Raise monthly_limit of the policy, or take block_moves off it while this is moved.'
					       ELSE 'plan_migration() takes what fits. Or raise monthly_limit of the policy, or take block_moves off it while these are moved.' END;
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;

CREATE TRIGGER migration_jobs_budget AFTER INSERT ON cloudflux.migration_jobs
	REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION cloudflux.hold_jobs_to_budgets();

-- Refuses what of a plan would exceed a budget. Called by plan_migration() and execute_plan().
CREATE FUNCTION cloudflux.keep_budgets(p_plan_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_budget record;
BEGIN
	FOR v_budget IN
		SELECT p.policy_name, p.conditions, (p.conditions ->> 'monthly_limit')::numeric AS monthly_limit
		  FROM cloudflux.user_policies AS p
		 WHERE p.policy_type = 'cost_limit' AND p.enabled AND COALESCE((p.actions ->> 'block_moves')::boolean, false)
		 ORDER BY p.policy_name
	LOOP
		UPDATE cloudflux.plan_items AS i
		   SET refused = CASE WHEN r.added IS NULL THEN format('no price is known: whether budget "%s" holds cannot be told', v_budget.policy_name)
		                      ELSE format('beyond budget "%s": %s USD a month, %s are spent, this move and those before it add %s', v_budget.policy_name,
		                                  trim_scale(v_budget.monthly_limit), round(r.spent, 6), round(r.added, 6)) END
		  FROM (SELECT x.file_id, s.spent, CASE WHEN x.own IS NOT NULL THEN sum(x.own) OVER w END AS added, x.own
		          FROM (SELECT n.file_id, n.payback_days, n.size_bytes,
		                       -- Where the source is kept, monthly_after has its month, too.
		                       n.move_cost + CASE WHEN m.before AND m.after THEN n.monthly_after - n.monthly_before
		                                          WHEN m.after THEN n.monthly_after - CASE WHEN p.keeps THEN n.monthly_before ELSE 0 END
		                                          WHEN p.keeps THEN 0 ELSE - n.monthly_before END AS own
		                  FROM cloudflux.plan_items AS n
		                  JOIN (SELECT q.plan_id, NOT COALESCE((q.parameters ->> 'delete_source')::boolean, true) AS keeps FROM cloudflux.plans AS q) AS p ON p.plan_id = n.plan_id
		                  JOIN cloudflux.data_objects AS o ON o.file_id = n.file_id
		                  LEFT JOIN cloudflux.object_classes AS c ON c.file_id = n.file_id
		                  LEFT JOIN cloudflux.places AS d ON d.place = n.dest_place
		                 CROSS JOIN LATERAL (SELECT cloudflux.conditions_met(v_budget.conditions, o, c.access_class) AS before,
		                       cloudflux.conditions_met(v_budget.conditions, cloudflux.object_after(o, n.dest_place, d.provider, n.dest_key,
		                              cloudflux.class_tier(d.provider, n.dest_place, cloudflux.tier_class(n.dest_place, n.dest_tier))), c.access_class) AS after) AS m
		                 WHERE n.plan_id = p_plan_id AND n.refused IS NULL AND (m.before OR m.after)) AS x
		         CROSS JOIN (SELECT COALESCE(sum(o.monthly_cost), 0) + cloudflux.budget_queued(v_budget.conditions) AS spent FROM cloudflux.data_objects AS o
		                       LEFT JOIN cloudflux.object_classes AS c ON c.file_id = o.file_id
		                      WHERE o.vanished_at IS NULL AND cloudflux.conditions_met(v_budget.conditions, o, c.access_class)) AS s
		        WINDOW w AS (ORDER BY x.own <= 0 DESC, x.payback_days NULLS LAST, x.size_bytes DESC, x.file_id)) AS r
		 WHERE i.plan_id = p_plan_id AND i.file_id = r.file_id AND i.refused IS NULL
		   -- What makes the month cheaper is never refused, whatever is spent.
		   AND (r.own IS NULL OR (r.own > 0 AND r.spent + r.added > v_budget.monthly_limit));
	END LOOP;
END
$$;

REVOKE ALL ON FUNCTION cloudflux.condition_has(jsonb, text), cloudflux.condition_days(jsonb), cloudflux.conditions_met(jsonb, cloudflux.data_objects, text),
	cloudflux.object_after(cloudflux.data_objects, text, text, text, text), cloudflux.keep_budgets(bigint),
	cloudflux.budget_shares(jsonb, text[], text[]), cloudflux.budget_queued(jsonb), cloudflux.hold_jobs_to_budgets() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.condition_has(jsonb, text), cloudflux.condition_days(jsonb), cloudflux.conditions_met(jsonb, cloudflux.data_objects, text),
	cloudflux.object_after(cloudflux.data_objects, text, text, text, text),
	cloudflux.budget_shares(jsonb, text[], text[]), cloudflux.budget_queued(jsonb) TO cloudflux_viewer, cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.keep_budgets(bigint) TO cloudflux_user;
GRANT SELECT ON cloudflux.budgets TO cloudflux_viewer, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.condition_has(jsonb, text) IS 'Whether a condition (a word or a list of words) has the word; true where there is no condition';
COMMENT ON FUNCTION cloudflux.condition_days(jsonb) IS 'A condition of so many days as an interval; NULL where there is none';
COMMENT ON FUNCTION cloudflux.conditions_met(jsonb, cloudflux.data_objects, text) IS 'Whether an object meets the conditions by which a policy says which objects it is about; p_access_class is what classify() thinks of it';
COMMENT ON FUNCTION cloudflux.object_after(cloudflux.data_objects, text, text, text, text) IS 'An object as it would be at another address';
COMMENT ON FUNCTION cloudflux.keep_budgets(bigint) IS 'Refuses the objects of a plan whose move would exceed a budget: a policy of type cost_limit with block_moves. What pays back soonest goes first, what makes the month cheaper always; what has no price is refused';
COMMENT ON FUNCTION cloudflux.budget_shares(jsonb, text[], text[]) IS 'What jobs (NULL = all that wait or work) add to what the objects of a budget cost a month, USD, their own cost in that month included; negative = it makes the month cheaper, NULL = a price is missing. Jobs that do not concern the budget are left out';
COMMENT ON FUNCTION cloudflux.budget_queued(jsonb) IS 'What the jobs that wait or work add to what the objects that meet the conditions cost a month, USD';
COMMENT ON FUNCTION cloudflux.hold_jobs_to_budgets() IS 'Trigger of migration_jobs: jobs of no plan that would exceed a budget with block_moves are refused (53400), all of a statement';
COMMENT ON TRIGGER migration_jobs_budget ON cloudflux.migration_jobs IS 'Jobs of no plan that would exceed a budget are refused';
COMMENT ON VIEW cloudflux.budgets IS 'Policies of type cost_limit: what their objects may cost a month, and what they cost (storage where they lie; see data_objects.monthly_cost)';
COMMENT ON COLUMN cloudflux.budgets.policy_name IS 'The policy';
COMMENT ON COLUMN cloudflux.budgets.owner IS 'Role that wrote it';
COMMENT ON COLUMN cloudflux.budgets.monthly_limit IS 'USD a month that its objects may cost';
COMMENT ON COLUMN cloudflux.budgets.objects IS 'Objects that meet its conditions';
COMMENT ON COLUMN cloudflux.budgets.unpriced_objects IS 'How many of them have no price: they are not in monthly_cost';
COMMENT ON COLUMN cloudflux.budgets.monthly_cost IS 'What they cost a month, USD';
COMMENT ON COLUMN cloudflux.budgets.remaining IS 'What is left of the limit; negative = it is exceeded';
COMMENT ON COLUMN cloudflux.budgets.blocks_moves IS 'No plan and no job may exceed it';
COMMENT ON COLUMN cloudflux.budgets.alerts IS 'It is told when it is exceeded: budget_alerts';
COMMENT ON COLUMN cloudflux.budgets.enabled IS 'false: the policy rests';
