/*
 * tiering_workfn: the work function jumps from read to read and is where daily steps would have led; the day of the next
 * move is foretold; the class at upload is safe; rates forget; the bound is what the formula says.
 */
#include "tap.h"
#include "tiering/bound.h"
#include "tiering/rates.h"
#include "tiering/workfn.h"
#include "tiering_menus.h"

#define KIB ((int64_t) 1024)
#define GIB ((int64_t) 1 << 30)

static uint64_t seed = 88172645463325252u;

/* chance is a number from 0 to before n. */
static uint32_t
chance(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t) (seed >> 33) % n;
}

static CfTariffMenu
menu_of(int which)
{
	return menu_s3(which == 0, which == 2);
}

/* steps counts days in one by one. */
static void
steps(const CfWorkPrices *prices, CfWork *work, int32_t day)
{
	while (work->day < day)
	{
		cf_workfn_idle(prices, work, work->day + 1);
		cf_workfn_settle(prices, work);
	}
}

/* apart is how far two work functions are from each other, in days of STANDARD. */
static double
apart(const CfWorkPrices *prices, const CfWork *a, const CfWork *b)
{
	double		most = 0;

	for (int k = 0; k < prices->menu->count; k++)
		most = fmax(most, fabs(a->usd[k] - b->usd[k]) / prices->day_usd[0][0]);
	return most;
}

static void
test_jumps(void)
{
	double		most = 0;

	for (int life = 0; life < 300; life++)
	{
		CfTariffMenu menu = menu_of(life % 2);
		CfWorkPrices prices;
		CfWork		jumps;
		CfWork		daily;

		cf_workfn_price(&menu, GIB / (1 + chance(1000)), &prices);
		cf_workfn_begin(&prices, &jumps, life % 3 ? CF_TARIFF_NONE : 1, 9, life % 3 ? 10 : 4);
		daily = jumps;
		for (int read = 0; read < 12; read++)
		{
			int32_t		day = jumps.day + (int32_t) chance(read % 3 ? 15 : 150);
			int64_t		bytes = prices.size_bytes / (1 + chance(9));

			cf_workfn_idle(&prices, &jumps, day);
			steps(&prices, &daily, day);
			cf_workfn_read(&prices, &jumps, 2, bytes);
			cf_workfn_read(&prices, &daily, 2, bytes);
			cf_workfn_settle(&prices, &jumps);
			cf_workfn_settle(&prices, &daily);
			most = fmax(most, apart(&prices, &jumps, &daily));
		}
	}
	ok(most < 1e-6, "jumps lead where daily steps lead (%.2g days of STANDARD apart)", most);
}

/* moves_on is the first day up to a limit at whose end the object is told to move, by looking every day. */
static int32_t
moves_on(const CfWorkPrices *prices, CfWork work, int cls, double trust, int32_t limit)
{
	double		all[CF_TARIFF_CLASSES];

	for (int k = 0; k < CF_TARIFF_CLASSES; k++)
		all[k] = trust;
	while (work.day < limit)
	{
		cf_workfn_idle(prices, &work, work.day + 1);
		if (cf_workfn_choose(prices, &work, cls, all) != cls)
			return work.day;
	}
	return CF_WORKFN_NEVER;
}

static void
test_foretold(void)
{
	int			wrong = 0;
	int			late = 0;
	int			exact = 0;
	int			moves = 0;

	for (int life = 0; life < 600; life++)
	{
		CfTariffMenu menu = menu_of(life % 2);
		CfWorkPrices prices;
		CfWork		work;
		int			cls = (int) chance((uint32_t) menu.count);
		double		trust = life % 3 ? 1 : 0.5;
		int32_t		next;
		int32_t		looked;
		int32_t		glance;

		cf_workfn_price(&menu, GIB / (1 + chance(9000)), &prices);
		cf_workfn_begin(&prices, &work, cls, 0, -(int32_t) chance(100));
		for (int read = (int) chance(8); read > 0; read--)
		{
			cf_workfn_idle(&prices, &work, work.day + (int32_t) chance(60));
			cf_workfn_read(&prices, &work, 1 + chance(3), prices.size_bytes / (1 + chance(20)));
			cf_workfn_settle(&prices, &work);
		}
		next = cf_workfn_next(&prices, &work, cls, trust);
		looked = moves_on(&prices, work, cls, trust, work.day + 2000);
		moves += next != CF_WORKFN_NEVER;
		if (next != looked && !(next > work.day + 2000 && looked == CF_WORKFN_NEVER))
			wrong++;
		glance = cf_workfn_glance(&prices, &work, cls, trust);
		late += glance > next || (glance < next && glance <= work.day + 1);
		exact += glance == next;
	}
	is_int(wrong, 0, "the day of the next move is foretold");
	is_int(late, 0, "a glance is not later, and never tomorrow for nothing");
	ok(exact > 100, "and often as good (%d)", exact);
	ok(moves > 100, "of objects that do move (%d)", moves);
}

/* start_of is the class at upload. */
static const char *
start_of(int which, int64_t size_bytes)
{
	CfTariffMenu menu = menu_of(which);
	CfWorkPrices prices;

	cf_workfn_price(&menu, size_bytes, &prices);
	return menu.classes[cf_workfn_start(&prices)].name;
}

static void
test_start(void)
{
	is_str(start_of(0, GIB), "STANDARD", "at upload without a class that tiers by itself: the one with free reads");
	is_str(start_of(1, GIB), "INTELLIGENT_TIERING", "with one: that");
	is_str(start_of(1, 4 * KIB), "STANDARD", "a small object would only pay the entry");
	is_str(start_of(1, 130 * KIB), "STANDARD", "a fee for monitoring above all that can be saved is not paid");
	is_str(start_of(1, 150 * KIB), "INTELLIGENT_TIERING", "one below it is");
}

