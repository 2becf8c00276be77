/*
 * pricing_prices.h: a small price book for the unit tests, with the figures of the providers' own worked examples.
 */
#ifndef CF_TEST_PRICES_H
#define CF_TEST_PRICES_H

#include "pricing/move.h"
#include "tap.h"

#define GB CF_PRICING_GB
#define TODAY 9000				/* a day; what it is called does not matter */

static CfArena arena;
static CfPricingBook book;
static CfError err;

static CfMoney
money(const char *text)
{
	CfMoney		value = CF_MONEY_UNKNOWN;

	if (text != NULL && !cf_money_parse(text, strlen(text), &value, &err))
		bail("bad literal %s", text);
	return value;
}

static TAP_UNUSED const char *
shown(CfMoney value)
{
	static char text[8][CF_MONEY_TEXT];
	static int	at;

	at = (at + 1) % 8;
	cf_money_format(value, text[at]);
	return cf_money_known(value) ? text[at] : "unknown";
}

/* Prices of a class as texts; NULL = not known. */
typedef struct Texts
{
	const char *storage, *put, *get, *list, *transition, *retrieval, *upload, *early, *monitoring;
	int64_t		min_bytes, overhead, overhead_standard;
	int			min_days, restore_seconds;
	const char *tier, *redundancy, *other;
	bool		builtin;
	int32_t		from_day, to_day;
} Texts;

static void
add_class(int64_t id, const char *provider, const char *region, const char *name, Texts t)
{
	CfPricingClass cls = {
		.row = {id, provider, region, name, "", t.from_day ? t.from_day : CF_PRICING_DAY_MIN,
		t.to_day ? t.to_day : CF_PRICING_DAY_MAX, t.builtin, 0, CF_PRICING_BYTES_MAX},
		.tier = t.tier ? t.tier : "HOT", .redundancy = t.redundancy ? t.redundancy : "",
		.storage_usd = money(t.storage), .put_usd = money(t.put), .get_usd = money(t.get),
		.list_usd = money(t.list), .other_usd = money(t.other), .transition_usd = money(t.transition),
		.retrieval_usd = money(t.retrieval), .upload_usd = money(t.upload),
		.early_delete_usd = money(t.early), .monitoring_usd = money(t.monitoring),
		.min_object_bytes = t.min_bytes, .overhead_bytes = t.overhead,
		.overhead_standard_bytes = t.overhead_standard, .min_days = t.min_days,
		.restore_seconds = t.restore_seconds};

	if (!cf_pricing_book_add_class(&book, &cls, &err))
		bail("%s", err.message);
}

static CfPricingBand
band(int64_t id, const char *provider, const char *region, const char *name, const char *option,
	 int64_t from_gb, int64_t to_gb, const char *usd)
{
	CfPricingBand row = {{id, provider, region, name, option, CF_PRICING_DAY_MIN, CF_PRICING_DAY_MAX, true,
			from_gb * GB, to_gb ? to_gb * GB : CF_PRICING_BYTES_MAX}, money(usd), 0};

	return row;
}

static void
add_band(int64_t id, const char *provider, const char *region, const char *name, int64_t from_gb,
		 int64_t to_gb, const char *usd)
{
	CfPricingBand row = band(id, provider, region, name, "", from_gb, to_gb, usd);

	if (!cf_pricing_book_add_band(&book, &row, &err))
		bail("%s", err.message);
}

static void
add_egress(int64_t id, const char *provider, const char *region, const char *destination,
		   const char *peer, int64_t from_gb, int64_t to_gb, const char *usd)
{
	CfPricingBand row = band(id, provider, region, destination, peer, from_gb, to_gb, usd);

	if (!cf_pricing_book_add_egress(&book, &row, &err))
		bail("%s", err.message);
}

static void
add_restore(int64_t id, const char *provider, const char *region, const char *name,
			const char *option, int seconds, const char *request, const char *retrieval)
{
	CfPricingRestore row = {{id, provider, region, name, option, CF_PRICING_DAY_MIN, CF_PRICING_DAY_MAX, true,
			0, CF_PRICING_BYTES_MAX}, seconds, money(request), money(retrieval), {0, 0}};

	if (!cf_pricing_book_add_restore(&book, &row, &err))
		bail("%s", err.message);
}

