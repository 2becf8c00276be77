/*
 * pricing_discount: contracts over the book: which discount counts when, and what it does to each price.
 */
#include "pricing_prices.h"

#define SPRING (TODAY - 100)
#define AUTUMN (TODAY + 100)

static CfPricingQuote quote;

static void
discount(int64_t id, const char *region, const char *name, const char *price, int from, int to, const char *percent, const char *usd)
{
	CfPricingDiscount row = {{id, "AWS", region, name, price, from, to, false, 0, CF_PRICING_BYTES_MAX}, money(percent), money(usd)};

	if (!cf_pricing_book_add_discount(&book, &row, &err))
		bail("%s", err.message);
}

/* contract starts a fresh book, to which discounts are added. */
static void
contract(void)
{
	cf_pricing_book_init(&book, &arena);
	add_aws("us-east-1", 100);
	add_aws("us-east-2", 200);
}

static void
sign(void)
{
	if (!cf_pricing_book_discount(&book, &err))
		bail("%s", err.message);
	cf_pricing_book_seal(&book);
}

/* priced quotes one thing of a usage on a day and tells its unit price and the discount in it. */
static const char *
priced(const char *region, const char *name, CfPricingKind kind, int day)
{
	static char text[8][CF_MONEY_TEXT + 32];
	static int	at;
	CfPricingUsage usage;

	at = (at + 1) % 8;
	cf_pricing_usage_init(&usage, day, 730);
	usage.byte_hours = (CfInt128) 100 * GB * 730;
	usage.object_hours = 730;
	usage.puts = usage.gets = usage.lists = usage.others = usage.transitions = usage.restores = 1000;
	usage.read_bytes = usage.written_bytes = usage.restored_bytes = usage.deleted_bytes = GB;
	usage.egress_bytes = 200 * GB;
	usage.egress_bytes_before = 50 * GB;
	if (!cf_pricing_quote(&book, cf_pricing_book_need(&book, "AWS", region, name, day, &err), &usage, &quote, &err))
		bail("%s", err.message);
	text[at][0] = '\0';
	for (int i = 0; i < quote.count; i++)
	{
		if (quote.terms[i].kind == kind)
			snprintf(text[at] + strlen(text[at]), sizeof(text[at]) - strlen(text[at]), "%s%s/%ld", text[at][0] ? " " : "",
					 shown(quote.terms[i].unit_usd), (long) quote.terms[i].discount_id);
	}
	return text[at];
}

static void
test_dates(void)
{
	contract();
	discount(7, "us-east-1", "STANDARD", "storage", SPRING, AUTUMN, "10", NULL);
	sign();
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_STORAGE, SPRING - 1), "0.023/0", "the day before: the list price");
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_STORAGE, SPRING), "0.0207/7", "from its first day: ten per cent less, and the term names the row");
	is_int(quote.terms[0].price_id, 121, "beside the row of the book");
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_STORAGE, AUTUMN - 1), "0.0207/7", "to the day before it ends");
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_STORAGE, AUTUMN), "0.023/0", "then the list price again");
	is_str(priced("us-east-1", "STANDARD_IA", CF_PRICING_STORAGE, TODAY), "0.0125/0", "other classes are not concerned");
	is_str(priced("us-east-2", "STANDARD", CF_PRICING_STORAGE, TODAY), "0.023/0", "nor other regions");
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_PUT, TODAY), "0.005/0", "nor other prices");
}

static void
test_bands(void)
{
	CfPricingUsage usage;

	contract();
	discount(7, "", "", "storage", CF_PRICING_DAY_MIN, CF_PRICING_DAY_MAX, "50", NULL);
	discount(8, "us-east-2", "standard", "storage", SPRING, AUTUMN, NULL, "0.02");
	sign();
	cf_pricing_usage_init(&usage, TODAY, 730);
	usage.byte_hours = (CfInt128) 600000 * GB * 730;
	cf_pricing_quote(&book, class_of("AWS", "us-east-1", "STANDARD"), &usage, &quote, &err);
	is_int(quote.count, 3, "a ladder keeps its bands");
	is_str(shown(quote.terms[2].unit_usd), "0.0105", "each with its discount");
	cf_pricing_quote(&book, class_of("AWS", "us-east-2", "STANDARD"), &usage, &quote, &err);
	is_str(shown(quote.terms[2].unit_usd), "0.02", "a replaced price is that of every band, its class named in any case");
	usage.day = AUTUMN;
	cf_pricing_quote(&book, class_of("AWS", "us-east-2", "STANDARD"), &usage, &quote, &err);
	is_str(shown(quote.terms[2].unit_usd), "0.0105", "the general one holds after the special one has ended");
}

