/*
 * change.c
 *		Changing an object's storage class in place: look, ask, look again.
 */
#include <string.h>

#include "core/interrupt.h"
#include "migration/change.h"

typedef enum ChangeState
{
	CHANGE_LOOK,
	CHANGE_ASK,
	CHANGE_PROVE,
	CHANGE_DONE
} ChangeState;

static CfStep change_look(CfChange *c, CfError *err);
static CfStep change_ask(CfChange *c, CfError *err);
static CfStep change_prove(CfChange *c, CfError *err);

static CfStep (*const steps[]) (CfChange *c, CfError *err) = {
	[CHANGE_LOOK] = change_look,
	[CHANGE_ASK] = change_ask,
	[CHANGE_PROVE] = change_prove,
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
}

CfStep
cf_change_step(CfChange *change, CfError *err)
{
	CfStep		step;

	change->noted = false;
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
	if (!same)
		return fail(c, CF_ERR_CHANGED, "changed since it was catalogued", err);
	c->archived = c->before.must_restore;
	if (c->archived)
		return fail(c, CF_ERR_STATE, "is archived: it must be restored before its class can be changed", err);
	c->noted = true;
	return CF_STEP_DONE;
}

static CfStep
change_ask(CfChange *c, CfError *err)
{
	CfStep		step = cf_storage_set_class(&c->port.op, c->args.key, c->before.version, c->args.storage_class, &c->after);

	if (step == CF_STEP_ERROR)
		*err = c->port.op.err;
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
	return CF_STEP_DONE;
}
