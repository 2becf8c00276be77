/*
 * replay.c
 *		A history of reads, run again under one policy: object by object, and what it comes to.
 *
 * A policy that looks at one object at a time gets each object's whole life at once. Nothing is touched on days on which nothing
 * happens: the next event of an object is its next read, the day that the policy named, or its last day, whichever is first.
 */
#include <math.h>
#include <string.h>

#include "tiering/hindsight.h"
#include "tiering/replay_life.h"

#define LEARN_DAYS 4			/* what is known of a dataset is as of the last fourth day, later more rarely */
#define LEARN_ALL 65536			/* so many objects are learned from, of those behind them one in LEARN_EVERY */
#define LEARN_EVERY 16
#define KNOWN_DAYS 90			/* before the first day, of which a history has all reads */

static const char *const term_names[CF_REPLAY_TERMS] = {
	"storage", "standard overhead", "monitoring", "reads", "retrieval", "restores", "restored copies", "wakes",
	"transitions", "copies in", "copies out", "moved", "move restores", "entered", "early deletion"
};

const char *
cf_replay_term_name(CfReplayTerm term)
{
	return term_names[term];
}

double
cf_replay_unit_usd(const CfTariffMenu *menu, int cls, int state, CfReplayTerm term)
{
	const CfTariffClass *c = &menu->classes[cls];
	const CfTariffState *s = &c->states[state];
	const double usd[CF_REPLAY_TERMS] = {
		[CF_REPLAY_STORAGE] = s->storage_usd, [CF_REPLAY_STANDARD] = menu->standard_usd,
		[CF_REPLAY_MONITORING] = c->monitor_usd, [CF_REPLAY_READS] = s->get_usd,
		[CF_REPLAY_RETRIEVAL] = s->retrieval_usd, [CF_REPLAY_RESTORES] = s->restore_usd,
		[CF_REPLAY_RESTORED] = menu->standard_usd, [CF_REPLAY_WAKES] = s->wake_usd,
		[CF_REPLAY_TRANSITIONS] = c->transition_usd, [CF_REPLAY_COPIES_IN] = c->put_usd,
		[CF_REPLAY_COPIES_OUT] = s->get_usd, [CF_REPLAY_MOVED] = s->retrieval_usd,
		[CF_REPLAY_MOVE_RESTORES] = s->restore_usd, [CF_REPLAY_ENTERED] = c->enter_usd,
		[CF_REPLAY_EARLY] = c->early_usd
	};

	return usd[term];
}

double
cf_replay_term_usd(const CfTariffMenu *menu, const CfReplayAccount *account, CfReplayTerm term)
{
	double		usd = 0;

	for (int c = 0; c < menu->count; c++)
	{
		for (int s = 0; s < menu->classes[c].state_count; s++)
			usd += (double) account->counts[c][s][term] * cf_replay_unit_usd(menu, c, s, term);
	}
	return usd;
}

double
cf_replay_total_usd(const CfTariffMenu *menu, const CfReplayAccount *account)
{
	double		usd = 0;

	for (int term = 0; term < CF_REPLAY_TERMS; term++)
		usd += cf_replay_term_usd(menu, account, (CfReplayTerm) term);
	return usd;
}

/* day_ok tells whether a day is one that sums of days cannot overflow. */
static bool
day_ok(int32_t day)
{
	return day >= -CF_TARIFF_DAYS_MAX && day <= CF_TARIFF_DAYS_MAX;
}

/* check_object refuses an object whose days, size or place in the history make no sense. */
static bool
check_object(const CfTariffMenu *menu, const CfReplayHistory *history, uint32_t number, CfError *err)
{
	const CfReplayObject *object = &history->objects[number];

	if (object->size_bytes < 0 || object->size_bytes > CF_REPLAY_BYTES_MAX)
		return cf_error_set(err, CF_ERR_INPUT, "size of object %u is out of range: %lld bytes", number,
							(long long) object->size_bytes);
	if (!day_ok(object->created_day) || !day_ok(object->first_day) || !day_ok(object->last_day) ||
		object->created_day > object->first_day || object->first_day > object->last_day ||
		(object->last_read_day != CF_REPLAY_NO_DAY &&
		 (!day_ok(object->last_read_day) || object->last_read_day >= object->first_day)))
		return cf_error_set(err, CF_ERR_INPUT, "days of object %u are out of order", number);
	if (object->start_class < CF_TARIFF_NONE || object->start_class >= menu->count || object->group < 0 ||
		object->group >= history->group_count)
		return cf_error_set(err, CF_ERR_INPUT, "object %u has a storage class or group that is not there", number);
	if (object->start_class != CF_TARIFF_NONE &&
		(!day_ok(object->entered_day) || object->entered_day > object->first_day))
		return cf_error_set(err, CF_ERR_INPUT, "object %u entered its storage class after it was first charged there", number);
	if (object->dataset < 0 || object->dataset >= CF_REPLAY_DATASETS)
		return cf_error_set(err, CF_ERR_INPUT, "object %u has a dataset that is not there", number);
	if (object->first_access > history->access_count ||
		object->access_count > history->access_count - object->first_access)
		return cf_error_set(err, CF_ERR_INPUT, "reads of object %u are not in the history", number);
	return true;
}

