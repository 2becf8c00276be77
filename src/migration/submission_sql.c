/*
 * submission_sql.c
 *		The row trigger of migration_jobs: completes a submitted job from the catalog and refuses what cannot work.
 *
 * It is C because it runs per row: a statement may submit a hundred thousand jobs, and what PL/pgSQL asked for each of them (which class a
 * tier is, who may use the place, what its prices are) took 0.1 ms and more of every job. What is the same for many rows is looked up once
 * and kept in fn_extra, which lives as long as the statement: a destination for each wish (place or cloud, and tier), the terms of a
 * move for each pair of places. It is forgotten when this session writes something or becomes another role in mid-statement, as a function
 * in its SELECT may do; what others commit meanwhile is not noticed, as in any statement. Rights are not kept here: destination_sql.c notices their loss.
 * What is left for each row is its object and its price, found by key.
 *
 * All lookups run with the rights of who submits, and every name and operator in them is qualified.
 *
 * A row whose recorded_at is not this transaction's comes from a restore (only a superuser can write that column): it is complete, and the
 * tables that this trigger reads may not be filled yet. It passes unread.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "core/error_sql.h"
#include "core/id.h"
#include "core/spi_sql.h"
#include "migration/destination_sql.h"

#define JOB_ID_MAX		32
#define NO_DATA			MAKE_SQLSTATE('0', '2', '0', '0', '0')

/* The columns that the trigger reads or writes. */
enum
{
	JOB_ID, FILE_ID, SOURCE_CLOUD, SOURCE_TIER, DEST_CLOUD, DEST_TIER, STATUS, PROGRESS_PCT, SIZE_GB, TRANSFER_COST, ESTIMATED_SEC,
	STARTED_AT, COMPLETED_AT, ERROR_MESSAGE, KIND, PHASE, SIZE_BYTES, SOURCE_PLACE, SOURCE_KEY, SOURCE_CLASS, SOURCE_VERSION,
	DEST_PLACE, DEST_KEY, DEST_CLASS, DEST_VERSION, SHA256, COPY_DIGESTS, VERIFIED, DELETE_SOURCE, GRACE, SOURCE_KEPT, LEFT_BEHIND,
	ATTEMPTS, ROLLBACK_OF, RESTORE_COST, ERROR_SQLSTATE, ERROR_DETAIL, ERROR_HINT, REQUESTED_BY, CREATED_AT, SWITCHED_AT,
	BYTES_COPIED, RECORDED_AT, COLUMNS
};

static const char *const column_names[COLUMNS] = {
	"job_id", "file_id", "source_cloud", "source_tier", "dest_cloud", "dest_tier", "status", "progress_pct", "size_gb", "transfer_cost",
	"estimated_duration_sec", "started_at", "completed_at", "error_message", "kind", "phase", "size_bytes", "source_place", "source_key",
	"source_class", "source_version", "dest_place", "dest_key", "dest_class", "dest_version", "sha256", "copy_digests", "verified",
	"delete_source", "grace", "source_kept", "left_behind", "attempts", "rollback_of", "restore_cost", "error_sqlstate",
	"error_detail", "error_hint", "requested_by", "created_at", "switched_at", "bytes_copied", "recorded_at"
};

/* Where a job of a wish goes: a place, or the only one of a cloud, and a tier; NULL = not said, or not known. */
typedef struct Destination
{
	struct Destination *next;
	const char *asked_place;
	const char *asked_cloud;
	const char *asked_tier;
	const char *place;
	const char *storage_class;
	const char *cloud;
	const char *tier;
} Destination;

/* What moves from one place to another cost, apart from what the object tells: as move_terms() gave it, for quote_object(). */
#define TERMS 9
typedef struct Terms
{
	struct Terms *next;
	const char *source;
	const char *dest;
	const char *storage_class;
	bool		delete_source;
	Datum		values[TERMS];
	bool		nulls[TERMS];
} Terms;

/* What one statement has learnt, and until when it holds. */
typedef struct Lore
{
	MemoryContext context;		/* of what is forgotten */
	int			attnums[COLUMNS];
	Oid			role;
	char	   *user;			/* its name */
	CommandId	command;
	SubTransactionId subtransaction;
	Destination *destinations;
	Terms	   *terms;
} Lore;

/* One job on its way through the trigger. */
typedef struct Job
{
	Lore	   *lore;
	Datum	   *values;			/* of all columns of the table */
	bool	   *nulls;
	char	   *file_id;
	char	   *source_place;	/* once they are known */
	char	   *source_key;
} Job;

