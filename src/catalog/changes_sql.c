/*
 * changes_sql.c
 *		The statement triggers of data_objects: addresses, versions and events follow every change of a row.
 *
 * They run once per statement over its transition tables. An INSERT is answered by three set statements. An
 * UPDATE is read here, old and new row side by side (the executor stores them in the same order), because
 * most updates of many rows touch nothing that anybody must hear of (access counts) and a join of two
 * transition tables would be planned for the first size that a session saw. What did change goes on in
 * chunks of arrays (consequences_sql.c).
 *
 * Everything is written as the owner of data_objects: users have no rights on addresses and versions. So the
 * functions have a fixed search_path in sql/catalog.sql, or a user's own operators would run as the owner. Rows
 * of a restore (recorded_at is not this transaction's) are left alone: what follows from them is in the dump.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "catalog/catalog.h"
#include "catalog/changes_sql.h"
#include "core/core.h"
#include "core/spi_sql.h"
#include "core/transition_sql.h"

/* Columns whose change somebody must hear of, and as what; the first kind that applies names the event. */
static const struct
{
	const char *column;
	const char *what;
}			watched[] = {
	{"vanished_at", "vanished"},
	{"place", "moved"},
	{"object_key", "moved"},
	{"storage_location", "moved"},
	{"storage_class", "moved"},
	{"version", "changed"},
	{"size_bytes", "changed"},
	{"sha256", "changed"},
	{"file_name", "changed"},
	{"content_type", "changed"},
	{"current_tier", "changed"},
	{"metadata", "changed"},
};

static CfSpiPlan insert_addresses = {
	"INSERT INTO cloudflux.addresses (place, object_key, file_id, state, version)"
	" SELECT n.place, n.object_key, n.file_id, 'primary', n.version FROM new_objects n"
	"  WHERE n.place IS NOT NULL AND n.recorded_at = pg_catalog.transaction_timestamp()"
	" ON CONFLICT (place, object_key) DO NOTHING", 0, {0}
};
static CfSpiPlan insert_versions = {
	"INSERT INTO cloudflux.object_versions"
	" (file_id, version_no, place, object_key, storage_class, version, size_bytes, sha256, reason)"
	" SELECT n.file_id, 1, n.place, n.object_key, n.storage_class, n.version, n.size_bytes, n.sha256, 'created'"
	"  FROM new_objects n WHERE n.recorded_at = pg_catalog.transaction_timestamp()"
	" ON CONFLICT DO NOTHING", 0, {0}
};
static CfSpiPlan insert_later_versions = {
	"INSERT INTO cloudflux.object_versions"
	" (file_id, version_no, place, object_key, storage_class, version, size_bytes, sha256, reason)"
	" SELECT n.file_id, v.last_no + 1, n.place, n.object_key, n.storage_class, n.version, n.size_bytes, n.sha256,"
	"        'created'"
	"  FROM new_objects n CROSS JOIN LATERAL"
	"       (SELECT pg_catalog.max(w.version_no) AS last_no,"
	"               pg_catalog.bool_or(w.valid_to IS NULL AND w.role = 'primary') AS open"
	"          FROM cloudflux.object_versions w WHERE w.file_id = n.file_id) v"
	"  WHERE n.recorded_at = pg_catalog.transaction_timestamp() AND NOT v.open", 0, {0}
};
static CfSpiPlan emit_created = {
	"SELECT cloudflux.emit_events('data-ingestion', 'object.created', pg_catalog.array_agg(n.file_id),"
	"  pg_catalog.array_agg(pg_catalog.jsonb_build_object('place', n.place, 'object_key', n.object_key,"
	"   'storage_location', n.storage_location, 'size_bytes', n.size_bytes, 'storage_class', n.storage_class)))"
	"  FROM new_objects n WHERE n.recorded_at = pg_catalog.transaction_timestamp()", 0, {0}
};
static CfSpiPlan emit_created_bulk = {
	"SELECT cloudflux.emit_events('data-ingestion', 'object.created',"
	"  pg_catalog.array_agg(COALESCE(g.place, 'unplaced')), pg_catalog.array_agg(g.data))"
	"  FROM (SELECT n.place, pg_catalog.jsonb_build_object('batch', true, 'place', n.place,"
	"          'objects', pg_catalog.count(*), 'bytes', pg_catalog.sum(n.size_bytes),"
	"          'first_file_id', pg_catalog.min(n.file_id), 'last_file_id', pg_catalog.max(n.file_id)) AS data"
	"          FROM new_objects n WHERE n.recorded_at = pg_catalog.transaction_timestamp()"
	"         GROUP BY n.place) g", 0, {0}
};
PG_FUNCTION_INFO_V1(cloudflux_note_created);
PG_FUNCTION_INFO_V1(cloudflux_note_changed);
PG_FUNCTION_INFO_V1(cloudflux_note_deleted);

typedef void (*Answer) (TriggerData *trigger);

static Datum answer_as_owner(FunctionCallInfo fcinfo, const char *name, Answer answer);
static void answer_insert(TriggerData *trigger);
static void answer_update(TriggerData *trigger);
static void answer_delete(TriggerData *trigger);

/* The triggers: AFTER INSERT, UPDATE, DELETE, for each statement, with transition tables. */
Datum
cloudflux_note_created(PG_FUNCTION_ARGS)
{
	return answer_as_owner(fcinfo, "note_created", answer_insert);
}

Datum
cloudflux_note_changed(PG_FUNCTION_ARGS)
{
	return answer_as_owner(fcinfo, "note_changed", answer_update);
}

Datum
cloudflux_note_deleted(PG_FUNCTION_ARGS)
{
	return answer_as_owner(fcinfo, "note_deleted", answer_delete);
}

