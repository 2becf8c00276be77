/*
 * tiering_replay: a replay charges what the days cost, whatever the policy does and in whichever order it is fed; what makes no
 * sense is refused, and it can be stopped.
 */
#include "tap.h"
#include "tiering/roster.h"
#include "tiering_menus.h"
#include "tiering_worlds.h"

#define DAYS 90
#define OBJECTS 40

static CfArena arena;
static CfError err;

/* decide_anyhow decides by a hash of what it may see: moves, asks for odd days, at times for one that is gone. */
static int
decide_anyhow(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	uint64_t	x = ((uint64_t) view->object << 32 | (uint32_t) view->day) * 0x9E3779B97F4A7C15u + view->past_count;
	const int  *count = policy->options;
	int		   *asked = mine;

	(void) self;
	(*asked)++;
	x ^= x >> 29;
	*again = x % 5 == 0 ? CF_REPLAY_NEVER : view->day + (int32_t) (x / 8 % 40);
	if (view->cls != CF_TARIFF_NONE && x / 512 % 3 == 0)
		return view->cls;
	return (int) (x / 4096 % (uint64_t) *count);
}

/* Classes that were chosen, by object and day. */
static int	chosen[OBJECTS][DAYS + 1];

static void
note_choice(void *arg, const CfReplayPolicy *policy, uint32_t object, int32_t day, int cls)
{
	const CfReplayHistory *history = arg;
	const CfReplayObject *o = &history->objects[object];

	(void) policy;
	for (int32_t d = day; d <= o->last_day; d++)
		chosen[object][d - o->first_day] = cls;
}

/* random_history makes one of several objects. */
static CfReplayHistory
random_history(const CfTariffMenu *menu, CfReplayObject *objects, CfReplayAccess *reads)
{
	uint64_t	count = 0;

	for (int i = 0; i < OBJECTS; i++)
	{
		objects[i] = world_object(menu, 1 + (int32_t) world_random(DAYS), reads + count);
		objects[i].first_access = count;
		objects[i].group = (int32_t) world_random(3);
		count += objects[i].access_count;
	}
	return (CfReplayHistory) {objects, OBJECTS, reads, count, 3};
}

/* run replays or ends the test. */
static CfReplayResult
run(const CfTariffMenu *menu, const CfReplayHistory *history, const CfReplayPolicy *policy, CfReplayTold told)
{
	CfReplayOptions options = {.per_object = true,.told = told,.told_arg = (void *) history,.limit_s = 60};
	CfReplayResult result;

	if (!cf_replay_check(menu, history, &err) || !cf_replay_run(menu, history, policy, &options, &arena, &result, &err))
		bail("%s", err.message);
	return result;
}

/* charges compares what random policies are charged with the plain sum over days. */
static void
charges(void)
{
	static CfReplayObject objects[OBJECTS];
	static CfReplayAccess reads[OBJECTS * DAYS];
	int			wrong = 0,
				wrong_total = 0,
				wrong_order = 0;

	for (int i = 0; i < 200; i++)
	{
		CfTariffMenu menu = world_menu(20);
		CfReplayHistory history = random_history(&menu, objects, reads);
		CfReplayPolicy policy = {.name = "anyhow",.decide = decide_anyhow,.object_bytes = sizeof(int),.options = &menu.count};
		CfReplayResult by_object,
					by_day;
		double		sum = 0;

		for (int o = 0; o < OBJECTS; o++)
		{
			for (int d = 0; d <= DAYS; d++)
				chosen[o][d] = objects[o].start_class;
		}
		by_object = run(&menu, &history, &policy, note_choice);
		for (int o = 0; o < OBJECTS; o++)
		{
			double		usd = world_plan_usd(&menu, &objects[o], reads + objects[o].first_access, chosen[o]);

			sum += usd;
			wrong += fabs(usd - by_object.object_usd[o]) > 1e-9 * (1 + usd);
		}
		wrong_total += fabs(sum - cf_replay_total_usd(&menu, &by_object.total)) > 1e-9 * (1 + sum);
		policy.across = true;
		by_day = run(&menu, &history, &policy, NULL);
		wrong_order += memcmp(&by_object.total, &by_day.total, sizeof(by_day.total)) != 0 ||
			by_object.decisions != by_day.decisions ||
			memcmp(by_object.groups, by_day.groups, 3 * sizeof(CfReplayAccount)) != 0;
		cf_arena_reset(&arena);
	}
	is_int(wrong, 0, "each object is charged what its days, reads and moves cost: 200 random tariffs");
	is_int(wrong_total, 0, "integers times prices come to the same");
	is_int(wrong_order, 0, "object by object or day by day, all counts are the same");
}

