/*
 * pricing_properties: what must hold for every usage on every class, on random ones.
 *
 *	monotone	more of any one quantity never costs less, and holding longer never makes leaving dearer
 *	additive	what lies in one band costs what the same lot costs alone in that band; bands leave nothing out
 *	invariant	a month cut into pieces is billed for the same quantities at the same prices, when the bands carry over
 *
 * Quantities are exact, so their sums are compared exactly; an amount is rounded once per term, at the 18th decimal, so sums of
 * amounts may differ by one such unit per term and no more. The seed is fixed; a failure prints the usage that broke the rule.
 */
#include "pricing_prices.h"

#define ROUNDS 1500
#define PIECES 5

static uint64_t seed = 20261122;

static CfPricingQuote quote;

/* The quantities that a bill may not fall with. */
static const struct
{
	const char *name;
	size_t		offset;
	bool		wide;			/* CfInt128 */
}			quantities[] = {
	{"byte_hours", offsetof(CfPricingUsage, byte_hours), true},
	{"object_hours", offsetof(CfPricingUsage, object_hours), true},
	{"padding_byte_hours", offsetof(CfPricingUsage, padding_byte_hours), true},
	{"monitored_object_hours", offsetof(CfPricingUsage, monitored_object_hours), true},
	{"restore_copy_byte_hours", offsetof(CfPricingUsage, restore_copy_byte_hours), true},
	{"puts", offsetof(CfPricingUsage, puts), false}, {"gets", offsetof(CfPricingUsage, gets), false},
	{"lists", offsetof(CfPricingUsage, lists), false}, {"others", offsetof(CfPricingUsage, others), false},
	{"transitions", offsetof(CfPricingUsage, transitions), false},
	{"written_bytes", offsetof(CfPricingUsage, written_bytes), false},
	{"read_bytes", offsetof(CfPricingUsage, read_bytes), false},
	{"restores", offsetof(CfPricingUsage, restores), false},
	{"restored_bytes", offsetof(CfPricingUsage, restored_bytes), false},
	{"deleted_bytes", offsetof(CfPricingUsage, deleted_bytes), false},
	{"deleted_objects", offsetof(CfPricingUsage, deleted_objects), false},
	{"egress_bytes", offsetof(CfPricingUsage, egress_bytes), false},
};

#define QUANTITIES ((int) (sizeof(quantities) / sizeof(quantities[0])))

/* random_up_to is uniform from 0 to limit - 1. */
static int64_t
random_up_to(int64_t limit)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (int64_t) ((seed >> 11) % (uint64_t) limit);
}

/* random_size has about as many small values as large ones. */
static int64_t
random_size(int bits)
{
	return random_up_to(INT64_C(1) << (1 + random_up_to(bits)));
}

