/*
 * tiering_outlook: scenarios keep weights, means and limits; what a class is expected to cost is what a replay of the scenario charges, day by
 * day; rates, forecasts and their blends say what they should of objects that are always, rarely and never read.
 */
#include "tap.h"
#include "tiering/outlook.h"
#include "tiering_menus.h"
#include "tiering_worlds.h"

#define GIB ((int64_t) 1 << 30)
#define HORIZON 180

/* weight_of adds the weights up. */
static double
weight_of(const CfOutlook *outlook)
{
	double		sum = 0;

	for (int i = 0; i < outlook->count; i++)
		sum += outlook->scenarios[i].weight;
	return sum;
}

/* sound tells whether all scenarios are within their horizon. */
static bool
sound(const CfOutlook *outlook)
{
	bool		good = fabs(weight_of(outlook) - 1) < 1e-9 && outlook->count <= CF_OUTLOOK_SCENARIOS;

	for (int i = 0; i < outlook->count; i++)
	{
		const CfOutlookScenario *s = &outlook->scenarios[i];

		good = good && s->weight >= 0;
		if (s->read_days > 0)
			good = good && s->read_days >= 1 && s->gap >= 0 && s->span >= s->read_days - 1 - 1e-9 &&
				s->gap + s->span < outlook->horizon_days && s->reads >= 1 && s->bytes >= 0;
	}
	return good;
}

/* rates_of are those of an object uploaded on day 0 and read every so many days until today (0 = never). */
static CfRates
rates_of(int64_t size_bytes, int32_t every, int32_t today)
{
	CfRates		rates;

	cf_rates_begin(&rates, size_bytes, 0);
	for (int32_t day = every; every > 0 && day <= today; day += every)
		cf_rates_until(&rates, day, 1, size_bytes);
	cf_rates_until(&rates, today, 0, 0);
	return rates;
}

static void
test_rates(void)
{
	CfRates		rates = rates_of(GIB, 1, 400);
	CfOutlook	outlook;
	bool		good = true;

	cf_outlook_rates(&rates, GIB, HORIZON, &outlook);
	ok(sound(&outlook) && cf_outlook_unread(&outlook) < 1e-9, "an object that is read every day will be read");
	is_dbl(cf_outlook_mean_reads(&outlook), HORIZON, 5, "on every day");

	rates = rates_of(GIB, 0, 90);
	cf_outlook_rates(&rates, GIB, 90, &outlook);
	ok(cf_outlook_unread(&outlook) > 0.5, "one that nobody read for 90 days stays unread for 90 more, more likely than not");
	rates = rates_of(GIB, 0, 720);
	cf_outlook_rates(&rates, GIB, 90, &outlook);
	ok(sound(&outlook) && cf_outlook_unread(&outlook) > 0.99, "after two years, almost certainly");

	rates = rates_of(GIB, 0, 0);
	cf_outlook_rates(&rates, GIB, HORIZON, &outlook);
	ok(sound(&outlook), "of one that was uploaded today anything may come");

	rates = rates_of(GIB, 20, 400);
	cf_outlook_rates(&rates, GIB, HORIZON, &outlook);
	is_dbl(cf_outlook_mean_reads(&outlook), HORIZON * rates.reads / rates.weight, 0.5, "the mean is that of the rates");
	for (int i = 0; i < 3000; i++)
	{
		rates = (CfRates) {.weight = world_random(90),.read_days = world_random(1000) / 11.0};
		rates.reads = rates.read_days * (1 + world_random(4));
		rates.bytes = rates.read_days * world_random(1000);
		cf_outlook_rates(&rates, 1000, 1 + (int32_t) world_random(400), &outlook);
		good = good && sound(&outlook);
	}
	ok(good, "3000 random rates give sound outlooks");
	cf_outlook_rates(&rates, 1000, 0, &outlook);
	is_int(outlook.horizon_days, 1, "a horizon is a day at least");
	cf_outlook_rates(&rates, 1000, INT32_MAX, &outlook);
	is_int(outlook.horizon_days, CF_OUTLOOK_DAYS_MAX, "and ten years at most");
}

