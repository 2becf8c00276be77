/*
 * replay_life.h
 *		One object's way through a replay, charged as it goes. Private to replay*.c.
 *
 * Both orders of events (object by object in replay.c, day by day in replay_days.c) drive these steps, so that they cannot
 * charge differently: idle days up to a day, a day with reads, a decision.
 */
#ifndef CF_TIERING_REPLAY_LIFE_H
#define CF_TIERING_REPLAY_LIFE_H

#include "tiering/hazard.h"
#include "tiering/replay.h"

/* What holds for a whole run. */
typedef struct CfReplayRun
{
	const CfTariffMenu *menu;
	const CfReplayHistory *history;
	const CfReplayPolicy *policy;
	const CfReplayOptions *options;
	CfArena    *arena;
	void	   *self;			/* the policy's */
	CfReplayResult *result;
	CfError    *err;
	double		unit[CF_TARIFF_CLASSES][CF_TARIFF_STATES][CF_REPLAY_TERMS];
	double		limit_s;
	const CfHazards *hazards;	/* NULL unless the policy learns */
	CfHazardKnown known;		/* that the last view tells of */
	unsigned	work;			/* steps since the interrupt was asked for */
} CfReplayRun;

/* Where an object stands. */
typedef struct CfReplayLife
{
	double		usd;			/* charged so far */
	int32_t		since;			/* first day that is not charged yet */
	int32_t		idle_from;		/* day from which idle days count: of the last read, or the first in the class */
	int32_t		entered;		/* first day in cls */
	int32_t		last_read;
	int32_t		ask;			/* day at whose end the policy wants to be asked */
	uint32_t	at;				/* accesses behind us */
	int32_t		cls;
} CfReplayLife;

/* cf_replay_life_begin places an object at the end of the day before its first, before the policy is asked. */
extern void cf_replay_life_begin(CfReplayLife *life, const CfReplayObject *object, const CfReplayAccess *reads);

/* cf_replay_life_idle charges the days from life->since to before day, on which nothing is read. */
extern void cf_replay_life_idle(CfReplayRun *run, CfReplayLife *life, const CfReplayObject *object, int32_t day);

/* cf_replay_life_read charges one day with reads, which must be life->since. */
extern void cf_replay_life_read(CfReplayRun *run, CfReplayLife *life, const CfReplayObject *object,
								const CfReplayAccess *access);

/* cf_replay_life_view fills what the policy may see at the end of the day before life->since. */
extern void cf_replay_life_view(CfReplayRun *run, const CfReplayLife *life, uint32_t number, CfReplayView *view);

/* cf_replay_life_decide asks the policy and does what it says; false = it named a class that is not in the menu. */
extern bool cf_replay_life_decide(CfReplayRun *run, CfReplayLife *life, uint32_t number, void *mine);

/* cf_replay_stopped asks the interrupt callback now and then; true = give up with err filled. */
extern bool cf_replay_stopped(CfReplayRun *run, unsigned work);

/* The two orders. */
extern bool cf_replay_by_day(CfReplayRun *run);

#endif							/* CF_TIERING_REPLAY_LIFE_H */