static CfInt128
get(const CfPricingUsage *usage, int which)
{
	const char *field = (const char *) usage + quantities[which].offset;
	CfInt128	wide;
	int64_t		narrow;

	if (quantities[which].wide)
	{
		memcpy(&wide, field, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, field, sizeof(narrow));
	return narrow;
}

static void
set(CfPricingUsage *usage, int which, CfInt128 value)
{
	char	   *field = (char *) usage + quantities[which].offset;
	int64_t		narrow = (int64_t) value;

	if (quantities[which].wide)
		memcpy(field, &value, sizeof(value));
	else
		memcpy(field, &narrow, sizeof(narrow));
}

static const CfPricingClass *
random_class(void)
{
	const CfPricingClass *cls;

	do
		cls = &((const CfPricingClass *) book.classes.items)[random_up_to(book.classes.count)];
	while (cf_pricing_book_class(&book, cls->row.provider, cls->row.region, cls->row.name, TODAY) != cls);
	return cls;
}

/* random_usage uses some of everything that the class has a price for. */
static CfPricingUsage
random_usage(const CfPricingClass *cls)
{
	CfPricingUsage usage;

	cf_pricing_usage_init(&usage, TODAY, 672 + 24 * (int32_t) random_up_to(4));
	for (int i = 0; i < QUANTITIES; i++)
		set(&usage, i, random_up_to(4) == 0 ? 0 : (CfInt128) random_size(40) * (quantities[i].wide ? random_size(25) : 1));
	usage.stored_days = (int32_t) random_up_to(400);
	usage.byte_hours_before = (CfInt128) random_size(50) * random_size(12);
	usage.egress_bytes_before = random_size(48);
	usage.restore_option = random_up_to(2) ? "BULK" : "STANDARD";
	usage.egress_destination = random_up_to(2) ? "internet" : "other_region";
	/* What has no price makes every total unknown, which says nothing. */
	if (!cf_money_known(cls->transition_usd))
		usage.transitions = 0;
	if (!cf_money_known(cls->list_usd))
		usage.lists = 0;
	if (cls->restore_seconds == 0)
		usage.restores = usage.restored_bytes = 0;
	return usage;
}

/* bill is the sum of a usage's terms; what is unknown counts as nothing, the same in every bill that is compared. */
static CfMoney
bill(const CfPricingClass *cls, const CfPricingUsage *usage)
{
	CfMoney		sum = 0;

	if (!cf_pricing_quote(&book, cls, usage, &quote, &err))
		bail("%s", err.message);
	for (int i = 0; i < quote.count; i++)
		sum += cf_money_known(quote.terms[i].amount_usd) ? quote.terms[i].amount_usd : 0;
	return sum;
}

static void
test_monotone(void)
{
	int			fell[QUANTITIES] = {0};
	int			grew[QUANTITIES] = {0};
	int			dearer = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		const CfPricingClass *cls = random_class();
		CfPricingUsage usage = random_usage(cls);
		CfMoney		before = bill(cls, &usage);

		for (int i = 0; i < QUANTITIES; i++)
		{
			CfPricingUsage more = usage;
			CfMoney		after;

			set(&more, i, get(&usage, i) + 1 + random_size(40));
			after = bill(cls, &more);
			fell[i] += after < before;
			grew[i] += after > before;
		}
		usage.stored_days += (int32_t) random_up_to(100);
		dearer += bill(cls, &usage) > before;
	}
	for (int i = 0; i < QUANTITIES; i++)
		ok(fell[i] == 0 && grew[i] > 0, "more %s never costs less (%d random usages, %d of which it makes dearer)",
		   quantities[i].name, ROUNDS, grew[i]);
	is_int(dearer, 0, "who has held longer pays no more for leaving");
}

/* A term lies in one band: its price is that of the band, and its bytes fit in. */
static bool
lies_in_band(const CfPricingTerm *term, const CfPricingLadder *ladder, CfInt128 at, CfInt128 hours)
{
	for (int i = 0; i < ladder->count; i++)
	{
		const CfPricingBand *band = &ladder->bands[i];

		if (band->row.id == term->price_id)
			return band->usd == term->unit_usd && at >= (CfInt128) band->row.from_bytes * hours &&
				(band->row.to_bytes == CF_PRICING_BYTES_MAX || at + term->num <= (CfInt128) band->row.to_bytes * hours);
	}
	return false;
}

