/*
 * replay_life.c
 *		Charging one object's days: storage by state, reads, moves. The only place that knows how a replay counts.
 *
 * What is counted is what would stand on the bill, in integers (byte-days, requests, bytes), per class and state. Beside
 * it the same amounts are added up in doubles per object, which costs nothing and serves those who compare objects. A term
 * whose price is 0 is not counted, but for storage and reads.
 */
#include <string.h>

#include "tiering/replay_life.h"

#define WORK_BETWEEN_QUESTIONS 16384	/* steps of some tens of nanoseconds */

/* count adds n units of a term, which is also given as a double. */
static inline void
count(CfReplayRun *run, CfReplayLife *life, CfReplayAccount *account, int state, CfReplayTerm term, CfReplayCount n,
	  double amount)
{
	account->counts[life->cls][state][term] += n;
	life->usd += amount * run->unit[life->cls][state][term];
}

/* account_of is the account that an object is charged to. */
static inline CfReplayAccount *
account_of(const CfReplayRun *run, const CfReplayObject *object)
{
	return &run->result->groups[object->group];
}

bool
cf_replay_stopped(CfReplayRun *run, unsigned work)
{
	run->work += work;
	if (run->work < WORK_BETWEEN_QUESTIONS)
		return false;
	run->work = 0;
	if (!cf_interrupt_wanted(run->options->interrupt))
		return false;
	cf_error_set(run->err, CF_ERR_CANCELLED, "replay was cancelled");
	return true;
}

void
cf_replay_life_begin(CfReplayLife *life, const CfReplayObject *object, const CfReplayAccess *reads)
{
	memset(life, 0, sizeof(*life));
	life->since = object->first_day;
	life->cls = object->start_class;
	life->entered = object->entered_day;
	life->last_read = object->last_read_day;
	life->ask = CF_REPLAY_NEVER;
	life->idle_from = object->entered_day;
	if (life->last_read > life->idle_from)
		life->idle_from = life->last_read;
	while (life->at < object->access_count && reads[life->at].day < object->first_day)
		life->at++;
}

/* charge_held charges so many days in one state. */
static void
charge_held(CfReplayRun *run, CfReplayLife *life, const CfReplayObject *object, int state, int32_t days)
{
	const CfTariffClass *cls = &run->menu->classes[life->cls];
	CfReplayAccount *account = account_of(run, object);
	int64_t		billed = cf_tariff_billed_bytes(cls, state, object->size_bytes);
	int64_t		overhead = cls->states[state].overhead_standard_bytes;

	count(run, life, account, state, CF_REPLAY_STORAGE, (CfReplayCount) billed * days, (double) billed * days);
	if (overhead > 0)
		count(run, life, account, state, CF_REPLAY_STANDARD, (CfReplayCount) overhead * days, (double) overhead * days);
	if (cf_tariff_monitored(cls, object->size_bytes))
		count(run, life, account, state, CF_REPLAY_MONITORING, days, days);
}

void
cf_replay_life_idle(CfReplayRun *run, CfReplayLife *life, const CfReplayObject *object, int32_t day)
{
	const CfTariffClass *cls = &run->menu->classes[life->cls];

	while (life->since < day)
	{
		int32_t		idle = life->since - life->idle_from;
		int			state = cf_tariff_state(cls, object->size_bytes, idle);
		int32_t		until = day;

		if (state + 1 < cls->state_count && object->size_bytes >= cls->monitor_min_bytes &&
			cls->states[state + 1].idle_days - idle < until - life->since)
			until = life->since + cls->states[state + 1].idle_days - idle;
		charge_held(run, life, object, state, until - life->since);
		life->since = until;
	}
}

/* charge_restore charges one restore of the whole object, for a read or for a move. */
static void
charge_restore(CfReplayRun *run, CfReplayLife *life, const CfReplayObject *object, int state, CfReplayTerm requests)
{
	CfReplayAccount *account = account_of(run, object);
	int32_t		days = run->menu->restore_days;

	count(run, life, account, state, requests, 1, 1);
	count(run, life, account, state, CF_REPLAY_RESTORED, (CfReplayCount) object->size_bytes * days,
		  (double) object->size_bytes * days);
}

void
cf_replay_life_read(CfReplayRun *run, CfReplayLife *life, const CfReplayObject *object, const CfReplayAccess *access)
{
	const CfTariffClass *cls = &run->menu->classes[life->cls];
	int			state = cf_tariff_state(cls, object->size_bytes, access->day - life->idle_from);
	const CfTariffState *s = &cls->states[state];
	CfReplayAccount *account = account_of(run, object);
	int64_t		retrieved = s->restores ? object->size_bytes : access->bytes;

	charge_held(run, life, object, state, 1);
	count(run, life, account, state, CF_REPLAY_READS, access->reads, access->reads);
	if (s->retrieval_usd > 0)
		count(run, life, account, state, CF_REPLAY_RETRIEVAL, retrieved, (double) retrieved);
	if (s->restores)
		charge_restore(run, life, object, state, CF_REPLAY_RESTORES);
	if (s->wake_usd > 0)
		count(run, life, account, state, CF_REPLAY_WAKES, 1, 1);
	account->reads += access->reads;
	if (s->first_byte_s > run->limit_s)
		account->slow_reads += access->reads;
	life->since = access->day + 1;
	life->idle_from = life->last_read = access->day;
	life->at++;
}

