/*
 * replay.h
 *		A history of reads, run again under policies: what each of them would have cost, to the last request.
 *
 * The rules of the game. Objects live from first_day to last_day, both included. At the end of the day before its first, a policy is
 * asked about an object once: it chooses a class for one that is uploaded (start_class CF_TARIFF_NONE; the first PUT costs
 * nothing), and may at once move one that was there before (in start_class since entered_day). Each day is charged by the class and state in which the object starts it, that
 * day's reads too. At the end of a day the policy may move the object: it then starts the next day in the new class. The end of
 * the trace costs nothing: no early deletion, no deletion.
 *
 * No look-ahead. A policy sees a CfReplayView: of this object and of all others what happened up to and including the day
 * that ends, never last_day, never how long the trace is. test/tiering/unit/tiering_prefix.c proves it for every policy of the
 * roster: the future is replaced by noise, the past decisions must not move by a bit.
 *
 * Order of events. A policy that looks at one object at a time (across = false) gets an object's whole life, then the
 * next object's: fast, since all it needs is in the cache. A policy that learns from the others (across = true) gets the days in order:
 *
 *		decide() for those whose first day it is, with view.day = the day before
 *		for each day: read() for each object that was read, by object number; gone() for each whose last day it was;
 *					  day_end(); decide() for each object that was read or wanted to be asked today, by object number
 *					  (not for those that are gone); then decide() for those whose first day is tomorrow
 *
 * decide() is only called for objects on days on which they were read (but of a deaf policy), or that the policy named itself in *again: so a
 * replay costs as much as there are reads and decisions, not as there are days.
 *
 * Costs are counted as integers per class and state (byte-days, requests, bytes) and priced at the end: exact, and in any order.
 */
#ifndef CF_TIERING_REPLAY_H
#define CF_TIERING_REPLAY_H

#include "core/arena.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "tiering/tariff.h"

#define CF_REPLAY_NEVER INT32_MAX	/* a day that does not come */
#define CF_REPLAY_NO_DAY INT32_MIN	/* a day that was not there */
#define CF_REPLAY_DATASETS 64
#define CF_REPLAY_BYTES_MAX (INT64_C(1) << 60)	/* of an object, and of one day's reads of it */

__extension__ typedef __int128 CfReplayCount __attribute__((aligned(8)));

/* The reads of one object on one day; no row = none. */
typedef struct CfReplayAccess
{
	int32_t		day;
	uint32_t	reads;			/* at least 1 */
	int64_t		bytes;			/* at least 0 */
} CfReplayAccess;

typedef struct CfReplayObject
{
	int64_t		size_bytes;
	int32_t		created_day;	/* may lie before first_day */
	int32_t		first_day;		/* charged from here */
	int32_t		last_day;		/* … to here */
	int32_t		last_read_day;	/* known of the time before first_day; CF_REPLAY_NO_DAY = nothing */
	int32_t		entered_day;	/* first day in start_class; at most first_day */
	int32_t		watched_from;	/* reads before this day are not on record, so that none is known proves nothing */
	int32_t		group;			/* for reports: prefix, from 0 */
	int32_t		dataset;		/* whose objects behave alike, from 0, below CF_REPLAY_DATASETS */
	int16_t		start_class;	/* CF_TARIFF_NONE = the policy chooses */
	uint16_t	marks;			/* whatever the caller wants to tell a policy of this object; the kernel only passes it on */
	uint32_t	access_count;
	uint64_t	first_access;	/* in the history's accesses, ascending by day, none twice, none after last_day; those before first_day
								 * are known and not charged, and none is later than last_read_day */
} CfReplayObject;

typedef struct CfReplayHistory
{
	const CfReplayObject *objects;
	uint32_t	object_count;
	const CfReplayAccess *accesses;	/* as the objects are, then by day */
	uint64_t	access_count;
	int			group_count;	/* at least 1 */
} CfReplayHistory;

typedef struct CfHazardKnown CfHazardKnown;

/* What a policy may know of one object at the end of view.day. */
typedef struct CfReplayView
{
	uint32_t	object;			/* number, stable over the replay */
	int32_t		group;
	int64_t		size_bytes;
	int32_t		created_day;
	int32_t		day;			/* that ends; first_day - 1 when the class at upload is asked for */
	int			cls;			/* in which the day was spent, or the object lay before; CF_TARIFF_NONE at upload */
	int32_t		entered_day;	/* first charged day in cls */
	int32_t		last_read_day;	/* CF_REPLAY_NO_DAY = none known */
	uint16_t	marks;
	int32_t		watched_from;	/* reads before this day are not on record */
	const CfReplayAccess *past;	/* all reads up to and including day, ascending; what lies behind past_count is not yours */
	uint32_t	past_count;
	bool		read_today;		/* then past[past_count - 1].day == day */
	const CfHazardKnown *known; /* of the object's dataset by then (hazard.h); NULL unless the policy learns */
} CfReplayView;

typedef struct CfReplaySetting
{
	const CfTariffMenu *menu;
	uint32_t	object_count;	/* numbers that views may have */
	int			group_count;
	int32_t		first_day;		/* of the replay */
} CfReplaySetting;

typedef struct CfReplayPolicy CfReplayPolicy;
struct CfReplayPolicy
{
	const char *name;			/* "last_read_30_90_back" */
	const char *about;			/* one line for people */
	bool		across;			/* learns from other objects: days come in order for all of them */
	bool		deaf;			/* what is read changes nothing: not asked on days with reads, if it did not want to be */
	bool		learns;			/* views tell what is known of the object's dataset (hazard.h) */
	bool		hindsight;		/* has no functions: the kernel finds the optimum */
	size_t		object_bytes;	/* memory of its own per object, zeroed before its first call (mine, aligned to 8) */
	const void *options;		/* its parameters; outlives the replay */

