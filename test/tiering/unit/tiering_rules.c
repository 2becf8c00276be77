/*
 * tiering_rules: the first rule that matches decides, time is foreseen, figures are put into words.
 */
#include "tap.h"
#include "tiering/rules.h"

enum
{
	TODAY = 9000
};

static CfTierFacts
object(void)
{
	CfTierFacts facts = {.reads_30d = 5, .reads_90d = 20, .age_days = 100, .idle_days = 10, .size_bytes = 1000,
		.latency_ms = 12.25, .evidence_days = 90, .first_read_30d = CF_TIERING_NO_DAY,
		.first_read_90d = CF_TIERING_NO_DAY, .first_latency_30d = CF_TIERING_NO_DAY,
	.last_day = CF_TIERING_NO_DAY, .next_day = CF_TIERING_NO_DAY};

	return facts;
}

static CfTierRule
any(void)
{
	CfTierRule	rule;

	cf_tiering_rule_init(&rule);
	return rule;
}

static bool
address_of(void *arg, int no)
{
	*(int *) arg = no;
	return no == 1;
}

/* meets tells whether the object meets one rule. */
static bool
meets(CfTierRule rule, CfTierFacts facts)
{
	int			asked = -1;

	return cf_tiering_judge(&rule, 1, &facts, address_of, &asked) == 0;
}

/* bounds tries a figure at, below and above both bounds of a condition. */
#define bounds(min_field, max_field, figure, title) \
	do { \
		CfTierRule	within = any(); \
		CfTierFacts it = object(); \
		within.min_field = 40; \
		within.max_field = 50; \
		it.figure = 40; \
		ok(meets(within, it), title ": the lower bound is inside"); \
		it.figure = 50; \
		ok(meets(within, it), title ": the upper bound is inside"); \
		it.figure = 39; \
		ok(!meets(within, it), title ": less is outside"); \
		it.figure = 51; \
		ok(!meets(within, it), title ": more is outside"); \
	} while (0)

static void
test_conditions(void)
{
	CfTierRule	rule = any();
	CfTierFacts facts = object();

	bounds(min_reads_30d, max_reads_30d, reads_30d, "reads in 30 days");
	bounds(min_reads_90d, max_reads_90d, reads_90d, "reads in 90 days");
	bounds(min_age_days, max_age_days, age_days, "age");
	bounds(min_idle_days, max_idle_days, idle_days, "days since access");
	bounds(min_evidence_days, max_evidence_days, evidence_days, "evidence");

	facts.idle_days = CF_TIERING_NEVER;
	rule.min_idle_days = 100000;
	ok(meets(rule, facts), "never accessed is longer than any number of days");
	rule = any();
	rule.max_idle_days = 100000;
	ok(!meets(rule, facts), "never accessed is not at most some days");

	rule = any();
	rule.asks_size = true;
	rule.min_size_bytes = 1000;
	ok(meets(rule, facts), "the size is compared when asked for");
	rule.max_size_bytes = 999;
	ok(!meets(rule, facts), "a size above the bound is outside");
	facts.size_bytes = -1;
	rule = any();
	ok(meets(rule, facts), "an unknown size meets a rule that does not ask");
	rule.asks_size = true;
	ok(!meets(rule, facts), "an unknown size meets no rule that asks");

	rule = any();
	rule.asks_latency = true;
	rule.min_latency_ms = 12;
	ok(meets(rule, facts), "the latency is compared when asked for");
	rule.max_latency_ms = 12.2;
	ok(!meets(rule, facts), "a latency above the bound is outside");
	facts.latency_ms = -1;
	rule.max_latency_ms = 1e9;
	ok(!meets(rule, facts), "an unknown latency meets no rule that asks");
}