/* Told to policies that learn across objects. */
typedef struct Diary
{
	int32_t		day;
	int			reads;
	int			gone;
	int			asked;
	bool		wrong;
} Diary;

static bool
begin_diary(const CfReplayPolicy *policy, const CfReplaySetting *setting, CfArena *memory, void **self, CfError *error)
{
	Diary	   *diary = cf_arena_zalloc(memory, sizeof(*diary));

	(void) policy;
	(void) error;
	diary->day = setting->first_day - 1;
	diary->wrong = setting->object_count != OBJECTS || setting->group_count != 3;
	*self = diary;
	return true;
}

static void
read_diary(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view)
{
	Diary	   *diary = self;

	(void) policy;
	(void) mine;
	diary->reads++;
	diary->wrong |= !view->read_today || view->day != diary->day + 1 || view->past[view->past_count - 1].day != view->day;
}

static void
gone_diary(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view)
{
	Diary	   *diary = self;

	(void) policy;
	(void) mine;
	diary->gone++;
	diary->wrong |= view->day != diary->day + 1;
}

static void
day_end_diary(const CfReplayPolicy *policy, void *self, int32_t day)
{
	Diary	   *diary = self;

	(void) policy;
	diary->wrong |= day != diary->day + 1;
	diary->day = day;
}

static int
decide_diary(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	Diary	   *diary = self;

	(void) mine;
	diary->asked++;
	diary->wrong |= view->day != diary->day;
	*again = view->day + 7;
	*(Diary *) policy->options = *diary;
	return view->cls == CF_TARIFF_NONE ? 0 : view->cls;
}

/* order shows in which order a policy that learns is told. */
static void
order(void)
{
	static CfReplayObject objects[OBJECTS];
	static CfReplayAccess reads[OBJECTS * DAYS];
	CfTariffMenu menu = world_menu(20);
	CfReplayHistory history = random_history(&menu, objects, reads);
	Diary		diary;
	CfReplayPolicy policy = {.name = "diary",.across = true,.options = &diary,.begin = begin_diary,.decide = decide_diary,
		.read = read_diary,.gone = gone_diary,.day_end = day_end_diary
	};
	CfReplayHistory none = {.group_count = 1};

	run(&menu, &history, &policy, NULL);
	ok(!diary.wrong, "a policy that learns hears of the days in order: reads, those that are gone, the end of the day, questions");
	ok(diary.asked > OBJECTS && diary.reads > 0, "it is asked at upload, after reads, and when it wanted to be");
	run(&menu, &none, &policy, NULL);
	is_int(run(&menu, &none, &policy, NULL).total.objects, 0, "a history of nothing costs nothing");
	cf_arena_reset(&arena);
}

/* one_object makes a history of one object of size bytes that lives for days and is read on some of them. */
static CfReplayHistory
one_object(CfReplayObject *object, int64_t size, int32_t days, const CfReplayAccess *reads, uint32_t count)
{
	*object = (CfReplayObject) {.size_bytes = size,.last_day = days - 1,.last_read_day = CF_REPLAY_NO_DAY,
		.start_class = CF_TARIFF_NONE,.access_count = count
	};
	return (CfReplayHistory) {object, 1, reads, count, 1};
}

/* named finds a policy of the roster. */
static CfReplayPolicy
named(const CfTariffMenu *menu, const char *name)
{
	CfReplayPolicy policies[CF_REPLAY_POLICIES];
	int			count = cf_replay_roster(menu, &arena, policies);

	for (int i = 0; i < count; i++)
	{
		if (strcmp(policies[i].name, name) == 0)
			return policies[i];
	}
	bail("no policy %s", name);
}

/* counted is what a policy counts of a term in a class and state. */
static long long
counted(const CfTariffMenu *menu, const CfReplayHistory *history, const char *name, int cls, int state, CfReplayTerm term)
{
	CfReplayPolicy policy = named(menu, name);

	return (long long) run(menu, history, &policy, NULL).total.counts[cls][state][term];
}

