/*
 * position.h
 *		Up to where events went to Kafka, as it travels in Kafka's own transaction, and whether a position may be continued.
 *
 * What has been published is a *snapshot* of the server, not a number: all events whose transaction that snapshot sees. The
 * next window is what a later snapshot sees beyond it, by id. So nobody who commits late is skipped, nothing waits for a
 * transaction that is open, and of two events of one object the one with the smaller id is never seen later: its transaction
 * had ended when the other one took the row's lock (docs/architecture.md §7).
 */
#ifndef CF_EVENTS_POSITION_H
#define CF_EVENTS_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define CF_SNAPSHOT_BYTES 49152	/* a snapshot as the server prints it: xmin:xmax:xip,… with some 2,000 open transactions */
#define CF_POSITION_BYTES 4096	/* offset.metadata.max.bytes of a broker, closing NUL included */

typedef struct CfPosition
{
	uint64_t	system_identifier;
	uint32_t	timeline;
	uint64_t	lsn;			/* where the rows before it, and the intent to send them, are durable */
	int64_t		events;			/* how many so far: the offset in Kafka, never smaller than before */
	char		published[CF_SNAPSHOT_BYTES];	/* what this snapshot sees has been published … */
	char		opened[CF_SNAPSHOT_BYTES];	/* … and what this one sees up to last_id; empty = no window is open */
	int64_t		last_id;
	int64_t		replay;			/* the replay that was sent last, and up to which event; 0 = none */
	int64_t		replay_last_id;
	int64_t		highest_id;		/* the largest id that was ever sent; no other event may have one up to it */
} CfPosition;

/*
 * cf_position_encode writes it as text for Kafka (all but events, which is the offset), open transactions as gaps in hexadecimal.
 * Fails with CF_ERR_FULL when so many are open that it does not fit; with CF_ERR_INPUT for what is no snapshot.
 */
extern bool cf_position_encode(const CfPosition *position, char out[CF_POSITION_BYTES], CfError *err);

/* cf_position_decode reads it back; CF_ERR_INPUT for what nobody of us has written. */
extern bool cf_position_decode(const char *text, int64_t events, CfPosition *position, CfError *err);

/* What the database knows by itself. */
typedef struct CfPositionHere
{
	uint64_t	system_identifier;
	uint64_t	lsn;			/* how far its write-ahead log has come */
	uint64_t	timeline_end;	/* where the position's timeline ended in this server's history; 0 = it is no part of it; UINT64_MAX = it goes on */
	uint64_t	mirror_system;	/* identifier of the cluster in which the mirror was written */
	int64_t		confirmed;		/* events that Kafka has acknowledged, by the mirror */
	int64_t		intended;		/* events that it will have if the last batch went through */
	bool		restored;		/* there are events from before this database began to count */
} CfPositionHere;

typedef enum CfVerdict
{
	CF_VERDICT_GO,				/* continue at Kafka's position */
	CF_VERDICT_BEGIN,			/* nothing was ever published: begin at the mirror's */
	CF_VERDICT_LOST,			/* Kafka has no position, but had one */
	CF_VERDICT_RESTORED,		/* rows of another cluster, and no position */
	CF_VERDICT_OTHER_SYSTEM,
	CF_VERDICT_OTHER_TIMELINE,	/* written by a history that this server did not take part in */
	CF_VERDICT_OLDER,			/* this database is from before the position */
	CF_VERDICT_BEHIND,			/* Kafka is from before what it has acknowledged */
} CfVerdict;

/* cf_position_judge tells whether Kafka's position (NULL = it has none) may be continued by this database. */
extern CfVerdict cf_position_judge(const CfPosition *position, const CfPositionHere *here);

/* cf_position_why says a verdict in words: message, detail and hint; its kind is CF_ERR_STATE. */
extern void cf_position_why(CfVerdict verdict, const CfPosition *position, const CfPositionHere *here, CfError *err);

#endif							/* CF_EVENTS_POSITION_H */
