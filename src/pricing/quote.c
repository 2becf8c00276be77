/*
 * quote.c
 *		The terms of a bill, one small function each; docs/pricing.md gives the formulas and where they come from.
 *
 * Quantities are ratios whose denominator is the unit (2^30 bytes × hours of the month, 1,000 requests), so bands can be
 * cut at exact byte-hours and an amount is rounded once. Bands: a ladder is filled by what was billed before (usage) and
 * then by this usage; each band that it touches is a term. What no band covers has an unknown price.
 */
#include <string.h>

#include "pricing/quote.h"

#define EARLY_MONTH_DAYS 30		/* a month of a minimum duration has 30 days at all three providers */
#define MONITORED_MIN_BYTES 131072	/* smaller objects stay in the frequent tier, unmonitored; at Google in Standard, unmanaged */
#define GCP_FEE_HOURS 720			/* Autoclass is managed for 30 days, whatever the month */

typedef struct Quoting
{
	const CfPricingBook *book;
	const CfPricingClass *cls;
	const CfPricingUsage *usage;
	CfPricingQuote *quote;
	CfError    *err;
} Quoting;

/* A price, the row that it stands in, and the discount in it. */
typedef struct Priced
{
	CfMoney		usd;
	int64_t		id;
	int64_t		discount;
} Priced;

static const Priced unpriced = {CF_MONEY_UNKNOWN, 0, 0};

/* An amount that a ladder of bands prices: bytes, or byte-hours when hours > 1. */
typedef struct Climb
{
	CfPricingKind kind;
	CfPricingLadder ladder;
	CfInt128	before;
	CfInt128	amount;
	CfInt128	den;
	int32_t		hours;
} Climb;

static bool check_usage(const CfPricingUsage *usage, CfError *err);
static bool push(Quoting *q, CfPricingKind kind, CfInt128 num, CfInt128 den, Priced priced);
static Priced price_of(const CfPricingClass *cls, CfPricingPrice price);
static bool push_class(Quoting *q, CfPricingKind kind, CfInt128 num, CfInt128 den, CfPricingPrice price);
static bool push_ladder(Quoting *q, const Climb *climb);
static CfInt128 gb_months(const CfPricingUsage *usage);
static bool quote_storage(Quoting *q);
static bool quote_padding(Quoting *q);
static bool quote_overhead(Quoting *q);
static bool quote_monitoring(Quoting *q);
static bool quote_requests(Quoting *q);
static bool quote_list(Quoting *q);
static bool quote_bytes(Quoting *q);
static bool quote_restore(Quoting *q);
static bool quote_early_delete(Quoting *q);
static bool quote_egress(Quoting *q);

static const struct
{
	const char *name;
	const char *unit;
}			kinds[CF_PRICING_KINDS] = {
	[CF_PRICING_STORAGE] = {"storage", "GB-month"},
	[CF_PRICING_PADDING] = {"minimum_size", "GB-month"},
	[CF_PRICING_OVERHEAD] = {"overhead", "GB-month"},
	[CF_PRICING_OVERHEAD_STANDARD] = {"overhead_standard", "GB-month"},
	[CF_PRICING_MONITORING] = {"monitoring", "1000 objects-month"},
	[CF_PRICING_PUT] = {"put", "1000 requests"},
	[CF_PRICING_GET] = {"get", "1000 requests"},
	[CF_PRICING_LIST] = {"list", "1000 requests"},
	[CF_PRICING_OTHER] = {"other", "1000 requests"},
	[CF_PRICING_TRANSITION] = {"transition", "1000 requests"},
	[CF_PRICING_RESTORE] = {"restore", "1000 requests"},
	[CF_PRICING_UPLOAD] = {"upload", "GB"},
	[CF_PRICING_RETRIEVAL] = {"retrieval", "GB"},
	[CF_PRICING_RESTORE_RETRIEVAL] = {"restore_retrieval", "GB"},
	[CF_PRICING_RESTORE_COPY] = {"restore_copy", "GB-month"},
	[CF_PRICING_EARLY_DELETE] = {"early_delete", "GB-month"},
	[CF_PRICING_EGRESS] = {"egress", "GB"},
};

