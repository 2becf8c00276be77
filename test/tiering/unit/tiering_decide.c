/*
 * tiering_decide: where the policy "cloudflux" puts objects: those that are always read, never read, small, read in pieces, read once by a
 * scan; how often it has to be asked; and that no history, the cruellest included, costs more than the bound says.
 */
#include "tap.h"
#include "tiering/bound.h"
#include "tiering/decide.h"
#include "tiering_menus.h"

#define GIB ((int64_t) 1 << 30)
#define DAYS 400

typedef struct Life
{
	const CfTariffMenu *menu;
	CfReplayAccess reads[DAYS];
	CfReplayObject object;
	int			cls[DAYS + 1];	/* of each day */
	int			from;			/* days already told */
	int			moves;
	double		usd;
	double		best_usd;
} Life;

/* told writes down in which class the days are from one on. */
static void
told(void *arg, const CfReplayPolicy *policy, uint32_t object, int32_t day, int cls)
{
	Life	   *life = arg;

	(void) policy;
	(void) object;
	for (int32_t d = day; d <= DAYS; d++)
		life->cls[d] = cls;
	life->moves++;
}

/* live replays one object under a policy and gives what it costs. */
static double
live(Life *life, const CfReplayPolicy *policy)
{
	CfReplayHistory history = {&life->object, 1, life->reads, life->object.access_count, 1};
	CfReplayOptions options = {.told = policy->hindsight ? NULL : told,.told_arg = life};
	CfReplayResult result;
	CfArena		arena;
	CfError		err;
	double		usd;

	life->moves = policy->hindsight ? life->moves : -(life->object.start_class == CF_TARIFF_NONE);
	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	if (!cf_replay_check(life->menu, &history, &err) ||
		!cf_replay_run(life->menu, &history, policy, &options, &arena, &result, &err))
		bail("%s", err.message);
	usd = cf_replay_total_usd(life->menu, &result.total);
	cf_arena_free(&arena);
	return usd;
}

/* decided replays the policy "cloudflux". */
static void
decided(Life *life)
{
	CfReplayPolicy policy;

	if (!cf_decide_make(life->menu, NULL, &policy))
		bail("no policy for menu %s", life->menu->name);
	life->usd = live(life, &policy);
}

/* born makes an object without reads. */
static void
born(Life *life, const CfTariffMenu *menu, int64_t size_bytes, int32_t days)
{
	memset(life, 0, sizeof(*life));
	life->menu = menu;
	life->object = (CfReplayObject) {.size_bytes = size_bytes,.last_day = days - 1,.last_read_day = CF_REPLAY_NO_DAY,
		.start_class = CF_TARIFF_NONE
	};
}

/* add_read appends a day with reads. */
static void
add_read(Life *life, int32_t day, uint32_t reads, int64_t bytes)
{
	life->reads[life->object.access_count++] = (CfReplayAccess) {day, reads, bytes};
}

/* class_on is the name of the class of a day. */
static const char *
class_on(const Life *life, int32_t day)
{
	return life->menu->classes[life->cls[day]].name;
}

static void
test_places(void)
{
	CfTariffMenu plain = menu_s3(true, false);
	CfTariffMenu instant = menu_s3(false, false);
	CfTariffMenu one = plain;
	CfReplayPolicy policy;
	static Life life;

	one.count = 1;
	ok(!cf_decide_make(&one, NULL, &policy), "where there is one class there is nothing to decide");

	born(&life, &plain, GIB, DAYS);
	for (int32_t day = 0; day < DAYS; day++)
		add_read(&life, day, 1, GIB);
	decided(&life);
	is_int(life.moves, 0, "an object that is read every day stays in STANDARD");

	born(&life, &plain, GIB, DAYS);
	decided(&life);
	is_str(class_on(&life, 0), "STANDARD", "one that nobody reads begins in STANDARD");
	is_str(class_on(&life, DAYS - 1), "GLACIER_IR", "and ends in GLACIER_IR");

	born(&life, &plain, 4096, DAYS);
	decided(&life);
	is_int(life.moves, 0, "4 KiB that nobody reads would be billed as 128 KiB elsewhere, and stay");

	born(&life, &instant, GIB, DAYS);
	decided(&life);
	is_str(class_on(&life, DAYS - 1), "INTELLIGENT_TIERING", "with Intelligent-Tiering they are left to it");
	is_int(life.moves, 0, "from upload on");
}

static void
test_pieces(void)
{
	CfTariffMenu instant = menu_s3(false, false);
	CfReplayPolicy stay = {0};
	static Life life;

	born(&life, &instant, 100 * GIB, DAYS);
	for (int32_t day = 0; day < DAYS; day++)
		add_read(&life, day, 2, GIB / 10);
	decided(&life);
	is_str(class_on(&life, DAYS - 1), "GLACIER_IR", "a thousandth of an object a day keeps it warm in Intelligent-Tiering, so it goes to GLACIER_IR");
	stay.hindsight = true;
	ok(life.usd < 2 * live(&life, &stay), "and costs less than twice the optimum, not 4.4 times");
}