/* answer_as_owner runs a trigger's work with SPI, its transition tables and the rights of the table's owner. */
static Datum
answer_as_owner(FunctionCallInfo fcinfo, const char *name, Answer answer)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Oid			user;
	int			security;

	CF_ABI_CHECK();
	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("%s() can only be a statement trigger with transition tables", name)));
	if (cf_catalog_own_write)
		return PointerGetDatum(NULL);

	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(trigger->tg_relation->rd_rel->relowner,
						   security | SECURITY_LOCAL_USERID_CHANGE);
	cf_spi_begin();
	if (SPI_register_trigger_data(trigger) != SPI_OK_TD_REGISTER)
		elog(ERROR, "could not register the transition tables of %s()", name);
	answer(trigger);
	cf_spi_end();
	SetUserIdAndSecContext(user, security);
	return PointerGetDatum(NULL);
}

/* settle_claims turns addresses that the inserted objects had claimed beforehand into primary ones. */
static void
settle_claims(void)
{
	const char *settle =
		"UPDATE cloudflux.addresses a SET state = 'primary', version = n.version FROM new_objects n"
		" WHERE a.place = n.place AND a.object_key = n.object_key AND a.file_id = n.file_id"
		"   AND n.recorded_at = pg_catalog.transaction_timestamp()";
	const char *find =
		"SELECT a.place, a.object_key, a.file_id, a.state FROM new_objects n"
		"  JOIN cloudflux.addresses a ON a.place = n.place AND a.object_key = n.object_key"
		" WHERE a.file_id <> n.file_id AND n.recorded_at = pg_catalog.transaction_timestamp() LIMIT 1";

	/* Not kept as plans: which join is right depends on how many rows this statement has. */
	if (SPI_execute(find, false, 1) == SPI_OK_SELECT && SPI_processed > 0)
		cf_changes_occupied();
	if (SPI_execute(settle, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not settle the claimed addresses");
}

/* answer_insert gives new objects their address, their first version and their event. */
static void
answer_insert(TriggerData *trigger)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	int			recorded_at = cf_transition_attnum(trigger->tg_relation, "recorded_at");
	int			place = cf_transition_attnum(trigger->tg_relation, "place");
	TupleTableSlot *slot = cf_transition_open(trigger->tg_newtable, trigger->tg_relation);
	uint64		count = 0;
	uint64		placed = 0;

	while (tuplestore_gettupleslot(trigger->tg_newtable, true, false, slot))
	{
		bool		isnull;

		if (DatumGetTimestampTz(slot_getattr(slot, recorded_at, &isnull)) != now)
			continue;
		count++;
		(void) slot_getattr(slot, place, &isnull);
		placed += !isnull;
	}
	ExecDropSingleTupleTableSlot(slot);
	if (count == 0)
		return;
	if (placed > 0 && cf_spi_run(&insert_addresses, NULL, NULL) < placed)
		settle_claims();
	if (cf_spi_run(&insert_versions, NULL, NULL) < count)
		cf_spi_run(&insert_later_versions, NULL, NULL);
	cf_spi_run(count > CF_EVENTS_EACH_MAX ? &emit_created_bulk : &emit_created, NULL, NULL);
}

/* answer_update looks at each row before and after, and passes on those that somebody must hear of. */
static void
answer_update(TriggerData *trigger)
{
	Relation	rel = trigger->tg_relation;
	TupleTableSlot *old = cf_transition_open(trigger->tg_oldtable, rel);
	TupleTableSlot *new = cf_transition_open(trigger->tg_newtable, rel);
	CfChanges  *changes = cf_changes_begin(rel);
	int			watched_attnums[lengthof(watched)];
	int			i;

	for (i = 0; i < (int) lengthof(watched); i++)
		watched_attnums[i] = cf_transition_attnum(rel, watched[i].column);

	while (tuplestore_gettupleslot(trigger->tg_newtable, true, false, new) &&
		   tuplestore_gettupleslot(trigger->tg_oldtable, true, false, old))
	{
		const char *what = NULL;
		bool		moved = false;
		bool		rewritten = false;

		for (i = 0; i < (int) lengthof(watched); i++)
		{
			bool		vanished;

			if (cf_transition_same(old, new, watched_attnums[i]))
				continue;
			moved |= i == 1 || i == 2;
			rewritten |= i == 5 || i == 6;
			if (what != NULL)
				continue;
			what = watched[i].what;
			if (i == 0)
			{
				(void) slot_getattr(new, watched_attnums[i], &vanished);
				if (!vanished)
					continue;
				what = "changed";	/* it is back */
			}
		}
		if (what == NULL)
			continue;
		if (changes->count == CF_EVENTS_EACH_MAX)
		{
			changes->bulk = true;
			cf_changes_flush(changes);
		}
		cf_changes_add(changes, old, new, what);
		changes->moved |= moved;
		changes->rewritten |= rewritten;
	}
	cf_changes_flush(changes);
	ExecDropSingleTupleTableSlot(old);
	ExecDropSingleTupleTableSlot(new);
}

/* answer_delete takes the addresses of deleted objects back; their versions stay as history. */
static void
answer_delete(TriggerData *trigger)
{
	TupleTableSlot *old = cf_transition_open(trigger->tg_oldtable, trigger->tg_relation);
	CfChanges  *changes = cf_changes_begin(trigger->tg_relation);

	while (tuplestore_gettupleslot(trigger->tg_oldtable, true, false, old))
	{
		if (changes->count == CF_EVENTS_EACH_MAX)
		{
			changes->bulk = true;
			cf_changes_flush_deleted(changes);
		}
		cf_changes_add(changes, old, old, "deleted");
	}
	cf_changes_flush_deleted(changes);
	ExecDropSingleTupleTableSlot(old);
}
