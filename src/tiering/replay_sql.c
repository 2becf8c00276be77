/*
 * replay_sql.c
 *		replay_counts(): a history that a cursor gives, replayed under all policies, as counts per class, state and term;
 *		replay_steps(): the same, as what each policy did when.
 *
 * Once menu, rules and history are read, nothing touches the server until the kernel is done, but the question whether to stop. What
 * comes out are integers, so that SQL can multiply them with the exact prices.
 */
#include "postgres.h"

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
#include "tiering/replay_sql.h"

PG_FUNCTION_INFO_V1(cloudflux_replay_counts);
PG_FUNCTION_INFO_V1(cloudflux_replay_steps);

/* wanted tells a kernel whether somebody wants it to stop. */
static bool
wanted(void *ctx)
{
	return InterruptPending;
}

/* choose keeps of all policies those that were asked for. */
static void
choose(CfReplayCall *call, ArrayType *names)
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
put_count(CfReplayCall *call, const char *policy, int group, int cls, int state, const char *term, CfReplayCount quantity)
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
put_account(CfReplayCall *call, const char *policy, int group, const CfReplayAccount *account)
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
replay_one(CfReplayCall *call, const CfReplayPolicy *policy, CfReplayTold told)
{
	CfInterrupt interrupt = {wanted, NULL};
	CfReplayOptions options = {.interrupt = &interrupt,.told = told,.told_arg = call};
	CfAllocator allocator = cf_arena_context(call->work);
	bool		done;

	call->steps_written = 0;
	do
	{
		CfReplayResult result;
		CfArena		arena;
		CfError		err;

		CHECK_FOR_INTERRUPTS();
		call->steps_told = 0;
		cf_arena_init(&arena, &allocator, 256 * 1024, 0);
		done = cf_replay_run(&call->menu, &call->history, policy, &options, &arena, &result, &err);
		for (int group = 0; done && told == NULL && group < call->history.group_count; group++)
			put_account(call, policy->name, group, &result.groups[group]);
		cf_arena_free(&arena);
		if (!done && err.kind != CF_ERR_CANCELLED)
			cf_error_raise(&err);
	} while (!done);
}

/* take_policies makes the roster, with the tier rules and what the user ordered before hindsight. */
static void
take_policies(CfReplayCall *call)
{
	CfAllocator allocator = cf_arena_context(call->work);
	CfReplayPolicy *end;
	CfReplayPolicy hindsight;

	cf_arena_init(&call->arena, &allocator, 64 * 1024, 0);
	call->policy_count = cf_replay_roster(&call->menu, &call->arena, call->policies);
	if (call->policy_count < 0)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	end = &call->policies[call->policy_count - 1];
	hindsight = *end;
	*end++ = cf_roster_rules("tier_rules", "as classify() would", &call->tier_rules);
	if (call->user_policy.count > 0)
		*end++ = cf_roster_rules(CF_REPLAY_USER_POLICY, "what a user ordered", &call->user_policy);
	*end++ = hindsight;
	call->policy_count = (int) (end - call->policies);
}

/*
 * prepare reads all that a replay needs. Arguments of both functions: cursor, cloud, region, redundancy, menu, day, names of policies
 * (NULL = all), orders (NULL = none).
 */
static CfReplayCall *
prepare(FunctionCallInfo fcinfo, bool wants_ids)
{
	CfReplayCall *call = palloc0(sizeof(CfReplayCall));
	CfError		err;

	for (int i = 0; i < 6; i++)
	{
		if (PG_ARGISNULL(i) && i != 3)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("only redundancy, policies and orders may be NULL")));
	}
	InitMaterializedSRF(fcinfo, 0);
	call->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	call->reading.wants_ids = wants_ids;
	call->work = AllocSetContextCreate(CurrentMemoryContext, "cloudflux replay", ALLOCSET_DEFAULT_SIZES);
	cf_spi_begin();
	cf_replay_take_menu(call, fcinfo, 1);
	cf_replay_take_rules(call);
	if (!PG_ARGISNULL(7))
		cf_replay_take_orders(call, PG_GETARG_DATUM(7));
	cf_replay_take_history(call, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	cf_spi_end();
	if (!cf_tariff_check(&call->menu, &err))
	{
		cf_error_hint(&err, "Prices are rows of the tables prices and restore_prices; load_prices() loads them.");
		cf_error_raise(&err);
	}
	if (!cf_replay_check(&call->menu, &call->history, &err))
		cf_error_raise(&err);
	if (call->history.object_count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA), errmsg("there is no object to replay"),
				 errdetail("None was there in that period in a class of the menu of %s.", call->menu.name),
				 errhint("Choose another period, or p_menu => 'archive' for objects in archive classes.")));
	take_policies(call);
	if (!PG_ARGISNULL(6))
		choose(call, PG_GETARG_ARRAYTYPE_P(6));
	return call;
}

/* replay_counts(cursor, cloud, region, redundancy, menu, on, policies, orders) is the SQL function. */
Datum
cloudflux_replay_counts(PG_FUNCTION_ARGS)
{
	CfReplayCall *call = prepare(fcinfo, false);

	for (int i = 0; i < call->policy_count; i++)
		replay_one(call, &call->policies[i], NULL);
	MemoryContextDelete(call->work);
	return (Datum) 0;
}

/* put_step writes that a policy put an object into a class. */
static void
put_step(void *arg, const CfReplayPolicy *policy, uint32_t object, int32_t day, int cls)
{
	CfReplayCall *call = arg;
	Datum		values[4];
	bool		nulls[4] = {false};

	/* The kernel may have begun again: then what is written already comes once more. */
	if (call->steps_told++ < call->steps_written)
		return;
	call->steps_written++;
	values[0] = CStringGetTextDatum(policy->name);
	values[1] = CStringGetTextDatum(call->reading.file_ids[object]);
	values[2] = Int32GetDatum(day);
	values[3] = CStringGetTextDatum(call->menu.classes[cls].name);
	tuplestore_putvalues(call->rsinfo->setResult, call->rsinfo->setDesc, values, nulls);
	pfree(DatumGetPointer(values[0]));
	pfree(DatumGetPointer(values[1]));
	pfree(DatumGetPointer(values[3]));
}

/* replay_steps(cursor, cloud, region, redundancy, menu, on, policies, orders) is the SQL function. */
Datum
cloudflux_replay_steps(PG_FUNCTION_ARGS)
{
	CfReplayCall *call = prepare(fcinfo, true);

	for (int i = 0; i < call->policy_count; i++)
		replay_one(call, &call->policies[i], put_step);
	MemoryContextDelete(call->work);
	return (Datum) 0;
}
