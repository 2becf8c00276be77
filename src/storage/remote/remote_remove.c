/*
 * remote_remove.c
 *		Removing one version of an object, where the store takes the version as a condition of the request.
 *
 * The condition fails for another version, and at some stores for no object alike; so what is there then tells which. What a retention, a
 * hold, a lease or a snapshot protects stays, with the store's reason.
 */
#include <string.h>

#include "storage/remote/remote_upload.h"

CfStep
cf_remote_remove(CfOp *op, const char *key, const char *version, const char *owner_tag, CfRemoved *removed)
{
	CfRemoved	told = CF_REMOVED_CHANGED;
	CfObjectStat stat;

	(void) owner_tag;			/* one request does it all: a crash leaves nothing to finish */
	if (op->phase == CF_REMOTE_START)
	{
		op->err.message[0] = '\0';
		return dialect(op)->remove_ask(op, key, version, CF_REMOTE_ASKED);
	}
	if (dialect(op)->missing(op))
		told = CF_REMOVED_GONE;
	else if (op->phase == CF_REMOTE_ASKED && dialect(op)->remove_read(op, key, &told) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	else if (op->phase == CF_REMOTE_ASKED && told == CF_REMOVED_CHANGED)
		return dialect(op)->look(op, key, CF_REMOTE_ASKED_MORE);
	else if (op->phase == CF_REMOTE_ASKED_MORE && !cf_remote_success(op))
		return dialect(op)->fail(op, "look at object", key);
	else if (op->phase == CF_REMOTE_ASKED_MORE && dialect(op)->by_version)
	{
		if (!dialect(op)->stat_fill(op, key, &stat))
			return cf_remote_error(op);
		if (strcmp(stat.version, version) == 0)
			return cf_remote_fails(op, CF_ERR_IO, "object \"%s\" of place \"%s\" was not removed", cf_remote_shown(op, key), op->place->name);
	}
	*removed = told;
	return cf_remote_done(op);
}

CfStep
cf_remote_abandon(CfOp *op, const CfUpload *upload, const char *owner_tag, int64_t size_max)
{
	const char *key = upload->args.key;
	CfRemoteFound found;
	CfRemoved	removed;
	CfObjectStat stat;

	if (op->phase == CF_REMOTE_START)
		return dialect(op)->look(op, key, CF_REMOTE_ASKED);
	if (op->phase == CF_REMOTE_ASKED)
	{
		found = cf_remote_abandoned(op, upload, owner_tag, &stat);
		if (found == CF_REMOTE_FOUND && stat.size_bytes <= size_max)
			return dialect(op)->remove_ask(op, key, stat.version, CF_REMOTE_ASKED_MORE);
		return found == CF_REMOTE_FAILED ? CF_STEP_ERROR : cf_remote_done(op);
	}
	if (dialect(op)->missing(op))
		return cf_remote_done(op);
	if (dialect(op)->remove_read(op, key, &removed) != CF_STEP_DONE)
		return CF_STEP_ERROR;
	return removed == CF_REMOVED_KEPT ? dialect(op)->fail(op, "remove object", key) : cf_remote_done(op);
}
