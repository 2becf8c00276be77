/*
 * pricing_move: what a move costs on either side, when it pays back, and which moves are refused.
 */
#include "pricing_prices.h"

static CfPricingMove move;
static CfPricingMoveQuote quote;

/* from starts a move of one GB that has lain for 400 days and is not read. */
static void
from(const char *provider, const char *region, const char *name)
{
	memset(&move, 0, sizeof(move));
	move.source = (CfPricingSpot) {provider, region, name};
	move.day = TODAY;
	move.source_month_hours = move.dest_month_hours = 730;
	move.size_bytes = GB;
	move.stored_days = 400;
}

static void
to(const char *provider, const char *region, const char *name)
{
	move.dest = (CfPricingSpot) {provider, region, name};
	if (!cf_pricing_move(&book, &move, &quote, &err))
		bail("%s", err.message);
}

static const char *
risks(void)
{
	static char text[200];

	text[0] = '\0';
	for (int bit = 0; bit < CF_PRICING_RISKS; bit++)
	{
		if (quote.risks & (1u << bit))
		{
			strcat(text, text[0] ? ", " : "");
			strcat(text, cf_pricing_risk_name((CfPricingRisk) (1u << bit)));
		}
	}
	return text;
}

static void
test_same_region(void)
{
	from("AWS", "us-east-1", "STANDARD");
	to("AWS", "us-east-1", "GLACIER_IR");
	is_str(shown(quote.move_usd), "0.00002", "STANDARD to Glacier Instant in the region: one write");
	is_int(quote.requests, 1, "one request");
	is_str(shown(quote.before_usd), "0.023", "a month before");
	is_str(shown(quote.after_usd), "0.004", "a month after");
	is_str(shown(quote.egress_usd), "0", "no egress inside a region");
	is_str(shown(cf_money_round(quote.payback_days, 6)), "0.032018", "pays back in 0.03 days: 0.00002 / 0.019 × 730 / 24");
	is_str(risks(), "", "without risk");
	is_int(quote.price_count, 3, "three price rows: the writes and both storage prices");

	from("AWS", "us-east-1", "STANDARD_IA");
	move.stored_days = 10;
	to("AWS", "us-east-1", "GLACIER_IR");
	is_str(shown(quote.retrieval_usd), "0.01", "out of IA: its retrieval fee");
	is_str(shown(quote.early_delete_usd), "0.008333333333333333", "and 20 days of its minimum duration");
	is_str(risks(), "early deletion", "which is told");
	move.keep_source = true;
	to("AWS", "us-east-1", "GLACIER_IR");
	is_str(shown(quote.early_delete_usd), "0", "a copy deletes nothing early");
	is_str(shown(quote.after_usd), "0.0165", "but both are billed afterwards");
	is_str(risks(), "saves nothing", "so it saves nothing");
	ok(!cf_money_known(quote.payback_days), "and never pays back");

	from("AWS", "us-east-1", "STANDARD");
	move.same_place = true;
	to("AWS", "us-east-1", "STANDARD");
	is_str(shown(quote.move_usd), "0", "to the same class in the same place: nothing");
	move.size_bytes = 12 * GB;
	to("AWS", "us-east-1", "STANDARD_IA");
	is_int(quote.requests, 27, "S3 copies 12 GB in 24 parts, with a start, a listing and an end");
	move.size_bytes = 4096;
	to("AWS", "us-east-1", "STANDARD_IA");
	is_str(risks(), "below minimum object size, saves nothing", "4 KB in IA are billed as 128 KB");
	to("AWS", "us-east-1", "DEEP_ARCHIVE");
	is_str(risks(), "slow to read afterwards, saves nothing", "and in Deep Archive the index costs more than the bytes");
	move.size_bytes = GB;
	to("AWS", "us-east-1", "ONEZONE_IA");
	is_str(risks(), "other redundancy", "fewer zones are told");
	move.size_bytes = 0;
	to("AWS", "us-east-1", "GLACIER_IR");
	is_int(quote.requests, 1, "an empty object is one request");
	to("AWS", "us-east-1", "NO_SUCH_CLASS");
	is_int(quote.requests, -1, "to a class without a price nobody knows how many there are");
	is_str(risks(), "unpriced", "which is told");
}

