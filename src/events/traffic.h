/*
 * traffic.h
 *		Events to try things with: what happens to objects of a store, and what sensors tell. The same seed gives the same events.
 */
#ifndef CF_EVENTS_TRAFFIC_H
#define CF_EVENTS_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#define CF_TRAFFIC_SUBJECT_BYTES 32
#define CF_TRAFFIC_DATA_BYTES 512

typedef enum CfTrafficKind
{
	CF_TRAFFIC_OBJECTS,			/* created, accessed, deleted: data-ingestion */
	CF_TRAFFIC_SENSORS			/* readings: metrics.raw */
} CfTrafficKind;

/* Where a stream of events is; objects [oldest, next) are there at the moment. The caller owns it, cf_traffic_begin() sets it. */
typedef struct CfTraffic
{
	CfTrafficKind kind;
	uint64_t	seed;
	uint64_t	state;			/* of the dice */
	int64_t		events;
	int64_t		oldest;
	int64_t		next;
} CfTraffic;

typedef struct CfTrafficEvent
{
	const char *topic;
	const char *event_type;
	char		subject[CF_TRAFFIC_SUBJECT_BYTES];
	char		data[CF_TRAFFIC_DATA_BYTES];	/* a JSON object */
} CfTrafficEvent;

/* cf_traffic_kind_of finds a kind by its word; false = there is none of that name. */
extern bool cf_traffic_kind_of(const char *word, CfTrafficKind *kind);

extern void cf_traffic_begin(CfTraffic *traffic, CfTrafficKind kind, uint64_t seed);

/* cf_traffic_next makes the next event of the stream, told at now_us (since the Unix epoch), which is in the data of readings alone. */
extern void cf_traffic_next(CfTraffic *traffic, int64_t now_us, CfTrafficEvent *event);

#endif							/* CF_EVENTS_TRAFFIC_H */
