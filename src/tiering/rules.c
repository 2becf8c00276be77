/*
 * rules.c
 *		Judging one object by tier rules.
 *
 * A verdict is a function of the figures of one UTC day. Figures change by themselves only in known ways: age and
 * days since access grow by one a day, and an access leaves a window of n days n days after its day. So the first
 * day on which time alone may change a verdict follows from the thresholds, without simulating the days between.
 * It may be too early (the object is then judged once more, in vain), never too late.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tiering/rules.h"

/* cf_tiering_rule_init makes a rule that everything meets. */
void
cf_tiering_rule_init(CfTierRule *rule)
{
	memset(rule, 0, sizeof(*rule));
	rule->max_reads_30d = rule->max_reads_90d = rule->max_size_bytes = INT64_MAX;
	rule->min_age_days = rule->min_idle_days = INT32_MIN;
	rule->max_age_days = rule->max_idle_days = rule->max_evidence_days = INT32_MAX;
	rule->max_latency_ms = INFINITY;
}

/* figures_meet tells whether an object meets all conditions of a rule but that on its address. */
static bool
figures_meet(const CfTierRule *rule, const CfTierFacts *facts)
{
	return facts->reads_30d >= rule->min_reads_30d && facts->reads_30d <= rule->max_reads_30d &&
		facts->reads_90d >= rule->min_reads_90d && facts->reads_90d <= rule->max_reads_90d &&
		facts->age_days >= rule->min_age_days && facts->age_days <= rule->max_age_days &&
		facts->idle_days >= rule->min_idle_days && facts->idle_days <= rule->max_idle_days &&
		facts->evidence_days >= rule->min_evidence_days &&
		facts->evidence_days <= rule->max_evidence_days &&
		(!rule->asks_size || (facts->size_bytes >= 0 && facts->size_bytes >= rule->min_size_bytes &&
							  facts->size_bytes <= rule->max_size_bytes)) &&
		(!rule->asks_latency || (facts->latency_ms >= 0 && facts->latency_ms >= rule->min_latency_ms &&
								 facts->latency_ms <= rule->max_latency_ms));
}

int
cf_tiering_judge(const CfTierRule *rules, int count, const CfTierFacts *facts, CfTierAddress address_met,
				 void *arg)
{
	for (int i = 0; i < count; i++)
	{
		if (figures_meet(&rules[i], facts) && (!rules[i].asks_address || address_met(arg, i)))
			return i;
	}
	return -1;
}

/* earlier is the smaller of two days. */
static int32_t
earlier(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

/* crossing is the day on which a figure that grows by one a day comes to lie within [min, or beyond max]. */
static int32_t
crossing(int32_t figure, int32_t min, int32_t max, int32_t today)
{
	int32_t		day = CF_TIERING_NO_DAY;

	if (min > figure)
		day = today + (min - figure);
	if (max != INT32_MAX && max >= figure)
		day = earlier(day, today + (max - figure) + 1);
	return day;
}

/* leaving is the day on which an access of that day leaves a window of so many days. */
static int32_t
leaving(int32_t day, int32_t window)
{
	return day == CF_TIERING_NO_DAY ? day : day + window;
}

/* fewer_may_matter tells whether a rule may judge otherwise once there are fewer reads than now. */
static bool
fewer_may_matter(int64_t reads, int64_t min, int64_t max)
{
	return (min > 0 && reads >= min) || (max != INT64_MAX && reads > max);
}

int32_t
cf_tiering_recheck(const CfTierRule *rules, int count, const CfTierFacts *facts, int32_t today)
{
	int32_t		day = earlier(leaving(facts->last_day, 90), facts->next_day);

	for (int i = 0; i < count; i++)
	{
		const CfTierRule *rule = &rules[i];

		day = earlier(day, crossing(facts->age_days, rule->min_age_days, rule->max_age_days, today));
		if (facts->idle_days != CF_TIERING_NEVER)
			day = earlier(day, crossing(facts->idle_days, rule->min_idle_days, rule->max_idle_days, today));
		if (fewer_may_matter(facts->reads_30d, rule->min_reads_30d, rule->max_reads_30d))
			day = earlier(day, leaving(facts->first_read_30d, 30));
		if (fewer_may_matter(facts->reads_90d, rule->min_reads_90d, rule->max_reads_90d))
			day = earlier(day, leaving(facts->first_read_90d, 90));
		if (rule->asks_latency)
			day = earlier(day, leaving(facts->first_latency_30d, 30));
	}
	return day;
}

typedef struct Text
{
	char	   *out;
	size_t		length;
} Text;

/* add appends a figure, with a comma before it when it is not the first. */
static void
__attribute__((format(printf, 2, 3)))
add(Text *text, const char *format, ...)
{
	va_list		args;

	if (text->length > 0)
	{
		memcpy(text->out + text->length, ", ", 2);
		text->length += 2;
	}
	va_start(args, format);
	text->length += (size_t) vsnprintf(text->out + text->length, CF_TIERING_WHY - text->length, format, args);
	va_end(args);
}

static void
add_idle(Text *text, int32_t days)
{
	if (days == CF_TIERING_NEVER)
		add(text, "no access on record");
	else if (days <= 0)
		add(text, "accessed today");
	else
		add(text, "no access for %d day%s", days, days == 1 ? "" : "s");
}

static void
add_reads(Text *text, int64_t reads, int window)
{
	add(text, "%lld read%s in %d days", (long long) reads, reads == 1 ? "" : "s", window);
}

size_t
cf_tiering_why(const CfTierFacts *facts, const char *asks, char out[CF_TIERING_WHY])
{
	Text		text = {out, 0};

	out[0] = '\0';
	if (strchr(asks, 'e') != NULL && facts->evidence_days == 0)
		add(&text, "no access evidence");
	else if (strchr(asks, 'e') != NULL)
		add(&text, "access evidence for %d of 90 days", facts->evidence_days);
	if (strchr(asks, 'i') != NULL)
		add_idle(&text, facts->idle_days);
	if (strchr(asks, '3') != NULL)
		add_reads(&text, facts->reads_30d, 30);
	if (strchr(asks, '9') != NULL)
		add_reads(&text, facts->reads_90d, 90);
	if (strchr(asks, 'a') != NULL)
		add(&text, "%d day%s old", facts->age_days, facts->age_days == 1 ? "" : "s");
	if (strchr(asks, 's') != NULL && facts->size_bytes >= 0)
		add(&text, "%lld bytes", (long long) facts->size_bytes);
	/* Half a tenth is rounded up, as numeric does. */
	if (strchr(asks, 'l') != NULL && facts->latency_ms >= 0)
		add(&text, "%.1f ms on average", fabs(facts->latency_ms) < 1e15 ? round(facts->latency_ms * 10) / 10
			: facts->latency_ms);
	return text.length;
}
