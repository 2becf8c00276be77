/*
 * error.h
 *		How a kernel says that something failed: a value, never a jump.
 *
 * A kernel function that can fail returns false and fills the CfError that its caller gave. A doorway
 * raises it with cf_error_raise() (core/error_sql.c), where one table turns kinds into SQLSTATEs.
 * Messages follow PostgreSQL's style: one line, lower case, no period; details and hints are sentences.
 * Texts are cut, never overrun; no text may hold a secret.
 */
#ifndef CF_CORE_ERROR_H
#define CF_CORE_ERROR_H

#include <stdbool.h>

typedef enum CfErrorKind
{
	CF_ERR_NONE = 0,
	CF_ERR_NOT_FOUND,			/* 02000: the object, place or row is not there */
	CF_ERR_EXISTS,				/* 42710: somebody is at that address already */
	CF_ERR_DENIED,				/* 42501 */
	CF_ERR_INPUT,				/* 22023: the caller's argument is wrong */
	CF_ERR_STATE,				/* 55000: right request, wrong moment */
	CF_ERR_BUSY,				/* 55006: someone else works on it */
	CF_ERR_FULL,				/* 53100: no space left at the destination */
	CF_ERR_IO,					/* 58030 */
	CF_ERR_CHANGED,				/* 40001: no longer the version that was pinned */
	CF_ERR_UNSUPPORTED,			/* 0A000 */
	CF_ERR_CANCELLED,			/* 57014 */
	CF_ERR_MEMORY,				/* 53200 */
	CF_ERR_RANGE,				/* 22003: a quantity does not fit its type */
	CF_ERR_KINDS
} CfErrorKind;

typedef struct CfError
{
	CfErrorKind kind;
	bool		retryable;		/* may the same call succeed later? */
	char		message[512];
	char		detail[1536];	/* empty = none */
	char		hint[512];		/* empty = none */
} CfError;

/* cf_error_set starts an error: it clears detail and hint, and returns false so that callers can return it. */
extern bool cf_error_set(CfError *err, CfErrorKind kind, const char *fmt,...)
			__attribute__((format(printf, 3, 4)));

/* These two add to an error that cf_error_set started; they return false too. */
extern bool cf_error_detail(CfError *err, const char *fmt,...) __attribute__((format(printf, 2, 3)));
extern bool cf_error_hint(CfError *err, const char *fmt,...) __attribute__((format(printf, 2, 3)));

/*
 * cf_error_errno fills an error from the errno of a failed system call on path: kind, retryable and the
 * system's own words. `what` is the verb phrase: "could not open file".
 */
extern bool cf_error_errno(CfError *err, int saved_errno, const char *what, const char *path);

/* cf_error_kind_name gives a stable lower-case word for a kind ("not_found", "busy", …). */
extern const char *cf_error_kind_name(CfErrorKind kind);

#endif							/* CF_CORE_ERROR_H */