PG_FUNCTION_INFO_V1(cloudflux_migration_jobs_fill);

static Lore *lore_of(FunctionCallInfo fcinfo, TupleDesc desc);
static bool is_restored(const Job *job, bool is_superuser);
static void stamp(Job *job, bool is_superuser);
static void name_job(Job *job);
static void begin_at_beginning(Job *job);
static void take_object(Job *job);
static void take_replica(Job *job);
static void fill_deletion(Job *job);
static void fill_destination(Job *job);
static void choose_change(Job *job, const Destination *dest, const char *key);
static const Destination *destination_of(Job *job);
static void look_at_destination(Job *job, Destination *dest);
static void check_places(Job *job, const char *dest_place, const char *dest_key);
static void price(Job *job, const Destination *dest);
static const Terms *terms_of(Job *job, const Destination *dest);

/* The accessors of a job's columns. */
static int
at(const Job *job, int column)
{
	return job->lore->attnums[column] - 1;
}

static bool
is_null(const Job *job, int column)
{
	return job->nulls[at(job, column)];
}

static Datum
value_of(const Job *job, int column)
{
	return job->values[at(job, column)];
}

/* text_of gives a column as a C string, NULL for NULL. */
static char *
text_of(const Job *job, int column)
{
	return is_null(job, column) ? NULL : TextDatumGetCString(value_of(job, column));
}

static void
set(Job *job, int column, Datum value)
{
	job->values[at(job, column)] = value;
	job->nulls[at(job, column)] = false;
}

static void
set_null(Job *job, int column)
{
	job->nulls[at(job, column)] = true;
}

/* set_text gives a column a text, NULL for NULL. */
static void
set_text(Job *job, int column, const char *value)
{
	if (value == NULL)
		set_null(job, column);
	else
		set(job, column, CStringGetTextDatum(value));
}

/* take gives a column a value of the last SPI result. */
static void
take(Job *job, int column, int result_col)
{
	bool		isnull;
	Datum		value = cf_spi_datum(0, result_col, &isnull);

	job->values[at(job, column)] = value;
	job->nulls[at(job, column)] = isnull;
}

/* is tells whether a column holds a word. */
static bool
is(const Job *job, int column, const char *word)
{
	text	   *now;

	if (is_null(job, column))
		return false;
	now = DatumGetTextPP(value_of(job, column));
	return VARSIZE_ANY_EXHDR(now) == strlen(word) && memcmp(VARDATA_ANY(now), word, strlen(word)) == 0;
}

/* same tells whether two texts are equal; NULL is only NULL. */
static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* cloudflux_migration_jobs_fill is the trigger: BEFORE INSERT, for each row of migration_jobs. */
Datum
cloudflux_migration_jobs_fill(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	Job			job = {0};
	bool		is_superuser = superuser();

	CF_ABI_CHECK();
	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("migration_jobs_fill() can only be a row trigger before INSERT")));
	desc = RelationGetDescr(trigger->tg_relation);
	job.lore = lore_of(fcinfo, desc);
	job.values = palloc(desc->natts * sizeof(Datum));
	job.nulls = palloc(desc->natts * sizeof(bool));
	heap_deform_tuple(trigger->tg_trigtuple, desc, job.values, job.nulls);
	if (is_restored(&job, is_superuser))
		return PointerGetDatum(trigger->tg_trigtuple);

	stamp(&job, is_superuser);
	name_job(&job);
	begin_at_beginning(&job);
	if (is(&job, KIND, "rollback") && !is_superuser)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied to submit a job of kind \"rollback\""),
						errhint("Use cloudflux.rollback_migration(job_id).")));
	take_object(&job);
	if (is(&job, KIND, "move") || is(&job, KIND, "change") || is(&job, KIND, "rollback"))
		fill_destination(&job);
	else
		fill_deletion(&job);
	return PointerGetDatum(heap_form_tuple(desc, job.values, job.nulls));
}