static void
test_forecasts(void)
{
	CfRates		rates = rates_of(GIB, 0, 200);
	CfOutlookForecast forecast = {.horizon_days = HORIZON,.mean = 12,.q10 = 4,.q50 = 10,.q90 = 24};
	CfOutlook	outlook,
				own;
	bool		good = true;

	cf_outlook_forecast(&forecast, &rates, GIB, HORIZON, &outlook);
	ok(sound(&outlook), "a forecast becomes scenarios");
	is_dbl(cf_outlook_mean_reads(&outlook), 12, 1e-6, "with its mean");

	forecast = (CfOutlookForecast) {.horizon_days = 7,.mean = 0.05};
	cf_outlook_forecast(&forecast, &rates, GIB, 7, &outlook);
	is_dbl(cf_outlook_unread(&outlook), 0.95, 1e-9, "0.05 reads are one read with a chance of 0.05");
	is_dbl(cf_outlook_mean_reads(&outlook), 0.05, 1e-9, "not a twentieth of one");

	forecast = (CfOutlookForecast) {.horizon_days = 7,.mean = 70,.q10 = NAN,.q50 = NAN,.q90 = NAN};
	cf_outlook_forecast(&forecast, &rates, GIB, 7, &outlook);
	is_dbl(cf_outlook_mean_reads(&outlook), 70, 1e-6, "ten reads a day are seven full days; quantiles may be missing");

	forecast = (CfOutlookForecast) {.horizon_days = 7,.mean = 7,.q10 = 5,.q50 = 7,.q90 = 9};
	cf_outlook_forecast(&forecast, &rates, GIB, HORIZON, &outlook);
	cf_outlook_rates(&rates, GIB, HORIZON, &own);
	ok(sound(&outlook) && cf_outlook_mean_reads(&outlook) > 7 + cf_outlook_mean_reads(&own),
	   "a week that will be busy makes the time behind it busier too");
	forecast.mean = 0;
	forecast.q10 = forecast.q50 = forecast.q90 = 0;
	cf_outlook_forecast(&forecast, &rates, GIB, HORIZON, &outlook);
	ok(sound(&outlook) && cf_outlook_mean_reads(&outlook) < cf_outlook_mean_reads(&own), "a quiet one quieter");

	forecast.mean = NAN;
	cf_outlook_forecast(&forecast, &rates, GIB, HORIZON, &outlook);
	is_dbl(cf_outlook_mean_reads(&outlook), cf_outlook_mean_reads(&own), 1e-12, "a forecast without a mean is none");
	for (int i = 0; i < 3000; i++)
	{
		forecast.horizon_days = 1 + (int32_t) world_random(60);
		forecast.q10 = world_random(3);
		forecast.q50 = forecast.q10 + world_random(10) / 3.0;
		forecast.q90 = forecast.q50 + world_random(40) / 3.0;
		forecast.mean = world_random(3000) / 100.0;
		rates = rates_of(1000, (int32_t) world_random(30), (int32_t) world_random(300));
		cf_outlook_forecast(&forecast, &rates, 1000, 1 + (int32_t) world_random(200), &outlook);
		cf_outlook_rates(&rates, 1000, outlook.horizon_days, &own);
		cf_outlook_blend(&outlook, &own, world_random(101) / 100.0);
		good = good && sound(&outlook);
	}
	ok(good, "3000 random forecasts and blends are sound");
}

static void
test_blend(void)
{
	CfOutlook	a = {.horizon_days = HORIZON},
				b = a;
	double		reads;

	for (int i = 0; i < CF_OUTLOOK_SCENARIOS; i++)
	{
		a.scenarios[a.count++] = (CfOutlookScenario) {1.0 / CF_OUTLOOK_SCENARIOS, i + 1, 1, 2 * i, 1, 100};
		b.scenarios[b.count++] = (CfOutlookScenario) {1.0 / CF_OUTLOOK_SCENARIOS, i < 4 ? 0 : i + 5, 1, 3 * i, i < 4 ? 0 : 2, i < 4 ? 0 : 50};
	}
	reads = 0.7 * cf_outlook_mean_reads(&a) + 0.3 * cf_outlook_mean_reads(&b);
	cf_outlook_blend(&a, &b, 0.3);
	is_int(a.count, CF_OUTLOOK_SCENARIOS, "a blend of many scenarios merges some");
	is_dbl(weight_of(&a), 1, 1e-12, "keeps their weight");
	is_dbl(cf_outlook_mean_reads(&a), reads, 1e-9, "and the mean of reads");
	is_dbl(cf_outlook_unread(&a), 0.3 * 4 / CF_OUTLOOK_SCENARIOS, 1e-12, "and the chance that there are none");
	reads = cf_outlook_mean_reads(&a);
	cf_outlook_blend(&a, &b, 0);
	is_dbl(cf_outlook_mean_reads(&a), reads, 1e-12, "a share of nothing changes nothing");
}

/* replayed_usd is what a plan that goes to cls and stays costs, day by day, if exactly one scenario comes. */
static double
replayed_usd(const CfTariffMenu *menu, const CfOutlookObject *object, const CfOutlookScenario *s, int32_t horizon, int cls)
{
	static CfReplayAccess reads[HORIZON];
	static int	plan[HORIZON];
	CfReplayObject life = {.size_bytes = object->size_bytes,.created_day = -500,.first_day = object->day + 1,
		.last_day = object->day + horizon,.last_read_day = object->last_read_day,.entered_day = object->entered_day,
		.start_class = (int16_t) object->cls
	};

	for (int i = 0; i < (int) s->read_days; i++)
		reads[life.access_count++] = (CfReplayAccess) {
			object->day + 1 + (int32_t) (s->gap + (i > 0 ? i * s->span / (s->read_days - 1) : 0)), (uint32_t) s->reads, (int64_t) s->bytes
		};
	for (int32_t day = 0; day < horizon; day++)
		plan[day] = cls;
	return world_plan_usd(menu, &life, reads, plan);
}

