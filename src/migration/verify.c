/*
 * verify.c
 *		The second half of a transfer: let the object appear, compare it with what was read, look at the source again.
 *
 * A store that checks digests by itself, or tells them of what it holds, is believed: the digest was computed by us from
 * the bytes as they were read, so nothing between the source and the store's own checking can have changed them. Where
 * no such digest is told, or the caller wants it so, every byte is read back, and compared by its CRC-64/NVME: what it
 * is to find are accidents, of which one in 2^64 would pass.
 *
 * What a store has copied by itself nobody has read. There the digest is what the store tells of the source, or what somebody claims of
 * it: that the copy has the same shows that both are true. Where there is none, both ends are read, or the store's word is taken
 * (`unproven`); whoever asked for that keeps the source, or answers for its loss.
 *
 * Repeatable from its start after a crash at any point: the commit recognises what is ours by the sealed
 * version, and reading changes nothing.
 */
#include <stdio.h>
#include <string.h>

#include "core/interrupt.h"
#include "migration/transfer.h"

#define COMPUTED (CF_DIGEST_SHA256 | CF_DIGEST_CRC32C | CF_DIGEST_CRC64NVME)	/* of a stream */

typedef enum VerifyState
{
	VERIFY_ARGS,				/* after a crash: what the source says of itself */
	VERIFY_COMMIT,
	VERIFY_LOOK,				/* what does the store say of it? */
	VERIFY_READ_SOURCE,			/* nothing is known of it by which a copy could be compared */
	VERIFY_READ,
	VERIFY_SOURCE,
	VERIFY_DONE
} VerifyState;

static CfStep verify_args(CfVerify *v, CfError *err);
static CfStep verify_commit(CfVerify *v, CfError *err);
static CfStep verify_look(CfVerify *v, CfError *err);
static CfStep verify_read_source(CfVerify *v, CfError *err);
static CfStep verify_read(CfVerify *v, CfError *err);
static CfStep verify_source(CfVerify *v, CfError *err);

static CfStep (*const steps[]) (CfVerify *v, CfError *err) = {
	[VERIFY_ARGS] = verify_args,
	[VERIFY_COMMIT] = verify_commit,
	[VERIFY_LOOK] = verify_look,
	[VERIFY_READ_SOURCE] = verify_read_source,
	[VERIFY_READ] = verify_read,
	[VERIFY_SOURCE] = verify_source,
};

void
cf_verify_begin(CfVerify *verify, const CfVerifyArgs *args, CfArena *arena)
{
	CfUpload   *upload = &verify->upload;

	memset(verify, 0, sizeof(*verify));
	verify->args = *args;
	upload->args = args->upload;
	upload->digests = *args->digests;
	strncpy(upload->handle, args->upload.handle, sizeof(upload->handle) - 1);
	strncpy(upload->sealed_version, args->sealed_version, sizeof(upload->sealed_version) - 1);
	cf_storage_op_init(&verify->port.op, args->dest, arena);
}

void
cf_verify_end(CfVerify *verify)
{
	cf_storage_op_end(&verify->port.op);
	cf_sums_end(&verify->sums);
}

CfStep
cf_verify_step(CfVerify *verify, CfError *err)
{
	CfStep		step;

	verify->step_bytes = 0;
	if (verify->state == VERIFY_DONE)
		return CF_STEP_DONE;
	if (verify->port.traffic != CF_PORT_QUIET)
		return CF_STEP_SEND;
	step = cf_port_took(&verify->port, steps[verify->state] (verify, err));
	if (step != CF_STEP_DONE)
		return step;
	verify->state++;
	return verify->state == VERIFY_DONE ? CF_STEP_DONE : CF_STEP_AGAIN;
}

/* readback_kinds tells by which digests a copy is compared that is read back: CRC-64 costs a tenth of what SHA-256 does. */
static int
readback_kinds(const CfDigests *known)
{
	return known->known & CF_DIGEST_CRC64NVME ? CF_DIGEST_CRC64NVME : known->known | CF_DIGEST_SHA256;
}

static CfStep
hash_failed(CfError *err)
{
	cf_error_set(err, CF_ERR_MEMORY, "could not compute a digest");
	return CF_STEP_ERROR;
}

/* turn_to lets the port work at another place: nothing of what a driver kept in it may be met by another one. */
static void
turn_to(CfVerify *v, const CfPlace *place)
{
	CfArena    *arena = v->port.op.arena;

	if (v->port.op.place == place)
		return;
	cf_storage_op_end(&v->port.op);
	cf_storage_op_init(&v->port.op, place, arena);
}

/* differs says that the copy is not what was sent. */
static CfStep
differs(const CfVerify *v, const char *detail, CfError *err)
{
	cf_error_set(err, CF_ERR_CHANGED, "the copy of \"%s\" in place \"%s\" is not what was sent",
				 v->args.upload.key, v->args.dest->name);
	cf_error_detail(err, "%s", detail);
	err->retryable = true;
	return CF_STEP_ERROR;
}

