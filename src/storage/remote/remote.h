/*
 * remote.h
 *		What the drivers of the clouds do alike: texts, numbers and times, the course of a request, and how an operation ends.
 *		Private to the room storage.
 *
 * A driver keeps the dialect of its provider: which requests there are, what headers are called, what an answer says. What is
 * the same thing everywhere is here, as plain functions on a CfOp.
 *
 * What an op remembers between two steps is a struct of the driver's own that begins with a CfRemoteState, so that both find
 * their part in op->state. A request and its answer live in op->request_arena until the next request is begun; what must outlive
 * that is copied into the state or op->arena.
 */
#ifndef CF_STORAGE_REMOTE_H
#define CF_STORAGE_REMOTE_H

#include "storage/driver.h"

#define CF_REMOTE_SHOWN 256		/* bytes of a key in a message */

#define CF_REMOTE_BUFFER_PARTS 256	/* of one small object */

/* Bytes that wait to be sent, of a part or of a whole small object. */
typedef struct CfRemoteBuffer
{
	char	   *data;			/* NULL = there are none */
	int64_t		room;
	char		owner_tag[65];	/* of the upload that they belong to */
	int			part_number;	/* being gathered; 0 = none */
	int64_t		filled;			/* bytes of that one, or of the last one */
	int64_t		taken;			/* bytes of a small object, in parts that are whole */
	uint64_t	parts[CF_REMOTE_BUFFER_PARTS / 64]; /* which parts those are */
} CfRemoteBuffer;

/* How the state of every driver's ops begins. */
typedef struct CfRemoteState
{
	const CfPlace *asked;		/* the place that the present request goes to and is signed for; NULL = op->place */
	int			mended;			/* how often a request of the present operation was changed and sent again */

	/* remote_read.c */
	CfObjectStat looked;		/* what is to be told when the tags are there */
	bool		reading;		/* a read has begun */
	int64_t		at;				/* its next byte */
	int64_t		end;			/* one after its last; -1 = not known yet */
	char		version[CF_STORAGE_VERSION_MAX + 1];	/* its pin, once it is known */

	/* remote_create.c, remote_upload.c */
	CfRemoteBuffer buffer;
	CfError		told;			/* settling: what to say when nothing is there; kind NONE = somebody was there and has gone */
	CfObjectStat sealed;		/* what upload_seal made; its texts are not valid, its version is "" when it made nothing */
} CfRemoteState;

/* Text that grows in an arena, which keeps what it grew out of; whoever added the last piece asks cf_remote_text_end(). */
typedef struct CfRemoteText
{
	CfArena    *arena;
	char	   *data;			/* NUL-terminated once something was added */
	size_t		length;
	size_t		room;
	bool		failed;			/* memory was short: what came after that is missing */
} CfRemoteText;

typedef enum CfRemoteTime
{
	CF_REMOTE_HTTP,				/* Sun, 06 Nov 1994 08:49:37 GMT */
	CF_REMOTE_ISO,				/* 1994-11-06T08:49:37Z */
	CF_REMOTE_BASIC				/* 19941106T084937Z */
} CfRemoteTime;

/* What a driver reads in an answer that refuses something; texts are "" where the answer has none. */
typedef struct CfRemoteTold
{
	CfErrorKind kind;
	bool		retryable;
	bool		token_refused;	/* the place's token will not do, and another one can be had: later may be better */
	char		code[64];		/* the store's word for it, of harmless characters */
	char		message[400];	/* its sentence, where that cannot repeat what was signed */
	const char *hint;
} CfRemoteTold;

/* A store's word for what went wrong, and what it means; a row whose code is NULL ends a table. */
typedef struct CfRemoteCode
{
	const char *code;
	CfErrorKind kind;
	CfNetVerdict verdict;
	const char *hint;
} CfRemoteCode;

