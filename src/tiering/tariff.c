/*
 * tariff.c
 *		Prices of one store as a replay uses them: what a day, a read and a move cost.
 *
 * The terms are those of src/pricing (storage on at least the minimum size, overheads at the class's own and at the STANDARD
 * rate, retrieval, restores, early deletion as the days that are missing), first volume band, months of 30 days. They are
 * written a second time, on doubles, because a search for the best plan asks for them a hundred million times; the test
 * of the replay compares both ways of counting.
 */
#include <math.h>
#include <string.h>

#include "tiering/tariff.h"

/* money_ok tells whether a price is a number that one can pay. */
static bool
money_ok(double usd)
{
	return isfinite(usd) && usd >= 0;
}

/* state_ok tells whether all of a state's prices and sizes are known and not negative. */
static bool
state_ok(const CfTariffState *state)
{
	return money_ok(state->storage_usd) && money_ok(state->get_usd) && money_ok(state->retrieval_usd) &&
		money_ok(state->restore_usd) && money_ok(state->wake_usd) && money_ok(state->first_byte_s) &&
		state->overhead_bytes >= 0 && state->overhead_standard_bytes >= 0;
}

/* check_class refuses a class that cannot be replayed. */
static bool
check_class(const CfTariffMenu *menu, const CfTariffClass *cls, CfError *err)
{
	if (cls->state_count < 1 || cls->state_count > CF_TARIFF_STATES || cls->states[0].idle_days != 0 ||
		cls->states[0].wake_usd != 0)
		return cf_error_set(err, CF_ERR_INPUT, "storage class %s has no states", cls->name);
	for (int i = 0; i < cls->state_count; i++)
	{
		if (!state_ok(&cls->states[i]))
			return cf_error_set(err, CF_ERR_INPUT, "storage class %s has an unknown or negative price", cls->name);
		if (i > 0 && cls->states[i].idle_days <= cls->states[i - 1].idle_days)
			return cf_error_set(err, CF_ERR_INPUT, "states of storage class %s are out of order", cls->name);
	}
	if (!money_ok(cls->early_usd) || !money_ok(cls->monitor_usd) || !money_ok(cls->put_usd) ||
		!money_ok(cls->transition_usd) || !money_ok(cls->enter_usd))
		return cf_error_set(err, CF_ERR_INPUT, "storage class %s has an unknown or negative price", cls->name);
	if (cls->min_object_bytes < 0 || cls->min_days < 0 || cls->min_days > CF_TARIFF_DAYS_MAX ||
		cls->monitor_min_bytes < 0 || cls->lifecycle_from >> menu->count != 0)
		return cf_error_set(err, CF_ERR_INPUT, "storage class %s has terms that make no sense", cls->name);
	if (cls->state_count > 1 && cls->min_days > 0)
		return cf_error_set(err, CF_ERR_INPUT, "storage class %s tiers by itself and has a minimum duration",
							cls->name);
	return true;
}

bool
cf_tariff_check(const CfTariffMenu *menu, CfError *err)
{
	const int	roles[] = {menu->warm, menu->cold, menu->frozen, menu->automatic, menu->automatic_archive};

	if (menu->count < 1 || menu->count > CF_TARIFF_CLASSES)
		return cf_error_set(err, CF_ERR_INPUT, "a menu has 1 to %d storage classes, not %d", CF_TARIFF_CLASSES,
							menu->count);
	for (int i = 0; i < menu->count; i++)
	{
		if (!check_class(menu, &menu->classes[i], err))
			return false;
	}
	if (!money_ok(menu->standard_usd) || menu->restore_days < 1)
		return cf_error_set(err, CF_ERR_INPUT, "menu %s has no price for restored copies", menu->name);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
	{
		if (roles[i] < CF_TARIFF_NONE || roles[i] >= menu->count)
			return cf_error_set(err, CF_ERR_INPUT, "menu %s names a storage class that it does not have", menu->name);
	}
	if (menu->hot < 0 || menu->hot >= menu->count)
		return cf_error_set(err, CF_ERR_INPUT, "menu %s has no hot storage class", menu->name);
	return true;
}

int
cf_tariff_class(const CfTariffMenu *menu, const char *name)
{
	for (int i = 0; i < menu->count; i++)
	{
		if (strcmp(menu->classes[i].name, name) == 0)
			return i;
	}
	return CF_TARIFF_NONE;
}

double
cf_tariff_day_usd(const CfTariffMenu *menu, int cls, int state, int64_t size_bytes)
{
	const CfTariffClass *c = &menu->classes[cls];
	const CfTariffState *s = &c->states[state];

	return (double) cf_tariff_billed_bytes(c, state, size_bytes) * s->storage_usd +
		(double) s->overhead_standard_bytes * menu->standard_usd +
		(cf_tariff_monitored(c, size_bytes) ? c->monitor_usd : 0);
}

double
cf_tariff_idle_usd(const CfTariffMenu *menu, int cls, int64_t size_bytes, int32_t first_idle, int32_t days)
{
	const CfTariffClass *c = &menu->classes[cls];
	double		usd = 0;

	while (days > 0)
	{
		int			state = cf_tariff_state(c, size_bytes, first_idle);
		int32_t		left = days;

		if (state + 1 < c->state_count && size_bytes >= c->monitor_min_bytes &&
			c->states[state + 1].idle_days - first_idle < left)
			left = c->states[state + 1].idle_days - first_idle;
		usd += left * cf_tariff_day_usd(menu, cls, state, size_bytes);
		first_idle += left;
		days -= left;
	}
	return usd;
}

/* restore_usd is what one restore costs: the request, and its copy at the STANDARD rate. */
static double
restore_usd(const CfTariffMenu *menu, const CfTariffState *state, int64_t size_bytes)
{
	return state->restore_usd + (double) size_bytes * menu->restore_days * menu->standard_usd;
}

double
cf_tariff_read_usd(const CfTariffMenu *menu, int cls, int state, int64_t size_bytes, int64_t reads, int64_t bytes)
{
	const CfTariffState *s = &menu->classes[cls].states[state];

	return (double) reads * s->get_usd + s->wake_usd +
		(double) (s->restores ? size_bytes : bytes) * s->retrieval_usd +
		(s->restores ? restore_usd(menu, s, size_bytes) : 0);
}

double
cf_tariff_early_usd(const CfTariffMenu *menu, int from, int32_t held_days, int to, int64_t size_bytes)
{
	const CfTariffClass *c = &menu->classes[from];

	if (held_days >= c->min_days || (!menu->lifecycle_pays_early && cf_tariff_lifecycle(menu, from, to)))
		return 0;
	return (double) cf_tariff_billed_bytes(c, 0, size_bytes) * (c->min_days - held_days) * c->early_usd;
}

double
cf_tariff_move_usd(const CfTariffMenu *menu, int from, int state, int32_t held_days, int to, int64_t size_bytes)
{
	const CfTariffState *s = &menu->classes[from].states[state];
	const CfTariffClass *dest = &menu->classes[to];
	double		usd;

	if (from == to)
		return 0;
	usd = cf_tariff_early_usd(menu, from, held_days, to, size_bytes) + dest->enter_usd;
	if (cf_tariff_lifecycle(menu, from, to))
		return usd + dest->transition_usd;
	return usd + (menu->copy_pays_get ? s->get_usd : 0) + (menu->copy_pays_put ? dest->put_usd : 0) +
		(double) cf_tariff_size(&menu->classes[from], size_bytes) * s->retrieval_usd + (s->restores ? restore_usd(menu, s, size_bytes) : 0);
}
