/*
 * change.c
 *		Changing an object's storage class in place: look, ask, look again.
 *
 * Who takes up what a crash has interrupted finds an object that has the class, and another version than the catalogued one: a digest tells
 * whether it is ours, else every byte is read and compared with the catalogued SHA-256.
 */
#include <string.h>

#include "core/interrupt.h"
#include "migration/change.h"

typedef enum ChangeState
{
	CHANGE_LOOK,
	CHANGE_ASK,
	CHANGE_PROVE,
	CHANGE_READ,				/* apart: is what lies there what an earlier attempt has made? */
	CHANGE_DONE
} ChangeState;

static CfStep change_look(CfChange *c, CfError *err);
static CfStep change_ask(CfChange *c, CfError *err);
static CfStep change_prove(CfChange *c, CfError *err);
static CfStep change_read(CfChange *c, CfError *err);

static CfStep (*const steps[]) (CfChange *c, CfError *err) = {
	[CHANGE_LOOK] = change_look,
	[CHANGE_ASK] = change_ask,
	[CHANGE_PROVE] = change_prove,
	[CHANGE_READ] = change_read,
};

void
cf_change_begin(CfChange *change, const CfChangeArgs *args, CfArena *arena)
{
	memset(change, 0, sizeof(*change));
	change->args = *args;
	cf_storage_op_init(&change->port.op, args->place, arena);
}

void
cf_change_end(CfChange *change)
{
	cf_storage_op_end(&change->port.op);
	cf_sums_end(&change->sums);
}

CfStep
cf_change_step(CfChange *change, CfError *err)
{
	CfStep		step;

	change->noted = change->beginning = change->opened = false;
	if (change->state == CHANGE_DONE)
		return CF_STEP_DONE;
	if (change->port.traffic != CF_PORT_QUIET)
		return CF_STEP_SEND;
	step = cf_port_took(&change->port, steps[change->state] (change, err));
	if (step != CF_STEP_DONE)
		return step;
	cf_storage_op_end(&change->port.op);
	change->state++;
	return change->state == CHANGE_DONE ? CF_STEP_DONE : CF_STEP_AGAIN;
}

/* fail says what is wrong with the object. */
static CfStep
fail(const CfChange *c, CfErrorKind kind, const char *what, CfError *err)
{
	cf_error_set(err, kind, "object \"%s\" in place \"%s\" %s", c->args.key, c->args.place->name, what);
	err->retryable = false;
	return CF_STEP_ERROR;
}

/* look asks for the object as it is there. */
static CfStep
look(CfChange *c, CfObjectStat *stat, CfError *err)
{
	CfStep		step = cf_storage_stat(&c->port.op, c->args.key, stat);

	if (step == CF_STEP_ERROR)
		*err = c->port.op.err;
	return step;
}

static bool
has_class(const CfChange *c, const CfObjectStat *stat)
{
	return stat->storage_class != NULL && strcmp(stat->storage_class, c->args.storage_class) == 0;
}

/*
 * changed refuses another version than the catalogued one. Where it has the class that was asked for, an earlier attempt may have made it and
 * have died before it could say so, but nothing proves that: nothing is lost, and the catalog takes in what is there.
 */
static CfStep
changed(const CfChange *c, CfError *err)
{
	fail(c, CF_ERR_CHANGED, "changed since it was catalogued", err);
	if (!has_class(c, &c->before))
		return CF_STEP_ERROR;
	cf_error_detail(err, "It has the class \"%s\" already, but no digest tells that its bytes are those of the catalogued version.",
					c->args.storage_class);
	cf_error_hint(err, "Nothing was lost. CALL cloudflux.import_inventory(%s) takes in the version that is there, with its class.",
				  c->args.place->name);
	return CF_STEP_ERROR;
}