/* remote_text.c */
extern void cf_remote_text_add(CfRemoteText *text, const char *piece);
extern void cf_remote_text_add_bytes(CfRemoteText *text, const char *bytes, size_t length);
extern void cf_remote_text_number(CfRemoteText *text, int64_t number);
extern void cf_remote_text_format(CfRemoteText *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern void cf_remote_text_encode(CfRemoteText *text, const char *piece);	/* percent-encoded, slashes too */
extern void cf_remote_text_path(CfRemoteText *text, const char *piece);	/* percent-encoded, slashes as they are */
extern char *cf_remote_text_end(CfRemoteText *text);	/* the text, "" when nothing was added; NULL = memory was short */

/* cf_remote_format formats into an arena; NULL = out of memory. */
extern char *cf_remote_format(CfArena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* cf_remote_number reads decimal digits and nothing else, from 0 to max. */
extern bool cf_remote_number(const char *text, int64_t max, int64_t *number);

/*
 * cf_remote_time reads "2009-10-12T17:50:30.000Z" with as many decimals as there are, or a date of HTTP; false = it is neither, or
 * before 1970. cf_remote_time_write writes to the second; what is outside the years 1970 to 9999 is clamped.
 */
extern bool cf_remote_time(const char *text, int64_t *time_us);
extern void cf_remote_time_write(int64_t time_us, CfRemoteTime form, char text[40]);

/* cf_remote_harmless cuts a text at its first character that is no ASCII letter, digit, or one of `more`. */
extern void cf_remote_harmless(char *text, const char *more);

extern bool cf_remote_among(const char *text, const char *const *words);	/* is it one of the words, which NULL ends? */

/* cf_remote_shown gives a key as it may stand in a message: printable, cut to CF_REMOTE_SHOWN. It lives as long as the request. */
extern const char *cf_remote_shown(CfOp *op, const char *key);

/* remote_op.c */

/* cf_remote_state gives what the op remembers, zeroed at its first use; NULL = out of memory, told in op->err. */
extern void *cf_remote_state(CfOp *op, size_t bytes);

/* cf_remote_end gives back what the op remembers, but for what a driver's own fields own. */
extern void cf_remote_end(CfOp *op);

/* cf_remote_alloc takes memory that outlives a reset of the arena, for the state; NULL = there is none, told in op->err. */
extern void *cf_remote_alloc(CfOp *op, size_t bytes);
extern void cf_remote_free(CfOp *op, void *block);	/* NULL is fine */

/* cf_remote_asked gives the place that the present request goes to. */
extern const CfPlace *cf_remote_asked(const CfOp *op);

/* cf_remote_header adds a header whose value may be gone later: it is copied. false = op->err tells why. */
extern bool cf_remote_header(CfOp *op, const char *name, const char *value);

/* cf_remote_send hands the request over; its answer is awaited in phase. cf_remote_ask does when it was made; else op->err tells why not. */
extern CfStep cf_remote_send(CfOp *op, int phase);
extern CfStep cf_remote_ask(CfOp *op, bool made, int phase);

extern bool cf_remote_success(const CfOp *op);	/* the answer is a 2xx, and whole */

/* cf_remote_done ends an operation well, cf_remote_error one whose op->err is set. The op is ready for the next one. */
extern CfStep cf_remote_done(CfOp *op);
extern CfStep cf_remote_error(CfOp *op);

/* remote_place.c: each is for validate or key_check; false = err tells why */

/* An option with few values; the first that is unset ends them. */
typedef struct CfRemoteChoice
{
	const char *name;
	const char *values[6];
	const char *hint;			/* NULL = one that lists the values */
} CfRemoteChoice;

extern bool cf_remote_choices_check(const CfPlace *place, const CfRemoteChoice *choices, size_t count, CfError *err);

/* cf_remote_host tells whether a text is http(s)://HOST[:PORT], nothing behind it but perhaps a slash. */
extern bool cf_remote_host(const char *url);

/*
 * cf_remote_key_check refuses keys that no store would give back as they are: empty or too long ones, control characters, what
 * is no UTF-8. `shown` gets the key as further messages may show it.
 */
extern bool cf_remote_key_check(const CfPlace *place, const char *key, char shown[CF_REMOTE_SHOWN], CfError *err);

/* remote_error.c */

/* cf_remote_verdict tells the engine what a status means without more words. */
extern CfNetVerdict cf_remote_verdict(const CfResponse *response);

/* cf_remote_told begins what a driver reads in an answer: what the status says of it. */
extern CfRemoteTold cf_remote_told(const CfResponse *response);

/* cf_remote_code finds a code in a table; NULL = it is not known. cf_remote_told_code takes what the table says of told->code, if anything. */
extern const CfRemoteCode *cf_remote_code(const CfRemoteCode *codes, const char *code);
extern void cf_remote_told_code(CfRemoteTold *told, const CfRemoteCode *codes);

/* cf_remote_clock_off tells whether the answer's date is farther from the time that was signed than this. */
extern bool cf_remote_clock_off(const CfResponse *response, int64_t limit_us);

/* Each of these ends the operation. */

/* cf_remote_fails ends it with an error of our own, which is retryable by its kind; the message is made printable. */
extern CfStep cf_remote_fails(CfOp *op, CfErrorKind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
extern CfStep cf_remote_memory(CfOp *op);
extern CfStep cf_remote_missing(CfOp *op, const char *key); /* there is no such object */
extern CfStep cf_remote_changed(CfOp *op, const char *key); /* it is another version by now */
extern CfStep cf_remote_exists(CfOp *op, const char *key);	/* somebody else's object is at the address of a create */
extern CfStep cf_remote_outside(CfOp *op, const char *key, int64_t size_bytes); /* of a range, of an object of that size */


/* cf_remote_damaged: what the store has of a new object is not what was sent, and may be sent again. */
extern CfStep cf_remote_damaged(CfOp *op, const char *key, const char *detail);

/*
 * cf_remote_unexpected: the answer is a success that cannot be one, since `why` ("the answer has no ETag"). `what` follows "could
 * not", as in "read object"; key NULL = it was about the place itself.
 */
extern CfStep cf_remote_unexpected(CfOp *op, const char *what, const char *key, const char *why);

/* cf_remote_refused turns the answer at hand into an error, with what the driver read in it; where there is none, with the engine's. */
extern CfStep cf_remote_refused(CfOp *op, const char *what, const char *key, const char *request_id, const CfRemoteTold *told);

#endif							/* CF_STORAGE_REMOTE_H */
