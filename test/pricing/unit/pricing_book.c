/*
 * pricing_book: which row counts on which day, and what is said when none does.
 */
#include "pricing_prices.h"

static const char *
storage(const char *provider, const char *region, const char *name, int32_t day)
{
	const CfPricingClass *cls = cf_pricing_book_class(&book, provider, region, name, day);

	return cls ? shown(cls->storage_usd) : "none";
}

static void
test_days(void)
{
	cf_pricing_book_init(&book, &arena);
	add_class(-1, "AWS", "r", "STANDARD", (Texts) {.storage = "1", .builtin = true});
	add_class(1, "AWS", "r", "STANDARD", (Texts) {.storage = "2", .from_day = 100, .to_day = 200});
	add_class(2, "AWS", "r", "STANDARD", (Texts) {.storage = "3", .from_day = 200, .to_day = 300});
	add_class(3, "AWS", "r", "OLD", (Texts) {.storage = "4", .to_day = 50});
	add_band(-2, "AWS", "r", "STANDARD", 0, 10, "1");
	add_band(-3, "AWS", "r", "STANDARD", 10, 0, "0.5");
	cf_pricing_book_seal(&book);
	is_str(storage("AWS", "r", "STANDARD", 99), "1", "before a user's row the builtin one counts");
	is_str(storage("AWS", "r", "STANDARD", 100), "2", "a row counts from its first day");
	is_str(storage("AWS", "r", "STANDARD", 199), "2", "until the day before its last");
	is_str(storage("AWS", "r", "STANDARD", 200), "3", "the next row follows");
	is_str(storage("AWS", "r", "STANDARD", 300), "1", "after the last one the builtin row counts again");
	is_str(storage("AWS", "r", "OLD", 49), "4", "a class that has ended");
	is_str(storage("AWS", "r", "OLD", 50), "none", "has no price any more");
	is_int(cf_pricing_book_ladder(&book, cf_pricing_book_class(&book, "AWS", "r", "STANDARD", 99), 99).count, 2,
		   "builtin bands refine a builtin price");
	is_int(cf_pricing_book_ladder(&book, cf_pricing_book_class(&book, "AWS", "r", "STANDARD", 100), 100).count, 0,
		   "not a user's");

	CfPricingBand own = band(5, "AWS", "r", "STANDARD", "", 0, 0, "1.9");

	own.row.builtin = false;
	own.row.from_day = 100;
	ok(cf_pricing_book_add_band(&book, &own, &err), "a user's band");
	cf_pricing_book_seal(&book);
	is_int(cf_pricing_book_ladder(&book, cf_pricing_book_class(&book, "AWS", "r", "STANDARD", 100), 100).count, 1, "is used");
	is_int(cf_pricing_book_ladder(&book, cf_pricing_book_class(&book, "AWS", "r", "STANDARD", 99), 99).count, 2,
		   "before its time the builtin ladder is, whole");
}

static void
test_gap(void)
{
	CfPricingUsage usage;
	CfPricingQuote quote;
	CfMoney		sum;

	cf_pricing_book_init(&book, &arena);
	add_class(1, "AWS", "r", "C", (Texts) {.storage = "1", .builtin = true});
	add_band(2, "AWS", "r", "C", 0, 10, "1");
	add_band(3, "AWS", "r", "C", 20, 0, "1");
	cf_pricing_book_seal(&book);
	cf_pricing_usage_init(&usage, TODAY, 730);
	usage.byte_hours = (CfInt128) 15 * GB * 730;
	ok(cf_pricing_quote(&book, cf_pricing_book_class(&book, "AWS", "r", "C", TODAY), &usage, &quote, &err) &&
	   cf_pricing_total(&quote, CF_PRICING_STORAGE, CF_PRICING_STORAGE, &sum, &err) && !cf_money_known(sum),
	   "what no band covers has no price");
}