/* lore_of gives what this statement has learnt so far, as far as it still holds. */
static Lore *
lore_of(FunctionCallInfo fcinfo, TupleDesc desc)
{
	Lore	   *lore = fcinfo->flinfo->fn_extra;

	if (lore == NULL)
	{
		MemoryContext kept = fcinfo->flinfo->fn_mcxt;

		lore = MemoryContextAllocZero(kept, sizeof(Lore));
		lore->context = AllocSetContextCreate(kept, "cloudflux submission", ALLOCSET_SMALL_SIZES);
		for (int i = 0; i < COLUMNS; i++)
		{
			lore->attnums[i] = SPI_fnumber(desc, column_names[i]);
			if (lore->attnums[i] <= 0)
				ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
								errmsg("table of a migration_jobs_fill() trigger has no column \"%s\"", column_names[i])));
		}
		fcinfo->flinfo->fn_extra = lore;
	}
	if (lore->command != GetCurrentCommandId(false) || lore->subtransaction != GetCurrentSubTransactionId() || lore->role != GetUserId())
	{
		MemoryContextReset(lore->context);
		lore->role = GetUserId();
		lore->user = MemoryContextStrdup(lore->context, GetUserNameFromId(lore->role, false));
		lore->destinations = NULL;
		lore->terms = NULL;
		lore->command = GetCurrentCommandId(false);
		lore->subtransaction = GetCurrentSubTransactionId();
	}
	return lore;
}

static bool
is_restored(const Job *job, bool is_superuser)
{
	return is_superuser && (is_null(job, RECORDED_AT) ||
							DatumGetTimestampTz(value_of(job, RECORDED_AT)) != GetCurrentTransactionStartTimestamp());
}

/* stamp notes when and by whom the job is submitted; only a superuser may name somebody else. */
static void
stamp(Job *job, bool is_superuser)
{
	Datum		now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());

	set(job, RECORDED_AT, now);
	set(job, CREATED_AT, now);
	if (!is_superuser || is_null(job, REQUESTED_BY))
		set_text(job, REQUESTED_BY, job->lore->user);
	job->file_id = text_of(job, FILE_ID);
}

/* name_job gives the job an identifier, or looks at the one that it was given. */
static void
name_job(Job *job)
{
	static CfSpiPlan taken = {"SELECT FROM cloudflux.migration_jobs AS j WHERE j.job_id OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}, .by_key = true};
	char		made[CF_ID_LEN + 1];
	const char *given = text_of(job, JOB_ID);
	Datum		value;
	bool		exists;

	if (given == NULL)
	{
		cf_core_new_id(made);
		set_text(job, JOB_ID, made);
		return;
	}
	if (given[0] == '\0' || given[0] == '-' || strlen(given) > JOB_ID_MAX ||
		given[strspn(given, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"%s\" cannot be the name of a job", given),
						errhint("Leave job_id out, or use up to 32 letters, digits and hyphens.")));
	value = value_of(job, JOB_ID);
	cf_spi_begin();
	exists = cf_spi_run(&taken, &value, NULL) > 0;
	cf_spi_end();
	if (exists)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("job \"%s\" exists already", given),
						errhint("Leave job_id out: the server gives a new one.")));
}

/*
 * begin_at_beginning puts the job at its beginning, whatever its row says: movers trust what they have written, versions above all.
 */
static void
begin_at_beginning(Job *job)
{
	static const int outcomes[] = {STARTED_AT, SWITCHED_AT, COMPLETED_AT, DEST_VERSION, SHA256, COPY_DIGESTS, VERIFIED, SOURCE_KEPT,
	LEFT_BEHIND, ERROR_MESSAGE, ERROR_SQLSTATE, ERROR_DETAIL, ERROR_HINT};
	Interval   *none = palloc0(sizeof(Interval));

	if (is_null(job, GRACE))
		set(job, GRACE, IntervalPGetDatum(none));
	else if (DatumGetBool(DirectFunctionCall2(interval_lt, value_of(job, GRACE), IntervalPGetDatum(none))))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the grace of a job cannot be negative")));
	set_text(job, STATUS, "pending");
	set_text(job, PHASE, "pending");
	set(job, PROGRESS_PCT, NumericGetDatum(int64_to_numeric(0)));
	set(job, ATTEMPTS, Int32GetDatum(0));
	set(job, BYTES_COPIED, Int64GetDatum(0));
	for (int i = 0; i < lengthof(outcomes); i++)
		set_null(job, outcomes[i]);
	if (!is(job, KIND, "rollback"))
		set_null(job, ROLLBACK_OF);
}

