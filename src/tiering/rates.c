/*
 * rates.c
 *		Rates of reading of one object, and what they mean in money.
 */
#include <math.h>

#include "tiering/rates.h"

void
cf_rates_begin(CfRates *rates, int64_t size_bytes, int32_t day)
{
	*rates = (CfRates) {.read_days = 1,.reads = 1,.bytes = (double) size_bytes,.day = day};
}

void
cf_rates_until(CfRates *rates, int32_t day, int64_t reads, int64_t bytes)
{
	const double each = exp2(-1.0 / CF_RATES_HALF_LIFE);
	double		kept;

	if (day <= rates->day)
		return;
	kept = day - rates->day == 1 ? each : exp2(-(double) (day - rates->day) / CF_RATES_HALF_LIFE);
	rates->weight = rates->weight * kept + (1 - kept) / (1 - each);
	rates->read_days = rates->read_days * kept + (reads > 0);
	rates->reads = rates->reads * kept + (double) reads;
	rates->bytes = rates->bytes * kept + (double) bytes;
	rates->day = day;
}

double
cf_rates_day_usd(const CfRates *rates, const CfWorkPrices *prices, int cls)
{
	const CfTariffClass *c = &prices->menu->classes[cls];
	double		weight = rates->weight > 1 ? rates->weight : 1;
	double		read_days = rates->read_days < weight ? rates->read_days / weight : 1;
	double		here = 1;
	double		usd = 0;

	for (int s = 0; s < prices->states[cls]; s++)
	{
		const CfTariffState *state = &c->states[s];
		double		colder = s + 1 < prices->states[cls] ? pow(1 - read_days, c->states[s + 1].idle_days) : 0;

		usd += (here - colder) * (prices->day_usd[cls][s] + rates->reads / weight * state->get_usd +
								  (state->restores ? 0 : rates->bytes / weight * state->retrieval_usd) +
								  read_days * prices->wake_usd[cls][s]);
		here = colder;
	}
	return usd;
}