/* charge_copy charges what a move that is no transition takes out of the source. */
static void
charge_copy(CfReplayRun *run, CfReplayLife *life, const CfReplayObject *object)
{
	const CfTariffClass *cls = &run->menu->classes[life->cls];
	int32_t		idle = life->since - 1 - life->idle_from;	/* as the day that ends began */
	int			state = idle > 0 ? cf_tariff_state(cls, object->size_bytes, idle) : 0;
	const CfTariffState *s = &cls->states[state];
	CfReplayAccount *account = account_of(run, object);
	int64_t		size = cf_tariff_size(cls, object->size_bytes);

	if (run->menu->copy_pays_get)
		count(run, life, account, state, CF_REPLAY_COPIES_OUT, 1, 1);
	if (s->retrieval_usd > 0)
		count(run, life, account, state, CF_REPLAY_MOVED, size, (double) size);
	if (s->restores)
		charge_restore(run, life, object, state, CF_REPLAY_MOVE_RESTORES);
}

/* charge_early charges the days that are missing to the minimum duration. */
static void
charge_early(CfReplayRun *run, CfReplayLife *life, const CfReplayObject *object)
{
	const CfTariffClass *cls = &run->menu->classes[life->cls];
	int32_t		missing = cls->min_days - (life->since - life->entered);
	int64_t		billed = cf_tariff_billed_bytes(cls, 0, object->size_bytes);

	if (missing <= 0)
		return;
	account_of(run, object)->early_deletions++;
	count(run, life, account_of(run, object), 0, CF_REPLAY_EARLY, (CfReplayCount) billed * missing,
		  (double) billed * missing);
}

/* enter puts an object into a class from life->since on. */
static void
enter(CfReplayRun *run, CfReplayLife *life, uint32_t number, int to)
{
	uint64_t	hash = ((uint64_t) number << 32 | (uint32_t) life->since) ^ (uint64_t) (to + 1) * 0x9E3779B97F4A7C15u;

	hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9u;
	hash = (hash ^ hash >> 27) * 0x94D049BB133111EBu;
	run->result->decisions += hash ^ hash >> 31;
	life->cls = to;
	life->entered = life->since;
	life->idle_from = life->since;
	if (run->options->told != NULL)
		run->options->told(run->options->told_arg, run->policy, number, life->since, to);
}

/* move charges a move and makes it. */
static void
move(CfReplayRun *run, CfReplayLife *life, uint32_t number, int to)
{
	const CfReplayObject *object = &run->history->objects[number];
	CfReplayAccount *account = account_of(run, object);
	bool		lifecycle = cf_tariff_lifecycle(run->menu, life->cls, to);

	account->moves++;
	if (!lifecycle || run->menu->lifecycle_pays_early)
		charge_early(run, life, object);
	if (!lifecycle)
		charge_copy(run, life, object);
	enter(run, life, number, to);
	if (lifecycle)
		count(run, life, account, 0, CF_REPLAY_TRANSITIONS, 1, 1);
	else if (run->menu->copy_pays_put)
		count(run, life, account, 0, CF_REPLAY_COPIES_IN, 1, 1);
	if (run->menu->classes[to].enter_usd > 0)
		count(run, life, account, 0, CF_REPLAY_ENTERED, 1, 1);
}

void
cf_replay_life_view(CfReplayRun *run, const CfReplayLife *life, uint32_t number, CfReplayView *view)
{
	const CfReplayObject *object = &run->history->objects[number];

	view->object = number;
	view->group = object->group;
	view->size_bytes = object->size_bytes;
	view->created_day = object->created_day;
	view->day = life->since - 1;
	view->cls = life->cls;
	view->entered_day = life->entered;
	view->last_read_day = life->last_read;
	view->marks = object->marks;
	view->watched_from = object->watched_from;
	view->past = run->history->accesses + object->first_access;
	view->past_count = life->at;
	view->read_today = life->at > 0 && view->past[life->at - 1].day == view->day;
	view->known = NULL;
	if (run->hazards != NULL)
	{
		cf_hazards_on(run->hazards, object->dataset, view->day, &run->known);
		view->known = &run->known;
	}
}

bool
cf_replay_life_decide(CfReplayRun *run, CfReplayLife *life, uint32_t number, void *mine)
{
	const CfReplayPolicy *policy = run->policy;
	CfReplayView view;
	int			to;

	cf_replay_life_view(run, life, number, &view);
	life->ask = CF_REPLAY_NEVER;
	to = policy->decide(policy, run->self, mine, &view, &life->ask);
	if (to == life->cls && to >= 0)
		return true;
	if (to < 0 || to >= run->menu->count)
		return cf_error_set(run->err, CF_ERR_STATE, "policy %s chose storage class %d, which menu %s does not have",
							policy->name, to, run->menu->name);
	if (life->cls == CF_TARIFF_NONE)
		enter(run, life, number, to);
	else
		move(run, life, number, to);
	return true;
}
