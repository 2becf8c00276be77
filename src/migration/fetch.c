/*
 * fetch.c
 *		Pinning and reading a small object by one request, where the catalog knows which version is to be read.
 *
 * To look at an object and then to read it are two requests, and for a small object the first costs as much as the second, in time and in
 * money. All that the look would tell, the answer that brings the bytes has in its headers: size, version, times, type, metadata, how many
 * tags, whether it is being restored. What is left are a class and digests of the whole object, which serve a copy by the store alone: there
 * the source is looked at as ever.
 *
 * The read carries the version of the catalog as its condition, and the answer is held against it, so that what comes is that version or
 * nothing. Nothing means that the catalog is behind (somebody wrote, removed, archived): then the source is looked at and copied as it is
 * now, as an object is whose version is not known. Whatever is an error of the store itself is the error of this attempt, and the next
 * one does not fetch.
 */
#include "core/interrupt.h"
#include "migration/parts.h"

/* cf_transfer_fetches tells whether a transfer begins so. Whoever resumes has to see first what is there, and so has a promoted server. */
bool
cf_transfer_fetches(const CfTransfer *t)
{
	const CfTransferArgs *args = &t->args;

	return t->source_caps.remote && t->source_caps.conditional_read && args->fetch && !args->resume && !args->promoted &&
		args->known_version[0] != '\0' && args->known_bytes > 0 && args->known_bytes <= t->source_caps.fetch_max_bytes &&
		!(args->server_side && cf_transfer_by_store(t));
}

/* give_up goes on as if nothing had been known: the size that the outfit was made for may be another one. */
static CfStep
give_up(CfTransfer *t)
{
	cf_storage_op_end(&t->lines[0].source.op);
	t->lines[0].buffer = NULL;
	t->source_stat = (CfObjectStat) {0};
	return CF_STEP_DONE;
}

CfStep
cf_transfer_fetch(CfTransfer *t, CfError *err)
{
	CfLine	   *line = &t->lines[0];
	CfObjectStat stat;
	CfStep		step;

	if (line->buffer == NULL)
	{
		t->source_stat.size_bytes = t->args.known_bytes;
		t->unfitted = true;
		return CF_STEP_AGAIN;
	}
	if (t->plan.line_bytes < t->args.known_bytes)
		return give_up(t);
	step = cf_port_took(&line->source, cf_storage_fetch(&line->source.op, t->args.source_key, t->args.known_version, line->buffer,
														(size_t) t->args.known_bytes, &stat));
	if (step == CF_STEP_ERROR && (line->source.op.err.kind == CF_ERR_CHANGED || line->source.op.err.kind == CF_ERR_NOT_FOUND ||
								  line->source.op.err.kind == CF_ERR_STATE))
		return give_up(t);
	if (step == CF_STEP_ERROR)
		return cf_transfer_failed(&line->source, err);
	if (step != CF_STEP_DONE)
		return step;
	if (CF_FAULT("migration_copying", err))
		return CF_STEP_ERROR;
	cf_storage_op_end(&line->source.op);
	t->source_stat = stat;
	t->step_bytes = stat.size_bytes;
	t->fetched = t->in_buffer = t->at_once = true;
	return CF_STEP_DONE;
}