/* guard_object refuses an object, the last SPI result, that nothing can be done with. */
static void
guard_object(const Job *job, bool found)
{
	const char *file_id = job->file_id == NULL ? "<NULL>" : job->file_id;
	char	   *place = found ? cf_spi_text(0, 1) : NULL;
	char	   *vanished_at = found ? cf_spi_text(0, 9) : NULL;
	char	   *location = found && place == NULL ? cf_spi_text(0, 10) : NULL;

	if (!found)
		ereport(ERROR, (errcode(NO_DATA), errmsg("object \"%s\" is not in the catalog", file_id),
						errhint("Look it up in cloudflux.data_objects, or import it with CALL cloudflux.import_inventory(place).")));
	if (vanished_at != NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("object \"%s\" has vanished from place \"%s\"", file_id, place == NULL ? "<NULL>" : place),
						errdetail("An inventory did not find it any more at %s.", vanished_at),
						errhint("Run CALL cloudflux.import_inventory(place) if it is back.")));
	if (place == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("object \"%s\" lies in no place that cloudflux knows", file_id),
						errdetail("Its location is \"%s\".", location == NULL ? "" : location),
						errhint("Add the place with cloudflux.add_storage() and import it.")));
}

/* take_object takes over what the catalog knows of the object. */
static void
take_object(Job *job)
{
	static CfSpiPlan object = {
		"SELECT o.place, o.object_key, o.version, o.current_cloud, o.current_tier, o.storage_class, o.size_bytes, o.size_gb,"
		"       o.vanished_at, o.storage_location"
		"  FROM cloudflux.data_objects AS o WHERE o.file_id OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}, .by_key = true};
	bool		of_replica = is(job, KIND, "delete_replica");
	Datum		value = value_of(job, FILE_ID);
	bool		isnull = is_null(job, FILE_ID);

	cf_spi_begin();
	guard_object(job, cf_spi_run(&object, &value, &isnull) > 0);
	if (!of_replica)
	{
		take(job, SOURCE_PLACE, 1);
		take(job, SOURCE_KEY, 2);
		take(job, SOURCE_VERSION, 3);
	}
	take(job, SOURCE_CLOUD, 4);
	take(job, SOURCE_TIER, 5);
	take(job, SOURCE_CLASS, 6);
	take(job, SIZE_BYTES, 7);
	take(job, SIZE_GB, 8);
	cf_spi_end();
	if (of_replica)
		take_replica(job);
	job->source_place = text_of(job, SOURCE_PLACE);
	job->source_key = text_of(job, SOURCE_KEY);
}

/* take_replica takes over the version of the replica that is to be deleted: of what the catalog knows as the object's own. */
static void
take_replica(Job *job)
{
	static CfSpiPlan replica = {
		"SELECT a.version FROM cloudflux.addresses AS a WHERE a.place OPERATOR(pg_catalog.=) $1 AND a.object_key OPERATOR(pg_catalog.=) $2"
		"   AND a.file_id OPERATOR(pg_catalog.=) $3 AND a.state OPERATOR(pg_catalog.=) 'replica'", 3, {TEXTOID, TEXTOID, TEXTOID}, .by_key = true};
	Datum		values[3] = {value_of(job, SOURCE_PLACE), value_of(job, SOURCE_KEY), value_of(job, FILE_ID)};
	bool		nulls[3] = {is_null(job, SOURCE_PLACE), is_null(job, SOURCE_KEY), is_null(job, FILE_ID)};

	cf_spi_begin();
	if (cf_spi_run(&replica, values, nulls) == 0)
		ereport(ERROR, (errcode(NO_DATA),
						errmsg("object \"%s\" has no replica at \"%s\" in place \"%s\"", job->file_id,
							   nulls[1] ? "<NULL>" : text_of(job, SOURCE_KEY), nulls[0] ? "<NULL>" : text_of(job, SOURCE_PLACE)),
						errhint("Replicas are the rows of cloudflux.addresses whose state is \"replica\".")));
	take(job, SOURCE_VERSION, 1);
	cf_spi_end();
}

/* fill_deletion completes a job that only deletes. */
static void
fill_deletion(Job *job)
{
	static const int none[] = {DEST_CLOUD, DEST_TIER, DEST_PLACE, DEST_KEY, DEST_CLASS};

	check_places(job, NULL, NULL);
	set(job, DELETE_SOURCE, BoolGetDatum(true));
	set(job, GRACE, IntervalPGetDatum((Interval *) palloc0(sizeof(Interval))));
	for (int i = 0; i < lengthof(none); i++)
		set_null(job, none[i]);
}

/* fill_destination completes a job that moves: place, key, class, rights, price. */
static void
fill_destination(Job *job)
{
	const Destination *dest = destination_of(job);
	const char *key = is_null(job, DEST_KEY) ? job->source_key : text_of(job, DEST_KEY);

	choose_change(job, dest, key);
	check_places(job, dest->place, key);
	set_text(job, DEST_PLACE, dest->place);
	set_text(job, DEST_KEY, key);
	set_text(job, DEST_CLASS, dest->storage_class);
	set_text(job, DEST_CLOUD, dest->cloud);
	set_text(job, DEST_TIER, dest->tier);
	if (is_null(job, ESTIMATED_SEC))
		price(job, dest);
}

/* choose_change tells a change of class, which the store makes at the same address, from a move; and refuses a move to where it is. */
static void
choose_change(Job *job, const Destination *dest, const char *key)
{
	bool		is_rollback = is(job, KIND, "rollback");
	bool		stays = strcmp(dest->place, job->source_place) == 0 && strcmp(key, job->source_key) == 0;
	char	   *source_class = text_of(job, SOURCE_CLASS);

	if (is(job, KIND, "change"))
		set_text(job, KIND, "move");
	if (!stays)
		return;
	if (!is_rollback && !is_null(job, SOURCE_CLOUD) && !is(job, SOURCE_CLOUD, "LOCAL") && dest->asked_tier != NULL &&
		!same(dest->storage_class, source_class))
	{
		set_text(job, KIND, "change");
		set(job, DELETE_SOURCE, BoolGetDatum(false));
		set(job, GRACE, IntervalPGetDatum((Interval *) palloc0(sizeof(Interval))));
		return;
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("object \"%s\" is already at \"%s\" in place \"%s\"", job->file_id, job->source_key, job->source_place),
					errhint("Name another place, or another key (dest_key => …).")));
}