static void
add_aws(const char *region, int64_t id)
{
	const char *p = "AWS";

	add_class(id + 1, p, region, "STANDARD", (Texts) {"0.023", "0.005", "0.0004", .retrieval = "0",
			  .builtin = true, .redundancy = "multi-AZ"});
	add_class(id + 2, p, region, "STANDARD_IA", (Texts) {"0.0125", "0.01", "0.001", NULL, "0.01", "0.01",
			  .early = "0.0125", .min_bytes = 131072, .min_days = 30, .builtin = true, .tier = "WARM", .redundancy = "multi-AZ"});
	add_class(id + 3, p, region, "ONEZONE_IA", (Texts) {"0.01", "0.01", "0.001", NULL, "0.01", "0.01",
			  .early = "0.01", .min_bytes = 131072, .min_days = 30, .builtin = true, .tier = "WARM", .redundancy = "single-AZ"});
	add_class(id + 4, p, region, "GLACIER_IR", (Texts) {"0.004", "0.02", "0.01", NULL, "0.02", "0.03",
			  .early = "0.004", .min_bytes = 131072, .min_days = 90, .builtin = true, .tier = "COLD", .redundancy = "multi-AZ"});
	add_class(id + 5, p, region, "GLACIER", (Texts) {"0.0036", "0.03", "0.0004", NULL, "0.03", "0.01",
			  .early = "0.0036", .overhead = 32768, .overhead_standard = 8192, .min_days = 90, .restore_seconds = 18000,
			  .builtin = true, .tier = "COLD", .redundancy = "multi-AZ"});
	add_class(id + 6, p, region, "DEEP_ARCHIVE", (Texts) {"0.00099", "0.05", "0.0004", NULL, "0.05", "0.02",
			  .early = "0.00099", .overhead = 32768, .overhead_standard = 8192, .min_days = 180, .restore_seconds = 43200,
			  .builtin = true, .tier = "COLD", .redundancy = "multi-AZ"});
	add_class(id + 7, p, region, "INTELLIGENT_TIERING_FA", (Texts) {"0.023", "0.005", "0.0004", NULL, "0.01", "0",
			  .monitoring = "0.0025", .builtin = true, .redundancy = "multi-AZ"});
	add_class(id + 8, p, region, "INTELLIGENT_TIERING_IA", (Texts) {"0.0125", "0.005", "0.0004", .retrieval = "0",
			  .monitoring = "0.0025", .builtin = true, .tier = "WARM", .redundancy = "multi-AZ"});
	add_class(id + 9, p, region, "INTELLIGENT_TIERING_AA", (Texts) {"0.0036", "0.005", "0.0004", .retrieval = "0",
			  .monitoring = "0.0025", .overhead = 32768, .overhead_standard = 8192, .restore_seconds = 18000, .builtin = true,
			  .tier = "COLD", .redundancy = "multi-AZ"});
	add_class(id + 10, p, region, "INTELLIGENT_TIERING_DAA", (Texts) {"0.00099", "0.005", "0.0004", .retrieval = "0",
			  .monitoring = "0.0025", .restore_seconds = 43200, .builtin = true, .tier = "COLD", .redundancy = "multi-AZ"});
	add_class(id + 11, p, region, "EXPRESS_ONEZONE", (Texts) {"0.11", "0.00113", "0.00003", .retrieval = "0.0006",
			  .upload = "0.0032", .builtin = true, .redundancy = "single-AZ"});
	add_band(id + 21, p, region, "STANDARD", 0, 51200, "0.023");
	add_band(id + 22, p, region, "STANDARD", 51200, 512000, "0.022");
	add_band(id + 23, p, region, "STANDARD", 512000, 0, "0.021");
	add_restore(id + 31, p, region, "GLACIER", "EXPEDITED", 300, "10.00", "0.03");
	add_restore(id + 32, p, region, "GLACIER", "STANDARD", 18000, "0.05", "0.01");
	add_restore(id + 33, p, region, "GLACIER", "BULK", 43200, "0", "0");
	add_restore(id + 34, p, region, "DEEP_ARCHIVE", "STANDARD", 43200, "0.10", "0.02");
	add_restore(id + 35, p, region, "DEEP_ARCHIVE", "BULK", 172800, "0.025", "0.0025");
	add_egress(id + 41, p, region, "internet", "*", 0, 100, "0");
	add_egress(id + 42, p, region, "internet", "*", 100, 10240, "0.09");
	add_egress(id + 43, p, region, "internet", "*", 10240, 51200, "0.085");
	add_egress(id + 44, p, region, "internet", "*", 51200, 153600, "0.07");
	add_egress(id + 45, p, region, "internet", "*", 153600, 0, "0.05");
	add_egress(id + 46, p, region, "same_region", "*", 0, 0, "0");
	add_egress(id + 47, p, region, "other_region", "*", 0, 0, "0.02");
	add_egress(id + 48, p, region, "other_region", "us-east-2", 0, 0, "0.01");
	add_egress(id + 49, p, region, "other_continent", "*", 0, 0, "0.02");
}

