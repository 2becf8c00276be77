/*
 * recommend_sql.c
 *		recommend_object() and recommend_candidates(): the kernel's answer for one object, called once for each of millions.
 *
 * Menus are read at the first object of a place and kept with the call site, as are the limits that policies set. So a statement sees one price
 * book and one set of policies from beginning to end, and an object costs no query.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "tiering/hazard_sql.h"
#include "tiering/menu_sql.h"
#include "tiering/reads_sql.h"
#include "tiering/recommend.h"

#define MENUS 64				/* places whose menus are kept at a time */
#define UNKNOWN_CLASS (-1)

PG_FUNCTION_INFO_V1(cloudflux_recommend_object);
PG_FUNCTION_INFO_V1(cloudflux_recommend_candidates);

/* Arguments of both functions. */
enum
{
	TODAY, HORIZON, PLACE, STORAGE_CLASS, SIZE_BYTES, BEGUN_ON, ENTERED_ON, LAST_READ_ON, READS, THIN, MAX_LATENCY_MS, POLICIES
};

/* A place's menu; without classes it has no prices. */
typedef struct Menu
{
	char	   *place;
	CfTariffMenu tariff;
	bool		one_class;		/* a directory: all its objects have the prices of one class */
	const CfHazardKnown *others;	/* what is known of its objects; NULL = nothing, or too little */
	CfRecommender *recommender;
	CfArena		arena;
} Menu;

/* What a policy sets for the objects that it is about. */
typedef struct PolicyLimit
{
	int64		id;
	char	   *name;
	double		max_latency_ms; /* NaN = says nothing of it */
	bool		hold;
	Datum	   *classes;		/* allowed; NULL = says nothing of them */
	int			class_count;
} PolicyLimit;

/* What a call site keeps. */
typedef struct Site
{
	MemoryContext context;
	Menu	   *menus[MENUS];
	int			menu_count;
	int			last;			/* menu of the object before */
	PolicyLimit	   *limits;
	int			limit_count;
	bool		limits_read;
	TupleDesc	result;
} Site;

/* One question, with the limits that bar each class. */
typedef struct Question
{
	CfRecommendAsk ask;
	CfRecommendBar bars[CF_TARIFF_CLASSES];
	const char *barred_by[CF_TARIFF_CLASSES];	/* name of the policy; NULL = a setting, or nothing */
	Menu	   *menu;
	const char *verdict;		/* why there is no answer; NULL = there is one */
} Question;

/* site_of finds what the call site keeps, or begins it. */
static Site *
site_of(FunctionCallInfo fcinfo)
{
	Site	   *site = fcinfo->flinfo->fn_extra;

	if (site == NULL)
	{
		site = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Site));
		site->context = fcinfo->flinfo->fn_mcxt;
		fcinfo->flinfo->fn_extra = site;
	}
	return site;
}