/* destination_of finds where the job goes. */
static const Destination *
destination_of(Job *job)
{
	Lore	   *lore = job->lore;
	char	   *place = text_of(job, DEST_PLACE);
	char	   *cloud = place == NULL ? text_of(job, DEST_CLOUD) : NULL;
	char	   *tier = text_of(job, DEST_TIER);
	MemoryContext caller;
	Destination *dest;

	for (dest = lore->destinations; dest != NULL; dest = dest->next)
		if (same(dest->asked_place, place) && same(dest->asked_cloud, cloud) && same(dest->asked_tier, tier))
			return dest;
	caller = MemoryContextSwitchTo(lore->context);
	dest = palloc0(sizeof(Destination));
	dest->asked_place = place == NULL ? NULL : pstrdup(place);
	dest->asked_cloud = cloud == NULL ? NULL : pstrdup(cloud);
	dest->asked_tier = tier == NULL ? NULL : pstrdup(tier);
	look_at_destination(job, dest);
	MemoryContextSwitchTo(caller);
	dest->next = lore->destinations;
	lore->destinations = dest;
	return dest;
}

/* look_at_destination asks what the words of a wish mean; the answers go to the current memory context. */
static void
look_at_destination(Job *job, Destination *dest)
{
	static CfSpiPlan resolved = {"SELECT cloudflux.resolve_destination($1, $2)", 2, {TEXTOID, TEXTOID}, .by_key = true};
	static CfSpiPlan meaning = {
		"SELECT c.storage_class, p.provider, COALESCE(cloudflux.class_tier(p.provider, p.place, c.storage_class), $2)"
		"  FROM (SELECT cloudflux.tier_class($1, $2) AS storage_class OFFSET 0) AS c"
		"  LEFT JOIN cloudflux.places AS p ON p.place OPERATOR(pg_catalog.=) $1", 2, {TEXTOID, TEXTOID}, .by_key = true};
	Datum		values[2] = {value_of(job, DEST_CLOUD), value_of(job, DEST_TIER)};
	bool		nulls[2] = {is_null(job, DEST_CLOUD), dest->asked_tier == NULL};

	cf_spi_begin();
	dest->place = dest->asked_place;
	if (dest->place == NULL && cf_spi_run(&resolved, values, nulls) > 0)
		dest->place = cf_spi_text(0, 1);
	values[0] = CStringGetTextDatum(dest->place);
	nulls[0] = false;
	if (cf_spi_run(&meaning, values, nulls) > 0)
	{
		dest->storage_class = cf_spi_text(0, 1);
		dest->cloud = cf_spi_text(0, 2);
		dest->tier = cf_spi_text(0, 3);
	}
	cf_spi_end();
}

