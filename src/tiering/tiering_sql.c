/*
 * tiering_sql.c
 *		The SQL functions over the rules kernel: judge_object(), verdict_reason(), utc_day().
 *
 * They are called once per object for millions of objects in one statement, so the rules, an array of rows of
 * active_tier_rules, are taken apart once and kept with the call site until another array comes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "tiering/rules.h"

/* Columns of active_tier_rules and where their values go; NULL leaves what cf_tiering_rule_init() put there. */
static const struct
{
	const char *column;
	Oid			type;
	size_t		offset;
	size_t		asks;			/* offset of the flag that it sets, 0 = none */
}			conditions[] = {
	{"min_reads_30d", INT8OID, offsetof(CfTierRule, min_reads_30d), 0},
	{"max_reads_30d", INT8OID, offsetof(CfTierRule, max_reads_30d), 0},
	{"min_reads_90d", INT8OID, offsetof(CfTierRule, min_reads_90d), 0},
	{"max_reads_90d", INT8OID, offsetof(CfTierRule, max_reads_90d), 0},
	{"min_age_days", INT4OID, offsetof(CfTierRule, min_age_days), 0},
	{"max_age_days", INT4OID, offsetof(CfTierRule, max_age_days), 0},
	{"min_days_since_access", INT4OID, offsetof(CfTierRule, min_idle_days), 0},
	{"max_days_since_access", INT4OID, offsetof(CfTierRule, max_idle_days), 0},
	{"min_evidence_days", INT4OID, offsetof(CfTierRule, min_evidence_days), 0},
	{"max_evidence_days", INT4OID, offsetof(CfTierRule, max_evidence_days), 0},
	{"min_size_bytes", INT8OID, offsetof(CfTierRule, min_size_bytes), offsetof(CfTierRule, asks_size)},
	{"max_size_bytes", INT8OID, offsetof(CfTierRule, max_size_bytes), offsetof(CfTierRule, asks_size)},
	{"min_avg_latency_ms", FLOAT8OID, offsetof(CfTierRule, min_latency_ms), offsetof(CfTierRule, asks_latency)},
	{"max_avg_latency_ms", FLOAT8OID, offsetof(CfTierRule, max_latency_ms), offsetof(CfTierRule, asks_latency)},
};

/* The rules as they came, and taken apart; lives as long as the call site. */
typedef struct Rules
{
	ArrayType  *array;
	Size		size;
	int			count;
	CfTierRule *rules;
	int32	   *ranks;
	text	  **place_patterns; /* NULL = any */
	text	  **key_prefixes;
	TupleDesc	result;			/* of judge_object() */
} Rules;

/* Whose address the rules are asked about. */
typedef struct Address
{
	const Rules *rules;
	text	   *place;			/* NULL = none */
	text	   *object_key;
} Address;

/* Arguments of judge_object(). */
enum
{
	TODAY, RULES, READS_30D, READS_90D, AGE_DAYS, DAYS_SINCE_ACCESS, SIZE_BYTES, AVG_LATENCY_MS, EVIDENCE_DAYS,
	FIRST_READ_30D, FIRST_READ_90D, FIRST_LATENCY_30D, LAST_DAY, NEXT_DAY, PLACE, OBJECT_KEY
};

PG_FUNCTION_INFO_V1(cloudflux_judge_object);
PG_FUNCTION_INFO_V1(cloudflux_verdict_reason);
PG_FUNCTION_INFO_V1(cloudflux_utc_day);

/* read_text copies a text column of a rule, NULL when it is null. */
static text *
read_text(HeapTupleHeader row, const char *column)
{
	bool		isnull;
	Datum		value = GetAttributeByName(row, column, &isnull);

	return isnull ? NULL : DatumGetTextPCopy(value);
}

/* read_rule takes one row of active_tier_rules apart. */
static void
read_rule(Rules *rules, int no, HeapTupleHeader row)
{
	CfTierRule *rule = &rules->rules[no];
	bool		isnull;
	int			i;

	cf_tiering_rule_init(rule);
	for (i = 0; i < (int) lengthof(conditions); i++)
	{
		Datum		value = GetAttributeByName(row, conditions[i].column, &isnull);
		char	   *field = (char *) rule + conditions[i].offset;

		if (isnull)
			continue;
		if (conditions[i].type == INT4OID)
			*(int32 *) field = DatumGetInt32(value);
		else if (conditions[i].type == INT8OID)
			*(int64 *) field = DatumGetInt64(value);
		else
			*(double *) field = DatumGetFloat8(value);
		if (conditions[i].asks != 0)
			*((bool *) rule + conditions[i].asks) = true;
	}
	rules->ranks[no] = DatumGetInt32(GetAttributeByName(row, "rank", &isnull));
	rules->place_patterns[no] = read_text(row, "place_pattern");
	rules->key_prefixes[no] = read_text(row, "key_prefix");
	rule->asks_address = rules->place_patterns[no] != NULL || rules->key_prefixes[no] != NULL;
}

