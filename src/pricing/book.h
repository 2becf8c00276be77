/*
 * book.h
 *		The price book in memory: effective-dated rows of classes, bands, restore options and egress.
 *
 * A row holds from from_day until before to_day. Where a user's row and a builtin one hold on the same day, the user's
 * counts. Bands of a class refine its storage price: a user's bands always, builtin bands only under a builtin class
 * row (or a user's new price would be ignored). Prices that are not known are CF_MONEY_UNKNOWN.
 *
 * Building: init, add_* rows in any order (texts are not copied: they live as long as the book), discount, seal. After
 * seal the book is read only and may be shared.
 */
#ifndef CF_PRICING_BOOK_H
#define CF_PRICING_BOOK_H

#include "core/arena.h"
#include "pricing/money.h"

#define CF_PRICING_DAY_MIN INT32_MIN	/* since ever */
#define CF_PRICING_DAY_MAX INT32_MAX	/* for ever */
#define CF_PRICING_BYTES_MAX INT64_MAX	/* end of the last band */
#define CF_PRICING_GB INT64_C(1073741824)	/* all three providers mean 2^30 */

/* What every row of the book begins with. Days count from any one epoch. */
typedef struct CfPricingRow
{
	int64_t		id;
	const char *provider;
	const char *region;
	const char *name;			/* storage class; of egress: the destination */
	const char *option;			/* restore option; of egress: the peer; else "" */
	int32_t		from_day;
	int32_t		to_day;
	bool		builtin;
	int64_t		from_bytes;		/* band; 0 where there is none */
	int64_t		to_bytes;		/* CF_PRICING_BYTES_MAX = no end */
} CfPricingRow;

/* The prices that a class, a restore option or egress has, as discounts and terms name them. */
typedef enum CfPricingPrice
{
	CF_PRICE_STORAGE,
	CF_PRICE_PUT,
	CF_PRICE_GET,
	CF_PRICE_LIST,
	CF_PRICE_OTHER,
	CF_PRICE_TRANSITION,
	CF_PRICE_RETRIEVAL,
	CF_PRICE_UPLOAD,
	CF_PRICE_EARLY_DELETE,
	CF_PRICE_MONITORING,
	CF_PRICE_CLASS_PRICES,		/* those of a class end here */
	CF_PRICE_RESTORE = CF_PRICE_CLASS_PRICES,
	CF_PRICE_RESTORE_RETRIEVAL,
	CF_PRICE_EGRESS,
	CF_PRICES
} CfPricingPrice;

/* One storage class. Per GB means per 2^30 bytes; per GB and month; per 1,000 requests or objects. */
typedef struct CfPricingClass
{
	CfPricingRow row;
	const char *tier;			/* HOT, WARM, COLD */
	const char *redundancy;		/* "" = not said */
	CfMoney		storage_usd;
	CfMoney		put_usd;
	CfMoney		get_usd;
	CfMoney		list_usd;		/* unknown = as the provider's rule says (quote.c) */
	CfMoney		other_usd;		/* requests that are none of these; unknown = billed as get */
	CfMoney		transition_usd; /* unknown = no lifecycle target */
	CfMoney		retrieval_usd;
	CfMoney		upload_usd;
	CfMoney		early_delete_usd;
	CfMoney		monitoring_usd;
	int64_t		min_object_bytes;
	int64_t		overhead_bytes;
	int64_t		overhead_standard_bytes;
	int32_t		min_days;
	int32_t		restore_seconds;	/* 0 = readable at once */
	int64_t		discounts[CF_PRICE_CLASS_PRICES];	/* the discount in each price; 0 = it is the list's */
} CfPricingClass;

typedef struct CfPricingBand
{
	CfPricingRow row;
	CfMoney		usd;
	int64_t		discount;
} CfPricingBand;

typedef struct CfPricingRestore
{
	CfPricingRow row;
	int32_t		seconds_max;
	CfMoney		request_usd;	/* per 1,000 */
	CfMoney		retrieval_usd;
	int64_t		discounts[2];	/* in the request, in the retrieval */
} CfPricingRestore;

/* A contract's price over the book's: so much per cent less, or another price. */
typedef struct CfPricingDiscount
{
	CfPricingRow row;			/* region, name (class) "" = all; option: the price's name, "" = all */
	CfMoney		percent;		/* 1 = CF_MONEY_ONE; unknown where usd says the price */
	CfMoney		usd;
} CfPricingDiscount;