/*
 * check_reads refuses reads that lie outside the object's life, out of order, or are of no bytes and requests that exist. Those before its
 * first day are known of it, and must be what last_read_day says.
 */
static bool
check_reads(const CfReplayHistory *history, uint32_t number, CfError *err)
{
	const CfReplayObject *object = &history->objects[number];
	const CfReplayAccess *reads = history->accesses + object->first_access;

	for (uint32_t i = 0; i < object->access_count; i++)
	{
		bool		known = reads[i].day < object->first_day;

		if (!day_ok(reads[i].day) || reads[i].day > object->last_day || (i > 0 && reads[i].day <= reads[i - 1].day) ||
			(known && reads[i].day > object->last_read_day))
			return cf_error_set(err, CF_ERR_INPUT, "reads of object %u on day %d are out of order or outside its life",
								number, reads[i].day);
		if (reads[i].reads == 0 || reads[i].bytes < 0 || reads[i].bytes > CF_REPLAY_BYTES_MAX)
			return cf_error_set(err, CF_ERR_INPUT, "reads of object %u on day %d are out of range: %u reads, %lld bytes",
								number, reads[i].day, reads[i].reads, (long long) reads[i].bytes);
	}
	return true;
}

bool
cf_replay_check(const CfTariffMenu *menu, const CfReplayHistory *history, CfError *err)
{
	if (!cf_tariff_check(menu, err))
		return false;
	if (history->group_count < 1)
		return cf_error_set(err, CF_ERR_INPUT, "a history has at least one group");
	for (uint32_t i = 0; i < history->object_count; i++)
	{
		if (!check_object(menu, history, i, err) || !check_reads(history, i, err))
			return false;
	}
	return true;
}

/* live takes one object through its life. */
static bool
live(CfReplayRun *run, uint32_t number, void *mine)
{
	const CfReplayObject *object = &run->history->objects[number];
	const CfReplayAccess *reads = run->history->accesses + object->first_access;
	CfReplayLife life;
	unsigned	steps = 1;

	cf_replay_life_begin(&life, object, reads);
	if (!cf_replay_life_decide(run, &life, number, mine))
		return false;
	for (;;)
	{
		int32_t		day = life.ask <= life.since ? life.since : life.ask < object->last_day ? life.ask : object->last_day;

		if (life.at < object->access_count && reads[life.at].day <= day)
		{
			cf_replay_life_idle(run, &life, object, reads[life.at].day);
			cf_replay_life_read(run, &life, object, &reads[life.at]);
		}
		else
			cf_replay_life_idle(run, &life, object, day + 1);
		steps++;
		if (life.since > object->last_day)
			break;
		if (run->policy->deaf && life.ask >= life.since)
			continue;
		if (!cf_replay_life_decide(run, &life, number, mine))
			return false;
	}
	if (run->result->object_usd != NULL)
		run->result->object_usd[number] = life.usd;
	return !cf_replay_stopped(run, steps);
}

/* by_object takes the objects one after the other. */
static bool
by_object(CfReplayRun *run)
{
	void	   *mine = NULL;

	if (run->policy->object_bytes > 0 && (mine = cf_arena_alloc(run->arena, run->policy->object_bytes)) == NULL)
		return cf_error_set(run->err, CF_ERR_MEMORY, "out of memory");
	for (uint32_t i = 0; i < run->history->object_count; i++)
	{
		if (mine != NULL)
			memset(mine, 0, run->policy->object_bytes);
		if (!live(run, i, mine))
			return false;
	}
	return true;
}

/* by_hindsight plans each object's life with all of it known, then lives it like any other policy. */
static bool
by_hindsight(CfReplayRun *run)
{
	CfHindsight *hindsight = cf_hindsight_make(run->menu, run->history, run->arena);
	CfReplayPolicy follower = *run->policy;

	if (hindsight == NULL)
		return cf_error_set(run->err, CF_ERR_MEMORY, "out of memory");
	follower.decide = cf_hindsight_follow;
	run->policy = &follower;
	run->self = hindsight;
	for (uint32_t i = 0; i < run->history->object_count; i++)
	{
		unsigned	work = cf_hindsight_plan(hindsight, i);

		if (cf_replay_stopped(run, work) || !live(run, i, NULL))
			return false;
	}
	return true;
}

/* add_up sums the groups' accounts. */
static void
add_up(CfReplayRun *run)
{
	CfReplayAccount *total = &run->result->total;

	for (uint32_t i = 0; i < run->history->object_count; i++)
		run->result->groups[run->history->objects[i].group].objects++;
	for (int g = 0; g < run->history->group_count; g++)
	{
		const CfReplayAccount *group = &run->result->groups[g];
		CfReplayCount *to = &total->counts[0][0][0];
		const CfReplayCount *from = &group->counts[0][0][0];

		for (size_t i = 0; i < sizeof(total->counts) / sizeof(*to); i++)
			to[i] += from[i];
		total->objects += group->objects;
		total->moves += group->moves;
		total->early_deletions += group->early_deletions;
		total->reads += group->reads;
		total->slow_reads += group->slow_reads;
	}
}

