/*
 * replay_sql.c
 *		replay_counts(): a history that a cursor gives, replayed under all policies, as counts per class, state and term.
 *
 * The cursor's rows come in batches and are packed into 16 bytes per object-day and 64 per object; then nothing touches the server
 * until the kernel is done, but the question whether to stop. What comes out are integers, so that SQL can multiply them with
 * the exact prices. Memory is limited: a history that needs more is refused with the figure.
 */
#include "postgres.h"

#include <math.h>

#include "executor/spi.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "tiering/roster.h"

#define FETCH 10000				/* rows of the cursor at a time */
#define HISTORY_BYTES ((Size) 4 << 30)	/* memory for objects and reads */
#define GROUPS 1000
#define RULES 256
#define GB_MONTH (1073741824.0 * CF_TARIFF_MONTH_DAYS)

PG_FUNCTION_INFO_V1(cloudflux_replay_counts);

/* A history as it is being read. */
typedef struct Reading
{
	const CfTariffMenu *menu;
	CfReplayObject *objects;
	Size		object_room;
	uint32		object_count;
	CfReplayAccess *accesses;
	Size		access_room;
	uint64		access_count;
	char	  **prefixes;
	int			group_count;
	char	   *file_id;		/* of the last object */
} Reading;

/* Everything of one call. */
typedef struct Call
{
	CfTariffMenu menu;
	CfReplayHistory history;
	Reading		reading;
	CfTierRule	rules[RULES];
	int			rule_cls[RULES];
	CfRosterRules tier_rules;
	CfReplayPolicy policies[CF_REPLAY_POLICIES + 1];
	int			policy_count;
	ReturnSetInfo *rsinfo;
	MemoryContext work;
	CfArena		arena;
} Call;

/* wanted tells a kernel whether somebody wants it to stop. */
static bool
wanted(void *ctx)
{
	return InterruptPending;
}

/* price is a column of the menu, which must be known, in another unit. */
static double
price(uint64 row, int col, double unit)
{
	bool		isnull;
	double		usd = cf_spi_float8(row, col, &isnull);

	return isnull ? NAN : usd / unit;
}

/* take_role notes which class a role means. */
static void
take_role(CfTariffMenu *menu, const char *role, int cls)
{
	const struct
	{
		const char *name;
		int		   *cls;
	}			roles[] = {
		{"hot", &menu->hot}, {"warm", &menu->warm}, {"cold", &menu->cold}, {"frozen", &menu->frozen},
		{"automatic", &menu->automatic}, {"automatic_archive", &menu->automatic_archive}
	};

	for (int i = 0; role != NULL && i < (int) lengthof(roles); i++)
	{
		if (strcmp(roles[i].name, role) == 0)
			*roles[i].cls = cls;
	}
}

/* take_state reads one row of the menu into its class. */
static void
take_state(CfTariffMenu *menu, uint64 row)
{
	int			no = (int) cf_spi_int64(row, 1, NULL);
	int			at = (int) cf_spi_int64(row, 2, NULL);
	CfTariffClass *cls;
	CfTariffState *state;

	if (no >= CF_TARIFF_CLASSES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a menu has at most %d storage classes", CF_TARIFF_CLASSES)));
	cls = &menu->classes[no];
	if (cls->state_count >= CF_TARIFF_STATES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a storage class has at most %d states", CF_TARIFF_STATES)));
	state = &cls->states[cls->state_count++];
	menu->count = no + 1;
	state->name = cf_spi_text(row, 4);
	state->idle_days = (int32) cf_spi_int64(row, 6, NULL);
	state->storage_usd = price(row, 7, GB_MONTH);
	state->overhead_bytes = cf_spi_int64(row, 8, NULL);
	state->overhead_standard_bytes = cf_spi_int64(row, 9, NULL);
	state->get_usd = price(row, 10, 1000);
	state->retrieval_usd = price(row, 11, 1073741824);
	state->restores = cf_spi_bool(row, 12, NULL);
	state->restore_usd = price(row, 13, 1000);
	state->first_byte_s = (double) cf_spi_int64(row, 14, NULL);
	if (at != cls->state_count - 1)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("states of storage class \"%s\" have no prices", cf_spi_text(row, 3))));
	if (at > 0)
		return;
	cls->name = cf_spi_text(row, 3);
	take_role(menu, cf_spi_text(row, 5), no);
	cls->min_object_bytes = cf_spi_int64(row, 15, NULL);
	cls->min_days = (int32) cf_spi_int64(row, 16, NULL);
	cls->early_usd = price(row, 17, GB_MONTH);
	cls->monitor_usd = price(row, 18, 1000.0 * CF_TARIFF_MONTH_DAYS);
	cls->monitor_min_bytes = cf_spi_int64(row, 19, NULL);
	cls->put_usd = price(row, 20, 1000);
	cls->lifecycle_from = (uint32) cf_spi_int64(row, 22, NULL);
	/* A class that nothing is led to has no price for that, and needs none. */
	cls->transition_usd = cls->lifecycle_from != 0 ? price(row, 21, 1000) : 0;
	menu->standard_usd = price(row, 23, GB_MONTH);
	menu->copy_pays_get = cf_spi_bool(row, 24, NULL);
	menu->copy_pays_put = cf_spi_bool(row, 25, NULL);
	menu->lifecycle_pays_early = cf_spi_bool(row, 26, NULL);
}