static bool (*const steps[]) (Quoting *q) = {
	quote_storage, quote_padding, quote_overhead, quote_monitoring, quote_requests,
	quote_list, quote_bytes, quote_restore, quote_early_delete, quote_egress,
};

const char *
cf_pricing_kind_name(CfPricingKind kind)
{
	return kinds[kind].name;
}

const char *
cf_pricing_kind_unit(CfPricingKind kind)
{
	return kinds[kind].unit;
}

void
cf_pricing_usage_init(CfPricingUsage *usage, int32_t day, int32_t month_hours)
{
	memset(usage, 0, sizeof(*usage));
	usage->day = day;
	usage->month_hours = month_hours;
	usage->padding_byte_hours = -1;
	usage->monitored_object_hours = -1;
}

bool
cf_pricing_quote(const CfPricingBook *book, const CfPricingClass *cls, const CfPricingUsage *usage,
				 CfPricingQuote *quote, CfError *err)
{
	Quoting		q = {book, cls, usage, quote, err};

	quote->count = 0;
	if (!check_usage(usage, err))
		return false;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
	{
		if (!steps[i] (&q))
			return false;
	}
	return true;
}

bool
cf_pricing_total(const CfPricingQuote *quote, CfPricingKind first, CfPricingKind last,
				 CfMoney *total, CfError *err)
{
	*total = 0;
	for (int i = 0; i < quote->count; i++)
	{
		const CfPricingTerm *term = &quote->terms[i];

		if (term->kind >= first && term->kind <= last &&
			!cf_money_add(total, term->amount_usd, err))
			return false;
	}
	return true;
}

/* is_destination tells whether bytes can go there: a word of egress_prices. */
static bool
is_destination(const char *name)
{
	return strcmp(name, "internet") == 0 || strcmp(name, "same_region") == 0 || strcmp(name, "other_region") == 0 ||
		strcmp(name, "other_continent") == 0;
}

/* check_usage refuses negative quantities, a month without hours, and a destination that nobody knows. */
static bool
check_usage(const CfPricingUsage *usage, CfError *err)
{
	const struct
	{
		const char *name;
		CfInt128	value;
	}			quantities[] = {
		{"byte_hours", usage->byte_hours}, {"object_hours", usage->object_hours},
		{"padding_byte_hours", usage->padding_byte_hours + 1},
		{"monitored_object_hours", usage->monitored_object_hours + 1},
		{"byte_hours_before", usage->byte_hours_before},
		{"puts", usage->puts}, {"gets", usage->gets}, {"lists", usage->lists},
		{"others", usage->others},
		{"transitions", usage->transitions}, {"written_bytes", usage->written_bytes},
		{"read_bytes", usage->read_bytes}, {"restores", usage->restores},
		{"restored_bytes", usage->restored_bytes},
		{"restore_copy_byte_hours", usage->restore_copy_byte_hours},
		{"deleted_bytes", usage->deleted_bytes}, {"deleted_objects", usage->deleted_objects},
		{"stored_days", usage->stored_days}, {"egress_bytes", usage->egress_bytes},
		{"egress_bytes_before", usage->egress_bytes_before}, {"band_hours", usage->band_hours},
		{"month_hours", usage->month_hours - 1},
	};

	for (size_t i = 0; i < sizeof(quantities) / sizeof(quantities[0]); i++)
	{
		if (quantities[i].value < 0)
			return cf_error_set(err, CF_ERR_INPUT, "usage has a negative quantity: %s",
								quantities[i].name);
	}
	if (usage->egress_destination != NULL && !is_destination(usage->egress_destination))
	{
		cf_error_set(err, CF_ERR_INPUT, "unknown destination of egress: \"%s\"", usage->egress_destination);
		cf_error_hint(err, "Bytes go to the internet, stay in the same_region, or go to an other_region or other_continent of the provider.");
		return false;
	}
	return true;
}

