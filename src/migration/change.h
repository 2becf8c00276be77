/*
 * change.h
 *		Another storage class for an object where it lies: asked of the store, then looked at.
 *
 * The bytes stay at their address, so there is nothing to clean up and nothing to undo; but a store may make a new version
 * of it, and a crash may come between that and our hearing of it. So what the store says of the object beforehand is kept
 * by the caller (`noted`), and an object that has the wanted class and the same digests afterwards is the one we asked for. Where the
 * store changes it by an upload onto itself, that is kept like any other upload: that it begins, and by what it can be aborted.
 */
#ifndef CF_MIGRATION_CHANGE_H
#define CF_MIGRATION_CHANGE_H

#include "migration/port.h"
#include "migration/sums.h"

typedef struct CfChangeArgs
{
	const CfPlace *place;
	const char *key;
	const char *version;		/* as catalogued; "" = whatever is there */
	const char *storage_class;
	const CfDigests *noted;		/* by an earlier attempt, before it asked; none known = there was none, or the store told none */
	const uint8_t *sha256;		/* of the catalogued version, 32 bytes; NULL = unknown */
} CfChangeArgs;

typedef struct CfChange
{
	CfChangeArgs args;
	CfPort		port;
	CfObjectStat before;
	CfObjectStat after;			/* when DONE */
	const char *verified;		/* when DONE: the kind of digest that is the same before and after, or "store" */
	bool		archived;		/* with CF_ERR_STATE: the object must be restored first */
	bool		noted;			/* the last step has looked: before.digests are to be kept, durably */
	bool		beginning;		/* the next step begins an upload: that is to be kept, durably */
	bool		opened;			/* the last step was told more of it: the token is to be kept, durably, as the upload's handle */
	bool		unfitted;		/* must read the object, and waits for a buffer */
	char	   *buffer;			/* set by the caller then */
	size_t		buffer_bytes;
	char		token[CF_STORAGE_COPY_TOKEN];	/* of the upload; "" = there is none */
	CfSums		sums;			/* private */
	char		told[CF_STORAGE_COPY_TOKEN];	/* private: the token as the caller knows it */
	int			state;			/* private */
} CfChange;

/*
 * cf_change_step: an object that has the class already, but is not the catalogued version, is what an earlier attempt has made of it if
 * a digest says so, or else its bytes, read back. CF_ERR_CHANGED another version lies there than the catalogued one; CF_ERR_STATE it is archived;
 * CF_ERR_UNSUPPORTED the place has no classes, or cannot change them safely: archived objects are not restored for that first.
 */
extern void cf_change_begin(CfChange *change, const CfChangeArgs *args, CfArena *arena);
extern CfStep cf_change_step(CfChange *change, CfError *err);
extern void cf_change_end(CfChange *change);

#endif							/* CF_MIGRATION_CHANGE_H */
