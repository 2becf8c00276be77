/*
 * tariff.h
 *		What one store charges, reduced to what a day-by-day replay needs: a menu of classes between which objects may move.
 *
 * A *menu* is what a policy may choose from: the classes of one store that answer fast enough (instant: first byte within a
 * second, no single zone; archive: within 12 hours). Every policy of a replay, and hindsight, gets the same menu.
 *
 * A class has one or more *states*. An ordinary class has one. A class that tiers by itself (S3 Intelligent-Tiering, GCS
 * Autoclass) has several: on a day that begins n days after the later of its last read and its first day in the class, the object
 * is in the last state whose idle_days are at most n; a read puts it back into the first state from the next day on.
 * Objects smaller than monitor_min_bytes stay in the first state and pay no monitoring.
 *
 * Rates are US dollars (or whatever one currency the book is in) as doubles: good for comparing and for searching, where a
 * relative error of 1e-12 decides nothing. What a replay reports is counted in exact integers (replay.h) and multiplied
 * by the exact price once, at the end.
 *
 * Days are whole: a day is charged by the class and state in which the object starts it, and so are the reads of that day.
 * A month has CF_TARIFF_MONTH_DAYS days.
 */
#ifndef CF_TIERING_TARIFF_H
#define CF_TIERING_TARIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define CF_TARIFF_MONTH_DAYS 30
#define CF_TARIFF_CLASSES 12	/* of a menu, at most */
#define CF_TARIFF_STATES 5		/* of a class, at most */
#define CF_TARIFF_NONE (-1)		/* no such class */
#define CF_TARIFF_DAYS_MAX 10000000	/* days, ages and durations stay within ± this */

typedef struct CfTariffState
{
	const char *name;			/* access tier ("IA"); "" in an ordinary class */
	int32_t		idle_days;		/* so many days without a read bring an object here; 0 in the first state, ascending */
	double		storage_usd;	/* per byte and day */
	int64_t		overhead_bytes; /* per object, billed at storage_usd */
	int64_t		overhead_standard_bytes;	/* per object, billed at the menu's standard_usd */
	double		get_usd;		/* per read */
	double		retrieval_usd;	/* per byte read; where restores is set, per byte of the object and restore */
	bool		restores;		/* a day with reads needs one restore, whose copy is billed at standard_usd for restore_days */
	double		restore_usd;	/* per restore */
	double		wake_usd;		/* per object that a read brings back into the first state */
	double		first_byte_s;	/* until the first byte comes, a restore included */
} CfTariffState;

typedef struct CfTariffClass
{
	const char *name;			/* in the provider's spelling */
	CfTariffState states[CF_TARIFF_STATES];
	int			state_count;	/* at least 1 */
	int64_t		min_object_bytes;	/* a smaller object is billed as this size (storage, early deletion, retrieval for a copy) */
	int32_t		min_days;		/* leaving earlier pays early_usd for the days that are missing */
	double		early_usd;		/* per billed byte and day */
	double		monitor_usd;	/* per object and day */
	int64_t		monitor_min_bytes;
	double		put_usd;		/* per copy into the class */
	uint32_t	lifecycle_from; /* bit c: objects come here from class c by lifecycle, at transition_usd and without retrieval */
	double		transition_usd; /* per object */
	double		enter_usd;		/* per object that enters in whatever way, but by upload (enablement of Autoclass) */
} CfTariffClass;

typedef struct CfTariffMenu
{
	const char *name;			/* "S3 us-east-1, instant" */
	CfTariffClass classes[CF_TARIFF_CLASSES];
	int			count;			/* at least 1 */
	double		standard_usd;	/* per byte and day: STANDARD, at which some overheads and restored copies are billed */
	int32_t		restore_days;	/* a restored copy is kept so long; at least 1 */

	/* A move that is no lifecycle transition pays retrieval and early deletion at the source (a restore first, where one is needed), and: */
	bool		copy_pays_get;	/* one read of the source (S3, Azure) */
	bool		copy_pays_put;	/* one write of the destination (S3, GCS) */
	bool		lifecycle_pays_early;	/* a transition before min_days pays for the missing days too (S3, Azure) */

	/* Which classes the usual rules mean; CF_TARIFF_NONE = there is none in this menu. */
	int			hot;			/* always there */
	int			warm;
	int			cold;
	int			frozen;
	int			automatic;		/* the class that tiers by itself */
	int			automatic_archive;	/* the same with its optional archive states */
} CfTariffMenu;