static void
test_restore(void)
{
	from("AWS", "us-east-1", "GLACIER");
	move.stored_days = 60;
	to("AWS", "us-east-1", "STANDARD");
	is_str(shown(quote.retrieval_usd), "0.01", "out of Glacier: the restore's price per GB");
	is_str(shown(quote.restore_usd), "0.000806164383561644", "its request, and the copy for a day");
	is_str(shown(quote.early_delete_usd), "0.00360010986328125", "30 days early, with the index");
	is_int(quote.restore_seconds, 18000, "after up to five hours");
	is_str(risks(), "early deletion, restore needed, saves nothing", "which is told");
	move.restore_option = "BULK";
	to("AWS", "us-east-1", "STANDARD");
	is_str(shown(quote.retrieval_usd), "0", "a bulk restore is free");
	is_int(quote.restore_seconds, 43200, "and slower");
	from("AWS", "us-east-1", "INTELLIGENT_TIERING_AA");
	to("AWS", "us-east-1", "STANDARD");
	is_int(quote.restore_seconds, 18000, "a class without options takes the time of its own row");
	is_str(shown(quote.retrieval_usd), "0", "and its own prices");

	from("AWS", "us-east-1", "GLACIER");
	to("GCP", "us-central1", "STANDARD");
	is_str(shown(quote.request_usd), "0.0007162", "a restored copy is read at STANDARD's price: 128 reads, 133 writes");
	from("AWS", "us-east-1", "STANDARD");
	move.reads_month = 2;
	to("AWS", "us-east-1", "GLACIER");
	is_str(shown(quote.after_usd), "0.025212614106478757", "each read out of Glacier is a restore, with a copy for a day");
}

static void
test_azure(void)
{
	from("Azure", "eastus", "HOT_LRS");
	move.same_place = true;
	to("Azure", "eastus", "Cool");
	is_str(shown(quote.transition_usd), "0.00001", "Set Blob Tier to cool: one write of the cool tier");
	is_str(shown(quote.move_usd), "0.00001", "and nothing else");
	from("Azure", "eastus", "COOL_LRS");
	move.same_place = true;
	move.stored_days = 10;
	to("Azure", "eastus", "HOT_LRS");
	is_str(shown(quote.request_usd), "0.000001", "back to hot: one read of the cool tier");
	is_str(shown(quote.retrieval_usd), "0.01", "its retrieval");
	is_str(shown(quote.early_delete_usd), "0.010133333333333333", "and its early deletion");
	from("Azure", "eastus", "ARCHIVE_LRS");
	move.same_place = true;
	to("Azure", "eastus", "HOT_LRS");
	is_str(shown(quote.restore_usd), "0.0005", "out of the archive: one read as the rehydration");
	is_int(quote.requests, 1, "once");
	from("Azure", "eastus", "ARCHIVE_LRS");
	to("Azure", "westus", "HOT_LRS");
	is_str(shown(quote.egress_usd), "0.02", "to another region of the continent");
	is_int(quote.requests, 2, "a rehydration and a copy");
}

/* test_routes: who copies, and what is only looked at. */
static void
test_routes(void)
{
	from("AWS", "us-east-1", "STANDARD");
	move.size_bytes = 20 << 20;
	to("AWS", "us-east-2", "STANDARD");
	is_int(quote.requests, 1, "a store copies 20 MiB in one request");
	move.streamed = true;
	to("AWS", "us-east-2", "STANDARD");
	is_int(quote.requests, 9, "through the server it is read and written in three parts, begun, listed and joined");
	move.source_looks = 3;
	move.dest_looks = 2;
	to("AWS", "us-east-2", "STANDARD");
	is_int(quote.requests, 14, "looks are requests too");
	is_str(shown(quote.request_usd), "0.0000332", "at the price of reads: 8 of them, and 6 writes");
	move.size_bytes = 16 << 20;
	move.source_looks = move.dest_looks = 0;
	to("AWS", "us-east-2", "STANDARD");
	is_int(quote.requests, 2, "16 MiB are one request on either side");
	from("Azure", "eastus", "HOT_LRS");
	move.size_bytes = 6 * GB;
	to("Azure", "westus", "HOT_LRS");
	is_int(quote.requests, 25, "Azure copies 6 GiB in 24 blocks and a list of them");
	from("Azure", "eastus", "HOT_LRS");
	move.size_bytes = 20 << 20;
	to("AWS", "us-east-1", "STANDARD");
	is_int(quote.requests, 11, "Azure is read by 4 MiB, whose digest it tells: 5 reads, 6 writes");
	from("GCP", "us-central1", "STANDARD");
	move.size_bytes = 6 * GB;
	to("GCP", "us-central1", "NEARLINE");
	is_int(quote.requests, 1, "Google rewrites any size");
	from("AWS", "us-east-1", "STANDARD_IA");
	move.reads_month = 10;
	move.keep_source = true;
	to("AWS", "us-east-1", "STANDARD_IA");
	CfMoney		both = quote.after_usd;

	move.reads_month = 0;
	to("AWS", "us-east-1", "STANDARD_IA");
	CfMoney		unread = quote.after_usd;

	move.reads_month = 10;
	move.keep_source = false;
	to("AWS", "us-east-1", "STANDARD_IA");
	ok(both - unread == quote.after_usd - unread / 2, "what stays at the source is held and read no more");
}

