/*
 * pricing_quote: the providers' own worked examples, term by term, and what must hold for every usage.
 *
 * The examples are those that AWS, Microsoft, Google and the infracost project publish, with the prices that they use.
 */
#include "pricing_prices.h"

#define AWS(name) class_of("AWS", "us-east-1", name)
#define EASTUS(name) class_of("Azure", "eastus", name)
#define WESTUS(name) class_of("Azure", "westus", name)

static CfPricingUsage usage;
static CfPricingQuote quote;

/* month starts a usage of so many GB for the whole of a month. */
static void
month(int64_t gigabytes, int hours)
{
	cf_pricing_usage_init(&usage, TODAY, hours);
	usage.byte_hours = (CfInt128) gigabytes * GB * hours;
}

/* price quotes the usage on cls. */
static void
price(const CfPricingClass *cls)
{
	if (!cf_pricing_quote(&book, cls, &usage, &quote, &err))
		bail("%s", err.message);
}

static const char *
total(CfPricingKind first, CfPricingKind last)
{
	CfMoney		sum;

	if (!cf_pricing_total(&quote, first, last, &sum, &err))
		bail("%s", err.message);
	return shown(sum);
}

static const char *
of(CfPricingKind kind)
{
	return total(kind, kind);
}

static const char *
all(void)
{
	return total(CF_PRICING_STORAGE, CF_PRICING_EGRESS);
}

static const char *
cents(void)
{
	CfMoney		sum;

	cf_pricing_total(&quote, CF_PRICING_STORAGE, CF_PRICING_EGRESS, &sum, &err);
	return shown(cf_money_round(sum, 2));
}

static void
test_s3_faq(void)
{
	month(0, 744);
	cf_int128_parse("42259901212262400", 17, &usage.byte_hours, &err);
	price(AWS("STANDARD"));
	is_int(quote.count, 2, "S3 FAQ, storage in March: two bands");
	is_str(shown(quote.terms[0].amount_usd), "1177.6", "51,200 GB-months at 0.023");
	is_str(shown(quote.terms[1].amount_usd), "37.4", "1,700 GB-months at 0.022");
	is_int(quote.terms[1].price_id, 122, "each term names its price row");
	is_str(all(), "1215", "together 1,215.00");

	month(0, 744);
	usage.puts = 310000;
	usage.gets = 620000;
	price(AWS("STANDARD"));
	is_str(of(CF_PRICING_PUT), "1.55", "S3 FAQ, 310,000 PUT");
	is_str(of(CF_PRICING_GET), "0.248", "620,000 GET");
	is_int(quote.count, 2, "DELETE is free: no term");

	month(0, 744);
	usage.read_bytes = 300 * GB;
	usage.byte_hours = 6144 * 744;
	usage.object_hours = 744;
	price(AWS("STANDARD_IA"));
	is_str(of(CF_PRICING_RETRIEVAL), "3", "S3 FAQ, 300 GB retrieved from IA");
	ok(quote.terms[0].num == 6144 * 744 && quote.terms[1].kind == CF_PRICING_PADDING &&
	   quote.terms[1].num == (CfInt128) 122 * 1024 * 744, "a 6 KB object is billed as 6 KB and 122 KB");

	month(100000, 744);
	usage.object_hours = 100000 * 744;
	price(AWS("GLACIER"));
	is_str(cents(), "360.03", "S3 FAQ, overhead of 100,000 archived objects");
	is_str(of(CF_PRICING_OVERHEAD), "0.010986328125", "32 KB each at the Glacier rate");
	is_str(of(CF_PRICING_OVERHEAD_STANDARD), "0.017547607421875", "8 KB each at the Standard rate");

	month(0, 720);
	usage.restores = 15000000;
	usage.restored_bytes = 102400 * GB;
	price(AWS("GLACIER"));
	is_str(all(), "1774", "re:Post, 15 million standard restores of 102,400 GB");
}

