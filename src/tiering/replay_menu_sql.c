/*
 * replay_menu_sql.c
 *		What a replay may choose from and by which rules, read from SQL: replay_menu(), tier_rules, orders of users.
 *
 * Rules of tier_rules about addresses are left out: a replay is about one place, and its verdicts are about figures. What a user
 * ordered may ask for an address; SQL has answered that, by a mark per object (open_history()).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "core/spi_sql.h"
#include "tiering/menu_sql.h"
#include "tiering/replay_sql.h"

void
cf_replay_take_menu(CfReplayCall *call, FunctionCallInfo fcinfo, int first)
{
	static CfSpiPlan plan = {
		"SELECT " CF_MENU_COLUMNS
		" FROM cloudflux.replay_menu($1, $2, $3, $4, $5)", 5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, DATEOID}
	};
	Datum		values[5];
	bool		nulls[5];
	char	   *cloud = text_to_cstring(PG_GETARG_TEXT_PP(first));
	uint64		rows;

	for (int i = 0; i < 5; i++)
	{
		nulls[i] = PG_ARGISNULL(first + i);
		values[i] = nulls[i] ? (Datum) 0 : PG_GETARG_DATUM(first + i);
	}
	cf_menu_begin(&call->menu, psprintf("%s %s, %s", cloud, text_to_cstring(PG_GETARG_TEXT_PP(first + 1)),
										text_to_cstring(PG_GETARG_TEXT_PP(first + 3))));
	rows = cf_spi_read(&plan, values, nulls);
	for (uint64 row = 0; row < rows; row++)
		cf_menu_take(&call->menu, row);
	if (call->menu.hot == CF_TARIFF_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there are no prices for a replay at %s", call->menu.name),
				 errhint("Prices are known by cloud, region and redundancy: see the table prices, or load them with load_prices().")));
}

/* verdict_of is the bit of an access class in a scope. */
static int
verdict_of(const char *access_class)
{
	return strcmp(access_class, "HOT") == 0 ? 0 : strcmp(access_class, "WARM") == 0 ? 1 : 2;
}

void
cf_replay_take_rules(CfReplayCall *call)
{
	static CfSpiPlan plan = {
		"SELECT access_class, COALESCE(min_reads_30d, 0), COALESCE(max_reads_30d, 9223372036854775807), COALESCE(min_reads_90d, 0),"
		" COALESCE(max_reads_90d, 9223372036854775807), min_age_days, max_age_days, min_days_since_access, max_days_since_access,"
		" min_size_bytes, max_size_bytes, min_avg_latency_ms IS NOT NULL OR max_avg_latency_ms IS NOT NULL,"
		" min_evidence_days, max_evidence_days"
		" FROM cloudflux.active_tier_rules WHERE place_pattern IS NULL AND key_prefix IS NULL ORDER BY rank", 0, {0}
	};
	uint64		rows = cf_spi_read(&plan, NULL, NULL);
	int			count = 0;

	for (uint64 row = 0; row < rows && count < CF_REPLAY_RULES; row++)
	{
		CfTierRule *rule = &call->rules[count];
		const char *access_class = cf_spi_text(row, 1);
		int32	   *days[] = {&rule->min_age_days, &rule->max_age_days, &rule->min_idle_days, &rule->max_idle_days};
		int64	   *sizes[] = {&rule->min_size_bytes, &rule->max_size_bytes};
		int32	   *evidence[] = {&rule->min_evidence_days, &rule->max_evidence_days};
		bool		isnull;

		cf_tiering_rule_init(rule);
		rule->min_reads_30d = cf_spi_int64(row, 2, NULL);
		rule->max_reads_30d = cf_spi_int64(row, 3, NULL);
		rule->min_reads_90d = cf_spi_int64(row, 4, NULL);
		rule->max_reads_90d = cf_spi_int64(row, 5, NULL);
		for (int i = 0; i < 4; i++)
		{
			int64		value = cf_spi_int64(row, 6 + i, &isnull);

			if (!isnull)
				*days[i] = (int32) value;
		}
		for (int i = 0; i < 2; i++)
		{
			int64		value = cf_spi_int64(row, 10 + i, &isnull);

			if (!isnull)
				*sizes[i] = value;
			rule->asks_size |= !isnull;
		}
		rule->asks_latency = cf_spi_bool(row, 12, NULL);
		for (int i = 0; i < 2; i++)
		{
			int64		value = cf_spi_int64(row, 13 + i, &isnull);

			if (!isnull)
				*evidence[i] = (int32) value;
		}
		call->rule_cls[count] = strcmp(access_class, "HOT") == 0 || call->menu.warm == CF_TARIFF_NONE ? call->menu.hot :
			strcmp(access_class, "WARM") == 0 || call->menu.cold == CF_TARIFF_NONE ? call->menu.warm : call->menu.cold;
		call->rule_verdicts[count] = verdict_of(access_class);
		count++;
	}
	call->tier_rules = (CfRosterRules) {.rules = call->rules, .cls = call->rule_cls, .count = count, .start = call->menu.hot};
}

