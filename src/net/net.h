/*
 * net.h
 *		The one HTTP engine: what other rooms may know of it.
 *
 * A driver builds a CfRequest and reads a CfResponse; between them stands the engine (libcurl multi), which signs every
 * attempt afresh, sends, judges the answer by the driver's `classify`, waits and repeats what may be repeated, keeps the
 * limits of the place and of the whole server, meters, guards and redacts. Nothing above it sees a socket, a retry or a 503
 * that went away again.
 *
 * Bodies are whole: a request's body lies in memory until the answer is there (so a repetition sends the same bytes), an
 * answer's body goes into the caller's buffer (`sink`) or into the response's arena, never beyond a stated maximum. Large
 * objects therefore go in ranges and parts; who asks for them decides how much memory that takes.
 *
 * The engine is a kernel: it never waits. cf_net_turn() does what can be done now; cf_net_fd() and cf_net_wait_ms() tell what
 * to wait for. The doorway (net_sql.h) waits on the latch. One engine per process; no threads but libcurl's resolver.
 */
#ifndef CF_NET_NET_H
#define CF_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"

#define CF_NET_REQUEST_HEADERS 96		/* of them most are user metadata */
#define CF_NET_RESPONSE_HEADERS 96
#define CF_NET_HEADERS_BYTES (64 * 1024)	/* of one answer, all together; beyond it the answer is refused */
#define CF_NET_ANSWER_BYTES (1024 * 1024)	/* of an answer's body, unless the request allows more */

typedef struct CfHeader
{
	const char *name;
	const char *value;
} CfHeader;

/* How long a request may be silent: no total limit on bodies, and some calls work for minutes before they answer. */
typedef enum CfNetClass
{
	CF_NET_CALL,				/* small question, small answer: 30 s of silence */
	CF_NET_BODY,				/* bytes flow: 60 s without one */
	CF_NET_SLOW					/* Complete, Copy, From-URL: 15 min of silence */
} CfNetClass;

/* May the request be sent again when nobody knows whether it arrived? */
typedef enum CfNetRepeat
{
	CF_NET_REPEAT_SAFE,			/* reading, and writing that ends in the same state */
	CF_NET_REPEAT_CONDITIONAL,	/* create-only and conditional calls: the driver settles a 412 / 404 by response->sends > 1 */
	CF_NET_REPEAT_NEVER			/* only when it certainly was not sent */
} CfNetRepeat;

/* What an answer means; a driver tells by classify(). */
typedef enum CfNetVerdict
{
	CF_NET_FINAL,				/* for the driver to read: success, or an error that waiting does not mend */
	CF_NET_RETRY,				/* transient: 500, 502, 503, 504, 408, an error inside a 200, a truncated body */
	CF_NET_SLOW_DOWN,			/* transient, and the peer asks for less: 429, 503 SlowDown */
	CF_NET_CLOCK,				/* our clock is wrong: take the peer's Date once and sign again */
	CF_NET_REAUTHENTICATE,		/* the credentials expired: final for the engine, storage.c renews and calls again */
} CfNetVerdict;

/* Limits of a place; the engine keeps them over all processes of the server. Fields may change while requests run. */
typedef struct CfNetPlace
{
	const char *name;			/* of the place: for limits, metering, the breaker and the log */
	int			max_connections;	/* 0 = 16 */
	int			requests_per_second;	/* 0 = none */
	int64_t		bandwidth_limit;	/* bytes per second, both ways together; 0 = none */
	const char *ca_file;		/* "" = cloudflux.net_ca_file, else the system's */
	const char *client_cert_file;	/* "" = none; PEM */
	const char *client_key_file;
} CfNetPlace;

typedef struct CfRequest CfRequest;
typedef struct CfResponse CfResponse;

/* What repetitions have taken of a budget that good answers fill up again; all zero = full. */
typedef struct CfNetBudget
{
	volatile int32_t spent;
} CfNetBudget;

/*
 * What was sent for one job, per place and verb: the same attempts that the meter counts. Names are not copied: a verb is a
 * constant, a place's name lives as long as the tally. What finds no row is counted as lost, never refused.
 */