/* push adds one term; nothing of something is no term. */
static bool
push(Quoting *q, CfPricingKind kind, CfInt128 num, CfInt128 den, Priced priced)
{
	CfPricingTerm *term = &q->quote->terms[q->quote->count];

	if (num == 0)
		return true;
	if (q->quote->count == CF_PRICING_TERMS_MAX)
		return cf_error_set(q->err, CF_ERR_RANGE, "a quote has at most %d terms", CF_PRICING_TERMS_MAX);
	term->kind = kind;
	term->num = num;
	term->den = den;
	term->unit_usd = priced.usd;
	term->price_id = cf_money_known(priced.usd) ? priced.id : 0;
	term->discount_id = priced.discount;
	if (!cf_money_mul_ratio(priced.usd, num, den, &term->amount_usd, q->err))
		return false;
	q->quote->count++;
	return true;
}

/* price_of looks a price up in a class's row; NULL = there is no such class. */
static Priced
price_of(const CfPricingClass *cls, CfPricingPrice price)
{
	if (cls == NULL)
		return unpriced;

	const CfMoney prices[CF_PRICE_CLASS_PRICES] = {
		[CF_PRICE_STORAGE] = cls->storage_usd, [CF_PRICE_PUT] = cls->put_usd, [CF_PRICE_GET] = cls->get_usd,
		[CF_PRICE_LIST] = cls->list_usd, [CF_PRICE_OTHER] = cls->other_usd, [CF_PRICE_TRANSITION] = cls->transition_usd,
		[CF_PRICE_RETRIEVAL] = cls->retrieval_usd, [CF_PRICE_UPLOAD] = cls->upload_usd,
		[CF_PRICE_EARLY_DELETE] = cls->early_delete_usd, [CF_PRICE_MONITORING] = cls->monitoring_usd,
	};

	return (Priced) {prices[price], cls->row.id, cls->discounts[price]};
}

/* push_class adds a term priced by the class's own row. */
static bool
push_class(Quoting *q, CfPricingKind kind, CfInt128 num, CfInt128 den, CfPricingPrice price)
{
	return push(q, kind, num, den, price_of(q->cls, price));
}

/* push_ladder cuts [before, before + amount) at the ends of the bands, one term per band. */
static bool
push_ladder(Quoting *q, const Climb *climb)
{
	CfInt128	at = climb->before;
	CfInt128	end;

	if (!cf_int128_add(at, climb->amount, &end, q->err))
		return false;
	for (int i = 0; i < climb->ladder.count && at < end; i++)
	{
		const CfPricingBand *band = &climb->ladder.bands[i];
		CfInt128	low = (CfInt128) band->row.from_bytes * climb->hours;
		CfInt128	high = (CfInt128) band->row.to_bytes * climb->hours;

		if (band->row.to_bytes == CF_PRICING_BYTES_MAX || high > end)
			high = end;
		if (high <= at)
			continue;
		if (low > at)
			break;				/* a gap: what follows has no price */
		if (!push(q, climb->kind, high - at, climb->den, (Priced) {band->usd, band->row.id, band->discount}))
			return false;
		at = high;
	}
	return push(q, climb->kind, end - at, climb->den, unpriced);
}

/* gb_months is the denominator that turns byte-hours into GB-months. */
static CfInt128
gb_months(const CfPricingUsage *usage)
{
	return (CfInt128) CF_PRICING_GB * usage->month_hours;
}