/* known_policies shows on one object what each rule does. */
static void
known_policies(void)
{
	const int64_t gb = INT64_C(1) << 30;
	const CfReplayAccess reads[] = {{10, 2, 2 * (INT64_C(1) << 30)}, {60, 1, INT64_C(1) << 30}};
	CfTariffMenu menu = menu_s3(false, false);
	CfTariffMenu deep = menu_s3(false, true);
	CfReplayObject object;
	CfReplayHistory history = one_object(&object, gb, 200, reads, 2);
	CfReplayPolicy policy = named(&menu, "last_read_30_90_back");
	CfReplayResult result;

	is_int(counted(&menu, &history, "stay", 0, 0, CF_REPLAY_STORAGE) / gb, 200, "stay: 200 GB-days in STANDARD");
	is_int(counted(&menu, &history, "age_30_90", 1, 0, CF_REPLAY_STORAGE) / gb, 60, "by age: 60 days in STANDARD_IA");
	is_int(counted(&menu, &history, "age_30_90", 1, 0, CF_REPLAY_RETRIEVAL) / gb, 1, "… where the read of day 60 pays retrieval");
	is_int(counted(&menu, &history, "last_read_30_90", 1, 0, CF_REPLAY_STORAGE) / gb, 110,
		   "by last read: from day 40 on in STANDARD_IA, until day 150, 90 days after the last read");
	result = run(&menu, &history, &policy, NULL);
	is_int(result.total.counts[1][0][CF_REPLAY_MOVED] / gb, 1, "… and back on the read of day 60: retrieved once more");
	is_int(result.total.early_deletions, 1, "… before its 30 days are full");
	is_int(result.total.counts[1][0][CF_REPLAY_EARLY] / gb, 9, "… which costs the nine that are missing");
	is_int(result.total.moves, 4, "… four moves in all");
	is_int(counted(&menu, &history, "automatic", 3, 1, CF_REPLAY_STORAGE) / gb, 21 + 60, "Intelligent-Tiering: infrequent after 30 days");
	is_int(counted(&menu, &history, "automatic", 3, 2, CF_REPLAY_STORAGE) / gb, 50, "… archive instant after 90");
	is_int(counted(&menu, &history, "automatic", 3, 0, CF_REPLAY_MONITORING), 30 + 10 + 30 - 1, "… monitored in every state");
	is_int(counted(&deep, &history, "automatic_archive", 5, 2, CF_REPLAY_STORAGE) / (gb + 32768), 50,
		   "… or archive access, with 32 KiB of index, where that was chosen");
	object.size_bytes = 131071;
	is_int(counted(&menu, &history, "automatic", 3, 0, CF_REPLAY_STORAGE) / 131071, 200, "smaller objects stay frequent");
	is_int(counted(&menu, &history, "automatic", 3, 0, CF_REPLAY_MONITORING), 0, "… and unmonitored");
	is_int(counted(&menu, &history, "age_30_90", 1, 0, CF_REPLAY_STORAGE) / 131072, 60, "… and are billed as 128 KiB elsewhere");
	menu.warm = menu.cold = menu.automatic = CF_TARIFF_NONE;
	menu.count = 1;
	{
		CfReplayPolicy policies[CF_REPLAY_POLICIES];

		is_int(cf_replay_roster(&menu, &arena, policies), 2, "where there is but one class, what remains is to stay, and hindsight");
	}
	is_str(cf_replay_term_name(CF_REPLAY_EARLY), "early deletion", "terms have names");
	cf_arena_reset(&arena);
}

/* slow_reads shows that reads which meet a slow class are counted, and what they cost. */
static void
slow_reads(void)
{
	const int64_t gb = INT64_C(1) << 30;
	const CfReplayAccess reads[] = {{10, 2, 5}, {20, 3, 5}};
	CfTariffMenu menu = menu_s3(false, true);
	CfReplayObject object;
	CfReplayHistory history = one_object(&object, gb, 30, reads, 2);
	CfReplayPolicy policy = named(&menu, "stay");
	CfReplayResult result;

	object.start_class = (int16_t) cf_tariff_class(&menu, "DEEP_ARCHIVE");
	result = run(&menu, &history, &policy, NULL);
	is_int(result.total.slow_reads, 5, "reads that meet a class slower than the limit are counted");
	is_int(result.total.counts[6][0][CF_REPLAY_RESTORES], 2, "a day of reads in an archive class takes one restore");
	is_int(result.total.counts[6][0][CF_REPLAY_RETRIEVAL] / gb, 2, "… of the whole object");
	is_int(result.total.counts[6][0][CF_REPLAY_STANDARD], 30 * 8192, "… and 8 KiB of index are billed as STANDARD");
	cf_arena_reset(&arena);
}