static void
test_specific(void)
{
	contract();
	discount(1, "", "", "", CF_PRICING_DAY_MIN, CF_PRICING_DAY_MAX, "1", NULL);
	discount(2, "", "", "get", CF_PRICING_DAY_MIN, CF_PRICING_DAY_MAX, "2", NULL);
	discount(3, "us-east-1", "", "", CF_PRICING_DAY_MIN, CF_PRICING_DAY_MAX, "3", NULL);
	discount(4, "us-east-1", "", "get", CF_PRICING_DAY_MIN, CF_PRICING_DAY_MAX, "4", NULL);
	discount(5, "", "STANDARD", "", CF_PRICING_DAY_MIN, CF_PRICING_DAY_MAX, "5", NULL);
	discount(6, "", "STANDARD", "get", SPRING, AUTUMN, "6", NULL);
	discount(9, "", "STANDARD", "get", AUTUMN, CF_PRICING_DAY_MAX, "100", NULL);
	sign();
	is_str(priced("us-east-2", "GLACIER", CF_PRICING_PUT, TODAY), "0.0297/1", "for the whole cloud");
	is_str(priced("us-east-2", "GLACIER", CF_PRICING_GET, TODAY), "0.000392/2", "for one price of it");
	is_str(priced("us-east-1", "GLACIER", CF_PRICING_PUT, TODAY), "0.0291/3", "for a region");
	is_str(priced("us-east-1", "GLACIER", CF_PRICING_GET, TODAY), "0.000384/4", "for one price of a region");
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_PUT, TODAY), "0.00475/5", "a class goes before a region");
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_GET, TODAY), "0.000376/6", "and a price of it before that");
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_GET, AUTUMN), "0/9", "a hundred per cent is free, and named");
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_LIST, TODAY), "0.00475/5", "a listing has the discount of the price that it is billed at");
	is_str(priced("us-east-1", "GLACIER", CF_PRICING_OVERHEAD_STANDARD, TODAY), "0.02185/5", "and so what archives are billed at the STANDARD rate");
	is_str(priced("us-east-1", "GLACIER", CF_PRICING_RESTORE, TODAY), "0.0485/3", "restore requests");
	is_str(priced("us-east-1", "GLACIER", CF_PRICING_RESTORE_RETRIEVAL, TODAY), "0.0097/3", "and the bytes restored");
	is_str(priced("us-east-1", "GLACIER", CF_PRICING_EARLY_DELETE, TODAY), "0.003492/3", "and early deletion");
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_EGRESS, TODAY), "0/0 0.0873/3", "egress belongs to no class; what is free stays so");
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_TRANSITION, TODAY), "unknown/0", "and what has no price gets none");
	is_str(priced("us-east-1", "EXPRESS_ONEZONE", CF_PRICING_UPLOAD, TODAY), "0.003104/3", "bytes written");
	is_str(priced("us-east-1", "STANDARD_IA", CF_PRICING_RETRIEVAL, TODAY), "0.0097/3", "bytes read");
	is_str(priced("us-east-1", "INTELLIGENT_TIERING_FA", CF_PRICING_MONITORING, TODAY), "0.002425/3", "objects monitored");
}

static void
test_egress_and_moves(void)
{
	CfPricingMove move = {.source = {"AWS", "us-east-1", "STANDARD"}, .dest = {"AWS", "us-east-2", "STANDARD"}, .day = TODAY,
		.source_month_hours = 730, .dest_month_hours = 730, .size_bytes = 1000 * GB};
	CfPricingMoveQuote quoted;

	contract();
	discount(7, "us-east-1", "", "egress", SPRING, AUTUMN, NULL, "0.001");
	sign();
	if (!cf_pricing_move(&book, &move, &quoted, &err))
		bail("%s", err.message);
	is_str(shown(quoted.egress_usd), "1", "moves have the contract's prices");
	move.day = AUTUMN;
	cf_pricing_move(&book, &move, &quoted, &err);
	is_str(shown(quoted.egress_usd), "10", "while it holds");
}

static void
test_names(void)
{
	for (int price = 0; price < CF_PRICES; price++)
		ok(cf_pricing_price_name((CfPricingPrice) price)[0] != '\0', "price %s", cf_pricing_price_name((CfPricingPrice) price));
	contract();
	discount(7, "", "", "nothing", SPRING, AUTUMN, "50", NULL);
	sign();
	is_str(priced("us-east-1", "STANDARD", CF_PRICING_STORAGE, TODAY), "0.023/0", "a discount on what is no price does nothing");
}

int
main(void)
{
	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	test_dates();
	test_bands();
	test_specific();
	test_egress_and_moves();
	test_names();
	cf_arena_free(&arena);
	return done_testing();
}