static void
test_google(void)
{
	const CfPricingClass *nearline = class_of("GCP", "us-central1", "NEARLINE");

	month(50, 730);
	usage.puts = 10000;
	usage.gets = 50000;
	usage.egress_bytes = GB;
	usage.egress_bytes_before = 100 * GB;
	price(class_of("GCP", "us-central1", "STANDARD"));
	is_str(all(), "1.19", "Google's simple example");

	cf_pricing_usage_init(&usage, TODAY, 720);
	usage.byte_hours = (CfInt128) 1000 * GB * 15 * 24;
	usage.deleted_bytes = 1000 * GB;
	usage.stored_days = 15;
	price(nearline);
	is_str(of(CF_PRICING_STORAGE), "5", "Google's Nearline example: 15 days of 1,000 GB");
	is_str(of(CF_PRICING_EARLY_DELETE), "5", "and 15 more for early deletion");
	usage.stored_days = 30;
	price(nearline);
	is_str(of(CF_PRICING_EARLY_DELETE), "0", "nothing once the minimum duration is over");
}

static void
test_azure(void)
{
	static const char *const names[] = {"ARCHIVE_LRS", "COLD_LRS", "COOL_LRS"};
	static const char *const estimate[] = {"42.62", "71.38", "167.91"};

	month(0, 730);
	usage.restores = 400;
	usage.restored_bytes = 4000 * GB;
	usage.deleted_bytes = 4000 * GB;
	usage.deleted_objects = 400;
	usage.stored_days = 90;
	price(WESTUS("ARCHIVE_LRS"));
	is_str(of(CF_PRICING_RESTORE), "0.22", "Azure, archive to hot: 400 reads");
	is_str(of(CF_PRICING_RESTORE_RETRIEVAL), "88", "4,000 GB");
	is_str(of(CF_PRICING_EARLY_DELETE), "24", "90 days too early");
	is_str(all(), "112.22", "together 112.22");

	for (int i = 0; i < 3; i++)
	{
		month(10240, 730);
		usage.puts = 200000;
		usage.gets = 20000;
		usage.read_bytes = 1024 * GB;
		price(EASTUS(names[i]));
		is_str(cents(), estimate[i], "Azure, 10 TB a month in %s", names[i]);
	}

	CfMoney		year = 0;

	for (int m = 1; m <= 12; m++)
	{
		month(102400, 730);
		usage.puts = m == 1 ? 2000000 : 0;
		usage.gets = 20000;
		usage.read_bytes = 1024 * GB;
		price(EASTUS("ARCHIVE_LRS"));
		if (m <= 2)
			is_str(cents(), m == 1 ? "151.86" : "131.86", "Azure, one-time backup, month %d", m);
		CfMoney		sum;

		cf_pricing_total(&quote, CF_PRICING_STORAGE, CF_PRICING_EGRESS, &sum, &err);
		cf_money_add(&year, sum, &err);
	}
	is_str(shown(year), "1602.272", "the year, unrounded");

	year = 0;
	for (int m = 1; m <= 12; m++)
	{
		static const char *const first[] = {"15.19", "28.37", "41.56"};
		CfMoney		sum;

		cf_pricing_usage_init(&usage, TODAY, 730);
		usage.byte_hours = (CfInt128) 10240 * m * GB * 730;
		usage.puts = 200000;
		usage.gets = 2000 * m;
		usage.read_bytes = 10240 * (int64_t) m * GB / 100;
		price(EASTUS("ARCHIVE_LRS"));
		if (m <= 3)
			is_str(cents(), first[m - 1], "Azure, continuous tiering, month %d", m);
		cf_pricing_total(&quote, CF_PRICING_STORAGE, CF_PRICING_EGRESS, &sum, &err);
		cf_money_add(&year, sum, &err);
	}
	is_str(shown(cf_money_round(year, 2)), "1052.48", "the year");

	month(0, 730);
	usage.restores = 1000;
	usage.restored_bytes = GB;
	price(EASTUS("ARCHIVE_LRS"));
	is_str(all(), "0.52", "Azure, 1,000 blobs of 1 GB rehydrated");
}