static void
test_egress(void)
{
	from("AWS", "us-east-1", "STANDARD");
	to("AWS", "us-east-2", "STANDARD");
	is_str(shown(quote.egress_usd), "0.01", "to the neighbour region");
	to("AWS", "ap-southeast-2", "STANDARD");
	is_str(shown(quote.egress_usd), "0.02", "to another continent");
	is_str(risks(), "saves nothing", "without a saving");
	to("GCP", "us-central1", "NEARLINE");
	is_str(shown(quote.egress_usd), "0.09", "to another provider: the internet, past the free allowance");
	is_int(quote.requests, 262, "128 parts are read and written, listed, composed by 32, and get their class");
	is_str(shown(cf_money_round(quote.payback_days, 2)), "213.83", "pays back in 214 days");
	move.part_bytes = 2 * GB;
	to("GCP", "us-central1", "NEARLINE");
	is_int(quote.requests, 2, "in one part: one read, one write");
	move.size_bytes = INT64_C(5) << 40;
	move.part_bytes = 0;
	to("GCP", "us-central1", "NEARLINE");
	ok(quote.requests <= 2 * 9901 + 9901 / 32 + 3, "never more than 9,900 parts and some");

	from("GCP", "us-central1", "STANDARD");
	to("GCP", "europe-west1", "STANDARD");
	is_str(shown(quote.egress_usd), "0.05", "Google to Europe");
	to("GCP", "australia-southeast1", "STANDARD");
	is_str(shown(quote.egress_usd), "0.1", "Google to Australia");
	to("AWS", "ap-southeast-2", "STANDARD");
	is_str(shown(quote.egress_usd), "0.19", "over the internet to Australia");
	to("GCP", "me-west1", "STANDARD");
	ok(!cf_money_known(quote.egress_usd) && !cf_money_known(quote.move_usd), "an area without a price is unpriced");
	is_str(risks(), "unpriced", "which is told");
}

static void
test_unpriced(void)
{
	from(NULL, NULL, NULL);
	to("AWS", "us-east-1", "STANDARD");
	ok(!cf_money_known(quote.before_usd) && cf_money_known(quote.after_usd) && !cf_money_known(quote.move_usd),
	   "from a place without prices: the month after is known");
	is_str(risks(), "unpriced", "the rest is not");
	from("AWS", "us-east-1", "STANDARD");
	to("AWS", "us-east-1", "no such class");
	ok(cf_money_known(quote.before_usd) && !cf_money_known(quote.after_usd), "to a class without prices: the month before is known");
	move.keep_source = true;
	from("AWS", "us-east-1", "STANDARD");
	move.size_bytes = -1;
	ok(!cf_pricing_move(&book, &move, &quote, &err) && err.kind == CF_ERR_INPUT, "a negative size is refused");
	move.size_bytes = INT64_MAX;
	move.reads_month = 1000;
	move.dest = move.source;
	ok(!cf_pricing_move(&book, &move, &quote, &err) && err.kind == CF_ERR_RANGE, "more reads than fit are refused");
	is_str(cf_pricing_risk_name((CfPricingRisk) 0), "", "no risk has no name");
}

/* A saving that is next to nothing: the pay-back does not fit a number. */
static void
test_never(void)
{
	CfPricingBook keep = book;

	cf_pricing_book_init(&book, &arena);
	add_class(1, "X", "r", "A", (Texts) {.storage = "0.000000000000000001", .put = "1", .retrieval = "100000000000"});
	add_class(2, "X", "r", "B", (Texts) {.storage = "0", .put = "1000000000", .retrieval = "0"});
	cf_pricing_book_seal(&book);
	from("X", "r", "A");
	move.size_bytes = 10 * GB;
	to("X", "r", "B");
	ok(quote.before_usd > quote.after_usd && !cf_money_known(quote.payback_days), "a pay-back beyond all numbers is never");
	book = keep;
}