/* check_places raises unless who asks may use the source, and create the key at the destination if there is one. */
static void
check_places(Job *job, const char *dest_place, const char *dest_key)
{
	Oid			role = GetUserId();
	CfError		err;

	if (!is(job, REQUESTED_BY, job->lore->user))
		role = get_role_oid(NameStr(*DatumGetName(DirectFunctionCall1(text_name, value_of(job, REQUESTED_BY)))), false);
	if (!cf_destination_allowed(job->source_place, "", role, &err) ||
		(dest_place != NULL && !cf_destination_allowed(dest_place, dest_key, role, &err)))
		cf_error_raise(&err);
}

/* price fills what the job will cost and take. */
static void
price(Job *job, const Destination *dest)
{
	static CfSpiPlan quote = {
		"SELECT q.move_cost, q.estimated_seconds,"
		"       CASE WHEN q.restore_cost OPERATOR(pg_catalog.>) 0::pg_catalog.numeric"
		"            THEN q.restore_cost OPERATOR(pg_catalog.+) q.retrieval_cost END"
		"  FROM cloudflux.object_prices AS o, LATERAL cloudflux.quote_object(o.price_provider, o.price_region, o.price_class, o.size_bytes,"
		"       o.stored_since, o.reads_month, o.restore_option, $2, $3, $4, $6, $7, $8, cloudflux.source_looks($9, $6, $12, o.size_bytes), cloudflux.dest_looks($5, $6, o.size_bytes), $10, $11, $12) AS q"
		" WHERE o.file_id OPERATOR(pg_catalog.=) $1", 3 + TERMS,
	{TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, BOOLOID, TEXTOID, NUMERICOID, BOOLOID, BOOLOID}, .by_key = true};
	const Terms *terms = terms_of(job, dest);
	Datum		values[3 + TERMS];
	bool		nulls[3 + TERMS] = {false};

	values[0] = value_of(job, FILE_ID);
	memcpy(values + 1, terms->values, sizeof(terms->values));
	memcpy(nulls + 1, terms->nulls, sizeof(terms->nulls));
	values[1 + TERMS] = BoolGetDatum(strcmp(job->source_place, dest->place) == 0);
	values[2 + TERMS] = BoolGetDatum(terms->delete_source);
	cf_spi_begin();
	if (cf_spi_run(&quote, values, nulls) > 0)
	{
		if (is_null(job, TRANSFER_COST))
			take(job, TRANSFER_COST, 1);
		take(job, ESTIMATED_SEC, 2);
		take(job, RESTORE_COST, 3);
	}
	cf_spi_end();
}

/* terms_of finds what moves between the places of a job cost, whatever the object. */
static const Terms *
terms_of(Job *job, const Destination *dest)
{
	static CfSpiPlan agreed = {
		"SELECT t.price_provider, t.price_region, t.price_class, t.dest_cloud, t.route, t.stays, t.by_store, t.source_cloud, t.bytes_per_second"
		"  FROM cloudflux.move_terms($1, $2, $3, $4) AS t", 4, {TEXTOID, TEXTOID, TEXTOID, BOOLOID}, .by_key = true};
	Lore	   *lore = job->lore;
	bool		delete_source = !is_null(job, DELETE_SOURCE) && DatumGetBool(value_of(job, DELETE_SOURCE));
	Datum		args[4];
	MemoryContext caller;
	Terms	   *terms;

	for (terms = lore->terms; terms != NULL; terms = terms->next)
		if (terms->delete_source == delete_source && strcmp(terms->source, job->source_place) == 0 &&
			strcmp(terms->dest, dest->place) == 0 && same(terms->storage_class, dest->storage_class))
			return terms;
	args[0] = value_of(job, SOURCE_PLACE);
	args[1] = CStringGetTextDatum(dest->place);
	args[2] = CStringGetTextDatum(dest->storage_class);
	args[3] = BoolGetDatum(delete_source);
	caller = MemoryContextSwitchTo(lore->context);
	terms = palloc0(sizeof(Terms));
	terms->source = pstrdup(job->source_place);
	terms->dest = pstrdup(dest->place);
	terms->storage_class = pstrdup(dest->storage_class);
	terms->delete_source = delete_source;
	cf_spi_begin();
	if (cf_spi_run(&agreed, args, NULL) == 0)
		elog(ERROR, "there are no terms of a move from \"%s\" to \"%s\"", terms->source, terms->dest);
	for (int i = 0; i < TERMS; i++)
		terms->values[i] = cf_spi_datum(0, i + 1, &terms->nulls[i]);
	cf_spi_end();
	MemoryContextSwitchTo(caller);
	terms->next = lore->terms;
	lore->terms = terms;
	return terms;
}