static void
test_azcopy(void)
{
	static const char *const names[] = {"HOT_LRS", "COOL_LRS", "COLD_LRS"};
	static const char *const million[] = {"7045.5", "12810", "23058"};
	static const char *const small[] = {"3.52594", "6.41044", "11.53852"};
	static const char *const shown_there[] = {"3.53", "6.41", "11.54"};

	for (int i = 0; i < 3; i++)
	{
		month(0, 730);
		usage.puts = 1281000000;
		price(WESTUS(names[i]));
		is_str(all(), million[i], "AzCopy, a million blobs in blocks, %s", names[i]);
		usage.puts = 641000;
		usage.others = 1000;
		price(WESTUS(names[i]));
		is_str(all(), small[i], "AzCopy, 641,000 writes and 1,000 other operations, %s", names[i]);
		is_str(cents(), shown_there[i], "to the cent %s", shown_there[i]);
	}
}

/* expect prices the usage and compares one kind. */
static void
expect(const CfPricingClass *cls, CfPricingKind kind, const char *want, const char *what)
{
	price(cls);
	is_str(of(kind), want, "infracost, %s: %s", cls->row.name, what);
}

static void
test_infracost(void)
{
	month(10000, 730);
	expect(AWS("STANDARD"), CF_PRICING_STORAGE, "230", "10,000 GB");
	month(30000, 730);
	usage.puts = usage.gets = usage.transitions = 30000;
	usage.read_bytes = 30000 * GB;
	expect(AWS("STANDARD_IA"), CF_PRICING_STORAGE, "375", "30,000 GB");
	expect(AWS("STANDARD_IA"), CF_PRICING_PUT, "0.3", "30k PUT");
	expect(AWS("STANDARD_IA"), CF_PRICING_GET, "0.03", "30k GET");
	expect(AWS("STANDARD_IA"), CF_PRICING_TRANSITION, "0.3", "30k transitions");
	expect(AWS("STANDARD_IA"), CF_PRICING_RETRIEVAL, "300", "30,000 GB read");

	month(20000, 730);
	usage.transitions = 20000;
	usage.monitored_object_hours = 20000 * 730;
	expect(AWS("INTELLIGENT_TIERING_FA"), CF_PRICING_STORAGE, "460", "20,000 GB");
	expect(AWS("INTELLIGENT_TIERING_FA"), CF_PRICING_MONITORING, "0.05", "20k objects monitored");
	expect(AWS("INTELLIGENT_TIERING_FA"), CF_PRICING_TRANSITION, "0.2", "20k transitions");
	expect(AWS("INTELLIGENT_TIERING_IA"), CF_PRICING_STORAGE, "250", "20,000 GB");
	expect(AWS("INTELLIGENT_TIERING_AA"), CF_PRICING_STORAGE, "72", "20,000 GB");
	expect(AWS("INTELLIGENT_TIERING_DAA"), CF_PRICING_STORAGE, "19.8", "20,000 GB");

	month(40000, 730);
	expect(AWS("ONEZONE_IA"), CF_PRICING_STORAGE, "400", "40,000 GB");
	month(50000, 730);
	usage.puts = usage.transitions = usage.restores = 50000;
	usage.restored_bytes = 50000 * GB;
	expect(AWS("GLACIER"), CF_PRICING_STORAGE, "180", "50,000 GB");
	expect(AWS("GLACIER"), CF_PRICING_PUT, "1.5", "50k PUT");
	expect(AWS("GLACIER"), CF_PRICING_TRANSITION, "1.5", "50k transitions");
	expect(AWS("GLACIER"), CF_PRICING_RESTORE_RETRIEVAL, "500", "Standard, 50,000 GB");
	usage.restore_option = "EXPEDITED";
	expect(AWS("GLACIER"), CF_PRICING_RESTORE, "500", "Expedited, 50k requests");
	expect(AWS("GLACIER"), CF_PRICING_RESTORE_RETRIEVAL, "1500", "Expedited, 50,000 GB");
	month(60000, 730);
	usage.puts = usage.restores = 60000;
	usage.restored_bytes = 60000 * GB;
	expect(AWS("DEEP_ARCHIVE"), CF_PRICING_STORAGE, "59.4", "60,000 GB");
	expect(AWS("DEEP_ARCHIVE"), CF_PRICING_PUT, "3", "60k PUT");
	expect(AWS("DEEP_ARCHIVE"), CF_PRICING_RESTORE, "6", "Standard, 60k requests");
	expect(AWS("DEEP_ARCHIVE"), CF_PRICING_RESTORE_RETRIEVAL, "1200", "Standard, 60,000 GB");
	usage.restore_option = "BULK";
	expect(AWS("DEEP_ARCHIVE"), CF_PRICING_RESTORE, "1.5", "Bulk, 60k requests");
	expect(AWS("DEEP_ARCHIVE"), CF_PRICING_RESTORE_RETRIEVAL, "150", "Bulk, 60,000 GB");

	month(51200, 730);
	usage.puts = 4000000;
	expect(WESTUS("HOT_LRS"), CF_PRICING_STORAGE, "1064.96", "51,200 GB");
	expect(WESTUS("HOT_LRS"), CF_PRICING_PUT, "22", "4 million writes");
	month(4000000, 730);
	usage.read_bytes = usage.deleted_bytes = 4000 * GB;
	expect(WESTUS("COOL_LRS"), CF_PRICING_STORAGE, "46000", "4,000,000 GB");
	expect(WESTUS("COOL_LRS"), CF_PRICING_RETRIEVAL, "40", "4,000 GB retrieved");
	expect(WESTUS("COOL_LRS"), CF_PRICING_EARLY_DELETE, "60.8", "4,000 GB deleted a month early");
	expect(WESTUS("COOL_ZRS"), CF_PRICING_STORAGE, "57600", "4,000,000 GB");
	expect(WESTUS("COOL_ZRS"), CF_PRICING_EARLY_DELETE, "76", "4,000 GB deleted a month early");
}