static bool
quote_storage(Quoting *q)
{
	const CfPricingUsage *usage = q->usage;
	Climb		climb = {CF_PRICING_STORAGE, cf_pricing_book_ladder(q->book, q->cls, usage->day),
		usage->byte_hours_before, usage->byte_hours, gb_months(usage),
	usage->band_hours > 0 ? usage->band_hours : usage->month_hours};

	if (climb.ladder.count > 0)
		return push_ladder(q, &climb);
	return push_class(q, CF_PRICING_STORAGE, usage->byte_hours, climb.den, CF_PRICE_STORAGE);
}

/* quote_padding bills small objects up to the class's minimum size. */
static bool
quote_padding(Quoting *q)
{
	CfInt128	padding = q->usage->padding_byte_hours;

	if (padding < 0)
	{
		if (!cf_int128_mul(q->cls->min_object_bytes, q->usage->object_hours, &padding, q->err))
			return false;
		padding = padding > q->usage->byte_hours ? padding - q->usage->byte_hours : 0;
	}
	return push_class(q, CF_PRICING_PADDING, padding, gb_months(q->usage), CF_PRICE_STORAGE);
}

/* quote_overhead bills the index data of archived objects, part of it at the STANDARD rate. */
static bool
quote_overhead(Quoting *q)
{
	const CfPricingClass *cls = q->cls;
	CfInt128	own;
	CfInt128	standard;

	if (!cf_int128_mul(cls->overhead_bytes, q->usage->object_hours, &own, q->err) ||
		!cf_int128_mul(cls->overhead_standard_bytes, q->usage->object_hours, &standard, q->err) ||
		!push_class(q, CF_PRICING_OVERHEAD, own, gb_months(q->usage), CF_PRICE_STORAGE))
		return false;
	if (standard == 0)
		return true;

	return push(q, CF_PRICING_OVERHEAD_STANDARD, standard, gb_months(q->usage),
				price_of(cf_pricing_book_standard(q->book, cls, q->usage->day), CF_PRICE_STORAGE));
}

/* quote_monitoring bills automatic tiering per object; a class without that fee has no such term. */
static bool
quote_monitoring(Quoting *q)
{
	CfInt128	hours = q->usage->monitored_object_hours;
	bool		by_days = strcmp(q->cls->row.provider, "GCP") == 0;
	CfInt128	smallest;

	if (!cf_money_known(q->cls->monitoring_usd))
		return true;
	if (hours < 0)
	{
		if (!cf_int128_mul(q->usage->object_hours, MONITORED_MIN_BYTES, &smallest, q->err))
			return false;
		hours = q->usage->byte_hours >= smallest ? q->usage->object_hours : 0;
	}
	return push_class(q, CF_PRICING_MONITORING, hours, (CfInt128) 1000 * (by_days ? GCP_FEE_HOURS : q->usage->month_hours),
					  CF_PRICE_MONITORING);
}

/* quote_requests: what is neither read nor write is billed as a read, except where it has a price of its own (Azure). */
static bool
quote_requests(Quoting *q)
{
	bool		own = cf_money_known(q->cls->other_usd);

	return push_class(q, CF_PRICING_PUT, q->usage->puts, 1000, CF_PRICE_PUT) &&
		push_class(q, CF_PRICING_GET, q->usage->gets, 1000, CF_PRICE_GET) &&
		push_class(q, CF_PRICING_OTHER, q->usage->others, 1000, own ? CF_PRICE_OTHER : CF_PRICE_GET) &&
		push_class(q, CF_PRICING_TRANSITION, q->usage->transitions, 1000, CF_PRICE_TRANSITION);
}

/* quote_list: AWS lists at the STANDARD write price, Google at the class's, Azure at a price of its own. */
static bool
quote_list(Quoting *q)
{
	Priced		priced = price_of(q->cls, CF_PRICE_LIST);

	if (!cf_money_known(priced.usd) && strcmp(q->cls->row.provider, "AWS") == 0)
		priced = price_of(cf_pricing_book_standard(q->book, q->cls, q->usage->day), CF_PRICE_PUT);
	else if (!cf_money_known(priced.usd) && strcmp(q->cls->row.provider, "Azure") != 0)
		priced = price_of(q->cls, CF_PRICE_PUT);
	return push(q, CF_PRICING_LIST, q->usage->lists, 1000, priced);
}