/* read_menu reads the menu of a place. */
static Menu *
read_menu(const char *place, DateADT today)
{
	static CfSpiPlan plan = {
		"SELECT " CF_MENU_COLUMNS ", (SELECT p.cloud OPERATOR(pg_catalog.=) 'LOCAL' FROM cloudflux.place_price($1) AS p)"
		" FROM cloudflux.recommend_menu($1, $2)", 2, {TEXTOID, DATEOID}
	};
	Menu	   *menu = palloc0(sizeof(Menu));
	CfAllocator allocator = cf_arena_context(CurrentMemoryContext);
	Datum		values[2] = {CStringGetTextDatum(place), DateADTGetDatum(today)};
	uint64		rows;
	CfError		err;

	menu->place = pstrdup(place);
	cf_menu_begin(&menu->tariff, menu->place);
	cf_spi_begin();
	rows = cf_spi_read(&plan, values, NULL);
	for (uint64 row = 0; row < rows; row++)
		cf_menu_take(&menu->tariff, row);
	menu->one_class = rows > 0 && cf_spi_bool(0, 27, NULL);
	cf_spi_end();
	if (rows > 0)
		menu->others = cf_hazard_read(menu->place);
	if (menu->tariff.hot == CF_TARIFF_NONE || !cf_tariff_check(&menu->tariff, &err))
		menu->tariff.count = 0;
	cf_arena_init(&menu->arena, &allocator, 8192, 0);
	menu->recommender = cf_recommender_make(&menu->tariff, &menu->arena);
	if (menu->recommender == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return menu;
}

/* menu_of finds the menu of a place, or reads it. */
static Menu *
menu_of(Site *site, text *place, DateADT today)
{
	Size		len = VARSIZE_ANY_EXHDR(place);
	const char *name = VARDATA_ANY(place);
	MemoryContext caller;

	for (int i = 0; i < site->menu_count; i++)
	{
		Menu	   *menu = site->menus[(site->last + i) % site->menu_count];

		if (strlen(menu->place) == len && memcmp(menu->place, name, len) == 0)
		{
			site->last = (site->last + i) % site->menu_count;
			return menu;
		}
	}
	if (site->menu_count == MENUS)
	{
		Menu	   *old = site->menus[0];

		cf_arena_free(&old->arena);
		memmove(&site->menus[0], &site->menus[1], (MENUS - 1) * sizeof(Menu *));
		site->menu_count--;
	}
	caller = MemoryContextSwitchTo(site->context);
	site->last = site->menu_count;
	site->menus[site->menu_count] = read_menu(text_to_cstring(place), today);
	MemoryContextSwitchTo(caller);
	return site->menus[site->menu_count++];
}

/* read_limits reads what policies limit. */
static void
read_limits(Site *site)
{
	static CfSpiPlan plan = {
		"SELECT id, policy_name, max_latency_ms, hold, allowed_classes FROM cloudflux.recommend_limits ORDER BY id", 0, {0}
	};
	MemoryContext caller = MemoryContextSwitchTo(site->context);
	uint64		rows;

	cf_spi_begin();
	rows = cf_spi_read(&plan, NULL, NULL);
	site->limit_count = (int) rows;
	site->limits = MemoryContextAllocZero(site->context, (rows + 1) * sizeof(PolicyLimit));
	for (uint64 row = 0; row < rows; row++)
	{
		PolicyLimit	   *limit = &site->limits[row];
		bool		isnull;
		Datum		classes;

		limit->id = cf_spi_int64(row, 1, NULL);
		limit->name = cf_spi_text(row, 2);
		limit->max_latency_ms = cf_spi_float8(row, 3, &isnull);
		if (isnull)
			limit->max_latency_ms = NAN;
		limit->hold = cf_spi_bool(row, 4, NULL);
		classes = cf_spi_datum(row, 5, &isnull);
		if (!isnull)
		{
			MemoryContext spi = MemoryContextSwitchTo(site->context);

			deconstruct_array(DatumGetArrayTypeP(classes), TEXTOID, -1, false, TYPALIGN_INT, &limit->classes, NULL, &limit->class_count);
			MemoryContextSwitchTo(spi);
		}
	}
	cf_spi_end();
	site->limits_read = true;
	MemoryContextSwitchTo(caller);
}

/* same_class tells whether a class has that name in the spelling of a store or of its prices (Azure's carry the redundancy). */
static bool
same_class(const char *cls, const char *name, Size len)
{
	Size		own = strlen(cls);

	if (pg_strncasecmp(cls, name, Min(own, len)) != 0 || own > len)
		return false;
	return len == own || (name[own] == '_' && (strcmp(cls, "AUTOCLASS") == 0 || strcmp(cls, "INTELLIGENT_TIERING") == 0 ||
											   islower((unsigned char) cls[own - 1])));
}

/* class_of finds a class of a menu by name. */
static int
class_of(const CfTariffMenu *menu, const char *name, Size len)
{
	for (int c = 0; c < menu->count; c++)
	{
		if (same_class(menu->classes[c].name, name, len))
			return c;
	}
	return UNKNOWN_CLASS;
}

/* allows tells whether a policy allows a class. */
static bool
allows(const PolicyLimit *limit, const char *cls)
{
	for (int i = 0; i < limit->class_count; i++)
	{
		text	   *name = DatumGetTextPP(limit->classes[i]);

		if (same_class(cls, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)))
			return true;
	}
	return limit->classes == NULL;
}