/* egress prices bytes sent to a destination, after what was sent before. */
static const char *
egress(int64_t gigabytes, int64_t before, const char *destination, const char *peer)
{
	month(0, 730);
	usage.egress_bytes = gigabytes * GB;
	usage.egress_bytes_before = before * GB;
	usage.egress_destination = destination;
	usage.egress_peer = peer;
	price(AWS("STANDARD"));
	return all();
}

static void
test_egress(void)
{
	is_str(egress(62 * 1024, 0, NULL, NULL), "5254.36", "62 TB out with today's 100 GB free");
	is_str(egress(62 * 1024 - 100, 100, "internet", "*"), "5254.36", "the same when the free part is used up already");
	is_str(egress(500, 0, "other_region", "us-east-2"), "5", "infracost: 500 GB to us-east-2");
	is_str(egress(750, 0, "other_region", "eu-north-1"), "15", "infracost: 750 GB to another region");
	is_str(egress(1, 0, "other_continent", "moon"), "0.02", "a peer of its own has the price of all");

	/* The examples without a free allowance, and with the old one of 1 GB, bring their own ladders. */
	static const int64_t ends[][5] = {{1, 10240, 51200, 153600, 0}, {10240, 10240, 51200, 153600, 0}};
	static const char *const prices[] = {"0.09", "0.085", "0.07", "0.05"};
	CfPricingBook keep = book;

	cf_pricing_book_init(&book, &arena);
	for (int i = 0; i < 2; i++)
	{
		const char *region = i == 0 ? "faq" : "golden";

		add_class(1 + i, "AWS", region, "STANDARD", (Texts) {.storage = "0.023"});
		if (i == 0)
			add_egress(10, "AWS", region, "internet", "*", 0, 1, "0");
		for (int k = 0; k < 4; k++)
			add_egress(20 + k, "AWS", region, "internet", "*", k > 0 ? ends[i][k] : (i == 0), ends[i][k + 1], prices[k]);
	}
	cf_pricing_book_seal(&book);
	month(0, 730);
	usage.egress_bytes = 62 * 1024 * GB;
	price(class_of("AWS", "faq", "STANDARD"));
	is_str(all(), "5263.27", "S3 FAQ, 62 TB out with 1 GB free");
	usage.egress_bytes = 57000 * GB;
	price(class_of("AWS", "golden", "STANDARD"));
	is_str(all(), "4809.2", "infracost, 57,000 GB out");
	usage.egress_bytes = 157000 * GB;
	price(class_of("AWS", "golden", "STANDARD"));
	is_str(all(), "11741.2", "infracost, 157,000 GB out");
	book = keep;
}