/* take_menu reads the menu of a store. */
static void
take_menu(Call *call, FunctionCallInfo fcinfo)
{
	static CfSpiPlan plan = {
		"SELECT class_no, state_no, storage_class, state, role, idle_days, storage_usd_gb_month::float8, overhead_bytes,"
		" overhead_standard_bytes, get_usd_per_1000::float8, retrieval_usd_gb::float8, restores, restore_usd_per_1000::float8,"
		" first_byte_s, min_object_bytes, min_days, early_usd_gb_month::float8, monitoring_usd_per_1000::float8, monitor_min_bytes,"
		" put_usd_per_1000::float8, transition_usd_per_1000::float8, lifecycle_from, standard_usd_gb_month::float8,"
		" copy_pays_get, copy_pays_put, lifecycle_pays_early"
		" FROM cloudflux.replay_menu($1, $2, $3, $4, $5)", 5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, DATEOID}
	};
	Datum		values[5];
	bool		nulls[5];
	char	   *cloud = text_to_cstring(PG_GETARG_TEXT_PP(1));
	uint64		rows;

	for (int i = 0; i < 5; i++)
	{
		nulls[i] = PG_ARGISNULL(i + 1);
		values[i] = nulls[i] ? (Datum) 0 : PG_GETARG_DATUM(i + 1);
	}
	call->menu.name = psprintf("%s %s, %s", cloud, text_to_cstring(PG_GETARG_TEXT_PP(2)), text_to_cstring(PG_GETARG_TEXT_PP(4)));
	call->menu.hot = call->menu.warm = call->menu.cold = call->menu.frozen = CF_TARIFF_NONE;
	call->menu.automatic = call->menu.automatic_archive = CF_TARIFF_NONE;
	call->menu.restore_days = 1;
	rows = cf_spi_read(&plan, values, nulls);
	for (uint64 row = 0; row < rows; row++)
		take_state(&call->menu, row);
	if (call->menu.hot == CF_TARIFF_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there are no prices for a replay at %s", call->menu.name),
				 errhint("Prices are known by cloud, region and redundancy: see the table prices, or load them with load_prices().")));
}

/* take_rules reads the thresholds of tier_rules; a rule about addresses is told by kernel and menu alike as one that never matches. */
static void
take_rules(Call *call)
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

	for (uint64 row = 0; row < rows && count < RULES; row++)
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
		count++;
	}
	call->tier_rules = (CfRosterRules) {call->rules, call->rule_cls, count, call->menu.hot};
}

/* grow makes room for one more item. */
static void *
grow(void *items, Size count, Size *room, Size size, const Reading *reading)
{
	if (count < *room)
		return items;
	*room = *room == 0 ? 1024 : *room * 2;
	if (reading->object_room * sizeof(CfReplayObject) + reading->access_room * sizeof(CfReplayAccess) > HISTORY_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("history is too long to be replayed at once"),
				 errdetail("It has more than " UINT64_FORMAT " days with reads of " UINT64_FORMAT " objects.",
						   reading->access_count, (uint64) reading->object_count),
				 errhint("Choose a shorter period.")));
	return items == NULL ? MemoryContextAllocHuge(CurrentMemoryContext, *room * size) : repalloc_huge(items, *room * size);
}

/* cell is a column of the cursor's row. */
static Datum
cell(HeapTuple tuple, TupleDesc desc, int col, bool *isnull)
{
	return SPI_getbinval(tuple, desc, col, isnull);
}

