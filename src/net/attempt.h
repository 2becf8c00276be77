/*
 * attempt.h
 *		One sending of a request, and what the engine keeps of each request. Private to these three files of the engine.
 *
 * engine.c decides when an attempt is made and what its outcome means; attempt.c talks to libcurl: options and callbacks;
 * answer.c tells what came of it. Nothing here raises, waits or touches the server: libcurl's callbacks run it.
 */
#ifndef CF_NET_ATTEMPT_H
#define CF_NET_ATTEMPT_H

#include <curl/curl.h>
#include <signal.h>

#include "net/guard.h"
#include "net/net.h"
#include "net/ratelimit.h"

#define CF_NET_LOST 64

typedef struct CfBuffer
{
	char	   *bytes;			/* malloc'd */
	size_t		length;
	size_t		room;
} CfBuffer;

typedef enum CfCallState
{
	CF_CALL_WAITING,			/* for its moment, then for a place to run */
	CF_CALL_RUNNING,			/* libcurl has it */
	CF_CALL_FINISHED
} CfCallState;

typedef struct CfCall
{
	struct CfCall *next;
	struct CfCall *prev;
	struct CfNet *net;
	CfRequest  *request;
	CfResponse *response;
	CfArena    *arena;
	void	   *tag;
	CfNetSlot  *slot;
	CfUrl		url;
	int			own_headers;	/* of the request, without what signing added */

	CfCallState state;
	int64_t		due_us;			/* waiting: not before */
	bool		paid;			/* its token of the rate limits is taken */
	int			attempt;		/* from 1; 0 = none yet */
	bool		clock_corrected;

	/* the present attempt */
	CURL	   *easy;
	struct curl_slist *headers;
	char		complaint[CURL_ERROR_SIZE];
	bool		passed;			/* the guard let an address of the host pass */
	const char *denied;			/* what it said of the last address */
	char		denied_address[64];
	bool		no_descriptor;
	bool		stalled;
	bool		too_long;		/* the answer is: longer than what was asked for */
	bool		too_many_headers;
	bool		out_of_memory;
	bool		in_body;		/* the headers of the final answer are complete */
	bool		paused;
	bool		ended;			/* libcurl has said how it ended */
	CURLcode	code;
	int			requests;		/* how often a connection was there and the request about to go out */
	size_t		sent;			/* of the body */
	CfBuffer	head;			/* "name\0value\0…" of the answer */
	CfBuffer	body;
	size_t		head_bytes;		/* of everything in front of the body, informational answers included */
	int			head_count;
	size_t		sink_bytes;
	int64_t		body_bytes;		/* of the answer, wherever they went */
	int64_t		marked_bytes;	/* of them, when progress was last noted */
	int64_t		progress_us;	/* monotonic */
	int64_t		started_us;
	int64_t		resume_us;		/* bandwidth: no bytes before */
} CfCall;

typedef struct CfCalls
{
	CfCall	   *first;
	CfCall	   *last;
} CfCalls;

struct CfNet
{
	CURLM	   *multi;
	int			epoll;
	CfNetOptions options;		/* its texts are those below */
	char	   *ca_file;
	char	   *proxy;
	char	   *no_proxy;
	CfAllow		allow;
	CfNetShared *shared;
	CfNetShared *own_shared;
	uint64_t	random;

	int64_t		curl_due_us;	/* when libcurl wants to be called; -1 = not */
	CfCalls		live;			/* waiting and running, in the order of submission */
	CfCalls		done;			/* finished, not yet told */
	CfCalls		spare;			/* to be used again, with their buffers and handles */
	int			spare_count;
	int			pending;		/* submitted and not yet told */
	int			running;
	void	   *lost[CF_NET_LOST];	/* tags of requests for which there was no memory at all */
	int			lost_count;
	int64_t		admit_due_us;	/* when a waiting call may start, as far as time decides it */
};

/* cf_attempt_start signs the request and hands it to libcurl; false: it could not, response->err tells why. */
extern bool cf_attempt_start(CfCall *call, int64_t now_us);

/* cf_attempt_stop takes it away from libcurl, whatever it is doing; the handle stays for the next one. */
extern void cf_attempt_stop(CfCall *call);

/*
 * cf_attempt_collect fills the response of an attempt that ended; what it points to lies in the call, so that an answer which
 * is not the last costs the caller no memory. cf_attempt_keep copies the last one into the caller's arena.
 * cf_attempt_measure tells the meter and the trace; collect does that itself.
 */
extern void cf_attempt_collect(CfCall *call);
extern void cf_attempt_keep(CfCall *call);
extern void cf_attempt_measure(CfCall *call, int status);

/* cf_attempt_status is the status of the answer that comes in, as libcurl knows it. */
extern int	cf_attempt_status(const CfCall *call);

/* cf_attempt_refused fills response->err with what we ourselves refused; false, so that callers can return it. */
extern bool cf_attempt_refused(CfCall *call);

/* cf_attempt_append adds bytes to a buffer that may grow to most; false when it may not, or memory is short. */
extern bool cf_attempt_append(CfBuffer *buffer, const char *bytes, size_t length, size_t most);

/* cf_attempt_silence_us is how long the request may be silent. */
extern int64_t cf_attempt_silence_us(const CfCall *call);

/* cf_attempt_free frees a call that libcurl does not have. */
extern void cf_attempt_free(CfCall *call);

/* Every call into libcurl is made with all signals blocked: the resolver's threads inherit the mask. */
extern void cf_attempt_signals_block(sigset_t *old);
extern void cf_attempt_signals_restore(const sigset_t *old);

#endif							/* CF_NET_ATTEMPT_H */
