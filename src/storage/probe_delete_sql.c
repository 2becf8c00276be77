/*
 * probe_delete_sql.c
 *		Does a place remove, or replace, an object only as the version that was asked for? The part of check_storage() that deletes of
 *		sources and changes of class lean on.
 *
 * Drivers look before they delete or change; here that must not count (op.probing), or the look would pass for the store's own condition.
 * Where there is no such condition of a delete, a bucket that keeps versions will do: the driver can bring back what it has hidden by
 * mistake.
 */
#include "postgres.h"

#include "storage/probe_sql.h"
#include "storage/session_sql.h"

/* cf_probe_conditional_delete asks to remove the version that was replaced, which must leave the other one alone. */
void
cf_probe_conditional_delete(CfProbe *probe)
{
	const char *name = "conditional delete";
	CfObjectStat stat;
	CfRemoved	removed = CF_REMOVED_GONE;
	CfStep		step;

	if (probe->old_version[0] == '\0')
	{
		if (probe->stat.version[0] == '\0')
			cf_probe_not_tried(probe, name);
		else
			probe->told(probe, name, CF_PROBE_NOTHING, false, psprintf("Object \"%s\" could not be removed. %s", probe->key, probe->op.err.message),
						"Sources at this place are not deleted.");
		return;
	}
	if (!probe->caps.conditional_delete)
	{
		probe->told(probe, name, CF_PROBE_NO, false, "The store is known not to honour conditions of a delete.",
					"Sources at this place are deleted only where its bucket keeps versions; the option accept_unconditional_delete accepts the risk.");
		return;
	}
	probe->op.probing = true;
	DRIVE(probe, step, cf_storage_remove(&probe->op, probe->key, probe->old_version, psprintf("%.40s-d", probe->tag), &removed));
	probe->op.probing = false;
	if (step == CF_STEP_ERROR && probe->op.err.kind != CF_ERR_CHANGED)
	{
		cf_probe_failed(probe, name);
		cf_storage_op_end(&probe->op);
		return;
	}
	cf_storage_op_end(&probe->op);
	DRIVE(probe, step, cf_storage_stat(&probe->op, probe->key, &stat));
	probe->deletes_on_condition = step == CF_STEP_DONE;
	if (step == CF_STEP_DONE)
		probe->told(probe, name, CF_PROBE_YES, true, "Another version than the one that was asked for was left alone.", NULL);
	else if (probe->op.err.kind == CF_ERR_NOT_FOUND)
	{
		probe->stat.version[0] = '\0';
		probe->told(probe, name, CF_PROBE_NO, false, "An object of another version was removed.",
					"Sources at this place are not deleted; its option accept_unconditional_delete accepts the risk.");
	}
	else
		cf_probe_failed(probe, name);
	cf_storage_op_end(&probe->op);
}

/*
 * cf_probe_versioned_delete tries, where the store honours no condition, whether its bucket keeps what is removed. It comes last: the
 * object of the checks is gone then.
 */
void
cf_probe_versioned_delete(CfProbe *probe)
{
	CfObjectStat stat;
	CfRemoved	removed = CF_REMOVED_KEPT;
	CfStep		step;

	if (!probe->caps.remote || !probe->caps.delete_hides || probe->deletes_on_condition)
		return;
	probe->place->probed = probe->caps;
	probe->place->probed.conditional_delete = false;
	probe->place->was_probed = true;
	DRIVE(probe, step, cf_storage_stat(&probe->op, probe->key, &stat));
	cf_storage_op_end(&probe->op);
	if (step == CF_STEP_ERROR)
	{
		step = cf_probe_put(probe, probe->key, CF_PROBE_OTHER_TEXT, "", "g", &stat);
		cf_storage_op_end(&probe->op);
	}
	if (step == CF_STEP_DONE)
		DRIVE(probe, step, cf_storage_remove(&probe->op, probe->key, stat.version, psprintf("%.40s-h", probe->tag), &removed));
	cf_storage_op_end(&probe->op);
	probe->told(probe, "versioned delete", step == CF_STEP_DONE && removed == CF_REMOVED_DELETED, true, NULL, NULL);
	probe->place->was_probed = false;
}

/*
 * cf_probe_conditional_replace tries, where a change of class writes the object anew, to have it written in the place of the version that was
 * replaced: the store must refuse. By now the object may have been removed, by a delete whose condition was not honoured.
 */
void
cf_probe_conditional_replace(CfProbe *probe)
{
	const char *name = "conditional replace";
	char		token[CF_STORAGE_COPY_TOKEN] = "";
	CfObjectStat stat;
	CfStep		step;

	if (!probe->caps.conditional_replace || probe->other_class[0] == '\0')
		return;
	if (probe->old_version[0] == '\0')
	{
		cf_probe_not_tried(probe, name);
		return;
	}
	DRIVE(probe, step, cf_storage_stat(&probe->op, probe->key, &stat));
	cf_storage_op_end(&probe->op);
	if (step == CF_STEP_ERROR)
	{
		step = cf_probe_put(probe, probe->key, CF_PROBE_OTHER_TEXT, "", "j", &stat);
		cf_storage_op_end(&probe->op);
	}
	if (step == CF_STEP_DONE)
	{
		probe->op.probing = true;
		DRIVE(probe, step, cf_storage_set_class(&probe->op, probe->key, probe->old_version, probe->other_class, token, &stat));
		probe->op.probing = false;
		cf_storage_op_end(&probe->op);
	}
	if (step == CF_STEP_DONE)
		probe->told(probe, name, CF_PROBE_NO, false, "An object of another version was replaced.",
					"Classes of objects are changed at this place only where its bucket keeps versions.");
	else if (probe->op.err.kind == CF_ERR_CHANGED)
		probe->told(probe, name, CF_PROBE_YES, true, "Another version than the one that was asked for was not replaced.", NULL);
	else
		cf_probe_failed(probe, name);
}