/* change_look finds the catalogued version, or the one that an earlier attempt has made of it. */
static CfStep
change_look(CfChange *c, CfError *err)
{
	CfCaps		caps;
	bool		same;
	CfStep		step;

	cf_storage_caps(c->args.place, &caps);
	if (!caps.storage_classes)
	{
		cf_error_set(err, CF_ERR_UNSUPPORTED, "objects of place \"%s\" have no storage class of their own", c->args.place->name);
		return CF_STEP_ERROR;
	}
	step = look(c, &c->before, err);
	if (step != CF_STEP_DONE)
		return step;
	same = c->args.version[0] == '\0' || cf_storage_version_same(c->args.place, c->before.version, c->args.version);
	if (has_class(c, &c->before) && (same || cf_digests_compare(c->args.noted, &c->before.digests) > 0))
	{
		c->after = c->before;
		c->verified = same ? "store" : cf_digests_name(c->args.noted->known & c->before.digests.known);
		c->state = CHANGE_DONE - 1;
		return CF_STEP_DONE;
	}
	if (!same && has_class(c, &c->before) && c->args.sha256 != NULL && !c->before.must_restore &&
		cf_digests_compare(c->args.noted, &c->before.digests) == 0)
	{
		c->state = CHANGE_READ - 1;
		return cf_sums_start(&c->sums, CF_DIGEST_SHA256) ? CF_STEP_DONE : fail(c, CF_ERR_MEMORY, "could not be hashed", err);
	}
	if (!same)
		return changed(c, err);
	/* What cannot be done afterwards is said before anybody pays for a restore. */
	if (!cf_storage_class_allowed(&c->port.op, c->args.key, c->args.storage_class))
	{
		*err = c->port.op.err;
		return CF_STEP_ERROR;
	}
	c->archived = c->before.must_restore;
	if (c->archived)
		return fail(c, CF_ERR_STATE, "is archived: it must be restored before its class can be changed", err);
	c->noted = true;
	c->beginning = caps.class_max_bytes > 0 && c->before.size_bytes > caps.class_max_bytes;
	return CF_STEP_DONE;
}

static CfStep
change_ask(CfChange *c, CfError *err)
{
	CfStep		step = cf_storage_set_class(&c->port.op, c->args.key, c->before.version, c->args.storage_class, c->token, &c->after);

	if (step == CF_STEP_ERROR)
		*err = c->port.op.err;
	c->opened = c->token[0] != '\0' && strcmp(c->token, c->told) != 0;
	memcpy(c->told, c->token, sizeof(c->told));
	if (step == CF_STEP_DONE && CF_FAULT("remote_class_changed", err))
		return CF_STEP_ERROR;
	return step;
}

/*
 * change_prove compares the bytes' digests, as the store tells them afterwards and as it told them before. How it spells the
 * class is its own business: it has said that it changed it.
 */
static CfStep
change_prove(CfChange *c, CfError *err)
{
	int			same;
	CfStep		step = look(c, &c->after, err);

	if (step != CF_STEP_DONE)
		return step;
	same = cf_digests_compare(&c->before.digests, &c->after.digests);
	if (c->after.size_bytes != c->before.size_bytes || same < 0)
		return fail(c, CF_ERR_CHANGED, "has other bytes after its class was changed", err);
	c->verified = same > 0 ? cf_digests_name(same) : "store";
	c->state = CHANGE_DONE - 1;
	return CF_STEP_DONE;
}

/* change_read reads one buffer of an object that is or is not the catalogued one, and compares at the end. */
static CfStep
change_read(CfChange *c, CfError *err)
{
	CfReadArgs	args = {c->args.key, c->before.version, 0, -1};
	CfChunk		chunk = {c->buffer, c->buffer_bytes, 0};
	CfDigests	digests;
	CfStep		step;

	c->unfitted = c->buffer == NULL;
	if (c->unfitted)
		return CF_STEP_AGAIN;
	step = cf_storage_read(&c->port.op, &args, &chunk);
	if (step == CF_STEP_ERROR)
		*err = c->port.op.err;
	if (step == CF_STEP_ERROR || step == CF_STEP_SEND)
		return step;
	if (!cf_sums_update(&c->sums, chunk.data, chunk.length) || (step == CF_STEP_DONE && !cf_sums_peek(&c->sums, &digests)))
		return fail(c, CF_ERR_MEMORY, "could not be hashed", err);
	if (step == CF_STEP_AGAIN)
		return step;
	if (memcmp(digests.sha256, c->args.sha256, sizeof(digests.sha256)) != 0)
		return fail(c, CF_ERR_CHANGED, "changed since it was catalogued", err);
	c->after = c->before;
	c->verified = "readback";
	return CF_STEP_DONE;
}
