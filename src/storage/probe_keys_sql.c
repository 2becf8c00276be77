/*
 * probe_keys_sql.c
 *		Does a place take one key for another? The part of check_storage() that plans and removals lean on.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "storage/probe_sql.h"
#include "storage/session_sql.h"

#define TEXT "cloudflux checks whether this place works: is this key another one?\n"

static bool is_alias(CfProbe *probe, const char *key, const char *normal, bool *writable);

/*
 * cf_probe_keys looks which keys the store understands as other keys. Where our own rules let a key be written, its row says whether
 * that goes well; where they do not, it may be in the catalog all the same, and must not be removed. The row "key folds" is no
 * check: it has the bits of all that are folded.
 */
void
cf_probe_keys(CfProbe *probe)
{
	static const struct
	{
		const char *key;		/* NULL = the other one behind a slash */
		const char *normal;
		int			fold;
	}			keys[] = {
		{"k//d", "k/d", CF_FOLD_EMPTY_SEGMENT}, {"k/./z", "k/z", CF_FOLD_DOT}, {"k/x/../y", "k/y", CF_FOLD_DOT_DOT},
		{"k/e/", "k/e", CF_FOLD_TRAILING_SLASH}, {NULL, "lead", CF_FOLD_LEADING_SLASH}, {"k/CASE", "k/case", CF_FOLD_CASE},
		{"k/\xc3\xa9", "k/e\xcc\x81", CF_FOLD_UNICODE}, {"k\\b", "k/b", CF_FOLD_BACKSLASH}, {"k./f", "k/f", CF_FOLD_DOT_AT_END}};
	StringInfoData found;
	StringInfoData refused;
	int			folds = 0;

	if (probe->stat.version[0] == '\0' && probe->old_version[0] == '\0')
	{
		cf_probe_not_tried(probe, "keys");
		return;
	}
	initStringInfo(&found);
	initStringInfo(&refused);
	for (int i = 0; i < lengthof(keys); i++)
	{
		bool		writable;
		StringInfo	list;

		if (!is_alias(probe, keys[i].key, keys[i].normal, &writable))
			continue;
		folds |= keys[i].fold;
		list = writable ? &found : &refused;
		appendStringInfo(list, "%s\"%s\" is \"%s\"", list->len > 0 ? ", " : "", keys[i].key == NULL ? "/key" : keys[i].key,
						 keys[i].key == NULL ? "key" : keys[i].normal);
	}
	probe->told(probe, "key folds", folds, true, NULL, NULL);
	if (found.len > 0)
		probe->told(probe, "keys", CF_PROBE_NO, false, psprintf("The store takes one key for another: %s.", found.data),
					(folds & (CF_FOLD_CASE | CF_FOLD_UNICODE)) != 0 ? "Plans refuse keys that would become one here; no object replaces another." :
					"Keys with empty segments, dots or slashes at their ends are neither written to this place nor removed from it.");
	else if (refused.len > 0)
		probe->told(probe, "keys", CF_PROBE_YES, true,
					psprintf("No key that can be written was taken for another. Others are, and are not removed either: %s.", refused.data), NULL);
	else
		probe->told(probe, "keys", CF_PROBE_YES, true, "No key was taken for another.", NULL);
}

/*
 * is_alias writes one key and looks whether its normal form appears, or the other way round where the key may not be written; key NULL =
 * the normal one behind a slash.
 */
static bool
is_alias(CfProbe *probe, const char *key, const char *normal, bool *writable)
{
	char	   *base = key == NULL ? pstrdup(probe->key) : psprintf("%s-%s", probe->key, key);
	char	   *plain = psprintf("%s-%s", probe->key, normal);
	const char *made;
	CfObjectStat stat;
	CfError		err;
	CfStep		step;

	if (key == NULL)
	{
		base = psprintf("/%s-%s", probe->key, normal);
		if (probe->place->prefix[0] != '\0')
			return false;		/* a slash behind the prefix is an empty segment, which was looked at already */
	}
	*writable = cf_storage_key_check(probe->place, base, &err);
	made = *writable ? base : plain;
	cf_probe_made(probe, made);
	step = cf_probe_put(probe, made, TEXT, "", "g", &stat);
	cf_storage_op_end(&probe->op);
	if (step == CF_STEP_ERROR)
		return false;
	DRIVE(probe, step, cf_storage_stat(&probe->op, *writable ? plain : base, &stat));
	cf_storage_op_end(&probe->op);
	return step == CF_STEP_DONE;
}
