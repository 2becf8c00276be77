/*
 * bound.c
 *		The worst case of the work function policy, computed for one menu and object.
 *
 * Let d be the distance of workfn.h without its worst day, o what the worst day adds, w the work function of d + o, s1, s2, …
 * the classes in which the policy is, one after the other, and N their number. While it is in a class its own cost and w of that class grow
 * alike; it leaves s for k at a moment when w(s) - w(k) >= trust * (d(k, s) + o(k, s)). The cheapest plan that pays d + o costs at
 * most (early + burst) times the optimum: d charges every minimum duration in full when a class is left, but a plan that stays
 * longer has paid as much in storage there; and o is at most burst times the move. w falls only where o fades, and no day costs
 * less than the cheapest, so all falls of one w are at most fade * optimum. With E = early + burst:
 *
 *		G = all growth of w of the class that it is in		<= N * (E + fade) * optimum + S,  S = sum of the greatest d + o into each class
 *		B = sum of d(k, s) over its moves s -> k			<= (G - E * optimum) / trust
 *		F = sum of d(s, k) over its moves					<= skew * B + P,  P = what a path through all classes costs
 *
 * (the growths of different classes add up to what all w reach, and no w is further from the best plan than a move; B telescopes; a
 * walk is cycles and one path). It pays at most G + F, and on the days on which it leaves what exceeds the point of leaving: at
 * most one day's cost per move, overshoot * (F + B). Together, with T = (skew + overshoot * (1 + skew)) / trust,
 *
 *		cost <= (N * (E + fade) + ((N - 1) * E + N * fade) * T) * optimum + b
 *
 * An object that is found with regret on record may leave at once: that regret is at most the furthest move, which b pays for too.
 *
 * With E = 1, fade = 0, skew = 1, overshoot = 0 and trust = 1 that is the 2N - 1 of Borodin, Linial and Saks. It needs the
 * triangle inequality for d, which the instant classes of S3 meet but for fractions of a request.
 */
#include <math.h>

#include "tiering/bound.h"

#define HALVINGS 60

/* round_gains tells whether some cycle costs more than skew times what it costs the other way round. */
static bool
round_gains(const CfWorkPrices *prices, double skew)
{
	const int	n = prices->menu->count;
	double		gain[CF_TARIFF_CLASSES] = {0};

	for (int round = 0; round <= n; round++)
	{
		bool		better = false;

		for (int j = 0; j < n; j++)
		{
			for (int k = 0; k < n; k++)
			{
				double		more = gain[j] + prices->move_usd[j][0][k] - skew * prices->move_usd[k][0][j];

				if (j != k && more > gain[k] + 1e-12 * prices->move_usd[j][0][k])
				{
					gain[k] = more;
					better = true;
				}
			}
		}
		if (!better)
			return false;
	}
	return true;
}

/* skew_of is the smallest skew, by halving. */
static double
skew_of(const CfWorkPrices *prices)
{
	double		low = 1;
	double		high = 2;

	while (round_gains(prices, high) && high < 1e12)
		high *= 2;
	for (int i = 0; i < HALVINGS; i++)
	{
		double		middle = (low + high) / 2;

		if (round_gains(prices, middle))
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* early_of is the factor of a class for its minimum duration; HUGE_VAL = storage is free but leaving is not. */
static double
early_of(const CfTariffClass *cls)
{
	if (cls->min_days == 0 || cls->early_usd <= 0)
		return 1;
	return cls->states[0].storage_usd > 0 ? 1 + cls->early_usd / cls->states[0].storage_usd : HUGE_VAL;
}

/* retrieved_usd is what the bytes of so many whole reads cost on one day. */
static double
retrieved_usd(const CfWorkPrices *prices, int k, int64_t reads)
{
	const CfTariffState *state = &prices->menu->classes[k].states[0];

	return (double) prices->size_bytes * (state->restores ? reads > 0 : (double) reads) * state->retrieval_usd;
}

bool
cf_bound(const CfWorkPrices *prices, int64_t reads, double trust, CfBound *bound)
{
	const CfTariffMenu *menu = prices->menu;
	const int	n = menu->count;
	double		sum = 0;		/* S */
	double		furthest = 0;
	double		worst_day = 0;
	double		cheapest = HUGE_VAL;
	double		most_added = 0;
	double		plan;			/* E */
	double		factor;			/* T */

	*bound = (CfBound) {.states = n,.early = 1};
	for (int k = 0; k < n; k++)
	{
		double		day = prices->day_usd[k][0] + cf_tariff_read_usd(menu, k, 0, prices->size_bytes, reads,
																	 reads * prices->size_bytes);
		double		far = 0;

		if (prices->states[k] > 1)
			return false;
		cheapest = fmin(cheapest, prices->day_usd[k][0]);
		for (int j = 0; j < n; j++)
		{
			double		ways = prices->move_usd[j][0][k] + prices->move_usd[k][0][j];
			double		added = fmax(0, retrieved_usd(prices, j, reads) - retrieved_usd(prices, k, reads));

			if (j == k)
				continue;
			if (ways <= 0 || (added > 0 && prices->move_usd[j][0][k] <= 0))
				return false;
			bound->overshoot = fmax(bound->overshoot, day / ways);
			bound->burst = fmax(bound->burst, added > 0 ? added / prices->move_usd[j][0][k] : 0);
			most_added = fmax(most_added, added);
			far = fmax(far, prices->move_usd[j][0][k] + added);
		}
		sum += far;
		furthest = fmax(furthest, far);
		worst_day = fmax(worst_day, day);
		bound->early = fmax(bound->early, early_of(&menu->classes[k]));
	}
	bound->skew = skew_of(prices);
	bound->fade = most_added > 0 ? most_added * (1 - exp2(-1.0 / CF_WORKFN_FADE_DAYS)) / cheapest : 0;
	plan = bound->early + bound->burst;
	factor = (bound->skew + bound->overshoot * (1 + bound->skew)) / trust;
	bound->ratio = n * (plan + bound->fade) + ((n - 1) * plan + n * bound->fade) * factor;
	bound->extra_usd = sum * (1 + factor) + furthest * (1 + factor) + (n - 1) * furthest * (1 + bound->overshoot) + worst_day;
	return isfinite(bound->ratio) && isfinite(bound->extra_usd);
}
