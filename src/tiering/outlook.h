/*
 * outlook.h
 *		What an object is expected to cost in each class of a menu, over a distribution of what may be read, not a point.
 *
 * An *outlook* is a handful of scenarios with weights that add up to 1: nothing is read; one day in two months; every third day
 * from tomorrow on. It is made from one or more sources, by whoever asks:
 *
 *		cf_outlook_rates		the object's own past reads (rates.h), always there
 *		cf_hazard_outlook		what happened next to objects of its dataset that had been idle as long and read as often (hazard.h)
 *		cf_outlook_forecast		a forecast from outside: mean and quantiles of reads over a horizon of its own; behind it, the rates
 *		cf_outlook_blend		mixes two of them
 *
 * and then priced: cf_outlook_costs says for each class what the object costs over the horizon if it is taken there tonight (or stays)
 * and remains there: the mean of each term, their sum, and a quantile of the sum. What decides is the tail (the few that wake up and pay
 * retrieval), so the sum of a class with a low mean may have a high quantile; that is for the caller to weigh.
 *
 * How to ask, for an object with known reads:
 *
 *		CfRates		rates;
 *		CfOutlook	outlook;
 *		CfOutlookCost costs[CF_TARIFF_CLASSES];
 *		CfOutlookObject object = {.size_bytes = …, .cls = …, .day = today, .entered_day = …, .last_read_day = …};
 *
 *		cf_rates_begin(&rates, size_bytes, seen_from);		the later of its upload and the first day with evidence
 *		cf_rates_until(&rates, day, reads, bytes);			for each day with reads, ascending; then (&rates, today, 0, 0)
 *		cf_outlook_rates(&rates, size_bytes, horizon_days, &outlook);
 *		cf_outlook_costs(menu, &object, &outlook, 0.9, costs);		costs[k].total_usd for each class k < menu->count
 *
 * Nothing is allocated, nothing fails, and all functions can be called from several threads. A million objects on six classes
 * take about two seconds.
 *
 * A month has 30 days, the first volume band is taken, and the end of the horizon costs nothing: who enters a class with a minimum
 * duration that is longer than the horizon may leave too early after it, which the caller should know (CfTariffClass.min_days).
 */
#ifndef CF_TIERING_OUTLOOK_H
#define CF_TIERING_OUTLOOK_H

#include "tiering/rates.h"
#include "tiering/tariff.h"

#define CF_OUTLOOK_SCENARIOS 16
#define CF_OUTLOOK_DAYS_MAX 3650	/* longest horizon */

/* One thing that may come. */
typedef struct CfOutlookScenario
{
	double		weight;			/* probability */
	double		read_days;		/* days with reads within the horizon: 0, or at least 1 */
	double		gap;			/* days before the first of them; 0 = tomorrow */
	double		span;			/* days from the first to the last of them, evenly spread; gap + span < horizon */
	double		reads;			/* requests on a day with reads */
	double		bytes;			/* bytes read on such a day */
} CfOutlookScenario;

typedef struct CfOutlook
{
	int32_t		horizon_days;
	int			count;
	CfOutlookScenario scenarios[CF_OUTLOOK_SCENARIOS];
} CfOutlook;

/* A forecast of one object's reads, from outside. Quantiles are not below each other; NaN = not told (only the mean counts then). */
typedef struct CfOutlookForecast
{
	int32_t		horizon_days;	/* that it is for, beginning tomorrow */
	double		mean;			/* reads in that time */
	double		q10;
	double		q50;
	double		q90;
} CfOutlookForecast;

/* Where the object is tonight. */
typedef struct CfOutlookObject
{
	int64_t		size_bytes;
	int			cls;			/* CF_TARIFF_NONE = it is uploaded tomorrow, in any class at no cost */
	int32_t		day;			/* that ends; the horizon begins with the next */
	int32_t		entered_day;	/* first day in cls */
	int32_t		last_read_day;	/* INT32_MIN = none known */
	bool		may_return;		/* a class is priced with the way back to cls after the first day with reads, where that is cheaper */
} CfOutlookObject;

typedef enum CfOutlookTerm
{
	CF_OUTLOOK_STORAGE,			/* minimum sizes and overheads included */
	CF_OUTLOOK_MONITORING,
	CF_OUTLOOK_REQUESTS,		/* reads, and requests of restores */
	CF_OUTLOOK_RETRIEVAL,		/* with restored copies and wakes */
	CF_OUTLOOK_MOVE,			/* transition, or the copy with its requests, retrieval and transfer; enablement; the way back, where taken */
	CF_OUTLOOK_EARLY,			/* days that are missing to the minimum duration of a class that is left */
	CF_OUTLOOK_TERMS
} CfOutlookTerm;

typedef struct CfOutlookCost
{
	double		usd[CF_OUTLOOK_TERMS];	/* expected, over the horizon */
	double		total_usd;		/* their sum */
	double		high_usd;		/* the total stays at or below it with the probability that was asked for */
} CfOutlookCost;

/*
 * cf_outlook_rates: the number of days with reads is as uncertain as the days seen leave it (beta-binomial with the decayed counts of
 * the rates), so an object seen for three days has a wide outlook and one seen for a year a narrow one. An object that has not been
 * read for t days is read within t more days with probability 1/2 if it was in somebody's hands once before.
 */
extern void cf_outlook_rates(const CfRates *rates, int64_t size_bytes, int32_t horizon_days, CfOutlook *outlook);

/*
 * cf_outlook_forecast: 10 % at q10, 80 % between the quantiles, 10 % above q90, scaled so that the mean is the forecast's. Days of the horizon behind
 * the forecast's go on at the object's own rates as if what the scenario says had been seen. Reads per read day and bytes per read are the
 * object's own. A forecast that is not told in full (NaN mean, horizon < 1) counts as none: then as cf_outlook_rates.
 */
extern void cf_outlook_forecast(const CfOutlookForecast *forecast, const CfRates *rates, int64_t size_bytes,
								int32_t horizon_days, CfOutlook *outlook);

/* cf_outlook_blend gives other so much of the weight (0 … 1); where both are too many scenarios, the lightest are merged. Same horizon. */
extern void cf_outlook_blend(CfOutlook *outlook, const CfOutlook *other, double share);

/* cf_outlook_mean_reads and cf_outlook_unread are the expected requests in the horizon, and the probability that there are none. */
extern double cf_outlook_mean_reads(const CfOutlook *outlook);
extern double cf_outlook_unread(const CfOutlook *outlook);

/* cf_outlook_costs prices all classes of the menu; quantile is that of high_usd, above 0, at most 1. costs has menu->count places. */
extern void cf_outlook_costs(const CfTariffMenu *menu, const CfOutlookObject *object, const CfOutlook *outlook,
							 double quantile, CfOutlookCost *costs);

/* cf_outlook_cost prices one class. */
extern void cf_outlook_cost(const CfTariffMenu *menu, const CfOutlookObject *object, const CfOutlook *outlook, int cls,
							double quantile, CfOutlookCost *cost);

#endif							/* CF_TIERING_OUTLOOK_H */