/* tier_rules shows the thresholds of tier_rules at work: windows that close by themselves. */
static void
tier_rules(void)
{
	const CfReplayAccess reads[] = {{10, 2, 2}, {11, 1, 1}};
	CfTariffMenu menu = menu_s3(false, false);
	CfTierRule	rules[2];
	const int	cls[2] = {0, 2};
	const CfRosterRules options = {.rules = rules,.cls = cls,.count = 2,.start = 1};
	CfReplayPolicy policy = cf_roster_rules("tier_rules", "as classify() would", &options);
	CfReplayObject object;
	CfReplayHistory history = one_object(&object, 1000, 150, reads, 2);
	CfReplayResult result;

	cf_tiering_rule_init(&rules[0]);
	cf_tiering_rule_init(&rules[1]);
	rules[0].min_reads_30d = 3;
	rules[1].max_reads_90d = 0;
	result = run(&menu, &history, &policy, NULL);
	is_int(result.total.counts[2][0][CF_REPLAY_STORAGE] / 131072, 12 + 150 - 102, "cold before the first read, and 90 days after");
	is_int(result.total.counts[0][0][CF_REPLAY_STORAGE] / 1000, 102 - 12, "hot from the third read on, until a rule says otherwise");
	is_int(result.total.moves, 2, "no other move");
	cf_arena_reset(&arena);
}

/* known_reads shows that reads before an object's first day are known to a policy and cost nothing. */
static void
known_reads(void)
{
	const CfReplayAccess reads[] = {{-40, 5, 5}, {-20, 2, 2}, {-3, 1, 1}, {5, 1, 1}};
	const CfReplayPolicy hindsight = {.name = "hindsight",.hindsight = true};
	CfTariffMenu menu = menu_s3(false, false);
	CfTierRule	rules[2];
	const int	cls[2] = {0, 2};
	const CfRosterRules options = {.rules = rules,.cls = cls,.count = 2};
	CfReplayPolicy policy = cf_roster_rules("tier_rules", "as classify() would", &options);
	CfReplayObject object;
	CfReplayHistory history = one_object(&object, 1000000, 60, reads, 4);
	CfReplayResult known,
				unknown;

	object.created_day = object.entered_day = -50;
	object.start_class = 2;
	object.last_read_day = -3;
	cf_tiering_rule_init(&rules[0]);
	cf_tiering_rule_init(&rules[1]);
	rules[0].min_reads_30d = 3;
	rules[1].max_reads_30d = 2;
	known = run(&menu, &history, &policy, NULL);
	is_int(known.total.counts[0][0][CF_REPLAY_STORAGE] / 1000000, 11,
		   "reads of before count in a rule's window: hot from the first day to the one on which two of them are 30 days old");
	is_int(known.total.reads, 1, "… and are not charged");
	policy.across = true;
	unknown = run(&menu, &history, &policy, NULL);
	is_int(memcmp(&unknown.total, &known.total, sizeof(known.total)), 0, "… nor are they day by day");
	known = run(&menu, &history, &hindsight, NULL);
	object.first_access = 3;
	object.access_count = 1;
	unknown = run(&menu, &history, &hindsight, NULL);
	is_int(memcmp(&unknown.total, &known.total, sizeof(known.total)), 0, "hindsight looks at the last of them only");
	object.first_access = 0;
	object.access_count = 4;
	object.last_read_day = -4;
	ok(!cf_replay_check(&menu, &history, &err), "known reads that contradict the last one are refused");
	cf_arena_reset(&arena);
}

