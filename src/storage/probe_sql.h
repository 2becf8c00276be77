/*
 * probe_sql.h
 *		The checks of check_storage(), one after the other. Private to the room's doorways.
 */
#ifndef CF_STORAGE_PROBE_SQL_H
#define CF_STORAGE_PROBE_SQL_H

#include "postgres.h"

#include "storage/storage_sql.h"

#define CF_PROBE_MADE_MAX 16

/* What a check found about a capability; a check that could not be made has found nothing. */
typedef enum CfProbeFound
{
	CF_PROBE_NOTHING = -1,
	CF_PROBE_NO,
	CF_PROBE_YES
} CfProbeFound;

typedef struct CfProbe
{
	MemoryContext context;
	MemoryContextCallback release;
	CfArena		arena;
	CfPlace    *place;
	CfOp		op;
	CfCaps		caps;
	const char *tag;			/* of this call: names the throw-away objects */
	const char *other_class;	/* a storage class that is not the default, to be tried; "" = none */
	char		key[128];		/* the object that most checks are about */
	char		old_version[CF_STORAGE_VERSION_MAX + 1];	/* its first version, replaced since */
	CfObjectStat stat;			/* as it is now; version "" = it is not there */
	bool		deletes_on_condition;	/* the store was seen to honour conditions of a delete */
	int64		skew_us;		/* of the store's clock */
	bool		skew_known;
	bool		versioned;		/* the store keeps older versions */
	char	   *made[CF_PROBE_MADE_MAX];	/* keys that were written, to be removed */
	int			made_count;

	/* told adds a row to the result; the hint is given only when good is false. */
	void		(*told) (struct CfProbe *probe, const char *name, CfProbeFound found, bool good, const char *detail, const char *hint);
	void	   *told_arg;
} CfProbe;

/* cf_probe_run makes all checks, whatever fails, and removes what it made. An interrupt raises. */
extern void cf_probe_run(CfProbe *probe);

/* cf_probe_failed tells of a check that ended with the error of the op. */
extern void cf_probe_failed(CfProbe *probe, const char *name);

/* DRIVE follows an operation to its end. What it leaves in an op after an error is released, the error stays. */
#define DRIVE(probe, step, call) \
	do \
		(step) = cf_storage_await(&(probe)->op, (call)); \
	while ((step) == CF_STEP_AGAIN)

#define CF_PROBE_OTHER_TEXT "cloudflux checks whether this place works: this is its second version.\n"

/* What the parts of a probe lend each other: a key may be there from now on, an object is written, a check could not be made. */
extern void cf_probe_made(CfProbe *probe, const char *key);
extern CfStep cf_probe_put(CfProbe *probe, const char *key, const char *text, const char *class, const char *suffix, CfObjectStat *stat);
extern void cf_probe_not_tried(CfProbe *probe, const char *name);

/* adoption_sql.c: keeps what the checks of a place have found, arrays of text and of int4 (1, 0, NULL; bits for digests and key folds). */
extern void cf_places_record_checks(const char *place, Datum names, Datum found);

/* probe_delete_sql.c */
extern void cf_probe_conditional_delete(CfProbe *probe);
extern void cf_probe_versioned_delete(CfProbe *probe);
extern void cf_probe_conditional_replace(CfProbe *probe);

/* probe_keys_sql.c */
extern void cf_probe_keys(CfProbe *probe);

#endif							/* CF_STORAGE_PROBE_SQL_H */
