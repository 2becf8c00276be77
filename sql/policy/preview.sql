/*
 * policy/preview: what a policy would have cost before it is switched on.
 *
 * A policy of type auto_tier is replayed (tiering/replay) like any other: at the end of each day the conditions are held against what was
 * known by then, and what meets them moves. Conditions are of two kinds. What an object meets or not on every day (place, cloud, key_prefix,
 * content_type, owner, sizes) says which objects are looked at all; the rest (ages, reads, tier, access_class by tier_rules) is judged
 * day by day, tier by the class in which the policy itself has put the object.
 */

-- The policy as user_policies has it; refuses what cannot be replayed.
CREATE FUNCTION cloudflux.replayed_policy(p_name text) RETURNS cloudflux.user_policies
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_policy cloudflux.user_policies;
BEGIN
	SELECT p.* INTO v_policy FROM cloudflux.user_policies AS p WHERE p.policy_name = p_name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'policy "%" does not exist', p_name USING ERRCODE = '02000', HINT = 'The table user_policies has all policies; simulate_policy() replays the usual ones.';
	ELSIF v_policy.policy_type <> 'auto_tier' THEN
		RAISE EXCEPTION 'policy "%" moves nothing', p_name
			USING ERRCODE = '22023', DETAIL = format('It is of type %s.', v_policy.policy_type), HINT = 'Policies of type auto_tier can be replayed.';
	END IF;
	RETURN v_policy;
END
$$;