/* bar notes what keeps a class from being chosen; what is told first stays. */
static void
bar(Question *question, int cls, CfRecommendBar why, const char *by)
{
	if (question->bars[cls] != CF_RECOMMEND_FREE && question->bars[cls] <= why)
		return;
	question->bars[cls] = why;
	question->barred_by[cls] = by;
}

/* bar_by bars what one policy does not let an object go to. */
static void
bar_by(Question *question, const PolicyLimit *limit)
{
	const CfTariffMenu *menu = &question->menu->tariff;

	for (int c = 0; c < menu->count; c++)
	{
		if (limit->hold)
			bar(question, c, CF_RECOMMEND_HELD, limit->name);
		if (!allows(limit, menu->classes[c].name))
			bar(question, c, CF_RECOMMEND_FORBIDDEN, limit->name);
	}
}

/* bar_slow bars what answers too late: the strictest policy says when that is, else the setting. */
static void
bar_slow(Question *question, double max_ms, const char *by)
{
	const CfTariffMenu *menu = &question->menu->tariff;

	for (int c = 0; c < menu->count; c++)
	{
		const CfTariffClass *cls = &menu->classes[c];
		double		slowest = 0;

		for (int s = 0; s < cls->state_count; s++)
			slowest = Max(slowest, cls->states[s].first_byte_s);
		if (slowest * 1000 > max_ms)
			bar(question, c, by != NULL ? CF_RECOMMEND_SLOW : CF_RECOMMEND_UNWANTED, by);
		/* Autoclass, and the optional archive tiers, are chosen for a bucket, not for an object; a directory has no classes. */
		if ((question->menu->one_class || strcmp(cls->name, "AUTOCLASS") == 0 || c == menu->automatic_archive) && question->ask.cls != c)
			bar(question, c, CF_RECOMMEND_BUCKET, NULL);
	}
}

/* set_bars applies all policies that are about the object, and the setting. */
static void
set_bars(Site *site, Question *question, FunctionCallInfo fcinfo)
{
	double		max_ms = PG_GETARG_FLOAT8(MAX_LATENCY_MS);
	const char *by = NULL;
	Datum	   *ids;
	int			count;

	if (!PG_ARGISNULL(POLICIES))
	{
		double		told = INFINITY;

		if (!site->limits_read)
			read_limits(site);
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(POLICIES), INT8OID, 8, true, TYPALIGN_DOUBLE, &ids, NULL, &count);
		for (int i = 0; i < count; i++)
		{
			const PolicyLimit *limit = NULL;

			for (int l = 0; l < site->limit_count && limit == NULL; l++)
				limit = site->limits[l].id == DatumGetInt64(ids[i]) ? &site->limits[l] : NULL;
			if (limit == NULL)
				continue;
			bar_by(question, limit);
			if (limit->max_latency_ms < told)
			{
				told = limit->max_latency_ms;
				by = limit->name;
			}
		}
		if (by != NULL)
			max_ms = told;
	}
	bar_slow(question, max_ms, by);
}

/* days_of is a date as a day, kept within what the kernels can count. */
static int32
days_of(FunctionCallInfo fcinfo, int arg, int32 otherwise)
{
	DateADT		day;

	if (PG_ARGISNULL(arg))
		return otherwise;
	day = PG_GETARG_DATEADT(arg);
	return day < -CF_TARIFF_DAYS_MAX ? -CF_TARIFF_DAYS_MAX : day > CF_TARIFF_DAYS_MAX ? CF_TARIFF_DAYS_MAX : day;
}