/* Bands that hold on one day, from byte 0 on without a gap. */
typedef struct CfPricingLadder
{
	const CfPricingBand *bands;
	int			count;
} CfPricingLadder;

typedef struct CfPricingRows
{
	void	   *items;
	size_t		item_size;
	int			count;
	int			capacity;
} CfPricingRows;

typedef struct CfPricingBook
{
	CfArena    *arena;
	CfPricingRows classes;
	CfPricingRows bands;
	CfPricingRows restores;
	CfPricingRows egress;		/* CfPricingBand */
	CfPricingRows discounts;
} CfPricingBook;

extern void cf_pricing_book_init(CfPricingBook *book, CfArena *arena);
extern bool cf_pricing_book_add_class(CfPricingBook *book, const CfPricingClass *row, CfError *err);
extern bool cf_pricing_book_add_band(CfPricingBook *book, const CfPricingBand *row, CfError *err);
extern bool cf_pricing_book_add_restore(CfPricingBook *book, const CfPricingRestore *row, CfError *err);
extern bool cf_pricing_book_add_egress(CfPricingBook *book, const CfPricingBand *row, CfError *err);

extern bool cf_pricing_book_add_discount(CfPricingBook *book, const CfPricingDiscount *row, CfError *err);

/* cf_pricing_book_append adds a row to one of the arrays. Private to the book. */
extern bool cf_pricing_book_append(CfPricingBook *book, CfPricingRows *rows, const void *row, CfError *err);

/*
 * cf_pricing_book_discount lets the discounts take effect: each row of prices is cut where a discount of it begins or
 * ends, and has the discounted prices between. Of the discounts that name a price on a day one counts, the most
 * specific: by class, then by region, then by price, then the newest. What is free or unknown stays so.
 */
extern bool cf_pricing_book_discount(CfPricingBook *book, CfError *err);

/* cf_pricing_price_name gives "storage", "put", … */
extern const char *cf_pricing_price_name(CfPricingPrice price);

/* cf_pricing_book_seal sorts the rows; after it the lookups below work. */
extern void cf_pricing_book_seal(CfPricingBook *book);

/*
 * cf_pricing_book_class finds a class on a day, NULL = none. Class names are taken as the provider's tools write
 * them: in any case, Azure's access tiers without redundancy as LRS, INTELLIGENT_TIERING as its frequent access tier.
 */
extern const CfPricingClass *cf_pricing_book_class(const CfPricingBook *book, const char *provider,
												   const char *region, const char *storage_class,
												   int32_t day);

/* cf_pricing_book_need is the same, but fails with CF_ERR_INPUT and lists what the book knows. */
extern const CfPricingClass *cf_pricing_book_need(const CfPricingBook *book, const char *provider,
												  const char *region, const char *storage_class,
												  int32_t day, CfError *err);

/* cf_pricing_book_next walks the classes of a region that count on a day; *at is 0 at first; NULL = no more. */
extern const CfPricingClass *cf_pricing_book_next(const CfPricingBook *book, const char *provider,
												  const char *region, int32_t day, int *at);

/* cf_pricing_book_standard is the class whose rate some overheads and restored copies are billed at; NULL = none. */
extern const CfPricingClass *cf_pricing_book_standard(const CfPricingBook *book,
													  const CfPricingClass *of, int32_t day);

/* cf_pricing_book_ladder gives the bands of a class on a day; count 0 = flat, storage_usd holds. */
extern CfPricingLadder cf_pricing_book_ladder(const CfPricingBook *book, const CfPricingClass *of,
											  int32_t day);

/* cf_pricing_book_restore finds a restore option ("STANDARD", "BULK", …); NULL = none. */
extern const CfPricingRestore *cf_pricing_book_restore(const CfPricingBook *book,
													   const CfPricingClass *of,
													   const char *option, int32_t day);

/* cf_pricing_book_egress gives the ladder to a destination: of the peer itself, else of the peer '*'; count 0 = unknown. */
extern CfPricingLadder cf_pricing_book_egress(const CfPricingBook *book, const char *provider,
											  const char *region, const char *destination,
											  const char *peer, int32_t day);

/* cf_pricing_area names the part of the world that a region lies in ("europe", "asia", …), "" = unknown. */
extern const char *cf_pricing_area(const char *region);

/* cf_pricing_month_hours is the hours that one month's price pays for: 730 at Google, else those of the month (1..12). */
extern int	cf_pricing_month_hours(const char *provider, int year, int month);

#endif							/* CF_PRICING_BOOK_H */