#define CF_NET_TALLY_ROWS 32

typedef struct CfNetTallyRow
{
	const char *place;
	const char *verb;
	int64_t		requests;		/* attempts */
	int64_t		repeated;		/* of them, not the first of their request */
	int64_t		billed;			/* of them, answered, and not by an error of the provider's own (5xx) */
	int64_t		sent_bytes;
	int64_t		received_bytes;
} CfNetTallyRow;

typedef struct CfNetTally
{
	int			count;
	int64_t		lost;
	CfNetTallyRow rows[CF_NET_TALLY_ROWS];
} CfNetTally;

struct CfRequest
{
	const char *method;			/* GET, HEAD, PUT, POST, DELETE, PATCH */
	const char *url;			/* encoded once and for all; sent as it is */
	const char *verb;			/* the provider's name of the call, for metering and prices: "PutObject" */
	CfHeader	headers[CF_NET_REQUEST_HEADERS];	/* without what signing adds */
	int			header_count;
	const void *body;			/* NULL = none; stays where it is until the answer */
	size_t		body_bytes;
	char	   *sink;			/* where the body of a 2xx answer goes; NULL = into the response */
	size_t		sink_bytes;
	size_t		answer_max;		/* of a body that goes into the response; 0 = CF_NET_ANSWER_BYTES */
	CfNetClass	net_class;
	CfNetRepeat repeat;
	const CfNetPlace *place;
	CfNetBudget *budget;		/* of the job that it is for, beside that of the place; NULL = none. It stays until the answer */
	CfNetTally *tally;			/* of that job; NULL = none. It stays until the answer, or until the request is cancelled */
	bool		metadata_service;	/* one of the compiled-in link-local endpoints; set by credential sources alone */
	int			pause_ms;		/* > 0: nothing is sent, the request finishes by itself after so long, with status 0 and no error */

	/* sign adds authorisation, date and host for one attempt to headers, in the arena. NULL = nothing to sign. */
	bool		(*sign) (CfRequest *request, void *ctx, CfArena *arena, int64_t now_us, CfError *err);
	CfNetVerdict (*classify) (const CfRequest *request, const CfResponse *response, void *ctx);
	void	   *ctx;			/* of sign and classify: the driver's op */
};

/* Texts live in the arena of the request's caller until it is reset. */
struct CfResponse
{
	int			status;			/* HTTP; 0 = no answer, err tells why */
	CfHeader	headers[CF_NET_RESPONSE_HEADERS];	/* names in lower case */
	int			header_count;
	const char *body;			/* NUL-terminated; "" when it went into the sink or there is none */
	size_t		body_bytes;
	size_t		sink_bytes;		/* how much lies in the sink */
	int			sends;			/* how often the peer may have got the request; > 1: a 412 may be our own doing */
	bool		truncated;		/* the connection ended before the announced length */
	bool		budget_spent;	/* waiting might have mended it, but the budget of the request's job is spent */
	int64_t		clock_skew_us;	/* peer's Date - our clock, when the engine had to correct it; else 0 */
	CfError		err;			/* for status 0: retryable tells whether later may be better */
};

/* cf_net_header adds a header to a request; CR, LF and NUL are refused, as is one too many. */
extern bool cf_net_header(CfRequest *request, const char *name, const char *value, CfError *err);

/* cf_net_answer gives the value of an answer's header (name in lower case), "" when it is not there. */
extern const char *cf_net_answer(const CfResponse *response, const char *name);

/*
 * cf_net_redact copies text without its secrets: whatever is logged, or told of a request or an answer, passes through it.
 * At most room bytes with the NUL. cf_net_date reads an HTTP-date (Last-Modified, Date; all three forms of RFC 9110) into
 * microseconds since the Unix epoch; false when it is none.
 */
extern void cf_net_redact(const char *text, char *redacted, size_t room);
extern bool cf_net_date(const char *text, int64_t *us);

