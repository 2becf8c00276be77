/*
 * decide.c
 *		cloudflux as it would have decided day by day, with only the past visible: the policy of that name in a replay.
 *
 * Nothing in it is fitted to a history. At upload an object gets the class that is safe when nothing is known (cf_workfn_start). After
 * that it stays where it is until the regret for not being elsewhere, counted in money over its own reads, has grown to
 * what coming back from there would cost (workfn.h). That alone has a bound, whatever comes.
 *
 * Advice shortens the wait: if the object's own rates (rates.h), going on for HORIZON_DAYS, would earn at least TRUST of the way there and
 * back, then TRUST of the regret is enough. Advice never makes a move without regret and never prevents one, so there
 * still is a bound (bound.h); that is the robustness of an online algorithm with predictions of trust
 * (Antoniadis et al., ICML 2020; Purohit, Svitkina and Kumar, NeurIPS 2018).
 *
 * Per object it needs CfDecideObject, 168 bytes; and the prices of the object at hand, once.
 */
#include <string.h>

#include "tiering/decide.h"

#define TRUST 0.5
#define HORIZON_DAYS 180		/* what a minimum duration can be at most, and about twice the memory of the rates */
#define REVIEW_DAYS 7			/* advice is asked for again so soon, then ever more rarely */

typedef struct Decider
{
	CfWorkPrices prices;		/* of the object at hand */
} Decider;

/* prices_of are the prices of an object's size, computed anew only where another size comes along. */
static const CfWorkPrices *
prices_of(Decider *decider, int64_t size_bytes)
{
	if (decider->prices.size_bytes != size_bytes)
		cf_workfn_price(decider->prices.menu, size_bytes, &decider->prices);
	return &decider->prices;
}

static bool
begin(const CfReplayPolicy *policy, const CfReplaySetting *setting, CfArena *arena, void **self, CfError *err)
{
	Decider    *decider = cf_arena_zalloc(arena, sizeof(*decider));

	if (decider == NULL)
		return cf_error_set(err, CF_ERR_FULL, "out of memory for policy %s", policy->name);
	decider->prices.menu = setting->menu;
	decider->prices.size_bytes = -1;
	*self = decider;
	return true;
}

/* first_sight begins what is kept of an object that is uploaded tomorrow, or that was there before the replay. */
static int
first_sight(const CfWorkPrices *prices, CfDecideObject *object, const CfReplayView *view)
{
	int32_t		idle_from = view->created_day;

	object->begun = true;
	if (view->cls == CF_TARIFF_NONE)
	{
		cf_workfn_begin(prices, &object->work, CF_TARIFF_NONE, view->day, view->day + 1);
		cf_rates_begin(&object->rates, view->size_bytes, view->day);
		return cf_workfn_start(prices);
	}
	if (prices->menu->classes[view->cls].state_count > 1)
		idle_from = view->entered_day;
	if (view->last_read_day != CF_REPLAY_NO_DAY && view->last_read_day > idle_from)
		idle_from = view->last_read_day;
	if (idle_from > view->day + 1)
		idle_from = view->day + 1;
	cf_workfn_begin(prices, &object->work, view->cls, view->day, idle_from);
	cf_rates_begin(&object->rates, view->size_bytes, idle_from < view->day ? idle_from : view->day);
	cf_rates_until(&object->rates, view->day, 0, 0);
	return view->cls;
}

/* advise fills how much regret is enough for each class: TRUST where the rates speak for it, else all. */
static void
advise(const CfWorkPrices *prices, const CfDecideObject *object, const CfReplayView *view, double *trust)
{
	const CfTariffMenu *menu = prices->menu;
	int			cls = view->cls;
	int			state = cf_tariff_state(&menu->classes[cls], view->size_bytes, view->day - object->work.idle_from);
	double		here = cf_rates_day_usd(&object->rates, prices, cls);

	for (int k = 0; k < menu->count; k++)
	{
		double		there = cf_rates_day_usd(&object->rates, prices, k);
		double		ways = prices->move_usd[k][0][cls] +
			cf_tariff_move_usd(menu, cls, state, view->day + 1 - view->entered_day, k, view->size_bytes);

		trust[k] = HORIZON_DAYS * (here - there) >= TRUST * ways ? TRUST : 1;
	}
}

/* choose says where the object should be tomorrow; advice is only sought where some regret would be enough with it. */
static int
choose(const CfWorkPrices *prices, const CfDecideObject *object, const CfReplayView *view)
{
	double		trust[CF_TARIFF_CLASSES];

	for (int k = 0; k < prices->menu->count; k++)
		trust[k] = TRUST;
	if (cf_workfn_choose(prices, &object->work, view->cls, trust) == view->cls)
		return view->cls;
	advise(prices, object, view, trust);
	return cf_workfn_choose(prices, &object->work, view->cls, trust);
}

/* review is when to look again at an object that nobody reads. */
static int32_t
review(const CfWorkPrices *prices, const CfWork *work, int cls)
{
	int32_t		idle = work->day - work->idle_from;
	int32_t		soon = work->day + REVIEW_DAYS + (idle > 0 ? idle / 4 : 0);
	int32_t		next = cf_workfn_next(prices, work, cls, TRUST);

	if (next > soon || next == CF_WORKFN_NEVER)
		return next;
	if (next > work->day + 1)
		return next;
	next = cf_workfn_next(prices, work, cls, 1);
	return next < soon ? next : soon;
}

static int
decide(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	const CfWorkPrices *prices = prices_of(self, view->size_bytes);
	CfDecideObject *object = mine;
	int			cls;

	(void) policy;
	if (!object->begun)
		cls = first_sight(prices, object, view);
	else
	{
		CfReplayAccess today = {0};

		if (view->read_today)
			today = view->past[view->past_count - 1];
		cf_workfn_idle(prices, &object->work, view->read_today ? view->day - 1 : view->day);
		if (view->read_today)
			cf_workfn_read(prices, &object->work, today.reads, today.bytes);
		cf_rates_until(&object->rates, view->day, today.reads, today.bytes);
		cls = choose(prices, object, view);
		if (view->read_today)
			cf_workfn_settle(prices, &object->work);
	}
	*again = review(prices, &object->work, cls);
	return cls;
}

bool
cf_decide_make(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy)
{
	(void) arena;
	if (menu->count < 2)
		return false;
	*policy = (CfReplayPolicy) {.name = "cloudflux",.about = "stay until the regret is worth the way back",
		.object_bytes = sizeof(CfDecideObject),.begin = begin,.decide = decide};
	return true;
}
