/*
 * tiering/forecasts: where tiering and forecast meet. Models learn what tier_rules will say of an object, so the workers that train and measure
 * them ask the rules.
 */

GRANT SELECT ON cloudflux.tier_rules, cloudflux.active_tier_rules TO cloudflux_worker;
GRANT EXECUTE ON FUNCTION cloudflux.judge_object(date, cloudflux.active_tier_rules[], bigint, bigint, int, int, bigint, double precision, int,
	date, date, date, date, date, text, text) TO cloudflux_worker;