/* leaves_on is after how many days an object that nobody reads leaves its class at upload; 0 = never. */
static int32_t
leaves_on(int which, int64_t size_bytes, double trust)
{
	CfTariffMenu menu = menu_of(which);
	CfWorkPrices prices;
	CfWork		work;
	int32_t		next;

	cf_workfn_price(&menu, size_bytes, &prices);
	cf_workfn_begin(&prices, &work, CF_TARIFF_NONE, -1, 0);
	next = cf_workfn_next(&prices, &work, cf_workfn_start(&prices), trust);
	return next == CF_WORKFN_NEVER ? 0 : next + 1;
}

static void
test_regret(void)
{
	/* 0.01 of retrieval and 30 days at 0.0125 per month, saved at 0.0105 per month */
	is_int(leaves_on(0, 1000 * GIB, 1), 65, "an unread object leaves STANDARD when it has lost the way back from STANDARD_IA: (0.01 + 0.0125) / 0.0105 months");
	is_int(leaves_on(0, 1000 * GIB, 0.5), 33, "half of it is half as many days");
	is_int(leaves_on(0, 4 * KIB, 1), 0, "an object of 4 KiB never leaves STANDARD");
	is_int(leaves_on(1, 1000 * GIB, 1), 0, "Intelligent-Tiering never regrets an object that nobody reads");
}

static void
test_rates(void)
{
	CfTariffMenu menu = menu_s3(false, false);
	CfWorkPrices prices;
	CfRates		rates;
	CfRates		once;
	double		unread;

	cf_workfn_price(&menu, GIB, &prices);
	cf_rates_begin(&rates, GIB, -1);
	ok(cf_rates_day_usd(&rates, &prices, 2) > cf_rates_day_usd(&rates, &prices, 0),
	   "an object that was just uploaded may be read: not for GLACIER_IR");
	cf_rates_until(&rates, 500, 0, 0);
	unread = cf_rates_day_usd(&rates, &prices, 2);
	ok(fabs(unread / prices.day_usd[2][0] - 1) < 0.01, "after 500 idle days the upload is forgotten");
	ok(cf_rates_day_usd(&rates, &prices, 3) < 1.05 * prices.day_usd[3][2], "and Intelligent-Tiering would hold it in its last tier");
	once = rates;
	for (int32_t day = 501; day <= 900; day++)
		cf_rates_until(&rates, day, 3, GIB / 10);
	is_dbl(rates.reads / rates.weight, 3, 0.05, "three reads a day are three reads a day");
	is_dbl(cf_rates_day_usd(&rates, &prices, 2), prices.day_usd[2][0] + 3 * 0.01 / 1000 + 0.03 / 10, 0.0001,
		   "a tenth of the object per day is retrieved");
	is_dbl(cf_rates_day_usd(&rates, &prices, 3), prices.day_usd[3][0] + 3 * 0.0004 / 1000, 0.00001,
		   "read every day, Intelligent-Tiering stays in its first tier");
	cf_rates_until(&once, 600, 0, 0);
	cf_rates_until(&once, 600, 9, GIB);
	is_dbl(once.reads, exp2(-601.0 / CF_RATES_HALF_LIFE), 1e-9, "a day is counted once");
}

static void
test_bound(void)
{
	CfTariffMenu menu = menu_s3(true, false);
	CfTariffMenu two = menu;
	CfWorkPrices prices;
	CfBound		bound = {0};
	CfBound		trusting = {0};
	bool		two_found;
	bool		found;

	two.classes[1] = menu.classes[2];
	two.classes[1].lifecycle_from = 1;
	two.classes[1].min_days = 0;
	two.count = 2;
	two.warm = two.cold = 1;
	two.classes[0].states[0].retrieval_usd = two.classes[1].states[0].retrieval_usd = 0;
	cf_workfn_price(&two, 1000 * GIB, &prices);
	two_found = cf_bound(&prices, 0, 1, &bound);
	ok(two_found && fabs(bound.skew - 1) < 1e-6 && bound.burst == 0 && bound.fade == 0, "two classes make no detours");
	cf_workfn_price(&menu, GIB, &prices);
	found = cf_bound(&prices, 1, 1, &bound);
	ok(found && bound.states == 3 && bound.ratio > 5, "the plain menu has a bound (%.1f)", bound.ratio);
	found = cf_bound(&prices, 1, 0.5, &trusting);
	ok(found && trusting.ratio > bound.ratio && trusting.ratio < 2 * bound.ratio,
	   "trust of a half costs less than twice as much at worst (%.1f)", trusting.ratio);
	found = cf_bound(&prices, 9, 1, &trusting);
	ok(found && trusting.ratio > bound.ratio, "more reads a day, a weaker bound (%.1f)", trusting.ratio);
	menu.classes[1].states[0].storage_usd = 0;
	cf_workfn_price(&menu, GIB, &prices);
	ok(!cf_bound(&prices, 1, 1, &bound), "none where storage is free and leaving is not");
	menu = menu_s3(false, false);
	cf_workfn_price(&menu, GIB, &prices);
	ok(!cf_bound(&prices, 1, 1, &bound), "none is claimed for a class that tiers by itself");
	menu = menu_s3(true, false);
	for (int k = 0; k < menu.count; k++)
	{
		menu.classes[k] = menu.classes[0];
		menu.classes[k].put_usd = menu.classes[k].states[0].get_usd = 0;
	}
	cf_workfn_price(&menu, GIB, &prices);
	ok(!cf_bound(&prices, 1, 1, &bound), "none where going there and back is free");
}

int
main(void)
{
	test_jumps();
	test_foretold();
	test_start();
	test_regret();
	test_rates();
	test_bound();
	return done_testing();
}
