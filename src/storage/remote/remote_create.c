/*
 * remote_create.c
 *		Whose object is it that a create met?
 *
 * A create whose answer was lost meets its own object at the next attempt. So "somebody is there" never means "somebody else" before the
 * object was looked at: ours has our owner tag, the size and, as far as both are known, the digests of what was sent.
 */
#include <string.h>

#include "storage/remote/remote_object.h"

bool
cf_remote_ours(const CfObjectStat *stat, const char *owner_tag)
{
	const char *lines = stat->attributes.metadata;
	CfAttributeLine line;

	while (cf_attribute_line_next(&lines, &line))
	{
		if (cf_remote_line_is(&line, CF_REMOTE_OWNER_TAG))
			return owner_tag[0] != '\0' && line.value_bytes == strlen(owner_tag) && memcmp(line.value, owner_tag, line.value_bytes) == 0;
	}
	return false;
}

CfStep
cf_remote_put(CfOp *op, const CfUploadArgs *args, const void *data, size_t length, CfObjectStat *stat)
{
	return dialect(op)->create(op, args, NULL, data, length, stat);
}

CfStep
cf_remote_told_before(CfOp *op)
{
	op->err = ((CfRemoteState *) op->state)->told;
	return cf_remote_error(op);
}

CfStep
cf_remote_settled(CfOp *op, const CfUploadArgs *args, CfObjectStat *stat)
{
	const CfError *told = &((CfRemoteState *) op->state)->told;
	CfRemoteFound found = cf_remote_looked(op, args->key, stat);
	bool		ours;

	if (found == CF_REMOTE_FAILED)
		return CF_STEP_ERROR;
	if (found == CF_REMOTE_MISSING && told->kind == CF_ERR_NONE)
		return cf_remote_fails(op, CF_ERR_BUSY, "object \"%s\" of place \"%s\" comes and goes", cf_remote_shown(op, args->key), op->place->name);
	if (found == CF_REMOTE_MISSING)
		return cf_remote_told_before(op);
	ours = cf_remote_ours(stat, args->owner_tag);
	if (ours && stat->size_bytes == args->size_bytes && dialect(op)->sent(op, stat))
		return cf_remote_done(op);
	cf_remote_exists(op, args->key);
	if (ours)
		cf_error_detail(&op->err, "An earlier attempt made it, of other bytes.");
	return CF_STEP_ERROR;
}