static void
test_rules(void)
{
	month(1, 730);
	usage.lists = 1000;
	price(AWS("GLACIER"));
	is_str(of(CF_PRICING_LIST), "0.005", "AWS lists at the STANDARD write price");
	price(class_of("GCP", "us-central1", "NEARLINE"));
	is_str(of(CF_PRICING_LIST), "0.01", "Google at the class A price of the class");
	price(EASTUS("ARCHIVE_LRS"));
	is_str(of(CF_PRICING_LIST), "0.005", "Azure at a price of its own");
	price(EASTUS("COLD_LRS"));
	is_str(of(CF_PRICING_LIST), "unknown", "which may be unknown");
	is_str(all(), "unknown", "and makes the total unknown");

	month(1, 730);
	usage.others = 10000;
	price(WESTUS("COLD_LRS"));
	is_str(of(CF_PRICING_OTHER), "0.0052", "Azure has a price for what is neither read, write nor listing");
	price(AWS("GLACIER_IR"));
	is_str(of(CF_PRICING_OTHER), "0.1", "others bill it as a read");

	month(1, 730);
	usage.object_hours = 720;
	usage.monitored_object_hours = 1000 * 720;
	usage.gets = 1000;
	usage.read_bytes = GB;
	usage.deleted_bytes = GB;
	price(class_of("GCP", "us-central1", "AUTOCLASS_ARCHIVE"));
	is_str(of(CF_PRICING_MONITORING), "0.0025", "Autoclass: 1,000 objects managed for 30 days, whatever the month");
	is_str(of(CF_PRICING_GET), "0.0004", "operations at the Standard price");
	is_str(of(CF_PRICING_RETRIEVAL), "0", "no retrieval fee");
	is_str(of(CF_PRICING_EARLY_DELETE), "0", "no early deletion");

	month(1, 730);
	usage.object_hours = 730;
	price(AWS("INTELLIGENT_TIERING_FA"));
	is_str(of(CF_PRICING_MONITORING), "0.0000025", "objects of 128 KB and more are monitored");
	usage.object_hours = (CfInt128) 730 * 10000;
	price(AWS("INTELLIGENT_TIERING_FA"));
	is_str(of(CF_PRICING_MONITORING), "0", "smaller ones are not");
	price(AWS("STANDARD"));
	is_str(of(CF_PRICING_MONITORING), "0", "nor are those of other classes");

	month(0, 730);
	usage.written_bytes = usage.read_bytes = GB;
	price(AWS("EXPRESS_ONEZONE"));
	is_str(all(), "0.0038", "S3 Express charges each byte in and out");
	price(AWS("STANDARD"));
	is_str(all(), "0", "S3 Standard does not");

	month(0, 730);
	usage.restores = 1000;
	usage.restored_bytes = 10 * GB;
	usage.restore_copy_byte_hours = (CfInt128) 10 * GB * 73;
	price(AWS("GLACIER"));
	is_str(of(CF_PRICING_RESTORE_COPY), "0.023", "the restored copy is billed as STANDARD while it lives");
	price(AWS("INTELLIGENT_TIERING_AA"));
	is_str(of(CF_PRICING_RESTORE), "0.0004", "a class without options restores at its read prices");
	is_str(of(CF_PRICING_RESTORE_RETRIEVAL), "0", "which are free here");
	usage.restore_option = "EXPEDITED";
	price(AWS("DEEP_ARCHIVE"));
	is_str(of(CF_PRICING_RESTORE), "unknown", "an option that the class does not have is unpriced");

	month(0, 730);
	usage.deleted_bytes = 1024;
	usage.deleted_objects = 1;
	price(AWS("STANDARD_IA"));
	ok(quote.terms[0].num == (CfInt128) 131072 * 30, "early deletion counts the billed size");
	month(0, 730);
	usage.transitions = 5;
	price(AWS("STANDARD"));
	is_str(all(), "unknown", "no transition into a class that is no target of one");
	month(0, 730);
	price(AWS("STANDARD"));
	is_int(quote.count, 0, "nothing used, no terms");

	/* A day of a month: bands are filled by a day's share. */
	cf_pricing_usage_init(&usage, TODAY, 744);
	usage.byte_hours = (CfInt128) 52900 * GB * 24;
	usage.band_hours = 24;
	price(AWS("STANDARD"));
	is_str(all(), "39.193548387096774193", "31 such days are a month of 1,215.00");
}