static void
test_names(void)
{
	make_book();
	is_str(class_of("Azure", "eastus", "Cool")->row.name, "COOL_LRS", "Azure's own word, locally redundant");
	is_str(class_of("AWS", "us-east-1", "glacier")->row.name, "GLACIER", "any case");
	is_str(class_of("AWS", "us-east-1", "INTELLIGENT_TIERING")->row.name, "INTELLIGENT_TIERING_FA", "the class of S3 begins as frequent access");
	ok(cf_pricing_book_class(&book, "AWS", "us-east-1", "", TODAY) == NULL, "no class has no name");
	ok(cf_pricing_book_class(&book, "AWS", "us-east-1", "a_name_of_a_class_that_is_far_longer_than_any_provider_would_ever_use", TODAY) == NULL,
	   "a name that is too long is no class");

	ok(cf_pricing_book_need(&book, "IBM", "r", "C", TODAY, &err) == NULL && err.kind == CF_ERR_INPUT, "%s", err.message);
	is_str(err.detail, "Known clouds: AWS, Azure, GCP.", "the error lists the clouds");
	ok(cf_pricing_book_need(&book, "Azure", "mars", "C", TODAY, &err) == NULL, "%s", err.message);
	is_str(err.detail, "Known regions: eastus, westus.", "or the regions");
	ok(cf_pricing_book_need(&book, "GCP", "us-central1", "C", TODAY, &err) == NULL, "%s", err.message);
	is_str(err.detail, "Known classes there: ARCHIVE, AUTOCLASS_ARCHIVE, AUTOCLASS_STANDARD, NEARLINE, STANDARD.", "or the classes");

	CfPricingBook many;
	static char names[400][40];

	cf_pricing_book_init(&many, &arena);
	for (int i = 0; i < 400; i++)
	{
		CfPricingClass cls = *class_of("AWS", "us-east-1", "STANDARD");

		snprintf(names[i], sizeof(names[i]), "A_CLASS_WITH_A_LONG_NAME_%03d", i);
		cls.row.name = names[i];
		cf_pricing_book_add_class(&many, &cls, &err);
	}
	cf_pricing_book_seal(&many);
	ok(cf_pricing_book_need(&many, "AWS", "us-east-1", "C", TODAY, &err) == NULL && strlen(err.detail) < 1100 &&
	   strstr(err.detail, "_033.") != NULL, "a long list is cut at a name");

	is_str(cf_pricing_book_standard(&book, class_of("Azure", "eastus", "ARCHIVE_LRS"), TODAY)->row.name, "HOT_LRS", "Azure's standard class");

	int			at = 0;
	int			count = 0;

	while (cf_pricing_book_next(&book, "GCP", "us-central1", TODAY, &at) != NULL)
		count++;
	is_int(count, 5, "the classes of a region, one after the other");
	at = 0;
	ok(cf_pricing_book_next(&book, "GCP", "zzz", TODAY, &at) == NULL, "none of a region without classes");
}

static void
test_world(void)
{
	static const char *const regions[][2] = {
		{"us-east-1", "north_america"}, {"eu-west-1", "europe"}, {"ap-southeast-2", "australia"},
		{"ap-southeast-3", "indonesia_oceania"}, {"ap-northeast-1", "asia"}, {"sa-east-1", "latin_america"},
		{"me-central-1", "middle_east_africa"}, {"cn-north-1", "china"}, {"europe-west4", "europe"},
		{"australia-southeast1", "australia"}, {"southamerica-east1", "latin_america"}, {"africa-south1", "middle_east_africa"},
		{"eastus", "north_america"}, {"westeurope", "europe"}, {"uksouth", "europe"}, {"southeastasia", "asia"},
		{"australiaeast", "australia"}, {"centralindia", "asia"}, {"brazilsouth", "latin_america"}, {"uaenorth", "middle_east_africa"},
	{"canadacentral", "north_america"}, {"moon", ""}};

	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
		is_str(cf_pricing_area(regions[i][0]), regions[i][1], "%s lies in \"%s\"", regions[i][0], regions[i][1]);

	is_int(cf_pricing_month_hours("AWS", 2026, 3), 744, "March has 744 hours");
	is_int(cf_pricing_month_hours("AWS", 2026, 2), 672, "February 672");
	is_int(cf_pricing_month_hours("Azure", 2028, 2), 696, "696 in a leap year");
	is_int(cf_pricing_month_hours("AWS", 2100, 2), 672, "2100 is none");
	is_int(cf_pricing_month_hours("AWS", 2000, 2), 696, "2000 was one");
	is_int(cf_pricing_month_hours("GCP", 2026, 2), 730, "Google's months have 730");
	is_int(cf_pricing_month_hours("AWS", 2026, 13), 730, "an impossible month is a mean one");
}

/* An arena that fails at the n-th block: whatever is added, the book says so and nothing breaks. */
static int	blocks_left;

static void *
scarce_alloc(void *ctx, size_t size)
{
	return blocks_left-- > 0 ? cf_arena_malloc.alloc(ctx, size) : NULL;
}

static void
test_memory(void)
{
	CfAllocator scarce = {scarce_alloc, cf_arena_malloc.free, NULL};
	CfPricingClass cls = *class_of("AWS", "us-east-1", "STANDARD");
	CfPricingBand row = band(1, "AWS", "r", "C", "", 0, 0, "1");
	CfPricingRestore restore = {.row = row.row};

	for (int n = 0; n < 4; n++)
	{
		CfArena		small;
		CfPricingBook poor;
		bool		good = true;

		blocks_left = n;
		cf_arena_init(&small, &scarce, 1024, 0);
		cf_pricing_book_init(&poor, &small);
		for (int i = 0; i < 100 && good; i++)
			good = cf_pricing_book_add_class(&poor, &cls, &err) && cf_pricing_book_add_band(&poor, &row, &err) &&
				cf_pricing_book_add_restore(&poor, &restore, &err) && cf_pricing_book_add_egress(&poor, &row, &err);
		ok(!good && err.kind == CF_ERR_MEMORY, "short of memory at block %d", n + 1);
		cf_arena_free(&small);
	}
}

int
main(void)
{
	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	test_days();
	test_gap();
	cf_arena_free(&arena);
	test_names();
	test_world();
	test_memory();
	cf_arena_free(&arena);
	return done_testing();
}