/* orders_of_users shows rules that ask for marks, for the class in which an object lies and for a verdict. */
static void
orders_of_users(void)
{
	const CfReplayAccess reads[] = {{10, 1, 1}};
	CfTariffMenu menu = menu_s3(false, false);
	CfTierRule	rules[2],
				judge;
	const int	cls[2] = {1, 2};
	const int	verdict = 2;
	CfRosterScope scopes[2] = {{1, 1u << 0, 7}, {2, 1u << 1, 7}};
	CfRosterRules options = {.rules = rules,.cls = cls,.count = 2,.tomorrow = true,.scopes = scopes,.judges = &judge,
		.verdicts = &verdict,.judge_count = 1,.otherwise = 1
	};
	CfReplayPolicy policy = cf_roster_rules("orders", "what a user ordered", &options);
	CfReplayObject object;
	CfReplayHistory history = one_object(&object, 1000000, 200, reads, 1);
	CfReplayResult result;

	for (int i = 0; i < 2; i++)
	{
		cf_tiering_rule_init(&rules[i]);
		rules[i].asks_address = true;
		rules[i].min_idle_days = 30;
	}
	cf_tiering_rule_init(&judge);
	judge.max_reads_90d = 0;
	object.marks = 3;
	result = run(&menu, &history, &policy, NULL);
	is_int(result.total.counts[0][0][CF_REPLAY_STORAGE] / 1000000, 40, "an order that asks for idle days moves an object when they are full");
	is_int(result.total.counts[1][0][CF_REPLAY_STORAGE] / 1000000, 1, "… and the order for where it lies then, the day after");
	object.marks = 1;
	is_int(run(&menu, &history, &policy, NULL).total.moves, 1, "an object that an order is not about stays where it is");
	scopes[0].verdicts = 4;
	result = run(&menu, &history, &policy, NULL);
	is_int(result.total.counts[0][0][CF_REPLAY_STORAGE] / 1000000, 101, "an order may wait for a verdict of the judges");
	options.scopes = NULL;
	is_int(run(&menu, &history, &policy, NULL).total.moves, 0, "without scopes a rule that asks for an address matches nothing");
	cf_arena_reset(&arena);
}

/* refused tells whether a history is refused with a message that has words in it. */
static void
refused(const CfTariffMenu *menu, const CfReplayHistory *history, const char *words)
{
	bool		done = cf_replay_check(menu, history, &err);

	ok(!done && err.kind == CF_ERR_INPUT && strstr(err.message, words) != NULL, "refused: %s", done ? words : err.message);
}

/* bad_input shows what is refused. */
static void
bad_input(void)
{
	CfReplayAccess reads[] = {{3, 1, 5}, {4, 1, 5}};
	CfTariffMenu menu = menu_s3(false, false);
	CfReplayObject object;
	CfReplayHistory history = one_object(&object, 1000, 10, reads, 2);

	ok(cf_replay_check(&menu, &history, &err), "a good history is accepted");
	object.size_bytes = -1;
	refused(&menu, &history, "size of object 0");
	object.size_bytes = 1;
	object.first_day = 11;
	refused(&menu, &history, "days of object 0");
	object.first_day = 0;
	object.start_class = 9;
	refused(&menu, &history, "storage class or group");
	object.start_class = 0;
	object.entered_day = 1;
	refused(&menu, &history, "entered its storage class");
	object.entered_day = 0;
	object.first_access = 1;
	refused(&menu, &history, "not in the history");
	object.first_access = 0;
	reads[1].day = 3;
	refused(&menu, &history, "out of order");
	reads[0].day = -1;
	refused(&menu, &history, "outside its life");
	reads[0].day = 3;
	reads[1].day = 10;
	refused(&menu, &history, "outside its life");
	reads[1] = (CfReplayAccess) {4, 0, 5};
	refused(&menu, &history, "out of range");
	reads[1] = (CfReplayAccess) {4, 1, -5};
	refused(&menu, &history, "out of range");
	reads[1].bytes = 5;
	history.group_count = 0;
	refused(&menu, &history, "at least one group");
	history.group_count = 1;
	menu.classes[1].put_usd = NAN;
	refused(&menu, &history, "unknown or negative price");
	menu = menu_s3(false, false);
	menu.classes[3].states[1].storage_usd = -1;
	refused(&menu, &history, "unknown or negative price");
	menu.classes[3].states[1] = menu.classes[3].states[0];
	refused(&menu, &history, "out of order");
	menu.classes[3].state_count = 0;
	refused(&menu, &history, "no states");
	menu = menu_s3(false, false);
	menu.classes[3].min_days = 5;
	refused(&menu, &history, "tiers by itself");
	menu.classes[3].min_days = 0;
	menu.classes[2].lifecycle_from = 1 << 7;
	refused(&menu, &history, "make no sense");
	menu = menu_s3(false, false);
	menu.cold = 7;
	refused(&menu, &history, "names a storage class");
	menu.cold = 1;
	menu.hot = CF_TARIFF_NONE;
	refused(&menu, &history, "no hot storage class");
	menu.standard_usd = -1;
	refused(&menu, &history, "restored copies");
	menu.count = 0;
	refused(&menu, &history, "storage classes");
	is_int(cf_tariff_class(&menu, "nowhere"), CF_TARIFF_NONE, "a class that is not in the menu is not found");
}