/*
 * judge compares what the store tells with what was read. DONE: the next state is set, the one behind this; AGAIN never.
 * The digests that a commit tells may be none although the store has them: then it is asked for once more.
 */
static CfStep
judge(CfVerify *v, CfError *err)
{
	int			same = cf_digests_compare(v->args.digests, &v->dest_stat.digests);
	CfCaps		caps;

	if (v->dest_stat.size_bytes != v->args.upload.size_bytes)
		return differs(v, "The store says that it has another size.", err);
	if (same < 0)
		return differs(v, "The store's digest of it is another one.", err);
	cf_storage_op_end(&v->port.op);
	cf_storage_caps(v->args.dest, &caps);
	if (same > 0 && !v->args.readback)
	{
		v->verified = cf_digests_name(same);
		v->state = VERIFY_SOURCE - 1;
		return CF_STEP_DONE;
	}
	if (same == 0 && !v->args.readback && !v->looked && (caps.digests & v->args.digests->known) != 0)
	{
		v->state = VERIFY_LOOK - 1;
		return CF_STEP_DONE;
	}
	if (v->args.upload.handle[0] == '\0' && v->args.unproven && !v->args.readback)
	{
		v->verified = "store";
		v->state = VERIFY_SOURCE - 1;
		return CF_STEP_DONE;
	}
	v->state = v->args.digests->known & COMPUTED ? VERIFY_READ - 1 : VERIFY_READ_SOURCE - 1;
	return cf_sums_start(&v->sums, readback_kinds(v->args.digests)) ? CF_STEP_DONE : hash_failed(err);
}

/*
 * verify_args completes what a store wants to know again at the commit. A source that is gone or that changed meanwhile is
 * no reason not to commit: that shows at the end.
 */
static CfStep
verify_args(CfVerify *v, CfError *err)
{
	CfUploadArgs *args = &v->upload.args;
	CfObjectStat stat;
	CfKept		kept;
	CfStep		step;

	if (v->args.upload_complete || v->args.upload.handle[0] == '\0')
		return CF_STEP_DONE;
	turn_to(v, v->args.source);
	step = cf_storage_stat(&v->port.op, v->args.source_key, &stat);
	if (step == CF_STEP_ERROR && v->port.op.err.kind != CF_ERR_NOT_FOUND)
		*err = v->port.op.err;
	if (step == CF_STEP_SEND || step == CF_STEP_AGAIN || (step == CF_STEP_ERROR && v->port.op.err.kind != CF_ERR_NOT_FOUND))
		return step;
	if (step == CF_STEP_DONE && !cf_storage_keep(v->args.source, v->args.dest, &stat, args->content_type, v->port.op.arena, &kept))
		return hash_failed(err);
	turn_to(v, v->args.dest);
	if (step == CF_STEP_ERROR)
		return CF_STEP_DONE;
	args->mtime_us = kept.mtime_us;
	args->attributes = kept.attributes;
	args->content_type = kept.content_type;
	return CF_STEP_DONE;
}

/*
 * verify_commit lets the upload's object appear. What went in one request is there already, and the store has told of it in
 * its answer: to ask again would cost half as much as the request. What it has copied by itself is looked at.
 */
static CfStep
verify_commit(CfVerify *v, CfError *err)
{
	CfStep		step;

	if (v->args.visible != NULL)
	{
		v->dest_stat = *v->args.visible;
		return judge(v, err);
	}
	if (v->args.upload.handle[0] == '\0')
		return CF_STEP_DONE;
	step = cf_storage_upload_commit(&v->port.op, &v->upload, &v->dest_stat);
	if (step == CF_STEP_ERROR)
		*err = v->port.op.err;
	/* Neither the upload nor the object: somebody removed it (a sweep, abort_upload()). It is copied again. */
	if (step == CF_STEP_ERROR && err->kind == CF_ERR_STATE)
		err->kind = CF_ERR_NOT_FOUND;
	return step == CF_STEP_DONE ? judge(v, err) : step;
}

/* verify_look asks the store for the object as it is there. */
static CfStep
verify_look(CfVerify *v, CfError *err)
{
	CfObjectStat stat;
	CfStep		step = cf_storage_stat(&v->port.op, v->args.upload.key, &stat);
	const char *expected = v->looked || v->dest_stat.version[0] != '\0' ? v->dest_stat.version : v->args.sealed_version;

	if (step == CF_STEP_ERROR)
		*err = v->port.op.err;
	if (step != CF_STEP_DONE)
		return step;
	if (!cf_storage_version_same(v->args.dest, stat.version, expected))
		return differs(v, "Another version lies there than the one that was made.", err);
	v->looked = true;
	v->dest_stat = stat;
	return judge(v, err);
}