static void
test_scan(void)
{
	CfTariffMenu plain = menu_s3(true, false);
	static Life life;

	born(&life, &plain, GIB, DAYS);
	add_read(&life, 250, 1, GIB);
	decided(&life);
	is_str(class_on(&life, 250), "GLACIER_IR", "an old object is in GLACIER_IR");
	is_str(class_on(&life, 251), "GLACIER_IR", "one scan that reads everything once does not bring it back");
	is_str(class_on(&life, DAYS - 1), "GLACIER_IR", "nor later");

	born(&life, &plain, GIB, DAYS);
	for (int32_t day = 250; day < DAYS; day++)
		add_read(&life, day, 1, GIB);
	decided(&life);
	ok(strcmp(class_on(&life, 253), "STANDARD") == 0, "reads that go on do, within three days");
}

static void
test_found_there(void)
{
	CfTariffMenu instant = menu_s3(false, false);
	static Life life;

	born(&life, &instant, GIB, DAYS);
	life.object.start_class = 2;
	life.object.created_day = life.object.entered_day = -500;
	decided(&life);
	is_int(life.moves, 0, "an old object in GLACIER_IR stays there");

	born(&life, &instant, GIB, DAYS);
	life.object.start_class = 3;
	life.object.created_day = -500;
	life.object.entered_day = -10;
	life.object.last_read_day = -5;
	decided(&life);
	is_int(life.moves, 0, "one in Intelligent-Tiering too");

	born(&life, &instant, GIB, DAYS);
	life.object.start_class = 0;
	life.object.created_day = life.object.entered_day = 0;
	decided(&life);
	ok(life.moves > 0 && strcmp(class_on(&life, DAYS - 1), "STANDARD") != 0, "one in STANDARD that nobody reads leaves it");
}

static int	asked;

/* counted is the policy's decide, counted. */
static int
counted(const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again)
{
	CfReplayPolicy real;

	asked++;
	cf_decide_make(policy->options, NULL, &real);
	return real.decide(&real, self, mine, view, again);
}

static void
test_asked(void)
{
	CfTariffMenu instant = menu_s3(false, false);
	CfReplayPolicy policy;
	static Life life;

	cf_decide_make(&instant, NULL, &policy);
	policy.decide = counted;
	policy.options = &instant;
	born(&life, &instant, GIB, 36500);
	life.object.start_class = 0;
	live(&life, &policy);
	ok(asked < 60, "about an object that nobody reads for 100 years it is asked %d times", asked);
}

/* cruel lets an object be read whenever it is in a class where that costs something, and not where it does not. */
static void
cruel(Life *life, uint32_t reads, int32_t days)
{
	for (int32_t day = 0; day < days; day++)
	{
		decided(life);
		if (life->menu->classes[life->cls[day]].states[0].retrieval_usd > 0)
			add_read(life, day, reads, reads * life->object.size_bytes);
	}
}

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

/* change flips some days of a history: read, or not read. */
static void
change(Life *life, uint32_t reads, int32_t days)
{
	bool		read[DAYS] = {false};
	int32_t		first = (int32_t) chance((uint32_t) days);
	int32_t		length = 1 + (int32_t) chance(chance(2) ? 3 : 40);

	for (uint32_t i = 0; i < life->object.access_count; i++)
		read[life->reads[i].day] = true;
	for (int32_t day = first; day < days && day < first + length; day++)
		read[day] = length > 3 ? false : !read[day];
	life->object.access_count = 0;
	for (int32_t day = 0; day < days; day++)
	{
		if (read[day])
			add_read(life, day, reads, reads * life->object.size_bytes);
	}
}

/* ratio_of replays a history both ways. */
static double
ratio_of(Life *life)
{
	CfReplayPolicy hindsight = {.name = "hindsight",.hindsight = true};

	decided(life);
	life->best_usd = live(life, &hindsight);
	return life->usd / life->best_usd;
}

/* search climbs to ever worse histories, from the cruel one, and says whether all kept to the bound. */
static bool
search(const CfTariffMenu *menu, uint32_t reads, int steps, double *worst)
{
	static Life life;
	static Life next;
	CfWorkPrices prices;
	CfBound		bound;
	bool		kept;

	born(&life, menu, GIB, DAYS);
	cruel(&life, reads, DAYS);
	cf_workfn_price(menu, GIB, &prices);
	if (!cf_bound(&prices, reads, CF_DECIDE_TRUST, &bound))
		bound.ratio = bound.extra_usd = INFINITY;
	*worst = ratio_of(&life);
	kept = life.usd <= bound.ratio * life.best_usd + bound.extra_usd;
	for (int i = 0; i < steps; i++)
	{
		double		ratio;

		next = life;
		change(&next, reads, DAYS);
		ratio = ratio_of(&next);
		kept = kept && next.usd <= bound.ratio * next.best_usd + bound.extra_usd;
		if (ratio > *worst)
		{
			*worst = ratio;
			life = next;
		}
	}
	note("%s, %u whole reads a day at most: the worst history found costs %.2f times the optimum; bound %.1f and %.2f USD",
		 menu->name, reads, *worst, bound.ratio, bound.extra_usd);
	return kept;
}

static void
test_adversary(void)
{
	CfTariffMenu plain = menu_s3(true, false);
	CfTariffMenu instant = menu_s3(false, false);
	double		worst;

	for (uint32_t reads = 1; reads <= 4; reads *= 2)
	{
		ok(search(&plain, reads, 150, &worst), "no history found costs more than the bound, %u reads a day", reads);
		ok(worst > 2, "and the search does find bad ones");
	}
	search(&instant, 1, 150, &worst);
	ok(worst < 10, "with Intelligent-Tiering no bad history is found");
}

int
main(void)
{
	test_places();
	test_pieces();
	test_scan();
	test_found_there();
	test_asked();
	test_adversary();
	return done_testing();
}