static void
test_order(void)
{
	CfTierRule	rules[3] = {any(), any(), any()};
	CfTierFacts facts = object();
	int			asked = -1;

	is_int(cf_tiering_judge(rules, 3, &facts, address_of, &asked), 0, "the first rule that matches decides");
	is_int(asked, -1, "no address is looked at unless a rule asks");
	rules[0].asks_address = rules[1].asks_address = true;
	is_int(cf_tiering_judge(rules, 3, &facts, address_of, &asked), 1, "a rule whose address does not match is passed over");
	rules[1].min_reads_30d = 1000;
	is_int(cf_tiering_judge(rules, 3, &facts, address_of, &asked), 2, "the next that matches decides");
	is_int(cf_tiering_judge(rules, 1, &facts, address_of, &asked), -1, "no rule may match");
	is_int(cf_tiering_judge(rules, 0, &facts, address_of, &asked), -1, "there may be no rule");
}

static void
test_recheck(void)
{
	CfTierRule	rule = any();
	CfTierFacts facts = object();

	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), CF_TIERING_NO_DAY, "a rule without thresholds never changes by time");
	rule.min_age_days = 130;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), TODAY + 30, "the day on which it is old enough");
	rule.max_age_days = 100;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), TODAY + 1, "the day after the last on which it is young enough");
	rule.max_age_days = 99;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), TODAY + 30, "a threshold that lies behind does not come again");
	rule = any();
	rule.min_idle_days = 90;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), TODAY + 80, "the day on which it is idle long enough");
	facts.idle_days = CF_TIERING_NEVER;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), CF_TIERING_NO_DAY, "never accessed grows no longer");

	rule = any();
	facts.first_read_30d = TODAY - 29;
	facts.first_read_90d = TODAY - 80;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), CF_TIERING_NO_DAY, "reads that no rule counts may leave");
	rule.min_reads_30d = 5;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), TODAY + 1, "enough reads: the day on which one leaves the window");
	rule.min_reads_30d = 6;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), CF_TIERING_NO_DAY, "too few reads become no more by time");
	rule = any();
	rule.max_reads_90d = 0;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), TODAY + 10, "too many reads: the day on which one leaves the window");
	rule = any();
	facts.first_latency_30d = TODAY - 5;
	rule.asks_latency = true;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), TODAY + 25, "latencies leave the window");
	facts.last_day = TODAY - 89;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), TODAY + 1, "the last access leaves the window");
	facts.next_day = TODAY;
	is_int(cf_tiering_recheck(&rule, 1, &facts, TODAY), TODAY, "an access that is still to come");
}

static const char *
why(CfTierFacts facts, const char *asks)
{
	static char text[CF_TIERING_WHY];

	size_t		length = cf_tiering_why(&facts, asks, text);

	ok(length == strlen(text), "its length is told");
	return text;
}

static void
test_words(void)
{
	CfTierFacts facts = object();

	is_str(why(facts, "ei39asl"), "access evidence for 90 of 90 days, no access for 10 days, 5 reads in 30 days, 20 reads in 90 days, "
		   "100 days old, 1000 bytes, 12.3 ms on average", "all figures, in words");
	facts = (CfTierFacts) {.reads_30d = 1, .reads_90d = 1, .age_days = 1, .idle_days = 1, .size_bytes = -1, .latency_ms = -1};
	is_str(why(facts, "ei39asl"), "no access evidence, no access for 1 day, 1 read in 30 days, 1 read in 90 days, 1 day old", "one of each");
	facts.idle_days = 0;
	is_str(why(facts, "i"), "accessed today", "today");
	facts.idle_days = CF_TIERING_NEVER;
	is_str(why(facts, "i"), "no access on record", "never");
	is_str(why(facts, ""), "", "nothing asked, nothing told");
	facts = (CfTierFacts) {INT64_MIN, INT64_MIN, INT32_MIN, INT32_MIN, INT64_MAX, 1.7e308, INT32_MIN, 0, 0, 0, 0, 0};
	ok(strlen(why(facts, "ei39asl")) < CF_TIERING_WHY, "the longest figures fit");
}

int
main(void)
{
	test_conditions();
	test_order();
	test_recheck();
	test_words();
	return done_testing();
}