static void
test_bad_usage(void)
{
	int64_t    *fields[] = {&usage.puts, &usage.gets, &usage.lists, &usage.transitions, &usage.written_bytes,
		&usage.read_bytes, &usage.restores, &usage.restored_bytes, &usage.deleted_bytes, &usage.deleted_objects,
	&usage.egress_bytes, &usage.egress_bytes_before};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
	{
		month(1, 730);
		*fields[i] = -1;
		ok(!cf_pricing_quote(&book, AWS("STANDARD"), &usage, &quote, &err) && err.kind == CF_ERR_INPUT,
		   "refused: %s", err.message);
	}
	month(1, 730);
	usage.month_hours = 0;
	ok(!cf_pricing_quote(&book, AWS("STANDARD"), &usage, &quote, &err), "a month has hours");
	month(1, 730);
	usage.padding_byte_hours = -2;
	ok(!cf_pricing_quote(&book, AWS("STANDARD"), &usage, &quote, &err), "-1 is the only negative padding");
	month(0, 730);
	usage.egress_destination = "nowhere";
	ok(!cf_pricing_quote(&book, AWS("STANDARD"), &usage, &quote, &err) && err.kind == CF_ERR_INPUT, "a destination that nobody knows is refused: %s", err.message);

	/* Quantities that are absurd, each where it would overflow first. */
	CfInt128	absurd = CF_MONEY_MAX;

	month(1, 730);
	usage.byte_hours_before = absurd;
	ok(!cf_pricing_quote(&book, AWS("STANDARD"), &usage, &quote, &err) && err.kind == CF_ERR_RANGE, "absurd state of the bands");
	month(1, 730);
	usage.byte_hours = absurd;
	usage.month_hours = 1;
	ok(!cf_pricing_quote(&book, AWS("STANDARD_IA"), &usage, &quote, &err) && err.kind == CF_ERR_RANGE, "absurd byte-hours");
	usage.byte_hours = 0;
	usage.object_hours = absurd;
	ok(!cf_pricing_quote(&book, AWS("STANDARD_IA"), &usage, &quote, &err) && err.kind == CF_ERR_RANGE, "absurd objects: padding");
	usage.padding_byte_hours = 0;
	ok(!cf_pricing_quote(&book, AWS("GLACIER"), &usage, &quote, &err) && err.kind == CF_ERR_RANGE, "absurd objects: overhead");
	ok(!cf_pricing_quote(&book, AWS("INTELLIGENT_TIERING_FA"), &usage, &quote, &err) && err.kind == CF_ERR_RANGE, "absurd objects: monitoring");

	/* A ladder with more bands than a quote has terms. */
	CfPricingBook keep = book;

	cf_pricing_book_init(&book, &arena);
	add_class(1, "X", "r", "C", (Texts) {"1", .get = "1"});
	for (int i = 0; i < 80; i++)
		add_band(2 + i, "X", "r", "C", i, i + 1, "1");
	cf_pricing_book_seal(&book);
	CfPricingClass cls = *class_of("X", "r", "C");

	cls.row.builtin = true;
	month(79, 1);
	ok(!cf_pricing_quote(&book, &cls, &usage, &quote, &err) && err.kind == CF_ERR_RANGE, "too many terms");
	cf_pricing_usage_init(&usage, TODAY, 1);
	usage.object_hours = 1;
	cls.overhead_standard_bytes = 1024;
	price(&cls);
	is_str(all(), "unknown", "an overhead at the STANDARD rate of a region without STANDARD is unpriced");
	usage.object_hours = 0;
	usage.lists = 1;
	cls.row.provider = "AWS";
	price(&cls);
	is_str(all(), "unknown", "and so is a listing there");
	usage.lists = 0;
	usage.restore_copy_byte_hours = 1;
	price(&cls);
	is_str(all(), "unknown", "and a restored copy");
	book = keep;
}