static const char *
cheapest(int days, bool restore)
{
	const CfPricingClass *cls;

	if (!cf_pricing_cheapest(&book, &move, days, restore, &cls, &quote, &err))
		bail("%s", err.message);
	return cls ? cls->row.name : "stay";
}

static void
test_cheapest(void)
{
	from("AWS", "us-east-1", "STANDARD");
	is_str(cheapest(365, false), "GLACIER_IR", "never read: the cheapest class that is read at once");
	is_str(shown(quote.after_usd), "0.004", "with its month");
	is_str(cheapest(365, true), "DEEP_ARCHIVE", "or the cheapest of all");
	move.reads_month = 10;
	is_str(cheapest(365, true), "stay", "read ten times a month: no other class is cheaper");
	move.reads_month = 0;
	move.size_bytes = 4096;
	is_str(cheapest(365, true), "stay", "4 KB: a loss everywhere else");
	move.size_bytes = GB;
	is_str(cheapest(0, false), "stay", "nothing pays back in no time");
	from("AWS", "us-east-1", "GLACIER_IR");
	move.reads_month = 3;
	is_str(cheapest(365, false), "STANDARD", "read three times a month: back to STANDARD");
	from(NULL, NULL, NULL);
	is_str(cheapest(365, false), "stay", "no prices, no advice");
	from("AWS", "us-east-1", "no such class");
	is_str(cheapest(365, false), "stay", "no price, no advice");
	from("AWS", "us-east-1", "STANDARD");
	move.size_bytes = -1;
	const CfPricingClass *cls;

	ok(!cf_pricing_cheapest(&book, &move, 365, false, &cls, &quote, &err), "a negative size is refused");
}

/* Azure's archive is written by its list of blocks; the blocks are writes of the account's own tier. */
static void
test_archive_blocks(void)
{
	from("AWS", "us-east-1", "STANDARD");
	to("Azure", "eastus", "ARCHIVE_LRS");
	is_int(quote.requests, 257, "a GB in 128 reads, 128 blocks and their list");
	is_str(shown(quote.request_usd), "0.0007012", "128 GET, 128 writes at the hot price, one at the archive's");
	move.size_bytes = 1000;
	to("Azure", "eastus", "ARCHIVE_LRS");
	is_str(shown(quote.request_usd), "0.0000104", "in one piece: one write of the archive");
	from("AWS", "us-east-1", "STANDARD");
	to("Azure", "eastus", "COOL_LRS");
	is_str(shown(quote.request_usd), "0.0013412", "into other tiers each block is a write of the tier");
}

/* Autoclass is entered once, by all objects of a bucket: what Google charges for that is a move in place. */
static void
test_autoclass(void)
{
	from("GCP", "us-central1", "NEARLINE");
	move.same_place = true;
	move.stored_days = 10;
	to("GCP", "us-central1", "AUTOCLASS_STANDARD");
	is_str(shown(quote.request_usd), "0.000005", "enabling Autoclass: one class A operation per object");
	is_str(shown(quote.retrieval_usd), "0.01", "the retrieval fee of a class that is left");
	is_str(shown(quote.early_delete_usd), "0.006666666666666667", "and what is missing to its minimum duration");
	is_str(shown(quote.move_usd), "0.016671666666666667", "together the enablement charge");
	from("GCP", "us-central1", "STANDARD");
	move.same_place = true;
	to("GCP", "us-central1", "AUTOCLASS_STANDARD");
	is_str(shown(quote.move_usd), "0.000005", "from Standard the class A operation alone");
	ok(quote.after_usd - quote.before_usd == money("0.000002534722222222"), "then the fee of 0.0025 for 1,000 objects and 720 hours (%s more a month)",
	   shown(quote.after_usd - quote.before_usd));
}

int
main(void)
{
	make_book();
	test_same_region();
	test_restore();
	test_routes();
	test_azure();
	test_egress();
	test_unpriced();
	test_never();
	test_cheapest();
	test_archive_blocks();
	test_autoclass();
	cf_arena_free(&arena);
	return done_testing();
}