void
cf_replay_take_orders(CfReplayCall *call, Datum orders)
{
	static CfSpiPlan plan = {
		"SELECT o.dest_class, o.marks, o.classes, o.verdicts, o.min_age_days, o.max_age_days, o.min_days_since_access, o.max_days_since_access,"
		" o.min_reads_30d, o.max_reads_30d, o.min_reads_90d, o.max_reads_90d"
		" FROM ROWS FROM (pg_catalog.jsonb_to_recordset($1) AS (dest_class text, marks int, classes bigint, verdicts int, min_age_days int,"
		" max_age_days int, min_days_since_access int, max_days_since_access int, min_reads_30d bigint, max_reads_30d bigint, min_reads_90d bigint,"
		" max_reads_90d bigint)) WITH ORDINALITY AS o ORDER BY o.ordinality", 1, {JSONBOID}
	};
	uint64		rows = cf_spi_read(&plan, &orders, NULL);

	if (rows > CF_REPLAY_ORDERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("at most %d policies can be replayed together", CF_REPLAY_ORDERS)));
	for (uint64 row = 0; row < rows; row++)
	{
		CfTierRule *rule = &call->orders[row];
		int32	   *days[] = {&rule->min_age_days, &rule->max_age_days, &rule->min_idle_days, &rule->max_idle_days};
		int64	   *reads[] = {&rule->min_reads_30d, &rule->max_reads_30d, &rule->min_reads_90d, &rule->max_reads_90d};
		const char *dest = cf_spi_text(row, 1);
		bool		isnull;

		cf_tiering_rule_init(rule);
		rule->asks_address = true;
		call->order_cls[row] = dest == NULL ? CF_TARIFF_NONE : cf_tariff_class(&call->menu, dest);
		if (call->order_cls[row] == CF_TARIFF_NONE)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("storage class \"%s\" is not in the menu of %s", dest == NULL ? "NULL" : dest, call->menu.name)));
		call->order_scopes[row] = (CfRosterScope) {
			(uint16) cf_spi_int64(row, 2, NULL), (uint32) cf_spi_int64(row, 3, NULL), (uint32) cf_spi_int64(row, 4, NULL)
		};
		for (int i = 0; i < 4; i++)
		{
			int64		value = cf_spi_int64(row, 5 + i, &isnull);

			if (!isnull)
				*days[i] = (int32) value;
			value = cf_spi_int64(row, 9 + i, &isnull);
			if (!isnull)
				*reads[i] = value;
		}
	}
	call->user_policy = (CfRosterRules) {
		.rules = call->orders, .cls = call->order_cls, .count = (int) rows, .start = call->menu.hot, .tomorrow = true,
		.scopes = call->order_scopes, .judges = call->rules, .verdicts = call->rule_verdicts,
		.judge_count = call->tier_rules.count, .otherwise = verdict_of("WARM")
	};
}