/* take_object begins an object, and its group if that is new. */
static void
take_object(Reading *reading, HeapTuple tuple, TupleDesc desc, char *file_id)
{
	bool		isnull;
	char	   *prefix = SPI_getvalue(tuple, desc, 1);
	char	   *start = SPI_getvalue(tuple, desc, 7);
	CfReplayObject *object;

	if (reading->group_count == 0 || strcmp(prefix, reading->prefixes[reading->group_count - 1]) != 0)
	{
		if (reading->group_count == GROUPS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("more than %d prefixes", GROUPS),
					 errhint("Choose a smaller p_prefix_depth.")));
		reading->prefixes[reading->group_count++] = prefix;
	}
	reading->objects = grow(reading->objects, reading->object_count, &reading->object_room, sizeof(CfReplayObject), reading);
	object = &reading->objects[reading->object_count++];
	object->size_bytes = DatumGetInt64(cell(tuple, desc, 3, &isnull));
	object->created_day = DatumGetInt32(cell(tuple, desc, 4, &isnull));
	object->first_day = DatumGetInt32(cell(tuple, desc, 5, &isnull));
	object->last_day = DatumGetInt32(cell(tuple, desc, 6, &isnull));
	object->last_read_day = DatumGetInt32(cell(tuple, desc, 12, &isnull));
	if (isnull)
		object->last_read_day = CF_REPLAY_NO_DAY;
	object->entered_day = DatumGetInt32(cell(tuple, desc, 8, &isnull));
	object->group = reading->group_count - 1;
	object->start_class = (int16) (start == NULL ? CF_TARIFF_NONE : cf_tariff_class(reading->menu, start));
	object->access_count = 0;
	object->first_access = reading->access_count;
	reading->file_id = file_id;
}

/* take_row adds a row of the cursor: an object, and a day with reads if it has one. */
static void
take_row(Reading *reading, HeapTuple tuple, TupleDesc desc)
{
	char	   *file_id = SPI_getvalue(tuple, desc, 2);
	bool		isnull;
	int32		day;
	int64		reads;
	CfReplayAccess *access;

	if (reading->file_id == NULL || strcmp(file_id, reading->file_id) != 0)
		take_object(reading, tuple, desc, file_id);
	else
		pfree(file_id);
	day = DatumGetInt32(cell(tuple, desc, 9, &isnull));
	if (isnull)
		return;
	reads = DatumGetInt64(cell(tuple, desc, 10, &isnull));
	if (reads < 0 || reads > (int64) UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of reads of object \"%s\" in one day is out of range: " INT64_FORMAT, reading->file_id, reads)));
	reading->accesses = grow(reading->accesses, reading->access_count, &reading->access_room, sizeof(CfReplayAccess), reading);
	access = &reading->accesses[reading->access_count++];
	access->day = day;
	access->reads = (uint32) reads;
	access->bytes = DatumGetInt64(cell(tuple, desc, 11, &isnull));
	reading->objects[reading->object_count - 1].access_count++;
}

/* take_history reads the cursor to its end. */
static void
take_history(Call *call, const char *cursor)
{
	Reading    *reading = &call->reading;
	Portal		portal = SPI_cursor_find(cursor);
	MemoryContext caller = CurrentMemoryContext;

	if (portal == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_CURSOR), errmsg("cursor \"%s\" does not exist", cursor)));
	reading->menu = &call->menu;
	reading->prefixes = MemoryContextAlloc(call->work, GROUPS * sizeof(char *));
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH);
		if (SPI_processed == 0)
			break;
		if (SPI_tuptable->tupdesc->natts != 12)
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("cursor \"%s\" does not give a history", cursor)));
		MemoryContextSwitchTo(call->work);
		for (uint64 row = 0; row < SPI_processed; row++)
			take_row(reading, SPI_tuptable->vals[row], SPI_tuptable->tupdesc);
		MemoryContextSwitchTo(caller);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_freetuptable(SPI_tuptable);
	call->history = (CfReplayHistory) {reading->objects, reading->object_count, reading->accesses, reading->access_count,
		reading->group_count > 0 ? reading->group_count : 1
	};
	if (reading->group_count == 0)
		reading->prefixes[0] = "";
}

/* choose keeps of all policies those that were asked for. */
static void
choose(Call *call, ArrayType *names)
{
	Datum	   *items;
	bool	   *nulls;
	int			n;
	int			kept = 0;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name = nulls[i] ? "" : TextDatumGetCString(items[i]);
		StringInfoData known;
		int			found = -1;

		initStringInfo(&known);
		for (int p = 0; p < call->policy_count; p++)
		{
			appendStringInfo(&known, "%s%s", p > 0 ? ", " : "", call->policies[p].name);
			if (strcmp(call->policies[p].name, name) == 0)
				found = p;
		}
		if (found < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("policy \"%s\" does not exist in this menu", name),
					 errhint("There are %s.", known.data)));
	}
	for (int p = 0; p < call->policy_count; p++)
	{
		for (int i = 0; i < n; i++)
		{
			if (!nulls[i] && strcmp(call->policies[p].name, TextDatumGetCString(items[i])) == 0)
			{
				call->policies[kept++] = call->policies[p];
				break;
			}
		}
	}
	call->policy_count = kept;
}

