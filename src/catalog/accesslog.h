/*
 * accesslog.h
 *		Lines of access logs: who did what to which key, when, how much of it, how fast.
 *
 * Streams are cut into lines by lines.h, and into the records of a JSON document by records.h; cf_catalog_accesslog_parse()
 * takes one apart. Results point into the line or into the caller's CfAccessLine; they live as long as both.
 */
#ifndef CF_CATALOG_ACCESSLOG_H
#define CF_CATALOG_ACCESSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/lines.h"
#include "catalog/logfields.h"

#define CF_ACCESSLOG_KEY_MAX 1024			/* bytes of a decoded key, as in storage */

typedef enum CfAccessLogFormat
{
	CF_ACCESSLOG_S3,			/* S3 server access log */
	CF_ACCESSLOG_APACHE,		/* Apache or nginx, common or combined */
	CF_ACCESSLOG_CLOUDTRAIL,	/* records of CloudTrail: one JSON object each (records.h) */
	CF_ACCESSLOG_AZURE,			/* Storage Analytics 1.0 and 2.0, or resource logs, one JSON object per line */
	CF_ACCESSLOG_GCS,			/* usage logs (CSV), or audit logs of Cloud Logging, one JSON object per line */
	CF_ACCESSLOG_FORMATS
} CfAccessLogFormat;

typedef enum CfAccessKind
{
	CF_ACCESS_READ,
	CF_ACCESS_WRITE,
	CF_ACCESS_DELETE,
	CF_ACCESS_OTHER				/* nothing happened to an object's bytes: other operation, failure, no key */
} CfAccessKind;

/* Why a line could not be read. */
typedef enum CfAccessFault
{
	CF_ACCESS_FINE,
	CF_ACCESS_FEW_FIELDS,
	CF_ACCESS_BAD_TIME,
	CF_ACCESS_BAD_REQUEST,
	CF_ACCESS_BAD_STATUS,
	CF_ACCESS_BAD_NUMBER,
	CF_ACCESS_BAD_MOMENT,
	CF_ACCESS_BAD_QUOTES,
	CF_ACCESS_BAD_VERSION,
	CF_ACCESS_BAD_HEADER,
	CF_ACCESS_BAD_JSON,
	CF_ACCESS_BAD_MEMBER,
	CF_ACCESS_DAMAGED,			/* of a log as a whole */
	CF_ACCESS_ZERO_BYTE,
	CF_ACCESS_LONG_LINE,
	CF_ACCESS_FAULTS
} CfAccessFault;

typedef struct CfAccessLine
{
	CfAccessKind kind;
	bool		header;			/* names of columns: nothing happened, and there is no time */
	int64_t		at_us;			/* UTC, since the Unix epoch */
	int			status;			/* HTTP; 0 = none was involved */
	int64_t		bytes;			/* sent; -1 = not told */
	int64_t		latency_ms;		/* -1 = not told */
	CfAccessText account;		/* Azure only */
	CfAccessText bucket;		/* or container; Apache has none */
	CfAccessText user;
	size_t		key_length;		/* 0 = none, or longer than a key can be */
	size_t		other_length;	/* 0 = there is only one reading of the key */
	char		key[CF_ACCESSLOG_KEY_MAX];	/* decoded */
	char		other[CF_ACCESSLOG_KEY_MAX];	/* the key if it was encoded in the less likely way */
	size_t		source_length;	/* 0 = no copy, or its source is not told */
	char		source[CF_ACCESSLOG_KEY_MAX + 256]; /* of a copy: bucket/key */
	size_t		texts_length;	/* of texts: what of user, bucket and account does not stand in the line as it is */
	char		texts[1024];
} CfAccessLine;

/* cf_catalog_accesslog_format finds a format by its name ("s3", "gcs", …); false = there is none. */
extern bool cf_catalog_accesslog_format(const char *name, CfAccessLogFormat *format);

extern const char *cf_catalog_accesslog_name(CfAccessLogFormat format);

/*
 * cf_catalog_accesslog_parse reads one line (without its newline). Anything but CF_ACCESS_FINE means that the line
 * is not of this format, and out is undefined.
 */
extern CfAccessFault cf_catalog_accesslog_parse(CfAccessLogFormat format, const char *line, size_t length,
												CfAccessLine *out);

/*
 * cf_catalog_accesslog_source turns what was read of a copy into the read of its source; false = there is none to tell of. The line
 * is not needed for it any more.
 */
extern bool cf_catalog_accesslog_source(CfAccessLine *line);

/* cf_catalog_accesslog_reason says a fault in words. */
extern const char *cf_catalog_accesslog_reason(CfAccessFault fault);

/* For the formats: succeeded tells whether bytes were really read, written or deleted. */
extern bool cf_catalog_access_succeeded(CfAccessKind kind, int status);

/* keep copies a text into the line's own room; NULL = it is empty, or there is no room. */
extern const char *cf_catalog_access_keep(CfAccessLine *out, const char *text, size_t length);

/* keys sets both readings of the key; one that is too long is none. */
extern void cf_catalog_access_keys(CfAccessLine *out, const CfAccessText *likely, const CfAccessText *other);

/* For the formats, one file each; they are called with a line that is prepared by cf_catalog_accesslog_parse(). */
extern CfAccessFault cf_catalog_accesslog_cloudtrail(const char *line, size_t length, CfAccessLine *out);
extern CfAccessFault cf_catalog_accesslog_azure(const char *line, size_t length, CfAccessLine *out);

/* Of both formats of Azure: what an operation does, and /account/container/name taken apart (false = it is none of a blob). */
extern CfAccessKind cf_catalog_azure_kind(const CfAccessText *operation);
extern bool cf_catalog_azure_object(const CfAccessText *path, CfAccessLine *out);

extern CfAccessFault cf_catalog_accesslog_azure_resource(const char *line, size_t length, CfAccessLine *out);
extern CfAccessFault cf_catalog_accesslog_gcs(const char *line, size_t length, CfAccessLine *out);
extern CfAccessFault cf_catalog_accesslog_gcs_audit(const char *line, size_t length, CfAccessLine *out);

#endif							/* CF_CATALOG_ACCESSLOG_H */