static void
test_bands(void)
{
	int			gaps = 0;
	int			strays = 0;
	int			uneven = 0;
	int			crossed = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		const CfPricingClass *cls = class_of("AWS", "us-east-1", "STANDARD");
		CfPricingLadder ladder = cf_pricing_book_ladder(&book, cls, TODAY);
		CfPricingUsage usage;
		CfPricingQuote whole;
		CfInt128	at;

		cf_pricing_usage_init(&usage, TODAY, 720);
		at = usage.byte_hours_before = (CfInt128) random_up_to(INT64_C(1) << 50) * random_up_to(720);
		usage.byte_hours = (CfInt128) random_up_to(INT64_C(1) << 50) * (1 + random_up_to(720));
		bill(cls, &usage);
		whole = quote;
		crossed += whole.count > 1;
		for (int i = 0; i < whole.count; i++)
		{
			CfPricingUsage alone = usage;

			strays += !lies_in_band(&whole.terms[i], &ladder, at, 720);
			alone.byte_hours_before = at;
			alone.byte_hours = whole.terms[i].num;
			bill(cls, &alone);
			uneven += quote.count != 1 || quote.terms[0].amount_usd != whole.terms[i].amount_usd ||
				quote.terms[0].price_id != whole.terms[i].price_id;
			at += whole.terms[i].num;
		}
		gaps += at != usage.byte_hours_before + usage.byte_hours;
	}
	ok(crossed > ROUNDS / 10, "%d of %d random usages reach several bands", crossed, ROUNDS);
	is_int(strays, 0, "each term lies in the band whose price it has");
	is_int(gaps, 0, "the bands leave nothing out and count nothing twice");
	is_int(uneven, 0, "what lies in a band costs, to the last decimal, what it costs alone");
}

/* add_quantities adds up the exact quantities of a quote per kind and price row; denominators of one kind are the same in one month. */
typedef struct Sums
{
	int			count;
	struct
	{
		CfPricingKind kind;
		int64_t		price_id;
		CfInt128	num;
	}			sums[CF_PRICING_TERMS_MAX];
} Sums;

static void
add_quantities(Sums *sums)
{
	for (int i = 0; i < quote.count; i++)
	{
		const CfPricingTerm *term = &quote.terms[i];
		int			at = 0;

		while (at < sums->count && (sums->sums[at].kind != term->kind || sums->sums[at].price_id != term->price_id))
			at++;
		if (at == sums->count)
		{
			sums->sums[at].kind = term->kind;
			sums->sums[at].price_id = term->price_id;
			sums->sums[at].num = 0;
			sums->count++;
		}
		sums->sums[at].num += term->num;
	}
}

static bool
same_quantities(const Sums *a, const Sums *b)
{
	if (a->count != b->count)
		return false;
	for (int i = 0; i < a->count; i++)
	{
		bool		found = false;

		for (int k = 0; k < b->count; k++)
			found = found || (a->sums[i].kind == b->sums[k].kind && a->sums[i].price_id == b->sums[k].price_id &&
							  a->sums[i].num == b->sums[k].num);
		if (!found)
			return false;
	}
	return true;
}

static void
test_split(void)
{
	int			other_quantities = 0;
	int			other_amounts = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		const CfPricingClass *cls = random_class();
		CfPricingUsage usage = random_usage(cls);
		CfPricingUsage left = usage;
		CfMoney		whole;
		CfMoney		parts = 0;
		Sums		once = {0};
		Sums		cut = {0};
		int			terms;

		whole = bill(cls, &usage);
		terms = quote.count;
		add_quantities(&once);
		for (int piece = 0; piece < PIECES; piece++)
		{
			CfPricingUsage part = left;

			for (int i = 0; i < QUANTITIES; i++)
			{
				CfInt128	all = get(&left, i);
				CfInt128	some = piece == PIECES - 1 ? all : all / 1000 * random_up_to(1001);

				/* A minimum size counts per lot that is deleted, so lots are not cut. */
				if (strncmp(quantities[i].name, "deleted", 7) == 0)
					some = piece == 0 ? all : 0;
				set(&part, i, some);
				set(&left, i, all - some);
			}
			parts += bill(cls, &part);
			terms += quote.count;
			add_quantities(&cut);
			left.byte_hours_before += part.byte_hours;
			left.egress_bytes_before += part.egress_bytes;
		}
		other_quantities += !same_quantities(&once, &cut);
		other_amounts += parts - whole > terms || whole - parts > terms;
	}
	is_int(other_quantities, 0, "a month in %d pieces: the same quantities at the same price rows, exactly (%d random usages)", PIECES, ROUNDS);
	is_int(other_amounts, 0, "and the same money, but for the rounding of each term");
}

int
main(void)
{
	make_book();
	test_monotone();
	test_bands();
	test_split();
	cf_arena_free(&arena);
	return done_testing();
}