/* rules_of gives the rules of a call, taken apart anew only when they are not those of the call before. */
static const Rules *
rules_of(FunctionCallInfo fcinfo)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(RULES);
	Rules	   *rules = fcinfo->flinfo->fn_extra;
	MemoryContext caller;
	Datum	   *rows;
	bool	   *nulls;
	int			i;

	if (rules != NULL && VARSIZE(array) == rules->size && memcmp(array, rules->array, rules->size) == 0)
		return rules;
	caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	rules = palloc0(sizeof(Rules));
	rules->size = VARSIZE(array);
	rules->array = memcpy(palloc(rules->size), array, rules->size);
	deconstruct_array(rules->array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, &rows, &nulls, &rules->count);
	rules->rules = palloc(sizeof(CfTierRule) * (rules->count + 1));
	rules->ranks = palloc(sizeof(int32) * (rules->count + 1));
	rules->place_patterns = palloc(sizeof(text *) * (rules->count + 1));
	rules->key_prefixes = palloc(sizeof(text *) * (rules->count + 1));
	for (i = 0; i < rules->count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a tier rule cannot be NULL")));
		read_rule(rules, i, DatumGetHeapTupleHeader(rows[i]));
	}
	if (get_call_result_type(fcinfo, NULL, &rules->result) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "judge_object() returns a row");
	rules->result = BlessTupleDesc(rules->result);
	MemoryContextSwitchTo(caller);
	fcinfo->flinfo->fn_extra = rules;
	return rules;
}

/* address_met tells whether a place is LIKE the pattern of a rule and a key begins with its prefix. */
static bool
address_met(void *arg, int no)
{
	const Address *address = arg;
	text	   *pattern = address->rules->place_patterns[no];
	text	   *prefix = address->rules->key_prefixes[no];

	if (address->place == NULL || address->object_key == NULL)
		return false;
	if (pattern != NULL &&
		!DatumGetBool(DirectFunctionCall2Coll(textlike, DEFAULT_COLLATION_OID,
											  PointerGetDatum(address->place), PointerGetDatum(pattern))))
		return false;
	return prefix == NULL ||
		(VARSIZE_ANY_EXHDR(address->object_key) >= VARSIZE_ANY_EXHDR(prefix) &&
		 memcmp(VARDATA_ANY(address->object_key), VARDATA_ANY(prefix), VARSIZE_ANY_EXHDR(prefix)) == 0);
}

/* day_arg is a date among the arguments. */
static int32
day_arg(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? CF_TIERING_NO_DAY : PG_GETARG_DATEADT(arg);
}

/* facts_from reads the seven figures that begin at an argument. */
static CfTierFacts
facts_from(FunctionCallInfo fcinfo, int first)
{
	CfTierFacts facts = {0};
	int			shift = first - READS_30D;

	facts.reads_30d = PG_GETARG_INT64(READS_30D + shift);
	facts.reads_90d = PG_GETARG_INT64(READS_90D + shift);
	facts.age_days = PG_GETARG_INT32(AGE_DAYS + shift);
	facts.idle_days = PG_ARGISNULL(DAYS_SINCE_ACCESS + shift) ? CF_TIERING_NEVER
		: PG_GETARG_INT32(DAYS_SINCE_ACCESS + shift);
	facts.size_bytes = PG_ARGISNULL(SIZE_BYTES + shift) ? -1 : PG_GETARG_INT64(SIZE_BYTES + shift);
	facts.latency_ms = PG_ARGISNULL(AVG_LATENCY_MS + shift) ? -1 : PG_GETARG_FLOAT8(AVG_LATENCY_MS + shift);
	facts.evidence_days = PG_GETARG_INT32(EVIDENCE_DAYS + shift);
	return facts;
}