/* put_count writes one count; class and state are -1 for what has none. */
static void
put_count(Call *call, const char *policy, int group, int cls, int state, const char *term, CfReplayCount quantity)
{
	Datum		values[6];
	bool		nulls[6] = {false, false, cls < 0, state < 0, false, false};
	char		digits[48];
	char	   *at = &digits[sizeof(digits) - 1];

	*at = '\0';
	do
		*--at = (char) ('0' + (int) (quantity % 10));
	while ((quantity /= 10) != 0);
	values[0] = CStringGetTextDatum(policy);
	values[1] = CStringGetTextDatum(call->reading.prefixes[group]);
	values[2] = Int32GetDatum(cls);
	values[3] = Int32GetDatum(state);
	values[4] = CStringGetTextDatum(term);
	values[5] = DirectFunctionCall3(numeric_in, CStringGetDatum(at), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	tuplestore_putvalues(call->rsinfo->setResult, call->rsinfo->setDesc, values, nulls);
}

/* put_account writes what a policy used in one group. */
static void
put_account(Call *call, const char *policy, int group, const CfReplayAccount *account)
{
	for (int c = 0; c < call->menu.count; c++)
	{
		for (int s = 0; s < call->menu.classes[c].state_count; s++)
		{
			for (int term = 0; term < CF_REPLAY_TERMS; term++)
			{
				if (account->counts[c][s][term] > 0)
					put_count(call, policy, group, c, s, cf_replay_term_name((CfReplayTerm) term), account->counts[c][s][term]);
			}
		}
	}
	put_count(call, policy, group, -1, -1, "total objects", account->objects);
	put_count(call, policy, group, -1, -1, "total moves", account->moves);
	put_count(call, policy, group, -1, -1, "total early deletions", account->early_deletions);
	put_count(call, policy, group, -1, -1, "total reads", account->reads);
	put_count(call, policy, group, -1, -1, "total slow reads", account->slow_reads);
}

/*
 * replay_one replays a policy and writes what it used. An interrupt that turns out not to end the statement makes the kernel begin
 * again: it is deterministic.
 */
static void
replay_one(Call *call, const CfReplayPolicy *policy)
{
	CfInterrupt interrupt = {wanted, NULL};
	CfReplayOptions options = {.interrupt = &interrupt};
	CfAllocator allocator = cf_arena_context(call->work);
	bool		done;

	do
	{
		CfReplayResult result;
		CfArena		arena;
		CfError		err;

		CHECK_FOR_INTERRUPTS();
		cf_arena_init(&arena, &allocator, 256 * 1024, 0);
		done = cf_replay_run(&call->menu, &call->history, policy, &options, &arena, &result, &err);
		for (int group = 0; done && group < call->history.group_count; group++)
			put_account(call, policy->name, group, &result.groups[group]);
		cf_arena_free(&arena);
		if (!done && err.kind != CF_ERR_CANCELLED)
			cf_error_raise(&err);
	} while (!done);
}

/* take_policies makes the roster, with the tier rules before hindsight. */
static void
take_policies(Call *call)
{
	CfAllocator allocator = cf_arena_context(call->work);

	cf_arena_init(&call->arena, &allocator, 64 * 1024, 0);
	call->policy_count = cf_replay_roster(&call->menu, &call->arena, call->policies);
	if (call->policy_count < 0)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	call->policies[call->policy_count] = call->policies[call->policy_count - 1];
	call->policies[call->policy_count - 1] = cf_roster_rules("tier_rules", "as classify() would", &call->tier_rules);
	call->policy_count++;
}

/* replay_counts(cursor, cloud, region, redundancy, menu, on, policies) is the SQL function. */
Datum
cloudflux_replay_counts(PG_FUNCTION_ARGS)
{
	Call	   *call = palloc0(sizeof(Call));
	CfError		err;

	for (int i = 0; i < 6; i++)
	{
		if (PG_ARGISNULL(i) && i != 3)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("only redundancy and policies may be NULL")));
	}
	InitMaterializedSRF(fcinfo, 0);
	call->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	call->work = AllocSetContextCreate(CurrentMemoryContext, "cloudflux replay", ALLOCSET_DEFAULT_SIZES);
	cf_spi_begin();
	take_menu(call, fcinfo);
	take_rules(call);
	take_history(call, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	cf_spi_end();
	if (!cf_tariff_check(&call->menu, &err))
	{
		cf_error_hint(&err, "Prices are rows of the tables prices and restore_prices; load_prices() loads them.");
		cf_error_raise(&err);
	}
	if (!cf_replay_check(&call->menu, &call->history, &err))
		cf_error_raise(&err);
	take_policies(call);
	if (!PG_ARGISNULL(6))
		choose(call, PG_GETARG_ARRAYTYPE_P(6));
	for (int i = 0; i < call->policy_count; i++)
		replay_one(call, &call->policies[i]);
	MemoryContextDelete(call->work);
	return (Datum) 0;
}
