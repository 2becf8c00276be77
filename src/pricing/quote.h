/*
 * quote.h
 *		What a usage costs: usage of one class in one period in, priced terms out.
 *
 * A usage says how much was held (byte-hours and object-hours), how often and how much was read, written, listed,
 * moved, restored and sent. Each term that a provider charges comes out by itself: its quantity as an exact ratio, its
 * price, the row that the price came from, and its amount. Nothing is rounded but each amount, once, at the 18th decimal.
 * All prices of a usage come from one day of the book: a usage that spans a change of prices is two usages.
 */
#ifndef CF_PRICING_QUOTE_H
#define CF_PRICING_QUOTE_H

#include "pricing/book.h"

#define CF_PRICING_TERMS_MAX 64

typedef enum CfPricingKind
{
	CF_PRICING_STORAGE,			/* GB-months of the bytes held, by band */
	CF_PRICING_PADDING,			/* GB-months that small objects are billed beyond their size */
	CF_PRICING_OVERHEAD,		/* GB-months of index data at the class's own rate */
	CF_PRICING_OVERHEAD_STANDARD,	/* the same at the STANDARD rate */
	CF_PRICING_MONITORING,		/* 1,000 objects and month */
	CF_PRICING_PUT,				/* 1,000 requests, as the following five */
	CF_PRICING_GET,
	CF_PRICING_LIST,
	CF_PRICING_OTHER,
	CF_PRICING_TRANSITION,
	CF_PRICING_RESTORE,
	CF_PRICING_UPLOAD,			/* GB written */
	CF_PRICING_RETRIEVAL,		/* GB read */
	CF_PRICING_RESTORE_RETRIEVAL,	/* GB restored */
	CF_PRICING_RESTORE_COPY,	/* GB-months of the temporary copy at the STANDARD rate */
	CF_PRICING_EARLY_DELETE,	/* GB-months that were promised and not held */
	CF_PRICING_EGRESS,			/* GB sent, by band */
	CF_PRICING_KINDS
} CfPricingKind;

typedef struct CfPricingUsage
{
	int32_t		day;			/* whose prices */
	int32_t		month_hours;	/* cf_pricing_month_hours(); what one GB-month is */
	int32_t		band_hours;		/* bands are filled by GB held so many hours; 0 = month_hours. A day alone: 24 */

	CfInt128	byte_hours;		/* held */
	CfInt128	object_hours;
	CfInt128	padding_byte_hours; /* of objects under the class's minimum; -1 = all objects have the mean size */
	CfInt128	monitored_object_hours; /* -1 = all or none, by the mean size */
	CfInt128	byte_hours_before;	/* of the class, billed earlier in this month: where the bands stand */

	int64_t		puts;
	int64_t		gets;
	int64_t		lists;
	int64_t		others;			/* what is none of the other requests: at Azure a price of its own */
	int64_t		transitions;	/* objects moved into the class by lifecycle or tier change */
	int64_t		written_bytes;
	int64_t		read_bytes;

	const char *restore_option; /* NULL = "STANDARD" */
	int64_t		restores;
	int64_t		restored_bytes;
	CfInt128	restore_copy_byte_hours;

	int64_t		deleted_bytes;	/* deleted, overwritten or moved on */
	int64_t		deleted_objects;
	int32_t		stored_days;	/* how long they had been there */

	const char *egress_destination; /* internet, same_region, other_region, other_continent; NULL = internet */
	const char *egress_peer;	/* region or area; NULL = "*" */
	int64_t		egress_bytes;
	int64_t		egress_bytes_before;	/* sent earlier in this month: where the bands stand */
} CfPricingUsage;

typedef struct CfPricingTerm
{
	CfPricingKind kind;
	CfInt128	num;			/* quantity = num / den, in the unit of the kind */
	CfInt128	den;
	CfMoney		unit_usd;		/* unknown = the book has no price for it */
	CfMoney		amount_usd;
	int64_t		price_id;		/* row of the book; 0 = none */
	int64_t		discount_id;	/* contract's row that changed it; 0 = the price is the list's */
} CfPricingTerm;

typedef struct CfPricingQuote
{
	CfPricingTerm terms[CF_PRICING_TERMS_MAX];
	int			count;
} CfPricingQuote;

/* cf_pricing_usage_init makes a usage of nothing. */
extern void cf_pricing_usage_init(CfPricingUsage *usage, int32_t day, int32_t month_hours);

/*
 * cf_pricing_quote prices usage on cls; terms whose quantity is 0 are left out. Negative quantities are CF_ERR_INPUT;
 * a missing price is no error: its term has an unknown amount.
 */
extern bool cf_pricing_quote(const CfPricingBook *book, const CfPricingClass *cls,
							 const CfPricingUsage *usage, CfPricingQuote *quote, CfError *err);

/* cf_pricing_total adds up the kinds from first to last; unknown when one of them is. */
extern bool cf_pricing_total(const CfPricingQuote *quote, CfPricingKind first, CfPricingKind last,
							 CfMoney *total, CfError *err);

extern const char *cf_pricing_kind_name(CfPricingKind kind);	/* "storage", "put", … */
extern const char *cf_pricing_kind_unit(CfPricingKind kind);	/* "GB-month", "1000 requests", … */

#endif							/* CF_PRICING_QUOTE_H */
