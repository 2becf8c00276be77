/*
 * envelope.h
 *		The body of a message: an event as CloudEvents 1.0 in JSON (docs/events.md tells the attributes, docs/schemas the types).
 */
#ifndef CF_EVENTS_ENVELOPE_H
#define CF_EVENTS_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_ENVELOPE_TIME_BYTES 32

/* CF_ENVELOPE_NO_TIME stands for a moment that RFC 3339 cannot tell. */
#define CF_ENVELOPE_NO_TIME INT64_MIN

/* Texts are UTF-8 with their lengths; what is not well formed in them comes out as U+FFFD. */
typedef struct CfText
{
	const char *text;
	size_t		length;
} CfText;

typedef struct CfEvent
{
	int64_t		id;
	CfText		topic;			/* as in the table; Kafka's may be another */
	CfText		event_type;
	int			version;		/* of its schema, from 1 */
	CfText		subject;
	CfText		data;			/* a JSON value, as the server prints it */
	CfText		actor;
	int64_t		time_us;		/* since the Unix epoch, or CF_ENVELOPE_NO_TIME */
	bool		replay;			/* sent again on request */
} CfEvent;

/*
 * cf_envelope_write writes the JSON of an event to out, at most room bytes without a closing NUL, and returns how many it has;
 * more than room: nothing that can be used was written. source names the database (cf_envelope_source()).
 */
extern size_t cf_envelope_write(const CfEvent *event, CfText source, char *out, size_t room);

/*
 * cf_envelope_clean writes a text with U+FFFD for each byte that is no part of well-formed UTF-8, at most room bytes without a closing NUL,
 * and returns how many it has: as many as before = there was nothing to do.
 */
extern size_t cf_envelope_clean(CfText text, char *out, size_t room);

/*
 * cf_envelope_source writes "urn:cloudflux:SYSTEM:DATABASE" with a closing NUL: with the id of an event it is unique in the world.
 * False when it does not fit.
 */
extern bool cf_envelope_source(uint64_t system_identifier, const char *database, char *out, size_t room);

/* cf_envelope_time writes a moment as RFC 3339 in UTC with microseconds; false for one that the years 1 to 9999 do not have. */
extern bool cf_envelope_time(int64_t us, char out[CF_ENVELOPE_TIME_BYTES]);

#endif							/* CF_EVENTS_ENVELOPE_H */