/*
 * URLs (url.c). cf_url_encode percent-encodes every byte outside A-Z a-z 0-9 - . _ ~ (and '/' when keep_slash), exactly
 * once, into the arena. cf_url_decode undoes %XX (and + for space when plus); false when it is malformed or holds NUL.
 * cf_url_split takes a URL apart; no user part, no fragment, port 0 = the scheme's own. cf_url_canonical rewrites an http or https
 * URL in place, so that one address has one spelling: scheme and host in small letters, no port that the scheme has anyway.
 * What follows them, and any other text, stays as it is.
 */
typedef struct CfUrl
{
	bool		https;
	char		host[256];		/* lower case; an IPv6 address without its brackets */
	int			port;			/* as written, else 443 or 80 */
	bool		default_port;
	const char *path;			/* from the first '/', "" = none; points into the URL */
	size_t		path_bytes;
	const char *query;			/* after '?', "" = none */
} CfUrl;

extern char *cf_url_encode(CfArena *arena, const char *bytes, size_t length, bool keep_slash);
extern bool cf_url_decode(CfArena *arena, const char *text, size_t length, bool plus, char **bytes);
extern bool cf_url_split(const char *url, CfUrl *parts, CfError *err);
extern void cf_url_canonical(char *url);

/* The engine (engine.c). What it may be told is in CfNetOptions; hooks stand for what only a doorway knows. */
typedef struct CfNet CfNet;

typedef struct CfNetMeter
{
	const char *place;
	const char *verb;
	int			status;			/* of this attempt; 0 = none */
	int64_t		sent_bytes;
	int64_t		received_bytes;
	int64_t		duration_us;
	bool		repeated;		/* not the first attempt */
} CfNetMeter;

typedef struct CfNetOptions
{
	int			max_transfers;	/* attempts at once, over all places; 0 = 64 */
	int			attempts_max;	/* of one request; 0 = 6 */
	int64_t		retry_max_us;	/* longest wait between two attempts; 0 = 20 s */
	const char *ca_file;
	const char *proxy;			/* "" = none; the environment is ignored */
	const char *no_proxy;
	const char *allow;			/* cloudflux.net_allow: "127.0.0.0/8:9000, 10.1.0.0/16, minio.corp" */
	int			requests_per_second;	/* over all places; 0 = no limit */
	int64_t		bandwidth_limit;	/* bytes per second over all places; 0 = no limit */
	bool		(*descriptor) (void *ctx, bool take);	/* reserve or give back one descriptor; NULL = unlimited */
	void		(*meter) (void *ctx, const CfNetMeter *meter);	/* one attempt ended; NULL = not metered */
	void		(*trace) (void *ctx, const char *line); /* one redacted line per attempt; NULL = not wanted */
	struct CfNetShared *shared; /* limits and breakers of all processes; NULL = this process's own */
	uint32_t	scope;			/* of the names of places: the database */
	void	   *ctx;
} CfNetOptions;

/* cf_net_open makes an engine; false = out of memory or descriptors. cf_net_close drops every request. */
extern CfNet *cf_net_open(const CfNetOptions *options, CfError *err);
extern void cf_net_close(CfNet *net);
extern void cf_net_set_options(CfNet *net, const CfNetOptions *options);

/*
 * cf_net_submit hands a request over; request, response, body, sink and arena must live until cf_net_finished() has
 * given the tag back or cf_net_cancel() was called. It never waits and never fails: a request that cannot be sent
 * finishes with status 0.
 */
extern void cf_net_submit(CfNet *net, CfRequest *request, CfResponse *response, CfArena *arena, void *tag);
extern void cf_net_turn(CfNet *net);
extern void *cf_net_finished(CfNet *net);	/* a tag whose response is complete; NULL = none just now */
extern bool cf_net_take(CfNet *net, void *tag); /* the same for one tag: has its response become complete? */
extern void cf_net_cancel(CfNet *net, void *tag);	/* forgets the request at once; it may have arrived */
extern int	cf_net_pending(const CfNet *net);
extern int	cf_net_fd(const CfNet *net);	/* readable when there is something to do */
extern int	cf_net_wait_ms(const CfNet *net);	/* at the latest then too; -1 = nothing is planned */

/* cf_net_init defines the settings and shared memory of the room; called by _PG_init. */
extern void cf_net_init(void);

#endif							/* CF_NET_NET_H */