/* Random usages: more of anything never costs less; a month cut in two costs the same when bands carry over. */
static void
test_properties(void)
{
	static const char *const names[] = {"STANDARD", "STANDARD_IA", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"};
	uint64_t	seed = 7;
	int			smaller = 0;
	int			uneven = 0;

	for (int i = 0; i < 4000; i++)
	{
		uint64_t	r[8];
		const CfPricingClass *cls = AWS(names[i % 5]);
		CfPricingUsage base;
		CfMoney		before;
		CfMoney		after;

		for (int k = 0; k < 8; k++)
		{
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			r[k] = seed >> 33;
		}
		cf_pricing_usage_init(&usage, TODAY, 744);
		usage.byte_hours = (CfInt128) r[0] * r[1] * 1000;
		usage.object_hours = r[2];
		usage.gets = (int64_t) r[3];
		usage.puts = (int64_t) r[4];
		usage.read_bytes = (int64_t) (r[5] << 20);
		usage.egress_bytes = (int64_t) (r[6] << 22);
		usage.padding_byte_hours = 0;
		base = usage;
		price(cls);
		cf_pricing_total(&quote, CF_PRICING_STORAGE, CF_PRICING_EGRESS, &before, &err);

		CfInt128	whole = usage.byte_hours;
		CfInt128	part = whole / 1000 * (CfInt128) (r[7] % 1000);
		CfMoney		storage;
		CfMoney		cut[2];

		cf_pricing_total(&quote, CF_PRICING_STORAGE, CF_PRICING_STORAGE, &storage, &err);
		usage.byte_hours = part;
		price(cls);
		cf_pricing_total(&quote, CF_PRICING_STORAGE, CF_PRICING_STORAGE, &cut[0], &err);
		usage.byte_hours = whole - part;
		usage.byte_hours_before = part;
		price(cls);
		cf_pricing_total(&quote, CF_PRICING_STORAGE, CF_PRICING_STORAGE, &cut[1], &err);

		CfMoney		off = storage - cut[0] - cut[1];

		/* Each term is rounded once at the 18th decimal, and the cut adds at most two terms. */
		if (off > 4 || off < -4)
			uneven++;

		usage = base;
		usage.byte_hours += r[1];
		usage.object_hours += r[1] % 5;
		usage.gets += (int64_t) (r[2] % 3);
		usage.read_bytes += (int64_t) r[3];
		usage.egress_bytes += (int64_t) r[4];
		price(cls);
		cf_pricing_total(&quote, CF_PRICING_STORAGE, CF_PRICING_EGRESS, &after, &err);
		if (after < before)
			smaller++;
	}
	is_int(smaller, 0, "more of anything never costs less (4,000 random usages)");
	is_int(uneven, 0, "a month cut in two costs what it costs whole, when the bands carry over");
}

static void
test_names(void)
{
	for (int kind = 0; kind < CF_PRICING_KINDS; kind++)
		ok(cf_pricing_kind_name(kind)[0] != '\0' && cf_pricing_kind_unit(kind)[0] != '\0', "kind %s in %s",
		   cf_pricing_kind_name(kind), cf_pricing_kind_unit(kind));
}

int
main(void)
{
	make_book();
	test_s3_faq();
	test_google();
	test_azure();
	test_azcopy();
	test_infracost();
	test_egress();
	test_rules();
	test_bad_usage();
	test_properties();
	test_names();
	cf_arena_free(&arena);
	return done_testing();
}
