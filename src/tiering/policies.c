/*
 * policies.c
 *		The policies that people have today: stay, rules by age, rules by last read, a class that tiers by itself, tier rules.
 *
 * None of them knows a price. They are what cloudflux is measured against, so they are replayed as their vendors run them: a
 * lifecycle rule acts at the end of the day on which its days are full, and never moves an object back up; a rule by last read
 * may (Azure's "auto-tier to hot"). An object without a read counts from its upload.
 */
#include <string.h>

#include "tiering/roster.h"

/* step_of is the step that a class belongs to, -1 = before the first. */
static int
step_of(const CfRosterSteps *steps, int cls)
{
	for (int i = steps->count - 1; i >= 0; i--)
	{
		if (steps->cls[i] == cls)
			return i;
	}
	return -1;
}

/* decide_steps moves an object down when its days are full, and up on a read where the rule says so. */
static int
decide_steps(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	const CfRosterSteps *steps = policy->options;
	int			cls = view->cls == CF_TARIFF_NONE ? steps->start : view->cls;
	int32_t		since = view->created_day;
	int			at = step_of(steps, cls);
	int			next = 0;

	(void) self;
	(void) mine;
	if (steps->since_read && view->last_read_day != CF_REPLAY_NO_DAY && view->last_read_day > since)
		since = view->last_read_day;
	if (view->read_today && steps->since_read && steps->back != CF_TARIFF_NONE && at >= 0)
	{
		cls = steps->back;
		at = -1;
	}
	while (next < steps->count && view->day + 1 - since >= steps->days[next])
		next++;
	if (next - 1 > at)
		cls = steps->cls[next - 1];
	if (next < steps->count)
		*again = since + steps->days[next] - 1;
	return cls;
}

CfReplayPolicy
cf_roster_steps(const char *name, const char *about, const CfRosterSteps *steps)
{
	return (CfReplayPolicy) {.name = name,.about = about,.options = steps,.decide = decide_steps,
		.deaf = !steps->since_read
	};
}

/* The days that a rule still has to look back at. */
typedef struct Windows
{
	uint32_t	first_30;		/* accesses before it are out of the window */
	uint32_t	first_90;
	int64_t		reads_30;
	int64_t		reads_90;
	uint32_t	seen;
} Windows;

/* shift brings the windows up to a day. */
static void
shift(Windows *windows, const CfReplayView *view)
{
	for (; windows->seen < view->past_count; windows->seen++)
	{
		windows->reads_30 += view->past[windows->seen].reads;
		windows->reads_90 += view->past[windows->seen].reads;
	}
	for (; windows->first_30 < windows->seen && view->past[windows->first_30].day <= view->day - 30; windows->first_30++)
		windows->reads_30 -= view->past[windows->first_30].reads;
	for (; windows->first_90 < windows->seen && view->past[windows->first_90].day <= view->day - 90; windows->first_90++)
		windows->reads_90 -= view->past[windows->first_90].reads;
}

/* facts_of fills the figures of an object: of the day that ends, or, ahead by one, of the next as it begins. */
static void
facts_of(const Windows *windows, const CfReplayView *view, int32_t ahead, CfTierFacts *facts)
{
	int32_t		accessed = view->last_read_day;

	if (ahead > 0 && (accessed == CF_REPLAY_NO_DAY || accessed < view->created_day))
		accessed = view->created_day;
	memset(facts, 0, sizeof(*facts));
	facts->reads_30d = windows->reads_30;
	facts->reads_90d = windows->reads_90;
	facts->age_days = view->day + ahead - view->created_day;
	facts->idle_days = accessed == CF_REPLAY_NO_DAY ? CF_TIERING_NEVER : view->day + ahead - accessed;
	facts->size_bytes = view->size_bytes;
	facts->latency_ms = -1;
	facts->evidence_days = 90;
	facts->first_read_30d = windows->first_30 < windows->seen ? view->past[windows->first_30].day + ahead : CF_TIERING_NO_DAY;
	facts->first_read_90d = windows->first_90 < windows->seen ? view->past[windows->first_90].day + ahead : CF_TIERING_NO_DAY;
	facts->first_latency_30d = CF_TIERING_NO_DAY;
	facts->last_day = view->last_read_day == CF_REPLAY_NO_DAY || view->day - view->last_read_day >= 90 ?
		CF_TIERING_NO_DAY : view->last_read_day + ahead;
	facts->next_day = CF_TIERING_NO_DAY;
}

/* What in_scope needs to know of an object. */
typedef struct Candidate
{
	const CfRosterRules *rules;
	const CfReplayView *view;
	int			verdict;
} Candidate;

/* in_scope tells whether a rule applies to an object at all. */
static bool
in_scope(void *arg, int no)
{
	const Candidate *candidate = arg;
	const CfRosterRules *rules = candidate->rules;
	const CfRosterScope *scope = rules->scopes == NULL ? NULL : &rules->scopes[no];
	int			cls = candidate->view->cls == CF_TARIFF_NONE ? rules->start : candidate->view->cls;

	return scope != NULL && (scope->marks & ~candidate->view->marks) == 0 && (scope->classes >> cls & 1) != 0 &&
		(scope->verdicts >> candidate->verdict & 1) != 0;
}

/* nowhere is in_scope of a judge: none asks for an address. */
static bool
nowhere(void *arg, int no)
{
	(void) arg;
	(void) no;
	return false;
}

