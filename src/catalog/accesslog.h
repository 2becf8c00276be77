/*
 * accesslog.h
 *		Lines of access logs: who did what to which key, when, how much of it, how fast.
 *
 * Two kernels without memory of their own. CfLines cuts a stream of reads into lines of bounded length; a line
 * that is too long is told of once and skipped. cf_catalog_accesslog_parse() takes one line apart. Results
 * point into the line or into the caller's CfAccessLine; they live as long as both.
 */
#ifndef CF_CATALOG_ACCESSLOG_H
#define CF_CATALOG_ACCESSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_ACCESSLOG_LINE_MAX (64 * 1024)	/* bytes, without the newline */
#define CF_ACCESSLOG_KEY_MAX 1024			/* bytes of a decoded key, as in storage */

typedef enum CfAccessLogFormat
{
	CF_ACCESSLOG_S3,			/* S3 server access log */
	CF_ACCESSLOG_APACHE,		/* Apache or nginx, common or combined */
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
	CF_ACCESS_ZERO_BYTE,
	CF_ACCESS_LONG_LINE,
	CF_ACCESS_FAULTS
} CfAccessFault;

/* A piece of the line; length 0 = not told. */
typedef struct CfAccessText
{
	const char *data;
	size_t		length;
} CfAccessText;

typedef struct CfAccessLine
{
	CfAccessKind kind;
	int64_t		at_us;			/* UTC, since the Unix epoch */
	int			status;			/* HTTP; 0 = none was involved */
	int64_t		bytes;			/* sent; -1 = not told */
	int64_t		latency_ms;		/* -1 = not told */
	CfAccessText bucket;		/* S3 only */
	CfAccessText user;
	size_t		key_length;		/* 0 = none, or longer than a key can be */
	size_t		other_length;	/* 0 = there is only one reading of the key */
	char		key[CF_ACCESSLOG_KEY_MAX];	/* decoded */
	char		other[CF_ACCESSLOG_KEY_MAX];	/* the key if it was encoded in the less likely way */
} CfAccessLine;

/* cf_catalog_accesslog_format finds a format by its name ("s3", "apache"); false = there is none. */
extern bool cf_catalog_accesslog_format(const char *name, CfAccessLogFormat *format);

/*
 * cf_catalog_accesslog_parse reads one line (without its newline). Anything but CF_ACCESS_FINE means that the line
 * is not of this format, and out is undefined.
 */
extern CfAccessFault cf_catalog_accesslog_parse(CfAccessLogFormat format, const char *line, size_t length,
												CfAccessLine *out);

/* cf_catalog_accesslog_reason says a fault in words. */
extern const char *cf_catalog_accesslog_reason(CfAccessFault fault);

/* Cuts reads into lines, in a buffer of the caller: at least CF_ACCESSLOG_LINE_MAX + 1 bytes, better twice that. */
typedef struct CfLines
{
	char	   *buffer;
	size_t		capacity;
	size_t		start;			/* of the line that is next */
	size_t		end;			/* of what was read */
	size_t		scanned;		/* no newline between start and here */
	bool		skipping;		/* inside a line that is too long */
	size_t		dropped;		/* bytes of it that made room */
	int64_t		consumed;		/* bytes of the stream in all lines given so far, newlines included */
} CfLines;

extern void cf_catalog_lines_init(CfLines *lines, char *buffer, size_t capacity, int64_t offset);

/* cf_catalog_lines_room tells where to read to, and how much fits (never 0 once all lines have been taken). */
extern char *cf_catalog_lines_room(CfLines *lines, size_t *room);
extern void cf_catalog_lines_fill(CfLines *lines, size_t length);

/*
 * cf_catalog_lines_next gives the next whole line; false = read more first. Of a line that is too long it gives the
 * beginning, with *whole = false, when its end has come. What follows the last newline is never given.
 */
extern bool cf_catalog_lines_next(CfLines *lines, const char **line, size_t *length, bool *whole);

#endif							/* CF_CATALOG_ACCESSLOG_H */