/* read_on reads one buffer of an object; DONE = that was the last, and these are its digests. */
static CfStep
read_on(CfVerify *v, const char *key, const char *version, CfDigests *digests, CfError *err)
{
	CfReadArgs	args = {key, version, 0, -1};
	CfChunk		chunk = {v->buffer, v->buffer_bytes, 0};
	CfStep		step;

	v->unfitted = v->buffer == NULL;
	if (v->unfitted)
		return CF_STEP_AGAIN;
	step = cf_storage_read(&v->port.op, &args, &chunk);
	if (step == CF_STEP_ERROR)
		*err = v->port.op.err;
	if (step == CF_STEP_ERROR || step == CF_STEP_SEND)
		return step;
	v->step_bytes = (int64_t) chunk.length;
	v->read_bytes += v->step_bytes;
	if (!cf_sums_update(&v->sums, chunk.data, chunk.length) ||
		(step == CF_STEP_DONE && !cf_sums_peek(&v->sums, digests)))
		return hash_failed(err);
	if (step == CF_STEP_DONE)
		cf_storage_op_end(&v->port.op);
	return step;
}

/* verify_read_source reads one buffer of the version that was copied; its digests are those that the copy must have. */
static CfStep
verify_read_source(CfVerify *v, CfError *err)
{
	CfStep		step;

	turn_to(v, v->args.source);
	step = read_on(v, v->args.source_key, v->args.source_version, &v->read, err);
	if (step != CF_STEP_DONE)
		return step;
	if (v->read_bytes != v->args.upload.size_bytes)
		return differs(v, "What was read of the source has another size.", err);
	v->args.digests = &v->read;
	v->read_bytes = 0;
	turn_to(v, v->args.dest);
	cf_sums_end(&v->sums);
	return cf_sums_start(&v->sums, readback_kinds(&v->read)) ? CF_STEP_DONE : hash_failed(err);
}

/* verify_read reads one buffer of the destination and compares at the end. */
static CfStep
verify_read(CfVerify *v, CfError *err)
{
	CfDigests	digests;
	char		detail[160];
	CfStep		step = read_on(v, v->args.upload.key, v->dest_stat.version, &digests, err);

	if (step != CF_STEP_DONE)
		return step;
	if (v->read_bytes == v->args.upload.size_bytes && cf_digests_compare(&digests, v->args.digests) > 0)
	{
		v->verified = "readback";
		return CF_STEP_DONE;
	}
	snprintf(detail, sizeof(detail), "Read back %lld bytes of %lld, and their digest differs or the size does.",
			 (long long) v->read_bytes, (long long) v->args.upload.size_bytes);
	return differs(v, detail, err);
}

/*
 * verify_source makes sure that nobody wrote to the source while it was copied. A source that somebody removed is no
 * reason to fail: then the copy, equal to the last version there was, is all that is left of the object.
 *
 * What several requests have read one after the other, or has no condition, it takes this look to know. A source that was read whole by one
 * request, on condition of its version, was that version at that moment, and the copy is equal to it: there is no "while". A look now
 * would tell of a write since; but not of one that comes between the look and the switch, so that whatever protects from that one protects from
 * both: the catalog names the version that it has, whoever deletes the source does so on condition of that version and keeps what was
 * written, a replica is known by its version too, and rollback compares it. Nothing is lost, doubled or mixed with the look or without it.
 * What it does is to keep the time short in which a write goes by unseen, so it is left out only where that time is short by itself
 * (source_held; the caller knows when the source was read).
 */
static CfStep
verify_source(CfVerify *v, CfError *err)
{
	CfObjectStat stat;
	CfStep		step;

	if (v->args.source_held)
		return CF_FAULT("migration_verified", err) ? CF_STEP_ERROR : CF_STEP_DONE;
	turn_to(v, v->args.source);
	step = cf_storage_stat(&v->port.op, v->args.source_key, &stat);
	if (step == CF_STEP_ERROR && v->port.op.err.kind == CF_ERR_NOT_FOUND)
		return CF_STEP_DONE;
	if (step == CF_STEP_ERROR)
		*err = v->port.op.err;
	if (step != CF_STEP_DONE)
		return step;
	if (CF_FAULT("migration_verified", err))
		return CF_STEP_ERROR;
	if (cf_storage_version_same(v->args.source, stat.version, v->args.source_version))
		return CF_STEP_DONE;
	cf_error_set(err, CF_ERR_CHANGED, "object \"%s\" in place \"%s\" changed while it was copied",
				 v->args.source_key, v->args.source->name);
	cf_error_detail(err, "It was version %s when the copy began and is %s now.",
					v->args.source_version, stat.version);
	err->retryable = true;
	return CF_STEP_ERROR;
}