/* verdict_of is what the judges say of an object; *again is when that may change. */
static int
verdict_of(const CfRosterRules *rules, const Windows *windows, const CfReplayView *view, int32_t *again)
{
	CfTierFacts facts;
	int			judge;

	if (rules->judge_count == 0)
		return rules->otherwise;
	facts_of(windows, view, 0, &facts);
	judge = cf_tiering_judge(rules->judges, rules->judge_count, &facts, nowhere, NULL);
	*again = cf_tiering_recheck(rules->judges, rules->judge_count, &facts, view->day);
	return judge < 0 ? rules->otherwise : rules->verdicts[judge];
}

/* decide_rules judges an object as classify() does and takes the class that the verdict stands for. */
static int
decide_rules(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	const CfRosterRules *rules = policy->options;
	const int32_t ahead = rules->tomorrow ? 1 : 0;
	Windows    *windows = mine;
	Candidate	candidate = {rules, view, 0};
	CfTierFacts facts;
	int32_t		recheck;
	int			rule;

	(void) self;
	shift(windows, view);
	if (rules->tomorrow && view->cls == CF_TARIFF_NONE)
	{
		*again = view->day + 1;
		return rules->start;
	}
	facts_of(windows, view, ahead, &facts);
	candidate.verdict = verdict_of(rules, windows, view, again);
	rule = cf_tiering_judge(rules->rules, rules->count, &facts, in_scope, &candidate);
	recheck = cf_tiering_recheck(rules->rules, rules->count, &facts, view->day + ahead);
	if (recheck != CF_TIERING_NO_DAY && recheck - ahead < *again)
		*again = recheck - ahead;
	if (rule < 0)
		return view->cls == CF_TARIFF_NONE ? rules->start : view->cls;
	/* Where it lies then, another rule may apply. */
	if (rules->scopes != NULL && rules->cls[rule] != view->cls)
		*again = view->day + 1;
	return rules->cls[rule];
}

CfReplayPolicy
cf_roster_rules(const char *name, const char *about, const CfRosterRules *rules)
{
	return (CfReplayPolicy) {.name = name,.about = about,.options = rules,.decide = decide_rules,
		.object_bytes = sizeof(Windows)
	};
}

/* decide_stay stays where the object is; an upload goes to the class that options names. */
static int
decide_stay(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	(void) self;
	(void) mine;
	(void) again;
	return view->cls == CF_TARIFF_NONE ? *(const int *) policy->options : view->cls;
}

/* decide_enter brings every object into one class and leaves it there. */
static int
decide_enter(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	(void) self;
	(void) mine;
	(void) view;
	(void) again;
	return *(const int *) policy->options;
}

/* keep gives a policy its own copy of options; where memory is short the policy loses its decide(), which the roster sees. */
static void
keep(CfReplayPolicy *policy, CfArena *arena, const void *options, size_t bytes)
{
	void	   *copy = cf_arena_alloc(arena, bytes);

	if (copy != NULL)
		memcpy(copy, options, bytes);
	else
		policy->decide = NULL;
	policy->options = copy;
}

bool
cf_roster_make_stay(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy)
{
	*policy = (CfReplayPolicy) {.name = "stay",.about = "uploads are hot, and nothing ever moves",.decide = decide_stay,
		.deaf = true
	};
	keep(policy, arena, &menu->hot, sizeof(menu->hot));
	return true;
}

/* make_steps makes a policy of 30, 90 and, where the menu has a third colder class, 180 days. */
static bool
make_steps(const CfTariffMenu *menu, CfArena *arena, bool since_read, bool back, CfReplayPolicy *policy)
{
	const int	cls[CF_ROSTER_STEPS] = {menu->warm, menu->cold, menu->frozen};
	const int32_t days[CF_ROSTER_STEPS] = {30, 90, 180};
	CfRosterSteps steps = {.since_read = since_read,.back = back ? menu->hot : CF_TARIFF_NONE,.start = menu->hot};
	const char *names[3][2] = {{"age_30_90", "age_30_90_180"}, {"last_read_30_90", "last_read_30_90_180"},
	{"last_read_30_90_back", "last_read_30_90_180_back"}};
	const char *abouts[3] = {"ever colder by age", "ever colder by days since the last read, never back",
	"colder by days since the last read, back to hot on a read"};
	int			kind = !since_read ? 0 : back ? 2 : 1;

	for (int i = 0; i < CF_ROSTER_STEPS; i++)
	{
		if (cls[i] == CF_TARIFF_NONE)
			continue;
		steps.days[steps.count] = days[i];
		steps.cls[steps.count++] = cls[i];
	}
	if (steps.count == 0)
		return false;
	*policy = cf_roster_steps(names[kind][menu->frozen != CF_TARIFF_NONE], abouts[kind], &steps);
	keep(policy, arena, &steps, sizeof(steps));
	return true;
}

bool
cf_roster_make_age(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy)
{
	return make_steps(menu, arena, false, false, policy);
}

bool
cf_roster_make_read_back(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy)
{
	return make_steps(menu, arena, true, true, policy);
}

bool
cf_roster_make_read(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy)
{
	return make_steps(menu, arena, true, false, policy);
}

bool
cf_roster_make_automatic(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy)
{
	if (menu->automatic == CF_TARIFF_NONE)
		return false;
	*policy = (CfReplayPolicy) {.name = "automatic",.about = "all objects in the class that tiers by itself",
		.decide = decide_enter,.deaf = true
	};
	keep(policy, arena, &menu->automatic, sizeof(menu->automatic));
	return true;
}

bool
cf_roster_make_archive(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy)
{
	if (menu->automatic_archive == CF_TARIFF_NONE)
		return false;
	*policy = (CfReplayPolicy) {.name = "automatic_archive",
		.about = "all objects in the class that tiers by itself, with its optional archive tiers",
		.decide = decide_enter,.deaf = true
	};
	keep(policy, arena, &menu->automatic_archive, sizeof(menu->automatic_archive));
	return true;
}