static void
add_azure(void)
{
	const char *p = "Azure";

	add_class(501, p, "eastus", "HOT_LRS", (Texts) {"0.0208", "0.005", "0.0004", "0.005", .retrieval = "0", .builtin = true, .redundancy = "LRS"});
	add_class(502, p, "eastus", "COOL_LRS", (Texts) {"0.0152", "0.010", "0.001", "0.005", "0.010", "0.01", .early = "0.0152", .min_days = 30,
			  .builtin = true, .tier = "WARM", .redundancy = "LRS"});
	add_class(503, p, "eastus", "COLD_LRS", (Texts) {"0.0036", "0.018", "0.010", NULL, "0.018", "0.03", .early = "0.0036", .min_days = 90,
			  .builtin = true, .tier = "COLD", .redundancy = "LRS"});
	add_class(504, p, "eastus", "ARCHIVE_LRS", (Texts) {"0.00099", "0.010", "0.500", "0.005", "0.010", "0.02", .early = "0.00099", .min_days = 180,
			  .restore_seconds = 54000, .builtin = true, .tier = "COLD", .redundancy = "LRS"});
	add_restore(505, p, "eastus", "ARCHIVE_LRS", "STANDARD", 54000, "0.50", "0.02");
	add_class(511, p, "westus", "HOT_LRS", (Texts) {"0.0208", "0.0055", "0.00044", .other = "0.00044", .retrieval = "0", .builtin = true,
			  .redundancy = "LRS"});
	add_class(512, p, "westus", "COOL_LRS", (Texts) {"0.0115", "0.010", "0.001", NULL, "0.010", "0.01", .other = "0.00044", .early = "0.0152", .min_days = 30,
			  .builtin = true, .tier = "WARM", .redundancy = "LRS"});
	add_class(513, p, "westus", "COLD_LRS", (Texts) {"0.0045", "0.018", "0.010", NULL, "0.018", "0.03", .other = "0.00052", .early = "0.0045", .min_days = 90,
			  .builtin = true, .tier = "COLD", .redundancy = "LRS"});
	add_class(514, p, "westus", "ARCHIVE_LRS", (Texts) {"0.002", "0.011", "0.550", NULL, "0.011", "0.022", .early = "0.002", .min_days = 180,
			  .restore_seconds = 54000, .builtin = true, .tier = "COLD", .redundancy = "LRS"});
	add_restore(515, p, "westus", "ARCHIVE_LRS", "STANDARD", 54000, "0.55", "0.022");
	add_class(516, p, "westus", "COOL_ZRS", (Texts) {"0.0144", "0.010", "0.001", NULL, "0.010", "0.01", .early = "0.019", .min_days = 30,
			  .builtin = true, .tier = "WARM", .redundancy = "ZRS"});
	add_egress(520, p, "eastus", "other_region", "*", 0, 0, "0.02");
}

static void
add_gcp(void)
{
	const char *p = "GCP";
	const char *r = "us-central1";

	add_class(601, p, r, "STANDARD", (Texts) {"0.020", "0.005", "0.0004", .retrieval = "0", .builtin = true, .redundancy = "region"});
	add_class(602, p, r, "NEARLINE", (Texts) {"0.010", "0.010", "0.001", NULL, "0.010", "0.01", .early = "0.010", .min_days = 30,
			  .builtin = true, .tier = "WARM", .redundancy = "region"});
	add_class(604, p, r, "ARCHIVE", (Texts) {"0.0012", "0.050", "0.050", NULL, "0.050", "0.05", .early = "0.0012", .min_days = 365,
			  .builtin = true, .tier = "COLD", .redundancy = "region"});
	add_class(605, p, r, "AUTOCLASS_STANDARD", (Texts) {"0.020", "0.005", "0.0004", NULL, "0.005", "0", .monitoring = "0.0025",
			  .builtin = true, .redundancy = "region"});
	add_class(606, p, r, "AUTOCLASS_ARCHIVE", (Texts) {"0.0012", "0.005", "0.0004", .retrieval = "0", .monitoring = "0.0025",
			  .builtin = true, .tier = "COLD", .redundancy = "region"});
	add_egress(611, p, r, "internet", "*", 0, 100, "0");
	add_egress(612, p, r, "internet", "*", 100, 10240, "0.12");
	add_egress(613, p, r, "internet", "australia", 0, 10240, "0.19");
	add_egress(614, p, r, "other_continent", "europe", 0, 0, "0.05");
	add_egress(615, p, r, "other_continent", "indonesia_oceania", 0, 0, "0.10");
	add_class(621, p, "europe-west1", "STANDARD", (Texts) {"0.020", "0.005", "0.0004", .retrieval = "0", .builtin = true, .redundancy = "region"});
	add_class(622, p, "australia-southeast1", "STANDARD", (Texts) {"0.023", "0.005", "0.0004", .retrieval = "0", .builtin = true,
			  .redundancy = "region"});
	add_class(623, p, "me-west1", "STANDARD", (Texts) {"0.023", "0.005", "0.0004", .retrieval = "0", .builtin = true, .redundancy = "region"});
}

static TAP_UNUSED void
make_book(void)
{
	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	cf_pricing_book_init(&book, &arena);
	add_aws("us-east-1", 100);
	add_aws("us-east-2", 200);
	add_aws("ap-southeast-2", 300);
	add_azure();
	add_gcp();
	cf_pricing_book_seal(&book);
}

static TAP_UNUSED const CfPricingClass *
class_of(const char *provider, const char *region, const char *name)
{
	const CfPricingClass *cls = cf_pricing_book_need(&book, provider, region, name, TODAY, &err);

	if (cls == NULL)
		bail("%s", err.message);
	return cls;
}

#endif							/* CF_TEST_PRICES_H */
