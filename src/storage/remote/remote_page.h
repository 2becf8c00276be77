/*
 * remote_page.h
 *		Answers that tell of many things: pages of a listing, of unfinished uploads, of the parts of one.
 */
#ifndef CF_STORAGE_REMOTE_PAGE_H
#define CF_STORAGE_REMOTE_PAGE_H

#include "storage/remote/remote.h"

#define CF_REMOTE_NAME_ROOM 4097	/* of a key as an answer may write it, or of a place in a listing; longer ones count as not told */

/* The text of one element; "" = it is not there, or does not fit. */
typedef struct CfRemoteField
{
	const char *path;			/* below the root: "Contents/Key" */
	char	   *text;
	size_t		room;
} CfRemoteField;

#define CF_REMOTE_FIELD(path, text) {path, text, sizeof(text)}

/* An answer in XML that repeats an element. */
typedef struct CfRemoteRecords
{
	const char *root;
	const char *record;			/* the element, below the root; its fields are emptied after each */
	CfRemoteField *fields;
	int			count;
	bool		(*take) (void *ctx);	/* called when one was read; false = op->err tells why no more are wanted */
	void	   *ctx;
	bool		rooted;			/* private */
} CfRemoteRecords;

/* cf_remote_records reads the answer at hand; ERROR = it is none, and the operation is over. `what` as in cf_remote_unexpected(). */
extern CfStep cf_remote_records(CfOp *op, const char *what, const char *key, CfRemoteRecords *records);

/*
 * cf_remote_room makes room for one more item in an array that doubles: in the arena of results, or, of a state, beyond it. false =
 * memory is short, told in op->err.
 */
extern bool cf_remote_room(CfOp *op, void **items, int count, int *room, size_t item_bytes, bool of_state);

/* cf_remote_page_add adds an object under its full name, as the answer writes it; false = memory is short, told in op->err. */
extern bool cf_remote_page_add(CfOp *op, CfListPage *page, int *room, const char *name, const CfObjectStat *stat);

/*
 * cf_remote_page_end takes the place's prefix off the names of a page, after decoding them where they are encoded. What lies outside
 * the prefix, or cannot be decoded, is counted as unreadable: the catalog must not learn of it.
 */
extern void cf_remote_page_end(CfOp *op, CfListPage *page, bool encoded);

/* cf_remote_page_token accepts what may be sent as the place where a page begins: encoded bytes, and those of `more`. */
extern bool cf_remote_page_token(CfOp *op, const char *token, const char *more);

#endif							/* CF_STORAGE_REMOTE_PAGE_H */
