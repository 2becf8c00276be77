/*
 * hazard.h
 *		How likely an object is to be read next, learned from what happened to the others: counts, nothing fitted.
 *
 * Objects of a dataset (a prefix, say) are alike. For those that had been idle about so long and had been read about so often, tables
 * keep how many days they were at risk, on how many of them a read came, how much was read then, and how much in the 64 days
 * that followed. That is the occurrence/exposure estimate of survival analysis: an object that is still idle counts with the days that it has been
 * (it is censored), so nobody has to wait until outcomes are known. Idle days and frequencies are put into classes by powers of two.
 *
 * A dataset with few reads on record borrows from the whole place: the place's hazard counts as CF_HAZARD_PRIOR reads seen.
 *
 * Tables are kept by period, so that a replay can ask what was known at the end of any day: only periods that had ended by then count. Their
 * tables are as many as the logarithm of their number: for 64 datasets 7 MB for a year, 17 MB for a hundred.
 * For a decision of today one period is enough.
 *
 *		cf_hazards_make(arena, first_day, last_day, step_days, datasets)
 *		cf_hazards_learn() for each object; cf_hazards_close() once
 *		cf_hazards_on(hazards, dataset, day, &known)		then, for each object: cf_hazard_outlook(&known, …)
 *
 * Days at risk are days on record, and nothing else makes a hazard. What an object was there for before counts as idle, though, if nobody knows
 * of a read: its class is that of its age, and the record tells what happens to such objects.
 *
 * Frequency is the decayed number of days with reads as of the last of them (rates.h: the upload counts as one).
 */
#ifndef CF_TIERING_HAZARD_H
#define CF_TIERING_HAZARD_H

#include "core/arena.h"
#include "tiering/outlook.h"
#include "tiering/replay.h"

#define CF_HAZARD_IDLE 10		/* classes of idle days: 0 and 1, 2, 4, … 512 and more */
#define CF_HAZARD_OFTEN 6		/* classes of frequency: below 1.5, 3, 6, 12, 24, and more */
#define CF_HAZARD_FOLLOW_DAYS 64
#define CF_HAZARD_QUIET_DAYS 8
#define CF_HAZARD_PRIOR 4		/* reads that the whole place's hazard is worth to a dataset */

typedef struct CfHazardCell
{
	double		at_risk;		/* object-days */
	double		wakes;			/* of them with reads */
	double		reads;			/* requests on these days */
	double		sizes;			/* bytes read on them, in sizes of the object */
	double		followed;		/* wakes whose next CF_HAZARD_FOLLOW_DAYS days are known */
	double		further;		/* days with reads in those */
} CfHazardCell;

typedef struct CfHazardTable
{
	CfHazardCell cells[CF_HAZARD_OFTEN][CF_HAZARD_IDLE];
	double		burst;			/* cf_hazard_burst */
} CfHazardTable;

typedef struct CfHazards
{
	int32_t		first_day;
	int32_t		step_days;
	int			periods;
	int			looks;			/* tables per dataset, each of ever more periods */
	int			datasets;
	bool		closed;
	CfHazardTable *tables;		/* [datasets + 1][looks]: of each dataset, then of the whole place */
	int32_t		(*since)[CF_HAZARD_IDLE];	/* [datasets + 1]: first day on which an object was so long idle, before the record if need be */
} CfHazards;

/* What was known of a dataset at the end of a day: as of the end of the last period. */
struct CfHazardKnown
{
	const CfHazardTable *own;	/* NULL = nothing */
	const CfHazardTable *place;
	const int32_t *since;
	int32_t		day;
	bool		found;			/* objects were there before the record began */
};

/* cf_hazards_make makes empty tables; NULL = out of memory. datasets at least 1, step_days at least 1. */
extern CfHazards *cf_hazards_make(CfArena *arena, int32_t first_day, int32_t last_day, int32_t step_days, int datasets);

/*
 * cf_hazards_learn counts in an object that was watched from from_day to to_day, both included; idle_from is the day of the last read
 * before, or of its upload, as far as is known: nobody may have watched since. reads are ascending and within these days.
 */
extern void cf_hazards_learn(CfHazards *hazards, int dataset, int64_t size_bytes, int32_t idle_from, int32_t from_day,
							 int32_t to_day, const CfReplayAccess *reads, uint32_t read_count);
extern void cf_hazards_close(CfHazards *hazards);

/*
 * cf_hazard_restore makes a table that was kept elsewhere, one for all objects of a place, what is known at the end of a day. table and since
 * live as long as known.
 */
extern void cf_hazard_restore(CfHazardTable *table, const int32_t *since, int32_t day, CfHazardKnown *known);

/* cf_hazards_on gives what was known at the end of a day; known->own = NULL: no period had ended. */
extern void cf_hazards_on(const CfHazards *hazards, int dataset, int32_t day, CfHazardKnown *known);

/*
 * cf_hazard_idle and cf_hazard_often are the classes; cf_hazard_idle_from is the first idle day of a class,
 * cf_hazard_often_in a frequency in one.
 */
extern int	cf_hazard_idle(int32_t idle_days);
extern int	cf_hazard_often(double often);
extern int32_t cf_hazard_idle_from(int class);
extern double cf_hazard_often_in(int class);

/* What an object looks like to the tables. */
typedef struct CfHazardObject
{
	int64_t		size_bytes;
	int32_t		idle_days;		/* at the beginning of tomorrow */
	double		often;			/* frequency */
} CfHazardObject;

/*
 * cf_hazard_outlook fills scenarios: not read, or first read after so many days, then so much in the rest of the horizon. careful: the
 * upper end of what the counts allow (one standard deviation and half a read above them), else their mean. Returns how many
 * object-days others were at risk as the object is now: 0 = nothing is known, and the outlook is not filled.
 */
extern double cf_hazard_outlook(const CfHazardKnown *known, const CfHazardObject *object, int32_t horizon_days,
								bool careful, CfOutlook *outlook);

/*
 * cf_hazard_days is since how many days there have been objects that are so long idle (-1: any): what happens to all at once shows in no other
 * count. Of those that were there when the record began the days before count, as far as is known.
 */
extern int32_t cf_hazard_days(const CfHazardKnown *known, int32_t idle_days);

/* cf_hazard_cell is what happened to objects of the dataset that had been idle and read like this one; NULL = nothing is known. */
extern const CfHazardCell *cf_hazard_cell(const CfHazardKnown *known, const CfHazardObject *object);

/*
 * cf_hazard_burst is how many sizes of an object are read, on the mean, on a day that ends at least CF_HAZARD_QUIET_DAYS idle days; CF_HAZARD_PRIOR
 * such days without a byte are put to those that were seen.
 */
extern double cf_hazard_burst(const CfHazardKnown *known);

#endif							/* CF_TIERING_HAZARD_H */
