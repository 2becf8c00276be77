/*
 * verify.c
 *		The second half of a transfer: let the object appear, read every byte back, look at the source again.
 *
 * Repeatable from its start after a crash at any point: the commit recognises what is ours by the sealed
 * version, and reading changes nothing.
 */
#include <string.h>

#include "core/interrupt.h"
#include "migration/transfer.h"

typedef enum VerifyState
{
	VERIFY_COMMIT,
	VERIFY_READ,
	VERIFY_SOURCE,
	VERIFY_DONE
} VerifyState;

static CfStep verify_commit(CfVerify *v, CfError *err);
static CfStep verify_read(CfVerify *v, CfError *err);
static CfStep verify_source(CfVerify *v, CfError *err);

static CfStep (*const steps[]) (CfVerify *v, CfError *err) = {
	[VERIFY_COMMIT] = verify_commit,
	[VERIFY_READ] = verify_read,
	[VERIFY_SOURCE] = verify_source,
};

void
cf_verify_begin(CfVerify *verify, const CfVerifyArgs *args, CfArena *arena)
{
	memset(verify, 0, sizeof(*verify));
	verify->args = *args;
	verify->upload.args.key = args->dest_key;
	verify->upload.args.owner_tag = args->owner_tag;
	verify->upload.args.size_bytes = args->size_bytes;
	verify->upload.args.content_type = verify->upload.args.storage_class = "";
	verify->upload.args.metadata = "";
	strncpy(verify->upload.handle, args->handle, sizeof(verify->upload.handle) - 1);
	strncpy(verify->upload.sealed_version, args->sealed_version, sizeof(verify->upload.sealed_version) - 1);
	cf_storage_op_init(&verify->op, args->dest, arena);
}

void
cf_verify_end(CfVerify *verify)
{
	cf_storage_op_end(&verify->op);
	cf_hash_end(&verify->hash);
}

CfStep
cf_verify_step(CfVerify *verify, CfError *err)
{
	CfStep		step;

	verify->step_bytes = 0;
	if (verify->state == VERIFY_DONE)
		return CF_STEP_DONE;
	step = steps[verify->state] (verify, err);
	if (step != CF_STEP_DONE)
		return step;
	verify->state++;
	return verify->state == VERIFY_DONE ? CF_STEP_DONE : CF_STEP_AGAIN;
}

static CfStep
hash_failed(CfError *err)
{
	cf_error_set(err, CF_ERR_MEMORY, "could not compute a SHA-256 digest");
	return CF_STEP_ERROR;
}

static CfStep
verify_commit(CfVerify *v, CfError *err)
{
	CfStep		step = cf_storage_upload_commit(&v->op, &v->upload, &v->dest_stat);

	if (step == CF_STEP_ERROR)
		*err = v->op.err;
	/* Neither the upload nor the object: somebody removed it (a sweep, abort_upload()). It is copied again. */
	if (step == CF_STEP_ERROR && err->kind == CF_ERR_STATE)
		err->kind = CF_ERR_NOT_FOUND;
	if (step == CF_STEP_DONE && !cf_hash_start(&v->hash))
		return hash_failed(err);
	return step;
}

/* verify_read reads one buffer of the destination and compares at the end. */
static CfStep
verify_read(CfVerify *v, CfError *err)
{
	CfReadArgs	args = {v->args.dest_key, v->dest_stat.version, 0, -1};
	CfChunk		chunk = {v->args.buffer, v->args.buffer_bytes, 0};
	uint8_t		digest[CF_HASH_SHA256_BYTES];
	CfStep		step = cf_storage_read(&v->op, &args, &chunk);

	if (step == CF_STEP_ERROR)
		*err = v->op.err;
	if (step == CF_STEP_ERROR || step == CF_STEP_SEND)
		return step;
	v->step_bytes = (int64_t) chunk.length;
	v->read_bytes += v->step_bytes;
	if (!cf_hash_update(&v->hash, chunk.data, chunk.length) ||
		(step == CF_STEP_DONE && !cf_hash_finish(&v->hash, digest)))
		return hash_failed(err);
	if (step == CF_STEP_AGAIN)
		return step;
	if (v->read_bytes == v->args.size_bytes && memcmp(digest, v->args.sha256, sizeof(digest)) == 0)
	{
		cf_storage_op_end(&v->op);
		return CF_STEP_DONE;
	}
	cf_error_set(err, CF_ERR_CHANGED, "the copy of \"%s\" in place \"%s\" is not what was sent",
				 v->args.dest_key, v->args.dest->name);
	cf_error_detail(err, "Read back %lld bytes of %lld, and their SHA-256 differs or the size does.",
					(long long) v->read_bytes, (long long) v->args.size_bytes);
	err->retryable = true;
	return CF_STEP_ERROR;
}

/*
 * verify_source makes sure that nobody wrote to the source while it was copied. A source that somebody removed is no
 * reason to fail: then the copy, equal to the last version there was, is all that is left of the object.
 */
static CfStep
verify_source(CfVerify *v, CfError *err)
{
	CfObjectStat stat;
	CfStep		step;

	v->op.place = v->args.source;
	step = cf_storage_stat(&v->op, v->args.source_key, &stat);
	if (step == CF_STEP_ERROR && v->op.err.kind == CF_ERR_NOT_FOUND)
		return CF_STEP_DONE;
	if (step == CF_STEP_ERROR)
		*err = v->op.err;
	if (step != CF_STEP_DONE)
		return step;
	if (CF_FAULT("migration_verified", err))
		return CF_STEP_ERROR;
	if (strcmp(stat.version, v->args.source_version) == 0)
		return CF_STEP_DONE;
	cf_error_set(err, CF_ERR_CHANGED, "object \"%s\" in place \"%s\" changed while it was copied",
				 v->args.source_key, v->args.source->name);
	cf_error_detail(err, "It was version %s when the copy began and is %s now.",
					v->args.source_version, stat.version);
	err->retryable = true;
	return CF_STEP_ERROR;
}