/*
 * seen_from is the first day of an object that tables can learn from. Of those that were there when the replay began the last days
 * before count, if they are on record: so many as a history tells the reads of. Of one that turns up later nothing was known before.
 */
static int32_t
seen_from(const CfReplayObject *object, int32_t first_day)
{
	int32_t		from = object->watched_from > object->created_day ? object->watched_from : object->created_day;

	if (object->first_day > first_day || from >= first_day)
		return object->first_day;
	return from > first_day - KNOWN_DAYS ? from : first_day - KNOWN_DAYS;
}

/*
 * learn makes what a policy that learns may be told of, as of each day. Of many objects every LEARN_EVERY-th is enough; which ones must not
 * depend on how many there will be.
 */
static bool
learn(CfReplayRun *run, int32_t first_day)
{
	const CfReplayHistory *history = run->history;
	int32_t		last_day = first_day;
	int32_t		dataset = 0;
	int32_t		begin = first_day;
	CfHazards  *hazards;

	for (uint32_t i = 0; i < history->object_count; i++)
	{
		if (history->objects[i].last_day > last_day)
			last_day = history->objects[i].last_day;
		if (history->objects[i].dataset > dataset)
			dataset = history->objects[i].dataset;
		if (seen_from(&history->objects[i], first_day) < begin)
			begin = seen_from(&history->objects[i], first_day);
	}
	hazards = cf_hazards_make(run->arena, begin, last_day, LEARN_DAYS, dataset + 1);
	if (hazards == NULL)
		return cf_error_set(run->err, CF_ERR_MEMORY, "out of memory");
	for (uint32_t i = 0; i < history->object_count; i++)
	{
		const CfReplayObject *object = &history->objects[i];
		const CfReplayAccess *reads = history->accesses + object->first_access;
		uint32_t	count = object->access_count;
		int32_t		idle_from = object->created_day;
		int32_t		from = seen_from(object, first_day);

		if (i >= LEARN_ALL && i % LEARN_EVERY != 0)
			continue;
		for (; count > 0 && reads->day < from; count--)
			idle_from = reads++->day;
		/* A last read that is not among the reads says nothing of those before it. */
		if (object->last_read_day >= from && (count == 0 || reads->day >= object->first_day))
			from = object->first_day;
		if (object->last_read_day != CF_REPLAY_NO_DAY && object->last_read_day > idle_from && object->last_read_day < from)
			idle_from = object->last_read_day;
		cf_hazards_learn(hazards, object->dataset, object->size_bytes, idle_from, from, object->last_day, reads, count);
		if (cf_replay_stopped(run, object->access_count + 1))
			return false;
	}
	cf_hazards_close(hazards);
	run->hazards = hazards;
	return true;
}

/* first_day_of is the first day of a history. */
static int32_t
first_day_of(const CfReplayHistory *history)
{
	int32_t		first = history->object_count > 0 ? history->objects[0].first_day : 0;

	for (uint32_t i = 1; i < history->object_count; i++)
	{
		if (history->objects[i].first_day < first)
			first = history->objects[i].first_day;
	}
	return first;
}

bool
cf_replay_run(const CfTariffMenu *menu, const CfReplayHistory *history, const CfReplayPolicy *policy,
			  const CfReplayOptions *options, CfArena *arena, CfReplayResult *result, CfError *err)
{
	CfReplayRun run = {.menu = menu,.history = history,.policy = policy,.options = options,.arena = arena,
		.result = result,.err = err,.limit_s = options->limit_s > 0 ? options->limit_s : 1
	};
	CfReplaySetting setting = {menu, history->object_count, history->group_count, first_day_of(history)};

	memset(result, 0, sizeof(*result));
	result->groups = cf_arena_zalloc(arena, (size_t) history->group_count * sizeof(*result->groups));
	if (options->per_object)
		result->object_usd = cf_arena_zalloc(arena, ((size_t) history->object_count + 1) * sizeof(double));
	if (result->groups == NULL || (options->per_object && result->object_usd == NULL))
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	for (int c = 0; c < menu->count; c++)
	{
		for (int s = 0; s < menu->classes[c].state_count; s++)
		{
			for (int term = 0; term < CF_REPLAY_TERMS; term++)
				run.unit[c][s][term] = cf_replay_unit_usd(menu, c, s, (CfReplayTerm) term);
		}
	}
	if (policy->begin != NULL && !policy->begin(policy, &setting, arena, &run.self, err))
		return false;
	if (policy->learns && !learn(&run, setting.first_day))
		return false;
	if (!(policy->hindsight ? by_hindsight(&run) : policy->across ? cf_replay_by_day(&run) : by_object(&run)))
		return false;
	add_up(&run);
	return true;
}