/* quote_bytes bills each byte read; an upload price is rare: where there is none, writing is free. */
static bool
quote_bytes(Quoting *q)
{
	if (cf_money_known(q->cls->upload_usd) &&
		!push_class(q, CF_PRICING_UPLOAD, q->usage->written_bytes, CF_PRICING_GB, CF_PRICE_UPLOAD))
		return false;
	return push_class(q, CF_PRICING_RETRIEVAL, q->usage->read_bytes, CF_PRICING_GB, CF_PRICE_RETRIEVAL);
}

/* quote_restore: without a row for the option, the standard restore is a read at the class's own prices. */
static bool
quote_restore(Quoting *q)
{
	const CfPricingUsage *usage = q->usage;
	const char *option = usage->restore_option ? usage->restore_option : "STANDARD";
	bool		is_standard = strcmp(option, "STANDARD") == 0;
	Priced		request = is_standard ? price_of(q->cls, CF_PRICE_GET) : unpriced;
	Priced		retrieval = is_standard ? price_of(q->cls, CF_PRICE_RETRIEVAL) : unpriced;

	if (usage->restores == 0 && usage->restored_bytes == 0 && usage->restore_copy_byte_hours == 0)
		return true;

	const CfPricingRestore *row = cf_pricing_book_restore(q->book, q->cls, option, usage->day);

	if (row != NULL)
	{
		request = (Priced) {row->request_usd, row->row.id, row->discounts[0]};
		retrieval = (Priced) {row->retrieval_usd, row->row.id, row->discounts[1]};
	}
	return push(q, CF_PRICING_RESTORE, usage->restores, 1000, request) &&
		push(q, CF_PRICING_RESTORE_RETRIEVAL, usage->restored_bytes, CF_PRICING_GB, retrieval) &&
		push(q, CF_PRICING_RESTORE_COPY, usage->restore_copy_byte_hours, gb_months(usage),
			 price_of(cf_pricing_book_standard(q->book, q->cls, usage->day), CF_PRICE_STORAGE));
}

/* quote_early_delete bills the days that are missing to the minimum duration, on the billed size. */
static bool
quote_early_delete(Quoting *q)
{
	const CfPricingUsage *usage = q->usage;
	CfInt128	missing = (CfInt128) q->cls->min_days - usage->stored_days;
	CfInt128	bytes = (CfInt128) q->cls->min_object_bytes * usage->deleted_objects;
	CfInt128	overhead = (CfInt128) q->cls->overhead_bytes * usage->deleted_objects;

	if (missing <= 0 || (usage->deleted_bytes == 0 && usage->deleted_objects == 0))
		return true;
	if (bytes < usage->deleted_bytes)
		bytes = usage->deleted_bytes;
	if (!cf_int128_add(bytes, overhead, &bytes, q->err) ||
		!cf_int128_mul(bytes, missing, &bytes, q->err))
		return false;
	return push_class(q, CF_PRICING_EARLY_DELETE, bytes, (CfInt128) CF_PRICING_GB * EARLY_MONTH_DAYS,
					  CF_PRICE_EARLY_DELETE);
}

static bool
quote_egress(Quoting *q)
{
	const CfPricingUsage *usage = q->usage;
	Climb		climb = {.kind = CF_PRICING_EGRESS, .before = usage->egress_bytes_before,
		.amount = usage->egress_bytes, .den = CF_PRICING_GB, .hours = 1};

	if (usage->egress_bytes == 0)
		return true;
	climb.ladder = cf_pricing_book_egress(q->book, q->cls->row.provider, q->cls->row.region,
										  usage->egress_destination ? usage->egress_destination : "internet",
										  usage->egress_peer ? usage->egress_peer : "*", usage->day);
	return push_ladder(q, &climb);
}
