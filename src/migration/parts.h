/*
 * parts.h
 *		What transfer.c, fetch.c, parts.c and resume.c lend each other. Private to them.
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

/* cf_transfer_by_store tells whether the store may be asked to copy by itself, as far as that is known before the source is looked at. */
static inline bool
cf_transfer_by_store(const CfTransfer *t)
{
	return t->dest_caps.copy_conditional && cf_storage_copies_from(t->args.dest, t->args.source);
}

extern bool cf_transfer_fetches(const CfTransfer *t);

/* Each does one step; DONE = the next state may begin. */
extern CfStep cf_transfer_fetch(CfTransfer *t, CfError *err);
extern CfStep cf_transfer_resume(CfTransfer *t, CfError *err);
extern CfStep cf_transfer_parts(CfTransfer *t, CfError *err);

#endif							/* CF_MIGRATION_PARTS_H */