static int
decide_nonsense(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	(void) policy;
	(void) self;
	(void) mine;
	(void) view;
	(void) again;
	return 99;
}

static bool
fail_begin(const CfReplayPolicy *policy, const CfReplaySetting *setting, CfArena *memory, void **self, CfError *error)
{
	(void) setting;
	(void) memory;
	(void) self;
	return cf_error_set(error, CF_ERR_STATE, "%s cannot begin", policy->name);
}

static bool
wanted(void *ctx)
{
	(void) ctx;
	return true;
}

/* limited gives no memory after some blocks. */
static void *
limited_alloc(void *ctx, size_t size)
{
	return (*(int *) ctx)-- > 0 ? malloc(size) : NULL;
}

static void
limited_free(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

/* failures shows that a replay ends cleanly when it has to. */
static void
failures(void)
{
	static CfReplayObject objects[OBJECTS];
	static CfReplayAccess reads[OBJECTS * DAYS];
	CfTariffMenu menu = menu_s3(false, false);
	CfReplayHistory history = random_history(&menu, objects, reads);
	CfReplayPolicy nonsense = {.name = "nonsense",.decide = decide_nonsense};
	CfReplayPolicy policies[] = {named(&menu, "stay"), {.name = "hindsight",.hindsight = true}, named(&menu, "age_30_90")};
	const CfInterrupt interrupt = {wanted, NULL};
	CfReplayOptions options = {.per_object = true};
	CfReplayResult result;
	CfReplayHistory many = history;
	CfReplayObject *copies = calloc(40000, sizeof(*copies));

	ok(!cf_replay_run(&menu, &history, &nonsense, &options, &arena, &result, &err) && err.kind == CF_ERR_STATE,
	   "a policy that names no class is stopped: %s", err.message);
	nonsense.across = true;
	ok(!cf_replay_run(&menu, &history, &nonsense, &options, &arena, &result, &err) && err.kind == CF_ERR_STATE,
	   "… day by day too");
	nonsense.begin = fail_begin;
	ok(!cf_replay_run(&menu, &history, &nonsense, &options, &arena, &result, &err) &&
	   strcmp(err.message, "nonsense cannot begin") == 0, "a policy may refuse to begin");
	for (int i = 0; i < 40000; i++)
		copies[i] = objects[i % OBJECTS];
	many.objects = copies;
	many.object_count = 40000;
	options.interrupt = &interrupt;
	policies[2].across = true;
	for (int i = 0; i < 3; i++)
		ok(!cf_replay_run(&menu, &many, &policies[i], &options, &arena, &result, &err) && err.kind == CF_ERR_CANCELLED,
		   "%s can be cancelled", policies[i].name);
	options.interrupt = NULL;
	for (int i = 0; i < 3; i++)
	{
		int			blocks = 0,
					left;
		bool		done = false;

		while (!done && blocks < 100)
		{
			CfAllocator limited = {limited_alloc, limited_free, &left};
			CfArena		small;

			left = blocks++;
			cf_arena_init(&small, &limited, 64, 0);
			done = cf_replay_run(&menu, &history, &policies[i], &options, &small, &result, &err);
			if (!done && err.kind != CF_ERR_MEMORY)
				bail("%s", err.message);
			cf_arena_free(&small);
		}
		ok(done && blocks > 1, "%s: memory that is short is an error, wherever it is", policies[i].name);
	}
	{
		int			left = 0;
		CfAllocator limited = {limited_alloc, limited_free, &left};
		CfReplayPolicy roster[CF_REPLAY_POLICIES];
		CfArena		small;

		cf_arena_init(&small, &limited, 64, 0);
		is_int(cf_replay_roster(&menu, &small, roster), -1, "so it is when the roster is made");
		cf_arena_free(&small);
	}
	free(copies);
	cf_arena_reset(&arena);
}

int
main(void)
{
	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	charges();
	order();
	known_policies();
	slow_reads();
	tier_rules();
	known_reads();
	orders_of_users();
	bad_input();
	failures();
	is_dbl(cf_tariff_idle_usd(&(CfTariffMenu) {.count = 1,.classes = {{.state_count = 2,.states = {{.storage_usd = 3},
				{.idle_days = 5,.storage_usd = 1}}}}}, 0, 10, 2, 6), 3 * 30 + 3 * 10, 1e-9, "days go through the states of a class");
	cf_arena_free(&arena);
	return done_testing();
}
