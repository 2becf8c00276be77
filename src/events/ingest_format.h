/*
 * ingest_format.h
 *		What the formats of messages share. Private to ingest.c and ingest_*.c.
 */
#ifndef CF_EVENTS_INGEST_FORMAT_H
#define CF_EVENTS_INGEST_FORMAT_H

#include "core/json.h"
#include "events/ingest.h"

#define CF_INGEST_DEPTH 4		/* envelopes in envelopes */

typedef struct CfIngestReader
{
	const CfIngestMessage *message;
	CfIngestShape shape;
	CfIngestRecords *out;
	CfError    *err;
	int			depth;			/* of envelopes that were opened */
	int			first;			/* record of this message */
} CfIngestReader;

/* What is told of an object: a NULL text, a negative number = not told. */
typedef struct CfIngestObject
{
	const char *kind;			/* created, deleted, accessed */
	const char *provider;		/* AWS, S3, Azure, GCP */
	const char *account;		/* of Azure */
	const char *bucket;
	const char *key;			/* in the bucket, decoded */
	const char *place;			/* in place of provider and bucket */
	const char *object_key;		/* in the place */
	const char *file_id;
	const char *location;		/* URL of the object */
	int64_t		size_bytes;
	const char *etag;
	const char *version_id;		/* version, generation */
	const char *content_type;
	const char *storage_class;
	const char *access_type;	/* read, write, delete */
	const char *user_id;
	double		latency_ms;
	int64_t		bytes;
	int64_t		time_us;
} CfIngestObject;

/* An object of which nothing is told yet. */
#define CF_INGEST_OBJECT_NONE {.size_bytes = -1, .latency_ms = -1, .bytes = -1, .time_us = CF_ENVELOPE_NO_TIME}

/* Each takes the parsed value apart and adds its records; false = refused, err says why. */
extern bool cf_ingest_cloudevents(CfIngestReader *in, const json_t *root);
extern bool cf_ingest_s3(CfIngestReader *in, const json_t *root);
extern bool cf_ingest_eventgrid(CfIngestReader *in, const json_t *root);
extern bool cf_ingest_gcs(CfIngestReader *in, const json_t *root);

/* cf_ingest_value sends a value to the format that it looks like. */
extern bool cf_ingest_value(CfIngestReader *in, const json_t *root);

/*
 * cf_ingest_load parses JSON of any kind. Where a whole number is beyond 64 bits (counters without a sign are) all whole numbers become real ones: of
 * data that are passed on only the bytes count. NULL = it is none; why tells.
 */
extern json_t *cf_ingest_load(const char *text, size_t length, json_error_t *why);

/* cf_ingest_text parses an inner JSON text, as envelopes carry one, and sends it to the format that it looks like. */
extern bool cf_ingest_text(CfIngestReader *in, const char *text, size_t length);

/* cf_ingest_azure takes the data of an event of Azure Storage; cf_ingest_gcs_object those of an event of GCS. */
extern bool cf_ingest_azure(CfIngestReader *in, const char *type, const char *subject, int64_t time_us, const json_t *data);
extern bool cf_ingest_gcs_object(CfIngestReader *in, const char *event, const json_t *object, int64_t time_us);

/* cf_ingest_is_binary_cloudevent tells whether the headers make the message one. */
extern bool cf_ingest_is_binary_cloudevent(const CfIngestMessage *message);

/* cf_ingest_header copies a header's value into the arena; NULL = it is not there, or holds a zero byte. Upper and lower case are one. */
extern const char *cf_ingest_header(const CfIngestReader *in, const char *name);

/* These take NULL and other kinds as not told: NULL, -1, CF_ENVELOPE_NO_TIME. A count may be a whole number or a text of digits. */
extern const char *cf_ingest_member(const json_t *object, const char *name);
extern int64_t cf_ingest_count(const json_t *object, const char *name);
extern int64_t cf_ingest_moment(const char *text);	/* RFC 3339 */

/* cf_ingest_decode undoes URL-encoding into the arena; NULL = out of memory, or what comes out is no UTF-8 text. */
extern const char *cf_ingest_decode(CfArena *arena, const char *text, size_t length, bool plus_is_blank);

/* cf_ingest_add_object adds a record of an object; cf_ingest_add_data one of a part of the data. */
extern bool cf_ingest_add_object(CfIngestReader *in, const CfIngestObject *object);
extern bool cf_ingest_add_data(CfIngestReader *in, const char *kind, CfText data, int element, const char *member, int64_t time_us);

#endif							/* CF_EVENTS_INGEST_FORMAT_H */
