/*
 * parts.h
 *		What transfer.c, parts.c and resume.c lend each other. Private to the three.
 */
#ifndef CF_MIGRATION_PARTS_H
#define CF_MIGRATION_PARTS_H

#include "migration/transfer.h"

/* cf_transfer_failed hands an operation's error up. */
static inline CfStep
cf_transfer_failed(const CfPort *port, CfError *err)
{
	*err = port->op.err;
	return CF_STEP_ERROR;
}

static inline CfStep
cf_transfer_hash_failed(CfError *err)
{
	cf_error_set(err, CF_ERR_MEMORY, "could not compute a digest");
	return CF_STEP_ERROR;
}

/* Each does one step; DONE = the next state may begin. */
extern CfStep cf_transfer_resume(CfTransfer *t, CfError *err);
extern CfStep cf_transfer_parts(CfTransfer *t, CfError *err);

#endif							/* CF_MIGRATION_PARTS_H */
