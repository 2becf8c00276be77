/*
 * recommend.h
 *		The cheapest class for one object over the days to come, what each class would cost it, and what speaks against those
 *		that are cheaper.
 *
 * Two judges have to agree before an object is told to move. One looks back: the rule of decide.h, whose bound trusts no
 * forecast; it names the class, or says "stay". The other looks ahead: what the object will cost in that class over the
 * horizon, its move and all fees included, must be less than what it costs where it is. So neither a forecast without
 * regret moves anything, nor regret of which the days to come will earn nothing back.
 *
 * Both know what happened to the other objects of the place (hazard.h), as it is known today: the first for all the days on which it looks back. Where
 * there is too little of it, it counts for nothing.
 *
 * What may not be chosen (too slow, forbidden) is not part of the menu on which the first judge decides, but priced all
 * the same: whoever asks is told what the restriction costs. The class in which an object lies is always on its menu.
 */
#ifndef CF_TIERING_RECOMMEND_H
#define CF_TIERING_RECOMMEND_H

#include "core/arena.h"
#include "core/error.h"
#include "tiering/decide.h"
#include "tiering/hazard.h"
#include "tiering/outlook.h"

#define CF_RECOMMEND_QUANTILE 0.9	/* of high_usd */

/* What keeps a class from being chosen, before any money is looked at; in the order in which it is told. */
typedef enum CfRecommendBar
{
	CF_RECOMMEND_FREE,			/* nothing */
	CF_RECOMMEND_HELD,			/* the object may not be moved at all */
	CF_RECOMMEND_FORBIDDEN,		/* a policy does not list the class */
	CF_RECOMMEND_SLOW,			/* its first byte comes later than a policy allows */
	CF_RECOMMEND_UNWANTED,		/* … than is usual, where no policy says anything: no reason to call an object blocked */
	CF_RECOMMEND_BUCKET			/* no class of an object, but a setting of the whole bucket; the same */
} CfRecommendBar;

typedef enum CfRecommendReason
{
	CF_RECOMMEND_HERE,			/* it lies there */
	CF_RECOMMEND_MOVE_THERE,	/* the recommendation */
	CF_RECOMMEND_BARRED,		/* see bar */
	CF_RECOMMEND_DEARER,		/* than staying */
	CF_RECOMMEND_MINIMUM,		/* dearer than staying, and would not be without the fee for leaving early */
	CF_RECOMMEND_REGRET,		/* cheaper than staying, and the regret is not enough yet */
	CF_RECOMMEND_ANOTHER,		/* cheaper than staying, but another class is the recommendation */
	CF_RECOMMEND_UNPROVED		/* cheaper than staying, if nobody reads it: which nobody would have noticed */
} CfRecommendReason;

/* The word for each, as SQL gives it. */
extern const char *cf_recommend_reason_name(CfRecommendReason reason, CfRecommendBar bar);

typedef enum CfRecommendVerdict
{
	CF_RECOMMEND_MOVES,
	CF_RECOMMEND_STAYS,			/* nothing is cheaper */
	CF_RECOMMEND_WAITS,			/* something is, and regret is not enough yet */
	CF_RECOMMEND_BLOCKED,		/* something is, but only where a policy does not let it go */
	CF_RECOMMEND_THIN			/* reads may have gone unnoticed: no move is told */
} CfRecommendVerdict;

extern const char *cf_recommend_verdict_name(CfRecommendVerdict verdict);

typedef struct CfRecommendAsk
{
	int64_t		size_bytes;
	int			cls;			/* of the menu, in which it lies */
	int32_t		begun_day;		/* first day of which reads are known; at most today */
	int32_t		entered_day;	/* first day in cls */
	int32_t		today;			/* whose end it is */
	int32_t		horizon_days;	/* from tomorrow on */
	const CfReplayAccess *reads;	/* from begun_day to today, ascending, none twice */
	uint32_t	read_count;
	const CfRecommendBar *bars; /* per class of the menu */
	bool		thin;			/* too little is known of its reads */
	const CfHazardKnown *known; /* of the objects around it by today, at one address as long as the recommender lives; NULL = nothing */
} CfRecommendAsk;

typedef struct CfRecommendClass
{
	double		usd[CF_OUTLOOK_TERMS];	/* expected, over the horizon; early deletion has beside the days missing here those missing there at its end */
	double		total_usd;
	double		high_usd;		/* the total stays at or below it with probability CF_RECOMMEND_QUANTILE */
	double		regret_usd;		/* by how much the cheapest plan that ends there is cheaper than the one that ends here */
	double		needed_usd;		/* the regret that is enough without advice; both 0 where barred, and here */
	double		first_byte_s;	/* of the slowest state that it can be in */
	CfRecommendBar bar;
	CfRecommendReason reason;
} CfRecommendClass;

typedef struct CfRecommendAnswer
{
	CfRecommendVerdict verdict;
	int			cls;			/* recommended; where it lies, if it is not to move */
	int			judged;			/* what the rule of decide.h says by itself */
	int			cheaper;		/* of the classes that are cheaper than what is chosen, the one that the verdict is about; CF_TARIFF_NONE = none */
	int32_t		recheck_day;	/* when to ask again though nothing happens; CF_REPLAY_NEVER = not */
	double		saving_usd;		/* over the horizon, of cls against staying */
	double		payback_days;	/* until the way there has paid for itself; 0 = at once, negative = never within ten horizons */
	double		reads;			/* expected within the horizon */
	double		unread;			/* probability that there are none */
	double		others_days;	/* object-days on record of objects as idle and as often read as it is now; 0 = nothing is known of them */
	double		others_reads;	/* days with reads among them */
	CfRecommendClass classes[CF_TARIFF_CLASSES];
} CfRecommendAnswer;

/* Kept for a menu, for as many objects as there are. */
typedef struct CfRecommender CfRecommender;

/* cf_recommender_make makes one for a menu that was checked; both live in and as long as the arena. NULL = out of memory. */
extern CfRecommender *cf_recommender_make(const CfTariffMenu *menu, CfArena *arena);

/* cf_recommend answers; false = out of memory, or an ask that makes no sense (CF_ERR_INPUT). */
extern bool cf_recommend(CfRecommender *recommender, const CfRecommendAsk *ask, CfRecommendAnswer *answer, CfError *err);

#endif							/* CF_TIERING_RECOMMEND_H */