/* pose takes the arguments; false = there is no answer, and question->verdict says why. */
static bool
pose(Site *site, Question *question, FunctionCallInfo fcinfo)
{
	text	   *cls;

	for (int i = 0; i <= HORIZON; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("today and horizon must not be NULL")));
	}
	if (PG_ARGISNULL(MAX_LATENCY_MS))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("latency limit must not be NULL")));
	memset(question, 0, sizeof(*question));
	question->ask.cls = UNKNOWN_CLASS;
	question->verdict = PG_ARGISNULL(PLACE) ? "no place" : PG_ARGISNULL(SIZE_BYTES) ? "no size" : NULL;
	if (question->verdict != NULL)
		return false;
	question->menu = menu_of(site, PG_GETARG_TEXT_PP(PLACE), PG_GETARG_DATEADT(TODAY));
	question->verdict = question->menu->tariff.count == 0 ? "no price" : PG_ARGISNULL(STORAGE_CLASS) ? "no class" : NULL;
	if (question->verdict != NULL)
		return false;
	cls = PG_GETARG_TEXT_PP(STORAGE_CLASS);
	question->ask.cls = class_of(&question->menu->tariff, VARDATA_ANY(cls), VARSIZE_ANY_EXHDR(cls));
	if (question->ask.cls == UNKNOWN_CLASS)
	{
		question->verdict = "no class";
		return false;
	}
	question->ask.size_bytes = Min(PG_GETARG_INT64(SIZE_BYTES), CF_REPLAY_BYTES_MAX);
	question->ask.today = days_of(fcinfo, TODAY, 0);
	question->ask.begun_day = Min(days_of(fcinfo, BEGUN_ON, question->ask.today), question->ask.today);
	question->ask.entered_day = Min(days_of(fcinfo, ENTERED_ON, question->ask.begun_day), question->ask.today);
	question->ask.horizon_days = PG_GETARG_INT32(HORIZON);
	question->ask.thin = PG_ARGISNULL(BEGUN_ON) || PG_ARGISNULL(THIN) || PG_GETARG_BOOL(THIN);
	question->ask.bars = question->bars;
	question->ask.reads = cf_reads_unpack(PG_ARGISNULL(READS) ? NULL : PG_GETARG_BYTEA_P(READS), question->ask.size_bytes, question->ask.begun_day,
										  question->ask.today, days_of(fcinfo, LAST_READ_ON, CF_REPLAY_NO_DAY), &question->ask.read_count);
	question->ask.known = question->menu->others;
	set_bars(site, question, fcinfo);
	return true;
}

/* answer_of asks the kernel. */
static void
answer_of(Question *question, CfRecommendAnswer *answer)
{
	CfError		err;

	if (!cf_recommend(question->menu->recommender, &question->ask, answer, &err))
		cf_error_raise(&err);
}

/* day_of is a kernel's day as a date; a day that never comes is NULL. */
static Datum
day_of(int32 day, bool *isnull)
{
	*isnull = day == CF_REPLAY_NEVER;
	return DateADTGetDatum(day);
}