/* cloudflux_judge_object gives the rank of the rule that decides, and the day to look again. */
Datum
cloudflux_judge_object(PG_FUNCTION_ARGS)
{
	const Rules *rules;
	Address		address;
	CfTierFacts facts;
	Datum		values[2] = {0};
	bool		nulls[2] = {false};
	int32		day;
	int			no;

	CF_ABI_CHECK();
	if (PG_ARGISNULL(TODAY) || PG_ARGISNULL(RULES) || PG_ARGISNULL(READS_30D) || PG_ARGISNULL(READS_90D) ||
		PG_ARGISNULL(AGE_DAYS) || PG_ARGISNULL(EVIDENCE_DAYS))
		PG_RETURN_NULL();
	rules = rules_of(fcinfo);
	address.rules = rules;
	address.place = PG_ARGISNULL(PLACE) ? NULL : PG_GETARG_TEXT_PP(PLACE);
	address.object_key = PG_ARGISNULL(OBJECT_KEY) ? NULL : PG_GETARG_TEXT_PP(OBJECT_KEY);
	facts = facts_from(fcinfo, READS_30D);
	facts.first_read_30d = day_arg(fcinfo, FIRST_READ_30D);
	facts.first_read_90d = day_arg(fcinfo, FIRST_READ_90D);
	facts.first_latency_30d = day_arg(fcinfo, FIRST_LATENCY_30D);
	facts.last_day = day_arg(fcinfo, LAST_DAY);
	facts.next_day = day_arg(fcinfo, NEXT_DAY);

	no = cf_tiering_judge(rules->rules, rules->count, &facts, address_met, &address);
	day = cf_tiering_recheck(rules->rules, rules->count, &facts, PG_GETARG_DATEADT(TODAY));
	nulls[0] = no < 0;
	if (no >= 0)
		values[0] = Int32GetDatum(rules->ranks[no]);
	nulls[1] = day == CF_TIERING_NO_DAY;
	values[1] = DateADTGetDatum(day);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(rules->result, values, nulls)));
}

/* append_text puts a text behind others that are being gathered. */
static char *
append_text(char *at, const text *value)
{
	memcpy(at, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	return at + VARSIZE_ANY_EXHDR(value);
}

/* cloudflux_verdict_reason puts a verdict into words: class, figures, rule. */
Datum
cloudflux_verdict_reason(PG_FUNCTION_ARGS)
{
	static const char no_rule[] = " (no rule matches)";
	text	   *class;
	text	   *rule;
	text	   *result;
	char		asks[16];
	char		why[CF_TIERING_WHY];
	size_t		length;
	CfTierFacts facts;
	char	   *at;

	CF_ABI_CHECK();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(4) || PG_ARGISNULL(5) ||
		PG_ARGISNULL(9))
		PG_RETURN_NULL();
	class = PG_GETARG_TEXT_PP(0);
	rule = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	text_to_cstring_buffer(PG_GETARG_TEXT_PP(2), asks, sizeof(asks));
	facts = facts_from(fcinfo, 3);
	length = cf_tiering_why(&facts, asks, why);

	result = palloc(VARHDRSZ + VARSIZE_ANY_EXHDR(class) + 2 + length + sizeof(no_rule) +
					(rule == NULL ? 0 : VARSIZE_ANY_EXHDR(rule)));
	at = append_text(VARDATA(result), class);
	at = (char *) memcpy(at, ": ", 2) + 2;
	at = (char *) memcpy(at, why, length) + length;
	if (rule == NULL)
		at = (char *) memcpy(at, no_rule, sizeof(no_rule) - 1) + sizeof(no_rule) - 1;
	else
	{
		at = (char *) memcpy(at, " (rule ", 7) + 7;
		at = append_text(at, rule);
		*at++ = ')';
	}
	SET_VARSIZE(result, at - (char *) result);
	PG_RETURN_TEXT_P(result);
}

/* cloudflux_utc_day gives the UTC day of a moment; AT TIME ZONE looks the zone up for every row. */
Datum
cloudflux_utc_day(PG_FUNCTION_ARGS)
{
	TimestampTz moment = PG_GETARG_TIMESTAMPTZ(0);
	int64		day;

	CF_ABI_CHECK();
	if (TIMESTAMP_IS_NOBEGIN(moment))
		PG_RETURN_DATEADT(DATEVAL_NOBEGIN);
	if (TIMESTAMP_IS_NOEND(moment))
		PG_RETURN_DATEADT(DATEVAL_NOEND);
	day = moment / USECS_PER_DAY;
	if (moment < 0 && moment % USECS_PER_DAY != 0)
		day--;
	PG_RETURN_DATEADT((DateADT) day);
}