/* random_scenario is one of whole days. */
static CfOutlookScenario
random_scenario(int32_t horizon)
{
	CfOutlookScenario s = {.weight = 1};
	int32_t		days = (int32_t) world_random(6);
	int32_t		apart = 1 + (int32_t) world_random(20);

	if (days == 0)
		return s;
	s.read_days = days;
	s.span = apart * (days - 1);
	s.gap = world_random((uint32_t) (horizon - (int32_t) s.span));
	s.reads = 1 + world_random(5);
	s.bytes = world_random(300);
	return s;
}

static void
test_costs(void)
{
	double		worst = 0;
	double		terms = 0;

	for (int i = 0; i < 4000; i++)
	{
		CfTariffMenu menu = world_menu(30);
		CfOutlook	outlook = {.horizon_days = HORIZON - (int32_t) world_random(60),.count = 1};
		CfOutlookObject object = {.size_bytes = 1 + world_random(150),.day = 50,.last_read_day = INT32_MIN};
		CfOutlookCost costs[CF_TARIFF_CLASSES];

		object.cls = (int) world_random((uint32_t) menu.count + 1) - 1;
		object.entered_day = 51 - (int32_t) world_random(60);
		if (object.cls == CF_TARIFF_NONE)
			object.entered_day = 51;
		else if (world_random(2))
			object.last_read_day = 49 - (int32_t) world_random(20);
		outlook.scenarios[0] = random_scenario(outlook.horizon_days);
		cf_outlook_costs(&menu, &object, &outlook, 0.9, costs);
		for (int k = 0; k < menu.count; k++)
		{
			double		usd = replayed_usd(&menu, &object, &outlook.scenarios[0], outlook.horizon_days, k);
			double		sum = 0;

			for (int term = 0; term < CF_OUTLOOK_TERMS; term++)
				sum += costs[k].usd[term];
			worst = fmax(worst, fabs(costs[k].total_usd - usd) / usd);
			worst = fmax(worst, fabs(costs[k].high_usd - usd) / usd);
			terms = fmax(terms, fabs(costs[k].total_usd - sum) / sum);
		}
	}
	ok(worst < 1e-9, "4000 random scenarios on random menus cost what a replay charges, day by day (%.1e)", worst);
	ok(terms < 1e-12, "and the terms add up");
}

static void
test_tail(void)
{
	CfTariffMenu menu = menu_s3(true, false);
	CfOutlook	outlook = {.horizon_days = HORIZON,.count = 2};
	CfOutlookObject object = {.size_bytes = GIB,.cls = 0,.day = 100,.entered_day = -400,.last_read_day = -300};
	CfOutlookCost costs[CF_TARIFF_CLASSES];

	outlook.scenarios[0] = (CfOutlookScenario) {.weight = 0.95};
	outlook.scenarios[1] = (CfOutlookScenario) {0.05, 30, 60, 60, 1, (double) GIB};
	cf_outlook_costs(&menu, &object, &outlook, 0.9, costs);
	is_dbl(costs[2].usd[CF_OUTLOOK_STORAGE], 6 * 0.004, 1e-9, "GLACIER_IR: storage");
	is_dbl(costs[2].usd[CF_OUTLOOK_RETRIEVAL], 0.05 * 30 * 0.03, 1e-9, "retrieval of the few that wake up");
	is_dbl(costs[2].usd[CF_OUTLOOK_REQUESTS], 0.05 * 30 * 0.01 / 1000, 1e-12, "requests");
	is_dbl(costs[2].usd[CF_OUTLOOK_MOVE], 0.02 / 1000, 1e-12, "one transition");
	is_dbl(costs[2].high_usd, 6 * 0.004 + 0.02 / 1000, 1e-9, "nine of ten objects pay no retrieval");
	cf_outlook_costs(&menu, &object, &outlook, 0.99, costs);
	ok(costs[2].high_usd > 0.9, "the dearest in a hundred pays for thirty");
	ok(costs[0].total_usd > costs[2].total_usd && costs[0].high_usd < costs[2].high_usd, "so the mean and the tail disagree");
	outlook.count = 0;
	cf_outlook_costs(&menu, &object, &outlook, 0.9, costs);
	is_dbl(costs[0].high_usd, 0, 1e-12, "no scenario, no cost of staying");
}

int
main(void)
{
	test_rates();
	test_forecasts();
	test_blend();
	test_costs();
	test_tail();
	return done_testing();
}