-- Which class of a menu a policy's dest_tier means; NULL = none.
CREATE FUNCTION cloudflux.menu_class(p_cloud text, p_place text, p_redundancy text, p_names jsonb, p_tier text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT p_names ->> COALESCE(
		(SELECT t.storage_class
		   FROM cloudflux.storage_tiers AS t
		  WHERE t.cloud = p_cloud AND (t.place = p_place OR t.place IS NULL) AND t.tier = p_tier
		    AND NOT (t.builtin AND EXISTS (SELECT FROM cloudflux.storage_tiers AS u
		                                    WHERE NOT u.builtin AND u.cloud = t.cloud AND u.storage_class = t.storage_class AND (u.place IS NULL OR u.place = p_place)))
		  ORDER BY t.place IS NULL, t.builtin, t.storage_class LIKE '%\_' || COALESCE(p_redundancy, 'LRS') DESC, t.preferred DESC, t.id
		  LIMIT 1), p_tier);
END;

-- The classes of a menu that lie in some tiers, a bit each.
CREATE FUNCTION cloudflux.menu_classes(p_cloud text, p_region text, p_place text, p_redundancy text, p_menu text, p_on date, p_names jsonb, p_tiers jsonb) RETURNS bigint
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT COALESCE(bit_or(1::bigint << m.class_no), 0)
	  FROM cloudflux.replay_menu(p_cloud, p_region, p_redundancy, p_menu, p_on) AS m
	 WHERE m.state_no = 0
	   AND p_tiers @> to_jsonb((SELECT t.tier
	                              FROM jsonb_each_text(p_names || jsonb_build_object(regexp_replace(m.storage_class, ' .*$', ''), m.storage_class)) AS n
	                              JOIN cloudflux.storage_tiers AS t ON t.storage_class = n.key AND t.cloud = p_cloud AND (t.place = p_place OR t.place IS NULL)
	                             WHERE n.value = m.storage_class
	                             ORDER BY t.place IS NULL, t.builtin, t.id LIMIT 1));
END;

-- Policies as the kernel of the replay takes them: an array, in the order of their names in p_names.
CREATE FUNCTION cloudflux.policy_orders(p_policies text[], p_place text, p_menu text, p_on date) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_place record;
	v_names jsonb;
	v_policy cloudflux.user_policies;
	v_class text;
	v_orders jsonb := '[]';
BEGIN
	SELECT * INTO v_place FROM cloudflux.replay_place(p_place, p_menu);
	v_names := cloudflux.replay_names(v_place.cloud, v_place.region, v_place.redundancy, p_menu, p_on);
	FOR i IN 1 .. cardinality(p_policies) LOOP
		v_policy := cloudflux.replayed_policy(p_policies[i]);
		IF v_policy.actions ->> 'dest_place' <> p_place THEN
			RAISE EXCEPTION 'policy "%" moves objects to another place', v_policy.policy_name
				USING ERRCODE = '0A000', DETAIL = format('Their place is "%s", its dest_place "%s".', p_place, v_policy.actions ->> 'dest_place'),
					HINT = 'A replay is about the classes of one place; plan_migration() says what moves between places cost.';
		END IF;
		v_class := cloudflux.menu_class(v_place.cloud, p_place, v_place.redundancy, v_names, v_policy.actions ->> 'dest_tier');
		IF v_class IS NULL THEN
			RAISE EXCEPTION 'policy "%" moves objects to a class that is not in the menu %', v_policy.policy_name, p_menu
				USING ERRCODE = '22023', DETAIL = format('At place "%s", tier %s.', p_place, v_policy.actions ->> 'dest_tier'),
					HINT = format('The menu has %s.', (SELECT string_agg(DISTINCT n.value, ', ') FROM jsonb_each_text(v_names) AS n));
		END IF;
		v_orders := v_orders || (jsonb_build_object('dest_class', v_class, 'marks', 1 << (i - 1),
			'classes', CASE WHEN v_policy.conditions ? 'tier'
				THEN cloudflux.menu_classes(v_place.cloud, v_place.region, p_place, v_place.redundancy, p_menu, p_on, v_names, v_policy.conditions -> 'tier') ELSE 4294967295 END,
			'verdicts', CASE WHEN v_policy.conditions ? 'access_class'
				THEN (SELECT COALESCE(bit_or(w.bit), 0) FROM (VALUES ('HOT', 1), ('WARM', 2), ('COLD', 4)) AS w (word, bit) WHERE v_policy.conditions -> 'access_class' @> to_jsonb(w.word)) ELSE 7 END)
			|| (SELECT COALESCE(jsonb_object_agg(c.key, CASE WHEN c.key LIKE '%days%' THEN LEAST(c.value::numeric, 1000000) ELSE c.value::numeric END), '{}')
			      FROM jsonb_each_text(v_policy.conditions) AS c
			     WHERE c.key IN ('min_age_days', 'max_age_days', 'min_days_since_access', 'max_days_since_access', 'min_reads_30d', 'max_reads_30d', 'min_reads_90d', 'max_reads_90d')));
	END LOOP;
	RETURN v_orders;
END
$$;

CREATE FUNCTION cloudflux.preview_policy(name text, period_start date DEFAULT NULL, period_end date DEFAULT NULL, p_place text DEFAULT NULL,
	p_menu text DEFAULT NULL, p_history regclass DEFAULT NULL, p_prefix_depth int DEFAULT 0, p_allow_gaps boolean DEFAULT false, p_prices_on date DEFAULT CURRENT_DATE,
	p_dataset_key text DEFAULT NULL, p_with text[] DEFAULT '{}')
RETURNS TABLE (policy_name text, prefix text, total_cost numeric, saved_cost numeric, hindsight_ratio numeric, storage_cost numeric, request_cost numeric,
	retrieval_cost numeric, monitoring_cost numeric, move_cost numeric, early_deletion_cost numeric, moves bigint, early_deletions bigint, reads bigint,
	slow_reads bigint, objects bigint, not_replayed text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	v_policy cloudflux.user_policies := cloudflux.replayed_policy(preview_policy.name);
	v_place record;
	v_menu text := p_menu;
	v_all text[] := preview_policy.name || COALESCE(p_with, '{}');
	v_scopes jsonb := (SELECT jsonb_agg(p.conditions ORDER BY n.no)
	                     FROM unnest(v_all) WITH ORDINALITY AS n (name, no)
	                    CROSS JOIN LATERAL (SELECT r.conditions FROM cloudflux.replayed_policy(n.name) AS r) AS p);
	v_orders jsonb;
BEGIN
	IF p_place <> v_policy.conditions ->> 'place' THEN
		RAISE EXCEPTION 'policy "%" is about another place', v_policy.policy_name
			USING ERRCODE = '22023', DETAIL = format('Its condition place says "%s", p_place "%s".', v_policy.conditions ->> 'place', p_place), HINT = 'Leave p_place out.';
	ELSIF cardinality(v_all) > 16 THEN
		RAISE EXCEPTION 'at most 16 policies can be replayed together' USING ERRCODE = '54000';
	END IF;
	SELECT * INTO v_place FROM cloudflux.replay_place(COALESCE(p_place, v_policy.conditions ->> 'place'), COALESCE(v_menu, 'instant'));
	-- Which menu? The faster one, unless the policy leads out of it.
	v_menu := COALESCE(v_menu, CASE WHEN cloudflux.menu_class(v_place.cloud, v_place.place, v_place.redundancy,
		cloudflux.replay_names(v_place.cloud, v_place.region, v_place.redundancy, 'instant', p_prices_on), v_policy.actions ->> 'dest_tier') IS NULL THEN 'archive' ELSE 'instant' END);
	v_orders := cloudflux.policy_orders(v_all, v_place.place, v_menu, p_prices_on);
	IF NOT EXISTS (SELECT FROM cloudflux.data_objects AS o
	                WHERE o.place = v_place.place AND cloudflux.scope_marks(v_scopes, o.place, o.current_cloud, o.object_key, o.content_type, o.owner, o.size_bytes) & 1 <> 0) THEN
		RAISE EXCEPTION 'policy "%" is about no object at place "%"', v_policy.policy_name, v_place.place
			USING ERRCODE = '02000', HINT = 'Look at its conditions place, cloud, key_prefix, content_type, owner and sizes.';
	END IF;
	RETURN QUERY
	SELECT CASE WHEN c.policy_name = 'user_policy' THEN v_policy.policy_name ELSE c.policy_name END, c.prefix, c.total_cost,
	       max(c.total_cost) FILTER (WHERE c.policy_name = 'stay') OVER (PARTITION BY c.prefix) - c.total_cost, c.hindsight_ratio, c.storage_cost, c.request_cost, c.retrieval_cost,
	       c.monitoring_cost, c.move_cost, c.early_deletion_cost, c.moves, c.early_deletions, c.reads, c.slow_reads, c.objects,
	       CASE WHEN c.policy_name = 'user_policy' THEN
	           (SELECT string_agg(k.key, ', ' ORDER BY k.key) FROM jsonb_object_keys(v_policy.actions) AS k (key)
	             WHERE k.key IN ('max_objects', 'max_bytes', 'max_cost', 'max_payback_days')) END
	  FROM cloudflux.replay_costs(
		cloudflux.replay_history(v_place.place, v_menu, p_history, period_start, period_end, p_allow_gaps, p_prices_on, p_prefix_depth, p_dataset_key, v_scopes),
		v_place.cloud, v_place.region, v_place.redundancy, v_menu, p_prices_on, ARRAY['stay', 'user_policy', 'cloudflux', 'hindsight'], v_orders) AS c
	 ORDER BY c.prefix NULLS FIRST, c.total_cost DESC, c.policy_name;
END
$$;

REVOKE ALL ON FUNCTION cloudflux.replayed_policy(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.menu_class(text, text, text, jsonb, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.menu_classes(text, text, text, text, text, date, jsonb, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.policy_orders(text[], text, text, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloudflux.preview_policy(text, date, date, text, text, regclass, int, boolean, date, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.replayed_policy(text), cloudflux.menu_class(text, text, text, jsonb, text),
	cloudflux.menu_classes(text, text, text, text, text, date, jsonb, jsonb), cloudflux.policy_orders(text[], text, text, date),
	cloudflux.preview_policy(text, date, date, text, text, regclass, int, boolean, date, text, text[])
	TO cloudflux_viewer, cloudflux_worker;

COMMENT ON FUNCTION cloudflux.replayed_policy(text) IS 'A policy of user_policies that can be replayed, enabled or not; 02000 if there is none of that name, 22023 if it moves nothing';
COMMENT ON FUNCTION cloudflux.menu_class(text, text, text, jsonb, text) IS 'Which class of a replay''s menu is meant by HOT, WARM, COLD or a storage class; NULL = it is not in the menu';
COMMENT ON FUNCTION cloudflux.menu_classes(text, text, text, text, text, date, jsonb, jsonb) IS 'Which classes of a replay''s menu lie in some tiers, a bit per class number';
COMMENT ON FUNCTION cloudflux.policy_orders(text[], text, text, date) IS 'Policies of user_policies as replay_counts() takes them: the first whose conditions an object meets at the end of a day moves it';
COMMENT ON FUNCTION cloudflux.preview_policy(text, date, date, text, text, regclass, int, boolean, date, text, text[]) IS 'What a policy of user_policies (type auto_tier, enabled or not) would have cost: a replay of a history under it, beside stay (nothing moves), cloudflux and perfect hindsight, over the objects that its conditions may concern. saved_cost is against stay. Conditions are held against what was known at the end of each day: age, days since access, reads in 30 and 90 days, tier (where the policy itself has put the object), access_class (by tier_rules); place, cloud, key_prefix, content_type, owner and sizes as the catalogue has them. Uploads are hot; the first move can come a day after. Limits per run (column not_replayed) and whether a move pays back are not replayed: everything moves that meets the conditions. p_with: other policies that act beside it, the first that an object meets wins. p_menu: instant, or archive if the policy leads there. Other arguments and columns as of simulate_policy()';
