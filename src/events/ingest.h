/*
 * ingest.h
 *		From the bytes of a message to records: what happened to which object, or a JSON document as it is.
 *
 * Messages are hostile: every member is looked at for its kind, numbers for their range, and what a message may cost is bounded by
 * cf_json_bounded(). A message gives all of its records or none.
 */
#ifndef CF_EVENTS_INGEST_H
#define CF_EVENTS_INGEST_H

#include "core/arena.h"
#include "core/error.h"
#include "events/envelope.h"

#define CF_INGEST_HEADERS 32
#define CF_INGEST_RECORDS_MAX 10000	/* of one message */

typedef enum CfIngestFormat
{
	CF_INGEST_AUTO,				/* whichever of the others it looks like */
	CF_INGEST_JSON,				/* a document is a record; of an array each element is one */
	CF_INGEST_CLOUDEVENTS,
	CF_INGEST_S3,
	CF_INGEST_EVENTGRID,
	CF_INGEST_GCS
} CfIngestFormat;

/* cf_ingest_format_of finds a format by its word ("auto", "json", …); false = there is none. */
extern bool cf_ingest_format_of(const char *word, CfIngestFormat *format);

typedef enum CfIngestShape
{
	CF_INGEST_OBJECTS,			/* records tell of objects; kind is created, deleted or accessed */
	CF_INGEST_DATA				/* records are data as they came; kind is the type of a CloudEvent, else "" */
} CfIngestShape;

typedef struct CfIngestMessage
{
	CfText		value;			/* text NULL = none */
	int			header_count;
	struct
	{
		const char *name;
		CfText		value;
	}			headers[CF_INGEST_HEADERS];
} CfIngestMessage;

/*
 * The data of a record are JSON. Those of CF_INGEST_DATA are the message's own bytes, since a number that was parsed and written again may be
 * another one: element and member tell which part of them the record is.
 */
typedef struct CfIngestRecord
{
	const char *kind;
	CfText		data;
	int			element;		/* of the array that the data are; -1 = they are none, or all of it is meant */
	const char *member;			/* of the object that this is; NULL = all of it is meant */
	int64_t		time_us;		/* when it happened, or CF_ENVELOPE_NO_TIME */
} CfIngestRecord;

/*
 * Where records go. CloudEvents whose source begins with "urn:cloudflux:" are passed over unless the source is among `sources`: what
 * cloudflux publishes itself must not come back to it, and two databases must not tell each other of the same change for ever.
 */
typedef struct CfIngestRecords
{
	CfArena    *arena;			/* of all texts; the caller's */
	const char *const *sources;
	int			source_count;
	CfIngestRecord *items;
	int			count;
	int			room;
} CfIngestRecords;

/*
 * cf_ingest_parse adds the records of a message; none = it tells of nothing that concerns us, and is passed over. False = it is not
 * what it should be; err says why, and nothing was added.
 */
extern bool cf_ingest_parse(const CfIngestMessage *message, CfIngestShape shape, CfIngestFormat format, CfIngestRecords *out, CfError *err);

#endif							/* CF_EVENTS_INGEST_H */