	/* begin makes self (from the arena, which outlives the replay); NULL = none is needed. */
	bool		(*begin) (const CfReplayPolicy *policy, const CfReplaySetting *setting, CfArena *arena, void **self,
						  CfError *err);

	/*
	 * decide gives the class for tomorrow; view->cls = stay. *again is the first later day at whose end it wants to be asked even if
	 * the object is not read (CF_REPLAY_NEVER at the call; it replaces what an earlier call wanted).
	 */
	int			(*decide) (const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view, int32_t *again);

	/* These three only where across is set; each may be NULL. */
	void		(*read) (const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view);
	void		(*gone) (const CfReplayPolicy *policy, void *self, void *mine, const CfReplayView *view);
	void		(*day_end) (const CfReplayPolicy *policy, void *self, int32_t day);
};

/* What is counted, per class and state. */
typedef enum CfReplayTerm
{
	CF_REPLAY_STORAGE,			/* byte-days at the state's rate, minimum size and overhead included */
	CF_REPLAY_STANDARD,			/* byte-days of overhead at the STANDARD rate */
	CF_REPLAY_MONITORING,		/* object-days */
	CF_REPLAY_READS,			/* requests */
	CF_REPLAY_RETRIEVAL,		/* bytes read, or restored for a read */
	CF_REPLAY_RESTORES,			/* requests, for reads */
	CF_REPLAY_RESTORED,			/* byte-days of restored copies at the STANDARD rate */
	CF_REPLAY_WAKES,			/* objects that a read brought back into the first state */
	CF_REPLAY_TRANSITIONS,		/* objects that entered the class by lifecycle */
	CF_REPLAY_COPIES_IN,		/* PUTs of moves into the class */
	CF_REPLAY_COPIES_OUT,		/* GETs of moves out of the class and state */
	CF_REPLAY_MOVED,			/* bytes retrieved by moves out of it */
	CF_REPLAY_MOVE_RESTORES,	/* requests, for moves out of it */
	CF_REPLAY_ENTERED,			/* objects that paid enter_usd */
	CF_REPLAY_EARLY,			/* byte-days promised and not held */
	CF_REPLAY_TERMS
} CfReplayTerm;

extern const char *cf_replay_term_name(CfReplayTerm term);

typedef struct CfReplayAccount
{
	CfReplayCount counts[CF_TARIFF_CLASSES][CF_TARIFF_STATES][CF_REPLAY_TERMS];
	int64_t		objects;
	int64_t		moves;
	int64_t		early_deletions;
	int64_t		reads;
	int64_t		slow_reads;		/* that met a state slower than options.limit_s */
} CfReplayAccount;

/* cf_replay_unit_usd is the price of one unit of a term; cf_replay_term_usd what an account's term costs over all classes. */
extern double cf_replay_unit_usd(const CfTariffMenu *menu, int cls, int state, CfReplayTerm term);
extern double cf_replay_term_usd(const CfTariffMenu *menu, const CfReplayAccount *account, CfReplayTerm term);
extern double cf_replay_total_usd(const CfTariffMenu *menu, const CfReplayAccount *account);

typedef struct CfReplayResult
{
	CfReplayAccount *groups;	/* one per group of the history */
	CfReplayAccount total;
	double	   *object_usd;		/* one per object; NULL unless wanted */
	uint64_t	decisions;		/* a hash of (object, day, class) of all moves and uploads, whatever their order */
} CfReplayResult;

/* Called, if given, for each class that a policy chose: at upload, and at each move. day is the first in it. */
typedef void (*CfReplayTold) (void *arg, const CfReplayPolicy *policy, uint32_t object, int32_t day, int cls);

typedef struct CfReplayOptions
{
	double		limit_s;		/* reads slower than this are counted; 0 = 1 s */
	bool		per_object;		/* fill object_usd */
	CfReplayTold told;
	void	   *told_arg;
	const CfInterrupt *interrupt;	/* asked at least every few milliseconds */
} CfReplayOptions;

/*
 * cf_replay_check refuses a history that is not as described above: sizes, reads or bytes negative, days out of order or
 * outside the object's life, groups or classes that are not there (CF_ERR_INPUT, naming the object's number).
 */
extern bool cf_replay_check(const CfTariffMenu *menu, const CfReplayHistory *history, CfError *err);

/*
 * cf_replay_run replays one policy over a history that was checked. Memory comes from the arena: one account per group, object_bytes
 * per object where across is set (and 57 bytes per object and 4 per access-day for the order of days), else object_bytes.
 */
extern bool cf_replay_run(const CfTariffMenu *menu, const CfReplayHistory *history, const CfReplayPolicy *policy,
						  const CfReplayOptions *options, CfArena *arena, CfReplayResult *result, CfError *err);

/*
 * The roster (roster.c): a table of makers, one line per policy. A maker fills *policy for a menu and returns true, or
 * returns false where the policy makes no sense (Intelligent-Tiering in a menu that has none); where memory is short it
 * returns true and leaves decide NULL.
 */
#define CF_REPLAY_POLICIES 48

typedef bool (*CfReplayMake) (const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy *policy);

/* cf_replay_roster makes all policies for a menu, hindsight last; returns their number, -1 = out of memory. */
extern int	cf_replay_roster(const CfTariffMenu *menu, CfArena *arena, CfReplayPolicy policies[CF_REPLAY_POLICIES]);

#endif							/* CF_TIERING_REPLAY_H */