/*
 * cf_tariff_check refuses (CF_ERR_INPUT) what cannot be replayed: no class, unknown (NaN), infinite or negative prices,
 * states out of order, a minimum duration in a class with states, lifecycle bits or roles that name no class.
 */
extern bool cf_tariff_check(const CfTariffMenu *menu, CfError *err);

/* cf_tariff_class finds a class by name, CF_TARIFF_NONE = not in this menu. */
extern int	cf_tariff_class(const CfTariffMenu *menu, const char *name);

/* cf_tariff_state is the state in which an object of that size starts a day, so many days after its last read or entry. */
static inline int
cf_tariff_state(const CfTariffClass *cls, int64_t size_bytes, int32_t idle_days)
{
	int			state = 0;

	if (size_bytes >= cls->monitor_min_bytes)
	{
		while (state + 1 < cls->state_count && idle_days >= cls->states[state + 1].idle_days)
			state++;
	}
	return state;
}

/* cf_tariff_size is the size that a class takes an object for. */
static inline int64_t
cf_tariff_size(const CfTariffClass *cls, int64_t size_bytes)
{
	return size_bytes > cls->min_object_bytes ? size_bytes : cls->min_object_bytes;
}

/* cf_tariff_billed_bytes is what a state bills at its own rate for an object. */
static inline int64_t
cf_tariff_billed_bytes(const CfTariffClass *cls, int state, int64_t size_bytes)
{
	return cf_tariff_size(cls, size_bytes) + cls->states[state].overhead_bytes;
}

/* cf_tariff_monitored tells whether an object of that size pays the monitoring fee. */
static inline bool
cf_tariff_monitored(const CfTariffClass *cls, int64_t size_bytes)
{
	return cls->monitor_usd > 0 && size_bytes >= cls->monitor_min_bytes;
}

/* cf_tariff_lifecycle tells whether a move goes by lifecycle; else it is a copy. */
static inline bool
cf_tariff_lifecycle(const CfTariffMenu *menu, int from, int to)
{
	return (menu->classes[to].lifecycle_from >> from & 1) != 0;
}

/* cf_tariff_day_usd is what one day in a state costs an object that nobody reads. */
extern double cf_tariff_day_usd(const CfTariffMenu *menu, int cls, int state, int64_t size_bytes);

/* cf_tariff_idle_usd is what so many days cost on which nothing is read, the first of them first_idle days after the last read or entry. */
extern double cf_tariff_idle_usd(const CfTariffMenu *menu, int cls, int64_t size_bytes, int32_t first_idle, int32_t days);

/* cf_tariff_read_usd is what a day's reads cost on top of it, in the state in which the object started the day. */
extern double cf_tariff_read_usd(const CfTariffMenu *menu, int cls, int state, int64_t size_bytes, int64_t reads,
								 int64_t bytes);

/*
 * cf_tariff_move_usd is what a move costs of an object that was in from for held_days (charged days), in that state on the
 * last of them (in the first state if it was read that day); from == to costs nothing. Early deletion is part of it: cf_tariff_early_usd.
 */
extern double cf_tariff_move_usd(const CfTariffMenu *menu, int from, int state, int32_t held_days, int to,
								 int64_t size_bytes);
extern double cf_tariff_early_usd(const CfTariffMenu *menu, int from, int32_t held_days, int to, int64_t size_bytes);

#endif							/* CF_TIERING_TARIFF_H */