/* recommend_object(…) is the recommendation for one object: one row. */
Datum
cloudflux_recommend_object(PG_FUNCTION_ARGS)
{
	enum
	{
		VERDICT, TO_CLASS, STAY_COST, MOVE_COST, TOTAL_COST, SAVING, PAYBACK_DAYS, RECHECK_ON, CHEAPER_CLASS, CHEAPER_COST, CHEAPER_REASON, BLOCKED_BY, COLUMNS
	};
	Site	   *site = site_of(fcinfo);
	Question	question;
	CfRecommendAnswer answer;
	Datum		values[COLUMNS] = {0};
	bool		nulls[COLUMNS];

	if (site->result == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(site->context);

		if (get_call_result_type(fcinfo, NULL, &site->result) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "recommend_object() gives a row");
		site->result = BlessTupleDesc(site->result);
		MemoryContextSwitchTo(caller);
	}
	memset(nulls, true, sizeof(nulls));
	if (!pose(site, &question, fcinfo))
	{
		values[VERDICT] = CStringGetTextDatum(question.verdict);
		nulls[VERDICT] = false;
		PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(site->result, values, nulls)));
	}
	answer_of(&question, &answer);
	values[VERDICT] = CStringGetTextDatum(cf_recommend_verdict_name(answer.verdict));
	values[TO_CLASS] = CStringGetTextDatum(question.menu->tariff.classes[answer.cls].name);
	values[STAY_COST] = Float8GetDatum(answer.classes[question.ask.cls].total_usd);
	values[TOTAL_COST] = Float8GetDatum(answer.classes[answer.cls].total_usd);
	values[SAVING] = Float8GetDatum(answer.saving_usd);
	nulls[VERDICT] = nulls[TO_CLASS] = nulls[STAY_COST] = nulls[TOTAL_COST] = nulls[SAVING] = false;
	if (answer.cls != question.ask.cls)
	{
		const CfRecommendClass *to = &answer.classes[answer.cls];

		values[MOVE_COST] = Float8GetDatum(to->usd[CF_OUTLOOK_MOVE] + to->usd[CF_OUTLOOK_EARLY]);
		values[PAYBACK_DAYS] = Float8GetDatum(answer.payback_days);
		nulls[MOVE_COST] = false;
		nulls[PAYBACK_DAYS] = answer.payback_days < 0;
	}
	values[RECHECK_ON] = day_of(answer.recheck_day, &nulls[RECHECK_ON]);
	if (answer.cheaper != CF_TARIFF_NONE)
	{
		const CfRecommendClass *other = &answer.classes[answer.cheaper];

		values[CHEAPER_CLASS] = CStringGetTextDatum(question.menu->tariff.classes[answer.cheaper].name);
		values[CHEAPER_COST] = Float8GetDatum(other->total_usd);
		values[CHEAPER_REASON] = CStringGetTextDatum(cf_recommend_reason_name(other->reason, other->bar));
		nulls[CHEAPER_CLASS] = nulls[CHEAPER_COST] = nulls[CHEAPER_REASON] = false;
		if (question.barred_by[answer.cheaper] != NULL && other->reason == CF_RECOMMEND_BARRED)
		{
			values[BLOCKED_BY] = CStringGetTextDatum(question.barred_by[answer.cheaper]);
			nulls[BLOCKED_BY] = false;
		}
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(site->result, values, nulls)));
}

/* put_candidate writes one class of a menu. */
static void
put_candidate(ReturnSetInfo *rsinfo, const Question *question, const CfRecommendAnswer *answer, int cls)
{
	const CfRecommendClass *c = &answer->classes[cls];
	Datum		values[20];
	bool		nulls[20] = {false};
	int			at = 0;

	values[at++] = CStringGetTextDatum(question->menu->tariff.classes[cls].name);
	values[at++] = CStringGetTextDatum(cf_recommend_reason_name(c->reason, c->bar));
	nulls[at] = question->barred_by[cls] == NULL || c->reason != CF_RECOMMEND_BARRED;
	values[at] = nulls[at] ? (Datum) 0 : CStringGetTextDatum(question->barred_by[cls]);
	at++;
	for (int t = 0; t < CF_OUTLOOK_TERMS; t++)
		values[at++] = Float8GetDatum(c->usd[t]);
	values[at++] = Float8GetDatum(c->total_usd);
	values[at++] = Float8GetDatum(c->high_usd);
	nulls[at] = nulls[at + 1] = cls == question->ask.cls || c->bar != CF_RECOMMEND_FREE;
	values[at++] = Float8GetDatum(c->regret_usd);
	values[at++] = Float8GetDatum(c->needed_usd);
	values[at++] = Float8GetDatum(c->first_byte_s);
	values[at++] = CStringGetTextDatum(cf_recommend_verdict_name(answer->verdict));
	values[at++] = Float8GetDatum(answer->reads);
	values[at++] = Float8GetDatum(answer->unread);
	values[at] = day_of(answer->recheck_day, &nulls[at]);
	at++;
	values[at++] = Int64GetDatum((int64) answer->others_days);
	values[at] = Int64GetDatum((int64) answer->others_reads);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* recommend_candidates(…) are the classes that were compared for one object: a row each; none where recommend_object() has no answer. */
Datum
cloudflux_recommend_candidates(PG_FUNCTION_ARGS)
{
	Site	   *site = site_of(fcinfo);
	Question	question;
	CfRecommendAnswer answer;

	InitMaterializedSRF(fcinfo, 0);
	if (!pose(site, &question, fcinfo))
		return (Datum) 0;
	answer_of(&question, &answer);
	for (int c = 0; c < question.menu->tariff.count; c++)
		put_candidate((ReturnSetInfo *) fcinfo->resultinfo, &question, &answer, c);
	return (Datum) 0;
}
