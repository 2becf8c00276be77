/*
 * move.h
 *		What it costs to move one object to another class or place, and what that saves each month.
 *
 * The move is priced as the mover does it: in the same place a change of class, at one provider a copy by the store
 * itself, else bytes through us. Egress skips the free monthly allowance and storage the discount bands: those
 * belong to the account's whole bill, and counting them for each object would promise them many times over.
 */
#ifndef CF_PRICING_MOVE_H
#define CF_PRICING_MOVE_H

#include "pricing/quote.h"

/* Where an object lies or shall lie. NULL provider, region or class = no prices. */
typedef struct CfPricingSpot
{
	const char *provider;
	const char *region;
	const char *storage_class;
} CfPricingSpot;

typedef struct CfPricingMove
{
	CfPricingSpot source;
	CfPricingSpot dest;
	bool		same_place;		/* only the class changes */
	bool		keep_source;	/* it stays, as a replica or as an older version: no early deletion, and still billed, though not read */
	int32_t		day;
	int32_t		source_month_hours;
	int32_t		dest_month_hours;
	int64_t		size_bytes;
	int32_t		stored_days;	/* since the object has this class */
	int64_t		reads_month;	/* expected, of the whole object */
	int64_t		part_bytes;		/* 0 = 8 MiB, and up to 16 MiB in one request */
	bool		streamed;		/* at one provider, but its stores do not copy by themselves */
	int			source_looks;	/* requests that only look, at either end */
	int			dest_looks;
	const char *restore_option; /* NULL = STANDARD */
} CfPricingMove;

typedef enum CfPricingRisk
{
	CF_PRICING_RISK_UNPRICED = 1 << 0,
	CF_PRICING_RISK_EARLY_DELETION = 1 << 1,
	CF_PRICING_RISK_MINIMUM_SIZE = 1 << 2,	/* smaller than the destination bills */
	CF_PRICING_RISK_RESTORE_NEEDED = 1 << 3,	/* before the source can be read */
	CF_PRICING_RISK_SLOW_TO_READ = 1 << 4,	/* the destination needs a restore before each read, the source does not */
	CF_PRICING_RISK_SAVES_NOTHING = 1 << 5,
	CF_PRICING_RISK_REDUNDANCY = 1 << 6	/* one zone instead of several, or the reverse */
} CfPricingRisk;

#define CF_PRICING_RISKS 7
#define CF_PRICING_MOVE_IDS 24

typedef struct CfPricingMoveQuote
{
	int64_t		requests;		/* that are billed: reads, writes, changes of class, restores; -1 = unknown, as an end is unpriced */
	CfMoney		request_usd;
	CfMoney		transition_usd;
	CfMoney		retrieval_usd;
	CfMoney		restore_usd;
	CfMoney		egress_usd;
	CfMoney		early_delete_usd;
	CfMoney		upload_usd;
	CfMoney		move_usd;		/* all of the above; unknown when one is */
	CfMoney		before_usd;		/* per month: held and read where it is */
	CfMoney		after_usd;
	CfMoney		payback_days;	/* move / saving × 730 h; unknown = never, or prices are missing */
	int32_t		restore_seconds;
	unsigned	risks;			/* CfPricingRisk */
	int64_t		price_ids[CF_PRICING_MOVE_IDS];
	int			price_count;
} CfPricingMoveQuote;

/* cf_pricing_move prices one move; prices that are missing make amounts unknown and set UNPRICED. */
extern bool cf_pricing_move(const CfPricingBook *book, const CfPricingMove *move,
							CfPricingMoveQuote *quote, CfError *err);

/*
 * cf_pricing_month prices one mean month of holding size_bytes as one object at list prices (first band) and reading
 * it so many times; unknown when a price is missing.
 */
extern bool cf_pricing_month(const CfPricingBook *book, const CfPricingClass *cls, int32_t day,
							 int32_t month_hours, int64_t size_bytes, int64_t reads,
							 CfPricingQuote *terms, CfMoney *total, CfError *err);

/*
 * cf_pricing_cheapest tries each class of the source's provider and region and gives the one whose month is cheapest
 * among those whose move pays back within max_payback_days; NULL = stay. Classes with less redundancy, and
 * (unless allow_restore) those that need a restore, are left out. *best is the quote of that move.
 */
extern bool cf_pricing_cheapest(const CfPricingBook *book, const CfPricingMove *stay,
								int32_t max_payback_days, bool allow_restore,
								const CfPricingClass **cls, CfPricingMoveQuote *best, CfError *err);

extern const char *cf_pricing_risk_name(CfPricingRisk risk);

#endif							/* CF_PRICING_MOVE_H */
